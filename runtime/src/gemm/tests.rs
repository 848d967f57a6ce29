//! Every kernel that this processor has, and the portable one, against the definition in `f64`.
//!
//! Matrices lie in memory with gaps of a value that must neither be read nor written.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::*;

trait Float: Scalar + PartialEq + Into<f64> {
    const EPSILON: f64;
    fn from_f64(value: f64) -> Self;
    fn bits(self) -> u64;
}

impl Float for f32 {
    const EPSILON: f64 = f32::EPSILON as f64;
    fn from_f64(value: f64) -> Self {
        value as Self
    }
    fn bits(self) -> u64 {
        self.to_bits().into()
    }
}

impl Float for f64 {
    const EPSILON: f64 = f64::EPSILON;
    fn from_f64(value: f64) -> Self {
        value
    }
    fn bits(self) -> u64 {
        self.to_bits()
    }
}

/// How a matrix lies in memory.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Layout {
    Rows,
    Columns,
    /// Rows with a gap behind each, and each column first to last in reverse.
    Reversed,
    /// Neither rows nor columns are contiguous.
    Scattered,
    /// All rows at one place, as of a vector that is broadcast.
    SameRow,
}

use Layout::{Columns, Reversed, Rows, SameRow, Scattered};

/// A matrix and all of the memory that it lies in.
struct Stored<T> {
    memory: Vec<T>,
    first: usize,
    strides: (isize, isize),
    extents: (usize, usize),
}

impl<T: Float> Stored<T> {
    fn new(rows: usize, columns: usize, layout: Layout) -> Self {
        let (r, c) = (rows as isize, columns as isize);
        let strides = match layout {
            Rows => (c, 1),
            Columns => (1, r),
            Reversed => (-(c + 3), 1),
            Scattered => (2 * c + 5, 2),
            SameRow => (0, 1),
        };
        let far = |extent: isize, stride: isize| (extent - 1).max(0) * stride;
        let (low, high) = [far(r, strides.0), far(c, strides.1)]
            .iter()
            .fold((0, 0), |(low, high), &far| (low + far.min(0), high + far.max(0)));
        let memory = vec![T::from_f64(f64::NAN); (high - low + 1) as usize];
        Self { memory, first: -low as usize, strides, extents: (rows, columns) }
    }

    fn place(&self, row: usize, column: usize) -> usize {
        (self.first as isize + row as isize * self.strides.0 + column as isize * self.strides.1) as usize
    }

    fn filled(mut self, seed: u32) -> Self {
        let mut state = seed;
        for row in 0..self.extents.0 {
            for column in 0..self.extents.1 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let place = self.place(row, column);
                self.memory[place] = T::from_f64(f64::from(state >> 8) / 16_777_216.0 - 0.5);
            }
        }
        self
    }

    fn at(&self, row: usize, column: usize) -> f64 {
        self.memory[self.place(row, column)].into()
    }
}

#[derive(Clone, Copy, Debug)]
struct Case {
    m: usize,
    n: usize,
    k: usize,
    layouts: [Layout; 3],
    accumulate: bool,
}

impl Case {
    fn operands<T: Float>(self) -> (Stored<T>, Stored<T>) {
        let Self { m, n, k, layouts: [_, lhs, rhs], .. } = self;
        (Stored::new(m, k, lhs).filled(1), Stored::new(k, n, rhs).filled(2))
    }
}

/// The result of a kernel, and what was there before.
fn run<T: Float>(kernel: &Kernel<T>, case: Case, workers: usize) -> [Stored<T>; 2] {
    let Case { m, n, k, layouts, accumulate } = case;
    let (lhs, rhs) = case.operands();
    let before = || {
        let fresh = Stored::<T>::new(m, n, layouts[0]);
        if accumulate { fresh.filled(3) } else { fresh }
    };
    let mut out = before();
    let matrix = |stored: &Stored<T>| Matrix {
        start: stored.memory[stored.first..].as_ptr(),
        row_stride: stored.strides.0,
        column_stride: stored.strides.1,
    };
    let start = out.memory.as_mut_ptr().wrapping_add(out.first);
    let problem = Problem {
        m,
        n,
        k,
        out: Matrix { start, row_stride: out.strides.0, column_stride: out.strides.1 },
        lhs: matrix(&lhs),
        rhs: matrix(&rhs),
        accumulate,
    };
    // SAFETY: the matrices are inside their vectors, and the kernel is one of this processor.
    unsafe { multiply(kernel, problem, workers) };
    [out, before()]
}

/// Checks a result element by element, and that nothing else is written.
fn check<T: Float>(kernel: &Kernel<T>, case: Case) {
    let Case { m, n, k, accumulate, .. } = case;
    let [out, before] = run(kernel, case, 1);
    let (lhs, rhs) = case.operands::<T>();
    let rows: Vec<f64> = (0..m * k).map(|i| lhs.at(i / k, i % k)).collect();
    let columns: Vec<f64> = (0..n * k).map(|i| rhs.at(i % k, i / k)).collect();
    for row in 0..m {
        for column in 0..n {
            let base = if accumulate { before.at(row, column) } else { 0.0 };
            let pairs = rows[row * k..][..k].iter().zip(&columns[column * k..][..k]);
            let (sum, magnitude) =
                pairs.fold((base, base.abs()), |(sum, all), (x, y)| (sum + x * y, all + (x * y).abs()));
            let error = (out.at(row, column) - sum).abs();
            let bound = 4.0 * T::EPSILON * ((k + 1) as f64).log2().max(1.0) * magnitude;
            assert!(error <= bound, "{} {case:?} at {row},{column}: off by {error:e}", kernel.name);
        }
    }
    let gaps = |stored: &Stored<T>| stored.memory.iter().filter(|&&value| value.into().is_nan()).count();
    let written = if accumulate { 0 } else { m * n };
    assert_eq!(gaps(&out), gaps(&before) - written, "{} {case:?}: only the result is written", kernel.name);
}

/// Calls `test` with each kernel for both types.
macro_rules! every_kernel {
    ($test:expr) => {
        f32::kernels().for_each(|kernel| $test(kernel));
        f64::kernels().for_each(|kernel| $test(kernel));
    };
}

const CONTIGUOUS: [Layout; 3] = [Rows, Rows, Rows];

#[test]
fn every_small_shape_matches_the_definition() {
    fn test<T: Float>(kernel: &Kernel<T>) {
        let sizes = [0, 1, 2, 3, 4, 5, 7, 8, 9, 14, 15, 16, 17, 31, 33, 65];
        for m in sizes {
            for n in sizes {
                for k in [0, 1, 7, 16, 33, 67] {
                    for layouts in [CONTIGUOUS, [Rows, Rows, Columns]] {
                        check(kernel, Case { m, n, k, layouts, accumulate: (m + n + k) % 2 == 0 });
                    }
                }
            }
        }
    }
    every_kernel!(test);
}

#[test]
fn every_combination_of_strides_matches_the_definition() {
    fn test<T: Float>(kernel: &Kernel<T>) {
        for out in [Rows, Columns, Reversed, Scattered] {
            for lhs in [Rows, Columns, Reversed, Scattered, SameRow] {
                for rhs in [Rows, Columns, Reversed, Scattered, SameRow] {
                    for (m, n, k) in [(1, 37, 70), (37, 1, 70), (3, 129, 40), (130, 4, 40), (6, 70, 33), (43, 35, 41)] {
                        for accumulate in [false, true] {
                            check(kernel, Case { m, n, k, layouts: [out, lhs, rhs], accumulate });
                        }
                    }
                }
            }
        }
    }
    every_kernel!(test);
}

#[test]
fn shapes_around_the_edges_of_blocks_match_the_definition() {
    fn test<T: Float>(kernel: &Kernel<T>) {
        // Right operands too large to be read in place; one, two and three blocks of `k`; scraps of rows and columns.
        for (m, n, k) in [(57, 420, 511), (127, 391, 512), (128, 384, 513), (129, 257, 1025), (131, 801, 255)] {
            for layouts in [CONTIGUOUS, [Rows, Columns, Rows], [Columns, Rows, Columns]] {
                check(kernel, Case { m, n, k, layouts, accumulate: false });
            }
            check(kernel, Case { m, n, k, layouts: [Scattered; 3], accumulate: true });
        }
        // A left operand whose steps are a page apart.
        check(kernel, Case { m: 1024, n: 130, k: 70, layouts: [Rows, Columns, Rows], accumulate: true });
        // More than one round of packing, along `k` and along the columns.
        check(kernel, Case { m: 50, n: 1100, k: 1100, layouts: [Rows, Rows, Columns], accumulate: false });
        check(kernel, Case { m: 5, n: 4700, k: 300, layouts: [Rows, Columns, Scattered], accumulate: true });
        // A right operand that is read from memory, in rows and in columns.
        check(kernel, Case { m: 3, n: 2110, k: 1001, layouts: CONTIGUOUS, accumulate: false });
        check(kernel, Case { m: 1, n: 2110, k: 1001, layouts: [Rows, Rows, Columns], accumulate: false });
        // Rows longer than a dot kernel takes at a time.
        for m in [1, 5] {
            check(kernel, Case { m, n: 5, k: 5003, layouts: [Rows, Rows, Columns], accumulate: false });
            check(kernel, Case { m, n: 5, k: 5003, layouts: [Rows, Scattered, Columns], accumulate: true });
        }
    }
    every_kernel!(test);
}

#[test]
fn the_number_of_threads_does_not_change_the_bits() {
    fn test<T: Float>(kernel: &Kernel<T>) {
        let shapes = [
            (150, 131, 140),
            (33, 1500, 600),
            (700, 40, 300),
            (300, 300, 300),
            (4, 1021, 500),
            (1, 2050, 1030),
            (50, 1100, 1100),
        ];
        for (m, n, k) in shapes {
            for layouts in [CONTIGUOUS, [Rows, Rows, Columns], [Rows, Scattered, Scattered]] {
                let case = Case { m, n, k, layouts, accumulate: true };
                let bits =
                    |workers| run(kernel, case, workers)[0].memory.iter().map(|value| value.bits()).collect::<Vec<_>>();
                let one = bits(1);
                for workers in [2, 3, 16] {
                    assert!(one == bits(workers), "{} {case:?} with {workers} workers", kernel.name);
                }
            }
        }
    }
    every_kernel!(test);
}

#[test]
fn the_kernels_called_by_generated_code_take_every_argument_at_its_place() {
    let (lhs, rhs) = ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1.0, 0.5, 0.25, 10.0, 100.0, 1000.0]);
    let mut out = [f64::NAN; 4];
    for accumulate in [0, 1] {
        let (l, r, o) = (lhs.as_ptr(), rhs.as_ptr(), out.as_mut_ptr());
        // SAFETY: the matrices are 2 × 3, 3 × 2 by columns, and 2 × 2.
        unsafe { pb_gemm_f64(2, 2, 3, o, 2, 1, l, 3, 1, r, 1, 3, accumulate, 1) };
        let once = [1.0 + 1.0 + 0.75, 3210.0, 4.0 + 2.5 + 1.5, 6540.0];
        assert_eq!(out, once.map(|value| if accumulate == 1 { 2.0 * value } else { value }));
    }
    assert_eq!(symbols()[0], ("pb_gemm_f32", pb_gemm_f32 as *const u8));
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
fn no_tile_has_more_results_than_there_is_room_for() {
    fn test<T: Float>(kernel: &Kernel<T>) {
        for family in &kernel.families {
            assert!(family.rows.len() * family.vectors * kernel.lanes <= tiles::TILE_ELEMENTS, "{}", kernel.name);
        }
    }
    every_kernel!(test);
}
