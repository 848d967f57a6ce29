//! A budget of memory: values are computed again until the arena fits, or it is said by how much it does not.
//!
//! What to compute again is [`rematerialize`]'s to find, by a model of memory; how much a program needs is what it needs once lowered, so each choice that is taken was
//! lowered before. A round takes the choices with the least work first, beginning with the first that should fit by the model, and
//! ends with one that does. If none does, the next round begins with the one that came nearest. That is bounded by [`ROUNDS`] and [`TRIALS`], and ends as soon as a round gains nothing. If that is
//! not enough, all begins again without matrix products in tiles, which trade memory for speed; and at last with small products left apart, whose operands need not be there together.
//!
//! What counts is [`Executable::arena_bytes`](crate::Executable::arena_bytes): the arena, and the memory that workers of parallel loops have of their own, for as many as there may be. Arguments, results
//! and constants do not count: no way to compute makes them smaller.

use pullback_ir::{Function, Module, Verified};
use pullback_optimize::fuse::{Fusion, Plan};
use pullback_optimize::rematerialize::{Choice, choices, rematerialize};

use crate::compile::{lower, plan as plan_of};
use crate::error::Error;
use crate::memory_report::arena_and_workers;
use crate::options::Options;

/// How often values are chosen at most, each time for another peak.
const ROUNDS: usize = 8;

/// How many choices of a round are lowered at most.
const TRIALS: usize = 6;

/// A function, how it is fused and how many bytes it needs.
struct Candidate {
    function: Function,
    plan: Plan,
    bytes: usize,
}

impl Candidate {
    fn new(function: Function, plan: Plan, options: &Options) -> Result<Self, Error> {
        let program = lower(&function, &plan, options)?;
        let bytes = arena_and_workers(&program, options.threads);
        Ok(Self { function, plan, bytes })
    }
}

/// The function and its plan with so much computed again that they keep to a budget in bytes, unchanged if they do already. `unmerged` is the function optimised without products merged.
///
/// # Errors
/// [`Error::Limit`] with the least number of bytes found if that is more.
pub(crate) fn keep_to_budget(
    module: &Verified<Module>,
    (function, plan): (Function, Plan),
    unmerged: impl FnOnce() -> Result<Function, Error>,
    (budget, options): (usize, &Options),
) -> Result<(Function, Plan), Error> {
    let mut best = least(module, (function, plan), (budget, options))?;
    if best.bytes > budget {
        let function = unmerged()?;
        let plan = plan_of(&function, options)?;
        let candidate = least(module, (function, plan), (budget, options))?;
        if candidate.bytes < best.bytes {
            best = candidate;
        }
    }
    let Candidate { function, plan, bytes } = best;
    match bytes.checked_sub(budget) {
        None | Some(0) => Ok((function, plan)),
        Some(missing) => Err(Error::Limit(format!(
            "memory: the arena of @{} needs {bytes} bytes, whatever is computed again; the budget is {budget}; {missing} bytes too much",
            function.name
        ))),
    }
}

/// The function with so much computed again that it keeps to the budget, or as little memory as was found.
fn least(
    module: &Verified<Module>,
    (function, plan): (Function, Plan),
    (budget, options): (usize, &Options),
) -> Result<Candidate, Error> {
    let whole = function.clone();
    let best = shrink(module, Candidate::new(function, plan, options)?, budget, (options, options))?;
    if best.bytes <= budget || options.fusion <= Fusion::Reductions {
        return Ok(best);
    }
    // Products in tiles want packed factors for all tiles at once, and add up weight gradients in several parts.
    let planning = options.clone().fusion(Fusion::Reductions);
    let plan = plan_of(&whole, &planning)?;
    let start = Candidate::new(whole, plan, options)?;
    let candidate = shrink(module, start, budget, (&planning, options))?;
    Ok(if candidate.bytes < best.bytes { candidate } else { best })
}

/// Computes again until the budget is kept to or nothing is gained. Plans are made with the first options, all else with the second.
fn shrink(
    module: &Verified<Module>,
    mut now: Candidate,
    budget: usize,
    options: (&Options, &Options),
) -> Result<Candidate, Error> {
    for _ in 0..ROUNDS {
        if now.bytes <= budget {
            break;
        }
        match round(module, &now, budget, options)? {
            Some(better) => now = better,
            None => break,
        }
    }
    Ok(now)
}

/// The first choice tried that keeps to the budget, else what needs least; `None` if nothing needs less than now.
fn round(
    module: &Verified<Module>,
    now: &Candidate,
    budget: usize,
    (planning, options): (&Options, &Options),
) -> Result<Option<Candidate>, Error> {
    let choices = choices(&now.function, &now.plan);
    let predicted = |choice: &Choice| now.bytes.saturating_sub(choices.peak - choice.peak);
    let fitting = choices.found.iter().position(|choice| predicted(choice) <= budget);
    let mut best: Option<Candidate> = None;
    for number in trials(choices.found.len(), fitting) {
        let function = rematerialize(module, &now.function, &now.plan, &choices.found[number])?;
        let plan = plan_of(&function, planning)?;
        let candidate = Candidate::new(function, plan, options)?;
        if candidate.bytes < best.as_ref().map_or(now.bytes, |best| best.bytes) {
            best = Some(candidate);
        }
        if best.as_ref().is_some_and(|best| best.bytes <= budget) {
            break;
        }
    }
    Ok(best)
}

/// Which of so many choices are tried, in order: from the first that should fit on in growing steps, else from the one that saves most back.
fn trials(count: usize, fitting: Option<usize>) -> impl Iterator<Item = usize> {
    let steps = (0..TRIALS as u32).map(|trial| (1usize << trial) - 1);
    steps.filter_map(move |step| match fitting {
        Some(first) => Some(first + step).filter(|&number| number < count),
        None => count.checked_sub(1 + step),
    })
}
