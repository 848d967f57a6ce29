//! The objectives with which tools for automatic differentiation are compared: values and derivatives checked, times measured.
//!
//! ```text
//! cargo run --release --example adbench
//! cargo run --release --example adbench -- --json --only gmm --size d10_k10_n1k
//! cargo run --release --example adbench -- --dump fused --only kmeans --size small
//! ```
//!
//! * `objectives/` has the formulas, one file each: Gaussian mixtures, bundle adjustment, an LSTM, hand tracking, and GradBench's k-means, log-sum-exp, least squares
//!   and differential equation. They show how such things are written with this library.
//! * `report.rs` prints the figures.
//!
//! Everything is in `f64` and on one thread. Values and derivatives are compared with those that ADBench published and with others that `benches/peers/adbench.py` computed;
//! the program fails if one of them is further away than ADBench allows.

mod objectives;
mod report;

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use clap::builder::{PossibleValuesParser, RangedU64ValueParser};

use objectives::{ALL, Failure, Objective, golden, rho};
use pullback::prelude::*;
use pullback::{Stage, compile_with_report, dump, runtime, to_tensor};
use report::Row;

/// The agreement that is claimed.
const LIMIT: f64 = 1e-8;

/// Differentiates the objectives of ADBench and GradBench, checks what comes out, and measures it on one thread.
///
/// ρ is the largest |x - y| / max(1, |x| + |y|) between what was computed and what is known. Exits with status 1 if one is 1e-8 or more.
#[derive(Parser)]
#[command(name = "adbench")]
struct Options {
    /// One objective instead of all.
    #[arg(long, value_name = "OBJECTIVE", value_parser = PossibleValuesParser::new(ALL.map(|objective| objective.name)))]
    only: Option<String>,
    /// One size of each objective that has it, instead of all; `small` for the least of each.
    #[arg(long)]
    size: Option<String>,
    /// Calls of which the fastest counts.
    #[arg(long, default_value_t = 20, value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_000_000))]
    repeats: usize,
    /// Print one line of JSON for each objective and size.
    #[arg(long)]
    json: bool,
    /// Print what the compiler makes of the derivatives at a stage, and measure nothing.
    #[arg(long, value_name = "STAGE", value_parser = PossibleValuesParser::new(Stage::ALL.map(Stage::name)), conflicts_with = "json")]
    dump: Option<String>,
}

impl Options {
    /// The objectives and sizes that are asked for.
    fn chosen(&self) -> Result<Vec<(&'static Objective, &'static str)>, Failure> {
        let objectives: Vec<&Objective> =
            ALL.iter().filter(|objective| self.only.as_ref().is_none_or(|only| only == objective.name)).collect();
        let mut chosen = Vec::new();
        for &objective in &objectives {
            let sizes = objective.sizes.iter().enumerate();
            let wanted = |&(position, size): &(usize, &&str)| match self.size.as_deref() {
                None => true,
                Some("small") => position == 0,
                Some(wanted) => wanted == *size,
            };
            chosen.extend(sizes.filter(wanted).map(|(_, &size)| (objective, size)));
        }
        if chosen.is_empty() {
            let sizes =
                objectives.iter().map(|objective| format!("{}: {}", objective.name, objective.sizes.join(", ")));
            let sizes = sizes.collect::<Vec<_>>().join("\n  ");
            let size = self.size.as_deref().unwrap_or_default();
            return Err(format!("nothing has the size {size:?}; there are\n  {sizes}").into());
        }
        Ok(chosen)
    }
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Failure> {
    let chosen = options.chosen()?;
    if let Some(stage) = Stage::ALL.into_iter().find(|stage| options.dump.as_deref() == Some(stage.name())) {
        return chosen.iter().try_for_each(|&(objective, size)| print_stage(objective, size, stage));
    }
    if !options.json {
        println!("{}", report::HEAD);
    }
    let mut rows = Vec::new();
    for (objective, size) in chosen {
        let row =
            measure(objective, size, options.repeats).map_err(|error| format!("{} {size}: {error}", objective.name))?;
        if options.json {
            println!("{}", row.json())
        } else {
            println!("{}", row.line())
        }
        rows.push(row);
    }
    let apart = rows.iter().filter(|row| !row.agrees(LIMIT));
    let apart: Vec<String> = apart.map(|row| format!("{} {}", row.objective, row.size)).collect();
    if apart.is_empty() {
        Ok(())
    } else {
        Err(format!("{LIMIT:e} or more from what is known: {}", apart.join(", ")).into())
    }
}

/// Prints what the compiler makes of the derivative of an objective at a size.
fn print_stage(objective: &Objective, size: &str, stage: Stage) -> Result<(), Failure> {
    let program = objective.problem(size)?.program()?;
    let text = dump(&program.module, program.derivative, &pullback::Options::new().threads(1), stage)?;
    println!("; {} {size}\n{text}", objective.name);
    Ok(())
}

/// Compiles an objective at a size, compares its results and measures it.
fn measure(objective: &Objective, size: &'static str, repeats: usize) -> Result<Row, Failure> {
    let problem = objective.problem(size)?;
    let golden = golden(objective.name, size)?;
    let inputs = problem.inputs.iter().map(to_tensor).collect::<Result<Vec<_>, _>>()?;
    let options = pullback::Options::new().threads(1);

    let start = Instant::now();
    let program = problem.program()?;
    let (derivative, report) = compile_with_report(&program.module, program.derivative, &options)?;
    let compile_ms = milliseconds(start);
    let primal = compile(&program.module, program.primal, &options)?;

    let (value, primal_ms) = fastest(&primal, &inputs, repeats)?;
    let (slopes, derivative_ms) = fastest(&derivative, &inputs, repeats)?;
    Ok(Row {
        objective: objective.name,
        size,
        value_rho: golden.value.map(|known| rho(&value, &known)),
        derivative_rho: golden.derivative.map(|known| rho(&slopes, &known)),
        primal_ms,
        derivative_ms,
        compile_ms,
        kernels: report.kernels,
        arena_bytes: report.arena_bytes,
    })
}

/// The results of a program, and the time of the fastest of some calls after a first one.
fn fastest(program: &Executable, inputs: &[runtime::Tensor], repeats: usize) -> Result<(Vec<Vec<f64>>, f64), Failure> {
    let inputs: Vec<ArgRef<'_>> = inputs.iter().map(ArgRef::from).collect();
    let mut results = program.run(&inputs)?;
    let mut call = program.bind(&inputs, results.iter_mut().map(ArgMut::from).collect())?;
    let mut fastest = f64::INFINITY;
    for _ in 0..repeats {
        let start = Instant::now();
        call.run();
        fastest = fastest.min(milliseconds(start));
    }
    drop(call);
    let results = results.iter().map(|result| Ok(result.as_slice::<f64>()?.to_vec()));
    Ok((results.collect::<Result<_, runtime::CallError>>()?, fastest))
}

fn milliseconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}
