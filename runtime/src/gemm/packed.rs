//! A right operand that is packed once and multiplied by many times, in memory of the caller.
//!
//! Generated code that computes a product row tile by row tile, with work of its own between, would otherwise have the right operand packed for every
//! tile. It packs it by [`pullback_pack_f32`] and hands the copy to [`pullback_gemm_packed_f32`]; likewise for `f64`.
//!
//! What the caller knows of the layout: columns are packed in strips of [`PACKED_WIDTH`], one after the other, and a strip takes `k · PACKED_WIDTH`
//! elements, also the last one, which may have fewer columns. So a copy has [`packed_elements`]`(k, n)` elements, and a strip is packed by itself: columns
//! from `c` on, where `c` is a multiple of [`PACKED_WIDTH`], are packed to element `k · c` by a call with `from` at column `c` and `n` the number of columns that are
//! to be packed. Calls for different strips may be made at the same time. In the same way columns from `c` on are multiplied alone.
//!
//! What only this module knows: a strip has the blocks of `k` one after the other, each as panels of the width of this processor's tiles, which
//! divides that of a strip; a panel has its rows one after the other. Columns that do not exist are neither written nor read.
//!
//! Order of summation: the blocks of `k` are those of a product that packs its right operand itself, so the bits are the same. Of products with few
//! rows and a large right operand, or one that lies contiguous along `k`, that is not said: they are computed in other ways.

use super::kernel::{Kernel, Scalar};
use super::problem::{Matrix, Problem};
use super::{best, blocking, pack, tiles, workers};

/// Columns of a packed right operand are padded to a multiple of this.
pub const PACKED_WIDTH: usize = 64;

/// The symbol of [`pullback_pack_f32`].
pub const PACK_F32: &str = "pullback_pack_f32";

/// The symbol of [`pullback_pack_f64`].
pub const PACK_F64: &str = "pullback_pack_f64";

/// The symbol of [`pullback_gemm_packed_f32`].
pub const GEMM_PACKED_F32: &str = "pullback_gemm_packed_f32";

/// The symbol of [`pullback_gemm_packed_f64`].
pub const GEMM_PACKED_F64: &str = "pullback_gemm_packed_f64";

/// The elements of a packed right operand of `k` rows and `n` columns; `usize::MAX` where there is no such number.
#[must_use]
pub const fn packed_elements(k: usize, n: usize) -> usize {
    match n.checked_next_multiple_of(PACKED_WIDTH) {
        Some(columns) => k.saturating_mul(columns),
        None => usize::MAX,
    }
}

/// Panels of a right operand, in strips of columns: those of a whole operand, or of the part that a product has packed for itself.
#[derive(Clone, Copy)]
pub(super) struct Panels<T> {
    pub(super) start: *mut T,
    /// Columns of a strip; a multiple of the width of a tile.
    pub(super) width: usize,
    /// Elements of a strip.
    pub(super) strip: usize,
}

impl<T> Panels<T> {
    /// Where the panel with a column begins, for the block of `steps` steps along `k` that begins at `step`.
    ///
    /// # Safety
    /// The column is the first of a panel, and the block is one of the operand.
    pub(super) unsafe fn at(&self, step: usize, column: usize, steps: usize) -> *mut T {
        let (strip, column) = (column / self.width, column % self.width);
        // SAFETY: a strip has `self.width` elements for each of the steps before, and the panels before have `column` for each of these.
        unsafe { self.start.add(strip * self.strip + step * self.width + column * steps) }
    }
}

/// The panels of a right operand of `k` rows, packed by [`pack()`].
pub(super) fn panels<T>(start: *mut T, k: usize) -> Panels<T> {
    Panels { start, width: PACKED_WIDTH, strip: k * PACKED_WIDTH }
}

/// Packs a right operand of `k` rows and `n` columns.
///
/// # Safety
/// The matrix is valid, `to` has room for [`packed_elements`] and overlaps nothing of it; the processor has the kernel's instructions.
pub(super) unsafe fn pack<T: Scalar>(kernel: &Kernel<T>, k: usize, n: usize, from: Matrix<*const T>, to: *mut T) {
    let (width, _) = kernel.large();
    // With no rows there are no blocks, of whatever size.
    let block = blocking::k_block(k.max(1));
    let panels = panels(to, k);
    // Strip by strip, so that rows of some length are read and pages are left early.
    for strip in (0..n).step_by(PACKED_WIDTH) {
        for step in (0..k).step_by(block) {
            let steps = block.min(k - step);
            for column in (strip..n.min(strip + PACKED_WIDTH)).step_by(width) {
                // SAFETY: the part is inside the matrix, and its place inside the copy.
                unsafe {
                    let panel = panels.at(step, column, steps);
                    pack::rhs(kernel, from.from(step, column), steps, width.min(n - column), panel, width);
                }
            }
        }
    }
}

/// Computes a product whose right operand is packed; `problem.rhs` is where, its strides do not matter.
///
/// # Safety
/// The matrices are valid, and the processor has the kernel's instructions.
pub(super) unsafe fn multiply<T: Scalar>(kernel: &Kernel<T>, problem: &Problem<T>, workers: usize) {
    // SAFETY: the caller's promises.
    unsafe {
        match (problem.m.min(problem.n), problem.k) {
            (0, _) => {}
            (_, 0) => problem.clear(),
            _ => tiles::multiply_packed(kernel, problem, workers),
        }
    }
}

macro_rules! kernels {
    ($pack:ident, $gemm:ident, $ty:ty) => {
        #[doc = concat!("Packs a right operand of `", stringify!($ty), "`, of `k` rows and `n` columns, into `to`.")]
        ///
        /// Strides are in elements, from one row to the next and from one column to the next. The copy serves this process only, and memory aligned to a cache
        /// line best. See the [module](self) for packing some of the columns.
        ///
        /// # Safety
        /// Every element of the matrix is inside memory valid for reading and initialised. `to` is valid for writing
        /// [`packed_elements`]`(k, n)` elements, none of which is one of the matrix.
        pub unsafe extern "C" fn $pack(
            k: usize,
            n: usize,
            from: *const $ty,
            row_stride: isize,
            column_stride: isize,
            to: *mut $ty,
        ) {
            // SAFETY: the caller vouches for the memory; the kernel is one for this processor.
            unsafe { pack(best::<$ty>(), k, n, Matrix { start: from, row_stride, column_stride }, to) };
        }

        #[doc = concat!("The product of `", stringify!($ty), "` with a right operand packed by [`", stringify!($pack), "`]: ")]
        /// `out` is `m × n`, `lhs` `m × k`, `packed` `k × n`.
        ///
        /// Strides are in elements, `_rs` from one row to the next and `_cs` from one column to the next. `accumulate` is 0 or 1.
        /// `threads` is how many threads may be used, 0 for as many as the machine runs at once.
        ///
        /// # Safety
        /// Every element of `out` and `lhs` is inside memory valid for reading (for writing in the case of `out`), `out`
        /// overlaps neither operand and no two of its elements are at one place, and `lhs` is initialised; so is
        /// `out` if `accumulate` is not 0. `packed` was packed with the same `k`, in all of the `n` columns.
        #[allow(clippy::too_many_arguments, reason = "a flat list is what generated code passes most easily")]
        pub unsafe extern "C" fn $gemm(
            m: usize,
            n: usize,
            k: usize,
            out: *mut $ty,
            out_rs: isize,
            out_cs: isize,
            lhs: *const $ty,
            lhs_rs: isize,
            lhs_cs: isize,
            packed: *const $ty,
            accumulate: usize,
            threads: usize,
        ) {
            let problem = Problem {
                m,
                n,
                k,
                out: Matrix { start: out, row_stride: out_rs, column_stride: out_cs },
                lhs: Matrix { start: lhs, row_stride: lhs_rs, column_stride: lhs_cs },
                rhs: Matrix { start: packed, row_stride: 0, column_stride: 0 },
                accumulate: accumulate != 0,
            };
            // SAFETY: the caller vouches for the matrices; the kernel is one for this processor.
            unsafe { multiply(best::<$ty>(), &problem, workers(m, n, k, threads)) };
        }
    };
}

kernels!(pullback_pack_f32, pullback_gemm_packed_f32, f32);
kernels!(pullback_pack_f64, pullback_gemm_packed_f64, f64);
