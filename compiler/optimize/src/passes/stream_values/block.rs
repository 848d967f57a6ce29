//! One block of a run: the instructions of the cluster, for some of the positions of the streamed axis.

use std::collections::BTreeMap;

use cranelift_entity::SecondaryMap;
use cranelift_entity::packed_option::PackedOption;
use pullback_interp::scalar::step;
use pullback_ir::op::{Axes, BroadcastSpec};
use pullback_ir::{Binary, Builder, Comparison, Inst, Literal, Op, Shape, Type, Value};

use super::run::{Run, Streamed};
use super::schedule::Form;
use super::softmax::{Linear, Numerator};
use super::ways::Outcome;

/// What is known while a block is emitted.
pub(super) struct Block<'a, 'm> {
    run: &'a Run,
    streamed: Streamed<'a>,
    b: &'a Builder<'m>,
    /// The number of positions.
    size: usize,
    /// The first position, an `i32`.
    pub(super) start: Option<Value>,
    /// What is read as a whole.
    pub(super) wholes: BTreeMap<Value, Value>,
    /// The block of what is sliced along an axis.
    pub(super) slices: BTreeMap<(Value, usize), Value>,
    /// The totals of exits: up to this block, and with it when it is emitted.
    pub(super) totals: BTreeMap<Inst, Value>,
    /// The blocks of exits that are no totals.
    pub(super) blocks: BTreeMap<Inst, Value>,
    /// The block of each value of the cluster.
    values: SecondaryMap<Value, PackedOption<Value>>,
    /// For each maximum what numerators subtract, and by what the totals before this block are multiplied.
    scales: BTreeMap<Inst, (Value, Value)>,
}

impl<'a, 'm> Block<'a, 'm> {
    pub(super) fn new(run: &'a Run, streamed: Streamed<'a>, b: &'a Builder<'m>, size: usize) -> Self {
        Self {
            run,
            streamed,
            b,
            size,
            start: None,
            wholes: BTreeMap::new(),
            slices: BTreeMap::new(),
            totals: BTreeMap::new(),
            blocks: BTreeMap::new(),
            values: SecondaryMap::new(),
            scales: BTreeMap::new(),
        }
    }

    /// Emits the block: afterwards `totals` are those with it.
    pub(super) fn emit(&mut self) {
        let Streamed { function, cluster, .. } = self.streamed;
        for &inst in &self.run.insts {
            self.b.set_provenance(function.provenance(inst).clone());
            if cluster.exits.contains(inst) {
                self.exit(inst);
            } else {
                self.member(inst);
            }
        }
    }

    /// A value along the streamed axis, or as a whole.
    fn value(&self, value: Value, along: Option<usize>) -> Value {
        let found = match along {
            None => self.wholes.get(&value).copied(),
            Some(_) if self.streamed.cluster.axis[value] == along => self.values[value].expand(),
            Some(axis) => self.slices.get(&(value, axis)).copied(),
        };
        found.unwrap_or_else(|| self.b.fail("copy", format!("a block of {value} is used before it is there")))
    }

    fn operands(&self, inst: Inst) -> Vec<Value> {
        let Streamed { function, cluster, .. } = self.streamed;
        let Some(way) = &cluster.ways[inst] else { return Vec::new() };
        function.args(inst).iter().zip(&way.operands).map(|(&arg, &along)| self.value(arg, along)).collect()
    }

    fn member(&mut self, inst: Inst) {
        let function = self.streamed.function;
        let &[result] = function.inst_results(inst) else { return };
        let value = match self.run.numerators.get(&result) {
            Some(numerator) => self.numerator(result, numerator),
            None => self.blocked(inst),
        };
        if let Some(name) = function.value_name(result) {
            self.b.name(value, name);
        }
        self.values[result] = value.into();
    }

    /// `exp(t - m)` with the maximum found so far.
    fn numerator(&self, result: Value, numerator: &Numerator) -> Value {
        let t = self.value(numerator.t, self.streamed.cluster.axis[result]);
        let Some(&(max, _)) = self.scales.get(&numerator.max) else {
            return self.b.fail("exp", "a numerator before its maximum");
        };
        let spread = self.b.broadcast(max, &self.b.shape(t), numerator.dims.clone());
        self.b.exp(self.b.binary(Binary::Sub, t, spread))
    }

    /// An instruction as it is, on blocks.
    fn blocked(&self, inst: Inst) -> Value {
        let Streamed { function, cluster, .. } = self.streamed;
        let b = self.b;
        let args = self.operands(inst);
        let Some(Outcome::Axis(axis)) = cluster.ways[inst].as_ref().map(|way| way.result) else {
            return b.emit(function.op(inst).clone(), &args);
        };
        match function.op(inst) {
            Op::Constant(literal) => match (literal.as_splat(), self.block_of(&literal.ty().shape, axis)) {
                (Some(element), Some(shape)) => b.constant(Literal::splat(element, shape)),
                _ => b.fail("constant", "a constant without blocks"),
            },
            Op::Iota { ty, axis: counting } => self.iota(ty, *counting, axis),
            Op::Broadcast(spec) => match self.block_of(&spec.shape, axis) {
                Some(shape) => b.emit(Op::Broadcast(Box::new(BroadcastSpec { shape, dims: spec.dims.clone() })), &args),
                None => b.fail("broadcast", "a shape without blocks"),
            },
            Op::Reshape(shape) => match self.block_of(shape, axis) {
                Some(shape) => b.emit(Op::Reshape(Box::new(shape)), &args),
                None => b.fail("reshape", "a shape without blocks"),
            },
            op => b.emit(op.clone(), &args),
        }
    }

    /// A shape with the extent of a block along an axis.
    fn block_of(&self, shape: &Shape, axis: usize) -> Option<Shape> {
        let mut extents = shape.extents();
        *extents.get_mut(axis)? = self.size;
        Shape::new(&extents).ok()
    }

    fn iota(&self, ty: &Type, counting: usize, axis: usize) -> Value {
        let b = self.b;
        let Some(shape) = self.block_of(&ty.shape, axis) else { return b.fail("iota", "a shape without blocks") };
        let positions = b.iota(ty.with_shape(shape.clone()), counting);
        if counting != axis {
            return positions;
        }
        let Some(start) = self.start else { return b.fail("iota", "a block without a start") };
        let start = if b.ty(start).dtype == ty.dtype { start } else { b.convert(start, ty.dtype) };
        b.binary(Binary::Add, positions, b.broadcast(start, &shape, Axes::default()))
    }

    fn exit(&mut self, inst: Inst) {
        let Streamed { function, cluster, schedule } = self.streamed;
        let b = self.b;
        let Some(way) = &cluster.ways[inst] else { return };
        let block = match schedule.forms.get(&inst) {
            Some(Form::Linear(linear)) => self.linear(inst, linear),
            _ => self.blocked(inst),
        };
        let Outcome::Folded(kind) = way.result else {
            self.blocks.insert(inst, block);
            return;
        };
        let Some(&before) = self.totals.get(&inst) else {
            b.fail("scan", "a total that is not carried");
            return;
        };
        let before = match schedule.forms.get(&inst) {
            Some(Form::Linear(linear)) => self.scaled(before, linear),
            _ => before,
        };
        let total = b.binary(step(kind), before, block);
        if let Some(name) = function.inst_results(inst).first().and_then(|&result| function.value_name(result)) {
            b.name(total, &format!("{name}_now"));
        }
        self.totals.insert(inst, total);
        if self.run.numerators.values().any(|numerator| numerator.max == inst) {
            let scales = self.scales_of(before, total);
            self.scales.insert(inst, scales);
        }
    }

    /// The block of a total without the factors that do not vary.
    fn linear(&self, inst: Inst, linear: &Linear) -> Value {
        let Streamed { function, cluster, .. } = self.streamed;
        let along = cluster.axis[linear.numerator];
        let cores = linear.factors.cores.iter().map(|&core| self.value(core, along));
        let product = cores.reduce(|x, y| self.b.binary(Binary::Mul, x, y));
        let product = product.unwrap_or_else(|| self.b.fail("mul", "a product without factors"));
        let Some(way) = &cluster.ways[inst] else { return product };
        let args = function.args(inst).iter().zip(&way.operands).enumerate();
        let args: Vec<Value> = args
            .map(|(at, (&arg, &along))| if at == linear.operand { product } else { self.value(arg, along) })
            .collect();
        self.b.emit(function.op(inst).clone(), &args)
    }

    /// What numerators subtract where the largest of each row so far grows from `before` to `max`, and by what totals are multiplied.
    ///
    /// A row of nothing but `-inf` so far has no terms yet: 0 is subtracted, where `-inf` would make them NaN.
    fn scales_of(&self, before: Value, max: Value) -> (Value, Value) {
        let b = self.b;
        let none = b.compare(Comparison::Eq, max, b.splat_like(max, f64::NEG_INFINITY));
        let subtracted = b.select(none, b.splat_like(max, 0.0), max);
        let scale = b.exp(b.binary(Binary::Sub, before, subtracted));
        b.name(scale, "scale");
        (subtracted, scale)
    }

    /// A total of the blocks before, as a total of numerators with the maximum of now.
    fn scaled(&self, total: Value, linear: &Linear) -> Value {
        let b = self.b;
        let Some(&(_, factor)) = self.scales.get(&linear.parts.max) else {
            return b.fail("mul", "a total before its maximum");
        };
        let dims = linear.kept_axes(&linear.parts.dims);
        b.binary(Binary::Mul, total, b.broadcast(factor, &b.shape(total), dims))
    }
}
