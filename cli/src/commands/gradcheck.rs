//! `pullback gradcheck`: derivatives against differences.

use pullback::gradcheck::{GradCheckOptions, GradCheckReport, gradcheck, gradcheck_derivative};
use serde_json::{Value, json};

use super::explain::{failure, with_files};
use crate::arrays::inputs;
use crate::derive::{find_function, find_params};
use crate::program::Program;
use crate::{Console, Exit, Failure};

/// Arguments of `pullback gradcheck`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pullback gradcheck loss.pir --random 1
  pullback gradcheck loss.pir --wrt w,b --input x=x.npy --random 1 --directions 10
  pullback gradcheck loss.pir --random 1 --second-order
  pullback gradcheck loss.pir --function loss --derivative my_gradient --wrt w --random 1

For every argument it compares the derivative along random directions with central
differences, in f64 also for programs in f32, and forward with reverse mode. The error of the
differences is estimated, so that a wrong derivative is told from a rough function; where
the function has a kink, the slopes on both sides are shown.

With --derivative a function of the same file is checked: the gradient of the first result, which
takes the parameters of the function, or a vector-Jacobian product, as `pullback grad --mode vjp`
prints it; it returns one gradient for each argument of --wrt.

Inputs are as for `pullback run`; @FILE gives lines NAME=VALUE, with comments behind `;`.

Exit code 1 if any argument does not pass.")]
pub struct Args {
    /// The program; `-` is the standard input
    file: String,
    /// The function to differentiate; without it @main, or the only function
    #[arg(short, long, value_name = "NAME")]
    function: Option<String>,
    /// The arguments to check, separated by commas; without it all of type f32 and f64
    #[arg(short, long, value_delimiter = ',', value_name = "NAMES")]
    wrt: Vec<String>,
    /// An input, from a NumPy file or a literal, a safetensors file of several, or @FILE of lines; repeat for more
    #[arg(short, long = "input", value_name = "NAME=VALUE")]
    inputs: Vec<String>,
    /// Make the inputs that are not given at random, and the directions; directions are of seed 0 without it
    #[arg(short, long, value_name = "SEED")]
    random: Option<u64>,
    /// A function of the file to check in the place of the compiler's derivative
    #[arg(long, value_name = "NAME")]
    derivative: Option<String>,
    /// Random directions for each argument
    #[arg(short, long, value_name = "N", default_value_t = 4)]
    directions: usize,
    /// The largest relative error that passes
    #[arg(short, long, value_name = "T", default_value_t = 1e-6)]
    tolerance: f64,
    /// Check second derivatives too: those of the vector-Jacobian product
    #[arg(long, conflicts_with = "derivative")]
    second_order: bool,
    /// Print the report as one line of JSON
    #[arg(long)]
    json: bool,
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
    let options = GradCheckOptions {
        directions: args.directions,
        tolerance: args.tolerance,
        seed: args.random.unwrap_or_default(),
        second_order: args.second_order,
        ..GradCheckOptions::new(wrt)
    };
    let report = match &args.derivative {
        None => gradcheck(&program.module, func, &inputs, &options),
        Some(name) => {
            let derivative = find_function(&program.module, Some(name))?;
            gradcheck_derivative(&program.module, func, derivative, &inputs, &options)
        }
    };
    let report = report.map_err(|error| failure(&program, error, func))?;
    if args.json {
        writeln!(console.out, "{}", to_json(&report))?;
    } else {
        write!(console.out, "{report}")?;
    }
    Ok(if report.passed() { Exit::Success } else { Exit::Program })
}

/// The report as JSON; numbers that JSON lacks are `null`.
fn to_json(report: &GradCheckReport) -> Value {
    let argument = |argument: &pullback::gradcheck::ArgumentCheck| {
        let worst = &argument.worst;
        json!({
            "name": argument.name.trim_start_matches('%'),
            "type": argument.ty.to_string(),
            "order": argument.order,
            "verdict": argument.verdict.name().to_lowercase(),
            "relative_error": worst.relative_error,
            "claimed": worst.claimed,
            "difference": worst.difference,
            "error_estimate": worst.error_estimate,
            "norm": worst.norm,
            "step": worst.step,
            "kink": worst.kink.map(|(left, right)| [left, right]),
            "identity": argument.identity,
            "hints": argument.hints,
        })
    };
    json!({
        "function": report.function,
        "derivative": report.derivative,
        "in_f64_for_f32": report.is_widened,
        "directions": report.directions,
        "tolerance": report.tolerance,
        "passed": report.passed(),
        "arguments": report.arguments.iter().map(argument).collect::<Vec<_>>(),
    })
}
