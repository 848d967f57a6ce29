//! The programs of the specification, and what they claim.
//!
//! Comment lines behind the last function of a block say what it computes; `ir-spec/README.md` lists them.

use pullback_autodiff::{grad, transpose, vjp};
use pullback_interp::{Array, Scalar, evaluate};
use pullback_ir::parse::parse_literal;
use pullback_ir::print::{PrintOptions, function_to_string};
use pullback_ir::{FuncId, Function, Literal, Module, Type, Verified, parse_module, verify};

use crate::document::Block;

/// What runs a function.
pub(crate) type Engine = fn(&Verified<Module>, FuncId, &[Array]) -> Result<Vec<Array>, String>;

/// The oracle.
pub(crate) fn interpreted(module: &Verified<Module>, func: FuncId, inputs: &[Array]) -> Result<Vec<Array>, String> {
    evaluate(module, func, inputs).map_err(|error| error.to_string())
}

/// A literal, and how far a float may be from it relative to `max(1, |expected|)`.
struct Expected {
    text: String,
    tolerance: f64,
}

/// What the last function of a block is claimed to compute.
#[derive(Default)]
struct Claims {
    inputs: Vec<(String, String)>,
    results: Vec<Expected>,
    gradients: Vec<(String, Expected)>,
    transposed: Vec<(String, Expected)>,
}

impl Claims {
    fn read(text: &str) -> Result<Self, String> {
        let mut claims = Self::default();
        let behind = text.rsplit_once("\n}").map_or("", |(_, rest)| rest);
        for line in behind.lines().filter(|line| !line.is_empty()) {
            let claim = line.strip_prefix("; ").and_then(|claim| claim.split_once(": "));
            match claim.ok_or(format!("`{line}` behind the last function"))? {
                ("input", of) => claims.inputs.push(named(of)?),
                ("expect", value) => claims.results.push(Expected::read(value)?),
                ("gradient", of) => {
                    let (name, value) = named(of)?;
                    claims.gradients.push((name, Expected::read(&value)?));
                }
                ("transpose", of) => {
                    let (name, value) = named(of)?;
                    claims.transposed.push((name, Expected::read(&value)?));
                }
                (word, _) => return Err(format!("`{word}` is no claim")),
            }
        }
        Ok(claims)
    }
}

/// `%name = value`.
fn named(text: &str) -> Result<(String, String), String> {
    let parts = text.strip_prefix('%').and_then(|rest| rest.split_once(" = "));
    let (name, value) = parts.ok_or(format!("`{text}`, expected `%name = value`"))?;
    Ok((name.into(), value.into()))
}

impl Expected {
    fn read(text: &str) -> Result<Self, String> {
        let (text, tolerance) = text.split_once(" ~ ").unwrap_or((text, "0"));
        let tolerance = tolerance.parse().map_err(|_| format!("the tolerance `{tolerance}`"))?;
        Ok(Self { text: text.into(), tolerance })
    }

    /// Compares element by element: by `same`, NaN with NaN, or within the tolerance.
    fn compare(&self, what: &str, found: &Array, ty: &Type, same: fn(Scalar, Scalar) -> bool) -> Result<(), String> {
        let expected = array(&literal(&self.text, ty)?)?;
        if found.ty() != *ty {
            return Err(format!("{what} is of type {}, expected {ty}", found.ty()));
        }
        let agree = |x: Scalar, y: Scalar| {
            let (a, b) = (x.to_f64(), y.to_f64());
            same(x, y) || (a.is_nan() && b.is_nan()) || (a - b).abs() <= self.tolerance * b.abs().max(1.0)
        };
        let mut pairs = found.elements.iter().zip(expected.elements.iter());
        if pairs.all(|(x, y)| agree(x, y)) { Ok(()) } else { Err(format!("{what} is\n{found}\nexpected\n{expected}")) }
    }
}

/// A block that parses and verifies.
pub(crate) struct Example {
    module: Verified<Module>,
    func: FuncId,
    claims: Claims,
}

impl Example {
    /// Parses and verifies a block, and prints and parses it once more.
    pub(crate) fn read(block: &Block) -> Result<Self, String> {
        let module = parse_module(&block.text).map_err(|errors| errors.to_string())?;
        let printed = module.to_string();
        let again = parse_module(&printed).map_err(|errors| format!("its print does not parse: {errors}"))?;
        if again.to_string() != printed {
            return Err(format!("printing, parsing and printing gave\n{again}\ninstead of\n{printed}"));
        }
        let (func, _) = module.functions().last().ok_or("no function")?;
        let module = verify(module).map_err(|errors| errors.to_string())?;
        Ok(Self { module, func, claims: Claims::read(&block.text)? })
    }

    fn function(&self) -> &Function {
        self.module.function(self.func)
    }

    /// Whether the last function has an instruction of this operation.
    pub(crate) fn uses(&self, op: &str) -> bool {
        let function = self.function();
        function.insts().iter().any(|&inst| function.op(inst).name() == op)
    }

    /// Whether it claims what it computes: values of its results, or, of a linear map without any, of its transpose.
    pub(crate) fn has_results(&self) -> bool {
        !self.claims.results.is_empty() || !self.claims.transposed.is_empty()
    }

    /// Whether all that it claims is about its transpose.
    pub(crate) fn is_transposed(&self) -> bool {
        !self.claims.transposed.is_empty()
    }

    /// Whether it claims a gradient for each parameter that has one, or what its transpose gives.
    pub(crate) fn has_all_gradients(&self) -> bool {
        if self.is_transposed() {
            return true;
        }
        let function = self.function();
        let mut floats = function.params().iter().filter(|&&param| function.ty(param).dtype.is_float());
        floats.all(|&param| {
            let name = function.value_name(param).map(ToString::to_string);
            self.claims.gradients.iter().any(|(claimed, _)| Some(claimed) == name.as_ref())
        })
    }

    /// Runs the function and compares the claimed results and gradients.
    pub(crate) fn check(&self, engine: Engine) -> Result<(), String> {
        if self.is_transposed() {
            self.check_transpose(engine)?;
        } else if self.has_results() || !self.claims.gradients.is_empty() {
            self.check_results(engine)?;
            self.check_gradients(engine)?;
        }
        Ok(())
    }

    /// Runs the function and compares the claimed results.
    pub(crate) fn check_results(&self, engine: Engine) -> Result<(), String> {
        let found = engine(&self.module, self.func, &self.inputs()?)?;
        let types: Vec<&Type> = self.function().result_types().collect();
        if self.claims.results.len() != types.len() {
            return Err(format!("{} results are claimed of {}", self.claims.results.len(), types.len()));
        }
        for (position, claimed) in self.claims.results.iter().enumerate() {
            claimed.compare(&format!("result {position}"), &found[position], types[position], |x, y| x == y)?;
        }
        Ok(())
    }

    /// Runs the vector-Jacobian product on cotangents of ones and compares the claimed gradients.
    pub(crate) fn check_gradients(&self, engine: Engine) -> Result<(), String> {
        if self.claims.gradients.is_empty() {
            return Ok(());
        }
        let names: Vec<&String> = self.claims.gradients.iter().map(|(name, _)| name).collect();
        let wrt = names.iter().map(|name| self.param(name)).collect::<Result<Vec<_>, _>>()?;
        let adjoint = vjp(&self.module, self.func, &wrt).map_err(|error| error.to_string())?;
        let (module, func) = added(&self.module, adjoint)?;
        let mut inputs = self.inputs()?;
        for ty in self.function().result_types().filter(|ty| ty.dtype.is_float()) {
            inputs.push(ones(ty)?);
        }
        let found = engine(&module, func, &inputs)?;
        let outputs = self.function().results().len();
        for (position, (name, claimed)) in self.claims.gradients.iter().enumerate() {
            let ty = self.function().ty(self.function().params()[wrt[position]]);
            // The sign of a zero is no part of a derivative.
            let same = |x: Scalar, y: Scalar| x.to_f64() == y.to_f64();
            claimed.compare(&format!("the gradient of {name}"), &found[outputs + position], ty, same)?;
        }
        Ok(())
    }

    /// Runs the transpose on cotangents of ones. The parameters that it is claimed for stand behind the residuals.
    pub(crate) fn check_transpose(&self, engine: Engine) -> Result<(), String> {
        let (module, func) = self.transposed(&self.module, self.func)?;
        let mut inputs = self.inputs()?;
        for ty in self.function().result_types() {
            inputs.push(ones(ty)?);
        }
        let found = engine(&module, func, &inputs)?;
        for (position, (name, claimed)) in self.claims.transposed.iter().enumerate() {
            let ty = self.function().ty(self.function().params()[self.param(name)?]);
            claimed.compare(&format!("the cotangent of {name}"), &found[position], ty, |x, y| x == y)?;
        }
        Ok(())
    }

    /// The transpose of a function with the parameters of the example, in its module.
    pub(crate) fn transposed(
        &self,
        module: &Verified<Module>,
        func: FuncId,
    ) -> Result<(Verified<Module>, FuncId), String> {
        let residuals = self.function().params().len() - self.claims.transposed.len();
        let function = transpose(module, func, residuals).map_err(|error| error.to_string())?;
        added(module, function)
    }

    /// The module and the function that the claims are about, and its arguments.
    pub(crate) fn subject(&self) -> Result<(&Verified<Module>, FuncId, Vec<Array>), String> {
        Ok((&self.module, self.func, self.inputs()?))
    }

    /// The gradient of the last function with respect to a parameter, as text.
    pub(crate) fn gradient(&self, name: &str) -> Result<String, String> {
        let gradient = grad(&self.module, self.func, &[self.param(name)?]).map_err(|error| error.to_string())?;
        Ok(function_to_string(&self.module, &gradient, PrintOptions::default()))
    }

    fn param(&self, name: &str) -> Result<usize, String> {
        let function = self.function();
        let position = function
            .params()
            .iter()
            .position(|&param| function.value_name(param).is_some_and(|found| **found == *name));
        position.ok_or(format!("no parameter %{name}"))
    }

    fn inputs(&self) -> Result<Vec<Array>, String> {
        let linear: Vec<&String> = self.claims.transposed.iter().map(|(name, _)| name).collect();
        let residuals = self.function().params().len() - linear.len();
        let mut inputs = vec![None; residuals];
        for (name, text) in &self.claims.inputs {
            let position = self.param(name)?;
            let ty = self.function().ty(self.function().params()[position]);
            let input = inputs.get_mut(position).ok_or(format!("an input for %{name}, which the transpose has not"))?;
            *input = Some(array(&literal(text, ty)?)?);
        }
        inputs.into_iter().collect::<Option<Vec<_>>>().ok_or("an input is missing".into())
    }
}

/// The module with one more function.
pub(crate) fn added(module: &Module, function: Function) -> Result<(Verified<Module>, FuncId), String> {
    let mut module = Module::clone(module);
    let func = module.add(function);
    Ok((verify(module).map_err(|errors| errors.to_string())?, func))
}

/// An array of ones.
pub(crate) fn ones(ty: &Type) -> Result<Array, String> {
    array(&Literal::splat(Scalar::from_f64(ty.dtype, 1.0), ty.shape.clone()))
}

fn literal(text: &str, ty: &Type) -> Result<Literal, String> {
    parse_literal(text, ty).map_err(|errors| format!("`{text}`: {errors}"))
}

fn array(literal: &Literal) -> Result<Array, String> {
    Array::from_literal(literal).map_err(|error| error.to_string())
}
