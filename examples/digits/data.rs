//! The digits: read, scaled, and split into those to train on and those held out.

use std::error::Error;

use flate2::read::GzDecoder;

use crate::rng::SplitMix64;

/// Cells along each side of the grid of a digit.
pub(crate) const SIDE: usize = 8;
/// Cells of the grid of a digit.
pub(crate) const PIXELS: usize = SIDE * SIDE;
/// The digits 0 to 9.
pub(crate) const CLASSES: usize = 10;

/// See `examples/data/README.md`.
const FILE: &[u8] = include_bytes!("../data/digits.csv.gz");
/// The most ink a cell can have.
const FULL: f32 = 16.0;

/// Digits, one after the other.
#[derive(Default)]
pub(crate) struct Digits {
    /// [`PIXELS`] numbers from 0 (paper) to 1 (ink) for each.
    pub(crate) images: Vec<f32>,
    /// Which digit each one is.
    pub(crate) labels: Vec<i32>,
}

impl Digits {
    pub(crate) fn len(&self) -> usize {
        self.labels.len()
    }

    pub(crate) fn image(&self, index: usize) -> &[f32] {
        &self.images[index * PIXELS..][..PIXELS]
    }

    fn push(&mut self, image: &[f32], label: i32) {
        self.images.extend_from_slice(image);
        self.labels.push(label);
    }

    /// Becomes the digits of `source` at the positions `chosen`.
    pub(crate) fn gather(&mut self, source: &Self, chosen: &[usize]) {
        self.images.clear();
        self.labels.clear();
        for &index in chosen {
            self.push(source.image(index), source.labels[index]);
        }
    }

    fn read() -> Result<Self, Box<dyn Error>> {
        let mut digits = Self::default();
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(GzDecoder::new(FILE));
        for record in reader.deserialize() {
            let row: Vec<u8> = record?;
            match row.split_last() {
                Some((&label, pixels)) if pixels.len() == PIXELS && usize::from(label) < CLASSES => {
                    let image: Vec<f32> = pixels.iter().map(|&ink| f32::from(ink) / FULL).collect();
                    digits.push(&image, i32::from(label));
                }
                _ => return Err(format!("a line of {} numbers that is not a digit", row.len()).into()),
            }
        }
        Ok(digits)
    }
}

/// All digits, in two parts.
pub(crate) struct Split {
    /// Four fifths.
    pub(crate) train: Digits,
    /// One fifth, held out.
    pub(crate) test: Digits,
}

impl Split {
    /// Reads the digits and splits them at random, a fifth of every class to the held-out part (of five digits in random order, the
    /// one in the middle, which rounds each fifth to the nearest whole number).
    ///
    /// The split has a seed of its own: it is the same whatever the seed of training, so that accuracies can be compared.
    pub(crate) fn load() -> Result<Self, Box<dyn Error>> {
        let all = Digits::read()?;
        let mut random = SplitMix64::new(0);
        let mut split = Self { train: Digits::default(), test: Digits::default() };
        for class in 0..CLASSES as i32 {
            let mut members: Vec<usize> = (0..all.len()).filter(|&index| all.labels[index] == class).collect();
            random.shuffle(&mut members);
            for (position, &index) in members.iter().enumerate() {
                let part = if position % 5 == 2 { &mut split.test } else { &mut split.train };
                part.push(all.image(index), class);
            }
        }
        Ok(split)
    }
}
