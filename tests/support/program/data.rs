//! How random programs use what reads at positions, slides windows, sorts and factors.

use pullback_ir::op::Domain;
use pullback_ir::{
    Axes, Builder, ConvSpec, Cumulation, DType, Extremum, GatherSpec, Op, OutOfBounds, PoolSpec, Pooling, ScatterKind,
    Shape, Type, Unary, Value, WindowDims, WindowSpec, infer,
};

use super::{Generator, smooth};

/// The most factors of a product.
const MAX_FACTORS: usize = 8;

/// The most terms of a convolution's element.
const MAX_TERMS: usize = 1 << 12;

impl Generator<'_, '_> {
    /// The bits of a value, none of a float if derivatives are wanted: they jump everywhere.
    pub(super) fn bitcast(&mut self) -> Value {
        let x = self.operand(if self.config.differentiable { Domain::Bits } else { Domain::Any });
        let from = self.b.ty(x).dtype;
        let other = match from {
            DType::F32 => DType::I32,
            DType::F64 => DType::I64,
            DType::I32 => DType::F32,
            DType::I64 => DType::F64,
            DType::U8 | DType::Bool => from,
        };
        let to = if self.config.differentiable || self.rng.chance(0.4) { from } else { other };
        self.b.emit(Op::Bitcast(to), &[x])
    }

    pub(super) fn barrier(&mut self) -> Vec<Value> {
        let operands: Vec<Value> = (0..1 + self.rng.below(3)).map(|_| self.operand(Domain::Any)).collect();
        self.b.barrier(&operands)
    }

    /// A value with an axis, and one of its axes.
    fn line(&mut self, domain: Domain, least: usize) -> Option<(Value, Type, usize)> {
        let x = self.pick(|ty| {
            domain.contains(ty.dtype) && ty.rank() > 0 && ty.shape.extents().iter().any(|&extent| extent >= least)
        })?;
        let ty = self.b.ty(x);
        let axes: Vec<usize> = (0..ty.rank()).filter(|&axis| ty.shape.extent(axis) >= Some(least)).collect();
        let axis = self.rng.pick(&axes);
        Some((x, ty, axis))
    }

    pub(super) fn arg_reduce(&mut self, kind: Extremum) -> Option<Value> {
        let (x, _, axis) = self.line(Domain::Numeric, 1)?;
        let dtype = self.rng.pick(&[DType::I32, DType::I64]);
        Some(self.b.arg_reduce(kind, x, axis, dtype))
    }

    pub(super) fn cumulative(&mut self, kind: Cumulation) -> Option<Value> {
        let (x, ty, axis) = self.line(kind.info().domain, 0)?;
        let extent = ty.shape.extent(axis).unwrap_or(0);
        let reverse = self.rng.chance(0.4);
        let smooth = self.is_smooth(&ty);
        let b = &self.b;
        let run = |x: Value| b.cumulative(kind, x, axis, reverse);
        match kind {
            Cumulation::Mul if ty.dtype.is_float() => (extent <= MAX_FACTORS).then(|| run(factors(b, x))),
            Cumulation::Add if smooth => Some(smooth::scale(b, run(x), 1.0 / extent.max(1) as f64)),
            Cumulation::LogSumExp if smooth => Some(smooth::scale(b, run(x), 0.5)),
            Cumulation::Add | Cumulation::Mul | Cumulation::Max | Cumulation::Min | Cumulation::LogSumExp => {
                Some(run(x))
            }
        }
    }

    /// Positions that may be outside.
    fn starts(&mut self, count: usize) -> Vec<Value> {
        let dtype = self.rng.pick(&[DType::I32, DType::I32, DType::I64, DType::U8]);
        (0..count).map(|_| self.operand_of(&Type::scalar(dtype))).collect()
    }

    /// A shape that fits into another.
    fn part_of(&mut self, shape: &Shape) -> Shape {
        let extents: Vec<usize> = shape.extents().into_iter().map(|extent| self.part(extent)).collect();
        Shape::new(&extents).expect("smaller than another")
    }

    /// At most `extent`, and rarely 0.
    fn part(&mut self, extent: usize) -> usize {
        if extent == 0 || self.rng.chance(0.03) { 0 } else { 1 + self.rng.below(extent) }
    }

    pub(super) fn dynamic_slice(&mut self) -> Value {
        let x = self.operand(Domain::Any);
        let shape = self.b.shape(x);
        let part = self.part_of(&shape);
        let starts = self.starts(shape.rank());
        self.b.dynamic_slice(x, &starts, &part)
    }

    pub(super) fn dynamic_update_slice(&mut self) -> Value {
        let x = self.operand(Domain::Any);
        let ty = self.b.ty(x);
        let part = ty.with_shape(self.part_of(&ty.shape));
        let update = self.operand_of(&part);
        let starts = self.starts(ty.rank());
        self.b.dynamic_update_slice(x, update, &starts)
    }

    /// Indices for windows of a value along an axis or two, and how they pick them: the indices' shape, with one or no axis for the vectors.
    fn windows_at(&mut self, ty: &Type) -> (Value, WindowDims, Vec<usize>) {
        let components = 1 + self.rng.below(ty.rank().min(2));
        let map: Vec<usize> = self.rng.shuffled(0..ty.rank()).into_iter().take(components).collect();
        let mut batch: Vec<usize> = (0..self.rng.below(3)).map(|_| self.rng.below(6)).collect();
        let vector_axis = if components == 1 && self.rng.chance(0.6) {
            batch.len()
        } else {
            let place = self.rng.below(batch.len() + 1);
            batch.insert(place, components);
            place
        };
        let dtype = self.rng.pick(&[DType::I32, DType::I32, DType::I64, DType::U8]);
        let indices = self.operand_of(&Type::new(dtype, &batch).expect("small"));
        if vector_axis < batch.len() {
            batch.remove(vector_axis);
        }
        // Left out are some axes on which the window has extent 1.
        let sizes: Vec<usize> = (0..ty.rank())
            .map(|axis| {
                let extent = ty.shape.extent(axis).unwrap_or(0);
                if map.contains(&axis) && extent > 0 && self.rng.chance(0.5) { 1 } else { self.part(extent) }
            })
            .collect();
        let collapsed: Axes = (0..ty.rank()).filter(|&axis| sizes[axis] == 1 && self.rng.chance(0.7)).collect();
        let kept = ty.rank() - collapsed.len();
        let places = self.rng.shuffled(0..batch.len() + kept);
        let mut offset: Vec<usize> = places.into_iter().take(kept).collect();
        offset.sort_unstable();
        let mode = self.rng.pick(OutOfBounds::ALL);
        let none = Axes::default;
        let dims = WindowDims {
            offset: offset.into(),
            collapsed,
            operand_batch: none(),
            indices_batch: none(),
            map: map.into(),
            vector_axis,
            mode,
        };
        (indices, dims, sizes)
    }

    pub(super) fn gather(&mut self) -> Option<Value> {
        let (x, ty, _) = self.line(Domain::Any, 0)?;
        let (indices, dims, sizes) = self.windows_at(&ty);
        let op = Op::Gather(Box::new(GatherSpec { dims, sizes: sizes.into() }));
        let result = self.inferred(&op, &[x, indices])?;
        self.fits(&result.shape.extents()).then(|| self.b.emit(op, &[x, indices]))
    }

    pub(super) fn scatter(&mut self, kind: ScatterKind) -> Option<Value> {
        let (x, ty, _) = self.line(kind.info().domain, 0)?;
        let (indices, dims, sizes) = self.windows_at(&ty);
        let spec = GatherSpec { dims: dims.clone(), sizes: sizes.into() };
        let updates = self.inferred(&Op::Gather(Box::new(spec)), &[x, indices])?;
        if !self.fits(&updates.shape.extents()) {
            return None;
        }
        let update = self.operand_of(&updates);
        let smooth = self.is_smooth(&ty);
        let b = &self.b;
        let run = |x: Value, update: Value| b.scatter(kind, x, indices, update, dims.clone());
        match kind {
            ScatterKind::Mul if ty.dtype.is_float() => {
                (updates.elements() <= MAX_FACTORS).then(|| run(factors(b, x), factors(b, update)))
            }
            ScatterKind::Add if smooth => Some(smooth::scale(b, run(x, update), 1.0 / (1 + updates.elements()) as f64)),
            ScatterKind::Set | ScatterKind::Add | ScatterKind::Mul | ScatterKind::Min | ScatterKind::Max => {
                Some(run(x, update))
            }
        }
    }

    /// The type of an operation's one result; `None` if attributes drawn at random do not fit.
    fn inferred(&self, op: &Op, args: &[Value]) -> Option<Type> {
        let types: Vec<Type> = args.iter().map(|&arg| self.b.ty(arg)).collect();
        let types: Vec<&Type> = types.iter().collect();
        infer::infer(self.b.module(), op, &types, &[]).ok()?.pop()
    }

    fn window_spec(&mut self, shape: &Shape) -> WindowSpec {
        let axes = self.some_axes(shape);
        let size: Vec<usize> =
            axes.iter().map(|&axis| 1 + self.rng.below(shape.extent(axis).unwrap_or(0).clamp(1, 4))).collect();
        let mut steps = || axes.iter().map(|_| if self.rng.chance(0.7) { 1 } else { 1 + self.rng.below(3) }).collect();
        WindowSpec { stride: steps(), dilation: steps(), size: size.into(), axes }
    }

    pub(super) fn windows(&mut self) -> Option<Value> {
        let x = self.operand(Domain::Any);
        let op = Op::Windows(Box::new(self.window_spec(&self.b.shape(x))));
        let result = self.inferred(&op, &[x])?;
        self.fits(&result.shape.extents()).then(|| self.b.emit(op, &[x]))
    }

    pub(super) fn overlap_add(&mut self) -> Option<Value> {
        let like = self.operand(Domain::Numeric);
        let ty = self.b.ty(like);
        let spec = self.window_spec(&ty.shape);
        let windows = self.inferred(&Op::Windows(Box::new(spec.clone())), &[like])?;
        if !self.fits(&windows.shape.extents()) {
            return None;
        }
        let x = self.operand_of(&windows);
        let terms: usize = spec.size.iter().product();
        let y = self.b.overlap_add(x, spec, &ty.shape);
        Some(if self.is_smooth(&ty) { smooth::scale(&self.b, y, 1.0 / terms as f64) } else { y })
    }

    /// Windows that meet an element each, if there are any and nothing is dilated.
    fn pool_spec(&mut self, shape: &Shape, dilated: bool) -> PoolSpec {
        let size: Vec<usize> =
            shape.extents().into_iter().map(|extent| 1 + self.rng.below(extent.clamp(1, 4))).collect();
        let mut steps = |likely: f64, most: usize| -> Box<[usize]> {
            size.iter().map(|_| if self.rng.chance(likely) { 1 } else { 1 + self.rng.below(most) }).collect()
        };
        let stride = steps(0.6, 3);
        let (base_dilation, dilation) =
            if dilated { (steps(0.7, 3), steps(0.7, 2)) } else { (steps(1.0, 1), steps(1.0, 1)) };
        let mut padding = || -> Box<[i64]> {
            size.iter().map(|&size| if self.rng.chance(0.6) { 0 } else { self.rng.below(size) as i64 }).collect()
        };
        let (low, high) = (padding(), padding());
        PoolSpec { size: size.into(), stride, low, high, base_dilation, dilation }
    }

    pub(super) fn reduce_window(&mut self, kind: Pooling) -> Option<Value> {
        let x = self.operand(Domain::Numeric);
        let ty = self.b.ty(x);
        let smooth = self.is_smooth(&ty);
        if smooth && ty.elements() == 0 {
            return None;
        }
        // Windows of padding alone are infinite.
        let spec = self.pool_spec(&ty.shape, !smooth || kind == Pooling::Add);
        let count: usize = spec.size.iter().product();
        let op = Op::ReduceWindow { kind, spec: Box::new(spec) };
        let result = self.inferred(&op, &[x])?;
        if !self.fits(&result.shape.extents()) {
            return None;
        }
        let y = self.b.emit(op, &[x]);
        Some(if smooth && kind == Pooling::Add { smooth::scale(&self.b, y, 1.0 / count as f64) } else { y })
    }

    pub(super) fn select_and_scatter(&mut self, kind: Extremum) -> Option<Value> {
        let x = self.operand(Domain::Numeric);
        let ty = self.b.ty(x);
        let spec = self.pool_spec(&ty.shape, false);
        let count: usize = spec.size.iter().product();
        let pooled = self.inferred(&Op::ReduceWindow { kind: Pooling::Max, spec: Box::new(spec.clone()) }, &[x])?;
        if !self.fits(&pooled.shape.extents()) {
            return None;
        }
        let source = self.operand_of(&pooled);
        let y = self.b.select_and_scatter(kind, x, source, spec);
        Some(if self.is_smooth(&ty) { smooth::scale(&self.b, y, 1.0 / count as f64) } else { y })
    }

    pub(super) fn conv(&mut self) -> Option<Value> {
        let x = self.pick(|ty| Domain::Numeric.contains(ty.dtype) && (2..=4).contains(&ty.rank()))?;
        let ty = self.b.ty(x);
        let rank = ty.rank();
        let lhs = self.rng.shuffled(0..rank);
        let extents = ty.shape.extents();
        let (batch, features) = (extents[lhs[0]], extents[lhs[1]]);
        let groups = if features > 0 && features.is_multiple_of(2) && self.rng.chance(0.3) { 2 } else { 1 };
        let batch_groups =
            if groups == 1 && batch > 0 && batch.is_multiple_of(2) && self.rng.chance(0.2) { 2 } else { 1 };
        let rhs = self.rng.shuffled(0..rank);
        let mut kernel = vec![0; rank];
        kernel[rhs[0]] = groups * batch_groups * (1 + self.rng.below(3));
        kernel[rhs[1]] = features / groups;
        for s in 2..rank {
            kernel[rhs[s]] = 1 + self.rng.below(extents[lhs[s]].clamp(1, 3));
        }
        let mut steps =
            |likely: f64| -> Box<[usize]> { (2..rank).map(|_| if self.rng.chance(likely) { 1 } else { 2 }).collect() };
        let (stride, lhs_dilation, rhs_dilation) = (steps(0.7), steps(0.8), steps(0.8));
        let mut padding = || -> Box<[i64]> { (2..rank).map(|_| self.rng.below(4) as i64 - 1).collect() };
        let (low, high) = (padding(), padding());
        let spec = ConvSpec {
            lhs: lhs.into(),
            rhs: rhs.into(),
            out: self.rng.shuffled(0..rank).into(),
            stride,
            low,
            high,
            lhs_dilation,
            rhs_dilation,
            feature_groups: groups,
            batch_groups,
        };
        let kernel = Type::new(ty.dtype, &kernel).ok()?;
        let terms = kernel.elements();
        if !self.fits(&kernel.shape.extents()) || terms > MAX_TERMS {
            return None;
        }
        let kernel = self.operand_of(&kernel);
        let op = Op::Conv(Box::new(spec));
        let result = self.inferred(&op, &[x, kernel])?;
        if !self.fits(&result.shape.extents()) {
            return None;
        }
        let y = self.b.emit(op, &[x, kernel]);
        Some(if self.is_smooth(&ty) { smooth::scale(&self.b, y, 0.25 / terms.max(1) as f64) } else { y })
    }

    pub(super) fn sort(&mut self) -> Option<Vec<Value>> {
        let (x, ty, axis) = self.line(Domain::Any, 0)?;
        let mut operands = vec![x];
        for _ in 0..self.rng.below(3) {
            operands.extend(self.pick(|found| found.shape == ty.shape));
        }
        let keys = 1 + self.rng.below(operands.len());
        let descending = self.rng.chance(0.4);
        Some(self.b.sort(&operands, axis, keys, descending))
    }

    pub(super) fn top_k(&mut self) -> Option<Vec<Value>> {
        let x = self.pick(|ty| Domain::Numeric.contains(ty.dtype) && ty.rank() > 0)?;
        let extent = self.b.shape(x).extents().last().copied()?;
        let k = self.part(extent);
        Some(self.b.top_k(x, k))
    }

    pub(super) fn random_bits(&mut self) -> Value {
        let key = self.operand_of(&Type::new(DType::I32, &[2]).expect("small"));
        let ty = Type { dtype: self.rng.pick(&[DType::I32, DType::I64]), shape: self.shape() };
        self.b.emit(Op::RandomBits(Box::new(ty)), &[key])
    }

    /// Square matrices with elements between -1 and 1, or NaN.
    fn matrices(&mut self) -> Option<(Value, Type, usize)> {
        let n = 1 + self.rng.below(5);
        let mut extents = if self.rng.chance(0.3) { vec![self.rng.below(4)] } else { Vec::new() };
        extents.extend([n, n]);
        let dtype = self.rng.pick(self.config.floats);
        let ty = Type::new(dtype, &extents).ok()?;
        if !self.fits(&extents) {
            return None;
        }
        let x = self.operand_of(&ty);
        Some((self.b.sin(x), ty, n))
    }

    /// `factor` on the diagonals, 0 elsewhere.
    fn diagonal(&self, ty: &Type, factor: f64) -> Value {
        let positions = ty.with_dtype(DType::I32);
        let (rows, columns) = (ty.rank() - 2, ty.rank() - 1);
        let b = &self.b;
        let on = b.compare(pullback_ir::Comparison::Eq, b.iota(positions.clone(), rows), b.iota(positions, columns));
        b.select(on, b.splat(ty, factor), b.splat(ty, 0.0))
    }

    /// Of a matrix that is far from singular.
    pub(super) fn cholesky(&mut self) -> Option<Value> {
        let (x, ty, n) = self.matrices()?;
        // Only the lower triangle is read, so symmetry does not matter; the diagonal dominates.
        let a = self.b.add(x, self.diagonal(&ty, 1.5 + n as f64));
        Some(self.b.emit(Op::Cholesky, &[a]))
    }

    pub(super) fn triangular_solve(&mut self) -> Option<Value> {
        let (x, ty, n) = self.matrices()?;
        let a = self.b.add(smooth::scale(&self.b, x, 0.3), self.diagonal(&ty, 2.0));
        let [left, lower, transpose, unit] = [0.5; 4].map(|share| self.rng.chance(share));
        let mut extents = ty.shape.extents();
        let free = if left { ty.rank() - 1 } else { ty.rank() - 2 };
        extents[free] = self.rng.below(2 * n + 1);
        let right = Type::new(ty.dtype, &extents).ok()?;
        if !self.fits(&extents) {
            return None;
        }
        let right = self.operand_of(&right);
        // What is infinite overflows on the way or does not.
        let right = if self.config.differentiable { right } else { self.b.sin(right) };
        Some(self.b.emit(Op::TriangularSolve { left, lower, transpose, unit }, &[a, right]))
    }

    /// An operation of one operand.
    pub(super) fn unary(&mut self, op: Unary, domain: Domain) -> Value {
        // Differences do not see that the derivative is stopped.
        let stopped = op == Unary::StopGradient && self.config.differentiable;
        let x = self.operand(if stopped { Domain::Bits } else { domain });
        if self.is_smooth(&self.b.ty(x)) { smooth::unary(&self.b, op, x) } else { self.b.unary(op, x) }
    }
}

/// Factors from 0.85 to 1.15.
fn factors(b: &Builder<'_>, x: Value) -> Value {
    let one = b.splat_like(x, 1.0);
    b.add(one, smooth::scale(b, b.sin(x), 0.15))
}
