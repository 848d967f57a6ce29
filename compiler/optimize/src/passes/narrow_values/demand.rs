//! Which parts of values are read.

use cranelift_entity::SecondaryMap;
use pullback_ir::{Function, Inst, Op, PadSpec, SliceSpec, Value};

use crate::passes::part::Part;

/// The most parts in which a value is computed.
pub(super) const MAX_PARTS: usize = 16;

/// What is needed of a value.
#[derive(Clone, PartialEq, Default, Debug)]
pub(super) enum Demand {
    #[default]
    Nothing,
    /// These parts, none twice.
    Parts(Vec<Part>),
    /// More parts than a value is computed in; this one contains them.
    Hull(Part),
    Everything,
}

impl Demand {
    fn add(&mut self, part: Part, whole: &Part) {
        match self {
            _ if part == *whole => *self = Self::Everything,
            Self::Nothing => *self = Self::Parts(vec![part]),
            Self::Parts(parts) if parts.contains(&part) => {}
            Self::Parts(parts) if parts.len() == MAX_PARTS => *self = Self::Hull(hull(part, parts)),
            Self::Parts(parts) => parts.push(part),
            Self::Hull(hull) => *hull = hull.hull(&part),
            Self::Everything => {}
        }
    }

    /// Decides how a value is computed: whole, or in parts that are disjoint and not all of it.
    fn settle(&mut self, whole: &Part) {
        let hull = match &*self {
            Self::Nothing | Self::Everything => return,
            Self::Hull(hull) => hull.clone(),
            Self::Parts(parts) => {
                let overlaps = |(at, part): (usize, &Part)| parts.iter().take(at).any(|p| p.common(part).is_some());
                let Some(first) = parts.first().filter(|_| parts.iter().enumerate().any(overlaps)) else { return };
                hull(first.clone(), parts)
            }
        };
        *self = if hull == *whole { Self::Everything } else { Self::Parts(vec![hull]) };
    }
}

fn hull(part: Part, parts: &[Part]) -> Part {
    parts.iter().fold(part, |hull, part| hull.hull(part))
}

/// What is needed of each value of a function, decided.
pub(super) fn demands(function: &Function) -> SecondaryMap<Value, Demand> {
    let mut demands: SecondaryMap<Value, Demand> = SecondaryMap::new();
    for &result in function.results() {
        demands[result] = Demand::Everything;
    }
    for &inst in function.insts().iter().rev() {
        let results = function.inst_results(inst);
        let may_be_dropped = results.len() == 1 && function.inst_regions(inst).is_empty();
        if may_be_dropped && results.iter().all(|&value| demands[value] == Demand::Nothing) {
            continue;
        }
        let (&[value], true) = (results, passes_on(function, inst)) else {
            for &value in results.iter().chain(function.args(inst)) {
                demands[value] = Demand::Everything;
            }
            continue;
        };
        let whole = whole(function, value);
        demands[value].settle(&whole);
        let needed = if let Demand::Parts(parts) = &demands[value] { parts.clone() } else { vec![whole] };
        for part in needed {
            for (&arg, read) in function.args(inst).iter().zip(operand_parts(function, inst, &part)) {
                if let Some(read) = read {
                    let whole = self::whole(function, arg);
                    demands[arg].add(read, &whole);
                }
            }
        }
    }
    for &param in function.params() {
        demands[param] = Demand::Everything;
    }
    demands
}

fn whole(function: &Function, value: Value) -> Part {
    Part::whole(&function.ty(value).shape.extents())
}

/// Whether an instruction is computed in parts.
pub(super) fn is_narrowed(function: &Function, inst: Inst, demands: &SecondaryMap<Value, Demand>) -> bool {
    passes_on(function, inst)
        && function.inst_results(inst).iter().any(|&value| matches!(demands[value], Demand::Parts(_)))
}

/// The part that an instruction is, if it is a slice without strides that takes something.
pub(super) fn sliced_part(function: &Function, inst: Inst) -> Option<Part> {
    let Op::Slice(spec) = function.op(inst) else { return None };
    let SliceSpec { start, limit, stride } = &**spec;
    let takes = stride.iter().all(|&stride| stride == 1) && start.iter().zip(limit).all(|(start, limit)| start < limit);
    takes.then(|| Part { start: start.to_vec(), limit: limit.to_vec() })
}

/// Whether a part of the result of an instruction takes parts of its operands alone, and can be computed of those.
fn passes_on(function: &Function, inst: Inst) -> bool {
    if function.inst_results(inst).iter().any(|&value| function.ty(value).elements() == 0) {
        return false;
    }
    match function.op(inst) {
        Op::Constant(literal) => literal.as_splat().is_some(),
        Op::Unary(_)
        | Op::Binary(_)
        | Op::Compare(_)
        | Op::IsFinite
        | Op::Select
        | Op::Clamp
        | Op::Convert(_)
        | Op::Bitcast(_)
        | Op::Broadcast(_)
        | Op::Transpose(_)
        | Op::Concatenate { .. } => true,
        Op::Reduce { .. } => function.args(inst).iter().all(|&arg| function.ty(arg).elements() > 0),
        Op::Reshape(_) => kept_axes(function, inst).is_some(),
        Op::Slice(_) => sliced_part(function, inst).is_some(),
        Op::Pad(spec) => {
            spec.low.iter().chain(&spec.high).all(|&count| count >= 0)
                && spec.interior.iter().all(|&count| count == 0)
                && function.args(inst).first().is_some_and(|&x| function.ty(x).elements() > 0)
        }
        Op::Iota { .. }
        | Op::Reverse(_)
        | Op::Dot(_)
        | Op::Call(_)
        | Op::Barrier
        | Op::ArgReduce { .. }
        | Op::Cumulative { .. }
        | Op::DynamicSlice(_)
        | Op::DynamicUpdateSlice
        | Op::Gather(_)
        | Op::Scatter { .. }
        | Op::Windows(_)
        | Op::OverlapAdd { .. }
        | Op::ReduceWindow { .. }
        | Op::SelectAndScatter { .. }
        | Op::Conv(_)
        | Op::Sort { .. }
        | Op::TopK { .. }
        | Op::RandomBits(_)
        | Op::Cholesky
        | Op::TriangularSolve { .. }
        | Op::Scan(_)
        | Op::While(_)
        | Op::Cond
        | Op::Switch
        | Op::CustomDerivative(_)
        | Op::TransposeRule { .. }
        | Op::Checkpoint => false,
    }
}

/// For a reshape that only adds or removes axes of extent 1: for each axis of the operand the axis of the result, if it is longer.
fn kept_axes(function: &Function, inst: Inst) -> Option<Vec<Option<usize>>> {
    let (&[x], &[value]) = (function.args(inst), function.inst_results(inst)) else { return None };
    let extents = function.ty(value).shape.extents();
    let mut longer = extents.iter().enumerate().filter(|&(_, &extent)| extent != 1);
    let mut axes = Vec::new();
    for extent in function.ty(x).shape.extents() {
        axes.push(if extent == 1 { None } else { Some(longer.next().filter(|&(_, &found)| found == extent)?.0) });
    }
    longer.next().is_none().then_some(axes)
}

/// For each operand of an instruction that passes parts on, the part that a part of its result takes, if any.
pub(super) fn operand_parts(function: &Function, inst: Inst, part: &Part) -> Vec<Option<Part>> {
    let args = function.args(inst);
    match function.op(inst) {
        Op::Slice(_) => vec![sliced_part(function, inst).map(|slice| part.shifted_by(&slice))],
        Op::Broadcast(spec) => vec![mapped(function, inst, spec.dims.iter().copied().enumerate(), part)],
        Op::Transpose(perm) => {
            vec![mapped(function, inst, perm.iter().enumerate().map(|(to, &from)| (from, to)), part)]
        }
        Op::Reduce { axes, .. } => {
            let rank = args.first().map_or(0, |&x| function.ty(x).rank());
            let kept = (0..rank).filter(|axis| !axes.contains(axis));
            vec![mapped(function, inst, kept.enumerate().map(|(to, from)| (from, to)), part)]
        }
        Op::Reshape(_) => {
            let kept = kept_axes(function, inst).unwrap_or_default().into_iter().enumerate();
            vec![mapped(function, inst, kept.filter_map(|(from, to)| Some((from, to?))), part)]
        }
        Op::Concatenate { axis } => {
            let mut before = 0;
            let shares = args.iter().map(|&arg| {
                let limit = before + function.ty(arg).shape.extent(*axis)?;
                let here = part.along(*axis, before, limit).common(part).and_then(|here| here.range(*axis));
                let share = here.map(|(start, end)| part.along(*axis, start - before, end - before));
                before = limit;
                share
            });
            shares.collect()
        }
        Op::Pad(spec) => {
            let inner = args.first().and_then(|&x| inside(spec, &function.ty(x).shape.extents()));
            let read = inner.and_then(|inner| Some(inner.common(part)?.within(&inner)));
            vec![read, Some(Part::whole(&[]))]
        }
        Op::Constant(_) => Vec::new(),
        Op::Unary(_)
        | Op::Binary(_)
        | Op::Compare(_)
        | Op::IsFinite
        | Op::Select
        | Op::Clamp
        | Op::Convert(_)
        | Op::Bitcast(_) => vec![Some(part.clone()); args.len()],
        Op::Iota { .. }
        | Op::Reverse(_)
        | Op::Dot(_)
        | Op::Call(_)
        | Op::Barrier
        | Op::ArgReduce { .. }
        | Op::Cumulative { .. }
        | Op::DynamicSlice(_)
        | Op::DynamicUpdateSlice
        | Op::Gather(_)
        | Op::Scatter { .. }
        | Op::Windows(_)
        | Op::OverlapAdd { .. }
        | Op::ReduceWindow { .. }
        | Op::SelectAndScatter { .. }
        | Op::Conv(_)
        | Op::Sort { .. }
        | Op::TopK { .. }
        | Op::RandomBits(_)
        | Op::Cholesky
        | Op::TriangularSolve { .. }
        | Op::Scan(_)
        | Op::While(_)
        | Op::Cond
        | Op::Switch
        | Op::CustomDerivative(_)
        | Op::TransposeRule { .. }
        | Op::Checkpoint => args.iter().map(|&arg| Some(whole(function, arg))).collect(),
    }
}

/// The part of the only operand whose axes become axes of the result as `axes` says, in pairs; all positions of its other axes.
fn mapped(function: &Function, inst: Inst, axes: impl Iterator<Item = (usize, usize)>, part: &Part) -> Option<Part> {
    let mut taken = whole(function, *function.args(inst).first()?);
    for (from, to) in axes {
        let (start, limit) = part.range(to)?;
        taken = taken.along(from, start, limit);
    }
    Some(taken)
}

/// Where an operand of these extents is in a pad that removes nothing.
pub(super) fn inside(spec: &PadSpec, extents: &[usize]) -> Option<Part> {
    let start: Vec<usize> = spec.low.iter().map(|&low| usize::try_from(low)).collect::<Result<_, _>>().ok()?;
    let limit = start.iter().zip(extents).map(|(start, extent)| start + extent).collect();
    Some(Part { start, limit })
}
