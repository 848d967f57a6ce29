//! The families: operations that share a format and differ in what they compute.
//!
//! One row per member; the row is all that the text form, the tables and the element types come from.

use super::{Derivative, Domain, OpInfo};

macro_rules! family {
    ($(#[$meta:meta])* $Family:ident { $($Variant:ident $name:literal $domain:ident $derivative:ident $about:literal;)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum $Family {
            $(#[doc = $about] $Variant,)*
        }

        impl $Family {
            /// Every member, in table order.
            pub const ALL: &'static [Self] = &[$(Self::$Variant),*];

            const INFO: &'static [OpInfo] = &[$(OpInfo {
                name: $name,
                domain: Domain::$domain,
                derivative: Derivative::$derivative,
                about: $about,
            }),*];

            /// The member's row of the table.
            #[must_use]
            pub const fn info(self) -> &'static OpInfo {
                &Self::INFO[self as usize]
            }

            /// The word that tells the member from others of its family in the text form.
            #[must_use]
            pub const fn kind_name(self) -> &'static str {
                second_word(self.info().name)
            }
        }
    };
}

family! {
    /// Elementwise operations of one operand, whose result has the operand's type.
    Unary {
        Neg "neg" Numeric Linear "Negation; wraps for integers.";
        Abs "abs" Numeric UsesInput "Absolute value; wraps at the least integer.";
        Sign "sign" Numeric Zero "-1, 0 or 1 by sign; keeps signed zeros and NaN.";
        Not "not" Bits None "Logical negation; every bit flipped for integers.";
        Floor "floor" Float Zero "The largest integer not above.";
        Ceil "ceil" Float Zero "The smallest integer not below.";
        Round "round_half_even" Float Zero "The nearest integer, ties to even.";
        Exp "exp" Float UsesOutput "e^x.";
        Exp2 "exp2" Float UsesOutput "2^x.";
        Expm1 "expm1" Float UsesOutput "e^x - 1, accurate near 0.";
        Log "log" Float UsesInput "Natural logarithm.";
        Log2 "log2" Float UsesInput "Logarithm to base 2.";
        Log1p "log1p" Float UsesInput "log(1 + x), accurate near 0.";
        Sqrt "sqrt" Float UsesOutput "Square root.";
        Rsqrt "rsqrt" Float UsesOutput "1 / sqrt(x).";
        Cbrt "cbrt" Float UsesOutput "Cube root.";
        Sin "sin" Float UsesInput "Sine, radians.";
        Cos "cos" Float UsesInput "Cosine, radians.";
        Tan "tan" Float UsesOutput "Tangent, radians.";
        Asin "asin" Float UsesInput "Arc sine, in [-pi/2, pi/2].";
        Acos "acos" Float UsesInput "Arc cosine, in [0, pi].";
        Atan "atan" Float UsesInput "Arc tangent, in [-pi/2, pi/2].";
        Sinh "sinh" Float UsesInput "Hyperbolic sine.";
        Cosh "cosh" Float UsesInput "Hyperbolic cosine.";
        Tanh "tanh" Float UsesOutput "Hyperbolic tangent.";
        Logistic "logistic" Float UsesOutput "1 / (1 + e^-x).";
        Erf "erf" Float UsesInput "The error function.";
        Erfc "erfc" Float UsesInput "1 - erf(x), accurate for large x.";
        ErfInv "erf_inv" Float UsesOutput "The inverse of erf, on [-1, 1].";
        Lgamma "lgamma" Float UsesInput "log |Gamma(x)|.";
        Digamma "digamma" Float UsesInput "The derivative of log Gamma.";
        BesselI0e "bessel_i0e" Float UsesInput "e^-|x| I_0(x), modified Bessel function.";
        BesselI1e "bessel_i1e" Float UsesInput "e^-|x| I_1(x), modified Bessel function.";
        PopulationCount "population_count" Integer None "How many bits are 1.";
        StopGradient "stop_gradient" Any Zero "The operand, whose derivative is taken to be zero.";
    }
}

family! {
    /// Elementwise operations of two operands of one type, whose result has that type.
    Binary {
        Add "add" Numeric Linear "Sum; wraps for integers.";
        Sub "sub" Numeric Linear "Difference; wraps for integers.";
        Mul "mul" Numeric Bilinear "Product; wraps for integers.";
        Div "div" Numeric UsesInput "Quotient; truncates for integers.";
        Rem "rem" Numeric UsesInput "Remainder with the sign of the dividend.";
        Pow "pow" Float UsesInput "x^y.";
        Atan2 "atan2" Float UsesInput "The angle of the point (second, first), in [-pi, pi].";
        Max "max" Numeric UsesInput "The larger; NaN if either is.";
        Min "min" Numeric UsesInput "The smaller; NaN if either is.";
        And "and" Bits None "Logical and; bitwise for integers.";
        Or "or" Bits None "Logical or; bitwise for integers.";
        Xor "xor" Bits None "Logical exclusive or; bitwise for integers.";
        ShiftLeft "shift_left" Integer None "x 2^y; 0 if y is negative or not below the bits.";
        ShiftRight "shift_right" Integer None "Shift that copies the sign bit in; for u8 zeros.";
        ShiftRightLogical "shift_right_logical" Integer None "Shift that moves zeros in; 0 if y is negative or not below the bits.";
        Polygamma "polygamma" Float UsesInput "The first operand's derivative of digamma, at the second.";
    }
}

family! {
    /// Reductions over axes: the identity for an empty reduction is in the specification.
    Reduction {
        Add "reduce add" Numeric Linear "Sum over axes.";
        Mul "reduce mul" Numeric UsesInput "Product over axes.";
        Max "reduce max" Numeric UsesInput "Largest over axes; NaN if any is.";
        Min "reduce min" Numeric UsesInput "Smallest over axes; NaN if any is.";
        And "reduce and" Bool None "Whether all are true.";
        Or "reduce or" Bool None "Whether any is true.";
    }
}

family! {
    /// Prefix combinations along an axis.
    Cumulation {
        Add "cumulative add" Numeric Linear "Sums of all elements up to each.";
        Mul "cumulative mul" Numeric UsesInput "Products of all elements up to each.";
        Max "cumulative max" Numeric UsesInput "Largest of all elements up to each; NaN from the first NaN on.";
        Min "cumulative min" Numeric UsesInput "Smallest of all elements up to each; NaN from the first NaN on.";
        LogSumExp "cumulative logsumexp" Float UsesInput "log of the sums of exponentials of all elements up to each.";
    }
}

family! {
    /// Combinations of the elements in a window.
    Pooling {
        Add "reduce_window add" Numeric Linear "Sum over windows.";
        Max "reduce_window max" Numeric UsesInput "Largest in windows; NaN if any is.";
        Min "reduce_window min" Numeric UsesInput "Smallest in windows; NaN if any is.";
    }
}

family! {
    /// How a scatter combines an update with what is there.
    ScatterKind {
        Set "scatter set" Any Linear "Elements replaced at indices; the last update wins.";
        Add "scatter add" Numeric Linear "Updates added at indices.";
        Mul "scatter mul" Numeric UsesInput "Elements multiplied by updates at indices.";
        Min "scatter min" Numeric UsesInput "The smaller of element and updates at indices.";
        Max "scatter max" Numeric UsesInput "The larger of element and updates at indices.";
    }
}

/// Which of several elements is meant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Extremum {
    /// The largest; NaN counts as larger than any number.
    Max,
    /// The smallest; NaN counts as smaller than any number.
    Min,
}

/// Predicates of the `compare` operation; on floats, all but `Ne` are false if either operand is NaN.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Comparison {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Less.
    Lt,
    /// Less or equal.
    Le,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
}

impl Comparison {
    /// Every predicate.
    pub const ALL: &'static [Self] = &[Self::Eq, Self::Ne, Self::Lt, Self::Le, Self::Gt, Self::Ge];

    /// The name in the text form.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Lt => "lt",
            Self::Le => "le",
            Self::Gt => "gt",
            Self::Ge => "ge",
        }
    }
}

/// The second word of a name such as `reduce add`; the name itself if it is one word.
const fn second_word(name: &'static str) -> &'static str {
    let bytes = name.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b' ' {
            return name.split_at(at + 1).1;
        }
        at += 1;
    }
    name
}
