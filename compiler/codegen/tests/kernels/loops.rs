//! Loops, carried values and matrix products.

use pullback_ir::{Binary, Comparison, DType, Reduction, Scalar, Unary};
use pullback_loops::{Affine, Expr, Gemm, Matrix, Stmt};

use super::support::{Kit, arg, vector};

#[test]
fn a_sum_is_carried_through_nested_loops() {
    let (rows, columns) = (5, 12);
    let x: Vec<f64> = (0..rows * columns).map(|i| f64::from(i as u32) * 0.5).collect();
    let mut kit = Kit::new();
    let (source, out) = (kit.input(DType::F64, rows * columns), kit.output(DType::F64, rows));
    let ty = vector(DType::F64, 2);
    kit.each(rows, 1, |kit, i| {
        let zero = kit.set(ty, Expr::Const(Scalar::F64(0.0)));
        let sums = kit.fold(columns, 2, &[zero], |kit, j, sums| {
            let x = kit.load(ty, source, &i.times(columns as i64).plus(j, 1));
            vec![kit.set(ty, Expr::Binary(Binary::Add, sums[0], x))]
        });
        let sum = kit.set(vector(DType::F64, 1), Expr::ReduceLanes(Reduction::Add, sums[0]));
        kit.store(out, i, sum);
    });
    let expected: Vec<f64> = x.chunks(columns).map(|row| row.iter().sum()).collect();
    for found in kit.run::<f64>(&[arg(&x)]) {
        assert_eq!(found, expected);
    }
}

#[test]
fn carried_values_may_swap() {
    // Fibonacci: (a, b) becomes (b, a + b); of 0 iterations, 1 and 30.
    for (extent, expected) in [(0, [0, 1]), (1, [1, 1]), (30, [832_040, 1_346_269])] {
        let mut kit = Kit::new();
        let out = kit.output(DType::I64, 2);
        let ty = vector(DType::I64, 1);
        let (a, b) = (kit.set(ty, Expr::Const(Scalar::I64(0))), kit.set(ty, Expr::Const(Scalar::I64(1))));
        let last =
            kit.fold(extent, 1, &[a, b], |kit, _, v| vec![v[1], kit.set(ty, Expr::Binary(Binary::Add, v[0], v[1]))]);
        kit.store(out, &Affine::constant(0), last[0]);
        kit.store(out, &Affine::constant(1), last[1]);
        for found in kit.run::<i64>(&[]) {
            assert_eq!(found, expected, "{extent} iterations");
        }
    }
}

#[test]
fn a_loop_of_one_iteration_has_counter_zero() {
    let mut kit = Kit::new();
    let out = kit.output(DType::I32, 4);
    kit.each(4, 4, |kit, i| {
        kit.each(1, 1, |kit, j| {
            let index = i.plus(j, 5).plus_constant(3);
            let x = kit.set(vector(DType::I32, 4), Expr::Position { index, lane_stride: 1 });
            kit.store(out, &i.plus(j, 7), x);
        });
    });
    for found in kit.run::<i32>(&[]) {
        assert_eq!(found, [3, 4, 5, 6]);
    }
}

#[test]
fn functions_with_slow_paths_work_inside_loops_with_carried_values() {
    // A sine of large arguments leaves the block it began in.
    let x = [1.0f32, 1e6, -3e7, 0.5, 2e9, 1e30, 4.0, -1e20];
    let mut kit = Kit::new();
    let (source, out) = (kit.input(DType::F32, 8), kit.output(DType::F32, 1));
    let ty = vector(DType::F32, 4);
    let zero = kit.set(ty, Expr::Const(Scalar::F32(0.0)));
    let sums = kit.fold(8, 4, &[zero], |kit, i, sums| {
        let x = kit.load(ty, source, i);
        let sine = kit.set(ty, Expr::Unary(Unary::Sin, x));
        vec![kit.set(ty, Expr::Binary(Binary::Add, sums[0], sine))]
    });
    let sum = kit.set(vector(DType::F32, 1), Expr::ReduceLanes(Reduction::Add, sums[0]));
    kit.store(out, &Affine::constant(0), sum);
    let expected: f64 = x.iter().map(|&x| f64::from(x).sin()).sum();
    for found in kit.run::<f32>(&[arg(&x)]) {
        assert!((f64::from(found[0]) - expected).abs() < 1e-5, "{} {expected}", found[0]);
    }
}

#[test]
fn masks_are_carried() {
    // Whether any element so far is negative, for each lane.
    let x = [1.0f32, -1.0, 2.0, 3.0, 4.0, 5.0, -6.0, 7.0];
    let mut kit = Kit::new();
    let (source, out) = (kit.input(DType::F32, 8), kit.output(DType::Bool, 4));
    let (ty, mask) = (vector(DType::F32, 4), vector(DType::Bool, 4));
    let zero = kit.set(ty, Expr::Const(Scalar::F32(0.0)));
    let none = kit.set(mask, Expr::Const(Scalar::Bool(false)));
    let any = kit.fold(8, 4, &[none], |kit, i, any| {
        let x = kit.load(ty, source, i);
        let negative = kit.set(mask, Expr::Compare(Comparison::Lt, x, zero));
        vec![kit.set(mask, Expr::Binary(Binary::Or, any[0], negative))]
    });
    kit.store(out, &Affine::constant(0), any[0]);
    for found in kit.run::<bool>(&[arg(&x)]) {
        assert_eq!(found, [false, true, true, false]);
    }
}

#[test]
fn matrix_products_call_the_kernel() {
    let (batch, m, n, k) = (3usize, 4usize, 5usize, 6usize);
    for accumulate in [false, true] {
        let mut kit = Kit::new();
        let lhs = kit.input(DType::F64, batch * m * k);
        let rhs = kit.input(DType::F64, n * k);
        let out = kit.output(DType::F64, batch * m * n);
        let one = kit.set(vector(DType::F64, 1), Expr::Const(Scalar::F64(1.0)));
        kit.each(batch * m * n, 1, |kit, i| kit.store(out, i, one));
        kit.each(batch, 1, |kit, b| {
            let matrix = |buffer, index, rows: usize, columns: usize| Matrix {
                buffer,
                index,
                row_stride: rows as i64,
                column_stride: columns as i64,
            };
            kit.push(Stmt::Gemm(Box::new(Gemm {
                dtype: DType::F64,
                m,
                n,
                k,
                out: matrix(out, b.times((m * n) as i64), n, 1),
                lhs: matrix(lhs, b.times((m * k) as i64), k, 1),
                // Stored transposed.
                rhs: matrix(rhs, Affine::constant(0), 1, k).into(),
                accumulate,
            })));
        });
        let x: Vec<f64> = (0..batch * m * k).map(|i| (i % 7) as f64 - 3.0).collect();
        let y: Vec<f64> = (0..n * k).map(|i| (i % 5) as f64 - 2.0).collect();
        let element = |b: usize, r: usize, c: usize| -> f64 {
            (0..k).map(|i| x[b * m * k + r * k + i] * y[c * k + i]).sum::<f64>() + f64::from(u8::from(accumulate))
        };
        let expected: Vec<f64> = (0..batch * m * n).map(|i| element(i / (m * n), i / n % m, i % n)).collect();
        for found in kit.run::<f64>(&[arg(&x), arg(&y)]) {
            assert_eq!(found, expected);
        }
    }
}

#[test]
fn matrix_products_of_integers_are_refused() {
    let mut kit = Kit::new();
    let x = kit.input(DType::I32, 1);
    let out = kit.output(DType::I32, 1);
    let matrix = |buffer| Matrix { buffer, index: Affine::constant(0), row_stride: 1, column_stride: 1 };
    let (out, lhs, rhs) = (matrix(out), matrix(x), matrix(x));
    kit.push(Stmt::Gemm(Box::new(Gemm {
        dtype: DType::I32,
        m: 1,
        n: 1,
        k: 1,
        out,
        lhs,
        rhs: rhs.into(),
        accumulate: false,
    })));
    assert!(kit.error().contains("a matrix product of i32, expected f32 or f64"), "{}", kit.error());
}

#[test]
fn matrix_products_that_leave_a_buffer_or_write_an_argument_are_refused() {
    let refused = |rows: i64, into_argument: bool, message: &str| {
        let mut kit = Kit::new();
        let (x, y) = (kit.input(DType::F32, 6), kit.output(DType::F32, 4));
        let matrix = |buffer, row_stride| Matrix { buffer, index: Affine::constant(0), row_stride, column_stride: 1 };
        let (out, lhs, rhs) = (matrix(if into_argument { x } else { y }, 2), matrix(x, rows), matrix(x, 2));
        kit.push(Stmt::Gemm(Box::new(Gemm {
            dtype: DType::F32,
            m: 2,
            n: 2,
            k: 3,
            out,
            lhs,
            rhs: rhs.into(),
            accumulate: false,
        })));
        assert!(kit.error().contains(message), "{}", kit.error());
    };
    refused(4, false, "positions 0 to 6 of %buffer0 are accessed, which has 6 elements");
    refused(3, true, "a store to %buffer0, an input");
}
