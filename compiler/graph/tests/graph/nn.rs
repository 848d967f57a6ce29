//! The compositions against their formulas, worked out in plain Rust.

use pullback_graph::nn;
use pullback_ir::DType;

use crate::{close, counting, expect, values, vector};

const XS: [f64; 7] = [-30.0, -2.0, -0.5, 0.0, 0.5, 2.0, 30.0];

#[test]
fn relu_keeps_nan_and_drops_negatives() {
    expect(&[4], &[0.0, 0.0, 3.0, f64::NAN], |g| vector(g, &[-3.0, 0.0, 3.0, f64::NAN]).relu());
}

#[test]
fn gelu_has_the_published_values() {
    // Φ(1) = 0.841344746068543, Φ(2) = 0.977249868051821 (tables of the normal distribution).
    let expected = [0.841_344_746_068_543, 2.0 * 0.977_249_868_051_821, -(1.0 - 0.841_344_746_068_543), 0.0];
    let out = values(|g| {
        let x = vector(g, &[1.0, 2.0, -1.0, 0.0]);
        vec![x.gelu(), x.gelu_tanh()]
    });
    close(&out[0], &[4], &expected, 1e-14);
    close(&out[1], &[4], &expected, 5e-4);
    let inner = (2.0 / std::f64::consts::PI).sqrt() * (1.0 + 0.044_715);
    assert!((out[1].to_f64()[0] - 0.5 * (1.0 + inner.tanh())).abs() < 1e-15);
}

#[test]
fn silu_and_softplus_are_stable_at_both_ends() {
    expect(&[7], &XS.map(|x| x / (1.0 + (-x).exp())), |g| vector(g, &XS).silu());
    expect(&[7], &XS.map(|x| x.exp().ln_1p()), |g| vector(g, &XS).softplus());
    expect(&[2], &[0.0, 1e4], |g| vector(g, &[-1e4, 1e4]).softplus());
}

#[test]
fn softmax_and_its_relatives_do_not_overflow() {
    let e = std::f64::consts::E;
    let p = [1.0 / (1.0 + e), e / (1.0 + e)];
    expect(&[2], &p, |g| vector(g, &[1000.0, 1001.0]).softmax(0));
    expect(&[2, 2], &[p[0], p[1], p[0], p[1]], |g| counting(g, &[2, 2]).softmax(-1));
    expect(&[2], &p.map(f64::ln), |g| vector(g, &[1000.0, 1001.0]).log_softmax(0));
    expect(&[2], &[-1e4, 0.0], |g| vector(g, &[-1e4, 0.0]).log_softmax(-1));
    expect(&[2], &[(1.0 + e).ln(), 2.0 + (1.0 + e).ln()], |g| counting(g, &[2, 2]).logsumexp(1));
    expect(&[], &[f64::NEG_INFINITY], |g| vector(g, &[f64::NEG_INFINITY; 2]).logsumexp(0));
    expect(&[], &[f64::INFINITY], |g| vector(g, &[f64::INFINITY, 0.0]).logsumexp(0));
}

#[test]
fn layer_norm_has_mean_bias_and_deviation_gain() {
    // Deviations -1, 0, 1 with variance 2/3.
    let scale = 1.0 / (2.0f64 / 3.0 + 1e-5).sqrt();
    let row = [-scale * 2.0 + 5.0, 5.0, scale * 2.0 + 5.0];
    expect(&[2, 3], &[row, row].concat(), |g| nn::layer_norm(counting(g, &[2, 3]), 2.0, vector(g, &[5.0; 3]), 1e-5));
}

#[test]
fn linear_and_embedding_multiply() {
    expect(&[1, 2], &[3.0, 4.0], |g| {
        nn::linear(g.constant([1.0, 1.0], [1, 2]), counting(g, &[2, 2]), vector(g, &[1.0, 0.0]))
    });
    expect(&[3, 2], &[4.0, 5.0, 0.0, 1.0, 0.0, 0.0], |g| {
        nn::embedding(counting(g, &[3, 2]), g.constant([2i32, 0, -1], [3]))
    });
    expect(&[2, 3], &[0.0, 1.0, 0.0, 0.0, 0.0, 0.0], |g| g.constant([1i64, 3], [2]).one_hot(3, DType::F64));
    let wide = values(|g| vec![g.constant([255u8], [1]).one_hot(300, DType::F32).sum()]);
    assert_eq!(wide[0].to_f64(), [1.0]);
}

#[test]
fn cross_entropy_is_the_mean_negative_log_likelihood() {
    let (a, b) = ((1.0f64.exp() + 1.0).ln(), (1.0f64.exp() + 1.0).ln() - 1.0);
    let logits = [0.0, 1.0, 1.0, 0.0];
    expect(&[], &[f64::midpoint(a, a)], |g| nn::cross_entropy(g.constant(logits, [2, 2]), g.constant([0i32, 1], [2])));
    expect(&[], &[f64::midpoint(a, b)], |g| nn::cross_entropy(g.constant(logits, [2, 2]), g.constant([0u8, 0], [2])));
    expect(&[], &[f64::midpoint(a, b)], |g| {
        nn::cross_entropy_with_probabilities(g.constant([0.0, 1.0], [1, 2]), g.constant([0.5, 0.5], [1, 2]))
    });
    // One item, no batch axis; an impossible other class.
    expect(&[], &[0.0], |g| nn::cross_entropy(vector(g, &[f64::NEG_INFINITY, 3.0]), g.scalar(1i32)));
}

#[test]
fn mse_and_accuracy_are_means() {
    expect(&[], &[2.5], |g| nn::mse(vector(g, &[1.0, 2.0]), vector(g, &[2.0, 4.0])));
    expect(&[], &[2.0 / 3.0], |g| {
        let logits = g.constant([0.0, 1.0, 2.0, 1.0, 0.5, 0.0], [3, 2]);
        nn::accuracy(logits, g.constant([1i32, 0, 1], [3]))
    });
}
