//! Rules of sums, products, quotients, powers and extrema.
//!
//! Each comment says why a rule holds for the operands that one would forget.

use pullback_ir::{Binary, Cumulation, DType, Op, Reduction, Scalar, Unary, Value};

use crate::rewriter::{Rewriter, Rule};
use crate::rules::constants::evaluate_scalars;

/// For operations whose operands may change places, the other rules look for constants on the right alone.
pub(crate) const COMMUTATIVE: &[Rule] =
    &[Rule { name: "constant_to_right", about: "c op x = x op c", apply: constant_to_right }];

pub(crate) const NEG: &[Rule] = &[
    Rule { name: "neg_of_neg", about: "-(-x) = x", apply: neg_of_neg },
    Rule { name: "neg_of_scaled", about: "-(x c) = x (-c)", apply: neg_of_scaled },
    Rule { name: "neg_of_difference", about: "-(x - y) = y - x, integers", apply: neg_of_difference },
];

pub(crate) const ABS: &[Rule] = &[
    Rule { name: "abs_of_neg", about: "|-x| = |x|", apply: abs_of_neg },
    Rule { name: "abs_of_abs", about: "||x|| = |x|", apply: idempotent },
];

pub(crate) const IDEMPOTENT: &[Rule] =
    &[Rule { name: "idempotent", about: "f(f(x)) = f(x) for sign, floor, ceil, round_half_even", apply: idempotent }];

pub(crate) const ADD: &[Rule] = &[
    Rule { name: "add_zero", about: "x + -0.0 = x; x + 0 = x for integers and where x is never -0.0", apply: add_zero },
    Rule {
        name: "add_zero_to_sum",
        about: "x + 0.0 = x for a sum or dot product x, of which it is one more term",
        apply: add_zero_to_sum,
    },
    Rule { name: "add_neg", about: "x + (-y) = x - y, (-x) + y = y - x", apply: add_neg },
    Rule {
        name: "add_neg_product",
        about: "x + (-a) b = x - a b, (-a) b + y = y - a b, floats",
        apply: add_neg_product,
    },
    Rule { name: "add_constants", about: "(x + c) + d = x + (c + d), integers", apply: merge_constants },
];

pub(crate) const SUB: &[Rule] = &[
    Rule { name: "sub_zero", about: "x - 0.0 = x", apply: sub_zero },
    Rule { name: "sub_neg", about: "x - (-y) = x + y", apply: sub_neg },
    Rule { name: "sub_neg_product", about: "x - (-a) b = x + a b, floats", apply: sub_neg_product },
    Rule { name: "sub_from_zero", about: "-0.0 - x = -x; 0 - x = -x for integers", apply: sub_from_zero },
    Rule { name: "sub_self", about: "x - x = 0, integers", apply: sub_self },
];

pub(crate) const MUL: &[Rule] = &[
    Rule { name: "mul_one", about: "x 1 = x", apply: mul_one },
    Rule { name: "mul_minus_one", about: "x (-1) = -x", apply: mul_minus_one },
    Rule { name: "mul_zero", about: "x 0 = 0, integers", apply: mul_zero },
    Rule { name: "mul_negs", about: "(-x) (-y) = x y", apply: negs_cancel },
    Rule { name: "mul_neg_constant", about: "(-x) c = x (-c)", apply: mul_neg_constant },
    Rule { name: "mul_constants", about: "(x c) d = x (c d), integers", apply: merge_constants },
];

pub(crate) const DIV: &[Rule] = &[
    Rule { name: "div_one", about: "x / 1 = x", apply: div_one },
    Rule { name: "div_minus_one", about: "x / -1 = -x", apply: div_minus_one },
    Rule { name: "div_negs", about: "(-x) / (-y) = x / y, floats", apply: div_negs },
    Rule { name: "div_power_of_two", about: "x / 2^k = x 2^-k, floats", apply: div_power_of_two },
];

pub(crate) const REM: &[Rule] = &[Rule { name: "rem_one", about: "x rem 1 = x rem -1 = 0, integers", apply: rem_one }];

pub(crate) const POW: &[Rule] = &[
    Rule { name: "pow_zero", about: "x^0 = 1", apply: pow_zero },
    Rule { name: "pow_one", about: "x^1 = x", apply: pow_one },
    Rule { name: "pow_two", about: "x^2 = x x", apply: pow_two },
    Rule { name: "pow_minus_one", about: "x^-1 = 1 / x", apply: pow_minus_one },
];

pub(crate) const EXTREMUM: &[Rule] = &[
    Rule { name: "extremum_self", about: "max(x, x) = min(x, x) = x", apply: extremum_self },
    Rule {
        name: "extremum_neutral",
        about: "max(x, -inf) = min(x, inf) = x; integers: with the least and the greatest value",
        apply: extremum_neutral,
    },
    Rule { name: "extremum_again", about: "max(max(x, y), y) = max(x, y), likewise min", apply: extremum_again },
];

fn pair(args: &[Value]) -> Option<(Value, Value)> {
    if let &[x, y] = args { Some((x, y)) } else { None }
}

fn constant_to_right(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (x, y) = pair(args)?;
    (w.is_constant(x) && !w.is_constant(y)).then(|| w.emit(op.clone(), &[y, x]))
}

fn is_float(w: &Rewriter<'_>, value: Value) -> bool {
    w.dtype(value).is_float()
}

/// The constant `-c` where `value` repeats `c`.
fn negated_splat(w: &mut Rewriter<'_>, value: Value) -> Option<Value> {
    let negated = evaluate_scalars(&Op::Unary(Unary::Neg), &[w.splat_of(value)?])?;
    let shape = w.ty(value).shape;
    Some(w.splat(negated, shape))
}

/// Functions whose results have no sign bit, but for NaN.
const POSITIVE: [Unary; 7] =
    [Unary::Abs, Unary::Exp, Unary::Exp2, Unary::Logistic, Unary::Cosh, Unary::Erfc, Unary::Acos];

/// Whether an element of `value` can be shown never to be -0.0, looking at most `depth` definitions back.
fn is_never_minus_zero(w: &Rewriter<'_>, value: Value, depth: usize) -> bool {
    if !is_float(w, value) {
        return true;
    }
    let Some(depth) = depth.checked_sub(1) else { return false };
    let Some((op, args)) = w.matching(value, |op| Some(op.clone())) else { return false };
    let never = |position: usize| args.get(position).is_some_and(|&arg| is_never_minus_zero(w, arg, depth));
    match op {
        Op::Constant(literal) => literal.stored().iter().all(|x| x != Scalar::from_f64(x.dtype(), -0.0)),
        Op::Iota { .. } => true,
        Op::Unary(Unary::Sign | Unary::Sqrt) => never(0),
        Op::Unary(unary) => POSITIVE.contains(&unary),
        // A sum is -0.0 only if both terms are; one that cancels is 0.0.
        Op::Binary(Binary::Add) => never(0) || never(1),
        // x - y = x + (-y), and 0.0 - 0.0 = 0.0.
        Op::Binary(Binary::Sub) => never(0),
        // A square; a product of other factors can be a negative number that underflows.
        Op::Binary(Binary::Mul) => args.first() == args.get(1),
        // The larger of -0.0 and 0.0 is 0.0.
        Op::Binary(Binary::Max) => (never(0) && never(1)) || args.iter().any(|&arg| w.is_splat(arg, 0.0)),
        Op::Binary(Binary::Min) => never(0) && never(1),
        Op::Binary(
            Binary::Div
            | Binary::Rem
            | Binary::Pow
            | Binary::Atan2
            | Binary::And
            | Binary::Or
            | Binary::Xor
            | Binary::ShiftLeft
            | Binary::ShiftRight
            | Binary::ShiftRightLogical
            | Binary::Polygamma,
        ) => false,
        Op::Select => never(1) && never(2),
        // Integers and truth values have no -0.0; a narrower float may be the rounding of a negative number.
        Op::Convert(_) => args.first().is_some_and(|&x| !is_float(w, x)),
        Op::Broadcast(_)
        | Op::Reshape(_)
        | Op::Transpose(_)
        | Op::Reverse(_)
        | Op::Slice(_)
        | Op::Windows(_)
        | Op::DynamicSlice(_)
        // What it drops it makes 0.0.
        | Op::Gather(_)
        | Op::Cumulative { kind: Cumulation::Max | Cumulation::Min, .. } => never(0),
        Op::Pad(_) | Op::DynamicUpdateSlice => never(0) && never(1),
        Op::Reduce { kind: Reduction::Max | Reduction::Min, .. } => never(0),
        Op::Compare(_)
        | Op::IsFinite
        | Op::Clamp
        | Op::Concatenate { .. }
        | Op::Reduce { .. }
        | Op::Dot(_)
        | Op::Call(_)
        | Op::Bitcast(_)
        | Op::Barrier
        | Op::ArgReduce { .. }
        | Op::Cumulative { .. }
        | Op::Scatter { .. }
        | Op::OverlapAdd { .. }
        | Op::ReduceWindow { .. }
        | Op::SelectAndScatter { .. }
        | Op::Conv(_)
        | Op::Sort { .. }
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
        | Op::Checkpoint => false,
    }
}

fn neg_of_neg(w: &mut Rewriter<'_>, _: &Op, args: &[Value]) -> Option<Value> {
    w.unary(*args.first()?, Unary::Neg)
}

fn neg_of_scaled(w: &mut Rewriter<'_>, _: &Op, args: &[Value]) -> Option<Value> {
    let (x, c) = w.binary(*args.first()?, Binary::Mul)?;
    let negated = negated_splat(w, c)?;
    Some(w.emit_binary(Binary::Mul, x, negated))
}

fn neg_of_difference(w: &mut Rewriter<'_>, _: &Op, args: &[Value]) -> Option<Value> {
    let (x, y) = w.binary(*args.first()?, Binary::Sub)?;
    (!is_float(w, x)).then(|| w.emit_binary(Binary::Sub, y, x))
}

fn abs_of_neg(w: &mut Rewriter<'_>, _: &Op, args: &[Value]) -> Option<Value> {
    let x = w.unary(*args.first()?, Unary::Neg)?;
    // Unsigned: |x| = x, but |-x| = 2^8 - x.
    (w.dtype(x) != DType::U8).then(|| w.emit_unary(Unary::Abs, x))
}

fn idempotent(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let x = *args.first()?;
    w.matching(x, |inner| (inner == op).then_some(())).map(|_| x)
}

fn add_zero(w: &mut Rewriter<'_>, _: &Op, args: &[Value]) -> Option<Value> {
    let (x, y) = pair(args)?;
    // -0.0 is the neutral element: 0.0 + -0.0 = 0.0 and -0.0 + -0.0 = -0.0. As an integer it is 0.
    let neutral = w.is_splat(y, -0.0) || (w.is_splat(y, 0.0) && is_never_minus_zero(w, x, 4));
    neutral.then_some(x)
}

/// Only the sign of a sum that is zero could change, and how sums are accumulated decides about that.
fn add_zero_to_sum(w: &mut Rewriter<'_>, _: &Op, args: &[Value]) -> Option<Value> {
    let (x, y) = pair(args)?;
    let mut sum = x;
    while let Some((_, operand)) = w.matching_one(sum, |op| is_view(op).then_some(())) {
        sum = operand;
    }
    let is_sum = |op: &Op| matches!(op, Op::Dot(_) | Op::Reduce { kind: Reduction::Add, .. });
    (w.is_splat(y, 0.0) && w.matching(sum, |op| is_sum(op).then_some(())).is_some()).then_some(x)
}

/// Whether the elements of a result are those of the operand.
const fn is_view(op: &Op) -> bool {
    matches!(op, Op::Reshape(_) | Op::Slice(_) | Op::Transpose(_) | Op::Broadcast(_) | Op::Reverse(_))
}

fn add_neg(w: &mut Rewriter<'_>, _: &Op, args: &[Value]) -> Option<Value> {
    let (x, y) = pair(args)?;
    if let Some(y) = w.unary(y, Unary::Neg) {
        return Some(w.emit_binary(Binary::Sub, x, y));
    }
    let x = w.unary(x, Unary::Neg)?;
    Some(w.emit_binary(Binary::Sub, y, x))
}

/// `(x op c) op d = x op (c op d)` for an associative operation on integers.
fn merge_constants(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (inner, d) = pair(args)?;
    let Op::Binary(binary) = op else { return None };
    if is_float(w, d) {
        return None;
    }
    let (x, c) = w.binary(inner, *binary)?;
    let merged = evaluate_scalars(op, &[w.splat_of(c)?, w.splat_of(d)?])?;
    let shape = w.ty(d).shape;
    let merged = w.splat(merged, shape);
    Some(w.emit(op.clone(), &[x, merged]))
}

fn sub_zero(w: &mut Rewriter<'_>, _: &Op, args: &[Value]) -> Option<Value> {
    let (x, y) = pair(args)?;
    w.is_splat(y, 0.0).then_some(x)
}

fn sub_neg(w: &mut Rewriter<'_>, _: &Op, args: &[Value]) -> Option<Value> {
    let (x, y) = pair(args)?;
    let y = w.unary(y, Unary::Neg)?;
    Some(w.emit_binary(Binary::Add, x, y))
}

/// `a b` where a value is `(-a) b` or `b (-a)`, and nothing else uses it: rounding is symmetric, so it is the negation of `a b`.
fn negated_product(w: &mut Rewriter<'_>, value: Value) -> Option<Value> {
    if !is_float(w, value) || !w.is_used_once(value) {
        return None;
    }
    let (x, y) = w.binary(value, Binary::Mul)?;
    let (a, b) = match (w.unary(x, Unary::Neg), w.unary(y, Unary::Neg)) {
        (Some(a), _) => (a, y),
        (None, Some(b)) => (x, b),
        (None, None) => return None,
    };
    Some(w.emit_binary(Binary::Mul, a, b))
}

fn add_neg_product(w: &mut Rewriter<'_>, _: &Op, args: &[Value]) -> Option<Value> {
    let (x, y) = pair(args)?;
    let (kept, product) = match negated_product(w, y) {
        Some(product) => (x, product),
        None => (y, negated_product(w, x)?),
    };
    Some(w.emit_binary(Binary::Sub, kept, product))
}

fn sub_neg_product(w: &mut Rewriter<'_>, _: &Op, args: &[Value]) -> Option<Value> {
    let (x, y) = pair(args)?;
    let product = negated_product(w, y)?;
    Some(w.emit_binary(Binary::Add, x, product))
}

fn sub_from_zero(w: &mut Rewriter<'_>, _: &Op, args: &[Value]) -> Option<Value> {
    let (x, y) = pair(args)?;
    w.is_splat(x, -0.0).then(|| w.emit_unary(Unary::Neg, y))
}

fn sub_self(w: &mut Rewriter<'_>, _: &Op, args: &[Value]) -> Option<Value> {
    let (x, y) = pair(args)?;
    (x == y && !is_float(w, x)).then(|| w.splat_like(x, 0.0))
}

fn mul_one(w: &mut Rewriter<'_>, _: &Op, args: &[Value]) -> Option<Value> {
    let (x, y) = pair(args)?;
    w.is_splat(y, 1.0).then_some(x)
}

/// Whether `value` repeats the element that multiplies as -1 does: for `u8` it is 255.
fn is_minus_one(w: &Rewriter<'_>, value: Value) -> bool {
    match w.splat_of(value) {
        Some(Scalar::U8(x)) => x == u8::MAX,
        Some(x) => x == Scalar::from_f64(x.dtype(), -1.0),
        None => false,
    }
}

fn mul_minus_one(w: &mut Rewriter<'_>, _: &Op, args: &[Value]) -> Option<Value> {
    let (x, y) = pair(args)?;
    is_minus_one(w, y).then(|| w.emit_unary(Unary::Neg, x))
}

fn mul_zero(w: &mut Rewriter<'_>, _: &Op, args: &[Value]) -> Option<Value> {
    let (x, y) = pair(args)?;
    (!is_float(w, x) && w.is_splat(y, 0.0)).then_some(y)
}

fn negs_cancel(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (x, y) = pair(args)?;
    let (x, y) = (w.unary(x, Unary::Neg)?, w.unary(y, Unary::Neg)?);
    Some(w.emit(op.clone(), &[x, y]))
}

fn mul_neg_constant(w: &mut Rewriter<'_>, _: &Op, args: &[Value]) -> Option<Value> {
    let (x, c) = pair(args)?;
    let x = w.unary(x, Unary::Neg)?;
    let negated = negated_splat(w, c)?;
    Some(w.emit_binary(Binary::Mul, x, negated))
}

fn div_one(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    mul_one(w, op, args)
}

fn div_minus_one(w: &mut Rewriter<'_>, _: &Op, args: &[Value]) -> Option<Value> {
    let (x, y) = pair(args)?;
    // `MIN / -1 = MIN = -MIN` for the signed integers. 255 is not -1 to a division.
    (w.dtype(x) != DType::U8 && is_minus_one(w, y)).then(|| w.emit_unary(Unary::Neg, x))
}

fn div_negs(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    // Integers: `1 / 0 = -1` and so is `-1 / 0`, but `-MIN = MIN` makes quotients change sign.
    if is_float(w, *args.first()?) { negs_cancel(w, op, args) } else { None }
}

fn div_power_of_two(w: &mut Rewriter<'_>, _: &Op, args: &[Value]) -> Option<Value> {
    let (x, y) = pair(args)?;
    let reciprocal = exact_reciprocal(w.splat_of(y)?)?;
    let shape = w.ty(y).shape;
    let reciprocal = w.splat(reciprocal, shape);
    Some(w.emit_binary(Binary::Mul, x, reciprocal))
}

/// `1 / c` if `c` is a power of two or its negative and both are normal numbers.
///
/// Then `x / c` and `x (1/c)` round the same real number.
fn exact_reciprocal(c: Scalar) -> Option<Scalar> {
    match c {
        Scalar::F32(c) => {
            let power = c.is_normal() && c.to_bits().trailing_zeros() >= 23;
            (power && c.recip().is_normal()).then(|| Scalar::F32(c.recip()))
        }
        Scalar::F64(c) => {
            let power = c.is_normal() && c.to_bits().trailing_zeros() >= 52;
            (power && c.recip().is_normal()).then(|| Scalar::F64(c.recip()))
        }
        Scalar::I32(_) | Scalar::I64(_) | Scalar::U8(_) | Scalar::Bool(_) => None,
    }
}

fn rem_one(w: &mut Rewriter<'_>, _: &Op, args: &[Value]) -> Option<Value> {
    let (x, y) = pair(args)?;
    let unit = w.is_splat(y, 1.0) || (w.dtype(y) != DType::U8 && w.is_splat(y, -1.0));
    (unit && !is_float(w, x)).then(|| w.splat_like(x, 0.0))
}

fn pow_zero(w: &mut Rewriter<'_>, _: &Op, args: &[Value]) -> Option<Value> {
    let (x, y) = pair(args)?;
    // Of NaN too.
    (w.is_splat(y, 0.0) || w.is_splat(y, -0.0)).then(|| w.splat_like(x, 1.0))
}

fn pow_one(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    mul_one(w, op, args)
}

fn pow_two(w: &mut Rewriter<'_>, _: &Op, args: &[Value]) -> Option<Value> {
    let (x, y) = pair(args)?;
    w.is_splat(y, 2.0).then(|| w.emit_binary(Binary::Mul, x, x))
}

fn pow_minus_one(w: &mut Rewriter<'_>, _: &Op, args: &[Value]) -> Option<Value> {
    let (x, y) = pair(args)?;
    // pow(-0.0, -1) = -inf = 1 / -0.0.
    w.is_splat(y, -1.0).then(|| {
        let one = w.splat_like(x, 1.0);
        w.emit_binary(Binary::Div, one, x)
    })
}

fn extremum_self(_: &mut Rewriter<'_>, _: &Op, args: &[Value]) -> Option<Value> {
    let (x, y) = pair(args)?;
    (x == y).then_some(x)
}

fn extremum_neutral(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (x, y) = pair(args)?;
    // Conversion saturates, so that these are the ends of the integers' ranges too.
    let neutral = if *op == Op::Binary(Binary::Max) { f64::NEG_INFINITY } else { f64::INFINITY };
    w.is_splat(y, neutral).then_some(x)
}

fn extremum_again(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (x, y) = pair(args)?;
    let again = |inner: Value, other: Value| {
        let (_, parts) = w.matching(inner, |found| (found == op).then_some(()))?;
        parts.contains(&other).then_some(inner)
    };
    again(x, y).or_else(|| again(y, x))
}
