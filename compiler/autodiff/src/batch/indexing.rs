//! Batching of reads and writes at positions known at run time.

use pullback_ir::{Axes, GatherSpec, OutOfBounds, ScatterKind, Shape, Value, WindowDims};

use super::{Batch, Operand, prepend, up};

fn with_zero(axes: &[usize]) -> Axes {
    std::iter::once(0).chain(axes.iter().map(|axis| axis + 1)).collect()
}

/// The starts as index vectors `[batch, axes]`.
fn index_vectors(batch: &Batch<'_, '_>, starts: &[Operand]) -> Value {
    let b = batch.b;
    let column = match Shape::new(&[batch.size, 1]) {
        Ok(shape) => shape,
        Err(error) => return b.fail("vmap", error.to_string()),
    };
    let columns: Vec<Value> =
        starts.iter().map(|start| b.reshape(batch.lift(start.value, start.batched), &column)).collect();
    b.concatenate(&columns, 1)
}

/// The windows that index vectors `[batch, axes]` pick from an operand of this rank without its batch.
fn slice_dims(rank: usize, batched: bool) -> WindowDims {
    let shift = usize::from(batched);
    WindowDims {
        offset: (1..=rank).collect(),
        collapsed: Axes::default(),
        operand_batch: if batched { [0].into() } else { Axes::default() },
        indices_batch: if batched { [0].into() } else { Axes::default() },
        map: (shift..shift + rank).collect(),
        vector_axis: 1,
        mode: OutOfBounds::Clamp,
    }
}

/// A zero of the type of the starts, for the batch axis.
fn zero_start(batch: &Batch<'_, '_>, starts: &[Operand]) -> Vec<Value> {
    let zero = starts.first().map(|start| batch.b.splat_like(start.value, 0.0));
    zero.into_iter().chain(starts.iter().map(|start| start.value)).collect()
}

pub(super) fn dynamic_slice(batch: &Batch<'_, '_>, shape: &Shape, args: &[Operand]) -> Value {
    let b = batch.b;
    let [x, starts @ ..] = args else { return b.fail("dynamic_slice", "expected operands") };
    if starts.is_empty() {
        // Of a scalar there is one slice, the scalar.
        return x.value;
    }
    if !starts.iter().any(|start| start.batched) {
        return b.dynamic_slice(x.value, &zero_start(batch, starts), &batch.with_batch(shape));
    }
    let dims = slice_dims(starts.len(), x.batched);
    let sizes = shape.extents();
    let sizes = if x.batched { prepend(1, &sizes) } else { sizes.into() };
    b.gather(x.value, index_vectors(batch, starts), GatherSpec { dims, sizes })
}

pub(super) fn dynamic_update_slice(batch: &Batch<'_, '_>, args: &[Operand]) -> Value {
    let b = batch.b;
    let [x, update, starts @ ..] = args else { return b.fail("dynamic_update_slice", "expected operands") };
    let value = batch.lift(x.value, x.batched);
    let update = batch.lift(update.value, update.batched);
    if !starts.iter().any(|start| start.batched) {
        return if starts.is_empty() {
            update
        } else {
            b.dynamic_update_slice(value, update, &zero_start(batch, starts))
        };
    }
    let dims = slice_dims(starts.len(), true);
    b.scatter(ScatterKind::Set, value, index_vectors(batch, starts), update, dims)
}

/// The dims for a batched operand: with batched indices the batch pairs, without them it is part of each window.
fn lifted(dims: &WindowDims, indices_batched: bool) -> WindowDims {
    if indices_batched {
        return WindowDims {
            offset: up(&dims.offset),
            collapsed: up(&dims.collapsed),
            operand_batch: with_zero(&dims.operand_batch),
            indices_batch: with_zero(&dims.indices_batch),
            map: up(&dims.map),
            vector_axis: dims.vector_axis + 1,
            mode: dims.mode,
        };
    }
    WindowDims {
        offset: with_zero(&dims.offset),
        collapsed: up(&dims.collapsed),
        operand_batch: up(&dims.operand_batch),
        indices_batch: dims.indices_batch.clone(),
        map: up(&dims.map),
        vector_axis: dims.vector_axis,
        mode: dims.mode,
    }
}

pub(super) fn gather(batch: &Batch<'_, '_>, spec: &GatherSpec, args: &[Operand]) -> Value {
    let b = batch.b;
    let &[x, indices] = args else { return b.fail("gather", "expected two operands") };
    let dims = &spec.dims;
    let (dims, sizes) = match (x.batched, indices.batched) {
        (true, true) => (lifted(dims, true), prepend(1, &spec.sizes)),
        (true, false) => (lifted(dims, false), prepend(batch.size, &spec.sizes)),
        (false, _) => {
            let dims = WindowDims {
                offset: up(&dims.offset),
                indices_batch: up(&dims.indices_batch),
                vector_axis: dims.vector_axis + 1,
                ..dims.clone()
            };
            (dims, spec.sizes.clone())
        }
    };
    b.gather(x.value, indices.value, GatherSpec { dims, sizes })
}

pub(super) fn scatter(batch: &Batch<'_, '_>, kind: ScatterKind, dims: &WindowDims, args: &[Operand]) -> Value {
    let b = batch.b;
    let &[x, indices, updates] = args else { return b.fail("scatter", "expected three operands") };
    let (value, updates) = (batch.lift(x.value, x.batched), batch.lift(updates.value, updates.batched));
    b.scatter(kind, value, indices.value, updates, lifted(dims, indices.batched))
}
