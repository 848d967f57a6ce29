//! Single precision against the platform's double precision: every function stays within the error
//! its documentation states, on a sample of the bit patterns. The `math_accuracy` example measures
//! at all of them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod math_support;

use math_support::table::bounds;
use math_support::{Function, Kernel, Variant, reference, ulp_f32};
use pullback_codegen::Features;
use pullback_codegen::math::{MathBinary, MathUnary};

/// A prime, so that the sample meets all low bits.
const STRIDE: u32 = 2053;

/// Arguments at which some function changes its path, overflows or underflows.
const BOUNDARIES: [f32; 32] = [
    88.722_84,
    -87.336_54,
    -103.972_08,
    89.0,
    -104.0,
    127.99999,
    -126.0,
    -149.0,
    -150.0,
    -151.0,
    0.6666667,
    1.3333334,
    1.0,
    -1.0,
    0.9375,
    3.95,
    3.92,
    0.625,
    9.01,
    9.02,
    10.0,
    10.06,
    10.1,
    32768.0,
    2048.0,
    std::f32::consts::FRAC_PI_4,
    std::f32::consts::FRAC_PI_2,
    0.5,
    40.0,
    -18.0,
    20.0,
    1.175_494_4e-38,
];

fn sample() -> Vec<f32> {
    let mut x: Vec<f32> = (0..u32::MAX / STRIDE).map(|i| f32::from_bits(i.wrapping_mul(STRIDE))).collect();
    let powers = (-149..128).map(|e| 2f64.powi(e) as f32);
    for center in BOUNDARIES.into_iter().chain(powers).chain([0.0, f32::INFINITY]) {
        for step in -64..=64i32 {
            let near = center.to_bits().wrapping_add_signed(step);
            x.extend([f32::from_bits(near), f32::from_bits(near ^ 0x8000_0000)]);
        }
    }
    x
}

/// The largest error over the points and a description of where it is.
fn worst(points: &[(f32, f32)], got: &[f32], want: impl Fn(f64, f64) -> f64) -> (f64, String) {
    let mut worst = (0.0, String::new());
    for (&(x, y), &got) in points.iter().zip(got) {
        let want = want(f64::from(x), f64::from(y));
        if got.to_bits() == (want as f32).to_bits() {
            continue;
        }
        let error = ulp_f32(got, want);
        if error > worst.0 {
            worst = (error, format!("({x:e}, {y:e}): {got:e} for {want:e}"));
        }
    }
    worst
}

fn check_unary(variants: &[Variant]) {
    let x = sample();
    let points: Vec<(f32, f32)> = x.iter().map(|&x| (x, x)).collect();
    let mut failures = Vec::new();
    for &f in MathUnary::ALL {
        let reference = reference::unary(f);
        for &variant in variants {
            let got = Kernel::<f32>::new(Function::Unary(f), variant).map(&x, &x);
            let (error, at) = worst(&points, &got, |x, _| reference(x));
            let bound = bounds(f.name()).single(variant.fma());
            if error > bound {
                failures.push(format!("{}: {error} ulp at {at}, bound {bound}, {variant:?}", f.name()));
            }
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn unary_functions_are_within_their_bounds_with_fma() {
    check_unary(&[Variant::cranelift(true, true)]);
}

#[test]
fn unary_functions_are_within_their_bounds_without_fma() {
    check_unary(&[Variant::cranelift(true, false)]);
}

#[test]
fn unary_functions_of_programs_are_within_their_bounds() {
    check_unary(&[Variant::widest(Features::Native)]);
}

/// Pairs of random bits, of ordinary numbers, and for powers of numbers near one and large ones.
fn pairs() -> Vec<(f32, f32)> {
    let mut state = 0x1234_5678_9abc_def1u64;
    let mut random = move || {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (state ^ (state >> 29)) >> 8
    };
    (0..600_000)
        .map(|i| {
            let (a, b) = (random(), random());
            let unit = |r: u64| (r & 0xff_ffff) as f32 / 16_777_216.0;
            match i % 4 {
                0 => (f32::from_bits(a as u32), f32::from_bits(b as u32)),
                1 => (20.0 * unit(a) - 10.0, 20.0 * unit(b) - 10.0),
                2 => (10.0 * unit(a), 100.0 * unit(b) - 50.0),
                _ => (0.99 + 0.02 * unit(a), 2e4 * unit(b) - 1e4),
            }
        })
        .collect()
}

/// The pairs with first members that are small natural numbers.
fn orders() -> Vec<(f32, f32)> {
    pairs().into_iter().step_by(5).enumerate().map(|(i, (_, y))| ((i % 7) as f32, y)).collect()
}

#[test]
fn binary_functions_are_within_their_bounds() {
    let mut failures = Vec::new();
    for &f in MathBinary::ALL {
        let points = if f == MathBinary::Polygamma { orders() } else { pairs() };
        let (x, y): (Vec<f32>, Vec<f32>) = points.iter().copied().unzip();
        let cranelift = [true, false].map(|fma| Variant::cranelift(true, fma));
        for variant in cranelift.into_iter().chain(Variant::programs()) {
            let got = Kernel::<f32>::new(Function::Binary(f), variant).map(&x, &y);
            let (error, at) = worst(&points, &got, reference::binary(f));
            let bound = bounds(f.name()).single(variant.fma());
            println!("{} {variant:?}: {error} ulp at {at}", f.name());
            if error > bound {
                failures.push(format!("{}: {error} ulp at {at}, bound {bound}, {variant:?}", f.name()));
            }
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}
