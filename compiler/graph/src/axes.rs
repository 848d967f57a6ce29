//! Axes as users write them: signed, counted from the end if negative.

use crate::tensor::Tensor;

/// The axis of a tensor with `rank` axes that `axis` means: -1 is the last.
pub(crate) fn normalize(axis: isize, rank: usize) -> Result<usize, String> {
    let from_start = if axis < 0 { rank.checked_sub(axis.unsigned_abs()) } else { Some(axis.unsigned_abs()) };
    from_start.filter(|&axis| axis < rank).ok_or_else(|| match rank {
        0 => format!("axis {axis} of a scalar"),
        _ => format!("axis {axis} of a tensor with {rank} axes, expected -{rank} to {}", rank - 1),
    })
}

/// Several axes, sorted. Naming one twice is a mistake.
pub(crate) fn normalize_all(axes: &[isize], rank: usize) -> Result<Vec<usize>, String> {
    let mut result = Vec::with_capacity(axes.len());
    for &axis in axes {
        let axis = normalize(axis, rank)?;
        if result.contains(&axis) {
            return Err(format!("axis {axis} is named twice"));
        }
        result.push(axis);
    }
    result.sort_unstable();
    Ok(result)
}

impl Tensor<'_> {
    /// The axis that the user means, or a recorded mistake.
    #[track_caller]
    pub(crate) fn axis(self, op: &str, axis: isize) -> Option<usize> {
        match normalize(axis, self.rank()) {
            Ok(axis) => Some(axis),
            Err(message) => {
                self.graph().record(op, message);
                None
            }
        }
    }

    /// The axes that the user means, sorted, or a recorded mistake.
    #[track_caller]
    pub(crate) fn axes(self, op: &str, axes: &[isize]) -> Option<Vec<usize>> {
        match normalize_all(axes, self.rank()) {
            Ok(axes) => Some(axes),
            Err(message) => {
                self.graph().record(op, message);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negative_axes_count_from_the_end() {
        assert_eq!(normalize(-1, 3), Ok(2));
        assert_eq!(normalize(-3, 3), Ok(0));
        assert_eq!(normalize(2, 3), Ok(2));
        assert!(normalize(3, 3).is_err());
        assert!(normalize(-4, 3).is_err());
        assert!(normalize(isize::MIN, 3).is_err());
        assert_eq!(normalize_all(&[-1, 0], 3), Ok(vec![0, 2]));
        assert_eq!(normalize_all(&[2, -1], 3), Err("axis 2 is named twice".into()));
    }
}
