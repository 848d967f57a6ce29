//! Passes on functions with regions: what they should remove is gone, at any depth, and the values stay.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{Compare, assert_agree_on, assert_same, function, live, text, with};
use pullback_optimize::passes::{
    ELIMINATE_COMMON_SUBEXPRESSIONS, ELIMINATE_DEAD_CODE, FOLD_CONSTANTS, HOIST_INVARIANTS, INLINE_CALLS,
    SIMPLIFY_ALGEBRA, SIMPLIFY_CONTROL_FLOW,
};
use pullback_optimize::{DEFAULT, Pass, PipelineOptions, Stop, optimize, run_pipeline};

/// What a case shows, the pass, a program before it, and after it and dead code elimination.
type Case = (&'static str, &'static Pass, &'static str, &'static str);

const DEAD: &[Case] = &[
    (
        "stacked results that nobody reads, and state that only feeds itself",
        &ELIMINATE_DEAD_CODE,
        "(%x: f64[5], %w: f64) -> f64 {
          %z = constant 0.0 : f64
          %a, %b, %u, %v = scan %w, %z, %w, %x, %x, length=5, consts=1, carry=2 : f64, f64, f64[5], f64[5]
            body(%k: f64, %s: f64, %t: f64, %row: f64, %other: f64) {
              %s1 = add %s, %row : f64
              %t1 = mul %t, %k : f64
              %e = exp %other : f64
              yield %s1, %t1, %e, %s
            }
          return %a }",
        "(%x: f64[5], %w: f64) -> f64 {
          %z = constant 0.0 : f64
          %a = scan %z, %x, length=5, consts=0, carry=1 : f64
            body(%s: f64, %row: f64) { %s1 = add %s, %row : f64 yield %s1 }
          return %a }",
    ),
    (
        "state that another one needs stays",
        &ELIMINATE_DEAD_CODE,
        "(%x: f64, %y: f64) -> f64 {
          %a, %b, %c = scan %x, %y, %x, length=5, consts=0, carry=3 : f64, f64, f64
            body(%s: f64, %t: f64, %u: f64) { %n = neg %t : f64 %m = sin %u : f64 yield %n, %s, %m }
          return %b }",
        "(%x: f64, %y: f64) -> f64 {
          %a, %b = scan %x, %y, length=5, consts=0, carry=2 : f64, f64
            body(%s: f64, %t: f64) { %n = neg %t : f64 yield %n, %s }
          return %b }",
    ),
    (
        "a while keeps what its condition needs",
        &ELIMINATE_DEAD_CODE,
        "(%n: i32, %x: f64, %y: f64) -> f64 {
          %i, %a, %b = while %n, %y, %n, %x, %x, consts=2, bound=9 : i32, f64, f64
            cond(%k: i32, %w: f64, %i: i32, %s: f64, %t: f64) {
              %z = constant 0 : i32 %go = compare gt %i, %z : bool %dead = exp %t : f64 yield %go }
            body(%k: i32, %w: f64, %i: i32, %s: f64, %t: f64) {
              %o = constant 1 : i32 %j = sub %i, %o : i32 %u = sin %s : f64 %v = mul %t, %w : f64 yield %j, %u, %v }
          return %a }",
        "(%n: i32, %x: f64, %y: f64) -> f64 {
          %i, %a = while %n, %x, consts=0, bound=9 : i32, f64
            cond(%i: i32, %s: f64) { %z = constant 0 : i32 %go = compare gt %i, %z : bool yield %go }
            body(%i: i32, %s: f64) { %o = constant 1 : i32 %j = sub %i, %o : i32 %u = sin %s : f64 yield %j, %u }
          return %a }",
    ),
    (
        "results and operands of branches",
        &ELIMINATE_DEAD_CODE,
        "(%p: bool, %x: f64, %y: f64, %z: f64) -> f64 {
          %a, %b = cond %p, %x, %y, %z : f64, f64
            then(%x: f64, %y: f64, %z: f64) { %c = sin %x : f64 %d = exp %z : f64 yield %c, %d }
            else(%x: f64, %y: f64, %z: f64) { %c = cos %y : f64 %d = exp %z : f64 yield %c, %d }
          return %a }",
        "(%p: bool, %x: f64, %y: f64, %z: f64) -> f64 {
          %a = cond %p, %x, %y : f64
            then(%x: f64, %y: f64) { %c = sin %x : f64 yield %c }
            else(%x: f64, %y: f64) { %c = cos %y : f64 yield %c }
          return %a }",
    ),
    (
        "what a loop in a loop computes for nothing",
        &ELIMINATE_DEAD_CODE,
        "(%x: f64[3,4]) -> f64 {
          %z = constant 0.0 : f64
          %a, %t = scan %z, %z, %x, length=3, consts=0, carry=2 : f64, f64
            body(%s: f64, %t: f64, %row: f64[4]) {
              %b, %c = scan %s, %t, %row, length=4, consts=0, carry=2 : f64, f64
                body(%s: f64, %t: f64, %e: f64) { %s1 = add %s, %e : f64 %t1 = exp %t : f64 yield %s1, %t1 }
              yield %b, %c
            }
          return %a }",
        "(%x: f64[3,4]) -> f64 {
          %z = constant 0.0 : f64
          %a = scan %z, %x, length=3, consts=0, carry=1 : f64
            body(%s: f64, %row: f64[4]) {
              %b = scan %s, %row, length=4, consts=0, carry=1 : f64
                body(%s: f64, %e: f64) { %s1 = add %s, %e : f64 yield %s1 }
              yield %b
            }
          return %a }",
    ),
    (
        "operands of a barrier and of a sort whose results are not used, and a checkpoint's",
        &ELIMINATE_DEAD_CODE,
        "(%x: f64[4], %y: f64[4]) -> (f64[4], f64[4], f64[4]) {
          %e = exp %y : f64[4]
          %a, %b = optimization_barrier %e, %x : f64[4], f64[4]
          %key = cos %x : f64[4]
          %k, %p, %q = sort %key, %e, %y, axis=0, keys=1 : f64[4], f64[4], f64[4]
          %c, %d = checkpoint %q, %e : f64[4], f64[4]
            body(%u: f64[4], %v: f64[4]) { %w = sin %u : f64[4] yield %w, %v }
          return %b, %q, %c }",
        "(%x: f64[4], %y: f64[4]) -> (f64[4], f64[4], f64[4]) {
          %b = optimization_barrier %x : f64[4]
          %key = cos %x : f64[4]
          %k, %q = sort %key, %y, axis=0, keys=1 : f64[4], f64[4]
          %c = checkpoint %q : f64[4]
            body(%u: f64[4]) { %w = sin %u : f64[4] yield %w }
          return %b, %q, %c }",
    ),
];

const COMMON: &[Case] = &[
    (
        "inside a region, and regions that are the same but for names",
        &ELIMINATE_COMMON_SUBEXPRESSIONS,
        "(%p: bool, %x: f64) -> (f64, f64, f64) {
          %a = cond %p, %x : f64
            then(%u: f64) { %c = sin %u : f64 %d = sin %u : f64 %e = add %c, %d : f64 yield %e }
            else(%u: f64) { yield %u }
          %b = cond %p, %x : f64
            then(%v: f64) { %c1 = sin %v : f64 %e1 = add %c1, %c1 : f64 yield %e1 }
            else(%v1: f64) { yield %v1 }
          %c2 = cond %p, %x : f64
            then(%w: f64) { %n = neg %w : f64 yield %n }
            else(%w1: f64) { yield %w1 }
          return %a, %b, %c2 }",
        "(%p: bool, %x: f64) -> (f64, f64, f64) {
          %a = cond %p, %x : f64
            then(%u: f64) { %c = sin %u : f64 %e = add %c, %c : f64 yield %e }
            else(%u: f64) { yield %u }
          %c2 = cond %p, %x : f64
            then(%w: f64) { %n = neg %w : f64 yield %n }
            else(%w1: f64) { yield %w1 }
          return %a, %a, %c2 }",
    ),
    (
        "not where a region in a region differs",
        &ELIMINATE_COMMON_SUBEXPRESSIONS,
        "(%p: bool, %x: f64) -> (f64, f64) {
          %a = cond %p, %p, %x : f64
            then(%q: bool, %u: f64) {
              %i = cond %q, %u : f64
                then(%u: f64) { %n = neg %u : f64 yield %n }
                else(%u: f64) { yield %u }
              yield %i }
            else(%q: bool, %u: f64) { yield %u }
          %b = cond %p, %p, %x : f64
            then(%q: bool, %u: f64) {
              %i = cond %q, %u : f64
                then(%u: f64) { %n = abs %u : f64 yield %n }
                else(%u: f64) { yield %u }
              yield %i }
            else(%q: bool, %u: f64) { yield %u }
          return %a, %b }",
        "(%p: bool, %x: f64) -> (f64, f64) {
          %a = cond %p, %p, %x : f64
            then(%q: bool, %u: f64) {
              %i = cond %q, %u : f64
                then(%u: f64) { %n = neg %u : f64 yield %n }
                else(%u: f64) { yield %u }
              yield %i }
            else(%q: bool, %u: f64) { yield %u }
          %b = cond %p, %p, %x : f64
            then(%q: bool, %u: f64) {
              %i = cond %q, %u : f64
                then(%u: f64) { %n = abs %u : f64 yield %n }
                else(%u: f64) { yield %u }
              yield %i }
            else(%q: bool, %u: f64) { yield %u }
          return %a, %b }",
    ),
    (
        "barriers keep apart what is equal",
        &ELIMINATE_COMMON_SUBEXPRESSIONS,
        "(%x: f64) -> (f64, f64, f64) {
          %a = sin %x : f64
          %b = optimization_barrier %x : f64
          %c = sin %b : f64
          %d = optimization_barrier %x : f64
          %e = sin %d : f64
          return %a, %c, %e }",
        "(%x: f64) -> (f64, f64, f64) {
          %a = sin %x : f64
          %b = optimization_barrier %x : f64
          %c = sin %b : f64
          %d = optimization_barrier %x : f64
          %e = sin %d : f64
          return %a, %c, %e }",
    ),
];

const INSIDE: &[Case] = &[
    (
        "constants in a region, and not a barrier's",
        &FOLD_CONSTANTS,
        "(%x: f64[3]) -> (f64, f64) {
          %z = constant 0.0 : f64
          %k = optimization_barrier %z : f64
          %s = scan %z, %x, length=3, consts=0, carry=1 : f64
            body(%c: f64, %e: f64) { %two = constant 2.0 : f64 %four = mul %two, %two : f64 %p = mul %e, %four : f64 %n = add %c, %p : f64 yield %n }
          return %s, %k }",
        "(%x: f64[3]) -> (f64, f64) {
          %z = constant 0.0 : f64
          %k = optimization_barrier %z : f64
          %s = scan %z, %x, length=3, consts=0, carry=1 : f64
            body(%c: f64, %e: f64) { %four = constant 4.0 : f64 %p = mul %e, %four : f64 %n = add %c, %p : f64 yield %n }
          return %s, %k }",
    ),
    (
        "algebra in a region with one result",
        &SIMPLIFY_ALGEBRA,
        "(%x: f64[3], %i: i32) -> f64[3] {
          %r = switch %i, %x : f64[3]
            case(%a: f64[3]) { %one = constant 1.0 : f64[3] %b = mul %one, %a : f64[3] yield %b }
            case(%a: f64[3]) { %b = neg %a : f64[3] %c = neg %b : f64[3] %d = neg %c : f64[3] yield %d }
          return %r }",
        "(%x: f64[3], %i: i32) -> f64[3] {
          %r = switch %i, %x : f64[3]
            case(%a: f64[3]) { yield %a }
            case(%a: f64[3]) { %b = neg %a : f64[3] yield %b }
          return %r }",
    ),
];

const CONTROL: &[Case] = &[
    (
        "zeros go into a loop, unchanged state comes out of it, also through levels",
        &SIMPLIFY_CONTROL_FLOW,
        "(%x: f64[3], %w: f64) -> (f64, f64, f64) {
          %z = constant 0.0 : f64
          %a, %b, %c = scan %z, %x, %w, %z, %x, length=3, consts=2, carry=2 : f64, f64, f64[3]
            body(%k: f64, %all: f64[3], %w: f64, %zero: f64, %e: f64) {
              %s = scan %zero, %k, %w, length=2, consts=2, carry=1 : f64
                body(%k: f64, %l: f64, %v: f64) { %m = mul %k, %v : f64 %n = add %m, %l : f64 yield %n }
              %t = add %s, %e : f64
              yield %w, %zero, %t }
          %sum = reduce add %c, axes=[0] : f64
          return %a, %b, %sum }",
        "(%x: f64[3], %w: f64) -> (f64, f64, f64) {
          %z = constant 0.0 : f64
          %c = scan %w, %x, length=3, consts=1, carry=0 : f64[3]
            body(%w: f64, %e: f64) {
              %s = scan %w, length=2, consts=0, carry=1 : f64
                body(%v: f64) { %k = constant 0.0 : f64 %l = constant 0.0 : f64 %m = mul %k, %v : f64 %n = add %m, %l : f64 yield %n }
              %t = add %s, %e : f64
              yield %t }
          %sum = reduce add %c, axes=[0] : f64
          return %w, %z, %sum }",
    ),
    (
        "rows that are known or repeated, stacked results that the loop does not make",
        &SIMPLIFY_CONTROL_FLOW,
        "(%x: f64[3,2], %w: f64[2]) -> (f64[2], f64[3,2], f64[3,2], f64[3], f64[3,2], f64[3,2]) {
          %r = broadcast %w, dims=[1] : f64[3,2]
          %o = constant 1.0 : f64[3,2]
          %s, %a, %b, %c, %d, %e = scan %w, %w, %x, %r, %o, %x, length=3, consts=1, carry=1 : f64[2], f64[3,2], f64[3,2], f64[3], f64[3,2], f64[3,2]
            body(%k: f64[2], %s: f64[2], %x: f64[2], %r: f64[2], %o: f64[2], %x2: f64[2]) {
              %t = mul %s, %x : f64[2] %u = add %t, %r : f64[2] %v = add %u, %o : f64[2] %y = add %v, %x2 : f64[2]
              %five = constant 5.0 : f64
              yield %y, %x, %k, %five, %t, %t }
          return %s, %a, %b, %c, %d, %e }",
        "(%x: f64[3,2], %w: f64[2]) -> (f64[2], f64[3,2], f64[3,2], f64[3], f64[3,2], f64[3,2]) {
          %b = broadcast %w, dims=[1] : f64[3,2]
          %c = constant 5.0 : f64[3]
          %s, %d = scan %w, %w, %x, length=3, consts=1, carry=1 : f64[2], f64[3,2]
            body(%r: f64[2], %s: f64[2], %x: f64[2]) {
              %o = constant 1.0 : f64[2]
              %t = mul %s, %x : f64[2] %u = add %t, %r : f64[2] %v = add %u, %o : f64[2] %y = add %v, %x : f64[2]
              yield %y, %t }
          return %s, %x, %b, %c, %d, %d }",
    ),
    (
        "state that begins and goes on alike is one, and state that stays at a constant is none",
        &SIMPLIFY_CONTROL_FLOW,
        "(%x: f64[3], %w: f64) -> (f64, f64, f64) {
          %z = constant 1.0 : f64
          %a, %b, %c = scan %w, %w, %z, %x, length=3, consts=0, carry=3 : f64, f64, f64
            body(%s: f64, %t: f64, %one: f64, %e: f64) {
              %p = mul %s, %t : f64 %q = mul %p, %one : f64 %r = add %q, %e : f64 %o = constant 1.0 : f64 yield %r, %r, %o }
          return %a, %b, %c }",
        "(%x: f64[3], %w: f64) -> (f64, f64, f64) {
          %z = constant 1.0 : f64
          %a = scan %w, %x, length=3, consts=0, carry=1 : f64
            body(%s: f64, %e: f64) {
              %one = constant 1.0 : f64 %p = mul %s, %s : f64 %q = mul %p, %one : f64 %r = add %q, %e : f64 yield %r }
          return %a, %a, %z }",
    ),
    (
        "not state that begins or goes on otherwise, and not what is stacked of state that changes",
        &SIMPLIFY_CONTROL_FLOW,
        "(%x: f64[3], %v: f64, %w: f64) -> (f64, f64, f64, f64[3]) {
          %a, %b, %c, %d = scan %v, %w, %w, %x, length=3, consts=0, carry=3 : f64, f64, f64, f64[3]
            body(%s: f64, %t: f64, %u: f64, %e: f64) { %p = mul %s, %t : f64 %q = add %p, %u : f64 %r = add %q, %e : f64 yield %r, %r, %p, %s }
          return %a, %b, %c, %d }",
        "(%x: f64[3], %v: f64, %w: f64) -> (f64, f64, f64, f64[3]) {
          %a, %b, %c, %d = scan %v, %w, %w, %x, length=3, consts=0, carry=3 : f64, f64, f64, f64[3]
            body(%s: f64, %t: f64, %u: f64, %e: f64) { %p = mul %s, %t : f64 %q = add %p, %u : f64 %r = add %q, %e : f64 yield %r, %r, %p, %s }
          return %a, %b, %c, %d }",
    ),
    (
        "a loop of one iteration is its body, one of none its operands",
        &SIMPLIFY_CONTROL_FLOW,
        "(%x: f64[1,2], %w: f64[2], %n: f64[0,2]) -> (f64[2], f64[1,2], f64[2], f64[0]) {
          %a, %b = scan %w, %x, length=1, consts=0, carry=1 : f64[2], f64[1,2]
            body(%s: f64[2], %e: f64[2]) { %t = mul %s, %e : f64[2] yield %t, %s }
          %c, %d = scan %w, %n, length=0, consts=0, carry=1 : f64[2], f64[0]
            body(%s: f64[2], %e: f64[2]) { %t = mul %s, %e : f64[2] %k = constant 1.0 : f64 yield %t, %k }
          return %a, %b, %c, %d }",
        "(%x: f64[1,2], %w: f64[2], %n: f64[0,2]) -> (f64[2], f64[1,2], f64[2], f64[0]) {
          %e = reshape %x : f64[2]
          %t = mul %w, %e : f64[2]
          %b = reshape %w : f64[1,2]
          %d = constant [] : f64[0]
          return %t, %b, %w, %d }",
    ),
    (
        "a while that never begins",
        &SIMPLIFY_CONTROL_FLOW,
        "(%x: f64) -> (f64, f64) {
          %a = while %x, consts=0, bound=0 : f64
            cond(%s: f64) { %go = is_finite %s : bool yield %go }
            body(%s: f64) { %t = exp %s : f64 yield %t }
          %b = while %x, consts=0 : f64
            cond(%s: f64) { %go = constant false : bool yield %go }
            body(%s: f64) { %t = exp %s : f64 yield %t }
          return %a, %b }",
        "(%x: f64) -> (f64, f64) { return %x, %x }",
    ),
    (
        "unchanged state of a while, known to its condition too",
        &SIMPLIFY_CONTROL_FLOW,
        "(%x: f64, %l: f64) -> (f64, f64) {
          %a, %b = while %x, %l, consts=0, bound=7 : f64, f64
            cond(%s: f64, %limit: f64) { %go = compare lt %s, %limit : bool yield %go }
            body(%s: f64, %limit: f64) { %t = add %s, %limit : f64 yield %t, %limit }
          return %a, %b }",
        "(%x: f64, %l: f64) -> (f64, f64) {
          %a = while %l, %x, consts=1, bound=7 : f64
            cond(%limit: f64, %s: f64) { %go = compare lt %s, %limit : bool yield %go }
            body(%limit: f64, %s: f64) { %t = add %s, %limit : f64 yield %t }
          return %a, %l }",
    ),
    (
        "what all branches agree on",
        &SIMPLIFY_CONTROL_FLOW,
        "(%i: i32, %x: f64, %y: f64) -> (f64, f64, f64, f64, f64) {
          %z = constant 3.0 : f64
          %a, %b, %c, %d = switch %i, %x, %y, %x, %z : f64, f64, f64, f64
            case(%x: f64, %y: f64, %x2: f64, %k: f64) { %e = mul %x2, %k : f64 %o = constant 7.0 : f64 yield %y, %o, %e, %e }
            case(%x: f64, %y: f64, %x2: f64, %k: f64) { %e = add %x2, %k : f64 %o = constant 7.0 : f64 yield %y, %o, %e, %e }
          %f = switch %i, %x : f64
            case(%u: f64) { %v = sin %u : f64 yield %v }
            case(%w: f64) { %v = sin %w : f64 yield %v }
          return %a, %b, %c, %d, %f }",
        "(%i: i32, %x: f64, %y: f64) -> (f64, f64, f64, f64, f64) {
          %o = constant 7.0 : f64
          %c = switch %i, %x : f64
            case(%x: f64) { %k = constant 3.0 : f64 %e = mul %x, %k : f64 yield %e }
            case(%x: f64) { %k = constant 3.0 : f64 %e = add %x, %k : f64 yield %e }
          %f = sin %x : f64
          return %y, %o, %c, %c, %f }",
    ),
    (
        "the predicate is known in the branches",
        &SIMPLIFY_CONTROL_FLOW,
        "(%p: bool, %x: f64) -> (f64, bool) {
          %a, %b = cond %p, %x, %p : f64, bool
            then(%x: f64, %q: bool) { %e = sin %x : f64 yield %e, %q }
            else(%x: f64, %q: bool) { %n = not %q : bool yield %x, %n }
          return %a, %b }",
        "(%p: bool, %x: f64) -> (f64, bool) {
          %a, %b = cond %p, %x : f64, bool
            then(%x: f64) { %q = constant true : bool %e = sin %x : f64 yield %e, %q }
            else(%x: f64) { %q = constant false : bool %n = not %q : bool yield %x, %n }
          return %a, %b }",
    ),
];

const HOISTED: &[Case] = &[
    (
        "what depends on operands that do not change, through two loops, by a view that stays",
        &HOIST_INVARIANTS,
        "(%w: f64[4,3], %x: f64[5,2,4]) -> f64[4] {
          %z = constant 0.0 : f64[4]
          %a = scan %w, %z, %x, length=5, consts=1, carry=1 : f64[4]
            body(%w: f64[4,3], %s: f64[4], %x: f64[2,4]) {
              %b = scan %w, %s, %x, length=2, consts=1, carry=1 : f64[4]
                body(%w: f64[4,3], %s: f64[4], %e: f64[4]) {
                  %t = transpose %w, perm=[1,0] : f64[3,4]
                  %n = exp %t : f64[3,4]
                  %r = reduce add %n, axes=[0] : f64[4]
                  %m = mul %s, %r : f64[4]
                  %o = add %m, %e : f64[4]
                  yield %o }
              yield %b }
          return %a }",
        "(%w: f64[4,3], %x: f64[5,2,4]) -> f64[4] {
          %z = constant 0.0 : f64[4]
          %t = transpose %w, perm=[1,0] : f64[3,4]
          %n = exp %t : f64[3,4]
          %r = reduce add %n, axes=[0] : f64[4]
          %a = scan %r, %z, %x, length=5, consts=1, carry=1 : f64[4]
            body(%r: f64[4], %s: f64[4], %x: f64[2,4]) {
              %b = scan %r, %s, %x, length=2, consts=1, carry=1 : f64[4]
                body(%r: f64[4], %s: f64[4], %e: f64[4]) {
                  %m = mul %s, %r : f64[4]
                  %o = add %m, %e : f64[4]
                  yield %o }
              yield %b }
          return %a }",
    ),
    (
        "not what is larger than what it is made of",
        &HOIST_INVARIANTS,
        "(%w: f64, %x: f64[2,4]) -> f64[4] {
          %a = scan %w, %x, length=2, consts=1, carry=0 : f64[2,4]
            body(%w: f64, %e: f64[4]) {
              %v = broadcast %w, dims=[] : f64[4]
              %i = iota axis=0 : f64[4]
              %n = mul %v, %i : f64[4]
              %m = mul %n, %e : f64[4]
              yield %m }
          %b = reduce max %a, axes=[0] : f64[4]
          return %b }",
        "(%w: f64, %x: f64[2,4]) -> f64[4] {
          %a = scan %w, %x, length=2, consts=1, carry=0 : f64[2,4]
            body(%w: f64, %e: f64[4]) {
              %v = broadcast %w, dims=[] : f64[4]
              %i = iota axis=0 : f64[4]
              %n = mul %v, %i : f64[4]
              %m = mul %n, %e : f64[4]
              yield %m }
          %b = reduce max %a, axes=[0] : f64[4]
          return %b }",
    ),
    (
        "not what a barrier keeps in the loop",
        &HOIST_INVARIANTS,
        "(%w: f64, %x: f64[2]) -> f64[2] {
          %a = scan %w, %x, length=2, consts=1, carry=0 : f64[2]
            body(%w: f64, %e: f64) { %v = optimization_barrier %w : f64 %n = exp %v : f64 %m = mul %n, %e : f64 yield %m }
          return %a }",
        "(%w: f64, %x: f64[2]) -> f64[2] {
          %a = scan %w, %x, length=2, consts=1, carry=0 : f64[2]
            body(%w: f64, %e: f64) { %v = optimization_barrier %w : f64 %n = exp %v : f64 %m = mul %n, %e : f64 yield %m }
          return %a }",
    ),
    (
        "out of the condition and the body of a while, but no while",
        &HOIST_INVARIANTS,
        "(%l: f64, %x: f64) -> f64 {
          %a = while %l, %x, consts=1, bound=9 : f64
            cond(%l: f64, %s: f64) { %e = exp %l : f64 %go = compare lt %s, %e : bool yield %go }
            body(%l: f64, %s: f64) {
              %n = sin %l : f64
              %w = while %l, consts=0, bound=5 : f64
                cond(%v: f64) { %go = is_finite %v : bool yield %go }
                body(%v: f64) { %q = exp %v : f64 yield %q }
              %t = add %s, %n : f64
              %u = add %t, %w : f64
              yield %u }
          return %a }",
        "(%l: f64, %x: f64) -> f64 {
          %e = exp %l : f64
          %n = sin %l : f64
          %a = while %l, %e, %n, %x, consts=3, bound=9 : f64
            cond(%l: f64, %e: f64, %n: f64, %s: f64) { %go = compare lt %s, %e : bool yield %go }
            body(%l: f64, %e: f64, %n: f64, %s: f64) {
              %w = while %l, consts=0, bound=5 : f64
                cond(%v: f64) { %go = is_finite %v : bool yield %go }
                body(%v: f64) { %q = exp %v : f64 yield %q }
              %t = add %s, %n : f64
              %u = add %t, %w : f64
              yield %u }
          return %a }",
    ),
];

fn cases() -> impl Iterator<Item = &'static Case> {
    [DEAD, COMMON, INSIDE, CONTROL, HOISTED].into_iter().flatten()
}

/// Names of the parameters of regions are unique in a function; in the cases they repeat for legibility, level by level.
fn read(program: &str) -> (pullback_ir::Verified<pullback_ir::Module>, pullback_ir::FuncId) {
    function(&unique_names(program))
}

/// Appends the number of its region to every name that a region defines: a word in front of `(` opens a region, and `}` closes the last one.
fn unique_names(program: &str) -> String {
    let mut renamed = String::new();
    let (mut open, mut regions) = (Vec::new(), 0);
    for word in program.split_inclusive(|c: char| c.is_whitespace() || ",():{}".contains(c)) {
        let name = word.trim_end_matches(|c: char| c.is_whitespace() || ",():{}".contains(c));
        let separator = &word[name.len()..];
        if separator == "(" && !name.is_empty() {
            regions += 1;
            open.push(regions);
        }
        renamed += name;
        if let (true, Some(number)) = (name.starts_with('%'), open.last()) {
            renamed += &format!("_r{number}");
        }
        renamed += separator;
        if separator == "}" {
            open.pop();
        }
    }
    renamed
}

#[test]
fn every_case_becomes_what_is_expected() {
    for (what, pass, before, after) in cases() {
        let (module, id) = read(before);
        let found = (pass.run)(&module, module.function(id)).unwrap().into_owned();
        let found = live(&module, &found);
        let (expected, expected_id) = read(after);
        assert_same(&format!("{what}, by {}", pass.name), &found, &expected, expected_id);
    }
}

#[test]
fn every_pass_keeps_the_values_of_every_case() {
    for (what, _, before, _) in cases() {
        let (module, id) = read(before);
        for pass in DEFAULT {
            let after = with(&module, id, (pass.run)(&module, module.function(id)).unwrap().into_owned());
            // Mistakes in names and types of regions are found when the text is read again.
            let again = common::module(&after.to_string());
            assert_agree_on(&format!("{what}, by {}", pass.name), &module, &again, id, Compare::ButForZeroSigns, 7);
        }
        let optimized = optimize(&module, id).unwrap();
        assert_eq!(
            optimized.stop,
            Stop::Unchanged,
            "{what}\n{}",
            text(&optimized.module, optimized.module.function(id))
        );
        assert_agree_on(what, &module, &optimized.module, id, Compare::ButForZeroSigns, 7);
    }
}

#[test]
fn a_pass_changes_its_own_result_no_more() {
    for (what, pass, before, _) in cases() {
        let (module, id) = read(before);
        let options = PipelineOptions { verify_between: true, ..PipelineOptions::default() };
        let pipeline = [*pass, &ELIMINATE_DEAD_CODE];
        let run = run_pipeline(&module, id, &pipeline, &options, &mut |_, _, _, _| {}).unwrap();
        assert_eq!(run.stop, Stop::Unchanged, "{what}");
    }
}

#[test]
fn calls_in_regions_are_inlined() {
    let module = common::module(
        "func @g(%x: f64) -> f64 { %y = sin %x : f64 return %y }
         func @f(%x: f64) -> f64 {
           %a = scan %x, length=3, consts=0, carry=1 : f64
             body(%s: f64) { %t = call @g %s : f64 yield %t }
           return %a }",
    );
    let id = module.find("f").unwrap();
    let after = with(&module, id, (INLINE_CALLS.run)(&module, module.function(id)).unwrap().into_owned());
    assert!(!text(&after, after.function(id)).contains("call"), "{}", text(&after, after.function(id)));
    assert_agree_on("inlined", &module, &after, id, Compare::Exactly, 7);
}

#[test]
fn the_gradient_of_a_rule_that_is_given_keeps_its_rule() {
    // What a custom rule takes and gives is part of its type: nothing of it is removed, however dead.
    let (module, id) = function(
        "(%x: f64, %y: f64) -> f64 {
          %a, %b = custom_derivative %x, %y, rule=jvp : f64, f64
            primal(%p: f64, %q: f64) { %s = sin %p : f64 yield %s, %q }
            jvp(%p1: f64, %q1: f64, %dp: f64, %dq: f64) {
              %c = cos %p1 : f64 %m = mul %c, %dp : f64 %dead = exp %m : f64 yield %m, %dq }
          return %a }",
    );
    let after = with(&module, id, live(&module, module.function(id)));
    let shown = text(&after, after.function(id));
    assert!(!shown.contains("%dead") && shown.contains("%dq") && shown.contains("%b"), "{shown}");
}
