//! What is refused, and in which words.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{find, load};
use pullback_autodiff::{Error, grad, jvp, linearize, transpose, value_and_grad, vjp};
use pullback_ir::{FuncId, Module, verify};

const TEXT: &str = "
func @f(%x: f32[3], %n: i32[3], %p: bool) -> (f32[3], i32[3]) {
  %y = exp %x : f32[3]
  return %y, %n
}

func @count(%x: f32) -> i32 {
  %n = convert %x : i32
  return %n
}

func @nothing(%x: f32) {
  return
}
";

#[test]
fn parameters_must_exist_be_float_and_be_named_once() {
    let module = load(TEXT);
    let f = find(&module, "f");
    let message = |wrt: &[usize]| {
        let errors = [
            jvp(&module, f, wrt).unwrap_err(),
            vjp(&module, f, wrt).unwrap_err(),
            grad(&module, f, wrt).unwrap_err(),
            value_and_grad(&module, f, wrt).unwrap_err(),
            linearize(&module, f, wrt).unwrap_err(),
        ];
        assert!(errors.iter().all(|error| *error == errors[0]));
        errors[0].to_string()
    };
    assert_eq!(message(&[3]), "@f: cannot differentiate with respect to parameter 3: it has 3, counted from 0");
    assert_eq!(message(&[0, 0]), "@f: parameter 0 (%x) is named twice among those to differentiate by");
    assert_eq!(
        message(&[0, 1]),
        "@f: parameter %n of type i32[3] has no derivative: only f32 and f64 have; leave it out, or make it a float \
         parameter"
    );
    assert!(message(&[2]).contains("%p of type bool"));
}

#[test]
fn gradients_are_of_float_scalars() {
    let module = load(TEXT);
    let message = |name: &str| grad(&module, find(&module, name), &[0]).unwrap_err().to_string();
    assert_eq!(
        message("f"),
        "@f: a gradient needs a scalar of type f32 or f64 as the first result, found f32[3]; \
         reduce it to a scalar, for instance by a sum, or use vjp"
    );
    assert!(message("count").contains("found i32;"));
    assert!(message("nothing").contains("found no result;"));
    assert!(matches!(value_and_grad(&module, find(&module, "f"), &[0]), Err(Error::NotScalar { .. })));
}

#[test]
fn functions_of_another_module_are_refused() {
    let module = load(TEXT);
    let last = find(&module, "nothing");
    let empty = verify(Module::new()).unwrap();
    let errors = [jvp(&empty, last, &[]), vjp(&empty, last, &[]), grad(&empty, last, &[]), transpose(&empty, last, 0)];
    assert!(errors.into_iter().all(|result| result.unwrap_err() == Error::NoFunction));
    assert_eq!(linearize(&empty, FuncId::from_u32(7), &[]).unwrap_err(), Error::NoFunction);
}

#[test]
fn functions_whose_calls_inline_to_too_many_instructions_are_a_limit_and_no_bug() {
    let mut text = String::from("func @f0(%x: f32) -> f32 {\n  %y = sin %x : f32\n  return %y\n}\n");
    for level in 1..40 {
        let callee = level - 1;
        text += &format!(
            "func @f{level}(%x: f32) -> f32 {{\n  %a = call @f{callee} %x : f32\n  %y = call @f{callee} %a : f32\n  return %y\n}}\n"
        );
    }
    let module = load(&text);
    let top = find(&module, "f39");
    let errors = [
        jvp(&module, top, &[0]).unwrap_err(),
        vjp(&module, top, &[0]).unwrap_err(),
        grad(&module, top, &[0]).unwrap_err(),
        value_and_grad(&module, top, &[0]).unwrap_err(),
        linearize(&module, top, &[0]).unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, Error::TooLarge { .. }), "{error:?}");
        assert!(error.to_string().contains("@f39") && error.to_string().contains("instructions"), "{error}");
    }
}

#[test]
fn programs_that_are_not_linear_do_not_transpose() {
    for (body, op, why) in [
        ("%y = exp %t : f64[2]", "exp", "the operation is not linear"),
        ("%y = mul %t, %t : f64[2]", "mul", "both factors depend on them"),
        ("%y = div %r, %t : f64[2]", "div", "the divisor depends on them"),
        ("%y = add %t, %r : f64[2]", "add", "an operand that does not depend on them is added"),
        ("%y = sub %r, %t : f64[2]", "sub", "an operand that does not depend on them is added"),
        ("%p = compare gt %t, %r : bool[2]\n  %y = select %p, %t, %t : f64[2]", "select", "the predicate depends"),
        ("%p = compare gt %r, %r : bool[2]\n  %y = select %p, %t, %r : f64[2]", "select", "is added"),
        ("%z = mul %t, %r : f64[2]\n  %y = sin %r : f64[2]", "return", "does not depend on them and is not a constant"),
        ("%y = convert %t : i32[2]", "return", "a result is of type i32[2]"),
        ("%m = max %t, %t : f64[2]\n  %y = mul %m, %r : f64[2]", "max", "the operation is not linear"),
    ] {
        let ty = if body.contains("i32") { "i32[2]" } else { "f64[2]" };
        let module = load(&format!("func @f(%r: f64[2], %t: f64[2]) -> {ty} {{\n  {body}\n  return %y\n}}\n"));
        let error = transpose(&module, find(&module, "f"), 1).unwrap_err();
        let Error::NotLinear { op: found, message, .. } = &error else { panic!("{error}") };
        assert_eq!(*found, op, "{error}");
        assert!(message.contains(why), "{error}");
    }
    let module = load(TEXT);
    let error = transpose(&module, find(&module, "f"), 4).unwrap_err();
    assert_eq!(error.to_string(), "@f: the first 4 parameters are to be residuals, but it has 3");
    assert!(matches!(transpose(&module, find(&module, "f"), 1), Err(Error::NotFloat { .. })));
}

#[test]
fn linear_programs_written_by_hand_transpose() {
    let module = load(
        "func @f(%r: f64[2], %a_t: f64[2], %b_t: f64[2]) -> (f64, f64[2]) {
  %c = cos %r : f64[2]
  %u = mul %c, %a_t : f64[2]
  %v = sub %u, %b_t : f64[2]
  %s_t = reduce add %v, axes=[0] : f64
  %zero = constant 0.0 : f64[2]
  return %s_t, %zero
}
",
    );
    let transposed = transpose(&module, find(&module, "f"), 1).unwrap();
    let names: Vec<&str> = transposed.params().iter().map(|&p| &**transposed.value_name(p).unwrap()).collect();
    assert_eq!(names, ["r", "s_ct", "zero_ct"]);
    let results: Vec<&str> = transposed.results().iter().map(|&r| &**transposed.value_name(r).unwrap()).collect();
    assert_eq!(results, ["a_ct", "b_ct"]);
}
