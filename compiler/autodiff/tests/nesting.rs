//! Work and size grow with the depth of nested control flow, they do not double with it: were a region visited twice for each visit of what is around it, the
//! innermost of the programs here would be visited 2^28 times.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{add, array, find, load, run};
use pullback_autodiff::{Error, grad, jvp, linearize, vjp, vmap};
use pullback_ir::{DType, Function, Module, Type, Verified};

/// One level around what is inside: text with `{d}` for the level, `{i}` for the next and `{body}`; the value going in is `%p{d}`, that coming out `%r{d}`.
const SCAN: &str = "
  %c{d} = constant 0.0 : f64
  %r{d}, %q{d} = scan %p{d}, %c{d}, length=1, consts=0, carry=2 : f64, f64
  body(%p{i}: f64, %b{i}: f64) {
    {body}
    yield %r{i}, %p{i}
  }
";
const WHILE: &str = "
  %n{d} = constant 0 : i32
  %c{d} = constant 0.0 : f64
  %r{d}, %q{d}, %m{d} = while %p{d}, %c{d}, %n{d}, consts=0, bound=1 : f64, f64, i32
  cond(%u{i}: f64, %v{i}: f64, %w{i}: i32) {
    %one{i} = constant 1 : i32
    %go{i} = compare lt %w{i}, %one{i} : bool
    yield %go{i}
  }
  body(%p{i}: f64, %b{i}: f64, %k{i}: i32) {
    {body}
    %o{i} = constant 1 : i32
    %l{i} = add %k{i}, %o{i} : i32
    yield %r{i}, %p{i}, %l{i}
  }
";
const COND: &str = "
  %z{d} = constant 0.0 : f64
  %t{d} = compare gt %p{d}, %z{d} : bool
  %r{d} = cond %t{d}, %p{d} : f64
  then(%p{i}: f64) {
    {body}
    yield %r{i}
  }
  else(%e{i}: f64) {
    yield %e{i}
  }
";
const CHECKPOINT: &str = "
  %r{d} = checkpoint %p{d} : f64
  body(%p{i}: f64) {
    {body}
    yield %r{i}
  }
";
const RULE: &str = "
  %r{d} = custom_derivative %p{d}, rule=jvp : f64
  primal(%p{i}: f64) {
    {body}
    yield %r{i}
  }
  jvp(%x{i}: f64, %x_t{i}: f64) {
    %s{i} = cos %x{i} : f64
    %y_t{i} = mul %s{i}, %x_t{i} : f64
    yield %y_t{i}
  }
";

/// The sine of a number, so many levels deep.
fn nested(level: &str, depth: usize) -> Verified<Module> {
    let mut text = format!("%r{depth} = sin %p{depth} : f64");
    for at in (0..depth).rev() {
        let around = level.replace("{d}", &at.to_string()).replace("{i}", &(at + 1).to_string());
        text = around.replace("{body}", &text);
    }
    load(&format!("func @f(%p0: f64) -> f64 {{\n{text}\n  return %r0\n}}\n"))
}

fn size(function: &Function) -> usize {
    function.all_insts().len()
}

/// Runs `pass` on nests of half the depth and of all of it, checks what the last computes at 0.5 and that sizes grow no faster than the square of the depth.
fn check(level: &str, depth: usize, pass: impl Fn(&Verified<Module>) -> Function, inputs: &[&[f64]], expected: &[f64]) {
    let half = size(&pass(&nested(level, depth / 2)));
    let module = nested(level, depth);
    let function = pass(&module);
    assert!(size(&function) <= 5 * half, "{} instructions, {half} at half the depth\n{level}", size(&function));
    let (module, id) = add(&module, function);
    let types: Vec<Type> = module.function(id).param_types().cloned().collect();
    let inputs: Vec<_> = types.iter().zip(inputs).map(|(ty, values)| array(ty, values)).collect();
    let found: Vec<f64> = run(&module, id, &inputs).iter().flat_map(|array| array.to_f64()).collect();
    assert_eq!(found, expected, "{level}");
    assert!(types.iter().all(|ty| ty.dtype == DType::F64));
}

#[test]
fn forward_mode_visits_each_region_of_a_nest_a_few_times() {
    let (sin, cos) = (0.5_f64.sin(), 0.5_f64.cos());
    for level in [SCAN, WHILE, COND, CHECKPOINT, RULE] {
        check(level, 28, |m| jvp(m, find(m, "f"), &[0]).unwrap(), &[&[0.5], &[1.0]], &[sin, cos]);
    }
}

#[test]
fn reverse_mode_visits_each_region_of_a_nest_a_few_times() {
    let cos = 0.5_f64.cos();
    // A while with a bound becomes a branch in a loop: two levels.
    for (level, depth) in [(SCAN, 28), (WHILE, 14), (COND, 28), (CHECKPOINT, 28), (RULE, 28)] {
        check(
            level,
            depth,
            |m| grad(m, find(m, "f"), &[0]).unwrap_or_else(|error| panic!("{error}\n{level}")),
            &[&[0.5]],
            &[cos],
        );
    }
}

#[test]
fn batching_visits_each_region_of_a_nest_a_few_times() {
    let (sin, other) = (0.5_f64.sin(), 0.25_f64.sin());
    for level in [SCAN, WHILE, COND, CHECKPOINT, RULE] {
        check(level, 28, |m| vmap(m, find(m, "f"), 2, &[Some(0)], &[0]).unwrap(), &[&[0.5, 0.25]], &[sin, other]);
    }
}

#[test]
fn a_nest_whose_reverse_pass_would_be_too_deep_is_a_limit_and_no_bug() {
    let policy = |policy: &str| SCAN.replace("carry=2", &format!("carry=2, {policy}")).replace("length=1", "length=2");
    for (level, depth, deep) in [
        (WHILE.to_owned(), 17, 34),
        (policy("checkpoint=recompute"), 17, 34),
        (policy("checkpoint_every=1"), 11, 33),
        (policy("checkpoint_slots=1"), 9, 36),
    ] {
        let module = nested(&level, depth);
        let f = find(&module, "f");
        assert!(jvp(&module, f, &[0]).is_ok(), "{level}");
        let error = grad(&module, f, &[0]).unwrap_err();
        assert!(matches!(error, Error::TooLarge { .. }), "{error}");
        assert!(
            error.to_string().contains(&format!(
                "@f: the loops and branches of its derivative in reverse mode would nest {deep} deep"
            )),
            "{error}"
        );
        assert_eq!(linearize(&module, f, &[0]).unwrap_err(), error);
        // One level less is not refused.
        assert!(grad(&nested(&level, depth - 1), f, &[0]).is_ok(), "{level}");
    }
}

#[test]
fn what_a_loop_keeps_may_have_as_many_axes_as_there_can_be() {
    let ty = format!("f64[2{}]", ",1".repeat(15));
    let text = |length: &str, policy: &str| {
        format!(
            "func @f(%x: {ty}) -> {ty} {{\n  %y = scan %x, length={length}, consts=0, carry=1{policy} : {ty}\n    \
             body(%a: {ty}) {{\n      %s = sin %a : {ty}\n      yield %s\n    }}\n  return %y\n}}\n"
        )
    };
    for policy in ["", ", checkpoint=recompute", ", checkpoint_every=2"] {
        common::check_text(&text("4", policy), &[(0.2, 1.0)], 1);
    }
    let refusal = |length: &str, policy: &str| {
        let module = load(&text(length, policy));
        let error = vjp(&module, find(&module, "f"), &[0]).unwrap_err();
        assert!(!error.is_bug(), "{error}");
        error.to_string()
    };
    let error = refusal("4", ", checkpoint_slots=2");
    assert!(error.contains("scan") && error.contains("checkpoint_slots=2 keeps 2 states of type f64[2,1"), "{error}");
    let error = refusal("281474976710656", "");
    assert!(
        error.contains("of each of 281474976710656 iterations") && error.contains("give a checkpoint policy"),
        "{error}"
    );
}
