//! Totals of softmax numerators: what lets a softmax be computed in one run over the blocks of its rows, and its backward pass in another.
//!
//! A *numerator* is `e = exp(t - max t)`, the maximum taken along the streamed axis. Three identities of real numbers keep runs apart that would wait for each other:
//!
//! - A total of `e · f`, of any `f` that is known, is a total from the first block on: where the maximum `m` found so far grows to `m'`, the totals so far are multiplied by
//!   `exp(m - m')` (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018).
//! - A factor that is the same along a row moves behind its total, so that `Σ (e / l) f` does not wait for `l = Σ e`.
//! - `Σ_c e_c (x · y_c) = x · Σ_c e_c y_c`: the mean of the adjoints of a row, which the backward pass subtracts, comes from the result of the forward pass (Dao and others,
//!   "FlashAttention", 2022).
//!
//! Since `0 <= e <= 1` and `l >= 1`, a total that is divided late is at most the number of its terms times as large as the largest of them: close to the end of a type's range it
//! overflows where a mean would not.

use pullback_ir::op::{Axes, DotDims};
use pullback_ir::{Binary, Function, Inst, Op, Reduction, Scalar, Unary, Value};

use super::cluster::Cluster;
use super::ways::{Order, Outcome};

/// Factors of one product, at most: longer ones are left as they are.
const MAX_FACTORS: usize = 16;

/// `exp(t - broadcast(max t))`.
#[derive(Clone, Debug)]
pub(super) struct Numerator {
    /// The maximum, an exit.
    pub(super) max: Inst,
    pub(super) t: Value,
    /// The axes of `t` that the maximum has.
    pub(super) dims: Axes,
}

/// A factor that is the same along the streamed axis: axis `i` of the value is axis `dims[i]` of the product.
#[derive(Clone, Debug)]
pub(super) struct RowFactor {
    pub(super) value: Value,
    pub(super) dims: Axes,
    pub(super) divides: bool,
}

/// A product as its factors.
#[derive(Clone, Debug, Default)]
pub(super) struct Factors {
    /// Those that vary along the streamed axis.
    pub(super) cores: Vec<Value>,
    pub(super) rows: Vec<RowFactor>,
    pub(super) constants: Vec<Scalar>,
    pub(super) negative: bool,
}

/// A total over the streamed axis that is linear in a numerator.
#[derive(Clone, Debug)]
pub(super) struct Linear {
    pub(super) numerator: Value,
    pub(super) parts: Numerator,
    /// Which operand of the reduction or product the numerator is in.
    pub(super) operand: usize,
    pub(super) factors: Factors,
    /// The axis of the result that each axis of that operand is; the folded ones are none.
    pub(super) kept: Vec<Option<usize>>,
}

impl Linear {
    /// The axes of the result that these axes of the operand are.
    pub(super) fn kept_axes(&self, axes: &Axes) -> Axes {
        axes.iter().filter_map(|&axis| self.kept.get(axis).copied().flatten()).collect()
    }
}

/// How a total follows from another one: the sum, over `axes`, of that times `x` with its axes in the order `perm`.
#[derive(Clone, Debug)]
pub(super) struct Reassociated {
    pub(super) base: Inst,
    pub(super) x: Value,
    pub(super) perm: Vec<usize>,
    pub(super) axes: Vec<usize>,
}

/// The numerator that a value of the cluster is.
pub(super) fn numerator(function: &Function, cluster: &Cluster, value: Value) -> Option<Numerator> {
    let axis = cluster.axis[value]?;
    let operands = |value: Value, op: &Op| {
        let inst = function.def_inst(value).filter(|&inst| function.op(inst) == op)?;
        Some(function.args(inst))
    };
    let &[difference] = operands(value, &Op::Unary(Unary::Exp))? else { return None };
    let &[t, spread] = operands(difference, &Op::Binary(Binary::Sub))? else { return None };
    let spread = function.def_inst(spread)?;
    let Op::Broadcast(spec) = function.op(spread) else { return None };
    let max = function.def_inst(*function.args(spread).first()?)?;
    let Op::Reduce { kind: Reduction::Max, axes } = function.op(max) else { return None };
    // Axis by axis the position in `t` of what is broadcast.
    let kept = (0..function.ty(t).rank()).filter(|axis| !axes.contains(axis));
    let is_own = axes[..] == [axis] && function.args(max) == [t] && kept.eq(spec.dims.iter().copied());
    (is_own && cluster.exits.contains(max)).then(|| Numerator { max, t, dims: spec.dims.clone() })
}

/// An exit as a total that is linear in a numerator.
pub(super) fn linear(function: &Function, cluster: &Cluster, exit: Inst) -> Option<Linear> {
    let way = cluster.ways[exit].as_ref()?;
    (way.result == Outcome::Folded(Reduction::Add)).then_some(())?;
    let args = function.args(exit);
    let mut found = None;
    for (operand, &value) in args.iter().enumerate().filter(|&(index, _)| cluster.is_member(function, exit, index)) {
        let mut factors = Factors::default();
        collect(function, cluster, value, &mut factors)?;
        let parts = |&core: &Value| Some((core, numerator(function, cluster, core)?));
        let mut numerators = factors.cores.iter().filter_map(parts);
        match (numerators.next(), numerators.next()) {
            (None, _) => {}
            (Some((numerator, parts)), None) if found.is_none() => {
                let kept = kept(function, exit, operand, function.ty(value).rank())?;
                found = Some(Linear { numerator, parts, operand, factors, kept });
            }
            _ => return None,
        }
    }
    let found = found?;
    let is_kept = |axis: &usize| found.kept.get(*axis).copied().flatten().is_some();
    let rows = found.factors.rows.iter().map(|row| &row.dims).chain([&found.parts.dims]);
    let in_order = |dims: &Axes| {
        let places: Vec<Option<usize>> = dims.iter().map(|axis| found.kept.get(*axis).copied().flatten()).collect();
        dims.iter().all(is_kept) && places.is_sorted()
    };
    let axis = cluster.axis[found.numerator]?;
    let divides_well = |row: &RowFactor| !row.divides || is_sum(function, row.value, (found.numerator, axis));
    (rows.into_iter().all(in_order) && found.factors.rows.iter().all(divides_well)).then_some(found)
}

/// Whether a value is the sum of a numerator along the streamed axis, which is at least 1.
fn is_sum(function: &Function, value: Value, (numerator, axis): (Value, usize)) -> bool {
    let Some(inst) = function.def_inst(value) else { return false };
    matches!(function.op(inst), Op::Reduce { kind: Reduction::Add, axes } if axes[..] == [axis])
        && function.args(inst) == [numerator]
}

/// The axis of the result of a reduction or product for each axis of an operand.
fn kept(function: &Function, inst: Inst, operand: usize, rank: usize) -> Option<Vec<Option<usize>>> {
    match function.op(inst) {
        Op::Reduce { axes, .. } => {
            let folded_before = |axis: usize| axes.iter().filter(|&&folded| folded < axis).count();
            let place = |axis: usize| (!axes.contains(&axis)).then(|| axis - folded_before(axis));
            Some((0..rank).map(place).collect())
        }
        Op::Dot(dims) => {
            let &[lhs, rhs] = function.args(inst) else { return None };
            let order = Order::of(dims, function.ty(lhs).rank(), function.ty(rhs).rank());
            Some((0..rank).map(|axis| order.result_axis(operand, axis)).collect())
        }
        _ => None,
    }
}

/// Takes a value of the cluster apart into factors.
fn collect(function: &Function, cluster: &Cluster, value: Value, factors: &mut Factors) -> Option<()> {
    let mut work = vec![value];
    while let Some(value) = work.pop() {
        if factors.cores.len() + factors.rows.len() + work.len() > MAX_FACTORS {
            return None;
        }
        let inst = function.def_inst(value).filter(|_| cluster.axis[value].is_some());
        let Some(inst) = inst else {
            factors.cores.push(value);
            continue;
        };
        match (function.op(inst), function.args(inst)) {
            (Op::Unary(Unary::Neg), &[x]) => {
                factors.negative ^= true;
                work.push(x);
            }
            (Op::Binary(Binary::Mul), &[x, y]) => work.extend([x, y]),
            (Op::Binary(Binary::Div), &[x, y]) => match row(function, cluster, y, true) {
                Some(row) => {
                    factors.rows.push(row);
                    work.push(x);
                }
                None => factors.cores.push(value),
            },
            (Op::Constant(literal), _) => match literal.as_splat() {
                Some(element) => factors.constants.push(element),
                None => factors.cores.push(value),
            },
            _ => match row(function, cluster, value, false) {
                Some(row) => factors.rows.push(row),
                None => factors.cores.push(value),
            },
        }
    }
    Some(())
}

/// A value that repeats along the streamed axis.
fn row(function: &Function, cluster: &Cluster, value: Value, divides: bool) -> Option<RowFactor> {
    let inst = function.def_inst(value)?;
    let (Op::Broadcast(spec), &[x]) = (function.op(inst), function.args(inst)) else { return None };
    let axis = cluster.axis[value]?;
    (!spec.dims.contains(&axis)).then(|| RowFactor { value: x, dims: spec.dims.clone(), divides })
}

/// A total that follows from an earlier one by `Σ_c e_c (x · y_c) = x · Σ_c e_c y_c`.
pub(super) fn reassociated(
    function: &Function,
    cluster: &Cluster,
    exit: Inst,
    linear: &Linear,
    earlier: &[(Inst, Linear)],
) -> Option<Reassociated> {
    let Op::Reduce { axes, .. } = function.op(exit) else { return None };
    let axis = cluster.axis[linear.numerator]?;
    (axes[..] == [axis]).then_some(())?;
    linear.factors.cores.iter().enumerate().find_map(|(place, &core)| {
        let product = function.def_inst(core)?;
        let (Op::Dot(dims), &[lhs, rhs]) = (function.op(product), function.args(product)) else { return None };
        let operands = &cluster.ways[product].as_ref()?.operands;
        let mut rest = linear.factors.cores.clone();
        rest.remove(place);
        rest.sort_unstable();
        let (x, y, y_axis) = match operands[..] {
            [None, Some(y_axis)] => (0, rhs, y_axis),
            [Some(y_axis), None] => (1, lhs, y_axis),
            _ => return None,
        };
        let x_value = if x == 0 { lhs } else { rhs };
        let (x_rank, y_rank) = (function.ty(x_value).rank(), function.ty(y).rank());
        let product = Product { dims, x, x_rank, y_axis, y_rank };
        earlier.iter().find_map(|(base, total)| {
            let mut cores = total.factors.cores.clone();
            cores.sort_unstable();
            let same = cores == rest && function.args(*base).get(1 - total.operand) == Some(&y);
            let Op::Dot(base_dims) = function.op(*base) else { return None };
            let (perm, axes) = product.aligned(base_dims, total.operand).filter(|_| same)?;
            Some(Reassociated { base: *base, x: x_value, perm, axes })
        })
    })
}

/// A product of `x` with `y`, along one free axis of `y`.
struct Product<'a> {
    dims: &'a DotDims,
    /// Which operand `x` is.
    x: usize,
    x_rank: usize,
    y_axis: usize,
    y_rank: usize,
}

impl Product<'_> {
    /// How the axes of `x` are permuted to be those of the total `Σ_c e_c y_c`, a product with these dimensions whose operand `e` has the axes of this product, and
    /// which of those are to be summed then.
    fn aligned(&self, total: &DotDims, e: usize) -> Option<(Vec<usize>, Vec<usize>)> {
        let dims = self.dims;
        let (x_batch, x_contract, y_batch, y_contract) = match self.x {
            0 => (&dims.lhs_batch, &dims.lhs_contract, &dims.rhs_batch, &dims.rhs_contract),
            _ => (&dims.rhs_batch, &dims.rhs_contract, &dims.lhs_batch, &dims.lhs_contract),
        };
        let (e_batch, e_contract, total_batch, total_contract) = match e {
            0 => (&total.lhs_batch, &total.lhs_contract, &total.rhs_batch, &total.rhs_contract),
            _ => (&total.rhs_batch, &total.rhs_contract, &total.lhs_batch, &total.lhs_contract),
        };
        let free = |rank: usize, batch: &Axes, contract: &Axes| {
            (0..rank).filter(|axis| !batch.contains(axis) && !contract.contains(axis)).collect::<Vec<_>>()
        };
        let (x_free, y_free) = (free(self.x_rank, x_batch, x_contract), free(self.y_rank, y_batch, y_contract));
        let batches = x_batch.len();
        // The product's axes: the batch, then the free axes of the left operand, then those of the right.
        let streamed = if self.x == 0 { batches + x_free.len() } else { batches };
        let agrees = y_free == [self.y_axis]
            && total_contract[..] == [self.y_axis]
            && e_contract[..] == [streamed]
            && e_batch.iter().copied().eq(0..batches)
            && total_batch == y_batch;
        agrees.then_some(())?;
        let mut inner = y_contract.to_vec();
        inner.sort_unstable();
        let inner: Vec<usize> = inner
            .iter()
            .map(|axis| y_contract.iter().position(|found| found == axis).and_then(|at| x_contract.get(at).copied()))
            .collect::<Option<_>>()?;
        let (perm, first) = match e {
            0 => ([&x_batch[..], &x_free, &inner].concat(), batches + x_free.len()),
            _ => ([&x_batch[..], &inner, &x_free].concat(), batches),
        };
        Some((perm, (first..first + inner.len()).collect()))
    }
}
