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
}
