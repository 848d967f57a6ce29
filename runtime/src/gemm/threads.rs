//! Work shared among threads.
//!
//! A product is a list of items in phases: pack a block of the right operand, multiply by it, pack the next. Workers claim items in order from a
//! counter, so a thread that is slowed down by its neighbours does less of them. An item of one phase may start when all items of the phases
//! before it are done, which a second counter tells.
//!
//! No wait can last for ever: a worker waits for items claimed earlier, and whoever claimed those is executing them, or waits for
//! still earlier ones. So it does not matter how many threads of the [`pool`](crate::pool) come to help.

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
