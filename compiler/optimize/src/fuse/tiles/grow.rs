//! Forming tile groups.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use cranelift_entity::{EntitySet, SecondaryMap};
use pullback_ir::{Function, Inst, Value};

use super::super::{Decision, FuseOptions, Fusion, FusionRegion, Plan, RegionKind, Verdict, aliased, result};
use super::facts::Facts;
use super::motion::Read;
use super::reach::Reach;
use super::{Cutting, TileGroup, TileRole, fit, work};

/// The most regions of a group, and the most regions in a row that do not fit before the search ends: it stays linear in the size of the function.
const MAX_REGIONS: usize = 128;
const MAX_MISSES: usize = 64;

/// Forms the groups of a plan and puts the regions in their order.
pub(super) fn form(function: &Function, plan: Plan, options: FuseOptions) -> Plan {
    let Plan { regions, stored, decisions, nested, .. } = plan;
    let mut former = Former::new(function, regions, stored, decisions, options);
    let mut waiting: VecDeque<Item> = former.order().into_iter().map(Item::Region).collect();
    let mut order = Vec::new();
    let mut reach = Reach::default();
    while let Some(item) = waiting.pop_front() {
        let Item::Region(seed) = item else {
            order.push(item);
            continue;
        };
        match former.best(seed, &waiting, &mut reach) {
            Some(draft) => former.commit(draft, &mut waiting),
            None => order.push(item),
        }
    }
    former.finish(order, nested)
}

/// How a region runs over the dimensions of a group, and for each value that it reads its axis along each of them.
pub(super) type Fitting = (Vec<TileRole>, BTreeMap<Value, Vec<Option<usize>>>);

/// What is put in order: a region, or a group of regions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Item {
    Region(usize),
    Group(usize),
}

/// A group while it grows.
#[derive(Clone)]
pub(super) struct Draft {
    pub(super) extents: Vec<usize>,
    pub(super) members: Vec<(usize, Vec<TileRole>)>,
    pub(super) axes: BTreeMap<Value, Vec<Option<usize>>>,
    /// What members read from elsewhere at a block, with how often.
    pub(super) shared: BTreeMap<Value, (Vec<Option<usize>>, usize)>,
    /// How often members read what the group stores.
    inner_reads: BTreeMap<Value, usize>,
    /// Regions on which nothing of the group may depend.
    pub(super) passed: Vec<Item>,
    /// Regions that depend on the group and are not of it.
    pub(super) behind: Vec<Item>,
    /// Regions that could have been of the group and were not worth it, with the reason.
    dear: Vec<(usize, &'static str)>,
}

pub(super) struct Former<'a> {
    pub(super) function: &'a Function,
    pub(super) kinds: Fusion,
    pub(super) regions: Vec<FusionRegion>,
    pub(super) stored: EntitySet<Value>,
    decisions: Vec<Decision>,
    /// Where the decision for a value is.
    decided: SecondaryMap<Value, Option<usize>>,
    /// What is known of each region.
    pub(super) facts: Vec<Facts>,
    /// The regions that read a value.
    pub(super) readers: SecondaryMap<Value, Vec<usize>>,
    returned: EntitySet<Value>,
    groups: Vec<Draft>,
    pub(super) cutting: Cutting,
}

impl<'a> Former<'a> {
    fn new(
        function: &'a Function,
        regions: Vec<FusionRegion>,
        stored: EntitySet<Value>,
        decisions: Vec<Decision>,
        options: FuseOptions,
    ) -> Self {
        let mut returned = EntitySet::new();
        for &value in function.results() {
            let mut value = value;
            while let Some(operand) = aliased(function, value) {
                value = operand;
            }
            returned.insert(value);
        }
        let mut former = Self {
            function,
            kinds: options.kinds,
            regions,
            stored,
            decisions,
            decided: SecondaryMap::new(),
            facts: Vec::new(),
            readers: SecondaryMap::new(),
            returned,
            groups: Vec::new(),
            cutting: options.cutting,
        };
        for number in 0..former.regions.len() {
            let facts = former.facts_of(number);
            facts.reads.iter().for_each(|&value| former.readers[value].push(number));
            former.facts.push(facts);
        }
        for (at, decision) in former.decisions.iter().enumerate() {
            former.decided[decision.value] = Some(at);
        }
        former
    }

    fn facts_of(&self, region: usize) -> Facts {
        Facts::of(self.function, &self.stored, &self.regions[region])
    }

    /// Bytes of what a group may store for one position of each dimension, with a region that may join it.
    pub(super) fn max_position(&self, draft: &Draft, region: usize) -> usize {
        let contracts = |region: usize| matches!(self.regions[region].kind, RegionKind::Contraction(_));
        if contracts(region) || draft.members.iter().any(|member| contracts(member.0)) {
            self.cutting.max_position.max(self.cutting.contraction_tile / 2)
        } else {
            self.cutting.max_position
        }
    }

    /// Whether this kind of fusion runs a region in tiles.
    pub(super) fn is_wanted(&self, region: usize) -> bool {
        self.kinds >= Fusion::Contractions || !matches!(self.regions[region].kind, RegionKind::Contraction(_))
    }

    pub(super) fn extent(&self, region: usize, role: TileRole) -> Option<usize> {
        let Facts { extents, folds, .. } = &self.facts[region];
        match role {
            TileRole::Axis(axis) => extents.get(axis).copied(),
            TileRole::Folded(number) => folds.get(number).copied(),
        }
    }

    pub(super) fn start(&self, seed: usize, roles: Vec<TileRole>) -> Option<Draft> {
        let extents = roles.iter().map(|&role| self.extent(seed, role)).collect::<Option<Vec<_>>>()?;
        let mut draft = Draft {
            extents,
            members: Vec::new(),
            axes: BTreeMap::new(),
            shared: BTreeMap::new(),
            inner_reads: BTreeMap::new(),
            passed: Vec::new(),
            behind: Vec::new(),
            dear: Vec::new(),
        };
        let moves = self.moves(seed, &roles)?;
        let fits = self.may_accumulate(&draft, seed, &roles)
            && self.may_multiply(&draft, seed, &moves)
            && self.multiplies_well(seed, &roles, &draft.extents, (1, 1));
        fits.then_some(())?;
        self.join(&mut draft, seed, roles, &moves);
        Some(draft)
    }

    /// For each value that a region reads its axis along each dimension.
    pub(super) fn moves(&self, region: usize, roles: &[TileRole]) -> Option<BTreeMap<Value, Vec<Option<usize>>>> {
        let mut moves: BTreeMap<Value, Vec<Option<usize>>> = BTreeMap::new();
        for (dim, &role) in roles.iter().enumerate() {
            for &(value, axis) in self.moves_along(region, role)? {
                moves.entry(value).or_insert_with(|| vec![None; roles.len()])[dim] = axis;
            }
        }
        Some(moves)
    }

    /// The same along one dimension.
    fn moves_along(&self, region: usize, role: TileRole) -> Option<&[Read]> {
        self.facts[region].moves(self.function, &self.stored, &self.regions[region], role)
    }

    /// Takes in what follows as long as it fits.
    pub(super) fn grow(
        &self,
        draft: &mut Draft,
        (waiting, from): (&VecDeque<Item>, usize),
        without: &[usize],
        reach: &mut Reach,
    ) {
        reach.clear();
        draft.members.iter().for_each(|member| self.bring_near(Item::Region(member.0), reach));
        let mut misses = 0;
        // Spread views, until the region comes that reads them.
        let mut held: Vec<usize> = Vec::new();
        for &item in waiting.range(from..) {
            if misses > MAX_MISSES || draft.members.len() >= MAX_REGIONS {
                break;
            }
            if let Item::Region(region) = item
                && let Some(value) = self.facts[region].spread_view
                && !self.readers[value].is_empty()
                && !self.facts[region]
                    .reads
                    .iter()
                    .any(|read| held.iter().any(|&view| self.regions[view].outputs.contains(read)))
            {
                held.push(region);
                continue;
            }
            if held.is_empty() && !self.reads_of(item).any(|value| reach.is_near(value)) {
                draft.passed.push(item);
                misses += 1;
                continue;
            }
            let joined = match item {
                Item::Region(region)
                    if !without.contains(&region)
                        && !self.facts[region].reads.iter().any(|&value| reach.is_behind(value)) =>
                {
                    self.join_with_views(draft, &held, region, reach)
                }
                Item::Region(_) | Item::Group(_) => Err(None),
            };
            match joined {
                Ok(taken) => {
                    held.retain(|view| !taken.contains(view));
                    let joined = taken.into_iter().map(Item::Region).chain([item]);
                    joined.for_each(|item| self.bring_near(item, reach));
                    let views = self.taken_from(&mut held, item);
                    self.leave(draft, &views, None, reach);
                    misses = 0;
                }
                Err(reason) => {
                    if let (Item::Region(region), Some(reason)) = (item, reason) {
                        draft.dear.push((region, reason));
                    }
                    let views = self.taken_from(&mut held, item);
                    misses += views.len() + 1;
                    self.leave(draft, &views, Some(item), reach);
                }
            }
        }
        draft.behind.extend(held.into_iter().map(Item::Region));
    }

    /// Notes that all that a member of a group reads and stores is near that.
    fn bring_near(&self, member: Item, reach: &mut Reach) {
        self.reads_of(member).chain(self.stored_by(member)).for_each(|value| reach.put_near(value));
    }

    pub(super) fn reads_of(&self, item: Item) -> impl Iterator<Item = Value> + '_ {
        let (region, members) = match item {
            Item::Region(region) => (Some(region), &[][..]),
            Item::Group(group) => (None, &self.groups[group].members[..]),
        };
        let regions = region.into_iter().chain(members.iter().map(|member| member.0));
        regions.flat_map(|region| self.facts[region].reads.iter().copied())
    }

    pub(super) fn stored_by(&self, item: Item) -> impl Iterator<Item = Value> + '_ {
        let (outputs, axes) = match item {
            Item::Region(region) => (&self.regions[region].outputs[..], None),
            Item::Group(group) => (&[][..], Some(&self.groups[group].axes)),
        };
        outputs.iter().copied().chain(axes.into_iter().flat_map(|axes| axes.keys().copied()))
    }

    /// How a region would run in a group; if it does not fit for its price, why, and nothing if it cannot be in it.
    pub(super) fn fitting(&self, draft: &Draft, region: usize) -> Result<Fitting, Option<&'static str>> {
        let data = &self.regions[region];
        let at_hand = |value: &Value| draft.axes.contains_key(value) || draft.shared.contains_key(value);
        let Facts { is_in_place, ref reads, .. } = self.facts[region];
        if !self.is_wanted(region) || is_in_place || !reads.iter().any(at_hand) {
            return Err(None);
        }
        let roles = self.roles(draft, region).ok_or(None)?;
        let moves = self.moves(region, &roles).ok_or(None)?;
        if !self.may_accumulate(draft, region, &roles) || !self.accumulates_well(draft, region, &roles, &moves) {
            return Err(Some(fit::DEAR_TOTALS));
        }
        if !self.may_multiply(draft, region, &moves) {
            return Err(Some(fit::DEAR_OPERAND));
        }
        let positions = draft.extents.iter().product::<usize>().max(1);
        let bytes: usize = if roles.iter().any(|role| matches!(role, TileRole::Folded(_))) {
            0
        } else {
            data.outputs.iter().map(|&value| self.function.ty(value).bytes() / positions).sum()
        };
        let bytes = self.position_bytes(draft) + bytes;
        if bytes > self.max_position(draft, region) {
            return Err(None);
        }
        let is_new = |value: &Value| !draft.axes.contains_key(value) && !draft.shared.contains_key(value);
        let shared = moves.iter().filter(|(value, axes)| is_new(value) && axes.iter().all(Option::is_some));
        let read: usize = shared.map(|(&value, _)| self.function.ty(value).bytes() / positions).sum();
        let touched = self.touched_bytes(draft) + bytes - self.position_bytes(draft) + read;
        let joining = (region, roles.clone());
        let mut members = draft.members.iter().chain([&joining]);
        let large =
            members.all(|(region, roles)| self.multiplies_well(*region, roles, &draft.extents, (bytes, touched)));
        if large { Ok((roles, moves)) } else { Err(Some(fit::SMALL_BLOCKS)) }
    }

    /// How a region would run over the dimensions of a group, if all that it reads of what the group makes is then what the group has just made.
    fn roles(&self, draft: &Draft, region: usize) -> Option<Vec<TileRole>> {
        let facts = &self.facts[region];
        let mut roles: Vec<TileRole> = Vec::with_capacity(draft.extents.len());
        for (dim, &extent) in draft.extents.iter().enumerate() {
            let axes = facts.extents.iter().enumerate();
            let axes = axes.filter(|&(_, &found)| found == extent).map(|(axis, _)| TileRole::Axis(axis));
            let folds = facts.folds.iter().enumerate();
            let folds = folds.filter(|&(_, &found)| found == extent).map(|(number, _)| TileRole::Folded(number));
            let role = axes
                .chain(folds)
                .filter(|role| !roles.contains(role))
                .find(|&role| self.moves_along(region, role).is_some_and(|moves| agrees(draft, dim, moves)))?;
            roles.push(role);
        }
        Some(roles)
    }

    pub(super) fn join(
        &self,
        draft: &mut Draft,
        region: usize,
        roles: Vec<TileRole>,
        moves: &BTreeMap<Value, Vec<Option<usize>>>,
    ) {
        for (&value, axes) in moves {
            if draft.axes.contains_key(&value) {
                *draft.inner_reads.entry(value).or_insert(0) += 1;
            } else if axes.iter().all(Option::is_some) {
                let (_, count) = draft.shared.entry(value).or_insert_with(|| (axes.clone(), 0));
                *count += 1;
            }
        }
        let axes: Vec<Option<usize>> = roles
            .iter()
            .map(|&role| match role {
                TileRole::Axis(axis) => Some(axis),
                TileRole::Folded(_) => None,
            })
            .collect();
        for &value in &self.regions[region].outputs {
            draft.axes.insert(value, axes.clone());
        }
        draft.members.push((region, roles));
    }

    /// Those of the values a group stores that nothing outside of it reads.
    fn local(&self, draft: &Draft) -> EntitySet<Value> {
        let members: BTreeSet<usize> = draft.members.iter().map(|member| member.0).collect();
        let mut local = EntitySet::new();
        for (&value, axes) in &draft.axes {
            let is_inner = self.readers[value].iter().all(|reader| members.contains(reader));
            if axes.iter().all(Option::is_some) && is_inner && !self.returned.contains(value) {
                local.insert(value);
            }
        }
        local
    }

    /// Bytes of traffic that a group saves.
    pub(super) fn saved(&self, draft: &Draft) -> usize {
        let local = self.local(draft);
        let bytes = |value: Value| self.function.ty(value).bytes();
        let inner = draft.inner_reads.iter().map(|(&value, &count)| bytes(value) * count);
        let stores = draft.axes.keys().filter(|&&value| local.contains(value)).map(|&value| bytes(value));
        let shared = draft.shared.iter().map(|(&value, &(_, count))| bytes(value) * (count - 1));
        inner.chain(stores).chain(shared).sum()
    }

    /// Bytes of what a group stores for one position of each dimension.
    pub(super) fn position_bytes(&self, draft: &Draft) -> usize {
        let positions = draft.extents.iter().product::<usize>().max(1);
        let cut = draft.axes.iter().filter(|(_, axes)| axes.iter().all(Option::is_some));
        cut.map(|(&value, _)| self.function.ty(value).bytes() / positions).sum()
    }

    /// The same with what it reads from elsewhere at a block.
    pub(super) fn touched_bytes(&self, draft: &Draft) -> usize {
        let positions = draft.extents.iter().product::<usize>().max(1);
        let read: usize = draft.shared.keys().map(|&value| self.function.ty(value).bytes() / positions).sum();
        self.position_bytes(draft) + read
    }

    /// Makes a group of a draft, and puts what waits in an order in which reads follow writes: what the group may depend on, the group, the others.
    fn commit(&mut self, mut draft: Draft, waiting: &mut VecDeque<Item>) {
        let mut tails = Vec::new();
        for (region, roles) in draft.members.clone() {
            if roles.iter().any(|role| matches!(role, TileRole::Folded(_)))
                && let Some(tail) = self.split(region, &mut draft)
            {
                tails.push(Item::Region(tail));
            }
        }
        for (region, reason) in std::mem::take(&mut draft.dear) {
            self.explain(region, reason);
        }
        let (passed, behind) = (std::mem::take(&mut draft.passed), std::mem::take(&mut draft.behind));
        let seen = draft.members.len() - 1 + passed.len() + behind.len();
        waiting.drain(..seen);
        let number = self.groups.len();
        self.groups.push(draft);
        let order = passed.into_iter().chain([Item::Group(number)]).chain(tails).chain(behind);
        order.rev().for_each(|item| waiting.push_front(item));
    }

    /// Says why a contraction that could have been of a group is not.
    fn explain(&mut self, region: usize, reason: &'static str) {
        if let FusionRegion { kind: RegionKind::Contraction(_), outputs, .. } = &self.regions[region] {
            let of = outputs.iter().filter_map(|&value| self.decided[value]);
            of.for_each(|at| self.decisions[at].reason = reason);
        }
    }

    /// Makes what follows the reductions of a region a region of its own, if there is any.
    fn split(&mut self, region: usize, draft: &mut Draft) -> Option<usize> {
        let data = self.regions[region].clone();
        if data.kind != RegionKind::Loop {
            return None;
        }
        let folding = self.facts[region].roots.clone();
        let totals: Vec<Value> = folding.iter().filter_map(|&inst| result(self.function, inst)).collect();
        let rest: Vec<Value> = data.outputs.iter().copied().filter(|value| !totals.contains(value)).collect();
        if rest.is_empty() {
            return None;
        }
        let inner = self.below(&data, &folding);
        let (members, tail_members): (Vec<Inst>, Vec<Inst>) =
            data.members.iter().partition(|&&inst| inner.contains(inst));
        let axes = rest.iter().find_map(|value| draft.axes.remove(value)).unwrap_or_default();
        for value in &rest {
            draft.axes.remove(value);
        }
        for &total in &totals {
            draft.axes.insert(total, axes.clone());
            if self.stored.insert(total) {
                let reason = "its partial sums are combined behind the tiles";
                let decision = Decision { value: total, verdict: Verdict::Stored, reason };
                match self.decided[total] {
                    Some(at) => self.decisions[at] = decision,
                    None => self.decisions.push(decision),
                }
            }
        }
        let domain = totals.first().map_or_else(|| data.domain.clone(), |&total| self.function.ty(total).shape.clone());
        self.regions[region] = FusionRegion { members, outputs: totals, domain, ..data.clone() };
        self.regions.push(FusionRegion { members: tail_members, outputs: rest, ..data });
        let tail = self.regions.len() - 1;
        let (facts, tail_facts) = (self.facts_of(region), self.facts_of(tail));
        tail_facts.reads.iter().for_each(|&value| self.readers[value].push(tail));
        self.facts.push(tail_facts);
        // The head reads nothing that it did not read before.
        let before = std::mem::replace(&mut self.facts[region], facts);
        for value in before.reads {
            if self.facts[region].reads.binary_search(&value).is_err() {
                self.readers[value].retain(|&reader| reader != region);
            }
        }
        Some(tail)
    }

    /// The members of a region that its reductions need, themselves included.
    fn below(&self, region: &FusionRegion, folding: &[Inst]) -> EntitySet<Inst> {
        let mut inner = EntitySet::new();
        let mut work = folding.to_vec();
        while let Some(inst) = work.pop() {
            if inner.insert(inst) {
                let args = self.function.args(inst).iter();
                work.extend(args.filter_map(|&arg| self.function.def_inst(arg)));
            }
        }
        let mut members = EntitySet::new();
        members.extend(region.members.iter().copied().filter(|&inst| inner.contains(inst)));
        members
    }

    /// The plan with its regions in order.
    fn finish(mut self, order: Vec<Item>, nested: BTreeMap<Inst, Vec<super::super::Nested>>) -> Plan {
        let mut regions = Vec::with_capacity(self.regions.len());
        let mut tiles = Vec::new();
        for item in order {
            let members = match item {
                Item::Region(region) => {
                    regions.push(self.regions[region].clone());
                    continue;
                }
                Item::Group(group) => std::mem::take(&mut self.groups[group].members),
            };
            let Item::Group(group) = item else { continue };
            let first = regions.len();
            let mut draft = self.groups[group].clone();
            draft.members.clone_from(&members);
            let local = self.local(&draft);
            let saved_bytes = self.saved(&draft);
            let position_bytes = self.touched_bytes(&draft);
            let total: u64 = members.iter().map(|&(region, _)| work(self.function, &self.regions[region])).sum();
            regions.extend(members.iter().map(|&(region, _)| self.regions[region].clone()));
            tiles.push(TileGroup {
                regions: first..regions.len(),
                extents: draft.extents,
                roles: members.into_iter().map(|(_, roles)| roles).collect(),
                axes: draft.axes,
                local,
                saved_bytes,
                position_bytes,
                parallel: total >= self.cutting.parallel_work,
            });
        }
        let Self { stored, decisions, cutting, .. } = self;
        Plan { regions, tiles, cutting, stored, decisions, nested }
    }
}

/// Whether a region, whose reads move like this along one dimension, reads what the group stores at the block just stored, and something that the group has at hand.
fn agrees(draft: &Draft, dim: usize, moves: &[Read]) -> bool {
    let mut has_common = false;
    for (value, axis) in moves {
        if let Some(stored) = draft.axes.get(value) {
            // What accumulates over any dimension is complete only behind the group.
            if stored.iter().any(Option::is_none) || *axis != stored[dim] {
                return false;
            }
            has_common = true;
        } else if let Some((shared, _)) = draft.shared.get(value) {
            has_common |= shared[dim].is_some() && *axis == shared[dim];
        }
    }
    has_common
}
