//! `cond` and `switch`.

use pullback_ir::{Builder, Function, Literal, Op, Scalar, Shape, Value};

use super::region::{Known, Outcome, Substitution, known_operands, param_position, replaced, splat};
use super::splice;
use crate::equality::same_function;

pub(super) fn branches(b: &Builder<'_>, op: &Op, args: &[Value], first: &Function, rest: &[Function]) -> Vec<Value> {
    let Some((&selector, args)) = args.split_first() else { return Vec::new() };
    if rest.iter().all(|region| same_function(region, first)) {
        return splice(b, first, args);
    }
    let known = known_operands(b, args);
    let all = || std::iter::once(first).chain(rest);
    let regions: Vec<Function> = all()
        .enumerate()
        .map(|(position, region)| {
            let mut known = known.clone();
            if *op == Op::Cond {
                // The predicate holds in the first branch, and does not in the second.
                let holds = Literal::splat(Scalar::Bool(position == 0), Shape::scalar());
                for (known, _) in known.iter_mut().zip(args).filter(|&(_, &arg)| arg == selector) {
                    *known = Known::Constant(holds.clone().into());
                }
            }
            Substitution(known).apply(b, region, 0, &[])
        })
        .collect();
    let outcomes: Vec<Outcome> =
        (0..first.results().len()).map(|position| outcome(b, args, position, first, rest)).collect();
    let operands: Vec<Value> = std::iter::once(selector).chain(args.iter().copied()).collect();
    replaced(b.emit_structured(op.clone(), &operands, &regions), &outcomes)
}

/// What a result is in all branches alike.
fn outcome(b: &Builder<'_>, args: &[Value], position: usize, first: &Function, rest: &[Function]) -> Outcome {
    let yielded = |region: &Function| region.results()[position];
    if let Some(param) = param_position(first, yielded(first))
        && rest.iter().all(|region| param_position(region, yielded(region)) == Some(param))
    {
        return Outcome::Is(args[param]);
    }
    if let Some(literal) = splat(first, yielded(first))
        && rest.iter().all(|region| splat(region, yielded(region)).is_some_and(|other| other == literal))
    {
        return Outcome::Is(b.emit(Op::Constant(literal), &[]));
    }
    let like =
        |&other: &usize| std::iter::once(first).chain(rest).all(|region| region.results()[other] == yielded(region));
    (0..position).find(like).map_or(Outcome::Own, Outcome::Like)
}
