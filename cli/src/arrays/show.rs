//! Results as text and as JSON.

use std::io::{self, Write};

use pullback_interp::Array;
use pullback_ir::Scalar;
use serde_json::{Value, json};

/// Writes `%name: type =` and the array, the middle of large ones left out.
///
/// # Errors
/// If it cannot be written.
pub fn text(out: &mut dyn Write, name: &str, array: &Array) -> io::Result<()> {
    let separator = if array.shape.rank() > 1 { '\n' } else { ' ' };
    writeln!(out, "%{name}: {} ={separator}{array}", array.ty())
}

/// `{"name", "dtype", "shape", "data"}`; the data is nested lists, numbers that JSON lacks are the strings `"nan"`,
/// `"inf"` and `"-inf"`.
#[must_use]
pub fn json(name: &str, array: &Array) -> Value {
    let extents = array.shape.extents();
    let mut values: Vec<Value> = array.elements.iter().map(scalar).collect();
    for &extent in extents.iter().skip(1).rev() {
        values = if extent == 0 { Vec::new() } else { chunks(values, extent) };
    }
    let data = if extents.is_empty() { values.pop().unwrap_or(Value::Null) } else { Value::Array(values) };
    json!({ "name": name, "dtype": array.dtype().name(), "shape": extents, "data": data })
}

fn chunks(values: Vec<Value>, extent: usize) -> Vec<Value> {
    let mut lists = Vec::with_capacity(values.len() / extent);
    let mut values = values.into_iter();
    loop {
        let list: Vec<Value> = values.by_ref().take(extent).collect();
        if list.is_empty() {
            return lists;
        }
        lists.push(Value::Array(list));
    }
}

fn scalar(scalar: Scalar) -> Value {
    match scalar {
        Scalar::F32(x) if !x.is_finite() => Value::String(non_finite(f64::from(x)).into()),
        // The shortest decimal of the f32, and not of the f64 next to it.
        Scalar::F32(x) => x.to_string().parse::<f64>().map_or(Value::Null, Value::from),
        Scalar::F64(x) if !x.is_finite() => Value::String(non_finite(x).into()),
        Scalar::F64(x) => Value::from(x),
        Scalar::I32(x) => Value::from(x),
        Scalar::I64(x) => Value::from(x),
        Scalar::U8(x) => Value::from(x),
        Scalar::Bool(x) => Value::from(x),
    }
}

fn non_finite(x: f64) -> &'static str {
    if x.is_nan() {
        "nan"
    } else if x > 0.0 {
        "inf"
    } else {
        "-inf"
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn json_nests_lists_by_axis() {
        let array = Array::from_slice(&[2, 1, 2], &[0.1f32, f32::NAN, f32::NEG_INFINITY, 3.0]).unwrap();
        let expected = r#"{"data":[[[0.1,"nan"]],[["-inf",3.0]]],"dtype":"f32","name":"y","shape":[2,1,2]}"#;
        assert_eq!(json("y", &array).to_string(), expected);
        assert_eq!(json("s", &Array::scalar(i64::MAX))["data"], json!(i64::MAX));
        assert_eq!(json("b", &Array::scalar(true))["data"], json!(true));
        assert_eq!(json("e", &Array::from_slice::<u8>(&[2, 0], &[]).unwrap())["data"], json!([]));
        assert_eq!(json("e", &Array::from_slice::<u8>(&[0], &[]).unwrap())["data"], json!([]));
    }

    #[test]
    fn text_names_the_result_and_its_type() {
        let mut out = Vec::new();
        text(&mut out, "y", &Array::from_slice(&[2], &[1.0f32, 2.5]).unwrap()).unwrap();
        text(&mut out, "z", &Array::from_slice(&[2, 1], &[1u8, 2]).unwrap()).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "%y: f32[2] = [1.0, 2.5]\n%z: u8[2,1] =\n[[1],\n [2]]\n");
    }
}
