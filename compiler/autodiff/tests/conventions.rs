//! The derivative conventions, each at its point, as the crate's documentation states them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{add, array, find, floats, load, run};
use pullback_autodiff::{jvp, vjp};
use pullback_interp::Array;
use pullback_ir::{DType, Elements, Type};

/// The cotangents of the floating-point parameters of `func @f({params}) -> {ty}`, which returns `%z`, for cotangents
/// `g` of the result. Every parameter is a vector of `f64` as long as given.
fn cotangents_for(params: &[(&str, &[f64])], body: &str, ty: &str, g: &[f64]) -> Vec<Vec<f64>> {
    let declared: Vec<String> = params.iter().map(|(name, x)| format!("%{name}: f64[{}]", x.len())).collect();
    let text = format!("func @f({}) -> {ty} {{\n  {body} : {ty}\n  return %z\n}}\n", declared.join(", "));
    let module = load(&text);
    let id = find(&module, "f");
    let mut inputs: Vec<Array> = params.iter().map(|(_, x)| Array::from_slice(&[x.len()], x).unwrap()).collect();
    let result = module.function(id).result_types().next().unwrap().clone();
    inputs.push(array(&result, g));
    let (module, reverse) = add(&module, vjp(&module, id, &floats(module.function(id))).unwrap());
    run(&module, reverse, &inputs)[1..].iter().map(Array::to_f64).collect()
}

/// As [`cotangents_for`], for an elementwise operation on scalars and the cotangent 1.
fn derivatives(op: &str, x: &[f64]) -> Vec<f64> {
    let names = ["a", "b", "c"];
    let operands: Vec<[f64; 1]> = x.iter().map(|&x| [x]).collect();
    let params: Vec<(&str, &[f64])> = names.into_iter().zip(operands.iter().map(|x| &x[..])).collect();
    let args: Vec<String> = params.iter().map(|(name, _)| format!("%{name}")).collect();
    let body = format!("%z = {op} {}", args.join(", "));
    cotangents_for(&params, &body, "f64[1]", &[1.0]).into_iter().map(|ct| ct[0]).collect()
}

#[test]
fn abs_has_derivative_0_at_0() {
    assert_eq!(derivatives("abs", &[0.0]), [0.0]);
    assert_eq!(derivatives("abs", &[-0.0]), [0.0]);
}

#[test]
fn steps_have_derivative_0_also_at_jumps() {
    for op in ["sign", "floor", "ceil", "round_half_even"] {
        for x in [0.0, 0.5, 1.0] {
            assert_eq!(derivatives(op, &[x]), [0.0], "{op} at {x}");
        }
    }
}

#[test]
fn roots_and_logarithms_are_infinite_at_their_ends() {
    for (op, x, expected) in [
        ("sqrt", 0.0, f64::INFINITY),
        ("cbrt", 0.0, f64::INFINITY),
        ("rsqrt", 0.0, f64::NEG_INFINITY),
        ("log", 0.0, f64::INFINITY),
        ("log2", 0.0, f64::INFINITY),
        ("log1p", -1.0, f64::INFINITY),
        ("asin", 1.0, f64::INFINITY),
        ("asin", -1.0, f64::INFINITY),
        ("acos", 1.0, f64::NEG_INFINITY),
    ] {
        assert_eq!(derivatives(op, &[x]), [expected], "{op} at {x}");
    }
}

#[test]
fn arc_sine_keeps_its_accuracy_near_1() {
    let d: f64 = 1e-12;
    let expected = 1.0 / (d * (2.0 - d)).sqrt();
    // 1 - d is rounded to 2^-53, one part in 10^4 of d.
    let found = derivatives("asin", &[1.0 - d])[0];
    let exact_d = 1.0 - (1.0 - d);
    assert!((found - expected).abs() < 1e-3 * expected);
    assert!((found - 1.0 / (exact_d * (2.0 - exact_d)).sqrt()).abs() < 1e-14 * expected);
}

#[test]
fn ties_of_max_and_min_are_shared_equally() {
    for op in ["max", "min"] {
        assert_eq!(derivatives(op, &[2.0, 2.0]), [0.5, 0.5]);
        assert_eq!(derivatives(op, &[0.0, -0.0]), [0.5, 0.5]);
    }
    assert_eq!(derivatives("max", &[3.0, 2.0]), [1.0, 0.0]);
    assert_eq!(derivatives("min", &[3.0, 2.0]), [0.0, 1.0]);
}

#[test]
fn ties_of_reductions_are_shared_equally() {
    let ct = cotangents_for(&[("x", &[1.0, 3.0, 3.0, 2.0, 3.0])], "%z = reduce max %x, axes=[0]", "f64", &[6.0]);
    assert_eq!(ct, [[0.0, 2.0, 2.0, 0.0, 2.0]]);
    let ct = cotangents_for(&[("x", &[1.0, 3.0, 1.0])], "%z = reduce min %x, axes=[0]", "f64", &[6.0]);
    assert_eq!(ct, [[3.0, 0.0, 3.0]]);
}

#[test]
fn clamp_gives_to_x_at_the_limits_and_to_the_limit_beyond() {
    assert_eq!(derivatives("clamp", &[-1.0, 0.0, 1.0]), [0.0, 1.0, 0.0]);
    assert_eq!(derivatives("clamp", &[-1.0, -1.0, 1.0]), [0.0, 1.0, 0.0]);
    assert_eq!(derivatives("clamp", &[-1.0, 1.0, 1.0]), [0.0, 1.0, 0.0]);
    assert_eq!(derivatives("clamp", &[-1.0, -2.0, 1.0]), [1.0, 0.0, 0.0]);
    assert_eq!(derivatives("clamp", &[-1.0, 2.0, 1.0]), [0.0, 0.0, 1.0]);
    for x in [-2.0, -1.0, 0.0, 1.0, 2.0] {
        assert_eq!(derivatives("clamp", &[1.0, x, -1.0]), [0.0, 0.0, 1.0], "crossed limits, x = {x}");
    }
}

#[test]
fn powers_at_their_corners() {
    // y = 0: the power is 1 everywhere.
    assert_eq!(derivatives("pow", &[0.0, 0.0])[0], 0.0);
    assert_eq!(derivatives("pow", &[1e-310, 0.0])[0], 0.0);
    assert_eq!(derivatives("pow", &[2.0, 0.0]), [0.0, 2f64.ln()]);
    // x = 0 and y > 0: for y the limit, 0, though log(0) is infinite.
    assert_eq!(derivatives("pow", &[0.0, 2.0]), [0.0, 0.0]);
    assert_eq!(derivatives("pow", &[0.0, 1.0]), [1.0, 0.0]);
    assert_eq!(derivatives("pow", &[0.0, 0.5]), [f64::INFINITY, 0.0]);
    // x = 0 and y <= 0: for y what the formula gives.
    assert_eq!(derivatives("pow", &[0.0, 0.0])[1], f64::NEG_INFINITY);
    assert_eq!(derivatives("pow", &[0.0, -1.0])[1], f64::NEG_INFINITY);
    // A negative base: for x as the integral power has it.
    let [x, y] = derivatives("pow", &[-2.0, 3.0])[..] else { panic!("two derivatives") };
    assert_eq!(x, 12.0);
    assert!(y.is_nan());
    // The guards do not disturb the mixed second derivative at y = 0, which is 1 / x.
    let module = load("func @f(%x: f64, %y: f64) -> f64 {\n  %z = pow %x, %y : f64\n  return %z\n}\n");
    let (module, first) = add(&module, pullback_autodiff::grad(&module, find(&module, "f"), &[0]).unwrap());
    let (module, second) = add(&module, pullback_autodiff::grad(&module, first, &[1]).unwrap());
    let found = run(&module, second, &[Array::scalar(4.0), Array::scalar(0.0)]);
    assert_eq!(found[0].to_f64(), [0.25]);
}

#[test]
fn powers_with_a_constant_exponent_at_0() {
    for (exponent, expected) in [("0.0", 0.0), ("1.0", 1.0), ("2.0", 0.0), ("3.0", 0.0), ("4.0", 0.0)] {
        let text = format!(
            "func @f(%x: f64) -> f64 {{\n  %c = constant {exponent} : f64\n  %z = pow %x, %c : f64\n  return %z\n}}\n"
        );
        let module = load(&text);
        let (module, grad) = add(&module, pullback_autodiff::grad(&module, find(&module, "f"), &[0]).unwrap());
        assert_eq!(run(&module, grad, &[Array::scalar(0.0)])[0].to_f64(), [expected], "exponent {exponent}");
    }
}

#[test]
fn remainders_use_the_truncated_quotient() {
    assert_eq!(derivatives("rem", &[7.0, 2.0]), [1.0, -3.0]);
    assert_eq!(derivatives("rem", &[-7.0, 2.0]), [1.0, 3.0]);
    assert_eq!(derivatives("rem", &[6.0, 2.0]), [1.0, -3.0]);
    assert_eq!(derivatives("rem", &[1.0, 3.0]), [1.0, 0.0]);
    // 1 / 0.1 is above 9 by the remainder: the quotient is 9, though the division rounds to 10.
    assert_eq!(derivatives("rem", &[1.0, 0.1]), [1.0, -9.0]);
}

#[test]
fn atan2_keeps_its_derivative_where_squares_leave_the_range_of_the_type() {
    // 1 / (2 x) and -1 / (2 x) on the diagonal; 1 / x far from it.
    for scale in [1e-300, 1e-200, 1e200, 1e307] {
        let half = 0.5 / scale;
        let [x, y] = derivatives("atan2", &[scale, scale])[..] else { panic!("two derivatives") };
        assert!((x / half - 1.0).abs() < 1e-15 && (y / half + 1.0).abs() < 1e-15, "{scale}: {x} {y}");
        let [x, y] = derivatives("atan2", &[0.0, scale])[..] else { panic!("two derivatives") };
        assert_eq!((x, y), (1.0 / scale, 0.0), "{scale}");
        let [x, y] = derivatives("atan2", &[-scale, 0.0])[..] else { panic!("two derivatives") };
        assert_eq!((x, y), (0.0, 1.0 / scale), "{scale}");
    }
    assert_eq!(derivatives("atan2", &[f64::INFINITY, 2.0]), [0.0, 0.0]);
}

#[test]
fn atan2_at_the_origin_is_nan() {
    assert!(derivatives("atan2", &[0.0, 0.0]).iter().all(|d| d.is_nan()));
    assert_eq!(derivatives("atan2", &[0.0, 2.0]), [0.5, 0.0]);
}

#[test]
fn products_with_zeros_are_exact() {
    let x = [2.0, 0.0, 3.0, 5.0, 7.0];
    let ct = cotangents_for(&[("x", &x)], "%z = reduce mul %x, axes=[0]", "f64", &[1.0]);
    assert_eq!(ct, [[0.0, 210.0, 0.0, 0.0, 0.0]]);
    let ct = cotangents_for(&[("x", &[2.0, 0.0, 0.0])], "%z = reduce mul %x, axes=[0]", "f64", &[1.0]);
    assert_eq!(ct, [[0.0; 3]]);
}

#[test]
fn reductions_of_nothing_have_derivative_0_in_both_modes() {
    let module = load(
        "func @f(%x: f64[2,0]) -> f64[2] {\n  %m = reduce max %x, axes=[1] : f64[2]\n  \
         %p = reduce mul %x, axes=[1] : f64[2]\n  %z = add %m, %p : f64[2]\n  return %z\n}\n",
    );
    let (module, forward) = add(&module, jvp(&module, find(&module, "f"), &[0]).unwrap());
    let empty = array(&Type::new(DType::F64, &[2, 0]).unwrap(), &[]);
    assert_eq!(run(&module, forward, &[empty.clone(), empty])[1].to_f64(), [0.0, 0.0]);
}

#[test]
fn infinite_cotangents_do_not_leak_into_what_was_not_selected() {
    let g = [f64::INFINITY, f64::NAN];
    for (op, x, y) in [("max", [1.0, 1.0], [2.0, 2.0]), ("min", [2.0, 2.0], [1.0, 1.0])] {
        let ct = cotangents_for(&[("x", &x), ("y", &y)], &format!("%z = {op} %x, %y"), "f64[2]", &g);
        assert_eq!(ct[0], [0.0, 0.0], "{op}");
    }
    let x = [-9.0, 9.0];
    let ct =
        cotangents_for(&[("l", &[-1.0, -1.0]), ("x", &x), ("h", &[1.0, 1.0])], "%z = clamp %l, %x, %h", "f64[2]", &g);
    assert_eq!(ct[1], [0.0, 0.0]);
    let ct = cotangents_for(&[("x", &[1.0, 2.0])], "%z = reduce max %x, axes=[0]", "f64", &[f64::INFINITY]);
    assert_eq!(ct, [[0.0, f64::INFINITY]]);
    let text = "func @f(%p: bool[2], %x: f64[2], %y: f64[2]) -> f64[2] {\n  \
                %z = select %p, %x, %y : f64[2]\n  return %z\n}\n";
    let module = load(text);
    let (module, reverse) = add(&module, vjp(&module, find(&module, "f"), &[1, 2]).unwrap());
    let pred = Array::new(pullback_ir::Shape::new(&[2]).unwrap(), Elements::Bool(vec![true, false])).unwrap();
    let [x, g] = [[1.0, 2.0], g].map(|x| Array::from_slice(&[2], &x).unwrap());
    let results = run(&module, reverse, &[pred, x.clone(), x, g]);
    assert_eq!(results[1].to_f64()[1], 0.0);
    assert_eq!(results[2].to_f64()[0], 0.0);
}

#[test]
fn padding_values_get_only_what_lies_outside() {
    // Around and between: v x v v y; the inside holds infinities that a difference of sums would turn to NaN.
    let text = "func @f(%x: f64[2], %v: f64) -> f64[5] {\n  \
                %z = pad %x, %v, low=[1], high=[0], interior=[2] : f64[5]\n  return %z\n}\n";
    let module = load(text);
    let (module, reverse) = add(&module, vjp(&module, find(&module, "f"), &[0, 1]).unwrap());
    let x = Array::from_slice(&[2], &[0.0, 0.0]).unwrap();
    let g = Array::from_slice(&[5], &[1.0, f64::INFINITY, 10.0, 100.0, f64::INFINITY]).unwrap();
    let results = run(&module, reverse, &[x, Array::scalar(0.0), g]);
    assert_eq!(results[2].to_f64(), [111.0]);
    assert_eq!(results[1].to_f64(), [f64::INFINITY; 2]);
}
