//! Small constructors for the rules: what a person would not write is not emitted.
//!
//! The seed of a gradient is a constant 1, and symbolic zeros become constants where one is demanded. These
//! constructors pass such constants through moves and products, so that a backward part starts with a constant instead
//! of a broadcast of one. Everything further is the optimiser's.

use pullback_ir::{Builder, Function, Op, Scalar, Shape, Type, Value};

/// The number that all elements of a floating-point value are known to be.
///
/// Looks through `broadcast` and `reshape`, of which sugar for scalars makes some.
pub(crate) fn splat_of(b: &Builder<'_>, value: Value) -> Option<f64> {
    splat_in(&b.function(), value)
}

/// As [`splat_of`], for a finished function.
pub(crate) fn splat_in(function: &Function, mut value: Value) -> Option<f64> {
    loop {
        let inst = function.def_inst(value)?;
        let op = function.op(inst);
        if let Op::Constant(literal) = op
            && literal.ty().dtype.is_float()
        {
            return literal.as_splat().map(Scalar::to_f64);
        }
        if !matches!(op, Op::Broadcast(_) | Op::Reshape(_)) {
            return None;
        }
        value = *function.args(inst).first()?;
    }
}

/// A constant zero of a type.
pub(crate) fn zero(b: &Builder<'_>, ty: &Type) -> Value {
    b.splat(ty, 0.0)
}

/// `x + y`, where `None` is a symbolic zero.
pub(crate) fn sum(b: &Builder<'_>, x: Option<Value>, y: Option<Value>) -> Option<Value> {
    match (x, y) {
        (Some(x), Some(y)) => Some(b.add(x, y)),
        (x, y) => x.or(y),
    }
}

/// `x y`; the other one if one is 1.
pub(crate) fn mul(b: &Builder<'_>, x: Value, y: Value) -> Value {
    match (splat_of(b, x), splat_of(b, y)) {
        (Some(1.0), _) => y,
        (_, Some(1.0)) => x,
        _ => b.mul(x, y),
    }
}

/// `-x`; a constant if `x` is one.
pub(crate) fn neg(b: &Builder<'_>, x: Value) -> Value {
    match splat_of(b, x) {
        Some(c) => b.splat_like(x, -c),
        None => b.neg(x),
    }
}

/// What `make` moves `x` to; a constant of type `ty`, which is that of the move, if `x` is a constant.
pub(crate) fn moved(b: &Builder<'_>, x: Value, ty: &Type, make: impl FnOnce() -> Value) -> Value {
    match splat_of(b, x) {
        Some(c) if b.ty(x) != *ty => b.splat(ty, c),
        Some(_) => x,
        None => make(),
    }
}

/// The repetition of `x` along the axes of `shape` that are not in `dims`.
pub(crate) fn broadcast(b: &Builder<'_>, x: Value, shape: &Shape, dims: Vec<usize>) -> Value {
    moved(b, x, &b.ty(x).with_shape(shape.clone()), || b.broadcast(x, shape, dims))
}

/// The strided box; `x` itself if it is all of it.
pub(crate) fn slice(b: &Builder<'_>, x: Value, start: &[usize], limit: &[usize], stride: &[usize]) -> Value {
    let whole = start.iter().all(|&s| s == 0) && *limit == b.shape(x).extents() && stride.iter().all(|&s| s == 1);
    if whole { x } else { b.slice(x, start, limit, stride) }
}
