//! The builder API against the reference interpreter.
//!
//! Expected values are worked out by hand, by plain Rust arithmetic beside the test, or are published values of the functions; none
//! is taken from a run. One binary, a module per theme.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod control;
mod custom;
mod einsum;
mod elementwise;
mod indexing;
mod linalg;
mod matmul;
mod mistakes;
mod nn;
mod nn_layers;
mod optim;
mod provenance;
mod reduce;
mod rng;
mod sorting;
mod views;
mod windows;

use pullback_graph::{Graph, Tensor, trace};
use pullback_interp::{Array, evaluate};
use pullback_ir::{DType, Function, Module, verify};

/// The outputs of a function of no inputs.
#[track_caller]
fn values<F>(model: F) -> Vec<Array>
where
    F: for<'g> FnOnce(&'g Graph<'_>) -> Vec<Tensor<'g>>,
{
    let module = Module::new();
    let function = trace(&module, "f", model).unwrap_or_else(|error| panic!("{error}"));
    run(module, function, &[])
}

/// Adds a function to its module and evaluates it.
#[track_caller]
fn run(mut module: Module, function: Function, inputs: &[Array]) -> Vec<Array> {
    let id = module.add(function);
    let module = verify(module).unwrap_or_else(|errors| panic!("{errors}"));
    evaluate(&module, id, inputs).unwrap()
}

/// Asserts that the one output of a function has these extents and elements, floats within 4 ulp of f64.
#[track_caller]
fn expect<F>(dims: &[usize], expected: &[f64], model: F)
where
    F: for<'g> FnOnce(&'g Graph<'_>) -> Tensor<'g>,
{
    let outputs = values(|g| vec![model(g)]);
    close(&outputs[0], dims, expected, 4.0 * f64::EPSILON);
}

/// Asserts extents, and elements within `tolerance` relative to the larger of 1 and the element. NaN matches NaN.
#[track_caller]
fn close(found: &Array, dims: &[usize], expected: &[f64], tolerance: f64) {
    assert_eq!(found.shape.extents(), dims, "extents");
    let found = found.to_f64();
    assert_eq!(found.len(), expected.len(), "number of elements");
    for (index, (&x, &y)) in found.iter().zip(expected).enumerate() {
        let same = x == y || (x.is_nan() && y.is_nan());
        assert!(
            same || (x - y).abs() <= tolerance * y.abs().max(1.0),
            "element {index}: found {x}, expected {y}\nfound {found:?}\nexpected {expected:?}"
        );
    }
}

/// A vector of f64.
fn vector<'g>(g: &'g Graph<'_>, elements: &[f64]) -> Tensor<'g> {
    g.constant(elements, [elements.len()])
}

/// 0, 1, 2, … in f64.
fn counting<'g>(g: &'g Graph<'_>, dims: &[usize]) -> Tensor<'g> {
    let count = dims.iter().product();
    let signed: Vec<isize> = dims.iter().map(|&extent| extent.cast_signed()).collect();
    g.arange(DType::F64, count).reshape(signed)
}
