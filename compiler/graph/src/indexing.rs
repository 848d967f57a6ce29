//! Parts at positions that tensors hold: picking them, and writing them.
//!
//! Positions are integers of any type and count from 0. They do not count from the end where they are negative, as they do in
//! NumPy and in [`Tensor::slice`]: what they are is known at run time only. A position outside the tensor is *moved inside*
//! unless a method says otherwise or gets an [`OutOfBounds`].

use pullback_ir::{GatherSpec, Op, OutOfBounds, ScatterKind, WindowDims};

use crate::operand::Operand;
use crate::tensor::Tensor;

/// Boxes at positions known at run time.
impl<'g> Tensor<'g> {
    /// The box of extents `sizes` that begins at `starts`, one integer scalar per axis, all of one type. It is moved inside as a
    /// whole.
    #[track_caller]
    pub fn dynamic_slice(self, starts: impl AsRef<[Tensor<'g>]>, sizes: impl AsRef<[usize]>) -> Self {
        let graph = self.graph();
        let Some(shape) = graph.make_shape("dynamic_slice", sizes.as_ref()) else { return graph.placeholder() };
        graph.emit(Op::DynamicSlice(Box::new(shape)), &[&[self], starts.as_ref()].concat())
    }

    /// This tensor with the box that begins at `starts` replaced by `update`; otherwise as [`Tensor::dynamic_slice`].
    #[track_caller]
    pub fn dynamic_update_slice(self, update: Tensor<'g>, starts: impl AsRef<[Tensor<'g>]>) -> Self {
        self.graph().emit(Op::DynamicUpdateSlice, &[&[self, update], starts.as_ref()].concat())
    }

    /// The position `index`, an integer scalar, of an axis, which disappears.
    #[track_caller]
    pub fn dynamic_index(self, axis: isize, index: Tensor<'g>) -> Self {
        let Some(at) = self.axis("dynamic_index", axis) else { return self.graph().placeholder() };
        let mut dims = self.dims();
        dims[at] = 1;
        let one = self.dynamic_slice(self.starts(at, index), &dims);
        if self.graph().has_failed() { one } else { one.squeeze([axis]) }
    }

    /// This tensor with the position `index`, an integer scalar, of an axis replaced by `update`, which has not this axis.
    #[track_caller]
    pub fn dynamic_update_index(self, axis: isize, index: Tensor<'g>, update: Tensor<'g>) -> Self {
        let Some(at) = self.axis("dynamic_update_index", axis) else { return self.graph().placeholder() };
        let mut dims = self.dims();
        dims.remove(at);
        if update.dims() != dims {
            let message = format!("the update is {}, expected extents {dims:?}", update.ty());
            return self.graph().fail("dynamic_update_index", message);
        }
        self.dynamic_update_slice(update.expand_dims(at.cast_signed()), self.starts(at, index))
    }

    /// Starts of a box: `index` on one axis, 0 on the others.
    #[track_caller]
    fn starts(self, axis: usize, index: Tensor<'g>) -> Vec<Tensor<'g>> {
        let zero = self.graph().splat("dynamic_slice", &index.ty(), 0.into());
        let mut starts = vec![zero; self.rank()];
        starts[axis] = index;
        starts
    }
}

/// Picking many positions.
impl<'g> Tensor<'g> {
    /// The positions of an axis that `indices`, integers of any shape, name; as `take` of NumPy.
    ///
    /// The axis is replaced by those of `indices`: `[a, n, b]` and indices `[p, q]` along axis 1 give `[a, p, q, b]`.
    #[track_caller]
    pub fn take(self, indices: Tensor<'g>, axis: isize) -> Self {
        self.take_with(indices, axis, OutOfBounds::Clamp)
    }

    /// As [`Tensor::take`]; with [`OutOfBounds::Drop`] a position outside gives zeros.
    #[track_caller]
    pub fn take_with(self, indices: Tensor<'g>, axis: isize, mode: OutOfBounds) -> Self {
        let Some(axis) = self.axis("take", axis) else { return self.graph().placeholder() };
        let mut sizes = self.dims();
        sizes[axis] = 1;
        self.gather(indices, GatherSpec { dims: self.axis_windows(indices, axis, mode), sizes: sizes.into() })
    }

    /// The element that `indices` name along an axis, for each position of the other axes; as `take_along_axis` of NumPy.
    ///
    /// `indices` has this tensor's extents on the other axes; the result has its shape. With [`Tensor::argsort`] it sorts, with
    /// [`Tensor::argmax`] and an axis of extent 1 it picks the largest.
    #[track_caller]
    pub fn take_along_axis(self, indices: Tensor<'g>, axis: isize) -> Self {
        let Some(axis) = self.axis("take_along_axis", axis) else { return self.graph().placeholder() };
        let others: Vec<usize> = (0..self.rank()).filter(|&other| other != axis).collect();
        if indices.rank() != self.rank() {
            let message = format!("indices {} for {}, expected the same number of axes", indices.ty(), self.ty());
            return self.graph().fail("take_along_axis", message);
        }
        let dims = WindowDims {
            offset: [].into(),
            collapsed: [axis].into(),
            operand_batch: others.clone().into(),
            indices_batch: others.into(),
            map: [axis].into(),
            vector_axis: indices.rank(),
            mode: OutOfBounds::Clamp,
        };
        self.gather(indices, GatherSpec { dims, sizes: vec![1; self.rank()].into() })
    }

    /// The axis roles of single positions along one axis.
    fn axis_windows(self, indices: Tensor<'g>, axis: usize, mode: OutOfBounds) -> WindowDims {
        let behind = axis + indices.rank();
        WindowDims {
            offset: (0..axis).chain(behind..behind + self.rank() - axis - 1).collect(),
            collapsed: [axis].into(),
            operand_batch: [].into(),
            indices_batch: [].into(),
            map: [axis].into(),
            vector_axis: indices.rank(),
            mode,
        }
    }

    /// Windows of this tensor at `indices`, in general. [`WindowDims`] says which axes of what mean what.
    #[track_caller]
    pub fn gather(self, indices: Tensor<'g>, spec: GatherSpec) -> Self {
        self.graph().emit(Op::Gather(Box::new(spec)), &[self, indices])
    }

    /// This tensor with windows at `indices` combined with `updates`, in general. [`WindowDims`] says which axes of what mean what.
    ///
    /// Updates are applied one after the other, in row-major order.
    #[track_caller]
    pub fn scatter(self, kind: ScatterKind, indices: Tensor<'g>, updates: Tensor<'g>, dims: WindowDims) -> Self {
        self.graph().emit(Op::Scatter { kind, dims: Box::new(dims) }, &[self, indices, updates])
    }

    /// The positions of the first axis that `indices`, integers of any shape, name, to be read or written: `x.at(ids).add(rows)`.
    #[track_caller]
    pub fn at(self, indices: Tensor<'g>) -> At<'g> {
        self.at_axis(indices, 0)
    }

    /// As [`Tensor::at`], for any axis.
    #[track_caller]
    pub fn at_axis(self, indices: Tensor<'g>, axis: isize) -> At<'g> {
        // A mistake is recorded, and the axis does not matter any more.
        let axis = self.axis("at", axis).unwrap_or(0);
        At { tensor: self, indices, axis, mode: OutOfBounds::Drop }
    }
}

/// Positions of an axis of a tensor, made by [`Tensor::at`].
///
/// Methods that write return a new tensor. What they write has the shape that [`At::get`] has, or broadcasts to it. Positions may
/// repeat: updates are applied one after the other, in row-major order of the positions. What is outside is left out: nothing is
/// written, and zeros are read; see [`At::clamp`].
#[derive(Clone, Copy, Debug)]
#[must_use = "this only says where; read or write there"]
pub struct At<'g> {
    tensor: Tensor<'g>,
    indices: Tensor<'g>,
    axis: usize,
    mode: OutOfBounds,
}

#[allow(
    clippy::should_implement_trait,
    reason = "named for what is done at the positions, which are no operand of an operator"
)]
impl<'g> At<'g> {
    /// The same, with positions outside moved inside.
    pub fn clamp(self) -> Self {
        Self { mode: OutOfBounds::Clamp, ..self }
    }

    /// What is there: the axes of the indices in place of the axis, as [`Tensor::take`].
    #[track_caller]
    pub fn get(self) -> Tensor<'g> {
        self.tensor.take_with(self.indices, self.axis.cast_signed(), self.mode)
    }

    /// Replaced by `updates`; of several for one position the last stays.
    #[track_caller]
    pub fn set(self, updates: impl Operand<'g>) -> Tensor<'g> {
        self.scatter(ScatterKind::Set, updates)
    }

    /// With `updates` added.
    #[track_caller]
    pub fn add(self, updates: impl Operand<'g>) -> Tensor<'g> {
        self.scatter(ScatterKind::Add, updates)
    }

    /// Multiplied by `updates`.
    #[track_caller]
    pub fn mul(self, updates: impl Operand<'g>) -> Tensor<'g> {
        self.scatter(ScatterKind::Mul, updates)
    }

    /// The smaller of what is there and `updates`.
    #[track_caller]
    pub fn min(self, updates: impl Operand<'g>) -> Tensor<'g> {
        self.scatter(ScatterKind::Min, updates)
    }

    /// The larger of what is there and `updates`.
    #[track_caller]
    pub fn max(self, updates: impl Operand<'g>) -> Tensor<'g> {
        self.scatter(ScatterKind::Max, updates)
    }

    #[track_caller]
    fn scatter(self, kind: ScatterKind, updates: impl Operand<'g>) -> Tensor<'g> {
        let Self { tensor, indices, axis, mode } = self;
        let graph = tensor.graph();
        let mut dims = tensor.dims();
        if graph.has_failed() || dims.is_empty() {
            return graph.placeholder();
        }
        dims.splice(axis..=axis, indices.dims());
        let Some(updates) = tensor.like(kind.info().name, updates, &dims) else { return graph.placeholder() };
        tensor.scatter(kind, indices, updates, tensor.axis_windows(indices, axis, mode))
    }
}
