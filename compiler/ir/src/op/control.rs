//! Attributes of structured control flow, and what its regions are called.
//!
//! Regions are closed: they see their parameters and nothing else. Whatever an outer value contributes comes in as an operand (`consts`). A
//! region is thus a function without a name, and every pass applies to it as to one.

use super::Op;

/// What a reverse pass keeps of a `scan`'s iterations.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Checkpointing {
    /// What the derivative of each iteration needs.
    #[default]
    Store,
    /// The state before each iteration; the iteration runs again.
    Recompute,
    /// The state before every so many iterations, at least 1; those in between run again.
    Every(usize),
    /// States in this many slots, at least 1, by the schedule that is optimal for that many (Griewank and Walther, "Algorithm 799: Revolve").
    Binomial(usize),
}

/// Attributes of `scan %const…, %carry…, %xs…`.
///
/// Iteration `i` calls the region `body(consts, carry, xs[i]) -> (carry, ys[i])`. Results: the carry after the last iteration, then each `ys` stacked along a
/// new axis 0.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ScanSpec {
    /// The number of iterations: the extent of axis 0 of every `xs` and `ys`.
    pub length: usize,
    /// How many operands are the same in every iteration.
    pub consts: usize,
    /// How many operands are the state.
    pub carry: usize,
    /// Whether iterations run from the last position to the first.
    pub reverse: bool,
    /// What a reverse pass keeps.
    pub checkpoint: Checkpointing,
}

/// Attributes of `while %const…, %carry…`, with the regions `cond(consts, carry) -> bool` and `body(consts, carry) -> carry`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct WhileSpec {
    /// How many operands are the same in every iteration.
    pub consts: usize,
    /// The most iterations: the loop ends after them even if its condition still holds. Reverse mode needs one.
    pub bound: Option<usize>,
}

/// Which rule a `custom_derivative` brings.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CustomRule {
    /// `jvp(operands, tangents of the floating-point operands) -> tangents of the floating-point results`.
    Jvp,
    /// `vjp(operands, results, cotangents of the floating-point results) -> cotangents of the floating-point operands`.
    Vjp,
}

impl CustomRule {
    /// The word in the text form, and the label of the rule's region.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jvp => "jvp",
            Self::Vjp => "vjp",
        }
    }
}

/// The most regions of a `switch`.
pub const MAX_BRANCHES: usize = 1024;

/// How deep regions may nest: passes recurse on it.
pub const MAX_REGION_DEPTH: usize = 32;

impl Op {
    /// How many regions the operation may have: least and most.
    #[must_use]
    pub const fn region_counts(&self) -> (usize, usize) {
        match self {
            Self::Scan(_) | Self::Checkpoint | Self::TransposeRule { .. } => (1, 1),
            Self::While(_) | Self::Cond | Self::CustomDerivative(_) => (2, 2),
            Self::Switch => (1, MAX_BRANCHES),
            _ => (0, 0),
        }
    }

    /// The label of the region at a position in the text form.
    #[must_use]
    pub const fn region_label(&self, position: usize) -> &'static str {
        match (self, position) {
            (Self::Cond, 0) => "then",
            (Self::Cond, _) => "else",
            (Self::While(_), 0) => "cond",
            (Self::Switch, _) => "case",
            (Self::CustomDerivative(_), 0) => "primal",
            (Self::CustomDerivative(rule), _) => rule.name(),
            (Self::TransposeRule { .. }, _) => "transpose",
            _ => "body",
        }
    }
}
