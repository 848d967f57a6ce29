//! What ends a command early, and the exit codes.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

/// The exit code of the process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// 0: what was asked for was done.
    Success,
    /// 1: the program, its inputs or a test is wrong.
    Program,
    /// 2: the command line is wrong.
    Usage,
    /// 3: a bug in the compiler.
    Bug,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Success => 0,
            Exit::Program => 1,
            Exit::Usage => 2,
            Exit::Bug => 3,
        })
    }
}

/// Why a command did not do what was asked for.
#[derive(Debug)]
pub enum Failure {
    /// The program or its inputs are wrong: diagnostics, ready to be shown.
    Program(String),
    /// The command line is wrong: what was found and what was expected.
    Usage(String),
    /// A bug in the compiler: what is known about it.
    Bug(String),
    /// The output could not be written.
    Output(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl Failure {
    /// A mistake in the user's program or data that has no place in the text.
    pub fn program(message: impl Display) -> Self {
        Self::Program(format!("error: {message}\n"))
    }

    /// The exit code.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Program(_) | Self::Output(_) => Exit::Program,
            Self::Usage(_) => Exit::Usage,
            Self::Bug(_) => Exit::Bug,
        }
    }

    /// Writes the message.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn report(&self, err: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Program(text) => write!(err, "{text}"),
            Self::Usage(message) => writeln!(err, "error: {message}\n\nFor more information, try '--help'."),
            Self::Bug(message) => {
                writeln!(
                    err,
                    "error: {message}\n\nThis is a bug in pullback. Please report it with the program that shows it."
                )
            }
            Self::Output(error) => writeln!(err, "error: cannot write the output: {error}"),
        }
    }
}
