//! Evaluation of whole functions and of single operations, with checks of what comes in.
//!
//! Instructions are limited as they are when calls are inlined, so that what compiled code refuses does not run for ever here; what loops execute
//! is limited when they do.

use pullback_ir::infer::infer;
use pullback_ir::rewrite::{InlinedSize, MAX_INLINED_INSTRUCTIONS, inlined_size};
use pullback_ir::{FuncId, Function, Module, Op, Scalar, Type, Verified};

use crate::array::Array;
use crate::error::Error;
use crate::machine::Machine;
use crate::memory::Held;
use crate::{contract, indexing, linear_algebra, random, scalar, sorting, structured, windows};

/// Limits of an evaluation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// The most bytes that arrays alive at one time may have, copies of the inputs included; 8 GiB by default. Scratch within one operation does
    /// not count.
    pub memory_limit: usize,
    /// The most instructions and iterations of loops that are executed, 2^32 by default: a `while` need not end by itself.
    pub step_limit: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { memory_limit: 8 << 30, step_limit: 1 << 32 }
    }
}

/// The results of `func` on `inputs`, one array per parameter, under the default [`Options`].
///
/// # Errors
/// If the inputs do not fit the parameters, calls come to more than [`MAX_INLINED_INSTRUCTIONS`], a loop does not end within the limit, memory is
/// short, or a `transpose_rule`, which has no value, is reached.
pub fn evaluate(module: &Verified<Module>, func: FuncId, inputs: &[Array]) -> Result<Vec<Array>, Error> {
    evaluate_with(module, func, inputs, &Options::default())
}

/// As [`evaluate`], with limits.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_with(
    module: &Verified<Module>,
    func: FuncId,
    inputs: &[Array],
    options: &Options,
) -> Result<Vec<Array>, Error> {
    if !module.has(func) {
        return Err(Error::NoFunction(func.as_u32()));
    }
    let function = module.function(func);
    check_inputs(function, inputs)?;
    // The depth of the calls does not matter here.
    let InlinedSize { instructions, depth: _ } = inlined_size(module, function);
    if instructions > MAX_INLINED_INSTRUCTIONS {
        return Err(Error::TooLarge { function: function.name.to_string(), instructions });
    }
    let mut machine = Machine::new(module, function, options);
    let copies: Result<Vec<_>, Error> = inputs.iter().map(|input| machine.memory.copy(input, "the input")).collect();
    machine.run(func, copies?)?.into_iter().map(Held::into_array).collect()
}

/// The result of one operation that has one, of the type `result`. Calls and operations with regions are not single operations and are refused.
///
/// # Errors
/// If operands and result type do not fit the operation, or memory is short.
pub fn evaluate_op(op: &Op, args: &[&Array], result: &Type) -> Result<Array, Error> {
    let mut results = evaluate_results(op, args, std::slice::from_ref(result))?;
    // The number of results was compared with what inference gives.
    results.pop().ok_or_else(|| Error::Op { op: op.name(), message: "there is no result".into() })
}

/// As [`evaluate_op`], for operations with any number of results, of the types `results`.
///
/// # Errors
/// As [`evaluate_op`].
pub fn evaluate_results(op: &Op, args: &[&Array], results: &[Type]) -> Result<Vec<Array>, Error> {
    check_op(op, args, results)?;
    compute(op, args, &results.iter().collect::<Vec<_>>())
}

/// The results of an operation whose operands fit and whose results have these types.
pub(crate) fn compute(op: &Op, args: &[&Array], results: &[&Type]) -> Result<Vec<Array>, Error> {
    match op {
        Op::Barrier => args.iter().map(|arg| arg.try_clone()).collect(),
        Op::Sort { axis, keys, descending } => sorting::sort(args, *axis, *keys, *descending),
        Op::TopK { k } => match *args {
            [x] => sorting::top_k(x, *k),
            _ => Err(Error::Op { op: op.name(), message: "an operand is missing".into() }),
        },
        _ => match *results {
            [result] => Ok(vec![compute_single(op, args, result)?]),
            _ => Err(Error::Op { op: op.name(), message: "one result was expected".into() }),
        },
    }
}

/// As [`compute`], for operations without regions that have exactly one result.
fn compute_single(op: &Op, args: &[&Array], result: &Type) -> Result<Array, Error> {
    // The operands' number is checked, so these exist where the operation has them.
    let operand = |position: usize| {
        args.get(position).copied().ok_or_else(|| Error::Op { op: op.name(), message: "an operand is missing".into() })
    };
    let rest = |position: usize| args.get(position..).unwrap_or_default();
    let refused = |message: &str| Err(Error::Op { op: op.name(), message: message.into() });
    match op {
        Op::Constant(literal) => Array::from_literal(literal),
        Op::Iota { axis, .. } => structured::iota(result, *axis),
        Op::Unary(unary) => elementwise(args, result, |x| scalar::unary(*unary, *x.first()?)),
        Op::Binary(binary) => elementwise(args, result, |x| scalar::binary(*binary, *x.first()?, *x.get(1)?)),
        Op::Compare(predicate) => {
            elementwise(args, result, |x| scalar::compare(*predicate, *x.first()?, *x.get(1)?).map(Scalar::Bool))
        }
        Op::IsFinite => elementwise(args, result, |x| scalar::is_finite(*x.first()?).map(Scalar::Bool)),
        Op::Select => elementwise(args, result, |x| scalar::select(*x.first()?, *x.get(1)?, *x.get(2)?)),
        Op::Clamp => elementwise(args, result, |x| scalar::clamp(*x.first()?, *x.get(1)?, *x.get(2)?)),
        Op::Convert(dtype) => elementwise(args, result, |x| Some(scalar::convert(*x.first()?, *dtype))),
        Op::Bitcast(dtype) => elementwise(args, result, |x| scalar::bitcast(*x.first()?, *dtype)),
        Op::Broadcast(spec) => structured::broadcast(operand(0)?, spec, result),
        Op::Reshape(_) => structured::reshape(operand(0)?, result),
        Op::Transpose(perm) => structured::transpose(operand(0)?, perm, result),
        Op::Reverse(axes) => structured::reverse(operand(0)?, axes, result),
        Op::Slice(spec) => structured::slice(operand(0)?, spec, result),
        Op::Pad(spec) => structured::pad(operand(0)?, operand(1)?, spec, result),
        Op::Concatenate { axis } => structured::concatenate(args, *axis, result),
        Op::Reduce { kind, axes } => contract::reduce(operand(0)?, *kind, axes, result),
        Op::Dot(dims) => contract::dot(operand(0)?, operand(1)?, dims, result),
        Op::ArgReduce { kind, axis, .. } => sorting::arg_reduce(operand(0)?, *kind, *axis, result),
        Op::Cumulative { kind, axis, reverse } => sorting::cumulative(operand(0)?, *kind, *axis, *reverse),
        Op::DynamicSlice(_) => indexing::dynamic_slice(operand(0)?, rest(1), result),
        Op::DynamicUpdateSlice => indexing::dynamic_update_slice(operand(0)?, operand(1)?, rest(2)),
        Op::Gather(spec) => indexing::gather(operand(0)?, operand(1)?, spec, result),
        Op::Scatter { kind, dims } => indexing::scatter(*kind, operand(0)?, operand(1)?, operand(2)?, dims),
        Op::Windows(spec) => windows::windows(operand(0)?, spec, result),
        Op::OverlapAdd { spec, .. } => windows::overlap_add(operand(0)?, spec, result),
        Op::ReduceWindow { kind, spec } => windows::reduce_window(*kind, operand(0)?, spec, result),
        Op::SelectAndScatter { kind, spec } => windows::select_and_scatter(*kind, operand(0)?, operand(1)?, spec),
        Op::Conv(spec) => windows::conv(operand(0)?, operand(1)?, spec, result),
        Op::RandomBits(_) => random::bits(operand(0)?, result),
        Op::Cholesky => linear_algebra::cholesky(operand(0)?),
        Op::TriangularSolve { left, lower, transpose, unit } => {
            let form = linear_algebra::Form { left: *left, lower: *lower, transpose: *transpose, unit: *unit };
            linear_algebra::triangular_solve(operand(0)?, operand(1)?, form)
        }
        Op::Call(_) => refused("a call is evaluated with its module"),
        Op::Scan(_) | Op::While(_) | Op::Cond | Op::Switch | Op::CustomDerivative(_) | Op::Checkpoint => {
            refused("an operation with regions is evaluated with its function")
        }
        Op::TransposeRule { .. } => {
            refused("the map is known by its transpose alone (the rule is a VJP), so it cannot be evaluated forwards")
        }
        Op::Barrier | Op::Sort { .. } | Op::TopK { .. } => refused("the operation may have several results"),
    }
}

/// Applies `f` to the operands' elements at each position.
fn elementwise(args: &[&Array], result: &Type, f: impl Fn(&[Scalar]) -> Option<Scalar>) -> Result<Array, Error> {
    let mut position = 0;
    let mut elements = Vec::with_capacity(args.len());
    Array::build(result, |_| {
        elements.clear();
        elements.extend(args.iter().filter_map(|arg| arg.get(position)));
        position += 1;
        f(&elements)
    })
}

fn check_op(op: &Op, args: &[&Array], results: &[Type]) -> Result<(), Error> {
    for arg in args {
        arg.check()?;
    }
    let types: Vec<Type> = args.iter().map(|arg| arg.ty()).collect();
    let types: Vec<&Type> = types.iter().collect();
    let fail = |message| Error::Op { op: op.name(), message };
    // A module without functions, and no regions: calls and control flow are refused here.
    let inferred = infer(&Module::new(), op, &types, &[]).map_err(fail)?;
    if inferred == results {
        return Ok(());
    }
    let list = |types: &[Type]| types.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    Err(fail(format!("the result is declared {}, expected {}", list(results), list(&inferred))))
}

fn check_inputs(function: &Function, inputs: &[Array]) -> Result<(), Error> {
    let params = function.params();
    if params.len() != inputs.len() {
        return Err(Error::InputCount {
            function: function.name.to_string(),
            expected: params.len(),
            found: inputs.len(),
        });
    }
    for (position, (&param, input)) in params.iter().zip(inputs).enumerate() {
        input.check()?;
        if input.ty() != *function.ty(param) {
            return Err(Error::InputType {
                function: function.name.to_string(),
                name: function.value_name(param).map_or_else(|| position.to_string(), ToString::to_string),
                position,
                expected: function.ty(param).clone().into(),
                found: input.ty().into(),
            });
        }
    }
    Ok(())
}
