//! Between the interpreter's arrays and the runtime's tensors, so that both can be given the same data.

use pullback_interp::Array;
use pullback_ir::{Elements, Shape, with_elements};
use pullback_runtime::{ArgRef, DType, Executable, Tensor};

use crate::error::Error;

/// A copy of an array as a tensor of the runtime.
///
/// # Errors
/// If there is no memory for it.
pub fn to_tensor(array: &Array) -> Result<Tensor, Error> {
    let shape = array.shape.extents();
    Ok(with_elements!(&array.elements, elements => Tensor::from_slice(&shape, elements))?)
}

/// A copy of a tensor of the runtime as an array.
///
/// # Errors
/// If its shape is beyond what the IR allows.
pub fn to_array(tensor: &Tensor) -> Result<Array, Error> {
    let elements = match tensor.dtype() {
        DType::F32 => Elements::F32(tensor.as_slice()?.to_vec()),
        DType::F64 => Elements::F64(tensor.as_slice()?.to_vec()),
        DType::I32 => Elements::I32(tensor.as_slice()?.to_vec()),
        DType::I64 => Elements::I64(tensor.as_slice()?.to_vec()),
        DType::U8 => Elements::U8(tensor.as_slice()?.to_vec()),
        DType::Bool => Elements::Bool(tensor.as_slice()?.to_vec()),
    };
    let shape = Shape::new(tensor.shape()).map_err(|error| Error::User(error.to_string()))?;
    Array::new(shape, elements).map_err(|error| Error::User(error.to_string()))
}

/// Runs a compiled program on arrays of the interpreter.
///
/// # Errors
/// If number, element types or shapes are not the program's, or there is no memory.
pub fn run_arrays(executable: &Executable, inputs: &[Array]) -> Result<Vec<Array>, Error> {
    let tensors = inputs.iter().map(to_tensor).collect::<Result<Vec<_>, _>>()?;
    let views: Vec<ArgRef<'_>> = tensors.iter().map(ArgRef::from).collect();
    executable.run(&views)?.iter().map(to_array).collect()
}
