//! The operations that make or move elements: each is a map from result positions to operand positions.
//!
//! Operands and result types fit the operation: [`evaluate_op`](crate::evaluate_op) checked them.

use pullback_ir::op::{BroadcastSpec, PadSpec, SliceSpec};
use pullback_ir::{DType, Scalar, Type};

use crate::array::Array;
use crate::error::Error;
use crate::index::offset;

/// The position along `axis`, as an element: wraps for integers, rounds for floats.
pub(crate) fn iota(result: &Type, axis: usize) -> Result<Array, Error> {
    Array::build(result, |index| {
        let position = index[axis];
        Some(match result.dtype {
            DType::F32 => Scalar::F32(position as f32),
            DType::F64 => Scalar::F64(position as f64),
            DType::I32 => Scalar::I32(position as i32),
            DType::I64 => Scalar::I64(position as i64),
            DType::U8 => Scalar::U8(position as u8),
            DType::Bool => return None,
        })
    })
}

/// `result[index]` is the element of `x` at the position that `source` writes.
fn moved(x: &Array, result: &Type, source: impl Fn(&[usize], &mut [usize])) -> Result<Array, Error> {
    let strides = x.shape.strides();
    let mut position = vec![0; x.shape.rank()];
    Array::build(result, |index| {
        source(index, &mut position);
        x.get(offset(&position, &strides))
    })
}

/// Operand axis `i` is result axis `dims[i]`; the other result axes repeat.
pub(crate) fn broadcast(x: &Array, spec: &BroadcastSpec, result: &Type) -> Result<Array, Error> {
    moved(x, result, |index, position| {
        for (p, &dim) in position.iter_mut().zip(spec.dims.iter()) {
            *p = index[dim];
        }
    })
}

/// The same elements in row-major order.
pub(crate) fn reshape(x: &Array, result: &Type) -> Result<Array, Error> {
    let mut copy = x.try_clone()?;
    copy.shape = result.shape.clone();
    Ok(copy)
}

/// Result axis `i` is operand axis `perm[i]`.
pub(crate) fn transpose(x: &Array, perm: &[usize], result: &Type) -> Result<Array, Error> {
    moved(x, result, |index, position| {
        for (&i, &axis) in index.iter().zip(perm) {
            position[axis] = i;
        }
    })
}

/// Along each of `axes`, the last position comes first.
pub(crate) fn reverse(x: &Array, axes: &[usize], result: &Type) -> Result<Array, Error> {
    let extents = x.shape.extents();
    moved(x, result, |index, position| {
        position.copy_from_slice(index);
        for &axis in axes {
            position[axis] = extents[axis] - 1 - index[axis];
        }
    })
}

/// Along each axis, positions `start`, `start + stride`, … before `limit`.
pub(crate) fn slice(x: &Array, spec: &SliceSpec, result: &Type) -> Result<Array, Error> {
    moved(x, result, |index, position| {
        for (axis, p) in position.iter_mut().enumerate() {
            *p = spec.start[axis] + index[axis] * spec.stride[axis];
        }
    })
}

/// Operand position `p` of an axis comes to result position `low + p (interior + 1)` if that exists; the rest is `value`.
pub(crate) fn pad(x: &Array, value: &Array, spec: &PadSpec, result: &Type) -> Result<Array, Error> {
    let strides = x.shape.strides();
    let extents = x.shape.extents();
    Array::build(result, |index| {
        let mut source = 0;
        for (axis, &i) in index.iter().enumerate() {
            // Attributes may be close to the ends of 64 bits where the operand has few positions.
            let distance = i as i128 - i128::from(spec.low[axis]);
            let step = spec.interior[axis] as i128 + 1;
            if distance < 0 || distance % step != 0 || distance / step >= extents[axis] as i128 {
                return value.get(0);
            }
            source += (distance / step) as usize * strides[axis];
        }
        x.get(source)
    })
}

/// The operands one after the other along `axis`.
pub(crate) fn concatenate(parts: &[&Array], axis: usize, result: &Type) -> Result<Array, Error> {
    let strides: Vec<Vec<usize>> = parts.iter().map(|part| part.shape.strides()).collect();
    let mut position = vec![0; result.rank()];
    Array::build(result, |index| {
        position.copy_from_slice(index);
        for (part, strides) in parts.iter().zip(&strides) {
            let extent = part.shape.extent(axis)?;
            if position[axis] < extent {
                return part.get(offset(&position, strides));
            }
            position[axis] -= extent;
        }
        None
    })
}
