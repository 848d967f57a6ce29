//! Control flow between kernels, written by hand: its text, its rules, its meaning and its memory.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

use pullback_ir::Elements;
use pullback_loops::memory::plan_memory;
use pullback_loops::verify::check;
use pullback_loops::{Space, interpret, parse_program, verify};

/// Row sums of a matrix by repeated addition: a loop over rows, in which a loop ends by a condition; a branch says whether a row counts.
const GOOD: &str = "program @f {
  buffer %x : f32[12] input 0
  buffer %counts : bool[3] input 1
  buffer %y : f32[3] output 0
  buffer %sum : f32[1] arena 0
  buffer %n : i32[1] arena 64
  buffer %go : bool[1] arena 128
  arena 192

  loop i0 = 0 to 3 {
    kernel @begin \"\" {
      v0 = const 0.0 : f32
      store %sum[0], v0
      v1 = const 0 : i32
      store %n[0], v1
    }
    branch %counts[i0] {
      case {
        kernel @skip \"\" {
          v2 = const -1.0 : f32
          store %y[-i0 + 2], v2
        }
      }
      case {
        while bound 4 {
          condition %go[0] {
            kernel @test \"\" {
              v3 = load %n[0] : i32
              v4 = const 2 : i32
              v5 = compare lt v3, v4 : bool
              store %go[0], v5
            }
          }
          body {
            kernel @add \"\" {
              v6 = load %sum[0] : f32
              v7 = load %x[4*i0] : f32
              v8 = add v6, v7 : f32
              store %sum[0], v8
              v9 = load %n[0] : i32
              v10 = const 1 : i32
              v11 = add v9, v10 : i32
              store %n[0], v11
            }
          }
        }
        kernel @keep \"\" {
          v12 = load %sum[0] : f32
          store %y[-i0 + 2], v12
        }
      }
    }
  }
}
";

/// The messages about a program that has `to` in the place of `from`.
fn broken(from: &str, to: &str) -> Vec<String> {
    assert!(GOOD.contains(from), "{from}");
    let program = parse_program(&GOOD.replacen(from, to, 1)).unwrap_or_else(|error| panic!("{error}"));
    check(&program).into_iter().map(|error| error.message).collect()
}

fn run(text: &str, counts: [bool; 3]) -> Result<Vec<Elements>, String> {
    let program = parse_program(text).map_err(|error| error.to_string())?;
    let program = verify(program).map_err(|errors| errors.to_string())?;
    let x = (0..12u8).map(|x| f32::from(x) + 1.0).collect();
    interpret(&program, &[Elements::F32(x), Elements::Bool(counts.to_vec())]).map_err(|error| error.to_string())
}

#[test]
fn steps_print_as_they_were_read_and_break_no_rule() {
    let program = parse_program(GOOD).unwrap();
    assert_eq!(program.to_string(), GOOD);
    verify(program).unwrap();
}

#[test]
fn loops_conditions_and_branches_mean_what_they_say() {
    // Twice the first element of each row that counts, rows in reverse.
    let found = run(GOOD, [true, false, true]).unwrap();
    assert_eq!(found, [Elements::F32(vec![18.0, -1.0, 2.0])]);
    // The bound ends the loop before its condition does.
    let found = run(&GOOD.replace("bound 4", "bound 1"), [true, true, true]).unwrap();
    assert_eq!(found, [Elements::F32(vec![9.0, 5.0, 1.0])]);
    let found = run(&GOOD.replace("while bound 4", "while"), [true, true, true]).unwrap();
    assert_eq!(found, [Elements::F32(vec![18.0, 10.0, 2.0])]);
}

#[test]
fn a_selector_is_moved_to_the_nearest_case() {
    for (selector, expected) in [(-7, 0.0), (0, 0.0), (1, 1.0), (2, 2.0), (900, 2.0)] {
        let case = |number: u32| {
            format!(
                "case {{ kernel @k{number} \"\" {{ v{number} = const {number}.0 : f32 store %y[0], v{number} }} }} "
            )
        };
        let cases: String = (0..3).map(case).collect();
        let text = format!(
            "program @f {{ buffer %i : i32[2] input 0 buffer %y : f32[1] output 0 arena 0 branch %i[1] {{ {cases}}} }}"
        );
        let program = verify(parse_program(&text).unwrap()).unwrap();
        let found = interpret(&program, &[Elements::I32(vec![1, selector])]).unwrap();
        assert_eq!(found, [Elements::F32(vec![expected])], "{selector}");
    }
}

#[test]
fn counters_of_steps_bound_what_kernels_inside_access() {
    assert_eq!(
        broken("load %x[4*i0]", "load %x[6*i0]"),
        ["positions 0 to 12 of %x are accessed, which has 12 elements"]
    );
    assert_eq!(
        broken("store %y[-i0 + 2], v2", "store %y[-i0 + 1], v2"),
        ["positions -1 to 1 of %y are accessed, which has 3 elements"]
    );
    assert_eq!(broken("branch %counts[i0]", "branch %counts[2*i0]").len(), 1);
    assert_eq!(
        broken("loop i0 = 0 to 3", "loop i0 = 0 to -3"),
        ["the loop around kernels goes to -3, expected at least 0"]
    );
}

#[test]
fn conditions_and_selectors_are_scalars_of_their_types() {
    assert_eq!(broken("condition %go[0]", "condition %n[0]"), ["the condition of a loop is %n, i32, expected bool"]);
    assert_eq!(
        broken("branch %counts[i0]", "branch %x[i0]"),
        ["the selector of a branch is %x, f32, expected bool or i32"]
    );
    let third = "      case {\n        kernel @third \"\" {\n        }\n      }\n    }\n  }\n}\n";
    assert_eq!(broken("    }\n  }\n}\n", third), ["a branch with 3 cases, expected at least one, and two for a bool"]);
    assert_eq!(broken("kernel @keep", "kernel @skip"), ["two kernels are named @skip"]);
}

#[test]
fn what_is_read_was_stored_on_every_path() {
    // Only one case stores the result.
    let other = "kernel @skip \"\" {\n          v2 = const -1.0 : f32\n          store %sum[0], v2";
    let this = "kernel @skip \"\" {\n          v2 = const -1.0 : f32\n          store %y[-i0 + 2], v2";
    assert_eq!(broken(this, other), ["nothing is stored to the output %y"]);
    // Perhaps no iteration stores it.
    assert_eq!(
        broken("v0 = const 0.0 : f32\n      store %sum[0], v0", "v0 = const 0.0 : f32"),
        ["%sum is read and nothing is stored to it before", "%sum is read and nothing is stored to it before"]
    );
    // The condition is not computed.
    assert_eq!(broken("              store %go[0], v5\n", ""), ["%go is read and nothing is stored to it before"]);
    // No iteration at all.
    assert_eq!(broken("loop i0 = 0 to 3", "loop i0 = 0 to 0"), ["nothing is stored to the output %y"]);
}

#[test]
fn buffers_live_through_loops_that_others_touch_them_in() {
    // `sum` lives from one kernel of an iteration to another, across the inner loop.
    assert_eq!(
        broken("%go : bool[1] arena 128", "%go : bool[1] arena 0"),
        ["%sum and %go share memory and are both alive in kernel @test"]
    );
    assert_eq!(
        broken("%n : i32[1] arena 64", "%n : i32[1] arena 0"),
        ["%sum and %n share memory and are both alive in kernel @begin"]
    );
}

/// Steps that touch buffers: a letter stores the buffer of that name and reads the one that follows it, if one does.
fn offsets(steps: &str) -> (usize, Vec<usize>) {
    let names = ["a", "b", "c", "d"];
    let mut text = String::from("program @f {\n  buffer %y : f32[1] output 0\n");
    for name in names {
        text.push_str(&format!("  buffer %{name} : f32[16] arena 0\n"));
    }
    text.push_str("  buffer %p : bool[1] input 0\n  arena 0\n");
    let mut vars = 0;
    for (number, word) in steps.split_whitespace().enumerate() {
        if !word.bytes().all(|byte| byte.is_ascii_lowercase()) || word.len() > 2 {
            text.push_str(&format!("  {word}\n"));
            continue;
        }
        let (to, from) = word.split_at(1);
        let value = if from.is_empty() { "const 1.0".into() } else { format!("load %{from}[0]") };
        text.push_str(&format!("  kernel @k{number} \"\" {{ v{vars} = {value} : f32 store %{to}[0], v{vars} }}\n"));
        vars += 1;
    }
    text.push_str("}\n");
    let text = text.replace("loop", "loop i0 = 0 to 4").replace("branch", "branch %p[0]");
    let mut program = parse_program(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    plan_memory(&mut program).unwrap();
    let found = names.map(|name| {
        let buffer = program.buffers.values().find(|data| &*data.name == name);
        match buffer.map(|data| &data.space) {
            Some(Space::Arena(offset)) => *offset,
            _ => panic!("{name} is not in the arena"),
        }
    });
    let bytes = program.arena_bytes;
    verify(program).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    (bytes, found.to_vec())
}

#[test]
fn the_arena_is_used_again_within_iterations_and_not_across_them() {
    // In a row, `a` is free when `c` begins.
    assert_eq!(offsets("a ba cb yc").0, 128);
    // The same within each iteration.
    assert_eq!(offsets("loop { a ba cb yc }").0, 128);
    // `a` is read in every iteration.
    assert_eq!(offsets("a loop { ba cb yc }").0, 192);
    // So is `c`, stored by the iteration before.
    assert_eq!(offsets("c loop { a ba cb } yc").0, 192);
    // Only one of two cases runs.
    let (bytes, places) = offsets("branch { case { a ya } case { b yb } }");
    assert_eq!((bytes, places[0]), (64, places[1]));
}
