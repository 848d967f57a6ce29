//! Loads become operands of the instructions that use them.
//!
//! Cranelift's instruction selection takes a load into the instruction behind it if that is its only use, and it must not be that the instruction is
//! selected more than once: so it asks that nothing which the value goes into, however far, is used twice. A polynomial of which the result is both stored and summed, or an argument
//! that is reduced before the polynomial, rules out all the coefficients before it. (Cranelift 0.135, `compute_use_states`.)
//!
//! A parameter of a block ends this: what leads to it is selected once. So a value that a load could go into and that is used several times is passed on, at once, as a parameter to
//! a new block in which the code continues. There is no jump in the machine code, since the block follows its only predecessor, and no move, since the parameter gets the
//! register of what it is passed.
//!
//! Before and after: a function that computes the same, in the same order.

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::entity::SecondaryMap;
use cranelift_codegen::ir::{Block, BlockArg, Function, Inst, InstBuilder, Opcode, Value};

/// Passes values on as parameters where loads can be operands then.
pub(super) fn fold_loads(func: &mut Function) {
    let mut pass = Pass::new(func);
    let blocks: Vec<Block> = func.layout.blocks().collect();
    for block in blocks {
        pass.block(func, block);
    }
}

/// The first of the loads directly in front of an instruction, or itself: its operands have to be in its block.
fn before_loads(func: &Function, inst: Inst) -> Inst {
    let mut first = inst;
    while let Some(previous) = func.layout.prev_inst(first)
        && func.dfg.insts[previous].opcode() == Opcode::Load
    {
        first = previous;
    }
    first
}

struct Pass {
    uses: SecondaryMap<Value, u32>,
    /// The parameters that values became.
    renamed: SecondaryMap<Value, Option<Value>>,
    /// Loads with one use, and the values with one use that a load would be an operand of, or of what leads to them.
    takes_load: SecondaryMap<Value, bool>,
    /// Values of the current block that are to be parameters of the next.
    waiting: Vec<Value>,
}

impl Pass {
    fn new(func: &Function) -> Self {
        let mut uses: SecondaryMap<Value, u32> = SecondaryMap::new();
        for inst in func.layout.blocks().flat_map(|block| func.layout.block_insts(block)) {
            func.dfg.inst_values(inst).for_each(|value| uses[value] += 1);
        }
        Self { uses, renamed: SecondaryMap::new(), takes_load: SecondaryMap::new(), waiting: Vec::new() }
    }

    fn block(&mut self, func: &mut Function, block: Block) {
        let (mut block, mut next) = (block, func.layout.first_inst(block));
        while let Some(inst) = next {
            next = func.layout.next_inst(inst);
            self.rename(func, inst);
            let is_end = func.dfg.insts[inst].opcode().is_terminator();
            let is_used = |value: &Value| func.dfg.inst_values(inst).any(|used| used == *value);
            if !self.waiting.is_empty() && (is_end || self.waiting.iter().any(is_used)) {
                block = self.split(func, block, before_loads(func, inst));
                self.rename(func, inst);
            }
            self.look_at(func, inst);
        }
    }

    fn rename(&self, func: &mut Function, inst: Inst) {
        func.dfg.map_inst_values(inst, |value| self.renamed[value].unwrap_or(value));
    }

    /// Begins a new block in front of an instruction, with what waits as its parameters.
    fn split(&mut self, func: &mut Function, block: Block, inst: Inst) -> Block {
        let new = func.dfg.make_block();
        let mut arguments = Vec::with_capacity(self.waiting.len());
        for value in self.waiting.drain(..) {
            let ty = func.dfg.value_type(value);
            let param = func.dfg.append_block_param(new, ty);
            self.renamed[value] = Some(param);
            self.uses[param] = self.uses[value];
            arguments.push(BlockArg::Value(value));
        }
        func.layout.split_block(new, inst);
        if func.layout.is_cold(block) {
            func.layout.set_cold(new);
        }
        FuncCursor::new(func).at_bottom(block).ins().jump(new, &arguments);
        new
    }

    fn look_at(&mut self, func: &Function, inst: Inst) {
        let &[result] = func.dfg.inst_results(inst) else { return };
        let ty = func.dfg.value_type(result);
        if !ty.is_vector() && !ty.is_float() {
            return;
        }
        let opcode = func.dfg.insts[inst].opcode();
        if opcode == Opcode::Load {
            self.takes_load[result] = self.uses[result] == 1;
        } else if !opcode.is_call() && func.dfg.inst_args(inst).iter().any(|&arg| self.takes_load[arg]) {
            let is_shared = self.uses[result] > 1;
            self.takes_load[result] = !is_shared;
            if is_shared {
                self.waiting.push(result);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::panic, clippy::expect_used, reason = "tests")]
mod tests {
    use cranelift_codegen::ir::{AbiParam, MemFlagsData, Signature, UserFuncName, types};
    use cranelift_codegen::isa::CallConv;
    use cranelift_codegen::settings;
    use cranelift_codegen::verify_function;
    use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

    use super::*;

    /// `(x + c1) · (x + c1) + c2`, stored, or `x + c1`, with constants in memory.
    fn function(square: bool) -> Function {
        let mut signature = Signature::new(CallConv::SystemV);
        signature.params = [types::I64, types::F32X4].map(AbiParam::new).to_vec();
        let mut func = Function::with_name_signature(UserFuncName::default(), signature);
        let mut context = FunctionBuilderContext::new();
        let mut builder = FunctionBuilder::new(&mut func, &mut context);
        let block = builder.create_block();
        builder.append_block_params_for_function_params(block);
        builder.switch_to_block(block);
        builder.seal_block(block);
        let &[pointer, x] = builder.block_params(block) else { return func };
        let flags = MemFlagsData::trusted();
        let c1 = builder.ins().load(types::F32X4, flags, pointer, 0);
        let mut y = builder.ins().fadd(x, c1);
        if square {
            let product = builder.ins().fmul(y, y);
            let c2 = builder.ins().load(types::F32X4, flags, pointer, 16);
            y = builder.ins().fadd(product, c2);
        }
        builder.ins().store(flags, y, pointer, 32);
        builder.ins().return_(&[]);
        builder.finalize(cranelift_codegen::isa::TargetFrontendConfig {
            default_call_conv: CallConv::SystemV,
            pointer_width: target_lexicon::PointerWidth::U64,
            page_size_align_log2: 12,
        });
        func
    }

    #[test]
    fn a_value_that_a_load_goes_into_and_that_is_used_twice_is_a_parameter() {
        let mut func = function(true);
        fold_loads(&mut func);
        verify_function(&func, &settings::Flags::new(settings::builder())).expect("the function is valid");
        let blocks: Vec<Block> = func.layout.blocks().collect();
        let &[first, second] = &blocks[..] else { panic!("{func}") };
        let opcodes = |block| func.layout.block_insts(block).map(|inst| func.dfg.insts[inst].opcode());
        let expected = [Opcode::Load, Opcode::Fadd, Opcode::Jump];
        assert!(opcodes(first).eq(expected), "{func}");
        let expected = [Opcode::Fmul, Opcode::Load, Opcode::Fadd, Opcode::Store, Opcode::Return];
        assert!(opcodes(second).eq(expected), "the second load is with its addition: {func}");
        assert_eq!(func.dfg.block_params(second).len(), 1);
    }

    #[test]
    fn what_is_used_once_stays_where_it_is() {
        let mut func = function(false);
        fold_loads(&mut func);
        assert_eq!(func.layout.blocks().count(), 1);
    }
}
