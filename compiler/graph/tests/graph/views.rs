//! Reshape, transpose, slices, padding, joining and splitting.

use pullback_graph::span;
use pullback_ir::{DType, PadSpec};

use crate::{counting, expect, values, vector};

#[test]
fn reshape_fills_in_one_extent() {
    let x = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
    expect(&[3, 2], &x, |g| counting(g, &[2, 3]).reshape([3, -1]));
    expect(&[6], &x, |g| counting(g, &[2, 3]).flatten());
    expect(&[2, 1, 3], &x, |g| counting(g, &[2, 3]).expand_dims(1));
    expect(&[2, 3, 1], &x, |g| counting(g, &[2, 3]).expand_dims(-1));
    expect(&[2, 3], &x, |g| counting(g, &[1, 2, 3, 1]).squeeze([0, -1]));
    expect(&[0, 4], &[], |g| g.zeros(DType::F64, [2, 0]).reshape([-1, 4]));
    expect(&[], &[5.0], |g| vector(g, &[5.0]).reshape([]));
}

#[test]
fn transposition_moves_axes() {
    let t = [0.0, 3.0, 1.0, 4.0, 2.0, 5.0];
    expect(&[3, 2], &t, |g| counting(g, &[2, 3]).t());
    expect(&[3, 2], &t, |g| counting(g, &[2, 3]).transpose());
    expect(&[3, 1, 2], &t, |g| counting(g, &[1, 2, 3]).permute([2, 0, -2]));
    expect(&[3, 2, 1], &t, |g| counting(g, &[1, 2, 3]).transpose());
    expect(&[1, 3, 2], &t, |g| counting(g, &[1, 2, 3]).t());
    expect(&[3, 2, 1], &t, |g| counting(g, &[1, 2, 3]).swap_axes(0, -1));
    expect(&[2, 3], &[5.0, 4.0, 3.0, 2.0, 1.0, 0.0], |g| counting(g, &[2, 3]).reverse([0, 1]));
}

#[test]
fn slices_take_ranges_with_steps() {
    // [[0, 1, 2, 3], [4, 5, 6, 7]]
    expect(&[1, 2], &[5.0, 7.0], |g| counting(g, &[2, 4]).slice([span(1..2), span(1..).step(2)]));
    expect(&[2, 3], &[0.0, 1.0, 2.0, 4.0, 5.0, 6.0], |g| counting(g, &[2, 4]).slice_axis(-1, ..-1));
    expect(&[1, 4], &[4.0, 5.0, 6.0, 7.0], |g| counting(g, &[2, 4]).slice([span(-1..)]));
    expect(&[2, 2], &[1.0, 2.0, 5.0, 6.0], |g| counting(g, &[2, 4]).slice_axis(1, 1..=2));
    expect(&[2, 1], &[3.0, 7.0], |g| counting(g, &[2, 4]).slice_axis(1, -1..=-1));
    expect(&[2], &[3.0, 7.0], |g| counting(g, &[2, 4]).index(1, -1));
    expect(&[4], &[0.0, 1.0, 2.0, 3.0], |g| counting(g, &[2, 4]).index(0, 0));
    expect(&[2, 0], &[], |g| counting(g, &[2, 4]).slice_axis(1, 2..2));
    expect(&[2, 1], &[0.0, 4.0], |g| counting(g, &[2, 4]).slice_axis(1, ..=0));
}

#[test]
fn padding_surrounds() {
    expect(&[5], &[9.0, 0.0, 1.0, 9.0, 9.0], |g| counting(g, &[2]).pad([(1, 2)], 9));
    expect(&[1], &[1.0], |g| counting(g, &[2]).pad([(-1, 0)], 0.0));
    expect(&[2, 3], &[0.0, 1.0, 7.0, 2.0, 3.0, 7.0], |g| counting(g, &[2, 2]).pad([(0, 0), (0, 1)], g.scalar(7.0)));
    let spread = PadSpec { low: [0].into(), high: [0].into(), interior: [2].into() };
    expect(&[4], &[0.0, 5.0, 5.0, 1.0], |g| counting(g, &[2]).pad_general(spread, 5));
}

#[test]
fn tensors_join_and_split() {
    expect(&[2, 3], &[0.0, 1.0, 8.0, 2.0, 3.0, 9.0], |g| {
        g.concatenate(&[counting(g, &[2, 2]), g.constant([8.0, 9.0], [2, 1])], -1)
    });
    expect(&[2, 2], &[0.0, 1.0, 5.0, 6.0], |g| g.stack(&[counting(g, &[2]), counting(g, &[2]) + 5], 0));
    expect(&[2, 2], &[0.0, 5.0, 1.0, 6.0], |g| g.stack(&[counting(g, &[2]), counting(g, &[2]) + 5], -1));
    let out = values(|g| {
        let [left, right] = counting(g, &[2, 4]).split(-1);
        let mut parts = counting(g, &[4]).split_sizes(&[1, 0, 3], 0);
        parts.extend([left, right]);
        parts
    });
    let found: Vec<Vec<f64>> = out.iter().map(pullback_interp::Array::to_f64).collect();
    assert_eq!(found, [vec![0.0], vec![], vec![1.0, 2.0, 3.0], vec![0.0, 1.0, 4.0, 5.0], vec![2.0, 3.0, 6.0, 7.0]]);
}
