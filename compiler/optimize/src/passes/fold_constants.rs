//! Folds constants: an operation whose operands are all known is replaced by its result.
//!
//! Why: tangents of constants, shapes turned into numbers and hyperparameters leave chains of known values, and most
//! rules of algebra ask for a constant. The interpreter computes the results, so folding cannot disagree with it.
//!
//! After: no elementwise or view operation has splats alone for operands; no other operation has constants
//! alone for operands unless the limits of [`crate::rules::constants`] kept it; only constants give tensors without
//! elements.

use pullback_ir::{Function, Inst, Module, Op, Verified};

use crate::pass::{Changed, Error, Pass};
use crate::rewriter::rewrite;
use crate::rules;

/// The pass.
pub static FOLD_CONSTANTS: Pass = Pass {
    name: "fold_constants",
    about: "compute what depends on constants alone",
    may_change: has_known,
    waits: false,
    run,
};

fn run<'f>(module: &Verified<Module>, function: &'f Function) -> Result<Changed<'f>, Error> {
    if !has_known(function) {
        return Ok(Changed::Borrowed(function));
    }
    Ok(rewrite(FOLD_CONSTANTS.name, module, function, rules::folding)?.function)
}

/// Most functions have little to fold and are seen by this pass many times.
fn has_known(function: &Function) -> bool {
    function.all_insts().iter().any(|&inst| may_fold(function, inst))
}

/// Whether a rule could apply to an instruction, as long as none has applied before it.
fn may_fold(function: &Function, inst: Inst) -> bool {
    let is_constant = |inst| matches!(function.op(inst), Op::Constant(_));
    let empty = function.inst_results(inst).iter().any(|&result| function.ty(result).elements() == 0);
    let known = function.args(inst).iter().all(|&arg| function.def_inst(arg).is_some_and(is_constant));
    !is_constant(inst) && (empty || known)
}
