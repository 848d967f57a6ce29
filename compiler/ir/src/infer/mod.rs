//! Type inference: the result types of an operation from its operand types.
//!
//! This is the only place that states the constraints of an operation. The builder calls it to type what it
//! makes, the parser and the verifier to compare with what is written. A message says what was found and what was
//! expected; the caller adds the place.

mod control;
mod indexing;
mod linear_algebra;
mod windows;

use crate::function::Module;
use crate::op::{Axes, BroadcastSpec, Domain, DotDims, Op, PadSpec, SliceSpec};
use crate::regions::RegionType;
use crate::types::{DType, Shape, Type};

/// What is wrong with an instruction's operands or attributes.
pub type Message = String;

/// The result types of `op` on operands of the given types, with regions that take and yield the given types.
///
/// # Errors
/// If the number, element types or shapes of the operands do not fit the operation, an attribute is out of range, or a region does not fit.
pub fn infer(module: &Module, op: &Op, args: &[&Type], regions: &[RegionType]) -> Result<Vec<Type>, Message> {
    let (least, most) = op.region_counts();
    if !(least..=most).contains(&regions.len()) {
        let expected = if least == most { least.to_string() } else { format!("{least} to {most}") };
        return Err(format!("{} regions, expected {expected}", regions.len()));
    }
    let results = result_types(module, op, args, regions)?;
    // The text form names what an instruction makes; one that makes nothing has no effect either.
    if results.is_empty() && !matches!(op, Op::Call(_)) {
        Err("there is no result, expected at least one".into())
    } else {
        Ok(results)
    }
}

fn result_types(module: &Module, op: &Op, args: &[&Type], regions: &[RegionType]) -> Result<Vec<Type>, Message> {
    match op {
        Op::Call(func) => infer_call(module, *func, args),
        Op::Barrier => Ok(args.iter().map(|&ty| ty.clone()).collect()),
        Op::Sort { axis, keys, .. } => indexing::sort(args, *axis, *keys),
        Op::TopK { k } => indexing::top_k(op, args, *k),
        Op::Scan(spec) => control::scan(spec, args, regions),
        Op::While(spec) => control::while_loop(spec, args, regions),
        Op::Cond => control::branches(DType::Bool, args, regions),
        Op::Switch => control::branches(DType::I32, args, regions),
        Op::CustomDerivative(rule) => control::custom_derivative(*rule, args, regions),
        Op::TransposeRule { known } => control::transpose_rule(*known, args, regions),
        Op::Checkpoint => control::checkpoint(args, regions),
        _ => infer_single(op, args).map(|ty| vec![ty]),
    }
}

/// As [`infer`], for operations without regions that have exactly one result.
fn infer_single(op: &Op, args: &[&Type]) -> Result<Type, Message> {
    match op {
        Op::Constant(literal) => {
            let [] = operands(args)?;
            Ok(literal.ty().clone())
        }
        Op::Iota { ty, axis } => {
            let [] = operands(args)?;
            in_domain(op, "result", ty)?;
            axis_in_range(*axis, ty.rank())?;
            Ok((**ty).clone())
        }
        Op::Unary(_) => {
            let [x] = operands(args)?;
            in_domain(op, "operand", x)?;
            Ok(x.clone())
        }
        Op::Binary(_) => {
            let [x, y] = operands(args)?;
            in_domain(op, "operands", x)?;
            same_type(x, y)?;
            Ok(x.clone())
        }
        Op::Compare(_) => {
            let [x, y] = operands(args)?;
            same_type(x, y)?;
            Ok(x.with_dtype(DType::Bool))
        }
        Op::IsFinite => {
            let [x] = operands(args)?;
            in_domain(op, "operand", x)?;
            Ok(x.with_dtype(DType::Bool))
        }
        Op::Select => {
            let [pred, x, y] = operands(args)?;
            if *pred != x.with_dtype(DType::Bool) {
                return Err(format!("the predicate is {pred}, expected {}", x.with_dtype(DType::Bool)));
            }
            same_type(x, y)?;
            Ok(x.clone())
        }
        Op::Clamp => {
            let [low, x, high] = operands(args)?;
            in_domain(op, "operands", x)?;
            same_type(low, x)?;
            same_type(x, high)?;
            Ok(x.clone())
        }
        Op::Convert(dtype) => {
            let [x] = operands(args)?;
            Ok(x.with_dtype(*dtype))
        }
        Op::Broadcast(spec) => {
            let [x] = operands(args)?;
            infer_broadcast(x, spec)
        }
        Op::Reshape(shape) => {
            let [x] = operands(args)?;
            if x.elements() != shape.elements() {
                return Err(format!(
                    "the operand {x} has {} elements, the shape {shape} has {}",
                    x.elements(),
                    shape.elements()
                ));
            }
            Ok(x.with_shape((**shape).clone()))
        }
        Op::Transpose(perm) => {
            let [x] = operands(args)?;
            infer_transpose(x, perm)
        }
        Op::Reverse(axes) => {
            let [x] = operands(args)?;
            increasing_axes(axes, x.rank())?;
            Ok(x.clone())
        }
        Op::Slice(spec) => {
            let [x] = operands(args)?;
            infer_slice(x, spec)
        }
        Op::Pad(spec) => {
            let [x, value] = operands(args)?;
            if *value != Type::scalar(x.dtype) {
                return Err(format!("the padding value is {value}, expected {}", Type::scalar(x.dtype)));
            }
            infer_pad(x, spec)
        }
        Op::Concatenate { axis } => infer_concatenate(args, *axis),
        Op::Reduce { axes, .. } => {
            let [x] = operands(args)?;
            in_domain(op, "operand", x)?;
            increasing_axes(axes, x.rank())?;
            let kept = (0..x.rank()).filter(|axis| !axes.contains(axis));
            shaped(x, kept.filter_map(|axis| x.shape.extent(axis)).collect())
        }
        Op::Dot(dims) => {
            let [x, y] = operands(args)?;
            in_domain(op, "operands", x)?;
            infer_dot(x, y, dims)
        }
        Op::Bitcast(dtype) => {
            let [x] = operands(args)?;
            let bits = |dtype: DType| if dtype == DType::Bool { 1 } else { 8 * dtype.bytes() };
            if bits(x.dtype) != bits(*dtype) {
                return Err(format!("the operand {x} and {} differ in width", dtype.name()));
            }
            Ok(x.with_dtype(*dtype))
        }
        Op::ArgReduce { axis, dtype, .. } => {
            let [x] = operands(args)?;
            in_domain(op, "operand", x)?;
            indexing::arg_reduce(x, *axis, *dtype)
        }
        Op::Cumulative { axis, .. } => {
            let [x] = operands(args)?;
            in_domain(op, "operand", x)?;
            axis_in_range(*axis, x.rank())?;
            Ok(x.clone())
        }
        Op::DynamicSlice(shape) => indexing::dynamic_slice(args, shape),
        Op::DynamicUpdateSlice => indexing::dynamic_update_slice(args),
        Op::Gather(spec) => {
            let [x, indices] = operands(args)?;
            indexing::gather(x, indices, spec)
        }
        Op::Scatter { dims, .. } => {
            let [x, indices, updates] = operands(args)?;
            in_domain(op, "operand", x)?;
            indexing::scatter(x, indices, updates, dims)
        }
        Op::Windows(spec) => {
            let [x] = operands(args)?;
            windows::windows(x, spec)
        }
        Op::OverlapAdd { spec, shape } => {
            let [x] = operands(args)?;
            in_domain(op, "operand", x)?;
            windows::overlap_add(x, spec, shape)
        }
        Op::ReduceWindow { spec, .. } => {
            let [x] = operands(args)?;
            in_domain(op, "operand", x)?;
            windows::reduce_window(x, spec)
        }
        Op::SelectAndScatter { spec, .. } => {
            let [x, source] = operands(args)?;
            in_domain(op, "operand", x)?;
            windows::select_and_scatter(x, source, spec)
        }
        Op::Conv(spec) => {
            let [x, kernel] = operands(args)?;
            in_domain(op, "operands", x)?;
            windows::conv(x, kernel, spec)
        }
        Op::RandomBits(ty) => {
            let [key] = operands(args)?;
            linear_algebra::random_bits(key, ty)
        }
        Op::Cholesky => {
            let [x] = operands(args)?;
            in_domain(op, "operand", x)?;
            linear_algebra::square(x)?;
            Ok(x.clone())
        }
        Op::TriangularSolve { left, .. } => {
            let [a, b] = operands(args)?;
            in_domain(op, "operands", a)?;
            linear_algebra::triangular_solve(a, b, *left)
        }
        Op::Barrier
        | Op::Sort { .. }
        | Op::TopK { .. }
        | Op::Call(_)
        | Op::Scan(_)
        | Op::While(_)
        | Op::Cond
        | Op::Switch
        | Op::CustomDerivative(_)
        | Op::TransposeRule { .. }
        | Op::Checkpoint => Err("the operation may have several results".into()),
    }
}

fn infer_call(module: &Module, func: crate::FuncId, args: &[&Type]) -> Result<Vec<Type>, Message> {
    if !module.has(func) {
        return Err("the callee does not exist in this module".into());
    }
    let callee = module.function(func);
    let expected: Vec<&Type> = callee.param_types().collect();
    if expected.len() != args.len() {
        return Err(format!("@{} takes {} arguments, found {}", callee.name, expected.len(), args.len()));
    }
    for (position, (found, expected)) in args.iter().zip(expected).enumerate() {
        if *found != expected {
            return Err(format!("argument {position} of @{} is {found}, expected {expected}", callee.name));
        }
    }
    Ok(callee.result_types().cloned().collect())
}

fn infer_broadcast(x: &Type, spec: &BroadcastSpec) -> Result<Type, Message> {
    if spec.dims.len() != x.rank() {
        return Err(format!("dims has {} entries, the operand {x} has {} axes", spec.dims.len(), x.rank()));
    }
    increasing_axes(&spec.dims, spec.shape.rank())?;
    for (axis, &dim) in spec.dims.iter().enumerate() {
        if x.shape.extent(axis) != spec.shape.extent(dim) {
            return Err(format!(
                "axis {axis} of the operand {x} becomes axis {dim} of {}, and their extents differ",
                spec.shape
            ));
        }
    }
    Ok(x.with_shape(spec.shape.clone()))
}

fn infer_transpose(x: &Type, perm: &Axes) -> Result<Type, Message> {
    let mut sorted = perm.to_vec();
    sorted.sort_unstable();
    if !sorted.iter().copied().eq(0..x.rank()) {
        return Err(format!("perm {:?} is not a permutation of the {} axes of {x}", &**perm, x.rank()));
    }
    shaped(x, perm.iter().filter_map(|&axis| x.shape.extent(axis)).collect())
}

fn infer_slice(x: &Type, spec: &SliceSpec) -> Result<Type, Message> {
    for (name, list) in [("start", &spec.start), ("limit", &spec.limit), ("stride", &spec.stride)] {
        one_per_axis(name, list.len(), x)?;
    }
    let mut extents = Vec::with_capacity(x.rank());
    for (axis, dim) in x.shape.dims().iter().enumerate() {
        let (start, limit, stride) = (spec.start[axis], spec.limit[axis], spec.stride[axis]);
        if start > limit || limit > dim.extent() {
            return Err(format!(
                "axis {axis}: the positions {start} to {limit} are not within the extent {dim} of {x}"
            ));
        }
        if stride == 0 {
            return Err(format!("axis {axis}: a stride of 0, expected at least 1"));
        }
        extents.push((limit - start).div_ceil(stride));
    }
    shaped(x, extents)
}

fn infer_pad(x: &Type, spec: &PadSpec) -> Result<Type, Message> {
    for (name, length) in [("low", spec.low.len()), ("high", spec.high.len()), ("interior", spec.interior.len())] {
        one_per_axis(name, length, x)?;
    }
    let mut extents = Vec::with_capacity(x.rank());
    for (axis, dim) in x.shape.dims().iter().enumerate() {
        let (low, high, interior) = (spec.low[axis], spec.high[axis], spec.interior[axis]);
        let extent = dim.extent() as i128;
        let padded = extent + i128::from(low) + i128::from(high) + (extent - 1).max(0) * interior as i128;
        let padded = usize::try_from(padded).map_err(|_| {
            format!("axis {axis}: padding {low} and {high} around {dim} positions gives the extent {padded}")
        })?;
        extents.push(padded);
    }
    shaped(x, extents)
}

fn infer_concatenate(args: &[&Type], axis: usize) -> Result<Type, Message> {
    let [first, rest @ ..] = args else { return Err("no operands, expected at least one".into()) };
    axis_in_range(axis, first.rank())?;
    let mut extents = first.shape.extents();
    for (position, ty) in rest.iter().enumerate() {
        let alike = ty.dtype == first.dtype
            && ty.rank() == first.rank()
            && (0..ty.rank()).all(|a| a == axis || ty.shape.extent(a) == first.shape.extent(a));
        if !alike {
            return Err(format!(
                "operand {} is {ty}, which differs from {first} in more than axis {axis}",
                position + 1
            ));
        }
        extents[axis] = extents[axis].saturating_add(ty.shape.extent(axis).unwrap_or(0));
    }
    shaped(first, extents)
}

fn infer_dot(x: &Type, y: &Type, dims: &DotDims) -> Result<Type, Message> {
    in_domain_like(x, y)?;
    for (what, lhs, rhs) in
        [("batch", &dims.lhs_batch, &dims.rhs_batch), ("contract", &dims.lhs_contract, &dims.rhs_contract)]
    {
        if lhs.len() != rhs.len() {
            return Err(format!("{what} pairs {} axes of the left operand with {} of the right", lhs.len(), rhs.len()));
        }
        for (&a, &b) in lhs.iter().zip(rhs.iter()) {
            axis_in_range(a, x.rank())?;
            axis_in_range(b, y.rank())?;
            if x.shape.extent(a) != y.shape.extent(b) {
                return Err(format!("{what} pairs axis {a} of {x} with axis {b} of {y}, and their extents differ"));
            }
        }
    }
    distinct("left", dims.lhs_batch.iter().chain(dims.lhs_contract.iter()))?;
    distinct("right", dims.rhs_batch.iter().chain(dims.rhs_contract.iter()))?;
    let batch = dims.lhs_batch.iter().filter_map(|&axis| x.shape.extent(axis));
    let lhs_free = dims.lhs_free(x.rank());
    let rhs_free = dims.rhs_free(y.rank());
    let left = lhs_free.iter().filter_map(|&axis| x.shape.extent(axis));
    let right = rhs_free.iter().filter_map(|&axis| y.shape.extent(axis));
    shaped(x, batch.chain(left).chain(right).collect())
}

fn distinct<'a>(side: &str, axes: impl Iterator<Item = &'a usize>) -> Result<(), Message> {
    let mut axes: Vec<_> = axes.collect();
    axes.sort_unstable();
    match axes.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(format!("axis {} of the {side} operand is named twice", pair[0])),
        None => Ok(()),
    }
}

fn shaped(like: &Type, extents: Vec<usize>) -> Result<Type, Message> {
    let shape = Shape::new(&extents).map_err(|error| error.to_string())?;
    Ok(like.with_shape(shape))
}

fn operands<'a, const N: usize>(args: &[&'a Type]) -> Result<[&'a Type; N], Message> {
    args.try_into().map_err(|_| format!("{} operands, expected {N}", args.len()))
}

fn in_domain(op: &Op, what: &str, ty: &Type) -> Result<(), Message> {
    let domain: Domain = op.info().domain;
    if domain.contains(ty.dtype) { Ok(()) } else { Err(format!("{what} of type {ty}, expected {}", domain.describe())) }
}

/// Two operands of one element type.
fn in_domain_like(x: &Type, y: &Type) -> Result<(), Message> {
    if x.dtype == y.dtype { Ok(()) } else { Err(format!("the operands {x} and {y} differ in element type")) }
}

fn same_type(x: &Type, y: &Type) -> Result<(), Message> {
    if x == y { Ok(()) } else { Err(format!("operands of types {x} and {y}, expected one type")) }
}

fn axis_in_range(axis: usize, rank: usize) -> Result<(), Message> {
    if axis < rank { Ok(()) } else { Err(format!("axis {axis} of a tensor with {rank} axes")) }
}

fn increasing_axes(axes: &[usize], rank: usize) -> Result<(), Message> {
    for &axis in axes {
        axis_in_range(axis, rank)?;
    }
    if axes.windows(2).all(|pair| pair[0] < pair[1]) {
        Ok(())
    } else {
        Err(format!("the axes {axes:?} are not strictly increasing"))
    }
}

fn one_per_axis(name: &str, found: usize, x: &Type) -> Result<(), Message> {
    if found == x.rank() {
        Ok(())
    } else {
        Err(format!("{name} has {found} entries, the operand {x} has {} axes", x.rank()))
    }
}
