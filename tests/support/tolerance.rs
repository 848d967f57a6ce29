//! How far a compiled program may differ from the interpreter.
//!
//! No fixed tolerance is right for random programs: `log(x - y)` is as accurate as `x - y` is far from 0, and `floor(x)` jumps.
//! So the tolerance is measured. The program is interpreted several times more with every rounding operation's result moved
//! at random by up to four times the error that the specification permits it (`permitted.rs`), and the *spread* of an element is how far these
//! runs strayed from the plain one (random rounding in the sense of Monte Carlo arithmetic, Parker 1997). Then:
//!
//! * a float may differ by `4 * spread + 4 * eps * |x|`, where `eps` is the distance from 1 to the next number; if the runs
//!   scatter by a tenth of `1 + |x|`, anything goes;
//! * an infinity must be the same infinity, a NaN a NaN, if the runs agree on it; else anything goes;
//! * an integer or `bool` must be equal if the runs agree on it; else anything goes.
//!
//! A sum or product whose partial results leave the range of the type in one order and not in another has a few results that are
//! far apart (`tolerance/overflow.rs`). Only if there is such an operation, the program is interpreted some twenty times more, with
//! each of them giving any of its results, and an element may also be what one of these runs gave: that infinity, NaN, integer or truth
//! value, or a float among those that some runs gave close together. What no run gave, nor two hundred others, is wrong. Only where the runs
//! are all over the place, any finite float goes, and where they come to the end of the range, any float but NaN: such a number may
//! stand for one out of it, or a difference of such.
//!
//! A tolerance that is always wide would show nothing. [`Bounds::tight`] counts the elements that had to be equal or closer than
//! 2e-5 (f32) or 1e-11 (f64) times `1 + |x|`, and the suites require most to be.

// The paths are given because other packages include this file by path.
#[path = "tolerance/overflow.rs"]
mod overflow;
#[path = "tolerance/perturb.rs"]
mod perturb;
#[cfg(test)]
#[path = "tolerance/tests.rs"]
mod tests;

use std::fmt;

use pullback_interp::{Array, Scalar};
use pullback_ir::DType;

use super::moved::interpret_moved;
use super::permitted::{epsilon, least};
use super::run::Case;
use overflow::greatest;
pub use perturb::{Perturbation, move_elements};

/// Runs with random rounding per case.
const RUNS: u64 = 6;
/// Runs with any overflow, for a case that has operations whose partial results may be out of range.
const OVERFLOW_RUNS: usize = 20;
/// Runs more before a result that none of these gave is wrong.
const MORE_OVERFLOW_RUNS: usize = 200;
/// How many elements are looked at together in these.
const AT_A_TIME: usize = 32;
/// Multiple of the spread, and of eps, that is permitted.
const FACTOR: f64 = 4.0;
/// More groups of results than this are all over the place.
const GROUPS: usize = 8;
/// From this part of the range on, a number may stand for one out of it, which the runs cannot hold.
const END_OF_RANGE: f64 = 1.0 / 64.0;

/// What the results of a case may be.
pub struct Bounds {
    /// What the interpreter gives.
    pub expected: Vec<Array>,
    /// For each result and element how far it may be off; infinite if anything goes.
    slack: Vec<Vec<f64>>,
    /// For each result and element what runs with overflow give beyond that.
    others: Vec<Vec<Vec<Scalar>>>,
    /// What to run again, if it has operations whose partial results may be out of range.
    overflowing: Option<Case>,
    /// Elements with a tight tolerance.
    pub tight: usize,
    /// All elements.
    pub elements: usize,
}

impl Bounds {
    /// Runs a case without calls.
    pub fn of(case: &Case) -> Self {
        let expected = case.interpret();
        let mut slack: Vec<Vec<f64>> =
            expected.iter().map(|array| array.elements.iter().map(base_slack).collect()).collect();
        let mut may_overflow = false;
        for number in 0..RUNS {
            let mut run = Perturbation::by_rounding(number);
            let moved = interpret_moved(case.function(), &case.inputs, &mut run);
            may_overflow |= run.may_overflow;
            for ((slack, expected), moved) in slack.iter_mut().zip(&expected).zip(&moved) {
                for ((slack, e), m) in slack.iter_mut().zip(expected.elements.iter()).zip(moved.elements.iter()) {
                    let distance = distance(e, m);
                    // Near a pole or a jump a few runs say nothing about how far others go.
                    let is_wild = distance > 0.1 * (1.0 + e.to_f64().abs());
                    let found = if is_wild { f64::INFINITY } else { FACTOR * distance + base_slack(e) };
                    *slack = slack.max(found);
                }
            }
        }
        let others = slack.iter().map(|slack| vec![Vec::new(); slack.len()]).collect();
        let mut bounds = Self { expected, slack, others, overflowing: None, tight: 0, elements: 0 };
        if may_overflow {
            for number in 0..OVERFLOW_RUNS {
                bounds.gather(case, number);
            }
            bounds.overflowing = Some(case.clone());
        }
        bounds.count();
        bounds
    }

    /// Notes what a run with overflow gives beyond what is expected.
    fn gather(&mut self, case: &Case, number: usize) {
        let moved = overflowed(case, number);
        for (((others, moved), expected), slack) in
            self.others.iter_mut().zip(&moved).zip(&self.expected).zip(&self.slack)
        {
            let elements = expected.elements.iter().zip(moved.elements.iter()).zip(slack);
            for (others, ((e, m), &slack)) in others.iter_mut().zip(elements) {
                if distance(e, m) > slack {
                    others.push(m);
                }
            }
        }
    }

    /// Counts the elements.
    fn count(&mut self) {
        for (result, (slack, expected)) in self.slack.iter().zip(&self.expected).enumerate() {
            self.elements += slack.len();
            let is_tight = |(position, (slack, e)): &(usize, (&f64, Scalar))| {
                **slack <= tight_slack(*e) && self.others[result][*position].is_empty()
            };
            self.tight += slack.iter().zip(expected.elements.iter()).enumerate().filter(is_tight).count();
        }
    }

    /// Whether results are within the bounds; if not, which element is off.
    pub fn check(&self, found: &[Array]) -> Result<(), String> {
        if found.len() != self.expected.len() {
            return Err(format!("{} results, expected {}", found.len(), self.expected.len()));
        }
        let mut off = Vec::new();
        for (number, ((found, expected), slack)) in found.iter().zip(&self.expected).zip(&self.slack).enumerate() {
            if found.ty() != expected.ty() {
                return Err(format!("result {number} is {}, expected {}", found.ty(), expected.ty()));
            }
            let elements = found.elements.iter().zip(expected.elements.iter()).zip(slack).enumerate();
            let beyond = elements.filter(|(_, ((f, e), slack))| distance(*e, *f) > **slack);
            off.extend(beyond.map(|(position, ((f, e), &slack))| Off {
                result: number,
                position,
                found: f,
                expected: e,
                slack,
                others: self.others[number][position].clone(),
            }));
        }
        off.retain(|off| !off.is_explained());
        // Those to be explained by more runs, few at a time: if one is not, it is wrong.
        while let Some(case) = &self.overflowing
            && !off.is_empty()
        {
            let later = off.split_off(off.len().min(AT_A_TIME));
            explain(case, &mut off);
            if !off.is_empty() {
                break;
            }
            off = later;
        }
        off.first().map_or(Ok(()), |off| Err(off.to_string()))
    }
}

/// An element that is not what is expected.
struct Off {
    result: usize,
    position: usize,
    found: Scalar,
    expected: Scalar,
    /// How far it may be off.
    slack: f64,
    /// What runs with overflow gave there.
    others: Vec<Scalar>,
}

impl fmt::Display for Off {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { result, position, found, expected, slack, others } = self;
        write!(f, "result {result}, element {position}: found {found}, expected {expected} within {slack:e}")?;
        if others.is_empty() { Ok(()) } else { write!(f, ", nor what overflow gives: {:?}", Others::of(others)) }
    }
}

/// Keeps the elements that more runs do not explain either.
fn explain(case: &Case, off: &mut Vec<Off>) {
    for number in OVERFLOW_RUNS..OVERFLOW_RUNS + MORE_OVERFLOW_RUNS {
        let moved = overflowed(case, number);
        for off in off.iter_mut() {
            let here = moved[off.result].get(off.position);
            off.others.extend(here.filter(|&m| distance(off.expected, m) > off.slack));
        }
        off.retain(|off| !off.is_explained());
        if off.is_empty() {
            return;
        }
    }
}

/// The results of a run with overflow.
fn overflowed(case: &Case, number: usize) -> Vec<Array> {
    interpret_moved(case.function(), &case.inputs, &mut Perturbation::by_overflow(number))
}

impl Off {
    fn is_explained(&self) -> bool {
        !self.others.is_empty() && Others::of(&self.others).contain(self.found)
    }
}

/// What overflow of partial results may make of an element.
#[derive(Clone, Default, Debug)]
struct Others {
    /// Infinities, NaN, integers, truth values.
    exact: Vec<Scalar>,
    /// Finite floats, in groups of least and greatest.
    near: Vec<(f64, f64)>,
}

impl Others {
    fn of(found: &[Scalar]) -> Self {
        let is_near = |x: &Scalar| x.dtype().is_float() && x.to_f64().is_finite();
        let mut floats: Vec<f64> = found.iter().filter(|x| is_near(x)).map(|x| x.to_f64()).collect();
        floats.sort_by(f64::total_cmp);
        let mut near: Vec<(f64, f64)> = Vec::new();
        for x in floats {
            match near.last_mut() {
                Some((_, high)) if x - *high <= 0.2 * (1.0 + x.abs()) => *high = x,
                _ => near.push((x, x)),
            }
        }
        let mut exact: Vec<Scalar> = Vec::new();
        for &x in found.iter().filter(|x| !is_near(x)) {
            if !exact.iter().any(|&y| distance(x, y) == 0.0) {
                exact.push(x);
            }
        }
        Self { exact, near }
    }

    fn contain(&self, x: Scalar) -> bool {
        let is_finite = x.to_f64().is_finite();
        if self.exact.iter().any(|&y| distance(x, y) == 0.0) {
            return true;
        }
        if !x.dtype().is_float() {
            return self.exact.len() > GROUPS;
        }
        let end = END_OF_RANGE * greatest(x.dtype());
        let at_the_end = self.near.iter().any(|(low, high)| -low > end || *high > end);
        let scattered = is_finite && self.near.len() > GROUPS;
        (at_the_end && !x.to_f64().is_nan()) || scattered || self.near.iter().any(|&group| is_within(x, group))
    }
}

/// As close to a group as rounding may put it; what is closer than tight counts as the same.
fn is_within(x: Scalar, (low, high): (f64, f64)) -> bool {
    let margin = FACTOR * (high - low) + tight_slack(x);
    (low - margin..=high + margin).contains(&x.to_f64())
}

/// Distance of two elements of one type: 0 for equal ones and for two NaNs, infinite where only one is an infinity or a
/// NaN, and for different integers and truth values.
pub fn distance(x: Scalar, y: Scalar) -> f64 {
    let is_float = x.dtype().is_float();
    let same = x.bits() == y.bits();
    let (x, y) = (x.to_f64(), y.to_f64());
    if same || (is_float && (x == y || (x.is_nan() && y.is_nan()))) {
        0.0
    } else if is_float && x.is_finite() && y.is_finite() {
        (x - y).abs()
    } else {
        f64::INFINITY
    }
}

fn base_slack(x: Scalar) -> f64 {
    let magnitude = x.to_f64().abs();
    if magnitude.is_finite() { FACTOR * (epsilon(x.dtype()) * magnitude + least(x.dtype())) } else { 0.0 }
}

/// The distance up to which an element's tolerance counts as tight.
pub fn tight_slack(x: Scalar) -> f64 {
    let relative = match x.dtype() {
        DType::F32 => 2e-5,
        DType::F64 => 1e-11,
        DType::I32 | DType::I64 | DType::U8 | DType::Bool => return 0.0,
    };
    let magnitude = x.to_f64().abs();
    if magnitude.is_finite() { relative * (1.0 + magnitude) } else { 0.0 }
}
