//! Products of tensors: `matmul` by the rules of NumPy, and the general `dot` under it.

use pullback_ir::{DotDims, Op};

use crate::operand::{Resolved, broadcast_shapes};
use crate::tensor::Tensor;

impl<'g> Tensor<'g> {
    /// The matrix product, by the rules of NumPy.
    ///
    /// | left | right | result |
    /// |---|---|---|
    /// | `[k]` | `[k]` | scalar |
    /// | `[m, k]` | `[k]` | `[m]` |
    /// | `[k]` | `[k, n]` | `[n]` |
    /// | `[m, k]` | `[k, n]` | `[m, n]` |
    /// | `[b.., m, k]` | `[b.., k, n]` | `[b.., m, n]`; the batch axes `b..` broadcast |
    #[track_caller]
    pub fn matmul(self, right: Tensor<'g>) -> Self {
        let graph = self.graph();
        if self.meet("matmul", Resolved::Tensor(right)).is_none() {
            return graph.placeholder();
        }
        let (x, y) = (self.dims(), right.dims());
        let (Some(&columns), Some(&rows)) = (x.last(), y.get(y.len().saturating_sub(2))) else {
            return graph
                .fail("matmul", format!("operands {} and {}, expected at least one axis", self.ty(), right.ty()));
        };
        if columns != rows {
            let message = format!("{} has {columns} columns and {} has {rows} rows", self.ty(), right.ty());
            return graph.fail("matmul", message);
        }
        let contract = (x.len() - 1, y.len().saturating_sub(2));
        if y.len() <= 2 || x.len() == 1 {
            // At most one side has batch axes, and they are where the result of `dot` has them.
            let dims =
                DotDims { lhs_contract: [contract.0].into(), rhs_contract: [contract.1].into(), ..DotDims::default() };
            return self.dot_general(right, dims);
        }
        let (x_batch, x_matrix) = x.split_at(x.len() - 2);
        let (y_batch, y_matrix) = y.split_at(y.len() - 2);
        match broadcast_shapes(x_batch, y_batch) {
            Ok(batch) => {
                let x = self.broadcast_to([&batch, x_matrix].concat());
                let y = right.broadcast_to([&batch, y_matrix].concat());
                x.dot_general(y, batched(batch.len()))
            }
            Err(message) => graph.fail("matmul", format!("batch axes: {message}")),
        }
    }

    /// The sum of products over paired axes. The result has the batch axes, then the free axes of this tensor, then those of
    /// `right`.
    #[track_caller]
    pub fn dot_general(self, right: Tensor<'g>, dims: DotDims) -> Self {
        self.same_graph("dot", right);
        self.graph().emit(Op::Dot(Box::new(dims)), &[self, right])
    }
}

/// A batch of matrix products with this many leading batch axes.
fn batched(batch: usize) -> DotDims {
    DotDims {
        lhs_batch: (0..batch).collect(),
        rhs_batch: (0..batch).collect(),
        lhs_contract: [batch + 1].into(),
        rhs_contract: [batch].into(),
    }
}
