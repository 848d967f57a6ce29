//! One transpose rule per linear operation.
//!
//! A rule builds the cotangents of the linear operands from the cotangent of the result; the other operands are
//! known. `None` is a symbolic zero, and what it returns at known operands. An operation that is not linear in its
//! linear operands is refused: the drivers make an error of it.

use pullback_ir::{Axes, Binary, Builder, DotDims, Op, PadSpec, Reduction, Shape, SliceSpec, Type, Unary, Value};

use crate::emit;

/// An operand of a linear instruction.
#[derive(Clone, Debug)]
pub(crate) enum Operand {
    /// It depends on the tangents; only its type is known.
    Linear(Type),
    /// It does not, and is this value.
    Known(Value),
}

/// Why an instruction is not linear in its linear operands.
#[derive(Debug)]
pub(crate) struct NotLinear(pub(crate) &'static str);

/// The cotangents of the operands.
pub(crate) type Cotangents = Result<Vec<Option<Value>>, NotLinear>;

const NO_RULE: NotLinear = NotLinear("the operation is not linear");
const OFFSET: NotLinear = NotLinear("an operand that does not depend on them is added");

/// Builds the cotangents of `operands` from `ct`, the cotangent of the result of `op`.
pub(crate) fn rule(b: &Builder<'_>, op: &Op, operands: &[Operand], ct: Value) -> Cotangents {
    match op {
        Op::Unary(op) => unary(b, *op, ct),
        Op::Binary(op) => binary(b, *op, operands, ct),
        Op::Select => select(b, operands, ct),
        Op::Convert(_) => {
            let ty = only(operands)?;
            one(emit::moved(b, ct, ty, || b.convert(ct, ty.dtype)))
        }
        Op::Broadcast(spec) => {
            let new: Axes = (0..spec.shape.rank()).filter(|axis| !spec.dims.contains(axis)).collect();
            one(b.reduce_add(ct, new))
        }
        Op::Reshape(_) => {
            let ty = only(operands)?;
            one(emit::moved(b, ct, ty, || b.reshape(ct, &ty.shape)))
        }
        Op::Transpose(perm) => {
            let ty = only(operands)?;
            one(emit::moved(b, ct, ty, || b.transpose(ct, inverse(perm))))
        }
        Op::Reverse(axes) => one(emit::moved(b, ct, only(operands)?, || b.reverse(ct, axes.clone()))),
        Op::Slice(spec) => one(slice(b, spec, &only(operands)?.shape, ct)),
        Op::Pad(spec) => pad(b, spec, operands, ct),
        Op::Concatenate { axis } => concatenate(b, *axis, operands, ct),
        Op::Reduce { kind: Reduction::Add, axes } => {
            let shape = &only(operands)?.shape;
            let kept = (0..shape.rank()).filter(|axis| !axes.contains(axis)).collect();
            one(emit::broadcast(b, ct, shape, kept))
        }
        Op::Dot(dims) => dot(b, dims, operands, ct),
        Op::Reduce {
            kind: Reduction::Mul | Reduction::Max | Reduction::Min | Reduction::And | Reduction::Or, ..
        }
        | Op::Constant(_)
        | Op::Iota { .. }
        | Op::Compare(_)
        | Op::IsFinite
        | Op::Clamp
        | Op::Call(_) => Err(NO_RULE),
    }
}

fn one(ct: Value) -> Cotangents {
    Ok(vec![Some(ct)])
}

/// The type of the one operand, which is linear.
fn only(operands: &[Operand]) -> Result<&Type, NotLinear> {
    match operands {
        [Operand::Linear(ty)] => Ok(ty),
        _ => Err(NO_RULE),
    }
}

fn unary(b: &Builder<'_>, op: Unary, ct: Value) -> Cotangents {
    match op {
        Unary::Neg => one(emit::neg(b, ct)),
        Unary::Abs
        | Unary::Sign
        | Unary::Not
        | Unary::Floor
        | Unary::Ceil
        | Unary::Round
        | Unary::Exp
        | Unary::Exp2
        | Unary::Expm1
        | Unary::Log
        | Unary::Log2
        | Unary::Log1p
        | Unary::Sqrt
        | Unary::Rsqrt
        | Unary::Cbrt
        | Unary::Sin
        | Unary::Cos
        | Unary::Tan
        | Unary::Asin
        | Unary::Acos
        | Unary::Atan
        | Unary::Sinh
        | Unary::Cosh
        | Unary::Tanh
        | Unary::Logistic
        | Unary::Erf
        | Unary::Erfc => Err(NO_RULE),
    }
}

fn binary(b: &Builder<'_>, op: Binary, operands: &[Operand], ct: Value) -> Cotangents {
    let [x, y] = operands else { return Err(NO_RULE) };
    match op {
        Binary::Add => Ok(vec![passed(b, x, || ct)?, passed(b, y, || ct)?]),
        Binary::Sub => Ok(vec![passed(b, x, || ct)?, passed(b, y, || emit::neg(b, ct))?]),
        Binary::Mul => match (x, y) {
            (Operand::Linear(_), &Operand::Known(y)) => Ok(vec![Some(emit::mul(b, ct, y)), None]),
            (&Operand::Known(x), Operand::Linear(_)) => Ok(vec![None, Some(emit::mul(b, ct, x))]),
            _ => Err(NotLinear("both factors depend on them")),
        },
        Binary::Div => match (x, y) {
            (Operand::Linear(_), &Operand::Known(y)) => Ok(vec![Some(b.div(ct, y)), None]),
            _ => Err(NotLinear("the divisor depends on them")),
        },
        Binary::Rem
        | Binary::Pow
        | Binary::Atan2
        | Binary::Max
        | Binary::Min
        | Binary::And
        | Binary::Or
        | Binary::Xor => Err(NO_RULE),
    }
}

/// The cotangent for an operand whose elements appear unscaled in the result. A known one must be zero.
fn passed(b: &Builder<'_>, operand: &Operand, ct: impl FnOnce() -> Value) -> Result<Option<Value>, NotLinear> {
    match *operand {
        Operand::Linear(_) => Ok(Some(ct())),
        Operand::Known(value) if emit::splat_of(b, value) == Some(0.0) || b.shape(value).elements() == 0 => Ok(None),
        Operand::Known(_) => Err(OFFSET),
    }
}

fn select(b: &Builder<'_>, operands: &[Operand], ct: Value) -> Cotangents {
    let &[Operand::Known(pred), ref x, ref y] = operands else {
        return Err(NotLinear("the predicate depends on them"));
    };
    let zero = emit::zero(b, &b.ty(ct));
    let x_ct = passed(b, x, || b.select(pred, ct, zero))?;
    let y_ct = passed(b, y, || b.select(pred, zero, ct))?;
    Ok(vec![None, x_ct, y_ct])
}

fn inverse(perm: &[usize]) -> Vec<usize> {
    let mut inverse = vec![0; perm.len()];
    for (position, &axis) in perm.iter().enumerate() {
        inverse[axis] = position;
    }
    inverse
}

/// Zeros around and between what was taken.
fn slice(b: &Builder<'_>, spec: &SliceSpec, shape: &Shape, ct: Value) -> Value {
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
fn pad(b: &Builder<'_>, spec: &PadSpec, operands: &[Operand], ct: Value) -> Cotangents {
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
fn unpad(b: &Builder<'_>, spec: &PadSpec, shape: &Shape, ct: Value) -> Option<Value> {
    let padded = b.shape(ct).extents();
    let (mut start, mut limit, mut stride) = (Vec::new(), Vec::new(), Vec::new());
    let (mut low, mut high) = (Vec::new(), Vec::new());
    for (axis, extent) in shape.extents().into_iter().enumerate() {
        // Element i is at `offset + i step`; which of them are within the result? Wide numbers, for padding may be
        // huge.
        let (offset, step) = (i128::from(spec.low[axis]), spec.interior[axis] as i128 + 1);
        let first = div_ceil(-offset, step).max(0);
        let end = div_ceil(padded[axis] as i128 - offset, step).min(extent as i128);
        if first >= end {
            return None;
        }
        start.push((offset + first * step) as usize);
        limit.push((offset + (end - 1) * step + 1) as usize);
        stride.push(if end - first > 1 { step as usize } else { 1 });
        low.push(first as i64);
        high.push((extent as i128 - end) as i64);
    }
    let kept = emit::slice(b, ct, &start, &limit, &stride);
    if low.iter().chain(&high).all(|&n| n == 0) {
        return Some(kept);
    }
    let zero = emit::zero(b, &b.ty(ct).with_shape(Shape::scalar()));
    let interior = vec![0; shape.rank()].into();
    Some(b.pad(kept, zero, PadSpec { low: low.into(), high: high.into(), interior }))
}

/// The least integer not below `x / y`, for positive `y`.
fn div_ceil(x: i128, y: i128) -> i128 {
    -(-x).div_euclid(y)
}

fn concatenate(b: &Builder<'_>, axis: usize, operands: &[Operand], ct: Value) -> Cotangents {
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

fn dot(b: &Builder<'_>, dims: &DotDims, operands: &[Operand], ct: Value) -> Cotangents {
    match operands {
        [Operand::Linear(x), Operand::Known(y)] => {
            let x = Side { batch: &dims.lhs_batch, contract: &dims.lhs_contract, free: dims.lhs_free(x.rank()) };
            let free = dims.rhs_free(b.shape(*y).rank());
            let y_side = Side { batch: &dims.rhs_batch, contract: &dims.rhs_contract, free };
            Ok(vec![Some(dot_side(b, &x, (*y, &y_side), ct, true)), None])
        }
        [Operand::Known(x), Operand::Linear(y)] => {
            let y = Side { batch: &dims.rhs_batch, contract: &dims.rhs_contract, free: dims.rhs_free(y.rank()) };
            let free = dims.lhs_free(b.shape(*x).rank());
            let x_side = Side { batch: &dims.lhs_batch, contract: &dims.lhs_contract, free };
            Ok(vec![None, Some(dot_side(b, &y, (*x, &x_side), ct, false))])
        }
        _ => Err(NotLinear("both factors depend on them")),
    }
}

/// The axes of one operand of a product.
struct Side<'a> {
    batch: &'a Axes,
    contract: &'a Axes,
    free: Vec<usize>,
}

/// The cotangent of the operand with axes `side`: `ct` times the other operand over the other's free axes. For
/// Y = XW these are G W^T and X^T G. Of the two orders of operands the one that needs no transpose is taken.
fn dot_side(b: &Builder<'_>, side: &Side<'_>, other: (Value, &Side<'_>), ct: Value, is_left: bool) -> Value {
    let (other, other_side) = other;
    let batches = side.batch.len();
    // The result's axes are batch, free of the left, free of the right.
    let other_start = if is_left { batches + side.free.len() } else { batches };
    let ct_batch: Axes = (0..batches).collect();
    let ct_contract: Axes = (other_start..other_start + other_side.free.len()).collect();
    let other_contract: Axes = other_side.free.clone().into();
    // Free axes keep their order within their operand, so the other's contracted ones come out sorted.
    let mut pairs: Vec<(usize, usize)> =
        other_side.contract.iter().copied().zip(side.contract.iter().copied()).collect();
    pairs.sort_unstable();
    let contracted = pairs.iter().map(|&(_, axis)| axis);
    let batch = side.batch.iter().copied();
    let ct_first: Vec<usize> = batch.clone().chain(side.free.iter().copied()).chain(contracted.clone()).collect();
    let other_first: Vec<usize> = batch.chain(contracted).chain(side.free.iter().copied()).collect();
    let in_order = |axes: &[usize]| axes.is_sorted();
    if in_order(&other_first) && !(is_left && in_order(&ct_first)) {
        let dims = DotDims {
            lhs_batch: other_side.batch.clone(),
            rhs_batch: ct_batch,
            lhs_contract: other_contract,
            rhs_contract: ct_contract,
        };
        return b.dot(other, ct, dims);
    }
    let dims = DotDims {
        lhs_batch: ct_batch,
        rhs_batch: other_side.batch.clone(),
        lhs_contract: ct_contract,
        rhs_contract: other_contract,
    };
    b.transpose(b.dot(ct, other, dims), inverse(&ct_first))
}
