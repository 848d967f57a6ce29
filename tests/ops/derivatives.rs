//! Derivatives of every operation: forward mode against central differences, reverse against forward mode, and the same of
//! the derivative.

use pullback_autodiff::vjp;
use pullback_interp::Array;
use pullback_ir::{Binary, DType, Op, Reduction};

use crate::for_every_operation;
use crate::samples::{Sample, case_of, interior_inputs, samples};
use crate::support::differences::{central_difference, inner_products, tangents};
use crate::support::inputs::uniform;
use crate::support::rng::Rng;
use crate::support::run::{Case, float_params};

/// The operations without a derivative, and why; the others must have one.
const WITHOUT_DERIVATIVE: [(&str, &str); 16] = [
    ("not", "its operand is bool or an integer"),
    ("and", "its operands are bool or integers"),
    ("or", "its operands are bool or integers"),
    ("xor", "its operands are bool or integers"),
    ("shift_left", "its operands are integers"),
    ("shift_right", "its operands are integers"),
    ("shift_right_logical", "its operands are integers"),
    ("population_count", "its operand is an integer"),
    ("reduce and", "its operand is bool"),
    ("reduce or", "its operand is bool"),
    ("compare", "its result is bool"),
    ("is_finite", "its result is bool"),
    ("argmax", "its result is an integer"),
    ("argmin", "its result is an integer"),
    ("random_bits", "its operand is an integer"),
    ("transpose_rule", "it has no value, only a transpose"),
];

/// The operations that have no operands to differentiate by.
const WITHOUT_OPERANDS: [&str; 2] = ["constant", "iota"];

/// The operations whose derivative is zero wherever it exists.
const PIECEWISE_CONSTANT: [&str; 4] = ["sign", "floor", "ceil", "round_half_even"];

/// The operations whose derivative is zero because it is decreed so, not because they do not change.
const ZERO_BY_DECREE: [&str; 2] = ["bitcast", "stop_gradient"];

#[test]
fn derivatives_agree_with_differences_and_with_each_other_up_to_second_order() {
    for_every_operation(|template| {
        let mut failures = Vec::new();
        let mut tried = 0;
        for sample in samples(template, DType::F64).iter().filter(|sample| is_differentiable(sample)) {
            let rng = &mut Rng::new(tried + 100);
            let case = case_of(sample, interior_inputs(sample, rng));
            tried += 1;
            let fixed = fixed(&sample.op);
            let outcome = check(&case, fixed, rng).and_then(|()| check(&reverse(&case, fixed, rng), fixed, rng));
            failures.extend(outcome.err().map(|message| format!("{sample:?}: {message}")));
        }
        let name = template.name();
        let expected = !ZERO_BY_DECREE.contains(&name)
            && !WITHOUT_DERIVATIVE.iter().any(|(op, _)| *op == name)
            && !WITHOUT_OPERANDS.contains(&name);
        if expected != (tried > 0) {
            failures.push(format!("{tried} derivatives were tried: is {name} in the lists of this file?"));
        }
        failures
    });
}

/// Whether a sample has a float to differentiate and one to differentiate by, and is small enough for second order.
fn is_differentiable(sample: &Sample) -> bool {
    if ZERO_BY_DECREE.contains(&sample.op.name())
        || !sample.op.info().domain.contains(DType::F64)
        || !sample.types.iter().any(|ty| ty.dtype == DType::F64)
    {
        return false;
    }
    let case = case_of(sample, interior_inputs(sample, &mut Rng::new(0)));
    let results: Vec<_> = case.function().result_types().collect();
    let is_long_product =
        matches!(&sample.op, Op::Reduce { kind: Reduction::Mul, .. }) && sample.types[0].elements() > 200;
    // Differences in f32 would measure rounding.
    let is_f64 = results.iter().any(|ty| ty.dtype == DType::F64) && results.iter().all(|ty| ty.dtype != DType::F32);
    is_f64 && !is_long_product && sample.types.iter().all(|ty| ty.elements() <= 1000)
}

/// The operands by which there is no derivative although they are floats: the order of `polygamma`.
fn fixed(op: &Op) -> &'static [usize] {
    if matches!(op, Op::Binary(Binary::Polygamma)) { &[0] } else { &[] }
}

fn differentiable(case: &Case, fixed: &[usize]) -> Vec<usize> {
    float_params(case.function()).into_iter().filter(|position| !fixed.contains(position)).collect()
}

fn check(case: &Case, fixed: &[usize], rng: &mut Rng) -> Result<(), String> {
    let wrt = differentiable(case, fixed);
    let directions = directions(case, &wrt, rng);
    central_difference(case, &wrt, &directions, 1e-6)?;
    inner_products(case, &wrt, &directions, rng, 1e-11)
}

fn directions(case: &Case, wrt: &[usize], rng: &mut Rng) -> Vec<Array> {
    wrt.iter().map(|&position| uniform(rng, &case.inputs[position].ty(), -1.0, 1.0)).collect()
}

/// The reverse derivative as a function of primals and cotangents.
fn reverse(case: &Case, fixed: &[usize], rng: &mut Rng) -> Case {
    let wrt = differentiable(case, fixed);
    let function = vjp(&case.module, case.func, &wrt).unwrap_or_else(|error| panic!("{error}\n{}", case.text()));
    let cotangents: Vec<_> = function.param_types().skip(case.inputs.len()).cloned().collect();
    let mut inputs = case.inputs.clone();
    inputs.extend(cotangents.iter().map(|ty| uniform(rng, ty, -1.0, 1.0)));
    case.with(function, inputs)
}

#[test]
fn operations_of_derivative_zero_have_it_everywhere() {
    for_every_operation(|template| {
        if !PIECEWISE_CONSTANT.contains(&template.name()) && !ZERO_BY_DECREE.contains(&template.name()) {
            return Vec::new();
        }
        let op = if matches!(template, Op::Bitcast(_)) { Op::Bitcast(DType::F64) } else { template.clone() };
        let types = vec![pullback_ir::Type::new(DType::F64, &[4]).unwrap()];
        let sample = Sample { op, types, regions: Vec::new() };
        // At jumps too.
        let case = case_of(&sample, vec![Array::from_slice(&[4], &[0.0, 1.0, -0.5, 0.3]).unwrap()]);
        let ones = Array::from_slice(&[4], &[1.0; 4]).unwrap();
        let found = tangents(&case, &[0], &[ones]);
        let zero = Array::from_slice(&[4], &[0.0; 4]).unwrap();
        if found == [zero] { Vec::new() } else { vec![format!("the tangent is {found:?}")] }
    });
}

/// Operations whose result is not a float: nothing depends on the operand, so the gradient is an exact zero.
#[test]
fn operations_without_derivative_end_tangents() {
    for_every_operation(|template| {
        let Some((name, reason)) = WITHOUT_DERIVATIVE.iter().find(|(op, _)| *op == template.name()) else {
            return Vec::new();
        };
        let dtypes = [DType::F64, DType::Bool, DType::I32];
        let dtype = dtypes.into_iter().find(|&dtype| template.info().domain.contains(dtype)).unwrap();
        let Some(sample) = samples(template, dtype).into_iter().find(|sample| sample.types[0].elements() > 1) else {
            return if *name == "transpose_rule" { Vec::new() } else { vec!["no sample".into()] };
        };
        let case = case_of(&sample, interior_inputs(&sample, &mut Rng::new(1)));
        let is_float = case.function().result_types().any(|ty| ty.dtype.is_float());
        if is_float { vec![format!("{name} has a float result, but is listed: {reason}")] } else { Vec::new() }
    });
}
