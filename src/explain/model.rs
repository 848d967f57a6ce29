//! What an explanation consists of: values, instructions, and the steps of the backward pass over them.
//!
//! Everything is by index into the lists of [`Explanation`], in the order of the program, so that renderers need nothing else.

use pullback_interp::Array;
use pullback_ir::{Shape, Type};

/// Reverse-mode differentiation of one function at one point, with every number that occurs.
///
/// `Display` and [`Explanation::to_text`] write it as a worked example, [`Explanation::to_html`] as a page.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The function's name, without `@`.
    pub function: String,
    /// The signature in the text form.
    pub signature: String,
    /// The parameters and all values that the result depends on, in order of definition.
    pub values: Vec<ValueNode>,
    /// The instructions that the result depends on, in order of execution.
    pub instructions: Vec<Instruction>,
    /// The value that is differentiated; an index into `values`.
    pub result: usize,
    /// The backward pass: the instructions that a gradient passes, last one first.
    pub steps: Vec<Step>,
    /// The parameters differentiated by, in the order asked for, and their gradients.
    pub gradients: Vec<(usize, Array)>,
    /// The largest absolute difference of a gradient here from the one that the vector-Jacobian product of the whole function gives.
    /// Above rounding it is an error and there is no explanation.
    pub largest_difference: f64,
    /// Local Jacobians of more elements than this are described and not written out.
    pub limit: usize,
}

/// A value of the program.
#[derive(Clone, Debug)]
pub struct ValueNode {
    /// The name it has in formulas: without `%`, but for values that have a number only.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// What the forward pass computes.
    pub value: Array,
    /// The instruction that defines it; `None` for a parameter.
    pub definition: Option<usize>,
    /// Whether it is a parameter differentiated by.
    pub is_wrt: bool,
    /// The derivative of the result by this value: the sum of the contributions, or the seed. `None` where none arrives.
    pub cotangent: Option<Array>,
    /// The edges whose contributions were added up, as (step, edge), in order of addition.
    pub contributions: Vec<(usize, usize)>,
}

/// An instruction of the program.
#[derive(Clone, Debug)]
pub struct Instruction {
    /// The line of the program.
    pub text: String,
    /// The right-hand side as a formula.
    pub formula: String,
    /// The name of the operation.
    pub op: &'static str,
    /// Operands by position; indices into [`Explanation::values`].
    pub operands: Vec<usize>,
    /// Results; indices into [`Explanation::values`]. Results that nothing needs are among them.
    pub results: Vec<usize>,
}

/// The backward pass through one instruction.
#[derive(Clone, Debug)]
pub struct Step {
    /// The instruction; an index into [`Explanation::instructions`].
    pub instruction: usize,
    /// One edge per operand that the result is differentiated by, and result that has a gradient.
    pub edges: Vec<Edge>,
}

/// The way from an operand to a result of an instruction, taken backwards.
#[derive(Clone, Debug)]
pub struct Edge {
    /// The operand; an index into [`Explanation::values`].
    pub operand: usize,
    /// Its position among the operands.
    pub position: usize,
    /// The result; an index into [`Explanation::values`].
    pub result: usize,
    /// The derivative of the result by the operand.
    pub local: LocalJacobian,
    /// The upstream gradient times the local Jacobian; `None` if it is zero for every input, and the gradient ends here.
    pub contribution: Option<Array>,
    /// What compiled code does instead of building the local Jacobian.
    pub rule: Rule,
}

/// The generalized Jacobian of a result by an operand: one axis for each of the result, then one for each of the operand.
#[derive(Clone, Debug)]
pub struct LocalJacobian {
    /// The result's shape.
    pub rows: Shape,
    /// The operand's shape.
    pub columns: Shape,
    /// Bytes of one element.
    pub element_bytes: usize,
    /// The elements in row-major order; `None` if there are more than the limit.
    pub elements: Option<Vec<f64>>,
}

impl LocalJacobian {
    /// The number of elements that materialising takes.
    #[must_use]
    pub fn count(&self) -> u128 {
        self.rows.elements() as u128 * self.columns.elements() as u128
    }

    /// The bytes that materialising takes.
    #[must_use]
    pub fn bytes(&self) -> u128 {
        self.count() * self.element_bytes as u128
    }
}

/// A way to the downstream gradient without the local Jacobian. `G` stands for the upstream gradient.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    /// The downstream gradient as a formula.
    pub formula: String,
    /// What the local Jacobian is like that makes this possible.
    pub reason: &'static str,
}
