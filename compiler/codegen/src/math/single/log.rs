//! Logarithms in single precision.
//!
//! x = 2^k (1 + f) with 1 + f in [2/3, 4/3), where log(1 + f) is a polynomial: it needs no division,
//! and near one, where k = 0, nothing cancels.

use cranelift_codegen::ir::{InstBuilder, Value, types};

use super::super::builder::MathBuilder;
use super::exp::{LN2_HIGH, LN2_LOW};

const BITS_OF_TWO_THIRDS: i64 = 0x3f2a_aaab;

/// (log(1 + f) - f + f^2/2) / f^3 on |f| <= 1/3; log(1 + f) with relative error 2^-30.1.
const LOG: [f64; 9] =
    [0.11922165, -0.1284642, 0.10778729, -0.12195453, 0.1430197, -0.16679603, 0.19999701, -0.2499982, 0.33333334];
/// log2(1 + f) / f - `LOG2_E_HIGH` on |f| <= 1/3; log2(1 + f) with relative error 2^-27.8.
const LOG2: [f64; 10] = [
    -0.1899456,
    0.2032315,
    -0.17468973,
    0.20170018,
    -0.24075335,
    0.28871822,
    -0.3606668,
    0.48089582,
    -0.7213476,
    2.4970833e-8,
];
/// log2(e), which is rounded to single precision where it is used; the last coefficient of `LOG2` makes up for the rest.
const LOG2_E_HIGH: f64 = std::f64::consts::LOG2_E;

/// The exponent k that brings the number with these bits into [2/3, 4/3), as an integer.
fn exponent(m: &mut MathBuilder<'_, '_>, bits: Value) -> Value {
    let offset = m.iadd_c(bits, -BITS_OF_TWO_THIRDS);
    m.sshr(offset, 23)
}

fn to_float(m: &mut MathBuilder<'_, '_>, k: Value) -> Value {
    let ty = types::F32.by(m.ty(k).lane_count()).unwrap_or(types::F32);
    m.builder.ins().fcvt_from_sint(ty, k)
}

/// (k, f) with x = 2^k (1 + f), for positive finite x.
fn split(m: &mut MathBuilder<'_, '_>, x: Value) -> (Value, Value) {
    let denormal = m.lt_c(x, f64::from(f32::MIN_POSITIVE));
    let scaled = m.mul_c(x, 8_388_608.0);
    let normal = m.select(denormal, scaled, x);
    let correction = m.mask_c(x, denormal, -23.0);
    let bits = m.to_bits(normal);
    let k = exponent(m, bits);
    let shift = m.ishl(k, 23);
    let fraction = m.isub(bits, shift);
    let fraction = m.from_bits(fraction);
    let f = m.add_c(fraction, -1.0);
    let k = to_float(m, k);
    (m.add(k, correction), f)
}

/// k ln(2) + log(1 + f).
fn combine(m: &mut MathBuilder<'_, '_>, k: Value, f: Value) -> Value {
    let square = m.mul(f, f);
    let y = m.poly(f, &LOG);
    let y = m.fma_add_c(y, f, -0.5);
    let y = m.mul(y, square);
    let y = m.fma_c(k, LN2_LOW, y);
    let y = m.add(y, f);
    m.fma_c(k, LN2_HIGH, y)
}

/// Puts the values of a logarithm at infinity, NaN, below zero and at zero, where `x` is the
/// argument (for log1p: one plus it).
fn special(m: &mut MathBuilder<'_, '_>, x: Value, y: Value) -> Value {
    let finite = m.lt_c(x, f64::INFINITY);
    let y = m.select(finite, y, x);
    let negative = m.lt_c(x, 0.0);
    let y = m.nan_where(negative, y);
    let zero = m.eq_c(x, 0.0);
    m.put_c(zero, f64::NEG_INFINITY, y)
}

/// ln(x).
pub(super) fn log(m: &mut MathBuilder<'_, '_>, x: Value) -> Value {
    let (k, f) = split(m, x);
    let y = combine(m, k, f);
    special(m, x, y)
}

/// log2(x) = k + f (c + q(f)), c in two parts.
pub(super) fn log2(m: &mut MathBuilder<'_, '_>, x: Value) -> Value {
    let (k, f) = split(m, x);
    let y = m.poly(f, &LOG2);
    let y = m.mul(y, f);
    let y = m.fma_c(f, LOG2_E_HIGH, y);
    let y = m.add(y, k);
    special(m, x, y)
}

/// ln(1 + x): with k from the rounded sum, f = 2^-k x + (2^-k - 1) has one rounding only.
pub(super) fn log1p(m: &mut MathBuilder<'_, '_>, x: Value) -> Value {
    let sum = m.add_c(x, 1.0);
    let sum_bits = m.to_bits(sum);
    let k = exponent(m, sum_bits);
    // Four times everything, because 2^-k is denormal for the largest k.
    let shift = m.ishl(k, 23);
    let bits_of_four = m.iconst(m.ty(x), 0x4080_0000);
    let scale = m.isub(bits_of_four, shift);
    let scale = m.from_bits(scale);
    let rest = m.add_c(scale, -4.0);
    let f = m.fma(x, scale, rest);
    let f = m.mul_c(f, 0.25);
    let k = to_float(m, k);
    let y = combine(m, k, f);
    let y = special(m, sum, y);
    // Keeps the sign of zeros.
    let magnitude = m.abs(x);
    let tiny = m.lt_c(magnitude, 2f64.powi(-25));
    m.select(tiny, x, y)
}
