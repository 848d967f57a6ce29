//! Which values to compute again: many ways, judged by the model of memory.

use std::collections::BTreeSet;

use cranelift_entity::EntitySet;
use pullback_ir::Function;

use super::model::{Item, Model, Stored};
use super::{Choice, Choices};
use crate::fuse::Plan;

/// At most so many values are considered, the largest: each way to choose among them is gone through in full.
const MAX_CANDIDATES: usize = 256;

/// How many bounds are tried on the work that a value may take for its bytes, and on the bytes between two that are kept.
const THRESHOLDS: usize = 6;
const DISTANCES: usize = 12;

/// How many of the lists are tried that begin with what saves most for its work.
const PREFIXES: usize = 32;

/// A value that is at the peak for the sake of later steps.
#[derive(Clone, Copy)]
struct Candidate {
    item: Item,
    bytes: usize,
    work: u64,
    /// How many steps it would be away.
    away: usize,
}

impl Candidate {
    /// Work for each byte.
    fn price(&self) -> f64 {
        self.work as f64 / self.bytes as f64
    }

    /// Bytes and steps for the work.
    fn gain(&self) -> f64 {
        self.bytes as f64 * self.away as f64 / (self.work as f64 + 1.0)
    }
}

/// The ways to need less memory that the model finds for a function without calls, least work first; each needs less than the one before. There may be none.
#[must_use]
pub fn choices(function: &Function, plan: &Plan) -> Choices {
    let model = Model::new(function, plan);
    let (behind, peak) = model.peak();
    let candidates = candidates(&model, behind);
    let mut sets: BTreeSet<Vec<Item>> = prefixes(&candidates).collect();
    for price in thresholds(&candidates) {
        sets.extend(spaced(&candidates, price));
    }
    sets.remove(&Vec::new());
    let mut found: Vec<(u64, usize, Vec<Item>)> = Vec::with_capacity(sets.len());
    for items in sets {
        let set = closed(&model, behind, &items);
        let (left, work) = model.without(&set, behind);
        found.push((work, left, set.iter().collect()));
    }
    found.sort_unstable();
    let mut least = peak;
    found.retain(|&(_, left, _)| {
        let better = left < least;
        least = least.min(left);
        better
    });
    let choice = |(work, peak, items): (u64, usize, Vec<Item>)| {
        let values = items.into_iter().map(|item| model.item(item).value).collect();
        Choice { values, behind, work, peak }
    };
    Choices { peak, found: found.into_iter().map(choice).collect() }
}

/// Values with what they are computed from as far as nothing behind the peak reads it: it is not kept for them.
fn closed(model: &Model, peak: usize, items: &[Item]) -> EntitySet<Item> {
    let mut set = EntitySet::new();
    let mut work = items.to_vec();
    while let Some(item) = work.pop() {
        if set.insert(item) {
            let from = model.item(item).again.iter().flat_map(|again| &again.from).copied();
            let is_away = |stored: &Stored| stored.again.is_some() && !stored.is_returned && stored.last <= peak;
            work.extend(from.filter(|&item| is_away(model.item(item))));
        }
    }
    set
}

/// What is stored up to the peak, read behind it, and can be computed again; in order.
fn candidates(model: &Model, peak: usize) -> Vec<Candidate> {
    let candidate = |(item, stored): (Item, &Stored)| {
        if stored.bytes == 0 || stored.step > peak || stored.again.is_none() {
            return None;
        }
        let next = model.reads.iter().enumerate().skip(peak + 1);
        let mut next = next.filter(|(_, reads)| reads.binary_search(&item).is_ok());
        let (first, _) = next.next()?;
        let all = closed(model, peak, &[item]);
        let work = all.iter().filter_map(|item| model.item(item).again.as_ref()).map(|again| again.work);
        Some(Candidate { item, bytes: stored.bytes, work: work.sum(), away: first - stored.step })
    };
    let mut found: Vec<Candidate> = model.all().filter_map(candidate).collect();
    found.sort_by_key(|candidate| (std::cmp::Reverse(candidate.bytes), candidate.item));
    found.truncate(MAX_CANDIDATES);
    found.sort_by_key(|candidate| candidate.item);
    found
}

/// The first values in order of what they save for their work: for short lists all numbers of them, for long ones some.
fn prefixes(candidates: &[Candidate]) -> impl Iterator<Item = Vec<Item>> {
    let mut order = candidates.to_vec();
    order.sort_by(|x, y| y.gain().total_cmp(&x.gain()).then(x.item.cmp(&y.item)));
    let count = order.len();
    let tries = count.min(PREFIXES);
    (1..=tries).map(move |number| {
        let mut items: Vec<Item> = order.iter().take(number * count / tries).map(|candidate| candidate.item).collect();
        items.sort_unstable();
        items
    })
}

/// Bounds on the work for a byte, some of those that occur and the largest.
fn thresholds(candidates: &[Candidate]) -> Vec<f64> {
    let mut prices: Vec<f64> = candidates.iter().map(Candidate::price).collect();
    prices.sort_by(f64::total_cmp);
    prices.dedup();
    let count = prices.len();
    let tries = count.min(THRESHOLDS);
    (1..=tries).filter_map(|number| prices.get(number * count / tries - 1).copied()).collect()
}

/// The values below a price but for those kept whenever so many bytes were not, for several numbers of bytes.
fn spaced(candidates: &[Candidate], price: f64) -> impl Iterator<Item = Vec<Item>> {
    let among: Vec<Candidate> = candidates.iter().filter(|candidate| candidate.price() <= price).copied().collect();
    let all: usize = among.iter().map(|candidate| candidate.bytes).sum();
    (0..DISTANCES).map(move |halvings| {
        // From all of it to about a hundredth, by steps of a factor of about √2.
        let most = (all as f64 * 0.5f64.powf(halvings as f64 / 2.0)) as usize;
        let mut since = 0;
        let mut items = Vec::with_capacity(among.len());
        for candidate in &among {
            since += candidate.bytes;
            if since > most {
                since = 0;
            } else {
                items.push(candidate.item);
            }
        }
        items
    })
}
