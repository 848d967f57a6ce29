//! Inverse trigonometric functions in double precision.

use std::f64::consts::{FRAC_PI_2, FRAC_PI_4};

use cranelift_codegen::ir::Value;

use super::super::builder::MathBuilder;
use super::super::externs::ExternFn;
use super::dd::{self, Dd, exact, fast_two_sum, quotient, two_prod, two_sum};
use super::exp::keep_tiny;

/// (asin(x)/x - 1) / z in z = x^2, |x| <= 1/2; asin with relative error 2^-59.9.
const ASIN: [f64; 13] = [
    0.03268036794109411,
    -0.02108311275763942,
    0.02176782211830151,
    0.003681164963225795,
    0.010787057252689079,
    0.011397675072919056,
    0.01398097478014411,
    0.0173515988763912,
    0.022372215735387165,
    0.030381942680599038,
    0.04464285717519419,
    0.07499999999970168,
    0.16666666666666763,
];
/// (atan(x)/x - 1) / z in z = x^2, |x| <= 7/16; atan with relative error 2^-57.8.
const ATAN: [f64; 11] = [
    -0.016276213021713164,
    0.03652177545823092,
    -0.049764464894111245,
    0.05833462679018179,
    -0.06661056503896118,
    0.07691874547890792,
    -0.09090887027081952,
    0.11111110401187284,
    -0.1428571427240261,
    0.1999999999987526,
    -0.33333333333332926,
];
/// pi/2 less its nearest double.
const FRAC_PI_2_ERROR: f64 = 6.123233995736766e-17;

/// asin(s) = s + (c + s R), where s is |x|, or sqrt((1 - |x|)/2) for |x| > 1/2 and then
/// asin(x) = pi/2 - 2 asin(s).
struct Arc {
    large: super::super::builder::Mask,
    s: Value,
    rest: Value,
}

fn arc(m: &mut MathBuilder<'_, '_>, magnitude: Value) -> Arc {
    let large = m.gt_c(magnitude, 0.5);
    let half = m.mul_c(magnitude, -0.5);
    let complement = m.add_c(half, 0.5);
    let square = m.mul(magnitude, magnitude);
    let z = m.select(large, complement, square);
    let root = m.sqrt(complement);
    let s = m.select(large, root, magnitude);
    // What rounding took from the root.
    let Dd { high, low } = two_prod(m, root, root);
    let lost = m.sub(complement, high);
    let lost = m.sub(lost, low);
    let twice = m.add(root, root);
    let twice = m.at_least(twice, 1e-300);
    let c = m.div(lost, twice);
    let zero = m.fconst(m.ty(magnitude), 0.0);
    let c = m.select(large, c, zero);
    let p = m.poly(z, &ASIN);
    let p = m.mul(p, z);
    Arc { large, s, rest: m.fma(p, s, c) }
}

/// pi/2 - 2 (s + rest).
fn from_right_angle(m: &mut MathBuilder<'_, '_>, s: Value, rest: Value) -> Dd {
    let quarter_turn = m.fconst(m.ty(s), FRAC_PI_2);
    let minus_two_s = m.mul_c(s, -2.0);
    let Dd { high, low } = fast_two_sum(m, quarter_turn, minus_two_s);
    let low = m.fma_c(rest, -2.0, low);
    let low = m.add_c(low, FRAC_PI_2_ERROR);
    Dd { high, low }
}

/// asin(x).
pub(super) fn asin(m: &mut MathBuilder<'_, '_>, x: Value) -> Value {
    let sign = m.sign_of(x);
    let magnitude = m.fxor(x, sign);
    let Arc { large, s, rest } = arc(m, magnitude);
    let above = from_right_angle(m, s, rest);
    let y = dd::select(m, large, above, Dd { high: s, low: rest });
    let y = dd::sum(m, y);
    m.for_bits(y, sign)
}

/// acos(x) = pi/2 - asin(x), which for |x| > 1/2 is 2 asin(s) or pi - 2 asin(s).
pub(super) fn acos(m: &mut MathBuilder<'_, '_>, x: Value) -> Value {
    let magnitude = m.abs(x);
    let Arc { large, s, rest } = arc(m, magnitude);
    let sign = m.sign_of(x);
    // Small: pi/2 - (s + rest) with the sign of x. Large: 2 s + 2 rest, or pi less that.
    let signed_s = m.fxor(s, sign);
    let signed_rest = m.fxor(rest, sign);
    let quarter_turn = m.fconst(m.ty(x), FRAC_PI_2);
    let zero = m.fconst(m.ty(x), 0.0);
    let negated = m.neg(signed_s);
    let small = fast_two_sum(m, quarter_turn, negated);
    let small_low = m.sub(small.low, signed_rest);
    let small_low = m.add_c(small_low, FRAC_PI_2_ERROR);

    let negative = m.lt_c(x, 0.0);
    let turn = m.add(quarter_turn, quarter_turn);
    let base = m.select(negative, turn, zero);
    let error = m.mask_c(x, negative, 2.0 * FRAC_PI_2_ERROR);
    let twice = m.add(signed_s, signed_s);
    let big = fast_two_sum(m, base, twice);
    let big_low = m.fma_c(signed_rest, 2.0, big.low);
    let big_low = m.add(big_low, error);
    let y = dd::select(m, large, Dd { high: big.high, low: big_low }, Dd { high: small.high, low: small_low });
    dd::sum(m, y)
}

/// atan(y / x) for non-negative y and x.
///
/// The quotient is brought into [-tan(pi/8), tan(pi/8)] by taking (y - x)/(y + x) and adding pi/4 in
/// the middle, and -x/y and adding pi/2 above; it is kept in two doubles.
fn atan_of_ratio(m: &mut MathBuilder<'_, '_>, y: Value, x: Value) -> Dd {
    let ty = m.ty(x);
    let low_bound = m.mul_c(x, 0.41421356237309503);
    let above_low = m.lt(low_bound, y);
    let high_bound = m.mul_c(x, 2.414213562373095);
    let above_high = m.lt(high_bound, y);

    let minus_x = m.neg(x);
    let difference = two_sum(m, y, minus_x);
    let total = two_sum(m, y, x);
    let (exact_x, exact_y) = (exact(m, x), exact(m, y));
    let exact_minus_x = exact(m, minus_x);
    let numerator = dd::select(m, above_low, difference, exact_y);
    let numerator = dd::select(m, above_high, exact_minus_x, numerator);
    let denominator = dd::select(m, above_low, total, exact_x);
    let denominator = dd::select(m, above_high, exact_y, denominator);
    let t = quotient(m, numerator, denominator);

    let zero = m.fconst(ty, 0.0);
    let middle = m.fconst(ty, FRAC_PI_4);
    let base = m.select(above_low, middle, zero);
    let base = m.put_c(above_high, FRAC_PI_2, base);
    let middle = m.fconst(ty, FRAC_PI_2_ERROR / 2.0);
    let base_error = m.select(above_low, middle, zero);
    let base_error = m.put_c(above_high, FRAC_PI_2_ERROR, base_error);

    let z = m.mul(t.high, t.high);
    let p = m.poly(z, &ATAN);
    let p = m.mul(p, z);
    let rest = m.fma(p, t.high, t.low);
    let rest = m.add(rest, base_error);
    let Dd { high, low } = fast_two_sum(m, base, t.high);
    Dd { high, low: m.add(low, rest) }
}

/// atan(x).
pub(super) fn atan(m: &mut MathBuilder<'_, '_>, x: Value) -> Value {
    let sign = m.sign_of(x);
    let magnitude = m.fxor(x, sign);
    // Beyond 2^60 the result does not change, and infinities would spoil the quotient.
    let bounded = m.at_most(magnitude, 2f64.powi(60));
    let one = m.fconst(m.ty(x), 1.0);
    let y = atan_of_ratio(m, bounded, one);
    let y = dd::sum(m, y);
    let y = m.for_bits(y, sign);
    keep_tiny(m, x, y, 30)
}

/// The angle of the point (x, y). Coordinates beyond 2^500, or both below 2^-500, take the slow
/// path: sums and products of them could overflow or underflow.
pub(super) fn atan2(m: &mut MathBuilder<'_, '_>, y: Value, x: Value) -> Value {
    let y_sign = m.sign_of(y);
    let y_magnitude = m.fxor(y, y_sign);
    let x_magnitude = m.abs(x);
    let angle = atan_of_ratio(m, y_magnitude, x_magnitude);
    // In the left half-plane, pi less the angle.
    let zero = m.fconst(m.ty(x), 0.0);
    let left = m.lt(x, zero);
    let half_turn = m.fconst(m.ty(x), std::f64::consts::PI);
    let negated = m.neg(angle.high);
    let mirrored = fast_two_sum(m, half_turn, negated);
    let mirrored_low = m.sub(mirrored.low, angle.low);
    let mirrored_low = m.add_c(mirrored_low, 2.0 * FRAC_PI_2_ERROR);
    let mirrored = Dd { high: mirrored.high, low: mirrored_low };
    let result = dd::select(m, left, mirrored, angle);
    let result = dd::sum(m, result);
    let result = m.for_bits(result, y_sign);

    let largest = m.greater(x_magnitude, y_magnitude);
    let either_nan = m.fcmp(cranelift_codegen::ir::condcodes::FloatCC::Unordered, x, y);
    let huge = m.gt_c(largest, 2f64.powi(500));
    let small = m.lt_c(largest, 2f64.powi(-500));
    // Without fused multiply-add the remainder of a tiny number's quotient underflows; zeros are exact.
    let smallest = m.lesser(x_magnitude, y_magnitude);
    let tiny = m.lt_c(smallest, 2f64.powi(-900));
    let nonzero = m.gt_c(smallest, 0.0);
    let tiny = m.both(tiny, nonzero);
    let rare = m.either(huge, small);
    let rare = m.either(rare, tiny);
    let rare = m.either(rare, either_nan);
    m.slow_path(rare, result, ExternFn::Atan2, &[y, x])
}
