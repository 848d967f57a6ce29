//! Samples of the operations that have regions.

use pullback_ir::op::Domain::{Any, Bits, Float, Numeric};

use super::Group;

pub(super) const CONTROL: Group = &[
    (
        "scan",
        &[
            (
                Any,
                "%a: T[3], %b: T[3], %x: T[4,3]",
                "%p, %q, %y = scan %a, %b, %x, length=4, consts=0, carry=2 : T[3], T[3], T[4,3]
                   body(%a1: T[3], %b1: T[3], %x1: T[3]) {
                     yield %b1, %x1, %a1
                   }",
            ),
            (
                Any,
                "%w: T, %h: T[2], %x: T[0,2]",
                "%p, %y, %z = scan %w, %h, %x, length=0, consts=1, carry=1 : T[2], T[0,2], T[0]
                   body(%w1: T, %h1: T[2], %x1: T[2]) {
                     yield %x1, %h1, %w1
                   }",
            ),
            (
                Numeric,
                "%w: T[5], %h: T[5], %x: T[7,5]",
                "%p, %y = scan %w, %h, %x, length=7, consts=1, carry=1, reverse=true : T[5], T[7,5]
                   body(%w1: T[5], %h1: T[5], %x1: T[5]) {
                     %s = add %h1, %x1 : T[5]
                     %m = max %s, %w1 : T[5]
                     yield %m, %s
                   }",
            ),
            (
                Float,
                "%w: T[3,3], %h: T[3], %x: T[6,3]",
                "%p, %y = scan %w, %h, %x, length=6, consts=1, carry=1, checkpoint_every=2 : T[3], T[6]
                   body(%w1: T[3,3], %h1: T[3], %x1: T[3]) {
                     %d = dot %w1, %h1, contract=[1]x[0] : T[3]
                     %s = add %d, %x1 : T[3]
                     %t = tanh %s : T[3]
                     %r = reduce add %t, axes=[0] : T
                     yield %t, %r
                   }",
            ),
            (
                Float,
                "%a: T, %x: T[4,3]",
                "%p, %y = scan %a, %x, length=4, consts=0, carry=1, checkpoint_slots=2 : T, T[4,3]
                   body(%p1: T, %row: T[3]) {
                     %q, %z = scan %p1, %row, length=3, consts=0, carry=1, checkpoint=recompute : T, T[3]
                       body(%p2: T, %e: T) {
                         %m = mul %p2, %e : T
                         %s = sin %m : T
                         yield %s, %m
                       }
                     yield %q, %z
                   }",
            ),
            (
                Float,
                "%m: T[6], %zero: i32, %x: T[6]",
                "%p, %i = scan %m, %zero, %x, length=6, consts=0, carry=2 : T[6], i32
                   body(%m1: T[6], %i1: i32, %x1: T) {
                     %u = reshape %x1 : T[1]
                     %n = dynamic_update_slice %m1, %u, %i1 : T[6]
                     %one = constant 1 : i32
                     %j = add %i1, %one : i32
                     yield %n, %j
                   }",
            ),
        ],
    ),
    (
        "while",
        &[
            (
                Any,
                "%x: T[3], %y: T[3], %n: i32",
                "%a, %b, %c = while %x, %y, %n, consts=0, bound=6 : T[3], T[3], i32
                   cond(%x1: T[3], %y1: T[3], %n1: i32) {
                     %limit = constant 4 : i32
                     %go = compare lt %n1, %limit : bool
                     yield %go
                   }
                   body(%x2: T[3], %y2: T[3], %n2: i32) {
                     %one = constant 1 : i32
                     %next = add %n2, %one : i32
                     yield %y2, %x2, %next
                   }",
            ),
            (
                Numeric,
                "%limit: T, %x: T",
                "%y = while %limit, %x, consts=1, bound=5 : T
                   cond(%l: T, %x1: T) {
                     %go = compare lt %x1, %l : bool
                     yield %go
                   }
                   body(%k: T, %x2: T) {
                     %one = constant 1 : T
                     %next = add %x2, %one : T
                     yield %next
                   }",
            ),
            (
                Float,
                "%a: T, %one: T, %zero: i32",
                "%x, %n = while %a, %one, %zero, consts=1, bound=9 : T, i32
                   cond(%a1: T, %x1: T, %n1: i32) {
                     %count = constant 4 : i32
                     %go = compare lt %n1, %count : bool
                     yield %go
                   }
                   body(%a2: T, %x2: T, %n2: i32) {
                     %s = sin %x2 : T
                     %q = mul %s, %a2 : T
                     %step = constant 1 : i32
                     %n3 = add %n2, %step : i32
                     yield %q, %n3
                   }",
            ),
        ],
    ),
    (
        "cond",
        &[
            (
                Any,
                "%p: bool, %x: T[3], %y: T[3]",
                "%z, %w = cond %p, %x, %y : T[3], T[3]
                   then(%a: T[3], %b: T[3]) {
                     yield %a, %b
                   }
                   else(%c: T[3], %d: T[3]) {
                     yield %d, %d
                   }",
            ),
            (
                Numeric,
                "%p: bool, %x: T, %y: T",
                "%z = cond %p, %x, %y : T
                   then(%a: T, %b: T) {
                     %m = mul %a, %b : T
                     yield %m
                   }
                   else(%c: T, %d: T) {
                     %k = constant 2 : T
                     yield %k
                   }",
            ),
            (
                Float,
                "%p: bool, %x: T[4]",
                "%z = cond %p, %x : T
                   then(%a: T[4]) {
                     %e = exp %a : T[4]
                     %s = reduce add %e, axes=[0] : T
                     yield %s
                   }
                   else(%b: T[4]) {
                     %t = tanh %b : T[4]
                     %m = reduce max %t, axes=[0] : T
                     yield %m
                   }",
            ),
        ],
    ),
    (
        "switch",
        &[
            (
                Any,
                "%i: i32, %x: T[3], %y: T[3]",
                "%z = switch %i, %x, %y : T[3]
                   case(%a: T[3], %b: T[3]) {
                     yield %a
                   }
                   case(%c: T[3], %d: T[3]) {
                     yield %d
                   }
                   case(%e: T[3], %f: T[3]) {
                     %r = reverse %e, axes=[0] : T[3]
                     yield %r
                   }",
            ),
            (
                Float,
                "%i: i32, %x: T",
                "%z = switch %i, %x : T
                   case(%a: T) {
                     %s = sin %a : T
                     yield %s
                   }
                   case(%b: T) {
                     %c = cos %b : T
                     yield %c
                   }",
            ),
        ],
    ),
    (
        "custom_derivative",
        &[
            (
                Float,
                "%x: T[3], %n: i32",
                "%y = custom_derivative %x, %n, rule=jvp : T[3]
                   primal(%a: T[3], %m: i32) {
                     %s = sin %a : T[3]
                     yield %s
                   }
                   jvp(%b: T[3], %k: i32, %t: T[3]) {
                     %c = cos %b : T[3]
                     %r = mul %t, %c : T[3]
                     yield %r
                   }",
            ),
            (
                Float,
                "%x: T[3], %f: f32",
                "%y, %g = custom_derivative %x, %f, rule=jvp : T[3], f32
                   primal(%a: T[3], %e: f32) {
                     yield %a, %e
                   }
                   jvp(%b: T[3], %c: f32, %b_t: T[3], %c_t: f32) {
                     yield %b_t, %c_t
                   }",
            ),
            (
                Bits,
                "%x: T[3], %f: f32",
                "%y, %g = custom_derivative %x, %f, rule=vjp : T[3], f32
                   primal(%a: T[3], %e: f32) {
                     yield %a, %e
                   }
                   vjp(%b: T[3], %c: f32, %y1: T[3], %g1: f32, %g_ct: f32) {
                     yield %g_ct
                   }",
            ),
        ],
    ),
    (
        "checkpoint",
        &[
            (
                Any,
                "%x: T[3], %y: T",
                "%z, %w = checkpoint %x, %y : T, T[3]
                   body(%a: T[3], %b: T) {
                     yield %b, %a
                   }",
            ),
            (
                Float,
                "%x: T[3]",
                "%z = checkpoint %x : T[3]
                   body(%a: T[3]) {
                     %s = sin %a : T[3]
                     %e = exp %s : T[3]
                     yield %e
                   }",
            ),
        ],
    ),
];
