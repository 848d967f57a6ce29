//! Positions known at run time and results written in parts: compiled, against the tensor interpreter.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "../../loops/tests/positions/mod.rs"]
mod programs;

use pullback_codegen::isa::vector_bytes;
use pullback_codegen::{Features, Options, compile, runtime_dtype};
use pullback_interp::{Array, evaluate};
use pullback_ir::{Elements, Function, Scalar, Type};
use pullback_loops::{Target, contract_mul_add, lower, verify};
use pullback_optimize::fuse::{FuseOptions, Fusion, fuse};
use pullback_runtime::{ArgRef, Executable, Parameter, Signature, Tensor};

fn signature(function: &Function) -> Signature {
    let parameters = |types: Vec<&Type>| {
        let named = types.into_iter().enumerate();
        named
            .map(|(number, ty)| Parameter {
                name: format!("v{number}"),
                dtype: runtime_dtype(ty.dtype),
                shape: ty.shape.extents(),
            })
            .collect()
    };
    Signature {
        name: "f".to_owned(),
        inputs: parameters(function.param_types().collect()),
        outputs: parameters(function.result_types().collect()),
        donated: vec![],
    }
}

fn compiled(text: &str, kinds: Fusion, features: Features) -> Result<Executable, String> {
    let module = programs::module(text);
    let function = module.functions().last().unwrap().1;
    let plan =
        fuse(function, FuseOptions { kinds, ..FuseOptions::default() }).map_err(|error| format!("{error}\n{text}"))?;
    let target = Target { vector_bytes: vector_bytes(features) };
    let mut program = lower(function, &plan, target).map_err(|error| format!("{error}\n{text}"))?;
    contract_mul_add(&mut program);
    let program = verify(program).map_err(|errors| format!("{errors}\n{text}"))?;
    let options = Options { features, verify: true, ..Options::default() };
    let compiled = compile(&program, signature(function), &options);
    compiled.map(|compiled| compiled.executable).map_err(|error| format!("{error}\n{text}\n{}", *program))
}

macro_rules! each_type {
    ($($dtype:ident $ty:ty),*) => {
        fn tensor(array: &Array) -> Tensor {
            let shape = array.shape.extents();
            match array.ty().dtype {
                $(pullback_ir::DType::$dtype => {
                    let elements = array.elements.iter().map(|x| match x { Scalar::$dtype(x) => x, _ => panic!("{x}") });
                    let elements: Vec<$ty> = elements.collect();
                    Tensor::from_slice(&shape, &elements).unwrap()
                })*
            }
        }

        fn elements(tensor: &Tensor) -> Elements {
            match tensor.dtype() {
                $(pullback_runtime::DType::$dtype => {
                    let scalars: Vec<Scalar> =
                        tensor.as_slice::<$ty>().unwrap().iter().map(|&x| Scalar::$dtype(x)).collect();
                    Elements::from_scalars(pullback_ir::DType::$dtype, &scalars).unwrap()
                })*
            }
        }
    };
}
each_type!(F32 f32, F64 f64, I32 i32, I64 i64, U8 u8, Bool bool);

fn check(case: &programs::Program) -> Result<(), String> {
    let module = programs::module(&case.text);
    let func = module.functions().last().unwrap().0;
    let executables = [
        compiled(&case.text, Fusion::All, Features::Native)?,
        compiled(&case.text, Fusion::Off, Features::Native)?,
        compiled(&case.text, Fusion::All, Features::Baseline)?,
    ];
    for seed in 0..3 {
        let inputs = case.inputs(&module, seed);
        let expected = evaluate(&module, func, &inputs).map_err(|error| format!("{error}\n{}", case.text))?;
        let tensors: Vec<Tensor> = inputs.iter().map(tensor).collect();
        let views: Vec<ArgRef<'_>> = tensors.iter().map(ArgRef::from).collect();
        for (number, executable) in executables.iter().enumerate() {
            let found = executable.run(&views).unwrap();
            for (position, (found, expected)) in found.iter().zip(&expected).enumerate() {
                let checked = case.check(&elements(found), expected);
                checked.map_err(|error| format!("executable {number}, result {position}, {error}"))?;
            }
        }
    }
    Ok(())
}

#[test]
fn compiled_programs_compute_what_the_tensor_interpreter_computes() {
    let all = programs::all();
    let failures: Vec<String> = all.iter().filter_map(|case| check(case).err()).collect();
    let shown: Vec<&str> = failures.iter().take(5).map(String::as_str).collect();
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), all.len(), shown.join("\n\n"));
}
