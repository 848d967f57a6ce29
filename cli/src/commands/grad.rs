//! `pullback grad`: the derivative of a function as a program.

use std::fs;
use std::path::PathBuf;

use pullback_ir::FuncId;
use pullback_ir::print::{PrintOptions, function_to_string};

use crate::derive::{Form, Mode, find_function, find_params};
use crate::program::{Program, add_function};
use crate::split::{Direction, Split};
use crate::{Console, Exit, Failure};

/// Arguments of `pullback grad`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pullback grad loss.pir --wrt w,b
  pullback grad loss.pir --wrt w --value --optimize -o loss_grad.pir
  pullback grad model.pir --mode forward --wrt x
  pullback grad loss.pir --wrt w | pullback run - --random 1
  pullback grad loss.pir --wrt w --form split -o split.pir
  pullback run split.pir -f loss_forward --random 1 --output values
  pullback run split.pir -f loss_backward -i loss_ct=1 -i x=values/x.npy -i residual=values/residual.npy
  pullback dump split.pir -f loss_backward --stage loops

What is printed is a program again: it can be checked, run and differentiated.

In split form it has two functions. In the reverse modes @f_forward takes the parameters of
@f and returns its results, then residuals: what the backward part needs of the primal.
@f_backward takes these, by the same names, and the cotangents of the results, 1 for the
gradient of a scalar, and returns the cotangents of the parameters. In forward mode they
are @f_primal and @f_linear, which takes residuals and the tangents of the parameters and
returns the tangents of the results.")]
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
    /// How many programs to make of it
    #[arg(long, value_enum, default_value_t = Form::Joint)]
    form: Form,
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
    refuse_ignored(args)?;
    let program = Program::load(&args.file, console.color)?;
    let func = find_function(&program.module, args.function.as_deref())?;
    let wrt = find_params(&program.module, func, &args.wrt)?;
    let text = match args.form {
        Form::Joint => joint(args, &program, func, &wrt)?,
        Form::Split => split(args, &program, func, &wrt)?,
    };
    match &args.output {
        None => write!(console.out, "{text}")?,
        Some(path) => fs::write(path, text)
            .map_err(|error| Failure::program(format!("cannot write {}: {error}", path.display())))?,
    }
    Ok(Exit::Success)
}

/// Options that would change nothing, or that do not go together, are a mistake.
fn refuse_ignored(args: &Args) -> Result<(), Failure> {
    let refuse = |message: &str| Err(Failure::Usage(message.into()));
    if args.form == Form::Split && args.value {
        return refuse("--value is for the joint form: in split form the first function returns the results anyway");
    }
    if args.value && args.mode != Mode::Reverse {
        return refuse(
            "--value is for the reverse mode: forward and vjp return the function's results anyway, the others never do",
        );
    }
    Ok(())
}

/// The derivative as one program.
fn joint(args: &Args, program: &Program, func: FuncId, wrt: &[usize]) -> Result<String, Failure> {
    let derivative = pullback_autodiff::differentiate(&program.module, func, args.mode.derivative(args.value), wrt)
        .map_err(|error| derive_failure(program, &error, func))?;
    let (mut module, derivative) = add_function(&program.module, derivative, "differentiation")?;
    if args.optimize {
        module = pullback_optimize::optimize(&module, derivative)
            .map_err(|error| optimize_failure(program, &error, func))?
            .module;
    }
    Ok(function_to_string(&module, module.function(derivative), PrintOptions { provenance: args.provenance }))
}

/// The derivative as two programs.
fn split(args: &Args, program: &Program, func: FuncId, wrt: &[usize]) -> Result<String, Failure> {
    let Some(direction) = direction(args.mode) else {
        return Err(Failure::Usage("--form split is for the modes reverse, vjp and forward".into()));
    };
    let split = Split::new(program, func, wrt, direction, args.optimize)?;
    Ok(split.to_text(PrintOptions { provenance: args.provenance }))
}

/// Which way the second program of the split form goes, in the modes that have one.
const fn direction(mode: Mode) -> Option<Direction> {
    match mode {
        Mode::Reverse | Mode::Vjp => Some(Direction::Reverse),
        Mode::Forward => Some(Direction::Forward),
        Mode::Jacobian | Mode::Hessian | Mode::Hvp => None,
    }
}

/// A differentiation error as it is shown.
pub(crate) fn derive_failure(program: &Program, error: &pullback_autodiff::Error, func: FuncId) -> Failure {
    if error.is_bug() {
        return Failure::Bug(error.to_string());
    }
    program.failure(error.to_string(), error.origin(), func)
}

/// An optimisation error as it is shown.
pub(crate) fn optimize_failure(program: &Program, error: &pullback_optimize::Error, func: FuncId) -> Failure {
    use pullback_optimize::Error;
    match error {
        Error::UnknownPass { .. } => Failure::Usage(error.to_string()),
        Error::UnknownFunction | Error::Bug { .. } => Failure::Bug(error.to_string()),
        Error::TooLarge { .. } | Error::Unsupported(_) => program.failure(error.to_string(), None, func),
    }
}
