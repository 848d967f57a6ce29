//! What can be wrong with a call of a compiled program; all of it is known before the program starts.

use crate::abi::DType;

/// Why a call was refused. Nothing was computed and no output was written.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CallError {
    /// Not as many arguments or results as the program has.
    #[error("`{program}` has {expected} {role}s ({names}), {found} were given")]
    Count {
        /// The program.
        program: Box<str>,
        /// `argument` or `result`.
        role: &'static str,
        /// How many it has.
        expected: usize,
        /// How many were given.
        found: usize,
        /// The names of those it has.
        names: Box<str>,
    },
    /// Elements of the wrong type.
    #[error("{role} {index} of `{program}`, `{name}`, is {expected}{shape}; elements of type {found} were given")]
    DType {
        /// The program.
        program: Box<str>,
        /// `argument` or `result`.
        role: &'static str,
        /// Its position.
        index: usize,
        /// Its name.
        name: Box<str>,
        /// The element type it has.
        expected: DType,
        /// The shape it has.
        shape: Box<str>,
        /// The element type given.
        found: DType,
    },
    /// The wrong shape.
    #[error("{role} {index} of `{program}`, `{name}`, is {dtype}{expected}; the shape {found} was given")]
    Shape {
        /// The program.
        program: Box<str>,
        /// `argument` or `result`.
        role: &'static str,
        /// Its position.
        index: usize,
        /// Its name.
        name: Box<str>,
        /// The element type.
        dtype: DType,
        /// The shape it has.
        expected: Box<str>,
        /// The shape given.
        found: Box<str>,
    },
    /// The wrong number of elements behind a right shape, or in a slice without a shape.
    #[error("{role} {index} of `{program}`, `{name}`, is {dtype}{shape}, {expected} elements; {found} were given")]
    Elements {
        /// The program.
        program: Box<str>,
        /// `argument` or `result`.
        role: &'static str,
        /// Its position.
        index: usize,
        /// Its name.
        name: Box<str>,
        /// The element type.
        dtype: DType,
        /// The shape it has.
        shape: Box<str>,
        /// The number of elements it has.
        expected: usize,
        /// The number of elements given.
        found: usize,
    },
    /// An array that is not dense and row-major.
    #[error(
        "{role} {index} of `{program}`, `{name}`, was given an array that is not in standard (row-major, dense) layout: \
         copy it with `as_standard_layout` first"
    )]
    Layout {
        /// The program.
        program: Box<str>,
        /// `argument` or `result`.
        role: &'static str,
        /// Its position.
        index: usize,
        /// Its name.
        name: Box<str>,
    },
    /// New memory for a result that takes the place of an argument.
    #[error(
        "result {index} of `{program}`, `{name}`, takes the place of an argument: give that argument's memory as the result"
    )]
    Donated {
        /// The program.
        program: Box<str>,
        /// The position of the result.
        index: usize,
        /// Its name.
        name: Box<str>,
    },
    /// Memory that could not be had.
    #[error("{bytes} bytes for {what} could not be allocated")]
    Memory {
        /// What it was for.
        what: Box<str>,
        /// How much.
        bytes: usize,
    },
    /// A tensor made or read with what it does not have.
    #[error("a tensor {dtype}{shape}: {problem}")]
    Tensor {
        /// The element type of the tensor.
        dtype: DType,
        /// Its shape.
        shape: Box<str>,
        /// What does not fit.
        problem: Box<str>,
    },
}
