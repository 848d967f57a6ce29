//! Times of a workload: from nothing to the first gradient, and of calls after that.

use std::time::{Duration, Instant};

use pullback::prelude::*;
use pullback::{Report, compile_with_report, runtime};

use crate::check::{Agreement, against_interpreter, against_reference};
use crate::report::Row;
use crate::workloads::{Failure, Pair, program, to_f64, wrt};

/// What is measured, and how.
pub(crate) struct Settings {
    /// How workloads are compiled; the derivative is added to it.
    pub(crate) options: Options,
    /// Measured calls.
    pub(crate) repeats: usize,
    /// Whether the small size is measured instead of the full one.
    pub(crate) small: bool,
    /// Whether results are checked.
    pub(crate) check: bool,
}

/// Compiles and runs a workload, checks what comes out, and measures it.
///
/// The first call is also the one that is checked: no call comes before it, as a user has none. Its bits are to be those of another number of threads, and of the last call.
///
/// # Errors
/// If the workload cannot be compiled or run, or a result is wrong.
pub(crate) fn measure(pair: &Pair, settings: &Settings) -> Result<Row, Failure> {
    let workload = if settings.small { pair.small } else { pair.full };
    let interpreter =
        settings.check.then(|| against_interpreter(pair.name, pair.small, &settings.options)).transpose()?;
    let inputs = workload.inputs()?;
    let arguments: Vec<ArgRef<'_>> = inputs.iter().map(|input| ArgRef::from(&input.tensor)).collect();
    let options = settings.options.clone().value_and_grad(wrt(&inputs));

    let start = Instant::now();
    let (module, function) = program(pair.name, workload, &inputs, workload.dtype())?;
    let trace = start.elapsed();
    let (executable, report) = compile_with_report(&module, function, &options)?;
    let mut results = executable.run(&arguments)?;
    let first = start.elapsed();

    let mut agreement = None;
    if let Some(interpreter) = interpreter {
        let (value, slope) = against_reference(workload, &inputs, &results)?;
        let found = Agreement { interpreter, value, slope, tolerance: workload.tolerance() };
        found.assert()?;
        agreement = Some(found);
    }
    let before = settings.check.then(|| fingerprint(&results)).transpose()?;
    let threads = match settings.options.threads {
        0 => std::thread::available_parallelism()?.get(),
        threads => threads,
    };
    if let Some(before) = before {
        let other = if threads == 1 { 2 } else { 1 };
        let results = compile(&module, function, &options.threads(other))?.run(&arguments)?;
        if fingerprint(&results)? != before {
            return Err(format!("the results with {threads} and with {other} threads differ").into());
        }
    }
    results.iter_mut().try_for_each(spoil)?;
    let times = steady(&executable, &arguments, &mut results, settings.repeats)?;
    if let Some(before) = before
        && fingerprint(&results)? != before
    {
        return Err("the results of the last call differ from those of the first".into());
    }
    let (value, gradients) = results.split_first().ok_or("no results")?;
    let squares = gradients.iter().map(sum_of_squares).collect::<Result<Vec<_>, _>>()?;
    Ok(Row {
        workload: pair.name,
        value: to_f64(value)?.into_iter().sum(),
        gradient_norm: squares.into_iter().sum::<f64>().sqrt(),
        first_ms: milliseconds(first),
        min_ms: times[0],
        median_ms: times[times.len() / 2],
        phases: phases(trace, &report),
        kernels: report.kernels,
        arena_bytes: report.arena_bytes,
        threads,
        agreement,
    })
}

/// Times of calls in milliseconds, the least first; one more call warms up.
fn steady(
    executable: &Executable,
    arguments: &[ArgRef<'_>],
    results: &mut [runtime::Tensor],
    repeats: usize,
) -> Result<Vec<f64>, Failure> {
    let mut call = executable.bind(arguments, results.iter_mut().map(ArgMut::from).collect())?;
    call.run();
    let timed = |_| {
        let start = Instant::now();
        call.run();
        milliseconds(start.elapsed())
    };
    let mut times: Vec<f64> = (0..repeats.max(1)).map(timed).collect();
    times.sort_by(f64::total_cmp);
    Ok(times)
}

/// Overwrites a result, so that what is found there later was written by a later call.
fn spoil(result: &mut runtime::Tensor) -> Result<(), Failure> {
    if result.dtype() == runtime::DType::F64 {
        result.as_mut_slice::<f64>()?.fill(f64::NAN);
    } else {
        result.as_mut_slice::<f32>()?.fill(f32::NAN);
    }
    Ok(())
}

/// The sum of the squares of the elements, without a copy of them: the memory of the process is measured too.
fn sum_of_squares(tensor: &runtime::Tensor) -> Result<f64, Failure> {
    let square = |x: f64| x * x;
    Ok(if tensor.dtype() == runtime::DType::F64 {
        tensor.as_slice::<f64>()?.iter().map(|&x| square(x)).sum()
    } else {
        tensor.as_slice::<f32>()?.iter().map(|&x| square(f64::from(x))).sum()
    })
}

/// A number that is another for other bits: FNV-1a, by words (Fowler, Noll and Vo).
fn fingerprint(results: &[runtime::Tensor]) -> Result<u64, Failure> {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for result in results {
        for x in to_f64(result)? {
            hash = (hash ^ x.to_bits()).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    Ok(hash)
}

/// Milliseconds of tracing (with verification) and of each stage of the compiler.
fn phases(trace: Duration, report: &Report) -> Vec<(&'static str, f64)> {
    let stages = report.timings.iter().filter(|timing| timing.part.is_empty());
    let stages = stages.map(|timing| (timing.stage, milliseconds(timing.time)));
    std::iter::once(("trace", milliseconds(trace))).chain(stages).collect()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
