//! The entry: loops and branches between kernels, and which kernels are functions.
//!
//! A kernel inside a loop is emitted in place if it is small, since a call and the pointers to its buffers would take longer than what it does. The
//! others are functions, which the counters of the loops around are passed to.

use std::collections::BTreeMap;
use std::sync::Arc;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, BlockArg, FuncRef, InstBuilder, Value, types};
use cranelift_codegen::isa::TargetFrontendConfig;
use cranelift_frontend::{FunctionBuilder, Switch};
use pullback_ir::DType;
use pullback_loops::{Branch, Index, Kernel, Loop, Place, Program, Step, Stmt, VarType, While};

use super::kernel::{Counter, Emitter, Environment};
use crate::error::Error;

/// The most statements of a kernel that is emitted in place.
const SMALL: usize = 48;

/// The most statements emitted in place of a program: the time to compile a function grows faster than its size.
const MAX_IN_PLACE: usize = 1024;

/// Kernels with the loops around them, outermost first, each with the number of its iterations.
type Surrounded<'a> = Vec<(&'a Kernel, Vec<(Index, i64)>)>;

/// The kernels that are functions.
pub(super) struct Functions<'a> {
    pub(super) kernels: Surrounded<'a>,
    in_place: usize,
}

impl<'a> Functions<'a> {
    /// Decides for each kernel of a program.
    pub(super) fn of(program: &'a Program) -> Self {
        let mut functions = Self { kernels: Vec::new(), in_place: 0 };
        functions.steps(&program.body, &mut Vec::new(), false);
        functions
    }

    fn steps(&mut self, steps: &'a [Step], around: &mut Vec<(Index, i64)>, repeated: bool) {
        for step in steps {
            match step {
                Step::Kernel(kernel) => {
                    let size = size_in_place(&kernel.body).filter(|&size| repeated && size <= SMALL);
                    match size.filter(|size| self.in_place + size <= MAX_IN_PLACE) {
                        Some(size) => self.in_place += size,
                        None => self.kernels.push((kernel, around.clone())),
                    }
                }
                Step::Loop(inner) => {
                    around.push((inner.index, inner.extent));
                    self.steps(&inner.body, around, true);
                    around.pop();
                }
                Step::While(inner) => {
                    self.steps(&inner.before, around, true);
                    self.steps(&inner.body, around, true);
                }
                Step::Branch(inner) => inner.cases.iter().for_each(|case| self.steps(case, around, repeated)),
            }
        }
    }
}

/// The number of statements, if none is a call.
fn size_in_place(body: &[Stmt]) -> Option<usize> {
    body.iter()
        .map(|stmt| match stmt {
            Stmt::Let(..) | Stmt::Store(..) | Stmt::Bind(_) => Some(1),
            Stmt::For(inner) => size_in_place(&inner.body).map(|size| size + 1),
            Stmt::If(inner) => size_in_place(&inner.body).map(|size| size + 1),
            Stmt::Gemm(_) | Stmt::Call(_) => None,
        })
        .sum()
}

/// Emits the entry into an empty function `fn(table)`.
pub(super) fn emit(
    env: &Environment<'_>,
    callees: &BTreeMap<Arc<str>, FuncRef>,
    builder: FunctionBuilder<'_>,
    config: TargetFrontendConfig,
) -> Result<(), Error> {
    let (emitter, _) = Emitter::begin(env, builder)?;
    let mut entry = Entry { emitter, callees, around: Vec::new() };
    entry.steps(&env.program.body)?;
    entry.emitter.finish(config);
    Ok(())
}

struct Entry<'a, 'f> {
    emitter: Emitter<'a, 'f>,
    /// The kernels that are functions, by name.
    callees: &'a BTreeMap<Arc<str>, FuncRef>,
    /// Values of the counters around, outermost first.
    around: Vec<Value>,
}

impl Entry<'_, '_> {
    fn steps(&mut self, steps: &[Step]) -> Result<(), Error> {
        for step in steps {
            match step {
                Step::Kernel(kernel) => self.kernel(kernel)?,
                Step::Loop(inner) => self.counted(inner)?,
                Step::While(inner) => self.while_loop(inner)?,
                Step::Branch(inner) => self.branch(inner)?,
            }
        }
        Ok(())
    }

    fn kernel(&mut self, kernel: &Kernel) -> Result<(), Error> {
        let Some(&callee) = self.callees.get(&kernel.name) else {
            return self.emitter.kernel(kernel, self.around.len());
        };
        let mut arguments = vec![self.emitter.table];
        arguments.extend(&self.around);
        self.emitter.builder.ins().call(callee, &arguments);
        Ok(())
    }

    fn counted(&mut self, inner: &Loop) -> Result<(), Error> {
        if inner.extent < 1 {
            return Ok(());
        }
        let builder = &mut self.emitter.builder;
        let (body, exit) = (builder.create_block(), builder.create_block());
        let counter = builder.append_block_param(body, types::I64);
        let zero = builder.ins().iconst(types::I64, 0);
        builder.ins().jump(body, &[BlockArg::Value(zero)]);
        builder.switch_to_block(body);
        let depth = self.around.len();
        let bounds = Counter { value: Some(counter), last: inner.extent - 1, depth };
        self.emitter.counters.insert(inner.index, bounds);
        self.around.push(counter);
        self.steps(&inner.body)?;
        self.around.pop();
        self.emitter.counters.remove(&inner.index);
        self.again(counter, inner.extent, body, exit);
        self.emitter.builder.seal_block(body);
        self.continue_in(exit);
        Ok(())
    }

    /// Advances a counter and goes back as long as it is below `end`.
    fn again(&mut self, counter: Value, end: i64, back: Block, exit: Block) {
        let builder = &mut self.emitter.builder;
        let advanced = builder.ins().iadd_imm_s(counter, 1);
        let more = builder.ins().icmp_imm_s(IntCC::SignedLessThan, advanced, end);
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
        builder.switch_to_block(head);
        self.steps(&inner.before)?;
        let holds = self.scalar(DType::Bool, &inner.condition)?;
        self.emitter.builder.ins().brif(holds, body, &[], exit, &[]);
        self.continue_in(body);
        self.steps(&inner.body)?;
        // Nobody counts to 2^63.
        let bound = inner.bound.and_then(|bound| i64::try_from(bound).ok()).unwrap_or(i64::MAX);
        self.again(iteration, bound, head, exit);
        self.emitter.builder.seal_block(head);
        self.continue_in(exit);
        Ok(())
    }

    fn branch(&mut self, inner: &Branch) -> Result<(), Error> {
        let data = self.emitter.env.program.buffers.get(inner.selector.buffer);
        let dtype = data.map_or(DType::Bool, |data| data.dtype);
        let selector = self.scalar(dtype, &inner.selector)?;
        let builder = &mut self.emitter.builder;
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
                let mut switch = Switch::new();
                for (number, &case) in cases.iter().enumerate() {
                    switch.set_entry(number as u128, case);
                }
                switch.emit(builder, selector, last);
            }
            (_, _) => return self.emitter.bug(format!("a branch by {dtype} to {} cases", blocks.len())),
        }
        for (case, block) in inner.cases.iter().zip(blocks) {
            self.continue_in(block);
            self.steps(case)?;
            self.emitter.builder.ins().jump(exit, &[]);
        }
        self.continue_in(exit);
        Ok(())
    }

    fn scalar(&mut self, dtype: DType, place: &Place) -> Result<Value, Error> {
        self.emitter.load_bases(&[place.buffer])?;
        self.emitter.load(VarType::scalar(dtype), place)
    }
}
