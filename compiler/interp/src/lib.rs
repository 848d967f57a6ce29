//! The reference interpreter of the tensor IR: slow and obvious, the oracle of every test.
//!
//! Every operation is written as a function from a position of the result to its element, over [`Scalar`]s, with
//! no shared cleverness between operations and none borrowed from the compiler proper. What an elementwise
//! operation means is said once, in [`scalar`], and constant folding uses the same functions.
//!
//! Reading order:
//!
//! * [`array`](mod@array): [`Array`], a shape and its elements in row-major order.
//! * [`scalar`]: the meaning of every elementwise operation and reduction step on one element.
//! * `index`: the one place that walks positions in row-major order.
//! * `structured`: the operations that move elements; `contract`: reductions and `dot`.
//! * [`evaluate`](mod@evaluate): whole functions, calls included, under a memory limit.
//!
//! # Accuracy
//!
//! The oracle is at least as accurate as any order of evaluation that the specification permits: `f32` functions, sums, products
//! and dots are computed in `f64` and rounded once, `f64` sums are pairwise. All functions come from the `libm` crate, so that
//! results are the same on every platform.
//!
//! # Bad input
//!
//! Only verified modules are evaluated. Wrong inputs and too little memory are an [`Error`], never a panic.
#![forbid(unsafe_code)]

pub mod array;
mod contract;
pub mod error;
pub mod evaluate;
mod index;
pub mod scalar;
mod structured;

pub use array::{Array, Element};
pub use error::Error;
pub use evaluate::{Options, evaluate, evaluate_op, evaluate_with};
pub use pullback_ir::{Elements, Scalar, Shape, Type};
