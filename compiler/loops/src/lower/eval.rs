//! The value of a tensor at a position.
//!
//! One arm per operation: elementwise operations evaluate their operands at the same position and apply the same operation;
//! views change the position, by what is in memory for dynamic slices and gathers (see `indexing`); reductions open loops (see `reduce`). The recursion is bounded: a fusion region has a bounded number of members and
//! chains of views are cut.

use std::collections::BTreeMap;

use cranelift_entity::EntitySet;
use pullback_ir::{Binary, Function, Inst, Op, Scalar, Unary, Value};
use pullback_optimize::fuse::{cost, is_unit_reshape};
use smallvec::SmallVec;

use super::buffers::Buffers;
use super::bug;
use super::indexing::Windows;
use super::nest::{Nest, Position};
use super::reduce::{Fold, ReduceSchedules};
use super::tiles::Cut;
use crate::error::Error;
use crate::program::{Affine, Expr, Var};

/// Evaluates the values of one region.
pub(super) struct Eval<'a> {
    pub(super) function: &'a Function,
    pub(super) buffers: &'a Buffers,
    /// What the region computes itself, even if it is stored too.
    pub(super) own: EntitySet<Value>,
    /// Reductions that fold a block of positions of an axis.
    pub(super) folded: &'a BTreeMap<Inst, Cut>,
    pub(super) nest: Nest,
    pub(super) schedules: ReduceSchedules,
}

impl Eval<'_> {
    /// The value at a position: a scalar, or a vector if the position depends on the vector counter.
    pub(super) fn eval(&mut self, value: Value, position: &Position) -> Result<Var, Error> {
        let key = (value, position.clone());
        if let Some(var) = self.nest.remembered(&key) {
            return Ok(var);
        }
        let var = match (self.buffers.get(value), self.function.def_inst(value)) {
            (Some(location), _) if !self.own.contains(value) => {
                let axes = self.buffers.strides(self.function, value).into_iter().zip(position);
                let index = axes.fold(Affine::default(), |sum, (stride, at)| sum.plus(at, stride));
                self.nest.load(self.function.ty(value).dtype, location, index)
            }
            (_, Some(inst)) => self.compute(inst, value, position)?,
            (_, None) => {
                return Err(Error::Bug { stage: "lower", message: format!("parameter {value} has no buffer") });
            }
        };
        self.nest.remember(key, var);
        Ok(var)
    }

    fn compute(&mut self, inst: Inst, value: Value, position: &Position) -> Result<Var, Error> {
        let function = self.function;
        let args = function.args(inst);
        let dtype = function.ty(value).dtype;
        match function.op(inst) {
            Op::Constant(literal) => match literal.as_splat() {
                Some(scalar) => Ok(self.nest.constant(scalar)),
                // The body of a loop that never runs.
                None if literal.ty().elements() == 0 => Ok(self.nest.constant(Scalar::from_f64(dtype, 0.0))),
                None => Err(bug(function, inst, "an array without a buffer")),
            },
            Op::Iota { axis, .. } => Ok(self.nest.position(dtype, position[*axis].clone())),
            Op::Unary(Unary::StopGradient) => self.eval(args[0], position),
            Op::Unary(op) => {
                let args = self.eval_all(args, position)?;
                Ok(self.nest.apply(dtype, &args, cost(function.op(inst)), |a| Expr::Unary(*op, a[0])))
            }
            Op::Binary(op) => {
                let args = self.eval_all(args, position)?;
                Ok(self.nest.apply(dtype, &args, cost(function.op(inst)), |a| Expr::Binary(*op, a[0], a[1])))
            }
            Op::Compare(predicate) => {
                let args = self.eval_all(args, position)?;
                Ok(self.nest.apply(dtype, &args, 1, |a| Expr::Compare(*predicate, a[0], a[1])))
            }
            Op::IsFinite => {
                let args = self.eval_all(args, position)?;
                Ok(self.nest.apply(dtype, &args, 1, |a| Expr::IsFinite(a[0])))
            }
            Op::Select => {
                let args = self.eval_all(args, position)?;
                Ok(self.nest.apply(dtype, &args, 1, |a| Expr::Select(a[0], a[1], a[2])))
            }
            Op::Clamp => {
                let args = self.eval_all(args, position)?;
                let raised = self.nest.apply(dtype, &[args[1], args[0]], 1, |a| Expr::Binary(Binary::Max, a[0], a[1]));
                Ok(self.nest.apply(dtype, &[raised, args[2]], 1, |a| Expr::Binary(Binary::Min, a[0], a[1])))
            }
            Op::Convert(_) => {
                let args = self.eval_all(args, position)?;
                Ok(self.nest.apply(dtype, &args, 1, |a| Expr::Convert(a[0])))
            }
            Op::Bitcast(to) if *to == function.ty(args[0]).dtype => self.eval(args[0], position),
            Op::Bitcast(_) => {
                let args = self.eval_all(args, position)?;
                Ok(self.nest.apply(dtype, &args, 1, |a| Expr::Bitcast(a[0])))
            }
            Op::DynamicSlice(shape) => {
                let windows = Windows::of_box(function, args[0], &args[1..], &shape.extents());
                let origin = self.origin(&windows, position)?;
                self.eval(args[0], &windows.position(origin, position))
            }
            Op::Gather(spec) => {
                let rank = function.ty(value).rank();
                let windows = Windows::of_vectors(function, (args[0], args[1]), &spec.dims, rank, |a| spec.sizes[a]);
                self.gather(args[0], &windows, position)
            }
            Op::Broadcast(_) | Op::Reshape(_) | Op::Transpose(_) | Op::Reverse(_) | Op::Slice(_) | Op::Windows(_) => {
                let moved = self.moved(inst, position)?;
                self.eval(args[0], &moved)
            }
            Op::Reduce { .. } | Op::Dot(_) => self.fold(inst, position),
            Op::Pad(_)
            | Op::Concatenate { .. }
            | Op::Barrier
            | Op::Cumulative { .. }
            | Op::DynamicUpdateSlice
            | Op::Scatter { .. }
            | Op::OverlapAdd { .. }
            | Op::Sort { .. }
            | Op::Cholesky
            | Op::TriangularSolve { .. }
            | Op::Scan(_)
            | Op::While(_)
            | Op::Cond
            | Op::Switch => Err(bug(function, inst, "evaluated at a position, expected in memory")),
            Op::Call(_) | Op::CustomDerivative(_) | Op::Checkpoint => Err(bug(function, inst, "not inlined")),
            Op::ArgReduce { .. }
            | Op::ReduceWindow { .. }
            | Op::SelectAndScatter { .. }
            | Op::Conv(_)
            | Op::TopK { .. }
            | Op::RandomBits(_)
            | Op::TransposeRule { .. } => {
                Err(Error::Limit(format!("{} is not compiled yet", function.op(inst).name())))
            }
        }
    }

    /// An element of a reduction or contraction. By itself, as what it needs of the stack would be needed at every step of the recursion.
    fn fold(&mut self, inst: Inst, position: &Position) -> Result<Var, Error> {
        let fold = self.fold_of(inst)?;
        self.reduce(inst, &fold, position)
    }

    /// What a reduction or contraction combines, over the block of it that this region folds.
    pub(super) fn fold_of(&self, inst: Inst) -> Result<Fold, Error> {
        let function = self.function;
        let fold = match (function.op(inst), function.args(inst)) {
            (Op::Reduce { kind, axes }, &[operand]) => Fold::reduction(function, *kind, operand, axes),
            (Op::Dot(dims), &[x, y]) => Fold::contraction(function, dims, x, y),
            (_, _) => return Err(bug(function, inst, "is not a reduction")),
        };
        Ok(fold.cut(self.folded.get(&inst)))
    }

    /// An element of windows; zero in those that are left out.
    fn gather(&mut self, x: Value, windows: &Windows, position: &Position) -> Result<Var, Error> {
        let inside = self.inside(windows, position)?;
        let origin = self.origin(windows, position)?;
        let element = self.eval(x, &windows.position(origin, position))?;
        let Some(inside) = inside else { return Ok(element) };
        let dtype = self.function.ty(x).dtype;
        let zero = self.nest.constant(Scalar::from_f64(dtype, 0.0));
        Ok(self.nest.apply(dtype, &[inside, element, zero], 1, |a| Expr::Select(a[0], a[1], a[2])))
    }

    fn eval_all(&mut self, values: &[Value], position: &Position) -> Result<SmallVec<[Var; 4]>, Error> {
        values.iter().map(|&value| self.eval(value, position)).collect()
    }

    /// The position of a view's operand.
    fn moved(&self, inst: Inst, position: &Position) -> Result<Position, Error> {
        let operand = &self.function.ty(self.function.args(inst)[0]).shape;
        let moved = match self.function.op(inst) {
            Op::Broadcast(spec) => spec.dims.iter().map(|&dim| position[dim].clone()).collect(),
            Op::Transpose(perm) => {
                let mut moved: Position = position.clone();
                for (result_axis, &operand_axis) in perm.iter().enumerate() {
                    moved[operand_axis] = position[result_axis].clone();
                }
                moved
            }
            Op::Reverse(axes) => {
                let mut moved = position.clone();
                for &axis in axes.iter() {
                    let last = operand.extent(axis).unwrap_or(1) as i64 - 1;
                    moved[axis] = position[axis].times(-1).plus_constant(last);
                }
                moved
            }
            Op::Slice(spec) => {
                let axes = position.iter().enumerate();
                axes.map(|(axis, at)| at.times(spec.stride[axis] as i64).plus_constant(spec.start[axis] as i64))
                    .collect()
            }
            Op::Windows(spec) => {
                let rank = operand.rank();
                let mut moved: Position = position.iter().take(rank).cloned().collect();
                for (number, &axis) in spec.axes.iter().enumerate() {
                    let first = position[axis].times(spec.stride[number] as i64);
                    moved[axis] = first.plus(&position[rank + number], spec.dilation[number] as i64);
                }
                moved
            }
            Op::Reshape(shape) if is_unit_reshape(operand, shape) => {
                let extents = shape.extents();
                let mut kept =
                    position.iter().zip(&extents).filter(|&(_, &extent)| extent != 1).map(|(at, _)| at.clone());
                let axes = operand.extents().into_iter();
                axes.map(|extent| if extent == 1 { Affine::default() } else { kept.next().unwrap_or_default() })
                    .collect()
            }
            _ => return Err(bug(self.function, inst, "is not a view")),
        };
        Ok(moved)
    }
}

/// The position in memory of a tensor position.
pub(super) fn address(strides: &[usize], position: &[Affine]) -> Affine {
    let axes = strides.iter().zip(position);
    axes.fold(Affine::default(), |sum, (&stride, at)| sum.plus(at, stride as i64))
}
