//! Batching of control flow.
//!
//! What a loop carries is batched if it is at first or becomes so in an iteration. A `while` whose condition differs over the batch runs until it holds nowhere; an
//! element whose condition fails keeps its state. A branch whose selector differs runs all branches and selects.
//!
//! What becomes batched is found out first (`flow.rs`), so that each region is built once, however deep it lies; [`Property::Batched`] therefore knows what the rules here do.

use pullback_ir::{
    Axes, Builder, Comparison, CustomRule, Function, Inst, Op, Reduction, ScanSpec, Type, Value, WhileSpec,
};

use super::{Batch, Batched, Operand, Outputs, all_batched, bad, batch, move_axis};
use crate::control::inline;
use crate::error::Error;
use crate::flow::{self, Property, iteration};

pub(super) fn rule(state: &Batch<'_, '_>, inst: Inst, op: &Op, args: &[Operand]) -> Result<Vec<Operand>, Error> {
    let regions = state.source.region_functions(inst);
    match (op, &regions[..]) {
        (Op::Scan(spec), [body]) => scan(state, spec, body, args),
        (Op::While(spec), [cond, body]) => while_loop(state, spec, cond, body, args),
        (Op::Cond | Op::Switch, branches) => match args {
            [selector, rest @ ..] if selector.batched => select_branches(state, op, branches, *selector, rest),
            [selector, rest @ ..] => same_branch(state, op, branches, selector.value, rest),
            [] => Err(bad(state.source, "a branch without a selector".into())),
        },
        (Op::CustomDerivative(kind), [primal, rule]) => custom(state, *kind, primal, rule, args),
        (Op::TransposeRule { known }, [rule]) => transpose_rule(state, *known, rule, args),
        (Op::Checkpoint, [body]) => {
            let flags = flags(args);
            let inner = region(state, body, &flags, Outputs::AsNeeded)?;
            let results = state.b.emit_structured(op.clone(), &values(args), &[inner.function]);
            Ok(with_flags(results, &inner.results))
        }
        (_, _) => Err(bad(state.source, format!("{} lacks a region", op.name()))),
    }
}

fn flags(args: &[Operand]) -> Vec<bool> {
    args.iter().map(|arg| arg.batched).collect()
}

fn values(args: &[Operand]) -> Vec<Value> {
    args.iter().map(|arg| arg.value).collect()
}

fn with_flags(values: Vec<Value>, flags: &[bool]) -> Vec<Operand> {
    values.into_iter().zip(flags).map(|(value, &batched)| Operand { value, batched }).collect()
}

fn region(state: &Batch<'_, '_>, f: &Function, flags: &[bool], outputs: Outputs<'_>) -> Result<Batched, Error> {
    batch(state.b.module(), f, state.size, flags, outputs)
}

fn scan(state: &Batch<'_, '_>, spec: &ScanSpec, body: &Function, args: &[Operand]) -> Result<Vec<Operand>, Error> {
    let b = state.b;
    let flags = iteration(body, Property::Batched, &flags(args), spec.consts, spec.carry).params;
    let end = spec.consts + spec.carry;
    let mut outputs = vec![false; body.results().len()];
    outputs[..spec.carry].copy_from_slice(&flags[spec.consts..end]);
    let inner = region(state, body, &flags, Outputs::AtLeast(&outputs))?;
    let operands: Vec<Value> = args
        .iter()
        .zip(&flags)
        .enumerate()
        .map(|(position, (arg, &batched))| match batched {
            false => arg.value,
            // What is scanned over has the iterations first.
            true if position >= end => move_axis(b, arg.value, 0, 1),
            true => state.lift(arg.value, arg.batched),
        })
        .collect();
    let results = b.scan(*spec, &operands, inner.function);
    let results = results.into_iter().enumerate().map(|(position, value)| {
        let batched = inner.results[position];
        let value = if batched && position >= spec.carry { move_axis(b, value, 1, 0) } else { value };
        Operand { value, batched }
    });
    Ok(results.collect())
}

fn while_loop(
    state: &Batch<'_, '_>,
    spec: &WhileSpec,
    cond: &Function,
    body: &Function,
    args: &[Operand],
) -> Result<Vec<Operand>, Error> {
    let b = state.b;
    let carry = args.len() - spec.consts;
    let mut all = iteration(body, Property::Batched, &flags(args), spec.consts, carry).params;
    let differs = flow::results(cond, Property::Batched, &all).contains(&true);
    if differs {
        all[spec.consts..].fill(true);
    }
    let outputs = &all[spec.consts..];
    let mut new_cond = region(state, cond, &all, Outputs::AsNeeded)?.function;
    let mut new_body = region(state, body, &all, Outputs::AtLeast(outputs))?.function;
    if differs {
        let each = new_cond;
        let params = typed_params(&each);
        new_cond = b.region(&params, |b, params| vec![b.reduce(Reduction::Or, inline(b, &each, params)[0], [0])]);
        let step = new_body;
        new_body = b.region(&params, |b, params| {
            let go = inline(b, &each, params)[0];
            let next = inline(b, &step, params);
            let old = &params[spec.consts..];
            next.iter().zip(old).map(|(&next, &old)| select(b, go, next, old)).collect()
        });
    }
    let operands: Vec<Value> = args
        .iter()
        .zip(&all)
        .map(|(arg, &batched)| if batched { state.lift(arg.value, arg.batched) } else { arg.value })
        .collect();
    let results = b.while_loop(*spec, &operands, new_cond, new_body);
    Ok(with_flags(results, &all[spec.consts..]))
}

fn typed_params(f: &Function) -> Vec<(&'static str, Type)> {
    f.param_types().map(|ty| ("s", ty.clone())).collect()
}

/// `x` where `go`, of shape `[batch]`, holds, else `y`.
fn select(b: &Builder<'_>, go: Value, x: Value, y: Value) -> Value {
    b.select(b.broadcast(go, &b.shape(x), [0]), x, y)
}

fn same_branch(
    state: &Batch<'_, '_>,
    op: &Op,
    branches: &[Function],
    selector: Value,
    args: &[Operand],
) -> Result<Vec<Operand>, Error> {
    let flags = flags(args);
    let mut outputs = vec![false; branches.first().map_or(0, |branch| branch.results().len())];
    for branch in branches {
        let own = flow::results(branch, Property::Batched, &flags);
        outputs.iter_mut().zip(own).for_each(|(output, own)| *output |= own);
    }
    let inner: Result<Vec<Function>, Error> = branches
        .iter()
        .map(|branch| region(state, branch, &flags, Outputs::AtLeast(&outputs)).map(|batched| batched.function))
        .collect();
    let operands: Vec<Value> = std::iter::once(selector).chain(values(args)).collect();
    Ok(with_flags(state.b.emit_structured(op.clone(), &operands, &inner?), &outputs))
}

fn select_branches(
    state: &Batch<'_, '_>,
    op: &Op,
    branches: &[Function],
    selector: Operand,
    args: &[Operand],
) -> Result<Vec<Operand>, Error> {
    let b = state.b;
    let mut taken: Vec<Vec<Value>> = Vec::with_capacity(branches.len());
    for branch in branches {
        let inner = region(state, branch, &flags(args), Outputs::All)?;
        taken.push(inline(b, &inner.function, &values(args)));
    }
    if *op == Op::Cond {
        let [then, otherwise] = &taken[..] else { return Err(bad(state.source, "cond has two branches".into())) };
        return Ok(all_batched(then.iter().zip(otherwise).map(|(&x, &y)| select(b, selector.value, x, y)).collect()));
    }
    // The index is clamped: below 1 it is the first branch, at the last number and above the last.
    let mut results = taken.first().cloned().unwrap_or_default();
    for (number, branch) in taken.iter().enumerate().skip(1) {
        let from = b.splat_like(selector.value, number as f64);
        let here = b.compare(Comparison::Ge, selector.value, from);
        results = branch.iter().zip(&results).map(|(&x, &y)| select(b, here, x, y)).collect();
    }
    Ok(all_batched(results))
}

/// Primal and rule are batched alike: tangents as their primals, and the cotangent of an operand that is not batched is the sum over the batch.
fn custom(
    state: &Batch<'_, '_>,
    kind: CustomRule,
    primal: &Function,
    rule: &Function,
    args: &[Operand],
) -> Result<Vec<Operand>, Error> {
    let mut rule_flags = flags(args);
    let floats = |f: &[Value], flags: &[bool]| -> Vec<bool> {
        f.iter().zip(flags).filter(|pair| primal.ty(*pair.0).dtype.is_float()).map(|pair| *pair.1).collect()
    };
    let kept = floats(primal.params(), &rule_flags);
    let (inner, rule) = match kind {
        CustomRule::Jvp => {
            let results = flow::results(primal, Property::Batched, &rule_flags);
            let outputs = floats(primal.results(), &results);
            rule_flags.extend(&kept);
            let tangents = flow::results(rule, Property::Batched, &rule_flags);
            if tangents.iter().zip(&outputs).any(|(&tangent, &output)| tangent && !output) {
                // The tangent depends on more than the result does: everything is batched then.
                return custom_lifted(state, kind, primal, rule, args);
            }
            let inner = region(state, primal, &rule_flags[..args.len()], Outputs::AsNeeded)?;
            (inner, region(state, rule, &rule_flags, Outputs::AtLeast(&outputs))?.function)
        }
        CustomRule::Vjp => {
            // The cotangent of a result without a batch axis would be that of the whole batch, and the sum over the batch would count it once for each element.
            let inner = region(state, primal, &rule_flags, Outputs::All)?;
            rule_flags.extend(&inner.results);
            rule_flags.extend(floats(primal.results(), &inner.results));
            (inner, summed(state, rule, &rule_flags, &kept)?)
        }
    };
    let results = state.b.custom_derivative(kind, &values(args), inner.function, rule);
    Ok(with_flags(results, &inner.results))
}

fn custom_lifted(
    state: &Batch<'_, '_>,
    kind: CustomRule,
    primal: &Function,
    rule: &Function,
    args: &[Operand],
) -> Result<Vec<Operand>, Error> {
    let inner = region(state, primal, &vec![true; primal.params().len()], Outputs::All)?;
    let rule = region(state, rule, &vec![true; rule.params().len()], Outputs::All)?;
    let results = state.b.custom_derivative(kind, &state.lift_all(args), inner.function, rule.function);
    Ok(all_batched(results))
}

/// A rule over a batch whose results are summed over it where `kept` says that they have no batch axis.
fn summed(state: &Batch<'_, '_>, rule: &Function, flags: &[bool], kept: &[bool]) -> Result<Function, Error> {
    let inner = region(state, rule, flags, Outputs::All)?.function;
    let params = typed_params(&inner);
    Ok(state.b.region(&params, |b, params| {
        let results = inline(b, &inner, params);
        results.iter().zip(kept).map(|(&ct, &kept)| if kept { ct } else { b.reduce_add(ct, Axes::from([0])) }).collect()
    }))
}

fn transpose_rule(
    state: &Batch<'_, '_>,
    known: usize,
    rule: &Function,
    args: &[Operand],
) -> Result<Vec<Operand>, Error> {
    let mut flags: Vec<bool> = args[..known].iter().map(|arg| arg.batched).collect();
    flags.extend((known..rule.params().len()).map(|_| true));
    let inner = region(state, rule, &flags, Outputs::All)?;
    let mut operands = values(&args[..known]);
    operands.extend(state.lift_all(&args[known..]));
    let results = state.b.emit_structured(Op::TransposeRule { known }, &operands, &[inner.function]);
    Ok(all_batched(results))
}
