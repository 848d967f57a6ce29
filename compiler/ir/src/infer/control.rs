//! Types of structured control flow: whether regions fit the operands.

use super::Message;
use crate::op::{Checkpointing, CustomRule, ScanSpec, WhileSpec};
use crate::regions::RegionType;
use crate::types::{DType, Shape, Type};

/// `what`, position by position, are of the types expected.
fn same(what: &str, found: &[Type], expected: &[Type]) -> Result<(), Message> {
    if found.len() != expected.len() {
        return Err(format!("{what}: {} values, expected {}", found.len(), expected.len()));
    }
    match found.iter().zip(expected).position(|(found, expected)| found != expected) {
        Some(position) => {
            Err(format!("{what}: value {position} is {}, expected {}", found[position], expected[position]))
        }
        None => Ok(()),
    }
}

fn owned(args: &[&Type]) -> Vec<Type> {
    args.iter().map(|&ty| ty.clone()).collect()
}

/// The type of one position along axis 0.
fn element(ty: &Type, length: usize) -> Result<Type, Message> {
    let extents = ty.shape.extents();
    match extents[..] {
        [extent, ref rest @ ..] if extent == length => Type::new(ty.dtype, rest).map_err(|error| error.to_string()),
        _ => Err(format!("{ty} is scanned over, expected {length} positions on axis 0")),
    }
}

fn stacked(ty: &Type, length: usize) -> Result<Type, Message> {
    let mut extents = vec![length];
    extents.extend(ty.shape.extents());
    let shape = Shape::new(&extents).map_err(|error| error.to_string())?;
    Ok(ty.with_shape(shape))
}

pub(super) fn scan(spec: &ScanSpec, args: &[&Type], regions: &[RegionType]) -> Result<Vec<Type>, Message> {
    let [body] = regions else { return Err("expected one region".into()) };
    let state = spec.consts.saturating_add(spec.carry);
    if state > args.len() {
        return Err(format!(
            "{} operands, expected at least consts={} and carry={}",
            args.len(),
            spec.consts,
            spec.carry
        ));
    }
    if matches!(spec.checkpoint, Checkpointing::Every(0) | Checkpointing::Binomial(0)) {
        return Err("a checkpoint policy with 0, expected at least 1".into());
    }
    let mut params = owned(&args[..state]);
    for xs in &args[state..] {
        params.push(element(xs, spec.length)?);
    }
    same("the parameters of the body", &body.params, &params)?;
    if body.results.len() < spec.carry {
        return Err(format!("the body yields {} values, expected at least carry={}", body.results.len(), spec.carry));
    }
    let (carry, ys) = body.results.split_at(spec.carry);
    same("the carry that the body yields", carry, &params[spec.consts..state])?;
    let mut results = carry.to_vec();
    for y in ys {
        results.push(stacked(y, spec.length)?);
    }
    Ok(results)
}

pub(super) fn while_loop(spec: &WhileSpec, args: &[&Type], regions: &[RegionType]) -> Result<Vec<Type>, Message> {
    let [cond, body] = regions else { return Err("expected two regions".into()) };
    if spec.consts > args.len() {
        return Err(format!("{} operands, expected at least consts={}", args.len(), spec.consts));
    }
    let params = owned(args);
    same("the parameters of the condition", &cond.params, &params)?;
    same("what the condition yields", &cond.results, &[Type::scalar(DType::Bool)])?;
    same("the parameters of the body", &body.params, &params)?;
    same("the carry that the body yields", &body.results, &params[spec.consts..])?;
    Ok(params[spec.consts..].to_vec())
}

pub(super) fn branches(selector: DType, args: &[&Type], regions: &[RegionType]) -> Result<Vec<Type>, Message> {
    let [first, rest @ ..] = args else { return Err("no operands, expected at least the one that selects".into()) };
    if **first != Type::scalar(selector) {
        return Err(format!("the region is selected by {first}, expected {}", Type::scalar(selector)));
    }
    let params = owned(rest);
    let [branch, ..] = regions else { return Err("expected at least one region".into()) };
    for (position, region) in regions.iter().enumerate() {
        same(&format!("the parameters of region {position}"), &region.params, &params)?;
        same(&format!("what region {position} yields"), &region.results, &branch.results)?;
    }
    Ok(branch.results.clone())
}

fn floats(types: &[Type]) -> impl Iterator<Item = Type> + '_ {
    types.iter().filter(|ty| ty.dtype.is_float()).cloned()
}

pub(super) fn custom_derivative(
    rule: CustomRule,
    args: &[&Type],
    regions: &[RegionType],
) -> Result<Vec<Type>, Message> {
    let [primal, derivative] = regions else { return Err("expected two regions".into()) };
    let params = owned(args);
    same("the parameters of the primal", &primal.params, &params)?;
    let mut expected = params.clone();
    match rule {
        CustomRule::Jvp => {
            expected.extend(floats(&params));
            let tangents: Vec<Type> = floats(&primal.results).collect();
            same("the parameters of the jvp rule", &derivative.params, &expected)?;
            same("what the jvp rule yields", &derivative.results, &tangents)?;
        }
        CustomRule::Vjp => {
            expected.extend(primal.results.iter().cloned());
            expected.extend(floats(&primal.results));
            let cotangents: Vec<Type> = floats(&params).collect();
            same("the parameters of the vjp rule", &derivative.params, &expected)?;
            same("what the vjp rule yields", &derivative.results, &cotangents)?;
        }
    }
    Ok(primal.results.clone())
}

pub(super) fn transpose_rule(known: usize, args: &[&Type], regions: &[RegionType]) -> Result<Vec<Type>, Message> {
    let [rule] = regions else { return Err("expected one region".into()) };
    if known > args.len() || known > rule.params.len() {
        return Err(format!("known={known} of {} operands", args.len()));
    }
    let params = owned(args);
    same("the known parameters of the transpose", &rule.params[..known], &params[..known])?;
    same("what the transpose yields", &rule.results, &params[known..])?;
    Ok(rule.params[known..].to_vec())
}

pub(super) fn checkpoint(args: &[&Type], regions: &[RegionType]) -> Result<Vec<Type>, Message> {
    let [body] = regions else { return Err("expected one region".into()) };
    same("the parameters of the body", &body.params, &owned(args))?;
    Ok(body.results.clone())
}
