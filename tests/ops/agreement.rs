//! Inference, interpreter and compiled code agree on every operation in every element type.

use pullback_interp::{Array, Scalar};
use pullback_ir::{Binary, Cumulation, DType, Op, Pooling, Reduction, ScatterKind, Type, Unary};

use crate::for_every_operation;
use crate::samples::{Sample, case_of, interior_inputs, samples};
use crate::support::inputs::{Mood, SPECIAL_FLOATS, SPECIAL_INTEGERS, array, from_scalars};
use crate::support::jit::{run_baseline, run_jit};
use crate::support::permitted::{Permitted, epsilon, matrix_error, permitted, reflected_magnitudes, sum_of_magnitudes};
use crate::support::rng::Rng;
use crate::support::run::Case;
use crate::support::tolerance::Bounds;

/// The operations that have no value: a linear map of which only the transpose is known. The specification's example is tested by `tests/spec`.
const WITHOUT_VALUE: [&str; 1] = ["transpose_rule"];

#[test]
fn interpreter_and_compiled_code_agree_on_every_operation() {
    for_every_operation(|template| {
        let mut failures = Vec::new();
        let mut count = 0;
        for dtype in DType::ALL.into_iter().filter(|&dtype| template.info().domain.contains(dtype)) {
            for sample in samples(template, dtype) {
                for inputs in inputs(&sample) {
                    count += 1;
                    failures.extend(check(&sample, inputs).err());
                }
            }
        }
        let has_no_value = WITHOUT_VALUE.contains(&template.name());
        assert_eq!(count == 0, has_no_value, "{} was tried {count} times", template.name());
        failures
    });
}

/// Operands for a sample: inside the domain, of all magnitudes, and, where positions are computed alone, all special
/// values against each other.
fn inputs(sample: &Sample) -> Vec<Vec<Array>> {
    let rng = &mut Rng::new(sample.types.iter().map(|ty| ty.elements() as u64 + 1).sum());
    let mut list = vec![interior_inputs(sample, rng)];
    let is_float = sample.types.iter().any(|ty| ty.dtype.is_float());
    let sensitive = if is_float { sensitivity(&sample.op) } else { Sensitivity::None };
    if matches!(sensitive, Sensitivity::None | Sensitivity::Special) {
        list.push(sample.types.iter().map(|ty| array(rng, ty, Mood::Wide)).collect());
    }
    match sensitive {
        Sensitivity::None => list.push(sample.types.iter().map(|ty| array(rng, ty, Mood::Special)).collect()),
        Sensitivity::Special | Sensitivity::Huge => {
            let mut special = interior_inputs(sample, rng);
            for input in special.iter_mut().filter(|input| input.dtype().is_float()) {
                sprinkle(input, rng);
            }
            list.push(special);
        }
        Sensitivity::Matrix => list.extend(matrices(sample, rng)),
    }
    list
}

/// What operands, of floats, give results that depend on the order of the operations within.
#[derive(Clone, Copy)]
enum Sensitivity {
    /// None do.
    None,
    /// More than one infinity or NaN, which a sum meets in some order.
    Special,
    /// Huge numbers: partial products overflow in one order and not in another.
    Huge,
    /// Ill-conditioned matrices.
    Matrix,
}

fn sensitivity(op: &Op) -> Sensitivity {
    match op {
        Op::Reduce { kind: Reduction::Mul, .. }
        | Op::Cumulative { kind: Cumulation::Mul, .. }
        | Op::Scatter { kind: ScatterKind::Mul, .. } => Sensitivity::Huge,
        Op::Reduce { kind: Reduction::Add, .. }
        | Op::Dot(_)
        | Op::Conv(_)
        | Op::OverlapAdd { .. }
        | Op::ReduceWindow { kind: Pooling::Add, .. }
        | Op::SelectAndScatter { .. }
        | Op::Cumulative { kind: Cumulation::Add, .. }
        | Op::Scatter { kind: ScatterKind::Add, .. } => Sensitivity::Special,
        Op::Cholesky | Op::TriangularSolve { .. } => Sensitivity::Matrix,
        // Functions in loops overflow: what is tame stays so.
        Op::Scan(_) | Op::While(_) => Sensitivity::Huge,
        Op::Constant(_)
        | Op::Iota { .. }
        | Op::Unary(_)
        | Op::Binary(_)
        | Op::Compare(_)
        | Op::IsFinite
        | Op::Select
        | Op::Clamp
        | Op::Convert(_)
        | Op::Broadcast(_)
        | Op::Reshape(_)
        | Op::Transpose(_)
        | Op::Reverse(_)
        | Op::Slice(_)
        | Op::Pad(_)
        | Op::Concatenate { .. }
        | Op::Reduce { .. }
        | Op::Bitcast(_)
        | Op::Barrier
        | Op::ArgReduce { .. }
        | Op::Cumulative { .. }
        | Op::DynamicSlice(_)
        | Op::DynamicUpdateSlice
        | Op::Gather(_)
        | Op::Scatter { .. }
        | Op::Windows(_)
        | Op::ReduceWindow { .. }
        | Op::Sort { .. }
        | Op::TopK { .. }
        | Op::RandomBits(_)
        | Op::Call(_)
        | Op::Cond
        | Op::Switch
        | Op::CustomDerivative(_)
        | Op::TransposeRule { .. }
        | Op::Checkpoint => Sensitivity::None,
    }
}

/// Matrices with something else in the triangle that is not read, a zero on the diagonal, a NaN where it is read: the first element of the last matrix.
fn matrices(sample: &Sample, rng: &mut Rng) -> Vec<Vec<Array>> {
    let size = sample.types[0].shape.extents().last().copied().unwrap_or(0);
    let mut list = Vec::new();
    for (row, column, value) in [(0, 1, 99.0), (1, 0, f64::NAN), (0, 0, 0.0), (0, 0, -1.0), (0, 0, f64::NAN)] {
        let mut inputs = interior_inputs(sample, rng);
        let mut scalars: Vec<Scalar> = inputs[0].elements.iter().collect();
        if size > row.max(column) && !scalars.is_empty() {
            let last = scalars.len() - size * size;
            scalars[last + row * size + column] = Scalar::from_f64(inputs[0].dtype(), value);
            inputs[0] = from_scalars(&inputs[0].ty(), &scalars);
            list.push(inputs);
        }
    }
    list
}

/// Puts zeros, an infinity or a NaN at one position.
fn sprinkle(input: &mut Array, rng: &mut Rng) {
    let mut scalars: Vec<Scalar> = input.elements.iter().collect();
    if !scalars.is_empty() {
        let position = rng.below(scalars.len());
        scalars[position] = Scalar::from_f64(input.dtype(), rng.pick(&[0.0, -0.0, f64::INFINITY, f64::NAN]));
        *input = from_scalars(&input.ty(), &scalars);
    }
}

/// All pairs of special values through every elementwise operation of two operands, and alone through those of one.
#[test]
fn special_values_agree_in_all_pairs() {
    for_every_operation(|template| {
        let operands = match template {
            Op::Unary(_) | Op::IsFinite | Op::Convert(_) => 1,
            Op::Binary(_) | Op::Compare(_) => 2,
            _ => return Vec::new(),
        };
        let mut failures = Vec::new();
        for dtype in DType::ALL.into_iter().filter(|&dtype| template.info().domain.contains(dtype)) {
            let (x, y) = special_pairs(dtype);
            for sample in samples(template, dtype).iter().filter(|sample| sample.types[0].rank() == 0) {
                let sample = Sample { types: vec![x.ty(); operands], ..sample.clone() };
                let inputs = [x.clone(), y.clone()][..operands].to_vec();
                failures.extend(check(&sample, inputs).err());
            }
        }
        failures
    });
}

fn special_pairs(dtype: DType) -> (Array, Array) {
    let values: Vec<Scalar> = match dtype {
        DType::F32 | DType::F64 => SPECIAL_FLOATS.iter().map(|&x| Scalar::from_f64(dtype, x)).collect(),
        DType::I32 | DType::I64 | DType::U8 => {
            let integers = SPECIAL_INTEGERS.iter().map(|&x| pullback_interp::scalar::convert(Scalar::I64(x), dtype));
            integers.collect()
        }
        DType::Bool => vec![Scalar::Bool(false), Scalar::Bool(true)],
    };
    let ty = Type::new(dtype, &[values.len() * values.len()]).unwrap();
    let x: Vec<Scalar> = values.iter().flat_map(|&x| vec![x; values.len()]).collect();
    let y: Vec<Scalar> = values.iter().flat_map(|_| values.clone()).collect();
    (from_scalars(&ty, &x), from_scalars(&ty, &y))
}

type Run = fn(&Case) -> Result<Vec<Array>, String>;

fn check(sample: &Sample, inputs: Vec<Array>) -> Result<(), String> {
    let case = case_of(sample, inputs);
    let expected = case.interpret();
    let declared: Vec<Type> = case.function().result_types().cloned().collect();
    let types: Vec<Type> = expected.iter().map(Array::ty).collect();
    if types != declared {
        return Err(format!("interpreted {types:?}, inferred {declared:?}\n{}", case.text()));
    }
    // With and without fused multiply-add: the mathematical functions are compiled differently.
    let routes: [(&str, Run); 2] = [("native", run_jit), ("any processor", run_baseline)];
    for (name, run) in routes {
        let found = run(&case).map_err(|error| format!("{name}: {error}\n{}", case.text()))?;
        check_results(sample, &case, &found, &expected).map_err(|message| format!("{name}: {message}"))?;
    }
    Ok(())
}

fn check_results(sample: &Sample, case: &Case, found: &[Array], expected: &[Array]) -> Result<(), String> {
    let outcome = if sample.regions.is_empty() {
        compare(sample, &case.inputs, found, expected)
    } else {
        Bounds::of(case).check(found)
    };
    outcome.map_err(|message| {
        let inputs: Vec<String> =
            case.inputs.iter().map(|input| input.to_string().chars().take(200).collect()).collect();
        format!("{message}\n{}{}", case.text(), inputs.join("\n"))
    })
}

fn compare(sample: &Sample, inputs: &[Array], found: &[Array], expected: &[Array]) -> Result<(), String> {
    let types = |arrays: &[Array]| arrays.iter().map(Array::ty).collect::<Vec<_>>();
    if types(found) != types(expected) {
        return Err(format!("compiled code gives {:?}, expected {:?}", types(found), types(expected)));
    }
    for (found, expected) in found.iter().zip(expected) {
        let args: Vec<&Array> = inputs.iter().collect();
        let slack = slack(&sample.op, &args, expected);
        for (position, (f, e)) in found.elements.iter().zip(expected.elements.iter()).enumerate() {
            let fine = match &slack {
                Slack::Bits => f == e,
                Slack::Ulps(limit) => ulps(f, e) <= *limit,
                Slack::Absolute(bounds) => agree_within(f, e, bounds[position]),
            };
            if !fine {
                let operands: Vec<String> =
                    inputs.iter().filter_map(|input| input.get(position)).map(|x| x.to_string()).collect();
                return Err(format!(
                    "element {position}: compiled {f}, interpreted {e}, {} ulp apart, operands there {operands:?}",
                    ulps(f, e)
                ));
            }
        }
    }
    Ok(())
}

/// How far compiled code may be off, by the specification.
enum Slack {
    /// The same bits, those of a NaN too.
    Bits,
    /// So many numbers apart; zeros of one sign; any NaN for a NaN.
    Ulps(u64),
    /// A bound per element; zeros of any sign.
    Absolute(Vec<f64>),
}

fn slack(op: &Op, args: &[&Array], expected: &Array) -> Slack {
    let ty = expected.ty();
    if !ty.dtype.is_float() || keeps_bits(op) {
        return Slack::Bits;
    }
    match permitted(op, args, &ty) {
        Permitted::Nothing => Slack::Ulps(0),
        Permitted::Rounding(_) => Slack::Ulps(0),
        // A product of n factors rounds n - 1 times, each half a unit, and the factors' order is free.
        Permitted::Product(factors) => Slack::Ulps(factors as u64 + 1),
        // The specified error (2 in f32, 1.5 in f64) and the interpreter's own: half a unit in f32, below 1 in f64.
        Permitted::Function(units) => Slack::Ulps(units as u64 + u64::from(units > 2.0)),
        // And the interpreter's own error.
        Permitted::Reflected(units) => {
            let scales = reflected_magnitudes(op, args, expected);
            Slack::Absolute(scales.iter().map(|scale| (units + 1.0) * epsilon(ty.dtype) * scale).collect())
        }
        Permitted::Sum(terms) => {
            let scale = sum_of_magnitudes(op, args, &ty);
            let factor = 4.0 * epsilon(ty.dtype) * ((terms + 1) as f64).log2();
            Slack::Absolute(scale.iter().map(|scale| factor * scale).collect())
        }
        Permitted::Running(terms) => {
            let scale = sum_of_magnitudes(op, args, &ty);
            Slack::Absolute(scale.iter().map(|scale| 4.0 * epsilon(ty.dtype) * terms as f64 * scale).collect())
        }
        Permitted::LogSum(terms) => {
            let factor = 4.0 * epsilon(ty.dtype) * terms as f64;
            Slack::Absolute(expected.to_f64().iter().map(|x| factor * (1.0 + x.abs())).collect())
        }
        Permitted::Matrix(_) => Slack::Absolute(vec![matrix_error(op, args, expected); expected.elements.len()]),
    }
}

/// Whether the bits of a NaN pass through.
fn keeps_bits(op: &Op) -> bool {
    match op {
        Op::Unary(unary) => matches!(unary, Unary::Neg | Unary::Abs | Unary::StopGradient),
        Op::Binary(binary) => matches!(binary, Binary::And | Binary::Or | Binary::Xor),
        Op::Constant(_)
        | Op::Iota { .. }
        | Op::Select
        | Op::Broadcast(_)
        | Op::Reshape(_)
        | Op::Transpose(_)
        | Op::Reverse(_)
        | Op::Slice(_)
        | Op::Pad(_)
        | Op::Concatenate { .. }
        | Op::Bitcast(_)
        | Op::Barrier
        | Op::DynamicSlice(_)
        | Op::DynamicUpdateSlice
        | Op::Gather(_)
        | Op::Scatter { kind: ScatterKind::Set, .. }
        | Op::Windows(_)
        | Op::Sort { .. }
        | Op::TopK { .. }
        | Op::Call(_) => true,
        Op::Compare(_)
        | Op::IsFinite
        | Op::Clamp
        | Op::Convert(_)
        | Op::Reduce { .. }
        | Op::Dot(_)
        | Op::ArgReduce { .. }
        | Op::Cumulative { .. }
        | Op::Scatter { .. }
        | Op::OverlapAdd { .. }
        | Op::ReduceWindow { .. }
        | Op::SelectAndScatter { .. }
        | Op::Conv(_)
        | Op::RandomBits(_)
        | Op::Cholesky
        | Op::TriangularSolve { .. }
        | Op::Scan(_)
        | Op::While(_)
        | Op::Cond
        | Op::Switch
        | Op::CustomDerivative(_)
        | Op::TransposeRule { .. }
        | Op::Checkpoint => false,
    }
}

fn agree_within(found: Scalar, expected: Scalar, bound: f64) -> bool {
    let (f, e) = (found.to_f64(), expected.to_f64());
    f == e || (f.is_nan() && e.is_nan()) || (e.is_finite() && (f - e).abs() <= bound)
}

/// How many numbers of the type lie between two elements; 0 for two NaNs, and the maximum for a NaN and a number or for zeros
/// of different sign.
fn ulps(x: Scalar, y: Scalar) -> u64 {
    let (a, b) = (x.to_f64(), y.to_f64());
    if a.is_nan() || b.is_nan() {
        return if a.is_nan() && b.is_nan() { 0 } else { u64::MAX };
    }
    if a == 0.0 && b == 0.0 && x != y {
        return u64::MAX;
    }
    // The order of floats is that of their bits as sign and magnitude.
    let place = |x: Scalar| match x {
        Scalar::F32(x) => i128::from(x.to_bits() & 0x7fff_ffff) * if x.is_sign_negative() { -1 } else { 1 },
        Scalar::F64(x) => i128::from(x.to_bits() & (u64::MAX >> 1)) * if x.is_sign_negative() { -1 } else { 1 },
        Scalar::I32(_) | Scalar::I64(_) | Scalar::U8(_) | Scalar::Bool(_) => x.to_f64() as i128,
    };
    u64::try_from((place(x) - place(y)).unsigned_abs()).unwrap_or(u64::MAX)
}
