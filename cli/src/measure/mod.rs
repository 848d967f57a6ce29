//! Measuring: times of compiled programs, of their steps one by one, and of what the machine can do at most.
//!
//! * here: a program compiled for measuring, and times of calls taken in rounds;
//! * [`peak`]: the machine's speed of copying and of multiplying matrices;
//! * [`sampler`]: times of calls, also of those that take nanoseconds;
//! * [`steps`]: the steps of a program and the parts of its loops, each with its own time.
//!
//! What a program is worth in bytes and operations is the loop IR's [`Traffic`].

pub mod peak;
pub mod sampler;
pub mod steps;

use std::time::{Duration, Instant};

use pullback::{ArgMut, ArgRef, Executable, Fusion, Options};
use pullback_interp::Array;
use pullback_ir::{FuncId, Module, Verified};
use pullback_loops::{Program, Traffic};
use pullback_runtime::{Bound, Tensor};

use crate::Failure;
use crate::backend::failure;

/// A program compiled with one kind of fusion.
pub struct Subject {
    /// Which.
    pub fusion: Fusion,
    /// What runs.
    pub executable: Executable,
    /// What it was generated of.
    pub program: pullback_loops::Verified<Program>,
    /// What a call is worth.
    pub traffic: Traffic,
    /// How long compiling took.
    pub compile: Duration,
}

impl Subject {
    /// Compiles a function.
    ///
    /// # Errors
    /// If it cannot be compiled.
    pub fn new(module: &Verified<Module>, func: FuncId, options: &Options) -> Result<Self, Failure> {
        let start = Instant::now();
        let executable = pullback::compile(module, func, options).map_err(failure)?;
        let compile = start.elapsed();
        let program = pullback::loop_program(module, func, options).map_err(failure)?;
        let traffic = Traffic::of(&program);
        Ok(Self { fusion: options.fusion, executable, program, traffic, compile })
    }

    /// The results for some arguments.
    ///
    /// # Errors
    /// If the arguments do not fit, or there is no memory.
    pub fn results(&self, inputs: &[Tensor]) -> Result<Vec<Array>, Failure> {
        let results = self.executable.run(&views(inputs)).map_err(Failure::program)?;
        results.iter().map(|result| pullback::to_array(result).map_err(failure)).collect()
    }
}

/// What calls took.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Times {
    /// The least.
    pub min: Duration,
    /// The median.
    pub median: Duration,
}

/// Times of so many calls of each executable, all with the same inputs; one more call of each warms up. The executables take turns, so that what else the machine does meets
/// all of them.
///
/// # Errors
/// If the inputs do not fit, or there is no memory for results.
pub fn times(executables: &[&Executable], inputs: &[Tensor], repeats: usize) -> Result<Vec<Times>, Failure> {
    let mut results = executables.iter().map(|executable| results_of(executable)).collect::<Result<Vec<_>, _>>()?;
    let bound = executables.iter().zip(&mut results).map(|(executable, results)| {
        let outputs = results.iter_mut().map(ArgMut::from).collect();
        executable.bind(&views(inputs), outputs).map_err(Failure::program)
    });
    let mut bound: Vec<Bound<'_>> = bound.collect::<Result<_, _>>()?;
    bound.iter_mut().for_each(Bound::run);
    let mut taken: Vec<Vec<Duration>> = vec![Vec::with_capacity(repeats); bound.len()];
    for _ in 0..repeats.max(1) {
        for (call, taken) in bound.iter_mut().zip(&mut taken) {
            let start = Instant::now();
            call.run();
            taken.push(start.elapsed());
        }
    }
    let summary = |mut taken: Vec<Duration>| {
        taken.sort_unstable();
        Times { min: taken[0], median: taken[taken.len() / 2] }
    };
    Ok(taken.into_iter().map(summary).collect())
}

fn views(tensors: &[Tensor]) -> Vec<ArgRef<'_>> {
    tensors.iter().map(ArgRef::from).collect()
}

/// Memory for the results of an executable, all zeros.
///
/// # Errors
/// If there is none.
pub fn results_of(executable: &Executable) -> Result<Vec<Tensor>, Failure> {
    let outputs = executable.signature().outputs.iter();
    outputs.map(|output| Tensor::zeros(output.dtype, &output.shape).map_err(Failure::program)).collect()
}

/// The largest distance of results from others, relative in norm; infinite if types differ, or a number is not one in one of them only.
#[must_use]
pub fn distance(found: &[Array], expected: &[Array]) -> f64 {
    let of = |(found, expected): (&Array, &Array)| {
        if found.ty() != expected.ty() {
            return f64::INFINITY;
        }
        let (mut difference, mut size) = (0.0, 0.0);
        for (x, y) in found.to_f64().into_iter().zip(expected.to_f64()) {
            if x == y || (x.is_nan() && y.is_nan()) {
                size += if y.is_finite() { y * y } else { 0.0 };
            } else if x.is_finite() && y.is_finite() {
                difference += (x - y) * (x - y);
                size += y * y;
            } else {
                return f64::INFINITY;
            }
        }
        if difference == 0.0 { 0.0 } else { (difference / size).sqrt() }
    };
    if found.len() == expected.len() { found.iter().zip(expected).map(of).fold(0.0, f64::max) } else { f64::INFINITY }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn results_differ_by_their_norm_and_by_what_is_no_number() {
        let array = |x: &[f64]| [Array::from_slice(&[x.len()], x).unwrap()];
        let expected = array(&[3.0, 4.0]);
        assert_eq!(distance(&array(&[3.0, 4.0]), &expected), 0.0);
        assert!((distance(&array(&[3.0, 4.5]), &expected) - 0.1).abs() < 1e-12);
        assert_eq!(distance(&array(&[3.0, f64::NAN]), &expected), f64::INFINITY);
        assert_eq!(distance(&array(&[f64::NAN, 1.0]), &array(&[f64::NAN, 1.0])), 0.0);
        assert_eq!(distance(&[], &expected), f64::INFINITY);
        assert_eq!(distance(&array(&[1.0]), &expected), f64::INFINITY);
    }
}
