//! Times of calls, also of those that take nanoseconds.

use std::time::{Duration, Instant};

use pullback::{ArgMut, Executable};
use pullback_runtime::{Bound, Tensor};

use super::views;
use crate::Failure;

/// Calls are measured together until they take so long: what a look at the clock costs, and its resolution, are some tens of nanoseconds.
const LEAST: Duration = Duration::from_micros(20);
const MAX_CALLS: u32 = 10_000;

/// Takes times of calls that find in the caches what the last one left there.
pub struct Sampler<'a> {
    bound: Bound<'a>,
    /// How many calls are a sample.
    calls: u32,
}

impl<'a> Sampler<'a> {
    /// Calls with these inputs and this memory for results.
    ///
    /// # Errors
    /// If they do not fit.
    pub fn new(executable: &Executable, inputs: &'a [Tensor], results: &'a mut [Tensor]) -> Result<Self, Failure> {
        let outputs = results.iter_mut().map(ArgMut::from).collect();
        let mut bound = executable.bind(&views(inputs), outputs).map_err(Failure::program)?;
        bound.run();
        let mut calls = 1;
        loop {
            let taken = time(&mut bound, calls);
            if taken >= LEAST || calls >= MAX_CALLS {
                return Ok(Self { bound, calls });
            }
            calls *= 2;
        }
    }

    /// The seconds that a call takes, by some in a row behind one that is not measured.
    pub fn sample(&mut self) -> f64 {
        self.bound.run();
        time(&mut self.bound, self.calls).as_secs_f64() / f64::from(self.calls)
    }
}

fn time(bound: &mut Bound<'_>, calls: u32) -> Duration {
    let start = Instant::now();
    (0..calls).for_each(|_| bound.run());
    start.elapsed()
}
