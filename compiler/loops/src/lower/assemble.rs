//! Regions that write their result in parts: what is stored over which positions, and which routines of the runtime are called between.
//!
//! * `concatenate`: one box per operand that is not stored there; `pad`: one for the fill, one for the operand.
//! * `dynamic_update_slice`, `scatter`: a copy of the operand, then a box of the updates in windows of the result. Where operand and result share a place there is
//!   no copy.
//! * `overlap_add`: zeros, then a box of the windows' elements, each added where it belongs. Windows that do not overlap are stored there instead, and
//!   if they leave nothing out there are no zeros.
//! * `cumulative`: one box without the axis, along which `cumulate` runs.
//! * `sort`: the order of each line by the runtime, key by key from the last, then a box for each result of its operand in that order.
//! * `cholesky`, `triangular_solve`: a call for each matrix; the solution begins as a copy of the right-hand side.
//!
//! Loops run over the updates in row-major order, which is the order in which the tensor IR applies them.

use pullback_ir::{Binary, DType, Inst, Op, PadSpec, Scalar, ScatterKind, Value, WindowDims, WindowSpec};
use pullback_optimize::fuse::stored_as;
use smallvec::{SmallVec, smallvec};

use super::buffers::{Location, Names};
use super::bug;
use super::cumulate::Along;
use super::eval::{Eval, address};
use super::indexing::Windows;
use super::nest::{Nest, Position};
use super::region::{Lowering, Part, PositionBox, Source, Target, strides_of};
use crate::call::{Routine, RuntimeCall, View, ViewAxis};
use crate::error::Error;
use crate::program::{Affine, Program, Space, Var};

/// The operand whose elements a result begins as, if lowering changes them where they are.
pub(super) const fn updated_operand(op: &Op) -> Option<usize> {
    match op {
        Op::DynamicUpdateSlice | Op::Scatter { .. } | Op::Cumulative { .. } => Some(0),
        Op::TriangularSolve { .. } => Some(1),
        _ => None,
    }
}

impl Lowering<'_> {
    /// The parts of a region that assembles the results of `inst`.
    pub(super) fn assemble(&self, inst: Inst, names: &mut Names, program: &mut Program) -> Result<Vec<Part>, Error> {
        let function = self.function;
        let (args, results) = (function.args(inst), function.inst_results(inst));
        match (function.op(inst), args, results) {
            (Op::Concatenate { axis }, parts, &[result]) => self.concatenate(parts, *axis, result),
            (Op::Pad(spec), &[operand, fill], &[result]) => self.pad(operand, fill, spec, result),
            (Op::DynamicUpdateSlice, &[operand, update, ref starts @ ..], &[result]) => {
                let sizes = function.ty(update).shape.extents();
                let windows = Windows::of_box(function, result, starts, &sizes);
                self.update(operand, result, update, windows, None)
            }
            (Op::Scatter { kind, dims }, &[operand, indices, updates], &[result]) => {
                let windows = self.windows_of_updates((result, indices), dims, updates);
                self.update(operand, result, updates, windows, combination(*kind))
            }
            (Op::OverlapAdd { spec, .. }, &[windows], &[result]) => self.overlap_add(windows, spec, result),
            (&Op::Cumulative { kind, axis, reverse }, &[operand], &[result]) => {
                let mut extents = function.ty(result).shape.extents();
                let extent = std::mem::replace(&mut extents[axis], 1);
                if extent == 0 {
                    return Ok(Vec::new());
                }
                let targets = vec![self.target(self.whole(operand), result)?];
                let along = Some(Along { kind, axis, extent, reverse });
                Ok(vec![Part::Box(PositionBox { along, ..PositionBox::new(extents, targets) })])
            }
            (&Op::Sort { axis, keys, descending }, operands, results) => {
                self.sort(operands, results, (axis, keys, descending), names, program)
            }
            (Op::Cholesky, &[a], &[result]) => Ok(vec![self.cholesky(a, result, program)?]),
            (&Op::TriangularSolve { left, lower, transpose, unit }, &[a, b], &[result]) => {
                let system = System { left, lower, transpose, unit };
                let mut parts = self.copy_unless_there(b, result)?;
                parts.push(self.triangular_solve(a, result, system, program)?);
                Ok(parts)
            }
            (_, _, _) => Err(bug(function, inst, "does not assemble parts")),
        }
    }

    /// A value's own elements.
    fn whole(&self, value: Value) -> Source {
        Source::Shifted(value, vec![0; self.function.ty(value).rank()])
    }

    fn concatenate(&self, parts: &[Value], axis: usize, result: Value) -> Result<Vec<Part>, Error> {
        let mut boxes = Vec::with_capacity(parts.len());
        let mut start = 0;
        for &part in parts {
            let extents = self.function.ty(part).shape.extents();
            let mut target = self.target(self.whole(part), result)?;
            target.offset = start * target.strides[axis];
            start += extents[axis] as i64;
            if self.is_there(part, &target) {
                continue;
            }
            boxes.push(Part::Box(PositionBox::new(extents, vec![target])));
        }
        Ok(boxes)
    }

    /// Whether a value was stored where it is to be stored. Both are dense there: what is put together has neither rows apart nor another order of axes.
    fn is_there(&self, value: Value, target: &Target) -> bool {
        let Location { buffer, offset } = &target.location;
        let stored = self.buffers.get(stored_as(self.function, value));
        stored.is_some_and(|at| at.buffer == *buffer && at.offset == offset.plus_constant(target.offset))
    }

    fn pad(&self, operand: Value, fill: Value, spec: &PadSpec, result: Value) -> Result<Vec<Part>, Error> {
        let extents = self.function.ty(result).shape.extents();
        let operand_extents = self.function.ty(operand).shape.extents();
        let landing: Vec<Landing> =
            (0..extents.len()).map(|axis| Landing::new(spec, axis, operand_extents[axis], extents[axis])).collect();
        let first = landing.iter().map(|axis| axis.first).collect();
        let mut target = self.target(Source::Shifted(operand, first), result)?;
        for (stride, axis) in target.strides.iter_mut().zip(&landing) {
            target.offset += *stride * axis.start;
            *stride *= axis.step;
        }
        let kept = landing.iter().map(|axis| axis.count).collect();
        let fill = vec![self.target(Source::Scalar(fill), result)?];
        Ok(vec![Part::Box(PositionBox::new(extents, fill)), Part::Box(PositionBox::new(kept, vec![target]))])
    }

    /// A copy of an operand to where a result is, unless that is its own place.
    fn copy_unless_there(&self, operand: Value, result: Value) -> Result<Vec<Part>, Error> {
        if self.buffers.share(operand, result) {
            return Ok(Vec::new());
        }
        let targets = vec![self.target(self.whole(operand), result)?];
        let extents = self.function.ty(result).shape.extents();
        Ok(vec![Part::Box(PositionBox::new(extents, targets))])
    }

    /// The operand with updates stored in windows.
    fn update(
        &self,
        operand: Value,
        result: Value,
        updates: Value,
        windows: Windows,
        combine: Option<Binary>,
    ) -> Result<Vec<Part>, Error> {
        let mut parts = self.copy_unless_there(operand, result)?;
        let extents = self.function.ty(updates).shape.extents();
        let target = self.target(self.whole(updates), result)?;
        let strides = windows.strides(&target.strides, extents.len());
        let windows = Some((windows, target.strides));
        let targets = vec![Target { strides, windows, combine, ..target }];
        parts.push(Part::Box(PositionBox::new(extents, targets)));
        Ok(parts)
    }

    fn windows_of_updates(&self, (x, indices): (Value, Value), dims: &WindowDims, updates: Value) -> Windows {
        let shape = &self.function.ty(updates).shape;
        let kept = |axis: usize| !dims.collapsed.contains(&axis) && !dims.operand_batch.contains(&axis);
        // The axes of the updates that run over a window pair with those of the operand that the updates have, in order.
        let size = |axis: usize| {
            let number = (0..axis).filter(|&before| kept(before)).count();
            let extent = dims.offset.get(number).and_then(|&of_updates| shape.extent(of_updates));
            if kept(axis) { extent.unwrap_or(1) } else { 1 }
        };
        Windows::of_vectors(self.function, (x, indices), dims, shape.rank(), size)
    }

    fn overlap_add(&self, windows: Value, spec: &WindowSpec, result: Value) -> Result<Vec<Part>, Error> {
        let dtype = self.function.ty(result).dtype;
        let zeros = vec![self.target(Source::Constant(Scalar::from_f64(dtype, 0.0)), result)?];
        let extents = self.function.ty(result).shape.extents();
        let counts = self.function.ty(windows).shape.extents();
        let mut target = self.target(self.whole(windows), result)?;
        let all = 0..spec.axes.len();
        let overlap =
            all.clone().any(|n| spec.size[n].saturating_sub(1).saturating_mul(spec.dilation[n]) >= spec.stride[n]);
        let dense = |n: usize| spec.size[n] == spec.stride[n] && (spec.dilation[n] == 1 || spec.size[n] == 1);
        let covers = all.into_iter().all(|n| {
            let axis = spec.axes[n];
            dense(n) && counts[axis] * spec.size[n] == extents[axis]
        });
        let mut strides = target.strides.clone();
        for (number, &axis) in spec.axes.iter().enumerate() {
            strides[axis] = target.strides[axis] * spec.stride[number] as i64;
            strides.push(target.strides[axis] * spec.dilation[number] as i64);
        }
        (target.strides, target.combine) = (strides, overlap.then_some(Binary::Add));
        let zeros = (overlap || !covers).then(|| Part::Box(PositionBox::new(extents, zeros)));
        Ok(zeros.into_iter().chain([Part::Box(PositionBox::new(counts, vec![target]))]).collect())
    }

    fn sort(
        &self,
        operands: &[Value],
        results: &[Value],
        (axis, keys, descending): (usize, usize, bool),
        names: &mut Names,
        program: &mut Program,
    ) -> Result<Vec<Part>, Error> {
        let Some(&first) = operands.first() else { return Ok(Vec::new()) };
        let ty = self.function.ty(first);
        let extents = ty.shape.extents();
        let count = extents[axis];
        if ty.elements() == 0 {
            return Ok(Vec::new());
        }
        let words = operands[..keys].iter().map(|&key| Routine::scratch_per_key(self.function.ty(key).dtype)).max();
        let size = (DType::I64, count * words.unwrap_or(1));
        let scratch = names.buffer(program, "scratch", size, Space::Arena(0));
        let order = Location::whole(names.buffer(program, "order", (DType::I32, ty.elements()), Space::Arena(0)));
        let mut nest = Nest::new(program);
        let mut position = Position::new();
        for (number, &extent) in extents.iter().enumerate() {
            let index = (number != axis && extent != 1).then(|| nest.open(extent, 1, &[]).0);
            position.push(index.map(Affine::counter).unwrap_or_default());
        }
        let line = |location: &Location, index: Affine, extent: usize, stride: i64| View {
            buffer: location.buffer,
            index: index.plus(&location.offset, 1),
            axes: smallvec![ViewAxis { extent, stride }],
        };
        let out = line(&order, address(&order_strides(&extents, axis), &position), count, 1);
        for (number, &key) in operands[..keys].iter().enumerate().rev() {
            let strides = self.function.ty(key).shape.strides();
            let words = Routine::scratch_per_key(self.function.ty(key).dtype);
            let scratch = line(&Location::whole(scratch), Affine::default(), count * words, 1);
            let keys_line = line(self.location(key)?, address(&strides, &position), count, strides[axis] as i64);
            let routine = Routine::Argsort { descending, refine: number + 1 < keys };
            nest.call(RuntimeCall { routine, views: vec![out.clone(), scratch, keys_line] });
        }
        while nest.depth() > 0 {
            nest.close(&[]);
        }
        let mut parts = vec![Part::Stmts(nest.finish(program))];
        for (&value, &result) in operands.iter().zip(results) {
            if self.buffers.get(result).is_none() {
                continue;
            }
            let targets = vec![self.target(Source::Ordered { value, order: order.clone(), axis }, result)?];
            parts.push(Part::Box(PositionBox::new(extents.clone(), targets)));
        }
        Ok(parts)
    }

    fn cholesky(&self, a: Value, result: Value, program: &mut Program) -> Result<Part, Error> {
        let n = self.function.ty(a).shape.extents().last().copied().unwrap_or(0);
        self.for_each_matrix(&[result, a], program, |matrices| RuntimeCall {
            routine: Routine::Cholesky,
            views: matrices.iter().map(|matrix| matrix.view([n, n], false)).collect(),
        })
    }

    fn triangular_solve(&self, a: Value, x: Value, system: System, program: &mut Program) -> Result<Part, Error> {
        let extents = self.function.ty(x).shape.extents();
        let &[.., rows, columns] = &extents[..] else {
            return Err(Error::Bug { stage: "lower", message: "a system without a matrix".into() });
        };
        let System { left, lower, transpose, unit } = system;
        // X op(A) = B is op(A)ᵀ Xᵀ = Bᵀ.
        let turned = transpose == left;
        let (n, m) = if left { (rows, columns) } else { (columns, rows) };
        self.for_each_matrix(&[x, a], program, |matrices| RuntimeCall {
            routine: Routine::TriangularSolve { lower: lower != turned, unit },
            views: vec![matrices[0].view([n, m], !left), matrices[1].view([n, n], turned)],
        })
    }

    /// Calls for the matrices in the last two axes of values with the same axes before, if there are any elements.
    fn for_each_matrix(
        &self,
        values: &[Value],
        program: &mut Program,
        call: impl FnOnce(&[MatrixAt]) -> RuntimeCall,
    ) -> Result<Part, Error> {
        let extents = values.first().map(|&value| self.function.ty(value).shape.extents()).unwrap_or_default();
        if extents.contains(&0) {
            return Ok(Part::Stmts(Vec::new()));
        }
        let mut nest = Nest::new(program);
        let batch = extents.len().saturating_sub(2);
        let mut position = Position::new();
        for &extent in &extents[..batch] {
            let index = (extent != 1).then(|| nest.open(extent, 1, &[]).0);
            position.push(index.map(Affine::counter).unwrap_or_default());
        }
        let mut matrices = Vec::with_capacity(values.len());
        for &value in values {
            let strides = strides_of(self.function, value);
            let location = self.location(value)?;
            let axes = position.iter().zip(&strides);
            let start = axes.fold(location.offset.clone(), |sum, (at, &stride)| sum.plus(at, stride));
            matrices.push(MatrixAt { location, start, strides: [strides[batch], strides[batch + 1]] });
        }
        nest.call(call(&matrices));
        while nest.depth() > 0 {
            nest.close(&[]);
        }
        Ok(Part::Stmts(nest.finish(program)))
    }
}

/// Which triangular system: `op(A) X = B` or `X op(A) = B`.
#[derive(Clone, Copy)]
struct System {
    left: bool,
    lower: bool,
    transpose: bool,
    unit: bool,
}

/// A matrix in memory.
struct MatrixAt<'a> {
    location: &'a Location,
    start: Affine,
    strides: [i64; 2],
}

impl MatrixAt<'_> {
    /// The matrix or its transpose, as a view of these extents.
    fn view(&self, extents: [usize; 2], transposed: bool) -> View {
        let [rows, columns] = self.strides;
        let strides = if transposed { [columns, rows] } else { [rows, columns] };
        let axes: SmallVec<[ViewAxis; 2]> =
            extents.into_iter().zip(strides).map(|(extent, stride)| ViewAxis { extent, stride }).collect();
        View { buffer: self.location.buffer, index: self.start.clone(), axes }
    }
}

/// How an update is combined with what is there; `None` if it replaces it.
const fn combination(kind: ScatterKind) -> Option<Binary> {
    match kind {
        ScatterKind::Set => None,
        ScatterKind::Add => Some(Binary::Add),
        ScatterKind::Mul => Some(Binary::Mul),
        ScatterKind::Min => Some(Binary::Min),
        ScatterKind::Max => Some(Binary::Max),
    }
}

/// Strides of a dense array of these extents with one axis moved to the end, in the order of the axes as they were.
fn order_strides(extents: &[usize], axis: usize) -> Vec<usize> {
    let mut strides = vec![1; extents.len()];
    let mut next = extents[axis];
    for number in (0..extents.len()).rev().filter(|&number| number != axis) {
        strides[number] = next;
        next *= extents[number];
    }
    strides
}

impl Eval<'_> {
    /// The element of a value in memory that is at a position when it is ordered along an axis.
    pub(super) fn ordered(
        &mut self,
        value: Value,
        order: &Location,
        axis: usize,
        position: &Position,
    ) -> Result<Var, Error> {
        let ty = self.function.ty(value);
        let extents = ty.shape.extents();
        let place = self.nest.load(DType::I32, order, address(&order_strides(&extents, axis), position));
        let vector = || Error::Bug { stage: "lower", message: "a vector of places".into() };
        let mut from = position.clone();
        from[axis] = self.nest.bind(place, extents[axis]).ok_or_else(vector)?;
        self.eval(value, &from)
    }
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
