//! The matrix product against sums written out.

use pullback_ir::DotDims;

use crate::{counting, expect, vector};

#[test]
fn vectors_and_matrices_multiply_as_in_numpy() {
    expect(&[], &[14.0], |g| vector(g, &[1.0, 2.0, 3.0]).matmul(vector(g, &[1.0, 2.0, 3.0])));
    // [[0, 1, 2], [3, 4, 5]]
    expect(&[2], &[8.0, 26.0], |g| counting(g, &[2, 3]).matmul(vector(g, &[1.0, 2.0, 3.0])));
    expect(&[3], &[6.0, 9.0, 12.0], |g| vector(g, &[1.0, 2.0]).matmul(counting(g, &[2, 3])));
    // [[0, 1], [2, 3], [4, 5]]: row 0 gives 0·0 + 1·2 + 2·4 = 10 and 0·1 + 1·3 + 2·5 = 13.
    expect(&[2, 2], &[10.0, 13.0, 28.0, 40.0], |g| counting(g, &[2, 3]).matmul(counting(g, &[3, 2])));
}

/// `[b1, b2, m, k] × [c1, c2, k, n]` by four loops, with batch axes of extent 1 standing for all.
fn reference(x: &[usize; 4], y: &[usize; 4]) -> Vec<f64> {
    let at = |dims: &[usize; 4], position: [usize; 4]| {
        let clipped = std::array::from_fn::<usize, 4, _>(|axis| position[axis].min(dims[axis] - 1));
        clipped.iter().zip(dims).fold(0, |offset, (&index, &extent)| offset * extent + index) as f64
    };
    let mut out = Vec::new();
    for b in 0..x[0].max(y[0]) {
        for c in 0..x[1].max(y[1]) {
            for i in 0..x[2] {
                for j in 0..y[3] {
                    out.push((0..x[3]).map(|k| at(x, [b, c, i, k]) * at(y, [b, c, k, j])).sum());
                }
            }
        }
    }
    out
}

#[test]
fn batch_axes_broadcast() {
    expect(&[2, 3, 2, 4], &reference(&[2, 3, 2, 3], &[2, 3, 3, 4]), |g| {
        counting(g, &[2, 3, 2, 3]).matmul(counting(g, &[2, 3, 3, 4]))
    });
    expect(&[2, 3, 2, 4], &reference(&[2, 1, 2, 3], &[1, 3, 3, 4]), |g| {
        counting(g, &[2, 1, 2, 3]).matmul(counting(g, &[3, 3, 4]))
    });
    expect(&[2, 3, 2, 4], &reference(&[2, 3, 2, 3], &[1, 1, 3, 4]), |g| {
        counting(g, &[2, 3, 2, 3]).matmul(counting(g, &[3, 4]))
    });
    expect(&[2, 3, 2, 4], &reference(&[1, 1, 2, 3], &[2, 3, 3, 4]), |g| {
        counting(g, &[2, 3]).matmul(counting(g, &[2, 3, 3, 4]))
    });
    expect(&[2, 3, 4], &reference(&[1, 1, 1, 3], &[2, 3, 3, 4]), |g| {
        counting(g, &[3]).matmul(counting(g, &[2, 3, 3, 4]))
    });
    expect(&[2, 3, 2], &reference(&[2, 3, 2, 3], &[1, 1, 3, 1]), |g| {
        counting(g, &[2, 3, 2, 3]).matmul(counting(g, &[3]))
    });
}

#[test]
fn the_general_product_contracts_any_axes() {
    // Σ_i x[i, a] y[b, i] with x = y = [[0, 1], [2, 3]]: x[0, a] y[b, 0] + x[1, a] y[b, 1].
    let dims = DotDims { lhs_contract: [0].into(), rhs_contract: [1].into(), ..DotDims::default() };
    expect(&[2, 2], &[2.0, 6.0, 3.0, 11.0], |g| counting(g, &[2, 2]).dot_general(counting(g, &[2, 2]), dims));
}
