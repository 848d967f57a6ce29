//! Calling what was compiled: errors, views, threads, dumps; and programs that are refused.

use std::sync::Barrier;

use ndarray::{Array2, ArrayD, array};
use pullback_codegen::Options;
use pullback_ir::{Binary, DType, Scalar};
use pullback_loops::step::for_each_kernel_mut;
use pullback_loops::{Affine, Expr, Stmt};
use pullback_runtime::{ArgMut, ArgRef, Executable, Tensor};

use super::support::{FEATURES, Kit, arg, first, place, vector};

/// `y = 2 a + b` over a 2 × 4 matrix, through the arena.
fn twice_plus() -> Kit {
    let mut kit = Kit::new();
    let (a, b, y) = (kit.input(DType::F32, 8), kit.input(DType::F32, 8), kit.output(DType::F32, 8));
    let twice = kit.arena(DType::F32, 8);
    for (index, name) in ["a", "b"].into_iter().enumerate() {
        kit.signature.inputs[index].name = name.to_owned();
        kit.signature.inputs[index].shape = vec![2, 4];
    }
    kit.signature.outputs[0].shape = vec![2, 4];
    let ty = vector(DType::F32, 4);
    kit.each(8, 4, |kit, i| {
        let x = kit.load(ty, a, i);
        let sum = kit.set(ty, Expr::Binary(Binary::Add, x, x));
        kit.store(twice, i, sum);
    });
    kit.next_kernel();
    kit.each(8, 4, |kit, i| {
        let (x, z) = (kit.load(ty, twice, i), kit.load(ty, b, i));
        let sum = kit.set(ty, Expr::Binary(Binary::Add, x, z));
        kit.store(y, i, sum);
    });
    kit
}

fn executable() -> Executable {
    twice_plus().compile(FEATURES[0]).executable
}

#[test]
fn arguments_come_as_slices_tensors_and_arrays() {
    let program = executable();
    let a: Array2<f32> = array![[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]];
    let b = Tensor::from_slice(&[2, 4], &[0.5f32; 8]).unwrap();
    let expected: Vec<f32> = a.iter().map(|x| 2.0 * x + 0.5).collect();
    assert_eq!(first::<f32>(&program.run(&[(&a).into(), (&b).into()]).unwrap()), expected);

    let mut out = ArrayD::<f32>::zeros(vec![2, 4]);
    program.call(&[(&a.view()).into(), (&b).into()], &mut [(&mut out).into()]).unwrap();
    assert_eq!(out.iter().copied().collect::<Vec<_>>(), expected);

    let mut out = [0.0f32; 8];
    let flat: Vec<f32> = a.iter().copied().collect();
    program.call(&[ArgRef::new(&flat, &[2, 4]), (&b).into()], &mut [ArgMut::new(&mut out, &[2, 4])]).unwrap();
    assert_eq!(out, *expected);

    let mut tensor = Tensor::zeros(b.dtype(), &[2, 4]).unwrap();
    let mut bound = program.bind(&[arg(&flat), (&b).into()], vec![(&mut tensor).into()]).unwrap();
    bound.run();
    bound.run();
    drop(bound);
    assert_eq!(tensor.as_slice::<f32>().unwrap(), expected);
}

#[test]
fn a_wrong_call_says_what_is_wrong_and_writes_nothing() {
    let program = executable();
    let good = [1.0f32; 8];
    let shape = [2, 4];
    let fit = ArgRef::new(&good, &shape);
    let wrong_type = [1.0f64; 8];
    let turned: Array2<f32> = Array2::zeros((4, 2)).reversed_axes();
    let turned_view: ArgRef<'_> = (&turned).into();
    let message = |inputs: &[ArgRef<'_>]| program.run(inputs).unwrap_err().to_string();
    assert_eq!(message(&[fit]), "`test` has 2 arguments (a, b), 1 were given");
    assert_eq!(
        message(&[fit, ArgRef::new(&wrong_type, &shape)]),
        "argument 1 of `test`, `b`, is f32[2,4]; elements of type f64 were given"
    );
    assert_eq!(
        message(&[ArgRef::new(&good, &[4, 2]), fit]),
        "argument 0 of `test`, `a`, is f32[2,4]; the shape [4,2] was given"
    );
    assert_eq!(
        message(&[ArgRef::scalar(&1.0f32), fit]),
        "argument 0 of `test`, `a`, is f32[2,4]; the shape of a scalar was given"
    );
    let short = "argument 0 of `test`, `a`, is f32[2,4], 8 elements; 7 were given";
    assert_eq!(message(&[ArgRef::new(&good[..7], &shape), fit]), short);
    assert_eq!(message(&[arg(&good[..7]), fit]), short);
    assert_eq!(
        message(&[fit, turned_view]),
        "argument 1 of `test`, `b`, was given an array that is not in standard (row-major, dense) layout: \
         copy it with `as_standard_layout` first"
    );
    let mut out = [7.0f32; 8];
    let error = program.call(&[fit, fit], &mut [ArgMut::new(&mut out[..4], &[1, 4])]).unwrap_err();
    assert_eq!(error.to_string(), "result 0 of `test`, `y0`, is f32[2,4]; the shape [1,4] was given");
    let error = program.call(&[fit, fit], &mut []).unwrap_err();
    assert_eq!(error.to_string(), "`test` has 1 results (y0), 0 were given");
    assert!(program.bind(&[fit], vec![]).is_err());
    assert_eq!(out, [7.0; 8]);
}

#[test]
fn one_executable_serves_many_threads_and_outlives_its_clones() {
    let program = executable();
    let start = Barrier::new(4);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (program, start) = (program.clone(), &start);
            scope.spawn(move || {
                start.wait();
                for round in 0..2000 {
                    let a = [f32::from(thread as u16 * 1000 + round); 8];
                    let mut out = [0.0f32; 8];
                    program.call(&[arg(&a), arg(&[1.0f32; 8])], &mut [(&mut out[..]).into()]).unwrap();
                    assert_eq!(out, [2.0 * a[0] + 1.0; 8]);
                }
            });
        }
    });
    let last = program.clone();
    drop(program);
    assert_eq!(first::<f32>(&last.run(&[arg(&[1.0f32; 8]), arg(&[1.0f32; 8])]).unwrap()), [3.0; 8]);
}

#[test]
fn buffers_without_elements_are_called_with() {
    let mut kit = Kit::new();
    let (x, y) = (kit.input(DType::F32, 0), kit.output(DType::F32, 0));
    kit.each(0, 4, |kit, i| {
        let value = kit.load(vector(DType::F32, 4), x, i);
        kit.store(y, i, value);
    });
    for found in kit.run::<f32>(&[arg::<f32>(&[])]) {
        assert_eq!(found, [0.0f32; 0]);
    }
    // No kernels at all.
    let mut kit = Kit::new();
    kit.output(DType::I64, 0);
    assert_eq!(kit.run::<i64>(&[]), [[0; 0]; 3]);
}

#[test]
fn an_absurd_arena_is_an_error_of_the_call() {
    let mut kit = twice_plus();
    kit.program.arena_bytes = 1 << 62;
    let program = kit.compile(FEATURES[0]).executable;
    let ones = [1.0f32; 8];
    let error = program.run(&[arg(&ones), arg(&ones)]).unwrap_err().to_string();
    assert_eq!(error, format!("{} bytes for the arena of `test` could not be allocated", 1u64 << 62));
}

#[test]
fn dumps_name_every_kernel_and_its_origin() {
    let options = Options { clif: true, asm: true, verify: true, ..Options::default() };
    let compiled = twice_plus().compile_with(&options).unwrap();
    let (clif, asm) = (compiled.clif.unwrap(), compiled.asm.unwrap());
    for text in [&clif, &asm] {
        for header in ["; kernel0\n;   by hand\n", "; kernel1\n;   by hand\n", "; test\n"] {
            assert!(text.contains(header), "{header} in {text}");
        }
    }
    assert!(clif.contains("fadd") && asm.contains("addps"), "{clif}{asm}");
    assert!(compiled.timings.kernels.iter().all(|kernel| kernel.code_bytes > 0));
    let compiled = twice_plus().compile(FEATURES[0]);
    assert!(compiled.clif.is_none() && compiled.asm.is_none());
}

#[test]
fn the_baseline_has_neither_avx_nor_fused_multiply_add() {
    let asm = |features| {
        let mut kit = Kit::new();
        let (x, y) = (kit.input(DType::F32, 4), kit.output(DType::F32, 4));
        let ty = vector(DType::F32, 4);
        let value = kit.load(ty, x, &Affine::constant(0));
        let value = kit.set(ty, Expr::MulAdd(value, value, value));
        kit.store(y, &Affine::constant(0), value);
        kit.compile_with(&Options { features, asm: true, ..Options::default() }).unwrap().asm.unwrap()
    };
    assert!(!asm(FEATURES[1]).contains("vfmadd") && !asm(FEATURES[1]).contains("vmov"));
    if std::is_x86_feature_detected!("fma") {
        assert!(asm(FEATURES[0]).contains("vfmadd"));
    }
}

#[test]
fn programs_that_do_not_fit_their_signature_are_refused() {
    let refused = |change: fn(&mut Kit), part: &str| {
        let mut kit = twice_plus();
        change(&mut kit);
        let error = kit.error();
        assert!(error.starts_with("bug in code generation, buffers: ") && error.contains(part), "{error}");
    };
    refused(|kit| kit.signature.inputs[1].shape = vec![2, 3], "`b` of the signature is f32[2, 3]");
    refused(|kit| kit.signature.inputs[0].dtype = pullback_runtime::DType::F64, "`a` of the signature is f64");
    refused(|kit| drop(kit.signature.inputs.pop()), "the signature has no such position");
    refused(
        |kit| {
            let extra = kit.signature.outputs[0].clone();
            kit.signature.outputs.push(extra);
        },
        "no buffer is result 1",
    );
}

#[test]
fn loop_ir_that_breaks_its_rules_does_not_come_this_far() {
    let scalar = vector(DType::F32, 1);
    let one = Expr::Const(Scalar::F32(1.0));
    let refused = |build: &dyn Fn(&mut Kit), message: &str| {
        let mut kit = Kit::new();
        build(&mut kit);
        assert!(kit.error().starts_with(&format!("in kernel @kernel0: {message}\n")), "{}", kit.error());
    };
    refused(
        &|kit| {
            let (x, _) = (kit.input(DType::F32, 1), kit.output(DType::F32, 0));
            let value = kit.set(scalar, one.clone());
            kit.store(x, &Affine::constant(0), value);
        },
        "a store to %buffer0, an input",
    );
    refused(
        &|kit| {
            let value = kit.set(scalar, one.clone());
            kit.push(Stmt::Let(value, one.clone()));
        },
        "the variable is assigned a second time",
    );
    refused(
        &|kit| {
            let never = kit.program.var(scalar);
            kit.set(scalar, Expr::Binary(Binary::Add, never, never));
        },
        "operand 0 is used before it is assigned",
    );
    refused(
        &|kit| {
            let value = kit.set(scalar, one.clone());
            kit.set(vector(DType::F64, 1), Expr::Unary(pullback_ir::Unary::Neg, value));
        },
        "operand 0 is f32, expected f64",
    );
    refused(
        &|kit| {
            let outside = Affine::counter(kit.program.index());
            kit.set(vector(DType::I64, 1), Expr::Position { index: outside, lane_stride: 1 });
        },
        "a counter is used outside its loop",
    );
    refused(
        &|kit| {
            let x = kit.input(DType::F32, 40);
            kit.each(5, 1, |kit, i| {
                kit.each(8, 4, |kit, j| {
                    kit.load(vector(DType::F32, 4), x, &i.times(8).plus(j, 1).plus_constant(1));
                });
            });
        },
        "positions 1 to 40 of %buffer0 are accessed, which has 40 elements",
    );
    refused(
        &|kit| {
            let y = kit.output(DType::F32, 40);
            let value = kit.set(vector(DType::F32, 4), one.clone());
            kit.push(Stmt::Store(place(y, &Affine::constant(8), -3), value));
        },
        "positions -1 to 8 of %buffer0 are accessed, which has 40 elements",
    );
    refused(
        &|kit| kit.each(5, 2, |_, _| {}),
        "the loop goes to 5 by 2, expected a step of at least 1 and a multiple of it that is not negative",
    );
}

#[test]
fn kernels_of_one_name_are_refused() {
    let mut kit = twice_plus();
    kit.next_kernel();
    for_each_kernel_mut(&mut kit.program.body, &mut |kernel| kernel.name = "kernel0".into());
    assert!(kit.error().starts_with("two kernels are named @kernel0"), "{}", kit.error());
}
