//! Eliminates dead code: what no result depends on, inside regions too.
//!
//! Why: every other pass leaves behind what it made superfluous, and differentiation builds residuals that no cotangent
//! reads. No operation has an effect, so being unused is enough.
//!
//! Control flow shrinks: a `scan` loses stacked results that nobody reads, state that only feeds itself, and operands that its body does not use; a
//! `while` keeps the state that its condition needs; branches lose results and operands; `optimization_barrier` and `sort` lose results that are
//! unused with their operands. What a `custom_derivative` or `transpose_rule` takes and gives is part of its rule's type and stays.
//!
//! Liveness is of values, across all levels at once: a parameter of a region that is live makes what it stands for live, by a worklist, so the work
//! is linear in the size of the function however deep loops nest.
//!
//! After: every instruction has a result that a result of the function depends on. Parameters of the function stay, they are its
//! interface.

use cranelift_entity::{EntitySet, SecondaryMap};
use pullback_ir::function::ValueDef;
use pullback_ir::rewrite::ValueMap;
use pullback_ir::{BuildError, Builder, Function, Inst, Module, Op, Region, Value, Verified};

use crate::pass::{Changed, Error, Pass};

/// The pass.
pub static ELIMINATE_DEAD_CODE: Pass = Pass {
    name: "eliminate_dead_code",
    about: "remove what no result depends on",
    may_change: |_| true,
    waits: false,
    run,
};

fn run<'f>(module: &Verified<Module>, function: &'f Function) -> Result<Changed<'f>, Error> {
    let live = Liveness::of(function);
    if function.all_insts().iter().all(|&inst| live.is_whole(inst)) {
        return Ok(Changed::Borrowed(function));
    }
    let params = function.params().to_vec();
    let results = function.results().to_vec();
    live.copy(module, function.body_region(), &function.name, &params, &results)
        .map(Changed::Owned)
        .map_err(|error| Error::bug(ELIMINATE_DEAD_CODE.name, error))
}

/// Which values are needed.
struct Liveness<'a> {
    function: &'a Function,
    /// The instruction that each region belongs to; `None` for the body.
    owners: SecondaryMap<Region, Option<Inst>>,
    live: EntitySet<Value>,
    work: Vec<Value>,
}

/// What stays of an instruction.
struct Kept {
    op: Op,
    args: Vec<Value>,
    results: Vec<Value>,
    /// For each region the parameters and the values yielded.
    regions: Vec<(Vec<Value>, Vec<Value>)>,
}

impl<'a> Liveness<'a> {
    fn of(function: &'a Function) -> Self {
        let mut owners = SecondaryMap::new();
        for inst in function.all_insts() {
            for &region in function.inst_regions(inst) {
                owners[region] = Some(inst);
            }
        }
        let mut liveness = Self { function, owners, live: EntitySet::new(), work: Vec::new() };
        liveness.mark(function.results());
        while let Some(value) = liveness.work.pop() {
            liveness.require(value);
        }
        liveness
    }

    fn mark(&mut self, values: &[Value]) {
        for &value in values {
            if !self.live.contains(value) {
                self.live.insert(value);
                self.work.push(value);
            }
        }
    }

    fn mark_at(&mut self, values: &[Value], position: usize) {
        if let Some(value) = values.get(position..=position) {
            self.mark(value);
        }
    }

    /// Marks what a live value needs directly.
    fn require(&mut self, value: Value) {
        match self.function.def(value) {
            ValueDef::Result(inst, position) => self.require_result(inst, position),
            ValueDef::Param(region, position) => {
                if let Some(owner) = self.owners[region] {
                    self.require_param(owner, position);
                }
            }
        }
    }

    fn require_result(&mut self, inst: Inst, position: usize) {
        let function = self.function;
        let args = function.args(inst);
        let regions = function.inst_regions(inst);
        match function.op(inst) {
            Op::Scan(spec) if position < spec.carry => self.require_state(inst, spec.consts, position),
            Op::Scan(_) => self.mark_at(&function.region(regions[0]).results, position),
            Op::While(spec) => {
                self.mark(&function.region(regions[0]).results);
                self.require_state(inst, spec.consts, position);
            }
            Op::Cond | Op::Switch => {
                self.mark_at(args, 0);
                for &region in regions {
                    self.mark_at(&function.region(region).results, position);
                }
            }
            Op::Checkpoint => self.mark_at(&function.region(regions[0]).results, position),
            Op::Barrier => self.mark_at(args, position),
            Op::Sort { keys, .. } => {
                self.mark(args.get(..*keys).unwrap_or(args));
                self.mark_at(args, position);
            }
            _ => {
                self.mark(args);
                for &region in regions {
                    self.mark(&function.region(region).params);
                    self.mark(&function.region(region).results);
                }
            }
        }
    }

    /// Marks the initial value and the next value of a loop's state; the body is its last region.
    fn require_state(&mut self, inst: Inst, consts: usize, position: usize) {
        let function = self.function;
        self.mark_at(function.args(inst), consts + position);
        if let Some(&body) = function.inst_regions(inst).last() {
            self.mark_at(&function.region(body).results, position);
        }
    }

    fn require_param(&mut self, owner: Inst, position: usize) {
        let args = self.function.args(owner);
        match self.function.op(owner) {
            Op::Scan(spec) => match position.checked_sub(spec.consts) {
                Some(state) if state < spec.carry => self.require_state(owner, spec.consts, state),
                _ => self.mark_at(args, position),
            },
            Op::While(spec) => match position.checked_sub(spec.consts) {
                Some(state) => self.require_state(owner, spec.consts, state),
                None => self.mark_at(args, position),
            },
            Op::Cond | Op::Switch => self.mark_at(args, position + 1),
            Op::Checkpoint => self.mark_at(args, position),
            // All operands are live with the instruction.
            _ => {}
        }
    }

    fn is_live(&self, value: Value) -> bool {
        self.live.contains(value)
    }

    /// Whether an instruction stays as it is.
    fn is_whole(&self, inst: Inst) -> bool {
        let function = self.function;
        let used = function.inst_results(inst).iter().any(|&result| self.is_live(result));
        let divisible = matches!(function.op(inst), Op::Barrier | Op::Sort { .. });
        if function.inst_regions(inst).is_empty() && !divisible {
            return used;
        }
        used && {
            let kept = self.kept(inst);
            let regions = function.inst_regions(inst).iter().map(|&region| function.region(region));
            kept.args.len() == function.args(inst).len()
                && kept.results.len() == function.inst_results(inst).len()
                && regions.zip(&kept.regions).all(|(data, (params, _))| params.len() == data.params.len())
        }
    }

    /// What stays of a live instruction.
    fn kept(&self, inst: Inst) -> Kept {
        let function = self.function;
        let mut op = function.op(inst).clone();
        let (keep_args, keep_results) = self.positions(inst, &mut op);
        let shrinks = matches!(op, Op::Scan(_) | Op::While(_) | Op::Cond | Op::Switch | Op::Checkpoint);
        let selectors = usize::from(matches!(op, Op::Cond | Op::Switch));
        let regions = function.inst_regions(inst).iter().enumerate().map(|(position, &region)| {
            let region = function.region(region);
            if !shrinks {
                return (region.params.clone(), region.results.clone());
            }
            let is_condition = matches!(op, Op::While(_)) && position == 0;
            let results = if is_condition { region.results.clone() } else { pick(&region.results, &keep_results) };
            (pick(&region.params, &keep_args[selectors..]), results)
        });
        let regions = regions.collect();
        let args = pick(function.args(inst), &keep_args);
        let results = pick(function.inst_results(inst), &keep_results);
        Kept { op, args, results, regions }
    }

    /// Which operands and which results of a live instruction stay; the counts in its attributes follow.
    fn positions(&self, inst: Inst, op: &mut Op) -> (Vec<bool>, Vec<bool>) {
        let function = self.function;
        let regions: Vec<_> = function.inst_regions(inst).iter().map(|&region| function.region(region)).collect();
        let mut results: Vec<bool> = function.inst_results(inst).iter().map(|&result| self.is_live(result)).collect();
        // Of each position: whether some region uses its parameter.
        let mut used: Vec<bool> = (0..regions.first().map_or(0, |region| region.params.len()))
            .map(|position| regions.iter().any(|region| self.is_live(region.params[position])))
            .collect();
        let count = |keep: &[bool]| keep.iter().filter(|&&keep| keep).count();
        match op {
            Op::Scan(spec) => {
                let (consts, carry) = (spec.consts, spec.carry);
                keep_state(&mut used[consts..consts + carry], &mut results[..carry]);
                (spec.consts, spec.carry) = (count(&used[..consts]), count(&results[..carry]));
                (used, results)
            }
            Op::While(spec) => {
                keep_state(&mut used[spec.consts..], &mut results);
                spec.consts = count(&used[..spec.consts]);
                (used, results)
            }
            Op::Cond | Op::Switch => (std::iter::once(true).chain(used).collect(), results),
            Op::Checkpoint => (used, results),
            Op::Barrier => (results.clone(), results),
            Op::Sort { keys, .. } => {
                results[..*keys].fill(true);
                (results.clone(), results)
            }
            // Whole, whatever it is.
            _ => (vec![true; function.args(inst).len()], vec![true; results.len()]),
        }
    }

    /// A copy of what is live of a region, with these parameters and results. The recursion is as deep as regions nest.
    fn copy(
        &self,
        module: &Module,
        region: Region,
        name: &str,
        params: &[Value],
        results: &[Value],
    ) -> Result<Function, BuildError> {
        let function = self.function;
        let b = Builder::new(module, name);
        let mut map = ValueMap::new();
        for (position, &param) in params.iter().enumerate() {
            let name = function.value_name(param).map_or_else(|| format!("arg{position}"), ToString::to_string);
            map.insert(param, b.param(&name, function.ty(param).clone()));
        }
        for &inst in &function.region(region).insts {
            if !function.inst_results(inst).iter().any(|&result| self.is_live(result)) {
                continue;
            }
            let Kept { op, args, results, regions } = self.kept(inst);
            let nested = function.inst_regions(inst).iter().zip(&regions).enumerate();
            let nested = nested.map(|(position, (&region, (params, results)))| {
                self.copy(module, region, &format!("{name}.{}", op.region_label(position)), params, results)
            });
            let nested: Vec<Function> = nested.collect::<Result<_, _>>()?;
            let args = map.expect_all(&b, &args);
            b.set_provenance(function.provenance(inst).clone());
            for (&old, new) in results.iter().zip(b.emit_structured(op, &args, &nested)) {
                if let Some(name) = function.value_name(old) {
                    b.name(new, name);
                }
                map.insert(old, new);
            }
        }
        let results = map.expect_all(&b, results);
        b.finish(&results)
    }
}

/// A value of the state stays if it is used in an iteration or behind the loop.
fn keep_state(params: &mut [bool], results: &mut [bool]) {
    for (param, result) in params.iter_mut().zip(results) {
        *result |= *param;
        *param = *result;
    }
}

fn pick(values: &[Value], keep: &[bool]) -> Vec<Value> {
    values.iter().zip(keep).filter(|&(_, &keep)| keep).map(|(&value, _)| value).collect()
}
