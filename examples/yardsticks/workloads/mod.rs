//! Eleven programs by which compilers of tensor programs are compared: each a number, and its gradient with respect to some arguments.
//!
//! A [`Workload`] is a program at one size: its inputs, the tensors that compute it, and the same number in plain Rust and in `f64`, which shares nothing with the
//! compiler and is what it is checked against. The sizes are fields, so that the builder that is measured is also the one that is compared with the interpreter, at a size
//! that this can afford. [`ALL`] has both sizes of every program.
//!
//! What each is there to expose:
//!
//! | program | exposes |
//! |---|---|
//! | `mlp_tiny` | the cost of a call |
//! | `mlp_small`, `mlp_large` | matrix products with bias and gelu, forward and backward |
//! | `elementwise_1m`, `elementwise_16m` | functions per second, and bytes per second |
//! | `norm_softmax` | reductions of rows between what makes and what uses them, in both passes |
//! | `attention` | whether the backward pass stores the matrix of scores |
//! | `cnn` | convolution and pooling, backward |
//! | `rnn_scan`, `lorenz` | loops with a small state |
//! | `rnn_unrolled` | the time of compilation of a long program |

mod attention;
mod cnn;
mod elementwise;
mod lorenz;
mod mlp;
mod norm_softmax;
mod numbers;
mod rnn;

use std::error::Error;

use pullback::prelude::*;
use pullback::{Function, runtime};

use attention::Attention;
use cnn::Cnn;
use elementwise::Elementwise;
use lorenz::Lorenz;
use mlp::Mlp;
use norm_softmax::NormSoftmax;
pub(crate) use numbers::Generator;
use rnn::Rnn;

/// Any of the errors that can happen here; all of them are shown, none is handled.
pub(crate) type Failure = Box<dyn Error>;

/// A program at the size that is measured and at a small one.
#[derive(Clone, Copy)]
pub(crate) struct Pair {
    /// The name on the command line and in reports.
    pub(crate) name: &'static str,
    /// What is measured.
    pub(crate) full: &'static dyn Workload,
    /// The same with extents that are no multiples of a vector, for the interpreter.
    pub(crate) small: &'static dyn Workload,
}

/// Every program, in the order in which reports have them.
pub(crate) const ALL: [Pair; 11] = [
    Pair {
        name: "mlp_tiny",
        full: &Mlp { sizes: &[4, 32, 32, 2], batch: 1 },
        small: &Mlp { sizes: &[4, 7, 6, 2], batch: 3 },
    },
    Pair {
        name: "mlp_small",
        full: &Mlp { sizes: &[784, 512, 256, 10], batch: 128 },
        small: &Mlp { sizes: &[50, 33, 17, 10], batch: 19 },
    },
    Pair {
        name: "mlp_large",
        full: &Mlp { sizes: &[1024, 2048, 2048, 1024], batch: 1024 },
        small: &Mlp { sizes: &[65, 80, 97, 48], batch: 70 },
    },
    Pair { name: "elementwise_1m", full: &Elementwise { length: 1 << 20 }, small: &Elementwise { length: 1_037 } },
    Pair { name: "elementwise_16m", full: &Elementwise { length: 1 << 24 }, small: &Elementwise { length: 9_001 } },
    Pair {
        name: "norm_softmax",
        full: &NormSoftmax { rows: 4096, columns: 1024 },
        small: &NormSoftmax { rows: 37, columns: 75 },
    },
    Pair {
        name: "attention",
        full: &Attention { batch: 2, heads: 8, length: 1024, width: 64 },
        small: &Attention { batch: 2, heads: 3, length: 37, width: 16 },
    },
    Pair {
        name: "cnn",
        full: &Cnn { batch: 64, side: 28, features: [32, 64], classes: 10 },
        small: &Cnn { batch: 3, side: 12, features: [5, 6], classes: 10 },
    },
    Pair {
        name: "rnn_scan",
        full: &Rnn { steps: 256, batch: 16, inputs: 32, hidden: 64, unrolled: false },
        small: &Rnn { steps: 17, batch: 3, inputs: 5, hidden: 9, unrolled: false },
    },
    Pair {
        name: "rnn_unrolled",
        full: &Rnn { steps: 256, batch: 16, inputs: 32, hidden: 64, unrolled: true },
        small: &Rnn { steps: 17, batch: 3, inputs: 5, hidden: 9, unrolled: true },
    },
    Pair { name: "lorenz", full: &Lorenz { steps: 1000 }, small: &Lorenz { steps: 60 } },
];

/// A number that is computed from tensors, at one size.
pub(crate) trait Workload: Sync {
    /// The element type of the floating-point inputs.
    fn dtype(&self) -> DType {
        DType::F32
    }

    /// The arguments, in order; the same numbers whenever it is called.
    ///
    /// # Errors
    /// If there is no memory for them.
    fn inputs(&self) -> Result<Vec<Input>, Failure>;

    /// The number, of tensors with the types of the inputs or a wider floating-point type.
    fn value<'g>(&self, inputs: &[Tensor<'g>]) -> Tensor<'g>;

    /// The number again, in `f64` and without this library.
    ///
    /// # Errors
    /// If the inputs are not of this size.
    fn reference(&self, inputs: &[Vec<f64>]) -> Result<f64, Failure>;

    /// The step of a central difference of [`Workload::reference`] along directions whose elements are of the order of 1. Its error is of the order of the square of the
    /// step, and of 1e-16 times the number over the step and the slope.
    fn step(&self) -> f64 {
        1e-6
    }

    /// How far results may be from what they are checked against, relative in norm. For `f32` some 30 units of its precision, 6e-8: many sums are behind each
    /// number, whose errors mostly cancel.
    fn tolerance(&self) -> f64 {
        2e-6
    }
}

/// An argument.
pub(crate) struct Input {
    /// Its name in the program.
    pub(crate) name: String,
    /// Its elements.
    pub(crate) tensor: runtime::Tensor,
    /// Whether the gradient is with respect to it.
    pub(crate) differentiated: bool,
}

impl Input {
    /// An argument that the gradient is taken by.
    fn by<T: runtime::Element>(name: impl Into<String>, shape: &[usize], elements: &[T]) -> Result<Self, Failure> {
        let tensor = runtime::Tensor::from_slice(shape, elements)?;
        Ok(Self { name: name.into(), tensor, differentiated: true })
    }

    /// An argument that it is not taken by.
    fn given<T: runtime::Element>(name: impl Into<String>, shape: &[usize], elements: &[T]) -> Result<Self, Failure> {
        Ok(Self { differentiated: false, ..Self::by(name, shape, elements)? })
    }

    /// The elements as `f64`.
    ///
    /// # Errors
    /// If they are neither floating-point nor `i32`.
    pub(crate) fn to_f64(&self) -> Result<Vec<f64>, Failure> {
        to_f64(&self.tensor)
    }
}

/// The elements of a tensor as `f64`.
///
/// # Errors
/// If they are neither floating-point nor `i32`.
pub(crate) fn to_f64(tensor: &runtime::Tensor) -> Result<Vec<f64>, Failure> {
    Ok(match tensor.dtype() {
        runtime::DType::F32 => tensor.as_slice::<f32>()?.iter().map(|&x| f64::from(x)).collect(),
        runtime::DType::F64 => tensor.as_slice::<f64>()?.to_vec(),
        runtime::DType::I32 => tensor.as_slice::<i32>()?.iter().map(|&x| f64::from(x)).collect(),
        other => return Err(format!("a tensor of type {other}, expected f32, f64 or i32").into()),
    })
}

/// The names of the inputs that the gradient is taken by.
pub(crate) fn wrt(inputs: &[Input]) -> Vec<String> {
    inputs.iter().filter(|input| input.differentiated).map(|input| input.name.clone()).collect()
}

/// Traces a workload, with floating-point inputs of the given type, as a function of that name, the only one of a module.
///
/// # Errors
/// If a line of the workload is wrong.
pub(crate) fn program(
    name: &str,
    workload: &dyn Workload,
    inputs: &[Input],
    dtype: DType,
) -> Result<(Verified<Module>, FuncId), Failure> {
    let mut module = Module::new();
    let function: Function = trace(&module, name, |g| {
        let declare = |input: &Input| {
            let dtype = if input.tensor.dtype() == runtime::DType::I32 { DType::I32 } else { dtype };
            g.input(&input.name, dtype, input.tensor.shape())
        };
        let tensors: Vec<Tensor<'_>> = inputs.iter().map(declare).collect();
        vec![workload.value(&tensors)]
    })?;
    let function = module.add(function);
    Ok((verify(module)?, function))
}
