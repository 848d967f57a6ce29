//! Inlines calls: the body of a function takes the place of every call of it, at any depth and in regions.
//!
//! Why: everything behind this pass (rules, fusion, memory planning) sees one function, so that a call costs nothing.
//!
//! Inlining can grow a program exponentially (`f` calls `g` twice, which calls `h` twice, …). Size and depth are
//! therefore computed before anything is copied, and a function beyond the limits of
//! [`pullback_ir::rewrite`] is refused.
//!
//! Before: no cycle of calls, which verification guarantees. After: no calls.

use pullback_ir::rewrite;
use pullback_ir::{Function, Module, Op, Verified};

use crate::pass::{Changed, Error, Pass};

/// The pass.
pub static INLINE_CALLS: Pass = Pass {
    name: "inline_calls",
    about: "put the bodies of functions in the place of calls",
    may_change: has_calls,
    waits: false,
    run,
};

fn run<'f>(module: &Verified<Module>, function: &'f Function) -> Result<Changed<'f>, Error> {
    if !has_calls(function) {
        return Ok(Changed::Borrowed(function));
    }
    rewrite::inline_calls(module, function).map(Changed::Owned).map_err(|error| Error::TooLarge(error.message))
}

fn has_calls(function: &Function) -> bool {
    function.all_insts().iter().any(|&inst| matches!(function.op(inst), Op::Call(_)))
}
