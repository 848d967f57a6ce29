//! Parallel loops, written by hand: their text, the rule that iterations do not meet, their meaning in any order, and the workers' memory.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::panic, reason = "tests")]

#[allow(dead_code, reason = "shared with suites that use more of it")]
#[path = "../../../tests/support/rng.rs"]
mod rng;

use std::collections::BTreeMap;

use pullback_ir::Elements;
use pullback_loops::interpret::Error;
use pullback_loops::memory::plan_memory;
use pullback_loops::verify::check;
use pullback_loops::{Space, Step, can_run_in_parallel, interpret, interpret_backwards, parse_program, verify};

use rng::Rng;

/// The squares of three rows, each row less its sum, by way of a tile: in parallel over rows, and inside over elements.
const GOOD: &str = "program @f {
  buffer %x : f32[12] input 0
  buffer %y : f32[12] output 0
  buffer %sums : f32[3] output 1
  buffer %tile : f32[4] local 0
  buffer %sum : f32[1] local 64
  arena 0 local 128

  parallel loop i0 = 0 to 3 {
    kernel @tile \"\" {
      v0 = load %x[4*i0] : f32x4
      v1 = mul v0, v0 : f32x4
      store %tile[0], v1
      v2 = reduce_lanes add v1 : f32
      store %sum[0], v2
      store %sums[i0], v2
    }
    parallel loop i1 = 0 to 4 {
      kernel @y \"\" {
        v3 = load %tile[i1] : f32
        v4 = load %sum[0] : f32
        v5 = sub v3, v4 : f32
        store %y[4*i0 + i1], v5
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

fn run(text: &str, x: &[f32]) -> Result<Vec<Elements>, Error> {
    let program = parse_program(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let program = verify(program).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    let found = interpret(&program, &[Elements::F32(x.to_vec())])?;
    assert_eq!(interpret_backwards(&program, &[Elements::F32(x.to_vec())])?, found);
    Ok(found)
}

#[test]
fn parallel_loops_print_as_they_were_read_and_break_no_rule() {
    let program = parse_program(GOOD).unwrap();
    assert_eq!(program.to_string(), GOOD);
    verify(program).unwrap();
    let error = parse_program(&GOOD.replace("parallel loop i1", "parallel i1")).unwrap_err();
    assert!(error.message.contains("expected `loop`"), "{}", error.message);
}

#[test]
fn iterations_mean_the_same_in_either_order() {
    let x: Vec<f32> = (0..12u8).map(|x| f32::from(x) * 0.5 - 2.0).collect();
    let sums: Vec<f32> = x.chunks(4).map(|row| row.iter().map(|x| x * x).sum()).collect();
    let y = (0..12).map(|i| x[i] * x[i] - sums[i / 4]).collect();
    assert_eq!(run(GOOD, &x).unwrap(), [Elements::F32(y), Elements::F32(sums)]);
}

#[test]
fn an_iteration_that_touches_what_another_stores_is_an_error() {
    // Everyone stores to one place.
    assert_eq!(
        broken("store %sums[i0]", "store %sums[0]"),
        ["iterations of a parallel loop meet in %sums: all have the same positions"]
    );
    // The row of one is longer than from row to row.
    assert_eq!(
        broken("store %y[4*i0 + i1]", "store %y[3*i0 + i1]"),
        [
            "iterations of a parallel loop meet in %y: the positions of one reach 3 further, those of the next begin 3 further"
        ]
    );
    // Lanes count too.
    assert_eq!(
        broken("store %sums[i0], v2", "store %y[i0], v1\n      store %sums[i0], v2"),
        ["iterations of a parallel loop meet in %y: some positions advance by 1 per iteration, others by 4"]
    );
    // Backwards is another way.
    assert_eq!(
        broken("store %sums[i0], v2", "store %y[-4*i0 + 8], v2\n      store %sums[i0], v2"),
        ["iterations of a parallel loop meet in %y: some positions advance by -4 per iteration, others by 4"]
    );
    // A load of what the next one stores.
    assert_eq!(
        broken("store %sums[i0], v2", "store %sums[i0], v2\n      v9 = load %sums[-i0 + 2] : f32"),
        ["iterations of a parallel loop meet in %sums: some positions advance by 1 per iteration, others by -1"]
    );
    // What is inside keeps the rule too.
    assert_eq!(
        broken("store %y[4*i0 + i1], v5", "store %y[4*i0 + i1], v5\n        v9 = load %y[4*i0 + 3] : f32"),
        ["iterations of a parallel loop meet in %y: some positions advance by 1 per iteration, others by 0"]
    );
    // The inner loop's iterations share the tile, so they may not store to one place of it.
    assert_eq!(
        broken("store %y[4*i0 + i1], v5", "store %y[4*i0 + i1], v5\n        store %sum[0], v5"),
        ["iterations of a parallel loop meet in %sum: all have the same positions"]
    );
}

#[test]
fn an_error_shows_the_access() {
    let text = GOOD.replace("store %y[4*i0 + i1]", "store %y[3*i0 + i1]");
    let errors = verify(parse_program(&text).unwrap()).unwrap_err().to_string();
    assert!(
        errors.starts_with("in kernel @y: iterations") && errors.ends_with("\n    store %y[3*i0 + i1], v5"),
        "{errors}"
    );
}

/// A parallel loop over `i0` from 0 to 4 inside a loop over `i9`, with the statements of one kernel.
fn accesses(statements: &str) -> Vec<String> {
    let text = format!(
        "program @f {{
           buffer %x : f32[64] input 0 buffer %n : i64[8] input 1 buffer %go : bool[4] input 2
           buffer %y : f32[256] output 0 buffer %o : i32[256] output 1
           buffer %s : i64[64] arena 0
           arena 512
           kernel @all \"\" {{
             v100 = const 0.0 : f32 v101 = const 0 : i32
             for i100 = 0 to 256 step 1 {{ store %y[i100], v100 store %o[i100], v101 }}
           }}
           loop i9 = 0 to 2 {{ parallel loop i0 = 0 to 4 {{ kernel @k \"\" {{ v0 = const 1.0 : f32 {statements} }} }} }}
         }}"
    );
    let program = parse_program(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    check(&program).into_iter().map(|error| error.message).collect()
}

#[test]
fn blocks_may_be_rows_or_columns() {
    for good in [
        "for i1 = 0 to 8 step 1 { store %y[8*i0 + i1], v0 }",
        // Columns of a matrix of 32 elements a row.
        "for i1 = 0 to 8 step 1 { for i2 = 0 to 8 step 1 { store %y[8*i0 + 32*i1 + i2], v0 } }",
        "for i1 = 0 to 8 step 1 { store %y[i0 + 4*i1], v0 }",
        // Two rows at once.
        "for i1 = 0 to 3 step 1 { store %y[8*i0 + 64*i1], v0 store %y[8*i0 + 64*i1 + 71], v0 }",
        // Rows of arrays one behind the other.
        "for i1 = 0 to 8 step 1 { store %y[8*i0 + i1], v0 store %y[8*i0 + i1 + 32], v0 store %y[8*i0 + i1 + 96], v0 }",
        "for i1 = 0 to 8 step 1 { store %y[8*i0 + i1 + 64], v0 store %y[8*i0 + i1], v0 }",
        // What is around is the same for all.
        "for i1 = 0 to 8 step 1 { store %y[8*i0 + 128*i9 + i1], v0 } v1 = load %y[8*i0 + 128*i9 + 3] : f32",
        // Backwards, and by vectors.
        "v1 = splat v0 : f32x4 store %y[-4*i0 + 12], v1",
        "v1 = splat v0 : f32x4 store %y[-i0 + 12] stride 4, v1",
        "gemm f32 4x4x2 %y[16*i0; 4, 1] = %x[0; 2, 1] * %x[8; 4, 1]",
        "gemm f32 4x4x2 %y[4*i0; 16, 1] = %x[0; 2, 1] * %x[8; 4, 1]",
        "v1 = load %n[i0] : i64 bind i1 = v1 below 8 store %y[8*i0 + i1], v0",
    ] {
        assert_eq!(accesses(good), Vec::<String>::new(), "{good}");
    }
    for bad in [
        "for i1 = 0 to 9 step 1 { store %y[8*i0 + i1], v0 }",
        "for i1 = 0 to 8 step 1 { for i2 = 0 to 8 step 1 { store %y[8*i0 + 24*i1 + i2], v0 } }",
        "for i1 = 0 to 8 step 1 { store %y[i0 + 3*i1], v0 }",
        "for i1 = 0 to 8 step 1 { store %y[4*i0 + 4*i1], v0 }",
        "for i1 = 0 to 8 step 1 { store %y[8*i0 + i1], v0 store %y[8*i0 + i1 + 24], v0 }",
        "for i1 = 0 to 8 step 1 { store %y[8*i0 + i1], v0 store %y[8*i0 + i1 + 32], v0 store %y[8*i0 + i1 + 56], v0 }",
        "store %y[8*i0 + 128*i9], v0 store %y[8*i0], v0",
        "v1 = splat v0 : f32x4 store %y[-3*i0 + 12], v1",
        "v1 = splat v0 : f32x4 store %y[-i0 + 12] stride 3, v1",
        "gemm f32 4x4x2 %y[8*i0; 4, 1] = %x[0; 2, 1] * %x[8; 4, 1]",
        "gemm f32 4x4x2 %y[0; 4, 1] = %x[0; 2, 1] * %x[8; 4, 1]",
        "v1 = load %n[i0] : i64 bind i1 = v1 below 9 store %y[8*i0 + i1], v0",
        "v1 = load %n[i0] : i64 bind i1 = v1 below 8 store %y[i1], v0",
        // A call's scratch memory, when it is not the worker's own.
        "call argsort %o[16*i0; 16 by 1], %s[0; 16 by 1], %x[16*i0; 16 by 1]",
        "call argsort %o[0; 16 by 1], %s[16*i0; 16 by 1], %x[16*i0; 16 by 1]",
    ] {
        let found = accesses(bad);
        assert!(
            found.iter().any(|message| message.starts_with("iterations of a parallel loop meet in %")),
            "{bad}: {found:?}"
        );
    }
    assert_eq!(
        accesses("call argsort %o[16*i0; 16 by 1], %s[16*i0; 16 by 1], %x[16*i0; 16 by 1]"),
        Vec::<String>::new()
    );
    assert_eq!(
        accesses("store %y[8*i0 + 128*i9], v0 store %y[8*i0], v0"),
        ["iterations of a parallel loop meet in %y: positions depend in several ways on the counters around the loop"]
    );
    assert_eq!(
        accesses("for i1 = 0 to 8 step 1 { store %y[i0 + 3*i1], v0 }"),
        ["iterations of a parallel loop meet in %y: the positions of all reach 3 further, and are repeated 3 further"]
    );
}

#[test]
fn one_iteration_meets_nobody() {
    let text = GOOD.replace("store %sums[i0]", "store %sums[0]").replace("i0 = 0 to 3", "i0 = 0 to 1");
    verify(parse_program(&text).unwrap()).unwrap();
}

/// What the verifier accepts never meets: against the positions of all iterations, one by one.
#[test]
fn accepted_loops_never_meet_when_every_iteration_is_tried() {
    let mut rng = Rng::new(77);
    let (mut accepted, mut apart, mut refused) = (0, 0, 0);
    for _ in 0..20_000 {
        let iterations = 1 + rng.below(4) as i64;
        let mut owner: BTreeMap<i64, i64> = BTreeMap::new();
        let mut meets = false;
        let mut body = String::new();
        let advance = rng.pick(&[1i64, 1, 2, 3, 4, 8, -2, -4]);
        let (wide, narrow) = (rng.below(17) as i64, rng.below(5) as i64);
        for access in 0..1 + rng.below(2) {
            let array = access as i64 * rng.pick(&[0i64, 0, 4, 12, 16, 32, 60, 64]);
            let (offset, lanes) = (100 + array + rng.below(8) as i64, rng.pick(&[1i64, 4]));
            let lane_stride = if lanes == 1 { 1 } else { rng.pick(&[1i64, 1, 4, 8, -1]) };
            let (rows, columns) = (1 + rng.below(3) as i64, 1 + rng.below(4) as i64);
            let (i, j) = (2 * access + 1, 2 * access + 2);
            body.push_str(&format!(
                "for i{i} = 0 to {rows} step 1 {{ for i{j} = 0 to {columns} step 1 {{ store %y[{advance}*i0 + {wide}*i{i} + {narrow}*i{j} + {offset}] stride {lane_stride}, v{} }} }}\n",
                u8::from(lanes > 1),
            ).replace("+ 0*i1", "").replace("+ 0*i2", "").replace("+ 0*i3", "").replace("+ 0*i4", ""));
            for (p, row) in (0..iterations).flat_map(|p| (0..rows).map(move |row| (p, row))) {
                for (column, lane) in (0..columns).flat_map(|column| (0..lanes).map(move |lane| (column, lane))) {
                    let at = advance * p + wide * row + narrow * column + offset + lane_stride * lane;
                    meets |= *owner.entry(at).or_insert(p) != p;
                }
            }
        }
        let text = format!(
            "program @f {{ buffer %y : f32[400] output 0 arena 0 parallel loop i0 = 0 to {iterations} {{ kernel @k \"\" {{
               v0 = const 1.0 : f32 v1 = splat v0 : f32x4 {body} }} }} }}"
        );
        let program = parse_program(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let errors = check(&program);
        assert!(errors.iter().all(|error| error.message.starts_with("iterations")), "{errors:?}\n{text}");
        assert!(!(errors.is_empty() && meets), "{text}");
        accepted += u32::from(errors.is_empty());
        apart += u32::from(!meets);
        refused += u32::from(meets);
    }
    // Nearly all of those that are apart are accepted.
    assert!(
        refused > 2000 && apart > 2000 && accepted * 10 > apart * 8,
        "{accepted} of {apart} accepted, {refused} meet"
    );
}

#[test]
fn lowering_can_ask_before_it_makes_a_loop_parallel() {
    let ask = |text: &str| {
        let program = parse_program(&text.replace("parallel ", "")).unwrap();
        let Step::Loop(inner) = &program.body[0] else { panic!("{program}") };
        assert!(!inner.parallel);
        let is_local = |buffer| matches!(program.buffers[buffer].space, Space::Local(_));
        (can_run_in_parallel(&program, inner, is_local), can_run_in_parallel(&program, inner, |_| false))
    };
    // Without memory of its own an iteration would store to the others' tile.
    assert_eq!(ask(GOOD), (true, false));
    assert_eq!(ask(&GOOD.replace("store %sums[i0]", "store %sums[0]")), (false, false));
}

#[test]
fn a_workers_memory_holds_nothing_when_an_iteration_begins() {
    let text = GOOD.replace(
        "      v0 = load %x[4*i0] : f32x4\n",
        "      v0 = load %x[4*i0] : f32x4\n      v9 = load %sum[0] : f32\n",
    );
    let text = text.replacen("  parallel loop i0", "  parallel loop i5 = 0 to 2 {\n  }\n\n  parallel loop i0", 1);
    // Nothing is stored before at all.
    assert_eq!(check(&parse_program(&text).unwrap()).len(), 1);
    // Stored by the iteration before, which the verifier cannot know.
    let text = text.replace("      v9 = load %sum[0] : f32\n", "").replace(
        "    parallel loop i1",
        "    branch %on[i0] {
      case {
        kernel @again \"\" {
          v9 = load %late[0] : f32
        }
      }
      case {
      }
    }
    parallel loop i1",
    );
    let text = text
        .replace("  arena 0 local 128", "  buffer %late : f32[1] local 128\n  buffer %on : bool[3] constant [true, false, false]\n  arena 0 local 192")
        .replace("      store %sum[0], v2\n", "      store %sum[0], v2\n      for i7 = 0 to 1 step 1 {\n        v8 = position i0 : i32\n        bind i8 = v8 below 3\n        store %late[0], v2\n      }\n");
    // Stored in every iteration: fine.
    run(&text, &[1.0; 12]).unwrap();
    // Stored after it is read, in the text as well as in time.
    let text = text.replace("        store %late[0], v2\n", "").replace(
        "store %y[4*i0 + i1], v5\n      }\n    }\n",
        "store %y[4*i0 + i1], v5\n      }\n    }\n    kernel @late \"\" {\n      store %late[0], v0\n    }\n",
    );
    assert_eq!(check(&parse_program(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))).len(), 2);
}

#[test]
fn a_worker_s_own_buffers_are_in_its_memory_apart_and_in_one_loop() {
    assert_eq!(
        broken("%sum : f32[1] local 64", "%sum : f32[1] local 32"),
        ["%sum is at 32, expected a multiple of 64"]
    );
    assert_eq!(
        broken("%sum : f32[1] local 64", "%sum : f32[1] local 128"),
        ["%sum, 4 bytes at 128, is not inside the worker's memory of 128"]
    );
    assert_eq!(
        broken("%sum : f32[1] local 64", "%sum : f32[1] local 0"),
        ["%tile and %sum share memory and are both alive in kernel @tile"]
    );
    let rule = "expected accesses inside one parallel loop alone";
    assert_eq!(
        broken(
            "  parallel loop i0",
            "  kernel @early \"\" {\n    v9 = const 0.0 : f32\n    store %sum[0], v9\n  }\n\n  parallel loop i0"
        ),
        [
            format!("%sum is the worker's own, {rule}"),
            "iterations of a parallel loop meet in %sum: all have the same positions".into()
        ]
    );
    // Without parallel loops.
    let text = GOOD.replace("parallel ", "");
    let found: Vec<String> = check(&parse_program(&text).unwrap()).into_iter().map(|error| error.message).collect();
    assert_eq!(found, ["%tile", "%sum"].map(|name| format!("{name} is the worker's own, {rule}")));
}

#[test]
fn iterations_under_way_at_once_do_not_share_the_arena() {
    // `a` and `b` live one after the other in an iteration, in rows of their own.
    let text = |b: usize| {
        format!(
            "program @f {{ buffer %y : f32[4] output 0 buffer %a : f32[4] arena 0 buffer %b : f32[4] arena {b} arena 128
               parallel loop i0 = 0 to 4 {{
                 kernel @a \"\" {{ v0 = const 1.0 : f32 store %a[i0], v0 }}
                 kernel @y \"\" {{ v1 = load %a[i0] : f32 store %y[i0], v1 }}
                 kernel @b \"\" {{ v2 = const 2.0 : f32 store %b[i0], v2 }}
               }} }}"
        )
    };
    verify(parse_program(&text(64)).unwrap()).unwrap();
    let errors = check(&parse_program(&text(0)).unwrap());
    assert_eq!(errors[0].message, "%a and %b share memory and are both alive in kernel @a");
    // One after another they may.
    assert_eq!(check(&parse_program(&text(0).replace("parallel ", "")).unwrap()), []);
}

/// The spaces of those of `a`, `b`, `c` and `d` that are stored, 64 bytes each, and the sizes of arena and worker's memory. A letter stores the buffer of that name and reads the
/// one that follows it, if one does; in a loop `A` is the row of `a` that belongs to its iteration.
fn spaces(steps: &str) -> (Vec<Space>, usize, usize) {
    let names: Vec<&str> =
        ["a", "b", "c", "d"].into_iter().filter(|&name| steps.to_lowercase().contains(&format!(" {name}"))).collect();
    let mut text = String::from("program @f {\n  buffer %y : f32[16] output 0\n");
    names.iter().for_each(|name| text.push_str(&format!("  buffer %{name} : f32[16] arena 0\n")));
    text.push_str("  arena 0\n");
    let (mut vars, mut loops, mut around) = (0, 0, Vec::new());
    for (number, word) in steps.split_whitespace().enumerate() {
        match word {
            "loop" | "parallel" => {
                let kind = if word == "loop" { "loop" } else { "parallel loop" };
                text.push_str(&format!("  {kind} i{loops} = 0 to 4\n"));
                around.push(loops);
                loops += 1;
            }
            "{" => text.push_str(word),
            "}" => {
                around.pop();
                text.push_str(word);
            }
            _ => {
                let at = |letter: char| {
                    let position =
                        if letter.is_uppercase() { format!("4*i{}", around.last().unwrap()) } else { "0".into() };
                    format!("%{}[{position}]", letter.to_lowercase())
                };
                let mut letters = word.chars();
                let to = letters.next().unwrap();
                let value = letters.next().map_or("const 1.0".into(), |from| format!("load {}", at(from)));
                text.push_str(&format!(
                    "  kernel @k{number} \"\" {{ v{vars} = {value} : f32 store {}, v{vars} }}\n",
                    at(to)
                ));
                vars += 1;
            }
        }
    }
    text.push_str("}\n");
    let mut program = parse_program(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    plan_memory(&mut program).unwrap();
    // Planning again changes nothing.
    let planned = program.to_string();
    plan_memory(&mut program).unwrap();
    assert_eq!(program.to_string(), planned);
    let found = |name: &&str| program.buffers.values().find(|data| &*data.name == *name).unwrap().space.clone();
    let found = (names.iter().map(found).collect(), program.arena_bytes, program.local_bytes);
    verify(program).unwrap_or_else(|errors| panic!("{errors}\n{planned}"));
    found
}

#[test]
fn buffers_of_one_parallel_loop_are_planned_in_the_worker_s_memory() {
    use Space::{Arena, Local};
    // In an iteration `c` takes the place of `a`; nothing is in the arena.
    let expected = vec![Local(0), Local(64), Local(0)];
    assert_eq!(spaces("parallel { a ba cb Yc }"), (expected, 0, 128));
    // Loops one after another use the same memory, as much as the largest needs.
    let expected = vec![Local(0), Local(64), Local(0)];
    assert_eq!(spaces("parallel { a ba Yb } parallel { c Yc }"), (expected, 0, 128));
    // `a` is touched outside, so iterations share it, through the whole loop.
    let expected = vec![Arena(0), Local(0), Arena(64)];
    assert_eq!(spaces(" a parallel { ba CA Yb } loop { yc }"), (expected, 128, 64));
    // What is inside a loop inside belongs to the outermost parallel loop, `a` throughout the inner one.
    for inner in ["loop", "parallel"] {
        let expected = vec![Local(0), Local(64), Local(128)];
        assert_eq!(spaces(&format!("parallel {{ a {inner} {{ ba cb }} Ya }}")), (expected, 0, 192));
    }
    let (places, arena, local) = spaces("loop { a parallel { b cb Yc } da }");
    assert_eq!((places, arena, local), (vec![Arena(0), Local(0), Local(64), Arena(64)], 128, 128));
    // In two parallel loops, so in the arena.
    assert_eq!(spaces("parallel { A } parallel { YA }").0[0], Arena(0));
}
