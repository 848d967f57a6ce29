//! Against exact values, identities, and the values at special points.

use super::double_double::Dd;
use super::*;

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

/// Exact values computed with mpmath; the script beside the file says how.
const GOLDEN: &str = include_str!("../../../codegen/tests/data/special_f64.txt");

/// The largest error in ulp at the points of that name, and where; an argument that is missing is passed as the last one.
fn worst(name: &str, function: impl Fn(f64, f64) -> f64) -> (f64, f64, f64) {
    let mut worst = (0.0, 0.0, 0.0);
    let mut count = 0;
    for line in GOLDEN.lines() {
        let cells: Vec<&str> = line.split(' ').collect();
        if cells[0] != name {
            continue;
        }
        count += 1;
        let float = |cell: &str| f64::from_bits(u64::from_str_radix(cell, 16).unwrap());
        let (x, y, want) = (float(cells[1]), float(cells[cells.len() - 3]), float(cells[cells.len() - 2]));
        let offset = cells[cells.len() - 1].parse::<f64>().unwrap() / 1000.0;
        let got = function(x, y);
        assert!(got.is_sign_negative() == want.is_sign_negative() && !got.is_nan(), "{name} {x} {y}: {got} for {want}");
        let steps = got.abs().to_bits() as i64 - want.abs().to_bits() as i64;
        let error = (steps as f64 - if want < 0.0 { -offset } else { offset }).abs();
        if error > worst.0 {
            worst = (error, x, y);
        }
    }
    assert!(count > 100, "{name} has {count} points");
    println!("{name:16} {:8.3} ulp at {:e} {:e}", worst.0, worst.1, worst.2);
    worst
}

#[test]
fn results_are_nearest_doubles_or_next_to_halfway() {
    let failures: Vec<_> = [
        ("lgamma", worst("lgamma", |x, _| lgamma(x))),
        ("digamma", worst("digamma", |x, _| digamma(x))),
        ("erf_inv", worst("erf_inv", |x, _| erf_inv(x))),
        ("bessel_i0e", worst("bessel_i0e", |x, _| bessel_i0e(x))),
        ("bessel_i1e", worst("bessel_i1e", |x, _| bessel_i1e(x))),
        ("polygamma", worst("polygamma", polygamma)),
        ("polygamma_high", worst("polygamma_high", polygamma)),
        ("lgamma_root", worst("lgamma_root", |x, _| lgamma(x))),
    ]
    .into_iter()
    // A subnormal result of erf_inv is rounded twice.
    .filter(|(name, worst)| worst.0 > if *name == "erf_inv" { 0.7 } else { 0.51 })
    .collect();
    assert!(failures.is_empty(), "{failures:?}");
}

#[test]
fn the_doubles_next_to_a_root_are_within_six_ulp() {
    assert!(worst("digamma_root", |x, _| digamma(x)).0 < 6.0);
    assert!(worst("polygamma_root", polygamma).0 < 6.0);
}

/// Equal in bits, but for NaN.
#[track_caller]
fn check(cases: &[(f64, f64)]) {
    for (i, &(found, expected)) in cases.iter().enumerate() {
        let alike = found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan();
        assert!(alike, "case {i}: {found}, expected {expected}");
    }
}

#[test]
fn special_values() {
    check(&[(lgamma(1.0), 0.0), (lgamma(2.0), 0.0), (lgamma(3.0), 2f64.ln()), (lgamma(NAN), NAN)]);
    check(&[0.0, -0.0, -1.0, -2.0, -1e300, INF, -INF, f64::MAX].map(|x| (lgamma(x), INF)));
    check(&[0.0, -0.0, -1.0, -2.0, -1e300, -INF, NAN].map(|x| (digamma(x), NAN)));
    check(&[
        (digamma(INF), INF),
        (digamma(1e-310), -INF),
        (digamma(-1e-310), INF),
        (digamma(1.0), -0.5772156649015329),
    ]);
    check(&[1.5, -1.5, 1.0 + f64::EPSILON, INF, -INF, NAN].map(|x| (erf_inv(x), NAN)));
    check(&[(erf_inv(1.0), INF), (erf_inv(-1.0), -INF), (erf_inv(0.0), 0.0), (erf_inv(-0.0), -0.0)]);
    check(&[(bessel_i0e(0.0), 1.0), (bessel_i0e(-0.0), 1.0), (bessel_i0e(INF), 0.0), (bessel_i0e(-INF), 0.0)]);
    check(&[(bessel_i1e(0.0), 0.0), (bessel_i1e(-0.0), -0.0), (bessel_i1e(INF), 0.0), (bessel_i1e(-INF), -0.0)]);
    check(&[(bessel_i0e(NAN), NAN), (bessel_i1e(NAN), NAN), (bessel_i1e(5e-324), 0.0), (bessel_i1e(-1e-323), -5e-324)]);
}

#[test]
fn special_values_of_polygamma() {
    check(&[-1.0, 0.5, 170.5, 171.0, 1e300, INF, -INF, NAN].map(|n| (polygamma(n, 2.0), NAN)));
    check(&[0.0, 1.0, 2.0, 170.0].map(|n| (polygamma(n, NAN), NAN)));
    check(&[0.0, 1.0, 2.0, 170.0].map(|n| (polygamma(n, -INF), NAN)));
    check(&[0.0, -0.0, -1.0, -7.0, -1e300].map(|x| (polygamma(3.0, x), INF)));
    check(&[0.0, -0.0, -1.0, -7.0, -1e300].map(|x| (polygamma(2.0, x), NAN)));
    check(&[(polygamma(1.0, INF), 0.0), (polygamma(2.0, INF), -0.0), (polygamma(0.0, INF), INF)]);
    // Neither the factorial nor the power alone is a double here.
    assert!(polygamma(170.0, 1e-3).is_infinite() && polygamma(170.0, 1e10) == -0.0);
    check(&[(polygamma(-0.0, 2.5), digamma(2.5)), (polygamma(1.0, 1.0), std::f64::consts::PI.powi(2) / 6.0)]);
}

#[test]
fn polygamma_at_huge_arguments_is_its_leading_term() {
    let mut factorial = 1.0;
    for n in 1..=170 {
        let sign = if n % 2 == 1 { 1.0 } else { -1.0 };
        // From 2^64 on what follows the leading term is below 2^-56 of it; the sums give way to it at 2^120.
        for exponent in (64..1024).step_by(5) {
            let (found, term) = (polygamma(f64::from(n), 2f64.powi(exponent)), libm::scalbn(factorial, -exponent * n));
            let size = f64::from(n) * f64::EPSILON * term + 5e-324;
            assert!((found - sign * term).abs() <= size, "{n} at 2^{exponent}: {found:e}, not {term:e}");
            assert!(found.signum() == sign, "{n} at 2^{exponent}");
        }
        let last = polygamma(f64::from(n), f64::MAX);
        assert!(last.signum() == sign && (last != 0.0) == (n == 1), "{n}: {last:e}");
        factorial *= f64::from(n);
    }
    // A normal quotient is rounded once, as here; a subnormal one twice.
    for x in points(1e36, 4e307) {
        check(&[(polygamma(1.0, x), 1.0 / x)]);
    }
    for x in points(4e307, f64::MAX).chain([f64::MAX, 2f64.powi(1023)]) {
        assert!((polygamma(1.0, x) - 1.0 / x).abs() <= 5e-324, "{x:e}");
    }
}

#[test]
fn lgamma_and_digamma_at_huge_arguments_are_their_leading_terms() {
    for x in points(1e36, f64::MAX).chain([f64::MAX, 2f64.powi(1023), 2f64.powi(1022)]) {
        check(&[(digamma(x), Dd::from(x).ln().round())]);
    }
    for x in (120..1024).map(|exponent| 2f64.powi(exponent)) {
        same(x, digamma(x), x.ln(), 0.0);
    }
    for x in points(1e36, 2.5e305).chain(points(2.5e305, 2.55e305)) {
        same(x, lgamma(x) / x, x.ln() - 1.0, 0.0);
    }
    // Double after double, around the change of formula and up to where the result leaves the range: each step is the
    // derivative's, to the rounding of both ends.
    for start in [2.5e305f64, 2.55e305] {
        let mut x = f64::from_bits(start.to_bits() - 500);
        for _ in 0..1000 {
            let (found, step) = (lgamma(x.next_up()) - lgamma(x), (x.next_up() - x) * x.ln());
            let ulp = lgamma(x).next_up() - lgamma(x);
            assert!((found - step).abs() <= 1.02 * ulp, "{x:e}");
            x = x.next_up();
        }
    }
    check(&[(lgamma(2.56e305), INF), (lgamma(2f64.powi(1023)), INF)]);
}

/// Points between `low` and `high`.
fn points(low: f64, high: f64) -> impl Iterator<Item = f64> {
    let golden = 0.618_033_988_749_894_9;
    (1..2000).map(move |i| low + (high - low) * (f64::from(i) * golden).fract())
}

/// Both sides differ by no more than the rounding of terms of the given size.
#[track_caller]
fn same(x: f64, left: f64, right: f64, size: f64) {
    assert!((left - right).abs() <= 4.0 * f64::EPSILON * size.max(left.abs()), "at {x:e}: {left:e} and {right:e}");
}

#[test]
fn the_gamma_functions_obey_recurrence_and_reflection() {
    let pi = std::f64::consts::PI;
    for x in points(0.0, 30.0) {
        same(x, lgamma(x + 1.0), lgamma(x) + x.ln(), lgamma(x).abs() + x.ln().abs() + 30.0 * f64::EPSILON);
        same(x, digamma(x + 1.0), digamma(x) + 1.0 / x, digamma(x).abs() + 2.0);
        same(x, polygamma(1.0, x + 1.0), polygamma(1.0, x) - x.powi(-2), 2.0 * polygamma(1.0, x));
        same(x, polygamma(2.0, x + 1.0), polygamma(2.0, x) + 2.0 * x.powi(-3), 4.0 * polygamma(2.0, x).abs());
    }
    for x in points(0.001, 0.999) {
        // Where the sine is small it is that of a rounded angle, and 1 - x is not exact either.
        let (sin, cos) = (pi * x).sin_cos();
        same(x, lgamma(x) + lgamma(1.0 - x), (pi / sin).ln(), 2.0 + pi / sin + lgamma(x).abs());
        let size = 4.0 * (x.powi(-2) + (1.0 - x).powi(-2));
        same(x, digamma(1.0 - x) - digamma(x), pi * cos / sin, size);
        same(x, polygamma(1.0, 1.0 - x) + polygamma(1.0, x), (pi / sin).powi(2), size * (2.0 / x + 2.0 / (1.0 - x)));
    }
}

#[test]
fn erf_inv_inverts_erf() {
    for x in points(-1.0, 1.0) {
        same(x, libm::erf(erf_inv(x)), x, 1.0);
    }
    for x in points(1e-300, 1e-16) {
        same(x, libm::erf(erf_inv(x)), x, 0.0);
    }
}

#[test]
fn digamma_rises_between_poles_and_trigamma_is_positive() {
    let mut last = (-INF, 0.0);
    for i in 1..4000 {
        let x = -3.0 + f64::from(i) / 4000.0;
        assert!(digamma(x) > last.0, "{x}");
        assert!(polygamma(1.0, x) > 0.0);
        last = (digamma(x), x);
    }
    // Next to the poles, double after double.
    for pole in [-1.0f64, -2.0, -20.0] {
        let (mut x, mut lower) = (pole.next_up(), -INF);
        for _ in 0..200 {
            assert!(digamma(x) > lower && lgamma(x.next_up()) < lgamma(x), "{x}");
            lower = digamma(x);
            x = x.next_up();
        }
    }
}

#[test]
fn bessel_functions_solve_their_equation() {
    // I_0' = I_1 by a central difference of the scaled functions: i0e' = i1e - i0e.
    for x in points(0.1, 60.0) {
        let h = 1e-4;
        let slope = (bessel_i0e(x + h) - bessel_i0e(x - h)) / (2.0 * h);
        assert!((slope - (bessel_i1e(x) - bessel_i0e(x))).abs() < 1e-8, "{x}");
    }
}

#[test]
fn the_table_of_zeta_is_that_of_its_series() {
    for (i, zeta) in gamma::ZETA_LESS_ONE.iter().enumerate() {
        let s = i as i32 + 2;
        // From 2 on: 1000 terms, and the rest by the first terms of Euler's and Maclaurin's formula.
        let first: f64 = (2..1002).rev().map(|n| f64::from(n).powi(-s)).sum();
        let a = 1002f64;
        let b = f64::from(s);
        let rest = a.powi(1 - s) / (b - 1.0)
            + a.powi(-s) * (0.5 + b / (12.0 * a) - b * (b + 1.0) * (b + 2.0) / (720.0 * a.powi(3)));
        assert!((first + rest - zeta.hi).abs() <= 4.0 * f64::EPSILON * zeta.hi, "zeta({s})");
        assert!(Dd::sum(zeta.hi, zeta.lo) == *zeta && zeta.lo != 0.0, "zeta({s})");
    }
}
