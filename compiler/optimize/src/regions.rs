//! How passes reach regions: each is taken out as a function, changed by the same pass and put back.
//!
//! Regions are closed, so a pass that is right for functions is right for them. A pass that works on one level says so by
//! [`at_every_level`]; those that move things between levels walk by themselves and use the parts.

use pullback_ir::rewrite::{ValueMap, copy_inst, copy_params, map_results};
use pullback_ir::{Builder, Function, Inst, Module, Verified};

use crate::equality::same_function;
use crate::pass::Error;

/// What a pass does to one level.
pub(crate) type Change<'a> = dyn FnMut(&Function) -> Result<Function, Error> + 'a;

/// Applies `change`, on behalf of a pass, to the regions of a function at any depth, innermost first, then to the function itself.
///
/// # Errors
/// Those of `change`.
pub(crate) fn at_every_level(
    pass: &'static str,
    module: &Verified<Module>,
    function: &Function,
    change: &mut Change<'_>,
) -> Result<Function, Error> {
    if !has_regions(function) {
        return change(function);
    }
    let b = Builder::new(module, &function.name);
    let mut map = ValueMap::new();
    copy_params(&b, function, &mut map);
    let mut changed = false;
    for &inst in function.insts() {
        let before = function.region_functions(inst);
        if before.is_empty() {
            copy_inst(&b, function, inst, &mut map);
            continue;
        }
        let mut after = Vec::with_capacity(before.len());
        for region in &before {
            after.push(at_every_level(pass, module, region, change)?);
        }
        changed |= !before.iter().zip(&after).all(|(before, after)| same_function(before, after));
        copy_with(&b, function, inst, &after, &mut map);
    }
    if !changed {
        return change(function);
    }
    let results = map.expect_all(&b, function.results());
    change(&b.finish(&results).map_err(|error| Error::bug(pass, error))?)
}

/// Appends a copy of `inst` with these regions in the place of its own.
pub(crate) fn copy_with(b: &Builder<'_>, function: &Function, inst: Inst, regions: &[Function], map: &mut ValueMap) {
    let args = map.expect_all(b, function.args(inst));
    b.set_provenance(function.provenance(inst).clone());
    let results = b.emit_structured(function.op(inst).clone(), &args, regions);
    map_results(b, function, inst, &results, map);
}

/// Whether any instruction of the outermost level has a region.
pub(crate) fn has_regions(function: &Function) -> bool {
    function.insts().iter().any(|&inst| !function.inst_regions(inst).is_empty())
}
