//! Control flow: lowered, against the tensor interpreter; and how much it copies.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "../../../tests/support/control.rs"]
mod control;
#[path = "../../../tests/support/random_control.rs"]
mod random_control;
#[allow(dead_code, reason = "shared with suites that use more of it")]
#[path = "../../../tests/support/rng.rs"]
mod rng;

use pullback_interp::{Array, evaluate};
use pullback_ir::{Elements, Module, Scalar, Type, Verified, parse_module, verify};
use pullback_loops::{Program, Step, Stmt, Target, contract_mul_add, interpret, lower, parse_program};
use pullback_optimize::fuse::{FuseOptions, Fusion, fuse};

use control::{NESTED, UPDATES, programs, rows, updates};

fn module(text: &str) -> Verified<Module> {
    let module = parse_module(text).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    verify(module).unwrap_or_else(|errors| panic!("{errors}\n{text}"))
}

/// The loop program of a function, verified; its text reads back to the same text.
fn lowered(text: &str, kinds: Fusion, target: Target) -> pullback_loops::Verified<Program> {
    let module = module(text);
    let function = module.functions().last().unwrap().1;
    let plan = fuse(function, FuseOptions { kinds, ..FuseOptions::default() }).unwrap();
    let mut program = lower(function, &plan, target).unwrap_or_else(|error| panic!("{error}\n{text}"));
    contract_mul_add(&mut program);
    let printed = program.to_string();
    let parsed = parse_program(&printed).unwrap_or_else(|error| panic!("{error}\n{printed}"));
    assert_eq!(parsed.to_string(), printed);
    pullback_loops::verify(parsed).unwrap_or_else(|errors| panic!("after reading it back: {errors}\n{printed}"));
    pullback_loops::verify(program).unwrap_or_else(|errors| panic!("{errors}\n{text}\n{printed}"))
}

/// The fused loop program of a function.
fn program(text: &str) -> Program {
    lowered(text, Fusion::All, Target::default()).into_inner()
}

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

/// Runs a function lowered with and without fusion, and compares with the tensor interpreter.
fn check_text(text: &str) {
    let module = module(text);
    let (func, function) = module.functions().last().unwrap();
    let inputs: Vec<Array> = function.param_types().enumerate().map(|(number, ty)| input(ty, number)).collect();
    let expected = evaluate(&module, func, &inputs).unwrap();
    let inputs: Vec<Elements> = inputs.into_iter().map(|input| input.elements).collect();
    let programs = [16, 64].map(|vector_bytes| Target { vector_bytes });
    let programs = programs.into_iter().flat_map(|target| Fusion::ALL.map(|fusion| (fusion, target)));
    for (fusion, target) in programs {
        let program = lowered(text, fusion, target);
        let found = interpret(&program, &inputs).unwrap_or_else(|error| panic!("{error}\n{text}\n{}", *program));
        for (number, (found, expected)) in found.iter().zip(&expected).enumerate() {
            assert_eq!((found.dtype(), found.len()), (expected.elements.dtype(), expected.elements.len()));
            for (x, y) in found.iter().zip(expected.elements.iter()) {
                let (x, y) = (x.to_f64(), y.to_f64());
                // A product and a sum are rounded once or twice.
                let close = x == y || (x - y).abs() <= 1e-5 * y.abs().max(1.0);
                assert!(close, "fusion {fusion}, result {number}: {x}, expected {y}\n{text}\n{}", *program);
            }
        }
    }
}

/// How many kernels copy states or results.
fn copies(text: &str) -> usize {
    program(text).kernels().iter().filter(|kernel| kernel.about == "copy").count()
}

#[test]
fn every_program_means_what_the_tensor_interpreter_says() {
    programs().iter().for_each(|text| check_text(text));
}

#[test]
fn random_programs_mean_what_the_tensor_interpreter_says() {
    for seed in 0..150 {
        let mut module = Module::new();
        module.add(random_control::function(seed));
        check_text(&module.to_string());
    }
}

#[test]
fn a_state_that_is_read_where_it_is_stored_is_not_copied() {
    // One copy: the initial value is the caller's.
    assert_eq!(copies(&rows(7, "")), 1);
    // The state of the inner loop is that of the outer.
    assert_eq!(copies(NESTED), 1);
    // The case that leaves the state has nothing to do.
    assert_eq!(copies(UPDATES), 1);
    assert_eq!(copies(&updates(false)), 0);
}

#[test]
fn an_iteration_that_changes_a_part_stores_that_part() {
    let program = program(&updates(false));
    let Some(Step::Loop(inner)) = program.body.last() else { panic!("{program}") };
    let [Step::Kernel(first), ..] = &inner.body[..] else { panic!("{program}") };
    // Three elements, none of the other thirty-seven.
    let whole = |stmt: &Stmt| matches!(stmt, Stmt::For(nest) if nest.extent > 3);
    assert!(!first.body.iter().any(whole), "{program}");
}

#[test]
fn loops_become_loops() {
    let program = program(NESTED);
    let mut steps = &program.body[..];
    let mut depth = 0;
    while let Some(Step::Loop(inner)) = steps.iter().find(|step| matches!(step, Step::Loop(_))) {
        depth += 1;
        steps = &inner.body;
    }
    assert_eq!((depth, program.kernels().len()), (2, 3));
}
