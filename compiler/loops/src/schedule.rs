//! How a loop nest is run: plain data, chosen by pure functions of shapes and access patterns.
//!
//! The inputs are what an evaluation on paper saw: for each access its stride along each axis, and the element types computed. Choices:
//!
//! * *Collapse* adjacent axes over which every access moves as over one: `stride[a] = stride[a+1] · extent[a+1]`. Fewer, longer loops; a dense
//!   elementwise program becomes one loop whatever its rank.
//! * *Lanes*: vectors along the innermost group of axes if every type computed there has the same width, 4 or 8 bytes, and most
//!   accesses are contiguous (stride 1), every other element (stride 2: two loads and a shuffle) or the same for all lanes (stride 0), with wide vectors also neighbours in the opposite order; a gather costs
//!   about as much as scalars, so it only pays around enough arithmetic. The vectors are the widest that the target has and the axis is long enough for; with a
//!   gather that arithmetic does not outweigh, the narrowest, since it takes as many loads as there are lanes. What is left of a row is run in vectors half as wide, a
//!   quarter, and so on: a row of 28 is vectors of 16, 8 and 4. Which operation comes before which is thus known from the shape and the target's widest vector.
//! * *Order*: axes in order, the last innermost, but for last axes too short for a vector behind one that is not: the positions in a small window. The
//!   longer axis then runs inside them, in vectors.
//! * *Unroll*: independent accumulators hide the latency of additions (4 cycles on current cores); a second copy of a short
//!   elementwise body overlaps the latencies of long polynomial chains, and a third only adds spills. A short row of a simple body is
//!   written out: its loop would cost as much as the row. What only moves elements does so by several vectors, for the same reason.
//! * *The end of a row* that is no whole vector is a vector too where nothing stands against storing some elements twice: the row's last lanes.

mod tiles;

use pullback_ir::DType;

pub use tiles::{Segment, tile_segments};

/// Bytes of the narrowest vectors.
const NARROWEST_BYTES: usize = 16;

/// Arithmetic around a gather that makes vectors pay, in units of simple operations per access.
const GATHER_PAYS: u32 = 8;

/// As above, that makes vectors pay that are wider than the narrowest.
const GATHER_WIDE: u32 = 4;

/// Accumulators of a reduction: enough for a latency of 4 cycles at one addition per cycle.
const ACCUMULATORS: usize = 4;

/// Accumulators of reductions that run together: registers remain for what they share.
const ACCUMULATORS_TOGETHER: usize = 8;

/// Vectors of results that are folded together, of a long row, and all of a short one.
const TOGETHER: usize = 4;
const SHORT_TOGETHER: usize = 6;

/// Work for an element, in units of simple arithmetic, beyond which there is nothing to be shared that matters.
const MAX_TOGETHER_WEIGHT: u32 = 16;

/// Positions of the last axes, at most, that a longer axis runs inside of.
const MAX_SHORT: usize = 16;

/// The most vectors of a row that are written out.
const WRITTEN_OUT: usize = 8;

/// The weight of a body that loads an element and stores it.
const MOVE: u32 = 2;

/// Adjacent axes run as one loop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Group {
    /// The innermost of its axes, which stands for all: the others are held at 0.
    pub last_axis: usize,
    /// The product of its extents.
    pub extent: usize,
}

/// The loops over the positions of a region's outputs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DomainSchedule {
    /// Outermost first; axes of extent 1 are in none.
    pub groups: Vec<Group>,
    /// Lanes along the innermost group.
    pub lanes: Lanes,
    /// Vectors per iteration.
    pub unroll: usize,
    /// Whether these are of results that are folded in the same loops.
    pub together: bool,
    /// The axes of the domain as the groups run over them, outermost first.
    pub order: Vec<usize>,
}

/// The loops of a reduction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReduceSchedule {
    /// Outermost first; axes of extent 1 are in none.
    pub groups: Vec<Group>,
    /// Lanes along the innermost group when the result's position is not itself a vector.
    pub lanes: Lanes,
    /// Accumulators.
    pub unroll: usize,
}

impl ReduceSchedule {
    /// The same for so many results next to each other, each with its accumulators.
    #[must_use]
    pub fn together(&self, results: usize) -> Self {
        let unroll = self.unroll.min((ACCUMULATORS_TOGETHER / results.max(1)).max(1));
        Self { unroll, ..self.clone() }
    }
}

/// Strides of accesses along axes.
#[derive(Clone, Debug, Default)]
pub struct Accesses {
    /// Extents of the axes.
    pub extents: Vec<usize>,
    /// Per access the stride along each axis, in elements.
    pub strides: Vec<Vec<i64>>,
}

impl Accesses {
    /// Groups of adjacent axes that every access sees as one.
    #[must_use]
    pub fn collapse(&self) -> Vec<Group> {
        self.collapse_in(&(0..self.extents.len()).collect::<Vec<_>>())
    }

    /// As [`Self::collapse`], with the axes run in an order of their own, outermost first.
    #[must_use]
    pub fn collapse_in(&self, order: &[usize]) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        for axis in order.iter().copied().filter(|&axis| self.extents[axis] != 1) {
            let extent = self.extents[axis];
            if let Some(group) = groups.last_mut()
                && self.strides.iter().all(|strides| strides[group.last_axis] == strides[axis] * extent as i64)
            {
                *group = Group { last_axis: axis, extent: group.extent * extent };
            } else {
                groups.push(Group { last_axis: axis, extent });
            }
        }
        groups
    }

    /// The order of the axes if the last ones are too short for any vector, the narrowest having so many lanes, and the one before is not: that one innermost.
    #[must_use]
    pub fn order(&self, lanes: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.extents.len()).collect();
        let short = |group: &Group| group.extent < lanes;
        let wide = |&axis: &usize| self.extents[axis] >= lanes;
        if let Some(long) = order.iter().copied().rfind(wide)
            && self.collapse().last().is_some_and(short)
            && self.extents[long + 1..].iter().product::<usize>() <= MAX_SHORT
            && 2 * self.gathers(long) <= self.strides.len()
        {
            order[long..].rotate_left(1);
        }
        order
    }

    /// How many accesses along an axis are none of contiguous, constant and to every other element.
    #[must_use]
    pub fn gathers(&self, axis: usize) -> usize {
        self.strides.iter().filter(|strides| !matches!(strides[axis], 0..=2)).count()
    }

    /// How many of them are to neighbours in the opposite order.
    fn reversed(&self, axis: usize) -> usize {
        self.strides.iter().filter(|strides| strides[axis] == -1).count()
    }
}

/// The lanes that vectors along an axis may have: a power of two between the narrowest and the widest, or 1 for scalars.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lanes {
    /// Lanes of the narrowest vector.
    pub narrowest: u8,
    /// Lanes of the widest vector.
    pub widest: u8,
}

impl Lanes {
    /// Scalars alone.
    pub const SCALAR: Self = Self { narrowest: 1, widest: 1 };

    /// The vectors of these types on a target whose widest have `vector_bytes`: scalars if the widths of the types differ or there are no vectors of them. `bool` goes
    /// with anything.
    #[must_use]
    pub fn of_types(types: impl Iterator<Item = DType>, vector_bytes: usize) -> Self {
        let mut width = None;
        for dtype in types.filter(|&dtype| dtype != DType::Bool) {
            if dtype.bytes() < 4 || width.is_some_and(|width| width != dtype.bytes()) {
                return Self::SCALAR;
            }
            width = Some(dtype.bytes());
        }
        let vectors = |width| {
            let [narrowest, widest] =
                [NARROWEST_BYTES, vector_bytes.max(NARROWEST_BYTES)].map(|bytes| (bytes / width) as u8);
            Self { narrowest, widest }
        };
        width.map_or(Self::SCALAR, vectors)
    }

    /// Whether there are vectors.
    #[must_use]
    pub const fn is_vector(self) -> bool {
        self.widest > 1
    }

    /// Those that so many positions fill.
    #[must_use]
    pub fn within(self, extent: usize) -> Self {
        match self.all().find(|&lanes| usize::from(lanes) <= extent) {
            Some(widest) => Self { widest, ..self },
            None => Self::SCALAR,
        }
    }

    /// Those along an axis of these accesses, around so much arithmetic for an element: none if vectors do not pay, and the narrowest around a gather that the arithmetic
    /// does not outweigh.
    #[must_use]
    pub fn along(self, accesses: &Accesses, axis: usize, weight: u32) -> Self {
        // Neighbours in the opposite order are a permutation where there are wide vectors.
        let turned = if self.widest > self.narrowest { accesses.reversed(axis) } else { 0 };
        let gathers = accesses.gathers(axis) - turned;
        let outweighs = |times: u32| weight >= times * gathers as u32;
        if 2 * gathers > accesses.strides.len() && !outweighs(GATHER_PAYS) {
            Self::SCALAR
        } else if outweighs(GATHER_WIDE) {
            self
        } else {
            Self { widest: self.narrowest, ..self }
        }
    }

    /// The lanes that a vector may have, widest first.
    fn all(self) -> impl Iterator<Item = u8> {
        let halved = move |&lanes: &u8| (lanes > self.narrowest).then_some(lanes / 2);
        std::iter::successors(Some(self.widest), halved)
    }

    /// Loops over so many positions: `copies` of the widest vectors at a time, then one, then one of each narrower kind, then scalars.
    #[must_use]
    pub fn runs(self, extent: usize, copies: usize) -> Vec<Run> {
        let widths = self.all().chain([1]).map(|lanes| (1, lanes));
        let mut runs = Vec::new();
        let mut start = 0;
        for (copies, lanes) in [(copies, self.widest)].into_iter().chain(widths) {
            let step = copies * usize::from(lanes);
            let span = (extent - start) / step * step;
            if span > 0 {
                runs.push(Run { start, span, step, copies, lanes });
            }
            start += span;
        }
        runs
    }
}

/// What a body that is not written out for several vectors weighs more than.
const LARGE: u32 = 200;

/// What a function weighs at least that is long.
pub const LONG_FUNCTION: u32 = 20;

/// Vectors per iteration of an elementwise loop: two when the loop is long and the body neither trivial nor large, all when it is short and simple
/// and is run for many `rows`, several when elements are only moved.
#[must_use]
pub fn elementwise_unroll(rows: bool, extent: usize, lanes: u8, weight: u32) -> usize {
    let vectors = extent / usize::from(lanes);
    if rows && lanes > 1 && (2..=WRITTEN_OUT).contains(&vectors) && weight as usize * vectors <= 8 * WRITTEN_OUT {
        return vectors;
    }
    if lanes > 1 && vectors >= WRITTEN_OUT && weight <= MOVE {
        return (WRITTEN_OUT / 2 + 1..=WRITTEN_OUT).rev().find(|copies| vectors.is_multiple_of(*copies)).unwrap_or(4);
    }
    if extent >= 64 * usize::from(lanes) && weight <= LARGE { 2 } else { 1 }
}

/// Vectors per iteration of an elementwise loop whose body has so many long functions, which wait for each other: with as many chains side by side
/// ([`interleave`](crate::interleave())) processors are busy where one chain leaves them idle half of the time. 1 if there is but one function, or the body is large enough without.
#[must_use]
pub const fn chain_unroll(extent: usize, lanes: u8, weight: u32, long: usize) -> usize {
    if lanes == 1 || long < 2 || weight > LARGE {
        return 1;
    }
    match extent / lanes as usize {
        0 | 1 => 1,
        2 | 3 => 2,
        4.. => 4,
    }
}

/// Vectors of results next to each other that are folded in the same loops, with so much work for an element: all of a short row, otherwise as many as registers allow.
/// `None` if it does not pay.
#[must_use]
pub fn folds_together(extent: usize, lanes: u8, weight: u32) -> Option<usize> {
    let vectors = extent / usize::from(lanes);
    let together = if vectors <= SHORT_TOGETHER { vectors.max(1) } else { TOGETHER };
    (weight <= MAX_TOGETHER_WEIGHT).then_some(together)
}

/// A loop over a part of a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Run {
    /// The first position.
    pub start: usize,
    /// How many positions.
    pub span: usize,
    /// Positions per iteration.
    pub step: usize,
    /// Vectors per iteration.
    pub copies: usize,
    /// Lanes of each.
    pub lanes: u8,
}

impl Run {
    /// The first position of a vector of an iteration: they follow each other, the last one ending where the iteration does.
    #[must_use]
    pub fn at(&self, copy: usize) -> usize {
        let width = usize::from(self.lanes);
        (copy * width).min(self.step - width)
    }
}

/// The loops over the innermost group, which has `extent` positions. `repeats` says that a position may be stored twice.
#[must_use]
pub fn row_runs(extent: usize, schedule: &DomainSchedule, repeats: bool) -> Vec<Run> {
    let &DomainSchedule { lanes, unroll, together, .. } = schedule;
    let [narrowest, widest] = [lanes.narrowest, lanes.widest].map(usize::from);
    let mut runs = lanes.runs(extent, unroll);
    if together {
        for run in runs.iter_mut().filter(|run| run.lanes == lanes.widest && run.copies == 1) {
            (run.step, run.copies) = (run.span, run.span / widest);
        }
    }
    // What vectors of the widest kind leave. A single element is as fast alone; whole vectors are what a loop over the same row behind this one finds in registers.
    let rest = extent % widest;
    if repeats && extent >= widest && rest > 0 && (together || rest > 1 && !rest.is_multiple_of(narrowest)) {
        runs.retain(|run| run.start < extent - rest);
        match runs.last_mut() {
            Some(last) if together && last.span == last.step => {
                (last.span, last.step, last.copies) = (last.span + rest, last.step + rest, last.copies + 1);
            }
            Some(_) | None => {
                let width = rest.next_power_of_two().max(narrowest);
                runs.push(Run { start: extent - width, span: width, step: width, copies: 1, lanes: width as u8 });
            }
        }
    }
    runs
}

/// The schedule of a reduction over `groups`, with `lanes` if it runs by rows.
#[must_use]
pub fn reduce_schedule(groups: Vec<Group>, lanes: Lanes) -> ReduceSchedule {
    let extent = groups.last().map_or(1, |group| group.extent);
    let lanes = lanes.within(extent);
    // By columns an accumulator is a vector already, so this does not ask for more elements where vectors are wider; rows do when they run.
    let unroll = if extent >= 2 * ACCUMULATORS * usize::from(lanes.narrowest) { ACCUMULATORS } else { 1 };
    ReduceSchedule { groups, lanes, unroll }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn dense_accesses_collapse_to_one_loop_and_a_broadcast_splits_it() {
        let dense = Accesses { extents: vec![2, 3, 4], strides: vec![vec![12, 4, 1], vec![12, 4, 1]] };
        assert_eq!(dense.collapse(), [Group { last_axis: 2, extent: 24 }]);
        let bias = Accesses { extents: vec![2, 3, 4], strides: vec![vec![12, 4, 1], vec![0, 4, 1]] };
        assert_eq!(bias.collapse(), [Group { last_axis: 0, extent: 2 }, Group { last_axis: 2, extent: 12 }]);
    }

    #[test]
    fn a_row_runs_inside_the_positions_of_a_small_window_and_not_inside_those_of_a_large_one() {
        // A maximum of windows compared with their elements: rows of 28 seen as 14 windows of 2.
        let windows = |size: i64| {
            let size = size as usize;
            let row = 14 * size as i64;
            let strides = vec![vec![row * size as i64, size as i64, row, 1], vec![14, 1, 0, 0]];
            Accesses { extents: vec![9, 14, size, size], strides }
        };
        assert_eq!(windows(2).order(4), [0, 2, 3, 1]);
        assert_eq!(windows(8).order(4), [0, 1, 2, 3]);
        assert_eq!(windows(2).collapse_in(&[0, 2, 3, 1]).last(), Some(&Group { last_axis: 1, extent: 14 }));
    }

    #[test]
    fn the_end_of_a_row_is_a_vector_where_elements_may_be_stored_twice() {
        let lanes = Lanes { narrowest: 4, widest: 4 };
        let schedule = DomainSchedule { groups: Vec::new(), lanes, unroll: 3, together: false, order: Vec::new() };
        let vectors = Run { start: 0, span: 12, step: 12, copies: 3, lanes: 4 };
        let end = Run { start: 10, span: 4, step: 4, copies: 1, lanes: 4 };
        assert_eq!(row_runs(14, &schedule, true), [vectors, end]);
        let scalars = Run { start: 12, span: 2, step: 1, copies: 1, lanes: 1 };
        assert_eq!(row_runs(14, &schedule, false), [vectors, scalars]);
        // Not before the row's beginning.
        assert_eq!(row_runs(3, &schedule, true), [Run { start: 0, span: 3, step: 1, copies: 1, lanes: 1 }]);
    }

    #[test]
    fn what_only_moves_is_moved_by_several_vectors_that_divide_the_row() {
        assert_eq!([192, 28 * 4, 13 * 4].map(|extent| elementwise_unroll(true, extent, 4, MOVE)), [8, 7, 4]);
        // Arithmetic on long rows, short rows, and rows of scalars.
        let others = [(192, 4, 9), (512, 4, 9), (16, 4, MOVE), (192, 1, MOVE)];
        assert_eq!(others.map(|(extent, lanes, weight)| elementwise_unroll(true, extent, lanes, weight)), [1, 2, 4, 2]);
    }

    #[test]
    fn chains_of_functions_are_side_by_side_as_far_as_the_row_goes() {
        assert_eq!([9, 16, 24, 32, 1000].map(|extent| chain_unroll(extent, 8, 41, 2)), [1, 2, 2, 4, 4]);
        assert_eq!(
            [(8, 21, 1), (8, 400, 9), (1, 41, 2)].map(|(lanes, weight, long)| chain_unroll(99, lanes, weight, long)),
            [1; 3]
        );
    }

    #[test]
    fn dense_rows_too_short_for_a_vector_keep_their_order() {
        let dense = Accesses { extents: vec![64, 3], strides: vec![vec![3, 1], vec![3, 1]] };
        assert_eq!(dense.order(4), [0, 1]);
    }

    /// Start, copies and lanes of the loops over a row of `f32` with vectors of 64 bytes.
    fn wide_row(extent: usize, unroll: usize, repeats: bool) -> Vec<(usize, usize, u8)> {
        let lanes = Lanes::of_types([DType::F32].into_iter(), 64).within(extent);
        let schedule = DomainSchedule { groups: Vec::new(), lanes, unroll, together: false, order: Vec::new() };
        let runs = row_runs(extent, &schedule, repeats);
        assert!(runs.iter().all(|run| run.start + run.span <= extent && run.span.is_multiple_of(run.step)));
        runs.into_iter().map(|run| (run.start, run.copies, run.lanes)).collect()
    }

    #[test]
    fn what_wide_vectors_leave_of_a_row_is_run_in_narrower_ones() {
        for repeats in [false, true] {
            assert_eq!(wide_row(28, 1, repeats), [(0, 1, 16), (16, 1, 8), (24, 1, 4)]);
            assert_eq!(wide_row(100, 6, repeats), [(0, 6, 16), (96, 1, 4)]);
            assert_eq!(wide_row(12, 1, repeats), [(0, 1, 8), (8, 1, 4)]);
            assert_eq!(wide_row(3, 1, repeats), [(0, 1, 1)]);
            assert_eq!(wide_row(17, 1, repeats), [(0, 1, 16), (16, 1, 1)]);
        }
        assert_eq!(wide_row(10, 1, false), [(0, 1, 8), (8, 1, 1)]);
        assert_eq!(wide_row(10, 1, true), [(0, 1, 8), (6, 1, 4)]);
        assert_eq!(wide_row(45, 1, false), [(0, 1, 16), (32, 1, 8), (40, 1, 4), (44, 1, 1)]);
        assert_eq!(wide_row(45, 1, true), [(0, 1, 16), (29, 1, 16)]);
    }

    #[test]
    fn what_is_folded_together_has_few_loops() {
        let runs = |extent, vector_bytes, repeats| {
            let lanes = Lanes::of_types([DType::F32].into_iter(), vector_bytes).within(extent);
            let unroll = folds_together(extent, lanes.widest, 1).unwrap();
            let schedule = DomainSchedule { groups: Vec::new(), lanes, unroll, together: true, order: Vec::new() };
            let places = |run: &Run| (0..run.copies).map(|copy| run.start + run.at(copy)).collect::<Vec<_>>();
            row_runs(extent, &schedule, repeats).iter().map(|run| (run.lanes, places(run))).collect::<Vec<_>>()
        };
        assert_eq!(runs(28, 64, true), [(16, vec![0, 12])]);
        assert_eq!(runs(28, 64, false), [(16, vec![0]), (8, vec![16]), (4, vec![24])]);
        assert_eq!(runs(28, 16, true), [(4, vec![0, 4, 8, 12]), (4, vec![16, 20, 24])]);
        assert_eq!(runs(10, 64, true), [(8, vec![0, 2])]);
        assert_eq!(runs(17, 64, true), [(16, vec![0, 1])]);
        assert_eq!(runs(140, 64, true), [(16, vec![0, 16, 32, 48]), (16, vec![124])]);
        assert_eq!(runs(120, 64, true), [(16, vec![0, 16, 32, 48]), (16, vec![64, 80, 96, 104])]);
    }

    #[test]
    fn every_position_of_a_row_is_in_a_loop() {
        let cases = (0..140).flat_map(|extent| [1, 2, 3].map(|unroll| (extent, unroll)));
        let cases = cases.flat_map(|case| [DType::F32, DType::F64].map(|dtype| (case, dtype)));
        let cases = cases.flat_map(|case| [16, 32, 64].map(|vector_bytes| (case, vector_bytes)));
        for (((extent, unroll), dtype), vector_bytes) in cases {
            for (repeats, together) in [(false, false), (false, true), (true, false), (true, true)] {
                let lanes = Lanes::of_types([dtype].into_iter(), vector_bytes).within(extent);
                let schedule = DomainSchedule { groups: Vec::new(), lanes, unroll, together, order: Vec::new() };
                let mut stored = vec![0; extent];
                for run in row_runs(extent, &schedule, repeats) {
                    let starts = (run.start..run.start + run.span).step_by(run.step);
                    for start in starts.flat_map(|start| (0..run.copies).map(move |copy| start + run.at(copy))) {
                        stored[start..start + usize::from(run.lanes)].iter_mut().for_each(|times| *times += 1);
                    }
                }
                let most = if repeats { 2 } else { 1 };
                assert!(stored.iter().all(|times| (1..=most).contains(times)), "{extent} of {dtype}: {stored:?}");
            }
        }
    }

    #[test]
    fn a_gather_takes_the_narrowest_vectors_unless_arithmetic_outweighs_it() {
        let all = Lanes::of_types([DType::F64].into_iter(), 64);
        assert_eq!(all, Lanes { narrowest: 2, widest: 8 });
        let accesses = |strides: &[i64]| Accesses {
            extents: vec![64],
            strides: strides.iter().map(|&stride| vec![stride]).collect(),
        };
        assert_eq!(all.along(&accesses(&[1, 2, 0]), 0, 1), all);
        assert_eq!(all.along(&accesses(&[1, 7]), 0, 3), Lanes { narrowest: 2, widest: 2 });
        assert_eq!(all.along(&accesses(&[1, 7]), 0, 4), all);
        assert_eq!(all.along(&accesses(&[5, 7]), 0, 15), Lanes::SCALAR);
        assert_eq!(all.along(&accesses(&[5, 7]), 0, 16), all);
        // What is reversed is no gather of wide vectors.
        assert_eq!(all.along(&accesses(&[-1, -1]), 0, 1), all);
        assert_eq!(all.within(3).along(&accesses(&[-1, -1]), 0, 1), Lanes::SCALAR);
    }

    #[test]
    fn a_reduction_by_columns_has_as_many_accumulators_whatever_the_width_of_vectors() {
        let unroll = |extent, vector_bytes| {
            let lanes = Lanes::of_types([DType::F32].into_iter(), vector_bytes);
            let schedule = reduce_schedule(vec![Group { last_axis: 0, extent }], lanes);
            (schedule.lanes.widest, schedule.unroll)
        };
        assert_eq!([3, 12, 40].map(|extent| unroll(extent, 16)), [(1, 1), (4, 1), (4, 4)]);
        assert_eq!([3, 12, 40].map(|extent| unroll(extent, 64)), [(1, 1), (8, 1), (16, 4)]);
    }

    #[test]
    fn vectors_need_one_width_of_at_least_four_bytes() {
        let widest = |types: &[DType]| [16, 64].map(|bytes| Lanes::of_types(types.iter().copied(), bytes).widest);
        assert_eq!(widest(&[DType::F32, DType::Bool, DType::I32]), [4, 16]);
        assert_eq!(widest(&[DType::F64, DType::F64]), [2, 8]);
        assert_eq!(widest(&[DType::F32, DType::F64]), [1, 1]);
        assert_eq!(widest(&[DType::U8]), [1, 1]);
    }
}
