//! Typed 32-bit indices into the arenas of a [`Function`](crate::Function) or a [`Module`](crate::Module).
//!
//! They are plain numbers: copying one is free, comparing two from different functions is meaningless.

use cranelift_entity::entity_impl;

/// A tensor value: a parameter of a region or a result of an instruction.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value(u32);
entity_impl!(Value, "%");

/// An instruction.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Inst(u32);
entity_impl!(Inst, "inst");

/// A region: parameters, instructions in order, results.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(u32);
entity_impl!(Region, "region");

/// A function of a module.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FuncId(u32);
entity_impl!(FuncId, "@");
