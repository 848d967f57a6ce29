//! Long short-term memory: the loss of a recurrent network that predicts the next character of a text, and its gradient.
//!
//! The weights are diagonal: each gate has one weight and one bias for each feature. Two quirks of ADBench are part of the definition: forget and output gates read what
//! comes from the layer below while the other two read the layer's own hidden state, and the normalizer is `log(2 + Σ exp y)`.

use pullback::interp::Array;
use pullback::prelude::*;

use super::data::{Numbers, text, uniform};
use super::{Failure, Objective, Problem, Program};

pub(super) const OBJECTIVE: Objective = Objective { name: "lstm", sizes: &["tiny", "l2_c1024", "l4_c1024"], problem };

/// One layer at one time: `below` is what it reads, `[hidden, cell]` its state before and after; all `[width]`.
fn layer<'g>(
    weights: Tensor<'g>,
    biases: Tensor<'g>,
    below: Tensor<'g>,
    [hidden, cell]: [Tensor<'g>; 2],
) -> [Tensor<'g>; 2] {
    let gates = below.graph().concatenate(&[below, hidden, below, hidden], 0) * weights + biases;
    let [forget, ingate, outgate, change] = gates.split(0);
    let cell = cell * forget.logistic() + ingate.logistic() * change.tanh();
    [outgate.logistic() * cell.tanh(), cell]
}

/// The mean loss over a text.
///
/// * `main` `[2 layers, 4 width]`: weights and biases of the gates of each layer;
/// * `extra` `[3, width]`: weights of input and output, bias of the output;
/// * `state` `[2 layers, width]`: hidden and cell state of each layer at the beginning;
/// * `sequence` `[length, width]`: a 1 for each character, among zeros.
fn loss<'g>(main: Tensor<'g>, extra: Tensor<'g>, state: Tensor<'g>, sequence: Tensor<'g>) -> Tensor<'g> {
    let g = main.graph();
    let [input_weight, output_weight, output_bias] = extra.split(0).map(|row| row.squeeze([0]));
    let rows = |tensor: Tensor<'g>| -> Vec<[Tensor<'g>; 2]> {
        let layers = tensor.dims()[0].cast_signed() / 2;
        (0..layers).map(|layer| [tensor.index(0, 2 * layer), tensor.index(0, 2 * layer + 1)]).collect()
    };
    let parameters = rows(main);
    let characters = (sequence.slice_axis(0, ..-1), sequence.slice_axis(0, 1..));
    let (_, losses) = g.scan(rows(state), characters, |mut states, (character, next)| {
        let mut below = character * input_weight;
        for (state, &[weights, biases]) in states.iter_mut().zip(&parameters) {
            *state = layer(weights, biases, below, *state);
            below = state[0];
        }
        let y = below * output_weight + output_bias;
        let scores = y - (2 + y.exp().sum()).log();
        (states, -(next * scores).sum())
    });
    losses.sum() / sequence.slice_axis(0, 1..).size() as f64
}

/// Inputs of a file, or made up.
fn problem(size: &str) -> Result<Problem, Failure> {
    let (shapes, inputs) = if size == "tiny" { tiny()? } else { read(size)? };
    Ok(Problem::new(inputs, move || Program::gradient(trace_for(shapes)?, &[0, 1])))
}

type Inputs = ([[usize; 2]; 4], Vec<Array>);

fn shapes(layers: usize, length: usize, width: usize) -> [[usize; 2]; 4] {
    [[2 * layers, 4 * width], [3, width], [2 * layers, width], [length, width]]
}

fn read(size: &str) -> Result<Inputs, Failure> {
    let text = text(&format!("lstm/{size}"))?;
    let mut numbers = Numbers::new(&text);
    let shapes = shapes(numbers.number()?, numbers.number()?, numbers.number()?);
    let inputs = shapes.iter().map(|dims| numbers.array(dims)).collect::<Result<_, _>>()?;
    Ok((shapes, inputs))
}

/// Two layers that read eight characters out of three.
fn tiny() -> Result<Inputs, Failure> {
    let (length, width) = (8, 3);
    let shapes = shapes(2, length, width);
    let mut inputs = Vec::new();
    for (seed, dims) in (6..9).zip(&shapes) {
        inputs.push(uniform(seed, dims)?);
    }
    let mut sequence = vec![0.0; length * width];
    for position in 0..length {
        sequence[position * width + position * position % width] = 1.0;
    }
    inputs.push(Array::from_slice(&[length, width], &sequence)?);
    Ok((shapes, inputs))
}

fn trace_for(shapes: [[usize; 2]; 4]) -> Result<pullback::Function, Failure> {
    Ok(trace(&Module::new(), "lstm", |g| {
        let [main, extra, state, sequence] = ["main", "extra", "state", "sequence"];
        let named = [(main, shapes[0]), (extra, shapes[1]), (state, shapes[2]), (sequence, shapes[3])];
        let [main, extra, state, sequence] = named.map(|(name, dims)| g.input(name, DType::F64, dims));
        vec![loss(main, extra, state, sequence)]
    })?)
}
