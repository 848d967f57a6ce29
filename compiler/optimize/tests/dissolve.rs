//! What reads a concatenation that is dissolved computes what it did; what has to be stored stays.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{Compare, assert_agree, function, text, with};
use pullback_optimize::optimize;
use pullback_optimize::passes::{DISSOLVE_CONCATENATIONS, ELIMINATE_DEAD_CODE};

/// The program after the pass and without what is dead then; it has to compute the same, as after a whole pipeline.
fn dissolved(what: &str, program: &str) -> String {
    let (module, id) = function(program);
    let mut after = module.clone();
    for pass in [&DISSOLVE_CONCATENATIONS, &ELIMINATE_DEAD_CODE] {
        after = with(&after, id, (pass.run)(&after, after.function(id)).unwrap().into_owned());
    }
    assert_agree(what, &module, &after, id, Compare::Exactly);
    assert_agree(what, &module, &optimize(&module, id).unwrap().module, id, Compare::Exactly);
    text(&after, after.function(id))
}

fn count(shown: &str, part: &str) -> usize {
    shown.matches(part).count()
}

#[test]
fn a_concatenation_is_not_stored_where_its_readers_are() {
    let shown = dissolved(
        "a prefix and a product, read whole and from the second element on",
        "(%a: f64[1], %x: f64[299], %y: f64[299], %z: f64[300], %w: f64[299]) -> (f64[300], f64[299], f64[299]) {
  %p = mul %x, %y : f64[299]
  %k = concatenate %a, %p, axis=0 : f64[300]
  %s = sub %z, %k : f64[300]
  %t = slice %k, start=[0], limit=[299] : f64[299]
  %h = constant 0.5 : f64[299]
  %th = mul %t, %h : f64[299]
  %u = add %w, %th : f64[299]
  %rest = slice %k, start=[1], limit=[300] : f64[299]
  %v = max %rest, %w : f64[299]
  return %s, %u, %v
}",
    );
    assert!(!shown.contains("concatenate %a"), "{shown}");
    assert_eq!(count(&shown, "concatenate"), 2, "of what is stored, but for the last, which is one piece:\n{shown}");
    assert_eq!(count(&shown, "mul %"), 3 + 2, "a product for each reader, and two by a constant:\n{shown}");
}

#[test]
fn readers_are_cut_where_any_of_what_they_read_is() {
    let shown = dissolved(
        "two concatenations in one reader",
        "(%a: f64[1,30], %b: f64[1,70], %c: f64[1,300], %d: f64[1,330], %m: bool[1,400]) -> f64[1,400] {
  %n = neg %c : f64[1,300]
  %k = concatenate %a, %b, %n, axis=1 : f64[1,400]
  %l = concatenate %b, %d, axis=1 : f64[1,400]
  %s = select %m, %k, %l : f64[1,400]
  return %s
}",
    );
    // At 30 and 100, and at 70.
    for piece in
        ["limit=[1,30]", "start=[0,30], limit=[1,70]", "start=[0,70], limit=[1,100]", "start=[0,100], limit=[1,400]"]
    {
        assert!(shown.contains(piece), "no `{piece}` in\n{shown}");
    }
    assert_eq!((count(&shown, "concatenate"), count(&shown, "select")), (1, 4), "{shown}");
}

#[test]
fn a_step_of_a_loop_computes_its_slopes_where_they_are_needed() {
    let shown = dissolved(
        "two stages, the state after the first stacked",
        "(%a: f64[1], %x: f64[299], %y: f64[300]) -> (f64[300], f64[3,299]) {
  %r, %ys = scan %x, %a, %y, length=3, consts=2, carry=1 : f64[300], f64[3,299]
    body(%x_1: f64[299], %a_1: f64[1], %s: f64[300]) {
      %f = slice %s, start=[0], limit=[299] : f64[299]
      %p = mul %x_1, %f : f64[299]
      %k = concatenate %a_1, %p, axis=0 : f64[300]
      %kf = slice %k, start=[0], limit=[299] : f64[299]
      %m = sub %f, %kf : f64[299]
      %p2 = mul %x_1, %m : f64[299]
      %k2 = concatenate %a_1, %p2, axis=0 : f64[300]
      %t = sub %s, %k : f64[300]
      %u = sub %t, %k2 : f64[300]
      yield %u, %m
    }
  return %r, %ys
}",
    );
    assert_eq!(count(&shown, "concatenate"), 2, "the state and what is stacked:\n{shown}");
    assert!(!shown.contains("concatenate %a_1"), "{shown}");
}

#[test]
fn what_costs_more_or_is_needed_in_memory_stays() {
    let kept = |what: &str, program: &str| {
        let shown = dissolved(what, program);
        assert!(shown.contains("concatenate %a, %p"), "{what}:\n{shown}");
    };
    let unary = |operation: &str, n: usize| {
        format!(
            "(%a: f64[1], %x: f64[{n}], %z: f64[{0}]) -> f64[{0}] {{
  %p = {operation} %x : f64[{n}]
  %k = concatenate %a, %p, axis=0 : f64[{0}]
  %s = add %z, %k : f64[{0}]
  return %s
}}",
            n + 1
        )
    };
    assert!(!dissolved("a negation", &unary("neg", 299)).contains("concatenate %a"));
    kept("a function of many instructions", &unary("sin", 299));
    kept("what is small", &unary("neg", 29));
    kept(
        "columns",
        "(%a: f64[20,3], %p: f64[20,37], %z: f64[20,40]) -> f64[20,40] {
  %k = concatenate %a, %p, axis=1 : f64[20,40]
  %s = add %z, %k : f64[20,40]
  return %s
}",
    );
    kept(
        "what a sum reads too",
        "(%a: f64[1], %p: f64[299], %z: f64[300]) -> (f64[300], f64) {
  %k = concatenate %a, %p, axis=0 : f64[300]
  %s = add %z, %k : f64[300]
  %t = reduce max %k, axes=[0] : f64
  return %s, %t
}",
    );
    kept(
        "what would be computed twice on the way",
        "(%a: f64[1], %p: f64[299], %z: f64[300]) -> (f64[300], f64[300]) {
  %k = concatenate %a, %p, axis=0 : f64[300]
  %e = sin %k : f64[300]
  %s = add %z, %e : f64[300]
  %t = mul %z, %e : f64[300]
  return %s, %t
}",
    );
    kept(
        "a product with what is not in memory",
        "(%a: f64[1], %x: f64[299], %z: f64[300]) -> f64[300] {
  %e = sin %x : f64[299]
  %p = mul %x, %e : f64[299]
  %k = concatenate %a, %p, axis=0 : f64[300]
  %s = add %z, %k : f64[300]
  return %s
}",
    );
}
