//! The matrix-product kernels that generated code calls.
//!
//! `out = lhs · rhs`, or `out += lhs · rhs`, with any strides.
//!
//! - When not accumulating `out` is not read, so NaNs in it do not matter; with `k = 0` it becomes zero.
//! - How: the operands are cut into blocks that fit the caches (`blocking`), packed where they do not lie well (`pack`) and multiplied tile by
//!   tile in registers (`kernel`), with the instructions that the processor turns out to have (`avx512`, `avx2`,
//!   `portable`). Small operands are used where they are. `tiles` has the loops; products of a few rows may go another way (`dots`).
//!   A right operand that serves many products can be packed once ([`packed`]).
//! - Order: the order of summation depends on the shape, the strides and the processor, not on the number of threads, so the result has the same
//!   bits for any number. `kernel` says why.
//! - Threads: one below [`PARALLEL_WORK`] multiplications and inside an item of parallel work, else what the caller says, of the
//!   [`pool`]. `threads` says how they share the work.
//! - Memory: packed blocks are in memory that each thread keeps (`workspace`), a few MiB at most whatever the matrices' size. The first
//!   product of its kind on a thread allocates it, later ones allocate nothing; the pool's threads have it from the start.
//! - Failure: a program that has a large product starts the threads when it is compiled ([`start_threads`]), so that a machine without
//!   threads to give is an error then. If memory for packing runs out the process ends, as it does wherever Rust allocates: the
//!   kernels cannot unwind into generated code.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod blocking;
mod dots;
mod kernel;
mod pack;
pub mod packed;
mod portable;
mod problem;
mod threads;
mod tiles;
mod workspace;

#[cfg(test)]
mod tests;

use kernel::{Kernel, Scalar};
use problem::{Matrix, Problem};

use crate::pool;

pub(crate) use workspace::reserve as reserve_workspace;

/// The number of multiplications from which on threads are used: about 40 µs of work for one core, several times what
/// waking another costs.
pub const PARALLEL_WORK: usize = 1 << 21;

/// The symbol of [`pb_gemm_f32`].
pub const GEMM_F32: &str = "pb_gemm_f32";

/// The symbol of [`pb_gemm_f64`].
pub const GEMM_F64: &str = "pb_gemm_f64";

/// The symbols of the kernels, and their addresses in this process.
#[must_use]
pub fn symbols() -> [(&'static str, *const u8); 6] {
    [
        (GEMM_F32, pb_gemm_f32 as *const u8),
        (GEMM_F64, pb_gemm_f64 as *const u8),
        (packed::PACK_F32, packed::pullback_pack_f32 as *const u8),
        (packed::PACK_F64, packed::pullback_pack_f64 as *const u8),
        (packed::GEMM_PACKED_F32, packed::pullback_gemm_packed_f32 as *const u8),
        (packed::GEMM_PACKED_F64, packed::pullback_gemm_packed_f64 as *const u8),
    ]
}

/// Starts the threads of the [`pool`] that a product of this size would use, unless they run already.
///
/// # Errors
/// If a thread could not be started, in words; then and from then on.
pub fn start_threads(m: usize, n: usize, k: usize, threads: usize) -> Result<(), String> {
    pool::start(if is_large(m, n, k) { threads } else { 1 })
}

/// Whether a product is worth more than one thread.
fn is_large(m: usize, n: usize, k: usize) -> bool {
    m.saturating_mul(n).saturating_mul(k) >= PARALLEL_WORK
}

/// How many threads may work on a product for which the caller allows `threads`, where 0 are all of the machine.
fn workers(m: usize, n: usize, k: usize, threads: usize) -> usize {
    if is_large(m, n, k) && !pool::is_worker() { pool::workers(threads) } else { 1 }
}

macro_rules! kernel {
    ($name:ident, $ty:ty) => {
        #[doc = concat!("The kernel for `", stringify!($ty), "`: `out` is `m × n`, `lhs` `m × k`, `rhs` `k × n`.")]
        ///
        /// Strides are in elements, `_rs` from one row to the next and `_cs` from one column to the next. `accumulate` is 0 or 1.
        /// `threads` is how many threads may be used, 0 for as many as the machine runs at once.
        ///
        /// # Safety
        /// Every element of the three matrices is inside memory valid for reading (for writing in the case of `out`), `out`
        /// overlaps neither operand and no two of its elements are at one place, and both operands are initialised; so is
        /// `out` if `accumulate` is not 0.
        #[allow(clippy::too_many_arguments, reason = "a flat list is what generated code passes most easily")]
        pub unsafe extern "C" fn $name(
            m: usize,
            n: usize,
            k: usize,
            out: *mut $ty,
            out_rs: isize,
            out_cs: isize,
            lhs: *const $ty,
            lhs_rs: isize,
            lhs_cs: isize,
            rhs: *const $ty,
            rhs_rs: isize,
            rhs_cs: isize,
            accumulate: usize,
            threads: usize,
        ) {
            let problem = Problem {
                m,
                n,
                k,
                out: Matrix { start: out, row_stride: out_rs, column_stride: out_cs },
                lhs: Matrix { start: lhs, row_stride: lhs_rs, column_stride: lhs_cs },
                rhs: Matrix { start: rhs, row_stride: rhs_rs, column_stride: rhs_cs },
                accumulate: accumulate != 0,
            };
            let workers = workers(m, n, k, threads);
            // SAFETY: the caller vouches for the matrices; the kernel is one for this processor.
            unsafe { multiply(best::<$ty>(), problem, workers) };
        }
    };
}

kernel!(pb_gemm_f32, f32);
kernel!(pb_gemm_f64, f64);

/// Computes a product with a kernel.
///
/// # Safety
/// The matrices are valid, and the processor has the kernel's instructions.
unsafe fn multiply<T: Scalar>(kernel: &Kernel<T>, problem: Problem<T>, workers: usize) {
    let problem = problem.oriented(kernel.lanes);
    // SAFETY: the caller's promises.
    unsafe {
        match (problem.m.min(problem.n), problem.k) {
            (0, _) => {}
            (_, 0) => problem.clear(),
            _ if dots::suit(kernel, &problem) => dots::multiply(kernel, &problem, workers),
            _ => tiles::multiply(kernel, &problem, workers),
        }
    }
}

/// The instructions that products are computed with in this process: `avx512`, `avx2` or `portable`.
#[must_use]
pub fn kernel_name() -> &'static str {
    best::<f32>().name
}

/// The fastest kernel that this processor can run.
fn best<T: Scalar>() -> &'static Kernel<T> {
    T::kernels().next().unwrap_or(T::PORTABLE)
}

macro_rules! scalar {
    ($ty:ty, $kernel:ident) => {
        impl Scalar for $ty {
            const PORTABLE: &'static Kernel<Self> = &portable::$kernel;

            fn kernels() -> impl Iterator<Item = &'static Kernel<Self>> {
                #[cfg(target_arch = "x86_64")]
                let special =
                    [avx512::available().then_some(&avx512::$kernel), avx2::available().then_some(&avx2::$kernel)];
                #[cfg(not(target_arch = "x86_64"))]
                let special = [None; 0];
                special.into_iter().flatten().chain([Self::PORTABLE])
            }
        }
    };
}

scalar!(f32, F32);
scalar!(f64, F64);
