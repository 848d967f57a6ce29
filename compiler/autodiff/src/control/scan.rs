//! `scan`: the derivative of a loop is a loop.
//!
//! Joint mode scans the body with its tangents. Split mode scans the body with its residuals as further stacked results, then scans the linear part
//! over them. A residual that is the same in every iteration (a const) or that is scanned over already (an `xs`) is passed again instead of stacked. The transpose of
//! a linear scan runs the other way: its state is the cotangent of the state and one accumulator for each linear const; the cotangents of the
//! `ys` are scanned over, and those of the `xs` stacked.
//!
//! A checkpoint policy other than `store` rewrites the primal loop first: `recompute` puts the body into a `checkpoint`, `every` nests two scans, the inner one in a
//! `checkpoint`; `binomial` has a file of its own ([`super::revolve`]).

use pullback_ir::{Builder, Checkpointing, Function, ScanSpec, Shape, Type, Value};

use super::branch::at;
use super::{Derived, Mode, Site, TransposeError, element_type, inline, named, region, revolve, transpose_into};
use crate::emit;
use crate::error::Error;
use crate::flow::{Iteration, Property, iteration};
use crate::linearize::{Residual, Split, split};
use crate::trace::joint;
use crate::transpose::Operand;

/// Which parameters of the body have tangents, and which results may.
struct Activity {
    /// Positions of consts, of the state and of `xs` among the parameters.
    consts: Vec<usize>,
    carry: Vec<usize>,
    xs: Vec<usize>,
    /// Positions of the state and of `ys` among the results.
    next: Vec<usize>,
    ys: Vec<usize>,
}

impl Activity {
    fn new(spec: &ScanSpec, body: &Function, args: &[bool]) -> Self {
        let state = spec.consts..spec.consts + spec.carry;
        let Iteration { params: active, results } = iteration(body, Property::Tangent, args, spec.consts, spec.carry);
        let positions = |range: std::ops::Range<usize>, of: &[bool]| range.filter(|&at| of[at]).collect();
        Self {
            consts: positions(0..spec.consts, &active),
            carry: positions(state, &active),
            xs: positions(spec.consts + spec.carry..active.len(), &active),
            // The state is active as a whole: its tangent after an iteration is wanted wherever it is before one.
            next: (0..spec.carry).filter(|&at| active[spec.consts + at]).collect(),
            ys: positions(spec.carry..results.len(), &results),
        }
    }

    /// All active parameters.
    fn wrt(&self) -> Vec<usize> {
        self.consts.iter().chain(&self.carry).chain(&self.xs).copied().collect()
    }

    /// All results whose tangents are wanted.
    fn outputs(&self) -> Vec<usize> {
        self.next.iter().chain(&self.ys).copied().collect()
    }

    fn spec(&self, spec: &ScanSpec, consts: usize) -> ScanSpec {
        ScanSpec { consts, carry: self.carry.len(), checkpoint: Checkpointing::Store, ..*spec }
    }
}

pub(super) fn differentiate(b: &Builder<'_>, site: &Site<'_>, spec: &ScanSpec) -> Result<Derived, Error> {
    let body = site.region(0)?;
    if site.mode == Mode::Joint {
        return joint_scan(b, site, spec, body);
    }
    match spec.checkpoint {
        Checkpointing::Store => split_scan(b, site, spec, body),
        Checkpointing::Recompute => {
            let body = checkpointed(b, site, body)?;
            let spec = ScanSpec { checkpoint: Checkpointing::Store, ..*spec };
            split_scan(b, site, &spec, &body)
        }
        Checkpointing::Every(steps) if steps >= spec.length => split_scan(b, site, spec, body),
        Checkpointing::Every(steps) => every(b, site, spec, body, steps),
        Checkpointing::Binomial(slots) if slots >= spec.length => split_scan(b, site, spec, body),
        Checkpointing::Binomial(slots) => revolve::differentiate(b, site, spec, body, slots),
    }
}

/// A function that runs `body` inside a `checkpoint`.
fn checkpointed(b: &Builder<'_>, site: &Site<'_>, body: &Function) -> Result<Function, Error> {
    let params = named(body, body.params(), "");
    region(b.module(), &site.primal, &params, |b, params| Ok(b.checkpoint(params, body.clone())))
}

fn joint_scan(b: &Builder<'_>, site: &Site<'_>, spec: &ScanSpec, body: &Function) -> Result<Derived, Error> {
    let activity = Activity::new(spec, body, &site.active());
    let derivative = joint(b.module(), body, &activity.wrt(), &activity.outputs())?;
    let (consts, carry) = (activity.consts.len(), activity.carry.len());
    let count = body.params().len();
    // Parameters in scan order: consts, their tangents, state, its tangents, xs, their tangents.
    let state = spec.consts + spec.carry;
    let mut order: Vec<usize> = (0..spec.consts).chain(count..count + consts).collect();
    order.extend((spec.consts..state).chain(count + consts..count + consts + carry));
    order.extend((state..count).chain(count + consts + carry..derivative.params().len()));
    let params: Vec<(String, Type)> = named(&derivative, derivative.params(), "");
    let params: Vec<(String, Type)> = order.iter().map(|&at| params[at].clone()).collect();
    let results = body.results().len();
    let joint_body = region(b.module(), &site.derived, &params, |b, params| {
        let mut args = vec![params[0]; params.len()];
        order.iter().zip(params).for_each(|(&at, &param)| args[at] = param);
        let out = inline(b, &derivative, &args);
        // State, its tangents, ys, their tangents.
        let (values, tangents) = out.split_at(results.min(out.len()));
        let (next, ys) = values.split_at(spec.carry);
        let (next_t, ys_t) = tangents.split_at(carry);
        Ok([next, next_t, ys, ys_t].concat())
    })?;
    b.set_provenance(site.derived.clone());
    let start = b.function().insts().len();
    let mut all = site.args.clone();
    all.extend(site.tangents_or_zeros(b, activity.wrt().into_iter()));
    let args: Vec<Value> = order.iter().map(|&at| all[at]).collect();
    let new = ScanSpec { consts: spec.consts + consts, carry: spec.carry + carry, ..*spec };
    let out = b.scan(new, &args, joint_body);
    if out.len() != results + activity.outputs().len() {
        return Err(site.no_rule("its derivative does not infer"));
    }
    let (next, rest) = out.split_at(spec.carry);
    let (next_t, rest) = rest.split_at(carry);
    let (ys, ys_t) = rest.split_at(results - spec.carry);
    let tangents = [next_t, ys_t].concat();
    Ok(Derived { results: [next, ys].concat(), start, tangents: at(results, &activity.outputs(), &tangents) })
}

fn split_scan(b: &Builder<'_>, site: &Site<'_>, spec: &ScanSpec, body: &Function) -> Result<Derived, Error> {
    let activity = Activity::new(spec, body, &site.active());
    // The state is another in every iteration, so what is needed of it is stacked.
    let state = spec.consts..spec.consts + spec.carry;
    let parts = split(b.module(), body, &activity.wrt(), &activity.outputs(), |position| !state.contains(&position))?;
    let results = body.results().len();
    let parts = stackable(b, site, parts, results, spec.length)?;
    let spec = ScanSpec { checkpoint: Checkpointing::Store, ..*spec };
    b.set_provenance(site.primal.clone());
    let mut out = b.scan(spec, &site.args, parts.primal.clone());
    let mut stacked = out.split_off(results.min(out.len())).into_iter();

    b.set_provenance(site.derived.clone());
    let start = b.function().insts().len();
    // Residuals that are consts come first among the parameters of the linear scan's body, the others among what is scanned over.
    let mut fixed: Vec<(usize, Value)> = Vec::new();
    let mut scanned: Vec<(usize, Value)> = Vec::new();
    for (number, residual) in parts.residuals.iter().enumerate() {
        match *residual {
            Residual::Param(position) if position < state.start => fixed.push((number, site.args[position])),
            Residual::Param(position) => scanned.push((number, site.args[position])),
            Residual::Value(_) => {
                let value = stacked.next().ok_or_else(|| site.no_rule("a residual is missing"))?;
                scanned.push((number, value));
            }
        }
    }
    let tangents = |positions: &[usize]| site.tangents_or_zeros(b, positions.iter().copied());
    let groups: [Vec<Value>; 5] = [
        fixed.iter().map(|pair| pair.1).collect(),
        tangents(&activity.consts),
        tangents(&activity.carry),
        scanned.iter().map(|pair| pair.1).collect(),
        tangents(&activity.xs),
    ];
    let linear = linear_body(b, site, &parts.linear, &groups, &fixed, &scanned)?;
    let args = groups.concat();
    let new = activity.spec(&spec, groups[0].len() + groups[1].len());
    let outputs = activity.outputs();
    let tangents = if outputs.is_empty() { Vec::new() } else { b.scan(new, &args, linear) };
    Ok(Derived { results: out, start, tangents: at(results, &outputs, &tangents) })
}

/// The most axes of a residual that is stacked as it is.
const MAX_STACKED_RANK: usize = 7;

/// Makes residuals of many axes flat, as loops that nest deeper than a tensor has axes make of numbers that they stack: so there is also room for the axis of a batch.
/// `results` are the primal's.
fn stackable(b: &Builder<'_>, site: &Site<'_>, parts: Split, results: usize, length: usize) -> Result<Split, Error> {
    for ty in parts.value_types() {
        if let Err(error) = Shape::new(&[length, ty.elements()]) {
            return Err(site.no_rule(format!(
                "reverse mode keeps a value of type {ty} of each of {length} iterations: {error}; give a checkpoint policy"
            )));
        }
    }
    let flat = |ty: &Type| match Shape::new(&[ty.elements()]) {
        Ok(shape) if ty.rank() > MAX_STACKED_RANK => ty.with_shape(shape),
        Ok(_) | Err(_) => ty.clone(),
    };
    if parts.value_types().iter().all(|ty| flat(ty) == *ty) {
        return Ok(parts);
    }
    let params = named(&parts.primal, parts.primal.params(), "");
    let primal = region(b.module(), &site.primal, &params, |b, params| {
        let mut out = inline(b, &parts.primal, params);
        for value in out.iter_mut().skip(results) {
            *value = reshaped(b, *value, &flat(&b.ty(*value)));
        }
        Ok(out)
    })?;
    let types: Vec<Type> = parts.linear.param_types().cloned().collect();
    let mut params = named(&parts.linear, parts.linear.params(), "");
    for (param, residual) in params.iter_mut().zip(&parts.residuals) {
        if let Residual::Value(_) = residual {
            param.1 = flat(&param.1);
        }
    }
    let linear = region(b.module(), &site.derived, &params, |b, params| {
        let args: Vec<Value> = params.iter().zip(&types).map(|(&param, ty)| reshaped(b, param, ty)).collect();
        Ok(inline(b, &parts.linear, &args))
    })?;
    Ok(Split { primal, linear, residuals: parts.residuals })
}

/// The elements in the shape of a type; the value itself if it has that.
fn reshaped(b: &Builder<'_>, value: Value, ty: &Type) -> Value {
    if b.ty(value) == *ty { value } else { b.reshape(value, &ty.shape) }
}

/// The body of the linear scan: `linear` with its parameters in scan order.
fn linear_body(
    b: &Builder<'_>,
    site: &Site<'_>,
    linear: &Function,
    groups: &[Vec<Value>; 5],
    fixed: &[(usize, Value)],
    scanned: &[(usize, Value)],
) -> Result<Function, Error> {
    let names = named(linear, linear.params(), "");
    let residuals = fixed.len() + scanned.len();
    let (consts, carry) = (groups[1].len(), groups[2].len());
    // For each parameter of the region the parameter of `linear` it is.
    let order: Vec<usize> = fixed
        .iter()
        .map(|pair| pair.0)
        .chain(residuals..residuals + consts + carry)
        .chain(scanned.iter().map(|pair| pair.0))
        .chain(residuals + consts + carry..linear.params().len())
        .collect();
    let params: Vec<(String, Type)> = order.iter().map(|&at| names[at].clone()).collect();
    region(b.module(), &site.derived, &params, |b, params| {
        let mut args = params.to_vec();
        order.iter().zip(params).for_each(|(&at, &param)| args[at] = param);
        Ok(inline(b, linear, &args))
    })
}

/// The loop over `every` steps inside a loop, as a chain of two scans: whole chunks, then what is left; the other way round in reverse.
fn every(b: &Builder<'_>, site: &Site<'_>, spec: &ScanSpec, body: &Function, steps: usize) -> Result<Derived, Error> {
    let state = spec.consts + spec.carry;
    let whole = spec.length / steps * steps;
    let names = named(body, body.params(), "");
    let params: Vec<(String, Type)> =
        names.iter().zip(&site.args).map(|((name, _), &arg)| (name.clone(), b.ty(arg))).collect();
    let chunk = ScanSpec { length: steps, checkpoint: Checkpointing::Store, ..*spec };
    let source = region(b.module(), &site.primal, &params, |b, params| {
        let (consts, rest) = params.split_at(spec.consts);
        let (carry, xs) = rest.split_at(spec.carry);
        let inner_params: Vec<(String, Type)> = names
            .iter()
            .enumerate()
            .map(|(at, (name, ty))| (name.clone(), if at < state { ty.clone() } else { stacked(ty, steps) }))
            .collect();
        let inner =
            region(b.module(), &site.primal, &inner_params, |b, params| Ok(b.scan(chunk, params, body.clone())))?;
        let outer = checkpointed(b, site, &inner)?;
        let run = |carry: &[Value], from: usize, to: usize| {
            let xs = xs.iter().map(|&x| b.slice_axis(x, 0, from, to));
            if to - from == whole {
                let xs = xs.map(|x| b.reshape(x, &grouped(&b.shape(x), steps)));
                let args: Vec<Value> = consts.iter().chain(carry).copied().chain(xs).collect();
                let mut out = b.scan(ScanSpec { length: whole / steps, ..chunk }, &args, outer.clone());
                let ys = out.split_off(spec.carry.min(out.len()));
                let ys: Vec<Value> = ys.into_iter().map(|y| b.reshape(y, &flat(&b.shape(y)))).collect();
                return (out, ys);
            }
            let args: Vec<Value> = consts.iter().chain(carry).copied().chain(xs).collect();
            let mut out = b.scan(ScanSpec { length: to - from, ..chunk }, &args, body.clone());
            let ys = out.split_off(spec.carry.min(out.len()));
            (out, ys)
        };
        let mut ranges = vec![(0, whole), (whole, spec.length)];
        ranges.retain(|range| range.0 < range.1);
        if spec.reverse {
            ranges.reverse();
        }
        let mut carry = carry.to_vec();
        let mut parts: Vec<Vec<Value>> = Vec::new();
        for (from, to) in ranges {
            let (next, ys) = run(&carry, from, to);
            carry = next;
            parts.push(ys);
        }
        if spec.reverse {
            parts.reverse();
        }
        let count = parts.first().map_or(0, Vec::len);
        let mut results = carry;
        for y in 0..count {
            let pieces: Vec<Value> = parts.iter().map(|part| part[y]).collect();
            results.push(if pieces.len() == 1 { pieces[0] } else { b.concatenate(&pieces, 0) });
        }
        Ok(results)
    })?;
    super::custom::split_inlined(b, site, &source)
}

fn stacked(ty: &Type, length: usize) -> Type {
    let mut extents = vec![length];
    extents.extend(ty.shape.extents());
    // The whole is representable, so a part of it is.
    Type::new(ty.dtype, &extents).unwrap_or_else(|_| ty.clone())
}

fn grouped(shape: &Shape, steps: usize) -> Shape {
    let extents = shape.extents();
    let mut grouped = vec![extents[0] / steps, steps];
    grouped.extend(&extents[1..]);
    Shape::new(&grouped).unwrap_or_else(|_| shape.clone())
}

fn flat(shape: &Shape) -> Shape {
    let extents = shape.extents();
    match extents[..] {
        [a, c, ref rest @ ..] => {
            let mut flat = vec![a * c];
            flat.extend(rest);
            Shape::new(&flat).unwrap_or_else(|_| shape.clone())
        }
        _ => shape.clone(),
    }
}

/// The transpose of a linear scan: see the module's header.
pub(super) fn transpose(
    b: &Builder<'_>,
    spec: &ScanSpec,
    regions: &[Function],
    operands: &[Operand],
    cts: &[Option<Value>],
) -> Result<Vec<Option<Value>>, TransposeError> {
    let [body] = regions else { return Err(TransposeError::NotLinear("a scan without a body")) };
    let state = spec.consts..spec.consts + spec.carry;
    // A state that begins as zero is linear, though its first value does not depend on the tangents.
    let begins_at_zero = |value: Value| emit::splat_of(b, value) == Some(0.0) || b.shape(value).elements() == 0;
    if operands[state.clone()].iter().filter_map(Operand::known).any(|value| !begins_at_zero(value)) {
        return Err(TransposeError::NotLinear("a part of the state does not depend on them and is not zero at first"));
    }
    let linear = |range: std::ops::Range<usize>| -> Vec<usize> {
        range.filter(|&at| operands[at].linear_type().is_some()).collect()
    };
    let known = |range: std::ops::Range<usize>| range.filter(|&at| operands[at].known().is_some());
    let (linear_consts, linear_xs) = (linear(0..state.start), linear(state.end..operands.len()));
    let known_consts: Vec<usize> = known(0..state.start).collect();
    let known_xs: Vec<usize> = known(state.end..operands.len()).collect();
    let given: Vec<usize> = (spec.carry..cts.len()).filter(|&at| cts[at].is_some()).collect();

    // Parameters: known consts; cotangents of the state, of linear consts; known xs, cotangents of ys.
    let value = |position: usize| operands[position].known();
    let consts: Vec<Value> = known_consts.iter().filter_map(|&at| value(at)).collect();
    let carry_types: Vec<Type> = body.params()[state.clone()].iter().map(|&param| body.ty(param).clone()).collect();
    let const_types: Vec<Type> = linear_consts.iter().map(|&at| body.ty(body.params()[at]).clone()).collect();
    let mut carry: Vec<Value> =
        (0..spec.carry).map(|at| cts[at].unwrap_or_else(|| emit::zero(b, &carry_types[at]))).collect();
    carry.extend(const_types.iter().map(|ty| emit::zero(b, ty)));
    let xs: Vec<Value> = known_xs.iter().filter_map(|&at| value(at)).collect();
    let ys: Vec<Value> = given.iter().filter_map(|&at| cts[at]).collect();

    let mut params: Vec<(String, Type)> = consts.iter().map(|&value| ("r".to_owned(), b.ty(value))).collect();
    params.extend(carry_types.iter().chain(&const_types).map(|ty| ("ct".to_owned(), ty.clone())));
    params.extend(xs.iter().map(|&value| ("r".to_owned(), element_type(&b.ty(value)))));
    params.extend(ys.iter().map(|&value| ("ct".to_owned(), element_type(&b.ty(value)))));
    let mut present_xs = vec![false; linear_xs.len()];
    let transposed = region(b.module(), &b.provenance(), &params, |b, params| {
        let (consts, rest) = params.split_at(known_consts.len());
        let (carry, rest) = rest.split_at(spec.carry);
        let (sums, rest) = rest.split_at(linear_consts.len());
        let (xs, ys) = rest.split_at(known_xs.len());
        let mut known = vec![None; operands.len()];
        known_consts.iter().zip(consts).for_each(|(&at, &param)| known[at] = Some(param));
        known_xs.iter().zip(xs).for_each(|(&at, &param)| known[at] = Some(param));
        let mut inner_cts = vec![None; body.results().len()];
        carry.iter().enumerate().for_each(|(at, &ct)| inner_cts[at] = Some(ct));
        given.iter().zip(ys).for_each(|(&at, &ct)| inner_cts[at] = Some(ct));
        let found = transpose_into(b, body, &known, &inner_cts)?;
        let mut results: Vec<Value> = state
            .clone()
            .enumerate()
            .map(|(position, at)| found[at].unwrap_or_else(|| emit::zero(b, &carry_types[position])))
            .collect();
        results.extend(linear_consts.iter().zip(sums).map(|(&at, &sum)| match found[at] {
            Some(more) => b.add(sum, more),
            None => sum,
        }));
        for (present, &at) in present_xs.iter_mut().zip(&linear_xs) {
            *present = found[at].is_some();
            results.extend(found[at]);
        }
        Ok(results)
    })?;
    let new = ScanSpec {
        length: spec.length,
        consts: consts.len(),
        carry: carry.len(),
        reverse: !spec.reverse,
        checkpoint: Checkpointing::Store,
    };
    let args = [consts, carry, xs, ys].concat();
    if transposed.results().is_empty() {
        return Ok(vec![None; operands.len()]);
    }
    let found = b.scan(new, &args, transposed);
    let present = linear_xs.iter().zip(&present_xs).filter(|pair| *pair.1).map(|pair| *pair.0);
    let positions: Vec<usize> = state.chain(linear_consts).chain(present).collect();
    Ok(at(operands.len(), &positions, &found))
}
