//! Forks allocate nothing, on any thread, and neither do products on threads that never computed one: counted by the allocator of this test
//! program, which has one test, so that nothing else runs.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pullback_runtime::gemm::pb_gemm_f32;
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
fn no_fork_and_no_product_allocates_once_the_threads_are_started() {
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

    // Of a product that packs both operands this thread computes the first, alone.
    let (m, n, k) = (1024, 512, 512);
    let (lhs, rhs, mut out) = (vec![0.5f32; m * k], vec![0.25f32; k * n], vec![0.0f32; m * n]);
    let (to, step, row) = (out.as_mut_ptr(), m as isize, n as isize);
    // SAFETY: the vectors have the matrices' elements; the left operand lies by columns.
    let product = |threads| unsafe {
        pb_gemm_f32(m, n, k, to, row, 1, lhs.as_ptr(), 1, step, rhs.as_ptr(), row, 1, 0, threads);
    };
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    product(1);
    let first = ALLOCATIONS.load(Ordering::Relaxed);
    assert!(first > before, "the first product allocates what it packs into, or this counts nothing");
    (0..50).for_each(|_| product(3));
    assert_eq!(ALLOCATIONS.load(Ordering::Relaxed), first);
    assert!(out.iter().all(|&value| value == 64.0));
}
