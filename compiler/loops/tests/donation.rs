//! Results in the place of arguments that the caller gives up: the same values as beside them, whatever is fused and cut.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "../../../tests/support/random_control.rs"]
mod random_control;
#[allow(dead_code, reason = "shared with suites that use more of it")]
#[path = "../../../tests/support/rng.rs"]
mod rng;

use pullback_ir::{DType, Elements, Function, Module, Scalar, Value};
use pullback_loops::{
    Donation, Program, Target, Verified, contract_mul_add, interpret, lower_donating, parse_program, promote, verify,
};
use pullback_optimize::fuse::{Cutting, FuseOptions, Fusion, aliased, fuse};
use pullback_optimize::passes::inline_regions;

fn lowered(function: &Function, options: FuseOptions, target: Target, donated: &[Donation]) -> Verified<Program> {
    let plan = fuse(function, options).unwrap();
    let mut program = lower_donating(function, &plan, target, donated).unwrap();
    contract_mul_add(&mut program);
    if options.kinds == Fusion::All {
        promote(&mut program).unwrap();
    }
    let printed = program.to_string();
    let parsed = parse_program(&printed).unwrap_or_else(|error| panic!("{error}\n{printed}"));
    assert_eq!(parsed.to_string(), printed);
    verify(program).unwrap_or_else(|errors| panic!("{errors}\n{printed}"))
}

fn root(function: &Function, mut value: Value) -> Value {
    while let Some(operand) = aliased(function, value) {
        value = operand;
    }
    value
}

/// Pairs of the first parameters and results of one type, as many as there are.
fn pairs(function: &Function) -> Vec<Donation> {
    let mut found: Vec<Donation> = Vec::new();
    for (param, &value) in function.params().iter().enumerate() {
        let result = function.results().iter().enumerate().position(|(result, &other)| {
            let is_free = found.iter().all(|donation| donation.result != result);
            is_free && function.ty(other) == function.ty(value) && function.def_inst(root(function, other)).is_some()
        });
        found.extend(result.map(|result| Donation { param, result }));
    }
    found
}

fn elements(count: usize, number: usize) -> Elements {
    let numbers = (0..count).map(|position| ((position * 7 + number * 3 + 1) % 23) as f64 / 11.0 - 0.9);
    let scalars: Vec<Scalar> = numbers.map(|x| Scalar::from_f64(DType::F64, x)).collect();
    Elements::from_scalars(DType::F64, &scalars).unwrap()
}

#[test]
fn random_programs_store_results_over_arguments() {
    let module = pullback_ir::verify(Module::new()).unwrap();
    let (mut tried, mut copied) = (0, 0);
    for seed in 0..150 {
        let function = inline_regions(&module, &random_control::function(seed)).unwrap();
        let donated = pairs(&function);
        let given = |position: usize| donated.iter().find(|donation| donation.param == position);
        let types = function.param_types().enumerate();
        let all: Vec<Elements> = types.map(|(number, ty)| elements(ty.elements(), number)).collect();
        let mut inputs: Vec<Elements> =
            all.iter().enumerate().filter(|entry| given(entry.0).is_none()).map(|entry| entry.1.clone()).collect();
        let mut by_result = donated.clone();
        by_result.sort_by_key(|donation| donation.result);
        inputs.extend(by_result.iter().map(|donation| all[donation.param].clone()));
        for kinds in Fusion::ALL {
            for (cutting, vector_bytes) in
                [(Cutting::default(), 16), (Cutting::EVERYTHING, 16), (Cutting::default(), 64)]
            {
                let options = FuseOptions { kinds, cutting };
                let [plain, over] =
                    [&[][..], &donated].map(|given| lowered(&function, options, Target { vector_bytes }, given));
                let expected = interpret(&plain, &all).unwrap();
                let found = interpret(&over, &inputs).unwrap_or_else(|error| panic!("seed {seed}: {error}\n{}", *over));
                assert_eq!(found, expected, "seed {seed}, {kinds}\n{}", *over);
                let copies =
                    |program: &Program| program.kernels().iter().filter(|kernel| kernel.about == "copy").count();
                copied += usize::from(copies(&over) > copies(&plain));
                tried += usize::from(!donated.is_empty());
            }
        }
    }
    assert!(tried > 1000 && copied > 50 && copied < tried, "{copied} of {tried} copy more");
}

#[test]
fn only_outputs_take_the_place_of_arguments_and_their_number_counts() {
    let text = "program @f {
  buffer %x : f64[2] input 0
  buffer %y : f64[2] output 0 donated
  arena 0

  kernel @y \"\" {
    for i0 = 0 to 2 step 1 {
      v0 = load %x[i0] : f64
      v1 = load %y[i0] : f64
      v2 = add v0, v1 : f64
      store %y[i0], v2
    }
  }
}
";
    let program = verify(parse_program(text).unwrap()).unwrap();
    let [x, y] = [[1.0, 2.0], [10.0, 20.0]].map(|numbers| Elements::F64(numbers.to_vec()));
    assert_eq!(interpret(&program, &[x.clone(), y]).unwrap(), [Elements::F64(vec![11.0, 22.0])]);
    let message = interpret(&program, &[x]).unwrap_err().to_string();
    assert!(message.contains('2') && message.contains('1'), "{message}");
    let undefined = verify(parse_program(&text.replace(" donated", "")).unwrap()).unwrap_err().to_string();
    assert!(undefined.contains("%y is read and nothing is stored to it before"), "{undefined}");
    let mut wrong = program.into_inner();
    wrong.donated.extend(wrong.buffers.keys().take(1));
    let message = verify(wrong).unwrap_err().to_string();
    assert!(message.contains("%x takes the place of an argument, expected an output"), "{message}");
}
