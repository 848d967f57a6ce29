//! Order along an axis.

use pullback_ir::{Cumulation, DType};

use crate::{close, expect, values, vector};

const NAN: f64 = f64::NAN;

#[test]
fn extrema_have_positions() {
    let x = [3.0, 1.0, 3.0, 0.0, 5.0, 0.0];
    expect(&[2], &[0.0, 1.0], |g| g.constant(x, [2, 3]).argmax(-1));
    expect(&[2], &[1.0, 0.0], |g| g.constant(x, [2, 3]).argmin(-1));
    expect(&[3], &[0.0, 1.0, 0.0], |g| g.constant(x, [2, 3]).argmax(0));
    expect(&[], &[1.0], |g| vector(g, &[3.0, NAN, 7.0]).argmax(0));
    expect(&[], &[1.0], |g| vector(g, &[3.0, NAN, 7.0]).argmin(0));
    let out = values(|g| vec![vector(g, &x).argmax(0)]);
    assert_eq!(out[0].dtype(), DType::I32);
}

#[test]
fn sorting_is_stable_and_nan_is_last() {
    let x = [2.0, NAN, 1.0, 2.0, -1.0];
    expect(&[5], &[-1.0, 1.0, 2.0, 2.0, NAN], |g| vector(g, &x).sort(0));
    expect(&[5], &[NAN, 2.0, 2.0, 1.0, -1.0], |g| vector(g, &x).sort_descending(0));
    expect(&[5], &[4.0, 2.0, 0.0, 3.0, 1.0], |g| vector(g, &x).argsort(0));
    expect(&[5], &[1.0, 0.0, 3.0, 2.0, 4.0], |g| vector(g, &x).argsort_descending(0));
    expect(&[2, 2], &[1.0, 0.0, 3.0, 2.0], |g| g.constant([3.0, 2.0, 1.0, 0.0], [2, 2]).sort(0));
    let out = values(|g| {
        let (first, second) = (g.constant([1i32, 0, 1, 0], [4]), vector(g, &[1.0, 9.0, 0.0, 8.0]));
        g.sort_together(&[first, second, g.arange(DType::I32, 4)], -1, 2, false)
    });
    close(&out[0], &[4], &[0.0, 0.0, 1.0, 1.0], 0.0);
    close(&out[1], &[4], &[8.0, 9.0, 0.0, 1.0], 0.0);
    close(&out[2], &[4], &[3.0, 1.0, 2.0, 0.0], 0.0);
}

#[test]
fn the_largest_come_with_positions() {
    let out = values(|g| {
        let (values, positions) = g.constant([1.0, 5.0, 3.0, 5.0, 0.0, -1.0, -2.0, -3.0], [2, 4]).top_k(3);
        vec![values, positions]
    });
    close(&out[0], &[2, 3], &[5.0, 5.0, 3.0, 0.0, -1.0, -2.0], 0.0);
    close(&out[1], &[2, 3], &[1.0, 3.0, 2.0, 0.0, 1.0, 2.0], 0.0);
}

#[test]
fn combinations_accumulate() {
    let x = [1.0, 3.0, 2.0, -4.0];
    expect(&[4], &[1.0, 4.0, 6.0, 2.0], |g| vector(g, &x).cumsum(0));
    expect(&[4], &[1.0, 3.0, 6.0, -24.0], |g| vector(g, &x).cumprod(0));
    expect(&[4], &[1.0, 3.0, 3.0, 3.0], |g| vector(g, &x).cummax(0));
    expect(&[4], &[1.0, 1.0, 1.0, -4.0], |g| vector(g, &x).cummin(0));
    expect(&[4], &[2.0, 1.0, -2.0, -4.0], |g| vector(g, &x).cumulative(Cumulation::Add, -1, true));
    expect(&[2, 2], &[1.0, 3.0, 3.0, -1.0], |g| g.constant(x, [2, 2]).cumsum(0));
    let mut sum = 0.0;
    let expected = x.map(|x: f64| {
        sum += x.exp();
        sum.ln()
    });
    expect(&[4], &expected, |g| vector(g, &x).cumlogsumexp(0));
    expect(&[2], &[1000.0, 1000.0 + 2f64.ln()], |g| vector(g, &[1000.0, 1000.0]).cumlogsumexp(0));
}
