//! The constants of vectors: one pool for the whole program, in memory, which the table has a pointer to.
//!
//! A polynomial has more coefficients than a processor registers. As an operand in memory each costs nothing, while one that is held in a register costs the register, and
//! one that does not fit a store and, at every use, a load.

use std::cell::RefCell;
use std::collections::HashMap;

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::{Block, Function, InstBuilder, MemFlagsData, Value, types};

use crate::math::constants::Constants;

/// The constants of a program, each once.
#[derive(Default)]
pub(super) struct Pool {
    positions: HashMap<Box<[u8]>, i32>,
    bytes: Vec<u8>,
}

impl Pool {
    /// The bytes in order.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Where a constant is, in bytes, a multiple of its size; `None` if there are more than an offset reaches.
    fn position(&mut self, constant: &[u8]) -> Option<i32> {
        if let Some(&position) = self.positions.get(constant) {
            return Some(position);
        }
        let start = self.bytes.len().next_multiple_of(constant.len().max(1));
        let position = i32::try_from(start).ok()?;
        self.positions.insert(constant.into(), position);
        self.bytes.resize(start, 0);
        self.bytes.extend(constant);
        Some(position)
    }
}

/// The pool as one function reaches it.
pub(super) struct FunctionPool<'a> {
    pool: &'a RefCell<Pool>,
    /// Where the function begins, with the table of pointers at hand, and where in it that to the pool is.
    entry: Block,
    table: Value,
    offset: i32,
    /// The pointer to the pool, from its first use on.
    pointer: Option<Value>,
}

impl<'a> FunctionPool<'a> {
    pub(super) const fn new(pool: &'a RefCell<Pool>, entry: Block, table: Value, offset: i32) -> Self {
        Self { pool, entry, table, offset, pointer: None }
    }
}

impl Constants for FunctionPool<'_> {
    fn place(&mut self, func: &mut Function, bytes: &[u8]) -> Option<(Value, i32)> {
        let position = self.pool.borrow_mut().position(bytes)?;
        let pointer = *self.pointer.get_or_insert_with(|| {
            let mut cursor = FuncCursor::new(func).at_first_insertion_point(self.entry);
            let flags = MemFlagsData::trusted().with_readonly().with_can_move();
            cursor.ins().load(types::I64, flags, self.table, self.offset)
        });
        Some((pointer, position))
    }
}
