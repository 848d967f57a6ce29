//! Layer normalization and softmax of rows, and the sum of squares.

use pullback::prelude::*;

use super::numbers::sum;
use super::{Failure, Generator, Input, Workload};

/// Added to the variance.
const EPSILON: f64 = 1e-5;

/// `Σ softmax(layer_norm(x) g + b)²`.
pub(super) struct NormSoftmax {
    /// Rows, each normalized.
    pub(super) rows: usize,
    /// Elements of a row.
    pub(super) columns: usize,
}

impl Workload for NormSoftmax {
    /// `x` `[rows, columns]`, the gain `g` and the bias `b`, `[columns]` each.
    fn inputs(&self) -> Result<Vec<Input>, Failure> {
        let (rows, columns) = (self.rows, self.columns);
        Ok(vec![
            Input::by("x", &[rows, columns], &Generator::new(2).normals(rows * columns, 1.0))?,
            Input::by("g", &[columns], &vec![1.0f32; columns])?,
            Input::by("b", &[columns], &vec![0.0f32; columns])?,
        ])
    }

    fn value<'g>(&self, inputs: &[Tensor<'g>]) -> Tensor<'g> {
        nn::layer_norm(inputs[0], inputs[1], inputs[2], EPSILON).softmax(-1).square().sum()
    }

    fn reference(&self, inputs: &[Vec<f64>]) -> Result<f64, Failure> {
        let (gain, bias) = (&inputs[1], &inputs[2]);
        let count = self.columns as f64;
        let of_row = |row: &[f64]| {
            let mean = row.iter().sum::<f64>() / count;
            let variance = row.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count;
            let scale = 1.0 / (variance + EPSILON).sqrt();
            // Without the largest subtracted: normalized numbers are far from overflow.
            let weights = row.iter().zip(gain).zip(bias).map(|((x, g), b)| ((x - mean) * scale * g + b).exp());
            let (total, squares) = weights.fold((0.0, 0.0), |(total, squares), w| (total + w, squares + w * w));
            squares / (total * total)
        };
        Ok(sum(inputs[0].chunks_exact(self.columns).map(of_row)))
    }
}
