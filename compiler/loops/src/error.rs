//! What can go wrong between the fusion plan and a checked loop program.

/// A failure of lowering, parsing or checking a loop program.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// The program is fine but too large for the machine.
    #[error("{0}")]
    Limit(String),
    /// A mistake in the compiler.
    #[error("bug in {stage}: {message}")]
    Bug {
        /// The stage that noticed it.
        stage: &'static str,
        /// What is wrong.
        message: String,
    },
}
