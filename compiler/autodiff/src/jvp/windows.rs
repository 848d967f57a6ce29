//! JVP rules of sliding windows: pooling, and the view of windows that its rules are made of.

use pullback_ir::op::{Extremum, PoolSpec, Pooling, WindowSpec};
use pullback_ir::{Axes, Builder, Comparison, DType, Op, PadSpec, Shape, Value};

use super::{NoRule, Site, Tangent};
use crate::emit;

/// The windows of a pooling operation: of the padded operand, along the axes on which windows do something.
pub(crate) struct Pool<'a> {
    spec: &'a PoolSpec,
    axes: Axes,
}

impl<'a> Pool<'a> {
    /// The windows of `spec`.
    pub(crate) fn new(spec: &'a PoolSpec) -> Self {
        let axes = (0..spec.size.len()).filter(|&axis| spec.size[axis] != 1 || spec.stride[axis] != 1).collect();
        Self { spec, axes }
    }

    /// The windowed axes.
    pub(crate) fn axes(&self) -> &Axes {
        &self.axes
    }

    /// Whether positions are added or removed.
    pub(crate) fn is_padded(&self) -> bool {
        let PoolSpec { low, high, base_dilation, .. } = self.spec;
        low.iter().chain(high).any(|&n| n != 0) || base_dilation.iter().any(|&n| n != 1)
    }

    /// The padding as that of `pad`.
    pub(crate) fn padding(&self) -> PadSpec {
        let interior = self.spec.base_dilation.iter().map(|&dilation| dilation.saturating_sub(1));
        PadSpec { low: self.spec.low.clone(), high: self.spec.high.clone(), interior: interior.collect() }
    }

    /// The windows as those of `windows`.
    pub(crate) fn windows(&self) -> WindowSpec {
        let of = |list: &[usize]| self.axes.iter().map(|&axis| list[axis]).collect();
        WindowSpec {
            axes: self.axes.clone(),
            size: of(&self.spec.size),
            stride: of(&self.spec.stride),
            dilation: of(&self.spec.dilation),
        }
    }

    /// The windows of `x`, padded with `fill`; the positions in a window are the axes behind the others.
    pub(crate) fn view(&self, b: &Builder<'_>, x: Value, fill: f64) -> Value {
        let padded = if self.is_padded() {
            b.pad(x, b.splat(&b.ty(x).with_shape(Shape::scalar()), fill), self.padding())
        } else {
            x
        };
        if self.axes.is_empty() { padded } else { b.windows(padded, self.windows()) }
    }

    /// Where windows have elements of `x` and no padding; `None` if there is no padding.
    pub(crate) fn inside(&self, b: &Builder<'_>, x: Value) -> Option<Value> {
        let ty = b.ty(x).with_dtype(DType::Bool);
        self.is_padded().then(|| self.view(b, b.splat(&ty, 1.0), 0.0))
    }

    /// The axes of a view over the positions in a window.
    pub(crate) fn positions(&self) -> Axes {
        let rank = self.spec.size.len();
        (rank..rank + self.axes.len()).collect()
    }

    /// What is one per window, at each of its positions, in the shape of a view.
    pub(crate) fn spread(&self, b: &Builder<'_>, x: Value) -> Value {
        let mut extents = b.shape(x).extents();
        let dims = (0..extents.len()).collect();
        extents.extend(self.axes.iter().map(|&axis| self.spec.size[axis]));
        match Shape::new(&extents) {
            Ok(shape) => emit::broadcast(b, x, &shape, dims),
            Err(error) => b.fail("windows", error.to_string()),
        }
    }
}

/// What padding holds where `kind` is looked for.
pub(crate) fn identity(kind: Extremum) -> f64 {
    match kind {
        Extremum::Max => f64::NEG_INFINITY,
        Extremum::Min => f64::INFINITY,
    }
}

/// `reduce_window`.
pub(super) fn reduce_window(b: &Builder<'_>, kind: Pooling, spec: &PoolSpec, site: &Site<'_>) -> Tangent {
    let ([x], [Some(t)]) = (site.operands()?, site.tangents()?) else { return Err(NoRule) };
    let kind = match kind {
        Pooling::Add => return Ok(Some(b.reduce_window(kind, t, spec.clone()))),
        Pooling::Max => Extremum::Max,
        Pooling::Min => Extremum::Min,
    };
    Ok(Some(extremum(b, kind, &Pool::new(spec), [x, site.result], t)))
}

/// The mean of the tangents of the elements in the window that equal its result; 0 for a window of padding.
fn extremum(b: &Builder<'_>, kind: Extremum, pool: &Pool<'_>, [x, y]: [Value; 2], t: Value) -> Value {
    let tied = b.compare(Comparison::Eq, pool.view(b, x, identity(kind)), pool.spread(b, y));
    let inside = pool.inside(b, x);
    let tied = inside.map_or(tied, |inside| b.and(tied, inside));
    let tangents = pool.view(b, t, 0.0);
    let chosen = b.select(tied, tangents, emit::zero(b, &b.ty(tangents)));
    let total = b.reduce_add(chosen, pool.positions());
    let count = b.reduce_add(b.convert(tied, b.ty(x).dtype), pool.positions());
    let count = if inside.is_some() { b.max(count, b.splat_like(count, 1.0)) } else { count };
    b.div(total, count)
}

/// `select_and_scatter`, linear in the source; the operand only chooses.
pub(super) fn select_and_scatter(b: &Builder<'_>, op: &Op, site: &Site<'_>) -> Tangent {
    let [x, _] = site.operands()?;
    let [_, source_t] = site.tangents()?;
    Ok(source_t.map(|source_t| b.emit(op.clone(), &[x, source_t])))
}
