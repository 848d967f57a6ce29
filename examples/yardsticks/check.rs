//! Whether results are right: against the interpreter at a small size, against plain Rust at the size that is measured.
//!
//! The interpreter runs the program widened to `f64`, so every element of every gradient is compared. It is too slow for the full size. There the number itself is compared
//! with [`Workload::reference`], and the gradient with central differences of it along two directions: a random one, and that of the gradient, in which nothing cancels.

use std::thread;

use pullback::interp::{Array, evaluate};
use pullback::prelude::*;
use pullback::runtime;

use crate::workloads::{Failure, Generator, Input, Workload, program, to_f64, wrt};

/// How far the results of a workload are from what they were compared with.
pub(crate) struct Agreement {
    /// The number and every gradient against the interpreter, at the small size: the worst distance, relative in norm.
    pub(crate) interpreter: f64,
    /// The number against the reference, relative.
    pub(crate) value: f64,
    /// The slopes along the directions against central differences of the reference, relative to the norm of the gradient.
    pub(crate) slope: f64,
    /// How far they may be.
    pub(crate) tolerance: f64,
}

impl Agreement {
    /// The largest of the distances; NaN if one is.
    pub(crate) fn worst(&self) -> f64 {
        worst([self.interpreter, self.value, self.slope])
    }

    /// An error that says how far results are off, if one is too far.
    pub(crate) fn assert(&self) -> Result<(), Failure> {
        // Not `>`: a NaN does not agree.
        if self.worst() <= self.tolerance {
            return Ok(());
        }
        let Self { interpreter, value, slope, tolerance } = self;
        let message = format!(
            "distances: to the interpreter {interpreter:.1e}, to the reference {value:.1e}, to its slopes {slope:.1e}; \
             expected at most {tolerance:.0e}"
        );
        Err(message.into())
    }
}

/// The largest, or NaN if one is.
fn worst(distances: impl IntoIterator<Item = f64>) -> f64 {
    distances.into_iter().fold(0.0, |most, next| if next.is_nan() || next > most { next } else { most })
}

/// The distance of two lists, relative to the norm of the second unless that is 0.
fn distance(found: &[f64], expected: &[f64]) -> f64 {
    if found.len() != expected.len() {
        return f64::NAN;
    }
    let difference = norm(found.iter().zip(expected).map(|(x, y)| x - y));
    let size = norm(expected.iter().copied());
    if size == 0.0 { difference } else { difference / size }
}

fn norm(elements: impl Iterator<Item = f64>) -> f64 {
    elements.map(|x| x * x).sum::<f64>().sqrt()
}

/// The worst distance of a compiled workload from the interpreter, which runs it in `f64`.
///
/// # Errors
/// If it cannot be compiled or run.
pub(crate) fn against_interpreter(name: &str, workload: &dyn Workload, options: &Options) -> Result<f64, Failure> {
    let inputs = workload.inputs()?;
    let (module, function) = program(name, workload, &inputs, workload.dtype())?;
    let compiled = compile(&module, function, &options.clone().value_and_grad(wrt(&inputs)))?;
    let arguments: Vec<ArgRef<'_>> = inputs.iter().map(|input| ArgRef::from(&input.tensor)).collect();
    let found = compiled.run(&arguments)?;

    let (module, function) = program(name, workload, &inputs, DType::F64)?;
    let positions = inputs.iter().enumerate().filter(|(_, input)| input.differentiated);
    let positions: Vec<usize> = positions.map(|(position, _)| position).collect();
    let derived = value_and_grad(&module, function, &positions)?;
    let mut module = module.into_inner();
    let derived = module.add(derived);
    let arrays = inputs.iter().map(widened).collect::<Result<Vec<_>, _>>()?;
    let expected = evaluate(&verify(module)?, derived, &arrays)?;
    let distances =
        found.iter().zip(&expected).map(|(found, expected)| Ok(distance(&to_f64(found)?, &expected.to_f64())));
    Ok(worst(distances.collect::<Result<Vec<_>, Failure>>()?))
}

/// An input for a program in `f64`.
fn widened(input: &Input) -> Result<Array, Failure> {
    if input.tensor.dtype() == runtime::DType::I32 {
        return Ok(pullback::to_array(&input.tensor)?);
    }
    Ok(Array::from_slice(input.tensor.shape(), &input.to_f64()?)?)
}

/// The relative distance of the number from the reference, and that of slopes along two directions from central differences.
///
/// # Errors
/// If there are not as many results as the number and a gradient for each differentiated input.
pub(crate) fn against_reference(
    workload: &dyn Workload,
    inputs: &[Input],
    results: &[runtime::Tensor],
) -> Result<(f64, f64), Failure> {
    let point = inputs.iter().map(Input::to_f64).collect::<Result<Vec<_>, _>>()?;
    let (value, gradients) = results.split_first().ok_or("no results")?;
    let gradients = gradients.iter().map(to_f64).collect::<Result<Vec<_>, _>>()?;
    let length = norm(gradients.iter().flatten().copied());
    let mut random = Generator::new(6);
    let directions = [
        gradients.iter().map(|gradient| of_unit_elements(gradient)).collect::<Vec<_>>(),
        gradients.iter().map(|gradient| gradient.iter().map(|_| random.sign()).collect()).collect(),
    ];
    let step = workload.step();
    let moved = |direction: &[Vec<f64>], by: f64| {
        let mut moved = point.clone();
        let differentiated = moved.iter_mut().zip(inputs).filter(|(_, input)| input.differentiated);
        for ((elements, _), along) in differentiated.zip(direction) {
            elements.iter_mut().zip(along).for_each(|(x, v)| *x += by * v);
        }
        workload.reference(&moved).map_err(|error| error.to_string())
    };
    // The evaluations are most of the time of the check.
    let (at_point, slopes) = thread::scope(|scope| {
        let [forward, backward] = [step, -step].map(|by| {
            let moved = &moved;
            directions.each_ref().map(|direction| scope.spawn(move || moved(direction, by)))
        });
        let at_point = moved(&[], 0.0);
        let joined = |handle: thread::ScopedJoinHandle<'_, _>| handle.join().map_err(|_| "a thread of the check died");
        let slopes = forward.into_iter().zip(backward).map(|(forward, backward)| {
            let (forward, backward): (Result<f64, String>, Result<f64, String>) = (joined(forward)?, joined(backward)?);
            Ok((forward? - backward?) / (2.0 * step))
        });
        (at_point, slopes.collect::<Result<Vec<_>, Failure>>())
    });
    let slopes = slopes?.into_iter().zip(&directions).map(|(expected, direction)| {
        let products = gradients.iter().flatten().zip(direction.iter().flatten()).map(|(g, v)| g * v);
        let found: f64 = products.sum();
        (found - expected).abs() / length.max(expected.abs())
    });
    Ok((distance(&to_f64(value)?, &[at_point?]), worst(slopes)))
}

/// The list, scaled so that the mean square of its elements is 1; zeros stay zeros.
fn of_unit_elements(list: &[f64]) -> Vec<f64> {
    let size = norm(list.iter().copied());
    let factor = if size > 0.0 { (list.len() as f64).sqrt() / size } else { 0.0 };
    list.iter().map(|x| x * factor).collect()
}
