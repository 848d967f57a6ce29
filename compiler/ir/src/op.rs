//! The table of operations.
//!
//! One row per operation: its name in the text form, the element types it takes, what its derivative needs and a
//! line of documentation. [`Op`] groups the operations by *format*, which is what an instruction stores besides its
//! operands: the elementwise families share a format each ([`Unary`], [`Binary`], [`Comparison`], [`Reduction`]), and the
//! structured operations have one of their own. Behaviour lives elsewhere, in matches without a wildcard arm, one
//! file per concern: `infer.rs`, the interpreter, `jvp.rs`, `transpose.rs`, the lowering.
//!
//! No operation broadcasts or converts implicitly; that is what keeps every derivative rule short.
//!
//! To add an operation: a row here, an arm where the compiler then complains, a section in the specification, two text tests.

use std::ops::Deref;
use std::sync::Arc;

use crate::entities::FuncId;
use crate::literal::Literal;
use crate::types::{DType, Shape, Type};

/// The element types an operation takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Domain {
    /// `f32`, `f64`.
    Float,
    /// `f32`, `f64`, `i32`, `i64`, `u8`.
    Numeric,
    /// `bool`.
    Bool,
    /// All.
    Any,
}

impl Domain {
    /// Whether the domain has this element type.
    #[must_use]
    pub const fn contains(self, dtype: DType) -> bool {
        match self {
            Self::Float => dtype.is_float(),
            Self::Numeric => dtype.is_float() || dtype.is_integer(),
            Self::Bool => matches!(dtype, DType::Bool),
            Self::Any => true,
        }
    }

    /// The element types in words, for messages.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Float => "f32 or f64",
            Self::Numeric => "f32, f64, i32, i64 or u8",
            Self::Bool => "bool",
            Self::Any => "any element type",
        }
    }
}

/// What the derivative of an operation looks like; it tells which values a backward pass keeps alive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Derivative {
    /// The result is not floating-point, so there is none.
    None,
    /// Piecewise constant: zero wherever it exists, and zero by convention elsewhere.
    Zero,
    /// Linear in its floating-point operands together.
    Linear,
    /// Linear in each of two operands.
    Bilinear,
    /// The local derivative needs operands, and may use the result as well.
    UsesInput,
    /// The local derivative needs the result alone.
    UsesOutput,
    /// Made from the callee's.
    Call,
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct OpInfo {
    /// The name in the text form; the members of a family are `reduce add`, `reduce mul`, …
    pub name: &'static str,
    /// The element types of the operands.
    pub domain: Domain,
    /// What the derivative needs.
    pub derivative: Derivative,
    /// One line of documentation.
    pub about: &'static str,
}

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
        }
    };
}

family! {
    /// Elementwise operations of one operand, whose result has the operand's type.
    Unary {
        Neg "neg" Numeric Linear "Negation; wraps for integers.";
        Abs "abs" Numeric UsesInput "Absolute value; wraps at the least integer.";
        Sign "sign" Numeric Zero "-1, 0 or 1 by sign; keeps signed zeros and NaN.";
        Not "not" Bool None "Logical negation.";
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
        And "and" Bool None "Logical and.";
        Or "or" Bool None "Logical or.";
        Xor "xor" Bool None "Logical exclusive or.";
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

impl Reduction {
    /// The word after `reduce` in the text form.
    #[must_use]
    pub fn kind_name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Mul => "mul",
            Self::Max => "max",
            Self::Min => "min",
            Self::And => "and",
            Self::Or => "or",
        }
    }
}

/// A list of axes (or of output axes), in the order that the operation gives them meaning.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Axes(Box<[usize]>);

impl Deref for Axes {
    type Target = [usize];
    fn deref(&self) -> &[usize] {
        &self.0
    }
}

impl From<&[usize]> for Axes {
    fn from(axes: &[usize]) -> Self {
        Self(axes.into())
    }
}

impl<const N: usize> From<[usize; N]> for Axes {
    fn from(axes: [usize; N]) -> Self {
        Self(axes.into())
    }
}

impl From<Vec<usize>> for Axes {
    fn from(axes: Vec<usize>) -> Self {
        Self(axes.into())
    }
}

impl FromIterator<usize> for Axes {
    fn from_iter<I: IntoIterator<Item = usize>>(iter: I) -> Self {
        Self(iter.into_iter().collect())
    }
}

impl std::fmt::Debug for Axes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Attributes of `broadcast`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct BroadcastSpec {
    /// The result's shape.
    pub shape: Shape,
    /// For each operand axis the result axis it becomes, strictly increasing; extents agree.
    pub dims: Axes,
}

/// Attributes of `slice`, one entry per axis.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct SliceSpec {
    /// First position taken.
    pub start: Box<[usize]>,
    /// One past the last position considered.
    pub limit: Box<[usize]>,
    /// Distance between positions taken, at least 1.
    pub stride: Box<[usize]>,
}

/// Attributes of `pad`, one entry per axis.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct PadSpec {
    /// Positions added before the first; negative removes.
    pub low: Box<[i64]>,
    /// Positions added after the last; negative removes.
    pub high: Box<[i64]>,
    /// Positions added between neighbours.
    pub interior: Box<[usize]>,
}

/// Attributes of `dot`: which axes pair up.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct DotDims {
    /// Batch axes of the left operand.
    pub lhs_batch: Axes,
    /// Batch axes of the right operand, paired in order with the left's.
    pub rhs_batch: Axes,
    /// Contracted axes of the left operand.
    pub lhs_contract: Axes,
    /// Contracted axes of the right operand, paired in order with the left's.
    pub rhs_contract: Axes,
}

impl DotDims {
    /// The axes of a left operand of this rank that are neither batch nor contracted, in order.
    #[must_use]
    pub fn lhs_free(&self, rank: usize) -> Vec<usize> {
        (0..rank).filter(|axis| !self.lhs_batch.contains(axis) && !self.lhs_contract.contains(axis)).collect()
    }

    /// The axes of a right operand of this rank that are neither batch nor contracted, in order.
    #[must_use]
    pub fn rhs_free(&self, rank: usize) -> Vec<usize> {
        (0..rank).filter(|axis| !self.rhs_batch.contains(axis) && !self.rhs_contract.contains(axis)).collect()
    }
}

/// An operation with its attributes: everything of an instruction but operands, results and regions.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    /// A tensor known at compile time. No operands.
    Constant(Arc<Literal>),
    /// Positions along an axis: element `[i0, …]` is `i_axis`. No operands.
    Iota {
        /// The result's type.
        ty: Box<Type>,
        /// The axis that counts.
        axis: usize,
    },
    /// Elementwise, one operand.
    Unary(Unary),
    /// Elementwise, two operands of one type.
    Binary(Binary),
    /// Elementwise comparison of two operands of one type; the result is `bool`.
    Compare(Comparison),
    /// Whether an element is neither infinite nor NaN; the result is `bool`.
    IsFinite,
    /// `select %pred, %on_true, %on_false`, all of one shape.
    Select,
    /// `clamp %low, %x, %high`, all of one type: `min(max(x, low), high)`.
    Clamp,
    /// Conversion of the elements to another type.
    Convert(DType),
    /// Repetition along new axes.
    Broadcast(Box<BroadcastSpec>),
    /// The same elements in row-major order with another shape.
    Reshape(Box<Shape>),
    /// Result axis `i` is operand axis `perm[i]`.
    Transpose(Axes),
    /// Reversal along axes.
    Reverse(Axes),
    /// A strided box of positions.
    Slice(Box<SliceSpec>),
    /// `pad %x, %value`: positions added around and between elements, or removed at the ends.
    Pad(Box<PadSpec>),
    /// Operands one after the other along an axis.
    Concatenate {
        /// The axis.
        axis: usize,
    },
    /// Reduction over axes, which disappear from the shape.
    Reduce {
        /// What is accumulated.
        kind: Reduction,
        /// The axes, strictly increasing.
        axes: Axes,
    },
    /// Sum of products over paired axes; the result has batch axes, then free axes of the left, then of the right operand.
    Dot(Box<DotDims>),
    /// A call of another function of the module.
    Call(FuncId),
}

macro_rules! structured {
    ($($CONST:ident $name:literal $domain:ident $derivative:ident $about:literal;)*) => {
        $(const $CONST: OpInfo = OpInfo {
            name: $name,
            domain: Domain::$domain,
            derivative: Derivative::$derivative,
            about: $about,
        };)*
        const STRUCTURED: &[&OpInfo] = &[$(&$CONST),*];
    };
}

structured! {
    CONSTANT "constant" Any Zero "A tensor known at compile time.";
    IOTA "iota" Numeric Zero "Positions along an axis.";
    COMPARE "compare" Any None "Elementwise comparison.";
    IS_FINITE "is_finite" Float None "Neither infinite nor NaN.";
    SELECT "select" Any Linear "The second operand where the first holds, else the third.";
    CLAMP "clamp" Numeric UsesInput "The second operand, kept between the first and the third.";
    CONVERT "convert" Any Linear "Conversion of elements to another type.";
    BROADCAST "broadcast" Any Linear "Repetition along new axes.";
    RESHAPE "reshape" Any Linear "The same elements with another shape.";
    TRANSPOSE "transpose" Any Linear "Permutation of axes.";
    REVERSE "reverse" Any Linear "Reversal along axes.";
    SLICE "slice" Any Linear "A strided box of positions.";
    PAD "pad" Any Linear "Positions added around and between elements.";
    CONCATENATE "concatenate" Any Linear "Operands one after the other along an axis.";
    DOT "dot" Numeric Bilinear "Sum of products over paired axes.";
    CALL "call" Any Call "A call of another function.";
}

impl Op {
    /// The operation's row of the table.
    #[must_use]
    pub const fn info(&self) -> &'static OpInfo {
        match self {
            Self::Constant(_) => &CONSTANT,
            Self::Iota { .. } => &IOTA,
            Self::Unary(unary) => unary.info(),
            Self::Binary(binary) => binary.info(),
            Self::Compare(_) => &COMPARE,
            Self::IsFinite => &IS_FINITE,
            Self::Select => &SELECT,
            Self::Clamp => &CLAMP,
            Self::Convert(_) => &CONVERT,
            Self::Broadcast(_) => &BROADCAST,
            Self::Reshape(_) => &RESHAPE,
            Self::Transpose(_) => &TRANSPOSE,
            Self::Reverse(_) => &REVERSE,
            Self::Slice(_) => &SLICE,
            Self::Pad(_) => &PAD,
            Self::Concatenate { .. } => &CONCATENATE,
            Self::Reduce { kind, .. } => kind.info(),
            Self::Dot(_) => &DOT,
            Self::Call(_) => &CALL,
        }
    }

    /// The name in the text form.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.info().name
    }

    /// Whether each result element depends on the operands' elements at the same position alone.
    #[must_use]
    pub const fn is_elementwise(&self) -> bool {
        match self {
            Self::Unary(_)
            | Self::Binary(_)
            | Self::Compare(_)
            | Self::IsFinite
            | Self::Select
            | Self::Clamp
            | Self::Convert(_) => true,
            Self::Constant(_)
            | Self::Iota { .. }
            | Self::Broadcast(_)
            | Self::Reshape(_)
            | Self::Transpose(_)
            | Self::Reverse(_)
            | Self::Slice(_)
            | Self::Pad(_)
            | Self::Concatenate { .. }
            | Self::Reduce { .. }
            | Self::Dot(_)
            | Self::Call(_) => false,
        }
    }
}

/// Every row of the table: the elementwise families, the reductions, then the structured operations.
#[must_use]
pub fn table() -> Vec<&'static OpInfo> {
    let unary = Unary::ALL.iter().map(|op| op.info());
    let binary = Binary::ALL.iter().map(|op| op.info());
    let reduce = Reduction::ALL.iter().map(|op| op.info());
    unary.chain(binary).chain(STRUCTURED.iter().copied()).chain(reduce).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_at_most_three_words_and_names_are_unique() {
        assert!(size_of::<Op>() <= 24, "{} bytes", size_of::<Op>());
        let mut names: Vec<_> = table().iter().map(|row| row.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
