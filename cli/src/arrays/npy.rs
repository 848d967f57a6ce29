//! NumPy's `.npy` files.
//!
//! The file's element type and shape must be those asked for: nothing is converted. Either byte order and either order of
//! axes is read. The head is looked at before the library that reads it, so that a file made up to hurt (a head of gigabytes,
//! lists nested without end, a shape whose product overflows) is refused in words.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use npyz::{AutoSerialize, Deserialize, NpyFile, Order, TypeChar, WriterBuilder};
use pullback_interp::{Array, Element};
use pullback_ir::{DType, Elements, Type, with_elements};

/// The longest head that is read; NumPy's own heads have a few hundred bytes.
const MAX_HEAD: usize = 1 << 16;

/// Reads an array of a known type.
///
/// # Errors
/// In words, without the file's name: if the file cannot be read, is no such file, or has another element type or shape.
pub fn read(path: &Path, ty: &Type) -> Result<Array, String> {
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    parse(&bytes, ty)
}

/// Reads an array of a known type from the bytes of a file.
///
/// # Errors
/// As [`read`].
pub fn parse(bytes: &[u8], ty: &Type) -> Result<Array, String> {
    check_head(bytes)?;
    let file = NpyFile::new(bytes).map_err(|error| format!("not a .npy file: {error}"))?;
    let found = match file.header().dtype() {
        npyz::DType::Plain(plain) => dtype_of(plain.type_char(), plain.size_field()),
        npyz::DType::Array(..) | npyz::DType::Record(_) => None,
    };
    let extents: Vec<u64> = ty.shape.extents().into_iter().map(|extent| extent as u64).collect();
    if found != Some(ty.dtype) || file.shape() != extents {
        let dtype = found.map_or_else(|| file.header().dtype().descr(), |dtype| dtype.to_string());
        return Err(format!(
            "it has dtype {dtype} and shape {:?}, expected {} and {extents:?}",
            file.shape(),
            ty.dtype
        ));
    }
    let order = file.order();
    let elements = match ty.dtype {
        DType::F32 => Elements::F32(elements(file)?),
        DType::F64 => Elements::F64(elements(file)?),
        DType::I32 => Elements::I32(elements(file)?),
        DType::I64 => Elements::I64(elements(file)?),
        DType::U8 => Elements::U8(elements(file)?),
        DType::Bool => Elements::Bool(elements(file)?),
    };
    let elements = match order {
        Order::C => elements,
        Order::Fortran => with_elements!(elements, v => Element::elements(row_major(&v, &ty.shape.extents()))),
    };
    Array::new(ty.shape.clone(), elements).map_err(|error| error.to_string())
}

fn elements<T: Deserialize>(file: NpyFile<&[u8]>) -> Result<Vec<T>, String> {
    let expected = file.len();
    let mut elements = Vec::new();
    let data = file.data().map_err(|error| error.to_string())?;
    for element in data {
        let element = element.map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => format!("it ends after {} elements, expected {expected}", elements.len()),
            // Such as a `bool` that is neither 0 nor 1.
            _ => format!("element {}: {error}", elements.len()),
        })?;
        elements.push(element);
    }
    Ok(elements)
}

const fn dtype_of(kind: TypeChar, bytes: u64) -> Option<DType> {
    match (kind, bytes) {
        (TypeChar::Float, 4) => Some(DType::F32),
        (TypeChar::Float, 8) => Some(DType::F64),
        (TypeChar::Int, 4) => Some(DType::I32),
        (TypeChar::Int, 8) => Some(DType::I64),
        (TypeChar::Uint, 1) => Some(DType::U8),
        (TypeChar::Bool, 1) => Some(DType::Bool),
        _ => None,
    }
}

/// Refuses heads that are too long, too deep, or whose shape has too many elements to count.
fn check_head(bytes: &[u8]) -> Result<(), String> {
    let not_npy = || "not a .npy file: it does not begin as one".to_string();
    if !bytes.starts_with(b"\x93NUMPY") {
        return Err(not_npy());
    }
    let (start, length): (usize, usize) = match *bytes.get(6..).unwrap_or(&[]) {
        [1, _, a, b, ..] => (10, usize::from(u16::from_le_bytes([a, b]))),
        [_, _, a, b, c, d, ..] => (12, u32::from_le_bytes([a, b, c, d]) as usize),
        _ => return Err(not_npy()),
    };
    let head = bytes.get(start..start.saturating_add(length)).filter(|head| head.len() <= MAX_HEAD);
    let head = head.ok_or("not a .npy file: its head is longer than the file or than 64 KiB")?;
    let opened = head.iter().filter(|byte| matches!(byte, b'(' | b'[' | b'{')).count();
    if opened > 32 {
        return Err("not a plain array: its head has more than 32 brackets".into());
    }
    let numbers = String::from_utf8_lossy(head);
    let mut product = 1u64;
    for number in numbers.split(|c: char| !c.is_ascii_digit()).filter(|number| !number.is_empty()) {
        let number = number.parse::<u64>().unwrap_or(u64::MAX).max(1);
        product = product.checked_mul(number).ok_or("its shape has too many elements")?;
    }
    Ok(())
}

/// The elements of an array stored first axis fastest, with the last axis fastest.
fn row_major<T: Copy>(stored: &[T], extents: &[usize]) -> Vec<T> {
    let mut strides = Vec::with_capacity(extents.len());
    let mut stride = 1;
    for &extent in extents {
        strides.push(stride);
        stride *= extent;
    }
    let mut out = Vec::with_capacity(stored.len());
    let mut index = vec![0; extents.len()];
    let mut offset = 0;
    while out.len() < stored.len() {
        out.extend(stored.get(offset));
        for axis in (0..extents.len()).rev() {
            index[axis] += 1;
            offset += strides[axis];
            if index[axis] < extents[axis] {
                break;
            }
            offset -= strides[axis] * extents[axis];
            index[axis] = 0;
        }
    }
    out
}

/// Writes an array, little-endian and row-major.
///
/// # Errors
/// If the file cannot be written.
pub fn write(path: &Path, array: &Array) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    encode(&mut bytes, array)?;
    fs::write(path, bytes)
}

fn encode(bytes: &mut Vec<u8>, array: &Array) -> std::io::Result<()> {
    fn all<T: AutoSerialize + Copy>(bytes: &mut Vec<u8>, shape: &[u64], values: &[T]) -> std::io::Result<()> {
        let options = npyz::WriteOptions::new().default_dtype().shape(shape).writer(bytes);
        let mut writer = options.begin_nd()?;
        writer.extend(values.iter().copied())?;
        writer.finish()
    }
    let shape: Vec<u64> = array.shape.extents().into_iter().map(|extent| extent as u64).collect();
    with_elements!(&array.elements, v => all(bytes, &shape, v))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn file(head: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((head.len() as u16).to_le_bytes());
        bytes.extend(head.as_bytes());
        bytes.extend(data);
        bytes
    }

    #[test]
    fn every_element_type_is_written_and_read() {
        let arrays = [
            Array::from_slice(&[2, 2], &[1.5f32, -0.0, f32::INFINITY, 1e-45]).unwrap(),
            Array::from_slice(&[4], &[1.5f64, -0.0, f64::INFINITY, 5e-324]).unwrap(),
            Array::from_slice(&[1, 2], &[i32::MIN, i32::MAX]).unwrap(),
            Array::from_slice(&[2, 1, 1], &[i64::MIN, i64::MAX]).unwrap(),
            Array::from_slice(&[2], &[0u8, 255]).unwrap(),
            Array::from_slice(&[2], &[true, false]).unwrap(),
            Array::scalar(2.5f64),
            Array::from_slice::<f32>(&[0, 3], &[]).unwrap(),
        ];
        for array in arrays {
            let mut bytes = Vec::new();
            encode(&mut bytes, &array).unwrap();
            assert_eq!(parse(&bytes, &array.ty()).unwrap(), array);
        }
    }

    #[test]
    fn both_byte_orders_and_both_orders_of_axes_are_read() {
        let ty = Type::new(DType::I32, &[2, 3]).unwrap();
        let expected = Array::from_slice(&[2, 3], &[1, 2, 3, 4, 5, 6]).unwrap();
        let big: Vec<u8> = (1i32..=6).flat_map(i32::to_be_bytes).collect();
        let head = "{'descr': '>i4', 'fortran_order': False, 'shape': (2, 3), }";
        assert_eq!(parse(&file(head, &big), &ty).unwrap(), expected);
        let columns: Vec<u8> = [1i32, 4, 2, 5, 3, 6].into_iter().flat_map(i32::to_le_bytes).collect();
        let head = "{'descr': '<i4', 'fortran_order': True, 'shape': (2, 3), }";
        assert_eq!(parse(&file(head, &columns), &ty).unwrap(), expected);
    }

    #[test]
    fn another_type_or_shape_is_refused_in_words() {
        let ty = Type::new(DType::F32, &[2]).unwrap();
        let head = "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }";
        let message = parse(&file(head, &[0; 16]), &ty).unwrap_err();
        assert_eq!(message, "it has dtype f64 and shape [2], expected f32 and [2]");
        let head = "{'descr': '<c8', 'fortran_order': False, 'shape': (1, 2), }";
        let message = parse(&file(head, &[0; 16]), &ty).unwrap_err();
        assert_eq!(message, "it has dtype '<c8' and shape [1, 2], expected f32 and [2]");
        let head = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";
        assert_eq!(parse(&file(head, &[0; 7]), &ty).unwrap_err(), "it ends after 1 elements, expected 2");
    }

    #[test]
    fn a_bool_is_0_or_1() {
        let head = "{'descr': '|b1', 'fortran_order': False, 'shape': (3,), }";
        let message = parse(&file(head, &[1, 2, 0]), &Type::new(DType::Bool, &[3]).unwrap()).unwrap_err();
        assert_eq!(message, "element 1: invalid value for bool: 2");
    }

    #[test]
    fn files_made_up_to_hurt_are_refused() {
        let ty = Type::new(DType::F32, &[2]).unwrap();
        assert!(parse(b"", &ty).unwrap_err().starts_with("not a .npy file"));
        assert!(parse(b"\x93NUMPY\x02\x00\xff\xff\xff\xff", &ty).unwrap_err().contains("64 KiB"));
        assert!(parse(&file(&"(".repeat(60_000), &[]), &ty).unwrap_err().contains("brackets"));
        let head = "{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 16), }";
        assert!(parse(&file(head, &[]), &ty).unwrap_err().contains("too many elements"));
        assert!(parse(&file("{'descr'", &[]), &ty).is_err());
    }
}
