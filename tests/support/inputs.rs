//! Arrays of random elements.

use pullback_interp::{Array, Elements, Scalar, Type};
use pullback_ir::DType;

use super::rng::Rng;

/// What kind of elements to draw.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mood {
    /// Floats from -2 to 2, integers from -5 to 5 (`u8`: 0 to 5).
    Tame,
    /// Floats of any sign from 1e-8 to 1e8; integers of any size.
    Wide,
    /// As `Wide`, but every third element is special: zeros, ones, infinities, NaN, the ends of the range.
    Special,
}

/// Values at which floats behave unlike their neighbours.
pub const SPECIAL_FLOATS: [f64; 14] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -0.5,
    2.5,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    f64::MAX,
    f64::MIN_POSITIVE,
    1e-310,
    1e-42,
];

/// Values at which integers behave unlike their neighbours; drawn modulo 2^n.
pub const SPECIAL_INTEGERS: [i64; 9] = [0, 1, -1, 2, i64::MIN, i64::MAX, i32::MIN as i64, i32::MAX as i64, 255];

/// A random element.
pub fn scalar(rng: &mut Rng, dtype: DType, mood: Mood) -> Scalar {
    let special = mood == Mood::Special && rng.chance(1.0 / 3.0);
    match dtype {
        DType::F32 | DType::F64 => {
            let x = match mood {
                _ if special => rng.pick(&SPECIAL_FLOATS),
                Mood::Tame => rng.between(-2.0, 2.0),
                Mood::Wide | Mood::Special => 10f64.powf(rng.between(-8.0, 8.0)) * rng.pick(&[-1.0, 1.0]),
            };
            Scalar::from_f64(dtype, x)
        }
        DType::I32 | DType::I64 | DType::U8 => {
            let x = match mood {
                _ if special => rng.pick(&SPECIAL_INTEGERS),
                Mood::Tame if dtype == DType::U8 => rng.below(6) as i64,
                Mood::Tame => rng.below(11) as i64 - 5,
                Mood::Wide | Mood::Special => (rng.bits() as i64) >> rng.below(64),
            };
            pullback_interp::scalar::convert(Scalar::I64(x), dtype)
        }
        DType::Bool => Scalar::Bool(rng.chance(0.5)),
    }
}

/// An array of random elements.
pub fn array(rng: &mut Rng, ty: &Type, mood: Mood) -> Array {
    let scalars: Vec<Scalar> = (0..ty.elements()).map(|_| scalar(rng, ty.dtype, mood)).collect();
    from_scalars(ty, &scalars)
}

/// An array of floats between two bounds, rounded to the element type.
pub fn uniform(rng: &mut Rng, ty: &Type, low: f64, high: f64) -> Array {
    let values: Vec<f64> = (0..ty.elements()).map(|_| rng.between(low, high)).collect();
    from_f64(ty, &values)
}

/// An array of these numbers, rounded to the element type.
pub fn from_f64(ty: &Type, values: &[f64]) -> Array {
    let scalars: Vec<Scalar> = values.iter().map(|&x| Scalar::from_f64(ty.dtype, x)).collect();
    from_scalars(ty, &scalars)
}

/// An array of these elements.
pub fn from_scalars(ty: &Type, scalars: &[Scalar]) -> Array {
    let elements = Elements::from_scalars(ty.dtype, scalars).expect("scalars of the array's element type");
    Array::new(ty.shape.clone(), elements).expect("as many scalars as the shape has")
}
