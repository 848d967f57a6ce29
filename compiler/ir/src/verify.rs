//! The verifier: every rule of the IR, all violations collected.
//!
//! Rules: operands exist and are defined before use; results have the types that inference gives; regions belong to operations that have
//! them; names of values are unique; the call graph has no cycle. Types cannot be out of range by construction.
//!
//! [`Verified`] can only be made here. What takes one does not check again and does not panic. A verified module grows by
//! [`Verified::add`], which checks the new function alone.

use std::collections::HashSet;
use std::ops::Deref;

use cranelift_entity::EntitySet;

use crate::entities::{FuncId, Inst, Region, Value};
use crate::error::{VerifyError, VerifyErrors};
use crate::function::{Function, Module};
use crate::infer::infer;
use crate::op::{MAX_REGION_DEPTH, Op};
use crate::print;
use crate::types::Type;

/// A value that passed [`verify`].
#[derive(Clone, Debug)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    /// Gives up the guarantee, to edit.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Verified<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl Verified<Module> {
    /// Adds a function, such as a derivative that a pass made. If its name is taken, a number is appended to it.
    ///
    /// Only the new function is checked: it can call what is in the module already, and nothing there can call it, so
    /// the others stay as good as they are and no cycle of calls can close.
    ///
    /// # Errors
    /// All violations in the function. The module is then as it was.
    pub fn add(&mut self, function: Function) -> Result<FuncId, VerifyErrors> {
        // Against the module without it: a call of itself has no callee.
        let errors = Checker::new(&self.0, &function).run();
        if errors.is_empty() { Ok(self.0.add(function)) } else { Err(VerifyErrors(errors)) }
    }
}

/// Checks every rule of the IR.
///
/// # Errors
/// All violations, in order of the text.
pub fn verify(module: Module) -> Result<Verified<Module>, VerifyErrors> {
    let errors = check(&module);
    if errors.is_empty() { Ok(Verified(module)) } else { Err(VerifyErrors(errors)) }
}

/// All violations in a module; empty if it is well formed.
#[must_use]
pub fn check(module: &Module) -> Vec<VerifyError> {
    let mut errors = Vec::new();
    for (_, function) in module.functions() {
        errors.extend(Checker::new(module, function).run());
    }
    check_acyclic(module, &mut errors);
    errors
}

struct Checker<'a> {
    module: &'a Module,
    function: &'a Function,
    defined: EntitySet<Value>,
    found: Vec<(Option<Inst>, String)>,
}

impl<'a> Checker<'a> {
    fn new(module: &'a Module, function: &'a Function) -> Self {
        Self { module, function, defined: EntitySet::new(), found: Vec::new() }
    }

    fn run(mut self) -> Vec<VerifyError> {
        self.check_names();
        self.check_region(self.function.body_region(), None, 0);
        self.errors()
    }

    /// Checks a region, which sees what it defines and nothing else. `owner` is the instruction it belongs to.
    fn check_region(&mut self, region: Region, owner: Option<Inst>, depth: usize) {
        if depth > MAX_REGION_DEPTH {
            self.report(owner, format!("regions nest deeper than {MAX_REGION_DEPTH}"));
            return;
        }
        let outside = std::mem::take(&mut self.defined);
        let function = self.function;
        let data = function.region(region);
        self.defined.extend(data.params.iter().copied());
        for &inst in &data.insts {
            if self.check_operands(inst) {
                self.check_types(inst);
            }
            for &nested in function.inst_regions(inst) {
                self.check_region(nested, Some(inst), depth + 1);
            }
            self.defined.extend(function.inst_results(inst).iter().copied());
        }
        for &result in &data.results {
            if !self.is_defined(result) {
                let verb = if owner.is_some() { "a region yields" } else { "returns" };
                self.report(owner, format!("{verb} {result}, which is not defined"));
            }
        }
        self.defined = outside;
    }

    /// What was found, with the place of each.
    fn errors(self) -> Vec<VerifyError> {
        if self.found.is_empty() {
            return Vec::new();
        }
        let text = print::inst_printer(self.module, self.function);
        let located = self.found.into_iter().map(|(inst, message)| VerifyError {
            function: self.function.name.to_string(),
            inst,
            context: inst.map(&text).unwrap_or_default(),
            origin: inst.and_then(|inst| self.function.provenance(inst).origin.clone()),
            message,
        });
        located.collect()
    }

    fn is_defined(&self, value: Value) -> bool {
        self.function.has_value(value) && self.defined.contains(value)
    }

    fn check_operands(&mut self, inst: Inst) -> bool {
        let undefined = self.function.args(inst).iter().position(|&arg| !self.is_defined(arg));
        if let Some(position) = undefined {
            self.report(Some(inst), format!("operand {position} is not defined before this instruction"));
        }
        undefined.is_none()
    }

    fn check_types(&mut self, inst: Inst) {
        let args: Vec<&Type> = self.function.args(inst).iter().map(|&arg| self.function.ty(arg)).collect();
        match infer(self.module, self.function.op(inst), &args, &self.function.region_types(inst)) {
            Err(message) => self.report(Some(inst), message),
            Ok(inferred) => {
                let found: Vec<&Type> =
                    self.function.inst_results(inst).iter().map(|&result| self.function.ty(result)).collect();
                if !inferred.iter().eq(found.iter().copied()) {
                    let message = format!("the result is declared {}, expected {}", list(&found), list(&inferred));
                    self.report(Some(inst), message);
                }
            }
        }
    }

    fn check_names(&mut self) {
        let mut seen = HashSet::new();
        let function = self.function;
        let insts = function.all_insts();
        let nested = insts.iter().flat_map(|&inst| function.inst_regions(inst));
        let params = nested.flat_map(|&region| &function.region(region).params);
        let results = insts.iter().flat_map(|&inst| function.inst_results(inst));
        for &value in function.params().iter().chain(params).chain(results) {
            if let Some(name) = self.function.value_name(value)
                && !seen.insert(name.clone())
            {
                self.report(None, format!("two values are named %{name}"));
            }
        }
    }

    fn report(&mut self, inst: Option<Inst>, message: String) {
        self.found.push((inst, message));
    }
}

fn list<T: std::fmt::Display>(items: &[T]) -> String {
    if items.is_empty() {
        return "nothing".into();
    }
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Reports one call on every cycle of the call graph, by a depth-first walk with an explicit stack.
fn check_acyclic(module: &Module, errors: &mut Vec<VerifyError>) {
    let mut done = EntitySet::new();
    let mut open = EntitySet::new();
    for (root, _) in module.functions() {
        if done.contains(root) {
            continue;
        }
        open.insert(root);
        let mut stack = vec![(root, callees(module, module.function(root)).into_iter())];
        while let Some((func, calls)) = stack.last_mut() {
            let func = *func;
            let Some((inst, callee)) = calls.next() else {
                open.remove(func);
                done.insert(func);
                stack.pop();
                continue;
            };
            let function = module.function(func);
            if open.contains(callee) {
                errors.push(VerifyError {
                    function: function.name.to_string(),
                    inst: Some(inst),
                    context: print::inst_to_string(module, function, inst),
                    origin: function.provenance(inst).origin.clone(),
                    message: format!("a call of @{} closes a cycle of calls", module.function(callee).name),
                });
            } else if !done.contains(callee) {
                open.insert(callee);
                stack.push((callee, callees(module, module.function(callee)).into_iter()));
            }
        }
    }
}

fn callees(module: &Module, function: &Function) -> Vec<(Inst, FuncId)> {
    let calls = function.all_insts().into_iter().filter_map(|inst| match function.op(inst) {
        Op::Call(callee) if module.has(*callee) => Some((inst, *callee)),
        _ => None,
    });
    calls.collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;
