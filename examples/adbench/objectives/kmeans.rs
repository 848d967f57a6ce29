//! k-means: the sum of the squared distances of points to the nearest of some centroids, its gradient, and the diagonal of its Hessian.
//!
//! Almost everywhere the Hessian is diagonal, so its product with a vector of ones is its diagonal: one Hessian-vector product, no Hessian. Newton's method is then a
//! division (Bottou and Bengio, "Convergence properties of the k-means algorithms", 1994).

use pullback::prelude::*;
use pullback::{grad, hvp};

use super::data::{count, uniform};
use super::{Failure, Objective, Problem, Program, add};

pub(super) const OBJECTIVE: Objective =
    Objective { name: "kmeans", sizes: &["k3_n40_d2", "k10_n1000_d8", "k10_n10000_d8", "k100_n1000_d8"], problem };

/// The cost of centroids `[k,d]` for points `[n,d]`.
fn cost<'g>(points: Tensor<'g>, centroids: Tensor<'g>) -> Tensor<'g> {
    let distances = (points.expand_dims(1) - centroids).square().sum_axes([2]);
    distances.min_axes([1]).sum()
}

/// Points and centroids.
fn inputs<'g>(g: &'g Graph<'_>, n: usize, k: usize, d: usize) -> (Tensor<'g>, Tensor<'g>) {
    (g.input("points", DType::F64, [n, d]), g.input("centroids", DType::F64, [k, d]))
}

fn program(n: usize, k: usize, d: usize) -> Result<Program, Failure> {
    let cost = trace(&Module::new(), "kmeans", |g| {
        let (points, centroids) = inputs(g, n, k, d);
        vec![cost(points, centroids)]
    })?;
    let (module, primal) = add(verify(Module::new())?, cost)?;
    let (gradient, product) = (grad(&module, primal, &[1])?, hvp(&module, primal, &[1])?);
    let (module, gradient) = add(module, gradient)?;
    let (module, product) = add(module, product)?;
    let derivative = trace(&module, "kmeans_derivatives", |g| {
        let (points, centroids) = inputs(g, n, k, d);
        let [gradient] = g.call_array(gradient, &[points, centroids]);
        let [diagonal] = g.call_array(product, &[points, centroids, g.ones(DType::F64, [k, d])]);
        vec![gradient, diagonal.named("diagonal")]
    })?;
    let (module, derivative) = add(module, derivative)?;
    Ok(Program { module, primal, derivative })
}

fn problem(size: &str) -> Result<Problem, Failure> {
    let (n, k, d) = (count(size, 'n')?, count(size, 'k')?, count(size, 'd')?);
    let inputs = vec![uniform(1, &[n, d])?, uniform(2, &[k, d])?];
    Ok(Problem::new(inputs, move || program(n, k, d)))
}
