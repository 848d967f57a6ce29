//! Batching: a function applied to many operands at once, as one function.
//!
//! Inside, a value either has the batch as its axis 0 or is the same for the whole batch; what is the same is computed once. One rule per operation says what
//! becomes of it if some operand is batched: most take one more axis along. The rules are by subject:
//!
//! * `shape.rs`: elementwise operations, views, reductions and products;
//! * `indexing.rs`: dynamic slices, gather, scatter; a batched index makes a gather of a slice;
//! * `windows.rs`: windows, pooling, convolution (the batch joins the convolution's batch, its output features or its groups);
//! * `control.rs`: loops and branches; a batched condition makes a branch a `select`, and a `while` run until all are done.
//!
//! Where nothing better is known the operation runs in a `scan` over the batch ([`by_scan`]).
//!
//! Batching is a pass from tensor IR to tensor IR: differentiate before or after.

mod control;
mod indexing;
mod shape;
mod windows;

use std::sync::Arc;

use cranelift_entity::EntitySet;
use pullback_ir::rewrite::{ValueMap, copy_inst, copy_params};
use pullback_ir::{
    Axes, Builder, Checkpointing, FuncId, Function, Inst, Module, Op, ScanSpec, Shape, Type, Value, Verified,
};

use crate::compose::{inlined, subject};
use crate::error::Error;

/// A function over a batch: `@f_vmap` takes each parameter with one more axis at the position that `in_axes` says (`None`: without), and returns each
/// result with the batch at the position that `out_axes` says.
///
/// A result that does not depend on a batched parameter is repeated.
///
/// # Errors
/// If `func` is not in the module, the lists do not have one entry per parameter and per result, no parameter is batched, or an axis does not exist.
pub fn vmap(
    module: &Verified<Module>,
    func: FuncId,
    size: usize,
    in_axes: &[Option<usize>],
    out_axes: &[usize],
) -> Result<Function, Error> {
    let function = subject(module, func)?;
    check(function, size, in_axes, out_axes)?;
    let source = inlined(module, func)?;
    let b = Builder::new(module, &format!("{}_vmap", source.name));
    let mut args = Vec::with_capacity(in_axes.len());
    for (position, (&param, axis)) in source.params().iter().zip(in_axes).enumerate() {
        let name = source.value_name(param).map_or_else(|| format!("arg{position}"), |name| name.to_string());
        let ty = source.ty(param);
        let value = match axis {
            None => b.param(&name, ty.clone()),
            Some(axis) => {
                let value = b.param(&name, with_axis(ty, *axis, size).map_err(|message| bad(function, message))?);
                move_axis(&b, value, *axis, 0)
            }
        };
        args.push(value);
    }
    let results = if size == 0 {
        // Nothing is computed for no element. Rules could not: a window of one element, for one, has no place in a batch of none.
        source.results().iter().map(|&result| empty(&b, source.ty(result))).collect()
    } else {
        let batched: Vec<bool> = in_axes.iter().map(Option::is_some).collect();
        let inner = batch(module, &source, size, &batched, Outputs::All)?;
        crate::control::inline(&b, &inner.function, &args)
    };
    let results: Vec<Value> =
        results.iter().zip(out_axes).map(|(&result, &axis)| move_axis(&b, result, 0, axis)).collect();
    b.finish(&results).map_err(|error| Error::build("vmap", error))
}

/// The tensors of a type over a batch of none.
fn empty(b: &Builder<'_>, ty: &Type) -> Value {
    match with_axis(ty, 0, 0) {
        Ok(ty) => b.splat(&ty, 0.0),
        Err(message) => b.fail("vmap", message),
    }
}

fn bad(function: &Function, message: String) -> Error {
    Error::Batch { function: function.name.clone(), message }
}

fn check(function: &Function, size: usize, in_axes: &[Option<usize>], out_axes: &[usize]) -> Result<(), Error> {
    let fail = |message: String| Err(bad(function, message));
    if in_axes.len() != function.params().len() || out_axes.len() != function.results().len() {
        return fail(format!(
            "{} in-axes and {} out-axes, expected {} and {}",
            in_axes.len(),
            out_axes.len(),
            function.params().len(),
            function.results().len()
        ));
    }
    if in_axes.iter().all(Option::is_none) {
        return fail("no parameter is batched, expected at least one".into());
    }
    let beyond = |axis: usize, ty: &Type| axis > ty.rank();
    let params = in_axes.iter().zip(function.param_types()).filter_map(|(axis, ty)| axis.map(|axis| (axis, ty)));
    if let Some((axis, ty)) = params.into_iter().find(|(axis, ty)| beyond(*axis, ty)) {
        return fail(format!("in-axis {axis} of a batch of {ty}, expected at most {}", ty.rank()));
    }
    if let Some((axis, ty)) = out_axes.iter().zip(function.result_types()).find(|(axis, ty)| beyond(**axis, ty)) {
        return fail(format!("out-axis {axis} of a batch of {ty}, expected at most {}", ty.rank()));
    }
    for ty in function.param_types().chain(function.result_types()) {
        with_axis(ty, 0, size).map_err(|message| bad(function, message))?;
    }
    Ok(())
}

/// Which results of a batched function shall have the batch axis.
#[derive(Clone, Copy)]
pub(crate) enum Outputs<'a> {
    /// Those that depend on batched parameters.
    AsNeeded,
    /// All.
    All,
    /// These, and those that depend on batched parameters.
    AtLeast(&'a [bool]),
}

/// A function over a batch.
pub(crate) struct Batched {
    pub(crate) function: Function,
    /// Which results have the batch as axis 0.
    pub(crate) results: Vec<bool>,
}

/// `source`, which has no calls, over a batch of `size`, which is not 0: the parameters in `batched` have it as axis 0.
pub(crate) fn batch(
    module: &Module,
    source: &Function,
    size: usize,
    batched: &[bool],
    outputs: Outputs<'_>,
) -> Result<Batched, Error> {
    let b = Builder::new(module, &source.name);
    let mut batch = Batch { b: &b, source, size, map: ValueMap::new(), batched: EntitySet::new() };
    batch.params(batched)?;
    for &inst in source.insts() {
        batch.inst(inst)?;
    }
    let mut results = Vec::with_capacity(source.results().len());
    let mut flags = Vec::with_capacity(source.results().len());
    for (position, &result) in source.results().iter().enumerate() {
        let wanted = match outputs {
            Outputs::AsNeeded => false,
            Outputs::All => true,
            Outputs::AtLeast(flags) => flags[position],
        };
        let flag = wanted || batch.batched.contains(result);
        let value = batch.map.expect(&b, result);
        results.push(if flag { batch.lift(value, batch.batched.contains(result)) } else { value });
        flags.push(flag);
    }
    let function = b.finish(&results).map_err(|error| Error::build("vmap", error))?;
    Ok(Batched { function, results: flags })
}

/// An operand as it became.
#[derive(Clone, Copy)]
struct Operand {
    value: Value,
    batched: bool,
}

/// The state of batching one function.
struct Batch<'a, 'm> {
    b: &'a Builder<'m>,
    source: &'a Function,
    size: usize,
    map: ValueMap,
    /// The values of the source that have the batch axis.
    batched: EntitySet<Value>,
}

impl Batch<'_, '_> {
    fn params(&mut self, batched: &[bool]) -> Result<(), Error> {
        if !batched.contains(&true) {
            copy_params(self.b, self.source, &mut self.map);
            return Ok(());
        }
        for (position, (&param, &batched)) in self.source.params().iter().zip(batched).enumerate() {
            let name: Arc<str> =
                self.source.value_name(param).cloned().unwrap_or_else(|| format!("arg{position}").into());
            let ty = self.source.ty(param);
            let ty = if batched { with_axis(ty, 0, self.size).map_err(|m| bad(self.source, m))? } else { ty.clone() };
            self.map.insert(param, self.b.param(&name, ty));
            if batched {
                self.batched.insert(param);
            }
        }
        Ok(())
    }

    fn inst(&mut self, inst: Inst) -> Result<(), Error> {
        let source = self.source;
        let args = source.args(inst);
        if !args.iter().any(|&arg| self.batched.contains(arg)) {
            copy_inst(self.b, source, inst, &mut self.map);
            return Ok(());
        }
        for &value in args.iter().chain(source.inst_results(inst)) {
            with_axis(source.ty(value), 0, self.size).map_err(|message| {
                let ty = source.ty(value);
                bad(
                    source,
                    format!("{}: {} elements of type {ty} as one: {message}", source.op(inst).name(), self.size),
                )
            })?;
        }
        self.b.set_provenance(source.provenance(inst).clone());
        let operands: Vec<Operand> = args
            .iter()
            .map(|&arg| Operand { value: self.map.expect(self.b, arg), batched: self.batched.contains(arg) })
            .collect();
        let results = self.rule(inst, source.op(inst), &operands)?;
        if self.b.has_failed() {
            let rule = format!("vmap of {}", source.op(inst).name());
            let origin = source.provenance(inst).origin.clone();
            return Err(Error::Bug { rule, message: "it built an instruction that does not infer".into(), origin });
        }
        for (&old, new) in source.inst_results(inst).iter().zip(results) {
            if let Some(name) = source.value_name(old) {
                self.b.name(new.value, name);
            }
            self.map.insert(old, new.value);
            if new.batched {
                self.batched.insert(old);
            }
        }
        Ok(())
    }

    /// The results of an operation some of whose operands are batched.
    fn rule(&self, inst: Inst, op: &Op, args: &[Operand]) -> Result<Vec<Operand>, Error> {
        let one = |value: Value| Ok(vec![Operand { value, batched: true }]);
        match op {
            Op::Unary(_)
            | Op::Binary(_)
            | Op::Compare(_)
            | Op::IsFinite
            | Op::Select
            | Op::Clamp
            | Op::Convert(_)
            | Op::Bitcast(_) => one(self.b.emit(op.clone(), &self.lift_all(args))),
            Op::Broadcast(spec) => one(shape::broadcast(self, spec, args)),
            Op::Reshape(shape) => one(self.b.reshape(args[0].value, &self.with_batch(shape))),
            Op::Transpose(perm) => one(self.b.transpose(args[0].value, keep_first(perm))),
            Op::Reverse(axes) => one(self.b.reverse(args[0].value, up(axes))),
            Op::Slice(spec) => one(shape::slice(self, spec, args)),
            Op::Pad(spec) => one(shape::pad(self, spec, args)),
            Op::Concatenate { axis } => one(self.b.concatenate(&self.lift_all(args), axis + 1)),
            Op::Reduce { kind, axes } => one(self.b.reduce(*kind, args[0].value, up(axes))),
            Op::Dot(dims) => one(shape::dot(self, dims, args)),
            Op::Barrier => Ok(self
                .b
                .barrier(&args.iter().map(|arg| arg.value).collect::<Vec<_>>())
                .into_iter()
                .zip(args)
                .map(|(value, arg)| Operand { value, batched: arg.batched })
                .collect()),
            Op::ArgReduce { kind, axis, dtype } => one(self.b.arg_reduce(*kind, args[0].value, axis + 1, *dtype)),
            Op::Cumulative { kind, axis, reverse } => one(self.b.cumulative(*kind, args[0].value, axis + 1, *reverse)),
            Op::DynamicSlice(shape) => one(indexing::dynamic_slice(self, shape, args)),
            Op::DynamicUpdateSlice => one(indexing::dynamic_update_slice(self, args)),
            Op::Gather(spec) => one(indexing::gather(self, spec, args)),
            Op::Scatter { kind, dims } => one(indexing::scatter(self, *kind, dims, args)),
            Op::Windows(_)
            | Op::OverlapAdd { .. }
            | Op::ReduceWindow { .. }
            | Op::SelectAndScatter { .. }
            | Op::Conv(_) => windows::rule(self, inst, op, args),
            Op::Sort { axis, keys, descending } => {
                Ok(all_batched(self.b.sort(&self.lift_all(args), axis + 1, *keys, *descending)))
            }
            Op::TopK { k } => Ok(all_batched(self.b.top_k(args[0].value, *k))),
            Op::Cholesky | Op::TriangularSolve { .. } => one(self.b.emit(op.clone(), &self.lift_all(args))),
            Op::RandomBits(_) => by_scan(self, inst, args),
            Op::Scan(_)
            | Op::While(_)
            | Op::Cond
            | Op::Switch
            | Op::CustomDerivative(_)
            | Op::TransposeRule { .. }
            | Op::Checkpoint => control::rule(self, inst, op, args),
            // Without operands, or inlined before.
            Op::Constant(_) | Op::Iota { .. } | Op::Call(_) => {
                Err(bad(self.source, format!("{} is not batched", op.name())))
            }
        }
    }

    /// A value with the batch axis: repeated if it has none.
    fn lift(&self, value: Value, batched: bool) -> Value {
        if batched {
            return value;
        }
        let shape = self.with_batch(&self.b.shape(value));
        let rank = shape.rank();
        self.b.broadcast(value, &shape, (1..rank).collect::<Axes>())
    }

    fn lift_all(&self, args: &[Operand]) -> Vec<Value> {
        args.iter().map(|arg| self.lift(arg.value, arg.batched)).collect()
    }

    /// A shape with the batch as axis 0.
    fn with_batch(&self, shape: &Shape) -> Shape {
        let mut extents = vec![self.size];
        extents.extend(shape.extents());
        Shape::new(&extents).unwrap_or_else(|error| {
            self.b.fail("vmap", error.to_string());
            shape.clone()
        })
    }

    /// The shape of an operand without its batch axis.
    fn shape_of(&self, arg: Operand) -> Vec<usize> {
        let extents = self.b.shape(arg.value).extents();
        extents[usize::from(arg.batched)..].to_vec()
    }
}

fn all_batched(values: Vec<Value>) -> Vec<Operand> {
    values.into_iter().map(|value| Operand { value, batched: true }).collect()
}

/// Axes one further up.
fn up(axes: &[usize]) -> Axes {
    axes.iter().map(|axis| axis + 1).collect()
}

/// A permutation that leaves the batch where it is.
fn keep_first(perm: &[usize]) -> Axes {
    std::iter::once(0).chain(perm.iter().map(|axis| axis + 1)).collect()
}

/// A list with one more entry at the front.
fn prepend<T: Copy>(first: T, rest: &[T]) -> Box<[T]> {
    std::iter::once(first).chain(rest.iter().copied()).collect()
}

/// The type with an axis of this extent at a position.
fn with_axis(ty: &Type, axis: usize, size: usize) -> Result<Type, String> {
    let mut extents = ty.shape.extents();
    extents.insert(axis.min(extents.len()), size);
    Type::new(ty.dtype, &extents).map_err(|error| error.to_string())
}

/// Axis `from` moved to position `to`, the others in order.
fn move_axis(b: &Builder<'_>, value: Value, from: usize, to: usize) -> Value {
    let mut perm: Vec<usize> = (0..b.shape(value).rank()).filter(|&axis| axis != from).collect();
    perm.insert(to.min(perm.len()), from);
    b.transpose(value, perm)
}

/// The instruction applied to one element of the batch after the other.
fn by_scan(batch: &Batch<'_, '_>, inst: Inst, args: &[Operand]) -> Result<Vec<Operand>, Error> {
    let (source, b) = (batch.source, batch.b);
    let inner = Builder::new(b.module(), "each");
    inner.set_provenance(source.provenance(inst).clone());
    let fixed = args.iter().filter(|arg| !arg.batched).count();
    let (mut order, mut values) = (Vec::new(), Vec::new());
    for batched in [false, true] {
        for (position, arg) in args.iter().enumerate().filter(|(_, arg)| arg.batched == batched) {
            order.push((position, inner.param("x", source.ty(source.args(inst)[position]).clone())));
            values.push(arg.value);
        }
    }
    order.sort_unstable_by_key(|pair| pair.0);
    let params: Vec<Value> = order.iter().map(|pair| pair.1).collect();
    let results = inner.emit_structured(source.op(inst).clone(), &params, &source.region_functions(inst));
    let body = inner.finish(&results).map_err(|error| Error::build("vmap", error))?;
    let spec =
        ScanSpec { length: batch.size, consts: fixed, carry: 0, reverse: false, checkpoint: Checkpointing::Store };
    Ok(all_batched(b.scan(spec, &values, body)))
}
