//! The Jacobian is never built: what the backward pass needs is its product with a vector.
//!
//! A function from matrices to matrices has a derivative for every pair of an element of the result and an element of an operand. For
//!
//! ```text
//! Y = X W        X: N × D,  W: D × M,  Y: N × M
//! ```
//!
//! they form the (generalized) Jacobian ∂Y/∂X, an array of N × M × N × D numbers. With N = D = 1024 and M = 2048 in single precision that
//! is 8.8 terabytes, nearly all of them zeros. The backward pass does not want it. It wants, given the upstream gradient `G = ∂φ/∂Y`
//! of some scalar φ, the downstream gradient
//!
//! ```text
//! ∂φ/∂X[i,j] = Σ_{k,l} G[k,l] · ∂Y[k,l]/∂X[i,j]
//! ```
//!
//! Here ∂Y[k,l]/∂X[i,j] is W[j,l] if k = i and otherwise 0. So the sum over k has one term, and what is left is a matrix product:
//!
//! ```text
//! ∂φ/∂X = G Wᵀ        ∂φ/∂W = Xᵀ G
//! ```
//!
//! "Upstream times local Jacobian", with a Jacobian that is only ever applied. This is what `vjp` (vector-Jacobian product) compiles to.

use std::error::Error;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use clap::builder::RangedU64ValueParser;
use pullback::prelude::*;
use pullback::{Derivative, Stage, dump};

/// The most numbers that X, W and Y may have together, 1 GiB. The gradients are as large again.
const MAX_NUMBERS: usize = 1 << 28;

/// Differentiates the matrix product Y = X W without the Jacobian, which it weighs.
#[derive(Parser)]
#[command(name = "jacobian_product")]
struct Arguments {
    /// The sizes: X is N × D, W is D × M.
    #[arg(num_args = 3, value_names = ["N", "D", "M"], default_values_t = [1024, 1024, 2048])]
    #[arg(value_parser = RangedU64ValueParser::<usize>::new().range(1..=1 << 24))]
    sizes: Vec<usize>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let [n, d, m] = arguments.sizes[..] else { return Err("expected three sizes, N D M".into()) };
    let numbers = n * d + d * m + n * m;
    if numbers > MAX_NUMBERS {
        return Err(format!("X, W and Y have {numbers} numbers together, at most {MAX_NUMBERS} are supported").into());
    }

    let mut module = Module::new();
    let product = trace(&module, "product", |g| {
        let (x, w) = (g.input("x", DType::F32, [n, d]), g.input("w", DType::F32, [d, m]));
        vec![x.matmul(w).named("y")]
    })?;
    let product = module.add(product);
    let module = verify(module)?;
    let backward = Options::new().differentiate(Derivative::Vjp, ["x", "w"]);

    println!("The program with its backward pass; no value in it has four axes:\n");
    println!("{}", dump(&module, product, &backward, Stage::Adjoint)?);
    let compiled = compile(&module, product, &backward)?;

    let (x, w, g) = (waves(n * d, 0.37), waves(d * m, 0.73), waves(n * m, 1.19));
    let (x_dims, w_dims, y_dims) = ([n, d], [d, m], [n, m]);
    let start = Instant::now();
    let results = compiled.run(&[ArgRef::new(&x, &x_dims), ArgRef::new(&w, &w_dims), ArgRef::new(&g, &y_dims)])?;
    let elapsed = start.elapsed();
    let (x_ct, w_ct) = (results[1].as_slice::<f32>()?, results[2].as_slice::<f32>()?);

    let bytes = 4.0 * (n * m) as f64;
    println!("Y = X W with N = {n}, D = {d}, M = {m}, in f32");
    println!("  the Jacobian ∂Y/∂X would weigh {}", weight(bytes * (n * d) as f64));
    println!("  the Jacobian ∂Y/∂W would weigh {}", weight(bytes * (d * m) as f64));
    println!("  X, W and the upstream gradient weigh {}", weight(4.0 * (n * d + d * m + n * m) as f64));
    println!("  Y and both downstream gradients took {:.1} ms", elapsed.as_secs_f64() * 1e3);

    // A few elements by the definition, in double precision: row i of G times row j of W, column i of X times column j of G.
    let mut worst = 0.0f64;
    for step in 0..64 {
        let (i, j) = (step * 31 % n, step * 17 % d);
        let by_definition: f64 = (0..m).map(|l| f64::from(g[i * m + l]) * f64::from(w[j * m + l])).sum();
        worst = worst.max((by_definition - f64::from(x_ct[i * d + j])).abs() / (m as f64).sqrt());
        let (i, j) = (step * 29 % d, step * 13 % m);
        let by_definition: f64 = (0..n).map(|k| f64::from(x[k * d + i]) * f64::from(g[k * m + j])).sum();
        worst = worst.max((by_definition - f64::from(w_ct[i * m + j])).abs() / (n as f64).sqrt());
    }
    println!("  128 elements by the definition agree within {worst:.1e} of their scale");
    if worst > 1e-4 { Err(format!("elements are {worst:e} from their definition").into()) } else { Ok(()) }
}

/// Numbers between -1 and 1 without much pattern.
fn waves(count: usize, frequency: f64) -> Vec<f32> {
    (0..count).map(|i| (frequency * i as f64 + (0.01 * i as f64).sqrt()).sin() as f32).collect()
}

/// Bytes in a unit that can be pronounced.
fn weight(bytes: f64) -> String {
    let units = ["bytes", "kB", "MB", "GB", "TB", "PB"];
    let power = ((bytes.log10() / 3.0) as usize).min(units.len() - 1);
    format!("{:.1} {}", bytes / 1000f64.powi(power as i32), units[power])
}
