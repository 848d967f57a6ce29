//! Blocks, branches, parameters, calls.
//!
//! An edge from a block with several successors to one with several predecessors gets a block of its own, since what is passed along it has to be moved somewhere.

use cranelift_codegen::ir::{self, InstructionData, Opcode, types};
use iced_x86::Code as Name;
use regalloc2::{Block, Operand, RegClass, VReg};

use super::{Form, Refused, Select, class, jump};
use crate::wide::allocate::BlockData;
use crate::wide::inst::{Address, Base, Inst, Kind, PARAMS, RAX, Size, vector};

impl Select<'_> {
    /// The blocks that a block leads to.
    fn targets(&self, block: ir::Block) -> Vec<ir::Block> {
        let Some(last) = self.func.layout.last_inst(block) else { return Vec::new() };
        let pool = &self.func.dfg.value_lists;
        let targets =
            self.func.dfg.insts[last].branch_destination(&self.func.dfg.jump_tables, &self.func.dfg.exception_tables);
        targets.iter().map(|call| call.block(pool)).collect()
    }

    /// Gives blocks their numbers: each is followed by those of its edges.
    pub(super) fn number_blocks(&mut self, order: &[ir::Block]) {
        let mut next = 0;
        for &block in order {
            self.blocks[block] = Some(Block::new(next));
            let targets = self.targets(block);
            let edges = targets.iter().filter(|&&target| targets.len() > 1 && self.predecessors(target) > 1).count();
            next += 1 + edges;
        }
    }

    fn predecessors(&self, block: ir::Block) -> u32 {
        self.predecessors[block]
    }

    /// Counts the edges that lead to each block.
    pub(super) fn count_predecessors(&mut self) {
        for block in self.func.layout.blocks() {
            for target in self.targets(block) {
                self.predecessors[target] += 1;
            }
        }
    }

    fn block_number(&self, block: ir::Block) -> Result<Block, Refused> {
        self.blocks[block].ok_or_else(|| format!("{block} is not in the function"))
    }

    pub(super) fn params(&mut self, block: ir::Block) -> Result<(), Refused> {
        let mut params = Inst::of(Kind::Params);
        let mut loads = Vec::new();
        for (number, &param) in self.func.dfg.block_params(block).iter().enumerate() {
            if self.ty(param) != types::I64 {
                return Err(format!("a parameter of type {}", self.ty(param)));
            }
            let reg = self.general();
            self.forms[param] = Form::Reg(reg);
            match PARAMS.get(number) {
                Some(&at) => params = params.fixed_def(reg, at),
                None => {
                    let address = Address::at(Base::Incoming, 8 * (number - PARAMS.len()) as i32);
                    loads.push(Inst::new(Name::Mov_r64_rm64).def(reg, Size::R64).memory(address));
                }
            }
        }
        self.code.has_incoming |= !loads.is_empty();
        self.put(params);
        self.code.insts.extend(loads);
        Ok(())
    }

    pub(super) fn terminator(&mut self, inst: ir::Inst) -> Result<(), Refused> {
        let dfg = &self.func.dfg;
        let calls = dfg.insts[inst].branch_destination(&dfg.jump_tables, &dfg.exception_tables).to_vec();
        let mut edges = Vec::with_capacity(calls.len());
        for call in &calls {
            let target = call.block(&dfg.value_lists);
            let passed: Vec<ir::BlockArg> = call.args(&dfg.value_lists).collect();
            let mut arguments = Vec::with_capacity(passed.len());
            for argument in passed {
                let Some(value) = argument.as_value() else { return Err(self.refusal(inst)) };
                arguments.push(self.reg(value)?);
            }
            edges.push((target, arguments));
        }
        let end = match self.opcode(inst) {
            Opcode::Jump => jump(),
            Opcode::Brif => Inst::of(Kind::Branch(self.condition(self.args(inst)[0])?)),
            Opcode::Return if self.args(inst).is_empty() => Inst::of(Kind::Return),
            _ => return Err(self.refusal(inst)),
        };
        self.put(end);
        let several = edges.len() > 1;
        for (target, arguments) in edges {
            let number = self.block_number(target)?;
            if several && self.predecessors(target) > 1 {
                self.edges.push((number, self.func.layout.is_cold(target), arguments));
                let at = self.code.blocks.len() + self.edges.len();
                self.current.successors.push(Block::new(at));
                self.current.arguments.push(Vec::new());
            } else {
                self.current.successors.push(number);
                self.current.arguments.push(arguments);
            }
        }
        Ok(())
    }

    /// The blocks of the edges out of the block before.
    pub(super) fn finish_edges(&mut self) {
        for (target, is_cold, arguments) in std::mem::take(&mut self.edges) {
            let start = self.code.insts.len();
            self.put(jump());
            let (successors, arguments) = (vec![target], vec![arguments]);
            let range = start..start + 1;
            self.code.blocks.push(BlockData { is_cold, range, successors, arguments, ..BlockData::default() });
        }
    }

    /// Tells blocks which ones lead to them.
    pub(super) fn link(&mut self) {
        for number in 0..self.code.blocks.len() {
            for successor in self.code.blocks[number].successors.clone() {
                self.code.blocks[successor.index()].predecessors.push(Block::new(number));
            }
        }
    }

    fn symbol(&mut self, function: ir::FuncRef) -> Result<VReg, Refused> {
        let name = self.func.dfg.ext_funcs[function].name.clone();
        if !matches!(name, ir::ExternalName::User(_)) {
            return Err(format!("the function {name:?}"));
        }
        let reg = self.general();
        let mut symbol = Inst::of(Kind::Symbol(name));
        symbol.operands.push(Operand::reg_def(reg));
        self.put(symbol);
        Ok(reg)
    }

    pub(super) fn function_address(&mut self, inst: ir::Inst) -> Result<(), Refused> {
        let InstructionData::FuncAddr { func_ref, .. } = self.func.dfg.insts[inst] else {
            return Err(self.refusal(inst));
        };
        let reg = self.symbol(func_ref)?;
        self.set(inst, reg)
    }

    /// A call by the System V convention.
    pub(super) fn call(&mut self, inst: ir::Inst) -> Result<(), Refused> {
        let InstructionData::Call { func_ref, .. } = self.func.dfg.insts[inst] else { return Err(self.refusal(inst)) };
        let (mut integers, mut floats, mut bytes) = (0, 0, 0);
        let mut passed = Vec::new();
        for value in self.args(inst).to_vec() {
            let reg = self.reg(value)?;
            match class(self.ty(value)) {
                RegClass::Int if integers < PARAMS.len() => {
                    passed.push((reg, PARAMS[integers]));
                    integers += 1;
                }
                RegClass::Int => {
                    let address = Address::at(Base::Outgoing, bytes);
                    self.put(Inst::new(Name::Mov_rm64_r64).memory(address).reg(reg, Size::R64));
                    bytes += 8;
                }
                _ if floats < 8 => {
                    passed.push((reg, vector(floats)));
                    floats += 1;
                }
                _ => return Err(self.refusal(inst)),
            }
        }
        self.code.outgoing_bytes = self.code.outgoing_bytes.max(bytes.cast_unsigned());
        self.code.calls = true;
        let callee = self.symbol(func_ref)?;
        let mut call = Inst::of(Kind::Call).reg(callee, Size::R64);
        for (reg, at) in passed {
            call = call.fixed_use(reg, at);
        }
        let results = self.func.dfg.inst_results(inst);
        if results.len() > 1 {
            return Err(self.refusal(inst));
        }
        if let &[result] = results {
            let class = class(self.ty(result));
            let reg = self.fresh(class);
            call = call.fixed_def(reg, if class == RegClass::Int { RAX } else { vector(0) });
            self.forms[result] = Form::Reg(reg);
        }
        self.put(call);
        Ok(())
    }
}
