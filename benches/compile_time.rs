//! Milliseconds from a model to native code for its value and gradient: trace, differentiate, optimise, fuse, lower, generate.

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

fn compile_time(c: &mut Criterion) {
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

criterion_group!(benches, compile_time);
criterion_main!(benches);
