//! Makes a failing program small (after Cranelift's `bugpoint`). What is in regions stays as it is.
//!
//! Three kinds of edits are tried as long as one keeps the failure: return one value alone, put an operand in the place of
//! an instruction's result, put the constant that the interpreter computes there. Instructions and parameters that nothing
//! uses any more disappear with each edit. Every kept edit removes something, so the search ends.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use pullback_interp::Array;
use pullback_ir::rewrite::{ValueMap, copy_inst};
use pullback_ir::{Builder, Function, Inst, Module, Op, Value};

use super::run::Case;

/// The most candidates tried.
const BUDGET: usize = 2000;

/// After this time what has been found is small enough; large programs take long to compare.
const PATIENCE: Duration = Duration::from_secs(60);

enum Edit {
    /// Return these values alone.
    Results(Vec<Value>),
    /// Put a value in the place of an instruction's result.
    Replace(Inst, Value),
    /// Put a constant in the place of an instruction's result.
    Constant(Inst, Array),
}

/// The smallest case found for which `fails` holds, as it does for `case`, which has no calls.
pub fn shrink(case: Case, fails: &dyn Fn(&Case) -> bool) -> Case {
    let mut best = case;
    let mut budget = BUDGET;
    let start = Instant::now();
    'search: loop {
        for edit in edits(&best) {
            if budget == 0 || start.elapsed() > PATIENCE {
                return best;
            }
            budget -= 1;
            if let Some(smaller) = apply(&best, &edit)
                && size(&smaller) < size(&best)
                && fails(&smaller)
            {
                best = smaller;
                continue 'search;
            }
        }
        return best;
    }
}

/// What an edit has to make smaller: results, instructions, then constants turned from computed ones.
fn size(case: &Case) -> (usize, usize, usize) {
    let function = case.function();
    let constants = function.insts().iter().filter(|&&inst| matches!(function.op(inst), Op::Constant(_))).count();
    (function.results().len(), function.insts().len(), function.insts().len() - constants)
}

/// Bold edits first: the earliest value that shows the failure, even if nothing uses it, leaves little else.
fn edits(case: &Case) -> Vec<Edit> {
    let function = case.function();
    let values = function.insts().iter().flat_map(|&inst| function.inst_results(inst));
    let mut edits: Vec<Edit> = values.map(|&value| Edit::Results(vec![value])).collect();
    // What has several results is replaced by returning one of them.
    let single = |inst: &&Inst| function.inst_results(**inst).len() == 1;
    for &inst in function.insts().iter().rev().filter(single) {
        for &result in function.inst_results(inst) {
            let alike = function.args(inst).iter().filter(|&&arg| function.ty(arg) == function.ty(result));
            edits.extend(alike.map(|&arg| Edit::Replace(inst, arg)));
        }
    }
    for &inst in function.insts().iter().filter(single) {
        if !matches!(function.op(inst), Op::Constant(_))
            && let Some(array) = value_of(case, inst)
        {
            edits.push(Edit::Constant(inst, array));
        }
    }
    edits
}

/// What the interpreter computes for an instruction's first result.
fn value_of(case: &Case, inst: Inst) -> Option<Array> {
    let result = *case.function().inst_results(inst).first()?;
    let inner = apply(case, &Edit::Results(vec![result]))?;
    pullback_interp::evaluate(&inner.module, inner.func, &inner.inputs).ok()?.pop()
}

fn apply(case: &Case, edit: &Edit) -> Option<Case> {
    let function = case.function();
    let results = match edit {
        Edit::Results(results) => results.clone(),
        Edit::Replace(..) | Edit::Constant(..) => function.results().to_vec(),
    };
    let replaced = |inst: Inst| match edit {
        Edit::Replace(at, value) if *at == inst => Some(vec![*value]),
        Edit::Constant(at, _) if *at == inst => Some(vec![]),
        Edit::Results(_) | Edit::Replace(..) | Edit::Constant(..) => None,
    };
    let live = live_values(function, &results, &replaced);
    let module = Module::new();
    let b = Builder::new(&module, &function.name);
    let mut map = ValueMap::new();
    let mut inputs = Vec::new();
    for (&param, input) in function.params().iter().zip(&case.inputs) {
        if live.contains(&param) {
            let name = function.value_name(param).map_or_else(|| "p".to_owned(), ToString::to_string);
            map.insert(param, b.param(&name, function.ty(param).clone()));
            inputs.push(input.clone());
        }
    }
    for &inst in function.insts() {
        let results = function.inst_results(inst);
        let Some(&result) = results.first() else { continue };
        if !results.iter().any(|result| live.contains(result)) {
            continue;
        }
        match edit {
            Edit::Replace(at, value) if *at == inst => map.insert(result, map.get(*value)?),
            Edit::Constant(at, array) if *at == inst => map.insert(result, b.constant(array.to_literal()?)),
            Edit::Results(_) | Edit::Replace(..) | Edit::Constant(..) => copy_inst(&b, function, inst, &mut map),
        }
    }
    let results = map.expect_all(&b, &results);
    Some(Case::of(b.finish(&results).ok()?, inputs))
}

/// The values that the results depend on.
fn live_values(
    function: &Function,
    results: &[Value],
    replaced: &dyn Fn(Inst) -> Option<Vec<Value>>,
) -> HashSet<Value> {
    let mut live: HashSet<Value> = results.iter().copied().collect();
    for &inst in function.insts().iter().rev() {
        if function.inst_results(inst).iter().any(|result| live.contains(result)) {
            live.extend(replaced(inst).unwrap_or_else(|| function.args(inst).to_vec()));
        }
    }
    live
}
