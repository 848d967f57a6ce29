//! Kernels for x86-64 with AVX-512F: 32 registers of 512 bits.
//!
//! Large products use 14 × 2 vectors: 28 accumulators, two vectors of the right operand, two broadcast elements in flight.

use std::arch::x86_64::*;

use super::avx2;
use super::kernel::{self, Dot, Kernel, Tile, Vector, dots, rows};

#[derive(Clone, Copy)]
struct F32x16(__m512);

#[derive(Clone, Copy)]
struct F64x8(__m512d);

macro_rules! vector {
    (
        $vector:ident, $scalar:ty, $lanes:literal, $mask:ty, $zero:ident, $splat:ident, $load:ident, $load_part:ident,
        $store:ident, $store_part:ident, $add:ident, $mul_add:ident, $sum:ident
    ) => {
        impl $vector {
            const fn mask(count: usize) -> $mask {
                <$mask>::MAX >> ($lanes - count)
            }
        }

        // SAFETY of all blocks: the trait's conditions.
        #[allow(clippy::undocumented_unsafe_blocks, reason = "one comment for thirteen blocks of one call each")]
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
                unsafe { Self($load_part(Self::mask(count), from)) }
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
                unsafe { $sum(self.0) }
            }
        }
    };
}

vector!(
    F32x16,
    f32,
    16,
    u16,
    _mm512_setzero_ps,
    _mm512_set1_ps,
    _mm512_loadu_ps,
    _mm512_maskz_loadu_ps,
    _mm512_storeu_ps,
    _mm512_mask_storeu_ps,
    _mm512_add_ps,
    _mm512_fmadd_ps,
    _mm512_reduce_add_ps
);
vector!(
    F64x8,
    f64,
    8,
    u8,
    _mm512_setzero_pd,
    _mm512_set1_pd,
    _mm512_loadu_pd,
    _mm512_maskz_loadu_pd,
    _mm512_storeu_pd,
    _mm512_mask_storeu_pd,
    _mm512_add_pd,
    _mm512_fmadd_pd,
    _mm512_reduce_add_pd
);

/// # Safety
/// As for [`kernel::tile`].
#[target_feature(enable = "avx512f")]
unsafe fn tile<V: Vector, const R: usize, const C: usize>(tile: &Tile<V::Scalar>) {
    // SAFETY: the caller's promises.
    unsafe { kernel::tile::<V, R, C>(tile) }
}

/// # Safety
/// As for [`kernel::dot`].
#[target_feature(enable = "avx512f")]
unsafe fn dot<V: Vector, const R: usize, const C: usize>(dot: &Dot<V::Scalar>) {
    // SAFETY: the caller's promises.
    unsafe { kernel::dot::<V, R, C>(dot) }
}

macro_rules! kernel {
    ($name:ident, $vector:ident, $scalar:ty, $transpose:path) => {
        pub(super) static $name: Kernel<$scalar> = Kernel {
            name: "avx512",
            lanes: $vector::LANES,
            families: [
        rows!(tile, $vector, 1; 1 2 3 4 5 6 7 8 9 10 11 12 13 14),
        rows!(tile, $vector, 2; 1 2 3 4 5 6 7 8 9 10 11 12 13 14),
        rows!(tile, $vector, 4; 1 2 3 4 5 6),
        rows!(tile, $vector, 8; 1 2 3),
            ],
    dots: dots!(dot, $vector; 1 x 8, 2 x 8, 3 x 4, 4 x 4),
            transpose: $transpose,
        };
    };
}

kernel!(F32, F32x16, f32, avx2::transpose_f32);
kernel!(F64, F64x8, f64, avx2::transpose_f64);

/// Whether this processor has what the kernels of this file need.
pub(super) fn available() -> bool {
    std::arch::is_x86_feature_detected!("avx512f") && avx2::available()
}
