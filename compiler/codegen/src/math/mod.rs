//! Vector math: elementwise functions as inline Cranelift IR.
//!
//! [`emit_unary`] and [`emit_binary`] emit a function of `f32`, `f64`, `f32x4` or `f64x2` values.
//!
//! | exp | 2 | 2 | 1.5 | 1.5 | x |
//! | exp2 | 2 | 2 | 1.5 | 1.5 | x |
//! | expm1 | 2 | 2 | 1.5 | 1.5 | x |
//! | log | 2 | 2 | 1.5 | 1.5 | x |
//! | log2 | 2 | 2 | 1.5 | 1.5 | x |
//! | log1p | 2 | 2 | 1.5 | 1.5 | x |
//! | sqrt | 2 | 2 | 1.5 | 1.5 | x |
//! | rsqrt | 2 | 2 | 1.5 | 1.5 | x |
//! | cbrt | 2 | 2 | 1.5 | 1.5 | x |
//! | sin | 2 | 2 | 1.5 | 1.5 | x |
//! | cos | 2 | 2 | 1.5 | 1.5 | x |
//! | tan | 2 | 2 | 1.5 | 1.5 | x |
//! | asin | 2 | 2 | 1.5 | 1.5 | x |
//! | acos | 2 | 2 | 1.5 | 1.5 | x |
//! | atan | 2 | 2 | 1.5 | 1.5 | x |
//! | sinh | 2 | 2 | 1.5 | 1.5 | x |
//! | cosh | 2 | 2 | 1.5 | 1.5 | x |
//! | tanh | 2 | 2 | 1.5 | 1.5 | x |
//! | logistic | 2 | 2 | 1.5 | 1.5 | x |
//! | erf | 2 | 2 | 1.5 | 1.5 | x |
//! | erfc | 2 | 2 | 1.5 | 1.5 | x |
//! | sign | 2 | 2 | 1.5 | 1.5 | x |
//! | floor | 2 | 2 | 1.5 | 1.5 | x |
//! | ceil | 2 | 2 | 1.5 | 1.5 | x |
//! | round_half_even | 2 | 2 | 1.5 | 1.5 | x |
//! | atan2 | 2 | 2 | 1.5 | 1.5 | x |
//! | pow | 2 | 2 | 1.5 | 1.5 | x |
//! | rem | 2 | 2 | 1.5 | 1.5 | x |
//! | min | 2 | 2 | 1.5 | 1.5 | x |
//! | max | 2 | 2 | 1.5 | 1.5 | x |
pub mod builder;
pub mod externs;

mod common;
mod double;
mod functions;
mod single;

pub use builder::{Mask, MathBuilder};
pub use common::emit_is_finite;
pub use externs::{ExternFn, ExternFns, ExternTable, FunctionExterns, rounding_libcalls};
pub use functions::{MathBinary, MathUnary, emit_binary, emit_unary};
