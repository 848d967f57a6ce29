//! The forward driver: copies a function and builds tangents beside it.
//!
//! It owns what no rule should: which values are active (their tangent is not a symbolic zero), the names and
//! provenance of what rules build, and the type check of what they return.
//!
//! Invariant of a [`Trace`]: what a rule built for one primal instruction is contiguous, a [`Step`]; a step uses
//! primal values, tangents and its own values, and only its tangent is used outside.

use std::ops::Range;
use std::sync::Arc;

use cranelift_entity::packed_option::PackedOption;
use cranelift_entity::{EntitySet, SecondaryMap};
use pullback_ir::rewrite::{ValueMap, copy_inst, copy_params};
use pullback_ir::{Builder, Derivation, Function, Inst, Origin, Provenance, Type, Value, print};

use crate::emit;
use crate::error::Error;
use crate::jvp::{self, Site};

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
    /// Under which name each value of the source prints, `%` left out.
    pub(crate) printed: SecondaryMap<Value, Arc<str>>,
}

/// Copies `source`, which has no calls, into `b` and builds the tangents for parameters `wrt`.
///
/// # Errors
/// Only for bugs in the rules.
pub(crate) fn trace(b: &Builder<'_>, source: &Function, wrt: &[usize]) -> Result<Trace, Error> {
    let mut trace = Trace {
        map: ValueMap::new(),
        tangents: SecondaryMap::new(),
        tangent_params: Vec::with_capacity(wrt.len()),
        steps: Vec::new(),
        printed: printed_names(b, source),
    };
    copy_params(b, source, &mut trace.map);
    for &index in wrt {
        let param = source.params()[index];
        let tangent = b.param(&format!("{}_t", trace.printed[param]), source.ty(param).clone());
        trace.tangents[param] = tangent.into();
        trace.tangent_params.push(tangent);
    }
    for &inst in source.insts() {
        copy_inst(b, source, inst, &mut trace.map);
        trace.differentiate(b, source, inst)?;
    }
    Ok(trace)
}

fn printed_names(b: &Builder<'_>, source: &Function) -> SecondaryMap<Value, Arc<str>> {
    let mut printed = SecondaryMap::with_default("".into());
    for (value, name) in print::value_names(b.module(), source) {
        printed[value] = name.trim_start_matches('%').into();
    }
    printed
}

impl Trace {
    /// Applies the JVP rule of an instruction of the source, if an operand is active and the result can be.
    fn differentiate(&mut self, b: &Builder<'_>, source: &Function, inst: Inst) -> Result<(), Error> {
        let args = source.args(inst);
        let &[result] = source.inst_results(inst) else { return Ok(()) };
        let tangents: Vec<Option<Value>> = args.iter().map(|&arg| self.tangents[arg].expand()).collect();
        if !source.ty(result).dtype.is_float() || tangents.iter().all(Option::is_none) {
            return Ok(());
        }
        let op = source.op(inst);
        let rule = format!("jvp of {}", op.name());
        b.set_provenance(derived(source.provenance(inst).origin.clone(), &rule, &self.printed[result]));
        let start = b.function().insts().len();
        let args = self.map.expect_all(b, args);
        let site = Site { args: &args, result: self.map.expect(b, result), tangents: &tangents };
        let tangent = jvp::rule(b, op, &site).map_err(|jvp::NoRule| Error::Bug {
            rule: rule.clone(),
            message: "it was asked for a tangent that the operation cannot have".into(),
            origin: source.provenance(inst).origin.clone(),
        })?;
        if let Some(tangent) = tangent {
            check_contribution(b, &rule, tangent, source.ty(result))?;
            if source.value_name(result).is_some() {
                b.name(tangent, &format!("{}_t", self.printed[result]));
            }
            self.tangents[result] = tangent.into();
        }
        self.steps.push(start..b.function().insts().len());
        Ok(())
    }

    /// The tangents of the floating-point results of the source, constants for symbolic zeros.
    pub(crate) fn result_tangents(&self, b: &Builder<'_>, source: &Function) -> Vec<Value> {
        let floats = source.results().iter().filter(|&&result| source.ty(result).dtype.is_float());
        let tangents = floats.map(|&result| {
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
