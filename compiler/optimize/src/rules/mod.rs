//! The rewrite rules of algebra, as tables.
//!
//! # What a rule may change
//!
//! The specification's section on rewriting decides. Every rule here gives the same elements for all operands, infinities,
//! signed zeros and subnormal numbers included, except for what these lines name:
//!
//! * Sign and payload of a NaN: any NaN stands for any other.
//! * The order of accumulation of sums, products and dots, and with it the sign of a sum that is zero: the
//!   tolerance of sums covers both. It is what allows to merge two reductions, to take `-0` for the sum of the one term
//!   `-0`, and to multiply by a power of two instead of adding up equal terms.
//! * `pow` with the exponents 2 and -1 becomes a product and a quotient, which are the correctly rounded powers.
//!
//! Rules that are tempting and wrong, each with a test that shows the operand that breaks it: `x + 0 = x` (-0),
//! `0 - x = -x` (0), `x · 0 = 0` (NaN, infinities), `x - x = 0` (NaN, infinities), `x / x = 1` (0), `-(x - y) = y - x` (equal
//! operands), `x / 3 = x · (1/3)` (rounding), `pow(x, 0.5) = sqrt(x)` (-0, -inf), `not (x < y) = x >= y` (NaN),
//! `x == x` (NaN), `(x + a) + b = x + (a + b)` (rounding, overflow). Integers wrap, so for them all but the divisions hold.
//!
//! # Termination
//!
//! Each table's rules make something smaller that no other rule makes larger: the number of operations above the
//! operands, the number of elements that are moved, or the number of constants on the left.

pub(crate) mod arithmetic;
pub mod constants;
pub(crate) mod contractions;
pub(crate) mod logic;
pub(crate) mod pieces;
pub(crate) mod positions;
pub(crate) mod views;

use pullback_ir::{Binary, Op, Unary};

use crate::rewriter::Rule;

/// The rules of algebra for an operation. Folding comes first: a known result needs no algebra.
#[must_use]
pub const fn algebra(op: &Op) -> &'static [&'static [Rule]] {
    match op {
        Op::Constant(_) | Op::Iota { .. } | Op::Call(_) => &[constants::RULES],
        Op::Bitcast(_) => &[constants::RULES, logic::BITCAST, views::ELEMENTWISE],
        Op::ArgReduce { .. } => &[constants::RULES, positions::ARG_REDUCE],
        Op::Cumulative { .. } => &[constants::RULES, positions::CUMULATIVE],
        Op::DynamicSlice(_) => &[constants::RULES, positions::DYNAMIC_SLICE],
        Op::DynamicUpdateSlice => &[constants::RULES, positions::DYNAMIC_UPDATE_SLICE],
        Op::Gather(_) => &[constants::RULES, positions::GATHER],
        Op::Windows(_) => &[constants::RULES, positions::WINDOWS],
        Op::OverlapAdd { .. } => &[constants::RULES, positions::OVERLAP_ADD],
        Op::Sort { .. } => &[constants::RULES, positions::SORT],
        Op::Scatter { .. }
        | Op::ReduceWindow { .. }
        | Op::SelectAndScatter { .. }
        | Op::Conv(_)
        | Op::RandomBits(_)
        | Op::Cholesky
        | Op::TriangularSolve { .. } => &[constants::RULES],
        // A walk asks for rules of what has one result and no regions.
        Op::Barrier
        | Op::TopK { .. }
        | Op::Scan(_)
        | Op::While(_)
        | Op::Cond
        | Op::Switch
        | Op::CustomDerivative(_)
        | Op::TransposeRule { .. }
        | Op::Checkpoint => &[],
        Op::Unary(unary) => match unary {
            Unary::Neg => &[constants::RULES, arithmetic::NEG, views::ELEMENTWISE],
            Unary::Abs => &[constants::RULES, arithmetic::ABS, views::ELEMENTWISE],
            Unary::Sign | Unary::Floor | Unary::Ceil | Unary::Round => {
                &[constants::RULES, arithmetic::IDEMPOTENT, views::ELEMENTWISE]
            }
            Unary::Not => &[constants::RULES, logic::NOT, views::ELEMENTWISE],
            Unary::Exp
            | Unary::Exp2
            | Unary::Expm1
            | Unary::Log
            | Unary::Log2
            | Unary::Log1p
            | Unary::Sqrt
            | Unary::Rsqrt
            | Unary::Cbrt
            | Unary::Sin
            | Unary::Cos
            | Unary::Tan
            | Unary::Asin
            | Unary::Acos
            | Unary::Atan
            | Unary::Sinh
            | Unary::Cosh
            | Unary::Tanh
            | Unary::Logistic
            | Unary::Erf
            | Unary::Erfc
            | Unary::ErfInv
            | Unary::Lgamma
            | Unary::Digamma
            | Unary::BesselI0e
            | Unary::BesselI1e
            | Unary::PopulationCount => &[constants::RULES, views::ELEMENTWISE],
            Unary::StopGradient => &[constants::RULES, logic::STOP_GRADIENT, views::ELEMENTWISE],
        },
        Op::Binary(binary) => match binary {
            Binary::Add => &[constants::RULES, arithmetic::COMMUTATIVE, arithmetic::ADD, views::ELEMENTWISE],
            Binary::Sub => &[constants::RULES, arithmetic::SUB, views::ELEMENTWISE],
            Binary::Mul => &[constants::RULES, arithmetic::COMMUTATIVE, arithmetic::MUL, views::ELEMENTWISE],
            Binary::Div => &[constants::RULES, arithmetic::DIV, views::ELEMENTWISE],
            Binary::Rem => &[constants::RULES, arithmetic::REM, views::ELEMENTWISE],
            Binary::Pow => &[constants::RULES, arithmetic::POW, views::ELEMENTWISE],
            Binary::Atan2 => &[constants::RULES, views::ELEMENTWISE],
            Binary::Max | Binary::Min => {
                &[constants::RULES, arithmetic::COMMUTATIVE, arithmetic::EXTREMUM, views::ELEMENTWISE]
            }
            Binary::Polygamma => &[constants::RULES, views::ELEMENTWISE],
            Binary::ShiftLeft | Binary::ShiftRight | Binary::ShiftRightLogical => {
                &[constants::RULES, logic::SHIFT, views::ELEMENTWISE]
            }
            Binary::And | Binary::Or | Binary::Xor => {
                &[constants::RULES, arithmetic::COMMUTATIVE, logic::CONNECTIVE, views::ELEMENTWISE]
            }
        },
        Op::Compare(_) => &[constants::RULES, logic::COMPARE, views::ELEMENTWISE],
        Op::IsFinite => &[constants::RULES, views::ELEMENTWISE],
        Op::Select => &[constants::RULES, logic::SELECT, views::ELEMENTWISE],
        Op::Clamp => &[constants::RULES, logic::CLAMP, views::ELEMENTWISE],
        Op::Convert(_) => &[constants::RULES, logic::CONVERT, views::ELEMENTWISE],
        Op::Broadcast(_) => &[constants::RULES, views::BROADCAST],
        Op::Reshape(_) => &[constants::RULES, views::RESHAPE],
        Op::Transpose(_) => &[constants::RULES, views::TRANSPOSE],
        Op::Reverse(_) => &[constants::RULES, views::REVERSE],
        Op::Slice(_) => &[constants::RULES, pieces::SLICE],
        Op::Pad(_) => &[constants::RULES, pieces::PAD],
        Op::Concatenate { .. } => &[constants::RULES, pieces::CONCATENATE],
        Op::Reduce { .. } => &[constants::RULES, contractions::REDUCE],
        Op::Dot(_) => &[constants::RULES, contractions::DOT],
    }
}

/// The rules of folding alone, for every operation.
#[must_use]
pub const fn folding(_op: &Op) -> &'static [&'static [Rule]] {
    &[constants::RULES]
}

/// Every rule of algebra, in order of the tables: for listings, and for the test that each one applies somewhere.
#[must_use]
pub fn all() -> Vec<&'static Rule> {
    let tables = [
        constants::RULES,
        arithmetic::COMMUTATIVE,
        arithmetic::NEG,
        arithmetic::ABS,
        arithmetic::IDEMPOTENT,
        arithmetic::ADD,
        arithmetic::SUB,
        arithmetic::MUL,
        arithmetic::DIV,
        arithmetic::REM,
        arithmetic::POW,
        arithmetic::EXTREMUM,
        logic::NOT,
        logic::CONNECTIVE,
        logic::SHIFT,
        logic::STOP_GRADIENT,
        logic::BITCAST,
        logic::COMPARE,
        logic::SELECT,
        logic::CLAMP,
        logic::CONVERT,
        views::ELEMENTWISE,
        views::BROADCAST,
        views::RESHAPE,
        views::TRANSPOSE,
        views::REVERSE,
        pieces::SLICE,
        pieces::PAD,
        pieces::CONCATENATE,
        contractions::REDUCE,
        contractions::DOT,
        positions::DYNAMIC_SLICE,
        positions::DYNAMIC_UPDATE_SLICE,
        positions::GATHER,
        positions::WINDOWS,
        positions::OVERLAP_ADD,
        positions::CUMULATIVE,
        positions::SORT,
        positions::ARG_REDUCE,
    ];
    tables.into_iter().flatten().collect()
}
