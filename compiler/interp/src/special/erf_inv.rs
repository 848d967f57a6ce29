//! `erf_inv`: Newton's method on the series of `erf`.

use super::double_double::Dd;

/// `sqrt(pi) / 2`.
const HALF_ROOT_PI: Dd = Dd::new(0.886226925452758, -3.8332932499128993e-17);

/// The `y` with `erf(y) = x`: -inf and +inf at -1 and 1, NaN outside of [-1, 1] and at NaN; zeros keep their sign.
#[must_use]
pub fn erf_inv(x: f64) -> f64 {
    let magnitude = x.abs();
    if x.is_nan() || magnitude > 1.0 {
        f64::NAN
    } else if magnitude == 1.0 {
        f64::INFINITY.copysign(x)
    } else if x == 0.0 {
        x
    } else if magnitude < 2f64.powi(-30) {
        // The next term, pi x^2 / 12 of the first, is far below half an ulp. Rounded once, unless the result is subnormal.
        x.mul_add(HALF_ROOT_PI.hi, x * HALF_ROOT_PI.lo)
    } else {
        positive(magnitude).copysign(x)
    }
}

/// `erf_inv` for `x` between 0 and 1, neither included.
fn positive(x: f64) -> f64 {
    // A first guess within 0.2 percent (Winitzki 2008), refined in doubles by Halley's method: f = erf(y) - x, and
    // f'' / f' = -2 y. Near 1 the difference is taken of the complements, which are exact.
    let log = libm::log1p(-x * x);
    let half = 2.0 / (std::f64::consts::PI * 0.147) + log / 2.0;
    let mut y = ((half * half - log / 0.147).sqrt() - half).sqrt();
    for _ in 0..3 {
        let f = if x < 0.5 { libm::erf(y) - x } else { (1.0 - x) - libm::erfc(y) };
        let newton = f * HALF_ROOT_PI.hi * libm::exp(y * y);
        y -= newton / (1.0 + y * newton);
    }
    // One step of Newton's method with the series, whose error near 1 is magnified by no more than 2^50.
    let y = Dd::from(y);
    let difference = erf(y) - Dd::from(x);
    (y - difference * HALF_ROOT_PI * (y * y).exp()).round()
}

/// `2 / sqrt(pi) e^(-y^2)` times the sum of `2^k y^(2k + 1) / (1 * 3 * ... * (2k + 1))` (DLMF 7.6.2), all of one sign.
fn erf(y: Dd) -> Dd {
    let square = y * y;
    let (mut term, mut sum) = (y, y);
    let mut odd = 1.0;
    // The terms grow up to 2 y^2 = odd, and shrink geometrically later.
    while term.hi > sum.hi * 2f64.powi(-110) {
        odd += 2.0;
        term = term * square * 2.0 / odd;
        sum = sum + term;
    }
    sum / (HALF_ROOT_PI * square.exp())
}
