//! Products that a region reads beside what the group makes.
//!
//! A group grows from one seed, and a product that shares no operand with it passes by: in the backward pass of attention over a block of keys, the scores come from the queries
//! and the adjoints of the weights from those of the results. When the region comes that reads both, the product that was passed is brought into the group, so that a tile of it is
//! all there is.

use std::collections::BTreeMap;

use pullback_ir::Value;

use super::super::RegionKind;
use super::TileRole;
use super::grow::{Draft, Fitting, Former, Item};

impl Former<'_> {
    /// Brings products into a group that were passed and that `region` reads at its block; `fitting` says how it would join. Those brought are given back, with how the region
    /// joins then.
    pub(super) fn bring_producers(&self, draft: &mut Draft, region: usize, fitting: Fitting) -> (Vec<usize>, Fitting) {
        let (mut brought, mut fitting) = (Vec::new(), fitting);
        let reads: Vec<Value> = fitting.1.keys().copied().collect();
        for value in reads {
            let Some((at, producer)) = self.passed_product(draft, value) else { continue };
            let Some(axes) = fitting.1.get(&value) else { continue };
            let mut grown = draft.clone();
            let joined = self.join_producer(&mut grown, producer, value, axes).and_then(|()| {
                grown.passed.remove(at);
                self.fitting(&grown, region).ok()
            });
            if let Some(fits) = joined {
                (*draft, fitting) = (grown, fits);
                brought.push(producer);
            }
        }
        (brought, fitting)
    }

    /// The product among the passed regions that stores a value which no other of them reads, nor any member, and its place among them.
    fn passed_product(&self, draft: &Draft, value: Value) -> Option<(usize, usize)> {
        let stores = |item: &Item| matches!(item, Item::Region(region) if self.regions[*region].outputs[..] == [value]);
        let at = draft.passed.iter().position(stores)?;
        let Item::Region(producer) = draft.passed[at] else { return None };
        let is_product = matches!(self.regions[producer].kind, RegionKind::Contraction(_));
        let members = draft.members.iter().map(|&(member, _)| Item::Region(member));
        let is_read_before =
            members.chain(draft.passed.iter().copied()).any(|item| self.reads_of(item).any(|read| read == value));
        (is_product && !is_read_before && self.is_wanted(producer)).then_some((at, producer))
    }

    /// Takes in a product as the region wants it that reads it, if it fits.
    fn join_producer(&self, draft: &mut Draft, producer: usize, value: Value, axes: &[Option<usize>]) -> Option<()> {
        let roles = self.axes_wanted(draft, producer, axes)?;
        let moves = self.moves(producer, &roles)?;
        let positions = draft.extents.iter().product::<usize>().max(1);
        let added = |value: Value| self.function.ty(value).bytes() / positions;
        let bytes = self.position_bytes(draft) + added(value);
        let is_new = |value: &Value| !draft.axes.contains_key(value) && !draft.shared.contains_key(value);
        let blocks: BTreeMap<&Value, _> =
            moves.iter().filter(|(value, axes)| is_new(value) && axes.iter().all(Option::is_some)).collect();
        let touched =
            self.touched_bytes(draft) + added(value) + blocks.keys().map(|&&value| added(value)).sum::<usize>();
        let fits = bytes <= self.max_position(draft, producer)
            && self.may_multiply(draft, producer, &moves)
            && self.multiplies_well(producer, &roles, &draft.extents, (bytes, touched));
        fits.then(|| self.join(draft, producer, roles, &moves))
    }

    /// How a region runs that makes what another reads along these axes. Each has as many positions as the group's dimension: where a slice is read, the group runs over
    /// part of them, and others may need the rest.
    pub(super) fn axes_wanted(&self, draft: &Draft, region: usize, axes: &[Option<usize>]) -> Option<Vec<TileRole>> {
        let whole = |(axis, &extent): (&Option<usize>, &usize)| {
            axis.filter(|&axis| self.facts[region].extents.get(axis) == Some(&extent)).map(TileRole::Axis)
        };
        axes.iter().zip(&draft.extents).map(whole).collect()
    }
}
