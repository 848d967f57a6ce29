//! Optimizer steps against the papers' recurrences in plain Rust.

use pullback_graph::optim::{Adam, AdamState, sgd};

use crate::{close, expect, values, vector};

#[test]
fn sgd_moves_against_the_gradient() {
    expect(&[2], &[0.95, 2.1], |g| sgd(vector(g, &[1.0, 2.0]), vector(g, &[0.5, -1.0]), 0.1));
}

#[test]
fn adam_follows_its_recurrence_for_three_steps() {
    let (adam, rate) = (Adam::default(), 0.01);
    let gradients = [[0.3, -2.0], [0.1, 0.0], [-0.7, 4.0]];
    let out = values(|g| {
        let mut state = AdamState {
            parameter: vector(g, &[1.0, -1.0]),
            first_moment: vector(g, &[0.0; 2]),
            second_moment: vector(g, &[0.0; 2]),
        };
        for (step, gradient) in gradients.iter().enumerate() {
            state = adam.step(state, vector(g, gradient), g.scalar(step as i32 + 1), rate);
        }
        vec![state.parameter, state.first_moment, state.second_moment]
    });
    let (mut x, mut m, mut v) = ([1.0, -1.0], [0.0; 2], [0.0; 2]);
    for (step, gradient) in gradients.iter().enumerate() {
        let t = step as i32 + 1;
        for i in 0..2 {
            m[i] = 0.9 * m[i] + 0.1 * gradient[i];
            v[i] = 0.999 * v[i] + 0.001 * gradient[i] * gradient[i];
            let (m_hat, v_hat): (f64, f64) = (m[i] / (1.0 - 0.9f64.powi(t)), v[i] / (1.0 - 0.999f64.powi(t)));
            x[i] -= rate * m_hat / (v_hat.sqrt() + 1e-8);
        }
    }
    // 1 - 0.999^t in f64 loses three digits, and so does this reference.
    close(&out[0], &[2], &x, 1e-12);
    close(&out[1], &[2], &m, 1e-15);
    close(&out[2], &[2], &v, 1e-15);
}
