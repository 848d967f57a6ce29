//! Random programs of loops and branches: values go from level to level as state, rows, constants, updated in place, exchanged, unused.
//!
//! All numbers stay small, and no operation enlarges a difference of rounding much, so results compare with a fixed tolerance.

use pullback_ir::{
    Builder, Checkpointing, Comparison, DType, Function, Module, ScanSpec, Shape, Type, Value, WhileSpec,
};

use super::rng::Rng;

/// The length of every vector.
const LENGTH: usize = 4;

fn vector() -> Type {
    Type::new(DType::F64, &[LENGTH]).unwrap()
}

fn matrix(rows: usize) -> Type {
    Type::new(DType::F64, &[rows, LENGTH]).unwrap()
}

/// A function of three vectors and a matrix of three rows that returns some vectors.
pub fn function(seed: u64) -> Function {
    let mut rng = Rng::new(seed);
    let module = Module::new();
    let b = Builder::new(&module, "f");
    let mut vectors: Vec<Value> = ["x", "y", "z"].iter().map(|name| b.param(name, vector())).collect();
    let mut rows = vec![b.param("rows", matrix(3))];
    statements(&b, &mut rng, &mut vectors, &mut rows, 0);
    let mut results: Vec<Value> = (0..1 + rng.below(3)).map(|_| recent(&mut rng, &vectors)).collect();
    if rng.chance(0.5) {
        results.push(rng.pick(&rows));
    }
    b.finish(&results).unwrap()
}

/// Some value, more often a late one.
fn recent(rng: &mut Rng, values: &[Value]) -> Value {
    let back = rng.below(values.len()).min(rng.below(values.len()));
    values[values.len() - 1 - back]
}

fn statements(b: &Builder<'_>, rng: &mut Rng, vectors: &mut Vec<Value>, rows: &mut Vec<Value>, depth: usize) {
    for _ in 0..2 + rng.below(4) {
        let (x, y) = (recent(rng, vectors), recent(rng, vectors));
        match rng.below(if depth < 3 { 13 } else { 10 }) {
            0 => vectors.push(b.add(b.sin(x), b.sin(y))),
            1 => vectors.push(b.sin(x)),
            2 => vectors.push(b.reverse(x, vec![0])),
            3 => vectors.push(b.max(x, b.neg(y))),
            4 => vectors.push(b.broadcast(b.sin(b.reduce_add(x, vec![0])), &vector().shape, Vec::new())),
            5 => vectors.push(update(b, rng, x, y)),
            6 => vectors.push(b.concatenate(&[b.slice_axis(x, 0, 1, 3), b.slice_axis(y, 0, 0, 2)], 0)),
            7 => {
                let square = b.reshape(x, &Shape::new(&[2, 2]).unwrap());
                vectors.push(b.reshape(b.cos(square), &vector().shape));
            }
            8 => vectors.push(b.splat(&vector(), rng.between(-1.0, 1.0))),
            9 => vectors.push(b.reshape(b.slice_axis(recent(rng, rows), 0, 1, 2), &vector().shape)),
            10 => scan(b, rng, vectors, rows, depth),
            11 => bounded(b, rng, vectors, depth),
            _ => branch(b, rng, vectors, rows, depth),
        }
    }
}

/// Some elements of `x` become the first of `y`.
fn update(b: &Builder<'_>, rng: &mut Rng, x: Value, y: Value) -> Value {
    let start = b.splat(&Type::scalar(DType::I32), rng.below(6) as f64 - 1.0);
    b.dynamic_update_slice(x, b.slice_axis(y, 0, 0, 1 + rng.below(2)), &[start])
}

fn some(rng: &mut Rng, values: &[Value], count: usize) -> Vec<Value> {
    (0..count).map(|_| recent(rng, values)).collect()
}

fn params(types: &[Type]) -> Vec<(&'static str, Type)> {
    types.iter().map(|ty| ("p", ty.clone())).collect()
}

fn scan(b: &Builder<'_>, rng: &mut Rng, vectors: &mut Vec<Value>, rows: &mut Vec<Value>, depth: usize) {
    let (consts, carry, xs) = (rng.below(2), 1 + rng.below(3), rng.below(2));
    let spec = ScanSpec { length: 3, consts, carry, reverse: rng.chance(0.5), checkpoint: Checkpointing::default() };
    let mut args = some(rng, vectors, consts + carry);
    args.extend(some(rng, rows, xs));
    let region = params(&vec![vector(); consts + carry + xs]);
    let ys = rng.below(3);
    let body = b.region(&region, |b, values| {
        let mut vectors = values.to_vec();
        let mut rows = vec![b.broadcast(vectors[0], &matrix(3).shape, vec![1])];
        statements(b, rng, &mut vectors, &mut rows, depth + 1);
        some(rng, &vectors, carry + ys)
    });
    let results = b.scan(spec, &args, body);
    vectors.extend(&results[..carry]);
    rows.extend(&results[carry..]);
}

fn is_less(b: &Builder<'_>, x: Value, y: Value) -> Value {
    let (x, y) = (b.reduce_add(b.sin(x), vec![0]), b.reduce_add(b.cos(y), vec![0]));
    b.compare(Comparison::Lt, x, y)
}

fn bounded(b: &Builder<'_>, rng: &mut Rng, vectors: &mut Vec<Value>, depth: usize) {
    let (consts, carry) = (rng.below(2), 1 + rng.below(3));
    let args = some(rng, vectors, consts + carry);
    let region = params(&vec![vector(); consts + carry]);
    let cond = b.region(&region, |b, values| vec![is_less(b, recent(rng, values), recent(rng, values))]);
    let body = b.region(&region, |b, values| {
        let mut vectors = values.to_vec();
        let mut rows = vec![b.broadcast(vectors[0], &matrix(3).shape, vec![1])];
        statements(b, rng, &mut vectors, &mut rows, depth + 1);
        some(rng, &vectors, carry)
    });
    let spec = WhileSpec { consts, bound: Some(rng.below(4)) };
    vectors.extend(b.while_loop(spec, &args, cond, body));
}

fn branch(b: &Builder<'_>, rng: &mut Rng, vectors: &mut Vec<Value>, rows: &mut Vec<Value>, depth: usize) {
    let (count, results) = (1 + rng.below(3), 1 + rng.below(3));
    let mut args = some(rng, vectors, count);
    args.push(recent(rng, rows));
    let mut region = params(&vec![vector(); count]);
    region.push(("r", matrix(3)));
    let mut case = || {
        b.region(&region, |b, values| {
            let (mut vectors, mut rows) = (values[..count].to_vec(), values[count..].to_vec());
            if rng.chance(0.7) {
                statements(b, rng, &mut vectors, &mut rows, depth + 1);
            }
            let mut yields = some(rng, &vectors, results);
            yields.push(recent(rng, &rows));
            yields
        })
    };
    let (then, otherwise) = (case(), case());
    let pred = is_less(b, recent(rng, vectors), recent(rng, vectors));
    let found = b.cond(pred, &args, then, otherwise);
    vectors.extend(&found[..results]);
    rows.push(found[results]);
}
