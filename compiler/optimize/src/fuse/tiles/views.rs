//! Views that repeat elements, in the groups of what reads them.
//!
//! Windows that overlap are several times their operand, and a matrix product needs them in memory. They are made where they are read: such a view waits until the region comes
//! that reads it first, and joins a group together with that region, so that a tile of it is all there is.

use std::collections::BTreeMap;

use pullback_ir::Value;

use super::grow::{Draft, Former, Item};
use super::reach::Reach;

impl Former<'_> {
    /// The regions in an order in which reads follow writes: as they are, but for spread views, each of which comes right before the first region that reads it. A view that
    /// is read by another one goes where that goes.
    pub(super) fn order(&self) -> Vec<usize> {
        let mut before: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let mut order = Vec::with_capacity(self.regions.len());
        for number in 0..self.regions.len() {
            let reader = self.facts[number].spread_view.and_then(|value| self.readers[value].iter().copied().min());
            let mut placed = before.remove(&number).unwrap_or_default();
            placed.push(number);
            match reader.filter(|&reader| reader > number) {
                Some(reader) => before.entry(reader).or_default().extend(placed),
                None => order.extend(placed),
            }
        }
        order
    }

    /// Those of the views held that an item reads, which are held no longer.
    pub(super) fn taken_from(&self, held: &mut Vec<usize>, item: Item) -> Vec<usize> {
        if held.is_empty() {
            return Vec::new();
        }
        let is_read = |view: &usize| self.reads_of(item).any(|value| self.regions[*view].outputs.contains(&value));
        let (read, others) = std::mem::take(held).into_iter().partition(is_read);
        *held = others;
        read
    }

    /// Takes a region into a group, with those of the views held and of the products passed that it reads, which are given back; otherwise the group stays, and the error may say why. If a view does
    /// not fit the region joins without, unless the view is more than all else that it would find at hand: the two then make a group of their own.
    pub(super) fn join_with_views(
        &self,
        draft: &mut Draft,
        held: &[usize],
        region: usize,
        reach: &Reach,
    ) -> Result<Vec<usize>, Option<&'static str>> {
        let wanted = |&view: &usize| {
            let value = self.facts[view].spread_view.filter(|value| self.facts[region].reads.contains(value))?;
            Some((view, value))
        };
        let views: Vec<(usize, Value)> = held.iter().filter_map(wanted).collect();
        if views.is_empty() {
            let fitting = self.fitting(draft, region)?;
            let (brought, (roles, moves)) = self.bring_producers(draft, region, fitting);
            self.join(draft, region, roles, &moves);
            return Ok(brought);
        }
        let bytes = |value: Value| self.function.ty(value).bytes();
        let mut grown = draft.clone();
        let mut taken = Vec::new();
        for (view, value) in views {
            let joined = self.facts[view].reads.iter().all(|&read| !reach.is_behind(read))
                && self.join_view(&mut grown, view, value, region);
            let depends =
                self.facts[view].reads.iter().any(|&read| reach.is_behind(read) || draft.axes.contains_key(&read));
            let at_hand =
                self.facts[region].reads.iter().filter(|read| draft.axes.contains_key(read)).map(|&read| bytes(read));
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
            let roles = self.axes_wanted(draft, view, &axes)?;
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

    /// Leaves out views and the item that reads them: they stay before it, and come behind the group if it does.
    pub(super) fn leave(&self, draft: &mut Draft, views: &[usize], reader: Option<Item>, reach: &mut Reach) {
        let items = views.iter().map(|&view| Item::Region(view)).chain(reader);
        let mut reads = items.clone().flat_map(|item| self.reads_of(item));
        if reads.any(|value| reach.is_behind(value) || draft.axes.contains_key(&value)) {
            items.clone().flat_map(|item| self.stored_by(item)).for_each(|value| reach.put_behind(value));
            draft.behind.extend(items);
        } else {
            draft.passed.extend(items);
        }
    }
}
