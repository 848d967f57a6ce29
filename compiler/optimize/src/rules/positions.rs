//! Rules of operations that read or write at positions, in windows or along an axis: where positions are known they are slices, and along an axis of extent 1
//! nothing happens.

use pullback_ir::op::{GatherSpec, SliceSpec, WindowSpec};
use pullback_ir::{Op, Scalar, Shape, Value};

use crate::rewriter::{Rewriter, Rule};

pub(crate) const DYNAMIC_SLICE: &[Rule] = &[
    Rule { name: "dynamic_slice_everything", about: "dynamic_slice of all of x = x", apply: dynamic_slice_everything },
    Rule { name: "dynamic_slice_known", about: "dynamic_slice at constants = slice", apply: dynamic_slice_known },
];

pub(crate) const DYNAMIC_UPDATE_SLICE: &[Rule] = &[
    Rule {
        name: "dynamic_update_slice_everything",
        about: "dynamic_update_slice of all of x = the update",
        apply: dynamic_update_slice_everything,
    },
    Rule {
        name: "dynamic_update_slice_nothing",
        about: "dynamic_update_slice of x by an update without elements = x",
        apply: dynamic_update_slice_nothing,
    },
];

pub(crate) const GATHER: &[Rule] =
    &[Rule { name: "gather_known", about: "gather of one window at constants = slice", apply: gather_known }];

pub(crate) const WINDOWS: &[Rule] = &[Rule {
    name: "windows_of_one",
    about: "windows of one position = slice, with axes of extent 1",
    apply: windows_of_one,
}];

pub(crate) const OVERLAP_ADD: &[Rule] = &[Rule {
    name: "overlap_add_of_one",
    about: "overlap_add of windows of one position, none left out = reshape",
    apply: overlap_add_of_one,
}];

pub(crate) const CUMULATIVE: &[Rule] =
    &[Rule { name: "cumulative_of_one", about: "cumulative along an axis of extent 1 = x", apply: along_one }];

pub(crate) const SORT: &[Rule] =
    &[Rule { name: "sort_of_one", about: "sort along an axis of extent 1 = x", apply: along_one }];

pub(crate) const ARG_REDUCE: &[Rule] = &[Rule {
    name: "arg_reduce_of_one",
    about: "argmax, argmin along an axis of extent 1 = 0",
    apply: arg_reduce_of_one,
}];

fn dynamic_slice_everything(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (&x, Op::DynamicSlice(shape)) = (args.first()?, op) else { return None };
    (w.ty(x).shape == **shape).then_some(x)
}

fn dynamic_slice_known(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (Some((&x, starts)), Op::DynamicSlice(shape)) = (args.split_first(), op) else { return None };
    let starts: Vec<i64> = starts.iter().map(|&start| integer(w.splat_of(start)?)).collect::<Option<_>>()?;
    Some(window(w, x, &starts, &shape.extents()))
}

fn integer(x: Scalar) -> Option<i64> {
    match x {
        Scalar::I32(x) => Some(i64::from(x)),
        Scalar::I64(x) => Some(x),
        Scalar::U8(x) => Some(i64::from(x)),
        Scalar::F32(_) | Scalar::F64(_) | Scalar::Bool(_) => None,
    }
}

/// The box of these extents, which fits into `x`, at `starts` moved inside.
fn window(w: &mut Rewriter<'_>, x: Value, starts: &[i64], sizes: &[usize]) -> Value {
    let extents = w.extents(x);
    let clamped = starts.iter().zip(extents).zip(sizes).map(|((&start, extent), &size)| {
        let start = usize::try_from(start).unwrap_or(0);
        start.min(extent.saturating_sub(size))
    });
    let start: Box<[usize]> = clamped.collect();
    let limit = start.iter().zip(sizes).map(|(start, size)| start + size).collect();
    let stride = vec![1; sizes.len()].into();
    w.emit(Op::Slice(Box::new(SliceSpec { start, limit, stride })), &[x])
}

fn dynamic_update_slice_everything(w: &mut Rewriter<'_>, _: &Op, args: &[Value]) -> Option<Value> {
    let &[x, update, ..] = args else { return None };
    (w.ty(x) == w.ty(update)).then_some(update)
}

fn dynamic_update_slice_nothing(w: &mut Rewriter<'_>, _: &Op, args: &[Value]) -> Option<Value> {
    let &[x, update, ..] = args else { return None };
    (w.ty(update).elements() == 0).then_some(x)
}

fn gather_known(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (&[x, indices], Op::Gather(spec)) = (args, op) else { return None };
    let GatherSpec { dims, sizes } = &**spec;
    let literal = w.literal(indices)?;
    // One index vector: all batch axes have extent 1.
    if literal.ty().elements() != dims.map.len() || dims.map.is_empty() {
        return None;
    }
    let extents = w.extents(x);
    let mut starts = vec![0; extents.len()];
    let elements = literal.to_elements();
    for (component, &axis) in dims.map.iter().enumerate() {
        *starts.get_mut(axis)? = integer(elements.get(component)?)?;
    }
    let inside = starts.iter().zip(&extents).zip(sizes).all(|((&start, &extent), &size)| {
        usize::try_from(start).is_ok_and(|start| start.checked_add(size).is_some_and(|end| end <= extent))
    });
    if dims.mode == pullback_ir::OutOfBounds::Drop && !inside {
        return None;
    }
    let shape = w.result_type(op, args)?.shape;
    let found = window(w, x, &starts, sizes);
    Some(w.reshape(found, shape))
}

fn windows_of_one(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (&[x], Op::Windows(spec)) = (args, op) else { return None };
    let WindowSpec { axes, size, stride, .. } = &**spec;
    if size.iter().any(|&size| size != 1) {
        return None;
    }
    let shape = w.result_type(op, args)?.shape;
    let limit: Box<[usize]> = w.extents(x).into();
    let mut strides = vec![1; limit.len()];
    for (&axis, &stride) in axes.iter().zip(stride) {
        *strides.get_mut(axis)? = stride;
    }
    let spec = SliceSpec { start: vec![0; limit.len()].into(), limit, stride: strides.into() };
    let taken = w.emit(Op::Slice(Box::new(spec)), &[x]);
    Some(w.reshape(taken, shape))
}

fn overlap_add_of_one(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (&[x], Op::OverlapAdd { spec, shape }) = (args, op) else { return None };
    let one = spec.size.iter().all(|&size| size == 1) && w.ty(x).elements() == shape.elements();
    one.then(|| w.reshape(x, Shape::clone(shape)))
}

fn along_one(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (&[x], Op::Cumulative { axis, .. } | Op::Sort { axis, .. }) = (args, op) else { return None };
    (w.extents(x).get(*axis) == Some(&1)).then_some(x)
}

fn arg_reduce_of_one(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (&[x], Op::ArgReduce { axis, .. }) = (args, op) else { return None };
    if w.extents(x).get(*axis) != Some(&1) {
        return None;
    }
    let ty = w.result_type(op, args)?;
    Some(w.splat(Scalar::from_f64(ty.dtype, 0.0), ty.shape))
}
