//! The special functions that compiled code calls against those of the interpreter, which are computed otherwise and to
//! within 0.51 ulp, at random points: the bounds of the table hold there too.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod math_support;

use math_support::table::bounds;
use pullback_codegen::math::special as fast;
use pullback_interp::special as oracle;

/// What the oracle may add to the difference.
const ORACLE: f64 = 0.51;

struct Random(u64);

impl Random {
    fn uniform(&mut self, low: f64, high: f64) -> f64 {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        let unit = ((self.0 ^ (self.0 >> 32)) >> 11) as f64 / (1u64 << 53) as f64;
        low + (high - low) * unit
    }
}

/// The distance of `got` from `want` in ulp of a double of size `unit` or of `want`, whichever is larger.
fn error(got: f64, want: f64, unit: f64) -> f64 {
    if got == want || got.is_nan() && want.is_nan() {
        return 0.0;
    }
    let size = want.abs().max(unit.abs()).max(f64::MIN_POSITIVE);
    let below = f64::from_bits(size.to_bits() & 0x7ff0_0000_0000_0000);
    (got - want).abs() / (below * f64::EPSILON)
}

/// Checks `points` pairs of arguments; `unit` is the size in which errors count, 0 for that of the result.
fn check(
    name: &str,
    [got, want]: [&dyn Fn(f64, f64) -> f64; 2],
    unit: impl Fn(f64, f64) -> f64,
    mut draw: impl FnMut(&mut Random, usize) -> (f64, f64),
) {
    let mut random = Random(0x1234_5678_9abc_def1);
    let bound = bounds(name).double(true) + ORACLE;
    let mut worst = (0.0, 0.0, 0.0);
    for i in 0..60_000 {
        let (x, y) = draw(&mut random, i);
        let error = error(got(x, y), want(x, y), unit(x, y));
        if error > worst.0 {
            worst = (error, x, y);
        }
    }
    println!("{name:12} {:8.3} ulp at {:e} {:e}", worst.0, worst.1, worst.2);
    assert!(worst.0 <= bound, "{name}: {} ulp at ({:e}, {:e})", worst.0, worst.1, worst.2);
}

fn check_unary(name: &str, functions: [fn(f64) -> f64; 2], ranges: &[(f64, f64)]) {
    let [got, want] = functions;
    check(
        name,
        [&|x, _| got(x), &|x, _| want(x)],
        |_, _| 0.0,
        |random, i| {
            let (low, high) = ranges[i % ranges.len()];
            let x = random.uniform(low, high);
            (x, x)
        },
    );
}

#[test]
fn erf_inv_is_within_its_bound() {
    check_unary("erf_inv", [fast::erf_inv, oracle::erf_inv], &[(-1.0, 1.0), (0.7, 0.8), (0.95, 1.0), (0.9998, 1.0)]);
}

#[test]
fn bessel_functions_are_within_their_bounds() {
    let ranges = [(-50.0, 50.0), (0.0, 4.0), (4.0, 9.0), (7.0, 22.0), (20.0, 1000.0), (-1e-3, 1e-3)];
    check_unary("bessel_i0e", [fast::bessel_i0e, oracle::bessel_i0e], &ranges);
    check_unary("bessel_i1e", [fast::bessel_i1e, oracle::bessel_i1e], &ranges);
}

#[test]
fn lgamma_is_within_its_bound_at_roots_too() {
    let ranges =
        [(0.0, 3.0), (0.0, 50.0), (-0.5, 0.5), (-2.0, 0.0), (-18.0, 0.0), (-60.0, -15.0), (-2.8, -2.4), (1e3, 1e9)];
    let functions: [&dyn Fn(f64, f64) -> f64; 2] = [&|x, _| fast::lgamma(x), &|x, _| oracle::lgamma(x)];
    let between = |x: f64, _| if x > -2.7477 && x < -2.4570 { 0.5 } else { 0.0 };
    check("lgamma", functions, between, |random, i| {
        let (low, high) = ranges[i % ranges.len()];
        (random.uniform(low, high), 0.0)
    });
    // Next to the roots, which come close to the integers.
    check("lgamma", functions, between, |random, i| {
        let n = (i % 15 + 3) as f64;
        let factorial: f64 = (1..=(i % 15 + 3)).map(|i| i as f64).product();
        let distance = random.uniform(0.5, 2.0) / factorial;
        (-n + if i % 2 == 0 { distance } else { -distance }, 0.0)
    });
}

#[test]
fn digamma_is_within_its_bound() {
    check_unary("digamma", [fast::digamma, oracle::digamma], &[(0.0, 3.0), (0.0, 50.0), (1.0, 2.0), (1e3, 1e9)]);
    // Negative: of the size of the two terms of the reflection formula.
    let functions: [&dyn Fn(f64, f64) -> f64; 2] = [&|x, _| fast::digamma(x), &|x, _| oracle::digamma(x)];
    check(
        "digamma",
        functions,
        |x, _| oracle::digamma(1.0 - x),
        |random, i| {
            let x = if i % 2 == 0 { random.uniform(-2.0, 0.0) } else { random.uniform(-100.0, 0.0) };
            (x, x)
        },
    );
}

#[test]
fn polygamma_is_within_its_bound_for_small_orders() {
    let functions: [&dyn Fn(f64, f64) -> f64; 2] = [&fast::polygamma, &oracle::polygamma];
    check(
        "polygamma",
        functions,
        |_, _| 0.0,
        |random, i| ((i % 8 + 1) as f64, random.uniform(0.0, if i % 3 == 0 { 3.0 } else { 40.0 })),
    );
    // Negative: of the size of the sum of the terms of either sign.
    let size = |n: f64, x: f64| oracle::polygamma(n, x - x.floor()).abs().max(oracle::polygamma(n, x.ceil() - x).abs());
    check("polygamma", functions, size, |random, i| ((i % 8 + 1) as f64, random.uniform(-10.0, 0.0)));
}

#[test]
fn polygamma_loses_at_most_two_ulp_per_order() {
    let mut random = Random(77);
    for i in 0..30_000 {
        let n = f64::from(i % 170 + 1);
        let x = random.uniform(0.0, 200.0);
        let (got, want) = (fast::polygamma(n, x), oracle::polygamma(n, x));
        let error = error(got, want, 0.0);
        assert!(error <= 4.0 + 2.0 * n, "{n} {x}: {error} ulp");
    }
}
