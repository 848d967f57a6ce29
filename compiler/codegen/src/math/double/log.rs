//! Logarithms in double precision.
//!
//! x = 2^k (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)); with s = f / (2 + f) and z = s^2,
//! log(1 + f) = 2s + s z l(z) = f - f^2/2 + s (f^2/2 + z l(z)), as in fdlibm's `e_log.c`; the order
//! of the final additions is fdlibm's too, and `log2` follows FreeBSD's `e_log2.c`.

use cranelift_codegen::ir::Value;

use super::super::builder::MathBuilder;
use super::dd::{Dd, truncate, two_sum};
use super::exp::{LN2_HIGH, LN2_LOW, keep_tiny};

const BITS_OF_ONE: i64 = 0x3ff0_0000_0000_0000;
/// The bits of sqrt(1/2), with the low half cleared.
const BITS_OF_SQRT_HALF: i64 = 0x3fe6_a09e_0000_0000;
const MANTISSA: i64 = 0x000f_ffff_ffff_ffff;
const BITS_OF_2_52: i64 = 0x4330_0000_0000_0000;

/// (log((1 + s)/(1 - s))/s - 2) / z in z = s^2, |s| <= 3 - 2 sqrt(2); relative error 2^-58.5.
const L: [f64; 7] = [
    0.14797720641788434,
    0.15313880364989055,
    0.1818357071360021,
    0.22222198455226205,
    0.28571428743492616,
    0.3999999999940987,
    0.6666666666666735,
];
/// log2(e), the first 33 bits.
const LOG2_E_HIGH: f64 = 1.4426950407214463;
/// The rest of log2(e).
const LOG2_E_LOW: f64 = 1.6751713164886512e-10;

/// x = 2^k (1 + f).
pub(super) struct Split {
    pub(super) k: Value,
    pub(super) f: Value,
}

/// Splits a positive normal number.
fn split_normal(m: &mut MathBuilder<'_, '_>, x: Value) -> Split {
    let ty = m.ty(x);
    let bits = m.to_bits(x);
    let moved = m.iadd_c(bits, BITS_OF_ONE - BITS_OF_SQRT_HALF);
    let biased = m.ushr(moved, 52);
    let fraction = m.iand_c(moved, MANTISSA);
    let fraction = m.iadd_c(fraction, BITS_OF_SQRT_HALF);
    let fraction = m.from_bits(fraction);
    let f = m.add_c(fraction, -1.0);
    // Vectors have no conversion from 64-bit integers: or with 2^52 and subtract it.
    let base = m.iconst(ty, BITS_OF_2_52);
    let k = m.iadd(biased, base);
    let k = m.from_bits(k);
    let k = m.add_c(k, -(4_503_599_627_370_496.0 + 1023.0));
    Split { k, f }
}

/// Splits a positive finite number.
pub(super) fn split(m: &mut MathBuilder<'_, '_>, x: Value) -> Split {
    let denormal = m.lt_c(x, f64::MIN_POSITIVE);
    let scaled = m.mul_c(x, 2f64.powi(54));
    let normal = m.select(denormal, scaled, x);
    let correction = m.mask_c(x, denormal, -54.0);
    let split = split_normal(m, normal);
    Split { k: m.add(split.k, correction), f: split.f }
}

/// (f^2/2, s (f^2/2 + z l(z))): log(1 + f) is f less the first plus the second.
fn series(m: &mut MathBuilder<'_, '_>, f: Value) -> (Value, Value) {
    let denominator = m.add_c(f, 2.0);
    let s = m.div(f, denominator);
    let z = m.mul(s, s);
    let l = m.poly(z, &L);
    let r = m.mul(l, z);
    let half_f = m.mul_c(f, 0.5);
    let half_square = m.mul(half_f, f);
    let r = m.add(r, half_square);
    (half_square, m.mul(s, r))
}

/// k ln(2) + log(1 + f) + low.
fn combine(m: &mut MathBuilder<'_, '_>, k: Value, f: Value, low: Option<Value>) -> Value {
    let (half_square, sr) = series(m, f);
    let sr = match low {
        Some(low) => m.add(sr, low),
        None => sr,
    };
    let y = m.fma_c(k, LN2_LOW, sr);
    let y = m.sub(half_square, y);
    let y = m.sub(f, y);
    m.fma_c(k, LN2_HIGH, y)
}

/// Puts the values of a logarithm at infinity, NaN, below zero and at zero, where `x` is the
/// argument (for log1p: one plus it).
pub(super) fn special(m: &mut MathBuilder<'_, '_>, x: Value, y: Value) -> Value {
    let finite = m.lt_c(x, f64::INFINITY);
    let y = m.select(finite, y, x);
    let negative = m.lt_c(x, 0.0);
    let y = m.nan_where(negative, y);
    let zero = m.eq_c(x, 0.0);
    m.put_c(zero, f64::NEG_INFINITY, y)
}

/// ln(x).
pub(super) fn log(m: &mut MathBuilder<'_, '_>, x: Value) -> Value {
    let Split { k, f } = split(m, x);
    let y = combine(m, k, f, None);
    special(m, x, y)
}

/// log2(x), from log(1 + f) in two parts of which the first is short.
pub(super) fn log2(m: &mut MathBuilder<'_, '_>, x: Value) -> Value {
    let Split { k, f } = split(m, x);
    let y = log2_finite(m, k, f);
    special(m, x, y)
}

/// k + log2(1 + f).
pub(super) fn log2_finite(m: &mut MathBuilder<'_, '_>, k: Value, f: Value) -> Value {
    let (half_square, sr) = series(m, f);
    let high = m.sub(f, half_square);
    let high = truncate(m, high, 32);
    let low = m.sub(f, high);
    let low = m.sub(low, half_square);
    let low = m.add(low, sr);
    let main = m.mul_c(high, LOG2_E_HIGH);
    let all = m.add(low, high);
    let rest = m.mul_c(all, LOG2_E_LOW);
    let rest = m.fma_c(low, LOG2_E_HIGH, rest);
    let w = m.add(k, main);
    let lost = m.sub(k, w);
    let lost = m.add(lost, main);
    let rest = m.add(rest, lost);
    m.add(rest, w)
}

/// ln(1 + x) = log(u) + e/u, with u the rounded sum and e what rounding took.
pub(super) fn log1p(m: &mut MathBuilder<'_, '_>, x: Value) -> Value {
    let one = m.fconst(m.ty(x), 1.0);
    let Dd { high: u, low: e } = two_sum(m, one, x);
    let correction = m.div(e, u);
    let Split { k, f } = split_normal(m, u);
    let y = combine(m, k, f, Some(correction));
    let y = special(m, u, y);
    keep_tiny(m, x, y, 54)
}
