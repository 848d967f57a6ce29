//! Control flow around kernels.

use pullback_ir::Scalar;

use super::{Error, Run};
use crate::memory::{Timeline, local_to};
use crate::program::{Buffer, Place};
use crate::step::Step;

impl Run<'_> {
    /// Runs steps, the first event of which has this number in the timeline.
    pub(super) fn steps(&mut self, steps: &[Step], mut event: usize) -> Result<(), Error> {
        for step in steps {
            let after = event + Timeline::events_of(step);
            match step {
                Step::Kernel(kernel) => {
                    self.place = format!("kernel @{}", kernel.name);
                    self.statements(&kernel.body)?;
                }
                Step::Loop(inner) => {
                    let local = local_to(&(event..after), &self.timeline, self.program);
                    for number in 0..inner.extent {
                        let is_reversed = inner.parallel && self.backwards;
                        self.counters[inner.index] = if is_reversed { inner.extent - 1 - number } else { number };
                        self.forget(&local);
                        self.steps(&inner.body, event)?;
                    }
                }
                Step::While(inner) => {
                    let local = local_to(&(event..after), &self.timeline, self.program);
                    let body = event + 1 + inner.before.iter().map(Timeline::events_of).sum::<usize>();
                    let mut iterations = 0;
                    while inner.bound.is_none_or(|bound| iterations < bound) {
                        self.forget(&local);
                        self.steps(&inner.before, event)?;
                        if self.scalar("the condition of a loop", &inner.condition)? != Scalar::Bool(true) {
                            break;
                        }
                        self.steps(&inner.body, body)?;
                        iterations += 1;
                    }
                }
                Step::Branch(inner) => {
                    let selected = match self.scalar("the selector of a branch", &inner.selector)? {
                        Scalar::Bool(holds) => i64::from(holds),
                        other => other.to_f64() as i64,
                    };
                    let case = selected.clamp(0, inner.cases.len() as i64 - 1) as usize;
                    let before = inner.cases[..case].iter().flatten().map(Timeline::events_of).sum::<usize>();
                    self.steps(&inner.cases[case], event + 1 + before)?;
                }
            }
            event = after;
        }
        Ok(())
    }

    fn forget(&mut self, buffers: &[Buffer]) {
        buffers.iter().for_each(|&buffer| self.memory.forget(buffer));
    }

    fn scalar(&mut self, what: &str, place: &Place) -> Result<Scalar, Error> {
        self.place = what.into();
        self.memory.load(place.buffer, self.index(&place.index), &self.place)
    }
}
