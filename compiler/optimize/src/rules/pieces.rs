//! Rules of `slice`, `pad` and `concatenate`: two in a row become one, and a slice reads only the part it needs.

use pullback_ir::{Op, PadSpec, Shape, SliceSpec, Value};

use crate::rewriter::{Rewriter, Rule};
use crate::rules::views::{broadcast_spec, emit_broadcast};

/// Concatenations of more operands are left alone, so that a rule's work stays bounded.
const MAX_PARTS: usize = 64;

pub(crate) const SLICE: &[Rule] = &[
    Rule { name: "slice_everything", about: "slice of all of x = x", apply: slice_everything },
    Rule { name: "slice_of_slice", about: "slice (slice x) = slice x", apply: slice_of_slice },
    Rule { name: "slice_of_broadcast", about: "slice (broadcast x) = broadcast (slice x)", apply: slice_of_broadcast },
    Rule { name: "slice_of_pad", about: "slice (pad x, v) = slice x if it takes no padding", apply: slice_of_pad },
    Rule {
        name: "slice_of_concatenate",
        about: "slice (concatenate …, x, …) = slice x if it takes from one operand",
        apply: slice_of_concatenate,
    },
];

pub(crate) const PAD: &[Rule] = &[
    Rule { name: "pad_nothing", about: "pad by nothing = x; pad that only removes = slice", apply: pad_nothing },
    Rule { name: "pad_of_pad", about: "pad (pad x, v), v = pad x, v", apply: pad_of_pad },
];

pub(crate) const CONCATENATE: &[Rule] = &[
    Rule {
        name: "concatenate_one",
        about: "concatenate x = x; operands without elements vanish",
        apply: concatenate_one,
    },
    Rule {
        name: "concatenate_of_concatenate",
        about: "concatenate (concatenate x, y), z = concatenate x, y, z",
        apply: concatenate_of_concatenate,
    },
    Rule {
        name: "concatenate_of_neighbours",
        about: "slices of x that follow each other = one slice of x; constants of one repeated element = one",
        apply: concatenate_of_neighbours,
    },
    Rule {
        name: "concatenate_of_rows",
        about: "along the first axis, reshaped slices of x whose elements follow each other in x = one reshaped slice of x",
        apply: concatenate_of_rows,
    },
];

fn slice_spec(op: &Op) -> Option<SliceSpec> {
    if let Op::Slice(spec) = op { Some((**spec).clone()) } else { None }
}

fn pad_spec(op: &Op) -> Option<PadSpec> {
    if let Op::Pad(spec) = op { Some((**spec).clone()) } else { None }
}

/// Emits a slice, simplified.
fn emit_slice(w: &mut Rewriter<'_>, x: Value, boxes: &[Positions]) -> Value {
    let spec = SliceSpec {
        start: boxes.iter().map(|p| p.start).collect(),
        limit: boxes.iter().map(|p| p.limit()).collect(),
        stride: boxes.iter().map(|p| p.stride).collect(),
    };
    w.emit(Op::Slice(Box::new(spec)), &[x])
}

/// The positions that a slice takes along one axis, at least one: `start + i stride` for `i < count`.
#[derive(Clone, Copy)]
struct Positions {
    start: usize,
    stride: usize,
    count: usize,
}

impl Positions {
    const fn last(self) -> usize {
        self.start + (self.count - 1) * self.stride
    }

    const fn limit(self) -> usize {
        self.last() + 1
    }

    /// These positions among the positions `inner`.
    const fn of(self, inner: Self) -> Self {
        Self { start: inner.start + self.start * inner.stride, stride: inner.stride * self.stride, count: self.count }
    }
}

/// The positions per axis; `None` if there are none along an axis.
///
/// A stride past the only position taken becomes 1, so that all arithmetic on positions stays below the extent.
fn positions(spec: &SliceSpec) -> Option<Vec<Positions>> {
    let axes = spec.start.iter().zip(&spec.limit).zip(&spec.stride);
    axes.map(|((&start, &limit), &stride)| {
        let count = limit.checked_sub(start)?.checked_add(stride.checked_sub(1)?)?.checked_div(stride)?;
        match count {
            0 => None,
            1 => Some(Positions { start, stride: 1, count }),
            _ => Some(Positions { start, stride, count }),
        }
    })
    .collect()
}

fn slice_everything(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let &[x] = args else { return None };
    (w.result_type(op, args)? == w.ty(x)).then_some(x)
}

fn slice_of_slice(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (&[y], Op::Slice(outer)) = (args, op) else { return None };
    let (inner, x) = w.matching_one(y, slice_spec)?;
    let (outer, inner) = (positions(outer)?, positions(&inner)?);
    let composed: Vec<Positions> = outer.iter().zip(&inner).map(|(o, i)| o.of(*i)).collect();
    Some(emit_slice(w, x, &composed))
}

fn slice_of_broadcast(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (&[y], Op::Slice(spec)) = (args, op) else { return None };
    let (broadcast, x) = w.matching_one(y, broadcast_spec)?;
    let taken = positions(spec)?;
    let shape = w.result_type(op, args)?.shape;
    let part: Vec<Positions> = broadcast.dims.iter().filter_map(|&dim| taken.get(dim).copied()).collect();
    let x = emit_slice(w, x, &part);
    Some(emit_broadcast(w, x, shape, broadcast.dims.to_vec()))
}

fn slice_of_pad(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (&[y], Op::Slice(spec)) = (args, op) else { return None };
    let (pad, parts) = w.matching(y, pad_spec)?;
    let &x = parts.first()?;
    let mut taken = positions(spec)?;
    for (axis, (positions, extent)) in taken.iter_mut().zip(w.extents(x)).enumerate() {
        let first = i64::try_from(positions.start).ok()?.checked_sub(*pad.low.get(axis)?)?;
        positions.start = usize::try_from(first).ok()?;
        if pad.interior.get(axis) != Some(&0) || positions.last() >= extent {
            return None;
        }
    }
    Some(emit_slice(w, x, &taken))
}

fn slice_of_concatenate(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (&[y], Op::Slice(spec)) = (args, op) else { return None };
    let (axis, parts) = w.matching(y, |op| if let Op::Concatenate { axis } = op { Some(*axis) } else { None })?;
    if parts.len() > MAX_PARTS {
        return None;
    }
    let mut taken = positions(spec)?;
    for part in parts {
        let extent = w.ty(part).shape.extent(axis)?;
        let along = taken.get_mut(axis)?;
        if along.last() < extent {
            return Some(emit_slice(w, part, &taken));
        }
        // A slice that begins in this operand and ends in another stays.
        along.start = along.start.checked_sub(extent)?;
    }
    None
}

fn pad_nothing(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (&[x, _], Op::Pad(spec)) = (args, op) else { return None };
    let ends = spec.low.iter().chain(&spec.high);
    if ends.clone().any(|&count| count > 0) || spec.interior.iter().any(|&count| count > 0) {
        return None;
    }
    if ends.clone().all(|&count| count == 0) {
        return Some(x);
    }
    let mut kept = Vec::with_capacity(spec.low.len());
    for ((low, high), extent) in spec.low.iter().zip(&spec.high).zip(w.extents(x)) {
        let start = usize::try_from(low.unsigned_abs()).ok()?;
        let removed = start.checked_add(usize::try_from(high.unsigned_abs()).ok()?)?;
        let count = extent.checked_sub(removed).filter(|&count| count > 0)?;
        kept.push(Positions { start, stride: 1, count });
    }
    Some(emit_slice(w, x, &kept))
}

fn pad_of_pad(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (&[y, value], Op::Pad(outer)) = (args, op) else { return None };
    let (inner, parts) = w.matching(y, pad_spec)?;
    let &[x, inner_value] = &parts[..] else { return None };
    let alike = inner_value == value || (w.splat_of(value).is_some() && w.splat_of(value) == w.splat_of(inner_value));
    // Removing after adding, or spreading out what was added, is not one padding in general.
    let grows = |spec: &PadSpec| spec.low.iter().chain(&spec.high).all(|&count| count >= 0);
    if !alike || !grows(outer) || !grows(&inner) || outer.interior.iter().any(|&count| count > 0) {
        return None;
    }
    let sum = |a: &[i64], b: &[i64]| a.iter().zip(b).map(|(a, b)| a.checked_add(*b)).collect::<Option<Box<[i64]>>>();
    let (low, high) = (sum(&outer.low, &inner.low)?, sum(&outer.high, &inner.high)?);
    let spec = PadSpec { low, high, interior: inner.interior };
    Some(w.emit(Op::Pad(Box::new(spec)), &[x, value]))
}

/// The specification and operands of a pad that nothing else uses: a second one would be stored beside it.
fn only_pad(w: &Rewriter<'_>, value: Value) -> Option<(PadSpec, Value, Value)> {
    let (spec, parts) = w.matching(value, pad_spec).filter(|_| w.is_used_once(value))?;
    if let [x, fill] = parts[..] { Some((spec, x, fill)) } else { None }
}

/// Less is moved, and pads meet pads.
pub(crate) fn transpose_of_pad(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (&[y], Op::Transpose(perm)) = (args, op) else { return None };
    let (spec, x, fill) = only_pad(w, y)?;
    let moved = |ends: &[i64]| -> Option<Box<[i64]>> { perm.iter().map(|&axis| ends.get(axis).copied()).collect() };
    let interior = perm.iter().map(|&axis| spec.interior.get(axis).copied()).collect::<Option<_>>()?;
    let spec = PadSpec { low: moved(&spec.low)?, high: moved(&spec.high)?, interior };
    let x = w.emit(op.clone(), &[x]);
    Some(w.emit(Op::Pad(Box::new(spec)), &[x, fill]))
}

pub(crate) fn reshape_of_pad(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (&[y], Op::Reshape(shape)) = (args, op) else { return None };
    let (spec, x, fill) = only_pad(w, y)?;
    let (padded, extents) = (w.extents(y), w.extents(x));
    // The axes that stay, of the pad; those of extent 1 go and come.
    let mut kept = (0..padded.len()).filter(|&axis| padded.get(axis) != Some(&1));
    let mut inner = Vec::with_capacity(shape.rank());
    let (mut low, mut high, mut interior) = (Vec::new(), Vec::new(), Vec::new());
    for extent in shape.extents() {
        let axis =
            if extent == 1 { None } else { Some(kept.next().filter(|&axis| padded.get(axis) == Some(&extent))?) };
        inner.push(axis.map_or(Some(1), |axis| extents.get(axis).copied())?);
        low.push(axis.map_or(Some(0), |axis| spec.low.get(axis).copied())?);
        high.push(axis.map_or(Some(0), |axis| spec.high.get(axis).copied())?);
        interior.push(axis.map_or(Some(0), |axis| spec.interior.get(axis).copied())?);
    }
    let is_free_to_go = |axis: usize| {
        extents.get(axis) == Some(&1) && spec.low.get(axis) == Some(&0) && spec.high.get(axis) == Some(&0)
    };
    let mut units = (0..padded.len()).filter(|&axis| padded.get(axis) == Some(&1));
    if kept.next().is_some() || !units.all(is_free_to_go) {
        return None;
    }
    let inner = Shape::new(&inner).ok()?;
    let x = w.reshape(x, inner);
    let spec = PadSpec { low: low.into(), high: high.into(), interior: interior.into() };
    Some(w.emit(Op::Pad(Box::new(spec)), &[x, fill]))
}

fn concatenate_one(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    if let &[x] = args {
        return Some(x);
    }
    let full: Vec<Value> = args.iter().copied().filter(|&arg| w.ty(arg).elements() > 0).collect();
    // Without any elements the result is empty, which is no concern of this rule.
    (!full.is_empty() && full.len() < args.len()).then(|| w.emit(op.clone(), &full))
}

fn concatenate_of_concatenate(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let mut flat = Vec::with_capacity(args.len());
    for &arg in args {
        match w.matching(arg, |inner| (inner == op).then_some(())) {
            Some(((), parts)) => flat.extend(parts),
            None => flat.push(arg),
        }
        if flat.len() > MAX_PARTS {
            return None;
        }
    }
    (flat != args).then(|| w.emit(op.clone(), &flat))
}

fn concatenate_of_neighbours(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let Op::Concatenate { axis } = *op else { return None };
    let mut joined: Vec<Value> = Vec::with_capacity(args.len());
    for &arg in args {
        let before = joined.last().copied();
        match before.and_then(|before| as_one(w, before, arg, axis)) {
            Some(both) => {
                joined.pop();
                joined.push(both);
            }
            None => joined.push(arg),
        }
    }
    match joined[..] {
        [only] => Some(only),
        _ => (joined.len() < args.len()).then(|| w.emit(op.clone(), &joined)),
    }
}

fn concatenate_of_rows(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let Op::Concatenate { axis: 0 } = op else { return None };
    let rows = w.joined_rows(args)?;
    let of = w.ty(rows.of);
    let spec = rows.slice(&of)?;
    let shape = w.result_type(op, args)?.shape;
    let part = w.emit(Op::Slice(Box::new(spec)), &[rows.of]);
    Some(w.reshape(part, shape))
}

/// `concatenate x, y` along an axis where it is one slice or one constant.
fn as_one(w: &mut Rewriter<'_>, x: Value, y: Value, axis: usize) -> Option<Value> {
    if let (Some(element), Some(other)) = (w.splat_of(x), w.splat_of(y)) {
        let shape = w.result_type(&Op::Concatenate { axis }, &[x, y])?.shape;
        return (element == other).then(|| w.splat(element, shape));
    }
    let (left, of) = w.matching_one(x, slice_spec)?;
    let (right, same) = w.matching_one(y, slice_spec)?;
    let (mut left, right) = (positions(&left)?, positions(&right)?);
    let meet = |(number, (a, b)): (usize, (&Positions, &Positions))| {
        let is_along = number == axis;
        a.stride == 1 && b.stride == 1 && if is_along { a.limit() == b.start } else { a.start == b.start }
    };
    // Along the other axes the extents agree, or they could not be concatenated.
    if of != same || !left.iter().zip(&right).enumerate().all(meet) {
        return None;
    }
    left.get_mut(axis)?.count += right.get(axis)?.count;
    Some(emit_slice(w, of, &left))
}
