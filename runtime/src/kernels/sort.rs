//! The order of a line of elements.
//!
//! An element and its place become a pair: a number that increases as the elements do, and where the element stands so far. No two pairs
//! are equal, so sorting them in any way sorts the elements stably; the standard library's unstable sort does it in place, without allocating, in
//! `n log n` steps at most. NaN counts as larger than any number, the two zeros as equal, `false` as smaller than `true`. Decreasing order is that of the
//! complements of the numbers: elements that are equal keep their order there too.
//!
//! Several keys: the least important first, each further call with `refine`, which sorts what the calls before have ordered.

/// An element type that a line is sorted by.
trait Key: Copy {
    /// A number that increases as the elements do, then a place; no larger than the scratch memory of an element, and aligned as `i64`.
    type Pair: Ord + Copy;

    /// A number that increases as the elements do, or decreases if `descending`, and then the place.
    fn pair(self, descending: bool, place: u32) -> Self::Pair;

    /// The place of a pair.
    fn place(pair: Self::Pair) -> u32;
}

fn narrow(rank: u32, place: u32) -> u64 {
    u64::from(rank) << 32 | u64::from(place)
}

fn narrow_place(pair: u64) -> u32 {
    pair as u32
}

fn wide(rank: u64, place: u32) -> (u64, u32) {
    (rank, place)
}

fn wide_place(pair: (u64, u32)) -> u32 {
    pair.1
}

macro_rules! key {
    ($ty:ty, $pair:ty, $make:expr, $place:expr, $rank:expr) => {
        impl Key for $ty {
            type Pair = $pair;

            fn pair(self, descending: bool, place: u32) -> $pair {
                let rank = $rank(self);
                let rank = if descending { !rank } else { rank };
                $make(rank, place)
            }

            fn place(pair: $pair) -> u32 {
                $place(pair)
            }
        }
    };
}

key!(f32, u64, narrow, narrow_place, |x: f32| {
    // The sum makes one zero of both.
    let bits = (x + 0.0).to_bits();
    if x.is_nan() { u32::MAX } else { bits ^ if bits >> 31 == 1 { u32::MAX } else { 1 << 31 } }
});
key!(f64, (u64, u32), wide, wide_place, |x: f64| {
    let bits = (x + 0.0).to_bits();
    if x.is_nan() { u64::MAX } else { bits ^ if bits >> 63 == 1 { u64::MAX } else { 1 << 63 } }
});
key!(i32, u64, narrow, narrow_place, |x: i32| x as u32 ^ 1 << 31);
key!(i64, (u64, u32), wide, wide_place, |x: i64| x as u64 ^ 1 << 63);
key!(u8, u64, narrow, narrow_place, |x: u8| u32::from(x));

/// Where to sort: elements and places `0..count`, each with its stride.
struct Line<T> {
    count: usize,
    out: *mut i32,
    out_stride: isize,
    key: *const T,
    key_stride: isize,
}

impl<T: Key> Line<T> {
    /// A place read from memory, moved into the line: what is there may be anything.
    fn inside(&self, place: i32) -> isize {
        (place as u32 as usize).min(self.count.saturating_sub(1)) as isize
    }

    /// Sorts in `scratch`.
    ///
    /// # Safety
    /// As the kernels below.
    unsafe fn argsort(&self, scratch: *mut i64, descending: bool, refine: bool, read: impl Fn(T) -> T) {
        let pairs = scratch.cast::<T::Pair>();
        for place in 0..self.count {
            let at = place as isize;
            // SAFETY: the caller's promises; `source` is a place of the line.
            unsafe {
                let source = if refine { self.inside(*self.out.offset(at * self.out_stride)) } else { at };
                let key = read(*self.key.offset(source * self.key_stride));
                pairs.add(place).write(key.pair(descending, place as u32));
            }
        }
        // SAFETY: as many pairs were just written, in memory that is aligned for them and that nobody else uses.
        let pairs = unsafe { std::slice::from_raw_parts_mut(pairs, self.count) };
        pairs.sort_unstable();
        if !refine {
            for (place, &pair) in pairs.iter().enumerate() {
                // SAFETY: the caller's promises.
                unsafe { *self.out.offset(place as isize * self.out_stride) = T::place(pair) as i32 };
            }
            return;
        }
        // The places are those of an order that is about to be overwritten: look all of them up first.
        for number in 0..pairs.len() {
            // SAFETY: a place in the line, by how pairs were made. The pair becomes the number of an element, in its first four bytes.
            unsafe {
                let source = self.inside(*self.out.offset(T::place(pairs[number]) as isize * self.out_stride));
                pairs.as_mut_ptr().add(number).cast::<i32>().write(source as i32);
            }
        }
        for number in 0..pairs.len() {
            // SAFETY: the same places; what was written above is read.
            unsafe {
                *self.out.offset(number as isize * self.out_stride) = pairs.as_ptr().add(number).cast::<i32>().read();
            }
        }
    }
}

macro_rules! kernel {
    ($name:ident, $ty:ty, $words:literal, $read:expr) => {
        #[doc = concat!("The order of `count` elements of `", stringify!($ty), "`: `out[i]` becomes the place of the element that is in place `i` when sorted.")]
        ///
        /// Strides are in elements. `descending` and `refine` are 0 or 1; with `refine` the elements count as standing in the order that `out` holds (a place that there is not is
        /// taken for the last).
        ///
        /// # Safety
        /// All places `0..count` of `out` and `key` are inside memory valid for writing and reading; those of `out` are apart from each other and from
        /// `key`, and with `refine` they are initialised.
        #[doc = concat!("`scratch` is valid for ", stringify!($words), " numbers per element, and overlaps neither. `count` is below 2^31.")]
        #[allow(clippy::too_many_arguments, reason = "a flat list is what generated code passes most easily")]
        pub unsafe extern "C" fn $name(
            count: usize,
            out: *mut i32,
            out_stride: isize,
            scratch: *mut i64,
            key: *const $ty,
            key_stride: isize,
            descending: usize,
            refine: usize,
        ) {
            let line = Line { count, out, out_stride, key, key_stride };
            // SAFETY: the caller's promises.
            unsafe { line.argsort(scratch, descending != 0, refine != 0, $read) };
        }
    };
}

kernel!(pb_argsort_f32, f32, 1, |x| x);
kernel!(pb_argsort_f64, f64, 2, |x| x);
kernel!(pb_argsort_i32, i32, 1, |x| x);
kernel!(pb_argsort_i64, i64, 2, |x| x);
kernel!(pb_argsort_u8, u8, 1, |x| x);
// A `bool` is a byte, of which the lowest bit counts: memory that nothing was stored to may hold any byte.
kernel!(pb_argsort_bool, u8, 1, |x| x & 1);

/// The symbols of the kernels, and their addresses in this process.
#[must_use]
pub fn symbols() -> [(&'static str, *const u8); 6] {
    [
        ("pb_argsort_f32", pb_argsort_f32 as *const u8),
        ("pb_argsort_f64", pb_argsort_f64 as *const u8),
        ("pb_argsort_i32", pb_argsort_i32 as *const u8),
        ("pb_argsort_i64", pb_argsort_i64 as *const u8),
        ("pb_argsort_u8", pb_argsort_u8 as *const u8),
        ("pb_argsort_bool", pb_argsort_bool as *const u8),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order_of_doubles(keys: &[f64], descending: bool) -> Vec<i32> {
        let mut out = vec![-1; 2 * keys.len()];
        let mut scratch = [0i64; 16];
        // SAFETY: the vectors have room for every other place and for every element; two numbers per element of at most 8.
        unsafe {
            pb_argsort_f64(
                keys.len(),
                out.as_mut_ptr(),
                2,
                scratch.as_mut_ptr(),
                keys.as_ptr(),
                1,
                usize::from(descending),
                0,
            );
        }
        out.into_iter().step_by(2).collect()
    }

    #[test]
    fn nan_is_the_largest_zeros_are_equal_and_equals_keep_their_order() {
        let keys = [0.0, f64::NAN, -0.0, f64::INFINITY, -1.0, f64::NEG_INFINITY, -f64::NAN, 5e-324];
        assert_eq!(order_of_doubles(&keys, false), [5, 4, 0, 2, 7, 3, 1, 6]);
        assert_eq!(order_of_doubles(&keys, true), [1, 6, 3, 7, 0, 2, 4, 5]);
    }

    #[test]
    fn a_second_key_decides_among_equals_of_the_first() {
        let (first, second) = ([2, 1, 2, 1, 2], [7u8, 9, 3, 9, 7]);
        let mut out = [0; 5];
        let mut scratch = [0i64; 16];
        for descending in [0, 1] {
            // SAFETY: arrays of five elements and one number of scratch for each.
            unsafe {
                let (to, free) = (out.as_mut_ptr(), scratch.as_mut_ptr());
                pb_argsort_u8(5, to, 1, free, second.as_ptr(), 1, descending, 0);
                pb_argsort_i32(5, to, 1, free, first.as_ptr(), 1, descending, 1);
            }
            let expected = if descending == 0 { [1, 3, 2, 0, 4] } else { [0, 4, 2, 1, 3] };
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn integers_and_truth_values_are_in_order_from_the_least_to_the_greatest() {
        let mut out = [0; 4];
        let mut scratch = [0i64; 16];
        let (to, free) = (out.as_mut_ptr(), scratch.as_mut_ptr());
        // SAFETY: arrays of four elements and two numbers of scratch for each.
        unsafe {
            pb_argsort_i64(4, to, 1, free, [0, i64::MAX, i64::MIN, -1].as_ptr(), 1, 0, 0);
            assert_eq!(*to.cast::<[i32; 4]>(), [2, 3, 0, 1]);
            pb_argsort_i32(4, to, 1, free, [0, i32::MAX, i32::MIN, -1].as_ptr(), 1, 0, 0);
            assert_eq!(*to.cast::<[i32; 4]>(), [2, 3, 0, 1]);
            pb_argsort_bool(4, to, 1, free, [1, 0, 1, 0].as_ptr(), 1, 0, 0);
            assert_eq!(*to.cast::<[i32; 4]>(), [1, 3, 0, 2]);
        }
    }
}
