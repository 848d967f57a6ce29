//! JVP rules of sorting: the tangents move as their elements do.

use pullback_ir::op::{GatherSpec, OutOfBounds, WindowDims};
use pullback_ir::{Axes, Builder, DType, Op, Value};

use super::{MultiSite, NoRule, Tangents};

/// The tangents of sorted operands: picked at the positions that the elements had.
pub(super) fn sort(b: &Builder<'_>, axis: usize, keys: usize, descending: bool, site: &MultiSite<'_>) -> Tangents {
    let positions = match site.args.iter().position(|&arg| counts(b, arg, axis)) {
        // Sorted with the rest, which makes them the positions.
        Some(counted) => site.results[counted],
        None => {
            let compared = &site.args[..keys];
            let Some(ty) = compared.first().map(|&x| b.ty(x)) else { return Err(NoRule) };
            let counted = b.iota(ty.with_dtype(DType::I32), axis);
            let sorted = b.sort(&[compared, &[counted]].concat(), axis, keys, descending);
            *sorted.last().ok_or(NoRule)?
        }
    };
    Ok(site.tangents.iter().map(|t| t.and_then(|t| along(b, t, positions, axis))).collect())
}

/// Whether a value holds positions along the axis.
fn counts(b: &Builder<'_>, value: Value, axis: usize) -> bool {
    let function = b.function();
    let op = function.def_inst(value).map(|inst| function.op(inst));
    matches!(op, Some(Op::Iota { ty, axis: counted }) if *counted == axis && matches!(ty.dtype, DType::I32 | DType::I64))
}

/// `top_k`: the values at the positions that it returns; positions have no tangent.
pub(super) fn top_k(b: &Builder<'_>, site: &MultiSite<'_>) -> Tangents {
    let (&[t], &[_, positions]) = (site.tangents, site.results) else { return Err(NoRule) };
    let Some(axis) = b.shape(positions).rank().checked_sub(1) else { return Err(NoRule) };
    Ok(vec![t.and_then(|t| along(b, t, positions, axis)), None])
}

/// The elements of `x` at positions along an axis, which has as many as `positions` has there; other axes agree. Nothing if `x` has no elements.
fn along(b: &Builder<'_>, x: Value, positions: Value, axis: usize) -> Option<Value> {
    if b.shape(x).elements() == 0 {
        return None;
    }
    let rank = b.shape(x).rank();
    let others: Axes = (0..rank).filter(|&other| other != axis).collect();
    let dims = WindowDims {
        offset: Axes::default(),
        collapsed: [axis].into(),
        operand_batch: others.clone(),
        indices_batch: others,
        map: [axis].into(),
        vector_axis: rank,
        mode: OutOfBounds::Clamp,
    };
    Some(b.gather(x, positions, GatherSpec { dims, sizes: vec![1; rank].into() }))
}

/// The values that there are, behind one barrier.
pub(crate) fn hold(b: &Builder<'_>, values: &[Option<Value>]) -> Vec<Option<Value>> {
    let present: Vec<Value> = values.iter().flatten().copied().collect();
    let mut held = b.barrier(&present).into_iter();
    values.iter().map(|value| value.and_then(|_| held.next())).collect()
}
