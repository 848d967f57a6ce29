//! `pullback explain` and `pullback gradcheck` as a user calls them, on the shipped examples and on programs that are not so kind.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;

struct Output {
    code: i32,
    out: String,
    err: String,
}

/// Runs the command where the examples are.
fn pullback(args: &[&str]) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_pullback"))
        .current_dir(root)
        .env_remove("NO_COLOR")
        .args(args)
        .output()
        .unwrap();
    Output {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

#[track_caller]
fn succeeds(args: &[&str]) -> String {
    let Output { code, out, err } = pullback(args);
    assert_eq!((code, err.as_str()), (0, ""), "{args:?}\n{out}\n{err}");
    out
}

#[track_caller]
fn fails(args: &[&str], expected: i32, part: &str) {
    let Output { code, out, err } = pullback(args);
    assert_eq!(code, expected, "{args:?}\n{out}\n{err}");
    assert!(out.is_empty() && err.contains(part) && !err.contains("panicked"), "{args:?}: `{part}` is not in\n{err}");
}

#[track_caller]
fn contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
}

/// A file of this test's own.
fn file(name: &str, text: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("explain");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().into()
}

const PHI: &[&str] = &["examples/explain/phi.pir", "--input", "a=2", "--input", "w1=3", "--input", "b1=1"];
const TWO_LAYER: &[&str] = &["examples/explain/two_layer.pir", "--input", "@examples/explain/two_layer.inputs"];

fn with<'a>(command: &'a str, args: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [&[command], args, more].concat()
}

#[test]
fn the_square_of_a_neuron_is_differentiated_by_hand() {
    // phi = (2 · 3 + 1)² = 49; d phi / ds = 2 · 7, and from there by a: w1 = 3, by w1: a = 2, by b1: 1.
    let text = succeeds(&with("explain", PHI, &[]));
    contains(
        &text,
        &[
            "1 z = a × w1 = 6\n",
            "2 s = z + b1 = 7\n",
            "3 phi = s × s = 49\n",
            "∂phi/∂s = 7 + 7 = 14\n",
            "downstream  ∂phi/∂a = 14 × 3 = 42\n",
            "downstream  ∂phi/∂w1 = 14 × 2 = 28\n",
            "local       ∂s/∂b1 = 1\n",
            "bit for bit",
        ],
    );
    // Backward order: the last instruction first.
    let at = |part: &str| text.rfind(part).unwrap();
    assert!(at("%phi = mul") < at("%s = add") && at("%s = add") < at("%z = mul"), "{text}");
}

#[test]
fn only_the_way_to_the_parameters_named_is_walked() {
    let text = succeeds(&with("explain", PHI, &["--wrt", "b1"]));
    contains(&text, &["* b1 = 1", "    a = 2", "∂phi/∂b1 = 14"]);
    assert!(!text.contains("∂phi/∂z") && !text.contains("∂phi/∂a"), "{text}");
}

#[test]
fn the_jacobians_of_two_layers_are_written_out_and_the_rules_beside_them() {
    let text = succeeds(&with("explain", TWO_LAYER, &["--wrt", "W1,b1,W2,b2"]));
    contains(
        &text,
        &[
            // ∂A[i,j]/∂W1[k,l] is X[i,k] where j = l: the first row is X[0,0], X[0,1] at l = 0.
            "⎡  1.0     0     0  0.5    0    0 ⎤",
            "local       ∂A/∂W1 [2×3 | 2×3]",
            "rule        Xᵀ G",
            "rule        G W2ᵀ",
            "rule        G ⊙ (1 − H²)   (diagonal: stored as a vector)",
            "rule        Σ G over axis 0",
            "bit for bit",
        ],
    );
}

#[test]
fn above_the_limit_stands_what_a_jacobian_would_cost() {
    let text = succeeds(&with("explain", TWO_LAYER, &["--wrt", "W1", "--limit", "16"]));
    contains(&text, &["∂A/∂W1 [2×3 | 2×3] is not written out: 36 elements, 288 bytes", "rule        Xᵀ G"]);
    let large = file(
        "large.pir",
        "func @f(%X: f32[100,80], %W: f32[80,60]) -> f32 {
  %Y = dot %X, %W, contract=[1]x[0] : f32[100,60]
  %s = reduce add %Y, axes=[0,1] : f32
  return %s
}
",
    );
    let text = succeeds(&["explain", &large, "--wrt", "X,W", "--random", "1"]);
    // 100 · 60 · 80 · 60 elements, which nothing ever allocates.
    contains(&text, &["28\u{202f}800\u{202f}000 elements, 115.2 MB", "rule        G Wᵀ", "rule        Xᵀ G", "…"]);
}

#[test]
fn the_page_is_whole_and_needs_nothing_else() {
    let page = file("two_layer.html", "");
    assert_eq!(succeeds(&with("explain", TWO_LAYER, &["-o", &page])), "");
    let html = fs::read_to_string(&page).unwrap();
    contains(
        &html,
        &[
            "<!DOCTYPE html>",
            "<svg viewBox=",
            "prefers-color-scheme: dark",
            "@media print",
            "X<sup>T</sup> G",
            "</html>",
        ],
    );
    for outside in ["http:", "https:", "src=", "<script", "<link", "url(//", "{{", "NaN"] {
        assert!(!html.contains(outside), "{outside}");
    }
    assert_eq!(html, succeeds(&with("explain", TWO_LAYER, &["--format", "html"])), "two runs give the same bytes");
    check_tags(&html);
}

/// Every element that is opened is closed, in order.
fn check_tags(html: &str) {
    let mut open: Vec<&str> = Vec::new();
    let body = html.split_once("</style>").unwrap().1;
    for tag in body.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').unwrap_or_else(|| panic!("{tag}"));
        if let Some(name) = tag.strip_prefix('/') {
            let last = open.pop();
            // The style and the head were opened before.
            assert!(last == Some(name) || last.is_none(), "{last:?} is closed by {name}");
        } else if !tag.ends_with('/') {
            open.push(tag.split_whitespace().next().unwrap());
        }
    }
    assert_eq!(open, [""; 0]);
}

#[test]
fn operations_of_every_kind_are_explained() {
    let program = file(
        "ops.pir",
        "func @g(%a: f64[2,3], %b: f32[2,3]) -> f64[2,3] {
  %c = convert %b : f64[2,3]
  %d = atan2 %a, %c : f64[2,3]
  return %d
}
func @f(%x: f64[2,3], %y: f32[2,3], %n: i32[2]) -> f64 {
  %t = transpose %x, perm=[1,0] : f64[3,2]
  %r = reshape %t : f64[6]
  %s = slice %r, start=[1], limit=[6], stride=[2] : f64[3]
  %v = reverse %s, axes=[0] : f64[3]
  %one = constant 1.5 : f64
  %p = pad %v, %one, low=[1], high=[2] : f64[6]
  %back = reshape %p : f64[2,3]
  %d = call @g %back, %y : f64[2,3]
  %fl = floor %x : f64[2,3]
  %e = erf %x : f64[2,3]
  %low = min %d, %e : f64[2,3]
  %pred = compare lt %low, %fl : bool[2,3]
  %sel = select %pred, %fl, %low : f64[2,3]
  %cat = concatenate %sel, %d, axis=0 : f64[4,3]
  %hi = reduce max %cat, axes=[1] : f64[4]
  %pos = exp %hi : f64[4]
  %mul = reduce mul %pos, axes=[0] : f64
  return %mul
}
",
    );
    for (format, part) in [("text", "bit for bit"), ("html", "bit for bit")] {
        let text = succeeds(&["explain", &program, "-f", "f", "--random", "3", "--limit", "4", "--format", format]);
        contains(&text, &[part]);
    }
    let text = succeeds(&["explain", &program, "-f", "f", "--random", "3"]);
    contains(&text, &["floor", "zero wherever it exists", "G ⊙ ∂d/∂c", "∂hi/∂cat [4 | 4×3]", "f32(G)"]);
}

/// Several results, regions, and operations that `explain` has no words for.
const STRUCTURED: &str = "func @f(%w: f32[3,3], %x: f32[4,3]) -> f32 {
  %h0 = constant 0.25 : f32[3]
  %n0 = constant 0 : i32
  %h, %n, %ys = scan %w, %h0, %n0, %x, length=4, consts=1, carry=2 : f32[3], i32, f32[4]
    body(%w1: f32[3,3], %h1: f32[3], %n1: i32, %x1: f32[3]) {
      %a = dot %w1, %h1, contract=[1]x[0] : f32[3]
      %b = add %a, %x1 : f32[3]
      %t = tanh %b : f32[3]
      %half = constant 0.5 : f32
      %y0 = reduce add %t, axes=[0] : f32
      %y = mul %y0, %half : f32
      %one = constant 1 : i32
      %n2 = add %n1, %one : i32
      yield %t, %n2, %y
    }
  %c = cumulative add %ys, axis=0 : f32[4]
  %top, %at = top_k %c, k=2 : f32[2], i32[2]
  %p = reduce add %top, axes=[0] : f32
  %q = reduce add %h, axes=[0] : f32
  %z = mul %p, %q : f32
  return %z
}
";

#[test]
fn loops_and_instructions_of_several_results_are_edges_like_others() {
    let program = file("structured.pir", STRUCTURED);
    let text = succeeds(&["explain", &program, "--random", "4"]);
    contains(
        &text,
        &["x → h\n", "x → ys\n", "w → ys\n", "the transposed linear map of scan, applied to G", "2 edges meet at x"],
    );
    assert!(!text.contains("∂z/∂n"), "{text}");
    check_tags(&succeeds(&["explain", &program, "--random", "4", "--format", "html"]));
    contains(&succeeds(&["gradcheck", &program, "--random", "4", "--second-order"]), &["in f64", "4 of 4 pass"]);
}

#[test]
fn a_custom_derivative_is_checked_and_explained_by_its_rule() {
    let rule = |factor: &str| {
        format!(
            "func @f(%x: f64) -> f64 {{
  %y = custom_derivative %x, rule=vjp : f64
    primal(%a: f64) {{
      %s = mul %a, %a : f64
      yield %s
    }}
    vjp(%a1: f64, %y1: f64, %ct: f64) {{
      %k = constant {factor} : f64
      %d = mul %k, %a1 : f64
      %g = mul %d, %ct : f64
      yield %g
    }}
  return %y
}}
"
        )
    };
    let (right, wrong) = (file("right.pir", &rule("2.0")), file("wrong.pir", &rule("3.0")));
    contains(&succeeds(&["gradcheck", &right, "--input", "x=1.5"]), &["1 of 1 pass"]);
    let Output { code, out, .. } = pullback(&["gradcheck", &wrong, "--input", "x=1.5"]);
    assert_eq!(code, 1, "{out}");
    contains(&out, &["FAIL"]);
    // What is explained is what the compiler does, and that is the rule.
    contains(
        &succeeds(&["explain", &wrong, "--input", "x=1.5"]),
        &["local       ∂y/∂x = 4.5", "∂y/∂x = 1 × 4.5 = 4.5"],
    );
}

#[test]
fn names_and_numbers_cannot_break_out_of_the_page() {
    // Names are identifiers, so literals and NaN are what a program can bring.
    let program = file(
        "nan.pir",
        "func @f(%x: f64[2]) -> f64 {
  %k = constant [nan, -inf] : f64[2]
  %y = mul %x, %k : f64[2]
  %s = reduce add %y, axes=[0] : f64
  return %s
}
",
    );
    let page = succeeds(&["explain", &program, "--input", "x=[0,1]", "--format", "html"]);
    contains(&page, &["nan", "−∞", "-&gt; f64"]);
    check_tags(&page);
}

#[test]
fn a_result_that_is_no_scalar_takes_a_cotangent() {
    let program = file(
        "vector.pir",
        "func @f(%x: f64[2]) -> f64[2] {
  %y = mul %x, %x : f64[2]
  return %y
}
",
    );
    let args = ["explain", &program, "--input", "x=[3,5]"];
    fails(&args, 1, "must be a scalar, or a cotangent");
    let text = succeeds(&[&args[..], &["--cotangent", "[1,10]"]].concat());
    contains(&text, &["∂y/∂x = [6  100]"]);
    fails(&[&args[..], &["--cotangent", "[1,2,3]"]].concat(), 2, "--cotangent");
}

#[test]
fn what_cannot_be_explained_is_said() {
    let integer = file("integer.pir", "func @f(%x: f64, %k: i32) -> i32 {\n  return %k\n}\n");
    fails(&["explain", &integer, "--wrt", "x", "--random", "1"], 1, "only f32 and f64 have derivatives");
    fails(&["explain", &integer, "--wrt", "k", "--random", "1"], 1, "has no derivative");
    fails(&with("explain", PHI, &["--wrt", "nothing"]), 2, "no parameter %nothing");
    fails(&with("explain", PHI, &["--limit", "99999999999"]), 1, "at most 1048576");
    fails(&["explain", "examples/explain/phi.pir", "--input", "@nowhere"], 1, "cannot read nowhere");
    fails(&["explain", "examples/explain/phi.pir"], 2, "are missing");
    let constant = file("constant.pir", "func @f(%x: f64) -> f64 {\n  %c = constant 2.0 : f64\n  return %c\n}\n");
    contains(&succeeds(&["explain", &constant, "--input", "x=1"]), &["∂c/∂x = 0"]);
    let identity = file("identity.pir", "func @f(%x: f64) -> f64 {\n  return %x\n}\n");
    contains(&succeeds(&["explain", &identity, "--input", "x=1"]), &["∂x/∂x = 1"]);
}

#[test]
fn both_commands_have_help_with_examples() {
    for command in ["explain", "gradcheck"] {
        contains(&succeeds(&[command, "--help"]), &["Examples:", &format!("pullback {command}")]);
    }
    contains(&succeeds(&["--help"]), &["explain", "gradcheck"]);
}

#[test]
fn the_examples_pass_the_gradient_check_to_second_order() {
    let text = succeeds(&with("gradcheck", TWO_LAYER, &["--second-order"]));
    contains(&text, &["%W1", "12 of 12 pass"]);
    contains(&succeeds(&with("gradcheck", PHI, &["--directions", "1"])), &["1 direction ", "3 of 3 pass"]);
}

const GIVEN: &str = "func @f(%x: f32[2]) -> f32 {
  %q = mul %x, %x : f32[2]
  %s = reduce add %q, axes=[0] : f32
  return %s
}
func @right(%x: f32[2]) -> f32[2] {
  %two = constant 2.0 : f32[2]
  %d = mul %two, %x : f32[2]
  return %d
}
func @wrong(%x: f32[2]) -> f32[2] {
  return %x
}
";

#[test]
fn a_wrong_derivative_has_exit_code_1_and_a_right_one_0() {
    let program = file("given.pir", GIVEN);
    let args = ["gradcheck", &program, "--function", "f", "--input", "x=[1,-2]", "--derivative"];
    contains(
        &succeeds(&[&args[..], &["right"]].concat()),
        &["@right as the derivative of @f", "in f64 in the place of f32"],
    );
    let Output { code, out, err } = pullback(&[&args[..], &["wrong"]].concat());
    assert_eq!((code, err.as_str()), (1, ""), "{out}");
    contains(&out, &["FAIL", "most off at element [1]: claimed -2.000000, differences give -4.000000", "0 of 1 pass"]);
    let Output { code, out, .. } = pullback(&[&args[..], &["wrong", "--json"]].concat());
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &report["passed"], &report["arguments"][0]["verdict"]), (1, &false.into(), &"fail".into()));
    fails(&[&args[..], &["nothing"]].concat(), 2, "there is no function @nothing");
    fails(&[&args[..], &["f"]].concat(), 1, "@f is not a derivative of @f");
    fails(&[&args[..], &["right", "--second-order"]].concat(), 2, "cannot be used with");
}

#[test]
fn a_kink_is_a_failure_with_a_hint() {
    let program = file(
        "kink.pir",
        "func @f(%x: f64[2]) -> f64 {
  %low = constant 0.0 : f64[2]
  %high = constant 1.0 : f64[2]
  %y = clamp %low, %x, %high : f64[2]
  %s = reduce add %y, axes=[0] : f64
  return %s
}
",
    );
    let Output { code, out, .. } = pullback(&["gradcheck", &program, "--input", "x=[0,0.5]"]);
    assert_eq!(code, 1, "{out}");
    contains(&out, &["FAIL", "a kink"]);
    succeeds(&["gradcheck", &program, "--input", "x=[0.25,0.5]"]);
    fails(&["gradcheck", &program, "--input", "x=[0,0.5]", "--tolerance", "2"], 1, "between 0 and 1");
    fails(&["gradcheck", &program, "--input", "x=[0,0.5]", "--directions", "0"], 1, "at least 1");
}
