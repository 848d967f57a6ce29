//! Inputs: the data files of ADBench, which are part of the program, and generated numbers.

use std::io::Read;

use flate2::read::GzDecoder;
use pullback::interp::Array;

use super::Failure;

macro_rules! files {
    ($($name:literal $file:literal)*) => {
        /// Names and contents.
        const FILES: &[(&str, &[u8])] = &[$(($name, include_bytes!(concat!("../../data/adbench/", $name, $file)))),*];
    };
}

files! {
    "gmm/test" ".txt"
    "gmm/d2_k5_n1k" ".txt.gz"
    "gmm/d2_k10_n1k" ".txt.gz"
    "gmm/d10_k10_n1k" ".txt.gz"
    "gmm/d10_k25_n1k" ".txt.gz"
    "gmm/d2_k5_n10k" ".txt.gz"
    "gmm/d2_k10_n10k" ".txt.gz"
    "gmm/d10_k100_n1k" ".txt.gz"
    "gmm/d20_k50_n1k" ".txt.gz"
    "gmm/d20_k200_n1k" ".txt.gz"
    "gmm/d32_k50_n1k" ".txt.gz"
    "gmm/d2_k100_n10k" ".txt.gz"
    "ba/test" ".txt"
    "ba/ba1" ".txt"
    "ba/ba2" ".txt"
    "lstm/l2_c1024" ".txt.gz"
    "lstm/l4_c1024" ".txt.gz"
    "hand/bones" ".txt.gz"
    "hand/vertices" ".txt.gz"
    "hand/triangles" ".txt.gz"
    "hand/simple_test" ".txt"
    "hand/simple_c100" ".txt.gz"
    "hand/simple_c800" ".txt.gz"
    "hand/complicated_test" ".txt"
    "hand/complicated_c100" ".txt.gz"
    "hand/complicated_c800" ".txt.gz"
}

/// The text of a data file.
pub(super) fn text(name: &str) -> Result<String, Failure> {
    let file = FILES.iter().find(|(known, _)| *known == name);
    let (_, bytes) = file.ok_or_else(|| format!("no data file {name}"))?;
    unpacked(bytes)
}

/// A text that may be compressed by gzip.
pub(super) fn unpacked(bytes: &[u8]) -> Result<String, Failure> {
    let mut text = String::new();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        GzDecoder::new(bytes).read_to_string(&mut text)?;
    } else {
        text = std::str::from_utf8(bytes)?.into();
    }
    Ok(text)
}

/// The numbers of a text, taken one after the other.
pub(super) struct Numbers<'a> {
    words: std::str::SplitWhitespace<'a>,
}

impl<'a> Numbers<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { words: text.split_whitespace() }
    }

    /// The next number.
    pub(super) fn number<T: std::str::FromStr<Err: std::fmt::Display>>(&mut self) -> Result<T, Failure> {
        let word = self.words.next().ok_or("a data file ends too early")?;
        word.parse().map_err(|error| format!("{word:?} in a data file: {error}").into())
    }

    /// The next numbers.
    pub(super) fn numbers<T: std::str::FromStr<Err: std::fmt::Display>>(
        &mut self,
        count: usize,
    ) -> Result<Vec<T>, Failure> {
        (0..count).map(|_| self.number()).collect()
    }

    /// The next numbers as a tensor.
    pub(super) fn array(&mut self, dims: &[usize]) -> Result<Array, Failure> {
        Ok(Array::from_slice(dims, &self.numbers::<f64>(dims.iter().product())?)?)
    }

    /// How many are left.
    pub(super) fn left(&self) -> usize {
        self.words.clone().count()
    }
}

/// A row again and again.
pub(super) fn repeated(row: &[f64], times: usize) -> Result<Array, Failure> {
    Ok(Array::from_slice(&[times, row.len()], &row.repeat(times))?)
}

/// Numbers in [0, 1): the upper 53 bits of `SplitMix64` (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
pub(super) fn uniform(seed: u64, dims: &[usize]) -> Result<Array, Failure> {
    let number = |position: usize| {
        let mut z = seed.wrapping_add((position as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        (z >> 11) as f64 * (-53f64).exp2()
    };
    Ok(Array::from_slice(dims, &(0..dims.iter().product()).map(number).collect::<Vec<f64>>())?)
}

/// The count that a size such as `k10_n1000_d8` gives a letter.
pub(super) fn count(size: &str, letter: char) -> Result<usize, Failure> {
    let count = size.split('_').find_map(|part| part.strip_prefix(letter));
    Ok(count.ok_or_else(|| format!("the size {size} has no {letter}"))?.parse()?)
}
