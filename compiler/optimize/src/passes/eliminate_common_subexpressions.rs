//! Eliminates common subexpressions: of instructions that compute the same, the first stays.
//!
//! Why: a derivative uses parts of its primal again and rules do not share what they build, so that the same
//! `exp` or `broadcast` appears many times.
//!
//! Two instructions compute the same if their operations and operands are equal; operands may change places where that
//! does not change the result (`add`, `mul`, `max`, `min`, `and`, `or`, `xor`, and comparisons with the mirrored predicate).
//! The table is only looked up, never gone through, so its order does not reach the output. Control flow is the same if its regions are, but for names.
//! An `optimization_barrier` is the same as no other: it is there to keep apart what is equal.
//!
//! Regions are functions of their own here: nothing in a region is merged with anything outside.
//!
//! After: no two instructions of one level compute the same in this sense. Instructions that lost their users are gone.

use std::collections::HashMap;

use cranelift_entity::SecondaryMap;
use cranelift_entity::packed_option::PackedOption;
use pullback_ir::rewrite::{ValueMap, copy_inst, copy_params, map_results};
use pullback_ir::{Binary, Builder, Comparison, Function, Inst, Module, Op, Value, Verified};
use smallvec::SmallVec;

use crate::equality::same_regions;
use crate::pass::{Changed, Error, Pass};
use crate::regions::at_every_level;
use crate::rules::logic::mirrored;

/// The pass.
pub static ELIMINATE_COMMON_SUBEXPRESSIONS: Pass = Pass {
    name: "eliminate_common_subexpressions",
    about: "compute equal expressions once",
    may_change: |_| true,
    waits: false,
    run,
};

fn run<'f>(module: &Verified<Module>, function: &'f Function) -> Result<Changed<'f>, Error> {
    at_every_level(ELIMINATE_COMMON_SUBEXPRESSIONS.name, module, function, &mut |level| run_level(module, level))
}

fn run_level<'f>(module: &Verified<Module>, function: &'f Function) -> Result<Changed<'f>, Error> {
    let first = first_alike(function);
    if function.insts().iter().all(|&inst| first[inst].is_none()) {
        return Ok(Changed::Borrowed(function));
    }
    let b = Builder::new(module, &function.name);
    let mut map = ValueMap::new();
    copy_params(&b, function, &mut map);
    for &inst in function.insts() {
        match first[inst].expand() {
            None => copy_inst(&b, function, inst, &mut map),
            Some(first) => {
                let results = map.expect_all(&b, function.inst_results(first));
                map_results(&b, function, inst, &results, &mut map);
            }
        }
    }
    let results = map.expect_all(&b, function.results());
    b.finish(&results).map(Changed::Owned).map_err(|error| Error::bug(ELIMINATE_COMMON_SUBEXPRESSIONS.name, error))
}

/// For each instruction the first one before it that computes the same, if any.
fn first_alike(function: &Function) -> SecondaryMap<Inst, PackedOption<Inst>> {
    let mut first = SecondaryMap::new();
    let mut seen: HashMap<Key<'_>, SmallVec<[Inst; 1]>> = HashMap::with_capacity(function.insts().len());
    // The value to take for each that has an equal one.
    let mut same: SecondaryMap<Value, PackedOption<Value>> = SecondaryMap::new();
    for &inst in function.insts().iter().filter(|&&inst| *function.op(inst) != Op::Barrier) {
        let args = function.args(inst).iter().map(|&arg| same[arg].expand().unwrap_or(arg)).collect();
        // More than one only of instructions with regions.
        let alike = seen.entry(canonical(function.op(inst), args)).or_default();
        let Some(&found) = alike.iter().find(|&&found| same_regions(function, inst, found)) else {
            alike.push(inst);
            continue;
        };
        first[inst] = found.into();
        for (&result, &other) in function.inst_results(inst).iter().zip(function.inst_results(found)) {
            same[result] = other.into();
        }
    }
    first
}

/// What instructions that compute the same have in common.
#[derive(PartialEq, Eq, Hash)]
struct Key<'a> {
    op: KeyOp<'a>,
    args: SmallVec<[Value; 3]>,
}

#[derive(PartialEq, Eq, Hash)]
enum KeyOp<'a> {
    /// Of comparisons, the predicate for operands in order.
    Compare(Comparison),
    Other(&'a Op),
}

/// One form for all ways to write the same operation on the same operands.
fn canonical(op: &Op, mut args: SmallVec<[Value; 3]>) -> Key<'_> {
    let exchanged = matches!(args[..], [x, y] if y < x);
    let op = if let Op::Compare(predicate) = op {
        KeyOp::Compare(if exchanged { mirrored(*predicate) } else { *predicate })
    } else {
        KeyOp::Other(op)
    };
    let may_exchange = match op {
        KeyOp::Compare(_) => true,
        KeyOp::Other(op) => matches!(op, Op::Binary(binary) if is_commutative(*binary)),
    };
    if exchanged && may_exchange {
        args.reverse();
    }
    Key { op, args }
}

/// Whether operands may change places to the bit, but for sign and payload of a NaN.
const fn is_commutative(binary: Binary) -> bool {
    match binary {
        Binary::Add | Binary::Mul | Binary::Max | Binary::Min | Binary::And | Binary::Or | Binary::Xor => true,
        Binary::Sub | Binary::Div | Binary::Rem | Binary::Pow | Binary::Atan2 => false,
        Binary::ShiftLeft | Binary::ShiftRight | Binary::ShiftRightLogical | Binary::Polygamma => false,
    }
}
