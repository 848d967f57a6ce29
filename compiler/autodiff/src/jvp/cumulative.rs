//! JVP rules of the running combinations: each tangent solves a linear recurrence along the axis.

use pullback_ir::op::Cumulation;
use pullback_ir::{Builder, Comparison, Op, Value};

use super::recurrence::{Line, Step, solve};
use super::{NoRule, Site, Tangent};
use crate::emit;

/// Builds the tangent of the combination along an axis.
pub(super) fn rule(b: &Builder<'_>, kind: Cumulation, line: Line, site: &Site<'_>) -> Tangent {
    let ([x], [Some(t)]) = (site.operands()?, site.tangents()?) else { return Err(NoRule) };
    let y = site.result;
    if b.shape(x).elements() == 0 {
        return Ok(None);
    }
    Ok(Some(match kind {
        Cumulation::Add => b.emit(Op::Cumulative { kind, axis: line.axis, reverse: line.reverse }, &[t]),
        Cumulation::Mul => product(b, line, [x, y], t),
        Cumulation::Max | Cumulation::Min => extremum(b, line, [x, y], t),
        Cumulation::LogSumExp => log_sum_exp(b, line, [x, y], t),
    }))
}

/// `y_t[i] = x[i] y_t[i - 1] + y[i - 1] x_t[i]`: no division, so zeros are exact.
fn product(b: &Builder<'_>, line: Line, [x, y]: [Value; 2], t: Value) -> Value {
    let others = line.extent(b, x) - 1;
    let before = line.delayed(b, line.early(b, y, others), 1, 1.0);
    let step = Step { keep: None, scale: Some(line.late(b, x, others)) };
    solve(b, line, step, b.mul(t, before))
}

/// The mean of the tangents of the elements so far that equal the result: they are all in the run of equal results.
fn extremum(b: &Builder<'_>, line: Line, [x, y]: [Value; 2], t: Value) -> Value {
    let others = line.extent(b, x) - 1;
    let same = b.compare(Comparison::Eq, line.late(b, y, others), line.early(b, y, others));
    let step = Step { keep: Some(same), scale: None };
    let tied = b.compare(Comparison::Eq, x, y);
    let total = solve(b, line, step, b.select(tied, t, emit::zero(b, &b.ty(t))));
    b.div(total, solve(b, line, step, b.convert(tied, b.ty(x).dtype)))
}

/// `y_t[i] = e^(y[i - 1] - y[i]) y_t[i - 1] + e^(x[i] - y[i]) x_t[i]`, with factors of at most 1; 0 where all are `-inf`.
fn log_sum_exp(b: &Builder<'_>, line: Line, [x, y]: [Value; 2], t: Value) -> Value {
    let others = line.extent(b, x) - 1;
    let nothing = b.compare(Comparison::Eq, y, b.splat_like(y, f64::NEG_INFINITY));
    let base = b.select(nothing, emit::zero(b, &b.ty(y)), y);
    let scale = b.exp(b.sub(line.early(b, y, others), line.late(b, base, others)));
    let step = Step { keep: None, scale: Some(scale) };
    solve(b, line, step, b.mul(t, b.exp(b.sub(x, base))))
}
