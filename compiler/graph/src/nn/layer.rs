//! Layers: an affine map, and tables looked up by integers.

use pullback_ir::DType;

use crate::tensor::Tensor;

/// The affine map `x w + b` of a fully connected layer.
///
/// * `x`: `[.., d]`; `w`: `[d, n]`; `b`: `[n]`; result: `[.., n]`. One floating-point type for all.
#[track_caller]
pub fn linear<'g>(x: Tensor<'g>, w: Tensor<'g>, b: Tensor<'g>) -> Tensor<'g> {
    x.matmul(w) + b
}

/// The rows of a table that integers name.
///
/// * `table`: `[v, d]`, floating-point; `ids`: integers of any shape `[..]`; result: `[.., d]`.
///
/// A product with [`Tensor::one_hot`], so that its derivative is a product too; the cost is proportional to `v`. An integer outside
/// `0..v` gives a row of zeros. The table must be finite: an infinite element would make every row NaN, being multiplied by 0.
#[track_caller]
pub fn embedding<'g>(table: Tensor<'g>, ids: Tensor<'g>) -> Tensor<'g> {
    match table.dims()[..] {
        [rows, _] => ids.one_hot(rows, table.dtype()).matmul(table),
        _ => table.graph().fail("embedding", format!("the table is {}, expected two axes", table.ty())),
    }
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
}
