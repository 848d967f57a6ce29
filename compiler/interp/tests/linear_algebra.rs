//! Factorisation, triangular systems, random bits and the operations on bits.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{apply, apply_all, array, counted, scrambled};
use pullback_interp::Array;
use pullback_ir::{DType, Op, Type};

/// The element of the matrix in the last two axes.
fn at(x: &Array, n: usize, row: usize, column: usize) -> f64 {
    x.to_f64()[row * n + column]
}

#[test]
fn cholesky_by_hand() {
    let x = array(&[3, 3], &[4.0, 99.0, 99.0, 12.0, 37.0, 99.0, -16.0, -43.0, 98.0]);
    // The textbook example; the strict upper triangle is not read.
    assert_eq!(apply(&Op::Cholesky, &[&x]), array(&[3, 3], &[2.0, 0.0, 0.0, 6.0, 1.0, 0.0, -8.0, 5.0, 3.0]));
    assert_eq!(apply(&Op::Cholesky, &[&array(&[1, 1], &[2.0f32])]), array(&[1, 1], &[2f64.sqrt() as f32]));
    assert_eq!(apply(&Op::Cholesky, &[&counted(&[2, 0, 0])]), counted(&[2, 0, 0]));
}

#[test]
fn a_factor_times_its_transpose_is_the_matrix() {
    for n in [1, 2, 5, 9] {
        let root = scrambled(&[n, n], n as u64);
        let product = |x: &Array, i: usize, j: usize| (0..n).map(|k| at(x, n, i, k) * at(x, n, j, k)).sum::<f64>();
        let matrix: Vec<f64> =
            (0..n * n).map(|p| product(&root, p / n, p % n) + if p / n == p % n { 20.0 } else { 0.0 }).collect();
        let l = apply(&Op::Cholesky, &[&array(&[n, n], &matrix)]);
        for (p, &expected) in matrix.iter().enumerate() {
            let (i, j) = (p / n, p % n);
            let scale = (matrix[i * n + i] * matrix[j * n + j]).sqrt();
            assert!((product(&l, i, j) - expected).abs() < 8.0 * f64::EPSILON * scale, "{n}: {i} {j}");
            assert!(j <= i || at(&l, n, i, j) == 0.0);
        }
    }
}

#[test]
fn only_the_matrix_that_is_not_positive_definite_becomes_nan() {
    let good = [4.0, 0.0, 2.0, 5.0];
    for bad in [[1.0, 0.0, 2.0, 4.0], [0.0; 4], [-1.0, 0.0, 0.0, 1.0], [f64::NAN, 0.0, 0.0, 1.0]] {
        let batch: Vec<f64> = good.into_iter().chain(bad).chain(good).collect();
        let found = apply(&Op::Cholesky, &[&array(&[3, 2, 2], &batch)]).to_f64();
        assert_eq!((&found[..4], &found[8..]), (&[2.0, 0.0, 1.0, 2.0][..], &[2.0, 0.0, 1.0, 2.0][..]));
        assert!(found[4..8].iter().all(|x| x.is_nan()), "{bad:?}: {found:?}");
    }
}

#[test]
fn every_form_of_triangular_system_is_solved() {
    let (n, m) = (4, 3);
    // Diagonals away from 0, batched by two, and other triangles that must not be read.
    let a: Vec<f64> = (scrambled(&[2, n, n], 1).to_f64().iter().enumerate())
        .map(|(p, &x)| if p % (n * n) / n == p % n { 10.0 + x.abs() } else { x })
        .collect();
    for form in 0..16 {
        let [left, lower, transpose, unit] = [1, 2, 4, 8].map(|bit| form & bit != 0);
        let b = scrambled(&if left { [2, n, m] } else { [2, m, n] }, 2);
        let op = Op::TriangularSolve { left, lower, transpose, unit };
        let poisoned: Vec<f64> = (a.iter().enumerate())
            .map(|(p, &x)| {
                let (i, j) = (p % (n * n) / n, p % n);
                let unread = if lower { j > i } else { j < i } || (unit && i == j);
                if unread { f64::NAN } else { x }
            })
            .collect();
        let x = apply(&op, &[&array(&[2, n, n], &poisoned), &b]).to_f64();
        let matrix = |batch: usize, i: usize, j: usize| {
            let (i, j) = if transpose { (j, i) } else { (i, j) };
            match i.cmp(&j) {
                std::cmp::Ordering::Equal if unit => 1.0,
                std::cmp::Ordering::Less if lower => 0.0,
                std::cmp::Ordering::Greater if !lower => 0.0,
                _ => a[(batch * n + i) * n + j],
            }
        };
        for (p, &expected) in b.to_f64().iter().enumerate() {
            let (batch, row, column) =
                if left { (p / (n * m), p / m % n, p % m) } else { (p / (n * m), p / n % m, p % n) };
            let found: f64 = (0..n)
                .map(|k| {
                    if left {
                        matrix(batch, row, k) * x[(batch * n + k) * m + column]
                    } else {
                        x[(batch * m + row) * n + k] * matrix(batch, k, column)
                    }
                })
                .sum();
            let size = x.iter().fold(1.0f64, |size, x| size.max(x.abs()));
            assert!((found - expected).abs() < 200.0 * f64::EPSILON * size, "{op:?} {p}: {found}, expected {expected}");
        }
    }
}

#[test]
fn a_singular_diagonal_gives_what_division_gives() {
    let a = array(&[2, 2], &[0.0f32, 0.0, 0.0, 2.0]);
    let op = Op::TriangularSolve { left: true, lower: true, transpose: false, unit: false };
    let found = apply(&op, &[&a, &array(&[2, 1], &[1.0f32, 4.0])]).to_f64();
    assert_eq!(found[0], f64::INFINITY);
    assert!(found[1].is_nan(), "0 times infinity is subtracted");
    assert!(apply(&op, &[&a, &array(&[2, 1], &[0.0f32, 4.0])]).to_f64()[0].is_nan());
}

#[test]
fn random_bits_are_numbered_by_position() {
    let bits = |key: [u32; 2], dtype, extents: &[usize]| {
        let key = array(&[2], &key.map(u32::cast_signed));
        apply(&Op::RandomBits(Box::new(Type::new(dtype, extents).unwrap())), &[&key])
    };
    // The first of Random123's vectors: the key and the counter are 0.
    assert_eq!(bits([0, 0], DType::I32, &[]), Array::scalar(0x6b20_0159i32));
    assert_eq!(bits([0, 0], DType::I64, &[]), Array::scalar(0x99ba_4efe_6b20_0159_u64.cast_signed()));
    let key = [0x1319_8a2e, 0x0370_7344];
    let (flat, square) = (bits(key, DType::I32, &[6]), bits(key, DType::I32, &[2, 3]));
    assert_eq!(flat.as_slice::<i32>(), square.as_slice::<i32>());
    let wide = bits(key, DType::I64, &[6]);
    let low: Vec<i32> = wide.as_slice::<i64>().unwrap().iter().map(|&word| word as i32).collect();
    assert_eq!(flat.as_slice::<i32>().unwrap(), low);
    assert_ne!(bits([1, 0], DType::I32, &[4]), bits([0, 1], DType::I32, &[4]));
}

#[test]
fn bitcasts_and_barriers_keep_bits() {
    let x = array(&[2], &[-0.0f32, f32::from_bits(0x7fa0_0001)]);
    let cast = apply(&Op::Bitcast(DType::I32), &[&x]);
    assert_eq!(cast, array(&[2], &[i32::MIN, 0x7fa0_0001]));
    assert_eq!(apply(&Op::Bitcast(DType::F32), &[&cast]), x);
    let y = Array::scalar(-1i64);
    assert_eq!(apply_all(&Op::Barrier, &[&x, &y]), [x, y]);
}
