//! The passes that write and compute arrays in pieces: sums of pads are assembled, values are computed where they are read, and the values stay.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{Compare, Random, assert_agree, assert_agree_on, assert_same, function, live, text, with};
use pullback_ir::{
    Binary, Builder, DType, Literal, Module, Op, PadSpec, Reduction, Scalar, Type, Unary, Value, verify,
};
use pullback_optimize::passes::{ASSEMBLE_SUMS, NARROW_VALUES};
use pullback_optimize::{DEFAULT, Pass, PipelineOptions, Stop, run_pipeline};

/// What a case shows, the pass, a program before it, and after it and dead code elimination.
type Case = (&'static str, &'static Pass, &'static str, &'static str);

const SUMS: &[Case] = &[
    (
        "pads side by side are a concatenation",
        &ASSEMBLE_SUMS,
        "(%x: f64[2], %y: f64[3]) -> f64[6] {
          %z = constant 0.0 : f64
          %a = pad %x, %z, low=[0], high=[4] : f64[6]
          %b = pad %y, %z, low=[3], high=[0] : f64[6]
          %s = add %a, %b : f64[6]
          return %s }",
        "(%x: f64[2], %y: f64[3]) -> f64[6] {
          %p = constant 0.0 : f64[2]
          %a = add %x, %p : f64[2]
          %g = constant 0.0 : f64[1]
          %q = constant 0.0 : f64[3]
          %b = add %y, %q : f64[3]
          %s = concatenate %a, %g, %b, axis=0 : f64[6]
          return %s }",
    ),
    (
        "a padding of -0.0 adds nothing",
        &ASSEMBLE_SUMS,
        "(%x: f64[2], %y: f64[3]) -> f64[6] {
          %z = constant -0.0 : f64
          %a = pad %x, %z, low=[0], high=[4] : f64[6]
          %b = pad %y, %z, low=[3], high=[0] : f64[6]
          %s = add %a, %b : f64[6]
          return %s }",
        "(%x: f64[2], %y: f64[3]) -> f64[6] {
          %g = constant -0.0 : f64[1]
          %s = concatenate %x, %g, %y, axis=0 : f64[6]
          return %s }",
    ),
    (
        "integers have one zero",
        &ASSEMBLE_SUMS,
        "(%x: i32[2], %y: i32[4]) -> i32[6] {
          %z = constant 0 : i32
          %a = pad %x, %z, low=[0], high=[4] : i32[6]
          %b = pad %y, %z, low=[2], high=[0] : i32[6]
          %s = add %a, %b : i32[6]
          return %s }",
        "(%x: i32[2], %y: i32[4]) -> i32[6] {
          %s = concatenate %x, %y, axis=0 : i32[6]
          return %s }",
    ),
    (
        "where pads overlap they are added, in the order of the sum",
        &ASSEMBLE_SUMS,
        "(%x: i32[3], %y: i32[3], %w: i32[3]) -> i32[4] {
          %z = constant 0 : i32
          %a = pad %x, %z, low=[0], high=[1] : i32[4]
          %b = pad %y, %z, low=[1], high=[0] : i32[4]
          %c = pad %w, %z, low=[1], high=[0] : i32[4]
          %t = add %b, %c : i32[4]
          %s = add %a, %t : i32[4]
          return %s }",
        "(%x: i32[3], %y: i32[3], %w: i32[3]) -> i32[4] {
          %x0 = slice %x, start=[0], limit=[1] : i32[1]
          %x1 = slice %x, start=[1], limit=[3] : i32[2]
          %y0 = slice %y, start=[0], limit=[2] : i32[2]
          %w0 = slice %w, start=[0], limit=[2] : i32[2]
          %t0 = add %y0, %w0 : i32[2]
          %s0 = add %x1, %t0 : i32[2]
          %y1 = slice %y, start=[2], limit=[3] : i32[1]
          %w1 = slice %w, start=[2], limit=[3] : i32[1]
          %t1 = add %y1, %w1 : i32[1]
          %s = concatenate %x0, %s0, %t1, axis=0 : i32[4]
          return %s }",
    ),
    (
        "an array that is there anyway takes part",
        &ASSEMBLE_SUMS,
        "(%x: i32[4], %y: i32[3]) -> i32[4] {
          %z = constant 0 : i32
          %a = pad %y, %z, low=[0], high=[1] : i32[4]
          %s = add %x, %a : i32[4]
          return %s }",
        "(%x: i32[4], %y: i32[3]) -> i32[4] {
          %x0 = slice %x, start=[0], limit=[3] : i32[3]
          %s0 = add %x0, %y : i32[3]
          %x1 = slice %x, start=[3], limit=[4] : i32[1]
          %s = concatenate %s0, %x1, axis=0 : i32[4]
          return %s }",
    ),
    (
        "an array that would have to be stored for it does not",
        &ASSEMBLE_SUMS,
        "(%x: i32[4], %y: i32[3]) -> i32[4] {
          %z = constant 0 : i32
          %a = pad %y, %z, low=[0], high=[1] : i32[4]
          %w = mul %x, %x : i32[4]
          %s = add %w, %a : i32[4]
          return %s }",
        "(%x: i32[4], %y: i32[3]) -> i32[4] {
          %z = constant 0 : i32
          %a = pad %y, %z, low=[0], high=[1] : i32[4]
          %w = mul %x, %x : i32[4]
          %s = add %w, %a : i32[4]
          return %s }",
    ),
    (
        "elements of a matrix, negated and scaled",
        &ASSEMBLE_SUMS,
        "(%x: f32[1,1], %y: f32[1,2]) -> f32[2,2] {
          %z = constant 0.0 : f32
          %a = pad %x, %z, low=[0,1], high=[1,0] : f32[2,2]
          %b = pad %y, %z, low=[1,0], high=[0,0] : f32[2,2]
          %n = neg %a : f32[2,2]
          %c = constant -2.0 : f32[2,2]
          %m = mul %b, %c : f32[2,2]
          %s = add %n, %m : f32[2,2]
          return %s }",
        "(%x: f32[1,1], %y: f32[1,2]) -> f32[2,2] {
          %n = neg %x : f32[1,1]
          %c = constant -2.0 : f32[1,2]
          %m = mul %y, %c : f32[1,2]
          %g = constant -0.0 : f32[1,1]
          %top = concatenate %g, %n, axis=1 : f32[1,2]
          %s = concatenate %top, %m, axis=0 : f32[2,2]
          return %s }",
    ),
    (
        "in loops too",
        &ASSEMBLE_SUMS,
        "(%x: i32[4]) -> i32[4] {
          %r = scan %x, length=3, consts=0, carry=1 : i32[4]
            body(%c: i32[4]) {
              %z = constant 0 : i32
              %l = slice %c, start=[1], limit=[4] : i32[3]
              %a = pad %l, %z, low=[0], high=[1] : i32[4]
              %s = add %c, %a : i32[4]
              yield %s }
          return %r }",
        "(%x: i32[4]) -> i32[4] {
          %r = scan %x, length=3, consts=0, carry=1 : i32[4]
            body(%c: i32[4]) {
              %l = slice %c, start=[1], limit=[4] : i32[3]
              %c0 = slice %c, start=[0], limit=[3] : i32[3]
              %s0 = add %c0, %l : i32[3]
              %c1 = slice %c, start=[3], limit=[4] : i32[1]
              %s = concatenate %s0, %c1, axis=0 : i32[4]
              yield %s }
          return %r }",
    ),
];

const NARROWED: &[Case] = &[
    (
        "what is split is computed in parts",
        &NARROW_VALUES,
        "(%x: f64[6], %y: f64[3,6]) -> (f64[3,2], f64[3,4]) {
          %b = broadcast %x, dims=[1] : f64[3,6]
          %s = sub %y, %b : f64[3,6]
          %l = slice %s, start=[0,0], limit=[3,2] : f64[3,2]
          %r = slice %s, start=[0,2], limit=[3,6] : f64[3,4]
          return %l, %r }",
        "(%x: f64[6], %y: f64[3,6]) -> (f64[3,2], f64[3,4]) {
          %xr = slice %x, start=[2], limit=[6] : f64[4]
          %br = broadcast %xr, dims=[1] : f64[3,4]
          %xl = slice %x, start=[0], limit=[2] : f64[2]
          %bl = broadcast %xl, dims=[1] : f64[3,2]
          %yr = slice %y, start=[0,2], limit=[3,6] : f64[3,4]
          %r = sub %yr, %br : f64[3,4]
          %yl = slice %y, start=[0,0], limit=[3,2] : f64[3,2]
          %l = sub %yl, %bl : f64[3,2]
          return %l, %r }",
    ),
    (
        "parts that overlap are computed as one",
        &NARROW_VALUES,
        "(%x: f64[9]) -> (f64[3], f64[3]) {
          %s = exp %x : f64[9]
          %l = slice %s, start=[2], limit=[5] : f64[3]
          %r = slice %s, start=[4], limit=[7] : f64[3]
          return %l, %r }",
        "(%x: f64[9]) -> (f64[3], f64[3]) {
          %x1 = slice %x, start=[2], limit=[7] : f64[5]
          %s = exp %x1 : f64[5]
          %l = slice %s, start=[0], limit=[3] : f64[3]
          %r = slice %s, start=[2], limit=[5] : f64[3]
          return %l, %r }",
    ),
    (
        "rows that nobody reads are not reduced",
        &NARROW_VALUES,
        "(%x: f64[4,5,6]) -> f64[1,4] {
          %t = transpose %x, perm=[1,2,0] : f64[5,6,4]
          %s = reduce max %t, axes=[1] : f64[5,4]
          %n = neg %s : f64[5,4]
          %r = slice %n, start=[2,0], limit=[3,4] : f64[1,4]
          return %r }",
        "(%x: f64[4,5,6]) -> f64[1,4] {
          %x1 = slice %x, start=[0,2,0], limit=[4,3,6] : f64[4,1,6]
          %t = transpose %x1, perm=[1,2,0] : f64[1,6,4]
          %s = reduce max %t, axes=[1] : f64[1,4]
          %n = neg %s : f64[1,4]
          return %n }",
    ),
    (
        "concatenations, pads and reshapes by unit axes pass slices on",
        &NARROW_VALUES,
        "(%x: f64[4], %y: f64[4], %z: f64) -> f64[6] {
          %c = concatenate %x, %y, axis=0 : f64[8]
          %u = reshape %c : f64[8,1]
          %p = pad %u, %z, low=[2,0], high=[0,0] : f64[10,1]
          %r = reshape %p : f64[10]
          %s = slice %r, start=[1], limit=[7] : f64[6]
          return %s }",
        "(%x: f64[4], %y: f64[4], %z: f64) -> f64[6] {
          %y1 = slice %y, start=[0], limit=[1] : f64[1]
          %c = concatenate %x, %y1, axis=0 : f64[5]
          %u = reshape %c : f64[5,1]
          %p = pad %u, %z, low=[1,0], high=[0,0] : f64[6,1]
          %r = reshape %p : f64[6]
          return %r }",
    ),
    (
        "what is read whole stays whole",
        &NARROW_VALUES,
        "(%x: f64[9]) -> (f64[3], f64[9]) {
          %s = exp %x : f64[9]
          %l = slice %s, start=[2], limit=[5] : f64[3]
          return %l, %s }",
        "(%x: f64[9]) -> (f64[3], f64[9]) {
          %s = exp %x : f64[9]
          %l = slice %s, start=[2], limit=[5] : f64[3]
          return %l, %s }",
    ),
];

fn cases() -> impl Iterator<Item = &'static Case> {
    SUMS.iter().chain(NARROWED)
}

#[test]
fn every_case_becomes_what_is_expected() {
    for &(what, pass, before, after) in cases() {
        let (module, id) = function(before);
        let found = live(&module, &(pass.run)(&module, module.function(id)).unwrap());
        let (expected, expected_id) = function(after);
        assert_same(what, &found, &expected, expected_id);
    }
}

#[test]
fn every_case_keeps_its_values_and_changes_no_more() {
    for &(what, pass, before, _) in cases() {
        let (module, id) = function(before);
        let after = with(&module, id, (pass.run)(&module, module.function(id)).unwrap().into_owned());
        assert_agree(what, &module, &after, id, Compare::Exactly);
        assert_same(what, &(pass.run)(&after, after.function(id)).unwrap(), &after, id);
    }
}

/// The gradient of what reads `n` elements of a vector, one by one, `n` of which are added up.
fn reads(n: usize) -> (pullback_ir::Verified<Module>, pullback_ir::FuncId) {
    let empty = Module::new();
    let b = Builder::new(&empty, "f");
    let x = b.param("x", Type::new(DType::F64, &[n]).unwrap());
    let zero = b.splat(&Type::scalar(DType::F64), 0.0);
    let pads = (0..n).map(|at| {
        let element = b.unary(Unary::Sin, b.slice_axis(x, 0, at, at + 1));
        let spec = PadSpec { low: [at as i64].into(), high: [(n - 1 - at) as i64].into(), interior: [0].into() };
        b.pad(element, zero, spec)
    });
    let sum = pads.collect::<Vec<_>>().into_iter().reduce(|x, y| b.binary(Binary::Add, x, y)).unwrap();
    let mut module = Module::new();
    let id = module.add(b.finish(&[sum]).unwrap());
    (verify(module).unwrap(), id)
}

#[test]
fn a_long_sum_of_pads_is_one_concatenation_and_work_is_proportional_to_it() {
    for n in [100, 5000] {
        let (module, id) = reads(n);
        let after = live(&module, &(ASSEMBLE_SUMS.run)(&module, module.function(id)).unwrap());
        let count = |op: fn(&Op) -> bool| after.insts().iter().filter(|&&inst| op(after.op(inst))).count();
        assert_eq!(count(|op| matches!(op, Op::Concatenate { .. })), 1);
        assert_eq!(count(|op| matches!(op, Op::Pad(_))), 0);
        assert!(after.insts().len() <= 4 * n + 2, "{}", after.insts().len());
    }
}

/// A program of slices, pads, sums and elementwise operations of arrays of at most 5 by 4.
fn program(seed: u64) -> (pullback_ir::Verified<Module>, pullback_ir::FuncId) {
    let empty = Module::new();
    let b = Builder::new(&empty, "f");
    let mut random = Random(seed);
    let dtype = random.pick(&[DType::F64, DType::F64, DType::I32]);
    let full = [5, 4];
    let mut values: Vec<Value> =
        (0..3).map(|number| b.param(&format!("p{number}"), Type::new(dtype, &full).unwrap())).collect();
    for _ in 0..40 {
        let reach = if random.below(2) == 0 { 5 } else { values.len() };
        let x = values[values.len() - 1 - random.below(reach.min(values.len()))];
        let extents = b.shape(x).extents();
        let alike: Vec<Value> = values.iter().copied().filter(|&y| b.shape(y) == b.shape(x)).collect();
        let y = random.pick(&alike);
        values.push(match random.below(12) {
            0..=2 => {
                let start: Vec<usize> = extents.iter().map(|&extent| random.below(extent)).collect();
                let limit: Vec<usize> = extents
                    .iter()
                    .zip(&start)
                    .map(|(&extent, &start)| start + 1 + random.below(extent - start))
                    .collect();
                b.slice(x, &start, &limit, &[1, 1])
            }
            3..=5 => {
                let zero = Scalar::from_f64(dtype, random.pick(&[0.0, 0.0, -0.0]));
                let zero = b.constant(Literal::splat(zero, pullback_ir::Shape::scalar()));
                let low: Vec<usize> = extents.iter().zip(full).map(|(&e, full)| random.below(full - e + 1)).collect();
                let high = extents.iter().zip(full).zip(&low).map(|((e, full), low)| (full - e - low) as i64).collect();
                b.pad(
                    x,
                    zero,
                    PadSpec { low: low.iter().map(|&low| low as i64).collect(), high, interior: [0, 0].into() },
                )
            }
            6..=8 => b.binary(Binary::Add, x, y),
            9 => b.binary(Binary::Mul, x, b.splat_like(x, random.pick(&[-2.0, 3.0, 0.0]))),
            10 => b.unary(Unary::Neg, x),
            _ => {
                let axis = random.below(2);
                let whole = b.concatenate(&[x, y], axis);
                if b.shape(whole).extents().iter().zip(full).all(|(&e, full)| e <= full) {
                    whole
                } else {
                    b.slice_axis(whole, axis, extents[axis] / 2, extents[axis] / 2 + extents[axis])
                }
            }
        });
    }
    let largest = b.emit(Op::Reduce { kind: Reduction::Max, axes: [0].into() }, &[values[values.len() - 1]]);
    let results: Vec<Value> = values.iter().rev().take(5).copied().chain([largest]).collect();
    let mut module = Module::new();
    let id = module.add(b.finish(&results).unwrap());
    (verify(module).unwrap(), id)
}

#[test]
fn random_programs_of_pieces_keep_their_values_and_reach_a_fix_point() {
    let options = PipelineOptions { verify_between: true, ..PipelineOptions::default() };
    let (mut assembled, mut narrowed) = (0, 0);
    for seed in 0..80 {
        let (before, id) = program(seed);
        for (pass, changed) in [(&ASSEMBLE_SUMS, &mut assembled), (&NARROW_VALUES, &mut narrowed)] {
            let after = with(&before, id, (pass.run)(&before, before.function(id)).unwrap().into_owned());
            *changed += usize::from(after.function(id).insts() != before.function(id).insts());
            assert_agree_on(&format!("{}, seed {seed}", pass.name), &before, &after, id, Compare::Exactly, 31);
        }
        let once = run_pipeline(&before, id, DEFAULT, &options, &mut |_, _, _, _| {}).unwrap();
        let shown = text(&before, before.function(id));
        assert_eq!(once.stop, Stop::Unchanged, "seed {seed}\n{shown}");
        assert_agree_on(&format!("seed {seed}"), &before, &once.module, id, Compare::Exactly, 31);
    }
    assert!(assembled > 30 && narrowed > 30, "{assembled} {narrowed}");
}
