//! Every rule of algebra on a program made for it: it applies, gives the expected program and keeps the values. One file of cases per table of rules.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "../common/mod.rs"]
mod common;

mod arithmetic;
mod contractions;
mod folding;
mod logic;
mod pieces;
mod positions;
mod views;

use std::collections::BTreeSet;

use common::{Compare, assert_agree, assert_agree_on, assert_same, function, live, with};
use pullback_ir::{Binary, DType, Unary};
use pullback_optimize::passes::simplify_algebra::simplify;
use pullback_optimize::rewriter::RewriteStop;
use pullback_optimize::rules;

/// A rule, how exactly it keeps values, a program before and after it.
pub(crate) type Case = (&'static str, Compare, &'static str, &'static str);

fn all_cases() -> impl Iterator<Item = &'static Case> {
    [
        arithmetic::CASES,
        logic::CASES,
        views::CASES,
        pieces::CASES,
        contractions::CASES,
        positions::CASES,
        folding::CASES,
    ]
    .into_iter()
    .flatten()
}

#[test]
fn every_rule_applies_and_gives_the_expected_program() {
    for &(rule, _, before, after) in all_cases() {
        let (module, id) = function(before);
        let simplified = simplify(&module, module.function(id)).unwrap();
        assert_eq!(simplified.stop, RewriteStop::Complete, "{before}");
        assert!(simplified.counts.contains_key(rule), "{rule} did not apply: {:?}\n{before}", simplified.counts);
        let (expected, expected_id) = function(after);
        assert_same(before, &live(&module, &simplified.function), &expected, expected_id);
    }
}

#[test]
fn every_rule_has_a_case_and_names_are_unique() {
    let tested: BTreeSet<&str> = all_cases().map(|case| case.0).collect();
    let names: Vec<&str> = rules::all().iter().map(|rule| rule.name).collect();
    let unique: BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(names.len(), unique.len());
    assert_eq!(tested, unique);
}

#[test]
fn every_rule_keeps_the_values_on_special_operands() {
    for &(_, compare, before, _) in all_cases() {
        let (module, id) = function(before);
        if module.function(id).result_types().any(|ty| ty.elements() > 10_000) {
            continue;
        }
        let simplified = simplify(&module, module.function(id)).unwrap();
        let after = with(&module, id, simplified.function.into_owned());
        assert_agree(before, &module, &after, id, compare);
    }
}

#[test]
fn what_a_rule_gives_is_simple_already() {
    for &(_, _, _, after) in all_cases() {
        let (module, id) = function(after);
        let simplified = simplify(&module, module.function(id)).unwrap();
        assert_same(after, &simplified.function, &module, id);
    }
}

/// Wherever `x + 0` is replaced by `x`, no `x` is -0: over all elementwise operations, of operands of which nothing is known and of
/// those that are themselves never -0.
#[test]
fn zero_is_only_dropped_behind_what_is_never_minus_zero() {
    let unary = Unary::ALL.iter().filter(|op| op.info().domain.contains(DType::F64)).map(|op| op.info().name);
    let binary = Binary::ALL.iter().filter(|op| op.info().domain.contains(DType::F64)).map(|op| op.info().name);
    let operands = ["x", "y", "pos", "sum", "zero", "one"];
    let mut made: Vec<String> = unary.flat_map(|name| operands.map(|x| format!("{name} %{x}"))).collect();
    made.extend(
        binary.flat_map(|name| operands.into_iter().flat_map(move |x| operands.map(|y| format!("{name} %{x}, %{y}")))),
    );
    made.extend(operands.into_iter().flat_map(|x| operands.map(|y| format!("select %p, %{x}, %{y}"))));
    made.extend(["convert %i", "convert %p", "convert %h", "reduce max %v, axes=[1]"].map(String::from));
    let mut dropped = 0;
    for op in made {
        let program = format!(
            "(%x: f64[16], %y: f64[16], %i: i32[16], %p: bool[16], %h: f32[16], %v: f64[16,2]) -> f64[16] {{
               %zero = constant 0.0 : f64[16]
               %one = constant -1.0 : f64[16]
               %pos = abs %x : f64[16]
               %sum = add %y, %zero : f64[16]
               %a = {op} : f64[16]
               %r = add %a, %zero : f64[16]
               return %r }}"
        );
        let (module, id) = function(&program);
        let simplified = simplify(&module, module.function(id)).unwrap();
        if simplified.counts.contains_key("add_zero") {
            dropped += 1;
            let after = with(&module, id, simplified.function.into_owned());
            // The first operand has all special elements at once, the second has them in each of 16 shifts.
            assert_agree_on(&op, &module, &after, id, Compare::Exactly, 16);
        }
    }
    assert!(dropped > 100, "{dropped}");
}
