//! `pullback check`: parse, verify, show every mistake under its line.

use crate::diagnostics::{Message, render};
use crate::program::Source;
use crate::{Console, Exit, Failure};

/// Arguments of `pullback check`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pullback check model.pir
  pullback check a.pir b.pir
  pullback grad model.pir | pullback check -
  pullback dump model.pir --stage loops | pullback check -

A file is a program in tensor IR, or in the loop IR that `dump --stage loops` prints.

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
        match summary(&source) {
            Ok(summary) => writeln!(console.out, "{}: {summary}, no mistakes", source.name)?,
            Err(messages) => {
                write!(console.err, "{}", render(&messages, &source.name, &source.text, console.color))?;
                writeln!(console.err, "{}: {}", source.name, plural(messages.len(), "mistake"))?;
                exit = Exit::Program;
            }
        }
    }
    Ok(exit)
}

/// What a right file has, or everything that is wrong with it.
fn summary(source: &Source) -> Result<String, Vec<Message>> {
    if is_loop_program(&source.text) {
        return loop_summary(&source.text);
    }
    let (module, _) = source.verify()?;
    let insts: usize = module.functions().map(|(_, function)| function.insts().len()).sum();
    Ok(format!("{}, {}", plural(module.len(), "function"), plural(insts, "instruction")))
}

/// Whether a text is loop IR: the first word behind blanks and comments says so.
fn is_loop_program(text: &str) -> bool {
    let code = text.lines().map(str::trim_start).find(|line| !line.is_empty() && !line.starts_with(';'));
    code.is_some_and(|line| line.starts_with("program "))
}

fn loop_summary(text: &str) -> Result<String, Vec<Message>> {
    let program = pullback_loops::parse_program(text).map_err(|error| vec![Message::from_parse(&error)])?;
    let program = pullback_loops::verify(program).map_err(|errors| {
        let messages = errors.0.into_iter().map(|error| {
            let mut message = Message::new(error.message);
            message.notes.extend(error.kernel.map(|kernel| format!("in kernel @{kernel}")));
            message.notes.extend((!error.statement.is_empty()).then_some(error.statement));
            message
        });
        messages.collect::<Vec<_>>()
    })?;
    Ok(format!("{}, {}", plural(program.kernels.len(), "kernel"), plural(program.buffers.len(), "buffer")))
}

fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
