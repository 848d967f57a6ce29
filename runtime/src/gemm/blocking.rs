//! How a product is cut up: a pure function of its shape, its strides, the kernel and the number of workers.
//!
//! The large-product scheme is the usual one, except that the left operand is mostly read where it is: kernels broadcast its elements, which costs
//! the same from anywhere that is in a cache. With tiles of `h` rows and `w` columns and elements of `s` bytes:
//!
//! ```text
//! kc · w · s  ≤ L2 / 8      a panel of the right operand stays in the second cache (partly in the first) while tiles pass over it
//! mc · kc · s ≤ L2 / 4      so does a row block of the left operand while the panels pass over it
//! kr · nc · s ≤ RHS_BYTES   the packed part of the right operand (kr: one or more blocks of kc) stays in the third
//! ```
//!
//! A right operand that the caller has packed ([`packed`](super::packed)) is like one that a product has packed in one round. In it too
//! the blocks of `k` are those of this file.
//!
//! The blocks of `k` are equal but for rounding, so none is a scrap, and depend on the shape and strides alone: they decide the order of
//! summation. Everything else may depend on the number of workers, because it cannot be seen in the result.
//!
//! The constants were chosen by measuring (`benches/gemm.rs`) on a Zen 4 with 32 KiB, 1 MiB and 32 MiB of cache; neighbouring values differ by a
//! few per cent.

/// The packed right operand of one product takes at most so many bytes.
pub(super) const RHS_BYTES: usize = 2 << 20;

/// Steps along `k` between two visits to the result. More would be faster by one per cent, and less exact: a sum grows by one
/// rounding error per step of a block, and one per block.
pub(super) const K_BLOCK: usize = 512;

/// The same where the right operand is read once and from memory: then rows of it are read side by side, from beginning to end, and no
/// more of them than the processor follows ahead of its reads.
const K_STREAMS: usize = 16;

/// Rows that share one packed block of the left operand; several tiles' heights, so that a panel fetched from the third cache is used often.
pub(super) const ROW_BLOCK: usize = 128;

/// Right operands up to this size stay in the second cache and are read where they are.
const DIRECT_BYTES: usize = 768 << 10;

/// Right operands from this size on come from memory, not from a cache.
const MEMORY_BYTES: usize = 8 << 20;

/// How many tiles have to use a panel from a cache to be worth packing it. From memory, any second one does.
const PACKING_TILES: usize = 3;

/// How many tiles side by side have to use a block of the left operand to be worth packing it only for tiles of the full height, where its rows
/// lie too badly for them.
const CROWDED_TILES: usize = 15;

/// The first cache: lines whose distance is a multiple of this, and only those, compete for `CACHE_WAYS` places. It is also the
/// size of a page.
const CACHE_SPAN: usize = 4 << 10;
const CACHE_WAYS: usize = 8;

/// What [`blocking`] wants to know of a product.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) m: usize,
    pub(super) n: usize,
    pub(super) k: usize,
    /// Bytes of an element.
    pub(super) size: usize,
    pub(super) rhs: Rhs,
    /// Elements from one row of the left operand to the next, and from one column to the next.
    pub(super) lhs_strides: (isize, isize),
    /// Columns and rows of a tile for large products.
    pub(super) tile: (usize, usize),
}

/// How a right operand lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rhs {
    /// Its rows are contiguous.
    Adjacent,
    /// They are not.
    Scattered,
    /// It is packed already.
    Packed,
}

/// Extents of the blocks, in elements; none is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Blocking {
    /// Steps along `k` that one tile sums up.
    pub(super) k_block: usize,
    /// Steps along `k` that are packed at a time: blocks of `k_block`.
    pub(super) k_round: usize,
    /// Columns that are packed at a time.
    pub(super) columns: usize,
    /// Rows and columns of the results that one worker claims at a time.
    pub(super) item: (usize, usize),
    /// Whether the right operand is read where it is, from memory.
    pub(super) streams: bool,
    /// Rows of a tile, at most.
    pub(super) height: usize,
    pub(super) pack_lhs: bool,
    pub(super) pack_rhs: bool,
}

/// The blocks for a product none of whose extents is 0.
pub(super) fn blocking(shape: Shape, workers: usize) -> Blocking {
    let Shape { m, n, k, size, rhs, lhs_strides, tile: (width, height) } = shape;
    let from_memory = from_memory(n, k, size);
    let rows_in_place = height * if from_memory { 1 } else { PACKING_TILES };
    let pack_rhs = match rhs {
        Rhs::Adjacent => bytes(n, k, size) > DIRECT_BYTES && m > rows_in_place,
        Rhs::Scattered => true,
        Rhs::Packed => false,
    };
    let crowded = rows_without_conflict(lhs_strides, size) < height;
    let pack_lhs = (n > PACKING_TILES * width && scattered(lhs_strides, size))
        || (n > CROWDED_TILES * width && m > PACKING_TILES * height && crowded);
    let streams = from_memory && !pack_rhs && rhs != Rhs::Packed;
    let k_block = if streams { even_parts(k, K_STREAMS, 1) } else { k_block(k) };
    let (mut columns, mut k_round) = (n, k);
    if pack_rhs {
        columns = even_parts(n, RHS_BYTES / size / k_block, width);
        k_round = (RHS_BYTES / size / columns / k_block).max(1) * k_block;
    }
    let rows = even_parts(m, ROW_BLOCK, 1);
    let item = if workers == 1 { (rows, columns) } else { shares(m, columns, (width, height), rows, workers) };
    let height = if pack_lhs { height } else { height.min(rows_without_conflict(lhs_strides, size)) };
    Blocking { k_block, k_round: k_round.min(k), columns, item, streams, height, pack_lhs, pack_rhs }
}

/// The blocks of a product that is one, for one worker: those of [`blocking`] without its divisions, which would take as long as the product. `None` if there are more.
pub(super) fn one_block(shape: Shape) -> Option<Blocking> {
    let Shape { m, n, k, size, rhs, lhs_strides, tile: (width, height) } = shape;
    if m > ROW_BLOCK || n > PACKING_TILES * width || k > K_BLOCK {
        return None;
    }
    let pack_rhs = rhs == Rhs::Scattered;
    let columns = if pack_rhs { n.next_multiple_of(width) } else { n };
    let height = height.min(rows_without_conflict(lhs_strides, size));
    let item = (m, columns);
    Some(Blocking { k_block: k, k_round: k, columns, item, streams: false, height, pack_lhs: false, pack_rhs })
}

/// Steps along `k` that one tile sums up, unless it reads the right operand where it is and from memory.
pub(super) fn k_block(k: usize) -> usize {
    even_parts(k, K_BLOCK, 1)
}

/// Whether a right operand is too large to be found in a cache, if it was there.
pub(super) fn from_memory(n: usize, k: usize, size: usize) -> bool {
    bytes(n, k, size) > MEMORY_BYTES
}

fn bytes(n: usize, k: usize, size: usize) -> usize {
    n.saturating_mul(k).saturating_mul(size)
}

/// Whether the elements that a row of tiles reads lie badly in the left operand: neither along nor across `k` side by side, or across, but each
/// step on a page of its own and all of them in the same places of the caches.
fn scattered((row, column): (isize, isize), size: usize) -> bool {
    let steps_conflict = column.unsigned_abs().wrapping_mul(size) % CACHE_SPAN == 0;
    column != 1 && (row != 1 || steps_conflict)
}

/// How many rows of an operand can be read side by side without driving each other, and the right operand, out of the first cache.
fn rows_without_conflict((row, column): (isize, isize), size: usize) -> usize {
    let distance = row.unsigned_abs().wrapping_mul(size);
    if column.unsigned_abs() > row.unsigned_abs() || distance == 0 {
        return usize::MAX;
    }
    let places = CACHE_SPAN >> distance.trailing_zeros().min(CACHE_SPAN.trailing_zeros());
    places.saturating_mul(CACHE_WAYS - 1)
}

/// Rows and columns of an item such that each worker gets several.
fn shares(m: usize, columns: usize, tile: (usize, usize), rows: usize, workers: usize) -> (usize, usize) {
    let wanted = 4 * workers;
    let rows = rows.min(even_parts(m, m.div_ceil(wanted).max(4 * tile.1), 1));
    let slices = wanted.div_ceil(m.div_ceil(rows));
    (rows, even_parts(columns, columns.div_ceil(slices), tile.0))
}

/// The extent of equal parts of at most `most` (at least one `unit`), rounded up to whole units.
fn even_parts(extent: usize, most: usize, unit: usize) -> usize {
    let units = extent.div_ceil(unit);
    let parts = units.div_ceil((most / unit).max(1));
    units.div_ceil(parts) * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shapes() -> impl Iterator<Item = Shape> {
        let extents = [1, 2, 7, 14, 15, 127, 129, 500, 513, 1023, 1025, 4097, 100_003];
        let kernels = [(4, (32, 14)), (8, (16, 14)), (4, (16, 6)), (8, (4, 4))];
        kernels.into_iter().flat_map(move |(size, tile)| {
            extents.into_iter().flat_map(move |m| {
                extents.into_iter().flat_map(move |n| {
                    extents.into_iter().flat_map(move |k| {
                        let lhs = [(k as isize, 1), (1, m as isize), (1, 4096), (2, 6), (0, 0)];
                        lhs.into_iter().flat_map(move |lhs_strides| {
                            let lies = [Rhs::Adjacent, Rhs::Scattered, Rhs::Packed];
                            lies.map(|rhs| Shape { m, n, k, size, rhs, lhs_strides, tile })
                        })
                    })
                })
            })
        })
    }

    #[test]
    fn blocks_are_not_empty_and_what_is_packed_is_bounded() {
        for shape in shapes() {
            for workers in [1, 2, 16] {
                let Blocking { k_block, k_round, columns, item, height, pack_rhs, .. } = blocking(shape, workers);
                let extents = [k_block, k_round, columns, item.0, item.1, height];
                assert!(extents.iter().all(|&extent| extent > 0), "{shape:?}");
                assert!(k_round % k_block == 0 || k_round == shape.k, "{shape:?}");
                assert!(k_block <= K_BLOCK && item.0 <= ROW_BLOCK, "{shape:?}");
                // Panels begin at multiples of their width.
                assert!(!pack_rhs || (columns % shape.tile.0 == 0 && item.1 % shape.tile.0 == 0), "{shape:?}");
                assert!(!pack_rhs || k_round * columns * shape.size <= RHS_BYTES, "{shape:?}");
            }
        }
    }

    #[test]
    fn one_block_is_what_a_small_product_is_cut_into() {
        let mut small = 0;
        for shape in shapes() {
            if let Some(block) = one_block(shape) {
                assert_eq!(block, blocking(shape, 1), "{shape:?}");
                small += 1;
            }
        }
        assert!(small > 1000, "only {small}");
    }

    #[test]
    fn the_number_of_workers_does_not_change_the_order_of_summation() {
        for shape in shapes() {
            let one = blocking(shape, 1);
            for workers in [2, 3, 16] {
                let more = blocking(shape, workers);
                assert_eq!((one.k_block, one.k_round), (more.k_block, more.k_round), "{shape:?}");
            }
        }
    }

    #[test]
    fn an_operand_packed_before_is_summed_up_as_one_packed_by_the_product() {
        for shape in shapes().filter(|shape| shape.rhs == Rhs::Packed) {
            let [before, by_product] =
                [Rhs::Packed, Rhs::Scattered].map(|rhs| blocking(Shape { rhs, ..shape }, 1).k_block);
            assert_eq!((before, before), (by_product, k_block(shape.k)), "{shape:?}");
        }
    }

    #[test]
    fn every_worker_has_several_items_of_a_large_product() {
        let shape =
            Shape { m: 1024, n: 1024, k: 1024, size: 4, rhs: Rhs::Adjacent, lhs_strides: (1024, 1), tile: (32, 14) };
        for workers in [2, 4, 8, 16] {
            let Blocking { columns, item, .. } = blocking(shape, workers);
            let items = shape.m.div_ceil(item.0) * columns.div_ceil(item.1);
            assert!(items >= 3 * workers, "{items} items for {workers}");
        }
    }
}
