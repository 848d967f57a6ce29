//! Buffers: positions, constants, and the memory plan.

use std::collections::BTreeMap;

use pullback_ir::types::MAX_ELEMENTS;

use super::Checker;
use crate::memory::{ALIGNMENT, Timeline};
use crate::program::{Buffer, BufferData, Program, Space};
use crate::step::Step;

impl Checker<'_> {
    pub(super) fn check_buffers(&mut self) {
        let program = self.program;
        let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
        for data in program.buffers.values() {
            let BufferData { name, dtype, elements, space } = data;
            if *elements as u64 > MAX_ELEMENTS {
                self.report(format!("%{name} has {elements} elements, expected at most 2^48"));
                continue;
            }
            match space {
                Space::Input(position) => inputs.push((*position, name)),
                Space::Output(position) => outputs.push((*position, name)),
                Space::Constant(literal) => {
                    let ty = literal.ty();
                    if ty.dtype != *dtype || ty.elements() != *elements {
                        self.report(format!("%{name} is {dtype}[{elements}], its constant is {ty}"));
                    }
                }
                Space::Arena(offset) => self.check_offset(data, *offset, "the arena", program.arena_bytes),
                Space::Local(offset) => self.check_offset(data, *offset, "the worker's memory", program.local_bytes),
            }
        }
        for data in program.donated.iter().filter_map(|buffer| program.buffers.get(buffer)) {
            if !matches!(data.space, Space::Output(_)) {
                self.report(format!("%{} takes the place of an argument, expected an output", data.name));
            }
        }
        self.check_positions("input", inputs);
        self.check_positions("output", outputs);
    }

    fn check_offset(&mut self, data: &BufferData, offset: usize, what: &str, available: usize) {
        let (name, size) = (&data.name, bytes(data));
        if !offset.is_multiple_of(ALIGNMENT) {
            self.report(format!("%{name} is at {offset}, expected a multiple of {ALIGNMENT}"));
        }
        if offset.checked_add(size).is_none_or(|end| end > available) {
            self.report(format!("%{name}, {size} bytes at {offset}, is not inside {what} of {available}"));
        }
    }

    fn check_positions(&mut self, what: &str, mut found: Vec<(usize, &std::sync::Arc<str>)>) {
        found.sort_by_key(|entry| entry.0);
        for (expected, (position, name)) in found.into_iter().enumerate() {
            if position != expected {
                let rule = "expected each position from 0 on once";
                return self.report(format!(
                    "%{name} is {what} {position}, and {what} {expected} is missing or comes before: {rule}"
                ));
            }
        }
    }

    /// Every result with elements is stored to, unless it holds an argument: that may be the result of a loop that never runs.
    pub(super) fn check_results(&mut self) {
        for (buffer, data) in self.program.buffers.iter() {
            let is_defined = self.stored.contains(buffer) || self.program.donated.contains(buffer);
            if matches!(data.space, Space::Output(_)) && data.elements > 0 && !is_defined {
                self.report(format!("nothing is stored to the output %{}", data.name));
            }
        }
    }

    /// Workers' own buffers live within one parallel loop, and those of one memory that live at one time are apart: a sweep over the events with the live buffers by offset. As long as those are
    /// apart, one that begins can only meet the last before it and the first behind it.
    pub(super) fn check_memory(&mut self, timeline: &Timeline) {
        let program = self.program;
        let mut begin: Vec<Vec<Buffer>> = vec![Vec::new(); timeline.events];
        let mut end = begin.clone();
        for (buffer, data) in program.buffers.iter() {
            let Some(life) = timeline.lifetimes[buffer] else { continue };
            if matches!(data.space, Space::Local(_)) && timeline.parallel_loop_around(life).is_none() {
                let name = &data.name;
                self.report(format!("%{name} is the worker's own, expected accesses inside one parallel loop alone"));
            }
            if matches!(data.space, Space::Arena(_) | Space::Local(_)) && bytes(data) > 0 {
                begin[life.0].push(buffer);
                end[life.1].push(buffer);
            }
        }
        let mut live: BTreeMap<Address, Buffer> = BTreeMap::new();
        for (number, (begin, end)) in begin.into_iter().zip(end).enumerate() {
            for buffer in begin {
                let (start, stop) = self.extent(buffer);
                let before = live.range(..=start).next_back().filter(|entry| self.extent(*entry.1).1 > start);
                let behind = live.range(start..).next().filter(|entry| *entry.0 < stop);
                if let Some((_, &other)) = before.or(behind) {
                    let name = |buffer: Buffer| &program.buffers[buffer].name;
                    let (one, two, place) = (name(other), name(buffer), event_name(program, number));
                    self.report(format!("%{one} and %{two} share memory and are both alive in {place}"));
                } else {
                    live.insert(start, buffer);
                }
            }
            for buffer in end {
                let start = self.extent(buffer).0;
                if live.get(&start) == Some(&buffer) {
                    live.remove(&start);
                }
            }
        }
    }

    /// First byte and one past the last.
    fn extent(&self, buffer: Buffer) -> (Address, Address) {
        let data = &self.program.buffers[buffer];
        match data.space {
            Space::Arena(offset) => ((false, offset), (false, offset + bytes(data))),
            Space::Local(offset) => ((true, offset), (true, offset + bytes(data))),
            Space::Input(_) | Space::Output(_) | Space::Constant(_) => ((false, 0), (false, 0)),
        }
    }
}

/// Whether the memory is the worker's own, else the arena; and the offset in it.
type Address = (bool, usize);

/// Cannot overflow: the number of elements is checked first.
fn bytes(data: &BufferData) -> usize {
    data.elements * data.dtype.bytes()
}

/// What an event of the [`Timeline`] is, for messages.
fn event_name(program: &Program, event: usize) -> String {
    let mut names = Vec::new();
    collect_names(&program.body, &mut names);
    names.get(event).cloned().unwrap_or_default()
}

fn collect_names(steps: &[Step], names: &mut Vec<String>) {
    for step in steps {
        match step {
            Step::Kernel(kernel) => names.push(format!("kernel @{}", kernel.name)),
            Step::Loop(inner) => collect_names(&inner.body, names),
            Step::While(inner) => {
                collect_names(&inner.before, names);
                names.push("the condition of a loop".into());
                collect_names(&inner.body, names);
            }
            Step::Branch(inner) => {
                names.push("the selector of a branch".into());
                inner.cases.iter().for_each(|case| collect_names(case, names));
            }
        }
    }
}
