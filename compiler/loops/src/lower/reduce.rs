//! Reductions and small contractions, as loops inside the position of their result.
//!
//! A [`Fold`] combines elements over some axes: the operand itself for a reduction, the product of two operands for a
//! contraction. Two ways to run it:
//!
//! * *by rows*: the lanes of a vector are neighbouring positions of the innermost folded axis, combined at the end;
//! * *by columns*: the position of the result is itself a vector, each lane of which folds its own elements. Several such vectors next to each other
//!   are folded *together*, in the same loops: what is the same for all of them is loaded once, and of each line of memory all that is needed is used.
//!
//! Folds of a few elements are written out.
//!
//! Sums of floats are blocked: a chain of additions has at most [`BLOCK`] links, the sums of blocks are summed in the same way, and so on. The rounding
//! error then grows like the logarithm of the count, and the order is fixed by the shape alone.

use std::collections::HashMap;

use cranelift_entity::EntitySet;
use pullback_interp::scalar;
use pullback_ir::{Binary, DType, DotDims, Function, Inst, Reduction, Scalar, Value};
use pullback_optimize::fuse::{Role, role};
use smallvec::SmallVec;

use super::eval::Eval;
use super::nest::{Nest, Position};
use super::tiles::Cut;
use crate::error::Error;
use crate::program::{Affine, Expr, Index, Var};
use crate::schedule::{Lanes, ReduceSchedule, Run};

/// The longest chain of additions in a sum of floats.
pub(super) const BLOCK: usize = 64;

/// The most elements that are combined without a loop: those of a small window.
pub(super) const WRITTEN_OUT: usize = 9;

/// Where the position along an operand's axis comes from.
#[derive(Clone, Copy)]
enum Source {
    /// An axis of the result.
    Kept(usize),
    /// A folded axis.
    Folded(usize),
}

/// What is combined, and over what.
pub(super) struct Fold {
    kind: Reduction,
    dtype: DType,
    /// Extents of the folded axes, and where each begins.
    pub(super) extents: Vec<usize>,
    origin: Vec<Affine>,
    /// One operand, or two whose product is taken, with the source of each axis.
    operands: SmallVec<[(Value, Vec<Source>); 2]>,
}

impl Fold {
    /// A reduction of `operand` over `axes`.
    pub(super) fn reduction(function: &Function, kind: Reduction, operand: Value, axes: &[usize]) -> Self {
        let ty = function.ty(operand);
        let mut kept = 0;
        let sources = (0..ty.rank()).map(|axis| match axes.iter().position(|&folded| folded == axis) {
            Some(position) => Source::Folded(position),
            None => {
                kept += 1;
                Source::Kept(kept - 1)
            }
        });
        let sources = sources.collect();
        let extents: Vec<usize> = axes.iter().filter_map(|&axis| ty.shape.extent(axis)).collect();
        let origin = vec![Affine::default(); extents.len()];
        Self { kind, dtype: ty.dtype, extents, origin, operands: SmallVec::from_iter([(operand, sources)]) }
    }

    /// A contraction of `lhs` and `rhs`.
    pub(super) fn contraction(function: &Function, dims: &DotDims, lhs: Value, rhs: Value) -> Self {
        let (x, y) = (function.ty(lhs), function.ty(rhs));
        let lhs_free = dims.lhs_free(x.rank());
        let batch = dims.lhs_batch.len();
        let sources = |rank: usize, batch_axes: &[usize], contract: &[usize], free: &[usize], first_free: usize| {
            let mut sources = vec![Source::Kept(0); rank];
            for (position, &axis) in batch_axes.iter().enumerate() {
                sources[axis] = Source::Kept(position);
            }
            for (position, &axis) in contract.iter().enumerate() {
                sources[axis] = Source::Folded(position);
            }
            for (position, &axis) in free.iter().enumerate() {
                sources[axis] = Source::Kept(first_free + position);
            }
            sources
        };
        let left = sources(x.rank(), &dims.lhs_batch, &dims.lhs_contract, &lhs_free, batch);
        let rhs_free = dims.rhs_free(y.rank());
        let right = sources(y.rank(), &dims.rhs_batch, &dims.rhs_contract, &rhs_free, batch + lhs_free.len());
        let extents: Vec<usize> = dims.lhs_contract.iter().filter_map(|&axis| x.shape.extent(axis)).collect();
        let operands = SmallVec::from_iter([(lhs, left), (rhs, right)]);
        let origin = vec![Affine::default(); extents.len()];
        Self { kind: Reduction::Add, dtype: x.dtype, extents, origin, operands }
    }

    /// The same over blocks of positions of folded axes.
    pub(super) fn cut(mut self, cut: Option<&Cut>) -> Self {
        for part in cut.into_iter().flatten() {
            self.extents[part.number] = part.extent;
            self.origin[part.number] = part.start.clone();
        }
        self
    }

    fn position(sources: &[Source], kept: &Position, folded: &[Affine]) -> Position {
        let axis = |source: &Source| match *source {
            Source::Kept(axis) => kept[axis].clone(),
            Source::Folded(axis) => folded[axis].clone(),
        };
        sources.iter().map(axis).collect()
    }

    /// The total of no elements.
    fn identity(&self) -> Result<Scalar, Error> {
        let missing = || Error::Bug { stage: "lower", message: format!("{} of {}", self.kind.info().name, self.dtype) };
        scalar::identity(self.kind, self.dtype).ok_or_else(missing)
    }

    fn is_blocked(&self) -> bool {
        self.kind == Reduction::Add && self.dtype.is_float()
    }
}

/// How the reductions of a region run; on paper, a record of what each touched.
#[derive(Default)]
pub(super) struct ReduceSchedules {
    pub(super) chosen: HashMap<Inst, ReduceSchedule>,
    pub(super) seen: Vec<Seen>,
}

/// What a reduction touched when evaluated on paper.
pub(super) struct Seen {
    pub(super) inst: Inst,
    pub(super) extents: Vec<usize>,
    /// The counter of each folded axis.
    pub(super) counters: Vec<Option<Index>>,
    /// Its entries in the log.
    pub(super) accesses: std::ops::Range<usize>,
    pub(super) assigned: std::ops::Range<usize>,
    /// The number of loops around it.
    pub(super) depth: usize,
}

type Body<'b> = dyn FnMut(&mut Eval<'_>, Affine, &[Var]) -> Result<Vec<Var>, Error> + 'b;

impl Eval<'_> {
    /// The fold at a position of its result.
    pub(super) fn reduce(&mut self, inst: Inst, fold: &Fold, kept: &Position) -> Result<Var, Error> {
        match self.schedules.chosen.get(&inst).cloned() {
            Some(schedule) => {
                let totals = self.reduce_together(fold, std::slice::from_ref(kept), &schedule)?;
                totals.first().copied().ok_or_else(|| Error::Bug { stage: "lower", message: "no total".into() })
            }
            None => {
                let hidden = self.nest.hide(self.nest.depth_of_position(kept));
                let total = self.on_paper(inst, fold, kept, fold.origin.clone());
                self.nest.restore(hidden);
                total
            }
        }
    }

    /// Evaluates the folds that elements of a value at several positions are made of together, and remembers them.
    pub(super) fn fold_together(&mut self, value: Value, positions: &[Position]) -> Result<(), Error> {
        let mut seen = EntitySet::new();
        let mut work = vec![value];
        while let Some(value) = work.pop() {
            let stored = self.buffers.get(value).is_some() && !self.own.contains(value);
            let Some(inst) = self.function.def_inst(value).filter(|_| !stored && seen.insert(value)) else { continue };
            match role(self.function, inst) {
                Role::Elementwise => work.extend(self.function.args(inst)),
                Role::Reducing => {
                    let differ = positions.windows(2).all(|pair| pair[0] != pair[1]);
                    let Some(schedule) = self.schedules.chosen.get(&inst).filter(|_| differ).cloned() else { continue };
                    let fold = self.fold_of(inst)?;
                    let totals = self.reduce_together(&fold, positions, &schedule)?;
                    for (position, total) in positions.iter().zip(totals) {
                        self.nest.remember((value, position.clone()), total);
                    }
                }
                Role::Free
                | Role::Gathering
                | Role::Assembling
                | Role::Alias
                | Role::Contraction
                | Role::Array
                | Role::Control
                | Role::Call => {}
            }
        }
        Ok(())
    }

    /// The fold at several positions of its result, which the same counters lead to, in common loops: what does not depend on which of them is evaluated once for all.
    pub(super) fn reduce_together(
        &mut self,
        fold: &Fold,
        kept: &[Position],
        schedule: &ReduceSchedule,
    ) -> Result<Vec<Var>, Error> {
        let depth = kept.iter().map(|kept| self.nest.depth_of_position(kept)).max().unwrap_or(0);
        let by_columns = match self.nest.vector {
            Some((index, _)) => kept.iter().flatten().any(|axis| axis.coefficient(index) != 0),
            None => false,
        };
        let vector = self.nest.vector;
        let hidden = self.nest.hide(depth);
        if by_columns {
            self.nest.vector = vector;
        }
        let lanes = if by_columns { Lanes::SCALAR } else { schedule.lanes };
        let totals = Runner { fold, kept, schedule, lanes }.level(self, 0, fold.origin.clone());
        self.nest.restore(hidden);
        totals
    }

    /// Opens one loop per axis and evaluates an element once, to record what it touches.
    fn on_paper(&mut self, inst: Inst, fold: &Fold, kept: &Position, mut folded: Vec<Affine>) -> Result<Var, Error> {
        let (accesses, assigned) = (self.nest.log.accesses.len(), self.nest.log.assigned.len());
        let depth = self.nest.depth();
        let mut counters = vec![None; fold.extents.len()];
        for (axis, &extent) in fold.extents.iter().enumerate() {
            if extent != 1 {
                let (index, _) = self.nest.open(extent, 1, &[]);
                folded[axis] = folded[axis].plus(&Affine::counter(index), 1);
                counters[axis] = Some(index);
            }
        }
        self.element(fold, kept, &folded, None)?;
        while self.nest.depth() > depth {
            self.nest.close(&[]);
        }
        let (accesses, assigned) = (accesses..self.nest.log.accesses.len(), assigned..self.nest.log.assigned.len());
        self.schedules.seen.push(Seen { inst, extents: fold.extents.clone(), counters, accesses, assigned, depth });
        // Depends on the loops around it, as the total will: what is computed from it is logged where it will be.
        Ok(self.nest.stand_in(fold.dtype, kept))
    }

    /// The element at a position of the fold, or the accumulator with the element taken in.
    fn element(&mut self, fold: &Fold, kept: &Position, folded: &[Affine], acc: Option<Var>) -> Result<Var, Error> {
        let mut values: SmallVec<[Var; 2]> = SmallVec::new();
        for (value, sources) in &fold.operands {
            let position = Fold::position(sources, kept, folded);
            values.push(self.eval(*value, &position)?);
        }
        let dtype = fold.dtype;
        let element = match (&values[..], acc) {
            (&[x, y], Some(acc)) if dtype.is_float() => {
                return Ok(self.nest.apply(dtype, &[x, y, acc], 1, |a| Expr::MulAdd(a[0], a[1], a[2])));
            }
            (&[x, y], _) => self.nest.apply(dtype, &[x, y], 1, |a| Expr::Binary(Binary::Mul, a[0], a[1])),
            _ => values[0],
        };
        Ok(match acc {
            Some(acc) => combine(&mut self.nest, fold, acc, element),
            None => element,
        })
    }
}

fn combine(nest: &mut Nest, fold: &Fold, x: Var, y: Var) -> Var {
    let op = scalar::step(fold.kind);
    nest.apply(fold.dtype, &[x, y], 1, |a| Expr::Binary(op, a[0], a[1]))
}

/// One fold being run, at one or more positions of its result.
struct Runner<'a> {
    fold: &'a Fold,
    kept: &'a [Position],
    schedule: &'a ReduceSchedule,
    /// Lanes along the innermost folded axes; scalars by columns.
    lanes: Lanes,
}

impl Runner<'_> {
    /// The fold over the groups of axes from `level` inwards, at each position.
    fn level(&self, eval: &mut Eval<'_>, level: usize, folded: Vec<Affine>) -> Result<Vec<Var>, Error> {
        let Some(group) = self.schedule.groups.get(level) else {
            return self.kept.iter().map(|kept| eval.element(self.fold, kept, &folded, None)).collect();
        };
        if level + 1 == self.schedule.groups.len() {
            return self.innermost(eval, &folded);
        }
        let mut body = |eval: &mut Eval<'_>, at: Affine, accs: &[Var]| {
            let mut folded = folded.clone();
            folded[group.last_axis] = folded[group.last_axis].plus(&at, 1);
            let inner = self.level(eval, level + 1, folded)?;
            Ok(combine_all(&mut eval.nest, self.fold, accs, &inner))
        };
        self.counted(
            eval,
            Count { trips: group.extent, step: 1, lanes: 1, width: self.kept.len() },
            Affine::default(),
            &mut body,
        )
    }

    /// The fold over the innermost group: several accumulators for each position, then one, then one of each narrower kind, at last one position of the group at a time.
    fn innermost(&self, eval: &mut Eval<'_>, folded: &[Affine]) -> Result<Vec<Var>, Error> {
        let Some(group) = self.schedule.groups.last() else {
            return Err(Error::Bug { stage: "lower", message: "a fold without axes".into() });
        };
        // A loop of one iteration would hide nothing.
        let unroll = self.schedule.unroll;
        let unroll = if group.extent < 2 * unroll * usize::from(self.lanes.widest) { 1 } else { unroll };
        let mut runs = self.lanes.runs(group.extent, unroll);
        if runs.is_empty() {
            // Without any position the total is the identity, which a loop gives.
            runs.push(Run { start: 0, span: 0, step: 1, copies: 1, lanes: 1 });
        }
        let mut totals: Option<Vec<Var>> = None;
        for run in runs {
            let (step, width) = (run.step, run.copies);
            // Accumulators come position after position: those of one are next to each other.
            let mut body = |eval: &mut Eval<'_>, at: Affine, accs: &[Var]| {
                let mut nexts = accs.to_vec();
                for number in 0..width {
                    let mut folded = folded.to_vec();
                    let at = at.plus_constant(run.at(number) as i64);
                    folded[group.last_axis] = folded[group.last_axis].plus(&at, 1);
                    for (kept, next) in self.kept.iter().zip(nexts.iter_mut().skip(number).step_by(width)) {
                        *next = eval.element(self.fold, kept, &folded, Some(*next))?;
                    }
                }
                Ok(nexts)
            };
            let count = Count { trips: run.span / step, step, lanes: run.lanes, width: width * self.kept.len() };
            let accs = self.counted(eval, count, Affine::constant(run.start as i64), &mut body)?;
            let mut parts: Vec<Var> = accs.chunks(width).map(|accs| tree(&mut eval.nest, self.fold, accs)).collect();
            if run.lanes > 1 {
                parts = parts.into_iter().map(|part| eval.nest.reduce_lanes(self.fold.kind, part)).collect();
            }
            totals = Some(match totals {
                Some(totals) => combine_all(&mut eval.nest, self.fold, &totals, &parts),
                None => parts,
            });
        }
        totals.ok_or_else(|| Error::Bug { stage: "lower", message: "a fold over nothing".into() })
    }

    /// A loop that carries accumulators from the identity on, in blocks if it is a long sum.
    fn counted(&self, eval: &mut Eval<'_>, count: Count, base: Affine, body: &mut Body<'_>) -> Result<Vec<Var>, Error> {
        let identity = eval.nest.constant(self.fold.identity()?);
        let by_columns = eval.nest.vector.map(|(_, lanes)| lanes);
        let identity = eval.nest.widen(identity, by_columns.unwrap_or(count.lanes));
        let inits = vec![identity; count.width];
        let Count { trips, step, .. } = count;
        if count.lanes == 1 && trips > 0 && self.fold.extents.iter().product::<usize>() <= WRITTEN_OUT {
            let mut accs = inits;
            for trip in 0..trips {
                accs = body(eval, base.plus_constant((trip * step) as i64), &accs)?;
            }
            return Ok(accs);
        }
        if trips <= BLOCK || !self.fold.is_blocked() {
            let (index, params) = eval.nest.open(trips * step, step, &inits);
            if count.lanes > 1 {
                eval.nest.vector = Some((index, count.lanes));
            }
            let nexts = body(eval, base.plus(&Affine::counter(index), 1), &params)?;
            if count.lanes > 1 {
                eval.nest.vector = None;
            }
            return Ok(eval.nest.close(&nexts));
        }
        let mut block = BLOCK;
        while block * BLOCK < trips {
            block *= BLOCK;
        }
        let (index, params) = eval.nest.open(trips / block * block * step, block * step, &inits);
        let inner = Count { trips: block, ..count };
        let sums = self.counted(eval, inner, base.plus(&Affine::counter(index), 1), body)?;
        let nexts = combine_all(&mut eval.nest, self.fold, &params, &sums);
        let totals = eval.nest.close(&nexts);
        let rest = Count { trips: trips % block, ..count };
        if rest.trips == 0 {
            return Ok(totals);
        }
        let base = base.plus_constant((trips / block * block * step) as i64);
        let sums = self.counted(eval, rest, base, body)?;
        Ok(combine_all(&mut eval.nest, self.fold, &totals, &sums))
    }
}

/// A loop with accumulators.
#[derive(Clone, Copy)]
struct Count {
    /// Iterations.
    trips: usize,
    /// Positions per iteration.
    step: usize,
    /// Lanes along the counter.
    lanes: u8,
    /// Accumulators.
    width: usize,
}

fn combine_all(nest: &mut Nest, fold: &Fold, xs: &[Var], ys: &[Var]) -> Vec<Var> {
    xs.iter().zip(ys).map(|(&x, &y)| combine(nest, fold, x, y)).collect()
}

/// Accumulators combined pairwise, the first half with the second.
fn tree(nest: &mut Nest, fold: &Fold, vars: &[Var]) -> Var {
    if let [only] = vars {
        return *only;
    }
    let (low, high) = vars.split_at(vars.len().div_ceil(2));
    let mut pairs = combine_all(nest, fold, low, high);
    pairs.extend(low.iter().skip(high.len()));
    tree(nest, fold, &pairs)
}
