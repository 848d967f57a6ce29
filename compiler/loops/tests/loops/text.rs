//! The text form: mistakes and their places, and texts mutated at random.

use pullback_ir::Elements;
use pullback_loops::interpret::{Error, interpret};
use pullback_loops::{Program, Step, Stmt, parse_program, verify};
use pullback_optimize::fuse::FuseOptions;

use super::support::inputs::{Mood, array};
use super::support::rng::Rng;
use super::support::{case, lowered};

/// Every construct once, in the form that the printer gives it.
const EVERYTHING: &str = r#"program @all.of_it {
  buffer %x : f32[16] input 0
  buffer %n : i64[0] input 1
  buffer %c : f32[4] constant [1.0, -inf, nan, 1e-30]
  buffer %d : bool[2] constant [true, false]
  buffer %e : u8[0] constant []
  buffer %t.1 : f32[16] arena 64
  buffer %y : f32[16] output 0
  arena 128

  kernel @first "exp at model.rs:3 (transpose %x)" {
    v0 = const -0.0 : f32x4
    v1 = const nan:0x7fc00001 : f32
    v2 = const true : bool
    v3 = position 0 : i64
    v9 = for i0 = 0 to 16 step 4 carry (v4 = v0 : f32x4) {
      v5 = load %x[-i0 + 12] : f32x4
      v6 = mul_add v5, v5, v4 : f32x4
      for i1 = 0 to 2 step 2 {
        store %t.1[i0 + 2*i1] stride -1, v6
        v7 = position -3*i0 + i1 - 5 stride 2 : i32x4
      }
      v8 = max v6, v5 : f32x4
      yield v8
    }
    v10 = reduce_lanes add v9 : f32
    v11 = compare ge v10, v1 : bool
    v12 = select v11, v10, v1 : f32
    v13 = is_finite v12 : bool
    v14 = convert v13 : u8
    v15 = splat v12 : f32x4
    v18, v19 = for i2 = 0 to 0 step 1 carry (v16 = v15 : f32x4, v17 = v14 : u8) {
      yield v15, v17
    }
  }

  kernel @second "" {
    gemm f32 4x4x1 %y[0; 4, 1] = %x[3; 1, -1] * %c[0; 4, 1]
    for i3 = 0 to 4 step 1 {
      gemm f32 1x4x1 %y[4*i3; 4, 1] += %x[i3; 1, 1] * %c[0; 4, 1]
    }
  }
}
"#;

/// Parallel loops, one in another, and memory of the workers.
const PARALLEL: &str = r#"program @parallel {
  buffer %x : f32[24] input 0
  buffer %y : f32[24] output 0
  buffer %s : f32[3] output 1
  buffer %t : f32[8] local 0
  buffer %u : f32[1] local 64
  arena 0 local 128

  parallel loop i0 = 0 to 3 {
    kernel @t "" {
      for i1 = 0 to 8 step 4 {
        v0 = load %x[8*i0 + i1] : f32x4
        store %t[i1], v0
      }
    }
    parallel loop i2 = 0 to 8 {
      kernel @y "" {
        v1 = load %t[i2] : f32
        store %y[-8*i0 + i2 + 16], v1
      }
    }
    kernel @s "" {
      v2 = load %t[7] : f32
      store %u[0], v2
      v3 = load %u[0] : f32
      store %s[i0], v3
    }
  }
}
"#;

#[test]
fn every_construct_round_trips() {
    let read = |text: &str| parse_program(text).unwrap_or_else(|error| panic!("{error}\n{text}")).to_string();
    assert_eq!(read(EVERYTHING), EVERYTHING);
    assert_eq!(read(PARALLEL), PARALLEL);
    // Blanks, the numbers of variables and counters, and the order of a sum do not matter.
    let renumbered = EVERYTHING.replace("v1 ", "v1001 ").replace("v1\n", "v1001\n").replace("i1", "i77");
    assert_eq!(read(&renumbered), EVERYTHING);
    assert_eq!(read(&EVERYTHING.replace("i0 + 2*i1", "2*i1+i0")), EVERYTHING);
    assert_eq!(read(&EVERYTHING.replace("12] :", "12] stride 1 :")), EVERYTHING);
    let quoted: Vec<&str> = EVERYTHING.split('"').collect();
    let loose: Vec<String> = quoted
        .iter()
        .enumerate()
        .map(|(number, part)| if number % 2 == 0 { part.replace(' ', "\r\n\t ") } else { (*part).to_owned() })
        .collect();
    assert_eq!(read(&loose.join("\"")), EVERYTHING);
}

#[test]
fn mistakes_have_a_place_and_say_what_was_expected() {
    let mut wrong = Vec::new();
    for (from, to, line, column, message) in [
        ("program", "progam", 1, 1, "found `progam @all.of_it {`, expected `program`"),
        ("@all.of_it", "all", 1, 9, "found `all {`, expected a name such as @x"),
        ("f32[16] input", "f33[16] input", 2, 15, "found `f33`, expected an element type"),
        ("i64[0] input 1", "i64[-1] input 1", 3, 19, "found ``, expected a number of at most 64 bits"),
        ("i64[0]", "i64[18446744073709551616]", 3, 19, "found `18446744073709551616`, expected a number"),
        ("input 1", "inward 1", 3, 22, "found `inward`, expected `input`, `output`, `constant`, `arena` or `local`"),
        ("%n :", "%x :", 3, 10, "a second buffer %x"),
        ("-inf, nan", "-inf, 1e99", 4, 43, "found `1e99`, expected an f32"),
        ("1e-30]", "1e-30, 2.0]", 4, 31, "the lists have the shape [5], expected that of f32[4]"),
        ("[true, false]", "[1, 0]", 5, 33, "found `1`, expected a bool"),
        ("const true", "const 2", 14, 16, "found `2`, expected a bool"),
        ("const -0.0", "frob -0.0", 12, 10, "found `frob`, expected an operation"),
        (": f32x4\n    v1", ": f32x1\n    v1", 12, 23, "found `f32x1`, expected a type such as f32 or f32x4"),
        ("(v4 = v0", "(v4 = v40", 16, 46, "v40 is used before it is assigned"),
        ("v6 = mul_add", "v5 = mul_add", 18, 7, "v5 is assigned a second time"),
        ("v9 = for i0", "v9 = for j0", 16, 14, "found `j0`, expected a counter such as i0"),
        ("for i1 =", "for i0 =", 19, 11, "a second loop with the counter i0"),
        ("= 0 to 2", "= 1 to 2", 19, 16, "expected 0, where every counter begins"),
        ("i0 + 2*i1", "i1 + 2*i1", 20, 27, "i1 twice in a sum"),
        ("i0 + 2*i1", "i7 + 2*i1", 20, 20, "there is no loop with the counter i7 before"),
        ("i0 + 2*i1", "i0 + 0*i1", 20, 27, "the factor of a counter is 0"),
        ("+ i1 - 5", "+ 7 - 5", 21, 35, "a second constant in a sum"),
        ("+ i1 - 5", "+ i1 - 9223372036854775809", 21, 36, "-9223372036854775809 does not fit 64 bits"),
        ("store %t.1", "store %t", 20, 15, "there is no buffer %t"),
        ("yield v8", "", 17, 7, "expected a `yield` at the end of a loop that carries values"),
        ("compare ge", "compare gg", 27, 19, "found `gg`, expected a predicate"),
        ("v18, v19 = for", "v18 = for", 32, 11, "1 results of a loop that carries 2"),
        ("yield v15, v17", "yield v15", 34, 5, "expected `,`"),
        ("v13 = is", "v13, v20 = is", 29, 16, "several results, expected them of a loop"),
        ("gemm f32 4x4x1", "gemm f32 4x4", 38, 14, "found `4x4`, expected three extents such as 2x3x4"),
        ("gemm f32 4x4x1 %y[0; 4", "gemm f32 4x4x1 %y[0, 4", 38, 24, "expected `;`"),
        ("@second \"\"", "@second \"\n", 37, 18, "a string without its closing quote"),
        ("@second \"\"", "@second", 37, 18, "expected a string"),
    ] {
        let text = EVERYTHING.replacen(from, to, 1);
        assert_ne!(text, EVERYTHING, "{from}");
        let error = parse_program(&text).expect_err(to);
        if !error.message.contains(message) || (error.span.line, error.span.column) != (line, column) {
            wrong.push(format!("{to}: {error}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let error = parse_program(EVERYTHING.trim_end().strip_suffix('}').unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "43:1: found the end of the text, expected `}`");
    let error = parse_program(&format!("{EVERYTHING}x")).unwrap_err();
    assert_eq!(error.to_string(), "44:1: found `x`, expected the end of the text");
}

/// Texts to mutate: by hand, and what lowering makes.
fn texts() -> Vec<String> {
    let softmax = "func @f(%x: f32[5,9]) -> (f32[5,9], i64[9]) {
        %m = reduce max %x, axes=[1] : f32[5]
        %b = broadcast %m, dims=[0] : f32[5,9]
        %c = sub %x, %b : f32[5,9]
        %s = reduce add %c, axes=[0] : f32[9]
        %i = convert %s : i64[9]
        return %c, %i
      }";
    let pads = "func @f(%x: f64[6], %v: f64) -> (f64[9], bool[9]) {
        %e = neg %x : f64[6]
        %p = pad %e, %v, low=[2], high=[1] : f64[9]
        %r = reverse %p, axes=[0] : f64[9]
        %g = compare gt %p, %r : bool[9]
        return %r, %g
      }";
    let dot = "func @f(%x: f32[30,20], %y: f32[20,40], %z: f32[3]) -> (f32[30,40], f32) {
        %d = dot %x, %y, contract=[1]x[0] : f32[30,40]
        %q = dot %z, %z, contract=[0]x[0] : f32
        return %d, %q
      }";
    let mut texts = vec![EVERYTHING.to_owned(), PARALLEL.to_owned()];
    for text in [softmax, pads, dot] {
        texts.push(lowered(&case(text, Mood::Tame), FuseOptions::default(), true).unwrap().to_string());
    }
    texts
}

/// Puts words in place of others, mostly of the same kind from the same text, and removes or inserts characters.
fn mutate(text: &str, rng: &mut Rng) -> String {
    const PIECES: [&str; 16] = [
        "v0",
        "i0",
        "%x",
        "0",
        "-1",
        "16",
        "9223372036854775807",
        "f32x4",
        "i64x2",
        "for",
        "{",
        "}",
        "yield",
        ",",
        "[",
        "é",
    ];
    let is_word = |c: char| c.is_ascii_alphanumeric() || "_.%@-".contains(c);
    let mut text = text.to_owned();
    for _ in 0..1 + rng.below(2) {
        let starts: Vec<usize> = text
            .char_indices()
            .filter(|&(at, c)| is_word(c) && !text[..at].ends_with(is_word))
            .map(|(at, _)| at)
            .collect();
        let word_at = |start: usize| text[start..].split(|c: char| !is_word(c)).next().unwrap_or("");
        if !starts.is_empty() && rng.chance(0.8) {
            let word = word_at(starts[rng.below(starts.len())]);
            let start = word.as_ptr() as usize - text.as_ptr() as usize;
            let kind = |word: &str| word.chars().next().map(|c| if c.is_ascii_digit() { '0' } else { c });
            let other = |rng: &mut Rng| word_at(starts[rng.below(starts.len())]);
            let alike = |rng: &mut Rng| (0..20).map(|_| other(rng)).find(|other| kind(other) == kind(word));
            let with = if rng.chance(0.8) { alike(rng).unwrap_or("0") } else { rng.pick(&PIECES) }.to_owned();
            let end = start + word.len();
            text.replace_range(start..end, &with);
        } else {
            let mut ends: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            ends.push(text.len());
            let start = rng.below(ends.len());
            let end = (start + rng.below(4)).min(ends.len() - 1);
            let with = if rng.chance(0.5) { rng.pick(&PIECES) } else { "" };
            text.replace_range(ends[start]..ends[end], with);
        }
    }
    text
}

/// How many statements a run takes.
fn cost(stmts: &[Stmt]) -> u128 {
    let cost_of = |stmt: &Stmt| match stmt {
        Stmt::Let(..) | Stmt::Store(..) => 1,
        Stmt::For(inner) => (inner.extent / inner.step) as u128 * (1 + cost(&inner.body)),
        Stmt::Pack(pack) => (pack.k * pack.n) as u128,
        Stmt::Gemm(gemm) => (gemm.m * gemm.n) as u128 * (1 + gemm.k as u128),
        Stmt::Bind(_) => 1,
        Stmt::If(inner) => 1 + cost(&inner.body),
        Stmt::Call(call) => call.views.iter().flat_map(|view| &view.axes).map(|axis| axis.extent as u128).product(),
    };
    stmts.iter().map(cost_of).sum()
}

fn cost_of_steps(steps: &[Step]) -> u128 {
    let cost_of = |step: &Step| match step {
        Step::Kernel(kernel) => 1 + cost(&kernel.body),
        Step::Loop(inner) => inner.extent as u128 * (1 + cost_of_steps(&inner.body)),
        Step::While(_) | Step::Branch(_) => step.nested().map(cost_of_steps).sum(),
    };
    steps.iter().map(cost_of).sum()
}

fn inputs(program: &Program, rng: &mut Rng) -> Vec<Elements> {
    let mut inputs: Vec<(usize, Elements)> = Vec::new();
    for data in program.buffers.values() {
        if let pullback_loops::Space::Input(position) = data.space {
            let ty = pullback_ir::Type::new(data.dtype, &[data.elements]).unwrap();
            inputs.push((position, array(rng, &ty, Mood::Tame).elements));
        }
    }
    inputs.sort_by_key(|input| input.0);
    inputs.into_iter().map(|input| input.1).collect()
}

/// No text makes the parser panic, what it reads it also writes, the verifier judges whatever was read, and what the verifier
/// accepts breaks no rule when it runs.
#[test]
fn mutated_texts_are_read_judged_and_run_without_surprise() {
    let mut rng = Rng::new(2024);
    let (mut read, mut valid, mut run) = (0, 0, 0);
    let texts = texts();
    for round in 0..20_000 {
        let text = mutate(&texts[round % texts.len()], &mut rng);
        let Ok(program) = parse_program(&text) else { continue };
        read += 1;
        let printed = program.to_string();
        let again = parse_program(&printed).unwrap_or_else(|error| panic!("{error}\n{text}\n{printed}"));
        assert_eq!(again.to_string(), printed, "{text}");
        let Ok(program) = verify(program) else { continue };
        valid += 1;
        let size: u128 = program.buffers.values().map(|data| data.elements as u128).sum();
        let memory = size + program.arena_bytes as u128 + program.local_bytes as u128;
        if cost_of_steps(&program.body) + memory > 20_000 {
            continue;
        }
        run += 1;
        match interpret(&program, &inputs(&program, &mut rng)) {
            Ok(_) | Err(Error::NotStored { .. }) => {}
            Err(error) => panic!("{error}\n{text}"),
        }
    }
    assert!(read > 3000 && valid > 300 && run > 100, "{read} read, {valid} valid, {run} run");
}
