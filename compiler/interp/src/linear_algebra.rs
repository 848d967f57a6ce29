//! Factorisation and triangular systems of the matrices in the last two axes, by their textbook formulas.
//!
//! Everything is computed in `f64`, sums by halves, and rounded once.

use pullback_ir::{DType, Reduction, Scalar};

use crate::array::Array;
use crate::contract::accumulate;
use crate::error::Error;

/// Square matrices in the last two axes of an array.
struct Matrices<'a> {
    x: &'a Array,
    rows: usize,
    columns: usize,
}

impl<'a> Matrices<'a> {
    fn of(x: &'a Array) -> Self {
        let extents = x.shape.extents();
        match extents[..] {
            [.., rows, columns] => Self { x, rows, columns },
            _ => Self { x, rows: 0, columns: 0 },
        }
    }

    /// How many there are; none if they have no elements.
    fn count(&self) -> usize {
        self.x.elements.len().checked_div(self.rows * self.columns).unwrap_or(0)
    }

    fn get(&self, matrix: usize, row: usize, column: usize) -> f64 {
        self.x.get((matrix * self.rows + row) * self.columns + column).map_or(f64::NAN, Scalar::to_f64)
    }
}

fn sum(count: usize, term: impl Fn(usize) -> f64) -> f64 {
    let total = accumulate(Reduction::Add, DType::F64, count, &|number| Some(Scalar::F64(term(number))));
    total.map_or(f64::NAN, Scalar::to_f64)
}

/// The array with the type of `like` and these elements.
fn rounded(like: &Array, values: &[f64]) -> Result<Array, Error> {
    let mut next = values.iter();
    Array::build(&like.ty(), |_| next.next().map(|&value| Scalar::from_f64(like.dtype(), value)))
}

/// The Cholesky factors: row by row, each element from those to its left and above (Cholesky-Banachiewicz).
pub(crate) fn cholesky(x: &Array) -> Result<Array, Error> {
    let matrices = Matrices::of(x);
    let n = matrices.rows;
    let mut values = Vec::with_capacity(x.elements.len());
    for matrix in 0..matrices.count() {
        values.extend(
            factor(n, |row, column| matrices.get(matrix, row, column)).unwrap_or_else(|| vec![f64::NAN; n * n]),
        );
    }
    rounded(x, &values)
}

/// The factor of one matrix, of which the lower triangle is read; `None` if a pivot is not positive.
fn factor(n: usize, a: impl Fn(usize, usize) -> f64) -> Option<Vec<f64>> {
    let mut l = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            let rest = a(i, j) - sum(j, |k| l[i * n + k] * l[j * n + k]);
            l[i * n + j] = if j < i {
                rest / l[j * n + j]
            } else if rest > 0.0 {
                rest.sqrt()
            } else {
                return None;
            };
        }
    }
    Some(l)
}

/// The attributes of a triangular system, as in `Op::TriangularSolve`.
#[derive(Clone, Copy)]
pub(crate) struct Form {
    pub(crate) left: bool,
    pub(crate) lower: bool,
    pub(crate) transpose: bool,
    pub(crate) unit: bool,
}

/// The solution of `op(A) X = B`, or of `X op(A) = B`, by substitution.
pub(crate) fn triangular_solve(a: &Array, b: &Array, form: Form) -> Result<Array, Error> {
    let (coefficients, sides) = (Matrices::of(a), Matrices::of(b));
    let n = coefficients.rows;
    let (rows, columns) = (sides.rows, sides.columns);
    let mut values = vec![0.0; b.elements.len()];
    // X op(A) = B is the system op(A)ᵀ Xᵀ = Bᵀ.
    let transposed = form.transpose == form.left;
    let lower = form.lower != transposed;
    let systems = if form.left { columns } else { rows };
    for matrix in 0..sides.count() {
        let coefficient = |i: usize, j: usize| {
            if i == j && form.unit {
                1.0
            } else if transposed {
                coefficients.get(matrix, j, i)
            } else {
                coefficients.get(matrix, i, j)
            }
        };
        for system in 0..systems {
            // The element of X and B that is number `i` of this system.
            let place = |i: usize| if form.left { (i, system) } else { (system, i) };
            let side = |i: usize| sides.get(matrix, place(i).0, place(i).1);
            for (i, value) in substitute(n, lower, coefficient, side).into_iter().enumerate() {
                let (row, column) = place(i);
                values[(matrix * rows + row) * columns + column] = value;
            }
        }
    }
    rounded(b, &values)
}

/// The solution of one triangular system with one right-hand side.
fn substitute(n: usize, lower: bool, a: impl Fn(usize, usize) -> f64, b: impl Fn(usize) -> f64) -> Vec<f64> {
    let mut x = vec![0.0; n];
    for step in 0..n {
        // Forwards from the first row if lower, backwards from the last if upper.
        let (i, known) = if lower { (step, 0) } else { (n - 1 - step, n - step) };
        let rest = b(i) - sum(step, |k| a(i, known + k) * x[known + k]);
        x[i] = rest / a(i, i);
    }
    x
}
