//! Reference values: the platform's double-precision functions, which no generated code uses, and
//! `libm` and the interpreter's special functions where the standard library has none.

use pullback_codegen::math::{MathBinary, MathUnary};
use pullback_interp::special;

/// The function in double precision, to within a few ulp of a double.
pub fn unary(function: MathUnary) -> fn(f64) -> f64 {
    match function {
        MathUnary::Exp => f64::exp,
        MathUnary::Exp2 => f64::exp2,
        MathUnary::Expm1 => f64::exp_m1,
        MathUnary::Log => f64::ln,
        MathUnary::Log2 => f64::log2,
        MathUnary::Log1p => f64::ln_1p,
        MathUnary::Sqrt => f64::sqrt,
        MathUnary::Rsqrt => |x| 1.0 / x.sqrt(),
        MathUnary::Cbrt => f64::cbrt,
        MathUnary::Sin => f64::sin,
        MathUnary::Cos => f64::cos,
        MathUnary::Tan => f64::tan,
        MathUnary::Asin => f64::asin,
        MathUnary::Acos => f64::acos,
        MathUnary::Atan => f64::atan,
        MathUnary::Sinh => f64::sinh,
        MathUnary::Cosh => f64::cosh,
        MathUnary::Tanh => f64::tanh,
        MathUnary::Logistic => |x| 1.0 / (1.0 + (-x).exp()),
        MathUnary::Erf => libm::erf,
        MathUnary::Erfc => libm::erfc,
        MathUnary::ErfInv => special::erf_inv,
        MathUnary::Lgamma => special::lgamma,
        MathUnary::Digamma => special::digamma,
        MathUnary::BesselI0e => special::bessel_i0e,
        MathUnary::BesselI1e => special::bessel_i1e,
        MathUnary::Sign => |x| if x == 0.0 { x } else { x.signum() },
        MathUnary::Floor => f64::floor,
        MathUnary::Ceil => f64::ceil,
        MathUnary::RoundHalfEven => f64::round_ties_even,
    }
}

/// The function in double precision, to within a few ulp of a double.
pub fn binary(function: MathBinary) -> fn(f64, f64) -> f64 {
    match function {
        MathBinary::Atan2 => f64::atan2,
        MathBinary::Pow => f64::powf,
        MathBinary::Rem => |x, y| x % y,
        MathBinary::Polygamma => special::polygamma,
        MathBinary::Min => |x, y| extremum(x, y, x < y, true),
        MathBinary::Max => |x, y| extremum(x, y, x > y, false),
    }
}

fn extremum(x: f64, y: f64, first: bool, negative_zero: bool) -> f64 {
    if x.is_nan() || y.is_nan() {
        f64::NAN
    } else if x == 0.0 && y == 0.0 {
        if x.is_sign_negative() == negative_zero { x } else { y }
    } else if first {
        x
    } else {
        y
    }
}
