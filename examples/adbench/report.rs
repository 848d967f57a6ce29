//! What came out of an objective at a size: agreement and times, as a line of JSON or a row of a table.

/// The columns of [`Row::line`].
pub(crate) const HEAD: &str = "objective        size             ρ value  ρ deriv.   primal ms   deriv. ms   ratio  compile ms  kernels   arena kB";

/// The figures of an objective at a size; times are in milliseconds.
pub(crate) struct Row {
    pub(crate) objective: &'static str,
    pub(crate) size: &'static str,
    /// How far the value is from the golden one; none if there is none.
    pub(crate) value_rho: Option<f64>,
    /// The same of the derivative.
    pub(crate) derivative_rho: Option<f64>,
    /// The least time of a call of the objective.
    pub(crate) primal_ms: f64,
    /// The least time of a call of the derivative.
    pub(crate) derivative_ms: f64,
    /// Tracing, differentiating and compiling the derivative.
    pub(crate) compile_ms: f64,
    /// Kernels of the derivative.
    pub(crate) kernels: usize,
    /// Bytes of memory that the derivative uses besides its arguments and results.
    pub(crate) arena_bytes: usize,
}

impl Row {
    /// The figures as one line of JSON; a ρ that is not known, or not a number, is null.
    pub(crate) fn json(&self) -> String {
        let rho = |rho: Option<f64>| rho.filter(|rho| rho.is_finite()).map_or("null".into(), |rho| format!("{rho:e}"));
        format!(
            r#"{{"objective":"{}","size":"{}","value_rho":{},"derivative_rho":{},"primal_ms":{:.6},"derivative_ms":{:.6},"compile_ms":{:.3},"kernels":{},"arena_bytes":{}}}"#,
            self.objective,
            self.size,
            rho(self.value_rho),
            rho(self.derivative_rho),
            self.primal_ms,
            self.derivative_ms,
            self.compile_ms,
            self.kernels,
            self.arena_bytes,
        )
    }

    /// Whether what is known is met, to `limit`.
    pub(crate) fn agrees(&self, limit: f64) -> bool {
        // Not `>=`: a NaN does not agree.
        [self.value_rho, self.derivative_rho].into_iter().flatten().all(|rho| rho < limit)
    }

    /// The figures under [`HEAD`].
    pub(crate) fn line(&self) -> String {
        let rho = |rho: Option<f64>| rho.map_or("-".into(), |rho| format!("{rho:.1e}"));
        format!(
            "{:<16} {:<14} {:>9} {:>9} {:>11.4} {:>11.4} {:>7.2} {:>11.1} {:>8} {:>10}",
            self.objective,
            self.size,
            rho(self.value_rho),
            rho(self.derivative_rho),
            self.primal_ms,
            self.derivative_ms,
            self.derivative_ms / self.primal_ms,
            self.compile_ms,
            self.kernels,
            self.arena_bytes / 1000,
        )
    }
}
