//! Between vectors, their halves and their lanes.

use cranelift_codegen::ir::{self, InstructionData, Opcode, Type, types};
use iced_x86::Code as Name;
use regalloc2::{RegClass, VReg};

use super::{Form, Refused, Select, class, general_size};
use crate::wide::codes::{self, width};
use crate::wide::inst::{Inst, Rm, Size, Slot, Width};
use crate::wide::intrinsics::Intrinsic;

impl Select<'_> {
    pub(super) fn splat(&mut self, inst: ir::Inst) -> Result<(), Refused> {
        let [value] = self.operands(inst)?;
        let is_used_once = self.uses.single_user(self.func, self.result(inst)?).is_some();
        if is_used_once && self.waiting_for(value, Opcode::Load).is_some() && matches!(self.ty(value).bits(), 32 | 64) {
            return self.wait(inst);
        }
        let reg = self.splat_now(inst)?;
        self.set(inst, reg)
    }

    pub(super) fn splat_now(&mut self, inst: ir::Inst) -> Result<VReg, Refused> {
        let [value] = self.operands(inst)?;
        let ty = self.ty(self.result(inst)?);
        if self.is_zero(value) || self.constant(value) == Some(0) {
            return Ok(self.zero());
        }
        let size = width(ty).size();
        let from = self.ty(value);
        let operand = if from.bits() >= 32 { self.rm(value, false)? } else { Rm::Reg(self.reg(value)?) };
        let result = self.vector();
        let copy = match operand {
            Rm::Reg(reg) if class(from) == RegClass::Int => {
                Inst::new(codes::BROADCAST_GENERAL.code(ty)).def(result, size).reg(reg, general_size(from))
            }
            operand => Inst::new(codes::BROADCAST.code(ty)).def(result, size).rm(operand, Size::X),
        };
        self.put(copy);
        Ok(result)
    }

    /// The register with a quarter of a vector, and the number of a lane in it.
    fn quarter(&mut self, vector: VReg, ty: Type, lane: u8) -> (VReg, u8) {
        let lanes = (128 / ty.lane_bits()) as u8;
        let (quarter, lane) = (lane / lanes, lane % lanes);
        if quarter == 0 {
            return (vector, lane);
        }
        if let Some(&known) = self.quarters.get(&(vector, quarter)) {
            return (known, lane);
        }
        let result = self.vector();
        let (name, size) = if width(ty) == Width::Z {
            (Name::EVEX_Vextractf32x4_xmmm128_k1z_zmm_imm8, Size::Z)
        } else {
            (Name::EVEX_Vextractf32x4_xmmm128_k1z_ymm_imm8, Size::Y)
        };
        self.put(Inst::new(name).def(result, Size::X).reg(vector, size).imm(Slot::Imm8(quarter)));
        self.quarters.insert((vector, quarter), result);
        (result, lane)
    }

    fn lane_number(&self, inst: ir::Inst) -> Result<u8, Refused> {
        match self.func.dfg.insts[inst] {
            InstructionData::BinaryImm8 { imm, .. } | InstructionData::TernaryImm8 { imm, .. } => Ok(imm),
            _ => Err(self.refusal(inst)),
        }
    }

    pub(super) fn extract_lane(&mut self, inst: ir::Inst) -> Result<(), Refused> {
        let [value] = self.operands(inst)?;
        let lane = self.lane_number(inst)?;
        let ty = self.ty(value);
        let vector = self.reg(value)?;
        let (quarter, lane) = self.quarter(vector, ty, lane);
        let wide = ty.lane_bits() == 64;
        if ty.lane_type().is_float() {
            if lane == 0 {
                return self.set(inst, quarter);
            }
            let result = self.vector();
            // The lane first; the others do not matter.
            let order = if wide { 0xee } else { lane * 0x55 };
            let shuffle = Inst::new(Name::EVEX_Vpshufd_xmm_k1z_xmmm128b32_imm8).def(result, Size::X);
            self.put(shuffle.reg(quarter, Size::X).imm(Slot::Imm8(order)));
            return self.set(inst, result);
        }
        let result = self.general();
        let (first, other, size) = if wide {
            (Name::EVEX_Vmovq_rm64_xmm, Name::EVEX_Vpextrq_rm64_xmm_imm8, Size::R64)
        } else {
            (Name::EVEX_Vmovd_rm32_xmm, Name::EVEX_Vpextrd_rm32_xmm_imm8, Size::R32)
        };
        self.put(if lane == 0 {
            Inst::new(first).def(result, size).reg(quarter, Size::X)
        } else {
            Inst::new(other).def(result, size).reg(quarter, Size::X).imm(Slot::Imm8(lane))
        });
        self.set(inst, result)
    }

    pub(super) fn insert_lane(&mut self, inst: ir::Inst) -> Result<(), Refused> {
        let [vector, element] = self.operands(inst)?;
        let ty = self.ty(vector);
        let lane = self.lane_number(inst)?;
        let whole = self.reg(vector)?;
        let (quarter, in_quarter) = self.quarter(whole, ty, lane);
        let inserted = self.insert_in_quarter(ty, quarter, element, in_quarter)?;
        if width(ty) == Width::X {
            return self.set(inst, inserted);
        }
        let number = lane / (128 / ty.lane_bits()) as u8;
        let (name, size) = if width(ty) == Width::Z {
            (Name::EVEX_Vinsertf32x4_zmm_k1z_zmm_xmmm128_imm8, Size::Z)
        } else {
            (Name::EVEX_Vinsertf32x4_ymm_k1z_ymm_xmmm128_imm8, Size::Y)
        };
        let result = self.vector();
        let insert = Inst::new(name).def(result, size).reg(whole, size).reg(inserted, Size::X);
        self.put(insert.imm(Slot::Imm8(number)));
        self.set(inst, result)
    }

    fn insert_in_quarter(&mut self, ty: Type, quarter: VReg, element: ir::Value, lane: u8) -> Result<VReg, Refused> {
        let result = self.vector();
        let insert = match (ty.lane_type(), lane) {
            (types::F32, _) => {
                let element = self.rm(element, false)?;
                let insert = Inst::new(Name::EVEX_Vinsertps_xmm_xmm_xmmm32_imm8).def(result, Size::X);
                insert.reg(quarter, Size::X).rm(element, Size::X).imm(Slot::Imm8(lane << 4))
            }
            (types::F64, 0) => {
                let element = self.reg(element)?;
                let insert = Inst::new(Name::EVEX_Vmovsd_xmm_k1z_xmm_xmm).def(result, Size::X);
                insert.reg(quarter, Size::X).reg(element, Size::X)
            }
            (types::F64, _) => {
                let element = self.reg(element)?;
                let insert = Inst::new(Name::EVEX_Vunpcklpd_xmm_k1z_xmm_xmmm128b64).def(result, Size::X);
                insert.reg(quarter, Size::X).reg(element, Size::X)
            }
            (types::I32 | types::I64, _) => {
                let (name, size) = if ty.lane_bits() == 64 {
                    (Name::EVEX_Vpinsrq_xmm_xmm_rm64_imm8, Size::R64)
                } else {
                    (Name::EVEX_Vpinsrd_xmm_xmm_rm32_imm8, Size::R32)
                };
                let element = self.rm(element, false)?;
                Inst::new(name).def(result, Size::X).reg(quarter, Size::X).rm(element, size).imm(Slot::Imm8(lane))
            }
            (_, _) => return Err(format!("no lanes of {ty}")),
        };
        self.put(insert);
        Ok(result)
    }

    pub(super) fn scalar_to_vector(&mut self, inst: ir::Inst) -> Result<(), Refused> {
        let [value] = self.operands(inst)?;
        let from = self.ty(value);
        let reg = self.reg(value)?;
        if class(from) == RegClass::Float {
            return self.set(inst, reg);
        }
        let name = if from.bits() == 64 { Name::EVEX_Vmovq_xmm_rm64 } else { Name::EVEX_Vmovd_xmm_rm32 };
        let result = self.vector();
        self.put(Inst::new(name).def(result, Size::X).reg(reg, general_size(from)));
        self.set(inst, result)
    }

    pub(super) fn intrinsic(&mut self, inst: ir::Inst, intrinsic: Intrinsic) -> Result<(), Refused> {
        let args = self.args(inst).to_vec();
        match (intrinsic, &args[..]) {
            (Intrinsic::LowHalf, &[value]) => {
                // What is above does not matter.
                let reg = self.reg(value)?;
                self.set(inst, reg)
            }
            (Intrinsic::HighHalf, &[value]) => {
                let from = self.ty(value);
                let vector = self.reg(value)?;
                let result = self.vector();
                let (name, size, part, which) = match width(from) {
                    Width::Z => (Name::EVEX_Vextractf64x4_ymmm256_k1z_zmm_imm8, Size::Y, Size::Z, 1),
                    Width::Y => (Name::EVEX_Vextractf32x4_xmmm128_k1z_ymm_imm8, Size::X, Size::Y, 1),
                    Width::X => (Name::EVEX_Vpshufd_xmm_k1z_xmmm128b32_imm8, Size::X, Size::X, 0xee),
                };
                self.put(Inst::new(name).def(result, size).reg(vector, part).imm(Slot::Imm8(which)));
                self.set(inst, result)
            }
            (Intrinsic::Concat, &[low, high]) => {
                let to = width(self.ty(self.result(inst)?));
                let (low, high) = (self.reg(low)?, self.reg(high)?);
                let result = self.vector();
                let (name, part) = match to {
                    Width::Z => (Name::EVEX_Vinsertf64x4_zmm_k1z_zmm_ymmm256_imm8, Size::Y),
                    Width::Y => (Name::EVEX_Vinsertf32x4_ymm_k1z_ymm_xmmm128_imm8, Size::X),
                    Width::X => (Name::EVEX_Vunpcklpd_xmm_k1z_xmm_xmmm128b64, Size::X),
                };
                let concat = Inst::new(name).def(result, to.size()).reg(low, to.size()).reg(high, part);
                self.put(if to == Width::X { concat } else { concat.imm(Slot::Imm8(1)) });
                self.set(inst, result)
            }
            (Intrinsic::Permute, &[x, y, index]) => {
                let ty = self.ty(x);
                let size = width(ty).size();
                let (x, index) = (self.reg(x)?, self.reg(index)?);
                let y = self.rm(y, false)?;
                let result = self.vector();
                self.put(Inst::new(codes::PERMUTE.code(ty)).modify(result, x, size).reg(index, size).rm(y, size));
                self.set(inst, result)
            }
            (Intrinsic::MaskAs, _) => self.mask_as(inst),
            (Intrinsic::Scale, &[x, n]) => {
                let ty = self.ty(x);
                let reg = self.binary(codes::SCALE.code(ty), ty, x, n)?;
                self.set(inst, reg)
            }
            (_, _) => self.convert_lanes(inst, intrinsic),
        }
    }

    /// A mask for lanes of another width.
    fn mask_as(&mut self, inst: ir::Inst) -> Result<(), Refused> {
        let [value] = self.operands(inst)?;
        let mask = self.mask(value)?;
        let result = self.result(inst)?;
        self.forms[result] = Form::Mask(mask);
        Ok(())
    }
}
