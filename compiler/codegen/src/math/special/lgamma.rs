//! `lgamma`: `libm`'s (a port of FreeBSD's `e_lgamma_r.c`), but for the negative arguments that can be near a root.
//!
//! There `log |Gamma|` is a small difference of large numbers, so it is computed as its own difference from the value at the
//! root, which is zero: with `x = root + d`, by the reflection formula,
//!
//! ```text
//! log |Gamma(x)| = -log(sin(pi x) / sin(pi root)) + log Gamma(1 - root) - log Gamma(1 - x)
//! ```
//!
//! and both parts are functions of `d` that vanish with it.

use std::f64::consts::{FRAC_PI_2, PI};

/// Roots in two doubles, with `cot(pi root)`, from -2 downwards: above and below -3, -4, ..., for -2 below only.
const ROOTS: [(f64, f64, f64); 31] = [
    (-2.4570247382208006, -3.7075610815513266e-17, -0.13583711348265284),
    (-2.7476826467274127, 9.055340329338315e-17, 0.9855446223335973),
    (-3.14358088834998, -2.1818179852331714e-16, -2.064500300101351),
    (-3.955294284858598, -1.999428391746348e-17, 7.073238795225894),
    (-4.039361839740537, 2.1143995503980602e-16, -8.045501726649938),
    (-4.991544640560048, 1.5174411760571722e-16, 37.63707711293753),
    (-5.0082181683225935, -4.3926353491015815e-17, -38.723854831888616),
    (-5.998607480080875, -3.311862478893795e-16, 228.58405914100294),
    (-6.001385294453155, 6.415847287933042e-17, -229.77633083099542),
    (-6.999801507890638, 1.0550130037400023e-17, 1603.6397917668767),
    (-7.000198333407325, 2.504354173632409e-16, -1604.9229894481584),
    (-7.999975197095821, -5.261737128572354e-17, 12833.573166998984),
    (-8.000024800270682, -4.354586297860107e-16, -12834.935941697377),
    (-8.999997244250977, -2.2185620509727132e-16, 115507.57473675719),
    (-9.000002755714823, -9.491348611623208e-17, -115509.00824697797),
    (-9.99999972442663, 4.883037618642443e-16, 1155082.1663969695),
    (-10.000000275573013, -3.4909708332642057e-16, -1155083.6635691673),
    (-10.99999997494789, 1.9843998306985407e-16, 12705911.28729771),
    (-11.000000025052106, -6.850849812286175e-16, -12705912.842344435),
    (-11.999999997912324, -1.0020693920103036e-16, 152470943.97380444),
    (-12.000000002087676, 1.2222548112048185e-16, -152470945.5819028),
    (-12.99999999983941, 6.747262033096337e-16, 1982122281.2835627),
    (-13.00000000016059, -6.745919484964342e-16, -1982122282.9406316),
    (-13.99999999998853, 8.094860741926607e-16, 27749711948.71809),
    (-14.00000000001147, -8.094853704222662e-16, -27749711950.42063),
    (-14.999999999999236, 8.82932241476868e-16, 416245679242.6679),
    (-15.000000000000764, -8.829322382710274e-16, -416245679244.4129),
    (-15.999999999999952, -1.668613399265054e-16, 6659930867895.754),
    (-16.000000000000046, -1.6094954994609367e-15, -6659930867897.539),
    (-16.999999999999996, -7.412564244549576e-16, 113218824754242.08),
    (-17.000000000000004, 7.412564244550028e-16, -113218824754243.9),
];

/// The coefficients of Stirling's series in `1/x^2`, highest first: `B_2k / (2k (2k - 1))`.
const STIRLING: [f64; 9] = [
    43867.0 / 244188.0,
    -3617.0 / 122400.0,
    1.0 / 156.0,
    -691.0 / 360360.0,
    1.0 / 1188.0,
    -1.0 / 1680.0,
    1.0 / 1260.0,
    -1.0 / 360.0,
    1.0 / 12.0,
];

/// `log |Gamma(x)|`: +inf at 0, -1, -2, ... and at both infinities, NaN at NaN.
#[must_use]
pub fn lgamma(x: f64) -> f64 {
    match nearest_root(x) {
        Some(root) => from_root(x, root),
        None => libm::lgamma(x),
    }
}

/// A root in the same interval between two poles, the nearest one; none for poles and for arguments with two digits of
/// `log |Gamma|` to spare.
fn nearest_root(x: f64) -> Option<(f64, f64, f64)> {
    if !(-17.5..-2.0).contains(&x) {
        return None;
    }
    if x > -2.6 {
        // Closer to the first root than to the second, whose pole is closer from -2.5 on.
        return Some(ROOTS[0]);
    }
    let pole = libm::rint(x);
    let index = 2 * (-pole as usize) - 4;
    if x == pole { None } else { ROOTS.get(index.checked_sub(usize::from(x > pole))?).copied() }
}

fn from_root(x: f64, (root, rest, cot): (f64, f64, f64)) -> f64 {
    let d = (x - root) - rest;
    let half = libm::sin(FRAC_PI_2 * d);
    // The logarithm of sin(pi x) / sin(pi root), from the quotient less 1 or, towards the pole, from the quotient.
    let excess = cot * libm::sin(PI * d) - 2.0 * half * half;
    let sines = if excess > -0.5 {
        libm::log1p(excess)
    } else {
        libm::log((libm::sin(PI * (x - libm::rint(x))) * (1.0 + cot * cot).sqrt()).abs())
    };
    // log Gamma(v + d) - log Gamma(v) with v = 1 - x: the recurrence up to 10, its factors gathered as a product less 1.
    let mut v = 1.0 - x;
    let mut gathered = 0.0;
    while v < 10.0 {
        let factor = d / v;
        gathered += factor + gathered * factor;
        v += 1.0;
    }
    // Stirling's formula: the main part, and the difference of the series as a divided difference.
    let u = v + d;
    let main = d * (libm::log(u) - 1.0) + (v - 0.5) * libm::log1p(d / v);
    let (at_u, at_v) = (1.0 / u, 1.0 / v);
    let (mut series, mut slope) = (0.0, 0.0);
    for c in STIRLING {
        slope = slope * at_v * at_v + series;
        series = series * at_u * at_u + c;
    }
    let difference = -d * at_u * at_v * (series + at_v * (at_u + at_v) * slope);
    main + difference - libm::log1p(gathered) - sines
}
