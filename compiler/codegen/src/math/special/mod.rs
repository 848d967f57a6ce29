//! Special functions of one lane, which compiled code calls: they are too long to be inlined, and models use them rarely.
//!
//! They are the fast ones, at some tens of nanoseconds each; the interpreter has slow and independent ones to compare with.
//! Single precision is the double-precision result rounded. The rational functions and tables are printed by
//! `coefficients.py`. Errors are in the table of the parent module's header, with these exceptions:
//!
//! * For negative arguments that of `digamma` and `polygamma` is in units of the largest term of the sum that the function
//!   is: next to a root between two poles (of `polygamma` of even order) it is an absolute error.
//! * `lgamma` is as accurate next to its roots as elsewhere, but for the arguments between the first two negative ones,
//!   -2.7477 and -2.4570, where it is less than 0.12 in magnitude and the error is that of results of 1/2.
//! * That of `polygamma` is for orders up to 8; it grows by at most 2 ulp per order.
//!
//! Special values are those of the interpreter's module of the same name.

mod bessel;
mod erf_inv;
mod gamma;
mod lgamma;

pub use bessel::{bessel_i0e, bessel_i1e};
pub use erf_inv::erf_inv;
pub use gamma::{digamma, polygamma};
pub use lgamma::lgamma;

/// The polynomial in `x` with the given coefficients, highest power first.
fn poly(x: f64, coefficients: &[f64]) -> f64 {
    coefficients.iter().fold(0.0, |sum, &c| sum * x + c)
}
