//! Values to compare with, and how.

use serde_json::Value;

use super::Failure;
use super::data::unpacked;

/// See `examples/data/adbench/README.md`.
const FILE: &[u8] = include_bytes!("../../data/adbench/golden.json.gz");

/// What is known of a problem.
#[derive(Debug, Default)]
pub(crate) struct Golden {
    /// The results of the objective, each row-major; none if they are not known. A list shorter than the result repeats.
    pub(crate) value: Option<Vec<Vec<f64>>>,
    /// The same of the derivative.
    pub(crate) derivative: Option<Vec<Vec<f64>>>,
}

/// What is known of an objective at a size.
pub(crate) fn golden(objective: &str, size: &str) -> Result<Golden, Failure> {
    let entries: Vec<Value> = serde_json::from_str(&unpacked(FILE)?)?;
    let entry = entries.iter().find(|entry| entry["objective"] == objective && entry["size"] == size);
    let Some(entry) = entry else { return Ok(Golden::default()) };
    Ok(Golden { value: lists(&entry["value"])?, derivative: lists(&entry["derivative"])? })
}

fn lists(value: &Value) -> Result<Option<Vec<Vec<f64>>>, Failure> {
    if value.is_null() {
        return Ok(None);
    }
    let list = |list: &Value| list.as_array()?.iter().map(Value::as_f64).collect::<Option<Vec<f64>>>();
    let lists = value.as_array().and_then(|lists| lists.iter().map(list).collect::<Option<Vec<_>>>());
    lists.map(Some).ok_or_else(|| "golden.json.gz: expected lists of numbers".into())
}

/// The measure of agreement of ADBench and GradBench: the largest `|x - y| / max(1, |x| + |y|)`, relative for large numbers and absolute for small ones.
///
/// NaN if results do not correspond in number or a number is NaN, so that no bound holds.
pub(crate) fn rho(found: &[Vec<f64>], expected: &[Vec<f64>]) -> f64 {
    let corresponds = |(x, y): (&Vec<f64>, &Vec<f64>)| !x.is_empty() && !y.is_empty() && x.len() % y.len() == 0;
    if found.len() != expected.len() || !found.iter().zip(expected).all(corresponds) {
        return f64::NAN;
    }
    let pairs = found.iter().zip(expected).flat_map(|(x, y)| x.iter().zip(y.iter().cycle()));
    let apart = |(x, y): (&f64, &f64)| (x - y).abs() / (x.abs() + y.abs()).max(1.0);
    // `f64::max` would pass over NaN, which has to stay.
    pairs.map(apart).fold(0.0, |worst, next| if worst.is_nan() || next <= worst { worst } else { next })
}
