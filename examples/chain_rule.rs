//! The chain rule: derivatives of a composition multiply.
//!
//! Let `y = g(x)` and `z = f(y)`. A step `Δ` of `x` moves `y` by `g′(x) Δ`, and that step of `y` moves `z` by `f′(y)` times as much:
//!
//! ```text
//! dz/dx = dz/dy · dy/dx = f′(g(x)) · g′(x)
//! ```
//!
//! Everything a compiler of derivatives does is this rule, applied to one operation after the other. This program compiles the
//! derivative of the whole, `f(g(x))`, and the derivatives of the two parts, and compares the one with the product of the others.

use std::error::Error;

use pullback::prelude::*;

/// The inner function, `y = x² + 1`.
fn g(x: Tensor<'_>) -> Tensor<'_> {
    x.square() + 1
}

/// The outer function, `z = log y`.
fn f(y: Tensor<'_>) -> Tensor<'_> {
    y.log()
}

/// A compiled function of one number, with its derivative.
type Differentiated = Box<dyn Fn(f64) -> Result<(f64, f64), Box<dyn Error>>>;

/// Compiles value and derivative of a function of one number.
fn differentiate(name: &str, body: fn(Tensor<'_>) -> Tensor<'_>) -> Result<Differentiated, Box<dyn Error>> {
    let mut module = Module::new();
    let function = module.add(trace(&module, name, |graph| vec![body(graph.input("x", DType::F64, []))])?);
    let both = compile(&verify(module)?, function, &Options::new().value_and_grad(["x"]))?;
    Ok(Box::new(move |x| {
        let results = both.run(&[ArgRef::scalar(&x)])?;
        Ok((results[0].item()?, results[1].item()?))
    }))
}

fn main() -> Result<(), Box<dyn Error>> {
    clap::Command::new("chain_rule")
        .about("Compares the derivative of a composition with the product of the derivatives of its parts")
        .get_matches();

    let inner = differentiate("g", g)?;
    let outer = differentiate("f", f)?;
    let whole = differentiate("f_of_g", |x| f(g(x)))?;

    println!("y = g(x) = x² + 1,  z = f(y) = log y\n");
    println!("     x         y         z     dy/dx     dz/dy   product   of the whole");
    let mut worst = 0.0f64;
    for x in [-2.0, -0.5, 0.0, 0.7, 1.0, 3.0] {
        let (y, dy_dx) = inner(x)?;
        // The outer derivative is taken where the inner function has led: at y, not at x.
        let (z, dz_dy) = outer(y)?;
        let (z_whole, dz_dx) = whole(x)?;
        println!("{x:6.2} {y:9.5} {z:9.5} {dy_dx:9.5} {dz_dy:9.5} {:9.5}      {dz_dx:9.5}", dz_dy * dy_dx);
        worst = worst.max((dz_dy * dy_dx - dz_dx).abs()).max((z - z_whole).abs());
    }

    println!("\nBy parts and as a whole the derivative is the same (largest difference {worst:.1e}).");
    if worst > 1e-14 { Err(format!("the two differ by {worst:e}").into()) } else { Ok(()) }
}
