//! Groups of columns that share no row, or of rows that share no column.
//!
//! Greedy, most constrained first: columns in order of decreasing number of entries each take the first colour that no column with a common row
//! has. Not the fewest colours, which is NP-hard to find, but for Jacobians of local dependence rarely more than the densest row, which is a lower bound.

use super::pattern::SparsityPattern;

/// What is grouped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// Columns: one Jacobian-vector product per colour.
    Columns,
    /// Rows: one vector-Jacobian product per colour.
    Rows,
}

/// A colour for each column or row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Coloring {
    /// What is grouped.
    pub side: Side,
    /// The number of colours, at least 1.
    pub colors: usize,
    /// The colour of each column or row.
    pub color: Vec<usize>,
}

/// Colours columns or rows, whichever takes fewer colours; columns if it is the same.
#[must_use]
pub fn color(pattern: &SparsityPattern) -> Coloring {
    let [columns, rows] = [Side::Columns, Side::Rows].map(|side| color_side(pattern, side));
    if columns.colors <= rows.colors { columns } else { rows }
}

/// Colours columns, or rows, where only the one kind of product can be had.
pub(super) fn color_side(pattern: &SparsityPattern, side: Side) -> Coloring {
    let transposed = pattern.transpose();
    let color = match side {
        Side::Columns => greedy(&transposed, pattern),
        Side::Rows => greedy(pattern, &transposed),
    };
    Coloring { side, colors: color.iter().max().map_or(1, |&most| most + 1), color }
}

/// Colours the rows of `of`, whose transpose is `across`.
fn greedy(of: &SparsityPattern, across: &SparsityPattern) -> Vec<usize> {
    let mut order: Vec<usize> = (0..of.rows()).collect();
    order.sort_by_key(|&vertex| std::cmp::Reverse(of.row(vertex).len()));
    // For each row of `across` the colours taken in it, as a bit set: what a vertex must avoid is the union over its rows.
    let mut taken: Vec<Vec<u64>> = vec![Vec::new(); across.rows()];
    let mut color = vec![0; of.rows()];
    let mut avoid: Vec<u64> = Vec::new();
    for vertex in order {
        avoid.clear();
        for &row in of.row(vertex) {
            let bits = &taken[row as usize];
            if avoid.len() < bits.len() {
                avoid.resize(bits.len(), 0);
            }
            avoid.iter_mut().zip(bits).for_each(|(avoid, bits)| *avoid |= bits);
        }
        let word = avoid.iter().position(|&bits| bits != u64::MAX).unwrap_or(avoid.len());
        let bit = avoid.get(word).map_or(0, |bits| bits.trailing_ones() as usize);
        color[vertex] = word * 64 + bit;
        for &row in of.row(vertex) {
            let bits = &mut taken[row as usize];
            if bits.len() <= word {
                bits.resize(word + 1, 0);
            }
            bits[word] |= 1 << bit;
        }
    }
    color
}
