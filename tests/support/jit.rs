//! Running a case through the compiler.

use pullback::codegen::Features;
use pullback::{Cutting, Options};
use pullback_interp::Array;
use pullback_optimize::Pass;
use pullback_optimize::fuse::Fusion;
use pullback_optimize::passes::INLINE_CALLS;

use super::run::Case;

/// What compiled code gives.
pub fn run_jit(case: &Case) -> Result<Vec<Array>, String> {
    run_with(case, &Options::default())
}

/// What code compiled under these options gives.
pub fn run_with(case: &Case, options: &Options) -> Result<Vec<Array>, String> {
    let executable = pullback::compile(&case.module, case.func, options).map_err(|error| error.to_string())?;
    pullback::run_arrays(&executable, &case.inputs).map_err(|error| error.to_string())
}

/// Without fusion every operation is a kernel of its own.
pub fn run_unfused(case: &Case) -> Result<Vec<Array>, String> {
    run_with(case, &Options { fusion: Fusion::Off, ..Options::default() })
}

/// As any x86-64 processor runs it: without fused multiply-add.
pub fn run_baseline(case: &Case) -> Result<Vec<Array>, String> {
    run_with(case, &Options { features: Features::Baseline, ..Options::default() })
}

/// What is lowered is what was written, but for calls.
pub fn run_unoptimized(case: &Case) -> Result<Vec<Array>, String> {
    const PASSES: &[&Pass] = &[&INLINE_CALLS];
    run_with(case, &Options { passes: PASSES, verify_each: true, ..Options::default() })
}

/// The results of machine code whose values are cut into the smallest tiles, on two threads; on one it has to give the same bits.
pub fn run_cut(case: &Case) -> Result<Vec<Array>, String> {
    let run = |threads| run_with(case, &Options { cutting: Cutting::EVERYTHING, threads, ..Options::default() });
    let found = run(2)?;
    let bits = |arrays: &[Array]| arrays.iter().map(|array| format!("{:?}", array.elements)).collect::<Vec<_>>();
    if bits(&found) == bits(&run(1)?) { Ok(found) } else { Err("the bits depend on the number of threads".into()) }
}
