//! Double precision against exact values computed with mpmath (`data/generate_math_f64.py`,
//! `data/generate_special_f64.py`): every
//! function stays within the error its documentation states, with and without fused multiply-add, and in programs.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod math_support;

use math_support::table::bounds;
use math_support::{Function, Kernel, Variant};
use pullback_codegen::math::{MathBinary, MathUnary};

const GOLDEN: [&str; 2] = [include_str!("data/math_f64.txt"), include_str!("data/special_f64.txt")];

/// The points of one function: arguments, the rounded result, the exact one less it in ulp.
#[derive(Default)]
struct Points {
    x: Vec<f64>,
    y: Vec<f64>,
    value: Vec<f64>,
    offset: Vec<f64>,
}

fn points(name: &str) -> Points {
    let mut points = Points::default();
    for line in GOLDEN.iter().flat_map(|file| file.lines()) {
        let cells: Vec<&str> = line.split(' ').collect();
        if cells[0] != name {
            continue;
        }
        let float = |cell: &str| f64::from_bits(u64::from_str_radix(cell, 16).unwrap());
        points.x.push(float(cells[1]));
        points.y.push(float(cells[cells.len() - 3]));
        points.value.push(float(cells[cells.len() - 2]));
        points.offset.push(cells[cells.len() - 1].parse::<f64>().unwrap() / 1000.0);
    }
    assert!(points.x.len() > 200, "{name} has {} points", points.x.len());
    points
}

/// The error in ulp of the exact result.
fn ulp(got: f64, value: f64, offset: f64) -> f64 {
    if value.is_nan() || got.is_nan() {
        return if value.is_nan() == got.is_nan() { 0.0 } else { f64::INFINITY };
    }
    if got.is_sign_negative() != value.is_sign_negative() {
        return f64::INFINITY;
    }
    // Doubles of one sign are ordered as their bits; across a power of two this counts in the
    // smaller unit, so it never flatters.
    let steps = got.abs().to_bits() as i64 - value.abs().to_bits() as i64;
    let offset = if value < 0.0 { -offset } else { offset };
    (steps as f64 - offset).abs()
}

fn worst(function: Function, name: &str, variant: Variant) -> (f64, f64, f64) {
    let points = points(name);
    let kernel = Kernel::<f64>::new(function, variant);
    let got = kernel.map(&points.x, &points.y);
    let mut worst = (0.0, 0.0, 0.0);
    for (i, &got) in got.iter().enumerate() {
        let error = ulp(got, points.value[i], points.offset[i]);
        if error > worst.0 {
            worst = (error, points.x[i], points.y[i]);
        }
    }
    worst
}

fn check(function: Function, name: &str) -> Vec<String> {
    let mut failures = Vec::new();
    let cranelift = [true, false].map(|fma| Variant::cranelift(true, fma));
    for variant in cranelift.into_iter().chain(Variant::programs()) {
        let (error, x, y) = worst(function, name, variant);
        let bound = bounds(name).double(variant.fma());
        println!("{name:10} {error:8.3} ulp at {x:e} {y:e}, {variant:?}");
        if error > bound {
            failures.push(format!("{name}: {error} ulp at ({x:e}, {y:e}), bound {bound}, {variant:?}"));
        }
    }
    failures
}

#[test]
fn unary_functions_are_within_their_bounds() {
    let exact = ["sign", "floor", "ceil", "round_half_even"];
    let failures: Vec<String> = MathUnary::ALL
        .iter()
        .filter(|f| !exact.contains(&f.name()))
        .flat_map(|&f| check(Function::Unary(f), f.name()))
        .collect();
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn binary_functions_are_within_their_bounds() {
    let failures: Vec<String> = [MathBinary::Atan2, MathBinary::Pow, MathBinary::Rem, MathBinary::Polygamma]
        .iter()
        .flat_map(|&f| check(Function::Binary(f), f.name()))
        .collect();
    assert!(failures.is_empty(), "{failures:#?}");
}
