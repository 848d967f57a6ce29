//! Every statement and expression by hand, interpreted.

use std::fmt::Write;

use pullback_interp::scalar;
use pullback_ir::{Binary, Comparison, DType, Elements, Reduction, Scalar, Unary};
use pullback_loops::interpret;
use pullback_loops::interpret::Error;

use super::support::inputs::{Mood, array};
use super::support::rng::Rng;
use super::support::{program, run_program};

/// A program of one kernel.
fn kernel(buffers: &[&str], body: &str) -> String {
    let buffers: String = buffers.iter().fold(String::new(), |mut text, buffer| {
        let _ = writeln!(text, "  buffer {buffer}");
        text
    });
    format!("program @f {{\n{buffers}  arena 0\n  kernel @k \"by hand\" {{\n{body}\n  }}\n}}\n")
}

fn f32s(values: &[f32]) -> Elements {
    Elements::F32(values.to_vec())
}

/// The types of variables with these elements.
fn var_types(dtype: DType) -> Vec<String> {
    let lanes: &[usize] = match dtype {
        DType::F32 | DType::I32 => &[1, 4],
        DType::F64 | DType::I64 => &[1, 2],
        DType::U8 => &[1],
        DType::Bool => &[1, 2, 4],
    };
    lanes.iter().map(|&lanes| if lanes == 1 { dtype.to_string() } else { format!("{dtype}x{lanes}") }).collect()
}

fn lanes_of(ty: &str) -> usize {
    ty.split_once('x').map_or(1, |(_, lanes)| lanes.parse().unwrap())
}

/// Applies `op` to operands of `from` for every legal type, and compares with `meaning` element by element.
fn elementwise(op: &str, from: &[DType], to: DType, meaning: impl Fn(&[Scalar]) -> Option<Scalar>) {
    let mut rng = Rng::new(3);
    let count = 64;
    let shape = pullback_ir::Shape::new(&[count]).unwrap();
    let inputs: Vec<Elements> = from
        .iter()
        .map(|&dtype| array(&mut rng, &pullback_ir::Type { dtype, shape: shape.clone() }, Mood::Special).elements)
        .collect();
    for ty in var_types(to) {
        let lanes = lanes_of(&ty);
        let types: Option<Vec<String>> =
            from.iter().map(|&dtype| var_types(dtype).into_iter().find(|ty| lanes_of(ty) == lanes)).collect();
        let Some(types) = types else { continue };
        let mut buffers: Vec<String> =
            from.iter().enumerate().map(|(n, dtype)| format!("%x{n} : {dtype}[{count}] input {n}")).collect();
        buffers.push(format!("%y : {to}[{count}] output 0"));
        let buffers: Vec<&str> = buffers.iter().map(String::as_str).collect();
        let loads: Vec<String> =
            types.iter().enumerate().map(|(n, ty)| format!("v{n} = load %x{n}[i0] : {ty}")).collect();
        let operands: Vec<String> = (0..from.len()).map(|n| format!("v{n}")).collect();
        let body = format!(
            "for i0 = 0 to {count} step {lanes} {{\n{}\nv9 = {op} {} : {ty}\nstore %y[i0], v9\n}}",
            loads.join("\n"),
            operands.join(", ")
        );
        let found = run_program(&kernel(&buffers, &body), &inputs);
        for position in 0..count {
            let operands: Vec<Scalar> = inputs.iter().map(|input| input.get(position).unwrap()).collect();
            let expected = meaning(&operands).unwrap();
            let found = found[0].get(position).unwrap();
            assert_eq!(found, expected, "{op} of {operands:?} as {ty}");
        }
    }
}

#[test]
fn elementwise_expressions_mean_what_the_tensor_ir_says_in_every_lane() {
    for dtype in DType::ALL {
        for op in Unary::ALL.iter().filter(|op| op.info().domain.contains(dtype)) {
            elementwise(op.info().name, &[dtype], dtype, |x| scalar::unary(*op, x[0]));
        }
        for op in Binary::ALL.iter().filter(|op| op.info().domain.contains(dtype)) {
            elementwise(op.info().name, &[dtype; 2], dtype, |x| scalar::binary(*op, x[0], x[1]));
        }
        for predicate in Comparison::ALL {
            let op = format!("compare {}", predicate.name());
            elementwise(&op, &[dtype; 2], DType::Bool, |x| scalar::compare(*predicate, x[0], x[1]).map(Scalar::Bool));
        }
        for to in DType::ALL {
            elementwise("convert", &[dtype], to, |x| Some(scalar::convert(x[0], to)));
        }
        elementwise("select", &[DType::Bool, dtype, dtype], dtype, |x| scalar::select(x[0], x[1], x[2]));
    }
    for dtype in [DType::F32, DType::F64] {
        elementwise("is_finite", &[dtype], DType::Bool, |x| scalar::is_finite(x[0]).map(Scalar::Bool));
    }
}

#[test]
fn mul_add_rounds_once() {
    let x = 1.0 + f32::EPSILON;
    let body = "v0 = load %x[0] : f32\nv1 = load %x[1] : f32\nv2 = mul_add v0, v0, v1 : f32\nstore %y[0], v2";
    let text = kernel(&["%x : f32[2] input 0", "%y : f32[1] output 0"], body);
    let found = run_program(&text, &[f32s(&[x, -1.0 - 2.0 * f32::EPSILON])]);
    // (1 + e)^2 - 1 - 2e = e^2; rounding the product first gives 0.
    assert_eq!(found[0], f32s(&[f32::EPSILON * f32::EPSILON]));
}

#[test]
fn constants_splats_and_positions() {
    let body = "
        v0 = const -0.5 : f32x4
        store %a[0], v0
        v1 = const nan:0x7fc00001 : f32
        store %a[4], v1
        v2 = load %a[0] : f32
        v3 = splat v2 : f32x4
        store %a[5], v3
        for i0 = 0 to 6 step 2 {
          v4 = position 10*i0 + 300 stride -7 : i64x2
          store %b[i0], v4
          v5 = position 100*i0 + 200 : u8
          store %c[i0], v5
          v6 = position -i0 - 1 : f64
          store %d[i0], v6
          store %d[i0 + 1], v6
          store %c[i0 + 1], v5
        }
        v7 = position -9223372036854775808 stride -1 : i64x2
        store %b[6], v7";
    let text =
        kernel(&["%a : f32[9] output 0", "%b : i64[8] output 1", "%c : u8[6] output 2", "%d : f64[6] output 3"], body);
    let found = run_program(&text, &[]);
    let a = Elements::F32([vec![-0.5; 4], vec![f32::from_bits(0x7fc0_0001)], vec![-0.5; 4]].concat());
    assert_eq!(found[0], a);
    assert_eq!(found[1], Elements::I64(vec![300, 293, 320, 313, 340, 333, i64::MIN, i64::MAX]));
    assert_eq!(found[2], Elements::U8(vec![200, 200, 144, 144, 88, 88]));
    assert_eq!(found[3], Elements::F64(vec![-1.0, -1.0, -3.0, -3.0, -5.0, -5.0]));
}

#[test]
fn vectors_gather_and_scatter() {
    let body = "
        v0 = load %x[7] stride -2 : f32x4
        store %y[0] stride 3, v0
        v1 = load %x[4] stride 0 : f32x4
        store %y[1] stride 3, v1
        store %y[11] stride -3, v0
        v2 = load %m[3] stride -1 : boolx4
        store %n[0], v2
        v3 = load %x[0] : f32x4
        store %z[0] stride 0, v3";
    let buffers = [
        "%x : f32[8] input 0",
        "%m : bool[4] input 1",
        "%y : f32[12] output 0",
        "%n : bool[4] output 1",
        "%z : f32[1] output 2",
    ];
    let x: Vec<f32> = (0..8).map(|n| n as f32).collect();
    let found = run_program(&kernel(&buffers, body), &[f32s(&x), Elements::Bool(vec![true, true, false, false])]);
    assert_eq!(found[0], f32s(&[7.0, 4.0, 1.0, 5.0, 4.0, 3.0, 3.0, 4.0, 5.0, 1.0, 4.0, 7.0]));
    assert_eq!(found[1], Elements::Bool(vec![false, false, true, true]));
    assert_eq!(found[2], f32s(&[3.0]), "the last lane wins");
}

#[test]
fn lanes_are_combined_halves_first() {
    for (kind, ty, input, expected) in [
        // In order the two ones would be lost.
        (Reduction::Add, "f32x4", f32s(&[1e8, 1.0, -1e8, 1.0]), Scalar::F32(2.0)),
        // (1e8 - 1e8) + (1 + 1), but 1e8 + 1 here first.
        (Reduction::Add, "f32x4", f32s(&[1e8, 1.0, 1.0, -1e8]), Scalar::F32(0.0)),
        (Reduction::Mul, "f64x2", Elements::F64(vec![3.0, -0.5]), Scalar::F64(-1.5)),
        (Reduction::Max, "i32x4", Elements::I32(vec![-4, -3, -9, -5]), Scalar::I32(-3)),
        (Reduction::Min, "i64x2", Elements::I64(vec![-4, 3]), Scalar::I64(-4)),
        (Reduction::And, "boolx4", Elements::Bool(vec![true, true, false, true]), Scalar::Bool(false)),
        (Reduction::Or, "boolx2", Elements::Bool(vec![false, true]), Scalar::Bool(true)),
    ] {
        let (dtype, count) = (input.dtype(), input.len());
        let buffers = [format!("%x : {dtype}[{count}] input 0"), format!("%y : {dtype}[1] output 0")];
        let body =
            format!("v0 = load %x[0] : {ty}\nv1 = reduce_lanes {} v0 : {dtype}\nstore %y[0], v1", kind.kind_name());
        let buffers: Vec<&str> = buffers.iter().map(String::as_str).collect();
        assert_eq!(run_program(&kernel(&buffers, &body), &[input])[0].get(0), Some(expected), "{kind:?} {ty}");
    }
}

#[test]
fn loops_carry_values_and_nest() {
    // Fibonacci numbers: both values move at once.
    let body = "
        v0 = const 0 : i64
        v1 = const 1 : i64
        v5, v6 = for i0 = 0 to 10 step 1 carry (v2 = v0 : i64, v3 = v1 : i64) {
          store %y[i0], v2
          v4 = add v2, v3 : i64
          yield v3, v4
        }
        store %y[10], v5
        store %y[11], v6
        v9, v10 = for i1 = 0 to 0 step 4 carry (v7 = v5 : i64, v8 = v0 : i64) {
          v11 = load %y[i1 - 1000] : i64
          yield v11, v7
        }
        store %y[12], v9
        v14 = for i2 = 0 to 6 step 3 carry (v12 = v0 : i64) {
          v17 = for i3 = 0 to 4 step 1 carry (v15 = v12 : i64) {
            v18 = position 10*i2 + i3 : i64
            v19 = add v15, v18 : i64
            yield v19
          }
          yield v17
        }
        store %y[13], v14";
    let found = run_program(&kernel(&["%y : i64[14] output 0"], body), &[]);
    assert_eq!(found[0], Elements::I64(vec![0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 55, 6 + 126]));
}

#[test]
fn matrix_products_with_strides_and_accumulation() {
    let buffers = ["%a : f32[7] input 0", "%b : f32[6] input 1", "%y : f32[8] output 0", "%z : f64[2] output 1"];
    // a = [[1, 2, 3], [4, 5, 6]] from position 1 on; b is the transpose of [[1, 0, 2], [0, 1, 1]].
    let body = "
        gemm f32 2x2x3 %y[0; 2, 1] = %a[1; 3, 1] * %b[0; 1, 3]
        gemm f32 2x2x3 %y[4; 1, 2] = %a[1; 3, 1] * %b[0; 1, 3]
        for i0 = 0 to 2 step 1 {
          gemm f32 1x2x3 %y[2*i0; 9, 1] += %a[3*i0 + 1; 9, 1] * %b[0; 1, 3]
        }
        gemm f32 0x2x3 %y[100; 2, 1] = %a[100; 3, 1] * %b[0; 1, 3]
        v0 = const 5.0 : f64x2
        store %z[0], v0
        gemm f64 1x1x0 %z[0; 1, 1] += %z[1; 1, 1] * %z[1; 1, 1]";
    let text = kernel(&buffers, &body.replace("%z[1; 1, 1] * %z[1; 1, 1]", "%c[0; 1, 1] * %c[0; 1, 1]"));
    let text = text.replace("  arena 0", "  buffer %c : f64[1] constant [1.0]\n  arena 0");
    let inputs = [f32s(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), f32s(&[1.0, 0.0, 2.0, 0.0, 1.0, 1.0])];
    let found = run_program(&text, &inputs);
    // a · b = [[7, 5], [16, 11]].
    assert_eq!(found[0], f32s(&[14.0, 10.0, 32.0, 22.0, 7.0, 16.0, 5.0, 11.0]));
    assert_eq!(found[1], Elements::F64(vec![5.0, 5.0]));
    let cleared = text.replace("f64 1x1x0 %z[0; 1, 1] +=", "f64 1x1x0 %z[0; 1, 1] =");
    assert_eq!(run_program(&cleared, &inputs)[1], Elements::F64(vec![0.0, 5.0]));
}

/// Two kernels and two buffers at one place of the arena, one after the other.
const ARENA: &str = "program @f {
  buffer %x : f32[2] input 0
  buffer %c : i32[3] constant [1, -2, 3]
  buffer %t : f32[2] arena 0
  buffer %u : i32[2] arena 0
  buffer %y : f32[2] output 0
  buffer %z : i32[2] output 1
  arena 64

  kernel @one \"t is alive\" {
    for i0 = 0 to 2 step 1 {
      v0 = load %x[i0] : f32
      v1 = mul v0, v0 : f32
      store %t[i0], v1
    }
    for i1 = 0 to 2 step 1 {
      v2 = load %t[-i1 + 1] : f32
      store %y[i1], v2
    }
  }

  kernel @two \"u is alive\" {
    for i2 = 0 to 2 step 1 {
      v3 = load %c[i2 + 1] : i32
      store %u[i2], v3
    }
    for i3 = 0 to 2 step 1 {
      v4 = load %u[i3] : i32
      v5 = neg v4 : i32
      store %z[i3], v5
    }
  }
}
";

#[test]
fn buffers_share_the_arena_one_after_the_other() {
    let found = run_program(ARENA, &[f32s(&[2.0, 3.0])]);
    assert_eq!(found, [f32s(&[9.0, 4.0]), Elements::I32(vec![2, -3])]);
    assert_eq!(program(ARENA).to_string(), ARENA);
}

#[test]
fn reading_what_was_never_stored_is_an_error() {
    // The element type fits and the bytes are there, but they are those of %t.
    let stale = ARENA.replace("store %u[i2], v3", "store %u[0], v3");
    let error = interpret(&program(&stale), &[f32s(&[2.0, 3.0])]).unwrap_err();
    assert_eq!(error.to_string(), "kernel @two: element 1 of %u is read, nothing was stored there");
    let partly = ARENA.replace("store %z[i3], v5", "store %z[1], v5");
    let error = interpret(&program(&partly), &[f32s(&[2.0, 3.0])]).unwrap_err();
    assert_eq!(error.to_string(), "the results: element 0 of %z is read, nothing was stored there");
}

#[test]
fn inputs_that_do_not_fit_are_errors() {
    let program = program(ARENA);
    let error = interpret(&program, &[]).unwrap_err();
    assert_eq!(error, Error::InputCount { program: "f".into(), expected: 1, found: 0 });
    let error = interpret(&program, &[f32s(&[1.0; 3])]).unwrap_err();
    assert_eq!(error.to_string(), "input 0, %x, is f32[3], expected f32[2]");
    let error = interpret(&program, &[Elements::F64(vec![1.0; 2])]).unwrap_err();
    assert_eq!(error.to_string(), "input 0, %x, is f64[2], expected f32[2]");
    let error = interpret(&program, &[f32s(&[1.0; 2]), f32s(&[])]).unwrap_err();
    assert_eq!(error.to_string(), "@f takes 1 inputs, found 2");
}

#[test]
fn programs_of_huge_buffers_are_refused_not_run() {
    let text = kernel(&["%y : f64[281474976710656] output 0"], "v0 = const 1.0 : f64\nstore %y[0], v0");
    let error = interpret(&program(&text), &[]).unwrap_err();
    assert!(matches!(error, Error::Memory { .. }), "{error}");
}
