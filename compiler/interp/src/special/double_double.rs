//! Numbers of about 106 bits: the unevaluated sum of two doubles, the second at most half an ulp of the first.
//!
//! Sums and products of two doubles are exact in this form (Dekker 1971, Knuth's two-sum); everything else is built from
//! them. Relative errors are a few units of 2^-104 as long as nothing overflows and no second part is subnormal.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// `hi + lo`, where `hi` is the nearest double of the sum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Dd {
    /// The nearest double.
    pub(super) hi: f64,
    /// What is missing.
    pub(super) lo: f64,
}

/// pi.
pub(super) const PI: Dd = Dd::new(std::f64::consts::PI, 1.2246467991473532e-16);
/// ln 2.
const LN_2: Dd = Dd::new(std::f64::consts::LN_2, 2.3190468138462996e-17);
/// Zero.
pub(super) const ZERO: Dd = Dd::new(0.0, 0.0);
/// One.
pub(super) const ONE: Dd = Dd::new(1.0, 0.0);

impl Dd {
    /// `hi + lo`; `lo` is at most half an ulp of `hi`.
    pub(super) const fn new(hi: f64, lo: f64) -> Self {
        Self { hi, lo }
    }

    /// The exact sum of two doubles.
    pub(super) fn sum(x: f64, y: f64) -> Self {
        let hi = x + y;
        let other = hi - x;
        Self { hi, lo: (x - (hi - other)) + (y - other) }
    }

    /// The exact product of two doubles.
    fn product(x: f64, y: f64) -> Self {
        let hi = x * y;
        Self { hi, lo: x.mul_add(y, -hi) }
    }

    /// The nearest double.
    pub(super) fn round(self) -> f64 {
        self.hi + self.lo
    }

    /// `2^exponent` times the number.
    pub(super) fn scale(self, exponent: i32) -> Self {
        Self { hi: libm::scalbn(self.hi, exponent), lo: libm::scalbn(self.lo, exponent) }
    }

    /// The square root of a positive number: one step of Newton's method from that of its first part.
    pub(super) fn sqrt(self) -> Self {
        let root = self.hi.sqrt();
        let rest = self - Self::product(root, root);
        Self::sum(root, rest.hi / (2.0 * root))
    }

    /// The power of an integer exponent, by squaring.
    pub(super) fn powi(self, exponent: u32) -> Self {
        let (mut base, mut left, mut power) = (self, exponent, ONE);
        while left > 0 {
            if left & 1 == 1 {
                power = power * base;
            }
            left >>= 1;
            if left > 0 {
                base = base * base;
            }
        }
        power
    }

    /// `e^x` for an `x` whose power is far from the ends of the range: the Taylor series of `r / 16`, where
    /// `x = k ln 2 + r`, raised to the 16th power.
    pub(super) fn exp(self) -> Self {
        let k = libm::rint(self.hi / LN_2.hi);
        let r = (self - LN_2 * k) * 0.0625;
        let mut sum = ONE;
        for n in (1..=15).rev() {
            sum = ONE + sum * r / f64::from(n);
        }
        sum.powi(16).scale(k as i32)
    }

    /// The natural logarithm of a positive number: with `x = 2^k m` and `m` next to 1, the series of
    /// `2 artanh((m - 1) / (m + 1))`. Near 1 its relative error stays small.
    pub(super) fn ln(self) -> Self {
        let (m, mut k) = libm::frexp(self.hi);
        if m < std::f64::consts::FRAC_1_SQRT_2 {
            k -= 1;
        }
        let m = self.scale(-k);
        let s = (m - ONE) / (m + ONE);
        let square = s * s;
        // s^2 < 0.0295, so the last term is below 2^-114 of the first.
        let mut sum = ZERO;
        for n in (0..=21).rev() {
            sum = sum * square + ONE / f64::from(2 * n + 1);
        }
        LN_2 * f64::from(k) + s * sum * 2.0
    }

    /// `(sin(pi x), cos(pi x))` by their Taylor series, for `|x|` at most 1/2.
    pub(super) fn sin_cos_pi(self) -> (Self, Self) {
        let x = PI * self;
        let square = x * x;
        let (mut sin, mut cos) = (ONE, ONE);
        // (pi / 2)^34 / 34! < 2^-105.
        for n in (1..=17).rev() {
            let n = f64::from(2 * n);
            sin = ONE - sin * square / (n * (n + 1.0));
            cos = ONE - cos * square / (n * (n - 1.0));
        }
        (x * sin, cos)
    }
}

impl From<f64> for Dd {
    fn from(x: f64) -> Self {
        Self { hi: x, lo: 0.0 }
    }
}

impl Neg for Dd {
    type Output = Self;
    fn neg(self) -> Self {
        Self { hi: -self.hi, lo: -self.lo }
    }
}

impl Add for Dd {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        // The second parts are summed exactly as well: operands of opposite signs lose nothing.
        let high = Self::sum(self.hi, other.hi);
        let low = Self::sum(self.lo, other.lo);
        let high = Self::sum(high.hi, high.lo + low.hi);
        Self::sum(high.hi, high.lo + low.lo)
    }
}

impl Sub for Dd {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl Mul for Dd {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        let high = Self::product(self.hi, other.hi);
        Self::sum(high.hi, high.lo + (self.hi * other.lo + self.lo * other.hi))
    }
}

impl Mul<f64> for Dd {
    type Output = Self;
    fn mul(self, other: f64) -> Self {
        let high = Self::product(self.hi, other);
        Self::sum(high.hi, self.lo.mul_add(other, high.lo))
    }
}

impl Div for Dd {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        let first = self.hi / other.hi;
        let rest = self - other * first;
        let second = rest.hi / other.hi;
        let rest = rest - other * second;
        Self::sum(first, second) + Self::from(rest.hi / other.hi)
    }
}

impl Div<f64> for Dd {
    type Output = Self;
    fn div(self, other: f64) -> Self {
        let first = self.hi / other;
        let rest = self - Self::product(first, other);
        Self::sum(first, rest.hi / other)
    }
}
