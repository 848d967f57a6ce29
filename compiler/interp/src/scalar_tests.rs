//! Hand-computed values of every elementwise operation.

use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, LN_2, PI};

use super::*;

const NAN: f64 = f64::NAN;
const INF: f64 = f64::INFINITY;
/// A value at an ordinary point may differ from the decimal written here in the last places.
const TOLERANCE: f64 = 4e-16;

/// Equal with NaN equal to NaN and zeros told apart; ordinary values to [`TOLERANCE`].
fn agree(found: f64, expected: f64) -> bool {
    if expected == 0.0 || !expected.is_finite() {
        found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan())
    } else {
        (found - expected).abs() <= TOLERANCE * expected.abs()
    }
}

/// Checks a unary operation in `f64`, and in `f32` against the expectation rounded.
#[track_caller]
fn check(op: Unary, cases: &[(f64, f64)]) {
    for &(x, expected) in cases {
        let Some(Scalar::F64(found)) = unary(op, Scalar::F64(x)) else { panic!("{op:?} has no f64") };
        assert!(agree(found, expected), "{op:?} {x}: {found}, expected {expected}");
        // Where rounding the operand to f32 moves it, the expectation does not hold.
        if f64::from(x as f32) == x || x.is_nan() {
            let Some(Scalar::F32(found)) = unary(op, Scalar::F32(x as f32)) else { panic!("{op:?} has no f32") };
            let expected = expected as f32;
            let alike = found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan());
            assert!(alike, "{op:?} {x} in f32: {found}, expected {expected}");
        }
    }
}

#[test]
fn rounding_operations() {
    check(Unary::Floor, &[(1.5, 1.0), (-1.5, -2.0), (-0.0, -0.0), (0.5, 0.0), (INF, INF), (NAN, NAN)]);
    check(Unary::Ceil, &[(1.5, 2.0), (-1.5, -1.0), (-0.5, -0.0), (-INF, -INF), (NAN, NAN)]);
    check(Unary::Round, &[(0.5, 0.0), (1.5, 2.0), (2.5, 2.0), (-0.5, -0.0), (-1.5, -2.0), (1e300, 1e300), (NAN, NAN)]);
}

#[test]
fn exponentials_and_logarithms() {
    check(Unary::Exp, &[(0.0, 1.0), (1.0, std::f64::consts::E), (-INF, 0.0), (INF, INF), (1000.0, INF), (NAN, NAN)]);
    check(Unary::Exp2, &[(3.0, 8.0), (-1.0, 0.5), (0.5, std::f64::consts::SQRT_2), (-INF, 0.0), (2000.0, INF)]);
    check(Unary::Expm1, &[(0.0, 0.0), (-0.0, -0.0), (-INF, -1.0), (1.0, 1.718281828459045), (NAN, NAN)]);
    check(Unary::Expm1, &[(2f64.powi(-60), 2f64.powi(-60))]);
    check(Unary::Log, &[(1.0, 0.0), (2.0, LN_2), (0.0, -INF), (-0.0, -INF), (-1.0, NAN), (INF, INF), (NAN, NAN)]);
    check(Unary::Log2, &[(8.0, 3.0), (0.125, -3.0), (0.0, -INF), (-1.0, NAN), (INF, INF)]);
    check(
        Unary::Log1p,
        &[(0.0, 0.0), (-0.0, -0.0), (1.0, LN_2), (-1.0, -INF), (-2.0, NAN), (2f64.powi(-60), 2f64.powi(-60))],
    );
    check(
        Unary::Logistic,
        &[(0.0, 0.5), (1.0, 0.7310585786300049), (-1.0, 0.2689414213699951), (-INF, 0.0), (INF, 1.0), (NAN, NAN)],
    );
    // Neither overflow nor a premature zero: e^-720 is subnormal.
    check(Unary::Logistic, &[(-700.0, 9.85967654375977e-305), (1000.0, 1.0)]);
    assert!(matches!(unary(Unary::Logistic, Scalar::F64(-720.0)), Some(Scalar::F64(x)) if x > 0.0));
}

#[test]
fn roots() {
    check(Unary::Sqrt, &[(4.0, 2.0), (2.0, std::f64::consts::SQRT_2), (-0.0, -0.0), (-1.0, NAN), (INF, INF)]);
    check(Unary::Rsqrt, &[(4.0, 0.5), (0.25, 2.0), (0.0, INF), (-0.0, -INF), (-1.0, NAN), (INF, 0.0)]);
    check(Unary::Cbrt, &[(27.0, 3.0), (-8.0, -2.0), (-0.0, -0.0), (-INF, -INF), (NAN, NAN)]);
}

#[test]
fn circular_and_hyperbolic_functions() {
    check(Unary::Sin, &[(0.0, 0.0), (-0.0, -0.0), (FRAC_PI_2, 1.0), (1.0, 0.8414709848078965), (INF, NAN), (NAN, NAN)]);
    check(Unary::Cos, &[(0.0, 1.0), (PI, -1.0), (1.0, 0.5403023058681398), (-INF, NAN)]);
    check(Unary::Tan, &[(0.0, 0.0), (-0.0, -0.0), (1.0, 1.5574077246549023), (INF, NAN)]);
    check(Unary::Asin, &[(1.0, FRAC_PI_2), (-0.0, -0.0), (0.5, PI / 6.0), (2.0, NAN)]);
    check(Unary::Acos, &[(1.0, 0.0), (-1.0, PI), (0.0, FRAC_PI_2), (2.0, NAN)]);
    check(Unary::Atan, &[(1.0, FRAC_PI_4), (-0.0, -0.0), (-INF, -FRAC_PI_2), (NAN, NAN)]);
    check(Unary::Sinh, &[(0.0, 0.0), (-0.0, -0.0), (1.0, 1.1752011936438014), (-INF, -INF), (1000.0, INF)]);
    check(Unary::Cosh, &[(0.0, 1.0), (1.0, 1.5430806348152437), (-INF, INF), (NAN, NAN)]);
    check(Unary::Tanh, &[(0.0, 0.0), (-0.0, -0.0), (1.0, 0.7615941559557649), (-INF, -1.0), (100.0, 1.0), (NAN, NAN)]);
}

#[test]
fn error_functions() {
    check(Unary::Erf, &[(0.0, 0.0), (-0.0, -0.0), (1.0, 0.8427007929497149), (-INF, -1.0), (6.0, 1.0), (NAN, NAN)]);
    check(
        Unary::Erfc,
        &[(0.0, 1.0), (1.0, 0.15729920705028513), (-INF, 2.0), (INF, 0.0), (10.0, 2.088487583762545e-45), (NAN, NAN)],
    );
}

#[test]
fn signs_of_floats() {
    check(Unary::Sign, &[(2.5, 1.0), (-INF, -1.0), (0.0, 0.0), (-0.0, -0.0), (NAN, NAN)]);
    check(Unary::Neg, &[(0.0, -0.0), (-0.0, 0.0), (1.5, -1.5), (INF, -INF)]);
    check(Unary::Abs, &[(-0.0, 0.0), (-1.5, 1.5), (-INF, INF)]);
    // Bit operations: the payload of a NaN stays and its sign changes.
    let nan = Scalar::F32(f32::from_bits(0x7fa0_0001));
    assert_eq!(unary(Unary::Neg, nan), Some(Scalar::F32(f32::from_bits(0xffa0_0001))));
    assert_eq!(unary(Unary::Abs, Scalar::F32(f32::from_bits(0xffa0_0001))), Some(nan));
}

#[test]
fn unary_operations_of_integers_wrap() {
    use Scalar::{Bool, I32, I64, U8};
    let cases = [
        (Unary::Neg, I32(5), I32(-5)),
        (Unary::Neg, I32(i32::MIN), I32(i32::MIN)),
        (Unary::Neg, U8(1), U8(255)),
        (Unary::Abs, I64(-7), I64(7)),
        (Unary::Abs, I64(i64::MIN), I64(i64::MIN)),
        (Unary::Abs, U8(200), U8(200)),
        (Unary::Sign, I32(-9), I32(-1)),
        (Unary::Sign, U8(0), U8(0)),
        (Unary::Sign, U8(200), U8(1)),
        (Unary::Not, Bool(true), Bool(false)),
    ];
    for (op, x, expected) in cases {
        assert_eq!(unary(op, x), Some(expected), "{op:?} {x}");
    }
}

#[test]
fn arithmetic_of_integers_wraps_and_divides_by_zero() {
    use Scalar::{I32, I64, U8};
    let cases = [
        (Binary::Add, I32(i32::MAX), I32(1), I32(i32::MIN)),
        (Binary::Add, U8(250), U8(10), U8(4)),
        (Binary::Sub, U8(1), U8(2), U8(255)),
        (Binary::Sub, I64(i64::MIN), I64(1), I64(i64::MAX)),
        (Binary::Mul, I32(65536), I32(65536), I32(0)),
        (Binary::Mul, I64(i64::MAX), I64(2), I64(-2)),
        (Binary::Div, I32(-7), I32(2), I32(-3)),
        (Binary::Div, I32(7), I32(0), I32(-1)),
        (Binary::Div, I32(0), I32(0), I32(-1)),
        (Binary::Div, U8(7), U8(0), U8(255)),
        (Binary::Div, I64(7), I64(0), I64(-1)),
        (Binary::Div, I32(i32::MIN), I32(-1), I32(i32::MIN)),
        (Binary::Div, I64(i64::MIN), I64(-1), I64(i64::MIN)),
        (Binary::Rem, I32(-7), I32(2), I32(-1)),
        (Binary::Rem, I32(7), I32(-2), I32(1)),
        (Binary::Rem, I32(7), I32(0), I32(7)),
        (Binary::Rem, U8(7), U8(0), U8(7)),
        (Binary::Rem, I32(i32::MIN), I32(-1), I32(0)),
        (Binary::Rem, I64(i64::MIN), I64(-1), I64(0)),
        (Binary::Max, U8(200), U8(100), U8(200)),
        (Binary::Min, I32(-1), I32(1), I32(-1)),
    ];
    for (op, x, y, expected) in cases {
        assert_eq!(binary(op, x, y), Some(expected), "{op:?} {x} {y}");
    }
}

#[track_caller]
fn check2(op: Binary, cases: &[(f64, f64, f64)]) {
    for &(x, y, expected) in cases {
        let Some(Scalar::F64(found)) = binary(op, Scalar::F64(x), Scalar::F64(y)) else { panic!("{op:?} has no f64") };
        assert!(agree(found, expected), "{op:?} {x} {y}: {found}, expected {expected}");
        let Some(Scalar::F32(found)) = binary(op, Scalar::F32(x as f32), Scalar::F32(y as f32)) else {
            panic!("{op:?} has no f32")
        };
        assert!(agree(found.into(), f64::from(expected as f32)), "{op:?} {x} {y} in f32: {found}, expected {expected}");
    }
}

#[test]
fn arithmetic_of_floats_is_ieee() {
    check2(Binary::Add, &[(1.5, 2.25, 3.75), (-0.0, -0.0, -0.0), (0.0, -0.0, 0.0), (INF, -INF, NAN)]);
    check2(Binary::Sub, &[(1.5, 2.25, -0.75), (1.0, 1.0, 0.0), (INF, INF, NAN)]);
    check2(Binary::Mul, &[(1.5, -2.0, -3.0), (0.0, -1.0, -0.0), (0.0, INF, NAN)]);
    check2(Binary::Div, &[(3.0, 2.0, 1.5), (1.0, -0.0, -INF), (0.0, 0.0, NAN), (-1.0, INF, -0.0)]);
    // fmod: the sign of the dividend, exact however large the quotient.
    check2(Binary::Rem, &[(5.5, 2.0, 1.5), (-5.5, 2.0, -1.5), (5.5, -2.0, 1.5), (-6.0, 3.0, -0.0)]);
    check2(Binary::Rem, &[(1.0, 0.0, NAN), (INF, 2.0, NAN), (2.0, INF, 2.0), (2f64.powi(100), 3.0, 1.0)]);
    let tie = Scalar::F32(1.0 + f32::EPSILON);
    assert_eq!(binary(Binary::Mul, tie, tie), Some(Scalar::F32(1.0 + 2.0 * f32::EPSILON)));
}

#[test]
fn powers_are_those_of_c99() {
    check2(Binary::Pow, &[(2.0, 10.0, 1024.0), (-2.0, 3.0, -8.0), (-8.0, 0.5, NAN), (4.0, -0.5, 0.5)]);
    check2(Binary::Pow, &[(0.0, 0.0, 1.0), (NAN, 0.0, 1.0), (1.0, NAN, 1.0), (NAN, 1.0, NAN), (-1.0, INF, 1.0)]);
    check2(Binary::Pow, &[(0.0, -1.0, INF), (-0.0, -1.0, -INF), (-0.0, 3.0, -0.0), (0.5, INF, 0.0), (-INF, 3.0, -INF)]);
}

#[test]
fn the_first_operand_of_atan2_is_the_ordinate() {
    check2(Binary::Atan2, &[(1.0, 1.0, FRAC_PI_4), (1.0, 0.0, FRAC_PI_2), (0.0, -1.0, PI), (-0.0, -1.0, -PI)]);
    check2(Binary::Atan2, &[(0.0, 0.0, 0.0), (-0.0, 0.0, -0.0), (INF, INF, FRAC_PI_4), (NAN, 1.0, NAN)]);
}

#[test]
fn extremes_propagate_nan_and_order_zeros() {
    check2(Binary::Max, &[(1.0, 2.0, 2.0), (NAN, 1.0, NAN), (1.0, NAN, NAN), (-0.0, 0.0, 0.0), (0.0, -0.0, 0.0)]);
    check2(Binary::Min, &[(1.0, 2.0, 1.0), (NAN, 1.0, NAN), (1.0, NAN, NAN), (-0.0, 0.0, -0.0), (0.0, -0.0, -0.0)]);
    check2(Binary::Max, &[(-INF, 1.0, 1.0), (-0.0, -0.0, -0.0)]);
    let f = Scalar::F64;
    assert_eq!(clamp(f(0.0), f(5.0), f(1.0)), Some(f(1.0)));
    assert_eq!(clamp(f(0.0), f(-5.0), f(1.0)), Some(f(0.0)));
    assert_eq!(clamp(f(2.0), f(5.0), f(1.0)), Some(f(1.0)), "an empty range gives its upper end");
    assert!(matches!(clamp(f(0.0), f(NAN), f(1.0)), Some(Scalar::F64(x)) if x.is_nan()));
    assert!(matches!(clamp(f(0.0), f(0.5), f(NAN)), Some(Scalar::F64(x)) if x.is_nan()));
    assert_eq!(clamp(Scalar::U8(10), Scalar::U8(3), Scalar::U8(20)), Some(Scalar::U8(10)));
}

#[test]
fn logic_and_selection() {
    let b = Scalar::Bool;
    for (x, y) in [(false, false), (false, true), (true, false), (true, true)] {
        assert_eq!(binary(Binary::And, b(x), b(y)), Some(b(x && y)));
        assert_eq!(binary(Binary::Or, b(x), b(y)), Some(b(x || y)));
        assert_eq!(binary(Binary::Xor, b(x), b(y)), Some(b(x != y)));
    }
    assert_eq!(select(b(true), Scalar::I32(1), Scalar::I32(2)), Some(Scalar::I32(1)));
    assert_eq!(select(b(false), Scalar::I32(1), Scalar::I32(2)), Some(Scalar::I32(2)));
}

#[test]
fn comparisons_with_nan_hold_for_ne_alone() {
    for &predicate in Comparison::ALL {
        let nan = compare(predicate, Scalar::F32(f32::NAN), Scalar::F32(1.0));
        assert_eq!(nan, Some(predicate == Comparison::Ne), "{predicate:?}");
    }
    let expect = |x, y, holds: [bool; 6]| {
        let found: Vec<bool> = Comparison::ALL.iter().map(|&p| compare(p, x, y).unwrap()).collect();
        assert_eq!(found, holds, "{x} {y}: eq ne lt le gt ge");
    };
    expect(Scalar::F64(-0.0), Scalar::F64(0.0), [true, false, false, true, false, true]);
    expect(Scalar::I64(-1), Scalar::I64(0), [false, true, true, true, false, false]);
    expect(Scalar::U8(200), Scalar::U8(100), [false, true, false, false, true, true]);
    expect(Scalar::Bool(false), Scalar::Bool(true), [false, true, true, true, false, false]);
}

#[test]
fn finiteness() {
    assert_eq!(is_finite(Scalar::F32(f32::MAX)), Some(true));
    assert_eq!(is_finite(Scalar::F32(f32::INFINITY)), Some(false));
    assert_eq!(is_finite(Scalar::F64(NAN)), Some(false));
    assert_eq!(is_finite(Scalar::I32(0)), None);
}

#[test]
fn conversions_saturate_wrap_and_round_once() {
    use Scalar::{Bool, F32, F64, I32, I64, U8};
    let cases = [
        (F32(-1.9), I32(-1)),
        (F32(f32::NAN), I32(0)),
        (F64(3e9), I32(i32::MAX)),
        (F64(-INF), I64(i64::MIN)),
        (F32(300.7), U8(255)),
        (F32(-3.0), U8(0)),
        (I32(-1), U8(255)),
        (I64(0x1_0000_0005), I32(5)),
        (U8(200), I32(200)),
        (I64(-1), F64(-1.0)),
        // 2^60 + 2^36 + 1 lies just above the middle of two f32; rounding to f64 first would lose the 1.
        (I64((1 << 60) + (1 << 36) + 1), F32((1u64 << 60) as f32 + (1u64 << 37) as f32)),
        (F32(f32::NAN), Bool(true)),
        (F64(-0.0), Bool(false)),
        (I64(i64::MIN), Bool(true)),
        (U8(0), Bool(false)),
        (Bool(true), F32(1.0)),
        (Bool(true), U8(1)),
        (F64(1.0 + 2f64.powi(-24)), F32(1.0)),
        (F64(1e300), F32(f32::INFINITY)),
        (F32(0.1), F64(0.10000000149011612)),
    ];
    for (x, expected) in cases {
        assert_eq!(convert(x, expected.dtype()), expected, "{x} to {}", expected.dtype());
    }
    let nan = F32(f32::from_bits(0x7fa0_0001));
    assert_eq!(convert(nan, DType::F32), nan, "the same type keeps the bits");
}

#[test]
fn identities_change_nothing() {
    for &kind in Reduction::ALL {
        for dtype in DType::ALL {
            let Some(identity) = identity(kind, dtype) else {
                assert!(!kind.info().domain.contains(dtype));
                continue;
            };
            for x in [0.0, 1.0, 37.0] {
                let x = convert(Scalar::F64(x), dtype);
                assert_eq!(binary(step(kind), identity, x), Some(x), "{kind:?} {x}");
            }
        }
    }
    assert_eq!(identity(Reduction::Max, DType::I32), Some(Scalar::I32(i32::MIN)));
    assert_eq!(identity(Reduction::Max, DType::U8), Some(Scalar::U8(0)));
    assert_eq!(identity(Reduction::Min, DType::F32), Some(Scalar::F32(f32::INFINITY)));
    assert_eq!(identity(Reduction::Min, DType::I64), Some(Scalar::I64(i64::MAX)));
}

#[test]
fn every_operation_covers_its_domain_and_nothing_else() {
    for dtype in DType::ALL {
        let one = convert(Scalar::U8(1), dtype);
        for &op in Unary::ALL {
            assert_eq!(unary(op, one).map(Scalar::dtype), op.info().domain.contains(dtype).then_some(dtype), "{op:?}");
        }
        for &op in Binary::ALL {
            let found = binary(op, one, one).map(Scalar::dtype);
            assert_eq!(found, op.info().domain.contains(dtype).then_some(dtype), "{op:?}");
        }
    }
    assert_eq!(binary(Binary::Add, Scalar::F32(1.0), Scalar::F64(1.0)), None);
}

#[test]
fn logic_on_integers_is_bitwise() {
    use Scalar::{I32, I64, U8};
    let cases = [
        (Binary::And, I32(-2), I32(0x0f), I32(0x0e)),
        (Binary::Or, U8(0b1010_0000), U8(0b0000_0101), U8(0b1010_0101)),
        (Binary::Xor, I64(-1), I64(1), I64(-2)),
        (Binary::And, I64(i64::MIN), I64(-1), I64(i64::MIN)),
    ];
    for (op, x, y, expected) in cases {
        assert_eq!(binary(op, x, y), Some(expected), "{op:?} {x} {y}");
    }
    assert_eq!(unary(Unary::Not, I32(5)), Some(I32(-6)));
    assert_eq!(unary(Unary::Not, U8(1)), Some(U8(254)));
    for (x, count) in
        [(I32(-1), I32(32)), (I64(-1), I64(64)), (U8(0b1011), U8(3)), (I64(i64::MIN), I64(1)), (U8(0), U8(0))]
    {
        assert_eq!(unary(Unary::PopulationCount, x), Some(count), "{x}");
    }
    assert_eq!(unary(Unary::StopGradient, Scalar::F32(-0.0)), Some(Scalar::F32(-0.0)));
}

#[test]
fn shifts_beyond_the_bits_move_everything_out() {
    use Scalar::{I32, I64, U8};
    let [left, right, logical] = [Binary::ShiftLeft, Binary::ShiftRight, Binary::ShiftRightLogical];
    let cases = [
        (left, I32(3), I32(4), I32(48)),
        (left, I32(1), I32(31), I32(i32::MIN)),
        (left, I32(1), I32(32), I32(0)),
        (left, I32(1), I32(-1), I32(0)),
        (left, U8(0xff), U8(4), U8(0xf0)),
        (left, U8(1), U8(8), U8(0)),
        (left, I64(1), I64(63), I64(i64::MIN)),
        (left, I64(1), I64(64), I64(0)),
        (right, I32(-16), I32(2), I32(-4)),
        (right, I32(-16), I32(32), I32(-1)),
        (right, I32(-16), I32(-3), I32(-1)),
        (right, I32(16), I32(i32::MIN), I32(0)),
        (right, U8(0x80), U8(7), U8(1)),
        (right, U8(0xff), U8(200), U8(0)),
        (right, I64(i64::MIN), I64(63), I64(-1)),
        (logical, I32(-1), I32(28), I32(15)),
        (logical, I32(-1), I32(0), I32(-1)),
        (logical, I32(-1), I32(32), I32(0)),
        (logical, I64(-1), I64(1), I64(i64::MAX)),
        (logical, I64(-1), I64(-1), I64(0)),
        (logical, U8(0x80), U8(3), U8(16)),
    ];
    for (op, x, y, expected) in cases {
        assert_eq!(binary(op, x, y), Some(expected), "{op:?} {x} {y}");
    }
}

#[test]
fn bitcasts_keep_width_and_bits() {
    let bits = 0x7fa0_0001;
    assert_eq!(bitcast(Scalar::F32(f32::from_bits(bits)), DType::I32), Some(Scalar::I32(bits.cast_signed())));
    assert_eq!(bitcast(Scalar::I64(1), DType::F64), Some(Scalar::F64(f64::from_bits(1))));
    for from in DType::ALL {
        for to in DType::ALL {
            let x = convert(Scalar::U8(1), from);
            let width = |dtype: DType| if dtype == DType::Bool { 1 } else { 8 * dtype.bytes() };
            let found = bitcast(x, to);
            assert_eq!(found.map(Scalar::dtype), (width(from) == width(to)).then_some(to), "{from} to {to}");
            assert!(found.is_none_or(|found| found.bits() == x.bits()));
        }
    }
}
