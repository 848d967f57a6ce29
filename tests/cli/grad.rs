//! `pullback grad`, in joint and in split form.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use pullback_ir::{Function, parse_module};
use serde_json::Value;

use super::{Output, fails, folder, pullback, succeeds};

#[test]
fn grad_prints_a_program_that_checks() {
    let folder = folder("grad");
    let text = succeeds(&folder, &["grad", "loss.pir", "--wrt", "w"]);
    assert!(text.starts_with("func @loss_grad(%x: f64[2,2], %w: f64[2], %k: i32) -> f64[2] {"), "{text}");
    assert!(text.contains("%w_ct = "), "{text}");
    for args in [
        &["--wrt", "x,w"][..],
        &["--wrt", "%w", "--value"],
        &["--mode", "forward"],
        &["--mode", "vjp", "--wrt", "w,x"],
        &["--optimize", "--provenance"],
    ] {
        let text = succeeds(&folder, &[&["grad", "loss.pir"], args].concat());
        let check = pullback(&folder, &["check", "-"], &text);
        assert_eq!(check.code, 0, "{args:?}\n{text}\n{}", check.err);
    }
    assert_eq!(succeeds(&folder, &["grad", "loss.pir", "--wrt", "w", "-o", "out.pir"]), "");
    assert_eq!(fs::read_to_string(folder.join("out.pir")).unwrap(), text);
    let provenance = succeeds(&folder, &["grad", "loss.pir", "--wrt", "w", "--provenance"]);
    assert!(provenance.contains("at \"loss.pir\":2:3 from \"y\" by \"transpose of dot\""), "{provenance}");
}

#[test]
fn what_cannot_be_differentiated_is_shown_in_the_file() {
    let folder = folder("grad_errors");
    fails(
        &folder,
        &["grad", "loss.pir", "--wrt", "k"],
        1,
        &["parameter %k of type i32 has no derivative", "loss.pir:1:6"],
    );
    fails(&folder, &["grad", "loss.pir", "--wrt", "q"], 2, &["@loss has no parameter %q", "%w: f64[2]"]);
    fails(&folder, &["grad", "loss.pir", "--wrt", "w,"], 2, &["--wrt has an empty name"]);
    fails(&folder, &["grad", "loss.pir", "--wrt", "w,w"], 1, &["named twice"]);
    fails(&folder, &["grad", "two.pir", "-f", "a"], 1, &["needs a scalar", "found f32[3]", "two.pir:1:6"]);
    fails(&folder, &["grad", "two.pir", "-f", "b"], 1, &["no f32 or f64 parameter"]);
    fails(&folder, &["grad", "loss.pir", "-o", "no/such/folder.pir"], 1, &["cannot write no/such/folder.pir"]);
}

/// A function that is hard to split: an integer that nothing is a derivative by, values without a name, names that
/// differentiation would give, several results, control flow, recomputation and a call.
const HARD: &str = "func @f(%x: f64[3], %residual: f64[3], %k: i32, %s: f64) -> (f64, f64[3], i32) {
  %0 = tanh %x : f64[3]
  %y_ct = mul %0, %residual : f64[3]
  %h, %hs = scan %residual, %s, %y_ct, length=3, consts=1, carry=1 : f64, f64[3]
    body(%w: f64[3], %c: f64, %e: f64) {
      %n = reduce add %w, axes=[0] : f64
      %m = mul %c, %n : f64
      %p = add %m, %e : f64
      %q = sin %p : f64
      yield %q, %m
    }
  %y = checkpoint %hs : f64[3]
    body(%a: f64[3]) {
      %b = exp %a : f64[3]
      %d = mul %b, %b : f64[3]
      yield %d
    }
  %loss = call @norm %y, %h : f64
  return %loss, %y_ct, %k
}

func @norm(%v: f64[3], %w: f64) -> f64 {
  %d = dot %v, %v, contract=[0]x[0] : f64
  %1 = mul %d, %w : f64
  %2 = mul %1, %1 : f64
  return %2
}
";

/// The numbers of each result.
fn numbers(folder: &PathBuf, args: &[&str]) -> Vec<Vec<f64>> {
    fn flatten(value: &Value, numbers: &mut Vec<f64>) {
        match value.as_array() {
            Some(list) => list.iter().for_each(|value| flatten(value, numbers)),
            None => numbers.push(value.as_f64().unwrap()),
        }
    }
    let out: Value = serde_json::from_str(&succeeds(folder, &[args, &["--json"]].concat())).unwrap();
    let results = out["results"].as_array().unwrap().iter().map(|result| {
        let mut numbers = Vec::new();
        flatten(&result["data"], &mut numbers);
        numbers
    });
    results.collect()
}

#[track_caller]
fn assert_close(found: &[Vec<f64>], expected: &[Vec<f64>], about: &dyn std::fmt::Debug) {
    assert_eq!(found.len(), expected.len(), "{about:?}");
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found.len(), expected.len(), "{about:?}");
        let close = |(x, y): (&f64, &f64)| (x - y).abs() <= 1e-12 * y.abs().max(1.0);
        assert!(found.iter().zip(expected).all(close), "{about:?}: {found:?}, expected {expected:?}");
    }
}

fn param_names(function: &Function) -> Vec<String> {
    function.params().iter().map(|&param| function.value_name(param).unwrap().to_string()).collect()
}

/// Runs both programs of `split.pir`, the second on residuals that the first wrote and on `seeds`: the results of
/// `@f`, and those of the second.
fn run_split(folder: &PathBuf, [first, second]: [&str; 2], seeds: &[&str], by: &[&str]) -> [Vec<Vec<f64>>; 2] {
    let module = parse_module(&fs::read_to_string(folder.join("split.pir")).unwrap()).unwrap();
    let _ = fs::remove_dir_all(folder.join("values"));
    let args = ["run", "split.pir", "--function", first, "--random", "7", "--output", "values"];
    let mut results = numbers(folder, &[&args, by].concat());
    let params = param_names(module.function(module.find(second).unwrap()));
    let residuals = params.len() - seeds.len();
    results.truncate(results.len() - residuals);
    let mut inputs = Vec::new();
    for name in &params[..residuals] {
        inputs.extend(["--input".to_string(), format!("{name}=values/{name}.npy")]);
    }
    for (name, seed) in params[residuals..].iter().zip(seeds) {
        inputs.extend(["--input".to_string(), format!("{name}={seed}")]);
    }
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let args = ["run", "split.pir", "--function", second];
    [results, numbers(folder, &[&args[..], &inputs, by].concat())]
}

#[test]
fn the_split_form_computes_what_the_joint_form_does() {
    let folder = folder("grad_split");
    fs::write(folder.join("f.pir"), HARD).unwrap();
    // Joint and split forms call the seeds alike, but for names that residuals have.
    let modes = BTreeMap::from([
        ("vjp", (["f_forward", "f_backward"], ["loss_ct=0.5", "y_ct_ct=[1,-2,0.25]"], &["0.5", "[1,-2,0.25]"][..])),
        ("forward", (["f_primal", "f_linear"], ["x_t=[1,-1,2]", "residual_t=[0.5,3,1]"], &["[1,-1,2]", "[0.5,3,1]"])),
    ]);
    for (mode, (functions, named, seeds)) in modes {
        for optimize in [&[][..], &["--optimize"]] {
            let grad = ["grad", "f.pir", "-f", "f", "--wrt", "x,residual", "--mode", mode];
            succeeds(&folder, &[&grad[..], optimize, &["-o", "joint.pir"]].concat());
            succeeds(&folder, &[&grad[..], optimize, &["--form", "split", "-o", "split.pir"]].concat());
            for by in [&[][..], &["--interpret"]] {
                let args = ["run", "joint.pir", "--random", "7", "-i", named[0], "-i", named[1]];
                let mut joint = numbers(&folder, &[&args[..], by].concat());
                let derivatives = joint.split_off(3);
                let [results, found] = run_split(&folder, functions, seeds, by);
                assert_close(&results, &joint, &(mode, optimize, by));
                assert_close(&found, &derivatives, &(mode, optimize, by));
            }
        }
    }
}

#[test]
fn the_backward_program_with_a_cotangent_of_one_is_the_gradient() {
    let folder = folder("grad_split_one");
    succeeds(&folder, &["grad", "loss.pir", "--wrt", "w", "--form", "split", "-o", "split.pir"]);
    let inputs = ["-i", "x=[[1,2],[3,4]]", "-i", "w=[1,-1]", "-i", "k=0", "--output", "values"];
    succeeds(&folder, &[&["run", "split.pir", "-f", "loss_forward"], &inputs[..]].concat());
    let residuals = ["-i", "x=values/x.npy", "-i", "residual=values/residual.npy", "-i", "s_ct=1"];
    let out = succeeds(&folder, &[&["run", "split.pir", "-f", "loss_backward"], &residuals[..]].concat());
    // y = x w = [-1, -1], and 2 xᵀ y = -2 (the sums of the columns of x).
    assert_eq!(out, "%w_ct: f64[2] = [-8.0, -12.0]\n");
}

#[test]
fn the_split_form_is_a_program_of_two_functions_that_say_what_they_are() {
    let folder = folder("grad_split_text");
    fs::write(folder.join("f.pir"), HARD).unwrap();
    let split = succeeds(&folder, &["grad", "f.pir", "-f", "f", "--wrt", "residual,s", "--form", "split"]);
    assert_eq!(pullback(&folder, &["check", "-"], &split).code, 0, "{split}");
    let module = parse_module(&split).unwrap();
    let [forward, backward] = ["f_forward", "f_backward"].map(|name| module.function(module.find(name).unwrap()));
    assert_eq!(module.len(), 2);
    assert_eq!(param_names(forward), ["x", "residual", "k", "s"]);
    let residuals = forward.results().len() - 3;
    let comment = format!("; @f_forward returns the results of @f, then {residuals} residuals for @f_backward.\n");
    assert!(residuals > 1 && split.starts_with(&comment), "{split}");
    let comment = format!(
        "\n\n; @f_backward takes {residuals} residuals, then the cotangents of the results, and returns those of %residual, %s.\n"
    );
    assert!(split.contains(&comment), "{split}");
    // The residuals have one name on both sides, also those that have none in the program.
    let returned = forward.results()[3..].iter().map(|&value| forward.value_name(value).unwrap().to_string());
    let mut params = param_names(backward);
    let cotangents = params.split_off(residuals);
    assert_eq!(params, returned.collect::<Vec<_>>());
    assert!(params.iter().any(|name| name.starts_with("residual_")), "{split}");
    assert_eq!(cotangents.len(), 2, "one for each floating-point result");

    // Both feed back in: to be differentiated again, and to every stage of compilation.
    fs::write(folder.join("split.pir"), &split).unwrap();
    succeeds(&folder, &["grad", "split.pir", "-f", "f_backward", "--mode", "vjp", "--form", "split"]);
    for stage in pullback::Stage::ALL.into_iter().filter(|&stage| stage != pullback::Stage::Adjoint) {
        succeeds(&folder, &["dump", "split.pir", "-f", "f_backward", "--stage", stage.name()]);
    }
}

#[test]
fn a_derivative_that_needs_nothing_of_the_primal_has_no_residuals() {
    let folder = folder("grad_split_linear");
    let split = succeeds(&folder, &["grad", "two.pir", "-f", "a", "--mode", "forward", "--form", "split"]);
    assert!(
        split.starts_with("; @a_primal returns the results of @a.\nfunc @a_primal(%x: f32[3]) -> f32[3] {"),
        "{split}"
    );
    assert!(split.contains("; @a_linear takes the tangents of %x, and returns those of the results.\n"), "{split}");
    assert!(split.contains("func @a_linear(%x_t: f32[3]) -> f32[3] {"), "{split}");
}

#[test]
fn what_has_no_split_form_is_refused() {
    let folder = folder("grad_split_errors");
    let split = |args: &[&str], code: i32, parts: &[&str]| {
        fails(&folder, &[&["grad"], args, &["--form", "split"]].concat(), code, parts);
    };
    for mode in ["jacobian", "hessian", "hvp"] {
        split(&["loss.pir", "--mode", mode], 2, &["--form split is for the modes reverse, vjp and forward"]);
    }
    split(&["loss.pir", "--value"], 2, &["--value is for the joint form"]);
    split(&["loss.pir", "--wrt", "k"], 1, &["parameter %k of type i32 has no derivative", "loss.pir:1:6"]);
    let scan = "func @f(%h: f64) -> f64 {
  %y = scan %h, length=4, consts=0, carry=1, checkpoint_slots=2 : f64
    body(%a: f64) {
      %b = sin %a : f64
      yield %b
    }
  return %y
}
";
    fs::write(folder.join("scan.pir"), scan).unwrap();
    succeeds(&folder, &["grad", "scan.pir", "--form", "split"]);
    let parts = ["no linear program computes the tangents", "--mode vjp", "--form joint", "scan.pir:2:3"];
    split(&["scan.pir", "--mode", "forward"], 1, &parts);
    let unbounded = "func @f(%x: f64) -> f64 {
  %y = while %x, consts=0 : f64
    cond(%a: f64) {
      %zero = constant 0.0 : f64
      %go = compare lt %a, %zero : bool
      yield %go
    }
    body(%b: f64) {
      %c = exp %b : f64
      yield %c
    }
  return %y
}
";
    fs::write(folder.join("while.pir"), unbounded).unwrap();
    succeeds(&folder, &["grad", "while.pir", "--mode", "forward"]);
    split(&["while.pir", "--mode", "forward"], 1, &["bound=N", "; --form joint has this derivative", "while.pir:2:3"]);
    let Output { err, .. } = pullback(&folder, &["grad", "while.pir", "--form", "split"], "");
    assert!(err.contains("bound=N") && !err.contains("--form joint"), "{err}");
}
