//! No operation is executed much more often with fusion than without it, and the text of the fused program is not much longer.
//!
//! What a program executes is counted (`tests/support/work.rs`), so that these facts depend on no clock. The programs below are those in which
//! a value is needed at more positions than it has: a mean that is subtracted from what it was taken of, reductions of values
//! that contain reductions, several reductions or parts that need one expensive value.

#[allow(unreachable_pub, reason = "shared with other suites")]
#[path = "../../../../tests/support/work.rs"]
mod counting;
#[allow(unreachable_pub, reason = "shared with other suites")]
#[path = "../../../../tests/support/shrink.rs"]
mod shrink;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use pullback_ir::{DType, Function, Op, parse_module, verify};
use pullback_optimize::fuse::Fusion;

use super::random::stress;
use super::support::inputs::Mood;
use super::support::program::{Config, random_program};
use super::support::run::{self, Case};
use super::support::{case, check, program};
use counting::{Comparison, check_work, program_of, statements, work};
use shrink::shrink;

/// Fails with what is wrong with these functions, all together.
fn check_all(cases: impl Iterator<Item = (String, Case)>) -> usize {
    let (mut count, mut failures) = (0, Vec::new());
    for (name, case) in cases {
        let case = case.inlined();
        count += 1;
        if let Err(message) = check_work(case.function()) {
            let small = shrink(case, &|case| check_work(case.function()).is_err());
            let again = check_work(small.function()).err().unwrap_or_default();
            failures.push(format!("{name}: {message}\nsmallest: {again}\n{}", abbreviated(&small.text())));
        }
    }
    assert!(failures.is_empty(), "{} of {count} programs:\n{}", failures.len(), failures.join("\n\n"));
    count
}

/// Dense constants make lines of megabytes.
fn abbreviated(text: &str) -> String {
    text.lines().map(|line| line.chars().take(160).collect::<String>() + "\n").collect()
}

fn function(text: &str) -> Function {
    case(text, Mood::Tame).inlined().function().clone()
}

fn compare(text: &str) -> Comparison {
    Comparison::of(&function(text)).unwrap()
}

/// Fusion keeps the work of the program within the bounds.
fn check_program(text: &str) {
    check_work(&function(text)).unwrap_or_else(|message| panic!("{message}\n{}", abbreviated(text)));
}

#[test]
fn work_is_lanes_times_trips_times_cost() {
    let program = program(
        "program @f {
           buffer %x : f32[16] input 0
           buffer %y : f32[16] output 0
           arena 0

           kernel @y \"\" {
             for i0 = 0 to 16 step 4 {
               v0 = load %x[i0] : f32x4
               v1 = exp v0 : f32x4
               store %y[i0], v1
             }
           }
         }",
    );
    assert_eq!((work(&program), statements(&program)), (16 * (1 + 20 + 1), 4));
}

#[test]
fn without_fusion_every_operation_is_executed_once_per_element() {
    let text = "func @f(%x: f32[10,30]) -> f32[30,10] {
      %y = tanh %x : f32[10,30]
      %z = mul %y, %y : f32[10,30]
      %t = transpose %z, perm=[1,0] : f32[30,10]
      return %t
    }";
    let unfused = work(&program_of(&function(text), Fusion::Off).unwrap());
    // Loads and a store for each of the two, and a copy.
    assert!((300 * (1 + 20 + 1 + 1 + 1 + 1)..=300 * 30).contains(&unfused), "{unfused}");
}

#[test]
fn a_mean_is_taken_once_and_not_for_every_row() {
    // `mul` is cheap and may be repeated; the sum that it needs is not.
    check_program(
        "func @f(%x: f32[800,30]) -> f32[800,30] {
           %c = constant 0.00125 : f32[30]
           %sum = reduce add %x, axes=[0] : f32[30]
           %mean = mul %sum, %c : f32[30]
           %means = broadcast %mean, dims=[1] : f32[800,30]
           %y = sub %x, %means : f32[800,30]
           return %y
         }",
    );
}

#[test]
fn an_expensive_value_below_a_cheap_one_is_not_repeated() {
    for expensive in ["exp %r : f64[20]", "tanh %r : f64[20]", "dot %w, %r, contract=[1]x[0] : f64[20]"] {
        check_program(&format!(
            "func @f(%x: f64[300,20], %w: f64[20,20]) -> f64[300,20] {{
               %r = reduce add %x, axes=[0] : f64[20]
               %e = {expensive}
               %c = constant 0.1 : f64[20]
               %m = mul %e, %c : f64[20]
               %n = neg %m : f64[20]
               %b = broadcast %n, dims=[1] : f64[300,20]
               %y = sub %x, %b : f64[300,20]
               return %y
             }}"
        ));
    }
}

/// So many levels, each with the reductions `kinds` of a value that the level before made.
fn levels(count: usize, kinds: &[&str]) -> String {
    let mut text = "func @f(%t0: f32[4,4], %y: f32[4,4]) -> f32[4,4] {\n".to_owned();
    for level in 0..count {
        let mut sum = String::new();
        for (number, kind) in kinds.iter().enumerate() {
            let _ = writeln!(text, "  %a{level}_{number} = sub %t{level}, %y : f32[4,4]");
            let _ = writeln!(text, "  %r{level}_{number} = reduce {kind} %a{level}_{number}, axes=[1] : f32[4]");
            if number == 0 {
                sum = format!("%r{level}_0");
            } else {
                let _ = writeln!(text, "  %s{level}_{number} = add {sum}, %r{level}_{number} : f32[4]");
                sum = format!("%s{level}_{number}");
            }
        }
        let _ = writeln!(text, "  %n{level} = neg {sum} : f32[4]");
        let _ = writeln!(text, "  %b{level} = broadcast %n{level}, dims=[1] : f32[4,4]");
        let _ = writeln!(text, "  %t{} = mul %b{level}, %y : f32[4,4]", level + 1);
    }
    let _ = writeln!(text, "  return %t{count}\n}}");
    text
}

#[test]
fn levels_of_reductions_do_not_multiply() {
    for kinds in [&["add"][..], &["add", "max"], &["add", "max", "min"]] {
        // From small to large: work that doubles with each level is noticed before it takes for ever.
        for count in [2, 4, 6, 8, 10, 12, 30, 100] {
            check_program(&levels(count, kinds));
        }
    }
}

#[test]
fn twice_the_levels_are_about_twice_the_work() {
    for kinds in [&["add"][..], &["add", "max"]] {
        let of = |count| compare(&levels(count, kinds));
        assert!(of(4).check().is_ok());
        let (short, long) = (of(8), of(16));
        assert!(2 * long.work.0 <= 5 * short.work.0, "{short:?} {long:?}");
        assert!(2 * long.statements.0 <= 5 * short.statements.0 + 100, "{short:?} {long:?}");
    }
}

#[test]
fn a_value_that_several_reductions_need_is_computed_once() {
    let mut text = "func @f(%x: f32[1000]) -> f32 {\n  %e = exp %x : f32[1000]\n".to_owned();
    for number in 0..8 {
        let _ = writeln!(text, "  %c{number} = constant {number}.25 : f32[1000]");
        let _ = writeln!(text, "  %m{number} = add %e, %c{number} : f32[1000]");
        let _ = writeln!(text, "  %r{number} = reduce max %m{number}, axes=[0] : f32");
        let sum = if number == 0 { "%r0".to_owned() } else { format!("%s{}", number - 1) };
        let _ = writeln!(text, "  %s{number} = add {sum}, %r{number} : f32");
    }
    check_program(&(text + "  return %s7\n}\n"));
}

#[test]
fn a_reduction_that_several_parts_of_a_concatenation_need_runs_once() {
    let mut text = "func @f(%x: f32[256,16]) -> f32[96] {\n  %r = reduce add %x, axes=[0] : f32[16]\n".to_owned();
    for (number, op) in ["neg", "abs", "sign", "floor", "ceil", "sqrt"].iter().enumerate() {
        let _ = writeln!(text, "  %p{number} = {op} %r : f32[16]");
    }
    check_program(&(text + "  %y = concatenate %p0, %p1, %p2, %p3, %p4, %p5, axis=0 : f32[96]\n  return %y\n}\n"));
}

#[test]
fn a_value_that_several_shifted_slices_need_is_computed_once() {
    // As in a convolution written with slices.
    let mut text = "func @f(%x: f32[512]) -> f32[500] {\n  %e = tanh %x : f32[512]\n".to_owned();
    for number in 0..8 {
        let _ = writeln!(text, "  %a{number} = neg %e : f32[512]");
        let _ = writeln!(
            text,
            "  %w{number} = slice %a{number}, start=[{number}], limit=[{}], stride=[1] : f32[500]",
            500 + number
        );
        let sum = if number == 0 { "%w0".to_owned() } else { format!("%s{}", number - 1) };
        let _ = writeln!(text, "  %s{number} = mul {sum}, %w{number} : f32[500]");
    }
    check_program(&(text + "  return %s7\n}\n"));
}

#[test]
fn an_outer_sum_of_expensive_values_computes_each_once() {
    check_program(
        "func @f(%x: f32[200], %y: f32[300]) -> f32[200,300] {
           %sx = sin %x : f32[200]
           %nx = neg %sx : f32[200]
           %sy = sin %y : f32[300]
           %ny = neg %sy : f32[300]
           %bx = broadcast %nx, dims=[0] : f32[200,300]
           %by = broadcast %ny, dims=[1] : f32[200,300]
           %z = add %bx, %by : f32[200,300]
           return %z
         }",
    );
}

#[test]
fn what_is_repeated_in_memory_is_computed_before() {
    // Returned, reshaped, in a packed product, as a part: the repeated value itself is stored, and no operation is between.
    let uses = [
        "%y = reverse %b, axes=[0] : f32[200,30]",
        "%y = reshape %b : f32[100,60]",
        "%y = dot %w, %b, contract=[1]x[0] : f32[100,30]",
        "%y = concatenate %b, %b, axis=0 : f32[400,30]",
        "%y = pad %b, %zero, low=[1,1], high=[0,0] : f32[201,31]",
        "%y = neg %b : f32[200,30]",
        "; %b is the result : f32[200,30]",
    ];
    let values = ["exp %v : f32[30]", "reduce add %x, axes=[0] : f32[30]", "dot %x, %u, contract=[0]x[0] : f32[30]"];
    let mut failures = Vec::new();
    for (value, last) in values.iter().flat_map(|value| uses.map(|last| (value, last))) {
        let ty = last.rsplit_once(": ").unwrap().1;
        let result = if last.starts_with('%') { "%y" } else { "%b" };
        let text = format!(
            "func @f(%x: f32[50,30], %u: f32[50], %v: f32[30], %w: f32[100,200], %zero: f32) -> {ty} {{
               %r = {value}
               %b = broadcast %r, dims=[1] : f32[200,30]
               {last}
               return {result}
             }}"
        );
        failures.extend(check_work(&function(&text)).err().map(|message| format!("{message}\n{text}")));
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

/// A sum of what is itself a sum of `%x` over the other axis, through a cheap operation: nested in its own operand.
#[test]
fn a_reduction_within_a_reduction_runs_once_per_position() {
    check_program(
        "func @f(%x: f32[60,50]) -> f32 {
           %columns = reduce add %x, axes=[0] : f32[50]
           %n = neg %columns : f32[50]
           %b = broadcast %n, dims=[1] : f32[60,50]
           %d = mul %x, %b : f32[60,50]
           %s = reduce add %d, axes=[0,1] : f32
           return %s
         }",
    );
}

/// Standardisation along an axis, as in layer norm (1) and batch norm (0).
fn normalisation(axis: usize) -> String {
    let (kept, count) = if axis == 0 { (40, 200) } else { (200, 40) };
    let other = 1 - axis;
    let fraction = 1.0 / f64::from(count);
    format!(
        "func @f(%x: f32[200,40], %scale: f32[40], %shift: f32[40]) -> f32[200,40] {{
           %n = constant {fraction} : f32[{kept}]
           %sum = reduce add %x, axes=[{axis}] : f32[{kept}]
           %mean = mul %sum, %n : f32[{kept}]
           %means = broadcast %mean, dims=[{other}] : f32[200,40]
           %d = sub %x, %means : f32[200,40]
           %dd = mul %d, %d : f32[200,40]
           %ssum = reduce add %dd, axes=[{axis}] : f32[{kept}]
           %var = mul %ssum, %n : f32[{kept}]
           %eps = constant 0.001 : f32[{kept}]
           %vareps = add %var, %eps : f32[{kept}]
           %inv = rsqrt %vareps : f32[{kept}]
           %invs = broadcast %inv, dims=[{other}] : f32[200,40]
           %h = mul %d, %invs : f32[200,40]
           %scales = broadcast %scale, dims=[1] : f32[200,40]
           %shifts = broadcast %shift, dims=[1] : f32[200,40]
           %hs = mul %h, %scales : f32[200,40]
           %y = add %hs, %shifts : f32[200,40]
           return %y
         }}"
    )
}

#[test]
fn normalisations_take_their_moments_once() {
    for axis in [0, 1] {
        check_program(&normalisation(axis));
    }
    let softmax = "func @f(%x: f32[200,40]) -> f32[200,40] {
       %m = reduce max %x, axes=[1] : f32[200]
       %ms = broadcast %m, dims=[0] : f32[200,40]
       %d = sub %x, %ms : f32[200,40]
       %e = exp %d : f32[200,40]
       %s = reduce add %e, axes=[1] : f32[200]
       %ss = broadcast %s, dims=[0] : f32[200,40]
       %y = div %e, %ss : f32[200,40]
       return %y
     }";
    check_program(softmax);
    // Over rows.
    check_program(
        &softmax
            .replace("axes=[1] : f32[200]", "axes=[0] : f32[40]")
            .replace("dims=[0]", "dims=[1]")
            .replace("%m : f32[200]", "%m : f32[40]"),
    );
}

/// `count` times an operation and so many views, alternating transposes and reversals.
fn chain(count: usize, views: usize) -> String {
    let mut text = "func @f(%x: f32[3,5]) -> f32[3,5] {\n".to_owned();
    let (mut last, mut shape) = ("x".to_owned(), ["[3,5]", "[5,3]"]);
    for number in 0..count {
        let _ = writeln!(text, "  %s{number} = sin %{last} : f32{}", shape[0]);
        last = format!("s{number}");
        for view in 0..views {
            let name = format!("v{number}_{view}");
            if view % 2 == 0 {
                shape.swap(0, 1);
                let _ = writeln!(text, "  %{name} = transpose %{last}, perm=[1,0] : f32{}", shape[0]);
            } else {
                let _ = writeln!(text, "  %{name} = reverse %{last}, axes=[0] : f32{}", shape[0]);
            }
            last = name;
        }
    }
    let _ = writeln!(text, "  return %{last}\n}}");
    text
}

#[test]
fn long_chains_of_operations_and_views_need_little_stack() {
    // Main threads have 8 MB of stack and others 2 MB by default, of which the compiler's caller has used some.
    for (count, views) in [(250, 0), (250, 4), (250, 24), (40, 240), (3000, 0), (1, 4000)] {
        let function = function(&chain(count, views));
        let lowered = std::thread::Builder::new().stack_size(1 << 20).spawn(move || check_work(&function));
        lowered.unwrap().join().unwrap().unwrap_or_else(|message| panic!("{count} of {views} views: {message}"));
    }
}

#[test]
fn chains_mean_what_they_mean() {
    check(&case(&chain(20, 24), Mood::Tame)).unwrap();
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "pir") {
            found.push(path);
        }
    }
}

#[test]
fn programs_in_files_do_little_more_work() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut paths = Vec::new();
    for folder in ["tests/files", "examples"] {
        files(&root.join(folder), &mut paths);
    }
    // Some files are wrong on purpose, some hold loop programs, and a linear map known by its transpose alone does not run.
    let cases = paths.iter().filter_map(|path| {
        let text = std::fs::read_to_string(path).unwrap();
        let module = verify(parse_module(&text).ok()?).ok()?;
        let (func, function) = module.functions().last()?;
        let runs = |inst| !matches!(function.op(inst), Op::TransposeRule { .. });
        if !function.all_insts().into_iter().all(runs) {
            return None;
        }
        Some((path.display().to_string(), Case { module, func, inputs: Vec::new() }))
    });
    let count = check_all(cases);
    assert!(count > 100, "only {count} files were read");
}

#[test]
fn sums_of_scalars_that_need_each_other_are_ordered() {
    // Much of this is dead: fusion orders regions whether or not anything reads what they store.
    check_program(
        "func @f(%p: f32, %q: f32) -> f32 {
           %a = mul %p, %q : f32
           %b = compare le %a, %p : bool
           %c = cos %q : f32
           %d = compare ge %c, %q : bool
           %e = or %b, %d : bool
           %g = cbrt %a : f32
           %h = reduce max %g, axes=[] : f32
           %i = sub %h, %c : f32
           %j = broadcast %i, dims=[] : f32[3,2]
           %k = reduce or %e, axes=[] : bool
           return %g
         }",
    );
}

#[test]
fn programs_that_stress_fusion_do_little_more_work() {
    check_all((0..300).map(|seed| (format!("seed {seed}"), stress(seed))));
}

#[test]
fn random_programs_do_little_more_work() {
    let cases = (0..300_u64).map(|seed| {
        let steps = 4 + (seed as usize * 7) % 40;
        let max_elements = if seed.is_multiple_of(2) { 300 } else { 20_000 };
        let config = Config {
            steps,
            max_elements,
            differentiable: seed.is_multiple_of(3),
            floats: &[DType::F32],
            mood: Mood::Tame,
        };
        (format!("seed {seed}"), random_program(seed, &config))
    });
    check_all(cases);
}
