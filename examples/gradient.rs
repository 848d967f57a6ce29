//! The gradient: the derivative of a number with respect to many.
//!
//! A function of `N` numbers has `N` slopes, one for each direction of an axis. As a vector they are the gradient, and a step `Δ` in *any*
//! direction is predicted by a dot product with it:
//!
//! ```text
//! f(x + Δ) ≈ f(x) + ∇f(x) · Δ
//! ```
//!
//! The gradient could be found by trying: one step along every axis, `N + 1` evaluations of `f`. Walking the graph backwards finds
//! all `N` slopes in one pass that costs a small multiple of *one* evaluation, however large `N` is. (Baur and Strassen, "The complexity of
//! partial derivatives", 1983: at most about five times the operations.)

use std::error::Error;
use std::time::Instant;

use pullback::prelude::*;

const N: usize = 1000;

/// `log Σ exp(x_i)` and a little coupling of neighbours, a number.
fn f(x: Tensor<'_>) -> Tensor<'_> {
    let neighbours = x.slice_axis(0, 1..) * x.slice_axis(0, ..-1);
    x.logsumexp(0) + 0.5 * neighbours.sin().mean()
}

fn main() -> Result<(), Box<dyn Error>> {
    clap::Command::new("gradient")
        .about("Compares a gradient of 1000 numbers with its differences, in value and in time")
        .get_matches();

    let mut module = Module::new();
    let f = module.add(trace(&module, "f", |g| vec![f(g.input("x", DType::F64, [N]))])?);
    let module = verify(module)?;
    let value = compile(&module, f, &Options::new())?;
    let gradient = compile(&module, f, &Options::new().value_and_grad(["x"]))?;

    let x: Vec<f64> = (0..N).map(|i| (0.7 * i as f64).sin()).collect();
    let direction: Vec<f64> = (0..N).map(|i| (0.7 * i as f64 + 0.5).sin()).collect();

    let results = gradient.run(&[ArgRef::from(&x[..])])?;
    let (f_x, slopes) = (results[0].item::<f64>()?, results[1].as_slice::<f64>()?);
    let slope: f64 = slopes.iter().zip(&direction).map(|(slope, d)| slope * d).sum();
    println!("f: R^{N} → R,  f(x) = {f_x:.9},  ∇f(x)·d = {slope:.9} for a direction d\n");

    println!("    step t   f(x + t d) - f(x)      ∇f(x)·(t d)        error     error/t²");
    let mut ratios = Vec::new();
    for exponent in 2..9 {
        let t = 0.5f64.powi(exponent);
        let moved: Vec<f64> = x.iter().zip(&direction).map(|(x, d)| x + t * d).collect();
        let change = evaluate(&value, &moved)? - f_x;
        let error = change - t * slope;
        ratios.push(error / (t * t));
        println!("{t:10.6}   {change:17.12}   {:14.9}   {error:10.2e}   {:10.6}", t * slope, error / (t * t));
    }

    let (differences, worst) = by_differences(&value, &x, slopes)?;
    println!("\nAll {N} slopes by {} evaluations of f: {differences:.0} µs, within {worst:.1e}.", 2 * N);
    println!("All {N} slopes by one pass backwards:    {:.0} µs.", time(&gradient, &x)?);

    if worst > 1e-8 {
        return Err(format!("gradient and differences are {worst:e} apart").into());
    }
    match ratios[..] {
        [.., before, last] if (last - before).abs() < 0.05 * last.abs() => Ok(()),
        _ => Err(format!("the error does not shrink with the square of the step: {ratios:?}").into()),
    }
}

fn evaluate(value: &Executable, x: &[f64]) -> Result<f64, Box<dyn Error>> {
    Ok(value.run(&[ArgRef::from(x)])?[0].item()?)
}

/// The gradient by central differences: the time it takes in µs, and the largest distance to `slopes`.
fn by_differences(value: &Executable, x: &[f64], slopes: &[f64]) -> Result<(f64, f64), Box<dyn Error>> {
    let (start, h) = (Instant::now(), 1e-5);
    let (mut x, mut worst) = (x.to_vec(), 0.0f64);
    for i in 0..x.len() {
        let here = x[i];
        x[i] = here + h;
        let above = evaluate(value, &x)?;
        x[i] = here - h;
        let below = evaluate(value, &x)?;
        x[i] = here;
        worst = worst.max(((above - below) / (2.0 * h) - slopes[i]).abs());
    }
    Ok((start.elapsed().as_secs_f64() * 1e6, worst))
}

/// The time of a call in µs, the fastest of ten.
fn time(gradient: &Executable, x: &[f64]) -> Result<f64, Box<dyn Error>> {
    let mut fastest = f64::INFINITY;
    for _ in 0..10 {
        let start = Instant::now();
        gradient.run(&[ArgRef::from(x)])?;
        fastest = fastest.min(start.elapsed().as_secs_f64() * 1e6);
    }
    Ok(fastest)
}
