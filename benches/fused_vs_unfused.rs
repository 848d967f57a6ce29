//! What each kind of fusion is worth: forward, backward and both in one program, on yardsticks that are limited by memory, by products and by loops.
//!
//! Backward alone takes what the forward part of the split derivative has left, which is all in memory then; both in one keep it where it is.

mod support;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use pullback::prelude::*;
use pullback::{linearize, runtime, transpose};

use support::workloads::{ALL, Pair, program, wrt};
use support::{Failure, measure, report};

const MEASURED: [&str; 4] = ["elementwise_1m", "norm_softmax", "mlp_small", "lorenz"];

fn kinds(c: &mut Criterion) -> Result<(), Failure> {
    for pair in ALL.iter().filter(|pair| MEASURED.contains(&pair.name)) {
        let mut group = c.benchmark_group(format!("fused_vs_unfused/{}", pair.name));
        group.sample_size(10);
        for fusion in Fusion::ALL {
            one(&mut group, pair, fusion)?;
        }
        group.finish();
    }
    Ok(())
}

fn one(group: &mut BenchmarkGroup<'_, WallTime>, pair: &Pair, fusion: Fusion) -> Result<(), Failure> {
    let inputs = pair.full.inputs()?;
    let (module, function) = program(pair.name, pair.full, &inputs, pair.full.dtype())?;
    let arguments: Vec<ArgRef<'_>> = inputs.iter().map(|input| ArgRef::from(&input.tensor)).collect();
    let options = Options::new().fusion(fusion);
    measure(group, format!("forward/{fusion}"), (&module, function), &options, &arguments)?;
    let joint = options.clone().value_and_grad(wrt(&inputs));
    measure(group, format!("joint/{fusion}"), (&module, function), &joint, &arguments)?;

    let positions = inputs.iter().enumerate().filter(|(_, input)| input.differentiated);
    let positions: Vec<usize> = positions.map(|(position, _)| position).collect();
    let parts = linearize(&module, function, &positions)?;
    let results = module.function(function).results().len();
    let mut module = module.into_inner();
    let (forward, linear) = (module.add(parts.primal), module.add(parts.linear));
    let module = verify(module)?;
    let backward = transpose(&module, linear, parts.residuals)?;
    let residuals = compile(&module, forward, &options)?.run(&arguments)?.split_off(results);
    let one = match pair.full.dtype() {
        DType::F64 => runtime::Tensor::scalar(1.0f64)?,
        _ => runtime::Tensor::scalar(1.0f32)?,
    };
    let mut module = module.into_inner();
    let backward = module.add(backward);
    let arguments: Vec<ArgRef<'_>> = residuals.iter().chain([&one]).map(ArgRef::from).collect();
    measure(group, format!("backward/{fusion}"), (&verify(module)?, backward), &options, &arguments)
}

fn fused_vs_unfused(c: &mut Criterion) {
    report(kinds(c));
}

criterion_group!(benches, fused_vs_unfused);
criterion_main!(benches);
