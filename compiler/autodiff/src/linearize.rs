//! Linearization: a function split into what does not depend on the tangents and what does.
//!
//! The forward driver makes one function of primal and tangent instructions. Those that depend on a tangent form the
//! linear program; the others form the primal, which returns besides its results what the linear program uses of it:
//! the *residuals*. Constants are copied instead of passed.

use std::sync::Arc;

use cranelift_entity::EntitySet;
use pullback_ir::rewrite::{ValueMap, copy_inst};
use pullback_ir::{Builder, FuncId, Function, Module, Op, Value, Verified};

use crate::compose::{check_wrt, inlined, subject};
use crate::error::Error;
use crate::prune::prune;
use crate::trace::{dependents, trace};

/// A function split into a primal and a linear program.
#[derive(Clone, Debug)]
pub struct Linearized {
    /// From the function's parameters to its results and then the residuals.
    pub primal: Function,
    /// From the residuals and then the tangents of the parameters differentiated by, to the tangents of the
    /// floating-point results. Every instruction but constants is linear in the tangents.
    pub linear: Function,
    /// The number of residuals.
    pub residuals: usize,
}

/// Splits a function at its derivative with respect to parameters `wrt` (positions from 0).
///
/// The primal is named `<name>_primal`, the linear program `<name>_linear`. Each can be added to the module. Only
/// values that the linear program uses are residuals, each once, in order of first use.
///
/// # Errors
/// If `func` is not in the module, or a parameter does not exist, is repeated or is not floating-point.
pub fn linearize(module: &Verified<Module>, func: FuncId, wrt: &[usize]) -> Result<Linearized, Error> {
    let source = subject(module, func)?;
    check_wrt(source, wrt)?;
    let source = inlined(module, func)?;
    let (forward, outputs) = forward(module, &source, wrt)?;
    let tangent_params = &forward.params()[source.params().len()..];
    let linear = dependents(&forward, tangent_params);
    Split { module, source: &source, forward: &forward, outputs, linear }.run(tangent_params)
}

/// The function of primal and tangents, and how many of its results are the primal's.
fn forward(module: &Module, source: &Function, wrt: &[usize]) -> Result<(Function, usize), Error> {
    let b = Builder::new(module, &source.name);
    let trace = trace(&b, source, wrt)?;
    let mut results = trace.map.expect_all(&b, source.results());
    let outputs = results.len();
    results.extend(trace.result_tangents(&b, source));
    let forward = b.finish(&results).and_then(|forward| prune(module, &forward));
    Ok((forward.map_err(|error| Error::build("linearize", error))?, outputs))
}

struct Split<'a> {
    module: &'a Module,
    source: &'a Function,
    forward: &'a Function,
    outputs: usize,
    linear: EntitySet<Value>,
}

impl Split<'_> {
    fn run(&self, tangent_params: &[Value]) -> Result<Linearized, Error> {
        let residuals = self.residuals();
        let primal = self.primal(&residuals).map_err(|error| Error::build("linearize", error))?;
        let linear = self.linear(&residuals, tangent_params).map_err(|error| Error::build("linearize", error))?;
        Ok(Linearized { primal, linear, residuals: residuals.len() })
    }

    fn is_linear(&self, inst: pullback_ir::Inst) -> bool {
        self.forward.inst_results(inst).iter().any(|&result| self.linear.contains(result))
    }

    fn is_constant(&self, value: Value) -> bool {
        self.forward.def_inst(value).is_some_and(|inst| matches!(self.forward.op(inst), Op::Constant(_)))
    }

    /// What linear instructions use of the others, in order of first use.
    fn residuals(&self) -> Vec<Value> {
        let mut seen = EntitySet::new();
        let mut residuals = Vec::new();
        for &inst in self.forward.insts() {
            if !self.is_linear(inst) {
                continue;
            }
            for &arg in self.forward.args(inst) {
                if !self.linear.contains(arg) && !self.is_constant(arg) && seen.insert(arg) {
                    residuals.push(arg);
                }
            }
        }
        residuals
    }

    fn primal(&self, residuals: &[Value]) -> Result<Function, pullback_ir::BuildError> {
        let b = Builder::new(self.module, &format!("{}_primal", self.source.name));
        let mut map = ValueMap::new();
        for &param in &self.forward.params()[..self.source.params().len()] {
            map.insert(param, b.param(&name_of(self.forward, param, "arg"), self.forward.ty(param).clone()));
        }
        for &inst in self.forward.insts() {
            if !self.is_linear(inst) {
                copy_inst(&b, self.forward, inst, &mut map);
            }
        }
        let mut results = map.expect_all(&b, &self.forward.results()[..self.outputs]);
        results.extend(map.expect_all(&b, residuals));
        prune(self.module, &b.finish(&results)?)
    }

    fn linear(&self, residuals: &[Value], tangents: &[Value]) -> Result<Function, pullback_ir::BuildError> {
        let b = Builder::new(self.module, &format!("{}_linear", self.source.name));
        let mut map = ValueMap::new();
        for &param in residuals.iter().chain(tangents) {
            map.insert(param, b.param(&name_of(self.forward, param, "residual"), self.forward.ty(param).clone()));
        }
        for &inst in self.forward.insts() {
            if self.is_linear(inst) || self.forward.inst_results(inst).iter().all(|&result| self.is_constant(result)) {
                copy_inst(&b, self.forward, inst, &mut map);
            }
        }
        let results = map.expect_all(&b, &self.forward.results()[self.outputs..]);
        prune(self.module, &b.finish(&results)?)
    }
}

fn name_of(function: &Function, value: Value, otherwise: &str) -> Arc<str> {
    function.value_name(value).cloned().unwrap_or_else(|| otherwise.into())
}
