//! Parts of concatenations that are stored where they lie in them.
//!
//! Fusion says which parts may be ([`parts_in_place`]); here they get their places. The memory of a concatenation is in use from the first of its parts on, so they have to be most of
//! it. And the region of a part must read nothing else of the concatenation, so that nothing is stored to a buffer that is read at the same time.
//! Parts may be read when the whole is no longer: nothing takes the whole's place.

use cranelift_entity::EntitySet;
use pullback_ir::{Inst, Op, Value};
use pullback_optimize::fuse::{Plan, RegionKind, TileGroup, parts_in_place};

use super::reuse::Analysis;

/// A concatenation with parts that are stored in it.
pub(super) struct InPlace {
    pub(super) whole: Value,
    /// The parts, no aliases, and where each begins.
    pub(super) parts: Vec<(Value, usize)>,
    /// The first region that stores one, or that runs tile by tile with it.
    pub(super) begins: usize,
}

/// The group that a region is tiled in; groups are in the order of their regions.
pub(super) fn group_of(plan: &Plan, region: usize) -> Option<&TileGroup> {
    let position = plan.tiles.partition_point(|group| group.regions.end <= region);
    plan.tiles.get(position).filter(|group| group.regions.contains(&region))
}

impl Analysis<'_> {
    /// The parts of all concatenations that can be stored in them.
    pub(super) fn parts_in_place(&self) -> Vec<InPlace> {
        let mut taken = EntitySet::new();
        let insts = self.function.insts().iter();
        insts.filter_map(|&inst| self.in_place(inst, &mut taken)).collect()
    }

    fn in_place(&self, inst: Inst, taken: &mut EntitySet<Value>) -> Option<InPlace> {
        let function = self.function;
        let (Op::Concatenate { .. }, &[whole]) = (function.op(inst), function.inst_results(inst)) else {
            return None;
        };
        let parts = parts_in_place(function, &self.plan.stored, inst);
        let region = self.stored_by[whole].filter(|_| !parts.is_empty())?;
        let is_alone =
            self.plan.regions[region].kind == RegionKind::Assemble(inst) && group_of(self.plan, region).is_none();
        if !is_alone || self.placed.contains(whole) || !self.orders[whole].is_empty() {
            return None;
        }
        let mut own = EntitySet::new();
        own.extend(parts.iter().map(|&(part, _)| part).chain([whole]));
        let is_free = |&(part, _): &(Value, usize)| !taken.contains(part) && self.can_be_part(part, &own);
        let parts: Vec<(Value, usize)> = parts.into_iter().filter(is_free).collect();
        let elements: usize = parts.iter().map(|&(part, _)| function.ty(part).elements()).sum();
        if parts.is_empty() || 2 * elements < function.ty(whole).elements() {
            return None;
        }
        taken.extend(parts.iter().map(|&(part, _)| part));
        let stores = parts.iter().filter_map(|&(part, _)| self.stored_by[part]);
        let begins =
            stores.map(|region| group_of(self.plan, region).map_or(region, |group| group.regions.start)).min()?;
        Some(InPlace { whole, parts, begins })
    }

    /// Whether the place of a value is free to be chosen, and its region reads none of these.
    fn can_be_part(&self, part: Value, own: &EntitySet<Value>) -> bool {
        let Some(region) = self.stored_by[part] else { return false };
        let is_complete = group_of(self.plan, region).is_none_or(|group| {
            !group.local.contains(part) && group.axes.get(&part).is_none_or(|axes| axes.iter().all(Option::is_some))
        });
        is_complete
            && self.plan.regions[region].kind == RegionKind::Loop
            && !self.placed.contains(part)
            && !self.returned.contains(part)
            && self.orders[part].is_empty()
            && self.reads[region].iter().all(|read| !own.contains(read.root))
    }
}
