//! Linear algebra on the matrices in the last two axes; axes before them are a batch.

use pullback_ir::{DType, Op};

use crate::tensor::Tensor;

/// How a triangular system is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Triangular {
    /// Whether the matrix stands to the left of the solution, `A X = B`, or to the right, `X A = B`.
    pub left: bool,
    /// Whether the matrix is lower triangular. The other triangle is not read.
    pub lower: bool,
    /// Whether the system is of the transpose of the matrix.
    pub transpose: bool,
    /// Whether the diagonal is 1, and not read.
    pub unit: bool,
}

impl Default for Triangular {
    /// `L X = B` with a lower triangular matrix as it is.
    fn default() -> Self {
        Self { left: true, lower: true, transpose: false, unit: false }
    }
}

impl<'g> Tensor<'g> {
    /// The lower triangular `L` with `L Lᵀ = A` for symmetric positive definite matrices `[.., n, n]`, of which the lower
    /// triangle is read. NaN throughout a matrix that is not positive definite.
    #[track_caller]
    pub fn cholesky(self) -> Self {
        self.graph().emit(Op::Cholesky, &[self])
    }

    /// The solution of the system with this triangular matrix `[.., n, n]` and right sides `b`: `[.., n, k]`, or `[.., k, n]` for
    /// a matrix to the right, or a single one, `[n]`, for a single matrix. A 0 on the diagonal gives what division by 0 gives.
    #[track_caller]
    pub fn triangular_solve(self, b: Tensor<'g>, how: Triangular) -> Self {
        let Triangular { left, lower, transpose, unit } = how;
        let op = Op::TriangularSolve { left, lower, transpose, unit };
        if (self.rank(), b.rank()) != (2, 1) {
            return self.graph().emit(op, &[self, b]);
        }
        let axis = if left { 1 } else { 0 };
        let x = self.graph().emit(op, &[self, b.expand_dims(axis)]);
        if self.graph().has_failed() { x } else { x.squeeze([axis]) }
    }

    /// The solution `X` of `A X = B` for symmetric positive definite matrices, this tensor, by its Cholesky factor; `b` as in
    /// [`Tensor::triangular_solve`].
    #[track_caller]
    pub fn cholesky_solve(self, b: Tensor<'g>) -> Self {
        let factor = self.cholesky();
        let y = factor.triangular_solve(b, Triangular::default());
        factor.triangular_solve(y, Triangular { transpose: true, ..Triangular::default() })
    }

    /// The diagonals of the matrices: `[.., n, n]` to `[.., n]`.
    #[track_caller]
    pub fn diagonal(self) -> Self {
        let dims = self.dims();
        let [batch @ .., rows, columns] = &dims[..] else {
            return self.graph().fail("diagonal", format!("{}, expected at least two axes", self.ty()));
        };
        if rows != columns {
            return self.graph().fail("diagonal", format!("{} is not square in its last two axes", self.ty()));
        }
        // In row-major order they are n + 1 positions apart.
        let flat = self.reshape_to(&[batch, &[rows * columns]].concat());
        flat.slice_axis(-1, crate::slices::span(..).step(rows + 1))
    }

    /// The matrices with zeros above the diagonal; `offset` moves it up, and down if negative.
    #[track_caller]
    pub fn tril(self, offset: isize) -> Self {
        match self.below("tril", offset) {
            Some(below) => self.masked(below),
            None => self.graph().placeholder(),
        }
    }

    /// The matrices with zeros below the diagonal; `offset` moves it up, and down if negative.
    #[track_caller]
    pub fn triu(self, offset: isize) -> Self {
        match self.below("triu", offset.saturating_sub(1)) {
            Some(below) => self.masked(!below),
            None => self.graph().placeholder(),
        }
    }

    /// Whether a position of the last two axes is on or below a diagonal: `column <= row + offset`.
    #[track_caller]
    pub(crate) fn below(self, op: &str, offset: isize) -> Option<Self> {
        let dims = self.dims();
        let [.., rows, columns] = dims[..] else {
            self.graph().record(op, format!("{}, expected at least two axes", self.ty()));
            return None;
        };
        let row = self.graph().iota(DType::I64, [rows, columns], 0);
        let column = self.graph().iota(DType::I64, [rows, columns], 1);
        // Extents are below 2^48, so an offset beyond that means all or nothing.
        let offset = (offset as i64).clamp(-(1 << 50), 1 << 50);
        Some(column.le(row + offset))
    }

    #[track_caller]
    fn masked(self, mask: Self) -> Self {
        if self.dtype() == DType::Bool { self & mask } else { mask.select(self, 0) }
    }
}
