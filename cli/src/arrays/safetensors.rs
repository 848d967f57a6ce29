//! `.safetensors` files: many named tensors.
//!
//! Element types and shapes must be those of the parameters: nothing is converted. Tensors that are named like no parameter are left out.

use std::fs;
use std::path::Path;

use pullback_interp::Array;
use pullback_ir::{DType, Elements, Type};
use safetensors::{Dtype, SafeTensors};

/// The tensors of a file that are named like parameters, with the positions of these.
///
/// # Errors
/// In words, without the file's name: if it cannot be read or is no such file, if a tensor has another element type or shape than its
/// parameter, or none is named like a parameter.
pub fn read(path: &Path, names: &[String], types: &[&Type]) -> Result<Vec<(usize, Array)>, String> {
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    parse(&bytes, names, types)
}

fn parse(bytes: &[u8], names: &[String], types: &[&Type]) -> Result<Vec<(usize, Array)>, String> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| format!("not a safetensors file: {error}"))?;
    let mut found = Vec::new();
    for (position, (name, ty)) in names.iter().zip(types).enumerate() {
        let Ok(view) = file.tensor(name) else { continue };
        if dtype_of(view.dtype()) != Some(ty.dtype) || view.shape() != ty.shape.extents() {
            let (dtype, shape) = (view.dtype(), view.shape());
            return Err(format!("tensor {name} has dtype {dtype:?} and shape {shape:?}, the parameter is {ty}"));
        }
        let elements = elements(ty.dtype, view.data()).map_err(|message| format!("tensor {name}: {message}"))?;
        found.push((position, Array::new(ty.shape.clone(), elements).map_err(|error| error.to_string())?));
    }
    if found.is_empty() {
        return Err(format!("none of its tensors ({}) is named like a parameter", file.names().join(", ")));
    }
    Ok(found)
}

const fn dtype_of(dtype: Dtype) -> Option<DType> {
    match dtype {
        Dtype::F32 => Some(DType::F32),
        Dtype::F64 => Some(DType::F64),
        Dtype::I32 => Some(DType::I32),
        Dtype::I64 => Some(DType::I64),
        Dtype::U8 => Some(DType::U8),
        Dtype::BOOL => Some(DType::Bool),
        _ => None,
    }
}

/// Little-endian numbers.
fn elements(dtype: DType, bytes: &[u8]) -> Result<Elements, String> {
    Ok(match dtype {
        DType::F32 => Elements::F32(numbers(bytes, f32::from_le_bytes)),
        DType::F64 => Elements::F64(numbers(bytes, f64::from_le_bytes)),
        DType::I32 => Elements::I32(numbers(bytes, i32::from_le_bytes)),
        DType::I64 => Elements::I64(numbers(bytes, i64::from_le_bytes)),
        DType::U8 => Elements::U8(bytes.to_vec()),
        DType::Bool => match bytes.iter().find(|&&byte| byte > 1) {
            Some(byte) => return Err(format!("invalid value for bool: {byte}")),
            None => Elements::Bool(bytes.iter().map(|&byte| byte == 1).collect()),
        },
    })
}

fn numbers<T, const N: usize>(bytes: &[u8], read: fn([u8; N]) -> T) -> Vec<T> {
    let (chunks, _) = bytes.as_chunks::<N>();
    chunks.iter().map(|chunk| read(*chunk)).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use safetensors::tensor::TensorView;

    fn file(dtype: Dtype, shape: Vec<usize>, data: &[u8]) -> Vec<u8> {
        let view = TensorView::new(dtype, shape, data).unwrap();
        safetensors::serialize([("w", view)], None).unwrap()
    }

    fn read_w(bytes: &[u8], ty: &Type) -> Result<Vec<(usize, Array)>, String> {
        parse(bytes, &["x".to_string(), "w".to_string()], &[&Type::scalar(DType::F32), ty])
    }

    #[test]
    fn a_tensor_goes_to_the_parameter_of_its_name() {
        let data: Vec<u8> = [1.5f32, -2.0].into_iter().flat_map(f32::to_le_bytes).collect();
        let found = read_w(&file(Dtype::F32, vec![2], &data), &Type::new(DType::F32, &[2]).unwrap()).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, 1);
        assert_eq!(found[0].1.as_slice::<f32>(), Some(&[1.5, -2.0][..]));
    }

    #[test]
    fn what_does_not_fit_is_refused_in_words() {
        let bytes = file(Dtype::BOOL, vec![2], &[1, 2]);
        let message = read_w(&bytes, &Type::new(DType::Bool, &[2]).unwrap()).unwrap_err();
        assert_eq!(message, "tensor w: invalid value for bool: 2");
        let message = read_w(&bytes, &Type::new(DType::Bool, &[1, 2]).unwrap()).unwrap_err();
        assert_eq!(message, "tensor w has dtype BOOL and shape [2], the parameter is bool[1,2]");
        let message = parse(&bytes, &["x".to_string()], &[&Type::scalar(DType::F32)]).unwrap_err();
        assert_eq!(message, "none of its tensors (w) is named like a parameter");
        assert!(read_w(b"\xff\xff\xff\xff\xff\xff\xff\xff{", &Type::scalar(DType::F32)).is_err());
        assert!(read_w(b"", &Type::scalar(DType::F32)).is_err());
    }
}
