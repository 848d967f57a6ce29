//! The JVP rule of a `custom_derivative`: a user's program that shall be linear in its tangents.
//!
//! Forward mode runs it. Reverse mode has to transpose it, and most rules transpose as they stand, instruction by instruction. A loop or a branch that computes
//! values beside tangents does not, nor does a sort that moves tangents along. But a linear function is its own derivative: such a rule is
//! [`split`] at its derivative by the tangents, taken where they are zero, and the linear program of that transposes.
//!
//! The derivative of a rule that is not linear would be something else than what forward mode computes, so that is refused: a rule is linear if what its derivative needs does not
//! depend on the tangents (it is affine), and if it is zero where they are.

use cranelift_entity::EntitySet;
use pullback_ir::rewrite::{ValueMap, copy_inst};
use pullback_ir::{Builder, Function, Type, Value};

use super::custom::floats;
use super::{Mode, Site, inline, named, region, transpose_into};
use crate::emit;
use crate::error::Error;
use crate::flow::{self, Property};
use crate::linearize::{Residual, Split, split};
use crate::trace::dependents;

/// The tangents of the floating-point results of a site by its rule.
pub(super) fn apply(b: &Builder<'_>, site: &Site<'_>, rule: &Function) -> Result<Vec<Value>, Error> {
    let rule = of_given(b, site, rule)?;
    let mut args = site.args.clone();
    args.extend(site.tangents.iter().flatten());
    if site.mode == Mode::Joint {
        return Ok(inline(b, &rule, &args));
    }
    let offset = non_zero_result(site, &rule).map(|at| format!("result {at} need not be zero where the tangents are"));
    match (transposes(b, site, &rule), offset) {
        (Ok(()), None) => Ok(inline(b, &rule, &args)),
        (Ok(()), Some(offset)) => Err(not_linear(site, &offset)),
        (Err(Error::NotLinear { op, message, origin, .. }), offset) => {
            let place = origin.map(|origin| format!(" at {origin}")).unwrap_or_default();
            let why = format!("{op}{place}: {message}");
            match offset {
                None => by_split(b, site, &rule, &why),
                Some(offset) => Err(not_linear(site, &format!("{offset} ({why})"))),
            }
        }
        (Err(error), _) => Err(error),
    }
}

/// The rule as a function of the operands and those tangents that are not symbolic zeros. What it computes from tangents that are zeros alone is zero: computed from constants it
/// would not be linear in the tangents, and could not be transposed.
fn of_given(b: &Builder<'_>, site: &Site<'_>, rule: &Function) -> Result<Function, Error> {
    let (operands, tangents) = rule.params().split_at(site.args.len().min(rule.params().len()));
    let inputs = floats(site.args.iter().map(|&arg| b.ty(arg)));
    let given = tangents.iter().zip(inputs).filter(|pair| site.tangents[pair.1].is_some());
    let given: Vec<Value> = given.map(|pair| *pair.0).collect();
    let active = dependents(rule, &given);
    let linear = linear_values(rule, tangents);
    let kept: Vec<Value> = operands.iter().chain(&given).copied().collect();
    region(b.module(), &site.derived, &named(rule, &kept, ""), |b, params| {
        let mut map = ValueMap::new();
        for &tangent in tangents.iter().filter(|tangent| !given.contains(tangent)) {
            map.insert(tangent, emit::zero(b, rule.ty(tangent)));
        }
        for (&param, &arg) in kept.iter().zip(params) {
            map.insert(param, arg);
        }
        for &inst in rule.insts() {
            match rule.inst_results(inst) {
                &[result] if linear.contains(result) && !active.contains(result) => {
                    b.set_provenance(rule.provenance(inst).clone());
                    map.insert(result, emit::zero(b, rule.ty(result)));
                }
                _ => copy_inst(b, rule, inst, &mut map),
            }
        }
        Ok(map.expect_all(b, rule.results()))
    })
}

/// The values of a rule that are surely linear in its tangents. The results of an instruction with regions or with more than one result need not be, even if an
/// operand is: a loop may compute values and tangents.
fn linear_values(rule: &Function, tangents: &[Value]) -> EntitySet<Value> {
    let mut linear = EntitySet::new();
    linear.extend(tangents.iter().copied());
    for &inst in rule.insts() {
        if let &[result] = rule.inst_results(inst)
            && rule.inst_regions(inst).is_empty()
            && rule.ty(result).dtype.is_float()
            && rule.args(inst).iter().any(|&arg| linear.contains(arg))
        {
            linear.insert(result);
        }
    }
    linear
}

/// A result of the rule that may differ from zero where the tangents are zero.
fn non_zero_result(site: &Site<'_>, rule: &Function) -> Option<usize> {
    let params: Vec<bool> = (0..rule.params().len()).map(|position| position < site.args.len()).collect();
    flow::results(rule, Property::NonZero, &params).iter().position(|&non_zero| non_zero)
}

fn not_linear(site: &Site<'_>, why: &str) -> Error {
    site.no_rule(format!(
        "reverse mode transposes its jvp rule, which is not linear in the tangents: {why}; \
         make the rule linear, give a vjp rule, or use forward mode (jvp)"
    ))
}

/// Transposes the rule, by its tangents, to see whether that can be done.
fn transposes(b: &Builder<'_>, site: &Site<'_>, rule: &Function) -> Result<(), Error> {
    let operands = &rule.params()[..site.args.len()];
    let mut params: Vec<(String, Type)> = named(rule, operands, "");
    params.extend(rule.result_types().map(|ty| ("ct".to_owned(), ty.clone())));
    region(b.module(), &site.derived, &params, |b, params| {
        let (operands, cts) = params.split_at(operands.len());
        let mut known: Vec<Option<Value>> = operands.iter().copied().map(Some).collect();
        known.resize(rule.params().len(), None);
        let cts: Vec<Option<Value>> = cts.iter().copied().map(Some).collect();
        Ok(transpose_into(b, rule, &known, &cts)?.into_iter().flatten().collect())
    })?;
    Ok(())
}

/// The rule's derivative by its tangents, which is the rule; `why` it does not transpose itself.
fn by_split(b: &Builder<'_>, site: &Site<'_>, rule: &Function, why: &str) -> Result<Vec<Value>, Error> {
    let operands = site.args.len();
    let tangents: Vec<usize> = (operands..rule.params().len()).collect();
    let outputs: Vec<usize> = (0..rule.results().len()).collect();
    let parts = split(b.module(), rule, &tangents, &outputs, |position| position < operands)?;
    if coefficients_vary(&parts, operands, rule) {
        return Err(not_linear(site, why));
    }
    let mut args = site.args.clone();
    args.extend(tangents.iter().map(|&position| emit::zero(b, rule.ty(rule.params()[position]))));
    let mut values = inline(b, &parts.primal, &args).split_off(outputs.len()).into_iter();
    let residuals = parts.residuals.iter().filter_map(|residual| match residual {
        Residual::Param(position) => Some(site.args[*position]),
        Residual::Value(_) => values.next(),
    });
    let args: Vec<Value> = residuals.chain(site.tangents.iter().flatten().copied()).collect();
    Ok(inline(b, &parts.linear, &args))
}

/// Whether the linear program depends on where, in the tangents, the derivative was taken. What a `checkpoint` takes along without use does not count.
fn coefficients_vary(parts: &Split, operands: usize, rule: &Function) -> bool {
    let params: Vec<bool> = (0..rule.params().len()).map(|position| position >= operands).collect();
    let primal = flow::results(&parts.primal, Property::Dependent, &params);
    let mut values = primal.into_iter().skip(rule.results().len());
    let mut params: Vec<bool> = parts
        .residuals
        .iter()
        .map(|residual| match residual {
            Residual::Param(_) => false,
            Residual::Value(_) => values.next().unwrap_or(true),
        })
        .collect();
    params.resize(parts.linear.params().len(), false);
    flow::results(&parts.linear, Property::Dependent, &params).contains(&true)
}
