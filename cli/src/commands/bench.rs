//! `pullback bench`: how fast a function runs, by kind of fusion, and how close that is to what the machine can do.

use std::num::NonZero;

use clap::builder::RangedU64ValueParser;
use comfy_table::{CellAlignment, Table, presets};
use pullback::{Features, Fusion, Options};
use pullback_interp::Array;
use pullback_ir::DType;
use pullback_loops::Traffic;
use serde_json::{Value, json};

use super::dump::derivative;
use crate::arrays::inputs;
use crate::backend::{self, failure, features_parser, fusion_parser};
use crate::derive::{Mode, find_function};
use crate::measure::peak::Peak;
use crate::measure::steps::{self, MAX_STEPS, StepTimes};
use crate::measure::{Subject, Times, distance, times};
use crate::program::Program;
use crate::{Console, Exit, Failure};

/// Arguments of `pullback bench`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pullback bench loss.pir --wrt w,b
  pullback bench loss.pir --wrt w --ablate --threads 1
  pullback bench model.pir --steps --repeats 100 --json

Bytes and operations are those of a model: each step of the program reads and writes every
array that it touches once, but for what stays in the memory of a thread. Rates are for the
least time. Their shares are of a copy of 64 MiB and of a product of matrices of 768 x 768,
measured in the same run; what fits the caches can be above the copy.

With --steps each step is compiled and run alone on random data. The kernels of a loop follow,
indented, each alone in this loop: what others leave in the memory of a thread is an argument
then. The time of each is also that of the loop itself, a few microseconds if it is parallel.
What cannot be alone, such as a product with what another kernel has packed, has the
difference of the program up to there with it and without it; one of less than 2 % is shown
as 0, without rates.")]
pub struct Args {
    /// The program; `-` is the standard input
    file: String,
    /// The function; without it @main, or the only function
    #[arg(short, long, value_name = "NAME")]
    function: Option<String>,
    /// Measure the derivative by these parameters, separated by commas; in reverse mode with the function's results
    #[arg(short, long, value_delimiter = ',', value_name = "NAMES")]
    wrt: Vec<String>,
    /// How to differentiate, `reverse` by default
    #[arg(short, long, value_enum, requires = "wrt")]
    mode: Option<Mode>,
    /// An input, as for `run`; the others are random
    #[arg(short, long = "input", value_name = "NAME=FILE.npy")]
    inputs: Vec<String>,
    /// The seed of random inputs
    #[arg(short, long, value_name = "SEED", default_value_t = 1)]
    random: u64,
    /// Threads that a call may use; 0 for as many as there are cores
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = RangedU64ValueParser::<usize>::new().range(0..=1024))]
    threads: usize,
    /// Measured calls
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_000_000))]
    repeats: usize,
    /// Which instructions share kernels
    #[arg(long, value_name = "KIND", value_parser = fusion_parser(), default_value_t = Fusion::All)]
    fusion: Fusion,
    /// Which processor features machine code may use
    #[arg(long, value_name = "KIND", value_parser = features_parser(), default_value_t = Features::Native)]
    features: Features,
    /// Compute values again where the arena would be larger, such as 64MiB
    #[arg(long, value_name = "SIZE", value_parser = backend::bytes)]
    memory_budget: Option<usize>,
    /// Measure every kind of fusion, one after another in turns, and compare their results first
    #[arg(long, conflicts_with = "fusion")]
    ablate: bool,
    /// Measure also each step of the program and each kernel of its loops, with the last kind of fusion
    #[arg(long)]
    steps: bool,
    /// Print one line of JSON for each kind of fusion and each step
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// If the program or the command line is wrong, or kinds of fusion disagree.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let program = Program::load(&args.file, console.color)?;
    let func = find_function(&program.module, args.function.as_deref())?;
    let (module, func) = if args.wrt.is_empty() {
        (program.module.clone(), func)
    } else {
        derivative(&program, func, &args.wrt, args.mode)?
    };
    let arrays = inputs::collect(&module, func, &args.inputs, Some(args.random))?;
    let tensors =
        arrays.iter().map(|array| pullback::to_tensor(array).map_err(failure)).collect::<Result<Vec<_>, _>>()?;
    let kinds = if args.ablate { Fusion::ALL.to_vec() } else { vec![args.fusion] };
    let options =
        Options { threads: args.threads, features: args.features, memory_budget: args.memory_budget, ..Options::new() };
    let compiled = |fusion| Subject::new(&module, func, &options.clone().fusion(fusion));
    let subjects = kinds.into_iter().map(compiled).collect::<Result<Vec<_>, _>>()?;
    agree(&subjects, &subjects.iter().map(|subject| subject.results(&tensors)).collect::<Result<Vec<_>, _>>()?)?;

    let function = module.function(func);
    let threads = match args.threads {
        0 => std::thread::available_parallelism().map_or(1, NonZero::get),
        threads => threads,
    };
    let is_double = function.param_types().any(|ty| ty.dtype == DType::F64);
    let dtype = if is_double { DType::F64 } else { DType::F32 };
    let peak = Peak::measure(dtype, threads)?;
    let executables: Vec<_> = subjects.iter().map(|subject| &subject.executable).collect();
    let times = times(&executables, &tensors, args.repeats)?;
    let steps = match subjects.last() {
        Some(last) if args.steps => steps::measure(&last.program, &tensors, &options, args.repeats)?,
        _ => None,
    };
    let report = Report { name: &function.name, dtype, threads, peak, subjects: &subjects, times: &times };
    if args.json {
        let steps = steps.iter().flatten().flat_map(|step| report.step_json(step));
        for line in report.json().into_iter().chain(steps) {
            writeln!(console.out, "{line}")?;
        }
    } else {
        report.heading(console)?;
        writeln!(console.out, "{}", report.table())?;
        match &steps {
            Some(steps) => writeln!(console.out, "\n{}", report.step_table(steps))?,
            None if args.steps => writeln!(console.out, "\nmore than {MAX_STEPS} steps: not measured one by one")?,
            None => {}
        }
    }
    Ok(Exit::Success)
}

/// Relative in norm: some thousand units of precision, since sums in another order are behind every element.
const fn tolerance(dtype: DType) -> f64 {
    match dtype {
        DType::F32 => 2e-4,
        DType::F64 => 1e-11,
        DType::I32 | DType::I64 | DType::U8 | DType::Bool => 0.0,
    }
}

/// Whether all kinds of fusion give what the first gives.
fn agree(subjects: &[Subject], results: &[Vec<Array>]) -> Result<(), Failure> {
    let Some((expected, others)) = results.split_first() else { return Ok(()) };
    for (subject, found) in subjects.iter().skip(1).zip(others) {
        for (number, (found, expected)) in found.iter().zip(expected).enumerate() {
            let pair = [found, expected].map(std::slice::from_ref);
            let (distance, most) = (distance(pair[0], pair[1]), tolerance(expected.ty().dtype));
            if distance > most {
                return Err(Failure::program(format!(
                    "result {number} with fusion `{}` is {distance:.1e} from that with fusion `{}`, relative in norm; expected at most {most:.0e}",
                    subject.fusion, subjects[0].fusion
                )));
            }
        }
    }
    Ok(())
}

struct Report<'a> {
    name: &'a str,
    /// Of the matrices of the peak.
    dtype: DType,
    threads: usize,
    peak: Peak,
    subjects: &'a [Subject],
    times: &'a [Times],
}

/// What was achieved: 10⁹ bytes and operations per second, and shares of the peak in percent.
struct Rates {
    bytes: f64,
    flops: f64,
    of_copy: f64,
    of_product: f64,
}

impl Report<'_> {
    /// None if there is no time that could be told.
    fn rates(&self, traffic: Traffic, times: Times) -> Option<Rates> {
        if times.min.is_zero() {
            return None;
        }
        let seconds = times.min.as_secs_f64();
        let bytes = (traffic.read + traffic.written) as f64 / seconds;
        let flops = traffic.flops as f64 / seconds;
        let (of_copy, of_product) = (100.0 * bytes / self.peak.bytes, 100.0 * flops / self.peak.flops);
        Some(Rates { bytes: bytes / 1e9, flops: flops / 1e9, of_copy, of_product })
    }

    fn rows(&self) -> impl Iterator<Item = (&Subject, Times)> {
        self.subjects.iter().zip(self.times.iter().copied())
    }

    fn heading(&self, console: &mut Console<'_>) -> Result<(), Failure> {
        let Self { name, dtype, threads, peak, .. } = self;
        let threads = if *threads == 1 { "1 thread".into() } else { format!("{threads} threads") };
        let (bytes, flops) = (peak.bytes / 1e9, peak.flops / 1e9);
        writeln!(
            console.out,
            "@{name} on {threads}; a copy reaches {bytes:.1} GB/s, a product of {dtype} matrices {flops:.1} GFLOP/s\n"
        )?;
        Ok(())
    }

    fn table(&self) -> Table {
        let first = self.times.first().map_or(0.0, |times| times.min.as_secs_f64());
        let rows = self.rows().map(|(subject, times)| {
            let mut cells = vec![
                subject.fusion.to_string(),
                subject.program.kernels().len().to_string(),
                format!("{:.3}", subject.executable.arena_bytes() as f64 / f64::from(1 << 20)),
                format!("{:.1}", subject.compile.as_secs_f64() * 1e3),
            ];
            cells.extend(self.measured(subject.traffic, times));
            cells.push(format!("{:.2}", first / times.min.as_secs_f64().max(1e-9)));
            cells
        });
        let lead = ["fusion", "kernels", "arena MiB", "compile ms"];
        table(&[&lead[..], &MEASURED, &["faster"]].concat(), rows)
    }

    fn step_table(&self, steps: &[StepTimes]) -> Table {
        let row = |indent: &str, step: &StepTimes| {
            let mark = if step.is_difference { " (difference)" } else { "" };
            [vec![format!("{indent}{}{mark}", step.name)], self.measured(step.traffic, step.times)].concat()
        };
        let rows = steps.iter().flat_map(|step| {
            let parts = step.parts.iter().map(|part| row("  ", part));
            std::iter::once(row("", step)).chain(parts)
        });
        table(&[&["step"][..], &MEASURED].concat(), rows)
    }

    /// The cells under [`MEASURED`].
    fn measured(&self, traffic: Traffic, times: Times) -> Vec<String> {
        let rates = self.rates(traffic, times);
        let rate = |rate: fn(&Rates) -> f64| rates.as_ref().map_or("-".into(), |rates| format!("{:.2}", rate(rates)));
        let share =
            |share: fn(&Rates) -> f64| rates.as_ref().map_or("-".into(), |rates| format!("{:.0} %", share(rates)));
        let ms = |time: std::time::Duration| format!("{:.5}", time.as_secs_f64() * 1e3);
        vec![
            ms(times.min),
            ms(times.median),
            format!("{:.3}", (traffic.read + traffic.written) as f64 / 1e6),
            format!("{:.3}", traffic.flops as f64 / 1e6),
            rate(|rates| rates.bytes),
            share(|rates| rates.of_copy),
            rate(|rates| rates.flops),
            share(|rates| rates.of_product),
        ]
    }

    fn json(&self) -> Vec<Value> {
        let line = |(subject, times): (&Subject, Times)| {
            let mut line = self.figures(subject.traffic, times);
            line["fusion"] = json!(subject.fusion.name());
            line["kernels"] = json!(subject.program.kernels().len());
            line["arena_bytes"] = json!(subject.executable.arena_bytes());
            line["compile_ms"] = json!(subject.compile.as_secs_f64() * 1e3);
            line["peak_gb_per_s"] = json!(self.peak.bytes / 1e9);
            line["peak_gflop_per_s"] = json!(self.peak.flops / 1e9);
            line
        };
        self.rows().map(line).collect()
    }

    /// The step's line, and those of its parts.
    fn step_json(&self, step: &StepTimes) -> Vec<Value> {
        let line = |measured: &StepTimes| {
            let mut line = self.figures(measured.traffic, measured.times);
            line["step"] = json!(step.name);
            line["measured"] = json!(if measured.is_difference { "difference" } else { "alone" });
            line
        };
        let part = |part: &StepTimes| {
            let mut line = line(part);
            line["part"] = json!(part.name);
            line
        };
        std::iter::once(line(step)).chain(step.parts.iter().map(part)).collect()
    }

    fn figures(&self, traffic: Traffic, times: Times) -> Value {
        let mut figures = json!({
            "function": self.name,
            "threads": self.threads,
            "min_ms": times.min.as_secs_f64() * 1e3,
            "median_ms": times.median.as_secs_f64() * 1e3,
            "bytes_read": traffic.read as f64,
            "bytes_written": traffic.written as f64,
            "flops": traffic.flops as f64,
        });
        if let Some(rates) = self.rates(traffic, times) {
            figures["gb_per_s"] = json!(rates.bytes);
            figures["gflop_per_s"] = json!(rates.flops);
            figures["percent_of_copy"] = json!(rates.of_copy);
            figures["percent_of_product"] = json!(rates.of_product);
        }
        figures
    }
}

/// The columns that programs and steps have.
const MEASURED: [&str; 8] = ["min ms", "median ms", "MB", "MFLOP", "GB/s", "of copy", "GFLOP/s", "of product"];

fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.to_vec());
    table.add_rows(rows);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
