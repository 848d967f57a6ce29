//! Sliding windows: views of them and their transpose, pooling, convolution.
//!
//! Each result element is a sum (or an extremum) of numbered terms. Positions of a pooling window that hold no element, on padding or between
//! elements that a base dilation separates, hold the identity of the combination, which is as good as nothing.

use pullback_ir::{ConvSpec, Extremum, PoolSpec, Pooling, Reduction, Scalar, Type, WindowSpec};

use crate::array::Array;
use crate::contract::{accumulate, product, wide};
use crate::error::Error;
use crate::index::{for_each, offset};
use crate::scalar;
use crate::sorting::beats;

/// The windows along some axes, whose positions run along new axes at the end.
pub(crate) fn windows(x: &Array, spec: &WindowSpec, result: &Type) -> Result<Array, Error> {
    let strides = x.shape.strides();
    let rank = strides.len();
    let mut position = vec![0; rank];
    Array::build(result, |index| {
        position.copy_from_slice(&index[..rank]);
        for (number, &axis) in spec.axes.iter().enumerate() {
            position[axis] = index[axis] * spec.stride[number] + index[rank + number] * spec.dilation[number];
        }
        x.get(offset(&position, &strides))
    })
}

/// The sum of windows at their places.
pub(crate) fn overlap_add(x: &Array, spec: &WindowSpec, result: &Type) -> Result<Array, Error> {
    let (extents, strides) = (x.shape.extents(), x.shape.strides());
    let rank = result.rank();
    let terms = spec.size.iter().product();
    let zero = Scalar::from_f64(result.dtype, 0.0);
    if x.elements.is_empty() {
        // Windows larger than the result, of which there are none, may have any number of positions.
        return Array::zeros(result);
    }
    Array::build(result, |index| {
        // Term by term, the window that has this position as its position number `term`.
        let term = |mut term: usize| {
            let mut place: usize =
                (0..rank).filter(|axis| !spec.axes.contains(axis)).map(|axis| index[axis] * strides[axis]).sum();
            for (number, &axis) in spec.axes.iter().enumerate().rev() {
                let within = term % spec.size[number];
                term /= spec.size[number];
                let Some(first) = index[axis].checked_sub(within.saturating_mul(spec.dilation[number])) else {
                    return Some(zero);
                };
                let window = first / spec.stride[number];
                if !first.is_multiple_of(spec.stride[number]) || window >= extents[axis] {
                    return Some(zero);
                }
                place += window * strides[axis] + within * strides[rank + number];
            }
            x.get(place)
        };
        accumulate(Reduction::Add, result.dtype, terms, &term)
    })
}

/// An axis that windows slide along.
struct Axis {
    /// Positions in a window.
    size: usize,
    /// From one window to the next, and from one position in a window to the next.
    stride: usize,
    dilation: usize,
    /// Padding before the first element, and the distance between neighbours.
    low: i64,
    base_dilation: usize,
    /// The operand's extent, and the distance of neighbours in memory.
    extent: usize,
    memory: usize,
}

impl Axis {
    /// The element at a position of a window; `None` if there is none.
    fn element(&self, window: usize, within: usize) -> Option<usize> {
        // Attributes may be close to the ends of 64 bits where the operand has few positions.
        let padded = window as i128 * self.stride as i128 + within as i128 * self.dilation as i128;
        let distance = padded - i128::from(self.low);
        let position = usize::try_from(distance / self.base_dilation as i128).ok()?;
        (distance >= 0 && distance % self.base_dilation as i128 == 0 && position < self.extent).then_some(position)
    }

    /// All elements of a window, in order. Their number is bounded by the operand, that of the positions only by the padding.
    fn elements(&self, window: usize) -> Vec<usize> {
        let first = window as i128 * self.stride as i128 - i128::from(self.low);
        let last = first + (self.size as i128 - 1) * self.dilation as i128;
        let base = self.base_dilation as i128;
        // The first element that is not before the window, and one past the last that is not behind it.
        let (start, end) = ((first.max(0) + base - 1) / base, last.div_euclid(base) + 1);
        let range = start..end.min(self.extent as i128);
        range.filter(|p| (p * base - first) % self.dilation as i128 == 0).map(|p| p as usize).collect()
    }
}

fn axes(x: &Array, spec: &PoolSpec) -> Vec<Axis> {
    let extents = x.shape.extents().into_iter().zip(x.shape.strides());
    let axis = |(axis, (extent, memory))| Axis {
        size: spec.size[axis],
        stride: spec.stride[axis],
        dilation: spec.dilation[axis],
        low: spec.low[axis],
        base_dilation: spec.base_dilation[axis],
        extent,
        memory,
    };
    extents.enumerate().map(axis).collect()
}

/// The places in memory of the elements in a window, in row-major order.
fn elements(axes: &[Axis], window: &[usize]) -> Vec<usize> {
    let mut places = vec![0];
    for (axis, &window) in axes.iter().zip(window) {
        let along = axis.elements(window);
        places = places.iter().flat_map(|place| along.iter().map(move |p| place + p * axis.memory)).collect();
    }
    places
}

/// The place in memory of the element at the position numbered `within`, in row-major order, of the window `window`; `None` if there is none.
fn place(axes: &[Axis], window: &[usize], mut within: usize) -> Option<usize> {
    let mut place = 0;
    for (axis, &window) in axes.iter().zip(window).rev() {
        place += axis.element(window, within % axis.size)? * axis.memory;
        within /= axis.size;
    }
    Some(place)
}

/// Combination of the elements of each window.
pub(crate) fn reduce_window(kind: Pooling, x: &Array, spec: &PoolSpec, result: &Type) -> Result<Array, Error> {
    let axes = axes(x, spec);
    let kind = match kind {
        Pooling::Add => Reduction::Add,
        Pooling::Max => Reduction::Max,
        Pooling::Min => Reduction::Min,
    };
    Array::build(result, |window| {
        let places = elements(&axes, window);
        accumulate(kind, result.dtype, places.len(), &|number| x.get(places[number]))
    })
}

/// Each element of `source` added at the first extremum of its window; a window of padding alone has none.
pub(crate) fn select_and_scatter(kind: Extremum, x: &Array, source: &Array, spec: &PoolSpec) -> Result<Array, Error> {
    let axes = axes(x, spec);
    // For each element the places in `source` of the windows that chose it.
    let mut chosen: Vec<Vec<usize>> = vec![Vec::new(); x.elements.len()];
    let mut number = 0;
    for_each(&source.shape, |window| {
        let mut best: Option<(usize, Scalar)> = None;
        for place in elements(&axes, window) {
            let Some(element) = x.get(place) else { continue };
            if best.is_none_or(|(_, best)| beats(kind, element, best)) {
                best = Some((place, element));
            }
        }
        if let Some((place, _)) = best {
            chosen[place].push(number);
        }
        number += 1;
        Ok::<(), Error>(())
    })?;
    let mut next = chosen.iter();
    Array::build(&x.ty(), |_| {
        let windows = next.next()?;
        accumulate(Reduction::Add, x.dtype(), windows.len(), &|number| source.get(windows[number]))
    })
}

/// Convolution: each result element is a sum over the positions of the kernel and the input features of its group. Padding is zeros, which take
/// part in products as other elements do.
pub(crate) fn conv(x: &Array, kernel: &Array, spec: &ConvSpec, result: &Type) -> Result<Array, Error> {
    let (x_extents, x_strides) = (x.shape.extents(), x.shape.strides());
    let (k_extents, k_strides) = (kernel.shape.extents(), kernel.shape.strides());
    let spatial = |s: usize| Axis {
        size: k_extents[spec.rhs[2 + s]],
        stride: spec.stride[s],
        dilation: spec.rhs_dilation[s],
        low: spec.low[s],
        base_dilation: spec.lhs_dilation[s],
        extent: x_extents[spec.lhs[2 + s]],
        memory: x_strides[spec.lhs[2 + s]],
    };
    let axes: Vec<Axis> = (0..spec.stride.len()).map(spatial).collect();
    let positions: usize = axes.iter().map(|axis| axis.size).product();
    let (outputs, inputs) = (k_extents[spec.rhs[0]], k_extents[spec.rhs[1]]);
    let batch = x_extents[spec.lhs[0]] / spec.batch_groups;
    let zero = Scalar::from_f64(x.dtype(), 0.0);
    let mut window = vec![0; axes.len()];
    Array::build(result, |index| {
        for (s, window) in window.iter_mut().enumerate() {
            *window = index[spec.out[2 + s]];
        }
        // Output features are numbered group by group.
        let output = index[spec.out[1]];
        let first_input = output / (outputs / spec.feature_groups) * inputs;
        let example = output / (outputs / spec.batch_groups) * batch + index[spec.out[0]];
        let term = |number: usize| {
            let (within, input) = (number / inputs, number % inputs);
            let features = (first_input + input) * x_strides[spec.lhs[1]] + example * x_strides[spec.lhs[0]];
            let element = match place(&axes, &window, within) {
                Some(place) => x.get(place + features)?,
                None => zero,
            };
            let mut at = output * k_strides[spec.rhs[0]] + input * k_strides[spec.rhs[1]];
            let mut rest = within;
            for (s, axis) in axes.iter().enumerate().rev() {
                at += rest % axis.size * k_strides[spec.rhs[2 + s]];
                rest /= axis.size;
            }
            product(element, kernel.get(at)?)
        };
        let sum = accumulate(Reduction::Add, wide(result.dtype), positions * inputs, &term)?;
        Some(scalar::convert(sum, result.dtype))
    })
}
