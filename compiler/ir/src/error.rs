//! What can go wrong in this crate, each with its place.
//!
//! Three kinds: text that does not parse ([`ParseErrors`]), an instruction that the builder refuses
//! ([`BuildError`]) and a function that breaks a rule of the IR ([`VerifyErrors`]). Each says what was found and what
//! was expected; parse and verify collect all they find.

use std::fmt;

use crate::entities::Inst;
use crate::provenance::Origin;

/// A mistake in building one instruction.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}{op}: {message}", origin.as_ref().map(|o| format!("{o}: ")).unwrap_or_default())]
pub struct BuildError {
    /// The operation, by its name in the text form.
    pub op: String,
    /// What is wrong and what was expected.
    pub message: String,
    /// Where the user wrote it, if known.
    pub origin: Option<Origin>,
}

/// A range of bytes in a text, with the line and column of its start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// Line of the first byte, from 1.
    pub line: u32,
    /// Column of the first byte in characters, from 1.
    pub column: u32,
}

/// A place where a text is not in the language.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParseError {
    /// Where.
    pub span: Span,
    /// What was found and what was expected.
    pub message: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.span.line, self.span.column, self.message)
    }
}

/// All mistakes found in a text, at least one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParseErrors(pub Vec<ParseError>);

impl fmt::Display for ParseErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_lines(f, &self.0)
    }
}

impl std::error::Error for ParseErrors {}

/// A broken rule of the IR.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifyError {
    /// The function's name.
    pub function: String,
    /// The instruction, if the rule concerns one.
    pub inst: Option<Inst>,
    /// The instruction as text, if the rule concerns one.
    pub context: String,
    /// Where the user wrote it, if known.
    pub origin: Option<Origin>,
    /// What is wrong and what was expected.
    pub message: String,
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(origin) = &self.origin {
            write!(f, "{origin}: ")?;
        }
        write!(f, "in @{}: {}", self.function, self.message)?;
        if self.context.is_empty() { Ok(()) } else { write!(f, "\n    {}", self.context) }
    }
}

/// All broken rules found in a module, at least one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifyErrors(pub Vec<VerifyError>);

impl fmt::Display for VerifyErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_lines(f, &self.0)
    }
}

impl std::error::Error for VerifyErrors {}

fn fmt_lines<T: fmt::Display>(f: &mut fmt::Formatter<'_>, items: &[T]) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            writeln!(f)?;
        }
        write!(f, "{item}")?;
    }
    Ok(())
}
