//! Generalized Jacobians: all products with basis vectors in one batched product.
//!
//! The Jacobian of a result of shape `m…` by a parameter of shape `n…` has shape `m… n…`. Reverse mode gives its rows: the VJP of each basis cotangent; forward
//! mode gives its columns: the JVP of each basis tangent. Either is one function, batched over the basis ([`vmap`](crate::vmap)): the primal is not batched and
//! computed once, and the derivative's products become larger products instead of many small ones.

use pullback_ir::{Builder, Comparison, DType, FuncId, Function, Module, Shape, Type, Value, Verified};

use crate::batch::{Outputs, batch};
use crate::compose::{Returns, Seed, check_scalar, check_wrt, finish, inlined, reverse_mode, subject};
use crate::control::inline;
use crate::error::Error;
use crate::trace::joint;

/// How a Jacobian is computed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum JacobianMode {
    /// Forward if there are no more elements in the parameters than in the results, else reverse; and the other one if the function has no derivative in that mode
    /// (forward mode refuses a `vjp` rule, reverse mode a `while` without a bound).
    #[default]
    Auto,
    /// By columns: one JVP for each element of the parameters.
    Forward,
    /// By rows: one VJP for each element of the results.
    Reverse,
}

/// The generalized Jacobian of every floating-point result with respect to every parameter in `wrt`.
///
/// `@f_jacobian` takes the parameters of `func`. For each floating-point result of shape `m…`, and for each parameter in `wrt`, of shape `n…`, it returns a tensor of
/// shape `m… n…`: element `(i…, j…)` is the derivative of element `i…` of the result by element `j…` of the parameter.
///
/// # Errors
/// If `func` is not in the module, a parameter does not exist, is repeated or is not floating-point, results and parameters are not of one element type, or a Jacobian has
/// more axes or elements than a tensor may have.
pub fn jacobian(module: &Verified<Module>, func: FuncId, wrt: &[usize], mode: JacobianMode) -> Result<Function, Error> {
    check_wrt(subject(module, func)?, wrt)?;
    let source = inlined(module, func)?;
    Jacobian::new(&source, wrt)?.build(module, mode, &format!("{}_jacobian", source.name))
}

/// The Hessian of the first result, a floating-point scalar, with respect to the parameters in `wrt`: the Jacobian of the gradient, by columns, or by rows if the gradient
/// has no derivative in forward mode.
///
/// `@f_hessian` takes the parameters of `func`; for each pair of parameters in `wrt`, of shapes `m…` and `n…`, it returns a tensor of shape `m… n…`, pairs in
/// row-major order.
///
/// # Errors
/// As [`jacobian`], and if the first result is not a floating-point scalar.
pub fn hessian(module: &Verified<Module>, func: FuncId, wrt: &[usize]) -> Result<Function, Error> {
    let gradient = gradient(module, func, wrt)?;
    let name = &module.function(func).name;
    Jacobian::new(&gradient, wrt)?.build(module, JacobianMode::Auto, &format!("{name}_hessian"))
}

/// The product of the Hessian of the first result, a floating-point scalar, with a vector: the JVP of the gradient, without the Hessian.
///
/// `@f_hvp` takes the parameters of `func` and then a vector `x_t` of the type of each parameter in `wrt`; it returns a tensor of the type of each.
///
/// # Errors
/// As [`grad`](crate::grad).
pub fn hvp(module: &Verified<Module>, func: FuncId, wrt: &[usize]) -> Result<Function, Error> {
    let mut source = gradient(module, func, wrt)?;
    source.name = format!("{}_hvp", module.function(func).name).into();
    let outputs: Vec<usize> = (0..wrt.len()).collect();
    let both = joint(module, &source, wrt, &outputs)?;
    let b = Builder::new(module, &source.name);
    let params: Vec<Value> = params(&b, &both);
    let results = inline(&b, &both, &params);
    finish(module, b, &results[wrt.len().min(results.len())..], "hvp")
}

fn gradient(module: &Verified<Module>, func: FuncId, wrt: &[usize]) -> Result<Function, Error> {
    let function = subject(module, func)?;
    check_wrt(function, wrt)?;
    check_scalar(function)?;
    reverse_mode(module, &inlined(module, func)?, wrt, "grad", Seed::One, Returns::Cotangents)
}

/// Parameters like those of a function.
fn params(b: &Builder<'_>, function: &Function) -> Vec<Value> {
    let params = function.params().iter().enumerate();
    params
        .map(|(position, &param)| {
            let name = function.value_name(param).map_or_else(|| format!("arg{position}"), |name| name.to_string());
            b.param(&name, function.ty(param).clone())
        })
        .collect()
}

/// A function and what is differentiated.
struct Jacobian<'a> {
    source: &'a Function,
    wrt: &'a [usize],
    /// Positions of the floating-point results.
    results: Vec<usize>,
    inputs: Vec<Type>,
    outputs: Vec<Type>,
}

impl<'a> Jacobian<'a> {
    fn new(source: &'a Function, wrt: &'a [usize]) -> Result<Self, Error> {
        let all: Vec<&Type> = source.result_types().collect();
        let results: Vec<usize> = (0..all.len()).filter(|&at| all[at].dtype.is_float()).collect();
        let outputs: Vec<Type> = results.iter().map(|&at| all[at].clone()).collect();
        let inputs: Vec<Type> = wrt.iter().map(|&at| source.ty(source.params()[at]).clone()).collect();
        let this = Self { source, wrt, results, inputs, outputs };
        this.check()?;
        Ok(this)
    }

    /// Every Jacobian, and the batched basis, must be representable.
    fn check(&self) -> Result<(), Error> {
        let fail = |message: String| Err(Error::Batch { function: self.source.name.clone(), message });
        let mut types = self.inputs.iter().chain(&self.outputs);
        if let Some(first) = types.next()
            && let Some(other) = types.find(|ty| ty.dtype != first.dtype)
        {
            return fail(format!("a Jacobian between {first} and {other}, expected one element type: convert first"));
        }
        for output in &self.outputs {
            for input in &self.inputs {
                if let Err(error) = Shape::new(&joined(output, input)) {
                    return fail(format!("the Jacobian of {output} by {input}: {error}"));
                }
            }
        }
        Ok(())
    }

    fn build(&self, module: &Module, mode: JacobianMode, name: &str) -> Result<Function, Error> {
        let rows: usize = self.outputs.iter().map(Type::elements).sum();
        let columns: usize = self.inputs.iter().map(Type::elements).sum();
        if rows == 0 || columns == 0 {
            let b = Builder::new(module, name);
            params(&b, self.source);
            let results: Vec<Value> = self.pairs().map(|(output, input)| self.zeros(&b, output, input)).collect();
            return finish(module, b, &results, "jacobian");
        }
        let by = |forward: bool| {
            let b = Builder::new(module, name);
            let params = params(&b, self.source);
            let results = match forward {
                true => self.by_columns(&b, &params, columns),
                false => self.by_rows(&b, &params, rows),
            };
            finish(module, b, &results?, "jacobian")
        };
        match mode {
            JacobianMode::Forward => by(true),
            JacobianMode::Reverse => by(false),
            JacobianMode::Auto => match by(columns <= rows) {
                Err(error @ Error::NoRule { .. }) => by(columns > rows).map_err(|_| error),
                found => found,
            },
        }
    }

    fn pairs(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        (0..self.outputs.len()).flat_map(|output| (0..self.inputs.len()).map(move |input| (output, input)))
    }

    fn zeros(&self, b: &Builder<'_>, output: usize, input: usize) -> Value {
        let dtype = self.inputs[input].dtype;
        match Type::new(dtype, &joined(&self.outputs[output], &self.inputs[input])) {
            Ok(ty) => b.splat(&ty, 0.0),
            Err(error) => b.fail("jacobian", error.to_string()),
        }
    }

    /// The function's parameters as they are, basis vectors as a batch.
    fn batched(
        &self,
        b: &Builder<'_>,
        f: &Function,
        params: &[Value],
        basis: &[Value],
        size: usize,
    ) -> Result<Vec<Value>, Error> {
        let mut flags = vec![false; params.len()];
        flags.extend(basis.iter().map(|_| true));
        let batched = batch(b.module(), f, size, &flags, Outputs::All)?;
        Ok(inline(b, &batched.function, &[params, basis].concat()))
    }

    fn by_rows(&self, b: &Builder<'_>, params: &[Value], rows: usize) -> Result<Vec<Value>, Error> {
        let vjp = reverse_mode(b.module(), self.source, self.wrt, "vjp", Seed::Parameters, Returns::Cotangents)?;
        let basis = basis(b, &self.outputs, rows);
        let found = self.batched(b, &vjp, params, &basis, rows)?;
        let starts = starts(&self.outputs);
        let part = |(output, input): (usize, usize)| {
            let block = b.slice_axis(found[input], 0, starts[output], starts[output] + self.outputs[output].elements());
            self.shaped(b, block, output, input)
        };
        Ok(self.pairs().map(part).collect())
    }

    fn by_columns(&self, b: &Builder<'_>, params: &[Value], columns: usize) -> Result<Vec<Value>, Error> {
        let both = joint(b.module(), self.source, self.wrt, &self.results)?;
        // The tangents alone: the primal is not repeated over the batch.
        let tangents = Builder::new(b.module(), &both.name);
        let inner = self::params(&tangents, &both);
        let all = inline(&tangents, &both, &inner);
        let count = self.source.results().len().min(all.len());
        let jvp = finish(b.module(), tangents, &all[count..], "jvp")?;
        let basis = basis(b, &self.inputs, columns);
        let found = self.batched(b, &jvp, params, &basis, columns)?;
        let starts = starts(&self.inputs);
        let part = |(output, input): (usize, usize)| {
            let block = b.slice_axis(found[output], 0, starts[input], starts[input] + self.inputs[input].elements());
            let rank = b.shape(block).rank();
            let block = b.transpose(block, (1..rank).chain([0]).collect::<Vec<_>>());
            self.shaped(b, block, output, input)
        };
        Ok(self.pairs().map(part).collect())
    }

    fn shaped(&self, b: &Builder<'_>, block: Value, output: usize, input: usize) -> Value {
        match Shape::new(&joined(&self.outputs[output], &self.inputs[input])) {
            Ok(shape) => b.reshape(block, &shape),
            Err(error) => b.fail("jacobian", error.to_string()),
        }
    }
}

fn joined(output: &Type, input: &Type) -> Vec<usize> {
    [output.shape.extents(), input.shape.extents()].concat()
}

/// Where the elements of each type begin among those of all.
fn starts(types: &[Type]) -> Vec<usize> {
    let elements = types.iter().map(Type::elements);
    elements.scan(0, |next, count| Some(std::mem::replace(next, *next + count))).collect()
}

/// For each type a batch of `size` of its tensors: of the identity matrix of that size, the columns of the elements of that type.
fn basis(b: &Builder<'_>, types: &[Type], size: usize) -> Vec<Value> {
    let identity = |(ty, start): (&Type, usize)| {
        let mut extents = vec![size];
        extents.extend(ty.shape.extents());
        match (Type::new(DType::I64, &[size, ty.elements()]), Shape::new(&extents)) {
            (Ok(square), Ok(shape)) => {
                let column = b.add(b.iota(square.clone(), 1), b.splat(&square, start as f64));
                let here = b.compare(Comparison::Eq, b.iota(square, 0), column);
                b.reshape(b.convert(here, ty.dtype), &shape)
            }
            (Err(error), _) | (_, Err(error)) => b.fail("jacobian", error.to_string()),
        }
    };
    types.iter().zip(starts(types)).map(identity).collect()
}
