//! A recurrent network with tanh, as a loop and written out.

use ndarray::Array2;
use pullback::prelude::*;

use super::numbers::{matrix, sum};
use super::{Failure, Generator, Input, Workload};

/// `Σ h_t²` over all steps of `h_t = tanh(h_(t-1) w + x_t u)`.
pub(super) struct Rnn {
    /// Steps.
    pub(super) steps: usize,
    /// Items.
    pub(super) batch: usize,
    /// Elements of an input.
    pub(super) inputs: usize,
    /// Elements of a state.
    pub(super) hidden: usize,
    /// Whether every step has instructions of its own, so that the program is as long as the sequence.
    pub(super) unrolled: bool,
}

impl Workload for Rnn {
    /// `w` `[hidden, hidden]` and `u` `[inputs, hidden]`; `x` `[steps, batch, inputs]`.
    fn inputs(&self) -> Result<Vec<Input>, Failure> {
        let mut random = Generator::new(5);
        let w = random.normals(self.hidden * self.hidden, 0.1);
        let u = random.normals(self.inputs * self.hidden, 0.1);
        let x = random.normals(self.steps * self.batch * self.inputs, 1.0);
        Ok(vec![
            Input::by("w", &[self.hidden, self.hidden], &w)?,
            Input::by("u", &[self.inputs, self.hidden], &u)?,
            Input::given("x", &[self.steps, self.batch, self.inputs], &x)?,
        ])
    }

    fn value<'g>(&self, inputs: &[Tensor<'g>]) -> Tensor<'g> {
        let (w, u, x) = (inputs[0], inputs[1], inputs[2]);
        let g = x.graph();
        let cell = |h: Tensor<'g>, x: Tensor<'g>| (h.matmul(w) + x.matmul(u)).tanh();
        let mut h = g.zeros(x.dtype(), [self.batch, self.hidden]);
        if !self.unrolled {
            let (_, all) = g.scan(h, x, |h, x| {
                let h = cell(h, x);
                (h, h)
            });
            return all.square().sum();
        }
        let mut total = g.zeros(x.dtype(), []);
        for step in 0..self.steps.cast_signed() {
            h = cell(h, x.index(0, step));
            total = total + h.square().sum();
        }
        total
    }

    fn reference(&self, inputs: &[Vec<f64>]) -> Result<f64, Failure> {
        let w = matrix(&inputs[0], self.hidden, self.hidden)?;
        let u = matrix(&inputs[1], self.inputs, self.hidden)?;
        let mut h = Array2::zeros((self.batch, self.hidden));
        let mut squares = Vec::with_capacity(self.steps);
        for x in inputs[2].chunks_exact(self.batch * self.inputs) {
            h = (h.dot(&w) + matrix(x, self.batch, self.inputs)?.dot(&u)).mapv(f64::tanh);
            squares.push(h.iter().map(|x| x * x).sum::<f64>());
        }
        Ok(sum(squares))
    }
}
