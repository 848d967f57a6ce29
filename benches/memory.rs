//! What moving memory costs: streams of lengths that fit each cache and none, and an element changed in a loop, which has to cost the same whatever the length of the array.
//!
//! The bytes of arenas are exact and known without measuring: `pullback dump --stage memory`.

mod support;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pullback::prelude::*;

use support::{Failure, measure, report, traced};

fn streams(c: &mut Criterion) -> Result<(), Failure> {
    let mut group = c.benchmark_group("memory/add");
    group.sample_size(20);
    for length in [1usize << 12, 1 << 16, 1 << 20, 1 << 23] {
        let (x, y) = (vec![1.0f32; length], vec![2.0f32; length]);
        let shape = [length];
        let arguments = [ArgRef::new(&x, &shape), ArgRef::new(&y, &shape)];
        let (module, function) =
            traced("add", |g| vec![g.input("x", DType::F32, [length]) + g.input("y", DType::F32, [length])])?;
        group.throughput(Throughput::Bytes(12 * length as u64));
        measure(&mut group, length.to_string(), (&module, function), &Options::new(), &arguments)?;
    }
    group.finish();
    Ok(())
}

/// How many elements are changed.
const STEPS: usize = 1000;

fn updates(c: &mut Criterion) -> Result<(), Failure> {
    let mut group = c.benchmark_group("memory/update");
    group.sample_size(20).throughput(Throughput::Elements(STEPS as u64));
    for length in [1usize << 10, 1 << 14, 1 << 18] {
        let x = vec![1.0f32; length];
        let shape = [length];
        let arguments = [ArgRef::new(&x, &shape)];
        let (module, function) = traced("update", |g| {
            let end = g.for_loop(STEPS, g.input("x", DType::F32, [length]), |step, x| {
                x.dynamic_update_index(0, step, x.dynamic_index(0, step) * 2.0)
            });
            vec![end]
        })?;
        measure(&mut group, length.to_string(), (&module, function), &Options::new(), &arguments)?;
    }
    group.finish();
    Ok(())
}

fn memory(c: &mut Criterion) {
    report(streams(c).and_then(|()| updates(c)));
}

criterion_group!(benches, memory);
criterion_main!(benches);
