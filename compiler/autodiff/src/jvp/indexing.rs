//! JVP rules of the operations that read or write at positions known at run time.
//!
//! Positions have no tangents. Reading is linear, and so are replacing and adding; a product needs the other factors of
//! each element, an extremum its ties.

use pullback_ir::op::{GatherSpec, ScatterKind, WindowDims};
use pullback_ir::{Builder, Comparison, DType, Op, Shape, Type, Value};

use super::recurrence::{Line, Step, solve};
use super::{NoRule, Site, Tangent};
use crate::emit;

/// The operation on the tangent of its first operand, at the same positions.
pub(super) fn read(b: &Builder<'_>, op: &Op, site: &Site<'_>) -> Tangent {
    let Some(t) = site.tangents.first().copied().flatten() else { return Err(NoRule) };
    let args: Vec<Value> = std::iter::once(t).chain(site.args[1..].iter().copied()).collect();
    Ok(Some(b.emit(op.clone(), &args)))
}

/// `dynamic_update_slice`, linear in what is updated and the update together.
pub(super) fn update(b: &Builder<'_>, site: &Site<'_>) -> Tangent {
    let [_, _, starts @ ..] = site.args else { return Err(NoRule) };
    Ok(Some(b.dynamic_update_slice(site.tangent_or_zero(b, 0), site.tangent_or_zero(b, 1), starts)))
}

/// `scatter` of any kind.
pub(super) fn scatter(b: &Builder<'_>, kind: ScatterKind, dims: &WindowDims, site: &Site<'_>) -> Tangent {
    let [x, indices, updates] = site.operands()?;
    let [x_t, _, updates_t] = site.tangents()?;
    if b.shape(updates).elements() == 0 {
        return Ok(x_t);
    }
    let on = |kind: ScatterKind, x: Value, updates: Value| b.scatter(kind, x, indices, updates, dims.clone());
    let tangent = match (kind, updates_t) {
        (ScatterKind::Set, _) => Some(on(kind, site.tangent_or_zero(b, 0), site.tangent_or_zero(b, 2))),
        (ScatterKind::Add, None) => x_t,
        (ScatterKind::Add, Some(updates_t)) => Some(on(kind, site.tangent_or_zero(b, 0), updates_t)),
        (ScatterKind::Mul, _) => {
            let from_x = x_t.map(|x_t| on(kind, x_t, updates));
            match updates_t {
                None => from_x,
                Some(updates_t) => {
                    let part = b.mul(updates_t, other_factors(b, dims, [x, indices, updates]));
                    let onto = from_x.unwrap_or_else(|| emit::zero(b, &b.ty(x)));
                    Some(on(ScatterKind::Add, onto, part))
                }
            }
        }
        (ScatterKind::Min | ScatterKind::Max, _) => Some(extremum(b, dims, site, updates_t)?),
    };
    Ok(tangent)
}

/// The windows that a scatter writes, as a gather that reads them.
pub(crate) fn windows_read(x: &Shape, updates: &Shape, dims: &WindowDims) -> GatherSpec {
    let mut window = dims.offset.iter().filter_map(|&axis| updates.extent(axis));
    let left_out = |axis: &usize| dims.collapsed.contains(axis) || dims.operand_batch.contains(axis);
    let sizes = (0..x.rank()).map(|axis| if left_out(&axis) { 1 } else { window.next().unwrap_or(1) });
    GatherSpec { dims: dims.clone(), sizes: sizes.collect() }
}

/// Whether a position may be written more than once: there is more than one window.
pub(crate) fn may_overlap(updates: &Shape, dims: &WindowDims) -> bool {
    let batch = (0..updates.rank()).filter(|axis| !dims.offset.contains(axis));
    batch.filter_map(|axis| updates.extent(axis)).product::<usize>() > 1
}

/// The numbers 1, 2, … in row-major order, in a shape.
pub(crate) fn numbered(b: &Builder<'_>, shape: &Shape) -> Value {
    let line = b.reshape(counted(b, shape.elements()), shape);
    b.add(line, b.splat_like(line, 1.0))
}

/// The numbers 0, 1, … below `count`.
fn counted(b: &Builder<'_>, count: usize) -> Value {
    let dtype = if i32::try_from(count).is_ok() { DType::I32 } else { DType::I64 };
    match Type::new(dtype, &[count]) {
        Ok(ty) => b.iota(ty, 0),
        Err(error) => b.fail("iota", error.to_string()),
    }
}

/// The mean of the tangents of the element and the updates that equal the result.
fn extremum(b: &Builder<'_>, dims: &WindowDims, site: &Site<'_>, updates_t: Option<Value>) -> Result<Value, NoRule> {
    let [x, indices, updates] = site.operands()?;
    let z = site.result;
    let spec = windows_read(&b.shape(x), &b.shape(updates), dims);
    let tied_x = b.compare(Comparison::Eq, x, z);
    let tied_updates = b.compare(Comparison::Eq, updates, b.gather(z, indices, spec));
    let added = |x: Value, updates: Value| b.scatter(ScatterKind::Add, x, indices, updates, dims.clone());
    let dtype = b.ty(x).dtype;
    let count = added(b.convert(tied_x, dtype), b.convert(tied_updates, dtype));
    let of_x = match site.tangents[0] {
        Some(x_t) => b.select(tied_x, x_t, emit::zero(b, &b.ty(x))),
        None => emit::zero(b, &b.ty(x)),
    };
    let total = match updates_t {
        Some(t) => added(of_x, b.select(tied_updates, t, emit::zero(b, &b.ty(updates)))),
        None => of_x,
    };
    Ok(b.div(total, count))
}

/// For each update of a product the product of all other factors at its position: the operand's element and the other
/// updates there. No division, so zeros are exact.
///
/// Updates sorted by the position they are for form a run per position; in it the factors before and behind each are
/// running products.
fn other_factors(b: &Builder<'_>, dims: &WindowDims, [x, indices, updates]: [Value; 3]) -> Value {
    let (x_shape, shape) = (b.shape(x), b.shape(updates));
    let spec = windows_read(&x_shape, &shape, dims);
    let element = b.gather(x, indices, spec.clone());
    if !may_overlap(&shape, dims) {
        return element;
    }
    let order = counted(b, shape.elements());
    let flat = b.shape(order);
    // A window that is dropped reads 0, which is no position's number.
    let targets = b.reshape(b.gather(numbered(b, &x_shape), indices, spec), &flat);
    let sorted = b.sort(&[targets, b.reshape(updates, &flat), order], 0, 1, false);
    let &[targets, factors, order] = &sorted[..] else { return element };
    let before = run_products(b, targets, factors, false);
    let behind = run_products(b, targets, factors, true);
    let others = b.sort(&[order, b.mul(before, behind)], 0, 1, false);
    let &[_, others] = &others[..] else { return element };
    b.mul(b.reshape(others, &shape), element)
}

/// In each run of equal `targets`, the product of the factors before each one; behind it, if `reverse`.
fn run_products(b: &Builder<'_>, targets: Value, factors: Value, reverse: bool) -> Value {
    let line = Line { axis: 0, reverse };
    let others = b.shape(targets).elements() - 1;
    let continues = b.compare(Comparison::Eq, line.late(b, targets, others), line.early(b, targets, others));
    let begin = {
        let ty = b.ty(factors);
        let continued = line.delayed(b, b.convert(continues, ty.dtype), 1, 0.0);
        b.sub(b.splat(&ty, 1.0), continued)
    };
    let step = Step { keep: Some(continues), scale: Some(line.early(b, factors, others)) };
    solve(b, line, step, begin)
}
