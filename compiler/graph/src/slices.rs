//! Parts of tensors: slices, splits, and padding around them.
//!
//! Bounds are signed: negative ones count from the end, `..-1` is all but the last. Unlike in NumPy a bound outside the tensor is a
//! mistake, not silently moved inside.

use std::ops::{Range, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive};

use pullback_ir::{Op, PadSpec, SliceSpec};

use crate::operand::{Operand, Resolved};
use crate::tensor::Tensor;

/// Positions along one axis: a range of Rust over `isize`, and a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    start: Bound,
    limit: Bound,
    step: usize,
}

/// A position between elements.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Bound {
    /// Before the position that a user's index names.
    Before(isize),
    /// After it.
    After(isize),
    /// After the last.
    End,
}

/// Positions of a range, to be given a step: `span(1..).step(2)`.
pub fn span(range: impl Into<Span>) -> Span {
    range.into()
}

impl Span {
    /// Every `step`-th of the positions, from the first; at least 1.
    #[must_use]
    pub const fn step(self, step: usize) -> Self {
        Self { step, ..self }
    }

    /// Start and limit on an axis of this extent.
    fn resolve(self, extent: usize) -> Result<(usize, usize), String> {
        let (start, limit) = (self.start.resolve(extent), self.limit.resolve(extent));
        match (start, limit) {
            (Some(start), Some(limit)) if start <= limit => Ok((start, limit)),
            _ => Err(format!("the positions {self} are not within the extent {extent}")),
        }
    }
}

impl Bound {
    fn resolve(self, extent: usize) -> Option<usize> {
        let counted = |index: isize| match index {
            0.. => Some(index.unsigned_abs()),
            _ => extent.checked_sub(index.unsigned_abs()),
        };
        let bound = match self {
            Self::Before(index) => counted(index),
            Self::After(index) => counted(index).and_then(|index| index.checked_add(1)),
            Self::End => Some(extent),
        };
        bound.filter(|&bound| bound <= extent)
    }
}

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Bound::Before(index) | Bound::After(index) = self.start {
            write!(f, "{index}")?;
        }
        match self.limit {
            Bound::Before(index) => write!(f, "..{index}"),
            Bound::After(index) => write!(f, "..={index}"),
            Bound::End => write!(f, ".."),
        }
    }
}

macro_rules! span_from {
    ($($Range:ty, $range:ident => $start:expr, $limit:expr;)*) => {
        $(impl From<$Range> for Span {
            fn from($range: $Range) -> Self {
                Self { start: $start, limit: $limit, step: 1 }
            }
        })*
    };
}

span_from! {
    Range<isize>, range => Bound::Before(range.start), Bound::Before(range.end);
    RangeInclusive<isize>, range => Bound::Before(*range.start()), Bound::After(*range.end());
    RangeFrom<isize>, range => Bound::Before(range.start), Bound::End;
    RangeTo<isize>, range => Bound::Before(0), Bound::Before(range.end);
    RangeToInclusive<isize>, range => Bound::Before(0), Bound::After(range.end);
    RangeFull, _range => Bound::Before(0), Bound::End;
}

/// Parts.
impl<'g> Tensor<'g> {
    /// A box of positions, one [`Span`] per axis; axes without one are taken whole.
    ///
    /// `x.slice([span(0..2), span(..).step(2)])`
    #[track_caller]
    pub fn slice(self, spans: impl AsRef<[Span]>) -> Self {
        let (spans, dims) = (spans.as_ref(), self.dims());
        if spans.len() > dims.len() {
            let message = format!("{} spans for {}, which has {} axes", spans.len(), self.ty(), dims.len());
            return self.graph().fail("slice", message);
        }
        let mut spec = SliceSpec {
            start: vec![0; dims.len()].into(),
            limit: dims.clone().into(),
            stride: vec![1; dims.len()].into(),
        };
        for (axis, span) in spans.iter().enumerate() {
            match span.resolve(dims[axis]) {
                Ok((start, limit)) => (spec.start[axis], spec.limit[axis]) = (start, limit),
                Err(message) => return self.graph().fail("slice", format!("axis {axis} of {}: {message}", self.ty())),
            }
            spec.stride[axis] = span.step;
        }
        let whole =
            spec.start.iter().all(|&start| start == 0) && *spec.limit == *dims && spec.stride.iter().all(|&s| s == 1);
        if whole { self } else { self.graph().emit(Op::Slice(Box::new(spec)), &[self]) }
    }

    /// Positions along one axis: `x.slice_axis(-1, 1..)`.
    #[track_caller]
    pub fn slice_axis(self, axis: isize, positions: impl Into<Span>) -> Self {
        let Some(axis) = self.axis("slice_axis", axis) else { return self.graph().placeholder() };
        let mut spans = vec![span(..); axis + 1];
        spans[axis] = positions.into();
        self.slice(spans)
    }

    /// One position along an axis, which disappears; -1 is the last position.
    #[track_caller]
    pub fn index(self, axis: isize, position: isize) -> Self {
        let one = self.slice_axis(axis, position..=position);
        if self.graph().has_failed() { one } else { one.squeeze([axis]) }
    }

    /// `N` parts of equal extent along an axis: `let [q, k, v] = x.split(-1);`.
    #[track_caller]
    pub fn split<const N: usize>(self, axis: isize) -> [Self; N] {
        let mut parts = [self.graph().tensor(self.value()); N];
        let Some(axis) = self.axis("split", axis) else { return parts };
        let extent = self.dims()[axis];
        match extent.checked_div(N) {
            Some(size) if size * N == extent => {
                for (index, part) in parts.iter_mut().enumerate() {
                    *part = self.part(axis, index * size, size);
                }
            }
            _ => {
                let message = format!("axis {axis} of {} does not split into {N} equal parts", self.ty());
                self.graph().record("split", message);
            }
        }
        parts
    }

    /// Parts of the given extents along an axis; together they make up the axis.
    #[track_caller]
    pub fn split_sizes(self, sizes: &[usize], axis: isize) -> Vec<Self> {
        let Some(axis) = self.axis("split_sizes", axis) else { return vec![self; sizes.len()] };
        let total = sizes.iter().fold(0usize, |total, &size| total.saturating_add(size));
        if total != self.dims()[axis] {
            let message = format!("the parts {sizes:?} add up to {total}, axis {axis} of {} does not", self.ty());
            self.graph().record("split_sizes", message);
            return vec![self; sizes.len()];
        }
        let mut start = 0;
        let mut parts = Vec::with_capacity(sizes.len());
        for &size in sizes {
            parts.push(self.part(axis, start, size));
            start += size;
        }
        parts
    }

    /// Positions `start` to `start + size` of an axis that has them.
    #[track_caller]
    fn part(self, axis: usize, start: usize, size: usize) -> Self {
        let range = start.cast_signed()..(start + size).cast_signed();
        self.slice_axis(axis.cast_signed(), range)
    }

    /// Positions added before and after each axis, one pair per axis, filled with the scalar `value`; negative numbers remove.
    #[track_caller]
    pub fn pad(self, widths: impl AsRef<[(i64, i64)]>, value: impl Operand<'g>) -> Self {
        let widths = widths.as_ref();
        let spec = PadSpec {
            low: widths.iter().map(|width| width.0).collect(),
            high: widths.iter().map(|width| width.1).collect(),
            interior: vec![0; widths.len()].into(),
        };
        self.pad_general(spec, value)
    }

    /// As [`Tensor::pad`], also with positions added between neighbours (`interior`).
    #[track_caller]
    pub fn pad_general(self, spec: PadSpec, value: impl Operand<'g>) -> Self {
        let graph = self.graph();
        let value = match value.resolve() {
            Resolved::Number(number) => {
                let Some(scalar) = graph.make_type("pad", self.dtype(), &[]) else { return graph.placeholder() };
                graph.splat("pad", &scalar, number)
            }
            Resolved::Tensor(tensor) => {
                self.same_graph("pad", tensor);
                tensor
            }
        };
        graph.emit(Op::Pad(Box::new(spec)), &[self, value])
    }
}
