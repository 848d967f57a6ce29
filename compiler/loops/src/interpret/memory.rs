//! The bytes of a running program.

use cranelift_entity::{PrimaryMap, SecondaryMap};
use pullback_ir::{DType, Elements, Scalar};

use super::{Error, array};
use crate::program::{Buffer, BufferData, Program, Space};

/// The most bytes of all buffers together.
const LIMIT: u128 = 8 << 30;

/// Bytes, and for each the buffer that it was stored through.
#[derive(Clone, Default)]
struct Block {
    bytes: Vec<u8>,
    stored_by: Vec<Option<Buffer>>,
}

impl Block {
    fn new(size: usize) -> Self {
        Self { bytes: vec![0; size], stored_by: vec![None; size] }
    }
}

/// The memory of a program: block 0 is the arena, block 1 that of the one worker, every other buffer has a block of its own.
pub(super) struct Memory<'a> {
    buffers: &'a PrimaryMap<Buffer, BufferData>,
    blocks: Vec<Block>,
    /// Block and offset of each buffer.
    place: SecondaryMap<Buffer, (usize, usize)>,
    outputs: Vec<Buffer>,
}

impl<'a> Memory<'a> {
    pub(super) fn new(program: &'a Program, inputs: &[Elements]) -> Result<Self, Error> {
        let own = program.buffers.values().filter(|data| !matches!(data.space, Space::Arena(_) | Space::Local(_)));
        let sizes = own.map(|data| data.elements as u128 * data.dtype.bytes() as u128);
        let needed = sizes.sum::<u128>() + program.arena_bytes as u128 + program.local_bytes as u128;
        if needed > LIMIT {
            return Err(Error::Memory { needed, limit: LIMIT });
        }
        let blocks = vec![Block::new(program.arena_bytes), Block::new(program.local_bytes)];
        let mut memory = Self { buffers: &program.buffers, blocks, place: SecondaryMap::new(), outputs: Vec::new() };
        let mut input_count = 0;
        for (buffer, data) in program.buffers.iter() {
            match &data.space {
                Space::Arena(offset) => memory.place[buffer] = (0, *offset),
                Space::Local(offset) => memory.place[buffer] = (1, *offset),
                Space::Input(position) => {
                    input_count += 1;
                    if let Some(elements) = inputs.get(*position) {
                        check_input(*position, data, elements)?;
                        memory.add(buffer, Some(elements));
                    }
                }
                Space::Constant(literal) => memory.add(buffer, Some(&literal.to_elements())),
                Space::Output(_) => {
                    memory.add(buffer, None);
                    memory.outputs.push(buffer);
                }
            }
        }
        memory.outputs.sort_by_key(|&output| match program.buffers[output].space {
            Space::Output(position) => position,
            Space::Input(_) | Space::Constant(_) | Space::Arena(_) | Space::Local(_) => 0,
        });
        let donated: Vec<Buffer> =
            memory.outputs.iter().copied().filter(|&output| program.donated.contains(output)).collect();
        let expected = input_count + donated.len();
        if inputs.len() != expected {
            return Err(Error::InputCount { program: program.name.to_string(), expected, found: inputs.len() });
        }
        for (output, (position, elements)) in donated.into_iter().zip(inputs.iter().enumerate().skip(input_count)) {
            check_input(position, &program.buffers[output], elements)?;
            memory.add(output, Some(elements));
        }
        Ok(memory)
    }

    fn add(&mut self, buffer: Buffer, elements: Option<&Elements>) {
        let data = &self.buffers[buffer];
        let size = data.dtype.bytes();
        let mut block = Block::new(data.elements * size);
        if let Some(elements) = elements {
            for (bytes, element) in block.bytes.chunks_exact_mut(size).zip(elements.iter()) {
                bytes.copy_from_slice(&element.bits().to_le_bytes()[..size]);
            }
            block.stored_by.fill(Some(buffer));
        }
        self.place[buffer] = (self.blocks.len(), 0);
        self.blocks.push(block);
    }

    /// The buffers of the results, in order of position.
    pub(super) fn outputs(&self) -> impl Iterator<Item = Buffer> + '_ {
        self.outputs.iter().copied()
    }

    /// Block and bytes of an element.
    fn locate(&self, buffer: Buffer, position: i128, place: &str) -> Result<(usize, std::ops::Range<usize>), Error> {
        let data = &self.buffers[buffer];
        let size = data.dtype.bytes();
        let (block, offset) = self.place[buffer];
        let inside = usize::try_from(position).ok().filter(|&position| position < data.elements);
        let range = inside.map(|position| offset + position * size..offset + (position + 1) * size);
        let fits = range.filter(|range| self.blocks.get(block).is_some_and(|block| range.end <= block.bytes.len()));
        fits.map(|range| (block, range)).ok_or_else(|| {
            let message = format!("element {position} of %{}, which has {}", data.name, data.elements);
            Error::Invalid { place: place.into(), message }
        })
    }

    /// An element, which has to have been stored through the same buffer.
    pub(super) fn load(&self, buffer: Buffer, position: i128, place: &str) -> Result<Scalar, Error> {
        let (block, range) = self.locate(buffer, position, place)?;
        let Block { bytes, stored_by } = &self.blocks[block];
        if stored_by[range.clone()].iter().any(|&by| by != Some(buffer)) {
            let name = self.buffers[buffer].name.to_string();
            return Err(Error::NotStored { place: place.into(), buffer: name, position: position as usize });
        }
        let mut bits = [0; 8];
        bits[..range.len()].copy_from_slice(&bytes[range]);
        Ok(scalar(self.buffers[buffer].dtype, u64::from_le_bytes(bits)))
    }

    /// Forgets what was stored through a buffer.
    pub(super) fn forget(&mut self, buffer: Buffer) {
        let (block, offset) = self.place[buffer];
        let size = self.buffers[buffer].elements * self.buffers[buffer].dtype.bytes();
        let bytes = self.blocks[block].stored_by.get_mut(offset..offset + size).unwrap_or_default();
        bytes.iter_mut().filter(|by| **by == Some(buffer)).for_each(|by| *by = None);
    }

    pub(super) fn store(&mut self, buffer: Buffer, position: i128, value: Scalar, place: &str) -> Result<(), Error> {
        let (block, range) = self.locate(buffer, position, place)?;
        let Block { bytes, stored_by } = &mut self.blocks[block];
        stored_by[range.clone()].fill(Some(buffer));
        let size = range.len();
        bytes[range].copy_from_slice(&value.bits().to_le_bytes()[..size]);
        Ok(())
    }
}

fn check_input(position: usize, data: &BufferData, elements: &Elements) -> Result<(), Error> {
    if elements.dtype() == data.dtype && elements.len() == data.elements {
        return Ok(());
    }
    Err(Error::Input {
        position,
        name: data.name.to_string(),
        expected: array(data.dtype, data.elements),
        found: array(elements.dtype(), elements.len()),
    })
}

/// The element with these low bits.
pub(super) const fn scalar(dtype: DType, bits: u64) -> Scalar {
    match dtype {
        DType::F32 => Scalar::F32(f32::from_bits(bits as u32)),
        DType::F64 => Scalar::F64(f64::from_bits(bits)),
        DType::I32 => Scalar::I32(bits as u32 as i32),
        DType::I64 => Scalar::I64(bits as i64),
        DType::U8 => Scalar::U8(bits as u8),
        DType::Bool => Scalar::Bool(bits & 1 == 1),
    }
}
