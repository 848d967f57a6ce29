//! How far loops over a tiny state are from what one would write by hand. All are values with gradients, in f64.
//!
//! * `lorenz`: the end of a Lorenz trajectory of 1000 Runge-Kutta steps, by its three parameters; with the state as a vector and as three
//!   scalars, beside `benches/peers/lorenz.c` compiled with `cc -O2` in the same run, where there is a C compiler.
//! * `ode`: ADBench's chain of five equations, 1000 steps.
//! * `cell`: a tanh cell of four units over 1000 inputs, by its matrix.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use pullback::prelude::*;
use pullback::{Error, Function};

const STEPS: usize = 1000;

/// A state of parts that can be moved along a direction.
trait State<'g>: Copy {
    /// `self + factor · direction`.
    fn along(self, factor: f64, direction: Self) -> Self;
}

impl<'g> State<'g> for Tensor<'g> {
    fn along(self, factor: f64, direction: Self) -> Self {
        self + factor * direction
    }
}

impl<'g> State<'g> for [Tensor<'g>; 3] {
    fn along(self, factor: f64, [x, y, z]: Self) -> Self {
        [self[0] + factor * x, self[1] + factor * y, self[2] + factor * z]
    }
}

/// A classical Runge-Kutta step of length `h` from `s`.
fn runge_kutta<'g, S: State<'g>>(slope: impl Fn(S) -> S, s: S, h: f64) -> S {
    let k1 = slope(s);
    let k2 = slope(s.along(h / 2.0, k1));
    let k3 = slope(s.along(h / 2.0, k2));
    let k4 = slope(s.along(h, k3));
    s.along(h / 6.0, k1.along(2.0, k2).along(2.0, k3).along(1.0, k4))
}

/// The elements of a vector of three.
fn parts(s: Tensor<'_>) -> [Tensor<'_>; 3] {
    [0, 1, 2].map(|position| s.index(0, position))
}

/// The slopes of the Lorenz equations with parameters `p`, `[3]`.
fn lorenz_slope<'g>(p: Tensor<'g>, [x, y, z]: [Tensor<'g>; 3]) -> [Tensor<'g>; 3] {
    let [sigma, rho, beta] = parts(p);
    [sigma * (y - x), x * (rho - z) - y, x * y - beta * z]
}

fn lorenz_of_a_vector() -> Result<Function, Error> {
    Ok(trace(&Module::new(), "lorenz", |g| {
        let (p, s) = (g.input("p", DType::F64, [3]), g.input("s", DType::F64, [3]));
        let end = g.for_loop(STEPS, s, |_, s| runge_kutta(|s| g.stack(&lorenz_slope(p, parts(s)), 0), s, 0.01));
        vec![end.square().sum()]
    })?)
}

fn lorenz_of_scalars() -> Result<Function, Error> {
    Ok(trace(&Module::new(), "lorenz", |g| {
        let (p, s) = (g.input("p", DType::F64, [3]), g.input("s", DType::F64, [3]));
        let [x, y, z] = g.for_loop(STEPS, parts(s), |_, s| runge_kutta(|s| lorenz_slope(p, s), s, 0.01));
        vec![x.square() + y.square() + z.square()]
    })?)
}

fn ode() -> Result<Function, Error> {
    Ok(trace(&Module::new(), "ode", |g| {
        let p = g.input("p", DType::F64, [5]);
        let (first, others) = (p.slice_axis(0, ..1), p.slice_axis(0, 1..));
        let end = g.for_loop(STEPS, g.zeros(DType::F64, [5]), |_, y| {
            runge_kutta(|y| g.concatenate(&[first, others * y.slice_axis(0, ..-1)], 0), y, 2.0 / STEPS as f64)
        });
        vec![end.index(0, -1)]
    })?)
}

fn cell() -> Result<Function, Error> {
    Ok(trace(&Module::new(), "cell", |g| {
        let (p, xs) = (g.input("p", DType::F64, [4, 4]), g.input("xs", DType::F64, [STEPS, 4]));
        let (end, _) = g.scan(g.zeros(DType::F64, [4]), xs, |h, x| ((p.matmul(h) + x).tanh(), ()));
        vec![end.square().sum()]
    })?)
}

/// Measures the value and gradient by `p`, of this shape; gives both.
fn measure(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    function: Function,
    arguments: &[ArgRef<'_>],
    shape: &[usize],
) -> Result<Vec<f64>, Error> {
    let mut module = Module::new();
    let function = module.add(function);
    let program = compile(&verify(module)?, function, &Options::new().value_and_grad(["p"]))?;
    let mut results = Vec::new();
    for result in program.run(arguments)? {
        results.extend_from_slice(result.as_slice::<f64>()?);
    }
    let (mut value, mut gradient) = (0.0, vec![0.0; results.len() - 1]);
    let outputs = vec![ArgMut::scalar(&mut value), ArgMut::new(&mut gradient, shape)];
    let mut bound = program.bind(arguments, outputs)?;
    group.bench_function(name, |b| b.iter(|| bound.run()));
    Ok(results)
}

/// Compiles the program in C, if there is a compiler.
fn compile_c() -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/lorenz.c");
    let program = std::env::temp_dir().join(format!("pullback_lorenz_{}", std::process::id()));
    let status = Command::new("cc").arg("-O2").arg("-o").arg(&program).arg(source).status();
    status.is_ok_and(|status| status.success()).then_some(program)
}

/// Runs the program in C: the time of that many calls, and the value with the gradient.
fn run_c(program: &Path, calls: u64) -> Option<(Duration, Vec<f64>)> {
    let output = Command::new(program).arg(calls.to_string()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut words = text.split_whitespace();
    let time = Duration::from_nanos(words.next()?.parse().ok()?);
    Some((time, words.map(str::parse).collect::<Result<_, _>>().ok()?))
}

fn lorenz(c: &mut Criterion) -> Result<(), Error> {
    let mut group = c.benchmark_group("lorenz");
    let (p, s) = ([10.0, 28.0, 8.0 / 3.0], [1.0, 1.0, 1.0]);
    let arguments = [ArgRef::new(&p, &[3]), ArgRef::new(&s, &[3])];
    let vector = measure(&mut group, "vector", lorenz_of_a_vector()?, &arguments, &[3])?;
    let scalars = measure(&mut group, "scalars", lorenz_of_scalars()?, &arguments, &[3])?;
    println!("value and gradient: {vector:?}, {scalars:?}");
    match compile_c() {
        None => println!("no C compiler, nothing to compare with"),
        Some(program) => {
            println!("in C: {:?}", run_c(&program, 1).map(|(_, results)| results));
            group.bench_function("c", |b| {
                b.iter_custom(|calls| run_c(&program, calls).map_or(Duration::ZERO, |(time, _)| time));
            });
            let _ = std::fs::remove_file(program);
        }
    }
    group.finish();
    Ok(())
}

fn others(c: &mut Criterion) -> Result<(), Error> {
    let mut group = c.benchmark_group("loops");
    measure(&mut group, "ode", ode()?, &[ArgRef::new(&[0.5; 5], &[5])], &[5])?;
    let (p, xs) = (std::array::from_fn::<f64, 16, _>(|i| (i as f64).sin()), vec![0.5; 4 * STEPS]);
    measure(&mut group, "cell", cell()?, &[ArgRef::new(&p, &[4, 4]), ArgRef::new(&xs, &[STEPS, 4])], &[4, 4])?;
    group.finish();
    Ok(())
}

fn loops(c: &mut Criterion) {
    if let Err(error) = lorenz(c).and_then(|()| others(c)) {
        eprintln!("{error}");
    }
}

criterion_group!(benches, loops);
criterion_main!(benches);
