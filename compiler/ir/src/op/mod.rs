//! The table of operations.
//!
//! One row per operation: its name in the text form, the element types it takes, what its derivative needs and a
//! line of documentation. [`Op`] groups the operations by *format*, which is what an instruction stores besides its
//! operands: the elementwise families share a format each ([`Unary`], [`Binary`], [`Reduction`], …), and the
//! structured operations have one of their own. Behaviour lives elsewhere, in matches without a wildcard arm, one
//! file per concern: `infer.rs`, the interpreter, `jvp.rs`, `transpose.rs`, the lowering.
//!
//! No operation broadcasts or converts implicitly; that is what keeps every derivative rule short.
//!
//! To add an operation: a row here, an arm where the compiler then complains, a section in the specification, two text tests.

mod attributes;
mod control;
mod families;
mod indexing;
mod windows;

use std::sync::Arc;

use crate::entities::FuncId;
use crate::literal::Literal;
use crate::types::{DType, Shape, Type};

pub use attributes::{Axes, BroadcastSpec, DotDims, PadSpec, SliceSpec};
pub use control::{Checkpointing, CustomRule, MAX_BRANCHES, MAX_REGION_DEPTH, ScanSpec, WhileSpec};
pub use families::{Binary, Comparison, Cumulation, Extremum, Pooling, Reduction, ScatterKind, Unary};
pub use indexing::{GatherSpec, OutOfBounds, WindowDims};
pub use windows::{ConvSpec, PoolSpec, WindowSpec};

/// The element types an operation takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Domain {
    /// `f32`, `f64`.
    Float,
    /// `f32`, `f64`, `i32`, `i64`, `u8`.
    Numeric,
    /// `i32`, `i64`, `u8`.
    Integer,
    /// `bool`, `i32`, `i64`, `u8`.
    Bits,
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
            Self::Integer => dtype.is_integer(),
            Self::Bits => dtype.is_integer() || matches!(dtype, DType::Bool),
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
            Self::Integer => "i32, i64 or u8",
            Self::Bits => "bool, i32, i64 or u8",
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
    /// Made from the callee's or the regions'.
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
    /// The bits of the elements taken as another type of the same width.
    Bitcast(DType),
    /// The operands; passes do not look through it, so that what is behind is not merged with what is before.
    Barrier,
    /// `argmax`/`argmin`: the position of the first extremum along an axis, which disappears; NaN is the extremum.
    ArgReduce {
        /// Which.
        kind: Extremum,
        /// The axis.
        axis: usize,
        /// The element type of the positions, `i32` or `i64`.
        dtype: DType,
    },
    /// Combination of each element with all before it along an axis.
    Cumulative {
        /// What is accumulated.
        kind: Cumulation,
        /// The axis.
        axis: usize,
        /// Whether it is with all behind it instead.
        reverse: bool,
    },
    /// `dynamic_slice %x, %start…`: a box of this shape whose first position is known at run time, one integer scalar per axis; starts are clamped so that the
    /// box is inside.
    DynamicSlice(Box<Shape>),
    /// `dynamic_update_slice %x, %update, %start…`: `x` with a box replaced; starts as in `dynamic_slice`.
    DynamicUpdateSlice,
    /// `gather %x, %indices`: windows of the operand at indices.
    Gather(Box<GatherSpec>),
    /// `scatter %x, %indices, %updates`: windows of the operand combined with updates, in row-major order of the updates.
    Scatter {
        /// How an update is combined.
        kind: ScatterKind,
        /// Which windows.
        dims: Box<WindowDims>,
    },
    /// The windows along some axes, a view: those axes count windows, and new axes at the end run over the positions in a window.
    Windows(Box<WindowSpec>),
    /// The transpose of `windows`: the sum of windows at their places in a result of this shape.
    OverlapAdd {
        /// The windows.
        spec: Box<WindowSpec>,
        /// The result's shape.
        shape: Box<Shape>,
    },
    /// Combination of the elements in each window.
    ReduceWindow {
        /// What is accumulated.
        kind: Pooling,
        /// The windows.
        spec: Box<PoolSpec>,
    },
    /// `select_and_scatter %x, %source`: each element of the source added at the position of the first extremum in its window of the
    /// operand, zeros elsewhere.
    SelectAndScatter {
        /// Which element of a window.
        kind: Extremum,
        /// The windows; no dilation.
        spec: Box<PoolSpec>,
    },
    /// Convolution `conv %x, %kernel` (a correlation: the kernel is not reversed).
    Conv(Box<ConvSpec>),
    /// Operands of one shape reordered together along an axis so that the first `keys` of them increase lexicographically; stable; NaN counts as the
    /// largest.
    Sort {
        /// The axis.
        axis: usize,
        /// How many operands are compared.
        keys: usize,
        /// Whether they decrease instead.
        descending: bool,
    },
    /// The `k` largest along the last axis in decreasing order, and their positions as `i32`; ties in order of position.
    TopK {
        /// How many.
        k: usize,
    },
    /// Random bits from a key `i32[2]`: Threefry-2x32 with 20 rounds of the element's position.
    RandomBits(Box<Type>),
    /// The lower triangular `L` with `L Lᵀ = A` for the symmetric matrices `[…, n, n]` whose lower triangles are given; NaN where `A` is not positive definite.
    Cholesky,
    /// `triangular_solve %a, %b`: the solution of `op(A) X = B`, or of `X op(A) = B`, for triangular matrices `[…, n, n]`.
    TriangularSolve {
        /// Whether `A` stands to the left of `X`.
        left: bool,
        /// Whether `A` is lower triangular; the other triangle is not read.
        lower: bool,
        /// Whether `op(A)` is the transpose.
        transpose: bool,
        /// Whether the diagonal is taken as 1 and not read.
        unit: bool,
    },
    /// A call of another function of the module.
    Call(FuncId),
    /// A loop of a known number of iterations.
    Scan(Box<ScanSpec>),
    /// A loop while a condition holds.
    While(Box<WhileSpec>),
    /// `cond %pred, %args…`: the region `then` if the predicate, a `bool` scalar, holds, else the region `else`, applied to the other operands.
    Cond,
    /// `switch %index, %args…`: the region at the index, an `i32` scalar clamped to those there are, applied to the other operands.
    Switch,
    /// The region `primal` applied to the operands; derivatives use the rule in the second region.
    CustomDerivative(CustomRule),
    /// A linear map known by its transpose alone: made by reverse mode for `custom_derivative` with a VJP rule. The first `known` operands are not
    /// linear ones.
    TransposeRule {
        /// How many.
        known: usize,
    },
    /// The region applied to the operands; a reverse pass runs it again instead of keeping what its derivative needs.
    Checkpoint,
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
    BITCAST "bitcast" Any Zero "The bits of the elements as another type.";
    BARRIER "optimization_barrier" Any Linear "The operands, which passes do not look through.";
    ARGMAX "argmax" Numeric None "The position of the first largest element along an axis.";
    ARGMIN "argmin" Numeric None "The position of the first smallest element along an axis.";
    DYNAMIC_SLICE "dynamic_slice" Any Linear "A box at a position known at run time.";
    DYNAMIC_UPDATE_SLICE "dynamic_update_slice" Any Linear "A box replaced at a position known at run time.";
    GATHER "gather" Any Linear "Windows at indices.";
    WINDOWS "windows" Any Linear "A view of sliding windows.";
    OVERLAP_ADD "overlap_add" Numeric Linear "Windows summed at their places.";
    SELECT_AND_SCATTER_MAX "select_and_scatter max" Numeric UsesInput "Elements added at the largest of each window.";
    SELECT_AND_SCATTER_MIN "select_and_scatter min" Numeric UsesInput "Elements added at the smallest of each window.";
    CONV "conv" Numeric Bilinear "Convolution.";
    SORT "sort" Any UsesInput "Stable sorting along an axis.";
    TOP_K "top_k" Numeric UsesInput "The largest along the last axis and their positions.";
    RANDOM_BITS "random_bits" Integer None "Counter-based random bits.";
    CHOLESKY "cholesky" Float UsesOutput "The Cholesky factor.";
    TRIANGULAR_SOLVE "triangular_solve" Float UsesInput "The solution of a triangular system.";
    CALL "call" Any Call "A call of another function.";
    SCAN "scan" Any Call "A loop of a known number of iterations.";
    WHILE "while" Any Call "A loop while a condition holds.";
    COND "cond" Any Call "One of two regions.";
    SWITCH "switch" Any Call "One of several regions.";
    CUSTOM_DERIVATIVE "custom_derivative" Any Call "A computation with a derivative of the user's.";
    TRANSPOSE_RULE "transpose_rule" Float Call "A linear map known by its transpose.";
    CHECKPOINT "checkpoint" Any Call "A computation to run again in a reverse pass.";
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
            Self::Bitcast(_) => &BITCAST,
            Self::Barrier => &BARRIER,
            Self::ArgReduce { kind: Extremum::Max, .. } => &ARGMAX,
            Self::ArgReduce { kind: Extremum::Min, .. } => &ARGMIN,
            Self::Cumulative { kind, .. } => kind.info(),
            Self::DynamicSlice(_) => &DYNAMIC_SLICE,
            Self::DynamicUpdateSlice => &DYNAMIC_UPDATE_SLICE,
            Self::Gather(_) => &GATHER,
            Self::Scatter { kind, .. } => kind.info(),
            Self::Windows(_) => &WINDOWS,
            Self::OverlapAdd { .. } => &OVERLAP_ADD,
            Self::ReduceWindow { kind, .. } => kind.info(),
            Self::SelectAndScatter { kind: Extremum::Max, .. } => &SELECT_AND_SCATTER_MAX,
            Self::SelectAndScatter { kind: Extremum::Min, .. } => &SELECT_AND_SCATTER_MIN,
            Self::Conv(_) => &CONV,
            Self::Sort { .. } => &SORT,
            Self::TopK { .. } => &TOP_K,
            Self::RandomBits(_) => &RANDOM_BITS,
            Self::Cholesky => &CHOLESKY,
            Self::TriangularSolve { .. } => &TRIANGULAR_SOLVE,
            Self::Call(_) => &CALL,
            Self::Scan(_) => &SCAN,
            Self::While(_) => &WHILE,
            Self::Cond => &COND,
            Self::Switch => &SWITCH,
            Self::CustomDerivative(_) => &CUSTOM_DERIVATIVE,
            Self::TransposeRule { .. } => &TRANSPOSE_RULE,
            Self::Checkpoint => &CHECKPOINT,
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
            | Self::Bitcast(_)
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
            | Self::Barrier
            | Self::ArgReduce { .. }
            | Self::Cumulative { .. }
            | Self::DynamicSlice(_)
            | Self::DynamicUpdateSlice
            | Self::Gather(_)
            | Self::Scatter { .. }
            | Self::Windows(_)
            | Self::OverlapAdd { .. }
            | Self::ReduceWindow { .. }
            | Self::SelectAndScatter { .. }
            | Self::Conv(_)
            | Self::Sort { .. }
            | Self::TopK { .. }
            | Self::RandomBits(_)
            | Self::Cholesky
            | Self::TriangularSolve { .. }
            | Self::Call(_)
            | Self::Scan(_)
            | Self::While(_)
            | Self::Cond
            | Self::Switch
            | Self::CustomDerivative(_)
            | Self::TransposeRule { .. }
            | Self::Checkpoint => false,
        }
    }
}

/// Every row of the table: the elementwise families, the reductions, then the structured operations.
#[must_use]
pub fn table() -> Vec<&'static OpInfo> {
    let unary = Unary::ALL.iter().map(|op| op.info());
    let binary = Binary::ALL.iter().map(|op| op.info());
    let reduce = Reduction::ALL.iter().map(|op| op.info());
    let cumulative = Cumulation::ALL.iter().map(|op| op.info());
    let pooling = Pooling::ALL.iter().map(|op| op.info());
    let scatter = ScatterKind::ALL.iter().map(|op| op.info());
    let structured = STRUCTURED.iter().copied();
    unary.chain(binary).chain(structured).chain(reduce).chain(cumulative).chain(pooling).chain(scatter).collect()
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
