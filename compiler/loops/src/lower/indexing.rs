//! Windows whose first positions are known at run time: what `dynamic_slice` and `gather` read, and `dynamic_update_slice` and `scatter` write.
//!
//! A start is an integer in memory or in a register. Bound to a counter below the number of possible starts it is inside by construction,
//! which is also what the tensor IR's operations say of starts that are outside; a window that is to be dropped instead is asked about first.

use pullback_ir::{Binary, Comparison, DType, Function, OutOfBounds, Scalar, Value, WindowDims};
use smallvec::SmallVec;

use super::eval::Eval;
use super::nest::{Nest, Position};
use crate::error::Error;
use crate::program::{Affine, Expr, Var};

/// Where the position along an axis of the indices comes from.
#[derive(Clone, Copy)]
enum Coordinate {
    /// From an axis of the windows' tensor.
    Axis(usize),
    /// It is a component of the index vectors.
    Component(i64),
}

/// The first position of windows along one axis.
struct Start {
    /// The tensor it is in, and where.
    value: Value,
    at: SmallVec<[Coordinate; 4]>,
    /// The axis of the tensor that windows are of.
    axis: usize,
    /// How many positions there are for it.
    count: usize,
}

/// How the positions of a tensor of windows `w` are positions of the tensor `x` that they are of.
pub(super) struct Windows {
    /// The axes of `x`.
    rank: usize,
    starts: Vec<Start>,
    /// An axis of `x`, and the axis of `w` that moves along it.
    moved: Vec<(usize, usize)>,
    /// Whether a window that is not inside is left out.
    drops: bool,
}

impl Windows {
    /// One box, with a scalar for each axis.
    pub(super) fn of_box(function: &Function, x: Value, starts: &[Value], sizes: &[usize]) -> Self {
        let extents = function.ty(x).shape.extents();
        let axes = starts.iter().zip(extents.iter().zip(sizes)).enumerate();
        let starts = axes.map(|(axis, (&value, (extent, size)))| Start {
            value,
            at: SmallVec::new(),
            axis,
            count: extent.saturating_sub(*size) + 1,
        });
        let rank = extents.len();
        Self { rank, starts: starts.collect(), moved: (0..rank).map(|axis| (axis, axis)).collect(), drops: false }
    }

    /// A window per index vector; `w_rank` is the rank of the windows' tensor and `size` gives the extents of a window.
    pub(super) fn of_vectors(
        function: &Function,
        (x, indices): (Value, Value),
        dims: &WindowDims,
        w_rank: usize,
        size: impl Fn(usize) -> usize,
    ) -> Self {
        let extents = function.ty(x).shape.extents();
        let rank = extents.len();
        // The axes of the windows' tensor that are not a window's pair with the indices' but that of their vectors.
        let mut batch = (0..w_rank).filter(|axis| !dims.offset.contains(axis));
        let paired: Vec<Option<usize>> = (0..function.ty(indices).rank())
            .map(|axis| if axis == dims.vector_axis { None } else { batch.next() })
            .collect();
        let starts = dims.map.iter().enumerate().map(|(component, &axis)| Start {
            value: indices,
            at: paired
                .iter()
                .map(|pair| pair.map_or(Coordinate::Component(component as i64), Coordinate::Axis))
                .collect(),
            axis,
            count: extents[axis].saturating_sub(size(axis)) + 1,
        });
        let starts = starts.collect();
        let kept = (0..rank).filter(|axis| !dims.collapsed.contains(axis) && !dims.operand_batch.contains(axis));
        let mut moved: Vec<(usize, usize)> = kept.zip(dims.offset.iter().copied()).collect();
        let pairs = dims.operand_batch.iter().zip(dims.indices_batch.iter());
        moved.extend(pairs.filter_map(|(&axis, &of_indices)| Some((axis, paired.get(of_indices).copied()??))));
        Self { rank, starts, moved, drops: dims.mode == OutOfBounds::Drop }
    }

    /// The axes of `w` that starts depend on.
    pub(super) fn batch_axes(&self) -> impl Iterator<Item = usize> {
        self.starts.iter().flat_map(|start| &start.at).filter_map(|coordinate| match *coordinate {
            Coordinate::Axis(axis) => Some(axis),
            Coordinate::Component(_) => None,
        })
    }

    /// How far each axis of `w` moves in memory, by how far each axis of `x` does.
    pub(super) fn strides(&self, x: &[i64], w_rank: usize) -> Vec<i64> {
        let mut strides = vec![0; w_rank];
        for &(x_axis, w_axis) in &self.moved {
            strides[w_axis] += x[x_axis];
        }
        strides
    }

    /// The position of `x` for a position of `w` in windows that begin at `origin`.
    pub(super) fn position(&self, mut origin: Position, position: &Position) -> Position {
        for &(x_axis, w_axis) in &self.moved {
            origin[x_axis] = origin[x_axis].plus(&position[w_axis], 1);
        }
        origin
    }
}

impl Eval<'_> {
    fn start(&mut self, start: &Start, position: &Position) -> Result<Var, Error> {
        let at: Position = start
            .at
            .iter()
            .map(|coordinate| match *coordinate {
                Coordinate::Axis(axis) => position[axis].clone(),
                Coordinate::Component(component) => Affine::constant(component),
            })
            .collect();
        self.eval(start.value, &at)
    }

    /// Where the window that a position of `w` is in begins, moved inside.
    pub(super) fn origin(&mut self, windows: &Windows, position: &Position) -> Result<Position, Error> {
        let mut origin = Position::from_elem(Affine::default(), windows.rank);
        for start in windows.starts.iter().filter(|start| start.count > 1) {
            let var = self.start(start, position)?;
            let vector = || Error::Bug { stage: "lower", message: "a vector of positions known at run time".into() };
            origin[start.axis] = origin[start.axis].plus(&self.nest.bind(var, start.count).ok_or_else(vector)?, 1);
        }
        Ok(origin)
    }

    /// Whether the window that a position of `w` is in is inside, if it would be left out otherwise.
    pub(super) fn inside(&mut self, windows: &Windows, position: &Position) -> Result<Option<Var>, Error> {
        let mut all = None;
        for start in windows.starts.iter().filter(|_| windows.drops) {
            let var = self.start(start, position)?;
            self.nest.require_scalar(var);
            let wide = self.nest.apply(DType::I64, &[var], 1, |a| Expr::Convert(a[0]));
            for (comparison, limit) in [(Comparison::Ge, 0), (Comparison::Lt, start.count as i64)] {
                let limit = self.nest.constant(Scalar::I64(limit));
                let holds = self.nest.apply(DType::Bool, &[wide, limit], 1, |a| Expr::Compare(comparison, a[0], a[1]));
                let both = |nest: &mut Nest, x: Var| {
                    nest.apply(DType::Bool, &[x, holds], 1, |a| Expr::Binary(Binary::And, a[0], a[1]))
                };
                all = Some(all.map_or(holds, |all| both(&mut self.nest, all)));
            }
        }
        Ok(all)
    }
}
