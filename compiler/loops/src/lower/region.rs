//! Loops over a region's positions.
//!
//! A region stores one or more [`Target`]s: a value, evaluated at each position of a box, goes to an affine place of a
//! buffer. An ordinary region has one box, its domain; a concatenation has one per operand, a padding one for the fill and one for the operand.

use cranelift_entity::EntitySet;
use pullback_ir::{Function, Op, PadSpec, Value};
use pullback_optimize::fuse::{FusionRegion, Plan, RegionKind};

use super::buffers::{Buffers, Copy};
use super::bug;
use super::eval::Eval;
use super::nest::{Log, Nest, Position};
use super::reduce::{ReduceSchedules, Seen};
use crate::error::Error;
use crate::program::{Affine, Buffer, Index, Program, Stmt};
use crate::schedule::{
    Accesses, DomainSchedule, Group, elementwise_unroll, lanes_of_types, reduce_schedule, vectors_pay,
};

/// A value stored over a box of positions.
struct Target {
    value: Value,
    /// What is added to a position of the box to get the value's; `None` for a scalar, which goes everywhere.
    shift: Option<Vec<i64>>,
    buffer: Buffer,
    /// Where position 0 goes, and how far each axis moves.
    offset: i64,
    strides: Vec<i64>,
}

/// Extents, and what is stored over them.
type PositionBox = (Vec<usize>, Vec<Target>);

/// The statements of a region's kernel.
pub(super) fn lower(
    function: &Function,
    plan: &Plan,
    buffers: &Buffers,
    region: &FusionRegion,
    program: &mut Program,
) -> Result<Vec<Stmt>, Error> {
    let mut own = EntitySet::new();
    for &inst in &region.members {
        for &value in function.inst_results(inst).iter().filter(|&&value| plan.stored.contains(value)) {
            own.insert(value);
        }
    }
    let lowering = Lowering { function, buffers, own };
    let mut stmts = Vec::new();
    for (extents, targets) in lowering.boxes(region)? {
        if !extents.contains(&0) {
            stmts.extend(lowering.emit(&extents, &targets, program)?);
        }
    }
    Ok(stmts)
}

/// The statements that copy a buffer.
pub(super) fn copy(copy: &Copy, program: &mut Program) -> Vec<Stmt> {
    if copy.elements == 0 {
        return Vec::new();
    }
    let dtype = program.buffers[copy.from].dtype;
    let lanes = usize::from(lanes_of_types(std::iter::once(dtype)));
    let mut nest = Nest::new(program);
    let mut done = 0;
    for step in [lanes, 1] {
        let extent = (copy.elements - done) / step * step;
        if extent > 0 {
            let (index, _) = nest.open(extent, step, &[]);
            nest.vector = (step > 1).then_some((index, step as u8));
            let at = Affine::counter(index).plus_constant(done as i64);
            let value = nest.load(dtype, copy.from, at.clone());
            nest.store(copy.to, at, value);
            nest.close(&[]);
            nest.vector = None;
            done += extent;
        }
    }
    nest.finish(program)
}

/// Where an operand's positions along one axis land when padded.
struct Landing {
    /// The first position that is not cut off.
    first: i64,
    /// How many from there on.
    count: usize,
    /// Where the first lands.
    start: i64,
    /// How far apart they land; 0 for at most one position, whose distances may be beyond any buffer.
    step: i64,
}

impl Landing {
    fn new(spec: &PadSpec, axis: usize, operand: usize, result: usize) -> Self {
        let (low, step) = (i128::from(spec.low[axis]), spec.interior[axis] as i128 + 1);
        let first = if low < 0 { (-low + step - 1) / step } else { 0 };
        let room = result as i128 - 1 - low;
        let end = if room < 0 { 0 } else { (room / step + 1).min(operand as i128) };
        if end <= first {
            return Self { first: 0, count: 0, start: 0, step: 0 };
        }
        // Positions inside a buffer, so these fit.
        let step = if end - first == 1 { 0 } else { step };
        Self {
            first: first as i64,
            count: (end - first) as usize,
            start: (low + first * (spec.interior[axis] as i128 + 1)) as i64,
            step: step as i64,
        }
    }
}

struct Lowering<'a> {
    function: &'a Function,
    buffers: &'a Buffers,
    own: EntitySet<Value>,
}

impl<'a> Lowering<'a> {
    /// The boxes of a region: extents and what is stored over them.
    fn boxes(&self, region: &FusionRegion) -> Result<Vec<PositionBox>, Error> {
        let extents = region.domain.extents();
        let whole = vec![0; extents.len()];
        let inst = match region.kind {
            RegionKind::Loop => {
                let targets =
                    region.outputs.iter().map(|&value| self.target(value, value, Some(whole.clone()), &whole));
                return Ok(vec![(extents, targets.collect::<Result<_, _>>()?)]);
            }
            RegionKind::Assemble(inst) | RegionKind::Contraction(inst) => inst,
        };
        let &[result] = self.function.inst_results(inst) else {
            return Err(bug(self.function, inst, "expected one result"));
        };
        match (self.function.op(inst), self.function.args(inst)) {
            (Op::Concatenate { axis }, parts) => {
                let mut boxes = Vec::new();
                let mut start = whole.clone();
                for &part in parts {
                    let extents = self.function.ty(part).shape.extents();
                    boxes.push((extents.clone(), vec![self.target(part, result, Some(whole.clone()), &start)?]));
                    start[*axis] += extents[*axis] as i64;
                }
                Ok(boxes)
            }
            (Op::Pad(spec), &[operand, fill]) => {
                let mut boxes = vec![(extents.clone(), vec![self.target(fill, result, None, &whole)?])];
                let operand_extents = self.function.ty(operand).shape.extents();
                let landing: Vec<Landing> = (0..extents.len())
                    .map(|axis| Landing::new(spec, axis, operand_extents[axis], extents[axis]))
                    .collect();
                let first = landing.iter().map(|axis| axis.first).collect();
                let start: Vec<i64> = landing.iter().map(|axis| axis.start).collect();
                let mut target = self.target(operand, result, Some(first), &start)?;
                for (stride, axis) in target.strides.iter_mut().zip(&landing) {
                    *stride *= axis.step;
                }
                let kept = landing.iter().map(|axis| axis.count).collect();
                boxes.push((kept, vec![target]));
                Ok(boxes)
            }
            (_, _) => Err(bug(self.function, inst, "does not assemble parts")),
        }
    }

    /// `value`, shifted, into the buffer of `result` from position `start` on.
    fn target(&self, value: Value, result: Value, shift: Option<Vec<i64>>, start: &[i64]) -> Result<Target, Error> {
        let missing = || Error::Bug { stage: "lower", message: format!("{result} has no buffer") };
        let buffer = self.buffers.get(result).ok_or_else(missing)?;
        let strides: Vec<i64> = self.function.ty(result).shape.strides().into_iter().map(|s| s as i64).collect();
        let offset = strides.iter().zip(start).map(|(stride, start)| stride * start).sum();
        Ok(Target { value, shift, buffer, offset, strides })
    }

    fn eval(&self, nest: Nest, schedules: ReduceSchedules) -> Eval<'a> {
        Eval { function: self.function, buffers: self.buffers, own: self.own.clone(), nest, schedules }
    }

    /// The loops over one box.
    fn emit(&self, extents: &[usize], targets: &[Target], program: &mut Program) -> Result<Vec<Stmt>, Error> {
        let (schedule, schedules) = self.plan(extents, targets, program)?;
        let mut eval = self.eval(Nest::new(program), schedules);
        let position = Position::from_elem(Affine::default(), extents.len());
        emit_level(&mut eval, &schedule, 0, position, targets)?;
        Ok(eval.nest.finish(program))
    }

    /// Evaluates once on paper and chooses how to run it.
    fn plan(
        &self,
        extents: &[usize],
        targets: &[Target],
        program: &Program,
    ) -> Result<(DomainSchedule, ReduceSchedules), Error> {
        let mut eval = self.eval(Nest::new(program), ReduceSchedules::default());
        let mut position = Position::new();
        let mut counters = Vec::new();
        for &extent in extents {
            let index = (extent != 1).then(|| eval.nest.open(extent, 1, &[]).0);
            position.push(index.map(Affine::counter).unwrap_or_default());
            counters.push(index);
        }
        store_all(&mut eval, targets, &position)?;
        Ok(choose(extents, &counters, &eval.nest.log, &eval.schedules.seen))
    }
}

fn strides_along(accesses: &[Affine], extents: &[usize], counters: &[Option<Index>]) -> Accesses {
    let along = |access: &Affine| {
        counters.iter().map(|counter| counter.map_or(0, |index| access.coefficient(index))).collect::<Vec<_>>()
    };
    Accesses { extents: extents.to_vec(), strides: accesses.iter().map(along).collect() }
}

/// The schedule of a region from what an evaluation on paper touched.
fn choose(
    extents: &[usize],
    counters: &[Option<Index>],
    log: &Log,
    seen: &[Seen],
) -> (DomainSchedule, ReduceSchedules) {
    let domain = strides_along(&log.accesses, extents, counters);
    let groups = domain.collapse();
    let outer: usize = groups.len().saturating_sub(1);
    // Loops are opened for axes that are not of extent 1, in order: the depth of the innermost group's first axis.
    let first_axis = outer.checked_sub(1).map_or(0, |before| groups[before].last_axis + 1);
    let depth = 1 + extents[..first_axis].iter().filter(|&&extent| extent != 1).count();
    let inside = log.assigned.iter().filter(|entry| entry.1 >= depth);
    let weight: u32 = inside.clone().map(|entry| entry.2).sum();
    let mut lanes = lanes_of_types(inside.map(|entry| entry.0));
    let innermost = groups.last().copied();

    let mut schedules = ReduceSchedules::default();
    for reduction in seen {
        let touched = &log.accesses[reduction.accesses.clone()];
        let folded = strides_along(touched, &reduction.extents, &reduction.counters);
        let fold_groups = folded.collapse();
        let fold_depth = reduction.depth + 1;
        let assigned = log.assigned[reduction.assigned.clone()].iter().filter(|entry| entry.1 >= fold_depth);
        let row_lanes = lanes_of_types(assigned.map(|entry| entry.0));
        let by_rows = |group: Group| folded.gathers(group.last_axis);
        let row_gathers = fold_groups.last().map_or(usize::MAX, |&group| by_rows(group));
        if let Some(kept) = innermost {
            let moved = strides_along(touched, extents, counters);
            let column_gathers = moved.gathers(kept.last_axis);
            let depends = moved.strides.iter().any(|strides| strides[kept.last_axis] != 0);
            if depends && (row_gathers < column_gathers || kept.extent < usize::from(lanes)) {
                lanes = 1;
            }
        }
        let rows_pay = fold_groups.last().is_some_and(|group| vectors_pay(&folded, group.last_axis, 0));
        let schedule = reduce_schedule(fold_groups, if rows_pay { row_lanes } else { 1 });
        schedules.chosen.insert(reduction.inst, schedule);
    }
    if let Some(group) = innermost
        && (group.extent < usize::from(lanes) || !vectors_pay(&domain, group.last_axis, weight))
    {
        lanes = 1;
    }
    let unroll = if seen.is_empty() { innermost.map_or(1, |g| elementwise_unroll(g.extent, lanes, weight)) } else { 1 };
    (DomainSchedule { groups, lanes, unroll }, schedules)
}

fn emit_level(
    eval: &mut Eval<'_>,
    s: &DomainSchedule,
    level: usize,
    position: Position,
    targets: &[Target],
) -> Result<(), Error> {
    let Some(&Group { last_axis, extent }) = s.groups.get(level) else {
        return store_all(eval, targets, &position);
    };
    if level + 1 < s.groups.len() {
        let (index, _) = eval.nest.open(extent, 1, &[]);
        let mut inner = position;
        inner[last_axis] = Affine::counter(index);
        emit_level(eval, s, level + 1, inner, targets)?;
        eval.nest.close(&[]);
        return Ok(());
    }
    let mut done = 0;
    for (copies, lanes) in [(s.unroll, s.lanes), (1, s.lanes), (1, 1)] {
        let step = copies * usize::from(lanes);
        let span = (extent - done) / step * step;
        if span == 0 {
            continue;
        }
        let (index, _) = eval.nest.open(span, step, &[]);
        eval.nest.vector = (lanes > 1).then_some((index, lanes));
        for copy in 0..copies {
            let mut position = position.clone();
            position[last_axis] = Affine::counter(index).plus_constant((done + copy * usize::from(lanes)) as i64);
            store_all(eval, targets, &position)?;
        }
        eval.nest.vector = None;
        eval.nest.close(&[]);
        done += span;
    }
    Ok(())
}

/// Evaluates and stores every target at a position of the box.
fn store_all(eval: &mut Eval<'_>, targets: &[Target], position: &Position) -> Result<(), Error> {
    for target in targets {
        let at: Position = match &target.shift {
            Some(shift) => position.iter().zip(shift).map(|(axis, &by)| axis.plus_constant(by)).collect(),
            None => Position::new(),
        };
        let value = eval.eval(target.value, &at)?;
        let axes = target.strides.iter().zip(position);
        let index = axes.fold(Affine::constant(target.offset), |sum, (&stride, axis)| sum.plus(axis, stride));
        eval.nest.store(target.buffer, index, value);
    }
    Ok(())
}
