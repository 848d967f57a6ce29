//! What sums and products may give where a partial result leaves the range of the type.
//!
//! The order of accumulation is free, so a partial sum may be that of any part of the terms, and a partial product that of any
//! part of the factors. With `P` and `N` the sums of the positive and of the negated negative terms that are finite, and `L` and `S` the
//! products of the magnitudes of the finite factors above and below 1:
//!
//! * a sum is the exact one, rounded; or +inf if `P` is out of range; or -inf if `N` is; or NaN if both are. If a term is infinite, so is
//!   the sum, and NaN only if the sum of the finite terms of the other sign is out of range;
//! * a product is the exact one, rounded; or an infinity of its sign if `L` is out of range; or a zero if `S` may vanish; or NaN if both
//!   hold. Partial products that are not normal numbers are off by the least number times `L`, at most by half. A product with a factor 0
//!   is 0, or NaN if `L` is out of range; one with an infinity is infinite, or NaN if `S` may vanish;
//! * a product of two that is out of range, `dot` of one term included, may be any large number of its sign where it is part of a
//!   fused multiply-add.
//!
//! In all other cases there is one result. `P`, `N` are computed in `f64` of scaled terms, `L` and `S` as logarithms, so that they do not
//! overflow themselves.

use pullback_interp::{Array, evaluate_op};
use pullback_ir::{Binary, Cumulation, DType, Op, Reduction, ScatterKind, Type};

use super::super::inputs::from_f64;
use super::super::permitted::{Permitted, epsilon, least};
use super::super::rng::Rng;

/// Which of several possible results an operation gives.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Choice {
    /// What the interpreter gives.
    Interpreted,
    /// Without overflow.
    Exact,
    /// With overflow of this sign wherever there may be.
    Overflow(f64),
    /// The last of the possible ones: NaN, or overflow of either sign.
    Last,
    /// Any, element by element.
    Any,
}

/// The results that one element may have.
pub struct Outcomes {
    /// The result of exact partial results, rounded.
    exact: f64,
    /// How far rounding may move it.
    error: f64,
    /// How far partial results that are not normal numbers may move it besides.
    loss: f64,
    /// Results after overflow.
    overflowed: Vec<f64>,
}

impl Outcomes {
    /// Those of a product out of range: any large number while it is part of a fused multiply-add.
    fn unrounded(sign: f64, dtype: DType) -> Self {
        let large = greatest(dtype) / 2.0;
        Self { exact: sign * large, error: large / 8.0, loss: 0.0, overflowed: vec![sign * f64::INFINITY] }
    }

    /// One of the results, and how far it may be off.
    pub fn choose(&self, choice: Choice, rng: &mut Rng) -> (f64, f64) {
        let overflowed = match choice {
            Choice::Interpreted | Choice::Exact => None,
            Choice::Overflow(sign) => self.overflowed.iter().find(|&&x| x == sign * f64::INFINITY),
            Choice::Last => self.overflowed.last(),
            Choice::Any => self.overflowed.get(rng.below(self.overflowed.len() + 1)),
        };
        let error = if choice == Choice::Exact { self.error } else { self.error + self.loss };
        overflowed.map_or((self.exact, error), |&x| (x, 0.0))
    }
}

/// For each element of a result its outcomes, if there are several; an empty list if there is one for every element.
pub fn outcomes(op: &Op, args: &[&Array], plain: &Array, permitted: &Permitted) -> Vec<Option<Outcomes>> {
    match permitted {
        Permitted::Sum(terms) => sums(op, args, plain, *terms, ((terms + 1) as f64).log2()),
        Permitted::Running(terms) => sums(op, args, plain, *terms, *terms as f64),
        Permitted::Product(factors) => products(op, args, plain, *factors),
        Permitted::Rounding(_) if matches!(op, Op::Binary(Binary::Mul)) => fused(args, plain),
        Permitted::Nothing
        | Permitted::Rounding(_)
        | Permitted::Function(_)
        | Permitted::Reflected(_)
        | Permitted::LogSum(_)
        | Permitted::Matrix(_) => Vec::new(),
    }
}

/// The greatest finite number of a float type.
pub fn greatest(dtype: DType) -> f64 {
    if dtype == DType::F32 { f64::from(f32::MAX) } else { f64::MAX }
}

/// A product that a fused multiply-add does not round.
fn fused(args: &[&Array], plain: &Array) -> Vec<Option<Outcomes>> {
    let finite = |array: &Array, at: usize| array.get(at).is_some_and(|x| x.to_f64().is_finite());
    let outcome = |(at, x): (usize, f64)| {
        let overflows = x.is_infinite() && finite(args[0], at) && finite(args[1], at);
        overflows.then(|| Outcomes::unrounded(x.signum(), plain.dtype()))
    };
    let found: Vec<_> = plain.to_f64().into_iter().enumerate().map(outcome).collect();
    if found.iter().any(Option::is_some) { found } else { Vec::new() }
}

/// The positions of the operands that terms or factors come from; what chooses, and indices, are others.
fn sources(op: &Op, args: &[&Array]) -> Vec<usize> {
    let chooses = |at: usize| matches!((op, at), (Op::SelectAndScatter { .. }, 0));
    (0..args.len()).filter(|&at| args[at].dtype().is_float() && !chooses(at)).collect()
}

/// The operation in `f64`, with every source mapped by its number and value.
fn evaluate(op: &Op, args: &[&Array], result: &Type, map: &dyn Fn(usize, f64) -> f64) -> Vec<f64> {
    let sources = sources(op, args);
    let mapped: Vec<Array> = (args.iter().enumerate())
        .map(|(at, &arg)| {
            if !arg.dtype().is_float() {
                return arg.clone();
            }
            let number = sources.iter().position(|&source| source == at);
            let mapped = |x: f64| number.map_or(x, |number| map(number, x));
            let values: Vec<f64> = arg.to_f64().into_iter().map(mapped).collect();
            from_f64(&arg.ty().with_dtype(DType::F64), &values)
        })
        .collect();
    let mapped: Vec<&Array> = mapped.iter().collect();
    evaluate_op(op, &mapped, &result.with_dtype(DType::F64)).expect("as in its own type").to_f64()
}

/// The finite magnitude on one side of zero, else 0.
fn side(x: f64, sign: f64) -> f64 {
    if x.is_finite() { (x * sign).max(0.0) } else { 0.0 }
}

/// What the sources of a sum are multiplied by, so that no partial sum is out of the range of `f64`.
struct Scaling {
    scale: f64,
    /// Whether the terms are products of two sources.
    is_product: bool,
}

impl Scaling {
    fn of(op: &Op, dtype: DType) -> Self {
        let is_product = matches!(op, Op::Dot(_) | Op::Conv(_));
        // Products of two numbers of single precision are in the range of f64.
        let scale = match (dtype, is_product) {
            (DType::F64, true) => 2f64.powi(-512),
            (DType::F64, false) => 2f64.powi(-64),
            _ => 1.0,
        };
        Self { scale, is_product }
    }
}

/// For each element of a sum `units` times the sum of the magnitudes of its terms, also where that sum is out of range.
pub fn multiple_of_magnitudes(op: &Op, args: &[&Array], result: &Type, units: f64) -> Vec<f64> {
    let mut found = evaluate(op, args, result, &|_, x| x.abs());
    if found.iter().any(|x| x.is_infinite()) {
        let Scaling { scale, is_product } = Scaling::of(op, result.dtype);
        let scaled = evaluate(op, args, result, &|_, x| scale * x.abs());
        let unscaled = |x: f64| if is_product { x * units / scale / scale } else { x * units / scale };
        let multiple = |(x, scaled): (f64, f64)| if x.is_infinite() { unscaled(scaled) } else { units * x };
        return found.into_iter().zip(scaled).map(multiple).collect();
    }
    found.iter_mut().for_each(|x| *x *= units);
    found
}

/// Sums of so many terms, off by `units` times eps and the sum of the magnitudes of the terms.
fn sums(op: &Op, args: &[&Array], plain: &Array, terms: usize, units: f64) -> Vec<Option<Outcomes>> {
    let ty = plain.ty();
    let eps = epsilon(ty.dtype);
    let Scaling { scale, is_product } = Scaling::of(op, ty.dtype);
    let unscaled = |x: f64| if is_product { x / scale / scale } else { x / scale };
    let range = if is_product { greatest(ty.dtype) * scale * scale } else { greatest(ty.dtype) * scale };
    let limit = range * (1.0 - eps * (terms + 1) as f64);
    let parts = |first: f64, second: f64| {
        evaluate(op, args, &ty, &|number, x| scale * side(x, if number == 0 { first } else { second }))
    };
    let add = |x: Vec<f64>, y: Vec<f64>| x.into_iter().zip(y).map(|(x, y)| x + y).collect();
    let (above, below): (Vec<f64>, Vec<f64>) = if is_product {
        (add(parts(1.0, 1.0), parts(-1.0, -1.0)), add(parts(1.0, -1.0), parts(-1.0, 1.0)))
    } else {
        (parts(1.0, 1.0), parts(-1.0, -1.0))
    };
    if above.iter().chain(&below).all(|&x| x <= limit) {
        return Vec::new();
    }
    let exact = evaluate(op, args, &ty, &|_, x| scale * x);
    let outcome = |(exact, (above, below)): (f64, (f64, f64))| {
        let (up, down) = (above > limit, below > limit);
        // One term: no sum, but a product.
        if is_product && terms <= 1 && exact.is_finite() && (up || down) {
            return Some(Outcomes::unrounded(exact.signum(), ty.dtype));
        }
        let overflowed: Vec<f64> = if exact.is_nan() {
            Vec::new()
        } else if exact.is_infinite() {
            if exact > 0.0 && down || exact < 0.0 && up { vec![f64::NAN] } else { Vec::new() }
        } else {
            let possible = [(up, f64::INFINITY), (down, f64::NEG_INFINITY), (up && down, f64::NAN)];
            possible.into_iter().filter(|(holds, _)| *holds).map(|(_, x)| x).collect()
        };
        let error = unscaled(units * eps * (above + below));
        (!overflowed.is_empty()).then(|| Outcomes { exact: unscaled(exact), error, loss: 0.0, overflowed })
    };
    exact.into_iter().zip(above.into_iter().zip(below)).map(outcome).collect()
}

/// The operation that adds what `op` multiplies.
fn additive(op: &Op) -> Op {
    match op {
        Op::Reduce { axes, .. } => Op::Reduce { kind: Reduction::Add, axes: axes.clone() },
        Op::Cumulative { axis, reverse, .. } => {
            Op::Cumulative { kind: Cumulation::Add, axis: *axis, reverse: *reverse }
        }
        Op::Scatter { dims, .. } => Op::Scatter { kind: ScatterKind::Add, dims: dims.clone() },
        other => panic!("{} does not multiply", other.name()),
    }
}

/// The logarithms to base 2 of `L` and `S`, each of at least 0: how far above 1, and how far below.
struct Magnitudes {
    /// Of the product of the factors above 1.
    above: Vec<f64>,
    /// Of the inverse of the product of the factors below 1.
    below: Vec<f64>,
}

impl Magnitudes {
    /// Those of a product. Zeros, infinities and NaN, which do not depend on the order, are left out.
    fn of(op: &Op, args: &[&Array], result: &Type) -> Self {
        let log = |sign: f64| {
            let map = move |_: usize, x: f64| if x == 0.0 { 0.0 } else { side(x.abs().log2(), sign) };
            evaluate(&additive(op), args, result, &map)
        };
        Self { above: log(1.0), below: log(-1.0) }
    }

    /// For each element by how much partial products that are not normal numbers may put it off.
    fn underflow(&self, dtype: DType, factors: usize) -> Vec<f64> {
        let normal = if dtype == DType::F32 { f32::MIN_EXP } else { f64::MIN_EXP };
        let amplified = |above: f64| factors as f64 * least(dtype) * above.exp2();
        let off = |(&above, &below): (&f64, &f64)| if -below < f64::from(normal) { amplified(above) } else { 0.0 };
        self.above.iter().zip(&self.below).map(off).collect()
    }
}

/// Products of so many factors.
fn products(op: &Op, args: &[&Array], plain: &Array, factors: usize) -> Vec<Option<Outcomes>> {
    let ty = plain.ty();
    let magnitudes = Magnitudes::of(op, args, &ty);
    let eps = epsilon(ty.dtype);
    // A unit more than what rounding changes the logarithms by.
    let unsure = 1e-9 + 2.0 * eps * factors as f64;
    let out_of_range = |above: f64| above > greatest(ty.dtype).log2() - unsure;
    // Two numbers below 1 make zero from twice the least number on: it is rounded to.
    let vanishes = |below: f64| -below < least(ty.dtype).log2() + 1.0 + unsure;
    let underflow = magnitudes.underflow(ty.dtype, factors);
    if !magnitudes.above.iter().any(|&x| out_of_range(x)) && underflow.iter().all(|&x| x == 0.0) {
        return Vec::new();
    }
    let count = |holds: fn(f64) -> bool| evaluate(&additive(op), args, &ty, &|_, x| f64::from(u8::from(holds(x))));
    let (zeros, infinities) = (count(|x| x == 0.0), count(f64::is_infinite));
    let (nans, negatives) = (count(f64::is_nan), count(f64::is_sign_negative));
    let outcome = |at: usize, plain: f64| {
        let (above, below) = (magnitudes.above[at], magnitudes.below[at]);
        let (large, small) = (out_of_range(above), vanishes(below));
        let sign = if negatives[at] % 2.0 == 0.0 { 1.0 } else { -1.0 };
        let (exact, overflowed) = match (zeros[at] > 0.0, infinities[at] > 0.0) {
            _ if nans[at] > 0.0 => return None,
            (true, true) => return None,
            (true, false) => (sign * 0.0, if large { vec![f64::NAN] } else { vec![] }),
            (false, true) => (sign * f64::INFINITY, if small { vec![f64::NAN] } else { vec![] }),
            (false, false) => {
                // The interpreter's own partial products may have left the range.
                let is_plain = above < 1000.0 && below < 1000.0;
                let exact = if is_plain { plain } else { sign * (above - below).exp2() };
                let possible =
                    [(large, sign * f64::INFINITY), (large && small, f64::NAN), (large && small, sign * 0.0)];
                (exact, possible.into_iter().filter(|(holds, _)| *holds).map(|(_, x)| x).collect())
            }
        };
        // The interpreter's f64 does not round products of single precision on the way.
        let logarithm = if ty.dtype == DType::F64 { above + below } else { 0.0 };
        let size = if exact.is_finite() { exact.abs() } else { 0.0 };
        // What is not rounded to zero is off by less than the factor of two that rounding to the least number may be.
        let loss = underflow[at].min(size / 8.0);
        let error = eps * (factors as f64 + logarithm) * size;
        (!overflowed.is_empty() || loss > 0.0).then_some(Outcomes { exact, error, loss, overflowed })
    };
    plain.to_f64().into_iter().enumerate().map(|(at, plain)| outcome(at, plain)).collect()
}
