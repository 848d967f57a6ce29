//! Pipelines: which passes run, in which order, how often.
//!
//! A pipeline is a list. It is repeated until each of its passes in turn changes nothing, because one pass opens the way for
//! another (merging two equal values makes the arms of a `select` equal); the number of rounds has a limit, and
//! [`Optimized::stop`] says which of the two ended the run.
//!
//! A pass works on one function, and the rest of the module does not change, so the module is put together and
//! verified once at the end, or after every pass on demand; the same goes for the types of parameters and results, which no
//! pass may change. If the check at the end fails, the pipeline runs again
//! with verification after every pass, to name the pass that is to blame.

use std::time::{Duration, Instant};

use pullback_ir::{FuncId, Function, Module, Verified, verify};

use crate::equality::same_function;
use crate::pass::{Changed, Error, Pass};
use crate::passes::{
    ASSEMBLE_SUMS, CHANNELS_LAST, DISSOLVE_CONCATENATIONS, ELIMINATE_COMMON_SUBEXPRESSIONS, ELIMINATE_DEAD_CODE,
    EXPAND_OPERATIONS, FOLD_CONSTANTS, HOIST_INVARIANTS, INLINE_CALLS, INLINE_REGIONS, MERGE_PRODUCTS, NARROW_VALUES,
    SIMPLIFY_ALGEBRA, SIMPLIFY_CONTROL_FLOW, STREAM_VALUES,
};

/// What runs unless asked otherwise.
pub const DEFAULT: &[&Pass] = &[
    // Everything behind sees one function: rules apply across what were calls.
    &INLINE_CALLS,
    // And sees what runs: how to differentiate was said for the passes before these.
    &INLINE_REGIONS,
    // Known values first: most rules of algebra are about constants.
    &FOLD_CONSTANTS,
    // They go into regions, where algebra uses them.
    &SIMPLIFY_CONTROL_FLOW,
    &SIMPLIFY_ALGEBRA,
    // Simplified forms are canonical, so more values are equal.
    &ELIMINATE_COMMON_SUBEXPRESSIONS,
    // Pads are by now in their simplest form, and equal ones are one: what else uses them is known.
    &ASSEMBLE_SUMS,
    // Those that are left are in no sum.
    &DISSOLVE_CONCATENATIONS,
    // Of sums in pieces too, only what is read is computed.
    &NARROW_VALUES,
    // What is left in loops is needed there.
    &HOIST_INVARIANTS,
    // The passes above leave behind what they made superfluous.
    &ELIMINATE_DEAD_CODE,
    // What is left is used.
    &MERGE_PRODUCTS,
    // Convolutions say where images are.
    &CHANNELS_LAST,
    // Last, so that rules about operations see them before they are taken apart; the next round simplifies the parts.
    &EXPAND_OPERATIONS,
    // When all is in its simplest form, in which it knows a softmax.
    &STREAM_VALUES,
];

/// Every pass, in the order of listings.
pub const ALL: &[&Pass] = DEFAULT;

/// The pass of that name.
#[must_use]
pub fn find_pass(name: &str) -> Option<&'static Pass> {
    ALL.iter().copied().find(|pass| pass.name == name)
}

/// Where to cut a pipeline short, to see what reaches a pass or leaves it; the first round counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Limit<'a> {
    /// Stop before the first pass of this name.
    Before(&'a str),
    /// Stop after the first pass of this name.
    After(&'a str),
}

/// How to run a pipeline.
#[derive(Clone, Copy, Debug)]
pub struct PipelineOptions<'a> {
    /// Verify after every pass and not at the end alone.
    pub verify_between: bool,
    /// How often the list is gone through at most.
    pub rounds: usize,
    /// Where to cut the run short.
    pub limit: Option<Limit<'a>>,
}

impl Default for PipelineOptions<'_> {
    fn default() -> Self {
        Self { verify_between: false, rounds: 8, limit: None }
    }
}

/// Why a run of a pipeline ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// No pass changes anything any more.
    Unchanged,
    /// All rounds allowed were run, and the last one still changed something.
    Rounds,
    /// The limit asked for was reached.
    Limit,
}

/// The outcome of a pipeline.
#[derive(Debug)]
pub struct Optimized {
    /// The module with the optimised function in the place of the old one.
    pub module: Verified<Module>,
    /// The number of rounds begun.
    pub rounds: usize,
    /// Why the run ended.
    pub stop: Stop,
}

/// Told of every pass that ran: the pass, the function before and after it, and the time it took.
pub type Observer<'a> = dyn FnMut(&Pass, &Function, &Function, Duration) + 'a;

/// Runs [`DEFAULT`] on a function.
///
/// # Errors
/// As [`run_pipeline`].
pub fn optimize(module: &Verified<Module>, func: FuncId) -> Result<Optimized, Error> {
    run_pipeline(module, func, DEFAULT, &PipelineOptions::default(), &mut |_, _, _, _| {})
}

/// Runs a list of passes on a function, again and again until nothing changes.
///
/// # Errors
/// If the function or the pass of a limit does not exist, if a pass refuses the function, or if a pass made
/// something wrong ([`Error::Bug`]).
pub fn run_pipeline(
    module: &Verified<Module>,
    func: FuncId,
    pipeline: &[&Pass],
    options: &PipelineOptions<'_>,
    observer: &mut Observer<'_>,
) -> Result<Optimized, Error> {
    if !module.has(func) {
        return Err(Error::UnknownFunction);
    }
    let end = first_round_end(pipeline, options.limit)?;
    let mut current = Changed::Borrowed(module.function(func));
    let (mut rounds, mut stop) = (0, Stop::Rounds);
    // Passes in a row that changed nothing: if those are all there are, each has seen the function as it is.
    let mut idle = 0;
    // Whether a pass waits for the others to be done.
    let mut waiting = false;
    while rounds < options.rounds && stop == Stop::Rounds {
        rounds += 1;
        for (before, pass) in pipeline[..end.unwrap_or(pipeline.len())].iter().enumerate() {
            if pass.waits {
                waiting = end.is_none() && idle < before && (pass.may_change)(&current);
                if waiting {
                    continue;
                }
            }
            let after = run_pass(module, func, pass, &current, options.verify_between, observer)?;
            idle = if after.as_ref().is_none_or(|after| same_function(&current, after)) { idle + 1 } else { 0 };
            current = after.map_or(current, Changed::Owned);
            if end.is_none() && idle >= pipeline.len() && !waiting {
                break;
            }
        }
        if end.is_some() {
            stop = Stop::Limit;
        } else if idle >= pipeline.len() && !waiting {
            stop = Stop::Unchanged;
        }
    }
    let assembled = if same_types(module.function(func), &current) {
        assemble(module, func, current.into_owned())
    } else {
        Err(CHANGED_TYPES.into())
    };
    match assembled {
        Ok(module) => Ok(Optimized { module, rounds, stop }),
        Err(_) if !options.verify_between => {
            let options = PipelineOptions { verify_between: true, ..*options };
            run_pipeline(module, func, pipeline, &options, &mut |_, _, _, _| {})
        }
        // Not reached: every pass was verified on its own.
        Err(message) => Err(Error::bug("pipeline", message)),
    }
}

/// How many passes of the first round run, `None` for all rounds.
fn first_round_end(pipeline: &[&Pass], limit: Option<Limit<'_>>) -> Result<Option<usize>, Error> {
    let (name, extra) = match limit {
        None => return Ok(None),
        Some(Limit::Before(name)) => (name, 0),
        Some(Limit::After(name)) => (name, 1),
    };
    match pipeline.iter().position(|pass| pass.name == name) {
        Some(position) => Ok(Some(position + extra)),
        None => {
            let known = pipeline.iter().map(|pass| pass.name).collect::<Vec<_>>().join(", ");
            Err(Error::UnknownPass { name: name.into(), known })
        }
    }
}

/// What a pass makes of a function, unless it has nothing to change.
fn run_pass(
    module: &Verified<Module>,
    func: FuncId,
    pass: &Pass,
    before: &Function,
    verify_after: bool,
    observer: &mut Observer<'_>,
) -> Result<Option<Function>, Error> {
    let start = Instant::now();
    if !(pass.may_change)(before) {
        observer(pass, before, before, start.elapsed());
        return Ok(None);
    }
    let after = (pass.run)(module, before)?;
    observer(pass, before, &after, start.elapsed());
    let Changed::Owned(after) = after else { return Ok(None) };
    if verify_after {
        if !same_types(before, &after) {
            return Err(Error::bug(pass.name, CHANGED_TYPES));
        }
        assemble(module, func, after.clone()).map_err(|message| Error::bug(pass.name, message))?;
    }
    Ok(Some(after))
}

const CHANGED_TYPES: &str = "the types of the parameters or results changed";

/// Whether the types of parameters and results are the same: callers rely on them.
fn same_types(before: &Function, after: &Function) -> bool {
    after.param_types().eq(before.param_types()) && after.result_types().eq(before.result_types())
}

/// The module with `function` in the place of `func`, verified; else what is wrong.
fn assemble(module: &Verified<Module>, func: FuncId, function: Function) -> Result<Verified<Module>, String> {
    let mut copy = Module::clone(module);
    copy.replace(func, function);
    verify(copy).map_err(|errors| errors.to_string())
}
