//! Why code could not be generated.

/// Why code could not be generated. A user's mistake cannot get this far: what is left are limits and bugs.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// Something the program needs that there is not.
    #[error("code generation: {0}")]
    Limitation(String),
    /// A mistake in Pullback: in this crate, or in the pass that wrote the loop IR.
    #[error("bug in code generation, {place}: {message}")]
    Bug {
        /// The kernel, or the stage.
        place: String,
        /// What is wrong.
        message: String,
    },
}

impl Error {
    pub(crate) fn bug(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Bug { place: place.into(), message: message.into() }
    }

    /// An error of Cranelift in the function `place`.
    pub(crate) fn from_module(place: &str, error: &cranelift_module::ModuleError) -> Self {
        use cranelift_codegen::CodegenError;
        use cranelift_module::ModuleError;
        match error {
            ModuleError::Compilation(CodegenError::CodeTooLarge | CodegenError::ImplLimitExceeded) => {
                Self::Limitation(format!("`{place}` is too large for one function"))
            }
            ModuleError::Allocation { err } => {
                Self::Limitation(format!("no memory for the machine code of `{place}`: {err}"))
            }
            ModuleError::Compilation(CodegenError::Verifier(errors)) => {
                Self::bug(format!("function `{place}`"), format!("the Cranelift IR is not valid: {errors}"))
            }
            other => Self::bug(format!("function `{place}`"), other.to_string()),
        }
    }
}
