//! A part of a tensor: the positions from a start to a limit along each axis.

use pullback_ir::{Builder, Value};

/// The positions `start[axis]..limit[axis]` along each axis, at least one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Part {
    pub(crate) start: Vec<usize>,
    pub(crate) limit: Vec<usize>,
}

impl Part {
    /// All positions of a tensor of these extents.
    pub(crate) fn whole(extents: &[usize]) -> Self {
        Self { start: vec![0; extents.len()], limit: extents.to_vec() }
    }

    /// This part with other positions along one axis.
    pub(crate) fn along(&self, axis: usize, start: usize, limit: usize) -> Self {
        let mut part = self.clone();
        if let (Some(first), Some(end)) = (part.start.get_mut(axis), part.limit.get_mut(axis)) {
            (*first, *end) = (start, limit);
        }
        part
    }

    /// The positions along an axis as start and limit.
    pub(crate) fn range(&self, axis: usize) -> Option<(usize, usize)> {
        Some((*self.start.get(axis)?, *self.limit.get(axis)?))
    }

    pub(crate) fn extents(&self) -> Vec<usize> {
        self.start.iter().zip(&self.limit).map(|(start, limit)| limit - start).collect()
    }

    /// The positions in both, if there are any.
    pub(crate) fn common(&self, other: &Self) -> Option<Self> {
        let start: Vec<usize> = self.start.iter().zip(&other.start).map(|(a, b)| *a.max(b)).collect();
        let limit: Vec<usize> = self.limit.iter().zip(&other.limit).map(|(a, b)| *a.min(b)).collect();
        start.iter().zip(&limit).all(|(start, limit)| start < limit).then_some(Self { start, limit })
    }

    pub(crate) fn contains(&self, other: &Self) -> bool {
        self.start.iter().zip(&other.start).all(|(a, b)| a <= b)
            && self.limit.iter().zip(&other.limit).all(|(a, b)| a >= b)
    }

    /// The smallest part that contains both.
    pub(crate) fn hull(&self, other: &Self) -> Self {
        let start = self.start.iter().zip(&other.start).map(|(a, b)| *a.min(b)).collect();
        let limit = self.limit.iter().zip(&other.limit).map(|(a, b)| *a.max(b)).collect();
        Self { start, limit }
    }

    /// This part of a tensor among the positions of a part that contains it.
    pub(crate) fn within(&self, outer: &Self) -> Self {
        let shifted = |positions: &[usize]| positions.iter().zip(&outer.start).map(|(at, first)| at - first).collect();
        Self { start: shifted(&self.start), limit: shifted(&self.limit) }
    }

    /// The part of a tensor whose part `self` is, seen from the whole: the opposite of [`Self::within`].
    pub(crate) fn shifted_by(&self, outer: &Self) -> Self {
        let shifted = |positions: &[usize]| positions.iter().zip(&outer.start).map(|(at, first)| at + first).collect();
        Self { start: shifted(&self.start), limit: shifted(&self.limit) }
    }

    /// Emits this part of a value; the value itself if it is all of it.
    pub(crate) fn of(&self, b: &Builder<'_>, value: Value) -> Value {
        if *self == Self::whole(&b.shape(value).extents()) {
            return value;
        }
        b.slice(value, &self.start, &self.limit, &vec![1; self.start.len()])
    }
}

#[cfg(test)]
mod tests {
    use super::Part;

    fn part(start: &[usize], limit: &[usize]) -> Part {
        Part { start: start.to_vec(), limit: limit.to_vec() }
    }

    #[test]
    fn parts_that_share_a_position_have_it_in_common() {
        let (a, b) = (part(&[0, 2], &[3, 5]), part(&[2, 4], &[6, 9]));
        assert_eq!(a.common(&b), Some(part(&[2, 4], &[3, 5])));
        assert_eq!(a.common(&part(&[3, 2], &[4, 5])), None);
        assert_eq!(a.hull(&b), part(&[0, 2], &[6, 9]));
        assert!(a.hull(&b).contains(&b) && !a.contains(&b));
    }

    #[test]
    fn a_part_of_a_part_is_a_part_of_the_whole() {
        let outer = part(&[3, 1], &[8, 4]);
        let inner = part(&[4, 2], &[6, 4]);
        assert_eq!(inner.within(&outer), part(&[1, 1], &[3, 3]));
        assert_eq!(inner.within(&outer).shifted_by(&outer), inner);
    }
}
