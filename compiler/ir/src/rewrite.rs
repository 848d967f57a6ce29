//! The mechanics that passes share: copying instructions into a new function, and inlining calls.
//!
//! A pass walks the old function in order and emits into a [`Builder`]; a [`ValueMap`] says what each old value became.
//! Names and provenance travel along.

use cranelift_entity::SecondaryMap;
use cranelift_entity::packed_option::PackedOption;

use crate::builder::Builder;
use crate::entities::{FuncId, Inst, Value};
use crate::error::BuildError;
use crate::function::{Function, Module};
use crate::op::Op;
use crate::verify::Verified;

/// What the values of an old function became in a new one.
#[derive(Clone, Default)]
pub struct ValueMap(SecondaryMap<Value, PackedOption<Value>>);

impl ValueMap {
    /// An empty map.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Says that `old` became `new`.
    pub fn insert(&mut self, old: Value, new: Value) {
        self.0[old] = new.into();
    }

    /// What `old` became, if anything yet.
    #[must_use]
    pub fn get(&self, old: Value) -> Option<Value> {
        self.0[old].expand()
    }

    /// What `old` became; a recorded mistake if nothing, which is a bug in the pass.
    pub fn expect(&self, b: &Builder<'_>, old: Value) -> Value {
        self.get(old).unwrap_or_else(|| b.fail("copy", format!("{old} is used before it is copied")))
    }

    /// What each of `old` became.
    pub fn expect_all(&self, b: &Builder<'_>, old: &[Value]) -> Vec<Value> {
        old.iter().map(|&value| self.expect(b, value)).collect()
    }
}

/// Adds the parameters of `function` to `b` under the same names.
pub fn copy_params(b: &Builder<'_>, function: &Function, map: &mut ValueMap) {
    for (position, &param) in function.params().iter().enumerate() {
        let name = function.value_name(param).map_or_else(|| format!("arg{position}"), |name| name.to_string());
        map.insert(param, b.param(&name, function.ty(param).clone()));
    }
}

/// Appends a copy of `inst`, with its name and provenance, and maps its results.
pub fn copy_inst(b: &Builder<'_>, function: &Function, inst: Inst, map: &mut ValueMap) {
    let args = map.expect_all(b, function.args(inst));
    b.set_provenance(function.provenance(inst).clone());
    let results = b.emit_many(function.op(inst).clone(), &args);
    map_results(b, function, inst, &results, map);
}

/// Maps the results of `inst` to `results` and passes its names on to those that have none.
pub fn map_results(b: &Builder<'_>, function: &Function, inst: Inst, results: &[Value], map: &mut ValueMap) {
    for (&old, &new) in function.inst_results(inst).iter().zip(results) {
        if let Some(name) = function.value_name(old) {
            b.name(new, name);
        }
        map.insert(old, new);
    }
}

/// Appends the body of `function`, calls inlined at any depth, and returns what its results became.
///
/// `map` holds what its parameters became. The recursion ends because verified call graphs have no cycle.
pub fn inline_body(b: &Builder<'_>, function: &Function, map: &mut ValueMap) -> Vec<Value> {
    for &inst in function.insts() {
        if let Op::Call(callee) = function.op(inst) {
            let callee = b.module().function(*callee);
            let args = map.expect_all(b, function.args(inst));
            let mut inner = ValueMap::new();
            for (&param, arg) in callee.params().iter().zip(args) {
                inner.insert(param, arg);
            }
            let results = inline_body(b, callee, &mut inner);
            map_results(b, function, inst, &results, map);
        } else {
            copy_inst(b, function, inst, map);
        }
    }
    map.expect_all(b, function.results())
}

/// A copy of a function with all calls inlined.
///
/// # Errors
/// None for a verified module; a mistake would be a bug in this crate.
pub fn inline_calls(module: &Verified<Module>, func: FuncId) -> Result<Function, BuildError> {
    let function = module.function(func);
    let b = Builder::new(module, &function.name);
    let mut map = ValueMap::new();
    copy_params(&b, function, &mut map);
    let results = inline_body(&b, function, &mut map);
    b.finish(&results)
}
