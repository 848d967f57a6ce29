//! Which values share a place in memory.
//!
//! Three questions, answered from the reads of each region:
//!
//! * *Updates.* An operation that changes a part of its operand (an update of a slice, a loop whose state begins as the operand, a branch that
//!   hands it through) needs no copy of it if nobody reads the operand afterwards. Operand and result then share a place; `a` updated to `b` updated to `c`
//!   is a chain, named by its last value, its *head*. A region that computes each element of a value from the element of another at the same position, which nobody reads
//!   afterwards, is an update of all of it.
//! * *Results.* A result is best stored where it is returned. That may be where a parameter is (the state of a loop), so it must not be stored while the parameter is
//!   still read: every read is by an earlier region, or by the same region at the very element that is stored next; at that or one behind it, where
//!   elements are stored in their order. A value that is an update of another keeps to that one's place, unless the result's place is free for it alone.
//!
//! * *Parts* of a concatenation that are stored in it (`parts`) keep their place there, and the concatenation keeps its own.
//!
//! Regions run in the order of the plan, those of a tile group tile by tile; the reads of a region are found by walking from what it stores down to what is in memory, as lowering does.

use std::collections::{BTreeMap, HashSet};

use cranelift_entity::packed_option::PackedOption;
use cranelift_entity::{EntitySet, SecondaryMap};
use pullback_ir::{Function, Inst, Op, Value};
use pullback_optimize::fuse::{FusionRegion, Nested, Plan, RegionKind, Role, role};

use super::buffers::{Location, Places, root};
use super::parts::InPlace;

/// A read of memory by a region.
#[derive(Clone, Copy)]
pub(super) struct Read {
    /// The value read, no alias.
    pub(super) root: Value,
    /// How far behind element `i` of what the region stores the element lies that is read for it, if that is the same for all.
    ahead: Option<i64>,
    /// The operand, where the region's one operation reads it directly.
    operand: Option<usize>,
}

/// What shares a place.
pub(super) struct Reuse {
    /// The last value of the chain of updates that a value is in, if it is not that itself.
    pub(super) heads: SecondaryMap<Value, PackedOption<Value>>,
    /// For each value that is stored where it is returned the positions among the results; at several only if its region can store it several times.
    pub(super) results: BTreeMap<Value, Vec<usize>>,
    /// The values that are stored over what their own region reads.
    pub(super) replacing: EntitySet<Value>,
    /// The parts that are stored in their concatenations.
    pub(super) in_place: Vec<InPlace>,
}

impl Reuse {
    /// `orders` says in which order the axes of values lie in memory, `placed` what has a place that is not to be changed.
    pub(super) fn new(
        function: &Function,
        plan: &Plan,
        places: &Places,
        (orders, placed): (&Orders, &EntitySet<Value>),
    ) -> Self {
        let mut analysis = Analysis::new(function, plan, (orders, placed));
        let in_place = analysis.parts_in_place();
        for InPlace { whole, parts, begins } in &in_place {
            analysis.begins[*whole] = Some(*begins);
            analysis.parts.extend(parts.iter().map(|&(part, _)| part));
        }
        let (heads, first, replacing) = analysis.chains(places);
        let results = analysis.results(places, &heads, &first);
        Self { heads, results, replacing, in_place }
    }
}

/// For each value its axes as they lie in memory, outermost first; empty if they are in order.
pub(super) type Orders = SecondaryMap<Value, Vec<usize>>;

/// From values to others.
type Links = SecondaryMap<Value, PackedOption<Value>>;

/// What is known of a function's values before places are given.
pub(super) struct Analysis<'a> {
    pub(super) function: &'a Function,
    pub(super) plan: &'a Plan,
    pub(super) orders: &'a Orders,
    pub(super) placed: &'a EntitySet<Value>,
    /// The reads of each region.
    pub(super) reads: Vec<Vec<Read>>,
    /// The last region that reads a value, and the region that stores it.
    last_read: SecondaryMap<Value, Option<usize>>,
    pub(super) stored_by: SecondaryMap<Value, Option<usize>>,
    pub(super) returned: EntitySet<Value>,
    /// What is stored as part of a concatenation, and from which region on there is a part in one.
    parts: EntitySet<Value>,
    begins: SecondaryMap<Value, Option<usize>>,
}

impl<'a> Analysis<'a> {
    fn new(function: &'a Function, plan: &'a Plan, (orders, placed): (&'a Orders, &'a EntitySet<Value>)) -> Self {
        let mut last_read = SecondaryMap::new();
        let mut stored_by = SecondaryMap::new();
        let mut reads = Vec::with_capacity(plan.regions.len());
        for (number, region) in plan.regions.iter().enumerate() {
            let found = reads_of(function, plan, region);
            for read in &found {
                last_read[read.root] = Some(number);
            }
            reads.push(found);
            for &value in &region.outputs {
                stored_by[value] = Some(number);
            }
        }
        let mut returned = EntitySet::new();
        returned.extend(function.results().iter().map(|&result| root(function, result)));
        let (parts, begins) = (EntitySet::new(), SecondaryMap::new());
        Self { function, plan, orders, placed, reads, last_read, stored_by, returned, parts, begins }
    }

    /// The chains of updates: for each value in one its head, for each head the first value, and the values that replace all of another.
    fn chains(&self, places: &Places) -> (Links, Links, EntitySet<Value>) {
        let mut replacing = EntitySet::new();
        let (mut heads, mut first) = (Links::new(), Links::new());
        for &inst in self.function.insts().iter().rev() {
            for (position, &value) in self.function.inst_results(inst).iter().enumerate() {
                if self.has_place(value) {
                    continue;
                }
                let head = heads[value].expand().unwrap_or(value);
                let updated = self.updated(inst, position);
                let replaced = || {
                    let begin = first[head].expand().unwrap_or(head);
                    self.replaced(value).filter(|&operand| !self.is_better_returned(head, (begin, operand), places))
                };
                let Some(operand) = updated.or_else(replaced) else { continue };
                // A parameter is where the caller says; whether that is the head's place, `results` finds out.
                if self.stored_by[operand].is_some() && heads[operand].is_none() && self.may_be_updated(operand) {
                    heads[operand] = head.into();
                    first[head] = operand.into();
                    if updated.is_none() {
                        replacing.insert(value);
                    }
                }
            }
        }
        (heads, first, replacing)
    }

    /// The value in whose place the result of an instruction may be stored without a copy: not read in another way there, nor later.
    fn updated(&self, inst: Inst, position: usize) -> Option<Value> {
        let value = *self.function.inst_results(inst).get(position)?;
        let region = self.stored_by[value]?;
        let operand = updated_operand(self.function, self.plan, inst, position)?;
        let target = root(self.function, *self.function.args(inst).get(operand)?);
        let elements = |value| (self.function.ty(value).dtype, self.function.ty(value).elements());
        let mut reads = self.reads[region].iter().filter(|read| read.root == target);
        let only = reads.all(|read| read.operand == Some(operand)) && self.last_read[target] == Some(region);
        let is_dead = only && !self.returned.contains(target) && elements(target) == elements(value);
        is_dead.then_some(target)
    }

    /// The value that a region of one output may store it over, element by element.
    fn replaced(&self, value: Value) -> Option<Value> {
        let number = self.stored_by[value]?;
        let region = &self.plan.regions[number];
        let is_local = |value| self.plan.tiles.iter().any(|group| group.local.contains(value));
        if region.kind != RegionKind::Loop || region.outputs.len() > 1 || self.accumulates(value) || is_local(value) {
            return None;
        }
        // Elements lie in the same order: in that of the shape, or both in the same other one.
        let elements = |value| {
            let (ty, order) = (self.function.ty(value), &self.orders[value]);
            (ty.dtype, ty.elements(), order, (!order.is_empty()).then_some(&ty.shape))
        };
        let reads = &self.reads[number];
        let may_go = |&target: &Value| {
            let is_own = reads.iter().all(|read| read.root != target || read.ahead == Some(0));
            let is_dead = self.last_read[target] == Some(number) && !self.returned.contains(target);
            let is_whole = self.stored_by[target].is_some() && !is_local(target) && !self.accumulates(target);
            is_own
                && is_dead
                && is_whole
                && !self.is_read_between_tiles(target, number)
                && elements(target) == elements(value)
        };
        reads.iter().map(|read| read.root).find(may_go)
    }

    /// Whether a chain that begins with one value can be stored where its head is returned, and could not if it began with another.
    fn is_better_returned(&self, head: Value, (begin, earlier): (Value, Value), places: &Places) -> bool {
        let may_begin = |value: Value, position| {
            self.stored_by[value].is_some_and(|region| self.may_overwrite(value, region, position, places))
        };
        let mut results = self.function.results().iter().enumerate();
        self.returned.contains(head)
            && results.any(|(position, &result)| {
                root(self.function, result) == head && may_begin(begin, position) && !may_begin(earlier, position)
            })
    }

    /// Which values are stored where they are returned.
    fn results(&self, places: &Places, heads: &Links, first: &Links) -> BTreeMap<Value, Vec<usize>> {
        let mut found: BTreeMap<Value, Vec<usize>> = BTreeMap::new();
        for (position, &result) in self.function.results().iter().enumerate() {
            let value = root(self.function, result);
            // A value that is returned is not updated, so it is the head of its chain.
            let is_free = heads[value].is_none() && !self.has_place(value);
            let Some(region) = self.stored_by[value].filter(|_| is_free) else { continue };
            let begin = first[value].expand().unwrap_or(value);
            let begins = self.stored_by[begin].unwrap_or(region);
            if !self.may_overwrite(begin, begins, position, places) {
                continue;
            }
            let positions = found.entry(value).or_default();
            let stores_often = self.plan.regions[region].kind == RegionKind::Loop && !self.accumulates(value);
            if positions.is_empty() || stores_often {
                positions.push(position);
            }
        }
        found
    }

    /// Whether something else may be stored where a value is once nobody reads that. Parts of a concatenation may be read later than the whole.
    fn may_be_updated(&self, value: Value) -> bool {
        !self.has_place(value) && self.begins[value].is_none()
    }

    /// Whether the place of a value is not to be changed.
    fn has_place(&self, value: Value) -> bool {
        self.placed.contains(value) || self.parts.contains(value)
    }

    /// Whether a value is complete only behind its tile group.
    fn accumulates(&self, value: Value) -> bool {
        let mut axes = self.plan.tiles.iter().filter_map(|group| group.axes.get(&value));
        axes.any(|axes| axes.iter().any(Option::is_none))
    }

    /// Whether another region of a region's tile group reads a value: it runs for a tile after the region ran for those before.
    fn is_read_between_tiles(&self, value: Value, region: usize) -> bool {
        let group = self.plan.tiles.iter().find(|group| group.regions.contains(&region));
        let others = group.into_iter().flat_map(|group| group.regions.clone()).filter(|&other| other != region);
        others.into_iter().any(|other| self.reads[other].iter().any(|read| read.root == value))
    }

    /// Whether the place of a result may be stored to from the region on that stores `begin`.
    fn may_overwrite(&self, begin: Value, region: usize, position: usize, places: &Places) -> bool {
        let place = &places.results[position];
        let elements = |value| self.function.ty(value).elements();
        // Rows of a stack are apart.
        let meets = |&(&param, at): &(&Value, &Location)| {
            let distance = at.offset.plus(&place.offset, -1);
            let size = elements(param).max(elements(self.function.results()[position]));
            at.buffer == place.buffer && (!distance.terms.is_empty() || distance.offset.unsigned_abs() < size as u64)
        };
        let params = self.function.params().iter().zip(&places.params);
        params.filter(meets).all(|(&param, at)| {
            if let Some(begins) = self.begins[begin] {
                return self.last_read[param].is_none_or(|last| last < begins) && !self.returned.contains(param);
            }
            let read_behind = self.last_read[param].is_some_and(|last| last > region);
            if read_behind || self.returned.contains(param) || self.is_read_between_tiles(param, region) {
                return false;
            }
            let inst = self.function.def_inst(begin);
            let update = inst.and_then(|inst| {
                let result = self.function.inst_results(inst).iter().position(|&value| value == begin)?;
                updated_operand(self.function, self.plan, inst, result)
            });
            let kind = self.plan.regions[region].kind;
            // Several axes need not run in their order, nor tiles.
            let is_tiled = self.plan.tiles.iter().any(|group| group.regions.contains(&region));
            let in_order = self.function.ty(begin).rank() <= 1 && !is_tiled;
            let mut reads = self.reads[region].iter().filter(|read| read.root == param);
            reads.all(|read| {
                let is_update = update.is_some() && read.operand == update;
                let is_gone = match (kind, read.ahead) {
                    (RegionKind::Loop, Some(0)) => true,
                    (RegionKind::Loop | RegionKind::Assemble(_), Some(ahead)) => in_order && ahead >= 0,
                    (_, _) => false,
                };
                at == place && (is_update || is_gone)
            })
        })
    }
}

/// The operand whose elements a result begins as, if the instruction can change them where they are.
fn updated_operand(function: &Function, plan: &Plan, inst: Inst, position: usize) -> Option<usize> {
    match function.op(inst) {
        Op::Scan(spec) => (position < spec.carry).then_some(spec.consts + position),
        Op::While(spec) => Some(spec.consts + position),
        Op::Cond | Op::Switch => {
            let cases = plan.nested.get(&inst)?;
            cases.iter().find_map(|case| passed_on(case, position)).map(|param| 1 + param)
        }
        op => super::assemble::updated_operand(op),
    }
}

/// The parameter that a region yields at a position, as it is or updated.
fn passed_on(case: &Nested, position: usize) -> Option<usize> {
    let Nested { function, plan } = case;
    let mut value = root(function, *function.results().get(position)?);
    while let Some(inst) = function.def_inst(value) {
        let result = function.inst_results(inst).iter().position(|&result| result == value)?;
        let operand = updated_operand(function, plan, inst, result)?;
        value = root(function, *function.args(inst).get(operand)?);
    }
    function.params().iter().position(|&param| param == value)
}

/// What a region reads from memory.
fn reads_of(function: &Function, plan: &Plan, region: &FusionRegion) -> Vec<Read> {
    let mut walk = Walk { function, plan, own: EntitySet::new(), seen: HashSet::new(), reads: Vec::new() };
    for &inst in &region.members {
        walk.own.extend(function.inst_results(inst).iter().copied());
    }
    match region.kind {
        RegionKind::Loop => region.outputs.iter().for_each(|&output| walk.value(output, Some(0), None)),
        RegionKind::Assemble(inst) if matches!(function.op(inst), Op::Concatenate { .. }) => walk.parts(inst),
        RegionKind::Assemble(inst) | RegionKind::Contraction(inst) | RegionKind::Control(inst) => {
            for (operand, &arg) in function.args(inst).iter().enumerate() {
                match (function.op(inst), operand) {
                    (Op::DynamicUpdateSlice, 1) => walk.update(inst, arg),
                    (_, _) => walk.value(arg, None, Some(operand)),
                }
            }
        }
    }
    walk.reads
}

struct Walk<'a> {
    function: &'a Function,
    plan: &'a Plan,
    own: EntitySet<Value>,
    /// What was walked, and how far ahead.
    seen: HashSet<(Value, Option<i64>)>,
    reads: Vec<Read>,
}

impl Walk<'_> {
    /// The value that a value is read from memory as, if it is.
    fn in_memory(&self, value: Value) -> Option<Value> {
        let root = root(self.function, value);
        let stored = self.function.def_inst(root).is_none_or(|inst| {
            self.plan.stored.contains(root) && !self.own.contains(root) || role(self.function, inst) == Role::Array
        });
        (stored || root != value).then_some(root)
    }

    /// What the update of a slice reads. An element of that very slice is read for the element that is stored over it, so it counts as the operand's.
    fn update(&mut self, inst: Inst, value: Value) {
        let function = self.function;
        let def = function.def_inst(value).filter(|_| self.in_memory(value).is_none());
        let Some(def) = def else { return self.value(value, None, Some(1)) };
        let (args, updated) = (function.args(def), function.args(inst));
        match function.op(def) {
            Op::DynamicSlice(shape)
                if args[0] == updated[0] && args[1..] == updated[2..] && **shape == function.ty(updated[1]).shape =>
            {
                self.value(args[0], None, Some(0));
            }
            _ if role(function, def) == Role::Elementwise => {
                // What was walked from here before was walked in this way: an update is read by its own region alone.
                if self.seen.insert((value, Some(0))) {
                    args.iter().for_each(|&arg| self.update(inst, arg));
                }
            }
            _ => self.value(value, None, None),
        }
    }

    /// What a concatenation reads: of a vector each part for elements from where it begins on.
    fn parts(&mut self, inst: Inst) {
        let mut start = 0;
        for (operand, &part) in self.function.args(inst).iter().enumerate() {
            let ty = self.function.ty(part);
            self.value(part, (ty.rank() == 1).then_some(-start), Some(operand));
            start += ty.elements() as i64;
        }
    }

    /// The recursion is bounded as lowering's is.
    fn value(&mut self, value: Value, ahead: Option<i64>, operand: Option<usize>) {
        let function = self.function;
        if let Some(root) = self.in_memory(value) {
            self.reads.push(Read { root, ahead, operand });
            return;
        }
        let Some(inst) = function.def_inst(value) else { return };
        if self.seen.insert((value, ahead)) {
            let args = function.args(inst);
            let ahead = match function.op(inst) {
                // One that is no alias has the same order of elements.
                Op::Reshape(_) => ahead,
                Op::Slice(spec) if spec.start.len() == 1 && spec.stride[0] == 1 => {
                    ahead.map(|ahead| ahead + spec.start[0] as i64)
                }
                _ => ahead.filter(|_| role(function, inst) == Role::Elementwise),
            };
            for &arg in args {
                self.value(arg, ahead, None);
            }
        }
    }
}
