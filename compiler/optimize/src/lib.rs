//! Passes, pipelines and fusion regions over the tensor IR.
//!
//! A [`Pass`] is a value: a name, a line about it, and a plain function from IR to IR. A pipeline is a list of passes;
//! flags, dumps, timing rows and blame use the passes' names.
//!
//! Reading order:
//!
//! * [`pass`]: what a pass is, and how it fails.
//! * [`pipeline`]: the lists of passes, and how they are run, observed, cut short and verified.
//! * [`passes`]: one file per pass.
//! * [`rules`]: the rewrite rules of algebra, as tables, with what they promise about NaN, infinities and signed zeros.
//! * [`fuse`]: which instructions run together in one loop nest, with reasons.
//! * [`rematerialize`]: what is computed again so that less memory is needed.
//! * [`rewriter`]: the one walk that applies a table of rules to a function.
//! * `rows`: values that lie in others as they would by themselves.
//! * `regions`: how passes reach the regions of control flow.
//!
//! Invariants of every pass: parameters and results keep their number, order and types; names and provenance travel
//! with the values; the output depends on the input alone, never on addresses or hash order.
//!
//! Differentiate before: what a program computes stays, but rules of the user's, checkpoints and `stop_gradient`, which only derivatives
//! see, are gone from an optimised program.
#![forbid(unsafe_code)]

pub mod equality;
pub mod fuse;
pub mod pass;
pub mod passes;
pub mod pipeline;
mod regions;
pub mod rematerialize;
pub mod rewriter;
mod rows;
pub mod rules;

pub use pass::{Changed, Error, Pass};
pub use pipeline::{DEFAULT, Limit, Optimized, PipelineOptions, Stop, find_pass, optimize, run_pipeline};
