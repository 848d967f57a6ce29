//! The list of math functions and the choice of implementation for each.

use cranelift_codegen::ir::Value;

use super::builder::MathBuilder;
use super::externs::ExternFn;
use super::{common, double, single};

macro_rules! functions {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// Every function, in declaration order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The function's name in the tensor IR.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

functions! {
    /// A function of one float.
    MathUnary {
        /// e^x.
        Exp = "exp",
        /// 2^x.
        Exp2 = "exp2",
        /// e^x - 1, accurate near zero.
        Expm1 = "expm1",
        /// Natural logarithm; -inf at zeros, NaN below.
        Log = "log",
        /// Logarithm to base two; -inf at zeros, NaN below.
        Log2 = "log2",
        /// ln(1 + x), accurate near zero; -inf at -1, NaN below.
        Log1p = "log1p",
        /// Square root, correctly rounded; NaN below zero, -0 at -0.
        Sqrt = "sqrt",
        /// 1 / sqrt(x); an infinity of the zero's sign at zeros.
        Rsqrt = "rsqrt",
        /// Cube root.
        Cbrt = "cbrt",
        /// Sine of x radians; NaN at infinities.
        Sin = "sin",
        /// Cosine of x radians; NaN at infinities.
        Cos = "cos",
        /// Tangent of x radians; NaN at infinities.
        Tan = "tan",
        /// Inverse sine, in [-pi/2, pi/2]; NaN outside [-1, 1].
        Asin = "asin",
        /// Inverse cosine, in [0, pi]; NaN outside [-1, 1].
        Acos = "acos",
        /// Inverse tangent, in [-pi/2, pi/2].
        Atan = "atan",
        /// Hyperbolic sine.
        Sinh = "sinh",
        /// Hyperbolic cosine.
        Cosh = "cosh",
        /// Hyperbolic tangent.
        Tanh = "tanh",
        /// 1 / (1 + e^-x).
        Logistic = "logistic",
        /// The error function, 2/sqrt(pi) times the integral of e^(-t^2) from 0 to x.
        Erf = "erf",
        /// 1 - erf(x), accurate for large x.
        Erfc = "erfc",
        /// The y with erf(y) = x; infinite at -1 and 1, NaN outside.
        ErfInv = "erf_inv",
        /// log |Gamma(x)|; +inf at 0, -1, -2, ...
        Lgamma = "lgamma",
        /// The derivative of log Gamma; NaN at 0, -1, -2, ...
        Digamma = "digamma",
        /// e^-|x| I_0(x).
        BesselI0e = "bessel_i0e",
        /// e^-|x| I_1(x).
        BesselI1e = "bessel_i1e",
        /// -1, 1, or x itself where x is a zero or a NaN.
        Sign = "sign",
        /// The largest integer not above x.
        Floor = "floor",
        /// The smallest integer not below x.
        Ceil = "ceil",
        /// The integer nearest to x, ties to even.
        RoundHalfEven = "round_half_even",
    }
}

functions! {
    /// A function of two floats.
    MathBinary {
        /// The angle of the point (y, x), first argument y, in [-pi, pi].
        Atan2 = "atan2",
        /// x^y with the special cases of C99.
        Pow = "pow",
        /// x - trunc(x / y) y without rounding (`fmod` of C): the sign of x, NaN where y is zero or
        /// x infinite.
        Rem = "rem",
        /// The derivative of digamma, of order x, at y; NaN unless x is one of 0, 1, ..., 170.
        Polygamma = "polygamma",
        /// IEEE 754-2019 `minimum`: NaN when either is, -0 below +0.
        Min = "min",
        /// IEEE 754-2019 `maximum`: NaN when either is, -0 below +0.
        Max = "max",
    }
}

/// Emits the function at `x`, which is `f32`, `f64` or a vector of them, of 128 bits or, where vectors are
/// [wide](MathBuilder::wide), of up to 512; the result has the same type. The current block may be another one afterwards.
pub fn emit_unary(m: &mut MathBuilder<'_, '_>, function: MathUnary, x: Value) -> Value {
    if m.is_single(x) { single::unary(m, function, x) } else { double::unary(m, function, x) }
}

/// Emits the function at `x` and `y`, both of the same type, which is one that [`emit_unary`] takes; the result has the
/// same type. The current block may be another one afterwards.
pub fn emit_binary(m: &mut MathBuilder<'_, '_>, function: MathBinary, x: Value, y: Value) -> Value {
    match function {
        MathBinary::Min => common::minimum(m, x, y),
        MathBinary::Max => common::maximum(m, x, y),
        MathBinary::Atan2 => double::atan2(m, x, y),
        MathBinary::Pow => double::pow(m, x, y),
        MathBinary::Rem => double::rem(m, x, y),
        MathBinary::Polygamma => m.call_per_lane(ExternFn::Polygamma, &[x, y]),
    }
}
