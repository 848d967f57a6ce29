//! Convolutions with their features last compute what they did, and so does all that follows them in that layout.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{Compare, assert_agree, function, text, with};
use pullback_ir::{FuncId, Module, Verified};
use pullback_optimize::optimize;
use pullback_optimize::passes::CHANNELS_LAST;

/// The program after the pass, which has to compute the same; as a whole pipeline does.
fn turned(what: &str, program: &str) -> (Verified<Module>, FuncId, String) {
    let (module, id) = function(program);
    let after = with(&module, id, (CHANNELS_LAST.run)(&module, module.function(id)).unwrap().into_owned());
    assert_agree(what, &module, &after, id, Compare::OnWholeNumbers);
    assert_agree(what, &module, &optimize(&module, id).unwrap().module, id, Compare::OnWholeNumbers);
    let shown = text(&after, after.function(id));
    (after, id, shown)
}

fn assert_has(shown: &str, parts: &[&str]) {
    for part in parts {
        assert!(shown.contains(part), "no `{part}` in\n{shown}");
    }
}

#[test]
fn what_follows_a_convolution_is_done_with_its_features_last() {
    let (.., shown) = turned(
        "an image network",
        "(%x: f64[2,3,12,10], %w: f64[8,3,3,3], %bias: f64[8], %w2: f64[9,8,2,3]) -> (f64[2,9,5,3], f64[8], f64[2,8,5,4]) {
  %y = conv %x, %w, lhs=[0,1,2,3], rhs=[0,1,2,3], out=[0,1,2,3] : f64[2,8,10,8]
  %b = broadcast %bias, dims=[1] : f64[2,8,10,8]
  %z = add %y, %b : f64[2,8,10,8]
  %0 = constant 0.0 : f64[2,8,10,8]
  %m = compare le %z, %0 : bool[2,8,10,8]
  %r = select %m, %0, %z : f64[2,8,10,8]
  %p = reduce_window max %r, size=[1,1,2,2], stride=[1,1,2,2] : f64[2,8,5,4]
  %f = constant 0.0 : f64
  %q = pad %p, %f, low=[0,0,0,0], high=[0,0,1,1] : f64[2,8,6,5]
  %c = conv %q, %w2, lhs=[0,1,2,3], rhs=[0,1,2,3], out=[0,1,2,3] : f64[2,9,5,3]
  %s = reduce add %r, axes=[0,2,3] : f64[8]
  return %c, %s, %p
}",
    );
    assert_has(
        &shown,
        &[
            "conv",
            "f64[2,10,8,8]",
            ": bool[2,10,8,8]",
            "f64[2,5,4,8]",
            "f64[2,6,5,8]",
            "f64[2,5,3,9]",
            "size=[1,2,2,1]",
        ],
    );
}

#[test]
fn windows_and_their_sums_are_taken_with_features_last() {
    let (.., shown) = turned(
        "the adjoint of a maximum over windows",
        "(%x: f64[2,3,9,12], %w: f64[8,3,2,3], %g: f64[2,8,4,5]) -> (f64[2,8,8,10], f64[8,3,2,3]) {
  %y = conv %x, %w, lhs=[0,1,2,3], rhs=[0,1,2,3], out=[0,1,2,3] : f64[2,8,8,10]
  %p = reduce_window max %y, size=[1,1,2,2], stride=[1,1,2,2] : f64[2,8,4,5]
  %v = windows %y, axes=[2,3], size=[2,2], stride=[2,2] : f64[2,8,4,5,2,2]
  %m = broadcast %p, dims=[0,1,2,3] : f64[2,8,4,5,2,2]
  %e = compare eq %v, %m : bool[2,8,4,5,2,2]
  %c = convert %e : f64[2,8,4,5,2,2]
  %n = reduce add %c, axes=[4,5] : f64[2,8,4,5]
  %h = mul %g, %n : f64[2,8,4,5]
  %b = broadcast %h, dims=[0,1,2,3] : f64[2,8,4,5,2,2]
  %0 = constant 0.0 : f64[2,8,4,5,2,2]
  %s = select %e, %b, %0 : f64[2,8,4,5,2,2]
  %d = overlap_add %s, axes=[2,3], size=[2,2], stride=[2,2] : f64[2,8,8,10]
  %dw = conv %x, %d, lhs=[1,0,2,3], rhs=[1,0,2,3], out=[1,0,2,3] : f64[8,3,2,3]
  return %d, %dw
}",
    );
    // The gradient of the kernel is computed as its operands lie.
    assert_has(&shown, &["f64[2,4,5,8,2,2]", "overlap_add", "f64[2,8,10,8]", "axes=[1,2]", "f64[3,2,3,8]"]);
}

#[test]
fn the_gradient_of_a_kernel_reads_both_images_with_features_last() {
    let (.., shown) = turned(
        "two layers",
        "(%x: f64[2,3,9,10], %w: f64[8,3,2,2], %v: f64[8,8,2,2], %g: f64[2,8,7,8]) -> (f64[8,8,2,2], f64[2,8,8,9]) {
  %y = conv %x, %w, lhs=[0,1,2,3], rhs=[0,1,2,3], out=[0,1,2,3] : f64[2,8,8,9]
  %z = conv %y, %v, lhs=[0,1,2,3], rhs=[0,1,2,3], out=[0,1,2,3] : f64[2,8,7,8]
  %h = mul %z, %g : f64[2,8,7,8]
  %dv = conv %y, %h, lhs=[1,0,2,3], rhs=[1,0,2,3], out=[1,0,2,3] : f64[8,8,2,2]
  %r = reverse %v, axes=[2,3] : f64[8,8,2,2]
  %dy = conv %h, %r, lhs=[0,1,2,3], rhs=[1,0,2,3], out=[0,1,2,3], low=[1,1], high=[1,1] : f64[2,8,8,9]
  return %dv, %dy
}",
    );
    assert_has(&shown, &["lhs=[3,0,1,2]", "f64[2,2,8,8]", "f64[2,7,8,8]", "f64[2,8,9,8]"]);
}

#[test]
fn convolutions_in_groups_of_few_features_or_with_features_last_stay() {
    let same = |what: &str, program: &str| {
        let (module, id) = function(program);
        let after = (CHANNELS_LAST.run)(&module, module.function(id)).unwrap().into_owned();
        assert_eq!(text(&module, &after), text(&module, module.function(id)), "{what}");
    };
    same(
        "groups",
        "(%x: f32[2,8,12,12], %w: f32[8,1,3,3]) -> f32[2,8,10,10] {
  %y = conv %x, %w, lhs=[0,1,2,3], rhs=[0,1,2,3], out=[0,1,2,3], feature_groups=8 : f32[2,8,10,10]
  return %y
}",
    );
    same(
        "few features",
        "(%x: f32[2,8,12,12], %w: f32[4,8,3,3]) -> f32[2,4,10,10] {
  %y = conv %x, %w, lhs=[0,1,2,3], rhs=[0,1,2,3], out=[0,1,2,3] : f32[2,4,10,10]
  return %y
}",
    );
    same(
        "features last",
        "(%x: f32[2,12,12,8], %w: f32[8,8,3,3]) -> f32[2,10,10,8] {
  %y = conv %x, %w, lhs=[0,3,1,2], rhs=[0,1,2,3], out=[0,3,1,2] : f32[2,10,10,8]
  return %y
}",
    );
}
