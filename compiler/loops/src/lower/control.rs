//! Loops and branches: steps around the kernels of regions.
//!
//! Nothing is copied that can be told where to be: element `i` of what a scan goes over and of what it stacks is a part of the whole array, at a
//! position that depends on the loop's counter; values from outside are where they are. The state of a loop is where its result will be, initialised by a copy
//! unless the initial value was stored there at once, and each iteration stores the next state over the last (see `reuse` for when that needs a detour).
//! A large state that the loop stacks is a row of the stack, and the next the row behind it (`stacks`).

use pullback_ir::{DType, Function, Inst, Op, ScanSpec, Value, WhileSpec};
use pullback_optimize::fuse::Nested;

use super::buffers::{Buffers, Copy, Location, Places};
use super::{Session, bug};
use crate::error::Error;
use crate::program::{Affine, Place, Space};
use crate::step::{Branch, Loop, Step, While};

impl Session {
    /// The steps of an instruction with regions.
    pub(super) fn control(
        &mut self,
        function: &Function,
        buffers: &Buffers,
        inst: Inst,
        nested: &[Nested],
    ) -> Result<Vec<Step>, Error> {
        let site = Site {
            function,
            buffers,
            inst,
            args: places(function, buffers, inst, function.args(inst))?,
            results: places(function, buffers, inst, function.inst_results(inst))?,
        };
        match (function.op(inst), nested) {
            (Op::Scan(spec), [body]) => self.scan(&site, spec, body),
            (Op::While(spec), [condition, body]) => self.while_loop(&site, spec, condition, body),
            // The selector counts from 0, false first.
            (Op::Cond, [then, otherwise]) => self.branch(&site, &[otherwise, then]),
            (Op::Switch, cases) => self.branch(&site, &cases.iter().collect::<Vec<_>>()),
            (_, _) => Err(bug(function, inst, "is not control flow with its regions")),
        }
    }

    /// Copies the initial state to where the loop has it first.
    fn initialise(&mut self, site: &Site<'_>, first: usize, states: &[Location]) -> Option<Step> {
        let pairs = site.args.iter().skip(first).zip(states).enumerate();
        let copies: Vec<Copy> = pairs
            .filter(|(_, (from, to))| from != to)
            .map(|(number, (from, to))| {
                let elements = site.function.ty(site.function.inst_results(site.inst)[number]).elements();
                Copy { from: from.clone(), to: to.clone(), elements }
            })
            .collect();
        self.copies(&copies, "state")
    }

    fn scan(&mut self, site: &Site<'_>, spec: &ScanSpec, body: &Nested) -> Result<Vec<Step>, Error> {
        let (first, _) = site.states(spec, &Affine::constant(if spec.reverse { spec.length as i64 - 1 } else { 0 }));
        let mut steps: Vec<Step> = self.initialise(site, spec.consts, &first).into_iter().collect();
        if spec.length == 0 {
            return Ok(steps);
        }
        let index = self.program.index();
        let at = if spec.reverse {
            Affine::counter(index).times(-1).plus_constant(spec.length as i64 - 1)
        } else {
            Affine::counter(index)
        };
        let (now, next) = site.states(spec, &at);
        let row = |(place, &stack): (&Location, &Value)| {
            let strides = site.buffers.strides(site.function, stack);
            let offset = place.offset.plus(&at, strides.first().copied().unwrap_or(0));
            Location { buffer: place.buffer, offset }
        };
        let (args, results) = (site.function.args(site.inst), site.function.inst_results(site.inst));
        let xs = site.args.iter().zip(args).skip(spec.consts + spec.carry).map(row);
        let ys = site.results.iter().zip(results).skip(spec.carry).map(row);
        let inner = Places {
            params: site.args.iter().take(spec.consts).cloned().chain(now).chain(xs).collect(),
            results: next.into_iter().chain(ys).collect(),
        };
        let body = self.function(&body.function, &body.plan, &inner)?;
        if !body.is_empty() {
            steps.push(Step::Loop(Box::new(Loop { index, extent: spec.length as i64, parallel: false, body })));
        }
        Ok(steps)
    }

    fn while_loop(
        &mut self,
        site: &Site<'_>,
        spec: &WhileSpec,
        condition: &Nested,
        body: &Nested,
    ) -> Result<Vec<Step>, Error> {
        let mut steps: Vec<Step> = self.initialise(site, spec.consts, &site.results).into_iter().collect();
        if spec.bound == Some(0) {
            return Ok(steps);
        }
        let params: Vec<Location> = site.args.iter().take(spec.consts).chain(&site.results).cloned().collect();
        let holds = self.buffers.buffer(&mut self.program, "condition", (DType::Bool, 1), Space::Arena(0));
        let holds = Location::whole(holds);
        let test = Places { params: params.clone(), results: vec![holds.clone()] };
        let before = self.function(&condition.function, &condition.plan, &test)?;
        let body = self.function(&body.function, &body.plan, &Places { params, results: site.results.clone() })?;
        let bound = spec.bound.map(|bound| bound as u64);
        steps.push(Step::While(Box::new(While { before, condition: scalar(&holds), body, bound })));
        Ok(steps)
    }

    fn branch(&mut self, site: &Site<'_>, cases: &[&Nested]) -> Result<Vec<Step>, Error> {
        let [selector, params @ ..] = &site.args[..] else {
            return Err(bug(site.function, site.inst, "nothing selects a region"));
        };
        let places = Places { params: params.to_vec(), results: site.results.clone() };
        let cases = cases.iter().map(|case| self.function(&case.function, &case.plan, &places));
        let cases = cases.collect::<Result<Vec<_>, _>>()?;
        if cases.iter().all(Vec::is_empty) {
            return Ok(Vec::new());
        }
        Ok(vec![Step::Branch(Box::new(Branch { selector: scalar(selector), cases }))])
    }
}

/// An instruction, and where its operands and results are.
struct Site<'a> {
    function: &'a Function,
    buffers: &'a Buffers,
    inst: Inst,
    args: Vec<Location>,
    results: Vec<Location>,
}

impl Site<'_> {
    /// Where a loop's states are during the iteration that counts the row `at`, and behind it.
    fn states(&self, spec: &ScanSpec, at: &Affine) -> (Vec<Location>, Vec<Location>) {
        let states = self.results.iter().take(spec.carry).enumerate().map(|(carry, place)| {
            let stacked = self.buffers.stacks.iter().find(|stacked| stacked.is(self.inst, carry));
            let rows = stacked.and_then(|stacked| Some(stacked.rows(self.buffers.get(stacked.stack)?, at)));
            rows.unwrap_or_else(|| (place.clone(), place.clone()))
        });
        states.unzip()
    }
}

fn places(function: &Function, buffers: &Buffers, inst: Inst, values: &[Value]) -> Result<Vec<Location>, Error> {
    let place = |&value| buffers.get(value).cloned().ok_or_else(|| bug(function, inst, "an operand is not in memory"));
    values.iter().map(place).collect()
}

fn scalar(location: &Location) -> Place {
    Place { buffer: location.buffer, index: location.offset.clone(), lane_stride: 1 }
}
