//! JVP rules of the users' with loops, branches and whatever else `jvp` itself writes: they serve reverse mode if they are linear, and are refused if not.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{Random, check, check_text, find, load, ruled};
use pullback_autodiff::{grad, jvp};
use pullback_interp::Array;
use pullback_ir::Type;

/// Checks the ruled function to second order: by differences, by the inner-product identity, joint against split.
fn check_ruled(text: &str, ranges: &[(f64, f64)]) {
    check_ruled_to(text, ranges, 2);
}

fn check_ruled_to(text: &str, ranges: &[(f64, f64)], order: usize) {
    let (module, id) = ruled(text);
    let random = &mut Random(text.len() as u64);
    let types: Vec<Type> = module.function(id).param_types().cloned().collect();
    assert_eq!(types.len(), ranges.len(), "{text}");
    let inputs: Vec<Array> = types.iter().zip(ranges).map(|(ty, &(low, high))| random.array(ty, low, high)).collect();
    check(&module, id, &inputs, order);
}

const POWER: &str = "
func @f(%x: f64) -> f64 {
  %n = constant 1.0 : f64
  %p = scan %x, %n, length=3, consts=1, carry=1 : f64
    body(%b: f64, %c: f64) {
      %d = mul %b, %c : f64
      yield %d
    }
  return %p
}
";

#[test]
fn a_rule_that_scans_values_beside_tangents_serves_reverse_mode() {
    for policy in ["", ", checkpoint=recompute", ", checkpoint_every=2"] {
        check_ruled(&POWER.replace("carry=1", &format!("carry=1{policy}")), &[(0.5, 1.5)]);
    }
    check_ruled(
        "
func @f(%w: f64[2,2], %h: f64[2], %x: f64[3,2]) -> (f64[2], f64[3], i32) {
  %zero = constant 0 : i32
  %r, %n, %ys = scan %w, %h, %zero, %x, length=3, consts=1, carry=2, reverse=true : f64[2], i32, f64[3]
    body(%w1: f64[2,2], %h1: f64[2], %n1: i32, %x1: f64[2]) {
      %a = dot %w1, %h1, contract=[1]x[0] : f64[2]
      %m = mul %a, %x1 : f64[2]
      %t = tanh %m : f64[2]
      %y = reduce add %t, axes=[0] : f64
      %one = constant 1 : i32
      %n2 = add %n1, %one : i32
      yield %t, %n2, %y
    }
  return %r, %ys, %n
}
",
        &[(-1.0, 1.0), (-1.0, 1.0), (-1.0, 1.0)],
    );
}

#[test]
fn a_rule_that_scans_with_slots_serves_reverse_mode() {
    // What it makes is a linear map of which only the transpose is known: its coefficients must be seen not to depend on the tangents.
    let (module, id) = ruled(&POWER.replace("carry=1", "carry=1, checkpoint_slots=2"));
    let (module, gradient) = common::add(&module, grad(&module, id, &[0]).unwrap());
    let x = common::array(module.function(id).ty(module.function(id).params()[0]), &[1.5]);
    assert_eq!(common::run(&module, gradient, &[x])[0].to_f64(), [3.0 * 1.5 * 1.5]);
}

#[test]
fn a_rule_with_nested_loops_and_branches_serves_reverse_mode() {
    check_ruled(
        "
func @f(%a: f64, %x: f64[4,3]) -> (f64, f64[4]) {
  %one = constant 1.0 : f64
  %p, %ys = scan %a, %one, %x, length=4, consts=1, carry=1 : f64, f64[4]
    body(%a1: f64, %p1: f64, %row: f64[3]) {
      %q = scan %a1, %p1, %row, length=3, consts=1, carry=1, checkpoint=recompute : f64
        body(%a2: f64, %p2: f64, %e: f64) {
          %limit = constant 0.0 : f64
          %up = compare gt %e, %limit : bool
          %r = cond %up, %p2, %e, %a2 : f64
            then(%b1: f64, %b2: f64, %b3: f64) {
              %m = mul %b1, %b2 : f64
              %s = sin %m : f64
              %t = add %s, %b3 : f64
              yield %t
            }
            else(%c1: f64, %c2: f64, %c3: f64) {
              %u = mul %c3, %c1 : f64
              yield %u
            }
          yield %r
        }
      %sq = mul %q, %q : f64
      yield %q, %sq
    }
  return %p, %ys
}
",
        &[(0.5, 0.9), (-1.0, 1.0)],
    );
}

#[test]
fn a_rule_with_a_bounded_while_serves_reverse_mode() {
    check_ruled(
        "
func @f(%a: f64) -> (f64, i32) {
  %start = constant 1.0 : f64
  %zero = constant 0 : i32
  %x, %n = while %a, %start, %zero, consts=1, bound=9 : f64, i32
    cond(%a1: f64, %x1: f64, %n1: i32) {
      %four = constant 4 : i32
      %go = compare lt %n1, %four : bool
      yield %go
    }
    body(%a2: f64, %x2: f64, %n2: i32) {
      %q = div %a2, %x2 : f64
      %s = add %x2, %q : f64
      %half = constant 0.5 : f64
      %next = mul %s, %half : f64
      %one = constant 1 : i32
      %n3 = add %n2, %one : i32
      yield %next, %n3
    }
  return %x, %n
}
",
        &[(2.0, 2.2)],
    );
}

#[test]
fn what_forward_mode_makes_of_any_operation_is_linear_as_a_rule() {
    for case in common::cases::ALL.iter().copied().flatten() {
        check_ruled_to(&common::cases::text(case), case.3, 1);
    }
}

#[test]
fn a_rule_with_a_checkpoint_or_a_sort_serves_reverse_mode() {
    check_ruled(
        "
func @f(%x: f64[3], %y: f64[3]) -> f64[3] {
  %z = checkpoint %x, %y : f64[3]
    body(%a: f64[3], %b: f64[3]) {
      %s = sin %a : f64[3]
      %m = mul %s, %b : f64[3]
      %e = exp %m : f64[3]
      yield %e
    }
  return %z
}
",
        &[(-1.0, 1.0), (-1.0, 1.0)],
    );
    // Tangents moved by the sort itself.
    check_text(
        "
func @f(%x: f64[5]) -> f64[5] {
  %z = custom_derivative %x, rule=jvp : f64[5]
    primal(%a: f64[5]) {
      %s = sort %a, axis=0, keys=1 : f64[5]
      %m = mul %s, %s : f64[5]
      yield %m
    }
    jvp(%b: f64[5], %b_t: f64[5]) {
      %k, %k_t = sort %b, %b_t, axis=0, keys=1 : f64[5], f64[5]
      %two = constant 2.0 : f64[5]
      %u = mul %k, %k_t : f64[5]
      %v = mul %u, %two : f64[5]
      yield %v
    }
  return %z
}
",
        &[(-1.0, 1.0)],
        2,
    );
}

#[test]
fn a_rule_in_a_rule_in_a_loop_serves_reverse_mode() {
    let (module, id) = ruled(POWER);
    let text = common::text_of(&module, id).replace("@ruled", "@inner");
    let looped = "
func @f(%x: f64) -> f64 {
  %y = scan %x, length=2, consts=0, carry=1 : f64
    body(%a: f64) {
      %c = call @inner %a : f64
      %s = sin %c : f64
      yield %s
    }
  return %y
}
";
    check_ruled(&(text + looped), &[(0.5, 1.5)]);
}

#[test]
fn a_rule_of_which_some_tangents_are_zero_serves_reverse_mode() {
    // The weight is a constant: its tangent in the rule's loop is zero.
    check_text(
        "
func @f(%x: f64) -> f64 {
  %w = constant 0.7 : f64
  %y = custom_derivative %x, %w, rule=jvp : f64
    primal(%ap: f64, %vp: f64) {
      %pp = scan %vp, %ap, length=3, consts=1, carry=1 : f64
        body(%v1p: f64, %cp: f64) {
          %mp = mul %v1p, %cp : f64
          %dp = sin %mp : f64
          yield %dp
        }
      yield %pp
    }
    jvp(%a: f64, %v: f64, %a_t: f64, %v_t: f64) {
      %q, %q_t = scan %v, %v_t, %a, %a_t, length=3, consts=2, carry=2 : f64, f64
        body(%v1: f64, %v1_t: f64, %c: f64, %c_t: f64) {
          %m = mul %v1, %c : f64
          %d = sin %m : f64
          %e = cos %m : f64
          %l = mul %v1_t, %c : f64
          %r = mul %v1, %c_t : f64
          %s = add %l, %r : f64
          %d_t = mul %e, %s : f64
          yield %d, %d_t
        }
      yield %q_t
    }
  return %y
}
",
        &[(0.2, 1.0)],
        2,
    );
}

/// What reverse mode says of a rule `%t = …` of a tangent `%a_t` at `%a`.
fn refusal(rule: &str) -> String {
    let module = load(&format!(
        "func @f(%x: f64) -> f64 {{\n  %y = custom_derivative %x, rule=jvp : f64\n    primal(%q: f64) {{\n      \
         yield %q\n    }}\n    jvp(%a: f64, %a_t: f64) {{\n{rule}\n      yield %t\n    }}\n  return %y\n}}\n"
    ));
    let f = find(&module, "f");
    assert!(jvp(&module, f, &[0]).is_ok(), "{rule}");
    let error = grad(&module, f, &[0]).unwrap_err();
    assert!(!error.is_bug(), "{error}");
    error.to_string()
}

#[test]
fn a_rule_that_is_not_linear_is_the_users_mistake_and_named() {
    for (rule, why) in [
        ("      %t = mul %a_t, %a_t : f64", "both factors depend on them"),
        ("      %t = abs %a_t : f64", "abs: the operation is not linear"),
        ("      %t = add %a_t, %a : f64", "add: an operand that does not depend on them is added"),
        ("      %t = constant 1.0 : f64", "result 0 need not be zero where the tangents are"),
        ("      %t = cos %a_t : f64", "need not be zero where the tangents are (cos: the operation is not linear)"),
        (
            "      %z = constant 0.0 : f64\n      %p = compare gt %a_t, %z : bool\n      %t = cond %p, %a_t : f64\n        \
             then(%b: f64) {\n          yield %b\n        }\n        else(%c: f64) {\n          %m = neg %c : f64\n          yield %m\n        }",
            "cond: the selector depends on them",
        ),
        (
            "      %v, %t = scan %a, %a_t, length=2, consts=0, carry=2 : f64, f64\n        \
             body(%b: f64, %b_t: f64) {\n          %s = sin %b : f64\n          %u = mul %b_t, %b_t : f64\n          yield %s, %u\n        }",
            "not linear in the tangents",
        ),
        (
            "      %v, %t = scan %a, %a_t, length=2, consts=0, carry=2 : f64, f64\n        \
             body(%b: f64, %b_t: f64) {\n          %s = sin %b : f64\n          %u = add %b_t, %b : f64\n          yield %s, %u\n        }",
            "result 0 need not be zero",
        ),
    ] {
        let error = refusal(rule);
        assert!(error.contains("custom_derivative") && error.contains("jvp rule"), "{error}");
        assert!(error.contains(why) && error.contains("give a vjp rule"), "{error}");
    }
}

#[test]
fn a_rule_with_an_unbounded_while_says_what_reverse_mode_needs() {
    let error = refusal(
        "      %v, %t = while %a, %a_t, consts=0 : f64, f64\n        cond(%b: f64, %b_t: f64) {\n          \
         %z = constant 1.0 : f64\n          %go = compare gt %b, %z : bool\n          yield %go\n        }\n        \
         body(%c: f64, %c_t: f64) {\n          %h = constant 0.5 : f64\n          %d = mul %c, %h : f64\n          \
         %d_t = mul %c_t, %h : f64\n          yield %d, %d_t\n        }",
    );
    assert!(error.contains("while") && error.contains("bound=N"), "{error}");
}
