//! What a pass is, and how it fails.

use std::borrow::Cow;
use std::fmt;

use pullback_ir::{Function, Module, Verified};

/// A transformation of one function, as a value.
///
/// `run` takes the module for the callees of the function and the function itself, which need not be one of the
/// module's. It returns a new function of the same name, parameters and result types, or the function it was given if there is nothing to change.
pub struct Pass {
    /// The name: a verb, also the name of flags, dumps and timing rows.
    pub name: &'static str,
    /// One line for `--help` and listings.
    pub about: &'static str,
    /// Whether it may change a function: a look at the instructions, where `run` would make a copy of them. What it says no to, `run` leaves as it is.
    pub may_change: fn(&Function) -> bool,
    /// Whether it waits until the passes before it in the list have nothing left to change: what it makes hides from them what they look for.
    pub waits: bool,
    /// The transformation.
    pub run: for<'f> fn(&Verified<Module>, &'f Function) -> Result<Changed<'f>, Error>,
}

/// What a pass makes of a function: the function itself, borrowed, if it changes nothing.
pub type Changed<'f> = Cow<'f, Function>;

impl fmt::Debug for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Why an optimisation did not give a function.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// The caller named a pass that the pipeline does not have.
    #[error("no pass `{name}` in this pipeline, expected one of: {known}")]
    UnknownPass {
        /// What was asked for.
        name: String,
        /// The names there are, separated by commas.
        known: String,
    },
    /// The caller named a function that the module does not have.
    #[error("the function to optimise does not exist in this module")]
    UnknownFunction,
    /// Inlining all calls would make a function too large or too deep to compile.
    #[error("{0}")]
    TooLarge(String),
    /// The program has something that cannot be run; with the place in the user's source if known.
    #[error("{0}")]
    Unsupported(String),
    /// A mistake in a pass.
    #[error("bug in the pass `{pass}`: {message}")]
    Bug {
        /// The pass.
        pass: &'static str,
        /// What it did wrong, with the place in the user's source if known.
        message: String,
    },
}

impl Error {
    /// A mistake in the pass of this name.
    pub fn bug(pass: &'static str, message: impl fmt::Display) -> Self {
        Self::Bug { pass, message: message.to_string() }
    }
}
