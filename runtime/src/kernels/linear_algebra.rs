//! The Cholesky factor and the solution of triangular systems, for one matrix.
//!
//! Row by row, with sums of products of rows or multiples of rows added to rows, whichever runs along memory: that is what fills vectors. Sums have eight parts,
//! in an order fixed by the length alone.

use std::ops::{AddAssign, Div, Mul, Sub, SubAssign};

/// A floating-point type.
trait Real:
    Copy + PartialOrd + AddAssign + SubAssign + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    const ZERO: Self;
    const NAN: Self;
    fn root(self) -> Self;
}

macro_rules! real {
    ($ty:ty) => {
        impl Real for $ty {
            const ZERO: Self = 0.0;
            const NAN: Self = <$ty>::NAN;
            fn root(self) -> Self {
                self.sqrt()
            }
        }
    };
}
real!(f32);
real!(f64);

/// The parts of a sum.
const PARTS: usize = 8;

/// `Σ x_i y_i` over contiguous elements.
fn dot_slices<T: Real>(x: &[T], y: &[T]) -> T {
    let mut parts = [T::ZERO; PARTS];
    let (xs, ys) = (x.chunks_exact(PARTS), y.chunks_exact(PARTS));
    for (part, (&x, &y)) in parts.iter_mut().zip(xs.remainder().iter().zip(ys.remainder())) {
        *part += x * y;
    }
    for (x, y) in xs.zip(ys) {
        for part in 0..PARTS {
            parts[part] += x[part] * y[part];
        }
    }
    let mut width = PARTS / 2;
    while width > 0 {
        for part in 0..width {
            let other = parts[part + width];
            parts[part] += other;
        }
        width /= 2;
    }
    parts[0]
}

/// Elements at equal distances.
#[derive(Clone, Copy)]
struct Line<T> {
    start: *mut T,
    stride: isize,
}

impl<T: Real> Line<T> {
    /// # Safety
    /// The place is valid for reading.
    unsafe fn get(self, place: usize) -> T {
        // SAFETY: the caller's promise.
        unsafe { *self.start.offset(place as isize * self.stride) }
    }

    /// # Safety
    /// The place is valid for writing.
    unsafe fn set(self, place: usize, value: T) {
        // SAFETY: the caller's promise.
        unsafe { *self.start.offset(place as isize * self.stride) = value }
    }

    /// `Σ x_i y_i` over the first `count` places.
    ///
    /// # Safety
    /// They are valid for reading in both, and nobody writes to them.
    unsafe fn dot(self, other: Self, count: usize) -> T {
        if self.stride == 1 && other.stride == 1 {
            // SAFETY: the caller's promises.
            let (x, y) = unsafe {
                (std::slice::from_raw_parts(self.start, count), std::slice::from_raw_parts(other.start, count))
            };
            return dot_slices(x, y);
        }
        let mut sum = T::ZERO;
        for place in 0..count {
            // SAFETY: the caller's promises.
            sum += unsafe { self.get(place) * other.get(place) };
        }
        sum
    }

    /// `self_i -= factor · other_i` over the first `count` places.
    ///
    /// # Safety
    /// They are valid for writing here and reading there, and apart.
    unsafe fn subtract(self, factor: T, other: Self, count: usize) {
        if self.stride == 1 && other.stride == 1 {
            // SAFETY: the caller's promises.
            let (to, from) = unsafe {
                (std::slice::from_raw_parts_mut(self.start, count), std::slice::from_raw_parts(other.start, count))
            };
            to.iter_mut().zip(from).for_each(|(to, &from)| *to -= factor * from);
            return;
        }
        for place in 0..count {
            // SAFETY: the caller's promises.
            unsafe { self.set(place, self.get(place) - factor * other.get(place)) };
        }
    }
}

/// Element `(r, c)` is at `start + r · rows + c · columns`.
#[derive(Clone, Copy)]
struct Matrix<T> {
    start: *mut T,
    rows: isize,
    columns: isize,
}

impl<T: Real> Matrix<T> {
    /// The line along a row, from a column on.
    ///
    /// # Safety
    /// The place is in the matrix.
    unsafe fn row(self, row: usize, from: usize) -> Line<T> {
        // SAFETY: the caller's promise.
        Line { start: unsafe { self.at(row, from) }, stride: self.columns }
    }

    /// The line along a column, from a row on.
    ///
    /// # Safety
    /// The place is in the matrix.
    unsafe fn column(self, column: usize, from: usize) -> Line<T> {
        // SAFETY: the caller's promise.
        Line { start: unsafe { self.at(from, column) }, stride: self.rows }
    }

    /// # Safety
    /// The place is in the matrix.
    unsafe fn at(self, row: usize, column: usize) -> *mut T {
        // SAFETY: the caller's promise.
        unsafe { self.start.offset(row as isize * self.rows + column as isize * self.columns) }
    }
}

/// The factor of `a` into `out`, row by row: `L_ij = (A_ij - Σ_{k<j} L_ik L_jk) / L_jj` (Golub and Van Loan, "Matrix Computations", 4.2).
///
/// # Safety
/// As the kernels below.
unsafe fn cholesky<T: Real>(n: usize, out: Matrix<T>, a: Matrix<T>) {
    for i in 0..n {
        // SAFETY: places of `n × n` matrices, by the caller's promises; a row of the result is read where it was written before.
        unsafe {
            let row = out.row(i, 0);
            for j in 0..i {
                let above = out.row(j, 0);
                row.set(j, (*a.at(i, j) - row.dot(above, j)) / above.get(j));
            }
            let pivot = *a.at(i, i) - row.dot(row, i);
            // Not positive, or NaN.
            if !matches!(pivot.partial_cmp(&T::ZERO), Some(std::cmp::Ordering::Greater)) {
                (0..n * n).for_each(|place| *out.at(place / n, place % n) = T::NAN);
                return;
            }
            row.set(i, pivot.root());
            (i + 1..n).for_each(|j| row.set(j, T::ZERO));
        }
    }
}

/// A triangular system.
#[derive(Clone, Copy)]
struct Triangle<T> {
    n: usize,
    a: Matrix<T>,
    lower: bool,
    unit: bool,
}

impl<T: Real> Triangle<T> {
    /// `A X = X` solved for the new `X`, `n × m`.
    ///
    /// # Safety
    /// As the kernels below.
    unsafe fn solve(self, m: usize, x: Matrix<T>) {
        if m > 1 && x.columns == 1 {
            // SAFETY: the caller's promises.
            unsafe { self.solve_rows(m, x) };
        } else {
            for column in 0..m {
                // SAFETY: a column of the matrix.
                unsafe { self.solve_column(x.column(column, 0)) };
            }
        }
    }

    /// The rows of the unknowns in the order in which they can be computed.
    fn order(self) -> impl Iterator<Item = usize> {
        let (n, lower) = (self.n, self.lower);
        (0..n).map(move |step| if lower { step } else { n - 1 - step })
    }

    /// All columns at once: from each row multiples of the rows known before are subtracted.
    ///
    /// # Safety
    /// As [`Triangle::solve`].
    unsafe fn solve_rows(self, m: usize, x: Matrix<T>) {
        for i in self.order() {
            // SAFETY: rows and columns below `n` of `a` and rows of `x`, by the caller's promises.
            unsafe {
                let row = x.row(i, 0);
                let known = if self.lower { 0..i } else { i + 1..self.n };
                known.for_each(|k| row.subtract(*self.a.at(i, k), x.row(k, 0), m));
                if !self.unit {
                    let pivot = *self.a.at(i, i);
                    (0..m).for_each(|column| row.set(column, row.get(column) / pivot));
                }
            }
        }
    }

    /// One column, by rows or by columns of the matrix, whichever is contiguous.
    ///
    /// # Safety
    /// As [`Triangle::solve`]; the line has `n` places.
    unsafe fn solve_column(self, x: Line<T>) {
        let by_rows = self.a.columns == 1 || self.a.rows != 1;
        for i in self.order() {
            // SAFETY: the first `n` places of the line and of rows and columns of `a`, by the caller's promises. Lines that start behind
            // the last place have no elements.
            unsafe {
                let (first, count) = if self.lower { (0, i) } else { (i + 1, self.n - 1 - i) };
                if by_rows && count > 0 {
                    let known = Line { start: x.start.offset(first as isize * x.stride), ..x };
                    x.set(i, x.get(i) - self.a.row(i, first).dot(known, count));
                }
                if !self.unit {
                    x.set(i, x.get(i) / *self.a.at(i, i));
                }
                let (first, count) = if self.lower { (i + 1, self.n - 1 - i) } else { (0, i) };
                if !by_rows && count > 0 {
                    let rest = Line { start: x.start.offset(first as isize * x.stride), ..x };
                    rest.subtract(x.get(i), self.a.column(i, first), count);
                }
            }
        }
    }
}

macro_rules! kernels {
    ($ty:ty, $cholesky:ident, $solve:ident) => {
        #[doc = concat!("The lower triangular `L` with `L Lᵀ = A` for an `n × n` matrix of `", stringify!($ty), "`; zeros above its diagonal.")]
        ///
        /// Only the lower triangle of `A` is read. If it is not that of a positive definite matrix, all elements of the result are NaN. Strides are in
        /// elements, `_rs` from one row to the next and `_cs` from one column to the next.
        ///
        /// # Safety
        /// Both matrices are inside memory valid for reading, `out` for writing too; its elements are apart from each other and from `A`.
        pub unsafe extern "C" fn $cholesky(
            n: usize,
            out: *mut $ty,
            out_rs: isize,
            out_cs: isize,
            a: *const $ty,
            a_rs: isize,
            a_cs: isize,
        ) {
            let out = Matrix { start: out, rows: out_rs, columns: out_cs };
            // SAFETY: the caller's promises; the operand is not written to.
            unsafe { cholesky(n, out, Matrix { start: a.cast_mut(), rows: a_rs, columns: a_cs }) };
        }

        #[doc = concat!("Solves `A X = B` for an `n × n` triangular matrix of `", stringify!($ty), "`; `X`, `n × m`, holds `B` before.")]
        ///
        /// `lower` and `unit` are 0 or 1: which triangle is read, and whether its diagonal is taken as 1 and not read. Strides are in elements, `_rs`
        /// from one row to the next and `_cs` from one column to the next. A zero on the diagonal gives what division by it gives.
        ///
        /// # Safety
        /// Both matrices are inside memory valid for reading, `x` for writing too; its elements are apart from each other and from `A`.
        #[allow(clippy::too_many_arguments, reason = "a flat list is what generated code passes most easily")]
        pub unsafe extern "C" fn $solve(
            n: usize,
            m: usize,
            x: *mut $ty,
            x_rs: isize,
            x_cs: isize,
            a: *const $ty,
            a_rs: isize,
            a_cs: isize,
            lower: usize,
            unit: usize,
        ) {
            let a = Matrix { start: a.cast_mut(), rows: a_rs, columns: a_cs };
            let system = Triangle { n, a, lower: lower != 0, unit: unit != 0 };
            // SAFETY: the caller's promises; the triangle is not written to.
            unsafe { system.solve(m, Matrix { start: x, rows: x_rs, columns: x_cs }) };
        }
    };
}

kernels!(f32, pb_cholesky_f32, pb_triangular_solve_f32);
kernels!(f64, pb_cholesky_f64, pb_triangular_solve_f64);

/// The symbols of the kernels, and their addresses in this process.
#[must_use]
pub fn symbols() -> [(&'static str, *const u8); 4] {
    [
        ("pb_cholesky_f32", pb_cholesky_f32 as *const u8),
        ("pb_cholesky_f64", pb_cholesky_f64 as *const u8),
        ("pb_triangular_solve_f32", pb_triangular_solve_f32 as *const u8),
        ("pb_triangular_solve_f64", pb_triangular_solve_f64 as *const u8),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: usize) -> Vec<f64> {
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(state >> 16) / 65_536.0 - 0.5
        };
        (0..count).map(|_| next()).collect()
    }

    /// The element of a triangle with a diagonal that makes systems well conditioned.
    fn triangle(values: &[f64], n: usize, lower: bool, unit: bool, row: usize, column: usize) -> f64 {
        if row == column {
            return if unit { 1.0 } else { values[row * n + row] };
        }
        if (row > column) == lower { values[row * n + column] } else { 0.0 }
    }

    #[test]
    fn the_factor_times_its_transpose_is_the_matrix() {
        for n in [0, 1, 2, 7, 8, 9, 33] {
            let g = numbers(n * n);
            let product = |i: usize, j: usize| -> f64 { (0..n).map(|k| g[i * n + k] * g[j * n + k]).sum() };
            let shift = |i: usize, j: usize| if i == j { 1.0 } else { 0.0 };
            // The upper triangle is not read.
            let a: Vec<f64> = (0..n * n)
                .map(|p| (p / n, p % n))
                .map(|(i, j)| if j > i { f64::NAN } else { product(i, j) + shift(i, j) })
                .collect();
            for (rows, columns) in [(n, 1), (1, n)] {
                let mut out = vec![f64::NAN; n * n];
                // SAFETY: vectors of n × n elements.
                unsafe {
                    pb_cholesky_f64(n, out.as_mut_ptr(), rows as isize, columns as isize, a.as_ptr(), n as isize, 1);
                }
                let l = |i: usize, j: usize| out[i * rows + j * columns];
                for i in 0..n {
                    assert!((i + 1..n).all(|j| l(i, j) == 0.0));
                    for j in 0..=i {
                        let found: f64 = (0..n).map(|k| l(i, k) * l(j, k)).sum();
                        assert!((found - product(i, j) - shift(i, j)).abs() < 1e-13 * (n + 1) as f64);
                    }
                }
            }
        }
    }

    #[test]
    fn a_matrix_that_is_not_positive_definite_has_a_factor_of_nan() {
        for a in [[1.0f32, 2.0, 2.0, 1.0], [0.0, 0.0, 0.0, 1.0], [1.0, 0.0, f32::NAN, 1.0], [-1.0, 0.0, 0.0, 1.0]] {
            let mut out = [0.0f32; 4];
            // SAFETY: arrays of 2 × 2 elements.
            unsafe { pb_cholesky_f32(2, out.as_mut_ptr(), 2, 1, a.as_ptr(), 2, 1) };
            assert!(out.iter().all(|x| x.is_nan()), "{out:?}");
        }
    }

    #[test]
    fn a_triangle_times_the_solution_is_the_right_side_in_every_layout() {
        for (n, m) in [(0, 3), (1, 1), (5, 1), (9, 4), (20, 17), (3, 0)] {
            let mut values = numbers(n * n);
            (0..n).for_each(|i| values[i * n + i] += 2.0);
            let b = numbers(n * m);
            for case in 0..16 {
                let [lower, unit, a_columns, x_columns] = [0, 1, 2, 3].map(|bit| case >> bit & 1 == 1);
                let (a_rs, a_cs) = if a_columns { (1, n) } else { (n, 1) };
                let (x_rs, x_cs) = if x_columns { (1, n) } else { (m, 1) };
                let (mut a, mut x) = (vec![0.0; n * n], vec![0.0; n * m]);
                (0..n * n).for_each(|p| a[p / n * a_rs + p % n * a_cs] = values[p]);
                (0..n * m).for_each(|p| x[p / m * x_rs + p % m * x_cs] = b[p]);
                let strides = [x_rs, x_cs, a_rs, a_cs].map(|stride| stride as isize);
                let (to, from) = (x.as_mut_ptr(), a.as_ptr());
                // SAFETY: vectors of n × n and n × m elements.
                unsafe {
                    let [rows, columns, a_rows, a_columns] = strides;
                    let (lower, unit) = (usize::from(lower), usize::from(unit));
                    pb_triangular_solve_f64(n, m, to, rows, columns, from, a_rows, a_columns, lower, unit);
                }
                for (place, &expected) in b.iter().enumerate() {
                    let (i, j) = (place / m, place % m);
                    let term = |k: usize| triangle(&values, n, lower, unit, i, k) * x[k * x_rs + j * x_cs];
                    let found: f64 = (0..n).map(term).sum();
                    assert!((found - expected).abs() < 1e-6, "{n}×{m} {case:04b} at {i},{j}: {found}, not {expected}");
                }
            }
        }
    }
}
