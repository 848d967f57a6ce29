//! What batching does with an example: the batch of its arguments and of others gives what they give one by one.

use pullback_autodiff::vmap;
use pullback_interp::{Array, Elements, Scalar, evaluate};
use pullback_ir::rewrite::inline_calls;
use pullback_ir::{Function, Op, Shape};

use crate::example::{Example, added, ones};

/// How an operation is batched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Batching {
    /// It takes one more axis along.
    Rule,
    /// It runs once for each element of the batch.
    Scan,
    /// It has no operands, so it is the same for the whole batch.
    Unneeded,
    /// A call is inlined before.
    Inlined,
}

impl Batching {
    pub(crate) const fn describe(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Scan => "by scan",
            Self::Unneeded => "not needed: no operands",
            Self::Inlined => "inlined before",
        }
    }
}

/// Batches an example over two sets of arguments and compares each part of the results with what the interpreter gives for the set alone.
pub(crate) fn batching(example: &Example, op: &str) -> Result<Batching, String> {
    let (module, func, inputs) = example.subject()?;
    let function = module.function(func);
    if function.params().is_empty() {
        return Ok(Batching::Unneeded);
    }
    let axes = vec![Some(0); function.params().len()];
    let out = vec![0; function.results().len()];
    let batched = vmap(module, func, 2, &axes, &out).map_err(|error| error.to_string())?;
    let source = inline_calls(module, function).map_err(|error| error.to_string())?;
    let by_scan = scans(&batched) > scans(&source);
    let sets = [inputs.clone(), inputs.iter().map(other).collect()];
    let (with_batch, batched) = added(module, batched)?;
    let run = |module: &_, func, inputs: &[Array]| {
        if !example.is_transposed() {
            return evaluate(module, func, inputs).map_err(|error| error.to_string());
        }
        // A map without values: what is compared is its transpose, on cotangents of ones.
        let (module, transposed) = example.transposed(module, func)?;
        let mut inputs = inputs.to_vec();
        let params = module.function(transposed).param_types().skip(inputs.len());
        inputs.extend(params.map(ones).collect::<Result<Vec<_>, _>>()?);
        evaluate(&module, transposed, &inputs).map_err(|error| error.to_string())
    };
    let stacked: Vec<Array> = sets[0].iter().zip(&sets[1]).map(|(a, b)| stack(a, b)).collect();
    let found = run(&with_batch, batched, &stacked)?;
    let alone = [run(module, func, &sets[0])?, run(module, func, &sets[1])?];
    for (position, found) in found.iter().enumerate() {
        let expected = stack(&alone[0][position], &alone[1][position]);
        let close = |(x, y): (Scalar, Scalar)| {
            let (a, b) = (x.to_f64(), y.to_f64());
            x == y || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-6 * b.abs()
        };
        if found.ty() != expected.ty() || !found.elements.iter().zip(expected.elements.iter()).all(close) {
            return Err(format!("result {position} of the batch is {found}, expected {expected}"));
        }
    }
    Ok(match (op, by_scan) {
        ("call", _) => Batching::Inlined,
        (_, true) => Batching::Scan,
        (_, false) => Batching::Rule,
    })
}

fn scans(function: &Function) -> usize {
    function.all_insts().into_iter().filter(|&inst| matches!(function.op(inst), Op::Scan(_))).count()
}

/// Arguments unlike the given ones, and within the domain of whatever takes those.
fn other(x: &Array) -> Array {
    let moved = |x: Scalar| match x {
        Scalar::F32(x) => Scalar::F32(x * 0.5),
        Scalar::F64(x) => Scalar::F64(x * 0.5),
        Scalar::I32(x) => Scalar::I32(x.wrapping_add(1)),
        Scalar::I64(x) => Scalar::I64(x.wrapping_add(1)),
        Scalar::U8(x) => Scalar::U8(x.wrapping_add(1)),
        Scalar::Bool(x) => Scalar::Bool(!x),
    };
    let scalars: Vec<Scalar> = x.elements.iter().map(moved).collect();
    Array::new(x.shape.clone(), Elements::from_scalars(x.dtype(), &scalars).unwrap()).unwrap()
}

/// Two arrays of one type along a new axis 0.
fn stack(x: &Array, y: &Array) -> Array {
    let scalars: Vec<Scalar> = x.elements.iter().chain(y.elements.iter()).collect();
    let extents = [&[2], &x.shape.extents()[..]].concat();
    Array::new(Shape::new(&extents).unwrap(), Elements::from_scalars(x.dtype(), &scalars).unwrap()).unwrap()
}
