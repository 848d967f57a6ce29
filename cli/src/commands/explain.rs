//! `pullback explain`: the chain rule of a small program, edge by edge, with all its numbers.

use std::fs;
use std::path::PathBuf;

use clap::ValueEnum;
use pullback::explain::{ExplainOptions, explain};
use pullback_interp::Array;
use pullback_ir::Type;
use pullback_ir::parse::parse_literal;

use crate::arrays::{inputs, npy};
use crate::derive::{find_function, find_params};
use crate::program::Program;
use crate::{Console, Exit, Failure};

/// How to write an explanation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Format {
    /// A worked example for the terminal
    Text,
    /// One self-contained page, with a drawing of the graph
    Html,
}

/// Arguments of `pullback explain`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pullback explain phi.pir --wrt a,w1,b1 --input a=2 --input w1=3 --input b1=1
  pullback explain two_layer.pir --wrt W1,b1 --input @two_layer.inputs -o two_layer.html
  pullback explain model.pir --wrt w --random 1 --limit 16
  pullback explain vector.pir --wrt x --random 1 --cotangent [1,0,0]

For every use of a value on the way from the parameters to the result it shows the upstream
gradient, the local Jacobian and their product, the downstream gradient, and where several
meet their sum. The numbers are those of the compiler's own derivatives, and are checked
against the derivative of the function as a whole.

Local Jacobians of more elements than --limit are not written out. For them, and beside
the others, stands the rule by which compiled code does without.

Inputs are as for `pullback run`; @FILE gives lines NAME=VALUE, with comments behind `;`.")]
pub struct Args {
    /// The program; `-` is the standard input
    file: String,
    /// The function to explain; without it @main, or the only function
    #[arg(short, long, value_name = "NAME")]
    function: Option<String>,
    /// The parameters to differentiate by, separated by commas; without it all of type f32 and f64
    #[arg(short, long, value_delimiter = ',', value_name = "NAMES")]
    wrt: Vec<String>,
    /// An input, from a NumPy file or a literal, a safetensors file of several, or @FILE of lines; repeat for more
    #[arg(short, long = "input", value_name = "NAME=VALUE")]
    inputs: Vec<String>,
    /// Make the inputs that are not given at random
    #[arg(short, long, value_name = "SEED")]
    random: Option<u64>,
    /// The gradient that arrives at the first result, a NumPy file or a literal; without it 1, and the result must be a scalar
    #[arg(short, long, value_name = "VALUE")]
    cotangent: Option<String>,
    /// How to write it; without it HTML for an OUT that ends in .html, else text
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Write to a file instead of the standard output
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
    /// The most elements of a local Jacobian that is written out
    #[arg(short, long, value_name = "ELEMENTS", default_value_t = 64)]
    limit: usize,
}

/// Runs the command.
///
/// # Errors
/// If the program, the inputs or the command line are wrong, or the program has no derivative.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let program = Program::load(&args.file, console.color)?;
    let func = find_function(&program.module, args.function.as_deref())?;
    let wrt = find_params(&program.module, func, &args.wrt)?;
    let inputs = inputs::collect(&program.module, func, &with_files(&args.inputs)?, args.random)?;
    let result = program.module.function(func).result_types().next();
    let cotangent = match (&args.cotangent, result) {
        (Some(value), Some(ty)) => Some(read_cotangent(value, ty)?),
        (_, _) => None,
    };
    let options = ExplainOptions { cotangent, limit: args.limit, ..ExplainOptions::new(wrt) };
    let explanation =
        explain(&program.module, func, &inputs, &options).map_err(|error| failure(&program, error, func))?;
    let text = match format(args) {
        Format::Text => explanation.to_text(),
        Format::Html => explanation.to_html(),
    };
    match &args.output {
        None => write!(console.out, "{text}")?,
        Some(path) => fs::write(path, text)
            .map_err(|error| Failure::program(format!("cannot write {}: {error}", path.display())))?,
    }
    Ok(Exit::Success)
}

fn format(args: &Args) -> Format {
    let is_html = |path: &PathBuf| {
        path.extension()
            .is_some_and(|extension| ["html", "htm"].iter().any(|known| extension.eq_ignore_ascii_case(known)))
    };
    let default = if args.output.as_ref().is_some_and(is_html) { Format::Html } else { Format::Text };
    args.format.unwrap_or(default)
}

/// An error of the facade as it is shown: the user's mistakes and limits point at the function.
pub(crate) fn failure(program: &Program, error: pullback::Error, func: pullback_ir::FuncId) -> Failure {
    match error {
        pullback::Error::User(_) | pullback::Error::Limit(_) => program.failure(error.to_string(), None, func),
        pullback::Error::Bug(message) => Failure::Bug(message),
    }
}

fn read_cotangent(value: &str, ty: &Type) -> Result<Array, Failure> {
    if value.to_ascii_lowercase().ends_with(".npy") {
        return npy::read(value.as_ref(), ty)
            .map_err(|message| Failure::program(format!("--cotangent {value}: {message}")));
    }
    let literal = parse_literal(value, ty).map_err(|errors| {
        let message = errors.0.first().map(|error| error.message.clone()).unwrap_or_default();
        Failure::Usage(format!("--cotangent: `{value}` is neither a file .npy nor a literal of type {ty}: {message}"))
    })?;
    Array::from_literal(&literal).map_err(|error| Failure::program(format!("--cotangent: {error}")))
}

/// The inputs with each `@FILE` replaced by the lines of the file, comments and empty lines left out.
///
/// # Errors
/// If a file cannot be read.
pub(crate) fn with_files(inputs: &[String]) -> Result<Vec<String>, Failure> {
    let mut expanded = Vec::with_capacity(inputs.len());
    for input in inputs {
        let Some(path) = input.strip_prefix('@') else {
            expanded.push(input.clone());
            continue;
        };
        let text = fs::read_to_string(path)
            .map_err(|error| Failure::program(format!("--input {input}: cannot read {path}: {error}")))?;
        let lines = text.lines().map(|line| line.split(';').next().unwrap_or_default().trim());
        expanded.extend(lines.filter(|line| !line.is_empty()).map(String::from));
    }
    Ok(expanded)
}
