//! The network, its loss, and the training step: what a user of the library writes.
//!
//! Three functions of one module:
//!
//! * `loss`: images, labels and parameters to loss and accuracy;
//! * `loss_value_and_grad`: made from it by differentiation;
//! * `step`: calls that, and applies Adam. It is compiled as one program; parameters go in, better parameters come out.

use std::error::Error;
use std::f64::consts::PI;

use pullback::autodiff::value_and_grad;
use pullback::graph::nn;
use pullback::graph::optim::{Adam, AdamState};
use pullback::prelude::*;
use pullback::runtime;

use crate::data::{CLASSES, Digits, PIXELS};
use crate::rng::SplitMix64;

/// Digits per step.
pub(crate) const BATCH: usize = 32;
/// The rate of Adam at the beginning; it falls to 0 along half a cosine (Loshchilov and Hutter, "SGDR", 2017).
const RATE: f64 = 5e-3;

/// Names and shapes of the parameters of the 64-128-64-10 network.
const PARAMETERS: [(&str, &[usize]); 6] = [
    ("w1", &[PIXELS, 128]),
    ("b1", &[128]),
    ("w2", &[128, 64]),
    ("b2", &[64]),
    ("w3", &[64, CLASSES]),
    ("b3", &[CLASSES]),
];
const COUNT: usize = PARAMETERS.len();

/// A score for each class of each image: `[n, 64]` to `[n, 10]`.
fn network<'g>(images: Tensor<'g>, parameters: [Tensor<'g>; COUNT]) -> Tensor<'g> {
    let [w1, b1, w2, b2, w3, b3] = parameters;
    let h1 = nn::linear(images, w1, b1).gelu().named("h1");
    let h2 = nn::linear(h1, w2, b2).gelu().named("h2");
    nn::linear(h2, w3, b3).named("logits")
}

/// The parameters of the network, or tensors like them, as inputs.
fn inputs<'g>(g: &'g Graph<'_>, suffix: &str) -> [Tensor<'g>; COUNT] {
    PARAMETERS.map(|(name, dims)| g.input(&format!("{name}{suffix}"), DType::F32, dims))
}

/// The loss and the accuracy of a batch, as a module of one function.
pub(crate) fn loss() -> Result<(Verified<Module>, FuncId), Box<dyn Error>> {
    let mut module = Module::new();
    let loss = trace(&module, "loss", |g| {
        let images = g.input("images", DType::F32, [BATCH, PIXELS]);
        let labels = g.input("labels", DType::I32, [BATCH]);
        let logits = network(images, inputs(g, ""));
        vec![nn::cross_entropy(logits, labels).named("loss"), nn::accuracy(logits, labels).named("accuracy")]
    })?;
    let loss = module.add(loss);
    Ok((verify(module)?, loss))
}

/// Adds the gradient of `loss` to its module; its results are loss, accuracy and one gradient per parameter.
fn differentiated_loss() -> Result<(Verified<Module>, FuncId), Box<dyn Error>> {
    let (module, loss) = loss()?;
    // The parameters follow images and labels.
    let gradient = value_and_grad(&module, loss, &std::array::from_fn::<_, COUNT, _>(|i| i + 2))?;
    let mut module = module.into_inner();
    let gradient = module.add(gradient);
    Ok((verify(module)?, gradient))
}

/// The step: takes a batch, the number of the step, the part of the training that is done (0 to 1), and what Adam knows. Returns loss,
/// accuracy, and what Adam knows then.
fn training_step() -> Result<(Verified<Module>, FuncId), Box<dyn Error>> {
    let (module, gradient) = differentiated_loss()?;
    let step = trace(&module, "step", |g| {
        let images = g.input("images", DType::F32, [BATCH, PIXELS]);
        let labels = g.input("labels", DType::I32, [BATCH]);
        let t = g.input("t", DType::F32, []);
        let progress = g.input("progress", DType::F32, []);
        let rate = RATE / 2.0 * (1.0 + (PI * progress).cos());
        let [parameters, means, squares] = ["", ".m", ".v"].map(|suffix| inputs(g, suffix));

        let [loss, accuracy, gradients @ ..]: [Tensor<'_>; COUNT + 2] =
            g.call_array(gradient, &[&[images, labels], &parameters[..]].concat());

        let next: [AdamState<'_>; COUNT] = std::array::from_fn(|i| {
            let state = AdamState { parameter: parameters[i], first_moment: means[i], second_moment: squares[i] };
            Adam::default().step(state, gradients[i], t, rate)
        });
        let mut outputs = vec![loss, accuracy];
        outputs.extend(next.map(|state| state.parameter));
        outputs.extend(next.map(|state| state.first_moment));
        outputs.extend(next.map(|state| state.second_moment));
        outputs
    })?;
    let mut module = module.into_inner();
    let step = module.add(step);
    Ok((verify(module)?, step))
}

/// The numbers of a network in training: parameters, then Adam's means, then its squares.
pub(crate) struct Network {
    state: Vec<runtime::Tensor>,
    /// Where the next step puts its results; they then change places.
    next: Vec<runtime::Tensor>,
    steps: f32,
}

impl Network {
    /// Random weights between ±√(6 / (inputs + outputs)) (Glorot and Bengio, 2010), all else 0.
    pub(crate) fn new(random: &mut SplitMix64) -> Result<Self, Box<dyn Error>> {
        let mut state = Self::zeros()?;
        for (parameter, (_, dims)) in state.iter_mut().zip(PARAMETERS) {
            if let [inputs, outputs] = *dims {
                let bound = (6.0 / (inputs + outputs) as f32).sqrt();
                parameter.as_mut_slice()?.fill_with(|| bound * random.symmetric());
            }
        }
        Ok(Self { state, next: Self::zeros()?, steps: 0.0 })
    }

    /// Three times the parameters.
    fn zeros() -> Result<Vec<runtime::Tensor>, Box<dyn Error>> {
        let mut tensors = Vec::with_capacity(3 * COUNT);
        for (_, dims) in [PARAMETERS; 3].concat() {
            tensors.push(runtime::Tensor::zeros(runtime::DType::F32, dims)?);
        }
        Ok(tensors)
    }

    fn parameters(&self) -> &[runtime::Tensor] {
        &self.state[..COUNT]
    }
}

/// How well a batch was predicted.
#[derive(Clone, Copy, Default)]
pub(crate) struct Scores {
    /// The mean cross-entropy, in nats.
    pub(crate) loss: f32,
    /// The fraction predicted rightly.
    pub(crate) accuracy: f32,
}

/// The compiled training step.
pub(crate) struct Trainer {
    step: Executable,
}

impl Trainer {
    pub(crate) fn compile() -> Result<Self, Box<dyn Error>> {
        let (module, step) = training_step()?;
        Ok(Self { step: compile(&module, step, &Options::default())? })
    }

    /// Makes the network a little better at a batch; the scores are from before.
    ///
    /// `progress` is the part of the training that is done, from 0 to 1.
    pub(crate) fn step(&self, network: &mut Network, batch: &Digits, progress: f32) -> Result<Scores, Box<dyn Error>> {
        network.steps += 1.0;
        let mut scores = Scores::default();
        let mut inputs = vec![ArgRef::from(&batch.images[..]), ArgRef::from(&batch.labels[..])];
        inputs.extend([ArgRef::scalar(&network.steps), ArgRef::scalar(&progress)]);
        inputs.extend(network.state.iter().map(ArgRef::from));
        let mut outputs = vec![ArgMut::scalar(&mut scores.loss), ArgMut::scalar(&mut scores.accuracy)];
        outputs.extend(network.next.iter_mut().map(ArgMut::from));
        self.step.call(&inputs, &mut outputs)?;
        std::mem::swap(&mut network.state, &mut network.next);
        Ok(scores)
    }
}

/// The class with the highest score for each of the digits, by the forward pass alone.
pub(crate) fn predict(network: &Network, digits: &Digits) -> Result<Vec<usize>, Box<dyn Error>> {
    let mut module = Module::new();
    let logits = trace(&module, "logits", |g| {
        let images = g.input("images", DType::F32, [digits.len(), PIXELS]);
        vec![self::network(images, inputs(g, ""))]
    })?;
    let logits = module.add(logits);
    let logits = compile(&verify(module)?, logits, &Options::default())?;

    let mut inputs = vec![ArgRef::from(&digits.images[..])];
    inputs.extend(network.parameters().iter().map(ArgRef::from));
    let results = logits.run(&inputs)?;
    let scores = results[0].as_slice::<f32>()?;
    Ok(scores.chunks_exact(CLASSES).map(best).collect())
}

/// The position of the largest number.
fn best(scores: &[f32]) -> usize {
    (0..scores.len()).max_by(|&i, &j| scores[i].total_cmp(&scores[j])).unwrap_or(0)
}
