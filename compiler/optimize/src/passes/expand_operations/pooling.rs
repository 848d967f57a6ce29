//! `reduce_window` and `select_and_scatter`.
//!
//! Both pad the operand, if there is padding, and look at it through the view of its windows.

use pullback_ir::op::{PadSpec, PoolSpec, WindowDims, WindowSpec};
use pullback_ir::types::MAX_RANK;
use pullback_ir::{
    Builder, DType, Extremum, Literal, OutOfBounds, Pooling, Reduction, Scalar, ScatterKind, Shape, Type, Value,
};

use super::TooLarge;
use super::arg_reduce::{extrema, worst};

/// `x` with `value` around and between its elements; `x` itself if nothing is added or removed.
pub(super) fn padded(b: &Builder<'_>, x: Value, value: f64, low: &[i64], high: &[i64], dilation: &[usize]) -> Value {
    let extents = b.shape(x).extents();
    let spread = dilation.iter().zip(&extents).any(|(&dilation, &extent)| dilation > 1 && extent > 1);
    if !spread && low.iter().chain(high).all(|&count| count == 0) {
        return x;
    }
    let interior = dilation.iter().map(|dilation| dilation.saturating_sub(1)).collect();
    let value = b.constant(Literal::splat(Scalar::from_f64(b.ty(x).dtype, value), Shape::scalar()));
    b.pad(x, value, PadSpec { low: low.into(), high: high.into(), interior })
}

/// The view of windows along those of `axes` that have more than one position in them, and where the axes of the positions are. Along others every
/// `stride`-th position is taken.
pub(super) fn view(b: &Builder<'_>, x: Value, windows: &[Along]) -> Result<(Value, Vec<usize>), TooLarge> {
    let mut extents = b.shape(x).extents();
    let rank = extents.len();
    let mut stride = vec![1; rank];
    for along in windows.iter().filter(|along| along.size == 1) {
        stride[along.axis] = along.stride;
    }
    let x = if stride.iter().all(|&stride| stride == 1) {
        x
    } else {
        b.slice(x, &vec![0; rank], &extents.clone(), &stride)
    };
    extents = b.shape(x).extents();
    let mut wide: Vec<&Along> = windows.iter().filter(|along| along.size > 1).collect();
    wide.sort_by_key(|along| along.axis);
    if wide.is_empty() {
        return Ok((x, Vec::new()));
    }
    for along in &wide {
        let span = (along.size - 1).saturating_mul(along.dilation);
        extents[along.axis] = extents[along.axis].checked_sub(span).map_or(0, |firsts| firsts.div_ceil(along.stride));
    }
    extents.extend(wide.iter().map(|along| along.size));
    Shape::new(&extents).map_err(|error| TooLarge(format!("the tensor of its windows: {error}")))?;
    let spec = WindowSpec {
        axes: wide.iter().map(|along| along.axis).collect(),
        size: wide.iter().map(|along| along.size).collect(),
        stride: wide.iter().map(|along| along.stride).collect(),
        dilation: wide.iter().map(|along| along.dilation).collect(),
    };
    Ok((b.windows(x, spec), (rank..rank + wide.len()).collect()))
}

/// Windows along one axis.
#[derive(Clone, Copy)]
pub(super) struct Along {
    pub(super) axis: usize,
    pub(super) size: usize,
    pub(super) stride: usize,
    pub(super) dilation: usize,
}

fn windows_of(spec: &PoolSpec) -> Vec<Along> {
    let along =
        |axis: usize| Along { axis, size: spec.size[axis], stride: spec.stride[axis], dilation: spec.dilation[axis] };
    (0..spec.size.len()).map(along).collect()
}

/// The most positions of a window that are combined at once. More are combined axis by axis, which costs a tensor in memory for each axis but the last,
/// and the sum of the extents rather than their product for each element.
const MAX_POSITIONS: usize = 64;

pub(super) fn reduce_window(b: &Builder<'_>, x: Value, kind: Pooling, spec: &PoolSpec) -> Result<Value, TooLarge> {
    let (reduction, identity) = match kind {
        Pooling::Add => (Reduction::Add, 0.0),
        Pooling::Max => (Reduction::Max, f64::NEG_INFINITY),
        Pooling::Min => (Reduction::Min, f64::INFINITY),
    };
    let x = padded(b, x, identity, &spec.low, &spec.high, &spec.base_dilation);
    let windows = windows_of(spec);
    let positions = spec.size.iter().fold(1, |product: usize, &size| product.saturating_mul(size));
    let rank = spec.size.len() + spec.size.iter().filter(|&&size| size > 1).count();
    if positions <= MAX_POSITIONS && rank <= MAX_RANK {
        let (view, axes) = view(b, x, &windows)?;
        return Ok(b.reduce(reduction, view, axes));
    }
    let mut reduced = x;
    for along in windows {
        let (view, axes) = view(b, reduced, &[along])?;
        reduced = b.reduce(reduction, view, axes);
    }
    Ok(reduced)
}

/// The number of each element in row-major order.
pub(super) fn numbers(b: &Builder<'_>, ty: &Type) -> Value {
    let strides = ty.shape.strides();
    let mut sum = None;
    for (axis, (extent, stride)) in ty.shape.extents().into_iter().zip(strides).enumerate() {
        if extent <= 1 {
            continue;
        }
        let mut term = b.iota(ty.clone(), axis);
        if stride > 1 {
            let factor = match ty.dtype {
                // Wraps, as the numbers do.
                DType::I32 => Scalar::I32(stride as i32),
                _ => Scalar::I64(stride as i64),
            };
            let factor = b.constant(Literal::splat(factor, ty.shape.clone()));
            term = b.mul(term, factor);
        }
        sum = Some(sum.map_or(term, |sum| b.add(sum, term)));
    }
    sum.unwrap_or_else(|| b.splat(ty, 0.0))
}

/// The windows' extrema are found by their numbers in the operand, which increase in each window in row-major order. Padding has the number behind
/// all, and a scatter drops what goes there.
pub(super) fn select_and_scatter(
    b: &Builder<'_>,
    x: Value,
    source: Value,
    kind: Extremum,
    spec: &PoolSpec,
) -> Result<Value, TooLarge> {
    let ty = b.ty(x);
    let count = ty.elements();
    if count == 0 {
        return Ok(b.splat(&ty, 0.0));
    }
    let dtype = if i32::try_from(count).is_ok() { DType::I32 } else { DType::I64 };
    let windows = windows_of(spec);
    let elements = padded(b, x, worst(kind), &spec.low, &spec.high, &spec.base_dilation);
    let numbers = numbers(b, &ty.with_dtype(dtype));
    let numbers = padded(b, numbers, count as f64, &spec.low, &spec.high, &spec.base_dilation);
    let (elements, axes) = view(b, elements, &windows)?;
    let (numbers, _) = view(b, numbers, &windows)?;
    let behind = b.splat_like(numbers, count as f64);
    let first = if axes.is_empty() {
        numbers
    } else {
        // Padding may equal the extremum, and is behind all elements then.
        let is_extremum = extrema(b, elements, kind, &axes);
        let candidates = b.select(is_extremum, numbers, behind);
        b.reduce(Reduction::Min, candidates, axes)
    };
    scatter_flat(b, &ty, source, first)
}

/// Zeros of type `ty` with elements of `source` added at the numbers `places`.
fn scatter_flat(b: &Builder<'_>, ty: &Type, source: Value, places: Value) -> Result<Value, TooLarge> {
    let flat = |elements: usize| Shape::new(&[elements]).map_err(|error| TooLarge(error.to_string()));
    let updates = flat(b.ty(source).elements())?;
    let zeros = b.splat(&ty.with_shape(flat(ty.elements())?), 0.0);
    let dims = WindowDims {
        offset: [].into(),
        collapsed: [0].into(),
        operand_batch: [].into(),
        indices_batch: [].into(),
        map: [0].into(),
        vector_axis: 1,
        mode: OutOfBounds::Drop,
    };
    let (places, source) = (b.reshape(places, &updates), b.reshape(source, &updates));
    let added = b.scatter(ScatterKind::Add, zeros, places, source, dims);
    Ok(b.reshape(added, &ty.shape))
}
