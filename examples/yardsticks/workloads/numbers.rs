//! Random inputs, and the few pieces of arithmetic that the references share.

use std::f64::consts::TAU;

use ndarray::ArrayView2;

use super::Failure;

/// Random numbers: SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
///
/// The same seed gives the same numbers on every machine.
pub(crate) struct Generator(u64);

impl Generator {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1).
    fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// 1 or -1.
    pub(crate) fn sign(&mut self) -> f64 {
        if self.next() >> 63 == 0 { 1.0 } else { -1.0 }
    }

    /// A standard normal number (Box and Muller, "A note on the generation of random normal deviates", 1958).
    fn normal(&mut self) -> f64 {
        let (radius, angle) = (1.0 - self.uniform(), self.uniform());
        (-2.0 * radius.ln()).sqrt() * (TAU * angle).cos()
    }

    /// Normal numbers with mean 0 and the given standard deviation.
    pub(super) fn normals(&mut self, count: usize, deviation: f64) -> Vec<f32> {
        (0..count).map(|_| (self.normal() * deviation) as f32).collect()
    }

    /// Integers that are uniform in `0..classes`.
    pub(super) fn labels(&mut self, count: usize, classes: usize) -> Vec<i32> {
        (0..count).map(|_| (self.uniform() * classes as f64) as i32).collect()
    }
}

/// A matrix of `rows` rows, of its elements row by row.
///
/// # Errors
/// If the number of elements is another.
pub(super) fn matrix(elements: &[f64], rows: usize, columns: usize) -> Result<ArrayView2<'_, f64>, Failure> {
    Ok(ArrayView2::from_shape((rows, columns), elements)?)
}

/// A sum of many numbers: one for each block of 4096, and then of those, so that its error grows with the number of blocks only.
pub(super) fn sum(numbers: impl IntoIterator<Item = f64>) -> f64 {
    let (mut total, mut block) = (0.0, 0.0);
    for (index, x) in numbers.into_iter().enumerate() {
        block += x;
        if index % 4096 == 4095 {
            total += block;
            block = 0.0;
        }
    }
    total + block
}

/// `log Σ exp` of some numbers.
pub(super) fn log_sum_exp(numbers: &[f64]) -> f64 {
    let largest = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    largest + numbers.iter().map(|x| (x - largest).exp()).sum::<f64>().ln()
}

/// The mean cross-entropy of rows of logits against one label for each.
pub(super) fn cross_entropy<'a>(logits: impl Iterator<Item = &'a [f64]>, labels: &[f64]) -> f64 {
    let losses = logits.zip(labels).map(|(row, &label)| log_sum_exp(row) - row[label as usize]);
    sum(losses) / labels.len() as f64
}
