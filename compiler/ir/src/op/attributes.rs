//! Attributes of views, padding, reductions and products.

use std::ops::Deref;

use crate::types::Shape;

/// A list of axes (or of output axes), in the order that the operation gives them meaning.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Axes(Box<[usize]>);

impl Deref for Axes {
    type Target = [usize];
    fn deref(&self) -> &[usize] {
        &self.0
    }
}

impl From<&[usize]> for Axes {
    fn from(axes: &[usize]) -> Self {
        Self(axes.into())
    }
}

impl<const N: usize> From<[usize; N]> for Axes {
    fn from(axes: [usize; N]) -> Self {
        Self(axes.into())
    }
}

impl From<Vec<usize>> for Axes {
    fn from(axes: Vec<usize>) -> Self {
        Self(axes.into())
    }
}

impl FromIterator<usize> for Axes {
    fn from_iter<I: IntoIterator<Item = usize>>(iter: I) -> Self {
        Self(iter.into_iter().collect())
    }
}

impl std::fmt::Debug for Axes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Attributes of `broadcast`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct BroadcastSpec {
    /// The result's shape.
    pub shape: Shape,
    /// For each operand axis the result axis it becomes, strictly increasing; extents agree.
    pub dims: Axes,
}

/// Attributes of `slice`, one entry per axis.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct SliceSpec {
    /// First position taken.
    pub start: Box<[usize]>,
    /// One past the last position considered.
    pub limit: Box<[usize]>,
    /// Distance between positions taken, at least 1.
    pub stride: Box<[usize]>,
}

/// Attributes of `pad`, one entry per axis.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct PadSpec {
    /// Positions added before the first; negative removes.
    pub low: Box<[i64]>,
    /// Positions added after the last; negative removes.
    pub high: Box<[i64]>,
    /// Positions added between neighbours.
    pub interior: Box<[usize]>,
}

/// Attributes of `dot`: which axes pair up.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct DotDims {
    /// Batch axes of the left operand.
    pub lhs_batch: Axes,
    /// Batch axes of the right operand, paired in order with the left's.
    pub rhs_batch: Axes,
    /// Contracted axes of the left operand.
    pub lhs_contract: Axes,
    /// Contracted axes of the right operand, paired in order with the left's.
    pub rhs_contract: Axes,
}

impl DotDims {
    /// The axes of a left operand of this rank that are neither batch nor contracted, in order.
    #[must_use]
    pub fn lhs_free(&self, rank: usize) -> Vec<usize> {
        (0..rank).filter(|axis| !self.lhs_batch.contains(axis) && !self.lhs_contract.contains(axis)).collect()
    }

    /// The axes of a right operand of this rank that are neither batch nor contracted, in order.
    #[must_use]
    pub fn rhs_free(&self, rank: usize) -> Vec<usize> {
        (0..rank).filter(|axis| !self.rhs_batch.contains(axis) && !self.rhs_contract.contains(axis)).collect()
    }
}
