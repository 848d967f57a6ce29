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
