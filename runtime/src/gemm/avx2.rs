//! Kernels for x86-64 with AVX2 and FMA: 16 registers of 256 bits.
//!
//! Large products use 6 × 2 vectors: 12 accumulators, two vectors of the right operand, two broadcast elements in flight.

use std::arch::x86_64::*;

use super::kernel::{self, Dot, Kernel, Tile, Vector, dots, rows};

#[derive(Clone, Copy)]
struct F32x8(__m256);

#[derive(Clone, Copy)]
struct F64x4(__m256d);

impl F32x8 {
    #[inline(always)]
    unsafe fn mask(count: usize) -> __m256i {
        // SAFETY: the caller's processor has AVX2.
        unsafe { _mm256_cmpgt_epi32(_mm256_set1_epi32(count as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)) }
    }

    #[inline(always)]
    unsafe fn reduce(lanes: __m256) -> f32 {
        // SAFETY: the caller's processor has AVX2.
        unsafe {
            let four = _mm_add_ps(_mm256_castps256_ps128(lanes), _mm256_extractf128_ps::<1>(lanes));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
        }
    }
}

impl F64x4 {
    #[inline(always)]
    unsafe fn mask(count: usize) -> __m256i {
        // SAFETY: the caller's processor has AVX2.
        unsafe { _mm256_cmpgt_epi64(_mm256_set1_epi64x(count as i64), _mm256_setr_epi64x(0, 1, 2, 3)) }
    }

    #[inline(always)]
    unsafe fn reduce(lanes: __m256d) -> f64 {
        // SAFETY: the caller's processor has AVX2.
        unsafe {
            let two = _mm_add_pd(_mm256_castpd256_pd128(lanes), _mm256_extractf128_pd::<1>(lanes));
            _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)))
        }
    }
}

macro_rules! vector {
    (
        $vector:ident, $scalar:ty, $lanes:literal, $zero:ident, $splat:ident, $load:ident, $load_part:ident,
        $store:ident, $store_part:ident, $add:ident, $mul_add:ident
    ) => {
        // SAFETY of all blocks: the trait's conditions.
        #[allow(clippy::undocumented_unsafe_blocks, reason = "one comment for nine blocks of one call each")]
        impl Vector for $vector {
            type Scalar = $scalar;
            const LANES: usize = $lanes;

            #[inline(always)]
            unsafe fn zero() -> Self {
                unsafe { Self($zero()) }
            }
            #[inline(always)]
            fn prefetch(address: *const $scalar) {
                unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) }
            }
            #[inline(always)]
            unsafe fn splat(from: *const $scalar) -> Self {
                unsafe { Self($splat(*from)) }
            }
            #[inline(always)]
            unsafe fn load(from: *const $scalar) -> Self {
                unsafe { Self($load(from)) }
            }
            #[inline(always)]
            unsafe fn load_part(from: *const $scalar, count: usize) -> Self {
                unsafe { Self($load_part(from, Self::mask(count))) }
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut $scalar) {
                unsafe { $store(to, self.0) }
            }
            #[inline(always)]
            unsafe fn store_part(self, to: *mut $scalar, count: usize) {
                unsafe { $store_part(to, Self::mask(count), self.0) }
            }
            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self {
                unsafe { Self($add(self.0, other.0)) }
            }
            #[inline(always)]
            unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
                unsafe { Self($mul_add(self.0, factor.0, addend.0)) }
            }
            #[inline(always)]
            unsafe fn sum(self) -> $scalar {
                unsafe { Self::reduce(self.0) }
            }
        }
    };
}

vector!(
    F32x8,
    f32,
    8,
    _mm256_setzero_ps,
    _mm256_set1_ps,
    _mm256_loadu_ps,
    _mm256_maskload_ps,
    _mm256_storeu_ps,
    _mm256_maskstore_ps,
    _mm256_add_ps,
    _mm256_fmadd_ps
);
vector!(
    F64x4,
    f64,
    4,
    _mm256_setzero_pd,
    _mm256_set1_pd,
    _mm256_loadu_pd,
    _mm256_maskload_pd,
    _mm256_storeu_pd,
    _mm256_maskstore_pd,
    _mm256_add_pd,
    _mm256_fmadd_pd
);

/// # Safety
/// As for [`kernel::tile`].
#[target_feature(enable = "avx2,fma")]
unsafe fn tile<V: Vector, const R: usize, const C: usize>(tile: &Tile<V::Scalar>) {
    // SAFETY: the caller's promises.
    unsafe { kernel::tile::<V, R, C>(tile) }
}

/// # Safety
/// As for [`kernel::dot`].
#[target_feature(enable = "avx2,fma")]
unsafe fn dot<V: Vector, const R: usize, const C: usize>(dot: &Dot<V::Scalar>) {
    // SAFETY: the caller's promises.
    unsafe { kernel::dot::<V, R, C>(dot) }
}

/// A [`TransposeFn`](kernel::TransposeFn), in blocks of 8 × 8.
///
/// # Safety
/// The memory that the arguments describe is valid, and the processor has AVX2.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn transpose_f32(
    from: *const f32,
    stride: isize,
    steps: usize,
    columns: usize,
    to: *mut f32,
    width: usize,
) {
    // SAFETY: the caller's promises; the blocks lie inside.
    unsafe {
        kernel::transpose_blocks::<f32, 8>(from, stride, steps, columns, to, width, |from, to| {
            let row: [__m256; 8] = std::array::from_fn(|i| _mm256_loadu_ps(from.offset(i as isize * stride)));
            // Pairs of rows, then pairs of pairs, then halves change places.
            let pair: [__m256; 8] = std::array::from_fn(|i| {
                let (a, b) = (row[i & !1], row[i | 1]);
                if i % 2 == 0 { _mm256_unpacklo_ps(a, b) } else { _mm256_unpackhi_ps(a, b) }
            });
            let four: [__m256; 8] = std::array::from_fn(|i| {
                let base = (i & 4) + (i & 2) / 2;
                let (a, b) = (_mm256_castps_pd(pair[base]), _mm256_castps_pd(pair[base + 2]));
                _mm256_castpd_ps(if i % 2 == 0 { _mm256_unpacklo_pd(a, b) } else { _mm256_unpackhi_pd(a, b) })
            });
            for i in 0..4 {
                let (a, b) = (four[i], four[i + 4]);
                _mm256_storeu_ps(to.add(i * width), _mm256_permute2f128_ps::<0x20>(a, b));
                _mm256_storeu_ps(to.add((i + 4) * width), _mm256_permute2f128_ps::<0x31>(a, b));
            }
        });
    }
}

/// A [`TransposeFn`](kernel::TransposeFn), in blocks of 4 × 4.
///
/// # Safety
/// As for [`transpose_f32`].
#[target_feature(enable = "avx2")]
pub(super) unsafe fn transpose_f64(
    from: *const f64,
    stride: isize,
    steps: usize,
    columns: usize,
    to: *mut f64,
    width: usize,
) {
    // SAFETY: the caller's promises; the blocks lie inside.
    unsafe {
        kernel::transpose_blocks::<f64, 4>(from, stride, steps, columns, to, width, |from, to| {
            let row: [__m256d; 4] = std::array::from_fn(|i| _mm256_loadu_pd(from.offset(i as isize * stride)));
            let pair = [
                _mm256_unpacklo_pd(row[0], row[1]),
                _mm256_unpackhi_pd(row[0], row[1]),
                _mm256_unpacklo_pd(row[2], row[3]),
                _mm256_unpackhi_pd(row[2], row[3]),
            ];
            for i in 0..2 {
                let (a, b) = (pair[i], pair[i + 2]);
                _mm256_storeu_pd(to.add(i * width), _mm256_permute2f128_pd::<0x20>(a, b));
                _mm256_storeu_pd(to.add((i + 2) * width), _mm256_permute2f128_pd::<0x31>(a, b));
            }
        });
    }
}

macro_rules! kernel {
    ($name:ident, $vector:ident, $scalar:ty, $transpose:path) => {
        pub(super) static $name: Kernel<$scalar> = Kernel {
            name: "avx2",
            lanes: $vector::LANES,
            families: [
        rows!(tile, $vector, 1; 1 2 3 4 5 6),
        rows!(tile, $vector, 2; 1 2 3 4 5 6),
        rows!(tile, $vector, 4; 1 2 3),
        rows!(tile, $vector, 8; 1),
            ],
    dots: dots!(dot, $vector; 1 x 8, 2 x 4, 3 x 2),
            transpose: $transpose,
        };
    };
}

kernel!(F32, F32x8, f32, transpose_f32);
kernel!(F64, F64x4, f64, transpose_f64);

/// Whether this processor has what the kernels of this file need.
pub(super) fn available() -> bool {
    std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma")
}
