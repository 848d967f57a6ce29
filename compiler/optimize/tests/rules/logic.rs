//! Truth values and bits, comparisons, selection and conversion.

use crate::Case;
use crate::common::Compare::Exactly;

pub(crate) const CASES: &[Case] = &[
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
    (
        "connective_constant",
        Exactly,
        "(%x: i32, %y: u8, %z: i64) -> (i32, u8, i64, i32) { %m = constant -1 : i32 %a = and %m, %x : i32 %c = constant 255 : u8 %b = or %y, %c : u8 %o = constant 0 : i64 %d = xor %z, %o : i64 %e = xor %x, %m : i32 return %a, %b, %d, %e }",
        "(%x: i32, %y: u8, %z: i64) -> (i32, u8, i64, i32) { %c = constant 255 : u8 %e = not %x : i32 return %x, %c, %z, %e }",
    ),
    (
        "connective_self",
        Exactly,
        "(%x: i32) -> (i32, i32) { %a = xor %x, %x : i32 %b = or %x, %x : i32 return %a, %b }",
        "(%x: i32) -> (i32, i32) { %a = constant 0 : i32 return %a, %x }",
    ),
    (
        "not_of_not",
        Exactly,
        "(%x: u8) -> u8 { %a = not %x : u8 %b = not %a : u8 return %b }",
        "(%x: u8) -> u8 { return %x }",
    ),
    (
        "shift_nothing",
        Exactly,
        "(%x: i32, %y: u8, %z: i64) -> (i32, u8, i64) { %i = constant 0 : i32 %a = shift_left %x, %i : i32 %u = constant 0 : u8 %b = shift_right_logical %y, %u : u8 %l = constant 0 : i64 %c = shift_right %z, %l : i64 return %a, %b, %c }",
        "(%x: i32, %y: u8, %z: i64) -> (i32, u8, i64) { return %x, %y, %z }",
    ),
    (
        "stop_gradient_nothing",
        Exactly,
        "(%x: f64) -> f64 { %a = stop_gradient %x : f64 %b = exp %a : f64 return %b }",
        "(%x: f64) -> f64 { %b = exp %x : f64 return %b }",
    ),
    ("bitcast_same", Exactly, "(%x: f32) -> f32 { %a = bitcast %x : f32 return %a }", "(%x: f32) -> f32 { return %x }"),
    (
        "bitcast_of_bitcast",
        Exactly,
        "(%x: f32) -> f32 { %a = bitcast %x : i32 %b = bitcast %a : f32 return %b }",
        "(%x: f32) -> f32 { return %x }",
    ),
    (
        "select_of_select",
        Exactly,
        "(%p: bool[2], %x: f32[2], %y: f32[2], %z: f32[2]) -> (f32[2], f32[2]) { %a = select %p, %x, %y : f32[2] %b = select %p, %a, %z : f32[2] %c = select %p, %z, %a : f32[2] return %b, %c }",
        "(%p: bool[2], %x: f32[2], %y: f32[2], %z: f32[2]) -> (f32[2], f32[2]) { %b = select %p, %x, %z : f32[2] %c = select %p, %z, %y : f32[2] return %b, %c }",
    ),
];
