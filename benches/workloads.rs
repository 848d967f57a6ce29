//! How long the yardstick programs take with their gradients at small sizes: whether a change made one of them slower, in a minute.
//!
//! The sizes are those that are compared with the interpreter, which are no multiples of anything; the full ones are those of
//! `cargo run --release --example yardsticks`.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use pullback::prelude::*;

use support::workloads::{ALL, program, wrt};
use support::{Failure, measure, report};

fn all(c: &mut Criterion) -> Result<(), Failure> {
    let mut group = c.benchmark_group("workloads");
    group.sample_size(20);
    for pair in ALL {
        let inputs = pair.small.inputs()?;
        let (module, function) = program(pair.name, pair.small, &inputs, pair.small.dtype())?;
        let arguments: Vec<ArgRef<'_>> = inputs.iter().map(|input| ArgRef::from(&input.tensor)).collect();
        let options = Options::new().value_and_grad(wrt(&inputs));
        measure(&mut group, pair.name, (&module, function), &options, &arguments)?;
    }
    group.finish();
    Ok(())
}

fn workloads(c: &mut Criterion) {
    report(all(c));
}

criterion_group!(benches, workloads);
criterion_main!(benches);
