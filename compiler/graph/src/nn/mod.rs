//! Compositions of neural networks.
//!
//! None of these is an operation of the tensor IR: each is the formula of its documentation, written with the methods of
//! [`Tensor`](crate::Tensor), and differentiated and fused like any user's formula. What has one natural subject is a method
//! (`x.gelu()`, `x.softmax(-1)`, `labels.one_hot(10, DType::F32)`); what combines several tensors of different roles is a function
//! here (`linear(x, w, b)`, `cross_entropy(logits, labels)`).
//!
//! * `activation.rs`: relu, gelu, silu, softplus
//! * `normalize.rs`: softmax, log-softmax, log-sum-exp; layer, batch and root-mean-square normalization
//! * `layer.rs`: linear, convolutions, one-hot, embedding, dropout; pooling is methods of tensors (`x.max_pool(&window)`)
//! * `attention.rs`: scaled dot-product attention, in one and in several heads
//! * `recurrent.rs`: LSTM and GRU, as cells and as scans
//! * `loss.rs`: cross-entropies, mean squared error, Huber's loss, accuracy

mod activation;
mod attention;
mod layer;
mod loss;
mod normalize;
mod recurrent;

pub use attention::{Mask, attention, multi_head_attention};
pub use layer::{conv, conv_transpose, dropout, embedding, linear};
pub use loss::{accuracy, binary_cross_entropy, cross_entropy, cross_entropy_with_probabilities, huber, mse};
pub use normalize::{BatchNorm, batch_norm, batch_norm_training, layer_norm, rms_norm};
pub use recurrent::{Gru, Lstm};
