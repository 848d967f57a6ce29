//! One instruction as a function of its operands, and its derivatives as the compiler makes them.

use pullback_interp::Array;
use pullback_ir::{Builder, FuncId, Function, Inst, Module, Op, Scalar, Type, Value, Verified};

use crate::error::Error;
use crate::oracle;

/// An instruction as a function: one parameter per operand, one result per result.
pub(super) struct Local {
    module: Verified<Module>,
    func: FuncId,
    /// The operands that the parameters stand for.
    pub(super) operands: Vec<Value>,
    /// What the operands are at the point of the explanation.
    inputs: Vec<Array>,
}

/// The derivative of one result by one operand.
pub(super) struct EdgeDerivative {
    /// Upstream gradient times local Jacobian, as the rules of the operation give it; `None` for a zero that holds everywhere.
    pub(super) contribution: Option<Array>,
    /// The local Jacobian in row-major order, result axes first; `None` if it has more elements than the limit.
    pub(super) jacobian: Option<Vec<f64>>,
}

impl Local {
    /// Cuts the instruction out of its function. `value` gives the value of an operand.
    pub(super) fn new(function: &Function, inst: Inst, value: impl Fn(Value) -> Array) -> Result<Self, Error> {
        let empty = Module::new();
        let b = Builder::new(&empty, "local");
        let operands = function.args(inst).to_vec();
        // An operand used twice is two parameters: each use is an edge of its own.
        let params: Vec<Value> = operands.iter().map(|&arg| b.param("x", function.ty(arg).clone())).collect();
        let results = b.emit_structured(function.op(inst).clone(), &params, &function.region_functions(inst));
        let cut = b.finish(&results);
        let cut =
            cut.map_err(|error| Error::Limit(format!("{} cannot be explained alone: {}", error.op, error.message)))?;
        let (module, func) = oracle::alone(cut, "explain")?;
        let inputs = operands.iter().map(|&operand| value(operand)).collect();
        Ok(Self { module, func, operands, inputs })
    }

    fn function(&self) -> &Function {
        self.module.function(self.func)
    }

    fn operand_type(&self, position: usize) -> Type {
        self.inputs[position].ty()
    }

    /// Differentiates the result at `result`, whose gradient is `upstream`, by the operand at `position`.
    pub(super) fn edge(
        &self,
        position: usize,
        result: usize,
        upstream: &Array,
        limit: usize,
    ) -> Result<EdgeDerivative, Error> {
        let reverse = pullback_autodiff::vjp(&self.module, self.func, &[position])?;
        let is_zero = is_constant_zero(&reverse);
        let (module, func) = oracle::alone(reverse, "vjp")?;
        let contribution = self.pull(&module, func, result, upstream)?;
        let (rows, columns) = (upstream.ty(), self.operand_type(position));
        let count = rows.elements() as u128 * columns.elements() as u128;
        let jacobian = if count > limit as u128 {
            None
        } else {
            let is_tall = columns.elements() < rows.elements();
            match if is_tall { self.by_columns(position, result)? } else { None } {
                Some(jacobian) => Some(jacobian),
                None => {
                    let basis = basis(&rows)?;
                    let rows = basis.iter().map(|unit| Ok(self.pull(&module, func, result, unit)?.to_f64()));
                    Some(rows.collect::<Result<Vec<_>, Error>>()?.concat())
                }
            }
        };
        if let Some(jacobian) = &jacobian {
            check_product(self.function(), upstream, jacobian, &contribution)?;
        }
        Ok(EdgeDerivative { contribution: (!is_zero).then_some(contribution), jacobian })
    }

    /// Runs the vector-Jacobian product with a cotangent for one result and zero for the others.
    fn pull(&self, module: &Verified<Module>, func: FuncId, result: usize, cotangent: &Array) -> Result<Array, Error> {
        let mut inputs = self.inputs.clone();
        for (index, ty) in self.function().result_types().enumerate() {
            if index == result {
                inputs.push(cotangent.clone());
            } else if ty.dtype.is_float() {
                inputs.push(oracle::zeros(ty)?);
            }
        }
        let last = oracle::run(module, func, &inputs)?.pop();
        last.ok_or_else(|| Error::Bug("a vector-Jacobian product without a cotangent".into()))
    }

    /// The local Jacobian column by column, by forward mode: cheaper where the operand is smaller than the result. `None` for an
    /// operation that has no forward mode, such as one with a reverse rule of the user's.
    fn by_columns(&self, position: usize, result: usize) -> Result<Option<Vec<f64>>, Error> {
        let forward = match pullback_autodiff::jvp(&self.module, self.func, &[position]) {
            Ok(forward) => forward,
            Err(error @ pullback_autodiff::Error::Bug { .. }) => return Err(error.into()),
            Err(_) => return Ok(None),
        };
        let (module, func) = oracle::alone(forward, "jvp")?;
        let is_float: Vec<bool> = self.function().result_types().map(|ty| ty.dtype.is_float()).collect();
        let tangent = is_float.len() + is_float[..result].iter().filter(|&&float| float).count();
        let basis = basis(&self.operand_type(position))?;
        let mut columns = Vec::with_capacity(basis.len());
        for unit in basis {
            let mut inputs = self.inputs.clone();
            inputs.push(unit);
            let results = oracle::run(&module, func, &inputs)?;
            let column =
                results.get(tangent).ok_or_else(|| Error::Bug("a Jacobian-vector product without a tangent".into()))?;
            columns.push(column.to_f64());
        }
        let rows = columns.first().map_or(0, Vec::len);
        Ok(Some((0..rows).flat_map(|row| columns.iter().map(move |column| column[row])).collect()))
    }
}

/// The arrays of a type with a single 1, in order of its position.
fn basis(ty: &Type) -> Result<Vec<Array>, Error> {
    let count = ty.elements();
    let unit = |one: usize| {
        let values: Vec<f64> = (0..count).map(|position| f64::from(u8::from(position == one))).collect();
        oracle::array(ty, &values)
    };
    (0..count).map(unit).collect()
}

/// Whether the last result is a zero that differentiation wrote down, for it holds at every point.
fn is_constant_zero(function: &Function) -> bool {
    let inst = function.results().last().and_then(|&result| function.def_inst(result));
    let Some(Op::Constant(literal)) = inst.map(|inst| function.op(inst)) else { return false };
    literal.as_splat().map(Scalar::to_f64) == Some(0.0)
}

/// Upstream gradient times local Jacobian must be what the vector-Jacobian product gave.
///
/// Both sums have as many terms as the result has elements, so they may differ by that many roundings of the terms' magnitudes. Elements
/// with infinite or NaN terms are not compared: a rule may select where the product of a zero and an infinity is NaN.
fn check_product(local: &Function, upstream: &Array, jacobian: &[f64], contribution: &Array) -> Result<(), Error> {
    let (upstream, found) = (upstream.to_f64(), contribution.to_f64());
    let epsilon = rounding(&contribution.ty()).max(rounding_of_results(local));
    for (column, &found) in found.iter().enumerate() {
        let terms =
            upstream.iter().enumerate().map(|(row, g)| g * jacobian[row * contribution.elements.len() + column]);
        let (sum, magnitude) =
            terms.fold((0.0, 0.0), |(sum, magnitude), term| (sum + term, magnitude + f64::abs(term)));
        let tolerance = (upstream.len() + 16) as f64 * epsilon * magnitude;
        if f64::is_finite(magnitude) && f64::is_finite(found) && (found - sum).abs() > tolerance {
            return Err(Error::Bug(format!(
                "explain: upstream gradient times local Jacobian is {sum} at element {column}, the vector-Jacobian product {found}"
            )));
        }
    }
    Ok(())
}

/// The spacing of the numbers of a type above 1.
pub(super) fn rounding(ty: &Type) -> f64 {
    if ty.dtype.bytes() < 8 { f64::from(f32::EPSILON) } else { f64::EPSILON }
}

fn rounding_of_results(local: &Function) -> f64 {
    local.result_types().filter(|ty| ty.dtype.is_float()).map(rounding).fold(0.0, f64::max)
}
