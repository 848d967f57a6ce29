//! How positions are cut into tiles, and tiles shared among threads.

use pullback_optimize::fuse::tiles::MAX_RUNS;

/// Tiles of one size along a dimension.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment {
    /// The first position.
    pub start: usize,
    /// How many runs of tiles there are, which may run at once.
    pub chunks: usize,
    /// How many tiles a chunk has, which run one after the other.
    pub steps: usize,
    /// Positions of a tile.
    pub tile: usize,
}

/// The tiles of a group: along all dimensions but the last a tile is one position, so that its elements are adjacent in memory.
///
/// `position_bytes` is what is stored or read of values that are cut, for one position of every dimension. The tile of the last dimension
/// is the largest that satisfies `tile · position_bytes ≤ tile_bytes` and divides the extent, if there is one at least half as large as it could be, into an even number of tiles or many
/// if possible; otherwise a shorter tile is left over. Depends on shapes alone, as the order of summation does.
///
/// Each dimension has its extent, and whether positions side by side are so in memory for any kernel: long tiles are whole vectors then.
#[must_use]
pub fn tile_segments(
    dims: &[(usize, bool)],
    position_bytes: usize,
    tile_bytes: usize,
    accumulates: bool,
) -> Vec<Vec<Segment>> {
    let last = dims.len().saturating_sub(1);
    let dimension = |(number, &(extent, adjacent)): (usize, &(usize, bool))| {
        let most = if number < last { 1 } else { (tile_bytes / position_bytes.max(1)).clamp(1, extent.max(1)) };
        let tile = tile_extent(extent, most, if adjacent && most >= 128 { 16 } else { 1 });
        let count = extent / tile;
        let chunks = if accumulates && number == 0 { chunks(count) } else { count };
        let steps = count / chunks;
        let mut segments = vec![Segment { start: 0, chunks, steps, tile }];
        let done = chunks * steps;
        if done < count {
            segments.push(Segment { start: done * tile, chunks: count - done, steps: 1, tile });
        }
        if count * tile < extent {
            segments.push(Segment { start: count * tile, chunks: 1, steps: 1, tile: extent - count * tile });
        }
        segments
    };
    dims.iter().enumerate().map(dimension).collect()
}

/// So many tiles keep any number of threads busy.
const MANY_TILES: usize = 16;

/// The largest divisor of an extent between half of `most` and `most` that is a multiple of `unit`; else `most`. Of seven tiles one thread of two would wait for the last: eight that are
/// not much smaller are better.
fn tile_extent(extent: usize, most: usize, unit: usize) -> usize {
    let most = most / unit * unit;
    let divisors = || {
        let tiles = (most.div_ceil(2)..=most).rev();
        tiles.filter(|tile| tile.is_multiple_of(unit) && extent.is_multiple_of(*tile))
    };
    let Some(largest) = divisors().next() else { return most };
    let is_even = |tile: &usize| (extent / tile).is_multiple_of(2) || extent / tile >= MANY_TILES;
    divisors().take_while(|tile| 4 * tile >= 3 * largest).find(is_even).unwrap_or(largest)
}

/// How many chunks tiles are divided into whose totals are kept apart.
fn chunks(tiles: usize) -> usize {
    if tiles <= MAX_RUNS {
        return tiles;
    }
    (MAX_RUNS / 2..=MAX_RUNS).rev().find(|&chunks| tiles.is_multiple_of(chunks)).unwrap_or(MAX_RUNS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_share_tiles_evenly_where_the_extent_allows_it() {
        let tiles = |extent, adjacent| {
            let dims = tile_segments(&[(extent, adjacent)], 1, 128, false);
            dims[0].iter().map(|segment| (segment.chunks, segment.tile)).collect::<Vec<_>>()
        };
        // Seven of 112 rows would leave one thread of two waiting; columns are whole vectors all the same.
        assert_eq!(tiles(784, false), [(8, 98)]);
        assert_eq!(tiles(784, true), [(7, 112)]);
        assert_eq!(tiles(1024, true), [(8, 128)]);
        // Three, or four.
        assert_eq!(tiles(372, false), [(4, 93)]);
        // Many, even or not.
        assert_eq!(tiles(17 * 128, false), [(17, 128)]);
        // A prime.
        assert_eq!(tiles(389, false), [(3, 128), (1, 5)]);
    }
}
