//! Who reads a value, and where.
//!
//! A member of a region is evaluated at *sites*. The first is the position of the region's outputs. Each view that a value is read through,
//! each reduction that reads it and each part of a pad or concatenation is another site: there the value is evaluated at other positions, in other
//! loops, as code of its own. A value that would be evaluated at two sites of a region is stored instead, so that nothing is
//! computed twice and code does not grow.

use std::collections::HashMap;

use cranelift_entity::SecondaryMap;
use pullback_ir::{Inst, Op, Value};

use super::access::{Repetition, Role, repetition, role};
use super::grouping::Grouping;
use super::regions::Group;
use super::result;

/// Where in a region a value is evaluated.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub(super) struct Site(u32);

impl Site {
    /// The position of the region's outputs.
    pub(super) const DOMAIN: Self = Self(0);
}

/// Gives the same site the same number: the value read through or by, which of its operands, and its own site.
#[derive(Default)]
pub(super) struct Sites(HashMap<(Value, usize, Site), Site>);

impl Sites {
    fn intern(&mut self, value: Value, operand: usize, within: Site) -> Site {
        let next = Site(self.0.len() as u32 + 1);
        *self.0.entry((value, operand, within)).or_insert(next)
    }
}

/// What is known of the place of a member.
#[derive(Clone, Copy, Default)]
pub(super) struct Place {
    pub(super) site: Site,
    /// How many operations up from here, this one included, are evaluated more than once per position; 0 if this one is not.
    pub(super) repeated: u32,
    /// How many reductions this is inside of.
    pub(super) folds: u32,
}

/// The places of all members.
pub(super) type Places = SecondaryMap<Inst, Place>;

/// How a member of a region reads a value, through views and recomputed values.
#[derive(Clone, Copy)]
pub(super) struct Consumer {
    pub(super) group: Group,
    /// Where the value is evaluated for it.
    pub(super) place: Place,
    /// Each position is needed so often that it has to be in memory.
    pub(super) often: bool,
}

/// A value on the way from the one asked about to a consumer.
#[derive(Clone, Copy)]
struct Path {
    value: Value,
    /// The last view on the way, and whether the way leads to what it is of, not to its position.
    view: Option<(Value, bool)>,
    repeats: bool,
}

impl Grouping<'_> {
    /// Everything placed that reads a value.
    pub(super) fn consumers(&mut self, value: Value) -> Vec<Consumer> {
        let mut found = Vec::new();
        let mut work = vec![Path { value, view: None, repeats: false }];
        while let Some(path) = work.pop() {
            for position in 0..self.uses.by[path.value].len() {
                let user = self.uses.by[path.value][position];
                let Some(result) = result(self.function, user) else { continue };
                if let Some(group) = self.group_of[user].expand() {
                    let group = self.regions.find(group);
                    self.consumers_in(user, result, group, path, &mut found);
                }
                let is_free = role(self.function, user) == Role::Free;
                if is_free && self.is_live(user) {
                    let repeats = path.repeats || repetition(self.function, user, 0) != Repetition::None;
                    let is_viewed = self.function.args(user).first() == Some(&path.value);
                    work.push(Path { value: result, view: Some((result, is_viewed)), repeats });
                } else if self.recomputed.contains(user) {
                    work.push(Path { value: result, ..path });
                }
            }
        }
        found
    }

    /// One entry per operand of `user` that the path leads to and that is evaluated at a site of its own.
    fn consumers_in(&mut self, user: Inst, result: Value, group: Group, path: Path, found: &mut Vec<Consumer>) {
        let Place { site, repeated, folds } = self.places[user];
        let role = role(self.function, user);
        let own_site = matches!(
            role,
            Role::Reducing | Role::Gathering | Role::Assembling | Role::Contraction | Role::Control | Role::Free
        );
        let operands = self.function.args(user).iter().enumerate().filter(|&(_, &arg)| arg == path.value);
        let operands: Vec<usize> = operands.map(|(operand, _)| operand).collect();
        for operand in operands {
            // The scalars that say where an update goes are read at one place.
            let slot = if matches!(self.function.op(user), Op::DynamicUpdateSlice) { operand.min(2) } else { operand };
            let inner = if own_site { self.sites.intern(result, slot, site) } else { site };
            let site = path.view.map_or(inner, |(view, viewed)| self.sites.intern(view, usize::from(!viewed), inner));
            let repetition = repetition(self.function, user, operand);
            let repeats = path.repeats || repetition != Repetition::None || repeated > 0;
            let repeated = if repeats { repeated + 1 } else { 0 };
            let folds = folds + u32::from(role == Role::Reducing);
            let often = repetition == Repetition::Often;
            found.push(Consumer { group, place: Place { site, repeated, folds }, often });
            if !own_site {
                break;
            }
        }
    }
}
