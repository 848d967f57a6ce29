//! Tile groups: regions that run together over blocks of positions.
//!
//! A region of the plan is a loop nest, or a matrix product, over all of its positions; what it stores has left the caches when a later region reads it. A
//! [`TileGroup`] cuts the positions that several regions have in common into *tiles*, and runs all the regions for one tile before any for the next. What passes between them is then
//! in a cache, and what nobody else reads is never in memory as a whole: a block of it is all there is, *local* to the tile. Softmax,
//! layer normalisation and their backward passes read a row once; a matrix product is followed by what is done to each of its elements; the scores of attention exist a block
//! of rows at a time. None of these is known by name: all follow from how regions read.
//!
//! The group has one or more *dimensions*, outermost first. Each region runs over each of them in one way ([`TileRole`]): along an axis of its domain, or by folding it, in which
//! case its result accumulates over the tiles and is complete after the last.
//!
//! A region may join if, for every dimension, all that it reads of what the group stores is the block that the group has just stored; if it reads
//! nothing that becomes complete only after the group; and if no path of reads leads from the group to it through a region that is not in the group. What it reads
//! from elsewhere it may read anywhere.
//!
//! Groups are formed from the first region to the last, each from a seed that takes in later regions as long as they fit. Of the ways to cut a seed's positions the one that saves
//! the most bytes of traffic is taken, and none if that is less than [`Cutting::min_saved`]. A group gives up its largest member if another group
//! saves more by it than both do otherwise. Large regions without partners become groups of their own, since tiles are
//! also what threads share.
//!
//! Invariants: the regions of a group are adjacent in the plan; groups do not overlap; every local value is read by the group's regions alone, at the block that they store.
//! How many positions a tile has, and how many tiles run at once, the loop IR's schedule says.

mod choose;
mod facts;
mod fit;
mod grow;
mod motion;
mod producers;
mod reach;
mod views;

use std::collections::BTreeMap;
use std::ops::Range;

use cranelift_entity::EntitySet;
use pullback_ir::{Function, Op, Value};

use super::access::{Role, cost, role};
use super::{FuseOptions, FusionRegion, Plan, RegionKind};

use grow::form;
pub use motion::{roots, same_blocks};

/// The most runs of tiles whose totals are kept apart. Each has memory to clear and to combine; more threads than this would wait.
pub const MAX_RUNS: usize = 32;

/// What decides how values are cut into tiles: sizes that follow from the machine's caches, and the cost of waking a thread.
///
/// The defaults are for a second cache of 1 MiB per core, which is what current processors have or exceed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cutting {
    /// Bytes of traffic that a group has to save: half of a second cache, below which what passes between regions stays in it anyway.
    pub min_saved: usize,
    /// Bytes of what a group stores for one position of each dimension, at most: it has to fit the second cache with room for what is read. With matrix
    /// products half of their tile, if that is more.
    pub max_position: usize,
    /// Bytes of what accumulates over the tiles of a group, at most, for each value: it is read and stored again for each tile.
    pub max_accumulated: usize,
    /// Bytes of an operand that a contraction reads for every tile, at most: it stays in the second cache beside the tile.
    pub max_whole: usize,
    /// The same for a right operand that is packed once for all tiles: it is read in order, from the third cache, and stays there.
    pub max_packed: usize,
    /// Rows, columns and steps of the block of a contraction that a tile is, at least, unless the whole has fewer: so often is used what is loaded.
    pub min_block: usize,
    /// Rows of such a block, or columns, at least, if what all blocks read of the other operand comes from the third cache: they wait for it otherwise.
    pub min_streamed: usize,
    /// Bytes of a tile's values: they stay in the first cache, or nearly, where kernels that go over a tile several times have them at hand.
    pub tile: usize,
    /// The same with matrix products, which use what they load more often the larger the tile is.
    pub contraction_tile: usize,
    /// Work of a region that is worth several threads, in units of simple arithmetic: tens of microseconds, where waking a thread takes a few.
    pub parallel_work: u64,
}

impl Default for Cutting {
    fn default() -> Self {
        Self {
            min_saved: 512 << 10,
            max_position: 256 << 10,
            max_accumulated: 512 << 10,
            max_whole: 512 << 10,
            max_packed: 8 << 20,
            min_block: 8,
            min_streamed: 32,
            tile: 32 << 10,
            contraction_tile: 768 << 10,
            parallel_work: 200_000,
        }
    }
}

impl Cutting {
    /// Cuts whatever can be cut, into tiles as small as there are: for tests, in which values are small.
    pub const EVERYTHING: Self = Self {
        min_saved: 0,
        max_position: usize::MAX,
        max_accumulated: usize::MAX,
        max_whole: usize::MAX,
        max_packed: usize::MAX,
        min_block: 1,
        min_streamed: 1,
        tile: 64,
        contraction_tile: 256,
        parallel_work: 0,
    };
}

/// How a region runs over a dimension of its group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TileRole {
    /// Along this axis of its domain.
    Axis(usize),
    /// It folds it: the number of the axis among those that its reductions fold, or its contraction contracts.
    Folded(usize),
}

/// Regions that run together, tile by tile.
#[derive(Clone, Debug)]
pub struct TileGroup {
    /// Which regions of the plan.
    pub regions: Range<usize>,
    /// The number of positions of each dimension, outermost first.
    pub extents: Vec<usize>,
    /// For each region how it runs over each dimension.
    pub roles: Vec<Vec<TileRole>>,
    /// For each value that the regions store the axis of each dimension; none for one that it accumulates over.
    pub axes: BTreeMap<Value, Vec<Option<usize>>>,
    /// The values that exist a block at a time.
    pub local: EntitySet<Value>,
    /// Bytes of traffic saved: of values that are not stored, or are read while they are in a cache.
    pub saved_bytes: usize,
    /// Bytes of what the regions store, or read at the same block, for one position of every dimension.
    pub position_bytes: usize,
    /// Whether the work is worth several threads.
    pub parallel: bool,
}

/// A region's work in units of simple arithmetic.
pub(super) fn work(function: &Function, region: &FusionRegion) -> u64 {
    let elements = |value: Value| function.ty(value).elements() as u64;
    let of = |inst| {
        let results = function.inst_results(inst);
        let positions = results.first().map_or(0, |&result| elements(result));
        match (function.op(inst), function.args(inst)) {
            (Op::Reduce { .. }, &[x]) => elements(x),
            (Op::Dot(_), _) => positions * motion::folded_extents(function, inst).iter().product::<usize>() as u64,
            (op, _) => positions * u64::from(if role(function, inst) == Role::Free { 0 } else { cost(op).max(1) }),
        }
    };
    let computed: u64 = region.members.iter().map(|&inst| of(inst)).sum();
    // What only moves elements stores each.
    let stored: u64 = region.outputs.iter().map(|&value| elements(value)).sum();
    if computed == 0 && region.kind == RegionKind::Loop { stored } else { computed }
}

/// What a plan becomes while groups are formed.
pub(super) fn group(function: &Function, plan: Plan, options: FuseOptions) -> Plan {
    if plan.regions.iter().all(|region| matches!(region.kind, RegionKind::Control(_))) {
        return plan;
    }
    form(function, plan, options)
}
