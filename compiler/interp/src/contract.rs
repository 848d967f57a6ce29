//! Reductions and `dot`: each result element accumulates a numbered list of terms.
//!
//! Float sums and products accumulate in `f64` by halves (pairwise), so that the error grows with the logarithm of the number of
//! terms, and round once; everything else accumulates from left to right, which is exact. Terms are computed when
//! they are needed, so that a long reduction takes no memory.

use pullback_ir::{Binary, DType, DotDims, Reduction, Scalar, Type};

use crate::array::Array;
use crate::error::Error;
use crate::index::offset;
use crate::scalar;

/// Reduction over `axes`; over no elements, the identity.
pub(crate) fn reduce(x: &Array, kind: Reduction, axes: &[usize], result: &Type) -> Result<Array, Error> {
    let kept: Vec<usize> = (0..x.shape.rank()).filter(|axis| !axes.contains(axis)).collect();
    let (outer, inner) = (View::of(x, &kept), View::of(x, axes));
    Array::build(result, |index| {
        let base = offset(index, &outer.strides);
        accumulate(kind, result.dtype, inner.count(), &|term| x.get(base + inner.offset(term)))
    })
}

/// Sum of products over the contracted axes. A product of `f32` elements is exact in `f64`.
pub(crate) fn dot(x: &Array, y: &Array, dims: &DotDims, result: &Type) -> Result<Array, Error> {
    let batch = dims.lhs_batch.len();
    let x_free = dims.lhs_free(x.shape.rank());
    let (x_batch, y_batch) = (View::of(x, &dims.lhs_batch), View::of(y, &dims.rhs_batch));
    let (x_outer, y_outer) = (View::of(x, &x_free), View::of(y, &dims.rhs_free(y.shape.rank())));
    let (x_inner, y_inner) = (View::of(x, &dims.lhs_contract), View::of(y, &dims.rhs_contract));
    Array::build(result, |index| {
        // Result axes: batch, then free axes of the left, then of the right operand.
        let (batch_index, free_index) = index.split_at(batch);
        let (x_index, y_index) = free_index.split_at(x_free.len());
        let x_base = offset(batch_index, &x_batch.strides) + offset(x_index, &x_outer.strides);
        let y_base = offset(batch_index, &y_batch.strides) + offset(y_index, &y_outer.strides);
        let term = |term| product(x.get(x_base + x_inner.offset(term))?, y.get(y_base + y_inner.offset(term))?);
        let sum = accumulate(Reduction::Add, wide(result.dtype), x_inner.count(), &term)?;
        Some(scalar::convert(sum, result.dtype))
    })
}

/// Some axes of an array: their positions, counted in row-major order, and where these are in memory.
struct View {
    extents: Vec<usize>,
    strides: Vec<usize>,
}

impl View {
    fn of(x: &Array, axes: &[usize]) -> Self {
        let (extents, strides) = (x.shape.extents(), x.shape.strides());
        Self {
            extents: axes.iter().map(|&axis| extents[axis]).collect(),
            strides: axes.iter().map(|&axis| strides[axis]).collect(),
        }
    }

    fn count(&self) -> usize {
        self.extents.iter().product()
    }

    /// The place in memory of the position with this number, the other axes at 0.
    fn offset(&self, mut number: usize) -> usize {
        let mut offset = 0;
        for (&extent, &stride) in self.extents.iter().zip(&self.strides).rev() {
            offset += number % extent * stride;
            number /= extent;
        }
        offset
    }
}

/// The element type that products are accumulated in.
pub(crate) const fn wide(dtype: DType) -> DType {
    match dtype {
        DType::F32 => DType::F64,
        DType::F64 | DType::I32 | DType::I64 | DType::U8 | DType::Bool => dtype,
    }
}

pub(crate) fn product(x: Scalar, y: Scalar) -> Option<Scalar> {
    let to = wide(x.dtype());
    scalar::binary(Binary::Mul, scalar::convert(x, to), scalar::convert(y, to))
}

/// Accumulates `count` terms, starting from the identity; the result has type `dtype`.
pub(crate) fn accumulate(
    kind: Reduction,
    dtype: DType,
    count: usize,
    term: &impl Fn(usize) -> Option<Scalar>,
) -> Option<Scalar> {
    let step = scalar::step(kind);
    if !dtype.is_float() {
        let identity = scalar::identity(kind, dtype)?;
        return (0..count).try_fold(identity, |total, number| scalar::binary(step, total, term(number)?));
    }
    let identity = scalar::identity(kind, DType::F64)?;
    let terms = |number| Some(scalar::convert(term(number)?, DType::F64));
    let total = scalar::binary(step, identity, by_halves(step, identity, 0, count, &terms)?)?;
    Some(scalar::convert(total, dtype))
}

/// Accumulates the terms numbered `start` to before `end`.
fn by_halves(
    step: Binary,
    identity: Scalar,
    start: usize,
    end: usize,
    term: &impl Fn(usize) -> Option<Scalar>,
) -> Option<Scalar> {
    match end - start {
        0 => Some(identity),
        1 => term(start),
        count => {
            let middle = start + count / 2;
            let left = by_halves(step, identity, start, middle, term)?;
            scalar::binary(step, left, by_halves(step, identity, middle, end, term)?)
        }
    }
}
