//! Factorizations and triangular systems, by residuals and by hand.

use pullback_graph::Triangular;
use pullback_ir::DType;

use crate::{close, counting, expect, values, vector};

#[test]
fn cholesky_factors_and_solves() {
    // [4 2; 2 10] = L L^T with L = [2 0; 1 3].
    let a = [4.0, 99.0, 2.0, 10.0];
    expect(&[2, 2], &[2.0, 0.0, 1.0, 3.0], |g| g.constant(a, [2, 2]).cholesky());
    // A x = [10, 32] has the solution [1, 3].
    expect(&[2], &[1.0, 3.0], |g| g.constant(a, [2, 2]).cholesky_solve(vector(g, &[10.0, 32.0])));
    expect(&[1, 2, 1], &[1.0, 3.0], |g| g.constant(a, [1, 2, 2]).cholesky_solve(g.constant([10.0, 32.0], [1, 2, 1])));
    expect(&[2, 2], &[f64::NAN; 4], |g| g.constant([1.0, 2.0, 2.0, 1.0], [2, 2]).cholesky());
}

#[test]
fn triangular_systems_are_solved_from_both_sides() {
    let out = values(|g| {
        let a = g.constant([2.0, 1.0, -1.0, 0.5, 3.0, 4.0, 1.0, 2.0, 5.0], [3, 3]);
        let (tall, wide) = (counting(g, &[3, 2]).cos(), counting(g, &[2, 3]).sin());
        let how = |left, lower, transpose, unit| Triangular { left, lower, transpose, unit };
        let lower = a.tril(0);
        let upper_unit = a.triu(1) + g.eye(DType::F64, 3);
        vec![
            lower.matmul(a.triangular_solve(tall, how(true, true, false, false))) - tall,
            lower.t().matmul(a.triangular_solve(tall, how(true, true, true, false))) - tall,
            a.triangular_solve(wide, how(false, false, false, true)).matmul(upper_unit) - wide,
            a.triangular_solve(wide, how(false, false, true, true)).matmul(upper_unit.t()) - wide,
        ]
    });
    for residual in &out {
        let zeros = vec![0.0; residual.to_f64().len()];
        close(residual, &residual.shape.extents(), &zeros, 1e-14);
    }
    expect(&[2], &[2.0, 1.0], |g| {
        let a = g.constant([1.0, 0.0, 2.0, 3.0], [2, 2]);
        a.triangular_solve(vector(g, &[4.0, 3.0]), Triangular { left: false, ..Triangular::default() })
    });
}

#[test]
fn parts_of_matrices() {
    expect(&[3], &[0.0, 4.0, 8.0], |g| counting(g, &[3, 3]).diagonal());
    expect(&[2, 2], &[0.0, 3.0, 4.0, 7.0], |g| counting(g, &[2, 2, 2]).diagonal());
    expect(&[2, 3], &[1.0, 0.0, 0.0, 1.0, 1.0, 0.0], |g| g.ones(DType::F64, [2, 3]).tril(0));
    expect(&[2, 3], &[1.0, 1.0, 0.0, 1.0, 1.0, 1.0], |g| g.ones(DType::F64, [2, 3]).tril(1));
    expect(&[2, 3], &[1.0, 1.0, 1.0, 0.0, 1.0, 1.0], |g| g.ones(DType::F64, [2, 3]).triu(0));
    expect(&[2, 3], &[0.0, 1.0, 1.0, 0.0, 0.0, 1.0], |g| g.ones(DType::F64, [2, 3]).triu(1));
    expect(&[2, 2], &[1.0, 1.0, 1.0, 1.0], |g| g.ones(DType::F64, [2, 2]).triu(isize::MIN));
    expect(&[2, 2], &[0.0; 4], |g| g.ones(DType::F64, [2, 2]).gt(0).triu(isize::MAX).to(DType::F64));
}
