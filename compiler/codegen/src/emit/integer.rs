//! Integer arithmetic: wraps, and never traps.
//!
//! Division follows what the tensor IR says: `x / 0` is all ones (-1, or 255), the least integer divided by -1 is itself,
//! `x rem 0` is `x`, and the remainder by -1 is 0.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use pullback_ir::{Binary, DType, Unary};
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
            Unary::Not
            | Unary::Floor
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
            | Unary::Erfc => self.bug(format!("{} of {}", op.info().name, ty.dtype)),
        }
    }

    /// `(x > 0) - (x < 0)`.
    fn integer_sign(&mut self, ty: VarType, x: Value) -> Result<Value, Error> {
        let register = self.register_type(ty)?;
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
            Binary::Pow | Binary::Atan2 | Binary::And | Binary::Or | Binary::Xor => {
                self.bug(format!("{} of {}", op.info().name, ty.dtype))
            }
        }
    }

    fn extreme(&mut self, ty: VarType, x: Value, y: Value, least: bool) -> Value {
        match (ty.dtype, ty.lanes) {
            (DType::I64, 2) => {
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
