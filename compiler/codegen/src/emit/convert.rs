//! Conversions between element types, as the tensor IR's `convert` defines them.
//!
//! Integer to integer wraps, integer to float rounds to nearest, float to integer truncates and saturates with NaN to 0,
//! anything to `bool` asks whether it is not zero. Cranelift's vectors convert to element types of
//! the same width, and the lowering uses scalars for the rest; with [`crate::wide`] all vectors convert, lane by lane where there is no instruction.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{InstBuilder, Opcode, Type, Value, types};
use pullback_ir::{DType, Scalar};
use pullback_loops::VarType;

use super::kernel::{Emitter, type_name};
use crate::error::Error;
use crate::math::Mask;
use crate::wide::intrinsics::Intrinsic;

impl Emitter<'_, '_> {
    /// A value of type `from` as type `to`.
    pub(super) fn convert(&mut self, x: Value, from: VarType, to: VarType) -> Result<Value, Error> {
        if from == to {
            return Ok(x);
        }
        if from.lanes != to.lanes {
            return self.bug(format!("a conversion from {} to {}", type_name(from), type_name(to)));
        }
        if to.dtype == DType::Bool {
            return self.is_nonzero(x, from);
        }
        if from.lanes > 1 { self.convert_vector(x, from, to) } else { self.convert_scalar(x, from.dtype, to.dtype) }
    }

    fn is_nonzero(&mut self, x: Value, from: VarType) -> Result<Value, Error> {
        let zero = self.constant(from, Scalar::from_f64(from.dtype, 0.0))?;
        let mask = if from.dtype.is_float() {
            self.builder.ins().fcmp(FloatCC::NotEqual, x, zero)
        } else {
            self.builder.ins().icmp(IntCC::NotEqual, x, zero)
        };
        Ok(self.truth(from, mask))
    }

    fn convert_vector(&mut self, x: Value, from: VarType, to: VarType) -> Result<Value, Error> {
        let register = self.register_type(to)?;
        match (from.dtype, to.dtype) {
            (DType::Bool, DType::F32 | DType::F64 | DType::I32 | DType::I64) => {
                let one = self.constant(to, Scalar::from_f64(to.dtype, 1.0))?;
                if self.is_wide() {
                    let zero = self.constant(to, Scalar::from_f64(to.dtype, 0.0))?;
                    let mask = self.math().mask_as(register, x);
                    return Ok(self.math().select(Mask(mask), one, zero));
                }
                let mask = self.math().cast(register, x);
                Ok(self.builder.ins().band(mask, one))
            }
            (DType::F32, DType::I32) => Ok(self.truncate(x, register)),
            (DType::F64, DType::I64) if self.is_wide() => Ok(self.truncate(x, register)),
            (DType::F32, DType::F64) if self.is_wide() => Ok(self.math().intrinsic(Intrinsic::Promote, &[x], register)),
            (DType::F64, DType::F32) if self.is_wide() => Ok(self.math().intrinsic(Intrinsic::Demote, &[x], register)),
            (DType::I64, DType::F64) if self.is_wide() => Ok(self.builder.ins().fcvt_from_sint(register, x)),
            (DType::I32, DType::F32) => Ok(self.builder.ins().fcvt_from_sint(register, x)),
            (DType::F32 | DType::F64 | DType::I32 | DType::I64, DType::F32 | DType::F64 | DType::I32 | DType::I64)
                if self.is_wide() || from.dtype.bytes() == to.dtype.bytes() =>
            {
                let mut lanes = Vec::new();
                for lane in 0..from.lanes {
                    let element = self.builder.ins().extractlane(x, lane);
                    lanes.push(self.convert_scalar(element, from.dtype, to.dtype)?);
                }
                Ok(self.math().vector_of(register, &lanes))
            }
            (DType::F32 | DType::F64 | DType::I32 | DType::I64 | DType::U8 | DType::Bool, _) => {
                self.bug(format!("a conversion from {} to {}", type_name(from), type_name(to)))
            }
        }
    }

    fn convert_scalar(&mut self, x: Value, from: DType, to: DType) -> Result<Value, Error> {
        let register = self.register_type(VarType::scalar(to))?;
        match from {
            DType::F32 | DType::F64 => Ok(match to {
                DType::F64 => self.builder.ins().fpromote(types::F64, x),
                DType::F32 => self.builder.ins().fdemote(types::F32, x),
                DType::I32 | DType::I64 => self.truncate(x, register),
                DType::U8 => self.float_to_u8(x),
                DType::Bool => return self.is_nonzero(x, VarType::scalar(from)),
            }),
            DType::I32 | DType::I64 | DType::U8 | DType::Bool => {
                let signed = matches!(from, DType::I32 | DType::I64);
                Ok(match to {
                    DType::F32 | DType::F64 if from == DType::Bool && self.is_compared(x) => {
                        let ty = VarType::scalar(to);
                        let [one, zero] = [1.0, 0.0].map(|number| self.constant(ty, Scalar::from_f64(to, number)));
                        let (one, zero) = (one?, zero?);
                        self.math().select(Mask(x), one, zero)
                    }
                    DType::F32 | DType::F64 => {
                        let wide = if signed { x } else { self.builder.ins().uextend(types::I32, x) };
                        self.builder.ins().fcvt_from_sint(register, wide)
                    }
                    DType::I32 | DType::I64 | DType::U8 if from.bytes() == to.bytes() => x,
                    DType::I32 | DType::I64 | DType::U8 if from.bytes() > to.bytes() => {
                        self.builder.ins().ireduce(register, x)
                    }
                    DType::I32 | DType::I64 | DType::U8 if signed => self.builder.ins().sextend(register, x),
                    DType::I32 | DType::I64 | DType::U8 => self.builder.ins().uextend(register, x),
                    DType::Bool => return self.is_nonzero(x, VarType::scalar(from)),
                })
            }
        }
    }

    /// Whether a truth value is a comparison that becomes a mask, by which to move a number is one instruction.
    fn is_compared(&self, x: Value) -> bool {
        let dfg = &self.builder.func.dfg;
        let made = dfg.value_def(x).inst().map(|inst| dfg.insts[inst].opcode());
        self.env.settings.wide && matches!(made, Some(Opcode::Fcmp))
    }

    /// A float, or a vector of them, as an integer type that has as many lanes.
    fn truncate(&mut self, x: Value, register: Type) -> Value {
        if !self.is_wide() {
            return self.builder.ins().fcvt_to_sint_sat(register, x);
        }
        let truncated = self.math().intrinsic(Intrinsic::Truncate, &[x], register);
        // That is the least integer where the result does not fit, which is right below zero.
        let bits = register.lane_bits();
        let mut math = self.math();
        let [most, zero] = [i64::MAX >> (64 - bits), 0].map(|value| math.iconst(register, value));
        let limit = math.fconst(math.ty(x), 2f64.powi(bits as i32 - 1));
        let above = math.fcmp(FloatCC::GreaterThanOrEqual, x, limit);
        let not_a_number = math.is_nan(x);
        let saturated = math.select(above, most, truncated);
        math.select(not_a_number, zero, saturated)
    }

    /// Saturates at 32 bits, then at 8.
    fn float_to_u8(&mut self, x: Value) -> Value {
        let wide = self.truncate(x, types::I32);
        let (low, high) = (self.builder.ins().iconst(types::I32, 0), self.builder.ins().iconst(types::I32, 255));
        let wide = self.builder.ins().smax(wide, low);
        let wide = self.builder.ins().smin(wide, high);
        self.builder.ins().ireduce(types::I8, wide)
    }
}
