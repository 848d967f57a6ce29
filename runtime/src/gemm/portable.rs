//! Kernels in plain Rust, for any processor.
//!
//! A vector is an array of 16 bytes, which the compiler puts into a register where there are such. There is no fused multiply-add, for a
//! processor without the instruction would compute it in software.

use super::kernel::{self, Dot, Kernel, Tile, Vector, dots, rows};

#[derive(Clone, Copy)]
struct Lanes<T, const N: usize>([T; N]);

macro_rules! vector {
    ($scalar:ty, $lanes:literal) => {
        impl Vector for Lanes<$scalar, $lanes> {
            type Scalar = $scalar;
            const LANES: usize = $lanes;

            #[inline(always)]
            unsafe fn zero() -> Self {
                Self([0.0; $lanes])
            }
            #[inline(always)]
            unsafe fn splat(from: *const $scalar) -> Self {
                // SAFETY: the trait's conditions.
                Self([unsafe { *from }; $lanes])
            }
            #[inline(always)]
            unsafe fn load(from: *const $scalar) -> Self {
                // SAFETY: the trait's conditions.
                Self(unsafe { from.cast::<[$scalar; $lanes]>().read_unaligned() })
            }
            #[inline(always)]
            unsafe fn load_part(from: *const $scalar, count: usize) -> Self {
                if count == $lanes {
                    // SAFETY: the trait's conditions.
                    return unsafe { Self::load(from) };
                }
                // SAFETY: the trait's conditions.
                Self(std::array::from_fn(|lane| if lane < count { unsafe { *from.add(lane) } } else { 0.0 }))
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut $scalar) {
                // SAFETY: the trait's conditions.
                unsafe { to.cast::<[$scalar; $lanes]>().write_unaligned(self.0) }
            }
            #[inline(always)]
            unsafe fn store_part(self, to: *mut $scalar, count: usize) {
                for (lane, &value) in self.0.iter().enumerate().take(count) {
                    // SAFETY: the trait's conditions.
                    unsafe { to.add(lane).write(value) };
                }
            }
            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self {
                Self(std::array::from_fn(|lane| self.0[lane] + other.0[lane]))
            }
            #[inline(always)]
            unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
                Self(std::array::from_fn(|lane| self.0[lane] * factor.0[lane] + addend.0[lane]))
            }
            #[inline(always)]
            unsafe fn sum(self) -> $scalar {
                let (low, high) = self.0.split_at($lanes / 2);
                low.iter().sum::<$scalar>() + high.iter().sum::<$scalar>()
            }
        }
    };
}

vector!(f32, 4);
vector!(f64, 2);

/// # Safety
/// As for [`kernel::tile`].
unsafe fn tile<V: Vector, const R: usize, const C: usize>(tile: &Tile<V::Scalar>) {
    // SAFETY: the caller's promises.
    unsafe { kernel::tile::<V, R, C>(tile) }
}

/// # Safety
/// As for [`kernel::dot`].
unsafe fn dot<V: Vector, const R: usize, const C: usize>(dot: &Dot<V::Scalar>) {
    // SAFETY: the caller's promises.
    unsafe { kernel::dot::<V, R, C>(dot) }
}

/// # Safety
/// The memory that the arguments describe is valid.
unsafe fn transpose<T: Copy>(from: *const T, stride: isize, steps: usize, columns: usize, to: *mut T, width: usize) {
    // SAFETY: the caller's promises; the blocks lie inside.
    unsafe {
        kernel::transpose_blocks::<T, 4>(from, stride, steps, columns, to, width, |from, to| {
            let block: [[T; 4]; 4] =
                std::array::from_fn(|i| from.offset(i as isize * stride).cast::<[T; 4]>().read_unaligned());
            let transposed: [[T; 4]; 4] = std::array::from_fn(|p| std::array::from_fn(|i| block[i][p]));
            for (p, row) in transposed.into_iter().enumerate() {
                to.add(p * width).cast::<[T; 4]>().write_unaligned(row);
            }
        });
    }
}

macro_rules! kernel {
    ($name:ident, $vector:ty, $scalar:ty) => {
        pub(super) static $name: Kernel<$scalar> = Kernel {
            name: "portable",
            lanes: <$vector>::LANES,
            families: [
        rows!(tile, $vector, 1; 1 2 3 4),
        rows!(tile, $vector, 2; 1 2 3 4),
        rows!(tile, $vector, 4; 1 2),
        rows!(tile, $vector, 8; 1),
            ],
    dots: dots!(dot, $vector; 1 x 4, 2 x 2),
            transpose: transpose::<$scalar>,
        };
    };
}

kernel!(F32, Lanes<f32, 4>, f32);
kernel!(F64, Lanes<f64, 2>, f64);
