//! The steps of a program, each compiled and measured alone on random data.
//!
//! A step alone finds in the caches what it left there itself, not what the step before it left, so the times need not add up to that of the whole.

use pullback::Options;
use pullback_codegen::runtime_dtype;
use pullback_ir::{DType, Shape, Type};
use pullback_loops::{Program, Space, Step, Traffic, isolate};
use pullback_runtime::{Parameter, Signature, Tensor};

use super::{Times, times};
use crate::Failure;
use crate::arrays::random;
use crate::backend::failure;

/// The most steps that are measured one by one.
pub const MAX_STEPS: usize = 200;

/// A step of a program.
pub struct StepTimes {
    /// Its kernels.
    pub name: String,
    /// What it is worth.
    pub traffic: Traffic,
    /// Its times; none if it cannot run alone.
    pub times: Option<Times>,
}

/// Measures the steps of a program that was lowered with these options, in order; `None` if there are more than [`MAX_STEPS`].
///
/// # Errors
/// If there is no memory, or a step cannot be compiled, which is a bug.
pub fn measure(program: &Program, options: &Options, repeats: usize) -> Result<Option<Vec<StepTimes>>, Failure> {
    if program.body.len() > MAX_STEPS {
        return Ok(None);
    }
    let alone = isolate(program).map_err(|error| Failure::Bug(error.to_string()))?;
    let steps = program.body.iter().zip(alone).map(|(step, alone)| {
        let times = alone.map(|alone| measure_alone(alone, options, repeats)).transpose()?;
        Ok(StepTimes { name: name(step), traffic: Traffic::of_step(program, step), times })
    });
    steps.collect::<Result<Vec<_>, _>>().map(Some)
}

fn measure_alone(program: Program, options: &Options, repeats: usize) -> Result<Times, Failure> {
    let bug = |message: String| Failure::Bug(format!("a step alone: {message}"));
    let program = pullback_loops::verify(program).map_err(|errors| bug(errors.to_string()))?;
    let mut signature = Signature { name: program.name.to_string(), ..Signature::default() };
    let mut inputs = Vec::new();
    // Positions grow with the numbers of buffers.
    for data in program.buffers.values() {
        let parameter =
            || Parameter { name: data.name.to_string(), dtype: runtime_dtype(data.dtype), shape: vec![data.elements] };
        match data.space {
            Space::Input(position) => {
                signature.inputs.push(parameter());
                inputs.push(input(data.dtype, data.elements, position)?);
            }
            Space::Output(_) => signature.outputs.push(parameter()),
            Space::Constant(_) | Space::Arena(_) | Space::Local(_) => {}
        }
    }
    let Options { threads, features, .. } = *options;
    let options = pullback_codegen::Options { threads, features, ..pullback_codegen::Options::default() };
    let compiled = pullback_codegen::compile(&program, signature, &options).map_err(|error| bug(error.to_string()))?;
    let times = times(&[&compiled.executable], &inputs, repeats)?;
    times.into_iter().next().ok_or_else(|| bug("no times".into()))
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
