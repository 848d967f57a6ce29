//! Transposes of the operations that read or write at positions known at run time: reading becomes writing at the same positions and
//! the other way round.

use pullback_ir::op::{GatherSpec, ScatterKind, WindowDims};
use pullback_ir::{Builder, Comparison, Shape, Type, Value};

use super::{Cotangents, NO_RULE, NotLinear, Operand, passed};
use crate::emit;
use crate::jvp::indexing::{may_overlap, numbered, windows_read};

const POSITIONS: NotLinear = NotLinear("positions depend on them");

/// The operands that say where, which are known.
fn known(operands: &[Operand]) -> Result<Vec<Value>, NotLinear> {
    let known = operands.iter().map(|operand| match operand {
        Operand::Known(value) => Ok(*value),
        Operand::Linear(_) => Err(POSITIONS),
    });
    known.collect()
}

fn ty(b: &Builder<'_>, operand: &Operand) -> Type {
    match operand {
        Operand::Linear(ty) => ty.clone(),
        Operand::Known(value) => b.ty(*value),
    }
}

/// No cotangents for this many operands.
fn none(count: usize) -> impl Iterator<Item = Option<Value>> {
    std::iter::repeat_n(None, count)
}

/// Zeros with the cotangent at the box that was taken.
pub(super) fn dynamic_slice(b: &Builder<'_>, operands: &[Operand], ct: Value) -> Cotangents {
    let [Operand::Linear(ty), starts @ ..] = operands else { return Err(NO_RULE) };
    let x_ct = b.dynamic_update_slice(emit::zero(b, ty), ct, &known(starts)?);
    Ok(std::iter::once(Some(x_ct)).chain(none(starts.len())).collect())
}

/// To the update its box; to the operand the rest.
pub(super) fn dynamic_update_slice(b: &Builder<'_>, operands: &[Operand], ct: Value) -> Cotangents {
    let [x, update, starts @ ..] = operands else { return Err(NO_RULE) };
    let update_ty = ty(b, update);
    let positions = known(starts)?;
    let x_ct = passed(b, x, || b.dynamic_update_slice(ct, emit::zero(b, &update_ty), &positions))?;
    let update_ct = passed(b, update, || b.dynamic_slice(ct, &positions, &update_ty.shape))?;
    Ok([x_ct, update_ct].into_iter().chain(none(starts.len())).collect())
}

/// The cotangents of the windows added where they were read.
pub(super) fn gather(b: &Builder<'_>, spec: &GatherSpec, operands: &[Operand], ct: Value) -> Cotangents {
    let [Operand::Linear(ty), indices] = operands else { return Err(NO_RULE) };
    let &Operand::Known(indices) = indices else { return Err(POSITIONS) };
    Ok(vec![Some(b.scatter(ScatterKind::Add, emit::zero(b, ty), indices, ct, spec.dims.clone())), None])
}

/// `scatter` as far as it is linear: replacing, adding, and multiplying by known updates.
pub(super) fn scatter(
    b: &Builder<'_>,
    kind: ScatterKind,
    dims: &WindowDims,
    operands: &[Operand],
    ct: Value,
) -> Cotangents {
    let [x, indices, updates] = operands else { return Err(NO_RULE) };
    let &Operand::Known(indices) = indices else { return Err(POSITIONS) };
    let updates_ty = ty(b, updates);
    let (x_shape, shape) = (b.shape(ct), &updates_ty.shape);
    let is_empty = shape.elements() == 0;
    let read = |from: Value| b.gather(from, indices, windows_read(&x_shape, shape, dims));
    let write = |kind: ScatterKind, onto: Value, updates: Value| b.scatter(kind, onto, indices, updates, dims.clone());
    let (x_ct, updates_ct) = match kind {
        _ if is_empty => (passed(b, x, || ct)?, None),
        ScatterKind::Add => (passed(b, x, || ct)?, passed(b, updates, || read(ct))?),
        ScatterKind::Set => {
            let x_ct = passed(b, x, || write(kind, ct, emit::zero(b, &updates_ty)))?;
            let winning = |ct: Value| match wins(b, dims, &x_shape, shape, indices) {
                Some(wins) => b.select(wins, ct, emit::zero(b, &updates_ty)),
                None => ct,
            };
            (x_ct, passed(b, updates, || winning(read(ct)))?)
        }
        ScatterKind::Mul => match (x, updates) {
            (Operand::Linear(_), &Operand::Known(updates)) => (Some(write(kind, ct, updates)), None),
            _ => return Err(NotLinear("an update that depends on them is a factor")),
        },
        ScatterKind::Min | ScatterKind::Max => return Err(NO_RULE),
    };
    Ok(vec![x_ct, None, updates_ct])
}

/// Which elements of the updates are what is read afterwards at their places: of several for one place the last. `None` if each place has one
/// at most.
fn wins(b: &Builder<'_>, dims: &WindowDims, x: &Shape, updates: &Shape, indices: Value) -> Option<Value> {
    if !may_overlap(updates, dims) {
        return None;
    }
    let numbers = numbered(b, updates);
    let nothing = b.splat(&b.ty(numbers).with_shape(x.clone()), 0.0);
    let written = b.scatter(ScatterKind::Set, nothing, indices, numbers, dims.clone());
    let left = b.gather(written, indices, windows_read(x, updates, dims));
    Some(b.compare(Comparison::Eq, left, numbers))
}
