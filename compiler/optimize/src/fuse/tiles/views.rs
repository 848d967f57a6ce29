//! Views that repeat elements, in the groups of what reads them.
//!
//! Windows that overlap are several times their operand, and a matrix product needs them in memory. They are made where they are read: such a view waits until the region comes
//! that reads it first, and joins a group together with that region, so that a tile of it is all there is.

use std::collections::BTreeMap;

use cranelift_entity::EntitySet;
use pullback_ir::Value;

use super::super::RegionKind;
use super::super::access::{Role, role};
use super::TileRole;
use super::grow::{Draft, Former, Item};

impl Former<'_> {
    /// The regions in an order in which reads follow writes: as they are, but for spread views, each of which comes right before the first region that reads it.
    pub(super) fn order(&self) -> Vec<usize> {
        let mut before: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let mut order = Vec::with_capacity(self.regions.len());
        for number in 0..self.regions.len() {
            let reader = self.spread_view(number).and_then(|value| self.readers[value].iter().copied().min());
            match reader.filter(|&reader| reader > number) {
                Some(reader) => before.entry(reader).or_default().push(number),
                None => {
                    order.extend(before.remove(&number).unwrap_or_default());
                    order.push(number);
                }
            }
        }
        order
    }

    /// The value that a region stores if that repeats the elements of another, such as windows that overlap: better made where it is read, a tile at a time, than
    /// where its operand happens to be at hand.
    pub(super) fn spread_view(&self, region: usize) -> Option<Value> {
        let data = &self.regions[region];
        let (RegionKind::Loop, &[value]) = (data.kind, &data.outputs[..]) else { return None };
        let moves_only = data.members.iter().all(|&inst| role(self.function, inst) == Role::Free);
        let read: usize = self.reads[region].iter().map(|&value| self.function.ty(value).bytes()).sum();
        (moves_only && self.function.ty(value).bytes() >= 2 * read.max(1)).then_some(value)
    }

    /// Those of the views held that an item reads, which are held no longer.
    pub(super) fn taken_from(&self, held: &mut Vec<usize>, item: Item) -> Vec<usize> {
        let is_read = |view: &usize| self.reads_of(item).any(|value| self.regions[*view].outputs.contains(&value));
        let (read, others) = std::mem::take(held).into_iter().partition(is_read);
        *held = others;
        read
    }

    /// Takes a region into a group, with those of the views held that it reads, which are given back; otherwise the group stays, and the error may say why. If a view does
    /// not fit the region joins without, unless the view is more than all else that it would find at hand: the two then make a group of their own.
    pub(super) fn join_with_views(
        &self,
        draft: &mut Draft,
        held: &[usize],
        region: usize,
        behind: &EntitySet<Value>,
    ) -> Result<Vec<usize>, Option<&'static str>> {
        let wanted = |&view: &usize| {
            let value = self.spread_view(view).filter(|value| self.reads[region].contains(value))?;
            Some((view, value))
        };
        let views: Vec<(usize, Value)> = held.iter().filter_map(wanted).collect();
        if views.is_empty() {
            let (roles, moves) = self.fitting(draft, region)?;
            self.join(draft, region, roles, &moves);
            return Ok(Vec::new());
        }
        let bytes = |value: Value| self.function.ty(value).bytes();
        let mut grown = draft.clone();
        let mut taken = Vec::new();
        for (view, value) in views {
            let joined = self.reads[view].iter().all(|&read| !behind.contains(read))
                && self.join_view(&mut grown, view, value, region);
            let depends = self.reads[view].iter().any(|&read| behind.contains(read) || draft.axes.contains_key(&read));
            let at_hand =
                self.reads[region].iter().filter(|read| draft.axes.contains_key(read)).map(|&read| bytes(read));
            if joined {
                taken.push(view);
            } else if depends || bytes(value) > at_hand.sum() {
                return Err(None);
            }
        }
        let (roles, moves) = self.fitting(&grown, region)?;
        self.join(&mut grown, region, roles, &moves);
        *draft = grown;
        Ok(taken)
    }

    /// Takes in a view, by itself or as the region wants it that reads it; whether that is possible.
    pub(super) fn join_view(&self, draft: &mut Draft, view: usize, value: Value, reader: usize) -> bool {
        if let Ok((roles, moves)) = self.fitting(draft, view) {
            self.join(draft, view, roles, &moves);
            return true;
        }
        let wanted = || {
            let (_, mut moves) = self.fitting(draft, reader).ok()?;
            let axes = moves.remove(&value)?;
            let roles = axes.into_iter().map(|axis| axis.map(TileRole::Axis)).collect::<Option<Vec<_>>>()?;
            let moves = self.moves(view, &roles)?;
            let positions = draft.extents.iter().product::<usize>().max(1);
            let fits = self.position_bytes(draft) + self.function.ty(value).bytes() / positions
                <= self.max_position(draft, reader);
            let agrees = moves.iter().all(|(value, axes)| {
                draft.axes.get(value).is_none_or(|stored| stored == axes && !stored.contains(&None))
            });
            (fits && agrees).then_some((roles, moves))
        };
        let Some((roles, moves)) = wanted() else { return false };
        self.join(draft, view, roles, &moves);
        true
    }

    /// Leaves out items; views stay before their reader, and come behind the group if that does.
    pub(super) fn leave(&self, draft: &mut Draft, items: Vec<Item>, behind: &mut EntitySet<Value>) {
        let mut reads = items.iter().flat_map(|&item| self.reads_of(item));
        if reads.any(|value| draft.axes.contains_key(&value) || behind.contains(value)) {
            behind.extend(items.iter().flat_map(|&item| self.stored_by(item)));
            draft.behind.extend(items);
        } else {
            draft.passed.extend(items);
        }
    }
}
