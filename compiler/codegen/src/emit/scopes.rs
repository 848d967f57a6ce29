//! What does not change in a loop is computed in front of it.
//!
//! Cranelift's optimiser would move all that is invariant out of loops, the constants of mathematical functions first, which then fill the registers and are spilled; and it
//! takes a quarter of the time to compile. It is left out. What loops have of invariants besides is addresses: the pointer to a buffer, and what the
//! counters of outer loops add to it. They are put where they belong when they are asked for, once for all accesses that share them.
//!
//! A [`Scope`] is a part of a function that is entered at one block and left at its end: the function itself, the body of a loop, a case. While code is
//! emitted into a scope, each scope around has an *anchor*: the block that leads into the next one. What is inserted in front of the jump at its end is
//! at hand in everything inside, and in what follows in its own scope.

use std::collections::HashMap;

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::{Block, InstBuilder, MemFlagsData, Value, types};

use pullback_ir::Scalar;
use pullback_loops::VarType;

use super::kernel::Emitter;

/// A value, and the number of the innermost scope that it depends on; the function's is 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Scoped {
    pub(super) value: Value,
    pub(super) scope: usize,
}

/// What was computed in a scope.
#[derive(Default)]
pub(super) struct Scope {
    /// The block that leads into the next scope, unless this is the innermost.
    anchor: Option<Block>,
    computed: HashMap<Address, Value>,
    /// Constants that are in registers.
    constants: HashMap<(VarType, Scalar), Value>,
}

/// A step on the way to an address.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Address {
    /// The pointer at this offset of the function's table, which nothing stores to.
    Entry(Value, i32),
    /// A counter times a positive number of bytes.
    Scaled(Value, i64),
    Sum(Value, Value),
    Difference(Value, Value),
}

impl Address {
    fn emit<'f>(self, ins: impl InstBuilder<'f>) -> Value {
        match self {
            Self::Entry(table, offset) => {
                let flags = MemFlagsData::trusted().with_readonly().with_can_move();
                ins.load(types::I64, flags, table, offset)
            }
            Self::Scaled(counter, scale) if scale.cast_unsigned().is_power_of_two() => {
                ins.ishl_imm_u(counter, i64::from(scale.trailing_zeros()))
            }
            Self::Scaled(counter, scale) => ins.imul_imm_s(counter, scale),
            Self::Sum(x, y) => ins.iadd(x, y),
            Self::Difference(x, y) => ins.isub(x, y),
        }
    }
}

impl Emitter<'_, '_> {
    /// The number of the scope that code is emitted into.
    pub(super) const fn scope(&self) -> usize {
        self.scopes.len() - 1
    }

    /// Enters a scope that the current block, which has its end already, leads to.
    pub(super) fn open(&mut self) {
        self.open_behind(self.builder.current_block());
    }

    /// Enters a scope that a block leads to.
    pub(super) fn open_behind(&mut self, anchor: Option<Block>) {
        if let Some(around) = self.scopes.last_mut() {
            around.anchor = anchor;
        }
        self.scopes.push(Scope::default());
    }

    /// Leaves the innermost scope.
    pub(super) fn close(&mut self) {
        self.scopes.pop();
        if let Some(around) = self.scopes.last_mut() {
            around.anchor = None;
        }
    }

    /// A constant that is in a register.
    pub(super) fn kept(&self, constant: (VarType, Scalar)) -> Option<Value> {
        self.scopes.iter().find_map(|scope| scope.constants.get(&constant).copied())
    }

    /// Keeps a constant in a register for the rest of the scope.
    pub(super) fn keep(&mut self, constant: (VarType, Scalar), value: Value) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.constants.insert(constant, value);
        }
    }

    /// A step, computed in a scope unless it was before.
    fn compute(&mut self, scope: usize, address: Address) -> Scoped {
        if let Some(&value) = self.scopes[scope].computed.get(&address) {
            return Scoped { value, scope };
        }
        let value = match self.scopes[scope].anchor {
            Some(block) => address.emit(FuncCursor::new(self.builder.func).at_last_inst(block).ins()),
            None => address.emit(self.builder.ins()),
        };
        self.scopes[scope].computed.insert(address, value);
        Scoped { value, scope }
    }

    /// A pointer from the table: of the innermost loop that code is emitted into, loaded in front of it.
    pub(super) fn table_entry(&mut self, offset: i32) -> Scoped {
        let entry = Address::Entry(self.table, offset);
        let at_hand = self.scopes.iter().position(|scope| scope.computed.contains_key(&entry));
        self.compute(at_hand.unwrap_or(self.scope().saturating_sub(1)), entry)
    }

    /// `counter · scale`.
    pub(super) fn scaled(&mut self, counter: Scoped, scale: i64) -> Scoped {
        if scale == 1 { counter } else { self.compute(counter.scope, Address::Scaled(counter.value, scale)) }
    }

    /// `base + counter · scale`, such that it can become an addressing mode.
    pub(super) fn advance(&mut self, base: Scoped, counter: Scoped, scale: i64) -> Scoped {
        let scaled = self.scaled(counter, scale.wrapping_abs());
        let (x, y) = (base.value, scaled.value);
        let step = if scale < 0 { Address::Difference(x, y) } else { Address::Sum(x, y) };
        self.compute(base.scope.max(scaled.scope), step)
    }
}
