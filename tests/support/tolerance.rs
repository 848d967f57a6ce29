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

use std::collections::HashMap;

use pullback_interp::{Array, Scalar, evaluate_op};
use pullback_ir::{Binary, DType, Function, Op, Reduction, Type, Unary, Value};

use super::inputs::from_f64;
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

/// The distance from 1 to the next number; 0 for types that do not round.
pub fn epsilon(dtype: DType) -> f64 {
    match dtype {
        DType::F32 => f64::from(f32::EPSILON),
        DType::F64 => f64::EPSILON,
        DType::I32 | DType::I64 | DType::U8 | DType::Bool => 0.0,
    }
}

/// The least positive number of a type: what underflow may be off by.
fn least(dtype: DType) -> f64 {
    match dtype {
        DType::F32 => f64::from(f32::from_bits(1)),
        DType::F64 => f64::from_bits(1),
        DType::I32 | DType::I64 | DType::U8 | DType::Bool => 0.0,
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

/// Interprets a function without calls, moving what rounds.
fn interpret_moved(function: &Function, inputs: &[Array], rng: &mut Rng) -> Vec<Array> {
    let mut values: HashMap<Value, Array> = HashMap::new();
    values.extend(function.params().iter().copied().zip(inputs.iter().cloned()));
    for &inst in function.insts() {
        let args: Vec<&Array> = function.args(inst).iter().map(|arg| &values[arg]).collect();
        let op = function.op(inst);
        // Without calls, every instruction has one result.
        let result = function.inst_results(inst)[0];
        let plain = evaluate_op(op, &args, function.ty(result)).expect("a verified instruction");
        values.insert(result, move_elements(op, &args, plain, rng));
    }
    function.results().iter().map(|result| values[result].clone()).collect()
}

/// The error that the specification permits an operation, as a multiple of eps times the magnitude in question.
pub enum Permitted {
    /// The result is exact or correctly rounded from exact operands.
    Nothing,
    /// Relative to the result, unless that is a small integer: such results of arithmetic are most often exact.
    Rounding(f64),
    /// Relative to the result.
    Function(f64),
    /// Relative to the product of so many factors; partial products may leave the range of the type.
    Product(usize),
    /// Relative to the sum of the terms' magnitudes, for a sum of so many terms; the sign of a zero sum is free.
    Sum(usize),
}

/// The error that the specification permits `op` on these operands.
pub fn permitted(op: &Op, args: &[&Array], result: &Type) -> Permitted {
    if !result.dtype.is_float() {
        return Permitted::Nothing;
    }
    let terms = |contracted: usize| contracted / result.elements().max(1);
    match op {
        Op::Unary(unary) => match unary {
            Unary::Neg | Unary::Abs | Unary::Sign | Unary::Not | Unary::Floor | Unary::Ceil | Unary::Round => {
                Permitted::Nothing
            }
            Unary::Sqrt => Permitted::Rounding(1.0),
            Unary::Exp
            | Unary::Exp2
            | Unary::Expm1
            | Unary::Log
            | Unary::Log2
            | Unary::Log1p
            | Unary::Rsqrt
            | Unary::Cbrt
            | Unary::Sin
            | Unary::Cos
            | Unary::Tan
            | Unary::Asin
            | Unary::Acos
            | Unary::Atan
            | Unary::Sinh
            | Unary::Cosh
            | Unary::Tanh
            | Unary::Logistic
            | Unary::Erf
            | Unary::Erfc => Permitted::Function(2.0),
        },
        Op::Binary(binary) => match binary {
            Binary::Add | Binary::Sub | Binary::Mul | Binary::Div => Permitted::Rounding(1.0),
            Binary::Pow | Binary::Atan2 => Permitted::Function(2.0),
            Binary::Rem | Binary::Max | Binary::Min | Binary::And | Binary::Or | Binary::Xor => Permitted::Nothing,
        },
        Op::Reduce { kind, .. } => match kind {
            Reduction::Add => Permitted::Sum(terms(args[0].elements.len())),
            Reduction::Mul => Permitted::Product(terms(args[0].elements.len())),
            Reduction::Max | Reduction::Min | Reduction::And | Reduction::Or => Permitted::Nothing,
        },
        Op::Dot(dims) => {
            let extents = args[0].shape.extents();
            Permitted::Sum(dims.lhs_contract.iter().map(|&axis| extents[axis]).product())
        }
        Op::Constant(_)
        | Op::Iota { .. }
        | Op::Compare(_)
        | Op::IsFinite
        | Op::Select
        | Op::Clamp
        | Op::Convert(_)
        | Op::Broadcast(_)
        | Op::Reshape(_)
        | Op::Transpose(_)
        | Op::Reverse(_)
        | Op::Slice(_)
        | Op::Pad(_)
        | Op::Concatenate { .. }
        | Op::Call(_) => Permitted::Nothing,
    }
}

fn move_elements(op: &Op, args: &[&Array], plain: Array, rng: &mut Rng) -> Array {
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
        Permitted::Product(factors) => {
            let (large, small) =
                (extreme_product(op, args[0], &ty, f64::max), extreme_product(op, args[0], &ty, f64::min));
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
fn extreme_product(op: &Op, x: &Array, result: &Type, choose: fn(f64, f64) -> f64) -> Vec<f64> {
    let factor = |x: f64| if x.is_finite() && x != 0.0 { choose(x.abs(), 1.0) } else { 1.0 };
    let factors: Vec<f64> = x.to_f64().into_iter().map(factor).collect();
    evaluate_op(op, &[&from_f64(&x.ty(), &factors)], result).expect("as the plain one").to_f64()
}

/// For each element of a sum or dot, the sum of the magnitudes of its terms.
pub fn sum_of_magnitudes(op: &Op, args: &[&Array], result: &Type) -> Vec<f64> {
    let magnitudes: Vec<Array> = args.iter().map(|arg| absolute(arg)).collect();
    let magnitudes: Vec<&Array> = magnitudes.iter().collect();
    evaluate_op(op, &magnitudes, result).expect("as the plain one").to_f64()
}

fn absolute(x: &Array) -> Array {
    evaluate_op(&Op::Unary(Unary::Abs), &[x], &x.ty()).expect("floats")
}
