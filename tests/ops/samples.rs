//! What each operation is tried on: attributes, operand types, and where its operands may lie.
//!
//! The samples of operations whose attributes are many, or which have regions, are programs in `programs.rs`.

use std::sync::Arc;

use pullback_interp::Array;
use pullback_ir::op::{BroadcastSpec, SliceSpec};
use pullback_ir::{
    Axes, Binary, Builder, Comparison, Cumulation, DType, DotDims, Elements, Function, Literal, Module, Op, PadSpec,
    Reduction, Scalar, ScatterKind, Shape, Type, Unary, parse_module,
};

use crate::programs::programs;
use crate::support::inputs::{Mood, array, from_f64, scalar, uniform};
use crate::support::rng::Rng;
use crate::support::run::{Case, verified};

/// Shapes for operations that work element by element: with and without a rest after whole vectors, and empty.
const SHAPES: [&[usize]; 6] = [&[], &[1], &[5], &[2, 0, 3], &[2, 3, 4], &[67]];

/// An operation with attributes, types for its operands, and its regions.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) op: Op,
    pub(crate) types: Vec<Type>,
    pub(crate) regions: Vec<Function>,
}

fn ty(dtype: DType, extents: &[usize]) -> Type {
    Type::new(dtype, extents).unwrap()
}

fn shape(extents: &[usize]) -> Shape {
    Shape::new(extents).unwrap()
}

/// The samples of a template's operation on operands of an element type, which is in its domain.
pub(crate) fn samples(template: &Op, dtype: DType) -> Vec<Sample> {
    let one = |op: Op, types: &[&[usize]]| Sample {
        op,
        types: types.iter().map(|e| ty(dtype, e)).collect(),
        regions: Vec::new(),
    };
    let elementwise = |op: &Op, operands: usize| -> Vec<Sample> {
        SHAPES.iter().map(|extents| one(op.clone(), &vec![*extents; operands])).collect()
    };
    match template {
        Op::Constant(_) => constants(dtype).into_iter().map(|op| one(op, &[])).collect(),
        Op::Iota { .. } => {
            let places: [(&[usize], usize); 5] =
                [(&[5], 0), (&[2, 3], 1), (&[3, 2, 2], 1), (&[0, 3], 1), (&[300, 2], 0)];
            let iota = |&(extents, axis): &(&[usize], usize)| Op::Iota { ty: Box::new(ty(dtype, extents)), axis };
            places.iter().map(|place| one(iota(place), &[])).collect()
        }
        Op::Unary(_) | Op::IsFinite => elementwise(template, 1),
        Op::Binary(_) => elementwise(template, 2),
        Op::Compare(_) => Comparison::ALL.iter().flat_map(|&p| elementwise(&Op::Compare(p), 2)).collect(),
        Op::Select => {
            let mut samples = elementwise(template, 3);
            samples.iter_mut().for_each(|sample| sample.types[0].dtype = DType::Bool);
            samples
        }
        Op::Clamp => elementwise(template, 3),
        Op::Convert(_) => DType::ALL.iter().flat_map(|&to| elementwise(&Op::Convert(to), 1)).collect(),
        Op::Broadcast(_) => {
            let specs: [(&[usize], &[usize], &[usize]); 7] = [
                (&[], &[3, 5], &[]),
                (&[5], &[3, 5], &[1]),
                (&[3], &[3, 5], &[0]),
                (&[3], &[0, 3], &[1]),
                (&[2, 4], &[2, 3, 4], &[0, 2]),
                (&[1], &[1, 7], &[0]),
                (&[2, 2], &[2, 2], &[0, 1]),
            ];
            let spec = |to: &[usize], dims: &[usize]| BroadcastSpec { shape: shape(to), dims: dims.into() };
            specs.iter().map(|(x, to, dims)| one(Op::Broadcast(Box::new(spec(to, dims))), &[x])).collect()
        }
        Op::Reshape(_) => {
            let pairs: [(&[usize], &[usize]); 4] =
                [(&[2, 6], &[3, 4]), (&[12], &[2, 3, 2]), (&[0, 3], &[5, 0]), (&[], &[1, 1])];
            pairs.iter().map(|(x, to)| one(Op::Reshape(Box::new(shape(to))), &[x])).collect()
        }
        Op::Transpose(_) => {
            let perms: [(&[usize], &[usize]); 6] = [
                (&[3, 5], &[1, 0]),
                (&[2, 3, 4], &[2, 0, 1]),
                (&[2, 3, 4], &[1, 0, 2]),
                (&[2, 3, 4], &[0, 1, 2]),
                (&[0, 3], &[1, 0]),
                (&[], &[]),
            ];
            perms.iter().map(|(x, perm)| one(Op::Transpose(Axes::from(*perm)), &[x])).collect()
        }
        Op::Reverse(_) => {
            let axes: [(&[usize], &[usize]); 5] =
                [(&[7], &[0]), (&[3, 5], &[1]), (&[3, 5], &[0, 1]), (&[2, 0], &[0]), (&[], &[])];
            axes.iter().map(|(x, axes)| one(Op::Reverse(Axes::from(*axes)), &[x])).collect()
        }
        Op::Slice(_) => slices().into_iter().map(|(x, spec)| one(Op::Slice(Box::new(spec)), &[x])).collect(),
        Op::Pad(_) => pads().into_iter().map(|(x, spec)| one(Op::Pad(Box::new(spec)), &[x, &[]])).collect(),
        Op::Concatenate { .. } => {
            let parts: [(usize, &[&[usize]]); 4] = [
                (0, &[&[2, 3], &[1, 3]]),
                (1, &[&[2, 3], &[2, 0], &[2, 5]]),
                (0, &[&[4]]),
                (1, &[&[2, 1, 3], &[2, 2, 3], &[2, 1, 3]]),
            ];
            parts.iter().map(|&(axis, parts)| one(Op::Concatenate { axis }, parts)).collect()
        }
        Op::Reduce { kind, .. } => reductions(*kind).into_iter().map(|(x, op)| one(op, &[x])).collect(),
        Op::Dot(_) => dots().into_iter().map(|(x, y, dims)| one(Op::Dot(Box::new(dims)), &[x, y])).collect(),
        Op::Call(_) => elementwise(template, 1),
        Op::Bitcast(_)
        | Op::Barrier
        | Op::ArgReduce { .. }
        | Op::Cumulative { .. }
        | Op::DynamicSlice(_)
        | Op::DynamicUpdateSlice
        | Op::Gather(_)
        | Op::Scatter { .. }
        | Op::Windows(_)
        | Op::OverlapAdd { .. }
        | Op::ReduceWindow { .. }
        | Op::SelectAndScatter { .. }
        | Op::Conv(_)
        | Op::Sort { .. }
        | Op::TopK { .. }
        | Op::RandomBits(_)
        | Op::Cholesky
        | Op::TriangularSolve { .. }
        | Op::Scan(_)
        | Op::While(_)
        | Op::Cond
        | Op::Switch
        | Op::CustomDerivative(_)
        | Op::TransposeRule { .. }
        | Op::Checkpoint => written(template.name(), dtype),
    }
}

/// The samples of an operation that are programs.
fn written(op: &str, dtype: DType) -> Vec<Sample> {
    let of_dtype = programs(op).iter().filter(|(domain, ..)| domain.contains(dtype));
    of_dtype
        .map(|(_, params, line)| {
            let line = line.replace("KIND", op);
            let (results, types) = (line.split(" = ").next().unwrap(), line.lines().next().unwrap());
            let types = types.rsplit(" : ").next().unwrap();
            let text = format!("func @main({params}) -> ({types}) {{\n{line}\n  return {results}\n}}\n");
            let text = with_element_type(&text, dtype);
            let module = parse_module(&text).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
            let module = verified(module);
            let function = module.functions().last().unwrap().1;
            let inst = function.insts()[0];
            assert_eq!((function.op(inst).name(), function.insts().len()), (op, 1), "{text}");
            Sample {
                op: function.op(inst).clone(),
                types: function.param_types().cloned().collect(),
                regions: function.region_functions(inst),
            }
        })
        .collect()
}

/// The text with an element type in the place of `T`, which stands alone or before a shape.
fn with_element_type(text: &str, dtype: DType) -> String {
    let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '%';
    let pieces: Vec<&str> = text.split('T').collect();
    let mut result = pieces[0].to_string();
    for pair in pieces.windows(2) {
        let alone = !pair[0].ends_with(is_name) && !pair[1].starts_with(is_name);
        result.push_str(if alone { dtype.name() } else { "T" });
        result.push_str(pair[1]);
    }
    result
}

fn constants(dtype: DType) -> Vec<Op> {
    let rng = &mut Rng::new(5);
    let mut list = Vec::new();
    for (extents, mood) in
        [(&[] as &[usize], Mood::Tame), (&[2, 3], Mood::Wide), (&[40], Mood::Special), (&[0], Mood::Tame)]
    {
        let scalars: Vec<Scalar> = (0..extents.iter().product()).map(|_| scalar(rng, dtype, mood)).collect();
        let elements = Elements::from_scalars(dtype, &scalars).unwrap();
        list.push(Literal::dense(shape(extents), elements).unwrap());
        list.push(Literal::splat(scalar(rng, dtype, mood), shape(extents)));
    }
    list.into_iter().map(|literal| Op::Constant(Arc::new(literal))).collect()
}

fn slices() -> Vec<(&'static [usize], SliceSpec)> {
    let spec = |start: &[usize], limit: &[usize], stride: &[usize]| SliceSpec {
        start: start.into(),
        limit: limit.into(),
        stride: stride.into(),
    };
    vec![
        (&[10], spec(&[2], &[9], &[3])),
        (&[10], spec(&[0], &[10], &[1])),
        (&[4, 6], spec(&[1, 0], &[3, 6], &[1, 2])),
        (&[4, 6], spec(&[0, 1], &[4, 2], &[3, 1])),
        (&[5], spec(&[2], &[2], &[1])),
        (&[0, 3], spec(&[0, 1], &[0, 3], &[1, 1])),
        (&[], spec(&[], &[], &[])),
    ]
}

fn pads() -> Vec<(&'static [usize], PadSpec)> {
    let spec = |low: &[i64], high: &[i64], interior: &[usize]| PadSpec {
        low: low.into(),
        high: high.into(),
        interior: interior.into(),
    };
    vec![
        (&[5], spec(&[1], &[2], &[0])),
        (&[5], spec(&[0], &[0], &[2])),
        (&[5], spec(&[-2], &[-1], &[0])),
        (&[5], spec(&[-2], &[3], &[1])),
        (&[3, 4], spec(&[1, -1], &[0, 2], &[0, 1])),
        (&[0], spec(&[2], &[1], &[3])),
        (&[2, 0], spec(&[0, 1], &[0, 1], &[1, 1])),
        (&[2], spec(&[-1], &[-1], &[0])),
        (&[], spec(&[], &[], &[])),
    ]
}

fn reductions(kind: Reduction) -> Vec<(&'static [usize], Op)> {
    let list: [(&[usize], &[usize]); 17] = [
        (&[], &[]),
        (&[7], &[]),
        (&[7], &[0]),
        (&[64], &[0]),
        (&[1000], &[0]),
        (&[3, 5], &[0]),
        (&[3, 5], &[1]),
        (&[3, 5], &[0, 1]),
        (&[2, 3, 4], &[0, 2]),
        (&[2, 3, 4], &[1]),
        (&[0], &[0]),
        (&[3, 0], &[1]),
        (&[0, 3], &[1]),
        (&[0, 3], &[0]),
        (&[4, 33], &[1]),
        (&[33, 4], &[0]),
        (&[1, 6, 1], &[0, 2]),
    ];
    list.iter().map(|&(x, axes)| (x, Op::Reduce { kind, axes: Axes::from(axes) })).collect()
}

fn dots() -> Vec<(&'static [usize], &'static [usize], DotDims)> {
    let dims = |batch: (&[usize], &[usize]), contract: (&[usize], &[usize])| DotDims {
        lhs_batch: batch.0.into(),
        rhs_batch: batch.1.into(),
        lhs_contract: contract.0.into(),
        rhs_contract: contract.1.into(),
    };
    let none: (&[usize], &[usize]) = (&[], &[]);
    vec![
        (&[3, 4], &[4, 5], dims(none, (&[1], &[0]))),
        (&[17, 9], &[9, 13], dims(none, (&[1], &[0]))),
        (&[48, 40], &[40, 56], dims(none, (&[1], &[0]))),
        (&[9, 17], &[13, 9], dims(none, (&[0], &[1]))),
        (&[2, 3, 4], &[2, 4, 5], dims((&[0], &[0]), (&[2], &[1]))),
        (&[3, 2, 4], &[4, 5, 2], dims((&[1], &[2]), (&[2], &[0]))),
        (&[2, 3, 4], &[4, 3, 5], dims(none, (&[1, 2], &[1, 0]))),
        (&[7], &[7], dims(none, (&[0], &[0]))),
        (&[3], &[4], dims(none, none)),
        (&[5], &[5], dims((&[0], &[0]), none)),
        (&[], &[3], dims(none, none)),
        (&[3, 0], &[0, 2], dims(none, (&[1], &[0]))),
        (&[0, 3], &[3, 2], dims(none, (&[1], &[0]))),
        (&[4, 6], &[6], dims(none, (&[1], &[0]))),
    ]
}

/// A function that applies the sample's operation to its parameters. What is called negates its argument, or is `not`.
pub(crate) fn case_of(sample: &Sample, inputs: Vec<Array>) -> Case {
    let mut module = Module::new();
    let mut op = sample.op.clone();
    if matches!(op, Op::Call(_)) {
        let b = Builder::new(&module, "callee");
        let x = b.param("x", sample.types[0].clone());
        let y = if sample.types[0].dtype == DType::Bool { b.not(x) } else { b.neg(x) };
        let callee = b.finish(&[y]).unwrap();
        op = Op::Call(module.add(callee));
    }
    let b = Builder::new(&module, "main");
    let params: Vec<_> = sample.types.iter().enumerate().map(|(i, ty)| b.param(&format!("x{i}"), ty.clone())).collect();
    let results = b.emit_structured(op, &params, &sample.regions);
    let function = b.finish(&results).unwrap_or_else(|error| panic!("{error}: {sample:?}"));
    let func = module.add(function);
    Case { module: verified(module), func, inputs }
}

/// Where an operand is well inside the domain and away from poles.
pub(crate) fn interior(op: &Op, operand: usize) -> (f64, f64) {
    match op {
        Op::Unary(unary) => match unary {
            Unary::Log | Unary::Log2 | Unary::Sqrt | Unary::Rsqrt | Unary::Cbrt => (0.3, 3.0),
            Unary::Log1p => (-0.6, 3.0),
            Unary::Asin | Unary::Acos => (-0.8, 0.8),
            Unary::Tan => (-1.2, 1.2),
            Unary::ErfInv => (-0.8, 0.8),
            Unary::Lgamma | Unary::Digamma => (0.5, 4.0),
            Unary::BesselI0e | Unary::BesselI1e => (0.1, 4.0),
            Unary::Neg
            | Unary::Abs
            | Unary::Sign
            | Unary::Not
            | Unary::Floor
            | Unary::Ceil
            | Unary::Round
            | Unary::Exp
            | Unary::Exp2
            | Unary::Expm1
            | Unary::Sin
            | Unary::Cos
            | Unary::Atan
            | Unary::Sinh
            | Unary::Cosh
            | Unary::Tanh
            | Unary::Logistic
            | Unary::Erf
            | Unary::Erfc
            | Unary::PopulationCount
            | Unary::StopGradient => (-2.0, 2.0),
        },
        Op::Binary(binary) => match (binary, operand) {
            (Binary::Div | Binary::Rem, 1) => (0.7, 2.0),
            (Binary::Pow, 0) => (0.4, 2.5),
            (Binary::Atan2, 1) => (0.3, 2.0),
            // An order is integral: `interior_inputs` rounds it.
            (Binary::Polygamma, 0) => (-0.4, 3.4),
            (Binary::Polygamma, _) => (0.8, 4.0),
            (
                Binary::Add
                | Binary::Sub
                | Binary::Mul
                | Binary::Div
                | Binary::Rem
                | Binary::Pow
                | Binary::Atan2
                | Binary::Max
                | Binary::Min
                | Binary::And
                | Binary::Or
                | Binary::Xor
                | Binary::ShiftLeft
                | Binary::ShiftRight
                | Binary::ShiftRightLogical,
                _,
            ) => (-2.0, 2.0),
        },
        Op::Clamp => [(-1.5, -0.5), (-2.0, 2.0), (0.5, 1.5)][operand],
        Op::Reduce { kind: Reduction::Mul, .. } => (0.9, 1.1),
        Op::Cumulative { kind: Cumulation::Mul, .. } | Op::Scatter { kind: ScatterKind::Mul, .. } => (0.7, 1.4),
        Op::Constant(_)
        | Op::Iota { .. }
        | Op::Compare(_)
        | Op::IsFinite
        | Op::Select
        | Op::Convert(_)
        | Op::Broadcast(_)
        | Op::Reshape(_)
        | Op::Transpose(_)
        | Op::Reverse(_)
        | Op::Slice(_)
        | Op::Pad(_)
        | Op::Concatenate { .. }
        | Op::Reduce { .. }
        | Op::Dot(_)
        | Op::Bitcast(_)
        | Op::Barrier
        | Op::ArgReduce { .. }
        | Op::Cumulative { .. }
        | Op::DynamicSlice(_)
        | Op::DynamicUpdateSlice
        | Op::Gather(_)
        | Op::Scatter { .. }
        | Op::Windows(_)
        | Op::OverlapAdd { .. }
        | Op::ReduceWindow { .. }
        | Op::SelectAndScatter { .. }
        | Op::Conv(_)
        | Op::Sort { .. }
        | Op::TopK { .. }
        | Op::RandomBits(_)
        | Op::Cholesky
        | Op::TriangularSolve { .. }
        | Op::Scan(_)
        | Op::While(_)
        | Op::Cond
        | Op::Switch
        | Op::CustomDerivative(_)
        | Op::TransposeRule { .. }
        | Op::Checkpoint
        | Op::Call(_) => (-2.0, 2.0),
    }
}

/// Operands inside the domain.
pub(crate) fn interior_inputs(sample: &Sample, rng: &mut Rng) -> Vec<Array> {
    let draw = |(operand, ty): (usize, &Type)| {
        let (low, high) = interior(&sample.op, operand);
        match (&sample.op, operand) {
            (Op::Cholesky, _) => positive_definite(rng, ty),
            (Op::TriangularSolve { .. }, 0) => add_identity(&uniform(rng, ty, -0.5, 0.5), 2.0),
            (Op::Binary(Binary::Polygamma), 0) => {
                let orders: Vec<f64> = uniform(rng, ty, low, high).to_f64().iter().map(|x| x.round()).collect();
                from_f64(ty, &orders)
            }
            (_, _) if ty.dtype.is_float() => uniform(rng, ty, low, high),
            (_, _) => array(rng, ty, Mood::Tame),
        }
    };
    sample.types.iter().enumerate().map(draw).collect()
}

/// `x` with a multiple of the identity added to the matrices in its last two axes.
fn add_identity(x: &Array, factor: f64) -> Array {
    let n = x.shape.extents().last().copied().unwrap_or(0);
    let on_diagonal = |position: usize| position % (n * n) / n == position % n;
    let values = x.to_f64().into_iter().enumerate();
    let values: Vec<f64> = values.map(|(position, x)| x + if on_diagonal(position) { factor } else { 0.0 }).collect();
    from_f64(&x.ty(), &values)
}

/// Symmetric matrices whose eigenvalues are around their size.
fn positive_definite(rng: &mut Rng, ty: &Type) -> Array {
    let x = uniform(rng, ty, -1.0, 1.0);
    let n = ty.shape.extents().last().copied().unwrap_or(0);
    let values = x.to_f64();
    // Diagonally dominant, and equal to its mirror image.
    let mirrored = |position: usize| {
        let (matrix, row, column) = (position / (n * n), position % (n * n) / n, position % n);
        values[(matrix * n + row.max(column)) * n + row.min(column)]
    };
    let symmetric: Vec<f64> = (0..values.len()).map(mirrored).collect();
    add_identity(&from_f64(ty, &symmetric), 1.0 + n as f64)
}
