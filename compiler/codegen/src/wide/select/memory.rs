//! Addresses, loads, stores, stack slots.

use cranelift_codegen::ir::{self, InstructionData, Opcode, Type, Value, types};
use iced_x86::Code as Name;
use regalloc2::{RegClass, VReg};

use super::{Refused, Select, class, general_size, uses};
use crate::wide::codes::{self, width};
use crate::wide::inst::{Address, Base, Inst, Rm, Size, Slot};

impl Select<'_> {
    /// A load waits for its only use, if that can have it as an operand.
    pub(super) fn load(&mut self, inst: ir::Inst) -> Result<(), Refused> {
        if self.uses.can_wait(self.func, inst) {
            let [pointer] = self.operands(inst)?;
            self.settle(pointer, inst)?;
            return self.wait(inst);
        }
        let reg = self.load_now(inst)?;
        self.set(inst, reg)
    }

    pub(super) fn load_now(&mut self, inst: ir::Inst) -> Result<VReg, Refused> {
        let ty = self.ty(self.result(inst)?);
        let address = self.address_of(inst)?;
        self.load_from(ty, address)
    }

    pub(super) fn load_from(&mut self, ty: Type, address: Address<VReg>) -> Result<VReg, Refused> {
        let result = self.fresh(class(ty));
        let (name, size) = match (class(ty), ty.bits()) {
            (RegClass::Int, 8) => (Name::Movzx_r32_rm8, Size::R32),
            (RegClass::Int, 16) => (Name::Movzx_r32_rm16, Size::R32),
            (RegClass::Int, 32) => (Name::Mov_r32_rm32, Size::R32),
            (RegClass::Int, 64) => (Name::Mov_r64_rm64, Size::R64),
            (RegClass::Float, 32) => (Name::EVEX_Vmovss_xmm_k1z_m32, Size::X),
            (RegClass::Float, 64) => (Name::EVEX_Vmovsd_xmm_k1z_m64, Size::X),
            (RegClass::Float, 128..) => {
                (codes::MOVE.code(types::F32.by(ty.bits() / 32).unwrap_or(ty)), width(ty).size())
            }
            (RegClass::Float, 16) => {
                let bytes = self.general();
                self.put(Inst::new(Name::Movzx_r32_rm16).def(bytes, Size::R32).memory(address));
                self.put(Inst::new(Name::EVEX_Vmovd_xmm_rm32).def(result, Size::X).reg(bytes, Size::R32));
                return Ok(result);
            }
            (_, _) => return Err(format!("no load of {ty}")),
        };
        self.put(Inst::new(name).def(result, size).memory(address));
        Ok(result)
    }

    pub(super) fn store(&mut self, inst: ir::Inst) -> Result<(), Refused> {
        let [value, _] = self.operands(inst)?;
        let ty = match self.opcode(inst) {
            Opcode::Istore8 => types::I8,
            Opcode::Istore16 => types::I16,
            Opcode::Istore32 => types::I32,
            _ => self.ty(value),
        };
        let address = self.address_of(inst)?;
        self.store_to(ty, value, address)
    }

    pub(super) fn store_to(&mut self, ty: Type, value: Value, address: Address<VReg>) -> Result<(), Refused> {
        let value = self.reg(value)?;
        let (name, size) = match (class(ty), ty.bits()) {
            (RegClass::Int, 8) => (Name::Mov_rm8_r8, Size::R8),
            (RegClass::Int, 32) => (Name::Mov_rm32_r32, Size::R32),
            (RegClass::Int, 64) => (Name::Mov_rm64_r64, Size::R64),
            (RegClass::Float, 16) => {
                self.put(
                    Inst::new(Name::EVEX_Vpextrw_r32m16_xmm_imm8)
                        .memory(address)
                        .reg(value, Size::X)
                        .imm(Slot::Imm8(0)),
                );
                return Ok(());
            }
            (RegClass::Float, 32) => (Name::EVEX_Vmovss_m32_k1_xmm, Size::X),
            (RegClass::Float, 64) => (Name::EVEX_Vmovsd_m64_k1_xmm, Size::X),
            (RegClass::Float, 128..) => {
                (codes::STORE.code(types::F32.by(ty.bits() / 32).unwrap_or(ty)), width(ty).size())
            }
            (_, _) => return Err(format!("no store of {ty}")),
        };
        self.put(Inst::new(name).memory(address).reg(value, size));
        Ok(())
    }

    /// The address of a load or store.
    pub(super) fn address_of(&mut self, inst: ir::Inst) -> Result<Address<VReg>, Refused> {
        let (pointer, offset) = match self.func.dfg.insts[inst] {
            InstructionData::Load { arg, offset, .. } => (arg, offset),
            InstructionData::Store { args: [_, pointer], offset, .. } => (pointer, offset),
            _ => return Err(self.refusal(inst)),
        };
        self.address(pointer, i32::from(offset))
    }

    /// `pointer + offset`, where sums and shifts that wait are part of the address.
    fn address(&mut self, pointer: Value, offset: i32) -> Result<Address<VReg>, Refused> {
        let Some(sum) = self.waiting_for(pointer, Opcode::Iadd) else {
            return Ok(Address::at(Base::Reg(self.reg(pointer)?), offset));
        };
        let [x, y] = self.operands(sum)?;
        for (x, y) in [(x, y), (y, x)] {
            let constant = self.constant(y).and_then(|constant| i32::try_from(constant).ok());
            if let Some(offset) = constant.and_then(|constant| offset.checked_add(constant)) {
                return Ok(Address::at(Base::Reg(self.reg(x)?), offset));
            }
        }
        for (x, y) in [(x, y), (y, x)] {
            if let Some(shift) = self.waiting_for(y, Opcode::Ishl) {
                let [index, amount] = self.operands(shift)?;
                let amount = self.constant(amount).unwrap_or(0);
                let base = Base::Reg(self.reg(x)?);
                return Ok(Address { base, index: Some((self.reg(index)?, 1 << amount)), offset });
            }
        }
        let base = Base::Reg(self.reg(x)?);
        Ok(Address { base, index: Some((self.reg(y)?, 1)), offset })
    }

    /// The value of an integer constant.
    pub(super) fn constant(&self, value: Value) -> Option<i64> {
        uses::integer(self.func, self.root(value))
    }

    /// Every slot is in one area, in the order of their numbers.
    pub(super) fn stack_address(&mut self, inst: ir::Inst) -> Result<(), Refused> {
        let InstructionData::StackAddr { stack_slot, offset, .. } = self.func.dfg.insts[inst] else {
            return Err(self.refusal(inst));
        };
        let address = self.slot(stack_slot, offset.into());
        let result = self.general();
        self.put(Inst::new(Name::Lea_r64_m).def(result, Size::R64).memory(address));
        self.set(inst, result)
    }

    fn slot(&mut self, slot: ir::StackSlot, offset: i32) -> Address<VReg> {
        let mut start = 0;
        let mut found = 0;
        for (number, data) in &self.func.sized_stack_slots {
            start = u32::next_multiple_of(start, 1 << data.align_shift);
            if number == slot {
                found = start;
            }
            start += data.size;
        }
        self.code.slot_bytes = start;
        Address::at(Base::Slots, found as i32 + offset)
    }

    /// A sum or difference of integers by the addressing unit, which leaves its operands as they are.
    pub(super) fn sum(&mut self, ty: Type, address: Address<VReg>) -> VReg {
        let result = self.general();
        let name = if ty.bits() == 64 { Name::Lea_r64_m } else { Name::Lea_r32_m };
        self.put(Inst::new(name).def(result, general_size(ty)).memory(address));
        result
    }

    /// An integer of its type in a register or in memory.
    pub(super) fn general_rm(&mut self, value: Value) -> Result<Rm, Refused> {
        if self.ty(value).bits() >= 32 { self.rm(value, false) } else { self.reg(value).map(Rm::Reg) }
    }
}
