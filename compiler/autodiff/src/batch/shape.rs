//! Batching of views and products.

use pullback_ir::op::BroadcastSpec;
use pullback_ir::{Axes, DType, DotDims, PadSpec, SliceSpec, Type, Value};

use super::{Batch, Operand, prepend, up};

pub(super) fn broadcast(batch: &Batch<'_, '_>, spec: &BroadcastSpec, args: &[Operand]) -> Value {
    let dims: Axes = std::iter::once(0).chain(spec.dims.iter().map(|axis| axis + 1)).collect();
    batch.b.broadcast(args[0].value, &batch.with_batch(&spec.shape), dims)
}

pub(super) fn slice(batch: &Batch<'_, '_>, spec: &SliceSpec, args: &[Operand]) -> Value {
    let start = prepend(0, &spec.start);
    let limit = prepend(batch.size, &spec.limit);
    batch.b.slice(args[0].value, &start, &limit, &prepend(1, &spec.stride))
}

/// A batched padding value is selected where the padding is.
pub(super) fn pad(batch: &Batch<'_, '_>, spec: &PadSpec, args: &[Operand]) -> Value {
    let b = batch.b;
    let &[x, fill] = args else { return b.fail("pad", "expected two operands") };
    let inner = spec;
    let spec =
        PadSpec { low: prepend(0, &spec.low), high: prepend(0, &spec.high), interior: prepend(0, &spec.interior) };
    let value = batch.lift(x.value, x.batched);
    if !fill.batched {
        return b.pad(value, fill.value, spec);
    }
    let scalar = Type::scalar(b.ty(value).dtype);
    let padded = b.pad(value, b.splat(&scalar, 0.0), spec);
    let inside = match Type::new(DType::Bool, &batch.shape_of(x)) {
        Ok(ty) => b.splat(&ty, 0.0),
        Err(error) => return b.fail("pad", error.to_string()),
    };
    let mask = b.pad(inside, b.splat(&Type::scalar(DType::Bool), 1.0), inner.clone());
    let shape = b.shape(padded);
    let mask = b.broadcast(mask, &shape, (1..shape.rank()).collect::<Axes>());
    b.select(mask, b.broadcast(fill.value, &shape, [0]), padded)
}

/// With two batched factors the batch is one more batch axis; with one it is a free axis of that factor, moved to the front of the result.
pub(super) fn dot(batch: &Batch<'_, '_>, dims: &DotDims, args: &[Operand]) -> Value {
    let b = batch.b;
    let &[x, y] = args else { return b.fail("dot", "expected two operands") };
    let batches = dims.lhs_batch.len();
    let both = x.batched && y.batched;
    let lift = |axes: &Axes, batched: bool, is_batch: bool| {
        let axes: Axes = if batched { up(axes) } else { axes.clone() };
        if both && is_batch { std::iter::once(0).chain(axes.iter().copied()).collect() } else { axes }
    };
    let new = DotDims {
        lhs_batch: lift(&dims.lhs_batch, x.batched, true),
        rhs_batch: lift(&dims.rhs_batch, y.batched, true),
        lhs_contract: lift(&dims.lhs_contract, x.batched, false),
        rhs_contract: lift(&dims.rhs_contract, y.batched, false),
    };
    let result = b.dot(x.value, y.value, new);
    if both {
        return result;
    }
    let from = if x.batched { batches } else { batches + dims.lhs_free(batch.shape_of(x).len()).len() };
    super::move_axis(b, result, from, 0)
}
