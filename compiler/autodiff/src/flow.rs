//! Which values have a property that operands pass on to results: one analysis through loops and branches, for several properties.
//!
//! A property only spreads. So a value that once has it keeps its mark, and a loop whose body is visited again, because something around it has spread, goes on from
//! the marks that are there. Each further visit is thus paid for by a part of a state that was marked: a region is visited once, and once more for each part of the states
//! around it, however deep regions nest. Beginning anew at each visit would double the visits with each level.

use cranelift_entity::EntitySet;
use pullback_ir::op::Derivative;
use pullback_ir::{Binary, CustomRule, Function, Inst, Op, Region, ScatterKind, Value};

use crate::emit;
use crate::op_derivative::may_have_tangent;

/// What a mark says of a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Property {
    /// It may have a tangent that is not a symbolic zero: it is floating-point and depends differentiably on what has one.
    Tangent,
    /// It depends, in any way, on what is marked.
    Dependent,
    /// It has the batch axis when a function is batched by the rules of `batch/`.
    Batched,
    /// It may differ from zero where what is not marked is zero. Integers and truth values are never asked about.
    NonZero,
}

/// Which results of `function` have a property if these parameters have.
pub(crate) fn results(function: &Function, property: Property, params: &[bool]) -> Vec<bool> {
    let mut flow = Flow::new(function, property, params);
    flow.region(function.body_region());
    flow.all_marked(function.results())
}

/// What holds in every iteration of a loop.
pub(crate) struct Iteration {
    /// For each parameter of the body whether it has the property.
    pub(crate) params: Vec<bool>,
    /// For each result.
    pub(crate) results: Vec<bool>,
}

/// Which parameters and results of the body of a loop have a property, in some iteration, if these operands of the loop have. The state, of `carry` values, comes after `consts`.
pub(crate) fn iteration(
    body: &Function,
    property: Property,
    operands: &[bool],
    consts: usize,
    carry: usize,
) -> Iteration {
    let mut flow = Flow::new(body, property, operands);
    flow.repeat(body.body_region(), consts, carry);
    Iteration { params: flow.all_marked(body.params()), results: flow.all_marked(body.results()) }
}

struct Flow<'a> {
    function: &'a Function,
    property: Property,
    marked: EntitySet<Value>,
    /// How often a region was visited.
    #[cfg(test)]
    visits: usize,
}

impl<'a> Flow<'a> {
    fn new(function: &'a Function, property: Property, params: &[bool]) -> Self {
        let mut flow = Self {
            function,
            property,
            marked: EntitySet::new(),
            #[cfg(test)]
            visits: 0,
        };
        for (&param, _) in function.params().iter().zip(params).filter(|pair| *pair.1) {
            flow.mark(param);
        }
        flow
    }

    /// Marks a value; whether it was not marked.
    fn mark(&mut self, value: Value) -> bool {
        let ty = self.function.ty(value);
        let can = match self.property {
            Property::Tangent => ty.dtype.is_float(),
            Property::NonZero => ty.elements() > 0,
            Property::Dependent | Property::Batched => true,
        };
        can && self.marked.insert(value)
    }

    fn is_marked(&self, value: Value) -> bool {
        self.marked.contains(value)
    }

    fn all_marked(&self, values: &[Value]) -> Vec<bool> {
        values.iter().map(|&value| self.is_marked(value)).collect()
    }

    fn any(&self, values: &[Value]) -> bool {
        values.iter().any(|&value| self.is_marked(value))
    }

    /// Marks `to` where `from` is marked.
    fn pass(&mut self, from: &[Value], to: &[Value]) {
        for (&from, &to) in from.iter().zip(to) {
            if self.is_marked(from) {
                self.mark(to);
            }
        }
    }

    fn mark_all(&mut self, values: &[Value]) {
        for &value in values {
            self.mark(value);
        }
    }

    fn region(&mut self, region: Region) {
        #[cfg(test)]
        {
            self.visits += 1;
        }
        let function = self.function;
        for &inst in &function.region(region).insts {
            // What can differ from zero need not come from anything.
            if self.property != Property::NonZero && !self.any(function.args(inst)) {
                continue;
            }
            if function.inst_regions(inst).is_empty() {
                self.instruction(inst);
            } else {
                self.structured(inst);
            }
        }
    }

    /// Visits the body of a loop until its state gets no more marks.
    fn repeat(&mut self, body: Region, consts: usize, carry: usize) {
        let data = self.function.region(body);
        loop {
            self.region(body);
            let mut changed = false;
            for (&param, &next) in data.params.iter().skip(consts).zip(data.results.iter().take(carry)) {
                changed |= self.is_marked(next) && self.mark(param);
            }
            if !changed {
                return;
            }
        }
    }

    fn instruction(&mut self, inst: Inst) {
        let function = self.function;
        let (op, args, results) = (function.op(inst), function.args(inst), function.inst_results(inst));
        match (op, self.property) {
            (Op::Barrier, _) => self.pass(args, results),
            (Op::Sort { .. }, Property::Tangent | Property::NonZero) => self.pass(args, results),
            (Op::Sort { keys, .. }, Property::Dependent) if !self.any(&args[..*keys]) => self.pass(args, results),
            (_, Property::Tangent) if !may_have_tangent(op) => {}
            (_, Property::NonZero) if !self.can_differ_from_zero(inst) => {}
            (_, _) => self.mark_all(results),
        }
    }

    /// Whether the result of an operation without regions may differ from zero.
    fn can_differ_from_zero(&self, inst: Inst) -> bool {
        let function = self.function;
        let (op, args) = (function.op(inst), function.args(inst));
        if let &[result] = function.inst_results(inst)
            && emit::splat_in(function, result) == Some(0.0)
        {
            return false;
        }
        let mut floats = args.iter().filter(|&&arg| function.ty(arg).dtype.is_float()).peekable();
        let of = |position: usize| args.get(position).is_none_or(|&arg| self.is_marked(arg));
        match (op, op.info().derivative) {
            (Op::Binary(Binary::Div) | Op::Scatter { kind: ScatterKind::Mul, .. }, _) => of(0),
            (Op::TriangularSolve { .. } | Op::SelectAndScatter { .. }, _) => of(1),
            (_, Derivative::Linear) => floats.peek().is_none() || floats.any(|&arg| self.is_marked(arg)),
            (_, Derivative::Bilinear) => floats.all(|&arg| self.is_marked(arg)),
            (
                _,
                Derivative::None | Derivative::Zero | Derivative::UsesInput | Derivative::UsesOutput | Derivative::Call,
            ) => true,
        }
    }

    fn structured(&mut self, inst: Inst) {
        let function = self.function;
        let (args, results) = (function.args(inst), function.inst_results(inst));
        let params = |region: Region| &function.region(region).params[..];
        match (function.op(inst), function.inst_regions(inst)) {
            (Op::Scan(spec), &[body]) => {
                self.pass(args, params(body));
                self.repeat(body, spec.consts, spec.carry);
                self.pass(&params(body)[spec.consts..], &results[..spec.carry]);
                self.pass(&function.region(body).results[spec.carry..], &results[spec.carry..]);
            }
            (Op::While(spec), &[cond, body]) => {
                self.pass(args, params(body));
                self.repeat(body, spec.consts, results.len());
                self.pass(params(body), params(cond));
                self.region(cond);
                if self.steers(&function.region(cond).results) {
                    self.mark_all(&params(body)[spec.consts..]);
                }
                self.pass(&params(body)[spec.consts..], results);
            }
            (Op::Cond | Op::Switch, branches) => {
                for &branch in branches {
                    self.pass(&args[1..], params(branch));
                    self.region(branch);
                    self.pass(&function.region(branch).results, results);
                }
                if self.steers(&args[..1]) {
                    self.mark_all(results);
                }
            }
            (Op::Checkpoint, &[body]) => {
                self.pass(args, params(body));
                self.region(body);
                self.pass(&function.region(body).results, results);
            }
            (Op::CustomDerivative(kind), &[primal, rule]) => self.custom(inst, *kind, primal, rule),
            (Op::TransposeRule { known }, &[rule]) => self.transposed(args.split_at(*known), rule, results),
            (_, _) => self.mark_all(results),
        }
    }

    /// Whether which region runs, or how often, makes all results of a kind with what decides it.
    fn steers(&self, deciding: &[Value]) -> bool {
        match self.property {
            Property::Dependent | Property::Batched => self.any(deciding),
            Property::Tangent | Property::NonZero => false,
        }
    }

    fn custom(&mut self, inst: Inst, kind: CustomRule, primal: Region, rule: Region) {
        let function = self.function;
        let (args, results) = (function.args(inst), function.inst_results(inst));
        match (self.property, kind) {
            // The rule decides.
            (Property::Tangent, _) | (Property::Batched, CustomRule::Vjp) => self.mark_all(results),
            (Property::Dependent | Property::NonZero, _) | (Property::Batched, CustomRule::Jvp) => {
                self.pass(args, &function.region(primal).params);
                self.region(primal);
                self.pass(&function.region(primal).results, results);
                if self.property == Property::Batched {
                    self.batched_rule(args, rule, results);
                }
            }
        }
    }

    /// A linear map depends on what its transpose depends on, and is zero where its operands are.
    fn transposed(&mut self, (known, linear): (&[Value], &[Value]), rule: Region, results: &[Value]) {
        let function = self.function;
        let marked = match self.property {
            Property::Tangent | Property::Batched => true,
            Property::NonZero => self.any(linear),
            Property::Dependent => {
                self.pass(known, &function.region(rule).params);
                self.region(rule);
                self.any(linear) || self.any(&function.region(rule).results)
            }
        };
        if marked {
            self.mark_all(results);
        }
    }

    /// A JVP rule is batched with its primal, and both as a whole if a tangent is batched whose result is not.
    fn batched_rule(&mut self, args: &[Value], rule: Region, results: &[Value]) {
        let function = self.function;
        let floats = |values: &[Value]| -> Vec<Value> {
            values.iter().copied().filter(|&value| function.ty(value).dtype.is_float()).collect()
        };
        let region = function.region(rule);
        self.pass(&[args, &floats(args)].concat(), &region.params);
        self.region(rule);
        let mut pairs = region.results.iter().zip(floats(results));
        if pairs.any(|(&tangent, result)| self.is_marked(tangent) && !self.is_marked(result)) {
            self.mark_all(results);
        }
    }
}

#[cfg(test)]
mod tests {
    use pullback_ir::{DType, Module, ScanSpec, Type};

    use super::*;
    use pullback_ir::{Builder, Checkpointing};

    /// `depth` scans in each other, with two parts of a state; what marks the first is the second, one iteration later.
    fn nested(module: &Module, depth: usize) -> Function {
        let b = Builder::new(module, "f");
        let ty = Type::scalar(DType::F64);
        let params: Vec<Value> = ["a", "b", "c"].iter().map(|name| b.param(name, ty.clone())).collect();
        let results = if depth == 0 {
            vec![b.add(params[0], params[1]), b.add(params[1], params[2]), params[2]]
        } else {
            let spec = ScanSpec { length: 2, consts: 0, carry: 3, reverse: false, checkpoint: Checkpointing::Store };
            b.scan(spec, &params, nested(module, depth - 1))
        };
        b.finish(&results).unwrap_or_else(|error| Function::new(error.message))
    }

    #[test]
    fn visits_grow_with_the_depth_of_nested_loops_and_the_size_of_their_states() {
        let module = Module::new();
        for property in [Property::Tangent, Property::Dependent, Property::Batched, Property::NonZero] {
            let visits = |depth: usize| {
                let function = nested(&module, depth);
                let mut flow = Flow::new(&function, property, &[false, false, true]);
                flow.region(function.body_region());
                assert_eq!(flow.all_marked(function.results()), [true; 3], "{property:?} at {depth}");
                flow.visits
            };
            // Each state has two marks to come: at most 1 + 2 k visits at depth k.
            for depth in 1..28 {
                assert!(visits(depth) <= (depth + 1) * (depth + 1), "{property:?} at {depth}: {}", visits(depth));
            }
        }
    }

    #[test]
    fn a_permuted_key_decides_where_all_elements_go() {
        let module = Module::new();
        let b = Builder::new(&module, "f");
        let ty = Type::new(DType::F64, &[3]).unwrap_or(Type::scalar(DType::F64));
        let (key, x) = (b.param("key", ty.clone()), b.param("x", ty));
        let sorted = b.sort(&[key, x], 0, 1, false);
        let function = b.finish(&sorted).unwrap_or_else(|error| Function::new(error.message));
        assert_eq!(results(&function, Property::Dependent, &[true, false]), [true, true]);
        assert_eq!(results(&function, Property::Dependent, &[false, true]), [false, true]);
        assert_eq!(results(&function, Property::Tangent, &[true, false]), [true, false]);
    }
}
