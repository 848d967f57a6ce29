//! Memory aligned to cache lines.
//!
//! Sizes come from programs, so an absurd one must be an error: the allocator is called directly, and neither an
//! overflowing layout nor a null pointer aborts.
//!
//! Large blocks are mapped, in pages that are large too where the system gives such to those who ask. A page is zeroed
//! when it is first touched, and the first call of a program touches all of its arena and results: page by page of 4 KiB
//! that takes longer than many a program runs.

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc};
use std::ptr::NonNull;

use memmap2::{MmapMut, MmapOptions};

use crate::error::CallError;

/// The alignment of all memory made here: a cache line, and the widest vector there is.
pub const ALIGNMENT: usize = 64;

/// The size and alignment of a large page on most processors. Blocks of more than half of one are mapped.
const LARGE_PAGE: usize = 2 << 20;

/// Uniquely owned bytes at an address that is a multiple of [`ALIGNMENT`]. No bytes at all is a dangling, aligned pointer.
#[derive(Debug)]
pub struct AlignedBytes {
    start: NonNull<u8>,
    len: usize,
    /// The owner of the bytes, unless the allocator is.
    mapped: Option<MmapMut>,
}

// SAFETY: the bytes are owned by this value alone, and are reached only through it.
unsafe impl Send for AlignedBytes {}
// SAFETY: a shared reference gives out a pointer, which is safe to have; whoever writes through it answers for that.
unsafe impl Sync for AlignedBytes {}

impl AlignedBytes {
    /// Bytes of any value, for code that writes before it reads.
    ///
    /// # Errors
    /// If there is not that much memory; `what` says in the message what it was for.
    pub fn uninitialised(len: usize, what: &str) -> Result<Self, CallError> {
        // SAFETY: `allocate` calls it with a layout of a size other than zero.
        Self::allocate(len, what, |layout| unsafe { alloc(layout) })
    }

    /// Bytes that are zero.
    ///
    /// # Errors
    /// If there is not that much memory; `what` says in the message what it was for.
    pub fn zeroed(len: usize, what: &str) -> Result<Self, CallError> {
        // SAFETY: `allocate` calls it with a layout of a size other than zero.
        Self::allocate(len, what, |layout| unsafe { alloc_zeroed(layout) })
    }

    /// A copy of the elements of a slice.
    ///
    /// # Errors
    /// If there is not that much memory; `what` says in the message what it was for.
    pub fn copy_of<T: crate::abi::Element>(elements: &[T], what: &str) -> Result<Self, CallError> {
        let bytes = Self::uninitialised(size_of_val(elements), what)?;
        // SAFETY: the destination was just allocated with the size of the source, and elements may be copied as bytes.
        unsafe {
            std::ptr::copy_nonoverlapping(elements.as_ptr().cast::<u8>(), bytes.as_ptr(), bytes.len);
        }
        Ok(bytes)
    }

    /// `count` copies of an element.
    ///
    /// # Errors
    /// If there is not that much memory; `what` says in the message what it was for.
    pub fn repeat<T: crate::abi::Element>(element: T, count: usize, what: &str) -> Result<Self, CallError> {
        let bytes = Self::uninitialised(count.saturating_mul(size_of::<T>()), what)?;
        for index in 0..count {
            // SAFETY: the memory was just allocated for `count` elements, and is aligned for any element type.
            unsafe { bytes.as_ptr().cast::<T>().add(index).write(element) };
        }
        Ok(bytes)
    }

    fn allocate(len: usize, what: &str, allocator: impl Fn(Layout) -> *mut u8) -> Result<Self, CallError> {
        let error = || CallError::Memory { what: what.into(), bytes: len };
        let layout = Layout::from_size_align(len, ALIGNMENT).map_err(|_| error())?;
        if len > LARGE_PAGE / 2 {
            let (start, mapped) = map(len).ok_or_else(error)?;
            return Ok(Self { start, len, mapped: Some(mapped) });
        }
        let start = if len == 0 { Some(layout.dangling_ptr()) } else { NonNull::new(allocator(layout)) };
        start.map(|start| Self { start, len, mapped: None }).ok_or_else(error)
    }

    /// The first byte.
    #[must_use]
    pub const fn as_ptr(&self) -> *mut u8 {
        self.start.as_ptr()
    }

    /// The number of bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no bytes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// Maps bytes that are zero, in large pages where there are such; gives the first byte, and what owns all.
fn map(len: usize) -> Option<(NonNull<u8>, MmapMut)> {
    // An end of less than half a large page is not worth one: it would take more memory than it has to.
    let tail = len % LARGE_PAGE;
    let len = if tail > LARGE_PAGE / 2 { len.checked_next_multiple_of(LARGE_PAGE)? } else { len };
    // Enough to begin where a large page does. What is not touched takes addresses and no memory.
    let mut mapped = MmapOptions::new().len(len.checked_add(LARGE_PAGE)?).map_anon().ok()?;
    let offset = mapped.as_ptr().align_offset(LARGE_PAGE).min(LARGE_PAGE);
    // If this fails there are no large pages, and others serve.
    #[cfg(target_os = "linux")]
    let _ = mapped.advise_range(memmap2::Advice::HugePage, offset, len);
    let start = NonNull::from(mapped.get_mut(offset..)?).cast();
    Some((start, mapped))
}

impl Drop for AlignedBytes {
    fn drop(&mut self) {
        if let Ok(layout) = Layout::from_size_align(self.len, ALIGNMENT)
            && self.len > 0
            && self.mapped.is_none()
        {
            // SAFETY: allocated by `allocate` with this very layout, and freed only here.
            unsafe { dealloc(self.start.as_ptr(), layout) };
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn elements_are_copied_and_repeated() {
        let read = |bytes: &AlignedBytes| -> Vec<i32> {
            // SAFETY: the memory was filled with `i32`s.
            (0..bytes.len() / 4).map(|i| unsafe { bytes.as_ptr().cast::<i32>().add(i).read() }).collect()
        };
        assert_eq!(read(&AlignedBytes::copy_of(&[1, -2, 3], "a test").unwrap()), [1, -2, 3]);
        assert_eq!(read(&AlignedBytes::repeat(-7, 5, "a test").unwrap()), [-7; 5]);
        assert!(AlignedBytes::repeat(1.0f64, 1 << 61, "a test").is_err());
    }

    #[test]
    fn large_blocks_begin_at_large_pages_and_are_zero_to_their_end() {
        for len in [LARGE_PAGE / 2 + 1, LARGE_PAGE, LARGE_PAGE + 1, 3 * LARGE_PAGE - 1] {
            let bytes = AlignedBytes::zeroed(len, "a test").unwrap();
            assert_eq!((bytes.as_ptr() as usize % LARGE_PAGE, bytes.len()), (0, len));
            for at in [0, len / 2, len - 1] {
                // SAFETY: inside the block, which is initialised.
                assert_eq!(unsafe { bytes.as_ptr().add(at).replace(1) }, 0);
            }
        }
    }

    #[test]
    fn memory_is_aligned_and_absurd_sizes_are_errors() {
        for len in [0, 1, 63, 64, 4096] {
            let bytes = AlignedBytes::uninitialised(len, "a test").unwrap();
            assert_eq!((bytes.as_ptr() as usize % ALIGNMENT, bytes.len()), (0, len));
        }
        for len in [usize::MAX, isize::MAX as usize, 1 << 62] {
            let error = AlignedBytes::zeroed(len, "the arena").unwrap_err();
            assert_eq!(error.to_string(), format!("{len} bytes for the arena could not be allocated"));
        }
    }
}
