//! `bessel_i0e` and `bessel_i1e`: the power series and the asymptotic series of the modified Bessel functions, scaled.

use super::double_double::{Dd, ONE};

/// `sqrt(2 pi)`.
const ROOT_TAU: Dd = Dd::new(2.5066282746310007, -1.8328579980459167e-16);

/// From here on the asymptotic series is used; its least term is about e^(-2 x).
const LARGE: f64 = 40.0;

/// `e^-|x| I_0(x)`, even: 1 at zeros, +0 at infinities, NaN at NaN.
#[must_use]
pub fn bessel_i0e(x: f64) -> f64 {
    if x.is_nan() { x } else { scaled(0, x.abs()) }
}

/// `e^-|x| I_1(x)`, odd: zeros keep their sign, a zero of the sign of `x` at infinities, NaN at NaN.
#[must_use]
pub fn bessel_i1e(x: f64) -> f64 {
    if x.is_nan() { x } else { scaled(1, x.abs()).copysign(x) }
}

/// The function of order 0 or 1 for `x` that is not negative.
fn scaled(order: u32, x: f64) -> f64 {
    if x.is_infinite() {
        0.0
    } else if x < 2f64.powi(-60) {
        // 1 and x / 2, the first terms.
        if order == 0 { 1.0 } else { x / 2.0 }
    } else if x < LARGE {
        let x = Dd::from(x);
        (power_series(order, x) * (-x).exp()).round()
    } else {
        asymptotic_series(order, x).round()
    }
}

/// `I(x)`: the sum of `(x / 2)^(2k + order) / (k! (k + order)!)` (DLMF 10.25.2), all terms of one sign.
fn power_series(order: u32, x: Dd) -> Dd {
    let quarter = x * x * 0.25;
    let mut term = if order == 0 { ONE } else { x * 0.5 };
    let (mut sum, mut k) = (term, 0.0);
    while term.hi > sum.hi * 2f64.powi(-110) {
        k += 1.0;
        term = term * quarter / (k * (k + f64::from(order)));
        sum = sum + term;
    }
    sum
}

/// `e^-x I(x)` for large `x`: `1 / sqrt(2 pi x)` times the sum of `(-1)^k a_k / x^k` (DLMF 10.40.1 and 10.17.1), where
/// `a_k / a_(k - 1) = (4 order^2 - (2k - 1)^2) / (8 k)`.
fn asymptotic_series(order: u32, x: f64) -> Dd {
    let (mut term, mut sum, mut k) = (ONE, ONE, 0.0);
    while term.hi.abs() > 2f64.powi(-110) && k < LARGE {
        k += 1.0;
        let odd = 2.0 * k - 1.0;
        let factor = odd * odd - f64::from(4 * order);
        term = term * factor / (8.0 * k) / x;
        sum = sum + term;
    }
    sum / (ROOT_TAU * Dd::from(x).sqrt())
}
