//! Two checks of derivatives that need no known answer.
//!
//! Forward mode is compared with central differences along a direction, and reverse mode with forward mode by the identity
//! ⟨J v, u⟩ = ⟨v, Jᵀ u⟩. Both are for functions whose float results and parameters in question are `f64`.

use pullback_autodiff::{jvp, vjp};
use pullback_interp::Array;

use super::inputs::{from_f64, uniform};
use super::rng::Rng;
use super::run::Case;

/// Steps of the differences, tried in turn: a kink within one step is most likely outside the next.
const STEPS: [f64; 3] = [1e-4, 1e-5, 1e-6];

/// The tangents of the float results along `directions`.
pub fn tangents(case: &Case, wrt: &[usize], directions: &[Array]) -> Vec<Array> {
    let function = jvp(&case.module, case.func, wrt).unwrap_or_else(|error| panic!("{error}\n{}", case.text()));
    let count = case.function().results().len();
    let results = case.with(function, [&case.inputs, directions].concat()).interpret();
    results[count..].to_vec()
}

/// Checks the tangents of the float results against central differences, within `tolerance * (1 + |x|)`.
pub fn central_difference(case: &Case, wrt: &[usize], directions: &[Array], tolerance: f64) -> Result<(), String> {
    let tangents = tangents(case, wrt, directions);
    let mut worst = String::new();
    for step in STEPS {
        let (above, below) = (moved(case, wrt, directions, step), moved(case, wrt, directions, -step));
        let off = tangents.iter().enumerate().find_map(|(result, tangent)| {
            let pairs = above[result].to_f64().into_iter().zip(below[result].to_f64());
            let quotients: Vec<f64> = pairs.map(|(a, b)| (a - b) / (2.0 * step)).collect();
            let tangent = tangent.to_f64();
            let position =
                (0..tangent.len()).find(|&i| (tangent[i] - quotients[i]).abs() > tolerance * (1.0 + tangent[i].abs()));
            position.map(|i| {
                format!("float result {result}, element {i}: tangent {}, difference {}", tangent[i], quotients[i])
            })
        });
        match off {
            None => return Ok(()),
            Some(message) => worst = format!("{message} with step {step}\n{}", case.text()),
        }
    }
    Err(worst)
}

/// Checks that forward and reverse mode agree, relative to the sum of the magnitudes.
pub fn inner_products(
    case: &Case,
    wrt: &[usize],
    directions: &[Array],
    rng: &mut Rng,
    tolerance: f64,
) -> Result<(), String> {
    let tangents = tangents(case, wrt, directions);
    let cotangents: Vec<Array> = tangents.iter().map(|tangent| uniform(rng, &tangent.ty(), -1.0, 1.0)).collect();
    let function = vjp(&case.module, case.func, wrt).unwrap_or_else(|error| panic!("{error}\n{}", case.text()));
    let results = case.with(function, [&case.inputs[..], &cotangents[..]].concat()).interpret();
    let gradients = &results[case.function().results().len()..];
    let (forward, reverse) = (products(&tangents, &cotangents), products(gradients, directions));
    let size: f64 = forward.iter().chain(&reverse).map(|x| x.abs()).sum();
    let (forward, reverse): (f64, f64) = (forward.iter().sum(), reverse.iter().sum());
    if (forward - reverse).abs() <= tolerance * (1.0 + size) {
        Ok(())
    } else {
        Err(format!("<Jv,u> = {forward}, <v,J'u> = {reverse}\n{}", case.text()))
    }
}

fn products(x: &[Array], y: &[Array]) -> Vec<f64> {
    x.iter().zip(y).flat_map(|(x, y)| x.to_f64().into_iter().zip(y.to_f64())).map(|(x, y)| x * y).collect()
}

/// The float results with the parameters moved by `step` times the directions.
fn moved(case: &Case, wrt: &[usize], directions: &[Array], step: f64) -> Vec<Array> {
    let mut inputs = case.inputs.clone();
    for (&position, direction) in wrt.iter().zip(directions) {
        let pairs = inputs[position].to_f64().into_iter().zip(direction.to_f64());
        let values: Vec<f64> = pairs.map(|(x, v)| x + step * v).collect();
        inputs[position] = from_f64(&inputs[position].ty(), &values);
    }
    let results = Case { inputs, ..case.clone() }.interpret();
    results.into_iter().filter(|array| array.dtype().is_float()).collect()
}
