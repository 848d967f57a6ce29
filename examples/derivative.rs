//! What a derivative is: the slope that predicts a function nearby.
//!
//! Move the argument of `f` from `x` to `x + Δ`. The value follows, and for a small `Δ` it follows in proportion:
//!
//! ```text
//! f(x + Δ) ≈ f(x) + f′(x) Δ
//! ```
//!
//! The derivative `f′(x)` is the one number for which the error of this prediction shrinks *faster* than `Δ`. By Taylor's theorem the
//! error is `½ f″(x) Δ²` and terms of higher order: halve `Δ`, and a quarter of the error is left. With any other slope only
//! half of it would go. This program compiles `f` and its derivative and watches the error shrink.

use std::error::Error;

use pullback::prelude::*;

/// The function of this example. Note that it is ordinary Rust; nothing says how to differentiate it.
fn f(x: Tensor<'_>) -> Tensor<'_> {
    x * x.sin() + (0.5 * x).exp()
}

fn main() -> Result<(), Box<dyn Error>> {
    clap::Command::new("derivative")
        .about("Watches the error of a derivative's prediction shrink with the square of the step")
        .get_matches();

    // Tracing runs `f` once on a symbol `x` and records what it does: a function of the tensor IR.
    let mut module = Module::new();
    let f = module.add(trace(&module, "f", |g| vec![f(g.input("x", DType::F64, []))])?);

    // Differentiation is a program that writes a program: `f` goes in, a function for f(x) and f′(x) together comes out, and is
    // compiled to machine code.
    let both = compile(&verify(module)?, f, &Options::new().value_and_grad(["x"]))?;
    let at = |x: f64| -> Result<(f64, f64), Box<dyn Error>> {
        let results = both.run(&[ArgRef::scalar(&x)])?;
        Ok((results[0].item()?, results[1].item()?))
    };

    let x = 1.0;
    let (value, slope) = at(x)?;
    println!("f(x) = x sin x + exp(x/2)    at x = {x}:    f = {value:.6}    f′ = {slope:.6}\n");
    println!("       Δ      f(x + Δ)   f(x) + f′(x) Δ        error     error/Δ²");

    let mut ratios = Vec::new();
    for exponent in 3..12 {
        let step = 0.5f64.powi(exponent);
        let (moved, _) = at(x + step)?;
        let predicted = value + slope * step;
        let error = moved - predicted;
        ratios.push(error / (step * step));
        println!("{step:8.5}  {moved:12.9}     {predicted:12.9}   {error:10.2e}   {:10.6}", error / (step * step));
    }

    // The last column settles at ½ f″(x), which by hand is ½ (2 cos x - x sin x + ¼ exp(x/2)).
    let half_curvature = 0.5 * (2.0 * x.cos() - x * x.sin() + 0.25 * (0.5 * x).exp());
    println!("\nThe error shrinks with Δ²: the last column tends to ½ f″(x) = {half_curvature:.6}.");

    let by_hand = x.sin() + x * x.cos() + 0.5 * (0.5 * x).exp();
    if (slope - by_hand).abs() > 1e-12 {
        return Err(format!("f′({x}) is {slope}, by hand {by_hand}").into());
    }
    match ratios.last() {
        Some(last) if (last - half_curvature).abs() < 1e-3 => Ok(()),
        other => Err(format!("the error does not shrink with Δ²: {other:?}, expected {half_curvature}").into()),
    }
}
