//! What a micro-kernel is, and the two loops that all of them share.
//!
//! A processor's file ([`avx512`](super::avx512), [`avx2`](super::avx2), [`portable`](super::portable)) says what its vectors are
//! ([`Vector`]) and how many of them its registers hold; [`tile`] and [`dot`] are then compiled once per shape of tile with that
//! processor's instructions.
//!
//! [`tile`] computes a block of `R` rows and `C` vectors of columns in `R · C` accumulators: for each step along `k` it loads `C`
//! vectors of the right operand and multiplies them by `R` broadcast elements of the left one. The left operand may have any strides, for a
//! broadcast costs the same from anywhere; the right one and the result have adjacent columns. The last vector may be partial,
//! which is a mask and not another loop.
//!
//! [`dot`] is for few rows and a right operand that is contiguous along `k`: packing it into rows would cost more than the product. Its vectors
//! lie along `k`.
//!
//! Invariant: an element of the result is one chain of multiply-adds in the order of `k` ([`dot`]: one per lane, and a fixed
//! tree over the lanes), whatever the tile that it falls into. So where tiles begin and end does not change the bits.

/// `f32` or `f64`.
pub(super) trait Scalar: Copy + Default + Send + Sync + std::ops::Add<Output = Self> + 'static {
    /// The kernels in plain Rust.
    const PORTABLE: &'static Kernel<Self>;

    /// The kernels that this processor can run, the fastest first and the portable ones last.
    fn kernels() -> impl Iterator<Item = &'static Kernel<Self>>;
}

/// A vector register. `count`, where there is one, is from 1 to [`LANES`](Vector::LANES) and says how many lanes there are in memory.
///
/// # Safety
/// Of each method: the processor has the instructions, and the pointer is good for the lanes read or written.
pub(super) trait Vector: Copy {
    /// The type of a lane.
    type Scalar: Scalar;
    /// How many there are.
    const LANES: usize;

    unsafe fn zero() -> Self;
    /// Asks for the cache line of an address, which need not be valid.
    #[inline(always)]
    fn prefetch(_address: *const Self::Scalar) {}
    unsafe fn splat(from: *const Self::Scalar) -> Self;
    unsafe fn load(from: *const Self::Scalar) -> Self;
    /// The other lanes are zero.
    unsafe fn load_part(from: *const Self::Scalar, count: usize) -> Self;
    unsafe fn store(self, to: *mut Self::Scalar);
    unsafe fn store_part(self, to: *mut Self::Scalar, count: usize);
    unsafe fn add(self, other: Self) -> Self;
    /// `self · factor + addend`, rounded once where the processor can.
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// The sum of the lanes, in an order of its own.
    unsafe fn sum(self) -> Self::Scalar;
}

/// The operands of one call of a tile kernel. Strides are in elements.
pub(super) struct Tile<T> {
    /// Steps along `k`.
    pub(super) k: usize,
    /// `R` rows of the left operand.
    pub(super) lhs: *const T,
    pub(super) lhs_row: isize,
    pub(super) lhs_step: isize,
    /// `C` vectors of adjacent columns of the right operand.
    pub(super) rhs: *const T,
    pub(super) rhs_step: isize,
    pub(super) out: *mut T,
    pub(super) out_row: isize,
    /// The lanes of the last vector that exist.
    pub(super) last: usize,
    /// Whether to add to what `out` holds, which is not read otherwise.
    pub(super) add: bool,
    /// How many elements further on the processor is asked to fetch the right operand; 0 for not at all.
    pub(super) ahead: usize,
}

/// The operands of one call of a dot kernel: rows and columns that are contiguous along `k`.
pub(super) struct Dot<T> {
    pub(super) k: usize,
    pub(super) lhs: *const T,
    pub(super) lhs_row: isize,
    pub(super) rhs: *const T,
    pub(super) rhs_column: isize,
    pub(super) out: *mut T,
    pub(super) out_row: isize,
    pub(super) out_column: isize,
    /// As for [`Tile`].
    pub(super) add: bool,
    /// Whether the right operand comes from memory, so that it is worth asking for it in advance.
    pub(super) prefetch: bool,
}

pub(super) type TileFn<T> = unsafe fn(&Tile<T>);
pub(super) type DotFn<T> = unsafe fn(&Dot<T>);

/// Writes `to[p · width + column] = from[column · stride + p]` for `steps` values of `p` and `columns` columns: the arguments are `from`, `stride`,
/// `steps`, `columns`, `to` and `width`.
pub(super) type TransposeFn<T> = unsafe fn(*const T, isize, usize, usize, *mut T, usize);

/// Tiles of one width: `rows[r - 1]` has `r` rows.
pub(super) struct Family<T: 'static> {
    pub(super) vectors: usize,
    pub(super) rows: &'static [TileFn<T>],
}

/// Dot kernels for one number of rows: for one column, and for `columns` at a time, which divides [`DOT_COLUMNS`].
pub(super) struct Dots<T: 'static> {
    pub(super) columns: usize,
    pub(super) one: DotFn<T>,
    pub(super) several: DotFn<T>,
}

/// The columns that all dot kernels pass over before the next ones.
pub(super) const DOT_COLUMNS: usize = 8;

/// How far ahead dot kernels ask for memory, in bytes.
const AHEAD_BYTES: usize = 512;

/// Everything that depends on the processor.
pub(super) struct Kernel<T: 'static> {
    /// What [`kernel_name`](super::kernel_name) says.
    pub(super) name: &'static str,
    pub(super) lanes: usize,
    /// Widths 1, 2, 4 and 8; the wider, the fewer rows. The second is the one for large products.
    pub(super) families: [Family<T>; 4],
    /// `dots[r - 1]` takes `r` rows.
    pub(super) dots: &'static [Dots<T>],
    pub(super) transpose: TransposeFn<T>,
}

impl<T> Kernel<T> {
    /// The widest tiles of at most `vectors` vectors that `columns` columns fill, but for the last vector.
    pub(super) fn family(&self, columns: usize, vectors: usize) -> &Family<T> {
        let limit = columns.div_ceil(self.lanes).min(vectors);
        let [narrow, wider @ ..] = &self.families;
        wider.iter().rev().find(|family| family.vectors <= limit).unwrap_or(narrow)
    }

    /// The width of the widest tiles with so many rows; for more rows than those have, the width of the tiles for large products.
    pub(super) fn widest(&self, rows: usize) -> usize {
        let mut fitting = self.families[1..].iter().rev().filter(|family| family.rows.len() >= rows);
        fitting.next().map_or(self.families[1].vectors, |family| family.vectors)
    }

    /// Columns and rows of the tiles for large products.
    pub(super) fn large(&self) -> (usize, usize) {
        let family = &self.families[1];
        (family.vectors * self.lanes, family.rows.len())
    }
}

/// `R` rows and `C` vectors of columns of a product.
///
/// # Safety
/// Memory as [`Tile`] says; the processor has the instructions of `V`, and this is inlined into a function that has them on.
#[inline(always)]
pub(super) unsafe fn tile<V: Vector, const R: usize, const C: usize>(tile: &Tile<V::Scalar>) {
    let &Tile { k, lhs_row, lhs_step, rhs_step, last, .. } = tile;
    let (mut lhs, mut rhs) = (tile.lhs, tile.rhs);
    // SAFETY: the caller's promises; pointers are moved past the last step, but not read from there.
    unsafe {
        // The results are needed only after the sums, which is time enough to fetch them.
        for r in 0..R {
            let out = tile.out.wrapping_offset(r as isize * tile.out_row);
            (0..C).for_each(|c| V::prefetch(out.wrapping_add(c * V::LANES)));
            V::prefetch(out.wrapping_add(C * V::LANES - 1));
        }
        let mut sums = [[V::zero(); C]; R];
        for _ in 0..k {
            if tile.ahead > 0 {
                (0..C).for_each(|c| V::prefetch(rhs.wrapping_add(c * V::LANES + tile.ahead)));
            }
            let vector = |c: usize| {
                let from = rhs.wrapping_add(c * V::LANES);
                if c + 1 < C { V::load(from) } else { V::load_part(from, last) }
            };
            let element = |r: usize| V::splat(lhs.wrapping_offset(r as isize * lhs_row));
            // The shorter side is held in registers, the longer one streams past.
            if C <= 2 {
                let vectors: [V; C] = std::array::from_fn(vector);
                for (r, row) in sums.iter_mut().enumerate() {
                    let element = element(r);
                    for (sum, vector) in row.iter_mut().zip(vectors) {
                        *sum = element.mul_add(vector, *sum);
                    }
                }
            } else {
                let elements: [V; R] = std::array::from_fn(element);
                for c in 0..C {
                    let vector = vector(c);
                    for (row, element) in sums.iter_mut().zip(elements) {
                        row[c] = element.mul_add(vector, row[c]);
                    }
                }
            }
            lhs = lhs.wrapping_offset(lhs_step);
            rhs = rhs.wrapping_offset(rhs_step);
        }
        for (r, row) in sums.iter().enumerate() {
            let out = tile.out.offset(r as isize * tile.out_row);
            for (c, &sum) in row.iter().enumerate() {
                let to = out.add(c * V::LANES);
                let whole = c + 1 < C || last == V::LANES;
                match (whole, tile.add) {
                    (true, false) => sum.store(to),
                    (true, true) => sum.add(V::load(to)).store(to),
                    (false, false) => sum.store_part(to, last),
                    (false, true) => sum.add(V::load_part(to, last)).store_part(to, last),
                }
            }
        }
    }
}

/// `R` rows and `C` columns of a product, each element a sum along vectors.
///
/// # Safety
/// As for [`tile`].
#[inline(always)]
pub(super) unsafe fn dot<V: Vector, const R: usize, const C: usize>(dot: &Dot<V::Scalar>) {
    let whole = dot.k - dot.k % V::LANES;
    let ahead = AHEAD_BYTES / size_of::<V::Scalar>();
    // SAFETY: the caller's promises.
    unsafe {
        let mut sums = [[V::zero(); C]; R];
        for at in (0..whole).step_by(V::LANES) {
            if dot.prefetch {
                let column = |c: usize| dot.rhs.wrapping_offset(c as isize * dot.rhs_column);
                (0..C).for_each(|c| V::prefetch(column(c).wrapping_add(at + ahead)));
            }
            dot_step(dot, &mut sums, at, |from| V::load(from));
        }
        if whole < dot.k {
            dot_step(dot, &mut sums, whole, |from| V::load_part(from, dot.k - whole));
        }
        for (r, row) in sums.iter().enumerate() {
            for (c, sum) in row.iter().enumerate() {
                let to = dot.out.offset(r as isize * dot.out_row + c as isize * dot.out_column);
                to.write(if dot.add { *to + sum.sum() } else { sum.sum() });
            }
        }
    }
}

/// One vector of each row times one of each column, from `at` on along `k`.
///
/// # Safety
/// As for [`dot`].
#[inline(always)]
unsafe fn dot_step<V: Vector, const R: usize, const C: usize>(
    dot: &Dot<V::Scalar>,
    sums: &mut [[V; C]; R],
    at: usize,
    load: impl Fn(*const V::Scalar) -> V,
) {
    // SAFETY: the caller's promises.
    unsafe {
        let columns: [V; C] = std::array::from_fn(|c| load(dot.rhs.offset(c as isize * dot.rhs_column).add(at)));
        for (r, row) in sums.iter_mut().enumerate() {
            let elements = load(dot.lhs.offset(r as isize * dot.lhs_row).add(at));
            for (sum, column) in row.iter_mut().zip(columns) {
                *sum = elements.mul_add(column, *sum);
            }
        }
    }
}

/// A [`TransposeFn`] in blocks of `N` steps and columns, which `block` moves from one place to another; the rest element by element.
///
/// # Safety
/// The memory that the arguments describe is valid, and `block` keeps to its block.
#[inline(always)]
pub(super) unsafe fn transpose_blocks<T: Copy, const N: usize>(
    from: *const T,
    stride: isize,
    steps: usize,
    columns: usize,
    to: *mut T,
    width: usize,
    block: impl Fn(*const T, *mut T),
) {
    let source = |column: usize, p: usize| from.wrapping_offset(column as isize * stride).wrapping_add(p);
    let element = |column: usize, p: usize| {
        // SAFETY: the caller's promises.
        unsafe { to.add(p * width + column).write(*source(column, p)) };
    };
    let (whole_columns, whole_steps) = (columns - columns % N, steps - steps % N);
    for column in (0..whole_columns).step_by(N) {
        for p in (0..whole_steps).step_by(N) {
            block(source(column, p), to.wrapping_add(p * width + column));
        }
        for p in whole_steps..steps {
            (column..column + N).for_each(|column| element(column, p));
        }
    }
    for column in whole_columns..columns {
        (0..steps).for_each(|p| element(column, p));
    }
}

/// A table of tiles: `rows!(f, V, C; 1 2 3)` is `&[f::<V, 1, C>, f::<V, 2, C>, f::<V, 3, C>]`.
macro_rules! rows {
    ($tile:ident, $vector:ty, $vectors:literal; $($rows:literal)*) => {
        $crate::gemm::kernel::Family { vectors: $vectors, rows: &[$($tile::<$vector, $rows, $vectors>),*] }
    };
}

/// A table of dot kernels: `dots!(f, V; 1 x 8, 2 x 4)` has one for a row and 8 columns and one for two rows and 4 columns.
macro_rules! dots {
    ($dot:ident, $vector:ty; $($rows:literal x $columns:literal),*) => {
        &[$($crate::gemm::kernel::Dots {
            columns: $columns,
            one: $dot::<$vector, $rows, 1>,
            several: $dot::<$vector, $rows, $columns>,
        }),*]
    };
}

pub(super) use {dots, rows};
