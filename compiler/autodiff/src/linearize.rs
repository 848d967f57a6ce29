//! Linearization: a function split into what does not depend on the tangents and what does.
//!
//! The forward driver makes one function of primal and tangent instructions. Those that depend on a tangent form the
//! linear program; the others form the primal, which returns besides its results what the linear program uses of it:
//! the *residuals*. Constants are copied instead of passed. What a `checkpoint` computes again belongs to the linear program although it is not linear.
//!
//! Regions of control flow are split the same way ([`split`]).

use std::sync::Arc;

use cranelift_entity::EntitySet;
use pullback_ir::function::ValueDef;
use pullback_ir::rewrite::{ValueMap, copy_inst};
use pullback_ir::{BuildError, Builder, FuncId, Function, Inst, Module, Op, Type, Value, Verified};

use crate::compose::{check_wrt, inlined, subject};
use crate::control::{Mode, check_depth};
use crate::error::Error;
use crate::prune::{live, prune};
use crate::trace::{Request, dependents, trace};

/// A function split into a primal and a linear program.
#[derive(Clone, Debug)]
pub struct Linearized {
    /// From the function's parameters to its results and then the residuals.
    pub primal: Function,
    /// From the residuals and then the tangents of the parameters differentiated by, to the tangents of the
    /// floating-point results. Every instruction is linear in the tangents, but for constants and what a `checkpoint` computes again.
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
/// As [`vjp`](crate::vjp()).
pub fn linearize(module: &Verified<Module>, func: FuncId, wrt: &[usize]) -> Result<Linearized, Error> {
    let source = subject(module, func)?;
    check_wrt(source, wrt)?;
    let source = inlined(module, func)?;
    check_depth(&source)?;
    let floats = source.result_types().enumerate().filter(|(_, ty)| ty.dtype.is_float());
    let outputs: Vec<usize> = floats.map(|(position, _)| position).collect();
    let parts = Parts::new(module, &source, wrt, &outputs)?;
    let residuals = parts.residuals();
    let bug = |error| Error::build("linearize", error);
    let primal = parts.primal(&residuals, &format!("{}_primal", source.name)).map_err(bug)?;
    let linear = parts.linear(&residuals, &format!("{}_linear", source.name)).map_err(bug)?;
    Ok(Linearized { primal, linear, residuals: residuals.len() })
}

/// A value that the linear part of a region uses of the primal part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Residual {
    /// The region's parameter at a position, which the primal part does not yield.
    Param(usize),
    /// A value that it does.
    Value(Value),
}

/// A region split into primal and linear part.
pub(crate) struct Split {
    /// From the region's parameters to its results and then the residuals that are values.
    pub(crate) primal: Function,
    /// From all residuals and then tangents to tangents.
    pub(crate) linear: Function,
    /// The residuals in order.
    pub(crate) residuals: Vec<Residual>,
}

impl Split {
    /// The types of the residuals that the primal yields.
    pub(crate) fn value_types(&self) -> Vec<Type> {
        let params = self.residuals.iter().zip(self.linear.param_types());
        let values = params.filter(|pair| matches!(pair.0, Residual::Value(_)));
        values.map(|pair| pair.1.clone()).collect()
    }
}

/// Splits a function at its derivative by the parameters `wrt`; the linear part yields the tangents of the results in `outputs`. The primal part
/// yields the residuals in order, but for parameters that are `passed` to the linear part by other means.
pub(crate) fn split(
    module: &Module,
    source: &Function,
    wrt: &[usize],
    outputs: &[usize],
    passed: impl Fn(usize) -> bool,
) -> Result<Split, Error> {
    let parts = Parts::new(module, source, wrt, outputs)?;
    let residuals = parts.residuals();
    let kind = |value: Value| match parts.forward.def(value) {
        ValueDef::Param(_, position) if passed(position) => Residual::Param(position),
        ValueDef::Param(..) | ValueDef::Result(..) => Residual::Value(value),
    };
    let kinds: Vec<Residual> = residuals.iter().map(|&value| kind(value)).collect();
    let values: Vec<Value> =
        residuals.iter().copied().filter(|&value| matches!(kind(value), Residual::Value(_))).collect();
    let bug = |error| Error::build("linearize", error);
    Ok(Split {
        primal: parts.primal(&values, &source.name).map_err(bug)?,
        linear: parts.linear(&residuals, &source.name).map_err(bug)?,
        residuals: kinds,
    })
}

/// A function of primal and tangents, whose instructions are told apart.
struct Parts<'a> {
    module: &'a Module,
    forward: Function,
    /// How many parameters and results are the primal's.
    params: usize,
    outputs: usize,
    /// The values of the linear part: those that depend on tangents, and those that are computed again for it.
    linear: EntitySet<Value>,
    /// The instructions that some result needs.
    live: EntitySet<Inst>,
}

impl<'a> Parts<'a> {
    fn new(module: &'a Module, source: &Function, wrt: &[usize], outputs: &[usize]) -> Result<Self, Error> {
        let b = Builder::new(module, &source.name);
        let trace = trace(&b, source, &Request { wrt, mode: Mode::Split })?;
        let mut results = trace.map.expect_all(&b, source.results());
        let primal = results.len();
        results.extend(trace.tangents_of(&b, source, outputs));
        let forward = b.finish(&results).map_err(|error| Error::build("linearize", error))?;
        // What a step computes behind a barrier it computes again, so that it need not be kept: it belongs to the linear part.
        let in_steps = trace.steps.iter().flat_map(|step| &forward.insts()[step.clone()]);
        let again = in_steps.filter(|&&inst| matches!(forward.op(inst), Op::Barrier));
        let mut from = trace.tangent_params.clone();
        from.extend(again.flat_map(|&inst| forward.inst_results(inst)));
        let linear = dependents(&forward, &from);
        let live = live(&forward);
        Ok(Self { module, forward, params: source.params().len(), outputs: primal, linear, live })
    }

    fn insts(&self) -> impl Iterator<Item = Inst> + '_ {
        self.forward.insts().iter().copied().filter(|&inst| self.live.contains(inst))
    }

    fn is_linear(&self, inst: Inst) -> bool {
        self.forward.inst_results(inst).iter().any(|&result| self.linear.contains(result))
    }

    fn is_constant(&self, value: Value) -> bool {
        self.forward.def_inst(value).is_some_and(|inst| matches!(self.forward.op(inst), Op::Constant(_)))
    }

    /// What linear instructions and results use of the others, in order of first use.
    fn residuals(&self) -> Vec<Value> {
        let mut seen = EntitySet::new();
        let mut residuals = Vec::new();
        for inst in self.insts().filter(|&inst| self.is_linear(inst)) {
            for &arg in self.forward.args(inst) {
                if !self.linear.contains(arg) && !self.is_constant(arg) && seen.insert(arg) {
                    residuals.push(arg);
                }
            }
        }
        residuals
    }

    fn primal(&self, residuals: &[Value], name: &str) -> Result<Function, BuildError> {
        let b = Builder::new(self.module, name);
        let mut map = ValueMap::new();
        for &param in &self.forward.params()[..self.params] {
            map.insert(param, b.param(&name_of(&self.forward, param, "arg"), self.forward.ty(param).clone()));
        }
        for inst in self.insts().filter(|&inst| !self.is_linear(inst)) {
            copy_inst(&b, &self.forward, inst, &mut map);
        }
        let mut results = map.expect_all(&b, &self.forward.results()[..self.outputs]);
        results.extend(map.expect_all(&b, residuals));
        prune(self.module, &b.finish(&results)?)
    }

    fn linear(&self, residuals: &[Value], name: &str) -> Result<Function, BuildError> {
        let b = Builder::new(self.module, name);
        let mut map = ValueMap::new();
        for &param in residuals.iter().chain(&self.forward.params()[self.params..]) {
            map.insert(param, b.param(&name_of(&self.forward, param, "residual"), self.forward.ty(param).clone()));
        }
        for inst in self.insts() {
            let results = self.forward.inst_results(inst);
            if self.is_linear(inst) || results.iter().all(|&result| self.is_constant(result)) {
                copy_inst(&b, &self.forward, inst, &mut map);
            }
        }
        let results = map.expect_all(&b, &self.forward.results()[self.outputs..]);
        prune(self.module, &b.finish(&results)?)
    }
}

fn name_of(function: &Function, value: Value, otherwise: &str) -> Arc<str> {
    function.value_name(value).cloned().unwrap_or_else(|| otherwise.into())
}
