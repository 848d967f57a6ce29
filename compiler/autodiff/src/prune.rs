//! Removal of the instructions that no result needs, and of repeated constants.
//!
//! Rules may build a value that turns out not to be used, such as a local derivative whose cotangent is a symbolic
//! zero, and a gradient does not return the primal's results. Rules also make each constant anew. The drivers
//! leave all that to this pass.

use std::collections::HashMap;
use std::sync::Arc;

use cranelift_entity::EntitySet;
use pullback_ir::rewrite::{ValueMap, copy_inst, copy_params, map_results};
use pullback_ir::{BuildError, Builder, Function, Inst, Literal, Module, Op};

/// A copy of `function` with its parameters, its results and the instructions that the results need; of the constants
/// that rules made, one of each.
pub(crate) fn prune(module: &Module, function: &Function) -> Result<Function, BuildError> {
    let live = live(function);
    let b = Builder::new(module, &function.name);
    let mut map = ValueMap::new();
    copy_params(&b, function, &mut map);
    let mut constants = HashMap::new();
    for &inst in function.insts().iter().filter(|&&inst| live.contains(inst)) {
        let Some(literal) = derived_constant(function, inst) else {
            copy_inst(&b, function, inst, &mut map);
            continue;
        };
        if let Some(&constant) = constants.get(literal) {
            map_results(&b, function, inst, &[constant], &mut map);
        } else {
            copy_inst(&b, function, inst, &mut map);
            constants.insert(literal, map.expect(&b, function.inst_results(inst)[0]));
        }
    }
    let results = map.expect_all(&b, function.results());
    b.finish(&results)
}

/// The instructions that the results need.
pub(crate) fn live(function: &Function) -> EntitySet<Inst> {
    let mut needed = EntitySet::new();
    needed.extend(function.results().iter().copied());
    let mut live = EntitySet::new();
    for &inst in function.insts().iter().rev() {
        if function.inst_results(inst).iter().any(|&result| needed.contains(result)) {
            needed.extend(function.args(inst).iter().copied());
            live.insert(inst);
        }
    }
    live
}

/// The literal of a constant that differentiation made and did not name.
fn derived_constant(function: &Function, inst: Inst) -> Option<&Arc<Literal>> {
    let Op::Constant(literal) = function.op(inst) else { return None };
    let named = function.inst_results(inst).iter().any(|&result| function.value_name(result).is_some());
    (!named && function.provenance(inst).derivation.is_some()).then_some(literal)
}
