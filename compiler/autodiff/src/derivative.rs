//! The derivatives of a function, by name: what interfaces offer and options hold.

use pullback_ir::{FuncId, Function, Module, Verified};

use crate::error::Error;
use crate::jacobian::JacobianMode;

/// Which derivative of a function is meant; see [`differentiate`] for what each takes and returns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Derivative {
    /// The gradient of the first result.
    Gradient,
    /// All results, then the gradient of the first.
    ValueAndGradient,
    /// All results, then the products of given cotangents of the results with the Jacobian.
    Vjp,
    /// All results, then the products of the Jacobian with given tangents of the parameters.
    Jvp,
    /// The generalized Jacobian of each result by each parameter.
    Jacobian,
    /// The Hessian of the first result by each pair of parameters.
    Hessian,
    /// The product of the Hessian of the first result with a given vector.
    Hvp,
}

/// A derivative with respect to the parameters at positions `wrt`, as a function to be added to the module: by [`grad`](crate::grad()),
/// [`value_and_grad`](crate::value_and_grad()), [`vjp`](crate::vjp()), [`jvp`](crate::jvp()), [`jacobian`](crate::jacobian()), [`hessian`](crate::hessian()) or
/// [`hvp`](crate::hvp()).
///
/// # Errors
/// As those.
pub fn differentiate(
    module: &Verified<Module>,
    func: FuncId,
    derivative: Derivative,
    wrt: &[usize],
) -> Result<Function, Error> {
    match derivative {
        Derivative::Gradient => crate::grad(module, func, wrt),
        Derivative::ValueAndGradient => crate::value_and_grad(module, func, wrt),
        Derivative::Vjp => crate::vjp(module, func, wrt),
        Derivative::Jvp => crate::jvp(module, func, wrt),
        Derivative::Jacobian => crate::jacobian(module, func, wrt, JacobianMode::Auto),
        Derivative::Hessian => crate::hessian(module, func, wrt),
        Derivative::Hvp => crate::hvp(module, func, wrt),
    }
}
