//! A model of memory: which values take how many bytes in which step.
//!
//! A step is a region of the plan. The regions of a tile group run again for each tile, so what passes into the group or out of it is there during all of it; of what stays
//! within it there is a block, which is there from the region that stores it to the last that reads it. The model leaves out what only lowering knows (gaps between buffers, values that share a place, the size
//! of tiles, how many workers have some), so it compares ways to run a program and does not say how much memory one needs.

use std::collections::BTreeMap;
use std::ops::Range;

use cranelift_entity::packed_option::PackedOption;
use cranelift_entity::{EntitySet, SecondaryMap, entity_impl};
use pullback_ir::{Function, Inst, Op, Value};

use crate::fuse::{Plan, RegionKind, Role, aliased, cost, role};

/// A stored value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Item(u32);
entity_impl!(Item, "item");

/// What is known of a stored value.
pub(super) struct Stored {
    pub(super) value: Value,
    /// What it takes of the arena: nothing if it is where it is returned.
    pub(super) bytes: usize,
    /// Whether only a block of it exists, in a tile group.
    is_block: bool,
    /// Whether the caller gets it, so that it is there to the end.
    pub(super) is_returned: bool,
    /// The step that stores it.
    pub(super) step: usize,
    /// The last step that reads it; the one that stores it if none does.
    pub(super) last: usize,
    /// How to compute it again; `None` if it cannot be.
    pub(super) again: Option<Again>,
}

/// What it takes to compute a value again.
pub(super) struct Again {
    /// The stored values that it is computed from.
    pub(super) from: Vec<Item>,
    /// In units of simple arithmetic.
    pub(super) work: u64,
}

/// The stored values of a function and the steps that read them.
pub(super) struct Model {
    pub(super) items: Vec<Stored>,
    /// What each step reads, in order.
    pub(super) reads: Vec<Vec<Item>>,
    /// What each step takes for itself.
    own: Vec<usize>,
    /// The steps of the tile group that each step is in, or of that alone.
    groups: Vec<Range<usize>>,
}

impl Model {
    pub(super) fn new(function: &Function, plan: &Plan) -> Self {
        let mut item_of: SecondaryMap<Value, PackedOption<Item>> = SecondaryMap::new();
        let mut items = Vec::new();
        let mut returned = EntitySet::new();
        returned.extend(function.results().iter().map(|&result| root(function, result)));
        let blocks = blocks(function, plan);
        for (step, region) in plan.regions.iter().enumerate() {
            for &value in &region.outputs {
                let bytes = match blocks.get(&value) {
                    Some(&bytes) => bytes,
                    None if returned.contains(value) => 0,
                    None => bytes_of(function, value),
                };
                let (is_block, is_returned) = (blocks.contains_key(&value), returned.contains(value));
                item_of[value] = Item(items.len() as u32).into();
                items.push(Stored { value, bytes, is_block, is_returned, step, last: step, again: None });
            }
        }
        let count = plan.regions.len();
        let mut groups: Vec<Range<usize>> = (0..count).map(|step| step..step + 1).collect();
        for group in &plan.tiles {
            groups[group.regions.clone()].fill(group.regions.clone());
        }
        let mut model = Self { items, reads: vec![Vec::new(); count], own: vec![0; count], groups };
        let walk = Walk { function, item_of };
        for (step, region) in plan.regions.iter().enumerate() {
            model.reads[step].extend(walk.read_by(&region.members));
            if let RegionKind::Control(inst) = region.kind {
                let nested = plan.nested.get(&inst).into_iter().flatten();
                let peaks = nested.map(|nested| Self::new(&nested.function, &nested.plan).peak().1);
                model.own[step] = peaks.max().unwrap_or(0);
            }
        }
        for (step, reads) in model.reads.iter_mut().enumerate() {
            reads.sort_unstable();
            reads.dedup();
            for &item in reads.iter() {
                let stored = &mut model.items[item.0 as usize];
                stored.last = stored.last.max(step);
            }
        }
        for stored in &mut model.items {
            stored.again = walk.again(stored.value);
        }
        model
    }

    pub(super) fn item(&self, item: Item) -> &Stored {
        &self.items[item.0 as usize]
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (Item, &Stored)> {
        self.items.iter().enumerate().map(|(number, stored)| (Item(number as u32), stored))
    }

    /// The step in which most is taken, the first if there are several, and how much.
    pub(super) fn peak(&self) -> (usize, usize) {
        self.peak_of(self.items.iter().map(|stored| (stored, stored.step, stored.last)))
    }

    /// The same for values that are there from a step to another.
    fn peak_of<'a>(&self, lives: impl Iterator<Item = (&'a Stored, usize, usize)>) -> (usize, usize) {
        let mut change = vec![(0usize, 0usize); self.own.len() + 1];
        for (stored, first, last) in lives {
            let whole = (self.groups[first].start, self.groups[last].end);
            let (begin, end) = if stored.is_block { (first, last + 1) } else { whole };
            change[begin].0 += stored.bytes;
            change[end].1 += stored.bytes;
        }
        let (mut now, mut most) = (0, (0, 0));
        for (step, (&own, (begin, end))) in self.own.iter().zip(change).enumerate() {
            now = now + begin - end;
            if now + own > most.1 {
                most = (step, now + own);
            }
        }
        most
    }

    /// The peak and the work if `again` are computed a second time behind a step.
    pub(super) fn without(&self, again: &EntitySet<Item>, behind: usize) -> (usize, u64) {
        // The second life of each value, and the last read of what is kept.
        let mut second: BTreeMap<Item, (usize, usize)> = BTreeMap::new();
        let mut last: Vec<usize> = self.items.iter().map(|stored| stored.last).collect();
        let mut work = 0;
        for (step, reads) in self.reads.iter().enumerate().skip(behind + 1) {
            let mut needed = reads.clone();
            while let Some(item) = needed.pop() {
                let stored = self.item(item);
                if !again.contains(item) {
                    let last = &mut last[item.0 as usize];
                    *last = (*last).max(step);
                } else if let Some(life) = second.get_mut(&item) {
                    life.1 = step;
                } else {
                    second.insert(item, (step, step));
                    let how = stored.again.as_ref();
                    work += how.map_or(0, |again| again.work);
                    needed.extend(how.map_or(&[][..], |again| &again.from));
                }
            }
        }
        for item in again.iter() {
            let early = self.reads.iter().take(behind + 1).rposition(|reads| reads.binary_search(&item).is_ok());
            last[item.0 as usize] = early.unwrap_or(self.item(item).step);
        }
        let first = self.all().map(|(item, stored)| (stored, stored.step, last[item.0 as usize]));
        let second = second.iter().map(|(&item, &(first, last))| (self.item(item), first, last));
        (self.peak_of(first.chain(second)).1, work)
    }
}

/// The bytes of a tile's block of each value of which there is no more: together what a tile may have.
fn blocks(function: &Function, plan: &Plan) -> BTreeMap<Value, usize> {
    let mut blocks = BTreeMap::new();
    for group in &plan.tiles {
        let all: usize = group.local.iter().map(|value| bytes_of(function, value)).sum();
        let share = (plan.cutting.contraction_tile as f64 / all.max(1) as f64).min(1.0);
        blocks.extend(group.local.iter().map(|value| (value, (bytes_of(function, value) as f64 * share) as usize)));
    }
    blocks
}

fn bytes_of(function: &Function, value: Value) -> usize {
    let ty = function.ty(value);
    ty.elements() * ty.dtype.bytes()
}

/// The value in whose memory a value is: itself, unless it is an alias.
pub(super) fn root(function: &Function, mut value: Value) -> Value {
    while let Some(operand) = aliased(function, value) {
        value = operand;
    }
    value
}

/// Whether a value is in memory without being stored by a region.
pub(super) fn is_given(function: &Function, value: Value) -> bool {
    function.def_inst(value).is_none_or(|inst| role(function, inst) == Role::Array)
}

struct Walk<'a> {
    function: &'a Function,
    item_of: SecondaryMap<Value, PackedOption<Item>>,
}

impl Walk<'_> {
    /// The stored values that instructions read, but for their own.
    fn read_by(&self, members: &[Inst]) -> Vec<Item> {
        let mut own = EntitySet::new();
        own.extend(members.iter().copied());
        let mut found = Vec::new();
        let mut work: Vec<Value> = members.iter().flat_map(|&inst| self.function.args(inst)).copied().collect();
        let mut seen = EntitySet::new();
        while let Some(value) = work.pop() {
            let value = root(self.function, value);
            let Some(inst) = self.function.def_inst(value).filter(|_| seen.insert(value)) else { continue };
            if own.contains(inst) || is_given(self.function, value) {
                continue;
            }
            match self.item_of[value].expand() {
                Some(item) => found.push(item),
                None => work.extend(self.function.args(inst)),
            }
        }
        found
    }

    /// How to compute a stored value again.
    fn again(&self, value: Value) -> Option<Again> {
        let function = self.function;
        let mut again = Again { from: Vec::new(), work: 0 };
        let mut pending = vec![function.def_inst(value)?];
        let mut seen = EntitySet::new();
        while let Some(inst) = pending.pop() {
            if !seen.insert(inst) {
                continue;
            }
            if matches!(role(function, inst), Role::Control | Role::Call) || function.inst_results(inst).len() != 1 {
                return None;
            }
            again.work += work(function, inst);
            for &arg in function.args(inst) {
                let arg = root(function, arg);
                match (self.item_of[arg].expand(), function.def_inst(arg)) {
                    (Some(item), _) => again.from.push(item),
                    (None, Some(inst)) if !is_given(function, arg) => pending.push(inst),
                    (None, _) => {}
                }
            }
        }
        again.from.sort_unstable();
        again.from.dedup();
        Some(again)
    }
}

/// The work of an instruction, in units of simple arithmetic.
fn work(function: &Function, inst: Inst) -> u64 {
    let args = function.args(inst);
    let elements = |value: Value| function.ty(value).elements() as u64;
    let positions: u64 = function.inst_results(inst).iter().map(|&result| elements(result)).sum();
    match role(function, inst) {
        Role::Free | Role::Alias | Role::Array => 0,
        Role::Elementwise | Role::Gathering => positions.saturating_mul(u64::from(cost(function.op(inst)).max(1))),
        Role::Reducing | Role::Contraction => match (function.op(inst), args) {
            (Op::Dot(dims), &[x, _]) => {
                let contracted = dims.lhs_contract.iter().filter_map(|&axis| function.ty(x).shape.extent(axis));
                positions.saturating_mul(contracted.map(|extent| extent as u64).product())
            }
            (_, _) => args.iter().map(|&arg| elements(arg)).sum(),
        },
        Role::Assembling => args.iter().map(|&arg| elements(arg)).sum::<u64>().saturating_add(positions),
        Role::Control | Role::Call => u64::MAX >> 20,
    }
}
