//! The special functions: against differences, two orders, at the points where a rule takes care, and what has no derivative.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{add, array, check_text, find, load, run};
use pullback_autodiff::{Error, grad, jvp, vjp};

fn unary(name: &str) -> String {
    format!("func @f(%x: f64[2,3]) -> f64[2,3] {{\n  %y = {name} %x : f64[2,3]\n  return %y\n}}\n")
}

fn polygamma(order: &str) -> String {
    format!(
        "func @f(%x: f64[3]) -> f64[3] {{\n  %n = constant {order} : f64[3]\n  \
         %y = polygamma %n, %x : f64[3]\n  return %y\n}}\n"
    )
}

#[test]
fn rules_agree_with_differences() {
    for (name, ranges) in [
        ("lgamma", [(0.5, 4.0), (-1.8, -1.2)]),
        ("digamma", [(0.5, 4.0), (-1.8, -1.2)]),
        ("erf_inv", [(-0.8, 0.8), (-0.1, 0.1)]),
        ("bessel_i0e", [(0.1, 5.0), (-5.0, -0.1)]),
        ("bessel_i1e", [(0.1, 5.0), (-5.0, -0.1)]),
    ] {
        for range in ranges {
            check_text(&unary(name), &[range], 2);
        }
    }
    for order in ["0.0", "1.0", "2.0", "3.0"] {
        check_text(&polygamma(order), &[(0.8, 3.0)], 2);
    }
}

/// The derivatives of `@f` of one parameter at the points.
fn slopes(text: &str, points: &[f64]) -> Vec<f64> {
    let module = load(text);
    let f = find(&module, "f");
    let (module, tangent) = add(&module, jvp(&module, f, &[0]).unwrap());
    let ty = module.function(f).ty(module.function(f).params()[0]).clone();
    let outputs = run(&module, tangent, &[array(&ty, points), array(&ty, &vec![1.0; points.len()])]);
    outputs.last().unwrap().to_f64()
}

#[test]
fn slopes_at_zero_and_far_out_are_those_of_the_functions() {
    let at = |name: &str, points: &[f64]| {
        slopes(
            &format!(
                "func @f(%x: f64[{n}]) -> f64[{n}] {{\n  %y = {name} %x : f64[{n}]\n  return %y\n}}\n",
                n = points.len()
            ),
            points,
        )
    };
    // x/2 - x|x|/2 + ..., and 1 - |x| + ..., where the rule takes the mean of both sides.
    assert_eq!(at("bessel_i1e", &[0.0, -0.0, f64::INFINITY]), [0.5, 0.5, 0.0]);
    assert_eq!(at("bessel_i0e", &[0.0, -0.0, 1e-300, -1e-300, f64::INFINITY]), [0.0, 0.0, -1.0, 1.0, 0.0]);
    let half_root_pi = std::f64::consts::PI.sqrt() / 2.0;
    assert!((at("erf_inv", &[0.0])[0] - half_root_pi).abs() < 1e-15);
    assert_eq!(at("erf_inv", &[1.0, -1.0]), [f64::INFINITY, f64::INFINITY]);
    assert!(at("lgamma", &[0.0, -3.0]).iter().all(|slope| slope.is_nan()));
}

#[test]
fn orders_have_no_derivative_and_the_error_says_what_to_do() {
    let module = load(
        "func @f(%n: f64, %x: f64) -> f64 {\n  %k = add %n, %n : f64\n  %y = polygamma %k, %x : f64\n  return %y\n}\n",
    );
    let f = find(&module, "f");
    let error = grad(&module, f, &[0]).unwrap_err();
    assert!(matches!(error, Error::NoDerivative { op: "polygamma", .. }), "{error:?}");
    assert!(
        error.to_string().ends_with(
            "@f: polygamma cannot be differentiated with respect to %k: its order is an integer, so there is no derivative \
             with respect to it; apply stop_gradient to the order if it is to be a constant"
        ),
        "{error}"
    );
    assert_eq!(vjp(&module, f, &[0, 1]).unwrap_err(), error);
    assert!(grad(&module, f, &[1]).is_ok());
}
