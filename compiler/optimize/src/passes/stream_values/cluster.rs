//! Finding clusters: what has to be computed block by block, so that a large product is never there as a whole.

use cranelift_entity::{EntitySet, SecondaryMap};
use pullback_ir::{Function, Inst, Op, Value};

use super::Limits;
use super::ways::{Outcome, Way, from_operand, of_result};

/// A value with this many times fewer elements than the product that a cluster begins with is small: less than [`Limits::min_growth`].
const WIDE: usize = 4;

/// So much less than [`Limits::min_bytes`] is worth being computed again, if that is cheap: masks are as large as one of many matrices of scores.
const SMALL: usize = 8;

/// Values that are computed a block at a time along one axis, and what leaves them.
///
/// An instruction has one way. It is either inside, and its result has an axis, or an exit, and has none.
pub(super) struct Cluster {
    /// The extent of the streamed axis.
    pub(super) extent: usize,
    /// How each instruction of the cluster, exits included, reads and writes the streamed axis.
    pub(super) ways: SecondaryMap<Inst, Option<Way>>,
    /// The streamed axis of each value that exists a block at a time.
    pub(super) axis: SecondaryMap<Value, Option<usize>>,
    /// Those of them that are cheap to compute again where else they are needed: they depend on no product.
    pub(super) cheap: EntitySet<Value>,
    /// What leaves the cluster: results that combine all blocks, or have the streamed axis and are small.
    pub(super) exits: EntitySet<Inst>,
}

impl Cluster {
    /// Whether an instruction is computed in blocks alone: nothing outside of the cluster needs its result.
    pub(super) fn is_inner(&self, function: &Function, inst: Inst) -> bool {
        let cheap = |&result: &Value| self.cheap.contains(result);
        self.ways[inst].is_some() && !self.exits.contains(inst) && !function.inst_results(inst).iter().all(cheap)
    }

    /// Whether the operand `index` of an instruction of the cluster is computed with the block.
    pub(super) fn is_member(&self, function: &Function, inst: Inst, index: usize) -> bool {
        let along = self.ways[inst].as_ref().and_then(|way| way.operands.get(index).copied().flatten());
        let value = function.args(inst).get(index);
        along.is_some() && value.is_some_and(|&value| self.axis[value] == along)
    }
}

/// A product to stream, and the axis of its result.
#[derive(Clone, Copy)]
pub(super) struct Seed {
    pub(super) inst: Inst,
    pub(super) axis: usize,
}

/// The products that are much larger than what they are computed from, each with the axes along which they could be streamed.
pub(super) fn seeds(function: &Function, limits: &Limits) -> Vec<Seed> {
    let mut seeds = Vec::new();
    for &inst in function.insts() {
        let (Op::Dot(dims), &[lhs, rhs], &[out]) =
            (function.op(inst), function.args(inst), function.inst_results(inst))
        else {
            continue;
        };
        let bytes = |value: Value| function.ty(value).bytes();
        let is_large = bytes(out) >= limits.min_bytes && bytes(out) >= limits.min_growth * (bytes(lhs) + bytes(rhs));
        if !is_large || !function.ty(out).dtype.is_float() {
            continue;
        }
        let batches: usize = dims.lhs_batch.iter().filter_map(|&axis| function.ty(lhs).shape.extent(axis)).product();
        let shape = &function.ty(out).shape;
        let is_long = |axis: usize| shape.extent(axis).is_some_and(|extent| extent >= 2 * limits.block);
        // Blocks of rows that are short are small enough: among them are those that this pass makes.
        if !is_long(shape.rank().saturating_sub(1)) {
            continue;
        }
        // The right operand's axis first: with the usual layouts that is the one along which rows are normalised.
        for axis in (dims.lhs_batch.len()..function.ty(out).rank()).rev() {
            let Some(way) = of_result(function, inst, axis) else { continue };
            let side = if way.operands.first().copied().flatten().is_some() { lhs } else { rhs };
            if is_long(axis) && bytes(side) / batches.max(1) >= limits.min_operand {
                seeds.push(Seed { inst, axis });
            }
        }
    }
    seeds
}

/// The cluster around a seed; `None` if something needs one of its large values as a whole.
pub(super) fn around(function: &Function, seed: Seed, limits: &Limits) -> Option<Cluster> {
    let &[out] = function.inst_results(seed.inst) else { return None };
    let mut users: SecondaryMap<Value, Vec<Inst>> = SecondaryMap::new();
    for &inst in function.insts() {
        for &arg in function.args(inst) {
            if users[arg].last() != Some(&inst) {
                users[arg].push(inst);
            }
        }
    }
    let ty = function.ty(out);
    let (seed_elements, large) = (ty.elements(), limits.min_bytes / ty.dtype.bytes() / SMALL);
    let extent = function.ty(out).shape.extent(seed.axis)?;
    let cluster = Cluster {
        extent,
        ways: SecondaryMap::new(),
        axis: SecondaryMap::new(),
        cheap: EntitySet::new(),
        exits: EntitySet::new(),
    };
    let mut finder = Finder { function, users, seed_elements, large, cluster, work: Vec::new() };
    finder.mark_cheap();
    finder.include(out, seed.axis)?;
    while let Some(value) = finder.work.pop() {
        finder.follow(value)?;
    }
    Some(finder.cluster)
}

struct Finder<'a> {
    function: &'a Function,
    users: SecondaryMap<Value, Vec<Inst>>,
    /// Elements of the product that the cluster began with.
    seed_elements: usize,
    /// Elements from which on a value is rather computed again than kept, if that is cheap.
    large: usize,
    cluster: Cluster,
    /// Values of the cluster whose users are not looked at yet.
    work: Vec<Value>,
}

impl Finder<'_> {
    /// Whether a value is about as large as the product that the cluster began with, and not as small as its operands.
    fn is_wide(&self, value: Value) -> bool {
        self.function.ty(value).elements() * WIDE >= self.seed_elements
    }

    fn is_large(&self, value: Value) -> bool {
        self.function.ty(value).elements() >= self.large
    }

    /// Notes which large values are made of small ones element by element.
    fn mark_cheap(&mut self) {
        let function = self.function;
        for &inst in function.insts() {
            let &[result] = function.inst_results(inst) else { continue };
            let op = function.op(inst);
            let spreads = matches!(op, Op::Constant(_) | Op::Iota { .. } | Op::Broadcast(_) | Op::Transpose(_));
            let cheap = |&arg: &Value| !self.is_large(arg) || self.cluster.cheap.contains(arg);
            if self.is_large(result) && (spreads || op.is_elementwise()) && function.args(inst).iter().all(cheap) {
                self.cluster.cheap.insert(result);
            }
        }
    }

    /// Has a value computed in blocks along an axis, with what it is computed from where that is large.
    fn include(&mut self, value: Value, axis: usize) -> Option<()> {
        let mut work = vec![(value, axis)];
        while let Some((value, axis)) = work.pop() {
            match self.cluster.axis[value] {
                Some(found) if found == axis => continue,
                Some(_) => return None,
                None => {}
            }
            let function = self.function;
            let inst = function.def_inst(value)?;
            let way = of_result(function, inst, axis)?;
            if self.cluster.ways[inst].is_some() {
                return None;
            }
            self.cluster.axis[value] = Some(axis);
            for (&arg, along) in function.args(inst).iter().zip(&way.operands) {
                if let Some(along) = *along
                    && self.may_include(arg, along)
                {
                    work.push((arg, along));
                }
            }
            self.cluster.ways[inst] = Some(way);
            if !self.cluster.cheap.contains(value) {
                self.work.push(value);
            }
        }
        Some(())
    }

    /// Whether a value can be computed in blocks, and is large enough not to be sliced instead.
    fn may_include(&self, value: Value, axis: usize) -> bool {
        let streams = |inst| of_result(self.function, inst, axis).is_some();
        let worthwhile = self.is_wide(value) || (self.is_large(value) && self.cluster.cheap.contains(value));
        worthwhile && self.function.def_inst(value).is_some_and(streams)
    }

    /// Takes in the users of a value; `None` if one needs it as a whole.
    fn follow(&mut self, value: Value) -> Option<()> {
        let axis = self.cluster.axis[value]?;
        if self.function.results().contains(&value) {
            return None;
        }
        for inst in self.users[value].clone() {
            let args = self.function.args(inst);
            let mut ways = args.iter().enumerate().filter(|&(_, &arg)| arg == value).map(|(index, _)| index);
            let way = from_operand(self.function, inst, ways.next()?, axis)?;
            // Twice the same operand, along the same axis.
            if !ways.all(|index| way.operands.get(index) == Some(&Some(axis))) {
                return None;
            }
            self.take(inst, way)?;
        }
        Some(())
    }

    /// Takes in an instruction that reads a value of the cluster.
    fn take(&mut self, inst: Inst, way: Way) -> Option<()> {
        let function = self.function;
        let &[result] = function.inst_results(inst) else { return None };
        if let Outcome::Axis(axis) = way.result
            && self.is_wide(result)
        {
            return self.include(result, axis);
        }
        if let Some(found) = &self.cluster.ways[inst] {
            return (*found == way).then_some(());
        }
        // It would be carried from block to block, and be larger than what is streamed.
        if self.is_wide(result) {
            return None;
        }
        for (&arg, along) in function.args(inst).iter().zip(&way.operands) {
            if let Some(along) = *along
                && self.may_include(arg, along)
            {
                self.include(arg, along)?;
            }
        }
        self.cluster.ways[inst] = Some(way);
        self.cluster.exits.insert(inst);
        Some(())
    }
}
