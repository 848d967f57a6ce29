//! Evaluation of functions and regions, instruction by instruction.
//!
//! Calls, branches and loops keep their own stack here rather than on the machine's, so that neither a long chain of calls nor deep
//! nesting overflows it. An array is dropped after its last use.

use std::collections::HashMap;
use std::rc::Rc;

use pullback_ir::{FuncId, Function, Module, Op, Scalar, Type};

use crate::array::Array;
use crate::control::{Loop, Next, Scan, While};
use crate::error::Error;
use crate::evaluate::{Options, compute};
use crate::indexing;
use crate::memory::{Memory, Shared};
use crate::plan::{Plan, Slot, Step};

/// An evaluation under way.
pub(crate) struct Machine<'m> {
    module: &'m Module,
    /// The function evaluated, for messages.
    function: &'m Function,
    pub(crate) memory: Rc<Memory>,
    plans: HashMap<FuncId, Rc<Plan<'m>>>,
    steps: u64,
    step_limit: u64,
}

/// What a frame wants next.
enum Action<'m> {
    Continue,
    Enter(Frame<'m>),
    Leave(Vec<Shared>),
}

impl<'m> Machine<'m> {
    pub(crate) fn new(module: &'m Module, function: &'m Function, options: &Options) -> Self {
        let memory = Memory::new(options.memory_limit);
        Self { module, function, memory, plans: HashMap::new(), steps: 0, step_limit: options.step_limit }
    }

    /// The results of a function of the module.
    pub(crate) fn run(&mut self, func: FuncId, inputs: Vec<Shared>) -> Result<Vec<Shared>, Error> {
        let mut stack = vec![Frame::enter(&self.plan(func), inputs)];
        let mut action = Action::Continue;
        loop {
            // The loop ends with the outermost frame; the stack is never empty before.
            let Some(frame) = stack.last_mut() else { return Err(Error::NoFunction(func.as_u32())) };
            action = match action {
                Action::Continue => frame.advance(self)?,
                Action::Enter(inner) => {
                    stack.push(inner);
                    Action::Continue
                }
                Action::Leave(results) => {
                    stack.pop();
                    match stack.last_mut() {
                        None => return Ok(results),
                        Some(outer) => outer.resume(results, self)?,
                    }
                }
            };
        }
    }

    fn plan(&mut self, func: FuncId) -> Rc<Plan<'m>> {
        let function = self.module.function(func);
        self.plans.entry(func).or_insert_with(|| Plan::new(function, function.body_region())).clone()
    }

    /// Counts an instruction or an iteration: a loop without instructions must end too.
    fn count(&mut self) -> Result<(), Error> {
        if self.steps >= self.step_limit {
            return Err(Error::Steps { function: self.function.name.to_string(), limit: self.step_limit });
        }
        self.steps += 1;
        Ok(())
    }
}

/// A function or region being evaluated.
struct Frame<'m> {
    plan: Rc<Plan<'m>>,
    /// The index of the next instruction, or of the one whose callee or region is being evaluated.
    next: usize,
    slots: Vec<Option<Shared>>,
    /// The state of that instruction, if it is a loop.
    looping: Option<Loop>,
}

impl<'m> Frame<'m> {
    fn enter(plan: &Rc<Plan<'m>>, args: Vec<Shared>) -> Self {
        let mut slots = vec![None; plan.slots];
        for (slot, arg) in plan.params.iter().zip(args) {
            if let Some(place) = slot.and_then(|slot| slots.get_mut(slot)) {
                *place = Some(arg);
            }
        }
        Self { plan: plan.clone(), next: 0, slots, looping: None }
    }

    /// Evaluates the next instruction, or begins to.
    fn advance(&mut self, machine: &mut Machine<'m>) -> Result<Action<'m>, Error> {
        let plan = self.plan.clone();
        let Some(step) = plan.steps.get(self.next) else {
            return Ok(Action::Leave(self.take(&plan.results, &[])?));
        };
        machine.count()?;
        let branch = |position: usize, args| enter(step, position, args);
        match step.op {
            Op::Call(callee) => {
                let args = self.take(&step.args, &step.last)?;
                Ok(Action::Enter(Self::enter(&machine.plan(*callee), args)))
            }
            Op::CustomDerivative(_) | Op::Checkpoint => branch(0, self.take(&step.args, &step.last)?),
            Op::Cond | Op::Switch => {
                let mut args = self.take(&step.args, &step.last)?;
                let selector = if args.is_empty() { None } else { args.remove(0).get(0) };
                branch(selected(selector, step.regions.len()), args)
            }
            Op::Scan(spec) => {
                let args = self.take(&step.args, &step.last)?;
                let types: Vec<&Type> = step.results.iter().map(|result| result.0).collect();
                self.looping = Some(Loop::Scan(Scan::new(**spec, args, &types, &machine.memory)?));
                self.iterate(machine)
            }
            Op::While(spec) => {
                let args = self.take(&step.args, &step.last)?;
                self.looping = Some(Loop::While(While::new(**spec, args)));
                self.iterate(machine)
            }
            op => {
                let results = self.compute(op, step, machine)?;
                self.define(results);
                Ok(Action::Continue)
            }
        }
    }

    /// Takes what the callee or region of the current instruction returned.
    fn resume(&mut self, results: Vec<Shared>, machine: &mut Machine<'m>) -> Result<Action<'m>, Error> {
        match &mut self.looping {
            None => {
                self.define(results);
                Ok(Action::Continue)
            }
            Some(state) => {
                state.absorb(results)?;
                self.iterate(machine)
            }
        }
    }

    /// Begins the next iteration of the current loop, or ends it.
    fn iterate(&mut self, machine: &mut Machine<'m>) -> Result<Action<'m>, Error> {
        let Some(state) = &mut self.looping else { return Ok(Action::Continue) };
        match state.next(&machine.memory)? {
            Next::Run { region, args } => {
                machine.count()?;
                let plan = self.plan.clone();
                let step = plan.steps.get(self.next).ok_or_else(undefined)?;
                enter(step, region, args)
            }
            Next::Done(results) => {
                self.looping = None;
                self.define(results);
                Ok(Action::Continue)
            }
        }
    }

    /// The results of an instruction without regions.
    fn compute(&mut self, op: &Op, step: &Step<'m>, machine: &Machine<'m>) -> Result<Vec<Shared>, Error> {
        if matches!(op, Op::DynamicUpdateSlice)
            && let Some(updated) = self.update_in_place(step)?
        {
            return Ok(vec![updated]);
        }
        let mut charges = Vec::with_capacity(1);
        for (ty, _) in &step.results {
            charges.push(machine.memory.charge(ty.bytes(), || format!("the result {ty} of {}", op.name()))?);
        }
        let args = self.take(&step.args, &[])?;
        let args: Vec<&Array> = args.iter().map(|arg| &***arg).collect();
        let types: Vec<&Type> = step.results.iter().map(|result| result.0).collect();
        let results = compute(op, &args, &types)?;
        drop(args);
        self.release(&step.last);
        Ok(charges.into_iter().zip(results).map(|(charge, array)| charge.hold(array)).collect())
    }

    /// The result of `dynamic_update_slice` in the memory of its operand, if nothing else owns that: a loop that fills a tensor is
    /// not to copy it in every iteration.
    fn update_in_place(&mut self, step: &Step<'m>) -> Result<Option<Shared>, Error> {
        let [target, ref rest @ ..] = step.args[..] else { return Ok(None) };
        if !step.last.contains(&target) || rest.contains(&target) {
            return Ok(None);
        }
        let rest = self.take(rest, &[])?;
        let rest: Vec<&Array> = rest.iter().map(|arg| &***arg).collect();
        let Some(place) = self.slots.get_mut(target) else { return Ok(None) };
        let Some(held) = place.as_mut().and_then(Rc::get_mut) else { return Ok(None) };
        let [update, ref starts @ ..] = rest[..] else { return Ok(None) };
        indexing::write_box(held.array_mut(), update, starts)?;
        let updated = place.take();
        self.release(&step.last);
        Ok(updated)
    }

    /// The values in `slots`; those in `last` are given up here.
    fn take(&mut self, slots: &[Slot], last: &[Slot]) -> Result<Vec<Shared>, Error> {
        let found: Option<Vec<Shared>> =
            slots.iter().map(|&slot| self.slots.get(slot).and_then(Option::as_ref).cloned()).collect();
        self.release(last);
        found.ok_or_else(undefined)
    }

    fn release(&mut self, slots: &[Slot]) {
        for &slot in slots {
            if let Some(place) = self.slots.get_mut(slot) {
                *place = None;
            }
        }
    }

    /// Takes the results of the current instruction and goes to the next.
    fn define(&mut self, results: Vec<Shared>) {
        if let Some(step) = self.plan.steps.get(self.next) {
            for ((_, slot), array) in step.results.iter().zip(results) {
                if let Some(place) = slot.and_then(|slot| self.slots.get_mut(slot)) {
                    *place = Some(array);
                }
            }
        }
        self.next += 1;
    }
}

fn enter<'m>(step: &Step<'m>, region: usize, args: Vec<Shared>) -> Result<Action<'m>, Error> {
    let plan = step.regions.get(region).ok_or_else(undefined)?;
    Ok(Action::Enter(Frame::enter(plan, args)))
}

/// The region that `cond` (the first if true) or `switch` (the index, clamped) runs.
fn selected(selector: Option<Scalar>, regions: usize) -> usize {
    let index = match selector {
        Some(Scalar::Bool(holds)) => i64::from(!holds),
        Some(index) => indexing::integer(index),
        None => 0,
    };
    index.clamp(0, (regions as i64 - 1).max(0)) as usize
}

fn undefined() -> Error {
    Error::Op { op: "use", message: "a value or region is used that does not exist".into() }
}
