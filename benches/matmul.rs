//! How many operations per second matrix products reach: square ones, one with a long and one with a short side, on one thread and on all, in both float types; and a
//! product with what follows it in a layer.

mod support;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pullback::prelude::*;
use pullback::runtime;

use support::{Failure, measure, report, traced};

/// Rows, columns of the left factor, columns of the right one.
const SHAPES: [[usize; 3]; 5] = [[64, 64, 64], [256, 256, 256], [768, 768, 768], [128, 784, 512], [16, 1024, 1024]];

fn products(c: &mut Criterion) -> Result<(), Failure> {
    let mut group = c.benchmark_group("matmul");
    group.sample_size(20);
    for [m, k, n] in SHAPES {
        group.throughput(Throughput::Elements((2 * m * n * k) as u64));
        for dtype in [DType::F32, DType::F64] {
            let inputs = [matrix(dtype, m, k)?, matrix(dtype, k, n)?];
            let arguments = inputs.each_ref().map(ArgRef::from);
            let (module, function) =
                traced("product", |g| vec![g.input("a", dtype, [m, k]).matmul(g.input("b", dtype, [k, n]))])?;
            for (threads, name) in [(1, "one"), (0, "all")] {
                let name = format!("{dtype}/{m}x{k}x{n}/{name}");
                measure(&mut group, name, (&module, function), &Options::new().threads(threads), &arguments)?;
            }
        }
    }
    let [m, k, n] = SHAPES[3];
    group.throughput(Throughput::Elements((2 * m * n * k) as u64));
    let inputs = [matrix(DType::F32, m, k)?, matrix(DType::F32, k, n)?, matrix(DType::F32, 1, n)?];
    let arguments = inputs.each_ref().map(ArgRef::from);
    let (module, function) = traced("layer", |g| {
        let [x, w] = [g.input("x", DType::F32, [m, k]), g.input("w", DType::F32, [k, n])];
        vec![(x.matmul(w) + g.input("b", DType::F32, [1, n])).gelu_tanh()]
    })?;
    for fusion in [Fusion::Off, Fusion::All] {
        let options = Options::new().threads(1).fusion(fusion);
        measure(&mut group, format!("layer/{m}x{k}x{n}/{fusion}"), (&module, function), &options, &arguments)?;
    }
    group.finish();
    Ok(())
}

/// A matrix without zeros.
fn matrix(dtype: DType, rows: usize, columns: usize) -> Result<runtime::Tensor, Failure> {
    let elements = (0..rows * columns).map(|position| (position % 13) as f64 / 7.0 - 0.9);
    Ok(match dtype {
        DType::F64 => runtime::Tensor::from_slice(&[rows, columns], &elements.collect::<Vec<f64>>())?,
        _ => runtime::Tensor::from_slice(&[rows, columns], &elements.map(|x| x as f32).collect::<Vec<f32>>())?,
    })
}

fn matmul(c: &mut Criterion) {
    report(products(c));
}

criterion_group!(benches, matmul);
criterion_main!(benches);
