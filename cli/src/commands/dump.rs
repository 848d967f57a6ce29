//! `pullback dump`: a program at any stage on its way to machine code.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use comfy_table::{CellAlignment, Table, presets};
use pullback::{Features, Fusion, Options, Report, Stage};
use pullback_ir::print::{PrintOptions, function_to_string};
use pullback_ir::{FuncId, Module, Verified};
use pullback_optimize::{find_pass, pipeline};

use super::grad::{derive_failure, optimize_failure};
use crate::backend;
use crate::derive::{Mode, find_function, find_params};
use crate::program::{Program, add_function};
use crate::{Console, Exit, Failure};

/// Examples, and the passes as the pipeline has them.
fn after_help() -> String {
    let mut passes = String::new();
    let mut width = 0;
    for pass in pipeline::ALL {
        let lead = if passes.is_empty() {
            "  "
        } else if width + pass.name.len() > 76 {
            ",\n  "
        } else {
            ", "
        };
        width = if lead == ", " { width + 2 } else { 2 } + pass.name.len();
        passes.push_str(lead);
        passes.push_str(pass.name);
    }
    format!(
        "\
Examples:
  pullback dump loss.pir --stage optimized
  pullback dump loss.pir --stage adjoint --wrt w,b
  pullback dump loss.pir --stage loops --wrt w      (the loops of the value and gradient)
  pullback dump loss.pir --after simplify_algebra   (the tensor IR after that pass)
  pullback dump loss.pir --stage asm --timings
  pullback dump loss.pir --stage asm --features vectors128
  pullback dump loss.pir --stage memory --wrt w -o arena.svg
  pullback dump loss.pir --stage memory --wrt w --memory-budget 64MiB

With --wrt, every stage behind `tensor` is that of the derivative. Timings go to the
standard error. The passes, in order:
{passes}"
    )
}

/// Arguments of `pullback dump`.
#[derive(clap::Args, Debug)]
#[command(after_help = after_help())]
pub struct Args {
    /// The program; `-` is the standard input
    file: String,
    /// The stage to print
    #[arg(short, long, value_parser = backend::stage_parser(), default_value_t = Stage::Optimized)]
    stage: Stage,
    /// The function; without it @main, or the only function
    #[arg(short, long, value_name = "NAME")]
    function: Option<String>,
    /// Differentiate by these parameters, separated by commas
    #[arg(short, long, value_delimiter = ',', value_name = "NAMES")]
    wrt: Vec<String>,
    /// How to differentiate, `reverse` by default; reverse mode keeps the function's results before the gradients
    #[arg(short, long, value_enum)]
    mode: Option<Mode>,
    /// Stop the optimisation where the program leaves this pass for the first time
    #[arg(long, value_name = "PASS", conflicts_with = "before")]
    after: Option<String>,
    /// Stop the optimisation where the program reaches this pass for the first time
    #[arg(long, value_name = "PASS")]
    before: Option<String>,
    /// Which instructions share kernels, `all` by default
    #[arg(long, value_name = "KIND", value_parser = backend::fusion_parser())]
    fusion: Option<Fusion>,
    /// Which processor features machine code may use, `native` by default; at the stages from `loops` on
    #[arg(long, value_name = "KIND", value_parser = backend::features_parser())]
    features: Option<Features>,
    /// Threads that a call may use, 0 for as many as there are cores: more threads need more memory
    #[arg(long, default_value_t = 0, value_name = "N")]
    threads: usize,
    /// Compute values again where the arena would be larger, such as 64MiB; at the stages from `fused` on
    #[arg(long, value_name = "SIZE", value_parser = backend::bytes)]
    memory_budget: Option<usize>,
    /// Also draw the arena over time to this SVG file, at the stage `memory`
    #[arg(short, long, value_name = "FILE.svg")]
    output: Option<PathBuf>,
    /// Say behind each instruction of the tensor IR where it came from
    #[arg(long, conflicts_with_all = ["after", "before"])]
    provenance: bool,
    /// Compile, and print how long each step took to the standard error
    #[arg(long)]
    timings: bool,
}

/// Runs the command.
///
/// # Errors
/// If the program is wrong, cannot be differentiated or cannot be lowered so far.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Failure> {
    refuse_ignored(args)?;
    for pass in args.after.iter().chain(&args.before) {
        if args.stage < Stage::Optimized {
            return Err(Failure::Usage("--after and --before are for the stages from `optimized` on".into()));
        }
        if find_pass(pass).is_none() {
            let known = pipeline::ALL.iter().map(|pass| pass.name).collect::<Vec<_>>().join(", ");
            return Err(Failure::Usage(format!("there is no pass `{pass}`, expected one of: {known}")));
        }
    }
    let start = Instant::now();
    let program = Program::load(&args.file, console.color)?;
    let parsed = start.elapsed();
    let func = find_function(&program.module, args.function.as_deref())?;
    let start = Instant::now();
    let derived = args.stage == Stage::Adjoint || !args.wrt.is_empty();
    let (module, subject) =
        if derived { derivative(&program, func, &args.wrt, args.mode)? } else { (program.module.clone(), func) };
    let differentiated = start.elapsed();
    let options = backend::options(args.after.as_deref(), args.before.as_deref(), args.fusion.unwrap_or_default());
    let options = Options { threads: args.threads, memory_budget: args.memory_budget, ..options }
        .features(args.features.unwrap_or_default());
    let text = match args.stage {
        Stage::Tensor => print(args, &program.module, func),
        Stage::Adjoint => print(args, &module, subject),
        Stage::Optimized if args.provenance => {
            let optimized = pullback_optimize::optimize(&module, subject)
                .map_err(|error| optimize_failure(&program, &error, func))?;
            print(args, &optimized.module, subject)
        }
        Stage::Optimized | Stage::Fused | Stage::Loops | Stage::Memory | Stage::Clif | Stage::Asm => {
            backend::dump(&module, subject, args.stage, &options)?
        }
    };
    write!(console.out, "{text}")?;
    if !text.ends_with('\n') {
        writeln!(console.out)?;
    }
    if let Some(path) = &args.output {
        let svg = backend::memory(&module, subject, &options)?.to_svg();
        fs::write(path, svg).map_err(|error| Failure::program(format!("cannot write {}: {error}", path.display())))?;
    }
    if args.timings {
        let report = backend::report(&module, subject, &options)?;
        let before = [("parse and verify", parsed), ("differentiate", differentiated)];
        writeln!(console.err, "{}", timings(&before, &report))?;
    }
    Ok(Exit::Success)
}

/// Options that would change nothing are a mistake.
fn refuse_ignored(args: &Args) -> Result<(), Failure> {
    let refuse = |message: &str| Err(Failure::Usage(message.into()));
    if args.mode.is_some() && args.wrt.is_empty() && args.stage != Stage::Adjoint {
        return refuse("--mode needs --wrt, or the stage `adjoint`: nothing is differentiated");
    }
    if args.fusion.is_some() && args.stage < Stage::Fused && !args.timings {
        return refuse("--fusion is for the stages from `fused` on");
    }
    if args.features.is_some() && args.stage < Stage::Loops && !args.timings {
        return refuse("--features is for the stages from `loops` on");
    }
    if args.memory_budget.is_some() && args.stage < Stage::Fused && !args.timings {
        return refuse("--memory-budget is for the stages from `fused` on");
    }
    if args.output.is_some() && args.stage != Stage::Memory {
        return refuse("--output is for the stage `memory`");
    }
    if args.provenance && args.stage > Stage::Optimized {
        return refuse("--provenance is for the stages up to `optimized`");
    }
    Ok(())
}

fn print(args: &Args, module: &Module, func: FuncId) -> String {
    function_to_string(module, module.function(func), PrintOptions { provenance: args.provenance })
}

/// The module with the derivative of a function by these parameters, all of floating-point type if there are none.
///
/// # Errors
/// If it cannot be differentiated by them.
pub(super) fn derivative(
    program: &Program,
    func: FuncId,
    wrt: &[String],
    mode: Option<Mode>,
) -> Result<(Verified<Module>, FuncId), Failure> {
    let wrt = find_params(&program.module, func, wrt)?;
    let derivative =
        pullback_autodiff::differentiate(&program.module, func, mode.unwrap_or(Mode::Reverse).derivative(true), &wrt)
            .map_err(|error| derive_failure(program, &error, func))?;
    add_function(&program.module, derivative, "differentiation")
}

/// One row per stage, and one per pass or kernel under its stage.
fn timings(before: &[(&str, Duration)], report: &Report) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["step", "ms", "instructions"]);
    let ms = |time: Duration| format!("{:.3}", time.as_secs_f64() * 1e3);
    for (step, time) in before {
        table.add_row([(*step).to_string(), ms(*time), String::new()]);
    }
    // The differentiation is done before, so that its mistakes point into the file.
    for timing in report.timings.iter().filter(|timing| timing.stage != "differentiate") {
        let step = if timing.part.is_empty() { timing.stage.into() } else { format!("  {}", timing.part) };
        let remark = match (timing.instructions, &timing.same_as) {
            (Some((before, after)), _) => format!("{before} -> {after}"),
            (None, Some(other)) => format!("as {other}"),
            (None, None) => String::new(),
        };
        table.add_row([step, ms(timing.time), remark]);
    }
    let total = report.total() + before.iter().map(|(_, time)| *time).sum::<Duration>();
    table.add_row(["total".to_string(), ms(total), String::new()]);
    for column in 1..3 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}
