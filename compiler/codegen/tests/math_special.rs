//! The special cases of C99's Annex F (of the special functions, those of the interpreter's module), and that all ways of compiling a function agree.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod math_support;

use math_support::{Element, Function, Isa, Kernel, Variant};
use pullback_codegen::math::{MathBinary, MathUnary};

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;
const PI: f64 = std::f64::consts::PI;

const VARIANTS: [Variant; 4] = [
    Variant::cranelift(true, true),
    Variant::cranelift(false, true),
    Variant::cranelift(true, false),
    Variant::cranelift(false, false),
];

/// Arguments and results of each function of one argument; every function takes NaN to NaN.
fn unary_cases(function: MathUnary) -> Vec<(f64, f64)> {
    match function {
        MathUnary::Exp => vec![(0.0, 1.0), (-0.0, 1.0), (-INF, 0.0), (INF, INF), (1e4, INF), (-1e4, 0.0)],
        MathUnary::Exp2 => {
            vec![(0.0, 1.0), (-0.0, 1.0), (-INF, 0.0), (INF, INF), (3.0, 8.0), (-1.0, 0.5), (1e4, INF), (-1e4, 0.0)]
        }
        MathUnary::Expm1 => vec![(0.0, 0.0), (-0.0, -0.0), (-INF, -1.0), (INF, INF), (1e4, INF), (-1e4, -1.0)],
        MathUnary::Log => vec![(0.0, -INF), (-0.0, -INF), (1.0, 0.0), (-1.0, NAN), (-INF, NAN), (INF, INF)],
        MathUnary::Log2 => {
            vec![(0.0, -INF), (-0.0, -INF), (1.0, 0.0), (-1.0, NAN), (-INF, NAN), (INF, INF), (8.0, 3.0), (0.25, -2.0)]
        }
        MathUnary::Log1p => vec![(0.0, 0.0), (-0.0, -0.0), (-1.0, -INF), (-2.0, NAN), (-INF, NAN), (INF, INF)],
        MathUnary::Sqrt => vec![(0.0, 0.0), (-0.0, -0.0), (-1.0, NAN), (INF, INF), (4.0, 2.0), (-INF, NAN)],
        MathUnary::Rsqrt => vec![(0.0, INF), (-0.0, -INF), (-1.0, NAN), (INF, 0.0), (4.0, 0.5)],
        MathUnary::Cbrt => vec![(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -INF), (27.0, 3.0), (-8.0, -2.0)],
        MathUnary::Sin => vec![(0.0, 0.0), (-0.0, -0.0), (INF, NAN), (-INF, NAN)],
        MathUnary::Cos => vec![(0.0, 1.0), (-0.0, 1.0), (INF, NAN), (-INF, NAN)],
        MathUnary::Tan => vec![(0.0, 0.0), (-0.0, -0.0), (INF, NAN), (-INF, NAN)],
        MathUnary::Asin => vec![(0.0, 0.0), (-0.0, -0.0), (1.0, PI / 2.0), (-1.0, -PI / 2.0), (1.5, NAN), (-INF, NAN)],
        MathUnary::Acos => vec![(1.0, 0.0), (-1.0, PI), (0.0, PI / 2.0), (1.5, NAN), (-1.5, NAN), (INF, NAN)],
        MathUnary::Atan => vec![(0.0, 0.0), (-0.0, -0.0), (INF, PI / 2.0), (-INF, -PI / 2.0), (1.0, PI / 4.0)],
        MathUnary::Sinh => vec![(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -INF), (1e4, INF), (-1e4, -INF)],
        MathUnary::Cosh => vec![(0.0, 1.0), (-0.0, 1.0), (INF, INF), (-INF, INF), (1e4, INF)],
        MathUnary::Tanh => vec![(0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (50.0, 1.0)],
        MathUnary::Logistic => vec![(0.0, 0.5), (-0.0, 0.5), (INF, 1.0), (-INF, 0.0), (-1e4, 0.0), (50.0, 1.0)],
        MathUnary::Erf => vec![(0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (10.0, 1.0)],
        MathUnary::Erfc => vec![(0.0, 1.0), (-0.0, 1.0), (INF, 0.0), (-INF, 2.0), (40.0, 0.0), (-40.0, 2.0)],
        MathUnary::ErfInv => {
            vec![(0.0, 0.0), (-0.0, -0.0), (1.0, INF), (-1.0, -INF), (1.5, NAN), (-1.5, NAN), (INF, NAN), (-INF, NAN)]
        }
        MathUnary::Lgamma => {
            vec![(1.0, 0.0), (2.0, 0.0), (0.0, INF), (-0.0, INF), (-1.0, INF), (-20.0, INF), (INF, INF), (-INF, INF)]
        }
        MathUnary::Digamma => {
            vec![(0.0, NAN), (-0.0, NAN), (-1.0, NAN), (-20.0, NAN), (-1e300, NAN), (INF, INF), (-INF, NAN)]
        }
        MathUnary::BesselI0e => vec![(0.0, 1.0), (-0.0, 1.0), (INF, 0.0), (-INF, 0.0)],
        MathUnary::BesselI1e => vec![(0.0, 0.0), (-0.0, -0.0), (INF, 0.0), (-INF, -0.0)],
        MathUnary::Sign => vec![(0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (-3.0, -1.0), (0.5, 1.0)],
        MathUnary::Floor => vec![(-0.5, -1.0), (0.5, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -INF), (2.0, 2.0)],
        MathUnary::Ceil => vec![(-0.5, -0.0), (0.5, 1.0), (-0.0, -0.0), (INF, INF), (-INF, -INF), (2.0, 2.0)],
        MathUnary::RoundHalfEven => {
            vec![(0.5, 0.0), (-0.5, -0.0), (1.5, 2.0), (2.5, 2.0), (-1.5, -2.0), (-0.0, -0.0), (INF, INF), (-INF, -INF)]
        }
    }
}

/// Arguments and results of each function of two arguments.
fn binary_cases(function: MathBinary) -> Vec<(f64, f64, f64)> {
    match function {
        MathBinary::Pow => pow_cases(),
        MathBinary::Atan2 => vec![
            (0.0, 1.0, 0.0),
            (-0.0, 1.0, -0.0),
            (0.0, -1.0, PI),
            (-0.0, -1.0, -PI),
            (0.0, 0.0, 0.0),
            (-0.0, 0.0, -0.0),
            (0.0, -0.0, PI),
            (-0.0, -0.0, -PI),
            (1.0, 0.0, PI / 2.0),
            (-1.0, 0.0, -PI / 2.0),
            (1.0, -0.0, PI / 2.0),
            (1.0, INF, 0.0),
            (-1.0, INF, -0.0),
            (1.0, -INF, PI),
            (INF, 1.0, PI / 2.0),
            (-INF, 1.0, -PI / 2.0),
            (INF, INF, PI / 4.0),
            (INF, -INF, 3.0 * PI / 4.0),
            (-INF, -INF, -3.0 * PI / 4.0),
            (NAN, 1.0, NAN),
            (1.0, NAN, NAN),
            (NAN, INF, NAN),
            (1.0, 1.0, PI / 4.0),
            (1.0, -1.0, 3.0 * PI / 4.0),
        ],
        MathBinary::Rem => vec![
            (0.0, 3.0, 0.0),
            (-0.0, 3.0, -0.0),
            (5.0, 3.0, 2.0),
            (-5.0, 3.0, -2.0),
            (5.0, -3.0, 2.0),
            (6.0, 3.0, 0.0),
            (-6.0, 3.0, -0.0),
            (1.0, 0.0, NAN),
            (INF, 3.0, NAN),
            (3.0, INF, 3.0),
            (-3.0, -INF, -3.0),
            (NAN, 1.0, NAN),
            (1.0, NAN, NAN),
            (0.0, 0.0, NAN),
            (2f64.powi(100), 3.0, 1.0),
        ],
        MathBinary::Polygamma => vec![
            (0.0, -3.0, NAN),
            (0.0, INF, INF),
            (1.0, 0.0, INF),
            (1.0, -0.0, INF),
            (1.0, -5.0, INF),
            (2.0, 0.0, NAN),
            (2.0, -5.0, NAN),
            (1.0, INF, 0.0),
            (2.0, INF, -0.0),
            (1.0, -INF, NAN),
            (2.0, -INF, NAN),
            (-1.0, 2.0, NAN),
            (1.5, 2.0, NAN),
            (171.0, 2.0, NAN),
            (INF, 2.0, NAN),
            (NAN, 2.0, NAN),
            (1.0, NAN, NAN),
            (0.0, NAN, NAN),
        ],
        MathBinary::Min => vec![
            (1.0, 2.0, 1.0),
            (2.0, 1.0, 1.0),
            (0.0, -0.0, -0.0),
            (-0.0, 0.0, -0.0),
            (0.0, 0.0, 0.0),
            (NAN, 1.0, NAN),
            (1.0, NAN, NAN),
            (-INF, 1.0, -INF),
            (INF, 1.0, 1.0),
            (NAN, -INF, NAN),
            (-3.0, -3.0, -3.0),
        ],
        MathBinary::Max => vec![
            (1.0, 2.0, 2.0),
            (2.0, 1.0, 2.0),
            (0.0, -0.0, 0.0),
            (-0.0, 0.0, 0.0),
            (-0.0, -0.0, -0.0),
            (NAN, 1.0, NAN),
            (1.0, NAN, NAN),
            (-INF, 1.0, 1.0),
            (INF, 1.0, INF),
            (NAN, INF, NAN),
            (-3.0, -3.0, -3.0),
        ],
    }
}

fn pow_cases() -> Vec<(f64, f64, f64)> {
    vec![
        (0.0, -3.0, INF),
        (-0.0, -3.0, -INF),
        (0.0, -2.0, INF),
        (-0.0, -2.0, INF),
        (-0.0, -2.5, INF),
        (0.0, -INF, INF),
        (-0.0, -INF, INF),
        (0.0, 3.0, 0.0),
        (-0.0, 3.0, -0.0),
        (-0.0, 2.0, 0.0),
        (-0.0, 2.5, 0.0),
        (-1.0, INF, 1.0),
        (-1.0, -INF, 1.0),
        (1.0, NAN, 1.0),
        (1.0, INF, 1.0),
        (NAN, 0.0, 1.0),
        (NAN, -0.0, 1.0),
        (-2.0, 0.5, NAN),
        (-8.0, 1.0 / 3.0, NAN),
        (0.5, -INF, INF),
        (2.0, -INF, 0.0),
        (0.5, INF, 0.0),
        (2.0, INF, INF),
        (-0.5, INF, 0.0),
        (-2.0, INF, INF),
        (-INF, -3.0, -0.0),
        (-INF, -2.0, 0.0),
        (-INF, 3.0, -INF),
        (-INF, 2.0, INF),
        (-INF, 2.5, INF),
        (-INF, -2.5, 0.0),
        (INF, -1.0, 0.0),
        (INF, 0.5, INF),
        (INF, INF, INF),
        (INF, -INF, 0.0),
        (NAN, 1.0, NAN),
        (2.0, NAN, NAN),
        (0.0, NAN, NAN),
        (-2.0, 3.0, -8.0),
        (-2.0, 2.0, 4.0),
        (2.0, 0.0, 1.0),
        (INF, 0.0, 1.0),
        (3.0, 4.0, 81.0),
        (2.0, 1e9, INF),
        (-2.0, 1e5 + 1.0, -INF),
        (2.0, -1e9, 0.0),
        (2.0, -1.0, 0.5),
        (10.0, 2.0, 100.0),
        (1e-30, 0.0, 1.0),
    ]
}

trait FromDouble: Element + PartialEq {
    fn from_double(x: f64) -> Self;
    fn to_double(self) -> f64;
}

impl FromDouble for f32 {
    fn from_double(x: f64) -> Self {
        x as f32
    }
    fn to_double(self) -> f64 {
        f64::from(self)
    }
}

impl FromDouble for f64 {
    fn from_double(x: f64) -> Self {
        x
    }
    fn to_double(self) -> f64 {
        self
    }
}

fn same<T: FromDouble>(a: T, b: T) -> bool {
    let (x, y) = (a.to_double(), b.to_double());
    (x.is_nan() && y.is_nan()) || a.bits() == b.bits()
}

fn check<T: FromDouble>(function: Function, cases: &[(f64, f64, f64)]) -> Vec<String> {
    let column = |f: fn(&(f64, f64, f64)) -> f64| -> Vec<T> { cases.iter().map(|c| T::from_double(f(c))).collect() };
    let (x, y, want) = (column(|c| c.0), column(|c| c.1), column(|c| c.2));
    let mut failures = Vec::new();
    for variant in VARIANTS.into_iter().chain(Variant::programs()) {
        let got = Kernel::<T>::new(function, variant).map(&x, &y);
        for i in 0..x.len() {
            if !same(got[i], want[i]) {
                failures.push(format!(
                    "{function:?} ({:?}, {:?}) gives {:?}, not {:?}, {variant:?}",
                    x[i], y[i], got[i], want[i]
                ));
            }
        }
    }
    failures
}

#[test]
fn unary_special_cases_are_those_of_c99() {
    let mut failures = Vec::new();
    for &f in MathUnary::ALL {
        let mut cases: Vec<(f64, f64, f64)> = unary_cases(f).into_iter().map(|(x, want)| (x, x, want)).collect();
        cases.push((NAN, NAN, NAN));
        failures.extend(check::<f32>(Function::Unary(f), &cases));
        failures.extend(check::<f64>(Function::Unary(f), &cases));
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn binary_special_cases_are_those_of_c99() {
    let mut failures = Vec::new();
    for &f in MathBinary::ALL {
        let cases = binary_cases(f);
        failures.extend(check::<f64>(Function::Binary(f), &cases));
        failures.extend(check::<f32>(Function::Binary(f), &single_cases(cases)));
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

/// Some doubles of the tables mean another number in single precision.
fn single_cases(cases: Vec<(f64, f64, f64)>) -> Vec<(f64, f64, f64)> {
    cases
        .into_iter()
        .filter(|&(x, y, _)| f64::from(x as f32) == x && f64::from(y as f32) == y || x.is_nan() || y.is_nan())
        .collect()
}

/// Bit patterns that reach every path: specials, ordinary numbers of all sizes, random bits.
fn arguments<T: Element>(from_bits: fn(u64) -> T, from_double: fn(f64) -> T) -> Vec<T> {
    let mut values: Vec<T> = [0.0, -0.0, 1.0, -1.0, INF, -INF, NAN, 0.5, 2.0, 3.0, 1e30, 1e-40, 1e300]
        .into_iter()
        .map(from_double)
        .collect();
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    for i in 0..4000 {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        let random = state ^ (state >> 32);
        let unit = (random >> 11) as f64 / (1u64 << 53) as f64;
        values.push(match i % 3 {
            0 => from_bits(random),
            1 => from_double(20.0 * unit - 10.0),
            _ => from_double(2.0 * unit - 1.0),
        });
    }
    values
}

fn functions() -> Vec<Function> {
    let unary = MathUnary::ALL.iter().map(|&f| Function::Unary(f));
    unary.chain(MathBinary::ALL.iter().map(|&f| Function::Binary(f))).collect()
}

fn assert_same_bits<T: Element>(x: &[T], a: Variant, b: Variant) {
    let y: Vec<T> = x.iter().rev().copied().collect();
    for function in functions() {
        let first = Kernel::<T>::new(function, a).map(x, &y);
        let second = Kernel::<T>::new(function, b).map(x, &y);
        for i in 0..x.len() {
            let nan = |v: T| v.is_nan();
            assert!(
                first[i].bits() == second[i].bits() || (nan(first[i]) && nan(second[i])),
                "{function:?} ({:?}, {:?}): {:?} with {a:?}, {:?} with {b:?}",
                x[i],
                y[i],
                first[i],
                second[i]
            );
        }
    }
}

fn assert_agreement(a: Variant, b: Variant) {
    assert_same_bits::<f32>(&arguments(|b| f32::from_bits(b as u32), |x| x as f32), a, b);
    assert_same_bits::<f64>(&arguments(f64::from_bits, |x| x), a, b);
}

#[test]
fn vectors_and_scalars_give_the_same_bits_with_fma() {
    assert_agreement(VARIANTS[0], VARIANTS[1]);
}

#[test]
fn vectors_and_scalars_give_the_same_bits_without_fma() {
    assert_agreement(VARIANTS[2], VARIANTS[3]);
}

#[test]
fn the_oldest_processors_give_the_same_bits() {
    for vector in [true, false] {
        assert_agreement(VARIANTS[2], Variant::Cranelift { vector, fma: false, isa: Isa::Oldest });
    }
}

#[test]
fn programs_give_the_same_bits_with_vectors_of_every_width() {
    for variant in Variant::programs() {
        assert_agreement(VARIANTS[if variant.fma() { 0 } else { 2 }], variant);
    }
}
