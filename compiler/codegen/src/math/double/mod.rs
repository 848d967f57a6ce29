//! Double precision, which also serves the less frequent single-precision functions.

mod cbrt;
mod dd;
mod erf;
mod exp;
mod inverse;
mod log;
mod pow;
mod rem;
mod trig;

use cranelift_codegen::ir::Value;

use super::builder::MathBuilder;
use super::common;
use super::externs::ExternFn;
use super::functions::MathUnary;

/// Emits the function for `f64` or a vector of them.
pub(super) fn unary(m: &mut MathBuilder<'_, '_>, function: MathUnary, x: Value) -> Value {
    match function {
        MathUnary::Exp => exp::exp(m, x),
        MathUnary::Exp2 => exp::exp2(m, x),
        MathUnary::Expm1 => exp::expm1(m, x),
        MathUnary::Log => log::log(m, x),
        MathUnary::Log2 => log::log2(m, x),
        MathUnary::Log1p => log::log1p(m, x),
        MathUnary::Cbrt => cbrt::cbrt(m, x),
        MathUnary::Sin => trig::sin(m, x),
        MathUnary::Cos => trig::cos(m, x),
        MathUnary::Tan => trig::tan(m, x),
        MathUnary::Asin => inverse::asin(m, x),
        MathUnary::Acos => inverse::acos(m, x),
        MathUnary::Atan => inverse::atan(m, x),
        MathUnary::Sinh => exp::sinh(m, x),
        MathUnary::Cosh => exp::cosh(m, x),
        MathUnary::Tanh => exp::tanh(m, x),
        MathUnary::Logistic => exp::logistic(m, x),
        MathUnary::Erf => erf::erf(m, x),
        MathUnary::Erfc => erf::erfc(m, x),
        MathUnary::ErfInv => m.call_per_lane(ExternFn::ErfInv, &[x]),
        MathUnary::Lgamma => m.call_per_lane(ExternFn::Lgamma, &[x]),
        MathUnary::Digamma => m.call_per_lane(ExternFn::Digamma, &[x]),
        MathUnary::BesselI0e => m.call_per_lane(ExternFn::BesselI0e, &[x]),
        MathUnary::BesselI1e => m.call_per_lane(ExternFn::BesselI1e, &[x]),
        MathUnary::Sqrt => m.sqrt(x),
        MathUnary::Rsqrt => common::rsqrt(m, x),
        MathUnary::Sign => common::sign(m, x),
        MathUnary::Floor => m.floor(x),
        MathUnary::Ceil => m.ceil(x),
        MathUnary::RoundHalfEven => m.nearest(x),
    }
}

/// erfc(x) to single precision.
pub(super) fn erfc_to_single(m: &mut MathBuilder<'_, '_>, x: Value) -> Value {
    erf::erfc_to_single(m, x)
}

/// The angle of the point (x, y).
pub(super) fn atan2(m: &mut MathBuilder<'_, '_>, y: Value, x: Value) -> Value {
    if m.is_single(x) { m.in_double([y, x], |m, [y, x]| inverse::atan2(m, y, x)) } else { inverse::atan2(m, y, x) }
}

/// x^y.
pub(super) fn pow(m: &mut MathBuilder<'_, '_>, x: Value, y: Value) -> Value {
    if m.is_single(x) { m.in_double([x, y], |m, [x, y]| pow::pow(m, x, y, true)) } else { pow::pow(m, x, y, false) }
}

/// The remainder of x by y, with the sign of x.
pub(super) fn rem(m: &mut MathBuilder<'_, '_>, x: Value, y: Value) -> Value {
    if m.is_single(x) { m.in_double([x, y], |m, [x, y]| rem::rem(m, x, y)) } else { rem::rem(m, x, y) }
}
