//! Pseudo-random inputs, the same on every machine.
//!
//! The generator is SplitMix64 (G. L. Steele, D. Lea and C. H. Flood, "Fast splittable pseudorandom number generators",
//! OOPSLA 2014). Each parameter has a stream of its own, seeded by the output of the generator of the user's seed at the
//! parameter's position, so that giving one input by hand does not change the others.

use pullback_interp::Array;
use pullback_ir::{DType, Elements, Type};

/// SplitMix64.
#[derive(Clone, Debug)]
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// A generator of this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    #[allow(clippy::should_implement_trait, reason = "an endless sequence, not an iterator over something")]
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in (0, 1), 53 bits.
    fn uniform(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    /// Standard normal, by the method of Box and Muller.
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Uniform in `0..bound`; the bias is below `bound` / 2^64.
    fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }
}

/// The stream of the parameter at a position.
#[must_use]
pub fn stream(seed: u64, position: usize) -> SplitMix64 {
    let mut seeds = SplitMix64::new(seed);
    let mut own = seeds.next();
    for _ in 0..position {
        own = seeds.next();
    }
    SplitMix64::new(own)
}

/// An array of standard normal floats, of integers from -8 to 8 (`u8`: 0 to 16), or of fair coins.
///
/// # Errors
/// If the system has no memory for it.
pub fn array(ty: &Type, random: &mut SplitMix64) -> Result<Array, String> {
    fn fill<T>(count: usize, mut element: impl FnMut() -> T) -> Result<Vec<T>, String> {
        let mut elements = Vec::new();
        elements.try_reserve_exact(count).map_err(|_| format!("no memory for {count} elements"))?;
        elements.extend((0..count).map(|_| element()));
        Ok(elements)
    }
    let count = ty.elements();
    let elements = match ty.dtype {
        DType::F32 => Elements::F32(fill(count, || random.normal() as f32)?),
        DType::F64 => Elements::F64(fill(count, || random.normal())?),
        DType::I32 => Elements::I32(fill(count, || random.below(17) as i32 - 8)?),
        DType::I64 => Elements::I64(fill(count, || random.below(17) as i64 - 8)?),
        DType::U8 => Elements::U8(fill(count, || random.below(17) as u8)?),
        DType::Bool => Elements::Bool(fill(count, || random.next() >> 63 == 1)?),
    };
    Array::new(ty.shape.clone(), elements).map_err(|error| error.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_the_published_one() {
        // The first outputs for seed 1234567, as published with the reference implementation.
        let mut random = SplitMix64::new(1_234_567);
        let expected = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!([random.next(), random.next(), random.next()], expected);
    }

    #[test]
    fn floats_are_standard_normal() {
        let ty = Type::new(DType::F64, &[100_000]).unwrap();
        let values = array(&ty, &mut stream(1, 0)).unwrap().to_f64();
        let mean = values.iter().sum::<f64>() / 1e5;
        let variance = values.iter().map(|x| x * x).sum::<f64>() / 1e5;
        // Five standard errors.
        assert!(mean.abs() < 5.0 / 1e5f64.sqrt(), "{mean}");
        assert!((variance - 1.0).abs() < 5.0 * (2.0 / 1e5f64).sqrt(), "{variance}");
    }

    #[test]
    fn streams_of_parameters_differ_and_do_not_depend_on_each_other() {
        let first: Vec<u64> = (0..4).map(|position| stream(7, position).next()).collect();
        assert_eq!(first.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
        assert_ne!(stream(8, 0).next(), first[0]);
    }

    #[test]
    fn integers_and_coins_take_all_their_values() {
        for (dtype, low, high) in [(DType::I32, -8.0, 8.0), (DType::I64, -8.0, 8.0), (DType::U8, 0.0, 16.0)] {
            let values = array(&Type::new(dtype, &[1000]).unwrap(), &mut stream(3, 1)).unwrap().to_f64();
            assert_eq!(values.iter().copied().fold(f64::INFINITY, f64::min), low);
            assert_eq!(values.iter().copied().fold(f64::NEG_INFINITY, f64::max), high);
        }
        let coins = array(&Type::new(DType::Bool, &[1000]).unwrap(), &mut stream(3, 1)).unwrap().to_f64();
        let heads: f64 = coins.iter().sum();
        assert!((400.0..600.0).contains(&heads), "{heads}");
    }
}
