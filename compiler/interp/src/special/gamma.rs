//! `lgamma`, `digamma` and `polygamma`: asymptotic series where they converge well, recurrences to get there, reflection
//! for negative arguments. Equation numbers are those of the Digital Library of Mathematical Functions (dlmf.nist.gov).

use super::double_double::{Dd, ONE, PI, ZERO};

/// The Bernoulli numbers B_2, B_4, ..., B_34 as fractions of doubles, both exact (DLMF table 24.2.1).
const BERNOULLI: [(f64, f64); 17] = [
    (1.0, 6.0),
    (-1.0, 30.0),
    (1.0, 42.0),
    (-1.0, 30.0),
    (5.0, 66.0),
    (-691.0, 2730.0),
    (7.0, 6.0),
    (-3617.0, 510.0),
    (43867.0, 798.0),
    (-174611.0, 330.0),
    (854513.0, 138.0),
    (-236364091.0, 2730.0),
    (8553103.0, 6.0),
    (-23749461029.0, 870.0),
    (8615841276005.0, 14322.0),
    (-7709321041217.0, 510.0),
    (2577687858367.0, 6.0),
];

/// From here on 17 terms of the asymptotic series leave less than 2^-114.
const LARGE: f64 = 20.0;

/// 2^120: from here on `polygamma` is the first term of its asymptotic series, since the others are below 2^-112 of it at
/// every order. The sums behind it would overflow on the way at the largest doubles.
const HUGE: f64 = (1u128 << 120) as f64;

/// `ln(2 pi) / 2`.
const HALF_LN_TAU: Dd = Dd::new(0.9189385332046728, -3.8782941580672414e-17);
/// 1 less Euler's constant.
const ONE_LESS_EULER: Dd = Dd::new(0.42278433509846713, 4.942915152430645e-18);

/// `zeta(k) - 1` for k = 2, 3, ..., by mpmath; a test sums the series of zeta.
pub(super) const ZETA_LESS_ONE: [Dd; 53] = [
    Dd::new(0.6449340668482264, 3.040672350398476e-17),
    Dd::new(0.2020569031595943, -6.752241127462512e-18),
    Dd::new(0.08232323371113819, 5.851757005110278e-18),
    Dd::new(0.03692775514336993, -3.178450686126237e-19),
    Dd::new(0.01734306198444914, -4.414770097141147e-19),
    Dd::new(0.008349277381922827, -2.92234966467598e-19),
    Dd::new(0.00407735619794434, -2.2242833400456106e-19),
    Dd::new(0.0020083928260822143, 1.6255172980294325e-19),
    Dd::new(0.0009945751278180853, 8.155271993117836e-20),
    Dd::new(0.0004941886041194645, 3.007775458283559e-20),
    Dd::new(0.0002460865533080483, -2.126804481899407e-20),
    Dd::new(0.00012271334757848915, 1.312879617594989e-21),
    Dd::new(6.124813505870483e-05, 1.5932044187197156e-21),
    Dd::new(3.058823630702049e-05, 2.828205815153663e-22),
    Dd::new(1.528225940865187e-05, 7.677620188142347e-22),
    Dd::new(7.637197637899763e-06, -2.946683490299432e-22),
    Dd::new(3.81729326499984e-06, -3.619576661891535e-22),
    Dd::new(1.908212716553939e-06, -4.589595461742015e-23),
    Dd::new(9.539620338727962e-07, -9.885419869008806e-23),
    Dd::new(4.769329867878064e-07, 1.6292492268188835e-23),
    Dd::new(2.38450502727733e-07, -1.4348855177581243e-23),
    Dd::new(1.1921992596531106e-07, 9.349486696402915e-24),
    Dd::new(5.960818905125948e-08, -4.84489270891793e-25),
    Dd::new(2.980350351465228e-08, 9.038750484718945e-25),
    Dd::new(1.4901554828365043e-08, -1.4462631435868446e-24),
    Dd::new(7.45071178983543e-09, -5.689596284297908e-25),
    Dd::new(3.725334024788457e-09, -2.2838109257068324e-25),
    Dd::new(1.862659723513049e-09, -1.357608175618366e-25),
    Dd::new(9.313274324196682e-10, 1.7251523768776834e-26),
    Dd::new(4.656629065033784e-10, 4.154615304849929e-26),
    Dd::new(2.3283118336765053e-10, 1.5614446225186379e-26),
    Dd::new(1.164155017270052e-10, 4.647009828608305e-27),
    Dd::new(5.820772087902701e-11, -5.609266140509216e-27),
    Dd::new(2.9103850444971e-11, -3.1836341409162154e-27),
    Dd::new(1.4551921891041985e-11, -6.5815767720265535e-28),
    Dd::new(7.275959835057482e-12, -7.817491596192177e-28),
    Dd::new(3.637979547378651e-12, 3.2757482504856895e-28),
    Dd::new(1.818989650307066e-12, -1.2313033251541885e-28),
    Dd::new(9.094947840263888e-13, 8.752915335828258e-29),
    Dd::new(4.547473783042154e-13, -1.915433400472885e-29),
    Dd::new(2.2737368458246524e-13, 7.510141332821777e-30),
    Dd::new(1.136868407680228e-13, -6.497889027465259e-30),
    Dd::new(5.684341987627585e-14, 1.9239561017173886e-30),
    Dd::new(2.842170976889302e-14, -1.4857762609882343e-30),
    Dd::new(1.4210854828031608e-14, -1.5517661487563433e-30),
    Dd::new(7.105427395210853e-15, 7.713369817595167e-33),
    Dd::new(3.552713691337114e-15, -2.605702063609657e-31),
    Dd::new(1.7763568435791204e-15, -8.689427287890744e-32),
    Dd::new(8.881784210930816e-16, -2.8972264863617053e-32),
    Dd::new(4.440892103143813e-16, 2.321028135682245e-32),
    Dd::new(2.220446050798042e-16, 7.73646017791737e-33),
    Dd::new(1.1102230251410661e-16, -1.5298905424452545e-33),
    Dd::new(5.551115124845481e-17, 2.5715123863172194e-33),
];

fn bernoulli(k: usize) -> Dd {
    let (numerator, denominator) = BERNOULLI[k - 1];
    Dd::from(numerator) / denominator
}

/// Whether `x` is 0, -1, -2, ..., where the functions have their poles.
fn is_pole(x: f64) -> bool {
    x <= 0.0 && libm::floor(x) == x
}

/// `log |Gamma(x)|`: +inf at 0, -1, -2, ... and at both infinities, NaN at NaN; +0 at 1 and 2.
#[must_use]
pub fn lgamma(x: f64) -> f64 {
    if x.is_nan() {
        x
    } else if is_pole(x) || x.is_infinite() {
        f64::INFINITY
    } else if x.abs() < 2f64.powi(-60) {
        // Gamma(x) = 1 / x, to a double's precision.
        -Dd::from(x.abs()).ln().round()
    } else if x > 2.5e305 {
        // log x - 1 is all that matters; the result leaves the range at 2.556e305, x log x before it.
        // Scaled, so that no exact product is larger than the result.
        ((Dd::from(x).ln() - ONE) * (x / 1024.0)).round() * 1024.0
    } else if x > 0.0 {
        lgamma_positive(Dd::from(x)).round()
    } else {
        // Reflection, 5.5.3: Gamma(x) Gamma(1 - x) = pi / sin(pi x).
        let (sin, _) = Dd::from(x - libm::rint(x)).sin_cos_pi();
        let sin = if sin.hi < 0.0 { -sin } else { sin };
        ((PI / sin).ln() - lgamma_positive(Dd::sum(1.0, -x))).round()
    }
}

/// `log Gamma(x)` for positive `x`.
fn lgamma_positive(x: Dd) -> Dd {
    if x.hi > 0.5 && x.hi < 1.5 {
        // Gamma(x) = Gamma(x + 1) / x.
        return lgamma_near_two(x - ONE) - x.ln();
    } else if x.hi >= 1.5 && x.hi < 6.5 {
        // The same downwards: this close to roots of the reflected function, no summand should be larger than need be.
        let (mut small, mut product) = (x, ONE);
        while small.hi >= 2.5 {
            small = small - ONE;
            product = product * small;
        }
        return lgamma_near_two(small - Dd::from(2.0)) + product.ln();
    }
    let (mut large, mut product) = (x, ONE);
    while large.hi < LARGE {
        product = product * large;
        large = large + ONE;
    }
    // Stirling's series, 5.11.1: sum of B_2k / (2k (2k - 1) x^(2k - 1)).
    let inverse = ONE / large;
    let square = inverse * inverse;
    let mut sum = ZERO;
    for k in (1..=BERNOULLI.len()).rev() {
        let n = 2.0 * k as f64;
        sum = sum * square + bernoulli(k) / (n * (n - 1.0));
    }
    let half = Dd::from(0.5);
    let stirling = (large - half) * large.ln() - large + HALF_LN_TAU + sum * inverse;
    if product == ONE { stirling } else { stirling - product.ln() }
}

/// `log Gamma(2 + t)` for `|t|` up to 1/2, relatively accurate at the root 0: the series 5.7.3,
/// `(1 - euler) t + sum of (-1)^k (zeta(k) - 1) t^k / k`.
fn lgamma_near_two(t: Dd) -> Dd {
    let mut sum = ZERO;
    for (i, &zeta) in ZETA_LESS_ONE.iter().enumerate().rev() {
        // The factors t are taken out one by one, with their signs.
        sum = zeta / (i + 2) as f64 - sum * t;
    }
    t * (ONE_LESS_EULER + sum * t)
}

/// The derivative of `lgamma`: NaN at 0, -1, -2, ..., where the limits from both sides differ, and at -inf; +inf at +inf.
#[must_use]
pub fn digamma(x: f64) -> f64 {
    if x.is_nan() || is_pole(x) {
        f64::NAN
    } else if x == f64::INFINITY {
        x
    } else if x.abs() < 2f64.powi(-60) {
        -1.0 / x
    } else if x > 0.0 {
        digamma_positive(Dd::from(x)).round()
    } else {
        // Reflection, 5.5.4: psi(1 - x) - psi(x) = pi / tan(pi x).
        let (sin, cos) = Dd::from(x - libm::rint(x)).sin_cos_pi();
        (digamma_positive(Dd::sum(1.0, -x)) - PI * cos / sin).round()
    }
}

/// `digamma` for positive `x`.
fn digamma_positive(x: Dd) -> Dd {
    // psi(x) = psi(x + 1) - 1 / x, 5.5.2.
    let (mut large, mut shift) = (x, ZERO);
    while large.hi < LARGE {
        shift = shift + ONE / large;
        large = large + ONE;
    }
    // 5.11.2: log x - 1 / (2 x) - sum of B_2k / (2k x^2k).
    let inverse = ONE / large;
    let square = inverse * inverse;
    let mut sum = ZERO;
    for k in (1..=BERNOULLI.len()).rev() {
        sum = (sum + bernoulli(k) / (2.0 * k as f64)) * square;
    }
    large.ln() - inverse * 0.5 - sum - shift
}

/// The largest order of [`polygamma`]: the factorial of the next one is not a double.
pub const MAX_ORDER: f64 = 170.0;

/// The derivative of order `n` of `digamma` at `x`.
///
/// The order is one of 0, 1, ..., [`MAX_ORDER`]; order 0 is [`digamma`]. The result is NaN for any other order (negative, not
/// integral, larger, infinite or NaN) and where `x` is NaN. At `x` = 0, -1, -2, ... it is +inf for odd `n`, whose limits
/// from both sides agree, and NaN for even `n`; at +inf it is 0 with the sign of the values before, that is + for odd
/// `n` and - for even `n`; at -inf NaN.
#[must_use]
pub fn polygamma(n: f64, x: f64) -> f64 {
    if !(0.0..=MAX_ORDER).contains(&n) || libm::floor(n) != n || x.is_nan() || x == f64::NEG_INFINITY {
        return f64::NAN;
    }
    let order = n as u32;
    let odd = order % 2 == 1;
    if order == 0 {
        return digamma(x);
    } else if is_pole(x) {
        return if odd { f64::INFINITY } else { f64::NAN };
    } else if x.is_infinite() {
        return if odd { 0.0 } else { -0.0 };
    }
    if x >= HUGE {
        // 5.15.9: (-1)^(n + 1) (n - 1)! / x^n.
        let value = factorial_over_power(order - 1, Dd::from(x), ONE);
        return if odd { value } else { -value };
    }
    let s = order + 1;
    let (magnitude, base) = if x > 0.0 {
        // 5.15.1: (-1)^(n + 1) n! zeta(n + 1, x).
        (zeta_times_power(s, Dd::from(x), Dd::from(x)), Dd::from(x))
    } else {
        // The series over (x + k)^-s of 5.15.1, its terms with x + k < 0 taken together: with x = f - m and 0 < f < 1
        // they are those of zeta(s, 1 - f) up to that of m - f, and the others are those of zeta(s, f).
        let m = -libm::floor(x);
        let (f, rest) = (Dd::sum(x, m), -Dd::sum(x, m - 1.0));
        let base = if f.hi < rest.hi { f } else { rest };
        let (positive, negative) = (zeta_times_power(s, f, base), zeta_times_power(s, rest, base));
        let beyond = zeta_times_power(s, Dd::sum(1.0, -x), base);
        // In this order the first difference is exactly 0 in the middle between poles, and what is left the third sum.
        (if odd { positive + (negative - beyond) } else { (positive - negative) + beyond }, base)
    };
    let value = factorial_over_power(order, base, magnitude);
    if odd { value } else { -value }
}

/// `base^s` times the Hurwitz zeta function, the sum of `(a + k)^-s` over k = 0, 1, ..., for integral `s` from 2 on: the
/// first terms, and Euler's and Maclaurin's formula for the rest (25.11.5 with integration by parts repeated).
fn zeta_times_power(s: u32, a: Dd, base: Dd) -> Dd {
    let order = f64::from(s);
    // The term of B_2k is 2 (s)_(2k - 1) / (2 pi)^2k / a^(2k - 1) in size, of the 17th about ((s + 17) / (2 pi a))^33.
    let large = LARGE + 1.5 * order;
    let (mut large_a, mut sum) = (a, ZERO);
    while large_a.hi < large {
        sum = sum + (base / large_a).powi(s);
        large_a = large_a + ONE;
    }
    let inverse = ONE / large_a;
    let square = inverse * inverse;
    // Sum of B_2k / (2k)! s (s + 1) ... (s + 2k - 2) / a^(2k - 1), inside out.
    let mut tail = ZERO;
    for k in (1..=BERNOULLI.len()).rev() {
        let n = 2.0 * k as f64;
        let step = (order + n - 1.0) * (order + n);
        let next = (n + 1.0) * (n + 2.0);
        let ratio = if k == BERNOULLI.len() { ZERO } else { tail * step / next };
        tail = bernoulli(k) + ratio * square;
    }
    let tail = tail * inverse * (order / 2.0);
    let integral = large_a / (order - 1.0);
    sum + (base / large_a).powi(s) * (integral + Dd::from(0.5) + tail)
}

/// `n! / base^(n + 1)` times `factor`, with the exponents of two kept apart so that only the result can leave the range.
fn factorial_over_power(n: u32, base: Dd, factor: Dd) -> f64 {
    let (_, exponent) = libm::frexp(base.hi);
    let base = base.scale(-exponent);
    let mut product = factor / base;
    let mut scale = -exponent;
    for i in 1..=n {
        product = product * f64::from(i) / base;
        let (_, e) = libm::frexp(product.hi);
        product = product.scale(-e);
        scale += e - exponent;
    }
    libm::scalbn(product.round(), scale)
}
