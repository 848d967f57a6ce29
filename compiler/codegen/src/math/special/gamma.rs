//! `digamma` and `polygamma`.

use std::f64::consts::PI;

use super::poly;

/// The positive root of `digamma` less 1, in two doubles.
const ROOT: (f64, f64) = (0.46163214496836236, -1.5522348162858677e-17);
/// `digamma(1 + t) / (t - root)` for `t` in [0, 1]: numerator.
const UNIT_TOP: [f64; 7] = [
    1.0894678528383955e-06,
    0.0005811135063985677,
    0.01996408274151926,
    0.21631407251432455,
    0.9711327526262392,
    1.8675925104074453,
    1.2503801375034054,
];
/// Its denominator.
const UNIT_BOTTOM: [f64; 7] = [
    0.00012043151172286901,
    0.006100975692434821,
    0.09111902253303285,
    0.5710455727133128,
    1.6630736963665909,
    2.1771665986671342,
    1.0,
];
/// `(log x - 1/(2x) - digamma(x)) x^2` in `1/x^2 - 0.0625` for `x` in [2, 4]: numerator.
const SMALL_TOP: [f64; 6] = [
    0.02159779551348384,
    0.5234217841902447,
    1.792337875194371,
    1.8715274041035455,
    0.7037351553199107,
    0.08282708300944233,
];
/// Its denominator.
const SMALL_BOTTOM: [f64; 6] =
    [0.554855025563586, 7.869793796083804, 23.552327051068485, 23.372821002004233, 8.591575608026766, 1.0];
/// The same in `1/x^2` for `x` from 4 on: numerator.
const LARGE_TOP: [f64; 6] = [
    0.6215069068459356,
    8.580842318138771,
    16.015044310781263,
    8.603469700044084,
    1.5631450476781834,
    0.08333333333333333,
];
/// Its denominator.
const LARGE_BOTTOM: [f64; 6] =
    [13.539620421768145, 119.0023385538034, 201.84052322362732, 105.07979141012552, 18.857740572138198, 1.0];

/// The derivative of `lgamma`: NaN at 0, -1, -2, ... and at -inf.
#[must_use]
pub fn digamma(x: f64) -> f64 {
    if x > 0.0 {
        return digamma_positive(x);
    }
    // NaN at infinity and at integers.
    let from_pole = x - libm::rint(x);
    if from_pole == 0.0 || from_pole.is_nan() {
        f64::NAN
    } else if x > -1e-20 {
        -1.0 / x
    } else {
        let reflected = if x > -1.0 { digamma_unit(-x) } else { digamma_positive(1.0 - x) };
        // The tangent of the angle that is exact to more digits.
        let cot = if from_pole.abs() < 0.25 {
            1.0 / libm::tan(PI * from_pole)
        } else {
            libm::tan(PI * (0.5 - from_pole.abs())).copysign(from_pole)
        };
        reflected - PI * cot
    }
}

fn digamma_positive(x: f64) -> f64 {
    if x < 1.0 {
        digamma_unit(x) - 1.0 / x
    } else if x < 2.0 {
        digamma_unit(x - 1.0)
    } else {
        let inverse = 1.0 / x;
        let z = inverse * inverse;
        let rest = if x < 4.0 {
            let u = z - 0.0625;
            poly(u, &SMALL_TOP) / poly(u, &SMALL_BOTTOM)
        } else {
            poly(z, &LARGE_TOP) / poly(z, &LARGE_BOTTOM)
        };
        libm::log(x) - (0.5 * inverse + z * rest)
    }
}

/// `digamma(1 + t)` for `t` in [0, 1].
fn digamma_unit(t: f64) -> f64 {
    ((t - ROOT.0) - ROOT.1) * (poly(t, &UNIT_TOP) / poly(t, &UNIT_BOTTOM))
}

/// The Bernoulli numbers `B_18`, ..., `B_4`, `B_2`.
const BERNOULLI: [f64; 9] = [
    43867.0 / 798.0,
    -3617.0 / 510.0,
    7.0 / 6.0,
    -691.0 / 2730.0,
    5.0 / 66.0,
    -1.0 / 30.0,
    1.0 / 42.0,
    -1.0 / 30.0,
    1.0 / 6.0,
];

/// The largest order: the factorial of the next one is not a double.
const MAX_ORDER: f64 = 170.0;

/// The derivative of order `n` of `digamma` at `x`: NaN unless `n` is one of 0, 1, ..., 170; at 0, -1, -2, ... +inf for odd
/// `n` and NaN for even; a zero of the last sign at +inf, NaN at -inf.
#[must_use]
pub fn polygamma(n: f64, x: f64) -> f64 {
    if n == 0.0 {
        return digamma(x);
    } else if !(1.0..=MAX_ORDER).contains(&n) || libm::floor(n) != n || x.is_nan() || x == f64::NEG_INFINITY {
        return f64::NAN;
    }
    let order = n as u32;
    let odd = order % 2 == 1;
    let value = if x == f64::INFINITY {
        0.0
    } else if x > 0.0 {
        times_factorial(order, x, zeta(order + 1, x, x))
    } else {
        let m = -libm::floor(x);
        if -m == x {
            return if odd { f64::INFINITY } else { f64::NAN };
        }
        // The terms (x + k)^-s with x + k < 0 are those of zeta(s, 1 - f) up to that of -x, where f = x + m.
        let (f, rest) = (x + m, -(x + (m - 1.0)));
        let base = f.min(rest);
        let (positive, negative) = (zeta(order + 1, f, base), zeta(order + 1, rest, base));
        let beyond = zeta(order + 1, 1.0 - x, base);
        // In this order the first difference is exactly 0 in the middle between poles, and what is left the third sum.
        times_factorial(order, base, if odd { positive + (negative - beyond) } else { (positive - negative) + beyond })
    };
    if odd { value } else { -value }
}

/// `base^s` times the sum of `(a + k)^-s` over k = 0, 1, ..., by Euler's and Maclaurin's formula.
fn zeta(s: u32, mut a: f64, base: f64) -> f64 {
    let order = f64::from(s);
    // The first term, 1 if base is a, would swallow the digits of the others: sums with what rounding takes from them.
    let (mut sum, mut lost) = (0.0, 0.0);
    while a < 10.0 + 1.5 * order {
        let term = powi(base / a, s);
        (sum, lost) = add(sum, lost, term);
        a += 1.0;
        // The terms fall faster than those of a geometric series of this ratio.
        if term < 1e-20 * sum && a < order {
            return sum + lost;
        }
    }
    let inverse = 1.0 / a;
    let square = inverse * inverse;
    let mut tail = 0.0;
    let mut k = 2.0 * BERNOULLI.len() as f64;
    for b in BERNOULLI {
        tail = b + tail * square * ((order + k - 1.0) * (order + k)) / ((k + 1.0) * (k + 2.0));
        k -= 2.0;
    }
    let tail = a / (order - 1.0) + (0.5 + tail * inverse * (0.5 * order));
    (sum, lost) = add(sum, lost, powi(base / a, s) * tail);
    sum + lost
}

/// `sum + term`, and `lost` with what rounding took from it, by Knuth's two-sum.
fn add(sum: f64, lost: f64, term: f64) -> (f64, f64) {
    let total = sum + term;
    let other = total - sum;
    (total, lost + ((sum - (total - other)) + (term - other)))
}

fn powi(mut x: f64, mut n: u32) -> f64 {
    let mut power = 1.0;
    while n > 0 {
        if n & 1 == 1 {
            power *= x;
        }
        x *= x;
        n >>= 1;
    }
    power
}

/// `n! / base^(n + 1)` times `factor`, the exponents of two kept apart.
fn times_factorial(n: u32, base: f64, factor: f64) -> f64 {
    let (base, base_exponent) = libm::frexp(base);
    let (factor, factor_exponent) = libm::frexp(factor);
    // Exact up to 22.
    let (factorial, factorial_exponent) = libm::frexp((1..=n).fold(1.0, |product, i| product * f64::from(i)));
    let power = libm::pow(base, f64::from(n + 1));
    let exponent = factorial_exponent + factor_exponent - base_exponent * (n as i32 + 1);
    libm::scalbn(factorial * factor / power, exponent)
}
