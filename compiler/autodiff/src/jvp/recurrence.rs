//! Linear recurrences along an axis, `z[i] = a[i] z[i - 1] + c[i]`, by doubling: what running combinations have as derivatives.
//!
//! After the step for distance `s` each `z[i]` has the terms of the `2 s` positions up to `i`: log n steps of whole tensors, each linear in `c`.
//! Nothing is divided or subtracted, so that zeros are exact and nothing cancels (Hillis and Steele, "Data parallel algorithms").

use pullback_ir::{Builder, PadSpec, Shape, Value};

use crate::emit;

/// An axis and the direction in which positions follow each other on it.
#[derive(Clone, Copy)]
pub(super) struct Line {
    /// The axis.
    pub(super) axis: usize,
    /// Whether the last position comes first.
    pub(super) reverse: bool,
}

impl Line {
    /// The number of positions.
    pub(super) fn extent(self, b: &Builder<'_>, x: Value) -> usize {
        b.shape(x).extent(self.axis).unwrap_or(0)
    }

    /// The first `count` positions.
    pub(super) fn early(self, b: &Builder<'_>, x: Value, count: usize) -> Value {
        self.end(b, x, count, self.reverse)
    }

    /// The last `count` positions.
    pub(super) fn late(self, b: &Builder<'_>, x: Value, count: usize) -> Value {
        self.end(b, x, count, !self.reverse)
    }

    fn end(self, b: &Builder<'_>, x: Value, count: usize, high: bool) -> Value {
        let extent = self.extent(b, x);
        match (count == extent, high) {
            (true, _) => x,
            (false, true) => b.slice_axis(x, self.axis, extent - count, extent),
            (false, false) => b.slice_axis(x, self.axis, 0, count),
        }
    }

    /// `x` with `count` positions of value `fill` before it.
    pub(super) fn delayed(self, b: &Builder<'_>, x: Value, count: usize, fill: f64) -> Value {
        let ty = b.ty(x);
        let (mut low, mut high) = (vec![0; ty.rank()], vec![0; ty.rank()]);
        if self.reverse {
            high[self.axis] = count as i64;
        } else {
            low[self.axis] = count as i64;
        }
        let spec = PadSpec { low: low.into(), high: high.into(), interior: vec![0; ty.rank()].into() };
        b.pad(x, b.splat(&ty.with_shape(Shape::scalar()), fill), spec)
    }
}

/// The factors `a` of all positions but the first, as a product of those that are given.
#[derive(Clone, Copy)]
pub(super) struct Step {
    /// 1 where it holds and 0 elsewhere, where `z[i - 1]` is not used at all, not even if it is infinite.
    pub(super) keep: Option<Value>,
    /// Any factor.
    pub(super) scale: Option<Value>,
}

impl Step {
    fn map(self, f: impl Fn(Value) -> Value) -> Self {
        Self { keep: self.keep.map(&f), scale: self.scale.map(&f) }
    }

    fn apply(self, b: &Builder<'_>, z: Value) -> Value {
        let scaled = self.scale.map_or(z, |scale| b.mul(z, scale));
        self.keep.map_or(scaled, |keep| b.select(keep, scaled, emit::zero(b, &b.ty(scaled))))
    }

    fn after(self, b: &Builder<'_>, first: Self) -> Self {
        let both = |x: Option<Value>, y: Option<Value>, f: &dyn Fn(Value, Value) -> Value| Some(f(x?, y?));
        Self {
            keep: both(self.keep, first.keep, &|x, y| b.and(x, y)),
            scale: both(self.scale, first.scale, &|x, y| b.mul(x, y)),
        }
    }
}

/// The solution, from 0 before the first position; linear in `c`.
pub(super) fn solve(b: &Builder<'_>, line: Line, mut step: Step, c: Value) -> Value {
    let extent = line.extent(b, c);
    let mut z = c;
    let mut distance = 1;
    while distance < extent {
        // `step` leads from each of these positions over the distance.
        let from = line.early(b, z, extent - distance);
        z = b.add(z, line.delayed(b, step.apply(b, from), distance, 0.0));
        if let Some(rest @ 1..) = extent.checked_sub(2 * distance) {
            let (late, early) = (step.map(|x| line.late(b, x, rest)), step.map(|x| line.early(b, x, rest)));
            step = late.after(b, early);
        }
        distance *= 2;
    }
    z
}
