//! Types of operations that read or write at positions known at run time.

use super::{Message, axis_in_range, distinct, in_domain, increasing_axes, operands, shaped};
use crate::op::{GatherSpec, Op, WindowDims};
use crate::types::{DType, Shape, Type};

pub(super) fn arg_reduce(x: &Type, axis: usize, dtype: DType) -> Result<Type, Message> {
    axis_in_range(axis, x.rank())?;
    if !matches!(dtype, DType::I32 | DType::I64) {
        return Err(format!("positions of type {}, expected i32 or i64", dtype.name()));
    }
    let extent = x.shape.extent(axis).unwrap_or(0);
    if extent == 0 {
        return Err(format!("axis {axis} of {x} has no positions"));
    }
    if dtype == DType::I32 && i32::try_from(extent).is_err() {
        return Err(format!("axis {axis} of {x} has more positions than i32 holds"));
    }
    let mut extents = x.shape.extents();
    extents.remove(axis);
    shaped(x, extents).map(|ty| ty.with_dtype(dtype))
}

/// Checks the starts of a dynamic slice: one scalar per axis, of one integer type.
fn starts(x: &Type, starts: &[&Type]) -> Result<(), Message> {
    if starts.len() != x.rank() {
        return Err(format!("{} starts, the operand {x} has {} axes", starts.len(), x.rank()));
    }
    for start in starts {
        if start.rank() != 0 || !start.dtype.is_integer() || start.dtype != starts[0].dtype {
            return Err(format!("a start of type {start}, expected integer scalars of one type"));
        }
    }
    Ok(())
}

fn box_inside(x: &Type, shape: &Shape) -> Result<(), Message> {
    let fits = shape.rank() == x.rank() && shape.extents().iter().zip(x.shape.extents()).all(|(&a, b)| a <= b);
    if fits { Ok(()) } else { Err(format!("a box of shape {shape} does not fit into {x}")) }
}

pub(super) fn dynamic_slice(args: &[&Type], shape: &Shape) -> Result<Type, Message> {
    let [x, rest @ ..] = args else { return Err("no operands, expected at least one".into()) };
    starts(x, rest)?;
    box_inside(x, shape)?;
    Ok(x.with_shape(shape.clone()))
}

pub(super) fn dynamic_update_slice(args: &[&Type]) -> Result<Type, Message> {
    let [x, update, rest @ ..] = args else {
        return Err(format!("{} operands, expected at least two", args.len()));
    };
    starts(x, rest)?;
    if x.dtype != update.dtype {
        return Err(format!("the operands {x} and {update} differ in element type"));
    }
    box_inside(x, &update.shape)?;
    Ok((*x).clone())
}

/// Checks axis roles that `gather` and `scatter` share; gives the extents of the batch axes of the windows.
fn window_dims(x: &Type, indices: &Type, dims: &WindowDims) -> Result<Vec<usize>, Message> {
    if !indices.dtype.is_integer() {
        return Err(format!("the indices are {indices}, expected an integer type"));
    }
    if dims.vector_axis > indices.rank() {
        return Err(format!("vector_axis {} of indices with {} axes", dims.vector_axis, indices.rank()));
    }
    increasing_axes(&dims.collapsed, x.rank())?;
    increasing_axes(&dims.operand_batch, x.rank())?;
    distinct("first", dims.collapsed.iter().chain(dims.operand_batch.iter()))?;
    distinct("first", dims.map.iter().chain(dims.operand_batch.iter()))?;
    for &axis in dims.map.iter() {
        axis_in_range(axis, x.rank())?;
    }
    let components = indices.shape.extent(dims.vector_axis).unwrap_or(1);
    if dims.map.len() != components {
        return Err(format!(
            "map has {} axes, an index vector of {indices} has {components} components",
            dims.map.len()
        ));
    }
    if dims.operand_batch.len() != dims.indices_batch.len() {
        let (operand, indices) = (dims.operand_batch.len(), dims.indices_batch.len());
        return Err(format!("operand_batch has {operand} axes, indices_batch {indices}"));
    }
    distinct("second", dims.indices_batch.iter())?;
    for (&a, &b) in dims.operand_batch.iter().zip(dims.indices_batch.iter()) {
        axis_in_range(b, indices.rank())?;
        if b == dims.vector_axis {
            return Err(format!("indices_batch has the axis {b} of the index vectors"));
        }
        if x.shape.extent(a) != indices.shape.extent(b) {
            return Err(format!("axis {a} of {x} is paired with axis {b} of {indices}, and their extents differ"));
        }
    }
    let batch = (0..indices.rank()).filter(|&axis| axis != dims.vector_axis);
    Ok(batch.filter_map(|axis| indices.shape.extent(axis)).collect())
}

/// The shape of the windows' tensor: batch extents, with the window's extents on the axes `offset`.
fn windows_extents(batch: &[usize], window: &[usize], dims: &WindowDims) -> Result<Vec<usize>, Message> {
    let rank = batch.len() + window.len();
    if dims.offset.len() != window.len() {
        return Err(format!(
            "offset has {} axes, a window has {} that are not left out",
            dims.offset.len(),
            window.len()
        ));
    }
    increasing_axes(&dims.offset, rank)?;
    let (mut batch, mut window) = (batch.iter(), window.iter());
    let extents = (0..rank).filter_map(|axis| if dims.offset.contains(&axis) { window.next() } else { batch.next() });
    Ok(extents.copied().collect())
}

pub(super) fn gather(x: &Type, indices: &Type, spec: &GatherSpec) -> Result<Type, Message> {
    let dims = &spec.dims;
    let batch = window_dims(x, indices, dims)?;
    if spec.sizes.len() != x.rank() {
        return Err(format!("sizes has {} entries, the operand {x} has {} axes", spec.sizes.len(), x.rank()));
    }
    let left_out = |axis: &usize| dims.collapsed.contains(axis) || dims.operand_batch.contains(axis);
    for (axis, &size) in spec.sizes.iter().enumerate() {
        let extent = x.shape.extent(axis).unwrap_or(0);
        if size > extent {
            return Err(format!("axis {axis}: a window of {size} positions, the operand {x} has {extent}"));
        }
        if left_out(&axis) && size != 1 {
            return Err(format!(
                "axis {axis} is left out of the result, where the window must have extent 1, not {size}"
            ));
        }
    }
    let window: Vec<usize> = (0..x.rank()).filter(|axis| !left_out(axis)).map(|axis| spec.sizes[axis]).collect();
    shaped(x, windows_extents(&batch, &window, dims)?)
}

pub(super) fn scatter(x: &Type, indices: &Type, updates: &Type, dims: &WindowDims) -> Result<Type, Message> {
    let batch = window_dims(x, indices, dims)?;
    if x.dtype != updates.dtype {
        return Err(format!("the operand {x} and the updates {updates} differ in element type"));
    }
    increasing_axes(&dims.offset, updates.rank())?;
    let window: Vec<usize> = dims.offset.iter().filter_map(|&axis| updates.shape.extent(axis)).collect();
    let left_out = |axis: &usize| dims.collapsed.contains(axis) || dims.operand_batch.contains(axis);
    let kept: Vec<usize> = (0..x.rank()).filter(|axis| !left_out(axis)).collect();
    if kept.len() != window.len() {
        return Err(format!("offset has {} axes, a window has {} that are not left out", window.len(), kept.len()));
    }
    for (&axis, &size) in kept.iter().zip(&window) {
        let extent = x.shape.extent(axis).unwrap_or(0);
        if size > extent {
            return Err(format!("axis {axis}: a window of {size} positions, the operand {x} has {extent}"));
        }
    }
    if (0..x.rank()).any(|axis| left_out(&axis) && x.shape.extent(axis) == Some(0))
        && batch.iter().product::<usize>() > 0
    {
        return Err(format!("windows have extent 1 on an axis of {x} that has no positions"));
    }
    let expected = windows_extents(&batch, &window, dims)?;
    if updates.shape.extents() != expected {
        return Err(format!("the updates are {updates}, expected extents {expected:?}"));
    }
    Ok(x.clone())
}

pub(super) fn sort(args: &[&Type], axis: usize, keys: usize) -> Result<Vec<Type>, Message> {
    let [first, ..] = args else { return Err("no operands, expected at least one".into()) };
    axis_in_range(axis, first.rank())?;
    if keys == 0 || keys > args.len() {
        return Err(format!("{keys} keys, expected 1 to {}", args.len()));
    }
    if i32::try_from(first.shape.extent(axis).unwrap_or(0)).is_err() {
        return Err(format!("axis {axis} of {first} has more positions than i32 holds"));
    }
    if let Some(other) = args.iter().find(|ty| ty.shape != first.shape) {
        return Err(format!("operands of types {first} and {other}, expected one shape"));
    }
    Ok(args.iter().map(|&ty| ty.clone()).collect())
}

pub(super) fn top_k(op: &Op, args: &[&Type], k: usize) -> Result<Vec<Type>, Message> {
    let [x] = operands(args)?;
    in_domain(op, "operand", x)?;
    let mut extents = x.shape.extents();
    let Some(last) = extents.last_mut() else { return Err(format!("the operand {x} has no axis")) };
    if k > *last || i32::try_from(*last).is_err() {
        return Err(format!("the {k} largest of {last} elements of {x}; expected at most all, and at most 2^31 - 1"));
    }
    *last = k;
    let values = shaped(x, extents)?;
    let positions = values.with_dtype(DType::I32);
    Ok(vec![values, positions])
}
