//! Accesses: that all of them, in all iterations, stay inside their buffers.

use pullback_ir::DType;
use pullback_ir::types::MAX_ELEMENTS;

use super::Checker;
use super::product::Layout;
use crate::program::{Affine, Buffer, Place, Space, Var, VarType};

/// The largest extent and stride of a matrix: offsets then fit 128 bits here and 64 bits in the kernel that is called.
pub(super) const MAX_SIZE: i128 = MAX_ELEMENTS as i128;

/// The least and the greatest value of an expression.
type Range = (i128, i128);

impl Checker<'_> {
    pub(super) fn check_load(&mut self, ty: VarType, place: &Place) {
        self.check_place(ty, place);
        self.check_loadable(place.buffer);
    }

    pub(super) fn check_store(&mut self, place: &Place, var: Var) {
        if let Some(ty) = self.operand(0, var) {
            self.check_place(ty, place);
        }
        self.check_storable(place.buffer);
    }

    /// Scalars have no neighbour, so there is one way to write them.
    pub(super) fn check_lane_stride(&mut self, ty: VarType, lane_stride: i64) {
        if ty.lanes == 1 && lane_stride != 1 {
            self.report(format!("a scalar has lanes {lane_stride} apart, expected 1"));
        }
    }

    fn check_place(&mut self, ty: VarType, place: &Place) {
        self.check_lane_stride(ty, place.lane_stride);
        self.check_layout(place.buffer, Layout::Plain);
        let range = self.range(&place.index);
        if let (Some(range), true) = (range, self.check_element_type(place.buffer, ty.dtype)) {
            let lanes = i128::from(place.lane_stride) * (i128::from(ty.lanes) - 1);
            self.check_inside(place.buffer, widen(range, lanes));
        }
    }

    pub(super) fn check_element_type(&mut self, buffer: Buffer, dtype: DType) -> bool {
        let Some(data) = self.program.buffers.get(buffer) else {
            self.report(format!("there is no buffer {buffer}"));
            return false;
        };
        if data.dtype != dtype {
            self.report(format!("%{} has elements of {}, the access is of {dtype}", data.name, data.dtype));
        }
        data.dtype == dtype
    }

    pub(super) fn check_inside(&mut self, buffer: Buffer, (low, high): Range) {
        let Some(data) = self.program.buffers.get(buffer) else { return };
        if self.unreachable == 0 && (low < 0 || high >= data.elements as i128) {
            let (name, elements) = (&data.name, data.elements);
            self.report(format!("positions {low} to {high} of %{name} are accessed, which has {elements} elements"));
        }
    }

    /// Inputs, constants and what is donated have their elements from the start, others once something is stored.
    pub(super) fn check_loadable(&mut self, buffer: Buffer) {
        let Some(data) = self.program.buffers.get(buffer) else { return };
        let is_stored = match data.space {
            Space::Input(_) | Space::Constant(_) => true,
            Space::Output(_) | Space::Arena(_) | Space::Local(_) => {
                self.stored.contains(buffer) || self.program.donated.contains(buffer)
            }
        };
        if self.unreachable == 0 && !is_stored {
            self.report(format!("%{} is read and nothing is stored to it before", data.name));
        }
    }

    pub(super) fn check_storable(&mut self, buffer: Buffer) {
        let Some(data) = self.program.buffers.get(buffer) else { return };
        match data.space {
            Space::Input(_) => self.report(format!("a store to %{}, an input", data.name)),
            Space::Constant(_) => self.report(format!("a store to %{}, a constant", data.name)),
            Space::Output(_) | Space::Arena(_) | Space::Local(_) if self.unreachable == 0 => {
                self.stored.insert(buffer);
            }
            Space::Output(_) | Space::Arena(_) | Space::Local(_) => {}
        }
    }

    /// The least and the greatest value of an expression of the counters in scope, if it is one and in canonical form.
    pub(super) fn range(&mut self, affine: &Affine) -> Option<Range> {
        let mut range = (i128::from(affine.offset), i128::from(affine.offset));
        let mut previous = None;
        for &(index, coefficient) in &affine.terms {
            if previous.is_some_and(|previous| previous >= index) || coefficient == 0 {
                self.report("the terms of an index are not each of another counter, in order, with a factor");
                return None;
            }
            previous = Some(index);
            let last = if self.counters.contains(index) { self.last[index] } else { None };
            let Some(last) = last else {
                self.report("a counter is used outside its loop");
                return None;
            };
            range = widen(range, i128::from(coefficient) * i128::from(last));
        }
        Some(range)
    }
}

/// The range of a sum with a term that takes values from 0 to `reach`, both included.
pub(super) fn widen((low, high): Range, reach: i128) -> Range {
    (low.saturating_add(reach.min(0)), high.saturating_add(reach.max(0)))
}
