//! Numbers and tensors as they are shown: four significant digits, one number of decimals per tensor.
//!
//! A tensor becomes [`Slices`]: one table of cells for each position of its leading axes, large ones with their middle left out.

use pullback_interp::Array;
use pullback_ir::{DType, Scalar, Shape};

/// Significant digits shown.
const DIGITS: i32 = 4;
/// Rows and columns of a table above which its middle is left out.
const MAX_EXTENT: usize = 12;
/// Rows and columns shown at either end where the middle is left out.
const EDGE: usize = 4;
/// Tables of one tensor above which the rest is left out.
const MAX_SLICES: usize = 4;
/// What stands for cells that are left out.
pub(super) const ELLIPSIS: &str = "…";

/// A number on its own: integers as such, else four significant digits without trailing zeros.
pub(super) fn number(x: f64) -> String {
    fixed(x, decimals(x)).unwrap_or_else(|| scientific(x))
}

/// The decimals that show four significant digits of a number, trailing zeros left out; never below four after the point for numbers that
/// have them.
fn decimals(x: f64) -> usize {
    if x == 0.0 || !x.is_finite() {
        return 0;
    }
    let magnitude = x.abs().log10().floor() as i32;
    let most = (DIGITS - 1 - magnitude).clamp(0, 12) as usize;
    let most = if magnitude >= 0 { most.max(DIGITS as usize - 1) } else { most };
    let text = format!("{x:.most$}");
    let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
    fraction.trim_end_matches('0').len()
}

/// With this many decimals, if the number is neither too large nor too small for that.
fn fixed(x: f64, decimals: usize) -> Option<String> {
    if x.is_nan() {
        return Some("nan".into());
    }
    if x == 0.0 {
        // Without decimals, so that the zeros of a Jacobian stand out.
        return Some("0".into());
    }
    if x.is_infinite() {
        return Some(if x > 0.0 { "∞".into() } else { "−∞".into() });
    }
    let text = format!("{:.decimals$}", x.abs());
    let is_lost = !text.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
    if is_lost || x.abs() >= 1e7 || decimals > 6 {
        return None;
    }
    Some(if x < 0.0 { format!("−{text}") } else { text })
}

fn scientific(x: f64) -> String {
    format!("{x:.3e}").replace('-', "−")
}

/// The elements of one tensor, all with the decimals that the one with the most needs, within four of the largest's leading digit.
fn cells(values: &[f64]) -> Vec<String> {
    let finite = || values.iter().copied().filter(|x| x.is_finite());
    let largest = finite().fold(0.0, |largest: f64, x| largest.max(x.abs()));
    let magnitude = if largest > 0.0 { largest.log10().floor() as i32 } else { 0 };
    let most = (DIGITS - 1 - magnitude.min(-1)).clamp(0, 12) as usize;
    let shared = finite().map(decimals).max().unwrap_or(0).min(most);
    let cell = |&x: &f64| fixed(x, shared).unwrap_or_else(|| scientific(x));
    values.iter().map(cell).collect()
}

/// A tensor as tables.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Slices {
    /// Each table, and the positions along the leading axes, as `[0,:,:]`; empty for a tensor of at most two axes.
    pub(super) tables: Vec<(String, Vec<Vec<String>>)>,
    /// How many tables are left out.
    pub(super) left_out: usize,
}

impl Slices {
    /// The one cell of a scalar.
    pub(super) fn as_scalar(&self) -> Option<&str> {
        match &self.tables[..] {
            [(_, rows)] if rows.len() == 1 && rows[0].len() == 1 => Some(&rows[0][0]),
            _ => None,
        }
    }
}

/// An array as tables.
pub(super) fn array(array: &Array) -> Slices {
    match array.dtype() {
        DType::F32 | DType::F64 => slices(&array.shape.extents(), cells(&array.to_f64())),
        DType::I32 | DType::I64 | DType::U8 | DType::Bool => {
            slices(&array.shape.extents(), array.elements.iter().map(exact).collect())
        }
    }
}

fn exact(scalar: Scalar) -> String {
    scalar.to_string().replace('-', "−")
}

/// A local Jacobian as tables: as a tensor if the result or the operand is a scalar, else as a matrix with a row per element of the result.
pub(super) fn jacobian(rows: &Shape, columns: &Shape, elements: &[f64]) -> Slices {
    let extents = match (rows.rank(), columns.rank()) {
        (0, _) => columns.extents(),
        (_, 0) => rows.extents(),
        _ => vec![rows.elements(), columns.elements()],
    };
    slices(&extents, cells(elements))
}

fn slices(extents: &[usize], cells: Vec<String>) -> Slices {
    if cells.is_empty() {
        return Slices { tables: vec![(String::new(), vec![vec!["no elements".into()]])], left_out: 0 };
    }
    let (leading, rows, columns) = match extents {
        [] => (&[][..], 1, 1),
        [columns] => (&[][..], 1, *columns),
        [leading @ .., rows, columns] => (leading, *rows, *columns),
    };
    let count = leading.iter().product::<usize>();
    let table = |index: usize| {
        let row = |row: usize| {
            let start = (index * rows + row) * columns;
            positions(columns)
                .into_iter()
                .map(|at| at.map_or(ELLIPSIS.into(), |at| cells[start + at].clone()))
                .collect()
        };
        let dots = |columns: usize| vec![ELLIPSIS.to_string(); columns];
        let width = positions(columns).len();
        let rows = positions(rows).into_iter().map(|at| at.map_or_else(|| dots(width), row)).collect();
        (position_label(leading, index), rows)
    };
    Slices { tables: (0..count.min(MAX_SLICES)).map(table).collect(), left_out: count.saturating_sub(MAX_SLICES) }
}

/// The positions shown of an axis; `None` for those left out.
fn positions(extent: usize) -> Vec<Option<usize>> {
    if extent <= MAX_EXTENT {
        return (0..extent).map(Some).collect();
    }
    (0..EDGE).map(Some).chain([None]).chain((extent - EDGE..extent).map(Some)).collect()
}

fn position_label(leading: &[usize], mut index: usize) -> String {
    if leading.is_empty() {
        return String::new();
    }
    let mut positions = vec![0; leading.len()];
    for (position, &extent) in positions.iter_mut().zip(leading).rev() {
        (*position, index) = (index % extent, index / extent);
    }
    let list: Vec<String> = positions.iter().map(usize::to_string).collect();
    format!("[{},:,:]", list.join(","))
}

/// A number of bytes in the unit that a person would use.
pub(super) fn bytes(count: u128) -> String {
    const UNITS: [&str; 7] = ["bytes", "kB", "MB", "GB", "TB", "PB", "EB"];
    let mut size = count as f64;
    let mut unit = 0;
    while size >= 1000.0 && unit + 1 < UNITS.len() {
        size /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{count} {}", UNITS[0]) } else { format!("{size:.1} {}", UNITS[unit]) }
}

/// A count with its digits in groups of three.
pub(super) fn count(count: u128) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_four_significant_digits_and_no_trailing_zeros() {
        for (x, text) in [
            (14.0, "14"),
            (-0.5, "−0.5"),
            (0.761_594_155, "0.7616"),
            (1234.5678, "1234.568"),
            (0.012_345_6, "0.01235"),
            (0.0, "0"),
            (1e-9, "1.000e−9"),
            (3e12, "3.000e12"),
            (f64::NEG_INFINITY, "−∞"),
        ] {
            assert_eq!(number(x), text);
        }
    }

    #[test]
    fn the_elements_of_a_tensor_have_the_same_decimals() {
        assert_eq!(cells(&[1.0, 0.25, -3.0]), ["1.00", "0.25", "−3.00"]);
        assert_eq!(cells(&[2.0, 3.0]), ["2", "3"]);
        assert_eq!(cells(&[0.0123456, 1.0, 0.0]), ["0.0123", "1.0000", "0"]);
        assert_eq!(cells(&[1e-9, 1.0]), ["1.000e−9", "1.0000"]);
    }

    #[test]
    fn large_tensors_lose_their_middle_and_leading_axes_become_labels() {
        let long = Array::from_slice(&[100], &(0..100).collect::<Vec<i32>>()).unwrap();
        assert_eq!(array(&long).tables[0].1, [["0", "1", "2", "3", "…", "96", "97", "98", "99"]]);
        let deep = Array::from_slice(&[2, 3, 1, 1], &[0u8, 1, 2, 3, 4, 5]).unwrap();
        let slices = array(&deep);
        assert_eq!(slices.tables[3], ("[1,0,:,:]".into(), vec![vec!["3".to_string()]]));
        assert_eq!(slices.left_out, 2);
    }

    #[test]
    fn sizes_are_in_the_units_of_a_person() {
        assert_eq!(bytes(288), "288 bytes");
        assert_eq!(bytes(8_796_093_022_208), "8.8 TB");
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
    }
}
