//! What can go wrong in evaluating a verified module: wrong inputs, too much work, or not enough memory.

use pullback_ir::Type;
use pullback_ir::rewrite::MAX_INLINED_INSTRUCTIONS;
use pullback_ir::types::ShapeError;

/// A failed evaluation.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// The function does not exist in the module.
    #[error("the module has no function number {0}")]
    NoFunction(u32),
    /// Too many or too few inputs.
    #[error("@{function} takes {expected} inputs, found {found}")]
    InputCount {
        /// The function.
        function: String,
        /// The number of its parameters.
        expected: usize,
        /// The number of inputs given.
        found: usize,
    },
    /// An input of the wrong shape or element type.
    #[error("input {position} of @{function}, %{name}, is {found}, expected {expected}")]
    InputType {
        /// The function.
        function: String,
        /// The parameter.
        name: String,
        /// Its position, from 0.
        position: usize,
        /// The parameter's type.
        expected: Box<Type>,
        /// The input's type.
        found: Box<Type>,
    },
    /// An array whose element count is not that of its shape.
    #[error("an array of type {ty} has {found} elements, expected {}", ty.elements())]
    ElementCount {
        /// The declared type.
        ty: Box<Type>,
        /// The number of elements.
        found: usize,
    },
    /// Extents that are not a shape.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// Calls that come to too many instructions: each level of calls can double them, so they might never end.
    #[error(
        "inlining the calls of @{function} gives {instructions} instructions, at most {MAX_INLINED_INSTRUCTIONS} are supported"
    )]
    TooLarge {
        /// The function.
        function: String,
        /// The number of instructions, calls inlined.
        instructions: u64,
    },
    /// The evaluation needs more memory than it may use.
    #[error("{what} of {needed} bytes does not fit: {used} of {limit} bytes are in use")]
    Memory {
        /// What was to be allocated.
        what: String,
        /// Its size in bytes.
        needed: usize,
        /// Bytes in use before.
        used: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// More instructions than may be executed: a loop that is too long or does not end.
    #[error("@{function} did not end within {limit} instructions, the most that may be executed (`step_limit`)")]
    Steps {
        /// The function evaluated.
        function: String,
        /// The limit.
        limit: u64,
    },
    /// The system refused an allocation within the limit.
    #[error("the system has no memory for {needed} bytes")]
    Allocation {
        /// The size asked for in bytes.
        needed: usize,
    },
    /// Operands or result type that do not fit the operation; impossible in a verified module.
    #[error("{op}: {message}")]
    Op {
        /// The operation.
        op: &'static str,
        /// What is wrong.
        message: String,
    },
}
