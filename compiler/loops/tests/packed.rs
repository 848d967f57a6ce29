//! Packed right factors: their text, the rules of their buffers, their meaning, and the pass that packs before loops.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

use pullback_ir::Elements;
use pullback_loops::memory::plan_memory;
use pullback_loops::verify::check;
use pullback_loops::{Program, Space, interpret, pack_operands, packed_elements, parse_program, verify};

/// Two matrices of a batch packed side by side, multiplied by whole and from the second strip of columns on.
const GOOD: &str = "program @f {
  buffer %x : f64[6] input 0
  buffer %w : f64[420] input 1
  buffer %y : f64[280] output 0
  buffer %z : f64[12] output 1
  buffer %p : f64[768] arena 0
  arena 6144

  kernel @pack \"\" {
    for i0 = 0 to 2 step 1 {
      pack f64 3x70 %p[384*i0] = %w[210*i0; 1, 3]
    }
  }

  kernel @y \"\" {
    for i1 = 0 to 2 step 1 {
      gemm f64 2x70x3 %y[140*i1; 70, 1] = %x[0; 3, 1] * packed %p[384*i1]
    }
    gemm f64 2x6x3 %z[0; 6, 1] = %x[0; 3, 1] * packed %p[576]
  }
}
";

fn parsed(text: &str) -> Program {
    parse_program(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The messages about a program that has `to` in the place of `from`.
fn broken(from: &str, to: &str) -> Vec<String> {
    assert!(GOOD.contains(from), "{from}");
    check(&parsed(&GOOD.replace(from, to))).into_iter().map(|error| error.message).collect()
}

fn run(program: Program, inputs: &[Elements]) -> Vec<Elements> {
    let text = program.to_string();
    let program = verify(program).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    interpret(&program, inputs).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Small whole numbers, whose products and sums are exact.
fn numbers(count: usize) -> Elements {
    Elements::F64((0..count).map(|i| ((i * 7 + 3) % 11) as f64 - 5.0).collect())
}

#[test]
fn packing_prints_as_it_was_read_and_breaks_no_rule() {
    let program = parsed(GOOD);
    assert_eq!(program.to_string(), GOOD);
    verify(program).unwrap();
    for (from, to, message) in [
        ("pack f64 3x70", "pack f64 3x70x1", "found `3x70x1`, expected two extents such as 3x4"),
        ("pack f64 3x70 %p[384*i0]", "pack f64 3x70 %p[384*i0; 1, 1]", "expected `]`"),
        ("* packed %p[576]", "* packed %p[576; 1, 1]", "expected `]`"),
        ("packed %p[576]", "%p[576]", "expected `;`"),
    ] {
        let error = parse_program(&GOOD.replace(from, to)).unwrap_err();
        assert!(error.message.contains(message), "{to}: {}", error.message);
    }
}

#[test]
fn a_product_by_a_packed_factor_is_that_by_the_factor() {
    let plain = GOOD
        .replace("packed %p[384*i1]", "%w[210*i1; 1, 3]")
        // The second matrix from its column 64 on.
        .replace("packed %p[576]", "%w[402; 1, 3]");
    let inputs = [numbers(6), numbers(420)];
    let expected = run(parsed(&plain), &inputs);
    assert_eq!(run(parsed(GOOD), &inputs), expected);
    assert_ne!(expected[1], Elements::F64(vec![0.0; 12]));
}

#[test]
fn packed_matrices_stay_inside_their_buffers() {
    assert_eq!(
        broken("%p : f64[768]", "%p : f64[767]")[0],
        "positions 0 to 767 of %p are accessed, which has 767 elements"
    );
    assert_eq!(
        broken("gemm f64 2x70x3 %y", "gemm f64 2x200x3 %y")[1..2],
        ["positions 0 to 1151 of %p are accessed, which has 768 elements"]
    );
    assert_eq!(
        broken("%w[210*i0; 1, 3]", "%w[211*i0; 1, 3]"),
        ["positions 0 to 420 of %w are accessed, which has 420 elements"]
    );
    assert_eq!(
        broken("pack f64 3x70", "pack f64 3x281474976710657")[0],
        "an extent or a stride of a matrix is larger than 2^48"
    );
}

#[test]
fn a_packed_buffer_is_read_as_it_was_packed() {
    let mixed = "%p is accessed as packed matrices of 2 rows, before as packed matrices of 3 rows";
    assert_eq!(broken("gemm f64 2x6x3 %z[0; 6, 1]", "gemm f64 2x6x2 %z[0; 6, 1]")[..1], [mixed]);
    let begins = "the position of a packed matrix is not where a strip begins, expected a multiple of 192, the elements of a strip of columns";
    assert_eq!(broken("packed %p[576]", "packed %p[570]"), [begins]);
    assert_eq!(broken("packed %p[384*i1]", "packed %p[383*i1]"), [begins]);
    let load = "v0 = load %p[0] : f64\n    gemm f64 2x6x3 %z";
    let element = "%p is accessed element by element, before as packed matrices of 3 rows";
    assert_eq!(broken("gemm f64 2x6x3 %z", load), [element]);
    assert_eq!(broken("packed %p[576]", "%p[576; 1, 1]"), [element]);
    let store = "v0 = const 0.0 : f64\n    store %p[0], v0\n    for i0";
    let packed = "%p is accessed as packed matrices of 3 rows, before element by element";
    assert_eq!(broken("for i0", store), [packed, packed, packed]);
}

#[test]
fn a_packed_factor_is_of_the_arena_a_float_and_stored_before() {
    let arena = "%p holds a packed matrix, expected a buffer of the arena";
    assert_eq!(broken("%p : f64[768] arena 0", "%p : f64[768] output 2"), [arena; 3]);
    assert_eq!(
        broken("pack f64", "pack i64")[..2],
        ["a matrix of i64 is packed, expected f32 or f64", "%w has elements of f64, the access is of i64"]
    );
    let kernels: Vec<&str> = GOOD.split("\n\n").collect();
    let unpacked = [kernels[0], kernels[2]].join("\n\n");
    assert_eq!(check(&parsed(&unpacked)).len(), 2);
    // Of columns that nobody packed the interpreter knows.
    let program = verify(parsed(&GOOD.replace("pack f64 3x70 %p", "pack f64 3x69 %p"))).unwrap();
    let error = interpret(&program, &[numbers(6), numbers(420)]).unwrap_err();
    assert!(error.to_string().ends_with("of %p is read, nothing was stored there"), "{error}");
}

#[test]
fn strips_may_be_packed_in_parallel_and_iterations_that_share_one_may_not() {
    let text = |by: usize| {
        format!(
            "program @f {{
               buffer %x : f64[3] input 0 buffer %w : f64[768] input 1 buffer %y : f64[512] output 0
               buffer %p : f64[1536] arena 0
               arena 12288
               parallel loop i0 = 0 to 2 {{
                 kernel @pack \"\" {{
                   for i1 = 0 to 2 step 1 {{ pack f64 3x64 %p[{by}*i0 + 384*i1] = %w[192*i0 + 384*i1; 64, 1] }}
                 }}
               }}
               kernel @y \"\" {{
                 for i2 = 0 to 2 step 1 {{ gemm f64 1x128x3 %y[256*i2; 128, 1] = %x[0; 3, 1] * packed %p[384*i2] }}
               }}
             }}"
        )
    };
    assert_eq!(check(&parsed(&text(192))), []);
    let messages: Vec<String> = check(&parsed(&text(384))).into_iter().map(|error| error.message).collect();
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert!(messages[0].starts_with("iterations of a parallel loop meet in %p"), "{messages:?}");
}

/// Products of tiles of 16 rows by the transpose of `%w`, 40 × 48, which the inner loop leaves alone; the outer loop goes over a batch of three.
fn tiles(outer: &str, inner: &str) -> Program {
    let text = format!(
        "program @f {{
           buffer %x : f64[7680] input 0 buffer %w : f64[5760] input 1 buffer %y : f64[9216] output 0
           arena 0
           {outer} i0 = 0 to 3 {{
             {inner} i1 = 0 to 4 {{
               kernel @y \"\" {{
                 gemm f64 16x48x40 %y[3072*i0 + 768*i1; 48, 1] = %x[2560*i0 + 640*i1; 40, 1] * %w[1920*i0; 1, 40]
               }}
             }}
           }}
         }}"
    );
    parsed(&text)
}

/// What the pass makes of a program, with its memory planned; the results stay the same.
fn packed(program: Program, inputs: &[Elements]) -> Program {
    let mut after = program.clone();
    pack_operands(&mut after);
    plan_memory(&mut after).unwrap();
    assert_eq!(run(after.clone(), inputs), run(program, inputs));
    after
}

fn lines_with<'a>(text: &'a str, what: &str) -> Vec<&'a str> {
    text.lines().map(str::trim).filter(|line| line.contains(what)).collect()
}

#[test]
fn a_factor_is_packed_before_the_loops_in_which_it_stays() {
    let inputs = [numbers(7680), numbers(5760)];
    let after = packed(tiles("parallel loop", "loop"), &inputs);
    let text = after.to_string();
    let expected = "  parallel loop i0 = 0 to 3 {
    kernel @pack_w \"a right factor packed for many products\" {
      pack f64 40x48 %w_packed[0] = %w[1920*i0; 1, 40]
    }
    loop i1 = 0 to 4 {
      kernel @y \"\" {
        gemm f64 16x48x40 %y[3072*i0 + 768*i1; 48, 1] = %x[2560*i0 + 640*i1; 40, 1] * packed %w_packed[0]
      }
    }
  }
";
    assert!(text.contains(expected), "{text}");
    // Each worker has a copy of its own.
    assert!(after.buffers.values().any(|data| data.space == Space::Local(0)), "{text}");
}

#[test]
fn a_factor_that_moves_inside_the_kernel_is_packed_as_often() {
    let batch = |program: Program| {
        let text = program.to_string();
        let gemm = lines_with(&text, "gemm")[0].to_owned();
        let moved = gemm.replace("%w[1920*i0; 1, 40]", "%w[1920*i2; 1, 40]").replace(" = ", " += ");
        let zero = "for i3 = 0 to 768 step 1 { v0 = const 0.0 : f64 store %y[3072*i0 + 768*i1 + i3], v0 }";
        parsed(&text.replace(&gemm, &format!("{zero} for i2 = 0 to 3 step 1 {{ {moved} }}")))
    };
    let inputs = [numbers(7680), numbers(5760)];
    let text = packed(batch(tiles("loop", "loop")), &inputs).to_string();
    // Before both loops, since it stays in both.
    let expected = "    for i0 = 0 to 3 step 1 {
      pack f64 40x48 %w_packed[2560*i0] = %w[1920*i0; 1, 40]
    }
  }

  loop i1 = 0 to 3 {";
    assert!(text.contains(expected), "{text}");
    assert!(lines_with(&text, "gemm")[0].ends_with("* packed %w_packed[2560*i4]"), "{text}");
    assert_eq!(packed_elements(40, 48), 2560);
}

#[test]
fn a_large_factor_is_packed_by_several_threads_in_strips_of_columns() {
    // 300 columns of 130 steps are 312,000 bytes; a strip takes 66,560.
    let text = "program @f {
        buffer %x : f64[5200] input 0 buffer %w : f64[39000] input 1 buffer %y : f64[12000] output 0
        arena 0
        parallel loop i0 = 0 to 4 {
          kernel @y \"\" { gemm f64 10x300x130 %y[3000*i0; 300, 1] = %x[1300*i0; 130, 1] * %w[0; 1, 130] }
        }
      }";
    let text = packed(parsed(text), &[numbers(5200), numbers(39000)]).to_string();
    let packs = lines_with(&text, "pack f64");
    let strips = "pack f64 130x64 %w_packed[8320*i0] = %w[8320*i0; 1, 130]";
    assert_eq!(packs, [strips, "pack f64 130x44 %w_packed[33280] = %w[33280; 1, 130]"]);
    assert_eq!(lines_with(&text, "parallel loop"), ["parallel loop i0 = 0 to 4 {", "parallel loop i1 = 0 to 4 {"]);
}

#[test]
fn a_factor_is_left_where_packing_once_is_no_use_or_wrong() {
    let packs = |edits: &[(&str, &str)]| {
        let mut text = tiles("loop", "loop").to_string();
        for (from, to) in edits {
            assert!(text.contains(from), "{from}\n{text}");
            text = text.replace(from, to);
        }
        let mut program = parsed(&text);
        pack_operands(&mut program);
        plan_memory(&mut program).unwrap();
        let program = verify(program).unwrap_or_else(|errors| panic!("{errors}"));
        lines_with(&program.to_string(), "pack f64").len()
    };
    assert_eq!(packs(&[]), 1);
    // It moves in the inner loop.
    assert_eq!(packs(&[("%w[1920*i0; 1, 40]", "%w[1920*i0 - 40*i1 + 120; 1, 40]"), ("i0 = 0 to 3", "i0 = 0 to 2")]), 0);
    // Two products are too few, three are not.
    assert_eq!(packs(&[("i1 = 0 to 4", "i1 = 0 to 2")]), 0);
    assert_eq!(packs(&[("i1 = 0 to 4", "i1 = 0 to 3")]), 1);
    // It is small and lies well; but not with every row on a page of its own.
    assert_eq!(packs(&[("%w[1920*i0; 1, 40]", "%w[1920*i0; 48, 1]")]), 0);
    assert_eq!(packs(&[("%w[1920*i0; 1, 40]", "%w[0; 512, 1]"), ("%w : f64[5760]", "%w : f64[20480]")]), 1);
    // Few columns, few steps, few rows, results that are not side by side.
    assert_eq!(packs(&[("16x48x40", "16x31x40")]), 0);
    assert_eq!(packs(&[("16x48x40", "16x48x15")]), 0);
    assert_eq!(packs(&[("16x48x40", "8x48x40")]), 0);
    assert_eq!(packs(&[("768*i1; 48, 1]", "768*i1; 1, 16]")]), 0);
}

#[test]
fn a_factor_that_the_loop_stores_to_or_that_may_never_be_needed_is_left() {
    let program = |inside: &str| {
        format!(
            "program @f {{
               buffer %x : f64[640] input 0 buffer %on : bool[1] input 1
               buffer %w : f64[1920] arena 0 buffer %y : f64[768] output 0
               arena 15360
               kernel @w \"\" {{ v0 = const 0.5 : f64 for i0 = 0 to 1920 step 1 {{ store %w[i0], v0 }} }}
               kernel @z \"\" {{ v1 = const 0.5 : f64 for i1 = 0 to 768 step 1 {{ store %y[i1], v1 }} }}
               loop i2 = 0 to 4 {{ {inside} }}
             }}"
        )
    };
    let gemm = "gemm f64 16x48x40 %y[0; 48, 1] = %x[0; 40, 1] * %w[0; 1, 40]";
    let kernel = format!("kernel @y \"\" {{ {gemm} }}");
    let packs = |inside: &str| {
        let mut program = parsed(&program(inside));
        pack_operands(&mut program);
        plan_memory(&mut program).unwrap();
        let program = verify(program).unwrap_or_else(|errors| panic!("{errors}"));
        lines_with(&program.to_string(), "pack f64").len()
    };
    assert_eq!(packs(&kernel), 1);
    let stored = "kernel @again \"\" { v2 = const 1.0 : f64 store %w[i2], v2 }";
    assert_eq!(packs(&format!("{stored} {kernel}")), 0);
    // Not even after the product: the next iteration has it before.
    assert_eq!(packs(&format!("{kernel} {stored}")), 0);
    assert_eq!(packs(&format!("branch %on[0] {{ case {{ {kernel} }} case {{ }} }}")), 0);
    assert_eq!(packs(&format!("kernel @y \"\" {{ v2 = load %on[0] : bool if v2 {{ {gemm} }} }}")), 0);
    // A loop inside a case is in no doubt once it is reached.
    let inner = format!("branch %on[0] {{ case {{ loop i3 = 0 to 3 {{ {kernel} }} }} case {{ }} }}");
    assert_eq!(packs(&inner), 1);
}
