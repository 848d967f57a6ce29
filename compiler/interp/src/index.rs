//! Positions of tensors in row-major order: the one place that walks them.

use pullback_ir::Shape;

/// Calls `visit` with every position of `shape`, the last axis fastest; once with `[]` for a scalar, never for a shape
/// without elements. Stops at the first error.
pub(crate) fn for_each<E>(shape: &Shape, mut visit: impl FnMut(&[usize]) -> Result<(), E>) -> Result<(), E> {
    let extents = shape.extents();
    let mut index = vec![0; extents.len()];
    for _ in 0..shape.elements() {
        visit(&index)?;
        for axis in (0..extents.len()).rev() {
            index[axis] += 1;
            if index[axis] < extents[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    Ok(())
}

/// The place in memory of position `index` of an array with these strides.
pub(crate) fn offset(index: &[usize], strides: &[usize]) -> usize {
    index.iter().zip(strides).map(|(i, stride)| i * stride).sum()
}

/// The lines of a tensor along an axis: the positions that differ on it alone, each line as its places in memory.
pub(crate) struct Lines {
    extent: usize,
    stride: usize,
    next: usize,
    count: usize,
}

impl Lines {
    pub(crate) fn of(shape: &Shape, axis: usize) -> Self {
        let extent = shape.extent(axis).unwrap_or(0);
        let stride = shape.strides().get(axis).copied().unwrap_or(1);
        Self { extent, stride, next: 0, count: shape.elements().checked_div(extent).unwrap_or(0) }
    }
}

impl Iterator for Lines {
    type Item = std::iter::StepBy<std::ops::Range<usize>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next == self.count {
            return None;
        }
        let (outer, inner) = (self.next / self.stride, self.next % self.stride);
        self.next += 1;
        let first = outer * self.extent * self.stride + inner;
        Some((first..first + self.extent * self.stride).step_by(self.stride))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn positions(extents: &[usize]) -> Vec<Vec<usize>> {
        let mut seen = Vec::new();
        let shape = Shape::new(extents).unwrap();
        for_each(&shape, |index| {
            seen.push(index.to_vec());
            Ok::<_, ()>(())
        })
        .unwrap();
        seen
    }

    #[test]
    fn the_last_axis_is_the_fastest() {
        assert_eq!(positions(&[2, 2]), [[0, 0], [0, 1], [1, 0], [1, 1]]);
        assert_eq!(positions(&[]), [[0usize; 0]]);
        assert!(positions(&[3, 0, 2]).is_empty());
        assert_eq!(offset(&[1, 2], &[3, 1]), 5);
    }

    #[test]
    fn a_line_runs_along_its_axis() {
        let lines = |extents: &[usize], axis| Lines::of(&Shape::new(extents).unwrap(), axis).map(Vec::from_iter);
        assert_eq!(Vec::from_iter(lines(&[2, 3], 0)), [[0, 3], [1, 4], [2, 5]]);
        assert_eq!(Vec::from_iter(lines(&[2, 3], 1)), [[0, 1, 2], [3, 4, 5]]);
        assert_eq!(Vec::from_iter(lines(&[2, 2, 2], 1)), [[0, 2], [1, 3], [4, 6], [5, 7]]);
        assert_eq!(lines(&[3, 0], 0).count() + lines(&[3, 0], 1).count(), 0);
    }
}
