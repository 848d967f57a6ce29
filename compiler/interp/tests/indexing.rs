//! Dynamic slices, gather and scatter: hand-computed values and properties.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{apply, array, counted};
use pullback_interp::{Array, Shape};
use pullback_ir::op::WindowDims;
use pullback_ir::{GatherSpec, Op, OutOfBounds, ScatterKind};

fn dynamic_slice(x: &Array, extents: &[usize], starts: &[&Array]) -> Array {
    let args: Vec<&Array> = std::iter::once(x).chain(starts.iter().copied()).collect();
    apply(&Op::DynamicSlice(Box::new(Shape::new(extents).unwrap())), &args)
}

#[test]
fn dynamic_slices_are_moved_inside() {
    let x = counted(&[3, 4]);
    let slice = |i: i64, j: i64| dynamic_slice(&x, &[2, 2], &[&Array::scalar(i), &Array::scalar(j)]);
    assert_eq!(slice(1, 2), array(&[2, 2], &[6.0, 7.0, 10.0, 11.0]));
    assert_eq!(slice(2, 3), slice(1, 2));
    assert_eq!(slice(i64::MAX, i64::MAX), slice(1, 2));
    assert_eq!(slice(i64::MIN, -1), array(&[2, 2], &[0.0, 1.0, 4.0, 5.0]));
    let byte = Array::scalar(200u8);
    assert_eq!(dynamic_slice(&array(&[3], &[true, false, true]), &[1], &[&byte]), array(&[1], &[true]));
    assert_eq!(dynamic_slice(&x, &[0, 4], &[&byte, &byte]), counted(&[0, 4]));
    assert_eq!(dynamic_slice(&Array::scalar(5i32), &[], &[]), Array::scalar(5i32));
}

#[test]
fn dynamic_updates_replace_the_box_that_a_slice_reads() {
    let x = counted(&[3, 4]);
    for (i, j) in [(0i32, 0i32), (1, 2), (5, -5), (i32::MIN, i32::MAX)] {
        let starts = [Array::scalar(i), Array::scalar(j)];
        let update = array(&[2, 3], &[-1.0, -2.0, -3.0, -4.0, -5.0, -6.0]);
        let updated = apply(&Op::DynamicUpdateSlice, &[&x, &update, &starts[0], &starts[1]]);
        assert_eq!(dynamic_slice(&updated, &[2, 3], &[&starts[0], &starts[1]]), update);
        let changed = updated.to_f64().iter().zip(x.to_f64()).filter(|(a, b)| **a != *b).count();
        assert_eq!(changed, 6, "and nothing else");
    }
}

/// Single elements of a vector at single numbers.
fn points(mode: OutOfBounds) -> WindowDims {
    WindowDims {
        offset: [].into(),
        collapsed: [0].into(),
        operand_batch: [].into(),
        indices_batch: [].into(),
        map: [0].into(),
        vector_axis: 1,
        mode,
    }
}

fn gather(x: &Array, indices: &Array, dims: WindowDims, sizes: &[usize]) -> Array {
    apply(&Op::Gather(Box::new(GatherSpec { dims, sizes: sizes.into() })), &[x, indices])
}

fn scatter(kind: ScatterKind, x: &Array, indices: &Array, updates: &Array, dims: WindowDims) -> Array {
    apply(&Op::Scatter { kind, dims: Box::new(dims) }, &[x, indices, updates])
}

/// The roles and indices of the example in StableHLO's specification of `gather`, before batching dimensions.
fn stablehlo() -> (WindowDims, Array) {
    let dims = WindowDims {
        offset: [2, 3].into(),
        collapsed: [0].into(),
        operand_batch: [].into(),
        indices_batch: [].into(),
        map: [1, 0].into(),
        vector_axis: 2,
        mode: OutOfBounds::Clamp,
    };
    (dims, array(&[2, 3, 2], &[0i64, 0, 1, 0, 2, 1, 0, 1, 1, 1, 0, 9]))
}

#[test]
fn the_gather_of_stablehlos_specification() {
    let x = array(&[3, 4, 2], &(1..=24).collect::<Vec<i32>>());
    let (dims, indices) = stablehlo();
    let expected = [1, 2, 3, 4, 3, 4, 5, 6, 13, 14, 15, 16, 9, 10, 11, 12, 11, 12, 13, 14, 17, 18, 19, 20];
    assert_eq!(gather(&x, &indices, dims.clone(), &[1, 2, 2]), array(&[2, 3, 2, 2], &expected));
    // The last index vector is (0, 9), and there is no row 9.
    let dropped = gather(&x, &indices, WindowDims { mode: OutOfBounds::Drop, ..dims }, &[1, 2, 2]);
    assert_eq!(dropped.as_slice::<i32>().unwrap()[..20], expected[..20]);
    assert_eq!(dropped.as_slice::<i32>().unwrap()[20..], [0; 4]);
}

#[test]
fn a_scatter_of_ones_counts_how_often_gather_reads() {
    let (dims, indices) = stablehlo();
    let updates = array(&[2, 3, 2, 2], &[1i32; 24]);
    let zeros = array(&[3, 4, 2], &[0i32; 24]);
    let found = scatter(ScatterKind::Add, &zeros, &indices, &updates, dims.clone());
    let expected = [1, 1, 2, 2, 1, 1, 0, 0, 1, 1, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0];
    assert_eq!(found, array(&[3, 4, 2], &expected));
    let found = scatter(ScatterKind::Add, &zeros, &indices, &updates, WindowDims { mode: OutOfBounds::Drop, ..dims });
    assert_eq!(found.as_slice::<i32>().unwrap()[16..], [0; 8], "the window at row 9 is not written");
}

#[test]
fn negative_indices_are_outside_and_never_wrap() {
    let x = array(&[3], &[5.0f32, 6.0, 7.0]);
    let indices = array(&[5], &[-1i32, 0, 2, 3, i32::MIN]);
    let found = gather(&x, &indices, points(OutOfBounds::Clamp), &[1]);
    assert_eq!(found, array(&[5], &[5.0f32, 5.0, 7.0, 7.0, 5.0]));
    let found = gather(&x, &indices, points(OutOfBounds::Drop), &[1]);
    assert_eq!(found, array(&[5], &[0.0f32, 5.0, 7.0, 0.0, 0.0]));
    let truth = gather(&array(&[2], &[true, true]), &array(&[2], &[1u8, 2]), points(OutOfBounds::Drop), &[1]);
    assert_eq!(truth, array(&[2], &[true, false]));
}

#[test]
fn a_window_partly_outside_is_dropped_whole() {
    let dims = |mode| WindowDims { offset: [1].into(), collapsed: [].into(), ..points(mode) };
    let x = array(&[4], &[1, 2, 3, 4]);
    let indices = array(&[3], &[1i64, 3, -1]);
    let found = gather(&x, &indices, dims(OutOfBounds::Drop), &[2]);
    assert_eq!(found, array(&[3, 2], &[2, 3, 0, 0, 0, 0]));
    let found = gather(&x, &indices, dims(OutOfBounds::Clamp), &[2]);
    assert_eq!(found, array(&[3, 2], &[2, 3, 3, 4, 1, 2]));
    let updates = array(&[3, 2], &[10, 20, 30, 40, 50, 60]);
    let found = scatter(ScatterKind::Set, &x, &indices, &updates, dims(OutOfBounds::Drop));
    assert_eq!(found, array(&[4], &[1, 10, 20, 4]));
    let found = scatter(ScatterKind::Set, &x, &indices, &updates, dims(OutOfBounds::Clamp));
    assert_eq!(found, array(&[4], &[50, 60, 30, 40]));
}

#[test]
fn updates_of_one_place_follow_each_other() {
    let x = array(&[3], &[2, 3, 4]);
    let indices = array(&[4], &[1i32, 1, 0, 1]);
    let updates = array(&[4], &[5, -7, 6, 1]);
    let found = |kind| scatter(kind, &x, &indices, &updates, points(OutOfBounds::Clamp));
    assert_eq!(found(ScatterKind::Set), array(&[3], &[6, 1, 4]), "the last one wins");
    assert_eq!(found(ScatterKind::Add), array(&[3], &[8, 2, 4]));
    assert_eq!(found(ScatterKind::Mul), array(&[3], &[12, -105, 4]));
    assert_eq!(found(ScatterKind::Min), array(&[3], &[2, -7, 4]));
    assert_eq!(found(ScatterKind::Max), array(&[3], &[6, 5, 4]));
}

#[test]
fn scattered_sums_are_rounded_once_and_the_rest_keeps_its_bits() {
    let nan = f32::from_bits(0x7fa0_0001);
    let x = array(&[2], &[16_777_216.0f32, nan]);
    let found = scatter(
        ScatterKind::Add,
        &x,
        &array(&[2], &[0i32, 0]),
        &array(&[2], &[1.0f32, 1.0]),
        points(OutOfBounds::Drop),
    );
    // 2^24 + 1 + 1: adding one by one in f32 loses both ones.
    assert_eq!(found, array(&[2], &[16_777_218.0f32, nan]));
    let wrapped = scatter(
        ScatterKind::Add,
        &array(&[1], &[200u8]),
        &array(&[1], &[0i32]),
        &array(&[1], &[100u8]),
        points(OutOfBounds::Drop),
    );
    assert_eq!(wrapped, array(&[1], &[44u8]));
    let none =
        scatter(ScatterKind::Set, &x, &array::<i32>(&[0], &[]), &array::<f32>(&[0], &[]), points(OutOfBounds::Drop));
    assert_eq!(none, x);
}

#[test]
fn batch_axes_pair_operand_and_indices() {
    // Row b of the operand at the indices in column b: result[k, b] = x[b, s[k, b]].
    let dims = WindowDims {
        offset: [].into(),
        collapsed: [1].into(),
        operand_batch: [0].into(),
        indices_batch: [1].into(),
        map: [1].into(),
        vector_axis: 2,
        mode: OutOfBounds::Drop,
    };
    let x = array(&[2, 3], &[1, 2, 3, 4, 5, 6]);
    let indices = array(&[3, 2], &[2i32, 0, 0, 2, 1, 3]);
    assert_eq!(gather(&x, &indices, dims.clone(), &[1, 1]), array(&[3, 2], &[3, 4, 1, 6, 2, 0]));
    let updates = array(&[3, 2], &[10, 20, 30, 40, 50, 60]);
    let found = scatter(ScatterKind::Set, &x, &indices, &updates, dims);
    assert_eq!(found, array(&[2, 3], &[30, 50, 10, 20, 5, 40]));
}

#[test]
fn the_axis_of_index_vectors_may_be_any() {
    // Two index vectors in the columns of the indices, and windows that keep both axes in front of the batch axis.
    let dims = WindowDims {
        offset: [0, 1].into(),
        collapsed: [].into(),
        operand_batch: [].into(),
        indices_batch: [].into(),
        map: [0, 1].into(),
        vector_axis: 0,
        mode: OutOfBounds::Clamp,
    };
    let found = gather(&counted(&[3, 3]), &array(&[2, 2], &[0i32, 2, 1, 0]), dims, &[1, 2]);
    // Windows at (0, 1) and (2, 0): [1, 2] and [6, 7].
    assert_eq!(found, array(&[1, 2, 2], &[1.0, 6.0, 2.0, 7.0]));
}
