//! Folding: operations on known operands, computed by the interpreter, so that folding and running cannot differ.
//!
//! Two ways, because constants are of two kinds. A *splat* (one element repeated) stays a splat at any size: an
//! elementwise operation on splats is computed once, moving or repeating the elements of a splat changes its shape
//! alone, and reductions of a splat are computed along one line. Anything else is computed element by element, and only
//! while operands have at most [`MAX_OPERAND`] and the result at most [`MAX_RESULT`] elements, so that a small
//! program never grows into a large constant. Repetition (`broadcast`) and counting (`iota`) of elements are cheaper
//! to do than to load, so they stay unless the result is a splat.
//!
//! A sum of equal floats is folded to a product only where each partial sum is exact, so that every order of
//! accumulation gives the same bits.

use pullback_interp::{Array, evaluate_op};
use pullback_ir::{Cumulation, DotDims, Literal, Op, OutOfBounds, Reduction, Scalar, Shape, Type, Value};

use crate::rewriter::{Rewriter, Rule};

/// The most elements of a folded result that is not a splat.
pub const MAX_RESULT: usize = 4096;

/// The most elements of an operand that is folded element by element, and the longest sum.
pub const MAX_OPERAND: usize = 1 << 16;

/// Rules for every operation.
pub const RULES: &[Rule] = &[
    Rule { name: "fold_splats", about: "op(splat, …) = splat, at any size", apply: fold_splats },
    Rule { name: "fold_elements", about: "op(constant, …) = constant, for small tensors", apply: fold_elements },
];

fn fold_splats(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let value = match op {
        Op::Unary(_)
        | Op::Binary(_)
        | Op::Compare(_)
        | Op::IsFinite
        | Op::Select
        | Op::Clamp
        | Op::Convert(_)
        | Op::Bitcast(_) => {
            let scalars = splats(w, args)?;
            evaluate_scalars(op, &scalars)?
        }
        Op::Broadcast(_)
        | Op::Reshape(_)
        | Op::Transpose(_)
        | Op::Reverse(_)
        | Op::Slice(_)
        | Op::Windows(_)
        | Op::Sort { .. }
        | Op::Cumulative { kind: Cumulation::Max | Cumulation::Min, .. } => {
            let &[x] = args else { return None };
            w.splat_of(x)?
        }
        // Wherever they read.
        Op::DynamicSlice(_) => w.splat_of(*args.first()?)?,
        Op::Gather(spec) if spec.dims.mode == OutOfBounds::Clamp => w.splat_of(*args.first()?)?,
        Op::DynamicUpdateSlice => {
            let (x, update) = (w.splat_of(*args.first()?)?, w.splat_of(*args.get(1)?)?);
            if x != update {
                return None;
            }
            x
        }
        Op::Pad(_) | Op::Concatenate { .. } => {
            let (&first, rest) = args.split_first()?;
            let value = w.splat_of(first)?;
            if !rest.iter().all(|&arg| w.splat_of(arg) == Some(value)) {
                return None;
            }
            value
        }
        Op::Reduce { kind, axes } => {
            let &[x] = args else { return None };
            let value = w.splat_of(x)?;
            let extents = w.extents(x);
            let count = axes.iter().filter_map(|&axis| extents.get(axis)).product();
            reduce_splat(w, *kind, value, count)?
        }
        Op::Dot(dims) => {
            let &[x, y] = args else { return None };
            let (a, b) = (w.splat_of(x)?, w.splat_of(y)?);
            let extents = w.extents(x);
            let count: usize = dims.lhs_contract.iter().filter_map(|&axis| extents.get(axis)).product();
            if count > MAX_OPERAND || !w.may_evaluate(count) {
                return None;
            }
            let line = Shape::new(&[count]).ok()?;
            evaluate(&inner_product(), &[Literal::splat(a, line.clone()), Literal::splat(b, line)])?.as_splat()?
        }
        Op::Iota { ty, axis } => {
            if ty.shape.extent(*axis) != Some(1) {
                return None;
            }
            Scalar::from_f64(ty.dtype, 0.0)
        }
        Op::Constant(_) | Op::Call(_) => return None,
        Op::Barrier
        | Op::ArgReduce { .. }
        | Op::Cumulative { .. }
        | Op::Gather(_)
        | Op::Scatter { .. }
        | Op::OverlapAdd { .. }
        | Op::ReduceWindow { .. }
        | Op::SelectAndScatter { .. }
        | Op::Conv(_)
        | Op::TopK { .. }
        | Op::RandomBits(_)
        | Op::Cholesky
        | Op::TriangularSolve { .. }
        | Op::Scan(_)
        | Op::While(_)
        | Op::Cond
        | Op::Switch
        | Op::CustomDerivative(_)
        | Op::TransposeRule { .. }
        | Op::Checkpoint => return None,
    };
    let shape = w.result_type(op, args)?.shape;
    if shape.elements() == 0 {
        return None;
    }
    Some(w.splat(value, shape))
}

fn fold_elements(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    // Of what has several results or regions no rule is asked; a barrier with one operand is one.
    if matches!(op, Op::Constant(_) | Op::Iota { .. } | Op::Broadcast(_) | Op::Call(_) | Op::Barrier) {
        return None;
    }
    if !args.iter().all(|&arg| w.is_constant(arg)) {
        return None;
    }
    let literals: Vec<_> = args.iter().filter_map(|&arg| w.literal(arg)).collect();
    let result = w.result_type(op, args)?;
    let read: usize = literals.iter().map(|literal| literal.ty().elements()).sum();
    if literals.len() != args.len() || read > MAX_OPERAND || result.elements() > MAX_RESULT {
        return None;
    }
    let types: Vec<&Type> = literals.iter().map(|literal| literal.ty()).collect();
    let work = read.saturating_add(result.elements().saturating_mul(terms(op, &types)?));
    if work > 4 * MAX_OPERAND || !w.may_evaluate(work) {
        return None;
    }
    let arrays: Vec<Array> = literals.iter().map(|literal| array(literal)).collect();
    let literal = evaluate_arrays(op, &arrays, &result)?;
    Some(w.constant(literal))
}

/// About how many steps a result element takes, beyond reading every operand once.
fn terms(op: &Op, operands: &[&Type]) -> Option<usize> {
    let product = |list: &[usize]| list.iter().fold(1, |product: usize, &extent| product.saturating_mul(extent));
    Some(match op {
        Op::Dot(dims) => {
            let x = operands.first()?;
            dims.lhs_contract.iter().filter_map(|&axis| x.shape.extent(axis)).product()
        }
        Op::Conv(spec) => {
            let kernel = operands.get(1)?;
            kernel.elements() / kernel.shape.extent(*spec.rhs.first()?)?.max(1)
        }
        // No window reads more than the operand has.
        Op::ReduceWindow { spec, .. } | Op::SelectAndScatter { spec, .. } => {
            product(&spec.size).min(operands.first()?.elements())
        }
        Op::OverlapAdd { spec, .. } => product(&spec.size),
        Op::Cholesky | Op::TriangularSolve { .. } => *operands.first()?.shape.extents().last()?,
        // Rounds of the generator; comparisons of a sort.
        Op::RandomBits(_) | Op::Sort { .. } => 32,
        _ => 1,
    })
}

/// Reduction of `count` copies of one element.
fn reduce_splat(w: &mut Rewriter<'_>, kind: Reduction, value: Scalar, count: usize) -> Option<Scalar> {
    match kind {
        Reduction::Max | Reduction::Min | Reduction::And | Reduction::Or if count > 0 => return Some(value),
        Reduction::Add => {
            if let Some(sum) = exact_multiple(value, count) {
                return Some(sum);
            }
        }
        Reduction::Mul | Reduction::Max | Reduction::Min | Reduction::And | Reduction::Or => {}
    }
    if count > MAX_OPERAND || !w.may_evaluate(count) {
        return None;
    }
    let line = Literal::splat(value, Shape::new(&[count]).ok()?);
    evaluate(&Op::Reduce { kind, axes: [0].into() }, &[line])?.as_splat()
}

/// What a reduction over no elements gives.
pub(crate) fn identity_of_reduction(kind: Reduction, like: Scalar) -> Option<Scalar> {
    let none = Literal::splat(like, Shape::new(&[0]).ok()?);
    evaluate(&Op::Reduce { kind, axes: [0].into() }, &[none])?.as_splat()
}

/// What a dot without terms gives.
pub(crate) fn identity_of_dot(like: Scalar) -> Option<Scalar> {
    let none = Literal::splat(like, Shape::new(&[0]).ok()?);
    evaluate(&inner_product(), &[none.clone(), none])?.as_splat()
}

fn inner_product() -> Op {
    let dims = DotDims { lhs_contract: [0].into(), rhs_contract: [0].into(), ..DotDims::default() };
    Op::Dot(Box::new(dims))
}

/// The sum of `count` copies of `value` if it is the same in any order of accumulation.
///
/// Integers wrap, so always. A float is `m 2^e` with `m` odd, and every partial sum is a multiple of `2^e`: all are
/// exact while `count |m|` fits the significand. Infinities and NaN absorb. A sum of -0.0 depends on what it starts with.
pub(crate) fn exact_multiple(value: Scalar, count: usize) -> Option<Scalar> {
    match value {
        Scalar::I32(x) => Some(Scalar::I32(x.wrapping_mul(count as i32))),
        Scalar::I64(x) => Some(Scalar::I64(x.wrapping_mul(count as i64))),
        Scalar::U8(x) => Some(Scalar::U8(x.wrapping_mul(count as u8))),
        Scalar::Bool(_) => None,
        Scalar::F32(x) => exact_float_multiple(f64::from(x), count, 24).map(|sum| Scalar::F32(sum as f32)),
        Scalar::F64(x) => exact_float_multiple(x, count, 53).map(Scalar::F64),
    }
}

fn exact_float_multiple(x: f64, count: usize, significand_bits: u32) -> Option<f64> {
    if count == 0 || (x == 0.0 && x.is_sign_negative()) {
        return None;
    }
    if !x.is_finite() {
        return Some(x);
    }
    let fraction = x.to_bits() & ((1 << 52) - 1);
    let significand = if x.is_subnormal() || x == 0.0 { fraction } else { fraction | (1 << 52) };
    let odd = significand >> significand.trailing_zeros().min(63);
    let exact = u128::from(odd) * count as u128 <= 1u128 << significand_bits;
    exact.then_some(x * count as f64)
}

fn splats(w: &Rewriter<'_>, args: &[Value]) -> Option<Vec<Scalar>> {
    args.iter().map(|&arg| w.splat_of(arg)).collect()
}

/// An elementwise operation on scalars.
pub(crate) fn evaluate_scalars(op: &Op, args: &[Scalar]) -> Option<Scalar> {
    let literals: Vec<Literal> = args.iter().map(|&x| Literal::splat(x, Shape::scalar())).collect();
    evaluate(op, &literals)?.as_splat()
}

/// An operation other than a call on known tensors; `None` if the interpreter refuses.
fn evaluate(op: &Op, args: &[Literal]) -> Option<Literal> {
    let types: Vec<&Type> = args.iter().map(Literal::ty).collect();
    let result = pullback_ir::infer::infer(&pullback_ir::Module::new(), op, &types, &[]).ok()?.pop()?;
    let arrays: Vec<Array> = args.iter().map(array).collect();
    evaluate_arrays(op, &arrays, &result)
}

fn evaluate_arrays(op: &Op, args: &[Array], result: &Type) -> Option<Literal> {
    let args: Vec<&Array> = args.iter().collect();
    let array = evaluate_op(op, &args, result).ok()?;
    Literal::dense(array.shape, array.elements).filter(|literal| literal.ty() == result)
}

fn array(literal: &Literal) -> Array {
    Array { shape: literal.ty().shape.clone(), elements: literal.to_elements() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_multiple_is_exact_only_while_it_fits_the_significand() {
        let sum = |x: f32, n| exact_multiple(Scalar::F32(x), n);
        assert_eq!(sum(1.0, 1 << 24), Some(Scalar::F32(16_777_216.0)));
        assert_eq!(sum(1.0, (1 << 24) + 1), None);
        assert_eq!(sum(0.75, 3), Some(Scalar::F32(2.25)));
        assert_eq!(sum(0.1, 3), None);
        assert_eq!(sum(-0.5, 3), Some(Scalar::F32(-1.5)));
        assert_eq!(sum(0.0, usize::MAX), Some(Scalar::F32(0.0)));
        assert_eq!(sum(-0.0, 3), None);
        assert_eq!(sum(f32::INFINITY, 3), Some(Scalar::F32(f32::INFINITY)));
        assert_eq!(exact_multiple(Scalar::I32(i32::MAX), 2), Some(Scalar::I32(-2)));
        assert_eq!(exact_multiple(Scalar::F64(5e-324), 3), Some(Scalar::F64(1.5e-323)));
    }
}
