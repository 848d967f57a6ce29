//! The error function in single precision.
//!
//! Up to 15/16 it is x + x e(x^2); above, 1 - erf(|x|) = 2^q(|x|) with a polynomial q. The idea of
//! taking the logarithm of the complement is N. Juffa's; both polynomials are from
//! `coefficients.sollya`.

use cranelift_codegen::ir::Value;

use super::super::builder::MathBuilder;
use super::exp::{exp2_parts, exp2_reduced};

/// erf(x)/x - 1 in x^2, |x| <= 15/16.
const SMALL: [f64; 6] = [-0.00059471594, 0.0049853637, -0.02676199, 0.11281717, -0.3761249, 0.12837915];
/// log2(erfc(a)) on [15/16, 3.95]; erf with relative error 2^-28.9.
const LARGE: [f64; 7] = [0.00027973682, -0.0043614786, 0.031950768, -0.14970009, -0.9195362, -1.626727, -0.00032246532];

/// erf(x).
pub(super) fn erf(m: &mut MathBuilder<'_, '_>, x: Value) -> Value {
    let square = m.mul(x, x);
    let e = m.poly(square, &SMALL);
    let small = m.fma(e, x, x);

    let sign = m.sign_of(x);
    let magnitude = m.fxor(x, sign);
    // erf(3.92) already rounds to one.
    let bounded = m.at_most(magnitude, 3.95);
    let q = m.poly(bounded, &LARGE);
    let (r, power) = exp2_parts(m, q, 1.0);
    let fraction = exp2_reduced(m, r);
    let one = m.fconst(m.ty(x), 1.0);
    let large = m.fnma(fraction, power, one);
    let large = m.for_bits(large, sign);

    let is_small = m.lt_c(magnitude, 0.9375);
    m.select(is_small, small, large)
}
