//! The error function and its complement in double precision.
//!
//! Below 1/2, erf(x) = x + x e(x^2). Above, with a = |x|,
//! erfc(a) = e^(-a^2) h(t) / (1 + 2a), t = (a - 3)/(a + 3), where h stays between 1 and 1.13
//! (M. Shepherd and J. Laframboise, "Chebyshev approximation of (1 + 2x) exp(x^2) erfc x", 1981;
//! the polynomial is a relative minimax one, from
//! `coefficients_erfc.py`).

use cranelift_codegen::ir::Value;

use super::super::builder::MathBuilder;
use super::dd::{Dd, fast_two_sum, product, quotient, two_prod, two_sum};
use super::exp::{mantissa, parts, power_of_two, scale};

/// erf(x)/x - 1 in z = x^2, |x| <= 1/2; erf with relative error 2^-56.2.
const SMALL: [f64; 10] = [
    -1.908510701894888e-07,
    1.6901421914536801e-06,
    -1.494951682982975e-05,
    0.00012056011324849027,
    -0.000854833829714583,
    0.005223977737820147,
    -0.02686617065168442,
    0.11283791670975778,
    -0.3761263890318405,
    0.1283791670955126,
];
/// (1 + 2a) e^(a^2) erfc(a) in t, for a in [1/2, 27.3], but for the constant term; the whole has
/// relative error 2^-57.3.
const H: [f64; 22] = [
    -4.031552443360524e-09,
    -1.103009601139636e-08,
    3.348994384100008e-08,
    9.979246799933047e-08,
    -1.3352980649766573e-07,
    -6.158370513025302e-07,
    3.5222916873501265e-07,
    3.4724138381737222e-06,
    -7.29893838773094e-07,
    -2.010070114226052e-05,
    4.949137867898937e-06,
    0.00012509941153453162,
    -0.00010515975612208853,
    -0.0007798322851256255,
    0.001888690356182521,
    0.002529391817670331,
    -0.02377051491853628,
    0.06830802734387224,
    -0.11927366341531136,
    0.12964515870276383,
    -0.047562294353450704,
    -0.1356211061245812,
];
/// The constant term of `H` in two parts.
const H0: f64 = 1.2530080582697296;
const H0_LOW: f64 = 4.423932455140903e-17;
/// e^(a^2) erfc(a) in t, for a in [0, 10.1]; relative error 2^-30.7, for single-precision results.
const ERFCX_FOR_SINGLE: [f64; 12] = [
    5.07182233733642e-06,
    6.669424691661073e-05,
    3.104460471175869e-05,
    -0.0006025910075184069,
    0.0007122769858728,
    0.004271084096708648,
    -0.024393214413636132,
    0.07166558497318183,
    -0.1501158825398611,
    0.2456038122599004,
    -0.32623356134379605,
    0.1790011511215666,
];
/// (e^r - 1 - r) / r^2 on |r| <= ln(2)/2; e^r with relative error 2^-34.2.
const Q_FOR_SINGLE: [f64; 6] = [
    0.0001979024374118937,
    0.0013944758541004666,
    0.008333497674083899,
    0.04166629363508018,
    0.16666665864593697,
    0.5000000068037149,
];

/// x e(x^2), which is erf(x) - x for |x| <= 1/2.
fn small_rest(m: &mut MathBuilder<'_, '_>, x: Value) -> Value {
    let z = m.mul(x, x);
    let e = m.poly(z, &SMALL);
    m.mul(e, x)
}

/// erfc(a) for a in [1/2, 28].
fn complement(m: &mut MathBuilder<'_, '_>, a: Value) -> Value {
    let ty = m.ty(a);
    let below = m.add_c(a, -3.0);
    let above = m.add_c(a, 3.0);
    let t = m.div(below, above);
    let rest = m.poly(t, &H);
    let rest = m.mul(rest, t);
    let constant = m.fconst(ty, H0);
    let h = fast_two_sum(m, constant, rest);
    let h = Dd { high: h.high, low: m.add_c(h.low, H0_LOW) };

    let one = m.fconst(ty, 1.0);
    let twice = m.add(a, a);
    let denominator = two_sum(m, twice, one);
    let ratio = quotient(m, h, denominator);

    let negated = m.neg(a);
    let square = two_prod(m, a, negated);
    let parts = parts(m, square.high, Some(square.low));
    let e = mantissa(m, &parts);
    let y = product(m, e, ratio);
    scale(m, y.high, parts.power)
}

fn magnitude_at_least_half(m: &mut MathBuilder<'_, '_>, magnitude: Value) -> Value {
    let a = m.at_most(magnitude, 28.0);
    m.at_least(a, 0.5)
}

/// erf(x).
pub(super) fn erf(m: &mut MathBuilder<'_, '_>, x: Value) -> Value {
    let sign = m.sign_of(x);
    let magnitude = m.fxor(x, sign);
    let rest = small_rest(m, x);
    let small = m.add(x, rest);
    let a = magnitude_at_least_half(m, magnitude);
    let c = complement(m, a);
    let large = m.rsub_c(1.0, c);
    let large = m.for_bits(large, sign);
    let is_small = m.lt_c(magnitude, 0.5);
    m.select(is_small, small, large)
}

/// erfc(x): 1 - erf(x) for |x| < 1/2, the complement itself above, 2 less it below.
pub(super) fn erfc(m: &mut MathBuilder<'_, '_>, x: Value) -> Value {
    let magnitude = m.abs(x);
    let rest = small_rest(m, x);
    let one = m.fconst(m.ty(x), 1.0);
    let negated = m.neg(x);
    let Dd { high, low } = fast_two_sum(m, one, negated);
    let small = m.sub(low, rest);
    let small = m.add(high, small);
    let a = magnitude_at_least_half(m, magnitude);
    let c = complement(m, a);
    let from_two = m.rsub_c(2.0, c);
    let negative = m.lt_c(x, 0.0);
    let large = m.select(negative, from_two, c);
    let is_small = m.lt_c(magnitude, 0.5);
    m.select(is_small, small, large)
}

/// erfc(x) for x and results of single precision: one shorter polynomial for all arguments.
pub(super) fn erfc_to_single(m: &mut MathBuilder<'_, '_>, x: Value) -> Value {
    let magnitude = m.abs(x);
    let a = m.at_most(magnitude, 10.1);
    let below = m.add_c(a, -3.0);
    let above = m.add_c(a, 3.0);
    let t = m.div(below, above);
    let g = m.poly(t, &ERFCX_FOR_SINGLE);

    // The square is exact, and 2^n far from the ends of the range.
    let rounder = m.fconst(m.ty(x), super::exp::ROUNDER);
    let square = m.mul(a, a);
    let shifted = m.fma_c(square, -std::f64::consts::LOG2_E, rounder);
    let n = m.sub(shifted, rounder);
    let r = m.fma_c(n, std::f64::consts::LN_2, square);
    // The square is -(n ln(2) + r'), so r is -r'.
    let r = m.neg(r);
    let q = m.poly(r, &Q_FOR_SINGLE);
    let e = m.fma_add_c(q, r, 1.0);
    let e = m.fma_add_c(e, r, 1.0);
    let n_bits = m.to_bits(shifted);
    let power = power_of_two(m, n_bits, 0);
    let y = m.mul(e, g);
    let y = m.mul(y, power);

    let from_two = m.rsub_c(2.0, y);
    let negative = m.lt_c(x, 0.0);
    m.select(negative, from_two, y)
}
