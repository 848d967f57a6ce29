//! Integers in general-purpose registers.
//!
//! Types of 8 and 16 bits are computed in 32, except where the upper bits matter: there they are filled first.

use cranelift_codegen::ir::condcodes::{CondCode, IntCC};
use cranelift_codegen::ir::{self, Opcode, Type, Value, types};
use iced_x86::Code as Name;
use regalloc2::{RegClass, VReg};

use super::{Form, Refused, Select, class, general_size};
use crate::wide::codes;
use crate::wide::inst::{Address, Base, Condition, Inst, RAX, RCX, RDX, Rm, Size, Slot};

/// The encodings of an operation in 32 and 64 bits: with a register or memory, and with an immediate.
#[derive(Clone, Copy)]
struct Arithmetic {
    rm: [Name; 2],
    imm: [Name; 2],
}

const SUB: Arithmetic =
    Arithmetic { rm: [Name::Sub_r32_rm32, Name::Sub_r64_rm64], imm: [Name::Sub_rm32_imm32, Name::Sub_rm64_imm32] };
const AND: Arithmetic =
    Arithmetic { rm: [Name::And_r32_rm32, Name::And_r64_rm64], imm: [Name::And_rm32_imm32, Name::And_rm64_imm32] };
const OR: Arithmetic =
    Arithmetic { rm: [Name::Or_r32_rm32, Name::Or_r64_rm64], imm: [Name::Or_rm32_imm32, Name::Or_rm64_imm32] };
const XOR: Arithmetic =
    Arithmetic { rm: [Name::Xor_r32_rm32, Name::Xor_r64_rm64], imm: [Name::Xor_rm32_imm32, Name::Xor_rm64_imm32] };

fn by_width(ty: Type, [narrow, wide]: [Name; 2]) -> Name {
    if ty.bits() == 64 { wide } else { narrow }
}

/// An immediate of 32 bits for an operation on a type.
fn immediate(ty: Type, value: i64) -> Option<Slot> {
    if ty.bits() == 64 {
        i32::try_from(value).ok().map(Slot::Imm32To64)
    } else {
        Some(Slot::Imm32((value as u32).cast_signed()))
    }
}

/// The condition of a comparison of integers.
pub(super) const fn condition_code(comparison: IntCC) -> Condition {
    match comparison {
        IntCC::Equal => Condition::E,
        IntCC::NotEqual => Condition::Ne,
        IntCC::SignedLessThan => Condition::L,
        IntCC::SignedGreaterThanOrEqual => Condition::Ge,
        IntCC::SignedGreaterThan => Condition::G,
        IntCC::SignedLessThanOrEqual => Condition::Le,
        IntCC::UnsignedLessThan => Condition::B,
        IntCC::UnsignedGreaterThanOrEqual => Condition::Ae,
        IntCC::UnsignedGreaterThan => Condition::A,
        IntCC::UnsignedLessThanOrEqual => Condition::Be,
    }
}

impl Select<'_> {
    /// Everything of integers but comparisons and selections.
    pub(super) fn integer_binary(&mut self, inst: ir::Inst) -> Result<(), Refused> {
        let opcode = self.opcode(inst);
        let result = self.result(inst)?;
        let ty = self.ty(result);
        if class(ty) != RegClass::Int {
            return Err(self.refusal(inst));
        }
        let reg = match (opcode, self.args(inst).len()) {
            (Opcode::Iadd, 2) | (Opcode::Ishl, 2) if self.uses.is_address(self.func, inst) => {
                for value in self.args(inst).to_vec() {
                    self.settle(value, inst)?;
                }
                return self.wait(inst);
            }
            (Opcode::Iadd, 2) => self.add_now(inst)?,
            (Opcode::Isub, 2) => self.arithmetic(inst, SUB, false)?,
            (Opcode::Band, 2) => self.arithmetic(inst, AND, true)?,
            (Opcode::Bor, 2) => self.arithmetic(inst, OR, true)?,
            (Opcode::Bxor, 2) => self.arithmetic(inst, XOR, true)?,
            (Opcode::Imul, 2) => self.multiply(inst)?,
            (Opcode::Ishl | Opcode::Ushr | Opcode::Sshr, 2) => self.shift_now(inst)?,
            (Opcode::Smin | Opcode::Smax | Opcode::Umin | Opcode::Umax, 2) => self.extremum(inst)?,
            (Opcode::Sdiv | Opcode::Udiv | Opcode::Srem | Opcode::Urem, 2) => self.divide(inst)?,
            (Opcode::Bnot | Opcode::Ineg, 1) => {
                let [value] = self.operands(inst)?;
                let value = self.reg(value)?;
                let names = if opcode == Opcode::Bnot {
                    [Name::Not_rm32, Name::Not_rm64]
                } else {
                    [Name::Neg_rm32, Name::Neg_rm64]
                };
                let reg = self.general();
                self.put(Inst::new(by_width(ty, names)).modify(reg, value, general_size(ty)));
                reg
            }
            (Opcode::Iabs, 1) => self.magnitude(inst)?,
            (Opcode::Popcnt, 1) => {
                let [value] = self.operands(inst)?;
                let value = self.extended(value, false)?;
                let reg = self.general();
                let name = by_width(ty, [Name::Popcnt_r32_rm32, Name::Popcnt_r64_rm64]);
                self.put(Inst::new(name).def(reg, general_size(ty)).reg(value, general_size(ty)));
                reg
            }
            (Opcode::Ireduce, 1) => {
                let [value] = self.operands(inst)?;
                self.reg(value)?
            }
            (Opcode::Uextend, 1) => {
                let [value] = self.operands(inst)?;
                self.extended(value, false)?
            }
            (Opcode::Sextend, 1) => {
                let [value] = self.operands(inst)?;
                self.sign_extended(value, ty)?
            }
            (_, _) => return Err(self.refusal(inst)),
        };
        self.forms[result] = Form::Reg(reg);
        Ok(())
    }

    /// Takes what waits into a register, if it could be something else by the time that `by`, which waits too, is used.
    pub(super) fn settle(&mut self, value: Value, by: ir::Inst) -> Result<(), Refused> {
        let Some(waiting) = self.waiting(value) else { return Ok(()) };
        let load = match self.opcode(waiting) {
            Opcode::Load => Some(waiting),
            Opcode::Splat => self.waiting_for(self.args(waiting)[0], Opcode::Load),
            _ => {
                // What it waits for may wait itself.
                return self.args(waiting).to_vec().into_iter().try_for_each(|operand| self.settle(operand, by));
            }
        };
        if load.is_none_or(|load| self.uses.stays(self.func, load, by)) {
            return Ok(());
        }
        let reg = self.reg(value)?;
        let root = self.root(value);
        self.forms[root] = Form::Reg(reg);
        Ok(())
    }

    /// An integer with zeros above its bits, or with its sign, to at least 32 bits.
    pub(super) fn extended(&mut self, value: Value, signed: bool) -> Result<VReg, Refused> {
        let ty = self.ty(value);
        if let Form::Mask(mask) = self.forms[self.root(value)] {
            return Ok(self.spread(mask, types::I8));
        }
        let from = self.reg(value)?;
        let (name, size) = match (ty.bits(), signed) {
            (8, false) => (Name::Movzx_r32_rm8, Size::R8),
            (8, true) => (Name::Movsx_r32_rm8, Size::R8),
            (32, false) => (Name::Mov_r32_rm32, Size::R32),
            (32 | 64, _) => return Ok(from),
            (_, _) => return Err(format!("no extension of {ty}")),
        };
        let reg = self.general();
        self.put(Inst::new(name).def(reg, Size::R32).reg(from, size));
        Ok(reg)
    }

    fn sign_extended(&mut self, value: Value, to: Type) -> Result<VReg, Refused> {
        let ty = self.ty(value);
        let from = self.reg(value)?;
        let (name, size) = match (ty.bits(), to.bits()) {
            (8, 64) => (Name::Movsx_r64_rm8, Size::R8),
            (8, _) => (Name::Movsx_r32_rm8, Size::R8),
            (32, 64) => (Name::Movsxd_r64_rm32, Size::R32),
            (_, _) => return Err(format!("no extension of {ty} to {to}")),
        };
        let reg = self.general();
        self.put(Inst::new(name).def(reg, general_size(to)).reg(from, size));
        Ok(reg)
    }

    pub(super) fn add_now(&mut self, inst: ir::Inst) -> Result<VReg, Refused> {
        let [x, y] = self.operands(inst)?;
        let ty = self.ty(x);
        for (x, y) in [(x, y), (y, x)] {
            if let Some(offset) = self.constant(y).and_then(|constant| i32::try_from(constant).ok()) {
                let base = Base::Reg(self.reg(x)?);
                return Ok(self.sum(ty, Address::at(base, offset)));
            }
        }
        let base = Base::Reg(self.reg(x)?);
        let index = Some((self.reg(y)?, 1));
        Ok(self.sum(ty, Address { base, index, offset: 0 }))
    }

    fn arithmetic(&mut self, inst: ir::Inst, op: Arithmetic, commutes: bool) -> Result<VReg, Refused> {
        let [mut x, mut y] = self.operands(inst)?;
        let ty = self.ty(x);
        if commutes && (self.constant(x).is_some() || self.is_in_memory(x) || !self.ends(x) && self.ends(y)) {
            (x, y) = (y, x);
        }
        let size = general_size(ty);
        let result = self.general();
        let left = self.reg(x)?;
        let inst = match self.constant(y).and_then(|constant| immediate(ty, constant)) {
            Some(value) => Inst::new(by_width(ty, op.imm)).modify(result, left, size).imm(value),
            None => {
                let right = self.general_rm(y)?;
                Inst::new(by_width(ty, op.rm)).modify(result, left, size).rm(right, size)
            }
        };
        self.put(inst);
        Ok(result)
    }

    fn multiply(&mut self, inst: ir::Inst) -> Result<VReg, Refused> {
        let [x, y] = self.operands(inst)?;
        let ty = self.ty(x);
        let size = general_size(ty);
        let result = self.general();
        for (x, y) in [(x, y), (y, x)] {
            if let Some(value) = self.constant(y).and_then(|constant| immediate(ty, constant)) {
                let x = self.reg(x)?;
                let name = by_width(ty, [Name::Imul_r32_rm32_imm32, Name::Imul_r64_rm64_imm32]);
                self.put(Inst::new(name).def(result, size).reg(x, size).imm(value));
                return Ok(result);
            }
        }
        let (x, y) = (self.reg(x)?, self.reg(y)?);
        let name = by_width(ty, [Name::Imul_r32_rm32, Name::Imul_r64_rm64]);
        self.put(Inst::new(name).modify(result, x, size).reg(y, size));
        Ok(result)
    }

    pub(super) fn shift_now(&mut self, inst: ir::Inst) -> Result<VReg, Refused> {
        let [x, amount] = self.operands(inst)?;
        let (ty, opcode) = (self.ty(x), self.opcode(inst));
        let x = match opcode {
            Opcode::Ushr => self.narrow_extended(x, false)?,
            Opcode::Sshr => self.narrow_extended(x, true)?,
            _ => self.reg(x)?,
        };
        let size = general_size(ty);
        let result = self.general();
        if let Some(amount) = self.constant(amount) {
            let names = match opcode {
                Opcode::Ishl => [Name::Shl_rm32_imm8, Name::Shl_rm64_imm8],
                Opcode::Ushr => [Name::Shr_rm32_imm8, Name::Shr_rm64_imm8],
                _ => [Name::Sar_rm32_imm8, Name::Sar_rm64_imm8],
            };
            let amount = (amount & i64::from(ty.bits() - 1)) as u8;
            self.put(Inst::new(by_width(ty, names)).modify(result, x, size).imm(Slot::Imm8(amount)));
            return Ok(result);
        }
        let names = match opcode {
            Opcode::Ishl => [Name::Shl_rm32_CL, Name::Shl_rm64_CL],
            Opcode::Ushr => [Name::Shr_rm32_CL, Name::Shr_rm64_CL],
            _ => [Name::Sar_rm32_CL, Name::Sar_rm64_CL],
        };
        let mut amount = self.reg(amount)?;
        if ty.bits() < 32 {
            // The instruction takes the amount modulo 32.
            let cut = self.general();
            let mask = Slot::Imm32(ty.bits() as i32 - 1);
            self.put(Inst::new(Name::And_rm32_imm32).modify(cut, amount, Size::R32).imm(mask));
            amount = cut;
        }
        let mut inst = Inst::new(by_width(ty, names)).modify(result, x, size).fixed_use(amount, RCX);
        let count = (inst.operands.len() - 1) as u8;
        inst.slots.push(Slot::Reg(count, Size::R8));
        self.put(inst);
        Ok(result)
    }

    /// Types of less than 32 bits extended, others as they are.
    pub(super) fn narrow_extended(&mut self, value: Value, signed: bool) -> Result<VReg, Refused> {
        if self.ty(value).bits() < 32 { self.extended(value, signed) } else { self.reg(value) }
    }

    fn extremum(&mut self, inst: ir::Inst) -> Result<VReg, Refused> {
        let [x, y] = self.operands(inst)?;
        let ty = self.ty(x);
        // The second operand is taken on this condition.
        let (signed, condition) = match self.opcode(inst) {
            Opcode::Smin => (true, Condition::G),
            Opcode::Smax => (true, Condition::L),
            Opcode::Umin => (false, Condition::A),
            _ => (false, Condition::B),
        };
        let (x, y) = (self.narrow_extended(x, signed)?, self.narrow_extended(y, signed)?);
        let size = general_size(ty);
        let result = self.general();
        self.put(Inst::new(by_width(ty, [Name::Cmp_r32_rm32, Name::Cmp_r64_rm64])).reg(x, size).reg(y, size));
        self.put(Inst::new(codes::conditional_move(condition, ty.bits())).modify(result, x, size).reg(y, size));
        Ok(result)
    }

    /// `|x|`: the negation, or x where that is negative.
    fn magnitude(&mut self, inst: ir::Inst) -> Result<VReg, Refused> {
        let [x] = self.operands(inst)?;
        let ty = self.ty(x);
        let x = self.narrow_extended(x, true)?;
        let size = general_size(ty);
        let (negated, result) = (self.general(), self.general());
        self.put(Inst::new(by_width(ty, [Name::Neg_rm32, Name::Neg_rm64])).modify(negated, x, size));
        self.put(
            Inst::new(codes::conditional_move(Condition::S, ty.bits())).modify(result, negated, size).reg(x, size),
        );
        Ok(result)
    }

    fn divide(&mut self, inst: ir::Inst) -> Result<VReg, Refused> {
        let [x, y] = self.operands(inst)?;
        let (ty, opcode) = (self.ty(x), self.opcode(inst));
        let signed = matches!(opcode, Opcode::Sdiv | Opcode::Srem);
        let (x, y) = (self.narrow_extended(x, signed)?, self.narrow_extended(y, signed)?);
        let size = general_size(ty);
        let high = self.general();
        // The upper half of the dividend.
        if signed {
            let name = by_width(ty, [Name::Cdq, Name::Cqo]);
            self.put(Inst::new(name).fixed_use(x, RAX).fixed_def(high, RDX));
        } else {
            self.put(Inst::new(Name::Mov_r32_imm32).def(high, Size::R32).imm(Slot::Imm32(0)));
        }
        let names = if signed { [Name::Idiv_rm32, Name::Idiv_rm64] } else { [Name::Div_rm32, Name::Div_rm64] };
        let (quotient, remainder) = (self.general(), self.general());
        let divide = Inst::new(by_width(ty, names)).reg(y, size);
        self.put(divide.fixed_use(x, RAX).fixed_use(high, RDX).fixed_def(quotient, RAX).fixed_def(remainder, RDX));
        Ok(if matches!(opcode, Opcode::Sdiv | Opcode::Udiv) { quotient } else { remainder })
    }

    /// Sets the flags for a comparison of integers; gives the condition on which it holds.
    pub(super) fn compare_integers(&mut self, inst: ir::Inst) -> Result<Condition, Refused> {
        let [mut x, mut y] = self.operands(inst)?;
        let Some(mut comparison) = self.func.dfg.insts[inst].cond_code() else { return Err(self.refusal(inst)) };
        if self.constant(x).is_some() || self.is_in_memory(x) && self.constant(y).is_none() && !self.is_in_memory(y) {
            (x, y) = (y, x);
            comparison = comparison.swap_args();
        }
        let ty = self.ty(x);
        let code = condition_code(comparison);
        if ty.bits() < 32 {
            let signed = comparison != comparison.unsigned();
            let (x, y) = (self.extended(x, signed)?, self.extended(y, signed)?);
            self.put(Inst::new(Name::Cmp_r32_rm32).reg(x, Size::R32).reg(y, Size::R32));
            return Ok(code);
        }
        let size = general_size(ty);
        let left = self.reg(x)?;
        let compared = match self.constant(y).and_then(|constant| immediate(ty, constant)) {
            Some(value) => {
                let name = by_width(ty, [Name::Cmp_rm32_imm32, Name::Cmp_rm64_imm32]);
                Inst::new(name).reg(left, size).imm(value)
            }
            None => {
                let right: Rm = self.general_rm(y)?;
                Inst::new(by_width(ty, [Name::Cmp_r32_rm32, Name::Cmp_r64_rm64])).reg(left, size).rm(right, size)
            }
        };
        self.put(compared);
        Ok(code)
    }
}
