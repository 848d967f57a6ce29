//! JVP rules of the elementwise operations of two operands.

use pullback_ir::{Binary, Builder, Comparison, DType, Unary, Value};

use super::{NoRule, Site, Tangent};
use crate::emit;

/// Builds the tangent of the result of `op`.
pub(super) fn rule(b: &Builder<'_>, op: Binary, site: &Site<'_>) -> Tangent {
    let [x, y] = site.operands()?;
    let [x_t, y_t] = site.tangents()?;
    let z = site.result;
    let tangent = match op {
        Binary::Add => emit::sum(b, x_t, y_t),
        Binary::Sub => difference(b, x_t, y_t),
        Binary::Mul => product(b, [x, y], [x_t, y_t]),
        // x_t / y - x y_t / y^2 with one division, also in the transpose.
        Binary::Div => difference(b, x_t, y_t.map(|y_t| b.mul(y_t, z))).map(|t| b.div(t, y)),
        Binary::Rem => {
            // trunc(x / y) is exactly integral; the rounding removes what the division added.
            let quotient = || b.unary(Unary::Round, b.div(b.sub(x, z), y));
            difference(b, x_t, y_t.map(|y_t| b.mul(y_t, quotient())))
        }
        Binary::Pow => {
            let base = x_t.and_then(|x_t| pow_base(b, x, y, x_t));
            let exponent = y_t.map(|y_t| pow_exponent(b, x, y, z, y_t));
            emit::sum(b, base, exponent)
        }
        Binary::Atan2 => {
            // (x_t y - y_t x) / (x^2 + y^2), divided by the larger of the two first: no square leaves the range of the type.
            let one = b.splat_like(x, 1.0);
            let steep = b.compare(Comparison::Gt, b.abs(x), b.abs(y));
            let larger = b.select(steep, x, y);
            let ratio = b.div(b.select(steep, y, x), larger);
            let first = x_t.map(|x_t| b.mul(x_t, b.select(steep, ratio, one)));
            let second = y_t.map(|y_t| b.mul(y_t, b.select(steep, one, ratio)));
            let square = b.add(b.mul(ratio, ratio), one);
            difference(b, first, second).map(|t| b.div(b.div(t, square), larger))
        }
        Binary::Max => extremum(b, [x, y], [x_t, y_t], Comparison::Ge, Comparison::Le),
        Binary::Min => extremum(b, [x, y], [x_t, y_t], Comparison::Le, Comparison::Ge),
        Binary::And | Binary::Or | Binary::Xor => return Err(NoRule),
        Binary::ShiftLeft | Binary::ShiftRight | Binary::ShiftRightLogical => return Err(NoRule),
        // The driver has refused a tangent of the order.
        Binary::Polygamma => {
            let next = b.add(x, b.splat_like(x, 1.0));
            y_t.map(|y_t| b.mul(y_t, b.binary(Binary::Polygamma, next, y)))
        }
    };
    Ok(tangent)
}

/// Why `op` cannot be differentiated by the operand at a position, if that is so.
pub(super) fn refusal(op: Binary, position: usize) -> Option<&'static str> {
    (op == Binary::Polygamma && position == 0).then_some(
        "its order is an integer, so there is no derivative with respect to it; apply stop_gradient to the order if it \
         is to be a constant",
    )
}

/// `x - y`, where `None` is a symbolic zero.
fn difference(b: &Builder<'_>, x: Option<Value>, y: Option<Value>) -> Option<Value> {
    match (x, y) {
        (Some(x), Some(y)) => Some(b.sub(x, y)),
        (None, Some(y)) => Some(b.neg(y)),
        (x, None) => x,
    }
}

/// `x_t y + x y_t`; for a square, one product with `2 x`.
fn product(b: &Builder<'_>, [x, y]: [Value; 2], [x_t, y_t]: [Option<Value>; 2]) -> Option<Value> {
    match x_t {
        Some(x_t) if x == y => Some(b.mul(x_t, b.add(x, x))),
        _ => emit::sum(b, x_t.map(|x_t| b.mul(x_t, y)), y_t.map(|y_t| b.mul(y_t, x))),
    }
}

/// `x_t y x^(y - 1)`, and 0 where y is 0.
fn pow_base(b: &Builder<'_>, x: Value, y: Value, x_t: Value) -> Option<Value> {
    if let Some(y) = emit::splat_of(b, y) {
        return pow_base_constant(b, x, y, x_t);
    }
    // Where y is 0 the power is 1 / x, which must stay finite for 0 times it to be 0: 1 stands for x where it would
    // not.
    let ty = b.ty(x);
    let tiny = if ty.dtype == DType::F32 { f64::from(f32::MIN_POSITIVE) } else { f64::MIN_POSITIVE };
    let vanishes = b.compare(Comparison::Lt, b.abs(x), b.splat(&ty, tiny));
    let guarded = b.and(b.compare(Comparison::Eq, y, b.splat(&ty, 0.0)), vanishes);
    let base = b.select(guarded, b.splat(&ty, 1.0), x);
    let power = b.pow(base, b.sub(y, b.splat(&ty, 1.0)));
    Some(b.mul(x_t, b.mul(y, power)))
}

/// As [`pow_base`] for an exponent known now; small powers are products.
fn pow_base_constant(b: &Builder<'_>, x: Value, y: f64, x_t: Value) -> Option<Value> {
    let c = |value: f64| b.splat_like(x, value);
    if y == 0.0 {
        return None;
    } else if y == 1.0 {
        return Some(x_t);
    } else if y == 2.0 {
        return Some(b.mul(x_t, b.add(x, x)));
    }
    let power = if y == 3.0 { b.mul(x, x) } else { b.pow(x, c(y - 1.0)) };
    Some(b.mul(x_t, b.mul(power, c(y))))
}

/// `y_t x^y log(x)`, and 0 where x is 0 and y is positive.
fn pow_exponent(b: &Builder<'_>, x: Value, y: Value, z: Value, y_t: Value) -> Value {
    if let Some(x) = emit::splat_of(b, x).filter(|&x| x > 0.0) {
        return b.mul(y_t, b.mul(z, b.splat_like(y, x.ln())));
    }
    let zero = emit::zero(b, &b.ty(x));
    let guarded = b.and(b.compare(Comparison::Eq, x, zero), b.compare(Comparison::Gt, y, zero));
    let log = b.log(b.select(guarded, b.splat_like(x, 1.0), x));
    b.mul(y_t, b.mul(z, log))
}

/// Of the operand that wins; one half of each in a tie. `x_wins` and `y_wins` both hold in a tie.
fn extremum(
    b: &Builder<'_>,
    [x, y]: [Value; 2],
    [x_t, y_t]: [Option<Value>; 2],
    x_wins: Comparison,
    y_wins: Comparison,
) -> Option<Value> {
    let ty = b.ty(x);
    let share = b.select(b.compare(Comparison::Eq, x, y), b.splat(&ty, 0.5), b.splat(&ty, 1.0));
    let zero = emit::zero(b, &ty);
    let part = |wins: Comparison, t: Value| b.select(b.compare(wins, x, y), b.mul(t, share), zero);
    let from_x = x_t.map(|x_t| part(x_wins, x_t));
    let from_y = y_t.map(|y_t| part(y_wins, y_t));
    emit::sum(b, from_x, from_y)
}
