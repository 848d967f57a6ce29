//! What a backward pass through a long loop remembers, and what that costs.
//!
//! Reverse mode runs a loop backwards and needs, for the derivative of each iteration, the state before it. Keeping the states of n iterations takes n times the state. There are
//! other ways, and each is a word in the program:
//!
//! ```text
//! store         keep what each iteration's derivative needs           memory n        no iteration runs again
//! recompute     keep the state before each iteration                  memory n        each iteration runs once more
//! every k       keep every k-th state                                 memory n/k + k  each iteration runs once more
//! slots s       keep s states, those that make it cheapest (Revolve)  memory s        each runs at most r times more, C(s + r, s) >= n
//! ```
//!
//! The loop here is a chain of oscillators, stepped n times. All policies compute the same gradient; the table shows the arena that the compiled gradient needs, which is exact and
//! known before it runs, and how long it takes. With slots, the arena must not grow with n: the program fails if it does.

use std::error::Error;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use clap::builder::RangedU64ValueParser;
use pullback::prelude::*;
use pullback::{Report, compile_with_report};

/// Differentiates a long loop under several checkpoint policies and shows memory and time of each.
#[derive(Parser)]
#[command(name = "checkpointing")]
struct Arguments {
    /// The number of iterations.
    #[arg(long, default_value_t = 10_000, value_parser = RangedU64ValueParser::<usize>::new().range(4..=1_000_000))]
    steps: usize,
    /// The number of oscillators: the state has twice as many numbers.
    #[arg(long, default_value_t = 64, value_parser = RangedU64ValueParser::<usize>::new().range(2..=65_536))]
    oscillators: usize,
    /// The numbers of slots to try.
    #[arg(long, value_delimiter = ',', default_values_t = [4, 16, 64], value_parser = RangedU64ValueParser::<usize>::new().range(1..=65_536))]
    slots: Vec<usize>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The energy after `steps` of a chain of oscillators with stiffness `k`, from positions `q` and velocities `v`.
fn energy<'g>(g: &'g Graph<'_>, n: usize, steps: usize, policy: Checkpointing) -> Vec<Tensor<'g>> {
    let q = g.input("q", DType::F64, [n]);
    let v = g.input("v", DType::F64, [n]);
    let k = g.input("k", DType::F64, [n]);
    let options = Scan { length: Some(steps), checkpoint: policy, ..Scan::default() };
    let ((q, v), ()) = g.scan_with(options, (q, v), (), |(q, v), ()| {
        let (left, right) = (q.slice_axis(0, ..-1), q.slice_axis(0, 1..));
        let stretch = (right - left).sin();
        let force = stretch.pad([(0, 1)], 0.0) - stretch.pad([(1, 0)], 0.0) - k * q;
        let v = v + force * 0.01;
        ((q + v * 0.01, v), ())
    });
    vec![(v * v + k * q * q).sum() * 0.5]
}

struct Row {
    policy: String,
    report: Report,
    milliseconds: f64,
    gradient: Vec<f64>,
}

fn measure(arguments: &Arguments, name: String, policy: Checkpointing, steps: usize) -> Result<Row, Box<dyn Error>> {
    let n = arguments.oscillators;
    let mut module = Module::new();
    let function = trace(&module, "energy", |g| energy(g, n, steps, policy))?;
    let function = module.add(function);
    let options = Options::new().grad(["q", "v", "k"]);
    let (program, report) = compile_with_report(&verify(module)?, function, &options)?;
    let wave = |scale: f64| (0..n).map(|i| (i as f64 * scale).sin()).collect::<Vec<f64>>();
    let (q, v) = (wave(0.7), wave(1.3));
    let k: Vec<f64> = (0..n).map(|i| 1.0 + i as f64 / n as f64).collect();
    let shape = [n];
    let inputs = [ArgRef::new(&q, &shape), ArgRef::new(&v, &shape), ArgRef::new(&k, &shape)];
    let start = Instant::now();
    let results = program.run(&inputs)?;
    let milliseconds = start.elapsed().as_secs_f64() * 1e3;
    let mut gradient = Vec::with_capacity(3 * n);
    for result in &results {
        gradient.extend_from_slice(result.as_slice::<f64>()?);
    }
    Ok(Row { policy: name, report, milliseconds, gradient })
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let steps = arguments.steps;
    let every = (steps as f64).sqrt().ceil() as usize;
    let mut policies = vec![
        ("store".to_owned(), Checkpointing::Store),
        ("recompute".to_owned(), Checkpointing::Recompute),
        (format!("every {every}"), Checkpointing::Every(every)),
    ];
    policies.extend(arguments.slots.iter().map(|&slots| (format!("slots {slots}"), Checkpointing::Binomial(slots))));
    let state = 2 * 8 * arguments.oscillators;
    println!("{steps} iterations, a state of {state} bytes\n");
    println!("{:<12} {:>14} {:>10} {:>10}", "policy", "arena bytes", "states", "ms");
    let mut reference: Option<Vec<f64>> = None;
    for (name, policy) in policies {
        let row = measure(arguments, name, policy, steps)?;
        let states = row.report.arena_bytes as f64 / state as f64;
        println!("{:<12} {:>14} {states:>10.1} {:>10.2}", row.policy, row.report.arena_bytes, row.milliseconds);
        let reference = reference.get_or_insert_with(|| row.gradient.clone());
        let scale = reference.iter().fold(1.0, |most: f64, x| most.max(x.abs()));
        let differs = reference.iter().zip(&row.gradient).any(|(a, b)| (a - b).abs() > 1e-9 * scale || b.is_nan());
        if differs {
            return Err(format!("the gradient with policy `{}` differs from that of `store`", row.policy).into());
        }
    }
    println!("\nAll gradients agree.");
    for &slots in &arguments.slots {
        let arena = |steps| {
            measure(arguments, String::new(), Checkpointing::Binomial(slots), steps).map(|row| row.report.arena_bytes)
        };
        let (short, long) = (arena(steps.max(4 * slots) / 2)?, arena(steps.max(4 * slots))?);
        // The schedule's tables are constants of the program; the arena holds the slots and one iteration's work.
        if long != short {
            return Err(
                format!("{slots} slots: an arena of {short} bytes for half the iterations, {long} for all").into()
            );
        }
    }
    println!("With slots, the arena is the same for half the iterations.");
    Ok(())
}
