//! The special functions: gamma and its relatives, the inverse error function, Bessel functions.
//!
//! Each is its textbook formula in numbers of twice a double's precision, rounded once. What a formula loses by
//! cancellation is then lost from digits that no double has: results are within 0.51 ulp of a double (an `f32` result is the
//! `f64` one rounded), next to the roots of `lgamma` too; 0.76 ulp where a result of `erf_inv` or `polygamma` is subnormal,
//! rounded a second time, and up to 6 ulp at the few doubles next to a root of `digamma` and `polygamma`.
//!
//! The functions are total, nothing here overflows on the way to a finite result, and every loop is short: at most about 300
//! steps, in `polygamma` of order 170.

mod bessel;
mod double_double;
mod erf_inv;
mod gamma;

pub use bessel::{bessel_i0e, bessel_i1e};
pub use erf_inv::erf_inv;
pub use gamma::{MAX_ORDER, digamma, lgamma, polygamma};

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests;
