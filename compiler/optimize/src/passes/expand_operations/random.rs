//! `random_bits`: Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011), on `i32`, whose
//! additions wrap as those of unsigned words.

use pullback_ir::{Binary, Builder, DType, Literal, Scalar, Shape, Type, Value};

use super::pooling::numbers;

/// How far the second word is rotated, round by round.
const ROTATIONS: [i32; 8] = [13, 15, 26, 6, 17, 29, 16, 24];
const ROUNDS: usize = 20;
/// What makes the third word of the key schedule.
const PARITY: i32 = 0x1bd1_1bda;

pub(super) fn bits(b: &Builder<'_>, key: Value, ty: &Type) -> Value {
    let words = ty.with_dtype(DType::I32);
    let schedule = key_schedule(b, key);
    let spread = |x: Value| b.broadcast(x, &words.shape, []);
    let [low, high] = counters(b, ty);
    let mut x = b.add(low, spread(schedule[0]));
    let mut y = b.add(high, spread(schedule[1]));
    for round in 0..ROUNDS {
        x = b.add(x, y);
        y = b.xor(rotated(b, y, ROTATIONS[round % ROTATIONS.len()]), x);
        if round % 4 == 3 {
            let number = round / 4 + 1;
            x = b.add(x, spread(schedule[number % 3]));
            let injected = b.add(schedule[(number + 1) % 3], constant(b, number as i32, &Shape::scalar()));
            y = b.add(y, spread(injected));
        }
    }
    if ty.dtype == DType::I32 {
        return x;
    }
    let [low, high] = [x, y].map(|word| b.convert(word, DType::I64));
    let mask = b.constant(Literal::splat(Scalar::I64(i64::from(u32::MAX)), ty.shape.clone()));
    let shift = b.constant(Literal::splat(Scalar::I64(32), ty.shape.clone()));
    b.or(b.and(low, mask), b.binary(Binary::ShiftLeft, high, shift))
}

fn constant(b: &Builder<'_>, x: i32, shape: &Shape) -> Value {
    b.constant(Literal::splat(Scalar::I32(x), shape.clone()))
}

/// The words of the key and a third one.
fn key_schedule(b: &Builder<'_>, key: Value) -> [Value; 3] {
    let word = |position: usize| b.reshape(b.slice(key, &[position], &[position + 1], &[1]), &Shape::scalar());
    let (first, second) = (word(0), word(1));
    let parity = constant(b, PARITY, &Shape::scalar());
    [first, second, b.xor(b.xor(parity, first), second)]
}

/// The words of the elements' numbers, low and high.
fn counters(b: &Builder<'_>, ty: &Type) -> [Value; 2] {
    let words = ty.with_dtype(DType::I32);
    if ty.elements() as u64 <= 1 << 32 {
        return [numbers(b, &words), b.splat(&words, 0.0)];
    }
    let number = numbers(b, &ty.with_dtype(DType::I64));
    let shift = b.constant(Literal::splat(Scalar::I64(32), ty.shape.clone()));
    let high = b.binary(Binary::ShiftRightLogical, number, shift);
    [b.convert(number, DType::I32), b.convert(high, DType::I32)]
}

fn rotated(b: &Builder<'_>, x: Value, distance: i32) -> Value {
    let shape = b.shape(x);
    let left = b.binary(Binary::ShiftLeft, x, constant(b, distance, &shape));
    let right = b.binary(Binary::ShiftRightLogical, x, constant(b, 32 - distance, &shape));
    b.or(left, right)
}
