//! Distortions: every time a digit is trained on, it looks a little different.
//!
//! There are only some 1,400 digits to train on, and a network with 17,000 parameters would learn them by heart. A digit that is shifted by
//! half a pixel, or slightly turned, stretched or slanted, is still that digit; training on such images teaches what does not matter.
//! (Simard, Steinkraus and Platt, "Best practices for convolutional neural networks applied to visual document analysis", 2003.)

use crate::data::{Digits, PIXELS, SIDE};
use crate::rng::SplitMix64;

/// The largest shift along either axis, in pixels.
const SHIFT: f32 = 0.5;
/// The largest change of each entry of the identity matrix: turns, stretches and slants.
const BEND: f32 = 0.2;

/// Distorts every image, each by another random affine map.
pub(crate) fn distort(digits: &mut Digits, random: &mut SplitMix64) {
    for image in digits.images.chunks_exact_mut(PIXELS) {
        let [a, b, c, d] = std::array::from_fn(|_| BEND * random.symmetric());
        let [right, down] = std::array::from_fn(|_| SHIFT * random.symmetric());
        let original = image.to_vec();
        for (index, pixel) in image.iter_mut().enumerate() {
            // Where this pixel comes from, by a map that is near to the identity and turns about the centre.
            let centre = (SIDE as f32 - 1.0) / 2.0;
            let (x, y) = ((index % SIDE) as f32 - centre, (index / SIDE) as f32 - centre);
            let (from_x, from_y) = (x + a * x + b * y + right, y + c * x + d * y + down);
            *pixel = ink_at(&original, from_x + centre, from_y + centre);
        }
    }
}

/// The ink at a position between pixels: their mean, weighted by nearness (bilinear interpolation). Around the image is paper.
fn ink_at(image: &[f32], x: f32, y: f32) -> f32 {
    let mut ink = 0.0;
    for (row, weight_y) in neighbours(y) {
        for (column, weight_x) in neighbours(x) {
            if (0..SIDE as i32).contains(&row) && (0..SIDE as i32).contains(&column) {
                ink += weight_x * weight_y * image[row as usize * SIDE + column as usize];
            }
        }
    }
    ink
}

/// The two whole positions around a position, and how near each is.
fn neighbours(position: f32) -> [(i32, f32); 2] {
    let below = position.floor();
    [(below as i32, 1.0 - (position - below)), (below as i32 + 1, position - below)]
}
