//! Vector math: elementwise functions as inline Cranelift IR.
//!
//! [`emit_unary`] and [`emit_binary`] emit a function of `f32`, `f64`, `f32x4` or `f64x2` values.
pub mod builder;
pub mod externs;

mod common;
mod double;
mod functions;
mod single;

pub use builder::{Mask, MathBuilder};
pub use common::emit_is_finite;
pub use externs::{ExternFn, ExternFns, ExternTable, FunctionExterns};
pub use functions::{MathBinary, MathUnary, emit_binary, emit_unary};
