//! Losses and scores: scalars that say how far predictions are from what was wanted.

use crate::tensor::Tensor;

/// The mean cross-entropy of predictions against integer labels: the mean over all items of `-log softmax(logits)[label]`, in nats.
///
/// * `logits`: `[.., c]`, floating-point; `labels`: integers `[..]` in `0..c`; result: a scalar.
///
/// A label outside `0..c` contributes 0. Infinite logits of other classes than the label's are allowed.
#[track_caller]
pub fn cross_entropy<'g>(logits: Tensor<'g>, labels: Tensor<'g>) -> Tensor<'g> {
    if let Some(failed) = check_labels("cross_entropy", logits, labels) {
        return failed;
    }
    let classes = logits.dims().last().copied().unwrap_or(0);
    // Selected rather than multiplied by 0 and 1: 0 times an infinite logarithm would be NaN.
    let chosen = labels.is_class(classes).select(logits.log_softmax(-1), 0);
    -chosen.sum_axes([-1]).mean()
}

/// The mean cross-entropy of predictions against probabilities: the mean over all items of `-Σ_i p_i log softmax(logits)_i`, in
/// nats.
///
/// * `logits`, `probabilities`: `[.., c]` of one floating-point type; result: a scalar. Logits must be finite.
#[track_caller]
pub fn cross_entropy_with_probabilities<'g>(logits: Tensor<'g>, probabilities: Tensor<'g>) -> Tensor<'g> {
    if let Some(failed) = check_same_type("cross_entropy_with_probabilities", logits, probabilities) {
        return failed;
    }
    -(probabilities * logits.log_softmax(-1)).sum_axes([-1]).mean()
}

/// The mean squared error, `mean((prediction - target)²)`.
///
/// * `prediction`, `target`: one floating-point type and shape; result: a scalar. They do not broadcast: `[n, 1]` against `[n]`
///   would silently compare every item with every other.
#[track_caller]
pub fn mse<'g>(prediction: Tensor<'g>, target: Tensor<'g>) -> Tensor<'g> {
    match check_same_type("mse", prediction, target) {
        Some(failed) => failed,
        None => (prediction - target).square().mean(),
    }
}

/// The mean of the Huber loss: with the error `e = prediction - target`, `e² / 2` where `|e| ≤ delta` and `delta (|e| - delta /
/// 2)` beyond.
///
/// * `prediction`, `target`: one floating-point type and shape; `delta`: positive; result: a scalar.
///
/// Source: Huber, "Robust estimation of a location parameter", 1964.
#[track_caller]
pub fn huber<'g>(prediction: Tensor<'g>, target: Tensor<'g>, delta: f64) -> Tensor<'g> {
    if let Some(failed) = check_same_type("huber", prediction, target) {
        return failed;
    }
    if delta.is_nan() || delta <= 0.0 {
        return prediction.graph().fail("huber", format!("delta is {delta:?}, expected a positive number"));
    }
    let error = prediction - target;
    // One formula for both: the clamped error c times (e - c/2). Its derivative is c, whatever that of clamp is at its limits.
    let clamped = error.clamp(-delta, delta);
    (clamped * (error - 0.5 * clamped)).mean()
}

/// The mean cross-entropy of yes-or-no predictions, `-(y log σ(x) + (1 - y) log(1 - σ(x)))` with the logistic function σ, in nats.
///
/// * `logits` x, `targets` y: one floating-point type and shape, targets are probabilities; result: a scalar.
///
/// Written as `max(x, 0) - x y + log(1 + e^-|x|)`, which neither overflows nor loses the small values.
#[track_caller]
pub fn binary_cross_entropy<'g>(logits: Tensor<'g>, targets: Tensor<'g>) -> Tensor<'g> {
    if let Some(failed) = check_same_type("binary_cross_entropy", logits, targets) {
        return failed;
    }
    let magnitude = logits.abs();
    // The maximum as (x + |x|) / 2, whose derivative at 0 is that of the smooth whole.
    let linear = (0.5 * logits + 0.5 * magnitude) - logits * targets;
    (linear + (-magnitude).exp().log1p()).mean()
}

/// The fraction of items whose largest logit is that of the label; a tie with another class counts as correct.
///
/// * `logits`: `[.., c]`, floating-point; `labels`: integers `[..]`; result: a scalar of the logits' element type.
#[track_caller]
pub fn accuracy<'g>(logits: Tensor<'g>, labels: Tensor<'g>) -> Tensor<'g> {
    if let Some(failed) = check_labels("accuracy", logits, labels) {
        return failed;
    }
    let classes = logits.dims().last().copied().unwrap_or(0);
    let is_largest = logits.eq_(logits.max_keepdims([-1]));
    let correct = (is_largest & labels.is_class(classes)).any_axes([-1]);
    correct.to(logits.dtype()).mean()
}

/// A placeholder and a recorded mistake unless there is one integer label per row of logits.
#[track_caller]
fn check_labels<'g>(op: &str, logits: Tensor<'g>, labels: Tensor<'g>) -> Option<Tensor<'g>> {
    logits.same_graph(op, labels);
    let (x, y) = (logits.dims(), labels.dims());
    let fits = x.split_last().is_some_and(|(_, items)| items == y);
    if fits && logits.dtype().is_float() && labels.dtype().is_integer() {
        return None;
    }
    let message =
        format!("logits {} and labels {}, expected floats [.., c] and integers [..]", logits.ty(), labels.ty());
    Some(logits.graph().fail(op, message))
}

#[track_caller]
fn check_same_type<'g>(op: &str, x: Tensor<'g>, y: Tensor<'g>) -> Option<Tensor<'g>> {
    x.same_graph(op, y);
    if x.ty() == y.ty() && x.dtype().is_float() {
        return None;
    }
    Some(x.graph().fail(op, format!("operands {} and {}, expected one floating-point type", x.ty(), y.ty())))
}
