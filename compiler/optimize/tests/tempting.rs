//! Rewrites that are tempting and wrong: they do not happen, and an operand shows why.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{assert_same, function};
use pullback_interp::{Array, evaluate};
use pullback_ir::{DType, Scalar, Shape, Type};
use pullback_optimize::passes::simplify_algebra::simplify;

/// A program, what one might make of it, and arguments for which the two differ.
type Case = (&'static str, &'static str, &'static [f64]);

const CASES: &[Case] = &[
    // x + 0 = x
    (
        "(%x: f32) -> f32 { %c = constant 0.0 : f32 %y = add %x, %c : f32 return %y }",
        "(%x: f32) -> f32 { return %x }",
        &[-0.0],
    ),
    // x - (-0) = x
    (
        "(%x: f32) -> f32 { %c = constant -0.0 : f32 %y = sub %x, %c : f32 return %y }",
        "(%x: f32) -> f32 { return %x }",
        &[-0.0],
    ),
    // max(x, y) is never -0 if x is not: y may be -0 and the larger
    (
        "(%x: f32, %y: f32) -> f32 { %z = constant 0.0 : f32 %a = add %x, %z : f32 %m = max %a, %y : f32 %r = add %m, %z : f32 return %r }",
        "(%x: f32, %y: f32) -> f32 { %z = constant 0.0 : f32 %a = add %x, %z : f32 %m = max %a, %y : f32 return %m }",
        &[-1.0, -0.0],
    ),
    // 0 - x = -x
    (
        "(%x: f32) -> f32 { %c = constant 0.0 : f32 %y = sub %c, %x : f32 return %y }",
        "(%x: f32) -> f32 { %y = neg %x : f32 return %y }",
        &[0.0],
    ),
    // x 0 = 0
    (
        "(%x: f32) -> f32 { %c = constant 0.0 : f32 %y = mul %x, %c : f32 return %y }",
        "(%x: f32) -> f32 { %c = constant 0.0 : f32 return %c }",
        &[f64::INFINITY],
    ),
    // x - x = 0
    (
        "(%x: f32) -> f32 { %y = sub %x, %x : f32 return %y }",
        "(%x: f32) -> f32 { %y = constant 0.0 : f32 return %y }",
        &[f64::NAN],
    ),
    // x / x = 1
    (
        "(%x: f32) -> f32 { %y = div %x, %x : f32 return %y }",
        "(%x: f32) -> f32 { %y = constant 1.0 : f32 return %y }",
        &[0.0],
    ),
    // -(x - y) = y - x
    (
        "(%x: f32, %y: f32) -> f32 { %a = sub %x, %y : f32 %b = neg %a : f32 return %b }",
        "(%x: f32, %y: f32) -> f32 { %b = sub %y, %x : f32 return %b }",
        &[1.0, 1.0],
    ),
    // x / 3 = x (1/3)
    (
        "(%x: f32) -> f32 { %c = constant 3.0 : f32 %y = div %x, %c : f32 return %y }",
        "(%x: f32) -> f32 { %c = constant 0.33333334 : f32 %y = mul %x, %c : f32 return %y }",
        &[5.0],
    ),
    // x / 2^-149 = x 2^149: the reciprocal overflows
    (
        "(%x: f32) -> f32 { %c = constant 1e-45 : f32 %y = div %x, %c : f32 return %y }",
        "(%x: f32) -> f32 { %c = constant inf : f32 %y = mul %x, %c : f32 return %y }",
        &[0.0],
    ),
    // pow(x, 0.5) = sqrt(x)
    (
        "(%x: f64) -> f64 { %c = constant 0.5 : f64 %y = pow %x, %c : f64 return %y }",
        "(%x: f64) -> f64 { %y = sqrt %x : f64 return %y }",
        &[f64::NEG_INFINITY],
    ),
    // not (x < y) = x >= y
    (
        "(%x: f32, %y: f32) -> bool { %a = compare lt %x, %y : bool %b = not %a : bool return %b }",
        "(%x: f32, %y: f32) -> bool { %b = compare ge %x, %y : bool return %b }",
        &[f64::NAN, 0.0],
    ),
    // x == x
    (
        "(%x: f32) -> bool { %a = compare eq %x, %x : bool return %a }",
        "(%x: f32) -> bool { %a = constant true : bool return %a }",
        &[f64::NAN],
    ),
    // (x + a) + b = x + (a + b)
    (
        "(%x: f32) -> f32 { %a = constant 1e38 : f32 %b = add %x, %a : f32 %n = constant -1e38 : f32 %c = add %b, %n : f32 return %c }",
        "(%x: f32) -> f32 { return %x }",
        &[1.0],
    ),
    // (x a) b = x (a b)
    (
        "(%x: f32) -> f32 { %a = constant 1e30 : f32 %b = mul %x, %a : f32 %n = constant 1e-30 : f32 %c = mul %b, %n : f32 return %c }",
        "(%x: f32) -> f32 { return %x }",
        &[1e30],
    ),
    // exp(log(x)) = x
    ("(%x: f32) -> f32 { %a = log %x : f32 %b = exp %a : f32 return %b }", "(%x: f32) -> f32 { return %x }", &[-1.0]),
    // max(x, the greatest negative number) = x
    (
        "(%x: f32) -> f32 { %c = constant -3e38 : f32 %y = max %x, %c : f32 return %y }",
        "(%x: f32) -> f32 { return %x }",
        &[f64::NEG_INFINITY],
    ),
    // |-x| = |x| for unsigned integers
    (
        "(%x: u8) -> u8 { %a = neg %x : u8 %b = abs %a : u8 return %b }",
        "(%x: u8) -> u8 { %b = abs %x : u8 return %b }",
        &[1.0],
    ),
    // x / -1 = -x for unsigned integers
    (
        "(%x: u8) -> u8 { %c = constant 255 : u8 %b = div %x, %c : u8 return %b }",
        "(%x: u8) -> u8 { %b = neg %x : u8 return %b }",
        &[1.0],
    ),
    // (-x) / (-y) = x / y for integers
    (
        "(%x: i32, %y: i32) -> i32 { %a = neg %x : i32 %b = neg %y : i32 %z = div %a, %b : i32 return %z }",
        "(%x: i32, %y: i32) -> i32 { %z = div %x, %y : i32 return %z }",
        &[-2_147_483_648.0, 2.0],
    ),
    // i32 -> f64 -> u8 = i32 -> u8: floats saturate, integers wrap
    (
        "(%x: i32) -> u8 { %a = convert %x : f64 %b = convert %a : u8 return %b }",
        "(%x: i32) -> u8 { %b = convert %x : u8 return %b }",
        &[300.0],
    ),
    // f64 -> f32 -> f64 = f64: the way back does not restore what rounding took
    (
        "(%x: f64) -> f64 { %a = convert %x : f32 %b = convert %a : f64 return %b }",
        "(%x: f64) -> f64 { return %x }",
        &[0.1],
    ),
];

fn scalar_array(ty: &Type, x: f64) -> Array {
    let value = Scalar::from_f64(ty.dtype, x);
    Array { shape: Shape::scalar(), elements: pullback_ir::Elements::splat(value, 1) }
}

#[test]
fn tempting_rewrites_do_not_happen() {
    for &(program, _, _) in CASES {
        let (module, id) = function(program);
        let simplified = simplify(&module, module.function(id)).unwrap();
        assert_same(program, &simplified.function, &module, id);
    }
}

#[test]
fn tempting_rewrites_are_wrong() {
    for &(program, tempting, operands) in CASES {
        let (module, id) = function(program);
        let (other, other_id) = function(tempting);
        let inputs: Vec<Array> =
            module.function(id).param_types().zip(operands).map(|(ty, &x)| scalar_array(ty, x)).collect();
        let right = evaluate(&module, id, &inputs).unwrap();
        let wrong = evaluate(&other, other_id, &inputs).unwrap();
        assert_ne!(right, wrong, "{program}");
    }
}

#[test]
fn slices_that_do_not_follow_each_other_in_memory_are_not_one() {
    for program in [
        // In the other order.
        "(%x: f32[2]) -> f32[2] { %a = slice %x, start=[1], limit=[2] : f32[1] %b = slice %x, start=[0], limit=[1] : f32[1] %y = concatenate %a, %b, axis=0 : f32[2] return %y }",
        // With something left out between them.
        "(%x: f32[3]) -> f32[2] { %a = slice %x, start=[0], limit=[1] : f32[1] %b = slice %x, start=[2], limit=[3] : f32[1] %y = concatenate %a, %b, axis=0 : f32[2] return %y }",
        // Columns, one below the other.
        "(%x: f32[2,2]) -> f32[4,1] { %a = slice %x, start=[0,0], limit=[2,1] : f32[2,1] %b = slice %x, start=[0,1], limit=[2,2] : f32[2,1] %y = concatenate %a, %b, axis=0 : f32[4,1] return %y }",
        // Every other element.
        "(%x: f32[8]) -> f32[4] { %a = slice %x, start=[0], limit=[4], stride=[2] : f32[2] %b = slice %x, start=[4], limit=[8], stride=[2] : f32[2] %y = concatenate %a, %b, axis=0 : f32[4] return %y }",
        // Rows that begin and end within rows of what they are of.
        "(%x: f32[3,4]) -> f32[2,4] { %v = reshape %x : f32[12] %a = slice %v, start=[2], limit=[6] : f32[4] %b = slice %v, start=[6], limit=[10] : f32[4] %c = reshape %a : f32[1,4] %d = reshape %b : f32[1,4] %y = concatenate %c, %d, axis=0 : f32[2,4] return %y }",
    ] {
        let (module, id) = function(program);
        let simplified = simplify(&module, module.function(id)).unwrap();
        assert_same(program, &simplified.function, &module, id);
    }
}

#[test]
fn sums_of_an_odd_number_of_equal_floats_stay_sums() {
    let program =
        "(%x: f32) -> f32 { %a = broadcast %x, dims=[] : f32[3] %b = reduce add %a, axes=[0] : f32 return %b }";
    let (module, id) = function(program);
    let simplified = simplify(&module, module.function(id)).unwrap();
    assert_same(program, &simplified.function, &module, id);
    assert_eq!(module.function(id).param_types().next().map(|ty| ty.dtype), Some(DType::F32));
}

#[test]
fn views_that_read_more_than_one_part_stay() {
    let cases = [
        // A slice across two operands of a concatenation.
        "(%x: f32[3], %y: f32[3]) -> f32[2] { %a = concatenate %x, %y, axis=0 : f32[6] %b = slice %a, start=[2], limit=[4] : f32[2] return %b }",
        // A slice that takes padding.
        "(%x: f32[3], %v: f32) -> f32[2] { %a = pad %x, %v, low=[1], high=[0] : f32[4] %b = slice %a, start=[0], limit=[2] : f32[2] return %b }",
        // A slice between spread elements.
        "(%x: f32[3], %v: f32) -> f32[2] { %a = pad %x, %v, low=[0], high=[0], interior=[1] : f32[5] %b = slice %a, start=[1], limit=[3] : f32[2] return %b }",
        // Adding what was removed.
        "(%x: f32[3], %v: f32) -> f32[3] { %a = pad %x, %v, low=[1], high=[-1] : f32[3] %b = pad %a, %v, low=[-1], high=[1] : f32[3] return %b }",
        // Free axes of a dot that change their order.
        "(%x: f32[2,3,4], %y: f32[4]) -> f32[3,2] { %a = transpose %x, perm=[1,0,2] : f32[3,2,4] %b = dot %a, %y, contract=[2]x[0] : f32[3,2] return %b }",
        // A transpose of a dot that mixes free axes of the two operands.
        "(%x: f32[2,3,4], %y: f32[4,5]) -> f32[3,2,5] { %a = dot %x, %y, contract=[2]x[0] : f32[2,3,5] %b = transpose %a, perm=[1,0,2] : f32[3,2,5] return %b }",
        // An axis of extent 1 that is padding alone.
        "(%x: f32[1,3], %v: f32) -> f32[4] { %a = pad %x, %v, low=[1,1], high=[-1,0] : f32[1,4] %b = reshape %a : f32[4] return %b }",
        // A reshape that is more than axes of extent 1.
        "(%x: f32[6]) -> f32[5,2,3] { %a = reshape %x : f32[2,3] %b = broadcast %a, dims=[1,2] : f32[5,2,3] return %b }",
    ];
    for program in cases {
        let (module, id) = function(program);
        let simplified = simplify(&module, module.function(id)).unwrap();
        assert_same(program, &simplified.function, &module, id);
    }
}

#[test]
fn work_is_not_done_twice_to_save_a_view() {
    let cases = [
        // The product is needed as it is, too.
        "(%x: f32[2,3], %y: f32[3,4]) -> (f32[2,4], f32[4,2]) { %a = dot %x, %y, contract=[1]x[0] : f32[2,4] %b = transpose %a, perm=[1,0] : f32[4,2] return %a, %b }",
        // The pad is needed as it is, too.
        "(%x: f32[2,3], %v: f32) -> (f32[2,5], f32[5,2]) { %a = pad %x, %v, low=[0,2], high=[0,0] : f32[2,5] %b = transpose %a, perm=[1,0] : f32[5,2] return %a, %b }",
        // The product with a negated factor too.
        "(%x: f32, %y: f32, %z: f32) -> (f32, f32) { %n = neg %x : f32 %p = mul %n, %y : f32 %s = add %z, %p : f32 return %p, %s }",
        // Likewise the sum over some axes.
        "(%x: f32[2,3]) -> (f32[3], f32) { %a = reduce add %x, axes=[0] : f32[3] %b = reduce add %a, axes=[0] : f32 return %a, %b }",
    ];
    for program in cases {
        let (module, id) = function(program);
        let simplified = simplify(&module, module.function(id)).unwrap();
        assert_same(program, &simplified.function, &module, id);
    }
}
