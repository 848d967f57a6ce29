//! The derivative in question as a function from cotangents of the results to cotangents of the parameters.

use pullback_interp::Array;
use pullback_ir::{FuncId, Function, Module, Type, Verified};

use super::widen::{wide, widen};
use crate::error::Error;
use crate::oracle;

/// A derivative to be checked. All its types are without `f32`.
pub(super) struct Candidate {
    module: Verified<Module>,
    func: FuncId,
    /// How many results come before the cotangents.
    skipped: usize,
    /// Whether it takes no cotangents: it is the gradient of the first result.
    pub(super) is_gradient: bool,
}

impl Candidate {
    /// What differentiation makes of a function.
    pub(super) fn own(module: &Verified<Module>, func: FuncId, wrt: &[usize]) -> Result<Self, Error> {
        let function = pullback_autodiff::vjp(module, func, wrt)?;
        let skipped = module.function(func).results().len();
        let (module, func) = oracle::alone(function, "vjp")?;
        Ok(Self { module, func, skipped, is_gradient: false })
    }

    /// What a user gives for `subject`.
    pub(super) fn given(
        module: &Verified<Module>,
        derivative: FuncId,
        subject: &Function,
        wrt: &[usize],
    ) -> Result<Self, Error> {
        let function = widen(&oracle::inlined(module, derivative)?)?;
        let params: Vec<Type> = function.param_types().cloned().collect();
        let results: Vec<Type> = function.result_types().cloned().collect();
        let point: Vec<Type> = subject.param_types().map(wide).collect();
        let values: Vec<Type> = subject.result_types().map(wide).collect();
        let cotangents: Vec<Type> = values.iter().filter(|ty| ty.dtype.is_float()).cloned().collect();
        let gradients: Vec<Type> = wrt.iter().map(|&position| point[position].clone()).collect();
        let first_is_scalar = values.first().is_some_and(|ty| ty.dtype.is_float() && ty.rank() == 0);
        let takes_cotangents = params == [&point[..], &cotangents].concat();
        let takes_point = params == point && first_is_scalar;
        let skipped = [0, values.len()].into_iter().find(|&skipped| {
            results.len() == skipped + gradients.len()
                && results.ends_with(&gradients)
                && values.starts_with(&results[..skipped])
        });
        let (Some(skipped), true) = (skipped, takes_cotangents || takes_point) else {
            return Err(Error::User(format!(
                "@{} is not a derivative of @{}: expected a gradient, {}, or a vector-Jacobian product, {}; found {}",
                function.name,
                subject.name,
                signature(&point, &gradients),
                signature(&[&point[..], &cotangents].concat(), &[&values[..], &gradients].concat()),
                signature(&params, &results),
            )));
        };
        let (module, func) = oracle::alone(function, "gradcheck")?;
        Ok(Self { module, func, skipped, is_gradient: !takes_cotangents })
    }

    /// The cotangents of the parameters at a point, for these cotangents of the floating-point results.
    pub(super) fn pull(&self, point: &[Array], cotangents: &[Array]) -> Result<Vec<Array>, Error> {
        let mut arguments = point.to_vec();
        if !self.is_gradient {
            arguments.extend_from_slice(cotangents);
        }
        Ok(oracle::run(&self.module, self.func, &arguments)?.split_off(self.skipped))
    }
}

fn signature(params: &[Type], results: &[Type]) -> String {
    let list = |types: &[Type]| types.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    format!("({}) -> ({})", list(params), list(results))
}
