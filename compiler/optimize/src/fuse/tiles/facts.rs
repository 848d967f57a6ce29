//! What is asked of a region again and again while groups are formed.
//!
//! Every region is looked at for each way to cut each of the regions before it within reach. The answers here are walks over its members and what they read, and depend on nothing
//! but the region and on what is in memory: so they are found once, and those that few regions are asked for when they first are.

use std::cell::OnceCell;

use cranelift_entity::EntitySet;
use pullback_ir::{Function, Inst, Op, Value};

use super::super::access::{Role, role};
use super::super::parts::parts_in_place;
use super::super::{FusionRegion, RegionKind};
use super::TileRole;
use super::motion::{Read, folded_extents, reads, roots};

/// What is known of a region.
pub(super) struct Facts {
    /// The values that it reads from memory, in order.
    pub(super) reads: Vec<Value>,
    /// The reductions of it that no other reduction of it reads, or its contraction.
    pub(super) roots: Vec<Inst>,
    /// The extents that all of these fold; none if they do not agree.
    pub(super) folds: Vec<usize>,
    /// The value that it stores if that repeats the elements of another, such as windows that overlap: better made where it is read, a tile at a time, than
    /// where its operand happens to be at hand.
    pub(super) spread_view: Option<Value>,
    /// How large the matrices are that it multiplies, if it is a contraction for the packed kernel.
    pub(super) product: Option<Product>,
    /// Whether it is a concatenation most of which is stored by others where it lies.
    pub(super) is_in_place: bool,
    /// The extents of its domain.
    pub(super) extents: Vec<usize>,
    /// For each axis of the domain, then for each number that can be folded, how what it reads moves.
    moves: Vec<OnceCell<Option<Vec<Read>>>>,
}

impl Facts {
    pub(super) fn of(function: &Function, stored: &EntitySet<Value>, region: &FusionRegion) -> Self {
        let found = reads(function, stored, region, None).unwrap_or_default();
        let mut values: Vec<Value> = found.into_iter().map(|(value, _)| value).collect();
        values.sort_unstable();
        values.dedup();
        let roots = match region.kind {
            RegionKind::Contraction(inst) => vec![inst],
            RegionKind::Loop | RegionKind::Assemble(_) | RegionKind::Control(_) => roots(function, stored, region),
        };
        let folds = match region.kind {
            RegionKind::Loop | RegionKind::Contraction(_) => common_folds(function, &roots),
            RegionKind::Assemble(_) | RegionKind::Control(_) => Vec::new(),
        };
        let spread_view = spread_view(function, region, &values);
        let extents = region.domain.extents();
        let moves = vec![OnceCell::new(); extents.len() + folds.len()];
        let product = Product::of(function, region);
        let is_in_place = match region.kind {
            RegionKind::Assemble(inst) => !parts_in_place(function, stored, inst).is_empty(),
            RegionKind::Loop | RegionKind::Contraction(_) | RegionKind::Control(_) => false,
        };
        Self { reads: values, roots, folds, spread_view, product, is_in_place, extents, moves }
    }

    /// For each value that the region reads, in order, its axis along a dimension over which the region runs like that; none if it is read at several places. `None` if the region cannot run
    /// like that.
    pub(super) fn moves(
        &self,
        function: &Function,
        stored: &EntitySet<Value>,
        region: &FusionRegion,
        role: TileRole,
    ) -> Option<&[Read]> {
        let slot = match role {
            TileRole::Axis(axis) => axis,
            TileRole::Folded(number) => self.extents.len() + number,
        };
        let find = || reads(function, stored, region, Some(role)).map(one_place_each);
        self.moves.get(slot)?.get_or_init(find).as_deref()
    }
}

/// The sides of a matrix product.
#[derive(Clone, Copy)]
pub(super) struct Product {
    /// How many axes of the result number products, and how many after these number rows.
    pub(super) axes: (usize, usize),
    /// Rows, columns and steps.
    pub(super) sides: [usize; 3],
}

impl Product {
    fn of(function: &Function, region: &FusionRegion) -> Option<Self> {
        let RegionKind::Contraction(inst) = region.kind else { return None };
        let (Op::Dot(dims), &[x, y]) = (function.op(inst), function.args(inst)) else { return None };
        let [x, y] = [x, y].map(|operand| function.ty(operand));
        let extent = |axes: &[usize]| axes.iter().filter_map(|&axis| x.shape.extent(axis)).product::<usize>();
        let (batches, contracted) = (extent(&dims.lhs_batch), extent(&dims.lhs_contract));
        let per_batch = |elements: usize| elements / batches.max(1) / contracted.max(1);
        let sides = [per_batch(x.elements()), per_batch(y.elements()), contracted];
        Some(Self { axes: (dims.lhs_batch.len(), dims.lhs_free(x.rank()).len()), sides })
    }
}

/// The extents that all reductions fold, if they are the same.
fn common_folds(function: &Function, roots: &[Inst]) -> Vec<usize> {
    let mut extents = roots.iter().map(|&inst| folded_extents(function, inst));
    let Some(first) = extents.next() else { return Vec::new() };
    if extents.all(|other| other == first) { first } else { Vec::new() }
}

/// What is read of each value, in order of the values; what is read at several places may be read anywhere.
fn one_place_each(mut reads: Vec<Read>) -> Vec<Read> {
    reads.sort_unstable();
    reads.dedup_by(|next, kept| {
        let is_same = next.0 == kept.0;
        if is_same && next.1 != kept.1 {
            kept.1 = None;
        }
        is_same
    });
    reads
}

fn spread_view(function: &Function, region: &FusionRegion, reads: &[Value]) -> Option<Value> {
    let (RegionKind::Loop, &[value]) = (region.kind, &region.outputs[..]) else { return None };
    let moves_only = region.members.iter().all(|&inst| role(function, inst) == Role::Free);
    let read: usize = reads.iter().map(|&value| function.ty(value).bytes()).sum();
    (moves_only && function.ty(value).bytes() >= 2 * read.max(1)).then_some(value)
}
