//! What does a fork cost?
//!
//! `empty`: items without work, one per thread, as fast as forks can follow each other. `after_10us`: the same with 10 µs of work for one thread
//! before each, as between the loops of a compiled program; workers still look for work. `after_sleep`: with a millisecond before each, after which
//! workers sleep and have to be woken. `halved`: 20 µs of work in 64 items, which one thread alone does in 20.

use std::hint::{black_box, spin_loop};
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use pullback_runtime::pool;

fn busy(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        spin_loop();
    }
}

/// The time of `count` forks, with a pause before each that is not measured.
fn forks(count: u64, pause: &dyn Fn(), fork: &dyn Fn()) -> Duration {
    (0..count)
        .map(|_| {
            pause();
            let start = Instant::now();
            fork();
            start.elapsed()
        })
        .sum()
}

fn pool_benches(c: &mut Criterion) {
    let mut group = c.benchmark_group("fork");
    group.sample_size(50).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    for threads in [1, 2] {
        let empty = || {
            pool::run(threads, threads, &|worker, item| {
                black_box((worker, item));
            })
        };
        group.bench_function(format!("empty/{threads}"), |b| b.iter(empty));
        group.bench_function(format!("after_10us/{threads}"), |b| {
            b.iter_custom(|count| forks(count, &|| busy(Duration::from_micros(10)), &empty));
        });
        group.bench_function(format!("after_sleep/{threads}"), |b| {
            b.iter_custom(|count| forks(count, &|| std::thread::sleep(Duration::from_millis(1)), &empty));
        });
        let item = Duration::from_micros(20) / 64;
        group.bench_function(format!("halved/{threads}"), |b| {
            b.iter_custom(|count| {
                forks(count, &|| busy(Duration::from_micros(10)), &|| pool::run(64, threads, &|_, _| busy(item)))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, pool_benches);
criterion_main!(benches);
