//! Regions while they are formed: what belongs to each, who reads what it stores, and whether one depends on another.

use std::collections::BTreeSet;

use cranelift_entity::packed_option::PackedOption;
use cranelift_entity::{EntitySet, PrimaryMap, SecondaryMap, entity_impl};
use pullback_ir::{Inst, Shape, Value};

use super::{FusionRegion, RegionKind};

/// A region being formed. After a merge, one name stands for both: see [`Regions::find`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Group(u32);
entity_impl!(Group, "region");

/// How many regions one search for a path may visit before it gives up and assumes that there is one.
const SEARCH_BUDGET: usize = 256;

pub(super) struct GroupData {
    pub(super) kind: RegionKind,
    pub(super) domain: Shape,
    pub(super) members: Vec<Inst>,
    pub(super) outputs: Vec<Value>,
    /// Whether a member is a reduction or a small contraction.
    pub(super) reduces: bool,
    /// What members read and no member makes: at most as many arrays are read.
    pub(super) reads: BTreeSet<Value>,
    /// Regions that read an output, some under old names.
    readers: Vec<Group>,
    /// The first member in program order.
    first: Inst,
}

/// All regions.
pub(super) struct Regions {
    data: PrimaryMap<Group, GroupData>,
    merged_into: SecondaryMap<Group, PackedOption<Group>>,
}

impl Regions {
    pub(super) fn new() -> Self {
        Self { data: PrimaryMap::new(), merged_into: SecondaryMap::new() }
    }

    /// Starts a region with its last member.
    pub(super) fn start(&mut self, kind: RegionKind, domain: Shape, inst: Inst) -> Group {
        let (members, outputs, readers) = (Vec::new(), Vec::new(), Vec::new());
        let data =
            GroupData { kind, domain, members, outputs, reduces: false, reads: BTreeSet::new(), readers, first: inst };
        self.data.push(data)
    }

    /// Adds a member that makes `value` and reads `reads`.
    pub(super) fn add(
        &mut self,
        group: Group,
        inst: Inst,
        reduces: bool,
        value: Value,
        reads: impl Iterator<Item = Value>,
    ) {
        let data = &mut self.data[group];
        data.reads.remove(&value);
        data.reads.extend(reads);
        data.members.push(inst);
        data.reduces |= reduces;
        data.first = data.first.min(inst);
    }

    /// Says that a region stores a value, and which regions read it.
    pub(super) fn add_output(&mut self, group: Group, value: Value, readers: &[Group]) {
        let data = &mut self.data[group];
        data.outputs.push(value);
        data.readers.extend(readers.iter().filter(|&&reader| reader != group));
    }

    /// The region that a name stands for now.
    pub(super) fn find(&self, mut group: Group) -> Group {
        while let Some(into) = self.merged_into[group].expand() {
            group = into;
        }
        group
    }

    /// A region, by its present name.
    pub(super) fn get(&self, group: Group) -> &GroupData {
        &self.data[group]
    }

    /// Moves everything of one region to another.
    pub(super) fn merge(&mut self, from: Group, to: Group) {
        self.merged_into[from] = to.into();
        let members = std::mem::take(&mut self.data[from].members);
        let outputs = std::mem::take(&mut self.data[from].outputs);
        let readers = std::mem::take(&mut self.data[from].readers);
        let reads = std::mem::take(&mut self.data[from].reads);
        let first = self.data[from].first;
        let data = &mut self.data[to];
        data.members.extend(members);
        data.outputs.extend(outputs);
        data.readers.extend(readers);
        data.reads.extend(reads);
        data.first = data.first.min(first);
    }

    /// Whether a path of reads leads from one region to another; true if the search would take too long.
    pub(super) fn reaches(&self, from: Group, to: Group) -> bool {
        let mut seen = EntitySet::new();
        let mut work = vec![from];
        let mut visited = 0;
        while let Some(group) = work.pop() {
            let group = self.find(group);
            if group == to {
                return true;
            }
            if seen.insert(group) {
                visited += 1;
                if visited > SEARCH_BUDGET {
                    return true;
                }
                work.extend(&self.data[group].readers);
            }
        }
        false
    }

    /// The regions in an order in which every read follows its write, the earliest first member first; `None` if there is a cycle.
    pub(super) fn in_order(mut self) -> Option<Vec<FusionRegion>> {
        let mut waiting: SecondaryMap<Group, u32> = SecondaryMap::new();
        let mut readers: SecondaryMap<Group, Vec<Group>> = SecondaryMap::new();
        let mut count = 0;
        for (group, data) in self.data.iter().filter(|(_, data)| !data.members.is_empty()) {
            count += 1;
            let mut next: Vec<Group> = data.readers.iter().map(|&reader| self.find(reader)).collect();
            next.sort_unstable();
            next.dedup();
            next.retain(|&reader| reader != group);
            for &reader in &next {
                waiting[reader] += 1;
            }
            readers[group] = next;
        }
        let key = |data: &GroupData, group: Group| (data.first, group);
        let groups = self.data.iter().filter(|(group, data)| waiting[*group] == 0 && !data.members.is_empty());
        let mut ready: BTreeSet<(Inst, Group)> = groups.map(|(group, data)| key(data, group)).collect();
        let mut regions = Vec::with_capacity(count);
        while let Some((_, group)) = ready.pop_first() {
            let data = &mut self.data[group];
            data.members.sort_unstable();
            data.outputs.sort_unstable();
            regions.push(FusionRegion {
                kind: data.kind,
                domain: data.domain.clone(),
                members: std::mem::take(&mut data.members),
                outputs: std::mem::take(&mut data.outputs),
            });
            for &next in &readers[group] {
                waiting[next] -= 1;
                if waiting[next] == 0 {
                    ready.insert(key(&self.data[next], next));
                }
            }
        }
        (regions.len() == count).then_some(regions)
    }
}
