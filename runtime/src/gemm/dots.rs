//! Products of few rows and a right operand whose columns are contiguous along `k`.
//!
//! Packing would cost more than multiplying, so dot kernels read the operands where they are; only a left operand whose rows are not contiguous
//! is packed. Items are ranges of columns.

use super::blocking;
use super::kernel::{DOT_COLUMNS, Dot, Kernel, Scalar};
use super::pack;
use super::problem::Problem;
use super::threads::Items;
use super::workspace::Workspace;
use crate::pool;

/// Bytes of a row or column that a kernel passes over at a time: those of a few of each stay in the first cache.
const STEP_BYTES: usize = 8 << 10;

/// Whether this is the way to compute a product.
pub(super) fn suit<T: Scalar>(kernel: &Kernel<T>, problem: &Problem<T>) -> bool {
    let &Problem { m, n, k, rhs, .. } = problem;
    m <= 2 * kernel.dots.len() && rhs.row_stride == 1 && (rhs.column_stride != 1 || n == 1) && k >= 2 * kernel.lanes
}

/// Computes a product.
///
/// # Safety
/// The matrices are valid, and the processor has the kernel's instructions.
pub(super) unsafe fn multiply<T: Scalar>(kernel: &Kernel<T>, problem: &Problem<T>, workers: usize) {
    let n = problem.n;
    let share = n.div_ceil(if workers == 1 { 1 } else { 4 * workers }).next_multiple_of(DOT_COLUMNS);
    let items = Items::default();
    // SAFETY: the caller's promises; items have no columns in common.
    pool::together(workers.min(n.div_ceil(share)), &|_| unsafe { work(kernel, problem, &items, share) });
}

/// What each worker does: claim ranges of `share` columns until there are none.
unsafe fn work<T: Scalar>(kernel: &Kernel<T>, problem: &Problem<T>, items: &Items, share: usize) {
    let &Problem { m, n, k, lhs, .. } = problem;
    let step = (STEP_BYTES / size_of::<T>()).min(k);
    let pack_lhs = lhs.column_stride != 1;
    let elements = if pack_lhs { pack::lhs_elements::<T>(m, step) } else { 0 };
    let space = Workspace::take(elements * size_of::<T>());
    loop {
        let columns = items.claim() * share;
        if columns >= n {
            return;
        }
        for from in (0..k).step_by(step) {
            let steps = step.min(k - from);
            // SAFETY: the parts are inside the matrices, the workspace has room for `m · step` elements.
            unsafe {
                let rows = lhs.from(0, from);
                let (lhs, lhs_row) = if pack_lhs {
                    let packed = pack::lhs_rows(rows, m, steps, space.start());
                    (packed.start, packed.row)
                } else {
                    (rows.start, rows.row_stride)
                };
                block(kernel, problem, (lhs, lhs_row), (from, steps), (columns, n.min(columns + share)));
            }
        }
    }
}

/// All rows times the columns of a range, over some steps along `k`.
unsafe fn block<T: Scalar>(
    kernel: &Kernel<T>,
    problem: &Problem<T>,
    (lhs, lhs_row): (*const T, isize),
    (from, steps): (usize, usize),
    (first, end): (usize, usize),
) {
    let &Problem { m, n, k, out, rhs, accumulate, .. } = problem;
    let prefetch = blocking::from_memory(n, k, size_of::<T>());
    for first in (first..end).step_by(DOT_COLUMNS) {
        let end = end.min(first + DOT_COLUMNS);
        for row in (0..m).step_by(kernel.dots.len()) {
            let dots = &kernel.dots[kernel.dots.len().min(m - row) - 1];
            let mut column = first;
            while column < end {
                let several = end - column >= dots.columns;
                // SAFETY: the parts are inside the matrices.
                unsafe {
                    let dot = Dot {
                        k: steps,
                        lhs: lhs.offset(row as isize * lhs_row),
                        lhs_row,
                        rhs: rhs.from(from, column).start,
                        rhs_column: rhs.column_stride,
                        out: out.at(row, column),
                        out_row: out.row_stride,
                        out_column: out.column_stride,
                        add: accumulate || from > 0,
                        prefetch,
                    };
                    if several { (dots.several)(&dot) } else { (dots.one)(&dot) }
                }
                column += if several { dots.columns } else { 1 };
            }
        }
    }
}
