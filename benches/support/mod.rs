//! What benchmarks share: the yardstick programs, compiled and bound to arguments and results of their own.
//!
//! Each benchmark answers one question at sizes that take seconds in all. The full table beside other compilers is that of
//! `examples/yardsticks` and `benches/peers`.

#[allow(dead_code, reason = "each benchmark uses a part")]
#[path = "../../examples/yardsticks/workloads/mod.rs"]
pub(crate) mod workloads;

use criterion::BenchmarkGroup;
use criterion::measurement::WallTime;
use pullback::prelude::*;
use pullback::runtime;

pub(crate) use workloads::Failure;

/// Measures calls of a function compiled with some options.
///
/// # Errors
/// If it cannot be compiled, or the arguments do not fit.
pub(crate) fn measure(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: impl Into<String>,
    (module, function): (&Verified<Module>, FuncId),
    options: &Options,
    arguments: &[ArgRef<'_>],
) -> Result<(), Failure> {
    let program = compile(module, function, options)?;
    let results = program.signature().outputs.iter();
    let results = results.map(|result| runtime::Tensor::zeros(result.dtype, &result.shape));
    let mut results = results.collect::<Result<Vec<_>, _>>()?;
    let mut bound = program.bind(arguments, results.iter_mut().map(ArgMut::from).collect())?;
    group.bench_function(name, |b| b.iter(|| bound.run()));
    Ok(())
}

/// The function of a module of its own.
///
/// # Errors
/// If a line of it is wrong.
#[allow(dead_code, reason = "benchmarks of the yardsticks have theirs")]
pub(crate) fn traced(
    name: &str,
    body: impl for<'g> FnOnce(&'g Graph) -> Vec<Tensor<'g>>,
) -> Result<(Verified<Module>, FuncId), Failure> {
    let mut module = Module::new();
    let function = trace(&module, name, body)?;
    let function = module.add(function);
    Ok((verify(module)?, function))
}

/// Runs a benchmark, and says what went wrong if something did.
pub(crate) fn report(result: Result<(), Failure>) {
    if let Err(error) = result {
        eprintln!("{error}");
    }
}
