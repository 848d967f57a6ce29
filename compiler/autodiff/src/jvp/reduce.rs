//! JVP rules of the reductions.

use pullback_ir::{Axes, Builder, Comparison, PadSpec, Reduction, Shape, Value};

use super::{NoRule, Site, Tangent};
use crate::emit;

/// Builds the tangent of the reduction over `axes`.
pub(super) fn rule(b: &Builder<'_>, kind: Reduction, axes: &Axes, site: &Site<'_>) -> Tangent {
    let ([x], [Some(t)]) = (site.operands()?, site.tangents()?) else { return Err(NoRule) };
    let shape = b.shape(x);
    let nothing = axes.iter().any(|&axis| shape.extent(axis) == Some(0));
    match kind {
        Reduction::Add => Ok(Some(b.reduce_add(t, axes.clone()))),
        // The identity of the reduction, a constant.
        Reduction::Mul | Reduction::Max | Reduction::Min if nothing => Ok(None),
        Reduction::Mul => Ok(Some(product(b, axes, x, t, &b.shape(site.result)))),
        Reduction::Max | Reduction::Min => Ok(Some(extremum(b, axes, x, site.result, t))),
        Reduction::And | Reduction::Or => Err(NoRule),
    }
}

/// The mean of the tangents of the elements that equal the result `y`.
fn extremum(b: &Builder<'_>, axes: &Axes, x: Value, y: Value, t: Value) -> Value {
    let shape = b.shape(x);
    let kept: Vec<usize> = (0..shape.rank()).filter(|axis| !axes.contains(axis)).collect();
    let tied = b.compare(Comparison::Eq, x, b.broadcast(y, &shape, kept));
    let count = b.reduce_add(b.convert(tied, b.ty(x).dtype), axes.clone());
    let total = b.reduce_add(b.select(tied, t, emit::zero(b, &b.ty(t))), axes.clone());
    b.div(total, count)
}

/// The tangent of a product by a tree of halves: log n steps, no division, so that zeros are exact.
fn product(b: &Builder<'_>, axes: &Axes, x: Value, t: Value, result: &Shape) -> Value {
    let (mut x, mut t) = (x, t);
    for &axis in axes.iter() {
        while let Some(extent) = b.shape(x).extent(axis)
            && extent > 1
        {
            let half = extent.div_ceil(2);
            let (x0, x1) = halves(b, x, axis, half, 1.0);
            let (t0, t1) = halves(b, t, axis, half, 0.0);
            x = b.mul(x0, x1);
            t = b.add(b.mul(t0, x1), b.mul(t1, x0));
        }
    }
    b.reshape(t, result)
}

/// The first `half` positions along an axis, and the rest with `fill` behind it if it is one short.
fn halves(b: &Builder<'_>, x: Value, axis: usize, half: usize, fill: f64) -> (Value, Value) {
    let ty = b.ty(x);
    let extent = ty.shape.extent(axis).unwrap_or(0);
    let first = b.slice_axis(x, axis, 0, half);
    let rest = b.slice_axis(x, axis, half, extent);
    if extent == 2 * half {
        return (first, rest);
    }
    let mut high = vec![0; ty.rank()];
    high[axis] = 1;
    let spec = PadSpec { low: vec![0; ty.rank()].into(), high: high.into(), interior: vec![0; ty.rank()].into() };
    let value = b.splat(&ty.with_shape(Shape::scalar()), fill);
    (first, b.pad(rest, value, spec))
}
