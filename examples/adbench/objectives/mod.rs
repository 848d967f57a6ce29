//! The objectives of ADBench and GradBench, written with this library, and what they are checked against.
//!
//! Each is a function to be differentiated, in a file of its own: the formula, the derivative that is asked for, and the inputs. The formulas are those of ADBench
//! (Šrajer, Kukelova and Fitzgibbon, "A benchmark of selected algorithmic differentiation tools on some problems in computer vision and machine learning", 2018)
//! and of GradBench, quirks included: they are what the published values belong to. Everything is in `f64`.
//!
//! * [`Objective`]: a name, sizes, and the [`Problem`] of each size;
//! * [`Problem`]: inputs, and how to trace the [`Program`];
//! * [`golden`]: published and computed values to compare with, by [`rho`].

mod ba;
mod data;
mod gmm;
mod golden;
mod hand;
mod kmeans;
mod lls;
mod lse;
mod lstm;
mod ode;

use std::error::Error;

use pullback::interp::Array;
use pullback::prelude::*;
use pullback::{Function, grad};

pub(crate) use golden::{golden, rho};

/// Any of the errors that can happen here; all of them are shown, none is handled.
pub(crate) type Failure = Box<dyn Error>;

/// Every objective.
pub(crate) const ALL: [Objective; 9] = [
    gmm::OBJECTIVE,
    ba::OBJECTIVE,
    lstm::OBJECTIVE,
    hand::SIMPLE,
    hand::COMPLICATED,
    kmeans::OBJECTIVE,
    lse::OBJECTIVE,
    lls::OBJECTIVE,
    ode::OBJECTIVE,
];

/// A function to be differentiated.
pub(crate) struct Objective {
    /// The name on the command line and in reports.
    pub(crate) name: &'static str,
    /// The sizes that there are inputs for, the least first.
    pub(crate) sizes: &'static [&'static str],
    /// Makes or reads the inputs of a size.
    problem: fn(&str) -> Result<Problem, Failure>,
}

impl Objective {
    /// The problem of a size.
    pub(crate) fn problem(&self, size: &str) -> Result<Problem, Failure> {
        if !self.sizes.contains(&size) {
            return Err(format!("{} has no size {size}, only {}", self.name, self.sizes.join(", ")).into());
        }
        (self.problem)(size)
    }
}

/// An objective at one size.
pub(crate) struct Problem {
    /// The arguments of the primal and of the derivative.
    pub(crate) inputs: Vec<Array>,
    trace: Box<dyn Fn() -> Result<Program, Failure>>,
}

impl Problem {
    fn new(inputs: Vec<Array>, trace: impl Fn() -> Result<Program, Failure> + 'static) -> Self {
        Self { inputs, trace: Box::new(trace) }
    }

    /// Traces the objective and differentiates it.
    pub(crate) fn program(&self) -> Result<Program, Failure> {
        (self.trace)()
    }
}

/// An objective and its derivative, functions of the same parameters.
#[derive(Debug)]
pub(crate) struct Program {
    /// What both are functions of.
    pub(crate) module: Verified<Module>,
    /// The objective.
    pub(crate) primal: FuncId,
    /// What is asked for: a gradient, or the nonzero part of a Jacobian or Hessian.
    pub(crate) derivative: FuncId,
}

impl Program {
    /// A function of one number, and its gradient with respect to some parameters.
    fn gradient(primal: Function, wrt: &[usize]) -> Result<Self, Failure> {
        let (module, primal) = add(verify(Module::new())?, primal)?;
        let gradient = grad(&module, primal, wrt)?;
        let (module, derivative) = add(module, gradient)?;
        Ok(Self { module, primal, derivative })
    }
}

/// A module with one more function.
fn add(module: Verified<Module>, function: Function) -> Result<(Verified<Module>, FuncId), Failure> {
    let mut module = module.into_inner();
    let id = module.add(function);
    Ok((verify(module)?, id))
}
