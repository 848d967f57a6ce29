//! The algorithm behind [`fuse`](super::fuse): one pass from the last instruction to the first.

use cranelift_entity::packed_option::PackedOption;
use cranelift_entity::{EntitySet, PrimaryMap, SecondaryMap, entity_impl};
use pullback_ir::{Function, Inst, Op, Shape, Value};

use super::access::{Role, is_cheap, role};
use super::{Decision, FuseOptions, FusionRegion, MAX_MEMBERS, Plan, RegionKind, Uses, Verdict, result};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Group(u32);
entity_impl!(Group, "region");

struct GroupData {
    kind: RegionKind,
    domain: Shape,
    members: Vec<Inst>,
    outputs: Vec<Value>,
}

/// How a placed instruction reads a value, views in between followed.
struct Consumer {
    inst: Inst,
    /// Same positions: no view in between that moves or repeats them.
    direct: bool,
    /// One position of the value is needed at several positions of the consumer.
    repeats: bool,
}

/// Chains of views and recomputed values longer than this are cut by a store, which bounds the recursion of lowering.
const MAX_CHAIN: u32 = 64;

/// How many regions one search for a path back may visit before it gives up and assumes there is one.
const SEARCH_BUDGET: usize = 256;

pub(super) struct Grouping<'a> {
    function: &'a Function,
    options: FuseOptions,
    uses: Uses,
    groups: PrimaryMap<Group, GroupData>,
    group_of: SecondaryMap<Inst, PackedOption<Group>>,
    recomputed: EntitySet<Inst>,
    stored: EntitySet<Value>,
    /// Length of the longest chain of free or recomputed values from a value towards a region.
    chain: SecondaryMap<Value, u32>,
    decisions: Vec<Decision>,
}

impl<'a> Grouping<'a> {
    pub(super) fn new(function: &'a Function, options: FuseOptions) -> Self {
        Self {
            function,
            options,
            uses: Uses::new(function),
            groups: PrimaryMap::new(),
            group_of: SecondaryMap::new(),
            recomputed: EntitySet::new(),
            stored: EntitySet::new(),
            chain: SecondaryMap::new(),
            decisions: Vec::new(),
        }
    }

    pub(super) fn run(mut self) -> Plan {
        for &inst in self.function.insts().iter().rev() {
            if let Some(value) = result(self.function, inst)
                && (!self.uses.by[value].is_empty() || self.uses.returned.contains(value))
            {
                self.place(inst, value);
            }
        }
        self.finish()
    }

    fn place(&mut self, inst: Inst, value: Value) {
        match role(self.function, inst) {
            Role::Free => self.place_free(inst, value),
            Role::Elementwise => self.place_member(inst, value, true),
            Role::Reducing => self.place_member(inst, value, false),
            Role::Assembling => {
                self.start(inst, value, RegionKind::Assemble(inst), "pads and concatenations store their parts")
            }
            Role::Contraction => {
                self.start(inst, value, RegionKind::Contraction(inst), "a contraction for the packed kernel")
            }
            Role::Alias | Role::Array | Role::Call => {}
        }
    }

    /// A free value is stored only for those that need it in memory.
    fn place_free(&mut self, inst: Inst, value: Value) {
        let chain = self.chain_above(value);
        if self.is_demanded(value) || chain >= MAX_CHAIN {
            self.start(inst, value, RegionKind::Loop, "needed in memory");
        } else {
            self.chain[value] = chain + 1;
        }
    }

    fn place_member(&mut self, inst: Inst, value: Value, elementwise: bool) {
        if !self.options.enabled {
            return self.start(inst, value, RegionKind::Loop, "fusion is off");
        }
        let consumers = self.consumers(value);
        let demanded = self.is_demanded(value);
        let cheap = elementwise && is_cheap(self.function.op(inst));
        self.merge_consumers(value, &consumers);
        let groups = self.groups_of(&consumers);
        if let (false, &[group]) = (demanded, &groups[..]) {
            let reason = self.reason_to_store(group, &consumers, cheap, elementwise);
            match reason {
                None => return self.join(inst, value, group, false, "all its consumers are in this region"),
                Some(reason) => return self.store(inst, value, &consumers, reason),
            }
        }
        if !demanded && cheap && self.is_of_one_value(inst) && self.chain_above(value) < MAX_CHAIN / 16 {
            self.recomputed.insert(inst);
            self.chain[value] = self.chain_above(value) + 1;
            return self.decide(value, Verdict::Recomputed, "cheaper to compute again than to store and load");
        }
        let reason = if demanded { "needed in memory" } else { "its consumers are in several regions" };
        self.store(inst, value, &consumers, reason);
    }

    /// Why a value whose consumers are all in `group` cannot stay in its registers, if so.
    fn reason_to_store(
        &self,
        group: Group,
        consumers: &[Consumer],
        cheap: bool,
        elementwise: bool,
    ) -> Option<&'static str> {
        let data = &self.groups[group];
        if matches!(data.kind, RegionKind::Contraction(_)) {
            return Some("the packed kernel reads it from memory");
        }
        if data.members.len() >= MAX_MEMBERS {
            return Some("the region is full");
        }
        let reads_inside_dot = |c: &Consumer| matches!(self.function.op(c.inst), Op::Dot(_));
        if consumers.iter().any(|c| c.repeats && !cheap || reads_inside_dot(c)) {
            return Some("each position is needed many times");
        }
        let all_direct = consumers.iter().all(|c| c.direct);
        let reduced = consumers.iter().any(|c| self.is_reducing(c.inst));
        if consumers.len() > 1 && !(all_direct && (cheap || !reduced)) {
            return Some("it is read at several positions");
        }
        if !elementwise && !all_direct {
            return Some("a reduction is computed once, by loops over its own positions");
        }
        None
    }

    /// Makes one region of the regions that read a value at exactly its positions and do not depend on each other: they then share the
    /// value, and their loops.
    fn merge_consumers(&mut self, value: Value, consumers: &[Consumer]) {
        let shape = &self.function.ty(value).shape;
        let fits = |group: &Group| {
            let data = &self.groups[*group];
            // A reduction may want other loops than its neighbours: the lanes of a region are those of all its members.
            let reduces = data.members.iter().any(|&inst| self.is_reducing(inst));
            data.kind == RegionKind::Loop && data.domain == *shape && !reduces
        };
        let plain = |c: &Consumer| c.direct && !self.is_reducing(c.inst);
        let mut candidates = self.groups_of(consumers);
        candidates.retain(|group| {
            let mut here = consumers.iter().filter(|c| self.group_of[c.inst].expand() == Some(*group));
            fits(group) && here.all(plain)
        });
        let mut merged: Vec<Group> = Vec::new();
        for group in candidates {
            let home = merged.iter().copied().find(|&home| {
                self.groups[home].members.len() + self.groups[group].members.len() < MAX_MEMBERS
                    && !self.reaches(home, group)
                    && !self.reaches(group, home)
            });
            match home {
                Some(home) => self.merge(group, home),
                None => merged.push(group),
            }
        }
    }

    /// Moves everything of one region to another, and leaves it empty.
    fn merge(&mut self, from: Group, to: Group) {
        let members = std::mem::take(&mut self.groups[from].members);
        let outputs = std::mem::take(&mut self.groups[from].outputs);
        for &inst in &members {
            self.group_of[inst] = to.into();
        }
        self.groups[to].members.extend(members);
        self.groups[to].outputs.extend(outputs);
    }

    /// Stores a value, as a further output of a consumer's region if that is possible.
    fn store(&mut self, inst: Inst, value: Value, consumers: &[Consumer], reason: &'static str) {
        let shape = &self.function.ty(value).shape;
        let groups = self.groups_of(consumers);
        let home = groups.iter().copied().find(|&group| {
            let data = &self.groups[group];
            let reads_here = |consumer: &Consumer| consumer.direct && !self.is_reducing(consumer.inst);
            data.kind == RegionKind::Loop
                && data.domain == *shape
                && data.members.len() < MAX_MEMBERS
                && consumers.iter().filter(|c| self.groups_of(std::slice::from_ref(c)).contains(&group)).all(reads_here)
                && !groups.iter().any(|&other| other != group && self.reaches(other, group))
                && !self.demand_reaches(value, group)
        });
        match home {
            Some(group) => {
                self.join(inst, value, group, true, reason);
            }
            None => self.start(inst, value, RegionKind::Loop, reason),
        }
    }

    fn start(&mut self, inst: Inst, value: Value, kind: RegionKind, reason: &'static str) {
        let domain = self.function.ty(value).shape.clone();
        let group = self.groups.push(GroupData { kind, domain, members: vec![inst], outputs: vec![value] });
        self.group_of[inst] = group.into();
        self.stored.insert(value);
        self.decide(value, Verdict::Stored, reason);
    }

    fn join(&mut self, inst: Inst, value: Value, group: Group, output: bool, reason: &'static str) {
        self.groups[group].members.push(inst);
        self.group_of[inst] = group.into();
        if output {
            self.groups[group].outputs.push(value);
            self.stored.insert(value);
        }
        self.decide(value, if output { Verdict::FusedOutput } else { Verdict::Fused }, reason);
    }

    fn decide(&mut self, value: Value, verdict: Verdict, reason: &'static str) {
        self.decisions.push(Decision { value, verdict, reason });
    }

    fn is_reducing(&self, inst: Inst) -> bool {
        role(self.function, inst) == Role::Reducing
    }

    /// Whether the caller, an alias or a contraction needs the value in memory.
    fn is_demanded(&self, value: Value) -> bool {
        self.uses.returned.contains(value)
            || self.uses.by[value].iter().any(|&user| match role(self.function, user) {
                Role::Alias | Role::Contraction => self.is_live(user),
                Role::Free | Role::Elementwise | Role::Reducing | Role::Assembling | Role::Array | Role::Call => false,
            })
    }

    fn is_live(&self, inst: Inst) -> bool {
        result(self.function, inst)
            .is_some_and(|value| !self.uses.by[value].is_empty() || self.uses.returned.contains(value))
    }

    fn chain_above(&self, value: Value) -> u32 {
        let users = self.uses.by[value].iter();
        users.filter_map(|&user| result(self.function, user)).map(|result| self.chain[result]).max().unwrap_or(0)
    }

    /// Whether all operands but splats are one value: recomputing then reads no more memory than reading the result.
    fn is_of_one_value(&self, inst: Inst) -> bool {
        let mut operands = self.function.args(inst).iter().filter(|&&arg| {
            let splat = self.function.def_inst(arg).map(|def| self.function.op(def));
            !matches!(splat, Some(Op::Constant(literal)) if literal.as_splat().is_some())
        });
        let first = operands.next();
        operands.all(|operand| Some(operand) == first)
    }

    /// Everything that reads a value, through free and recomputed values.
    fn consumers(&self, value: Value) -> Vec<Consumer> {
        let mut found = Vec::new();
        let mut work = vec![(value, true, false)];
        while let Some((value, direct, repeats)) = work.pop() {
            for &user in &self.uses.by[value] {
                let Some(result) = result(self.function, user) else { continue };
                if self.group_of[user].is_some() {
                    found.push(Consumer { inst: user, direct, repeats });
                }
                let passes_on = role(self.function, user) == Role::Free || self.recomputed.contains(user);
                if passes_on && self.is_live(user) {
                    let moves = !self.recomputed.contains(user);
                    let widens = matches!(self.function.op(user), Op::Broadcast(_));
                    work.push((result, direct && !moves, repeats || widens));
                }
            }
        }
        found
    }

    fn groups_of(&self, consumers: &[Consumer]) -> Vec<Group> {
        let mut groups: Vec<Group> = consumers.iter().filter_map(|c| self.group_of[c.inst].expand()).collect();
        groups.sort_unstable();
        groups.dedup();
        groups
    }

    /// The regions that read what a region stores.
    fn successors(&self, group: Group) -> Vec<Group> {
        let mut next = Vec::new();
        for &output in &self.groups[group].outputs {
            next.extend(self.groups_of(&self.consumers(output)));
            next.extend(self.readers_of_aliases(output));
        }
        next.retain(|&other| other != group);
        next
    }

    /// The regions that read a value's memory under another shape.
    fn readers_of_aliases(&self, value: Value) -> Vec<Group> {
        let mut groups = Vec::new();
        let mut work = vec![value];
        while let Some(value) = work.pop() {
            for &user in &self.uses.by[value] {
                if let (Role::Alias, Some(alias)) = (role(self.function, user), result(self.function, user)) {
                    groups.extend(self.groups_of(&self.consumers(alias)));
                    work.push(alias);
                }
            }
        }
        groups
    }

    fn demand_reaches(&self, value: Value, group: Group) -> bool {
        self.readers_of_aliases(value).into_iter().any(|other| other == group || self.reaches(other, group))
    }

    /// Whether a path of reads leads from one region to another.
    fn reaches(&self, from: Group, to: Group) -> bool {
        let mut seen = EntitySet::new();
        let mut work = vec![from];
        let mut visited = 0;
        while let Some(group) = work.pop() {
            if group == to {
                return true;
            }
            if seen.insert(group) {
                visited += 1;
                if visited > SEARCH_BUDGET {
                    return true;
                }
                work.extend(self.successors(group));
            }
        }
        false
    }

    /// Puts the regions in an order in which every read follows its write, earliest first instruction first.
    fn finish(mut self) -> Plan {
        for (_, data) in self.groups.iter_mut() {
            data.members.sort_unstable();
            data.outputs.sort_unstable();
        }
        let mut waiting: SecondaryMap<Group, u32> = SecondaryMap::new();
        let successors: PrimaryMap<Group, Vec<Group>> = self
            .groups
            .keys()
            .map(|group| {
                let mut next = self.successors(group);
                next.sort_unstable();
                next.dedup();
                next
            })
            .collect();
        // Merged regions are empty: nothing leads to or from them.
        for next in successors.values().flatten() {
            waiting[*next] += 1;
        }
        let key = |group: Group| (self.groups[group].members.first().copied(), group);
        let mut ready: std::collections::BTreeSet<_> = self
            .groups
            .keys()
            .filter(|&group| waiting[group] == 0 && !self.groups[group].members.is_empty())
            .map(key)
            .collect();
        let mut regions = Vec::with_capacity(self.groups.len());
        while let Some((_, group)) = ready.pop_first() {
            let data = &self.groups[group];
            regions.push(FusionRegion {
                kind: data.kind,
                domain: data.domain.clone(),
                members: data.members.clone(),
                outputs: data.outputs.clone(),
            });
            for &next in &successors[group] {
                waiting[next] -= 1;
                if waiting[next] == 0 {
                    ready.insert(key(next));
                }
            }
        }
        self.decisions.reverse();
        Plan { regions, stored: self.stored, decisions: self.decisions }
    }
}
