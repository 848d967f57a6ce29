//! In which order the axes of a stored value lie in memory, and how far apart its rows are.
//!
//! Row-major, but for values over windows of a few positions, such as which elements of its window a maximum equals. The axes of the positions come last, and
//! are too short for vectors; whoever puts the elements back where they came from (`overlap_add`) does so for each of a row of windows. So the row lies
//! innermost: `[…, rows, row, a, b]` is stored as `[…, rows, a, b, row]`.
//!
//! Only for values that loops alone read, position by position: not what is returned, is in memory under another shape, or is handed to a routine of the
//! runtime; nor what accumulates over tiles, which is combined without regard to axes.
//!
//! What a loop stacks for other loops to go over, such as the state that a derivative needs again, has rows that begin where lines of the cache do: a vector that
//! lies across two lines takes twice as long to load, and longer to store.

use cranelift_entity::{EntitySet, SecondaryMap};
use pullback_ir::{DType, Function, Inst, Op, Value};
use pullback_optimize::fuse::{Plan, RegionKind, Role, role};

use super::buffers::root;
use crate::memory::ALIGNMENT;

/// The extent from which on an axis fills vectors.
const LONG: usize = 4;

/// The most positions of a small window.
const MAX_SHORT: usize = 16;

/// The order of the axes of each value, outermost first; empty if they are in order.
pub(super) fn axis_orders(function: &Function, plan: &Plan) -> SecondaryMap<Value, Vec<usize>> {
    let mut orders = SecondaryMap::new();
    let outputs =
        plan.regions.iter().filter(|region| region.kind == RegionKind::Loop).flat_map(|region| &region.outputs);
    let mut candidates: Vec<(Value, Vec<usize>)> =
        outputs.filter_map(|&value| Some((value, order(&function.ty(value).shape.extents())?))).collect();
    if candidates.is_empty() {
        return orders;
    }
    let mut in_order = EntitySet::new();
    in_order.extend(function.results().iter().map(|&result| root(function, result)));
    in_order.extend(
        plan.tiles
            .iter()
            .flat_map(|group| &group.axes)
            .filter(|(_, axes)| axes.contains(&None))
            .map(|(&value, _)| value),
    );
    let mut wanted = EntitySet::new();
    for &inst in function.insts().iter().rev() {
        let (args, results) = (function.args(inst), function.inst_results(inst));
        if !reads_positions(function, inst) {
            in_order.extend(args.iter().copied());
        }
        let is_put_back = matches!(function.op(inst), Op::OverlapAdd { .. });
        let passes_on =
            role(function, inst) == Role::Elementwise && results.iter().any(|&result| wanted.contains(result));
        if is_put_back || passes_on {
            wanted.extend(args.iter().copied());
        }
    }
    candidates.retain(|&(value, _)| wanted.contains(value) && !in_order.contains(value));
    for (value, order) in candidates {
        orders[value] = order;
    }
    orders
}

/// The bytes of a row from which on a line more does not matter.
const LONG_ROW: usize = 8 * ALIGNMENT;

/// How far the axes move of arrays whose rows are apart; empty for all others. Loops alone touch these, row by row.
pub(super) fn row_strides(function: &Function) -> SecondaryMap<Value, Vec<i64>> {
    let mut strides = SecondaryMap::new();
    let mut whole = None;
    for &inst in function.insts() {
        let Op::Scan(spec) = function.op(inst) else { continue };
        for &stack in function.inst_results(inst).iter().skip(spec.carry) {
            let ty = function.ty(stack);
            let row = ty.elements() / spec.length.max(1);
            let apart = apart(ty.dtype, row);
            let is_uneven = row * ty.dtype.bytes() >= LONG_ROW && apart != row as i64;
            if is_uneven && !whole.get_or_insert_with(|| touched_whole(function)).contains(stack) {
                let dense = ty.shape.strides().into_iter().map(|stride| stride as i64);
                strides[stack] = std::iter::once(apart).chain(dense.skip(1)).collect();
            }
        }
    }
    strides
}

/// Elements from one row of so many to the next, if rows are apart.
pub(super) fn apart(dtype: DType, row: usize) -> i64 {
    ((row * dtype.bytes()).next_multiple_of(ALIGNMENT) / dtype.bytes()) as i64
}

/// The values that something else than a loop that goes over their rows needs.
pub(super) fn touched_whole(function: &Function) -> EntitySet<Value> {
    let mut whole = EntitySet::new();
    whole.extend(function.results().iter().copied());
    for &inst in function.insts() {
        let others = match function.op(inst) {
            Op::Scan(spec) => spec.consts + spec.carry,
            _ => usize::MAX,
        };
        whole.extend(function.args(inst).iter().take(others).copied());
    }
    whole
}

/// The axes with the last long one innermost, if a few short ones are behind it.
fn order(extents: &[usize]) -> Option<Vec<usize>> {
    let long = extents.iter().rposition(|&extent| extent >= LONG)?;
    let positions: usize = extents[long + 1..].iter().product();
    let mut order: Vec<usize> = (0..extents.len()).collect();
    order[long..].rotate_left(1);
    (2..=MAX_SHORT).contains(&positions).then_some(order)
}

/// Whether loops read the operands of an instruction position by position, wherever each lies.
fn reads_positions(function: &Function, inst: Inst) -> bool {
    match role(function, inst) {
        Role::Elementwise | Role::Free => true,
        Role::Reducing => matches!(function.op(inst), Op::Reduce { .. }),
        Role::Assembling => matches!(function.op(inst), Op::OverlapAdd { .. }),
        Role::Gathering | Role::Alias | Role::Contraction | Role::Array | Role::Control | Role::Call => false,
    }
}
