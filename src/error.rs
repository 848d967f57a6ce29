//! The one error of the facade: whose fault it is, then what is wrong.

use pullback_ir::{BuildError, ParseErrors, VerifyErrors};

/// Why something did not work, in three families.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// A mistake in the program, the options or the arguments, with its place if it has one.
    #[error("{0}")]
    User(String),
    /// The program is right, and this compiler or this machine cannot do it.
    #[error("limit: {0}")]
    Limit(String),
    /// A mistake in the compiler. Please report it.
    #[error("bug in the compiler: {0}")]
    Bug(String),
}

impl From<ParseErrors> for Error {
    fn from(errors: ParseErrors) -> Self {
        Self::User(errors.to_string())
    }
}

impl From<VerifyErrors> for Error {
    fn from(errors: VerifyErrors) -> Self {
        Self::User(errors.to_string())
    }
}

impl From<BuildError> for Error {
    fn from(error: BuildError) -> Self {
        Self::User(error.to_string())
    }
}

impl From<pullback_runtime::CallError> for Error {
    fn from(error: pullback_runtime::CallError) -> Self {
        match error {
            pullback_runtime::CallError::Memory { .. } => Self::Limit(error.to_string()),
            error => Self::User(error.to_string()),
        }
    }
}

impl From<pullback_autodiff::Error> for Error {
    fn from(error: pullback_autodiff::Error) -> Self {
        match error {
            pullback_autodiff::Error::Bug { .. } => Self::Bug(error.to_string()),
            pullback_autodiff::Error::TooLarge { .. } => Self::Limit(error.to_string()),
            error => Self::User(error.to_string()),
        }
    }
}

impl From<pullback_optimize::Error> for Error {
    fn from(error: pullback_optimize::Error) -> Self {
        match error {
            pullback_optimize::Error::Bug { .. } => Self::Bug(error.to_string()),
            pullback_optimize::Error::TooLarge { .. } => Self::Limit(error.to_string()),
            pullback_optimize::Error::UnknownPass { .. }
            | pullback_optimize::Error::UnknownFunction
            | pullback_optimize::Error::Unsupported(_) => Self::User(error.to_string()),
        }
    }
}

impl From<pullback_loops::Error> for Error {
    fn from(error: pullback_loops::Error) -> Self {
        match error {
            pullback_loops::Error::Limit(message) => Self::Limit(message),
            pullback_loops::Error::Bug { .. } => Self::Bug(error.to_string()),
        }
    }
}

impl From<pullback_codegen::Error> for Error {
    fn from(error: pullback_codegen::Error) -> Self {
        match error {
            pullback_codegen::Error::Bug { .. } => Self::Bug(error.to_string()),
            error => Self::Limit(error.to_string()),
        }
    }
}

impl From<pullback_interp::Error> for Error {
    fn from(error: pullback_interp::Error) -> Self {
        use pullback_interp::Error as Interp;
        match error {
            Interp::Memory { .. } | Interp::Allocation { .. } | Interp::TooLarge { .. } | Interp::Steps { .. } => {
                Self::Limit(error.to_string())
            }
            Interp::Op { .. } => Self::Bug(error.to_string()),
            Interp::NoFunction(_)
            | Interp::InputCount { .. }
            | Interp::InputType { .. }
            | Interp::ElementCount { .. }
            | Interp::Shape(_) => Self::User(error.to_string()),
        }
    }
}
