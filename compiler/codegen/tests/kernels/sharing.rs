//! Kernels that do the same: one function, and the interpreter's results.

use std::fmt::Write;

use pullback_codegen::{Compiled, Features, Options, compile};
use pullback_ir::Elements;
use pullback_loops::{Program, Verified, interpret};
use pullback_runtime::ArgRef;

use super::support::{FEATURES, program, signature};

fn compiled(program: &Verified<Program>, features: Features, threads: usize) -> Compiled {
    let signature = signature(program);
    let options = Options { features, threads, verify: true, clif: true, asm: true };
    compile(program, signature, &options).unwrap_or_else(|error| panic!("{error}\n{}", **program))
}

/// Runs a program of one input with so many elements, and compares its results with the interpreter's. Gives, for each kernel that does the same as another, both names.
fn shared(text: &str, elements: usize) -> Vec<(String, String)> {
    let program = program(text);
    let x: Vec<f32> = (0..elements).map(|i| (i * 7 % 11) as f32 + 0.5).collect();
    let expected = interpret(&program, &[Elements::F32(x.clone())]).unwrap();
    for (features, threads) in FEATURES.into_iter().zip([1, 2, 1]) {
        let found = compiled(&program, features, threads).executable.run(&[ArgRef::from(&x[..])]).unwrap();
        for (found, expected) in found.iter().zip(&expected) {
            let found = match expected {
                Elements::I32(_) => Elements::I32(found.as_slice::<i32>().unwrap().to_vec()),
                _ => Elements::F32(found.as_slice::<f32>().unwrap().to_vec()),
            };
            assert_eq!(&found, expected);
        }
    }
    let timings = compiled(&program, FEATURES[0], 1).timings.kernels.into_iter();
    timings.filter_map(|timing| timing.same_as.map(|same_as| (timing.name, same_as))).collect()
}

fn names(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|&(kernel, same_as)| (kernel.to_owned(), same_as.to_owned())).collect()
}

#[test]
fn kernels_that_do_the_same_at_other_places_are_one_function() {
    // `b` reads memory that `a` stored to, where `a` reads an argument; `c` is like neither.
    let text =
        "program @f { buffer %x : f32[12] input 0 buffer %y : f32[8] output 0 buffer %t : f32[4] arena 64 arena 128
      kernel @a \"\" { v0 = load %x[4] : f32x4 v1 = add v0, v0 : f32x4 store %t[0], v1 }
      kernel @c \"\" { v2 = load %t[0] : f32x4 v3 = mul v2, v2 : f32x4 store %y[0], v3 }
      kernel @b \"\" { v4 = load %t[0] : f32x4 v5 = add v4, v4 : f32x4 store %y[4], v5 } }";
    assert_eq!(shared(text, 12), names(&[("b", "a")]));
    let compiled = compiled(&program(text), FEATURES[0], 1);
    let rows: Vec<&str> = compiled.timings.kernels.iter().map(|timing| &*timing.name).collect();
    assert_eq!(rows, ["a", "c", "b", "f"]);
    for text in [compiled.clif.unwrap(), compiled.asm.unwrap()] {
        assert!(text.contains("runs b too") && !text.contains("; b\n"), "{text}");
    }
}

#[test]
fn counters_of_the_loops_around_and_worker_memory_are_passed_on() {
    let sort = |loops: [u32; 2], at: u32, parallel: &str, scratch: &str| {
        let [outer, inner] = loops;
        format!(
            "{parallel} loop i{outer} = 0 to 3 {{ loop i{inner} = 0 to 2 {{ kernel @k{at} \"\" {{
               call argsort %o[10*i{outer} + 5*i{inner} + {at}; 5 by 1], %{scratch}[0; 5 by 1], %x[10*i{outer} + 5*i{inner} + {at}; 5 by 1] }} }} }} "
        )
    };
    let steps = [
        sort([0, 1], 0, "", "s"),
        sort([2, 3], 30, "", "s"),
        sort([4, 5], 60, "parallel", "l"),
        sort([6, 7], 90, "parallel", "l2"),
    ];
    let text = format!(
        "program @f {{ buffer %x : f32[120] input 0 buffer %o : i32[120] output 0 buffer %s : i64[5] arena 0
           buffer %l : i64[5] local 0 buffer %l2 : i64[5] local 64 arena 64 local 128 {} }}",
        steps.concat()
    );
    // In a parallel loop threads are busy with other iterations, so a kernel there is another function.
    assert_eq!(shared(&text, 120), names(&[("k30", "k0"), ("k90", "k60")]));
}

#[test]
fn pointers_that_find_no_register_are_on_the_stack() {
    let sum = |number: usize| {
        let mut body = format!("kernel @k{number} \"\" {{ v{number}000 = const 0.5 : f32 ");
        for part in 0..9 {
            let (last, next) = (format!("v{number}{part}00"), format!("v{number}{}00", part + 1));
            let _ = write!(body, "v{number}{part}01 = load %t{part}[{number}] : f32 ");
            let _ = write!(body, "{next} = sub v{number}{part}01, {last} : f32 ");
        }
        body + &format!("store %y[{number}], v{number}900 }} ")
    };
    let fill = |part: usize| {
        format!("kernel @t{part} \"\" {{ v{0} = load %x[{part}] : f32x4 store %t{part}[0], v{0} }} ", 90_000 + part)
    };
    let mut text = "program @f { buffer %x : f32[12] input 0 buffer %y : f32[4] output 0 ".to_owned();
    (0..9).for_each(|part| text += &format!("buffer %t{part} : f32[4] arena {} ", 64 * part));
    text += "arena 576 ";
    (0..9).for_each(|part| text += &fill(part));
    (0..4).for_each(|number| text += &sum(number + 1).replace(&format!("[{}]", number + 1), &format!("[{number}]")));
    text += "}";
    let found = shared(&text, 12);
    assert_eq!(found.iter().filter(|(_, same_as)| same_as == "t0").count(), 8);
    assert_eq!(found[8..], names(&[("k2", "k1"), ("k3", "k1"), ("k4", "k1")]));
}

/// A program of kernels `y[i] = x[i] + i`, written as `x[i] + 1 + … + 1`, each longer than the one before it.
fn long(kernels: usize, additions: usize) -> String {
    let mut text =
        format!("program @f {{ buffer %x : f32[{kernels}] input 0 buffer %y : f32[{kernels}] output 0 arena 0 ");
    let mut var = 0;
    for number in 0..kernels {
        let _ = write!(
            text,
            "kernel @k{number} \"\" {{ v{} = const 1.0 : f32 v{} = load %x[{number}] : f32 ",
            var,
            var + 1
        );
        let (one, mut sum) = (var, var + 1);
        for _ in 0..number % 8 * additions {
            let _ = write!(text, "v{} = add v{sum}, v{one} : f32 ", sum + 1);
            sum += 1;
        }
        let _ = write!(text, "store %y[{number}], v{sum} }} ");
        var = sum + 1;
    }
    text + "}"
}

#[test]
fn a_long_program_is_run_in_parts() {
    let found = shared(&long(600, 1), 600);
    assert_eq!(found.len(), 600 - 8);
    let compiled = compiled(&program(&long(600, 1)), FEATURES[0], 1);
    let others: Vec<&str> = compiled.timings.kernels[600..].iter().map(|timing| &*timing.name).collect();
    assert_eq!(others, ["steps:0", "steps:1", "steps:2", "f"]);
}

#[test]
fn code_is_the_same_for_any_number_of_threads() {
    let program = program(&long(8, 200));
    let alone = compiled(&program, FEATURES[0], 1);
    for threads in [2, 3, 0] {
        let together = compiled(&program, FEATURES[0], threads);
        assert_eq!((&alone.clif, &alone.asm), (&together.clif, &together.asm));
        let sizes = |compiled: &Compiled| -> Vec<(String, usize)> {
            compiled.timings.kernels.iter().map(|timing| (timing.name.clone(), timing.code_bytes)).collect()
        };
        assert_eq!(sizes(&alone), sizes(&together));
    }
}
