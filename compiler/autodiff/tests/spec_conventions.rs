//! The conventions of `ir-spec/derivatives.md` and of this crate's header that the other suites do not meet: control flow, poles, what
//! multiplies an infinity, the order of accumulation.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{add, array, find, floats, load, run};
use pullback_autodiff::{Error, grad, hessian, hvp, jacobian, jvp, vjp};
use pullback_autodiff::{JacobianMode, vmap};
use pullback_interp::Array;
use pullback_ir::{DType, Type};

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

/// The cotangents of the floating-point parameters of `@f`, for one array per parameter and per floating-point result.
fn cotangents(text: &str, inputs: &[&[f64]], cts: &[&[f64]]) -> Vec<Vec<f64>> {
    let module = load(text);
    let id = find(&module, "f");
    let function = module.function(id);
    let outputs = function.results().len();
    let types = function.param_types().chain(function.result_types().filter(|ty| ty.dtype.is_float()));
    let arrays: Vec<Array> = types.zip(inputs.iter().chain(cts)).map(|(ty, values)| array(ty, values)).collect();
    let (module, reverse) = add(&module, vjp(&module, id, &floats(module.function(id))).unwrap());
    run(&module, reverse, &arrays)[outputs..].iter().map(Array::to_f64).collect()
}

/// Equality in which NaN equals NaN.
fn assert_same(found: &[Vec<f64>], expected: &[Vec<f64>]) {
    let same = |x: &f64, y: &f64| x == y || (x.is_nan() && y.is_nan());
    let equal = found.len() == expected.len()
        && found.iter().zip(expected).all(|(f, e)| f.len() == e.len() && f.iter().zip(e).all(|(x, y)| same(x, y)));
    assert!(equal, "found {found:?}, expected {expected:?}");
}

fn elementwise(op: &str, n: usize) -> String {
    format!("func @f(%x: f64[{n}]) -> f64[{n}] {{\n  %z = {op} %x : f64[{n}]\n  return %z\n}}\n")
}

#[test]
fn special_functions_at_their_poles_and_ends() {
    let slopes = |op: &str, x: &[f64]| cotangents(&elementwise(op, x.len()), &[x], &[&vec![1.0; x.len()]]);
    assert_same(&slopes("erf_inv", &[1.0, -1.0, 2.0]), &[vec![INF, INF, NAN]]);
    assert_same(&slopes("lgamma", &[0.0, -1.0, -INF, INF]), &[vec![NAN, NAN, NAN, INF]]);
    assert_same(&slopes("digamma", &[0.0, -1.0, INF]), &[vec![INF, INF, 0.0]]);
    assert_same(&slopes("bessel_i0e", &[0.0, -0.0]), &[vec![0.0, 0.0]]);
    assert_same(&slopes("bessel_i1e", &[0.0, -0.0]), &[vec![0.5, 0.5]]);
    let polygamma = |order: &str| {
        let text = format!(
            "func @f(%x: f64[2]) -> f64[2] {{\n  %n = constant {order} : f64[2]\n  %z = polygamma %n, %x : f64[2]\n  return %z\n}}\n"
        );
        cotangents(&text, &[&[0.0, -2.0]], &[&[1.0, 1.0]])
    };
    assert_same(&polygamma("1.0"), &[vec![NAN, NAN]]);
    assert_same(&polygamma("2.0"), &[vec![INF, INF]]);
}

#[test]
fn stopping_an_order_makes_a_polygamma_differentiable() {
    let text = "func @f(%n: f64, %x: f64) -> f64 {\n  %k = stop_gradient %n : f64\n  %z = polygamma %k, %x : f64\n  return %z\n}\n";
    let found = cotangents(text, &[&[0.0], &[1.0]], &[&[1.0]]);
    assert_eq!(found[0], [0.0]);
    assert!((found[1][0] - std::f64::consts::PI.powi(2) / 6.0).abs() < 1e-14);
}

#[test]
fn a_rectifier_is_a_tie_or_a_selection_at_0() {
    let text = |line: &str| {
        format!(
            "func @f(%x: f64[1]) -> f64[1] {{\n  %zero = constant 0.0 : f64[1]\n  %p = compare gt %x, %zero : bool[1]\n  \
             %z = {line} : f64[1]\n  return %z\n}}\n"
        )
    };
    assert_eq!(cotangents(&text("max %x, %zero"), &[&[0.0]], &[&[1.0]]), [[0.5]]);
    assert_eq!(cotangents(&text("select %p, %x, %zero"), &[&[0.0]], &[&[INF]]), [[0.0]]);
}

#[test]
fn a_zero_cotangent_times_an_infinite_slope_is_nan() {
    assert_same(&cotangents(&elementwise("sqrt", 1), &[&[0.0]], &[&[0.0]]), &[vec![NAN]]);
    assert_same(&cotangents(&elementwise("sqrt", 1), &[&[0.0]], &[&[1.0]]), &[vec![INF]]);
}

#[test]
fn padding_of_a_convolution_multiplies_as_an_element_does() {
    let text = "func @f(%x: f64[1,1,1], %k: f64[1,1,2]) -> f64[1,1,1] {\n  \
                %z = conv %x, %k, lhs=[0,1,2], rhs=[0,1,2], out=[0,1,2], low=[1] : f64[1,1,1]\n  return %z\n}\n";
    let module = load(text);
    let f = find(&module, "f");
    let types: Vec<Type> = module.function(f).param_types().cloned().collect();
    let z = run(&module, f, &[array(&types[0], &[1.0]), array(&types[1], &[INF, 1.0])]);
    assert!(z[0].to_f64()[0].is_nan());
    // The kernel element that meets padding has the padding's zero as its derivative.
    assert_eq!(cotangents(text, &[&[5.0], &[7.0, 3.0]], &[&[1.0]]), [vec![3.0], vec![0.0, 5.0]]);
}

#[test]
fn matrices_without_a_factor_have_none_of_its_derivative() {
    let text = "func @f(%a: f64[2,1,1]) -> f64[2,1,1] {\n  %z = cholesky %a : f64[2,1,1]\n  return %z\n}\n";
    assert_same(&cotangents(text, &[&[-1.0, 4.0]], &[&[1.0, 1.0]]), &[vec![NAN, 0.25]]);
    let text = "func @f(%a: f64[1,1], %b: f64[1,1]) -> f64[1,1] {\n  %z = triangular_solve %a, %b, left=true : f64[1,1]\n  return %z\n}\n";
    assert_same(&cotangents(text, &[&[0.0], &[1.0]], &[&[1.0]]), &[vec![-INF], vec![INF]]);
}

const BRANCHES: &str = "
func @f(%p: bool, %x: f64, %y: f64) -> f64 {
  %z = cond %p, %x, %y : f64
    then(%a: f64, %b: f64) {
      %r = sqrt %a : f64
      yield %r
    }
    else(%c: f64, %d: f64) {
      %s = mul %d, %d : f64
      yield %s
    }
  return %z
}
";

#[test]
fn a_branch_that_did_not_run_gives_exactly_0() {
    // The root at 0 has an infinite slope, and is not taken.
    assert_eq!(cotangents(BRANCHES, &[&[0.0], &[0.0], &[3.0]], &[&[1.0]]), [[0.0], [6.0]]);
    assert_same(&cotangents(BRANCHES, &[&[1.0], &[4.0], &[NAN]], &[&[1.0]]), &[vec![0.25], vec![0.0]]);
}

#[test]
fn branches_that_differ_over_a_batch_do_not_leak_into_each_other() {
    let module = load(BRANCHES);
    let f = find(&module, "f");
    let (module, gradient) = add(&module, grad(&module, f, &[1, 2]).unwrap());
    let (module, batched) = add(&module, vmap(&module, gradient, 2, &[Some(0), Some(0), Some(0)], &[0, 0]).unwrap());
    let two = |dtype| Type::new(dtype, &[2]).unwrap();
    let inputs = [
        array(&two(DType::Bool), &[0.0, 1.0]),
        array(&two(DType::F64), &[0.0, 4.0]),
        array(&two(DType::F64), &[3.0, 5.0]),
    ];
    let found: Vec<Vec<f64>> = run(&module, batched, &inputs).iter().map(Array::to_f64).collect();
    assert_eq!(found, [[0.0, 0.25], [6.0, 0.0]]);
}

/// Doubles while below the limit, at most four times.
const DOUBLING: &str = "
func @f(%x: f64, %limit: f64) -> f64 {
  %y = while %limit, %x, consts=1, bound=4 : f64
    cond(%l: f64, %a: f64) {
      %go = compare lt %a, %l : bool
      yield %go
    }
    body(%m: f64, %b: f64) {
      %t = add %b, %b : f64
      yield %t
    }
  return %y
}
";

#[test]
fn a_while_has_the_derivative_of_the_iterations_that_ran() {
    let slope = |x: f64, limit: f64| cotangents(DOUBLING, &[&[x], &[limit]], &[&[1.0]]);
    assert_eq!(slope(3.0, 20.0), [[8.0], [0.0]]);
    // At the limit the condition fails; nothing of that shows in the derivative.
    assert_eq!(slope(3.0, 12.0), [[4.0], [0.0]]);
    assert_eq!(slope(3.0, 1.0), [[1.0], [0.0]]);
    // The bound ends it.
    assert_eq!(slope(3.0, 1e9), [[16.0], [0.0]]);
    let module = load(&DOUBLING.replace(", bound=4", ""));
    let f = find(&module, "f");
    assert!(matches!(vjp(&module, f, &[0]), Err(Error::NoRule { op: "while", .. })));
    assert!(jvp(&module, f, &[0]).is_ok());
}

#[test]
fn a_scan_of_nothing_is_its_initial_state() {
    let text = "
func @f(%w: f64, %h: f64, %x: f64[0]) -> (f64, f64[0]) {
  %last, %all = scan %w, %h, %x, length=0, consts=1, carry=1 : f64, f64[0]
    body(%w1: f64, %h1: f64, %x1: f64) {
      %r = div %h1, %w1 : f64
      yield %r, %x1
    }
  return %last, %all
}
";
    assert_same(&cotangents(text, &[&[0.0], &[2.0], &[]], &[&[INF], &[]]), &[vec![0.0], vec![INF], vec![]]);
}

#[test]
fn contributions_are_added_from_the_last_use_to_the_first() {
    // 2^53 + 1 is not representable: what is added first decides.
    let text = "
func @f(%x: f64, %a: f64, %b: f64, %c: f64) -> (f64, f64, f64) {
  %p = mul %x, %a : f64
  %q = mul %x, %b : f64
  %r = mul %x, %c : f64
  return %p, %q, %r
}
";
    let large = 2f64.powi(53);
    let by_x = |a: f64, b: f64, c: f64| cotangents(text, &[&[1.0], &[a], &[b], &[c]], &[&[1.0], &[1.0], &[1.0]])[0][0];
    assert_eq!(by_x(large, 1.0, 1.0), large + 2.0);
    assert_eq!(by_x(1.0, 1.0, large), large);
}

#[test]
fn contributions_of_iterations_are_added_from_the_last_to_the_first() {
    let text = "
func @f(%w: f64, %x: f64[3]) -> f64[3] {
  %y = scan %w, %x, length=3, consts=1, carry=0 : f64[3]
    body(%w1: f64, %x1: f64) {
      %p = mul %w1, %x1 : f64
      yield %p
    }
  return %y
}
";
    let large = 2f64.powi(53);
    let by_w = |x: [f64; 3]| cotangents(text, &[&[1.0], &x], &[&[1.0; 3]])[0][0];
    assert_eq!(by_w([large, 1.0, 1.0]), large + 2.0);
    assert_eq!(by_w([1.0, 1.0, large]), large);
}

#[test]
fn nothing_flows_through_what_stops_it_even_under_an_infinity() {
    for op in ["stop_gradient", "bitcast"] {
        assert_eq!(cotangents(&elementwise(op, 1), &[&[1.0]], &[&[INF]]), [[0.0]]);
    }
    let text =
        "func @f(%x: f64[2]) -> f64[2] {\n  %b = bitcast %x : i64[2]\n  %z = bitcast %b : f64[2]\n  return %z\n}\n";
    assert_eq!(cotangents(text, &[&[1.0, 2.0]], &[&[1.0, 1.0]]), [[0.0, 0.0]]);
}

#[test]
fn integers_and_what_has_no_derivative_are_refused_by_name() {
    let module = load("func @f(%n: i32, %x: f64) -> f64 {\n  return %x\n}\n");
    let f = find(&module, "f");
    let error = grad(&module, f, &[0]).unwrap_err().to_string();
    assert!(error.contains("%n of type i32 has no derivative"), "{error}");
}

#[test]
fn jacobians_hessians_and_their_products_have_the_shapes_that_are_specified() {
    let module = load(
        "func @f(%x: f64[2,3], %y: f64[4]) -> f64[5] {\n  %s = reduce add %x, axes=[0,1] : f64\n  \
         %t = reduce add %y, axes=[0] : f64\n  %p = mul %s, %t : f64\n  %z = broadcast %p, dims=[] : f64[5]\n  return %z\n}\n\
         func @g(%x: f64[2,3], %y: f64[4]) -> f64 {\n  %z = call @f %x, %y : f64[5]\n  \
         %r = reduce add %z, axes=[0] : f64\n  return %r\n}\n",
    );
    let shapes = |function: &pullback_ir::Function| -> Vec<String> {
        function.result_types().map(ToString::to_string).collect()
    };
    let (f, g) = (find(&module, "f"), find(&module, "g"));
    for mode in [JacobianMode::Auto, JacobianMode::Forward, JacobianMode::Reverse] {
        assert_eq!(shapes(&jacobian(&module, f, &[0, 1], mode).unwrap()), ["f64[5,2,3]", "f64[5,4]"]);
    }
    assert_eq!(
        shapes(&hessian(&module, g, &[0, 1]).unwrap()),
        ["f64[2,3,2,3]", "f64[2,3,4]", "f64[4,2,3]", "f64[4,4]"]
    );
    assert_eq!(shapes(&hvp(&module, g, &[0, 1]).unwrap()), ["f64[2,3]", "f64[4]"]);
}
