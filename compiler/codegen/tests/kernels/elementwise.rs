//! Elementwise operations of floats and truth values.

use pullback_interp::special;
use pullback_ir::{Binary, Comparison, DType, Scalar, Unary};
use pullback_loops::Expr;

use super::support::{lanes_of, map, pairs, vector};

const SPECIAL: [f64; 16] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -2.5,
    3.5,
    1e-30,
    -7.25,
    123.75,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    2.0,
    -0.75,
    10.0,
];

/// The bits, with one NaN for all.
fn bits32(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| if x.is_nan() { f32::NAN.to_bits() } else { x.to_bits() }).collect()
}

fn bits64(values: &[f64]) -> Vec<u64> {
    values.iter().map(|x| if x.is_nan() { f64::NAN.to_bits() } else { x.to_bits() }).collect()
}

fn singles(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&x| x as f32).collect()
}

fn minimum(x: f64, y: f64) -> f64 {
    if x.is_nan() || y.is_nan() {
        f64::NAN
    } else if x == y {
        if x.is_sign_negative() { x } else { y }
    } else {
        x.min(y)
    }
}

/// The exact operations, in `f64`; each gives the right `f32` for `f32` operands after rounding.
fn exact_binary(op: Binary) -> Option<fn(f64, f64) -> f64> {
    match op {
        Binary::Add => Some(|x, y| x + y),
        Binary::Sub => Some(|x, y| x - y),
        Binary::Mul => Some(|x, y| x * y),
        Binary::Div => Some(|x, y| x / y),
        Binary::Rem => Some(|x, y| x % y),
        Binary::Min => Some(minimum),
        Binary::Max => Some(|x, y| -minimum(-x, -y)),
        Binary::Pow | Binary::Atan2 | Binary::Polygamma | Binary::And | Binary::Or | Binary::Xor => None,
        Binary::ShiftLeft | Binary::ShiftRight | Binary::ShiftRightLogical => None,
    }
}

#[test]
fn exact_float_operations_have_the_right_bits() {
    let (x, y) = pairs(&SPECIAL);
    let (x32, y32) = (singles(&x), singles(&y));
    for &op in Binary::ALL {
        let Some(meaning) = exact_binary(op) else { continue };
        let expected: Vec<f64> = x.iter().zip(&y).map(|(&x, &y)| meaning(x, y)).collect();
        for &lanes in lanes_of(DType::F64) {
            let expr = |_: &mut _, v: &[_]| Expr::Binary(op, v[0], v[1]);
            for found in map::<f64, f64>((DType::F64, DType::F64, lanes), &[&x, &y], expr) {
                assert_eq!(bits64(&found), bits64(&expected), "{op:?} f64x{lanes}");
            }
        }
        let expected: Vec<f32> =
            x32.iter().zip(&y32).map(|(&x, &y)| meaning(f64::from(x), f64::from(y)) as f32).collect();
        for &lanes in lanes_of(DType::F32) {
            let expr = |_: &mut _, v: &[_]| Expr::Binary(op, v[0], v[1]);
            for found in map::<f32, f32>((DType::F32, DType::F32, lanes), &[&x32, &y32], expr) {
                assert_eq!(bits32(&found), bits32(&expected), "{op:?} f32x{lanes}");
            }
        }
    }
}

fn function(op: Unary) -> Option<fn(f64) -> f64> {
    Some(match op {
        Unary::Not | Unary::PopulationCount => return None,
        Unary::StopGradient => |x| x,
        Unary::Neg => |x| -x,
        Unary::Abs => f64::abs,
        Unary::Sign => |x| if x == 0.0 || x.is_nan() { x } else { x.signum() },
        Unary::Floor => f64::floor,
        Unary::Ceil => f64::ceil,
        Unary::Round => f64::round_ties_even,
        Unary::Exp => libm::exp,
        Unary::Exp2 => libm::exp2,
        Unary::Expm1 => libm::expm1,
        Unary::Log => libm::log,
        Unary::Log2 => libm::log2,
        Unary::Log1p => libm::log1p,
        Unary::Sqrt => libm::sqrt,
        Unary::Rsqrt => |x| 1.0 / x.sqrt(),
        Unary::Cbrt => libm::cbrt,
        Unary::Sin => libm::sin,
        Unary::Cos => libm::cos,
        Unary::Tan => libm::tan,
        Unary::Asin => libm::asin,
        Unary::Acos => libm::acos,
        Unary::Atan => libm::atan,
        Unary::Sinh => libm::sinh,
        Unary::Cosh => libm::cosh,
        Unary::Tanh => libm::tanh,
        Unary::Logistic => |x| 1.0 / (1.0 + libm::exp(-x)),
        Unary::Erf => libm::erf,
        Unary::Erfc => libm::erfc,
        Unary::ErfInv => special::erf_inv,
        Unary::Lgamma => special::lgamma,
        Unary::Digamma => special::digamma,
        Unary::BesselI0e => special::bessel_i0e,
        Unary::BesselI1e => special::bessel_i1e,
    })
}

/// Equal, or close in relation to their size: which function it is, not how accurate, is the question here.
fn close(found: f64, expected: f64, tolerance: f64) -> bool {
    found.to_bits() == expected.to_bits()
        || (found.is_nan() && expected.is_nan())
        || found == expected
        || (found - expected).abs() <= tolerance * expected.abs()
}

#[test]
fn unary_functions_are_the_right_functions() {
    let x32 = singles(&SPECIAL);
    let mut wrong = Vec::new();
    for &op in Unary::ALL {
        let Some(meaning) = function(op) else { continue };
        let expr = |_: &mut _, v: &[_]| Expr::Unary(op, v[0]);
        for &lanes in lanes_of(DType::F64) {
            for found in map::<f64, f64>((DType::F64, DType::F64, lanes), &[&SPECIAL], expr) {
                for (&x, &y) in SPECIAL.iter().zip(&found) {
                    if !close(y, meaning(x), 1e-14) {
                        wrong.push(format!("{op:?}({x}) f64x{lanes}: {y}, not {}", meaning(x)));
                    }
                }
            }
        }
        for &lanes in lanes_of(DType::F32) {
            for found in map::<f32, f32>((DType::F32, DType::F32, lanes), &[&x32], expr) {
                for (&x, &y) in x32.iter().zip(&found) {
                    let expected = meaning(f64::from(x)) as f32;
                    if !close(f64::from(y), f64::from(expected), 1e-6) {
                        wrong.push(format!("{op:?}({x}) f32x{lanes}: {y}, not {expected}"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn binary_functions_are_the_right_functions() {
    let (x, y) = pairs(&[0.25, 1.5, 2.0, -3.0, 0.0, 7.0, -0.5, 4.25]);
    let (x32, y32) = (singles(&x), singles(&y));
    let functions = [
        (Binary::Pow, libm::pow as fn(f64, f64) -> f64),
        (Binary::Atan2, libm::atan2),
        (Binary::Polygamma, special::polygamma),
    ];
    for (op, meaning) in functions {
        let expr = |_: &mut _, v: &[_]| Expr::Binary(op, v[0], v[1]);
        for &lanes in lanes_of(DType::F64) {
            for found in map::<f64, f64>((DType::F64, DType::F64, lanes), &[&x, &y], expr) {
                for (i, &z) in found.iter().enumerate() {
                    assert!(close(z, meaning(x[i], y[i]), 1e-14), "{op:?}({}, {}) f64x{lanes}: {z}", x[i], y[i]);
                }
            }
        }
        for &lanes in lanes_of(DType::F32) {
            for found in map::<f32, f32>((DType::F32, DType::F32, lanes), &[&x32, &y32], expr) {
                for (i, &z) in found.iter().enumerate() {
                    let expected = meaning(x[i], y[i]) as f32;
                    assert!(close(f64::from(z), f64::from(expected), 1e-6), "{op:?}({}, {}): {z}", x[i], y[i]);
                }
            }
        }
    }
}

#[test]
fn multiply_add_is_rounded_once_with_the_instruction_and_twice_without() {
    let x = [1.0 + f64::EPSILON.sqrt() / 16.0; 2];
    let minus_one = [-1.0; 2];
    for lanes in [1, 2] {
        let expr = |_: &mut _, v: &[_]| Expr::MulAdd(v[0], v[0], v[1]);
        let found = map::<f64, f64>((DType::F64, DType::F64, lanes), &[&x, &minus_one], expr);
        let [native, baseline, narrow] = &found[..] else { panic!("{found:?}") };
        let (once, twice) = (x[0].mul_add(x[0], -1.0), x[0] * x[0] - 1.0);
        assert_ne!(once, twice);
        assert_eq!(baseline, &[twice; 2]);
        if std::is_x86_feature_detected!("fma") {
            assert_eq!([native, narrow], [&[once; 2]; 2]);
        }
    }
    let (a, b, c) = ([1.5f32, 2.0, -3.0, 0.5], [2.0f32, 0.25, 4.0, 8.0], [1.0f32, 2.0, 3.0, 4.0]);
    for &lanes in lanes_of(DType::F32) {
        let expr = |_: &mut _, v: &[_]| Expr::MulAdd(v[0], v[1], v[2]);
        for found in map::<f32, f32>((DType::F32, DType::F32, lanes), &[&a, &b, &c], expr) {
            assert_eq!(found, [4.0, 2.5, -9.0, 8.0]);
        }
    }
}

fn holds<T: PartialOrd>(comparison: Comparison, x: &T, y: &T) -> bool {
    match comparison {
        Comparison::Eq => x == y,
        Comparison::Ne => x != y,
        Comparison::Lt => x < y,
        Comparison::Le => x <= y,
        Comparison::Gt => x > y,
        Comparison::Ge => x >= y,
    }
}

fn check_comparisons<T: pullback_runtime::Element + PartialOrd + std::fmt::Debug>(dtype: DType, values: &[T]) {
    let (x, y) = pairs(values);
    for &comparison in Comparison::ALL {
        let expected: Vec<bool> = x.iter().zip(&y).map(|(x, y)| holds(comparison, x, y)).collect();
        for &lanes in lanes_of(dtype) {
            let expr = |_: &mut _, v: &[_]| Expr::Compare(comparison, v[0], v[1]);
            for found in map::<T, bool>((dtype, DType::Bool, lanes), &[&x, &y], expr) {
                assert_eq!(found, expected, "{comparison:?} {dtype}x{lanes}");
            }
        }
    }
}

#[test]
fn comparisons_order_every_type() {
    check_comparisons(DType::F64, &SPECIAL);
    check_comparisons(DType::F32, &singles(&SPECIAL));
    check_comparisons(DType::I32, &[0, 1, -1, i32::MIN, i32::MAX, 7, -8, 9]);
    check_comparisons(DType::I64, &[0, 1, -1, i64::MIN, i64::MAX, 1 << 32, -(1 << 40), 9]);
    check_comparisons(DType::U8, &[0u8, 1, 127, 128, 255, 3]);
    check_comparisons(DType::Bool, &[false, true]);
}

#[test]
fn finiteness_is_told_from_infinities_and_nans() {
    let expr = |_: &mut _, v: &[_]| Expr::IsFinite(v[0]);
    let expected: Vec<bool> = SPECIAL.iter().map(|x| x.is_finite()).collect();
    for &lanes in lanes_of(DType::F64) {
        for found in map::<f64, bool>((DType::F64, DType::Bool, lanes), &[&SPECIAL], expr) {
            assert_eq!(found, expected);
        }
    }
    for &lanes in lanes_of(DType::F32) {
        for found in map::<f32, bool>((DType::F32, DType::Bool, lanes), &[&singles(&SPECIAL)], expr) {
            assert_eq!(found, expected);
        }
    }
}

#[test]
fn logic_of_truth_values() {
    let (x, y) = pairs(&[false, true]);
    for (op, meaning) in [
        (Binary::And, (|x, y| x & y) as fn(bool, bool) -> bool),
        (Binary::Or, |x, y| x | y),
        (Binary::Xor, |x, y| x ^ y),
    ] {
        let expected: Vec<bool> = x.iter().zip(&y).map(|(&x, &y)| meaning(x, y)).collect();
        for &lanes in lanes_of(DType::Bool) {
            let expr = |_: &mut _, v: &[_]| Expr::Binary(op, v[0], v[1]);
            for found in map::<bool, bool>((DType::Bool, DType::Bool, lanes), &[&x, &y], expr) {
                assert_eq!(found, expected, "{op:?} of {lanes} lanes");
            }
        }
    }
    for &lanes in lanes_of(DType::Bool) {
        let expr = |_: &mut _, v: &[_]| Expr::Unary(Unary::Not, v[0]);
        for found in map::<bool, bool>((DType::Bool, DType::Bool, lanes), &[&[true, false, false, true]], expr) {
            assert_eq!(found, [false, true, true, false]);
        }
    }
}

fn check_select<T: pullback_runtime::Element + PartialEq + std::fmt::Debug>(
    dtype: DType,
    x: [T; 4],
    y: [T; 4],
    limit: Scalar,
) {
    // Selects `x` in the first and last position, by comparing positions kept in a constant-free way: x == limit.
    for &lanes in lanes_of(dtype) {
        let found = map::<T, T>((dtype, dtype, lanes), &[&x, &y], |kit, v| {
            let limit = kit.set(vector(dtype, lanes), Expr::Const(limit));
            let predicate = kit.set(vector(DType::Bool, lanes), Expr::Compare(Comparison::Eq, v[0], limit));
            Expr::Select(predicate, v[0], v[1])
        });
        for found in found {
            assert_eq!(found, [x[0], y[1], y[2], x[3]], "{dtype}x{lanes}");
        }
    }
}

#[test]
fn select_chooses_lane_by_lane() {
    check_select(DType::F32, [1.0f32, 2.0, 3.0, 1.0], [5.0, 6.0, 7.0, 8.0], Scalar::F32(1.0));
    check_select(DType::F64, [1.0f64, 2.0, 3.0, 1.0], [5.0, 6.0, 7.0, 8.0], Scalar::F64(1.0));
    check_select(DType::I32, [-1i32, 2, 3, -1], [5, 6, 7, 8], Scalar::I32(-1));
    check_select(DType::I64, [-1i64, 2, 3, -1], [5, 6, 7, 8], Scalar::I64(-1));
    check_select(DType::U8, [255u8, 2, 3, 255], [5, 6, 7, 8], Scalar::U8(255));
    check_select(DType::Bool, [true, false, false, true], [true, true, false, false], Scalar::Bool(true));
}
