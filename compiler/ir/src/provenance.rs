//! Where an instruction came from.
//!
//! Every instruction carries a [`Provenance`]: the place the user wrote it ([`Origin`]), and, for an
//! instruction that differentiation made, the primal value and the rule ([`Derivation`]). Passes copy
//! it with the instruction, so that it survives to kernel names, error messages and disassembly.

use std::fmt;
use std::sync::Arc;

/// A place in a user's source.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Origin {
    /// A position in a file; lines and columns count from 1.
    File {
        /// Path as the compiler or the reader saw it.
        file: Arc<str>,
        /// Line, from 1.
        line: u32,
        /// Column in characters, from 1.
        column: u32,
    },
    /// A node of an imported graph, by name.
    Node(Arc<str>),
}

impl Origin {
    /// The caller of a `#[track_caller]` function.
    #[must_use]
    #[track_caller]
    pub fn caller() -> Self {
        let location = std::panic::Location::caller();
        Self::File { file: location.file().into(), line: location.line(), column: location.column() }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, line, column } => write!(f, "{file}:{line}:{column}"),
            Self::Node(name) => write!(f, "node {name}"),
        }
    }
}

/// How differentiation made an instruction.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Derivation {
    /// The rule, such as `jvp of mul` or `transpose of dot`.
    pub rule: Arc<str>,
    /// The name of the primal value whose defining instruction the rule was applied to.
    pub primal: Arc<str>,
}

/// Where an instruction came from; both parts may be unknown.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Provenance {
    /// The place the user wrote it.
    pub origin: Option<Origin>,
    /// For an instruction made by differentiation, how.
    pub derivation: Option<Derivation>,
}

impl Provenance {
    /// An instruction the user wrote at `origin`.
    #[must_use]
    pub fn at(origin: Origin) -> Self {
        Self { origin: Some(origin), derivation: None }
    }
}
