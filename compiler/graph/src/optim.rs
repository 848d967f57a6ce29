//! Steps of optimizers, as tensors in and tensors out.
//!
//! A step is part of the program: it is compiled together with the loss and its gradient, and nothing of it happens outside. What
//! an optimizer remembers between steps is inputs and outputs of the program; the caller feeds the outputs of one call to the next.

use crate::operand::Operand;
use crate::tensor::Tensor;
use crate::tree::Tree;

/// A step of gradient descent: `parameter - rate · gradient`.
///
/// * `parameter`, `gradient`: one floating-point type and shape; `rate`: a number or a scalar tensor.
#[track_caller]
pub fn sgd<'g>(parameter: Tensor<'g>, gradient: Tensor<'g>, rate: impl Operand<'g>) -> Tensor<'g> {
    if let Some(failed) = check_like("sgd", parameter, gradient) {
        return failed;
    }
    unchanged("sgd", parameter, parameter - gradient * rate)
}

/// Adam: gradient descent whose rate adapts to each element.
///
/// With the gradient `g` of step `t` (from 1), moments `m` and `v` (from 0):
///
/// ```text
/// m ← β₁ m + (1 - β₁) g
/// v ← β₂ v + (1 - β₂) g²
/// x ← x - rate · (m / (1 - β₁^t)) / (√(v / (1 - β₂^t)) + ε)
/// ```
///
/// Source: Kingma and Ba, "Adam: a method for stochastic optimization", 2015, algorithm 1.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Adam {
    /// Decay of the first moment, β₁.
    pub beta1: f64,
    /// Decay of the second moment, β₂.
    pub beta2: f64,
    /// Added to the denominator, ε.
    pub epsilon: f64,
}

impl Default for Adam {
    /// The constants the paper suggests: 0.9, 0.999, 1e-8.
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }
}

/// What Adam knows of one parameter: three tensors of one type.
#[derive(Clone, Copy, Debug)]
pub struct AdamState<'g> {
    /// The parameter, `x`.
    pub parameter: Tensor<'g>,
    /// The running mean of the gradient, `m`; starts at 0.
    pub first_moment: Tensor<'g>,
    /// The running mean of its square, `v`; starts at 0.
    pub second_moment: Tensor<'g>,
}

impl<'g> Tree<'g> for AdamState<'g> {
    fn map_tensors(&self, f: &mut dyn FnMut(Tensor<'g>) -> Tensor<'g>) -> Self {
        Self { parameter: f(self.parameter), first_moment: f(self.first_moment), second_moment: f(self.second_moment) }
    }
}

impl Adam {
    /// One step.
    ///
    /// * `state`, `gradient`: tensors of one floating-point type and shape;
    /// * `t`: the number of this step, from 1, a scalar of any numeric type;
    /// * `rate`: a number, or a scalar of the parameter's element type; 1e-3 is usual.
    #[track_caller]
    pub fn step<'g>(
        self,
        state: AdamState<'g>,
        gradient: Tensor<'g>,
        t: Tensor<'g>,
        rate: impl Operand<'g>,
    ) -> AdamState<'g> {
        let AdamState { parameter: x, first_moment: m, second_moment: v } = state;
        for other in [gradient, m, v] {
            if let Some(failed) = check_like("adam", x, other) {
                return AdamState { parameter: failed, first_moment: failed, second_moment: failed };
            }
        }
        let m = m * self.beta1 + gradient * (1.0 - self.beta1);
        let v = v * self.beta2 + gradient.square() * (1.0 - self.beta2);
        let t = t.to(x.dtype());
        // Reciprocals of scalars, so that the elements cost one division each.
        let mean = m * one_minus_power(self.beta1, t).recip();
        let scale = (v * one_minus_power(self.beta2, t).recip()).sqrt() + self.epsilon;
        let parameter = unchanged("adam", x, x - mean / scale * rate);
        AdamState { parameter, first_moment: m, second_moment: v }
    }
}

/// `1 - β^t`, as `-expm1(t log β)`: the difference as written loses half of its digits for β near 1 and small t.
#[track_caller]
fn one_minus_power(beta: f64, t: Tensor<'_>) -> Tensor<'_> {
    -(t * beta.ln()).expm1()
}

/// A placeholder and a recorded mistake unless the two are of one floating-point type.
#[track_caller]
fn check_like<'g>(op: &str, parameter: Tensor<'g>, other: Tensor<'g>) -> Option<Tensor<'g>> {
    parameter.same_graph(op, other);
    if parameter.ty() == other.ty() && parameter.dtype().is_float() {
        return None;
    }
    let message = format!("{} beside the parameter {}, expected one floating-point type", other.ty(), parameter.ty());
    Some(parameter.graph().fail(op, message))
}

/// The stepped parameter, provided that no rate or step number of another shape has broadcast into it.
#[track_caller]
fn unchanged<'g>(op: &str, parameter: Tensor<'g>, stepped: Tensor<'g>) -> Tensor<'g> {
    if parameter.ty() == stepped.ty() {
        return stepped;
    }
    let message =
        format!("the parameter {} would become {}: rate and step number are scalars", parameter.ty(), stepped.ty());
    parameter.graph().fail(op, message)
}
