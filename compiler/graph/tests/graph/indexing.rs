//! Reading and writing at positions that tensors hold.

use pullback_graph::Tensor;
use pullback_ir::{DType, GatherSpec, OutOfBounds, ScatterKind, WindowDims};

use crate::{counting, expect, vector};

#[test]
fn boxes_at_run_time_positions_are_moved_inside() {
    expect(&[2, 2], &[5.0, 6.0, 9.0, 10.0], |g| {
        counting(g, &[3, 4]).dynamic_slice([g.scalar(1i32), g.scalar(1i32)], [2, 2])
    });
    expect(&[2, 2], &[2.0, 3.0, 6.0, 7.0], |g| {
        counting(g, &[3, 4]).dynamic_slice([g.scalar(-7i64), g.scalar(9i64)], [2, 2])
    });
    expect(&[2, 3], &[0.0, 1.0, 2.0, 3.0, 9.0, 9.0], |g| {
        counting(g, &[2, 3]).dynamic_update_slice(g.full(DType::F64, [1, 2], 9), [g.scalar(1i32), g.scalar(5i32)])
    });
}

#[test]
fn one_position_of_an_axis_is_read_and_written() {
    expect(&[3], &[3.0, 4.0, 5.0], |g| counting(g, &[2, 3]).dynamic_index(0, g.scalar(1i32)));
    expect(&[2], &[2.0, 5.0], |g| counting(g, &[2, 3]).dynamic_index(-1, g.scalar(8u8)));
    expect(&[2, 3], &[0.0, 7.0, 2.0, 3.0, 8.0, 5.0], |g| {
        counting(g, &[2, 3]).dynamic_update_index(1, g.scalar(1i64), vector(g, &[7.0, 8.0]))
    });
}

#[test]
fn take_replaces_an_axis_by_those_of_the_indices() {
    let ids = [2i32, 0, 0, 1];
    expect(&[2, 2, 2], &[4.0, 5.0, 0.0, 1.0, 0.0, 1.0, 2.0, 3.0], |g| {
        counting(g, &[3, 2]).take(g.constant(ids, [2, 2]), 0)
    });
    // [2, 3, 2] along axis 1: x[a, i, b] = 6 a + 2 i + b.
    expect(&[2, 2, 2], &[4.0, 5.0, 0.0, 1.0, 10.0, 11.0, 6.0, 7.0], |g| {
        counting(g, &[2, 3, 2]).take(g.constant([2i64, 0], [2]), 1)
    });
    expect(&[2], &[1.0, 3.0], |g| counting(g, &[2, 2]).take(g.scalar(1i32), -1));
    expect(&[3], &[0.0, 3.0, 1.0], |g| counting(g, &[4]).take(g.constant([-1i32, 4, 1], [3]), 0));
    expect(&[3], &[0.0, 0.0, 1.0], |g| {
        counting(g, &[4]).take_with(g.constant([-1i32, 4, 1], [3]), 0, OutOfBounds::Drop)
    });
}

#[test]
fn take_along_axis_picks_for_each_position() {
    expect(&[2, 1], &[2.0, 3.0], |g| counting(g, &[2, 3]).take_along_axis(g.constant([2i32, 0], [2, 1]), 1));
    expect(&[1, 3], &[3.0, 1.0, 5.0], |g| counting(g, &[2, 3]).take_along_axis(g.constant([1i32, 0, 1], [1, 3]), 0));
    // Sorting by positions is sorting.
    expect(&[2, 3], &[1.0, 2.0, 3.0, -1.0, 0.0, 7.0], |g| {
        let x = g.constant([3.0, 1.0, 2.0, 7.0, 0.0, -1.0], [2, 3]);
        x.take_along_axis(x.argsort(-1), -1)
    });
}

#[test]
fn positions_are_written_in_order() {
    fn ids<'g>(x: Tensor<'g>) -> Tensor<'g> {
        x.graph().constant([1i32, 1, 3, -1], [4])
    }
    // 3 and -1 are outside of three rows.
    let start = [1.0, 2.0, 3.0];
    expect(&[3], &[1.0, 20.0, 3.0], |g| {
        vector(g, &start).at(ids(g.scalar(0))).set(vector(g, &[10.0, 20.0, 30.0, 40.0]))
    });
    expect(&[3], &[1.0, 32.0, 3.0], |g| {
        vector(g, &start).at(ids(g.scalar(0))).add(vector(g, &[10.0, 20.0, 30.0, 40.0]))
    });
    expect(&[3], &[1.0, 8.0, 3.0], |g| vector(g, &start).at(ids(g.scalar(0))).mul(2));
    expect(&[3], &[1.0, 0.5, 3.0], |g| vector(g, &start).at(ids(g.scalar(0))).min(0.5));
    expect(&[3], &[1.0, 5.0, 3.0], |g| vector(g, &start).at(ids(g.scalar(0))).max(5));
    expect(&[3], &[41.0, 32.0, 33.0], |g| {
        vector(g, &start).at(ids(g.scalar(0))).clamp().add(vector(g, &[10.0, 20.0, 30.0, 40.0]))
    });
    expect(&[4], &[2.0, 2.0, 0.0, 0.0], |g| vector(g, &start).at(ids(g.scalar(0))).get());
}

#[test]
fn updates_broadcast_to_the_rows_they_go_to() {
    expect(&[3, 2], &[5.0, 6.0, 0.0, 0.0, 5.0, 6.0], |g| {
        g.zeros(DType::F64, [3, 2]).at(g.constant([0i32, 2], [2])).set(vector(g, &[5.0, 6.0]))
    });
    expect(&[2, 3], &[0.0, 1.0, 1.0, 0.0, 2.0, 2.0], |g| {
        g.zeros(DType::F64, [2, 3]).at_axis(g.constant([1i32, 2], [2]), -1).add(g.constant([1.0, 2.0], [2, 1]))
    });
    // A histogram.
    expect(&[4], &[1.0, 2.0, 0.0, 1.0], |g| g.zeros(DType::F64, [4]).at(g.constant([1i32, 3, 1, 0], [2, 2])).add(1));
}

#[test]
fn the_general_forms_take_axis_roles() {
    // Two windows of 1 x 2 at (row, column).
    let dims = || WindowDims {
        offset: [1].into(),
        collapsed: [0].into(),
        operand_batch: [].into(),
        indices_batch: [].into(),
        map: [0, 1].into(),
        vector_axis: 1,
        mode: OutOfBounds::Clamp,
    };
    expect(&[2, 2], &[4.0, 5.0, 7.0, 8.0], |g| {
        let at = g.constant([1i32, 1, 2, 9], [2, 2]);
        counting(g, &[3, 3]).gather(at, GatherSpec { dims: dims(), sizes: [1, 2].into() })
    });
    expect(&[3, 3], &[0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0], |g| {
        let at = g.constant([1i32, 1, 2, 9], [2, 2]);
        g.zeros(DType::F64, [3, 3]).scatter(ScatterKind::Add, at, g.ones(DType::F64, [2, 2]), dims())
    });
}
