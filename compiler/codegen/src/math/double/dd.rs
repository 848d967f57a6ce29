//! Unevaluated sums of two doubles ("double-double"), for the steps where one rounding is too many.
//!
//! The sums are Dekker's and Knuth's, the product is one fused operation or, without it, a split of
//! the factors by their bits.

use cranelift_codegen::ir::{InstBuilder, Value};

use super::super::builder::{Mask, MathBuilder};

/// The value `high + low`, where `low` is at most about an ulp of `high`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dd {
    pub(super) high: Value,
    pub(super) low: Value,
}

/// a + b without error, where |a| >= |b| or a is zero.
pub(super) fn fast_two_sum(m: &mut MathBuilder<'_, '_>, a: Value, b: Value) -> Dd {
    let high = m.add(a, b);
    let used = m.sub(high, a);
    Dd { high, low: m.sub(b, used) }
}

/// a + b without error.
pub(super) fn two_sum(m: &mut MathBuilder<'_, '_>, a: Value, b: Value) -> Dd {
    let high = m.add(a, b);
    let b_used = m.sub(high, a);
    let a_used = m.sub(high, b_used);
    let a_lost = m.sub(a, a_used);
    let b_lost = m.sub(b, b_used);
    Dd { high, low: m.add(a_lost, b_lost) }
}

/// The number without its low 27 bits, and those bits.
fn split(m: &mut MathBuilder<'_, '_>, x: Value) -> (Value, Value) {
    let high = truncate(m, x, 27);
    (high, m.sub(x, high))
}

/// `x` with its lowest `bits` bits cleared.
pub(super) fn truncate(m: &mut MathBuilder<'_, '_>, x: Value, bits: u32) -> Value {
    let pattern = m.to_bits(x);
    let pattern = m.iand_c(pattern, -1 << bits);
    m.from_bits(pattern)
}

/// a b without error (2^-106 relative when the target does not fuse), barring underflow.
pub(super) fn two_prod(m: &mut MathBuilder<'_, '_>, a: Value, b: Value) -> Dd {
    let high = m.mul(a, b);
    if m.fma {
        // a b - high: the negation folds into the instruction.
        let negated = m.builder.ins().fneg(high);
        return Dd { high, low: m.fma(a, b, negated) };
    }
    let (a_high, a_low) = split(m, a);
    let (b_high, b_low) = split(m, b);
    let low = m.mul(a_high, b_high);
    let low = m.sub(low, high);
    let cross = m.mul(a_high, b_low);
    let low = m.add(low, cross);
    let cross = m.mul(a_low, b_high);
    let low = m.add(low, cross);
    let cross = m.mul(a_low, b_low);
    Dd { high, low: m.add(low, cross) }
}

/// a b.
pub(super) fn product(m: &mut MathBuilder<'_, '_>, a: Dd, b: Dd) -> Dd {
    let Dd { high, low } = two_prod(m, a.high, b.high);
    let low = m.fma(a.high, b.low, low);
    let low = m.fma(a.low, b.high, low);
    fast_two_sum(m, high, low)
}

/// a / b, with one division.
pub(super) fn quotient(m: &mut MathBuilder<'_, '_>, a: Dd, b: Dd) -> Dd {
    let inverse = m.rdiv_c(1.0, b.high);
    let high = m.mul(a.high, inverse);
    let back = two_prod(m, high, b.high);
    let rest = m.sub(a.high, back.high);
    let rest = m.sub(rest, back.low);
    let rest = m.add(rest, a.low);
    let rest = m.fnma(high, b.low, rest);
    Dd { high, low: m.mul(rest, inverse) }
}

/// `a` where the mask holds, `b` elsewhere.
pub(super) fn select(m: &mut MathBuilder<'_, '_>, mask: Mask, a: Dd, b: Dd) -> Dd {
    Dd { high: m.select(mask, a.high, b.high), low: m.select(mask, a.low, b.low) }
}

/// high + low, rounded.
pub(super) fn sum(m: &mut MathBuilder<'_, '_>, x: Dd) -> Value {
    m.add(x.high, x.low)
}

/// The double as a sum with zero.
pub(super) fn exact(m: &mut MathBuilder<'_, '_>, high: Value) -> Dd {
    let low = m.fconst(m.ty(high), 0.0);
    Dd { high, low }
}
