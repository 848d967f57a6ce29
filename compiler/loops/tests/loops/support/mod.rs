//! What the tests share: reading programs, lowering functions, comparing with the interpreter of the tensor IR.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "the random programs are shared with other suites, which use other parts"
)]

#[path = "../../../../../tests/support/inputs.rs"]
pub mod inputs;
#[path = "../../../../../tests/support/moved.rs"]
pub mod moved;
#[path = "../../../../../tests/support/permitted.rs"]
pub mod permitted;
#[path = "../../../../../tests/support/program.rs"]
pub mod program;
#[path = "../../../../../tests/support/rng.rs"]
pub mod rng;
#[path = "../../../../../tests/support/run.rs"]
pub mod run;
#[path = "../../../../../tests/support/smooth.rs"]
pub mod smooth;
#[path = "../../../../../tests/support/templates.rs"]
pub mod templates;
#[path = "../../../../../tests/support/tolerance.rs"]
pub mod tolerance;

use pullback_interp::Array;
use pullback_ir::{Elements, parse_module};
use pullback_loops::{
    Program, Target, Verified, contract_mul_add, interpret, join_kernels, lower, parse_program, verify,
};
use pullback_optimize::fuse::{Cutting, FuseOptions, Fusion, fuse};
use pullback_optimize::passes::{expand_operations, inline_regions};

use inputs::Mood;
use rng::Rng;
use run::Case;
use tolerance::Bounds;

/// A verified loop program.
pub fn program(text: &str) -> Verified<Program> {
    let program = parse_program(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    verify(program).unwrap_or_else(|errors| panic!("{errors}\n{text}"))
}

/// The results of a loop program.
pub fn run_program(text: &str, inputs: &[Elements]) -> Vec<Elements> {
    interpret(&program(text), inputs).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The last function of a module with random inputs.
pub fn case(text: &str, mood: Mood) -> Case {
    let module = parse_module(text).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    let module = run::verified(module);
    let func = module.functions().last().unwrap().0;
    let mut rng = Rng::new(7);
    let inputs = module.function(func).param_types().map(|ty| inputs::array(&mut rng, ty, mood)).collect();
    Case { module, func, inputs }
}

/// The widths of vectors that programs are lowered for.
pub const TARGETS: [Target; 2] = [Target { vector_bytes: 16 }, Target { vector_bytes: 64 }];

/// As [`lowered_for`], with the narrowest vectors.
pub fn lowered(case: &Case, fusion: FuseOptions, contract: bool) -> Result<Verified<Program>, String> {
    lowered_for(Target::default(), case, fusion, contract)
}

/// The loop program of a case without calls, contracted and with kernels joined or neither, verified; its text reads back to the same text.
pub fn lowered_for(
    target: Target,
    case: &Case,
    fusion: FuseOptions,
    contract: bool,
) -> Result<Verified<Program>, String> {
    let function = inline_regions(&case.module, case.function()).unwrap();
    let function = &expand_operations(&case.module, &function).unwrap();
    let plan = fuse(function, fusion).unwrap();
    let mut program = lower(function, &plan, target).map_err(|error| format!("{error}\n{}", case.text()))?;
    if contract {
        contract_mul_add(&mut program);
        join_kernels(&mut program).map_err(|error| format!("{error}\n{}", case.text()))?;
    }
    let text = program.to_string();
    let program = verify(program).map_err(|errors| format!("{errors}\n{}\n{text}", case.text()))?;
    let parsed = parse_program(&text).map_err(|error| format!("{error}\n{text}"))?;
    if parsed.to_string() != text {
        return Err(format!("the text does not round-trip:\n{text}\nbecame\n{parsed}"));
    }
    verify(parsed).map_err(|errors| format!("after reading it back: {errors}\n{text}"))?;
    Ok(program)
}

/// The loop program's results as arrays.
pub fn run_lowered(case: &Case, program: &Verified<Program>) -> Result<Vec<Array>, String> {
    let inputs: Vec<Elements> = case.inputs.iter().map(|input| input.elements.clone()).collect();
    let results = interpret(program, &inputs).map_err(|error| format!("{error}\n{}\n{}", case.text(), **program))?;
    let shapes = case.function().result_types().map(|ty| ty.shape.clone());
    Ok(shapes.zip(results).map(|(shape, elements)| Array::new(shape, elements).unwrap()).collect())
}

/// Lowers a case for each target, with and without fusion, contraction and joining of kernels, and compares the results with the tensor interpreter's.
pub fn check(case: &Case) -> Result<(), String> {
    let case = case.inlined();
    let bounds = Bounds::of(&case);
    let plain = FuseOptions::default();
    let [unfused, elementwise] = [Fusion::Off, Fusion::Elementwise].map(|kinds| FuseOptions { kinds, ..plain });
    let cut = FuseOptions { cutting: Cutting::EVERYTHING, ..plain };
    for (fusion, contract) in [(plain, true), (plain, false), (unfused, true), (elementwise, true), (cut, true)] {
        for target in TARGETS {
            let program = lowered_for(target, &case, fusion, contract)?;
            let results = run_lowered(&case, &program)?;
            let context = |message| format!("{target:?}, {fusion:?}: {message}\n{}\n{}", case.text(), *program);
            bounds.check(&results).map_err(context)?;
        }
    }
    Ok(())
}

/// As [`check`], for the text of a module.
pub fn check_text(text: &str) {
    check(&case(text, Mood::Tame)).unwrap_or_else(|message| panic!("{message}"));
}
