//! Functions whose code does not depend on the width of the lanes.

use cranelift_codegen::ir::Value;

use super::builder::MathBuilder;

/// 1 / sqrt(x): two correctly rounded operations, together within 1.5 ulp.
pub(super) fn rsqrt(m: &mut MathBuilder<'_, '_>, x: Value) -> Value {
    let root = m.sqrt(x);
    m.rdiv_c(1.0, root)
}

/// One with the sign of x, or x itself where it is a zero or a NaN.
pub(super) fn sign(m: &mut MathBuilder<'_, '_>, x: Value) -> Value {
    let sign = m.sign_of(x);
    let one = m.fconst(m.ty(x), 1.0);
    let unit = m.for_bits(one, sign);
    let magnitude = m.abs(x);
    let nonzero = m.gt_c(magnitude, 0.0);
    m.select(nonzero, unit, x)
}

/// IEEE 754-2019 `minimum`.
///
/// `lesser` returns its second operand when either is a NaN or both are zeros, so in both orders
/// it gives both of them, and their bitwise or is a NaN, or the negative zero if there is one.
pub(super) fn minimum(m: &mut MathBuilder<'_, '_>, x: Value, y: Value) -> Value {
    let a = m.lesser(x, y);
    let b = m.lesser(y, x);
    m.for_bits(a, b)
}

/// IEEE 754-2019 `maximum`.
///
/// As [`minimum`], but of zeros with different signs the positive one is wanted: their difference
/// in bits is the sign bit, and subtracting it from the or of both (-0 - -0) gives +0, while it
/// changes nothing where the two orders agree and leaves a NaN a NaN.
pub(super) fn maximum(m: &mut MathBuilder<'_, '_>, x: Value, y: Value) -> Value {
    let a = m.greater(x, y);
    let b = m.greater(y, x);
    let differing = m.fxor(a, b);
    let either = m.for_bits(a, differing);
    m.sub(either, differing)
}

/// Whether `x` is neither infinite nor a NaN, as a comparison result: an `i8` 0 or 1 for a scalar,
/// an integer vector of zeros or ones (all bits) for a vector.
pub fn emit_is_finite(m: &mut MathBuilder<'_, '_>, x: Value) -> Value {
    let magnitude = m.abs(x);
    m.lt_c(magnitude, f64::INFINITY).0
}
