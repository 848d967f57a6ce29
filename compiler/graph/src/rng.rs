//! Random numbers, as functions of a key.
//!
//! A key is a tensor `i32[2]`. The same key always gives the same numbers, on every machine; to draw twice, make two keys of it
//! with [`split`] or [`fold_in`]. A key that was drawn from, split or folded into is spent: drawing from it again gives numbers
//! that depend on the first.
//!
//! The bits are those of the operation `random_bits`, Threefry-2x32 with 20 rounds of the key and the position (Salmon, Moraes,
//! Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011). A number in [0, 1) is made of the high 24 bits of 32 for
//! `f32`, of the high 53 bits of 64 for `f64`, times 2^-24 or 2^-53: all multiples of that, equally likely, none rounded.

use std::f64::consts::SQRT_2;

use pullback_ir::{DType, Op};

use crate::graph::Graph;
use crate::operand::Operand;
use crate::tensor::Tensor;

/// The key of a seed.
#[track_caller]
pub fn key<'g>(graph: &'g Graph<'_>, seed: u64) -> Tensor<'g> {
    let words = [seed as u32, (seed >> 32) as u32].map(u32::cast_signed);
    graph.constant(words, [2])
}

/// `n` keys, the rows of the result `[n, 2]`.
#[track_caller]
pub fn split_rows(key: Tensor<'_>, n: usize) -> Tensor<'_> {
    bits(key, DType::I32, [n, 2])
}

/// `N` keys: `let [weights, noise] = rng::split(key);`.
#[track_caller]
pub fn split<const N: usize>(key: Tensor<'_>) -> [Tensor<'_>; N] {
    let rows = split_rows(key, N);
    let mut keys = [rows; N];
    if rows.graph().has_failed() {
        return keys;
    }
    for (position, key) in keys.iter_mut().enumerate() {
        *key = rows.index(0, position.cast_signed());
    }
    keys
}

/// A key for each value of an integer scalar, such as the number of a step.
#[track_caller]
pub fn fold_in<'g>(key: Tensor<'g>, data: Tensor<'g>) -> Tensor<'g> {
    let graph = key.graph();
    if !data.dtype().is_integer() || data.rank() != 0 {
        return graph.fail("fold_in", format!("{} is folded in, expected an integer scalar", data.ty()));
    }
    let data = data.to(DType::I64);
    let (low, high) = (data.to(DType::I32), (data >> 32).to(DType::I32));
    // Scrambled first: keys of neighbouring seeds differ in low bits, as the numbers do.
    bits(bits(key, DType::I32, [2]) ^ graph.stack(&[low, high], 0), DType::I32, [2])
}

/// Random bits: integers of type `dtype`, `i32` or `i64`, all equally likely.
#[track_caller]
pub fn bits(key: Tensor<'_>, dtype: DType, dims: impl AsRef<[usize]>) -> Tensor<'_> {
    let graph = key.graph();
    match graph.make_type("random_bits", dtype, dims.as_ref()) {
        Some(ty) => graph.emit(Op::RandomBits(Box::new(ty)), &[key]),
        None => graph.placeholder(),
    }
}

/// The high bits of random integers as whole numbers of a floating-point type: `dropped` of the 32 or 64 are left out.
#[track_caller]
fn whole<'g>(op: &str, key: Tensor<'g>, dtype: DType, dims: &[usize], dropped: [i32; 2]) -> Option<Tensor<'g>> {
    let (word, dropped) = match dtype {
        DType::F32 => (DType::I32, dropped[0]),
        DType::F64 => (DType::I64, dropped[1]),
        DType::I32 | DType::I64 | DType::U8 | DType::Bool => {
            key.graph().record(op, format!("random numbers of type {dtype}, expected f32 or f64"));
            return None;
        }
    };
    Some(bits(key, word, dims).shift_right_logical(dropped).to(dtype))
}

/// Numbers equally likely in [0, 1), of type `f32` or `f64`.
#[track_caller]
pub fn uniform(key: Tensor<'_>, dtype: DType, dims: impl AsRef<[usize]>) -> Tensor<'_> {
    match whole("uniform", key, dtype, dims.as_ref(), [8, 11]) {
        Some(whole) => whole * if dtype == DType::F32 { (-24f64).exp2() } else { (-53f64).exp2() },
        None => key.graph().placeholder(),
    }
}

/// Numbers equally likely in [`low`, `high`): `low + (high - low) u` with `u` from [`uniform`], rounded, and the next number
/// below `high` where it rounds to `high`.
#[track_caller]
pub fn uniform_between(key: Tensor<'_>, dtype: DType, dims: impl AsRef<[usize]>, low: f64, high: f64) -> Tensor<'_> {
    let graph = key.graph();
    let below = if dtype == DType::F32 { f64::from((high as f32).next_down()) } else { high.next_down() };
    if !(low.is_finite() && high.is_finite() && low <= below && (high - low).is_finite()) {
        return graph.fail("uniform_between", format!("the range {low:?} to {high:?}, expected finite and not empty"));
    }
    let u = uniform(key, dtype, dims);
    (low + (high - low) * u).clamp(low, below)
}

/// Numbers of the standard normal distribution, `√2 erf_inv(u)` with `u` of 2^23 (`f32`) or 2^52 (`f64`) values evenly spaced
/// within (-1, 1), symmetric about 0: `u = (2 k + 1) 2^-23 - 1` for `k` of 23 random bits. The largest is about 5.2 or 8.1.
#[track_caller]
pub fn normal(key: Tensor<'_>, dtype: DType, dims: impl AsRef<[usize]>) -> Tensor<'_> {
    match whole("normal", key, dtype, dims.as_ref(), [9, 12]) {
        Some(k) => {
            let scale = if dtype == DType::F32 { (-23f64).exp2() } else { (-52f64).exp2() };
            // Every step up to erf_inv is exact.
            SQRT_2 * ((2.0 * k + 1.0) * scale - 1.0).erf_inv()
        }
        None => key.graph().placeholder(),
    }
}

/// `true` with probability `p`, a number or a floating-point tensor that broadcasts to the extents; exact to 2^-24, to 2^-53 for
/// an `f64` tensor. 0 never, 1 always.
#[track_caller]
pub fn bernoulli<'g>(key: Tensor<'g>, p: impl Operand<'g>, dims: impl AsRef<[usize]>) -> Tensor<'g> {
    let (graph, dims) = (key.graph(), dims.as_ref());
    let p = p.resolve();
    let dtype = match p {
        crate::Resolved::Tensor(p) => p.dtype(),
        crate::Resolved::Number(_) => DType::F32,
    };
    let u = uniform(key, dtype, dims);
    let Some(p) = u.meet("bernoulli", p) else { return graph.placeholder() };
    u.lt(p.broadcast_to(dims))
}
