//! Powers.
//!
//! |x|^y = e^(y ln|x|). The error of the logarithm is multiplied by up to 745, so it is computed in
//! two doubles, to about 2^-65; its first two series terms are taken in two doubles, the rest is
//! small. For single-precision results plain logarithms and powers to base two are enough.

use cranelift_codegen::ir::Value;
use cranelift_codegen::ir::condcodes::FloatCC;

use super::super::builder::{Mask, MathBuilder};
use super::dd::{Dd, exact, fast_two_sum, product, quotient, two_prod, two_sum};
use super::exp::{LN2_HIGH, mantissa, parts, scale};
use super::log::{Split, log2_finite, split};

/// ln(2) less `LN2_HIGH`; its product with k need not be exact.
const LN2_MIDDLE: f64 = 1.9082149292705877e-10;
/// 2/3 less its nearest double.
const TWO_THIRDS_ERROR: f64 = 3.700743415417188e-17;
/// (log((1 + s)/(1 - s))/s - 2 - 2z/3) / z^2 in z = s^2, |s| <= 3 - 2 sqrt(2); as it is used, the
/// logarithm has relative error 2^-72.
const L2: [f64; 8] = [
    0.11982142153712583,
    0.1167574323750279,
    0.13336265852917012,
    0.15384558406965093,
    0.18181818844106348,
    0.22222222217790297,
    0.28571428571443835,
    0.3999999999999998,
];

/// ln of a positive finite number.
fn log_dd(m: &mut MathBuilder<'_, '_>, x: Value) -> Dd {
    let ty = m.ty(x);
    let Split { k, f } = split(m, x);
    let two = m.fconst(ty, 2.0);
    let denominator = two_sum(m, two, f);
    let f = exact(m, f);
    let s = quotient(m, f, denominator);
    let s = fast_two_sum(m, s.high, s.low);
    let z = product(m, s, s);
    let l = m.poly(z.high, &L2);
    // 2/3 + z l(z)
    let two_thirds = m.fconst(ty, 2.0 / 3.0);
    let zl = m.mul(z.high, l);
    let inner = fast_two_sum(m, two_thirds, zl);
    let low = m.add_c(inner.low, TWO_THIRDS_ERROR);
    let inner = product(m, z, Dd { high: inner.high, low });
    let inner = product(m, s, inner);
    // k ln(2) + 2 s + s z (2/3 + z l(z))
    let double_s = Dd { high: m.add(s.high, s.high), low: m.add(s.low, s.low) };
    let main = m.mul_c(k, LN2_HIGH);
    let first = two_sum(m, main, double_s.high);
    let second = two_sum(m, first.high, inner.high);
    let middle = m.mul_c(k, LN2_MIDDLE);
    let third = two_sum(m, second.high, middle);
    let low = m.add(double_s.low, inner.low);
    let low = m.add(low, third.low);
    let low = m.add(low, second.low);
    let low = m.add(low, first.low);
    fast_two_sum(m, third.high, low)
}

/// x^y. `single`: the result is only wanted to single precision.
pub(super) fn pow(m: &mut MathBuilder<'_, '_>, x: Value, y: Value, single: bool) -> Value {
    let magnitude = m.abs(x);
    let result = if single { power_to_single(m, magnitude, y) } else { power(m, magnitude, y) };
    special(m, x, y, magnitude, result)
}

/// The logarithm's values at zero and infinity.
fn log_limits(m: &mut MathBuilder<'_, '_>, magnitude: Value, log: Value) -> Value {
    let zero = m.eq_c(magnitude, 0.0);
    let log = m.put_c(zero, f64::NEG_INFINITY, log);
    let finite = m.lt_c(magnitude, f64::INFINITY);
    m.select(finite, log, magnitude)
}

fn power(m: &mut MathBuilder<'_, '_>, magnitude: Value, y: Value) -> Value {
    let log = log_dd(m, magnitude);
    let high = log_limits(m, magnitude, log.high);
    let p = two_prod(m, y, high);
    let low = m.fma(y, log.low, p.low);
    let bounded = m.at_most(p.high, 720.0);
    let bounded = m.at_least(bounded, -760.0);
    // Beyond the bounds the low part may be infinite or not a number.
    let inside = m.fcmp(FloatCC::Equal, bounded, p.high);
    let zero = m.fconst(m.ty(y), 0.0);
    let low = m.select(inside, low, zero);
    let parts = parts(m, bounded, Some(low));
    let Dd { high, .. } = mantissa(m, &parts);
    scale(m, high, parts.power)
}

fn power_to_single(m: &mut MathBuilder<'_, '_>, magnitude: Value, y: Value) -> Value {
    let Split { k, f } = split(m, magnitude);
    let log = log2_finite(m, k, f);
    let log = log_limits(m, magnitude, log);
    let p = m.mul(y, log);
    super::exp::exp2(m, p)
}

/// The special cases of C99, from |x|^y computed with ln(0) = -inf and ln(inf) = inf.
fn special(m: &mut MathBuilder<'_, '_>, x: Value, y: Value, magnitude: Value, result: Value) -> Value {
    let ty = m.ty(x);
    let whole = m.trunc(y);
    let is_whole = m.fcmp(FloatCC::Equal, whole, y);
    let half = m.mul_c(y, 0.5);
    let half_whole = m.trunc(half);
    let is_even = m.fcmp(FloatCC::Equal, half_whole, half);
    // Odd: whole, and its half is not. The sign of x is kept.
    let sign = m.sign_of(x);
    let zero = m.fconst(ty, 0.0);
    let flip = m.select(is_even, zero, sign);
    let flip = m.select(is_whole, flip, zero);
    let result = m.fxor(result, flip);
    // A negative finite number to a broken power.
    let negative = m.lt(x, zero);
    let finite = m.gt_c(x, f64::NEG_INFINITY);
    let bad = m.both(negative, finite);
    let not_whole = m.not(is_whole);
    let bad: Mask = m.both(bad, not_whole);
    let result = m.nan_where(bad, result);
    // (-1)^inf, 1^anything, anything^0, even of NaNs.
    let unit = m.eq_c(magnitude, 1.0);
    let y_magnitude = m.abs(y);
    let endless = m.eq_c(y_magnitude, f64::INFINITY);
    let unit_endless = m.both(unit, endless);
    let one = m.eq_c(x, 1.0);
    let trivial = m.eq_c(y, 0.0);
    let trivial = m.either(trivial, one);
    let trivial = m.either(trivial, unit_endless);
    m.put_c(trivial, 1.0, result)
}
