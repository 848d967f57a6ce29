//! Lorenz's equations by the classic method of Runge and Kutta, in `f64`: a long loop with a state of three numbers.

use pullback::prelude::*;

use super::{Failure, Input, Workload};

/// The step of time.
const STEP: f64 = 0.01;

/// The sum of squares of the last state. (Lorenz, "Deterministic nonperiodic flow", 1963.)
pub(super) struct Lorenz {
    /// Steps.
    pub(super) steps: usize,
}

impl Workload for Lorenz {
    fn dtype(&self) -> DType {
        DType::F64
    }

    /// The parameters `p` (σ, ρ, β), and the state `s0` at the beginning.
    fn inputs(&self) -> Result<Vec<Input>, Failure> {
        Ok(vec![Input::by("p", &[3], &[10.0f64, 28.0, 8.0 / 3.0])?, Input::given("s0", &[3], &[1.0f64; 3])?])
    }

    fn value<'g>(&self, inputs: &[Tensor<'g>]) -> Tensor<'g> {
        let (p, start) = (inputs[0], inputs[1]);
        let g = p.graph();
        let parts = |tensor: Tensor<'g>| [0, 1, 2].map(|position| tensor.index(0, position));
        let slope = |s: Tensor<'g>| {
            let ([x, y, z], [sigma, rho, beta]) = (parts(s), parts(p));
            g.stack(&[sigma * (y - x), x * (rho - z) - y, x * y - beta * z], 0)
        };
        let options = Scan { length: Some(self.steps), ..Scan::default() };
        let (last, ()) = g.scan_with(options, start, (), |s, ()| {
            let k1 = slope(s);
            let k2 = slope(s + STEP / 2.0 * k1);
            let k3 = slope(s + STEP / 2.0 * k2);
            let k4 = slope(s + STEP * k3);
            (s + STEP / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4), ())
        });
        last.square().sum()
    }

    fn reference(&self, inputs: &[Vec<f64>]) -> Result<f64, Failure> {
        let [sigma, rho, beta] = three(&inputs[0])?;
        let slope = |[x, y, z]: [f64; 3]| [sigma * (y - x), x * (rho - z) - y, x * y - beta * z];
        let along = |s: [f64; 3], by: f64, k: [f64; 3]| [s[0] + by * k[0], s[1] + by * k[1], s[2] + by * k[2]];
        let mut s = three(&inputs[1])?;
        for _ in 0..self.steps {
            let k1 = slope(s);
            let k2 = slope(along(s, STEP / 2.0, k1));
            let k3 = slope(along(s, STEP / 2.0, k2));
            let k4 = slope(along(s, STEP, k3));
            let total = along(along(along(k1, 2.0, k2), 2.0, k3), 1.0, k4);
            s = along(s, STEP / 6.0, total);
        }
        Ok(s.iter().map(|x| x * x).sum())
    }

    /// The state after 1000 steps is thousands of times as sensitive as after one, and its curvature the square of that.
    fn step(&self) -> f64 {
        1e-8
    }

    /// Limited by the central difference, whose step is so small.
    fn tolerance(&self) -> f64 {
        1e-6
    }
}

/// Three numbers.
fn three(elements: &[f64]) -> Result<[f64; 3], Failure> {
    Ok(elements.try_into()?)
}
