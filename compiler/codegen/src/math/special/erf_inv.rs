//! The inverse error function: a rational function in the middle, and two of `sqrt(-log(1 - |x|))` near -1 and 1. They are
//! of what is left of the function after `7/8 x` and the square root, so that their rounding counts for little.

use super::poly;

/// `erf_inv(x) / x - 0.875` in `x^2 - 0.5625` for `x^2` up to 0.5625: numerator.
const CENTRAL_TOP: [f64; 8] = [
    0.0005118714396815042,
    -0.12293389521893726,
    1.0577128599649965,
    -2.503414646940761,
    1.7667441372190338,
    0.3962799521670553,
    -0.8108360735227599,
    0.20955979679682468,
];
/// Its denominator.
const CENTRAL_BOTTOM: [f64; 7] = [
    0.19336588186820738,
    -2.616050280817021,
    10.786808178005323,
    -19.122091730537512,
    16.281267919342294,
    -6.553973631717183,
    1.0,
];
/// `erf_inv(1 - e^(-t^2)) - t` in `t - 1.17` for `t` in [1.17, 3]: numerator.
const TAIL_TOP: [f64; 8] = [
    -6.133417018493285e-07,
    -0.00034390874707100003,
    -0.011110552045590518,
    -0.10976047424078741,
    -0.4537556444577122,
    -0.911501244115986,
    -0.9121779254015211,
    -0.3640685323987051,
];
/// Its denominator.
const TAIL_BOTTOM: [f64; 8] = [
    0.0001292303836491113,
    0.006139709154196936,
    0.08623205289838673,
    0.5235497667724804,
    1.6222006451103834,
    2.7715617474330694,
    2.5331007065151505,
    1.0,
];
/// The same in `t - 3` for `t` in [3, 6.1]: numerator.
const FAR_TOP: [f64; 8] = [
    -4.518769987468962e-09,
    -5.50682814389568e-06,
    -0.0003531108615865434,
    -0.0069062849062792265,
    -0.05725666759067395,
    -0.22563768799912082,
    -0.41599322682266776,
    -0.2852390020607151,
];
/// Its denominator.
const FAR_BOTTOM: [f64; 8] = [
    1.8437411536080046e-06,
    0.0001677922145291198,
    0.004517439598552905,
    0.053164600440092774,
    0.31774161785721566,
    1.0068728212823659,
    1.6047800082569432,
    1.0,
];

/// The `y` with `erf(y) = x`: -inf and +inf at -1 and 1, NaN outside of [-1, 1]; zeros keep their sign.
#[must_use]
pub fn erf_inv(x: f64) -> f64 {
    let square = x * x;
    if square <= 0.5625 {
        let u = square - 0.5625;
        return x * 0.875 + x * (poly(u, &CENTRAL_TOP) / poly(u, &CENTRAL_BOTTOM));
    }
    // Exact, since |x| is above 1/2. The logarithm is NaN outside, and infinite at the ends.
    let t = (-libm::log(1.0 - x.abs())).sqrt();
    let y = if t < 3.0 {
        let u = t - 1.17;
        t + poly(u, &TAIL_TOP) / poly(u, &TAIL_BOTTOM)
    } else if t < f64::INFINITY {
        let u = t - 3.0;
        t + poly(u, &FAR_TOP) / poly(u, &FAR_BOTTOM)
    } else {
        // Infinity, or NaN.
        t
    };
    y.copysign(x)
}
