//! Simplifies control flow: what is known outside goes into regions, what does not change comes out of them, and loops of at most one iteration go.
//!
//! Why: regions see operands as parameters, so that no rule inside could know that one of them is zero, or that it is the same in every iteration. And
//! tangents and cotangents of loops begin as zeros, whose loops should end as nothing.
//!
//! * A splat constant that is an operand is that constant inside; operands that are the same value are one inside; the predicate of a `cond` is known
//!   in its branches.
//! * State of a loop that no iteration changes is no state: it is read as what it was at first, and is the result.
//! * State that begins and goes on alike is one state.
//! * A stacked result of a `scan` that is an operand's row, the same in every iteration or the same as another is made outside of the loop.
//! * A result that is the same operand or the same constant in all branches is that, and of equal branches the first takes the place of the instruction.
//! * A `scan` of one iteration is its body; one of none, and a `while` that never begins, are their operands.
//!
//! Substitution leaves behind parameters, operands and results that nothing uses, for dead code elimination. It goes from the outermost level
//! inwards, so what is known reaches all levels at once.
//!
//! Before: no constraint. After: parameters that are known or equal have no uses.

mod branches;
mod loops;
mod region;

use pullback_ir::rewrite::{ValueMap, copy_inst, copy_params, map_results};
use pullback_ir::{BuildError, Builder, Function, Inst, Module, Op, Value, Verified};

use self::region::Substitution;
use crate::pass::{Changed, Error, Pass};
use crate::regions::has_regions;

/// The pass.
pub static SIMPLIFY_CONTROL_FLOW: Pass = Pass {
    name: "simplify_control_flow",
    about: "move what is known into and out of loops and branches",
    may_change: has_regions,
    waits: false,
    run,
};

fn run<'f>(module: &Verified<Module>, function: &'f Function) -> Result<Changed<'f>, Error> {
    simplified(module, function).map(Changed::Owned).map_err(|error| Error::bug(SIMPLIFY_CONTROL_FLOW.name, error))
}

fn simplified(module: &Module, function: &Function) -> Result<Function, BuildError> {
    if !has_regions(function) {
        return Ok(function.clone());
    }
    let b = Builder::new(module, &function.name);
    let mut map = ValueMap::new();
    copy_params(&b, function, &mut map);
    let results = walk(&b, function, &mut map);
    b.finish(&results)
}

/// Appends the body of `function`, simplified, and returns what its results became. `map` holds what its parameters became. The recursion is as deep
/// as regions nest.
fn walk(b: &Builder<'_>, function: &Function, map: &mut ValueMap) -> Vec<Value> {
    for &inst in function.insts() {
        if function.inst_regions(inst).is_empty() {
            copy_inst(b, function, inst, map);
            continue;
        }
        let args = map.expect_all(b, function.args(inst));
        b.set_provenance(function.provenance(inst).clone());
        let results = structured(b, function, inst, &args);
        map_results(b, function, inst, &results, map);
    }
    map.expect_all(b, function.results())
}

fn structured(b: &Builder<'_>, function: &Function, inst: Inst, args: &[Value]) -> Vec<Value> {
    let regions = function.region_functions(inst);
    match (function.op(inst), &regions[..]) {
        (Op::Scan(spec), [body]) => loops::scan(b, spec, args, body),
        (Op::While(spec), [cond, body]) => loops::while_loop(b, spec, args, cond, body),
        (op @ (Op::Cond | Op::Switch), [first, rest @ ..]) => branches::branches(b, op, args, first, rest),
        // How to differentiate is of no concern here, and the types of a rule are fixed.
        (op, _) => {
            let regions: Vec<Function> =
                regions.iter().map(|region| Substitution::none(region).apply(b, region, 0, &[])).collect();
            b.emit_structured(op.clone(), args, &regions)
        }
    }
}

/// Appends the body of a region in the place of its instruction.
fn splice(b: &Builder<'_>, region: &Function, args: &[Value]) -> Vec<Value> {
    let mut map = ValueMap::new();
    for (&param, &arg) in region.params().iter().zip(args) {
        map.insert(param, arg);
    }
    walk(b, region, &mut map)
}
