//! One transpose rule per linear operation.
//!
//! A rule builds the cotangents of the linear operands from the cotangent of the result; the other operands are
//! known. `None` is a symbolic zero, and what it returns at known operands. An operation that is not linear in its
//! linear operands is refused: the drivers make an error of it.

mod conv;
mod dot;
mod indexing;
mod moves;
mod windows;

use pullback_ir::op::{Cumulation, Pooling};
use pullback_ir::{Axes, Binary, Builder, Op, Reduction, Type, Unary, Value};

use crate::emit;
use crate::jvp::sorting::hold;

/// An operand of a linear instruction.
#[derive(Clone, Debug)]
pub(crate) enum Operand {
    /// It depends on the tangents; only its type is known.
    Linear(Type),
    /// It does not, and is this value.
    Known(Value),
}

/// Why an instruction is not linear in its linear operands.
#[derive(Debug)]
pub(crate) struct NotLinear(pub(crate) &'static str);

/// The cotangents of the operands.
pub(crate) type Cotangents = Result<Vec<Option<Value>>, NotLinear>;

const NO_RULE: NotLinear = NotLinear("the operation is not linear");
const OFFSET: NotLinear = NotLinear("an operand that does not depend on them is added");

/// As [`rule`], for operations that may have several results; not all cotangents are symbolic zeros.
pub(crate) fn rules(b: &Builder<'_>, op: &Op, operands: &[Operand], cts: &[Option<Value>]) -> Cotangents {
    match (op, cts) {
        (Op::Barrier, _) => barrier(b, operands, cts),
        (_, &[Some(ct)]) => rule(b, op, operands, ct),
        _ => Err(NO_RULE),
    }
}

/// Builds the cotangents of `operands` from `ct`, the cotangent of the result of `op`.
pub(crate) fn rule(b: &Builder<'_>, op: &Op, operands: &[Operand], ct: Value) -> Cotangents {
    match op {
        Op::Unary(op) => unary(b, *op, ct),
        Op::Binary(op) => binary(b, *op, operands, ct),
        Op::Select => select(b, operands, ct),
        Op::Convert(_) => {
            let ty = only(operands)?;
            one(emit::moved(b, ct, ty, || b.convert(ct, ty.dtype)))
        }
        Op::Broadcast(spec) => {
            let new: Axes = (0..spec.shape.rank()).filter(|axis| !spec.dims.contains(axis)).collect();
            one(b.reduce_add(ct, new))
        }
        Op::Reshape(_) => {
            let ty = only(operands)?;
            one(emit::moved(b, ct, ty, || b.reshape(ct, &ty.shape)))
        }
        Op::Transpose(perm) => {
            let ty = only(operands)?;
            one(emit::moved(b, ct, ty, || b.transpose(ct, moves::inverse(perm))))
        }
        Op::Reverse(axes) => one(emit::moved(b, ct, only(operands)?, || b.reverse(ct, axes.clone()))),
        Op::Slice(spec) => one(moves::slice(b, spec, &only(operands)?.shape, ct)),
        Op::Pad(spec) => moves::pad(b, spec, operands, ct),
        Op::Concatenate { axis } => moves::concatenate(b, *axis, operands, ct),
        Op::Reduce { kind: Reduction::Add, axes } => {
            let shape = &only(operands)?.shape;
            let kept = (0..shape.rank()).filter(|axis| !axes.contains(axis)).collect();
            one(emit::broadcast(b, ct, shape, kept))
        }
        Op::Dot(dims) => dot::dot(b, dims, operands, ct),
        Op::Conv(spec) => conv::conv(b, spec, operands, ct),
        Op::Barrier => barrier(b, operands, &[Some(ct)]),
        Op::Cumulative { kind: Cumulation::Add, axis, reverse } => {
            only(operands)?;
            one(b.cumulative(Cumulation::Add, ct, *axis, !reverse))
        }
        Op::DynamicSlice(_) => indexing::dynamic_slice(b, operands, ct),
        Op::DynamicUpdateSlice => indexing::dynamic_update_slice(b, operands, ct),
        Op::Gather(spec) => indexing::gather(b, spec, operands, ct),
        Op::Scatter { kind, dims } => indexing::scatter(b, *kind, dims, operands, ct),
        Op::Windows(spec) => windows::windows(b, spec, operands, ct),
        Op::OverlapAdd { spec, .. } => windows::overlap_add(b, spec, operands, ct),
        Op::ReduceWindow { kind: Pooling::Add, spec } => windows::reduce_window_add(b, spec, operands, ct),
        Op::SelectAndScatter { kind, spec } => windows::select_and_scatter(b, *kind, spec, operands, ct),
        Op::TriangularSolve { left, lower, transpose, unit } => {
            let &[Operand::Known(a), Operand::Linear(_)] = operands else {
                return Err(NotLinear("the matrix depends on them"));
            };
            let op = Op::TriangularSolve { left: *left, lower: *lower, transpose: !transpose, unit: *unit };
            Ok(vec![None, Some(b.emit(op, &[a, ct]))])
        }
        Op::Reduce {
            kind: Reduction::Mul | Reduction::Max | Reduction::Min | Reduction::And | Reduction::Or, ..
        }
        | Op::Constant(_)
        | Op::Iota { .. }
        | Op::Compare(_)
        | Op::IsFinite
        | Op::Clamp
        | Op::Call(_)
        | Op::Bitcast(_)
        | Op::ArgReduce { .. }
        | Op::Cumulative {
            kind: Cumulation::Mul | Cumulation::Max | Cumulation::Min | Cumulation::LogSumExp, ..
        }
        | Op::ReduceWindow { kind: Pooling::Max | Pooling::Min, .. }
        | Op::Sort { .. }
        | Op::TopK { .. }
        | Op::RandomBits(_)
        | Op::Cholesky
        | Op::Scan(_)
        | Op::While(_)
        | Op::Cond
        | Op::Switch
        | Op::CustomDerivative(_)
        | Op::TransposeRule { .. }
        | Op::Checkpoint => Err(NO_RULE),
    }
}

fn one(ct: Value) -> Cotangents {
    Ok(vec![Some(ct)])
}

/// The type of the one operand, which is linear.
fn only(operands: &[Operand]) -> Result<&Type, NotLinear> {
    match operands {
        [Operand::Linear(ty)] => Ok(ty),
        _ => Err(NO_RULE),
    }
}

fn unary(b: &Builder<'_>, op: Unary, ct: Value) -> Cotangents {
    match op {
        Unary::Neg => one(emit::neg(b, ct)),
        Unary::Abs
        | Unary::Sign
        | Unary::Not
        | Unary::Floor
        | Unary::Ceil
        | Unary::Round
        | Unary::Exp
        | Unary::Exp2
        | Unary::Expm1
        | Unary::Log
        | Unary::Log2
        | Unary::Log1p
        | Unary::Sqrt
        | Unary::Rsqrt
        | Unary::Cbrt
        | Unary::Sin
        | Unary::Cos
        | Unary::Tan
        | Unary::Asin
        | Unary::Acos
        | Unary::Atan
        | Unary::Sinh
        | Unary::Cosh
        | Unary::Tanh
        | Unary::Logistic
        | Unary::Erf
        | Unary::Erfc
        | Unary::ErfInv
        | Unary::Lgamma
        | Unary::Digamma
        | Unary::BesselI0e
        | Unary::BesselI1e
        | Unary::PopulationCount
        | Unary::StopGradient => Err(NO_RULE),
    }
}

fn binary(b: &Builder<'_>, op: Binary, operands: &[Operand], ct: Value) -> Cotangents {
    let [x, y] = operands else { return Err(NO_RULE) };
    match op {
        Binary::Add => Ok(vec![passed(b, x, || ct)?, passed(b, y, || ct)?]),
        Binary::Sub => Ok(vec![passed(b, x, || ct)?, passed(b, y, || emit::neg(b, ct))?]),
        Binary::Mul => match (x, y) {
            (Operand::Linear(_), &Operand::Known(y)) => Ok(vec![Some(emit::mul(b, ct, y)), None]),
            (&Operand::Known(x), Operand::Linear(_)) => Ok(vec![None, Some(emit::mul(b, ct, x))]),
            _ => Err(NotLinear("both factors depend on them")),
        },
        Binary::Div => match (x, y) {
            (Operand::Linear(_), &Operand::Known(y)) => Ok(vec![Some(b.div(ct, y)), None]),
            _ => Err(NotLinear("the divisor depends on them")),
        },
        Binary::Rem
        | Binary::Pow
        | Binary::Atan2
        | Binary::Max
        | Binary::Min
        | Binary::And
        | Binary::Or
        | Binary::Xor
        | Binary::ShiftLeft
        | Binary::ShiftRight
        | Binary::ShiftRightLogical
        | Binary::Polygamma => Err(NO_RULE),
    }
}

/// The cotangent for an operand whose elements appear unscaled in the result. A known one must be zero.
fn passed(b: &Builder<'_>, operand: &Operand, ct: impl FnOnce() -> Value) -> Result<Option<Value>, NotLinear> {
    match *operand {
        Operand::Linear(_) => Ok(Some(ct())),
        Operand::Known(value) if emit::splat_of(b, value) == Some(0.0) || b.shape(value).elements() == 0 => Ok(None),
        Operand::Known(_) => Err(OFFSET),
    }
}

fn select(b: &Builder<'_>, operands: &[Operand], ct: Value) -> Cotangents {
    let &[Operand::Known(pred), ref x, ref y] = operands else {
        return Err(NotLinear("the predicate depends on them"));
    };
    let zero = emit::zero(b, &b.ty(ct));
    let x_ct = passed(b, x, || b.select(pred, ct, zero))?;
    let y_ct = passed(b, y, || b.select(pred, zero, ct))?;
    Ok(vec![None, x_ct, y_ct])
}

/// The cotangents, held back together; symbolic zeros stay what they are.
fn barrier(b: &Builder<'_>, operands: &[Operand], cts: &[Option<Value>]) -> Cotangents {
    let held = hold(b, cts);
    let each = operands.iter().zip(held).map(|(operand, ct)| match ct {
        Some(ct) => passed(b, operand, || ct),
        None => Ok(None),
    });
    each.collect()
}
