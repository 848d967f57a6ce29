//! Floats, scalar and in vectors, and vectors of integers.

use cranelift_codegen::ir::{self, InstructionData, Opcode, Type, Value, types};
use iced_x86::Code as Name;
use regalloc2::VReg;

use super::{Form, Refused, Select};
use crate::wide::codes::{self, width};
use crate::wide::inst::{Inst, Rm, Size, Slot, Width};
use crate::wide::intrinsics::Intrinsic;

impl Select<'_> {
    /// Zeros.
    pub(super) fn zero(&mut self) -> VReg {
        let result = self.vector();
        // The whole register, whatever the instruction's width.
        self.put(Inst::new(codes::XOR.code(types::F32X4)).def(result, Size::X).same().same());
        result
    }

    /// Zeros or ones in all bits.
    pub(super) fn vector_constant(&mut self, inst: ir::Inst) -> Result<VReg, Refused> {
        let InstructionData::UnaryConst { constant_handle, .. } = self.func.dfg.insts[inst] else {
            return Err(self.refusal(inst));
        };
        let bytes = self.func.dfg.constants.get(constant_handle);
        if bytes.iter().all(|&byte| byte == 0) {
            return Ok(self.zero());
        }
        if bytes.iter().any(|&byte| byte != 0xff) {
            return Err(self.refusal(inst));
        }
        let result = self.vector();
        let width = self.code.width;
        let ones =
            Inst::new(codes::at(codes::TERNARY.code(types::F32X4), width)).def(result, width.size()).same().same();
        self.put(ones.imm(Slot::Imm8(0xff)));
        Ok(result)
    }

    pub(super) fn float_binary(&mut self, inst: ir::Inst) -> Result<(), Refused> {
        let [mut x, mut y] = self.operands(inst)?;
        let (op, commutes) = match self.opcode(inst) {
            Opcode::Fadd => (codes::ADD, true),
            Opcode::Fmul => (codes::MUL, true),
            Opcode::Fsub => (codes::SUB, false),
            _ => (codes::DIV, false),
        };
        if commutes && self.is_in_memory(x) && !self.is_in_memory(y) {
            (x, y) = (y, x);
        }
        let ty = self.ty(x);
        let reg = self.binary(op.code(ty), ty, x, y)?;
        self.set(inst, reg)
    }

    pub(super) fn binary(&mut self, name: Name, ty: Type, x: Value, y: Value) -> Result<VReg, Refused> {
        let size = width(ty).size();
        let left = self.reg(x)?;
        let right = self.rm(y, true)?;
        let result = self.vector();
        self.put(Inst::new(name).def(result, size).reg(left, size).rm(right, size));
        Ok(result)
    }

    /// What a value is the negation of, if it is one that waits.
    fn negated(&self, value: Value) -> Option<Value> {
        self.waiting_for(value, Opcode::Fneg).map(|inst| self.args(inst)[0])
    }

    /// A negation that no multiply-add takes: the sign bits flipped.
    pub(super) fn negate(&mut self, inst: ir::Inst) -> Result<VReg, Refused> {
        let [x] = self.operands(inst)?;
        let ty = self.ty(x);
        let (sign, size) = if ty.lane_bits() == 32 { (1 << 31, Size::R32) } else { (i64::MIN, Size::R64) };
        let number = self.number(sign);
        let signs = self.vector();
        self.put(Inst::new(codes::BROADCAST_GENERAL.code(ty)).def(signs, width(ty).size()).reg(number, size));
        let reg = self.reg(x)?;
        let result = self.vector();
        let size = width(ty).size();
        self.put(Inst::new(codes::XOR.code(ty)).def(result, size).reg(reg, size).reg(signs, size));
        Ok(result)
    }

    /// A fused multiply-add overwrites one of its operands: a sum that ends here, or a factor that does. The last operand may be in memory.
    pub(super) fn mul_add(&mut self, inst: ir::Inst) -> Result<(), Refused> {
        let [a, b, c] = self.operands(inst)?;
        let [na, nb, nc] = [a, b, c].map(|value| self.negated(value));
        let forms = codes::mul_add(na.is_some() != nb.is_some(), nc.is_some());
        let (mut a, mut b, c) = (na.unwrap_or(a), nb.unwrap_or(b), nc.unwrap_or(c));
        let ty = self.ty(a);
        let size = width(ty).size();
        if self.is_in_memory(a) && !self.is_in_memory(b) || !self.is_in_memory(b) && !self.ends(a) && self.ends(b) {
            (a, b) = (b, a);
        }
        let result = self.vector();
        let fused = if self.is_in_memory(c) && !self.is_in_memory(b) {
            let (a, b) = (self.reg(a)?, self.reg(b)?);
            let c = self.rm(c, true)?;
            Inst::new(forms.form213.code(ty)).modify(result, a, size).reg(b, size).rm(c, size)
        } else if self.ends(c) || !self.ends(a) {
            let (a, c) = (self.reg(a)?, self.reg(c)?);
            let b = self.rm(b, true)?;
            Inst::new(forms.form231.code(ty)).modify(result, c, size).reg(a, size).rm(b, size)
        } else {
            let (a, c) = (self.reg(a)?, self.reg(c)?);
            let b = self.rm(b, true)?;
            Inst::new(forms.form132.code(ty)).modify(result, a, size).reg(c, size).rm(b, size)
        };
        self.put(fused);
        self.set(inst, result)
    }

    pub(super) fn float_unary(&mut self, inst: ir::Inst) -> Result<(), Refused> {
        let [x] = self.operands(inst)?;
        let ty = self.ty(x);
        let size = width(ty).size();
        // To nearest even, down, up, towards zero; without the exception for inexact results.
        let (op, rounding) = match self.opcode(inst) {
            Opcode::Nearest => (codes::ROUND, Some(8)),
            Opcode::Floor => (codes::ROUND, Some(9)),
            Opcode::Ceil => (codes::ROUND, Some(10)),
            Opcode::Trunc => (codes::ROUND, Some(11)),
            _ => (codes::SQRT, None),
        };
        let result = self.vector();
        let unary = if ty.is_vector() {
            let x = self.rm(x, true)?;
            Inst::new(op.code(ty)).def(result, size).rm(x, size)
        } else {
            let x = self.reg(x)?;
            Inst::new(op.code(ty)).def(result, size).reg(x, size).reg(x, size)
        };
        self.put(match rounding {
            Some(rounding) => unary.imm(Slot::Imm8(rounding)),
            None => unary,
        });
        self.set(inst, result)
    }

    /// `fpromote` and `fdemote`, of scalars.
    pub(super) fn change_precision(&mut self, inst: ir::Inst) -> Result<(), Refused> {
        let [x] = self.operands(inst)?;
        let name = if self.opcode(inst) == Opcode::Fpromote {
            Name::EVEX_Vcvtss2sd_xmm_k1z_xmm_xmmm32_sae
        } else {
            Name::EVEX_Vcvtsd2ss_xmm_k1z_xmm_xmmm64_er
        };
        let x = self.reg(x)?;
        let result = self.vector();
        self.put(Inst::new(name).def(result, Size::X).reg(x, Size::X).reg(x, Size::X));
        self.set(inst, result)
    }

    pub(super) fn convert_signed(&mut self, inst: ir::Inst) -> Result<(), Refused> {
        let [x] = self.operands(inst)?;
        let (from, to) = (self.ty(x), self.ty(self.result(inst)?));
        if from.is_vector() {
            let x = self.rm(x, true)?;
            let result = self.vector();
            let size = width(from).size();
            self.put(Inst::new(codes::FROM_SIGNED.code(from)).def(result, size).rm(x, size));
            return self.set(inst, result);
        }
        let (name, size) = match (from.bits(), to.bits()) {
            (32, 32) => (Name::EVEX_Vcvtsi2ss_xmm_xmm_rm32_er, Size::R32),
            (64, 32) => (Name::EVEX_Vcvtsi2ss_xmm_xmm_rm64_er, Size::R64),
            (32, 64) => (Name::EVEX_Vcvtsi2sd_xmm_xmm_rm32_er, Size::R32),
            (64, 64) => (Name::EVEX_Vcvtsi2sd_xmm_xmm_rm64_er, Size::R64),
            (_, _) => return Err(self.refusal(inst)),
        };
        let x = self.reg(x)?;
        // The other lanes come from a register that waits for nothing.
        let zero = self.zero();
        let result = self.vector();
        self.put(Inst::new(name).def(result, Size::X).reg(zero, Size::X).reg(x, size));
        self.set(inst, result)
    }

    /// Operations of vectors of integers.
    pub(super) fn lane_operation(&mut self, inst: ir::Inst) -> Result<(), Refused> {
        let opcode = self.opcode(inst);
        let args = self.args(inst).to_vec();
        let ty = self.ty(args[0]);
        let op = match opcode {
            Opcode::Iadd => codes::IADD,
            Opcode::Isub => codes::ISUB,
            Opcode::Imul => codes::IMUL,
            Opcode::Smin => codes::SMIN,
            Opcode::Smax => codes::SMAX,
            Opcode::Umin => codes::UMIN,
            Opcode::Umax => codes::UMAX,
            Opcode::Iabs => codes::IABS,
            Opcode::Ineg => codes::ISUB,
            Opcode::Ishl | Opcode::Ushr | Opcode::Sshr => return self.shift_lanes(inst),
            _ => return Err(self.refusal(inst)),
        };
        if !matches!(ty.lane_bits(), 32 | 64) {
            return Err(self.refusal(inst));
        }
        let size = width(ty).size();
        let reg = match (&args[..], opcode) {
            (&[x], Opcode::Ineg) => {
                let zero = self.zero();
                let x = self.rm(x, true)?;
                let result = self.vector();
                self.put(Inst::new(op.code(ty)).def(result, size).reg(zero, size).rm(x, size));
                result
            }
            (&[x], _) => {
                let x = self.rm(x, true)?;
                let result = self.vector();
                self.put(Inst::new(op.code(ty)).def(result, size).rm(x, size));
                result
            }
            (&[x, y], _) => {
                let swaps = opcode != Opcode::Isub && self.is_in_memory(x) && !self.is_in_memory(y);
                let (x, y) = if swaps { (y, x) } else { (x, y) };
                self.binary(op.code(ty), ty, x, y)?
            }
            (_, _) => return Err(self.refusal(inst)),
        };
        self.set(inst, reg)
    }

    fn shift_lanes(&mut self, inst: ir::Inst) -> Result<(), Refused> {
        let [x, amount] = self.operands(inst)?;
        let ty = self.ty(x);
        let size = width(ty).size();
        let (by_constant, by_register) = match self.opcode(inst) {
            Opcode::Ishl => (codes::SHL_IMM, codes::SHL),
            Opcode::Ushr => (codes::SHR_IMM, codes::SHR),
            _ => (codes::SAR_IMM, codes::SAR),
        };
        let lane_mask = ty.lane_bits() as i32 - 1;
        let result = self.vector();
        if let Some(amount) = self.constant(amount) {
            let x = self.rm(x, true)?;
            let amount = Slot::Imm8((amount & i64::from(lane_mask)) as u8);
            self.put(Inst::new(by_constant.code(ty)).def(result, size).rm(x, size).imm(amount));
            return self.set(inst, result);
        }
        let (x, amount) = (self.reg(x)?, self.reg(amount)?);
        let (cut, count) = (self.general(), self.vector());
        self.put(Inst::new(Name::And_rm32_imm32).modify(cut, amount, Size::R32).imm(Slot::Imm32(lane_mask)));
        self.put(Inst::new(Name::EVEX_Vmovd_xmm_rm32).def(count, Size::X).reg(cut, Size::R32));
        self.put(Inst::new(by_register.code(ty)).def(result, size).reg(x, size).reg(count, Size::X));
        self.set(inst, result)
    }

    /// The intrinsics but those of halves, which are with the [lanes](super::lanes).
    pub(super) fn convert_lanes(&mut self, inst: ir::Inst, intrinsic: Intrinsic) -> Result<(), Refused> {
        let args = self.args(inst).to_vec();
        let (from, to) = (self.ty(args[0]), self.ty(self.result(inst)?));
        let (name, result_width, operand_width) = match intrinsic {
            Intrinsic::Promote => (codes::at(codes::PROMOTE, width(to)), width(to), width(from)),
            Intrinsic::Demote => (codes::at(codes::DEMOTE, width(from)), width(to), width(from)),
            Intrinsic::Widen => (codes::WIDEN_BYTES.code(to), width(to), Width::X),
            Intrinsic::Narrow => (codes::NARROW_TO_BYTES.code(from), Width::X, width(from)),
            Intrinsic::Truncate if from.is_vector() => (codes::TRUNCATE.code(from), width(to), width(from)),
            _ => return self.truncate_scalar(inst),
        };
        let operand = match self.waiting_for(args[0], Opcode::Load) {
            // Exactly the bytes of the vector are read.
            Some(load) if intrinsic == Intrinsic::Widen => Rm::Memory(self.address_of(load)?),
            _ => Rm::Reg(self.reg(args[0])?),
        };
        let result = self.vector();
        self.put(Inst::new(name).def(result, result_width.size()).rm(operand, operand_width.size()));
        self.set(inst, result)
    }

    fn truncate_scalar(&mut self, inst: ir::Inst) -> Result<(), Refused> {
        let [x] = self.operands(inst)?;
        let (from, to) = (self.ty(x), self.ty(self.result(inst)?));
        let (name, size) = match (from, to) {
            (types::F32, types::I32) => (Name::EVEX_Vcvttss2si_r32_xmmm32_sae, Size::R32),
            (types::F32, types::I64) => (Name::EVEX_Vcvttss2si_r64_xmmm32_sae, Size::R64),
            (types::F64, types::I32) => (Name::EVEX_Vcvttsd2si_r32_xmmm64_sae, Size::R32),
            (types::F64, types::I64) => (Name::EVEX_Vcvttsd2si_r64_xmmm64_sae, Size::R64),
            (_, _) => return Err(self.refusal(inst)),
        };
        let x = self.reg(x)?;
        let result = self.general();
        self.put(Inst::new(name).def(result, size).reg(x, Size::X));
        let value = self.result(inst)?;
        self.forms[value] = Form::Reg(result);
        Ok(())
    }
}
