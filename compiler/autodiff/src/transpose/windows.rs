//! Transposes of sliding windows and pooling.

use pullback_ir::op::{Extremum, PoolSpec, Pooling, WindowSpec};
use pullback_ir::{Builder, Comparison, DType, Shape, Type, Value};

use super::moves::unpad;
use super::{Cotangents, NotLinear, Operand, one, only};
use crate::emit;
use crate::jvp::windows::{Pool, identity};

/// The windows added at their places.
pub(super) fn windows(b: &Builder<'_>, spec: &WindowSpec, operands: &[Operand], ct: Value) -> Cotangents {
    one(b.overlap_add(ct, spec.clone(), &only(operands)?.shape))
}

/// The windows of the cotangent.
pub(super) fn overlap_add(b: &Builder<'_>, spec: &WindowSpec, operands: &[Operand], ct: Value) -> Cotangents {
    only(operands)?;
    one(b.windows(ct, spec.clone()))
}

/// The sum over windows: each element gets the sum of the cotangents of the windows it is in.
///
/// With windows at every position that is again a sum over windows, of the cotangent with padding as wide as a window. With strides, such a
/// sum would mostly add zeros; the cotangent is then added at the positions of its window.
pub(super) fn reduce_window_add(b: &Builder<'_>, spec: &PoolSpec, operands: &[Operand], ct: Value) -> Cotangents {
    let ty = only(operands)?;
    if ty.elements() == 0 || b.shape(ct).elements() == 0 {
        return Ok(vec![None]);
    }
    let pool = Pool::new(spec);
    let padded = if spec.stride.iter().all(|&stride| stride == 1) {
        let around: Box<[i64]> =
            spec.size.iter().zip(&spec.dilation).map(|(&size, &dilation)| ((size - 1) * dilation) as i64).collect();
        let ones: Box<[usize]> = vec![1; spec.size.len()].into();
        let spec = PoolSpec {
            size: spec.size.clone(),
            stride: ones.clone(),
            low: around.clone(),
            high: around,
            base_dilation: ones,
            dilation: spec.dilation.clone(),
        };
        b.reduce_window(Pooling::Add, ct, spec)
    } else {
        match padded_shape(spec, &ty.shape) {
            Some(shape) => b.overlap_add(pool.spread(b, ct), pool.windows(), &shape),
            None => b.fail("overlap_add", "the padded operand has too many elements"),
        }
    };
    Ok(vec![if pool.is_padded() { unpad(b, &pool.padding(), &ty.shape, padded) } else { Some(padded) }])
}

/// The shape of the padded operand.
fn padded_shape(spec: &PoolSpec, shape: &Shape) -> Option<Shape> {
    let extent = |(axis, extent): (usize, usize)| {
        let spread = (extent as i128 - 1) * spec.base_dilation[axis] as i128 + 1;
        usize::try_from(spread + i128::from(spec.low[axis]) + i128::from(spec.high[axis])).ok()
    };
    let extents: Option<Vec<usize>> = shape.extents().into_iter().enumerate().map(extent).collect();
    Shape::new(&extents?).ok()
}

/// To each element of the source what its chosen position got.
pub(super) fn select_and_scatter(
    b: &Builder<'_>,
    kind: Extremum,
    spec: &PoolSpec,
    operands: &[Operand],
    ct: Value,
) -> Cotangents {
    let &[Operand::Known(x), Operand::Linear(ref source)] = operands else {
        return Err(NotLinear("the operand that chooses depends on them"));
    };
    if source.elements() == 0 {
        return Ok(vec![None, None]);
    }
    let pool = Pool::new(spec);
    // All positions in a window on one axis, in row-major order.
    let mut extents = source.shape.extents();
    extents.push(pool.axes().iter().fold(1, |count: usize, &axis| count.saturating_mul(spec.size[axis])));
    let flat = match Shape::new(&extents) {
        Ok(shape) => shape,
        Err(error) => return Ok(vec![None, Some(b.fail("reshape", error.to_string()))]),
    };
    let view = |x: Value, fill: f64| b.reshape(pool.view(b, x, fill), &flat);
    let chosen = chosen(b, kind, view(x, identity(kind)), pool.inside(b, x).map(|inside| b.reshape(inside, &flat)));
    let cts = view(ct, 0.0);
    let picked = b.select(chosen, cts, emit::zero(b, &b.ty(cts)));
    Ok(vec![None, Some(b.reduce_add(picked, [source.rank()]))])
}

/// The first extremum of the elements that are inside, along the last axis. None is chosen where none is inside.
fn chosen(b: &Builder<'_>, kind: Extremum, x: Value, inside: Option<Value>) -> Value {
    let ty = b.ty(x);
    let axis = ty.rank() - 1;
    let kept: Vec<usize> = (0..axis).collect();
    let at = |first: Value| {
        let positions: Type = ty.with_dtype(DType::I32);
        b.compare(Comparison::Eq, b.iota(positions, axis), b.broadcast(first, &ty.shape, kept.clone()))
    };
    let first = b.arg_reduce(kind, x, axis, DType::I32);
    let Some(inside) = inside else { return at(first) };
    // Padding may equal the extremum and come before it: the first of those that equal it and are no padding.
    let extremum = match kind {
        Extremum::Max => b.reduce(pullback_ir::Reduction::Max, x, [axis]),
        Extremum::Min => b.reduce(pullback_ir::Reduction::Min, x, [axis]),
    };
    let equal = b.compare(Comparison::Eq, x, b.broadcast(extremum, &ty.shape, kept.clone()));
    let nan = b.compare(Comparison::Ne, x, x);
    let best = b.and(inside, b.or(equal, nan));
    let first = b.arg_reduce(Extremum::Max, b.convert(best, DType::I32), axis, DType::I32);
    b.and(best, at(first))
}
