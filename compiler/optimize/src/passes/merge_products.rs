//! Merges products: many small ones that multiply with the same matrix, or that are added up, become one large one.
//!
//! Why: a recurrence written out multiplies the input of each step by the same matrix, and the gradient of that matrix is a sum over the steps. A product of a few rows
//! reads a whole matrix for them, or stores a whole one to be added; it is too small to be worth a second thread, and each is a kernel to be compiled.
//!
//! * *Shared* (`shared.rs`): `dot(x_i, y)` are rows of `dot(concatenate x_i, y)`. None of the products may depend on another, so their `x_i` are there before any of them is needed.
//! * *Summed* (`summed.rs`): `Σ dot(x_i, y_i)` over first axes is `dot(concatenate x_i, concatenate y_i)`.
//!
//! Joined (`join.rs`) are rows: the first axis of an operand, so that what is put together lies there as its parts lie one by one. Parts that follow each other in
//! another value, as slices of an input do, are a view of it; and parts that were joined for another product are rows of that. A vector is a matrix of one row.
//!
//! Only small products are merged, and only where putting together takes no more than is saved: a matrix that is read once instead of for each part, or
//! sums that are not stored. What is put together is there as a whole, up to `MAX_BYTES`: a budget of memory may leave the pass out.
//!
//! Dots that were added up accumulate together, in another order (`ir-spec/numerics.md`); shared products keep theirs.
//!
//! After: slices and concatenations are where the parts of merged products were used. What is left is too large, too little or not worth it.

mod emit;
mod join;
mod shared;
mod summed;

use pullback_ir::{BuildError, DotDims, Function, Inst, Module, Op, Value, Verified};

use self::join::{Joined, Joins};
use crate::pass::{Changed, Error, Pass};
use crate::regions::at_every_level;

/// The pass.
pub static MERGE_PRODUCTS: Pass = Pass {
    name: "merge_products",
    about: "make one large product of many small ones that share a factor or are added up",
    may_change: has_many_products,
    waits: false,
    run,
};

/// Fewer products are left as they are: putting their operands together costs as much as is saved.
const MIN_PRODUCTS: usize = 4;

/// Multiplications of a product, at most: larger ones are efficient by themselves.
const MAX_WORK: usize = 1 << 20;

/// Bytes of a merged product that is read in pieces, or of what is put together for a sum, at most: before, each piece could be there for a moment alone.
const MAX_BYTES: usize = 16 << 20;

/// How many sets of products with the same matrix are merged each time the pass runs: each takes a copy of the function.
const MAX_SETS: usize = 16;

/// Products to be made one.
struct Merged {
    lhs: Factor,
    rhs: Factor,
    dims: DotDims,
}

/// An operand of a merged product.
enum Factor {
    /// The one of all.
    Shared(Value),
    /// Each product's own, one after the other.
    Own(Joined),
}

/// What a merged product takes the place of.
enum Place {
    /// Of products, whose results are its rows, so many each.
    Rows(Vec<(Inst, usize)>),
    /// Of some of the terms of a sum, whose outermost addition this is; the other terms are what is added to it.
    Terms(Inst, Vec<Value>),
}

/// A change to a function.
struct Merge {
    products: Vec<Merged>,
    place: Place,
}

/// Whether there are enough products at any level.
fn has_many_products(function: &Function) -> bool {
    let insts = function.all_insts();
    insts.iter().filter(|&&inst| matches!(function.op(inst), Op::Dot(_))).nth(MIN_PRODUCTS - 1).is_some()
}

fn run<'f>(module: &Verified<Module>, function: &'f Function) -> Result<Changed<'f>, Error> {
    at_every_level(MERGE_PRODUCTS.name, module, function, &mut |level| {
        merged(module, level).map_err(|error| Error::bug(MERGE_PRODUCTS.name, error))
    })
}

fn merged<'f>(module: &Verified<Module>, function: &'f Function) -> Result<Changed<'f>, BuildError> {
    let mut level = Changed::Borrowed(function);
    let mut joins = Joins::of(function);
    let (sums, superfluous) = summed::find(function, &mut joins);
    if !sums.is_empty() {
        level = Changed::Owned(emit::emit(module, function, (&sums, &superfluous), &joins)?);
    }
    // Each set is looked for in a function that has the others merged: two sets that do not depend on themselves may depend on each other.
    let mut first = 0;
    for _ in 0..MAX_SETS {
        let Some((merged, number)) = shared_in(module, &level, first)? else { break };
        // A merged group is none any more: the next one has its number.
        (level, first) = (Changed::Owned(merged), number);
    }
    Ok(level)
}

/// The function with the first group merged, from one number on, that has something to merge; and the number of that group.
fn shared_in(
    module: &Verified<Module>,
    function: &Function,
    first: usize,
) -> Result<Option<(Function, usize)>, BuildError> {
    let groups = shared::groups(function);
    if groups.len() <= first {
        return Ok(None);
    }
    let mut joins = Joins::of(function);
    for (number, group) in groups.iter().enumerate().skip(first) {
        let merges = shared::find(function, group, &mut joins);
        if !merges.is_empty() {
            return Ok(Some((emit::emit(module, function, (&merges, &[]), &joins)?, number)));
        }
    }
    Ok(None)
}

/// A product without batch axes that has elements.
struct Product<'a> {
    inst: Inst,
    dims: &'a DotDims,
    lhs: Value,
    rhs: Value,
    out: Value,
}

impl<'a> Product<'a> {
    /// The product that an instruction is, if it is small.
    fn small(function: &'a Function, inst: Inst) -> Option<Self> {
        let (Op::Dot(dims), &[lhs, rhs], &[out]) =
            (function.op(inst), function.args(inst), function.inst_results(inst))
        else {
            return None;
        };
        let extents = function.ty(lhs).shape.extents();
        let steps: usize = dims.lhs_contract.iter().filter_map(|&axis| extents.get(axis)).product();
        let work = function.ty(out).elements().checked_mul(steps)?;
        let is_small = dims.lhs_batch.is_empty() && (1..=MAX_WORK).contains(&work);
        is_small.then_some(Self { inst, dims, lhs, rhs, out })
    }
}
