//! Everything that compiles, in one place: machine code run on arrays, and dumps of the stages behind the tensor IR.

use clap::ValueEnum;
use pullback_interp::Array;
use pullback_ir::{FuncId, Module, Verified};

use crate::failure::Failure;

/// A form that a program takes on its way to machine code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, ValueEnum)]
pub enum Stage {
    /// The tensor IR as it was read
    Tensor,
    /// The tensor IR of the derivative
    Adjoint,
    /// The tensor IR after the optimisation passes
    Optimized,
    /// The optimised tensor IR grouped into fusion regions, with the reasons
    Fused,
    /// The loop IR
    Loops,
    /// Cranelift's intermediate form
    Clif,
    /// The machine code, disassembled
    Asm,
}

/// The results of a compiled function.
///
/// # Errors
/// If it cannot be compiled, or the inputs do not fit.
pub fn run(_module: &Verified<Module>, _func: FuncId, _inputs: &[Array]) -> Result<Vec<Array>, Failure> {
    Err(missing())
}

/// A stage behind the tensor IR as text.
///
/// # Errors
/// If the function cannot be lowered that far.
pub fn dump(_module: &Verified<Module>, _func: FuncId, _stage: Stage) -> Result<String, Failure> {
    Err(missing())
}

fn missing() -> Failure {
    Failure::program("this build has no code generation; run with --interpret, or dump a stage up to `optimized`")
}
