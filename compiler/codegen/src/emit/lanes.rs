//! Constants, splats, positions, and moving between vectors and their lanes.

use cranelift_codegen::ir::{ConstantData, InstBuilder, Type, Value, types};
use pullback_ir::{Binary, DType, Reduction, Scalar};
use pullback_loops::{Affine, Var, VarType};

use super::kernel::Emitter;
use super::scopes::Scoped;
use crate::error::Error;

impl Emitter<'_, '_> {
    /// A constant in all lanes.
    pub(super) fn constant(&mut self, ty: VarType, scalar: Scalar) -> Result<Value, Error> {
        let register = self.register_type(ty)?;
        if scalar.dtype() != ty.dtype {
            return self.bug(format!("a constant of {} where one of {} is needed", scalar.dtype(), ty.dtype));
        }
        if ty.lanes > 1 {
            let bits =
                if let Scalar::Bool(holds) = scalar { 0u64.wrapping_sub(u64::from(holds)) } else { scalar.bits() };
            let bits = vec![bits; usize::from(ty.lanes)];
            return Ok(self.vector_constant(register, &bits));
        }
        Ok(match scalar {
            Scalar::F32(_) | Scalar::F64(_) => self.math().float_constant(register, scalar.bits()),
            Scalar::I32(_) | Scalar::I64(_) | Scalar::U8(_) | Scalar::Bool(_) => {
                self.builder.ins().iconst(register, scalar.bits() as i64)
            }
        })
    }

    /// A vector whose lanes have the low bits of the given numbers.
    pub(super) fn vector_constant(&mut self, register: Type, lanes: &[u64]) -> Value {
        let width = register.lane_type().bytes() as usize;
        let bytes = lanes.iter().flat_map(|bits| bits.to_le_bytes().into_iter().take(width));
        self.math().vector_constant(register, bytes)
    }

    /// A scalar variable in all lanes.
    pub(super) fn splat_var(&mut self, ty: VarType, var: Var) -> Result<Value, Error> {
        match self.scalars.get(&var) {
            Some(&scalar) => self.constant(ty, scalar),
            None => {
                let value = self.operand(var, VarType::scalar(ty.dtype))?;
                self.splat(ty, value)
            }
        }
    }

    /// A scalar in all lanes.
    pub(super) fn splat(&mut self, ty: VarType, value: Value) -> Result<Value, Error> {
        if ty.lanes == 1 {
            return Ok(value);
        }
        let register = self.register_type(ty)?;
        let lane = self.lane_of(ty, value)?;
        Ok(self.builder.ins().splat(register, lane))
    }

    /// A scalar as a lane of a vector type holds it.
    pub(super) fn lane_of(&mut self, ty: VarType, scalar: Value) -> Result<Value, Error> {
        if ty.dtype != DType::Bool {
            return Ok(scalar);
        }
        let lane = self.register_type(ty)?.lane_type();
        let wide = self.builder.ins().uextend(lane, scalar);
        Ok(self.builder.ins().ineg(wide))
    }

    /// A lane of a vector, as a scalar.
    pub(super) fn scalar_of(&mut self, ty: VarType, vector: Value, lane: u8) -> Result<Value, Error> {
        let element = self.builder.ins().extractlane(vector, lane);
        if ty.dtype != DType::Bool {
            return Ok(element);
        }
        let byte = self.builder.ins().ireduce(types::I8, element);
        Ok(self.builder.ins().band_imm_u(byte, 1))
    }

    /// The vector whose lanes are a function of the lanes of two others.
    pub(super) fn per_lane(
        &mut self,
        register: Type,
        operands: [Value; 2],
        mut function: impl FnMut(&mut Self, Value, Value) -> Value,
    ) -> Value {
        let mut lanes = Vec::new();
        for lane in 0..register.lane_count() as u8 {
            let [x, y] = operands.map(|vector| self.builder.ins().extractlane(vector, lane));
            lanes.push(function(self, x, y));
        }
        self.math().vector_of(register, &lanes)
    }

    /// The value of an affine expression, converted.
    pub(super) fn position(&mut self, ty: VarType, index: &Affine, lane_stride: i64) -> Result<Value, Error> {
        let mut sum: Option<Scoped> = None;
        for (counter, coefficient) in self.counters_of(index)? {
            if let Some(value) = counter.value {
                sum = Some(match sum {
                    None => self.scaled(value, coefficient),
                    Some(sum) => self.advance(sum, value, coefficient),
                });
            }
        }
        let first = match sum {
            None => self.builder.ins().iconst(types::I64, index.offset),
            Some(sum) if index.offset == 0 => sum.value,
            Some(sum) => self.builder.ins().iadd_imm_s(sum.value, index.offset),
        };
        let (low, high) = self.range(index)?;
        let int = |dtype| VarType { dtype, ..ty };
        let scalar = |dtype| VarType::scalar(dtype);
        match ty.dtype {
            DType::I64 | DType::I32 => self.integer_position(ty, first, lane_stride),
            DType::U8 if ty.lanes == 1 => self.convert(first, scalar(DType::I64), ty),
            DType::F32 | DType::F64 if ty.lanes == 1 => self.convert(first, scalar(DType::I64), ty),
            DType::F32 => {
                // The vector conversion takes 32 bits.
                let span = i128::from(lane_stride) * i128::from(ty.lanes - 1);
                let fits = |position: i128| i32::try_from(position).is_ok();
                if fits(low.saturating_add(span.min(0))) && fits(high.saturating_add(span.max(0))) {
                    let lanes = self.integer_position(int(DType::I32), first, lane_stride)?;
                    return self.convert(lanes, int(DType::I32), ty);
                }
                self.float_position(ty, first, lane_stride)
            }
            DType::F64 if self.is_wide() => {
                let lanes = self.integer_position(int(DType::I64), first, lane_stride)?;
                self.convert(lanes, int(DType::I64), ty)
            }
            DType::F64 => self.float_position(ty, first, lane_stride),
            DType::U8 | DType::Bool => self.bug(format!("a position as {} of {} lanes", ty.dtype, ty.lanes)),
        }
    }

    fn integer_position(&mut self, ty: VarType, first: Value, lane_stride: i64) -> Result<Value, Error> {
        let start = self.convert(first, VarType::scalar(DType::I64), VarType::scalar(ty.dtype))?;
        if ty.lanes == 1 {
            return Ok(start);
        }
        let register = self.register_type(ty)?;
        let start = self.builder.ins().splat(register, start);
        let offsets: Vec<u64> = (0..i64::from(ty.lanes)).map(|lane| lane.wrapping_mul(lane_stride) as u64).collect();
        let offsets = self.vector_constant(register, &offsets);
        Ok(self.builder.ins().iadd(start, offsets))
    }

    fn float_position(&mut self, ty: VarType, first: Value, lane_stride: i64) -> Result<Value, Error> {
        let register = self.register_type(ty)?;
        let mut lanes = Vec::new();
        for lane in 0..i64::from(ty.lanes) {
            let position = self.builder.ins().iadd_imm_s(first, lane.wrapping_mul(lane_stride));
            lanes.push(self.convert(position, VarType::scalar(DType::I64), VarType::scalar(ty.dtype))?);
        }
        Ok(self.math().vector_of(register, &lanes))
    }

    /// All lanes of a variable combined, halves first.
    pub(super) fn reduce_lanes(&mut self, ty: VarType, kind: Reduction, var: Var) -> Result<Value, Error> {
        let vector_type = self.var_type(var)?;
        let vector = self.value(var)?;
        if ty != VarType::scalar(vector_type.dtype) {
            return self.bug(format!("the reduction of {var} is not a scalar of its element type"));
        }
        let combine = match kind {
            Reduction::Add => Binary::Add,
            Reduction::Mul => Binary::Mul,
            Reduction::Max => Binary::Max,
            Reduction::Min => Binary::Min,
            Reduction::And if vector_type.lanes > 1 => return Ok(self.builder.ins().vall_true(vector)),
            Reduction::Or if vector_type.lanes > 1 => return Ok(self.builder.ins().vany_true(vector)),
            Reduction::And => Binary::And,
            Reduction::Or => Binary::Or,
        };
        let mut pair = vector;
        match vector_type.lanes {
            1 => return Ok(vector),
            _ if self.is_wide() => {
                let mut lanes = vector_type.lanes;
                while lanes > 2 {
                    lanes /= 2;
                    let [low, high] = self.math().halves(pair);
                    pair = self.binary(VarType { lanes, ..vector_type }, combine, low, high)?;
                }
            }
            4 => {
                let swapped = self.swap_halves(vector);
                pair = self.binary(vector_type, combine, vector, swapped)?;
            }
            _ => {}
        }
        let first = self.builder.ins().extractlane(pair, 0);
        let second = self.builder.ins().extractlane(pair, 1);
        self.binary(ty, combine, first, second)
    }

    fn swap_halves(&mut self, vector: Value) -> Value {
        let register = self.builder.func.dfg.value_type(vector);
        let bytes = self.math().cast(types::I8X16, vector);
        let order: Vec<u8> = (8..16).chain(0..8).collect();
        let order = self.builder.func.dfg.immediates.push(ConstantData::from(order));
        let swapped = self.builder.ins().shuffle(bytes, bytes, order);
        self.math().cast(register, swapped)
    }
}
