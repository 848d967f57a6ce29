//! Activation functions: elementwise, for floating-point tensors of any shape.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

use crate::tensor::Tensor;

/// Activation functions.
impl Tensor<'_> {
    /// `max(x, 0)`. The derivative at 0 is 0, and NaN stays NaN.
    ///
    /// Written as a selection: the derivative of a maximum shares a tie between its operands, which would make it 1/2 at 0.
    #[track_caller]
    pub fn relu(self) -> Self {
        self.le(0).select(0, self)
    }

    /// The Gaussian error linear unit in its exact form, `x Φ(x) = x (1 + erf(x / √2)) / 2`, where Φ is the distribution function
    /// of the standard normal distribution. (Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016.)
    ///
    /// [`Tensor::gelu_tanh`] is the approximation.
    #[track_caller]
    pub fn gelu(self) -> Self {
        0.5 * self * (1.0 + (self * FRAC_1_SQRT_2).erf())
    }

    /// The tanh approximation of [`Tensor::gelu`], within 5e-4 of it: `x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2`.
    /// (Hendrycks and Gimpel, 2016.)
    #[track_caller]
    pub fn gelu_tanh(self) -> Self {
        // √(2/π) is (2/√π) / √2.
        let inner = (FRAC_2_SQRT_PI * FRAC_1_SQRT_2) * (self + 0.044_715 * self.powi(3));
        0.5 * self * (1.0 + inner.tanh())
    }

    /// `x σ(x)` with the logistic function σ, also called swish. (Elfwing, Uchibe and Doya, "Sigmoid-weighted linear units", 2017.)
    #[track_caller]
    pub fn silu(self) -> Self {
        self * self.logistic()
    }

    /// `log(1 + e^x)`, in a form that does not overflow: `(x + |x|) / 2 + log1p(e^-|x|)`. (Dugas et al., 2001.)
    ///
    /// The first term is `max(x, 0)`, written so that at the kink the derivative is that of the smooth whole, 1/2.
    #[track_caller]
    pub fn softplus(self) -> Self {
        let magnitude = self.abs();
        (0.5 * self + 0.5 * magnitude) + (-magnitude).exp().log1p()
    }
}
