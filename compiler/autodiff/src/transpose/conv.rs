//! The transposes of a convolution are convolutions.
//!
//! On one spatial axis, with kernel size `K`, stride `s`, `low` zeros in front, input dilation `b` and kernel dilation `d`,
//!
//! ```text
//! y[o] = sum over k of padded[o s + k d] w[k],    padded[low + i b] = x[i]
//! ```
//!
//! so `x_ct[i]` sums `ct[o] w[k]` over `o s + k d = low + i b`: the reversed kernel over the cotangent, whose elements are `s`
//! apart, with stride `b`. And `w_ct[k]` sums `ct[o] padded[o s + k d]` over `o`: the cotangent as a kernel, dilated by `s`, with
//! stride `d`. In both the padding is what makes the result as large as the operand. Of the other axes, `x_ct` swaps the kernel's
//! features, and `w_ct` swaps batch and features on all. Groups of features of the one are groups of the batch of the other.

use pullback_ir::op::ConvSpec;
use pullback_ir::{Axes, Builder, PadSpec, Shape, Value};

use super::moves::kept;
use super::{Cotangents, NO_RULE, NotLinear, Operand};
use crate::emit;

/// Each operand from the other.
pub(super) fn conv(b: &Builder<'_>, spec: &ConvSpec, operands: &[Operand], ct: Value) -> Cotangents {
    let (x, kernel) = match operands {
        [Operand::Linear(x), Operand::Known(kernel)] => (x.shape.clone(), b.shape(*kernel)),
        [Operand::Known(x), Operand::Linear(kernel)] => (b.shape(*x), kernel.shape.clone()),
        _ => return Err(NotLinear("both factors depend on them")),
    };
    let out = b.shape(ct);
    if [&x, &kernel, &out].iter().any(|shape| shape.elements() == 0) {
        return Ok(vec![None, None]);
    }
    let Some(axes) = Spatial::of(spec, &x, &kernel, &out) else { return Ok(vec![None, None]) };
    let transpose = Transpose { b, spec, axes, ct };
    Ok(match *operands {
        [_, Operand::Known(kernel)] => vec![Some(transpose.input(kernel, &x)), None],
        [Operand::Known(x), _] => vec![None, Some(transpose.kernel(x))],
        _ => return Err(NO_RULE),
    })
}

/// One spatial axis, with no element of the input outside the padded positions.
struct Spatial {
    /// The first element that is inside, and the end.
    inside: (usize, usize),
    /// Positions in front of the first one inside.
    low: i64,
    /// Positions from the first one inside to the last.
    spread: i64,
    /// Positions from the first of a kernel to its last, less one.
    reach: i64,
    /// Positions from the first of the cotangent's elements, at their stride, to the last.
    windows: i64,
}

impl Spatial {
    /// All axes; `None` if on one of them all elements are outside. Nothing here is empty, so that what is inside is about as large as
    /// the padded input: no number is too wide.
    fn of(spec: &ConvSpec, x: &Shape, kernel: &Shape, out: &Shape) -> Option<Vec<Self>> {
        let axis = |s: usize| {
            let extent = x.extent(spec.lhs[2 + s])?;
            let step = spec.lhs_dilation[s] as i128;
            let offset = i128::from(spec.low[s]);
            let padded = (extent as i128 - 1) * step + 1 + offset + i128::from(spec.high[s]);
            let (first, end) = kept(extent, offset, step, usize::try_from(padded).ok()?)?;
            Some(Self {
                inside: (first, end),
                low: (offset + first as i128 * step) as i64,
                spread: ((end - first - 1) as i128 * step) as i64 + 1,
                reach: ((kernel.extent(spec.rhs[2 + s])? - 1) * spec.rhs_dilation[s]) as i64,
                windows: ((out.extent(spec.out[2 + s])? - 1) * spec.stride[s]) as i64 + 1,
            })
        };
        (0..spec.stride.len()).map(axis).collect()
    }
}

struct Transpose<'a, 'm> {
    b: &'a Builder<'m>,
    spec: &'a ConvSpec,
    axes: Vec<Spatial>,
    ct: Value,
}

impl Transpose<'_, '_> {
    fn each<T>(&self, f: impl Fn(&Spatial) -> T) -> Box<[T]> {
        self.axes.iter().map(f).collect()
    }

    /// The axes with the first two swapped: batch and features, or the kernel's features.
    fn swapped(axes: &Axes) -> Axes {
        [axes[1], axes[0]].into_iter().chain(axes[2..].iter().copied()).collect()
    }

    /// The cotangent of the input from the kernel.
    fn input(&self, kernel: Value, x: &Shape) -> Value {
        let (b, spec) = (self.b, self.spec);
        let groups = spec.feature_groups.max(spec.batch_groups);
        let mut spatial = spec.rhs[2..].to_vec();
        spatial.sort_unstable();
        let reversed = if spatial.is_empty() { kernel } else { b.reverse(kernel, spatial) };
        let transposed = ConvSpec {
            lhs: spec.out.clone(),
            rhs: Self::swapped(&spec.rhs),
            out: spec.lhs.clone(),
            stride: spec.lhs_dilation.clone(),
            low: self.each(|axis| axis.reach - axis.low),
            high: self.each(|axis| axis.spread + axis.low - axis.windows),
            lhs_dilation: spec.stride.clone(),
            rhs_dilation: spec.rhs_dilation.clone(),
            feature_groups: groups,
            batch_groups: 1,
        };
        let kernel = regrouped(b, reversed, spec.rhs[0], spec.rhs[1], groups);
        let inside = b.conv(self.ct, kernel, transposed);
        let inside = regrouped(b, inside, spec.lhs[1], spec.lhs[0], spec.batch_groups);
        self.surrounded(inside, x)
    }

    /// Zeros for the elements that are outside.
    fn surrounded(&self, inside: Value, x: &Shape) -> Value {
        let (b, spec) = (self.b, self.spec);
        let (mut low, mut high) = (vec![0; x.rank()], vec![0; x.rank()]);
        for (s, axis) in self.axes.iter().enumerate() {
            let at = spec.lhs[2 + s];
            low[at] = axis.inside.0 as i64;
            high[at] = x.extent(at).map_or(0, |extent| extent - axis.inside.1) as i64;
        }
        if low.iter().chain(&high).all(|&n| n == 0) {
            return inside;
        }
        let zero = emit::zero(b, &b.ty(inside).with_shape(Shape::scalar()));
        b.pad(inside, zero, PadSpec { low: low.into(), high: high.into(), interior: vec![0; x.rank()].into() })
    }

    /// The cotangent of the kernel from the input.
    fn kernel(&self, x: Value) -> Value {
        let (b, spec) = (self.b, self.spec);
        let mut limit = b.shape(x).extents();
        let mut start = vec![0; limit.len()];
        for (s, axis) in self.axes.iter().enumerate() {
            let at = spec.lhs[2 + s];
            (start[at], limit[at]) = axis.inside;
        }
        let stride = vec![1; start.len()];
        let inside = emit::slice(b, x, &start, &limit, &stride);
        let transposed = ConvSpec {
            lhs: Self::swapped(&spec.lhs),
            rhs: Self::swapped(&spec.out),
            out: Self::swapped(&spec.rhs),
            stride: spec.rhs_dilation.clone(),
            low: self.each(|axis| axis.low),
            high: self.each(|axis| axis.reach + axis.windows - axis.low - axis.spread),
            lhs_dilation: spec.lhs_dilation.clone(),
            rhs_dilation: spec.stride.clone(),
            feature_groups: spec.batch_groups,
            batch_groups: spec.feature_groups,
        };
        b.conv(inside, self.ct, transposed)
    }
}

/// `groups` parts of axis `from` moved to axis `to`, where they are the slower part.
fn regrouped(b: &Builder<'_>, x: Value, from: usize, to: usize, groups: usize) -> Value {
    if groups == 1 {
        return x;
    }
    let extents = b.shape(x).extents();
    let mut split = extents.clone();
    split[from] /= groups;
    split.insert(from, groups);
    // Axes behind `from` are one further now; that of the groups is at `from`.
    let at = |axis: usize| if axis < from { axis } else { axis + 1 };
    let perm: Vec<usize> =
        (0..extents.len()).flat_map(|axis| (axis == to).then_some(from).into_iter().chain([at(axis)])).collect();
    let mut merged = extents;
    merged[from] /= groups;
    merged[to] *= groups;
    let (Ok(split), Ok(merged)) = (Shape::new(&split), Shape::new(&merged)) else {
        return b.fail("reshape", "the groups do not fit into a shape");
    };
    b.reshape(b.transpose(b.reshape(x, &split), perm), &merged)
}
