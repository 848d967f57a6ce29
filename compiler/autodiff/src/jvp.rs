//! One JVP rule per operation.
//!
//! A rule builds the tangent of the result from the operands, the result and the tangents of the operands, where
//! `None` is a symbolic zero. It must be linear in the tangents, using them only in operations that `transpose.rs`
//! transposes; everything else it builds is a *local derivative*. The driver asks only where the result is
//! floating-point and some tangent is not zero.

mod binary;
mod cumulative;
pub(crate) mod indexing;
mod linear_algebra;
mod recurrence;
mod reduce;
pub(crate) mod sorting;
mod unary;
pub(crate) mod windows;

use pullback_ir::{Builder, Comparison, Op, Value};

use crate::emit;

/// The operation cannot have a tangent; that the driver asked for one is a bug.
#[derive(Debug)]
pub(crate) struct NoRule;

/// The tangent of a result, or why there is no rule. `None` is an exact zero.
pub(crate) type Tangent = Result<Option<Value>, NoRule>;

/// What a rule sees of the instruction.
#[derive(Clone, Copy)]
pub(crate) struct Site<'a> {
    /// The operands.
    pub(crate) args: &'a [Value],
    /// The result.
    pub(crate) result: Value,
    /// The tangents of the operands.
    pub(crate) tangents: &'a [Option<Value>],
}

impl Site<'_> {
    /// The operands, if they are `N`.
    fn operands<const N: usize>(&self) -> Result<[Value; N], NoRule> {
        self.args.try_into().map_err(|_| NoRule)
    }

    /// The tangents of the operands, if they are `N`.
    fn tangents<const N: usize>(&self) -> Result<[Option<Value>; N], NoRule> {
        self.tangents.try_into().map_err(|_| NoRule)
    }

    /// The tangent of the operand at `position`, a constant where it is a symbolic zero.
    fn tangent_or_zero(&self, b: &Builder<'_>, position: usize) -> Value {
        self.tangents[position].unwrap_or_else(|| emit::zero(b, &b.ty(self.args[position])))
    }

    /// The same operation on all tangents.
    fn on_tangents(&self, b: &Builder<'_>, op: &Op) -> Value {
        let tangents: Vec<Value> = (0..self.args.len()).map(|position| self.tangent_or_zero(b, position)).collect();
        b.emit(op.clone(), &tangents)
    }
}

/// Why `op` cannot be differentiated by the operand at a position although both are floating-point, if that is so.
pub(crate) fn refusal(op: &Op, position: usize) -> Option<&'static str> {
    if let Op::Binary(op) = op { binary::refusal(*op, position) } else { None }
}

/// What a rule sees of an instruction with several results.
#[derive(Clone, Copy)]
pub(crate) struct MultiSite<'a> {
    /// The operands.
    pub(crate) args: &'a [Value],
    /// The results.
    pub(crate) results: &'a [Value],
    /// The tangents of the operands.
    pub(crate) tangents: &'a [Option<Value>],
}

/// The tangents of several results.
pub(crate) type Tangents = Result<Vec<Option<Value>>, NoRule>;

/// As [`rule`], for operations that may have several results, some of them not floating-point.
pub(crate) fn rules(b: &Builder<'_>, op: &Op, site: &MultiSite<'_>) -> Tangents {
    match op {
        Op::Sort { axis, keys, descending } => sorting::sort(b, *axis, *keys, *descending, site),
        Op::TopK { .. } => sorting::top_k(b, site),
        Op::Barrier => Ok(sorting::hold(b, site.tangents)),
        _ => match site.results {
            &[result] => Ok(vec![rule(b, op, &Site { args: site.args, result, tangents: site.tangents })?]),
            _ => Err(NoRule),
        },
    }
}

/// Builds the tangent of the result of `op`.
pub(crate) fn rule(b: &Builder<'_>, op: &Op, site: &Site<'_>) -> Tangent {
    match op {
        Op::Unary(op) => unary::rule(b, *op, site),
        Op::Binary(op) => binary::rule(b, *op, site),
        Op::Reduce { kind, axes } => reduce::rule(b, *kind, axes, site),
        // Linear in all operands together, so the tangent is the same operation on tangents.
        Op::Convert(_)
        | Op::Broadcast(_)
        | Op::Reshape(_)
        | Op::Transpose(_)
        | Op::Reverse(_)
        | Op::Slice(_)
        | Op::Pad(_)
        | Op::Concatenate { .. } => Ok(Some(site.on_tangents(b, op))),
        Op::Select => {
            let [pred, _, _] = site.operands()?;
            Ok(Some(b.select(pred, site.tangent_or_zero(b, 1), site.tangent_or_zero(b, 2))))
        }
        Op::Clamp => clamp(b, site),
        Op::Dot(dims) => {
            let [x, y] = site.operands()?;
            let [x_t, y_t] = site.tangents()?;
            let left = x_t.map(|x_t| b.dot(x_t, y, (**dims).clone()));
            let right = y_t.map(|y_t| b.dot(x, y_t, (**dims).clone()));
            Ok(emit::sum(b, left, right))
        }
        Op::Conv(spec) => {
            let [x, kernel] = site.operands()?;
            let [x_t, kernel_t] = site.tangents()?;
            let left = x_t.map(|x_t| b.conv(x_t, kernel, (**spec).clone()));
            let right = kernel_t.map(|kernel_t| b.conv(x, kernel_t, (**spec).clone()));
            Ok(emit::sum(b, left, right))
        }
        Op::Cumulative { kind, axis, reverse } => {
            cumulative::rule(b, *kind, recurrence::Line { axis: *axis, reverse: *reverse }, site)
        }
        Op::DynamicSlice(_) | Op::Gather(_) | Op::Windows(_) | Op::OverlapAdd { .. } => indexing::read(b, op, site),
        Op::DynamicUpdateSlice => indexing::update(b, site),
        Op::Scatter { kind, dims } => indexing::scatter(b, *kind, dims, site),
        Op::ReduceWindow { kind, spec } => windows::reduce_window(b, *kind, spec, site),
        Op::SelectAndScatter { .. } => windows::select_and_scatter(b, op, site),
        Op::Sort { .. } | Op::TopK { .. } | Op::Barrier => {
            let site = MultiSite { args: site.args, results: &[site.result], tangents: site.tangents };
            Ok(rules(b, op, &site)?.into_iter().next().flatten())
        }
        Op::Cholesky => linear_algebra::cholesky(b, site),
        Op::TriangularSolve { .. } => linear_algebra::triangular_solve(b, op, site),
        // The bits of a number do not change smoothly.
        Op::Bitcast(_) => Ok(None),
        // Without operands, or without a floating-point result; and calls are inlined before.
        Op::Constant(_)
        | Op::Iota { .. }
        | Op::Compare(_)
        | Op::IsFinite
        | Op::ArgReduce { .. }
        | Op::RandomBits(_)
        | Op::Call(_) => Err(NoRule),
        // The drivers differentiate regions.
        Op::Scan(_)
        | Op::While(_)
        | Op::Cond
        | Op::Switch
        | Op::CustomDerivative(_)
        | Op::TransposeRule { .. }
        | Op::Checkpoint => Err(NoRule),
    }
}

/// `min(max(x, low), high)`: to `high` where that is the value and `x` is not, else to `low` where `x` is below, else
/// to `x`, also where it equals a limit.
fn clamp(b: &Builder<'_>, site: &Site<'_>) -> Tangent {
    let [low, x, high] = site.operands()?;
    let [low_t, x_t, high_t] = site.tangents()?;
    let zero = emit::zero(b, &b.ty(x));
    let from_low = low_t.map(|low_t| {
        let below = b.and(b.compare(Comparison::Lt, x, low), b.compare(Comparison::Le, low, high));
        b.select(below, low_t, zero)
    });
    let from_x = x_t.map(|x_t| {
        let inside = b.and(b.compare(Comparison::Le, low, x), b.compare(Comparison::Le, x, high));
        b.select(inside, x_t, zero)
    });
    let from_high = high_t.map(|high_t| {
        let above = b.or(b.compare(Comparison::Gt, x, high), b.compare(Comparison::Gt, low, high));
        b.select(above, high_t, zero)
    });
    Ok(emit::sum(b, emit::sum(b, from_low, from_x), from_high))
}
