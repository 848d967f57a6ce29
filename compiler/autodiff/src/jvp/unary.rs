//! JVP rules of the elementwise operations of one operand.
//!
//! Each is the tangent times, or divided by, one local derivative. Where the result gives it cheaper than the
//! operand, the result is used: the operand need then not be kept for the backward part.

use std::f64::consts::{FRAC_2_SQRT_PI, LN_2};

use pullback_ir::{Binary, Builder, Comparison, Unary, Value};

use super::{NoRule, Site, Tangent};

/// Builds the tangent of the result of `op`.
pub(super) fn rule(b: &Builder<'_>, op: Unary, site: &Site<'_>) -> Tangent {
    let ([x], [Some(t)]) = (site.operands()?, site.tangents()?) else { return Err(NoRule) };
    let y = site.result;
    let c = |value: f64| b.splat_like(x, value);
    let tangent = match op {
        Unary::Not => return Err(NoRule),
        Unary::Sign | Unary::Floor | Unary::Ceil | Unary::Round | Unary::StopGradient => return Ok(None),
        Unary::Neg => b.neg(t),
        Unary::Abs => b.mul(t, b.sign(x)),
        Unary::Exp => b.mul(t, y),
        Unary::Exp2 => b.mul(t, b.mul(y, c(LN_2))),
        Unary::Expm1 => b.mul(t, b.add(y, c(1.0))),
        Unary::Log => b.div(t, x),
        Unary::Log2 => b.div(t, b.mul(x, c(LN_2))),
        Unary::Log1p => b.div(t, b.add(x, c(1.0))),
        Unary::Sqrt => b.mul(t, b.div(c(0.5), y)),
        Unary::Rsqrt => b.mul(t, b.mul(b.mul(y, c(-0.5)), b.mul(y, y))),
        Unary::Cbrt => b.mul(t, b.div(c(1.0 / 3.0), b.mul(y, y))),
        Unary::Sin => b.mul(t, b.cos(x)),
        Unary::Cos => b.mul(t, b.neg(b.sin(x))),
        Unary::Tan => b.mul(t, b.add(b.mul(y, y), c(1.0))),
        Unary::Asin => b.mul(t, arc(b, x)),
        Unary::Acos => b.mul(t, b.neg(arc(b, x))),
        Unary::Atan => b.div(t, b.add(b.mul(x, x), c(1.0))),
        Unary::Sinh => b.mul(t, b.cosh(x)),
        Unary::Cosh => b.mul(t, b.sinh(x)),
        Unary::Tanh => b.mul(t, b.sub(c(1.0), b.mul(y, y))),
        Unary::Logistic => b.mul(t, b.mul(y, b.sub(c(1.0), y))),
        Unary::Erf => b.mul(t, gauss(b, x, FRAC_2_SQRT_PI)),
        Unary::ErfInv => b.mul(t, b.mul(b.exp(b.mul(y, y)), c(1.0 / FRAC_2_SQRT_PI))),
        Unary::Lgamma => b.mul(t, b.unary(Unary::Digamma, x)),
        Unary::Digamma => b.mul(t, b.binary(Binary::Polygamma, c(1.0), x)),
        Unary::BesselI0e => b.mul(t, b.sub(b.unary(Unary::BesselI1e, x), b.mul(b.sign(x), y))),
        Unary::BesselI1e => b.mul(t, bessel_i1e_slope(b, x, y)),
        Unary::PopulationCount => return Err(NoRule),
        Unary::Erfc => b.mul(t, gauss(b, x, -FRAC_2_SQRT_PI)),
    };
    Ok(Some(tangent))
}

/// `1 / sqrt(1 - x^2)`, factored so that it keeps its accuracy near -1 and 1.
fn arc(b: &Builder<'_>, x: Value) -> Value {
    let one = b.splat_like(x, 1.0);
    b.rsqrt(b.mul(b.sub(one, x), b.add(one, x)))
}

/// `scale e^(-x^2)`.
fn gauss(b: &Builder<'_>, x: Value, scale: f64) -> Value {
    b.mul(b.exp(b.neg(b.mul(x, x))), b.splat_like(x, scale))
}

/// `i0e(x) - (sign(x) + 1 / x) i1e(x)`, where `y` is `i1e(x)`. At 0, `i1e(x) / x` is 1/2; the quotient is then one that has
/// derivatives too.
fn bessel_i1e_slope(b: &Builder<'_>, x: Value, y: Value) -> Value {
    let c = |value: f64| b.splat_like(x, value);
    let at_zero = b.compare(Comparison::Eq, x, c(0.0));
    let quotient = b.div(y, b.select(at_zero, c(1.0), x));
    let quotient = b.select(at_zero, c(0.5), quotient);
    b.sub(b.sub(b.unary(Unary::BesselI0e, x), quotient), b.mul(b.sign(x), y))
}
