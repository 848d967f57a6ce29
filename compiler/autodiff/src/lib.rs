//! Differentiation of the tensor IR: linearize, then transpose.
//!
//! Everything here is a pass from tensor IR to tensor IR. Two sets of rules carry it:
//!
//! * `jvp.rs`: one rule per differentiable operation, which builds the tangent of its result from the tangents of
//!   its operands. What a rule builds is linear in the tangents.
//! * `transpose.rs`: one rule per linear operation, which builds the cotangents of its operands from the
//!   cotangent of its result.
//!
//! Forward mode applies the first set while copying the function (`trace.rs`). Linearization splits what that made by
//! dependence on the tangents into a primal with residuals and a linear program (`linearize.rs`). Reverse mode
//! transposes the linear instructions from last to first (`reverse.rs`). [`jvp()`], [`vjp`], [`grad`],
//! [`value_and_grad`], [`linearize()`] and [`transpose()`] compose these (`compose.rs`). After Frostig et al.,
//! "Decomposing reverse-mode automatic differentiation", and Radul et al., "You Only Linearize Once".
//!
//! Instructions with regions are differentiated and transposed in `control/`, by the same drivers applied to their regions; `flow.rs` says beforehand which parts of a loop's
//! state take part. `batch/` applies a function to many
//! operands at once ([`vmap`]); with it, `jacobian.rs` makes Jacobians of one batched product ([`jacobian()`], [`hessian`], [`hvp`]).
//!
//! Rules build ordinary IR and nothing else. The drivers (`trace.rs`, `reverse.rs`) alone own activity, symbolic
//! zeros, accumulation, names, provenance and the type check of every contribution; so a rule is its formula.
//! The results are ordinary functions, and every pass applies to them again.
//!
//! # What comes out
//!
//! * Calls are inlined first; results have none.
//! * A tangent or cotangent that is zero because of what depends on what is *symbolic*: nothing is built for it. Only
//!   where a signature demands a value is a constant made. A parameter on which a result does not depend thus has
//!   an exact zero gradient.
//! * The tangent of `x` is named `x_t` and its cotangent `x_ct`, with a number appended where that name is taken.
//!   Values within a rule, and those of unnamed primals, have no name.
//! * A derived instruction has the origin of the primal instruction, and as derivation the name of the primal value
//!   with the rule: `jvp of tanh` for what the JVP rule of a primal operation made, `transpose of mul` for the
//!   transpose of a linear operation that such a rule made.
//! * The joint forms hold the primal instructions first, in their order. Local derivatives, such as `1 - tanh(x)^2`,
//!   are computed where the backward part uses them, so that what is kept alive is the value of the primal.
//! * Contributions to a cotangent are added in the order in which the backward part makes them: from the last use
//!   to the first. The order depends on the program alone.
//!
//! # Conventions
//!
//! Only `f32` and `f64` values have tangents; integers and `bool` never do, and a conversion to them ends a tangent.
//! Where an operation has no derivative, or has two of them, the following holds. `g` is the cotangent of the result.
//!
//! | operation | at | derivative |
//! |---|---|---|
//! | `abs` | 0 | 0, which is `sign(0)` |
//! | `sign`, `floor`, `ceil`, `round_half_even` | everywhere | 0, also at jumps |
//! | `sqrt`, `rsqrt`, `cbrt` | 0 | infinite, as the limit is; 0 times it is NaN |
//! | `log`, `log2`, `log1p` | their pole | infinite, as the limit is |
//! | `asin`, `acos` | -1, 1 | infinite, as the limit is |
//! | `x / y` | y = 0 | what the formula gives: infinite or NaN |
//! | `rem(x, y)` | everywhere | 1 for x, `-trunc(x / y)` for y, also at jumps |
//! | `pow(x, y)` for x | y = 0 | 0, also at x = 0 |
//! | `pow(x, y)` for x | x = 0, 0 < y < 1 | infinite, as the limit is |
//! | `pow(x, y)` for y | x = 0, y > 0 | 0, the limit |
//! | `pow(x, y)` for y | x = 0, y <= 0 | -infinity, what the formula gives |
//! | `pow(x, y)` for y | x < 0 | NaN, as the function is defined for integral y alone |
//! | `atan2` | the origin | NaN |
//! | `max(x, y)`, `min(x, y)` | x = y | one half for each |
//! | `clamp(low, x, high)` | low <= x <= high | 1 for x, 0 for the limits, also at the limits |
//! | `clamp(low, x, high)` | x < low, x > high | 1 for that limit, 0 for the others |
//! | `clamp(low, x, high)` | low > high | 1 for high, which is the value then |
//! | `reduce max`, `reduce min` | ties | g shared equally among the tied elements |
//! | `reduce mul`, `cumulative mul`, `scatter mul` | zeros among the factors | exact: the product of the other factors |
//! | `reduce mul`, `reduce max`, `reduce min` | nothing to reduce | 0 |
//! | `select` | everywhere | that of the operand selected; the other gets exactly 0 |
//! | `pad`, `concatenate`, `slice` | everywhere | positions that were dropped get exactly 0 |
//! | `cumulative max`, `cumulative min` | ties among the elements so far | g shared equally among them |
//! | `cumulative logsumexp` | nothing but -inf so far | 0 |
//! | `reduce_window max`, `reduce_window min` | ties in a window | g shared equally among the tied elements; padding has no part |
//! | `reduce_window max`, `reduce_window min` | a window of padding alone | g goes nowhere |
//! | `select_and_scatter` | everywhere | 0 for the operand, which only chooses; the source reads where it wrote |
//! | `sort`, `top_k` | ties | to the position that each element came from; the stable order decides |
//! | `dynamic_slice`, `dynamic_update_slice`; `gather`, `scatter` with `clamp` | outside | at the place the window was moved to |
//! | `gather`, `scatter` with `drop` | outside | exactly 0 |
//! | `gather`, `scatter add` | repeated positions | contributions add up; each update gets all of g |
//! | `scatter set` | repeated positions | all of g to the last update there, exactly 0 to the others and to what is replaced |
//! | `scatter max`, `scatter min` | ties of element and updates | g shared equally among the tied ones |
//! | `erf_inv` | -1, 1 | infinite, as the limit is |
//! | `lgamma` | 0, -1, -2, … | NaN, as `digamma` is there |
//! | `digamma` | 0, -1, -2, … | +infinity, the limit from both sides |
//! | `polygamma(n, x)` for x | 0, -1, -2, … | NaN for odd n, +infinity for even n |
//! | `polygamma(n, x)` for n | everywhere | refused: an order is an integer |
//! | `bessel_i0e`, `bessel_i1e` | 0 | 0, the mean of both sides; 1/2 |
//! | `cholesky` | not positive definite | NaN |
//! | `cholesky`, `triangular_solve` | elements that are not read | exactly 0 |
//! | `bitcast`, `stop_gradient` | everywhere | 0 |
//! | `cond`, `switch` | everywhere | that of the region that ran; exactly 0 from the others |
//! | `while` | where the number of iterations changes | that of the iterations that ran |
//! | `while` without a bound | reverse mode | refused |
//! | `custom_derivative` | everywhere | the rule's; forward mode refuses a VJP rule, reverse mode a JVP rule that is not linear in the tangents |
//! | `dynamic_slice`, `dynamic_update_slice` | a box outside | that of the box moved inside; what is replaced gets exactly 0 |
//! | `gather` | a window outside | `clamp`: to the window moved inside; `drop`: 0 |
//! | `gather` | repeated positions | they add up |
//! | `scatter set` | several updates for an element | g for the last; exactly 0 for the others and for the element replaced |
//! | `scatter add` | several updates for an element | g for each; 0 for one that is dropped |
//! | `scatter mul` | zeros, several updates for an element | exact: the product of all other factors |
//! | `scatter min`, `scatter max` | ties | g shared equally among the element and the updates that tie |
//! | `reduce_window max`, `reduce_window min` | ties | g shared equally among the tied elements of the window; padding has no share |
//! | `reduce_window max`, `reduce_window min` | a window of padding alone | 0 |
//! | `select_and_scatter` | everywhere | for the source g at the element chosen, 0 where a window is padding alone; exactly 0 for the operand that chooses |
//! | `cumulative max`, `cumulative min` | ties | g shared equally among the tied elements so far |
//! | `cumulative mul` | zeros | exact, without division |
//! | `cumulative logsumexp` | all elements so far are -infinity | 0 |
//! | `sort`, `top_k` | ties, NaN | along with the element, in the stable order |
//! | `cholesky` | the upper triangle of the operand | 0: it is not read |
//! | `triangular_solve` | what is not read of the matrix (with `unit` also the diagonal) | 0 |
//! | `bitcast`, `stop_gradient` | everywhere | 0 |
//!
//! The derivatives of `tanh` and `logistic` are made of the result `y` alone, as `1 - y^2` and `y (1 - y)`, which are 0 once `y` rounds to
//! 1 or -1: in `f32` from about `|x| = 9` and `x = 17` on, in `f64` from 19 and 37 on. The absolute error is a few units in
//! the last place of 1. `atan2` divides by the larger operand before it squares.
//!
//! Where a derivative is 0 because an operand was not selected (`select`, `max`, `min`, `clamp`, the
//! `max` and `min` of `reduce`, `reduce_window`, `cumulative` and `scatter`, `scatter set`), the backward part selects 0 instead of multiplying by it, so an infinite or NaN cotangent elsewhere does not
//! leak in. At NaN operands the derivative is 0 or NaN and otherwise unspecified.
#![forbid(unsafe_code)]

mod batch;
mod compose;
mod control;
mod derivative;
mod emit;
mod error;
mod flow;
mod jacobian;
mod jvp;
mod linearize;
mod op_derivative;
mod prune;
mod reverse;
mod trace;
mod transpose;

pub use batch::vmap;
pub use compose::{grad, jvp, transpose, value_and_grad, vjp};
pub use derivative::{Derivative, differentiate};
pub use error::Error;
pub use jacobian::{JacobianMode, hessian, hvp, jacobian};
pub use linearize::{Linearized, linearize};
