//! Hoists invariants: what a loop computes anew in every iteration from values that do not change is computed once, before it.
//!
//! Why: users write `softplus(w)` in the body of a loop, and linearization puts the nonlinear parts of a tangent beside the linear ones.
//!
//! Memory decides. A result is computed outside only if it is not larger than what it is computed from, so that reading it in every
//! iteration costs no more than reading its operands did. Views (broadcast, transpose, slice, …) cost nothing where they are and stay, and what stands behind one
//! counts as large as what the view is of. A `while` is not hoisted: it could run for ever where it would not have begun.
//!
//! Innermost loops first, so that an invariant leaves all loops that it can.
//!
//! After: no instruction in the body of a loop could be hoisted by these rules.

use cranelift_entity::{EntitySet, SecondaryMap};
use pullback_ir::rewrite::{ValueMap, copy_inst, copy_params, map_results};
use pullback_ir::{BuildError, Builder, Function, Inst, Module, Op, Value, Verified};

use crate::pass::{Changed, Error, Pass};
use crate::regions::{copy_with, has_regions};

/// The pass.
pub static HOIST_INVARIANTS: Pass = Pass {
    name: "hoist_invariants",
    about: "compute before a loop what is the same in every iteration",
    may_change: has_regions,
    waits: false,
    run,
};

fn run<'f>(module: &Verified<Module>, function: &'f Function) -> Result<Changed<'f>, Error> {
    hoisted(module, function).map(Changed::Owned).map_err(|error| Error::bug(HOIST_INVARIANTS.name, error))
}

fn hoisted(module: &Module, function: &Function) -> Result<Function, BuildError> {
    if !has_regions(function) {
        return Ok(function.clone());
    }
    let b = Builder::new(module, &function.name);
    let mut map = ValueMap::new();
    copy_params(&b, function, &mut map);
    for &inst in function.insts() {
        let regions = function.region_functions(inst);
        if regions.is_empty() {
            copy_inst(&b, function, inst, &mut map);
            continue;
        }
        let regions: Vec<Function> = regions.iter().map(|region| hoisted(module, region)).collect::<Result<_, _>>()?;
        let mut op = function.op(inst).clone();
        let consts = match &mut op {
            Op::Scan(spec) => &mut spec.consts,
            Op::While(spec) => &mut spec.consts,
            _ => {
                copy_with(&b, function, inst, &regions, &mut map);
                continue;
            }
        };
        let args = map.expect_all(&b, function.args(inst));
        b.set_provenance(function.provenance(inst).clone());
        let (operands, regions) = emptied(&b, *consts, &args, &regions)?;
        *consts += operands.len() - args.len();
        let results = b.emit_structured(op, &operands, &regions);
        map_results(&b, function, inst, &results, &mut map);
    }
    let results = map.expect_all(&b, function.results());
    b.finish(&results)
}

/// Appends what is invariant in the regions of a loop; returns the operands and the regions that take it.
fn emptied(
    b: &Builder<'_>,
    consts: usize,
    args: &[Value],
    regions: &[Function],
) -> Result<(Vec<Value>, Vec<Function>), BuildError> {
    let loop_provenance = b.provenance();
    let invariants: Vec<Invariants> = regions.iter().map(|region| Invariants::of(region, consts)).collect();
    let mut added = Vec::new();
    for (region, invariants) in regions.iter().zip(&invariants) {
        added.extend(copy_outside(b, region, &args[..consts], &invariants.taken));
    }
    b.set_provenance(loop_provenance);
    let mut first = 0;
    let mut new = Vec::with_capacity(regions.len());
    for (region, invariants) in regions.iter().zip(&invariants) {
        new.push(without(b, region, consts, &added, invariants, first)?);
        first += invariants.taken.len();
    }
    let mut operands = args.to_vec();
    operands.splice(consts..consts, added);
    Ok((operands, new))
}

/// Appends the instructions that `values` of a region depend on; returns what the values became.
fn copy_outside(b: &Builder<'_>, region: &Function, consts: &[Value], values: &[Value]) -> Vec<Value> {
    let mut needed: EntitySet<Inst> = EntitySet::new();
    for inst in values.iter().filter_map(|&value| region.def_inst(value)) {
        needed.insert(inst);
    }
    for &inst in region.insts().iter().rev().filter(|_| !values.is_empty()) {
        if needed.contains(inst) {
            for arg in region.args(inst).iter().filter_map(|&arg| region.def_inst(arg)) {
                needed.insert(arg);
            }
        }
    }
    let mut map = ValueMap::new();
    for (&param, &arg) in region.params().iter().zip(consts) {
        map.insert(param, arg);
    }
    for &inst in region.insts().iter().filter(|&&inst| needed.contains(inst)) {
        copy_inst(b, region, inst, &mut map);
    }
    map.expect_all(b, values)
}

/// The region without what is hoisted, with parameters for `added` behind those for `consts`; those from `first` on are its own.
fn without(
    b: &Builder<'_>,
    region: &Function,
    consts: usize,
    added: &[Value],
    invariants: &Invariants,
    first: usize,
) -> Result<Function, BuildError> {
    let inner = Builder::new(b.module(), &region.name);
    let mut map = ValueMap::new();
    let param = |position: usize, value: Value, map: &mut ValueMap| {
        let name = region.value_name(value).map_or_else(|| format!("arg{position}"), ToString::to_string);
        map.insert(value, inner.param(&name, region.ty(value).clone()));
    };
    for (position, &value) in region.params().iter().enumerate().take(consts) {
        param(position, value, &mut map);
    }
    for (position, &value) in added.iter().enumerate() {
        match position.checked_sub(first).and_then(|own| invariants.taken.get(own)) {
            Some(&own) => param(position, own, &mut map),
            // For another region of the loop.
            None => _ = inner.param("const", b.ty(value)),
        }
    }
    for (position, &value) in region.params().iter().enumerate().skip(consts) {
        param(position, value, &mut map);
    }
    // What uses a hoisted result that is no parameter now is hoisted too.
    for &inst in region.insts().iter().filter(|&&inst| !invariants.hoisted.contains(inst)) {
        copy_inst(&inner, region, inst, &mut map);
    }
    let results = map.expect_all(&inner, region.results());
    inner.finish(&results)
}

/// What does not change from one iteration to the next.
struct Invariants {
    values: EntitySet<Value>,
    /// How many bytes are read to have an invariant value, through the views in front of it.
    bytes: SecondaryMap<Value, usize>,
    /// Worth computing outside.
    hoisted: EntitySet<Inst>,
    /// The results of those that are used by what stays.
    taken: Vec<Value>,
}

impl Invariants {
    fn of(region: &Function, consts: usize) -> Self {
        let mut found =
            Self { values: EntitySet::new(), bytes: SecondaryMap::new(), hoisted: EntitySet::new(), taken: Vec::new() };
        for &param in region.params().iter().take(consts) {
            found.values.insert(param);
            found.bytes[param] = region.ty(param).bytes();
        }
        for &inst in region.insts() {
            if region.args(inst).iter().all(|&arg| found.values.contains(arg)) && may_move(region, inst) {
                found.add(region, inst);
            }
        }
        found.taken = found.used(region);
        found
    }

    fn add(&mut self, region: &Function, inst: Inst) {
        let operands: usize = region.args(inst).iter().map(|&arg| self.bytes[arg]).sum();
        let results = region.inst_results(inst);
        let own: usize = results.iter().map(|&result| region.ty(result).bytes()).sum();
        let stays = stays(region.op(inst));
        if !stays && own <= operands {
            self.hoisted.insert(inst);
        }
        for &result in results {
            self.values.insert(result);
            self.bytes[result] = if stays { operands.min(own) } else { region.ty(result).bytes() };
        }
    }

    /// The results of hoisted instructions that are used by what stays.
    fn used(&self, region: &Function) -> Vec<Value> {
        let mut used: EntitySet<Value> = EntitySet::new();
        let staying = region.insts().iter().filter(|&&inst| !self.hoisted.contains(inst));
        for &value in staying.flat_map(|&inst| region.args(inst)).chain(region.results()) {
            used.insert(value);
        }
        let hoisted = region.insts().iter().filter(|&&inst| self.hoisted.contains(inst));
        hoisted.flat_map(|&inst| region.inst_results(inst)).copied().filter(|&value| used.contains(value)).collect()
    }
}

/// Whether an operation costs nothing where it is.
const fn stays(op: &Op) -> bool {
    matches!(
        op,
        Op::Constant(_)
            | Op::Iota { .. }
            | Op::Broadcast(_)
            | Op::Reshape(_)
            | Op::Transpose(_)
            | Op::Reverse(_)
            | Op::Slice(_)
            | Op::Windows(_)
    )
}

/// Whether an instruction may run where it would not have: it must end, and must not be there to stay.
fn may_move(region: &Function, inst: Inst) -> bool {
    let nested = region.inst_regions(inst).iter().map(|&nested| region.region_function(nested, "nested"));
    let ends = |function: &Function| function.all_insts().iter().all(|&inst| !is_while(function.op(inst)));
    *region.op(inst) != Op::Barrier && !is_while(region.op(inst)) && nested.into_iter().all(|region| ends(&region))
}

const fn is_while(op: &Op) -> bool {
    matches!(op, Op::While(_))
}
