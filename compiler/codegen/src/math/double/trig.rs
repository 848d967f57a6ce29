//! Sine, cosine and tangent in double precision.
//!
//! |x| = j pi/2 + r + c with |r| <= pi/4 by fdlibm's medium-size reduction (`e_rem_pio2.c`): pi/2 in
//! parts of 33 bits, whose products with j are exact up to j = 2^20, all three steps always. Larger
//! arguments, infinities and NaNs take the slow path.

use cranelift_codegen::ir::Value;
use cranelift_codegen::ir::condcodes::FloatCC;

use super::super::builder::{Mask, MathBuilder};
use super::super::externs::ExternFn;
use super::dd::{self, Dd, fast_two_sum, quotient};
use super::exp::{ROUNDER, keep_tiny};

/// (sin(r) - r) / r^3 in z = r^2, |r| <= pi/4; sin with relative error 2^-58.
const SIN: [f64; 6] = [
    1.5896700321782946e-10,
    -2.5050757038164415e-08,
    2.755731368962274e-06,
    -0.00019841269829818915,
    0.00833333333332246,
    -0.16666666666666632,
];
/// (cos(r) - 1 + z/2) / z^2 in z = r^2, |r| <= pi/4; cos with error 2^-64.2.
const COS: [f64; 6] = [
    -1.1359824287943471e-11,
    2.0875727465660744e-09,
    -2.7557314390242683e-07,
    2.480158728964447e-05,
    -0.001388888888887445,
    0.0416666666666666,
];

/// pi/2 in parts of 33 bits, and the rest (fdlibm's pio2_1, pio2_2, pio2_3, pio2_3t).
const PART1: f64 = 1.5707963267341256;
const PART2: f64 = 6.077100506303966e-11;
const PART3: f64 = 2.0222662487111665e-21;
const PART4: f64 = 8.4784276603689e-32;
/// The largest argument they are good for.
const LIMIT: f64 = 1e6;

struct Reduced {
    /// The low bits of this integer are j.
    j_bits: Value,
    r: Dd,
}

fn reduce(m: &mut MathBuilder<'_, '_>, magnitude: Value) -> Reduced {
    let rounder = m.fconst(m.ty(magnitude), ROUNDER);
    let shifted = m.fma_c(magnitude, std::f64::consts::FRAC_2_PI, rounder);
    let j = m.sub(shifted, rounder);
    let first = m.fma_c(j, -PART1, magnitude);
    let (second, lost2) = subtract(m, first, j, PART2);
    let (third, lost3) = subtract(m, second, j, PART3);
    let lost = m.add(lost2, lost3);
    let lost = m.fma_c(j, -PART4, lost);
    Reduced { j_bits: m.to_bits(shifted), r: fast_two_sum(m, third, lost) }
}

/// (r - j part, what rounding took), the product being exact.
fn subtract(m: &mut MathBuilder<'_, '_>, r: Value, j: Value, part: f64) -> (Value, Value) {
    let product = m.mul_c(j, part);
    let result = m.sub(r, product);
    let lost = m.sub(r, result);
    (result, m.sub(lost, product))
}

/// sin(r + c) as r plus the rest.
fn sin_parts(m: &mut MathBuilder<'_, '_>, r: Dd, z: Value) -> Dd {
    let p = m.poly(z, &SIN);
    let cube = m.mul(z, r.high);
    // c cos(r) to within what c is known to.
    let half_z = m.mul_c(z, -0.5);
    let c = m.fma(r.low, half_z, r.low);
    let low = m.fma(p, cube, c);
    Dd { high: r.high, low }
}

/// cos(r + c) as 1 - z/2, rounded, plus the rest.
fn cos_parts(m: &mut MathBuilder<'_, '_>, r: Dd, z: Value) -> Dd {
    let p = m.poly(z, &COS);
    let half_z = m.mul_c(z, 0.5);
    let high = m.rsub_c(1.0, half_z);
    let lost = m.rsub_c(1.0, high);
    let lost = m.sub(lost, half_z);
    let low = m.fnma(r.high, r.low, lost);
    let square = m.mul(z, z);
    let low = m.fma(p, square, low);
    Dd { high, low }
}

fn is_even(m: &mut MathBuilder<'_, '_>, j_bits: Value) -> Mask {
    let odd = m.iand_c(j_bits, 1);
    m.ieq_c(odd, 0)
}

/// The sine of j pi/2 + r: plus or minus sin(r) or cos(r).
fn sine(m: &mut MathBuilder<'_, '_>, j_bits: Value, r: Dd) -> Value {
    let z = m.mul(r.high, r.high);
    let s = sin_parts(m, r, z);
    let c = cos_parts(m, r, z);
    let even = is_even(m, j_bits);
    let y = dd::select(m, even, s, c);
    let y = dd::sum(m, y);
    let half_turn = m.ishl(j_bits, 62);
    let half_turn = m.from_bits(half_turn);
    let flip = m.sign_of(half_turn);
    m.fxor(y, flip)
}

fn beyond_limit(m: &mut MathBuilder<'_, '_>, magnitude: Value) -> Mask {
    let limit = m.fconst(m.ty(magnitude), LIMIT);
    m.fcmp(FloatCC::UnorderedOrGreaterThan, magnitude, limit)
}

/// sin(x).
pub(super) fn sin(m: &mut MathBuilder<'_, '_>, x: Value) -> Value {
    let sign = m.sign_of(x);
    let magnitude = m.fxor(x, sign);
    let Reduced { j_bits, r } = reduce(m, magnitude);
    let y = sine(m, j_bits, r);
    let y = m.fxor(y, sign);
    let rare = beyond_limit(m, magnitude);
    m.slow_path(rare, y, ExternFn::Sin, &[x])
}

/// cos(x) = sin(x + pi/2).
pub(super) fn cos(m: &mut MathBuilder<'_, '_>, x: Value) -> Value {
    let magnitude = m.abs(x);
    let Reduced { j_bits, r } = reduce(m, magnitude);
    let j_bits = m.iadd_c(j_bits, 1);
    let y = sine(m, j_bits, r);
    let rare = beyond_limit(m, magnitude);
    m.slow_path(rare, y, ExternFn::Cos, &[x])
}

/// tan(x) = sin(r) / cos(r) for even j, - cos(r) / sin(r) for odd j, in two doubles throughout.
pub(super) fn tan(m: &mut MathBuilder<'_, '_>, x: Value) -> Value {
    let sign = m.sign_of(x);
    let magnitude = m.fxor(x, sign);
    let Reduced { j_bits, r } = reduce(m, magnitude);
    let z = m.mul(r.high, r.high);
    let s = sin_parts(m, r, z);
    let s = fast_two_sum(m, s.high, s.low);
    let c = cos_parts(m, r, z);
    let c = fast_two_sum(m, c.high, c.low);
    let even = is_even(m, j_bits);
    let numerator = dd::select(m, even, s, c);
    let denominator = dd::select(m, even, c, s);
    let y = quotient(m, numerator, denominator);
    let y = dd::sum(m, y);
    let odd = m.ishl(j_bits, 63);
    let odd = m.from_bits(odd);
    let y = m.fxor(y, odd);
    let y = m.fxor(y, sign);
    let y = keep_tiny(m, x, y, 30);
    let rare = beyond_limit(m, magnitude);
    m.slow_path(rare, y, ExternFn::Tan, &[x])
}
