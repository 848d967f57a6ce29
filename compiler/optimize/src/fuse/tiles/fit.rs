//! Whether a region pays in a tile group: bytes that move against bytes that need not.
//!
//! Three things make a region dear that its reads would allow. What *accumulates* over the tiles is read and stored again by each of them, or kept apart for every run of tiles and combined:
//! the gradient of a large weight had better be one product behind the group. What is read *whole* by every tile has to stay in a cache: the second one beside
//! the tile, or, for a right operand that is packed once for all of them, the third. And *blocks* of a product have to be large enough that what is loaded is used often.

use std::collections::BTreeMap;

use pullback_ir::{Op, Value};

use super::super::{RegionKind, aliased, result, viewed};
use super::facts::Product;
use super::grow::{Draft, Former};
use super::{MAX_RUNS, TileRole};

/// Columns and steps of a right operand, and tiles that use it, from which on it is packed once for all of them: what the loop IR's packing asks for.
const MIN_PACKED_COLUMNS: usize = 32;
const MIN_PACKED_STEPS: usize = 16;
const MIN_PACKED_TILES: usize = 3;

/// Why a contraction is not in a group that makes or shares what it reads.
pub(super) const DEAR_TOTALS: &str =
    "a contraction for the packed kernel; in tiles its totals would move more bytes than are saved";
pub(super) const DEAR_OPERAND: &str =
    "a contraction for the packed kernel; what every tile would read does not stay in a cache";
pub(super) const SMALL_BLOCKS: &str =
    "a contraction for the packed kernel; blocks of it would use too rarely what they load";

impl Former<'_> {
    /// Whether what a region would accumulate over the tiles is small enough, if it does.
    pub(super) fn may_accumulate(&self, draft: &Draft, region: usize, roles: &[TileRole]) -> bool {
        let data = &self.regions[region];
        let folds = roles.iter().any(|role| matches!(role, TileRole::Folded(_)));
        if !folds {
            return true;
        }
        let roots = &self.facts[region].roots;
        // The roots become a region of their own, if something follows them: a domain for all, cut along the same axes.
        let mut shapes =
            roots.iter().filter_map(|&inst| result(self.function, inst)).map(|value| &self.function.ty(value).shape);
        let first = shapes.next();
        let cuts_axes = roles.iter().any(|role| matches!(role, TileRole::Axis(_)));
        let one_domain = shapes.all(|shape| Some(shape) == first) && (!cuts_axes || first == Some(&data.domain));
        if data.kind == RegionKind::Loop && !one_domain {
            return false;
        }
        let per_tile = |value: Value| {
            let cut = roles.iter().zip(&draft.extents).take_while(|(role, _)| matches!(role, TileRole::Axis(_)));
            self.function.ty(value).bytes() / cut.map(|(_, &extent)| extent).product::<usize>().max(1)
        };
        let results = roots.iter().filter_map(|&inst| result(self.function, inst));
        results.map(per_tile).all(|bytes| bytes <= self.cutting.max_accumulated)
    }

    /// Whether keeping the totals of a region apart costs less traffic than its being in the group can save; true of one that does not fold the dimension that
    /// threads share.
    ///
    /// Each run of tiles has totals of its own, which are cleared and are read again to be combined: twice their bytes. Saved is one reading of what the group has at hand,
    /// and where the group makes it perhaps its being stored.
    pub(super) fn accumulates_well(
        &self,
        draft: &Draft,
        region: usize,
        roles: &[TileRole],
        moves: &BTreeMap<Value, Vec<Option<usize>>>,
    ) -> bool {
        if !matches!(roles.first(), Some(TileRole::Folded(_))) || self.cutting.min_saved == 0 {
            return true;
        }
        let totals = &self.facts[region].roots;
        let bytes = |value: Value| self.function.ty(value).bytes();
        let apart: usize = totals.iter().filter_map(|&inst| result(self.function, inst)).map(bytes).sum();
        let runs = match draft.extents.len() {
            1 => self.tiles(draft),
            _ => draft.extents[0],
        };
        let saved = moves.keys().map(|&value| match draft.axes.contains_key(&value) {
            true => 2 * bytes(value),
            false if draft.shared.contains_key(&value) => bytes(value),
            false => 0,
        });
        2 * runs.min(MAX_RUNS) * apart <= saved.sum()
    }

    /// Whether what a contraction reads for every tile is small enough, if the region is one.
    pub(super) fn may_multiply(
        &self,
        draft: &Draft,
        region: usize,
        moves: &BTreeMap<Value, Vec<Option<usize>>>,
    ) -> bool {
        if !matches!(self.regions[region].kind, RegionKind::Contraction(_)) {
            return true;
        }
        let packed = self.packs(region);
        moves.iter().filter(|(_, axes)| axes.last().is_some_and(Option::is_none)).all(|(&value, axes)| {
            let most = if packed == Some(value) { self.cutting.max_packed } else { self.cutting.max_whole };
            self.read_whole(draft, value, axes) <= most
        })
    }

    /// Bytes of what is read of a value for every tile along the last dimension.
    fn read_whole(&self, draft: &Draft, value: Value, axes: &[Option<usize>]) -> usize {
        let cut = axes.iter().zip(&draft.extents).filter(|(axis, _)| axis.is_some());
        let blocks: usize = cut.map(|(_, &extent)| extent).product();
        self.function.ty(value).bytes() / blocks.max(1)
    }

    /// The right operand of a contraction that can be packed once for many tiles.
    fn packs(&self, region: usize) -> Option<Value> {
        let RegionKind::Contraction(inst) = self.regions[region].kind else { return None };
        let (Op::Dot(dims), &[_, mut right]) = (self.function.op(inst), self.function.args(inst)) else { return None };
        let shape = &self.function.ty(right).shape;
        let steps: usize = dims.rhs_contract.iter().filter_map(|&axis| shape.extent(axis)).product();
        let batches: usize = dims.rhs_batch.iter().filter_map(|&axis| shape.extent(axis)).product();
        let columns = shape.elements() / (steps * batches).max(1);
        right = viewed(self.function, right).unwrap_or(right);
        while let Some(operand) = aliased(self.function, right) {
            right = operand;
        }
        (columns >= MIN_PACKED_COLUMNS && steps >= MIN_PACKED_STEPS).then_some(right)
    }

    /// Whether every operand of a group's contractions that is too large to be used where it lies is packed for enough tiles.
    pub(super) fn packs_for_many(&self, draft: &Draft) -> bool {
        let tiles = self.tiles(draft);
        tiles >= MIN_PACKED_TILES
            || draft.members.iter().all(|(region, roles)| {
                let packed = self.packs(*region).zip(self.moves(*region, roles));
                packed.is_none_or(|(value, moves)| {
                    let whole = moves.get(&value).filter(|axes| axes.last().is_some_and(Option::is_none));
                    whole.is_none_or(|axes| self.read_whole(draft, value, axes) <= self.cutting.max_whole)
                })
            })
    }

    /// How many tiles the last dimension of a group with contractions has.
    fn tiles(&self, draft: &Draft) -> usize {
        let extent = draft.extents.last().copied().unwrap_or(1).max(1);
        extent.div_ceil((self.cutting.contraction_tile / self.touched_bytes(draft).max(1)).clamp(1, extent))
    }

    /// Whether blocks of a contraction are large enough that what is loaded is used often, with so many bytes stored for a position of every dimension, and so many
    /// touched; true of any other region.
    ///
    /// A block of `m` rows reads the right operand once, `k · n` elements for `m · k · n` multiplications. From the second cache that is soon worth it; from the third, which
    /// gives an element in the time of some tens of multiplications, it takes `min_streamed` rows.
    pub(super) fn multiplies_well(
        &self,
        region: usize,
        roles: &[TileRole],
        extents: &[usize],
        (bytes, touched): (usize, usize),
    ) -> bool {
        let Some(Product { axes: (batch, free), sides: whole }) = self.facts[region].product else { return true };
        let element = self.regions[region].outputs.first().map_or(0, |&value| self.function.ty(value).dtype.bytes());
        let block = |bytes: usize| {
            let mut block = whole;
            for (dim, (&role, &extent)) in roles.iter().zip(extents).enumerate() {
                let tile = if dim + 1 < extents.len() { 1 } else { self.cutting.contraction_tile / bytes.max(1) };
                let side = match role {
                    TileRole::Axis(axis) if axis < batch => continue,
                    TileRole::Axis(axis) => usize::from(axis >= batch + free),
                    TileRole::Folded(_) => 2,
                };
                block[side] = block[side] / extent.max(1) * tile.clamp(1, extent.max(1));
            }
            block
        };
        let large = block(bytes).iter().zip(whole).all(|(&block, whole)| block >= whole.min(self.cutting.min_block));
        let [rows, columns, steps] = block(touched);
        let comes_from_far = |extent: usize| extent * steps * element > self.cutting.max_whole;
        let is_long = |extent: usize, whole: usize| extent >= whole.min(self.cutting.min_streamed);
        large
            && (is_long(rows, whole[0]) || !comes_from_far(columns))
            && (is_long(columns, whole[1]) || !comes_from_far(rows))
    }
}
