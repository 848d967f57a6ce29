//! Gaussian mixture model: the log-likelihood of points under a mixture of Gaussians with a Wishart prior, and its gradient.
//!
//! The inverse covariance of each Gaussian is `Lᵀ L`, and `L` is given by the logarithm of its diagonal and what is below the diagonal, column by column. The
//! prior has the sign that ADBench gave it, which is opposite to the right one.

use std::f64::consts::{LN_2, PI};

use pullback::ir::OutOfBounds;
use pullback::prelude::*;

use super::data::{Numbers, text};
use super::{Failure, Objective, Problem, Program};

pub(super) const OBJECTIVE: Objective = Objective {
    name: "gmm",
    sizes: &[
        "test",
        "d2_k5_n1k",
        "d2_k10_n1k",
        "d10_k10_n1k",
        "d10_k25_n1k",
        "d2_k5_n10k",
        "d2_k10_n10k",
        "d10_k100_n1k",
        "d20_k50_n1k",
        "d20_k200_n1k",
        "d32_k50_n1k",
        "d2_k100_n10k",
    ],
    problem,
};

/// For `d × d` matrices, where each element is in the list of those below the diagonal; -1, which is outside, for the others.
fn strictly_lower<'g>(g: &'g Graph<'_>, d: usize) -> Tensor<'g> {
    let mut positions = vec![-1i32; d * d];
    let below = (0..d).flat_map(|column| (column + 1..d).map(move |row| row * d + column));
    for (next, place) in (0..).zip(below) {
        positions[place] = next;
    }
    g.constant(positions, [d, d])
}

/// `log Γ_d(a)`, the logarithm of the multivariate gamma function, of a scalar.
fn log_multivariate_gamma(a: Tensor<'_>, d: usize) -> Tensor<'_> {
    let constant = (d * (d - 1)) as f64 / 4.0 * PI.ln();
    (a - 0.5 * a.graph().arange(a.dtype(), d)).lgamma().sum() + constant
}

/// The log-likelihood of the points `x` `[n,d]`.
///
/// * `alphas` `[k]`: logarithms of the weights, up to a constant;
/// * `means` `[k,d]`;
/// * `icf` `[k, d + d(d-1)/2]`: inverse covariance factors, see above;
/// * `gamma`, `m`: scalars, the parameters of the prior.
fn log_likelihood<'g>(
    alphas: Tensor<'g>,
    means: Tensor<'g>,
    icf: Tensor<'g>,
    x: Tensor<'g>,
    gamma: Tensor<'g>,
    m: Tensor<'g>,
) -> Tensor<'g> {
    let g = alphas.graph();
    let (k, n, d) = (alphas.size(), x.dims()[0], x.dims()[1]);
    let log_diagonal = icf.slice_axis(1, ..d.cast_signed());
    let below = icf.slice_axis(1, d.cast_signed()..);
    let lower = below.take_with(strictly_lower(g, d), 1, OutOfBounds::Drop).named("lower");
    let log_determinant = log_diagonal.sum_axes([1]);

    let centered = x.expand_dims(1) - means;
    let y = log_diagonal.exp() * centered + g.einsum("kij,nkj->nki", &[lower, centered]);
    let terms = alphas + log_determinant - 0.5 * y.square().sum_axes([2]);
    let normalizer = -0.5 * (n * d) as f64 * (2.0 * PI).ln();
    let likelihood = terms.logsumexp(1).sum() + normalizer - n as f64 * alphas.logsumexp(0);

    let freedom = m + (d + 1) as f64;
    let constant = d as f64 * freedom * (gamma.log() - 0.5 * LN_2) - log_multivariate_gamma(0.5 * freedom, d);
    let frobenius = log_diagonal.exp().square().sum() + below.square().sum();
    let prior = 0.5 * gamma.square() * frobenius - m * log_determinant.sum() - k as f64 * constant;
    likelihood + prior
}

fn problem(size: &str) -> Result<Problem, Failure> {
    let text = text(&format!("gmm/{size}"))?;
    let mut numbers = Numbers::new(&text);
    let (d, k, n) = (numbers.number()?, numbers.number()?, numbers.number()?);
    let shapes: [&[usize]; 6] = [&[k], &[k, d], &[k, d * (d + 1) / 2], &[n, d], &[], &[]];
    let inputs = shapes.iter().map(|dims| numbers.array(dims)).collect::<Result<_, _>>()?;
    Ok(Problem::new(inputs, move || Program::gradient(trace_for(d, k, n)?, &[0, 1, 2])))
}

fn trace_for(d: usize, k: usize, n: usize) -> Result<pullback::Function, Failure> {
    Ok(trace(&Module::new(), "gmm", |g| {
        let alphas = g.input("alphas", DType::F64, [k]);
        let means = g.input("means", DType::F64, [k, d]);
        let icf = g.input("icf", DType::F64, [k, d * (d + 1) / 2]);
        let x = g.input("x", DType::F64, [n, d]);
        let gamma = g.input("gamma", DType::F64, []);
        let m = g.input("m", DType::F64, []);
        vec![log_likelihood(alphas, means, icf, x, gamma, m)]
    })?)
}
