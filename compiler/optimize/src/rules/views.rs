//! Rules of `broadcast`, `reshape`, `transpose` and `reverse`: two in a row become one, those that move nothing vanish,
//! elements are moved before they are repeated, and what is repeated is computed before.

use pullback_ir::op::BroadcastSpec;
use pullback_ir::{Axes, Op, Shape, Value};

use crate::rewriter::{Rewriter, Rule};

pub(crate) const BROADCAST: &[Rule] = &[
    Rule {
        name: "broadcast_nothing",
        about: "broadcast that only adds axes of extent 1 = reshape",
        apply: broadcast_nothing,
    },
    Rule {
        name: "broadcast_of_broadcast",
        about: "broadcast (broadcast x) = broadcast x",
        apply: broadcast_of_broadcast,
    },
    Rule {
        name: "broadcast_of_unit_axes",
        about: "broadcast (reshape x) = broadcast x if the reshape only adds axes of extent 1",
        apply: broadcast_of_unit_axes,
    },
];

pub(crate) const RESHAPE: &[Rule] = &[
    Rule { name: "reshape_nothing", about: "reshape to the shape that x has = x", apply: reshape_nothing },
    Rule { name: "reshape_of_reshape", about: "reshape (reshape x) = reshape x", apply: reshape_of_reshape },
    Rule {
        name: "reshape_of_broadcast_scalar",
        about: "reshape (broadcast x) = broadcast x if x has one element",
        apply: reshape_of_broadcast_scalar,
    },
    Rule {
        name: "reshape_of_pad",
        about: "reshape (pad x, v) = pad (reshape x), v if the reshape only adds or removes axes of extent 1",
        apply: super::pieces::reshape_of_pad,
    },
];

pub(crate) const TRANSPOSE: &[Rule] = &[
    Rule {
        name: "transpose_of_transpose",
        about: "transpose (transpose x) = transpose x",
        apply: transpose_of_transpose,
    },
    Rule {
        name: "transpose_nothing",
        about: "transpose that only moves axes of extent 1 = reshape",
        apply: transpose_nothing,
    },
    Rule {
        name: "transpose_of_broadcast",
        about: "transpose (broadcast x) = broadcast (transpose x)",
        apply: transpose_of_broadcast,
    },
    Rule {
        name: "transpose_of_pad",
        about: "transpose (pad x, v) = pad (transpose x), v",
        apply: super::pieces::transpose_of_pad,
    },
    Rule {
        name: "transpose_of_dot",
        about: "transpose (dot x, y) = dot y, x if the permutation exchanges their free axes; transpose of that if it puts the last one of x last",
        apply: super::contractions::transpose_of_dot,
    },
];

pub(crate) const REVERSE: &[Rule] = &[
    Rule { name: "reverse_nothing", about: "reverse along axes of extent 1 = x", apply: reverse_nothing },
    Rule { name: "reverse_of_reverse", about: "reverse (reverse x) along one axis = x", apply: reverse_of_reverse },
];

pub(crate) const ELEMENTWISE: &[Rule] = &[Rule {
    name: "elementwise_of_broadcast",
    about: "f(broadcast x, broadcast y, c) = broadcast f(x, y, c) for operands repeated alike and constants of one element",
    apply: elementwise_of_broadcast,
}];

pub(crate) fn broadcast_spec(op: &Op) -> Option<BroadcastSpec> {
    if let Op::Broadcast(spec) = op { Some((**spec).clone()) } else { None }
}

/// Emits a broadcast, simplified; the value itself if nothing changes.
pub(crate) fn emit_broadcast(w: &mut Rewriter<'_>, x: Value, shape: Shape, dims: Vec<usize>) -> Value {
    if w.ty(x).shape == shape {
        return x;
    }
    w.emit(Op::Broadcast(Box::new(BroadcastSpec { shape, dims: dims.into() })), &[x])
}

pub(crate) fn transpose_perm(op: &Op) -> Option<Axes> {
    if let Op::Transpose(perm) = op { Some(perm.clone()) } else { None }
}

/// Where each axis goes: the inverse of "result axis `i` is operand axis `perm[i]`".
pub(crate) fn inverse(perm: &[usize]) -> Vec<usize> {
    let mut inverse = vec![0; perm.len()];
    for (to, &from) in perm.iter().enumerate() {
        if let Some(slot) = inverse.get_mut(from) {
            *slot = to;
        }
    }
    inverse
}

/// Picks the entries at `positions`.
pub(crate) fn picked(list: &[usize], positions: &[usize]) -> Vec<usize> {
    positions.iter().filter_map(|&position| list.get(position).copied()).collect()
}

pub(crate) fn is_increasing(list: &[usize]) -> bool {
    list.windows(2).all(|pair| pair[0] < pair[1])
}

fn broadcast_nothing(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (&[x], Op::Broadcast(spec)) = (args, op) else { return None };
    (w.ty(x).elements() == spec.shape.elements()).then(|| w.reshape(x, spec.shape.clone()))
}

fn broadcast_of_broadcast(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (&[y], Op::Broadcast(outer)) = (args, op) else { return None };
    let (inner, x) = w.matching_one(y, broadcast_spec)?;
    let dims = picked(&outer.dims, &inner.dims);
    Some(emit_broadcast(w, x, outer.shape.clone(), dims))
}

fn broadcast_of_unit_axes(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (&[y], Op::Broadcast(spec)) = (args, op) else { return None };
    let ((), x) = w.matching_one(y, |op| matches!(op, Op::Reshape(_)).then_some(()))?;
    let kept = embedding(&w.extents(x), &w.extents(y))?;
    let dims = picked(&spec.dims, &kept);
    Some(emit_broadcast(w, x, spec.shape.clone(), dims))
}

/// For each axis of `small` the axis of `large` it becomes, if `large` is `small` with axes of extent 1 put in.
fn embedding(small: &[usize], large: &[usize]) -> Option<Vec<usize>> {
    let mut kept = Vec::with_capacity(small.len());
    for (position, &extent) in large.iter().enumerate() {
        if small.get(kept.len()) == Some(&extent) {
            kept.push(position);
        } else if extent != 1 {
            return None;
        }
    }
    (kept.len() == small.len()).then_some(kept)
}

/// What is the same along an axis is computed once.
fn elementwise_of_broadcast(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (spec, first) = args.iter().find_map(|&arg| w.matching_one(arg, broadcast_spec))?;
    let shape = w.ty(first).shape;
    let mut operands = Vec::with_capacity(args.len());
    for &arg in args {
        operands.push(match (w.splat_of(arg), w.matching_one(arg, broadcast_spec)) {
            (Some(element), _) => w.splat(element, shape.clone()),
            (None, Some((other, x))) if other.dims == spec.dims && w.ty(x).shape == shape => x,
            (None, _) => return None,
        });
    }
    let x = w.emit(op.clone(), &operands);
    Some(emit_broadcast(w, x, spec.shape, spec.dims.to_vec()))
}

fn reshape_nothing(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (&[x], Op::Reshape(shape)) = (args, op) else { return None };
    (w.ty(x).shape == **shape).then_some(x)
}

fn reshape_of_reshape(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (&[y], Op::Reshape(shape)) = (args, op) else { return None };
    let ((), x) = w.matching_one(y, |op| matches!(op, Op::Reshape(_)).then_some(()))?;
    Some(w.reshape(x, (**shape).clone()))
}

fn reshape_of_broadcast_scalar(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (&[y], Op::Reshape(shape)) = (args, op) else { return None };
    let ((), x) = w.matching_one(y, |op| matches!(op, Op::Broadcast(_)).then_some(()))?;
    if w.ty(x).elements() != 1 {
        return None;
    }
    let scalar = w.reshape(x, Shape::scalar());
    Some(emit_broadcast(w, scalar, (**shape).clone(), Vec::new()))
}

fn transpose_of_transpose(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (&[y], Op::Transpose(outer)) = (args, op) else { return None };
    let (inner, x) = w.matching_one(y, transpose_perm)?;
    let perm = picked(&inner, outer);
    Some(w.emit(Op::Transpose(perm.into()), &[x]))
}

fn transpose_nothing(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (&[x], Op::Transpose(perm)) = (args, op) else { return None };
    let extents = w.extents(x);
    let moved: Vec<usize> = perm.iter().copied().filter(|&axis| extents.get(axis) != Some(&1)).collect();
    if !is_increasing(&moved) {
        return None;
    }
    let shape = Shape::new(&picked(&extents, perm)).ok()?;
    Some(w.reshape(x, shape))
}

fn transpose_of_broadcast(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (&[y], Op::Transpose(perm)) = (args, op) else { return None };
    let (spec, x) = w.matching_one(y, broadcast_spec)?;
    // Operand axis i ends up at dims[i]; the operand is transposed so that these increase.
    let dims = picked(&inverse(perm), &spec.dims);
    let mut order: Vec<usize> = (0..dims.len()).collect();
    order.sort_by_key(|&axis| dims.get(axis));
    let shape = Shape::new(&picked(&spec.shape.extents(), perm)).ok()?;
    let dims = picked(&dims, &order);
    let x = if is_increasing(&order) { x } else { w.emit(Op::Transpose(order.into()), &[x]) };
    Some(emit_broadcast(w, x, shape, dims))
}

fn reverse_nothing(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (&[x], Op::Reverse(axes)) = (args, op) else { return None };
    let extents = w.extents(x);
    let longer: Vec<usize> = axes.iter().copied().filter(|&axis| extents.get(axis) != Some(&1)).collect();
    if longer.is_empty() {
        return Some(x);
    }
    (longer.len() < axes.len()).then(|| w.emit(Op::Reverse(longer.into()), &[x]))
}

fn reverse_of_reverse(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (&[y], Op::Reverse(outer)) = (args, op) else { return None };
    let (inner, x) = w.matching_one(y, |op| if let Op::Reverse(axes) = op { Some(axes.clone()) } else { None })?;
    let mut once: Vec<usize> = outer.iter().copied().filter(|axis| !inner.contains(axis)).collect();
    once.extend(inner.iter().copied().filter(|axis| !outer.contains(axis)));
    once.sort_unstable();
    Some(w.emit(Op::Reverse(once.into()), &[x]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inverse_of_a_permutation_undoes_it() {
        let perm = [2, 0, 3, 1];
        assert_eq!(picked(&perm, &inverse(&perm)), [0, 1, 2, 3]);
    }
}
