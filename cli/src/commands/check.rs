//! `pullback check`: parse, verify, show every mistake under its line.

use crate::diagnostics::render;
use crate::program::Source;
use crate::{Console, Exit, Failure};

/// Arguments of `pullback check`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pullback check model.pir
  pullback check a.pir b.pir
  pullback grad model.pir | pullback check -

Exit code 1 if any file has a mistake.")]
pub struct Args {
    /// The programs; `-` is the standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
}

/// Runs the command.
///
/// # Errors
/// If a file cannot be read. Mistakes in a file are shown, and the next file is checked.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let mut exit = Exit::Success;
    for file in &args.files {
        let source = Source::read(file)?;
        match source.verify() {
            Ok((module, _)) => {
                let insts: usize = module.functions().map(|(_, function)| function.insts().len()).sum();
                let functions = plural(module.len(), "function");
                writeln!(console.out, "{}: {functions}, {}, no mistakes", source.name, plural(insts, "instruction"))?;
            }
            Err(messages) => {
                write!(console.err, "{}", render(&messages, &source.name, &source.text, console.color))?;
                writeln!(console.err, "{}: {}", source.name, plural(messages.len(), "mistake"))?;
                exit = Exit::Program;
            }
        }
    }
    Ok(exit)
}

fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
