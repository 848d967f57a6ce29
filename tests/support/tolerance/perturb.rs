//! One interpretation of a program with random rounding, and with overflow where an order of accumulation has it.

use pullback_interp::Array;
use pullback_ir::Op;

use super::super::inputs::from_f64;
use super::super::permitted::{Permitted, epsilon, matrix_error, permitted, reflected_magnitudes};
use super::super::rng::Rng;
use super::overflow::{Choice, greatest, multiple_of_magnitudes, outcomes};

/// Multiple of the permitted error by which results are moved: enough that rounding to the type does not undo it, and that two
/// moves hardly ever cancel in all runs.
const MAGNIFY: f64 = 4.0;

/// How a program is interpreted another time.
pub struct Perturbation {
    /// Where moves come from.
    pub rng: Rng,
    /// What partial results out of range lead to.
    choice: Choice,
    /// Whether to find out about partial results out of range.
    looks_for_overflow: bool,
    /// Whether there was an operation whose partial results may be out of range.
    pub may_overflow: bool,
}

impl Perturbation {
    /// The run of this number in which results are moved by rounding alone. The first finds out whether there is more to it.
    pub fn by_rounding(number: u64) -> Self {
        let looks_for_overflow = number == 0;
        Self { rng: Rng::new(number), choice: Choice::Interpreted, looks_for_overflow, may_overflow: false }
    }

    /// The run of this number in which partial results may be out of range too: first every operation alike, then at random.
    pub fn by_overflow(number: usize) -> Self {
        // Twice, to see how far rounding moves them.
        let choice = match number / 2 {
            0 => Choice::Exact,
            1 => Choice::Overflow(1.0),
            2 => Choice::Overflow(-1.0),
            3 => Choice::Last,
            _ => Choice::Any,
        };
        Self { rng: Rng::new(!(number as u64)), choice, looks_for_overflow: true, may_overflow: false }
    }
}

/// A result of an operation with its elements moved by what it may round, and its overflow as chosen.
pub fn move_elements(op: &Op, args: &[&Array], plain: Array, run: &mut Perturbation) -> Array {
    let ty = plain.ty();
    let permitted = permitted(op, args, &ty);
    if matches!(permitted, Permitted::Nothing) {
        return plain;
    }
    let mut moved = rounded(op, args, &plain, &permitted, &mut run.rng);
    if run.looks_for_overflow {
        let outcomes = outcomes(op, args, &plain, &permitted);
        run.may_overflow |= !outcomes.is_empty();
        if run.choice != Choice::Interpreted {
            for (moved, outcomes) in moved.iter_mut().zip(&outcomes) {
                if let Some(outcomes) = outcomes {
                    let (x, error) = outcomes.choose(run.choice, &mut run.rng);
                    *moved = moved_by(&mut run.rng, error, x);
                }
            }
        }
    }
    // What is in the range stays there: an operation out of it says so itself.
    let greatest = greatest(ty.dtype);
    for x in moved.iter_mut().filter(|x| x.is_finite()) {
        *x = x.clamp(-greatest, greatest);
    }
    from_f64(&ty, &moved)
}

/// The elements of a result, moved by what the operation may round.
fn rounded(op: &Op, args: &[&Array], plain: &Array, permitted: &Permitted, rng: &mut Rng) -> Vec<f64> {
    let ty = plain.ty();
    let eps = epsilon(ty.dtype);
    match *permitted {
        Permitted::Nothing => plain.to_f64(),
        Permitted::Rounding(units) => {
            let step = |x: f64| if is_small_integer(x, eps) { x } else { moved_by(rng, units * eps * x, x) };
            plain.to_f64().into_iter().map(step).collect()
        }
        Permitted::Function(units) => plain.to_f64().into_iter().map(|x| moved_by(rng, units * eps * x, x)).collect(),
        Permitted::Reflected(units) => {
            let scales = reflected_magnitudes(op, args, plain);
            plain.to_f64().into_iter().zip(scales).map(|(x, scale)| moved_by(rng, units * eps * scale, x)).collect()
        }
        Permitted::Product(factors) => {
            let error = |x: f64| factors as f64 * eps * x.abs();
            let step = |x: f64| if is_small_integer(x, eps) { x } else { moved_by(rng, error(x), x) };
            plain.to_f64().into_iter().map(step).collect()
        }
        Permitted::Sum(terms) => {
            let exact = args.iter().all(|arg| arg.to_f64().into_iter().all(|x| is_small_integer(x, eps)));
            let units = if exact { 0.0 } else { eps * ((terms + 1) as f64).log2() };
            let step = |(x, error): (f64, f64)| match moved_by(rng, error, x) {
                0.0 => rng.pick(&[0.0, -0.0]),
                x => x,
            };
            plain.to_f64().into_iter().zip(multiple_of_magnitudes(op, args, &ty, units)).map(step).collect()
        }
        Permitted::Running(terms) => {
            let exact = args.iter().all(|arg| arg.to_f64().into_iter().all(|x| is_small_integer(x, eps)));
            let units = if exact { 0.0 } else { eps * terms as f64 };
            let step = |(x, error): (f64, f64)| moved_by(rng, error, x);
            plain.to_f64().into_iter().zip(multiple_of_magnitudes(op, args, &ty, units)).map(step).collect()
        }
        Permitted::LogSum(terms) => {
            let step = |x: f64| moved_by(rng, eps * terms as f64 * (1.0 + x.abs()), x);
            plain.to_f64().into_iter().map(step).collect()
        }
        Permitted::Matrix(_) => {
            let error = matrix_error(op, args, plain);
            let step = |x: f64| if x == 0.0 { x } else { moved_by(rng, error / MAGNIFY, x) };
            plain.to_f64().into_iter().map(step).collect()
        }
    }
}

fn moved_by(rng: &mut Rng, error: f64, x: f64) -> f64 {
    let error = MAGNIFY * error * rng.between(-1.0, 1.0);
    if x.is_finite() { (x + error).clamp(f64::MIN, f64::MAX) } else { x }
}

/// Every large float is integral: only small ones are likely to be exact.
fn is_small_integer(x: f64, eps: f64) -> bool {
    x.fract() == 0.0 && x * x * eps < 1.0
}
