//! Sine and cosine in single precision.
//!
//! |x| = j pi/2 + r with |r| <= pi/4; pi/2 is subtracted in parts (Cody and Waite). With fused
//! multiply-add three parts of 24 bits are enough up to 2^15; without it the parts have to be short
//! enough for exact products. Larger arguments, infinities and NaNs take the slow path.

use cranelift_codegen::ir::Value;
use cranelift_codegen::ir::condcodes::FloatCC;

use super::super::builder::MathBuilder;
use super::super::externs::ExternFn;
use super::exp::ROUNDER;

/// (sin(r) - r) / r^3 in z = r^2, |r| <= pi/4; sin with relative error 2^-28.1.
const SIN: [f64; 3] = [-0.00019518408, 0.00833219, -0.16666655];
/// (cos(r) - 1 + z/2) / z^2 in z = r^2, |r| <= pi/4; cos with error 2^-33.1.
const COS: [f64; 3] = [2.4432944e-5, -0.0013887313, 0.041666646];

/// pi/2 in parts of 24 bits, for fused multiply-add, and the largest argument they are good for.
const PARTS_FUSED: [f64; 3] = [1.5707963705062866, -4.371138828673793e-8, -1.7151245100058819e-15];
const LIMIT_FUSED: f64 = 32_768.0;
/// pi/2 in parts of 12 bits (the last one of 24), and the largest argument they are good for.
const PARTS: [f64; 4] = [1.5703125, 0.0004837512969970703, 7.549533620476723e-8, 2.5633440682570896e-12];
const LIMIT: f64 = 2_048.0;

struct Reduced {
    /// The low bits of this integer are j.
    j_bits: Value,
    r: Value,
}

fn reduce(m: &mut MathBuilder<'_, '_>, magnitude: Value) -> Reduced {
    let rounder = m.fconst(m.ty(magnitude), ROUNDER);
    let shifted = m.fma_c(magnitude, std::f64::consts::FRAC_2_PI, rounder);
    let j = m.sub(shifted, rounder);
    let r = if m.fma {
        PARTS_FUSED.iter().fold(magnitude, |r, part| m.fma_c(j, -part, r))
    } else {
        let r = m.fma_c(j, -PARTS[0], magnitude);
        let r = m.fma_c(j, -PARTS[1], r);
        // From here on the differences are rounded; what that takes goes into the last part.
        let product = m.mul_c(j, PARTS[2]);
        let shorter = m.sub(r, product);
        let lost = m.sub(r, shorter);
        let lost = m.sub(lost, product);
        let rest = m.fma_c(j, -PARTS[3], lost);
        m.add(shorter, rest)
    };
    Reduced { j_bits: m.to_bits(shifted), r }
}

/// The sine of j pi/2 + r: plus or minus sin(r) or cos(r), with the sign bits of `sign` flipped in.
fn sine(m: &mut MathBuilder<'_, '_>, j_bits: Value, r: Value, sign: Option<Value>) -> Value {
    let z = m.mul(r, r);
    let s = m.poly(z, &SIN);
    let rz = m.mul(r, z);
    let s = m.fma(s, rz, r);
    let c = m.poly(z, &COS);
    let c = m.fma_add_c(c, z, -0.5);
    let c = m.fma_add_c(c, z, 1.0);
    let odd = m.iand_c(j_bits, 1);
    let even = m.ieq_c(odd, 0);
    let y = m.select(even, s, c);
    let half_turn = m.ishl(j_bits, 30);
    let half_turn = m.from_bits(half_turn);
    let flip = m.sign_of(half_turn);
    let y = m.fxor(y, flip);
    match sign {
        Some(sign) => m.fxor(y, sign),
        None => y,
    }
}

fn beyond_limit(m: &mut MathBuilder<'_, '_>, magnitude: Value) -> super::super::builder::Mask {
    let limit = if m.fma { LIMIT_FUSED } else { LIMIT };
    let limit = m.fconst(m.ty(magnitude), limit);
    m.fcmp(FloatCC::UnorderedOrGreaterThan, magnitude, limit)
}

/// sin(x).
pub(super) fn sin(m: &mut MathBuilder<'_, '_>, x: Value) -> Value {
    let sign = m.sign_of(x);
    let magnitude = m.fxor(x, sign);
    let Reduced { j_bits, r } = reduce(m, magnitude);
    let y = sine(m, j_bits, r, Some(sign));
    let rare = beyond_limit(m, magnitude);
    m.slow_path(rare, y, ExternFn::Sin, &[x])
}

/// cos(x) = sin(x + pi/2).
pub(super) fn cos(m: &mut MathBuilder<'_, '_>, x: Value) -> Value {
    let magnitude = m.abs(x);
    let Reduced { j_bits, r } = reduce(m, magnitude);
    let j_bits = m.iadd_c(j_bits, 1);
    let y = sine(m, j_bits, r, None);
    let rare = beyond_limit(m, magnitude);
    m.slow_path(rare, y, ExternFn::Cos, &[x])
}
