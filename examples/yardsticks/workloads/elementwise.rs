//! Three transcendental functions of each element, and the sum of them all.

use pullback::prelude::*;

use super::numbers::sum;
use super::{Failure, Input, Workload};

/// `Σ tanh(x) exp(-x²) + σ(x)`.
pub(super) struct Elementwise {
    /// Elements.
    pub(super) length: usize,
}

impl Workload for Elementwise {
    /// `x`, from -3 to 3 in equal steps.
    fn inputs(&self) -> Result<Vec<Input>, Failure> {
        let step = 6.0 / (self.length - 1) as f64;
        let x: Vec<f32> = (0..self.length).map(|index| (step * index as f64 - 3.0) as f32).collect();
        Ok(vec![Input::by("x", &[self.length], &x)?])
    }

    fn value<'g>(&self, inputs: &[Tensor<'g>]) -> Tensor<'g> {
        let x = inputs[0];
        (x.tanh() * (-x * x).exp() + x.logistic()).sum()
    }

    fn reference(&self, inputs: &[Vec<f64>]) -> Result<f64, Failure> {
        Ok(sum(inputs[0].iter().map(|&x| x.tanh() * (-x * x).exp() + 1.0 / (1.0 + (-x).exp()))))
    }

    /// Larger than the others' because the rounding of a sum of millions is divided by it.
    fn step(&self) -> f64 {
        1e-4
    }
}
