//! Control flow as machine code, against the interpreter.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "support/control.rs"]
mod control;
#[path = "support/random_control.rs"]
mod random_control;
#[allow(dead_code, reason = "shared with suites that use more of it")]
#[path = "support/rng.rs"]
mod rng;

use pullback::interp::{Array, evaluate};
use pullback::ir::{Elements, Scalar, Type};
use pullback::{Fusion, Module, Options, Stage, compile, compile_with_report, dump, parse_module, run_arrays, verify};

/// Numbers that no two elements share.
fn input(ty: &Type, number: usize) -> Array {
    let mut elements = Elements::empty(ty.dtype, ty.elements());
    for position in 0..ty.elements() {
        let x = ((position * 7 + number * 3 + 1) % 23) as f64 / 11.0 - 0.9;
        let x = if ty.dtype.is_float() { x } else { ((position + number) % 3) as f64 };
        let _ = elements.push(Scalar::from_f64(ty.dtype, x));
    }
    Array::new(ty.shape.clone(), elements).unwrap()
}

/// Compiles a function in several ways and compares with the tensor interpreter.
fn check(text: &str) {
    let module = parse_module(text).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    let module = verify(module).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    let (func, function) = module.functions().last().unwrap();
    let inputs: Vec<Array> = function.param_types().enumerate().map(|(number, ty)| input(ty, number)).collect();
    let expected = evaluate(&module, func, &inputs).unwrap();
    let checked = Options { verify_each: true, ..Options::new() };
    let unfused = Options { passes: &[], fusion: Fusion::Off, ..checked.clone() };
    for options in [Options { passes: &[], ..checked.clone() }, checked, unfused] {
        let executable = compile(&module, func, &options).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let found = run_arrays(&executable, &inputs).unwrap();
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!((&found.shape, found.elements.dtype()), (&expected.shape, expected.elements.dtype()));
            for (x, y) in found.elements.iter().zip(expected.elements.iter()) {
                let (x, y) = (x.to_f64(), y.to_f64());
                let close = x == y || (x - y).abs() <= 1e-5 * y.abs().max(1.0);
                assert!(close, "{x}, expected {y}\n{text}\n{}", dump(&module, func, &options, Stage::Loops).unwrap());
            }
        }
    }
}

#[test]
fn every_program_runs_as_the_interpreter_says() {
    control::programs().iter().for_each(|text| check(text));
}

#[test]
fn random_programs_run_as_the_interpreter_says() {
    for seed in 1000..1100 {
        let mut module = Module::new();
        module.add(random_control::function(seed));
        check(&module.to_string());
    }
}

#[test]
fn every_stage_of_a_program_with_control_flow_can_be_printed() {
    let module = verify(parse_module(control::LOOPS_IN_CASES).unwrap()).unwrap();
    let func = module.functions().last().unwrap().0;
    for stage in Stage::ALL {
        let text = dump(&module, func, &Options::new(), stage).unwrap();
        assert!(!text.is_empty(), "{stage:?}");
        if stage <= Stage::Fused {
            verify(parse_module(&text).unwrap_or_else(|errors| panic!("{errors}\n{text}"))).unwrap();
        }
    }
    let fused = dump(&module, func, &Options::new(), Stage::Fused).unwrap();
    assert!(fused.contains("          ; region 0: loop over [4], stores"), "{fused}");
    let (_, report) = compile_with_report(&module, func, &Options::new()).unwrap();
    assert!(report.kernels >= 4, "{report}");
}
