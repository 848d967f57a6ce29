//! Pullback compiles tensor computations and their derivatives to native code.
//!
//! This crate is the front door: it puts the pipeline together and re-exports what a user needs. [`compile()`] takes a function of a verified
//! module (and, if asked, its derivative) through optimisation, fusion, lowering and code generation to an [`Executable`];
//! [`dump`] prints any stage on the way.
//!
//! ```
#![doc = include_str!("../examples/front_page.rs")]
//! ```
//!
//! The layers, for those who want one of them alone: [`ir`], [`interp`], [`graph`], [`autodiff`], [`optimize`],
//! [`loops`], [`codegen`], [`runtime`].
#![forbid(unsafe_code)]

mod arrays;
mod budget;
mod compile;
mod donate;
mod error;
pub mod explain;
pub mod gradcheck;
mod memory_report;
mod options;
mod oracle;
mod sparse;
mod stage;

pub use pullback_autodiff as autodiff;
pub use pullback_codegen as codegen;
pub use pullback_graph as graph;
pub use pullback_interp as interp;
pub use pullback_ir as ir;
pub use pullback_loops as loops;
pub use pullback_optimize as optimize;
pub use pullback_runtime as runtime;

pub use arrays::{run_arrays, to_array, to_tensor};
pub use compile::{Report, Timing, compile, compile_with_report, dump, loop_program};
pub use error::Error;
pub use explain::{ExplainOptions, Explanation, explain};
pub use gradcheck::{GradCheckOptions, GradCheckReport, gradcheck, gradcheck_derivative};
pub use memory_report::{MemoryBuffer, MemoryReport, memory_report};
pub use options::{Differentiate, Options, PassLimit};
pub use pullback_autodiff::{
    Derivative, JacobianMode, grad, hessian, hvp, jacobian, jvp, linearize, transpose, value_and_grad, vjp, vmap,
};
pub use pullback_codegen::Features;
pub use pullback_graph::{Conv, Graph, Padding, Scan, Tensor, Tree, Triangular, Window, nn, optim, rng, trace};
pub use pullback_ir::{Checkpointing, DType, FuncId, Function, Module, OutOfBounds, Verified, parse_module, verify};
pub use pullback_optimize::fuse::{Cutting, Fusion};
pub use pullback_runtime::{ArgMut, ArgRef, Executable};
pub use sparse::{Coloring, Side, SparseJacobian, SparsityPattern, color, jacobian_sparsity, sparse_jacobian};
pub use stage::Stage;

/// What most programs need, to be imported whole.
pub mod prelude {
    pub use crate::{
        ArgMut, ArgRef, Checkpointing, Conv, DType, Executable, FuncId, Fusion, Graph, Module, Options, OutOfBounds,
        Padding, Scan, Tensor, Tree, Triangular, Verified, Window, compile, grad, nn, optim, rng, trace,
        value_and_grad, verify,
    };
}
