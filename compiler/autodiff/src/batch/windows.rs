//! Batching of windows, pooling and convolution.

use pullback_ir::{ConvSpec, Inst, Op, PoolSpec, Shape, Value, WindowSpec};

use super::{Batch, Operand, by_scan, move_axis, prepend, up};
use crate::error::Error;

pub(super) fn rule(batch: &Batch<'_, '_>, inst: Inst, op: &Op, args: &[Operand]) -> Result<Vec<Operand>, Error> {
    let b = batch.b;
    let value = match (op, args) {
        (Op::Windows(spec), &[x]) => b.windows(x.value, lift_windows(spec)),
        (Op::OverlapAdd { spec, shape }, &[x]) => b.overlap_add(x.value, lift_windows(spec), &batch.with_batch(shape)),
        (Op::ReduceWindow { kind, spec }, &[x]) => b.reduce_window(*kind, x.value, lift_pool(spec)),
        (Op::SelectAndScatter { kind, spec }, &[x, source]) => {
            let (x, source) = (batch.lift(x.value, x.batched), batch.lift(source.value, source.batched));
            b.select_and_scatter(*kind, x, source, lift_pool(spec))
        }
        (Op::Conv(spec), &[x, kernel]) => match (x.batched, kernel.batched) {
            (true, false) if spec.batch_groups == 1 => input(batch, spec, x.value, kernel.value),
            (false, true) if spec.batch_groups == 1 && spec.feature_groups == 1 => {
                kernels(batch, spec, x.value, kernel.value)
            }
            (true, true) if spec.batch_groups == 1 => both(batch, spec, x.value, kernel.value),
            (_, _) => return by_scan(batch, inst, args),
        },
        (_, _) => return by_scan(batch, inst, args),
    };
    Ok(vec![Operand { value, batched: true }])
}

fn lift_windows(spec: &WindowSpec) -> WindowSpec {
    WindowSpec { axes: up(&spec.axes), ..spec.clone() }
}

fn lift_pool(spec: &PoolSpec) -> PoolSpec {
    PoolSpec {
        size: prepend(1, &spec.size),
        stride: prepend(1, &spec.stride),
        low: prepend(0, &spec.low),
        high: prepend(0, &spec.high),
        base_dilation: prepend(1, &spec.base_dilation),
        dilation: prepend(1, &spec.dilation),
    }
}

/// The batch, axis 0, merged into the axis `axis` of the operand without it, as the slower one.
fn merge(batch: &Batch<'_, '_>, value: Value, axis: usize) -> Value {
    let b = batch.b;
    let value = move_axis(b, value, 0, axis);
    let mut extents = b.shape(value).extents();
    let size = extents.remove(axis);
    extents[axis] *= size;
    reshape(batch, value, &extents)
}

/// The inverse of [`merge`].
fn split(batch: &Batch<'_, '_>, value: Value, axis: usize) -> Value {
    let b = batch.b;
    let mut extents = b.shape(value).extents();
    extents[axis] /= batch.size.max(1);
    extents.insert(axis, batch.size);
    move_axis(b, reshape(batch, value, &extents), axis, 0)
}

fn reshape(batch: &Batch<'_, '_>, value: Value, extents: &[usize]) -> Value {
    match Shape::new(extents) {
        Ok(shape) => batch.b.reshape(value, &shape),
        Err(error) => batch.b.fail("vmap", error.to_string()),
    }
}

/// The batch joins the batch of the convolution.
fn input(batch: &Batch<'_, '_>, spec: &ConvSpec, x: Value, kernel: Value) -> Value {
    let merged = merge(batch, x, spec.lhs[0]);
    split(batch, batch.b.conv(merged, kernel, spec.clone()), spec.out[0])
}

/// The batch of kernels joins the output features.
fn kernels(batch: &Batch<'_, '_>, spec: &ConvSpec, x: Value, kernel: Value) -> Value {
    let merged = merge(batch, kernel, spec.rhs[0]);
    split(batch, batch.b.conv(x, merged, spec.clone()), spec.out[1])
}

/// Each element of the batch is a group of features of its own.
fn both(batch: &Batch<'_, '_>, spec: &ConvSpec, x: Value, kernel: Value) -> Value {
    let (x, kernel) = (merge(batch, x, spec.lhs[1]), merge(batch, kernel, spec.rhs[0]));
    let spec = ConvSpec { feature_groups: spec.feature_groups * batch.size.max(1), ..spec.clone() };
    let out = spec.out[1];
    split(batch, batch.b.conv(x, kernel, spec), out)
}
