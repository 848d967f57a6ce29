//! `pullback bench`.

use serde_json::Value;

use super::{fails, folder, succeeds};

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

#[test]
fn every_kind_of_fusion_is_measured_with_what_the_program_is_worth() {
    let folder = folder("bench");
    let args = ["bench", "loss.pir", "--wrt", "w", "--repeats", "3", "--threads", "1", "--ablate", "--json"];
    let lines = lines(&succeeds(&folder, &args));
    let kinds: Vec<&str> = lines.iter().map(|line| line["fusion"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["off", "elementwise", "reductions", "contractions", "all"]);
    for line in &lines {
        let number = |name: &str| line[name].as_f64().unwrap_or_else(|| panic!("{name} of {line}"));
        assert_eq!(line["function"], "loss_value_and_grad");
        assert!(0.0 < number("min_ms") && number("min_ms") <= number("median_ms"), "{line}");
        // At least the two matrices of 2 x 2 and 2 are read, and the loss and its gradient written.
        assert!(number("bytes_read") >= 48.0 && number("bytes_written") >= 24.0, "{line}");
        let rate = (number("bytes_read") + number("bytes_written")) / number("min_ms") / 1e6;
        assert!((number("gb_per_s") / rate - 1.0).abs() < 1e-9, "{line}");
        let share = 100.0 * number("gb_per_s") / number("peak_gb_per_s");
        assert!((number("percent_of_copy") / share - 1.0).abs() < 1e-9, "{line}");
        assert!(number("flops") > 0.0 && number("peak_gflop_per_s") > 0.0, "{line}");
    }
    let bytes = |line: &Value| line["bytes_read"].as_f64().unwrap() + line["bytes_written"].as_f64().unwrap();
    assert!(bytes(&lines[4]) < bytes(&lines[0]), "fusion saves traffic");
}

#[test]
fn steps_are_measured_one_by_one() {
    let folder = folder("bench_steps");
    let args = ["bench", "loss.pir", "--repeats", "2", "--fusion", "off", "--steps"];
    let lines = lines(&succeeds(&folder, &[&args[..], &["--json"]].concat()));
    let steps: Vec<&str> = lines.iter().filter_map(|line| line["step"].as_str()).collect();
    assert_eq!((lines.len(), steps.len() as u64), (1 + steps.len(), lines[0]["kernels"].as_u64().unwrap()));
    assert!(lines[1..].iter().all(|line| line["min_ms"].as_f64().unwrap() > 0.0), "{lines:?}");
    let text = succeeds(&folder, &args);
    assert!(text.contains("GFLOP/s") && steps.iter().all(|step| text.contains(step)), "{text}");
}

/// Four steps of `h' = tanh(h w + x)`, and the logarithm of the sum of exponentials of each row of a product that is cut into tiles.
const LOOPS: &str = "func @steps(%w: f32[32,32], %h: f32[32,32], %x: f32[4,32,32]) -> f32[32,32] {
  %end = scan %w, %h, %x, length=4, consts=1, carry=1 : f32[32,32]
    body(%w1: f32[32,32], %h1: f32[32,32], %x1: f32[32,32]) {
      %y = dot %h1, %w1, contract=[1]x[0] : f32[32,32]
      %z = add %y, %x1 : f32[32,32]
      %t = tanh %z : f32[32,32]
      yield %t
    }
  return %end
}

func @tiles(%x: f32[1024,256], %w: f32[256,256]) -> f32[1024] {
  %y = dot %x, %w, contract=[1]x[0] : f32[1024,256]
  %e = exp %y : f32[1024,256]
  %s = reduce add %e, axes=[1] : f32[1024]
  %l = log %s : f32[1024]
  return %l
}

func @count(%n: i32) -> i32 {
  %r = while %n, consts=0 : i32
    cond(%i: i32) {
      %zero = constant 0 : i32
      %go = compare gt %i, %zero : bool
      yield %go
    }
    body(%j: i32) {
      %one = constant 1 : i32
      %next = sub %j, %one : i32
      yield %next
    }
  return %r
}
";

#[test]
fn kernels_inside_loops_have_rates_of_their_own() {
    let folder = folder("bench_loops");
    std::fs::write(folder.join("loops.pir"), LOOPS).unwrap();
    for function in ["steps", "tiles"] {
        let args = ["bench", "loops.pir", "-f", function, "--repeats", "5", "--threads", "1", "--steps"];
        let lines = lines(&succeeds(&folder, &[&args[..], &["--json"]].concat()));
        let (parts, steps): (Vec<&Value>, Vec<&Value>) = lines[1..].iter().partition(|line| line["part"].is_string());
        let inner = steps.iter().find(|line| line["step"] == parts[0]["step"]).unwrap();
        assert!(parts.iter().all(|part| part["step"] == inner["step"]), "there is one loop: {lines:?}");
        // As many names as the program has kernels, and each is in the text and in the loop IR.
        let outside = steps.len() - 1;
        assert_eq!((parts.len() + outside) as u64, lines[0]["kernels"].as_u64().unwrap(), "{lines:?}");
        let text = succeeds(&folder, &args);
        let dump = succeeds(&folder, &["dump", "loops.pir", "-f", function, "--stage", "loops"]);
        for part in &parts {
            let name = part["part"].as_str().unwrap();
            assert!(text.contains(&format!("\n   {name} ")), "{name} is not in\n{text}");
            assert!(dump.contains(&format!("kernel @{name} ")), "{name} is not in\n{dump}");
        }
        let sum = |name: &str| parts.iter().map(|part| part[name].as_f64().unwrap()).sum::<f64>();
        assert_eq!(sum("flops"), inner["flops"].as_f64().unwrap());
        assert!(sum("bytes_read") >= inner["bytes_read"].as_f64().unwrap(), "{lines:?}");
        assert!(sum("bytes_written") >= inner["bytes_written"].as_f64().unwrap(), "{lines:?}");
        let alone: Vec<_> = parts.iter().filter(|part| part["measured"] == "alone").collect();
        assert!(!alone.is_empty() && alone.iter().all(|part| part["gb_per_s"].as_f64().unwrap() >= 0.0), "{lines:?}");
    }
}

#[test]
fn what_cannot_run_alone_has_a_difference() {
    let folder = folder("bench_difference");
    std::fs::write(folder.join("loops.pir"), LOOPS).unwrap();
    let args = ["bench", "loops.pir", "-f", "count", "--input", "n=7", "--repeats", "5", "--steps"];
    let lines = lines(&succeeds(&folder, &[&args[..], &["--json"]].concat()));
    assert!(lines[1..].iter().any(|line| line["measured"] == "difference"), "{lines:?}");
    assert!(lines.iter().all(|line| line["part"].is_null()), "nothing is cut where data decide: {lines:?}");
    // There may be no rates where there is no time.
    for line in &lines[1..] {
        assert_eq!(line["gb_per_s"].is_number(), line["min_ms"].as_f64().unwrap() > 0.0, "{line}");
    }
    assert!(succeeds(&folder, &args).contains(" (difference) "));
}

#[test]
fn what_cannot_be_measured_is_said() {
    let folder = folder("bench_wrong");
    fails(&folder, &["bench", "loss.pir", "--wrt", "nothing"], 2, &["no parameter %nothing"]);
    fails(&folder, &["bench", "loss.pir", "--fusion", "most"], 2, &["possible values", "contractions"]);
    fails(&folder, &["bench", "loss.pir", "--fusion", "off", "--ablate"], 2, &["cannot be used with"]);
    fails(&folder, &["bench", "loss.pir", "--features", "all"], 2, &["possible values", "vectors128"]);
    fails(&folder, &["bench", "loss.pir", "--repeats", "0"], 2, &["0 is not in"]);
    fails(&folder, &["bench", "loss.pir", "--input", "w=[1,2,3]"], 1, &["%w"]);
}
