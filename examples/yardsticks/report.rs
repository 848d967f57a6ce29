//! What came out of a workload, as a line of JSON or a row of a table.

use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Map, Value, json};

use crate::check::Agreement;

/// The figures of a workload; times are in milliseconds.
pub(crate) struct Row {
    pub(crate) workload: &'static str,
    /// The number that was computed.
    pub(crate) value: f64,
    /// The norm of all gradients together.
    pub(crate) gradient_norm: f64,
    /// From building the program to the first gradient in memory.
    pub(crate) first_ms: f64,
    /// The least time of a later call.
    pub(crate) min_ms: f64,
    /// The median of their times.
    pub(crate) median_ms: f64,
    /// The parts of `first_ms` before the call.
    pub(crate) phases: Vec<(&'static str, f64)>,
    /// Kernels of the compiled program.
    pub(crate) kernels: usize,
    /// Bytes that a call uses beside arguments, results and constants.
    pub(crate) arena_bytes: usize,
    /// Threads that a call may use.
    pub(crate) threads: usize,
    /// How far results are from what they were checked against; none if they were not.
    pub(crate) agreement: Option<Agreement>,
}

impl Row {
    /// The figures as one line of JSON. The first fields are those that peers print too.
    pub(crate) fn json(&self) -> String {
        let phases: Map<String, Value> =
            self.phases.iter().map(|&(name, time)| (name.into(), rounded(time).into())).collect();
        let checked = self.agreement.as_ref().map(|agreement| {
            json!({
                "interpreter_f64_small": agreement.interpreter,
                "reference_f64_value": agreement.value,
                "reference_f64_slopes": agreement.slope,
                "tolerance": agreement.tolerance,
            })
        });
        let fields = [
            ("workload", json!(self.workload)),
            ("peer", json!("pullback")),
            ("first_ms", json!(rounded(self.first_ms))),
            ("min_ms", json!(rounded(self.min_ms))),
            ("median_ms", json!(rounded(self.median_ms))),
            ("compile_ms", phases.into()),
            ("kernels", json!(self.kernels)),
            ("arena_bytes", json!(self.arena_bytes)),
            ("threads", json!(self.threads)),
            ("value", json!(self.value)),
            ("gradient_norm", json!(self.gradient_norm)),
            ("checked", json!(checked)),
        ];
        // By hand, because a map would sort the names.
        let fields: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", fields.join(","))
    }

    fn cells(&self) -> [String; 8] {
        let compile: f64 = self.phases.iter().map(|(_, time)| time).sum();
        [
            self.workload.into(),
            format!("{:.2}", self.first_ms),
            format!("{compile:.2}"),
            format!("{:.4}", self.min_ms),
            format!("{:.4}", self.median_ms),
            self.kernels.to_string(),
            format!("{:.3}", self.arena_bytes as f64 / f64::from(1 << 20)),
            self.agreement.as_ref().map_or("-".into(), |agreement| format!("{:.1e}", agreement.worst())),
        ]
    }
}

/// Whole nanoseconds.
fn rounded(milliseconds: f64) -> f64 {
    (milliseconds * 1e6).round() / 1e6
}

/// All figures for people to read.
pub(crate) fn table(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header([
        "workload",
        "first ms",
        "compile ms",
        "min ms",
        "median ms",
        "kernels",
        "arena MiB",
        "deviation",
    ]);
    for row in rows {
        table.add_row(row.cells());
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
