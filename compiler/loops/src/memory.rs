//! The memory plan: offsets in the one arena.
//!
//! Time is counted in *events*, in order of the text: a kernel is one, and so is the reading of a condition or selector. A buffer lives from the first
//! event that touches it to the last. If some of them are inside a loop and some outside, it lives through the whole loop; if all are inside, it lives within
//! each iteration. Two cases of a branch never run both, so what only one of them touches may lie where the other has something else.
//!
//! Walking the events in order, buffers that begin get the smallest free range that holds them (best fit), buffers that ended give theirs back,
//! neighbouring free ranges merge. Offsets are multiples of a cache line, so that vectors are aligned and threads do not share lines. The
//! arena's size is exact and known before the first call.

use std::collections::BTreeMap;
use std::ops::Range;

use cranelift_entity::SecondaryMap;

use crate::error::Error;
use crate::program::{Buffer, Program, Space, Stmt};
use crate::step::Step;

/// Bytes of a cache line.
pub const ALIGNMENT: usize = 64;

/// The largest arena: 2^46 bytes, far above any machine, far below overflow.
const MAX_ARENA: usize = 1 << 46;

/// Gives every buffer of the arena its offset, and the program the arena's size.
///
/// # Errors
/// [`Error::Limit`] if the arena would be larger than any address space.
pub fn plan_memory(program: &mut Program) -> Result<(), Error> {
    let timeline = Timeline::new(program);
    let mut ending: Vec<Vec<Buffer>> = vec![Vec::new(); timeline.events];
    let mut beginning = ending.clone();
    for (buffer, data) in program.buffers.iter() {
        if let (Space::Arena(_), Some((first, last))) = (&data.space, timeline.lifetimes[buffer]) {
            beginning[first].push(buffer);
            ending[last].push(buffer);
        }
    }
    let mut arena = Arena::default();
    for (starts, ends) in beginning.into_iter().zip(ending) {
        for buffer in starts {
            let offset = arena.take(size(program, buffer))?;
            program.buffers[buffer].space = Space::Arena(offset);
        }
        for buffer in ends {
            if let Space::Arena(offset) = program.buffers[buffer].space {
                arena.give_back(offset, size(program, buffer));
            }
        }
    }
    program.arena_bytes = arena.end;
    Ok(())
}

fn size(program: &Program, buffer: Buffer) -> usize {
    let data = &program.buffers[buffer];
    (data.elements * data.dtype.bytes()).next_multiple_of(ALIGNMENT)
}

/// When each buffer lives.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    /// How many events there are.
    pub events: usize,
    /// First and last event of each buffer's life, `None` for one that nothing touches.
    pub lifetimes: SecondaryMap<Buffer, Option<(usize, usize)>>,
}

impl Timeline {
    /// Numbers the events of a program.
    #[must_use]
    pub fn new(program: &Program) -> Self {
        let mut timeline = Self::default();
        timeline.steps(&program.body);
        timeline.extend(&program.body, &mut 0);
        timeline
    }

    /// How many events a step is.
    #[must_use]
    pub fn events_of(step: &Step) -> usize {
        let own = usize::from(!matches!(step, Step::Loop(_)));
        own + step.nested().flatten().map(Self::events_of).sum::<usize>()
    }

    fn touch(&mut self, buffer: Buffer) {
        let now = self.events;
        let lifetime = &mut self.lifetimes[buffer];
        *lifetime = Some((lifetime.map_or(now, |(first, _)| first), now));
    }

    fn steps(&mut self, steps: &[Step]) {
        for step in steps {
            match step {
                Step::Kernel(kernel) => {
                    for_each_buffer(&kernel.body, &mut |buffer| self.touch(buffer));
                    self.events += 1;
                }
                Step::Loop(inner) => self.steps(&inner.body),
                Step::While(inner) => {
                    self.steps(&inner.before);
                    self.touch(inner.condition.buffer);
                    self.events += 1;
                    self.steps(&inner.body);
                }
                Step::Branch(inner) => {
                    self.touch(inner.selector.buffer);
                    self.events += 1;
                    inner.cases.iter().for_each(|case| self.steps(case));
                }
            }
        }
    }

    /// Lets buffers that are touched inside and outside a loop live through the whole of it. Gives what the steps touch, in no order.
    fn extend(&mut self, steps: &[Step], event: &mut usize) -> Vec<Buffer> {
        let mut touched = Vec::new();
        for step in steps {
            let start = *event;
            let inside = match step {
                Step::Kernel(kernel) => {
                    for_each_buffer(&kernel.body, &mut |buffer| touched.push(buffer));
                    *event += 1;
                    continue;
                }
                Step::Branch(inner) => {
                    touched.push(inner.selector.buffer);
                    *event += 1;
                    for case in &inner.cases {
                        touched.extend(self.extend(case, event));
                    }
                    continue;
                }
                Step::Loop(inner) => self.extend(&inner.body, event),
                Step::While(inner) => {
                    let mut inside = self.extend(&inner.before, event);
                    inside.push(inner.condition.buffer);
                    *event += 1;
                    inside.extend(self.extend(&inner.body, event));
                    inside
                }
            };
            touched.extend(self.live_through(start..*event, inside));
        }
        touched.sort_unstable();
        touched.dedup();
        touched
    }

    /// Those of the buffers touched inside a loop that do not live within one iteration; they live through all.
    fn live_through(&mut self, events: Range<usize>, mut inside: Vec<Buffer>) -> Vec<Buffer> {
        inside.retain(|&buffer| match &mut self.lifetimes[buffer] {
            Some((first, last)) if *first < events.start || *last >= events.end => {
                (*first, *last) = ((*first).min(events.start), (*last).max(events.end - 1));
                true
            }
            Some(_) | None => false,
        });
        inside
    }
}

/// The buffers of the arena that are touched inside a loop and nowhere else: they hold nothing when an iteration begins.
pub(crate) fn local_to(events: &Range<usize>, timeline: &Timeline, program: &Program) -> Vec<Buffer> {
    let within = |(first, last): (usize, usize)| first >= events.start && last < events.end;
    let arena = program.buffers.iter().filter(|entry| matches!(entry.1.space, Space::Arena(_)));
    arena.map(|entry| entry.0).filter(|&buffer| timeline.lifetimes[buffer].is_some_and(within)).collect()
}

fn for_each_buffer(stmts: &[Stmt], visit: &mut impl FnMut(Buffer)) {
    use crate::program::Expr;
    for stmt in stmts {
        match stmt {
            Stmt::Let(_, Expr::Load(place)) | Stmt::Store(place, _) => visit(place.buffer),
            Stmt::Let(_, _) => {}
            Stmt::For(inner) => for_each_buffer(&inner.body, visit),
            Stmt::Gemm(gemm) => {
                for matrix in [&gemm.out, &gemm.lhs, &gemm.rhs] {
                    visit(matrix.buffer);
                }
            }
            Stmt::Bind(_) => {}
            Stmt::If(inner) => for_each_buffer(&inner.body, visit),
            Stmt::Call(call) => call.views.iter().for_each(|view| visit(view.buffer)),
        }
    }
}

/// Free ranges by offset; everything from `end` on was never used.
#[derive(Default)]
struct Arena {
    free: BTreeMap<usize, usize>,
    end: usize,
}

impl Arena {
    fn take(&mut self, size: usize) -> Result<usize, Error> {
        let fit =
            self.free.iter().filter(|&(_, &length)| length >= size).min_by_key(|&(&offset, &length)| (length, offset));
        if let Some((&offset, &length)) = fit {
            self.free.remove(&offset);
            if length > size {
                self.free.insert(offset + size, length - size);
            }
            return Ok(offset);
        }
        // The last free range may be short of what is wanted and still be where it begins.
        let offset = match self.free.last_key_value() {
            Some((&offset, &length)) if offset + length == self.end => offset,
            Some(_) | None => self.end,
        };
        self.free.remove(&offset);
        self.end = offset
            .checked_add(size)
            .filter(|&end| end <= MAX_ARENA)
            .ok_or_else(|| Error::Limit(format!("the program needs an arena of more than {MAX_ARENA} bytes")))?;
        Ok(offset)
    }

    fn give_back(&mut self, mut offset: usize, mut size: usize) {
        if size == 0 {
            return;
        }
        if let Some((&before, &length)) = self.free.range(..offset).next_back()
            && before + length == offset
        {
            self.free.remove(&before);
            (offset, size) = (before, size + length);
        }
        if let Some(length) = self.free.remove(&(offset + size)) {
            size += length;
        }
        self.free.insert(offset, size);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn freed_ranges_merge_and_are_used_again() {
        let mut arena = Arena::default();
        let (a, b, c) = (arena.take(64).unwrap(), arena.take(128).unwrap(), arena.take(64).unwrap());
        assert_eq!((a, b, c, arena.end), (0, 64, 192, 256));
        arena.give_back(a, 64);
        arena.give_back(b, 128);
        assert_eq!(arena.take(192).unwrap(), 0);
        arena.give_back(c, 64);
        assert_eq!((arena.take(128).unwrap(), arena.end), (192, 320));
        assert!(matches!(arena.take(MAX_ARENA), Err(Error::Limit(_))));
    }
}
