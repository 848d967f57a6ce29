//! Statements whose effect is known at run time: bound counters, conditions, and calls of the runtime.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

use pullback_ir::{Elements, parse_module};
use pullback_loops::{Program, Step, Stmt, Target, Verified, interpret, lower, parse_program, verify};
use pullback_optimize::fuse::{FuseOptions, fuse};

fn program(text: &str) -> Verified<Program> {
    let parsed = parse_program(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(parsed.to_string(), text);
    verify(parsed).unwrap_or_else(|errors| panic!("{errors}\n{text}"))
}

fn run(text: &str, inputs: &[Elements]) -> Vec<Elements> {
    interpret(&program(text), inputs).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// What is wrong with a program: with its text, or with what it says.
fn mistake(text: &str) -> String {
    match parse_program(text) {
        Err(error) => error.to_string(),
        Ok(program) => verify(program).err().map(|errors| errors.to_string()).unwrap_or_default(),
    }
}

/// A kernel over two inputs, an output, and a buffer of the arena.
fn kernel(statements: &str) -> String {
    format!(
        "program @f {{
  buffer %x : f32[6] input 0
  buffer %n : i32[3] input 1
  buffer %y : f32[9] output 0
  buffer %w : i64[6] arena 0
  arena 64

  kernel @k \"\" {{
    v90 = const 0.0 : f32
    store %y[0], v90
{statements}  }}
}}
"
    )
}

#[test]
fn a_counter_bound_to_a_variable_is_moved_inside_its_limits() {
    let text = "program @f {
  buffer %x : f32[6] input 0
  buffer %n : i32[4] input 1
  buffer %y : f32[8] output 0
  arena 0

  kernel @k \"\" {
    for i0 = 0 to 4 step 1 {
      v0 = load %n[i0] : i32
      bind i1 = v0 below 3
      for i2 = 0 to 2 step 1 {
        v1 = load %x[2*i1 + i2] : f32
        store %y[2*i0 + i2], v1
      }
    }
  }
}
";
    let inputs = [Elements::F32(vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]), Elements::I32(vec![1, -7, i32::MAX, 2])];
    assert_eq!(run(text, &inputs), [Elements::F32(vec![2.0, 3.0, 0.0, 1.0, 4.0, 5.0, 4.0, 5.0])]);
}

#[test]
fn statements_under_a_condition_run_if_it_holds() {
    let text = "program @f {
  buffer %p : bool[4] input 0
  buffer %y : i32[4] output 0
  arena 0

  kernel @k \"\" {
    for i0 = 0 to 4 step 1 {
      v0 = const 1 : i32
      store %y[i0], v0
      v1 = load %p[i0] : bool
      if v1 {
        v2 = load %y[i0] : i32
        v3 = add v2, v2 : i32
        store %y[i0], v3
      }
    }
  }
}
";
    let found = run(text, &[Elements::Bool(vec![true, false, false, true])]);
    assert_eq!(found, [Elements::I32(vec![2, 1, 1, 2])]);
}

#[test]
fn the_bits_of_a_number_are_another() {
    let text = "program @f {
  buffer %x : f32[4] input 0
  buffer %y : i32[4] output 0
  arena 0

  kernel @k \"\" {
    v0 = load %x[0] : f32x4
    v1 = bitcast v0 : i32x4
    store %y[0], v1
  }
}
";
    let found = run(text, &[Elements::F32(vec![1.0, -0.0, f32::INFINITY, 1e-45])]);
    assert_eq!(found, [Elements::I32(vec![0x3f80_0000, i32::MIN, 0x7f80_0000, 1])]);
}

#[test]
fn the_runtime_sorts_by_several_keys_and_solves_in_any_layout() {
    let text = "program @f {
  buffer %first : f32[4] input 0
  buffer %second : u8[8] input 1
  buffer %a : f64[4] input 2
  buffer %order : i32[8] output 0
  buffer %l : f64[4] output 1
  buffer %x : f64[2] output 2
  buffer %scratch : i64[4] arena 0
  arena 64

  kernel @k \"\" {
    call argsort %order[1; 4 by 2], %scratch[0; 4 by 1], %second[7; 4 by -2]
    call argsort refine %order[1; 4 by 2], %scratch[0; 4 by 1], %first[0; 4 by 1]
    call argsort descending %order[0; 4 by 2], %scratch[0; 4 by 1], %first[0; 4 by 1]
    call cholesky %l[0; 2 by 1, 2 by 2], %a[0; 2 by 2, 2 by 1]
    v0 = const 1.0 : f64
    store %x[0], v0
    store %x[1], v0
    call triangular_solve lower %x[0; 2 by 1, 1 by 2], %l[0; 2 by 1, 2 by 2]
  }
}
";
    let inputs = [
        Elements::F32(vec![1.0, f32::NAN, -0.0, 1.0]),
        Elements::U8(vec![0, 3, 0, 2, 0, 1, 0, 4]),
        Elements::F64(vec![4.0, f64::NAN, 2.0, 10.0]),
    ];
    let found = run(text, &inputs);
    // The second keys, from the back: 4, 1, 2, 3.
    assert_eq!(found[0], Elements::I32(vec![1, 2, 0, 3, 3, 0, 2, 1]));
    assert_eq!(found[1], Elements::F64(vec![2.0, 1.0, 0.0, 3.0]));
    assert_eq!(found[2], Elements::F64(vec![0.5, 0.5 / 3.0]));
}

#[test]
fn what_could_leave_a_buffer_or_its_scope_is_refused() {
    let n = "    v0 = load %n[0] : i32\n";
    for (statements, message) in [
        (format!("{n}    bind i1 = v0 below 7\n    v1 = load %x[i1] : f32\n"), "positions 0 to 6 of %x"),
        (format!("{n}    bind i1 = v0 below 3\n    v1 = load %x[2*i1 + 2] : f32\n"), "positions 2 to 6 of %x"),
        (format!("{n}    bind i1 = v0 below 0\n"), "below 0, expected at least 1"),
        ("    v1 = load %x[0] : f32\n    bind i1 = v1 below 3\n".to_owned(), "bound to f32"),
        ("    v1 = load %x[0] : f32x4\n    v2 = convert v1 : i32x4\n    bind i1 = v2 below 3\n".to_owned(), "i32x4"),
        (
            format!(
                "{n}    for i0 = 0 to 2 step 1 {{\n      bind i1 = v0 below 3\n    }}\n    v1 = load %x[i1] : f32\n"
            ),
            "outside its loop",
        ),
        (format!("{n}    bind i1 = v0 below 3\n    bind i1 = v0 below 3\n"), "a second loop with the counter i1"),
        (format!("{n}    if v0 {{\n    }}\n"), "the condition is i32, expected bool"),
        (
            format!(
                "{n}    v1 = compare eq v0, v0 : bool\n    if v1 {{\n      v2 = add v0, v0 : i32\n    }}\n    v3 = add v2, v2 : i32\n"
            ),
            "outside the loop or kernel",
        ),
        (
            format!(
                "{n}    v1 = compare eq v0, v0 : bool\n    v2 = const 1 : i64\n    if v1 {{\n      store %w[0], v2\n    }}\n    v3 = load %w[0] : i64\n"
            ),
            "%w is read and nothing is stored to it before",
        ),
        ("    v1 = load %x[0] : f32\n    v2 = bitcast v1 : i64\n".to_owned(), "expected equal widths"),
        ("    call argsort %y[0; 3 by 1], %w[0; 3 by 1], %n[0; 3 by 1]\n".to_owned(), "expected i32 and i64"),
        ("    call argsort %n[0; 3 by 1], %w[0; 3 by 1], %x[0; 3 by 1]\n".to_owned(), "a store to %n, an input"),
        ("    call cholesky %y[0; 3 by 3, 3 by 1], %x[0; 3 by 1, 3 by 1]\n".to_owned(), "none"),
        ("    call cholesky %y[0; 3 by 3, 3 by 1], %x[0; 3 by 2, 3 by 1]\n".to_owned(), "positions 0 to 6 of %x"),
        ("    call cholesky %y[1; 3 by 3, 3 by 1], %x[0; 3 by 1, 3 by 1]\n".to_owned(), "positions 1 to 9 of %y"),
        ("    call cholesky %y[0; 2 by 1, 2 by 1], %x[0; 2 by 2, 2 by 1]\n".to_owned(), "share memory"),
        ("    call cholesky %y[0; 2 by 2, 2 by 1], %y[4; 2 by 2, 2 by 1]\n".to_owned(), "also another operand"),
        ("    call cholesky %y[0; 2 by 2, 2 by 1], %x[0; 2 by 2, 3 by 1]\n".to_owned(), "do not go together"),
        ("    call cholesky lower %y[0; 2 by 2, 2 by 1]\n".to_owned(), "a routine of the runtime"),
        ("    call triangular_solve lower %y[0; 2 by 2, 2 by 1]\n".to_owned(), "1 views, expected 2"),
    ] {
        let found = mistake(&kernel(&statements));
        let fits = if message == "none" { found.is_empty() } else { found.contains(message) };
        assert!(fits, "{statements}gives: {found}\nexpected: {message}");
    }
}

#[test]
fn scratch_memory_holds_nothing_afterwards() {
    let text = "program @f {
  buffer %x : f32[3] input 0
  buffer %y : i32[3] output 0
  buffer %z : i64[3] output 1
  buffer %w : i64[3] arena 0
  arena 64

  kernel @k \"\" {
    for i0 = 0 to 3 step 1 {
      v0 = position i0 : i64
      store %w[i0], v0
    }
    call argsort %y[0; 3 by 1], %w[0; 3 by 1], %x[0; 3 by 1]
    for i1 = 0 to 3 step 1 {
      v1 = load %w[i1] : i64
      store %z[i1], v1
    }
  }
}
";
    let error = interpret(&program(text), &[Elements::F32(vec![1.0, 2.0, 0.0])]).unwrap_err();
    assert!(error.to_string().contains("element 0 of %w is read, nothing was stored there"), "{error}");
}

/// The largest loop in kernels inside a loop around kernels.
fn largest_loop_inside(steps: &[Step], inside: bool) -> i64 {
    fn largest(body: &[Stmt]) -> i64 {
        let of = |stmt: &Stmt| match stmt {
            Stmt::For(inner) => inner.extent * largest(&inner.body).max(1),
            Stmt::If(inner) => largest(&inner.body),
            Stmt::Let(..) | Stmt::Store(..) | Stmt::Gemm(_) | Stmt::Pack(_) | Stmt::Bind(_) | Stmt::Call(_) => 1,
        };
        body.iter().map(of).max().unwrap_or(0)
    }
    let of = |step: &Step| match step {
        Step::Kernel(kernel) if inside => largest(&kernel.body),
        Step::Kernel(_) => 0,
        Step::Loop(_) | Step::While(_) => {
            step.nested().map(|steps| largest_loop_inside(steps, true)).max().unwrap_or(0)
        }
        Step::Branch(_) => step.nested().map(|steps| largest_loop_inside(steps, inside)).max().unwrap_or(0),
    };
    steps.iter().map(of).max().unwrap_or(0)
}

#[test]
fn an_update_in_a_loop_touches_what_it_changes_and_no_more() {
    let body = |update: &str| {
        format!(
            "func @f(%x: f32[64,16], %s: i32[5]) -> f32[64,16] {{
               %y = scan %x, %s, length=5, consts=0, carry=1 : f32[64,16]
                 body(%c: f32[64,16], %i: i32) {{
                   %zero = constant 0 : i32
                   {update}
                   yield %next
                 }}
               return %y
             }}"
        )
    };
    let of_slice = "%row = dynamic_slice %c, %i, %zero : f32[1,16]
                   %more = tanh %row : f32[1,16]
                   %sum = add %more, %row : f32[1,16]
                   %next = dynamic_update_slice %c, %sum, %i, %zero : f32[64,16]";
    let of_indices = "%t = broadcast %i, dims=[] : i32[3]
                   %u = iota axis=1 : f32[3,16]
                   %next = scatter add %c, %t, %u, offset=[1], collapsed=[0], map=[0], vector_axis=1, mode=drop : f32[64,16]";
    let of_another = "%k = neg %i : i32
                   %row = dynamic_slice %c, %k, %zero : f32[1,16]
                   %next = dynamic_update_slice %c, %row, %i, %zero : f32[64,16]";
    for (update, most) in [(of_slice, 16), (of_indices, 48), (of_another, 1024)] {
        let module = parse_module(&body(update)).unwrap_or_else(|errors| panic!("{errors}"));
        let module = pullback_ir::verify(module).unwrap_or_else(|errors| panic!("{errors}"));
        let function = module.functions().last().unwrap().1;
        let plan = fuse(function, FuseOptions::default()).unwrap();
        let program = verify(lower(function, &plan, Target::default()).unwrap()).unwrap();
        assert!(largest_loop_inside(&program.body, false) <= most, "{}", *program);
    }
}
