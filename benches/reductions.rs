//! How many bytes per second reductions read: of all elements, of rows and of columns; with a producer, and with a consumer as in a softmax.

mod support;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pullback::prelude::*;

use support::{Failure, measure, report, traced};

const ROWS: usize = 2048;
const COLUMNS: usize = 1024;

type Body = for<'g> fn(Tensor<'g>) -> Tensor<'g>;

const BODIES: [(&str, Body); 7] = [
    ("sum", |x| x.sum()),
    ("sum_of_rows", |x| x.sum_axes([1])),
    ("sum_of_columns", |x| x.sum_axes([0])),
    ("max_of_rows", |x| x.max_axes([1])),
    ("sum_of_squares", |x| x.square().sum()),
    ("sum_of_exp_of_rows", |x| x.exp().sum_axes([1])),
    ("softmax", |x| x.softmax(-1)),
];

fn all(c: &mut Criterion) -> Result<(), Failure> {
    let mut group = c.benchmark_group("reductions");
    group.sample_size(20).throughput(Throughput::Bytes((4 * ROWS * COLUMNS) as u64));
    let x: Vec<f32> = (0..ROWS * COLUMNS).map(|position| (position % 17) as f32 / 8.0 - 1.0).collect();
    let arguments = [ArgRef::new(&x, &[ROWS, COLUMNS])];
    for (name, body) in BODIES {
        let (module, function) = traced(name, |g| vec![body(g.input("x", DType::F32, [ROWS, COLUMNS]))])?;
        for (threads, count) in [(1, "one"), (0, "all")] {
            let options = Options::new().threads(threads);
            measure(&mut group, format!("{name}/{count}"), (&module, function), &options, &arguments)?;
        }
    }
    group.finish();
    Ok(())
}

fn reductions(c: &mut Criterion) {
    report(all(c));
}

criterion_group!(benches, reductions);
criterion_main!(benches);
