//! The operations that read or write at positions known at run time: dynamic slices, gather and scatter.

use std::collections::BTreeMap;

use pullback_ir::{Binary, DType, GatherSpec, OutOfBounds, Scalar, ScatterKind, Type, WindowDims};

use crate::array::Array;
use crate::contract::wide;
use crate::error::Error;
use crate::index::{for_each, offset};
use crate::scalar;

/// An integer, or a truth value as 0 or 1; 0 for floats, which no index is.
pub(crate) fn integer(x: Scalar) -> i64 {
    match x {
        Scalar::I32(x) => x.into(),
        Scalar::I64(x) => x,
        Scalar::U8(x) => x.into(),
        Scalar::Bool(x) => x.into(),
        Scalar::F32(_) | Scalar::F64(_) => 0,
    }
}

/// Where a box of extents `sizes` begins in `x`: each start is clamped so that the box is inside.
fn clamped(x: &Array, sizes: &[usize], starts: &[&Array]) -> Vec<usize> {
    let rooms = x.shape.extents().into_iter().zip(sizes).map(|(extent, size)| extent.saturating_sub(*size));
    let starts = starts.iter().map(|start| start.get(0).map_or(0, integer));
    // Extents are far below 2^63.
    rooms.zip(starts).map(|(room, start)| start.clamp(0, room as i64) as usize).collect()
}

/// The box of the result's shape at `starts`.
pub(crate) fn dynamic_slice(x: &Array, starts: &[&Array], result: &Type) -> Result<Array, Error> {
    let strides = x.shape.strides();
    let base = offset(&clamped(x, &result.shape.extents(), starts), &strides);
    Array::build(result, |index| x.get(base + offset(index, &strides)))
}

/// `x` with the box at `starts` replaced.
pub(crate) fn dynamic_update_slice(x: &Array, update: &Array, starts: &[&Array]) -> Result<Array, Error> {
    let mut copy = x.try_clone()?;
    write_box(&mut copy, update, starts)?;
    Ok(copy)
}

/// Replaces the box of `x` at `starts`.
pub(crate) fn write_box(x: &mut Array, update: &Array, starts: &[&Array]) -> Result<(), Error> {
    let strides = x.shape.strides();
    let base = offset(&clamped(x, &update.shape.extents(), starts), &strides);
    let mut elements = update.elements.iter();
    for_each(&update.shape, |index| match elements.next() {
        Some(element) => x.set(base + offset(index, &strides), element),
        None => Ok(()),
    })
}

/// The windows at `indices`; in mode `drop`, zeros for those that are not inside.
pub(crate) fn gather(x: &Array, indices: &Array, spec: &GatherSpec, result: &Type) -> Result<Array, Error> {
    let windows = Windows::new(x, indices, result.rank(), &spec.dims, spec.sizes.to_vec());
    let zero = Scalar::from_f64(x.dtype(), 0.0);
    Array::build(result, |index| match windows.place(index) {
        Some(place) => x.get(place),
        None => Some(zero),
    })
}

/// `x` with windows at `indices` combined with `updates`, one update after the other in row-major order. Sums and products of `f32` are rounded
/// once.
pub(crate) fn scatter(
    kind: ScatterKind,
    x: &Array,
    indices: &Array,
    updates: &Array,
    dims: &WindowDims,
) -> Result<Array, Error> {
    let extents = updates.shape.extents();
    let mut window = dims.offset.iter().map(|&axis| extents[axis]);
    let left_out = |axis: &usize| dims.collapsed.contains(axis) || dims.operand_batch.contains(axis);
    let sizes = (0..x.shape.rank()).map(|axis| if left_out(&axis) { 1 } else { window.next().unwrap_or(1) }).collect();
    let windows = Windows::new(x, indices, updates.shape.rank(), dims, sizes);
    let step = match kind {
        ScatterKind::Set => None,
        ScatterKind::Add => Some(Binary::Add),
        ScatterKind::Mul => Some(Binary::Mul),
        ScatterKind::Min => Some(Binary::Min),
        ScatterKind::Max => Some(Binary::Max),
    };
    // What has been accumulated where; every other element keeps its bits.
    let mut totals: BTreeMap<usize, Scalar> = BTreeMap::new();
    let mut elements = updates.elements.iter();
    for_each(&updates.shape, |index| {
        let (Some(update), Some(place)) = (elements.next(), windows.place(index)) else { return Ok::<(), Error>(()) };
        let total = match step {
            None => Some(update),
            Some(step) => {
                let total = totals.get(&place).copied().or_else(|| x.get(place));
                total.and_then(|total| combine(step, total, update))
            }
        };
        let total = total.ok_or_else(|| Error::Op { op: kind.info().name, message: format!("nothing at {place}") })?;
        totals.insert(place, total);
        Ok(())
    })?;
    let mut result = x.try_clone()?;
    for (place, total) in totals {
        result.set(place, scalar::convert(total, x.dtype()))?;
    }
    Ok(result)
}

/// One step, in the type that sums and products are accumulated in.
fn combine(step: Binary, total: Scalar, update: Scalar) -> Option<Scalar> {
    let to: DType = wide(update.dtype());
    scalar::binary(step, scalar::convert(total, to), scalar::convert(update, to))
}

/// The windows of an operand at indices, and the tensor `w` whose axes are those of the windows and of the indices.
struct Windows<'a> {
    dims: &'a WindowDims,
    indices: &'a Array,
    index_strides: Vec<usize>,
    /// The axes of `w` that run over windows, and for each the axis of the indices that it pairs with.
    batch: Vec<(usize, usize)>,
    extents: Vec<usize>,
    strides: Vec<usize>,
    sizes: Vec<usize>,
    /// The axes of the operand that pair with `dims.offset`.
    kept: Vec<usize>,
}

impl<'a> Windows<'a> {
    /// `rank` is the rank of `w`.
    fn new(x: &Array, indices: &'a Array, rank: usize, dims: &'a WindowDims, sizes: Vec<usize>) -> Self {
        let of_windows = (0..rank).filter(|axis| !dims.offset.contains(axis));
        let of_indices = (0..indices.shape.rank()).filter(|&axis| axis != dims.vector_axis);
        let left_out = |axis: &usize| dims.collapsed.contains(axis) || dims.operand_batch.contains(axis);
        Self {
            dims,
            indices,
            index_strides: indices.shape.strides(),
            batch: of_windows.zip(of_indices).collect(),
            extents: x.shape.extents(),
            strides: x.shape.strides(),
            sizes,
            kept: (0..x.shape.rank()).filter(|axis| !left_out(axis)).collect(),
        }
    }

    /// The place in memory of the operand's element at position `index` of `w`; `None` if its window is dropped.
    fn place(&self, index: &[usize]) -> Option<usize> {
        let mut position = self.start(index);
        for (axis, start) in position.iter_mut().enumerate() {
            let room = self.extents[axis] as i64 - self.sizes[axis] as i64;
            match self.dims.mode {
                OutOfBounds::Clamp => *start = (*start).clamp(0, room.max(0)),
                OutOfBounds::Drop if (0..=room).contains(start) => {}
                OutOfBounds::Drop => return None,
            }
        }
        for (&axis, &at) in self.kept.iter().zip(self.dims.offset.iter()) {
            position[axis] += index[at] as i64;
        }
        Some(position.iter().zip(&self.strides).map(|(&p, stride)| p as usize * stride).sum())
    }

    /// Where the window of that element begins, as the indices say.
    fn start(&self, index: &[usize]) -> Vec<i64> {
        let vector: usize = self.batch.iter().map(|&(at, axis)| index[at] * self.index_strides[axis]).sum();
        // Without an axis of index vectors each index is a vector of one component.
        let step = self.index_strides.get(self.dims.vector_axis).copied().unwrap_or(0);
        let mut start = vec![0; self.extents.len()];
        for (component, &axis) in self.dims.map.iter().enumerate() {
            start[axis] = self.indices.get(vector + component * step).map_or(0, integer);
        }
        for (&axis, paired) in self.dims.operand_batch.iter().zip(self.dims.indices_batch.iter()) {
            let at = self.batch.iter().find(|pair| pair.1 == *paired);
            start[axis] = at.map_or(0, |pair| index[pair.0] as i64);
        }
        start
    }
}
