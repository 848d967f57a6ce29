//! How random programs use loops, branches and what steers differentiation: with regions grown as functions are.

use pullback_autodiff::jvp;
use pullback_ir::op::Domain;
use pullback_ir::rewrite::{ValueMap, copy_inst, copy_params};
use pullback_ir::{Builder, Checkpointing, CustomRule, DType, Function, Op, ScanSpec, Shape, Type, Value, WhileSpec};

use super::super::run::{float_params, verified};
use super::super::smooth;
use super::super::templates::templates;
use super::{Config, Generator};

/// How deep loops and branches are nested.
const MAX_DEPTH: usize = 2;

/// The most iterations.
const MAX_LENGTH: usize = 5;

/// The most elements of a value in a region.
const MAX_ELEMENTS: usize = 64;

impl<'m> Generator<'_, 'm> {
    /// A region with parameters of these types; `finish` says what it yields.
    fn region(&mut self, params: &[Type], finish: impl FnOnce(&mut Generator<'_, 'm>) -> Vec<Value>) -> Function {
        let config = Config { max_elements: self.config.max_elements.min(MAX_ELEMENTS), ..*self.config };
        let b = Builder::new(self.b.module(), "region");
        let mut inner = Generator {
            rng: &mut *self.rng,
            b,
            pool: Vec::new(),
            config: &config,
            callees: self.callees,
            depth: self.depth + 1,
        };
        for ty in params {
            inner.param(ty.clone());
        }
        let templates = templates();
        for _ in 0..1 + inner.rng.below(4) {
            inner.step(&templates);
        }
        let results = finish(&mut inner);
        inner.b.finish(&results).expect("valid by construction")
    }

    fn types_of(&self, values: &[Value]) -> Vec<Type> {
        values.iter().map(|&value| self.b.ty(value)).collect()
    }

    fn values_of(&mut self, types: &[Type]) -> Vec<Value> {
        types.iter().map(|ty| self.operand_of(ty)).collect()
    }

    /// Up to so many values that regions are allowed to have.
    fn some(&mut self, least: usize, most: usize) -> Vec<Value> {
        let count = least + self.rng.below(most - least + 1);
        (0..count).filter_map(|_| self.pick(|ty| ty.elements() <= MAX_ELEMENTS)).collect()
    }

    pub(super) fn may_nest(&self) -> bool {
        self.depth < MAX_DEPTH
    }

    /// A loop of at least one iteration over what there is, or if all of it is large, over the mean of the first parameter.
    pub(super) fn some_loop(&mut self) -> Vec<Value> {
        if self.some(1, 1).is_empty() {
            let x = self.pool[0];
            let shape = self.b.shape(x);
            let sum = self.b.reduce_add(x, (0..shape.rank()).collect::<Vec<_>>());
            self.pool.push(smooth::scale(&self.b, sum, 1.0 / shape.elements().max(1) as f64));
        }
        let results = if self.rng.chance(0.5) { self.scan(1) } else { self.while_loop(1) };
        results.expect("there is a value small enough to be the state")
    }

    /// A `scan` of so many iterations at least.
    pub(super) fn scan(&mut self, least: usize) -> Option<Vec<Value>> {
        let consts = self.some(0, 2);
        let carry = self.some(1, 2);
        if carry.is_empty() {
            return None;
        }
        let scanned = self.pick(|ty| {
            ty.shape.extent(0).is_some_and(|extent| (least..=MAX_LENGTH).contains(&extent))
                && ty.elements() <= 4 * MAX_ELEMENTS
        });
        let length = match scanned {
            Some(xs) => self.b.shape(xs).extent(0)?,
            None => least + self.rng.below(MAX_LENGTH - least),
        };
        let mut xs: Vec<Value> = scanned.into_iter().collect();
        if self.rng.chance(0.3) {
            xs.extend(self.pick(|ty| ty.shape.extent(0) == Some(length) && ty.elements() <= 4 * MAX_ELEMENTS));
        }
        let (consts_types, carry_types) = (self.types_of(&consts), self.types_of(&carry));
        let rows = self.types_of(&xs).into_iter().map(|ty| {
            let shape = Shape::new(&ty.shape.extents()[1..]).expect("part of a shape");
            ty.with_shape(shape)
        });
        let params: Vec<Type> = consts_types.iter().chain(&carry_types).cloned().chain(rows).collect();
        let body = self.region(&params, |inner| {
            let mut results = inner.values_of(&carry_types);
            for _ in 0..inner.rng.below(3) {
                let most = inner.config.max_elements / length.max(1);
                results.extend(inner.pick(|ty| ty.elements() <= most));
            }
            results
        });
        let checkpoint = match self.rng.below(6) {
            0 => Checkpointing::Recompute,
            1 => Checkpointing::Every(1 + self.rng.below(3)),
            2 => Checkpointing::Binomial(1 + self.rng.below(3)),
            _ => Checkpointing::Store,
        };
        let spec =
            ScanSpec { length, consts: consts.len(), carry: carry.len(), reverse: self.rng.chance(0.3), checkpoint };
        Some(self.b.scan(spec, &[consts, carry, xs].concat(), body))
    }

    /// With a bound of so much at least, so that it ends and has a gradient.
    pub(super) fn while_loop(&mut self, least: usize) -> Option<Vec<Value>> {
        let consts = self.some(0, 2);
        let carry = self.some(1, 3);
        if carry.is_empty() {
            return None;
        }
        let args = [&consts[..], &carry[..]].concat();
        let (params, carry_types) = (self.types_of(&args), self.types_of(&carry));
        let cond = self.region(&params, |inner| inner.values_of(&[Type::scalar(DType::Bool)]));
        let body = self.region(&params, |inner| inner.values_of(&carry_types));
        let spec = WhileSpec { consts: consts.len(), bound: Some(least + self.rng.below(MAX_LENGTH - least)) };
        Some(self.b.while_loop(spec, &args, cond, body))
    }

    /// Regions that yield the same types: what the first happens to have.
    fn branches(&mut self, args: &[Value], count: usize) -> Vec<Function> {
        let params = self.types_of(args);
        let first = self.region(&params, |inner| {
            let mut results: Vec<Value> = (0..1 + inner.rng.below(2)).filter_map(|_| inner.pick(|_| true)).collect();
            if results.is_empty() {
                results = inner.values_of(&[Type::scalar(DType::F64)]);
            }
            results
        });
        let types: Vec<Type> = first.result_types().cloned().collect();
        let mut branches = vec![first];
        for _ in 1..count {
            branches.push(self.region(&params, |inner| inner.values_of(&types)));
        }
        branches
    }

    pub(super) fn cond(&mut self) -> Vec<Value> {
        let predicate = self.operand_of(&Type::scalar(DType::Bool));
        let args = self.some(0, 3);
        let regions = self.branches(&args, 2);
        self.b.emit_structured(Op::Cond, &[&[predicate], &args[..]].concat(), &regions)
    }

    pub(super) fn switch(&mut self) -> Vec<Value> {
        let index = self.operand_of(&Type::scalar(DType::I32));
        let args = self.some(0, 3);
        let count = 1 + self.rng.below(3);
        let regions = self.branches(&args, count);
        self.b.switch(index, &args, &regions)
    }

    pub(super) fn checkpoint(&mut self) -> Vec<Value> {
        let args = self.some(1, 3);
        let body = self.branches(&args, 1).remove(0);
        self.b.checkpoint(&args, body)
    }

    /// With the JVP that the primal has anyway as its rule.
    pub(super) fn custom_derivative(&mut self) -> Option<Vec<Value>> {
        let mut args = self.some(0, 2);
        args.push(self.pick(|ty| Domain::Float.contains(ty.dtype) && ty.elements() <= MAX_ELEMENTS)?);
        // No loops inside: those of the rule would carry values and tangents together, and do not transpose.
        let (depth, callees) = (self.depth, self.callees);
        (self.depth, self.callees) = (MAX_DEPTH, &[]);
        let primal = self.branches(&args, 1).remove(0);
        (self.depth, self.callees) = (depth, callees);
        let mut module = self.b.module().clone();
        let func = module.add(primal.clone());
        let module = verified(module);
        let function = module.function(func);
        let joint = jvp(&module, func, &float_params(function)).expect("a rule for every operation");
        // The tangents alone.
        let b = Builder::new(self.b.module(), "rule");
        let mut map = ValueMap::new();
        copy_params(&b, &joint, &mut map);
        for &inst in joint.insts() {
            copy_inst(&b, &joint, inst, &mut map);
        }
        let tangents = map.expect_all(&b, &joint.results()[primal.results().len()..]);
        let rule = b.finish(&tangents).expect("part of a function");
        Some(self.b.custom_derivative(CustomRule::Jvp, &args, primal, rule))
    }
}
