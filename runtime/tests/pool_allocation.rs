//! A fork allocates nothing, on any thread: counted by the allocator of this test program, which has one test, so that nothing else runs.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pullback_runtime::pool;

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(start, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn no_fork_allocates_once_the_threads_are_started() {
    assert!(pool::workers(0) >= 1);
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    pool::start(3).unwrap();
    let started = ALLOCATIONS.load(Ordering::Relaxed);
    assert!(started > before, "threads allocate, or this counts nothing");
    let done = AtomicUsize::new(0);
    for round in 0..100_000 {
        pool::run(1 + round % 20, 3, &|_, _| {
            done.fetch_add(1, Ordering::Relaxed);
        });
        if round % 10_000 == 0 {
            // Workers fall asleep.
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    assert_eq!(done.into_inner(), 1_050_000);
    assert_eq!(ALLOCATIONS.load(Ordering::Relaxed), started);
}
