//! Addresses, loads and stores.
//!
//! An address is the buffer's pointer plus one term per loop counter, outermost first, plus a constant: so the part that does not change
//! in the innermost loop is one value in front of it ([`scopes`](super::scopes)), and the rest is an addressing mode. Nothing is
//! assumed of the alignment of vectors, since arguments are aligned to their elements only.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{ConstantData, Endianness, InstBuilder, MemFlagsData, Type, Value, types};
use pullback_ir::DType;
use pullback_loops::{Affine, Buffer, Place, Var, VarType};

use super::kernel::{Base, Counter, Emitter, type_name};
use crate::error::Error;
use crate::math::MathBuilder;
use crate::wide::intrinsics::Intrinsic;

impl Emitter<'_, '_> {
    /// The least and the greatest value of an expression over all iterations of the loops around.
    pub(super) fn range(&self, index: &Affine) -> Result<(i128, i128), Error> {
        let (mut low, mut high) = (i128::from(index.offset), i128::from(index.offset));
        for (counter, coefficient) in self.counters_of(index)? {
            let reach = i128::from(counter.last) * i128::from(coefficient);
            (low, high) = (low.saturating_add(reach.min(0)), high.saturating_add(reach.max(0)));
        }
        Ok((low, high))
    }

    /// Refuses an access that would leave its buffer: of the element at `index`, and of those that `count` steps of `stride` reach
    /// from there, along each of the given directions.
    pub(super) fn check_inside(&self, buffer: Buffer, index: &Affine, steps: &[(i64, usize)]) -> Result<(), Error> {
        let (mut low, mut high) = self.range(index)?;
        for &(stride, count) in steps {
            let Some(last) = count.checked_sub(1) else { return Ok(()) };
            let reach = i128::from(stride) * last as i128;
            (low, high) = (low.saturating_add(reach.min(0)), high.saturating_add(reach.max(0)));
        }
        let elements = self.env.program.buffers.get(buffer).map_or(0, |data| data.elements);
        if low < 0 || high >= elements as i128 {
            return self.bug(format!("an access of elements {low} to {high} of {buffer}, which has {elements}"));
        }
        Ok(())
    }

    /// The address of an element as pointer and offset in bytes, and what may be assumed of an access to it.
    pub(super) fn address(
        &mut self,
        buffer: Buffer,
        index: &Affine,
        dtype: DType,
    ) -> Result<(Value, i32, MemFlagsData), Error> {
        let data = &self.env.program.buffers[buffer];
        if data.dtype != dtype {
            return self.bug(format!("{buffer} has elements of {}, the access is of {dtype}", data.dtype));
        }
        let Base { mut pointer, origin, readonly } = self.base(buffer)?;
        let size = dtype.bytes() as i64;
        for (counter, coefficient) in self.counters_of(index)? {
            if let Some(counter) = counter.value {
                pointer = self.advance(pointer, counter, coefficient.wrapping_mul(size));
            }
        }
        let pointer = pointer.value;
        let bytes = origin + index.offset * size;
        let (pointer, offset) = match i32::try_from(bytes) {
            Ok(offset) => (pointer, offset),
            Err(_) => (self.builder.ins().iadd_imm_s(pointer, bytes), 0),
        };
        let flags = MemFlagsData::new().with_notrap().with_endianness(Endianness::Little);
        Ok((pointer, offset, if readonly { flags.with_readonly().with_can_move() } else { flags }))
    }

    /// The counters of an expression with their coefficients, outermost first.
    pub(super) fn counters_of(&self, index: &Affine) -> Result<Vec<(Counter, i64)>, Error> {
        let mut counters = Vec::with_capacity(index.terms.len());
        for &(counter, coefficient) in &index.terms {
            match self.counters.get(&counter) {
                Some(&counter) => counters.push((counter, coefficient)),
                None => return self.bug(format!("{counter} is used outside its loop")),
            }
        }
        counters.sort_by_key(|(counter, _)| (counter.value.map(|value| value.scope), counter.depth));
        Ok(counters)
    }

    /// A load of a value of a type.
    pub(super) fn load(&mut self, ty: VarType, place: &Place) -> Result<Value, Error> {
        let register = self.register_type(ty)?;
        self.check_inside(place.buffer, &place.index, &[(place.lane_stride, usize::from(ty.lanes))])?;
        let (pointer, offset, flags) = self.address(place.buffer, &place.index, ty.dtype)?;
        if ty.lanes == 1 {
            return Ok(self.load_element(ty.dtype, register, pointer, offset, flags));
        }
        if place.lane_stride == 1 && ty.dtype != DType::Bool {
            return Ok(self.load_vector(register, pointer, offset, flags));
        }
        if place.lane_stride == 1 {
            return self.load_mask(ty, pointer, offset, flags);
        }
        let scalar = VarType::scalar(ty.dtype);
        let element = self.register_type(scalar)?;
        if place.lane_stride == 0 {
            let value = self.load_element(ty.dtype, element, pointer, offset, flags);
            return self.splat(ty, value);
        }
        let can_permute = ty.lanes == 4 && ty.dtype.bytes() == 4 || self.is_wide();
        if place.lane_stride == 2 && can_permute && ty.dtype != DType::Bool && offset < i32::MAX - 64 {
            return Ok(self.load_every_other(register, pointer, offset, flags));
        }
        if let Some(last) = self.backwards(ty, place, offset) {
            let vector = self.load_vector(register, pointer, last, flags);
            return Ok(self.reversed(register, vector));
        }
        let mut lanes = Vec::with_capacity(usize::from(ty.lanes));
        for lane in 0..ty.lanes {
            let (pointer, offset) = self.lane_address(pointer, offset, place, ty, lane);
            let value = self.load_element(ty.dtype, element, pointer, offset, flags);
            lanes.push(self.lane_of(ty, value)?);
        }
        Ok(self.math().vector_of(register, &lanes))
    }

    /// A load of a vector from anywhere. Without AVX a memory operand of an instruction has to be aligned, and Cranelift (0.135) makes one of an
    /// unaligned load where a comparison of floats uses it; as a vector of another type first, the load stands alone.
    fn load_vector(&mut self, register: Type, pointer: Value, offset: i32, flags: MemFlagsData) -> Value {
        if self.env.settings.fma || self.is_wide() {
            return self.builder.ins().load(register, flags, pointer, offset);
        }
        let bytes = self.builder.ins().load(types::I8X16, flags, pointer, offset);
        self.builder.ins().bitcast(register, MemFlagsData::new().with_endianness(Endianness::Little), bytes)
    }

    /// Every other element, by two loads: of 4 elements 0, 2, 4 and 6, by loads of elements 0 to 3 and 3 to 6. Nothing behind the last is touched.
    fn load_every_other(&mut self, register: Type, pointer: Value, offset: i32, flags: MemFlagsData) -> Value {
        let lanes = register.lane_count();
        if self.is_wide() {
            let distance = (register.lane_type().bytes() * (lanes - 1)) as i32;
            let [low, high] =
                [offset, offset + distance].map(|offset| self.load_vector(register, pointer, offset, flags));
            // The last element of the first vector is the first of the second.
            let order: Vec<u64> = (0..lanes).map(|lane| u64::from(2 * lane + u32::from(2 * lane >= lanes))).collect();
            let indices = MathBuilder::int_type(register);
            let order = self.vector_constant(indices, &order);
            return self.math().intrinsic(Intrinsic::Permute, &[low, high, order], register);
        }
        let parts = [offset, offset + 12].map(|offset| {
            let part = self.load_vector(register, pointer, offset, flags);
            self.math().cast(types::I8X16, part)
        });
        let order: Vec<u8> = [0, 8, 20, 28].into_iter().flat_map(|first| first..first + 4).collect();
        let order = self.builder.func.dfg.immediates.push(ConstantData::from(order));
        let shuffled = self.builder.ins().shuffle(parts[0], parts[1], order);
        self.math().cast(register, shuffled)
    }

    /// A store of a variable.
    pub(super) fn store(&mut self, place: &Place, var: Var) -> Result<(), Error> {
        let ty = self.var_type(var)?;
        let value = self.value(var)?;
        self.check_inside(place.buffer, &place.index, &[(place.lane_stride, usize::from(ty.lanes))])?;
        let (pointer, offset, flags) = self.address(place.buffer, &place.index, ty.dtype)?;
        if flags.readonly() {
            return self.bug(format!("a store of {var}, {}, to {}, which is read only", type_name(ty), place.buffer));
        }
        if ty.lanes == 1 || (place.lane_stride == 1 && ty.dtype != DType::Bool) {
            self.builder.ins().store(flags, value, pointer, offset);
            return Ok(());
        }
        if place.lane_stride == 1 {
            self.store_mask(ty, value, pointer, offset, flags);
            return Ok(());
        }
        if let Some(last) = self.backwards(ty, place, offset) {
            let reversed = self.reversed(self.register_type(ty)?, value);
            self.builder.ins().store(flags, reversed, pointer, last);
            return Ok(());
        }
        for lane in 0..ty.lanes {
            let (pointer, offset) = self.lane_address(pointer, offset, place, ty, lane);
            let element = self.scalar_of(ty, value, lane)?;
            self.builder.ins().store(flags, element, pointer, offset);
        }
        Ok(())
    }

    /// Where in memory the last lane is of a vector whose elements are side by side, the last one first; `None` if they are not, or for lack of a permutation.
    fn backwards(&self, ty: VarType, place: &Place, offset: i32) -> Option<i32> {
        let distance = i32::from(ty.lanes - 1) * ty.dtype.bytes() as i32;
        let can_permute = self.is_wide() && ty.dtype != DType::Bool;
        if place.lane_stride == -1 && can_permute { offset.checked_sub(distance) } else { None }
    }

    /// A vector with its lanes in the opposite order.
    fn reversed(&mut self, register: Type, vector: Value) -> Value {
        let order: Vec<u64> = (0..u64::from(register.lane_count())).rev().collect();
        let order = self.vector_constant(MathBuilder::int_type(register), &order);
        self.math().intrinsic(Intrinsic::Permute, &[vector, vector, order], register)
    }

    fn lane_address(&mut self, pointer: Value, offset: i32, place: &Place, ty: VarType, lane: u8) -> (Value, i32) {
        let bytes = i64::from(offset) + i64::from(lane) * place.lane_stride * ty.dtype.bytes() as i64;
        match i32::try_from(bytes) {
            Ok(offset) => (pointer, offset),
            Err(_) => (self.builder.ins().iadd_imm_s(pointer, bytes), 0),
        }
    }

    /// A load of one element. Bytes of `bool`s in memory that the program may store to are cut down to their lowest bit: the verifier
    /// knows that something was stored to the buffer, not that this element was, so the byte may be anything.
    fn load_element(
        &mut self,
        dtype: DType,
        register: Type,
        pointer: Value,
        offset: i32,
        flags: MemFlagsData,
    ) -> Value {
        let value = self.builder.ins().load(register, flags, pointer, offset);
        if dtype == DType::Bool && !flags.readonly() { self.builder.ins().band_imm_u(value, 1) } else { value }
    }

    /// Loads bytes side by side, cuts them down to 0 or 1 as [`Self::load_element`] does, and widens them to a mask.
    fn load_mask(&mut self, ty: VarType, pointer: Value, offset: i32, flags: MemFlagsData) -> Result<Value, Error> {
        if self.is_wide() {
            return self.load_wide_mask(ty, pointer, offset, flags);
        }
        let word = if ty.lanes == 4 {
            self.builder.ins().load(types::I32, flags, pointer, offset)
        } else {
            let word = self.builder.ins().load(types::I16, flags, pointer, offset);
            self.builder.ins().uextend(types::I32, word)
        };
        let word = if flags.readonly() { word } else { self.builder.ins().band_imm_u(word, 0x0101_0101) };
        let vector = self.builder.ins().scalar_to_vector(types::I32X4, word);
        let bytes = self.math().cast(types::I8X16, vector);
        let halves = self.builder.ins().uwiden_low(bytes);
        let mut lanes = self.builder.ins().uwiden_low(halves);
        if ty.lanes == 2 {
            lanes = self.builder.ins().uwiden_low(lanes);
        }
        Ok(self.builder.ins().ineg(lanes))
    }

    /// As [`Self::load_mask`], where vectors are wide: all bits of a lane are those that are asked for.
    fn load_wide_mask(
        &mut self,
        ty: VarType,
        pointer: Value,
        offset: i32,
        flags: MemFlagsData,
    ) -> Result<Value, Error> {
        let register = self.register_type(ty)?;
        let bytes = types::I8.by(u32::from(ty.lanes)).unwrap_or(types::I8);
        let bytes = self.builder.ins().load(bytes, flags, pointer, offset);
        let lanes = self.math().intrinsic(Intrinsic::Widen, &[bytes], register);
        let [one, zero] = [1, 0].map(|number| self.math().iconst(register, number));
        let lanes = self.builder.ins().band(lanes, one);
        Ok(self.builder.ins().icmp(IntCC::NotEqual, lanes, zero))
    }

    /// Narrows a mask to bytes 0 or 1 side by side and stores them.
    fn store_mask(&mut self, ty: VarType, mask: Value, pointer: Value, offset: i32, flags: MemFlagsData) {
        if self.is_wide() {
            let register = self.builder.func.dfg.value_type(mask);
            let one = self.math().iconst(register, 1);
            let ones = self.builder.ins().band(mask, one);
            let bytes = types::I8.by(u32::from(ty.lanes)).unwrap_or(types::I8);
            let bytes = self.math().intrinsic(Intrinsic::Narrow, &[ones], bytes);
            self.builder.ins().store(flags, bytes, pointer, offset);
        } else if ty.lanes == 4 {
            let halves = self.builder.ins().snarrow(mask, mask);
            let bytes = self.builder.ins().snarrow(halves, halves);
            let words = self.math().cast(types::I32X4, bytes);
            let word = self.builder.ins().extractlane(words, 0);
            let word = self.builder.ins().band_imm_u(word, 0x0101_0101);
            self.builder.ins().store(flags, word, pointer, offset);
        } else {
            // Two sign bits, moved to the lowest bits of two bytes.
            let bits = self.builder.ins().vhigh_bits(types::I32, mask);
            let first = self.builder.ins().band_imm_u(bits, 1);
            let second = self.builder.ins().ishl_imm_u(bits, 7);
            let second = self.builder.ins().band_imm_u(second, 0x100);
            let word = self.builder.ins().bor(first, second);
            self.builder.ins().istore16(flags, word, pointer, offset);
        }
    }
}
