//! The memory plan: offsets in the one arena, and in the memory of each worker of a parallel loop.
//!
//! Time is counted in *events*, in order of the text: a kernel is one, and so is the reading of a condition or selector. A buffer lives from the first
//! event that touches it to the last. If some of them are inside a loop and some outside, it lives through the whole loop; if all are inside, it lives within
//! each iteration. Two cases of a branch never run both, so what only one of them touches may lie where the other has something else.
//!
//! A buffer that is touched inside one parallel loop (the outermost, if they are nested) and nowhere else is the worker's own: each worker has it
//! at one offset in memory of its own, where the same rules hold within an iteration. Other buffers of the arena that the iterations touch live through the whole loop, since
//! one iteration may begin while another ends. How many workers there are is not the program's affair.
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

/// Decides which buffers of the arena are a worker's own, gives each its offset, and the program the sizes of both memories.
///
/// # Errors
/// [`Error::Limit`] if one of them would be larger than any address space.
pub fn plan_memory(program: &mut Program) -> Result<(), Error> {
    plan_memory_sharing(program, |_| false)
}

/// The same, where all workers share some buffers, whoever touches them.
pub(crate) fn plan_memory_sharing(program: &mut Program, is_shared: impl Fn(Buffer) -> bool) -> Result<(), Error> {
    let timeline = Timeline::of_iterations(program);
    let mut ending: Vec<Vec<Buffer>> = vec![Vec::new(); timeline.events];
    let mut beginning = ending.clone();
    for (buffer, data) in program.buffers.iter_mut() {
        if let (Space::Arena(_) | Space::Local(_), Some(life)) = (&data.space, timeline.lifetimes[buffer]) {
            let (space, first, last) = match timeline.parallel_loop_around(life) {
                Some(events) if is_shared(buffer) => (Space::Arena(0), events.start, events.end - 1),
                Some(_) => (Space::Local(0), life.0, life.1),
                None => (Space::Arena(0), life.0, life.1),
            };
            data.space = space;
            beginning[first].push(buffer);
            ending[last].push(buffer);
        }
    }
    // What lives within a loop is given back before the next loop, so one address space serves them all.
    let (mut arena, mut local) = (Arena::default(), Arena::default());
    for (starts, ends) in beginning.into_iter().zip(ending) {
        for buffer in starts {
            let size = size(program, buffer);
            match &mut program.buffers[buffer].space {
                Space::Arena(offset) => *offset = arena.take(size)?,
                Space::Local(offset) => *offset = local.take(size)?,
                Space::Input(_) | Space::Output(_) | Space::Constant(_) => {}
            }
        }
        for buffer in ends {
            match program.buffers[buffer].space {
                Space::Arena(offset) => arena.give_back(offset, size(program, buffer)),
                Space::Local(offset) => local.give_back(offset, size(program, buffer)),
                Space::Input(_) | Space::Output(_) | Space::Constant(_) => {}
            }
        }
    }
    (program.arena_bytes, program.local_bytes) = (arena.end, local.end);
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
    /// The events of each parallel loop that is in no other and has any, in order.
    pub parallel: Vec<Range<usize>>,
}

impl Timeline {
    /// Numbers the events of a program.
    #[must_use]
    pub fn new(program: &Program) -> Self {
        let mut timeline = Self::of_iterations(program);
        // Several iterations of a parallel loop are under way at once, in whatever is not the worker's own.
        for (buffer, data) in program.buffers.iter() {
            if let (Space::Arena(_), Some(life)) = (&data.space, timeline.lifetimes[buffer])
                && let Some(events) = timeline.parallel_loop_around(life)
            {
                timeline.lifetimes[buffer] = Some((events.start, events.end - 1));
            }
        }
        timeline
    }

    /// As if no two iterations were ever under way at once.
    fn of_iterations(program: &Program) -> Self {
        let mut timeline = Self::default();
        timeline.steps(&program.body, false);
        timeline.extend(&program.body, &mut 0);
        timeline
    }

    /// The events of the outermost parallel loop that a life is within.
    #[must_use]
    pub fn parallel_loop_around(&self, (first, last): (usize, usize)) -> Option<Range<usize>> {
        let position = self.parallel.partition_point(|events| events.end <= first);
        self.parallel.get(position).filter(|events| events.start <= first && last < events.end).cloned()
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

    fn steps(&mut self, steps: &[Step], in_parallel: bool) {
        for step in steps {
            match step {
                Step::Kernel(kernel) => {
                    for_each_buffer(&kernel.body, &mut |buffer| self.touch(buffer));
                    self.events += 1;
                }
                Step::Loop(inner) => {
                    let start = self.events;
                    self.steps(&inner.body, in_parallel || inner.parallel);
                    if inner.parallel && !in_parallel && self.events > start {
                        self.parallel.push(start..self.events);
                    }
                }
                Step::While(inner) => {
                    self.steps(&inner.before, in_parallel);
                    self.touch(inner.condition.buffer);
                    self.events += 1;
                    self.steps(&inner.body, in_parallel);
                }
                Step::Branch(inner) => {
                    self.touch(inner.selector.buffer);
                    self.events += 1;
                    inner.cases.iter().for_each(|case| self.steps(case, in_parallel));
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

/// The buffers of the arena and the workers' own that are touched inside a loop and nowhere else: they hold nothing when an iteration begins.
pub(crate) fn local_to(events: &Range<usize>, timeline: &Timeline, program: &Program) -> Vec<Buffer> {
    let within = |(first, last): (usize, usize)| first >= events.start && last < events.end;
    let arena = program.buffers.iter().filter(|entry| matches!(entry.1.space, Space::Arena(_) | Space::Local(_)));
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
                for buffer in [gemm.out.buffer, gemm.lhs.buffer, gemm.rhs.buffer()] {
                    visit(buffer);
                }
            }
            Stmt::Pack(pack) => {
                visit(pack.from.buffer);
                visit(pack.to.buffer);
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
