//! The `pullback` command as a user calls it: outputs, messages and exit codes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod bench;
mod grad;

use std::fs;
use std::path::PathBuf;

use assert_cmd::Command;
use pullback::Features;
use pullback::codegen::isa::vector_bytes;
use pullback_optimize::pipeline;

/// A folder of this test's own, with the files that the tests below use.
fn folder(test: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cli").join(test);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    for (name, text) in [("loss.pir", LOSS), ("two.pir", TWO), ("bad.pir", BAD), ("broken.pir", BROKEN)] {
        fs::write(folder.join(name), text).unwrap();
    }
    folder
}

const LOSS: &str = "func @loss(%x: f64[2,2], %w: f64[2], %k: i32) -> f64 {
  %y = dot %x, %w, contract=[1]x[0] : f64[2]
  %sq = mul %y, %y : f64[2]
  %s = reduce add %sq, axes=[0] : f64
  return %s
}
";

const TWO: &str = "func @a(%x: f32[3]) -> f32[3] {
  %y = neg %x : f32[3]
  return %y
}

func @b(%0: u8, %p: bool) -> (u8, bool, u8) {
  return %0, %p, %0
}
";

const BAD: &str = "func @f(%x: f32) -> f32 {
  %y = sinn %x : f32
  %z = add %x, %nothing : f32
  return %z
}
";

const BROKEN: &str = "func @f(%x: f32, %i: i32) -> f32 {
  %y = add %x, %i : f32
  %z = exp %i : i32
  return %x
}
";

struct Output {
    code: i32,
    out: String,
    err: String,
}

fn pullback(folder: &PathBuf, args: &[&str], stdin: &str) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_pullback"))
        .current_dir(folder)
        .env_remove("NO_COLOR")
        .args(args)
        .write_stdin(stdin)
        .output()
        .unwrap();
    Output {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

#[track_caller]
fn succeeds(folder: &PathBuf, args: &[&str]) -> String {
    let Output { code, out, err } = pullback(folder, args, "");
    assert_eq!(code, 0, "{args:?}\n{out}\n{err}");
    assert_eq!(err, "", "{args:?}");
    out
}

/// The command ends with this code, prints nothing, and says all of `parts`.
#[track_caller]
fn fails(folder: &PathBuf, args: &[&str], expected: i32, parts: &[&str]) {
    let Output { code, out, err } = pullback(folder, args, "");
    assert_eq!(code, expected, "{args:?}\n{out}\n{err}");
    assert_eq!(out, "", "{args:?}");
    for part in parts {
        assert!(err.contains(part), "{args:?}: `{part}` is not in\n{err}");
    }
    assert!(!err.contains("panicked"), "{err}");
}

#[test]
fn help_shows_examples_and_exit_codes() {
    let folder = folder("help");
    let help = succeeds(&folder, &["--help"]);
    for part in ["Exit codes:", "check", "run", "grad", "dump", "test"] {
        assert!(help.contains(part), "{help}");
    }
    for command in ["check", "run", "grad", "dump", "test"] {
        let help = succeeds(&folder, &[command, "--help"]);
        assert!(help.contains("Examples:") && help.contains(&format!("pullback {command}")), "{help}");
    }
    assert!(succeeds(&folder, &["--version"]).starts_with("pullback "));
}

#[test]
fn the_help_of_dump_names_every_pass_and_stage() {
    let folder = folder("dump_help");
    let help = succeeds(&folder, &["dump", "--help"]);
    for pass in pipeline::ALL {
        assert!(help.contains(pass.name), "{} is not in\n{help}", pass.name);
    }
    for stage in pullback::Stage::ALL {
        assert!(help.contains(stage.name()), "{} is not in\n{help}", stage.name());
    }
}

#[test]
fn a_wrong_command_line_has_exit_code_2() {
    let folder = folder("usage");
    for args in [
        &[][..],
        &["nothing"],
        &["check"],
        &["run"],
        &["run", "loss.pir", "--random", "x"],
        &["dump", "loss.pir", "--stage", "nowhere"],
        &["dump", "loss.pir", "--after", "x", "--before", "y"],
        &["grad", "loss.pir", "--mode", "sideways"],
        &["check", "-", "-"],
    ] {
        fails(&folder, args, 2, &[]);
    }
}

#[test]
fn an_option_that_would_be_ignored_is_refused() {
    let folder = folder("ignored");
    for (args, part) in [
        (&["dump", "loss.pir", "--mode", "forward"][..], "--mode needs --wrt"),
        (&["dump", "loss.pir", "--stage", "loops", "--mode", "reverse"], "--mode needs --wrt"),
        (&["dump", "loss.pir", "--fusion", "off"], "from `fused` on"),
        (&["dump", "loss.pir", "--stage", "fused", "--features", "baseline"], "from `loops` on"),
        (&["run", "loss.pir", "--interpret", "--features", "native"], "cannot be used with"),
        (&["dump", "loss.pir", "--memory-budget", "1MiB"], "from `fused` on"),
        (&["dump", "loss.pir", "--stage", "memory", "--memory-budget", "1.5MiB"], "a number of bytes"),
        (&["dump", "loss.pir", "--stage", "loops", "--provenance"], "up to `optimized`"),
        (&["dump", "loss.pir", "--stage", "loops", "-o", "arena.svg"], "for the stage `memory`"),
        (&["grad", "loss.pir", "--mode", "forward", "--value"], "--value is for the reverse mode"),
        (&["grad", "loss.pir", "--mode", "vjp", "--value"], "--value is for the reverse mode"),
    ] {
        fails(&folder, args, 2, &[part]);
    }
    for args in [
        &["--stage", "adjoint", "--mode", "forward"][..],
        &["--wrt", "w", "--mode", "forward"],
        &["--stage", "fused", "--fusion", "off"],
        &["--stage", "loops", "--features", "baseline"],
        &["--provenance"],
    ] {
        succeeds(&folder, &[&["dump", "loss.pir"], args].concat());
    }
}

#[test]
fn features_choose_the_vectors_of_loops_and_machine_code() {
    let folder = folder("features");
    let text = "func @f(%x: f32[64]) -> f32[64] {\n  %y = mul %x, %x : f32[64]\n  return %y\n}\n";
    fs::write(folder.join("square.pir"), text).unwrap();
    let dump =
        |stage: &str, kind: &[&str]| succeeds(&folder, &[&["dump", "square.pir", "--stage", stage], kind].concat());
    for kind in Features::ALL {
        let args = ["--features", kind.name()];
        let lanes = format!("f32x{}", vector_bytes(kind) / 4);
        assert!(dump("loops", &args).contains(&lanes), "{kind}");
        assert_eq!(dump("asm", &args).contains("zmm"), vector_bytes(kind) == 64, "{kind}");
        let x = format!("x=[{}]", ["1.5"; 64].join(","));
        let printed = succeeds(&folder, &[&["run", "square.pir", "--input", &x], &args[..]].concat());
        assert!(printed.contains("2.25"), "{printed}");
    }
    assert_eq!(dump("asm", &[]), dump("asm", &["--features", "native"]));
}

/// Runs the command with its output, and its messages too, into pipes that nobody reads.
fn code_without_reader(folder: &PathBuf, args: &[&str]) -> i32 {
    let closed = || std::io::pipe().unwrap().1;
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_pullback"));
    command.current_dir(folder).args(args).stdout(closed()).stderr(closed()).status().unwrap().code().unwrap()
}

#[test]
fn a_closed_pipe_hides_no_failure_and_ends_no_work() {
    let folder = folder("closed_pipe");
    let test = |name: &str, text: &str| fs::write(folder.join("t").join(name), text).unwrap();
    fs::create_dir(folder.join("t")).unwrap();
    test("a.pir", "; test interpret\nfunc @f(%x: i32) -> i32 {\n  return %x\n}\n; input: %x = 1\n; expect: 2\n");
    test("b.pir", "; test print\nfunc @f() {return}\n; output:\n; nothing\n");
    assert_eq!(code_without_reader(&folder, &["check", "bad.pir", "loss.pir"]), 1);
    assert_eq!(code_without_reader(&folder, &["test", "t", "--bless"]), 1);
    let blessed = fs::read_to_string(folder.join("t/b.pir")).unwrap();
    assert!(blessed.ends_with("; func @f() {\n;   return\n; }\n"), "{blessed}");
    assert_eq!(code_without_reader(&folder, &["dump", "loss.pir"]), 0);
    assert_eq!(code_without_reader(&folder, &["run", "loss.pir"]), 2);
}

#[test]
fn a_program_that_is_too_large_once_inlined_has_exit_code_1_in_every_command() {
    let folder = folder("too_large");
    let mut text = String::from("func @f0(%x: f32) -> f32 {\n  %y = sin %x : f32\n  return %y\n}\n");
    for level in 1..40 {
        let callee = level - 1;
        text += &format!(
            "func @f{level}(%x: f32) -> f32 {{\n  %a = call @f{callee} %x : f32\n  %y = call @f{callee} %a : f32\n  return %y\n}}\n"
        );
    }
    fs::write(folder.join("tower.pir"), text).unwrap();
    for args in [
        &["run", "tower.pir", "--function", "f39", "--random", "1"][..],
        &["run", "tower.pir", "--function", "f39", "--random", "1", "--interpret"],
        &["grad", "tower.pir", "--function", "f39"],
        &["dump", "tower.pir", "--function", "f39", "--stage", "loops"],
    ] {
        fails(&folder, args, 1, &["@f39", "instructions, at most"]);
    }
}

#[test]
fn check_counts_what_is_right_and_shows_what_is_wrong() {
    let folder = folder("check");
    let out = succeeds(&folder, &["check", "loss.pir", "two.pir"]);
    assert_eq!(
        out,
        "loss.pir: 1 function, 3 instructions, no mistakes\ntwo.pir: 2 functions, 1 instruction, no mistakes\n"
    );
    fails(
        &folder,
        &["check", "bad.pir"],
        1,
        &["did you mean `sin`?", "bad.pir:2:8", "^^^^", "found `%nothing`", "bad.pir:3:16", "2 mistakes"],
    );
    fails(
        &folder,
        &["check", "broken.pir"],
        1,
        &[
            "operands of types f32 and i32",
            "broken.pir:2:3",
            "2 │   %y = add %x, %i : f32",
            "^^^^^^^^^^^^^^^^^^^^^",
            "broken.pir:3:3",
            "in @f",
        ],
    );
}

#[test]
fn check_takes_loop_programs() {
    let folder = folder("check_loops");
    let loops = succeeds(&folder, &["dump", "two.pir", "-f", "a", "--stage", "loops"]);
    assert_eq!(pullback(&folder, &["check", "-"], &loops).out, "<stdin>: 1 kernel, 2 buffers, no mistakes\n");
    let Output { code, err, .. } = pullback(&folder, &["check", "-"], &loops.replace("kernel", "kernle"));
    assert!(code == 1 && err.contains("<stdin>:"), "{err}");
    let Output { code, err, .. } = pullback(&folder, &["run", "-", "--random", "1"], &loops);
    assert!(code == 1 && err.contains("<stdin> is a program in loop IR, which can be checked only"), "{err}");
    let Output { code, err, .. } = pullback(&folder, &["check", "-"], &loops.replace("f32[3] input", "f32[2] input"));
    assert!(code == 1 && err.contains("in kernel @y"), "{err}");
}

#[test]
fn check_goes_on_behind_a_wrong_file() {
    let folder = folder("check_many");
    let Output { code, out, err } = pullback(&folder, &["check", "bad.pir", "missing.pir", "loss.pir"], "");
    assert_eq!(code, 1);
    assert!(
        out.contains("loss.pir") && err.contains("bad.pir") && err.contains("cannot read missing.pir"),
        "{out}{err}"
    );
}

#[test]
fn check_verifies_the_functions_that_can_be_read() {
    let folder = folder("check_rest");
    let calls = "func @g(%x: f32) -> f32 {\n  %y = call @f %x : f32\n  return %y\n}\n";
    // In another order than it is found: the verifier's mistakes stand before the parser's.
    let text = format!("{}\n{BAD}\n{calls}", BROKEN.replace("@f", "@first"));
    fs::write(folder.join("both.pir"), text).unwrap();
    let Output { code, err, .. } = pullback(&folder, &["check", "both.pir"], "");
    assert_eq!(code, 1);
    let places: Vec<&str> = err.lines().filter_map(|line| line.split_once("both.pir:")?.1.split(' ').next()).collect();
    assert_eq!(places[..4], ["2:3", "3:3", "8:8", "9:16"], "{err}");
    assert!(err.contains("in @first") && !err.contains("in @g"), "{err}");
    assert!(err.ends_with("both.pir: 4 mistakes; functions that cannot be read are not verified yet\n"), "{err}");
}

#[test]
fn check_says_when_it_stopped_reading() {
    let folder = folder("check_cap");
    let text = format!("func @f(%x: f32) {{\n{}  return\n}}\n", "  %y = sinn %x : f32\n".repeat(200));
    fs::write(folder.join("many.pir"), text).unwrap();
    fails(&folder, &["check", "many.pir"], 1, &["many.pir: 50 mistakes; reading stopped there"]);
}

#[test]
fn files_that_cannot_be_read_are_said_so() {
    let folder = folder("files");
    fs::write(folder.join("latin1.pir"), b"; \xe9").unwrap();
    for command in ["check", "run", "grad", "dump"] {
        fails(&folder, &[command, "missing.pir"], 1, &["cannot read missing.pir"]);
        fails(&folder, &[command, "."], 1, &["cannot read ."]);
        fails(&folder, &[command, "latin1.pir"], 1, &["latin1.pir is not text in UTF-8: byte 2"]);
    }
    for command in ["run", "grad", "dump"] {
        fails(&folder, &[command, "bad.pir"], 1, &["bad.pir:2:8"]);
        fails(&folder, &[command, "broken.pir"], 1, &["broken.pir:2:3"]);
    }
}

#[test]
fn the_standard_input_is_a_file() {
    let folder = folder("stdin");
    assert_eq!(pullback(&folder, &["check", "-"], LOSS).out, "<stdin>: 1 function, 3 instructions, no mistakes\n");
    let Output { code, err, .. } = pullback(&folder, &["check", "-"], BAD);
    assert!(code == 1 && err.contains("<stdin>:2:8"), "{err}");
    let derivative = succeeds(&folder, &["grad", "loss.pir", "--wrt", "w"]);
    let run = pullback(&folder, &["run", "-", "--input", "x=1", "--input", "w=[1,2]", "--input", "k=0"], &derivative);
    assert_eq!(run.out, "%w_ct: f64[2] = [12.0, 12.0]\n", "{}", run.err);
    assert_eq!(pullback(&folder, &["check", "-"], "").out, "<stdin>: 0 functions, 0 instructions, no mistakes\n");
    let Output { code, err, .. } = pullback(&folder, &["run", "-"], "");
    assert!(code == 1 && err.contains("the file has no function"), "{err}");
}

#[test]
fn run_prints_results_compiled_and_interpreted() {
    let folder = folder("run");
    let inputs = ["run", "loss.pir", "--input", "x=[[1,2],[3,4]]", "-i", "%w=[1,-1]", "-i", "k=0"];
    assert_eq!(succeeds(&folder, &inputs), "%s: f64 = 2.0\n");
    assert_eq!(succeeds(&folder, &[&inputs[..], &["--interpret"]].concat()), "%s: f64 = 2.0\n");
    let out = succeeds(&folder, &["run", "two.pir", "--function", "@b", "-i", "0=7", "-i", "p=true", "--json"]);
    assert_eq!(
        out,
        "{\"function\":\"b\",\"results\":[{\"data\":7,\"dtype\":\"u8\",\"name\":\"0\",\"shape\":[]},\
         {\"data\":true,\"dtype\":\"bool\",\"name\":\"p\",\"shape\":[]},\
         {\"data\":7,\"dtype\":\"u8\",\"name\":\"0\",\"shape\":[]}]}\n"
    );
}

#[test]
fn every_nan_is_printed_as_nan() {
    let folder = folder("nan");
    let text = "func @f(%x: f64[3]) -> (f64[3], f32) {
  %q = div %x, %x : f64[3]
  %n = constant nan:0xffc00001 : f32
  return %q, %n
}
";
    fs::write(folder.join("f.pir"), text).unwrap();
    for by in [&[][..], &["--interpret"]] {
        let out = succeeds(&folder, &[&["run", "f.pir", "-i", "x=[0,-0.0,inf]"], by].concat());
        assert_eq!(out, "%q: f64[3] = [nan, nan, nan]\n%n: f32 = nan\n");
    }
}

#[test]
fn random_inputs_depend_on_the_seed_alone() {
    let folder = folder("random");
    let run = |args: &[&str]| succeeds(&folder, &[&["run", "two.pir", "-f", "a"][..], args].concat());
    assert_eq!(run(&["--random", "1"]), run(&["--random", "1"]));
    assert_ne!(run(&["--random", "1"]), run(&["--random", "2"]));
    assert_eq!(run(&["--random", "1"]), run(&["--random", "1", "--interpret"]));
    assert_eq!(run(&["--random", "1", "-i", "x=0.5"]), "%y: f32[3] = [-0.5, -0.5, -0.5]\n");
}

#[test]
fn results_are_written_to_files_that_are_inputs_again() {
    let folder = folder("output");
    let out = succeeds(&folder, &["run", "two.pir", "-f", "a", "-i", "x=[1,2,3]", "--output", "results/a"]);
    assert_eq!(out, "%y: f32[3] = [-1.0, -2.0, -3.0]\n");
    let out = succeeds(&folder, &["run", "two.pir", "-f", "a", "-i", "x=results/a/y.npy"]);
    assert_eq!(out, "%y: f32[3] = [1.0, 2.0, 3.0]\n");
    succeeds(&folder, &["run", "two.pir", "-f", "b", "-i", "0=7", "-i", "p=false", "--output", "b"]);
    assert!(folder.join("b/0.npy").exists() && folder.join("b/p.npy").exists() && folder.join("b/0-1.npy").exists());
    fails(&folder, &["run", "two.pir", "-f", "a", "--random", "1", "-o", "loss.pir"], 1, &["cannot write loss.pir"]);
}

#[test]
fn wrong_inputs_are_refused_in_words() {
    let folder = folder("inputs");
    succeeds(&folder, &["run", "two.pir", "-f", "a", "-i", "x=[1,2,3]", "--output", "."]);
    fs::write(folder.join("text.npy"), "hello").unwrap();
    let run =
        |args: &[&str], code: i32, parts: &[&str]| fails(&folder, &[&["run", "loss.pir"], args].concat(), code, parts);
    run(&[], 2, &["inputs of @loss are missing", "%x: f64[2,2]", "%w: f64[2]", "%k: i32"]);
    run(&["-i", "x=1"], 2, &["missing", "%w: f64[2]"]);
    run(&["-i", "q=1"], 2, &["@loss has no parameter %q", "%x: f64[2,2]"]);
    run(&["-i", "x"], 2, &["expected NAME=FILE.npy"]);
    run(&["-i", "x=1", "-i", "x=2"], 2, &["%x is given twice"]);
    run(&["-i", "x="], 2, &["there is no value behind the `=`"]);
    run(&["-i", "x=MISSING.NPY", "--random", "1"], 1, &["input %x: MISSING.NPY:"]);
    run(&["-i", "x=two.pir", "--random", "1"], 1, &["only .npy files can be read"]);
    run(&["-i", "x=missing.npy", "--random", "1"], 1, &["input %x: missing.npy:"]);
    run(&["-i", "x=text.npy", "--random", "1"], 1, &["input %x: text.npy: not a .npy file"]);
    run(&["-i", "w=y.npy", "--random", "1"], 1, &["it has dtype f32 and shape [3], expected f64 and [2]"]);
    run(&["-i", "w=[1,2,3]", "--random", "1"], 1, &["neither a file .npy nor a literal of type f64[2]", "shape [3]"]);
    run(&["-i", "k=1.5", "--random", "1"], 1, &["expected an i32"]);
    run(&["--function", "g", "--random", "1"], 2, &["there is no function @g", "@loss"]);
    fails(&folder, &["run", "two.pir", "--random", "1"], 2, &["choose one with --function", "@a, @b"]);
    let many: String = (0..100).map(|number| format!("func @f{number}() {{\n  return\n}}\n")).collect();
    fs::write(folder.join("many.pir"), many).unwrap();
    fails(&folder, &["run", "many.pir", "-f", "nope"], 2, &["no function @nope", "@f19 and 80 more"]);
}

#[test]
fn huge_tensors_are_an_error_and_no_crash() {
    let folder = folder("huge");
    let huge = "func @f(%x: f32[1048576,1048576]) -> f32 {
  %s = reduce add %x, axes=[0,1] : f32
  return %s
}

func @g() -> f32[1048576,1048576] {
  %c = constant 1.0 : f32[1048576,1048576]
  %e = exp %c : f32[1048576,1048576]
  return %e
}
";
    fs::write(folder.join("huge.pir"), huge).unwrap();
    fails(&folder, &["run", "huge.pir", "-f", "f", "--random", "1"], 1, &["inputs of @f have 4398046511104 bytes"]);
    fails(&folder, &["run", "huge.pir", "-f", "f", "-i", "x=1"], 1, &["at most"]);
    fails(&folder, &["run", "huge.pir", "-f", "g", "--interpret"], 1, &["4398046511104 bytes"]);
    fails(&folder, &["run", "huge.pir", "-f", "g"], 1, &["error:"]);
}

#[test]
fn dump_prints_every_stage_of_primal_and_gradient() {
    let folder = folder("dump");
    for stage in pullback::Stage::ALL {
        for wrt in [&[][..], &["--wrt", "w"]] {
            let text = succeeds(&folder, &[&["dump", "loss.pir", "--stage", stage.name()], wrt].concat());
            assert!(text.lines().count() > 4 && text.ends_with('\n'), "{}: {text}", stage.name());
            if stage <= pullback::Stage::Loops {
                // What has a parser feeds back in.
                assert_eq!(pullback(&folder, &["check", "-"], &text).code, 0, "{text}");
            }
        }
    }
    assert_eq!(succeeds(&folder, &["dump", "loss.pir", "--stage", "tensor"]), LOSS);
    assert!(succeeds(&folder, &["dump", "loss.pir", "--stage", "adjoint"]).contains("@loss_value_and_grad"));
    assert!(succeeds(&folder, &["dump", "loss.pir", "--stage", "loops", "--wrt", "w"]).contains("%w_ct"));
    succeeds(&folder, &["dump", "loss.pir", "--stage", "memory", "-o", "arena.svg"]);
    assert!(fs::read_to_string(folder.join("arena.svg")).unwrap().starts_with("<svg "));
    let with_budget = ["dump", "loss.pir", "--stage", "memory", "--wrt", "w", "--memory-budget"];
    let text = succeeds(&folder, &[&with_budget[..], &["2MiB"]].concat());
    assert!(text.contains("2097152  budget of arena and workers"), "{text}");
    fails(&folder, &[&with_budget[..], &["1"]].concat(), 1, &["the budget is 1;", "bytes too much"]);
}

#[test]
fn dump_stops_before_and_behind_any_pass() {
    let folder = folder("dump_passes");
    let text = "func @f(%x: f64) -> f64 {
  %a = exp %x : f64
  %b = exp %x : f64
  %unused = log %x : f64
  %c = add %a, %b : f64
  return %c
}
";
    fs::write(folder.join("f.pir"), text).unwrap();
    let dump = |side: &str, pass: &str| succeeds(&folder, &["dump", "f.pir", side, pass]);
    for pass in pipeline::ALL {
        dump("--after", pass.name);
        dump("--before", pass.name);
    }
    let cse = "eliminate_common_subexpressions";
    assert_eq!(dump("--before", cse).matches(" = exp").count(), 2);
    assert_eq!(dump("--after", cse).matches(" = exp").count(), 1);
    assert!(dump("--before", "eliminate_dead_code").contains("%unused"));
    assert!(!dump("--after", "eliminate_dead_code").contains("%unused"));
    fails(&folder, &["dump", "f.pir", "--after", "nothing"], 2, &["there is no pass `nothing`", cse]);
    fails(&folder, &["dump", "f.pir", "--after", cse, "--stage", "tensor"], 2, &["from `optimized` on"]);
}

#[test]
fn timings_go_to_the_standard_error() {
    let folder = folder("timings");
    let Output { code, out, err } = pullback(&folder, &["dump", "loss.pir", "--timings", "--wrt", "w"], "");
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("func @loss_value_and_grad") && !out.contains("total"), "{out}");
    for step in ["parse and verify", "differentiate", "fold_constants", "lower", "generate", "total", "ms"] {
        assert!(err.contains(step), "{step} is not in\n{err}");
    }
}

#[test]
fn timings_tell_which_kernels_do_the_same() {
    let folder = folder("same");
    let chain = "func @chain(%x: f32[40,40], %w: f32[40,40]) -> f32[40,40] {
  %a = dot %x, %w, contract=[1]x[0] : f32[40,40]
  %b = dot %a, %w, contract=[1]x[0] : f32[40,40]
  %c = dot %b, %w, contract=[1]x[0] : f32[40,40]
  return %c
}
";
    fs::write(folder.join("chain.pir"), chain).unwrap();
    let Output { code, err, .. } = pullback(&folder, &["dump", "chain.pir", "--timings"], "");
    assert_eq!(code, 0, "{err}");
    let same: Vec<&str> = err.lines().map(str::trim).filter(|line| line.ends_with(" as a")).collect();
    assert!(matches!(same[..], [b, c] if b.starts_with("b ") && c.starts_with("c ")), "{err}");
}

#[test]
fn text_tests_pass_fail_and_are_blessed_on_demand() {
    let folder = folder("tests");
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
    fs::create_dir(folder.join("t")).unwrap();
    write("t/good.pir", "; test interpret\nfunc @f(%x: i32) -> i32 {\n  return %x\n}\n; input: %x = 1\n; expect: 1\n");
    assert_eq!(succeeds(&folder, &["test", "t"]), "1 passed, 0 failed\n");
    write("t/bad.pir", "; test interpret\nfunc @f(%x: i32) -> i32 {\n  return %x\n}\n; input: %x = 1\n; expect: 2\n");
    let Output { code, out, .. } = pullback(&folder, &["test", "t"], "");
    assert_eq!(code, 1);
    assert!(out.contains("FAILED t/bad.pir") && out.contains("element 0 is 1, expected 2"), "{out}");
    assert!(out.ends_with("1 passed, 1 failed\n"), "{out}");
    let snapshot = "; test print\nfunc @f() {return}\n; output:\n; nothing\n";
    write("t/bad.pir", snapshot);
    assert_eq!(pullback(&folder, &["test", "t/bad.pir"], "").code, 1);
    assert_eq!(fs::read_to_string(folder.join("t/bad.pir")).unwrap(), snapshot);
    assert_eq!(succeeds(&folder, &["test", "t/bad.pir", "--bless"]), "1 passed, 0 failed\n");
    assert_eq!(succeeds(&folder, &["test", "t/bad.pir"]), "1 passed, 0 failed\n");
    assert!(
        fs::read_to_string(folder.join("t/bad.pir")).unwrap().ends_with("; output:\n; func @f() {\n;   return\n; }\n")
    );
    fails(&folder, &["test", "nowhere"], 2, &["nowhere: no such file"]);
    fs::create_dir(folder.join("empty")).unwrap();
    fails(&folder, &["test", "empty"], 2, &["there are no tests"]);
}

/// Each of these tests is wrong in a way that must not pass unseen.
#[test]
fn a_text_test_that_expects_too_little_or_too_much_fails() {
    let folder = folder("strict");
    let program = "func @f(%x: f32) -> f32 {\n  %y = neg %x : f32\n  return %y\n}\n";
    for (name, head, tail) in [
        ("misspelt", "; test grad", "; chek: neg"),
        ("unknown_kind", "; test nothing", ""),
        ("unknown_option", "; test grad wtr=x", ""),
        ("no_head", "func @g() {\n  return\n}", ""),
        ("absent", "; test grad", "; check: tanh"),
        ("present", "; test grad", "; check-not: constant"),
        ("count", "; test grad", "; count: 2 constant"),
        ("expected_error", "; test verify", "; error: anything"),
        ("nothing_expected", "; test interpret", ""),
        ("missing_input", "; test interpret", "; expect: 1"),
        ("wrong_input", "; test interpret", "; input: %z = 1\n; expect: 1"),
        ("too_many_results", "; test interpret", "; input: %x = 1\n; expect: -1\n; expect: -1"),
        ("wrong_literal", "; test interpret", "; input: %x = 1\n; expect: true"),
        ("wrong_sign_of_zero", "; test interpret", "; input: %x = 0\n; expect: 0"),
        ("computes_nothing", "; test print", "; input: %x = 0\n; expect: 0"),
        ("wrong_pass", "; test optimize pass=nothing", "; count: 1 neg"),
    ] {
        let file = format!("{name}.pir");
        fs::write(folder.join(&file), format!("{head}\n{program}{tail}\n")).unwrap();
        let Output { code, out, err } = pullback(&folder, &["test", &file], "");
        assert_eq!(code, 1, "{name}: {out}{err}");
        assert!(out.contains("FAILED"), "{name}: {out}");
        assert!(!out.contains("--help"), "the mistake is not on the command line: {out}");
    }
    fs::write(folder.join("right.pir"), format!("; test interpret\n{program}; input: %x = 0\n; expect: -0.0\n"))
        .unwrap();
    succeeds(&folder, &["test", "right.pir"]);
}
