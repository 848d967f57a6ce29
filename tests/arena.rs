//! What a program keeps in memory: a budget is kept to by computing again, and results take the place of arguments that are given up.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::fmt::Write;

use pullback::interp::{Array, evaluate};
use pullback::ir::{FuncId, Module, Verified};
use pullback::runtime::{Parameter, Tensor};
use pullback::{
    ArgMut, ArgRef, Fusion, Options, Stage, compile, compile_with_report, dump, loop_program, memory_report,
    parse_module, run_arrays, to_array, to_tensor, value_and_grad, verify,
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

/// The names of the kernels that copy a result, where `%w` is given up; results are checked against those without that, for three calls one after another.
fn copies(text: &str) -> Vec<String> {
    let module = verify(parse_module(text).unwrap()).unwrap();
    let (func, function) = module.functions().next().unwrap();
    let inputs = inputs(&module, func);
    let params = function.params();
    let given = params.iter().position(|&param| function.value_name(param).is_some_and(|name| &**name == "w")).unwrap();
    let mut copies = Vec::new();
    for fusion in Fusion::ALL {
        let options = Options::new().fusion(fusion);
        let plain = compile(&module, func, &options).unwrap();
        let options = options.donate(["w"]);
        let donated = compile(&module, func, &options).unwrap();
        let [place] = donated.signature().donated[..] else { panic!("{:?}", donated.signature()) };
        let mut rest: Vec<Tensor> = inputs.iter().map(|input| to_tensor(input).unwrap()).collect();
        let mut all: Vec<Tensor> = rest.iter().map(|tensor| tensor.try_clone().unwrap()).collect();
        let zeros = |output: &Parameter| Tensor::zeros(output.dtype, &output.shape).unwrap();
        let mut results: Vec<Tensor> = donated.signature().outputs.iter().map(zeros).collect();
        results[place] = rest.remove(given);
        for _ in 0..3 {
            let expected = plain.run(&all.iter().map(ArgRef::from).collect::<Vec<_>>()).unwrap();
            let rest: Vec<ArgRef<'_>> = rest.iter().map(ArgRef::from).collect();
            donated.call(&rest, &mut results.iter_mut().map(ArgMut::from).collect::<Vec<_>>()).unwrap();
            for (number, (found, expected)) in results.iter().zip(&expected).enumerate() {
                let (found, expected) = (to_array(found).unwrap(), to_array(expected).unwrap());
                assert_eq!(found, expected, "fusion {fusion}, result {number}\n{text}");
            }
            all[given] = results[place].try_clone().unwrap();
        }
        let program = loop_program(&module, func, &options).unwrap();
        let kernels = program.kernels();
        copies = kernels.iter().filter(|kernel| kernel.about == "copy").map(|kernel| kernel.name.to_string()).collect();
    }
    copies
}

#[test]
fn a_step_of_an_optimiser_stores_new_parameters_over_the_old() {
    let step = "func @step(%w: f64[40], %x: f64[40]) -> (f64, f64[40]) {
      %d = sub %w, %x : f64[40]
      %s = mul %d, %d : f64[40]
      %loss = reduce add %s, axes=[0] : f64
      %r = constant 0.1 : f64[40]
      %g = mul %d, %r : f64[40]
      %new = sub %w, %g : f64[40]
      return %loss, %new
    }";
    assert!(copies(step).is_empty());
    // The state of a loop begins where it ends.
    let steps = "func @steps(%x: f64[40], %w: f64[40]) -> f64[40] {
      %new = scan %x, %w, length=5, consts=1, carry=1 : f64[40]
        body(%x1: f64[40], %v: f64[40]) {
          %d = sub %v, %x1 : f64[40]
          %r = constant 0.1 : f64[40]
          %g = mul %d, %r : f64[40]
          %next = sub %v, %g : f64[40]
          yield %next
        }
      return %new
    }";
    assert!(copies(steps).is_empty());
    // What is stored over is read before by others.
    let layers = "func @layers(%x: f64[32,32], %w: f64[32,32]) -> (f64[32,32], f64[32,32]) {
      %z = dot %x, %w, contract=[1]x[0] : f64[32,32]
      %t = transpose %w, perm=[1,0] : f64[32,32]
      %g = dot %t, %z, contract=[1]x[0] : f64[32,32]
      %new = sub %w, %g : f64[32,32]
      return %new, %z
    }";
    assert!(copies(layers).is_empty());
}

#[test]
fn a_result_that_the_given_up_argument_is_still_needed_for_is_copied_at_the_end() {
    let at_other_positions = "func @f(%w: f64[40]) -> f64[40] {
      %r = reverse %w, axes=[0] : f64[40]
      %y = add %w, %r : f64[40]
      return %y
    }";
    assert_eq!(copies(at_other_positions), ["copy_result"]);
    let by_a_product = "func @f(%w: f64[32,32]) -> f64[32,32] {
      %y = dot %w, %w, contract=[1]x[0] : f64[32,32]
      return %y
    }";
    assert_eq!(copies(by_a_product), ["copy_result"]);
    let behind = "func @f(%w: f64[32,32]) -> (f64[32,32], f64[32,32]) {
      %y = exp %w : f64[32,32]
      %z = dot %y, %w, contract=[1]x[0] : f64[32,32]
      return %y, %z
    }";
    assert_eq!(copies(behind), ["copy_result"]);
}

#[test]
fn a_copy_at_the_end_is_made_in_the_loop_that_computes_what_is_copied() {
    // What is given back as it was given is loaded before it is stored over.
    let returned = "func @f(%w: f64[40], %x: f64[40]) -> (f64[40], f64[40]) {
      %y = add %w, %x : f64[40]
      return %w, %y
    }";
    assert!(copies(returned).is_empty());
}

#[test]
fn what_cannot_be_given_up_is_refused() {
    let text = "func @f(%w: f64[4], %n: i64) -> (f64[4], f64) {
      %y = neg %w : f64[4]
      %s = reduce add %y, axes=[0] : f64
      return %y, %s
    }";
    let module = verify(parse_module(text).unwrap()).unwrap();
    let func = module.find("f").unwrap();
    let compiled = |names: &[&str]| compile(&module, func, &Options::new().donate(names.iter().copied()));
    let refused = |names: &[&str]| compiled(names).unwrap_err().to_string();
    assert!(refused(&["v"]).contains("no parameter %v"), "{}", refused(&["v"]));
    assert!(refused(&["w", "w"]).contains("%w is to be donated twice"));
    assert!(refused(&["n"]).contains("%n: i64 is to be donated, and no result of its type"), "{}", refused(&["n"]));
    let executable = compiled(&["w"]).unwrap();
    let number = Tensor::from_slice(&[], &[1i64]).unwrap();
    let message = executable.run(&[ArgRef::from(&number)]).unwrap_err().to_string();
    assert!(message.contains("result 0 of `f`, `y`, takes the place of an argument"), "{message}");
}
