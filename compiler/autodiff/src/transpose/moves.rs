//! Transposes of the operations that take, move and surround elements.

use pullback_ir::{Axes, Builder, PadSpec, Shape, SliceSpec, Type, Value};

use super::{Cotangents, NO_RULE, Operand, passed};
use crate::emit;

/// The permutation that undoes `perm`.
pub(super) fn inverse(perm: &[usize]) -> Vec<usize> {
    let mut inverse = vec![0; perm.len()];
    for (position, &axis) in perm.iter().enumerate() {
        inverse[axis] = position;
    }
    inverse
}

/// Zeros around and between what was taken.
pub(super) fn slice(b: &Builder<'_>, spec: &SliceSpec, shape: &Shape, ct: Value) -> Value {
    let extents = shape.extents();
    let taken = b.shape(ct).extents();
    let (mut low, mut high, mut interior) = (Vec::new(), Vec::new(), Vec::new());
    for (axis, &extent) in extents.iter().enumerate() {
        let (start, stride) = (spec.start[axis], spec.stride[axis]);
        // A stride beyond the extent never separates two positions.
        let gap = if taken[axis] > 1 { stride - 1 } else { 0 };
        let spread = taken[axis] + taken[axis].saturating_sub(1) * gap;
        low.push(start as i64);
        high.push((extent - start - spread) as i64);
        interior.push(gap);
    }
    if low.iter().chain(&high).all(|&n| n == 0) && interior.iter().all(|&n| n == 0) {
        return ct;
    }
    let zero = emit::zero(b, &b.ty(ct).with_shape(Shape::scalar()));
    b.pad(ct, zero, PadSpec { low: low.into(), high: high.into(), interior: interior.into() })
}

/// To the operand what its positions got, zeros where they were removed; to the padding value the sum over the rest.
pub(super) fn pad(b: &Builder<'_>, spec: &PadSpec, operands: &[Operand], ct: Value) -> Cotangents {
    let [x, value] = operands else { return Err(NO_RULE) };
    let x_ty = match x {
        Operand::Linear(ty) => ty.clone(),
        &Operand::Known(x) => b.ty(x),
    };
    let x_ct = passed(b, x, || ct)?.and_then(|ct| unpad(b, spec, &x_ty.shape, ct));
    let value_ct = passed(b, value, || {
        // Selected by a mask instead of subtracting the operand's part from the sum: nothing cancels.
        let inside = b.splat(&x_ty.with_dtype(pullback_ir::DType::Bool), 0.0);
        let outside = b.splat(&Type::scalar(pullback_ir::DType::Bool), 1.0);
        let mask = b.pad(inside, outside, spec.clone());
        let rest = b.select(mask, ct, emit::zero(b, &b.ty(ct)));
        b.reduce_add(rest, (0..x_ty.rank()).collect::<Axes>())
    })?;
    Ok(vec![x_ct, value_ct])
}

/// The part of `ct` at the positions of an operand of this shape within its padded form, with zeros where negative
/// padding removed the operand's elements; a symbolic zero if it removed all.
pub(super) fn unpad(b: &Builder<'_>, spec: &PadSpec, shape: &Shape, ct: Value) -> Option<Value> {
    let padded = b.shape(ct).extents();
    let (mut start, mut limit, mut stride) = (Vec::new(), Vec::new(), Vec::new());
    let (mut low, mut high) = (Vec::new(), Vec::new());
    for (axis, extent) in shape.extents().into_iter().enumerate() {
        let (offset, step) = (i128::from(spec.low[axis]), spec.interior[axis] as i128 + 1);
        let (first, end) = kept(extent, offset, step, padded[axis])?;
        start.push((offset + first as i128 * step) as usize);
        limit.push((offset + (end as i128 - 1) * step + 1) as usize);
        stride.push(if end - first > 1 { step as usize } else { 1 });
        low.push(first as i64);
        high.push((extent - end) as i64);
    }
    let kept = emit::slice(b, ct, &start, &limit, &stride);
    if low.iter().chain(&high).all(|&n| n == 0) {
        return Some(kept);
    }
    let zero = emit::zero(b, &b.ty(ct).with_shape(Shape::scalar()));
    let interior = vec![0; shape.rank()].into();
    Some(b.pad(kept, zero, PadSpec { low: low.into(), high: high.into(), interior }))
}

/// Which of `extent` elements, the first of them at `offset` and `step` from one to the next, lie within `padded` positions: the first
/// and the end. `None` if no element does. Wide numbers, for padding may be huge.
pub(super) fn kept(extent: usize, offset: i128, step: i128, padded: usize) -> Option<(usize, usize)> {
    // The least integer not below `x / step`.
    let div_ceil = |x: i128| -(-x).div_euclid(step);
    let first = div_ceil(-offset).max(0);
    let end = div_ceil(padded as i128 - offset).min(extent as i128);
    (first < end).then_some((first as usize, end as usize))
}

pub(super) fn concatenate(b: &Builder<'_>, axis: usize, operands: &[Operand], ct: Value) -> Cotangents {
    let mut start = vec![0; b.shape(ct).rank()];
    let mut limit = b.shape(ct).extents();
    let stride = vec![1; start.len()];
    let mut cts = Vec::with_capacity(operands.len());
    for operand in operands {
        let shape = match operand {
            Operand::Linear(ty) => ty.shape.clone(),
            &Operand::Known(value) => b.shape(value),
        };
        limit[axis] = start[axis] + shape.extent(axis).unwrap_or(0);
        cts.push(passed(b, operand, || emit::slice(b, ct, &start, &limit, &stride))?);
        start[axis] = limit[axis];
    }
    Ok(cts)
}
