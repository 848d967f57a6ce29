//! `pullback run`: run a function on inputs from files, the command line or a random seed.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use pullback::{Features, Fusion, Options};
use pullback_interp::Array;
use serde_json::json;

use crate::arrays::{inputs, npy, show};
use crate::derive::{find_function, result_names};
use crate::program::Program;
use crate::{Console, Exit, Failure, backend};

/// Arguments of `pullback run`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pullback run model.pir --random 1
  pullback run model.pir --input x=x.npy --input w=w.npy --output results
  pullback run model.pir --input weights.safetensors --input x=x.npy
  pullback run square.pir --input x=1.5 --interpret
  pullback run model.pir --function loss --random 1 --json

Inputs are NumPy files or literals as in the text form: 2.5, [1,2,3], nan; a safetensors
file gives every parameter that one of its tensors is named like. Random inputs
are standard normal for floats, -8 to 8 for integers (u8: 0 to 16) and fair coins for bool,
from SplitMix64; the same seed gives the same inputs everywhere.")]
pub struct Args {
    /// The program; `-` is the standard input
    file: String,
    /// The function to run; without it @main, or the only function
    #[arg(short, long, value_name = "NAME")]
    function: Option<String>,
    /// An input, from a NumPy file or a literal, or a safetensors file of several; repeat for more
    #[arg(short, long = "input", value_name = "NAME=FILE.npy")]
    inputs: Vec<String>,
    /// Make the inputs that are not given at random
    #[arg(short, long, value_name = "SEED")]
    random: Option<u64>,
    /// Run with the slow reference interpreter instead of machine code
    #[arg(long)]
    interpret: bool,
    /// Which instructions share kernels, `all` by default
    #[arg(long, value_name = "KIND", value_parser = backend::fusion_parser(), conflicts_with = "interpret")]
    fusion: Option<Fusion>,
    /// Which processor features machine code may use, `native` by default
    #[arg(long, value_name = "KIND", value_parser = backend::features_parser(), conflicts_with = "interpret")]
    features: Option<Features>,
    /// Compute values again where the arena would be larger, such as 64MiB
    #[arg(long, value_name = "SIZE", value_parser = backend::bytes, conflicts_with = "interpret")]
    memory_budget: Option<usize>,
    /// Write each result to DIR/NAME.npy
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Print the results as one line of JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// If the program, the inputs or the command line are wrong.
pub fn run(args: &Args, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let program = Program::load(&args.file, console.color)?;
    let func = find_function(&program.module, args.function.as_deref())?;
    let inputs = inputs::collect(&program.module, func, &args.inputs, args.random)?;
    let results = if args.interpret {
        pullback_interp::evaluate(&program.module, func, &inputs)
            .map_err(|error| program.failure(error.to_string(), None, func))?
    } else {
        let (fusion, features) = (args.fusion.unwrap_or_default(), args.features.unwrap_or_default());
        let options = Options { fusion, features, memory_budget: args.memory_budget, ..Options::new() };
        backend::run(&program.module, func, &inputs, &options)?
    };
    let function = program.module.function(func);
    let names = result_names(&program.module, function);
    if let Some(directory) = &args.output {
        write_files(directory, &names, &results)?;
    }
    if args.json {
        let results: Vec<_> = names.iter().zip(&results).map(|(name, array)| show::json(name, array)).collect();
        writeln!(console.out, "{}", json!({ "function": &*function.name, "results": results }))?;
    } else {
        for (name, array) in names.iter().zip(&results) {
            show::text(console.out, name, array)?;
        }
    }
    Ok(Exit::Success)
}

/// One file per result; a name that comes again gets a number.
fn write_files(directory: &Path, names: &[String], results: &[Array]) -> Result<(), Failure> {
    let failed = |path: &Path, error| Failure::program(format!("cannot write {}: {error}", path.display()));
    fs::create_dir_all(directory).map_err(|error| failed(directory, error))?;
    let mut used: HashMap<&str, usize> = HashMap::new();
    for (name, array) in names.iter().zip(results) {
        let again = used.entry(name).and_modify(|count| *count += 1).or_default();
        let file = if *again == 0 { format!("{name}.npy") } else { format!("{name}-{again}.npy") };
        let path = directory.join(file);
        npy::write(&path, array).map_err(|error| failed(&path, error))?;
    }
    Ok(())
}
