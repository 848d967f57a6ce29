//! Rows: values whose elements follow each other in the memory of another value.
//!
//! A slice that takes consecutive elements in row-major order, and any reshape, is such a range of what it is a view of. Ranges that follow each other are a range:
//! what is concatenated along the first axis may have been there as a whole.

use pullback_ir::{Function, Op, Shape, SliceSpec, Type, Value};

/// The elements `start..start + elements` of a value in row-major order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Rows {
    pub(crate) of: Value,
    pub(crate) start: usize,
    pub(crate) elements: usize,
}

impl Rows {
    /// The range that a value is, of the value furthest back; all of itself if it is no view.
    pub(crate) fn of(function: &Function, value: Value) -> Self {
        let mut rows = Self { of: value, start: 0, elements: function.ty(value).elements() };
        while let Some(inst) = function.def_inst(rows.of) {
            let &[operand] = function.args(inst) else { break };
            let first = match function.op(inst) {
                Op::Reshape(_) => Some(0),
                Op::Slice(spec) => first_element(spec, &function.ty(operand).shape.extents()),
                _ => None,
            };
            let Some(first) = first else { break };
            rows.of = operand;
            rows.start += first;
        }
        rows
    }

    /// The range that these are one after the other, if they are one.
    pub(crate) fn joined(all: impl IntoIterator<Item = Self>) -> Option<Self> {
        let mut all = all.into_iter();
        let first = all.next()?;
        all.try_fold(first, |joined, next| {
            let follows = next.of == joined.of && next.start == joined.start + joined.elements;
            follows.then_some(Self { elements: joined.elements + next.elements, ..joined })
        })
    }

    /// The slice along the first axis, of a value of this type, that has these elements in this order, if there is one; followed by a reshape it is whatever has them.
    pub(crate) fn slice(&self, ty: &Type) -> Option<SliceSpec> {
        let extents = ty.shape.extents();
        let (&count, inner) = extents.split_first()?;
        let row: usize = inner.iter().product();
        let is_whole = |elements: usize| elements.checked_rem(row) == Some(0);
        if count == 0 || !is_whole(self.start) || !is_whole(self.elements) {
            return None;
        }
        let (mut start, mut limit) = (vec![0; extents.len()], extents.clone());
        (start[0], limit[0]) = (self.start / row, (self.start + self.elements) / row);
        Some(SliceSpec { start: start.into(), limit: limit.into(), stride: vec![1; extents.len()].into() })
    }
}

/// The first element that a slice takes of an operand of these extents, if those it takes follow each other.
fn first_element(spec: &SliceSpec, extents: &[usize]) -> Option<usize> {
    let strides = Shape::new(extents).ok()?.strides();
    let mut first = 0;
    // Whether one position was taken of each axis so far.
    let mut is_single = true;
    for (axis, &extent) in extents.iter().enumerate() {
        let (start, limit, stride) = (*spec.start.get(axis)?, *spec.limit.get(axis)?, *spec.stride.get(axis)?);
        let count = limit.checked_sub(start)?.div_ceil(stride);
        if count == 0 || (count > 1 && stride != 1) || (!is_single && count != extent) {
            return None;
        }
        is_single &= count == 1;
        first += start * strides.get(axis)?;
    }
    Some(first)
}
