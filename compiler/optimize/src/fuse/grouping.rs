//! The algorithm behind [`fuse`](super::fuse): one pass from the last instruction to the first.

use std::collections::{BTreeMap, BTreeSet};

use cranelift_entity::packed_option::PackedOption;
use cranelift_entity::{EntitySet, SecondaryMap};
use pullback_ir::{Function, Inst, Op, Origin, Shape, Value};

use super::access::{Role, cost, reads_memory, role, viewed, wants_own_loop};
use super::consumers::{Consumer, Place, Places, Site, Sites};
use super::regions::{Group, Regions};
use super::{Decision, FuseOptions, Fusion, MAX_MEMBERS, Plan, RegionKind, Uses, Verdict, result};
use crate::pass::Error;

/// Lowering recurses over values that are not stored; a longer chain of them is cut by a store.
const MAX_CHAIN: u32 = 96;

/// The most operations in a row that are evaluated anew in each region that needs them.
const MAX_RECOMPUTED: u32 = 4;

/// A view that has this many times the bytes of what it is a view of costs nothing to read: what it reads stays in a cache.
const MIN_BROADCAST: usize = 8;

/// The most cheap operations in a row that may be evaluated more than once per position.
const MAX_REPEATED: u32 = 4;

/// The most arrays that a region may read. Each takes a register for its address and a stream of the prefetcher, and stays in memory until the region
/// runs: without a bound, the sum of a weight's gradients over all steps of a loop would keep one gradient per step.
const MAX_READS: usize = 24;

/// Reductions may be nested this deep in a region: each level has a main loop and loops for remainders, whose number multiplies.
const MAX_FOLDS: u32 = 2;

pub(super) struct Grouping<'a> {
    pub(super) function: &'a Function,
    options: FuseOptions,
    pub(super) uses: Uses,
    pub(super) regions: Regions,
    pub(super) group_of: SecondaryMap<Inst, PackedOption<Group>>,
    pub(super) places: Places,
    pub(super) sites: Sites,
    pub(super) recomputed: EntitySet<Inst>,
    stored: EntitySet<Value>,
    /// Length of the longest chain of values that are not stored, from a value towards what is stored.
    chain: SecondaryMap<Value, u32>,
    /// The most operations in a row, from a value towards what is placed, that are evaluated anew in each region.
    anew: SecondaryMap<Value, u32>,
    decisions: Vec<Decision>,
}

impl<'a> Grouping<'a> {
    pub(super) fn new(function: &'a Function, options: FuseOptions) -> Self {
        Self {
            function,
            options,
            uses: Uses::new(function),
            regions: Regions::new(),
            group_of: SecondaryMap::new(),
            places: Places::new(),
            sites: Sites::default(),
            recomputed: EntitySet::new(),
            stored: EntitySet::new(),
            chain: SecondaryMap::new(),
            anew: SecondaryMap::new(),
            decisions: Vec::new(),
        }
    }

    pub(super) fn run(mut self) -> Result<Plan, Error> {
        for &inst in self.function.insts().iter().rev() {
            if let Some(value) = result(self.function, inst)
                && self.is_live(inst)
            {
                if let Op::TransposeRule { .. } = self.function.op(inst) {
                    return Err(pushed_forward(self.function, inst));
                }
                self.place(inst, value);
            }
        }
        self.decisions.reverse();
        let regions =
            self.regions.in_order().ok_or_else(|| Error::bug("fuse", "regions depend on each other in a cycle"))?;
        let (tiles, nested) = (Vec::new(), BTreeMap::new());
        let cutting = self.options.cutting;
        Ok(Plan { regions, tiles, cutting, stored: self.stored, decisions: self.decisions, nested })
    }

    fn place(&mut self, inst: Inst, value: Value) {
        match role(self.function, inst) {
            Role::Free => self.place_free(inst, value),
            Role::Elementwise | Role::Gathering | Role::Reducing => self.place_member(inst, value),
            Role::Assembling if self.function.inst_results(inst).len() > 1 => {
                self.start_whole(inst, RegionKind::Assemble(inst), "what is sorted together is stored together");
            }
            Role::Assembling => {
                self.start(inst, value, RegionKind::Assemble(inst), "it is written in parts");
            }
            Role::Contraction => {
                self.start(inst, value, RegionKind::Contraction(inst), "a contraction for the packed kernel");
            }
            Role::Control => self.start_whole(inst, RegionKind::Control(inst), "control flow works in memory"),
            Role::Alias | Role::Array | Role::Call => {}
        }
    }

    /// A free value is stored only for those that need it in memory.
    fn place_free(&mut self, inst: Inst, value: Value) {
        let chain = self.chain_above(value);
        if self.is_demanded(value) || chain >= MAX_CHAIN {
            self.start(inst, value, RegionKind::Loop, "needed in memory");
        } else {
            self.chain[value] = chain;
            self.anew[value] = self.anew_above(value);
        }
    }

    fn place_member(&mut self, inst: Inst, value: Value) {
        if self.options.kinds == Fusion::Off {
            return self.start(inst, value, RegionKind::Loop, "fusion is off");
        }
        if self.options.kinds < Fusion::Reductions && self.is_reducing(inst) {
            return self.start(inst, value, RegionKind::Loop, "fusion of reductions is off");
        }
        if let Some(reason) = wants_own_loop(self.function, inst) {
            return self.start(inst, value, RegionKind::Loop, reason);
        }
        let demanded = self.is_demanded(value);
        let consumers = self.consumers(value);
        self.merge_consumers(value, &consumers);
        let consumers = self.renamed(consumers);
        let groups = groups_of(&consumers);
        if let (false, &[group]) = (demanded, &groups[..]) {
            return match self.reason_to_store(inst, value, group, &consumers) {
                None => self.fuse_into(inst, value, group, consumers[0].place),
                Some(reason) => self.store(inst, value, &consumers, reason),
            };
        }
        if !demanded && self.pays_to_recompute(inst, value, &consumers) {
            self.recomputed.insert(inst);
            self.chain[value] = self.chain_above(value);
            self.anew[value] = 1 + self.anew_above(value);
            return self.decide(value, Verdict::Recomputed, "cheaper to compute again than to store and load");
        }
        let reason = if demanded { "needed in memory" } else { "its consumers are in several regions" };
        self.store(inst, value, &consumers, reason);
    }

    /// Why a value whose consumers are all in `group` cannot stay in its registers, if so.
    fn reason_to_store(&self, inst: Inst, value: Value, group: Group, consumers: &[Consumer]) -> Option<&'static str> {
        let data = self.regions.get(group);
        let reduces = self.is_reducing(inst);
        let Place { site, .. } = consumers[0].place;
        let repeated = consumers.iter().map(|c| c.place.repeated).max().unwrap_or(0);
        if matches!(data.kind, RegionKind::Contraction(_)) {
            Some("the packed kernel reads it from memory")
        } else if self.reads_memory_alone(group) {
            Some("fusion of reductions is off")
        } else if data.members.len() >= MAX_MEMBERS {
            Some("the region is full")
        } else if data.reads.len() + self.reads(inst).count() > MAX_READS + 1 {
            Some("the region reads many arrays")
        } else if self.chain_above(value) >= MAX_CHAIN {
            Some("the chain of values that are not stored is long")
        } else if consumers.iter().any(|consumer| consumer.place.site != site) {
            Some("it is read at several positions")
        } else if consumers.iter().any(|consumer| consumer.often)
            || repeated > if self.is_cheap(inst) { MAX_REPEATED } else { 0 }
        {
            Some("each position is needed many times")
        } else if repeated > 0 && self.follows_reduction(inst) {
            Some("each position is needed many times, and what it is computed from is stored otherwise")
        } else if reduces && consumers.iter().any(|consumer| consumer.place.folds >= MAX_FOLDS) {
            Some("reductions are nested deep enough")
        } else if reduces && matches!(data.kind, RegionKind::Assemble(_)) && self.folds_much(inst) {
            Some("what it folds may be at hand elsewhere")
        } else {
            None
        }
    }

    /// Whether an instruction is the end of a chain of elementwise operations, one element each, on a reduction that nothing else reads. One of them has to be stored where positions are
    /// needed many times, and this one is as large.
    fn follows_reduction(&self, inst: Inst) -> bool {
        let mut at = inst;
        while role(self.function, at) == Role::Elementwise {
            let mut reads = self.reads(at);
            let (Some(operand), None) = (reads.next(), reads.next()) else { return false };
            let Some(def) = self.function.def_inst(operand).filter(|_| self.uses.by[operand].len() == 1) else {
                return false;
            };
            at = def;
        }
        self.is_reducing(at)
    }

    /// Makes one region of the regions that read a value at exactly their outputs' positions and do not depend on each other: they then share the
    /// value, and their loops.
    fn merge_consumers(&mut self, value: Value, consumers: &[Consumer]) {
        let shape = &self.function.ty(value).shape;
        let mut merged: Vec<Group> = Vec::new();
        for group in groups_of(consumers) {
            let data = self.regions.get(group);
            // A reduction may want other loops than its neighbours: the lanes of a region are those of all its members.
            let fits = data.kind == RegionKind::Loop && data.domain == *shape && !data.reduces;
            if !fits || !reads_at_domain(consumers, group) {
                continue;
            }
            let home = merged.iter().copied().find(|&home| {
                self.regions.get(home).members.len() + data.members.len() < MAX_MEMBERS
                    && self.regions.get(home).reads.len() + data.reads.len() <= MAX_READS
                    && !self.regions.reaches(home, group)
                    && !self.regions.reaches(group, home)
            });
            match home {
                Some(home) => self.regions.merge(group, home),
                None => merged.push(group),
            }
        }
    }

    fn renamed(&self, mut consumers: Vec<Consumer>) -> Vec<Consumer> {
        for consumer in &mut consumers {
            consumer.group = self.regions.find(consumer.group);
        }
        consumers
    }

    /// Stores a value, as a further output of a consumer's region if that is possible.
    fn store(&mut self, inst: Inst, value: Value, consumers: &[Consumer], reason: &'static str) {
        let readers = self.readers(value, consumers);
        let shape = &self.function.ty(value).shape;
        let home = groups_of(consumers).into_iter().find(|&group| {
            let data = self.regions.get(group);
            data.kind == RegionKind::Loop
                && data.domain == *shape
                && data.members.len() < MAX_MEMBERS
                && data.reads.len() + self.reads(inst).count() <= MAX_READS + 1
                && reads_at_domain(consumers, group)
                && !readers.iter().any(|&other| other != group && self.regions.reaches(other, group))
                && !self.is_read_as_alias(value, group)
        });
        match home {
            Some(group) => {
                self.add(inst, value, group, Place::default());
                self.add_output(value, group, &readers);
                self.decide(value, Verdict::FusedOutput, reason);
            }
            None => self.start(inst, value, RegionKind::Loop, reason),
        }
    }

    /// Starts a region with an instruction that stores all its results, read or not.
    fn start_whole(&mut self, inst: Inst, kind: RegionKind, reason: &'static str) {
        let function = self.function;
        let group = self.regions.start(kind, Shape::scalar(), inst);
        self.group_of[inst] = group.into();
        for &value in function.inst_results(inst).iter().rev() {
            let consumers = self.consumers(value);
            let readers = self.readers(value, &consumers);
            self.add_output(value, group, &readers);
            self.decide(value, Verdict::Stored, reason);
        }
        let reads: Vec<Value> = self.reads(inst).collect();
        if let Some(value) = result(function, inst) {
            self.regions.add(group, inst, false, value, reads.into_iter());
        }
        self.places[inst] = Place::default();
    }

    fn start(&mut self, inst: Inst, value: Value, kind: RegionKind, reason: &'static str) {
        let consumers = self.consumers(value);
        let readers = self.readers(value, &consumers);
        let group = self.regions.start(kind, self.function.ty(value).shape.clone(), inst);
        self.add(inst, value, group, Place::default());
        self.add_output(value, group, &readers);
        self.decide(value, Verdict::Stored, reason);
    }

    fn fuse_into(&mut self, inst: Inst, value: Value, group: Group, place: Place) {
        self.chain[value] = self.chain_above(value);
        self.add(inst, value, group, place);
        self.decide(value, Verdict::Fused, "all its consumers are in this region");
    }

    fn add(&mut self, inst: Inst, value: Value, group: Group, place: Place) {
        let reads: Vec<Value> = self.reads(inst).collect();
        self.regions.add(group, inst, self.is_reducing(inst), value, reads.into_iter());
        self.group_of[inst] = group.into();
        self.places[inst] = place;
    }

    /// The operands of an instruction that may have to be read from memory.
    fn reads(&self, inst: Inst) -> impl Iterator<Item = Value> + '_ {
        let from_memory = |arg: &Value| {
            let def = self.function.def_inst(*arg).map(|def| self.function.op(def));
            !matches!(def, Some(Op::Iota { .. }))
                && !matches!(def, Some(Op::Constant(literal)) if literal.as_splat().is_some())
        };
        self.function.args(inst).iter().copied().filter(from_memory)
    }

    fn add_output(&mut self, value: Value, group: Group, readers: &[Group]) {
        self.regions.add_output(group, value, readers);
        self.stored.insert(value);
    }

    fn decide(&mut self, value: Value, verdict: Verdict, reason: &'static str) {
        self.decisions.push(Decision { value, verdict, reason });
    }

    fn is_reducing(&self, inst: Inst) -> bool {
        role(self.function, inst) == Role::Reducing
    }

    /// Whether what a reduction folds is worth being read where others read it, tile by tile: a region that is written in parts runs along what it stores, and cannot fold a tile.
    fn folds_much(&self, inst: Inst) -> bool {
        let operands = self.function.args(inst).iter();
        operands.map(|&value| self.function.ty(value).bytes()).sum::<usize>() >= self.options.cutting.min_saved
    }

    /// Whether a region is a reduction that takes nothing in, because fusion of reductions is off.
    fn reads_memory_alone(&self, group: Group) -> bool {
        self.options.kinds < Fusion::Reductions && self.regions.get(group).reduces
    }

    /// Whether evaluating it again costs about as much as loading it.
    fn is_cheap(&self, inst: Inst) -> bool {
        role(self.function, inst) == Role::Elementwise && cost(self.function.op(inst)) <= 1
    }

    /// Whether the caller, an alias or a contraction needs the value in memory.
    fn is_demanded(&self, value: Value) -> bool {
        self.uses.returned.contains(value)
            || self.uses.by[value].iter().any(|&user| match role(self.function, user) {
                Role::Alias | Role::Control => self.is_live(user),
                Role::Contraction => self.is_live(user) && viewed(self.function, value).is_none(),
                Role::Assembling => self.is_live(user) && reads_memory(self.function, user, value),
                Role::Free | Role::Elementwise | Role::Gathering | Role::Reducing | Role::Array | Role::Call => false,
            })
    }

    pub(super) fn is_live(&self, inst: Inst) -> bool {
        let mut results = self.function.inst_results(inst).iter();
        results.any(|&value| !self.uses.by[value].is_empty() || self.uses.returned.contains(value))
    }

    /// The length of the chain of values that are not stored if this one is not.
    fn chain_above(&self, value: Value) -> u32 {
        let users = self.uses.by[value].iter().filter_map(|&user| result(self.function, user));
        1 + users.map(|result| self.chain[result]).max().unwrap_or(0)
    }

    /// The same for operations that are evaluated anew in each region.
    fn anew_above(&self, value: Value) -> u32 {
        let users = self.uses.by[value].iter().filter_map(|&user| result(self.function, user));
        users.map(|result| self.anew[result]).max().unwrap_or(0)
    }

    /// Whether regions that need a value had better compute it again than load it, all things counted in bytes.
    fn pays_to_recompute(&self, inst: Inst, value: Value, consumers: &[Consumer]) -> bool {
        let groups = groups_of(consumers);
        if !self.is_cheap(inst)
            || self.anew_above(value) >= MAX_RECOMPUTED
            || self.chain_above(value) >= MAX_CHAIN
            || groups.iter().any(|&group| self.reads_memory_alone(group))
        {
            return false;
        }
        // Where a position is needed many times, each is a load if the value is stored, and all that is computed anew if it is not.
        let repeats = consumers.iter().any(|consumer| consumer.often || consumer.place.repeated > 0);
        if repeats && self.anew_above(value) > 0 {
            return false;
        }
        if self.is_of_one_value(inst) {
            return true;
        }
        // A mask in registers has the width of what was compared; it is narrowed to be stored and widened to be used.
        let ty = self.function.ty(value);
        let widths = self.function.args(inst).iter().map(|&arg| self.function.ty(arg).dtype.bytes());
        let bytes = ty.elements() * widths.chain([ty.dtype.bytes()]).max().unwrap_or(1);
        let bases: BTreeSet<Value> = self.bases(inst).collect();
        let sizes = bases.iter().map(|&base| self.function.ty(base).bytes().min(bytes));
        let small = |base: Value| self.function.ty(base).bytes() <= bytes / MIN_BROADCAST;
        // What is in registers of one region now would have to be stored for the others: the same is lost as is won.
        let at_most_one_lost = bases.iter().filter(|&&base| !small(base) && !self.is_in_memory(base)).count() <= 1;
        let (operands, regions) = (sizes.sum::<usize>(), groups.len());
        !repeats && at_most_one_lost && regions * operands <= (regions + 1) * bytes + operands
    }

    /// The values that the operands of an instruction are views of, but for splats.
    fn bases(&self, inst: Inst) -> impl Iterator<Item = Value> + '_ {
        self.reads(inst).map(|mut value| {
            while let Some(def) = self.function.def_inst(value)
                && role(self.function, def) == Role::Free
                && let Some(&viewed) = self.function.args(def).first()
            {
                value = viewed;
            }
            value
        })
    }

    /// Whether a value is in memory whatever becomes of its consumers.
    fn is_in_memory(&self, value: Value) -> bool {
        self.is_demanded(value)
            || self.function.def_inst(value).is_none_or(|def| match role(self.function, def) {
                Role::Assembling | Role::Contraction | Role::Control | Role::Array => true,
                Role::Free | Role::Elementwise | Role::Gathering | Role::Reducing | Role::Alias | Role::Call => false,
            })
    }

    /// Whether all operands but splats are one value, or cheap operations of it as the mask of a relu is: recomputing then reads no more memory than
    /// reading the result.
    fn is_of_one_value(&self, inst: Inst) -> bool {
        let args = self.function.args(inst);
        args.iter().any(|&source| args.iter().all(|&arg| self.is_made_of(arg, source, MAX_RECOMPUTED)))
    }

    /// Whether a value is a splat, another value or made of these by cheap operations, at most so many in a row.
    fn is_made_of(&self, value: Value, source: Value, steps: u32) -> bool {
        let Some(inst) = self.function.def_inst(value).filter(|_| value != source) else { return value == source };
        if let Op::Constant(literal) = self.function.op(inst) {
            return literal.as_splat().is_some();
        }
        let mut args = self.function.args(inst).iter();
        steps > 1 && self.is_cheap(inst) && args.all(|&arg| self.is_made_of(arg, source, steps - 1))
    }

    /// The regions that read a value, under its own or another shape.
    fn readers(&mut self, value: Value, consumers: &[Consumer]) -> Vec<Group> {
        let mut groups = groups_of(consumers);
        let mut work = vec![value];
        while let Some(value) = work.pop() {
            for alias in self.aliases(value) {
                let consumers = self.consumers(alias);
                groups.extend(groups_of(&consumers));
                work.push(alias);
            }
        }
        groups
    }

    fn aliases(&self, value: Value) -> Vec<Value> {
        let users = self.uses.by[value].iter().filter(|&&user| role(self.function, user) == Role::Alias);
        let pairs = users.flat_map(|&user| self.function.args(user).iter().zip(self.function.inst_results(user)));
        pairs.filter(|&(&operand, _)| operand == value).map(|(_, &alias)| alias).collect()
    }

    /// Whether a region reads a value under another shape: the value is then stored before it begins.
    fn is_read_as_alias(&mut self, value: Value, group: Group) -> bool {
        let aliases = self.aliases(value);
        aliases.into_iter().any(|alias| {
            let consumers = self.consumers(alias);
            groups_of(&consumers).contains(&group) || self.is_read_as_alias(alias, group)
        })
    }
}

/// What runs is neither a transposed rule nor its primal, but its place in a tangent program.
fn pushed_forward(function: &Function, inst: Inst) -> Error {
    let place = match &function.provenance(inst).origin {
        Some(Origin::File { file, line, .. }) => format!(" at {file}:{line}"),
        _ => String::new(),
    };
    let message = "a custom VJP rule cannot be pushed forward: it gives cotangents, no tangents";
    Error::Unsupported(format!("transpose_rule{place}: {message}"))
}

fn groups_of(consumers: &[Consumer]) -> Vec<Group> {
    let mut groups: Vec<Group> = consumers.iter().map(|consumer| consumer.group).collect();
    groups.sort_unstable();
    groups.dedup();
    groups
}

/// Whether all of a region's reads of a value are at the position of its outputs.
fn reads_at_domain(consumers: &[Consumer], group: Group) -> bool {
    consumers.iter().filter(|consumer| consumer.group == group).all(|consumer| consumer.place.site == Site::DOMAIN)
}
