//! `pullback check`: parse, verify, show every mistake under its line.

use crate::diagnostics::{Message, render};
use crate::program::{Mistakes, Source, is_loop_program};
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
/// If the standard input is named twice, or output cannot be written. Files that cannot be read and mistakes in files are
/// shown, and the next file is checked.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Failure> {
    if args.files.iter().filter(|file| *file == "-").count() > 1 {
        return Err(Failure::Usage("`-` is given twice, but the standard input can be read once".into()));
    }
    let mut exit = Exit::Success;
    for file in &args.files {
        let source = match Source::read(file) {
            Ok(source) => source,
            Err(failure) => {
                failure.report(console.err)?;
                exit = Exit::Program;
                continue;
            }
        };
        match summary(&source) {
            Ok(summary) => writeln!(console.out, "{}: {summary}, no mistakes", source.name)?,
            Err(Mistakes { messages, remark }) => {
                write!(console.err, "{}", render(&messages, &source.name, &source.text, console.color))?;
                let remark = remark.map(|remark| format!("; {remark}")).unwrap_or_default();
                writeln!(console.err, "{}: {}{remark}", source.name, plural(messages.len(), "mistake"))?;
                exit = Exit::Program;
            }
        }
    }
    Ok(exit)
}

/// What a right file has, or everything that is wrong with it.
fn summary(source: &Source) -> Result<String, Mistakes> {
    if is_loop_program(&source.text) {
        return loop_summary(&source.text).map_err(|messages| Mistakes { messages, remark: None });
    }
    let (module, _) = source.verify()?;
    let insts: usize = module.functions().map(|(_, function)| function.insts().len()).sum();
    Ok(format!("{}, {}", plural(module.len(), "function"), plural(insts, "instruction")))
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
    Ok(format!("{}, {}", plural(program.kernels().len(), "kernel"), plural(program.buffers.len(), "buffer")))
}

fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
