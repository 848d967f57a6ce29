//! Every stage of a compilation can be printed, and what has a parser reads back in and still computes the same.
//!
//! The subject is the loss of the digits example and its gradient.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use pullback::interp::Array;
use pullback::ir::{DType, FuncId, Module, Shape, Verified};
use pullback::{Options, Stage, compile, dump, parse_module, run_arrays, verify};

const LOSS: &str = include_str!("../examples/digits/loss.pir");

fn loss() -> (Verified<Module>, FuncId) {
    let module = verify(parse_module(LOSS).unwrap()).unwrap();
    let func = module.find("loss").unwrap();
    (module, func)
}

fn gradient() -> Options {
    Options::new().value_and_grad(["w1", "b1", "w2", "b2", "w3", "b3"])
}

/// Images between 0 and 1, labels from 0 to 9, parameters around 0; no two alike.
fn inputs(module: &Verified<Module>, func: FuncId) -> Vec<Array> {
    let mut state = 1u32;
    let mut next = move || {
        // The linear congruential generator of Numerical Recipes.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 8
    };
    let mut array = |dtype: DType, shape: &Shape| {
        let extents = shape.extents();
        match dtype {
            DType::I32 => {
                let labels: Vec<i32> = (0..shape.elements()).map(|_| (next() % 10) as i32).collect();
                Array::from_slice(&extents, &labels).unwrap()
            }
            _ => {
                let numbers: Vec<f32> = (0..shape.elements()).map(|_| next() as f32 / (1 << 24) as f32 - 0.4).collect();
                Array::from_slice(&extents, &numbers).unwrap()
            }
        }
    };
    module.function(func).param_types().map(|ty| array(ty.dtype, &ty.shape)).collect()
}

/// The largest distance relative to the largest number, over all results.
fn distance(found: &[Array], expected: &[Array]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let pair = |(found, expected): (&Array, &Array)| {
        assert_eq!(found.ty(), expected.ty());
        let (found, expected) = (found.to_f64(), expected.to_f64());
        let scale = expected.iter().fold(1e-30f64, |scale, x| scale.max(x.abs()));
        found.iter().zip(&expected).map(|(x, y)| (x - y).abs() / scale).fold(0.0, f64::max)
    };
    found.iter().zip(expected).map(pair).fold(0.0, f64::max)
}

/// Rounding in another order moves single-precision sums of 64 terms by about this much.
const TOLERANCE: f64 = 1e-5;

#[test]
fn every_stage_of_the_digits_loss_and_its_gradient_prints() {
    let (module, func) = loss();
    for options in [Options::new(), gradient()] {
        for stage in Stage::ALL {
            let text = dump(&module, func, &options, stage).unwrap();
            let mark = match stage {
                Stage::Tensor | Stage::Optimized => "func @loss",
                Stage::Adjoint => "dot %images",
                Stage::Fused => "; region 0",
                Stage::Loops => "kernel @",
                Stage::Clif => "f32x4",
                Stage::Asm => "ret",
            };
            assert!(text.contains(mark), "stage {} lacks `{mark}`:\n{text}", stage.name());
        }
    }
}

#[test]
fn tensor_stages_read_back_in_and_compute_the_same() {
    let (module, func) = loss();
    let arrays = inputs(&module, func);
    for options in [Options::new(), gradient()] {
        let expected = run_arrays(&compile(&module, func, &options).unwrap(), &arrays).unwrap();
        for stage in [Stage::Adjoint, Stage::Optimized, Stage::Fused] {
            let text = dump(&module, func, &options, stage).unwrap();
            let again = verify(parse_module(&text).unwrap()).unwrap();
            let (func, _) = again.functions().next().unwrap();
            let found = run_arrays(&compile(&again, func, &Options::new()).unwrap(), &arrays).unwrap();
            let off = distance(&found, &expected);
            assert!(off < TOLERANCE, "stage {}: off by {off:e}", stage.name());
        }
    }
}

#[test]
fn loop_programs_read_back_in_and_compute_the_same() {
    let (module, func) = loss();
    let arrays = inputs(&module, func);
    let elements: Vec<_> = arrays.iter().map(|array| array.elements.clone()).collect();
    for options in [Options::new(), gradient()] {
        let expected = run_arrays(&compile(&module, func, &options).unwrap(), &arrays).unwrap();
        let text = dump(&module, func, &options, Stage::Loops).unwrap();
        let program = pullback::loops::parse_program(&text).unwrap();
        assert_eq!(program.to_string(), text);
        let program = pullback::loops::verify(program).unwrap();
        let found = pullback::loops::interpret(&program, &elements).unwrap();
        let found =
            found.into_iter().zip(&expected).map(|(elements, like)| Array::new(like.shape.clone(), elements).unwrap());
        let off = distance(&found.collect::<Vec<_>>(), &expected);
        assert!(off < TOLERANCE, "off by {off:e}");
    }
}
