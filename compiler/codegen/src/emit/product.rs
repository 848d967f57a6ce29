//! Matrix products, and packing for them: calls of the runtime's kernels.

use cranelift_codegen::ir::{InstBuilder, Value};
use pullback_ir::DType;
use pullback_loops::{Gemm, Matrix, PACKED_WIDTH, Pack, Packed, Rhs, packed_elements};
use pullback_runtime::gemm::{self, packed};

use super::kernel::Emitter;
use crate::error::Error;

/// The kernels' symbols, each with the number of its parameters; all are integers or pointers.
pub(super) const SYMBOLS: [(&str, usize); 6] = [
    (gemm::GEMM_F32, 14),
    (gemm::GEMM_F64, 14),
    (packed::PACK_F32, 6),
    (packed::PACK_F64, 6),
    (packed::GEMM_PACKED_F32, 12),
    (packed::GEMM_PACKED_F64, 12),
];

// What the loop IR says of packed matrices is what the kernels do.
const _: () = assert!(PACKED_WIDTH == packed::PACKED_WIDTH);

impl Emitter<'_, '_> {
    pub(super) fn gemm(&mut self, gemm: &Gemm) -> Result<(), Error> {
        let &Gemm { dtype, m, n, k, ref out, ref lhs, ref rhs, accumulate } = gemm;
        let threads = self.env.settings.threads;
        gemm::start_threads(m, n, k, threads).map_err(Error::Limitation)?;
        let mut arguments = [m, n, k].map(|size| self.number(size as i64)).to_vec();
        arguments.extend(self.matrix(out, (m, n), dtype)?);
        arguments.extend(self.matrix(lhs, (m, k), dtype)?);
        let symbols = match rhs {
            Rhs::Matrix(matrix) => {
                arguments.extend(self.matrix(matrix, (k, n), dtype)?);
                [gemm::GEMM_F32, gemm::GEMM_F64]
            }
            Rhs::Packed(packed) => {
                arguments.push(self.packed(packed, (k, n), dtype)?);
                [packed::GEMM_PACKED_F32, packed::GEMM_PACKED_F64]
            }
        };
        if self.base(out.buffer)?.readonly {
            return self.bug(format!("a matrix product into {}, which is read only", out.buffer));
        }
        arguments.extend([i64::from(accumulate), threads as i64].map(|flag| self.number(flag)));
        self.call_kernel(symbols, dtype, &arguments)
    }

    pub(super) fn pack(&mut self, pack: &Pack) -> Result<(), Error> {
        let &Pack { dtype, k, n, ref from, ref to } = pack;
        let mut arguments = [k, n].map(|size| self.number(size as i64)).to_vec();
        arguments.extend(self.matrix(from, (k, n), dtype)?);
        arguments.push(self.packed(to, (k, n), dtype)?);
        if self.base(to.buffer)?.readonly {
            return self.bug(format!("a matrix is packed into {}, which is read only", to.buffer));
        }
        self.call_kernel([packed::PACK_F32, packed::PACK_F64], dtype, &arguments)
    }

    /// Calls the kernel for an element type, of those for `f32` and `f64`.
    fn call_kernel(&mut self, symbols: [&str; 2], dtype: DType, arguments: &[Value]) -> Result<(), Error> {
        let symbol = match dtype {
            DType::F32 => symbols[0],
            DType::F64 => symbols[1],
            DType::I32 | DType::I64 | DType::U8 | DType::Bool => {
                return self.bug(format!("there is no matrix-product kernel for {dtype}"));
            }
        };
        match self.env.imports.products.reference(self.builder.func, symbol, arguments.len()) {
            Some(kernel) => {
                self.builder.ins().call(kernel, arguments);
                Ok(())
            }
            None => self.bug(format!("there is no kernel {symbol} of {} arguments", arguments.len())),
        }
    }

    /// Pointer, row stride and column stride.
    fn matrix(&mut self, matrix: &Matrix, (rows, columns): (usize, usize), dtype: DType) -> Result<[Value; 3], Error> {
        let strides = [matrix.row_stride, matrix.column_stride];
        self.check_inside(matrix.buffer, &matrix.index, &[(strides[0], rows), (strides[1], columns)])?;
        let (pointer, offset, _) = self.address(matrix.buffer, &matrix.index, dtype)?;
        let pointer = self.builder.ins().iadd_imm_s(pointer, i64::from(offset));
        let [rows, columns] = strides.map(|stride| self.number(stride));
        Ok([pointer, rows, columns])
    }

    /// The pointer to a packed matrix.
    fn packed(&mut self, packed: &Packed, (rows, columns): (usize, usize), dtype: DType) -> Result<Value, Error> {
        self.check_inside(packed.buffer, &packed.index, &[(1, packed_elements(rows, columns))])?;
        let (pointer, offset, _) = self.address(packed.buffer, &packed.index, dtype)?;
        Ok(self.builder.ins().iadd_imm_s(pointer, i64::from(offset)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_is_one_of_the_runtime() {
        assert_eq!(gemm::symbols().map(|symbol| symbol.0), SYMBOLS.map(|symbol| symbol.0));
    }
}
