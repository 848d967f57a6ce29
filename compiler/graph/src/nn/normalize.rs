//! Normalizing functions: they make the values along an axis comparable.

use crate::operand::Operand;
use crate::tensor::Tensor;

/// The softmax family, for floating-point tensors; the result has this tensor's shape unless said otherwise.
///
/// The largest element along the axis is subtracted first, which changes nothing in exact arithmetic and keeps `exp` from overflowing.
impl Tensor<'_> {
    /// `e^x_i / Σ_j e^x_j` along an axis: positive numbers that add up to 1. NaN where all `x_j` are `-inf`.
    #[track_caller]
    pub fn softmax(self, axis: isize) -> Self {
        let weights = (self - self.max_keepdims([axis])).exp();
        weights / weights.sum_keepdims([axis])
    }

    /// The logarithm of [`Tensor::softmax`], `x_i - log Σ_j e^x_j`, accurate also where the softmax rounds to 0.
    #[track_caller]
    pub fn log_softmax(self, axis: isize) -> Self {
        let shifted = self - self.max_keepdims([axis]);
        shifted - shifted.exp().sum_keepdims([axis]).log()
    }

    /// `log Σ_j e^x_j` along an axis, which disappears. Infinite elements give the infinite result of the formula.
    #[track_caller]
    pub fn logsumexp(self, axis: isize) -> Self {
        let largest = self.max_keepdims([axis]);
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
