//! Milliseconds from a model to native code for its value and gradient: trace, differentiate, optimise, fuse, lower, generate.
//!
//! Two models that grow: a network with more layers, and a recurrence written out over more steps. Twice the size should cost twice the time, a little
//! more at most.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use pullback::prelude::*;

/// The loss of a tanh network with the given layer widths, compiled with its gradient.
fn network(widths: &[usize], batch: usize) -> Result<Executable, pullback::Error> {
    let mut module = Module::new();
    let names: Vec<String> = (1..widths.len()).map(|layer| format!("w{layer}")).collect();
    let loss = trace(&module, "loss", |g| {
        let mut h = g.input("x", DType::F32, [batch, widths[0]]);
        for (layer, name) in names.iter().enumerate() {
            let w = g.input(name, DType::F32, [widths[layer], widths[layer + 1]]);
            h = h.matmul(w).tanh();
        }
        vec![h.square().sum()]
    })?;
    let loss = module.add(loss);
    compile(&verify(module)?, loss, &Options::new().value_and_grad(names))
}

/// A loss over all states of `h' = tanh(h w + x u)`, each of so many steps written out, compiled with its gradient.
fn recurrence(steps: usize) -> Result<Executable, pullback::Error> {
    let mut module = Module::new();
    let loss = trace(&module, "loss", |g| {
        let w = g.input("w", DType::F32, [64, 64]);
        let u = g.input("u", DType::F32, [64, 64]);
        let x = g.input("x", DType::F32, [steps, 16, 64]);
        let mut h = g.zeros(DType::F32, [16, 64]);
        let mut total = g.zeros(DType::F32, []);
        for step in 0..steps as isize {
            h = (h.matmul(w) + x.index(0, step).matmul(u)).tanh();
            total = total + h.square().sum();
        }
        vec![total]
    })?;
    let loss = module.add(loss);
    compile(&verify(module)?, loss, &Options::new().value_and_grad(["w", "u", "x"]))
}

fn layers(c: &mut Criterion) {
    let mut group = c.benchmark_group("compile_time");
    group.sample_size(20);
    for layers in [1, 4, 16, 64] {
        let widths = vec![64; layers + 1];
        group.bench_with_input(BenchmarkId::new("tanh_layers", layers), &widths, |b, widths| {
            b.iter(|| network(widths, 32));
        });
    }
    group.finish();
}

fn steps(c: &mut Criterion) {
    let mut group = c.benchmark_group("compile_time");
    group.sample_size(10);
    for steps in [16, 32, 64, 128, 256, 512, 1024] {
        group.bench_with_input(BenchmarkId::new("unrolled_rnn", steps), &steps, |b, &steps| {
            b.iter(|| recurrence(steps));
        });
    }
    group.finish();
}

criterion_group!(benches, layers, steps);
criterion_main!(benches);
