//! Functions run by the reference interpreter: what explanations and gradient checks are made of.

use pullback_interp::Array;
use pullback_ir::{Elements, FuncId, Function, Module, Scalar, Type, Verified, rewrite, verify};

use crate::error::Error;

/// A module of one function.
///
/// # Errors
/// [`Error::Bug`] if it does not verify: `maker` made it.
pub(crate) fn alone(function: Function, maker: &str) -> Result<(Verified<Module>, FuncId), Error> {
    add(Module::new(), function, maker)
}

/// The module with one more function.
///
/// # Errors
/// [`Error::Bug`] if it does not verify: `maker` made it.
pub(crate) fn add(mut module: Module, function: Function, maker: &str) -> Result<(Verified<Module>, FuncId), Error> {
    let func = module.add(function);
    let module = verify(module).map_err(|errors| Error::Bug(format!("{maker}: {errors}")))?;
    Ok((module, func))
}

/// A function of the module with its calls inlined, as differentiation sees it.
///
/// # Errors
/// [`Error::User`] if there is no such function, [`Error::Limit`] if it is too large.
pub(crate) fn inlined(module: &Verified<Module>, func: FuncId) -> Result<Function, Error> {
    if !module.has(func) {
        return Err(Error::User("the function does not exist in this module".into()));
    }
    rewrite::inline_calls(module, module.function(func)).map_err(|error| Error::Limit(error.message))
}

/// The results of a function.
///
/// # Errors
/// If the inputs do not fit, or memory is short.
pub(crate) fn run(module: &Verified<Module>, func: FuncId, inputs: &[Array]) -> Result<Vec<Array>, Error> {
    Ok(pullback_interp::evaluate(module, func, inputs)?)
}

/// An array of a type with these elements in row-major order, rounded to the element type.
///
/// # Errors
/// [`Error::Bug`] if their number is not that of the type.
pub(crate) fn array(ty: &Type, values: &[f64]) -> Result<Array, Error> {
    let scalars: Vec<Scalar> = values.iter().map(|&x| Scalar::from_f64(ty.dtype, x)).collect();
    let elements = Elements::from_scalars(ty.dtype, &scalars);
    let elements = elements.ok_or_else(|| Error::Bug(format!("elements that are not of type {}", ty.dtype)))?;
    Array::new(ty.shape.clone(), elements).map_err(|error| Error::Bug(error.to_string()))
}

/// An array of zeros.
///
/// # Errors
/// If there is no memory for it.
pub(crate) fn zeros(ty: &Type) -> Result<Array, Error> {
    Ok(Array::splat(Scalar::from_f64(ty.dtype, 0.0), ty.shape.clone())?)
}

/// Checks positions of parameters to differentiate by: existing, floating-point, none twice, at least one.
///
/// # Errors
/// [`Error::User`] that names the first that is not.
pub(crate) fn check_wrt(function: &Function, wrt: &[usize]) -> Result<(), Error> {
    let fail = |message: String| Err(Error::User(format!("@{}: {message}", function.name)));
    if wrt.is_empty() {
        return fail("no parameter to differentiate by is named".into());
    }
    for (index, &position) in wrt.iter().enumerate() {
        let Some(&param) = function.params().get(position) else {
            return fail(format!("there is no parameter {position}: it has {}", function.params().len()));
        };
        if !function.ty(param).dtype.is_float() {
            return fail(format!(
                "parameter {position} of type {} has no derivative: only f32 and f64 have",
                function.ty(param)
            ));
        }
        if wrt[..index].contains(&position) {
            return fail(format!("parameter {position} is named twice among those to differentiate by"));
        }
    }
    Ok(())
}
