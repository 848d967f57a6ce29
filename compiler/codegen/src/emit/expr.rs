//! Expressions: which instructions each operation is, for each element type.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{InstBuilder, Value};
use pullback_ir::{Binary, Comparison, DType, Unary};
use pullback_loops::{Expr, Var, VarType};

use super::kernel::{Emitter, type_name};
use crate::error::Error;
use crate::math::{self, Mask, MathBinary, MathUnary};

impl Emitter<'_, '_> {
    /// The value of an expression assigned to a variable of type `ty`.
    pub(super) fn expr(&mut self, ty: VarType, expr: &Expr) -> Result<Value, Error> {
        match expr {
            Expr::Const(scalar) => self.constant(ty, *scalar),
            Expr::Position { index, lane_stride } => self.position(ty, index, *lane_stride),
            Expr::Load(place) => self.load(ty, place),
            Expr::Splat(x) => self.splat_var(ty, *x),
            Expr::Unary(op, x) => {
                let x = self.operand(*x, ty)?;
                self.unary(ty, *op, x)
            }
            Expr::Binary(op, x, y) => {
                let amount = self.scalars.get(y).copied();
                let (x, y) = (self.operand(*x, ty)?, self.operand(*y, ty)?);
                match (op, amount) {
                    (Binary::ShiftLeft | Binary::ShiftRight | Binary::ShiftRightLogical, Some(amount))
                        if ty.dtype.is_integer() =>
                    {
                        self.shift_by_constant(ty, *op, x, amount)
                    }
                    (_, _) => self.binary(ty, *op, x, y),
                }
            }
            Expr::MulAdd(a, b, c) => {
                if !ty.dtype.is_float() {
                    return self.bug(format!("a fused multiply-add of {}", ty.dtype));
                }
                self.mul_add(ty, [*a, *b, *c])
            }
            Expr::Compare(comparison, x, y) => self.compare(ty, *comparison, *x, *y),
            Expr::IsFinite(x) => {
                let operand = VarType { lanes: ty.lanes, ..self.var_type(*x)? };
                if !operand.dtype.is_float() || ty.dtype != DType::Bool {
                    return self.bug(format!("is_finite of {}", operand.dtype));
                }
                let x = self.operand(*x, operand)?;
                let mask = math::emit_is_finite(&mut self.math(), x);
                Ok(self.truth(ty, mask))
            }
            Expr::Select(predicate, x, y) => {
                let predicate = self.operand(*predicate, VarType { dtype: DType::Bool, lanes: ty.lanes })?;
                let (x, y) = (self.operand(*x, ty)?, self.operand(*y, ty)?);
                let predicate = if ty.lanes > 1 {
                    let register = self.register_type(ty)?;
                    self.math().mask_as(register, predicate)
                } else {
                    predicate
                };
                Ok(self.math().select(Mask(predicate), x, y))
            }
            Expr::Convert(x) => {
                let from = self.var_type(*x)?;
                let x = self.value(*x)?;
                self.convert(x, from, ty)
            }
            Expr::Bitcast(x) => self.bitcast(ty, *x),
            Expr::ReduceLanes(kind, x) => self.reduce_lanes(ty, *kind, *x),
        }
    }

    /// `a · b + c`, where what was negated for it needs no instruction.
    fn mul_add(&mut self, ty: VarType, operands: [Var; 3]) -> Result<Value, Error> {
        let negated = operands.map(|var| self.negated.get(&var).copied());
        let [a, b, c] = match negated {
            [Some(a), None, None] => [a, operands[1], operands[2]],
            [None, Some(b), None] => [operands[0], b, operands[2]],
            [None, None, Some(c)] => [operands[0], operands[1], c],
            _ => operands,
        };
        let (a, b, c) = (self.operand(a, ty)?, self.operand(b, ty)?, self.operand(c, ty)?);
        Ok(match negated {
            [Some(_), None, None] | [None, Some(_), None] => self.math().fnma(a, b, c),
            [None, None, Some(_)] => self.math().fms(a, b, c),
            _ => self.math().fma(a, b, c),
        })
    }

    fn unary(&mut self, ty: VarType, op: Unary, x: Value) -> Result<Value, Error> {
        match ty.dtype {
            DType::F32 | DType::F64 => self.float_unary(op, x),
            DType::I32 | DType::I64 | DType::U8 => self.integer_unary(ty, op, x),
            DType::Bool if op == Unary::StopGradient => Ok(x),
            DType::Bool if op != Unary::Not => self.bug(format!("{} of bool", op.info().name)),
            DType::Bool if ty.lanes > 1 => Ok(self.builder.ins().bnot(x)),
            DType::Bool => Ok(self.builder.ins().bxor_imm_u(x, 1)),
        }
    }

    fn float_unary(&mut self, op: Unary, x: Value) -> Result<Value, Error> {
        let function = match op {
            Unary::Neg => return Ok(self.math().neg(x)),
            Unary::Abs => return Ok(self.math().abs(x)),
            Unary::Not => return self.bug("logical negation of a float"),
            Unary::Sign => MathUnary::Sign,
            Unary::Floor => MathUnary::Floor,
            Unary::Ceil => MathUnary::Ceil,
            Unary::Round => MathUnary::RoundHalfEven,
            Unary::Exp => MathUnary::Exp,
            Unary::Exp2 => MathUnary::Exp2,
            Unary::Expm1 => MathUnary::Expm1,
            Unary::Log => MathUnary::Log,
            Unary::Log2 => MathUnary::Log2,
            Unary::Log1p => MathUnary::Log1p,
            Unary::Sqrt => MathUnary::Sqrt,
            Unary::Rsqrt => MathUnary::Rsqrt,
            Unary::Cbrt => MathUnary::Cbrt,
            Unary::Sin => MathUnary::Sin,
            Unary::Cos => MathUnary::Cos,
            Unary::Tan => MathUnary::Tan,
            Unary::Asin => MathUnary::Asin,
            Unary::Acos => MathUnary::Acos,
            Unary::Atan => MathUnary::Atan,
            Unary::Sinh => MathUnary::Sinh,
            Unary::Cosh => MathUnary::Cosh,
            Unary::Tanh => MathUnary::Tanh,
            Unary::Logistic => MathUnary::Logistic,
            Unary::Erf => MathUnary::Erf,
            Unary::Erfc => MathUnary::Erfc,
            Unary::ErfInv => MathUnary::ErfInv,
            Unary::Lgamma => MathUnary::Lgamma,
            Unary::Digamma => MathUnary::Digamma,
            Unary::BesselI0e => MathUnary::BesselI0e,
            Unary::BesselI1e => MathUnary::BesselI1e,
            Unary::StopGradient => return Ok(x),
            Unary::PopulationCount => return self.bug("the bits of a float counted"),
        };
        Ok(math::emit_unary(&mut self.math(), function, x))
    }

    /// The bits of a variable as another type of the same width.
    fn bitcast(&mut self, ty: VarType, x: Var) -> Result<Value, Error> {
        let from = self.var_type(x)?;
        let bits = |dtype: DType| if dtype == DType::Bool { 1 } else { 8 * dtype.bytes() };
        if from.lanes != ty.lanes || bits(from.dtype) != bits(ty.dtype) {
            return self.bug(format!("the bits of {} as {}", type_name(from), type_name(ty)));
        }
        let (x, register) = (self.value(x)?, self.register_type(ty)?);
        Ok(if from.dtype == ty.dtype { x } else { self.math().cast(register, x) })
    }

    /// An elementwise operation on two values of type `ty`.
    pub(super) fn binary(&mut self, ty: VarType, op: Binary, x: Value, y: Value) -> Result<Value, Error> {
        match ty.dtype {
            DType::F32 | DType::F64 => self.float_binary(op, x, y),
            DType::I32 | DType::I64 | DType::U8 => self.integer_binary(ty, op, x, y),
            DType::Bool => match op {
                Binary::And => Ok(self.builder.ins().band(x, y)),
                Binary::Or => Ok(self.builder.ins().bor(x, y)),
                Binary::Xor => Ok(self.builder.ins().bxor(x, y)),
                Binary::Add
                | Binary::Sub
                | Binary::Mul
                | Binary::Div
                | Binary::Rem
                | Binary::Pow
                | Binary::Atan2
                | Binary::Max
                | Binary::ShiftLeft
                | Binary::ShiftRight
                | Binary::ShiftRightLogical
                | Binary::Polygamma
                | Binary::Min => self.bug(format!("{} of bool", op.info().name)),
            },
        }
    }

    fn float_binary(&mut self, op: Binary, x: Value, y: Value) -> Result<Value, Error> {
        let function = match op {
            Binary::Add => return Ok(self.builder.ins().fadd(x, y)),
            Binary::Sub => return Ok(self.builder.ins().fsub(x, y)),
            Binary::Mul => return Ok(self.builder.ins().fmul(x, y)),
            Binary::Div => return Ok(self.builder.ins().fdiv(x, y)),
            Binary::Rem => MathBinary::Rem,
            Binary::Pow => MathBinary::Pow,
            Binary::Atan2 => MathBinary::Atan2,
            Binary::Max => MathBinary::Max,
            Binary::Min => MathBinary::Min,
            Binary::Polygamma => MathBinary::Polygamma,
            Binary::ShiftLeft
            | Binary::ShiftRight
            | Binary::ShiftRightLogical
            | Binary::And
            | Binary::Or
            | Binary::Xor => return self.bug(format!("{} of floats", op.info().name)),
        };
        Ok(math::emit_binary(&mut self.math(), function, x, y))
    }

    fn compare(&mut self, ty: VarType, comparison: Comparison, x: Var, y: Var) -> Result<Value, Error> {
        let operand = VarType { lanes: ty.lanes, ..self.var_type(x)? };
        if ty.dtype != DType::Bool {
            return self.bug(format!("a comparison with a result of {}", ty.dtype));
        }
        let (x, y) = (self.operand(x, operand)?, self.operand(y, operand)?);
        let mask = match operand.dtype {
            DType::F32 | DType::F64 => self.builder.ins().fcmp(float_condition(comparison), x, y),
            DType::I32 | DType::I64 => self.builder.ins().icmp(signed_condition(comparison), x, y),
            DType::U8 => self.builder.ins().icmp(unsigned_condition(comparison), x, y),
            DType::Bool if operand.lanes == 1 => self.builder.ins().icmp(unsigned_condition(comparison), x, y),
            // Lanes that hold are -1, so the order of signed integers is the reverse of that of truth values.
            DType::Bool => self.builder.ins().icmp(signed_condition(comparison), y, x),
        };
        Ok(self.truth(ty, mask))
    }
}

const fn float_condition(comparison: Comparison) -> FloatCC {
    match comparison {
        Comparison::Eq => FloatCC::Equal,
        Comparison::Ne => FloatCC::NotEqual,
        Comparison::Lt => FloatCC::LessThan,
        Comparison::Le => FloatCC::LessThanOrEqual,
        Comparison::Gt => FloatCC::GreaterThan,
        Comparison::Ge => FloatCC::GreaterThanOrEqual,
    }
}

const fn signed_condition(comparison: Comparison) -> IntCC {
    match comparison {
        Comparison::Eq => IntCC::Equal,
        Comparison::Ne => IntCC::NotEqual,
        Comparison::Lt => IntCC::SignedLessThan,
        Comparison::Le => IntCC::SignedLessThanOrEqual,
        Comparison::Gt => IntCC::SignedGreaterThan,
        Comparison::Ge => IntCC::SignedGreaterThanOrEqual,
    }
}

const fn unsigned_condition(comparison: Comparison) -> IntCC {
    match comparison {
        Comparison::Eq => IntCC::Equal,
        Comparison::Ne => IntCC::NotEqual,
        Comparison::Lt => IntCC::UnsignedLessThan,
        Comparison::Le => IntCC::UnsignedLessThanOrEqual,
        Comparison::Gt => IntCC::UnsignedGreaterThan,
        Comparison::Ge => IntCC::UnsignedGreaterThanOrEqual,
    }
}
