//! Calls of the runtime.

use super::Checker;
use super::access::{MAX_SIZE, widen};
use super::product::Layout;
use crate::call::{Access, RuntimeCall, View};
use crate::program::Space;

impl Checker<'_> {
    pub(super) fn check_call(&mut self, call: &RuntimeCall) {
        let buffers = &self.program.buffers;
        if let Some(view) = call.views.iter().find(|view| buffers.get(view.buffer).is_none()) {
            return self.report(format!("there is no buffer {}", view.buffer));
        }
        if let Some(problem) = call.problem(|buffer| buffers[buffer].dtype) {
            return self.report(problem);
        }
        let axes = || call.views.iter().flat_map(|view| &view.axes);
        let sizes = axes().flat_map(|axis| [axis.extent as i128, i128::from(axis.stride.unsigned_abs())]);
        if sizes.into_iter().any(|size| size > MAX_SIZE) {
            return self.report("an extent or a stride of a view is larger than 2^48");
        }
        for (number, (view, access)) in call.operands().enumerate() {
            self.check_view(view);
            let is_empty = view.axes.iter().any(|axis| axis.extent == 0);
            if access != Access::Read {
                if call.views.iter().enumerate().any(|(other, v)| other != number && v.buffer == view.buffer) {
                    self.report("what the call stores to is also another operand");
                }
                if !are_apart(view) {
                    self.report("elements that the call stores share memory");
                }
            }
            if is_empty {
                continue;
            }
            if matches!(access, Access::Read | Access::Update) {
                self.check_loadable(view.buffer);
            }
            match access {
                Access::Read => {}
                Access::Write | Access::Update => self.check_storable(view.buffer),
                Access::Scratch => self.check_scratch(view),
            }
        }
    }

    fn check_view(&mut self, view: &View) {
        self.check_layout(view.buffer, Layout::Plain);
        let Some(mut range) = self.range(&view.index) else { return };
        for axis in &view.axes {
            if axis.extent == 0 {
                return;
            }
            range = widen(range, i128::from(axis.stride) * (axis.extent as i128 - 1));
        }
        self.check_inside(view.buffer, range);
    }

    /// Scratch memory loses what it holds, so it is no one else's result.
    fn check_scratch(&mut self, view: &View) {
        let data = &self.program.buffers[view.buffer];
        if !matches!(data.space, Space::Arena(_) | Space::Local(_)) {
            self.report(format!("the call uses %{} as scratch memory, expected a buffer of the arena", data.name));
        }
    }
}

/// Whether no two positions of a view are one element: the steps along one axis are longer than all of the other.
fn are_apart(view: &View) -> bool {
    let mut axes: Vec<(i128, i128)> = view
        .axes
        .iter()
        .filter(|axis| axis.extent != 1)
        .map(|axis| (i128::from(axis.stride).abs(), axis.extent as i128))
        .collect();
    axes.sort_unstable();
    let mut reach = 0;
    view.axes.iter().any(|axis| axis.extent == 0)
        || axes.into_iter().all(|(stride, extent)| {
            let apart = stride > reach;
            reach += stride * (extent - 1);
            apart
        })
}
