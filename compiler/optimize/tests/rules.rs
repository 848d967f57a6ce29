//! Every rule of algebra on a program made for it: it applies, gives the expected program and keeps the values.
//!
//! Long because it is a table of cases, in the order of the tables of rules.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::collections::BTreeSet;

use common::{Compare, assert_agree, assert_agree_on, assert_same, function, live, with};
use pullback_ir::{Binary, DType, Unary};
use pullback_optimize::passes::simplify_algebra::simplify;
use pullback_optimize::rewriter::RewriteStop;
use pullback_optimize::rules;

/// A rule, how exactly it keeps values, a program before and after it.
type Case = (&'static str, Compare, &'static str, &'static str);

use Compare::{ButForZeroSigns, Exactly, OnWholeNumbers};

const ARITHMETIC: &[Case] = &[
    (
        "constant_to_right",
        Exactly,
        "(%x: f32[2]) -> f32[2] { %c = constant 3.0 : f32[2] %y = mul %c, %x : f32[2] return %y }",
        "(%x: f32[2]) -> f32[2] { %c = constant 3.0 : f32[2] %y = mul %x, %c : f32[2] return %y }",
    ),
    (
        "neg_of_neg",
        Exactly,
        "(%x: f32[2]) -> f32[2] { %a = neg %x : f32[2] %b = neg %a : f32[2] return %b }",
        "(%x: f32[2]) -> f32[2] { return %x }",
    ),
    (
        "neg_of_scaled",
        Exactly,
        "(%x: f32) -> f32 { %c = constant 3.0 : f32 %a = mul %x, %c : f32 %b = neg %a : f32 return %b }",
        "(%x: f32) -> f32 { %c = constant -3.0 : f32 %b = mul %x, %c : f32 return %b }",
    ),
    (
        "neg_of_difference",
        Exactly,
        "(%x: i32, %y: i32) -> i32 { %a = sub %x, %y : i32 %b = neg %a : i32 return %b }",
        "(%x: i32, %y: i32) -> i32 { %b = sub %y, %x : i32 return %b }",
    ),
    (
        "abs_of_neg",
        Exactly,
        "(%x: i64) -> i64 { %a = neg %x : i64 %b = abs %a : i64 return %b }",
        "(%x: i64) -> i64 { %b = abs %x : i64 return %b }",
    ),
    (
        "abs_of_abs",
        Exactly,
        "(%x: f64) -> f64 { %a = abs %x : f64 %b = abs %a : f64 return %b }",
        "(%x: f64) -> f64 { %a = abs %x : f64 return %a }",
    ),
    (
        "idempotent",
        Exactly,
        "(%x: f64) -> f64 { %a = round_half_even %x : f64 %b = round_half_even %a : f64 return %b }",
        "(%x: f64) -> f64 { %a = round_half_even %x : f64 return %a }",
    ),
    (
        "add_zero",
        Exactly,
        "(%x: f32) -> f32 { %z = constant -0.0 : f32 %y = add %x, %z : f32 return %y }",
        "(%x: f32) -> f32 { return %x }",
    ),
    (
        "add_zero",
        Exactly,
        "(%x: i32) -> i32 { %z = constant 0 : i32 %y = add %z, %x : i32 return %y }",
        "(%x: i32) -> i32 { return %x }",
    ),
    (
        "add_zero",
        Exactly,
        "(%x: f32) -> f32 { %z = constant 0.0 : f32 %a = exp %x : f32 %y = add %a, %z : f32 return %y }",
        "(%x: f32) -> f32 { %a = exp %x : f32 return %a }",
    ),
    (
        "add_zero",
        Exactly,
        "(%x: f32) -> f32 { %z = constant 0.0 : f32 %a = max %x, %z : f32 %y = add %a, %z : f32 return %y }",
        "(%x: f32) -> f32 { %z = constant 0.0 : f32 %a = max %x, %z : f32 return %a }",
    ),
    (
        "add_zero",
        Exactly,
        "(%x: f32) -> f32 { %z = constant 0.0 : f32 %a = add %x, %z : f32 %y = add %a, %z : f32 return %y }",
        "(%x: f32) -> f32 { %z = constant 0.0 : f32 %a = add %x, %z : f32 return %a }",
    ),
    (
        "add_neg",
        Exactly,
        "(%x: f32, %y: f32) -> f32 { %n = neg %y : f32 %z = add %x, %n : f32 return %z }",
        "(%x: f32, %y: f32) -> f32 { %z = sub %x, %y : f32 return %z }",
    ),
    (
        "add_neg",
        Exactly,
        "(%x: f64, %y: f64) -> f64 { %n = neg %x : f64 %z = add %n, %y : f64 return %z }",
        "(%x: f64, %y: f64) -> f64 { %z = sub %y, %x : f64 return %z }",
    ),
    (
        "add_constants",
        Exactly,
        "(%x: u8) -> u8 { %c = constant 200 : u8 %a = add %x, %c : u8 %b = add %a, %c : u8 return %b }",
        "(%x: u8) -> u8 { %c = constant 144 : u8 %b = add %x, %c : u8 return %b }",
    ),
    (
        "sub_zero",
        Exactly,
        "(%x: f32) -> f32 { %z = constant 0.0 : f32 %y = sub %x, %z : f32 return %y }",
        "(%x: f32) -> f32 { return %x }",
    ),
    (
        "sub_neg",
        Exactly,
        "(%x: f32, %y: f32) -> f32 { %n = neg %y : f32 %z = sub %x, %n : f32 return %z }",
        "(%x: f32, %y: f32) -> f32 { %z = add %x, %y : f32 return %z }",
    ),
    (
        "sub_from_zero",
        Exactly,
        "(%x: f32) -> f32 { %z = constant -0.0 : f32 %y = sub %z, %x : f32 return %y }",
        "(%x: f32) -> f32 { %y = neg %x : f32 return %y }",
    ),
    (
        "sub_from_zero",
        Exactly,
        "(%x: i64) -> i64 { %z = constant 0 : i64 %y = sub %z, %x : i64 return %y }",
        "(%x: i64) -> i64 { %y = neg %x : i64 return %y }",
    ),
    (
        "sub_self",
        Exactly,
        "(%x: i64[3]) -> i64[3] { %y = sub %x, %x : i64[3] return %y }",
        "(%x: i64[3]) -> i64[3] { %y = constant 0 : i64[3] return %y }",
    ),
    (
        "mul_one",
        Exactly,
        "(%x: f32) -> f32 { %c = constant 1.0 : f32 %y = mul %c, %x : f32 return %y }",
        "(%x: f32) -> f32 { return %x }",
    ),
    (
        "mul_minus_one",
        Exactly,
        "(%x: f32) -> f32 { %c = constant -1.0 : f32 %y = mul %x, %c : f32 return %y }",
        "(%x: f32) -> f32 { %y = neg %x : f32 return %y }",
    ),
    (
        "mul_minus_one",
        Exactly,
        "(%x: u8) -> u8 { %c = constant 255 : u8 %y = mul %x, %c : u8 return %y }",
        "(%x: u8) -> u8 { %y = neg %x : u8 return %y }",
    ),
    (
        "mul_zero",
        Exactly,
        "(%x: i32) -> i32 { %c = constant 0 : i32 %y = mul %x, %c : i32 return %y }",
        "(%x: i32) -> i32 { %c = constant 0 : i32 return %c }",
    ),
    (
        "mul_negs",
        Exactly,
        "(%x: f32, %y: f32) -> f32 { %a = neg %x : f32 %b = neg %y : f32 %z = mul %a, %b : f32 return %z }",
        "(%x: f32, %y: f32) -> f32 { %z = mul %x, %y : f32 return %z }",
    ),
    (
        "mul_neg_constant",
        Exactly,
        "(%x: f32) -> f32 { %c = constant 0.1 : f32 %a = neg %x : f32 %z = mul %a, %c : f32 return %z }",
        "(%x: f32) -> f32 { %c = constant -0.1 : f32 %z = mul %x, %c : f32 return %z }",
    ),
    (
        "mul_constants",
        Exactly,
        "(%x: i32) -> i32 { %c = constant 65536 : i32 %a = mul %x, %c : i32 %b = mul %a, %c : i32 return %b }",
        "(%x: i32) -> i32 { %z = constant 0 : i32 return %z }",
    ),
    (
        "div_one",
        Exactly,
        "(%x: f32) -> f32 { %c = constant 1.0 : f32 %y = div %x, %c : f32 return %y }",
        "(%x: f32) -> f32 { return %x }",
    ),
    (
        "div_minus_one",
        Exactly,
        "(%x: i32) -> i32 { %c = constant -1 : i32 %y = div %x, %c : i32 return %y }",
        "(%x: i32) -> i32 { %y = neg %x : i32 return %y }",
    ),
    (
        "div_negs",
        Exactly,
        "(%x: f32, %y: f32) -> f32 { %a = neg %x : f32 %b = neg %y : f32 %z = div %a, %b : f32 return %z }",
        "(%x: f32, %y: f32) -> f32 { %z = div %x, %y : f32 return %z }",
    ),
    (
        "div_power_of_two",
        Exactly,
        "(%x: f32) -> f32 { %c = constant -8.0 : f32 %y = div %x, %c : f32 return %y }",
        "(%x: f32) -> f32 { %c = constant -0.125 : f32 %y = mul %x, %c : f32 return %y }",
    ),
    (
        "rem_one",
        Exactly,
        "(%x: i64) -> i64 { %c = constant -1 : i64 %y = rem %x, %c : i64 return %y }",
        "(%x: i64) -> i64 { %y = constant 0 : i64 return %y }",
    ),
    (
        "pow_zero",
        Exactly,
        "(%x: f32) -> f32 { %c = constant -0.0 : f32 %y = pow %x, %c : f32 return %y }",
        "(%x: f32) -> f32 { %y = constant 1.0 : f32 return %y }",
    ),
    (
        "pow_one",
        Exactly,
        "(%x: f64) -> f64 { %c = constant 1.0 : f64 %y = pow %x, %c : f64 return %y }",
        "(%x: f64) -> f64 { return %x }",
    ),
    (
        "pow_two",
        Exactly,
        "(%x: f32) -> f32 { %c = constant 2.0 : f32 %y = pow %x, %c : f32 return %y }",
        "(%x: f32) -> f32 { %y = mul %x, %x : f32 return %y }",
    ),
    (
        "pow_minus_one",
        Exactly,
        "(%x: f32) -> f32 { %c = constant -1.0 : f32 %y = pow %x, %c : f32 return %y }",
        "(%x: f32) -> f32 { %c = constant 1.0 : f32 %y = div %c, %x : f32 return %y }",
    ),
    (
        "extremum_self",
        Exactly,
        "(%x: f32) -> f32 { %y = max %x, %x : f32 return %y }",
        "(%x: f32) -> f32 { return %x }",
    ),
    (
        "extremum_neutral",
        Exactly,
        "(%x: f32) -> f32 { %c = constant -inf : f32 %y = max %c, %x : f32 return %y }",
        "(%x: f32) -> f32 { return %x }",
    ),
    (
        "extremum_neutral",
        Exactly,
        "(%x: u8) -> u8 { %c = constant 255 : u8 %y = min %x, %c : u8 return %y }",
        "(%x: u8) -> u8 { return %x }",
    ),
    (
        "extremum_again",
        Exactly,
        "(%x: f32, %y: f32) -> f32 { %a = max %x, %y : f32 %b = max %y, %a : f32 return %b }",
        "(%x: f32, %y: f32) -> f32 { %a = max %x, %y : f32 return %a }",
    ),
];

const LOGIC: &[Case] = &[
    (
        "not_of_not",
        Exactly,
        "(%p: bool) -> bool { %a = not %p : bool %b = not %a : bool return %b }",
        "(%p: bool) -> bool { return %p }",
    ),
    (
        "not_of_compare",
        Exactly,
        "(%x: f32, %y: f32) -> bool { %a = compare eq %x, %y : bool %b = not %a : bool return %b }",
        "(%x: f32, %y: f32) -> bool { %b = compare ne %x, %y : bool return %b }",
    ),
    (
        "not_of_compare",
        Exactly,
        "(%x: i32, %y: i32) -> bool { %a = compare le %x, %y : bool %b = not %a : bool return %b }",
        "(%x: i32, %y: i32) -> bool { %b = compare gt %x, %y : bool return %b }",
    ),
    (
        "connective_self",
        Exactly,
        "(%p: bool[2]) -> bool[2] { %a = xor %p, %p : bool[2] return %a }",
        "(%p: bool[2]) -> bool[2] { %a = constant false : bool[2] return %a }",
    ),
    (
        "connective_constant",
        Exactly,
        "(%p: bool) -> (bool, bool) { %t = constant true : bool %a = and %t, %p : bool %b = xor %p, %t : bool return %a, %b }",
        "(%p: bool) -> (bool, bool) { %b = not %p : bool return %p, %b }",
    ),
    (
        "connective_constant",
        Exactly,
        "(%p: bool) -> (bool, bool) { %t = constant false : bool %a = and %t, %p : bool %b = or %p, %t : bool return %a, %b }",
        "(%p: bool) -> (bool, bool) { %t = constant false : bool return %t, %p }",
    ),
    (
        "compare_self",
        Exactly,
        "(%x: f32) -> bool { %a = compare lt %x, %x : bool return %a }",
        "(%x: f32) -> bool { %a = constant false : bool return %a }",
    ),
    (
        "compare_self",
        Exactly,
        "(%x: i32) -> bool { %a = compare ge %x, %x : bool return %a }",
        "(%x: i32) -> bool { %a = constant true : bool return %a }",
    ),
    (
        "compare_constant_to_right",
        Exactly,
        "(%x: f32) -> bool { %c = constant 2.5 : f32 %a = compare le %c, %x : bool return %a }",
        "(%x: f32) -> bool { %c = constant 2.5 : f32 %a = compare ge %x, %c : bool return %a }",
    ),
    (
        "select_constant",
        Exactly,
        "(%x: f32, %y: f32) -> f32 { %p = constant false : bool %a = select %p, %x, %y : f32 return %a }",
        "(%x: f32, %y: f32) -> f32 { return %y }",
    ),
    (
        "select_same",
        Exactly,
        "(%p: bool, %x: f32) -> f32 { %a = select %p, %x, %x : f32 return %a }",
        "(%p: bool, %x: f32) -> f32 { return %x }",
    ),
    (
        "select_not",
        Exactly,
        "(%p: bool, %x: f32, %y: f32) -> f32 { %q = not %p : bool %a = select %q, %x, %y : f32 return %a }",
        "(%p: bool, %x: f32, %y: f32) -> f32 { %a = select %p, %y, %x : f32 return %a }",
    ),
    (
        "select_truth",
        Exactly,
        "(%p: bool) -> bool { %t = constant true : bool %f = constant false : bool %a = select %p, %f, %t : bool return %a }",
        "(%p: bool) -> bool { %a = not %p : bool return %a }",
    ),
    (
        "clamp_open",
        Exactly,
        "(%x: f32, %h: f32) -> f32 { %l = constant -inf : f32 %a = clamp %l, %x, %h : f32 return %a }",
        "(%x: f32, %h: f32) -> f32 { %a = min %x, %h : f32 return %a }",
    ),
    (
        "clamp_open",
        Exactly,
        "(%x: i32, %l: i32) -> i32 { %h = constant 2147483647 : i32 %a = clamp %l, %x, %h : i32 return %a }",
        "(%x: i32, %l: i32) -> i32 { %a = max %x, %l : i32 return %a }",
    ),
    ("convert_same", Exactly, "(%x: f32) -> f32 { %a = convert %x : f32 return %a }", "(%x: f32) -> f32 { return %x }"),
    (
        "convert_of_convert",
        Exactly,
        "(%x: f32) -> (f32, i32) { %a = convert %x : f64 %b = convert %a : f32 %c = convert %a : i32 return %b, %c }",
        "(%x: f32) -> (f32, i32) { %c = convert %x : i32 return %x, %c }",
    ),
    (
        "convert_of_convert",
        Exactly,
        "(%x: i32) -> (i32, f32, u8) { %a = convert %x : f64 %b = convert %a : i32 %c = convert %a : f32 %d = convert %x : i64 %e = convert %d : u8 return %b, %c, %e }",
        "(%x: i32) -> (i32, f32, u8) { %c = convert %x : f32 %e = convert %x : u8 return %x, %c, %e }",
    ),
    (
        "convert_of_convert",
        Exactly,
        "(%x: bool) -> (bool, f32) { %a = convert %x : u8 %b = convert %a : bool %c = convert %a : f32 return %b, %c }",
        "(%x: bool) -> (bool, f32) { %c = convert %x : f32 return %x, %c }",
    ),
];

const VIEWS: &[Case] = &[
    (
        "broadcast_nothing",
        Exactly,
        "(%x: f32[3]) -> f32[1,3,1] { %a = broadcast %x, dims=[1] : f32[1,3,1] return %a }",
        "(%x: f32[3]) -> f32[1,3,1] { %a = reshape %x : f32[1,3,1] return %a }",
    ),
    (
        "broadcast_of_broadcast",
        Exactly,
        "(%x: f32[3]) -> f32[2,4,3] { %a = broadcast %x, dims=[1] : f32[4,3] %b = broadcast %a, dims=[1,2] : f32[2,4,3] return %b }",
        "(%x: f32[3]) -> f32[2,4,3] { %b = broadcast %x, dims=[2] : f32[2,4,3] return %b }",
    ),
    (
        "broadcast_of_unit_axes",
        Exactly,
        "(%x: f32[3]) -> f32[1,2,3] { %a = reshape %x : f32[1,3] %b = broadcast %a, dims=[0,2] : f32[1,2,3] return %b }",
        "(%x: f32[3]) -> f32[1,2,3] { %b = broadcast %x, dims=[2] : f32[1,2,3] return %b }",
    ),
    (
        "reshape_nothing",
        Exactly,
        "(%x: f32[3]) -> f32[3] { %a = reshape %x : f32[3] return %a }",
        "(%x: f32[3]) -> f32[3] { return %x }",
    ),
    (
        "reshape_of_reshape",
        Exactly,
        "(%x: f32[6]) -> f32[2,3] { %a = reshape %x : f32[3,2] %b = reshape %a : f32[2,3] return %b }",
        "(%x: f32[6]) -> f32[2,3] { %b = reshape %x : f32[2,3] return %b }",
    ),
    (
        "reshape_of_broadcast_scalar",
        Exactly,
        "(%x: f32[1]) -> f32[2,3] { %a = broadcast %x, dims=[0] : f32[1,6] %b = reshape %a : f32[2,3] return %b }",
        "(%x: f32[1]) -> f32[2,3] { %s = reshape %x : f32 %b = broadcast %s, dims=[] : f32[2,3] return %b }",
    ),
    (
        "transpose_of_transpose",
        Exactly,
        "(%x: f32[2,3,4]) -> f32[4,3,2] { %a = transpose %x, perm=[1,2,0] : f32[3,4,2] %b = transpose %a, perm=[1,0,2] : f32[4,3,2] return %b }",
        "(%x: f32[2,3,4]) -> f32[4,3,2] { %b = transpose %x, perm=[2,1,0] : f32[4,3,2] return %b }",
    ),
    (
        "transpose_of_transpose",
        Exactly,
        "(%x: f32[2,3,4]) -> f32[2,3,4] { %a = transpose %x, perm=[1,2,0] : f32[3,4,2] %b = transpose %a, perm=[2,0,1] : f32[2,3,4] return %b }",
        "(%x: f32[2,3,4]) -> f32[2,3,4] { return %x }",
    ),
    (
        "transpose_nothing",
        Exactly,
        "(%x: f32[2,1,3]) -> f32[1,2,3] { %a = transpose %x, perm=[1,0,2] : f32[1,2,3] return %a }",
        "(%x: f32[2,1,3]) -> f32[1,2,3] { %a = reshape %x : f32[1,2,3] return %a }",
    ),
    (
        "transpose_of_broadcast",
        Exactly,
        "(%x: f32[3]) -> f32[3,2] { %a = broadcast %x, dims=[1] : f32[2,3] %b = transpose %a, perm=[1,0] : f32[3,2] return %b }",
        "(%x: f32[3]) -> f32[3,2] { %b = broadcast %x, dims=[0] : f32[3,2] return %b }",
    ),
    (
        "transpose_of_broadcast",
        Exactly,
        "(%x: f32[3,4]) -> f32[4,2,3] { %a = broadcast %x, dims=[1,2] : f32[2,3,4] %b = transpose %a, perm=[2,0,1] : f32[4,2,3] return %b }",
        "(%x: f32[3,4]) -> f32[4,2,3] { %a = transpose %x, perm=[1,0] : f32[4,3] %b = broadcast %a, dims=[0,2] : f32[4,2,3] return %b }",
    ),
    (
        "transpose_of_dot",
        OnWholeNumbers,
        "(%x: f32[5,2,3], %y: f32[5,3,4]) -> f32[5,4,2] { %a = dot %x, %y, batch=[0]x[0], contract=[2]x[1] : f32[5,2,4] %b = transpose %a, perm=[0,2,1] : f32[5,4,2] return %b }",
        "(%x: f32[5,2,3], %y: f32[5,3,4]) -> f32[5,4,2] { %b = dot %y, %x, batch=[0]x[0], contract=[1]x[2] : f32[5,4,2] return %b }",
    ),
    (
        "reverse_nothing",
        Exactly,
        "(%x: f32[2,1]) -> f32[2,1] { %a = reverse %x, axes=[0,1] : f32[2,1] return %a }",
        "(%x: f32[2,1]) -> f32[2,1] { %a = reverse %x, axes=[0] : f32[2,1] return %a }",
    ),
    (
        "reverse_of_reverse",
        Exactly,
        "(%x: f32[2,3,4]) -> f32[2,3,4] { %a = reverse %x, axes=[0,1] : f32[2,3,4] %b = reverse %a, axes=[0,2] : f32[2,3,4] return %b }",
        "(%x: f32[2,3,4]) -> f32[2,3,4] { %b = reverse %x, axes=[1,2] : f32[2,3,4] return %b }",
    ),
];

const PIECES: &[Case] = &[
    (
        "slice_everything",
        Exactly,
        "(%x: f32[3]) -> f32[3] { %a = slice %x, start=[0], limit=[3] : f32[3] return %a }",
        "(%x: f32[3]) -> f32[3] { return %x }",
    ),
    (
        "slice_of_slice",
        Exactly,
        "(%x: f32[20]) -> f32[3] { %a = slice %x, start=[3], limit=[20], stride=[2] : f32[9] %b = slice %a, start=[1], limit=[8], stride=[3] : f32[3] return %b }",
        "(%x: f32[20]) -> f32[3] { %b = slice %x, start=[5], limit=[18], stride=[6] : f32[3] return %b }",
    ),
    (
        "slice_of_broadcast",
        Exactly,
        "(%x: f32[5]) -> f32[2,3] { %a = broadcast %x, dims=[1] : f32[9,5] %b = slice %a, start=[4,1], limit=[6,4] : f32[2,3] return %b }",
        "(%x: f32[5]) -> f32[2,3] { %a = slice %x, start=[1], limit=[4] : f32[3] %b = broadcast %a, dims=[1] : f32[2,3] return %b }",
    ),
    (
        "slice_of_pad",
        Exactly,
        "(%x: f32[5], %v: f32) -> f32[3] { %a = pad %x, %v, low=[2], high=[1] : f32[8] %b = slice %a, start=[3], limit=[6] : f32[3] return %b }",
        "(%x: f32[5], %v: f32) -> f32[3] { %b = slice %x, start=[1], limit=[4] : f32[3] return %b }",
    ),
    (
        "slice_of_concatenate",
        Exactly,
        "(%x: f32[2,3], %y: f32[2,4]) -> f32[1,3] { %a = concatenate %x, %y, axis=1 : f32[2,7] %b = slice %a, start=[1,4], limit=[2,7] : f32[1,3] return %b }",
        "(%x: f32[2,3], %y: f32[2,4]) -> f32[1,3] { %b = slice %y, start=[1,1], limit=[2,4] : f32[1,3] return %b }",
    ),
    (
        "pad_nothing",
        Exactly,
        "(%x: f32[5], %v: f32) -> (f32[5], f32[2]) { %a = pad %x, %v, low=[0], high=[0] : f32[5] %b = pad %x, %v, low=[-1], high=[-2] : f32[2] return %a, %b }",
        "(%x: f32[5], %v: f32) -> (f32[5], f32[2]) { %b = slice %x, start=[1], limit=[3] : f32[2] return %x, %b }",
    ),
    (
        "pad_of_pad",
        Exactly,
        "(%x: f32[3], %v: f32) -> f32[12] { %a = pad %x, %v, low=[1], high=[0], interior=[1] : f32[6] %b = pad %a, %v, low=[2], high=[4] : f32[12] return %b }",
        "(%x: f32[3], %v: f32) -> f32[12] { %b = pad %x, %v, low=[3], high=[4], interior=[1] : f32[12] return %b }",
    ),
    (
        "concatenate_one",
        Exactly,
        "(%x: f32[3], %e: f32[0]) -> f32[3] { %a = concatenate %e, %x, axis=0 : f32[3] return %a }",
        "(%x: f32[3], %e: f32[0]) -> f32[3] { return %x }",
    ),
    (
        "concatenate_of_concatenate",
        Exactly,
        "(%x: f32[1], %y: f32[2]) -> f32[4] { %a = concatenate %x, %y, axis=0 : f32[3] %b = concatenate %a, %x, axis=0 : f32[4] return %b }",
        "(%x: f32[1], %y: f32[2]) -> f32[4] { %b = concatenate %x, %y, %x, axis=0 : f32[4] return %b }",
    ),
];

const CONTRACTIONS: &[Case] = &[
    (
        "reduce_over_no_axes",
        ButForZeroSigns,
        "(%x: f32[2]) -> f32[2] { %a = reduce add %x, axes=[] : f32[2] return %a }",
        "(%x: f32[2]) -> f32[2] { return %x }",
    ),
    (
        "reduce_nothing",
        Exactly,
        "(%x: f32[2,0]) -> f32[2] { %a = reduce max %x, axes=[1] : f32[2] return %a }",
        "(%x: f32[2,0]) -> f32[2] { %a = constant -inf : f32[2] return %a }",
    ),
    (
        "reduce_unit_axes",
        ButForZeroSigns,
        "(%x: f32[2,1]) -> f32[2] { %a = reduce add %x, axes=[1] : f32[2] return %a }",
        "(%x: f32[2,1]) -> f32[2] { %a = reshape %x : f32[2] return %a }",
    ),
    (
        "reduce_unit_axes",
        Exactly,
        "(%x: f32[2,1,3]) -> f32[2] { %a = reduce max %x, axes=[1,2] : f32[2] return %a }",
        "(%x: f32[2,1,3]) -> f32[2] { %a = reduce max %x, axes=[2] : f32[2,1] %b = reshape %a : f32[2] return %b }",
    ),
    (
        "reduce_of_reduce",
        OnWholeNumbers,
        "(%x: f32[2,3,4]) -> f32[3] { %a = reduce add %x, axes=[0] : f32[3,4] %b = reduce add %a, axes=[1] : f32[3] return %b }",
        "(%x: f32[2,3,4]) -> f32[3] { %b = reduce add %x, axes=[0,2] : f32[3] return %b }",
    ),
    (
        "reduce_of_broadcast",
        Exactly,
        "(%x: f32[3]) -> f32[3] { %a = broadcast %x, dims=[1] : f32[5,3] %b = reduce min %a, axes=[0] : f32[3] return %b }",
        "(%x: f32[3]) -> f32[3] { return %x }",
    ),
    (
        "reduce_of_broadcast",
        OnWholeNumbers,
        "(%x: f32[3,5]) -> f32[3,2] { %a = broadcast %x, dims=[1,3] : f32[4,3,2,5] %b = reduce add %a, axes=[0,3] : f32[3,2] return %b }",
        "(%x: f32[3,5]) -> f32[3,2] { %s = reduce add %x, axes=[1] : f32[3] %c = constant 4.0 : f32[3] %m = mul %s, %c : f32[3] %b = broadcast %m, dims=[0] : f32[3,2] return %b }",
    ),
    (
        "reduce_of_broadcast",
        Exactly,
        "(%x: u8) -> u8 { %a = broadcast %x, dims=[] : u8[259] %b = reduce add %a, axes=[0] : u8 return %b }",
        "(%x: u8) -> u8 { %c = constant 3 : u8 %b = mul %x, %c : u8 return %b }",
    ),
    (
        "reduce_of_transpose",
        OnWholeNumbers,
        "(%x: f32[2,3,4]) -> f32[4,2] { %a = transpose %x, perm=[2,1,0] : f32[4,3,2] %b = reduce add %a, axes=[1] : f32[4,2] return %b }",
        "(%x: f32[2,3,4]) -> f32[4,2] { %a = reduce add %x, axes=[1] : f32[2,4] %b = transpose %a, perm=[1,0] : f32[4,2] return %b }",
    ),
    (
        "reduce_of_transpose",
        OnWholeNumbers,
        "(%x: f32[2,3,4]) -> f32[3] { %a = transpose %x, perm=[2,1,0] : f32[4,3,2] %b = reduce add %a, axes=[0,2] : f32[3] return %b }",
        "(%x: f32[2,3,4]) -> f32[3] { %b = reduce add %x, axes=[0,2] : f32[3] return %b }",
    ),
    (
        "dot_nothing",
        Exactly,
        "(%x: f32[2,0], %y: f32[0,3]) -> f32[2,3] { %a = dot %x, %y, contract=[1]x[0] : f32[2,3] return %a }",
        "(%x: f32[2,0], %y: f32[0,3]) -> f32[2,3] { %a = constant 0.0 : f32[2,3] return %a }",
    ),
    (
        "dot_of_transpose",
        OnWholeNumbers,
        "(%x: f32[3,2], %y: f32[4,3]) -> f32[2,4] { %a = transpose %x, perm=[1,0] : f32[2,3] %b = transpose %y, perm=[1,0] : f32[3,4] %c = dot %a, %b, contract=[1]x[0] : f32[2,4] return %c }",
        "(%x: f32[3,2], %y: f32[4,3]) -> f32[2,4] { %c = dot %x, %y, contract=[0]x[1] : f32[2,4] return %c }",
    ),
    (
        "dot_of_transpose",
        OnWholeNumbers,
        "(%x: f32[3,2,5], %y: f32[5,3,4]) -> f32[5,2,4] { %a = transpose %x, perm=[2,1,0] : f32[5,2,3] %c = dot %a, %y, batch=[0]x[0], contract=[2]x[1] : f32[5,2,4] return %c }",
        "(%x: f32[3,2,5], %y: f32[5,3,4]) -> f32[5,2,4] { %c = dot %x, %y, batch=[2]x[0], contract=[0]x[1] : f32[5,2,4] return %c }",
    ),
];

const FOLDING: &[Case] = &[
    (
        "fold_splats",
        Exactly,
        "(%x: f32) -> f32[1000000] { %a = constant 2.0 : f32[1000000] %b = add %a, %a : f32[1000000] return %b }",
        "(%x: f32) -> f32[1000000] { %b = constant 4.0 : f32[1000000] return %b }",
    ),
    (
        "fold_splats",
        Exactly,
        "() -> f32[2,7] { %s = constant 2.0 : f32 %a = broadcast %s, dims=[] : f32[7,2] %b = transpose %a, perm=[1,0] : f32[2,7] return %b }",
        "() -> f32[2,7] { %b = constant 2.0 : f32[2,7] return %b }",
    ),
    (
        "fold_splats",
        Exactly,
        "() -> f32[9] { %s = constant 2.0 : f32 %a = constant 2.0 : f32[4] %b = pad %a, %s, low=[1], high=[0] : f32[5] %c = concatenate %a, %b, axis=0 : f32[9] return %c }",
        "() -> f32[9] { %c = constant 2.0 : f32[9] return %c }",
    ),
    (
        "fold_splats",
        Exactly,
        "() -> (f32[2], f32, f32[3]) { %a = constant 0.5 : f32[2,1000] %b = reduce add %a, axes=[1] : f32[2] %c = reduce max %a, axes=[0,1] : f32 %d = constant 2.0 : f32[1000,3] %e = dot %a, %d, contract=[1]x[0] : f32[2,3] %g = slice %e, start=[0,0], limit=[1,3] : f32[1,3] %h = reshape %g : f32[3] return %b, %c, %h }",
        "() -> (f32[2], f32, f32[3]) { %b = constant 500.0 : f32[2] %c = constant 0.5 : f32 %h = constant 1000.0 : f32[3] return %b, %c, %h }",
    ),
    (
        "fold_elements",
        Exactly,
        "() -> f32[3] { %a = constant [1.0, 2.0, 3.0] : f32[3] %b = constant 1.0 : f32[3] %c = add %a, %b : f32[3] return %c }",
        "() -> f32[3] { %c = constant [2.0, 3.0, 4.0] : f32[3] return %c }",
    ),
];

fn all_cases() -> impl Iterator<Item = &'static Case> {
    [ARITHMETIC, LOGIC, VIEWS, PIECES, CONTRACTIONS, FOLDING].into_iter().flatten()
}

#[test]
fn every_rule_applies_and_gives_the_expected_program() {
    for &(rule, _, before, after) in all_cases() {
        let (module, id) = function(before);
        let simplified = simplify(&module, module.function(id)).unwrap();
        assert_eq!(simplified.stop, RewriteStop::Complete, "{before}");
        assert!(simplified.counts.contains_key(rule), "{rule} did not apply: {:?}\n{before}", simplified.counts);
        let (expected, expected_id) = function(after);
        assert_same(before, &live(&module, &simplified.function), &expected, expected_id);
    }
}

#[test]
fn every_rule_has_a_case_and_names_are_unique() {
    let tested: BTreeSet<&str> = all_cases().map(|case| case.0).collect();
    let names: Vec<&str> = rules::all().iter().map(|rule| rule.name).collect();
    let unique: BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(names.len(), unique.len());
    assert_eq!(tested, unique);
}

#[test]
fn every_rule_keeps_the_values_on_special_operands() {
    for &(_, compare, before, _) in all_cases() {
        let (module, id) = function(before);
        if module.function(id).result_types().any(|ty| ty.elements() > 10_000) {
            continue;
        }
        let simplified = simplify(&module, module.function(id)).unwrap();
        let after = with(&module, id, simplified.function);
        assert_agree(before, &module, &after, id, compare);
    }
}

#[test]
fn what_a_rule_gives_is_simple_already() {
    for &(_, _, _, after) in all_cases() {
        let (module, id) = function(after);
        let simplified = simplify(&module, module.function(id)).unwrap();
        assert_same(after, &simplified.function, &module, id);
    }
}

/// Wherever `x + 0` is replaced by `x`, no `x` is -0: over all elementwise operations, of operands of which nothing is known and of
/// those that are themselves never -0.
#[test]
fn zero_is_only_dropped_behind_what_is_never_minus_zero() {
    let unary = Unary::ALL.iter().filter(|op| op.info().domain.contains(DType::F64)).map(|op| op.info().name);
    let binary = Binary::ALL.iter().filter(|op| op.info().domain.contains(DType::F64)).map(|op| op.info().name);
    let operands = ["x", "y", "pos", "sum", "zero", "one"];
    let mut made: Vec<String> = unary.flat_map(|name| operands.map(|x| format!("{name} %{x}"))).collect();
    made.extend(
        binary.flat_map(|name| operands.into_iter().flat_map(move |x| operands.map(|y| format!("{name} %{x}, %{y}")))),
    );
    made.extend(operands.into_iter().flat_map(|x| operands.map(|y| format!("select %p, %{x}, %{y}"))));
    made.extend(["convert %i", "convert %p", "convert %h", "reduce max %v, axes=[1]"].map(String::from));
    let mut dropped = 0;
    for op in made {
        let program = format!(
            "(%x: f64[16], %y: f64[16], %i: i32[16], %p: bool[16], %h: f32[16], %v: f64[16,2]) -> f64[16] {{
               %zero = constant 0.0 : f64[16]
               %one = constant -1.0 : f64[16]
               %pos = abs %x : f64[16]
               %sum = add %y, %zero : f64[16]
               %a = {op} : f64[16]
               %r = add %a, %zero : f64[16]
               return %r }}"
        );
        let (module, id) = function(&program);
        let simplified = simplify(&module, module.function(id)).unwrap();
        if simplified.counts.contains_key("add_zero") {
            dropped += 1;
            let after = with(&module, id, simplified.function);
            // The first operand has all special elements at once, the second has them in each of 16 shifts.
            assert_agree_on(&op, &module, &after, id, Exactly, 16);
        }
    }
    assert!(dropped > 100, "{dropped}");
}
