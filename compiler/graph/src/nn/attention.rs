//! Attention: means of values, weighted by how keys fit queries.

use crate::tensor::Tensor;

/// Which keys a query may see.
#[derive(Clone, Copy, Debug)]
pub enum Mask<'g> {
    /// All.
    None,
    /// Those up to its own position, the last query being at the last key: query `i` of `t` sees keys up to `i + (s - t)` of `s`.
    Causal,
    /// Those where this `bool` tensor holds, which broadcasts to `[.., t, s]`.
    Where(Tensor<'g>),
}

/// Scaled dot-product attention, `softmax(Q Kᵀ / √d) V`.
///
/// * `q`: `[.., t, d]`; `k`: `[.., s, d]`; `v`: `[.., s, e]`; result: `[.., t, e]`; one floating-point type; the axes before
///   broadcast.
///
/// A query that may see no key gets the mean of all values.
///
/// Source: Vaswani et al., "Attention is all you need", 2017.
#[track_caller]
pub fn attention<'g>(q: Tensor<'g>, k: Tensor<'g>, v: Tensor<'g>, mask: Mask<'g>) -> Tensor<'g> {
    let graph = q.graph();
    let ([.., d], [.., _, width]) = (&q.dims()[..], &k.dims()[..]) else {
        return graph.fail("attention", format!("queries {} and keys {}, expected at least two axes", q.ty(), k.ty()));
    };
    if d != width || q.rank() < 2 || v.rank() < 2 || !q.dtype().is_float() {
        let message = format!(
            "queries {}, keys {} and values {}, expected floats [.., t, d], [.., s, d] and [.., s, e]",
            q.ty(),
            k.ty(),
            v.ty()
        );
        return graph.fail("attention", message);
    }
    // The queries are scaled rather than the scores, which are more.
    let scores = (q / (*d as f64).sqrt()).matmul(k.t());
    if graph.has_failed() {
        return scores;
    }
    let visible = match mask {
        Mask::None => None,
        Mask::Causal => {
            let offset = k.dims()[k.rank() - 2].cast_signed() - q.dims()[q.rank() - 2].cast_signed();
            scores.below("attention", offset)
        }
        Mask::Where(visible) => Some(visible),
    };
    // A finite number, so that a row without a visible key is not inf - inf.
    let scores = match visible {
        Some(visible) => visible.select(scores, f64::from(f32::MIN)),
        None => scores,
    };
    scores.softmax(-1).matmul(v)
}

/// Attention in several heads: the last axis of queries, keys and values is split evenly among them, each attends on its own, and
/// the results are joined again.
///
/// * `q`: `[.., t, heads · d]`; `k`: `[.., s, heads · d]`; `v`: `[.., s, heads · e]`; result: `[.., t, heads · e]`. A mask
///   broadcasts to `[.., heads, t, s]`.
///
/// Projections before and after are the caller's: `nn::linear(x, wq, bq)`.
#[track_caller]
pub fn multi_head_attention<'g>(
    q: Tensor<'g>,
    k: Tensor<'g>,
    v: Tensor<'g>,
    heads: usize,
    mask: Mask<'g>,
) -> Tensor<'g> {
    let graph = q.graph();
    let mut parts = [q, k, v];
    for part in &mut parts {
        let dims = part.dims();
        let Some((last, before)) =
            dims.split_last().filter(|(last, _)| dims.len() > 1 && heads > 0 && last.is_multiple_of(heads))
        else {
            let message =
                format!("{} does not split into {heads} heads along its last axis of at least two", part.ty());
            return graph.fail("multi_head_attention", message);
        };
        *part = part.reshape_to(&[before, &[heads, last / heads]].concat()).swap_axes(-3, -2);
    }
    let [q, k, v] = parts;
    let joined = attention(q, k, v, mask).swap_axes(-3, -2);
    if graph.has_failed() {
        return joined;
    }
    let dims = joined.dims();
    let [before @ .., heads, width] = &dims[..] else { return graph.placeholder() };
    joined.reshape_to(&[before, &[heads * width]].concat())
}
