//! Random programs, valid by construction (after regalloc2's and Cranelift's fuzz generators).
//!
//! A generator keeps a pool of values. Each step takes an operation of the table, finds operands for it in the pool or makes
//! them fit, draws attributes within their ranges and adds the result to the pool. A step that cannot be done is skipped.
//! So every program verifies; a refusal by the builder is a bug here or there and panics.

// The paths are given because other packages include this file by path.
#[path = "program/control.rs"]
mod control;
#[path = "program/data.rs"]
mod data;

use std::collections::HashSet;
use std::sync::Arc;

use pullback_ir::op::{BroadcastSpec, Domain, SliceSpec};
use pullback_ir::{
    Axes, Binary, Builder, Comparison, DType, DotDims, Elements, FuncId, Function, Literal, Module, Op, PadSpec,
    Reduction, Scalar, Shape, Type, Unary, Value,
};

use super::inputs::{Mood, array, scalar};
use super::rng::Rng;
use super::run::{Case, verified};
use super::smooth;
use super::templates::templates;

/// What programs to make.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Steps of the generator; a step makes one to a few instructions.
    pub steps: usize,
    /// The most elements of a value.
    pub max_elements: usize,
    /// Whether values stay moderate and inside the domains of operations, so that derivatives exist almost everywhere.
    pub differentiable: bool,
    /// The float types of parameters and constants.
    pub floats: &'static [DType],
    /// The elements of the inputs.
    pub mood: Mood,
}

/// Extents to draw from; some are not multiples of a vector's lanes, and few are 0.
const EXTENTS: [usize; 18] = [0, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 5, 6, 7, 8, 17, 33, 64];

/// Extents of large programs: long enough for blocked sums, unrolled loops and packed products, each with and without a remainder.
const LARGE_EXTENTS: [usize; 18] = [1, 2, 3, 4, 5, 7, 16, 17, 33, 64, 65, 130, 256, 257, 300, 513, 1030, 2100];

/// Programs whose values may have more elements than this are large.
const LARGE: usize = 1000;

/// The most multiplications of a product of tensors.
const MAX_PRODUCTS: usize = 1 << 20;

/// A random module whose last function is the program, and inputs for it.
pub fn random_program(seed: u64, config: &Config) -> Case {
    module_and_inputs(seed, config, false)
}

/// As [`random_program`], with a `scan` or a bounded `while` whose results the program returns.
pub fn random_program_with_loop(seed: u64, config: &Config) -> Case {
    module_and_inputs(seed, config, true)
}

fn module_and_inputs(seed: u64, config: &Config, with_loop: bool) -> Case {
    let mut rng = Rng::new(seed);
    let mut module = Module::new();
    let mut callees = Vec::new();
    for number in 0..rng.below(3) {
        let steps = config.steps.min(6);
        let function = random_function(&mut rng, &module, &format!("callee{number}"), steps, config, &callees, false);
        callees.push(module.add(function));
    }
    let function = random_function(&mut rng, &module, "main", config.steps, config, &callees, with_loop);
    let func = module.add(function);
    let inputs = module.function(func).param_types().map(|ty| array(&mut rng, ty, config.mood)).collect();
    Case { module: verified(module), func, inputs }
}

fn random_function(
    rng: &mut Rng,
    module: &Module,
    name: &str,
    steps: usize,
    config: &Config,
    callees: &[FuncId],
    with_loop: bool,
) -> Function {
    let b = Builder::new(module, name);
    let mut generator = Generator { rng, b, pool: Vec::new(), config, callees, depth: 0 };
    let templates = templates();
    // The first parameter is a float, so that there is something to differentiate by.
    let first = Type { dtype: generator.rng.pick(config.floats), shape: generator.shape() };
    generator.param(first);
    for _ in 0..generator.rng.below(4) {
        let ty = generator.ty();
        generator.param(ty);
    }
    let looping = with_loop.then(|| generator.rng.below(steps));
    let mut kept = Vec::new();
    for step in 0..steps {
        if Some(step) == looping {
            kept = generator.some_loop();
            generator.pool.extend(&kept);
        }
        generator.step(&templates);
    }
    generator.finish(&kept)
}

struct Generator<'a, 'm> {
    rng: &'a mut Rng,
    b: Builder<'m>,
    pool: Vec<Value>,
    config: &'a Config,
    callees: &'a [FuncId],
    /// How many regions are around.
    depth: usize,
}

impl Generator<'_, '_> {
    /// Tries one operation.
    fn step(&mut self, templates: &[Op]) {
        let template = &templates[self.rng.below(templates.len())];
        if let Some(values) = self.grow(template) {
            self.pool.extend(values);
        }
    }

    fn param(&mut self, ty: Type) {
        let value = self.b.param(&format!("p{}", self.pool.len()), ty);
        self.pool.push(value);
    }

    /// Ends the function. The results are mostly values that nothing uses, so that little is dead; a few are used,
    /// are parameters, or are returned twice. What is `kept` is returned too.
    fn finish(self, kept: &[Value]) -> Function {
        let used: HashSet<Value> = {
            let function = self.b.function();
            function.insts().iter().flat_map(|&inst| function.args(inst).to_vec()).collect()
        };
        let leaves: Vec<Value> = self.pool.iter().copied().filter(|value| !used.contains(value)).collect();
        let mut results = kept.to_vec();
        for _ in 0..2 + self.rng.below(6) {
            let from = if self.rng.chance(0.8) && !leaves.is_empty() { &leaves } else { &self.pool };
            results.push(self.rng.pick(from));
        }
        let is_float = |value: &Value| self.b.ty(*value).dtype.is_float();
        if !results.iter().any(is_float) {
            results.extend(self.pool.iter().rev().find(|value| is_float(value)));
        }
        self.b.finish(&results).expect("valid by construction")
    }

    fn dtype(&mut self, domain: Domain) -> DType {
        if self.rng.chance(0.3) && domain.contains(DType::F64) {
            return self.rng.pick(self.config.floats);
        }
        let other = [DType::I32, DType::I64, DType::U8, DType::Bool];
        let dtypes: Vec<DType> =
            self.config.floats.iter().chain(&other).copied().filter(|&dtype| domain.contains(dtype)).collect();
        self.rng.pick(&dtypes)
    }

    fn extent(&mut self) -> usize {
        self.rng.pick(if self.config.max_elements > LARGE { &LARGE_EXTENTS } else { &EXTENTS })
    }

    fn shape(&mut self) -> Shape {
        let mut extents: Vec<usize> = Vec::new();
        for _ in 0..self.rng.below(4) {
            let extent = self.extent();
            if extents.iter().product::<usize>() * extent <= self.config.max_elements {
                extents.push(extent);
            }
        }
        Shape::new(&extents).expect("few elements")
    }

    fn ty(&mut self) -> Type {
        Type { dtype: self.dtype(Domain::Any), shape: self.shape() }
    }

    fn fits(&self, extents: &[usize]) -> bool {
        extents.iter().product::<usize>() <= self.config.max_elements
    }

    /// A value that satisfies `wanted`, mostly a late one.
    fn pick(&mut self, wanted: impl Fn(&Type) -> bool) -> Option<Value> {
        let candidates: Vec<Value> = self.pool.iter().copied().filter(|&value| wanted(&self.b.ty(value))).collect();
        if candidates.is_empty() {
            return None;
        }
        let late = if self.rng.chance(0.6) { candidates.len().min(4) } else { candidates.len() };
        Some(candidates[candidates.len() - 1 - self.rng.below(late)])
    }

    fn operand(&mut self, domain: Domain) -> Value {
        self.pick(|ty| domain.contains(ty.dtype)).unwrap_or_else(|| {
            let ty = Type { dtype: self.dtype(domain), shape: self.shape() };
            self.constant(&ty)
        })
    }

    /// A value of this type: one that exists, a scalar repeated, another type converted, or a constant.
    fn operand_of(&mut self, ty: &Type) -> Value {
        if self.rng.chance(0.8)
            && let Some(value) = self.pick(|found| found == ty)
        {
            return value;
        }
        if self.rng.chance(0.5)
            && let Some(value) = self.pick(|found| found.dtype == ty.dtype && found.rank() == 0)
        {
            return self.b.broadcast(value, &ty.shape, []);
        }
        if self.rng.chance(0.5)
            && let Some(value) = self.pick(|found| found.shape == ty.shape && found.dtype != ty.dtype)
        {
            return self.converted(value, ty.dtype);
        }
        self.constant(ty)
    }

    fn constant(&mut self, ty: &Type) -> Value {
        let special = [0.0, 1.0, -1.0, 2.0, 0.5, -0.0];
        let mood = if self.config.differentiable { Mood::Tame } else { self.config.mood };
        let literal = match self.rng.below(3) {
            0 => Literal::splat(Scalar::from_f64(ty.dtype, self.rng.pick(&special)), ty.shape.clone()),
            1 => Literal::splat(scalar(self.rng, ty.dtype, mood), ty.shape.clone()),
            _ => {
                let scalars: Vec<Scalar> = (0..ty.elements()).map(|_| scalar(self.rng, ty.dtype, mood)).collect();
                let elements = Elements::from_scalars(ty.dtype, &scalars).expect("of one type");
                Literal::dense(ty.shape.clone(), elements).expect("as many as the shape has")
            }
        };
        self.b.emit(Op::Constant(Arc::new(literal)), &[])
    }

    fn converted(&self, x: Value, to: DType) -> Value {
        let from = self.b.ty(x).dtype;
        let y = self.b.emit(Op::Convert(to), &[x]);
        // Integers may be large; floats are moderate already.
        let tame = self.config.differentiable && to.is_float() && from.is_integer();
        if tame { self.b.tanh(smooth::scale(&self.b, y, 0.125)) } else { y }
    }

    /// Whether a step on this type keeps it moderate.
    fn is_smooth(&mut self, ty: &Type) -> bool {
        ty.dtype.is_float() && (self.config.differentiable || self.rng.chance(0.2))
    }

    /// One step: the operation of the template with operands and attributes of its own.
    fn grow(&mut self, template: &Op) -> Option<Vec<Value>> {
        let domain = template.info().domain;
        let value = match template {
            Op::Constant(_) => {
                let ty = self.ty();
                self.constant(&ty)
            }
            Op::Iota { .. } => self.iota()?,
            Op::Unary(op) => self.unary(*op, domain),
            Op::Binary(op) => {
                let x = self.operand(domain);
                let ty = self.b.ty(x);
                let y = self.operand_of(&ty);
                let (x, y) = if self.rng.chance(0.5) { (x, y) } else { (y, x) };
                // An order has no derivative.
                let x = if *op == Binary::Polygamma { self.b.unary(Unary::StopGradient, x) } else { x };
                if self.is_smooth(&ty) { smooth::binary(&self.b, *op, x, y) } else { self.b.binary(*op, x, y) }
            }
            Op::Compare(_) => {
                let x = self.operand(domain);
                let y = self.operand_of(&self.b.ty(x));
                self.b.compare(self.rng.pick(Comparison::ALL), x, y)
            }
            Op::IsFinite => {
                let x = self.operand(domain);
                self.b.is_finite(x)
            }
            Op::Select => {
                let x = self.operand(domain);
                let ty = self.b.ty(x);
                let y = self.operand_of(&ty);
                let predicate = self.operand_of(&ty.with_dtype(DType::Bool));
                self.b.select(predicate, x, y)
            }
            Op::Clamp => {
                let x = self.operand(domain);
                let ty = self.b.ty(x);
                let (low, high) = (self.operand_of(&ty), self.operand_of(&ty));
                self.b.clamp(low, x, high)
            }
            Op::Convert(_) => {
                let x = self.operand(domain);
                let to = self.dtype(Domain::Any);
                self.converted(x, to)
            }
            Op::Broadcast(_) => self.broadcast()?,
            Op::Reshape(_) => self.reshape(),
            Op::Transpose(_) => {
                let x = self.operand(domain);
                let rank = self.b.shape(x).rank();
                let perm = self.rng.shuffled(0..rank);
                self.b.emit(Op::Transpose(perm.into()), &[x])
            }
            Op::Reverse(_) => {
                let x = self.operand(domain);
                let axes = self.some_axes(&self.b.shape(x));
                self.b.reverse(x, axes)
            }
            Op::Slice(_) => {
                let x = self.operand(domain);
                self.slice(x)
            }
            Op::Pad(_) => self.pad()?,
            Op::Concatenate { .. } => self.concatenate()?,
            Op::Reduce { kind, .. } => self.reduce(*kind, domain)?,
            Op::Dot(_) => self.dot(domain)?,
            Op::Call(_) => return self.call(),
            Op::Bitcast(_) => self.bitcast(),
            Op::Barrier => return Some(self.barrier()),
            Op::ArgReduce { kind, .. } => self.arg_reduce(*kind)?,
            Op::Cumulative { kind, .. } => self.cumulative(*kind)?,
            Op::DynamicSlice(_) => self.dynamic_slice(),
            Op::DynamicUpdateSlice => self.dynamic_update_slice(),
            Op::Gather(_) => self.gather()?,
            Op::Scatter { kind, .. } => self.scatter(*kind)?,
            Op::Windows(_) => self.windows()?,
            Op::OverlapAdd { .. } => self.overlap_add()?,
            Op::ReduceWindow { kind, .. } => self.reduce_window(*kind)?,
            Op::SelectAndScatter { kind, .. } => self.select_and_scatter(*kind)?,
            Op::Conv(_) => self.conv()?,
            Op::Sort { .. } => return self.sort(),
            Op::TopK { .. } => return self.top_k(),
            Op::RandomBits(_) => self.random_bits(),
            Op::Cholesky => self.cholesky()?,
            Op::TriangularSolve { .. } => self.triangular_solve()?,
            Op::Scan(_) | Op::While(_) | Op::Cond | Op::Switch | Op::CustomDerivative(_) | Op::Checkpoint
                if !self.may_nest() =>
            {
                return None;
            }
            Op::Scan(_) => return self.scan(0),
            Op::While(_) => return self.while_loop(0),
            Op::Cond => return Some(self.cond()),
            Op::Switch => return Some(self.switch()),
            Op::CustomDerivative(_) => return self.custom_derivative(),
            Op::Checkpoint => return Some(self.checkpoint()),
            // It has no value.
            Op::TransposeRule { .. } => return None,
        };
        Some(vec![value])
    }

    fn some_axes(&mut self, shape: &Shape) -> Axes {
        (0..shape.rank()).filter(|_| self.rng.chance(0.5)).collect()
    }

    fn iota(&mut self) -> Option<Value> {
        let shape = self.shape();
        let ty = Type { dtype: self.dtype(Domain::Numeric), shape };
        let axis = ty.rank().checked_sub(1).map(|last| self.rng.below(last + 1))?;
        let x = self.b.iota(ty.clone(), axis);
        Some(if self.is_smooth(&ty) { smooth::scale(&self.b, x, 0.05) } else { x })
    }

    fn broadcast(&mut self) -> Option<Value> {
        let x = self.operand(Domain::Any);
        let mut extents = self.b.shape(x).extents();
        let mut is_new = vec![false; extents.len()];
        for _ in 0..self.rng.below(3) {
            let place = self.rng.below(extents.len() + 1);
            extents.insert(place, self.extent());
            is_new.insert(place, true);
        }
        if !self.fits(&extents) {
            return None;
        }
        let shape = Shape::new(&extents).ok()?;
        let dims = (0..extents.len()).filter(|&axis| !is_new[axis]).collect();
        Some(self.b.emit(Op::Broadcast(Box::new(BroadcastSpec { shape, dims })), &[x]))
    }

    fn reshape(&mut self) -> Value {
        let x = self.operand(Domain::Any);
        let mut left = self.b.shape(x).elements();
        let mut extents = Vec::new();
        if left == 0 {
            extents = vec![self.rng.below(4), 0];
        } else {
            for _ in 0..self.rng.below(3) {
                let divisors: Vec<usize> = (1..=left).filter(|d| left.is_multiple_of(*d)).collect();
                let factor = self.rng.pick(&divisors);
                extents.push(factor);
                left /= factor;
            }
            if left > 1 || self.rng.chance(0.2) {
                extents.push(left);
            }
        }
        let extents = self.rng.shuffled(extents);
        let shape = Shape::new(&extents).expect("as many elements as another shape");
        self.b.emit(Op::Reshape(Box::new(shape)), &[x])
    }

    fn slice(&mut self, x: Value) -> Value {
        let mut spec = SliceSpec { start: [].into(), limit: [].into(), stride: [].into() };
        let bounds: Vec<(usize, usize, usize)> = (self.b.shape(x).extents().into_iter())
            .map(|extent| {
                // Few slices are empty: an empty value makes everything behind it empty.
                let start = if extent > 1 { self.rng.below(extent.min(4)) } else { 0 };
                let limit = if self.rng.chance(0.05) { start } else { extent - self.rng.below(extent - start + 1) / 2 };
                (start, limit.max(start), 1 + self.rng.below(3))
            })
            .collect();
        spec.start = bounds.iter().map(|bound| bound.0).collect();
        spec.limit = bounds.iter().map(|bound| bound.1).collect();
        spec.stride = bounds.iter().map(|bound| bound.2).collect();
        self.b.emit(Op::Slice(Box::new(spec)), &[x])
    }

    fn pad(&mut self) -> Option<Value> {
        let x = self.operand(Domain::Any);
        let ty = self.b.ty(x);
        let (mut low, mut high, mut interior, mut extents) = (vec![], vec![], vec![], vec![]);
        for extent in ty.shape.extents() {
            let between = if self.rng.chance(0.3) { self.rng.below(3) } else { 0 };
            let inner = (extent + extent.saturating_sub(1) * between) as i64;
            let before = (self.rng.below(5) as i64 - 2).max(-inner);
            let after = (self.rng.below(5) as i64 - 2).max(-(inner + before));
            low.push(before);
            high.push(after);
            interior.push(between);
            extents.push((inner + before + after) as usize);
        }
        if !self.fits(&extents) {
            return None;
        }
        let value = self.operand_of(&Type::scalar(ty.dtype));
        Some(self.b.pad(x, value, PadSpec { low: low.into(), high: high.into(), interior: interior.into() }))
    }

    fn concatenate(&mut self) -> Option<Value> {
        let x = self.pick(|ty| ty.rank() > 0)?;
        let ty = self.b.ty(x);
        let axis = self.rng.below(ty.rank());
        let alike = |found: &Type| {
            let other_extents = |shape: &Shape| {
                let mut extents = shape.extents();
                extents[axis] = 0;
                extents
            };
            found.dtype == ty.dtype
                && found.rank() == ty.rank()
                && other_extents(&found.shape) == other_extents(&ty.shape)
        };
        let mut parts = vec![x];
        for _ in 0..self.rng.below(3) {
            parts.extend(self.pick(alike));
        }
        let parts = self.rng.shuffled(parts);
        let mut extents = ty.shape.extents();
        extents[axis] = parts.iter().filter_map(|&part| self.b.shape(part).extent(axis)).sum();
        self.fits(&extents).then(|| self.b.concatenate(&parts, axis))
    }

    fn reduce(&mut self, kind: Reduction, domain: Domain) -> Option<Value> {
        let x = self.operand(domain);
        let ty = self.b.ty(x);
        let axes = self.some_axes(&ty.shape);
        let count = axes.iter().filter_map(|&axis| ty.shape.extent(axis)).product();
        let b = &self.b;
        let reduce = |x| b.emit(Op::Reduce { kind, axes: axes.clone() }, &[x]);
        if ty.dtype.is_float() && (self.config.differentiable || self.rng.chance(0.2)) {
            smooth::reduction(b, kind, x, count, reduce)
        } else {
            Some(reduce(x))
        }
    }

    fn dot(&mut self, domain: Domain) -> Option<Value> {
        let x = self.operand(domain);
        let x_ty = self.b.ty(x);
        let y = self.pick(|ty| ty.dtype == x_ty.dtype)?;
        let y_ty = self.b.ty(y);
        let mut lists: [Vec<usize>; 4] = Default::default();
        let mut free = self.rng.shuffled(0..y_ty.rank());
        for axis in self.rng.shuffled(0..x_ty.rank()) {
            let partner = free.iter().position(|&other| y_ty.shape.extent(other) == x_ty.shape.extent(axis));
            if let Some(partner) = partner
                && self.rng.chance(0.7)
            {
                let kind = if self.rng.chance(0.3) { 0 } else { 2 };
                lists[kind].push(axis);
                lists[kind + 1].push(free.remove(partner));
            }
        }
        let count: usize = lists[2].iter().filter_map(|&axis| x_ty.shape.extent(axis)).product();
        let [lhs_batch, rhs_batch, lhs_contract, rhs_contract] = lists.map(Axes::from);
        let dims = DotDims { lhs_batch, rhs_batch, lhs_contract, rhs_contract };
        let result = pullback_ir::infer::infer(self.b.module(), &Op::Dot(Box::new(dims.clone())), &[&x_ty, &y_ty], &[]);
        let result = result.expect("axes are paired by extent").remove(0);
        if !self.fits(&result.shape.extents()) || result.elements() * count > MAX_PRODUCTS {
            return None;
        }
        let z = self.b.dot(x, y, dims);
        Some(if self.is_smooth(&result) { smooth::scale(&self.b, z, 0.25 / count.max(1) as f64) } else { z })
    }

    fn call(&mut self) -> Option<Vec<Value>> {
        if self.callees.is_empty() {
            return None;
        }
        let callee = self.rng.pick(self.callees);
        let types: Vec<Type> = self.b.module().function(callee).param_types().cloned().collect();
        let args: Vec<Value> = types.iter().map(|ty| self.operand_of(ty)).collect();
        Some(self.b.call(callee, &args))
    }
}
