//! Hand-computed values of the structured operations, and the behaviour of whole functions.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use pullback_interp::{Array, Element, Error, Options, evaluate, evaluate_op, evaluate_with};
use pullback_ir::op::{BroadcastSpec, SliceSpec};
use pullback_ir::{
    Axes, Builder, DType, DotDims, Elements, FuncId, Function, Literal, Module, Op, PadSpec, Reduction, Scalar, Shape,
    Type, Unary, Value, Verified, verify,
};

fn array<T: Element>(extents: &[usize], values: &[T]) -> Array {
    Array::from_slice(extents, values).unwrap()
}

/// The result of `op`, whose type inference gives.
fn apply(op: &Op, args: &[&Array]) -> Array {
    let types: Vec<Type> = args.iter().map(|arg| arg.ty()).collect();
    let types: Vec<&Type> = types.iter().collect();
    let result = pullback_ir::infer::infer(&Module::new(), op, &types, &[]).unwrap().remove(0);
    evaluate_op(op, args, &result).unwrap()
}

fn function(name: &str, module: &Module, body: impl FnOnce(&Builder<'_>) -> Vec<Value>) -> Function {
    let b = Builder::new(module, name);
    let results = body(&b);
    b.finish(&results).unwrap()
}

fn single(body: impl FnOnce(&Builder<'_>) -> Vec<Value>) -> (Verified<Module>, FuncId) {
    let mut module = Module::new();
    let f = function("f", &module, body);
    let id = module.add(f);
    (verify(module).unwrap(), id)
}

fn vector(dtype: DType, extent: usize) -> Type {
    Type::new(dtype, &[extent]).unwrap()
}

#[test]
fn iota_counts_wraps_and_rounds() {
    let iota = |dtype, extents: &[usize], axis| {
        apply(&Op::Iota { ty: Box::new(Type::new(dtype, extents).unwrap()), axis }, &[])
    };
    assert_eq!(iota(DType::I32, &[2, 3], 1), array(&[2, 3], &[0, 1, 2, 0, 1, 2]));
    assert_eq!(iota(DType::F64, &[2, 2], 0), array(&[2, 2], &[0.0, 0.0, 1.0, 1.0]));
    assert_eq!(iota(DType::U8, &[258], 0).get(257), Some(Scalar::U8(1)));
    let large = iota(DType::F32, &[(1 << 24) + 2], 0);
    assert_eq!(large.get((1 << 24) + 1), Some(Scalar::F32((1 << 24) as f32)), "ties to even");
    assert_eq!(iota(DType::I64, &[0, 3], 0).elements.len(), 0);
}

#[test]
fn movements_of_elements() {
    let x = array(&[2, 3], &[1, 2, 3, 4, 5, 6]);
    let spec = BroadcastSpec { shape: Shape::new(&[3, 2]).unwrap(), dims: [0].into() };
    assert_eq!(
        apply(&Op::Broadcast(Box::new(spec)), &[&array(&[3], &[7u8, 8, 9])]),
        array(&[3, 2], &[7u8, 7, 8, 8, 9, 9])
    );
    assert_eq!(apply(&Op::Reshape(Box::new(Shape::new(&[3, 2]).unwrap())), &[&x]), array(&[3, 2], &[1, 2, 3, 4, 5, 6]));
    assert_eq!(apply(&Op::Transpose([1, 0].into()), &[&x]), array(&[3, 2], &[1, 4, 2, 5, 3, 6]));
    let cube = array(&[2, 1, 3], &[1, 2, 3, 4, 5, 6]);
    let turned = apply(&Op::Transpose([2, 0, 1].into()), &[&cube]);
    assert_eq!(turned, array(&[3, 2, 1], &[1, 4, 2, 5, 3, 6]));
    assert_eq!(apply(&Op::Reverse([1].into()), &[&x]), array(&[2, 3], &[3, 2, 1, 6, 5, 4]));
    assert_eq!(apply(&Op::Reverse([0, 1].into()), &[&x]), array(&[2, 3], &[6, 5, 4, 3, 2, 1]));
    let spec = SliceSpec { start: [0, 0].into(), limit: [2, 3].into(), stride: [1, 2].into() };
    assert_eq!(apply(&Op::Slice(Box::new(spec)), &[&x]), array(&[2, 2], &[1, 3, 4, 6]));
    let spec = SliceSpec { start: [1, 2].into(), limit: [1, 3].into(), stride: [1, usize::MAX].into() };
    assert_eq!(apply(&Op::Slice(Box::new(spec)), &[&x]), array::<i32>(&[0, 1], &[]));
}

#[test]
fn padding_adds_between_and_removes() {
    let pad = |x: &Array, low: i64, high: i64, interior: usize| {
        let spec = PadSpec { low: [low].into(), high: [high].into(), interior: [interior].into() };
        apply(&Op::Pad(Box::new(spec)), &[x, &Array::scalar(0)])
    };
    let x = array(&[3], &[1, 2, 3]);
    assert_eq!(pad(&x, 1, 2, 0), array(&[6], &[0, 1, 2, 3, 0, 0]));
    assert_eq!(pad(&x, 0, 0, 1), array(&[5], &[1, 0, 2, 0, 3]));
    assert_eq!(pad(&x, -1, 1, 0), array(&[3], &[2, 3, 0]));
    assert_eq!(pad(&x, -1, -1, 1), array(&[3], &[0, 2, 0]));
    assert_eq!(pad(&array::<i32>(&[0], &[]), 1, 1, 5), array(&[2], &[0, 0]));
    // The interior does not matter between fewer than two elements, however large.
    assert_eq!(pad(&array(&[1], &[9]), 1, 0, usize::MAX), array(&[2], &[0, 9]));
}

#[test]
fn concatenation_takes_parts_of_any_extent() {
    let (x, y, z) = (array(&[2, 1], &[1, 2]), array(&[2, 2], &[3, 4, 5, 6]), array::<i32>(&[2, 0], &[]));
    assert_eq!(apply(&Op::Concatenate { axis: 1 }, &[&x, &z, &y]), array(&[2, 3], &[1, 3, 4, 2, 5, 6]));
    assert_eq!(apply(&Op::Concatenate { axis: 0 }, &[&y, &y]), array(&[4, 2], &[3, 4, 5, 6, 3, 4, 5, 6]));
}

fn reduce(kind: Reduction, x: &Array, axes: &[usize]) -> Array {
    apply(&Op::Reduce { kind, axes: Axes::from(axes) }, &[x])
}

#[test]
fn reductions_over_any_axes() {
    let x = array(&[2, 3], &[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert_eq!(reduce(Reduction::Add, &x, &[0]), array(&[3], &[5.0f32, 7.0, 9.0]));
    assert_eq!(reduce(Reduction::Add, &x, &[1]), array(&[2], &[6.0f32, 15.0]));
    assert_eq!(reduce(Reduction::Mul, &x, &[0, 1]), Array::scalar(720.0f32));
    assert_eq!(reduce(Reduction::Max, &x, &[1]), array(&[2], &[3.0f32, 6.0]));
    assert_eq!(reduce(Reduction::Min, &x, &[]), x);
    let cube = array(&[2, 2, 2], &[1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(reduce(Reduction::Add, &cube, &[0, 2]), array(&[2], &[14, 22]));
    assert_eq!(reduce(Reduction::Mul, &array(&[3], &[i32::MAX, 2, 1]), &[0]), Array::scalar(-2));
    assert_eq!(reduce(Reduction::Add, &array(&[2], &[200u8, 100]), &[0]), Array::scalar(44u8));
    let b = array(&[2, 2], &[true, false, true, true]);
    assert_eq!(reduce(Reduction::And, &b, &[1]), array(&[2], &[false, true]));
    assert_eq!(reduce(Reduction::Or, &b, &[0, 1]), Array::scalar(true));
}

#[test]
fn reductions_of_nothing_give_the_identity() {
    let x = array::<f64>(&[0, 2], &[]);
    assert_eq!(reduce(Reduction::Add, &x, &[0]), array(&[2], &[0.0, 0.0]));
    assert_eq!(reduce(Reduction::Max, &x, &[0]), array(&[2], &[f64::NEG_INFINITY; 2]));
    assert_eq!(reduce(Reduction::Min, &array::<u8>(&[0], &[]), &[0]), Array::scalar(255u8));
    assert_eq!(reduce(Reduction::And, &array::<bool>(&[0], &[]), &[0]), Array::scalar(true));
    assert_eq!(reduce(Reduction::Add, &x, &[1]), array::<f64>(&[0], &[]));
}

#[test]
fn extremes_of_nan_are_nan_wherever_it_stands() {
    for place in 0..3 {
        let mut values = [1.0f32, -2.0, 3.0];
        values[place] = f32::NAN;
        for kind in [Reduction::Max, Reduction::Min] {
            let found = reduce(kind, &array(&[3], &values), &[0]);
            assert!(found.as_slice::<f32>().unwrap()[0].is_nan(), "{kind:?} with NaN at {place}");
        }
    }
}

#[test]
fn sums_are_rounded_once() {
    // 2^24 + 1 + 1: adding one by one in f32 loses both ones.
    let x = array(&[3], &[16_777_216.0f32, 1.0, 1.0]);
    assert_eq!(reduce(Reduction::Add, &x, &[0]), Array::scalar(16_777_218.0f32));
    // A million times 0.1: the running sum in f64 is off by 1.3e-6, by halves it is the last digits.
    let x = Array::splat(Scalar::F64(0.1), Shape::new(&[1_000_000]).unwrap()).unwrap();
    let sum = reduce(Reduction::Add, &x, &[0]).to_f64()[0];
    assert!((sum - 100_000.0).abs() < 1e-9, "{sum}");
}

#[test]
fn dots_with_batch_and_any_contracted_axes() {
    let dot = |x: &Array, y: &Array, dims: DotDims| apply(&Op::Dot(Box::new(dims)), &[x, y]);
    let matmul = || DotDims { lhs_contract: [1].into(), rhs_contract: [0].into(), ..DotDims::default() };
    let x = array(&[2, 2], &[1.0f32, 2.0, 3.0, 4.0]);
    let y = array(&[2, 2], &[5.0f32, 6.0, 7.0, 8.0]);
    assert_eq!(dot(&x, &y, matmul()), array(&[2, 2], &[19.0f32, 22.0, 43.0, 50.0]));
    // Both axes of the left with both of the right, crosswise: 1*5 + 2*7 + 3*6 + 4*8.
    let full = DotDims { lhs_contract: [0, 1].into(), rhs_contract: [1, 0].into(), ..DotDims::default() };
    assert_eq!(dot(&x, &y, full), Array::scalar(69.0f32));
    // Batch axis 1 of the left with axis 0 of the right, nothing contracted: result [batch, left, right].
    let batch = DotDims { lhs_batch: [1].into(), rhs_batch: [0].into(), ..DotDims::default() };
    let expected = [5.0f32, 6.0, 15.0, 18.0, 14.0, 16.0, 28.0, 32.0];
    assert_eq!(dot(&x, &y, batch), array(&[2, 2, 2], &expected));
    let outer = dot(&array(&[2], &[200u8, 3]), &array(&[1], &[2u8]), DotDims::default());
    assert_eq!(outer, array(&[2, 1], &[144u8, 6]), "products wrap");
    let empty = dot(&array::<f32>(&[2, 0], &[]), &array::<f32>(&[0, 1], &[]), matmul());
    assert_eq!(empty, array(&[2, 1], &[0.0f32; 2]));
}

#[test]
fn elementwise_operations_map_positions() {
    let x = array(&[2], &[1.0f64, 4.0]);
    assert_eq!(apply(&Op::Unary(Unary::Sqrt), &[&x]), array(&[2], &[1.0, 2.0]));
    let p = array(&[2], &[true, false]);
    assert_eq!(apply(&Op::Select, &[&p, &array(&[2], &[1u8, 2]), &array(&[2], &[3u8, 4])]), array(&[2], &[1u8, 4]));
    let (low, high) = (array(&[2], &[0.0, 0.0]), array(&[2], &[3.0, 3.0]));
    assert_eq!(apply(&Op::Clamp, &[&low, &x, &high]), array(&[2], &[1.0, 3.0]));
    assert_eq!(apply(&Op::IsFinite, &[&array(&[2], &[1.0f32, f32::NAN])]), array(&[2], &[true, false]));
    assert_eq!(apply(&Op::Convert(DType::U8), &[&x]), array(&[2], &[1u8, 4]));
    assert_eq!(apply(&Op::Unary(Unary::Neg), &[&array::<i32>(&[0, 2], &[])]), array::<i32>(&[0, 2], &[]));
    let literal = Literal::splat(Scalar::I32(3), Shape::new(&[2]).unwrap());
    assert_eq!(apply(&Op::Constant(literal.into()), &[]), array(&[2], &[3, 3]));
}

#[test]
fn calls_return_several_results() {
    let mut module = Module::new();
    let ty = vector(DType::F32, 2);
    let swap = function("swap", &module, |b| {
        let (x, y) = (b.param("x", ty.clone()), b.param("y", ty.clone()));
        vec![y, x, x]
    });
    let swap = module.add(swap);
    let main = function("main", &module, |b| {
        let x = b.param("x", ty.clone());
        let dead = b.exp(x);
        let results = b.call(swap, &[x, dead]);
        let again = b.call(swap, &[results[0], results[2]]);
        vec![again[0], results[1], results[1]]
    });
    let main = module.add(main);
    let module = verify(module).unwrap();
    let x = array(&[2], &[0.5f32, -1.0]);
    assert_eq!(evaluate(&module, main, std::slice::from_ref(&x)).unwrap(), [x.clone(), x.clone(), x]);
}

#[test]
fn a_long_chain_of_calls_does_not_overflow_the_stack() {
    let mut module = Module::new();
    let ty = Type::scalar(DType::I64);
    let mut callee: Option<FuncId> = None;
    for number in 0..5_000 {
        let f = function(&format!("f{number}"), &module, |b| {
            let x = b.param("x", ty.clone());
            let one = b.splat(&ty, 1.0);
            let y = b.add(x, one);
            callee.map_or_else(|| vec![y], |callee| b.call(callee, &[y]))
        });
        callee = Some(module.add(f));
    }
    let results = evaluate(&verify(module).unwrap(), callee.unwrap(), &[Array::scalar(0i64)]).unwrap();
    assert_eq!(results, [Array::scalar(5_000i64)]);
}

#[test]
fn calls_that_multiply_are_refused_before_they_are_made() {
    let mut module = Module::new();
    let ty = Type::scalar(DType::I64);
    let mut callee: Option<FuncId> = None;
    for number in 0..60 {
        let f = function(&format!("f{number}"), &module, |b| {
            let x = b.param("x", ty.clone());
            callee.map_or_else(|| vec![b.neg(x)], |callee| b.call(callee, &b.call(callee, &[x])))
        });
        callee = Some(module.add(f));
    }
    let error = evaluate(&verify(module).unwrap(), callee.unwrap(), &[Array::scalar(0i64)]).unwrap_err();
    assert!(matches!(&error, Error::TooLarge { function, .. } if function == "f59"), "{error}");
    assert!(error.to_string().ends_with("instructions, at most 4194304 are supported"), "{error}");
}

#[test]
fn wrong_inputs_are_named() {
    let (module, f) = single(|b| {
        let x = b.param("x", vector(DType::F32, 2));
        let weights = b.param("weights", vector(DType::F32, 2));
        vec![b.mul(x, weights)]
    });
    let x = array(&[2], &[1.0f32, 2.0]);
    let error = evaluate(&module, f, std::slice::from_ref(&x)).unwrap_err();
    assert_eq!(error.to_string(), "@f takes 2 inputs, found 1");
    let error = evaluate(&module, f, &[x.clone(), array(&[3], &[0.0f32; 3])]).unwrap_err();
    assert_eq!(error.to_string(), "input 1 of @f, %weights, is f32[3], expected f32[2]");
    let error = evaluate(&module, f, &[x.clone(), array(&[2], &[0.0f64; 2])]).unwrap_err();
    assert_eq!(error.to_string(), "input 1 of @f, %weights, is f64[2], expected f32[2]");
    let torn = Array { shape: Shape::new(&[2]).unwrap(), elements: Elements::F32(vec![1.0]) };
    let error = evaluate(&module, f, &[x, torn]).unwrap_err();
    assert_eq!(error.to_string(), "an array of type f32[2] has 1 elements, expected 2");
}

#[test]
fn memory_is_limited_to_what_is_alive() {
    let (module, f) = single(|b| {
        let mut x = b.param("x", vector(DType::F64, 1000));
        for _ in 0..100 {
            x = b.neg(x);
        }
        vec![x]
    });
    let x = Array::splat(Scalar::F64(1.0), Shape::new(&[1000]).unwrap()).unwrap();
    let with = |memory_limit| {
        evaluate_with(&module, f, std::slice::from_ref(&x), &Options { memory_limit, ..Options::default() })
    };
    assert_eq!(with(16_000).unwrap()[0], x, "operand and result of one instruction are alive together");
    assert!(matches!(with(15_999), Err(Error::Memory { needed: 8000, used: 8000, limit: 15_999, .. })));
}

#[test]
fn a_huge_tensor_is_an_error() {
    let (module, f) = single(|b| vec![b.iota(vector(DType::F64, 1 << 48), 0)]);
    let error = evaluate(&module, f, &[]).unwrap_err();
    let expected = "the result f64[281474976710656] of iota of 2251799813685248 bytes does not fit: 0 of 8589934592 bytes are in use";
    assert_eq!(error.to_string(), expected);
    let (module, f) = single(|b| vec![b.splat(&vector(DType::U8, 1 << 47), 1.0)]);
    let unlimited = Options { memory_limit: usize::MAX, ..Options::default() };
    assert!(
        matches!(evaluate_with(&module, f, &[], &unlimited), Err(Error::Allocation { needed }) if needed == 1 << 47)
    );
}

#[test]
fn operands_that_do_not_fit_are_refused() {
    let x = array(&[2], &[1.0f32, 2.0]);
    let ty = x.ty();
    let fails = |op: &Op, args: &[&Array], ty: &Type| evaluate_op(op, args, ty).unwrap_err().to_string();
    let not = Op::Unary(Unary::Not);
    assert_eq!(fails(&not, &[&x], &ty), "not: operand of type f32[2], expected bool, i32, i64 or u8");
    assert_eq!(fails(&Op::Select, &[&x], &ty), "select: 1 operands, expected 3");
    let neg = Op::Unary(Unary::Neg);
    assert_eq!(fails(&neg, &[&x], &vector(DType::F32, 3)), "neg: the result is declared f32[3], expected f32[2]");
}
