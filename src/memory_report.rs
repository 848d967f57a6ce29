//! What memory a compiled function needs, and what lies where in the arena when.
//!
//! Time is counted in the events of the [memory plan](pullback_loops::memory): a kernel is one, and so is the reading of a condition. All figures are exact and known
//! before the first call; what packed matrix products keep for their blocks, a few MiB for each thread and the same for every program, is not in them.

use std::fmt::{self, Write};

use pullback_ir::{FuncId, Module, Verified};
use pullback_loops::memory::{ALIGNMENT, Timeline};
use pullback_loops::{Buffer, Program, Space, Step};

use crate::compile::loop_program;
use crate::error::Error;
use crate::options::Options;

/// The most columns of a drawing in text, and the most rows: the largest buffers.
const COLUMNS: usize = 64;
const ROWS: usize = 40;

/// A buffer of the arena, or of the memory of each worker of a parallel loop.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemoryBuffer {
    /// The tensor value that it holds.
    pub name: String,
    /// Where it begins, in bytes.
    pub offset: usize,
    /// Its length in bytes.
    pub bytes: usize,
    /// The first event that it is needed in.
    pub first: usize,
    /// The last.
    pub last: usize,
}

/// The memory of a compiled function. Sizes are in bytes.
///
/// [`Display`](fmt::Display) gives the figures and a drawing of the arena over time, [`MemoryReport::to_svg`] a picture.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemoryReport {
    /// The name of the function.
    pub name: String,
    /// Of all arguments, but those whose place results take.
    pub arguments: usize,
    /// Of all results.
    pub results: usize,
    /// Of constants that are arrays.
    pub constants: usize,
    /// Of the arena.
    pub arena: usize,
    /// Of the memory that each worker of a parallel loop has of its own.
    pub worker: usize,
    /// How many workers there may be; 0 without any memory of theirs.
    pub workers: usize,
    /// What arena and workers may have at most, if that was bounded.
    pub budget: Option<usize>,
    /// What each event is.
    pub events: Vec<String>,
    /// The buffers of the arena that are used, by offset and then by time.
    pub buffers: Vec<MemoryBuffer>,
    /// The buffers of each worker, in the same order.
    pub worker_buffers: Vec<MemoryBuffer>,
}

/// The memory that a function, or the derivative of it that the options ask for, needs once compiled.
///
/// # Errors
/// As [`compile`](crate::compile()).
pub fn memory_report(module: &Verified<Module>, func: FuncId, options: &Options) -> Result<MemoryReport, Error> {
    let report = |program: &Program| MemoryReport {
        budget: options.memory_budget,
        ..MemoryReport::new(program, options.threads)
    };
    loop_program(module, func, options).map(|program| report(&program))
}

impl MemoryReport {
    /// The memory of a program that may use so many threads; 0 for as many as there are cores.
    #[must_use]
    pub fn new(program: &Program, threads: usize) -> Self {
        let timeline = Timeline::new(program);
        let (mut arguments, mut results, mut constants) = (0, 0, 0);
        let (mut buffers, mut worker_buffers) = (Vec::new(), Vec::new());
        for (buffer, data) in program.buffers.iter() {
            let bytes = data.elements * data.dtype.bytes();
            match data.space {
                Space::Input(_) => arguments += bytes,
                Space::Output(_) => results += bytes,
                Space::Constant(_) => constants += bytes,
                Space::Arena(offset) => buffers.extend(placed(program, &timeline, buffer, offset, bytes)),
                Space::Local(offset) => worker_buffers.extend(placed(program, &timeline, buffer, offset, bytes)),
            }
        }
        let key = |buffer: &MemoryBuffer| (buffer.offset, buffer.first);
        buffers.sort_by_key(key);
        worker_buffers.sort_by_key(key);
        let mut events = Vec::with_capacity(timeline.events);
        name_events(&program.body, &mut events);
        let workers = workers(program, threads);
        let (arena, worker, name) = (program.arena_bytes, program.local_bytes, program.name.to_string());
        let budget = None;
        Self { name, arguments, results, constants, arena, worker, workers, budget, events, buffers, worker_buffers }
    }

    /// What a call needs at most, arguments, results and constants included.
    #[must_use]
    pub const fn peak(&self) -> usize {
        self.arguments + self.results + self.constants + self.arena + self.worker * self.workers
    }

    /// The bytes of the arena that hold something in each event. The most of them is less than the arena only where gaps are left.
    #[must_use]
    pub fn in_use(&self) -> Vec<usize> {
        let mut change = vec![(0usize, 0usize); self.events.len() + 1];
        for buffer in &self.buffers {
            change[buffer.first].0 += buffer.bytes;
            change[buffer.last + 1].1 += buffer.bytes;
        }
        let mut now = 0;
        let step = |(begin, end): (usize, usize)| {
            now = now + begin - end;
            now
        };
        change.into_iter().take(self.events.len()).map(step).collect()
    }

    /// The arena as a picture: time runs to the right, offsets upwards; each buffer is a rectangle with its name, size and life as a tool tip.
    #[must_use]
    pub fn to_svg(&self) -> String {
        const WIDTH: f64 = 960.0;
        const HEIGHT: f64 = 540.0;
        const MARGIN: f64 = 40.0;
        let (columns, rows) = (self.events.len().max(1) as f64, self.arena.max(1) as f64);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" font-family=\"sans-serif\" font-size=\"11\">\n\
             <text x=\"{MARGIN}\" y=\"24\" font-size=\"14\">@{}: an arena of {} bytes over {} events</text>\n\
             <rect x=\"{MARGIN}\" y=\"{MARGIN}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#f4f4f4\" stroke=\"#888\"/>\n",
            WIDTH + 2.0 * MARGIN,
            HEIGHT + 2.0 * MARGIN,
            escaped(&self.name),
            self.arena,
            self.events.len(),
        );
        for (number, buffer) in self.buffers.iter().enumerate() {
            let MemoryBuffer { name, offset, bytes, first, last } = buffer;
            let (x, width) = (*first as f64 / columns * WIDTH, (last + 1 - first) as f64 / columns * WIDTH);
            let (y, height) = ((offset + bytes) as f64 / rows * HEIGHT, *bytes as f64 / rows * HEIGHT);
            let (x, y) = (MARGIN + x, MARGIN + HEIGHT - y);
            // Neighbours differ: a turn of the colour circle by the golden angle.
            let hue = (number as f64 * 137.508) % 360.0;
            let name = escaped(name);
            let _ = writeln!(
                svg,
                "<g><title>%{name}: {bytes} bytes at {offset}, events {first} to {last}</title>\
                 <rect x=\"{x:.2}\" y=\"{y:.2}\" width=\"{width:.2}\" height=\"{height:.2}\" fill=\"hsl({hue:.0},60%,70%)\" stroke=\"#fff\" stroke-width=\"0.5\"/></g>"
            );
            if height > 12.0 && width > 7.0 * (name.len() + 1) as f64 {
                let (x, y) = (x + 3.0, y + height / 2.0 + 4.0);
                let _ = writeln!(svg, "<text x=\"{x:.2}\" y=\"{y:.2}\">%{name}</text>");
            }
        }
        svg.push_str("</svg>\n");
        svg
    }

    /// Rows of buffers, columns of events; `#` where a buffer is needed.
    fn draw(&self, f: &mut fmt::Formatter<'_>, buffers: &[MemoryBuffer]) -> fmt::Result {
        let mut sizes: Vec<usize> = buffers.iter().map(|buffer| buffer.bytes).collect();
        sizes.sort_unstable_by(|x, y| y.cmp(x));
        let least = sizes.get(ROWS - 1).copied().unwrap_or(0);
        let shown: Vec<&MemoryBuffer> = buffers.iter().filter(|buffer| buffer.bytes >= least).take(ROWS).collect();
        let width = shown.iter().map(|buffer| buffer.name.chars().count()).max().unwrap_or(0).min(24) + 1;
        let columns = self.events.len().min(COLUMNS);
        writeln!(f, "  {:>12} {:>12} {:width$}  events 0 to {}", "offset", "bytes", "buffer", self.events.len() - 1)?;
        for MemoryBuffer { name, offset, bytes, first, last } in &shown {
            let cells = (0..columns).map(|column| {
                let events = column * self.events.len() / columns..(column + 1) * self.events.len() / columns;
                if *first < events.end && events.start <= *last { '#' } else { '.' }
            });
            let short: String = name.chars().take(24).collect();
            writeln!(f, "  {offset:>12} {bytes:>12} {:width$}  {}", format!("%{short}"), cells.collect::<String>())?;
        }
        match buffers.len() - shown.len() {
            0 => Ok(()),
            more => {
                let bytes: usize = sizes.iter().skip(shown.len()).sum();
                writeln!(f, "  and {more} more of at most {least} bytes, {bytes} in all")
            }
        }
    }
}

impl fmt::Display for MemoryReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, arguments, results, constants, arena, worker, workers, .. } = self;
        writeln!(f, "memory of @{name}, in bytes")?;
        let of_workers = format!("workers, {worker} for each of {workers}");
        let lines = [("arguments", *arguments), ("results", *results), ("constants", *constants), ("arena", *arena)];
        for (what, bytes) in lines.into_iter().chain([(of_workers.as_str(), worker * workers), ("peak", self.peak())]) {
            writeln!(f, "  {bytes:>14}  {what}")?;
        }
        if let Some(budget) = self.budget {
            writeln!(f, "  {budget:>14}  budget of arena and workers")?;
        }
        if !self.buffers.is_empty() {
            let in_use = self.in_use();
            let most = in_use.iter().copied().max().unwrap_or(0);
            let event = in_use.iter().position(|&bytes| bytes == most).unwrap_or(0);
            let what = self.events.get(event).map_or("", String::as_str);
            writeln!(f, "\nthe arena; most of it is in use, {most} bytes, in event {event}, {what}")?;
            self.draw(f, &self.buffers)?;
        }
        if !self.worker_buffers.is_empty() {
            writeln!(f, "\nthe memory of each worker")?;
            self.draw(f, &self.worker_buffers)?;
        }
        Ok(())
    }
}

/// How many workers with memory of their own a program may have; 0 threads are as many as there are cores.
fn workers(program: &Program, threads: usize) -> usize {
    match (program.local_bytes, threads) {
        (0, _) => 0,
        (_, 0) => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        (_, threads) => threads,
    }
}

/// The bytes that a call allocates: the arena, and behind it the memory of each worker, on cache lines.
pub(crate) fn arena_and_workers(program: &Program, threads: usize) -> usize {
    let line = |bytes: usize| bytes.next_multiple_of(ALIGNMENT);
    match workers(program, threads) {
        0 => program.arena_bytes,
        workers => line(program.arena_bytes).saturating_add(line(program.local_bytes).saturating_mul(workers)),
    }
}

fn placed(program: &Program, timeline: &Timeline, buffer: Buffer, offset: usize, bytes: usize) -> Option<MemoryBuffer> {
    let name = program.buffers[buffer].name.to_string();
    timeline.lifetimes[buffer].map(|(first, last)| MemoryBuffer { name, offset, bytes, first, last })
}

/// What each event of the [`Timeline`] is, in its order.
fn name_events(steps: &[Step], events: &mut Vec<String>) {
    for step in steps {
        match step {
            Step::Kernel(kernel) => events.push(format!("kernel @{}", kernel.name)),
            Step::Loop(inner) => name_events(&inner.body, events),
            Step::While(inner) => {
                name_events(&inner.before, events);
                events.push("the condition of a loop".into());
                name_events(&inner.body, events);
            }
            Step::Branch(inner) => {
                events.push("the selector of a branch".into());
                inner.cases.iter().for_each(|case| name_events(case, events));
            }
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
