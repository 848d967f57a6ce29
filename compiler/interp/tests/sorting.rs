//! Sorting, extrema and prefix combinations: hand-computed values, and the conventions at ties and NaN.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{apply, apply_all, array, counted, scrambled};
use pullback_interp::Array;
use pullback_ir::{Cumulation, DType, Extremum, Op};

const NAN: f64 = f64::NAN;
const INF: f64 = f64::INFINITY;

fn sort(args: &[&Array], axis: usize, keys: usize, descending: bool) -> Vec<Array> {
    apply_all(&Op::Sort { axis, keys, descending }, args)
}

/// The positions that sorting a vector puts in order.
fn argsort(keys: &[&Array], descending: bool) -> Vec<i32> {
    let count = keys[0].elements.len();
    let positions = array(&[count], &(0..count as i32).collect::<Vec<_>>());
    let args: Vec<&Array> = keys.iter().copied().chain([&positions]).collect();
    sort(&args, 0, keys.len(), descending).pop().unwrap().as_slice().unwrap().to_vec()
}

#[test]
fn sorting_is_stable_in_both_directions() {
    let x = array(&[6], &[3, 1, 3, 2, 1, 3]);
    assert_eq!(argsort(&[&x], false), [1, 4, 3, 0, 2, 5]);
    assert_eq!(argsort(&[&x], true), [0, 2, 5, 3, 1, 4]);
    assert_eq!(sort(&[&x], 0, 1, false), [array(&[6], &[1, 1, 2, 3, 3, 3])]);
}

#[test]
fn nan_is_the_largest_and_zeros_are_equal() {
    let x = array(&[6], &[NAN, 0.0, INF, -0.0, NAN, -INF]);
    assert_eq!(argsort(&[&x], false), [5, 1, 3, 2, 0, 4]);
    assert_eq!(argsort(&[&x], true), [0, 4, 2, 1, 3, 5]);
    assert_eq!(argsort(&[&array(&[3], &[true, false, true])], false), [1, 0, 2]);
    assert_eq!(argsort(&[&array(&[3], &[200u8, 3, 100])], false), [1, 2, 0]);
    let close = array(&[2], &[i64::MAX, i64::MAX - 1]);
    assert_eq!(argsort(&[&close], false), [1, 0], "64-bit integers are compared as such");
}

#[test]
fn later_keys_break_the_ties_of_earlier_ones() {
    let first = array(&[4], &[1.0, 0.0, 1.0, 0.0]);
    let second = array(&[4], &[5, 7, 4, 6]);
    assert_eq!(argsort(&[&first, &second], false), [3, 1, 2, 0]);
    assert_eq!(argsort(&[&first, &second], true), [0, 2, 1, 3]);
}

#[test]
fn sorting_runs_along_any_axis_and_takes_the_others_along() {
    let x = array(&[2, 3], &[4, 2, 9, 1, 8, 3]);
    let y = counted(&[2, 3]);
    let columns = sort(&[&x, &y], 0, 1, false);
    assert_eq!(columns[0], array(&[2, 3], &[1, 2, 3, 4, 8, 9]));
    assert_eq!(columns[1], array(&[2, 3], &[3.0, 1.0, 5.0, 0.0, 4.0, 2.0]));
    let rows = sort(&[&x, &y], 1, 1, true);
    assert_eq!(rows[0], array(&[2, 3], &[9, 4, 2, 8, 3, 1]));
    assert_eq!(sort(&[&counted(&[0, 3])], 0, 1, false), [counted(&[0, 3])]);
}

#[test]
fn the_largest_come_in_order_with_their_positions() {
    let top = |x: &Array, k| apply_all(&Op::TopK { k }, &[x]);
    let found = top(&array(&[2, 4], &[1.0, 7.0, 7.0, 2.0, NAN, 3.0, -INF, 5.0]), 3);
    assert_eq!(found[0].to_f64()[..3], [7.0, 7.0, 2.0]);
    assert!(found[0].to_f64()[3].is_nan());
    assert_eq!(found[0].to_f64()[4..], [5.0, 3.0]);
    assert_eq!(found[1], array(&[2, 3], &[1, 2, 3, 0, 3, 1]));
    assert_eq!(top(&array(&[3], &[1u8, 2, 3]), 0), [array::<u8>(&[0], &[]), array::<i32>(&[0], &[])]);
    assert_eq!(top(&array::<f32>(&[0, 2], &[]), 1)[1], array::<i32>(&[0, 1], &[]));
    // All of them are a sort.
    let x = scrambled(&[5, 6], 1);
    assert_eq!(top(&x, 6)[0], sort(&[&x], 1, 1, true)[0]);
}

#[test]
fn the_first_extremum_counts_and_nan_is_one() {
    let arg = |kind, x: &[f64]| {
        let op = Op::ArgReduce { kind, axis: 0, dtype: DType::I64 };
        apply(&op, &[&array(&[x.len()], x)]).as_slice::<i64>().unwrap()[0]
    };
    assert_eq!(arg(Extremum::Max, &[1.0, 3.0, 3.0]), 1);
    assert_eq!(arg(Extremum::Min, &[2.0, 1.0, 1.0]), 1);
    assert_eq!(arg(Extremum::Max, &[-0.0, 0.0]), 0);
    assert_eq!(arg(Extremum::Max, &[INF, NAN, NAN]), 1);
    assert_eq!(arg(Extremum::Min, &[-INF, NAN, NAN]), 1);
    assert_eq!(arg(Extremum::Min, &[NAN, -INF]), 0);
    let x = array(&[2, 3], &[1u8, 5, 9, 7, 5, 2]);
    let along = |axis| apply(&Op::ArgReduce { kind: Extremum::Max, axis, dtype: DType::I32 }, &[&x]);
    assert_eq!(along(0), array(&[3], &[1, 0, 0]));
    assert_eq!(along(1), array(&[2], &[2, 0]));
}

fn cumulative(kind: Cumulation, x: &Array, axis: usize, reverse: bool) -> Array {
    apply(&Op::Cumulative { kind, axis, reverse }, &[x])
}

#[test]
fn prefixes_include_their_end() {
    let x = array(&[2, 3], &[1, 2, 3, 4, 5, 6]);
    assert_eq!(cumulative(Cumulation::Add, &x, 1, false), array(&[2, 3], &[1, 3, 6, 4, 9, 15]));
    assert_eq!(cumulative(Cumulation::Add, &x, 1, true), array(&[2, 3], &[6, 5, 3, 15, 11, 6]));
    assert_eq!(cumulative(Cumulation::Mul, &x, 0, false), array(&[2, 3], &[1, 2, 3, 4, 10, 18]));
    let y = array(&[4], &[2u8, 200, 100, 255]);
    assert_eq!(cumulative(Cumulation::Add, &y, 0, false), array(&[4], &[2u8, 202, 46, 45]));
    assert_eq!(cumulative(Cumulation::Max, &y, 0, false), array(&[4], &[2u8, 200, 200, 255]));
    assert_eq!(cumulative(Cumulation::Min, &y, 0, true), array(&[4], &[2u8, 100, 100, 255]));
    assert_eq!(cumulative(Cumulation::Add, &counted(&[3, 0]), 1, false), counted(&[3, 0]));
}

#[test]
fn nan_stays_from_where_it_is_met() {
    for kind in [Cumulation::Add, Cumulation::Mul, Cumulation::Max, Cumulation::Min, Cumulation::LogSumExp] {
        let found = cumulative(kind, &array(&[4], &[1.0, NAN, -INF, INF]), 0, false).to_f64();
        assert_eq!(found.map_nan(), [false, true, true, true], "{kind:?}");
    }
    let sums = cumulative(Cumulation::Add, &array(&[4], &[1.0, INF, 1.0, -INF]), 0, false).to_f64();
    assert_eq!(sums[..3], [1.0, INF, INF]);
    assert!(sums[3].is_nan());
}

trait MapNan {
    fn map_nan(&self) -> Vec<bool>;
}

impl MapNan for Vec<f64> {
    fn map_nan(&self) -> Vec<bool> {
        self.iter().map(|x| x.is_nan()).collect()
    }
}

#[test]
fn prefix_sums_are_rounded_once() {
    let x = array(&[3], &[16_777_216.0f32, 1.0, 1.0]);
    assert_eq!(cumulative(Cumulation::Add, &x, 0, false).to_f64()[2], 16_777_218.0);
    // In f64 the ones are lost one by one unless what rounding loses is kept.
    let x = array(&[4], &[2f64.powi(53), 1.0, 1.0, -(2f64.powi(53))]);
    assert_eq!(cumulative(Cumulation::Add, &x, 0, false).to_f64()[3], 2.0);
    let zeros = cumulative(Cumulation::Mul, &array(&[3], &[1e-300, 1e-300, 1e300]), 0, false);
    assert_eq!(zeros.to_f64()[1..], [0.0, 0.0]);
}

#[test]
fn logarithms_of_sums_of_exponentials() {
    let found = |x: &[f64]| cumulative(Cumulation::LogSumExp, &array(&[x.len()], x), 0, false).to_f64();
    let close = |x: f64, y: f64| (x - y).abs() <= 4.0 * f64::EPSILON * y.abs();
    // log(1 + 2 + … + n) of the logarithms of 1, 2, ….
    for (i, y) in found(&(1..=9).map(|n| f64::from(n).ln()).collect::<Vec<_>>()).into_iter().enumerate() {
        let sum = ((i + 1) * (i + 2) / 2) as f64;
        assert!((y - sum.ln()).abs() < 4.0 * f64::EPSILON, "{y}");
    }
    // Nothing overflows, in any order, and what is small beside the largest term is not lost.
    assert!(close(found(&[1000.0, 1000.0])[1], 1000.0 + 2f64.ln()));
    assert!(close(found(&[-1000.0, 1000.0])[1], 1000.0));
    assert!(close(found(&[0.0, -40.0])[1], (-40f64).exp()));
    assert!(close(found(&[-40.0, 0.0])[1], (-40f64).exp()));
    // -inf is the log of nothing.
    assert_eq!(found(&[-INF, -INF, 2.0, -INF]), [-INF, -INF, 2.0, 2.0]);
    assert_eq!(found(&[1.0, INF, INF, -INF, 3.0])[1..], [INF; 4]);
    let x = array(&[2], &[0.0f32, 0.0]);
    let back = cumulative(Cumulation::LogSumExp, &x, 0, true);
    assert_eq!(back, array(&[2], &[2f64.ln() as f32, 0.0]));
}
