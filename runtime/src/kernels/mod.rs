//! The kernels besides matrix products that generated code calls: sorting and linear algebra on one line or one matrix.
//!
//! What they share: plain functions of the C calling convention on pointers with strides in elements; no memory is allocated (what one needs besides
//! its operands is part of the program's arena), nothing unwinds, and the time is bounded by the sizes. Loops over batches are generated code's.
//!
//! * [`sort`](mod@sort): the positions of a line's elements in order.
//! * [`linear_algebra`]: the Cholesky factor and the solution of triangular systems.

pub mod linear_algebra;
pub mod sort;

/// The symbols of the kernels, and their addresses in this process.
#[must_use]
pub fn symbols() -> Vec<(&'static str, *const u8)> {
    let mut symbols = sort::symbols().to_vec();
    symbols.extend(linear_algebra::symbols());
    symbols
}
