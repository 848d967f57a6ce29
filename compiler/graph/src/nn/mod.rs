//! Compositions of neural networks.
//!
//! None of these is an operation of the tensor IR: each is the formula of its documentation, written with the methods of
//! [`Tensor`](crate::Tensor), and differentiated and fused like any user's formula. What has one natural subject is a method
//! (`x.gelu()`, `x.softmax(-1)`, `labels.one_hot(10, DType::F32)`); what combines several tensors of different roles is a function
//! here (`linear(x, w, b)`, `cross_entropy(logits, labels)`).
//!
//! * `activation.rs`: relu, gelu, silu, softplus
//! * `normalize.rs`: softmax, log-softmax, log-sum-exp, layer normalization
//! * `layer.rs`: linear, one-hot, embedding
//! * `loss.rs`: cross-entropies, mean squared error, accuracy

mod activation;
mod layer;
mod loss;
mod normalize;

pub use layer::{embedding, linear};
pub use loss::{accuracy, cross_entropy, cross_entropy_with_probabilities, mse};
pub use normalize::layer_norm;
