//! Single precision. The functions that models spend their time in have polynomials of their own;
//! the others are computed in double precision and rounded.

mod erf;
mod exp;
mod log;
mod trig;

use cranelift_codegen::ir::Value;

use super::builder::MathBuilder;
use super::externs::ExternFn;
use super::functions::MathUnary;
use super::{common, double};

/// Emits the function for `f32` or a vector of them.
pub(super) fn unary(m: &mut MathBuilder<'_, '_>, function: MathUnary, x: Value) -> Value {
    match function {
        MathUnary::Exp => exp::exp(m, x),
        MathUnary::Exp2 => exp::exp2(m, x),
        MathUnary::Expm1 => exp::expm1(m, x),
        MathUnary::Tanh => exp::tanh(m, x),
        MathUnary::Logistic => exp::logistic(m, x),
        MathUnary::Log => log::log(m, x),
        MathUnary::Log2 => log::log2(m, x),
        MathUnary::Log1p => log::log1p(m, x),
        MathUnary::Sin => trig::sin(m, x),
        MathUnary::Cos => trig::cos(m, x),
        MathUnary::Erf => erf::erf(m, x),
        MathUnary::Erfc => m.in_double([x], |m, [x]| double::erfc_to_single(m, x)),
        MathUnary::Cbrt
        | MathUnary::Tan
        | MathUnary::Asin
        | MathUnary::Acos
        | MathUnary::Atan
        | MathUnary::Sinh
        | MathUnary::Cosh => m.in_double([x], |m, [x]| double::unary(m, function, x)),
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
