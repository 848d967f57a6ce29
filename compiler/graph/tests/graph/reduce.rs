//! Reductions over all, some and kept axes.

use pullback_ir::DType;

use crate::{counting, expect, vector};

#[test]
fn axes_may_be_counted_from_the_end() {
    // [[0, 1, 2], [3, 4, 5]]
    expect(&[], &[15.0], |g| counting(g, &[2, 3]).sum());
    expect(&[3], &[3.0, 5.0, 7.0], |g| counting(g, &[2, 3]).sum_axes([0]));
    expect(&[2], &[3.0, 12.0], |g| counting(g, &[2, 3]).sum_axes([-1]));
    expect(&[2, 1], &[3.0, 12.0], |g| counting(g, &[2, 3]).sum_keepdims([-1]));
    expect(&[1, 1], &[15.0], |g| counting(g, &[2, 3]).sum_keepdims([1, 0]));
    expect(&[2, 3], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0], |g| counting(g, &[2, 3]).sum_axes([]));
}

#[test]
fn each_kind_accumulates_its_own() {
    expect(&[2], &[0.0, 60.0], |g| counting(g, &[2, 3]).prod_axes([1]));
    expect(&[], &[5.0], |g| counting(g, &[2, 3]).max());
    expect(&[3], &[0.0, 1.0, 2.0], |g| counting(g, &[2, 3]).min_axes([0]));
    expect(&[2], &[0.0, 1.0], |g| g.constant([true, false, true, true], [2, 2]).all_axes([1]));
    expect(&[1, 2], &[1.0, 1.0], |g| g.constant([true, false, true, true], [2, 2]).any_keepdims([0]));
    expect(&[], &[0.0], |g| g.constant([true, false], [2]).all());
}

#[test]
fn moments_divide_by_the_number_of_elements() {
    // Mean 2.5, squared deviations 2.25, 0.25, 0.25, 2.25.
    let x = [1.0, 2.0, 3.0, 4.0];
    expect(&[], &[2.5], |g| vector(g, &x).mean());
    expect(&[], &[1.25], |g| vector(g, &x).var());
    expect(&[], &[1.25f64.sqrt()], |g| vector(g, &x).std());
    expect(&[2], &[1.0, 4.0], |g| counting(g, &[2, 3]).mean_axes([-1]));
    expect(&[1, 3], &[2.25; 3], |g| counting(g, &[2, 3]).var_keepdims([0]));
    expect(&[3], &[1.5; 3], |g| counting(g, &[2, 3]).std_axes([0]));
}

#[test]
fn reductions_of_nothing_give_the_identity_and_a_mean_nan() {
    expect(&[2], &[0.0, 0.0], |g| g.zeros(DType::F64, [2, 0]).sum_axes([1]));
    expect(&[], &[1.0], |g| g.zeros(DType::F64, [0]).prod());
    expect(&[], &[f64::NEG_INFINITY], |g| g.zeros(DType::F64, [0]).max());
    expect(&[], &[f64::NAN], |g| g.zeros(DType::F64, [0]).mean());
}
