//! Parallel loops: a function of their iterations, which the runtime calls on several threads.
//!
//! The outermost parallel loop becomes a [`ParallelBody`](pullback_runtime::pool::ParallelBody), `fn(table, local, begin, end, outer)`: the values of the counters of the loops around
//! are in memory at `outer`, on the stack of whoever runs the loop. The memory of the workers lies behind the arena proper. With one worker the function is called
//! for all iterations at once; so a program costs the same as one without parallel loops, up to that call. Loops inside, parallel or not, run in order.
//!
//! There are never more workers than iterations. Their threads are started when the program is compiled, so that a machine without threads to give is an error then.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, StackSlotData, StackSlotKind, Value, types};
use cranelift_codegen::isa::TargetFrontendConfig;
use cranelift_frontend::FunctionBuilder;
use pullback_loops::{Index, Loop, Program, Step};
use pullback_runtime::pool;

use super::entry::{Callees, Entry};
use super::kernel::{Counter, Emitter, Environment};
use super::scopes::Scoped;
use crate::error::Error;

/// The number of parameters of the body of a parallel loop behind table and worker's memory.
pub(super) const BODY_PARAMS: usize = 3;

/// The parameters of the runtime's function that runs a parallel loop.
pub(super) const PARALLEL_PARAMS: usize = 7;

/// The most workers that any parallel loop of a program has, where `threads` threads may be used, 0 for as many as the machine runs at once; 1 without
/// parallel loops. Starts the threads.
pub(crate) fn workers(program: &Program, threads: usize) -> Result<usize, Error> {
    let extent = largest(&program.body).and_then(|extent| usize::try_from(extent).ok()).unwrap_or(1);
    if extent <= 1 {
        return Ok(1);
    }
    let workers = pool::workers(threads).min(extent);
    pool::start(workers).map_err(Error::Limitation)?;
    Ok(workers)
}

/// The largest number of iterations of the outermost parallel loops, if there are any.
fn largest(steps: &[Step]) -> Option<i64> {
    let of = |step: &Step| match step {
        Step::Loop(inner) if inner.parallel => Some(inner.extent),
        Step::Kernel(_) | Step::Loop(_) | Step::While(_) | Step::Branch(_) => step.nested().filter_map(largest).max(),
    };
    steps.iter().filter_map(of).max()
}

/// Emits the iterations of a parallel loop into an empty function `fn(table, local, begin, end, outer)`. The counters `around` it are outermost first, each with the
/// number of its iterations.
pub(super) fn emit(
    env: &Environment<'_>,
    callees: &Callees,
    inner: &Loop,
    around: &[(Index, i64)],
    builder: FunctionBuilder<'_>,
    config: TargetFrontendConfig,
) -> Result<(), Error> {
    let (mut emitter, params) = Emitter::begin(env, builder)?;
    let &[begin, end, outer] = &params[..] else {
        return emitter.bug(format!("a body of a parallel loop with {} parameters", params.len()));
    };
    let mut values = Vec::with_capacity(around.len());
    for (depth, &(index, extent)) in around.iter().enumerate() {
        let flags = MemFlagsData::trusted().with_readonly().with_can_move();
        let value = emitter.builder.ins().load(types::I64, flags, outer, 8 * depth as i32);
        let scoped = Some(Scoped { value, scope: 0 });
        emitter.counters.insert(index, Counter { value: scoped, last: extent - 1, depth });
        values.push(value);
    }
    let (run, done) = (emitter.builder.create_block(), emitter.builder.create_block());
    let any = emitter.builder.ins().icmp(IntCC::SignedLessThan, begin, end);
    emitter.builder.ins().brif(any, run, &[], done, &[]);
    emitter.builder.seal_block(run);
    emitter.builder.switch_to_block(run);
    let mut entry = Entry { emitter, callees, around: values };
    entry.iterations(inner, begin, end)?;
    let mut emitter = entry.emitter;
    emitter.builder.ins().jump(done, &[]);
    emitter.builder.seal_block(done);
    emitter.builder.switch_to_block(done);
    emitter.finish(config);
    Ok(())
}

impl Entry<'_, '_> {
    /// Has the runtime run a parallel loop that is in no other.
    pub(super) fn parallel(&mut self, inner: &Loop) -> Result<(), Error> {
        if inner.extent < 1 {
            return Ok(());
        }
        let callees = self.callees;
        let (Some(&body), Some(parallel)) = (callees.loops.get(&inner.index), callees.parallel) else {
            return self.emitter.bug(format!("the parallel loop over {} has no function", inner.index));
        };
        let outer = self.counters_in_memory();
        let (table, layout) = (self.emitter.table, self.emitter.env.layout);
        let (first, local_bytes) = layout.workers();
        let arena = self.emitter.table_entry(layout.arena_offset());
        let locals = self.emitter.builder.ins().iadd_imm_s(arena.value, first);
        let workers = inner.extent.min(self.emitter.env.settings.workers as i64);
        let mut ins = |number: i64| self.emitter.builder.ins().iconst(types::I64, number);
        let (zero, extent) = (ins(0), ins(inner.extent));
        if workers <= 1 {
            self.emitter.builder.ins().call(body, &[table, locals, zero, extent, outer]);
            return Ok(());
        }
        let (local_bytes, workers) = (ins(local_bytes), ins(workers));
        let body = self.emitter.builder.ins().func_addr(types::I64, body);
        let arguments: [Value; PARALLEL_PARAMS] = [table, body, extent, locals, local_bytes, workers, outer];
        self.emitter.builder.ins().call(parallel, &arguments);
        Ok(())
    }

    /// Stores the counters around on the stack, for others to read; a null pointer without any.
    fn counters_in_memory(&mut self) -> Value {
        let builder = &mut self.emitter.builder;
        if self.around.is_empty() {
            return builder.ins().iconst(types::I64, 0);
        }
        let size = 8 * self.around.len() as u32;
        let slot = builder.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, size, 3));
        for (number, &counter) in self.around.iter().enumerate() {
            builder.ins().stack_store(types::I64, counter, slot, 8 * number as i32);
        }
        builder.ins().stack_addr(types::I64, slot, 0)
    }
}
