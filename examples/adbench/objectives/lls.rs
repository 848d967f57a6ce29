//! Linear least squares: how far a polynomial is from the sign function on a grid, and the gradient by its coefficients.

use pullback::prelude::*;

use super::data::{count, uniform};
use super::{Failure, Objective, Problem, Program};

pub(super) const OBJECTIVE: Objective =
    Objective { name: "lls", sizes: &["m8_n16", "m128_n1024", "m128_n16392"], problem };

/// `½ Σ (sign t_i - Σ_j x_j t_i^j)²` for coefficients `x` `[m]`, at `n` points from -1 to 1.
fn cost(x: Tensor<'_>, n: usize) -> Tensor<'_> {
    let g = x.graph();
    let t = -1 + g.arange(DType::F64, n) * 2 / (n - 1) as f64;
    let factors = [g.ones(DType::F64, [1, n]), t.broadcast_to([x.size() - 1, n])];
    let powers = g.concatenate(&factors, 0).cumprod(0).named("powers");
    0.5 * (t.sign() - x.matmul(powers)).square().sum()
}

fn problem(size: &str) -> Result<Problem, Failure> {
    let (m, n) = (count(size, 'm')?, count(size, 'n')?);
    Ok(Problem::new(vec![uniform(4, &[m])?], move || {
        let cost = trace(&Module::new(), "lls", |g| vec![cost(g.input("x", DType::F64, [m]), n)])?;
        Program::gradient(cost, &[0])
    }))
}
