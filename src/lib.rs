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
mod compile;
mod error;
mod options;

pub use pullback_autodiff as autodiff;
pub use pullback_codegen as codegen;
pub use pullback_graph as graph;
pub use pullback_interp as interp;
pub use pullback_ir as ir;
pub use pullback_loops as loops;
pub use pullback_optimize as optimize;
pub use pullback_runtime as runtime;

pub use arrays::{run_arrays, to_array, to_tensor};
pub use compile::{Report, Stage, Timing, compile, compile_with_report, dump};
pub use error::Error;
pub use options::{Derivative, Differentiate, Options, PassLimit};
pub use pullback_autodiff::{grad, jvp, linearize, transpose, value_and_grad, vjp};
pub use pullback_codegen::Features;
pub use pullback_graph::{Graph, Tensor, nn, optim, trace};
pub use pullback_ir::{DType, FuncId, Function, Module, Verified, parse_module, verify};
pub use pullback_runtime::{ArgMut, ArgRef, Executable};

/// What most programs need, to be imported whole.
pub mod prelude {
    pub use crate::{
        ArgMut, ArgRef, DType, Executable, FuncId, Graph, Module, Options, Tensor, Verified, compile, trace,
        value_and_grad, verify,
    };
}
