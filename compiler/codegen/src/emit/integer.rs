//! Integer arithmetic: wraps, and never traps.
//!
//! Division follows what the tensor IR says: `x / 0` is all ones (-1, or 255), the least integer divided by -1 is itself,
//! `x rem 0` is `x`, and the remainder by -1 is 0. Shifts by as many bits as there are, or by a negative number, leave none of the bits.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use pullback_ir::{Binary, DType, Scalar, Unary};
use pullback_loops::VarType;

use super::kernel::Emitter;
use crate::error::Error;

/// The two results of a division.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Division {
    Quotient,
    Remainder,
}

impl Emitter<'_, '_> {
    /// An elementwise operation of an integer; `ty` is an integer type.
    pub(super) fn integer_unary(&mut self, ty: VarType, op: Unary, x: Value) -> Result<Value, Error> {
        let unsigned = ty.dtype == DType::U8;
        match op {
            Unary::Neg => Ok(self.builder.ins().ineg(x)),
            Unary::Abs if unsigned => Ok(x),
            Unary::Abs => Ok(self.builder.ins().iabs(x)),
            Unary::Sign if unsigned => Ok(self.builder.ins().icmp_imm_u(IntCC::NotEqual, x, 0)),
            Unary::Sign => self.integer_sign(ty, x),
            Unary::Not => Ok(self.builder.ins().bnot(x)),
            Unary::StopGradient => Ok(x),
            Unary::PopulationCount => self.population_count(ty, x),
            Unary::Floor
            | Unary::Ceil
            | Unary::Round
            | Unary::Exp
            | Unary::Exp2
            | Unary::Expm1
            | Unary::Log
            | Unary::Log2
            | Unary::Log1p
            | Unary::Sqrt
            | Unary::Rsqrt
            | Unary::Cbrt
            | Unary::Sin
            | Unary::Cos
            | Unary::Tan
            | Unary::Asin
            | Unary::Acos
            | Unary::Atan
            | Unary::Sinh
            | Unary::Cosh
            | Unary::Tanh
            | Unary::Logistic
            | Unary::Erf
            | Unary::ErfInv
            | Unary::Lgamma
            | Unary::Digamma
            | Unary::BesselI0e
            | Unary::BesselI1e
            | Unary::Erfc => self.bug(format!("{} of {}", op.info().name, ty.dtype)),
        }
    }

    /// `(x > 0) - (x < 0)`.
    fn integer_sign(&mut self, ty: VarType, x: Value) -> Result<Value, Error> {
        let register = self.register_type(ty)?;
        if ty.lanes > 1 && self.is_wide() {
            let [one, minus_one] = [1, -1].map(|number| self.math().iconst(register, number));
            let at_most_one = self.builder.ins().smin(x, one);
            return Ok(self.builder.ins().smax(at_most_one, minus_one));
        }
        let zero = if ty.lanes > 1 {
            self.vector_constant(register, &vec![0; usize::from(ty.lanes)])
        } else {
            self.builder.ins().iconst(register, 0)
        };
        let positive = self.builder.ins().icmp(IntCC::SignedGreaterThan, x, zero);
        let negative = self.builder.ins().icmp(IntCC::SignedLessThan, x, zero);
        if ty.lanes > 1 {
            // Masks are -1 where they hold.
            return Ok(self.builder.ins().isub(negative, positive));
        }
        let sign = self.builder.ins().isub(positive, negative);
        Ok(self.builder.ins().sextend(register, sign))
    }

    /// An elementwise operation of two integers; `ty` is an integer type.
    pub(super) fn integer_binary(&mut self, ty: VarType, op: Binary, x: Value, y: Value) -> Result<Value, Error> {
        match op {
            Binary::Add => Ok(self.builder.ins().iadd(x, y)),
            Binary::Sub => Ok(self.builder.ins().isub(x, y)),
            Binary::Mul => Ok(self.builder.ins().imul(x, y)),
            Binary::Div => self.divide(ty, Division::Quotient, x, y),
            Binary::Rem => self.divide(ty, Division::Remainder, x, y),
            Binary::Max => Ok(self.extreme(ty, x, y, false)),
            Binary::Min => Ok(self.extreme(ty, x, y, true)),
            Binary::And => Ok(self.builder.ins().band(x, y)),
            Binary::Or => Ok(self.builder.ins().bor(x, y)),
            Binary::Xor => Ok(self.builder.ins().bxor(x, y)),
            Binary::ShiftLeft | Binary::ShiftRight | Binary::ShiftRightLogical => self.shift(ty, op, x, y),
            Binary::Polygamma | Binary::Pow | Binary::Atan2 => self.bug(format!("{} of {}", op.info().name, ty.dtype)),
        }
    }

    /// How many bits are 1: the vectors' instruction is for bytes, so lanes are counted one by one.
    fn population_count(&mut self, ty: VarType, x: Value) -> Result<Value, Error> {
        if ty.lanes == 1 {
            return Ok(self.builder.ins().popcnt(x));
        }
        let register = self.register_type(ty)?;
        Ok(self.per_lane(register, [x, x], |this, x, _| this.builder.ins().popcnt(x)))
    }

    /// A shift: by an amount that is negative or not below the number of bits all bits leave, and copies of the sign come in or zeros.
    fn shift(&mut self, ty: VarType, op: Binary, x: Value, y: Value) -> Result<Value, Error> {
        let signed = op == Binary::ShiftRight && ty.dtype != DType::U8;
        if ty.lanes > 1 {
            let register = self.register_type(ty)?;
            return Ok(self.per_lane(register, [x, y], |this, x, y| this.scalar_shift(op, signed, x, y)));
        }
        Ok(self.scalar_shift(op, signed, x, y))
    }

    fn scalar_shift(&mut self, op: Binary, signed: bool, x: Value, y: Value) -> Value {
        let register = self.builder.func.dfg.value_type(x);
        let bits = i64::from(register.bits());
        // As an unsigned number a negative amount is large.
        let within = self.builder.ins().icmp_imm_u(IntCC::UnsignedLessThan, y, bits);
        if signed {
            let most = self.builder.ins().iconst(register, bits - 1);
            let amount = self.builder.ins().select(within, y, most);
            return self.builder.ins().sshr(x, amount);
        }
        let shifted =
            if op == Binary::ShiftLeft { self.builder.ins().ishl(x, y) } else { self.builder.ins().ushr(x, y) };
        let zero = self.builder.ins().iconst(register, 0);
        self.builder.ins().select(within, shifted, zero)
    }

    /// A shift by an amount known at compile time, which vectors have an instruction for; `ty` is an integer type.
    pub(super) fn shift_by_constant(
        &mut self,
        ty: VarType,
        op: Binary,
        x: Value,
        amount: Scalar,
    ) -> Result<Value, Error> {
        let signed = op == Binary::ShiftRight && ty.dtype != DType::U8;
        let bits = 8 * ty.dtype.bytes() as u64;
        let amount = match amount {
            Scalar::I32(amount) => u64::try_from(amount),
            Scalar::I64(amount) => u64::try_from(amount),
            Scalar::U8(amount) => Ok(u64::from(amount)),
            Scalar::F32(_) | Scalar::F64(_) | Scalar::Bool(_) => return self.bug("a shift by what is not an integer"),
        };
        let within = amount.ok().filter(|&amount| amount < bits);
        let amount = match within {
            Some(amount) => amount,
            None if signed => bits - 1,
            None => return self.constant(ty, Scalar::from_f64(ty.dtype, 0.0)),
        };
        let amount = self.builder.ins().iconst(types::I32, amount as i64);
        Ok(match op {
            Binary::ShiftLeft => self.builder.ins().ishl(x, amount),
            _ if signed => self.builder.ins().sshr(x, amount),
            _ => self.builder.ins().ushr(x, amount),
        })
    }

    fn extreme(&mut self, ty: VarType, x: Value, y: Value, least: bool) -> Value {
        match (ty.dtype, ty.lanes) {
            (DType::I64, 2) if !self.is_wide() => {
                // There is no instruction for 64-bit lanes.
                let (low, high) = if least { (x, y) } else { (y, x) };
                let x_first = self.builder.ins().icmp(IntCC::SignedLessThan, low, high);
                self.builder.ins().bitselect(x_first, x, y)
            }
            (DType::U8, _) if least => self.builder.ins().umin(x, y),
            (DType::U8, _) => self.builder.ins().umax(x, y),
            _ if least => self.builder.ins().smin(x, y),
            _ => self.builder.ins().smax(x, y),
        }
    }

    fn divide(&mut self, ty: VarType, result: Division, x: Value, y: Value) -> Result<Value, Error> {
        let register = self.register_type(ty)?;
        if ty.lanes > 1 {
            return Ok(self.per_lane(register, [x, y], |this, x, y| this.signed_division(result, x, y)));
        }
        if ty.dtype != DType::U8 {
            return Ok(self.signed_division(result, x, y));
        }
        let [x, y] = [x, y].map(|value| self.builder.ins().uextend(types::I32, value));
        let by_zero = self.builder.ins().icmp_imm_u(IntCC::Equal, y, 0);
        let one = self.builder.ins().iconst(types::I32, 1);
        let divisor = self.builder.ins().select(by_zero, one, y);
        let (value, otherwise) = match result {
            Division::Quotient => (self.builder.ins().udiv(x, divisor), self.builder.ins().iconst(types::I32, 255)),
            Division::Remainder => (self.builder.ins().urem(x, divisor), x),
        };
        let value = self.builder.ins().select(by_zero, otherwise, value);
        Ok(self.builder.ins().ireduce(types::I8, value))
    }

    /// The division instruction traps on 0 and on the least integer by -1, so both divisors are replaced by 1.
    fn signed_division(&mut self, result: Division, x: Value, y: Value) -> Value {
        let register = self.builder.func.dfg.value_type(x);
        let by_zero = self.builder.ins().icmp_imm_s(IntCC::Equal, y, 0);
        let by_minus_one = self.builder.ins().icmp_imm_s(IntCC::Equal, y, -1);
        let special = self.builder.ins().bor(by_zero, by_minus_one);
        let one = self.builder.ins().iconst(register, 1);
        let divisor = self.builder.ins().select(special, one, y);
        match result {
            Division::Quotient => {
                let quotient = self.builder.ins().sdiv(x, divisor);
                let negated = self.builder.ins().ineg(x);
                let quotient = self.builder.ins().select(by_minus_one, negated, quotient);
                let zero = self.builder.ins().iconst(register, 0);
                let all_ones = self.builder.ins().bnot(zero);
                self.builder.ins().select(by_zero, all_ones, quotient)
            }
            Division::Remainder => {
                let remainder = self.builder.ins().srem(x, divisor);
                self.builder.ins().select(by_zero, x, remainder)
            }
        }
    }
}
