//! Layers of networks against their formulas in plain Rust.

use pullback_graph::nn::{self, Mask};
use pullback_graph::{Conv, Padding, Scan, rng};
use pullback_ir::DType;

use crate::{close, counting, expect, values, vector};

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[test]
fn a_convolution_layer_adds_its_bias_to_the_features() {
    let out = values(|g| {
        let (x, k, b) = (counting(g, &[1, 1, 2, 2]), g.ones(DType::F64, [2, 1, 1, 1]), vector(g, &[10.0, 20.0]));
        let last = x.permute([0, 2, 3, 1]);
        let by_layout = nn::conv(last, k.permute([2, 3, 1, 0]), b, &Conv::new().layout("NHWC", "HWIO"));
        let up = nn::conv_transpose(
            g.ones(DType::F64, [1, 2, 1, 1]),
            g.ones(DType::F64, [2, 1, 2, 2]),
            vector(g, &[0.5]),
            &Conv::new(),
        );
        vec![nn::conv(x, k, b, &Conv::new().padding(Padding::Same)), by_layout, up]
    });
    close(&out[0], &[1, 2, 2, 2], &[10.0, 11.0, 12.0, 13.0, 20.0, 21.0, 22.0, 23.0], 0.0);
    close(&out[1], &[1, 2, 2, 2], &[10.0, 20.0, 11.0, 21.0, 12.0, 22.0, 13.0, 23.0], 0.0);
    close(&out[2], &[1, 1, 2, 2], &[2.5; 4], 0.0);
}

#[test]
fn norms_have_their_statistics() {
    // Features along axis 1: [0, 1, 4, 5] and [2, 3, 6, 7], means 2.5 and 4.5, variances 4.25.
    let out = values(|g| {
        let x = counting(g, &[2, 2, 2]);
        let (gain, bias) = (vector(g, &[1.0, 2.0]), vector(g, &[0.0, 10.0]));
        let batch = nn::batch_norm_training(x, gain, bias, 1, 0.0);
        let again = nn::batch_norm(x, batch.mean, batch.variance, gain, bias, -2, 0.0);
        let plain = nn::batch_norm(x, batch.mean, batch.variance, 1.0, 0.0, 1, 0.75);
        vec![batch.output, batch.mean, batch.variance, again, plain]
    });
    let s = 4.25f64.sqrt();
    let expected =
        [-2.5 / s, -1.5 / s, 10.0 - 5.0 / s, 10.0 - 3.0 / s, 1.5 / s, 2.5 / s, 10.0 + 3.0 / s, 10.0 + 5.0 / s];
    close(&out[0], &[2, 2, 2], &expected, 1e-14);
    close(&out[1], &[2], &[2.5, 4.5], 0.0);
    close(&out[2], &[2], &[4.25, 4.25], 0.0);
    close(&out[3], &[2, 2, 2], &expected, 1e-14);
    let shifted = [-2.5, -1.5, -2.5, -1.5, 1.5, 2.5, 1.5, 2.5].map(|x: f64| x / 5f64.sqrt());
    close(&out[4], &[2, 2, 2], &shifted, 1e-14);
    let root = 12.5f64.sqrt();
    expect(&[1, 2], &[2.0 * 3.0 / root, 2.0 * 4.0 / root], |g| nn::rms_norm(g.constant([3.0, 4.0], [1, 2]), 2.0, 0.0));
}

#[test]
fn dropout_drops_a_part_and_keeps_the_mean() {
    let out = values(|g| {
        let (key, x) = (rng::key(g, 9), g.ones(DType::F64, [1 << 14]));
        vec![nn::dropout(key, x, 0.25, true), nn::dropout(key, x, 0.25, false), nn::dropout(key, x, 0.0, true)]
    });
    let kept = out[0].to_f64();
    assert!(kept.iter().all(|&x| x == 0.0 || (x - 4.0 / 3.0).abs() < 1e-15));
    let fraction = kept.iter().filter(|&&x| x > 0.0).count() as f64 / kept.len() as f64;
    assert!((fraction - 0.75).abs() < 0.014, "{fraction}");
    assert!(out[1..].iter().all(|same| same.to_f64().iter().all(|&x| x == 1.0)));
}

/// Attention of one head by loops: q [t, d], k [s, d], v [s, e], and whether query i sees key j.
fn naive_attention(
    q: &[f64],
    k: &[f64],
    v: &[f64],
    d: usize,
    e: usize,
    sees: impl Fn(usize, usize) -> bool,
) -> Vec<f64> {
    let (t, s) = (q.len() / d, k.len() / d);
    let mut out = vec![0.0; t * e];
    for i in 0..t {
        let weight = |j: usize| {
            let dot: f64 = (0..d).map(|p| q[i * d + p] * k[j * d + p]).sum();
            if sees(i, j) { (dot / (d as f64).sqrt()).exp() } else { 0.0 }
        };
        let total: f64 = (0..s).map(weight).sum();
        for (j, p) in (0..s).flat_map(|j| (0..e).map(move |p| (j, p))) {
            out[i * e + p] += weight(j) / total * v[j * e + p];
        }
    }
    out
}

#[test]
fn attention_weighs_values_by_keys() {
    let wave = |count: usize, speed: f64| -> Vec<f64> { (0..count).map(|i| 2.0 * (speed * i as f64).sin()).collect() };
    let (q, k, v) = (wave(6, 0.9), wave(12, 0.4), wave(20, 1.7));
    let out = values(|g| {
        let (q, k, v) = (g.constant(&q, [2, 3]), g.constant(&k, [4, 3]), g.constant(&v, [4, 5]));
        let odd = (g.arange(DType::I32, 4) % 2).eq_(1);
        let blind = g.constant([true, false], [2, 1]);
        vec![
            nn::attention(q, k, v, Mask::None),
            nn::attention(q, k, v, Mask::Causal),
            nn::attention(q, k, v, Mask::Where(odd)),
            nn::attention(q, k, v, Mask::Where(blind)).index(0, 1) - v.mean_axes([0]),
        ]
    });
    close(&out[0], &[2, 5], &naive_attention(&q, &k, &v, 3, 5, |_, _| true), 1e-13);
    close(&out[1], &[2, 5], &naive_attention(&q, &k, &v, 3, 5, |i, j| j <= i + 2), 1e-13);
    close(&out[2], &[2, 5], &naive_attention(&q, &k, &v, 3, 5, |_, j| j % 2 == 1), 1e-13);
    close(&out[3], &[5], &[0.0; 5], 1e-14);
}

#[test]
fn heads_attend_on_their_own() {
    let out = values(|g| {
        let (q, k, v) = (counting(g, &[2, 3, 4]).sin(), counting(g, &[2, 5, 4]).cos(), counting(g, &[2, 5, 6]) * 0.1);
        let joined = nn::multi_head_attention(q, k, v, 2, Mask::Causal);
        let ([q0, q1], [k0, k1], [v0, v1]) = (q.split(-1), k.split(-1), v.split(-1));
        let apart = [nn::attention(q0, k0, v0, Mask::Causal), nn::attention(q1, k1, v1, Mask::Causal)];
        vec![joined, g.concatenate(&apart, -1)]
    });
    close(&out[0], &[2, 3, 6], &out[1].to_f64(), 1e-14);
}

#[test]
fn an_lstm_steps_and_scans() {
    // One unit, one input, so the formulas can be written down.
    let (w, u, b) = ([0.5, -0.3, 0.8, 0.2], [0.1, 0.4, -0.6, 0.7], [0.0, 1.0, 0.1, -0.1]);
    let xs = [1.0, -2.0, 0.5];
    let (mut h, mut c, mut hs) = (0.25f64, -0.5f64, Vec::new());
    for x in xs {
        let gate = |index: usize| x * w[index] + h * u[index] + b[index];
        let (i, f, o) = (sigmoid(gate(0)), sigmoid(gate(1)), sigmoid(gate(3)));
        c = f * c + i * gate(2).tanh();
        h = o * c.tanh();
        hs.push(h);
    }
    let out = values(|g| {
        let lstm = nn::Lstm { input: g.constant(w, [1, 4]), hidden: g.constant(u, [1, 4]), bias: vector(g, &b) };
        let start = (g.full(DType::F64, [2, 1], 0.25), g.full(DType::F64, [2, 1], -0.5));
        let sequence = g.constant(xs, [3, 1, 1]).broadcast_to([3, 2, 1]);
        let ((h, c), all) = lstm.scan(Scan::default(), start, sequence);
        let mut state = start;
        for time in 0..3 {
            state = lstm.step(state, sequence.index(0, time));
        }
        vec![h, c, all, state.0, state.1]
    });
    close(&out[0], &[2, 1], &[h, h], 1e-14);
    close(&out[1], &[2, 1], &[c, c], 1e-14);
    close(&out[2], &[3, 2, 1], &hs.iter().flat_map(|&h| [h, h]).collect::<Vec<_>>(), 1e-14);
    close(&out[3], &[2, 1], &[h, h], 1e-14);
    close(&out[4], &[2, 1], &[c, c], 1e-14);
}

#[test]
fn a_gru_steps_and_scans() {
    let (w, u, b, d) = ([0.5, -0.3, 0.8], [0.1, 0.4, -0.6], [0.0, 1.0, 0.1], [0.2, -0.2, 0.3]);
    let xs = [1.0, -2.0, 0.5];
    let (mut h, mut hs) = (0.25f64, Vec::new());
    for x in xs {
        let (input, hidden) = (|index: usize| x * w[index] + b[index], |index: usize| h * u[index] + d[index]);
        let (r, z) = (sigmoid(input(0) + hidden(0)), sigmoid(input(1) + hidden(1)));
        let n = (input(2) + r * hidden(2)).tanh();
        h = (1.0 - z) * n + z * h;
        hs.push(h);
    }
    let out = values(|g| {
        let gru = nn::Gru {
            input: g.constant(w, [1, 3]),
            hidden: g.constant(u, [1, 3]),
            input_bias: vector(g, &b),
            hidden_bias: vector(g, &d),
        };
        let sequence = g.constant(xs, [3, 1]);
        let (last, all) = gru.scan(Scan::default(), vector(g, &[0.25]), sequence);
        vec![last, all, gru.step(vector(g, &[0.25]), sequence.index(0, 0))]
    });
    close(&out[0], &[1], &[h], 1e-14);
    close(&out[1], &[3, 1], &hs, 1e-14);
    close(&out[2], &[1], &hs[..1], 1e-14);
}

#[test]
fn losses_are_those_of_their_formulas() {
    // Errors 0.5, -3 and 1 with delta 1.
    expect(&[], &[(0.125 + 2.5 + 0.5) / 3.0], |g| {
        nn::huber(vector(g, &[0.5, -3.0, 1.0]), vector(g, &[0.0, 0.0, 0.0]), 1.0)
    });
    let cases = [(0.3f64, 1.0f64), (-2.0, 0.25), (0.0, 0.0)];
    let expected =
        cases.map(|(x, y)| -(y * sigmoid(x).ln() + (1.0 - y) * (1.0 - sigmoid(x)).ln())).iter().sum::<f64>() / 3.0;
    expect(&[], &[expected], |g| {
        nn::binary_cross_entropy(vector(g, &cases.map(|case| case.0)), vector(g, &cases.map(|case| case.1)))
    });
    // Neither overflow nor loss of the small.
    let out = values(|g| {
        vec![
            nn::binary_cross_entropy(vector(g, &[50.0, -50.0]), vector(g, &[1.0, 0.0])),
            nn::binary_cross_entropy(vector(g, &[-1e4]), vector(g, &[1.0])),
        ]
    });
    assert!((out[0].to_f64()[0] / (-50f64).exp() - 1.0).abs() < 1e-14);
    close(&out[1], &[], &[1e4], 0.0);
}
