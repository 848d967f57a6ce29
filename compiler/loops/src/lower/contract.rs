//! Large contractions, as calls of the packed kernel.
//!
//! The kernel multiplies an `m × k` by a `k × n` matrix with any strides. The batch, free and contracted axes of a general contraction are each
//! collapsed as far as the operands' strides allow; the largest collapsed group becomes `m`, `n` or `k`, and loops run over the rest, so nothing
//! is ever copied or transposed in memory. Several groups of contracted axes accumulate into a result that is cleared first.

use std::collections::BTreeMap;

use pullback_ir::{DotDims, Function, Inst, Op, Scalar, Value};
use pullback_optimize::fuse::is_unit_reshape;

use super::buffers::{Buffers, Location};
use super::bug;
use super::nest::Nest;
use super::tiles::{Block, CutAxis};
use crate::error::Error;
use crate::program::{Affine, For, Gemm, Matrix, Program, Rhs, Stmt};
use crate::schedule::{Accesses, Group};

/// A collapsed group of axes with its strides in the left operand, the right operand and the result.
#[derive(Clone, Copy)]
struct Axis {
    extent: usize,
    strides: [i64; 3],
}

/// The statements of the contraction `inst`, whose result is in memory, and whose operands are or are slices of what is.
pub(super) fn lower(
    function: &Function,
    buffers: &Buffers,
    inst: Inst,
    block: Option<&Block<'_>>,
    program: &mut Program,
) -> Result<Vec<Stmt>, Error> {
    let (Op::Dot(dims), &[lhs, rhs], &[out]) = (function.op(inst), function.args(inst), function.inst_results(inst))
    else {
        return Err(bug(function, inst, "is not a contraction"));
    };
    let in_memory =
        |value| place_of(function, buffers, value).ok_or_else(|| bug(function, inst, "an operand is not in memory"));
    let [(x_place, xs), (y_place, ys), (out_place, os)] = [in_memory(lhs)?, in_memory(rhs)?, in_memory(out)?];
    let mut operands = [x_place, y_place, out_place];
    let total = block.and_then(|block| block.totals.get(&out));
    if let Some(total) = total {
        operands[2] = total.location.clone();
    }
    let ty = function.ty(out);
    if ty.elements() == 0 {
        return Ok(Vec::new());
    }
    let (x, y) = (function.ty(lhs), function.ty(rhs));
    let (x_cuts, y_cuts) = cuts(dims, x.rank(), y.rank(), block);
    for (location, cuts, strides) in [(0, &x_cuts, &xs), (1, &y_cuts, &ys)] {
        for (&axis, cut) in cuts {
            operands[location].offset = operands[location].offset.plus(&cut.start, strides[axis]);
        }
    }
    for (axis, cut) in block.into_iter().flat_map(Block::axes) {
        operands[2].offset = operands[2].offset.plus(&cut.start, os[axis]);
    }
    let extent = |axis: usize| x_cuts.get(&axis).map_or_else(|| x.shape.extent(axis).unwrap_or(1), |cut| cut.extent);
    let y_extent = |axis: usize| y_cuts.get(&axis).map_or_else(|| y.shape.extent(axis).unwrap_or(1), |cut| cut.extent);
    let (lhs_free, rhs_free) = (dims.lhs_free(x.rank()), dims.rhs_free(y.rank()));
    let batch = dims.lhs_batch.len();
    let pairs = dims.lhs_batch.iter().zip(dims.rhs_batch.iter()).enumerate();
    let batch_axes = pairs.map(|(i, (&a, &b))| Axis { extent: extent(a), strides: [xs[a], ys[b], os[i]] }).collect();
    let m_axes = lhs_free.iter().enumerate();
    let m_axes = m_axes.map(|(i, &a)| Axis { extent: extent(a), strides: [xs[a], 0, os[batch + i]] }).collect();
    let n_axes = rhs_free
        .iter()
        .enumerate()
        .map(|(i, &b)| Axis { extent: y_extent(b), strides: [0, ys[b], os[batch + lhs_free.len() + i]] });
    let n_axes = n_axes.collect();
    let contract = dims.lhs_contract.iter().zip(dims.rhs_contract.iter());
    let mut k_axes: Vec<Axis> =
        contract.map(|(&a, &b)| Axis { extent: extent(a), strides: [xs[a], ys[b], 0] }).collect();
    k_axes.sort_by_key(|axis| std::cmp::Reverse(axis.strides[0]));
    let (m, mut loops) = largest(m_axes);
    let (n, more) = largest(n_axes);
    loops.extend(more);
    loops.extend(collapse(batch_axes));
    let (k, k_loops) = largest(k_axes);
    let mut stmts = Vec::new();
    if !k_loops.is_empty() && total.is_none() {
        let axes: Vec<Axis> = loops.iter().copied().chain([m, n]).collect();
        stmts.extend(clear(&operands[2], &axes, program));
    }
    let accumulate = !k_loops.is_empty() || total.is_some();
    loops.extend(k_loops);
    let call = Call { operands, dtype: ty.dtype, m, n, k };
    stmts.push(call.nested(&loops, accumulate, program));
    Ok(stmts)
}

/// Where the elements of a value are and how far its axes move: those of what it is slices of, if it is not in memory itself.
fn place_of(function: &Function, buffers: &Buffers, value: Value) -> Option<(Location, Vec<i64>)> {
    if let Some(location) = buffers.get(value) {
        return Some((location.clone(), buffers.strides(function, value)));
    }
    let inst = function.def_inst(value)?;
    let &operand = function.args(inst).first()?;
    let (mut location, mut strides) = place_of(function, buffers, operand)?;
    match function.op(inst) {
        Op::Slice(spec) => {
            for (axis, stride) in strides.iter_mut().enumerate() {
                location.offset = location.offset.plus_constant(spec.start[axis] as i64 * *stride);
                *stride *= spec.stride[axis] as i64;
            }
            Some((location, strides))
        }
        Op::Reshape(shape) if is_unit_reshape(&function.ty(operand).shape, shape) => {
            let extents = function.ty(operand).shape.extents();
            let mut long = extents.iter().zip(&strides).filter(|(extent, _)| **extent != 1).map(|(_, &stride)| stride);
            let strides = shape.extents().into_iter().map(|extent| if extent == 1 { Some(0) } else { long.next() });
            Some((location, strides.collect::<Option<_>>()?))
        }
        _ => None,
    }
}

struct Call {
    operands: [Location; 3],
    dtype: pullback_ir::DType,
    m: Axis,
    n: Axis,
    k: Axis,
}

impl Call {
    /// The call inside loops over the remaining axes, outermost first.
    fn nested(&self, loops: &[Axis], accumulate: bool, program: &mut Program) -> Stmt {
        let mut places = self.operands.each_ref().map(|location| location.offset.clone());
        let mut counters = Vec::new();
        for axis in loops {
            let index = program.index();
            counters.push((index, axis.extent));
            for (place, &stride) in places.iter_mut().zip(&axis.strides) {
                *place = place.plus(&Affine::counter(index), stride);
            }
        }
        let [lhs, rhs, out] = places;
        let (m, n, k) = (self.m, self.n, self.k);
        let matrix = |which: usize, index: Affine, rows: Axis, columns: Axis| Matrix {
            buffer: self.operands[which].buffer,
            index,
            row_stride: rows.strides[which],
            column_stride: columns.strides[which],
        };
        let gemm = Gemm {
            dtype: self.dtype,
            m: m.extent,
            n: n.extent,
            k: k.extent,
            out: matrix(2, out, m, n),
            lhs: matrix(0, lhs, m, k),
            rhs: Rhs::Matrix(matrix(1, rhs, k, n)),
            accumulate,
        };
        counters.into_iter().rev().fold(Stmt::Gemm(Box::new(gemm)), |body, (index, extent)| {
            Stmt::For(Box::new(For { index, extent: extent as i64, step: 1, carried: Vec::new(), body: vec![body] }))
        })
    }
}

/// Adjacent axes merged where every operand moves over them as over one.
fn collapse(axes: Vec<Axis>) -> Vec<Axis> {
    let extents = axes.iter().map(|axis| axis.extent).collect();
    let strides = (0..3).map(|operand| axes.iter().map(|axis| axis.strides[operand]).collect()).collect();
    let groups = Accesses { extents, strides }.collapse();
    groups.into_iter().map(|Group { last_axis, extent }| Axis { extent, strides: axes[last_axis].strides }).collect()
}

/// The largest merged axis, and the others.
fn largest(axes: Vec<Axis>) -> (Axis, Vec<Axis>) {
    let mut merged = collapse(axes);
    let position = (0..merged.len()).max_by_key(|&position| merged[position].extent);
    match position {
        Some(position) => {
            let axis = merged.remove(position);
            (axis, merged)
        }
        None => (Axis { extent: 1, strides: [1, 1, 1] }, Vec::new()),
    }
}

/// Loops that store 0 everywhere.
fn clear(location: &Location, axes: &[Axis], program: &mut Program) -> Vec<Stmt> {
    let mut nest = Nest::new(program);
    let zero = nest.constant(Scalar::from_f64(program.buffers[location.buffer].dtype, 0.0));
    let mut index = Affine::default();
    for axis in axes {
        let (counter, _) = nest.open(axis.extent, 1, &[]);
        index = index.plus(&Affine::counter(counter), axis.strides[2]);
    }
    nest.store(location, index, zero);
    for _ in axes {
        nest.close(&[]);
    }
    nest.finish(program)
}

/// The blocks of the operands' axes that a tile is, for the left and for the right operand.
fn cuts(
    dims: &DotDims,
    x_rank: usize,
    y_rank: usize,
    block: Option<&Block<'_>>,
) -> (BTreeMap<usize, CutAxis>, BTreeMap<usize, CutAxis>) {
    let (mut x_cuts, mut y_cuts) = (BTreeMap::new(), BTreeMap::new());
    let (x_free, y_free) = (dims.lhs_free(x_rank), dims.rhs_free(y_rank));
    let batch = dims.lhs_batch.len();
    for (axis, cut) in block.into_iter().flat_map(Block::axes) {
        if axis < batch {
            x_cuts.insert(dims.lhs_batch[axis], cut.clone());
            y_cuts.insert(dims.rhs_batch[axis], cut);
        } else if let Some(&left) = x_free.get(axis - batch) {
            x_cuts.insert(left, cut);
        } else if let Some(&right) = y_free.get(axis - batch - x_free.len()) {
            y_cuts.insert(right, cut);
        }
    }
    for cut in block.and_then(Block::folded).into_iter().flatten() {
        if let (Some(&left), Some(&right)) = (dims.lhs_contract.get(cut.number), dims.rhs_contract.get(cut.number)) {
            x_cuts.insert(left, cut.clone());
            y_cuts.insert(right, cut);
        }
    }
    (x_cuts, y_cuts)
}
