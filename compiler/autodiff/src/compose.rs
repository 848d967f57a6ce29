//! The public passes, composed of tracing, transposition and pruning.

use std::sync::Arc;

use cranelift_entity::EntitySet;
use pullback_ir::rewrite::{ValueMap, copy_inst, copy_params, inline_calls};
use pullback_ir::{Builder, FuncId, Function, Inst, Module, Value, Verified};

use crate::control::{Mode, check_depth};
use crate::emit;
use crate::error::Error;
use crate::prune::prune;
use crate::reverse::Reverse;
use crate::trace::{Request, Trace, dependents, derived, trace};

/// The Jacobian-vector product: forward mode.
///
/// `@f_jvp` takes the parameters of `func` and then the tangents `x_t` of those in `wrt` (positions from 0), in that
/// order. It returns the results of `func` and then the tangents of its floating-point results.
///
/// # Errors
/// If `func` is not in the module, or a parameter does not exist, is repeated or is not floating-point.
pub fn jvp(module: &Verified<Module>, func: FuncId, wrt: &[usize]) -> Result<Function, Error> {
    check_wrt(subject(module, func)?, wrt)?;
    let source = inlined(module, func)?;
    let b = Builder::new(module, &format!("{}_jvp", source.name));
    let trace = trace(&b, &source, &Request { wrt, mode: Mode::Joint })?;
    let mut results = trace.map.expect_all(&b, source.results());
    results.extend(trace.result_tangents(&b, &source));
    finish(module, b, &results, "jvp")
}

/// The vector-Jacobian product: reverse mode, primal and backward part in one function.
///
/// `@f_vjp` takes the parameters of `func` and then a cotangent `y_ct` of each of its floating-point results. It
/// returns the results of `func` and then the cotangents `x_ct` of the parameters in `wrt` (positions from 0), in that
/// order.
///
/// # Errors
/// If `func` is not in the module, a parameter does not exist, is repeated or is not floating-point, an operation has no derivative in reverse mode (a `while` without a
/// bound), or its loops and branches would nest too deep there.
pub fn vjp(module: &Verified<Module>, func: FuncId, wrt: &[usize]) -> Result<Function, Error> {
    check_wrt(subject(module, func)?, wrt)?;
    reverse_mode(module, &inlined(module, func)?, wrt, "vjp", Seed::Parameters, Returns::ResultsAndCotangents)
}

/// The gradient of the first result, a floating-point scalar, with respect to the parameters in `wrt`.
///
/// `@f_grad` takes the parameters of `func` and returns one gradient per entry of `wrt`. Further results of `func` are
/// auxiliary and do not contribute.
///
/// # Errors
/// As [`vjp`], and if the first result is not a floating-point scalar.
pub fn grad(module: &Verified<Module>, func: FuncId, wrt: &[usize]) -> Result<Function, Error> {
    let function = subject(module, func)?;
    check_wrt(function, wrt)?;
    check_scalar(function)?;
    reverse_mode(module, &inlined(module, func)?, wrt, "grad", Seed::One, Returns::Cotangents)
}

/// As [`grad`], but `@f_value_and_grad` returns all results of `func` before the gradients.
///
/// # Errors
/// As [`grad`].
pub fn value_and_grad(module: &Verified<Module>, func: FuncId, wrt: &[usize]) -> Result<Function, Error> {
    let function = subject(module, func)?;
    check_wrt(function, wrt)?;
    check_scalar(function)?;
    reverse_mode(module, &inlined(module, func)?, wrt, "value_and_grad", Seed::One, Returns::ResultsAndCotangents)
}

/// The transpose of a linear program, such as [`linearize`](crate::linearize()) makes.
///
/// The first `residuals` parameters of `linear` are residuals, the others tangents, in which it must be linear.
/// `@f_transpose` takes the residuals and then a cotangent of each result; it returns the cotangents of the tangents.
///
/// # Errors
/// If `linear` is not in the module, has fewer parameters than residuals, has tangents or results that are not
/// floating-point, or is not linear in its tangents.
pub fn transpose(module: &Verified<Module>, linear: FuncId, residuals: usize) -> Result<Function, Error> {
    let function = subject(module, linear)?;
    let count = function.params().len();
    if residuals > count {
        return Err(Error::NoResiduals { function: function.name.clone(), residuals, count });
    }
    check_wrt(function, &(residuals..count).collect::<Vec<_>>())?;
    let source = inlined(module, linear)?;
    let (residuals, tangents) = source.params().split_at(residuals);
    let dependent = dependents(&source, tangents);

    let b = Builder::new(module, &format!("{}_transpose", source.name));
    let mut map = ValueMap::new();
    for (position, &param) in residuals.iter().enumerate() {
        map.insert(param, b.param(&value_name(&source, param, position), source.ty(param).clone()));
    }
    let mut cotangents = Vec::with_capacity(source.results().len());
    for (position, &result) in source.results().iter().enumerate() {
        check_linear_result(&source, &dependent, result)?;
        let name = primal_name(&value_name(&source, result, position));
        cotangents.push(b.param(&format!("{name}_ct"), source.ty(result).clone()));
    }
    let mut reverse = Reverse::new(&b, &source, dependent, map);
    reverse.name_after_tangents();
    for (&result, &ct) in source.results().iter().zip(&cotangents) {
        reverse.accumulate(result, ct);
    }
    reverse.step(source.insts())?;
    let results: Vec<Value> = tangents.iter().map(|&tangent| reverse.demand(tangent)).collect();
    finish(module, b, &results, "transpose")
}

/// Where the cotangents of the results come from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seed {
    /// Parameters, one for each floating-point result.
    Parameters,
    /// 1 for the first result, zero for the others.
    One,
}

/// What a reverse-mode function returns.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Returns {
    /// The results of the primal, then the cotangents.
    ResultsAndCotangents,
    /// The cotangents.
    Cotangents,
}

/// Linearizes and transposes into one function: the primal instructions, then the steps of the trace backwards.
pub(crate) fn reverse_mode(
    module: &Module,
    source: &Function,
    wrt: &[usize],
    suffix: &str,
    seed: Seed,
    returns: Returns,
) -> Result<Function, Error> {
    check_depth(source)?;
    let forward = Builder::new(module, &source.name);
    let trace = trace(&forward, source, &Request { wrt, mode: Mode::Split })?;
    let forward = forward.finish(&[]).map_err(|error| Error::build("jvp", error))?;
    let linear = dependents(&forward, &trace.tangent_params);

    let b = Builder::new(module, &format!("{}_{suffix}", source.name));
    let map = copy_primal(&b, source, &forward, &trace);
    let results = source.results().iter().map(|&result| map.expect(&b, trace.map.expect(&b, result)));
    let mut results: Vec<Value> = results.collect();
    if returns == Returns::Cotangents {
        results.clear();
    }
    let mut reverse = Reverse::new(&b, &forward, linear, map);
    name_cotangents(&mut reverse, source, &trace);
    seed_cotangents(&b, &mut reverse, source, &trace, seed);
    for step in trace.steps.iter().rev() {
        reverse.step(&forward.insts()[step.clone()]).map_err(as_bug)?;
    }
    results.extend(trace.tangent_params.iter().map(|&param| reverse.demand(param)));
    finish(module, b, &results, suffix)
}

/// Copies parameters and instructions of the primal from the forward function.
fn copy_primal(b: &Builder<'_>, source: &Function, forward: &Function, trace: &Trace) -> ValueMap {
    let mut params = ValueMap::new();
    copy_params(b, source, &mut params);
    let mut map = ValueMap::new();
    for (&old, &new) in source.params().iter().zip(forward.params()) {
        map.insert(new, params.expect(b, old));
    }
    let mut derived: EntitySet<Inst> = EntitySet::new();
    derived.extend(trace.steps.iter().flat_map(|step| &forward.insts()[step.clone()]).copied());
    for &inst in forward.insts() {
        if !derived.contains(inst) {
            copy_inst(b, forward, inst, &mut map);
        }
    }
    map
}

/// Names the cotangents after the primal values, parameters always and others if they have a name.
fn name_cotangents(reverse: &mut Reverse<'_, '_>, source: &Function, trace: &Trace) {
    let results = source.insts().iter().flat_map(|&inst| source.inst_results(inst));
    let named = results.filter(|&&value| source.value_name(value).is_some());
    for &value in source.params().iter().chain(named) {
        if let Some(tangent) = trace.tangents[value].expand() {
            reverse.name_after(tangent, &trace.printed[value]);
        }
    }
}

fn seed_cotangents(b: &Builder<'_>, reverse: &mut Reverse<'_, '_>, source: &Function, trace: &Trace, seed: Seed) {
    for (position, &result) in source.results().iter().enumerate() {
        let ty = source.ty(result);
        let name = primal_result_name(source, result, position);
        let ct = match seed {
            Seed::Parameters if ty.dtype.is_float() => b.param(&format!("{name}_ct"), ty.clone()),
            Seed::One if position == 0 => {
                b.set_provenance(derived(None, "seed", &name));
                b.splat(ty, 1.0)
            }
            Seed::Parameters | Seed::One => continue,
        };
        if let Some(tangent) = trace.tangents[result].expand() {
            reverse.accumulate(tangent, ct);
        }
    }
}

/// The name of a result, or one by its position.
fn primal_result_name(source: &Function, result: Value, position: usize) -> Arc<str> {
    source.value_name(result).cloned().unwrap_or_else(|| format!("result{position}").into())
}

fn value_name(source: &Function, value: Value, position: usize) -> Arc<str> {
    source.value_name(value).cloned().unwrap_or_else(|| format!("arg{position}").into())
}

/// `x` for the tangent `x_t`; another name as it is.
fn primal_name(tangent: &str) -> Arc<str> {
    tangent.strip_suffix("_t").unwrap_or(tangent).into()
}

/// A trace that does not transpose is a mistake of a JVP rule.
fn as_bug(error: Error) -> Error {
    match error {
        Error::NotLinear { op, message, origin, .. } => {
            let message = format!("what a JVP rule built is not linear in the tangents: {message}");
            Error::Bug { rule: format!("transpose of {op}"), message, origin }
        }
        error => error,
    }
}

pub(crate) fn finish(module: &Module, b: Builder<'_>, results: &[Value], rule: &str) -> Result<Function, Error> {
    let pruned = b.finish(results).and_then(|function| prune(module, &function));
    pruned.map_err(|error| Error::build(rule, error))
}

/// The function without calls. It is verified, so size and depth are all that inlining can refuse.
pub(crate) fn inlined(module: &Verified<Module>, func: FuncId) -> Result<Function, Error> {
    let function = module.function(func);
    inline_calls(module, function)
        .map_err(|error| Error::TooLarge { function: function.name.clone(), message: error.message })
}

/// The function to differentiate.
pub(crate) fn subject(module: &Verified<Module>, func: FuncId) -> Result<&Function, Error> {
    if module.has(func) { Ok(module.function(func)) } else { Err(Error::NoFunction) }
}

/// Checks that every parameter to differentiate by exists, is named once and is floating-point.
pub(crate) fn check_wrt(function: &Function, wrt: &[usize]) -> Result<(), Error> {
    let name = &function.name;
    for (position, &index) in wrt.iter().enumerate() {
        let Some(&param) = function.params().get(index) else {
            return Err(Error::NoParameter { function: name.clone(), index, count: function.params().len() });
        };
        let param_name = value_name(function, param, index);
        if wrt[..position].contains(&index) {
            return Err(Error::RepeatedParameter { function: name.clone(), index, param: param_name });
        }
        let ty = function.ty(param);
        if !ty.dtype.is_float() {
            return Err(Error::NotFloat { function: name.clone(), param: param_name, ty: ty.clone() });
        }
    }
    Ok(())
}

pub(crate) fn check_scalar(function: &Function) -> Result<(), Error> {
    let found = match function.results().first().map(|&result| function.ty(result)) {
        Some(ty) if ty.dtype.is_float() && ty.rank() == 0 => return Ok(()),
        Some(ty) => ty.to_string(),
        None => "no result".into(),
    };
    Err(Error::NotScalar { function: function.name.clone(), found })
}

/// A result that does not depend on the tangents is linear in them only if it is zero, which only a constant shows.
fn check_linear_result(source: &Function, dependent: &EntitySet<Value>, result: Value) -> Result<(), Error> {
    let not_linear = |message: String| {
        let origin = source.def_inst(result).and_then(|inst| source.provenance(inst).origin.clone());
        Err(Error::NotLinear { function: source.name.clone(), op: "return", message, origin })
    };
    let ty = source.ty(result);
    if !ty.dtype.is_float() {
        return not_linear(format!("a result is of type {ty}, expected f32 or f64"));
    }
    let is_zero = emit::splat_in(source, result) == Some(0.0) || ty.elements() == 0;
    if dependent.contains(result) || is_zero {
        return Ok(());
    }
    not_linear("a result does not depend on them and is not a constant zero".into())
}
