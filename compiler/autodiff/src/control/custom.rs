//! `custom_derivative` and `checkpoint`: whose derivative is not simply that of their region.
//!
//! The primal instruction stays what it is, so that differentiating again meets the rule again. A JVP rule is inlined where the tangents are built
//! ([`super::jvp_rule`]). A VJP rule cannot be: its tangent is a `transpose_rule`, a linear instruction of which only the transpose is known, and transposing inlines the rule.
//!
//! The tangents of a `checkpoint` are built from its operands, behind a barrier, by running its region again. In reverse mode what a rule builds that is not linear is
//! built where the backward part needs it, so the second run is in the backward part and nothing of the first is kept; the barrier keeps passes from
//! merging the two.

use pullback_ir::{Builder, CustomRule, Function, Op, Type, Value};

use super::branch::at;
use super::{Derived, Mode, Site, TransposeError, inline, jvp_rule, transpose_into};
use crate::emit;
use crate::error::Error;
use crate::flow::{self, Property};
use crate::trace::{Request, joint, trace};
use crate::transpose::Operand;

pub(super) fn floats(types: impl Iterator<Item = Type>) -> Vec<usize> {
    types.enumerate().filter(|(_, ty)| ty.dtype.is_float()).map(|(position, _)| position).collect()
}

pub(super) fn differentiate(b: &Builder<'_>, site: &Site<'_>, rule: CustomRule) -> Result<Derived, Error> {
    let derivative = site.region(1)?;
    b.set_provenance(site.primal.clone());
    let results = b.emit_structured(site.op.clone(), &site.args, &site.regions);
    b.set_provenance(site.derived.clone());
    let start = b.function().insts().len();
    let inputs = floats(site.args.iter().map(|&arg| b.ty(arg)));
    let outputs = floats(results.iter().map(|&result| b.ty(result)));
    let tangents = match (rule, site.mode) {
        (CustomRule::Jvp, _) => jvp_rule::apply(b, site, derivative)?,
        (CustomRule::Vjp, Mode::Split) => {
            let known = site.args.len() + results.len();
            let mut args = site.args.clone();
            args.extend(&results);
            args.extend(site.tangents_or_zeros(b, inputs.into_iter()));
            b.emit_structured(Op::TransposeRule { known }, &args, std::slice::from_ref(derivative))
        }
        (CustomRule::Vjp, Mode::Joint) => {
            return Err(
                site.no_rule("it has a vjp rule, which serves reverse mode alone: give a jvp rule, or use vjp or grad")
            );
        }
    };
    let count = results.len();
    Ok(Derived { results, start, tangents: at(count, &outputs, &tangents) })
}

/// Inlines the rule.
pub(super) fn transpose_rule(
    b: &Builder<'_>,
    known: usize,
    regions: &[Function],
    operands: &[Operand],
    cts: &[Option<Value>],
) -> Result<Vec<Option<Value>>, TransposeError> {
    let [rule] = regions else { return Err(TransposeError::NotLinear("a rule is missing")) };
    let mut args: Vec<Value> = operands[..known].iter().filter_map(Operand::known).collect();
    if args.len() != known {
        return Err(TransposeError::NotLinear("an operand of the primal depends on them"));
    }
    let types: Vec<Type> = rule.params()[known..].iter().map(|&param| rule.ty(param).clone()).collect();
    args.extend(cts.iter().zip(&types).map(|(ct, ty)| ct.unwrap_or_else(|| emit::zero(b, ty))));
    let found = inline(b, rule, &args);
    let mut all = vec![None; known];
    all.extend(found.into_iter().map(Some));
    Ok(all)
}

pub(super) fn checkpoint(b: &Builder<'_>, site: &Site<'_>) -> Result<Derived, Error> {
    let body = site.region(0)?;
    let active = site.active();
    let wrt: Vec<usize> = (0..active.len()).filter(|&position| active[position]).collect();
    let count = body.results().len();
    let may = flow::results(body, Property::Tangent, &active);
    let outputs: Vec<usize> = (0..count).filter(|&position| may[position]).collect();
    if site.mode == Mode::Joint {
        let derivative = joint(b.module(), body, &wrt, &outputs)?;
        b.set_provenance(site.derived.clone());
        let start = b.function().insts().len();
        let mut args = site.args.clone();
        args.extend(site.tangents.iter().flatten());
        let mut results = b.checkpoint(&args, derivative);
        let tangents = results.split_off(count.min(results.len()));
        return Ok(Derived { results, start, tangents: at(count, &outputs, &tangents) });
    }
    b.set_provenance(site.primal.clone());
    let results = b.emit_structured(site.op.clone(), &site.args, &site.regions);
    b.set_provenance(site.derived.clone());
    let start = b.function().insts().len();
    let mut args = b.barrier(&site.args);
    args.extend(site.tangents.iter().flatten());
    let again = linear_again(b, body, &wrt, &outputs)?;
    let tangents = inline(b, &again, &args).split_off(count);
    Ok(Derived { results, start, tangents: at(count, &outputs, &tangents) })
}

/// Primal and tangents of `body` in split mode, in one function.
fn linear_again(b: &Builder<'_>, body: &Function, wrt: &[usize], outputs: &[usize]) -> Result<Function, Error> {
    let inner = Builder::new(b.module(), &body.name);
    let trace = trace(&inner, body, &Request { wrt, mode: Mode::Split })?;
    let mut results = trace.map.expect_all(&inner, body.results());
    results.extend(trace.tangents_of(&inner, body, outputs));
    inner.finish(&results).map_err(|error| Error::build("jvp of checkpoint", error))
}

/// Differentiates, in split mode, a site that means the same as `source` applied to its operands: what `source` is made of is inlined.
pub(super) fn split_inlined(b: &Builder<'_>, site: &Site<'_>, source: &Function) -> Result<Derived, Error> {
    let active = site.active();
    let wrt: Vec<usize> = (0..active.len()).filter(|&position| active[position]).collect();
    let outputs: Vec<usize> = floats(source.result_types().cloned());
    let count = source.results().len();
    let parts = crate::linearize::split(b.module(), source, &wrt, &outputs, |_| true)?;
    b.set_provenance(site.primal.clone());
    let mut results = inline(b, &parts.primal, &site.args);
    let mut values = results.split_off(count.min(results.len())).into_iter();
    b.set_provenance(site.derived.clone());
    let start = b.function().insts().len();
    let mut args: Vec<Value> = parts
        .residuals
        .iter()
        .filter_map(|residual| match residual {
            crate::linearize::Residual::Param(position) => Some(site.args[*position]),
            crate::linearize::Residual::Value(_) => values.next(),
        })
        .collect();
    args.extend(site.tangents.iter().flatten());
    let tangents = inline(b, &parts.linear, &args);
    Ok(Derived { results, start, tangents: at(count, &outputs, &tangents) })
}

/// The transpose of a linear program in a region that is simply applied.
pub(super) fn transpose_body(
    b: &Builder<'_>,
    regions: &[Function],
    operands: &[Operand],
    cts: &[Option<Value>],
) -> Result<Vec<Option<Value>>, TransposeError> {
    let [body, ..] = regions else { return Err(TransposeError::NotLinear("a region is missing")) };
    let known: Vec<Option<Value>> = operands.iter().map(Operand::known).collect();
    Ok(transpose_into(b, body, &known, cts)?)
}
