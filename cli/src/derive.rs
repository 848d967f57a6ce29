//! Which function and which parameters are meant, and the derivatives of a function.

use std::collections::HashMap;
use std::fmt::Write;

use clap::ValueEnum;
use pullback_autodiff::Derivative;
use pullback_ir::print::value_names;
use pullback_ir::{FuncId, Function, Module};

use crate::failure::Failure;

/// How to differentiate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Mode {
    /// The gradient of a scalar result, by reverse mode
    Reverse,
    /// The tangents of the results from tangents of the parameters (Jacobian-vector product), by forward mode
    Forward,
    /// The cotangents of the parameters from cotangents of the results (vector-Jacobian product), by reverse mode
    Vjp,
    /// The generalized Jacobian of each result by each parameter, by forward or reverse mode, whichever has fewer products
    Jacobian,
    /// The Hessian of a scalar result, forward over reverse mode
    Hessian,
    /// The product of the Hessian of a scalar result with a vector, forward over reverse mode
    Hvp,
}

impl Mode {
    /// The derivative; `with_value` makes the gradient one that returns the function's results too.
    #[must_use]
    pub const fn derivative(self, with_value: bool) -> Derivative {
        match self {
            Self::Reverse if with_value => Derivative::ValueAndGradient,
            Self::Reverse => Derivative::Gradient,
            Self::Forward => Derivative::Jvp,
            Self::Vjp => Derivative::Vjp,
            Self::Jacobian => Derivative::Jacobian,
            Self::Hessian => Derivative::Hessian,
            Self::Hvp => Derivative::Hvp,
        }
    }
}

/// How many programs a derivative is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Form {
    /// One program, which computes the function on the way
    Joint,
    /// Two programs: one returns the function's results and residuals, the other goes from residuals to derivatives
    Split,
}

/// The most functions that a message lists.
const MAX_LISTED: usize = 20;

/// The function of that name, with or without `@`; without a name `@main`, or the only function.
///
/// # Errors
/// If there is none, or no name was given and there are several; the message lists them.
pub fn find_function(module: &Module, name: Option<&str>) -> Result<FuncId, Failure> {
    let known = || {
        let names: Vec<String> =
            module.functions().take(MAX_LISTED).map(|(_, function)| format!("@{}", function.name)).collect();
        match module.len().saturating_sub(names.len()) {
            _ if names.is_empty() => "the file has none".to_string(),
            0 => format!("the file has {}", names.join(", ")),
            more => format!("the file has {} and {more} more", names.join(", ")),
        }
    };
    if let Some(name) = name {
        let bare = name.strip_prefix('@').unwrap_or(name);
        return module.find(bare).ok_or_else(|| Failure::Usage(format!("there is no function @{bare}: {}", known())));
    }
    let mut ids = module.functions().map(|(id, _)| id);
    match (module.find("main"), ids.next(), ids.next()) {
        (Some(main), _, _) => Ok(main),
        (None, Some(only), None) => Ok(only),
        (None, None, _) => Err(Failure::program("the file has no function")),
        (None, Some(_), Some(_)) => Err(Failure::Usage(format!(
            "several functions and none named @main, choose one with --function: {}",
            known()
        ))),
    }
}

/// The names of the parameters, without `%`; unnamed ones have the number that they print under.
#[must_use]
pub fn param_names(module: &Module, function: &Function) -> Vec<String> {
    let count = function.params().len();
    value_names(module, function).into_iter().take(count).map(|(_, name)| name.replacen('%', "", 1)).collect()
}

/// The names of the results, without `%`, in order; the same value returned twice has the same name twice.
#[must_use]
pub fn result_names(module: &Module, function: &Function) -> Vec<String> {
    let names: HashMap<_, _> = value_names(module, function).into_iter().collect();
    let name = |value| names.get(value).map_or("?", |name| name.trim_start_matches('%'));
    function.results().iter().map(|value| name(value).to_string()).collect()
}

/// The positions of the parameters of these names; of all floating-point parameters if none is named.
///
/// # Errors
/// If a name is no parameter; the message lists them.
pub fn find_params(module: &Module, func: FuncId, wrt: &[String]) -> Result<Vec<usize>, Failure> {
    let function = module.function(func);
    let names = param_names(module, function);
    if wrt.is_empty() {
        let float: Vec<usize> =
            function.param_types().enumerate().filter(|(_, ty)| ty.dtype.is_float()).map(|(index, _)| index).collect();
        return if float.is_empty() {
            Err(Failure::program(format!("@{} has no f32 or f64 parameter to differentiate by", function.name)))
        } else {
            Ok(float)
        };
    }
    let position = |wanted: &String| {
        let bare = wanted.trim().trim_start_matches('%');
        if bare.is_empty() {
            return Err(Failure::Usage("--wrt has an empty name, expected names separated by commas".into()));
        }
        names.iter().position(|name| name == bare).ok_or_else(|| {
            let mut known = String::new();
            for (name, ty) in names.iter().zip(function.param_types()) {
                let _ = write!(known, "\n  %{name}: {ty}");
            }
            let known = if known.is_empty() { " it has none".into() } else { known };
            Failure::Usage(format!("@{} has no parameter %{bare}, expected one of:{known}", function.name))
        })
    };
    wrt.iter().map(position).collect()
}
