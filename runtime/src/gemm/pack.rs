//! Copies of blocks of the operands, in the order in which the kernels read them.
//!
//! Packing puts a block into few pages and cache sets, whatever the strides of the matrix, and serves any strides. Kernels broadcast elements
//! of the left operand from anywhere, so a block of it keeps the axis contiguous that was ([`lhs`]). The right operand becomes panels as wide
//! as a tile, each contiguous along `k` ([`rhs`]).

use super::kernel::{Kernel, Scalar};
use super::problem::Matrix;

/// A cache line of padding behind each line of a block, against lines whose distance is a multiple of a cache's size.
const PADDING_BYTES: usize = 64;

/// A packed block of the left operand.
#[derive(Clone, Copy)]
pub(super) struct Lhs<T> {
    pub(super) start: *const T,
    pub(super) row: isize,
    pub(super) step: isize,
}

/// How many elements a block of the left operand may take, whichever way it is laid out.
pub(super) const fn lhs_elements<T>(rows: usize, steps: usize) -> usize {
    let padding = PADDING_BYTES / size_of::<T>();
    let (by_rows, by_steps) = (rows * (steps + padding), steps * (rows + padding));
    if by_rows > by_steps { by_rows } else { by_steps }
}

/// Copies `rows × steps` elements; lines of it lie along the axis with the smaller stride.
///
/// # Safety
/// The elements of `from` can be read, and `to` has room for [`lhs_elements`].
pub(super) unsafe fn lhs<T: Scalar>(from: Matrix<*const T>, rows: usize, steps: usize, to: *mut T) -> Lhs<T> {
    if rows == 1 || from.column_stride.unsigned_abs() <= from.row_stride.unsigned_abs() {
        // SAFETY: the caller's promises.
        unsafe { lhs_rows(from, rows, steps, to) }
    } else {
        // SAFETY: the caller's promises; this is the transposed block.
        let Lhs { start, row, step } = unsafe { lhs_rows(from.transposed(), steps, rows, to) };
        Lhs { start, row: step, step: row }
    }
}

/// Copies `rows × steps` elements so that rows are contiguous.
///
/// # Safety
/// As for [`lhs`].
pub(super) unsafe fn lhs_rows<T: Scalar>(from: Matrix<*const T>, rows: usize, steps: usize, to: *mut T) -> Lhs<T> {
    let stride = steps + PADDING_BYTES / size_of::<T>();
    for row in 0..rows {
        // SAFETY: the caller's promises.
        unsafe {
            let line = from.start.offset(row as isize * from.row_stride);
            copy(line, from.column_stride, steps, to.add(row * stride));
        }
    }
    Lhs { start: to, row: stride as isize, step: 1 }
}

/// Copies `steps × columns` elements into a panel: row `p` is at `to + p · width`.
///
/// # Safety
/// The elements of `from` can be read, and `to` has room for `steps · width`, which is at least `columns`.
pub(super) unsafe fn rhs<T: Scalar>(
    kernel: &Kernel<T>,
    from: Matrix<*const T>,
    steps: usize,
    columns: usize,
    to: *mut T,
    width: usize,
) {
    if from.row_stride == 1 && from.column_stride != 1 {
        // SAFETY: the caller's promises; the kernel is one for this processor.
        unsafe { (kernel.transpose)(from.start, from.column_stride, steps, columns, to, width) };
    } else {
        for p in 0..steps {
            // SAFETY: the caller's promises.
            unsafe {
                copy(from.start.offset(p as isize * from.row_stride), from.column_stride, columns, to.add(p * width))
            };
        }
    }
}

/// Copies a line of elements.
///
/// # Safety
/// They can be read and written.
unsafe fn copy<T: Scalar>(from: *const T, stride: isize, length: usize, to: *mut T) {
    if stride == 1 {
        // SAFETY: the caller's promises; a workspace overlaps no operand.
        unsafe { std::ptr::copy_nonoverlapping(from, to, length) };
    } else {
        for i in 0..length {
            // SAFETY: the caller's promises.
            unsafe { to.add(i).write(*from.offset(i as isize * stride)) };
        }
    }
}
