//! The cube root, after FreeBSD's `s_cbrt.c`: a guess from the exponent divided by three, a polynomial
//! that brings it to 23 bits, and one Newton step from a guess short enough to be squared exactly.

use cranelift_codegen::ir::Value;

use super::super::builder::MathBuilder;
use super::dd::truncate;

/// (1023 - 1023/3 - 0.03306235651) 2^40: FreeBSD's constant, for bits shifted right by 12.
const GUESS: f64 = 715_094_163.0 * 1_048_576.0;
/// 1/cbrt(r) for r near one, FreeBSD's coefficients.
const P: [f64; 5] =
    [0.14599619288661245, -0.758397934778766, 1.6214297201053545, -1.8849797954337717, 1.87595182427177];
const TWO_52: f64 = 4_503_599_627_370_496.0;

/// The cube root of x.
pub(super) fn cbrt(m: &mut MathBuilder<'_, '_>, x: Value) -> Value {
    let ty = m.ty(x);
    let sign = m.sign_of(x);
    let magnitude = m.fxor(x, sign);
    let denormal = m.lt_c(magnitude, f64::MIN_POSITIVE);
    let scaled = m.mul_c(magnitude, 2f64.powi(54));
    let a = m.select(denormal, scaled, magnitude);

    // A third of the bits, as a float between 2^52 and 2^53, whose mantissa is then the guess.
    let bits = m.to_bits(a);
    let bits = m.ushr(bits, 12);
    let base = m.iconst(ty, 0x4330_0000_0000_0000);
    let number = m.iadd(bits, base);
    let number = m.from_bits(number);
    let number = m.add_c(number, -TWO_52);
    let third = m.mul_c(number, 1.0 / 3.0);
    let guess = m.add_c(third, GUESS + TWO_52);
    let guess = m.to_bits(guess);
    let guess = m.ishl(guess, 12);
    let t = m.from_bits(guess);

    let square = m.mul(t, t);
    let ratio = m.div(t, a);
    let r = m.mul(square, ratio);
    let p = m.poly(r, &P);
    let t = m.mul(t, p);
    // 26 bits, so that the square is exact; rounded up a little, which keeps the error one-sided.
    let t = truncate(m, t, 28);

    let square = m.mul(t, t);
    let r = m.div(a, square);
    let difference = m.sub(r, t);
    let twice = m.add(t, t);
    let denominator = m.add(twice, r);
    let step = m.div(difference, denominator);
    let t = m.fma(t, step, t);

    let restored = m.mul_c(t, 2f64.powi(-18));
    let t = m.select(denormal, restored, t);
    let t = m.for_bits(t, sign);
    let nonzero = m.gt_c(magnitude, 0.0);
    let y = m.select(nonzero, t, x);
    let finite = m.lt_c(magnitude, f64::INFINITY);
    m.select(finite, y, x)
}
