//! The entry: loops and branches between kernels, and which kernels and loops are functions.
//!
//! A kernel inside a loop is emitted in place if it is small and does little, since a call and the pointers to its buffers would take as long as what it does. The
//! others are functions, which the counters of the loops around are passed to. So are parallel loops that are in no other ([`parallel`](super::parallel)); inside one
//! everything is as in the entry.

use std::collections::BTreeMap;
use std::sync::Arc;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, BlockArg, FuncRef, InstBuilder, Value, types};
use cranelift_codegen::isa::TargetFrontendConfig;
use cranelift_frontend::{FunctionBuilder, Switch};
use pullback_ir::DType;
use pullback_loops::{Branch, Index, Kernel, Loop, Place, Program, Step, Stmt, VarType, While};

use super::kernel::{Counter, Emitter, Environment};
use super::scopes::Scoped;
use super::sharing::Pointer;
use crate::error::Error;

/// The most statements of a kernel that is emitted in place.
const SMALL: usize = 48;

/// The most statements that a kernel emitted in place runs: beside more of them a call is nothing, and functions are compiled side by side.
const LITTLE: u64 = 2048;

/// The most statements emitted in place of a program: the time to compile a function grows faster than its size.
const MAX_IN_PLACE: usize = 1024;

/// A kernel or loop that is a function.
pub(super) struct Surrounded<'a, T> {
    pub(super) inner: &'a T,
    /// The loops around, outermost first, each with the number of its iterations.
    pub(super) around: Vec<(Index, i64)>,
    /// Whether one of them is parallel.
    pub(super) in_parallel: bool,
}

/// The kernels that are functions, and the outermost of parallel loops.
#[derive(Default)]
pub(super) struct Functions<'a> {
    pub(super) kernels: Vec<Surrounded<'a, Kernel>>,
    pub(super) loops: Vec<Surrounded<'a, Loop>>,
    in_place: usize,
}

impl<'a> Functions<'a> {
    /// Decides for each kernel of a program.
    pub(super) fn of(program: &'a Program) -> Self {
        let mut functions = Self::default();
        functions.steps(&program.body, &mut Path::default());
        functions
    }

    fn steps(&mut self, steps: &'a [Step], path: &mut Path) {
        for step in steps {
            match step {
                Step::Kernel(kernel) => {
                    let size = size_in_place(&kernel.body).filter(|&size| path.repeated && size <= SMALL);
                    let size = size.filter(|size| self.in_place + size <= MAX_IN_PLACE);
                    match size.filter(|_| statements_run(&kernel.body) <= LITTLE) {
                        Some(size) => self.in_place += size,
                        None => self.kernels.push(path.surround(kernel)),
                    }
                }
                // Never run, and so not emitted.
                Step::Loop(inner) if inner.extent < 1 => {}
                Step::Loop(inner) => {
                    if inner.parallel && !path.in_parallel {
                        self.loops.push(path.surround(&**inner));
                    }
                    path.around.push((inner.index, inner.extent));
                    path.repeatedly(path.in_parallel || inner.parallel, |path| self.steps(&inner.body, path));
                    path.around.pop();
                }
                Step::While(inner) => path.repeatedly(path.in_parallel, |path| {
                    self.steps(&inner.before, path);
                    self.steps(&inner.body, path);
                }),
                Step::Branch(inner) => inner.cases.iter().for_each(|case| self.steps(case, path)),
            }
        }
    }
}

/// What is around a step.
#[derive(Default)]
struct Path {
    around: Vec<(Index, i64)>,
    repeated: bool,
    in_parallel: bool,
}

impl Path {
    fn surround<'a, T>(&self, inner: &'a T) -> Surrounded<'a, T> {
        Surrounded { inner, around: self.around.clone(), in_parallel: self.in_parallel }
    }

    /// Walks something in a loop.
    fn repeatedly(&mut self, in_parallel: bool, walk: impl FnOnce(&mut Self)) {
        let outside = (self.repeated, self.in_parallel);
        (self.repeated, self.in_parallel) = (true, in_parallel);
        walk(self);
        (self.repeated, self.in_parallel) = outside;
    }
}

/// The number of statements, if none is a call.
pub(super) fn size_in_place(body: &[Stmt]) -> Option<usize> {
    body.iter()
        .map(|stmt| match stmt {
            Stmt::Let(..) | Stmt::Store(..) | Stmt::Bind(_) => Some(1),
            Stmt::For(inner) => size_in_place(&inner.body).map(|size| size + 1),
            Stmt::If(inner) => size_in_place(&inner.body).map(|size| size + 1),
            Stmt::Gemm(_) | Stmt::Pack(_) | Stmt::Call(_) => None,
        })
        .sum()
}

/// The number of statements that one run of a kernel runs, conditions taken to hold.
fn statements_run(body: &[Stmt]) -> u64 {
    let of = |stmt: &Stmt| match stmt {
        Stmt::Let(..) | Stmt::Store(..) | Stmt::Bind(_) | Stmt::Gemm(_) | Stmt::Pack(_) | Stmt::Call(_) => 1,
        Stmt::For(inner) => {
            let iterations = inner.extent.max(0).checked_div(inner.step).unwrap_or(0).unsigned_abs();
            iterations.saturating_mul(statements_run(&inner.body))
        }
        Stmt::If(inner) => statements_run(&inner.body),
    };
    body.iter().map(of).fold(0, u64::saturating_add)
}

/// The functions that the entry, or the body of a parallel loop, may call.
#[derive(Default)]
pub(super) struct Callees {
    /// The kernels that are functions, by name.
    pub(super) kernels: BTreeMap<Arc<str>, Callee>,
    /// The bodies of parallel loops, by counter.
    pub(super) loops: BTreeMap<Index, FuncRef>,
    /// The runtime's [`pullback_parallel`](pullback_runtime::pool::pullback_parallel).
    pub(super) parallel: Option<FuncRef>,
}

/// A function that runs a kernel.
pub(super) struct Callee {
    pub(super) function: FuncRef,
    /// What it is called with for this kernel, if it runs several.
    pub(super) pointers: Option<Arc<[Pointer]>>,
}

/// Emits steps that nothing is around into an empty function `fn(table)`.
pub(super) fn emit(
    env: &Environment<'_>,
    callees: &Callees,
    steps: &[Step],
    builder: FunctionBuilder<'_>,
    config: TargetFrontendConfig,
) -> Result<(), Error> {
    let (emitter, _) = Emitter::begin(env, builder)?;
    let mut entry = Entry { emitter, callees, around: Vec::new() };
    entry.steps(steps)?;
    entry.emitter.finish(config);
    Ok(())
}

/// Emits calls of functions `fn(table)` into an empty function `fn(table)`.
pub(super) fn emit_parts(
    env: &Environment<'_>,
    parts: &[FuncRef],
    builder: FunctionBuilder<'_>,
    config: TargetFrontendConfig,
) -> Result<(), Error> {
    let (mut emitter, _) = Emitter::begin(env, builder)?;
    for &part in parts {
        emitter.builder.ins().call(part, &[emitter.table]);
    }
    emitter.finish(config);
    Ok(())
}

pub(super) struct Entry<'a, 'f> {
    pub(super) emitter: Emitter<'a, 'f>,
    pub(super) callees: &'a Callees,
    /// Values of the counters around, outermost first.
    pub(super) around: Vec<Value>,
}

impl Entry<'_, '_> {
    fn steps(&mut self, steps: &[Step]) -> Result<(), Error> {
        for step in steps {
            match step {
                Step::Kernel(kernel) => self.kernel(kernel)?,
                Step::Loop(inner) if inner.parallel && !self.emitter.env.in_parallel => self.parallel(inner)?,
                Step::Loop(inner) => self.counted(inner)?,
                Step::While(inner) => self.while_loop(inner)?,
                Step::Branch(inner) => self.branch(inner)?,
            }
        }
        Ok(())
    }

    fn kernel(&mut self, kernel: &Kernel) -> Result<(), Error> {
        let callees = self.callees;
        let Some(callee) = callees.kernels.get(&kernel.name) else {
            return self.emitter.kernel(kernel, self.around.len());
        };
        let mut arguments = vec![self.emitter.table];
        arguments.extend(self.emitter.local);
        arguments.extend(&self.around);
        if let Some(pointers) = &callee.pointers {
            arguments.extend(self.emitter.pointers(pointers)?);
        }
        self.emitter.builder.ins().call(callee.function, &arguments);
        Ok(())
    }

    fn counted(&mut self, inner: &Loop) -> Result<(), Error> {
        if inner.extent < 1 {
            return Ok(());
        }
        let zero = self.emitter.builder.ins().iconst(types::I64, 0);
        let end = self.emitter.builder.ins().iconst(types::I64, inner.extent);
        self.iterations(inner, zero, end)
    }

    /// The iterations from `begin` to below `end`, of which there is at least one.
    pub(super) fn iterations(&mut self, inner: &Loop, begin: Value, end: Value) -> Result<(), Error> {
        let builder = &mut self.emitter.builder;
        let (body, exit) = (builder.create_block(), builder.create_block());
        let counter = builder.append_block_param(body, types::I64);
        builder.ins().jump(body, &[BlockArg::Value(begin)]);
        self.emitter.open();
        self.emitter.builder.switch_to_block(body);
        let (depth, scope) = (self.around.len(), self.emitter.scope());
        let bounds = Counter { value: Some(Scoped { value: counter, scope }), last: inner.extent - 1, depth };
        self.emitter.counters.insert(inner.index, bounds);
        self.around.push(counter);
        self.steps(&inner.body)?;
        self.around.pop();
        self.emitter.counters.remove(&inner.index);
        self.again(counter, end, body, exit);
        self.emitter.close();
        self.emitter.builder.seal_block(body);
        self.continue_in(exit);
        Ok(())
    }

    /// Advances a counter and goes back as long as it is below `end`.
    fn again(&mut self, counter: Value, end: Value, back: Block, exit: Block) {
        let builder = &mut self.emitter.builder;
        let advanced = builder.ins().iadd_imm_s(counter, 1);
        let more = builder.ins().icmp(IntCC::SignedLessThan, advanced, end);
        builder.ins().brif(more, back, &[BlockArg::Value(advanced)], exit, &[]);
    }

    /// A block that everything which leads to it is known of.
    fn continue_in(&mut self, block: Block) {
        self.emitter.builder.seal_block(block);
        self.emitter.builder.switch_to_block(block);
    }

    fn while_loop(&mut self, inner: &While) -> Result<(), Error> {
        if inner.bound == Some(0) {
            return Ok(());
        }
        let builder = &mut self.emitter.builder;
        let (head, body, exit) = (builder.create_block(), builder.create_block(), builder.create_block());
        let iteration = builder.append_block_param(head, types::I64);
        let zero = builder.ins().iconst(types::I64, 0);
        builder.ins().jump(head, &[BlockArg::Value(zero)]);
        self.emitter.open();
        self.emitter.builder.switch_to_block(head);
        self.steps(&inner.before)?;
        let holds = self.scalar(DType::Bool, &inner.condition)?;
        self.emitter.builder.ins().brif(holds, body, &[], exit, &[]);
        self.emitter.open();
        self.continue_in(body);
        self.steps(&inner.body)?;
        // Nobody counts to 2^63.
        let bound = inner.bound.and_then(|bound| i64::try_from(bound).ok()).unwrap_or(i64::MAX);
        let bound = self.emitter.builder.ins().iconst(types::I64, bound);
        self.again(iteration, bound, head, exit);
        self.emitter.close();
        self.emitter.close();
        self.emitter.builder.seal_block(head);
        self.continue_in(exit);
        Ok(())
    }

    fn branch(&mut self, inner: &Branch) -> Result<(), Error> {
        let data = self.emitter.env.program.buffers.get(inner.selector.buffer);
        let dtype = data.map_or(DType::Bool, |data| data.dtype);
        let selector = self.scalar(dtype, &inner.selector)?;
        let is_wide = self.emitter.is_wide();
        let builder = &mut self.emitter.builder;
        let anchor = builder.current_block();
        let exit = builder.create_block();
        let blocks: Vec<Block> = inner.cases.iter().map(|_| builder.create_block()).collect();
        match (dtype, &blocks[..]) {
            (DType::Bool, &[otherwise, then]) => {
                builder.ins().brif(selector, then, &[], otherwise, &[]);
            }
            (DType::I32, &[ref cases @ .., last]) => {
                // What is negative is the first case, what is large the last.
                let zero = builder.ins().iconst(types::I32, 0);
                let selector = builder.ins().smax(selector, zero);
                if is_wide {
                    self.compare_each(selector, cases, last);
                } else {
                    let mut switch = Switch::new();
                    for (number, &case) in cases.iter().enumerate() {
                        switch.set_entry(number as u128, case);
                    }
                    switch.emit(builder, selector, last);
                }
            }
            (_, _) => return self.emitter.bug(format!("a branch by {dtype} to {} cases", blocks.len())),
        }
        for (case, block) in inner.cases.iter().zip(blocks) {
            self.emitter.open_behind(anchor);
            self.continue_in(block);
            self.steps(case)?;
            self.emitter.builder.ins().jump(exit, &[]);
            self.emitter.close();
        }
        self.continue_in(exit);
        Ok(())
    }

    /// Goes to the case of the selector's number, or else to `last`, without a table of jumps.
    fn compare_each(&mut self, selector: Value, cases: &[Block], last: Block) {
        for (number, &case) in (0i64..).zip(cases) {
            let builder = &mut self.emitter.builder;
            let is_selected = builder.ins().icmp_imm_s(IntCC::Equal, selector, number);
            let next = builder.create_block();
            builder.ins().brif(is_selected, case, &[], next, &[]);
            self.continue_in(next);
        }
        self.emitter.builder.ins().jump(last, &[]);
    }

    fn scalar(&mut self, dtype: DType, place: &Place) -> Result<Value, Error> {
        self.emitter.load_bases(&[place.buffer])?;
        self.emitter.load(VarType::scalar(dtype), place)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use pullback_loops::parse_program;

    use super::*;

    /// The names of the kernels that are functions.
    fn functions(steps: &str) -> Vec<String> {
        let buffers = "buffer %x : f32[4096] input 0 buffer %y : f32[4096] output 0";
        let program = parse_program(&format!("program @f {{ {buffers} arena 0 {steps} }}")).unwrap();
        Functions::of(&program).kernels.iter().map(|kernel| kernel.inner.name.to_string()).collect()
    }

    #[test]
    fn a_kernel_in_a_loop_is_emitted_in_place_if_it_does_little() {
        let kernel = |name: &str, index: u32, elements: u32| {
            let body = format!("v{index} = load %x[i{index}] : f32 store %y[i{index}], v{index}");
            format!("kernel @{name} \"\" {{ for i{index} = 0 to {elements} step 1 {{ {body} }} }}")
        };
        let (little, much) = (kernel("little", 1, 8), kernel("much", 2, 4096));
        assert_eq!(functions(&format!("{little} {much}")), ["little", "much"]);
        assert_eq!(functions(&format!("loop i0 = 0 to 3 {{ {little} {much} }}")), ["much"]);
    }
}
