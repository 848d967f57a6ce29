//! Every example runs and finds its own claim to hold: it exits with status 0.
//!
//! The examples are separate programs, which `cargo test` builds beside this one. They are found relative to this test's own
//! executable, so that any target directory and profile works.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::path::PathBuf;
use std::process::{Command, Output};

/// The executable of an example: this test is `<target>/<profile>/deps/examples-…`, an example `<target>/<profile>/examples/…`.
fn executable(name: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let profile = own.ancestors().nth(2).unwrap();
    let path = profile.join("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(path.is_file(), "{} is missing: build the examples with `cargo build --examples`", path.display());
    path
}

fn run(name: &str, arguments: &[&str]) -> Output {
    Command::new(executable(name)).args(arguments).output().unwrap()
}

/// Runs an example whose claim is expected to hold, and returns what it printed.
#[track_caller]
fn holds(name: &str, arguments: &[&str]) -> String {
    let output = run(name, arguments);
    let printed = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {}\n{errors}\n{printed}", output.status);
    printed
}

#[test]
fn the_loss_as_text_is_that_of_the_example() {
    // After a change: `cargo run --release --example digits -- --print-loss >examples/digits/loss.pir`
    assert_eq!(holds("digits", &["--print-loss"]), include_str!("../examples/digits/loss.pir"));
}

#[test]
fn derivative_predicts_to_second_order() {
    let printed = holds("derivative", &[]);
    assert!(printed.contains("The error shrinks with Δ²"), "{printed}");
}

#[test]
fn chain_rule_holds_by_parts_and_whole() {
    let printed = holds("chain_rule", &[]);
    assert!(printed.contains("By parts and as a whole"), "{printed}");
}

#[test]
fn scalar_graph_prints_the_adjoint_of_every_node() {
    let printed = holds("scalar_graph", &[]);
    // φ = (2·3 + 1)²: ∂φ/∂s = 14, and from there by w = 3 and a = 2.
    for row in ["14 ×     3 =         42", "14 ×     2 =         28"] {
        assert!(printed.contains(row), "{printed}");
    }
    assert!(printed.contains("%s_ct"), "{printed}");
}

#[test]
fn gradient_agrees_with_differences() {
    let printed = holds("gradient", &[]);
    assert!(printed.contains("by one pass backwards"), "{printed}");
}

#[test]
fn jacobian_product_never_builds_the_jacobian() {
    // Without optimization the matrix kernels are too slow for the full size.
    let sizes: &[&str] = if cfg!(debug_assertions) { &["48", "64", "96"] } else { &[] };
    let printed = holds("jacobian_product", sizes);
    if sizes.is_empty() {
        assert!(printed.contains("∂Y/∂X would weigh 8.8 TB"), "{printed}");
    }
    assert!(holds("jacobian_product", &["1", "1", "1"]).contains("N = 1, D = 1, M = 1"));
}

#[test]
fn jacobian_product_refuses_sizes_that_it_cannot_show() {
    for (sizes, code, part) in [
        (&["1", "2"][..], 2, "3 values required"),
        (&["1", "2", "3", "4"], 2, "3 values required"),
        (&["0", "0", "0"], 2, "0 is not in 1.."),
        (&["1", "0", "1"], 2, "0 is not in 1.."),
        (&["x", "1", "1"], 2, "invalid digit"),
        (&["99999999999", "1", "1"], 2, "is not in 1.."),
        (&["1000000", "1000000", "1000000"], 1, "3000000000000 numbers together, at most"),
    ] {
        let output = run("jacobian_product", sizes);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{sizes:?}: {errors}");
        assert!(errors.contains(part) && output.stdout.is_empty(), "{sizes:?}: {errors}");
    }
}

#[test]
fn every_example_with_a_command_line_explains_itself_and_refuses_what_it_does_not_know() {
    for name in [
        "derivative",
        "chain_rule",
        "scalar_graph",
        "gradient",
        "jacobian_product",
        "checkpointing",
        "digits",
        "adbench",
        "yardsticks",
    ] {
        assert!(holds(name, &["--help"]).contains(&format!("Usage: {name}")), "{name}");
        let output = run(name, &["--bogus"]);
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(&format!("Usage: {name}")), "{name}");
    }
}

#[test]
fn the_front_page_prints_loss_and_gradient() {
    assert_eq!(holds("front_page", &[]), "loss 5, gradient with respect to w [-6.0, 6.0]\n");
}

#[test]
fn digits_learns_to_read() {
    let printed = holds("digits", &["--json"]);
    let last: serde_json::Value = serde_json::from_str(printed.lines().last().unwrap()).unwrap();
    assert_eq!(last["example"], "digits");
    assert!(last["test_accuracy"].as_f64().unwrap() >= 0.97, "{last}");
    assert!(last["compile_ms"].as_f64().unwrap() > 0.0 && last["step_us"].as_f64().unwrap() > 0.0, "{last}");
    assert_eq!(printed.matches("training accuracy").count(), 60, "{printed}");
}

#[test]
fn digits_is_repeatable_and_explains_itself() {
    let accuracy = |seed: &str| {
        let printed = holds("digits", &["--epochs", "2", "--seed", seed]);
        printed
            .lines()
            .filter(|line| line.starts_with("epoch") || line.contains("accuracy"))
            .map(String::from)
            .collect::<Vec<_>>()
    };
    assert_eq!(accuracy("7"), accuracy("7"));
    assert_ne!(accuracy("7"), accuracy("8"));
    assert!(holds("digits", &["--help"]).contains("--seed"));
    for epochs in ["many", "0"] {
        assert_eq!(run("digits", &["--epochs", epochs]).status.code(), Some(2));
    }
}

#[test]
fn checkpointing_keeps_to_its_slots_and_to_the_gradient() {
    let printed = holds("checkpointing", &["--steps", "300", "--oscillators", "8", "--slots", "3,9"]);
    assert!(printed.contains("All gradients agree.") && printed.contains("the same for half"), "{printed}");
}

#[test]
fn the_loops_of_the_readme_run() {
    holds("loops", &[]);
}

#[test]
fn yardsticks_agree_with_the_interpreter_and_with_plain_rust_at_small_sizes() {
    for fusion in ["off", "elementwise", "reductions", "contractions", "all"] {
        let printed = holds("yardsticks", &["--small", "--repeats", "2", "--json", "--fusion", fusion]);
        let lines: Vec<serde_json::Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 11, "{printed}");
        for line in &lines {
            assert!(line["first_ms"].as_f64().unwrap() > 0.0 && line["min_ms"].as_f64().unwrap() > 0.0, "{line}");
            assert!(line["checked"]["interpreter_f64_small"].as_f64().unwrap() < 2e-6, "{line}");
        }
    }
    for features in ["vectors128", "baseline"] {
        holds("yardsticks", &["--small", "--repeats", "1", "--only", "mlp_small,cnn", "--features", features]);
    }
    let chosen = holds("yardsticks", &["--small", "--repeats", "1", "--only", "lorenz,cnn"]);
    assert!(chosen.contains("lorenz") && chosen.contains("cnn") && !chosen.contains("mlp"), "{chosen}");
}
