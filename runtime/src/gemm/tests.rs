//! Every kernel that this processor has, and the portable one, against the definition in `f64`.
//!
//! Matrices lie in memory with gaps of a value that must neither be read nor written.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::packed::{PACKED_WIDTH, packed_elements};
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
    // SAFETY: the matrices are inside their vectors, and the kernel is one of this processor.
    compute(case, |problem| unsafe { multiply(kernel, problem, workers) })
}

/// The same with the right operand packed before, each strip by itself, into memory without a value in it.
fn run_packed<T: Float>(kernel: &Kernel<T>, case: Case, workers: usize) -> [Stored<T>; 2] {
    compute(case, |problem| {
        let Problem { n, k, rhs, .. } = problem;
        let mut copy = vec![T::from_f64(f64::NAN); packed_elements(k, n)];
        let to = copy.as_mut_ptr();
        // SAFETY: as for `run`; strips are packed to where they belong.
        unsafe {
            for column in (0..n).step_by(PACKED_WIDTH).rev() {
                packed::pack(kernel, k, PACKED_WIDTH.min(n - column), rhs.from(0, column), to.add(k * column));
            }
            let rhs = Matrix { start: to.cast_const(), row_stride: 0, column_stride: 0 };
            packed::multiply(kernel, &Problem { rhs, ..problem }, workers);
        }
    })
}

fn compute<T: Float>(case: Case, product: impl FnOnce(Problem<T>)) -> [Stored<T>; 2] {
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
    product(problem);
    [out, before()]
}

/// Checks a result element by element, and that nothing else is written.
fn check<T: Float>(kernel: &Kernel<T>, case: Case) {
    check_result(kernel, case, run(kernel, case, 1));
}

fn check_result<T: Float>(kernel: &Kernel<T>, case: Case, [out, before]: [Stored<T>; 2]) {
    let Case { m, n, k, accumulate, .. } = case;
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
fn products_with_a_packed_operand_match_the_definition() {
    fn test<T: Float>(kernel: &Kernel<T>) {
        for m in [0, 1, 2, 13, 15, 29] {
            for n in [0, 1, 3, 17, 32, 63, 64, 65, 130] {
                for k in [0, 1, 7, 33] {
                    for layouts in [CONTIGUOUS, [Rows, Columns, Columns], [Columns, Rows, Scattered]] {
                        let case = Case { m, n, k, layouts, accumulate: (m + n + k) % 2 == 0 };
                        check_result(kernel, case, run_packed(kernel, case, 1));
                    }
                }
            }
        }
    }
    every_kernel!(test);
}

#[test]
fn packing_before_or_by_the_product_and_the_number_of_threads_do_not_change_the_bits() {
    fn test<T: Float>(kernel: &Kernel<T>) {
        for (m, n, k) in [(20, 40, 33), (17, 100, 511), (64, 130, 513), (130, 200, 1030), (40, 1100, 1100)] {
            for layouts in [CONTIGUOUS, [Columns, Columns, Rows], [Rows, Scattered, Columns], [Scattered; 3]] {
                let case = Case { m, n, k, layouts, accumulate: m % 2 == 0 };
                let bits = |[out, _]: [Stored<T>; 2]| out.memory.iter().map(|value| value.bits()).collect::<Vec<_>>();
                let plain = bits(run(kernel, case, 1));
                for workers in [1, 2, 16] {
                    let packed = bits(run_packed(kernel, case, workers));
                    assert!(plain == packed, "{} {case:?} with {workers} workers", kernel.name);
                }
            }
        }
    }
    every_kernel!(test);
}

#[test]
fn strips_of_columns_can_be_packed_and_multiplied_by_themselves() {
    let (m, n, k) = (3, 2 * PACKED_WIDTH + 5, 4);
    assert_eq!((packed_elements(k, n), packed_elements(0, n), packed_elements(k, 0)), (3 * 64 * 4, 0, 0));
    assert_eq!((packed_elements(2, usize::MAX), packed_elements(usize::MAX, 2)), (usize::MAX, usize::MAX));
    let rhs: Vec<f64> = (0..k * n).map(|i| (i % 11) as f64).collect();
    let lhs: Vec<f64> = (0..m * k).map(|i| (i % 7) as f64).collect();
    let mut copy = vec![f64::NAN; packed_elements(k, n)];
    let mut out = vec![f64::NAN; m * n];
    let expected = |row: usize, column: usize| (0..k).map(|p| lhs[p * m + row] * rhs[p * n + column]).sum::<f64>();
    for accumulate in [0, 1] {
        for (column, columns) in [(64, 69), (0, 64)] {
            // SAFETY: the columns are inside `rhs` and `out`, their places inside `copy`; `lhs` lies by columns.
            unsafe {
                let strip = copy.as_mut_ptr().add(k * column);
                packed::pullback_pack_f64(k, columns, rhs.as_ptr().add(column), n as isize, 1, strip);
                let (o, l) = (out.as_mut_ptr().add(column), lhs.as_ptr());
                let (rows, step) = (n as isize, m as isize);
                packed::pullback_gemm_packed_f64(m, columns, k, o, rows, 1, l, 1, step, strip, accumulate, 1);
            }
        }
        let times = (accumulate + 1) as f64;
        assert!((0..m * n).all(|i| out[i] == times * expected(i / n, i % n)));
    }
}

#[test]
fn strips_are_made_of_whole_panels() {
    fn test<T: Float>(kernel: &Kernel<T>) {
        assert_eq!(PACKED_WIDTH % kernel.large().0, 0, "{}", kernel.name);
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
fn a_product_is_computed_by_one_thread_where_it_is_small_or_inside_parallel_work() {
    assert_eq!([workers(64, 64, 64, 3), workers(256, 256, 256, 3), workers(256, 256, 256, 1)], [1, 3, 1]);
    assert_eq!(workers(usize::MAX, 2, 2, 0), pool::workers(0));
    pool::run(2, 2, &|_, _| {
        // Alone with both items if another test has the pool.
        assert_eq!(workers(256, 256, 256, 3), if pool::is_worker() { 1 } else { 3 });
    });
    assert_eq!(start_threads(1 << 10, 1 << 10, 1 << 10, 3), Ok(()));
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
