//! One method per operation.

use std::sync::Arc;

use super::Builder;
use crate::entities::{FuncId, Value};
use crate::literal::{Literal, Scalar};
use crate::op::{
    Axes, Binary, BroadcastSpec, Comparison, ConvSpec, Cumulation, DotDims, Extremum, GatherSpec, Op, PadSpec,
    PoolSpec, Pooling, Reduction, ScatterKind, SliceSpec, Unary, WindowDims, WindowSpec,
};
use crate::types::{DType, Shape, Type};

macro_rules! elementwise {
    ($($(#[$meta:meta])* $name:ident($($arg:ident),*) => $op:expr;)*) => {
        /// Elementwise operations; operands of one type unless said otherwise.
        impl Builder<'_> {
            $($(#[$meta])* pub fn $name(&self, $($arg: Value),*) -> Value {
                self.emit($op, &[$($arg),*])
            })*
        }
    };
}

elementwise! {
    /// `-x`.
    neg(x) => Op::Unary(Unary::Neg);
    /// `|x|`.
    abs(x) => Op::Unary(Unary::Abs);
    /// The sign of `x`.
    sign(x) => Op::Unary(Unary::Sign);
    /// Logical negation.
    not(x) => Op::Unary(Unary::Not);
    /// `x`, whose derivative is taken to be zero.
    stop_gradient(x) => Op::Unary(Unary::StopGradient);
    /// `e^x`.
    exp(x) => Op::Unary(Unary::Exp);
    /// Natural logarithm.
    log(x) => Op::Unary(Unary::Log);
    /// Square root.
    sqrt(x) => Op::Unary(Unary::Sqrt);
    /// `1 / sqrt(x)`.
    rsqrt(x) => Op::Unary(Unary::Rsqrt);
    /// Sine.
    sin(x) => Op::Unary(Unary::Sin);
    /// Cosine.
    cos(x) => Op::Unary(Unary::Cos);
    /// Hyperbolic sine.
    sinh(x) => Op::Unary(Unary::Sinh);
    /// Hyperbolic cosine.
    cosh(x) => Op::Unary(Unary::Cosh);
    /// Hyperbolic tangent.
    tanh(x) => Op::Unary(Unary::Tanh);
    /// `x + y`.
    add(x, y) => Op::Binary(Binary::Add);
    /// `x - y`.
    sub(x, y) => Op::Binary(Binary::Sub);
    /// `x y`.
    mul(x, y) => Op::Binary(Binary::Mul);
    /// `x / y`.
    div(x, y) => Op::Binary(Binary::Div);
    /// `x^y`.
    pow(x, y) => Op::Binary(Binary::Pow);
    /// The larger of `x` and `y`.
    max(x, y) => Op::Binary(Binary::Max);
    /// The smaller of `x` and `y`.
    min(x, y) => Op::Binary(Binary::Min);
    /// Logical and.
    and(x, y) => Op::Binary(Binary::And);
    /// Logical or.
    or(x, y) => Op::Binary(Binary::Or);
    /// `x` where `pred` (a `bool` tensor) holds, else `y`.
    select(pred, x, y) => Op::Select;
    /// `x` kept between `low` and `high`.
    clamp(low, x, high) => Op::Clamp;
    /// Logical exclusive or; bitwise for integers.
    xor(x, y) => Op::Binary(Binary::Xor);
    /// Whether `x` is neither infinite nor NaN.
    is_finite(x) => Op::IsFinite;
}

/// Everything else.
impl Builder<'_> {
    /// An elementwise operation of one operand.
    pub fn unary(&self, op: Unary, x: Value) -> Value {
        self.emit(Op::Unary(op), &[x])
    }

    /// An elementwise operation of two operands of one type.
    pub fn binary(&self, op: Binary, x: Value, y: Value) -> Value {
        self.emit(Op::Binary(op), &[x, y])
    }

    /// A comparison of two operands of one type; the result is `bool`.
    pub fn compare(&self, predicate: Comparison, x: Value, y: Value) -> Value {
        self.emit(Op::Compare(predicate), &[x, y])
    }

    /// `x` with elements of type `dtype`; `x` itself if it has them already.
    pub fn convert(&self, x: Value, dtype: DType) -> Value {
        if self.ty(x).dtype == dtype { x } else { self.emit(Op::Convert(dtype), &[x]) }
    }

    /// A tensor known now.
    pub fn constant(&self, literal: Literal) -> Value {
        self.emit(Op::Constant(Arc::new(literal)), &[])
    }

    /// A tensor of type `ty` whose elements are all `x`, rounded to the element type.
    pub fn splat(&self, ty: &Type, x: f64) -> Value {
        self.constant(Literal::splat(Scalar::from_f64(ty.dtype, x), ty.shape.clone()))
    }

    /// A tensor like `value` in type whose elements are all `x`, rounded to the element type.
    pub fn splat_like(&self, value: Value, x: f64) -> Value {
        self.splat(&self.ty(value), x)
    }

    /// Positions along `axis`.
    pub fn iota(&self, ty: Type, axis: usize) -> Value {
        self.emit(Op::Iota { ty: Box::new(ty), axis }, &[])
    }

    /// Repetition: axis `i` of `x` becomes axis `dims[i]` of `shape`; `x` itself if nothing changes.
    pub fn broadcast(&self, x: Value, shape: &Shape, dims: impl Into<Axes>) -> Value {
        if self.shape(x) == *shape {
            return x;
        }
        let spec = BroadcastSpec { shape: shape.clone(), dims: dims.into() };
        self.emit(Op::Broadcast(Box::new(spec)), &[x])
    }

    /// The same elements with another shape; `x` itself if it has that shape.
    pub fn reshape(&self, x: Value, shape: &Shape) -> Value {
        if self.shape(x) == *shape { x } else { self.emit(Op::Reshape(Box::new(shape.clone())), &[x]) }
    }

    /// Result axis `i` is operand axis `perm[i]`; `x` itself if nothing moves.
    pub fn transpose(&self, x: Value, perm: impl Into<Axes>) -> Value {
        let perm = perm.into();
        if perm.iter().copied().eq(0..self.shape(x).rank()) { x } else { self.emit(Op::Transpose(perm), &[x]) }
    }

    /// Reversal along axes.
    pub fn reverse(&self, x: Value, axes: impl Into<Axes>) -> Value {
        self.emit(Op::Reverse(axes.into()), &[x])
    }

    /// A strided box of positions; one entry per axis in each list.
    pub fn slice(&self, x: Value, start: &[usize], limit: &[usize], stride: &[usize]) -> Value {
        let spec = SliceSpec { start: start.into(), limit: limit.into(), stride: stride.into() };
        self.emit(Op::Slice(Box::new(spec)), &[x])
    }

    /// Positions along one axis, from `start` to before `limit`.
    pub fn slice_axis(&self, x: Value, axis: usize, start: usize, limit: usize) -> Value {
        let mut limits = self.shape(x).extents();
        let mut starts = vec![0; limits.len()];
        let strides = vec![1; limits.len()];
        match (starts.get_mut(axis), limits.get_mut(axis)) {
            (Some(s), Some(l)) => (*s, *l) = (start, limit),
            _ => return self.fail("slice", format!("axis {axis} of a tensor with {} axes", strides.len())),
        }
        self.slice(x, &starts, &limits, &strides)
    }

    /// Padding with the scalar `value`.
    pub fn pad(&self, x: Value, value: Value, spec: PadSpec) -> Value {
        self.emit(Op::Pad(Box::new(spec)), &[x, value])
    }

    /// Operands one after the other along `axis`.
    pub fn concatenate(&self, parts: &[Value], axis: usize) -> Value {
        self.emit(Op::Concatenate { axis }, parts)
    }

    /// Reduction over axes, strictly increasing; without axes, `x` itself.
    pub fn reduce(&self, kind: Reduction, x: Value, axes: impl Into<Axes>) -> Value {
        let axes = axes.into();
        if axes.is_empty() { x } else { self.emit(Op::Reduce { kind, axes }, &[x]) }
    }

    /// Sum over axes.
    pub fn reduce_add(&self, x: Value, axes: impl Into<Axes>) -> Value {
        self.reduce(Reduction::Add, x, axes)
    }

    /// Sum of products over paired axes.
    pub fn dot(&self, x: Value, y: Value, dims: DotDims) -> Value {
        self.emit(Op::Dot(Box::new(dims)), &[x, y])
    }

    /// A call of a function of the module.
    pub fn call(&self, func: FuncId, args: &[Value]) -> Vec<Value> {
        self.emit_many(Op::Call(func), args)
    }

    /// The operands, not to be merged with what is before.
    pub fn barrier(&self, args: &[Value]) -> Vec<Value> {
        if args.is_empty() { Vec::new() } else { self.emit_many(Op::Barrier, args) }
    }

    /// The position of the first extremum along `axis`.
    pub fn arg_reduce(&self, kind: Extremum, x: Value, axis: usize, dtype: DType) -> Value {
        self.emit(Op::ArgReduce { kind, axis, dtype }, &[x])
    }

    /// Combination of each element with all before it along `axis`, or behind it.
    pub fn cumulative(&self, kind: Cumulation, x: Value, axis: usize, reverse: bool) -> Value {
        self.emit(Op::Cumulative { kind, axis, reverse }, &[x])
    }

    /// A box of this shape at `starts`, one integer scalar per axis.
    pub fn dynamic_slice(&self, x: Value, starts: &[Value], shape: &Shape) -> Value {
        let mut args = vec![x];
        args.extend_from_slice(starts);
        self.emit(Op::DynamicSlice(Box::new(shape.clone())), &args)
    }

    /// `x` with the box at `starts` replaced by `update`.
    pub fn dynamic_update_slice(&self, x: Value, update: Value, starts: &[Value]) -> Value {
        let mut args = vec![x, update];
        args.extend_from_slice(starts);
        self.emit(Op::DynamicUpdateSlice, &args)
    }

    /// Windows of `x` at `indices`.
    pub fn gather(&self, x: Value, indices: Value, spec: GatherSpec) -> Value {
        self.emit(Op::Gather(Box::new(spec)), &[x, indices])
    }

    /// Windows of `x` at `indices` combined with `updates`.
    pub fn scatter(&self, kind: ScatterKind, x: Value, indices: Value, updates: Value, dims: WindowDims) -> Value {
        self.emit(Op::Scatter { kind, dims: Box::new(dims) }, &[x, indices, updates])
    }

    /// The view of the windows of `x`.
    pub fn windows(&self, x: Value, spec: WindowSpec) -> Value {
        self.emit(Op::Windows(Box::new(spec)), &[x])
    }

    /// Windows summed at their places in a tensor of this shape.
    pub fn overlap_add(&self, x: Value, spec: WindowSpec, shape: &Shape) -> Value {
        self.emit(Op::OverlapAdd { spec: Box::new(spec), shape: Box::new(shape.clone()) }, &[x])
    }

    /// Combination of the elements in each window.
    pub fn reduce_window(&self, kind: Pooling, x: Value, spec: PoolSpec) -> Value {
        self.emit(Op::ReduceWindow { kind, spec: Box::new(spec) }, &[x])
    }

    /// `source` added at the extrema of the windows of `x`.
    pub fn select_and_scatter(&self, kind: Extremum, x: Value, source: Value, spec: PoolSpec) -> Value {
        self.emit(Op::SelectAndScatter { kind, spec: Box::new(spec) }, &[x, source])
    }

    /// Convolution.
    pub fn conv(&self, x: Value, kernel: Value, spec: ConvSpec) -> Value {
        self.emit(Op::Conv(Box::new(spec)), &[x, kernel])
    }

    /// Operands of one shape sorted together along `axis` by the first `keys`; one result per operand.
    pub fn sort(&self, args: &[Value], axis: usize, keys: usize, descending: bool) -> Vec<Value> {
        self.emit_many(Op::Sort { axis, keys, descending }, args)
    }

    /// The `k` largest along the last axis: values and positions.
    pub fn top_k(&self, x: Value, k: usize) -> Vec<Value> {
        self.emit_many(Op::TopK { k }, &[x])
    }
}
