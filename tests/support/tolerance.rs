//! How far a compiled program may differ from the interpreter.
//!
//! No fixed tolerance is right for random programs: `log(x - y)` is as accurate as `x - y` is far from 0, and `floor(x)` jumps.
//! So the tolerance is measured. The program is interpreted several times more with every rounding operation's result moved
//! at random by up to four times the error that the specification permits it ([`permitted`]), and the *spread* of an element is how far these
//! runs strayed from the plain one (random rounding in the sense of Monte Carlo arithmetic, Parker 1997). Then:
//!
//! * a float may differ by `4 * spread + 4 * eps * |x|`, where `eps` is the distance from 1 to the next number; if the runs
//!   scatter by a tenth of `1 + |x|`, anything goes;
//! * an infinity must be the same infinity, a NaN a NaN, if the runs agree on it; else anything goes;
//! * an integer or `bool` must be equal if the runs agree on it; else anything goes.
//!
//! A tolerance that is always wide would show nothing. [`Bounds::tight`] counts the elements that had to be equal or closer than
//! 2e-5 (f32) or 1e-11 (f64) times `1 + |x|`, and the suites require most to be.

use pullback_interp::{Array, Scalar, evaluate_op};
use pullback_ir::{DType, Op, Type};

use super::inputs::from_f64;
use super::moved::interpret_moved;
use super::permitted::{Permitted, epsilon, least, matrix_error, permitted, reflected_magnitudes, sum_of_magnitudes};
use super::rng::Rng;
use super::run::Case;

/// Runs with random rounding per case.
const RUNS: u64 = 6;
/// Multiple of the permitted error by which results are moved: enough that rounding to the type does not undo it, and that two
/// moves hardly ever cancel in all runs.
const MAGNIFY: f64 = 4.0;
/// Multiple of the spread, and of eps, that is permitted.
const FACTOR: f64 = 4.0;

/// What the results of a case may be.
pub struct Bounds {
    /// What the interpreter gives.
    pub expected: Vec<Array>,
    /// For each result and element how far it may be off; infinite if anything goes.
    slack: Vec<Vec<f64>>,
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
        for seed in 0..RUNS {
            let moved = interpret_moved(case.function(), &case.inputs, &mut Rng::new(seed));
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
        let (mut tight, mut elements) = (0, 0);
        for (slack, expected) in slack.iter().zip(&expected) {
            elements += slack.len();
            tight += slack.iter().zip(expected.elements.iter()).filter(|&(&s, e)| s <= tight_slack(e)).count();
        }
        Self { expected, slack, tight, elements }
    }

    /// Whether results are within the bounds; if not, which element is off.
    pub fn check(&self, found: &[Array]) -> Result<(), String> {
        if found.len() != self.expected.len() {
            return Err(format!("{} results, expected {}", found.len(), self.expected.len()));
        }
        for (number, ((found, expected), slack)) in found.iter().zip(&self.expected).zip(&self.slack).enumerate() {
            if found.ty() != expected.ty() {
                return Err(format!("result {number} is {}, expected {}", found.ty(), expected.ty()));
            }
            let elements = found.elements.iter().zip(expected.elements.iter()).zip(slack);
            for (position, ((f, e), &slack)) in elements.enumerate() {
                if distance(e, f) > slack {
                    return Err(format!(
                        "result {number}, element {position}: found {f}, expected {e} within {slack:e}"
                    ));
                }
            }
        }
        Ok(())
    }
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

/// The greatest finite number of a type.
fn greatest(dtype: DType) -> f64 {
    match dtype {
        DType::F32 => f64::from(f32::MAX),
        DType::F64 => f64::MAX,
        DType::I32 | DType::I64 | DType::U8 | DType::Bool => 0.0,
    }
}

fn base_slack(x: Scalar) -> f64 {
    let magnitude = x.to_f64().abs();
    if magnitude.is_finite() { FACTOR * (epsilon(x.dtype()) * magnitude + least(x.dtype())) } else { 0.0 }
}

fn tight_slack(x: Scalar) -> f64 {
    let relative = match x.dtype() {
        DType::F32 => 2e-5,
        DType::F64 => 1e-11,
        DType::I32 | DType::I64 | DType::U8 | DType::Bool => return 0.0,
    };
    let magnitude = x.to_f64().abs();
    if magnitude.is_finite() { relative * (1.0 + magnitude) } else { 0.0 }
}

/// A result of an operation with its elements moved by what it may round.
pub fn move_elements(op: &Op, args: &[&Array], plain: Array, rng: &mut Rng) -> Array {
    let ty = plain.ty();
    let eps = epsilon(ty.dtype);
    let moved: Vec<f64> = match permitted(op, args, &ty) {
        Permitted::Nothing => return plain,
        Permitted::Rounding(units) => {
            let overflowed = |position: usize, x: f64| {
                let is_finite = |arg: &&Array| arg.get(position).is_some_and(|operand| operand.to_f64().is_finite());
                x.is_infinite() && args.iter().all(is_finite)
            };
            let step = |(position, x): (usize, f64)| match x {
                // Within a fused multiply-add a product does not overflow.
                _ if overflowed(position, x) && rng.chance(0.5) => x.signum() * greatest(ty.dtype),
                _ if is_small_integer(x, eps) => x,
                _ => moved_by(rng, units * eps * x, x),
            };
            plain.to_f64().into_iter().enumerate().map(step).collect()
        }
        Permitted::Function(units) => plain.to_f64().into_iter().map(|x| moved_by(rng, units * eps * x, x)).collect(),
        Permitted::Reflected(units) => {
            let scales = reflected_magnitudes(op, args, &plain);
            plain.to_f64().into_iter().zip(scales).map(|(x, scale)| moved_by(rng, units * eps * scale, x)).collect()
        }
        Permitted::Product(factors) => {
            let (large, small) = (extreme_product(op, args, &ty, f64::max), extreme_product(op, args, &ty, f64::min));
            let step = |(x, (large, small)): (f64, (f64, f64))| match x {
                // Some orders overflow or underflow on the way.
                _ if large.is_infinite() || small < least(ty.dtype) / eps => rng.pick(&[f64::NAN, 1.0]),
                _ if is_small_integer(x, eps) => x,
                _ => moved_by(rng, factors as f64 * eps * x, x),
            };
            plain.to_f64().into_iter().zip(large.into_iter().zip(small)).map(step).collect()
        }
        Permitted::Sum(terms) => {
            let exact = args.iter().all(|arg| arg.to_f64().into_iter().all(|x| is_small_integer(x, eps)));
            let units = if exact { 0.0 } else { eps * ((terms + 1) as f64).log2() };
            let step = |(x, scale): (f64, f64)| match moved_by(rng, units * scale, x) {
                0.0 => rng.pick(&[0.0, -0.0]),
                x => x,
            };
            plain.to_f64().into_iter().zip(sum_of_magnitudes(op, args, &ty)).map(step).collect()
        }
        Permitted::Running(terms) => {
            let exact = args.iter().all(|arg| arg.to_f64().into_iter().all(|x| is_small_integer(x, eps)));
            let units = if exact { 0.0 } else { eps * terms as f64 };
            let step = |(x, scale): (f64, f64)| moved_by(rng, units * scale, x);
            plain.to_f64().into_iter().zip(sum_of_magnitudes(op, args, &ty)).map(step).collect()
        }
        Permitted::LogSum(terms) => {
            let step = |x: f64| moved_by(rng, eps * terms as f64 * (1.0 + x.abs()), x);
            plain.to_f64().into_iter().map(step).collect()
        }
        Permitted::Matrix(_) => {
            let error = matrix_error(op, args, &plain);
            let step = |x: f64| if x == 0.0 { x } else { moved_by(rng, error / MAGNIFY, x) };
            plain.to_f64().into_iter().map(step).collect()
        }
    };
    from_f64(&ty, &moved)
}

fn moved_by(rng: &mut Rng, error: f64, x: f64) -> f64 {
    if x.is_finite() { x + MAGNIFY * error * rng.between(-1.0, 1.0) } else { x }
}

/// Every large float is integral: only small ones are likely to be exact.
fn is_small_integer(x: f64, eps: f64) -> bool {
    x.fract() == 0.0 && x * x * eps < 1.0
}

/// The largest or smallest magnitude that a partial product can have: the product of the factors above or below 1. Infinities,
/// zeros and NaN, which do not depend on the order, are left out.
fn extreme_product(op: &Op, args: &[&Array], result: &Type, choose: fn(f64, f64) -> f64) -> Vec<f64> {
    let factor = |x: f64| if x.is_finite() && x != 0.0 { choose(x.abs(), 1.0) } else { 1.0 };
    let factors: Vec<Array> = (args.iter())
        .map(|&arg| {
            let factors: Vec<f64> = arg.to_f64().into_iter().map(factor).collect();
            if arg.dtype().is_float() { from_f64(&arg.ty(), &factors) } else { arg.clone() }
        })
        .collect();
    let factors: Vec<&Array> = factors.iter().collect();
    evaluate_op(op, &factors, result).expect("as the plain one").to_f64()
}
