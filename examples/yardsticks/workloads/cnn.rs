//! Two convolutions, each with relu and pooling, a linear layer, and the cross-entropy of labels.

use pullback::prelude::*;

use super::numbers::{cross_entropy, matrix};
use super::{Failure, Generator, Input, Workload};

/// Positions of a kernel along each axis.
const KERNEL: usize = 3;

/// A network for square pictures of one color.
pub(super) struct Cnn {
    /// Pictures.
    pub(super) batch: usize,
    /// Positions of a picture along each axis; halved twice.
    pub(super) side: usize,
    /// Features of the two convolutions.
    pub(super) features: [usize; 2],
    /// Labels.
    pub(super) classes: usize,
}

impl Cnn {
    /// Numbers that the linear layer reads for each picture.
    fn flat(&self) -> usize {
        self.features[1] * (self.side / 4) * (self.side / 4)
    }
}

impl Workload for Cnn {
    /// The kernels `w1` and `w2` `[out, in, 3, 3]`, the linear layer's `w3` `[flat, classes]` and `b`; `x` `[batch, 1, side, side]`, and a label `y` for each picture.
    fn inputs(&self) -> Result<Vec<Input>, Failure> {
        let mut random = Generator::new(4);
        let [first, second] = self.features;
        let w1 = random.normals(first * KERNEL * KERNEL, 0.3);
        let w2 = random.normals(second * first * KERNEL * KERNEL, 0.06);
        let w3 = random.normals(self.flat() * self.classes, 0.02);
        let x = random.normals(self.batch * self.side * self.side, 1.0);
        Ok(vec![
            Input::by("w1", &[first, 1, KERNEL, KERNEL], &w1)?,
            Input::by("w2", &[second, first, KERNEL, KERNEL], &w2)?,
            Input::by("w3", &[self.flat(), self.classes], &w3)?,
            Input::by("b", &[self.classes], &vec![0.0f32; self.classes])?,
            Input::given("x", &[self.batch, 1, self.side, self.side], &x)?,
            Input::given("y", &[self.batch], &random.labels(self.batch, self.classes))?,
        ])
    }

    fn value<'g>(&self, inputs: &[Tensor<'g>]) -> Tensor<'g> {
        let layer = |x: Tensor<'g>, w: Tensor<'g>| {
            x.conv(w, &Conv::new().padding(Padding::Same)).relu().max_pool(&Window::new([2, 2]))
        };
        let h = layer(layer(inputs[4], inputs[0]), inputs[1]);
        let logits = h.reshape([self.batch.cast_signed(), -1]).matmul(inputs[2]) + inputs[3];
        nn::cross_entropy(logits, inputs[5])
    }

    fn reference(&self, inputs: &[Vec<f64>]) -> Result<f64, Failure> {
        let w3 = matrix(&inputs[2], self.flat(), self.classes)?;
        let bias = matrix(&inputs[3], 1, self.classes)?;
        let mut logits = Vec::with_capacity(self.batch * self.classes);
        for picture in inputs[4].chunks_exact(self.side * self.side) {
            let h = layer(picture, &inputs[0], [1, self.features[0]], self.side);
            let h = layer(&h, &inputs[1], self.features, self.side / 2);
            logits.extend(matrix(&h, 1, self.flat())?.dot(&w3) + bias);
        }
        Ok(cross_entropy(logits.chunks_exact(self.classes), &inputs[5]))
    }

    /// Smaller than the others': of the many relus and largest elements, those that change sides within the step are an error of the order of the step itself.
    fn step(&self) -> f64 {
        1e-8
    }
}

/// Convolution, relu and pooling of one picture, `[inputs, side, side]`, to `[outputs, side / 2, side / 2]`.
fn layer(x: &[f64], kernels: &[f64], [inputs, outputs]: [usize; 2], side: usize) -> Vec<f64> {
    // A border of zeros, so that every position of a kernel reads something.
    let wide = side + KERNEL - 1;
    let mut padded = vec![0.0; inputs * wide * wide];
    for (row, elements) in x.chunks_exact(side).enumerate() {
        let start = (row / side * wide + row % side + 1) * wide + 1;
        padded[start..start + side].copy_from_slice(elements);
    }
    let half = side / 2;
    let mut pooled = vec![0.0; outputs * half * half];
    let mut sums = vec![0.0; side * side];
    for (kernel, pooled) in kernels.chunks_exact(inputs * KERNEL * KERNEL).zip(pooled.chunks_exact_mut(half * half)) {
        sums.fill(0.0);
        for (position, weight) in kernel.iter().enumerate() {
            let (input, [dy, dx]) = (position / (KERNEL * KERNEL), [position / KERNEL % KERNEL, position % KERNEL]);
            for (y, sums) in sums.chunks_exact_mut(side).enumerate() {
                let start = (input * wide + y + dy) * wide + dx;
                sums.iter_mut().zip(&padded[start..start + side]).for_each(|(sum, x)| *sum += weight * x);
            }
        }
        for (index, largest) in pooled.iter_mut().enumerate() {
            let start = index / half * 2 * side + index % half * 2;
            // From 0, which is the relu.
            *largest = [start, start + 1, start + side, start + side + 1]
                .iter()
                .fold(0.0, |most: f64, &at| most.max(sums[at]));
        }
    }
    pooled
}
