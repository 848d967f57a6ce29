//! What every elementwise operation means, said once on [`Scalar`]s.
//!
//! The interpreter maps these functions over arrays; constant folding calls them as they are. Each family is one match
//! without a wildcard arm. A function gives `None` exactly if an operand's element type is outside the operation's domain or
//! the operands differ in type, which a verified module rules out.
//!
//! # Numerics
//!
//! * Integers wrap modulo 2^n. Division truncates towards zero; `x / 0` has all bits set (-1, or 255 for `u8`) and
//!   `MIN / -1 = MIN`; `x rem 0 = x` and `MIN rem -1 = 0`, so `x = (x / y) * y + x rem y` always holds.
//! * `f32` and `f64` arithmetic is IEEE 754, round to nearest even. `rem` is C's `fmod`: exact, sign of the dividend.
//! * The functions are those of the `libm` crate and of [`special`], in `f64`; an `f32` result is the `f64` result rounded once.
//! * `max` and `min` are IEEE 754-2019 `maximum` and `minimum`: NaN if either is, and `-0 < +0`.
//! * `neg` and `abs` change the sign bit and nothing else, NaN included. The payload and sign of any other NaN result is unspecified.
//! * Shifts by an amount that is negative or not below the number of bits give 0, an arithmetic shift to the right all sign bits.
//! * Conversion: float to integer truncates and saturates, NaN gives 0; integer to integer wraps; number to `bool` is
//!   `x != 0`, true for NaN; `bool` to number is 0 or 1; to a narrower float and from integers to float rounds once to nearest even.

use std::cmp::Ordering;

use pullback_ir::{Binary, Comparison, DType, Reduction, Scalar, Unary};

use crate::special;

/// An elementwise operation of one operand.
#[must_use]
pub fn unary(op: Unary, x: Scalar) -> Option<Scalar> {
    match op {
        Unary::Neg => neg(x),
        Unary::Abs => abs(x),
        Unary::Sign => sign(x),
        Unary::Not => match x {
            Scalar::Bool(x) => Some(Scalar::Bool(!x)),
            Scalar::I32(x) => Some(Scalar::I32(!x)),
            Scalar::I64(x) => Some(Scalar::I64(!x)),
            Scalar::U8(x) => Some(Scalar::U8(!x)),
            Scalar::F32(_) | Scalar::F64(_) => None,
        },
        Unary::Floor => function(x, libm::floor),
        Unary::Ceil => function(x, libm::ceil),
        Unary::Round => function(x, libm::rint),
        Unary::Exp => function(x, libm::exp),
        Unary::Exp2 => function(x, libm::exp2),
        Unary::Expm1 => function(x, libm::expm1),
        Unary::Log => function(x, libm::log),
        Unary::Log2 => function(x, libm::log2),
        Unary::Log1p => function(x, libm::log1p),
        Unary::Sqrt => function(x, libm::sqrt),
        Unary::Rsqrt => function(x, |x| 1.0 / libm::sqrt(x)),
        Unary::Cbrt => function(x, libm::cbrt),
        Unary::Sin => function(x, libm::sin),
        Unary::Cos => function(x, libm::cos),
        Unary::Tan => function(x, libm::tan),
        Unary::Asin => function(x, libm::asin),
        Unary::Acos => function(x, libm::acos),
        Unary::Atan => function(x, libm::atan),
        Unary::Sinh => function(x, libm::sinh),
        Unary::Cosh => function(x, libm::cosh),
        Unary::Tanh => function(x, libm::tanh),
        Unary::Logistic => function(x, logistic),
        Unary::Erf => function(x, libm::erf),
        Unary::Erfc => function(x, libm::erfc),
        Unary::ErfInv => function(x, special::erf_inv),
        Unary::Lgamma => function(x, special::lgamma),
        Unary::Digamma => function(x, special::digamma),
        Unary::BesselI0e => function(x, special::bessel_i0e),
        Unary::BesselI1e => function(x, special::bessel_i1e),
        Unary::PopulationCount => match x {
            Scalar::I32(x) => Some(Scalar::I32(x.count_ones() as i32)),
            Scalar::I64(x) => Some(Scalar::I64(x.count_ones().into())),
            Scalar::U8(x) => Some(Scalar::U8(x.count_ones() as u8)),
            Scalar::F32(_) | Scalar::F64(_) | Scalar::Bool(_) => None,
        },
        Unary::StopGradient => Some(x),
    }
}

/// An elementwise operation of two operands of one type.
#[must_use]
pub fn binary(op: Binary, x: Scalar, y: Scalar) -> Option<Scalar> {
    match op {
        Binary::Add => arithmetic(x, y, Arithmetic { float: |x, y| x + y, int: i64::wrapping_add }),
        Binary::Sub => arithmetic(x, y, Arithmetic { float: |x, y| x - y, int: i64::wrapping_sub }),
        Binary::Mul => arithmetic(x, y, Arithmetic { float: |x, y| x * y, int: i64::wrapping_mul }),
        Binary::Div => arithmetic(x, y, Arithmetic { float: |x, y| x / y, int: div_int }),
        Binary::Rem => arithmetic(x, y, Arithmetic { float: libm::fmod, int: rem_int }),
        Binary::Pow => function2(x, y, libm::pow),
        Binary::Atan2 => function2(x, y, libm::atan2),
        Binary::Max => arithmetic(x, y, Arithmetic { float: maximum, int: i64::max }),
        Binary::Min => arithmetic(x, y, Arithmetic { float: minimum, int: i64::min }),
        Binary::And => bitwise(x, y, |x, y| x & y),
        Binary::Or => bitwise(x, y, |x, y| x | y),
        Binary::Xor => bitwise(x, y, |x, y| x ^ y),
        Binary::ShiftLeft => shift(x, y, shift_left),
        Binary::ShiftRight => shift(x, y, shift_right),
        Binary::ShiftRightLogical => shift(x, y, shift_right_logical),
        Binary::Polygamma => function2(x, y, special::polygamma),
    }
}

/// An elementwise comparison. With a NaN, all predicates but `Ne` are false; `false < true`; `-0 = +0`.
#[must_use]
pub fn compare(predicate: Comparison, x: Scalar, y: Scalar) -> Option<bool> {
    let order = match (x, y) {
        (Scalar::F32(x), Scalar::F32(y)) => x.partial_cmp(&y),
        (Scalar::F64(x), Scalar::F64(y)) => x.partial_cmp(&y),
        (Scalar::I32(x), Scalar::I32(y)) => Some(x.cmp(&y)),
        (Scalar::I64(x), Scalar::I64(y)) => Some(x.cmp(&y)),
        (Scalar::U8(x), Scalar::U8(y)) => Some(x.cmp(&y)),
        (Scalar::Bool(x), Scalar::Bool(y)) => Some(x.cmp(&y)),
        (_, _) => return None,
    };
    Some(match predicate {
        Comparison::Eq => order == Some(Ordering::Equal),
        Comparison::Ne => order != Some(Ordering::Equal),
        Comparison::Lt => order == Some(Ordering::Less),
        Comparison::Le => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        Comparison::Gt => order == Some(Ordering::Greater),
        Comparison::Ge => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    })
}

/// Whether a float is neither infinite nor NaN.
#[must_use]
pub const fn is_finite(x: Scalar) -> Option<bool> {
    match x {
        Scalar::F32(x) => Some(x.is_finite()),
        Scalar::F64(x) => Some(x.is_finite()),
        Scalar::I32(_) | Scalar::I64(_) | Scalar::U8(_) | Scalar::Bool(_) => None,
    }
}

/// `on_true` if `predicate` holds, else `on_false`; the bits are kept.
#[must_use]
pub fn select(predicate: Scalar, on_true: Scalar, on_false: Scalar) -> Option<Scalar> {
    match predicate {
        Scalar::Bool(true) => Some(on_true),
        Scalar::Bool(false) => Some(on_false),
        Scalar::F32(_) | Scalar::F64(_) | Scalar::I32(_) | Scalar::I64(_) | Scalar::U8(_) => None,
    }
}

/// `min(max(x, low), high)`: NaN if any operand is, and `high` if `low > high`.
#[must_use]
pub fn clamp(low: Scalar, x: Scalar, high: Scalar) -> Option<Scalar> {
    binary(Binary::Min, binary(Binary::Max, x, low)?, high)
}

/// Conversion to another element type; see the module's header.
#[must_use]
pub fn convert(x: Scalar, to: DType) -> Scalar {
    macro_rules! number {
        ($x:expr) => {
            match to {
                DType::F32 => Scalar::F32($x as f32),
                DType::F64 => Scalar::F64($x as f64),
                DType::I32 => Scalar::I32($x as i32),
                DType::I64 => Scalar::I64($x as i64),
                DType::U8 => Scalar::U8($x as u8),
                DType::Bool => Scalar::Bool($x as f64 != 0.0),
            }
        };
    }
    match x {
        // Conversion to the same type keeps the bits, those of a NaN too.
        _ if x.dtype() == to => x,
        // `as` truncates, saturates and sends NaN to 0; the nearest f64 of a number is 0 only if the number is.
        Scalar::F32(x) => number!(x),
        Scalar::F64(x) => number!(x),
        Scalar::I32(x) => number!(x),
        Scalar::I64(x) => number!(x),
        Scalar::U8(x) => number!(x),
        Scalar::Bool(x) => number!(u8::from(x)),
    }
}

/// The bits of an element as one of another type of the same width; a truth value is as wide as itself alone.
#[must_use]
pub const fn bitcast(x: Scalar, to: DType) -> Option<Scalar> {
    Some(match (x, to) {
        (Scalar::F32(x), DType::I32) => Scalar::I32(x.to_bits().cast_signed()),
        (Scalar::I32(x), DType::F32) => Scalar::F32(f32::from_bits(x.cast_unsigned())),
        (Scalar::F64(x), DType::I64) => Scalar::I64(x.to_bits().cast_signed()),
        (Scalar::I64(x), DType::F64) => Scalar::F64(f64::from_bits(x.cast_unsigned())),
        (Scalar::F32(_), DType::F32)
        | (Scalar::F64(_), DType::F64)
        | (Scalar::I32(_), DType::I32)
        | (Scalar::I64(_), DType::I64)
        | (Scalar::U8(_), DType::U8)
        | (Scalar::Bool(_), DType::Bool) => x,
        (_, _) => return None,
    })
}

/// The value of a reduction over no elements: 0, 1, the least and the greatest value (∓inf for floats), true, false.
#[must_use]
pub fn identity(kind: Reduction, dtype: DType) -> Option<Scalar> {
    if !kind.info().domain.contains(dtype) {
        return None;
    }
    Some(match kind {
        Reduction::Add => Scalar::from_f64(dtype, 0.0),
        Reduction::Mul => Scalar::from_f64(dtype, 1.0),
        // The conversion from f64 saturates, so the infinities become the extremes of the integers.
        Reduction::Max => Scalar::from_f64(dtype, f64::NEG_INFINITY),
        Reduction::Min => Scalar::from_f64(dtype, f64::INFINITY),
        Reduction::And => Scalar::Bool(true),
        Reduction::Or => Scalar::Bool(false),
    })
}

/// One step of a reduction. Sums and products of floats go another way, see the crate's header on accuracy.
#[must_use]
pub const fn step(kind: Reduction) -> Binary {
    match kind {
        Reduction::Add => Binary::Add,
        Reduction::Mul => Binary::Mul,
        Reduction::Max => Binary::Max,
        Reduction::Min => Binary::Min,
        Reduction::And => Binary::And,
        Reduction::Or => Binary::Or,
    }
}

/// A function of one float, computed in `f64` and rounded once.
fn function(x: Scalar, f: fn(f64) -> f64) -> Option<Scalar> {
    match x {
        Scalar::F32(x) => Some(Scalar::F32(f(f64::from(x)) as f32)),
        Scalar::F64(x) => Some(Scalar::F64(f(x))),
        Scalar::I32(_) | Scalar::I64(_) | Scalar::U8(_) | Scalar::Bool(_) => None,
    }
}

/// A function of two floats, computed in `f64` and rounded once.
fn function2(x: Scalar, y: Scalar, f: fn(f64, f64) -> f64) -> Option<Scalar> {
    match (x, y) {
        (Scalar::F32(x), Scalar::F32(y)) => Some(Scalar::F32(f(f64::from(x), f64::from(y)) as f32)),
        (Scalar::F64(x), Scalar::F64(y)) => Some(Scalar::F64(f(x, y))),
        (_, _) => None,
    }
}

/// An operation of two numbers.
///
/// In `f32`, going through `f64` is exact arithmetic in `f32`: for sums, products and quotients `f64` has more than
/// twice the digits plus two, so rounding twice is rounding once (Figueroa 1995), into subnormals too; the others are exact.
/// In narrower integers, going through `i64` and dropping high bits is arithmetic modulo 2^n; for division, no operand or
/// quotient but `x / 0 = -1` and `MIN / -1 = -MIN` leaves the range, and dropping bits makes these 255 and `MIN`.
struct Arithmetic {
    float: fn(f64, f64) -> f64,
    int: fn(i64, i64) -> i64,
}

fn arithmetic(x: Scalar, y: Scalar, op: Arithmetic) -> Option<Scalar> {
    match (x, y) {
        (Scalar::F32(_), Scalar::F32(_)) | (Scalar::F64(_), Scalar::F64(_)) => function2(x, y, op.float),
        (Scalar::I32(x), Scalar::I32(y)) => Some(Scalar::I32((op.int)(x.into(), y.into()) as i32)),
        (Scalar::I64(x), Scalar::I64(y)) => Some(Scalar::I64((op.int)(x, y))),
        (Scalar::U8(x), Scalar::U8(y)) => Some(Scalar::U8((op.int)(x.into(), y.into()) as u8)),
        (_, _) => None,
    }
}

/// An operation on bits. The sign extends to 64 bits as a bit like the others, so that dropping high bits is exact; a truth value is one bit.
fn bitwise(x: Scalar, y: Scalar, op: fn(i64, i64) -> i64) -> Option<Scalar> {
    match (x, y) {
        (Scalar::Bool(x), Scalar::Bool(y)) => Some(Scalar::Bool(op(x.into(), y.into()) != 0)),
        (Scalar::I32(x), Scalar::I32(y)) => Some(Scalar::I32(op(x.into(), y.into()) as i32)),
        (Scalar::I64(x), Scalar::I64(y)) => Some(Scalar::I64(op(x, y))),
        (Scalar::U8(x), Scalar::U8(y)) => Some(Scalar::U8(op(x.into(), y.into()) as u8)),
        (_, _) => None,
    }
}

/// The operand of a shift.
#[derive(Clone, Copy)]
struct Word {
    /// The value, extended by sign (`u8` by zeros).
    signed: i64,
    /// The bits, extended by zeros.
    unsigned: u64,
}

/// A shift by `y` positions; `None` stands for an amount that is negative or not below the number of bits.
fn shift(x: Scalar, y: Scalar, op: fn(Word, Option<u32>) -> i64) -> Option<Scalar> {
    let amount = |y: i64, bits: u32| u32::try_from(y).ok().filter(|&y| y < bits);
    match (x, y) {
        (Scalar::I32(x), Scalar::I32(y)) => {
            let word = Word { signed: x.into(), unsigned: x.cast_unsigned().into() };
            Some(Scalar::I32(op(word, amount(y.into(), 32)) as i32))
        }
        (Scalar::I64(x), Scalar::I64(y)) => {
            Some(Scalar::I64(op(Word { signed: x, unsigned: x.cast_unsigned() }, amount(y, 64))))
        }
        (Scalar::U8(x), Scalar::U8(y)) => {
            Some(Scalar::U8(op(Word { signed: x.into(), unsigned: x.into() }, amount(y.into(), 8)) as u8))
        }
        (_, _) => None,
    }
}

fn shift_left(x: Word, amount: Option<u32>) -> i64 {
    amount.map_or(0, |amount| x.signed << amount)
}

fn shift_right(x: Word, amount: Option<u32>) -> i64 {
    // All sign bits, which are zeros for `u8`.
    x.signed >> amount.unwrap_or(63)
}

fn shift_right_logical(x: Word, amount: Option<u32>) -> i64 {
    amount.map_or(0, |amount| (x.unsigned >> amount).cast_signed())
}

const fn div_int(x: i64, y: i64) -> i64 {
    if y == 0 { -1 } else { x.wrapping_div(y) }
}

const fn rem_int(x: i64, y: i64) -> i64 {
    if y == 0 { x } else { x.wrapping_rem(y) }
}

fn neg(x: Scalar) -> Option<Scalar> {
    match x {
        Scalar::F32(x) => Some(Scalar::F32(-x)),
        Scalar::F64(x) => Some(Scalar::F64(-x)),
        Scalar::I32(x) => Some(Scalar::I32(x.wrapping_neg())),
        Scalar::I64(x) => Some(Scalar::I64(x.wrapping_neg())),
        Scalar::U8(x) => Some(Scalar::U8(x.wrapping_neg())),
        Scalar::Bool(_) => None,
    }
}

fn abs(x: Scalar) -> Option<Scalar> {
    match x {
        Scalar::F32(x) => Some(Scalar::F32(x.abs())),
        Scalar::F64(x) => Some(Scalar::F64(x.abs())),
        Scalar::I32(x) => Some(Scalar::I32(x.wrapping_abs())),
        Scalar::I64(x) => Some(Scalar::I64(x.wrapping_abs())),
        Scalar::U8(x) => Some(Scalar::U8(x)),
        Scalar::Bool(_) => None,
    }
}

fn sign(x: Scalar) -> Option<Scalar> {
    match x {
        Scalar::F32(_) | Scalar::F64(_) => function(x, |x| if x == 0.0 || x.is_nan() { x } else { x.signum() }),
        Scalar::I32(x) => Some(Scalar::I32(x.signum())),
        Scalar::I64(x) => Some(Scalar::I64(x.signum())),
        Scalar::U8(x) => Some(Scalar::U8(x.min(1))),
        Scalar::Bool(_) => None,
    }
}

/// `1 / (1 + e^-x)`, by the form that neither overflows nor cancels on either side.
fn logistic(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + libm::exp(-x))
    } else {
        let e = libm::exp(x);
        e / (1.0 + e)
    }
}

fn maximum(x: f64, y: f64) -> f64 {
    if x.is_nan() || y.is_nan() {
        x + y
    } else if x > y || (x == y && x.is_sign_positive()) {
        x
    } else {
        y
    }
}

fn minimum(x: f64, y: f64) -> f64 {
    if x.is_nan() || y.is_nan() {
        x + y
    } else if x < y || (x == y && x.is_sign_negative()) {
        x
    } else {
        y
    }
}

#[cfg(test)]
#[path = "scalar_tests.rs"]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests;
