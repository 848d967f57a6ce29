//! Integer arithmetic, at the edges above all.

use pullback_ir::{Binary, DType, Unary};
use pullback_loops::Expr;
use pullback_runtime::Element;

use super::support::{lanes_of, map, pairs};

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
