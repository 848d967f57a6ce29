//! The reference interpreter of the tensor IR: slow and obvious, the oracle of every test.
//!
//! Every operation is written as a function from a position of the result to its element, over [`Scalar`]s, with
//! no shared cleverness between operations and none borrowed from the compiler proper. What an elementwise
//! operation means is said once, in [`scalar`], and constant folding uses the same functions.
//!
//! Reading order:
//!
//! * [`array`](mod@array): [`Array`], a shape and its elements in row-major order.
//! * [`scalar`]: the meaning of every elementwise operation and reduction step on one element; [`special`]: the special
//!   functions among them.
//! * `index`: the one place that walks positions in row-major order.
//! * `structured`: the operations that move elements; `contract`: reductions and `dot`; `indexing`: dynamic slices, gather, scatter; `windows`:
//!   sliding windows, pooling, convolution; `sorting`: orders, extrema and prefix combinations; `linear_algebra`; `random`.
//! * [`evaluate`](mod@evaluate): single operations and whole functions, checked where they come in.
//! * `plan`, `machine`, `control`, `memory`: functions and regions run, with calls, branches and loops, under limits of memory and steps.
//!
//! # Accuracy
//!
//! The oracle is at least as accurate as any order of evaluation that the specification permits: `f32` functions, sums, products,
//! dots, factorisations and solutions are computed in `f64` and rounded once, `f64` sums are pairwise, prefix sums compensated. All functions come from the `libm` crate and [`special`], so that
//! results are the same on every platform.
//!
//! # Bad input
//!
//! Only verified modules are evaluated. Wrong inputs, too little memory and loops that do not end are an [`Error`], never a panic.
#![forbid(unsafe_code)]

pub mod array;
mod contract;
mod control;
pub mod error;
pub mod evaluate;
mod index;
mod indexing;
mod linear_algebra;
mod machine;
mod memory;
mod plan;
mod random;
pub mod scalar;
mod sorting;
pub mod special;
mod structured;
mod windows;

pub use array::{Array, Element};
pub use error::Error;
pub use evaluate::{Options, evaluate, evaluate_op, evaluate_results, evaluate_with};
pub use pullback_ir::{Elements, Scalar, Shape, Type};
