//! `pullback test`: text tests.

use std::path::PathBuf;

use crate::texttest::{files_below, run_file};
use crate::{Console, Exit, Failure};

/// Arguments of `pullback test`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pullback test
  pullback test tests/files/grad
  pullback test tests/files/print/every_operation.pir --bless

A test is a program whose first line is `; test KIND`, with expectations as comments:
  ; test interpret
  func @f(%x: f64) -> f64 {
    %y = sqrt %x : f64
    return %y
  }
  ; input: %x = 2.0
  ; expect: 1.4142135623730951 ~ 1e-15
Kinds: verify, print, interpret, grad, optimize, fuse, loops, clif, run. Expectations: error,
check, check-not, count, input, expect, output. Exit code 1 if any test fails.")]
pub struct Args {
    /// Test files, and folders to search for `.pir` files
    #[arg(default_value = "tests/files", value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Write the outputs found into the tests that have an `; output:`
    #[arg(long)]
    bless: bool,
}

/// Runs the command.
///
/// # Errors
/// If there are no tests. Failing tests are shown, and the next one runs.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let mut files = Vec::new();
    for path in &args.paths {
        files.extend(files_below(path).map_err(Failure::Usage)?);
    }
    if files.is_empty() {
        return Err(Failure::Usage("there are no tests: no file ends in .pir".into()));
    }
    let mut failed = 0;
    for path in &files {
        if let Err(message) = run_file(path, args.bless) {
            failed += 1;
            writeln!(console.out, "FAILED {}", path.display())?;
            for line in message.lines() {
                writeln!(console.out, "    {line}")?;
            }
        }
    }
    writeln!(console.out, "{} passed, {failed} failed", files.len() - failed)?;
    Ok(if failed == 0 { Exit::Success } else { Exit::Program })
}
