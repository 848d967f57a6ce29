//! Positions known at run time and results written in parts: lowered, against the tensor interpreter.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "positions/mod.rs"]
mod programs;

use pullback_interp::evaluate;
use pullback_ir::Elements;
use pullback_loops::{Program, Target, contract_mul_add, interpret, lower, parse_program};
use pullback_optimize::fuse::{FuseOptions, Fusion, fuse};

/// The loop program of a function, verified; its text reads back to the same text.
fn lowered(text: &str, kinds: Fusion, target: Target) -> Result<pullback_loops::Verified<Program>, String> {
    let module = programs::module(text);
    let function = module.functions().last().unwrap().1;
    let plan =
        fuse(function, FuseOptions { kinds, ..FuseOptions::default() }).map_err(|error| format!("{error}\n{text}"))?;
    let mut program = lower(function, &plan, target).map_err(|error| format!("{error}\n{text}"))?;
    contract_mul_add(&mut program);
    let printed = program.to_string();
    let parsed = parse_program(&printed).map_err(|error| format!("{error}\n{printed}"))?;
    assert_eq!(parsed.to_string(), printed);
    pullback_loops::verify(parsed).map_err(|errors| format!("after reading it back: {errors}\n{printed}"))?;
    pullback_loops::verify(program).map_err(|errors| format!("{errors}\n{text}\n{printed}"))
}

fn check(case: &programs::Program) -> Result<(), String> {
    let module = programs::module(&case.text);
    let func = module.functions().last().unwrap().0;
    let wide = Target { vector_bytes: 64 };
    let programs = [
        lowered(&case.text, Fusion::All, Target::default())?,
        lowered(&case.text, Fusion::Off, Target::default())?,
        lowered(&case.text, Fusion::All, wide)?,
        lowered(&case.text, Fusion::Off, wide)?,
    ];
    for seed in 0..3 {
        let inputs = case.inputs(&module, seed);
        let expected = evaluate(&module, func, &inputs).map_err(|error| format!("{error}\n{}", case.text))?;
        let inputs: Vec<Elements> = inputs.into_iter().map(|input| input.elements).collect();
        for program in &programs {
            let found =
                interpret(program, &inputs).map_err(|error| format!("{error}\n{}\n{}", case.text, **program))?;
            for (number, (found, expected)) in found.iter().zip(&expected).enumerate() {
                case.check(found, expected).map_err(|error| format!("result {number}, {error}\n{}", **program))?;
            }
        }
    }
    Ok(())
}

#[test]
fn lowered_programs_compute_what_the_tensor_interpreter_computes() {
    let all = programs::all();
    let failures: Vec<String> = all.iter().filter_map(|case| check(case).err()).collect();
    let shown: Vec<&str> = failures.iter().take(5).map(String::as_str).collect();
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), all.len(), shown.join("\n\n"));
}
