//! Work shared among threads.
//!
//! A product is a list of items in phases: pack a block of the right operand, multiply by it, pack the next. Workers claim items in order from a
//! counter, so a thread that is slowed down by its neighbours does less of them. An item of one phase may start when all items of the phases
//! before it are done, which a second counter tells.
//!
//! No wait can last for ever: a worker waits for items claimed earlier, and whoever claimed those is executing them, or waits for
//! still earlier ones. So it does not matter how many of rayon's threads are free to help; one is enough.
//!
//! Allocation: none with one worker. With several, rayon's `join` keeps its jobs on the stack; rayon's own queues allocate when they grow,
//! and one block for every few dozen calls that come from outside its pool.

use std::sync::atomic::{AtomicUsize, Ordering};

/// How often a worker looks again before it offers its core to other threads.
const SPINS: usize = 200;

/// Which items are claimed, and how many are done.
#[derive(Default)]
pub(super) struct Items {
    claimed: AtomicUsize,
    done: AtomicUsize,
}

impl Items {
    /// The next item for the worker that asks.
    pub(super) fn claim(&self) -> usize {
        self.claimed.fetch_add(1, Ordering::Relaxed)
    }

    /// Waits until the first `count` items are done, after which what they wrote may be read. Only items from `count` on may wait for `count`.
    pub(super) fn wait_for(&self, count: usize) {
        let mut spins = 0;
        // Nothing behind `count` starts before this is true, so as many done items are the first ones.
        while self.done.load(Ordering::Acquire) < count {
            spins += 1;
            if spins % SPINS == 0 {
                std::thread::yield_now();
            } else {
                std::hint::spin_loop();
            }
        }
    }

    /// The worker has done an item.
    pub(super) fn finish(&self) {
        self.done.fetch_add(1, Ordering::Release);
    }
}

/// Calls `work` once per worker, on as many threads as rayon has free, and returns when all calls have.
pub(super) fn run(workers: usize, work: &(impl Fn() + Sync)) {
    if workers <= 1 {
        work();
    } else {
        rayon::join(|| run(workers / 2, work), || run(workers - workers / 2, work));
    }
}
