//! The memory that operands are packed into.
//!
//! Each thread keeps what it has once used, so that after the first product of its kind a call allocates nothing. What it keeps is bounded by
//! the blocks of [`blocking`](super::blocking), not by the matrices: for a thread that calls a kernel
//! [`RHS_BYTES`](super::blocking::RHS_BYTES), and for each that computes half a MiB or so for the left operand, where that is packed. It
//! is freed when the thread ends.
//!
//! A buffer is taken out of the thread's store while it is in use: by a product one for each operand.
//!
//! Which worker of the pool helps with which product is left to chance, so a worker could need memory in a call that is not the first.
//! Workers therefore [`reserve`] all they can ever need when they start. Memory that is never touched costs addresses only.

use std::alloc::{Layout, handle_alloc_error};
use std::cell::RefCell;

use super::blocking::{K_BLOCK, RHS_BYTES, ROW_BLOCK};
use super::pack::lhs_elements;
use crate::memory::{ALIGNMENT, AlignedBytes};

/// The most bytes that a block of the left operand takes.
const LHS_BYTES: usize = {
    let single = lhs_elements::<f32>(ROW_BLOCK, K_BLOCK) * size_of::<f32>();
    let double = lhs_elements::<f64>(ROW_BLOCK, K_BLOCK) * size_of::<f64>();
    if single > double { single } else { double }
};

thread_local! {
    static FREE: RefCell<Vec<AlignedBytes>> = const { RefCell::new(Vec::new()) };
}

/// Puts what any product may need into this thread's store. What there is no memory for is left until it is needed.
pub(crate) fn reserve() {
    let _ = FREE.try_with(|free| {
        let buffers = [RHS_BYTES, LHS_BYTES].map(|bytes| AlignedBytes::uninitialised(bytes, "packed matrices").ok());
        free.borrow_mut().extend(buffers.into_iter().flatten());
    });
}

/// A buffer on loan from the thread's store; dropping it gives it back.
pub(super) struct Workspace(Option<AlignedBytes>);

impl Workspace {
    /// At least so many bytes of any value, aligned to [`ALIGNMENT`]. Without memory the process ends, as wherever Rust allocates: there is nobody
    /// that generated code could report it to.
    pub(super) fn take(bytes: usize) -> Self {
        if bytes == 0 {
            return Self(None);
        }
        // While a thread ends its store may be gone already; then a buffer serves one call.
        let stored = FREE.try_with(|free| take_fitting(&mut free.borrow_mut(), bytes)).ok().flatten();
        let buffer = stored.map_or_else(|| AlignedBytes::uninitialised(bytes, "packed matrices"), Ok);
        match buffer {
            Ok(buffer) => Self(Some(buffer)),
            Err(_) => handle_alloc_error(Layout::from_size_align(bytes, ALIGNMENT).unwrap_or(Layout::new::<u64>())),
        }
    }

    /// The first byte; dangling where no bytes were asked for.
    pub(super) fn start<T>(&self) -> *mut T {
        self.0.as_ref().map_or(std::ptr::dangling_mut(), |buffer| buffer.as_ptr().cast())
    }
}

/// The smallest buffer that is large enough. If there are only smaller ones, the largest of them is dropped: one that fits takes its place.
fn take_fitting(free: &mut Vec<AlignedBytes>, bytes: usize) -> Option<AlignedBytes> {
    let fitting = (0..free.len()).filter(|&i| free[i].len() >= bytes).min_by_key(|&i| free[i].len());
    if let Some(index) = fitting {
        return Some(free.swap_remove(index));
    }
    if let Some(index) = (0..free.len()).max_by_key(|&i| free[i].len()) {
        free.swap_remove(index);
    }
    None
}

impl Drop for Workspace {
    fn drop(&mut self) {
        if let Some(buffer) = self.0.take() {
            let _ = FREE.try_with(|free| free.borrow_mut().push(buffer));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_worker_reserves_serves_the_largest_blocks_of_both_operands() {
        reserve();
        let sizes = || FREE.with(|free| free.borrow().iter().map(AlignedBytes::len).collect::<Vec<_>>());
        let reserved = sizes();
        let both = (Workspace::take(RHS_BYTES), Workspace::take(LHS_BYTES));
        assert_eq!(sizes(), [0; 0], "the store had both");
        drop(both);
        assert_eq!(sizes().len(), reserved.len());
    }

    #[test]
    fn a_buffer_is_used_again_and_grows_only_when_too_small() {
        let place = |bytes| Workspace::take(bytes).start::<u8>() as usize;
        let first = place(1000);
        assert_eq!((first % ALIGNMENT, place(1000), place(10)), (0, first, first));
        let both = (Workspace::take(1000), Workspace::take(1000));
        assert_ne!(both.0.start::<u8>(), both.1.start::<u8>());
        drop(both);
        drop(Workspace::take(5000));
        let sizes = FREE.with(|free| free.borrow().iter().map(AlignedBytes::len).collect::<Vec<_>>());
        assert_eq!(sizes, [1000, 5000]);
    }
}
