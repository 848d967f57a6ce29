//! `exp` and its relatives in single precision.
//!
//! All of them reduce x to n ln(2) + r with |r| <= ln(2)/2 and integer n, and use the same
//! polynomial q with e^r = 1 + r + r^2 q(r) (`coefficients.sollya`). Rounding to n is done by adding
//! 1.5 * 2^23, which leaves n in the low bits of the sum: no conversion is needed to make 2^n.

use cranelift_codegen::ir::Value;

use super::super::builder::MathBuilder;

/// 1.5 * 2^23. Added to a number below 2^22 it leaves the nearest integer in the mantissa.
pub(super) const ROUNDER: f64 = 12_582_912.0;
/// The exponent's bits of a single.
const EXPONENT: i64 = 0x7f80_0000;
/// The bias of an exponent.
pub(super) const ONE_POWER: f64 = 127.0;
/// The bias of a sum of two exponents.
const TWO_POWERS: f64 = 254.0;

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

/// (tanh(x)/x - 1) / z in z = x^2, |x| <= 11/16; tanh with relative error 2^-26.4.
const TANH: [f64; 5] = [-0.0052501066, 0.0202118475, -0.05360299, 0.13329746, -0.33333218];

/// x = n ln(2) + r.
struct Reduced {
    /// The low bits of this integer are n plus the bias, the rest is of no use.
    n_bits: Value,
    n: Value,
    /// x less n times the high part of ln(2), without rounding.
    high: Value,
    r: Value,
}

/// `bias`, which costs nothing here, makes the low bits of `n_bits` an exponent field.
fn reduce(m: &mut MathBuilder<'_, '_>, x: Value, bias: f64) -> Reduced {
    let rounder = m.fconst(m.ty(x), ROUNDER + bias);
    let shifted = m.fma_c(x, std::f64::consts::LOG2_E, rounder);
    let n = m.sub(shifted, rounder);
    let high = m.fma_c(n, -LN2_HIGH, x);
    let r = m.fma_c(n, -LN2_LOW, high);
    Reduced { n_bits: m.to_bits(shifted), n, high, r }
}

/// 2^n for -126 <= n <= 127, from bits biased by [`ONE_POWER`].
fn power_of_two(m: &mut MathBuilder<'_, '_>, n_bits: Value) -> Value {
    let bits = m.ishl(n_bits, 23);
    m.from_bits(bits)
}

/// Two powers with the product 2^n for any n in [-252, 254], from bits biased by [`TWO_POWERS`]: results may
/// be denormal or overflow.
fn powers_of_two(m: &mut MathBuilder<'_, '_>, n_bits: Value) -> (Value, Value) {
    let first = m.ishl(n_bits, 22);
    let first = m.iand_c(first, EXPONENT);
    let both = m.ishl(n_bits, 23);
    let second = m.isub(both, first);
    (m.from_bits(first), m.from_bits(second))
}

/// x 2^n with one rounding, from n and its bits biased by [`TWO_POWERS`].
fn scale(m: &mut MathBuilder<'_, '_>, x: Value, n: Value, n_bits: Value) -> Value {
    if m.wide {
        return m.scale(x, n);
    }
    let (first, second) = powers_of_two(m, n_bits);
    let x = m.mul(x, first);
    m.mul(x, second)
}

/// e^x.
pub(super) fn exp(m: &mut MathBuilder<'_, '_>, x: Value) -> Value {
    // Above 88.73 everything overflows, below -104 everything rounds to zero; the scaling does it.
    let x = m.at_most(x, 89.0);
    let x = m.at_least(x, -104.0);
    let Reduced { n_bits, n, r, .. } = reduce(m, x, TWO_POWERS);
    let y = exp_reduced(m, r);
    scale(m, y, n, n_bits)
}

/// 2^x, by its own polynomial: r = x - n is exact.
pub(super) fn exp2(m: &mut MathBuilder<'_, '_>, x: Value) -> Value {
    let x = m.at_most(x, 129.0);
    let x = m.at_least(x, -151.0);
    let rounder = m.fconst(m.ty(x), ROUNDER + TWO_POWERS);
    let shifted = m.add(x, rounder);
    let n = m.sub(shifted, rounder);
    let r = m.sub(x, n);
    let y = exp2_reduced(m, r);
    let n_bits = m.to_bits(shifted);
    scale(m, y, n, n_bits)
}

/// 2^r for |r| <= 1/2.
pub(super) fn exp2_reduced(m: &mut MathBuilder<'_, '_>, r: Value) -> Value {
    let y = m.poly(r, &EXP2);
    m.fma_add_c(y, r, 1.0)
}

/// (r, 2^n) with n the integer nearest to c x and r = c x - n, |c x| <= 126. The rounding of c, and without fused
/// multiply-add that of c x, is an error of r.
pub(super) fn exp2_parts(m: &mut MathBuilder<'_, '_>, x: Value, c: f64) -> (Value, Value) {
    let rounder = m.fconst(m.ty(x), ROUNDER + ONE_POWER);
    let shifted = m.fma_c(x, c, rounder);
    let minus_n = m.sub(rounder, shifted);
    let r = m.fma_c(x, c, minus_n);
    let n_bits = m.to_bits(shifted);
    (r, power_of_two(m, n_bits))
}

/// e^r.
fn exp_reduced(m: &mut MathBuilder<'_, '_>, r: Value) -> Value {
    if m.fma {
        let q = m.poly(r, &Q);
        let y = m.fma_add_c(q, r, 1.0);
        m.fma_add_c(y, r, 1.0)
    } else {
        // One operation more, but fewer roundings of large terms.
        let p = expm1_reduced(m, r);
        m.add_c(p, 1.0)
    }
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
    // Half of it, doubled at the end: 2^n may be 2^128.
    let Reduced { n_bits, r, .. } = reduce(m, bounded, ONE_POWER - 1.0);
    let p = expm1_reduced(m, r);
    let half_power = power_of_two(m, n_bits);
    let rest = m.add_c(half_power, -0.5);
    let half = m.fma(half_power, p, rest);
    let y = m.add(half, half);
    // Keeps the sign of zeros and the bits of denormals.
    let magnitude = m.abs(x);
    let tiny = m.lt_c(magnitude, 2f64.powi(-25));
    m.select(tiny, x, y)
}

/// tanh(x) = x + x z p(z) with z = x^2 below 11/16, 1 - 2 / (e^(2|x|) + 1) with the sign of x above.
pub(super) fn tanh(m: &mut MathBuilder<'_, '_>, x: Value) -> Value {
    let square = m.mul(x, x);
    let p = m.poly(square, &TANH);
    let p = m.mul(p, square);
    let small = m.fma(p, x, x);

    let sign = m.sign_of(x);
    let magnitude = m.fxor(x, sign);
    // tanh(9.02) already rounds to one.
    let bounded = m.at_most(magnitude, 10.0);
    let denominator = exp_2x_plus_1(m, bounded);
    let quotient = m.rdiv_c(2.0, denominator);
    let large = m.rsub_c(1.0, quotient);

    let is_small = m.lt_c(square, 0.6875 * 0.6875);
    let y = m.select(is_small, small, large);
    m.for_bits(y, sign)
}

/// e^(2x) + 1 for 0 <= x <= 43, with one rounding of large terms: 2^n + 1 is exact below n = 24.
fn exp_2x_plus_1(m: &mut MathBuilder<'_, '_>, x: Value) -> Value {
    if m.fma {
        let (r, power) = exp2_parts(m, x, 2.0 * std::f64::consts::LOG2_E);
        let factor = m.poly(r, &EXP2);
        let scaled = m.mul(r, power);
        let sum = m.add_c(power, 1.0);
        m.fma(factor, scaled, sum)
    } else {
        let double = m.add(x, x);
        let Reduced { n_bits, r, .. } = reduce(m, double, ONE_POWER);
        let power = power_of_two(m, n_bits);
        let p = expm1_reduced(m, r);
        let sum = m.add_c(power, 1.0);
        m.fma(power, p, sum)
    }
}

/// 1 / (1 + e^-x) = 2^n / (2^n + 1 + (e^-r - 1)), where x = n ln(2) + r: the power of two is exact
/// above and below, so that the small results at negative x keep their accuracy.
pub(super) fn logistic(m: &mut MathBuilder<'_, '_>, x: Value) -> Value {
    let x = m.at_most(x, 40.0);
    let x = m.at_least(x, -104.0);
    let Reduced { n_bits, n, high, r } = reduce(m, x, TWO_POWERS);
    // What rounding added to r; a quarter of an ulp of the result.
    let lost = m.sub(r, high);
    let lost = m.fma_c(n, LN2_LOW, lost);
    // e^-r - 1 = r^2 q(-r) + lost - r
    let q = m.poly(r, &Q_OF_MINUS_R);
    let square = m.mul(r, r);
    let tail = m.fma(q, square, lost);
    let p = m.sub(tail, r);
    let one = m.fconst(m.ty(x), 1.0);
    let power = scale(m, one, n, n_bits);
    let sum = m.add(power, one);
    // What rounding took from a small power.
    let used = m.sub(sum, one);
    let lost = m.sub(power, used);
    let p = m.add(p, lost);
    let denominator = m.add(sum, p);
    m.div(power, denominator)
}
