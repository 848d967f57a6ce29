//! Vector math: elementwise functions as inline Cranelift IR.
//!
//! [`emit_unary`] and [`emit_binary`] emit a function of `f32` or `f64` values, or vectors of them, into
//! the function under construction. A call per element would cost more than most of these functions
//! themselves and would stop fusion at every `exp`; inline, a fused loop keeps its values in
//! registers. Each function is written once, against [`MathBuilder`], for scalars and vectors, which
//! therefore give the same bits at every width; results depend on the presence of fused multiply-add, and on nothing
//! else of the machine.
//!
//! The code has no branches but one kind: where a few arguments need much more work (huge arguments of
//! trigonometric functions, quotients that do not fit a double), a test whether any lane has one, and a
//! cold block that calls a scalar function ([`ExternFn`]) for the lanes that do. A module that contains
//! math has to import these functions ([`ExternTable`]). The special functions ([`special`]) are calls throughout, lane by lane:
//! they are long, have branches, and are rare.
//!
//! Single precision: the functions that models spend their time in have polynomials of their own, the
//! others are computed in double precision and rounded. Special cases are those of C99's Annex F.
//! Constants are asked for where they are used, as loads from a pool in memory ([`constants`]) that become operands of
//! the instruction behind them: they occupy no registers across a fused loop body.
//!
//! # Errors
//!
//! The largest error in ulp, with and without fused multiply-add. The tests read this table. Single
//! precision is measured at every `f32` by the `math_accuracy` example, in programs as they are compiled for the processor or for less,
//! and checked on a sample by the
//! tests; double precision is checked at points computed with mpmath (`tests/data/generate_math_f64.py`,
//! `generate_special_f64.py`). The special functions are measured at a sample, also against the interpreter's. Method
//! names a published algorithm where the code follows one; coefficients are from `coefficients.sollya`
//! and `coefficients_erfc.py` unless their comment says otherwise.
//!
//! | function | f32 | f32, no fma | f64 | f64, no fma | method |
//! |---|---|---|---|---|---|
//! | exp | 1.05 | 1.05 | 1 | 1 | reduction by ln 2, polynomial |
//! | exp2 | 0.9 | 1.1 | 1 | 1 | as exp; exact reduction |
//! | expm1 | 1.5 | 1.65 | 1.2 | 1.2 | as exp; 2^n p + (2^n - 1) |
//! | log | 0.9 | 0.95 | 1 | 1 | f32: polynomial in f; f64: fdlibm `e_log.c` |
//! | log2 | 1.45 | 2 | 1 | 1 | f32: polynomial in f; f64: FreeBSD `e_log2.c` |
//! | log1p | 1.65 | 1.7 | 1 | 1 | as log, the rounding of 1 + x corrected |
//! | sqrt | 0.5 | 0.5 | 0.5 | 0.5 | instruction |
//! | rsqrt | 1.5 | 1.5 | 1.5 | 1.5 | two instructions |
//! | cbrt | 0.51 | 0.51 | 0.7 | 0.7 | FreeBSD `s_cbrt.c`; f32 in f64 |
//! | sin | 1.55 | 1.75 | 1 | 1 | Cody-Waite, polynomials; slow path for large arguments |
//! | cos | 1.55 | 1.75 | 1 | 1 | as sin |
//! | tan | 0.51 | 0.51 | 1 | 1 | sin / cos in two doubles; f32 in f64 |
//! | asin | 0.51 | 0.51 | 0.7 | 0.7 | polynomial, half-angle; f32 in f64 |
//! | acos | 0.51 | 0.51 | 0.7 | 0.7 | as asin |
//! | atan | 0.51 | 0.51 | 1 | 1 | polynomial, two subtracted angles; f32 in f64 |
//! | sinh | 0.51 | 0.51 | 1.2 | 1.2 | from expm1 in two doubles; f32 in f64 |
//! | cosh | 0.51 | 0.51 | 1 | 1 | from exp; f32 in f64 |
//! | tanh | 1.2 | 1.25 | 1 | 1 | f32: polynomial, or exp; f64: expm1 in two doubles |
//! | logistic | 1.7 | 1.7 | 1 | 1 | from exp, powers of two kept apart |
//! | erf | 1.25 | 1.65 | 1.2 | 1.2 | polynomial; 1 - 2^q(x), f64: 1 - erfc |
//! | erfc | 0.52 | 0.52 | 1.2 | 1.2 | exp(-x^2) times a polynomial (Shepherd, Laframboise); f32 in f64 |
//! | erf_inv | 0.51 | 0.51 | 3 | 3 | rational functions of x^2 and sqrt(-log(1 - |x|)); call |
//! | lgamma | 0.51 | 0.51 | 8 | 8 | FreeBSD `e_lgamma_r.c`; negative from -17.5 to -2: from the nearest root; call |
//! | digamma | 0.51 | 0.51 | 5 | 5 | rational functions, asymptotic from 4 on, reflection; call |
//! | bessel_i0e | 0.51 | 0.51 | 2.5 | 2.5 | polynomials in x and in 1/x; call |
//! | bessel_i1e | 0.51 | 0.51 | 2.5 | 2.5 | as bessel_i0e; call |
//! | sign | 0 | 0 | 0 | 0 | bits |
//! | floor | 0 | 0 | 0 | 0 | instruction |
//! | ceil | 0 | 0 | 0 | 0 | instruction |
//! | round_half_even | 0 | 0 | 0 | 0 | instruction |
//! | atan2 | 0.51 | 0.51 | 1.2 | 1.2 | as atan, of a quotient in two doubles |
//! | pow | 0.51 | 0.51 | 0.75 | 0.75 | exp(y ln x), ln x in two doubles; f32 in f64 |
//! | polygamma | 0.51 | 0.51 | 6 | 6 | Euler's and Maclaurin's formula; call |
//! | rem | 0 | 0 | 0 | 0 | x - trunc(x/y) y; slow path for quotients from 2^29 |
//! | min | 0 | 0 | 0 | 0 | compare and select |
//! | max | 0 | 0 | 0 | 0 | compare and select |

pub mod builder;
pub mod constants;
pub mod externs;
pub mod special;

mod common;
mod double;
mod functions;
mod lanes;
mod single;

pub use builder::{Mask, MathBuilder};
pub use common::emit_is_finite;
pub use constants::{Constants, InCode};
pub use externs::{ExternFn, ExternFns, ExternTable, FunctionExterns, rounding_libcalls};
pub use functions::{MathBinary, MathUnary, emit_binary, emit_unary};
