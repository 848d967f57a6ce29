//! Layers: affine maps, convolutions, tables looked up by integers, and dropout.

use pullback_ir::{DType, OutOfBounds};

use crate::conv::Conv;
use crate::rng;
use crate::tensor::Tensor;

/// The affine map `x w + b` of a fully connected layer.
///
/// * `x`: `[.., d]`; `w`: `[d, n]`; `b`: `[n]`; result: `[.., n]`. One floating-point type for all.
#[track_caller]
pub fn linear<'g>(x: Tensor<'g>, w: Tensor<'g>, b: Tensor<'g>) -> Tensor<'g> {
    x.matmul(w) + b
}

/// A convolution and a bias per output feature: [`Tensor::conv`], plus `b` along the axis of the features.
///
/// * `x`: `[n, c, ..]`; `w`: `[o, c / groups, ..]`; `b`: `[o]`; result: `[n, o, ..]`; other orders by [`Conv::layout`].
#[track_caller]
pub fn conv<'g>(x: Tensor<'g>, w: Tensor<'g>, b: Tensor<'g>, how: &Conv) -> Tensor<'g> {
    let y = x.conv(w, how);
    add_bias("conv", y, b, how)
}

/// A transposed convolution and a bias per output feature: [`Tensor::conv_transpose`], plus `b` along the axis of the features.
///
/// * `x`: `[n, o, ..]`; `w`: `[o, c / groups, ..]`; `b`: `[c]`; result: `[n, c, ..]`.
#[track_caller]
pub fn conv_transpose<'g>(x: Tensor<'g>, w: Tensor<'g>, b: Tensor<'g>, how: &Conv) -> Tensor<'g> {
    let y = x.conv_transpose(w, how);
    add_bias("conv_transpose", y, b, how)
}

#[track_caller]
fn add_bias<'g>(op: &str, y: Tensor<'g>, b: Tensor<'g>, how: &Conv) -> Tensor<'g> {
    let graph = y.graph();
    if graph.has_failed() {
        return y;
    }
    let dims = y.dims();
    match how.feature_axis(dims.len()) {
        Ok(axis) if b.dims() == [dims[axis]] => y + b.along(axis, dims.len()),
        Ok(axis) => graph.fail(op, format!("the bias is {}, expected {} numbers", b.ty(), dims[axis])),
        Err(message) => graph.fail(op, message),
    }
}

/// The rows of a table that integers name.
///
/// * `table`: `[v, d]`; `ids`: integers of any shape `[..]`; result: `[.., d]`. An integer outside `0..v` gives a row of zeros.
#[track_caller]
pub fn embedding<'g>(table: Tensor<'g>, ids: Tensor<'g>) -> Tensor<'g> {
    match table.rank() {
        2 => table.take_with(ids, 0, OutOfBounds::Drop),
        _ => table.graph().fail("embedding", format!("the table is {}, expected two axes", table.ty())),
    }
}

/// In training, each element of `x` is 0 with probability `rate` and otherwise divided by `1 - rate`, so that its mean stays;
/// else `x` itself.
///
/// * `key`: of [`rng`], `i32[2]`; `rate`: from 0 to less than 1.
///
/// Source: Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014.
#[track_caller]
pub fn dropout<'g>(key: Tensor<'g>, x: Tensor<'g>, rate: f64, training: bool) -> Tensor<'g> {
    if !(0.0..1.0).contains(&rate) {
        return x.graph().fail("dropout", format!("the rate {rate:?}, expected at least 0 and less than 1"));
    }
    x.same_graph("dropout", key);
    if !training || rate == 0.0 || x.graph().has_failed() {
        return x;
    }
    let kept = rng::bernoulli(key, 1.0 - rate, x.dims());
    kept.select(x / (1.0 - rate), 0)
}

impl Tensor<'_> {
    /// A new last axis of extent `classes`, 1 at the position that the integer names and 0 elsewhere; all 0 for an integer outside
    /// `0..classes`. The elements are of type `dtype`.
    #[track_caller]
    pub fn one_hot(self, classes: usize, dtype: DType) -> Self {
        self.is_class(classes).to(dtype)
    }

    /// As [`Tensor::one_hot`], as `bool`.
    #[track_caller]
    pub(super) fn is_class(self, classes: usize) -> Self {
        if !self.dtype().is_integer() {
            return self.graph().fail("one_hot", format!("the classes are {}, expected integers", self.ty()));
        }
        // A u8 counts to 255 only, and positions beyond would wrap.
        let id = if self.dtype() == DType::U8 { self.to(DType::I32) } else { self };
        let class = self.graph().arange(id.dtype(), classes);
        id.expand_dims(-1).eq_(class)
    }

    /// One axis, put where axis `axis` of a tensor with `rank` axes is, so that it broadcasts against that tensor.
    #[track_caller]
    pub(super) fn along(self, axis: usize, rank: usize) -> Self {
        let mut dims = vec![1; rank];
        dims[axis] = self.size();
        self.reshape_to(&dims)
    }
}
