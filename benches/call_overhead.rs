//! What a call of a compiled function costs beside its work.
//!
//! The function adds 1 to a scalar, so the time is that of checking the arguments, taking an arena, filling the table of
//! pointers and jumping. `bound` is the same with the checks made once, before.

use criterion::{Criterion, criterion_group, criterion_main};
use pullback::prelude::*;

fn program() -> Result<Executable, pullback::Error> {
    let mut module = Module::new();
    let next = trace(&module, "next", |g| vec![g.input("x", DType::F32, []) + 1.0])?;
    let next = module.add(next);
    compile(&verify(module)?, next, &Options::new())
}

fn call_overhead(c: &mut Criterion) {
    let program = match program() {
        Ok(program) => program,
        Err(error) => return eprintln!("{error}"),
    };
    let mut group = c.benchmark_group("call_overhead");
    let (x, mut y) = (1.0f32, 0.0f32);
    group.bench_function("call", |b| {
        b.iter(|| program.call(&[ArgRef::scalar(&x)], &mut [ArgMut::scalar(&mut y)]));
    });
    match program.bind(&[ArgRef::scalar(&x)], vec![ArgMut::scalar(&mut y)]) {
        Ok(mut bound) => drop(group.bench_function("bound", |b| b.iter(|| bound.run()))),
        Err(error) => eprintln!("{error}"),
    }
    group.finish();
}

criterion_group!(benches, call_overhead);
criterion_main!(benches);
