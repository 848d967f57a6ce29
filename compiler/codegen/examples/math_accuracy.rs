//! The error of every single-precision math function, and the time per element, in programs as they are compiled for the processor.
//!
//!     cargo run --release -p pullback-codegen --example math_accuracy -- --all
//!
//! measures at every `f32` (about 30 minutes on two cores); without `--all` at one of 4093. Further
//! options: `--features vectors128` or `--features baseline`, for less than the processor has; names of functions, to measure only those. An error of zero means that every
//! result was the nearest single (or NaN where a NaN is due).

#![allow(clippy::unwrap_used, clippy::panic, reason = "measurement, not library code")]

#[path = "../tests/math_support/mod.rs"]
mod math_support;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use math_support::{Function, Kernel, Variant, reference, ulp_f32};
use pullback_codegen::Features;
use pullback_codegen::math::MathUnary;

const CHUNK: usize = 1 << 14;

/// The largest error, and where.
#[derive(Clone, Copy, Default)]
struct Worst {
    ulp: f64,
    at: f32,
    got: f32,
}

fn sweep(function: MathUnary, kernel: &Kernel<f32>, stride: u64) -> Worst {
    let want = reference::unary(function);
    let next = AtomicU64::new(0);
    let total = (1u64 << 32).div_ceil(stride);
    let work = || {
        let mut worst = Worst::default();
        let (mut x, mut y) = (vec![0f32; CHUNK], vec![0f32; CHUNK]);
        loop {
            let start = next.fetch_add(CHUNK as u64, Ordering::Relaxed);
            if start >= total {
                return worst;
            }
            for (i, x) in x.iter_mut().enumerate() {
                *x = f32::from_bits(((start + i as u64) * stride) as u32);
            }
            kernel.apply(&x, &x, &mut y);
            for (&x, &got) in x.iter().zip(&y) {
                let want = want(f64::from(x));
                // Most results are the nearest single; those are not worth measuring.
                if got.to_bits() == (want as f32).to_bits() {
                    continue;
                }
                let ulp = ulp_f32(got, want);
                if ulp > worst.ulp {
                    worst = Worst { ulp, at: x, got };
                }
            }
        }
    };
    let results = std::thread::scope(|scope| {
        let other = scope.spawn(work);
        [work(), other.join().unwrap()]
    });
    if results[0].ulp >= results[1].ulp { results[0] } else { results[1] }
}

/// Nanoseconds per element over arguments that the functions usually get.
fn time(kernel: &Kernel<f32>) -> f64 {
    let x: Vec<f32> = (0..4096).map(|i| 0.001 + (i as f32) * (0.998 / 4096.0)).collect();
    let mut y = x.clone();
    let mut best = f64::INFINITY;
    for _ in 0..50 {
        let start = Instant::now();
        kernel.apply(&x, &x, &mut y);
        best = best.min(start.elapsed().as_secs_f64());
    }
    best * 1e9 / x.len() as f64
}

fn main() {
    let (mut stride, mut features, mut named) = (4093, Features::Native, Vec::new());
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match &*arg {
            "--all" => stride = 1,
            "--features" => features = args.next().expect("--features needs a name").parse().unwrap(),
            name => {
                assert!(MathUnary::ALL.iter().any(|f| f.name() == name), "there is no function or option {name}");
                named.push(arg);
            }
        }
    }
    let variant = Variant::widest(features);
    println!("{:16} {:>9} {:>16} {:>16} {:>8}", "function", "max ulp", "at", "result", "ns/elem");
    for &function in MathUnary::ALL {
        if !named.is_empty() && !named.iter().any(|n| n == function.name()) {
            continue;
        }
        let kernel = Kernel::<f32>::new(Function::Unary(function), variant);
        let ns = time(&kernel);
        let Worst { ulp, at, got } = sweep(function, &kernel, stride);
        println!("{:16} {ulp:9.4} {at:16.8e} {got:16.8e} {ns:8.2}", function.name());
    }
}
