//! The remainder with the sign of the dividend (C's `fmod`), which has no rounding error.

use cranelift_codegen::ir::Value;

use super::super::builder::MathBuilder;
use super::super::externs::ExternFn;
use super::dd::two_prod;

/// |x| - q |y| with q the rounded quotient's integer part, at most one off, corrected. Quotients
/// from 2^29 on and operands near the ends of the exponent range take the slow path.
pub(super) fn rem(m: &mut MathBuilder<'_, '_>, x: Value, y: Value) -> Value {
    let ty = m.ty(x);
    let sign = m.sign_of(x);
    let x_magnitude = m.fxor(x, sign);
    let y_magnitude = m.abs(y);
    let ratio = m.div(x_magnitude, y_magnitude);
    let q = m.trunc(ratio);
    let product = two_prod(m, q, y_magnitude);
    let r = m.sub(x_magnitude, product.high);
    let r = m.sub(r, product.low);
    // q was rounded up to an integer.
    let zero = m.fconst(ty, 0.0);
    let negative = m.lt(r, zero);
    let larger = m.add(r, y_magnitude);
    let r = m.select(negative, larger, r);
    let r = m.for_bits(r, sign);

    let few = m.lt_c(ratio, 536_870_912.0);
    let normal = m.gt_c(y_magnitude, 2f64.powi(-900));
    let x_small = m.lt_c(x_magnitude, 2f64.powi(1000));
    let y_small = m.lt_c(y_magnitude, 2f64.powi(1000));
    let usual = m.both(few, normal);
    let bounds = m.both(x_small, y_small);
    let usual = m.both(usual, bounds);
    let rare = m.not(usual);
    m.slow_path(rare, r, ExternFn::Fmod, &[x, y])
}
