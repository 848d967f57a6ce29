//! What is said of the parameters of a region, and the region rebuilt with it.

use std::sync::Arc;

use pullback_ir::op::BroadcastSpec;
use pullback_ir::rewrite::ValueMap;
use pullback_ir::{Builder, Function, Literal, Op, Scalar, Value};

/// What a parameter is.
#[derive(Clone)]
pub(super) enum Known {
    /// Nothing but a parameter.
    Parameter,
    /// The parameter at this position.
    Same(usize),
    /// A constant.
    Constant(Arc<Literal>),
    /// The parameter added for the operand added at this position.
    Added(usize),
    /// That one, repeated.
    Repeated(usize, BroadcastSpec),
}

/// What each parameter of a region is.
pub(super) struct Substitution(pub(super) Vec<Known>);

impl Substitution {
    /// Nothing is known.
    pub(super) fn none(region: &Function) -> Self {
        Self(vec![Known::Parameter; region.params().len()])
    }

    /// The region with what is known put in and simplified further, and parameters for `added`, operands of `b`, before the one at `position`.
    pub(super) fn apply(&self, b: &Builder<'_>, region: &Function, position: usize, added: &[Value]) -> Function {
        let inner = Builder::new(b.module(), &region.name);
        let name = |value: Value, fallback: usize| {
            region.value_name(value).map_or_else(|| format!("arg{fallback}"), ToString::to_string)
        };
        let (mut map, mut new_params) = (ValueMap::new(), Vec::new());
        let outer_name = |value| b.function().value_name(value).map_or_else(|| "const".into(), ToString::to_string);
        let add = || added.iter().map(|&value| inner.param(&outer_name(value), b.ty(value))).collect();
        for (index, &param) in region.params().iter().enumerate() {
            if index == position {
                new_params = add();
            }
            map.insert(param, inner.param(&name(param, index), region.ty(param).clone()));
        }
        if region.params().len() == position {
            new_params = add();
        }
        let own = map.expect_all(&inner, region.params());
        for (known, &param) in self.0.iter().zip(region.params()) {
            let value = match known {
                Known::Parameter => continue,
                Known::Same(position) => own.get(*position).copied(),
                Known::Constant(literal) => Some(inner.emit(Op::Constant(literal.clone()), &[])),
                Known::Added(position) => new_params.get(*position).copied(),
                Known::Repeated(position, spec) => {
                    new_params.get(*position).map(|&x| inner.broadcast(x, &spec.shape, spec.dims.clone()))
                }
            };
            if let Some(value) = value {
                map.insert(param, value);
            }
        }
        let results = super::walk(&inner, region, &mut map);
        match inner.finish(&results) {
            Ok(function) => function,
            Err(error) => {
                b.fail(&error.op, error.message);
                region.clone()
            }
        }
    }
}

/// The constant that repeats one element and is this value.
pub(super) fn splat(function: &Function, value: Value) -> Option<Arc<Literal>> {
    match function.op(function.def_inst(value)?) {
        Op::Constant(literal) if literal.as_splat().is_some() => Some(literal.clone()),
        _ => None,
    }
}

/// The element of a value that is a constant scalar.
pub(super) fn scalar(function: &Function, value: Value) -> Option<Scalar> {
    splat(function, value)?.as_splat()
}

/// The position of a parameter.
pub(super) fn param_position(region: &Function, value: Value) -> Option<usize> {
    region.params().iter().position(|&param| param == value)
}

/// What operands say of the parameters for them: constants, and which are the same as an operand before.
pub(super) fn known_operands(b: &Builder<'_>, args: &[Value]) -> Vec<Known> {
    let known = |(position, arg): (usize, &Value)| match splat(&b.function(), *arg) {
        Some(literal) => Known::Constant(literal),
        None => match args[..position].iter().position(|other| other == arg) {
            Some(first) => Known::Same(first),
            None => Known::Parameter,
        },
    };
    args.iter().enumerate().map(known).collect()
}

/// For each result the value that stands for it, if it is not the instruction's own.
pub(super) fn replaced(own: Vec<Value>, outcomes: &[Outcome]) -> Vec<Value> {
    let mut results = Vec::with_capacity(own.len());
    for (&value, outcome) in own.iter().zip(outcomes) {
        results.push(match outcome {
            Outcome::Own => value,
            Outcome::Is(value) => *value,
            // An earlier one, so it is there.
            Outcome::Like(position) => results.get(*position).copied().unwrap_or(value),
        });
    }
    results
}

/// What a result of the instruction becomes.
#[derive(Clone, Copy)]
pub(super) enum Outcome {
    /// The result at the same position.
    Own,
    /// This value.
    Is(Value),
    /// What the result at this position became.
    Like(usize),
}
