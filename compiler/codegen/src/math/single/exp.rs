//! `exp` and its relatives in single precision.
//!
//! All of them reduce x to n ln(2) + r with |r| <= ln(2)/2 and integer n, and use the same
//! polynomial q with e^r = 1 + r + r^2 q(r) (`coefficients.sollya`). Rounding to n is done by adding
//! 1.5 * 2^23, which leaves n in the low bits of the sum: no conversion is needed to make 2^n.

use cranelift_codegen::ir::Value;

use super::super::builder::MathBuilder;

/// 1.5 * 2^23. Added to a number below 2^22 it leaves the nearest integer in the mantissa.
pub(super) const ROUNDER: f64 = 12_582_912.0;
const BITS_OF_ONE: i64 = 0x3f80_0000;

/// ln(2) in two parts; the first has nine bits, so its product with n is exact.
pub(super) const LN2_HIGH: f64 = 0.693_359_375;
/// The rest of ln(2).
pub(super) const LN2_LOW: f64 = -0.00021219444;

/// (e^r - 1 - r) / r^2 on |r| <= ln(2)/2; e^r with relative error 2^-28.3.
const Q: [f64; 5] = [0.0013823552, 0.008368824, 0.041668236, 0.1666652, 0.49999994];
/// q(-r): the odd coefficients of `Q` negated.
const Q_OF_MINUS_R: [f64; 5] = [Q[0], -Q[1], Q[2], -Q[3], Q[4]];
/// (2^r - 1) / r on |r| <= 1/2; 2^r with relative error 2^-28.1.
const EXP2: [f64; 6] = [0.00015243141, 0.0013391493, 0.00961883, 0.055503584, 0.24022645, std::f64::consts::LN_2];

/// (tanh(x)/x - 1) / z in z = x^2, |x| <= 5/8; tanh with relative error 2^-27.9.
const TANH: [f64; 5] = [-0.005716198, 0.020649707, -0.053743172, 0.13331486, -0.33333284];

/// x = n ln(2) + r.
struct Reduced {
    /// The low bits of this integer are n, the rest is of no use.
    n_bits: Value,
    n: Value,
    /// x less n times the high part of ln(2), without rounding.
    high: Value,
    r: Value,
}

fn reduce(m: &mut MathBuilder<'_, '_>, x: Value) -> Reduced {
    let rounder = m.fconst(m.ty(x), ROUNDER);
    let shifted = m.fma_c(x, std::f64::consts::LOG2_E, rounder);
    let n = m.sub(shifted, rounder);
    let high = m.fma_c(n, -LN2_HIGH, x);
    let r = m.fma_c(n, -LN2_LOW, high);
    Reduced { n_bits: m.to_bits(shifted), n, high, r }
}

/// 2^(n + bias) for -126 <= n + bias <= 127.
pub(super) fn power_of_two(m: &mut MathBuilder<'_, '_>, n_bits: Value, bias: i64) -> Value {
    let exponent = m.ishl(n_bits, 23);
    let bits = m.iadd_c(exponent, BITS_OF_ONE + (bias << 23));
    m.from_bits(bits)
}

/// x 2^n with one rounding, for any n in [-252, 254]: results may be denormal or overflow.
fn scale(m: &mut MathBuilder<'_, '_>, x: Value, n_bits: Value) -> Value {
    let half = m.ushr(n_bits, 1);
    let rest = m.isub(n_bits, half);
    let first = power_of_two(m, half, 0);
    let second = power_of_two(m, rest, 0);
    let x = m.mul(x, first);
    m.mul(x, second)
}

/// e^x.
pub(super) fn exp(m: &mut MathBuilder<'_, '_>, x: Value) -> Value {
    // Above 88.73 everything overflows, below -104 everything rounds to zero; the scaling does it.
    let x = m.at_most(x, 89.0);
    let x = m.at_least(x, -104.0);
    let Reduced { n_bits, r, .. } = reduce(m, x);
    let p = expm1_reduced(m, r);
    let y = m.add_c(p, 1.0);
    scale(m, y, n_bits)
}

/// 2^x, by its own polynomial: r = x - n is exact.
pub(super) fn exp2(m: &mut MathBuilder<'_, '_>, x: Value) -> Value {
    let x = m.at_most(x, 129.0);
    let x = m.at_least(x, -151.0);
    let (y, n_bits) = exp2_parts(m, x);
    scale(m, y, n_bits)
}

/// (2^(x - n), n) with n the integer nearest to x, |x| < 2^22.
pub(super) fn exp2_parts(m: &mut MathBuilder<'_, '_>, x: Value) -> (Value, Value) {
    let rounder = m.fconst(m.ty(x), ROUNDER);
    let shifted = m.add(x, rounder);
    let n = m.sub(shifted, rounder);
    let r = m.sub(x, n);
    let y = m.poly(r, &EXP2);
    let y = m.fma_add_c(y, r, 1.0);
    (y, m.to_bits(shifted))
}

/// e^r - 1 = r + r^2 q(r).
fn expm1_reduced(m: &mut MathBuilder<'_, '_>, r: Value) -> Value {
    let q = m.poly(r, &Q);
    let square = m.mul(r, r);
    m.fma(q, square, r)
}

/// e^x - 1 = 2^n (e^r - 1) + (2^n - 1).
pub(super) fn expm1(m: &mut MathBuilder<'_, '_>, x: Value) -> Value {
    let bounded = m.at_most(x, 89.0);
    let bounded = m.at_least(bounded, -18.0);
    let Reduced { n_bits, r, .. } = reduce(m, bounded);
    let p = expm1_reduced(m, r);
    // Half of it, doubled at the end: 2^n may be 2^128.
    let half_power = power_of_two(m, n_bits, -1);
    let rest = m.add_c(half_power, -0.5);
    let half = m.fma(half_power, p, rest);
    let y = m.add(half, half);
    // Keeps the sign of zeros and the bits of denormals.
    let magnitude = m.abs(x);
    let tiny = m.lt_c(magnitude, 2f64.powi(-25));
    m.select(tiny, x, y)
}

/// tanh(x) = x + x z p(z) with z = x^2 below 5/8, 1 - 2 / (e^(2|x|) + 1) with the sign of x above.
pub(super) fn tanh(m: &mut MathBuilder<'_, '_>, x: Value) -> Value {
    let square = m.mul(x, x);
    let p = m.poly(square, &TANH);
    let p = m.mul(p, square);
    let small = m.fma(p, x, x);

    let sign = m.sign_of(x);
    let magnitude = m.fxor(x, sign);
    let double = m.add(magnitude, magnitude);
    // tanh(9.02) already rounds to one.
    let double = m.at_most(double, 20.0);
    let Reduced { n_bits, r, .. } = reduce(m, double);
    let p = expm1_reduced(m, r);
    let power = power_of_two(m, n_bits, 0);
    let denominator = m.add_c(power, 1.0);
    let denominator = m.fma(power, p, denominator);
    let quotient = m.rdiv_c(2.0, denominator);
    let large = m.rsub_c(1.0, quotient);

    let is_small = m.lt_c(magnitude, 0.625);
    let y = m.select(is_small, small, large);
    m.for_bits(y, sign)
}

/// 1 / (1 + e^-x) = 2^n / (2^n + 1 + (e^-r - 1)), where x = n ln(2) + r: the power of two is exact
/// above and below, so that the small results at negative x keep their accuracy.
pub(super) fn logistic(m: &mut MathBuilder<'_, '_>, x: Value) -> Value {
    let x = m.at_most(x, 40.0);
    let x = m.at_least(x, -104.0);
    let Reduced { n_bits, n, high, r } = reduce(m, x);
    // What rounding added to r; a quarter of an ulp of the result.
    let lost = m.sub(r, high);
    let lost = m.fma_c(n, LN2_LOW, lost);
    // e^-r - 1 = r^2 q(-r) + lost - r
    let q = m.poly(r, &Q_OF_MINUS_R);
    let square = m.mul(r, r);
    let tail = m.fma(q, square, lost);
    let p = m.sub(tail, r);
    let one = m.fconst(m.ty(x), 1.0);
    let power = scale(m, one, n_bits);
    let sum = m.add(power, one);
    // What rounding took from a small power.
    let used = m.sub(sum, one);
    let lost = m.sub(power, used);
    let p = m.add(p, lost);
    let denominator = m.add(sum, p);
    m.div(power, denominator)
}
