//! `while`: forward mode runs the tangents along; reverse mode needs to know how often it runs at most.
//!
//! With a bound, a `while` is a `scan` of that length whose body does nothing once the condition fails: since the state then stays as it is, so does the
//! condition. That scan is what split mode differentiates.

use pullback_ir::{Builder, Checkpointing, Function, ScanSpec, Type, Value, WhileSpec};

use super::branch::at;
use super::{Derived, Mode, Site, inline, named, region};
use crate::error::Error;
use crate::flow::{Property, iteration};
use crate::trace::joint;

pub(super) fn differentiate(b: &Builder<'_>, site: &Site<'_>, spec: &WhileSpec) -> Result<Derived, Error> {
    let (cond, body) = (site.region(0)?, site.region(1)?);
    if site.mode == Mode::Joint {
        return joint_while(b, site, spec, cond, body);
    }
    let Some(bound) = spec.bound else {
        return Err(site.no_rule(
            "reverse mode needs to know how often it runs at most: declare `bound=N`, use a `scan`, or use forward mode (jvp)",
        ));
    };
    let carry = body.results().len();
    let params = named(body, body.params(), "");
    let provenance = &site.primal;
    let step = region(b.module(), provenance, &params, |b, params| {
        let again = inline(b, cond, params)[0];
        let keep = region(b.module(), provenance, &named(body, body.params(), ""), |_, params| {
            Ok(params[spec.consts..].to_vec())
        })?;
        Ok(b.cond(again, params, body.clone(), keep))
    })?;
    let scan = ScanSpec { length: bound, consts: spec.consts, carry, reverse: false, checkpoint: Checkpointing::Store };
    let source = region(b.module(), provenance, &params, |b, params| Ok(b.scan(scan, params, step)))?;
    super::custom::split_inlined(b, site, &source)
}

fn joint_while(
    b: &Builder<'_>,
    site: &Site<'_>,
    spec: &WhileSpec,
    cond: &Function,
    body: &Function,
) -> Result<Derived, Error> {
    let count = body.params().len();
    let carry = body.results().len();
    let active = site.active();
    let carry_active = iteration(body, Property::Tangent, &active, spec.consts, carry).params.split_off(spec.consts);
    let consts: Vec<usize> = (0..spec.consts).filter(|&at| active[at]).collect();
    let outputs: Vec<usize> = (0..carry).filter(|&at| carry_active[at]).collect();
    let wrt: Vec<usize> = consts.iter().copied().chain(outputs.iter().map(|at| spec.consts + at)).collect();
    let derivative = joint(b.module(), body, &wrt, &outputs)?;
    // Consts, their tangents, state, its tangents.
    let order: Vec<usize> = (0..spec.consts)
        .chain(count..count + consts.len())
        .chain(spec.consts..count)
        .chain(count + consts.len()..count + wrt.len())
        .collect();
    let names = named(&derivative, derivative.params(), "");
    let params: Vec<(String, Type)> = order.iter().map(|&at| names[at].clone()).collect();
    let arranged = |params: &[Value]| {
        let mut args = params.to_vec();
        order.iter().zip(params).for_each(|(&at, &param)| args[at] = param);
        args
    };
    let provenance = &site.derived;
    let new_cond =
        region(b.module(), provenance, &params, |b, params| Ok(inline(b, cond, &arranged(params)[..count])))?;
    let new_body = region(b.module(), provenance, &params, |b, params| Ok(inline(b, &derivative, &arranged(params))))?;
    b.set_provenance(site.derived.clone());
    let start = b.function().insts().len();
    let mut all = site.args.clone();
    all.extend(site.tangents_or_zeros(b, wrt.iter().copied()));
    let args: Vec<Value> = order.iter().map(|&at| all[at]).collect();
    let new = WhileSpec { consts: spec.consts + consts.len(), bound: spec.bound };
    let mut results = b.while_loop(new, &args, new_cond, new_body);
    let tangents = results.split_off(carry.min(results.len()));
    Ok(Derived { results, start, tangents: at(carry, &outputs, &tangents) })
}
