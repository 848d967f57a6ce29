//! Every operation of the table in every element type: inference, interpreter, compiled code, derivatives.
//!
//! The suites run over `op::table()` by way of `support/templates.rs`, which has an instance of each row. What is tested of an
//! operation is in matches without a wildcard (`samples.rs`), so a new one does not compile before it has samples.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "../support/mod.rs"]
mod support;

mod agreement;
mod derivatives;
mod programs;
mod samples;

use std::collections::BTreeMap;

use pullback_ir::op::table;

/// Runs `check` on every template of the table and reports the failures of each operation together.
fn for_every_operation(check: impl Fn(&pullback_ir::Op) -> Vec<String>) {
    let mut failures: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut rows: Vec<&str> = table().iter().map(|row| row.name).collect();
    for template in support::templates::templates() {
        rows.retain(|&row| row != template.name());
        let found = check(&template);
        if !found.is_empty() {
            failures.entry(template.name()).or_default().extend(found);
        }
    }
    assert!(rows.is_empty(), "no template for {rows:?}");
    let report: Vec<String> = failures
        .iter()
        .map(|(name, found)| format!("== {name}: {} failures, the first:\n{}", found.len(), found[0]))
        .collect();
    assert!(report.is_empty(), "{} operations fail\n{}", report.len(), report.join("\n\n"));
}
