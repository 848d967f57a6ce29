//! Comparisons, their results, and selections.

use cranelift_codegen::ir::condcodes::{CondCode, FloatCC, IntCC};
use cranelift_codegen::ir::{self, InstructionData, Opcode, Type, Value};
use iced_x86::Code as Name;
use regalloc2::{RegClass, VReg};

use super::{Form, Refused, Select, class, general_size};
use crate::wide::codes::{self, width};
use crate::wide::inst::{Condition, Inst, Rm, Size, Slot};

/// The predicate of `vcmpps`; the quiet ones.
const fn predicate(comparison: FloatCC) -> u8 {
    match comparison {
        FloatCC::Equal => 0x00,
        FloatCC::LessThan => 0x11,
        FloatCC::LessThanOrEqual => 0x12,
        FloatCC::Unordered => 0x03,
        FloatCC::NotEqual => 0x04,
        FloatCC::UnorderedOrLessThanOrEqual => 0x1a,
        FloatCC::UnorderedOrLessThan => 0x19,
        FloatCC::Ordered => 0x07,
        FloatCC::UnorderedOrEqual => 0x08,
        FloatCC::UnorderedOrGreaterThan => 0x16,
        FloatCC::UnorderedOrGreaterThanOrEqual => 0x15,
        FloatCC::OrderedNotEqual => 0x0c,
        FloatCC::GreaterThanOrEqual => 0x1d,
        FloatCC::GreaterThan => 0x1e,
    }
}

/// The predicate of `vpcmpd` and of `vpcmpud`, and whether it is the former.
const fn lane_predicate(comparison: IntCC) -> (u8, bool) {
    match comparison {
        IntCC::Equal => (0, true),
        IntCC::NotEqual => (4, true),
        IntCC::SignedLessThan => (1, true),
        IntCC::SignedGreaterThanOrEqual => (5, true),
        IntCC::SignedGreaterThan => (6, true),
        IntCC::SignedLessThanOrEqual => (2, true),
        IntCC::UnsignedLessThan => (1, false),
        IntCC::UnsignedGreaterThanOrEqual => (5, false),
        IntCC::UnsignedGreaterThan => (6, false),
        IntCC::UnsignedLessThanOrEqual => (2, false),
    }
}

impl Select<'_> {
    /// A comparison waits for its only use. Others become masks, or bytes for integers.
    pub(super) fn compare(&mut self, inst: ir::Inst) -> Result<(), Refused> {
        let result = self.result(inst)?;
        if self.ends(result) {
            for value in self.args(inst).to_vec() {
                self.settle(value, inst)?;
            }
            return self.wait(inst);
        }
        self.forms[result] =
            if self.is_flag(inst) { Form::Reg(self.flag(inst)?) } else { Form::Mask(self.compare_now(inst)?) };
        Ok(())
    }

    /// Whether an instruction sets flags, as comparisons of integers do.
    fn is_flag(&self, inst: ir::Inst) -> bool {
        match self.opcode(inst) {
            Opcode::Icmp => !self.ty(self.args(inst)[0]).is_vector(),
            Opcode::VanyTrue | Opcode::VallTrue => true,
            _ => false,
        }
    }

    /// Whether a value is a mask, or becomes one.
    pub(super) fn is_mask(&self, value: Value) -> bool {
        match self.forms[self.root(value)] {
            Form::Mask(_) => true,
            Form::Waiting(inst) => matches!(self.opcode(inst), Opcode::Icmp | Opcode::Fcmp) && !self.is_flag(inst),
            Form::None | Form::Reg(_) | Form::Alias(_) => false,
        }
    }

    /// A comparison of floats or of vectors, as a mask.
    pub(super) fn compare_now(&mut self, inst: ir::Inst) -> Result<VReg, Refused> {
        let [mut x, mut y] = self.operands(inst)?;
        let ty = self.ty(x);
        let swaps = self.is_in_memory(x) && !self.is_in_memory(y);
        if swaps {
            (x, y) = (y, x);
        }
        let (name, predicate) = match self.func.dfg.insts[inst] {
            InstructionData::FloatCompare { cond, .. } => {
                (codes::COMPARE.code(ty), predicate(if swaps { cond.swap_args() } else { cond }))
            }
            InstructionData::IntCompare { cond, .. } => {
                let cond = if swaps { cond.swap_args() } else { cond };
                if matches!(cond, IntCC::Equal | IntCC::NotEqual) && self.is_zero(y) {
                    return self.test(x, cond == IntCC::NotEqual);
                }
                let (predicate, signed) = lane_predicate(cond);
                (if signed { codes::SIGNED.code(ty) } else { codes::UNSIGNED.code(ty) }, predicate)
            }
            _ => return Err(self.refusal(inst)),
        };
        let size = width(ty).size();
        let left = self.reg(x)?;
        let right = self.rm(y, true)?;
        let mask = self.mask_register();
        self.put(Inst::new(name).def(mask, Size::K).reg(left, size).rm(right, size).imm(Slot::Imm8(predicate)));
        Ok(mask)
    }

    /// The lanes that are not zero, or those that are.
    fn test(&mut self, value: Value, nonzero: bool) -> Result<VReg, Refused> {
        let ty = self.ty(value);
        let size = width(ty).size();
        let reg = self.reg(value)?;
        let mask = self.mask_register();
        let name = if nonzero { codes::TEST.code(ty) } else { codes::TEST_NOT.code(ty) };
        self.put(Inst::new(name).def(mask, Size::K).reg(reg, size).reg(reg, size));
        Ok(mask)
    }

    /// A comparison's result as a mask.
    pub(super) fn mask(&mut self, value: Value) -> Result<VReg, Refused> {
        let root = self.root(value);
        match self.forms[root] {
            Form::Mask(mask) => return Ok(mask),
            Form::Waiting(inst) if self.is_mask(root) => return self.compare_now(inst),
            Form::None | Form::Reg(_) | Form::Alias(_) | Form::Waiting(_) => {}
        }
        let ty = self.ty(value);
        let reg = self.reg(value)?;
        let mask = self.mask_register();
        self.put(if ty.is_vector() {
            Inst::new(codes::TO_MASK.code(ty)).def(mask, Size::K).reg(reg, width(ty).size())
        } else {
            Inst::new(Name::VEX_Kmovw_kr_r32).def(mask, Size::K).reg(reg, Size::R32)
        });
        Ok(mask)
    }

    /// A mask as a value of a type: ones or zeros in each lane, or the number 0 or 1.
    pub(super) fn spread(&mut self, mask: VReg, ty: Type) -> VReg {
        let result = self.fresh(class(ty));
        self.put(if class(ty) == RegClass::Float {
            Inst::new(codes::FROM_MASK.code(ty)).def(result, width(ty).size()).reg(mask, Size::K)
        } else {
            Inst::new(Name::VEX_Kmovw_r32_kr).def(result, Size::R32).reg(mask, Size::K)
        });
        result
    }

    /// Sets the flags from the lanes of a mask or vector: whether any, or all, hold; gives the condition on which it is so.
    fn lanes_condition(&mut self, inst: ir::Inst) -> Result<Condition, Refused> {
        let [value] = self.operands(inst)?;
        let lanes = self.ty(value).lane_count();
        let all = self.opcode(inst) == Opcode::VallTrue;
        let mask = if self.is_mask(value) { self.mask(value)? } else { self.test(value, true)? };
        let name = match lanes {
            16 => Name::VEX_Kortestw_kr_kr,
            8 => Name::VEX_Kortestb_kr_kr,
            _ => {
                // There is no test of so few.
                let (bits, cut) = (self.general(), self.general());
                let ones = (1 << lanes) - 1;
                self.put(Inst::new(Name::VEX_Kmovw_r32_kr).def(bits, Size::R32).reg(mask, Size::K));
                self.put(Inst::new(Name::And_rm32_imm32).modify(cut, bits, Size::R32).imm(Slot::Imm32(ones)));
                let expected = if all { ones } else { 0 };
                self.put(Inst::new(Name::Cmp_rm32_imm32).reg(cut, Size::R32).imm(Slot::Imm32(expected)));
                return Ok(if all { Condition::E } else { Condition::Ne });
            }
        };
        self.put(Inst::new(name).reg(mask, Size::K).reg(mask, Size::K));
        // All ones set the carry.
        Ok(if all { Condition::B } else { Condition::Ne })
    }

    pub(super) fn test_lanes(&mut self, inst: ir::Inst) -> Result<(), Refused> {
        let [value] = self.operands(inst)?;
        if self.is_mask(value) {
            let root = self.root(value);
            self.forms[root] = Form::Mask(self.mask(root)?);
        }
        self.settle(value, inst)?;
        let result = self.result(inst)?;
        if self.ends(result) {
            return self.wait(inst);
        }
        let reg = self.flag(inst)?;
        self.set(inst, reg)
    }

    /// A condition as a byte.
    pub(super) fn flag(&mut self, inst: ir::Inst) -> Result<VReg, Refused> {
        let condition =
            if self.opcode(inst) == Opcode::Icmp { self.compare_integers(inst)? } else { self.lanes_condition(inst)? };
        let result = self.general();
        self.put(Inst::new(codes::set(condition)).def(result, Size::R8));
        Ok(result)
    }

    /// Sets the flags from a truth value; gives the condition on which it is true.
    pub(super) fn condition(&mut self, value: Value) -> Result<Condition, Refused> {
        if let Some(inst) = self.waiting(value).filter(|&inst| self.is_flag(inst)) {
            return if self.opcode(inst) == Opcode::Icmp {
                self.compare_integers(inst)
            } else {
                self.lanes_condition(inst)
            };
        }
        if self.is_mask(value) {
            let mask = self.mask(value)?;
            self.put(Inst::new(Name::VEX_Kortestw_kr_kr).reg(mask, Size::K).reg(mask, Size::K));
            return Ok(Condition::Ne);
        }
        let ty = self.ty(value);
        let reg = self.reg(value)?;
        let (name, size) = match ty.bits() {
            8 => (Name::Test_rm8_r8, Size::R8),
            32 => (Name::Test_rm32_r32, Size::R32),
            64 => (Name::Test_rm64_r64, Size::R64),
            _ => return Err(format!("no condition of {ty}")),
        };
        self.put(Inst::new(name).reg(reg, size).reg(reg, size));
        Ok(Condition::Ne)
    }

    /// `x < y ? x : y` and the like are instructions. Gives whether it was one of them.
    fn extremum_of(&mut self, inst: ir::Inst, condition: Value, [x, y]: [Value; 2]) -> Result<bool, Refused> {
        let Some(comparison) = self.waiting_for(condition, Opcode::Fcmp) else { return Ok(false) };
        let InstructionData::FloatCompare { cond, args: [p, q], .. } = self.func.dfg.insts[comparison] else {
            return Ok(false);
        };
        let ty = self.ty(x);
        if self.ty(p) != ty {
            return Ok(false);
        }
        let (p, q, a, b) = (self.root(p), self.root(q), self.root(x), self.root(y));
        let op = match (cond, (a, b) == (p, q), (a, b) == (q, p)) {
            (FloatCC::LessThan, true, _) | (FloatCC::GreaterThan, _, true) => codes::MIN,
            (FloatCC::GreaterThan, true, _) | (FloatCC::LessThan, _, true) => codes::MAX,
            (_, _, _) => return Ok(false),
        };
        let size = width(ty).size();
        let left = self.reg(x)?;
        let right = self.rm(y, true)?;
        let result = self.vector();
        self.put(Inst::new(op.code(ty)).def(result, size).reg(left, size).rm(right, size));
        self.set(inst, result)?;
        Ok(true)
    }

    pub(super) fn bitselect(&mut self, inst: ir::Inst) -> Result<(), Refused> {
        let [condition, x, y] = self.operands(inst)?;
        if self.extremum_of(inst, condition, [x, y])? {
            return Ok(());
        }
        let mask = self.mask(condition)?;
        let reg = self.blend(mask, x, y)?;
        self.set(inst, reg)
    }

    /// The lanes of x where the mask holds, of y elsewhere.
    fn blend(&mut self, mask: VReg, x: Value, y: Value) -> Result<VReg, Refused> {
        let ty = self.ty(x);
        if self.is_zero(y) {
            return self.keep(mask, x);
        }
        let size = width(ty).size();
        let otherwise = self.reg(y)?;
        let chosen = match self.rm(x, true)? {
            // The instruction reads whole vectors.
            Rm::Memory(address) if !ty.is_vector() => Rm::Broadcast(address),
            chosen => chosen,
        };
        let result = self.vector();
        let blend = Inst::new(codes::BLEND.code(ty)).def(result, size).reg(otherwise, size).rm(chosen, size);
        self.put(blend.mask(mask, false));
        Ok(result)
    }

    /// The lanes of x where the mask holds, zeros elsewhere.
    pub(super) fn keep(&mut self, mask: VReg, x: Value) -> Result<VReg, Refused> {
        let ty = self.ty(x);
        let size = width(ty).size();
        let kept = self.rm(x, true)?;
        let result = self.vector();
        let inst = match kept {
            Rm::Reg(reg) => Inst::new(codes::MOVE.code(ty)).def(result, size).reg(reg, size),
            Rm::Memory(address) if ty.is_vector() => Inst::new(codes::MOVE.code(ty)).def(result, size).memory(address),
            Rm::Memory(address) | Rm::Broadcast(address) => {
                Inst::new(codes::BROADCAST.code(ty)).def(result, size).memory(address)
            }
        };
        self.put(inst.mask(mask, true));
        Ok(result)
    }

    pub(super) fn select(&mut self, inst: ir::Inst) -> Result<(), Refused> {
        let [condition, x, y] = self.operands(inst)?;
        let ty = self.ty(x);
        if class(ty) == RegClass::Int {
            let (chosen, otherwise) = (self.reg(x)?, self.reg(y)?);
            let code = self.condition(condition)?;
            let size = general_size(ty);
            let result = self.general();
            self.put(
                Inst::new(codes::conditional_move(code, ty.bits())).modify(result, otherwise, size).reg(chosen, size),
            );
            return self.set(inst, result);
        }
        if self.extremum_of(inst, condition, [x, y])? {
            return Ok(());
        }
        if ty.is_vector() {
            return Err(self.refusal(inst));
        }
        let mask = self.mask(condition)?;
        let reg = self.blend(mask, x, y)?;
        self.set(inst, reg)
    }

    /// Bitwise operations: of masks as masks, of a mask with a vector as a selection, of vectors.
    pub(super) fn logic(&mut self, inst: ir::Inst) -> Result<(), Refused> {
        let opcode = self.opcode(inst);
        let args = self.args(inst).to_vec();
        let ty = self.ty(args[0]);
        // There is no complement of the one bit that a scalar's mask is.
        let is_complement = opcode == Opcode::Bnot && !ty.is_vector();
        if !is_complement && args.iter().all(|&arg| self.is_mask(arg)) {
            let masks = args.iter().map(|&arg| self.mask(arg)).collect::<Result<Vec<_>, _>>()?;
            let result = self.mask_register();
            let name = match opcode {
                Opcode::Band => Name::VEX_Kandw_kr_kr_kr,
                Opcode::Bor => Name::VEX_Korw_kr_kr_kr,
                Opcode::Bxor => Name::VEX_Kxorw_kr_kr_kr,
                _ => Name::VEX_Knotw_kr_kr,
            };
            let op = Inst::new(name).def(result, Size::K);
            self.put(masks.into_iter().fold(op, |op, mask| op.reg(mask, Size::K)));
            let value = self.result(inst)?;
            self.forms[value] = Form::Mask(result);
            return Ok(());
        }
        if class(ty) == RegClass::Int {
            return self.integer_binary(inst);
        }
        let size = width(ty).size();
        let (Opcode::Band | Opcode::Bor | Opcode::Bxor, &[x, y]) = (opcode, &args[..]) else {
            let reg = self.reg(args[0])?;
            let result = self.vector();
            let not = Inst::new(codes::TERNARY.code(ty)).modify(result, reg, size).same().same();
            self.put(not.imm(Slot::Imm8(0x55)));
            return self.set(inst, result);
        };
        let (x, y) = if self.is_mask(y) || self.is_in_memory(x) && !self.is_in_memory(y) { (y, x) } else { (x, y) };
        if self.is_mask(x) && ty.is_vector() && opcode != Opcode::Bxor {
            let mask = self.mask(x)?;
            let reg = if opcode == Opcode::Band { self.keep(mask, y)? } else { self.fill(mask, y)? };
            return self.set(inst, reg);
        }
        let op = match opcode {
            Opcode::Band => codes::AND,
            Opcode::Bor => codes::OR,
            _ => codes::XOR,
        };
        let left = self.reg(x)?;
        let right = match self.rm(y, true)? {
            Rm::Memory(address) if !ty.is_vector() => Rm::Broadcast(address),
            right => right,
        };
        let result = self.vector();
        self.put(Inst::new(op.code(ty)).def(result, size).reg(left, size).rm(right, size));
        self.set(inst, result)
    }

    /// Ones in all bits of the lanes where the mask holds, the lanes of x elsewhere.
    fn fill(&mut self, mask: VReg, x: Value) -> Result<VReg, Refused> {
        let ty = self.ty(x);
        let size = width(ty).size();
        let reg = self.reg(x)?;
        let result = self.vector();
        let fill = Inst::new(codes::TERNARY.code(ty)).modify(result, reg, size).same().same();
        self.put(fill.imm(Slot::Imm8(0xff)).mask(mask, false));
        Ok(result)
    }

    /// Whether a value is a vector or float of zeros.
    pub(super) fn is_zero(&self, value: Value) -> bool {
        let Some(inst) = self.waiting(value) else { return false };
        match self.func.dfg.insts[inst] {
            InstructionData::UnaryConst { constant_handle, opcode: Opcode::Vconst } => {
                self.func.dfg.constants.get(constant_handle).iter().all(|&byte| byte == 0)
            }
            InstructionData::UnaryIeee32 { imm, .. } => imm.bits() == 0,
            InstructionData::UnaryIeee64 { imm, .. } => imm.bits() == 0,
            _ => false,
        }
    }
}
