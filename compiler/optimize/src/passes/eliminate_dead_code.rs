//! Eliminates dead code: instructions that no result depends on.
//!
//! Why: every other pass leaves behind what it made superfluous, and differentiation builds residuals that no cotangent
//! reads. No operation has an effect, so being unused is enough.
//!
//! After: every instruction has a result that a result of the function depends on. Parameters stay, they are the
//! function's interface.

use cranelift_entity::EntitySet;
use pullback_ir::rewrite::{ValueMap, copy_inst, copy_params};
use pullback_ir::{Builder, Function, Inst, Module, Verified};

use crate::pass::{Error, Pass};

/// The pass.
pub static ELIMINATE_DEAD_CODE: Pass =
    Pass { name: "eliminate_dead_code", about: "remove what no result depends on", run };

fn run(module: &Verified<Module>, function: &Function) -> Result<Function, Error> {
    let live = live_insts(function);
    if function.insts().iter().all(|&inst| live.contains(inst)) {
        return Ok(function.clone());
    }
    let b = Builder::new(module, &function.name);
    let mut map = ValueMap::new();
    copy_params(&b, function, &mut map);
    for &inst in function.insts().iter().filter(|&&inst| live.contains(inst)) {
        copy_inst(&b, function, inst, &mut map);
    }
    let results = map.expect_all(&b, function.results());
    b.finish(&results).map_err(|error| Error::bug(ELIMINATE_DEAD_CODE.name, error))
}

/// The instructions that results depend on. Operands come before uses, so one walk backwards sees every use first.
fn live_insts(function: &Function) -> EntitySet<Inst> {
    let mut live = EntitySet::new();
    for inst in function.results().iter().filter_map(|&result| function.def_inst(result)) {
        live.insert(inst);
    }
    for &inst in function.insts().iter().rev() {
        if live.contains(inst) {
            for arg in function.args(inst).iter().filter_map(|&arg| function.def_inst(arg)) {
                live.insert(arg);
            }
        }
    }
    live
}
