//! What users write: tensors, operators and the compositions of neural networks.
//!
//! A [`Graph`] builds one function of the tensor IR. A [`Tensor`] is a handle to a value of it: it is
//! `Copy`, so a formula reads as on paper, `(a * w + b).powi(2).sum()`. Nothing is computed here; every
//! operation appends instructions, and [`Graph::build`] (or [`trace`]) returns the function.
//!
//! The tensor IR has no implicit broadcast and no implicit conversion. This crate adds the first and not the second:
//!
//! * Shapes broadcast as in NumPy: they are aligned at the right, a missing or size-1 axis repeats. The repetition becomes
//!   explicit `reshape` and `broadcast` instructions, so that no derivative rule ever has to undo it.
//! * Tensors of two element types do not mix; write [`Tensor::to`]. A literal (`2.0 * x`, `x / 3`) takes the element type
//!   and shape of the tensor it meets, provided it can be represented there.
//!
//! Mistakes never panic. The first one is recorded with the line of the *user's* source where it was made, everything built on
//! it is a placeholder, and `build` returns it. For that to hold inside compositions too, every public method is
//! `#[track_caller]` and none calls another from inside a closure, which would break the chain of locations, unless it says where
//! that is. The same location is the provenance of the instructions, from which error messages and kernel names of later stages
//! are made.
//!
//! Loops and branches are methods of the graph that take closures, [`Graph::scan`], [`Graph::while_loop`], [`Graph::cond`] and
//! their kin. The closures use any tensor in sight; what they use becomes an operand of the loop.
//!
//! Reading order: [`graph`](Graph) and [`Tensor`]; `emit.rs` (how instructions are appended); `operand.rs` (literals and
//! broadcasting); `ops.rs`, `elementwise.rs`, `reduce.rs`, `views.rs`, `slices.rs`, `indexing.rs`, `sorting.rs`, `windows.rs`,
//! `conv.rs`, `matmul.rs`, `einsum.rs`, `linalg.rs` (methods by theme); `region.rs`, `tree.rs`, `control.rs` and `custom.rs`
//! (control flow, derivative rules); [`nn`], [`optim`] and [`rng`] (compositions).
//!
//! ```
//! use pullback_graph::{Graph, trace};
//! use pullback_ir::{DType, Module};
//!
//! let module = Module::new();
//! let f = trace(&module, "squared_error", |g| {
//!     let a = g.input("a", DType::F32, [128, 784]);
//!     let w = g.input("w", DType::F32, [784, 10]);
//!     let b = g.input("b", DType::F32, [10]);
//!     vec![(a.matmul(w) + b).powi(2).mean()]
//! })?;
//! assert_eq!(f.params().len(), 3);
//! # Ok::<(), pullback_graph::Error>(())
//! ```
#![forbid(unsafe_code)]

mod axes;
mod control;
mod conv;
mod custom;
mod einsum;
mod elementwise;
mod emit;
mod graph;
mod indexing;
mod linalg;
mod matmul;
pub mod nn;
mod operand;
mod ops;
pub mod optim;
mod reduce;
mod region;
pub mod rng;
mod slices;
mod sorting;
mod tensor;
mod tree;
mod views;
mod windows;

pub use control::Scan;
pub use conv::Conv;
pub use graph::{Element, Error, Graph, trace};
pub use indexing::At;
pub use linalg::Triangular;
pub use operand::{Number, Operand, Resolved};
pub use slices::{Span, span};
pub use tensor::Tensor;
pub use tree::Tree;
pub use windows::{Padding, Window};
