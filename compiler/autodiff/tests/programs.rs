//! Whole programs: fan-out, calls, integers in between, several results, closure under differentiation.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{Random, add, array, check, count, find, floats, load, run, text_of};
use pullback_autodiff::{grad, jvp, value_and_grad, vjp};
use pullback_interp::Array;
use pullback_ir::{Builder, DType, Module, Op, Type, verify};

/// The offsets keep the elements that `reduce max` compares further apart than any step of a difference.
const NETWORK: &str = "
func @layer(%x: f64[4,3], %w: f64[3,3], %b: f64[3]) -> f64[4,3] {
  %y = dot %x, %w, contract=[1]x[0] : f64[4,3]
  %bias = broadcast %b, dims=[1] : f64[4,3]
  %z = add %y, %bias : f64[4,3]
  %h = tanh %z : f64[4,3]
  return %h
}

func @loss(%x: f64[4,3], %w: f64[3,3], %b: f64[3]) -> (f64, f64[4,3]) {
  %h1 = call @layer %x, %w, %b : f64[4,3]
  %h2 = call @layer %h1, %w, %b : f64[4,3]
  %sum = add %h1, %h2 : f64[4,3]
  %offset = constant [0.0, 5.0, -5.0] : f64[3]
  %offsets = broadcast %offset, dims=[1] : f64[4,3]
  %skip = add %sum, %offsets : f64[4,3]
  %m = reduce max %skip, axes=[1] : f64[4]
  %mb = broadcast %m, dims=[0] : f64[4,3]
  %c = sub %skip, %mb : f64[4,3]
  %e = exp %c : f64[4,3]
  %s = reduce add %e, axes=[1] : f64[4]
  %l = log %s : f64[4]
  %total = reduce add %l, axes=[0] : f64
  return %total, %h2
}
";

fn draw(module: &Module, name: &str) -> Vec<Array> {
    let random = &mut Random(9);
    let types: Vec<Type> = module.function(find(module, name)).param_types().cloned().collect();
    types.iter().map(|ty| random.array(ty, -1.0, 1.0)).collect()
}

#[test]
fn a_network_of_calls_with_shared_weights_to_third_order() {
    let module = load(NETWORK);
    check(&module, find(&module, "loss"), &draw(&module, "loss"), 3);
}

#[test]
fn gradients_of_gradients_agree_with_the_differences_of_gradients() {
    let module = load(NETWORK);
    let (module, gradient) = add(&module, grad(&module, find(&module, "loss"), &[1, 2]).unwrap());
    assert_eq!(module.function(gradient).results().len(), 2);
    check(&module, gradient, &draw(&module, "loss"), 2);
}

#[test]
fn the_gradient_is_the_vjp_of_1_and_auxiliary_results_do_not_contribute() {
    let module = load(NETWORK);
    let loss = find(&module, "loss");
    let inputs = draw(&module, "loss");
    let (module, gradient) = add(&module, grad(&module, loss, &[2, 0]).unwrap());
    let (module, both) = add(&module, value_and_grad(&module, loss, &[2, 0]).unwrap());
    let (module, reverse) = add(&module, vjp(&module, loss, &[2, 0]).unwrap());
    let zeros = array(&inputs[0].ty(), &[0.0; 12]);
    let reverse_inputs = [inputs.clone(), vec![Array::scalar(1.0), zeros]].concat();
    let expected = run(&module, reverse, &reverse_inputs);
    assert_eq!(run(&module, both, &inputs), expected);
    assert_eq!(run(&module, gradient, &inputs), expected[2..]);
}

#[test]
fn fan_out_accumulates_every_use() {
    // z = x^2 + 3 x + x, so dz = 2 x + 4.
    let module = load(
        "func @f(%x: f64) -> f64 {\n  %c = constant 3.0 : f64\n  %a = mul %x, %x : f64\n  %b = mul %c, %x : f64\n  \
         %s = add %a, %b : f64\n  %z = add %s, %x : f64\n  return %z\n}\n",
    );
    let (module, gradient) = add(&module, grad(&module, find(&module, "f"), &[0]).unwrap());
    assert_eq!(run(&module, gradient, &[Array::scalar(5.0)])[0].to_f64(), [14.0]);
}

#[test]
fn a_value_returned_twice_and_a_parameter_returned_get_the_sum() {
    let module =
        load("func @f(%x: f64[2]) -> (f64[2], f64[2], f64[2]) {\n  %y = sin %x : f64[2]\n  return %y, %x, %y\n}\n");
    let id = find(&module, "f");
    check(&module, id, &draw(&module, "f"), 2);
    let reverse = vjp(&module, id, &[0]).unwrap();
    let names: Vec<&str> = reverse.params().iter().map(|&p| &**reverse.value_name(p).unwrap()).collect();
    assert_eq!(names, ["x", "y_ct", "x_ct", "y_ct_1"]);
}

#[test]
fn integers_in_between_end_the_derivative_and_others_pass() {
    let module = load(
        "func @f(%x: f64[3], %n: i32[3], %p: bool[3]) -> (f64[3], i32[3], f64[3]) {
  %i = convert %x : i32[3]
  %j = add %i, %n : i32[3]
  %k = convert %j : f64[3]
  %positive = compare gt %x, %k : bool[3]
  %both = and %positive, %p : bool[3]
  %y = select %both, %x, %k : f64[3]
  %z = mul %y, %x : f64[3]
  %pos = iota axis=0 : f64[3]
  %w = mul %pos, %z : f64[3]
  %d = convert %both : f64[3]
  %e = mul %d, %w : f64[3]
  return %w, %j, %e
}
",
    );
    let id = find(&module, "f");
    let types: Vec<Type> = module.function(id).param_types().cloned().collect();
    let inputs = [array(&types[0], &[0.3, 1.4, 2.6]), array(&types[1], &[-3.0, 1.0, 0.0]), array(&types[2], &[1.0; 3])];
    assert_eq!(floats(module.function(id)), [0]);
    check(&module, id, &inputs, 2);
    let reverse = vjp(&module, id, &[0]).unwrap();
    assert_eq!(reverse.params().len(), 5, "one cotangent for each of the two float results");
    assert_eq!(reverse.results().len(), 4);
}

#[test]
fn results_that_do_not_depend_have_exact_zeros() {
    let module = load(
        "func @f(%x: f64[2], %unused: f64[3]) -> (f64[2], f64) {\n  %y = exp %x : f64[2]\n  \
         %c = constant 2.0 : f64\n  return %y, %c\n}\n",
    );
    let id = find(&module, "f");
    check(&module, id, &draw(&module, "f"), 2);
    let forward = jvp(&module, id, &[1]).unwrap();
    assert_eq!(count(&forward, |op| matches!(op, Op::Unary(_))), 1, "no tangent of exp is built");
    assert_eq!(count(&forward, |op| matches!(op, Op::Binary(_))), 0);
    let (module, gradient) = add(&module, vjp(&module, id, &[1]).unwrap());
    let mut inputs = draw(&module, "f");
    inputs.extend([array(&inputs[0].ty(), &[1.0, f64::NAN]), Array::scalar(f64::INFINITY)]);
    assert_eq!(run(&module, gradient, &inputs)[2].to_f64(), [0.0; 3]);
}

#[test]
fn modes_compose_in_any_order_to_the_same_second_derivative() {
    let module = load(
        "func @f(%x: f64[3]) -> f64 {\n  %s = sin %x : f64[3]\n  %m = mul %s, %x : f64[3]\n  \
         %e = exp %m : f64[3]\n  %p = reduce mul %e, axes=[0] : f64\n  return %p\n}\n",
    );
    let id = find(&module, "f");
    let x = draw(&module, "f").remove(0);
    let v = Random(4).array(&x.ty(), -1.0, 1.0);
    // Forward over reverse.
    let (module, gradient) = add(&module, grad(&module, id, &[0]).unwrap());
    let (module, forward) = add(&module, jvp(&module, gradient, &[0]).unwrap());
    let over_reverse = run(&module, forward, &[x.clone(), v.clone()]).remove(1);
    // Reverse over forward: the gradient of the directional derivative.
    let (module, directional) = add(&module, jvp(&module, id, &[0]).unwrap());
    let (module, reverse) = add(&module, vjp(&module, directional, &[0]).unwrap());
    let seeds = [Array::scalar(0.0), Array::scalar(1.0)];
    let over_forward = run(&module, reverse, &[x.clone(), v.clone(), seeds[0].clone(), seeds[1].clone()]).remove(2);
    // Reverse over reverse.
    let (module, twice) = add(&module, vjp(&module, gradient, &[0]).unwrap());
    let reverse_twice = run(&module, twice, &[x, v]).remove(1);
    let all = [over_reverse, over_forward, reverse_twice];
    common::assert_close(&all[1..2], &all[..1], 1e-13, &|| text_of(&module, reverse));
    common::assert_close(&all[2..], &all[..1], 1e-13, &|| text_of(&module, twice));
}

#[test]
fn a_long_chain_needs_no_stack_and_grows_linearly() {
    let mut module = Module::new();
    let b = Builder::new(&module, "f");
    let x = b.param("x", Type::scalar(DType::F64));
    let length = 20_000;
    let y = (0..length).fold(x, |y, _| b.sin(y));
    let f = b.finish(&[y]).unwrap();
    let id = module.add(f);
    let module = verify(module).unwrap();
    let gradient = grad(&module, id, &[0]).unwrap();
    // sin; cos and mul backwards; the last sine is not needed, and the first product is with 1.
    assert_eq!(count(&gradient, |op| matches!(op, Op::Unary(_))), 2 * length - 1);
    assert_eq!(count(&gradient, |op| matches!(op, Op::Binary(_))), length - 1);
}
