//! Integer arithmetic, at the edges above all.

use pullback_ir::{Binary, DType, Scalar, Unary};
use pullback_loops::Expr;
use pullback_runtime::Element;

use super::support::{Kit, lanes_of, map, pairs, vector};

type Meaning<T> = fn(T, T) -> T;
type UnaryMeaning<T> = fn(T) -> T;

fn check_binary<T: Element + PartialEq + std::fmt::Debug>(dtype: DType, values: &[T], cases: &[(Binary, Meaning<T>)]) {
    let (x, y) = pairs(values);
    for &(op, meaning) in cases {
        let expected: Vec<T> = x.iter().zip(&y).map(|(&x, &y)| meaning(x, y)).collect();
        for &lanes in lanes_of(dtype) {
            let expr = |_: &mut _, v: &[_]| Expr::Binary(op, v[0], v[1]);
            for found in map::<T, T>((dtype, dtype, lanes), &[&x, &y], expr) {
                for i in 0..x.len() {
                    assert_eq!(found[i], expected[i], "{op:?}({:?}, {:?}) {dtype}x{lanes}", x[i], y[i]);
                }
            }
        }
    }
}

fn check_unary<T: Element + PartialEq + std::fmt::Debug>(
    dtype: DType,
    values: &[T],
    cases: &[(Unary, UnaryMeaning<T>)],
) {
    for &(op, meaning) in cases {
        let expected: Vec<T> = values.iter().map(|&x| meaning(x)).collect();
        for &lanes in lanes_of(dtype) {
            for found in map::<T, T>((dtype, dtype, lanes), &[values], |_, v| Expr::Unary(op, v[0])) {
                assert_eq!(found, expected, "{op:?} {dtype}x{lanes}");
            }
        }
    }
}

/// The meaning of signed division, by 128-bit arithmetic.
macro_rules! signed {
    ($ty:ty) => {
        [
            (Binary::Add, (|x, y| (x as i128 + y as i128) as $ty) as Meaning<$ty>),
            (Binary::Sub, |x, y| (x as i128 - y as i128) as $ty),
            (Binary::Mul, |x, y| (x as i128 * y as i128) as $ty),
            (Binary::Div, |x, y| if y == 0 { -1 } else { (x as i128 / y as i128) as $ty }),
            (Binary::Rem, |x, y| if y == 0 { x } else { (x as i128 % y as i128) as $ty }),
            (Binary::Max, |x, y| if x > y { x } else { y }),
            (Binary::Min, |x, y| if x < y { x } else { y }),
        ]
    };
}

#[test]
fn signed_arithmetic_wraps_and_does_not_trap() {
    let values = [0, 1, -1, 2, -3, 7, i32::MIN, i32::MAX, 1_000_003, -65_536, i32::MIN + 1, 46_341];
    check_binary(DType::I32, &values, &signed!(i32));
    let values = [0, 1, -1, 2, -3, 7, i64::MIN, i64::MAX, 1_000_000_007, -(1 << 33), i64::MIN + 1, 3_037_000_500];
    check_binary(DType::I64, &values, &signed!(i64));
}

#[test]
fn unsigned_bytes_wrap_and_do_not_trap() {
    let values: Vec<u8> = (0..=255).collect();
    let cases: [(Binary, Meaning<u8>); 7] = [
        (Binary::Add, |x, y| (u32::from(x) + u32::from(y)) as u8),
        (Binary::Sub, |x, y| (i32::from(x) - i32::from(y)) as u8),
        (Binary::Mul, |x, y| (u32::from(x) * u32::from(y)) as u8),
        (Binary::Div, |x, y| x.checked_div(y).unwrap_or(255)),
        (Binary::Rem, |x, y| x.checked_rem(y).unwrap_or(x)),
        (Binary::Max, |x, y| if x > y { x } else { y }),
        (Binary::Min, |x, y| if x < y { x } else { y }),
    ];
    check_binary(DType::U8, &values, &cases);
    check_unary(
        DType::U8,
        &values,
        &[(Unary::Neg, |x| (256 - u32::from(x)) as u8), (Unary::Abs, |x| x), (Unary::Sign, |x| u8::from(x != 0))],
    );
}

#[test]
fn negation_absolute_value_and_sign_wrap_at_the_least_integer() {
    check_unary(
        DType::I32,
        &[0, 5, -5, i32::MIN, i32::MAX, 1, -1, 1 << 30],
        &[
            (Unary::Neg, |x| (-i64::from(x)) as i32),
            (Unary::Abs, |x| i64::from(x).abs() as i32),
            (Unary::Sign, |x| {
                if x > 0 {
                    1
                } else if x < 0 {
                    -1
                } else {
                    0
                }
            }),
        ],
    );
    check_unary(
        DType::I64,
        &[0, 5, -5, i64::MIN, i64::MAX, 1, -1, 1 << 40],
        &[
            (Unary::Neg, |x| (-i128::from(x)) as i64),
            (Unary::Abs, |x| i128::from(x).abs() as i64),
            (Unary::Sign, |x| {
                if x > 0 {
                    1
                } else if x < 0 {
                    -1
                } else {
                    0
                }
            }),
        ],
    );
}

/// The meaning of shifts, by 128-bit arithmetic and amounts of no more bits than there are.
macro_rules! bits {
    ($ty:ty, $unsigned:ty) => {{
        fn amount(y: $ty) -> u32 {
            u32::try_from(y).unwrap_or(64).min(64)
        }
        [
            (Binary::And, (|x, y| x & y) as Meaning<$ty>),
            (Binary::Or, |x, y| x | y),
            (Binary::Xor, |x, y| x ^ y),
            (Binary::ShiftLeft, |x, y| ((x as $unsigned as u128) << amount(y)) as $ty),
            (Binary::ShiftRight, |x, y| (x as i128 >> amount(y)) as $ty),
            (Binary::ShiftRightLogical, |x, y| (x as $unsigned as u128 >> amount(y)) as $ty),
        ]
    }};
}

macro_rules! counted {
    ($ty:ty) => {
        [
            (Unary::Not, (|x: $ty| !x) as UnaryMeaning<$ty>),
            (Unary::PopulationCount, |x| x.count_ones() as $ty),
            (Unary::StopGradient, |x| x),
        ]
    };
}

/// Shifts by each of `amounts`, known at compile time.
fn check_constant_shifts<T: Element + PartialEq + std::fmt::Debug>(
    values: &[T],
    (dtype, amounts): (DType, &[T]),
    scalar: fn(T) -> Scalar,
    cases: &[(Binary, Meaning<T>)],
) {
    let shifts = [Binary::ShiftLeft, Binary::ShiftRight, Binary::ShiftRightLogical];
    for &(op, meaning) in cases.iter().filter(|case| shifts.contains(&case.0)) {
        for &amount in amounts {
            let expected: Vec<T> = values.iter().map(|&x| meaning(x, amount)).collect();
            for &lanes in lanes_of(dtype) {
                let expr = |kit: &mut Kit, v: &[_]| {
                    let amount = kit.set(vector(dtype, lanes), Expr::Const(scalar(amount)));
                    Expr::Binary(op, v[0], amount)
                };
                for found in map::<T, T>((dtype, dtype, lanes), &[values], expr) {
                    assert_eq!(found, expected, "{op:?} by {amount:?}, {dtype}x{lanes}");
                }
            }
        }
    }
}

#[test]
fn bits_are_shifted_out_and_counted() {
    let values = [0, 1, -1, 5, 31, 32, 33, -32, i32::MIN, i32::MAX, 0x1234_5678, 16];
    check_binary(DType::I32, &values, &bits!(i32, u32));
    check_unary(DType::I32, &values, &counted!(i32));
    check_constant_shifts(&values, (DType::I32, &values), Scalar::I32, &bits!(i32, u32));
    let values = [0, 1, -1, 5, 31, 32, 63, 64, i64::MIN, i64::MAX, 0x1234_5678_9abc_def0, -64];
    check_binary(DType::I64, &values, &bits!(i64, u64));
    check_unary(DType::I64, &values, &counted!(i64));
    check_constant_shifts(&values, (DType::I64, &values), Scalar::I64, &bits!(i64, u64));
    let values: Vec<u8> = (0..=255).collect();
    check_binary(DType::U8, &values, &bits!(u8, u8));
    check_unary(DType::U8, &values, &counted!(u8));
    check_constant_shifts(&values, (DType::U8, &[0, 1, 7, 8, 9, 64, 255]), Scalar::U8, &bits!(u8, u8));
}
