//! How an operation carries one axis from its operands to its result: what makes it possible to compute it a block of positions at a time.

use pullback_ir::op::DotDims;
use pullback_ir::{Function, Inst, Op, Reduction, Shape};
use smallvec::{SmallVec, smallvec};

/// The streamed axis of each operand of an operation, none where an operand is read as a whole, and of its result.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Way {
    pub(super) operands: SmallVec<[Option<usize>; 3]>,
    pub(super) result: Outcome,
}

/// What becomes of the streamed axis.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    /// It is this axis of the result.
    Axis(usize),
    /// The result combines all blocks.
    Folded(Reduction),
}

/// The way of an operation whose operand `index` has the streamed axis at `axis`; `None` if it cannot be done block by block.
pub(super) fn from_operand(function: &Function, inst: Inst, index: usize, axis: usize) -> Option<Way> {
    let args = function.args(inst);
    let shape = |index: usize| args.get(index).map(|&arg| &function.ty(arg).shape);
    match function.op(inst) {
        op if op.is_elementwise() => of_result(function, inst, axis),
        Op::Broadcast(spec) => of_result(function, inst, *spec.dims.get(axis)?),
        Op::Transpose(perm) => of_result(function, inst, perm.iter().position(|&from| from == axis)?),
        Op::Reshape(to) => of_result(function, inst, reshaped(shape(0)?, to, axis)?),
        Op::Reduce { kind, axes } => match axes.contains(&axis) {
            true => Some(Way { operands: smallvec![Some(axis)], result: Outcome::Folded(*kind) }),
            false => of_result(function, inst, axis - axes.iter().filter(|&&folded| folded < axis).count()),
        },
        Op::Dot(dims) => {
            let (own, other) = match index {
                0 => (&dims.lhs_contract, &dims.rhs_contract),
                _ => (&dims.rhs_contract, &dims.lhs_contract),
            };
            if let Some(at) = own.iter().position(|&contracted| contracted == axis) {
                let paired = Some(*other.get(at)?);
                let operands = if index == 0 { smallvec![Some(axis), paired] } else { smallvec![paired, Some(axis)] };
                return Some(Way { operands, result: Outcome::Folded(Reduction::Add) });
            }
            let order = Order::of(dims, shape(0)?.rank(), shape(1)?.rank());
            of_result(function, inst, order.result_axis(index, axis)?)
        }
        _ => None,
    }
}

/// The way of an operation that computes a block of positions along an axis of its result; `None` if it does not work block by block.
pub(super) fn of_result(function: &Function, inst: Inst, axis: usize) -> Option<Way> {
    let args = function.args(inst);
    let rank = |index: usize| args.get(index).map(|&arg| function.ty(arg).rank());
    let operands: SmallVec<[Option<usize>; 3]> = match function.op(inst) {
        Op::Bitcast(_) => return None,
        op if op.is_elementwise() => args.iter().map(|_| Some(axis)).collect(),
        Op::Constant(literal) if literal.as_splat().is_some() => smallvec![],
        Op::Iota { ty, .. } if ty.dtype.is_integer() => smallvec![],
        Op::Broadcast(spec) => smallvec![spec.dims.iter().position(|&to| to == axis)],
        Op::Transpose(perm) => smallvec![Some(*perm.get(axis)?)],
        Op::Reshape(to) => smallvec![Some(reshaped(to, &function.ty(*args.first()?).shape, axis)?)],
        Op::Reduce { axes, .. } => {
            let kept = (0..rank(0)?).filter(|from| !axes.contains(from)).nth(axis)?;
            smallvec![Some(kept)]
        }
        Op::Dot(dims) => {
            let order = Order::of(dims, rank(0)?, rank(1)?);
            smallvec![order.lhs.get(axis).copied().flatten(), order.rhs.get(axis).copied().flatten()]
        }
        _ => return None,
    };
    Some(Way { operands, result: Outcome::Axis(axis) })
}

/// The axis of `to` that an axis of `from` is, if a reshape between them leaves its positions alone.
fn reshaped(from: &Shape, to: &Shape, axis: usize) -> Option<usize> {
    let (from, to) = (from.extents(), to.extents());
    let before: usize = from.get(..axis)?.iter().product();
    (0..to.len()).find(|&at| to[at] == from[axis] && to[..at].iter().product::<usize>() == before)
}

/// For each axis of a product's result the axes of the operands that it is.
pub(super) struct Order {
    pub(super) lhs: Vec<Option<usize>>,
    pub(super) rhs: Vec<Option<usize>>,
}

impl Order {
    pub(super) fn of(dims: &DotDims, lhs_rank: usize, rhs_rank: usize) -> Self {
        let (lhs_free, rhs_free) = (dims.lhs_free(lhs_rank), dims.rhs_free(rhs_rank));
        let some = |axes: &[usize]| axes.iter().map(|&axis| Some(axis)).collect::<Vec<_>>();
        let lhs = [some(&dims.lhs_batch), some(&lhs_free), vec![None; rhs_free.len()]].concat();
        let rhs = [some(&dims.rhs_batch), vec![None; lhs_free.len()], some(&rhs_free)].concat();
        Self { lhs, rhs }
    }

    /// The axis of the result that is this axis of operand 0 or 1.
    pub(super) fn result_axis(&self, operand: usize, axis: usize) -> Option<usize> {
        let axes = if operand == 0 { &self.lhs } else { &self.rhs };
        axes.iter().position(|&found| found == Some(axis))
    }
}
