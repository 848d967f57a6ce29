//! Loops over a region's positions.
//!
//! A region stores one or more [`Target`]s: an element for each position of a box goes to a place of a buffer that is affine in the position, perhaps from a
//! first position on that is known at run time, perhaps combined with what is there. An ordinary region has one box, its domain; what
//! other regions have is in `assemble`.

use std::collections::BTreeMap;

use cranelift_entity::EntitySet;
use pullback_ir::{Binary, Function, Inst, Scalar, Value};
use pullback_optimize::fuse::{FusionRegion, Plan, RegionKind};

use super::buffers::{Buffers, Copy, Location};
use super::cumulate::{Along, cumulate};
use super::eval::Eval;
use super::indexing::Windows;
use super::nest::{Log, Nest, Position};
use super::reduce::{ReduceSchedules, Seen, WRITTEN_OUT};
use super::tiles::{Block, Cut, block_roots};
use super::{Session, bug};
use crate::error::Error;
use crate::program::{Affine, Expr, Index, Program, Stmt, Var};
use crate::schedule::{
    Accesses, DomainSchedule, Group, LONG_FUNCTION, Lanes, Run, chain_unroll, elementwise_unroll, folds_together,
    reduce_schedule, row_runs,
};

/// What an element is for a position of a box.
pub(super) enum Source {
    /// A value's, at the position plus this.
    Shifted(Value, Vec<i64>),
    /// A scalar value, everywhere.
    Scalar(Value),
    /// A constant, everywhere.
    Constant(Scalar),
    /// A value's in the order of positions along an axis, which are in memory with that axis last.
    Ordered { value: Value, order: Location, axis: usize },
}

/// What is stored over a box of positions, and where.
pub(super) struct Target {
    pub(super) source: Source,
    pub(super) location: Location,
    /// Where position 0 goes, and how far each axis moves.
    pub(super) offset: i64,
    pub(super) strides: Vec<i64>,
    /// If that is in windows of a tensor: these, and how far the tensor's axes move.
    pub(super) windows: Option<(Windows, Vec<i64>)>,
    /// How the element is combined with what is there, if it does not replace it.
    pub(super) combine: Option<Binary>,
}

/// Positions, and what is stored over them.
pub(super) struct PositionBox {
    pub(super) extents: Vec<usize>,
    pub(super) targets: Vec<Target>,
    /// The first position.
    pub(super) origin: Vec<Affine>,
    /// An axis, of extent 1 in the box, along which elements accumulate.
    pub(super) along: Option<Along>,
}

impl PositionBox {
    /// From position 0 on, without anything that accumulates.
    pub(super) fn new(extents: Vec<usize>, targets: Vec<Target>) -> Self {
        let origin = vec![Affine::default(); extents.len()];
        Self { extents, targets, origin, along: None }
    }

    /// Whether what is stored for a position has nothing to do with other positions, nor with how often it is stored.
    fn stands_alone(&self) -> bool {
        self.along.is_none() && self.targets.iter().all(|target| target.windows.is_none() && target.combine.is_none())
    }
}

/// A part of a region's kernel; parts run one after the other.
pub(super) enum Part {
    Box(PositionBox),
    Stmts(Vec<Stmt>),
}

/// The statements of a region's kernel.
pub(super) fn lower(
    function: &Function,
    plan: &Plan,
    buffers: &Buffers,
    region: &FusionRegion,
    block: Option<&Block<'_>>,
    session: &mut Session,
) -> Result<Vec<Stmt>, Error> {
    let Session { vector_bytes, program, buffers: names, .. } = session;
    if region.outputs.iter().all(|&value| buffers.is_kept(value)) {
        return Ok(Vec::new());
    }
    let mut own = EntitySet::new();
    for &inst in &region.members {
        for &value in function.inst_results(inst).iter().filter(|&&value| plan.stored.contains(value)) {
            own.insert(value);
        }
    }
    let folded = block.and_then(Block::folded).into_iter().flat_map(|cut| block_roots(function, plan, region, cut));
    let lowering = Lowering { function, buffers, vector_bytes: *vector_bytes, own, folded: folded.collect() };
    let parts = match region.kind {
        RegionKind::Loop => vec![lowering.domain(region, block)?],
        RegionKind::Assemble(inst) => lowering.assemble(inst, names, program)?,
        RegionKind::Contraction(inst) | RegionKind::Control(inst) => {
            return Err(bug(function, inst, "is not a region of loops"));
        }
    };
    let mut stmts = Vec::new();
    for part in parts {
        match part {
            Part::Box(part) if part.extents.contains(&0) => {}
            Part::Box(mut part) if matches!(region.kind, RegionKind::Assemble(_)) => {
                block.into_iter().for_each(|block| block.restrict(&mut part));
                stmts.extend(lowering.emit(&part, program)?);
            }
            Part::Box(part) => stmts.extend(lowering.emit(&part, program)?),
            Part::Stmts(part) => stmts.extend(part),
        }
    }
    Ok(stmts)
}

/// The statements that copy a buffer.
pub(super) fn copy(copy: &Copy, vector_bytes: usize, program: &mut Program) -> Vec<Stmt> {
    let dtype = program.buffers[copy.from.buffer].dtype;
    let lanes = Lanes::of_types(std::iter::once(dtype), vector_bytes);
    let mut nest = Nest::new(program);
    for run in lanes.runs(copy.elements, 1) {
        let (index, _) = nest.open(run.span, run.step, &[]);
        nest.vector = (run.lanes > 1).then_some((index, run.lanes));
        let at = Affine::counter(index).plus_constant(run.start as i64);
        let value = nest.load(dtype, &copy.from, at.clone());
        nest.store(&copy.to, at, value);
        nest.close(&[]);
        nest.vector = None;
    }
    nest.finish(program)
}

/// The statements that store a constant over a box whose positions move in memory by `strides`.
pub(super) fn fill(
    function: &Function,
    buffers: &Buffers,
    (location, strides): (&Location, Vec<i64>),
    (mut part, value): (PositionBox, Scalar),
    session: &mut Session,
) -> Result<Vec<Stmt>, Error> {
    if part.extents.contains(&0) {
        return Ok(Vec::new());
    }
    let (source, location) = (Source::Constant(value), location.clone());
    part.targets = vec![Target { source, location, offset: 0, strides, windows: None, combine: None }];
    let vector_bytes = session.vector_bytes;
    let lowering = Lowering { function, buffers, vector_bytes, own: EntitySet::new(), folded: BTreeMap::new() };
    lowering.emit(&part, &mut session.program)
}

pub(super) struct Lowering<'a> {
    pub(super) function: &'a Function,
    pub(super) buffers: &'a Buffers,
    /// Of the widest vectors.
    vector_bytes: usize,
    own: EntitySet<Value>,
    /// Reductions that fold a block of positions of an axis.
    folded: BTreeMap<Inst, Cut>,
}

impl<'a> Lowering<'a> {
    /// The box of an ordinary region, or the block of it that a tile is.
    fn domain(&self, region: &FusionRegion, block: Option<&Block<'_>>) -> Result<Part, Error> {
        let mut part = PositionBox::new(region.domain.extents(), Vec::new());
        if let Some(block) = block {
            block.restrict(&mut part);
        }
        let extents = &part.extents;
        let mut targets = Vec::new();
        for &value in region.outputs.iter().filter(|&&value| !self.buffers.is_kept(value)) {
            let mut target = self.target(Source::Shifted(value, vec![0; extents.len()]), value)?;
            if let Some(total) = block.and_then(|block| block.totals.get(&value)) {
                (target.location, target.combine) = (total.location.clone(), Some(total.step));
            }
            targets.push(target);
        }
        for &value in &region.outputs {
            for location in self.buffers.also(value) {
                let target = self.target(Source::Shifted(value, vec![0; extents.len()]), value)?;
                targets.push(Target { location: location.clone(), ..target });
            }
        }
        part.targets = targets;
        Ok(Part::Box(part))
    }

    /// Where a value is in memory.
    pub(super) fn location(&self, value: Value) -> Result<&Location, Error> {
        let missing = || Error::Bug { stage: "lower", message: format!("{value} has no buffer") };
        self.buffers.get(value).ok_or_else(missing)
    }

    /// Elements that go to the same positions of `result`.
    pub(super) fn target(&self, source: Source, result: Value) -> Result<Target, Error> {
        let location = self.location(result)?.clone();
        let strides = self.buffers.strides(self.function, result);
        Ok(Target { source, location, offset: 0, strides, windows: None, combine: None })
    }

    fn eval<'s>(&'s self, nest: Nest, schedules: ReduceSchedules) -> Eval<'s>
    where
        'a: 's,
    {
        let (own, folded) = (self.own.clone(), &self.folded);
        Eval { function: self.function, buffers: self.buffers, own, folded, nest, schedules }
    }

    /// The loops over one box.
    fn emit(&self, part: &PositionBox, program: &mut Program) -> Result<Vec<Stmt>, Error> {
        let (schedule, schedules) = self.plan(part, program)?;
        let mut eval = self.eval(Nest::new(program), schedules);
        Emission { part, schedule: &schedule }.level(&mut eval, 0, part.origin.iter().cloned().collect(), false)?;
        Ok(eval.nest.finish(program))
    }

    /// Evaluates once on paper and chooses how to run it.
    fn plan(&self, part: &PositionBox, program: &Program) -> Result<(DomainSchedule, ReduceSchedules), Error> {
        let mut eval = self.eval(Nest::new(program), ReduceSchedules::default());
        let mut position = Position::new();
        let mut counters = Vec::new();
        for (&extent, origin) in part.extents.iter().zip(&part.origin) {
            let index = (extent != 1).then(|| eval.nest.open(extent, 1, &[]).0);
            position.push(index.map_or_else(|| origin.clone(), |index| origin.plus(&Affine::counter(index), 1)));
            counters.push(index);
        }
        leaf(&mut eval, part, &[position], false)?;
        let seen = (&eval.nest, &eval.schedules.seen[..]);
        Ok(choose(&part.extents, !part.stands_alone(), &counters, seen, self.vector_bytes))
    }
}

/// How far the axes of a value move in memory.
pub(super) fn strides_of(function: &Function, value: Value) -> Vec<i64> {
    function.ty(value).shape.strides().into_iter().map(|stride| stride as i64).collect()
}

fn strides_along(accesses: &[Affine], extents: &[usize], counters: &[Option<Index>]) -> Accesses {
    let along = |access: &Affine| {
        counters.iter().map(|counter| counter.map_or(0, |index| access.coefficient(index))).collect::<Vec<_>>()
    };
    Accesses { extents: extents.to_vec(), strides: accesses.iter().map(along).collect() }
}

/// The axes of a group, in the order in which groups run over axes: its first comes behind those of the group before.
fn axes_of<'a>(groups: &[Group], number: usize, order: &'a [usize]) -> &'a [usize] {
    let behind = |group: &Group| order.iter().position(|&axis| axis == group.last_axis).map_or(0, |place| place + 1);
    let first = number.checked_sub(1).map_or(0, |before| behind(&groups[before]));
    &order[first..groups.get(number).map_or(first, behind)]
}

/// The counters of these axes.
fn counters_of(axes: &[usize], counters: &[Option<Index>]) -> impl Iterator<Item = Index> {
    axes.iter().filter_map(|&axis| counters[axis])
}

/// The schedule of a region from what an evaluation on paper touched, for vectors of at most so many bytes; `ordered` if the axes have to run in their order.
fn choose(
    extents: &[usize],
    ordered: bool,
    counters: &[Option<Index>],
    (nest, seen): (&Nest, &[Seen]),
    vector_bytes: usize,
) -> (DomainSchedule, ReduceSchedules) {
    let log = &nest.log;
    let domain = strides_along(&log.accesses, extents, counters);
    let narrowest = Lanes::of_types(log.assigned.iter().map(|entry| entry.0), vector_bytes).narrowest;
    let order = if ordered { (0..extents.len()).collect() } else { domain.order(usize::from(narrowest)) };
    let groups = domain.collapse_in(&order);
    let outer: usize = groups.len().saturating_sub(1);
    let inner_axes = axes_of(&groups, outer, &order);
    // Loops are opened for axes that are not of extent 1, in order: the depth of the innermost group's first axis.
    let first_axis = inner_axes.iter().copied().min().unwrap_or(0);
    let depth = 1 + extents[..first_axis].iter().filter(|&&extent| extent != 1).count();
    let inside = log.assigned.iter().filter(|entry| entry.1 >= depth);
    let weight: u32 = inside.clone().map(|entry| entry.2).sum();
    let long = inside.clone().filter(|entry| entry.2 >= LONG_FUNCTION).count();
    let mut lanes = Lanes::of_types(inside.map(|entry| entry.0), vector_bytes);
    let innermost = groups.last().copied();

    let mut schedules = ReduceSchedules::default();
    for reduction in seen {
        let touched = &log.accesses[reduction.accesses.clone()];
        let folded = strides_along(touched, &reduction.extents, &reduction.counters);
        let fold_groups = folded.collapse();
        let fold_depth = reduction.depth + 1;
        let assigned = log.assigned[reduction.assigned.clone()].iter().filter(|entry| entry.1 >= fold_depth);
        let mut row_lanes = Lanes::of_types(assigned.map(|entry| entry.0), vector_bytes);
        let by_rows = |group: Group| folded.gathers(group.last_axis);
        let row_gathers = fold_groups.last().map_or(usize::MAX, |&group| by_rows(group));
        if let Some(kept) = innermost {
            let moved = strides_along(touched, extents, counters);
            let column_gathers = moved.gathers(kept.last_axis);
            let depends = moved.strides.iter().any(|strides| strides[kept.last_axis] != 0);
            // Rows shorter than a vector have nothing to offer.
            let narrowest = usize::from(lanes.narrowest);
            let rows = fold_groups.last().is_some_and(|group| group.extent >= narrowest);
            if depends && (rows && row_gathers < column_gathers || kept.extent < narrowest) {
                lanes = Lanes::SCALAR;
            }
        }
        let last = fold_groups.len().saturating_sub(1);
        let fold_order: Vec<usize> = (0..reduction.extents.len()).collect();
        let fold_axes = axes_of(&fold_groups, last, &fold_order);
        row_lanes = match fold_groups.last() {
            Some(group) if !nest.needs_scalars(counters_of(fold_axes, &reduction.counters)) => {
                row_lanes.within(group.extent).along(&folded, group.last_axis, 0)
            }
            Some(_) | None => Lanes::SCALAR,
        };
        let schedule = reduce_schedule(fold_groups, row_lanes);
        schedules.chosen.insert(reduction.inst, schedule);
    }
    if let Some(group) = innermost {
        let stays = |counter: Option<Index>| {
            log.stores.iter().any(|store| counter.is_some_and(|counter| store.coefficient(counter) == 0))
        };
        let needs_scalars = stays(counters[group.last_axis]) || nest.needs_scalars(counters_of(inner_axes, counters));
        let along = lanes.within(group.extent).along(&domain, group.last_axis, weight);
        lanes = if needs_scalars { Lanes::SCALAR } else { along };
    }
    let together = innermost.and_then(|group| {
        let all_share = seen.iter().all(|reduction| shares(reduction, log, counters, group));
        let vectors = folds_together(group.extent, lanes.widest, weight)?;
        (lanes.is_vector() && !seen.is_empty() && all_share).then_some(vectors)
    });
    let unroll = match innermost {
        Some(group) if seen.is_empty() => {
            let chains = chain_unroll(group.extent, lanes.widest, weight, long);
            elementwise_unroll(outer > 0, group.extent, lanes.widest, weight).max(chains)
        }
        Some(_) | None => together.unwrap_or(1),
    };
    if unroll > 1 && !seen.is_empty() {
        schedules.chosen.values_mut().for_each(|schedule| *schedule = schedule.together(unroll));
    }
    (DomainSchedule { groups, lanes, unroll, together: together.is_some(), order }, schedules)
}

/// Whether it pays to fold results next to each other along a group of axes in the same loops: the reduction is inside of all loops over the positions and of no other
/// reduction, and either loads something for all of these results, or little of each line of memory for one of them.
fn shares(reduction: &Seen, log: &Log, counters: &[Option<Index>], group: Group) -> bool {
    let Some(along) = counters[group.last_axis] else { return false };
    let depends = |access: &Affine| access.coefficient(along) != 0;
    let step = |access: &Affine| {
        reduction.counters.iter().rev().flatten().next().map_or(0, |&index| access.coefficient(index))
    };
    let touched = &log.accesses[reduction.accesses.clone()];
    reduction.depth == counters.iter().flatten().count()
        && reduction.extents.iter().product::<usize>() > WRITTEN_OUT
        && touched.iter().any(depends)
        && touched.iter().any(|access| step(access) != 0 && (!depends(access) || step(access).abs() >= SPREAD))
}

/// Elements from one step of a fold to the next of which a vector's worth is a small part.
const SPREAD: i64 = 8;

/// The loops over a box while they are written.
struct Emission<'a> {
    part: &'a PositionBox,
    schedule: &'a DomainSchedule,
}

impl Emission<'_> {
    /// The loops from a group of axes inwards. `guarded` says that a condition for storing anything has been asked.
    fn level(&self, eval: &mut Eval<'_>, level: usize, position: Position, guarded: bool) -> Result<(), Error> {
        if !guarded && let Some(windows) = self.guard(level) {
            let inside = eval.inside(windows, &position)?;
            let Some(inside) = inside else { return self.level(eval, level, position, true) };
            eval.nest.open_condition(inside);
            self.level(eval, level, position, true)?;
            eval.nest.close_condition();
            return Ok(());
        }
        let s = self.schedule;
        let Some(&Group { last_axis, extent }) = s.groups.get(level) else {
            return leaf(eval, self.part, &[position], guarded);
        };
        if level + 1 < s.groups.len() {
            let (index, _) = eval.nest.open(extent, 1, &[]);
            let mut inner = position;
            inner[last_axis] = inner[last_axis].plus(&Affine::counter(index), 1);
            self.level(eval, level + 1, inner, guarded)?;
            eval.nest.close(&[]);
            return Ok(());
        }
        // Where a target takes the place of what is read, that is gone the second time.
        let overwrites = self.part.targets.iter().any(|target| eval.buffers.overwrites(&target.location));
        for run in row_runs(extent, s, self.part.stands_alone() && !overwrites) {
            let Run { start, span, step, copies, lanes } = run;
            let (index, _) = eval.nest.open(span, step, &[]);
            eval.nest.vector = (lanes > 1).then_some((index, lanes));
            let at = |copy: usize| {
                let mut position = position.clone();
                let at = Affine::counter(index).plus_constant((start + run.at(copy)) as i64);
                position[last_axis] = position[last_axis].plus(&at, 1);
                position
            };
            leaf(eval, self.part, &(0..copies).map(at).collect::<Vec<_>>(), guarded)?;
            eval.nest.vector = None;
            eval.nest.close(&[]);
        }
        Ok(())
    }

    /// The windows of the box's target, if where they are is known outside the loops from a level inwards.
    fn guard(&self, level: usize) -> Option<&Windows> {
        let [Target { windows: Some((windows, _)), .. }] = &self.part.targets[..] else { return None };
        let known = |axis: usize| {
            let outside = level.checked_sub(1).is_some_and(|before| axis <= self.schedule.groups[before].last_axis);
            outside || self.part.extents[axis] == 1
        };
        windows.batch_axes().all(known).then_some(windows)
    }
}

/// Evaluates and stores every target at positions of the box.
fn leaf(eval: &mut Eval<'_>, part: &PositionBox, positions: &[Position], guarded: bool) -> Result<(), Error> {
    if let (Some(along), [target]) = (&part.along, &part.targets[..]) {
        return cumulate(eval, along, target, positions);
    }
    if positions.len() > 1 {
        for Target { source, windows, .. } in &part.targets {
            if let (Source::Shifted(value, shift), None) = (source, windows) {
                let shifted: Vec<Position> = positions.iter().map(|position| moved(position, shift)).collect();
                eval.fold_together(*value, &shifted)?;
            }
        }
    }
    for position in positions {
        let mut inside = None;
        if let ([Target { windows: Some((windows, _)), .. }], false) = (&part.targets[..], guarded) {
            inside = eval.inside(windows, position)?;
        }
        if let Some(inside) = inside {
            eval.nest.open_condition(inside);
        }
        store_all(eval, &part.targets, position)?;
        if inside.is_some() {
            eval.nest.close_condition();
        }
    }
    Ok(())
}

/// Evaluates and stores every target at a position of the box. Where a target takes the place of what is read for others, all are evaluated first.
fn store_all(eval: &mut Eval<'_>, targets: &[Target], position: &Position) -> Result<(), Error> {
    let together = targets.iter().any(|target| eval.buffers.overwrites(&target.location));
    let mut waiting = Vec::new();
    for target in targets {
        let value = element(eval, &target.source, position)?;
        if together {
            waiting.push((target, value));
        } else {
            store(eval, target, position, value)?;
        }
    }
    waiting.into_iter().try_for_each(|(target, value)| store(eval, target, position, value))
}

fn moved(position: &Position, shift: &[i64]) -> Position {
    position.iter().zip(shift).map(|(axis, &by)| axis.plus_constant(by)).collect()
}

/// The element for a position of the box.
pub(super) fn element(eval: &mut Eval<'_>, source: &Source, position: &Position) -> Result<Var, Error> {
    match source {
        Source::Shifted(value, shift) => eval.eval(*value, &moved(position, shift)),
        Source::Scalar(value) => eval.eval(*value, &Position::new()),
        Source::Constant(scalar) => Ok(eval.nest.constant(*scalar)),
        Source::Ordered { value, order, axis } => eval.ordered(*value, order, *axis, position),
    }
}

/// Stores an element where it goes for a position of the box.
pub(super) fn store(eval: &mut Eval<'_>, target: &Target, position: &Position, value: Var) -> Result<(), Error> {
    let axes = target.strides.iter().zip(position);
    let mut index = axes.fold(Affine::constant(target.offset), |sum, (&stride, axis)| sum.plus(axis, stride));
    if let Some((windows, strides)) = &target.windows {
        let origin = eval.origin(windows, position)?;
        index = strides.iter().zip(&origin).fold(index, |sum, (&stride, start)| sum.plus(start, stride));
    }
    let mut value = value;
    if let Some(op) = target.combine {
        let dtype = eval.nest.ty(value).dtype;
        let there = eval.nest.load_here(dtype, &target.location, index.clone());
        value = eval.nest.apply(dtype, &[there, value], 1, |a| Expr::Binary(op, a[0], a[1]));
    }
    eval.nest.store(&target.location, index, value);
    Ok(())
}
