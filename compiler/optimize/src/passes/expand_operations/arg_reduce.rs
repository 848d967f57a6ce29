//! `argmax`, `argmin` and `top_k`.

use pullback_ir::{Builder, Comparison, DType, Extremum, Reduction, Shape, Type, Value};

/// The position of the first extremum along an axis that has positions.
pub(super) fn arg_reduce(b: &Builder<'_>, x: Value, kind: Extremum, axis: usize, dtype: DType) -> Value {
    let is_extremum = extrema(b, x, kind, &[axis]);
    first_position(b, is_extremum, axis, dtype)
}

pub(super) const fn reduction(kind: Extremum) -> Reduction {
    match kind {
        Extremum::Max => Reduction::Max,
        Extremum::Min => Reduction::Min,
    }
}

/// The element that no other element of the type is a worse extremum than.
pub(super) const fn worst(kind: Extremum) -> f64 {
    match kind {
        Extremum::Max => f64::NEG_INFINITY,
        Extremum::Min => f64::INFINITY,
    }
}

/// Where elements equal the extremum over `axes`; where they are NaN, if any is.
pub(super) fn extrema(b: &Builder<'_>, x: Value, kind: Extremum, axes: &[usize]) -> Value {
    let ty = b.ty(x);
    let extremum = b.reduce(reduction(kind), x, axes.to_vec());
    let kept: Vec<usize> = (0..ty.rank()).filter(|axis| !axes.contains(axis)).collect();
    let extremum = b.broadcast(extremum, &ty.shape, kept);
    let equal = b.compare(Comparison::Eq, x, extremum);
    if !ty.dtype.is_float() {
        return equal;
    }
    // The extremum is NaN if any element is, and a NaN equals nothing.
    let nan = b.compare(Comparison::Ne, x, x);
    b.or(equal, nan)
}

/// The first position along an axis where `holds`, which it does somewhere.
fn first_position(b: &Builder<'_>, holds: Value, axis: usize, dtype: DType) -> Value {
    let shape = b.shape(holds);
    // Narrow integers while they hold all positions: more of them fit a vector.
    let narrow = i32::try_from(shape.extent(axis).unwrap_or(0)).is_ok();
    let ty = Type { dtype: if narrow { DType::I32 } else { DType::I64 }, shape };
    let behind = b.splat(&ty, f64::INFINITY);
    let positions = b.iota(ty, axis);
    let found = b.select(holds, positions, behind);
    let first = b.reduce(Reduction::Min, found, [axis]);
    b.convert(first, dtype)
}

/// The `k` largest along the last axis, and their positions.
pub(super) fn top_k(b: &Builder<'_>, x: Value, k: usize) -> Vec<Value> {
    let ty = b.ty(x);
    let extents = ty.shape.extents();
    let Some(axis) = extents.len().checked_sub(1) else {
        return vec![b.fail("top_k", "the operand has no axis")];
    };
    let positions = b.iota(ty.with_dtype(DType::I32), axis);
    let mut kept = extents.clone();
    kept[axis] = k;
    if k != 1 || extents[axis] == 0 {
        let sorted = b.sort(&[x, positions], axis, 1, true);
        let (start, stride) = (vec![0; kept.len()], vec![1; kept.len()]);
        return sorted.into_iter().map(|value| b.slice(value, &start, &kept, &stride)).collect();
    }
    let position = arg_reduce(b, x, Extremum::Max, axis, DType::I32);
    // The element there, and not the extremum: of zeros it is the first, whatever its sign.
    let there = b.broadcast(position, &ty.shape, (0..axis).collect::<Vec<_>>());
    let is_there = b.compare(Comparison::Eq, positions, there);
    let others = b.splat_like(x, worst(Extremum::Max));
    let element = b.select(is_there, x, others);
    let element = b.reduce(Reduction::Max, element, [axis]);
    match Shape::new(&kept) {
        Ok(shape) => vec![b.reshape(element, &shape), b.reshape(position, &shape)],
        Err(error) => vec![b.fail("top_k", error.to_string())],
    }
}
