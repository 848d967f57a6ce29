//! The text form, read: the exact inverse of [`print`](mod@crate::print).
//!
//! Four layers. `lexer` cuts the text into tokens and never fails; `parser` looks one token ahead, and has the messages
//! and the way on behind a mistake; `function` reads functions, regions and instructions with it, by loops but for nested
//! regions; `attributes`, `structured` and `literal` turn what stands between an operation's name and its types into an
//! [`Op`](crate::Op).
//!
//! The parser judges the language alone: names are defined once and before use, types and numbers can be represented,
//! the attributes are those of the operation. Whether operands fit an operation is the verifier's question, so that
//! both have one answer. After a mistake it goes on with the next line; a value whose instruction was refused is known
//! to be in error, so that its uses are not reported too.
//!
//! Time and memory are linear in the text: no number in it is ever allocated by.

mod attributes;
mod function;
mod lexer;
mod literal;
mod parser;
mod structured;

use std::collections::BTreeMap;
use std::sync::Arc;

use cranelift_entity::SecondaryMap;

use crate::entities::Inst;
use crate::error::{ParseErrors, Span};
use crate::function::Module;
use crate::literal::Literal;
use crate::types::Type;

/// The number of mistakes after which reading stops.
pub const MAX_ERRORS: usize = 50;

/// Reads a module. Instructions have an origin only where the text says one with `at`.
///
/// # Errors
/// All mistakes found, in order of the text, up to [`MAX_ERRORS`].
pub fn parse_module(text: &str) -> Result<Module, ParseErrors> {
    function::parse(text, None).map(|(module, _)| module)
}

/// Reads a module from a file of this name: each instruction's origin is its place in the file, unless the text says
/// another with `at`.
///
/// # Errors
/// All mistakes found, in order of the text, up to [`MAX_ERRORS`].
pub fn parse_module_named(text: &str, file_name: &str) -> Result<Module, ParseErrors> {
    parse_module_with_map(text, file_name).map(|(module, _)| module)
}

/// As [`parse_module_named`], with the place of every function and instruction in the text.
///
/// # Errors
/// All mistakes found, in order of the text, up to [`MAX_ERRORS`].
pub fn parse_module_with_map(text: &str, file_name: &str) -> Result<(Module, SourceMap), ParseErrors> {
    function::parse(text, Some(file_name.into()))
}

/// Reads a tensor of a known type, in the form of the operand of `constant`: one number for all elements, or nested lists.
///
/// # Errors
/// If the text is not a literal, does not have the type's shape, or has a number that the element type does not hold.
pub fn parse_literal(text: &str, ty: &Type) -> Result<Literal, ParseErrors> {
    parser::parse_literal(text, ty)
}

/// Reads a type such as `f32[2,3]`.
///
/// # Errors
/// If the text is not a type, or the type has too many dimensions or elements.
pub fn parse_type(text: &str) -> Result<Type, ParseErrors> {
    parser::parse_type(text)
}

/// Where in a text the functions and instructions of a module are.
#[derive(Clone, Debug, Default)]
pub struct SourceMap {
    functions: BTreeMap<Arc<str>, FunctionSpans>,
}

#[derive(Clone, Debug, Default)]
struct FunctionSpans {
    name: Span,
    insts: SecondaryMap<Inst, Option<Span>>,
}

impl SourceMap {
    /// The name in the head of a function.
    #[must_use]
    pub fn function(&self, function: &str) -> Option<Span> {
        self.functions.get(function).map(|spans| spans.name)
    }

    /// An instruction, from its first result to its last type.
    #[must_use]
    pub fn inst(&self, function: &str, inst: Inst) -> Option<Span> {
        self.functions.get(function).and_then(|spans| spans.insts[inst])
    }
}
