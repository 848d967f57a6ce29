//! Types of sliding windows, pooling and convolution.

use super::{Message, distinct, in_domain_like, increasing_axes, shaped};
use crate::op::{ConvSpec, PoolSpec, WindowSpec};
use crate::types::{Shape, Type};

/// How many windows fit into `extent` positions.
fn count(axis: usize, extent: usize, size: usize, stride: usize, dilation: usize) -> Result<usize, Message> {
    if size == 0 || stride == 0 || dilation == 0 {
        return Err(format!("axis {axis}: size {size}, stride {stride}, dilation {dilation}, expected at least 1"));
    }
    let span = (size - 1).checked_mul(dilation).and_then(|span| span.checked_add(1));
    Ok(match span {
        Some(span) if span <= extent => (extent - span) / stride + 1,
        Some(_) | None => 0,
    })
}

/// The extent of an axis with `dilation - 1` positions between neighbours and padding around.
fn padded(axis: usize, extent: usize, dilation: usize, low: i64, high: i64) -> Result<usize, Message> {
    if dilation == 0 {
        return Err(format!("axis {axis}: a dilation of 0, expected at least 1"));
    }
    let spread = if extent == 0 { 0 } else { (extent as i128 - 1) * dilation as i128 + 1 };
    let padded = spread + i128::from(low) + i128::from(high);
    usize::try_from(padded).map_err(|_| format!("axis {axis}: padding {low} and {high} around {spread} positions"))
}

fn lengths(expected: usize, lists: &[(&str, usize)]) -> Result<(), Message> {
    match lists.iter().find(|list| list.1 != expected) {
        Some((name, found)) => Err(format!("{name} has {found} entries, expected {expected}")),
        None => Ok(()),
    }
}

/// The extents of `windows` of an operand with these extents.
fn window_extents(extents: &[usize], spec: &WindowSpec) -> Result<Vec<usize>, Message> {
    increasing_axes(&spec.axes, extents.len())?;
    lengths(
        spec.axes.len(),
        &[("size", spec.size.len()), ("stride", spec.stride.len()), ("dilation", spec.dilation.len())],
    )?;
    let mut result = extents.to_vec();
    for (position, &axis) in spec.axes.iter().enumerate() {
        let (size, stride, dilation) = (spec.size[position], spec.stride[position], spec.dilation[position]);
        result[axis] = count(axis, extents[axis], size, stride, dilation)?;
    }
    result.extend(spec.size.iter().copied());
    Ok(result)
}

pub(super) fn windows(x: &Type, spec: &WindowSpec) -> Result<Type, Message> {
    shaped(x, window_extents(&x.shape.extents(), spec)?)
}

pub(super) fn overlap_add(x: &Type, spec: &WindowSpec, shape: &Shape) -> Result<Type, Message> {
    let expected = window_extents(&shape.extents(), spec)?;
    if x.shape.extents() != expected {
        return Err(format!("the operand is {x}, expected extents {expected:?} for windows of the result {shape}"));
    }
    Ok(x.with_shape(shape.clone()))
}

pub(super) fn reduce_window(x: &Type, spec: &PoolSpec) -> Result<Type, Message> {
    lengths(
        x.rank(),
        &[
            ("size", spec.size.len()),
            ("stride", spec.stride.len()),
            ("low", spec.low.len()),
            ("high", spec.high.len()),
            ("base_dilation", spec.base_dilation.len()),
            ("dilation", spec.dilation.len()),
        ],
    )?;
    let mut extents = x.shape.extents();
    for (axis, extent) in extents.iter_mut().enumerate() {
        let inside = padded(axis, *extent, spec.base_dilation[axis], spec.low[axis], spec.high[axis])?;
        // The padded operand exists in the meaning of the operation, so it must be representable.
        shaped(x, vec![inside])?;
        *extent = count(axis, inside, spec.size[axis], spec.stride[axis], spec.dilation[axis])?;
    }
    shaped(x, extents)
}

pub(super) fn select_and_scatter(x: &Type, source: &Type, spec: &PoolSpec) -> Result<Type, Message> {
    let expected = reduce_window(x, spec)?;
    if spec.base_dilation.iter().chain(&spec.dilation).any(|&dilation| dilation != 1) {
        return Err("a dilation, expected 1 everywhere".into());
    }
    if *source != expected {
        return Err(format!("the source is {source}, expected {expected}"));
    }
    Ok(x.clone())
}

/// Checks that axes are a permutation of those of a tensor.
fn permutation(what: &str, axes: &[usize], rank: usize) -> Result<(), Message> {
    if axes.len() != rank || axes.iter().any(|&axis| axis >= rank) {
        return Err(format!("{what}={axes:?} does not name each of {rank} axes once"));
    }
    distinct(what, axes.iter())
}

pub(super) fn conv(x: &Type, kernel: &Type, spec: &ConvSpec) -> Result<Type, Message> {
    in_domain_like(x, kernel)?;
    let rank = x.rank();
    if !(2..=5).contains(&rank) {
        return Err(format!(
            "the operand {x} has {rank} axes, expected 2 to 5: batch, feature and up to three spatial ones"
        ));
    }
    permutation("lhs", &spec.lhs, rank)?;
    permutation("rhs", &spec.rhs, kernel.rank())?;
    permutation("out", &spec.out, rank)?;
    if kernel.rank() != rank {
        return Err(format!("the kernel {kernel} has {} axes, the operand {x} has {rank}", kernel.rank()));
    }
    let spatial = rank - 2;
    lengths(
        spatial,
        &[
            ("stride", spec.stride.len()),
            ("low", spec.low.len()),
            ("high", spec.high.len()),
            ("lhs_dilation", spec.lhs_dilation.len()),
            ("rhs_dilation", spec.rhs_dilation.len()),
        ],
    )?;
    let (xs, ks) = (x.shape.extents(), kernel.shape.extents());
    let (batch, features) = (xs[spec.lhs[0]], xs[spec.lhs[1]]);
    let (outputs, inputs) = (ks[spec.rhs[0]], ks[spec.rhs[1]]);
    groups(spec, batch, features, outputs, inputs)?;
    let mut extents = vec![0; rank];
    extents[spec.out[0]] = batch / spec.batch_groups;
    extents[spec.out[1]] = outputs;
    for s in 0..spatial {
        let inside = padded(spec.lhs[2 + s], xs[spec.lhs[2 + s]], spec.lhs_dilation[s], spec.low[s], spec.high[s])?;
        shaped(x, vec![inside])?;
        let size = ks[spec.rhs[2 + s]];
        if size == 0 {
            return Err(format!("the kernel {kernel} has no positions on axis {}", spec.rhs[2 + s]));
        }
        extents[spec.out[2 + s]] = count(spec.lhs[2 + s], inside, size, spec.stride[s], spec.rhs_dilation[s])?;
    }
    shaped(x, extents)
}

fn groups(spec: &ConvSpec, batch: usize, features: usize, outputs: usize, inputs: usize) -> Result<(), Message> {
    let (by_feature, by_batch) = (spec.feature_groups, spec.batch_groups);
    if by_feature == 0 || by_batch == 0 || (by_feature > 1 && by_batch > 1) {
        return Err(format!(
            "feature_groups={by_feature} and batch_groups={by_batch}, expected at least 1 and one of them 1"
        ));
    }
    if inputs.checked_mul(by_feature) != Some(features) {
        return Err(format!("{features} input features, expected {by_feature} groups of the kernel's {inputs}"));
    }
    if !outputs.is_multiple_of(by_feature) || !outputs.is_multiple_of(by_batch) || !batch.is_multiple_of(by_batch) {
        return Err(format!("{outputs} output features and a batch of {batch} do not split into the groups evenly"));
    }
    Ok(())
}
