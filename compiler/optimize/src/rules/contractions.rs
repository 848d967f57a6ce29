//! Rules of `reduce` and `dot`: less is accumulated, and transposes vanish into the choice of axes.
//!
//! Those that change the order of accumulation, and no more than that, rest on the tolerance of sums.

use pullback_ir::op::BroadcastSpec;
use pullback_ir::{Axes, Binary, DotDims, Literal, Op, Reduction, Scalar, Shape, Unary, Value};

use crate::rewriter::{Rewriter, Rule};
use crate::rules::constants::{identity_of_dot, identity_of_reduction};
use crate::rules::views::{broadcast_spec, emit_broadcast, is_increasing, picked, transpose_perm};

pub(crate) const REDUCE: &[Rule] = &[
    Rule { name: "reduce_over_no_axes", about: "reduce over no axes = x", apply: reduce_over_no_axes },
    Rule { name: "reduce_nothing", about: "reduce over axes of extent 0 = the identity", apply: reduce_nothing },
    Rule { name: "reduce_unit_axes", about: "reduce over axes of extent 1 = reshape", apply: reduce_unit_axes },
    Rule {
        name: "reduce_of_reduce",
        about: "reduce (reduce x) = reduce x over the axes of both",
        apply: reduce_of_reduce,
    },
    Rule {
        name: "reduce_of_broadcast",
        about: "max, min, and, or over n repetitions of x = x; their sum = x n for integers, and for floats if n = 2^k; over axes of x alone, reduce (broadcast x) = broadcast (reduce x)",
        apply: reduce_of_broadcast,
    },
    Rule { name: "reduce_of_neg", about: "sum of -x = -(sum of x)", apply: reduce_of_neg },
    Rule {
        name: "reduce_of_transpose",
        about: "reduce (transpose x) = transpose (reduce x)",
        apply: reduce_of_transpose,
    },
];

pub(crate) const DOT: &[Rule] = &[
    Rule { name: "dot_nothing", about: "dot over axes of extent 0 = 0", apply: dot_nothing },
    Rule {
        name: "dot_of_transpose",
        about: "dot (transpose x), y = dot x, y over the axes before transposition if the free axes keep their order and those of a small x stay side by side",
        apply: dot_of_transpose,
    },
    Rule {
        name: "dot_of_broadcast",
        about: "dot (broadcast x), y = broadcast (dot x, y) where x is repeated along free axes, likewise y",
        apply: dot_of_broadcast,
    },
    Rule { name: "dot_of_ones", about: "dot 1, y = sum of y over the contracted axes", apply: dot_of_ones },
];

fn reduce_axes(op: &Op) -> Option<(Reduction, &Axes)> {
    if let Op::Reduce { kind, axes } = op { Some((*kind, axes)) } else { None }
}

/// The axes of a tensor of this rank that are not among `axes`, in order.
fn others(rank: usize, axes: &[usize]) -> Vec<usize> {
    (0..rank).filter(|axis| !axes.contains(axis)).collect()
}

fn any_element(w: &Rewriter<'_>, value: Value) -> Scalar {
    Scalar::from_f64(w.dtype(value), 0.0)
}

fn reduce_over_no_axes(_: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (&[x], (_, axes)) = (args, reduce_axes(op)?) else { return None };
    axes.is_empty().then_some(x)
}

fn reduce_nothing(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (&[x], (kind, _)) = (args, reduce_axes(op)?) else { return None };
    if w.ty(x).elements() > 0 {
        return None;
    }
    let shape = w.result_type(op, args)?.shape;
    let identity = identity_of_reduction(kind, any_element(w, x))?;
    Some(w.constant(Literal::splat(identity, shape)))
}

fn reduce_unit_axes(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (&[x], (kind, axes)) = (args, reduce_axes(op)?) else { return None };
    let extents = w.extents(x);
    let longer: Vec<usize> = axes.iter().copied().filter(|&axis| extents.get(axis) != Some(&1)).collect();
    if longer.len() == axes.len() {
        return None;
    }
    let shape = w.result_type(op, args)?.shape;
    let reduced = w.reduce(kind, x, longer);
    Some(w.reshape(reduced, shape))
}

fn reduce_of_reduce(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (&[y], (kind, outer)) = (args, reduce_axes(op)?) else { return None };
    let (inner, x) = w.matching_one(y, |op| match reduce_axes(op) {
        Some((found, axes)) if found == kind => Some(axes.clone()),
        _ => None,
    })?;
    // Else the larger operand would be read twice.
    if !w.is_used_once(y) {
        return None;
    }
    let kept = others(w.ty(x).rank(), &inner);
    let mut axes = picked(&kept, outer);
    axes.extend(inner.iter());
    axes.sort_unstable();
    Some(w.reduce(kind, x, axes))
}

/// Reduces the operand of a broadcast over those axes that it has, and accounts for the repetitions.
fn reduce_of_broadcast(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (&[y], (kind, axes)) = (args, reduce_axes(op)?) else { return None };
    let (BroadcastSpec { shape, dims }, x) = w.matching_one(y, broadcast_spec)?;
    if dims.len() == shape.rank() {
        return None;
    }
    let repeated: Vec<usize> = axes.iter().copied().filter(|axis| !dims.contains(axis)).collect();
    let count: usize = repeated.iter().filter_map(|&axis| shape.extent(axis)).product();
    match kind {
        _ if repeated.is_empty() => {}
        Reduction::Max | Reduction::Min | Reduction::And | Reduction::Or => {}
        // Adding up in a balanced tree doubles the terms k times, which is exact; so is the product.
        Reduction::Add if w.dtype(x).is_integer() || count.is_power_of_two() => {}
        Reduction::Add | Reduction::Mul => return None,
    }
    let result = w.result_type(op, args)?.shape;
    let own: Vec<usize> =
        (0..dims.len()).filter(|&axis| dims.get(axis).is_some_and(|dim| axes.contains(dim))).collect();
    let kept_own = picked(&dims, &others(dims.len(), &own));
    let kept = others(shape.rank(), axes);
    let mut reduced = w.reduce(kind, x, own);
    if kind == Reduction::Add && !repeated.is_empty() {
        let factor = multiplicity(w, reduced, count);
        reduced = w.emit_binary(Binary::Mul, reduced, factor);
    }
    let new_dims = kept_own.iter().filter_map(|dim| kept.iter().position(|axis| axis == dim)).collect();
    Some(emit_broadcast(w, reduced, result, new_dims))
}

/// A constant like `value` in type that repeats `count`, modulo the wrapping of integers.
fn multiplicity(w: &mut Rewriter<'_>, value: Value, count: usize) -> Value {
    let factor = match any_element(w, value) {
        Scalar::F32(_) => Scalar::F32(count as f32),
        Scalar::F64(_) => Scalar::F64(count as f64),
        Scalar::I32(_) => Scalar::I32(count as i32),
        Scalar::I64(_) => Scalar::I64(count as i64),
        Scalar::U8(_) => Scalar::U8(count as u8),
        Scalar::Bool(_) => Scalar::Bool(count > 0),
    };
    let shape = w.ty(value).shape;
    w.splat(factor, shape)
}

/// Rounding is symmetric; the sign of a sum that is zero is free.
fn reduce_of_neg(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (&[y], (Reduction::Add, axes)) = (args, reduce_axes(op)?) else { return None };
    let x = w.unary(y, Unary::Neg)?;
    let sum = w.reduce(Reduction::Add, x, axes.to_vec());
    Some(w.emit_unary(Unary::Neg, sum))
}

fn reduce_of_transpose(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (&[y], (kind, axes)) = (args, reduce_axes(op)?) else { return None };
    let (perm, x) = w.matching_one(y, transpose_perm)?;
    let mut reduced_axes = picked(&perm, axes);
    reduced_axes.sort_unstable();
    let kept = others(perm.len(), &reduced_axes);
    let reduced = w.reduce(kind, x, reduced_axes);
    // Kept axis i of the result is axis perm[i'] of x; find it among the kept axes of x.
    let wanted = picked(&perm, &others(perm.len(), axes));
    let order: Vec<usize> =
        wanted.iter().filter_map(|axis| kept.iter().position(|kept_axis| kept_axis == axis)).collect();
    Some(if is_increasing(&order) { reduced } else { w.emit(Op::Transpose(order.into()), &[reduced]) })
}

fn dot_nothing(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let &[x, _] = args else { return None };
    let shape = w.result_type(op, args)?.shape;
    if w.ty(x).elements() > 0 || shape.elements() == 0 {
        return None;
    }
    let zero = identity_of_dot(any_element(w, x))?;
    Some(w.constant(Literal::splat(zero, shape)))
}

fn dot_of_transpose(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (&[x, y], Op::Dot(dims)) = (args, op) else { return None };
    let (left, right) = (untransposed(w, x), untransposed(w, y));
    if let Some((perm, x)) = left
        && is_increasing(&picked(&perm, &dims.lhs_free(perm.len())))
        && !scatters(w, (x, &perm, &dims.lhs_contract), (y, &dims.rhs_contract))
    {
        let lhs_batch = picked(&perm, &dims.lhs_batch).into();
        let lhs_contract = picked(&perm, &dims.lhs_contract).into();
        return Some(emit_dot(w, x, y, DotDims { lhs_batch, lhs_contract, ..(**dims).clone() }));
    }
    if let Some((perm, y)) = right
        && is_increasing(&picked(&perm, &dims.rhs_free(perm.len())))
        && !scatters(w, (y, &perm, &dims.rhs_contract), (x, &dims.lhs_contract))
    {
        let rhs_batch = picked(&perm, &dims.rhs_batch).into();
        let rhs_contract = picked(&perm, &dims.rhs_contract).into();
        return Some(emit_dot(w, x, y, DotDims { rhs_batch, rhs_contract, ..(**dims).clone() }));
    }
    None
}

/// How many times larger than a transposed operand the other one has to be for a copy of the first to cost little.
const SMALL_COPY: usize = 4;

/// Whether a small operand had better be transposed in memory: as it lies the axes to contract are apart or in another order, and with the transpose they are one axis of both
/// operands, over which a product runs at once.
fn scatters(
    w: &Rewriter<'_>,
    (x, perm, contract): (Value, &[usize], &[usize]),
    (other, others): (Value, &[usize]),
) -> bool {
    let (extents, other_extents) = (w.extents(x), w.extents(other));
    let long = |&(axis, _): &(usize, usize)| extents.get(perm[axis]) != Some(&1);
    let pairs: Vec<(usize, usize)> = contract.iter().copied().zip(others.iter().copied()).filter(long).collect();
    // Axes of one position between others move nothing.
    let is_one = |axes: &[usize], extents: &[usize]| {
        axes.windows(2).all(|pair| pair[0] < pair[1] && extents[pair[0] + 1..pair[1]].iter().all(|&extent| extent == 1))
    };
    let of = |list: Vec<usize>, extents: &[usize]| is_one(&list, extents);
    let transposed = picked(&extents, perm);
    let kept = of(pairs.iter().map(|pair| pair.0).collect(), &transposed)
        && of(pairs.iter().map(|pair| pair.1).collect(), &other_extents);
    let apart = !of(pairs.iter().map(|pair| perm[pair.0]).collect(), &extents);
    kept && apart && extents.iter().product::<usize>() * SMALL_COPY <= other_extents.iter().product()
}

/// What is the same along a free axis is contracted once.
fn dot_of_broadcast(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (&[x, y], Op::Dot(dims)) = (args, op) else { return None };
    let (left, right) = (dims.lhs_free(w.ty(x).rank()), dims.rhs_free(w.ty(y).rank()));
    let result = w.result_type(op, args)?.shape;
    let first = dims.lhs_batch.len();
    // The free axes of a side, in order, are axes of the result from `first` on.
    let kept = |first: usize, free: &[usize], repeated: &[usize]| -> Vec<usize> {
        let axes = free.iter().enumerate().filter(|(_, axis)| repeated.contains(axis));
        let gone: Vec<usize> = axes.map(|(position, _)| first + position).collect();
        others(result.rank(), &gone)
    };
    let (shorter, kept) = if let Some((repeated, part)) = unrepeated(w, x, &left) {
        let dims = DotDims {
            lhs_batch: without(&dims.lhs_batch, &repeated).into(),
            lhs_contract: without(&dims.lhs_contract, &repeated).into(),
            ..(**dims).clone()
        };
        (emit_dot(w, part, y, dims), kept(first, &left, &repeated))
    } else {
        let (repeated, part) = unrepeated(w, y, &right)?;
        let dims = DotDims {
            rhs_batch: without(&dims.rhs_batch, &repeated).into(),
            rhs_contract: without(&dims.rhs_contract, &repeated).into(),
            ..(**dims).clone()
        };
        (emit_dot(w, x, part, dims), kept(first + left.len(), &right, &repeated))
    };
    Some(emit_broadcast(w, shorter, result, kept))
}

/// Those of the axes `free` along which a value is the same, if any, and the value without them.
fn unrepeated(w: &mut Rewriter<'_>, value: Value, free: &[usize]) -> Option<(Vec<usize>, Value)> {
    let extents = w.extents(value);
    if let Some(element) = w.splat_of(value) {
        let shape = Shape::new(&picked(&extents, &others(extents.len(), free))).ok()?;
        return (!free.is_empty()).then(|| (free.to_vec(), w.splat(element, shape)));
    }
    let (BroadcastSpec { dims, .. }, x) = w.matching_one(value, broadcast_spec)?;
    let repeated: Vec<usize> = free.iter().copied().filter(|axis| !dims.contains(axis)).collect();
    if repeated.is_empty() {
        return None;
    }
    let shape = Shape::new(&picked(&extents, &others(extents.len(), &repeated))).ok()?;
    Some((repeated.clone(), emit_broadcast(w, x, shape, without(&dims, &repeated))))
}

/// The numbers of `axes`, none of which is `removed`, when those are gone.
fn without(axes: &[usize], removed: &[usize]) -> Vec<usize> {
    axes.iter().map(|&axis| axis - removed.iter().filter(|&&gone| gone < axis).count()).collect()
}

/// A product with 1 is the other factor, so its sum is a sum; the order of accumulation is free.
fn dot_of_ones(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (&[x, y], Op::Dot(dims)) = (args, op) else { return None };
    let (other, free, batch, contract) = if w.is_splat(x, 1.0) {
        (y, dims.lhs_free(w.ty(x).rank()), &dims.rhs_batch, &dims.rhs_contract)
    } else if w.is_splat(y, 1.0) {
        (x, dims.rhs_free(w.ty(y).rank()), &dims.lhs_batch, &dims.lhs_contract)
    } else {
        return None;
    };
    // The axes that are left are in the order of the dot's result.
    if !free.is_empty() || !batch.iter().copied().eq(0..batch.len()) {
        return None;
    }
    let mut axes = contract.to_vec();
    axes.sort_unstable();
    Some(w.reduce(Reduction::Add, other, axes))
}

/// The operand of a transpose that is in memory. Windows and what is reversed are not, and a contraction that needs them there has them stored in
/// the order that the transpose gives them.
fn untransposed(w: &Rewriter<'_>, value: Value) -> Option<(Axes, Value)> {
    let (perm, x) = w.matching_one(value, transpose_perm)?;
    let is_stored = w.matching_one(x, |op| matches!(op, Op::Windows(_) | Op::Reverse(_)).then_some(())).is_none();
    is_stored.then_some((perm, x))
}

fn emit_dot(w: &mut Rewriter<'_>, x: Value, y: Value, dims: DotDims) -> Value {
    w.emit(Op::Dot(Box::new(dims)), &[x, y])
}

/// Elements side by side that are worth another order of a product's result: a vector.
const SIDE_BY_SIDE: usize = 8;

/// A dot's result has batch axes, the left's free axes, the right's; a permutation that exchanges the last two groups is
/// the dot of the exchanged operands. If it only puts the left's last axis last, exchanged operands make that the last one in memory, too: whoever reads the
/// transpose then finds its elements side by side.
pub(crate) fn transpose_of_dot(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (&[product], Op::Transpose(perm)) = (args, op) else { return None };
    let (dims, operands) =
        w.matching(product, |op| if let Op::Dot(dims) = op { Some((**dims).clone()) } else { None })?;
    let &[x, y] = &operands[..] else { return None };
    // Else two products would be computed in the place of one and a transpose.
    if !w.is_used_once(product) {
        return None;
    }
    let batch = dims.lhs_batch.len();
    let left = dims.lhs_free(w.ty(x).rank()).len();
    let right = perm.len() - batch - left;
    let exchanged = |axis: usize| match axis {
        _ if axis < batch => axis,
        _ if axis < batch + left => axis + right,
        _ => axis - left,
    };
    let rest: Vec<usize> = perm.iter().map(|&axis| exchanged(axis)).collect();
    let is_gone = is_increasing(&rest);
    let is_long = perm.last().is_some_and(|&axis| w.extents(product)[axis] >= SIDE_BY_SIDE);
    let is_last = left > 0 && right > 0 && is_long && rest.last() == Some(&(rest.len() - 1));
    if !is_gone && !is_last {
        return None;
    }
    let DotDims { lhs_batch, rhs_batch, lhs_contract, rhs_contract } = dims;
    let dims =
        DotDims { lhs_batch: rhs_batch, rhs_batch: lhs_batch, lhs_contract: rhs_contract, rhs_contract: lhs_contract };
    let product = emit_dot(w, y, x, dims);
    Some(if is_gone { product } else { w.emit(Op::Transpose(rest.into()), &[product]) })
}
