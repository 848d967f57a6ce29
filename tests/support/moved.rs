//! Interpretation with random rounding: every result of an operation that rounds is moved by what it is permitted.
//!
//! Loops and branches are run here, region by region, so that what they compute is moved inside too.

use std::collections::HashMap;

use pullback_interp::{Array, Scalar, evaluate_results};
use pullback_ir::{Function, Inst, Op, ScanSpec, Shape, Type, Value, WhileSpec};

use super::inputs::from_scalars;
use super::rng::Rng;
use super::tolerance::{Perturbation, move_elements};

/// The results of a function without calls.
pub fn interpret_moved(function: &Function, inputs: &[Array], run: &mut Perturbation) -> Vec<Array> {
    let mut values: HashMap<Value, Array> = HashMap::new();
    values.extend(function.params().iter().copied().zip(inputs.iter().cloned()));
    for &inst in function.insts() {
        let args: Vec<&Array> = function.args(inst).iter().map(|arg| &values[arg]).collect();
        let types: Vec<Type> = function.inst_results(inst).iter().map(|&result| function.ty(result).clone()).collect();
        let results = instruction(function, inst, &args, &types, run);
        values.extend(function.inst_results(inst).iter().copied().zip(results));
    }
    function.results().iter().map(|result| values[result].clone()).collect()
}

fn instruction(function: &Function, inst: Inst, args: &[&Array], types: &[Type], run: &mut Perturbation) -> Vec<Array> {
    let op = function.op(inst);
    let regions = function.region_functions(inst);
    let owned = |args: &[&Array]| args.iter().map(|&arg| arg.clone()).collect::<Vec<_>>();
    match (op, &regions[..]) {
        (_, []) => {
            // The bits of a NaN that was computed are anything.
            let unspecified = matches!(op, Op::Bitcast(_)) && args[0].dtype().is_float();
            let other = unspecified.then(|| other_nans(args[0], &mut run.rng));
            let args = &other.iter().chain(args.iter().copied()).take(args.len()).collect::<Vec<_>>()[..];
            let plain = evaluate_results(op, args, types).expect("a verified instruction");
            plain.into_iter().map(|array| move_elements(op, args, array, run)).collect()
        }
        (Op::Scan(spec), [body]) => scan(spec, body, owned(args), types, run),
        (Op::While(spec), [cond, body]) => while_loop(spec, cond, body, owned(args), run),
        (Op::Cond, [then, otherwise]) => {
            let holds = args[0].get(0) == Some(Scalar::Bool(true));
            interpret_moved(if holds { then } else { otherwise }, &owned(&args[1..]), run)
        }
        (Op::Switch, cases) => {
            let index = args[0].to_f64()[0].clamp(0.0, (cases.len() - 1) as f64) as usize;
            interpret_moved(&cases[index], &owned(&args[1..]), run)
        }
        (Op::CustomDerivative(_), [body, _]) | (Op::Checkpoint, [body]) => interpret_moved(body, &owned(args), run),
        (_, _) => panic!("{} has no value", op.name()),
    }
}

/// The array with random bits in every NaN.
fn other_nans(x: &Array, rng: &mut Rng) -> Array {
    let other = |x: Scalar| match x {
        Scalar::F32(x) if x.is_nan() => {
            Scalar::F32(f32::from_bits(f32::NAN.to_bits() | rng.bits() as u32 & 0x803f_ffff))
        }
        Scalar::F64(x) if x.is_nan() => {
            Scalar::F64(f64::from_bits(f64::NAN.to_bits() | rng.bits() & 0x8007_ffff_ffff_ffff))
        }
        x => x,
    };
    let scalars: Vec<Scalar> = x.elements.iter().map(other).collect();
    from_scalars(&x.ty(), &scalars)
}

fn scan(spec: &ScanSpec, body: &Function, args: Vec<Array>, types: &[Type], run: &mut Perturbation) -> Vec<Array> {
    let state = spec.consts + spec.carry;
    let mut carry = args[spec.consts..state].to_vec();
    let mut stacked: Vec<Vec<Vec<Scalar>>> = vec![vec![Vec::new(); spec.length]; types.len() - spec.carry];
    for iteration in 0..spec.length {
        let position = if spec.reverse { spec.length - 1 - iteration } else { iteration };
        let mut inputs = args[..spec.consts].to_vec();
        inputs.append(&mut carry);
        inputs.extend(args[state..].iter().map(|xs| row(xs, position)));
        carry = interpret_moved(body, &inputs, run);
        for (rows, y) in stacked.iter_mut().zip(carry.split_off(spec.carry)) {
            rows[position] = y.elements.iter().collect();
        }
    }
    carry.extend(stacked.iter().zip(&types[spec.carry..]).map(|(rows, ty)| from_scalars(ty, &rows.concat())));
    carry
}

/// One position along axis 0.
fn row(x: &Array, position: usize) -> Array {
    let extents = x.shape.extents();
    let count: usize = extents[1..].iter().product();
    let scalars: Vec<Scalar> = x.elements.iter().skip(position * count).take(count).collect();
    let ty = Type { dtype: x.dtype(), shape: Shape::new(&extents[1..]).expect("part of a shape") };
    from_scalars(&ty, &scalars)
}

fn while_loop(
    spec: &WhileSpec,
    cond: &Function,
    body: &Function,
    args: Vec<Array>,
    run: &mut Perturbation,
) -> Vec<Array> {
    let mut carry = args[spec.consts..].to_vec();
    let mut begun = 0;
    loop {
        let inputs = [&args[..spec.consts], &carry[..]].concat();
        if spec.bound == Some(begun) || interpret_moved(cond, &inputs, run)[0].get(0) != Some(Scalar::Bool(true)) {
            return carry;
        }
        carry = interpret_moved(body, &inputs, run);
        begun += 1;
    }
}
