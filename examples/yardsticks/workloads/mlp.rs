//! Fully connected layers with gelu between them, and the cross-entropy of labels.

use pullback::prelude::*;

use super::numbers::{cross_entropy, matrix};
use super::{Failure, Generator, Input, Workload};

/// A network of `sizes.len() - 1` layers.
pub(super) struct Mlp {
    /// Extents of the input, of every layer and of the output.
    pub(super) sizes: &'static [usize],
    /// Items.
    pub(super) batch: usize,
}

impl Mlp {
    /// Extents of the weights of each layer.
    fn layers(&self) -> impl Iterator<Item = [usize; 2]> {
        self.sizes.windows(2).map(|pair| [pair[0], pair[1]])
    }

    /// Weights, biases, and what follows them.
    fn split<'a, T>(&self, inputs: &'a [T]) -> (impl Iterator<Item = (&'a T, &'a T)>, &'a [T]) {
        let count = self.sizes.len() - 1;
        let (weights, rest) = inputs.split_at(count);
        let (biases, rest) = rest.split_at(count);
        (weights.iter().zip(biases), rest)
    }
}

impl Workload for Mlp {
    /// The weights `w0`, `w1`, … and biases `b0`, …; `x` `[batch, sizes[0]]`, and a label `y` for each item.
    fn inputs(&self) -> Result<Vec<Input>, Failure> {
        let mut random = Generator::new(1);
        let mut inputs = Vec::new();
        for (layer, [rows, columns]) in self.layers().enumerate() {
            let weights = random.normals(rows * columns, (rows as f64).powf(-0.5));
            inputs.push(Input::by(format!("w{layer}"), &[rows, columns], &weights)?);
        }
        for (layer, [_, columns]) in self.layers().enumerate() {
            inputs.push(Input::by(format!("b{layer}"), &[columns], &vec![0.0f32; columns])?);
        }
        let (first, last) = (self.sizes[0], self.sizes[self.sizes.len() - 1]);
        inputs.push(Input::given("x", &[self.batch, first], &random.normals(self.batch * first, 1.0))?);
        inputs.push(Input::given("y", &[self.batch], &random.labels(self.batch, last))?);
        Ok(inputs)
    }

    fn value<'g>(&self, inputs: &[Tensor<'g>]) -> Tensor<'g> {
        let (layers, rest) = self.split(inputs);
        let (mut x, y) = (rest[0], rest[1]);
        for (layer, (&w, &b)) in layers.enumerate() {
            if layer > 0 {
                x = x.gelu_tanh();
            }
            x = x.matmul(w) + b;
        }
        nn::cross_entropy(x, y)
    }

    fn reference(&self, inputs: &[Vec<f64>]) -> Result<f64, Failure> {
        let (layers, rest) = self.split(inputs);
        let mut x = matrix(&rest[0], self.batch, self.sizes[0])?.to_owned();
        for (layer, ((w, b), [rows, columns])) in layers.zip(self.layers()).enumerate() {
            if layer > 0 {
                x.mapv_inplace(gelu);
            }
            x = x.dot(&matrix(w, rows, columns)?) + matrix(b, 1, columns)?;
        }
        Ok(cross_entropy(x.rows().into_iter().filter_map(|row| row.to_slice()), &rest[1]))
    }
}

/// Gelu in its form with tanh.
fn gelu(x: f64) -> f64 {
    let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x);
    0.5 * x * (1.0 + inner.tanh())
}
