//! Puts channels last: what convolutions make, and what is computed from it position by position, has its features innermost in memory.
//!
//! Why: with features innermost the windows of a convolution are runs of adjacent elements, as long as a row of the kernel has features; what is at one place of an image lies
//! in vectors whatever the image's extents; and of pooling the windows' positions are whole vectors apart. With rows of an image innermost all of this moves in vectors only as
//! long as the rows, which shrink with depth, and pooling reads every other element.
//!
//! A convolution gives its result with features last, and remembers the *layout*: the order of the axes. Elementwise operations, pooling, windows, pads, reductions and broadcasts of
//! a value that has a layout are done in it, their other operands brought to it. Whoever else reads such a value, reads it transposed. The kernel of such a convolution is
//! brought to the order in which the windows lie, positions before features: that it is a copy costs little, it is small beside the images.
//!
//! The gradient of a kernel is a convolution too, with a result of a few positions. It is computed with its axes as its operands lie, and turned back at once, so
//! that what happens to weights stays as it is.
//!
//! Left as they are: convolutions in groups, of few features or at few places, and those whose features are last.
//!
//! Before: convolutions are not taken apart yet. After: the same values; views that are transposed there and back are for the rules of algebra.

use cranelift_entity::SecondaryMap;
use pullback_ir::op::{BroadcastSpec, ConvSpec, PadSpec, PoolSpec, WindowSpec};
use pullback_ir::rewrite::{ValueMap, copy_inst, copy_params, map_results};
use pullback_ir::{Builder, Function, Inst, Literal, Module, Op, Shape, Value, Verified};

use crate::pass::{Changed, Error, Pass};
use crate::regions::at_every_level;
use crate::rules::views::{inverse, is_increasing, picked};

/// The pass.
pub static CHANNELS_LAST: Pass = Pass {
    name: "channels_last",
    about: "give images between convolutions their features innermost",
    may_change: has_convolutions,
    waits: false,
    run,
};

/// Whether there is a convolution at any level.
fn has_convolutions(function: &Function) -> bool {
    function.all_insts().iter().any(|&inst| matches!(function.op(inst), Op::Conv(_)))
}

/// Features of a result from which on they fill vectors.
const MIN_FEATURES: usize = 8;

/// Places of a result from which on it is worth being turned around, where its operand is not.
const MIN_PLACES: usize = 64;

/// The order of a value's axes: axis `i` of what is computed is axis `layout[i]` of the value.
type Layout = Vec<usize>;

fn run<'f>(module: &Verified<Module>, function: &'f Function) -> Result<Changed<'f>, Error> {
    at_every_level(CHANNELS_LAST.name, module, function, &mut |level| run_level(module, level))
}

fn run_level<'f>(module: &Verified<Module>, function: &'f Function) -> Result<Changed<'f>, Error> {
    let begins = |&inst: &Inst| matches!(function.op(inst), Op::Conv(spec) if turns(function, inst, spec, MIN_PLACES));
    if !function.insts().iter().any(begins) {
        return Ok(Changed::Borrowed(function));
    }
    let b = Builder::new(module, &function.name);
    let mut images = Images { b: &b, function, plain: ValueMap::new(), turned: SecondaryMap::new() };
    copy_params(&b, function, &mut images.plain);
    for &inst in function.insts() {
        b.set_provenance(function.provenance(inst).clone());
        images.copy(inst);
    }
    let results: Vec<Value> = function.results().iter().map(|&result| images.plain(result)).collect();
    b.finish(&results).map(Changed::Owned).map_err(|error| Error::bug(CHANNELS_LAST.name, error))
}

/// Whether the result of a convolution, if it has so many places, is computed with its features last and remembered so.
fn turns(function: &Function, inst: Inst, spec: &ConvSpec, min_places: usize) -> bool {
    let &[out] = function.inst_results(inst) else { return false };
    let out = &function.ty(out).shape;
    let features = out.extent(spec.out[1]).unwrap_or(1);
    is_image(function, inst, spec)
        && spec.out[1] + 1 != out.rank()
        && features >= MIN_FEATURES
        && out.elements() / features.max(1) >= min_places
}

/// Whether a convolution has spatial axes and no groups.
fn is_simple(spec: &ConvSpec) -> bool {
    spec.out.len() > 2 && spec.feature_groups == 1 && spec.batch_groups == 1
}

/// Whether the result of a convolution is an image: it has more places than the kernel.
fn is_image(function: &Function, inst: Inst, spec: &ConvSpec) -> bool {
    let (&[_, kernel], &[out]) = (function.args(inst), function.inst_results(inst)) else { return false };
    let places = |value: Value, axes: &[usize]| -> usize {
        axes.iter().skip(2).filter_map(|&axis| function.ty(value).shape.extent(axis)).product()
    };
    is_simple(spec) && places(out, &spec.out) > places(kernel, &spec.rhs)
}

/// A function while it is copied.
struct Images<'a> {
    b: &'a Builder<'a>,
    function: &'a Function,
    /// What values became with their axes in order.
    plain: ValueMap,
    /// What values became in a layout.
    turned: SecondaryMap<Value, Option<(Value, Layout)>>,
}

impl Images<'_> {
    fn copy(&mut self, inst: Inst) {
        let function = self.function;
        let (args, results) = (function.args(inst), function.inst_results(inst));
        if let (&[result], []) = (results, function.inst_regions(inst)) {
            if let (Op::Conv(spec), &[x, kernel]) = (function.op(inst), args) {
                match self.conv(inst, (x, kernel), spec) {
                    Some((value, layout)) if is_image(function, inst, spec) => {
                        self.turned[result] = Some((value, layout));
                        return;
                    }
                    Some((value, layout)) => {
                        let gradient = self.b.transpose(value, inverse(&layout));
                        map_results(self.b, function, inst, &[gradient], &mut self.plain);
                        return;
                    }
                    None => {}
                }
            } else if let Some((op, operands, layout)) = self.in_layout(inst) {
                let value = self.b.emit(op, &operands);
                if is_increasing(&layout) {
                    map_results(self.b, function, inst, &[value], &mut self.plain);
                } else {
                    self.turned[result] = Some((value, layout));
                }
                return;
            }
        }
        for &arg in args {
            self.plain(arg);
        }
        copy_inst(self.b, function, inst, &mut self.plain);
    }

    /// A value with its axes in order.
    fn plain(&mut self, value: Value) -> Value {
        if let (None, Some((turned, layout))) = (self.plain.get(value), &self.turned[value]) {
            let back = self.b.transpose(*turned, inverse(layout));
            if let Some(name) = self.function.value_name(value) {
                self.b.name(back, name);
            }
            self.plain.insert(value, back);
        }
        self.plain.expect(self.b, value)
    }

    /// A value in a layout.
    fn turned_to(&mut self, value: Value, layout: &[usize]) -> Value {
        if let Some((turned, found)) = &self.turned[value]
            && found == layout
        {
            return *turned;
        }
        let function = self.function;
        let splat = function.def_inst(value).and_then(|inst| match function.op(inst) {
            Op::Constant(literal) => literal.as_splat(),
            _ => None,
        });
        let extents = picked(&function.ty(value).shape.extents(), layout);
        if let (Some(element), Ok(shape)) = (splat, Shape::new(&extents)) {
            return self.b.constant(Literal::splat(element, shape));
        }
        let plain = self.plain(value);
        self.b.transpose(plain, layout.to_vec())
    }

    /// A convolution with its features last, or the gradient of a kernel computed as its operands lie; and its layout.
    fn conv(&mut self, inst: Inst, (x, kernel): (Value, Value), spec: &ConvSpec) -> Option<(Value, Layout)> {
        let (function, b) = (self.function, self.b);
        let (lhs, rhs) = (self.turned[x].clone(), self.turned[kernel].clone());
        let turns = if is_image(function, inst, spec) {
            turns(function, inst, spec, if lhs.is_some() { 1 } else { MIN_PLACES })
        } else {
            is_simple(spec) && (lhs.is_some() || rhs.is_some())
        };
        if !turns {
            return None;
        }
        let mut turned = spec.clone();
        let x = match lhs {
            Some((value, layout)) => {
                turned.lhs = picked(&inverse(&layout), &spec.lhs).into();
                value
            }
            None => self.plain(x),
        };
        let kernel = match rhs {
            Some((value, layout)) => {
                turned.rhs = picked(&inverse(&layout), &spec.rhs).into();
                value
            }
            None => {
                let plain = self.plain(kernel);
                // Positions, then input features, then output features.
                let order: Vec<usize> = spec.rhs.iter().skip(2).chain([&spec.rhs[1], &spec.rhs[0]]).copied().collect();
                turned.rhs = picked(&inverse(&order), &spec.rhs).into();
                b.transpose(plain, order)
            }
        };
        // Images whose batch is what lies side by side, as the features are in the gradient of a kernel, give results in which it does too.
        let batch_is_last = turned.lhs[0] + 1 == turned.lhs.len();
        let places = spec.out.iter().skip(2);
        let layout: Layout = if batch_is_last {
            places.chain([&spec.out[0], &spec.out[1]]).copied().collect()
        } else {
            [&spec.out[0]].into_iter().chain(places).chain([&spec.out[1]]).copied().collect()
        };
        turned.out = picked(&inverse(&layout), &spec.out).into();
        Some((b.conv(x, kernel, turned), layout))
    }

    /// An operation in the layout of its operands, if it can be done in one: with its operands, and the layout of its result.
    fn in_layout(&mut self, inst: Inst) -> Option<(Op, Vec<Value>, Layout)> {
        let function = self.function;
        let args = function.args(inst);
        let layout = args.iter().find_map(|&arg| self.turned[arg].as_ref().map(|(_, layout)| layout.clone()))?;
        let (op, result) = in_layout(function.op(inst), &layout)?;
        // What fills a pad has no axes.
        let has_axes = |arg: Value| function.ty(arg).rank() == layout.len();
        let operands =
            args.iter().map(|&arg| if has_axes(arg) { self.turned_to(arg, &layout) } else { self.plain(arg) });
        Some((op, operands.collect(), result))
    }
}

/// An operation on operands in a layout, and the layout of its result.
fn in_layout(op: &Op, layout: &[usize]) -> Option<(Op, Layout)> {
    let (places, rank) = (inverse(layout), layout.len());
    match op {
        Op::Unary(_)
        | Op::Binary(_)
        | Op::Compare(_)
        | Op::IsFinite
        | Op::Select
        | Op::Clamp
        | Op::Convert(_)
        | Op::Bitcast(_) => Some((op.clone(), layout.to_vec())),
        Op::Pad(spec) => {
            let (low, high) = (by_layout(&spec.low, layout), by_layout(&spec.high, layout));
            let spec = PadSpec { low, high, interior: by_layout(&spec.interior, layout) };
            Some((Op::Pad(Box::new(spec)), layout.to_vec()))
        }
        Op::ReduceWindow { kind, spec } => {
            Some((Op::ReduceWindow { kind: *kind, spec: Box::new(pooled(spec, layout)) }, layout.to_vec()))
        }
        Op::SelectAndScatter { kind, spec } => {
            Some((Op::SelectAndScatter { kind: *kind, spec: Box::new(pooled(spec, layout)) }, layout.to_vec()))
        }
        Op::Windows(spec) => {
            let spec = windowed(spec, &places)?;
            let result = layout.iter().copied().chain(rank..rank + spec.axes.len()).collect();
            Some((Op::Windows(Box::new(spec)), result))
        }
        Op::OverlapAdd { spec, shape } => {
            let (result, positions) = layout.split_at_checked(shape.rank())?;
            let in_order = positions.iter().copied().eq(shape.rank()..rank);
            let spec = Box::new(in_order.then(|| windowed(spec, &places)).flatten()?);
            let shape = Box::new(Shape::new(&picked(&shape.extents(), result)).ok()?);
            Some((Op::OverlapAdd { spec, shape }, result.to_vec()))
        }
        Op::Reduce { kind, axes } => {
            let mut folded = picked(&places, axes);
            folded.sort_unstable();
            let kept: Vec<usize> = (0..rank).filter(|axis| !axes.contains(axis)).collect();
            let number = |axis: &usize| kept.iter().position(|found| found == axis);
            Some((Op::Reduce { kind: *kind, axes: folded.into() }, layout.iter().filter_map(number).collect()))
        }
        Op::Broadcast(spec) => {
            let result = repeated(spec, layout);
            let shape = Shape::new(&picked(&spec.shape.extents(), &result)).ok()?;
            Some((Op::Broadcast(Box::new(BroadcastSpec { shape, dims: spec.dims.clone() })), result))
        }
        Op::Constant(_)
        | Op::Iota { .. }
        | Op::Barrier
        | Op::Reshape(_)
        | Op::Transpose(_)
        | Op::Reverse(_)
        | Op::Slice(_)
        | Op::Concatenate { .. }
        | Op::DynamicSlice(_)
        | Op::DynamicUpdateSlice
        | Op::Gather(_)
        | Op::Scatter { .. }
        | Op::Dot(_)
        | Op::Conv(_)
        | Op::ArgReduce { .. }
        | Op::Cumulative { .. }
        | Op::Sort { .. }
        | Op::TopK { .. }
        | Op::RandomBits(_)
        | Op::Cholesky
        | Op::TriangularSolve { .. }
        | Op::Call(_)
        | Op::Scan(_)
        | Op::While(_)
        | Op::Cond
        | Op::Switch
        | Op::CustomDerivative(_)
        | Op::TransposeRule { .. }
        | Op::Checkpoint => None,
    }
}

/// The entries of a list with one for each axis, in the order of a layout.
fn by_layout<T: Copy>(list: &[T], layout: &[usize]) -> Box<[T]> {
    layout.iter().filter_map(|&axis| list.get(axis).copied()).collect()
}

fn pooled(spec: &PoolSpec, layout: &[usize]) -> PoolSpec {
    PoolSpec {
        size: by_layout(&spec.size, layout),
        stride: by_layout(&spec.stride, layout),
        low: by_layout(&spec.low, layout),
        high: by_layout(&spec.high, layout),
        base_dilation: by_layout(&spec.base_dilation, layout),
        dilation: by_layout(&spec.dilation, layout),
    }
}

/// Windows along axes that are at these places, if their order stays.
fn windowed(spec: &WindowSpec, places: &[usize]) -> Option<WindowSpec> {
    let axes = picked(places, &spec.axes);
    is_increasing(&axes).then(|| WindowSpec { axes: axes.into(), ..spec.clone() })
}

/// The layout of what repeats a value that has a layout: its axes go where they were, in the order of the layout, and the others stay.
fn repeated(spec: &BroadcastSpec, layout: &[usize]) -> Layout {
    let mut result: Layout = (0..spec.shape.rank()).collect();
    for (&place, &axis) in spec.dims.iter().zip(layout) {
        result[place] = spec.dims[axis];
    }
    result
}
