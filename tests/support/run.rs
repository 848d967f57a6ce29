//! Running functions, with panics that show the program.

use pullback_interp::{Array, evaluate};
use pullback_ir::print::{PrintOptions, module_to_string};
use pullback_ir::rewrite::inline_calls;
use pullback_ir::{FuncId, Function, Module, Verified, verify};

/// A function and what to call it with.
#[derive(Clone)]
pub struct Case {
    /// The module.
    pub module: Verified<Module>,
    /// The function.
    pub func: FuncId,
    /// One array per parameter.
    pub inputs: Vec<Array>,
}

impl Case {
    /// The function.
    pub fn function(&self) -> &Function {
        self.module.function(self.func)
    }

    /// The module as text.
    pub fn text(&self) -> String {
        module_to_string(&self.module, PrintOptions::default())
    }

    /// What the interpreter gives.
    pub fn interpret(&self) -> Vec<Array> {
        evaluate(&self.module, self.func, &self.inputs).unwrap_or_else(|error| panic!("{error}\n{}", self.text()))
    }

    /// The case in a module of its own, with all calls inlined.
    pub fn inlined(&self) -> Self {
        let function =
            inline_calls(&self.module, self.function()).unwrap_or_else(|error| panic!("{error}\n{}", self.text()));
        Self::of(function, self.inputs.clone())
    }

    /// A function without calls in a module of its own.
    pub fn of(function: Function, inputs: Vec<Array>) -> Self {
        let mut module = Module::new();
        let func = module.add(function);
        Self { module: verified(module), func, inputs }
    }

    /// Another function, which may call those of this module, with other inputs.
    pub fn with(&self, function: Function, inputs: Vec<Array>) -> Self {
        let mut module = (*self.module).clone();
        let func = module.add(function);
        Self { module: verified(module), func, inputs }
    }
}

/// The module, which must be valid.
pub fn verified(module: Module) -> Verified<Module> {
    let text = module_to_string(&module, PrintOptions::default());
    verify(module).unwrap_or_else(|errors| panic!("{errors}\n{text}"))
}

/// The positions of the floating-point parameters.
pub fn float_params(function: &Function) -> Vec<usize> {
    function.param_types().enumerate().filter(|(_, ty)| ty.dtype.is_float()).map(|(position, _)| position).collect()
}
