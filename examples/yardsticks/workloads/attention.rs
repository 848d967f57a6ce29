//! Attention in several heads, and the sum of squares of what it gives.

use pullback::prelude::*;

use super::numbers::{matrix, sum};
use super::{Failure, Generator, Input, Workload};

/// `Σ (softmax(q kᵀ / √width) v)²`.
pub(super) struct Attention {
    /// Items.
    pub(super) batch: usize,
    /// Heads of each item.
    pub(super) heads: usize,
    /// Queries, and as many keys.
    pub(super) length: usize,
    /// Elements of a query, key or value.
    pub(super) width: usize,
}

impl Attention {
    /// What the scores are multiplied by.
    fn scale(&self) -> f64 {
        1.0 / (self.width as f64).sqrt()
    }
}

impl Workload for Attention {
    /// `q`, `k` and `v`, `[batch, heads, length, width]` each.
    fn inputs(&self) -> Result<Vec<Input>, Failure> {
        let shape = [self.batch, self.heads, self.length, self.width];
        let mut random = Generator::new(3);
        let mut input = |name: &str| Input::by(name, &shape, &random.normals(shape.iter().product(), 1.0));
        Ok(vec![input("q")?, input("k")?, input("v")?])
    }

    fn value<'g>(&self, inputs: &[Tensor<'g>]) -> Tensor<'g> {
        let (q, k, v) = (inputs[0], inputs[1], inputs[2]);
        let scores = q.matmul(k.t()) * self.scale();
        scores.softmax(-1).matmul(v).square().sum()
    }

    fn reference(&self, inputs: &[Vec<f64>]) -> Result<f64, Failure> {
        let (length, width) = (self.length, self.width);
        let heads = |input: usize| inputs[input].chunks_exact(length * width).map(|head| matrix(head, length, width));
        let mut squares = Vec::new();
        for ((q, k), v) in heads(0).zip(heads(1)).zip(heads(2)) {
            let mut scores = q?.dot(&k?.t());
            scores *= self.scale();
            for mut row in scores.rows_mut() {
                let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                row.mapv_inplace(|score| (score - largest).exp());
                row /= row.sum();
            }
            squares.push(scores.dot(&v?).iter().map(|x| x * x).sum::<f64>());
        }
        Ok(sum(squares))
    }
}
