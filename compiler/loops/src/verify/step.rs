//! Control flow around kernels: counters, conditions, and what has been stored on every path.

use cranelift_entity::EntitySet;
use pullback_ir::DType;

use super::Checker;
use crate::program::{Buffer, Place, VarType};
use crate::step::{Branch, Loop, Step, While};

impl<'a> Checker<'a> {
    pub(super) fn steps(&mut self, steps: &'a [Step]) {
        for step in steps {
            match step {
                Step::Kernel(kernel) => self.check_kernel(kernel),
                Step::Loop(inner) => self.check_step_loop(inner),
                Step::While(inner) => self.check_while(inner),
                Step::Branch(inner) => self.check_branch(inner),
            }
        }
    }

    fn check_step_loop(&mut self, inner: &'a Loop) {
        let Loop { index, extent, parallel: _, body } = inner;
        if *extent < 0 {
            return self.report(format!("the loop around kernels goes to {extent}, expected at least 0"));
        }
        if !self.check_counter(*index) || !self.check_depth() {
            return;
        }
        self.last[*index] = Some(extent - 1.min(*extent));
        self.depth += 1;
        self.unreachable += usize::from(*extent == 0);
        self.steps(body);
        self.unreachable -= usize::from(*extent == 0);
        self.depth -= 1;
        self.last[*index] = None;
    }

    fn check_while(&mut self, inner: &'a While) {
        if !self.check_depth() {
            return;
        }
        let never = usize::from(inner.bound == Some(0));
        self.depth += 1;
        self.unreachable += never;
        self.steps(&inner.before);
        self.check_scalar("the condition of a loop", &[DType::Bool], &inner.condition);
        // Perhaps there is no iteration: nothing that one stores counts behind the loop.
        let stored = self.stored.clone();
        self.steps(&inner.body);
        self.stored = stored;
        self.unreachable -= never;
        self.depth -= 1;
    }

    fn check_branch(&mut self, inner: &'a Branch) {
        if !self.check_depth() {
            return;
        }
        let selector = self.check_scalar("the selector of a branch", &[DType::Bool, DType::I32], &inner.selector);
        let count = inner.cases.len();
        if count == 0 || (selector == Some(DType::Bool) && count != 2) {
            self.report(format!("a branch with {count} cases, expected at least one, and two for a bool"));
        }
        let before = self.stored.clone();
        let mut all: Option<EntitySet<Buffer>> = None;
        self.depth += 1;
        for case in &inner.cases {
            self.stored = before.clone();
            self.steps(case);
            // What every case stores is stored behind the branch.
            let stored = std::mem::take(&mut self.stored);
            all = Some(all.map_or_else(|| stored.clone(), |all| both(&all, &stored)));
        }
        self.depth -= 1;
        self.stored = all.unwrap_or(before);
    }

    /// A scalar that control flow reads from memory; gives its element type if it is one of those expected.
    fn check_scalar(&mut self, what: &str, expected: &[DType], place: &Place) -> Option<DType> {
        let Some(data) = self.program.buffers.get(place.buffer) else {
            self.report(format!("there is no buffer {}", place.buffer));
            return None;
        };
        if !expected.contains(&data.dtype) {
            let names: Vec<&str> = expected.iter().map(|dtype| dtype.name()).collect();
            self.report(format!("{what} is %{}, {}, expected {}", data.name, data.dtype, names.join(" or ")));
            return None;
        }
        self.check_load(VarType::scalar(data.dtype), place);
        Some(data.dtype)
    }
}

fn both(one: &EntitySet<Buffer>, other: &EntitySet<Buffer>) -> EntitySet<Buffer> {
    let mut both = EntitySet::new();
    both.extend(one.iter().filter(|&buffer| other.contains(buffer)));
    both
}
