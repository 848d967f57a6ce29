//! Conversions: every pair of element types as scalars, and as vectors where the lanes fit.

use pullback_ir::{DType, Scalar};
use pullback_loops::{Expr, VarType};
use pullback_runtime::Element;

use super::support::{Kit, lanes_of, map, vector};

const FLOATS: [f64; 20] = [
    0.0,
    -0.0,
    0.75,
    -0.75,
    1.5,
    254.9,
    255.0,
    256.5,
    -1.0,
    2147483647.0,
    2147483648.0,
    -2147483649.0,
    9.3e18,
    -9.3e18,
    1e-40,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    16777217.0,
    9007199254740993.0,
];

/// Rust's `as` between numbers is what the tensor IR's `convert` is; written out once here.
trait Number: Element + PartialEq + std::fmt::Debug {
    fn to(self, dtype: DType) -> Scalar;
    fn of(scalar: Scalar) -> Option<Self>;
    /// Equal, NaN to NaN.
    fn same(self, other: Self) -> bool {
        self == other
    }
}

macro_rules! number {
    ($($ty:ty => $variant:ident),*) => {$(
        impl Number for $ty {
            fn to(self, dtype: DType) -> Scalar {
                match dtype {
                    DType::F32 => Scalar::F32(self as f32),
                    DType::F64 => Scalar::F64(self as f64),
                    DType::I32 => Scalar::I32(self as i32),
                    DType::I64 => Scalar::I64(self as i64),
                    DType::U8 => Scalar::U8(self as u8),
                    DType::Bool => Scalar::Bool(self != (0 as $ty)),
                }
            }
            fn of(scalar: Scalar) -> Option<Self> {
                if let Scalar::$variant(x) = scalar { Some(x) } else { None }
            }
            #[allow(clippy::eq_op, reason = "NaN differs from itself")]
            fn same(self, other: Self) -> bool {
                self == other || (self != self && other != other)
            }
        }
    )*};
}
number!(f32 => F32, f64 => F64, i32 => I32, i64 => I64, u8 => U8);

impl Number for bool {
    fn to(self, dtype: DType) -> Scalar {
        u8::from(self).to(dtype)
    }
    fn of(scalar: Scalar) -> Option<Self> {
        if let Scalar::Bool(x) = scalar { Some(x) } else { None }
    }
}

fn check_to<T: Number, U: Number>(values: &[T], from: DType, to: DType, lanes: u8) {
    for found in map::<T, U>((from, to, lanes), &[values], |_, v| Expr::Convert(v[0])) {
        for (&x, &y) in values.iter().zip(&found) {
            let expected = U::of(x.to(to)).unwrap();
            assert!(y.same(expected), "{x:?} from {from} to {to}, {lanes} lanes: {y:?}, not {expected:?}");
        }
    }
}

fn check<T: Number>(values: &[T], from: DType, to: DType, lanes: u8) {
    match to {
        DType::F32 => check_to::<T, f32>(values, from, to, lanes),
        DType::F64 => check_to::<T, f64>(values, from, to, lanes),
        DType::I32 => check_to::<T, i32>(values, from, to, lanes),
        DType::I64 => check_to::<T, i64>(values, from, to, lanes),
        DType::U8 => check_to::<T, u8>(values, from, to, lanes),
        DType::Bool => check_to::<T, bool>(values, from, to, lanes),
    }
}

fn check_all<T: Number>(values: &[T], from: DType) {
    for to in DType::ALL {
        check(values, from, to, 1);
    }
    for &lanes in lanes_of(from).iter().filter(|&&lanes| lanes > 1) {
        for to in DType::ALL.into_iter().filter(|&to| lanes_of(to).contains(&lanes)) {
            check(values, from, to, lanes);
        }
    }
}

#[test]
fn every_pair_of_types_converts() {
    check_all(&FLOATS, DType::F64);
    check_all(&FLOATS.map(|x| x as f32), DType::F32);
    check_all(&[0, 1, -1, 255, 256, -256, i32::MIN, i32::MAX, 16_777_217, 7, -300, 128], DType::I32);
    check_all(
        &[0, 1, -1, 255, 256, -256, i64::MIN, i64::MAX, (1 << 53) + 1, 1 << 32, (1 << 62) + (1 << 38) + 1, 128],
        DType::I64,
    );
    let bytes: Vec<u8> = (0..=255).collect();
    check_all(&bytes, DType::U8);
    check_all(&[true, false, false, true], DType::Bool);
}

#[test]
fn conversions_between_vectors_of_different_width_are_refused() {
    for (from, to) in [(vector(DType::F32, 4), vector(DType::F64, 2)), (vector(DType::Bool, 4), vector(DType::I64, 2))]
    {
        let mut kit = Kit::new();
        let x = kit.set(from, Expr::Const(Scalar::from_f64(from.dtype, 1.0)));
        kit.set(to, Expr::Convert(x));
        assert!(kit.error().contains("expected equal lanes"), "{}", kit.error());
    }
    let mut kit = Kit::new();
    kit.set(VarType { dtype: DType::U8, lanes: 4 }, Expr::Const(Scalar::U8(1)));
    assert!(kit.error().contains("is of type u8x4, expected a scalar"), "{}", kit.error());
}
