//! Products by tiles in registers: the loops around the kernels.

use std::mem::MaybeUninit;
use std::ops::Range;

use super::blocking::{Blocking, Rhs, Shape, blocking, one_block};
use super::kernel::{Family, Kernel, Scalar, Tile, TileFn};
use super::pack;
use super::packed::{self, Panels};
use super::problem::{Matrix, Problem};
use super::threads::Items;
use super::workspace::Workspace;
use crate::pool;

/// The elements of the largest tile of any kernel.
pub(super) const TILE_ELEMENTS: usize = 512;

/// Up to so many steps along `k` tiles are as wide as can be.
const WIDE_STEPS: usize = 8;

/// Columns of the right operand that are packed together, as panels: wide enough for reading to be contiguous.
const PACK_PANELS: usize = 8;

/// How far ahead a packed panel is fetched by the first tile that reads it: in a product of 64 rows that gains 3 %.
const PANEL_AHEAD_BYTES: usize = 2 << 10;

/// The same for a right operand that is read where it is, from memory.
const STREAM_AHEAD_BYTES: usize = 256;

/// A product by tiles, and what its workers share.
struct Tiled<'a, T: 'static> {
    kernel: &'a Kernel<T>,
    problem: &'a Problem<T>,
    blocking: Blocking,
    /// The right operand, as far as it is packed in a round; `None` if it is read where it is.
    packed: Option<Panels<T>>,
    /// Items per round: those that pack, and those that multiply.
    packs: usize,
    products: usize,
    /// Rounds along `k`, and all of them.
    k_rounds: usize,
    rounds: usize,
    items: Items,
}

// SAFETY: workers write to different parts of `packed` and of the result, and read `packed` when it is complete.
unsafe impl<T: Scalar> Sync for Tiled<'_, T> {}

/// Computes a product.
///
/// # Safety
/// The matrices are valid, no extent is 0, and the processor has the kernel's instructions.
pub(super) unsafe fn multiply<T: Scalar>(kernel: &Kernel<T>, problem: &Problem<T>, workers: usize) {
    let rhs = if problem.rhs.column_stride == 1 { Rhs::Adjacent } else { Rhs::Scattered };
    let shape = shape(kernel, problem, rhs);
    let one = if workers == 1 { one_block(shape) } else { None };
    let blocking = one.unwrap_or_else(|| blocking(shape, workers));
    let Blocking { k_round, columns, pack_rhs, .. } = blocking;
    let (width, _) = kernel.large();
    let padded = columns.next_multiple_of(width);
    let space = Workspace::take(if pack_rhs { k_round * padded * size_of::<T>() } else { 0 });
    // One strip, which is packed anew in every round.
    let packed = pack_rhs.then(|| Panels { start: space.start(), width: padded, strip: k_round * padded });
    // SAFETY: the caller's promises.
    unsafe {
        if one.is_some() {
            Tiled::one(kernel, problem, blocking, packed).run_one();
        } else {
            let packs = if pack_rhs { padded.div_ceil(PACK_PANELS * width) } else { 0 };
            Tiled::new(kernel, problem, blocking, packed, packs).run(workers);
        }
    }
}

/// Computes a product whose right operand was packed by [`packed::pack`], to `problem.rhs.start`.
///
/// # Safety
/// As for [`multiply`].
pub(super) unsafe fn multiply_packed<T: Scalar>(kernel: &Kernel<T>, problem: &Problem<T>, workers: usize) {
    let shape = shape(kernel, problem, Rhs::Packed);
    let one = if workers == 1 { one_block(shape) } else { None };
    // Nothing is written there: there are no items that pack.
    let packed = Some(packed::panels(problem.rhs.start.cast_mut(), problem.k));
    // SAFETY: the caller's promises.
    unsafe {
        match one {
            Some(block) => Tiled::one(kernel, problem, block, packed).run_one(),
            None => Tiled::new(kernel, problem, blocking(shape, workers), packed, 0).run(workers),
        }
    }
}

fn shape<T: Scalar>(kernel: &Kernel<T>, problem: &Problem<T>, rhs: Rhs) -> Shape {
    let &Problem { m, n, k, lhs, .. } = problem;
    let lhs_strides = (lhs.row_stride, lhs.column_stride);
    Shape { m, n, k, size: size_of::<T>(), rhs, lhs_strides, tile: kernel.large() }
}

impl<'a, T: Scalar> Tiled<'a, T> {
    fn new(
        kernel: &'a Kernel<T>,
        problem: &'a Problem<T>,
        blocking: Blocking,
        packed: Option<Panels<T>>,
        packs: usize,
    ) -> Self {
        let &Problem { m, n, k, .. } = problem;
        let k_rounds = k.div_ceil(blocking.k_round);
        Self {
            kernel,
            problem,
            blocking,
            packed,
            packs,
            products: m.div_ceil(blocking.item.0) * blocking.columns.div_ceil(blocking.item.1),
            k_rounds,
            rounds: k_rounds * n.div_ceil(blocking.columns),
            items: Items::default(),
        }
    }

    /// A product of one block.
    fn one(kernel: &'a Kernel<T>, problem: &'a Problem<T>, blocking: Blocking, packed: Option<Panels<T>>) -> Self {
        let packs = usize::from(blocking.pack_rhs);
        let items = Items::default();
        Self { kernel, problem, blocking, packed, packs, products: 1, k_rounds: 1, rounds: 1, items }
    }

    /// Computes a product of one block.
    unsafe fn run_one(&self) {
        let &Problem { m, n, k, lhs, .. } = self.problem;
        let block = Block { step: 0, in_round: 0, steps: k, row: 0, row_end: m };
        let lhs = pack::Lhs { start: lhs.start, row: lhs.row_stride, step: lhs.column_stride };
        // SAFETY: the caller's promises.
        unsafe {
            if let (Some(packed), true) = (&self.packed, self.blocking.pack_rhs) {
                self.pack(packed, 0, 0);
            }
            self.panels(&block, lhs, 0, 0..n);
        }
    }

    /// Does all items, on up to `workers` threads.
    unsafe fn run(&self, workers: usize) {
        // SAFETY: the caller's promises.
        pool::together(workers.min(self.products), &|_| unsafe { self.work() });
    }
}

impl<T: Scalar> Tiled<'_, T> {
    /// What each worker does: claim items until there are none.
    unsafe fn work(&self) {
        let Blocking { k_block, item, pack_lhs, .. } = self.blocking;
        let elements = if pack_lhs { pack::lhs_elements::<T>(item.0, k_block) } else { 0 };
        let space = Workspace::take(elements * size_of::<T>());
        let mut lhs = LhsBlock { space: space.start(), held: None };
        let per_round = self.packs + self.products;
        loop {
            let item = self.items.claim();
            let (round, index) = (item / per_round, item % per_round);
            if round >= self.rounds {
                return;
            }
            let start = round * per_round;
            // SAFETY: the caller's promises; phases are kept apart by waiting.
            unsafe {
                if let (Some(packed), true) = (&self.packed, index < self.packs) {
                    self.items.wait_for(start);
                    self.pack(packed, round, index);
                } else {
                    self.items.wait_for(start + self.packs);
                    self.product(round, index - self.packs, &mut lhs);
                }
            }
            self.items.finish();
        }
    }

    /// The steps along `k` and the columns of a round: first and one past the last.
    fn round(&self, round: usize) -> ([usize; 2], [usize; 2]) {
        let Blocking { k_round, columns, .. } = self.blocking;
        let (step, column) = (round % self.k_rounds * k_round, round / self.k_rounds * columns);
        ([step, self.problem.k.min(step + k_round)], [column, self.problem.n.min(column + columns)])
    }

    /// Packs some panels of a round.
    unsafe fn pack(&self, packed: &Panels<T>, round: usize, index: usize) {
        let ([from, to], [first, end]) = self.round(round);
        let width = self.kernel.large().0;
        let start = first + index * PACK_PANELS * width;
        for step in (from..to).step_by(self.blocking.k_block) {
            let steps = self.blocking.k_block.min(to - step);
            for column in (start..end.min(start + PACK_PANELS * width)).step_by(width) {
                // SAFETY: the part is inside the matrix, and its place is packed by this item alone.
                unsafe {
                    let part = self.problem.rhs.from(step, column);
                    let panel = packed.at(step - from, column - first, steps);
                    pack::rhs(self.kernel, part, steps, width.min(end - column), panel, width);
                }
            }
        }
    }

    /// Computes a block of the result, as far as a round goes.
    unsafe fn product(&self, round: usize, index: usize, space: &mut LhsBlock<T>) {
        let ([from, to], [first, end]) = self.round(round);
        let Blocking { item: (rows, columns), k_block, pack_lhs, .. } = self.blocking;
        let slices = self.blocking.columns.div_ceil(columns);
        let (row, column) = (index / slices * rows, first + index % slices * columns);
        let (row_end, column_end) = (self.problem.m.min(row + rows), end.min(column + columns));
        for step in (from..to).step_by(k_block) {
            let steps = k_block.min(to - step);
            let block = Block { step, steps, in_round: step - from, row, row_end };
            // SAFETY: the parts are inside the matrices.
            unsafe {
                let part = self.problem.lhs.from(row, step);
                let lhs = if pack_lhs {
                    space.packed(part, (row, step), row_end - row, steps)
                } else {
                    pack::Lhs { start: part.start, row: part.row_stride, step: part.column_stride }
                };
                self.panels(&block, lhs, first, column..column_end);
            }
        }
    }

    /// Multiplies a block of the left operand by a range of columns; the round begins at column `first`.
    unsafe fn panels(&self, block: &Block, lhs: pack::Lhs<T>, first: usize, range: Range<usize>) {
        let vectors = match self.problem {
            _ if self.packed.is_some() => self.kernel.families[1].vectors,
            // With so few steps the results are most of the memory traffic: long rows of them are written.
            problem if problem.k <= WIDE_STEPS => self.kernel.widest(1),
            problem => self.kernel.widest(problem.m),
        };
        let mut column = range.start;
        while column < range.end {
            let family = self.kernel.family(range.end - column, vectors);
            let columns = (family.vectors * self.kernel.lanes).min(range.end - column);
            // SAFETY: the panel is inside the matrix, or packed.
            unsafe {
                let (rhs, rhs_step) = if let Some(packed) = &self.packed {
                    let panel = packed.at(block.in_round, column - first, block.steps);
                    (panel.cast_const(), self.kernel.large().0 as isize)
                } else {
                    let part = self.problem.rhs.from(block.step, column);
                    (part.start, part.row_stride)
                };
                self.tiles(block, lhs, family, (rhs, rhs_step), (column, columns));
            }
            column += columns;
        }
    }

    /// Multiplies a block of the left operand by a panel as wide as a tile: `columns` columns from `column` on.
    unsafe fn tiles(
        &self,
        block: &Block,
        lhs: pack::Lhs<T>,
        family: &Family<T>,
        (rhs, rhs_step): (*const T, isize),
        (column, columns): (usize, usize),
    ) {
        let out = self.problem.out;
        // Tiles of equal heights but for one row.
        let all = block.row_end - block.row;
        let count = all.div_ceil(self.blocking.height.min(family.rows.len()));
        let (height, higher) = (all / count, all % count);
        // Later tiles find a panel in a near cache. What comes from memory is fetched further on in the same rows, for the next columns.
        let ahead = match (&self.packed, self.blocking.streams) {
            (Some(_), _) => PANEL_AHEAD_BYTES / size_of::<T>(),
            (None, true) => STREAM_AHEAD_BYTES / size_of::<T>(),
            (None, false) => 0,
        };
        let mut row = 0;
        for index in 0..count {
            let rows = height + usize::from(index < higher);
            let run = family.rows[rows - 1];
            // SAFETY: the tile is inside the block.
            unsafe {
                let tile = Tile {
                    k: block.steps,
                    lhs: lhs.start.offset(row as isize * lhs.row),
                    lhs_row: lhs.row,
                    lhs_step: lhs.step,
                    rhs,
                    rhs_step,
                    out: out.at(block.row + row, column),
                    out_row: out.row_stride,
                    last: columns - (family.vectors - 1) * self.kernel.lanes,
                    add: self.problem.accumulate || block.step > 0,
                    ahead: if index == 0 { ahead } else { 0 },
                };
                if out.column_stride == 1 { run(&tile) } else { scattered(run, tile, rows, columns, out) }
            }
            row += rows;
        }
    }
}

/// Steps along `k` and rows that are multiplied at a time.
struct Block {
    /// The first step, counted from the start of the product and from the start of the round, and how many.
    step: usize,
    in_round: usize,
    steps: usize,
    row: usize,
    row_end: usize,
}

/// Runs a tile whose results are not adjacent in memory.
unsafe fn scattered<T: Scalar>(run: TileFn<T>, tile: Tile<T>, rows: usize, columns: usize, out: Matrix<*mut T>) {
    let mut results = [MaybeUninit::<T>::uninit(); TILE_ELEMENTS];
    let start = results.as_mut_ptr().cast::<T>();
    // SAFETY: no tile has more elements; the kernel writes all of those that are read.
    unsafe {
        run(&Tile { out: start, out_row: columns as isize, add: false, ..tile });
        for row in 0..rows {
            for column in 0..columns {
                let to = tile.out.offset(row as isize * out.row_stride + column as isize * out.column_stride);
                let sum = *start.add(row * columns + column);
                to.write(if tile.add { *to + sum } else { sum });
            }
        }
    }
}

/// A worker's packed block of the left operand.
struct LhsBlock<T> {
    space: *mut T,
    /// The place of the block it holds.
    held: Option<((usize, usize), pack::Lhs<T>)>,
}

impl<T: Scalar> LhsBlock<T> {
    /// Packs a part unless it is the one packed last.
    unsafe fn packed(
        &mut self,
        part: Matrix<*const T>,
        place: (usize, usize),
        rows: usize,
        steps: usize,
    ) -> pack::Lhs<T> {
        match self.held {
            Some((held, lhs)) if held == place => lhs,
            _ => {
                // SAFETY: the caller's promises.
                let lhs = unsafe { pack::lhs(part, rows, steps, self.space) };
                self.held = Some((place, lhs));
                lhs
            }
        }
    }
}
