//! The chain rule of one function at one point, shown with all its numbers.
//!
//! For every use of a value on the way from the parameters to the result, the backward pass multiplies the gradient that arrives
//! with the local Jacobian and adds what leaves:
//!
//! ```text
//! upstream gradient × local Jacobian = downstream gradient
//! ```
//!
//! [`explain()`] does this edge by edge. Local Jacobians are written out as generalized Jacobians (axes of the result, then
//! axes of the operand) as long as they are small; for all, and for large ones alone, it says what compiled code does instead, for
//! a compiler never builds them: for `Y = X W` the gradients are `G Wᵀ` and `Xᵀ G`.
//!
//! No number is made for show. Each edge is the instruction cut out as a function of its own (`local.rs`), differentiated by
//! [`pullback_autodiff::vjp`] and [`jvp`](pullback_autodiff::jvp) and run by the interpreter, and two things are checked
//! (`backward.rs`): that upstream gradient times local Jacobian is what the vector-Jacobian product gives, and that the sums of
//! contributions are the gradients of the function differentiated as a whole. If either fails there is an error and no explanation.
//!
//! `rules.rs` puts operations in words; one it does not know is described generally, and its numbers come out all the same.
//! `number.rs` formats, `text.rs` and `html.rs` write; `layout.rs` and `graph.rs` draw the graph of the page.

mod backward;
mod graph;
mod html;
mod layout;
mod local;
mod model;
mod number;
mod rules;
mod text;

use std::fmt;

use pullback_interp::Array;
use pullback_ir::{FuncId, Module, Verified};

pub use model::{Edge, Explanation, Instruction, LocalJacobian, Rule, Step, ValueNode};

use crate::error::Error;

/// The most elements that a local Jacobian may be asked to be written out with.
pub const MAX_LIMIT: usize = 1 << 20;

/// What is explained, and how much of it is written out.
#[derive(Clone, Debug)]
pub struct ExplainOptions {
    /// The parameters to differentiate by: positions, from 0.
    pub wrt: Vec<usize>,
    /// The gradient that arrives at the first result, of its type; `None` for 1, which takes a scalar result.
    pub cotangent: Option<Array>,
    /// The most elements of a local Jacobian that is written out, at most [`MAX_LIMIT`].
    pub limit: usize,
}

impl ExplainOptions {
    /// The derivatives of the first result, a scalar, by these parameters; local Jacobians up to 8 × 8 are written out.
    #[must_use]
    pub fn new(wrt: impl Into<Vec<usize>>) -> Self {
        Self { wrt: wrt.into(), cotangent: None, limit: 64 }
    }
}

/// Differentiates the first result of a function at `inputs`, one array per parameter, and keeps everything on the way.
///
/// # Errors
/// [`Error::User`] if function, parameters, inputs or cotangent do not fit or an operation has no derivative; [`Error::Limit`] if memory is
/// short or a call too large; [`Error::Bug`] if the numbers contradict the derivative of the whole.
pub fn explain(
    module: &Verified<Module>,
    func: FuncId,
    inputs: &[Array],
    options: &ExplainOptions,
) -> Result<Explanation, Error> {
    backward::explain(module, func, inputs, options)
}

impl Explanation {
    /// A worked example as text: the forward pass with its values, the backward pass edge by edge, the gradients.
    #[must_use]
    pub fn to_text(&self) -> String {
        text::page(self)
    }

    /// The same as one HTML page that needs nothing else, with a drawing of the graph.
    #[must_use]
    pub fn to_html(&self) -> String {
        html::page(self)
    }

    /// The name of the derivative of the result by a value.
    fn gradient_name(&self, value: usize) -> String {
        self.derivative_name(self.result, value)
    }

    /// The name of the derivative of a value by another.
    fn derivative_name(&self, of: usize, by: usize) -> String {
        format!("∂{}/∂{}", self.values[of].name, self.values[by].name)
    }

    /// Which use of its operand an edge is, if the instruction has several, as ` (1st)`.
    fn use_name(&self, step: &Step, edge: &Edge) -> String {
        let operands = &self.instructions[step.instruction].operands;
        let uses = operands.iter().filter(|&&other| other == edge.operand).count();
        match ORDINALS.get(edge.position) {
            Some(ordinal) if uses > 1 => format!(" ({ordinal})"),
            _ => String::new(),
        }
    }

    /// The name of what an edge delivers: a derivative of the result, or a contribution to one.
    fn contribution_name(&self, edge: &Edge) -> String {
        let name = self.gradient_name(edge.operand);
        if self.values[edge.operand].contributions.len() > 1 { format!("{name} gets") } else { format!("{name} =") }
    }

    /// The shared head of an instruction: its results and its formula.
    fn equation(&self, instruction: &Instruction) -> String {
        let results: Vec<&str> = instruction.results.iter().map(|&value| self.values[value].name.as_str()).collect();
        format!("{} = {}", results.join(", "), instruction.formula)
    }
}

const ORDINALS: [&str; 6] = ["1st", "2nd", "3rd", "4th", "5th", "6th"];

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}
