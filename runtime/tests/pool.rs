//! The pool: every item once, whoever forks, from wherever, and however many threads.
//!
//! Tests that fork hold `ALONE`: the pool serves one fork at a time, and some of them need workers to come.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pullback_runtime::pool::{self, MAX_THREADS, pullback_parallel};

static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How often each item was done.
fn counts(items: usize) -> Vec<AtomicUsize> {
    (0..items).map(|_| AtomicUsize::new(0)).collect()
}

/// Waits, not for ever, until `value` is at least `least`.
fn reaches(value: &AtomicUsize, least: usize) -> bool {
    let start = Instant::now();
    while value.load(Ordering::Acquire) < least {
        if start.elapsed() > Duration::from_secs(60) {
            return false;
        }
        std::thread::yield_now();
    }
    true
}

#[test]
fn every_item_is_done_once_for_any_number_of_items_and_threads() {
    let _alone = alone();
    for threads in [0, 1, 2, 3, 8, 40] {
        for items in [0, 1, 2, 3, 7, 100, 4097] {
            let counts = counts(items);
            pool::run(items, threads, &|worker, item| {
                assert!(worker < pool::workers(threads));
                counts[item].fetch_add(1, Ordering::Relaxed);
            });
            assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 1), "{items} items, {threads} threads");
        }
    }
}

#[test]
fn as_many_items_are_done_at_once_as_there_are_threads_each_with_a_number_of_its_own() {
    let _alone = alone();
    for threads in [2, 5] {
        for _ in 0..20 {
            let (arrived, numbers) = (AtomicUsize::new(0), Mutex::new(HashSet::new()));
            pool::run(threads, threads, &|worker, _| {
                numbers.lock().unwrap().insert(worker);
                arrived.fetch_add(1, Ordering::Release);
                // Each item waits for all others to have begun, which only threads of their own can do.
                assert!(reaches(&arrived, threads), "all {threads} threads come");
            });
            assert_eq!(numbers.into_inner().unwrap(), (0..threads).collect());
        }
    }
}

#[test]
fn workers_that_fell_asleep_come_again() {
    let _alone = alone();
    for _ in 0..5 {
        std::thread::sleep(Duration::from_millis(20));
        let arrived = AtomicUsize::new(0);
        pool::run(3, 3, &|_, _| {
            arrived.fetch_add(1, Ordering::Release);
            assert!(reaches(&arrived, 3), "all come");
        });
    }
}

#[test]
fn several_threads_may_fork_at_once() {
    let _alone = alone();
    let together = Barrier::new(4);
    std::thread::scope(|scope| {
        for caller in 0..4 {
            let together = &together;
            scope.spawn(move || {
                together.wait();
                for round in 0..2000 {
                    let counts = counts(1 + (round + caller) % 9);
                    pool::run(counts.len(), 2 + caller, &|_, item| {
                        counts[item].fetch_add(1, Ordering::Relaxed);
                    });
                    assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 1));
                }
            });
        }
    });
}

#[test]
fn a_fork_inside_an_item_is_done_by_the_same_thread() {
    let _alone = alone();
    assert!(!pool::is_worker());
    let done = AtomicUsize::new(0);
    pool::run(4, 2, &|_, _| {
        assert!(pool::is_worker());
        let me = std::thread::current().id();
        pool::run(10, 2, &|worker, _| {
            assert_eq!((worker, std::thread::current().id()), (0, me));
            done.fetch_add(1, Ordering::Relaxed);
        });
    });
    assert_eq!(done.into_inner(), 40);
    assert!(!pool::is_worker());
}

#[test]
fn what_was_written_before_a_fork_is_seen_in_it_and_what_it_writes_after_it() {
    let _alone = alone();
    // Not atomic: with an order missing, old values would be seen now and then.
    let mut values = vec![0u64; 64];
    for round in 0..100_000u64 {
        struct Shared(*mut u64);
        // SAFETY: items write to places of their own.
        unsafe impl Sync for Shared {}
        impl Shared {
            fn item(&self, item: usize) -> *mut u64 {
                self.0.wrapping_add(item)
            }
        }
        values[(round % 64) as usize] += 1;
        let shared = Shared(values.as_mut_ptr());
        pool::run(3, 2, &|_, item| {
            // SAFETY: one of the first three elements, which this item alone writes.
            unsafe { *shared.item(item) += 1 };
        });
    }
    assert_eq!(values.iter().sum::<u64>(), 400_000);
    assert_eq!(values[63], 100_000 / 64);
}

#[test]
fn the_number_of_threads_is_bounded_and_zero_is_the_machine() {
    let machine = std::thread::available_parallelism().unwrap().get();
    assert_eq!([0, 1, 7, 100_000].map(pool::workers), [machine.min(MAX_THREADS), 1, 7, MAX_THREADS]);
    assert_eq!([0, 1, 4].map(pool::start), [Ok(()), Ok(()), Ok(())]);
}

/// Counts `table[begin..end]` up, and notes in `local` how many items it was used for. `outer` points to 7.
unsafe extern "C" fn count_up(table: *const *mut u8, local: *mut u8, begin: i64, end: i64, outer: *const i64) {
    // SAFETY: called by the test below with memory for all of this.
    unsafe {
        assert_eq!(*outer, 7);
        *local.cast::<i64>() += end - begin;
        let items = (*table).cast::<i64>();
        (begin..end).for_each(|item| *items.add(item as usize) += 1);
    }
}

#[test]
fn generated_code_gets_its_arguments_at_their_places_and_memory_of_each_threads_own() {
    assert_eq!(pool::symbols(), [("pullback_parallel", pullback_parallel as *const u8)]);
    let _alone = alone();
    let outer = 7i64;
    for (extent, threads) in [(-3, 2), (0, 2), (1, 2), (5, 1), (1000, 1), (1000, 2), (1000, 3), (1000, 0)] {
        let mut items = vec![0i64; 1000];
        // Three counters for each thread, of which it has the first.
        let mut locals = vec![0i64; 3 * pool::workers(threads as usize)];
        let table = [items.as_mut_ptr().cast::<u8>()];
        let local = locals.as_mut_ptr().cast();
        // SAFETY: the table and the local memory are what the body expects.
        unsafe { pullback_parallel(table.as_ptr(), count_up, extent, local, 24, threads, &raw const outer) };
        let extent = extent.max(0);
        assert!(items.iter().enumerate().all(|(i, &count)| count == i64::from((i as i64) < extent)));
        assert_eq!(locals.iter().step_by(3).sum::<i64>(), extent);
        assert_eq!(locals.iter().sum::<i64>(), extent, "only the first of three is written to");
    }
}
