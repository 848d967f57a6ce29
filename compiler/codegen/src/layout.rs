//! Where the buffers of a program, and the constants of its instructions, are in the table of pointers, checked against the signature; and how the arena is divided.
//!
//! The arena that a program asks for begins with its own, which all of it shares. The memory of each worker of its parallel loops follows, in parts of one size.
//!
//! The checks here are what the promises of the runtime's ABI rest on, besides the loop IR's verifier: every buffer is as large as the
//! memory that its pointer will point to.

use std::sync::Arc;

use pullback_ir::{DType, Literal, Scalar, with_elements};
use pullback_loops::{Buffer, BufferData, Program, Space};
use pullback_runtime::memory::{ALIGNMENT, AlignedBytes};
use pullback_runtime::{Parameter, Signature, TableLayout};

use crate::error::Error;

/// The positions of buffers in the table, the constants in its order, the pool last, and the parts of the arena.
pub(crate) struct Layout {
    /// For each buffer its position in the table, for a worker's own that of the arena.
    positions: Vec<usize>,
    constants: Vec<Arc<Literal>>,
    pool: usize,
    arena: usize,
    /// Bytes of the arena that are in front of the workers' parts.
    shared_bytes: i64,
    /// Bytes of one worker's part.
    local_bytes: i64,
    arena_bytes: usize,
}

impl Layout {
    /// Lays out the buffers of a program, the parallel loops of which have so many workers at most.
    pub(crate) fn new(program: &Program, signature: &Signature, workers: usize) -> Result<Self, Error> {
        let is_constant = |buffer: &&BufferData| matches!(buffer.space, Space::Constant(_));
        let table = TableLayout {
            inputs: signature.inputs.len(),
            outputs: signature.outputs.len(),
            // The last is the pool.
            constants: program.buffers.values().filter(is_constant).count() + 1,
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
                    check_offset(buffer, data, *offset, program.arena_bytes)?;
                    table.arena()
                }
                Space::Local(offset) => {
                    check_offset(buffer, data, *offset, program.local_bytes)?;
                    table.arena()
                }
            });
        }
        match has_buffer.iter().position(|&has| !has) {
            Some(index) => Err(Error::bug("buffers", format!("no buffer is result {index}"))),
            None => {
                let (arena_bytes, shared_bytes, local_bytes) = arena(program, workers)?;
                let (pool, arena) = (table.constant(constants.len()), table.arena());
                Ok(Self { positions, constants, pool, arena, shared_bytes, local_bytes, arena_bytes })
            }
        }
    }

    /// Bytes of the arena with all workers' parts.
    pub(crate) const fn arena_bytes(&self) -> usize {
        self.arena_bytes
    }

    /// Where the pointer to the arena is in the table, in bytes.
    pub(crate) const fn arena_offset(&self) -> i32 {
        (self.arena * size_of::<*const u8>()) as i32
    }

    /// Where the pointer to the pool of constants that instructions have is in the table, in bytes.
    pub(crate) const fn pool_offset(&self) -> i32 {
        (self.pool * size_of::<*const u8>()) as i32
    }

    /// From the arena's first byte to that of the first worker's part; and the bytes of each part.
    pub(crate) const fn workers(&self) -> (i64, i64) {
        (self.shared_bytes, self.local_bytes)
    }

    /// Where the pointer to a buffer, or to the arena it is in, is in the table, in bytes.
    pub(crate) fn table_offset(&self, buffer: Buffer) -> i32 {
        (self.positions[buffer.as_u32() as usize] * size_of::<*const u8>()) as i32
    }

    /// The constants as bytes, in order, and behind them the pool. One that stands for more elements than there is memory for is an error.
    pub(crate) fn constants(&self, pool: &[u8]) -> Result<Vec<AlignedBytes>, Error> {
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
        };
        let all = self.constants.iter().map(bytes).chain([AlignedBytes::copy_of(pool, what)]);
        all.map(|bytes| bytes.map_err(|error| Error::Limitation(error.to_string()))).collect()
    }
}

/// The sizes of the arena in all, of the part that is shared, and of each worker's part. Parts begin on cache lines.
fn arena(program: &Program, workers: usize) -> Result<(usize, i64, i64), Error> {
    let too_large = || Error::Limitation(format!("an arena for {workers} workers is larger than any address space"));
    let line = |bytes: usize| bytes.checked_next_multiple_of(ALIGNMENT);
    if program.local_bytes == 0 {
        // Nothing follows that would have to be aligned.
        return Ok((program.arena_bytes, 0, 0));
    }
    let parts = line(program.arena_bytes).zip(line(program.local_bytes));
    let all = parts.and_then(|(shared, local)| Some((local.checked_mul(workers)?.checked_add(shared)?, shared, local)));
    let (all, shared, local) = all.filter(|&(all, ..)| isize::try_from(all).is_ok()).ok_or_else(too_large)?;
    Ok((all, shared as i64, local as i64))
}

fn check_offset(buffer: Buffer, data: &BufferData, offset: usize, available: usize) -> Result<(), Error> {
    let end = data.elements.checked_mul(data.dtype.bytes()).and_then(|bytes| bytes.checked_add(offset));
    if !offset.is_multiple_of(ALIGNMENT) || end.is_none_or(|end| end > available) {
        return Err(misfit(buffer, data, &format!("it is at {offset} in memory of {available} bytes")));
    }
    Ok(())
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
