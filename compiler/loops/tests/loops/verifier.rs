//! The verifier: one broken rule at a time, and the bounds check against trying every iteration.

use std::fmt::Write;

use pullback_ir::{DType, Elements, Literal, Scalar, Shape};
use pullback_loops::{
    Affine, Buffer, Expr, Index, Kernel, Place, Program, Space, Step, Stmt, Var, VarType, VerifyErrors, interpret,
    parse_program, verify,
};

use super::support::rng::Rng;

/// A program that breaks no rule and has most things in it.
const GOOD: &str = "program @f {
  buffer %x : f32[16] input 0
  buffer %w : f32[12] input 1
  buffer %m : bool[16] input 2
  buffer %k : i64[2] constant [3, -4]
  buffer %y : f32[16] output 0
  buffer %z : f32[12] output 1
  buffer %t : f32[16] arena 0
  buffer %u : f32[16] arena 64
  arena 128

  kernel @first \"\" {
    v0 = const 0.0 : f32
    v1 = splat v0 : f32x4
    v6 = for i0 = 0 to 16 step 4 carry (v2 = v1 : f32x4) {
      v3 = load %x[i0] : f32x4
      v4 = load %m[i0] : boolx4
      v5 = select v4, v3, v2 : f32x4
      store %t[i0], v5
      yield v5
    }
    v7 = reduce_lanes add v6 : f32
    store %y[0], v7
  }

  kernel @second \"\" {
    gemm f32 4x4x3 %u[0; 4, 1] = %x[0; 3, 1] * %w[0; 1, 3]
    for i1 = 0 to 5 step 1 {
      v8 = load %t[3*i1] : f32
      v9 = load %u[-3*i1 + 15] : f32
      v10 = mul_add v8, v9, v8 : f32
      v11 = is_finite v10 : bool
      v12 = compare lt v8, v9 : bool
      v13 = and v11, v12 : bool
      v14 = select v13, v8, v9 : f32
      v15 = position 2*i1 + 1 : i64
      v16 = convert v15 : f32
      v17 = exp v14 : f32
      v18 = add v16, v17 : f32
      store %z[2*i1], v18
    }
  }
}
";

/// A kernel to edit, by its position among the steps.
fn kernel(program: &mut Program, position: usize) -> &mut Kernel {
    match &mut program.body[position] {
        Step::Kernel(kernel) => kernel,
        Step::Loop(_) | Step::While(_) | Step::Branch(_) => panic!("step {position} is not a kernel"),
    }
}

/// The messages about a program, with the places left out.
fn messages(program: Program) -> Vec<String> {
    match verify(program) {
        Ok(_) => Vec::new(),
        Err(VerifyErrors(errors)) => errors.into_iter().map(|error| error.message).collect(),
    }
}

/// The messages about the good program with one text replaced by another.
fn broken(from: &str, to: &str) -> Vec<String> {
    assert!(GOOD.contains(from), "{from}");
    let text = GOOD.replace(from, to);
    messages(parse_program(&text).unwrap_or_else(|error| panic!("{error}\n{text}")))
}

#[test]
fn the_good_program_is_good() {
    assert_eq!(broken("@f", "@g"), [""; 0]);
}

#[test]
fn vectors_have_16_to_64_bytes() {
    let is_legal = |dtype: &str, lanes: usize| {
        let text = format!(
            "program @f {{\n  buffer %x : {dtype}[64] input 0\n  buffer %y : {dtype}[64] output 0\n  arena 0\n\n  \
             kernel @k \"\" {{\n    v0 = load %x[0] : {dtype}x{lanes}\n    store %y[0], v0\n  }}\n}}\n"
        );
        let program = parse_program(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        verify(program).is_ok()
    };
    for (dtype, legal) in [
        ("f32", &[4, 8, 16][..]),
        ("i32", &[4, 8, 16]),
        ("f64", &[2, 4, 8]),
        ("i64", &[2, 4, 8]),
        ("bool", &[2, 4, 8, 16]),
        ("u8", &[]),
    ] {
        let found: Vec<usize> = (2..=64).filter(|&lanes| is_legal(dtype, lanes)).collect();
        assert_eq!(found, legal, "{dtype}");
    }
}

#[test]
fn operand_and_result_types() {
    let legal = "expected a scalar, or 4, 8 or 16 lanes of f32 or i32, 2, 4 or 8 of f64 or i64, 2, 4, 8 or 16 of bool";
    for (from, to, expected) in [
        ("v0 = const 0.0 : f32", "v0 = const 0.0 : f64", "operand 0 is f64, expected f32"),
        ("v1 = splat v0 : f32x4", "v1 = splat v0 : f32", "a carried value of the loop is f32x4 and begins as f32"),
        ("v3 = load %x[i0] : f32x4", "v3 = load %x[i0] : i32x4", "%x has elements of f32, the access is of i32"),
        ("v3 = load %x[i0] : f32x4", "v3 = load %x[i0] : f32x2", legal),
        ("v3 = load %x[i0] : f32x4", "v3 = load %x[i0] : f32", "operand 1 is f32, expected f32x4"),
        ("v4 = load %m[i0] : boolx4", "v4 = load %m[i0] : boolx2", "operand 0 is boolx2, expected boolx4"),
        ("v4 = load %m[i0] : boolx4", "v4 = load %m[i0] : bool", "operand 0 is bool, expected boolx4"),
        ("v7 = reduce_lanes add v6 : f32", "v7 = reduce_lanes add v6 : f32x4", "the result is f32x4, expected f32"),
        ("v7 = reduce_lanes add v6", "v7 = reduce_lanes add v0", "operand 0 is f32, expected a vector of f32"),
        ("v7 = reduce_lanes add v6", "v7 = reduce_lanes and v6", "reduce and of f32, expected bool"),
        ("v10 = mul_add v8, v9, v8 : f32", "v10 = mul_add v8, v9, v8 : f64", "operand 0 is f32, expected f64"),
        ("v11 = is_finite v10", "v11 = is_finite v12", "operand 0 is used before it is assigned"),
        ("v12 = compare lt v8, v9 : bool", "v12 = compare lt v8, v9 : f32", "the result is f32, expected bool"),
        ("v13 = and v11, v12 : bool", "v13 = and v8, v9 : f32", "and of f32, expected bool"),
        ("v14 = select v13, v8", "v14 = select v8, v8", "operand 0 is f32, expected bool"),
        ("v15 = position 2*i1 + 1 : i64", "v15 = position 2*i1 + 1 : bool", "the result is bool, expected a number"),
        ("v15 = position 2*i1 + 1", "v15 = position 2*i1 + 1 stride 2", "a scalar has lanes 2 apart, expected 1"),
        ("v9 = load %u[-3*i1 + 15]", "v9 = load %u[-3*i1 + 15] stride 0", "a scalar has lanes 0 apart, expected 1"),
        ("v16 = convert v15 : f32", "v16 = convert v15 : f32x4", "i64 is converted to f32x4, expected equal lanes"),
        ("v17 = exp v14 : f32", "v17 = exp v15 : i64", "exp of i64, expected f32 or f64"),
        ("v17 = exp v14 : f32", "v17 = not v13 : f32", "not of f32, expected bool"),
        ("v18 = add v16, v17", "v18 = add v16, v13", "operand 1 is bool, expected f32"),
        ("gemm f32 4x4x3", "gemm i32 4x4x3", "a matrix product of i32, expected f32 or f64"),
        ("gemm f32 4x4x3", "gemm f64 4x4x3", "%u has elements of f32, the access is of f64"),
    ] {
        // Some mistakes cannot even be read.
        let text = GOOD.replace(from, to);
        assert_ne!(text, GOOD);
        match parse_program(&text) {
            Ok(program) => {
                let found = messages(program);
                assert!(found.iter().any(|found| found.contains(expected)), "{to}: {found:?}, expected {expected}");
            }
            Err(error) => assert!(error.message.contains("used before it is assigned"), "{to}: {error}"),
        }
    }
}

#[test]
fn accesses_outside_buffers() {
    let outside = |buffer: &str, low: i64, high: i64, elements: usize| {
        vec![format!("positions {low} to {high} of %{buffer} are accessed, which has {elements} elements")]
    };
    assert_eq!(broken("load %x[i0]", "load %x[i0 + 1]"), outside("x", 1, 16, 16));
    assert_eq!(broken("load %x[i0]", "load %x[i0 - 1]"), outside("x", -1, 14, 16));
    assert_eq!(broken("load %x[i0]", "load %x[i0] stride 2"), outside("x", 0, 18, 16));
    assert_eq!(broken("load %x[i0]", "load %x[i0] stride -1"), outside("x", -3, 12, 16));
    assert_eq!(broken("load %m[i0]", "load %m[2*i0]"), outside("m", 0, 27, 16));
    assert_eq!(broken("store %y[0]", "store %y[16]"), outside("y", 16, 16, 16));
    assert_eq!(broken("store %z[2*i1]", "store %z[3*i1]"), outside("z", 0, 12, 12));
    assert_eq!(broken("%u[-3*i1 + 15]", "%u[-4*i1 + 15]"), outside("u", -1, 15, 16));
    assert_eq!(broken("= 0 to 5 step 1", "= 0 to 7 step 1")[0], outside("t", 0, 18, 16)[0]);
    assert_eq!(broken("%u[0; 4, 1]", "%u[1; 4, 1]"), outside("u", 1, 16, 16));
    assert_eq!(broken("%w[0; 1, 3]", "%w[0; -1, 3]"), outside("w", -2, 9, 12));
    assert_eq!(broken("gemm f32 4x4x3", "gemm f32 4x4x5"), [outside("w", 0, 13, 12)[0].clone()]);
    let message = broken("%u[0; 4, 1]", "%u[0; 281474976710657, 1]").remove(0);
    assert_eq!(message, "an extent or a stride of a matrix is larger than 2^48");
    // Products that leave 64 bits do not come back into the buffer.
    let huge = i64::MAX;
    assert_eq!(broken("load %t[3*i1]", &format!("load %t[{huge}*i1]")).len(), 1);
    assert_eq!(broken("load %t[3*i1]", &format!("load %t[-{huge}*i1 + {huge}]")).len(), 1);
}

#[test]
fn loops_without_iterations_access_nothing() {
    assert_eq!(broken("= 0 to 5 step 1", "= 0 to 0 step 1"), ["nothing is stored to the output %z"]);
    assert_eq!(
        broken("gemm f32 4x4x3 %u[0", "gemm f32 4x0x3 %u[1000"),
        ["%u is read and nothing is stored to it before"]
    );
    let inner = "for i2 = 0 to 0 step 3 {\n v19 = load %y[i2 - 5] : f32\n store %z[1000*i1 + 99], v19\n }\n store %z[2*i1], v18";
    assert_eq!(broken("store %z[2*i1], v18", inner), [""; 0]);
}

#[test]
fn scope_and_single_assignment() {
    assert_eq!(
        broken("v7 = reduce_lanes add v6", "v7 = reduce_lanes add v5"),
        ["operand 0 is used outside the loop or kernel that assigns it"]
    );
    assert_eq!(
        broken("v10 = mul_add v8, v9, v8", "v10 = mul_add v8, v9, v0"),
        ["operand 2 is used outside the loop or kernel that assigns it"]
    );
    assert_eq!(broken("store %y[0], v7", "store %y[i0], v7"), ["a counter is used outside its loop"]);
    assert_eq!(broken("load %t[3*i1]", "load %t[3*i0]"), ["a counter is used outside its loop"]);
    // What the text form cannot say.
    let mut program = parse_program(GOOD).unwrap();
    let first = kernel(&mut program, 0).body[0].clone();
    kernel(&mut program, 0).body.insert(1, first);
    assert_eq!(messages(program), ["the variable is assigned a second time"]);
    let mut program = parse_program(GOOD).unwrap();
    kernel(&mut program, 0).body.swap(0, 1);
    assert_eq!(messages(program), ["operand 0 is used before it is assigned"]);
}

#[test]
fn loops() {
    let rule = "expected a step of at least 1 and a multiple of it that is not negative";
    assert_eq!(broken("0 to 5 step 1", "0 to 5 step 0")[0], format!("the loop goes to 5 by 0, {rule}"));
    assert_eq!(broken("0 to 5 step 1", "0 to 5 step -1")[0], format!("the loop goes to 5 by -1, {rule}"));
    assert_eq!(broken("0 to 5 step 1", "0 to -5 step 1")[0], format!("the loop goes to -5 by 1, {rule}"));
    assert_eq!(broken("0 to 16 step 4", "0 to 14 step 4")[0], format!("the loop goes to 14 by 4, {rule}"));
    assert_eq!(broken("yield v5", "yield v4"), ["carried value 0 begins as f32x4 and goes on as boolx4"]);
    assert_eq!(
        broken("carry (v2 = v1 : f32x4)", "carry (v2 = v0 : f32x4)"),
        [
            "a carried value of the loop is f32x4 and begins as f32",
            "carried value 0 begins as f32 and goes on as f32x4",
            "a result of the loop is f32x4 and begins as f32",
        ]
    );
    let mut program = parse_program(GOOD).unwrap();
    let Stmt::For(first) = kernel(&mut program, 0).body[2].clone() else { panic!() };
    let Stmt::For(second) = &mut kernel(&mut program, 1).body[1] else { panic!() };
    assert_ne!(first.index, second.index);
    second.index = first.index;
    assert_eq!(messages(program)[0], "another loop has the same counter");
}

#[test]
fn stores_and_reads() {
    assert_eq!(broken("store %y[0]", "store %x[0]")[0], "a store to %x, an input");
    assert_eq!(
        broken("v15 = position 2*i1 + 1 : i64", "v15 = load %k[0] : i64\nstore %k[1], v15"),
        ["a store to %k, a constant"]
    );
    assert_eq!(broken("store %t[i0]", "store %u[i0]")[0], "%t is read and nothing is stored to it before");
    assert_eq!(broken("store %y[0], v7", ""), ["nothing is stored to the output %y"]);
    assert_eq!(broken("%u[0; 4, 1] =", "%u[0; 4, 1] +="), ["%u is read and nothing is stored to it before"]);
    assert_eq!(broken("%x[0; 3, 1] *", "%u[0; 3, 1] *")[0], "the result of a matrix product is one of its operands");
    assert_eq!(broken("%u[0; 4, 1]", "%u[0; 3, 1]"), ["elements of the result of a matrix product share memory"]);
    assert_eq!(broken("%u[0; 4, 1]", "%u[0; 0, 1]"), ["elements of the result of a matrix product share memory"]);
    assert_eq!(broken("%u[0; 4, 1]", "%u[0; 1, 4]"), [""; 0]);
}

#[test]
fn buffers() {
    assert_eq!(broken("%u : f32[16] arena 64", "%u : f32[16] arena 32")[0], "%u is at 32, expected a multiple of 64");
    assert_eq!(
        broken("%u : f32[16] arena 64", "%u : f32[16] arena 0"),
        ["%t and %u share memory and are both alive in kernel @second"]
    );
    assert_eq!(
        broken("%t : f32[16] arena 0", "%t : f32[17] arena 0"),
        ["%t and %u share memory and are both alive in kernel @second"]
    );
    assert_eq!(broken("  arena 128", "  arena 127"), ["%u, 64 bytes at 64, is not inside the arena of 127"]);
    assert!(broken("%y : f32[16] output 0", "%y : f32[16] output 1")[0].contains("output 0 is missing"));
    assert_eq!(broken("%m : bool[16] input 2", "%m : bool[16] input 0").len(), 1);
    assert_eq!(broken("%m : bool[16] input 2", "%m : bool[16] input 3").len(), 1);
    assert_eq!(
        broken("%y : f32[16]", "%y : f32[281474976710657]"),
        [
            "%y has 281474976710657 elements, expected at most 2^48",
            "%z is output 1, and output 0 is missing or comes before: expected each position from 0 on once",
        ]
    );
    assert_eq!(broken("@second", "@first"), ["two kernels are named @first"]);
    let edit = |edit: &dyn Fn(&mut Program)| {
        let mut program = parse_program(GOOD).unwrap();
        edit(&mut program);
        messages(program)
    };
    let k = Buffer::from_u32(3);
    assert_eq!(edit(&|program| program.buffers[k].name = "x".into()), ["two buffers are named %x"]);
    assert_eq!(
        edit(&|program| program.buffers[k].name = "a b".into()),
        ["a buffer is named \"a b\", expected letters, digits, `_` and `.`"]
    );
    let literal = |dtype, count| {
        let literal = Literal::splat(Scalar::from_f64(dtype, 1.0), Shape::new(&[count]).unwrap());
        Space::Constant(literal.into())
    };
    let space = literal(DType::I64, 3);
    assert_eq!(edit(&|program| program.buffers[k].space = space.clone()), ["%k is i64[2], its constant is i64[3]"]);
    let space = literal(DType::I32, 2);
    assert_eq!(edit(&|program| program.buffers[k].space = space.clone()), ["%k is i64[2], its constant is i32[2]"]);
}

#[test]
fn entities_that_do_not_exist() {
    let edit = |stmt: Stmt| {
        let mut program = parse_program(GOOD).unwrap();
        kernel(&mut program, 0).body.push(stmt);
        messages(program)
    };
    let (v0, none) = (Var::from_u32(0), Var::from_u32(4_000_000_000));
    let place = |buffer: u32, index| Place { buffer: Buffer::from_u32(buffer), index, lane_stride: 1 };
    let at = Affine::default();
    assert_eq!(edit(Stmt::Store(place(4, at.clone()), none)), ["operand 0 does not exist"]);
    assert_eq!(edit(Stmt::Let(none, Expr::Splat(v0))), ["the variable does not exist"]);
    assert_eq!(edit(Stmt::Store(place(4_000_000_000, at), v0)), ["there is no buffer b4000000000"]);
    let counter = Affine::counter(Index::from_u32(4_000_000_000));
    assert_eq!(edit(Stmt::Store(place(4, counter), v0)), ["a counter is used outside its loop"]);
    let mut zero = Affine::constant(1);
    zero.terms.push((Index::from_u32(0), 0));
    assert_eq!(edit(Stmt::Store(place(4, zero), v0)).len(), 1);
}

#[test]
fn errors_name_kernel_and_statement_and_are_all_reported() {
    let text = GOOD.replace("load %x[i0]", "load %x[i0 + 1]").replace("exp v14", "exp v15");
    let errors = verify(parse_program(&text).unwrap()).unwrap_err();
    assert_eq!(
        errors.to_string(),
        "in kernel @first: positions 1 to 16 of %x are accessed, which has 16 elements\n    \
         v3 = load %x[i0 + 1] : f32x4\n\
         in kernel @second: operand 0 is i64, expected f32\n    v17 = exp v15 : f32"
    );
}

/// Loops nested deeper than anything the compiler makes are refused before anything recurses into them.
#[test]
fn nesting_has_a_limit() {
    let nested = |depth: usize| {
        let mut body = String::new();
        for depth in 0..depth {
            let _ = writeln!(body, "for i{depth} = 0 to 1 step 1 {{");
        }
        body.push_str("v0 = const 1.0 : f32 store %y[0], v0");
        body.push_str(&"}\n".repeat(depth));
        parse_program(&format!("program @f {{ buffer %y : f32[1] output 0 arena 0 kernel @k \"\" {{ {body} }} }}"))
    };
    let program = verify(nested(128).unwrap()).unwrap();
    assert_eq!(interpret(&program, &[]).unwrap(), [Elements::F32(vec![1.0])]);
    assert_eq!(program.to_string(), parse_program(&program.to_string()).unwrap().to_string());
    assert!(nested(129).unwrap_err().message.contains("nested more than 128 deep"));
    assert!(nested(100_000).unwrap_err().message.contains("nested more than 128 deep"));
}

/// The bounds check is exact: it accepts an access just if no iteration leaves the buffer.
#[test]
fn bounds_agree_with_trying_every_iteration() {
    let mut rng = Rng::new(11);
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..4000 {
        let depth = rng.below(4);
        let lanes = rng.pick(&[1i64, 4]);
        let lane_stride = if lanes == 1 { 1 } else { rng.pick(&[-3, -1, 0, 1, 2]) };
        let mut positions = vec![rng.below(30) as i64 - 4];
        let mut index = positions[0].to_string();
        let mut head = String::new();
        for loop_number in 0..depth {
            let step = 1 + rng.below(3) as i64;
            let trips = rng.below(12) as i64 / 2;
            let factor = rng.below(9) as i64 - 4;
            let _ = writeln!(head, "for i{loop_number} = 0 to {} step {step} {{", trips * step);
            if factor != 0 {
                let _ = write!(index, " {} {}*i{loop_number}", if factor < 0 { '-' } else { '+' }, factor.abs());
            }
            positions = positions
                .iter()
                .flat_map(|&position| (0..trips).map(move |trip| position + factor * trip * step))
                .collect();
        }
        let elements = 1 + rng.below(40) as i64;
        let inside = positions
            .iter()
            .flat_map(|&position| (0..lanes).map(move |lane| position + lane * lane_stride))
            .all(|position| (0..elements).contains(&position));
        let ty = if lanes == 1 { "f32" } else { "f32x4" };
        let text = format!(
            "program @f {{ buffer %x : f32[{elements}] input 0 arena 0 kernel @k \"\" {{ {head}
               v0 = load %x[{index}] stride {lane_stride} : {ty} {} }} }}",
            "}".repeat(depth)
        );
        let program = parse_program(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(verify(program).is_ok(), inside, "{text}");
        *if inside { &mut accepted } else { &mut refused } += 1;
    }
    assert!(accepted > 500 && refused > 500, "{accepted} accepted, {refused} refused");
}

/// Random lifetimes and places, against comparing every pair.
#[test]
fn overlaps_agree_with_comparing_every_pair() {
    let mut rng = Rng::new(5);
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..3000 {
        let kernels = 1 + rng.below(6);
        let mut program = Program { name: "f".into(), arena_bytes: 4096, ..Program::default() };
        let mut lives = Vec::new();
        for number in 0..1 + rng.below(5) {
            let (offset, elements) = (64 * rng.below(12), rng.below(60));
            let first = rng.below(kernels);
            let last = first + rng.below(kernels - first);
            program.buffers.push(pullback_loops::BufferData {
                name: format!("b{number}").into(),
                dtype: DType::F32,
                elements,
                space: Space::Arena(offset),
            });
            lives.push((first, last, offset, offset + 4 * elements));
        }
        for kernel in 0..kernels {
            let mut body = Vec::new();
            for (number, &(first, last, start, end)) in lives.iter().enumerate() {
                if [first, last].contains(&kernel) && start < end {
                    let var = program.var(VarType::scalar(DType::F32));
                    body.push(Stmt::Let(var, Expr::Const(Scalar::F32(1.0))));
                    let buffer = Buffer::from_u32(number as u32);
                    body.push(Stmt::Store(Place { buffer, index: Affine::default(), lane_stride: 1 }, var));
                }
            }
            let name = format!("k{kernel}").into();
            program.body.push(Step::Kernel(Kernel { name, about: String::new(), body }));
        }
        let meets = |a: &(usize, usize, usize, usize), b: &(usize, usize, usize, usize)| {
            a.0 <= b.1 && b.0 <= a.1 && a.2 < b.3 && b.2 < a.3 && a.2 < a.3 && b.2 < b.3
        };
        let apart = (0..lives.len()).all(|i| (0..i).all(|j| !meets(&lives[i], &lives[j])));
        assert_eq!(verify(program).is_ok(), apart, "{lives:?}");
        *if apart { &mut accepted } else { &mut refused } += 1;
    }
    assert!(accepted > 500 && refused > 500, "{accepted} accepted, {refused} refused");
}
