//! Fusion: which instructions run together in one loop nest.
//!
//! A [`Plan`] splits a function (calls inlined) into [`FusionRegion`]s in an order of execution. A region
//! reads values that are in memory, computes its members position by position and writes its outputs; everything between stays in
//! registers. Lowering then *pulls*: it evaluates each output at a position by asking the members for their operands at the positions that
//! their operations imply.
//!
//! What an instruction may become ([`Role`]):
//!
//! * *free*: broadcast, transpose, reverse, slice, dynamic slice, windows, a reshape by unit axes, a splat or `iota`. It computes nothing but an index, so each
//!   region that needs it evaluates it anew;
//! * *member* of one region: elementwise operations, gathers, reductions and small contractions;
//! * *recomputed*: a cheap elementwise operation, evaluated anew in every region that needs it when its operands are fewer bytes to read than
//!   the result to write and read (the mask of a relu, `1 - y²`, the difference of points and centroids);
//! * *alias*: any other reshape: the operand's memory under another shape;
//! * *assembling*: a result written in parts, such as a pad, an update or a scatter, with what its parts are made of; or by a routine of the runtime, whose
//!   operands are in memory;
//! * *alone*: a large contraction, which reads slices of what is in memory where they lie ([`viewed`]); a constant array;
//! * *control*: a loop or branch. Its operands and results are in memory; its regions are functions with plans of their own ([`Plan::nested`]).
//!
//! Rules, applied to the instructions from last to first, so that all consumers of a value are placed before it:
//!
//! 1. Consumer regions that run over exactly the value's positions and do not depend on each other become one region.
//! 2. All consumers in one region, all evaluating the value at the same site (see `consumers.rs`), and no position needed more than once (or the
//!    value cheap, and few like it in a row): it joins, and is never stored.
//! 3. Otherwise it is stored. If a consumer region runs over exactly its positions, and no path leads out of that region and back, it joins as a
//!    further output.
//! 4. Otherwise it starts a region of its own.
//!
//! So a fused program evaluates nothing more often than an unfused one, but for cheap operations within the bounds above, and its code
//! grows with the number of instructions.
//!
//! Invariants of a plan: every value that another region, a contraction or the caller reads is an output of exactly one region (or a parameter,
//! a constant, an alias, slices of one of these); regions are in an order in which every read follows its write; a region has at most [`MAX_MEMBERS`] members.
//! Every decision is recorded with its reason ([`Decision`]). How far all this goes, [`Fusion`] says.

mod access;
mod consumers;
mod grouping;
mod kinds;
mod parts;
mod regions;
mod report;
pub mod tiles;

use std::collections::BTreeMap;

use cranelift_entity::{EntitySet, SecondaryMap};
use pullback_ir::{Function, Inst, Op, Shape, Value};

pub use access::{Role, cost, dot_is_small, is_unit_reshape, role, viewed};
pub use kinds::{Fusion, UnknownFusion};
pub use parts::{parts_in_place, stored_as};
pub use report::plan_to_string;
pub use tiles::{Cutting, TileGroup, TileRole};

use crate::pass::Error;

/// The largest number of members of a region: keeps register pressure, compile time and recursion bounded.
pub const MAX_MEMBERS: usize = 256;

/// What fusion may do.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct FuseOptions {
    /// How far it goes.
    pub kinds: Fusion,
    /// How values are cut into tiles.
    pub cutting: Cutting,
}

/// What a region runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RegionKind {
    /// One loop nest over the positions of the outputs, which have one shape.
    Loop,
    /// A result written in parts, such as a pad or a scatter: one loop nest per part, each writing its share of the output.
    Assemble(Inst),
    /// A large contraction by the packed kernel.
    Contraction(Inst),
    /// A loop or branch around the regions of its own plans.
    Control(Inst),
}

/// Instructions that run together.
#[derive(Clone, Debug)]
pub struct FusionRegion {
    /// What it runs.
    pub kind: RegionKind,
    /// The shape over which the outermost loops run; of each output.
    pub domain: Shape,
    /// The instructions that belong to it, in program order.
    pub members: Vec<Inst>,
    /// The members' results that are stored, in program order.
    pub outputs: Vec<Value>,
}

/// Why a value was placed as it was.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The value.
    pub value: Value,
    /// What was decided.
    pub verdict: Verdict,
    /// Why.
    pub reason: &'static str,
}

/// What was decided for a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Stays in registers of the one region that needs it.
    Fused,
    /// Stored, by the region of one of its consumers.
    FusedOutput,
    /// Evaluated anew in each region that needs it.
    Recomputed,
    /// Stored, by a region that it starts.
    Stored,
}

/// How a function is split into regions.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The regions in order of execution.
    pub regions: Vec<FusionRegion>,
    /// Adjacent regions that run together, tile by tile, in order.
    pub tiles: Vec<TileGroup>,
    /// What tiles are made for.
    pub cutting: Cutting,
    /// Which values some region stores.
    pub stored: EntitySet<Value>,
    /// One entry per placed instruction, in program order.
    pub decisions: Vec<Decision>,
    /// The regions of each instruction that is control flow, in order.
    pub nested: BTreeMap<Inst, Vec<Nested>>,
}

/// A region of an instruction, taken out, and its plan.
#[derive(Clone, Debug)]
pub struct Nested {
    /// The region as a function.
    pub function: Function,
    /// How it is split.
    pub plan: Plan,
}

/// Splits a function without calls into fusion regions.
///
/// # Errors
/// [`Error::Unsupported`] for an instruction that cannot be run; [`Error::Bug`] if the regions formed depend on each other in a cycle.
pub fn fuse(function: &Function, options: FuseOptions) -> Result<Plan, Error> {
    let plan = grouping::Grouping::new(function, options).run()?;
    let mut plan = tiles::group(function, plan, options);
    for region in &plan.regions {
        if let RegionKind::Control(inst) = region.kind {
            let regions = function.region_functions(inst).into_iter();
            let nested = regions.map(|function| fuse(&function, options).map(|plan| Nested { function, plan }));
            plan.nested.insert(inst, nested.collect::<Result<_, _>>()?);
        }
    }
    Ok(plan)
}

/// The value whose memory another value is, as it is for a reshape.
#[must_use]
pub fn aliased(function: &Function, value: Value) -> Option<Value> {
    let inst = function.def_inst(value).filter(|&inst| role(function, inst) == Role::Alias)?;
    let position = function.inst_results(inst).iter().position(|&result| result == value)?;
    function.args(inst).get(position).copied()
}

/// The instructions and results that use each value.
pub(crate) struct Uses {
    pub(crate) by: SecondaryMap<Value, Vec<Inst>>,
    pub(crate) returned: EntitySet<Value>,
}

impl Uses {
    pub(crate) fn new(function: &Function) -> Self {
        let mut by: SecondaryMap<Value, Vec<Inst>> = SecondaryMap::new();
        for &inst in function.insts() {
            for &arg in function.args(inst) {
                if by[arg].last() != Some(&inst) {
                    by[arg].push(inst);
                }
            }
        }
        let mut returned = EntitySet::new();
        for &result in function.results() {
            returned.insert(result);
        }
        Self { by, returned }
    }
}

/// The first result of an instruction other than a call; what has several is placed with all of them.
pub(crate) fn result(function: &Function, inst: Inst) -> Option<Value> {
    match function.op(inst) {
        Op::Call(_) => None,
        _ => function.inst_results(inst).first().copied(),
    }
}
