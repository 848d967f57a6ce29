//! What takes vectors apart: the other width, and calls of scalar functions for their lanes.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    Block, BlockArg, ConstantData, InstBuilder, MemFlagsData, StackSlot, StackSlotData, StackSlotKind, Type, Value,
    types,
};

use super::builder::{Mask, MathBuilder};
use super::externs::ExternFn;
use crate::wide::intrinsics::{Intrinsic, half};

impl MathBuilder<'_, '_> {
    /// An operation that Cranelift has no instruction for, where vectors are [wide](Self::wide).
    pub(crate) fn intrinsic(&mut self, operation: Intrinsic, operands: &[Value], result: Type) -> Value {
        let params: Vec<Type> = operands.iter().map(|&operand| self.ty(operand)).collect();
        let function = operation.declare(self.builder.func, &params, result);
        let call = self.builder.ins().call(function, operands);
        self.builder.inst_results(call)[0]
    }

    /// `x 2^n` for an integer n, rounded once, where vectors are [wide](Self::wide).
    pub(crate) fn scale(&mut self, x: Value, n: Value) -> Value {
        let ty = self.ty(x);
        self.intrinsic(Intrinsic::Scale, &[x, n], ty)
    }

    /// The two halves of a vector, where vectors are [wide](Self::wide).
    pub(crate) fn halves(&mut self, x: Value) -> [Value; 2] {
        let ty = half(self.ty(x));
        [Intrinsic::LowHalf, Intrinsic::HighHalf].map(|part| self.intrinsic(part, &[x], ty))
    }

    /// The vector with the given lanes, as many as its type has.
    pub(crate) fn vector_of(&mut self, ty: Type, lanes: &[Value]) -> Value {
        if ty.bytes() > 16 {
            let part = half(ty);
            let (low, high) = lanes.split_at(lanes.len() / 2);
            let halves = [low, high].map(|lanes| self.vector_of(part, lanes));
            return self.intrinsic(Intrinsic::Concat, &halves, ty);
        }
        let mut vector = None;
        for (index, &lane) in (0u8..).zip(lanes) {
            vector = Some(match vector {
                None => self.builder.ins().scalar_to_vector(ty, lane),
                Some(vector) => self.builder.ins().insertlane(vector, lane, index),
            });
        }
        vector.unwrap_or_else(|| self.vector_constant(ty, std::iter::empty()))
    }

    /// A mask as one for lanes as wide as those of `ty`, which has as many.
    pub(crate) fn mask_as(&mut self, ty: Type, mask: Value) -> Value {
        let ty = Self::int_type(ty);
        if self.ty(mask) == ty { mask } else { self.intrinsic(Intrinsic::MaskAs, &[mask], ty) }
    }

    /// Computes `f` in double precision: an `f32` or vector argument list is widened (`f32x4` to
    /// two `f64x2` halves, where vectors are not [wide](Self::wide), `f32x16` to two `f64x8`), `f` is applied, and the result rounded back.
    pub fn in_double<const N: usize>(
        &mut self,
        args: [Value; N],
        mut f: impl FnMut(&mut Self, [Value; N]) -> Value,
    ) -> Value {
        if args.iter().any(|&x| !self.ty(x).is_vector()) {
            let wide = args.map(|x| self.builder.ins().fpromote(types::F64, x));
            let result = f(self, wide);
            return self.builder.ins().fdemote(types::F32, result);
        }
        if self.wide {
            return self.vector_in_double(args, &mut f);
        }
        let low = args.map(|x| self.builder.ins().fvpromote_low(x));
        let high = args.map(|x| {
            let moved = self.shuffle_halves(x, x, 8, 8);
            self.builder.ins().fvpromote_low(moved)
        });
        let low = f(self, low);
        let high = f(self, high);
        let low = self.builder.ins().fvdemote(low);
        let high = self.builder.ins().fvdemote(high);
        self.shuffle_halves(low, high, 0, 16)
    }

    /// The vectors in double precision are as wide as vectors are, at most 512 bits.
    fn vector_in_double<const N: usize>(
        &mut self,
        args: [Value; N],
        f: &mut impl FnMut(&mut Self, [Value; N]) -> Value,
    ) -> Value {
        let ty = args.first().map_or(types::F32X4, |&x| self.ty(x));
        if ty.lane_count() > 8 {
            let parts = args.map(|x| self.halves(x));
            let halves = [0, 1].map(|part| self.vector_in_double(parts.map(|halves| halves[part]), f));
            return self.intrinsic(Intrinsic::Concat, &halves, ty);
        }
        let double = types::F64.by(ty.lane_count()).unwrap_or(types::F64);
        let args = args.map(|x| self.intrinsic(Intrinsic::Promote, &[x], double));
        let result = f(self, args);
        self.intrinsic(Intrinsic::Demote, &[result], ty)
    }

    /// The 8-byte half of the 32-byte concatenation `x, y` at byte `first`, then that at `second`.
    fn shuffle_halves(&mut self, x: Value, y: Value, first: u8, second: u8) -> Value {
        let ty = self.ty(x);
        let x = self.cast(types::I8X16, x);
        let y = self.cast(types::I8X16, y);
        let bytes: Vec<u8> = (first..first + 8).chain(second..second + 8).collect();
        let mask = self.builder.func.dfg.immediates.push(ConstantData::from(bytes));
        let shuffled = self.builder.ins().shuffle(x, y, mask);
        self.cast(ty, shuffled)
    }

    /// Calls the scalar function on every lane. Slow: for cold blocks and long functions.
    pub fn call_per_lane(&mut self, callee: ExternFn, args: &[Value]) -> Value {
        let Some(&first) = args.first() else {
            return self.fconst(types::F64, f64::NAN);
        };
        let ty = self.ty(first);
        if !ty.is_vector() {
            return self.call_scalar(callee, args);
        }
        if self.wide {
            return self.call_in_loop(callee, ty, args);
        }
        let mut result = first;
        for lane in 0..ty.lane_count() as u8 {
            let scalars: Vec<Value> = args.iter().map(|&x| self.builder.ins().extractlane(x, lane)).collect();
            let value = self.call_scalar(callee, &scalars);
            result = self.builder.ins().insertlane(result, value, lane);
        }
        result
    }

    /// Calls the scalar function in a loop over the lanes, which are in memory: of many lanes the calls would be much code.
    fn call_in_loop(&mut self, callee: ExternFn, ty: Type, args: &[Value]) -> Value {
        let flags = MemFlagsData::new().with_notrap();
        let slot = |m: &mut Self| {
            m.builder.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, ty.bytes(), 3))
        };
        let operands: Vec<StackSlot> = args.iter().map(|_| slot(self)).collect();
        let result = slot(self);
        for (&operand, &x) in operands.iter().zip(args) {
            let pointer = self.builder.ins().stack_addr(types::I64, operand, 0);
            self.builder.ins().store(flags, x, pointer, 0);
        }
        let is_cold = self.builder.current_block().is_some_and(|block| self.builder.func.layout.is_cold(block));
        let [body, exit]: [Block; 2] = [(); 2].map(|()| self.builder.create_block());
        if is_cold {
            self.builder.set_cold_block(body);
            self.builder.set_cold_block(exit);
        }
        let position = self.builder.append_block_param(body, types::I64);
        let zero = self.builder.ins().iconst(types::I64, 0);
        self.builder.ins().jump(body, &[BlockArg::Value(zero)]);
        self.builder.switch_to_block(body);
        let element = |m: &mut Self, slot: StackSlot| {
            let pointer = m.builder.ins().stack_addr(types::I64, slot, 0);
            m.builder.ins().iadd(pointer, position)
        };
        let mut scalars = Vec::with_capacity(args.len());
        for operand in operands {
            let pointer = element(self, operand);
            scalars.push(self.builder.ins().load(ty.lane_type(), flags, pointer, 0));
        }
        let value = self.call_scalar(callee, &scalars);
        let pointer = element(self, result);
        self.builder.ins().store(flags, value, pointer, 0);
        let next = self.builder.ins().iadd_imm_s(position, i64::from(ty.lane_type().bytes()));
        let more = self.builder.ins().icmp_imm_s(IntCC::SignedLessThan, next, i64::from(ty.bytes()));
        self.builder.ins().brif(more, body, &[BlockArg::Value(next)], exit, &[]);
        self.builder.seal_block(body);
        self.builder.seal_block(exit);
        self.builder.switch_to_block(exit);
        let pointer = self.builder.ins().stack_addr(types::I64, result, 0);
        self.builder.ins().load(ty, flags, pointer, 0)
    }

    fn call_scalar(&mut self, callee: ExternFn, args: &[Value]) -> Value {
        let single = args.iter().any(|&x| self.is_single(x));
        let wide: Vec<Value> = if single {
            args.iter().map(|&x| self.builder.ins().fpromote(types::F64, x)).collect()
        } else {
            args.to_vec()
        };
        let func = self.externs.func_ref(self.builder.func, callee);
        let call = self.builder.ins().call(func, &wide);
        let result = self.builder.inst_results(call)[0];
        if single { self.builder.ins().fdemote(types::F32, result) } else { result }
    }

    /// `fast`, except in the lanes where `rare` holds, which get the scalar function's value.
    ///
    /// Ends the current block: a cold block does the calls, and only when some lane needs them.
    pub fn slow_path(&mut self, rare: Mask, fast: Value, callee: ExternFn, args: &[Value]) -> Value {
        let ty = self.ty(fast);
        let any = if ty.is_vector() { self.builder.ins().vany_true(rare.0) } else { rare.0 };
        let slow_block = self.builder.create_block();
        let join = self.builder.create_block();
        let result = self.builder.append_block_param(join, ty);
        self.builder.set_cold_block(slow_block);
        self.builder.ins().brif(any, slow_block, &[], join, &[BlockArg::Value(fast)]);
        self.builder.seal_block(slow_block);
        self.builder.switch_to_block(slow_block);
        let called = self.call_per_lane(callee, args);
        let mixed = self.select(rare, called, fast);
        self.builder.ins().jump(join, &[BlockArg::Value(mixed)]);
        self.builder.seal_block(join);
        self.builder.switch_to_block(join);
        result
    }
}
