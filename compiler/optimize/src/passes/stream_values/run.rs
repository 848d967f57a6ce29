//! One run over the blocks: what it computes, and the loop that does so.

use std::collections::{BTreeMap, BTreeSet};

use cranelift_entity::EntitySet;
use pullback_interp::scalar::identity;
use pullback_ir::op::{Checkpointing, ScanSpec};
use pullback_ir::{Builder, Elements, Function, Inst, Literal, Scalar, Shape, Type, Value};

use super::block::Block;
use super::cluster::Cluster;
use super::schedule::{Form, Schedule};
use super::softmax::Numerator;
use super::ways::Outcome;

/// A cluster and its schedule.
#[derive(Clone, Copy)]
pub(super) struct Streamed<'a> {
    pub(super) function: &'a Function,
    pub(super) cluster: &'a Cluster,
    pub(super) schedule: &'a Schedule,
}

/// What one run computes.
pub(super) struct Run {
    /// The instructions, in order.
    pub(super) insts: Vec<Inst>,
    /// What is read a block at a time, with the axis, and what is read as a whole.
    slices: BTreeSet<(Value, usize)>,
    wholes: BTreeSet<Value>,
    /// Numerators that are taken with the maximum found so far.
    pub(super) numerators: BTreeMap<Value, Numerator>,
}

impl Run {
    pub(super) fn of(streamed: Streamed<'_>, number: usize) -> Self {
        let Streamed { function, cluster, schedule } = streamed;
        let mut run =
            Self { insts: Vec::new(), slices: BTreeSet::new(), wholes: BTreeSet::new(), numerators: BTreeMap::new() };
        let mut needed: EntitySet<Value> = EntitySet::new();
        for &inst in function.insts().iter().rev() {
            let Some(way) = &cluster.ways[inst] else { continue };
            let is_exit = cluster.exits.contains(inst);
            let mut reads: Vec<(Value, Option<usize>)> =
                function.args(inst).iter().copied().zip(way.operands.iter().copied()).collect();
            if is_exit {
                if schedule.run[inst] != Some(number) {
                    continue;
                }
                if let Some(Form::Linear(linear)) = schedule.forms.get(&inst) {
                    reads.remove(linear.operand);
                    let along = cluster.axis[linear.numerator];
                    reads.extend(linear.factors.cores.iter().map(|&core| (core, along)));
                    run.numerators.insert(linear.numerator, linear.parts.clone());
                }
            } else {
                let Some(&result) = function.inst_results(inst).iter().find(|&&result| needed.contains(result)) else {
                    continue;
                };
                if let Some(numerator) = run.numerators.get(&result) {
                    reads = vec![(numerator.t, cluster.axis[result])];
                }
            }
            for (value, along) in reads {
                match along {
                    None => _ = run.wholes.insert(value),
                    Some(_) if cluster.axis[value] == along => _ = needed.insert(value),
                    Some(axis) => _ = run.slices.insert((value, axis)),
                }
            }
            run.insts.push(inst);
        }
        run.insts.reverse();
        run
    }

    /// The exits whose totals the run carries from block to block, and those whose blocks are put one behind the other.
    fn exits(&self, cluster: &Cluster) -> (Vec<Inst>, Vec<Inst>) {
        let exits = self.insts.iter().copied().filter(|&inst| cluster.exits.contains(inst));
        let folds =
            |inst: &Inst| cluster.ways[*inst].as_ref().is_some_and(|way| matches!(way.result, Outcome::Folded(_)));
        exits.partition(folds)
    }

    /// Emits the run; returns for each of its exits the total without the factors that do not vary, or all blocks. `outer` says what whole values became.
    pub(super) fn emit(
        &self,
        streamed: Streamed<'_>,
        b: &Builder<'_>,
        size: usize,
        outer: &dyn Fn(Value) -> Value,
    ) -> BTreeMap<Inst, Value> {
        let cluster = streamed.cluster;
        let (length, tail) = (cluster.extent / size, cluster.extent % size);
        let (carried, stacked) = self.exits(cluster);
        let wholes: Vec<Value> = self.wholes.iter().map(|&value| outer(value)).collect();
        let initial = carried.iter().map(|&inst| before_all(b, streamed, inst));
        let mut args: Vec<Value> = wholes.iter().copied().chain(initial).collect();
        let starts: Vec<i32> = (0..length).map(|block| (block * size) as i32).collect();
        args.push(vector(b, starts));
        args.extend(self.slices.iter().map(|&(value, axis)| in_blocks(b, outer(value), axis, (length, size))));
        let spec = ScanSpec {
            length,
            consts: wholes.len(),
            carry: carried.len(),
            reverse: false,
            checkpoint: Checkpointing::Store,
        };
        let body = self.body(streamed, b, (&args, wholes.len() + carried.len()), size);
        let results = b.scan(spec, &args, body);
        let mut totals: BTreeMap<Inst, Value> = carried.iter().copied().zip(results.iter().copied()).collect();
        let blocks = results.iter().skip(carried.len());
        let mut whole: BTreeMap<Inst, Value> = stacked
            .iter()
            .zip(blocks)
            .map(|(&inst, &blocks)| (inst, side_by_side(b, blocks, result_axis(cluster, inst))))
            .collect();
        if tail > 0 {
            let mut block = Block::new(self, streamed, b, tail);
            let start = length * size;
            block.start = Some(b.constant(Literal::splat(Scalar::I32(start as i32), Shape::scalar())));
            block.wholes = self.wholes.iter().copied().zip(wholes).collect();
            for &(value, axis) in &self.slices {
                block.slices.insert((value, axis), b.slice_axis(outer(value), axis, start, cluster.extent));
            }
            block.totals = totals;
            block.emit();
            totals = block.totals;
            for (inst, whole) in &mut whole {
                let last = block.blocks.get(inst).copied();
                let last = last.unwrap_or_else(|| b.fail("concatenate", "a block is missing"));
                *whole = b.concatenate(&[*whole, last], result_axis(cluster, *inst));
            }
        }
        totals.extend(whole);
        totals
    }

    /// The body of the loop, which takes operands of these types, those from `scanned` on a position at a time.
    fn body(
        &self,
        streamed: Streamed<'_>,
        b: &Builder<'_>,
        (args, scanned): (&[Value], usize),
        size: usize,
    ) -> Function {
        let function = streamed.function;
        let (carried, stacked) = self.exits(streamed.cluster);
        let element = |ty: Type| {
            let shape = Shape::new(ty.shape.extents().get(1..).unwrap_or_default()).unwrap_or(Shape::scalar());
            ty.with_shape(shape)
        };
        let name =
            |value: Value, other: &str| function.value_name(value).map_or(other.to_string(), ToString::to_string);
        let wholes = self.wholes.iter().map(|&value| name(value, "whole"));
        let total = |&inst: &Inst| function.inst_results(inst).first().map_or("total".into(), |&v| name(v, "total"));
        let totals = carried.iter().map(|inst| format!("{}_so_far", total(inst))).chain(["start".to_string()]);
        let blocks = self.slices.iter().map(|&(value, _)| format!("{}_block", name(value, "a")));
        let names: Vec<String> = wholes.chain(totals).chain(blocks).collect();
        let types = args.iter().enumerate();
        let types = types.map(|(at, &arg)| if at < scanned { b.ty(arg) } else { element(b.ty(arg)) });
        let params: Vec<(&str, Type)> = names.iter().map(String::as_str).zip(types).collect();
        b.region(&params, |b, params| {
            let mut block = Block::new(self, streamed, b, size);
            let mut params = params.iter().copied();
            block.wholes = self.wholes.iter().copied().zip(params.by_ref()).collect();
            block.totals = carried.iter().copied().zip(params.by_ref()).collect();
            block.start = params.next();
            block.slices = self.slices.iter().copied().zip(params).collect();
            block.emit();
            let totals = carried.iter().filter_map(|inst| block.totals.get(inst));
            totals.chain(stacked.iter().filter_map(|inst| block.blocks.get(inst))).copied().collect()
        })
    }
}

/// What a total is before the first block.
fn before_all(b: &Builder<'_>, streamed: Streamed<'_>, exit: Inst) -> Value {
    let Streamed { function, cluster, .. } = streamed;
    let (&[result], Some(Outcome::Folded(kind))) =
        (function.inst_results(exit), cluster.ways[exit].as_ref().map(|way| way.result))
    else {
        return b.fail("constant", "a total that combines nothing");
    };
    let ty = function.ty(result);
    match identity(kind, ty.dtype) {
        Some(element) => b.constant(Literal::splat(element, ty.shape.clone())),
        None => b.fail("constant", "a reduction without identity"),
    }
}

/// The axis of an exit's result along which its blocks lie.
fn result_axis(cluster: &Cluster, exit: Inst) -> usize {
    match cluster.ways[exit].as_ref().map(|way| way.result) {
        Some(Outcome::Axis(axis)) => axis,
        Some(Outcome::Folded(_)) | None => 0,
    }
}

fn vector(b: &Builder<'_>, elements: Vec<i32>) -> Value {
    let literal = Shape::new(&[elements.len()]).ok().and_then(|shape| Literal::dense(shape, Elements::I32(elements)));
    literal.map_or_else(|| b.fail("constant", "a vector of another length"), |literal| b.constant(literal))
}

fn reshaped(b: &Builder<'_>, x: Value, extents: &[usize]) -> Value {
    match Shape::new(extents) {
        Ok(shape) => b.reshape(x, &shape),
        Err(error) => b.fail("reshape", error.to_string()),
    }
}

/// So many blocks of so many positions along an axis, numbered by a new axis 0; what is left over is left out.
fn in_blocks(b: &Builder<'_>, x: Value, axis: usize, (length, size): (usize, usize)) -> Value {
    let x = match b.shape(x).extent(axis) {
        Some(extent) if extent > length * size => b.slice_axis(x, axis, 0, length * size),
        _ => x,
    };
    let mut extents = b.shape(x).extents();
    extents.splice(axis..=axis, [length, size]);
    let blocks = reshaped(b, x, &extents);
    let perm: Vec<usize> = [axis].into_iter().chain((0..extents.len()).filter(|&other| other != axis)).collect();
    b.transpose(blocks, perm)
}

/// The opposite of [`in_blocks`].
fn side_by_side(b: &Builder<'_>, blocks: Value, axis: usize) -> Value {
    let rank = b.shape(blocks).rank();
    let mut perm: Vec<usize> = (1..rank).collect();
    perm.insert(axis, 0);
    let turned = b.transpose(blocks, perm);
    let mut extents = b.shape(turned).extents();
    let block = extents.remove(axis + 1);
    if let Some(extent) = extents.get_mut(axis) {
        *extent *= block;
    }
    reshaped(b, turned, &extents)
}
