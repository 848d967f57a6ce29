//! What can go wrong: the caller's mistakes, programs that are too large, and bugs of this crate.
//!
//! Every operation of the table has its rules; what cannot be differentiated all the same, such as a loop without a bound in reverse, is
//! [`Error::NoRule`] with the remedy. A rule that misbehaves is
//! reported as [`Error::Bug`] under its name; it never shows as a silent zero.

use std::sync::Arc;

use pullback_ir::{BuildError, Origin, Type};

/// Why a function was not differentiated.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// The identifier is of another module.
    #[error("the function to differentiate is not in this module")]
    NoFunction,
    /// A parameter to differentiate by does not exist.
    #[error("@{function}: cannot differentiate with respect to parameter {index}: it has {count}, counted from 0")]
    NoParameter {
        /// The function's name.
        function: Arc<str>,
        /// The position asked for.
        index: usize,
        /// The number of parameters.
        count: usize,
    },
    /// A parameter to differentiate by is named twice.
    #[error("@{function}: parameter {index} (%{param}) is named twice among those to differentiate by")]
    RepeatedParameter {
        /// The function's name.
        function: Arc<str>,
        /// The position named twice.
        index: usize,
        /// The parameter's name.
        param: Arc<str>,
    },
    /// A parameter has no tangent.
    #[error(
        "@{function}: parameter %{param} of type {ty} has no derivative: only f32 and f64 have; \
         leave it out, or make it a float parameter"
    )]
    NotFloat {
        /// The function's name.
        function: Arc<str>,
        /// The parameter's name.
        param: Arc<str>,
        /// Its type.
        ty: Type,
    },
    /// A gradient is of a float scalar.
    #[error(
        "@{function}: a gradient needs a scalar of type f32 or f64 as the first result, found {found}; \
         reduce it to a scalar, for instance by a sum, or use vjp"
    )]
    NotScalar {
        /// The function's name.
        function: Arc<str>,
        /// What the first result is, in words.
        found: String,
    },
    /// A linear program has fewer parameters than residuals are claimed.
    #[error("@{function}: the first {residuals} parameters are to be residuals, but it has {count}")]
    NoResiduals {
        /// The function's name.
        function: Arc<str>,
        /// How many residuals were claimed.
        residuals: usize,
        /// The number of parameters.
        count: usize,
    },
    /// A program to transpose is not linear in its tangents.
    #[error("{}@{function}: {op} is not linear in the tangents: {message}", at(origin))]
    NotLinear {
        /// The function's name.
        function: Arc<str>,
        /// The operation, or `return`.
        op: &'static str,
        /// What is wrong with it.
        message: String,
        /// Where the user wrote it, if known.
        origin: Option<Origin>,
    },
    /// An operation has no derivative by one of its floating-point operands.
    #[error("{}@{function}: {op} cannot be differentiated with respect to %{operand}: {reason}", at(origin))]
    NoDerivative {
        /// The function's name.
        function: Arc<str>,
        /// The operation.
        op: &'static str,
        /// Under which name the operand prints.
        operand: Arc<str>,
        /// Why, and what to do instead.
        reason: &'static str,
        /// Where the user wrote it, if known.
        origin: Option<Origin>,
    },
    /// An instruction of the program cannot be differentiated as asked.
    #[error("{}{op} cannot be differentiated here: {message}", at(origin))]
    NoRule {
        /// The operation.
        op: &'static str,
        /// Why, and what to do.
        message: String,
        /// Where the user wrote it, if known.
        origin: Option<Origin>,
    },
    /// A function cannot be batched as asked.
    #[error("@{function}: {message}")]
    Batch {
        /// The function's name.
        function: Arc<str>,
        /// What was found and what was expected.
        message: String,
    },
    /// Calls are inlined first, and inlined the function is too large; or its derivative nests too deep.
    #[error("@{function}: {message}")]
    TooLarge {
        /// The function's name.
        function: Arc<str>,
        /// What is exceeded, and by what.
        message: String,
    },
    /// A mistake in this crate.
    #[error("{}bug in differentiation: rule `{rule}`: {message}", at(origin))]
    Bug {
        /// The rule.
        rule: String,
        /// What it did and what was expected.
        message: String,
        /// Where the user wrote the primal instruction, if known.
        origin: Option<Origin>,
    },
}

fn at(origin: &Option<Origin>) -> String {
    origin.as_ref().map(|origin| format!("{origin}: ")).unwrap_or_default()
}

impl Error {
    /// Where the user wrote what the error is about, if it names a place.
    #[must_use]
    pub const fn origin(&self) -> Option<&Origin> {
        match self {
            Self::NotLinear { origin, .. }
            | Self::NoDerivative { origin, .. }
            | Self::NoRule { origin, .. }
            | Self::Bug { origin, .. } => origin.as_ref(),
            Self::NoFunction
            | Self::NoParameter { .. }
            | Self::RepeatedParameter { .. }
            | Self::NotFloat { .. }
            | Self::NotScalar { .. }
            | Self::NoResiduals { .. }
            | Self::Batch { .. }
            | Self::TooLarge { .. } => None,
        }
    }

    /// Whether this is a mistake of the crate.
    #[must_use]
    pub const fn is_bug(&self) -> bool {
        matches!(self, Self::Bug { .. })
    }

    /// A mistake that the builder found in what `rule` built.
    pub(crate) fn build(rule: &str, error: BuildError) -> Self {
        Self::Bug { rule: rule.into(), message: format!("{}: {}", error.op, error.message), origin: error.origin }
    }
}
