//! The commands, one file each: arguments, help and what it does.

pub mod bench;
pub mod check;
pub mod dump;
pub mod explain;
pub mod grad;
pub mod gradcheck;
pub mod run;
pub mod test;

use clap::Subcommand;

use crate::{Console, Exit, Failure};

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Check programs: parse, verify, and show every mistake under its line
    Check(check::Args),
    /// Run a function and print its results
    Run(run::Args),
    /// Differentiate a function and print the derivative as a program
    Grad(grad::Args),
    /// Print a program at any stage on its way to machine code
    Dump(dump::Args),
    /// Show the chain rule of a small program, edge by edge, with all its numbers
    Explain(explain::Args),
    /// Measure a function: times, bytes and operations per second, by kind of fusion
    Bench(bench::Args),
    /// Check derivatives against differences
    Gradcheck(gradcheck::Args),
    /// Run text tests
    Test(test::Args),
}

impl Command {
    /// Runs the command.
    ///
    /// # Errors
    /// If something is wrong with the program, the command line or the compiler.
    pub fn run(&self, console: &mut Console<'_>) -> Result<Exit, Failure> {
        match self {
            Self::Check(args) => check::run(args, console),
            Self::Run(args) => run::run(args, console),
            Self::Grad(args) => grad::run(args, console),
            Self::Dump(args) => dump::run(args, console),
            Self::Explain(args) => explain::run(args, console),
            Self::Bench(args) => bench::run(args, console),
            Self::Gradcheck(args) => gradcheck::run(args, console),
            Self::Test(args) => test::run(args, console),
        }
    }
}
