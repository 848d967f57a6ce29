//! Tile groups as machine code: programs whose regions share positions, cut as finely as possible and on several threads.
//!
//! Every program is small, so that nothing of it would be cut by default; [`Cutting::EVERYTHING`] cuts it. The interpreter says what
//! comes out, to a relative tolerance in norm of what f32 sums of a few hundred terms can lose; the bits are the same for any number of threads.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

use pullback::interp::{Array, evaluate};
use pullback::ir::{Elements, Scalar, Type};
use pullback::loops::{Loop, Step};
use pullback::{
    Conv, Cutting, DType, Derivative, Graph, Module, Options, Padding, Stage, Tensor, Window, compile, dump, nn,
    run_arrays, trace, verify,
};

/// Relative to the norm of the result: a few roundings of f32 for each of some ten operations in a row.
const TOLERANCE: f64 = 4e-6;

fn input(ty: &Type, number: usize) -> Array {
    let mut elements = Elements::empty(ty.dtype, ty.elements());
    let mut state = number as u64 + 1;
    for position in 0..ty.elements() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let x =
            if ty.dtype.is_float() { (state >> 40) as f64 / f64::from(1 << 23) - 1.0 } else { (position % 3) as f64 };
        let _ = elements.push(Scalar::from_f64(ty.dtype, x));
    }
    Array::new(ty.shape.clone(), elements).unwrap()
}

/// Compiles a function and its gradient by all its parameters of a float type, and compares.
fn check(module: &Module, wrt: &[&str]) {
    let module = verify(module.clone()).unwrap();
    let (func, function) = module.functions().last().unwrap();
    let inputs: Vec<Array> = function.param_types().enumerate().map(|(number, ty)| input(ty, number)).collect();
    let derivative = pullback::autodiff::differentiate(
        &module,
        func,
        Derivative::ValueAndGradient,
        &wrt.iter().map(|name| position(function, name)).collect::<Vec<_>>(),
    );
    let mut differentiated = Module::clone(&module);
    let gradient = differentiated.add(derivative.unwrap());
    let expected = evaluate(&verify(differentiated).unwrap(), gradient, &inputs).unwrap();
    let options = |threads| {
        Options { cutting: Cutting::EVERYTHING, verify_each: true, ..Options::new() }
            .value_and_grad(wrt.iter().copied())
            .threads(threads)
    };
    let run = |threads| {
        let executable = compile(&module, func, &options(threads)).unwrap_or_else(|error| panic!("{error}"));
        run_arrays(&executable, &inputs).unwrap()
    };
    let found = run(1);
    for (number, (found, expected)) in found.iter().zip(&expected).enumerate() {
        assert_eq!(found.shape, expected.shape);
        let pairs = || found.elements.iter().zip(expected.elements.iter()).map(|(x, y)| (x.to_f64(), y.to_f64()));
        let norm = pairs().map(|(_, y)| y * y).sum::<f64>().sqrt();
        let distance = pairs().map(|(x, y)| (x - y) * (x - y)).sum::<f64>().sqrt();
        let text = || dump(&module, func, &options(1), Stage::Loops).unwrap();
        assert!(distance <= TOLERANCE * norm, "result {number}: {distance:e} from {norm:e}\n{}", text());
    }
    for threads in [2, 3] {
        assert_eq!(run(threads), found, "{threads} threads");
    }
}

fn position(function: &pullback::Function, name: &str) -> usize {
    let named = |param: &pullback::ir::Value| function.value_name(*param).is_some_and(|found| &**found == name);
    function.params().iter().position(named).unwrap()
}

/// How many parallel loops there are in the loop program of a gradient.
fn parallel_loops(module: &Module, wrt: &[&str]) -> usize {
    let module = verify(module.clone()).unwrap();
    let (func, _) = module.functions().last().unwrap();
    let options = Options { cutting: Cutting::EVERYTHING, ..Options::new() }.value_and_grad(wrt.iter().copied());
    let text = dump(&module, func, &options, Stage::Loops).unwrap();
    let program = pullback::loops::parse_program(&text).unwrap();
    fn count(steps: &[Step]) -> usize {
        let own = |step: &Step| usize::from(matches!(step, Step::Loop(inner) if Loop::clone(inner).parallel));
        steps.iter().map(|step| own(step) + step.nested().map(count).sum::<usize>()).sum()
    }
    count(&program.body)
}

fn module(model: impl for<'g> FnOnce(&'g Graph<'_>) -> Tensor<'g>) -> Module {
    let mut module = Module::new();
    let function = trace(&module, "loss", |graph| vec![model(graph)]).unwrap();
    module.add(function);
    module
}

fn f32<'g>(graph: &'g Graph<'_>, name: &str, dims: &[usize]) -> Tensor<'g> {
    graph.input(name, DType::F32, dims)
}

#[test]
fn normalisation_and_softmax_keep_a_row_at_hand() {
    for (rows, columns) in [(40, 33), (7, 64), (97, 5)] {
        let module = module(|graph| {
            let (x, g, b) =
                (f32(graph, "x", &[rows, columns]), f32(graph, "g", &[columns]), f32(graph, "b", &[columns]));
            nn::layer_norm(x, g, b, 1e-5).softmax(-1).square().sum()
        });
        assert!(parallel_loops(&module, &["x", "g", "b"]) >= 1);
        check(&module, &["x", "g", "b"]);
    }
}

#[test]
fn scores_of_attention_exist_a_block_at_a_time() {
    for [batch, heads, length, depth] in [[2, 3, 40, 24], [1, 2, 33, 40], [3, 1, 37, 17]] {
        let shape = [batch, heads, length, depth];
        let module = module(|graph| {
            let [q, k, v] = ["q", "k", "v"].map(|name| f32(graph, name, &shape));
            let scores = q.matmul(k.t()) * 0.2;
            scores.softmax(-1).matmul(v).square().sum()
        });
        assert!(parallel_loops(&module, &["q", "k", "v"]) >= 1);
        check(&module, &["q", "k", "v"]);
    }
}

#[test]
fn layers_of_a_network_follow_their_products_tile_by_tile() {
    for (batch, inside) in [(37, 48), (64, 31)] {
        let module = module(|graph| {
            let x = f32(graph, "x", &[batch, 40]);
            let (w, c, v) =
                (f32(graph, "w", &[40, inside]), f32(graph, "c", &[inside]), f32(graph, "v", &[inside, 29]));
            let y = graph.input("y", DType::I32, [batch]);
            let scores = (x.matmul(w) + c).tanh().gelu_tanh().matmul(v);
            nn::cross_entropy(scores, y)
        });
        check(&module, &["w", "c", "v", "x"]);
    }
}

#[test]
fn convolutions_are_run_image_by_image() {
    let module = module(|graph| {
        let (x, w) = (f32(graph, "x", &[5, 2, 12, 12]), f32(graph, "w", &[6, 2, 3, 3]));
        let y = x.conv(w, &Conv::new().padding(Padding::Same)).relu();
        y.max_pool(&Window::new([2, 2])).square().sum()
    });
    check(&module, &["x", "w"]);
}

#[test]
fn pooling_after_pooling_puts_cotangents_back_row_by_row() {
    // Rows of 22, 11 and 5 windows: whole vectors, and ends of one and of three.
    let module = module(|graph| {
        let (x, w) = (f32(graph, "x", &[3, 2, 44, 44]), f32(graph, "w", &[4, 2, 3, 3]));
        let y = x.max_pool(&Window::new([2, 2])).conv(w, &Conv::new().padding(Padding::Same)).relu();
        y.max_pool(&Window::new([2, 2])).max_pool(&Window::new([2, 2])).square().sum()
    });
    check(&module, &["x", "w"]);
}

#[test]
fn windows_that_overlap_are_never_in_memory_as_a_whole() {
    let module = module(|graph| {
        let (x, w) = (f32(graph, "x", &[16, 16, 16, 16]), f32(graph, "w", &[32, 16, 3, 3]));
        let y = x.sin().conv(w, &Conv::new().padding(Padding::Same)).relu();
        y.max_pool(&Window::new([2, 2])).square().sum()
    });
    let module = verify(module).unwrap();
    let (func, _) = module.functions().last().unwrap();
    let text = dump(&module, func, &Options::new().value_and_grad(["x", "w"]), Stage::Loops).unwrap();
    let program = pullback::loops::parse_program(&text).unwrap();
    // Those of the three convolutions are 9 times 65,536 elements, and twice that for the gradient by x.
    let largest = program.buffers.values().map(|buffer| buffer.elements).max().unwrap();
    assert!(largest < 9 * 65_536, "{text}");
    assert!(text.contains("gemm f32 32x"), "{text}");
}

#[test]
fn totals_over_tiles_of_any_kind_are_complete_behind_them() {
    let module = module(|graph| {
        let (x, y) = (f32(graph, "x", &[45, 21]), f32(graph, "y", &[45, 21]));
        let z = x * y + 1.0;
        let columns = z.sum_axes([0]);
        let largest = z.max_axes([0]);
        let all = (z * z).sum();
        (columns * largest).sum() + all * 0.5 + (z.exp() * columns).sum()
    });
    check(&module, &["x", "y"]);
}
