//! What the machine can do at most, measured in the same minutes as what is compared with it.

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use pullback::Options;
use pullback_ir::{DType, parse_module, verify};
use pullback_runtime::Tensor;

use super::times;
use crate::Failure;
use crate::backend::failure;

/// Bytes that are copied, together more than the caches of most machines hold; and how often.
const COPIED: usize = 64 << 20;
const ROUNDS: usize = 5;

/// The extent of the matrices.
const EXTENT: usize = 768;

/// The machine's speed with a number of threads.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Peak {
    /// Bytes read and written per second by a copy.
    pub bytes: f64,
    /// Floating-point operations per second of a product of square matrices, by this project's kernels.
    pub flops: f64,
}

impl Peak {
    /// Measures it, in about a tenth of a second; matrices are of the element type, `f32` or `f64`.
    ///
    /// # Errors
    /// If there is no memory, or the product cannot be compiled.
    pub fn measure(dtype: DType, threads: usize) -> Result<Self, Failure> {
        Ok(Self { bytes: copy(threads)?, flops: product(dtype, threads)? })
    }
}

fn copy(threads: usize) -> Result<f64, Failure> {
    let words = COPIED / 8;
    let zeros = || {
        let mut zeros = Vec::new();
        let reserved = zeros.try_reserve_exact(words);
        reserved.map_err(|_| Failure::program(format!("no memory for {COPIED} bytes to copy")))?;
        zeros.resize(words, 1u64);
        Ok::<_, Failure>(zeros)
    };
    let (from, mut to) = (zeros()?, zeros()?);
    let share = words.div_ceil(threads.max(1));
    let mut least = Duration::MAX;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        thread::scope(|scope| {
            for (from, to) in from.chunks(share).zip(to.chunks_mut(share)) {
                scope.spawn(move || black_box(to).copy_from_slice(black_box(from)));
            }
        });
        least = least.min(start.elapsed());
    }
    Ok(2.0 * COPIED as f64 / least.as_secs_f64())
}

fn product(dtype: DType, threads: usize) -> Result<f64, Failure> {
    let dtype = if dtype == DType::F64 { DType::F64 } else { DType::F32 };
    let ty = format!("{dtype}[{EXTENT},{EXTENT}]");
    let text = format!(
        "func @product(%a: {ty}, %b: {ty}) -> {ty} {{\n  %c = dot %a, %b, contract=[1]x[0] : {ty}\n  return %c\n}}\n"
    );
    let module = parse_module(&text).map_err(|errors| Failure::Bug(errors.to_string()))?;
    let module = verify(module).map_err(|errors| Failure::Bug(errors.to_string()))?;
    let Some((func, _)) = module.functions().next() else { return Err(Failure::Bug("no product".into())) };
    let executable = pullback::compile(&module, func, &Options::new().threads(threads)).map_err(failure)?;
    let matrix = || match dtype {
        DType::F64 => Tensor::from_slice(&[EXTENT, EXTENT], &vec![0.5f64; EXTENT * EXTENT]),
        _ => Tensor::from_slice(&[EXTENT, EXTENT], &vec![0.5f32; EXTENT * EXTENT]),
    };
    let inputs = [matrix().map_err(Failure::program)?, matrix().map_err(Failure::program)?];
    let times = times(&[&executable], &inputs, ROUNDS)?;
    let least = times.first().map_or(f64::INFINITY, |times| times.min.as_secs_f64());
    Ok(2.0 * (EXTENT as f64).powi(3) / least)
}
