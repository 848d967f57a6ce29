//! Matrix products, and the packed matrices that they share.
//!
//! The order of the elements of a packed matrix is the kernel's affair, and depends on the number of rows. So a buffer that a matrix is packed into is touched by nothing else
//! than packing and products of that number of rows, and strips of columns are found where one begins. That each column that is multiplied by has been packed before is, as for
//! every other element, checked by the interpreter.

use pullback_ir::DType;

use super::Checker;
use super::access::{MAX_SIZE, widen};
use crate::program::{Buffer, Gemm, Matrix, PACKED_WIDTH, Pack, Packed, Rhs, Space};

/// How the elements of a buffer are laid out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// Element by element.
    Plain,
    /// As packed matrices of so many rows.
    Packed(usize),
}

impl Checker<'_> {
    /// All accesses of a buffer see one layout.
    pub(super) fn check_layout(&mut self, buffer: Buffer, layout: Layout) {
        let Some(data) = self.program.buffers.get(buffer) else { return };
        let before = *self.layouts[buffer].get_or_insert(layout);
        if before != layout {
            let words = |layout| match layout {
                Layout::Plain => "element by element".to_owned(),
                Layout::Packed(rows) => format!("as packed matrices of {rows} rows"),
            };
            self.report(format!("%{} is accessed {}, before {}", data.name, words(layout), words(before)));
        }
    }

    pub(super) fn check_gemm(&mut self, gemm: &Gemm) {
        let &Gemm { dtype, m, n, k, ref out, ref lhs, ref rhs, accumulate } = gemm;
        if !dtype.is_float() {
            self.report(format!("a matrix product of {dtype}, expected f32 or f64"));
        }
        let rhs_matrix = match rhs {
            Rhs::Matrix(matrix) => Some(matrix),
            Rhs::Packed(_) => None,
        };
        if !self.check_sizes(&[m, n, k], [out, lhs].into_iter().chain(rhs_matrix)) {
            return;
        }
        let is_empty = m == 0 || n == 0;
        self.check_matrix(out, dtype, (m, n), is_empty);
        self.check_matrix(lhs, dtype, (m, k), is_empty);
        match rhs {
            Rhs::Matrix(matrix) => self.check_matrix(matrix, dtype, (k, n), is_empty),
            Rhs::Packed(packed) => self.check_packed(packed, dtype, (k, n), is_empty),
        }
        if out.buffer == lhs.buffer || out.buffer == rhs.buffer() {
            self.report("the result of a matrix product is one of its operands");
        }
        if !is_empty && !are_apart(out, (m as i128, n as i128)) {
            self.report("elements of the result of a matrix product share memory");
        }
        if !is_empty {
            if k > 0 {
                self.check_loadable(lhs.buffer);
                self.check_loadable(rhs.buffer());
            }
            if accumulate {
                self.check_loadable(out.buffer);
            }
            self.check_storable(out.buffer);
        }
    }

    pub(super) fn check_pack(&mut self, pack: &Pack) {
        let &Pack { dtype, k, n, ref from, ref to } = pack;
        if !dtype.is_float() {
            self.report(format!("a matrix of {dtype} is packed, expected f32 or f64"));
        }
        if !self.check_sizes(&[k, n], std::iter::once(from)) {
            return;
        }
        self.check_matrix(from, dtype, (k, n), false);
        self.check_packed(to, dtype, (k, n), false);
        if k > 0 && n > 0 {
            self.check_loadable(from.buffer);
            self.check_storable(to.buffer);
        }
    }

    /// Whether offsets in the matrices fit 128 bits here and 64 bits in the kernels that are called.
    fn check_sizes<'m>(&mut self, extents: &[usize], matrices: impl Iterator<Item = &'m Matrix>) -> bool {
        let strides = matrices.flat_map(|matrix| [matrix.row_stride, matrix.column_stride]);
        let strides = strides.map(|stride| i128::from(stride.unsigned_abs()));
        let fits = extents.iter().map(|&extent| extent as i128).chain(strides).all(|size| size <= MAX_SIZE);
        if !fits {
            self.report("an extent or a stride of a matrix is larger than 2^48");
        }
        fits
    }

    fn check_matrix(&mut self, matrix: &Matrix, dtype: DType, (rows, columns): (usize, usize), is_empty: bool) {
        self.check_layout(matrix.buffer, Layout::Plain);
        let range = self.range(&matrix.index);
        let fits = self.check_element_type(matrix.buffer, dtype);
        if let (Some(range), true) = (range, fits && !is_empty && rows > 0 && columns > 0) {
            let range = widen(range, i128::from(matrix.row_stride) * (rows as i128 - 1));
            self.check_inside(matrix.buffer, widen(range, i128::from(matrix.column_stride) * (columns as i128 - 1)));
        }
    }

    fn check_packed(&mut self, packed: &Packed, dtype: DType, (rows, columns): (usize, usize), is_empty: bool) {
        self.check_layout(packed.buffer, Layout::Packed(rows));
        let range = self.range(&packed.index);
        let fits = self.check_element_type(packed.buffer, dtype);
        let Some(data) = self.program.buffers.get(packed.buffer) else { return };
        match data.space {
            Space::Arena(_) | Space::Local(_) => {}
            Space::Input(_) | Space::Output(_) | Space::Constant(_) => {
                self.report(format!("%{} holds a packed matrix, expected a buffer of the arena", data.name));
            }
        }
        let strip = rows as i128 * PACKED_WIDTH as i128;
        let factors = packed.index.terms.iter().map(|term| term.1).chain([packed.index.offset]);
        if rows > 0 && factors.into_iter().any(|factor| i128::from(factor) % strip != 0) {
            let rule = format!("expected a multiple of {strip}, the elements of a strip of columns");
            self.report(format!("the position of a packed matrix is not where a strip begins, {rule}"));
        }
        if let (Some(range), true) = (range, fits && !is_empty && rows > 0 && columns > 0) {
            let strips = columns.div_ceil(PACKED_WIDTH) as i128;
            self.check_inside(packed.buffer, widen(range, strip * strips - 1));
        }
    }
}

/// Whether no two elements of a matrix are at one place.
fn are_apart(matrix: &Matrix, (m, n): (i128, i128)) -> bool {
    let (rows, columns) = (i128::from(matrix.row_stride).abs(), i128::from(matrix.column_stride).abs());
    let move_on = (m <= 1 || rows > 0) && (n <= 1 || columns > 0);
    move_on && (m <= 1 || n <= 1 || rows >= columns * n || columns >= rows * m)
}
