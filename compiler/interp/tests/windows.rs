//! Sliding windows, pooling and convolution: hand-computed values, identities, and convolutions against another algorithm.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{apply, array, counted, scrambled};
use pullback_interp::{Array, Shape};
use pullback_ir::{Axes, ConvSpec, Extremum, Op, PadSpec, PoolSpec, Pooling, Reduction, WindowSpec};

fn window_spec(axes: &[usize], size: &[usize], stride: &[usize], dilation: &[usize]) -> WindowSpec {
    WindowSpec { axes: axes.into(), size: size.into(), stride: stride.into(), dilation: dilation.into() }
}

fn windows(x: &Array, spec: &WindowSpec) -> Array {
    apply(&Op::Windows(Box::new(spec.clone())), &[x])
}

fn overlap_add(x: &Array, spec: &WindowSpec, extents: &[usize]) -> Array {
    let shape = Box::new(Shape::new(extents).unwrap());
    apply(&Op::OverlapAdd { spec: Box::new(spec.clone()), shape }, &[x])
}

#[test]
fn windows_are_counted_in_place_and_run_along_new_axes() {
    let x = counted(&[6]);
    let found = windows(&x, &window_spec(&[0], &[3], &[2], &[1]));
    assert_eq!(found, array(&[2, 3], &[0.0, 1.0, 2.0, 2.0, 3.0, 4.0]));
    let found = windows(&x, &window_spec(&[0], &[2], &[1], &[4]));
    assert_eq!(found, array(&[2, 2], &[0.0, 4.0, 1.0, 5.0]));
    // Axis 1 alone, one window of two: [row, window, position].
    let found = windows(&counted(&[2, 3]), &window_spec(&[1], &[2], &[5], &[2]));
    assert_eq!(found, array(&[2, 1, 2], &[0.0, 2.0, 3.0, 5.0]));
    assert_eq!(windows(&counted(&[2]), &window_spec(&[0], &[3], &[1], &[1])), counted(&[0, 3]));
}

#[test]
fn overlap_add_sums_where_windows_overlap() {
    let spec = window_spec(&[0], &[3], &[2], &[1]);
    let found = overlap_add(&array(&[2, 3], &[1, 2, 3, 10, 20, 30]), &spec, &[6]);
    assert_eq!(found, array(&[6], &[1, 2, 13, 20, 30, 0]));
    // No window fits, and its span is more than fits 64 bits: nothing is summed, and nothing overflows.
    let spec = window_spec(&[0], &[1 << 40], &[1], &[usize::MAX]);
    assert_eq!(overlap_add(&array::<i32>(&[0, 1 << 40], &[]), &spec, &[2]), array(&[2], &[0, 0]));
}

fn inner(x: &Array, y: &Array) -> f64 {
    x.to_f64().iter().zip(y.to_f64()).map(|(x, y)| x * y).sum()
}

#[test]
fn overlap_add_is_the_transpose_of_windows() {
    for (extents, spec) in [
        (vec![7], window_spec(&[0], &[3], &[1], &[1])),
        (vec![9], window_spec(&[0], &[3], &[2], &[3])),
        (vec![3, 6], window_spec(&[1], &[2], &[3], &[2])),
        (vec![5, 2, 6], window_spec(&[0, 2], &[2, 3], &[2, 1], &[1, 2])),
        (vec![2, 4], window_spec(&[], &[], &[], &[])),
        (vec![4], window_spec(&[0], &[2], &[3], &[1])),
    ] {
        let x = scrambled(&extents, 1);
        let of_x = windows(&x, &spec);
        let y = scrambled(&of_x.shape.extents(), 2);
        assert_eq!(inner(&of_x, &y), inner(&x, &overlap_add(&y, &spec, &extents)), "{extents:?} {spec:?}");
    }
}

/// A pooling window along each axis, without padding or dilation.
fn pool_spec(size: &[usize], stride: &[usize]) -> PoolSpec {
    let rank = size.len();
    PoolSpec {
        size: size.into(),
        stride: stride.into(),
        low: vec![0; rank].into(),
        high: vec![0; rank].into(),
        base_dilation: vec![1; rank].into(),
        dilation: vec![1; rank].into(),
    }
}

fn reduce_window(kind: Pooling, x: &Array, spec: &PoolSpec) -> Array {
    apply(&Op::ReduceWindow { kind, spec: Box::new(spec.clone()) }, &[x])
}

#[test]
fn the_reduce_window_of_stablehlos_specification() {
    let spec = PoolSpec {
        size: [2, 1].into(),
        stride: [4, 1].into(),
        low: [2, 0].into(),
        high: [1, 0].into(),
        base_dilation: [2, 1].into(),
        dilation: [3, 1].into(),
    };
    let found = reduce_window(Pooling::Add, &array(&[3, 2], &[1, 2, 3, 4, 5, 6]), &spec);
    assert_eq!(found, array(&[2, 2], &[0, 0, 3, 4]));
}

#[test]
fn padding_holds_the_identity_of_the_pooling() {
    let spec = PoolSpec { low: [2].into(), high: [3].into(), ..pool_spec(&[2], &[2]) };
    let x = array(&[3], &[-1.0f32, -2.0, -3.0]);
    let inf = f32::INFINITY;
    assert_eq!(reduce_window(Pooling::Add, &x, &spec), array(&[4], &[0.0f32, -3.0, -3.0, 0.0]));
    assert_eq!(reduce_window(Pooling::Max, &x, &spec), array(&[4], &[-inf, -1.0, -3.0, -inf]));
    assert_eq!(reduce_window(Pooling::Min, &x, &spec), array(&[4], &[inf, -2.0, -3.0, inf]));
    let found = reduce_window(Pooling::Max, &array(&[3], &[-1, -2, -3]), &spec);
    assert_eq!(found, array(&[4], &[i32::MIN, -1, -3, i32::MIN]));
    let x = array(&[3], &[1.0f32, f32::NAN, 3.0]);
    let found = reduce_window(Pooling::Max, &x, &pool_spec(&[2], &[1]));
    assert!(found.to_f64().iter().all(|x| x.is_nan()), "NaN wherever it stands in the window");
}

#[test]
fn a_window_of_more_padding_than_memory_is_no_work() {
    let far = 1i64 << 40;
    let spec = PoolSpec {
        low: [far, far].into(),
        high: [far, far].into(),
        ..pool_spec(&[(2 << 40) + 1, (2 << 40) + 1], &[1, 1])
    };
    assert_eq!(reduce_window(Pooling::Add, &array(&[1, 1], &[7]), &spec), array(&[1, 1], &[7]));
}

#[test]
fn pooling_is_a_reduction_of_windows_of_the_padded_operand() {
    let sizes = [(1, 1, 1), (2, 2, 1), (3, 1, 2), (2, 3, 3)];
    for (size, stride, dilation) in sizes {
        for (low, high, base) in [(0, 0, 1), (2, 1, 1), (-1, 2, 1), (1, -2, 2), (3, 3, 3), (-3, -1, 2)] {
            let spec = PoolSpec {
                size: [2, size].into(),
                stride: [1, stride].into(),
                low: [1, low].into(),
                high: [0, high].into(),
                base_dilation: [1, base].into(),
                dilation: [1, dilation].into(),
            };
            let x = scrambled(&[3, 7], 3);
            let pad = PadSpec { low: [1, low].into(), high: [0, high].into(), interior: [0, base - 1].into() };
            let padded = apply(&Op::Pad(Box::new(pad)), &[&x, &Array::scalar(0.0)]);
            let viewed = windows(&padded, &window_spec(&[0, 1], &[2, size], &[1, stride], &[1, dilation]));
            let axes = Axes::from([2, 3]);
            let expected = apply(&Op::Reduce { kind: Reduction::Add, axes }, &[&viewed]);
            assert_eq!(reduce_window(Pooling::Add, &x, &spec), expected, "{spec:?}");
        }
    }
}

fn select_and_scatter(kind: Extremum, x: &Array, source: &Array, spec: &PoolSpec) -> Array {
    apply(&Op::SelectAndScatter { kind, spec: Box::new(spec.clone()) }, &[x, source])
}

#[test]
fn the_select_and_scatter_of_stablehlos_specification() {
    let spec = PoolSpec { high: [1, 0].into(), ..pool_spec(&[3, 1], &[2, 1]) };
    let x = array(&[4, 2], &[1, 5, 2, 5, 3, 6, 4, 4]);
    let found = select_and_scatter(Extremum::Max, &x, &array(&[2, 2], &[5, 6, 7, 8]), &spec);
    assert_eq!(found, array(&[4, 2], &[0, 0, 0, 0, 5, 14, 7, 0]));
}

#[test]
fn the_first_extremum_is_selected_and_padding_only_alone() {
    let source = array(&[3], &[1.0, 10.0, 100.0]);
    let spec = PoolSpec { low: [2].into(), high: [2].into(), ..pool_spec(&[2], &[2]) };
    let select = |kind, x: [f64; 2]| select_and_scatter(kind, &array(&[2], &x), &source, &spec).to_f64();
    // Windows: padding, both elements, padding.
    assert_eq!(select(Extremum::Max, [4.0, 4.0]), [10.0, 0.0], "a tie");
    assert_eq!(select(Extremum::Max, [-0.0, 0.0]), [10.0, 0.0], "zeros tie");
    assert_eq!(select(Extremum::Min, [4.0, 3.0]), [0.0, 10.0]);
    assert_eq!(select(Extremum::Max, [9.0, f64::NAN]), [0.0, 10.0]);
    assert_eq!(select(Extremum::Min, [f64::NAN, f64::NAN]), [10.0, 0.0]);
    // -inf is not more than padding, but padding is never selected.
    let spec = PoolSpec { low: [1].into(), high: [0].into(), ..pool_spec(&[2], &[2]) };
    let x = array(&[1], &[f64::NEG_INFINITY]);
    assert_eq!(select_and_scatter(Extremum::Max, &x, &array(&[1], &[5.0]), &spec), array(&[1], &[5.0]));
}

/// One spatial axis, axes in the order batch, feature, spatial; and output feature, input feature, spatial.
fn conv_spec() -> ConvSpec {
    ConvSpec {
        lhs: [0, 1, 2].into(),
        rhs: [0, 1, 2].into(),
        out: [0, 1, 2].into(),
        stride: [1].into(),
        low: [0].into(),
        high: [0].into(),
        lhs_dilation: [1].into(),
        rhs_dilation: [1].into(),
        feature_groups: 1,
        batch_groups: 1,
    }
}

fn conv(x: &Array, kernel: &Array, spec: &ConvSpec) -> Array {
    apply(&Op::Conv(Box::new(spec.clone())), &[x, kernel])
}

#[test]
fn convolution_does_not_reverse_the_kernel() {
    let x = array(&[1, 1, 4], &[1.0f32, 2.0, 3.0, 4.0]);
    let kernel = array(&[1, 1, 2], &[10.0f32, 1.0]);
    assert_eq!(conv(&x, &kernel, &conv_spec()), array(&[1, 1, 3], &[12.0f32, 23.0, 34.0]));
    let padded = ConvSpec { low: [1].into(), high: [-1].into(), ..conv_spec() };
    assert_eq!(conv(&x, &kernel, &padded), array(&[1, 1, 3], &[1.0f32, 12.0, 23.0]));
    // Stretched to 1 0 2 0 3 0 4, then every other window of positions two apart.
    let spread = ConvSpec { lhs_dilation: [2].into(), rhs_dilation: [2].into(), stride: [2].into(), ..conv_spec() };
    assert_eq!(conv(&x, &kernel, &spread), array(&[1, 1, 3], &[12.0f32, 23.0, 34.0]));
    let bytes = conv(&array(&[1, 1, 1], &[200u8]), &array(&[1, 1, 1], &[2u8]), &conv_spec());
    assert_eq!(bytes, array(&[1, 1, 1], &[144u8]));
}

#[test]
fn without_spatial_axes_a_convolution_is_a_product_of_matrices() {
    let spec = ConvSpec {
        lhs: [0, 1].into(),
        rhs: [0, 1].into(),
        out: [0, 1].into(),
        stride: [].into(),
        low: [].into(),
        high: [].into(),
        lhs_dilation: [].into(),
        rhs_dilation: [].into(),
        ..conv_spec()
    };
    let found = conv(&array(&[2, 2], &[1, 2, 3, 4]), &array(&[3, 2], &[1, 0, 0, 1, 1, 1]), &spec);
    assert_eq!(found, array(&[2, 3], &[1, 2, 3, 3, 4, 7]));
}

/// The same by scattering: each product of an input and a kernel element goes to the output that it belongs to, if there is one.
fn conv_by_scattering(x: &Array, kernel: &Array, spec: &ConvSpec, extents: &[usize]) -> Vec<f64> {
    let (xs, ks) = (x.shape.extents(), kernel.shape.extents());
    let strides = Shape::new(extents).unwrap().strides();
    let mut out = vec![0.0; extents.iter().product()];
    let digits = |mut number: usize, extents: &[usize]| {
        let mut position = vec![0; extents.len()];
        for axis in (0..extents.len()).rev() {
            position[axis] = number % extents[axis];
            number /= extents[axis];
        }
        position
    };
    for (i, &a) in x.to_f64().iter().enumerate() {
        let at = digits(i, &xs);
        for (k, &w) in kernel.to_f64().iter().enumerate() {
            let tap = digits(k, &ks);
            let (example, feature, output, input) =
                (at[spec.lhs[0]], at[spec.lhs[1]], tap[spec.rhs[0]], tap[spec.rhs[1]]);
            let per_feature_group = ks[spec.rhs[0]] / spec.feature_groups;
            let per_batch_group = ks[spec.rhs[0]] / spec.batch_groups;
            let examples = xs[spec.lhs[0]] / spec.batch_groups;
            if feature != output / per_feature_group * ks[spec.rhs[1]] + input
                || example / examples != output / per_batch_group
            {
                continue;
            }
            let mut place = example % examples * strides[spec.out[0]] + output * strides[spec.out[1]];
            let inside = (0..spec.stride.len()).all(|s| {
                let stretched = (at[spec.lhs[2 + s]] * spec.lhs_dilation[s]) as i64 + spec.low[s];
                let first = stretched - (tap[spec.rhs[2 + s]] * spec.rhs_dilation[s]) as i64;
                let window = first / spec.stride[s] as i64;
                place += window.max(0) as usize * strides[spec.out[2 + s]];
                first >= 0 && first % spec.stride[s] as i64 == 0 && (window as usize) < extents[spec.out[2 + s]]
            });
            if inside {
                out[place] += a * w;
            }
        }
    }
    out
}

#[test]
fn convolutions_of_every_kind_agree_with_scattered_products() {
    let base = ConvSpec {
        lhs: [0, 3, 1, 2].into(),
        rhs: [3, 2, 0, 1].into(),
        out: [1, 0, 2, 3].into(),
        stride: [1, 1].into(),
        low: [0, 0].into(),
        high: [0, 0].into(),
        lhs_dilation: [1, 1].into(),
        rhs_dilation: [1, 1].into(),
        feature_groups: 1,
        batch_groups: 1,
    };
    let mut seen = 0;
    for (feature_groups, batch_groups) in [(1, 1), (2, 1), (4, 1), (1, 2)] {
        for (stride, rhs_dilation, lhs_dilation) in [(1, 1, 1), (2, 1, 1), (1, 2, 1), (1, 1, 2), (3, 2, 2)] {
            for (low, high) in [(0, 0), (2, 1), (-1, 3), (-2, -1)] {
                let spec = ConvSpec {
                    stride: [stride, 1].into(),
                    low: [low, 1].into(),
                    high: [high, -1].into(),
                    lhs_dilation: [lhs_dilation, 1].into(),
                    rhs_dilation: [rhs_dilation, 1].into(),
                    feature_groups,
                    batch_groups,
                    ..base.clone()
                };
                let x = scrambled(&[2, 7, 4, 4], 5 + seen);
                let kernel = scrambled(&[2, 3, 4 / feature_groups, 8], 77 + seen);
                let found = conv(&x, &kernel, &spec);
                assert_eq!(found.to_f64(), conv_by_scattering(&x, &kernel, &spec, &found.shape.extents()), "{spec:?}");
                seen += u64::from(!found.elements.is_empty());
            }
        }
    }
    assert!(seen > 60, "{seen}");
}
