//! Derivatives checked against differences, for users.
//!
//! Along random directions `v` of one parameter and for random cotangents `u` of the results, three numbers must agree:
//!
//! * the derivative of `⟨f, u⟩` along `v` by central differences, which need no rule (`differences.rs`);
//! * `⟨v, Jᵀ u⟩` by the derivative in question: [`pullback_autodiff::vjp`], or a function that a user gives;
//! * `⟨J v, u⟩` by [`pullback_autodiff::jvp`], which must be `⟨v, Jᵀ u⟩` but for rounding.
//!
//! Everything is run by the interpreter in `f64`; a function with `f32` is rewritten first (`widen.rs`), as differences in `f32` have
//! three digits. Components of directions and cotangents have magnitudes between one half and one and random signs, so that no element
//! is hardly moved.
//!
//! At a point where the function has a kink there is no derivative and the check says so, with the slopes at both sides. Where the differences
//! themselves are not good enough to tell, the verdict is [`Verdict::Unclear`] and not a guess.

mod candidate;
mod check;
mod differences;
mod report;
mod widen;

use pullback_interp::Array;
use pullback_ir::{FuncId, Module, Verified};

pub use report::{ArgumentCheck, DirectionCheck, GradCheckReport, Verdict};

use crate::error::Error;

/// What is checked, and how strictly.
#[derive(Clone, Debug)]
pub struct GradCheckOptions {
    /// The parameters to check: positions, from 0.
    pub wrt: Vec<usize>,
    /// Random directions for each parameter.
    pub directions: usize,
    /// The largest relative error that passes.
    pub tolerance: f64,
    /// Seeds the directions.
    pub seed: u64,
    /// Also checks the derivatives of the vector-Jacobian product itself, which are second derivatives.
    pub second_order: bool,
}

impl GradCheckOptions {
    /// Four directions for each of these parameters, a tolerance of 1e-6, first derivatives.
    #[must_use]
    pub fn new(wrt: impl Into<Vec<usize>>) -> Self {
        Self { wrt: wrt.into(), directions: 4, tolerance: 1e-6, seed: 0, second_order: false }
    }
}

/// Checks the derivatives that the compiler makes of a function at `inputs`, one array per parameter.
///
/// # Errors
/// [`Error::User`] if function, parameters, inputs or options do not fit or an operation has no derivative; [`Error::Limit`] if memory is short, a
/// call too large, or the function cannot be computed in `f64`. A wrong derivative is no error: the report says it.
pub fn gradcheck(
    module: &Verified<Module>,
    func: FuncId,
    inputs: &[Array],
    options: &GradCheckOptions,
) -> Result<GradCheckReport, Error> {
    check::run(module, func, None, inputs, options)
}

/// Checks a derivative that a user wrote: `derivative` is a function of the same module, of one of two forms.
///
/// * A gradient: the parameters of `func`, whose first result is a floating-point scalar; one gradient for each entry of
///   [`GradCheckOptions::wrt`], in that order.
/// * A vector-Jacobian product, as [`pullback_autodiff::vjp`] makes it: the parameters of `func`, then a cotangent of each floating-point
///   result; the results of `func` first or not at all, then the cotangents of the parameters of `wrt`.
///
/// # Errors
/// As [`gradcheck`], and [`Error::User`] if the derivative has neither form, or its second order is asked for.
pub fn gradcheck_derivative(
    module: &Verified<Module>,
    func: FuncId,
    derivative: FuncId,
    inputs: &[Array],
    options: &GradCheckOptions,
) -> Result<GradCheckReport, Error> {
    check::run(module, func, Some(derivative), inputs, options)
}

#[cfg(test)]
mod tests;
