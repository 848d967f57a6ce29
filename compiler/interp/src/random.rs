//! Random bits: Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011).
//!
//! Element `n`, counted in row-major order, is what the key makes of the counter `n`; so elements do not depend on each other or on the shape.

use pullback_ir::{DType, Scalar, Type};

use crate::array::Array;
use crate::error::Error;

/// How far the second word is rotated, round by round.
const ROTATIONS: [u32; 8] = [13, 15, 26, 6, 17, 29, 16, 24];
const ROUNDS: usize = 20;
/// What makes the third word of the key schedule.
const PARITY: u32 = 0x1bd1_1bda;

/// The block function: the two words that a key makes of a counter.
fn threefry(key: [u32; 2], counter: [u32; 2]) -> [u32; 2] {
    let schedule = [key[0], key[1], PARITY ^ key[0] ^ key[1]];
    let [mut x, mut y] = [counter[0].wrapping_add(key[0]), counter[1].wrapping_add(key[1])];
    for round in 0..ROUNDS {
        x = x.wrapping_add(y);
        y = y.rotate_left(ROTATIONS[round % 8]) ^ x;
        if round % 4 == 3 {
            let number = round / 4 + 1;
            x = x.wrapping_add(schedule[number % 3]);
            y = y.wrapping_add(schedule[(number + 1) % 3]).wrapping_add(number as u32);
        }
    }
    [x, y]
}

/// The words of the element with this number: the counter's low word comes first.
fn element(key: [u32; 2], number: u64) -> [u32; 2] {
    threefry(key, [number as u32, (number >> 32) as u32])
}

/// A tensor of random bits: the first word in an `i32`, the first word in the low half of an `i64`.
pub(crate) fn bits(key: &Array, result: &Type) -> Result<Array, Error> {
    let word = |position| key.get(position).map_or(0, |word| word.bits() as u32);
    let key = [word(0), word(1)];
    let mut number = 0u64;
    Array::build(result, |_| {
        let [low, high] = element(key, number);
        number += 1;
        match result.dtype {
            DType::I32 => Some(Scalar::I32(low.cast_signed())),
            DType::I64 => Some(Scalar::I64((u64::from(low) | u64::from(high) << 32).cast_signed())),
            DType::F32 | DType::F64 | DType::U8 | DType::Bool => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{element, threefry};

    #[test]
    fn the_block_function_agrees_with_the_published_test_vectors() {
        // The threefry2x32 lines with 20 rounds of Random123's kat_vectors.
        assert_eq!(threefry([0, 0], [0, 0]), [0x6b20_0159, 0x99ba_4efe]);
        assert_eq!(threefry([u32::MAX; 2], [u32::MAX; 2]), [0x1cb9_96fc, 0xbb00_2be7]);
        assert_eq!(threefry([0x1319_8a2e, 0x0370_7344], [0x243f_6a88, 0x85a3_08d3]), [0xc492_3a9c, 0x483d_f7a0]);
        // The counter of the last line, as the number of an element.
        assert_eq!(element([0x1319_8a2e, 0x0370_7344], 0x85a3_08d3_243f_6a88), [0xc492_3a9c, 0x483d_f7a0]);
    }
}
