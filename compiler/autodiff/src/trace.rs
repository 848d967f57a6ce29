//! The forward driver: copies a function and builds tangents beside it.
//!
//! It owns what no rule should: which values are active (their tangent is not a symbolic zero), the names and
//! provenance of what rules build, and the type check of what they return.
//!
//! Invariant of a [`Trace`]: what a rule built for one primal instruction is contiguous, a [`Step`]; a step uses
//! primal values, tangents and its own values, and only its tangents are used outside.

use std::ops::Range;
use std::sync::Arc;

use cranelift_entity::packed_option::PackedOption;
use cranelift_entity::{EntitySet, SecondaryMap};
use pullback_ir::rewrite::{ValueMap, copy_inst, copy_params, map_results};
use pullback_ir::{Builder, Derivation, Function, Inst, Module, Origin, Provenance, Type, Value, print};

use crate::control::{self, Mode};
use crate::emit;
use crate::error::Error;
use crate::jvp::{self, MultiSite, Site};

/// What a JVP rule built: positions in the list of instructions.
pub(crate) type Step = Range<usize>;

/// A function copied into a builder with the tangents of its values.
pub(crate) struct Trace {
    /// What the values of the source became.
    pub(crate) map: ValueMap,
    /// The tangents of the values of the source; none is a symbolic zero.
    pub(crate) tangents: SecondaryMap<Value, PackedOption<Value>>,
    /// The tangents of the parameters to differentiate by.
    pub(crate) tangent_params: Vec<Value>,
    /// The instructions that are not copies.
    pub(crate) steps: Vec<Step>,
    /// The values that what was built computes from the tangents of the parameters.
    dependent: EntitySet<Value>,
    /// Under which name each value of the source prints, `%` left out.
    pub(crate) printed: SecondaryMap<Value, Arc<str>>,
}

/// What to build tangents by, and how.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    /// Positions of the parameters to differentiate by.
    pub(crate) wrt: &'a [usize],
    /// What becomes of instructions with regions.
    pub(crate) mode: Mode,
}

/// Copies `source`, which has no calls, into `b` and builds the tangents for parameters `wrt`.
///
/// # Errors
/// For what an operation has no derivative by or in this mode; otherwise only for bugs in the rules.
pub(crate) fn trace(b: &Builder<'_>, source: &Function, request: &Request<'_>) -> Result<Trace, Error> {
    let mut trace = Trace {
        map: ValueMap::new(),
        tangents: SecondaryMap::new(),
        tangent_params: Vec::with_capacity(request.wrt.len()),
        steps: Vec::new(),
        dependent: EntitySet::new(),
        printed: printed_names(b, source),
    };
    copy_params(b, source, &mut trace.map);
    for &index in request.wrt {
        let param = source.params()[index];
        let tangent = b.param(&format!("{}_t", trace.printed[param]), source.ty(param).clone());
        trace.tangents[param] = tangent.into();
        trace.dependent.insert(tangent);
        trace.tangent_params.push(tangent);
    }
    for &inst in source.insts() {
        if control::is_control(source.op(inst)) {
            trace.control(b, source, inst, request.mode)?;
        } else {
            copy_inst(b, source, inst, &mut trace.map);
            trace.differentiate(b, source, inst)?;
        }
    }
    Ok(trace)
}

/// A function from the parameters of `source` and then the tangents of those in `wrt`, to its results and then the tangents of those in
/// `outputs`; loops carry both.
///
/// # Errors
/// As [`trace`].
pub(crate) fn joint(module: &Module, source: &Function, wrt: &[usize], outputs: &[usize]) -> Result<Function, Error> {
    let b = Builder::new(module, &source.name);
    let trace = trace(&b, source, &Request { wrt, mode: Mode::Joint })?;
    let mut results = trace.map.expect_all(&b, source.results());
    results.extend(trace.tangents_of(&b, source, outputs));
    b.finish(&results).map_err(|error| Error::build("jvp", error))
}

fn printed_names(b: &Builder<'_>, source: &Function) -> SecondaryMap<Value, Arc<str>> {
    let mut printed = SecondaryMap::with_default("".into());
    for (value, name) in print::value_names(b.module(), source) {
        printed[value] = name.trim_start_matches('%').into();
    }
    printed
}

impl Trace {
    /// Applies the JVP rule of an instruction of the source, if an operand is active and a result can be.
    fn differentiate(&mut self, b: &Builder<'_>, source: &Function, inst: Inst) -> Result<(), Error> {
        let results = source.inst_results(inst);
        let tangents = self.operand_tangents(source, inst);
        if tangents.iter().all(Option::is_none) || !results.iter().any(|&result| source.ty(result).dtype.is_float()) {
            return Ok(());
        }
        let op = source.op(inst);
        self.check_active(source, inst, &tangents)?;
        let rule = format!("jvp of {}", op.name());
        let origin = &source.provenance(inst).origin;
        b.set_provenance(derived(origin.clone(), &rule, &self.printed[results[0]]));
        let start = b.function().insts().len();
        let args = self.map.expect_all(b, source.args(inst));
        let new = self.map.expect_all(b, results);
        let found = match new[..] {
            [result] => {
                jvp::rule(b, op, &Site { args: &args, result, tangents: &tangents }).map(|tangent| vec![tangent])
            }
            _ => jvp::rules(b, op, &MultiSite { args: &args, results: &new, tangents: &tangents }),
        };
        let found = found.map_err(|jvp::NoRule| Error::Bug {
            rule: rule.clone(),
            message: "it was asked for a tangent that the operation cannot have".into(),
            origin: origin.clone(),
        })?;
        self.follow(b, start);
        self.define(b, source, inst, &found, &rule)?;
        self.steps.push(start..b.function().insts().len());
        Ok(())
    }

    /// Primal and tangents of an instruction with regions.
    fn control(&mut self, b: &Builder<'_>, source: &Function, inst: Inst, mode: Mode) -> Result<(), Error> {
        let results = source.inst_results(inst);
        let tangents = self.operand_tangents(source, inst);
        if tangents.iter().all(Option::is_none) || !results.iter().any(|&result| source.ty(result).dtype.is_float()) {
            copy_inst(b, source, inst, &mut self.map);
            return Ok(());
        }
        let op = source.op(inst);
        let rule = format!("jvp of {}", op.name());
        let provenance = source.provenance(inst);
        let site = control::Site {
            op,
            regions: source.region_functions(inst),
            args: self.map.expect_all(b, source.args(inst)),
            tangents,
            mode,
            primal: provenance.clone(),
            derived: derived(provenance.origin.clone(), &rule, &self.printed[results[0]]),
        };
        let control::Derived { results, start, tangents } = control::differentiate(b, &site)?;
        if b.has_failed() {
            let message = "it built an instruction that does not infer".into();
            return Err(Error::Bug { rule, message, origin: provenance.origin.clone() });
        }
        map_results(b, source, inst, &results, &mut self.map);
        self.follow(b, start);
        self.define(b, source, inst, &tangents, &rule)?;
        self.steps.push(start..b.function().insts().len());
        Ok(())
    }

    fn operand_tangents(&self, source: &Function, inst: Inst) -> Vec<Option<Value>> {
        source.args(inst).iter().map(|&arg| self.tangents[arg].expand()).collect()
    }

    /// Refuses an operand that has a tangent and that the operation has no derivative by.
    fn check_active(&self, source: &Function, inst: Inst, tangents: &[Option<Value>]) -> Result<(), Error> {
        let op = source.op(inst);
        let mut active = (0..tangents.len()).filter(|&position| tangents[position].is_some());
        match active.find_map(|position| Some((position, jvp::refusal(op, position)?))) {
            None => Ok(()),
            Some((position, reason)) => Err(Error::NoDerivative {
                function: source.name.clone(),
                op: op.name(),
                operand: self.printed[source.args(inst)[position]].clone(),
                reason,
                origin: source.provenance(inst).origin.clone(),
            }),
        }
    }

    /// Marks what the instructions from `start` on compute from tangents.
    fn follow(&mut self, b: &Builder<'_>, start: usize) {
        let function = b.function();
        for &inst in function.insts().iter().skip(start) {
            if function.args(inst).iter().any(|&arg| self.dependent.contains(arg)) {
                self.dependent.extend(function.inst_results(inst).iter().copied());
            }
        }
    }

    /// Takes the tangents of the results of an instruction, with their names. One that is linear in the tangents of the parameters and depends on none of them is zero,
    /// and stays a symbolic one: what is linear is transposed, and it would not be.
    fn define(
        &mut self,
        b: &Builder<'_>,
        source: &Function,
        inst: Inst,
        tangents: &[Option<Value>],
        rule: &str,
    ) -> Result<(), Error> {
        for (&result, &tangent) in source.inst_results(inst).iter().zip(tangents) {
            let Some(tangent) = tangent else { continue };
            check_contribution(b, rule, tangent, source.ty(result))?;
            if !self.dependent.contains(tangent) {
                continue;
            }
            if source.value_name(result).is_some() {
                b.name(tangent, &format!("{}_t", self.printed[result]));
            }
            self.tangents[result] = tangent.into();
        }
        Ok(())
    }

    /// The tangents of the floating-point results of the source, constants for symbolic zeros.
    pub(crate) fn result_tangents(&self, b: &Builder<'_>, source: &Function) -> Vec<Value> {
        let floats = (0..source.results().len()).filter(|&at| source.ty(source.results()[at]).dtype.is_float());
        self.tangents_of(b, source, &floats.collect::<Vec<_>>())
    }

    /// The tangents of the results at positions, constants for symbolic zeros.
    pub(crate) fn tangents_of(&self, b: &Builder<'_>, source: &Function, outputs: &[usize]) -> Vec<Value> {
        let tangents = outputs.iter().map(|&at| {
            let result = source.results()[at];
            self.tangents[result].expand().unwrap_or_else(|| {
                b.set_provenance(derived(None, "zero tangent", &self.printed[result]));
                let zero = emit::zero(b, source.ty(result));
                if source.value_name(result).is_some() {
                    b.name(zero, &format!("{}_t", self.printed[result]));
                }
                zero
            })
        });
        tangents.collect()
    }
}

/// The provenance of an instruction that `rule` built for the primal value of that name.
pub(crate) fn derived(origin: Option<Origin>, rule: &str, primal: &str) -> Provenance {
    Provenance { origin, derivation: Some(Derivation { rule: rule.into(), primal: primal.into() }) }
}

/// Checks that a rule returned a value of the type it must have and built nothing ill-typed.
pub(crate) fn check_contribution(b: &Builder<'_>, rule: &str, value: Value, expected: &Type) -> Result<(), Error> {
    let found = b.ty(value);
    let message = if b.has_failed() {
        "it built an instruction that does not infer".into()
    } else if found != *expected {
        format!("it returned a value of type {found}, expected {expected}")
    } else {
        return Ok(());
    };
    Err(Error::Bug { rule: rule.into(), message, origin: b.provenance().origin })
}

/// The values of `function` that depend on `inputs`, these included.
pub(crate) fn dependents(function: &Function, inputs: &[Value]) -> EntitySet<Value> {
    let mut dependents = EntitySet::new();
    dependents.extend(inputs.iter().copied());
    for &inst in function.insts() {
        if function.args(inst).iter().any(|&arg| dependents.contains(arg)) {
            dependents.extend(function.inst_results(inst).iter().copied());
        }
    }
    dependents
}
