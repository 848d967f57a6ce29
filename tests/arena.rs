//! What a program keeps in memory: a budget is kept to by computing again, and a loop updates its state where it is.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::fmt::Write;

use pullback::interp::{Array, evaluate};
use pullback::ir::{FuncId, Module, Verified};
use pullback::{
    Fusion, Options, Stage, compile_with_report, dump, memory_report, parse_module, run_arrays, value_and_grad, verify,
};

/// The sum of the last of so many layers, each the hyperbolic tangent of a product of 32 x 32 with a matrix of its own.
fn layers(count: usize) -> (Verified<Module>, FuncId) {
    let weights: String = (1..=count).fold(String::new(), |text, layer| text + &format!(", %w{layer}: f64[32,32]"));
    let mut text = format!("func @loss(%h0: f64[32,32]{weights}) -> f64 {{\n");
    for layer in 1..=count {
        let before = layer - 1;
        let _ = writeln!(text, "  %z{layer} = dot %h{before}, %w{layer}, contract=[1]x[0] : f64[32,32]");
        let _ = writeln!(text, "  %h{layer} = tanh %z{layer} : f64[32,32]");
    }
    let _ = writeln!(text, "  %s = reduce add %h{count}, axes=[0,1] : f64\n  return %s\n}}");
    let module = verify(parse_module(&text).unwrap()).unwrap();
    let func = module.find("loss").unwrap();
    (module, func)
}

const MATRIX: usize = 32 * 32 * 8;

/// Numbers between -1/4 and 1/4, no two alike.
fn inputs(module: &Verified<Module>, func: FuncId) -> Vec<Array> {
    let mut state = 1u64;
    let mut next = || {
        // Knuth's linear congruential generator.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 54) as f64 - 0.25
    };
    let types = module.function(func).param_types();
    types
        .map(|ty| {
            Array::from_slice(&ty.shape.extents(), &(0..ty.elements()).map(|_| next()).collect::<Vec<f64>>()).unwrap()
        })
        .collect()
}

/// Value and gradient by all weights of so many layers.
fn gradient(layers: usize) -> Options {
    Options::new().value_and_grad((1..=layers).map(|layer| format!("w{layer}"))).threads(1)
}

#[test]
fn a_chain_of_layers_keeps_to_half_and_two_fifths_of_its_arena_with_the_same_results() {
    let (module, func) = layers(24);
    let inputs = inputs(&module, func);
    let wrt: Vec<usize> = (1..=24).collect();
    let mut derived = Module::clone(&module);
    let gradient_func = derived.add(value_and_grad(&module, func, &wrt).unwrap());
    let derived = verify(derived).unwrap();
    let expected = evaluate(&derived, gradient_func, &inputs).unwrap();
    for fusion in Fusion::ALL {
        let options = gradient(24).fusion(fusion);
        let (executable, report) = compile_with_report(&module, func, &options).unwrap();
        let plain = run_arrays(&executable, &inputs).unwrap();
        assert!(report.arena_bytes >= 24 * MATRIX, "the layers are kept: {}", report.arena_bytes);
        for budget in [report.arena_bytes / 2, report.arena_bytes * 2 / 5] {
            let options = options.clone().memory_budget(budget);
            let (executable, smaller) = compile_with_report(&module, func, &options).unwrap();
            assert!(executable.arena_bytes() <= budget, "{fusion}: {}", executable.arena_bytes());
            assert_eq!(executable.arena_bytes(), smaller.arena_bytes);
            let found = run_arrays(&executable, &inputs).unwrap();
            assert_eq!(found, plain, "{fusion}: the same kernels give the same bits");
            for (found, expected) in found.iter().zip(&expected) {
                let pairs = found.to_f64().into_iter().zip(expected.to_f64());
                // Sums of 1024 terms in another order.
                assert!(pairs.into_iter().all(|(x, y)| (x - y).abs() <= 1e-12 * y.abs().max(1.0)), "{fusion}");
            }
        }
    }
}

#[test]
fn a_budget_that_is_met_changes_nothing() {
    let (module, func) = layers(4);
    let needed = memory_report(&module, func, &gradient(4)).unwrap();
    let exact = gradient(4).memory_budget(needed.arena);
    for stage in [Stage::Fused, Stage::Loops] {
        let texts = [gradient(4), exact.clone()].map(|options| dump(&module, func, &options, stage).unwrap());
        assert_eq!(texts[0], texts[1]);
    }
    let text = dump(&module, func, &exact, Stage::Memory).unwrap();
    assert!(text.contains(&format!("{:>14}  budget of arena and workers", needed.arena)), "{text}");
}

#[test]
fn a_budget_that_cannot_be_met_says_by_how_much() {
    let (module, func) = layers(16);
    let error = compile_with_report(&module, func, &gradient(16).memory_budget(1000)).unwrap_err().to_string();
    let numbers: Vec<usize> = error.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect();
    let [needed, budget, missing] = numbers[..] else { panic!("{error}") };
    assert!(budget == 1000 && needed == budget + missing && needed >= 3 * MATRIX, "{error}");
    assert!(needed < memory_report(&module, func, &gradient(16)).unwrap().arena, "it was tried: {error}");
    // That many are enough.
    compile_with_report(&module, func, &gradient(16).memory_budget(needed)).unwrap();
}
