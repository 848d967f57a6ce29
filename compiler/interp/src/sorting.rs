//! The operations that compare elements along an axis or accumulate along one.

use std::cmp::Ordering;

use pullback_ir::{Binary, Cumulation, DType, Extremum, Scalar, Type};

use crate::array::Array;
use crate::error::Error;
use crate::index::{Lines, offset};
use crate::indexing::integer;
use crate::scalar;

/// The order that sorting uses: NaN above everything, `-0 = +0`, `false < true`.
fn order(x: Scalar, y: Scalar) -> Ordering {
    if !x.dtype().is_float() {
        return integer(x).cmp(&integer(y));
    }
    let (x, y) = (x.to_f64(), y.to_f64());
    x.partial_cmp(&y).unwrap_or_else(|| x.is_nan().cmp(&y.is_nan()))
}

/// Whether `x` takes the place of `best`, which comes before it: NaN does, a number that ties does not.
pub(crate) fn beats(kind: Extremum, x: Scalar, best: Scalar) -> bool {
    let is_nan = |x: Scalar| x.dtype().is_float() && x.to_f64().is_nan();
    if is_nan(x) || is_nan(best) {
        return !is_nan(best);
    }
    match kind {
        Extremum::Max => order(x, best).is_gt(),
        Extremum::Min => order(x, best).is_lt(),
    }
}

/// The position of the first extremum along `axis`.
pub(crate) fn arg_reduce(x: &Array, kind: Extremum, axis: usize, result: &Type) -> Result<Array, Error> {
    let mut strides = x.shape.strides();
    let step = strides.remove(axis);
    let extent = x.shape.extent(axis).unwrap_or(0);
    Array::build(result, |index| {
        let base = offset(index, &strides);
        let mut best = 0;
        for position in 1..extent {
            if beats(kind, x.get(base + position * step)?, x.get(base + best * step)?) {
                best = position;
            }
        }
        Some(scalar::convert(Scalar::I64(best as i64), result.dtype))
    })
}

/// The operands reordered together along `axis`, stable whatever the direction.
pub(crate) fn sort(args: &[&Array], axis: usize, keys: usize, descending: bool) -> Result<Vec<Array>, Error> {
    let Some(first) = args.first() else { return Ok(Vec::new()) };
    let compare = |a: usize, b: usize| {
        let orders = args.iter().take(keys).filter_map(|key| Some(order(key.get(a)?, key.get(b)?)));
        let found = orders.fold(Ordering::Equal, Ordering::then);
        if descending { found.reverse() } else { found }
    };
    // For each place of the results the one that its element comes from.
    let mut sources: Vec<usize> = (0..first.elements.len()).collect();
    for line in Lines::of(&first.shape, axis) {
        let mut places: Vec<usize> = line.collect();
        let line = places.clone();
        places.sort_by(|&a, &b| compare(a, b));
        for (place, source) in line.into_iter().zip(places) {
            sources[place] = source;
        }
    }
    let reordered = |x: &Array| {
        let mut next = sources.iter();
        Array::build(&x.ty(), |_| next.next().and_then(|&source| x.get(source)))
    };
    args.iter().map(|&x| reordered(x)).collect()
}

/// The `k` largest along the last axis in decreasing order, and their positions.
pub(crate) fn top_k(x: &Array, k: usize) -> Result<Vec<Array>, Error> {
    let mut extents = x.shape.extents();
    let Some(last) = extents.last_mut() else { return Err(Error::Op { op: "top_k", message: "no axis".into() }) };
    let extent = std::mem::replace(last, k);
    let found = Type::new(x.dtype(), &extents)?;
    let mut values = Array::zeros(&found)?;
    let mut positions = Array::zeros(&found.with_dtype(DType::I32))?;
    // Lines of the operand and of the results go by in the same order.
    let lines = x.elements.len().checked_div(extent).unwrap_or(0);
    for line in 0..lines {
        let mut order_of: Vec<usize> = (0..extent).collect();
        let get = |position: usize| x.get(line * extent + position);
        order_of.sort_by(|&a, &b| get(b).zip(get(a)).map_or(Ordering::Equal, |(b, a)| order(b, a)));
        for (place, &position) in order_of.iter().take(k).enumerate() {
            if let Some(value) = get(position) {
                values.set(line * k + place, value)?;
                positions.set(line * k + place, Scalar::I32(position as i32))?;
            }
        }
    }
    Ok(vec![values, positions])
}

/// Combination of each element with all before it along `axis`, or with all behind it.
pub(crate) fn cumulative(x: &Array, kind: Cumulation, axis: usize, reverse: bool) -> Result<Array, Error> {
    let mut result = Array::zeros(&x.ty())?;
    for line in Lines::of(&x.shape, axis) {
        let mut places: Vec<usize> = line.collect();
        if reverse {
            places.reverse();
        }
        let mut total = Running::new(kind, x.dtype());
        for place in places {
            let found = x.get(place).and_then(|element| total.add(element));
            let message = || format!("no {} of {}", kind.info().name, x.ty());
            result.set(place, found.ok_or_else(|| Error::Op { op: kind.info().name, message: message() })?)?;
        }
    }
    Ok(result)
}

/// What has been accumulated along a line, in `f64` for floats.
enum Running {
    /// A sum of floats and what rounding has lost of it (Neumaier's compensated summation): as accurate as any order of summation.
    Sum { total: f64, lost: f64 },
    /// The largest, and the sum of `e^(x - largest)` over the others.
    LogSumExp { largest: f64, others: f64 },
    /// Everything else, `None` before the first element.
    Step { step: Binary, total: Option<Scalar> },
}

impl Running {
    fn new(kind: Cumulation, dtype: DType) -> Self {
        let step = match kind {
            Cumulation::LogSumExp => return Self::LogSumExp { largest: f64::NEG_INFINITY, others: 0.0 },
            Cumulation::Add if dtype.is_float() => return Self::Sum { total: 0.0, lost: 0.0 },
            Cumulation::Add => Binary::Add,
            Cumulation::Mul => Binary::Mul,
            Cumulation::Max => Binary::Max,
            Cumulation::Min => Binary::Min,
        };
        Self::Step { step, total: None }
    }

    /// The combination with one more element, in the element's type.
    fn add(&mut self, x: Scalar) -> Option<Scalar> {
        let dtype = x.dtype();
        let found = match self {
            Self::Sum { total, lost } => Scalar::F64(compensated(total, lost, x.to_f64())),
            Self::LogSumExp { largest, others } => Scalar::F64(log_sum_exp(largest, others, x.to_f64())),
            Self::Step { step, total } => {
                let x = scalar::convert(x, crate::contract::wide(dtype));
                let next = total.map_or(Some(x), |total| scalar::binary(*step, total, x))?;
                *total = Some(next);
                next
            }
        };
        Some(scalar::convert(found, dtype))
    }
}

fn compensated(total: &mut f64, lost: &mut f64, x: f64) -> f64 {
    let sum = *total + x;
    *lost += if total.abs() >= x.abs() { (*total - sum) + x } else { (x - sum) + *total };
    *total = sum;
    // What is lost of an infinite sum is no number.
    if sum.is_finite() && lost.is_finite() { sum + *lost } else { sum }
}

/// `log(e^a + e^b + …)` by one more term. Only differences from the largest term are exponentiated, so nothing overflows, and `log1p` keeps what is
/// small beside it.
fn log_sum_exp(largest: &mut f64, others: &mut f64, x: f64) -> f64 {
    if x.is_nan() || largest.is_nan() {
        *largest = f64::NAN;
    } else if x > *largest {
        // Before the first finite term, the largest is -inf and its exponential nothing.
        let ratio = libm::exp(*largest - x);
        *others = *others * ratio + ratio;
        *largest = x;
    } else if x.is_finite() {
        *others += libm::exp(x - *largest);
    }
    *largest + libm::log1p(*others)
}
