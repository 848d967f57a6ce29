//! Instruction selection: from Cranelift's IR to machine instructions with virtual registers.
//!
//! One pass forward over each block. A value has a [`Form`]: most are in a register when they are defined; some wait until they are used, as part of the
//! instruction that uses them or made there:
//!
//! * constants, always;
//! * loads and copies to all lanes with one use in the same block, as operands in memory, if nothing stores in between ([`uses`]);
//! * sums and shifts that are addresses; negations, which multiply-adds have variants for;
//! * comparisons with one use, which become flags or a mask; all other comparisons of floats and vectors are masks, and become vectors of ones and zeros, or a byte, where they are used as such.
//!
//! Integers of 8 and 16 bits have anything in the rest of their register. Vectors of less than 128 bits have anything in the rest of theirs.
//!
//! One file per kind: [`scalar`]: integers. [`vector`]: floats, and vectors of both. [`lanes`]: moving between vectors and lanes. [`mask`]: comparisons and selections. [`memory`]: addresses, loads, stores. [`control`]: blocks, branches, calls.
//!
//! Whatever emission does not use is refused by name.

mod control;
mod lanes;
mod mask;
mod memory;
mod scalar;
mod uses;
mod vector;

use std::collections::HashMap;

use cranelift_codegen::entity::SecondaryMap;
use cranelift_codegen::ir::{self, Function, InstructionData, Opcode, Type, Value};
use cranelift_codegen::isa::CallConv;
use iced_x86::Code as Name;
use regalloc2::{Block, RegClass, VReg};

use super::allocate::{BlockData, Code};
use super::codes;
use super::inst::{Inst, Kind, Rm, Size, Slot, Width};
use uses::Uses;

/// What cannot be compiled, for people.
pub(super) type Refused = String;

/// Where a value is.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// Nowhere yet; also what is not needed.
    None,
    Reg(VReg),
    /// The same as another value, in the same class of registers.
    Alias(Value),
    /// A mask: a bit for each lane, the lowest alone for a scalar.
    Mask(VReg),
    /// Made where it is used.
    Waiting(ir::Inst),
}

struct Select<'a> {
    func: &'a Function,
    uses: Uses,
    code: Code,
    forms: SecondaryMap<Value, Form>,
    blocks: SecondaryMap<ir::Block, Option<Block>>,
    /// How many edges lead to a block.
    predecessors: SecondaryMap<ir::Block, u32>,
    current: BlockData,
    /// The edges out of the current block that become blocks: where they lead, whether that is cold, and what is passed.
    edges: Vec<(Block, bool, Vec<VReg>)>,
    /// Quarters of vectors that were extracted in the block.
    quarters: HashMap<(VReg, u8), VReg>,
}

/// Selects instructions for a function.
pub(super) fn select(func: &Function) -> Result<Code, Refused> {
    let mut select = Select {
        func,
        uses: Uses::of(func),
        code: Code {
            insts: Vec::new(),
            blocks: Vec::new(),
            vregs: 0,
            slot_bytes: 0,
            outgoing_bytes: 0,
            calls: false,
            has_incoming: false,
            width: widest(func),
        },
        forms: SecondaryMap::with_default(Form::None),
        blocks: SecondaryMap::new(),
        predecessors: SecondaryMap::new(),
        current: BlockData::default(),
        edges: Vec::new(),
        quarters: HashMap::new(),
    };
    select.function()?;
    Ok(select.code)
}

/// The width of the widest vector of a function.
fn widest(func: &Function) -> Width {
    let results = func.layout.blocks().flat_map(|block| func.layout.block_insts(block));
    let types = results.flat_map(|inst| func.dfg.inst_results(inst)).map(|&result| func.dfg.value_type(result));
    types.filter(|ty| ty.is_vector()).map(codes::width).max().unwrap_or(Width::X)
}

/// The class of registers for a type.
fn class(ty: Type) -> RegClass {
    if ty.is_vector() || ty.is_float() { RegClass::Float } else { RegClass::Int }
}

/// The name of a general-purpose register with a value of a type.
fn general_size(ty: Type) -> Size {
    if ty.bits() == 64 { Size::R64 } else { Size::R32 }
}

impl Select<'_> {
    fn fresh(&mut self, class: RegClass) -> VReg {
        self.code.vregs += 1;
        VReg::new(self.code.vregs - 1, class)
    }

    fn general(&mut self) -> VReg {
        self.fresh(RegClass::Int)
    }

    fn vector(&mut self) -> VReg {
        self.fresh(RegClass::Float)
    }

    fn mask_register(&mut self) -> VReg {
        self.fresh(RegClass::Vector)
    }

    fn put(&mut self, inst: Inst) {
        self.code.insts.push(inst);
    }

    fn ty(&self, value: Value) -> Type {
        self.func.dfg.value_type(value)
    }

    fn opcode(&self, inst: ir::Inst) -> Opcode {
        self.func.dfg.insts[inst].opcode()
    }

    fn args(&self, inst: ir::Inst) -> &[Value] {
        self.func.dfg.inst_args(inst)
    }

    /// The operands of an instruction that has so many.
    fn operands<const N: usize>(&self, inst: ir::Inst) -> Result<[Value; N], Refused> {
        <[Value; N]>::try_from(self.args(inst)).map_err(|_| self.refusal(inst))
    }

    fn result(&self, inst: ir::Inst) -> Result<Value, Refused> {
        match self.func.dfg.inst_results(inst) {
            &[result] => Ok(result),
            _ => Err(self.refusal(inst)),
        }
    }

    fn refusal(&self, inst: ir::Inst) -> Refused {
        format!("no code for `{}`", self.func.dfg.display_inst(inst))
    }

    fn set(&mut self, inst: ir::Inst, reg: VReg) -> Result<(), Refused> {
        let result = self.result(inst)?;
        self.forms[result] = Form::Reg(reg);
        Ok(())
    }

    /// The value that a value is the same as.
    fn root(&self, value: Value) -> Value {
        let mut value = value;
        while let Form::Alias(of) = self.forms[value] {
            value = of;
        }
        value
    }

    /// The instruction that makes a value where it is used, if it is one of those.
    fn waiting(&self, value: Value) -> Option<ir::Inst> {
        match self.forms[self.root(value)] {
            Form::Waiting(inst) => Some(inst),
            Form::None | Form::Reg(_) | Form::Alias(_) | Form::Mask(_) => None,
        }
    }

    /// The instruction that makes a value where it is used, if it is one with this opcode.
    fn waiting_for(&self, value: Value, opcode: Opcode) -> Option<ir::Inst> {
        self.waiting(value).filter(|&inst| self.opcode(inst) == opcode)
    }

    /// Whether a value is used once, so that its register may be written by the instruction at no cost.
    fn ends(&self, value: Value) -> bool {
        self.uses.is_single(self.func, value)
    }

    /// A value in a register.
    fn reg(&mut self, value: Value) -> Result<VReg, Refused> {
        let root = self.root(value);
        match self.forms[root] {
            Form::Reg(reg) => Ok(reg),
            Form::Mask(mask) => Ok(self.spread(mask, self.ty(value))),
            Form::Waiting(inst) => self.make(inst, value),
            Form::None | Form::Alias(_) => Err(format!("{value} is used before it is defined")),
        }
    }

    /// Makes what waited, for use as the type of `value`.
    fn make(&mut self, inst: ir::Inst, value: Value) -> Result<VReg, Refused> {
        match self.opcode(inst) {
            Opcode::Iconst => self.integer_constant(inst),
            Opcode::F32const | Opcode::F64const => self.float_constant(inst),
            Opcode::Vconst => self.vector_constant(inst),
            Opcode::Load => self.load_now(inst),
            Opcode::Splat => self.splat_now(inst),
            Opcode::Fneg => self.negate(inst),
            Opcode::Iadd => self.add_now(inst),
            Opcode::Ishl => self.shift_now(inst),
            Opcode::Icmp if !self.ty(self.args(inst)[0]).is_vector() => self.flag(inst),
            Opcode::Icmp | Opcode::Fcmp => {
                let mask = self.compare_now(inst)?;
                Ok(self.spread(mask, self.ty(value)))
            }
            Opcode::VanyTrue | Opcode::VallTrue => self.flag(inst),
            _ => Err(self.refusal(inst)),
        }
    }

    /// A value in a register or in memory, where it can be an operand of an instruction of its type. `broadcast` says that the instruction can copy one element to all lanes.
    fn rm(&mut self, value: Value, broadcast: bool) -> Result<Rm, Refused> {
        let ty = self.ty(value);
        if let Some(load) = self.waiting_for(value, Opcode::Load) {
            let loaded = self.ty(self.result(load)?);
            if loaded.bits() == ty.bits() && (ty.bits() >= 128 || !ty.is_vector()) && class(loaded) == class(ty) {
                return Ok(Rm::Memory(self.address_of(load)?));
            }
        }
        if broadcast
            && ty.bits() >= 128
            && let Some(splat) = self.waiting_for(value, Opcode::Splat)
            && let Some(load) = self.waiting_for(self.args(splat)[0], Opcode::Load)
            && self.ty(self.result(load)?).bits() == ty.lane_bits()
            && matches!(ty.lane_bits(), 32 | 64)
        {
            return Ok(Rm::Broadcast(self.address_of(load)?));
        }
        self.reg(value).map(Rm::Reg)
    }

    /// Whether [`Self::rm`] gives memory.
    fn is_in_memory(&self, value: Value) -> bool {
        match self.waiting(value) {
            Some(inst) => match self.opcode(inst) {
                Opcode::Load => true,
                Opcode::Splat => self.waiting_for(self.args(inst)[0], Opcode::Load).is_some(),
                _ => false,
            },
            None => false,
        }
    }

    /// One instruction of Cranelift's.
    fn instruction(&mut self, inst: ir::Inst) -> Result<(), Refused> {
        if self.uses.is_dead(inst) {
            return Ok(());
        }
        let opcode = self.opcode(inst);
        match opcode {
            Opcode::Iconst | Opcode::F32const | Opcode::F64const | Opcode::Vconst => self.wait(inst),
            Opcode::Fneg => {
                let [value] = self.operands(inst)?;
                self.settle(value, inst)?;
                self.wait(inst)
            }
            Opcode::Load => self.load(inst),
            Opcode::Store | Opcode::Istore8 | Opcode::Istore16 | Opcode::Istore32 => self.store(inst),
            Opcode::StackAddr => self.stack_address(inst),
            Opcode::Jump | Opcode::Brif | Opcode::Return => self.terminator(inst),
            Opcode::Call => match uses::intrinsic(self.func, inst) {
                Some(intrinsic) => self.intrinsic(inst, intrinsic),
                None => self.call(inst),
            },
            Opcode::FuncAddr => self.function_address(inst),
            Opcode::Bitcast => self.bitcast(inst),
            Opcode::Splat => self.splat(inst),
            Opcode::Extractlane => self.extract_lane(inst),
            Opcode::Insertlane => self.insert_lane(inst),
            Opcode::ScalarToVector => self.scalar_to_vector(inst),
            Opcode::Icmp | Opcode::Fcmp => self.compare(inst),
            Opcode::VanyTrue | Opcode::VallTrue => self.test_lanes(inst),
            Opcode::Bitselect => self.bitselect(inst),
            Opcode::Select => self.select(inst),
            Opcode::Fadd | Opcode::Fsub | Opcode::Fmul | Opcode::Fdiv => self.float_binary(inst),
            Opcode::Fma => self.mul_add(inst),
            Opcode::Sqrt | Opcode::Floor | Opcode::Ceil | Opcode::Trunc | Opcode::Nearest => self.float_unary(inst),
            Opcode::Fpromote | Opcode::Fdemote => self.change_precision(inst),
            Opcode::FcvtFromSint => self.convert_signed(inst),
            Opcode::Band | Opcode::Bor | Opcode::Bxor | Opcode::Bnot => {
                let first = self.args(inst)[0];
                if class(self.ty(first)) == RegClass::Float || self.is_mask(first) {
                    self.logic(inst)
                } else {
                    self.integer_binary(inst)
                }
            }
            _ if self.args(inst).first().is_some_and(|&first| self.ty(first).is_vector()) => self.lane_operation(inst),
            _ => self.integer_binary(inst),
        }
    }

    /// Leaves an instruction until its result is used.
    fn wait(&mut self, inst: ir::Inst) -> Result<(), Refused> {
        let result = self.result(inst)?;
        self.forms[result] = Form::Waiting(inst);
        Ok(())
    }

    fn alias(&mut self, inst: ir::Inst, of: Value) -> Result<(), Refused> {
        let result = self.result(inst)?;
        self.forms[result] = Form::Alias(of);
        Ok(())
    }

    fn bitcast(&mut self, inst: ir::Inst) -> Result<(), Refused> {
        let [value] = self.operands(inst)?;
        let (from, to) = (self.ty(value), self.ty(self.result(inst)?));
        // The lanes of a mask are those of what was compared.
        if class(from) == class(to) && (from.lane_count() == to.lane_count() || !self.is_mask(value)) {
            return self.alias(inst, value);
        }
        if class(from) == class(to) {
            let reg = self.reg(value)?;
            return self.set(inst, reg);
        }
        let from_reg = self.reg(value)?;
        let (result, moved) = if class(to) == RegClass::Float {
            let name = if to.bits() == 64 { Name::EVEX_Vmovq_xmm_rm64 } else { Name::EVEX_Vmovd_xmm_rm32 };
            let result = self.vector();
            (result, Inst::new(name).def(result, Size::X).reg(from_reg, general_size(from)))
        } else {
            let name = if to.bits() == 64 { Name::EVEX_Vmovq_rm64_xmm } else { Name::EVEX_Vmovd_rm32_xmm };
            let result = self.general();
            (result, Inst::new(name).def(result, general_size(to)).reg(from_reg, Size::X))
        };
        self.put(moved);
        self.set(inst, result)
    }

    /// A general-purpose register with a number.
    fn number(&mut self, value: i64) -> VReg {
        let reg = self.general();
        let inst = if let Ok(value) = u32::try_from(value) {
            Inst::new(Name::Mov_r32_imm32).def(reg, Size::R32).imm(Slot::Imm32(value.cast_signed()))
        } else if let Ok(value) = i32::try_from(value) {
            Inst::new(Name::Mov_rm64_imm32).def(reg, Size::R64).imm(Slot::Imm32To64(value))
        } else {
            Inst::new(Name::Mov_r64_imm64).def(reg, Size::R64).imm(Slot::Imm64(value))
        };
        self.put(inst);
        reg
    }

    fn integer_constant(&mut self, inst: ir::Inst) -> Result<VReg, Refused> {
        let result = self.result(inst)?;
        let value = uses::integer(self.func, result).ok_or_else(|| self.refusal(inst))?;
        // What is above the type's bits is never looked at; without it the instruction is short.
        let value = if self.ty(result).bits() == 64 { value } else { i64::from(value as u32) };
        Ok(self.number(value))
    }

    fn float_constant(&mut self, inst: ir::Inst) -> Result<VReg, Refused> {
        let (bits, name, size) = match self.func.dfg.insts[inst] {
            InstructionData::UnaryIeee32 { imm, .. } => (u64::from(imm.bits()), Name::EVEX_Vmovd_xmm_rm32, Size::R32),
            InstructionData::UnaryIeee64 { imm, .. } => (imm.bits(), Name::EVEX_Vmovq_xmm_rm64, Size::R64),
            _ => return Err(self.refusal(inst)),
        };
        if bits == 0 {
            return Ok(self.zero());
        }
        let number = self.number(bits.cast_signed());
        let result = self.vector();
        self.put(Inst::new(name).def(result, Size::X).reg(number, size));
        Ok(result)
    }

    fn function(&mut self) -> Result<(), Refused> {
        if self.func.signature.call_conv != CallConv::SystemV {
            return Err(format!("the calling convention {}", self.func.signature.call_conv));
        }
        let order: Vec<ir::Block> = self.func.layout.blocks().collect();
        self.count_predecessors();
        self.number_blocks(&order);
        for &block in &order {
            let start = self.code.insts.len();
            self.quarters.clear();
            self.current = BlockData { is_cold: self.func.layout.is_cold(block), ..BlockData::default() };
            if self.func.layout.entry_block() == Some(block) {
                self.params(block)?;
            } else {
                for &param in self.func.dfg.block_params(block) {
                    let reg = self.fresh(class(self.ty(param)));
                    self.forms[param] = Form::Reg(reg);
                    self.current.params.push(reg);
                }
            }
            for inst in self.func.layout.block_insts(block) {
                self.instruction(inst)?;
            }
            self.finish_block(start);
        }
        self.link();
        Ok(())
    }

    fn finish_block(&mut self, start: usize) {
        let mut block = std::mem::take(&mut self.current);
        block.range = start..self.code.insts.len();
        self.code.blocks.push(block);
        self.finish_edges();
    }
}

/// An instruction that does nothing but jump.
fn jump() -> Inst {
    Inst::of(Kind::Jump)
}
