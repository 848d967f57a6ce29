//! Inference, interpreter and compiled code agree on every operation in every element type.

use pullback_interp::{Array, Scalar};
use pullback_ir::{Binary, DType, Op, Reduction, Type, Unary};

use crate::for_every_operation;
use crate::samples::{Sample, case_of, interior_inputs, samples};
use crate::support::inputs::{Mood, SPECIAL_FLOATS, SPECIAL_INTEGERS, array, from_scalars};
use crate::support::jit::{run_baseline, run_jit};
use crate::support::rng::Rng;
use crate::support::run::Case;
use crate::support::tolerance::{Permitted, permitted, sum_of_magnitudes};

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
        assert!(count > 0, "{} was not tried", template.name());
        failures
    });
}

/// Operands for a sample: inside the domain, of all magnitudes, and, where positions are computed alone, all special
/// values against each other.
fn inputs(sample: &Sample) -> Vec<Vec<Array>> {
    let rng = &mut Rng::new(sample.types.iter().map(|ty| ty.elements() as u64 + 1).sum());
    let mut list = vec![interior_inputs(sample, rng)];
    // Products and sums of huge numbers overflow in one order and not in another.
    let is_product = matches!(sample.op, Op::Reduce { kind: Reduction::Mul, .. });
    let is_sum = matches!(sample.op, Op::Reduce { kind: Reduction::Add, .. } | Op::Dot(_));
    let is_float = sample.types.iter().any(|ty| ty.dtype.is_float());
    if !(is_product && is_float) {
        list.push(sample.types.iter().map(|ty| array(rng, ty, Mood::Wide)).collect());
    }
    if !((is_product || is_sum) && is_float) {
        list.push(sample.types.iter().map(|ty| array(rng, ty, Mood::Special)).collect());
    } else {
        let mut special = interior_inputs(sample, rng);
        for input in &mut special {
            sprinkle(input, rng);
        }
        list.push(special);
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
                let sample = Sample { op: sample.op.clone(), types: vec![x.ty(); operands] };
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
    compare(sample, &case.inputs, found, expected).map_err(|message| {
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
        Permitted::Function(_) => Slack::Ulps(2),
        Permitted::Sum(terms) => {
            let scale = sum_of_magnitudes(op, args, &ty);
            let eps = crate::support::tolerance::epsilon(ty.dtype);
            Slack::Absolute(scale.iter().map(|scale| 4.0 * eps * ((terms + 1) as f64).log2() * scale).collect())
        }
    }
}

/// Whether the bits of a NaN pass through.
fn keeps_bits(op: &Op) -> bool {
    match op {
        Op::Unary(unary) => matches!(unary, Unary::Neg | Unary::Abs),
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
        | Op::Call(_) => true,
        Op::Compare(_) | Op::IsFinite | Op::Clamp | Op::Convert(_) | Op::Reduce { .. } | Op::Dot(_) => false,
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
