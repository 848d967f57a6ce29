//! A product: sizes and matrices with strides, and the choice of which axis vectors lie along.

use super::kernel::Scalar;

/// A matrix by its first element and its strides in elements.
#[derive(Clone, Copy)]
pub(super) struct Matrix<P> {
    pub(super) start: P,
    /// From one row to the next.
    pub(super) row_stride: isize,
    /// From one column to the next.
    pub(super) column_stride: isize,
}

impl<P: Copy> Matrix<P> {
    /// Rows and columns change places.
    pub(super) fn transposed(self) -> Self {
        Self { start: self.start, row_stride: self.column_stride, column_stride: self.row_stride }
    }
}

impl<T> Matrix<*const T> {
    /// The part that begins at a place.
    ///
    /// # Safety
    /// The place is inside.
    pub(super) unsafe fn from(self, row: usize, column: usize) -> Self {
        // SAFETY: the caller's promises.
        let start = unsafe { self.start.offset(row as isize * self.row_stride + column as isize * self.column_stride) };
        Self { start, ..self }
    }
}

impl<T> Matrix<*mut T> {
    /// The element at a place.
    ///
    /// # Safety
    /// The place is inside.
    pub(super) unsafe fn at(self, row: usize, column: usize) -> *mut T {
        // SAFETY: the caller's promises.
        unsafe { self.start.offset(row as isize * self.row_stride + column as isize * self.column_stride) }
    }
}

/// `out = lhs · rhs` or `out += lhs · rhs`; `out` is `m × n`, `lhs` `m × k`, `rhs` `k × n`.
pub(super) struct Problem<T> {
    pub(super) m: usize,
    pub(super) n: usize,
    pub(super) k: usize,
    pub(super) out: Matrix<*mut T>,
    pub(super) lhs: Matrix<*const T>,
    pub(super) rhs: Matrix<*const T>,
    pub(super) accumulate: bool,
}

// SAFETY: workers read the operands together and write to parts of `out` that have nothing in common.
unsafe impl<T: Scalar> Sync for Problem<T> {}

/// Steps along `k`, in vectors, beside which it costs little to store results one by one.
const LONG_SUMS: usize = 8;

impl<T: Scalar> Problem<T> {
    /// The same product with columns along the axis that vectors of `lanes` lanes serve better, which are those of `out` or of its transpose.
    ///
    /// Vectors want adjacent results, but above all enough of them: a matrix times a vector is better done as a vector times a
    /// matrix, wherever the results lie.
    pub(super) fn oriented(self, lanes: usize) -> Self {
        let narrow = |columns: usize, rows: usize| columns <= lanes / 2 && columns < rows;
        let adjacent = |stride: isize, extent: usize| stride == 1 || extent == 1;
        // Long sums of which there are few, over an operand whose columns lie apart: the other one has its rows side by side, and more of them.
        let long_sums = self.k >= LONG_SUMS * lanes;
        let better = if narrow(self.n, self.m) {
            true
        } else if narrow(self.m, self.n) {
            false
        } else if long_sums && self.n < self.m && self.n < 2 * lanes && self.rhs.column_stride != 1 {
            self.lhs.row_stride == 1
        } else {
            !adjacent(self.out.column_stride, self.n) && adjacent(self.out.row_stride, self.m)
        };
        if better { self.transposed() } else { self }
    }

    /// What is left of the product if there is nothing to sum up: zeros, or `out` as it is.
    ///
    /// # Safety
    /// `out` can be written.
    pub(super) unsafe fn clear(&self) {
        if self.accumulate {
            return;
        }
        for row in 0..self.m {
            for column in 0..self.n {
                // SAFETY: the place is inside.
                unsafe { self.out.at(row, column).write(T::default()) };
            }
        }
    }

    fn transposed(self) -> Self {
        Self {
            m: self.n,
            n: self.m,
            out: self.out.transposed(),
            lhs: self.rhs.transposed(),
            rhs: self.lhs.transposed(),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a product `out[m, n] = lhs[m, k] · rhs[k, n]` into a row-major result is turned around, with operands that lie by columns.
    fn is_turned(m: usize, n: usize, k: usize) -> bool {
        let by_columns =
            |rows: usize| Matrix { start: std::ptr::null::<f32>(), row_stride: 1, column_stride: rows as isize };
        let out = Matrix { start: std::ptr::null_mut::<f32>(), row_stride: n as isize, column_stride: 1 };
        let problem = Problem { m, n, k, out, lhs: by_columns(m), rhs: by_columns(k), accumulate: true };
        problem.oriented(16).m != m
    }

    #[test]
    fn few_long_sums_over_columns_have_their_vectors_along_the_longer_side() {
        assert!(is_turned(32, 9, 784));
        // Short sums, enough columns, a side that is no longer.
        assert!(!is_turned(32, 9, 100) && !is_turned(64, 32, 784) && !is_turned(9, 9, 784));
    }
}
