//! `pullback dump`: a program at any stage on its way to machine code.

use std::time::{Duration, Instant};

use comfy_table::{CellAlignment, Table, presets};
use pullback_ir::print::{PrintOptions, function_to_string};
use pullback_ir::{FuncId, Module, Verified};
use pullback_optimize::pipeline::{DEFAULT, Limit, PipelineOptions, run_pipeline};

use super::grad::{derive_failure, optimize_failure};
use crate::backend::{self, Stage};
use crate::derive::{self, Mode, find_function, find_params};
use crate::program::{Program, add_function};
use crate::{Console, Exit, Failure};

/// Arguments of `pullback dump`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pullback dump loss.pir --stage optimized
  pullback dump loss.pir --stage adjoint --wrt w,b
  pullback dump loss.pir --stage loops --wrt w      (the loops of the value and gradient)
  pullback dump loss.pir --after simplify_algebra   (the tensor IR after that pass)
  pullback dump loss.pir --stage asm --timings

With --wrt, every stage behind `tensor` is that of the derivative. Timings go to the
standard error. The passes, in order:
  inline_calls, fold_constants, simplify_algebra, eliminate_common_subexpressions,
  eliminate_dead_code")]
pub struct Args {
    /// The program; `-` is the standard input
    file: String,
    /// The stage to print
    #[arg(short, long, value_enum, default_value_t = Stage::Optimized)]
    stage: Stage,
    /// The function; without it @main, or the only function
    #[arg(short, long, value_name = "NAME")]
    function: Option<String>,
    /// Differentiate by these parameters, separated by commas
    #[arg(short, long, value_delimiter = ',', value_name = "NAMES")]
    wrt: Vec<String>,
    /// How to differentiate; reverse mode keeps the function's results before the gradients
    #[arg(short, long, value_enum, default_value_t = Mode::Reverse)]
    mode: Mode,
    /// Print the tensor IR as it leaves this optimisation pass for the first time
    #[arg(long, value_name = "PASS", conflicts_with = "before")]
    after: Option<String>,
    /// Print the tensor IR as it reaches this optimisation pass for the first time
    #[arg(long, value_name = "PASS")]
    before: Option<String>,
    /// Say behind each instruction of the tensor IR where it came from
    #[arg(long)]
    provenance: bool,
    /// Print how long each step took to the standard error
    #[arg(long)]
    timings: bool,
}

/// Runs the command.
///
/// # Errors
/// If the program is wrong, cannot be differentiated or cannot be lowered so far.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let limit = match (&args.after, &args.before) {
        (Some(pass), _) => Some(Limit::After(pass)),
        (None, Some(pass)) => Some(Limit::Before(pass)),
        (None, None) => None,
    };
    if limit.is_some() && args.stage != Stage::Optimized {
        return Err(Failure::Usage("--after and --before print the tensor IR, expected --stage optimized".into()));
    }
    let mut timings = Timings::default();
    let program = timings.time("parse and verify", || Program::load(&args.file, console.color))?;
    let func = find_function(&program.module, args.function.as_deref())?;
    let text = stage_text(args, &program, func, limit, &mut timings)?;
    write!(console.out, "{text}")?;
    if args.timings {
        writeln!(console.err, "{}", timings.table())?;
    }
    Ok(Exit::Success)
}

fn stage_text(
    args: &Args,
    program: &Program,
    func: FuncId,
    limit: Option<Limit<'_>>,
    timings: &mut Timings,
) -> Result<String, Failure> {
    let print = |module: &Verified<Module>, func| {
        let options = PrintOptions { provenance: args.provenance };
        function_to_string(module, module.function(func), options)
    };
    if args.stage == Stage::Tensor {
        return Ok(print(&program.module, func));
    }
    let derived = args.stage == Stage::Adjoint || !args.wrt.is_empty();
    let (module, subject) = if derived {
        let wrt = find_params(&program.module, func, &args.wrt)?;
        let derivative = timings
            .time("differentiate", || derive::differentiate(&program.module, func, &wrt, args.mode, true))
            .map_err(|error| derive_failure(program, &error, func))?;
        add_function(&program.module, derivative, "differentiation")?
    } else {
        (program.module.clone(), func)
    };
    match args.stage {
        Stage::Tensor | Stage::Adjoint => Ok(print(&module, subject)),
        Stage::Optimized => {
            let options = PipelineOptions { limit, ..PipelineOptions::default() };
            let mut observer = |pass: &pullback_optimize::Pass, _: &_, _: &_, time| timings.add(pass.name, time);
            let optimized = run_pipeline(&module, subject, DEFAULT, &options, &mut observer)
                .map_err(|error| optimize_failure(program, &error, func))?;
            Ok(print(&optimized.module, subject))
        }
        Stage::Fused | Stage::Loops | Stage::Clif | Stage::Asm => {
            timings.time("compile", || backend::dump(&module, subject, args.stage))
        }
    }
}

/// How long each step took; a step that runs again is added up.
#[derive(Default)]
struct Timings(Vec<(String, Duration, usize)>);

impl Timings {
    fn time<T>(&mut self, step: &str, run: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let value = run();
        self.add(step, start.elapsed());
        value
    }

    fn add(&mut self, step: &str, time: Duration) {
        match self.0.iter_mut().find(|(known, _, _)| known == step) {
            Some((_, total, runs)) => {
                *total += time;
                *runs += 1;
            }
            None => self.0.push((step.into(), time, 1)),
        }
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_header(["step", "runs", "ms"]);
        for (step, time, runs) in &self.0 {
            table.add_row([step.clone(), runs.to_string(), format!("{:.3}", time.as_secs_f64() * 1e3)]);
        }
        let total: Duration = self.0.iter().map(|(_, time, _)| *time).sum();
        table.add_row(["total".into(), String::new(), format!("{:.3}", total.as_secs_f64() * 1e3)]);
        for column in 1..3 {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table
    }
}
