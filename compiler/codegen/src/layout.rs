//! Where the buffers of a program are in the table of pointers, checked against the signature.
//!
//! The checks here are what the promises of the runtime's ABI rest on, besides the loop IR's verifier: every buffer is as large as the
//! memory that its pointer will point to.

use std::sync::Arc;

use pullback_ir::{DType, Literal, Scalar, with_elements};
use pullback_loops::{Buffer, BufferData, Program, Space};
use pullback_runtime::memory::AlignedBytes;
use pullback_runtime::{Parameter, Signature, TableLayout};

use crate::error::Error;

/// The positions of buffers in the table, and the constants in its order.
pub(crate) struct Layout {
    /// For each buffer its position in the table.
    positions: Vec<usize>,
    constants: Vec<Arc<Literal>>,
}

impl Layout {
    /// Lays out the buffers of a program.
    pub(crate) fn new(program: &Program, signature: &Signature) -> Result<Self, Error> {
        let is_constant = |buffer: &&BufferData| matches!(buffer.space, Space::Constant(_));
        let table = TableLayout {
            inputs: signature.inputs.len(),
            outputs: signature.outputs.len(),
            constants: program.buffers.values().filter(is_constant).count(),
        };
        let mut constants = Vec::new();
        let mut positions = Vec::new();
        let mut has_buffer = vec![false; signature.outputs.len()];
        for (buffer, data) in &program.buffers {
            positions.push(match &data.space {
                Space::Input(index) => {
                    check_parameter(buffer, data, signature.inputs.get(*index))?;
                    table.input(*index)
                }
                Space::Output(index) => {
                    check_parameter(buffer, data, signature.outputs.get(*index))?;
                    has_buffer[*index] = true;
                    table.output(*index)
                }
                Space::Constant(literal) => {
                    if literal.ty().dtype != data.dtype || literal.ty().elements() != data.elements {
                        return Err(misfit(buffer, data, &format!("its constant is {}", literal.ty())));
                    }
                    constants.push(Arc::clone(literal));
                    table.constant(constants.len() - 1)
                }
                Space::Arena(offset) => {
                    let end =
                        data.elements.checked_mul(data.dtype.bytes()).and_then(|bytes| bytes.checked_add(*offset));
                    if offset % 64 != 0 || end.is_none_or(|end| end > program.arena_bytes) {
                        let arena = program.arena_bytes;
                        return Err(misfit(buffer, data, &format!("it is at {offset} in an arena of {arena} bytes")));
                    }
                    table.arena()
                }
            });
        }
        match has_buffer.iter().position(|&has| !has) {
            Some(index) => Err(Error::bug("buffers", format!("no buffer is result {index}"))),
            None => Ok(Self { positions, constants }),
        }
    }

    /// Where the pointer to a buffer, or to the arena it is in, is in the table, in bytes.
    pub(crate) fn table_offset(&self, buffer: Buffer) -> i32 {
        (self.positions[buffer.as_u32() as usize] * size_of::<*const u8>()) as i32
    }

    /// The constants as bytes, in order. One that stands for more elements than there is memory for is an error.
    pub(crate) fn constants(&self) -> Result<Vec<AlignedBytes>, Error> {
        let what = "a constant";
        let bytes = |literal: &Arc<Literal>| {
            let count = literal.ty().elements();
            match literal.as_splat() {
                Some(Scalar::F32(x)) => AlignedBytes::repeat(x, count, what),
                Some(Scalar::F64(x)) => AlignedBytes::repeat(x, count, what),
                Some(Scalar::I32(x)) => AlignedBytes::repeat(x, count, what),
                Some(Scalar::I64(x)) => AlignedBytes::repeat(x, count, what),
                Some(Scalar::U8(x)) => AlignedBytes::repeat(x, count, what),
                Some(Scalar::Bool(x)) => AlignedBytes::repeat(x, count, what),
                None => with_elements!(literal.stored(), v => AlignedBytes::copy_of(v, what)),
            }
            .map_err(|error| Error::Limitation(error.to_string()))
        };
        self.constants.iter().map(bytes).collect()
    }
}

fn check_parameter(buffer: Buffer, data: &BufferData, parameter: Option<&Parameter>) -> Result<(), Error> {
    let parameter = parameter.ok_or_else(|| misfit(buffer, data, "the signature has no such position"))?;
    if parameter.dtype != runtime_dtype(data.dtype) || parameter.elements() != data.elements {
        let (dtype, shape) = (parameter.dtype, &parameter.shape);
        return Err(misfit(buffer, data, &format!("`{}` of the signature is {dtype}{shape:?}", parameter.name)));
    }
    Ok(())
}

fn misfit(buffer: Buffer, data: &BufferData, problem: &str) -> Error {
    let (name, elements, dtype, space) = (&data.name, data.elements, data.dtype, &data.space);
    Error::bug("buffers", format!("{buffer} `{name}`, {elements} elements of {dtype}, {space:?}: {problem}"))
}

/// The element type as the runtime names it.
#[must_use]
pub const fn runtime_dtype(dtype: DType) -> pullback_runtime::DType {
    match dtype {
        DType::F32 => pullback_runtime::DType::F32,
        DType::F64 => pullback_runtime::DType::F64,
        DType::I32 => pullback_runtime::DType::I32,
        DType::I64 => pullback_runtime::DType::I64,
        DType::U8 => pullback_runtime::DType::U8,
        DType::Bool => pullback_runtime::DType::Bool,
    }
}
