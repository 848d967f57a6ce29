//! The pattern: row by row the columns that can be non-zero.

/// Which elements of a matrix can be non-zero, in compressed rows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SparsityPattern {
    columns: usize,
    /// Where each row begins in `indices`, and the end.
    starts: Vec<usize>,
    /// Columns, increasing within a row.
    indices: Vec<u32>,
}

impl SparsityPattern {
    /// A pattern from the columns of each row, increasing.
    pub(super) fn new<'a>(columns: usize, rows: impl Iterator<Item = &'a [u32]>) -> Self {
        let (mut starts, mut indices) = (vec![0], Vec::new());
        for row in rows {
            indices.extend_from_slice(row);
            starts.push(indices.len());
        }
        Self { columns, starts, indices }
    }

    /// The number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.starts.len() - 1
    }

    /// The number of columns.
    #[must_use]
    pub const fn columns(&self) -> usize {
        self.columns
    }

    /// The number of elements that can be non-zero.
    #[must_use]
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// Whether the matrix is zero for certain.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// The columns of a row, increasing.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn row(&self, row: usize) -> &[u32] {
        &self.indices[self.starts[row]..self.starts[row + 1]]
    }

    /// Rows and columns of all elements, row by row: the order of the values of a [`SparseJacobian`](super::SparseJacobian).
    pub fn entries(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        (0..self.rows()).flat_map(|row| self.row(row).iter().map(move |&column| (row, column as usize)))
    }

    /// The pattern of the transpose.
    #[must_use]
    pub fn transpose(&self) -> Self {
        let mut counts = vec![0; self.columns + 1];
        for &column in &self.indices {
            counts[column as usize + 1] += 1;
        }
        for column in 0..self.columns {
            counts[column + 1] += counts[column];
        }
        let (starts, mut next) = (counts.clone(), counts);
        let mut indices = vec![0; self.indices.len()];
        for (row, column) in self.entries() {
            indices[next[column]] = row as u32;
            next[column] += 1;
        }
        Self { columns: self.rows(), starts, indices }
    }
}
