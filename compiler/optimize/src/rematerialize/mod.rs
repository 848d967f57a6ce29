//! Rematerialisation: what is kept from early in a program until late in it is computed again instead, so that less memory is needed at once.
//!
//! Why: a backward pass reads what the forward pass computed. Where memory is scarce it is better to compute much of that twice than not to run at all.
//!
//! It works on a function and its fusion [`Plan`](crate::fuse::Plan), since the plan says what is stored, and in which order. The regions of the plan are the steps of a *model* of memory
//! (`model`): a value takes its bytes from the step that stores it to the last that reads it. At the *peak*, the step in which most is taken, some of it is there only because later
//! steps read it. A [`Choice`] names such values, and what they are computed from that no later step reads; each is then computed anew before the first step behind the peak that reads it (`copy`), from parameters, from what
//! is kept, and from other values of the choice that are computed anew with it. So each is computed at most twice, and the second time serves all later readers.
//!
//! Which values to choose is a question of two kinds (`choose`):
//!
//! * With little to save, those that save most for their work: bytes, times the steps without them, by the work of computing them again.
//! * With much to save, chains matter: of n layers of which each needs the one before, none can be computed again without one that is kept. Keeping every √n-th leaves √n kept and √n between
//!   two of them at a time (Chen et al., "Training deep nets with sublinear memory cost"). So values are gone through in order, and one is kept whenever
//!   so many bytes were not. How many is tried out, and so is how much work a value may take to be among them.
//!
//! All these are judged by the model, which is cheap; of the best, one for each amount of work, the caller finds out by lowering them what the exact size is. It may do the same again to the
//! outcome, whose peak is elsewhere.
//!
//! Invariants: the results are the same values, computed by the same operations; loops and branches are never computed again, nor anything within them; what is returned is not
//! (it has its place with the caller). What is computed again begins behind an `optimization_barrier`, so that no pass and no fusion merges it
//! with the first time. The outcome depends on the function and the plan alone.

mod choose;
mod copy;
mod model;

use pullback_ir::Value;

pub use choose::choices;
pub use copy::rematerialize;

/// Values to be computed again, and what that is worth.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Choice {
    /// The values, in order of definition.
    pub values: Vec<Value>,
    /// The region of the plan behind which they are computed again.
    pub behind: usize,
    /// The work of computing them again, in units of simple arithmetic.
    pub work: u64,
    /// The bytes at the peak that are then left, by the model.
    pub peak: usize,
}

/// What a function needs, and ways to need less.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Choices {
    /// The bytes at the peak as it is, by the model.
    pub peak: usize,
    /// More and more work for less and less memory.
    pub found: Vec<Choice>,
}
