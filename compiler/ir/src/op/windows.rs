//! Attributes of sliding windows: views of windows, pooling and convolution.

use super::attributes::Axes;

/// Attributes of `windows` and `overlap_add`: windows along some axes, one entry per windowed axis in each list.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct WindowSpec {
    /// The windowed axes of the operand, strictly increasing.
    pub axes: Axes,
    /// Positions in a window, at least 1.
    pub size: Box<[usize]>,
    /// From one window's first position to the next one's, at least 1.
    pub stride: Box<[usize]>,
    /// From one position in a window to the next, at least 1.
    pub dilation: Box<[usize]>,
}

/// Attributes of `reduce_window` and `select_and_scatter`, one entry per axis. Padding positions hold the identity of the combination.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct PoolSpec {
    /// Positions in a window, at least 1.
    pub size: Box<[usize]>,
    /// From one window's first position to the next one's, at least 1.
    pub stride: Box<[usize]>,
    /// Padding before the first position; negative removes.
    pub low: Box<[i64]>,
    /// Padding behind the last position; negative removes.
    pub high: Box<[i64]>,
    /// From one element of the operand to the next once padding is put between them, at least 1.
    pub base_dilation: Box<[usize]>,
    /// From one position in a window to the next, at least 1.
    pub dilation: Box<[usize]>,
}

/// Attributes of `conv`. Spatial lists have one entry per spatial axis, 0 to 3 of them.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ConvSpec {
    /// Axes of the left operand: batch, feature, then spatial ones.
    pub lhs: Axes,
    /// Axes of the right operand: output feature, input feature, then spatial ones.
    pub rhs: Axes,
    /// Axes of the result: batch, feature, then spatial ones.
    pub out: Axes,
    /// From one window to the next, at least 1.
    pub stride: Box<[usize]>,
    /// Zeros before the first position; negative removes.
    pub low: Box<[i64]>,
    /// Zeros behind the last position; negative removes.
    pub high: Box<[i64]>,
    /// From one element of the left operand to the next, with zeros between, at least 1.
    pub lhs_dilation: Box<[usize]>,
    /// From one element of the right operand to the next, at least 1.
    pub rhs_dilation: Box<[usize]>,
    /// Groups of features: output features of a group see its input features alone.
    pub feature_groups: usize,
    /// Groups of the batch: output features of a group see its part of the batch alone.
    pub batch_groups: usize,
}
