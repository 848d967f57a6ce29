//! Where the positions of a sum are cut, so that each leaf covers a piece or does not reach it.

use crate::passes::part::Part;

/// How the positions of a part are cut.
#[derive(PartialEq, Debug)]
pub(super) enum Plan {
    /// No leaf reaches it.
    Gap(Part),
    /// These leaves cover it, in the order of the sum.
    Piece { part: Part, leaves: Vec<usize> },
    /// Pieces that follow each other along an axis.
    Cut { axis: usize, pieces: Vec<Self> },
}

/// Cuts `whole` where leaves, which cover these parts, begin or end; `None` if that takes many more pieces than there are leaves.
///
/// Takes time in proportion to the leaves, but for sorting and searching.
pub(super) fn plan(leaves: &[&Part], whole: &Part) -> Option<Plan> {
    let mut cutter = Cutter { leaves, left: 16 + 4 * leaves.len() };
    cutter.cut(&(0..leaves.len()).collect::<Vec<_>>(), whole, 0)
}

struct Cutter<'a> {
    leaves: &'a [&'a Part],
    /// How many more times leaves may be read.
    left: usize,
}

impl Cutter<'_> {
    /// Cuts `part` along `axis` and those behind it for the leaves that reach it.
    fn cut(&mut self, reaching: &[usize], part: &Part, axis: usize) -> Option<Plan> {
        if reaching.is_empty() {
            return Some(Plan::Gap(part.clone()));
        }
        let Some((start, limit)) = part.range(axis) else {
            self.left = self.left.checked_sub(reaching.len())?;
            return Some(Plan::Piece { part: part.clone(), leaves: reaching.to_vec() });
        };
        let ranges: Vec<(usize, (usize, usize))> =
            reaching.iter().filter_map(|&leaf| Some((leaf, self.leaves.get(leaf)?.range(axis)?))).collect();
        let mut cuts: Vec<usize> = ranges.iter().flat_map(|&(_, (first, end))| [first, end]).collect();
        cuts.retain(|&cut| start < cut && cut < limit);
        cuts.extend([start, limit]);
        cuts.sort_unstable();
        cuts.dedup();
        let mut between: Vec<Vec<usize>> = vec![Vec::new(); cuts.len() - 1];
        let mut pairs = 0;
        for (leaf, (first, end)) in ranges {
            let from = cuts.partition_point(|&cut| cut < first.max(start));
            let to = cuts.partition_point(|&cut| cut < end.min(limit));
            pairs += to - from;
            if pairs > self.left {
                return None;
            }
            between.get_mut(from..to)?.iter_mut().for_each(|leaves| leaves.push(leaf));
        }
        if let [all] = &between[..] {
            return self.cut(all, part, axis + 1);
        }
        let pieces = cuts.windows(2).zip(&between).map(|(ends, leaves)| {
            let &[start, limit] = ends else { return None };
            self.cut(leaves, &part.along(axis, start, limit), axis + 1)
        });
        let pieces = pieces.collect::<Option<_>>()?;
        Some(Plan::Cut { axis, pieces })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests {
    use super::*;

    fn along(start: usize, limit: usize) -> Part {
        Part { start: vec![start], limit: vec![limit] }
    }

    fn piece(start: usize, limit: usize, leaves: &[usize]) -> Plan {
        Plan::Piece { part: along(start, limit), leaves: leaves.to_vec() }
    }

    #[test]
    fn leaves_side_by_side_are_pieces_with_gaps_between() {
        let (a, b) = (along(1, 3), along(5, 8));
        let found = plan(&[&b, &a], &along(0, 8)).unwrap();
        let expected =
            [Plan::Gap(along(0, 1)), piece(1, 3, &[1]), Plan::Gap(along(3, 5)), piece(5, 8, &[0])].into_iter();
        assert_eq!(found, Plan::Cut { axis: 0, pieces: expected.collect() });
    }

    #[test]
    fn leaves_that_overlap_share_a_piece() {
        let (a, b) = (along(0, 3), along(2, 4));
        let found = plan(&[&a, &b], &along(0, 4)).unwrap();
        let pieces = vec![piece(0, 2, &[0]), piece(2, 3, &[0, 1]), piece(3, 4, &[1])];
        assert_eq!(found, Plan::Cut { axis: 0, pieces });
    }

    #[test]
    fn many_windows_that_overlap_are_not_cut() {
        let leaves: Vec<Part> = (0..100).map(|first| along(first, first + 50)).collect();
        assert_eq!(plan(&leaves.iter().collect::<Vec<_>>(), &along(0, 150)), None);
    }

    #[test]
    fn a_thousand_elements_are_a_thousand_pieces() {
        let leaves: Vec<Part> = (0..1000).map(|first| along(first, first + 1)).collect();
        let Some(Plan::Cut { pieces, .. }) = plan(&leaves.iter().collect::<Vec<_>>(), &along(0, 1000)) else {
            panic!("no cut")
        };
        assert_eq!(pieces.len(), 1000);
    }
}
