//! Normalizing functions: they make the values along an axis comparable.

use crate::operand::{Operand, Resolved};
use crate::tensor::Tensor;

/// The softmax family, for floating-point tensors; the result has this tensor's shape unless said otherwise.
///
/// The largest element along the axis is subtracted first, which changes nothing in exact arithmetic and keeps `exp` from
/// overflowing. Its derivative counts for nothing in exact arithmetic either, and is not taken.
impl Tensor<'_> {
    /// `e^x_i / Σ_j e^x_j` along an axis: positive numbers that add up to 1. NaN where all `x_j` are `-inf`.
    #[track_caller]
    pub fn softmax(self, axis: isize) -> Self {
        let weights = (self - self.max_keepdims([axis]).stop_gradient()).exp();
        // The sum is at least 1, so its reciprocal is safe, and there is one for all elements.
        weights * weights.sum_keepdims([axis]).recip()
    }

    /// The logarithm of [`Tensor::softmax`], `x_i - log Σ_j e^x_j`, accurate also where the softmax rounds to 0.
    #[track_caller]
    pub fn log_softmax(self, axis: isize) -> Self {
        let shifted = self - self.max_keepdims([axis]).stop_gradient();
        shifted - shifted.exp().sum_keepdims([axis]).log()
    }

    /// `log Σ_j e^x_j` along an axis, which disappears. Infinite elements give the infinite result of the formula.
    #[track_caller]
    pub fn logsumexp(self, axis: isize) -> Self {
        let largest = self.max_keepdims([axis]).stop_gradient();
        // inf - inf would be NaN where the formula has a value.
        let shift = largest.is_finite().select(largest, 0);
        let sum = (self - shift).exp().sum_axes([axis]);
        let shift = shift.sum_axes([axis]);
        sum.log() + shift
    }
}

/// Layer normalization over the last axis: `(x - mean) / √(variance + epsilon) · gain + bias`.
///
/// * `x`: `[.., d]`, floating-point; mean and (population) variance are along the last axis.
/// * `gain`, `bias`: `[d]`, or any shape that broadcasts against `x`; `1.0` and `0.0` for none.
/// * `epsilon`: keeps the quotient finite where all elements are equal; 1e-5 is usual.
///
/// Source: Ba, Kiros and Hinton, "Layer Normalization", 2016.
#[track_caller]
pub fn layer_norm<'g>(x: Tensor<'g>, gain: impl Operand<'g>, bias: impl Operand<'g>, epsilon: f64) -> Tensor<'g> {
    let deviation = x - x.mean_keepdims([-1]);
    let variance = deviation.square().mean_keepdims([-1]);
    deviation * (variance + epsilon).rsqrt() * gain + bias
}

/// Normalization by the root mean square over the last axis: `x / √(mean(x²) + epsilon) · gain`.
///
/// * `x`: `[.., d]`, floating-point; `gain`: `[d]`, or any shape that broadcasts against `x`; `1.0` for none.
///
/// Source: Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019.
#[track_caller]
pub fn rms_norm<'g>(x: Tensor<'g>, gain: impl Operand<'g>, epsilon: f64) -> Tensor<'g> {
    let mean_square = x.square().mean_keepdims([-1]);
    x * (mean_square + epsilon).rsqrt() * gain
}

/// What [`batch_norm_training`] gives.
#[derive(Clone, Copy, Debug)]
pub struct BatchNorm<'g> {
    /// The normalized tensor.
    pub output: Tensor<'g>,
    /// The mean of each feature in this batch, `[c]`.
    pub mean: Tensor<'g>,
    /// The (population) variance of each feature in this batch, `[c]`.
    pub variance: Tensor<'g>,
}

/// Batch normalization in training: each feature by its own mean and variance in the batch, `(x - mean) / √(variance + epsilon) ·
/// gain + bias`.
///
/// * `x`: floating-point, `c` features along the axis `axis`; mean and (population) variance are over all other axes.
/// * `gain`, `bias`: `[c]`; `1.0` and `0.0` for none.
///
/// For [`batch_norm`] at inference, keep running means of the statistics that are returned, such as `0.9 · old + 0.1 · new`.
///
/// Source: Ioffe and Szegedy, "Batch Normalization", 2015.
#[track_caller]
pub fn batch_norm_training<'g>(
    x: Tensor<'g>,
    gain: impl Operand<'g>,
    bias: impl Operand<'g>,
    axis: isize,
    epsilon: f64,
) -> BatchNorm<'g> {
    let Some(axis) = x.axis("batch_norm", axis) else {
        let failed = x.graph().placeholder();
        return BatchNorm { output: failed, mean: failed, variance: failed };
    };
    let others: Vec<isize> = (0..x.rank()).filter(|&other| other != axis).map(usize::cast_signed).collect();
    let (mean, variance) = (x.mean_axes(&others), x.var_axes(&others));
    BatchNorm { output: normalize(x, mean, variance, gain, bias, axis, epsilon), mean, variance }
}

/// Batch normalization at inference: as [`batch_norm_training`], with a mean and a variance per feature that are given, `[c]` each.
#[track_caller]
pub fn batch_norm<'g>(
    x: Tensor<'g>,
    mean: Tensor<'g>,
    variance: Tensor<'g>,
    gain: impl Operand<'g>,
    bias: impl Operand<'g>,
    axis: isize,
    epsilon: f64,
) -> Tensor<'g> {
    match x.axis("batch_norm", axis) {
        Some(axis) => normalize(x, mean, variance, gain, bias, axis, epsilon),
        None => x.graph().placeholder(),
    }
}

#[track_caller]
fn normalize<'g>(
    x: Tensor<'g>,
    mean: Tensor<'g>,
    variance: Tensor<'g>,
    gain: impl Operand<'g>,
    bias: impl Operand<'g>,
    axis: usize,
    epsilon: f64,
) -> Tensor<'g> {
    let features = x.dims()[axis];
    let mut each = [x; 4];
    for (position, operand) in
        [Resolved::Tensor(mean), Resolved::Tensor(variance), gain.resolve(), bias.resolve()].into_iter().enumerate()
    {
        each[position] = match x.feature(operand, axis, features) {
            Some(tensor) => tensor,
            None => return x.graph().placeholder(),
        };
    }
    let [mean, variance, gain, bias] = each;
    (x - mean) * ((variance + epsilon).rsqrt() * gain) + bias
}

impl<'g> Tensor<'g> {
    /// A number per feature of this tensor, to broadcast against it.
    #[track_caller]
    fn feature(self, operand: Resolved<'g>, axis: usize, features: usize) -> Option<Self> {
        let graph = self.graph();
        let tensor = match operand {
            Resolved::Number(number) => {
                graph.splat("batch_norm", &graph.make_type("batch_norm", self.dtype(), &[features])?, number)
            }
            tensor @ Resolved::Tensor(_) => self.meet("batch_norm", tensor)?,
        };
        if graph.has_failed() {
            return None;
        }
        if tensor.dims() != [features] {
            graph.record(
                "batch_norm",
                format!("{} beside {features} features, expected one number for each", tensor.ty()),
            );
            return None;
        }
        Some(tensor.along(axis, self.rank()))
    }
}
