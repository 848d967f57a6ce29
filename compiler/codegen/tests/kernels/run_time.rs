//! Bound counters, conditions and calls of the runtime.

use pullback_ir::{Binary, Comparison, DType, Scalar};
use pullback_loops::{Affine, Bind, Buffer, Expr, If, Routine, RuntimeCall, Stmt, Var, VarType, View, ViewAxis};

use super::support::{FEATURES, Kit, arg, first, place, vector};

const I64: VarType = VarType::scalar(DType::I64);

fn line(buffer: Buffer, first: i64, extent: usize, stride: i64) -> View {
    let axes = [ViewAxis { extent, stride }].into_iter().collect();
    View { buffer, index: Affine::constant(first), axes }
}

fn bind(kit: &mut Kit, var: Var, extent: i64) -> Affine {
    let index = kit.program.index();
    kit.push(Stmt::Bind(Bind { index, var, extent }));
    Affine::counter(index)
}

/// `y[i] = x[n[i] moved into 0..5]`.
fn lookup<T: pullback_runtime::Element>(dtype: DType, indices: &[T]) -> Vec<Vec<f32>> {
    let x: Vec<f32> = (0..5).map(|i| 10.0 + i as f32).collect();
    let mut kit = Kit::new();
    let (from, at) = (kit.input(DType::F32, 5), kit.input(dtype, indices.len()));
    let to = kit.output(DType::F32, indices.len());
    kit.each(indices.len(), 1, |kit, i| {
        let n = kit.load(VarType::scalar(dtype), at, i);
        let position = bind(kit, n, 5);
        let value = kit.load(VarType::scalar(DType::F32), from, &position);
        kit.store(to, i, value);
    });
    kit.run(&[arg(&x), arg(indices)])
}

#[test]
fn a_position_from_memory_is_moved_inside_whatever_it_is() {
    for found in lookup(DType::I32, &[0, 4, 5, -1, i32::MIN, i32::MAX, 2]) {
        assert_eq!(found, [10.0, 14.0, 14.0, 10.0, 10.0, 14.0, 12.0]);
    }
    for found in lookup(DType::I64, &[i64::MIN, i64::MAX, 1 << 32, -(1 << 32), 3]) {
        assert_eq!(found, [10.0, 14.0, 14.0, 10.0, 13.0]);
    }
    for found in lookup(DType::U8, &[0u8, 128, 255, 4]) {
        assert_eq!(found, [10.0, 14.0, 14.0, 14.0]);
    }
}

#[test]
fn vectors_are_loaded_and_stored_from_a_bound_position_on() {
    let x: Vec<f32> = (0..16).map(|i| i as f32).collect();
    let mut kit = Kit::new();
    let (from, at) = (kit.input(DType::F32, 16), kit.input(DType::I64, 3));
    let to = kit.output(DType::F32, 12);
    kit.each(3, 1, |kit, i| {
        let n = kit.load(I64, at, i);
        let row = bind(kit, n, 4);
        let value = kit.load(vector(DType::F32, 4), from, &row.times(4));
        kit.store(to, &i.times(4), value);
    });
    for found in kit.run::<f32>(&[arg(&x), arg(&[2i64, -5, 9])]) {
        assert_eq!(found, [8.0, 9.0, 10.0, 11.0, 0.0, 1.0, 2.0, 3.0, 12.0, 13.0, 14.0, 15.0]);
    }
}

#[test]
fn statements_under_a_condition_run_where_it_holds_with_loops_inside() {
    let n = [3i64, -1, 0, 7];
    let mut kit = Kit::new();
    let (at, to) = (kit.input(DType::I64, 4), kit.output(DType::I64, 8));
    kit.each(8, 1, |kit, i| {
        let one = kit.set(I64, Expr::Const(Scalar::I64(1)));
        kit.store(to, i, one);
    });
    kit.each(4, 1, |kit, i| {
        let x = kit.load(I64, at, i);
        let zero = kit.set(I64, Expr::Const(Scalar::I64(0)));
        let condition = kit.set(VarType::scalar(DType::Bool), Expr::Compare(Comparison::Gt, x, zero));
        let index = kit.program.index();
        // A counter is bound inside, a loop carries a value inside.
        let body = kit.nested(|kit| {
            kit.push(Stmt::Bind(Bind { index, var: x, extent: 2 }));
            let sums =
                kit.fold(5, 1, &[x], |kit, _, carried| vec![kit.set(I64, Expr::Binary(Binary::Add, carried[0], x))]);
            kit.store(to, &i.times(2).plus(&Affine::counter(index), 1), sums[0]);
        });
        kit.push(Stmt::If(Box::new(If { condition, body })));
    });
    for found in kit.run::<i64>(&[arg(&n)]) {
        assert_eq!(found, [1, 18, 1, 1, 1, 1, 1, 42]);
    }
}

#[test]
fn an_order_to_refine_that_is_none_leads_out_of_no_buffer() {
    let (keys, wrong) = ([3.0f64, 1.0, 2.0], [7, -1, i32::MIN]);
    let mut kit = Kit::new();
    let (keys_in, wrong_in) = (kit.input(DType::F64, 3), kit.input(DType::I32, 3));
    let (order, scratch) = (kit.output(DType::I32, 3), kit.arena(DType::I64, 6));
    kit.each(3, 1, |kit, i| {
        let place = kit.load(VarType::scalar(DType::I32), wrong_in, i);
        kit.store(order, i, place);
    });
    let routine = Routine::Argsort { descending: false, refine: true };
    let views = vec![line(order, 0, 3, 1), line(scratch, 0, 6, 1), line(keys_in, 0, 3, 1)];
    kit.push(Stmt::Call(Box::new(RuntimeCall { routine, views })));
    // Three times the last place.
    for found in kit.run::<i32>(&[arg(&keys), arg(&wrong)]) {
        assert_eq!(found, [2, 2, 2]);
    }
}

#[test]
fn lines_of_any_stride_are_sorted_and_matrices_of_any_layout_factored() {
    let keys = [9.0f32, 2.0, 8.0, 1.0, 7.0, 3.0];
    let a = [4.0f64, 0.0, 2.0, 10.0];
    let mut kit = Kit::new();
    let (keys_in, a_in) = (kit.input(DType::F32, 6), kit.input(DType::F64, 4));
    let (order, l) = (kit.output(DType::I32, 6), kit.output(DType::F64, 4));
    let scratch = kit.arena(DType::I64, 3);
    for first in 0..2 {
        let routine = Routine::Argsort { descending: first == 1, refine: false };
        let views = vec![line(order, 1 - first, 3, 2), line(scratch, 0, 3, 1), line(keys_in, 4 + first, 3, -2)];
        kit.push(Stmt::Call(Box::new(RuntimeCall { routine, views })));
    }
    let matrix = |buffer, rows, columns| {
        let axes = [rows, columns].map(|stride| ViewAxis { extent: 2, stride }).into_iter().collect();
        View { buffer, index: Affine::default(), axes }
    };
    let views = vec![matrix(l, 1, 2), matrix(a_in, 2, 1)];
    kit.push(Stmt::Call(Box::new(RuntimeCall { routine: Routine::Cholesky, views })));
    for features in FEATURES {
        let results = kit.compile(features).executable.run(&[arg(&keys), arg(&a)]).unwrap();
        // 7, 8, 9 ascending at odd places, and 3, 1, 2 descending at even ones.
        assert_eq!(first::<i32>(&results), [0, 0, 2, 1, 1, 2]);
        assert_eq!(results[1].as_slice::<f64>().unwrap(), [2.0, 1.0, 0.0, 3.0]);
    }
}

#[test]
fn accesses_that_a_bound_counter_could_lead_outside_are_refused() {
    let mut kit = Kit::new();
    let (from, at) = (kit.input(DType::F32, 5), kit.input(DType::I64, 1));
    let to = kit.output(DType::F32, 1);
    let n = kit.load(I64, at, &Affine::default());
    let position = bind(&mut kit, n, 6);
    let value = kit.set(VarType::scalar(DType::F32), Expr::Load(place(from, &position, 1)));
    kit.store(to, &Affine::default(), value);
    let error = kit.error();
    assert!(error.contains("positions 0 to 5"), "{error}");
}
