//! Which group a seed gets.
//!
//! Of the ways to cut the positions of a seed the one is taken that saves the most, with all that joins then. That is greedy, and goes wrong where a group takes a region from one behind it: a
//! small value that a large product reads would make tiles of the product's batch, and store what all else that reads the product could have at hand; rows of weights would make the large
//! value of which each is a factor, and store it, although the next group could make it where it is read. So what a group takes is weighed against what others would make of it.

use std::collections::VecDeque;

use pullback_ir::Value;

use super::super::{Fusion, RegionKind};
use super::grow::{Draft, Former, Item};
use super::reach::Reach;
use super::{TileRole, work};

/// The most dimensions that are cut.
const MAX_DIMS: usize = 3;

/// Of how many regions is asked what they would be without one that a group takes.
const MAX_LOST: usize = 4;

impl Former<'_> {
    /// The group of a seed; `None` if it had better be a region by itself.
    ///
    /// A group takes in what fits, and so may take a region from others that would make more of it: what reads it, or what makes what it reads. So the group in which its largest member
    /// would be otherwise is looked at, and the member left to that if both groups save more then.
    pub(super) fn best(&self, seed: usize, waiting: &VecDeque<Item>, reach: &mut Reach) -> Option<Draft> {
        let (saved, draft) = self.best_cut(seed, (waiting, 0), &[], reach)?;
        match self.largest_other(seed, &draft) {
            Some(large) => self.without(seed, large, (saved, &draft), waiting, reach).unwrap_or(Some(draft)),
            None => Some(draft),
        }
    }

    /// What becomes of a group if its largest member is left to another that saves more by it; `None` if it had better stay.
    #[allow(clippy::option_option, reason = "without that member there may be no group")]
    fn without(
        &self,
        seed: usize,
        large: usize,
        (saved, draft): (usize, &Draft),
        waiting: &VecDeque<Item>,
        reach: &mut Reach,
    ) -> Option<Option<Draft>> {
        let first = self.first_of(large, draft);
        let members = |draft: &Draft| draft.members.iter().map(|member| member.0).collect::<Vec<usize>>();
        let (_, own) = self.best_behind(first, waiting, &[], reach)?;
        let mut lost = members(&own);
        lost.retain(|region| draft.members.iter().all(|member| member.0 != *region));
        if lost.is_empty() {
            return None;
        }
        let rest = self.best_cut(seed, (waiting, 0), &[large], reach);
        let taken = rest.as_ref().map_or_else(Vec::new, |(_, rest)| members(rest));
        let (own_saved, _) = self.best_behind(first, waiting, &taken, reach)?;
        let gained = own_saved + rest.as_ref().map_or(0, |(saved, _)| *saved);
        // What the others make of each other if the group keeps it.
        let mut kept = saved;
        for _ in 0..MAX_LOST {
            if lost.is_empty() || kept >= gained {
                break;
            }
            let next = lost.remove(0);
            if let Some((saved, group)) = self.best_behind(next, waiting, &members(draft), reach) {
                kept += saved;
                lost.retain(|&region| group.members.iter().all(|member| member.0 != region));
            }
        }
        (gained > kept).then_some(rest.map(|(_, draft)| draft))
    }

    /// The member of a group that stores the most, but for its seed, if what it stores does not stay in a cache.
    fn largest_other(&self, seed: usize, draft: &Draft) -> Option<usize> {
        let stored = |region: usize| {
            self.regions[region].outputs.iter().map(|&value| self.function.ty(value).bytes()).sum::<usize>()
        };
        let others = draft.members.iter().map(|&(region, _)| region).filter(|&region| region != seed);
        others.rev().max_by_key(|&region| stored(region)).filter(|&region| stored(region) > self.cutting.min_saved)
    }

    /// The region with which what a member of a group reads begins: of those that the group passed on its way, and that store what does not stay in a cache.
    fn first_of(&self, member: usize, draft: &Draft) -> usize {
        let mut first = member;
        for &item in draft.passed.iter().rev() {
            let Item::Region(region) = item else { continue };
            let makes = |&value: &Value| {
                self.facts[first].reads.contains(&value) && self.function.ty(value).bytes() > self.cutting.min_saved
            };
            if self.regions[region].outputs.iter().any(makes) {
                first = region;
            }
        }
        first
    }

    /// The group that a region which waits would be the seed of, and what it saves.
    fn best_behind(
        &self,
        region: usize,
        waiting: &VecDeque<Item>,
        without: &[usize],
        reach: &mut Reach,
    ) -> Option<(usize, Draft)> {
        let at = waiting.iter().position(|&item| item == Item::Region(region))?;
        self.best_cut(region, (waiting, at + 1), without, reach)
    }

    /// The way to cut a seed that saves the most, with all that joins of what waits from a place on, and how much; those of `without` do not join.
    fn best_cut(
        &self,
        seed: usize,
        waiting: (&VecDeque<Item>, usize),
        without: &[usize],
        reach: &mut Reach,
    ) -> Option<(usize, Draft)> {
        let own_work = work(self.function, &self.regions[seed]);
        if own_work < self.cutting.parallel_work / 16 || !self.is_wanted(seed) || self.facts[seed].is_in_place {
            return None;
        }
        let mut best: Option<(usize, Draft)> = None;
        for roles in self.seeds(seed) {
            let Some(mut draft) = self.start(seed, roles) else { continue };
            if self.kinds >= Fusion::Reductions {
                self.grow(&mut draft, waiting, without, reach);
            }
            let saved = self.saved(&draft);
            let fits = self.position_bytes(&draft) <= self.max_position(&draft, seed) && self.packs_for_many(&draft);
            let is_alone = draft.members.len() == 1;
            let pays = if is_alone { self.is_worth_threads(seed) } else { fits && saved >= self.cutting.min_saved };
            if pays && best.as_ref().is_none_or(|(most, _)| saved > *most) {
                best = Some((saved, draft));
            }
        }
        best
    }

    fn is_worth_threads(&self, region: usize) -> bool {
        let region = &self.regions[region];
        region.kind == RegionKind::Loop && work(self.function, region) >= self.cutting.parallel_work
    }

    /// The ways to cut the positions of a region: along its first axes, along another axis, or along what it folds.
    fn seeds(&self, seed: usize) -> Vec<Vec<TileRole>> {
        let facts = &self.facts[seed];
        let axes = facts.extents.iter().enumerate().filter(|&(_, &extent)| extent > 1);
        let axes: Vec<TileRole> = axes.map(|(axis, _)| TileRole::Axis(axis)).collect();
        let mut seeds: Vec<Vec<TileRole>> = Vec::new();
        for count in 1..=axes.len().min(MAX_DIMS) {
            // Threads share the first dimension, so that is the longest of those of which a tile is one position.
            let mut roles = axes[..count].to_vec();
            roles[..count - 1].sort_by_key(|&role| std::cmp::Reverse(self.extent(seed, role)));
            seeds.push(roles);
        }
        seeds.extend(axes.iter().skip(1).map(|&role| vec![role]));
        if let Some(number) = facts.folds.iter().position(|&extent| extent > 1) {
            seeds.push(vec![TileRole::Folded(number)]);
        }
        seeds
    }
}
