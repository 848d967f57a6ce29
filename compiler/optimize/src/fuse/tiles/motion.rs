//! How what a region reads moves with its positions.
//!
//! A region runs over a block of positions along one axis of its domain, or folds a block of positions along one axis of what it reduces. Of a value in memory it
//! then reads the same block along one axis of that value, or it may read anything: that is all that matters here. The walk goes from what the region stores
//! down to what is in memory, as lowering does.

use std::collections::HashSet;

use cranelift_entity::EntitySet;
use pullback_ir::{DotDims, Function, Inst, Op, Shape, Value};

use super::super::access::{Role, is_unit_reshape, role};
use super::super::{FusionRegion, RegionKind, aliased};
use super::TileRole;

/// A value in memory, no alias, and the axis along which no other block of it is read; none if other positions may be read.
pub(super) type Read = (Value, Option<usize>);

/// What a region reads while it runs over a block of positions of a dimension; `None` if it cannot.
pub(super) fn reads(
    function: &Function,
    stored: &EntitySet<Value>,
    region: &FusionRegion,
    dim: Option<TileRole>,
) -> Option<Vec<Read>> {
    let own = &region.members;
    let mut walk = Walk { function, stored, own, seen: HashSet::new(), work: Vec::new(), found: Vec::new() };
    match (region.kind, dim) {
        (RegionKind::Loop, Some(TileRole::Folded(number))) => {
            for inst in roots(function, stored, region) {
                walk.folded(inst, number)?;
            }
        }
        (RegionKind::Contraction(inst), Some(TileRole::Folded(number))) => walk.folded(inst, number)?,
        (RegionKind::Loop, Some(TileRole::Axis(axis))) => {
            region.outputs.iter().for_each(|&output| walk.computed(output, Some(axis)));
        }
        (RegionKind::Contraction(inst), Some(TileRole::Axis(axis))) => walk.operands(inst, Some(axis)),
        (RegionKind::Assemble(inst), Some(TileRole::Axis(axis))) => walk.assembled(inst, axis)?,
        (RegionKind::Assemble(_), Some(TileRole::Folded(_))) | (RegionKind::Control(_), Some(_)) => return None,
        (RegionKind::Loop, None) => region.outputs.iter().for_each(|&output| walk.computed(output, None)),
        (RegionKind::Contraction(inst) | RegionKind::Assemble(inst) | RegionKind::Control(inst), None) => {
            function.args(inst).iter().for_each(|&arg| walk.value(arg, None));
        }
    }
    Some(walk.run())
}

/// The reductions of a region that no other reduction of it reads.
#[must_use]
pub fn roots(function: &Function, stored: &EntitySet<Value>, region: &FusionRegion) -> Vec<Inst> {
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    let mut work = region.outputs.clone();
    while let Some(value) = work.pop() {
        let Some(inst) = function.def_inst(value) else { continue };
        let in_memory = stored.contains(value) && region.members.binary_search(&inst).is_err();
        if in_memory || matches!(role(function, inst), Role::Array | Role::Alias) || !seen.insert(inst) {
            continue;
        }
        if role(function, inst) == Role::Reducing {
            found.push(inst);
        } else {
            work.extend(function.args(inst));
        }
    }
    found.sort_unstable();
    found
}

/// The extents that a reduction or contraction folds, in its order; none for anything else.
pub(super) fn folded_extents(function: &Function, inst: Inst) -> Vec<usize> {
    let Some(&operand) = function.args(inst).first() else { return Vec::new() };
    let shape = &function.ty(operand).shape;
    let axes = match function.op(inst) {
        Op::Reduce { axes, .. } => axes,
        Op::Dot(dims) => &dims.lhs_contract,
        _ => return Vec::new(),
    };
    axes.iter().filter_map(|&axis| shape.extent(axis)).collect()
}

struct Walk<'a> {
    function: &'a Function,
    stored: &'a EntitySet<Value>,
    /// The members of the region, in order.
    own: &'a [Inst],
    seen: HashSet<(Value, Option<usize>)>,
    work: Vec<(Value, Option<usize>)>,
    found: Vec<Read>,
}

impl Walk<'_> {
    fn value(&mut self, value: Value, axis: Option<usize>) {
        self.work.push((value, axis));
    }

    fn run(mut self) -> Vec<Read> {
        while let Some((value, axis)) = self.work.pop() {
            self.visit(value, axis);
        }
        self.found
    }

    fn visit(&mut self, value: Value, axis: Option<usize>) {
        let function = self.function;
        let is_stored = |inst| self.stored.contains(value) && self.own.binary_search(&inst).is_err();
        let in_memory = function
            .def_inst(value)
            .is_none_or(|inst| is_stored(inst) || matches!(role(function, inst), Role::Array | Role::Alias));
        if in_memory {
            let read = self.root(value, axis);
            if self.seen.insert(read) {
                self.found.push(read);
            }
        } else if self.seen.insert((value, axis)) {
            self.computed(value, axis);
        }
    }

    /// The value whose memory a value is, and the same axis of it.
    fn root(&self, mut value: Value, mut axis: Option<usize>) -> Read {
        while let Some(operand) = aliased(self.function, value) {
            let (from, to) = (&self.function.ty(value).shape, &self.function.ty(operand).shape);
            axis = axis.and_then(|axis| same_blocks(from, axis, to));
            value = operand;
        }
        (value, axis)
    }

    fn computed(&mut self, value: Value, axis: Option<usize>) {
        if let Some(inst) = self.function.def_inst(value) {
            self.operands(inst, axis);
        }
    }

    /// What is read for a block of an instruction's result along an axis.
    fn operands(&mut self, inst: Inst, axis: Option<usize>) {
        let function = self.function;
        let args = function.args(inst);
        let Some(axis) = axis else { return args.iter().for_each(|&arg| self.value(arg, None)) };
        let shape = |value: Value| &function.ty(value).shape;
        match (function.op(inst), args) {
            (Op::Unary(_) | Op::Binary(_) | Op::Compare(_) | Op::IsFinite | Op::Select | Op::Clamp, _)
            | (Op::Convert(_) | Op::Bitcast(_), _) => {
                let rank = function.inst_results(inst).first().map_or(0, |&result| function.ty(result).rank());
                for &arg in args {
                    self.value(arg, (function.ty(arg).rank() == rank).then_some(axis));
                }
            }
            (Op::Broadcast(spec), &[x]) => self.value(x, spec.dims.iter().position(|&dim| dim == axis)),
            (Op::Transpose(perm), &[x]) => self.value(x, perm.get(axis).copied()),
            (Op::Reverse(axes), &[x]) => self.value(x, (!axes.contains(&axis)).then_some(axis)),
            (Op::Slice(spec), &[x]) => {
                let whole = spec.start[axis] == 0 && spec.stride[axis] == 1;
                self.value(x, whole.then_some(axis));
            }
            (Op::DynamicSlice(sizes), &[x, ref starts @ ..]) => {
                self.value(x, (sizes.extent(axis) == shape(x).extent(axis)).then_some(axis));
                starts.iter().for_each(|&start| self.value(start, None));
            }
            (Op::Windows(spec), &[x]) => {
                let moves = axis < function.ty(x).rank() && !spec.axes.contains(&axis);
                self.value(x, moves.then_some(axis));
            }
            (Op::Reshape(to), &[x]) if is_unit_reshape(shape(x), to) => self.value(x, same_blocks(to, axis, shape(x))),
            (Op::Reduce { axes, .. }, &[x]) => {
                let mut kept = (0..function.ty(x).rank()).filter(|axis| !axes.contains(axis));
                self.value(x, kept.nth(axis));
            }
            (Op::Dot(dims), &[x, y]) => {
                let [left, right] = sources(dims, function.ty(x).rank(), function.ty(y).rank(), axis);
                self.value(x, left);
                self.value(y, right);
            }
            _ => args.iter().for_each(|&arg| self.value(arg, None)),
        }
    }

    /// What is read for a block of a result that is written in parts, along an axis that no part begins or ends on.
    fn assembled(&mut self, inst: Inst, axis: usize) -> Option<()> {
        match (self.function.op(inst), self.function.args(inst)) {
            (Op::Pad(spec), &[x, fill]) => {
                let whole = spec.low[axis] == 0 && spec.high[axis] == 0 && spec.interior[axis] == 0;
                whole.then_some(())?;
                self.value(x, Some(axis));
                self.value(fill, None);
            }
            (&Op::Concatenate { axis: joined }, parts) => {
                (axis != joined).then_some(())?;
                parts.iter().for_each(|&part| self.value(part, Some(axis)));
            }
            (Op::OverlapAdd { spec, .. }, &[windows]) => {
                (!spec.axes.contains(&axis)).then_some(())?;
                self.value(windows, Some(axis));
            }
            _ => return None,
        }
        Some(())
    }

    /// What is read for a block of positions that a reduction or contraction folds.
    fn folded(&mut self, inst: Inst, number: usize) -> Option<()> {
        match (self.function.op(inst), self.function.args(inst)) {
            (Op::Reduce { axes, .. }, &[x]) => self.value(x, Some(*axes.get(number)?)),
            (Op::Dot(dims), &[x, y]) => {
                self.value(x, Some(*dims.lhs_contract.get(number)?));
                self.value(y, Some(*dims.rhs_contract.get(number)?));
            }
            _ => return None,
        }
        Some(())
    }
}

/// The axes of the operands of a contraction that an axis of its result runs over.
fn sources(dims: &DotDims, x_rank: usize, y_rank: usize, axis: usize) -> [Option<usize>; 2] {
    let batch = dims.lhs_batch.len();
    if axis < batch {
        return [dims.lhs_batch.get(axis).copied(), dims.rhs_batch.get(axis).copied()];
    }
    let free = dims.lhs_free(x_rank);
    match free.get(axis - batch) {
        Some(&left) => [Some(left), None],
        None => [None, dims.rhs_free(y_rank).get(axis - batch - free.len()).copied()],
    }
}

/// The axis of `to` whose blocks of positions are those of an axis of `from`, another shape for the same elements.
#[must_use]
pub fn same_blocks(from: &Shape, axis: usize, to: &Shape) -> Option<usize> {
    let (from, to) = (from.extents(), to.extents());
    let before: usize = from[..axis].iter().product();
    let mut product = 1;
    for (candidate, &extent) in to.iter().enumerate() {
        if product == before && extent == from[axis] {
            return Some(candidate);
        }
        product *= extent;
    }
    None
}
