//! Windows, pooling and convolutions against naive loops.

use pullback_graph::{Conv, Padding, Window};
use pullback_ir::DType;

use crate::{close, counting, expect, values, vector};

#[test]
fn the_view_of_windows_has_an_axis_for_the_positions_in_one() {
    expect(&[3, 2], &[0.0, 1.0, 1.0, 2.0, 2.0, 3.0], |g| counting(g, &[4]).windows(&Window::new([2]).stride([1])));
    // Side by side without a stride.
    expect(&[2, 2], &[0.0, 1.0, 2.0, 3.0], |g| counting(g, &[5]).windows(&Window::new([2])));
    let spread = Window::new([2]).stride([1]).dilation([2]).padding(Padding::Explicit(vec![(1, 0)]));
    expect(&[2, 2], &[0.0, 1.0, 0.0, 2.0], |g| counting(g, &[3]).windows(&spread));
    expect(&[2, 2, 1], &[0.0, 1.0, 2.0, 3.0], |g| counting(g, &[2, 2]).windows(&Window::new([1]).axes([0])));
}

#[test]
fn overlap_add_is_the_transpose_of_windows() {
    let window = Window::new([3, 2]).stride([2, 1]).padding(Padding::Same).axes([2, 0]);
    let out = values(|g| {
        let x = counting(g, &[4, 2, 5]).sin();
        let view = x.windows(&window);
        let weights = (g.arange(DType::F64, view.size()) * 0.7)
            .cos()
            .reshape(view.dims().iter().map(|d| d.cast_signed()).collect::<Vec<_>>());
        let back = weights.overlap_add(&window, [4, 2, 5]);
        vec![(view * weights).sum(), (x * back).sum()]
    });
    close(&out[0], &[], &out[1].to_f64(), 1e-13);
    assert!(out[0].to_f64()[0].abs() > 0.1);
}

#[test]
fn pools_combine_what_is_in_a_window() {
    let x = [1.0, 5.0, 2.0, 0.0, 3.0, 4.0];
    // A column of zeros behind.
    let padded = Window::new([2, 2]).stride([1, 1]).padding(Padding::Explicit(vec![(0, 0), (0, 1)]));
    expect(&[1, 3], &[9.0, 14.0, 6.0], |g| g.constant(x, [2, 3]).sum_pool(&padded));
    expect(&[3], &[5.0, 2.0, 4.0], |g| vector(g, &x).max_pool(&Window::new([2])));
    expect(&[3], &[1.0, 0.0, 3.0], |g| vector(g, &x).min_pool(&Window::new([2])));
    expect(&[3], &[3.0, 1.0, 3.5], |g| vector(g, &x).avg_pool(&Window::new([2])));
    // Six positions by windows of 3 in steps of 2: padding 0 before and 1 behind.
    let same = Window::new([3]).stride([2]).padding(Padding::Same);
    expect(&[3], &[8.0, 5.0, 7.0], |g| vector(g, &x).sum_pool(&same));
    expect(&[3], &[8.0 / 3.0, 5.0 / 3.0, 3.5], |g| vector(g, &x).avg_pool(&same));
    expect(&[3], &[-1.0, 0.0, -3.0], |g| (-vector(g, &x)).max_pool(&same));
    // Axes in any order, others untouched.
    expect(&[1, 1, 2], &[5.0, 5.0], |g| {
        let x = g.constant([1.0, 5.0, 5.0, 0.0, 3.0, 4.0, 2.0, 2.0], [2, 2, 2]);
        x.max_pool(&Window::new([2, 2]).axes([1, 0]))
    });
}

/// A convolution as the sum of its definition: input `[n, c, h, w]`, kernel `[o, c / groups, kh, kw]`.
struct Naive {
    stride: [usize; 2],
    low: [isize; 2],
    high: [isize; 2],
    dilation: [usize; 2],
    groups: usize,
}

impl Naive {
    fn run(&self, x: &[f64], xs: [usize; 4], k: &[f64], ks: [usize; 4]) -> (Vec<usize>, Vec<f64>) {
        let extent = |s: usize| {
            let inside = (xs[2 + s].cast_signed() + self.low[s] + self.high[s]).cast_unsigned();
            (inside - (self.dilation[s] * (ks[2 + s] - 1) + 1)) / self.stride[s] + 1
        };
        let (h, w) = (extent(0), extent(1));
        let mut out = Vec::new();
        for (n, o) in (0..xs[0]).flat_map(|n| (0..ks[0]).map(move |o| (n, o))) {
            for (i, j) in (0..h).flat_map(|i| (0..w).map(move |j| (i, j))) {
                let mut sum = 0.0;
                let group = o / (ks[0] / self.groups);
                for c in 0..ks[1] {
                    for (p, q) in (0..ks[2]).flat_map(|p| (0..ks[3]).map(move |q| (p, q))) {
                        let row = (i * self.stride[0] + p * self.dilation[0]).cast_signed() - self.low[0];
                        let column = (j * self.stride[1] + q * self.dilation[1]).cast_signed() - self.low[1];
                        let inside =
                            (0..xs[2].cast_signed()).contains(&row) && (0..xs[3].cast_signed()).contains(&column);
                        if inside {
                            let channel = group * ks[1] + c;
                            let at =
                                ((n * xs[1] + channel) * xs[2] + row.cast_unsigned()) * xs[3] + column.cast_unsigned();
                            sum += x[at] * k[((o * ks[1] + c) * ks[2] + p) * ks[3] + q];
                        }
                    }
                }
                out.push(sum);
            }
        }
        (vec![xs[0], ks[0], h, w], out)
    }
}

fn waves(count: usize, speed: f64) -> Vec<f64> {
    (0..count).map(|i| (speed * i as f64).sin()).collect()
}

#[test]
fn convolutions_are_the_sums_of_their_definition() {
    let (xs, ks) = ([2, 4, 6, 5], [6, 2, 3, 2]);
    let (x, k) = (waves(240, 0.7), waves(72, 1.3));
    let naive = Naive { stride: [2, 1], low: [2, 1], high: [0, 1], dilation: [1, 2], groups: 2 };
    let (dims, expected) = naive.run(&x, xs, &k, ks);
    let conv = Conv::new().stride([2, 1]).padding(Padding::Explicit(vec![(2, 0), (1, 1)])).dilation([1, 2]).groups(2);
    let out = values(|g| {
        let (x, k) = (g.constant(&x, xs), g.constant(&k, ks));
        // The same with the axes in other orders.
        let by_layout = x.permute([0, 2, 3, 1]).conv(k.permute([2, 3, 1, 0]), &conv.clone().layout("NHWC", "HWIO"));
        vec![x.conv(k, &conv), by_layout.permute([0, 3, 1, 2])]
    });
    close(&out[0], &dims, &expected, 1e-13);
    close(&out[1], &dims, &expected, 1e-13);
}

#[test]
fn convolutions_have_any_number_of_spatial_axes() {
    let line = [1.0, 2.0, 3.0, 4.0];
    expect(&[1, 1, 3], &[-1.0, -1.0, -1.0], |g| {
        g.constant(line, [1, 1, 4]).conv(g.constant([1.0, -1.0], [1, 1, 2]), &Conv::new())
    });
    expect(&[1, 1, 2], &[3.0, 7.0], |g| {
        g.constant(line, [1, 1, 4]).conv(g.ones(DType::F64, [1, 1, 2]), &Conv::new().stride([2]).padding(Padding::Same))
    });
    expect(&[1, 1, 1, 1, 1], &[28.0], |g| {
        counting(g, &[1, 1, 2, 2, 2]).conv(g.ones(DType::F64, [1, 1, 2, 2, 2]), &Conv::new())
    });
    // Without spatial axes it is a matrix product.
    expect(&[2, 1], &[1.0, 5.0], |g| counting(g, &[2, 2]).conv(g.ones(DType::F64, [1, 2]), &Conv::new()));
    // Zeros between the elements of the input.
    expect(&[1, 1, 6], &[1.0, 2.0, 2.0, 3.0, 3.0, 4.0], |g| {
        let conv = Conv::new().input_dilation([2]);
        g.constant(line, [1, 1, 4]).conv(g.ones(DType::F64, [1, 1, 2]), &conv)
    });
}

#[test]
fn the_transposed_convolution_is_the_transpose() {
    let cases = [
        (Conv::new().groups(2), vec![4, 4]),
        (Conv::new().groups(2).stride([2, 3]).dilation([1, 2]), vec![7, 8]),
        (
            Conv::new()
                .groups(2)
                .stride([2, 1])
                .padding(Padding::Explicit(vec![(1, 2), (0, -1)]))
                .output_padding([1, 0]),
            vec![9, 6],
        ),
        (Conv::new().groups(2).stride([2, 2]).padding(Padding::Same), vec![6, 4]),
    ];
    for (conv, spatial) in cases {
        let forward = if spatial == [9, 6] {
            Conv::new().groups(2).stride([2, 1]).padding(Padding::Explicit(vec![(1, 2), (0, -1)]))
        } else {
            conv.clone()
        };
        let out = values(|g| {
            let x = g.constant(waves(16 * spatial[0] * spatial[1] / 2, 0.3), [2, 4, spatial[0], spatial[1]]);
            let k = g.constant(waves(6 * 2 * 9, 1.1), [6, 2, 3, 3]);
            let y = x.conv(k, &forward);
            let dims: Vec<isize> = y.dims().iter().map(|extent| extent.cast_signed()).collect();
            let u = (g.arange(DType::F64, y.size()) * 0.9).cos().reshape(dims);
            let back = u.conv_transpose(k, &conv);
            assert_eq!(back.dims(), x.dims(), "{conv:?}");
            vec![(y * u).sum(), (x * back).sum()]
        });
        close(&out[0], &[], &out[1].to_f64(), 1e-12);
        assert!(out[0].to_f64()[0].abs() > 1e-3, "{conv:?}");
    }
}
