//! Values computed again: the results stay the same, the memory model keeps its promise, and what must not be computed again is not.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::fmt::Write;

use common::{Compare, Random, assert_agree_on, function, text, with};
use pullback_ir::{Builder, DType, DotDims, FuncId, Function, Module, Op, Shape, Type, Unary, Value, Verified, verify};
use pullback_optimize::fuse::{FuseOptions, Fusion, Plan, fuse};
use pullback_optimize::rematerialize::{choices, rematerialize};

fn planned(function: &Function, kinds: Fusion) -> Plan {
    fuse(function, FuseOptions { kinds, ..FuseOptions::default() }).unwrap()
}

/// Layers that each need the one before, and then something that needs all of them, the last first.
fn there_and_back(layers: usize) -> (Verified<Module>, FuncId) {
    let mut text = String::from("(%h0: f64[64]) -> f64[64] {\n");
    for layer in 1..=layers {
        let _ = writeln!(text, "  %h{layer} = tanh %h{} : f64[64]", layer - 1);
    }
    let _ = writeln!(text, "  %g{layers} = neg %h{layers} : f64[64]");
    for layer in (1..layers).rev() {
        let _ = writeln!(text, "  %g{layer} = mul %g{}, %h{layer} : f64[64]", layer + 1);
    }
    let _ = writeln!(text, "  return %g1\n}}");
    function(&text)
}

const VECTOR: usize = 64 * 8;

#[test]
fn a_chain_can_be_kept_in_twice_the_root_of_its_length() {
    let (module, id) = there_and_back(36);
    let before = module.function(id);
    let plan = planned(before, Fusion::Off);
    let found = choices(before, &plan);
    assert_eq!(found.peak, 37 * VECTOR, "all layers, and the first step back");
    assert!(found.found.is_sorted_by(|x, y| x.work <= y.work && x.peak > y.peak), "more work for less memory");
    let best = found.found.last().unwrap();
    assert!(best.peak <= (2 * 6 + 2) * VECTOR, "{} vectors", best.peak / VECTOR);
    let after = rematerialize(&module, before, &plan, best).unwrap();
    let count = |function: &Function| {
        function.insts().iter().filter(|&&inst| *function.op(inst) == Op::Unary(Unary::Tanh)).count()
    };
    assert_eq!((count(before), count(&after)), (36, 36 + best.values.len()), "each is computed again once");
    assert_agree_on("chain", &module, &with(&module, id, after), id, Compare::Exactly, 37);
}

#[test]
fn the_second_time_stays_apart_from_the_first_whatever_is_fused() {
    // Without the barriers, one loop over all would compute everything early.
    let (module, id) = there_and_back(24);
    let before = module.function(id);
    for kinds in Fusion::ALL {
        let plan = planned(before, kinds);
        let found = choices(before, &plan);
        let Some(best) = found.found.last() else {
            assert!(kinds > Fusion::Off && found.peak == 0, "{kinds}: one loop keeps nothing");
            continue;
        };
        let after = rematerialize(&module, before, &plan, best).unwrap();
        assert!(choices(&after, &planned(&after, kinds)).peak <= best.peak, "{kinds}\n{}", text(&module, &after));
    }
}

#[test]
fn loops_and_what_is_returned_are_not_computed_again() {
    let (module, id) = function(
        "(%x: f64[64]) -> (f64[64], f64[64]) {
  %a = scan %x, length=4, consts=0, carry=1 : f64[64]
    body(%s: f64[64]) {
      %t = tanh %s : f64[64]
      yield %t
    }
  %b = exp %a : f64[64]
  %c = sin %b : f64[64]
  %d = mul %c, %a : f64[64]
  %f = neg %d : f64[64]
  %g = exp %f : f64[64]
  %k = mul %f, %g : f64[64]
  %h = mul %k, %c : f64[64]
  %e = mul %h, %a : f64[64]
  return %b, %e
}
",
    );
    let function = module.function(id);
    let found = choices(function, &planned(function, Fusion::Off));
    let chosen: Vec<Value> = found.found.iter().flat_map(|choice| choice.values.clone()).collect();
    let names: Vec<String> = chosen.iter().map(|&value| function.value_name(value).unwrap().to_string()).collect();
    assert_eq!(names, ["c"], "{found:?}: not the loop %a, which is there as long, nor %b, which the caller keeps");
}

/// A random program of integers, so that all sums are exact, that goes through its values again from the last to the first.
fn random(seed: u64) -> (Verified<Module>, FuncId) {
    let mut random = Random(seed);
    let empty = Module::new();
    let b = Builder::new(&empty, "f");
    let ty = Type { dtype: DType::I64, shape: Shape::new(&[8, 8]).unwrap() };
    let mut values: Vec<Value> = (0..2).map(|_| b.param("p", ty.clone())).collect();
    let product = || DotDims { lhs_contract: [1].into(), rhs_contract: [0].into(), ..DotDims::default() };
    let mut step = |values: &[Value], x: Value| {
        let y = values[values.len() - 1 - random.below(values.len().min(5))];
        match random.below(7) {
            0 => b.dot(x, y, product()),
            1 => b.transpose(b.add(x, y), [1, 0]),
            2 => b.reverse(b.mul(x, y), [0]),
            3 => b.broadcast(b.reduce_add(x, [1]), &ty.shape, [0]),
            4 => b.reshape(b.reshape(b.sub(x, y), &Shape::new(&[64]).unwrap()), &ty.shape),
            5 => b.barrier(&[b.max(x, y)])[0],
            _ => b.sub(b.mul(x, x), y),
        }
    };
    for _ in 0..20 {
        let x = *values.last().unwrap();
        let next = step(&values, x);
        values.push(next);
    }
    let mut back = *values.last().unwrap();
    for &value in values.iter().rev() {
        back = step(&[value, back], value);
    }
    let function = b.finish(&[back, values[10]]).unwrap();
    let mut module = Module::new();
    let id = module.add(function);
    (verify(module).unwrap(), id)
}

#[test]
fn random_programs_keep_their_values_with_every_choice() {
    let mut tried = 0;
    for seed in 0..20 {
        let (module, id) = random(seed);
        let before = module.function(id);
        for kinds in [Fusion::Off, Fusion::Elementwise, Fusion::All] {
            let plan = planned(before, kinds);
            for choice in choices(before, &plan).found {
                let after = rematerialize(&module, before, &plan, &choice).unwrap();
                planned(&after, kinds);
                let what = format!("seed {seed}, {kinds}, {choice:?}");
                assert_agree_on(&what, &module, &with(&module, id, after), id, Compare::Exactly, 37);
                tried += 1;
            }
        }
    }
    assert!(tried > 100, "{tried} choices");
}
