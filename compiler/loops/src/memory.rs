//! The memory plan: offsets in the one arena.
//!
//! A buffer lives from the first kernel that touches it to the last. Walking the kernels in order, buffers that begin get the smallest free
//! range that holds them (best fit), buffers that ended give theirs back, neighbouring free ranges merge. Offsets are multiples of a cache line, so
//! that vectors are aligned and threads do not share lines. The arena's size is exact and known before the first call.

use std::collections::BTreeMap;

use cranelift_entity::SecondaryMap;

use crate::error::Error;
use crate::program::{Buffer, Program, Space, Stmt};

/// Bytes of a cache line.
pub const ALIGNMENT: usize = 64;

/// The largest arena: 2^46 bytes, far above any machine, far below overflow.
const MAX_ARENA: usize = 1 << 46;

/// Gives every buffer of the arena its offset, and the program the arena's size.
///
/// # Errors
/// [`Error::Limit`] if the arena would be larger than any address space.
pub fn plan_memory(program: &mut Program) -> Result<(), Error> {
    let lifetimes = lifetimes(program);
    let mut ending: Vec<Vec<Buffer>> = vec![Vec::new(); program.kernels.len()];
    let mut beginning = ending.clone();
    for (buffer, data) in program.buffers.iter() {
        if let (Space::Arena(_), Some((first, last))) = (&data.space, lifetimes[buffer]) {
            beginning[first].push(buffer);
            ending[last].push(buffer);
        }
    }
    let mut arena = Arena::default();
    for (starts, ends) in beginning.into_iter().zip(ending) {
        for buffer in starts {
            let offset = arena.take(size(program, buffer))?;
            program.buffers[buffer].space = Space::Arena(offset);
        }
        for buffer in ends {
            if let Space::Arena(offset) = program.buffers[buffer].space {
                arena.give_back(offset, size(program, buffer));
            }
        }
    }
    program.arena_bytes = arena.end;
    Ok(())
}

fn size(program: &Program, buffer: Buffer) -> usize {
    let data = &program.buffers[buffer];
    (data.elements * data.dtype.bytes()).next_multiple_of(ALIGNMENT)
}

/// First and last kernel that touches each buffer.
#[must_use]
pub fn lifetimes(program: &Program) -> SecondaryMap<Buffer, Option<(usize, usize)>> {
    let mut lifetimes: SecondaryMap<Buffer, Option<(usize, usize)>> = SecondaryMap::new();
    for (number, kernel) in program.kernels.iter().enumerate() {
        for_each_buffer(&kernel.body, &mut |buffer| {
            let lifetime = &mut lifetimes[buffer];
            *lifetime = Some((lifetime.map_or(number, |(first, _)| first), number));
        });
    }
    lifetimes
}

fn for_each_buffer(stmts: &[Stmt], visit: &mut impl FnMut(Buffer)) {
    use crate::program::Expr;
    for stmt in stmts {
        match stmt {
            Stmt::Let(_, Expr::Load(place)) | Stmt::Store(place, _) => visit(place.buffer),
            Stmt::Let(_, _) => {}
            Stmt::For(inner) => for_each_buffer(&inner.body, visit),
            Stmt::Gemm(gemm) => {
                for matrix in [&gemm.out, &gemm.lhs, &gemm.rhs] {
                    visit(matrix.buffer);
                }
            }
        }
    }
}

/// Free ranges by offset; everything from `end` on was never used.
#[derive(Default)]
struct Arena {
    free: BTreeMap<usize, usize>,
    end: usize,
}

impl Arena {
    fn take(&mut self, size: usize) -> Result<usize, Error> {
        let fit =
            self.free.iter().filter(|&(_, &length)| length >= size).min_by_key(|&(&offset, &length)| (length, offset));
        if let Some((&offset, &length)) = fit {
            self.free.remove(&offset);
            if length > size {
                self.free.insert(offset + size, length - size);
            }
            return Ok(offset);
        }
        // The last free range may be short of what is wanted and still be where it begins.
        let offset = match self.free.last_key_value() {
            Some((&offset, &length)) if offset + length == self.end => offset,
            Some(_) | None => self.end,
        };
        self.free.remove(&offset);
        self.end = offset
            .checked_add(size)
            .filter(|&end| end <= MAX_ARENA)
            .ok_or_else(|| Error::Limit(format!("the program needs an arena of more than {MAX_ARENA} bytes")))?;
        Ok(offset)
    }

    fn give_back(&mut self, mut offset: usize, mut size: usize) {
        if size == 0 {
            return;
        }
        if let Some((&before, &length)) = self.free.range(..offset).next_back()
            && before + length == offset
        {
            self.free.remove(&before);
            (offset, size) = (before, size + length);
        }
        if let Some(length) = self.free.remove(&(offset + size)) {
            size += length;
        }
        self.free.insert(offset, size);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn freed_ranges_merge_and_are_used_again() {
        let mut arena = Arena::default();
        let (a, b, c) = (arena.take(64).unwrap(), arena.take(128).unwrap(), arena.take(64).unwrap());
        assert_eq!((a, b, c, arena.end), (0, 64, 192, 256));
        arena.give_back(a, 64);
        arena.give_back(b, 128);
        assert_eq!(arena.take(192).unwrap(), 0);
        arena.give_back(c, 64);
        assert_eq!((arena.take(128).unwrap(), arena.end), (192, 320));
        assert!(matches!(arena.take(MAX_ARENA), Err(Error::Limit(_))));
    }
}
