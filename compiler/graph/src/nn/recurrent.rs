//! Recurrent layers: cells, and their scans over time.
//!
//! Time is axis 0 of a sequence, `[t, .., d]`, as a scan has it. What does not depend on the state is computed for all times at
//! once, before the loop.

use crate::control::Scan;
use crate::tensor::Tensor;

/// Long short-term memory. With gates in the order i, f, g, o along the last axis of `[i f g o] = x W + h U + b`:
///
/// ```text
/// c' = σ(f) c + σ(i) tanh(g)
/// h' = σ(o) tanh(c')
/// ```
///
/// Source: Hochreiter and Schmidhuber, "Long short-term memory", 1997, with the forget gate of Gers, Schmidhuber and Cummins, 2000.
#[derive(Clone, Copy, Debug)]
pub struct Lstm<'g> {
    /// W, `[d, 4 n]`.
    pub input: Tensor<'g>,
    /// U, `[n, 4 n]`.
    pub hidden: Tensor<'g>,
    /// b, `[4 n]`.
    pub bias: Tensor<'g>,
}

impl<'g> Lstm<'g> {
    /// One step: the state `(h, c)`, `[.., n]` each, after the input `x`, `[.., d]`.
    #[track_caller]
    pub fn step(self, state: (Tensor<'g>, Tensor<'g>), x: Tensor<'g>) -> (Tensor<'g>, Tensor<'g>) {
        self.advance(state, x.matmul(self.input) + self.bias)
    }

    /// All steps over `xs`, `[t, .., d]`: the state after the last, and `h` after each, `[t, .., n]`.
    #[track_caller]
    pub fn scan(
        self,
        options: Scan,
        state: (Tensor<'g>, Tensor<'g>),
        xs: Tensor<'g>,
    ) -> ((Tensor<'g>, Tensor<'g>), Tensor<'g>) {
        let graph = xs.graph();
        let origin = graph.origin();
        let driven = xs.matmul(self.input) + self.bias;
        graph.scan_with(options, state, driven, |state, driven| {
            let (h, c) = graph.attribute(&origin, || self.advance(state, driven));
            ((h, c), h)
        })
    }

    /// A step from the part of the gates that the input makes.
    #[track_caller]
    fn advance(self, (h, c): (Tensor<'g>, Tensor<'g>), driven: Tensor<'g>) -> (Tensor<'g>, Tensor<'g>) {
        let [i, f, g, o] = (driven + h.matmul(self.hidden)).split(-1);
        let c = f.logistic() * c + i.logistic() * g.tanh();
        (o.logistic() * c.tanh(), c)
    }
}

/// The gated recurrent unit. With gates in the order r, z, n along the last axes of `x W + b` and `h U + d`:
///
/// ```text
/// r = σ((x W + b)_r + (h U + d)_r)
/// z = σ((x W + b)_z + (h U + d)_z)
/// n = tanh((x W + b)_n + r (h U + d)_n)
/// h' = (1 - z) n + z h
/// ```
///
/// Source: Cho et al., "Learning phrase representations using RNN encoder-decoder", 2014, in the form that applies `r` behind the
/// product.
#[derive(Clone, Copy, Debug)]
pub struct Gru<'g> {
    /// W, `[d, 3 n]`.
    pub input: Tensor<'g>,
    /// U, `[n, 3 n]`.
    pub hidden: Tensor<'g>,
    /// b, `[3 n]`.
    pub input_bias: Tensor<'g>,
    /// d, `[3 n]`.
    pub hidden_bias: Tensor<'g>,
}

impl<'g> Gru<'g> {
    /// One step: the state, `[.., n]`, after the input `x`, `[.., d]`.
    #[track_caller]
    pub fn step(self, h: Tensor<'g>, x: Tensor<'g>) -> Tensor<'g> {
        self.advance(h, x.matmul(self.input) + self.input_bias)
    }

    /// All steps over `xs`, `[t, .., d]`: the state after the last, and after each, `[t, .., n]`.
    #[track_caller]
    pub fn scan(self, options: Scan, h: Tensor<'g>, xs: Tensor<'g>) -> (Tensor<'g>, Tensor<'g>) {
        let graph = xs.graph();
        let origin = graph.origin();
        let driven = xs.matmul(self.input) + self.input_bias;
        graph.scan_with(options, h, driven, |h, driven| {
            let h = graph.attribute(&origin, || self.advance(h, driven));
            (h, h)
        })
    }

    /// A step from the part of the gates that the input makes.
    #[track_caller]
    fn advance(self, h: Tensor<'g>, driven: Tensor<'g>) -> Tensor<'g> {
        let [r, z, n] = driven.split(-1);
        let [hidden_r, hidden_z, hidden_n] = (h.matmul(self.hidden) + self.hidden_bias).split(-1);
        let (r, z) = ((r + hidden_r).logistic(), (z + hidden_z).logistic());
        let n = (n + r * hidden_n).tanh();
        (1.0 - z) * n + z * h
    }
}
