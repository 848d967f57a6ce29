//! How passes reach regions: each is taken out as a function, changed by the same pass and put back.
//!
//! Regions are closed, so a pass that is right for functions is right for them. A pass that works on one level says so by
//! [`at_every_level`]; those that move things between levels walk by themselves and use the parts.

use std::collections::BTreeMap;

use pullback_ir::rewrite::{ValueMap, copy_inst, copy_params, map_results};
use pullback_ir::{Builder, Function, Inst, Module, Verified};

use crate::pass::{Changed, Error};

/// What a pass does to one level.
pub(crate) type Change<'a> = dyn for<'f> FnMut(&'f Function) -> Result<Changed<'f>, Error> + 'a;

/// Applies `change`, on behalf of a pass, to the regions of a function at any depth, innermost first, then to the function itself.
///
/// # Errors
/// Those of `change`.
pub(crate) fn at_every_level<'f>(
    pass: &'static str,
    module: &Verified<Module>,
    function: &'f Function,
    change: &mut Change<'_>,
) -> Result<Changed<'f>, Error> {
    let mut changed: BTreeMap<Inst, Vec<Function>> = BTreeMap::new();
    for &inst in function.insts().iter().filter(|&&inst| !function.inst_regions(inst).is_empty()) {
        let before = function.region_functions(inst);
        let mut after = Vec::with_capacity(before.len());
        for region in &before {
            after.push(at_every_level(pass, module, region, change)?);
        }
        if after.iter().any(|region| matches!(region, Changed::Owned(_))) {
            changed.insert(inst, after.into_iter().map(Changed::into_owned).collect());
        }
    }
    if changed.is_empty() {
        return change(function);
    }
    let b = Builder::new(module, &function.name);
    let mut map = ValueMap::new();
    copy_params(&b, function, &mut map);
    for &inst in function.insts() {
        match changed.get(&inst) {
            Some(regions) => copy_with(&b, function, inst, regions, &mut map),
            None => copy_inst(&b, function, inst, &mut map),
        }
    }
    let results = map.expect_all(&b, function.results());
    let function = b.finish(&results).map_err(|error| Error::bug(pass, error))?;
    let after = match change(&function)? {
        Changed::Owned(after) => Some(after),
        Changed::Borrowed(_) => None,
    };
    Ok(Changed::Owned(after.unwrap_or(function)))
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
