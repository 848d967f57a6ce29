//! Large contractions, as calls of the packed kernel.
//!
//! The kernel multiplies an `m × k` by a `k × n` matrix with any strides. The batch, free and contracted axes of a general contraction are each
//! collapsed as far as the operands' strides allow; the largest collapsed group becomes `m`, `n` or `k`, and loops run over the rest, so nothing
//! is ever copied or transposed in memory. Several groups of contracted axes accumulate into a result that is cleared first.

use pullback_ir::{Function, Inst, Op, Scalar};

use super::buffers::{Buffers, Location};
use super::bug;
use super::nest::Nest;
use crate::error::Error;
use crate::program::{Affine, For, Gemm, Matrix, Program, Stmt};
use crate::schedule::{Accesses, Group};

/// A collapsed group of axes with its strides in the left operand, the right operand and the result.
#[derive(Clone, Copy)]
struct Axis {
    extent: usize,
    strides: [i64; 3],
}

/// The statements of the contraction `inst`, whose operands and result are in memory.
pub(super) fn lower(
    function: &Function,
    buffers: &Buffers,
    inst: Inst,
    program: &mut Program,
) -> Result<Vec<Stmt>, Error> {
    let (Op::Dot(dims), &[lhs, rhs], &[out]) = (function.op(inst), function.args(inst), function.inst_results(inst))
    else {
        return Err(bug(function, inst, "is not a contraction"));
    };
    let in_memory =
        |value| buffers.get(value).cloned().ok_or_else(|| bug(function, inst, "an operand is not in memory"));
    let operands = [in_memory(lhs)?, in_memory(rhs)?, in_memory(out)?];
    let ty = function.ty(out);
    if ty.elements() == 0 {
        return Ok(Vec::new());
    }
    let (x, y) = (function.ty(lhs), function.ty(rhs));
    let [xs, ys, os] =
        [x, y, ty].map(|ty| ty.shape.strides().into_iter().map(|stride| stride as i64).collect::<Vec<_>>());
    let extent = |axis: usize| x.shape.extent(axis).unwrap_or(1);
    let (lhs_free, rhs_free) = (dims.lhs_free(x.rank()), dims.rhs_free(y.rank()));
    let batch = dims.lhs_batch.len();
    let pairs = dims.lhs_batch.iter().zip(dims.rhs_batch.iter()).enumerate();
    let batch_axes = pairs.map(|(i, (&a, &b))| Axis { extent: extent(a), strides: [xs[a], ys[b], os[i]] }).collect();
    let m_axes = lhs_free.iter().enumerate();
    let m_axes = m_axes.map(|(i, &a)| Axis { extent: extent(a), strides: [xs[a], 0, os[batch + i]] }).collect();
    let n_axes = rhs_free.iter().enumerate().map(|(i, &b)| Axis {
        extent: y.shape.extent(b).unwrap_or(1),
        strides: [0, ys[b], os[batch + lhs_free.len() + i]],
    });
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
    let accumulate = !k_loops.is_empty();
    if accumulate {
        stmts.extend(clear(&operands[2], ty.elements(), program));
        loops.extend(k_loops);
    }
    let call = Call { operands, dtype: ty.dtype, m, n, k };
    stmts.push(call.nested(&loops, accumulate, program));
    Ok(stmts)
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
            rhs: matrix(1, rhs, k, n),
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

/// A loop that stores 0 everywhere.
fn clear(location: &Location, elements: usize, program: &mut Program) -> Vec<Stmt> {
    let mut nest = Nest::new(program);
    let zero = nest.constant(Scalar::from_f64(program.buffers[location.buffer].dtype, 0.0));
    let (index, _) = nest.open(elements, 1, &[]);
    nest.store(location, Affine::counter(index), zero);
    nest.close(&[]);
    nest.finish(program)
}
