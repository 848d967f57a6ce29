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

/// A loop over a state of `%n` elements that stacks `stacked` of it, and a loop that goes over the stack again; the stack begins as `given`.
fn stacks(n: usize, (reverse, stacked, m): (bool, &str, usize), returned: bool) -> String {
    let (more, stack) = if returned { (format!(", f64[5,{m}]"), ", %s#1") } else { (String::new(), "") };
    let reverse = if reverse { ", reverse=true" } else { "" };
    format!(
        "func @f(%x: f64[{n}], %z: f64[{m}]) -> (f64[{n}], f64[{m}]{more}) {{
  %h = exp %x : f64[{n}]
  %c, %s = scan %x, %h, length=5, consts=1, carry=1{reverse} : f64[{n}], f64[5,{m}]
    body(%w: f64[{n}], %y: f64[{n}]) {{
      %first = slice %y, start=[0], limit=[{m}] : f64[{m}]
      %twice = add %y, %y : f64[{n}]
      %next = mul %w, %twice : f64[{n}]
      yield %next, {stacked}
    }}
  %t = scan %z, %s, length=5, consts=0, carry=1 : f64[{m}]
    body(%a: f64[{m}], %r: f64[{m}]) {{
      %b = mul %a, %a : f64[{m}]
      %d = sub %r, %b : f64[{m}]
      yield %d
    }}
  %e = sub %c, %h : f64[{n}]
  return %e, %t{}
}}",
        stack.replace("%s#1", "%s"),
    )
}

#[test]
fn a_large_state_that_is_stacked_is_the_row_of_the_stack() {
    for (stacked, m) in [("%y", 300), ("%first", 300), ("%first", 299)] {
        for reverse in [false, true] {
            let text = stacks(300, (reverse, stacked, m), false);
            let lowered = program(&text);
            let Some(Step::Loop(states)) = lowered.body.iter().find(|step| matches!(step, Step::Loop(_))) else {
                panic!("{lowered}")
            };
            let kernels = pullback_loops::step::kernels(&states.body);
            assert_eq!(kernels.len(), 1, "nothing but the next state is stored\n{lowered}");
            check_text(&text);
        }
    }
    // A stack of a few elements would become many times as large.
    let few = stacks(300, (false, "%first", 100), false);
    assert!(program(&few).arena_bytes < 5 * 300 * 8, "{}", program(&few));
    check_text(&few);
    // Something else needs the stack as it is.
    check_text(&stacks(300, (false, "%first", 299), true));
    check_text(&stacks(300, (true, "%y", 300), true));
}

#[test]
fn a_product_does_not_store_to_the_stack_that_it_reads() {
    check_text(
        "func @f(%x: f64[300], %z: f64[300], %w: f64[300,300]) -> (f64[300], f64[300]) {
  %c, %s = scan %w, %x, length=3, consts=1, carry=1 : f64[300], f64[3,300]
    body(%v: f64[300,300], %y: f64[300]) {
      %n = dot %v, %y, contract=[1]x[0] : f64[300]
      %e = tanh %n : f64[300]
      yield %e, %y
    }
  %t = scan %z, %s, length=3, consts=0, carry=1 : f64[300]
    body(%a: f64[300], %r: f64[300]) {
      %d = sub %r, %a : f64[300]
      yield %d
    }
  return %c, %t
}",
    );
}

#[test]
fn rows_of_stacks_begin_where_vectors_may() {
    let text = stacks(999, (true, "%first", 998), false)
        .replace("yield %next, %first", "%g = exp %first : f64[998]\n yield %next, %g");
    let lowered = program(&text);
    let stack = lowered.buffers.values().find(|data| &*data.name == "s").unwrap();
    assert_eq!(stack.elements, 5 * 1000, "{lowered}");
    check_text(&text);
    // What is returned has the rows of its type.
    let text = text
        .replace("-> (f64[999], f64[998])", "-> (f64[999], f64[998], f64[5,998])")
        .replace("return %e, %t", "return %e, %t, %s");
    check_text(&text);
}

/// A loop over `%y` whose next state is the concatenation of some parts.
fn shifts(parts: &str) -> String {
    format!(
        "func @f(%x: f64[37], %z: f64[37]) -> f64[37] {{
  %s = scan %x, %z, length=3, consts=1, carry=1 : f64[37]
    body(%w: f64[37], %y: f64[37]) {{
      %a = slice %y, start=[0], limit=[36] : f64[36]
      %b = slice %y, start=[1], limit=[37] : f64[36]
      %u = slice %w, start=[1], limit=[37] : f64[36]
      %p = mul %b, %u : f64[36]
      %q = add %a, %p : f64[36]
      %first = slice %y, start=[0], limit=[1] : f64[1]
      %last = slice %y, start=[36], limit=[37] : f64[1]
      %next = concatenate {parts}, axis=0 : f64[37]
      yield %next
    }}
  return %s
}}"
    )
}

#[test]
fn a_state_may_be_stored_over_elements_that_only_later_ones_of_it_do_not_need() {
    // For element i those at i and i + 1 are read, for the last one itself: all at or behind what is stored.
    for parts in ["%q, %last", "%last, %p"] {
        let text = shifts(parts);
        assert_eq!(
            copies(&text),
            1,
            "of the initial state
{}",
            program(&text)
        );
        check_text(&text);
    }
    for parts in ["%first, %q", "%q, %first"] {
        let text = shifts(parts);
        assert_eq!(copies(&text), 2, "{parts}: {}", program(&text));
        check_text(&text);
    }
}

#[test]
fn a_state_keeps_its_place_rather_than_take_that_of_what_it_is_computed_from() {
    // `%k` could be updated to the next state, were that not at home elsewhere.
    let text = shifts("%last, %p")
        .replace("%next =", "%k =")
        .replace("      yield %next", "      %next = add %y, %k : f64[37]\n      yield %next");
    assert_eq!(
        copies(&text),
        1,
        "of the initial state
{}",
        program(&text)
    );
    check_text(&text);
}
