//! Loops and branches: hand-computed programs, and what limits say about loops.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{array, counted, run, run_with};
use pullback_interp::{Array, Error, Options};

/// Running sums: the carry, and each sum stacked, of `xs[i] + c`.
fn sums(length: usize, attributes: &str) -> String {
    format!(
        "func @f(%c: f64, %h: f64, %x: f64[{length}]) -> (f64, f64[{length}]) {{
  %last, %ys = scan %c, %h, %x, length={length}, consts=1, carry=1{attributes} : f64, f64[{length}]
    body(%c1: f64, %h1: f64, %x1: f64) {{
      %0 = add %x1, %c1 : f64
      %1 = add %h1, %0 : f64
      yield %1, %1
    }}
  return %last, %ys
}}
"
    )
}

#[test]
fn scan_threads_its_carry_and_stacks_what_it_yields() {
    let inputs = [Array::scalar(10.0), Array::scalar(100.0), counted(&[4])];
    // 100 + (0 + 10), + (1 + 10), …
    let ys = array(&[4], &[110.0, 121.0, 133.0, 146.0]);
    assert_eq!(run(&sums(4, ""), &inputs), [Array::scalar(146.0), ys]);
}

#[test]
fn a_reverse_scan_runs_from_the_last_position_and_stacks_in_place() {
    let inputs = [Array::scalar(10.0), Array::scalar(100.0), counted(&[4])];
    // 100 + 13 at position 3, + 12 at position 2, …
    let ys = array(&[4], &[146.0, 136.0, 125.0, 113.0]);
    assert_eq!(run(&sums(4, ", reverse=true"), &inputs), [Array::scalar(146.0), ys]);
}

#[test]
fn checkpoint_policies_do_not_change_values() {
    let inputs = [Array::scalar(0.5), Array::scalar(1.0), counted(&[5])];
    let plain = run(&sums(5, ""), &inputs);
    for policy in ["checkpoint=recompute", "checkpoint_every=2", "checkpoint_slots=2"] {
        assert_eq!(run(&sums(5, &format!(", {policy}")), &inputs), plain, "{policy}");
    }
}

#[test]
fn a_scan_of_no_iterations_returns_its_carry() {
    let inputs = [Array::scalar(10.0), Array::scalar(100.0), counted(&[0])];
    assert_eq!(run(&sums(0, ""), &inputs), [Array::scalar(100.0), counted(&[0])]);
}

#[test]
fn carries_are_assigned_at_once() {
    // Fibonacci by a pair that is swapped, with a carry that passes through and one value yielded twice.
    let text = "func @f(%a: i64, %b: i64, %k: i64) -> (i64, i64, i64, i64[6], i64[6]) {
  %a1, %b1, %k1, %u, %v = scan %a, %b, %k, length=6, consts=0, carry=3 : i64, i64, i64, i64[6], i64[6]
    body(%x: i64, %y: i64, %z: i64) {
      %s = add %x, %y : i64
      yield %y, %s, %z, %x, %x
    }
  return %a1, %b1, %k1, %u, %v
}
";
    let found = run(text, &[Array::scalar(0i64), Array::scalar(1i64), Array::scalar(9i64)]);
    let fibonacci = array(&[6], &[0i64, 1, 1, 2, 3, 5]);
    let last = [8i64, 13, 9].map(Array::scalar);
    assert_eq!(found, [&last[0], &last[1], &last[2], &fibonacci, &fibonacci].map(Clone::clone));
}

#[test]
fn scans_over_rows_of_any_shape_and_nested_ones() {
    // Column sums of a matrix by a scan in a scan; rows of no elements have nothing to sum.
    let text = |rows: usize, columns: usize| {
        format!(
            "func @f(%x: i32[{rows},{columns}], %z: i32) -> (i32, i32[{rows}], i32[{rows},{columns}]) {{
  %t, %s, %p = scan %z, %x, length={rows}, consts=0, carry=1 : i32, i32[{rows}], i32[{rows},{columns}]
    body(%t1: i32, %row: i32[{columns}]) {{
      %zero = constant 0 : i32
      %sum, %prefix = scan %zero, %row, length={columns}, consts=0, carry=1 : i32, i32[{columns}]
        body(%s2: i32, %e: i32) {{
          %n = add %s2, %e : i32
          yield %n, %n
        }}
      %t2 = add %t1, %sum : i32
      yield %t2, %sum, %prefix
    }}
  return %t, %s, %p
}}
"
        )
    };
    let found = run(&text(2, 3), &[array(&[2, 3], &[1, 2, 3, 4, 5, 6]), Array::scalar(100)]);
    assert_eq!(found, [Array::scalar(121), array(&[2], &[6, 15]), array(&[2, 3], &[1, 3, 6, 4, 9, 15])]);
    let found = run(&text(2, 0), &[array::<i32>(&[2, 0], &[]), Array::scalar(7)]);
    assert_eq!(found, [Array::scalar(7), array(&[2], &[0, 0]), array::<i32>(&[2, 0], &[])]);
}

/// Doubles `x` while it is below `limit`; with the number of iterations.
fn doubling(bound: &str) -> String {
    format!(
        "func @f(%limit: i32, %x: i32, %n: i32) -> (i32, i32) {{
  %y, %count = while %limit, %x, %n, consts=1{bound} : i32, i32
    cond(%l: i32, %x1: i32, %n1: i32) {{
      %go = compare lt %x1, %l : bool
      yield %go
    }}
    body(%l2: i32, %x2: i32, %n2: i32) {{
      %d = add %x2, %x2 : i32
      %one = constant 1 : i32
      %m = add %n2, %one : i32
      yield %d, %m
    }}
  return %y, %count
}}
"
    )
}

#[test]
fn while_runs_as_long_as_its_condition_holds() {
    let run = |limit: i32| run(&doubling(""), &[limit, 3, 0].map(Array::scalar));
    assert_eq!(run(100), [192, 6].map(Array::scalar));
    assert_eq!(run(4), [6, 1].map(Array::scalar));
    assert_eq!(run(3), [3, 0].map(Array::scalar), "the condition is tested first");
}

#[test]
fn a_bound_ends_a_loop_whose_condition_still_holds() {
    let run = |bound: usize, limit: i32| run(&doubling(&format!(", bound={bound}")), &[limit, 3, 0].map(Array::scalar));
    assert_eq!(run(4, 1000), [48, 4].map(Array::scalar));
    assert_eq!(run(0, 1000), [3, 0].map(Array::scalar));
    assert_eq!(run(4, 7), [12, 2].map(Array::scalar), "and does not lengthen one");
}

#[test]
fn a_loop_that_does_not_end_is_an_error() {
    // Not one instruction is executed in it, only iterations.
    let text = "func @f(%go: bool) -> bool {
  %r = while %go, consts=0 : bool
    cond(%a: bool) {
      yield %a
    }
    body(%b: bool) {
      yield %b
    }
  return %r
}
";
    let options = Options { step_limit: 1000, ..Options::default() };
    let error = run_with(text, &[Array::scalar(true)], &options).unwrap_err();
    assert!(matches!(&error, Error::Steps { function, limit: 1000 } if function == "f"));
    assert!(error.to_string().starts_with("@f did not end within 1000 instructions"), "{error}");
    assert_eq!(run_with(text, &[Array::scalar(false)], &options).unwrap(), [Array::scalar(false)]);
}

#[test]
fn steps_are_instructions_and_iterations() {
    // The scan, then per iteration one for itself and two instructions.
    let inputs = [Array::scalar(10.0), Array::scalar(100.0), counted(&[4])];
    let with = |step_limit| run_with(&sums(4, ""), &inputs, &Options { step_limit, ..Options::default() });
    assert!(with(13).is_ok());
    assert!(matches!(with(12), Err(Error::Steps { .. })));
}

const BRANCHES: &str = "func @f(%p: bool, %i: i32, %x: f64) -> (f64, f64, f64) {
  %a, %b = cond %p, %x : f64, f64
    then(%t: f64) {
      %n = neg %t : f64
      yield %n, %t
    }
    else(%e: f64) {
      %two = constant 2.0 : f64
      %m = mul %e, %two : f64
      yield %m, %m
    }
  %c = switch %i, %a, %b : f64
    case(%a0: f64, %b0: f64) {
      yield %a0
    }
    case(%a1: f64, %b1: f64) {
      %s = add %a1, %b1 : f64
      yield %s
    }
    case(%a2: f64, %b2: f64) {
      %q = mul %a2, %b2 : f64
      yield %q
    }
  return %a, %b, %c
}
";

#[test]
fn branches_are_chosen_by_predicate_and_by_clamped_index() {
    let run = |p: bool, i: i32| {
        let found = run(BRANCHES, &[Array::scalar(p), Array::scalar(i), Array::scalar(3.0)]);
        [found[0].to_f64()[0], found[1].to_f64()[0], found[2].to_f64()[0]]
    };
    assert_eq!(run(true, 0), [-3.0, 3.0, -3.0]);
    assert_eq!(run(true, 1), [-3.0, 3.0, 0.0]);
    assert_eq!(run(false, 2), [6.0, 6.0, 36.0]);
    assert_eq!(run(false, 7), [6.0, 6.0, 36.0], "behind the last");
    assert_eq!(run(false, i32::MIN), [6.0, 6.0, 6.0], "before the first");
}

#[test]
fn a_scan_in_a_branch_and_a_branch_in_a_scan() {
    // Sums of the even positions only, and only if asked for.
    let text = "func @f(%p: bool, %x: i32[5]) -> i32 {
  %r = cond %p, %x : i32
    then(%a: i32[5]) {
      %n = iota axis=0 : i32[5]
      %z = constant 0 : i32
      %s = scan %z, %n, %a, length=5, consts=0, carry=1 : i32
        body(%c: i32, %i: i32, %e: i32) {
          %one = constant 1 : i32
          %odd = and %i, %one : i32
          %q = convert %odd : bool
          %t = cond %q, %c, %e : i32
            then(%c0: i32, %e0: i32) {
              yield %c0
            }
            else(%c1: i32, %e1: i32) {
              %u = add %c1, %e1 : i32
              yield %u
            }
          yield %t
        }
      yield %s
    }
    else(%b: i32[5]) {
      %m = constant -1 : i32
      yield %m
    }
  return %r
}
";
    let x = array(&[5], &[1, 10, 100, 1000, 10000]);
    assert_eq!(run(text, &[Array::scalar(true), x.clone()]), [Array::scalar(10101)]);
    assert_eq!(run(text, &[Array::scalar(false), x]), [Array::scalar(-1)]);
}

#[test]
fn custom_derivatives_and_checkpoints_are_their_primal() {
    let text = "func @f(%x: f64) -> (f64, f64) {
  %y = custom_derivative %x, rule=jvp : f64
    primal(%a: f64) {
      %s = mul %a, %a : f64
      yield %s
    }
    jvp(%b: f64, %t: f64) {
      %z = constant 0.0 : f64
      yield %z
    }
  %w = checkpoint %y : f64
    body(%c: f64) {
      %n = neg %c : f64
      yield %n
    }
  return %y, %w
}
";
    assert_eq!(run(text, &[Array::scalar(3.0)]), [9.0, -9.0].map(Array::scalar));
}

#[test]
fn a_transpose_rule_cannot_be_evaluated() {
    let text = "func @f(%x: f64) -> f64 {
  %y = transpose_rule %x, known=0 : f64
    transpose(%a: f64) {
      yield %a
    }
  return %y
}
";
    let error = run_with(text, &[Array::scalar(1.0)], &Options::default()).unwrap_err().to_string();
    assert!(error.starts_with("transpose_rule: ") && error.contains("transpose alone"), "{error}");
}

#[test]
fn calls_in_regions_at_any_depth_do_not_overflow_the_stack() {
    let mut text = String::from("func @f0(%x: i64) -> i64 {\n  return %x\n}\n");
    for number in 1..3000 {
        let callee = number - 1;
        text += &format!(
            "func @f{number}(%x: i64) -> i64 {{
  %y = checkpoint %x : i64
    body(%a: i64) {{
      %one = constant 1 : i64
      %s = add %a, %one : i64
      %r = call @f{callee} %s : i64
      yield %r
    }}
  return %y
}}
"
        );
    }
    assert_eq!(run(&text, &[Array::scalar(0i64)]), [Array::scalar(2999i64)]);
}

#[test]
fn a_long_scan_costs_what_its_iterations_cost() {
    // 100,000 iterations of four instructions; copying the stacked results in each would move 40 GB.
    let text = "func @f(%h: f32) -> (f32, f32[100000]) {
  %last, %ys = scan %h, length=100000, consts=0, carry=1 : f32, f32[100000]
    body(%x: f32) {
      %half = constant 0.5 : f32
      %one = constant 1.0 : f32
      %y = mul %x, %half : f32
      %z = add %y, %one : f32
      yield %z, %y
    }
  return %last, %ys
}
";
    let found = run(text, &[Array::scalar(0.0f32)]);
    assert_eq!(found[0], Array::scalar(2.0f32), "the fixed point of x/2 + 1");
    assert_eq!(found[1].as_slice::<f32>().unwrap()[..3], [0.0, 0.5, 0.75]);
}

/// Fills a vector position by position.
const FILLING: &str = "func @f(%x: f64[1000]) -> f64[1000] {
  %zero = constant 0 : i32
  %n, %y = scan %zero, %x, length=1000, consts=0, carry=2 : i32, f64[1000]
    body(%i: i32, %v: f64[1000]) {
      %one = constant 1 : i32
      %next = add %i, %one : i32
      %e = convert %i : f64
      %u = reshape %e : f64[1]
      %w = dynamic_update_slice %v, %u, %i : f64[1000]
      yield %next, %w
    }
  return %y
}
";

#[test]
fn a_loop_that_fills_a_tensor_does_not_copy_it() {
    let x = array(&[1000], &[-1.0; 1000]);
    // One copy of the input and some scalars; a second copy of the vector does not fit.
    let options = Options { memory_limit: 8100, ..Options::default() };
    let found = run_with(FILLING, std::slice::from_ref(&x), &options).unwrap();
    assert_eq!(found, [counted(&[1000])]);
    assert_eq!(x.to_f64()[5], -1.0, "the caller's array is its own");
}

#[test]
fn an_update_in_place_changes_no_other_value() {
    // The operand is used again, in two carries, in a constant of the loop, and as the caller's value.
    let text = "func @f(%x: f64[2], %u: f64[1]) -> (f64[2], f64[2], f64[2], f64[2], f64[3,2]) {
  %i = constant 1 : i32
  %y = dynamic_update_slice %x, %u, %i : f64[2]
  %a, %b, %s = scan %x, %i, %u, %x, %x, length=3, consts=3, carry=2 : f64[2], f64[2], f64[3,2]
    body(%c: f64[2], %j: i32, %v: f64[1], %p: f64[2], %q: f64[2]) {
      %r = dynamic_update_slice %p, %v, %j : f64[2]
      yield %r, %q, %c
    }
  return %x, %y, %a, %b, %s
}
";
    let (x, y) = (array(&[2], &[1.0, 2.0]), array(&[2], &[1.0, 9.0]));
    let found = run(text, &[x.clone(), array(&[1], &[9.0])]);
    assert_eq!(found, [x.clone(), y.clone(), y, x, array(&[3, 2], &[1.0, 2.0, 1.0, 2.0, 1.0, 2.0])]);
}

#[test]
fn what_a_loop_stacks_counts_as_memory() {
    let inputs = [Array::scalar(10.0), Array::scalar(100.0), counted(&[1000])];
    let with = |memory_limit| run_with(&sums(1000, ""), &inputs, &Options { memory_limit, ..Options::default() });
    // The inputs are 8016 bytes, the stacked sums 8000, and a few scalars are alive in an iteration.
    assert!(with(16_100).is_ok());
    let error = with(16_000).unwrap_err();
    assert!(matches!(error, Error::Memory { needed: 8000, used: 8016, .. }), "{error}");
    assert!(error.to_string().starts_with("the result f64[1000] of scan of 8000 bytes does not fit"), "{error}");
}
