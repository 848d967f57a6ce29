//! The derivative conventions of reading and writing at positions, windows, running combinations, sorting and linear algebra, each at its
//! point.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{add, array, check, count, find, floats, load, run};
use pullback_autodiff::{grad, jvp, vjp};
use pullback_interp::Array;
use pullback_ir::{Op, Type, Verified};

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

/// `@f` with these parameters and lines, the last of which makes `%z`.
fn program(params: &str, body: &str) -> Verified<pullback_ir::Module> {
    let ty = body.rsplit(" : ").next().unwrap();
    load(&format!("func @f({params}) -> {ty} {{\n  {body}\n  return %z\n}}\n"))
}

fn inputs_of(module: &Verified<pullback_ir::Module>, values: &[&[f64]]) -> Vec<Array> {
    let types: Vec<Type> = module.function(find(module, "f")).param_types().cloned().collect();
    assert_eq!(types.len(), values.len());
    types.iter().zip(values).map(|(ty, values)| array(ty, values)).collect()
}

/// The cotangents of the floating-point parameters at a point, for cotangents `g` of `%z`.
fn cotangents(params: &str, body: &str, values: &[&[f64]], g: &[f64]) -> Vec<Vec<f64>> {
    let module = program(params, body);
    let id = find(&module, "f");
    let mut inputs = inputs_of(&module, values);
    inputs.push(array(module.function(id).result_types().next().unwrap(), g));
    let (module, reverse) = add(&module, vjp(&module, id, &floats(module.function(id))).unwrap());
    run(&module, reverse, &inputs)[1..].iter().map(Array::to_f64).collect()
}

const ROWS: &str = "offset=[], collapsed=[0], map=[0], vector_axis=1";

#[test]
fn boxes_outside_are_moved_inside_and_what_is_replaced_gets_0() {
    let slice = |i: f64| {
        cotangents("%x: f64[4], %i: i32", "%z = dynamic_slice %x, %i : f64[2]", &[&[0.0; 4], &[i]], &[1.0, 2.0])
    };
    assert_eq!(slice(-5.0), [[1.0, 2.0, 0.0, 0.0]]);
    assert_eq!(slice(3.0), [[0.0, 0.0, 1.0, 2.0]]);
    let found = cotangents(
        "%x: f64[4], %u: f64[2], %i: i32",
        "%z = dynamic_update_slice %x, %u, %i : f64[4]",
        &[&[0.0; 4], &[0.0; 2], &[9.0]],
        &[1.0, 2.0, INF, NAN],
    );
    assert_eq!(found[0], [1.0, 2.0, 0.0, 0.0]);
    assert!(found[1][0] == INF && found[1][1].is_nan());
}

#[test]
fn gather_outside_goes_to_the_nearest_element_or_to_none() {
    let found = |mode: &str| {
        let body = format!("%z = gather %x, %i, {ROWS}, mode={mode}, sizes=[1] : f64[5]");
        cotangents(
            "%x: f64[3], %i: i32[5]",
            &body,
            &[&[0.0; 3], &[-1.0, 1.0, 1.0, 7.0, 2.0]],
            &[1.0, 2.0, 4.0, 8.0, 16.0],
        )
    };
    // Repeated positions add up.
    assert_eq!(found("clamp"), [[1.0, 6.0, 24.0]]);
    assert_eq!(found("drop"), [[0.0, 6.0, 16.0]]);
}

#[test]
fn of_replacements_the_last_gets_the_cotangent() {
    let found = |mode: &str| {
        let body = format!("%z = scatter set %x, %i, %u, {ROWS}, mode={mode} : f64[3]");
        let at = [1.0, 2.0, 1.0, 9.0];
        let params = "%x: f64[3], %i: i32[4], %u: f64[4]";
        cotangents(params, &body, &[&[0.0; 3], &at, &[0.0; 4]], &[INF, 2.0, 4.0])
    };
    assert_eq!(found("drop"), [vec![INF, 0.0, 0.0], vec![0.0, 4.0, 2.0, 0.0]]);
    assert_eq!(found("clamp"), [vec![INF, 0.0, 0.0], vec![0.0, 0.0, 2.0, 4.0]]);
}

#[test]
fn of_overlapping_windows_each_element_is_decided_alone() {
    let body = "%z = scatter set %x, %i, %u, offset=[1], collapsed=[], map=[0], vector_axis=1, mode=clamp : f64[4]";
    let params = "%x: f64[4], %i: i32[2], %u: f64[2,2]";
    let found = cotangents(params, body, &[&[0.0; 4], &[1.0, 0.0], &[0.0; 4]], &[1.0, 2.0, 4.0, 8.0]);
    assert_eq!(found, [vec![0.0, 0.0, 0.0, 8.0], vec![0.0, 4.0, 1.0, 2.0]]);
}

#[test]
fn every_addition_gets_the_cotangent_and_one_dropped_gets_0() {
    let body = format!("%z = scatter add %x, %i, %u, {ROWS}, mode=drop : f64[2]");
    let params = "%x: f64[2], %i: i32[4], %u: f64[4]";
    let found = cotangents(params, &body, &[&[0.0; 2], &[1.0, -1.0, 1.0, 0.0], &[0.0; 4]], &[1.0, 2.0]);
    assert_eq!(found, [vec![1.0, 2.0], vec![2.0, 0.0, 2.0, 1.0]]);
}

#[test]
fn products_at_one_position_are_exact_with_zeros() {
    let params = "%x: f64[3], %i: i32[6], %u: f64[6]";
    let body = format!("%z = scatter mul %x, %i, %u, {ROWS}, mode=drop : f64[3]");
    let at = [1.0, 0.0, 1.0, 5.0, 1.0, 0.0];
    let (x, u) = ([0.0, 2.0, 3.0], [3.0, 7.0, 0.0, 2.0, 5.0, 11.0]);
    let found = cotangents(params, &body, &[&x, &at, &u], &[1.0; 3]);
    assert_eq!(found, [vec![77.0, 0.0, 1.0], vec![0.0, 0.0, 30.0, 0.0, 0.0, 0.0]]);
    // Second derivatives too: differences of a polynomial see them.
    let module = program(params, &body);
    for u in [u, [0.0, 7.0, 0.0, 2.0, 5.0, 0.0], [0.0; 6]] {
        check(&module, find(&module, "f"), &inputs_of(&module, &[&x, &at, &u]), 2);
    }
}

#[test]
fn ties_of_scatter_extrema_are_shared_by_the_element_and_the_updates() {
    let found = |kind: &str, x: [f64; 2], u: [f64; 4]| {
        let body = format!("%z = scatter {kind} %x, %i, %u, {ROWS}, mode=drop : f64[2]");
        let params = "%x: f64[2], %i: i32[4], %u: f64[4]";
        cotangents(params, &body, &[&x, &[0.0, 0.0, 5.0, 0.0], &u], &[6.0, 1.0])
    };
    assert_eq!(found("max", [3.0, 0.0], [3.0, 3.0, 3.0, 1.0]), [vec![2.0, 1.0], vec![2.0, 2.0, 0.0, 0.0]]);
    assert_eq!(found("min", [3.0, 0.0], [2.0, 3.0, 2.0, 2.0]), [vec![0.0, 1.0], vec![3.0, 0.0, 0.0, 3.0]]);
}

#[test]
fn ties_in_a_window_are_shared_and_padding_has_no_part() {
    let pool = |kind: &str, x: &[f64; 4], g: &[f64; 4]| {
        let body = format!("%z = reduce_window {kind} %x, size=[3], stride=[2], low=[3], high=[2] : f64[4]");
        cotangents("%x: f64[4]", &body, &[x], g).remove(0)
    };
    // The windows: padding alone; elements 0 and 1; 1, 2 and 3; 3.
    assert_eq!(pool("max", &[5.0, 5.0, 5.0, 1.0], &[INF, 2.0, 6.0, 8.0]), [1.0, 4.0, 3.0, 8.0]);
    assert_eq!(pool("min", &[5.0, 7.0, 5.0, 5.0], &[INF, 2.0, 6.0, 8.0]), [2.0, 0.0, 3.0, 11.0]);
}

#[test]
fn a_window_of_padding_alone_gives_nothing() {
    let body = "%z = reduce_window max %x, size=[1], low=[2], high=[0] : f64[4]";
    assert_eq!(cotangents("%x: f64[2]", body, &[&[1.0, 2.0]], &[1.0, 2.0, 4.0, 8.0]), [[4.0, 8.0]]);
    let module = program("%x: f64[2]", body);
    let (module, forward) = add(&module, jvp(&module, find(&module, "f"), &[0]).unwrap());
    let x = Array::from_slice(&[2], &[1.0, 2.0]).unwrap();
    assert_eq!(run(&module, forward, &[x.clone(), x])[1].to_f64(), [0.0, 0.0, 1.0, 2.0]);
    // The least number equals the padding, and gets all the same.
    let body = "%z = reduce_window max %x, size=[3], low=[2], high=[0] : f64[1]";
    assert_eq!(cotangents("%x: f64[1]", body, &[&[-INF]], &[6.0]), [[6.0]]);
}

#[test]
fn select_and_scatter_reads_where_it_wrote() {
    let source = |kind: &str, x: &[f64], attributes: &str, count: usize, g: &[f64]| {
        let n = x.len();
        let params = format!("%x: f64[{n}], %s: f64[{count}]");
        let body = format!("%z = select_and_scatter {kind} %x, %s, {attributes} : f64[{n}]");
        let mut found = cotangents(&params, &body, &[x, &vec![1.0; count]], g);
        assert_eq!(found[0], vec![0.0; n], "what chooses");
        found.remove(1)
    };
    // The first of equal elements.
    assert_eq!(source("max", &[3.0, 3.0, 1.0, 2.0], "size=[2], stride=[2]", 2, &[1.0, 2.0, 4.0, 8.0]), [1.0, 8.0]);
    assert_eq!(source("min", &[3.0, 3.0, 1.0, 1.0], "size=[2], stride=[2]", 2, &[1.0, INF, 4.0, NAN]), [1.0, 4.0]);
    // NaN is the extremum.
    assert_eq!(source("min", &[3.0, NAN, NAN, 0.0], "size=[4]", 1, &[1.0, 2.0, 4.0, 8.0]), [2.0]);
    // Padding never wins, and where there is nothing else nothing is chosen.
    assert_eq!(source("max", &[-INF, -INF], "size=[2], low=[3]", 4, &[1.0, 2.0]), [0.0, 0.0, 1.0, 1.0]);
    assert_eq!(source("max", &[NAN, 5.0], "size=[2], low=[1], high=[1]", 3, &[1.0, 2.0]), [1.0, 1.0, 2.0]);
}

#[test]
fn running_products_are_exact_with_zeros_and_infinities() {
    let ct = |x: &[f64; 4], g: &[f64; 4]| cotangents("%x: f64[4]", "%z = cumulative mul %x, axis=0 : f64[4]", &[x], g);
    assert_eq!(ct(&[2.0, 0.0, 3.0, 5.0], &[0.0, 0.0, 0.0, 1.0]), [[0.0, 30.0, 0.0, 0.0]]);
    assert_eq!(ct(&[2.0, 0.0, 0.0, 5.0], &[0.0, 1.0, 1.0, 1.0]), [[0.0, 2.0, 0.0, 0.0]]);
    // Before the first element there is nothing that an infinity could be multiplied with.
    assert_eq!(ct(&[INF, 3.0, 5.0, 2.0], &[1.0, 0.0, 0.0, 0.0])[0][0], 1.0);
    let module = program("%x: f64[5]", "%z = cumulative mul %x, axis=0, reverse=true : f64[5]");
    check(&module, find(&module, "f"), &inputs_of(&module, &[&[1.5, 0.0, -2.0, 0.0, 3.0]]), 2);
}

#[test]
fn ties_of_running_extrema_are_shared_by_those_so_far() {
    let ct = |kind: &str, x: &[f64; 5], g: &[f64; 5]| {
        cotangents("%x: f64[5]", &format!("%z = cumulative {kind} %x, axis=0 : f64[5]"), &[x], g).remove(0)
    };
    // Of the third result half is the first's and half the third's; of the last a third each.
    assert_eq!(ct("max", &[2.0, 1.0, 2.0, 0.0, 2.0], &[0.0, 0.0, 4.0, 0.0, 6.0]), [4.0, 0.0, 4.0, 0.0, 2.0]);
    assert_eq!(ct("min", &[2.0, 1.0, 1.0, 3.0, 0.0], &[1.0, 0.0, 0.0, 6.0, INF]), [1.0, 3.0, 3.0, 0.0, INF]);
}

#[test]
fn running_logarithms_of_sums_give_0_to_nothing() {
    let ct = |x: &[f64; 3]| cotangents("%x: f64[3]", "%z = cumulative logsumexp %x, axis=0 : f64[3]", &[x], &[1.0; 3]);
    assert_eq!(ct(&[-INF; 3]), [[0.0; 3]]);
    assert_eq!(ct(&[-INF, 800.0, -INF]), [[0.0, 2.0, 0.0]]);
    assert_eq!(ct(&[-800.0, 800.0, 0.0]), [[1.0, 2.0, 0.0]]);
}

#[test]
fn sorted_elements_take_their_cotangents_along() {
    let sorted = |attributes: &str, x: &[f64; 4]| {
        let body = format!("%z = sort %x, axis=0, keys=1{attributes} : f64[4]");
        cotangents("%x: f64[4]", &body, &[x], &[1.0, 2.0, 4.0, 8.0]).remove(0)
    };
    // Equal elements keep their order in both directions, and NaN is the largest.
    assert_eq!(sorted("", &[2.0, 1.0, 2.0, 0.0]), [4.0, 2.0, 8.0, 1.0]);
    assert_eq!(sorted(", descending=true", &[2.0, 1.0, 2.0, 0.0]), [1.0, 4.0, 2.0, 8.0]);
    assert_eq!(sorted("", &[NAN, 1.0, INF, 0.0]), [8.0, 2.0, 4.0, 1.0]);
    let top = |x: &[f64; 4]| {
        let module =
            load("func @f(%x: f64[4]) -> f64[2] {\n  %z, %i = top_k %x, k=2 : f64[2], i32[2]\n  return %z\n}\n");
        let (module, reverse) = add(&module, vjp(&module, find(&module, "f"), &[0]).unwrap());
        let g = Array::from_slice(&[2], &[1.0, 2.0]).unwrap();
        run(&module, reverse, &[Array::from_slice(&[4], x).unwrap(), g])[1].to_f64()
    };
    assert_eq!(top(&[1.0, 3.0, 3.0, 3.0]), [0.0, 1.0, 2.0, 0.0]);
    assert_eq!(top(&[1.0, 3.0, 2.0, NAN]), [0.0, 2.0, 0.0, 1.0]);
}

#[test]
fn what_is_sorted_with_its_positions_is_sorted_once() {
    let module = load(
        "func @f(%x: f64[4]) -> f64[4] {\n  %i = iota axis=0 : i32[4]\n  \
         %z, %p = sort %x, %i, axis=0, keys=1 : f64[4], i32[4]\n  return %z\n}\n",
    );
    let forward = jvp(&module, find(&module, "f"), &[0]).unwrap();
    assert_eq!(count(&forward, |op| matches!(op, Op::Sort { .. })), 1);
}

#[test]
fn only_the_triangle_that_is_read_has_a_derivative() {
    let found = cotangents(
        "%x: f64[2,2]",
        "%z = cholesky %x : f64[2,2]",
        // The upper triangle is not read, and what lies above the result's diagonal is constant.
        &[&[4.0, 99.0, 0.0, 9.0]],
        &[1.0, 7.0, 0.0, 1.0],
    );
    assert_eq!(found, [[0.25, 0.0, 0.0, 1.0 / 6.0]]);
    let found = cotangents(
        "%a: f64[2,2], %b: f64[2,1]",
        "%z = triangular_solve %a, %b, left=true, lower=true, unit=true : f64[2,1]",
        &[&[5.0, 99.0, 3.0, 5.0], &[1.0, 2.0]],
        &[0.0, 1.0],
    );
    assert_eq!(found, [vec![0.0, 0.0, -1.0, 0.0], vec![-3.0, 1.0]]);
}

#[test]
fn bits_and_stopped_gradients_have_derivative_0() {
    for body in ["%z = bitcast %x : f64[2]", "%z = stop_gradient %x : f64[2]"] {
        assert_eq!(cotangents("%x: f64[2]", body, &[&[1.0, 2.0]], &[INF, 1.0]), [[0.0; 2]], "{body}");
    }
    let module =
        load("func @f(%x: f64) -> f64 {\n  %s = stop_gradient %x : f64\n  %z = mul %x, %s : f64\n  return %z\n}\n");
    let (module, slope) = add(&module, grad(&module, find(&module, "f"), &[0]).unwrap());
    assert_eq!(run(&module, slope, &[Array::scalar(3.0)])[0].to_f64(), [3.0]);
}

#[test]
fn infinite_cotangents_do_not_leak_into_what_was_not_chosen() {
    let body = "%z = reduce_window max %x, size=[2] : f64[2]";
    assert_eq!(cotangents("%x: f64[3]", body, &[&[1.0, 2.0, 3.0]], &[1.0, INF]), [[0.0, 1.0, INF]]);
    let body = "%z = cumulative max %x, axis=0 : f64[3]";
    assert_eq!(cotangents("%x: f64[3]", body, &[&[3.0, 2.0, 4.0]], &[1.0, 2.0, INF]), [[3.0, 0.0, INF]]);
    let body = format!("%z = scatter max %x, %i, %u, {ROWS}, mode=clamp : f64[2]");
    let found =
        cotangents("%x: f64[2], %i: i32[2], %u: f64[2]", &body, &[&[1.0, 5.0], &[0.0, 1.0], &[2.0, 3.0]], &[INF, 1.0]);
    assert_eq!(found, [vec![0.0, 1.0], vec![INF, 0.0]]);
}

#[test]
fn symbolic_zeros_are_not_scattered_or_held_back() {
    let body = format!("%z = scatter add %x, %i, %u, {ROWS}, mode=clamp : f64[2]");
    let module = program("%x: f64[2], %i: i32[2], %u: f64[2]", &body);
    let forward = jvp(&module, find(&module, "f"), &[0]).unwrap();
    assert_eq!(count(&forward, |op| matches!(op, Op::Scatter { .. })), 1);
    let module = load(
        "func @f(%x: f64, %y: f64) -> (f64, f64) {\n  %a, %b = optimization_barrier %x, %y : f64, f64\n  return %a, %b\n}\n",
    );
    let forward = jvp(&module, find(&module, "f"), &[1]).unwrap();
    let barriers = forward.insts().iter().filter(|&&inst| matches!(forward.op(inst), Op::Barrier));
    assert_eq!(barriers.map(|&inst| forward.args(inst).len()).collect::<Vec<_>>(), [2, 1]);
}

#[test]
fn positions_have_no_tangent() {
    let module = program("%x: f64[3]", "%i = argmax %x, axis=0 : i32\n  %z = dynamic_slice %x, %i : f64[1]");
    let (module, slope) = add(&module, vjp(&module, find(&module, "f"), &[0]).unwrap());
    let inputs = [Array::from_slice(&[3], &[1.0, 3.0, 2.0]).unwrap(), Array::from_slice(&[1], &[5.0]).unwrap()];
    assert_eq!(run(&module, slope, &inputs)[1].to_f64(), [0.0, 5.0, 0.0]);
}
