//! The matrix-product kernels that generated code calls.
//!
//! `out = lhs · rhs`, or `out += lhs · rhs`, with any strides, over the `gemm` crate, which packs its operands and picks its
//! micro-kernels by the processor it finds itself on.
//!
//! - When not accumulating `out` is not read, so NaNs in it do not matter; with `k = 0` it becomes zero.
//! - Threads: one below [`PARALLEL_WORK`] multiplications, else what the caller says. The blocks of the sum over `k` depend on
//!   the shape alone, so the result has the same bits for any number of threads.
//! - Memory: the `gemm` crate allocates, per call, its packing buffer (up to the size of the second-level cache) and a list of
//!   flags, and frees them on return. Products with `k ≤ 2`, of a matrix and a vector with unit strides, and of up to 256 results whose operands
//!   are both contiguous along `k` need neither. This is the one exception to "a call allocates nothing".

//! - Failure: a program that has a large product starts rayon's pool when it is compiled ([`start_threads`]), so that a machine without
//!   threads to give is an error then. If memory for packing runs out the process ends, as it does wherever Rust allocates: the
//!   kernels cannot unwind into generated code.

use std::error::Error;
use std::sync::OnceLock;

use gemm::Parallelism;

/// The number of multiplications from which on threads are used: about 40 µs of work for one core, several times what
/// waking another costs.
pub const PARALLEL_WORK: usize = 1 << 21;

/// The symbol of [`pb_gemm_f32`].
pub const GEMM_F32: &str = "pb_gemm_f32";

/// The symbol of [`pb_gemm_f64`].
pub const GEMM_F64: &str = "pb_gemm_f64";

/// The symbols of the kernels, and their addresses in this process.
#[must_use]
pub fn symbols() -> [(&'static str, *const u8); 2] {
    [(GEMM_F32, pb_gemm_f32 as *const u8), (GEMM_F64, pb_gemm_f64 as *const u8)]
}

/// Starts rayon's global pool if a product of this size would use it, unless it runs already. A program that wants a pool with settings of its
/// own builds it before it compiles.
///
/// # Errors
/// If the threads could not be started, in words; then and from then on.
pub fn start_threads(m: usize, n: usize, k: usize, threads: usize) -> Result<(), String> {
    static STARTED: OnceLock<Result<(), String>> = OnceLock::new();
    match parallelism(m, n, k, threads) {
        Parallelism::None => Ok(()),
        Parallelism::Rayon(_) => STARTED.get_or_init(start_pool).clone(),
    }
}

fn start_pool() -> Result<(), String> {
    match rayon::ThreadPoolBuilder::new().build_global() {
        Ok(()) => Ok(()),
        // Without a cause the pool was there before.
        Err(error) => match error.source() {
            None => Ok(()),
            Some(cause) => Err(format!("the threads for matrix products could not be started: {cause}")),
        },
    }
}

fn parallelism(m: usize, n: usize, k: usize, threads: usize) -> Parallelism {
    let work = m.saturating_mul(n).saturating_mul(k);
    if threads == 1 || work < PARALLEL_WORK { Parallelism::None } else { Parallelism::Rayon(threads) }
}

macro_rules! kernel {
    ($name:ident, $ty:ty) => {
        #[doc = concat!("The kernel for `", stringify!($ty), "`: `out` is `m × n`, `lhs` `m × k`, `rhs` `k × n`.")]
        ///
        /// Strides are in elements, `_rs` from one row to the next and `_cs` from one column to the next. `accumulate` is 0 or 1.
        /// `threads` is how many threads may be used, 0 for all of rayon's pool.
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
            let accumulate = accumulate != 0;
            let parallelism = parallelism(m, n, k, threads);
            // SAFETY: the caller vouches for the matrices. The factor of `out` is not used unless `read_dst`.
            unsafe {
                gemm::gemm::<$ty>(
                    m,
                    n,
                    k,
                    out,
                    out_cs,
                    out_rs,
                    accumulate,
                    lhs,
                    lhs_cs,
                    lhs_rs,
                    rhs,
                    rhs_cs,
                    rhs_rs,
                    if accumulate { 1.0 } else { 0.0 },
                    1.0,
                    false,
                    false,
                    false,
                    parallelism,
                );
            }
        }
    };
}

kernel!(pb_gemm_f32, f32);
kernel!(pb_gemm_f64, f64);

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(rows: usize, columns: usize, seed: u32) -> Vec<f64> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(state >> 16) / 65_536.0 - 0.5
        };
        (0..rows * columns).map(|_| next()).collect()
    }

    /// Row-major product of row-major factors, or of factors stored transposed.
    fn product(
        m: usize,
        n: usize,
        k: usize,
        transposed: bool,
        start: f64,
        accumulate: bool,
        threads: usize,
    ) -> Vec<f64> {
        let (lhs, rhs) = (matrix(m, k, 1), matrix(k, n, 2));
        let mut out = vec![start; m * n];
        let (lhs_rs, lhs_cs, rhs_rs, rhs_cs) = if transposed { (1, m, 1, k) } else { (k, 1, n, 1) };
        // SAFETY: the vectors have as many elements as the matrices.
        unsafe {
            pb_gemm_f64(
                m,
                n,
                k,
                out.as_mut_ptr(),
                n as isize,
                1,
                lhs.as_ptr(),
                lhs_rs as isize,
                lhs_cs as isize,
                rhs.as_ptr(),
                rhs_rs as isize,
                rhs_cs as isize,
                usize::from(accumulate),
                threads,
            );
        }
        for row in 0..m {
            for column in 0..n {
                let term = |i: usize| lhs[row * lhs_rs + i * lhs_cs] * rhs[i * rhs_rs + column * rhs_cs];
                let base = if accumulate { start } else { 0.0 };
                let expected = base + (0..k).map(term).sum::<f64>();
                let error = (out[row * n + column] - expected).abs();
                assert!(error <= 1e-14 * (k + 1) as f64, "{m}×{n}×{k} at {row},{column}: off by {error:e}");
            }
        }
        out
    }

    #[test]
    fn products_match_the_definition_whatever_out_held() {
        let sizes = [
            (1, 1, 1),
            (3, 5, 7),
            (1, 64, 64),
            (64, 1, 64),
            (33, 17, 2),
            (65, 70, 129),
            (2, 3, 0),
            (0, 3, 2),
            (7, 0, 2),
        ];
        for (m, n, k) in sizes {
            for transposed in [false, true] {
                product(m, n, k, transposed, f64::NAN, false, 1);
                product(m, n, k, transposed, 0.25, true, 1);
            }
        }
    }

    #[test]
    fn the_pool_is_started_once_however_often_it_is_asked_for() {
        for threads in [0, 3, 0] {
            assert_eq!(start_threads(1 << 10, 1 << 10, 1 << 10, threads), Ok(()));
        }
        // The pool is there: building it once more is refused.
        assert!(rayon::ThreadPoolBuilder::new().build_global().is_err());
        assert_eq!(start_pool(), Ok(()));
    }

    #[test]
    fn threads_do_not_change_the_bits() {
        let (m, n, k) = (150, 131, 140);
        assert!(m * n * k >= PARALLEL_WORK);
        let bits = |threads| -> Vec<u64> {
            product(m, n, k, false, f64::NAN, false, threads).iter().map(|x| x.to_bits()).collect()
        };
        let one = bits(1);
        assert_eq!(one, bits(0));
        assert_eq!(one, bits(3));
    }
}
