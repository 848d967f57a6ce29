//! The function in which chosen values are computed again.

use cranelift_entity::{EntitySet, SecondaryMap};
use pullback_ir::rewrite::{ValueMap, copy_inst, copy_params, map_results};
use pullback_ir::{Builder, Function, Inst, Module, Value, Verified};

use super::Choice;
use super::model::{is_given, root};
use crate::fuse::Plan;
use crate::pass::Error;
use crate::passes::ELIMINATE_DEAD_CODE;

const NAME: &str = "rematerialize";

/// A function without calls, in which the values of a choice for it and its plan are computed again. All other instructions stay as they are and where they are.
///
/// # Errors
/// [`Error::Bug`] only.
pub fn rematerialize(
    module: &Verified<Module>,
    function: &Function,
    plan: &Plan,
    choice: &Choice,
) -> Result<Function, Error> {
    let b = Builder::new(module, &function.name);
    let mut first = ValueMap::new();
    copy_params(&b, function, &mut first);
    let late = late(plan, choice.behind);
    let away = Away::new(function, plan, choice, &late);
    let mut copy = Copy { b: &b, function, plan, away: &away, first, again: ValueMap::new() };
    for &inst in function.insts() {
        if late.contains(inst) {
            copy.late(inst);
        } else {
            copy_inst(&b, function, inst, &mut copy.first);
        }
    }
    let results = copy.first.expect_all(&b, function.results());
    let copied = b.finish(&results).map_err(|error| Error::bug(NAME, error))?;
    // What only later steps read is no longer computed early.
    Ok((ELIMINATE_DEAD_CODE.run)(module, &copied)?.into_owned())
}

/// The members of the regions that run behind a region.
fn late(plan: &Plan, behind: usize) -> EntitySet<Inst> {
    let mut late = EntitySet::new();
    late.extend(plan.regions.iter().skip(behind + 1).flat_map(|region| region.members.iter().copied()));
    late
}

/// What is not there any more when late instructions run.
struct Away {
    chosen: EntitySet<Value>,
    /// The chosen values, and what is not stored and computed from them wherever it is needed.
    values: EntitySet<Value>,
}

impl Away {
    fn new(function: &Function, plan: &Plan, choice: &Choice, late: &EntitySet<Inst>) -> Self {
        let mut chosen = EntitySet::new();
        chosen.extend(choice.values.iter().copied());
        let mut values = chosen.clone();
        for &inst in function.insts().iter().filter(|&&inst| !late.contains(inst)) {
            if function.args(inst).iter().any(|&arg| values.contains(arg)) {
                let results = function.inst_results(inst).iter().copied();
                values.extend(results.filter(|&result| !plan.stored.contains(result)));
            }
        }
        Self { chosen, values }
    }
}

struct Copy<'a, 'm> {
    b: &'a Builder<'m>,
    function: &'a Function,
    plan: &'a Plan,
    away: &'a Away,
    /// What each value became.
    first: ValueMap,
    /// What each value became that was computed again; what is kept became itself, behind a barrier.
    again: ValueMap,
}

impl Copy<'_, '_> {
    /// Appends an instruction that reads what is computed again instead of what is away.
    fn late(&mut self, inst: Inst) {
        let function = self.function;
        let args = function.args(inst);
        args.iter().filter(|&&arg| self.away.values.contains(arg)).for_each(|&arg| self.compute_again(arg));
        let new = |&arg: &Value| match self.again.get(arg).filter(|_| self.away.values.contains(arg)) {
            Some(again) => again,
            None => self.first.expect(self.b, arg),
        };
        let args: Vec<Value> = args.iter().map(new).collect();
        self.b.set_provenance(function.provenance(inst).clone());
        let results = self.b.emit_structured(function.op(inst).clone(), &args, &function.region_functions(inst));
        map_results(self.b, function, inst, &results, &mut self.first);
    }

    /// Appends the instructions that a value takes, in their order, as far as they were not appended before.
    fn compute_again(&mut self, value: Value) {
        let function = self.function;
        let (mut insts, mut work) = (SecondaryMap::<Inst, bool>::new(), vec![value]);
        let mut order: Vec<Inst> = Vec::new();
        while let Some(value) = work.pop() {
            let Some(inst) = function.def_inst(value).filter(|_| self.again.get(value).is_none()) else { continue };
            if !self.is_there(value) && !std::mem::replace(&mut insts[inst], true) {
                order.push(inst);
                work.extend(function.args(inst));
            }
        }
        order.sort_unstable();
        for inst in order {
            self.b.set_provenance(function.provenance(inst).clone());
            function.args(inst).iter().for_each(|&arg| self.keep_apart(arg));
            copy_inst(self.b, function, inst, &mut self.again);
        }
    }

    /// Whether a value is in memory, and stays there.
    fn is_there(&self, value: Value) -> bool {
        let root = root(self.function, value);
        is_given(self.function, root) || self.plan.stored.contains(root) && !self.away.chosen.contains(root)
    }

    /// Lets what is computed again read a value if it is there: one that a region stores behind a barrier, so that its readers are not merged with those of the first time.
    fn keep_apart(&mut self, value: Value) {
        if !self.is_there(value) || self.again.get(value).is_some() {
            return;
        }
        let first = self.first.expect(self.b, value);
        let is_stored = self.plan.stored.contains(root(self.function, value));
        let apart = if is_stored { self.b.barrier(&[first]).first().copied() } else { None };
        self.again.insert(value, apart.unwrap_or(first));
    }
}
