//! Operations wrapped so that values stay moderate and inside the domains.
//!
//! Invariant: if the float operands are between -4 and 4, or a little more, so are the results, and no derivative is
//! singular between. Programs built of these do not blow up and are well conditioned, however long.

use pullback_ir::{Binary, Builder, Reduction, Unary, Value};

/// `factor x`.
pub fn scale(b: &Builder<'_>, x: Value, factor: f64) -> Value {
    let factor = b.splat_like(x, factor);
    b.mul(x, factor)
}

/// `x^2 + 1/2`: positive, and far from 0.
pub fn positive(b: &Builder<'_>, x: Value) -> Value {
    let half = b.splat_like(x, 0.5);
    b.add(b.mul(x, x), half)
}

/// An elementwise operation of one float.
pub fn unary(b: &Builder<'_>, op: Unary, x: Value) -> Value {
    match op {
        Unary::Neg
        | Unary::Abs
        | Unary::Sign
        | Unary::Not
        | Unary::Floor
        | Unary::Ceil
        | Unary::Round
        | Unary::Sin
        | Unary::Cos
        | Unary::Atan
        | Unary::Tanh
        | Unary::Logistic
        | Unary::Erf
        | Unary::Erfc
        | Unary::BesselI0e
        | Unary::BesselI1e
        | Unary::PopulationCount
        | Unary::StopGradient => b.unary(op, x),
        Unary::Exp | Unary::Expm1 => scale(b, b.unary(op, x), 1.0 / 16.0),
        Unary::Exp2 => scale(b, b.unary(op, x), 0.25),
        Unary::Sinh | Unary::Cosh => scale(b, b.unary(op, x), 0.125),
        Unary::Log | Unary::Sqrt | Unary::Rsqrt | Unary::Cbrt => b.unary(op, positive(b, x)),
        // On [1, 17], well away from the poles.
        Unary::Lgamma => scale(b, b.unary(op, b.add(positive(b, x), b.splat_like(x, 0.5))), 0.125),
        Unary::Digamma => b.unary(op, b.add(positive(b, x), b.splat_like(x, 0.5))),
        Unary::ErfInv => b.unary(op, scale(b, b.sin(x), 0.8)),
        Unary::Log2 => scale(b, b.unary(op, positive(b, x)), 0.5),
        Unary::Log1p => b.unary(op, b.mul(x, x)),
        Unary::Tan => b.unary(op, b.sin(x)),
        Unary::Asin | Unary::Acos => b.unary(op, scale(b, b.sin(x), 0.8)),
    }
}

/// An elementwise operation of two floats.
pub fn binary(b: &Builder<'_>, op: Binary, x: Value, y: Value) -> Value {
    match op {
        Binary::Add | Binary::Sub => scale(b, b.binary(op, x, y), 0.5),
        Binary::Mul => scale(b, b.binary(op, x, y), 0.25),
        Binary::Div => scale(b, b.div(x, positive(b, y)), 0.5),
        Binary::Rem | Binary::Atan2 => b.binary(op, x, positive(b, y)),
        Binary::Pow => scale(b, b.pow(positive(b, x), b.sin(y)), 0.25),
        Binary::Max
        | Binary::Min
        | Binary::And
        | Binary::Or
        | Binary::Xor
        | Binary::ShiftLeft
        | Binary::ShiftRight
        | Binary::ShiftRightLogical => b.binary(op, x, y),
        // The order is constant: it has no derivative.
        Binary::Polygamma => {
            let argument = b.add(positive(b, y), b.splat_like(y, 0.5));
            scale(b, b.binary(op, b.splat_like(x, 1.0), argument), 0.5)
        }
    }
}

/// A reduction of floats over axes with `count` positions, through `reduce`; `None` for a long product.
pub fn reduction(
    b: &Builder<'_>,
    kind: Reduction,
    x: Value,
    count: usize,
    reduce: impl Fn(Value) -> Value,
) -> Option<Value> {
    match kind {
        Reduction::Add => Some(scale(b, reduce(x), 1.0 / count.max(1) as f64)),
        // Factors from 0.85 to 1.15.
        Reduction::Mul => (count <= 8).then(|| {
            let one = b.splat_like(x, 1.0);
            reduce(b.add(one, scale(b, b.sin(x), 0.15)))
        }),
        // Over nothing these are infinite.
        Reduction::Max | Reduction::Min => (count > 0).then(|| reduce(x)),
        Reduction::And | Reduction::Or => Some(reduce(x)),
    }
}
