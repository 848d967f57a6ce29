//! Is any text program slower fused than not?
//!
//! ```text
//! cargo bench -p pullback-cli --bench texts [-- --rounds 40 --slower FOLDER-OR-FILE ...]
//! ```
//!
//! Every function of the text tests (without paths all of `tests/files`) whose inputs are known, and its value and gradient, is compiled with `off` and with `all` and called in
//! turns, each time often enough that nanoseconds count. The least times of all rounds are compared; what seems slower fused gets more rounds. The list is in order of off over all, the
//! worst first; `--slower` leaves out what is not slower. Inputs are those of the test, random ones where a program has none and always ends.
//!
//! Programs that are the same with and without fusion are counted and not measured.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use pullback::autodiff::differentiate;
use pullback::loops::Step;
use pullback::runtime::Tensor;
use pullback::{
    Derivative, Executable, FuncId, Fusion, Module, Options, Verified, compile, loop_program, parse_module, to_tensor,
    verify,
};
use pullback_cli::Failure;
use pullback_cli::arrays::random;
use pullback_cli::derive::param_names;
use pullback_cli::measure::results_of;
use pullback_cli::measure::sampler::Sampler;
use pullback_cli::texttest::{TextTest, files_below};
use pullback_interp::Array;
use pullback_ir::parse::parse_literal;

/// What a time may be longer by, and no more rounds are needed.
const NOISE: f64 = 0.03;

/// How often as many rounds again are taken where a program seems slower.
const AGAIN: usize = 10;

/// Some tests are about tensors that no memory holds.
const LARGEST: usize = 1 << 26;

/// Measures the text programs fused and not fused.
#[derive(Parser)]
struct Arguments {
    /// Files and folders; all text tests by default
    paths: Vec<PathBuf>,
    /// How often each program is measured
    #[arg(long, default_value_t = 40)]
    rounds: usize,
    /// Threads that a call may use; 0 for as many as there are cores
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// List only what is slower fused
    #[arg(long)]
    slower: bool,
    /// What `cargo bench` passes
    #[arg(long, hide = true)]
    bench: bool,
}

/// A program in both forms.
struct Row {
    name: String,
    /// Seconds.
    off: f64,
    /// Seconds.
    all: f64,
}

impl Row {
    fn ratio(&self) -> f64 {
        self.off / self.all.max(1e-12)
    }
}

/// What was found of all.
#[derive(Default)]
struct Found {
    rows: Vec<Row>,
    same: usize,
    unknown: usize,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match measure_all(&arguments) {
        Ok(found) => {
            print(&arguments, found);
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn print(arguments: &Arguments, mut found: Found) {
    found.rows.sort_by(|one, other| one.ratio().total_cmp(&other.ratio()));
    let slower = found.rows.iter().filter(|row| row.ratio() < 1.0 - NOISE).count();
    println!("{:>10} {:>12} {:>12}", "off / all", "off ns", "all ns");
    for row in found.rows.iter().filter(|row| !arguments.slower || row.ratio() < 1.0) {
        println!("{:>10.3} {:>12.1} {:>12.1}  {}", row.ratio(), 1e9 * row.off, 1e9 * row.all, row.name);
    }
    println!(
        "{} measured, {slower} slower fused by more than {:.0} %; {} the same with and without fusion; {} without known inputs, or too large",
        found.rows.len(),
        100.0 * NOISE,
        found.same,
        found.unknown
    );
}

fn measure_all(arguments: &Arguments) -> Result<Found, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/files");
    let paths = if arguments.paths.is_empty() { vec![root] } else { arguments.paths.clone() };
    let mut found = Found::default();
    for path in &paths {
        for file in files_below(path)? {
            let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
            // Mistakes are tested too, which are no programs.
            let Some(module) = parse_module(&text).ok().and_then(|module| verify(module).ok()) else { continue };
            let Ok(test) = TextTest::parse(&text) else { continue };
            measure_file(arguments, &file, &test, &module, &mut found)
                .map_err(|failure| format!("{}: {failure:?}", file.display()))?;
        }
    }
    Ok(found)
}

fn measure_file(
    arguments: &Arguments,
    file: &Path,
    test: &TextTest,
    module: &Verified<Module>,
    found: &mut Found,
) -> Result<(), Failure> {
    let name = file.file_stem().and_then(OsStr::to_str).unwrap_or_default();
    for (func, function) in module.functions() {
        let Some(inputs) = inputs(test, module, func)? else {
            found.unknown += 1;
            continue;
        };
        let name = format!("{name} @{}", function.name);
        compare(arguments, name.clone(), (module, func), &inputs, found)?;
        let floats = function.param_types().enumerate().filter(|(_, ty)| ty.dtype.is_float());
        let wrt: Vec<usize> = floats.map(|(position, _)| position).collect();
        // Not everything has a gradient.
        if let Ok(gradient) = differentiate(module, func, Derivative::ValueAndGradient, &wrt) {
            let mut module = Module::clone(module);
            let gradient = module.add(gradient);
            let module = verify(module).map_err(|errors| Failure::Bug(errors.to_string()))?;
            compare(arguments, format!("{name}, with its gradient"), (&module, gradient), &inputs, found)?;
        }
    }
    Ok(())
}

/// Inputs of the first case that is of the function; random ones if there is none. None for a program that might not end then, or is too large.
fn inputs(test: &TextTest, module: &Verified<Module>, func: FuncId) -> Result<Option<Vec<Tensor>>, Failure> {
    let function = module.function(func);
    let names = param_names(module, function);
    let fits = |name: &Option<String>| name.as_deref().is_none_or(|name| *name == *function.name);
    let case = test.runs.iter().find(|case| {
        fits(&case.function) && names.iter().all(|name| case.inputs.iter().any(|(given, _)| given == name))
    });
    let elements = function.param_types().chain(function.result_types()).map(pullback_ir::Type::elements);
    let is_moderate = elements.fold(0, usize::saturating_add) <= LARGEST;
    let may_run_on =
        || loop_program(module, func, &Options::new()).map_or(true, |p| p.body.iter().any(Step::ends_by_data));
    if !is_moderate || (case.is_none() && may_run_on()) {
        return Ok(None);
    }
    let mut tensors = Vec::new();
    for (position, (name, ty)) in names.iter().zip(function.param_types()).enumerate() {
        let given = case.and_then(|case| case.inputs.iter().find(|(given, _)| given == name));
        let array = match given {
            Some((_, text)) => {
                let literal = parse_literal(text, ty).map_err(|errors| Failure::Usage(errors.to_string()))?;
                Array::from_literal(&literal).map_err(Failure::program)?
            }
            None => random::array(ty, &mut random::stream(1, position)).map_err(Failure::program)?,
        };
        tensors.push(to_tensor(&array).map_err(Failure::program)?);
    }
    Ok(Some(tensors))
}

fn compare(
    arguments: &Arguments,
    name: String,
    (module, func): (&Verified<Module>, FuncId),
    inputs: &[Tensor],
    found: &mut Found,
) -> Result<(), Failure> {
    let options = |fusion| Options::new().threads(arguments.threads).fusion(fusion);
    let lowered = |fusion| loop_program(module, func, &options(fusion)).map(|program| program.to_string());
    let (Ok(off), Ok(all)) = (lowered(Fusion::Off), lowered(Fusion::All)) else { return Ok(()) };
    if off == all {
        found.same += 1;
        return Ok(());
    }
    let compiled = |fusion| compile(module, func, &options(fusion)).map_err(Failure::program);
    let (off, all) = measure(arguments.rounds, [&compiled(Fusion::Off)?, &compiled(Fusion::All)?], inputs)?;
    found.rows.push(Row { name, off, all });
    Ok(())
}

/// The least seconds that two executables take in turns.
fn measure(rounds: usize, [off, all]: [&Executable; 2], inputs: &[Tensor]) -> Result<(f64, f64), Failure> {
    let (mut of_off, mut of_all) = (results_of(off)?, results_of(all)?);
    let mut samplers = (Sampler::new(off, inputs, &mut of_off)?, Sampler::new(all, inputs, &mut of_all)?);
    let mut least = (f64::INFINITY, f64::INFINITY);
    for again in 0..=AGAIN {
        for _ in 0..rounds.max(1) {
            least = (least.0.min(samplers.0.sample()), least.1.min(samplers.1.sample()));
        }
        if again == AGAIN || least.0 >= (1.0 - NOISE) * least.1 {
            break;
        }
    }
    Ok(least)
}
