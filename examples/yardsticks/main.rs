//! The programs by which compilers of tensor programs are compared: values and gradients checked, times measured.
//!
//! ```text
//! cargo run --release --example yardsticks
//! cargo run --release --example yardsticks -- --only mlp_small,lorenz --threads 1 --fusion off --json
//! ```
//!
//! * `workloads/` has the programs, one file for each family: inputs, the program in this library, and the same number in plain Rust;
//! * `check.rs` compares what comes out with the interpreter and with that number;
//! * `measure.rs` takes the times, `report.rs` prints them.
//!
//! `--print` writes the programs as text, for `pullback dump` to show what becomes of them. `benches/peers/yardsticks.py` runs the same programs in JAX and PyTorch beside this one.

mod check;
mod measure;
mod report;
mod workloads;

use std::process::ExitCode;

use clap::Parser;
use clap::builder::{PossibleValuesParser, RangedU64ValueParser, TypedValueParser};
use pullback::{Features, Fusion};

use measure::{Settings, measure};
use workloads::{ALL, Failure, Pair, program};

/// Compiles the yardstick workloads with their gradients, checks what comes out, and measures it.
///
/// `first ms` is the time from building the program to the first gradient in memory, of which tracing and compiling are `compile ms`; `min ms` and `median ms` are of
/// later calls. `deviation` is the worst relative distance from the interpreter and from a computation in f64; the program exits with status 1 if one is too large, or if
/// the bits are not the same with one thread and with several.
#[derive(Parser)]
#[command(name = "yardsticks")]
struct Arguments {
    /// Some workloads instead of all, with commas between.
    #[arg(long, value_name = "WORKLOADS", value_delimiter = ',', value_parser = PossibleValuesParser::new(ALL.map(|pair| pair.name)))]
    only: Vec<String>,
    /// Threads that a call may use; 0 for as many as there are cores.
    #[arg(long, default_value_t = 0, value_parser = RangedU64ValueParser::<usize>::new().range(0..=1024))]
    threads: usize,
    /// Which instructions share kernels.
    #[arg(long, default_value_t = Fusion::All, value_parser = fusion_parser())]
    fusion: Fusion,
    /// Which processor features machine code may use.
    #[arg(long, default_value_t = Features::Native, value_parser = features_parser())]
    features: Features,
    /// Calls that are measured.
    #[arg(long, default_value_t = 15, value_parser = RangedU64ValueParser::<usize>::new().range(1..=1_000_000))]
    repeats: usize,
    /// Print one line of JSON for each workload.
    #[arg(long)]
    json: bool,
    /// Measure sizes that take no time, to see that everything works.
    #[arg(long)]
    small: bool,
    /// Measure without checking the results.
    #[arg(long)]
    no_check: bool,
    /// Print the programs as text, which the `pullback` command reads, and measure nothing.
    #[arg(long, conflicts_with_all = ["json", "features"])]
    print: bool,
}

/// Reads a kind of fusion by its name.
fn fusion_parser() -> impl TypedValueParser<Value = Fusion> {
    PossibleValuesParser::new(Fusion::ALL.map(Fusion::name)).try_map(|name| name.parse::<Fusion>())
}

/// Reads processor features by their name.
fn features_parser() -> impl TypedValueParser<Value = Features> {
    PossibleValuesParser::new(Features::ALL.map(Features::name)).try_map(|name| name.parse::<Features>())
}

impl Arguments {
    /// The workloads that are asked for.
    fn chosen(&self) -> impl Iterator<Item = &'static Pair> {
        ALL.iter().filter(|pair| self.only.is_empty() || self.only.iter().any(|name| name == pair.name))
    }

    fn settings(&self) -> Settings {
        let options = pullback::Options::new().threads(self.threads);
        Settings {
            options: options.fusion(self.fusion).features(self.features),
            repeats: self.repeats,
            small: self.small,
            check: !self.no_check,
        }
    }
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.print {
        return arguments.chosen().try_for_each(|pair| print(pair, arguments.small));
    }
    let settings = arguments.settings();
    let (mut rows, mut failures) = (Vec::new(), Vec::new());
    for pair in arguments.chosen() {
        match measure(pair, &settings) {
            Ok(row) if arguments.json => println!("{}", row.json()),
            Ok(row) => rows.push(row),
            // The others are measured all the same.
            Err(error) => failures.push(format!("{}: {error}", pair.name)),
        }
    }
    if !rows.is_empty() {
        println!("{}", report::table(&rows));
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n").into()) }
}

/// Prints a workload in tensor IR.
fn print(pair: &Pair, small: bool) -> Result<(), Failure> {
    let workload = if small { pair.small } else { pair.full };
    let (module, function) = program(pair.name, workload, &workload.inputs()?, workload.dtype())?;
    println!("{}", pullback::dump(&module, function, &pullback::Options::new(), pullback::Stage::Tensor)?);
    Ok(())
}
