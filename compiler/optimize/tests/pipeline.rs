//! Pipelines and the passes that are not tables of rules.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{assert_same, function, module, text};
use pullback_ir::print::{PrintOptions, function_to_string, module_to_string};
use pullback_ir::rewrite::{ValueMap, copy_inst, copy_params};
use pullback_ir::{Binary, Builder, DType, Function, Module, Op, Type, Verified};
use pullback_optimize::equality::same_function;
use pullback_optimize::passes::simplify_algebra::simplify;
use pullback_optimize::passes::{
    ELIMINATE_COMMON_SUBEXPRESSIONS, ELIMINATE_DEAD_CODE, FOLD_CONSTANTS, INLINE_CALLS, SIMPLIFY_ALGEBRA,
};
use pullback_optimize::pipeline::ALL;
use pullback_optimize::rewriter::RewriteStop;
use pullback_optimize::{
    Changed, DEFAULT, Error, Limit, Pass, PipelineOptions, Stop, find_pass, optimize, run_pipeline,
};

fn run(pass: &Pass, module: &Verified<Module>, name: &str) -> Function {
    (pass.run)(module, module.function(module.find(name).unwrap())).unwrap().into_owned()
}

const LAYER: &str = "
func @gelu(%x: f32[4,8]) -> f32[4,8] {
  %h = constant 0.5 : f32
  %half = broadcast %h, dims=[] : f32[4,8]
  %e = erf %x : f32[4,8]
  %o = constant 1.0 : f32[4,8]
  %s = add %e, %o : f32[4,8]
  %p = mul %half, %s : f32[4,8]
  %y = mul %x, %p : f32[4,8]
  %unused = tanh %x : f32[4,8]
  return %y
}
func @main(%x: f32[4,3], %w: f32[8,3]) -> (f32, f32[8,4]) {
  %wt = transpose %w, perm=[1,0] : f32[3,8]
  %a = dot %x, %wt, contract=[1]x[0] : f32[4,8]
  %g = call @gelu %a : f32[4,8]
  %g2 = call @gelu %a : f32[4,8]
  %d = add %g, %g2 : f32[4,8]
  %t = transpose %d, perm=[1,0] : f32[8,4]
  %r = reduce add %t, axes=[0,1] : f32
  return %r, %t
}
";

#[test]
fn the_default_pipeline_leaves_what_one_would_write() {
    let before = module(LAYER);
    let id = before.find("main").unwrap();
    let optimized = optimize(&before, id).unwrap();
    assert_eq!(optimized.stop, Stop::Unchanged);
    let (expected, expected_id) = function(
        "(%x: f32[4,3], %w: f32[8,3]) -> (f32, f32[8,4]) {
          %a = dot %x, %w, contract=[1]x[1] : f32[4,8]
          %c = constant 0.5 : f32[4,8]
          %e = erf %a : f32[4,8]
          %o = constant 1.0 : f32[4,8]
          %s = add %e, %o : f32[4,8]
          %p = mul %s, %c : f32[4,8]
          %y = mul %a, %p : f32[4,8]
          %d = add %y, %y : f32[4,8]
          %t = transpose %d, perm=[1,0] : f32[8,4]
          %r = reduce add %d, axes=[0,1] : f32
          return %r, %t
        }",
    );
    assert_same("main", optimized.module.function(id), &expected, expected_id);
}

#[test]
fn a_second_run_changes_nothing_and_runs_are_deterministic() {
    let before = module(LAYER);
    let id = before.find("main").unwrap();
    let once = optimize(&before, id).unwrap().module;
    let twice = optimize(&once, id).unwrap();
    assert_eq!(twice.rounds, 1);
    assert_same("twice", twice.module.function(id), &once, id);
    let options = PrintOptions { provenance: true };
    assert_eq!(
        module_to_string(&once, options),
        module_to_string(&optimize(&module(LAYER), id).unwrap().module, options)
    );
}

#[test]
fn names_travel_with_values() {
    let before = module(LAYER);
    let id = before.find("main").unwrap();
    let after = optimize(&before, id).unwrap().module;
    let printed = text(&after, after.function(id));
    for name in ["%x", "%w", "%a", "%y", "%d", "%t", "%r"] {
        assert!(printed.contains(&format!("{name} ")) || printed.contains(&format!("{name}:")), "{name}\n{printed}");
    }
}

#[test]
fn provenance_travels_with_values() {
    let before = module(
        "func @f(%x: f32) -> f32 {
          %c = constant 1.0 : f32
          %y = mul %x, %c : f32 at \"m.rs\":3:5
          %z = neg %y : f32 at \"m.rs\":4:5
          %q = exp %x : f32 at \"m.rs\":5:5
          %r = add %q, %z : f32 at \"m.rs\":6:5
          return %r
        }",
    );
    let after = optimize(&before, before.find("f").unwrap()).unwrap().module;
    let printed = module_to_string(&after, PrintOptions { provenance: true });
    assert!(printed.contains("sub %q, %x : f32 at \"m.rs\":6:5"), "{printed}");
    assert!(printed.contains("exp %x : f32 at \"m.rs\":5:5"), "{printed}");
}

#[test]
fn passes_are_found_by_name_and_names_are_unique() {
    for pass in ALL {
        assert!(std::ptr::eq(find_pass(pass.name).unwrap(), *pass));
    }
    assert!(find_pass("make_faster").is_none());
}

#[test]
fn a_limit_cuts_the_pipeline_before_or_after_a_pass() {
    let before = module(LAYER);
    let id = before.find("main").unwrap();
    let names = |limit| {
        let mut names = Vec::new();
        let options = PipelineOptions { limit: Some(limit), ..PipelineOptions::default() };
        let optimized =
            run_pipeline(&before, id, DEFAULT, &options, &mut |pass, _, _, _| names.push(pass.name)).unwrap();
        assert_eq!(optimized.stop, Stop::Limit);
        names
    };
    assert_eq!(names(Limit::Before("inline_calls")), [""; 0]);
    let first = ["inline_calls", "inline_regions", "fold_constants"];
    assert_eq!(names(Limit::Before("simplify_control_flow")), first);
    assert_eq!(names(Limit::After("fold_constants")), first);
    let options = PipelineOptions { limit: Some(Limit::After("nothing")), ..PipelineOptions::default() };
    let error = run_pipeline(&before, id, DEFAULT, &options, &mut |_, _, _, _| {}).unwrap_err();
    assert!(error.to_string().starts_with("no pass `nothing` in this pipeline, expected one of: inline_calls, "));
}

/// Returns a function with a result of another type.
static BREAK_RESULTS: Pass = Pass {
    name: "break_results",
    about: "a pass with a mistake",
    may_change: |_| true,
    waits: false,
    run: |module, function| {
        let b = Builder::new(module, &function.name);
        let x = b.param("x", Type::scalar(DType::F64));
        b.finish(&[x]).map(Changed::Owned).map_err(|error| Error::bug("break_results", error))
    },
};

/// Doubles the results of a function that has no addition yet.
static DOUBLE: Pass = Pass {
    name: "double",
    about: "a pass that waits",
    may_change: |function| function.insts().iter().all(|&inst| *function.op(inst) != Op::Binary(Binary::Add)),
    waits: true,
    run: |module, function| {
        let b = Builder::new(module, &function.name);
        let mut map = ValueMap::new();
        copy_params(&b, function, &mut map);
        function.insts().iter().for_each(|&inst| copy_inst(&b, function, inst, &mut map));
        let results = map.expect_all(&b, function.results());
        let twice: Vec<_> = results.iter().map(|&x| b.add(x, x)).collect();
        b.finish(&twice).map(Changed::Owned).map_err(|error| Error::bug("double", error))
    },
};

#[test]
fn a_pass_that_waits_runs_once_when_nothing_else_changes_and_the_others_run_again_behind_it() {
    let (before, id) = function("(%x: f64) -> f64 { %a = neg %x : f64 %b = neg %a : f64 %c = exp %b : f64 return %c }");
    let mut told = Vec::new();
    let options = PipelineOptions::default();
    let pipeline = [&SIMPLIFY_ALGEBRA, &ELIMINATE_DEAD_CODE, &DOUBLE];
    let done = run_pipeline(&before, id, &pipeline, &options, &mut |pass, before, after, _| {
        told.push((pass.name, same_function(before, after)));
    })
    .unwrap();
    assert_eq!(done.stop, Stop::Unchanged);
    let doubled = told.iter().position(|told| *told == ("double", false)).unwrap();
    assert_eq!(told.iter().filter(|told| told.0 == "double" && !told.1).count(), 1, "{told:?}");
    let others = |told: &[(&str, bool)]| told.iter().rev().take(2).map(|told| told.1).collect::<Vec<_>>();
    assert_eq!(others(&told[..doubled]), [true, true], "{told:?}");
    assert_eq!(others(&told), [true, true], "{told:?}");
    let (expected, expected_id) = function("(%x: f64) -> f64 { %c = exp %x : f64 %d = add %c, %c : f64 return %d }");
    assert_same("doubled", done.module.function(id), &expected, expected_id);
    // A pipeline that is cut short behind it runs it in the first round.
    let options = PipelineOptions { limit: Some(Limit::After("double")), ..options };
    let cut = run_pipeline(&before, id, &pipeline, &options, &mut |_, _, _, _| {}).unwrap();
    assert!(text(&cut.module, cut.module.function(id)).contains("add"));
}

#[test]
fn a_pass_that_breaks_a_caller_is_blamed_by_name_with_and_without_verification_between() {
    let before = module(
        "func @g(%x: f32) -> f32 { %y = exp %x : f32 return %y }
         func @f(%x: f32) -> f32 { %y = call @g %x : f32 return %y }",
    );
    let id = before.find("g").unwrap();
    for verify_between in [false, true] {
        let options = PipelineOptions { verify_between, ..PipelineOptions::default() };
        let pipeline = [&FOLD_CONSTANTS, &BREAK_RESULTS, &ELIMINATE_DEAD_CODE];
        let error = run_pipeline(&before, id, &pipeline, &options, &mut |_, _, _, _| {}).unwrap_err();
        assert!(matches!(error, Error::Bug { pass: "break_results", .. }), "{error}");
    }
}

#[test]
fn a_pass_that_changes_the_result_types_of_a_function_without_callers_is_blamed_by_name() {
    let (before, id) = function("(%x: f32) -> f32 { return %x }");
    for verify_between in [false, true] {
        let options = PipelineOptions { verify_between, ..PipelineOptions::default() };
        let pipeline = [&FOLD_CONSTANTS, &BREAK_RESULTS, &ELIMINATE_DEAD_CODE];
        let error = run_pipeline(&before, id, &pipeline, &options, &mut |_, _, _, _| {}).unwrap_err();
        assert!(matches!(error, Error::Bug { pass: "break_results", .. }), "{error}");
    }
}

#[test]
fn a_pass_that_has_nothing_to_change_is_told_of_and_not_run() {
    static IDLE: Pass = Pass { name: "idle", about: "has nothing to change", may_change: |_| false, ..BREAK_RESULTS };
    let (before, id) = function("(%x: f32) -> f32 { return %x }");
    let mut told = Vec::new();
    let options = PipelineOptions::default();
    let done =
        run_pipeline(&before, id, &[&IDLE, &FOLD_CONSTANTS], &options, &mut |pass, _, _, _| told.push(pass.name));
    assert_eq!((done.unwrap().stop, &told[..]), (Stop::Unchanged, &["idle", "fold_constants"][..]));
}

#[test]
fn what_a_pass_says_that_it_does_not_change_it_leaves_as_it_is() {
    let layer = module(LAYER);
    let optimized = optimize(&layer, layer.find("main").unwrap()).unwrap().module;
    let (mut changed, mut left) = (0, 0);
    for module in [&layer, &optimized] {
        let id = module.find("main").unwrap();
        for pass in ALL {
            let before = module.function(id);
            let after = (pass.run)(module, before).unwrap().into_owned();
            if (pass.may_change)(before) {
                changed += 1;
            } else {
                left += 1;
                let [before, after] = [before, &after].map(|f| function_to_string(module, f, PrintOptions::default()));
                assert_eq!(before, after, "{}", pass.name);
            }
        }
    }
    assert!(changed >= ALL.len() / 2 && left >= ALL.len() / 2, "{changed} may have changed, {left} did not");
}

/// Never reaches a fix-point.
static GROW: Pass = Pass {
    name: "grow",
    about: "wraps the result once more",
    may_change: |_| true,
    waits: false,
    run: |module, function| {
        let b = Builder::new(module, &function.name);
        let mut map = ValueMap::new();
        copy_params(&b, function, &mut map);
        function.insts().iter().for_each(|&inst| copy_inst(&b, function, inst, &mut map));
        let results = map.expect_all(&b, function.results());
        let y = b.sin(results[0]);
        b.finish(&[y]).map(Changed::Owned).map_err(|error| Error::bug("grow", error))
    },
};

#[test]
fn a_pipeline_without_a_fix_point_stops_and_says_so() {
    let (before, id) = function("(%x: f32) -> f32 { return %x }");
    let options = PipelineOptions { rounds: 5, ..PipelineOptions::default() };
    let grown = run_pipeline(&before, id, &[&GROW], &options, &mut |_, _, _, _| {}).unwrap();
    assert_eq!((grown.rounds, grown.stop), (5, Stop::Rounds));
    assert_eq!(grown.module.function(id).insts().len(), 5);
}

#[test]
fn common_subexpressions_are_found_across_exchanged_operands() {
    let (before, _) = function(
        "(%x: f32, %y: f32) -> (f32, f32, bool, bool, f32, f32) {
          %a = add %x, %y : f32
          %b = add %y, %x : f32
          %p = compare lt %x, %y : bool
          %q = compare gt %y, %x : bool
          %s = sub %x, %y : f32
          %t = sub %y, %x : f32
          return %a, %b, %p, %q, %s, %t
        }",
    );
    let (expected, id) = function(
        "(%x: f32, %y: f32) -> (f32, f32, bool, bool, f32, f32) {
          %a = add %x, %y : f32
          %p = compare lt %x, %y : bool
          %s = sub %x, %y : f32
          %t = sub %y, %x : f32
          return %a, %a, %p, %p, %s, %t
        }",
    );
    let after = run(&ELIMINATE_COMMON_SUBEXPRESSIONS, &before, "f");
    assert_same("cse", &after, &expected, id);
}

#[test]
fn constants_that_differ_in_the_sign_of_zero_are_not_common() {
    let (before, id) =
        function("(%x: f32) -> (f32, f32) { %a = constant 0.0 : f32 %b = constant -0.0 : f32 return %a, %b }");
    assert_same("cse", &run(&ELIMINATE_COMMON_SUBEXPRESSIONS, &before, "f"), &before, id);
}

#[test]
fn dead_code_goes_and_parameters_stay() {
    let (before, _) =
        function("(%x: f32, %unused: f32) -> f32 { %a = exp %x : f32 %b = sin %a : f32 %c = cos %b : f32 return %a }");
    let (expected, id) = function("(%x: f32, %unused: f32) -> f32 { %a = exp %x : f32 return %a }");
    assert_same("dce", &run(&ELIMINATE_DEAD_CODE, &before, "f"), &expected, id);
}

#[test]
fn calls_are_inlined_at_any_depth() {
    let before = module(
        "func @h(%x: f32) -> (f32, f32) { %a = sin %x : f32 return %a, %x }
         func @g(%x: f32) -> f32 { %a, %b = call @h %x : f32, f32 %c = add %a, %b : f32 return %c }
         func @f(%x: f32) -> f32 { %a = call @g %x : f32 %b = call @g %a : f32 return %b }",
    );
    let (expected, id) = function(
        "(%x: f32) -> f32 { %a = sin %x : f32 %b = add %a, %x : f32 %c = sin %b : f32 %d = add %c, %b : f32 return %d }",
    );
    assert_same("inline", &run(&INLINE_CALLS, &before, "f"), &expected, id);
}

#[test]
fn exponential_and_deep_inlining_is_refused() {
    let doubling = |levels: usize, calls: usize| {
        let mut text = String::from("func @f0(%x: f32) -> f32 { %a = sin %x : f32 return %a }\n");
        for level in 1..=levels {
            text += &format!("func @f{level}(%v0: f32) -> f32 {{\n");
            for call in 0..calls {
                text += &format!("  %v{} = call @f{} %v{call} : f32\n", call + 1, level - 1);
            }
            text += &format!("  return %v{calls}\n}}\n");
        }
        module(&text)
    };
    let wide = doubling(80, 2);
    let error = optimize(&wide, wide.find("f80").unwrap()).unwrap_err();
    assert!(matches!(error, Error::TooLarge(ref message) if message.contains("instructions")), "{error}");
    let deep = doubling(3000, 1);
    let error = optimize(&deep, deep.find("f3000").unwrap()).unwrap_err();
    assert!(matches!(error, Error::TooLarge(ref message) if message.contains("nest")), "{error}");
    let fine = doubling(10, 2);
    assert_eq!(run(&INLINE_CALLS, &fine, "f10").insts().len(), 1024);
}

#[test]
fn folding_keeps_large_results_unfolded_and_huge_splats_small() {
    let (large, id) = function(
        "() -> f32[100,100] {
          %a = constant [1.0, 2.0] : f32[2]
          %v = constant 0.0 : f32
          %b = pad %a, %v, low=[0], high=[9998] : f32[10000]
          %c = reshape %b : f32[100,100]
          return %c
        }",
    );
    assert_same("large", &run(&FOLD_CONSTANTS, &large, "f"), &large, id);
    let (huge, _) = function(
        "() -> f32 {
          %a = constant 3.0 : f32[1000000,1000000]
          %b = mul %a, %a : f32[1000000,1000000]
          %m = reduce max %b, axes=[0,1] : f32
          return %m
        }",
    );
    let (expected, expected_id) = function("() -> f32 { %m = constant 9.0 : f32 return %m }");
    let folded = run(&FOLD_CONSTANTS, &huge, "f");
    assert_same("huge", &common::live(&huge, &folded), &expected, expected_id);
}

#[test]
fn tensors_without_elements_become_constants() {
    let (before, _) = function(
        "(%x: f32[0,3]) -> f32[3,0] { %a = exp %x : f32[0,3] %b = transpose %a, perm=[1,0] : f32[3,0] return %b }",
    );
    let (expected, id) = function("(%x: f32[0,3]) -> f32[3,0] { %b = constant [] : f32[3,0] return %b }");
    let after = run(&SIMPLIFY_ALGEBRA, &before, "f");
    assert_same("empty", &common::live(&before, &after), &expected, id);
}

#[test]
fn folding_stops_at_its_budget_and_says_so() {
    let mut program = String::from("() -> f32[4000] { %a = constant [1.0, 2.0] : f32[2] %v = constant 0.0 : f32\n");
    program += "%x0 = pad %a, %v, low=[0], high=[3998] : f32[4000]\n";
    for step in 1..=400 {
        program += &format!("%x{step} = add %x{}, %x0 : f32[4000]\n", step - 1);
    }
    program += "return %x400 }";
    let (module, id) = function(&program);
    let folded = simplify(&module, module.function(id)).unwrap();
    assert_eq!(folded.stop, RewriteStop::Evaluation);
    assert!(folded.counts["fold_elements"] > 300 && folded.counts["fold_elements"] < 400, "{:?}", folded.counts);
}

/// Many small operations: what a long unrolled loop and its derivative look like.
fn long_program(length: usize) -> Verified<Module> {
    let empty = Module::new();
    let b = Builder::new(&empty, "f");
    let ty = Type::new(DType::F32, &[16]).unwrap();
    let x = b.param("x", ty.clone());
    let mut y = b.param("y", ty.clone());
    for step in 0..length / 10 {
        let c = b.splat(&ty, 0.5 + (step % 7) as f64);
        let one = b.splat(&ty, 1.0);
        let p = b.mul(y, c);
        let q = b.mul(one, p);
        let n = b.neg(q);
        let r = b.sub(x, n);
        let s = b.tanh(r);
        let t = b.tanh(r);
        let u = b.add(s, t);
        y = b.mul(u, p);
    }
    let mut module = Module::new();
    module.add(b.finish(&[y]).unwrap());
    pullback_ir::verify(module).unwrap()
}

#[test]
fn work_is_proportional_to_the_size_of_the_program() {
    // Counts, not seconds: rules applied per instruction do not grow with the program.
    let applied = |length| {
        let module = long_program(length);
        let id = module.find("f").unwrap();
        let simplified = simplify(&module, module.function(id)).unwrap();
        simplified.counts.values().sum::<usize>()
    };
    assert_eq!(applied(20_000), 10 * applied(2000));
    let module = long_program(20_000);
    let optimized = optimize(&module, module.find("f").unwrap()).unwrap();
    assert_eq!((optimized.rounds, optimized.stop), (2, Stop::Unchanged));
}

#[test]
#[ignore = "a measurement: run it with --release --nocapture"]
fn time_of_the_passes_on_20_000_instructions() {
    let module = long_program(20_000);
    let id = module.find("f").unwrap();
    for _ in 0..3 {
        let start = std::time::Instant::now();
        run_pipeline(&module, id, DEFAULT, &PipelineOptions::default(), &mut |pass, before, after, time| {
            println!("{:32} {:6} -> {:6} {time:?}", pass.name, before.insts().len(), after.insts().len());
        })
        .unwrap();
        println!("total {:?}", start.elapsed());
    }
}
