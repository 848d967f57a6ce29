//! Simplifies algebra: replaces expressions by cheaper ones of the same value, by the tables of [`crate::rules`].
//!
//! Why: derivative rules are written for clarity and leave products with one, double negations, transposes of
//! transposes and sums of repeated values, which would each cost a pass over memory.
//!
//! After: no rule applies to any instruction, unless a budget ended the walk; instructions that lost their users remain
//! for dead code elimination. What the rules promise about NaN, infinities and signed zeros is in the header of [`crate::rules`].

use pullback_ir::{Function, Module, Verified};

use crate::pass::{Changed, Error, Pass};
use crate::rewriter::{Rewritten, rewrite};
use crate::rules;

/// The pass.
pub static SIMPLIFY_ALGEBRA: Pass = Pass {
    name: "simplify_algebra",
    about: "replace expressions by cheaper ones of the same value",
    may_change: |_| true,
    waits: false,
    run,
};

fn run<'f>(module: &Verified<Module>, function: &'f Function) -> Result<Changed<'f>, Error> {
    Ok(simplify(module, function)?.function)
}

/// As the pass, with how often each rule applied and why the walk ended.
///
/// # Errors
/// If a rule emits an instruction that does not type, which is a bug in it.
pub fn simplify<'f>(module: &Verified<Module>, function: &'f Function) -> Result<Rewritten<'f>, Error> {
    rewrite(SIMPLIFY_ALGEBRA.name, module, function, rules::algebra)
}
