//! The steps of a program, and what loops among them consist of, each with a time of its own.
//!
//! A step, and a part of one in the loops around it, is measured alone on random data where it can be. It finds in the caches then what it left there itself, not what is in front of
//! it left, so the times need not add up to that of the whole. Else it is the difference that counts between [prefixes](pullback_loops::prefix()) of the program with and without it.
//!
//! Differences of times that are almost the same say nothing: one of less than `LEAST_SHARE` is counted as none.

use std::ops::Range;
use std::time::Duration;

use pullback::{Executable, Options};
use pullback_codegen::runtime_dtype;
use pullback_ir::{DType, Shape, Type};
use pullback_loops::{BufferData, Program, Space, Step, Traffic, isolate, isolate_parts, parts, prefix};
use pullback_runtime::{Parameter, Signature, Tensor};

use super::sampler::Sampler;
use super::{Times, results_of};
use crate::Failure;
use crate::arrays::random;
use crate::backend::failure;

/// The most steps that are measured one by one.
pub const MAX_STEPS: usize = 200;

/// The most parts of a step that are measured one by one.
pub const MAX_PARTS: usize = 40;

/// A difference of two times has to be at least this share of the longer one.
const LEAST_SHARE: f64 = 0.02;

/// A step of a program, or a part of one.
pub struct StepTimes {
    /// Its kernels.
    pub name: String,
    /// What it is worth.
    pub traffic: Traffic,
    /// Its times; zero for a difference that is too small.
    pub times: Times,
    /// Whether they are a difference.
    pub is_difference: bool,
    /// The parts of a loop; empty if there is but one, or more than [`MAX_PARTS`].
    pub parts: Vec<StepTimes>,
}

/// Measures the steps of a program that was lowered with these options, in order, and their parts; `None` if there are more than [`MAX_STEPS`] steps.
///
/// # Errors
/// If there is no memory, the inputs do not fit, or a step cannot be compiled, which is a bug.
pub fn measure(
    program: &Program,
    inputs: &[Tensor],
    options: &Options,
    repeats: usize,
) -> Result<Option<Vec<StepTimes>>, Failure> {
    if program.body.len() > MAX_STEPS {
        return Ok(None);
    }
    let whole = Prefixes { program, inputs, options, repeats };
    let mut measured = Vec::with_capacity(program.body.len());
    let mut first = 0;
    for (number, (step, alone)) in program.body.iter().zip(isolate(program).map_err(|error| bug(&error))?).enumerate() {
        let pieces = parts(step);
        let behind = first + pieces.len();
        let mut parts = Vec::new();
        if (2..=MAX_PARTS).contains(&pieces.len()) {
            let alone = isolate_parts(program, number).map_err(|error| bug(&error))?;
            for ((part, alone), at) in pieces.iter().zip(alone).zip(first..) {
                parts.push(whole.step(part, alone, at..at + 1)?);
            }
        }
        measured.push(StepTimes { parts, ..whole.step(step, alone, first..behind)? });
        first = behind;
    }
    Ok(Some(measured))
}

/// A program that is measured up to one part and another.
struct Prefixes<'a> {
    program: &'a Program,
    inputs: &'a [Tensor],
    options: &'a Options,
    repeats: usize,
}

impl Prefixes<'_> {
    /// A step or part: those of the program's parts that have these numbers.
    fn step(&self, step: &Step, alone: Option<Program>, numbers: Range<usize>) -> Result<StepTimes, Failure> {
        let is_difference = alone.is_none();
        let times = match alone {
            None => self.added(self.compile(numbers.start)?.as_ref(), self.compile(numbers.end)?.as_ref())?,
            Some(alone) => {
                let inputs = random_inputs(&alone)?;
                let alone = Prefixes { program: &alone, inputs: &inputs, ..*self };
                alone.added(None, alone.compile(numbers.len())?.as_ref())?
            }
        };
        let traffic = Traffic::of_step(self.program, step);
        Ok(StepTimes { name: name(step), traffic, times, is_difference, parts: Vec::new() })
    }

    fn compile(&self, count: usize) -> Result<Option<Executable>, Failure> {
        if count == 0 {
            return Ok(None);
        }
        let program = prefix(self.program, count).map_err(|error| bug(&error))?;
        let program = pullback_loops::verify(program).map_err(|errors| bug(&errors))?;
        let (mut inputs, outputs) = (parameters(&program, input_position), parameters(&program, output_position));
        for (parameter, input) in inputs.iter_mut().zip(self.inputs) {
            parameter.shape = input.shape().to_vec();
        }
        let places = program.donated.iter().filter_map(|buffer| output_position(&program.buffers[buffer].space));
        let mut donated: Vec<usize> = places.collect();
        donated.sort_unstable();
        let signature = Signature { name: program.name.to_string(), inputs, outputs, donated };
        let Options { threads, features, .. } = *self.options;
        let options = pullback_codegen::Options { threads, features, ..pullback_codegen::Options::default() };
        let compiled = pullback_codegen::compile(&program, signature, &options).map_err(|error| bug(&error))?;
        Ok(Some(compiled.executable))
    }

    /// How much longer one takes than the other; they take turns. None is a program without parts.
    fn added(&self, before: Option<&Executable>, behind: Option<&Executable>) -> Result<Times, Failure> {
        let results = |executable: Option<&Executable>| executable.map_or_else(|| Ok(Vec::new()), results_of);
        let mut results = [results(before)?, results(behind)?];
        let [of_before, of_behind] = &mut results;
        let sampler = |executable, results| Sampler::new(executable, self.inputs, results);
        let mut before = before.map(|executable| sampler(executable, of_before)).transpose()?;
        let mut behind = behind.map(|executable| sampler(executable, of_behind)).transpose()?;
        let sample = |sampler: &mut Option<Sampler<'_>>| sampler.as_mut().map_or(0.0, Sampler::sample);
        let samples: Vec<_> = (0..self.repeats.max(1)).map(|_| (sample(&mut before), sample(&mut behind))).collect();
        Ok(difference(&samples))
    }
}

/// The difference of the least, and the median of the differences, of pairs of seconds.
fn difference(samples: &[(f64, f64)]) -> Times {
    let told = |before: f64, behind: f64| {
        let added = behind - before;
        if added < LEAST_SHARE * behind { Duration::ZERO } else { Duration::from_secs_f64(added) }
    };
    let before = samples.iter().map(|sample| sample.0).fold(f64::INFINITY, f64::min);
    let behind = samples.iter().map(|sample| sample.1).fold(f64::INFINITY, f64::min);
    let mut each: Vec<Duration> = samples.iter().map(|&(before, behind)| told(before, behind)).collect();
    each.sort_unstable();
    Times { min: told(before, behind), median: each.get(each.len() / 2).copied().unwrap_or_default() }
}

fn bug(error: &impl std::fmt::Display) -> Failure {
    Failure::Bug(format!("a step alone: {error}"))
}

/// The parameters of the buffers that the place of an argument is found for, in order of the places.
fn parameters(program: &Program, place: impl Fn(&Space) -> Option<usize>) -> Vec<Parameter> {
    let parameter = |data: &BufferData| Parameter {
        name: data.name.to_string(),
        dtype: runtime_dtype(data.dtype),
        shape: vec![data.elements],
    };
    let buffers = program.buffers.values();
    let mut found: Vec<_> = buffers.filter_map(|data| Some((place(&data.space)?, parameter(data)))).collect();
    found.sort_by_key(|entry| entry.0);
    found.into_iter().map(|entry| entry.1).collect()
}

const fn input_position(space: &Space) -> Option<usize> {
    if let Space::Input(position) = space { Some(*position) } else { None }
}

const fn output_position(space: &Space) -> Option<usize> {
    if let Space::Output(position) = space { Some(*position) } else { None }
}

fn random_inputs(program: &Program) -> Result<Vec<Tensor>, Failure> {
    let data = program.buffers.values();
    let mut found: Vec<_> = data.filter_map(|data| Some((input_position(&data.space)?, data))).collect();
    found.sort_by_key(|entry| entry.0);
    found.into_iter().map(|(position, data)| input(data.dtype, data.elements, position)).collect()
}

fn input(dtype: DType, elements: usize, position: usize) -> Result<Tensor, Failure> {
    let shape = Shape::new(&[elements]).map_err(Failure::program)?;
    let array = random::array(&Type { dtype, shape }, &mut random::stream(1, position)).map_err(Failure::program)?;
    pullback::to_tensor(&array).map_err(failure)
}

/// The kernels of a step.
fn name(step: &Step) -> String {
    let names: Vec<&str> =
        pullback_loops::step::kernels(std::slice::from_ref(step)).into_iter().map(|kernel| &*kernel.name).collect();
    match &names[..] {
        [] => "nothing".into(),
        [name] => (*name).into(),
        [first, second] => format!("{first}, {second}"),
        [first, .., last] => format!("{first} ... {last} ({} kernels)", names.len()),
    }
}
