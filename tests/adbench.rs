//! The objectives of ADBench and GradBench: values and derivatives agree with what was published, and with what JAX computes.
//!
//! The objectives are those of `examples/adbench`. Agreement is measured as by ADBench (see `rho`), and to its bound.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "../examples/adbench/objectives/mod.rs"]
mod objectives;

use std::path::PathBuf;
use std::process::{Command, Output};

use objectives::{ALL, Objective, Problem, Program, golden, rho};
use pullback::interp::{self, Array};
use pullback::prelude::*;
use pullback::{Function, Side, autodiff, hessian, hvp, jacobian_sparsity, run_arrays, sparse_jacobian};

/// The bound of ADBench and GradBench.
const LIMIT: f64 = 1e-8;
/// The bound between two ways of computing the same in `f64`, by the same measure: both round, and sums of up to a hundred thousand terms are taken in different orders.
const SAME: f64 = 1e-11;

/// Without optimization of this test and what it runs, only the least sizes.
const FAST: bool = !cfg!(debug_assertions);

fn objective(name: &str) -> &'static Objective {
    ALL.iter().find(|objective| objective.name == name).unwrap()
}

fn numbers(arrays: &[Array]) -> Vec<Vec<f64>> {
    arrays.iter().map(Array::to_f64).collect()
}

fn compiled(module: &Verified<Module>, func: FuncId, inputs: &[Array]) -> Vec<Vec<f64>> {
    let executable = compile(module, func, &Options::new()).unwrap();
    numbers(&run_arrays(&executable, inputs).unwrap())
}

fn interpreted(module: &Verified<Module>, func: FuncId, inputs: &[Array]) -> Vec<Vec<f64>> {
    numbers(&interp::evaluate(module, func, inputs).unwrap())
}

#[track_caller]
fn assert_agree(found: &[Vec<f64>], expected: &[Vec<f64>], limit: f64, what: &str) {
    let rho = rho(found, expected);
    assert!(rho < limit, "{what}: ρ = {rho:e}, expected less than {limit:e}");
}

/// Compiled values and derivatives against the golden ones; the derivative against `derivative_sizes` of them at least.
#[track_caller]
fn meets_goldens(name: &str, derivative_sizes: usize) {
    let objective = objective(name);
    let mut derivatives = 0;
    for size in objective.sizes.iter().take(if FAST { usize::MAX } else { 2 }) {
        let (problem, golden) = (objective.problem(size).unwrap(), golden(name, size).unwrap());
        let program = problem.program().unwrap();
        let value = compiled(&program.module, program.primal, &problem.inputs);
        assert_agree(&value, &golden.value.unwrap(), LIMIT, &format!("{name} {size}"));
        if let Some(expected) = golden.derivative {
            let derivative = compiled(&program.module, program.derivative, &problem.inputs);
            assert_agree(&derivative, &expected, LIMIT, &format!("the derivative of {name} {size}"));
            derivatives += 1;
        }
    }
    let expected = if FAST { derivative_sizes } else { 1 };
    assert!(derivatives >= expected, "{derivatives} derivatives of {name} compared, expected {expected} or more");
}

#[test]
fn gmm_meets_goldens() {
    meets_goldens("gmm", 7);
}

#[test]
fn ba_meets_goldens_in_compressed_form() {
    meets_goldens("ba", 3);
}

#[test]
fn sparse_jacobian_of_ba_has_the_published_elements_from_ten_products() {
    let problem = objective("ba").problem("test").unwrap();
    let Program { module, primal, .. } = problem.program().unwrap();
    // The indices of cameras and points decide where the blocks are.
    let inputs: Vec<Option<Array>> =
        problem.inputs.iter().map(|input| (!input.dtype().is_float()).then(|| input.clone())).collect();
    let pattern = jacobian_sparsity(&module, primal, &[0, 1, 2], &inputs).unwrap();
    let (cameras, points, observations) = (2, 10, 10);
    assert_eq!((pattern.rows(), pattern.columns()), (3 * observations, 11 * cameras + 3 * points + observations));

    let sparse = sparse_jacobian(&module, primal, &[0, 1, 2], pattern).unwrap();
    // Each camera sees five points, two coordinates each, and rows of one camera overlap: ten colours. Columns would take 15, as many as a block has.
    assert_eq!((sparse.coloring.side, sparse.coloring.colors), (Side::Rows, 10));
    let mut module = module.into_inner();
    let function = module.add(sparse.function.clone());
    let compressed = compiled(&verify(module).unwrap(), function, &problem.inputs);
    let values = sparse.values(&compressed[0]).unwrap();
    // ADBench stores 310; of each block, the derivatives of one coordinate by the other's principal point are 0 for all inputs.
    assert_eq!(values.len(), 310 - 2 * observations);
    let mut dense = vec![vec![0.0; sparse.pattern.columns()]; sparse.pattern.rows()];
    for ((row, column), value) in sparse.pattern.entries().zip(values) {
        dense[row][column] = value;
    }

    let golden = golden("ba", "test").unwrap().derivative.unwrap();
    let mut expected = vec![vec![0.0; dense[0].len()]; dense.len()];
    for observation in 0..observations {
        let camera = (0..11).map(|i| 11 * (observation % cameras) + i);
        let point = (0..3).map(|i| 11 * cameras + 3 * (observation % points) + i);
        let weight = 11 * cameras + 3 * points + observation;
        for (position, column) in camera.chain(point).chain([weight]).enumerate() {
            expected[2 * observation][column] = golden[0][position];
            expected[2 * observation + 1][column] = golden[0][15 + position];
        }
        expected[2 * observations + observation][weight] = golden[1][0];
    }
    assert_agree(&dense, &expected, LIMIT, "the sparse Jacobian");
}

#[test]
fn lstm_meets_goldens() {
    meets_goldens("lstm", 3);
}

#[test]
fn hand_meets_goldens() {
    meets_goldens("hand", 2);
}

#[test]
fn complicated_hand_meets_goldens_in_compressed_form() {
    meets_goldens("hand_complicated", 2);
}

#[test]
fn kmeans_meets_goldens() {
    meets_goldens("kmeans", 4);
}

#[test]
fn lse_meets_goldens() {
    meets_goldens("lse", 2);
}

#[test]
fn lls_meets_goldens() {
    meets_goldens("lls", 3);
}

#[test]
fn ode_meets_goldens() {
    meets_goldens("ode", 5);
}

#[test]
fn published_values_are_among_the_goldens() {
    let known = |name, size| golden(name, size).unwrap();
    // Some of them, written out: ADBench's unit tests. Reading JSON may round the last bit.
    let (gmm, lstm, ba) = (known("gmm", "test"), known("lstm", "l2_c1024"), known("ba", "test"));
    let (hand, complicated) = (known("hand", "test"), known("hand_complicated", "test"));
    for (found, expected) in [
        (gmm.value.unwrap()[0][0], 8.073804080049758),
        (lstm.value.unwrap()[0][0], 0.66666518),
        (lstm.derivative.unwrap()[0][0], 3.143870249961012e-6),
        (ba.value.unwrap()[1][0], 0.826092651516),
        (ba.derivative.unwrap()[0][29], 0.623335921553064),
        (hand.value.unwrap()[0][0], 0.16519314794161155),
        (hand.derivative.unwrap()[0][0], -0.019551295934128275),
        (complicated.value.unwrap()[0][5], -0.19758676846557965),
    ] {
        assert!((found - expected).abs() <= 2.0 * f64::EPSILON * expected.abs(), "{found}, expected {expected}");
    }
    // Published by others for this file, with six decimals.
    let gmm = known("gmm", "d2_k10_n1k").value.unwrap();
    assert!((gmm[0][0] + 3484.552366).abs() < 5e-7, "{gmm:?}");
}

/// The interpreter against the goldens, and compiled code against the interpreter.
#[track_caller]
fn interpreter_agrees(name: &str, size: &str) {
    let (problem, golden) = (objective(name).problem(size).unwrap(), golden(name, size).unwrap());
    let program = problem.program().unwrap();
    for (func, expected) in [(program.primal, golden.value), (program.derivative, golden.derivative)] {
        let what = format!("@{} of {name} {size}", program.module.function(func).name);
        let interpreted = interpreted(&program.module, func, &problem.inputs);
        assert_agree(&interpreted, &expected.unwrap(), LIMIT, &what);
        assert_agree(&compiled(&program.module, func, &problem.inputs), &interpreted, SAME, &what);
    }
}

#[test]
fn interpreter_agrees_with_goldens_and_compiled_code() {
    for (name, size) in [
        ("gmm", "test"),
        ("ba", "test"),
        ("lstm", "tiny"),
        ("hand", "test"),
        ("hand_complicated", "test"),
        ("kmeans", "k3_n40_d2"),
        ("lse", "n100"),
        ("lls", "m8_n16"),
        ("ode", "n5_s10"),
    ] {
        interpreter_agrees(name, size);
    }
}

#[test]
fn interpreter_agrees_at_the_sizes_of_the_benchmarks() {
    if FAST {
        for (name, size) in [("gmm", "d2_k5_n1k"), ("lstm", "l2_c1024"), ("hand", "c100"), ("ode", "n1000_s10")] {
            interpreter_agrees(name, size);
        }
    }
}

/// A problem and a derivative of its primal, made by `derive`.
fn derived(
    problem: &Problem,
    derive: impl FnOnce(&Verified<Module>, FuncId) -> Result<Function, autodiff::Error>,
) -> (Verified<Module>, FuncId) {
    let program = problem.program().unwrap();
    let function = derive(&program.module, program.primal).unwrap();
    let mut module = program.module.into_inner();
    let func = module.add(function);
    (verify(module).unwrap(), func)
}

/// `inputs` with the first few, which are `f64`, moved by `t` times a direction for each.
fn moved(inputs: &[Array], direction: &[Vec<f64>], t: f64) -> Vec<Array> {
    let mut inputs = inputs.to_vec();
    for (input, direction) in inputs.iter_mut().zip(direction) {
        let numbers: Vec<f64> = input.to_f64().iter().zip(direction).map(|(x, d)| x + t * d).collect();
        *input = Array::from_slice(&input.shape.extents(), &numbers).unwrap();
    }
    inputs
}

/// The derivative of the gradient in a direction, by central differences that leave out the error of second order in the step too (Richardson).
fn gradient_change(problem: &Problem, direction: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let program = problem.program().unwrap();
    let gradient = compile(&program.module, program.derivative, &Options::new()).unwrap();
    let central = |h: f64| -> Vec<Vec<f64>> {
        let at = |t| numbers(&run_arrays(&gradient, &moved(&problem.inputs, direction, t)).unwrap());
        let pairs = at(h).into_iter().zip(at(-h));
        pairs.map(|(above, below)| above.iter().zip(&below).map(|(x, y)| (x - y) / (2.0 * h)).collect()).collect()
    };
    let (coarse, fine) = (central(2e-4), central(1e-4));
    let pairs = coarse.into_iter().zip(fine);
    pairs.map(|(c, f)| c.iter().zip(&f).map(|(c, f)| (4.0 * f - c) / 3.0).collect()).collect()
}

#[test]
fn hessian_of_the_gmm_is_the_change_of_its_gradient() {
    let problem = objective("gmm").problem("test").unwrap();
    let (module, func) = derived(&problem, |module, gmm| hessian(module, gmm, &[0, 1, 2]));
    let blocks = compiled(&module, func, &problem.inputs);
    assert_agree(&blocks, &interpreted(&module, func, &problem.inputs), SAME, "the Hessian, interpreted");

    let sizes: Vec<usize> = problem.inputs[..3].iter().map(|input| input.to_f64().len()).collect();
    assert_eq!(sizes, [3, 6, 9]);
    for (column_block, &columns) in sizes.iter().enumerate() {
        for column in 0..columns {
            let mut direction: Vec<Vec<f64>> = sizes.iter().map(|&size| vec![0.0; size]).collect();
            direction[column_block][column] = 1.0;
            let change = gradient_change(&problem, &direction);
            let found: Vec<Vec<f64>> = (0..3)
                .map(|row_block| {
                    let block = &blocks[3 * row_block + column_block];
                    (0..sizes[row_block]).map(|row| block[row * columns + column]).collect()
                })
                .collect();
            assert_agree(&found, &change, LIMIT, &format!("column {column} of block {column_block}"));
        }
    }
}

#[test]
fn hessian_product_of_the_lstm_is_the_change_of_its_gradient() {
    let problem = objective("lstm").problem("tiny").unwrap();
    let (module, func) = derived(&problem, |module, lstm| hvp(module, lstm, &[0, 1]));
    let direction: Vec<Vec<f64>> = problem.inputs[..2]
        .iter()
        .map(|input| (0..input.to_f64().len()).map(|position| (1.7 * position as f64).sin()).collect())
        .collect();
    let mut inputs = problem.inputs.clone();
    for (input, direction) in problem.inputs.iter().zip(&direction) {
        inputs.push(Array::from_slice(&input.shape.extents(), direction).unwrap());
    }
    let product = compiled(&module, func, &inputs);
    assert_agree(&product, &interpreted(&module, func, &inputs), SAME, "the product, interpreted");
    assert_agree(&product, &gradient_change(&problem, &direction), LIMIT, "the product");
    let largest = product.iter().flatten().fold(0.0f64, |largest, x| largest.max(x.abs()));
    assert!(largest > 1e-3, "too small to compare: {largest}");
}

#[test]
fn rho_is_relative_for_large_numbers_and_absolute_for_small_ones() {
    let rho = |x: &[f64], y: &[f64]| rho(&[x.to_vec()], &[y.to_vec()]);
    assert_eq!(rho(&[0.0, 0.25], &[0.0, 0.125]), 0.125);
    assert_eq!(rho(&[3.0], &[5.0]), 0.25);
    // A shorter list repeats.
    assert_eq!(rho(&[1.0, 2.0, 1.0, 2.0], &[1.0, 2.0]), 0.0);
    // What does not correspond, or is not a number, meets no bound.
    for found in [&[f64::NAN, 1.0][..], &[1.0, f64::NAN], &[f64::INFINITY, 1.0], &[1.0, 1.0, 1.0]] {
        assert!(rho(found, &[1.0, 1.0]).is_nan(), "{found:?}");
    }
    assert!(rho(&[1.0], &[]).is_nan() && objectives::rho(&[], &[vec![1.0]]).is_nan());
}

#[test]
fn an_unknown_size_is_an_error_that_names_the_known_ones() {
    let error = objective("ba").problem("ba99").err().unwrap().to_string();
    assert_eq!(error, "ba has no size ba99, only test, ba1, ba2");
    assert!(golden("ba", "ba99").unwrap().value.is_none());
}

fn run(arguments: &[&str]) -> Output {
    // This test is `<target>/<profile>/deps/adbench-…`, the example `<target>/<profile>/examples/adbench`.
    let own = std::env::current_exe().unwrap();
    let path: PathBuf =
        own.ancestors().nth(2).unwrap().join("examples").join(format!("adbench{}", std::env::consts::EXE_SUFFIX));
    assert!(path.is_file(), "{} is missing: build the examples with `cargo build --examples`", path.display());
    Command::new(path).args(arguments).output().unwrap()
}

#[test]
fn the_example_prints_one_line_for_each_objective() {
    let output = run(&["--json", "--size", "small", "--repeats", "2"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<serde_json::Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), ALL.len());
    for (line, objective) in lines.iter().zip(&ALL) {
        assert_eq!((&line["objective"], &line["size"]), (&objective.name.into(), &objective.sizes[0].into()));
        for rho in ["value_rho", "derivative_rho"] {
            assert!(line[rho].as_f64().unwrap() < LIMIT, "{line}");
        }
        for time in ["primal_ms", "derivative_ms", "compile_ms"] {
            assert!(line[time].as_f64().unwrap() > 0.0, "{line}");
        }
    }
    let output = run(&["--only", "kmeans", "--size", "small", "--repeats", "1"]);
    let table = String::from_utf8(output.stdout).unwrap();
    assert_eq!(table.lines().count(), 2, "{table}");
    assert!(table.starts_with("objective ") && table.contains("\nkmeans "), "{table}");
}

#[test]
fn the_example_refuses_what_it_does_not_know() {
    for (arguments, code, part) in [
        (&["--only", "x"][..], 2, "possible values: gmm, ba, lstm, hand, hand_complicated, kmeans"),
        (&["--size", "ba1", "--only", "gmm"], 1, "nothing has the size \"ba1\"; there are\n  gmm: test, d2_k5_n1k"),
        (&["--repeats", "0"], 2, "0 is not in 1.."),
        (&["--repeats", "many"], 2, "invalid digit"),
        (&["--bogus"], 2, "Usage: adbench"),
    ] {
        let output = run(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
        assert!(errors.contains(part) && output.stdout.is_empty(), "{arguments:?}: {errors}");
    }
}
