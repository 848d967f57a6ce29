//! Bundle adjustment: how far points in space, seen by cameras, are from where they were observed, and the nonzero part of the Jacobian.
//!
//! Each observation depends on one camera, one point and one weight, so the Jacobian has one dense block of 2 × 15 for the two coordinates of each observation and one
//! number for its weight. They are found by writing the function of *one* observation, differentiating that, and batching ([`vmap`]) what comes out.

use pullback::interp::Array;
use pullback::prelude::*;
use pullback::{JacobianMode, jacobian, vmap};

use super::data::{Numbers, repeated, text};
use super::{Failure, Objective, Problem, Program, add};

pub(super) const OBJECTIVE: Objective = Objective { name: "ba", sizes: &["test", "ba1", "ba2"], problem };

/// Parameters of a camera: rotation (3), centre (3), focal length, principal point (2), radial distortion (2).
const CAMERA: usize = 11;

/// The numbers of cameras, points and observations.
#[derive(Clone, Copy)]
struct Counts {
    cameras: usize,
    points: usize,
    observations: usize,
}

/// A vector as its components.
type Vector<'g, const N: usize> = [Tensor<'g>; N];

/// `N` elements of a tensor of one axis.
fn components<'g, const N: usize>(tensor: Tensor<'g>, first: isize) -> Vector<'g, N> {
    let mut positions = first..;
    [(); N].map(|()| tensor.index(0, positions.next().unwrap_or_default()))
}

fn cross<'g>(a: Vector<'g, 3>, b: Vector<'g, 3>) -> Vector<'g, 3> {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

fn dot<'g>(a: Vector<'g, 3>, b: Vector<'g, 3>) -> Tensor<'g> {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// `x` turned about the axis and by the angle that `rotation` has as direction and length (Rodrigues' formula).
fn rotate<'g>(rotation: Vector<'g, 3>, x: Vector<'g, 3>) -> Vector<'g, 3> {
    let angle2 = dot(rotation, rotation);
    let turns = angle2.gt(0);
    // The branch that is not taken must not divide by 0, or its derivative would be NaN.
    let angle = turns.select(angle2, 1).sqrt();
    let axis = rotation.map(|component| component / angle);
    let (across, along) = (cross(axis, x), dot(axis, x) * (1 - angle.cos()));
    let infinitesimal = cross(rotation, x);
    std::array::from_fn(|i| {
        let turned = x[i] * angle.cos() + across[i] * angle.sin() + axis[i] * along;
        turns.select(turned, x[i] + infinitesimal[i])
    })
}

/// The weighted error of one observation, `[2]`, and the residual of its weight, a scalar.
///
/// `camera` `[11]`, `point` `[3]`, `weight` `[]`; `feature` `[2]` is where the point was seen.
fn observation<'g>(camera: Tensor<'g>, point: Tensor<'g>, weight: Tensor<'g>, feature: Tensor<'g>) -> [Tensor<'g>; 2] {
    let (rotation, centre) = (components(camera, 0), components::<3>(camera, 3));
    let [focal, px, py, k1, k2] = components(camera, 6);
    let (point, [fx, fy]) = (components::<3>(point, 0), components(feature, 0));
    let [x, y, z] = rotate(rotation, std::array::from_fn(|i| point[i] - centre[i]));
    let (x, y) = (x / z, y / z);
    let r2 = x.square() + y.square();
    let scale = focal * (1 + k1 * r2 + k2 * r2.square());
    let error = camera.graph().stack(&[scale * x + px - fx, scale * y + py - fy], 0);
    [weight * error, 1 - weight.square()]
}

/// The inputs of an observation.
fn inputs<'g>(g: &'g Graph<'_>) -> [Tensor<'g>; 4] {
    let camera = g.input("camera", DType::F64, [CAMERA]);
    let point = g.input("point", DType::F64, [3]);
    let weight = g.input("weight", DType::F64, []);
    let feature = g.input("feature", DType::F64, [2]);
    [camera, point, weight, feature]
}

/// Applies a function of observations, batched, to all of them.
fn over_observations(
    module: &Module,
    name: &str,
    batched: FuncId,
    counts: Counts,
) -> Result<pullback::Function, Failure> {
    let Counts { cameras, points, observations } = counts;
    Ok(trace(module, name, |g| {
        let cameras = g.input("cameras", DType::F64, [cameras, CAMERA]);
        let points = g.input("points", DType::F64, [points, 3]);
        let weights = g.input("weights", DType::F64, [observations]);
        let features = g.input("features", DType::F64, [observations, 2]);
        let which = g.input("which", DType::I32, [observations, 2]);
        let camera = cameras.take(which.index(1, 0), 0);
        let point = points.take(which.index(1, 1), 0);
        g.call(batched, &[camera, point, weights, features])
    })?)
}

fn program(counts: Counts) -> Result<Program, Failure> {
    let one = trace(&Module::new(), "observation", |g| {
        let [camera, point, weight, feature] = inputs(g);
        observation(camera, point, weight, feature).into()
    })?;
    let (module, one) = add(verify(Module::new())?, one)?;
    let jacobian = jacobian(&module, one, &[0, 1, 2], JacobianMode::Auto)?;
    let (module, jacobian) = add(module, jacobian)?;
    let block = trace(&module, "block", |g| {
        // The error by camera, point and weight, then the residual of the weight by the same.
        let [by_camera, by_point, by_weight, _, _, residual_by_weight] = g.call_array(jacobian, &inputs(g));
        let block = g.concatenate(&[by_camera, by_point, by_weight.expand_dims(1)], 1);
        vec![block.named("block"), residual_by_weight]
    })?;
    let (module, block) = add(module, block)?;

    let batch = |module: &Verified<Module>, func| vmap(module, func, counts.observations, &[Some(0); 4], &[0, 0]);
    let batched = batch(&module, one)?;
    let (module, batched) = add(module, batched)?;
    let primal = over_observations(&module, "ba", batched, counts)?;
    let (module, primal) = add(module, primal)?;
    let batched = batch(&module, block)?;
    let (module, batched) = add(module, batched)?;
    let derivative = over_observations(&module, "ba_jacobian", batched, counts)?;
    let (module, derivative) = add(module, derivative)?;
    Ok(Program { module, primal, derivative })
}

/// The files hold one camera, one point, one weight and one feature, which all observations share.
fn problem(size: &str) -> Result<Problem, Failure> {
    let text = text(&format!("ba/{size}"))?;
    let mut numbers = Numbers::new(&text);
    let counts = Counts { cameras: numbers.number()?, points: numbers.number()?, observations: numbers.number()? };
    let (camera, point) = (numbers.numbers(CAMERA)?, numbers.numbers(3)?);
    let (weight, feature) = (numbers.number::<f64>()?, numbers.numbers(2)?);
    let n = counts.observations;
    let which = |observation| [observation % counts.cameras, observation % counts.points].map(|index| index as i32);
    let which: Vec<i32> = (0..n).flat_map(which).collect();
    let inputs = vec![
        repeated(&camera, counts.cameras)?,
        repeated(&point, counts.points)?,
        Array::from_slice(&[n], &vec![weight; n])?,
        repeated(&feature, n)?,
        Array::from_slice(&[n, 2], &which)?,
    ];
    Ok(Problem::new(inputs, move || program(counts)))
}
