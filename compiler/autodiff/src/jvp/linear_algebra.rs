//! JVP rules of the matrix factorisations, on the last two axes.
//!
//! Formulas: Giles, "Collected matrix derivative results for forward and reverse mode algorithmic differentiation" (2008), for
//! triangular systems; Murray, "Differentiation of the Cholesky decomposition" (2016), equation 8.

use pullback_ir::op::Comparison;
use pullback_ir::{Axes, Builder, DType, DotDims, Op, Value};

use super::{NoRule, Site, Tangent};

/// `L_t = L Phi(L^-1 A_t L^-T)`, where `Phi` takes the lower triangle and half of the diagonal, and `A_t` is the symmetric matrix whose lower
/// triangle is given.
pub(super) fn cholesky(b: &Builder<'_>, site: &Site<'_>) -> Tangent {
    let [Some(t)] = site.tangents()? else { return Err(NoRule) };
    let l = site.result;
    let strictly_lower = triangle(b, t, Comparison::Gt);
    let symmetric = b.add(triangle(b, t, Comparison::Ge), b.transpose(strictly_lower, swapped(b, t)));
    let solve = |left: bool, x: Value| {
        b.emit(Op::TriangularSolve { left, lower: true, transpose: !left, unit: false }, &[l, x])
    };
    let inner = solve(false, solve(true, symmetric));
    let below = triangle(b, inner, Comparison::Gt);
    let diagonal = triangle(b, inner, Comparison::Eq);
    let phi = b.add(below, b.mul(diagonal, b.splat_like(diagonal, 0.5)));
    Ok(Some(b.dot(l, phi, product(b, l, [1, 0]))))
}

/// From `op(A) X = B`: `X_t = op(A)^-1 (B_t - op(A_t) X)`, where `A_t` is restricted to what is read; likewise from the right.
pub(super) fn triangular_solve(b: &Builder<'_>, op: &Op, site: &Site<'_>) -> Tangent {
    let &Op::TriangularSolve { left, lower, transpose, unit } = op else { return Err(NoRule) };
    let [a, _] = site.operands()?;
    let [a_t, b_t] = site.tangents()?;
    let x = site.result;
    let moved = a_t.map(|a_t| {
        let read = match (lower, unit) {
            (true, false) => Comparison::Ge,
            (true, true) => Comparison::Gt,
            (false, false) => Comparison::Le,
            (false, true) => Comparison::Lt,
        };
        let a_t = triangle(b, a_t, read);
        let inner = usize::from(transpose);
        if left { b.dot(a_t, x, product(b, x, [1 - inner, 0])) } else { b.dot(x, a_t, product(b, x, [1, inner])) }
    });
    let right = match (b_t, moved) {
        (Some(b_t), Some(moved)) => b.sub(b_t, moved),
        (None, Some(moved)) => b.neg(moved),
        (Some(b_t), None) => b_t,
        (None, None) => return Ok(None),
    };
    Ok(Some(b.emit(op.clone(), &[a, right])))
}

/// The axis of rows; that of columns is behind it.
fn rows(b: &Builder<'_>, x: Value) -> usize {
    b.shape(x).rank().saturating_sub(2)
}

/// The permutation that transposes matrices.
fn swapped(b: &Builder<'_>, x: Value) -> Axes {
    let rows = rows(b, x);
    (0..rows).chain([rows + 1, rows]).collect()
}

/// Which axes to contract in a product of matrices: 0 for rows, 1 for columns; those before are batch axes.
fn product(b: &Builder<'_>, x: Value, [lhs, rhs]: [usize; 2]) -> DotDims {
    let rows = rows(b, x);
    let batch: Axes = (0..rows).collect();
    DotDims {
        lhs_batch: batch.clone(),
        rhs_batch: batch,
        lhs_contract: [rows + lhs].into(),
        rhs_contract: [rows + rhs].into(),
    }
}

/// The elements whose row compares so with their column, zeros elsewhere.
fn triangle(b: &Builder<'_>, x: Value, row: Comparison) -> Value {
    let (ty, rows) = (b.ty(x), rows(b, x));
    let positions = ty.with_dtype(DType::I32);
    let inside = b.compare(row, b.iota(positions.clone(), rows), b.iota(positions, rows + 1));
    b.select(inside, x, crate::emit::zero(b, &ty))
}
