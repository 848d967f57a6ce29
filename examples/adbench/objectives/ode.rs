//! An ordinary differential equation, solved by the classical Runge-Kutta method, and the gradient of the last component of the solution.
//!
//! `y_0' = x_0` and `y_i' = x_i y_(i-1)`, from `y = 0` at time 0 to time 2.

use pullback::grad;
use pullback::prelude::*;

use super::data::{count, uniform};
use super::{Failure, Objective, Problem, Program, add};

pub(super) const OBJECTIVE: Objective =
    Objective { name: "ode", sizes: &["n5_s10", "n20_s10", "n1000_s10", "n1000_s100", "n10000_s10"], problem };

/// `y` at time 2, `[n]` like `x`, by this many steps.
fn solve<'g>(x: Tensor<'g>, steps: usize) -> Tensor<'g> {
    let g = x.graph();
    let (first, others) = (x.slice_axis(0, ..1), x.slice_axis(0, 1..));
    let slope = |y: Tensor<'g>| g.concatenate(&[first, others * y.slice_axis(0, ..-1)], 0);
    let h = 2.0 / steps as f64;
    g.for_loop(steps, g.zeros(x.dtype(), x.dims()), |_, y| {
        let k1 = slope(y);
        let k2 = slope(y + h / 2.0 * k1);
        let k3 = slope(y + h / 2.0 * k2);
        let k4 = slope(y + h * k3);
        y + h / 6.0 * (k1 + 2 * k2 + 2 * k3 + k4)
    })
}

fn program(n: usize, steps: usize) -> Result<Program, Failure> {
    let solution = trace(&Module::new(), "ode", |g| vec![solve(g.input("x", DType::F64, [n]), steps)])?;
    let (module, primal) = add(verify(Module::new())?, solution)?;
    let last = trace(&module, "last", |g| {
        let [y] = g.call_array(primal, &[g.input("x", DType::F64, [n])]);
        vec![y.index(0, -1)]
    })?;
    let (module, last) = add(module, last)?;
    let gradient = grad(&module, last, &[0])?;
    let (module, derivative) = add(module, gradient)?;
    Ok(Program { module, primal, derivative })
}

fn problem(size: &str) -> Result<Problem, Failure> {
    let (n, steps) = (count(size, 'n')?, count(size, 's')?);
    Ok(Problem::new(vec![uniform(5, &[n])?], move || program(n, steps)))
}
