//! Products that are too large to be kept, computed a block at a time: gradients of attention and of losses over many classes.
//!
//! Every program is small; limits say that it is large. The interpreter says what the program computes, in `f64` to a few roundings, before and after; and
//! machine code what it computes then.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

use pullback::interp::{Array, evaluate};
use pullback::ir::{Elements, Op, Scalar, Type};
use pullback::nn::Mask;
use pullback::optimize::optimize;
use pullback::optimize::passes::stream_values;
use pullback::optimize::passes::stream_values::Limits;
use pullback::{
    Cutting, DType, Derivative, FuncId, Function, Graph, Module, Options, Tensor, Verified, autodiff, compile, nn,
    run_arrays, trace, verify,
};

/// Everything at least twice as large as its operands is streamed, by four positions at a time.
const LIMITS: Limits = Limits { min_bytes: 200 * 8, min_plain: 200 * 8, min_growth: 1, min_operand: 8, block: 4 };

/// Relative to the norm of a result in `f64`: some hundred roundings.
const TOLERANCE: f64 = 3e-14;

fn traced(model: impl for<'g> FnOnce(&'g Graph<'_>) -> Vec<Tensor<'g>>) -> (Verified<Module>, FuncId) {
    let mut module = Module::new();
    let function = trace(&module, "model", model).unwrap();
    let id = module.add(function);
    (verify(module).unwrap(), id)
}

/// The value and the gradient by the parameters of these numbers.
fn gradient(model: impl for<'g> FnOnce(&'g Graph<'_>) -> Tensor<'g>, wrt: &[usize]) -> (Verified<Module>, FuncId) {
    let (module, id) = traced(|graph| vec![model(graph)]);
    let function = autodiff::differentiate(&module, id, Derivative::ValueAndGradient, wrt).unwrap();
    let mut module = Module::clone(&module);
    let id = module.add(function);
    (verify(module).unwrap(), id)
}

fn f64<'g>(graph: &'g Graph<'_>, name: &str, dims: &[usize]) -> Tensor<'g> {
    graph.input(name, DType::F64, dims)
}

fn input(ty: &Type, number: usize) -> Array {
    let mut elements = Elements::empty(ty.dtype, ty.elements());
    let mut state = number as u64 + 1;
    for position in 0..ty.elements() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let x =
            if ty.dtype.is_float() { (state >> 40) as f64 / f64::from(1 << 22) - 2.0 } else { (position % 3) as f64 };
        let _ = elements.push(Scalar::from_f64(ty.dtype, x));
    }
    Array::new(ty.shape.clone(), elements).unwrap()
}

fn scans(function: &Function) -> usize {
    function.insts().iter().filter(|&&inst| matches!(function.op(inst), Op::Scan(_))).count()
}

/// The largest value of a function, at any level, in elements.
fn largest(function: &Function) -> usize {
    let own = function.insts().iter().flat_map(|&inst| function.inst_results(inst)).map(|&v| function.ty(v).elements());
    let regions = function.insts().iter().flat_map(|&inst| function.region_functions(inst));
    own.chain(regions.map(|region| largest(&region))).max().unwrap_or(0)
}

/// A program after optimisation, streamed; how many loops that makes, and its largest value.
struct Streamed {
    module: Verified<Module>,
    id: FuncId,
    scans: usize,
    largest: usize,
}

fn streamed(module: &Verified<Module>, id: FuncId) -> Streamed {
    let optimized = optimize(module, id).unwrap().module;
    let function = stream_values(&optimized, optimized.function(id), &LIMITS).unwrap();
    let mut streamed = Module::clone(&optimized);
    streamed.replace(id, function.into_owned());
    let streamed = verify(streamed).unwrap_or_else(|errors| panic!("{errors}"));
    // What is left over by the pass is removed by others.
    let module = optimize(&streamed, id).unwrap().module;
    let function = module.function(id);
    Streamed { scans: scans(function), largest: largest(function), id, module }
}

fn assert_close(what: &str, found: &[Array], expected: &[Array]) {
    assert_eq!(found.len(), expected.len());
    for (number, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_eq!(found.shape, expected.shape);
        let pairs = || found.elements.iter().zip(expected.elements.iter()).map(|(x, y)| (x.to_f64(), y.to_f64()));
        assert!(pairs().all(|(x, y)| x.is_nan() == y.is_nan()), "{what}: NaN in another place of result {number}");
        let finite = || pairs().filter(|(x, y)| x != y && !y.is_nan());
        let norm = pairs().filter(|(_, y)| y.is_finite()).map(|(_, y)| y * y).sum::<f64>().sqrt();
        let distance = finite().map(|(x, y)| (x - y) * (x - y)).sum::<f64>().sqrt();
        assert!(distance <= TOLERANCE * norm, "{what}: result {number} is {distance:e} from one of norm {norm:e}");
    }
}

fn same_bits(a: &[Array], b: &[Array]) -> bool {
    let bits = |arrays: &[Array]| -> Vec<u64> {
        arrays.iter().flat_map(|array| array.elements.iter()).map(|x| x.to_f64().to_bits()).collect()
    };
    bits(a) == bits(b)
}

/// Streams a program, interprets both and runs what comes out.
fn check_on(module: &Verified<Module>, id: FuncId, inputs: &[Array]) -> Streamed {
    let after = streamed(module, id);
    let expected = evaluate(module, id, inputs).unwrap();
    assert_close("interpreted", &evaluate(&after.module, after.id, inputs).unwrap(), &expected);
    for cutting in [Cutting::default(), Cutting::EVERYTHING] {
        let run = |threads| {
            let options = Options { cutting, verify_each: true, ..Options::new() }.threads(threads);
            let executable = compile(&after.module, after.id, &options).unwrap_or_else(|error| panic!("{error}"));
            run_arrays(&executable, inputs).unwrap()
        };
        let found = run(1);
        assert_close("compiled", &found, &expected);
        assert!(same_bits(&run(3), &found), "the bits depend on the number of threads");
    }
    after
}

fn check(module: &Verified<Module>, id: FuncId) -> Streamed {
    let inputs: Vec<Array> =
        module.function(id).param_types().enumerate().map(|(number, ty)| input(ty, number)).collect();
    check_on(module, id, &inputs)
}

#[test]
fn attention_and_its_gradient_are_two_loops_over_blocks_of_keys() {
    // Blocks that divide the keys, and such that do not.
    for keys in [24, 23] {
        let (module, id) = gradient(
            |graph| {
                let q = f64(graph, "q", &[2, 3, 20, 4]);
                let [k, v] = ["k", "v"].map(|name| f64(graph, name, &[2, 3, keys, 4]));
                nn::attention(q, k, v, Mask::None).sin().sum()
            },
            &[0, 1, 2],
        );
        let after = check(&module, id);
        assert_eq!(after.scans, 2);
        assert!(after.largest < 2 * 3 * 20 * keys, "{} elements", after.largest);
    }
}

#[test]
fn queries_and_keys_may_be_the_same() {
    let (module, id) = gradient(
        |graph| {
            let x = f64(graph, "x", &[30, 4]);
            nn::attention(x, x, x, Mask::None).square().sum()
        },
        &[0],
    );
    assert_eq!(check(&module, id).scans, 2);
}

#[test]
fn a_causal_mask_is_computed_block_by_block() {
    let (module, id) = gradient(
        |graph| {
            let [q, k, v] = ["q", "k", "v"].map(|name| f64(graph, name, &[2, 25, 4]));
            nn::attention(q, k, v, Mask::Causal).sin().sum()
        },
        &[0, 1, 2],
    );
    let after = check(&module, id);
    assert_eq!(after.scans, 2);
    assert!(after.largest < 25 * 25, "{} elements", after.largest);
}

#[test]
fn rows_may_begin_with_keys_that_nobody_sees() {
    // Infinite scores: the first blocks of a row have no largest one, and of the last row no block has.
    let (module, id) = gradient(
        |graph| {
            let [q, k, v] = ["q", "k", "v"].map(|name| f64(graph, name, &[20, 4]));
            let bias = f64(graph, "bias", &[20, 20]);
            ((q.matmul(k.t()) + bias).softmax(-1).matmul(v)).sin().sum()
        },
        &[0, 1, 2],
    );
    let mut inputs: Vec<Array> =
        module.function(id).param_types().enumerate().map(|(number, ty)| input(ty, number)).collect();
    let bias = (0..400).map(|at| if at / 20 > at % 20 { f64::NEG_INFINITY } else { 0.25 });
    let bias = bias.enumerate().map(|(at, x)| if at / 20 == 7 { f64::NEG_INFINITY } else { x });
    inputs[3] = Array::new(inputs[3].shape.clone(), Elements::F64(bias.collect())).unwrap();
    check_on(&module, id, &inputs);
    // Without that row nothing is NaN.
    let bias = (0..400).map(|at| if at / 20 > at % 20 { f64::NEG_INFINITY } else { 0.25 });
    inputs[3] = Array::new(inputs[3].shape.clone(), Elements::F64(bias.collect())).unwrap();
    let after = check_on(&module, id, &inputs);
    assert_eq!(after.scans, 2);
    let results = evaluate(&after.module, after.id, &inputs).unwrap();
    assert!(results.iter().all(|result| result.elements.iter().all(|x| x.to_f64().is_finite())));
}

#[test]
fn the_sum_of_a_row_of_minus_infinity_is_not_a_number() {
    let (module, id) = traced(|graph| {
        let [q, k, v] = ["q", "k", "v"].map(|name| f64(graph, name, &[20, 2]));
        let scores = q.matmul(k.t()) + f64(graph, "bias", &[20, 20]);
        let weights = (scores - scores.max_axes([-1]).expand_dims(-1)).exp();
        vec![weights.sum_axes([-1]), weights.matmul(v)]
    });
    let mut inputs: Vec<Array> =
        module.function(id).param_types().enumerate().map(|(number, ty)| input(ty, number)).collect();
    let bias = (0..400).map(|at| if at / 20 == 7 { f64::NEG_INFINITY } else { 0.0 });
    inputs[3] = Array::new(inputs[3].shape.clone(), Elements::F64(bias.collect())).unwrap();
    let after = check_on(&module, id, &inputs);
    assert_eq!(after.scans, 1);
    let results = evaluate(&after.module, after.id, &inputs).unwrap();
    assert!(results[0].elements.iter().enumerate().all(|(row, x)| x.to_f64().is_nan() == (row == 7)));
}

#[test]
fn second_moments_are_no_means() {
    // The total of e p p, with p = g v, is not that of e p, which follows from the total of e v.
    let (module, id) = traced(|graph| {
        let [q, k, v, g] = ["q", "k", "v", "g"].map(|name| f64(graph, name, &[20, 3]));
        let weights = q.matmul(k.t()).softmax(-1);
        let p = g.matmul(v.t());
        let mean = (weights * p).sum_axes([-1]);
        vec![weights.matmul(v), mean, (weights * p * p).sum_axes([-1])]
    });
    assert!(check(&module, id).scans >= 1);
}

#[test]
fn a_residual_layer_is_right_whether_it_is_streamed_or_not() {
    let (module, id) = gradient(
        |graph| {
            let (x, w) = (f64(graph, "x", &[40, 3]), f64(graph, "w", &[3, 20]));
            let (v, u) = (f64(graph, "v", &[20, 20]), f64(graph, "u", &[20, 2]));
            let h = x.matmul(w).tanh();
            (h + h.matmul(v).tanh()).matmul(u).square().sum()
        },
        &[0, 1, 2, 3],
    );
    check(&module, id);
}

#[test]
fn scores_that_are_infinite_or_not_a_number_stay_so() {
    let (module, id) = traced(|graph| {
        let [q, k, v] = ["q", "k", "v"].map(|name| f64(graph, name, &[20, 1]));
        vec![q.matmul(k.t()).softmax(-1).matmul(v)]
    });
    let mut inputs: Vec<Array> =
        module.function(id).param_types().enumerate().map(|(number, ty)| input(ty, number)).collect();
    let mut q: Vec<f64> = (0..20).map(|at| f64::from(at) - 9.5).collect();
    (q[3], q[5], q[8]) = (f64::INFINITY, f64::NAN, 1e308);
    inputs[0] = Array::new(inputs[0].shape.clone(), Elements::F64(q)).unwrap();
    check_on(&module, id, &inputs);
}

#[test]
fn weights_that_are_dropped_are_dropped_in_blocks() {
    let (module, id) = gradient(
        |graph| {
            let [q, k, v] = ["q", "k", "v"].map(|name| f64(graph, name, &[22, 4]));
            let keep = f64(graph, "keep", &[22, 22]);
            ((q.matmul(k.t()).softmax(-1) * keep * 1.25).matmul(v)).sin().sum()
        },
        &[0, 1, 2],
    );
    assert_eq!(check(&module, id).scans, 2);
}

#[test]
fn a_loss_over_many_classes_never_has_all_their_scores() {
    let (module, id) = gradient(
        |graph| {
            let (x, w, c) = (f64(graph, "x", &[48, 5]), f64(graph, "w", &[5, 40]), f64(graph, "c", &[40]));
            let labels = graph.input("labels", DType::I32, [48]);
            nn::cross_entropy(x.matmul(w) + c, labels)
        },
        &[0, 1, 2],
    );
    let after = check(&module, id);
    assert!(after.scans == 2 && after.largest < 48 * 40, "{} scans, {} elements", after.scans, after.largest);
}

#[test]
fn a_hidden_layer_is_streamed_without_a_softmax() {
    let (module, id) = gradient(
        |graph| {
            let (x, w, v) = (f64(graph, "x", &[30, 3]), f64(graph, "w", &[3, 24]), f64(graph, "v", &[24, 2]));
            x.matmul(w).tanh().matmul(v).square().sum()
        },
        &[0, 1, 2],
    );
    let after = check(&module, id);
    assert!(after.scans >= 1 && after.largest < 30 * 24, "{} scans, {} elements", after.scans, after.largest);
}

#[test]
fn what_is_returned_is_kept() {
    let (module, id) = traced(|graph| {
        let [q, k, v] = ["q", "k", "v"].map(|name| f64(graph, name, &[20, 4]));
        let weights = q.matmul(k.t()).softmax(-1);
        vec![weights.matmul(v), weights]
    });
    let after = check(&module, id);
    assert_eq!((after.scans, after.largest), (0, 400));
}

#[test]
fn tangents_of_attention_are_streamed_too() {
    let (module, id) = traced(|graph| {
        let [q, k, v] = ["q", "k", "v"].map(|name| f64(graph, name, &[20, 4]));
        vec![nn::attention(q, k, v, Mask::None)]
    });
    let function = autodiff::differentiate(&module, id, Derivative::Jvp, &[0, 1, 2]).unwrap();
    let mut module = Module::clone(&module);
    let id = module.add(function);
    check(&verify(module).unwrap(), id);
}

#[test]
fn in_single_precision_two_millionths_are_lost_at_most() {
    let attention = |dtype: DType| {
        gradient(
            |graph| {
                let q = graph.input("q", dtype, [2, 60, 8]);
                let [k, v] = ["k", "v"].map(|name| graph.input(name, dtype, [2, 200, 8]));
                nn::attention(q, k, v, Mask::None).square().sum()
            },
            &[0, 1, 2],
        )
    };
    let (single, id) = attention(DType::F32);
    let inputs: Vec<Array> =
        single.function(id).param_types().enumerate().map(|(number, ty)| input(ty, number)).collect();
    let wide: Vec<Array> = inputs
        .iter()
        .map(|array| {
            let elements = array.elements.iter().map(|x| x.to_f64()).collect();
            Array::new(array.shape.clone(), Elements::F64(elements)).unwrap()
        })
        .collect();
    let (double, double_id) = attention(DType::F64);
    let expected = evaluate(&double, double_id, &wide).unwrap();
    let after = streamed(&single, id);
    assert_eq!(after.scans, 2);
    let executable = compile(&after.module, after.id, &Options::new()).unwrap();
    for (found, expected) in run_arrays(&executable, &inputs).unwrap().iter().zip(&expected) {
        let pairs = || found.elements.iter().zip(expected.elements.iter()).map(|(x, y)| (x.to_f64(), y.to_f64()));
        let norm = pairs().map(|(_, y)| y * y).sum::<f64>().sqrt();
        let distance = pairs().map(|(x, y)| (x - y) * (x - y)).sum::<f64>().sqrt();
        assert!(distance <= 2e-6 * norm, "{distance:e} from {norm:e}");
    }
}

#[test]
fn long_attention_is_streamed_by_itself() {
    let module = |length: usize| {
        traced(|graph| {
            let [q, k, v] = ["q", "k", "v"].map(|name| graph.input(name, DType::F32, [length, 64]));
            vec![nn::attention(q, k, v, Mask::Causal).square().sum()]
        })
    };
    let arena = |length: usize| {
        let (module, id) = module(length);
        let options = Options::new().value_and_grad(["q", "k", "v"]).threads(1);
        compile(&module, id, &options).unwrap().arena_bytes()
    };
    // The scores of 8192 keys alone are 256 MiB.
    let (short, long) = (arena(4096), arena(8192));
    assert!(long < 64 << 20, "{long} bytes");
    assert!(long <= 2 * short + (1 << 20), "{short} bytes of 4096 positions, {long} of twice as many");
}
