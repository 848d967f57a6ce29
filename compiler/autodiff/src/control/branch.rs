//! `cond` and `switch`: each branch is differentiated, and the same selector selects.
//!
//! Split mode has to return the residuals of the branch taken. Branches share slots: a slot has a type, each branch puts its residuals into slots of
//! theirs, and zeros into those it does not use. A residual that is an operand is not returned but passed again.

use pullback_ir::{Builder, Function, Op, Type, Value};

use super::{Derived, Mode, Site, TransposeError, inline, named, region, transpose_into};
use crate::emit;
use crate::error::Error;
use crate::flow::{self, Property};
use crate::linearize::{Residual, Split, split};
use crate::trace::joint;
use crate::transpose::Operand;

/// The operands but the selector that have tangents, and the results that may.
fn activity(site: &Site<'_>) -> (Vec<usize>, Vec<usize>) {
    let active = &site.active()[1..];
    let wrt = (0..active.len()).filter(|&position| active[position]).collect();
    let count = site.regions.first().map_or(0, |branch| branch.results().len());
    let mut outputs = vec![false; count];
    for branch in &site.regions {
        for (output, more) in outputs.iter_mut().zip(flow::results(branch, Property::Tangent, active)) {
            *output |= more;
        }
    }
    (wrt, (0..count).filter(|&position| outputs[position]).collect())
}

pub(super) fn differentiate(b: &Builder<'_>, site: &Site<'_>) -> Result<Derived, Error> {
    let (wrt, outputs) = activity(site);
    match site.mode {
        Mode::Joint => joint_branches(b, site, &wrt, &outputs),
        Mode::Split => split_branches(b, site, &wrt, &outputs),
    }
}

fn joint_branches(b: &Builder<'_>, site: &Site<'_>, wrt: &[usize], outputs: &[usize]) -> Result<Derived, Error> {
    let branches: Result<Vec<Function>, Error> =
        site.regions.iter().map(|branch| joint(b.module(), branch, wrt, outputs)).collect();
    let mut args = site.args.clone();
    args.extend(site.tangents.iter().skip(1).flatten());
    let start = b.function().insts().len();
    b.set_provenance(site.derived.clone());
    let mut results = b.emit_structured(site.op.clone(), &args, &branches?);
    let count = site.regions.first().map_or(0, |branch| branch.results().len());
    let derived = results.split_off(count.min(results.len()));
    Ok(Derived { results, start, tangents: at(count, outputs, &derived) })
}

/// A list of `count` that has `values` at positions.
pub(super) fn at(count: usize, positions: &[usize], values: &[Value]) -> Vec<Option<Value>> {
    let mut list = vec![None; count];
    for (&position, &value) in positions.iter().zip(values) {
        list[position] = Some(value);
    }
    list
}

/// Which slot each branch puts each of its residuals that are no operands into, and the slots' types.
fn share_slots(splits: &[Split]) -> (Vec<Vec<usize>>, Vec<Type>) {
    let mut slots: Vec<Type> = Vec::new();
    let mut of_branch = Vec::with_capacity(splits.len());
    for split in splits {
        let mut taken: Vec<usize> = Vec::new();
        for ty in split.value_types() {
            let free = (0..slots.len()).find(|slot| slots[*slot] == ty && !taken.contains(slot));
            let slot = free.unwrap_or_else(|| {
                slots.push(ty);
                slots.len() - 1
            });
            taken.push(slot);
        }
        of_branch.push(taken);
    }
    (of_branch, slots)
}

fn split_branches(b: &Builder<'_>, site: &Site<'_>, wrt: &[usize], outputs: &[usize]) -> Result<Derived, Error> {
    let module = b.module();
    let splits: Vec<Split> =
        site.regions.iter().map(|branch| split(module, branch, wrt, outputs, |_| true)).collect::<Result<_, _>>()?;
    let (slot_of, slots) = share_slots(&splits);
    let count = site.regions.first().map_or(0, |branch| branch.results().len());

    let mut primals = Vec::with_capacity(splits.len());
    for ((branch, split), slot_of) in site.regions.iter().zip(&splits).zip(&slot_of) {
        let params = named(branch, branch.params(), "");
        primals.push(region(module, &site.primal, &params, |b, params| {
            let results = inline(b, &split.primal, params);
            let (results, residuals) = results.split_at(count.min(results.len()));
            let mut yielded = results.to_vec();
            yielded.extend(slots.iter().enumerate().map(|(slot, ty)| {
                let filled = slot_of.iter().position(|&own| own == slot).and_then(|at| residuals.get(at));
                filled.copied().unwrap_or_else(|| b.splat(ty, 0.0))
            }));
            Ok(yielded)
        })?);
    }
    b.set_provenance(site.primal.clone());
    let mut results = b.emit_structured(site.op.clone(), &site.args, &primals);
    let residuals = results.split_off(count.min(results.len()));

    b.set_provenance(site.derived.clone());
    let start = b.function().insts().len();
    // Operands of the linear instruction: the selector, the primal's operands that are residuals, slots, tangents.
    let operands = used_params(&splits);
    let mut args = vec![site.args[0]];
    args.extend(operands.iter().map(|&position| site.args[1 + position]));
    args.extend(&residuals);
    args.extend(wrt.iter().filter_map(|&position| site.tangents[1 + position]));
    let params: Vec<(String, Type)> = args[1..].iter().map(|&arg| ("r".to_owned(), b.ty(arg))).collect();
    let mut linear = Vec::with_capacity(splits.len());
    for (split, slot_of) in splits.iter().zip(&slot_of) {
        linear.push(region(module, &site.derived, &params, |b, params| {
            let (known, tangents) = params.split_at(operands.len() + slots.len());
            let mut next_slot = slot_of.iter();
            let residuals = split.residuals.iter().filter_map(|residual| match residual {
                Residual::Param(position) => operands.iter().position(|own| own == position).map(|at| known[at]),
                Residual::Value(_) => next_slot.next().map(|&slot| known[operands.len() + slot]),
            });
            let args: Vec<Value> = residuals.chain(tangents.iter().copied()).collect();
            Ok(inline(b, &split.linear, &args))
        })?);
    }
    let tangents = if outputs.is_empty() { Vec::new() } else { b.emit_structured(site.op.clone(), &args, &linear) };
    Ok(Derived { results, start, tangents: at(count, outputs, &tangents) })
}

/// The parameters that are residuals of some branch, in order.
fn used_params(splits: &[Split]) -> Vec<usize> {
    let residuals = splits.iter().flat_map(|split| &split.residuals);
    let mut used: Vec<usize> = residuals
        .filter_map(|residual| match residual {
            Residual::Param(position) => Some(*position),
            Residual::Value(_) => None,
        })
        .collect();
    used.sort_unstable();
    used.dedup();
    used
}

/// The same selector, known operands and the cotangents of the results; each branch is the transpose of the branch.
pub(super) fn transpose(
    b: &Builder<'_>,
    op: &Op,
    regions: &[Function],
    operands: &[Operand],
    cts: &[Option<Value>],
) -> Result<Vec<Option<Value>>, TransposeError> {
    let [Operand::Known(selector), operands @ ..] = operands else {
        return Err(TransposeError::NotLinear("the selector depends on them"));
    };
    let given: Vec<Value> = cts.iter().flatten().copied().collect();
    let mut args = vec![*selector];
    args.extend(operands.iter().filter_map(Operand::known));
    let known_count = args.len() - 1;
    args.extend(&given);
    let params: Vec<(String, Type)> = args[1..].iter().map(|&arg| ("ct".to_owned(), b.ty(arg))).collect();
    // Each branch is transposed once, since branches nest; then all get the results that some have, by copying.
    let mut own = Vec::with_capacity(regions.len());
    for branch in regions {
        let mut present = Vec::new();
        let function = region(b.module(), &b.provenance(), &params, |b, params| {
            let (known, given) = params.split_at(known_count);
            let (mut known, mut given) = (known.iter(), given.iter());
            let known: Vec<Option<Value>> =
                operands.iter().map(|operand| operand.known().and_then(|_| known.next().copied())).collect();
            let cts: Vec<Option<Value>> = cts.iter().map(|ct| ct.and_then(|_| given.next().copied())).collect();
            let found = transpose_into(b, branch, &known, &cts)?;
            present = (0..operands.len()).filter(|&position| found[position].is_some()).collect();
            Ok(found.into_iter().flatten().collect())
        })?;
        own.push((function, present));
    }
    let some = |position: &usize| own.iter().any(|(_, present)| present.contains(position));
    let positions: Vec<usize> = (0..operands.len()).filter(some).collect();
    let transposed: Result<Vec<Function>, Error> = own
        .iter()
        .map(|(function, present)| {
            region(b.module(), &b.provenance(), &params, |b, params| {
                let found = at(operands.len(), present, &inline(b, function, params));
                let zero = |at: usize| operands[at].linear_type().map(|ty| emit::zero(b, ty));
                Ok(positions.iter().filter_map(|&at| found[at].or_else(|| zero(at))).collect())
            })
        })
        .collect();
    let found = if positions.is_empty() { Vec::new() } else { b.emit_structured(op.clone(), &args, &transposed?) };
    let mut all = vec![None];
    all.extend(at(operands.len(), &positions, &found));
    Ok(all)
}
