//! `exp` and its relatives in double precision.
//!
//! x = n ln(2) + r + c with |r| <= ln(2)/2 and c what rounding took from r, and
//! e^(r + c) = 1 + r + (r^2 q(r) + c). The functions differ in how they put the sum together; where
//! more than an addition follows, it is kept in two doubles.

use cranelift_codegen::ir::Value;

use super::super::builder::MathBuilder;
use super::dd::{Dd, exact, fast_two_sum, quotient, sum, two_prod, two_sum};

/// 1.5 * 2^52. Added to a number below 2^51 it leaves the nearest integer in the mantissa.
pub(super) const ROUNDER: f64 = 6_755_399_441_055_744.0;
const BITS_OF_ONE: i64 = 0x3ff0_0000_0000_0000;

/// ln(2) in two parts; the first has 32 bits, so its product with n is exact (fdlibm).
pub(super) const LN2_HIGH: f64 = 0.6931471803691238;
/// The rest of ln(2).
pub(super) const LN2_LOW: f64 = 1.9082149292705877e-10;
/// ln(2) less its nearest double.
const LN2_ERROR: f64 = 2.3190468138462996e-17;

/// (e^r - 1 - r) / r^2 on |r| <= ln(2)/2; e^r with relative error 2^-63.6.
const Q: [f64; 11] = [
    2.087497882118416e-09,
    2.5112650487254825e-08,
    2.755740477400155e-07,
    2.7557232901459346e-06,
    2.4801587170658736e-05,
    0.00019841269898620886,
    0.0013888888888960221,
    0.008333333333315969,
    0.04166666666666654,
    0.16666666666666685,
    0.5,
];

/// 2^n.
#[derive(Clone, Copy)]
pub(super) struct Power {
    /// The low bits of this integer are n.
    bits: Value,
    /// The number itself.
    n: Value,
}

/// e^x = 2^n (1 + r + tail).
pub(super) struct Parts {
    pub(super) power: Power,
    r: Value,
    tail: Value,
}

/// The parts of e^(x + low), where `low` is at most about an ulp of x.
pub(super) fn parts(m: &mut MathBuilder<'_, '_>, x: Value, low: Option<Value>) -> Parts {
    let rounder = m.fconst(m.ty(x), ROUNDER);
    let shifted = m.fma_c(x, std::f64::consts::LOG2_E, rounder);
    let n = m.sub(shifted, rounder);
    let high = m.fma_c(n, -LN2_HIGH, x);
    let r = m.fma_c(n, -LN2_LOW, high);
    let lost = m.sub(high, r);
    let lost = m.fma_c(n, -LN2_LOW, lost);
    let (r, lost) = match low {
        Some(low) => {
            let low = m.add(lost, low);
            let Dd { high, low } = two_sum(m, r, low);
            (high, low)
        }
        None => (r, lost),
    };
    let tail = tail(m, r, lost);
    Parts { power: Power { bits: m.to_bits(shifted), n }, r, tail }
}

/// e^(r + lost) - 1 - r.
fn tail(m: &mut MathBuilder<'_, '_>, r: Value, lost: Value) -> Value {
    let q = m.poly(r, &Q);
    let square = m.mul(r, r);
    m.fma(q, square, lost)
}

/// 1 + r + tail, between 0.7 and 1.42.
pub(super) fn mantissa(m: &mut MathBuilder<'_, '_>, parts: &Parts) -> Dd {
    let one = m.fconst(m.ty(parts.r), 1.0);
    let Dd { high, low } = fast_two_sum(m, one, parts.r);
    let low = m.add(low, parts.tail);
    fast_two_sum(m, high, low)
}

/// 2^(n + bias) for -1022 <= n + bias <= 1023.
pub(super) fn power_of_two(m: &mut MathBuilder<'_, '_>, n_bits: Value, bias: i64) -> Value {
    let exponent = m.ishl(n_bits, 52);
    let bits = m.iadd_c(exponent, BITS_OF_ONE + (bias << 52));
    m.from_bits(bits)
}

/// x 2^n with one rounding, for any n in [-2044, 2046]: results may be denormal or overflow.
pub(super) fn scale(m: &mut MathBuilder<'_, '_>, x: Value, power: Power) -> Value {
    if m.wide {
        return m.scale(x, power.n);
    }
    let half = m.ushr(power.bits, 1);
    let rest = m.isub(power.bits, half);
    let first = power_of_two(m, half, 0);
    let second = power_of_two(m, rest, 0);
    let x = m.mul(x, first);
    m.mul(x, second)
}

/// x between the arguments where everything overflows and where everything rounds to zero.
pub(super) fn bounded(m: &mut MathBuilder<'_, '_>, x: Value) -> Value {
    let x = m.at_most(x, 711.0);
    m.at_least(x, -747.0)
}

/// 1 + r + tail, rounded.
fn rounded_mantissa(m: &mut MathBuilder<'_, '_>, parts: &Parts) -> Value {
    let p = m.add(parts.r, parts.tail);
    m.add_c(p, 1.0)
}

/// e^x.
pub(super) fn exp(m: &mut MathBuilder<'_, '_>, x: Value) -> Value {
    let x = bounded(m, x);
    let parts = parts(m, x, None);
    let y = rounded_mantissa(m, &parts);
    scale(m, y, parts.power)
}

/// 2^x: x - n is exact, and its product with ln(2) is taken in two doubles.
pub(super) fn exp2(m: &mut MathBuilder<'_, '_>, x: Value) -> Value {
    let x = m.at_most(x, 1025.0);
    let x = m.at_least(x, -1077.0);
    let rounder = m.fconst(m.ty(x), ROUNDER);
    let shifted = m.add(x, rounder);
    let n = m.sub(shifted, rounder);
    let fraction = m.sub(x, n);
    let ln2 = m.fconst(m.ty(x), std::f64::consts::LN_2);
    let Dd { high: r, low } = two_prod(m, fraction, ln2);
    let lost = m.fma_c(fraction, LN2_ERROR, low);
    let tail = tail(m, r, lost);
    let parts = Parts { power: Power { bits: m.to_bits(shifted), n }, r, tail };
    let y = rounded_mantissa(m, &parts);
    scale(m, y, parts.power)
}

/// (e^x - 1) / 4, for x up to 710.6. A quarter, because 2^n may exceed the largest double.
fn quarter_expm1(m: &mut MathBuilder<'_, '_>, x: Value) -> Dd {
    let parts = parts(m, x, None);
    let power = power_of_two(m, parts.power.bits, -2);
    let rest = m.add_c(power, -0.25);
    // Only for n about 54 the subtraction rounds and matters.
    let rest_error = m.sub(power, rest);
    let rest_error = m.add_c(rest_error, -0.25);
    let main = m.mul(power, parts.r);
    let Dd { high, low } = fast_two_sum(m, rest, main);
    let low = m.add(low, rest_error);
    let low = m.fma(power, parts.tail, low);
    fast_two_sum(m, high, low)
}

/// `x` where |x| < 2^-bits, which keeps the sign of zeros and the bits of denormals; `y` elsewhere.
pub(super) fn keep_tiny(m: &mut MathBuilder<'_, '_>, x: Value, y: Value, bits: i32) -> Value {
    let magnitude = m.abs(x);
    let tiny = m.lt_c(magnitude, 2f64.powi(-bits));
    m.select(tiny, x, y)
}

/// e^x - 1.
pub(super) fn expm1(m: &mut MathBuilder<'_, '_>, x: Value) -> Value {
    let bounded = m.at_most(x, 710.6);
    let bounded = m.at_least(bounded, -40.0);
    let quarter = quarter_expm1(m, bounded);
    let quarter = sum(m, quarter);
    let y = m.mul_c(quarter, 4.0);
    keep_tiny(m, x, y, 54)
}

/// tanh(x) = t / (t + 2) with t = e^(2|x|) - 1, and the sign of x.
pub(super) fn tanh(m: &mut MathBuilder<'_, '_>, x: Value) -> Value {
    let sign = m.sign_of(x);
    let magnitude = m.fxor(x, sign);
    let double = m.add(magnitude, magnitude);
    let double = m.at_most(double, 44.0);
    let t = quarter_expm1(m, double);
    let half = m.fconst(m.ty(x), 0.5);
    let Dd { high, low } = two_sum(m, half, t.high);
    let low = m.add(low, t.low);
    let y = quotient(m, t, Dd { high, low });
    let y = sum(m, y);
    let y = m.for_bits(y, sign);
    keep_tiny(m, x, y, 30)
}

/// sinh(x) = (t + t / (t + 1)) / 2 with t = e^|x| - 1, and the sign of x.
pub(super) fn sinh(m: &mut MathBuilder<'_, '_>, x: Value) -> Value {
    let sign = m.sign_of(x);
    let magnitude = m.fxor(x, sign);
    let bounded = m.at_most(magnitude, 710.6);
    let quarter = quarter_expm1(m, bounded);
    // t + 1, where t may overflow: the quotient does not matter long before.
    let t = m.mul_c(quarter.high, 4.0);
    let t = m.at_most(t, 1e300);
    let one = m.fconst(m.ty(x), 1.0);
    let denominator = two_sum(m, t, one);
    let low = m.fma_c(quarter.low, 4.0, denominator.low);
    let ratio = quotient(m, quarter, Dd { high: denominator.high, low });
    let low = m.add(ratio.low, quarter.low);
    let low = m.add(low, ratio.high);
    let half = m.add(quarter.high, low);
    let y = m.add(half, half);
    let y = m.for_bits(y, sign);
    keep_tiny(m, x, y, 28)
}

/// cosh(x) = (e^|x| + e^-|x|) / 2.
pub(super) fn cosh(m: &mut MathBuilder<'_, '_>, x: Value) -> Value {
    let magnitude = m.abs(x);
    let bounded = m.at_most(magnitude, 710.6);
    let parts = parts(m, bounded, None);
    let Dd { high, low } = mantissa(m, &parts);
    let quarter = power_of_two(m, parts.power.bits, -2);
    let high = m.mul(high, quarter);
    let low = m.mul(low, quarter);
    // A quarter of e^-|x| from a quarter of e^|x|; zero where the product overflows.
    let sixteenfold = m.mul_c(high, 16.0);
    let inverse = m.rdiv_c(1.0, sixteenfold);
    let low = m.add(low, inverse);
    let half = m.add(high, low);
    m.add(half, half)
}

/// 1 / (1 + e^-x) as e^min(x, 0) / (1 + e^-|x|); the power of two of the numerator comes last, so
/// that denormal results are rounded once.
pub(super) fn logistic(m: &mut MathBuilder<'_, '_>, x: Value) -> Value {
    let ty = m.ty(x);
    let sign_bit = m.fconst(ty, -0.0);
    let negative_magnitude = m.for_bits(x, sign_bit);
    let bounded = m.at_least(negative_magnitude, -747.0);
    let parts = parts(m, bounded, None);
    let e = mantissa(m, &parts);
    let scaled = scale(m, e.high, parts.power);
    let scaled_low = scale(m, e.low, parts.power);
    let one = m.fconst(ty, 1.0);
    let Dd { high, low } = fast_two_sum(m, one, scaled);
    let low = m.add(low, scaled_low);
    let below = m.lt_c(x, 0.0);
    let unit = exact(m, one);
    let numerator = super::dd::select(m, below, e, unit);
    let y = quotient(m, numerator, Dd { high, low });
    let y = sum(m, y);
    let zero = m.iconst(ty, 0);
    let bits = m.select(below, parts.power.bits, zero);
    let zero = m.fconst(ty, 0.0);
    let n = m.select(below, parts.power.n, zero);
    scale(m, y, Power { bits, n })
}
