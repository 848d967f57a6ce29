//! Hand tracking: how far points are from the skin of a hand in some pose, and the Jacobian.
//!
//! The skin is a mesh that follows 22 bones, each vertex several of them (linear blend skinning). Each finger bends by four angles, the hand turns and moves as a whole.
//! In the *simple* form each point has a vertex of its own. In the *complicated* form it has a place on a triangle, given by two coordinates that are unknown too: the
//! Jacobian by those is a block of 3 × 2 for each point, found as in `ba.rs`, beside the dense one by the pose.

use pullback::interp::Array;
use pullback::ir::OutOfBounds;
use pullback::prelude::*;
use pullback::{JacobianMode, jacobian, vmap};

use super::data::{Numbers, text};
use super::{Failure, Objective, Problem, Program, add};

pub(super) const SIMPLE: Objective =
    Objective { name: "hand", sizes: &["test", "c100", "c800"], problem: |size| problem("simple", size) };
pub(super) const COMPLICATED: Objective =
    Objective { name: "hand_complicated", sizes: SIMPLE.sizes, problem: |size| problem("complicated", size) };

/// Parameters of a pose: a turn (axis times angle), a shift, and four angles for each finger.
const POSE: usize = 26;
const FINGERS: usize = 5;

/// The shape of a hand: what the files of the model hold.
#[derive(Clone)]
struct Model {
    /// The bone that each bone is attached to, an earlier one; none for the first.
    parents: Vec<Option<usize>>,
    vertices: usize,
    triangles: usize,
}

/// What a hand is made of, as inputs.
#[derive(Clone, Copy)]
struct Hand<'g> {
    /// The pose, `[26]`.
    theta: Tensor<'g>,
    /// From each bone to its parent when at rest, `[bones,4,4]`.
    relative: Tensor<'g>,
    /// From the whole to each bone when at rest, `[bones,4,4]`.
    inverse: Tensor<'g>,
    /// Vertices at rest, `[vertices,4]`, homogeneous.
    positions: Tensor<'g>,
    /// How much each vertex follows each bone, `[vertices,bones]`.
    weights: Tensor<'g>,
}

/// Matrices `[n,3,3]` of elements `[n]`, row by row.
fn matrices<'g>(g: &'g Graph<'_>, elements: [Tensor<'g>; 9]) -> Tensor<'g> {
    g.stack(&elements, -1).reshape([-1, 3, 3])
}

/// The rotation of each bone within its parent, `[bones,4,4]`: about x, then y, then z.
fn bends<'g>(theta: Tensor<'g>, bones: usize) -> Tensor<'g> {
    let g = theta.graph();
    // Where the angles about x, z and y are in the pose; -1, which is outside, for those that are always 0.
    let mut positions = vec![[-1i32; 3]; bones];
    for (finger, angle) in (0..FINGERS).zip((6..).step_by(4)) {
        let first = 2 + 4 * finger;
        positions[first] = [angle, angle + 1, -1];
        positions[first + 1][0] = angle + 2;
        positions[first + 2][0] = angle + 3;
    }
    let positions = g.constant(positions.concat(), [bones, 3]);
    let angles = theta.take_with(positions, 0, OutOfBounds::Drop).named("angles");
    let [cx, cz, cy] = angles.cos().split(1).map(|column| column.squeeze([1]));
    let [sx, sz, sy] = angles.sin().split(1).map(|column| column.squeeze([1]));
    let (i, o) = (g.ones(theta.dtype(), [bones]), g.zeros(theta.dtype(), [bones]));
    let about_x = matrices(g, [i, o, o, o, cx, -sx, o, sx, cx]);
    let about_y = matrices(g, [cy, o, sy, o, i, o, -sy, o, cy]);
    let about_z = matrices(g, [cz, -sz, o, sz, cz, o, o, o, i]);
    let rotation = about_z.matmul(about_y).matmul(about_x);
    let corner = g.constant([[0.0; 15].as_slice(), &[1.0]].concat(), [4, 4]);
    rotation.pad([(0, 0), (0, 1), (0, 1)], 0) + corner
}

/// The rotation by the angle and about the axis that `turn` has as length and direction, `[3,3]`. Turns of less than 1e-4 are none.
fn rotation(turn: Tensor<'_>) -> Tensor<'_> {
    let g = turn.graph();
    let angle2 = turn.square().sum();
    let turns = angle2.ge(1e-8);
    let angle = turns.select(angle2, 1).sqrt();
    let axis = turn / angle;
    let ([x, y, z], o) = (axis.split(0), g.zeros(turn.dtype(), [1]));
    let cross = g.concatenate(&[o, -z, y, z, o, -x, -y, x, o], 0).reshape([3, 3]);
    let identity = g.eye(turn.dtype(), 3);
    let outer = axis.expand_dims(1) * axis;
    let turned = angle.cos() * identity + (1 - angle.cos()) * outer + angle.sin() * cross;
    turns.select(turned, identity)
}

impl<'g> Hand<'g> {
    fn inputs(g: &'g Graph<'_>, model: &Model) -> Self {
        let bones = model.parents.len();
        Self {
            theta: g.input("theta", DType::F64, [POSE]),
            relative: g.input("relative", DType::F64, [bones, 4, 4]),
            inverse: g.input("inverse", DType::F64, [bones, 4, 4]),
            positions: g.input("positions", DType::F64, [model.vertices, 4]),
            weights: g.input("weights", DType::F64, [model.vertices, bones]),
        }
    }

    fn tensors(self) -> [Tensor<'g>; 5] {
        [self.theta, self.relative, self.inverse, self.positions, self.weights]
    }

    /// Where the vertices are, `[vertices,3]`.
    fn vertices(self, model: &Model) -> Tensor<'g> {
        let g = self.theta.graph();
        let local = self.relative.matmul(bends(self.theta, model.parents.len()));
        let mut absolute: Vec<Tensor<'g>> = Vec::with_capacity(model.parents.len());
        for (bone, parent) in (0..).zip(&model.parents) {
            let local = local.index(0, bone);
            absolute.push(parent.map_or(local, |parent| absolute[parent].matmul(local)));
        }
        let transforms = g.stack(&absolute, 0).matmul(self.inverse).slice_axis(1, ..3).named("transforms");
        let skin = g.einsum("vb,bij,vj->vi", &[self.weights, transforms, self.positions]);
        skin.matmul(rotation(self.theta.slice_axis(0, ..3)).t()) + self.theta.slice_axis(0, 3..6)
    }
}

/// How far each point is from a vertex: `which` `[n]`, `points` `[n,3]`.
fn simple(model: &Model, n: usize) -> Result<Program, Failure> {
    let residuals = trace(&Module::new(), "hand", |g| {
        let hand = Hand::inputs(g, model);
        let which = g.input("which", DType::I32, [n]);
        let points = g.input("points", DType::F64, [n, 3]);
        vec![points - hand.vertices(model).take(which, 0)]
    })?;
    let (module, primal) = add(verify(Module::new())?, residuals)?;
    let jacobian = jacobian(&module, primal, &[0], JacobianMode::Auto)?;
    let (module, derivative) = add(module, jacobian)?;
    Ok(Program { module, primal, derivative })
}

/// How far a point `[3]` is from a `place` `[2]` on a triangle with the given `corners`, the rows of `[3,3]`.
fn from_triangle<'g>(corners: Tensor<'g>, place: Tensor<'g>, point: Tensor<'g>) -> Tensor<'g> {
    let last = (1 - place.sum()).expand_dims(0);
    point - point.graph().concatenate(&[place, last], 0).matmul(corners)
}

/// The inputs of the complicated form: the hand, the corners of all triangles, the triangle of each point, the points, and their places.
fn complicated_inputs<'g>(g: &'g Graph<'_>, model: &Model, n: usize) -> (Hand<'g>, [Tensor<'g>; 4]) {
    let hand = Hand::inputs(g, model);
    let triangles = g.input("triangles", DType::I32, [model.triangles, 3]);
    let which = g.input("which", DType::I32, [n]);
    let points = g.input("points", DType::F64, [n, 3]);
    let places = g.input("places", DType::F64, [n, 2]);
    (hand, [triangles, which, points, places])
}

fn complicated(model: &Model, n: usize) -> Result<Program, Failure> {
    let one = trace(&Module::new(), "from_triangle", |g| {
        let corners = g.input("corners", DType::F64, [3, 3]);
        let place = g.input("place", DType::F64, [2]);
        let point = g.input("point", DType::F64, [3]);
        vec![from_triangle(corners, place, point)]
    })?;
    let (module, one) = add(verify(Module::new())?, one)?;
    let by_place = jacobian(&module, one, &[1], JacobianMode::Auto)?;
    let (module, by_place) = add(module, by_place)?;
    let batch = |module: &Verified<Module>, func| vmap(module, func, n, &[Some(0); 3], &[0]);
    let (all, by_places) = (batch(&module, one)?, batch(&module, by_place)?);
    let (module, all) = add(module, all)?;
    let (module, by_places) = add(module, by_places)?;

    // What a batched function of corners, places and points gives.
    let over_points = |module: &Module, name: &str, func: FuncId| {
        trace(module, name, |g| {
            let (hand, [triangles, which, points, places]) = complicated_inputs(g, model, n);
            let corners = hand.vertices(model).take(triangles.take(which, 0), 0);
            g.call(func, &[corners, places, points])
        })
    };
    let primal = over_points(&module, "hand", all)?;
    let by_places = over_points(&module, "by_places", by_places)?;
    let (module, primal) = add(module, primal)?;
    let (module, by_places) = add(module, by_places)?;
    let by_pose = jacobian(&module, primal, &[0], JacobianMode::Auto)?;
    let (module, by_pose) = add(module, by_pose)?;
    let derivative = trace(&module, "hand_jacobian", |g| {
        let (hand, others) = complicated_inputs(g, model, n);
        let inputs = [&hand.tensors()[..], &others].concat();
        [g.call(by_places, &inputs), g.call(by_pose, &inputs)].concat()
    })?;
    let (module, derivative) = add(module, derivative)?;
    Ok(Program { module, primal, derivative })
}

/// The model, and its tensors in the order of [`Hand::inputs`] without the pose.
fn read_model() -> Result<(Model, Vec<Array>, Array), Failure> {
    let (mut parents, mut relative, mut inverse) = (Vec::new(), Vec::new(), Vec::new());
    for line in text("hand/bones")?.lines() {
        // A name, and then numbers.
        let line = line.replace(':', " ");
        let mut numbers = Numbers::new(line.split_once(' ').map_or("", |(_, rest)| rest));
        parents.push(usize::try_from(numbers.number::<i64>()?).ok());
        relative.extend(numbers.numbers::<f64>(16)?);
        inverse.extend(numbers.numbers::<f64>(16)?);
    }
    let bones = parents.len();
    let (mut positions, mut weights) = (Vec::new(), Vec::new());
    for line in text("hand/vertices")?.lines() {
        let line = line.replace(':', " ");
        let mut numbers = Numbers::new(&line);
        let position = numbers.numbers::<f64>(8)?;
        positions.extend([position[0], position[1], position[2], 1.0]);
        let mut row = vec![0.0; bones];
        for _ in 0..numbers.number()? {
            let bone: usize = numbers.number()?;
            *row.get_mut(bone).ok_or("a vertex follows a bone that does not exist")? = numbers.number()?;
        }
        weights.extend(row);
    }
    let mut triangles = Vec::new();
    for line in text("hand/triangles")?.lines() {
        triangles.extend(Numbers::new(&line.replace(':', " ")).numbers::<i32>(3)?);
    }
    let model = Model { parents, vertices: positions.len() / 4, triangles: triangles.len() / 3 };
    let arrays = vec![
        Array::from_slice(&[bones, 4, 4], &relative)?,
        Array::from_slice(&[bones, 4, 4], &inverse)?,
        Array::from_slice(&[model.vertices, 4], &positions)?,
        Array::from_slice(&[model.vertices, bones], &weights)?,
    ];
    let triangles = Array::from_slice(&[model.triangles, 3], &triangles)?;
    Ok((model, arrays, triangles))
}

/// The file holds, for each point, a vertex or triangle and three coordinates; then the places, if it is complicated; then the pose.
fn problem(form: &str, size: &str) -> Result<Problem, Failure> {
    let (model, arrays, triangles) = read_model()?;
    let text = text(&format!("hand/{form}_{size}"))?;
    let mut numbers = Numbers::new(&text);
    let (n, pose): (usize, usize) = (numbers.number()?, numbers.number()?);
    if pose != POSE {
        return Err(format!("a pose of {pose} parameters, expected {POSE}").into());
    }
    let (mut which, mut points) = (Vec::with_capacity(n), Vec::with_capacity(3 * n));
    for _ in 0..n {
        which.push(numbers.number::<i32>()?);
        points.extend(numbers.numbers::<f64>(3)?);
    }
    let places = if numbers.left() > POSE { Some(numbers.array(&[n, 2])?) } else { None };
    let mut inputs = vec![numbers.array(&[POSE])?];
    inputs.extend(arrays);
    let (which, points) = (Array::from_slice(&[n], &which)?, Array::from_slice(&[n, 3], &points)?);
    match places {
        None => {
            inputs.extend([which, points]);
            Ok(Problem::new(inputs, move || simple(&model, n)))
        }
        Some(places) => {
            inputs.extend([triangles, which, points, places]);
            Ok(Problem::new(inputs, move || complicated(&model, n)))
        }
    }
}
