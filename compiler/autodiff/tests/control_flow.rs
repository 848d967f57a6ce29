//! Derivatives through loops, branches, checkpoints and rules of the user's.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{add, array, check_text, count, find, floats, load, run, text_of};
use pullback_autodiff::{grad, jvp, linearize, vjp};
use pullback_ir::{DType, Op, Type};

/// A recurrent cell over six steps with stacked outputs, a constant weight and an integer counter in its state.
const CELL: &str = "
func @f(%w: f64[3,3], %h0: f64[3], %x: f64[6,3]) -> (f64[3], f64[6], i32) {
  %zero = constant 0 : i32
  %h, %n, %ys = scan %w, %h0, %zero, %x, length=6, consts=1, carry=2 : f64[3], i32, f64[6]
    body(%w1: f64[3,3], %h1: f64[3], %n1: i32, %x1: f64[3]) {
      %a = dot %w1, %h1, contract=[1]x[0] : f64[3]
      %b = add %a, %x1 : f64[3]
      %t = tanh %b : f64[3]
      %y = reduce add %t, axes=[0] : f64
      %one = constant 1 : i32
      %n2 = add %n1, %one : i32
      yield %t, %n2, %y
    }
  return %h, %ys, %n
}
";

const UNIT: (f64, f64) = (-1.0, 1.0);

#[test]
fn a_scan_with_constants_state_inputs_and_outputs_to_second_order() {
    check_text(CELL, &[UNIT; 3], 2);
}

#[test]
fn a_scan_against_the_direction() {
    check_text(&CELL.replace("carry=2", "carry=2, reverse=true"), &[UNIT; 3], 2);
}

#[test]
fn every_checkpoint_policy_gives_the_same_derivatives() {
    let module = load(CELL);
    let random = &mut common::Random(5);
    let function = module.function(find(&module, "f"));
    let inputs: Vec<_> = function.param_types().map(|ty| random.array(ty, -1.0, 1.0)).collect();
    let cts = [vec![1.0, -0.5, 2.0], vec![1.0, 2.0, 3.0, -4.0, 5.0, 6.0]];
    let types = [Type::new(DType::F64, &[3]).unwrap(), Type::new(DType::F64, &[6]).unwrap()];
    let cts = [array(&types[0], &cts[0]), array(&types[1], &cts[1])];
    let gradients = |policy: &str| {
        let module = load(&CELL.replace("carry=2", &format!("carry=2{policy}")));
        let (module, reverse) = add(&module, vjp(&module, find(&module, "f"), &[0, 1, 2]).unwrap());
        run(&module, reverse, &[&inputs[..], &cts].concat())
    };
    for direction in ["", ", reverse=true"] {
        let expected = gradients(direction);
        for policy in ["=recompute", "_every=1", "_every=2", "_every=4", "_every=6", "_every=9"] {
            let found = gradients(&format!("{direction}, checkpoint{policy}"));
            common::assert_close(&found, &expected, 1e-14, &|| policy.into());
        }
        for slots in 1..=7 {
            let found = gradients(&format!("{direction}, checkpoint_slots={slots}"));
            common::assert_close(&found, &expected, 1e-14, &|| format!("{slots} slots{direction}"));
        }
    }
}

#[test]
fn checkpointed_scans_to_second_order() {
    for policy in ["checkpoint=recompute", "checkpoint_every=4"] {
        check_text(&CELL.replace("carry=2", &format!("carry=2, {policy}")), &[UNIT; 3], 2);
    }
}

#[test]
fn a_scan_that_recomputes_keeps_its_state_alone() {
    let residuals = |policy: &str| {
        let module = load(&CELL.replace("carry=2", &format!("carry=2{policy}")));
        linearize(&module, find(&module, "f"), &[0, 1, 2]).unwrap()
    };
    // The weight, the stacked state and integer counter, and the inputs; without recomputation the result of tanh instead of the inputs.
    let types = |policy: &str| {
        let split = residuals(policy);
        let function = split.linear;
        let types: Vec<String> = function.param_types().take(split.residuals).map(ToString::to_string).collect();
        types
    };
    let kept = types(", checkpoint=recompute");
    assert!(kept.contains(&"f64[3,3]".into()), "{kept:?}");
    assert_eq!(kept.iter().filter(|ty| *ty == "f64[6,3]").count(), 2, "{kept:?}");
}

#[test]
fn a_nested_scan_to_second_order() {
    check_text(
        "
func @f(%a: f64, %x: f64[4,3]) -> (f64, f64[4,3]) {
  %one = constant 1.0 : f64
  %p, %ys = scan %a, %one, %x, length=4, consts=1, carry=1 : f64, f64[4,3]
    body(%a1: f64, %p1: f64, %row: f64[3]) {
      %q, %y = scan %a1, %p1, %row, length=3, consts=1, carry=1 : f64, f64[3]
        body(%a2: f64, %p2: f64, %e: f64) {
          %m = mul %p2, %e : f64
          %s = sin %m : f64
          %r = add %s, %a2 : f64
          %u = mul %r, %p2 : f64
          yield %r, %u
        }
      yield %q, %y
    }
  return %p, %ys
}
",
        &[(0.5, 0.9), (0.2, 1.0)],
        2,
    );
}

const NEWTON: &str = "
func @f(%a: f64) -> (f64, i32) {
  %start = constant 1.0 : f64
  %zero = constant 0 : i32
  %x, %n = while %a, %start, %zero, consts=1, bound=9 : f64, i32
    cond(%a1: f64, %x1: f64, %n1: i32) {
      %sq = mul %x1, %x1 : f64
      %d = sub %sq, %a1 : f64
      %e = abs %d : f64
      %tol = constant 0.01 : f64
      %go = compare gt %e, %tol : bool
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
";

#[test]
fn a_while_with_a_bound_to_second_order() {
    check_text(NEWTON, &[(2.0, 2.2)], 2);
}

#[test]
fn a_while_without_a_bound_has_a_forward_derivative_and_says_what_reverse_mode_needs() {
    let module = load(&NEWTON.replace(", bound=9", ""));
    let f = find(&module, "f");
    assert!(jvp(&module, f, &[0]).is_ok());
    let error = grad(&module, f, &[0]).unwrap_err().to_string();
    assert!(error.contains("while") && error.contains("bound=N"), "{error}");
}

#[test]
fn a_cond_inside_a_scan_to_second_order() {
    check_text(
        "
func @f(%w: f64, %x: f64[5]) -> (f64, f64[5]) {
  %zero = constant 0.5 : f64
  %h, %ys = scan %w, %zero, %x, length=5, consts=1, carry=1 : f64, f64[5]
    body(%w1: f64, %h1: f64, %x1: f64) {
      %limit = constant 0.0 : f64
      %p = compare gt %x1, %limit : bool
      %r, %s = cond %p, %w1, %h1, %x1 : f64, f64
        then(%a: f64, %b: f64, %c: f64) {
          %ab = mul %a, %b : f64
          %t = tanh %ab : f64
          %e = exp %c : f64
          yield %t, %e
        }
        else(%a1: f64, %b1: f64, %c1: f64) {
          %bc = mul %b1, %c1 : f64
          %k = constant 2.0 : f64
          yield %bc, %k
        }
      yield %r, %s
    }
  return %h, %ys
}
",
        &[UNIT, UNIT],
        2,
    );
}

#[test]
fn a_switch_differentiates_the_branch_taken() {
    for (index, slope) in [(-3, 2.0), (0, 2.0), (1, 6.0), (2, 0.0), (9, 0.0)] {
        let module = load(
            "
func @f(%i: i32, %x: f64) -> f64 {
  %y = switch %i, %x : f64
    case(%a: f64) {
      %r = add %a, %a : f64
      yield %r
    }
    case(%b: f64) {
      %s = mul %b, %b : f64
      yield %s
    }
    case(%c: f64) {
      %k = constant 7.0 : f64
      yield %k
    }
  return %y
}
",
        );
        let (module, gradient) = add(&module, grad(&module, find(&module, "f"), &[1]).unwrap());
        let inputs = [array(&Type::scalar(DType::I32), &[f64::from(index)]), array(&Type::scalar(DType::F64), &[3.0])];
        assert_eq!(run(&module, gradient, &inputs)[0].to_f64(), [slope], "index {index}");
    }
}

const CHECKPOINT: &str = "
func @f(%x: f64[3], %y: f64[3]) -> f64[3] {
  %z = checkpoint %x, %y : f64[3]
    body(%a: f64[3], %b: f64[3]) {
      %s = sin %a : f64[3]
      %m = mul %s, %b : f64[3]
      %e = exp %m : f64[3]
      yield %e
    }
  %t = tanh %z : f64[3]
  return %t
}
";

#[test]
fn a_checkpoint_computes_again_behind_a_barrier_what_its_derivative_needs() {
    check_text(CHECKPOINT, &[UNIT; 2], 2);
    let module = load(CHECKPOINT);
    let (module, reverse) = add(&module, vjp(&module, find(&module, "f"), &[0, 1]).unwrap());
    let function = module.function(reverse);
    assert_eq!(count(function, |op| matches!(op, Op::Barrier)), 1, "{}", text_of(&module, reverse));
    let split = linearize(&module, find(&module, "f"), &[0, 1]).unwrap();
    // x, y and tanh's result: neither sin nor exp is kept.
    assert_eq!(split.residuals, 3);
}

#[test]
fn a_jvp_rule_of_the_users_is_what_both_modes_use() {
    // The rule of cube claims a slope of 10 x, so that it shows.
    let module = load(
        "
func @f(%x: f64) -> f64 {
  %y = custom_derivative %x, rule=jvp : f64
    primal(%a: f64) {
      %s = mul %a, %a : f64
      %c = mul %s, %a : f64
      yield %c
    }
    jvp(%b: f64, %b_t: f64) {
      %ten = constant 10.0 : f64
      %k = mul %ten, %b : f64
      %t = mul %k, %b_t : f64
      yield %t
    }
  return %y
}
",
    );
    let f = find(&module, "f");
    let x = array(&Type::scalar(DType::F64), &[2.0]);
    let (once, gradient) = add(&module, grad(&module, f, &[0]).unwrap());
    assert_eq!(run(&once, gradient, std::slice::from_ref(&x))[0].to_f64(), [20.0]);
    let (forward, id) = add(&module, jvp(&module, f, &[0]).unwrap());
    assert_eq!(run(&forward, id, &[x.clone(), x.clone()])[1].to_f64(), [40.0]);
    let (twice, second) = add(&once, grad(&once, gradient, &[0]).unwrap());
    assert_eq!(run(&twice, second, &[x])[0].to_f64(), [10.0]);
}

#[test]
fn a_vjp_rule_of_the_users_serves_reverse_mode_and_forward_mode_refuses_it() {
    let module = load(
        "
func @f(%x: f64, %n: i32, %z: f64) -> f64 {
  %y = custom_derivative %x, %n, %z, rule=vjp : f64
    primal(%a: f64, %m: i32, %c: f64) {
      %s = mul %a, %a : f64
      %p = mul %s, %c : f64
      yield %p
    }
    vjp(%b: f64, %k: i32, %d: f64, %p1: f64, %ct: f64) {
      %three = constant 3.0 : f64
      %r = mul %three, %ct : f64
      %q = mul %p1, %ct : f64
      yield %r, %q
    }
  %w = mul %y, %y : f64
  return %w
}
",
    );
    let f = find(&module, "f");
    let inputs = [
        array(&Type::scalar(DType::F64), &[2.0]),
        array(&Type::scalar(DType::I32), &[1.0]),
        array(&Type::scalar(DType::F64), &[0.5]),
    ];
    let (once, gradient) = add(&module, grad(&module, f, &floats(module.function(f))).unwrap());
    // y = 2, so the cotangent of y is 4: 3 * 4 and y * 4.
    let found: Vec<f64> = run(&once, gradient, &inputs).iter().flat_map(|array| array.to_f64()).collect();
    assert_eq!(found, [12.0, 8.0]);
    let error = jvp(&module, f, &[0]).unwrap_err().to_string();
    assert!(error.contains("custom_derivative") && error.contains("jvp rule"), "{error}");
}

#[test]
fn stop_gradient_stops_and_a_barrier_does_not() {
    let module = load(
        "
func @f(%x: f64, %y: f64) -> f64 {
  %s = stop_gradient %x : f64
  %a, %b = optimization_barrier %s, %y : f64, f64
  %p = mul %a, %b : f64
  %q = mul %p, %x : f64
  return %q
}
",
    );
    let (module, gradient) = add(&module, grad(&module, find(&module, "f"), &[0, 1]).unwrap());
    let scalar = Type::scalar(DType::F64);
    let found = run(&module, gradient, &[array(&scalar, &[3.0]), array(&scalar, &[5.0])]);
    assert_eq!([found[0].to_f64(), found[1].to_f64()], [[15.0], [9.0]]);
}

#[test]
fn a_state_that_does_not_depend_on_the_inputs_has_no_tangents() {
    let module = load(
        "
func @f(%x: f64) -> (f64, f64) {
  %one = constant 1.0 : f64
  %a, %b = scan %x, %one, %one, length=3, consts=1, carry=2 : f64, f64
    body(%x1: f64, %a1: f64, %b1: f64) {
      %a2 = mul %a1, %x1 : f64
      %b2 = add %b1, %b1 : f64
      yield %a2, %b2
    }
  return %a, %b
}
",
    );
    let (module, forward) = add(&module, jvp(&module, find(&module, "f"), &[0]).unwrap());
    let function = module.function(forward);
    let scans: Vec<&Op> =
        function.insts().iter().map(|&inst| function.op(inst)).filter(|op| matches!(op, Op::Scan(_))).collect();
    let [Op::Scan(spec)] = scans[..] else { panic!("{}", text_of(&module, forward)) };
    assert_eq!((spec.consts, spec.carry), (2, 3));
    let scalar = Type::scalar(DType::F64);
    let found = run(&module, forward, &[array(&scalar, &[2.0]), array(&scalar, &[1.0])]);
    let found: Vec<f64> = found.iter().flat_map(|array| array.to_f64()).collect();
    assert_eq!(found, [8.0, 8.0, 12.0, 0.0]);
}

#[test]
fn a_state_that_stays_constant_is_no_operand_of_what_is_linear() {
    // The branch takes the loop's counter, a floating-point number beside a state that has a tangent.
    check_text(
        "
func @f(%a: f64) -> (f64, f64) {
  %one = constant 1.0 : f64
  %x, %n = while %a, %one, consts=0, bound=5 : f64, f64
    cond(%x1: f64, %n1: f64) {
      %limit = constant 3.5 : f64
      %go = compare lt %n1, %limit : bool
      yield %go
    }
    body(%x2: f64, %n2: f64) {
      %s = sin %x2 : f64
      %o = constant 1.0 : f64
      %n3 = add %n2, %o : f64
      yield %s, %n3
    }
  %h = constant 0.1 : f64
  %p = compare gt %a, %h : bool
  %q = cond %p, %n : f64
    then(%a3: f64) {
      %s3 = sin %a3 : f64
      yield %s3
    }
    else(%a4: f64) {
      yield %a4
    }
  return %q, %x
}
",
        &[(0.2, 1.0)],
        2,
    );
}

#[test]
fn a_jvp_rule_that_adds_the_tangent_of_a_constant_operand_transposes() {
    check_text(
        "
func @f(%a: f64) -> f64 {
  %one = constant 1.0 : f64
  %z = custom_derivative %a, %one, rule=jvp : f64
    primal(%x1: f64, %n1: f64) {
      %s1 = sin %x1 : f64
      %p1 = mul %s1, %n1 : f64
      yield %p1
    }
    jvp(%x2: f64, %n2: f64, %x2_t: f64, %n2_t: f64) {
      %c = cos %x2 : f64
      %ct = mul %c, %x2_t : f64
      %u = mul %ct, %n2 : f64
      %s2 = sin %x2 : f64
      %v = mul %s2, %n2_t : f64
      %w = add %u, %v : f64
      yield %w
    }
  return %z
}
",
        &[(0.2, 1.0)],
        2,
    );
}

#[test]
fn a_value_that_a_jvp_rule_computes_beside_a_tangent_is_not_taken_for_one() {
    // The rule claims the slope sin(a) by c, with the sine behind a barrier that the tangent of a, a constant here, passes too.
    let module = load(
        "
func @f(%x: f64) -> f64 {
  %half = constant 0.5 : f64
  %y = custom_derivative %half, %x, rule=jvp : f64
    primal(%a: f64, %c: f64) {
      %p = mul %a, %c : f64
      yield %p
    }
    jvp(%a1: f64, %c1: f64, %a1_t: f64, %c1_t: f64) {
      %v, %v_t = optimization_barrier %a1, %a1_t : f64, f64
      %s = sin %v : f64
      %t = mul %s, %c1_t : f64
      yield %t
    }
  return %y
}
",
    );
    let (module, gradient) = add(&module, grad(&module, find(&module, "f"), &[0]).unwrap());
    let found = run(&module, gradient, &[array(&Type::scalar(DType::F64), &[3.0])]);
    assert_eq!(found[0].to_f64(), [0.5_f64.sin()]);
}

#[test]
fn a_schedule_of_checkpoints_too_long_to_be_a_constant_is_refused() {
    let text = "
func @f(%x: f64) -> f64 {
  %y = scan %x, length=1048577, consts=0, carry=1, checkpoint_slots=4 : f64
    body(%a: f64) {
      %s = sin %a : f64
      yield %s
    }
  return %y
}
";
    let module = load(text);
    let f = find(&module, "f");
    assert!(jvp(&module, f, &[0]).is_ok());
    let error = grad(&module, f, &[0]).unwrap_err().to_string();
    assert!(error.contains("scan") && error.contains("1048577 iterations, at most 2^20"), "{error}");
}

#[test]
fn branches_in_branches_transpose_each_once() {
    // Were each transposed twice at every level, the innermost would be 2^24 times.
    let depth = 24;
    let mut text = "  %s = sin %p24 : f64\n  yield %s\n".to_owned();
    for level in (0..depth).rev() {
        let inner = level + 1;
        let end = if level == 0 { "return" } else { "yield" };
        text = format!(
            "  %b{level} = constant true : bool\n  %r{level} = cond %b{level}, %p{level} : f64\n  then(%p{inner}: f64) {{\n{text}  }}\n  \
             else(%q{inner}: f64) {{\n  yield %q{inner}\n  }}\n  {end} %r{level}\n"
        );
    }
    let module = load(&format!("func @f(%p0: f64) -> f64 {{\n{text}}}\n"));
    let (module, gradient) = add(&module, grad(&module, find(&module, "f"), &[0]).unwrap());
    let found = run(&module, gradient, &[array(&Type::scalar(DType::F64), &[0.5])]);
    assert_eq!(found[0].to_f64(), [0.5_f64.cos()]);
}
