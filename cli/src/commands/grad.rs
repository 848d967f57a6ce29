//! `pullback grad`: the derivative of a function as a program.

use std::fs;
use std::path::PathBuf;

use pullback_ir::print::{PrintOptions, function_to_string};

use crate::derive::{Mode, find_function, find_params};
use crate::program::{Program, add_function};
use crate::{Console, Exit, Failure};

/// Arguments of `pullback grad`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pullback grad loss.pir --wrt w,b
  pullback grad loss.pir --wrt w --value --optimize -o loss_grad.pir
  pullback grad model.pir --mode forward --wrt x
  pullback grad loss.pir --wrt w | pullback run - --random 1

What is printed is a program again: it can be checked, run and differentiated.")]
pub struct Args {
    /// The program; `-` is the standard input
    file: String,
    /// The function to differentiate; without it @main, or the only function
    #[arg(short, long, value_name = "NAME")]
    function: Option<String>,
    /// The parameters to differentiate by, separated by commas; without it all of type f32 and f64
    #[arg(short, long, value_delimiter = ',', value_name = "NAMES")]
    wrt: Vec<String>,
    /// What to make
    #[arg(short, long, value_enum, default_value_t = Mode::Reverse)]
    mode: Mode,
    /// Return the function's own results before the gradients
    #[arg(long)]
    value: bool,
    /// Run the optimisation passes on the derivative
    #[arg(long)]
    optimize: bool,
    /// Say behind each instruction where it came from
    #[arg(long)]
    provenance: bool,
    /// Write to a file instead of the standard output
    #[arg(short, long, value_name = "OUT.pir")]
    output: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// If the program is wrong or has no such derivative.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Failure> {
    if args.value && args.mode != Mode::Reverse {
        return Err(Failure::Usage(
            "--value is for the reverse mode: forward and vjp return the function's results anyway, the others never do".into(),
        ));
    }
    let program = Program::load(&args.file, console.color)?;
    let func = find_function(&program.module, args.function.as_deref())?;
    let wrt = find_params(&program.module, func, &args.wrt)?;
    let derivative = pullback_autodiff::differentiate(&program.module, func, args.mode.derivative(args.value), &wrt)
        .map_err(|error| derive_failure(&program, &error, func))?;
    let (mut module, derivative) = add_function(&program.module, derivative, "differentiation")?;
    if args.optimize {
        module = pullback_optimize::optimize(&module, derivative)
            .map_err(|error| optimize_failure(&program, &error, func))?
            .module;
    }
    let options = PrintOptions { provenance: args.provenance };
    let text = function_to_string(&module, module.function(derivative), options);
    match &args.output {
        None => write!(console.out, "{text}")?,
        Some(path) => fs::write(path, text)
            .map_err(|error| Failure::program(format!("cannot write {}: {error}", path.display())))?,
    }
    Ok(Exit::Success)
}

/// A differentiation error as it is shown.
pub(crate) fn derive_failure(
    program: &Program,
    error: &pullback_autodiff::Error,
    func: pullback_ir::FuncId,
) -> Failure {
    if error.is_bug() {
        return Failure::Bug(error.to_string());
    }
    program.failure(error.to_string(), error.origin(), func)
}

/// An optimisation error as it is shown.
pub(crate) fn optimize_failure(
    program: &Program,
    error: &pullback_optimize::Error,
    func: pullback_ir::FuncId,
) -> Failure {
    use pullback_optimize::Error;
    match error {
        Error::UnknownPass { .. } => Failure::Usage(error.to_string()),
        Error::UnknownFunction | Error::Bug { .. } => Failure::Bug(error.to_string()),
        Error::TooLarge { .. } | Error::Unsupported(_) => program.failure(error.to_string(), None, func),
    }
}
