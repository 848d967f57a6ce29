//! The `pullback` command: checks, runs, differentiates and dumps programs in the text form, and runs text tests.
//!
//! Reading order:
//!
//! * [`failure`]: what ends a command, and which exit code it has. [`Console`]: where it writes.
//! * [`program`]: a text file as a verified module; [`diagnostics`]: messages that point into it.
//! * [`derive`](mod@derive): which function is meant, and its derivatives; [`split`]: those in two programs.
//! * [`backend`]: everything that compiles.
//! * [`arrays`]: inputs and results: files, pseudo-random numbers, text, JSON.
//! * [`measure`]: times and rates of compiled programs.
//! * [`commands`]: one file per command, with its arguments and help.
//! * [`texttest`]: text tests, for `pullback test` and for the workspace's own test suite.
//!
//! Nothing here computes: a command reads, calls the crates below and writes.
#![forbid(unsafe_code)]

pub mod arrays;
pub mod backend;
pub mod commands;
mod console;
pub mod derive;
pub mod diagnostics;
pub mod failure;
pub mod measure;
pub mod program;
pub mod split;
pub mod texttest;

use std::io::{self, IsTerminal};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::Parser;

pub use console::Console;
pub use failure::{Exit, Failure};

use console::Pipe;

/// The whole command line.
#[derive(Parser, Debug)]
#[command(
    name = "pullback",
    version,
    about = "A graph compiler with automatic differentiation, on programs in the text form (.pir)",
    after_help = "\
Exit codes:
  0  success
  1  the program, its inputs or a test is wrong
  2  the command line is wrong
  3  a bug in the compiler

`pullback help COMMAND` shows examples. FILE can be `-` for the standard input.",
    arg_required_else_help = true
)]
pub struct Cli {
    #[command(subcommand)]
    command: commands::Command,
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // If the text cannot be written, there is nobody to tell.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Success.into() };
        }
    };
    let color = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let (mut out, mut err) = (Pipe::new(io::stdout().lock()), Pipe::new(io::stderr()));
    let mut console = Console { out: &mut out, err: &mut err, color };
    // The panic's own message has been printed when this returns.
    let outcome = catch_unwind(AssertUnwindSafe(|| cli.command.run(&mut console)));
    let outcome = outcome.unwrap_or_else(|_| Err(Failure::Bug("the compiler stopped unexpectedly".into())));
    match outcome {
        Ok(exit) => exit.into(),
        Err(failure) => {
            let _ = failure.report(console.err);
            failure.exit().into()
        }
    }
}
