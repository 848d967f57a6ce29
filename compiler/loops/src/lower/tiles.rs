//! Tile groups: the kernels of several regions inside loops over blocks of positions.
//!
//! Positions are those of whole values throughout: a tile's first position is an expression of the counters of the loops around, the *start* of each dimension, to which what a
//! kernel does within the tile is added. So loads and stores of whole values need nothing special. A value that is local to the tile has room for one
//! block, with strides of its own; the position of the block's first element is taken off again in its place, and the sum is free of the counters around.
//!
//! What accumulates over the tiles is cleared before the outermost loop whose dimension it lacks, and every tile adds to it. If that is the first dimension, whose chunks may run at
//! once, each chunk has a slot of its own, and the slots are combined in their order behind the loop: the result does not depend on how many threads there are.

use std::collections::BTreeMap;

use pullback_interp::scalar;
use pullback_ir::{Binary, Function, Inst, Op, Reduction, Scalar, Value};
use pullback_optimize::fuse::tiles::{roots, same_blocks};
use pullback_optimize::fuse::{FusionRegion, Plan, RegionKind, TileGroup, TileRole};

use super::buffers::{Buffers, Location, root};
use super::nest::Nest;
use super::region::{PositionBox, fill, strides_of};
use super::{Session, about, bug, contract, region};
use crate::error::Error;
use crate::join_loops::join_loops;
use crate::program::{Affine, Expr, Index, Kernel, Space, Stmt};
use crate::schedule::{Lanes, Run, Segment, tile_segments};
use crate::step::{Loop, Step};
use crate::verify::can_run_in_parallel;

/// Vectors that partial results are combined in side by side: those of two cache lines.
const COMBINED_VECTORS: usize = 8;

/// A block of positions of an axis, or of the axis of that number among those folded.
#[derive(Clone, Debug)]
pub(super) struct CutAxis {
    pub(super) number: usize,
    pub(super) start: Affine,
    pub(super) extent: usize,
}

/// Blocks of the axes that a reduction folds.
pub(super) type Cut = Vec<CutAxis>;

/// Where a value accumulates, and how.
#[derive(Clone, Debug)]
pub(super) struct Total {
    pub(super) location: Location,
    pub(super) step: Binary,
    kind: Reduction,
}

/// What a region runs over within a tile.
pub(super) struct Block<'a> {
    roles: &'a [TileRole],
    starts: &'a [Affine],
    extents: &'a [usize],
    /// Those of its results that accumulate.
    pub(super) totals: &'a BTreeMap<Value, Total>,
}

impl Block<'_> {
    fn cuts(&self) -> impl Iterator<Item = (TileRole, &Affine, usize)> {
        let blocks = self.starts.iter().zip(self.extents.iter().copied());
        self.roles.iter().zip(blocks).map(|(&role, (start, extent))| (role, start, extent))
    }

    /// The axes of the domain of which there is a block.
    pub(super) fn axes(&self) -> impl Iterator<Item = (usize, CutAxis)> {
        self.cuts().filter_map(|(role, start, extent)| match role {
            TileRole::Axis(axis) => Some((axis, CutAxis { number: axis, start: start.clone(), extent })),
            TileRole::Folded(_) => None,
        })
    }

    /// The folded axes of which there is a block, if there are any.
    pub(super) fn folded(&self) -> Option<Cut> {
        let folded = self.cuts().filter_map(|(role, start, extent)| match role {
            TileRole::Folded(number) => Some(CutAxis { number, start: start.clone(), extent }),
            TileRole::Axis(_) => None,
        });
        Some(folded.collect::<Cut>()).filter(|cut| !cut.is_empty())
    }

    /// Leaves the block of a box.
    pub(super) fn restrict(&self, part: &mut PositionBox) {
        for (axis, cut) in self.axes() {
            (part.extents[axis], part.origin[axis]) = (cut.extent, cut.start);
        }
    }
}

/// The reductions of a region that fold a block.
pub(super) fn block_roots(function: &Function, plan: &Plan, region: &FusionRegion, cut: Cut) -> Vec<(Inst, Cut)> {
    roots(function, &plan.stored, region).into_iter().map(|inst| (inst, cut.clone())).collect()
}

/// How the tiles of a group are laid out: for each dimension blocks of positions, by segments.
pub(super) struct Tiling {
    dims: Vec<Vec<Segment>>,
    /// The largest tile of each dimension.
    tiles: Vec<usize>,
    /// Elements of each local value.
    pub(super) local: BTreeMap<Value, usize>,
}

impl Tiling {
    pub(super) fn of(function: &Function, plan: &Plan, group: &TileGroup) -> Self {
        let regions = &plan.regions[group.regions.clone()];
        let contracts = regions.iter().any(|region| matches!(region.kind, RegionKind::Contraction(_)));
        let tile_bytes = if contracts { plan.cutting.contraction_tile } else { plan.cutting.tile };
        let accumulates = group.axes.values().any(|axes| axes.iter().any(Option::is_none));
        let is_last = |dim: usize| {
            let mut roles = group.roles.iter().zip(regions).map(|(roles, region)| (roles[dim], region.domain.rank()));
            roles.any(|(role, rank)| match role {
                TileRole::Axis(axis) => axis + 1 == rank,
                TileRole::Folded(_) => true,
            })
        };
        let extents: Vec<(usize, bool)> =
            group.extents.iter().enumerate().map(|(dim, &extent)| (extent, is_last(dim))).collect();
        let dims = tile_segments(&extents, group.position_bytes, tile_bytes, accumulates);
        let tiles: Vec<usize> =
            dims.iter().map(|segments| segments.iter().map(|segment| segment.tile).max().unwrap_or(1)).collect();
        let blocks = group.axes.iter().filter(|&(&value, _)| group.local.contains(value));
        let local =
            blocks.filter_map(|(&value, axes)| Some((value, block(function, value, axes, &tiles)?.iter().product())));
        let local = local.collect();
        Self { dims, local, tiles }
    }
}

/// The extents of a block of a value; `None` for one that is complete only behind the tiles.
fn block(function: &Function, value: Value, axes: &[Option<usize>], tiles: &[usize]) -> Option<Vec<usize>> {
    let mut extents = function.ty(value).shape.extents();
    for (&axis, &tile) in axes.iter().zip(tiles) {
        extents[axis?] = tile;
    }
    Some(extents)
}

/// The names that values have under other shapes.
pub(super) type Aliases = BTreeMap<Value, Vec<Value>>;

/// All that a function has: found once, and not by each of its groups.
pub(super) fn aliases(function: &Function) -> Aliases {
    let mut aliases = Aliases::new();
    for &value in function.insts().iter().flat_map(|&inst| function.inst_results(inst)) {
        let origin = root(function, value);
        if origin != value {
            aliases.entry(origin).or_default().push(value);
        }
    }
    aliases
}

/// What all levels of a group's loops share.
struct Group<'a> {
    function: &'a Function,
    plan: &'a Plan,
    group: &'a TileGroup,
    tiling: &'a Tiling,
    aliases: &'a Aliases,
}

/// The tile that the loops opened so far lead to.
#[derive(Default)]
struct Tile {
    starts: Vec<Affine>,
    extents: Vec<usize>,
    totals: BTreeMap<Value, Total>,
}

impl Session {
    /// The steps of a group.
    pub(super) fn tiles(
        &mut self,
        function: &Function,
        plan: &Plan,
        (group, tiling): (&TileGroup, &Tiling),
        aliases: &Aliases,
        buffers: &mut Buffers,
    ) -> Result<Vec<Step>, Error> {
        let group = Group { function, plan, group, tiling, aliases };
        let slots: usize = tiling.dims[0].iter().map(|segment| segment.chunks).sum();
        let mut tile = Tile::default();
        let mut partial = Vec::new();
        for (value, kind) in group.lacking(0)? {
            let location = buffers.get(value).cloned().ok_or_else(|| missing(value))?;
            let total = group.total(kind, location.clone())?;
            let elements = function.ty(value).elements();
            if slots > 1 {
                let dtype = function.ty(value).dtype;
                let name = format!("{}_parts", self.program.buffers[location.buffer].name);
                let parts = self.buffers.buffer(&mut self.program, &name, (dtype, slots * elements), Space::Arena(0));
                partial.push((Location::whole(parts), location, elements, total.step));
                tile.totals.insert(value, Total { location: Location::whole(parts), ..total });
            } else {
                tile.totals.insert(value, total);
            }
        }
        let whole = tile.totals.clone();
        let (mut steps, mut slot) = (Vec::new(), 0);
        for segment in &tiling.dims[0] {
            let chunk = Chunk { segment, slot, slots };
            tile.totals.clone_from(&whole);
            if slot > 0 {
                self.renew(&group, buffers);
            }
            steps.extend(self.chunk(&group, buffers, &chunk, &mut tile)?);
            slot += segment.chunks;
        }
        for (from, to, elements, step) in &partial {
            let body = self.combine((from, to), *elements, slots, *step);
            let name = self.kernels.unique(format!("{}_total", self.program.buffers[to.buffer].name).into());
            steps.push(Step::Kernel(Kernel { name, about: "partial results of tiles combined".into(), body }));
        }
        Ok(steps)
    }

    /// Gives local values other buffers: those of one loop over chunks are not touched in another.
    fn renew(&mut self, group: &Group<'_>, buffers: &mut Buffers) {
        for (&value, &elements) in &group.tiling.local {
            let dtype = group.function.ty(value).dtype;
            let Some(base) = buffers.get(value).map(|location| self.program.buffers[location.buffer].name.clone())
            else {
                continue;
            };
            let buffer = self.buffers.buffer(&mut self.program, &base, (dtype, elements), Space::Arena(0));
            let aliases = group.aliases.get(&value).into_iter().flatten();
            aliases.chain([&value]).for_each(|&value| buffers.move_to(value, buffer));
        }
    }

    /// The chunks of the first dimension's positions that a segment has.
    fn chunk(
        &mut self,
        group: &Group<'_>,
        buffers: &mut Buffers,
        &Chunk { segment, slot, slots }: &Chunk<'_>,
        tile: &mut Tile,
    ) -> Result<Vec<Step>, Error> {
        let counter = (segment.chunks > 1).then(|| self.program.index());
        let at = counter.map(Affine::counter).unwrap_or_default();
        let mut body = Vec::new();
        for (&value, total) in &mut tile.totals {
            let shape = &group.function.ty(value).shape;
            if slots > 1 {
                let place = at.plus_constant(slot as i64).times(shape.elements() as i64);
                total.location.offset = total.location.offset.plus(&place, 1);
            }
            let part = PositionBox::new(shape.extents(), Vec::new());
            body.push(self.cleared(group, buffers, (value, total), part)?);
        }
        let step = (segment.steps > 1).then(|| self.program.index());
        let within = step.map(Affine::counter).unwrap_or_default();
        let tiles = at.times(segment.steps as i64).plus(&within, 1);
        tile.starts.push(tiles.times(segment.tile as i64).plus_constant(segment.start as i64));
        tile.extents.push(segment.tile);
        let inner = self.dimension(group, buffers, 1, tile)?;
        tile.starts.pop();
        tile.extents.pop();
        match step {
            Some(index) => body.push(serial(index, segment.steps, inner)),
            None => body.extend(inner),
        }
        Ok(match counter {
            Some(index) => {
                let mut chunks = Loop { index, extent: segment.chunks as i64, parallel: false, body };
                let is_local = |buffer| group.tiling.local.keys().any(|&value| buffers.is_in(value, buffer));
                chunks.parallel = group.group.parallel && can_run_in_parallel(&self.program, &chunks, is_local);
                vec![Step::Loop(Box::new(chunks))]
            }
            None => body,
        })
    }

    /// The loops from a dimension inwards. The recursion is as deep as there are dimensions.
    fn dimension(
        &mut self,
        group: &Group<'_>,
        buffers: &mut Buffers,
        level: usize,
        tile: &mut Tile,
    ) -> Result<Vec<Step>, Error> {
        let Some(segments) = group.tiling.dims.get(level) else { return self.kernels_of(group, buffers, tile) };
        let mut steps = Vec::new();
        let lacking = group.lacking(level)?;
        for &(value, kind) in &lacking {
            let location = buffers.get(value).cloned().ok_or_else(|| missing(value))?;
            let total = group.total(kind, location)?;
            let mut part = PositionBox::new(group.function.ty(value).shape.extents(), Vec::new());
            for (axis, (start, &extent)) in group.group.axes[&value].iter().zip(tile.starts.iter().zip(&tile.extents)) {
                if let &Some(axis) = axis {
                    (part.extents[axis], part.origin[axis]) = (extent, start.clone());
                }
            }
            steps.push(self.cleared(group, buffers, (value, &total), part)?);
            tile.totals.insert(value, total);
        }
        for segment in segments {
            let count = segment.chunks * segment.steps;
            let counter = (count > 1).then(|| self.program.index());
            let at = counter.map(Affine::counter).unwrap_or_default();
            tile.starts.push(at.times(segment.tile as i64).plus_constant(segment.start as i64));
            tile.extents.push(segment.tile);
            let body = self.dimension(group, buffers, level + 1, tile)?;
            tile.starts.pop();
            tile.extents.pop();
            match counter {
                Some(index) => steps.push(serial(index, count, body)),
                None => steps.extend(body),
            }
        }
        for (value, _) in lacking {
            tile.totals.remove(&value);
        }
        Ok(steps)
    }

    /// The kernels of one tile.
    fn kernels_of(&mut self, group: &Group<'_>, buffers: &mut Buffers, tile: &Tile) -> Result<Vec<Step>, Error> {
        let Group { function, plan, .. } = *group;
        for &value in group.tiling.local.keys() {
            let axes = &group.group.axes[&value];
            group.place_block(buffers, value, axes, &tile.starts);
            for &alias in group.aliases.get(&value).into_iter().flatten() {
                let (from, to) = (&function.ty(value).shape, &function.ty(alias).shape);
                let axes: Vec<_> = axes.iter().map(|axis| same_blocks(from, (*axis)?, to)).collect();
                group.place_block(buffers, alias, &axes, &tile.starts);
            }
        }
        let mut steps = Vec::new();
        let regions = plan.regions[group.group.regions.clone()].iter().zip(&group.group.roles);
        for (data, roles) in regions {
            let block = Block { roles, starts: &tile.starts, extents: &tile.extents, totals: &tile.totals };
            let body = match data.kind {
                RegionKind::Contraction(inst) => {
                    contract::lower(function, buffers, inst, Some(&block), &mut self.program)?
                }
                RegionKind::Loop | RegionKind::Assemble(_) | RegionKind::Control(_) => {
                    region::lower(function, plan, buffers, data, Some(&block), self)?
                }
            };
            if !body.is_empty() {
                let name = self.kernels.of(function, data);
                steps.push(Step::Kernel(Kernel { name, about: about(function, data), body }));
            }
        }
        Ok(join_loops(&mut self.program, steps))
    }

    /// A kernel that begins a total with what no elements combine to.
    fn cleared(
        &mut self,
        group: &Group<'_>,
        buffers: &Buffers,
        (value, total): (Value, &Total),
        part: PositionBox,
    ) -> Result<Step, Error> {
        let dtype = group.function.ty(value).dtype;
        let nothing = scalar::identity(total.kind, dtype);
        let nothing = nothing.unwrap_or_else(|| Scalar::from_f64(dtype, 0.0));
        let strides = strides_of(group.function, value);
        let body = fill(group.function, buffers, (&total.location, strides), (part, nothing), self)?;
        let name = self.kernels.unique(format!("{}_begin", self.program.buffers[total.location.buffer].name).into());
        Ok(Step::Kernel(Kernel { name, about: "a total begins".into(), body }))
    }

    /// Combines slots one after the other, a few vectors side by side: lines of a slot are then read once, and the chains of additions overlap.
    fn combine(
        &mut self,
        (from, to): (&Location, &Location),
        elements: usize,
        slots: usize,
        step: Binary,
    ) -> Vec<Stmt> {
        let dtype = self.program.buffers[from.buffer].dtype;
        let lanes = Lanes::of_types(std::iter::once(dtype), self.vector_bytes);
        let mut nest = Nest::new(&self.program);
        for run in lanes.runs(elements, COMBINED_VECTORS) {
            let Run { start, span, step: positions, copies, lanes } = run;
            let (index, _) = nest.open(span, positions, &[]);
            nest.vector = (lanes > 1).then_some((index, lanes));
            let places: Vec<Affine> =
                (0..copies).map(|copy| Affine::counter(index).plus_constant((start + run.at(copy)) as i64)).collect();
            let first: Vec<_> = places.iter().map(|at| nest.load(dtype, from, at.clone())).collect();
            let (slot, carried) = nest.open(slots - 1, 1, &first);
            let slot = Affine::counter(slot).plus_constant(1);
            let next: Vec<_> = places
                .iter()
                .zip(carried)
                .map(|(at, carried)| {
                    let part = nest.load(dtype, from, at.plus(&slot, elements as i64));
                    nest.apply(dtype, &[carried, part], 1, |a| Expr::Binary(step, a[0], a[1]))
                })
                .collect();
            let totals = nest.close(&next);
            for (at, total) in places.into_iter().zip(totals) {
                nest.store(to, at, total);
            }
            nest.close(&[]);
            nest.vector = None;
        }
        nest.finish(&mut self.program)
    }
}

/// Chunks of the first dimension, and the slots of their totals.
struct Chunk<'a> {
    segment: &'a Segment,
    slot: usize,
    slots: usize,
}

impl Group<'_> {
    /// Places the block of a value that a tile is at the beginning of its buffer.
    fn place_block(&self, buffers: &mut Buffers, value: Value, axes: &[Option<usize>], starts: &[Affine]) {
        let Some(extents) = block(self.function, value, axes, &self.tiling.tiles) else { return };
        let starts = axes.iter().zip(starts).filter_map(|(axis, start)| Some(((*axis)?, start)));
        buffers.place_block(value, &extents, starts);
    }

    /// The values that accumulate from this dimension on, and how.
    fn lacking(&self, level: usize) -> Result<Vec<(Value, Reduction)>, Error> {
        // Over a single tile nothing accumulates.
        let is_cut =
            |segments: &[Segment]| segments.iter().map(|segment| segment.chunks * segment.steps).sum::<usize>() > 1;
        let first = |axes: &[Option<usize>]| {
            axes.iter().zip(&self.tiling.dims).position(|(axis, segments)| axis.is_none() && is_cut(segments))
        };
        let values = self.group.axes.iter().filter(|(_, axes)| first(axes) == Some(level));
        let with_kind = |(&value, _): (&Value, _)| {
            let inst = self.function.def_inst(value).ok_or_else(|| missing(value))?;
            match self.function.op(inst) {
                Op::Reduce { kind, .. } => Ok((value, *kind)),
                Op::Dot(_) => Ok((value, Reduction::Add)),
                _ => Err(bug(self.function, inst, "does not accumulate")),
            }
        };
        values.map(with_kind).collect()
    }

    #[allow(clippy::unused_self, reason = "reads as what it belongs to")]
    fn total(&self, kind: Reduction, location: Location) -> Result<Total, Error> {
        Ok(Total { location, step: scalar::step(kind), kind })
    }
}

fn serial(index: Index, count: usize, body: Vec<Step>) -> Step {
    Step::Loop(Box::new(Loop { index, extent: count as i64, parallel: false, body }))
}

fn missing(value: Value) -> Error {
    Error::Bug { stage: "lower", message: format!("{value} of a tile group has no buffer") }
}
