//! Right derivatives pass, wrong ones are found, and what cannot be told is said.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use pullback_interp::Array;
use pullback_ir::{DType, FuncId, Module, Verified, parse_module, verify};

use super::*;

fn load(text: &str) -> Verified<Module> {
    verify(parse_module(text).unwrap()).unwrap()
}

fn find(module: &Module, name: &str) -> FuncId {
    module.find(name).unwrap()
}

/// The check of `@f` at these inputs, by all parameters.
fn check(text: &str, inputs: &[Array], change: impl Fn(&mut GradCheckOptions)) -> GradCheckReport {
    let module = load(text);
    let mut options = GradCheckOptions::new((0..inputs.len()).collect::<Vec<_>>());
    change(&mut options);
    gradcheck(&module, find(&module, "f"), inputs, &options).unwrap()
}

fn vector(values: &[f64]) -> Array {
    Array::from_slice(&[values.len()], values).unwrap()
}

const SMOOTH: &str = "func @g(%x: f32[2]) -> f32[2] {
  %k = constant [0.1, 3.0] : f32[2]
  %y = mul %x, %k : f32[2]
  return %y
}
func @f(%x: f32[2], %y: f64[2]) -> (f64, i32, f32[2]) {
  %n = constant 3 : i32
  %z = call @g %x : f32[2]
  %t = tanh %z : f32[2]
  %w = convert %t : f64[2]
  %i = iota axis=0 : f32[2]
  %u = sub %t, %i : f32[2]
  %p = mul %w, %y : f64[2]
  %s = reduce add %p, axes=[0] : f64
  return %s, %n, %u
}
";

#[test]
fn what_the_compiler_makes_passes_to_second_order_also_of_f32() {
    let inputs = [Array::from_slice(&[2], &[0.3f32, -1.2]).unwrap(), vector(&[2.0, 0.5])];
    let report = check(SMOOTH, &inputs, |options| options.second_order = true);
    assert!(report.passed() && report.is_widened, "{report}");
    assert_eq!(report.arguments.iter().map(|argument| argument.order).collect::<Vec<_>>(), [1, 1, 2, 2]);
    for argument in &report.arguments {
        assert_eq!(argument.ty.dtype, DType::F64);
        // Far below what f32 could show: it is f64 that is computed in.
        assert!(argument.worst.relative_error < 1e-9 && argument.identity.unwrap() < 1e-14, "{report}");
    }
}

/// `sum(x^2 y)`, and derivatives of it, right and wrong.
const GIVEN: &str = "func @f(%x: f32[3], %y: f32[3]) -> f32 {
  %q = mul %x, %x : f32[3]
  %p = mul %q, %y : f32[3]
  %s = reduce add %p, axes=[0] : f32
  return %s
}
func @right(%x: f32[3], %y: f32[3]) -> (f32[3], f32[3]) {
  %two = constant 2.0 : f32[3]
  %d = mul %two, %x : f32[3]
  %dx = mul %d, %y : f32[3]
  %dy = mul %x, %x : f32[3]
  return %dx, %dy
}
func @one_element_wrong(%x: f32[3], %y: f32[3]) -> (f32[3], f32[3]) {
  %factor = constant [2.0, 2.0, 2.0001] : f32[3]
  %d = mul %factor, %x : f32[3]
  %dx = mul %d, %y : f32[3]
  %dy = mul %x, %x : f32[3]
  return %dx, %dy
}
func @zero(%x: f32[3], %y: f32[3]) -> (f32[3], f32[3]) {
  %z = constant 0.0 : f32[3]
  return %z, %z
}
func @pull(%x: f32[3], %y: f32[3], %g: f32) -> (f32, f32[3], f32[3]) {
  %s = call @f %x, %y : f32
  %dx, %dy = call @right %x, %y : f32[3], f32[3]
  %u = broadcast %g, dims=[] : f32[3]
  %ux = mul %u, %dx : f32[3]
  %uy = mul %u, %dy : f32[3]
  return %s, %ux, %uy
}
func @other_types(%x: f32[3]) -> f32[3] {
  return %x
}
";

fn check_given(name: &str, inputs: &[Array]) -> Result<GradCheckReport, Error> {
    let module = load(GIVEN);
    let options = GradCheckOptions::new([0, 1]);
    gradcheck_derivative(&module, find(&module, "f"), find(&module, name), inputs, &options)
}

fn given_inputs() -> [Array; 2] {
    [Array::from_slice(&[3], &[0.5f32, -1.0, 2.0]).unwrap(), Array::from_slice(&[3], &[1.0f32, 3.0, -0.25]).unwrap()]
}

#[test]
fn a_derivative_that_is_given_passes_if_it_is_right_in_either_form() {
    for name in ["right", "pull"] {
        let report = check_given(name, &given_inputs()).unwrap();
        assert!(report.passed(), "{report}");
        assert_eq!(report.derivative.as_deref(), Some(name));
        assert_eq!(report.arguments[0].identity, None);
    }
}

#[test]
fn a_wrong_derivative_is_found_with_the_element_that_is_wrong() {
    let report = check_given("one_element_wrong", &given_inputs()).unwrap();
    let verdicts: Vec<Verdict> = report.arguments.iter().map(|argument| argument.verdict).collect();
    assert_eq!(verdicts, [Verdict::Fail, Verdict::Pass], "{report}");
    let wrong = &report.arguments[0];
    assert!(wrong.hints.iter().any(|hint| hint.contains("element [2]")), "{report}");
    // Claimed and differences are apart by far more than the differences can be off.
    assert!((wrong.worst.claimed - wrong.worst.difference).abs() > 1e3 * wrong.worst.error_estimate, "{report}");
    assert!(report.to_string().contains("FAIL") && report.to_string().contains("1 of 2 pass"), "{report}");
}

#[test]
fn a_derivative_of_zero_is_wrong_unless_it_is_zero() {
    assert!(check_given("zero", &given_inputs()).unwrap().arguments.iter().all(|a| a.verdict == Verdict::Fail));
    let zero = Array::from_slice(&[3], &[0f32; 3]).unwrap();
    let report = check_given("zero", &[zero, given_inputs()[1].clone()]).unwrap();
    assert!(report.passed(), "{report}");
}

#[test]
fn a_function_that_is_no_derivative_is_refused_with_what_was_expected() {
    let error = check_given("other_types", &given_inputs()).unwrap_err().to_string();
    assert!(error.contains("@other_types is not a derivative of @f"), "{error}");
    assert!(error.contains("(f64[3], f64[3]) -> (f64[3], f64[3])"), "{error}");
}

#[test]
fn a_kink_is_reported_whether_the_convention_agrees_with_the_differences_or_not() {
    let clamp = "func @f(%x: f64) -> f64 {
  %low = constant 0.0 : f64
  %high = constant 1.0 : f64
  %y = clamp %low, %x, %high : f64
  return %y
}
";
    // The derivative at a limit is 1 by convention, and the mean of 0 and 1 by central differences.
    let report = check(clamp, &[Array::scalar(0.0)], |_| {});
    let argument = &report.arguments[0];
    assert_eq!(argument.verdict, Verdict::Fail, "{report}");
    assert!(argument.worst.kink.is_some() && argument.hints[0].contains("a kink"), "{report}");
    assert!(check(clamp, &[Array::scalar(0.01)], |_| {}).passed());
    let abs = "func @f(%x: f64) -> f64 {
  %y = abs %x : f64
  return %y
}
";
    let report = check(abs, &[Array::scalar(0.0)], |_| {});
    assert!(report.passed() && report.arguments[0].worst.kink.is_some(), "{report}");
}

#[test]
fn where_differences_cannot_tell_the_verdict_is_unclear() {
    let log = "func @f(%x: f64) -> f64 {
  %y = log %x : f64
  return %y
}
";
    for x in [-1.0, 0.0, f64::NAN] {
        let report = check(log, &[Array::scalar(x)], |_| {});
        assert_eq!(report.arguments[0].verdict, Verdict::Unclear, "{report}");
        assert!(!report.passed());
    }
    assert!(check(log, &[Array::scalar(1e-9)], |_| {}).passed());
    // 1e8 (1 + 1e-16 sin(x)) is rounded to steps that are larger than what is asked for.
    let rough = "func @f(%x: f64) -> f64 {
  %s = sin %x : f64
  %big = constant 1e16 : f64
  %a = add %s, %big : f64
  %y = sub %a, %big : f64
  return %y
}
";
    let report = check(rough, &[Array::scalar(0.3)], |_| {});
    assert_ne!(report.arguments[0].verdict, Verdict::Pass, "{report}");
}

#[test]
fn kinks_of_thousands_of_elements_convict_no_right_derivative() {
    let text = "func @f(%x: f64[4096]) -> f64 {
  %y = abs %x : f64[4096]
  %s = reduce add %y, axes=[0] : f64
  return %s
}
";
    // Equally spread over the circle, so that many elements are near the kink at zero but not at it.
    let values: Vec<f64> = (0..4096).map(|i| (f64::from(i) * 2.399_963 + 0.5).sin()).collect();
    for seed in 0..4 {
        let report = check(text, &[vector(&values)], |options| options.seed = seed);
        assert_ne!(report.arguments[0].verdict, Verdict::Fail, "{report}");
    }
}

#[test]
fn a_parameter_without_elements_passes() {
    let text = "func @f(%x: f64[0], %y: f64) -> f64 {
  %s = reduce add %x, axes=[0] : f64
  %z = mul %s, %y : f64
  return %z
}
";
    assert!(check(text, &[vector(&[]), Array::scalar(1.0)], |_| {}).passed());
}

#[test]
fn options_and_inputs_that_do_not_fit_are_refused() {
    let module = load(SMOOTH);
    let func = find(&module, "f");
    let inputs = [Array::from_slice(&[2], &[0.3f32, -1.2]).unwrap(), vector(&[2.0, 0.5])];
    let refused = |change: &dyn Fn(&mut GradCheckOptions), inputs: &[Array]| {
        let mut options = GradCheckOptions::new([0, 1]);
        change(&mut options);
        match gradcheck(&module, func, inputs, &options).unwrap_err() {
            Error::User(message) => message,
            error => panic!("{error}"),
        }
    };
    assert!(refused(&|options| options.wrt = vec![], &inputs).contains("no parameter"));
    assert!(refused(&|options| options.wrt = vec![7], &inputs).contains("no parameter 7"));
    assert!(refused(&|options| options.wrt = vec![1, 1], &inputs).contains("named twice"));
    assert!(refused(&|options| options.directions = 0, &inputs).contains("at least 1"));
    assert!(refused(&|options| options.tolerance = f64::NAN, &inputs).contains("tolerance"));
    assert!(refused(&|_| {}, &inputs[..1]).contains("takes 2 inputs"));
    assert!(refused(&|_| {}, &[inputs[1].clone(), inputs[1].clone()]).contains("expected f32[2]"));
}
