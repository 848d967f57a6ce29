//! Sparse Jacobians: which elements can be non-zero, and all of them from few products.
//!
//! [`jacobian_sparsity`] propagates through the function which elements of the parameters each element depends on (`propagate.rs`): the pattern holds for all
//! values of the floating-point inputs, and for the given values of the integer ones, since indices decide who meets whom. [`color`] groups columns (or rows) that share no
//! row (or column) (`coloring.rs`), and [`sparse_jacobian`] makes a function that computes one product per colour, all in one batch: the *compressed* Jacobian, from which
//! [`SparseJacobian::values`] takes the elements of the pattern. After Curtis, Powell and Reid, "On the estimation of sparse Jacobian matrices", and
//! Gebremedhin, Manne and Pothen, "What color is your Jacobian?".

mod coloring;
mod pattern;
mod propagate;
mod sets;

use pullback_interp::Array;
use pullback_ir::{Builder, DType, Elements, FuncId, Function, Literal, Module, Shape, Type, Value, Verified, verify};

use crate::error::Error;

use coloring::color_side;
pub use coloring::{Coloring, Side, color};
pub use pattern::SparsityPattern;

/// Which elements of the Jacobian can be non-zero: rows are the elements of the floating-point results, one result after the other, columns those of the
/// parameters at positions `wrt`.
///
/// `inputs` has, for each parameter, its value if it is known: integers and truth values that decide which elements meet (indices, masks, trip counts) should be given. The
/// pattern holds for all values of the others. An index that is not known may pick every element, a condition either branch; a `custom_derivative`, whose rule is the user's,
/// lets each of its results depend on all of its operands.
///
/// # Errors
/// [`Error::User`] if `func` is not in the module, a parameter to differentiate by is not floating-point, or an input is not of its parameter's type;
/// [`Error::Limit`] if a loop's trip count depends on what is not known and it has no bound, or there are more than 2^32 columns.
pub fn jacobian_sparsity(
    module: &Verified<Module>,
    func: FuncId,
    wrt: &[usize],
    inputs: &[Option<Array>],
) -> Result<SparsityPattern, Error> {
    check(module, func, wrt, inputs)?;
    let function = pullback_ir::rewrite::inline_calls(module, module.function(func))?;
    propagate::pattern(&function, wrt, inputs)
}

fn check(module: &Verified<Module>, func: FuncId, wrt: &[usize], inputs: &[Option<Array>]) -> Result<(), Error> {
    if !module.has(func) {
        return Err(Error::User("the function does not exist in this module".into()));
    }
    let function = module.function(func);
    let types: Vec<&Type> = function.param_types().collect();
    if inputs.len() != types.len() {
        return Err(Error::User(format!("{} inputs, @{} has {} parameters", inputs.len(), function.name, types.len())));
    }
    for (position, (input, ty)) in inputs.iter().zip(&types).enumerate() {
        if let Some(found) = input.as_ref().map(Array::ty).filter(|found| found != *ty) {
            return Err(Error::User(format!("input {position} of @{} is {found}, expected {ty}", function.name)));
        }
    }
    for (at, &index) in wrt.iter().enumerate() {
        match types.get(index) {
            Some(ty) if ty.dtype.is_float() && !wrt[..at].contains(&index) => {}
            Some(ty) if ty.dtype.is_float() => {
                return Err(Error::User(format!("parameter {index} is named twice among those to differentiate by")));
            }
            Some(ty) => return Err(Error::User(format!("parameter {index} is {ty}, expected f32 or f64"))),
            None => return Err(Error::User(format!("@{} has no parameter {index}", function.name))),
        }
    }
    Ok(())
}

/// A Jacobian in compressed form.
#[derive(Clone, Debug)]
pub struct SparseJacobian {
    /// `@f_sparse_jacobian`: from the parameters of the function to the compressed Jacobian, of shape `[colours, rows]` if columns are coloured, else
    /// `[colours, columns]`.
    pub function: Function,
    /// The pattern.
    pub pattern: SparsityPattern,
    /// The groups.
    pub coloring: Coloring,
}

impl SparseJacobian {
    /// The elements of the pattern, in its order, from what [`SparseJacobian::function`] returned.
    ///
    /// # Errors
    /// [`Error::User`] if `compressed` does not have the number of elements that the function returns.
    pub fn values(&self, compressed: &[f64]) -> Result<Vec<f64>, Error> {
        let (rows, columns) = (self.pattern.rows(), self.pattern.columns());
        let width = if self.coloring.side == Side::Columns { rows } else { columns };
        if compressed.len() != width * self.coloring.colors {
            let expected = width * self.coloring.colors;
            return Err(Error::User(format!(
                "a compressed Jacobian of {} elements, expected {expected}",
                compressed.len()
            )));
        }
        let value = |(row, column): (usize, usize)| match self.coloring.side {
            Side::Columns => compressed[self.coloring.color[column] * width + row],
            Side::Rows => compressed[self.coloring.color[row] * width + column],
        };
        Ok(self.pattern.entries().map(value).collect())
    }
}

/// The function that computes the elements of the pattern with one product per colour, by forward mode if columns take no more colours than rows. If the function has no
/// derivative in the mode that would need fewer products (forward mode refuses a `vjp` rule, reverse mode a `while` without a bound), it is the other mode.
///
/// # Errors
/// As [`jacobian_sparsity`] and [`vjp`](crate::vjp()); [`Error::User`] if no result is floating-point, results and parameters differ in element type or the pattern is not of this function's size.
pub fn sparse_jacobian(
    module: &Verified<Module>,
    func: FuncId,
    wrt: &[usize],
    pattern: SparsityPattern,
) -> Result<SparseJacobian, Error> {
    let inputs = vec![None; if module.has(func) { module.function(func).params().len() } else { 0 }];
    check(module, func, wrt, &inputs)?;
    let source = module.function(func);
    let floats: Vec<Type> = source.result_types().filter(|ty| ty.dtype.is_float()).cloned().collect();
    let params: Vec<Type> = wrt.iter().map(|&at| source.ty(source.params()[at]).clone()).collect();
    let total = |types: &[Type]| types.iter().map(Type::elements).sum::<usize>();
    if (pattern.rows(), pattern.columns()) != (total(&floats), total(&params)) {
        return Err(Error::User(format!(
            "a pattern of {} rows and {} columns for a Jacobian of {} and {}",
            pattern.rows(),
            pattern.columns(),
            total(&floats),
            total(&params)
        )));
    }
    let Some(first) = floats.first() else {
        return Err(Error::User(format!("@{} has no floating-point result, so it has no Jacobian", source.name)));
    };
    if let Some(other) = floats.iter().chain(&params).find(|ty| ty.dtype != first.dtype) {
        return Err(Error::User(format!("a Jacobian between {first} and {other}, expected one element type")));
    }
    let (coloring, product) = colored_product(module, func, wrt, &pattern)?;
    let seeds = if coloring.side == Side::Columns { &params } else { &floats };
    let mut all = Module::clone(module);
    let product = all.add(product);
    let all = verify(all)?;
    let plain = source.params().len();
    let mut in_axes = vec![None; plain];
    in_axes.extend(seeds.iter().map(|_| Some(0)));
    let out_axes = vec![0; all.function(product).results().len()];
    let batched = pullback_autodiff::vmap(&all, product, coloring.colors, &in_axes, &out_axes)?;
    let mut all = all.into_inner();
    let name = format!("{}_sparse_jacobian", source.name);
    let batched = all.add(batched);
    let function = wrapper(&all, source, batched, seeds, &coloring, &name)?;
    let function = pullback_ir::rewrite::inline_calls(&with(&all, &function)?, &function)?;
    Ok(SparseJacobian { function, pattern, coloring })
}

/// The groups and the function that makes the product with one of them: of the other side if this kind of product cannot be had of the function.
fn colored_product(
    module: &Verified<Module>,
    func: FuncId,
    wrt: &[usize],
    pattern: &SparsityPattern,
) -> Result<(Coloring, Function), Error> {
    let product = |side: Side| match side {
        Side::Columns => pullback_autodiff::jvp(module, func, wrt),
        Side::Rows => pullback_autodiff::vjp(module, func, wrt),
    };
    let coloring = color(pattern);
    let error = match product(coloring.side) {
        Ok(function) => return Ok((coloring, function)),
        Err(error) => error,
    };
    if !matches!(error, pullback_autodiff::Error::NoRule { .. }) {
        return Err(error.into());
    }
    let other = if coloring.side == Side::Columns { Side::Rows } else { Side::Columns };
    match product(other) {
        Ok(function) => Ok((color_side(pattern, other), function)),
        Err(_) => Err(error.into()),
    }
}

/// The module, verified with the function in it.
fn with(module: &Module, function: &Function) -> Result<Verified<Module>, Error> {
    let mut module = module.clone();
    module.add(function.clone());
    Ok(verify(module)?)
}

/// Calls the batched products with the seeds of the colours and puts what belongs to one colour into one row.
fn wrapper(
    module: &Module,
    source: &Function,
    batched: FuncId,
    seeds: &[Type],
    coloring: &Coloring,
    name: &str,
) -> Result<Function, Error> {
    let b = Builder::new(module, name);
    let mut args: Vec<Value> = Vec::new();
    for (position, &param) in source.params().iter().enumerate() {
        let name = source.value_name(param).map_or_else(|| format!("arg{position}"), |name| name.to_string());
        args.push(b.param(&name, source.ty(param).clone()));
    }
    let mut start = 0;
    for ty in seeds {
        args.push(b.constant(seed(ty, start, coloring)?));
        start += ty.elements();
    }
    let results = b.call(batched, &args);
    let products = &results[source.results().len().min(results.len())..];
    let rows: Result<Vec<Value>, Error> = products
        .iter()
        .map(|&product| {
            let count = b.shape(product).elements() / coloring.colors.max(1);
            let shape = Shape::new(&[coloring.colors, count]).map_err(|error| Error::Limit(error.to_string()))?;
            Ok(b.reshape(product, &shape))
        })
        .collect();
    let compressed = b.concatenate(&rows?, 1);
    Ok(b.finish(&[compressed])?)
}

/// For each colour a tensor of that type with 1 at the elements of the colour.
fn seed(ty: &Type, start: usize, coloring: &Coloring) -> Result<Literal, Error> {
    let count = ty.elements();
    let mut values = vec![0.0; coloring.colors * count];
    for element in 0..count {
        values[coloring.color[start + element] * count + element] = 1.0;
    }
    let mut extents = vec![coloring.colors];
    extents.extend(ty.shape.extents());
    let shape = Shape::new(&extents).map_err(|error| Error::Limit(error.to_string()))?;
    let elements = match ty.dtype {
        DType::F32 => Elements::F32(values.into_iter().map(|x| x as f32).collect()),
        _ => Elements::F64(values),
    };
    Literal::dense(shape, elements).ok_or_else(|| Error::Bug("a seed of the wrong size".into()))
}
