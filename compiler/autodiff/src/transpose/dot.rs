//! Transposes of products.

use pullback_ir::{Axes, Builder, DotDims, Value};

use super::moves::inverse;
use super::{Cotangents, NotLinear, Operand};

/// Each operand from the other.
pub(super) fn dot(b: &Builder<'_>, dims: &DotDims, operands: &[Operand], ct: Value) -> Cotangents {
    match operands {
        [Operand::Linear(x), Operand::Known(y)] => {
            let x = Side { batch: &dims.lhs_batch, contract: &dims.lhs_contract, free: dims.lhs_free(x.rank()) };
            let free = dims.rhs_free(b.shape(*y).rank());
            let y_side = Side { batch: &dims.rhs_batch, contract: &dims.rhs_contract, free };
            Ok(vec![Some(dot_side(b, &x, (*y, &y_side), ct, true)), None])
        }
        [Operand::Known(x), Operand::Linear(y)] => {
            let y = Side { batch: &dims.rhs_batch, contract: &dims.rhs_contract, free: dims.rhs_free(y.rank()) };
            let free = dims.lhs_free(b.shape(*x).rank());
            let x_side = Side { batch: &dims.lhs_batch, contract: &dims.lhs_contract, free };
            Ok(vec![None, Some(dot_side(b, &y, (*x, &x_side), ct, false))])
        }
        _ => Err(NotLinear("both factors depend on them")),
    }
}

/// The axes of one operand of a product.
struct Side<'a> {
    batch: &'a Axes,
    contract: &'a Axes,
    free: Vec<usize>,
}

/// The cotangent of the operand with axes `side`: `ct` times the other operand over the other's free axes. For
/// Y = XW these are G W^T and X^T G. Of the two orders of operands the one that needs no transpose is taken.
fn dot_side(b: &Builder<'_>, side: &Side<'_>, other: (Value, &Side<'_>), ct: Value, is_left: bool) -> Value {
    let (other, other_side) = other;
    let batches = side.batch.len();
    // The result's axes are batch, free of the left, free of the right.
    let other_start = if is_left { batches + side.free.len() } else { batches };
    let ct_batch: Axes = (0..batches).collect();
    let ct_contract: Axes = (other_start..other_start + other_side.free.len()).collect();
    let other_contract: Axes = other_side.free.clone().into();
    // Free axes keep their order within their operand, so the other's contracted ones come out sorted.
    let mut pairs: Vec<(usize, usize)> =
        other_side.contract.iter().copied().zip(side.contract.iter().copied()).collect();
    pairs.sort_unstable();
    let contracted = pairs.iter().map(|&(_, axis)| axis);
    let batch = side.batch.iter().copied();
    let ct_first: Vec<usize> = batch.clone().chain(side.free.iter().copied()).chain(contracted.clone()).collect();
    let other_first: Vec<usize> = batch.chain(contracted).chain(side.free.iter().copied()).collect();
    let in_order = |axes: &[usize]| axes.is_sorted();
    if in_order(&other_first) && !(is_left && in_order(&ct_first)) {
        let dims = DotDims {
            lhs_batch: other_side.batch.clone(),
            rhs_batch: ct_batch,
            lhs_contract: other_contract,
            rhs_contract: ct_contract,
        };
        return b.dot(other, ct, dims);
    }
    let dims = DotDims {
        lhs_batch: ct_batch,
        rhs_batch: other_side.batch.clone(),
        lhs_contract: ct_contract,
        rhs_contract: other_contract,
    };
    b.transpose(b.dot(ct, other, dims), inverse(&ct_first))
}
