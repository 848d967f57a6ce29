//! What is measured by itself is a program: each step of every text program, each part of a step, and what is in front of each part, are well-formed
//! loop IR.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::fs;
use std::path::Path;

use pullback::autodiff::differentiate;
use pullback::loops::{Program, isolate, isolate_parts, parts, prefix, verify as verify_loops};
use pullback::{Cutting, Derivative, FuncId, Fusion, Module, Options, Verified, loop_program, parse_module, verify};

/// Verifies all programs that are made of one; gives how many steps and parts can stand alone.
fn check(program: &Program, what: &str) -> (usize, usize) {
    let verified = |made: Option<Program>, name: &str| {
        let Some(made) = made else { return 0 };
        let text = made.to_string();
        verify_loops(made).unwrap_or_else(|errors| panic!("{what}, {name}: {errors}\n{text}\nof\n{program}"));
        1
    };
    let steps = isolate(program).unwrap().into_iter().map(|made| verified(made, "a step alone")).sum();
    let (mut alone, mut count) = (0, 0);
    for (number, step) in program.body.iter().enumerate() {
        let made = isolate_parts(program, number).unwrap();
        assert_eq!(made.len(), parts(step).len());
        count += made.len();
        alone += made.into_iter().map(|made| verified(made, "a part alone")).sum::<usize>();
    }
    for number in 0..=count {
        verified(Some(prefix(program, number).unwrap()), &format!("the first {number} parts"));
    }
    assert_eq!(prefix(program, count).unwrap().body, program.body);
    (steps, alone)
}

/// The loop programs of a function, and of its value and gradient if it has one: without fusion, with it, and cut as finely as possible.
fn programs(module: &Verified<Module>, func: FuncId) -> Vec<Program> {
    let types = module.function(func).param_types().enumerate();
    let wrt: Vec<usize> = types.filter(|(_, ty)| ty.dtype.is_float()).map(|(position, _)| position).collect();
    let mut subjects = vec![(module.clone(), func)];
    if let Ok(gradient) = differentiate(module, func, Derivative::ValueAndGradient, &wrt) {
        let mut module = Module::clone(module);
        let gradient = module.add(gradient);
        subjects.push((verify(module).unwrap(), gradient));
    }
    let variants = [
        Options::new().fusion(Fusion::Off),
        Options::new(),
        Options { cutting: Cutting::EVERYTHING, ..Options::new() },
    ];
    let all = subjects.iter().flat_map(|subject| variants.iter().map(move |options| (subject, options)));
    // Mistakes are tested too, which are no programs.
    let lowered = all.filter_map(|((module, func), options)| loop_program(module, *func, options).ok());
    lowered.map(pullback::loops::Verified::into_inner).collect()
}

#[test]
fn every_step_and_every_part_of_it_is_a_program() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files");
    let (mut steps, mut alone, mut all) = (0, 0, 0);
    for folder in fs::read_dir(root).unwrap() {
        for file in fs::read_dir(folder.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            let Ok(module) = parse_module(&fs::read_to_string(&path).unwrap()) else { continue };
            let Ok(module) = verify(module) else { continue };
            for (func, _) in module.functions() {
                for program in programs(&module, func) {
                    let found = check(&program, &path.display().to_string());
                    all += program.body.len();
                    (steps, alone) = (steps + found.0, alone + found.1);
                }
            }
        }
    }
    assert!(steps > 1000 && alone > 1000 && 10 * steps > 9 * all, "{steps} steps of {all}, and {alone} parts");
}
