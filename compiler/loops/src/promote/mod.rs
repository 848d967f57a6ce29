//! Loops whose state lives in registers.
//!
//! Lowering makes a loop of the program a [`Loop`] around the kernels of its body, and lets them pass values through memory. Where an
//! iteration does little, that passing takes longer than the work: each value is stored and loaded behind it, and the state of the loop goes
//! through memory from one iteration to the next. This pass turns a loop whose body is only a few statements into one kernel with a loop inside, in which
//!
//! 1. the loops of the body, all of a few iterations, are written out (`unroll`), so that positions are constants;
//! 2. vectors that share memory with other accesses than their own kind become narrower ones or scalars (`lanes`);
//! 3. what is stored and loaded again is passed on in variables, within an iteration and, as values carried by the loop, from one
//!    to the next (`forward`); sums with zeros that padding made fall away (`simplify`).
//!
//! Stores that nobody reads and the buffers they were to then disappear (`remove_dead`), and memory is planned anew. A loop that is parallel, with calls, with
//! conditions around kernels, or too large when written out, the more so as scalars, stays as it is; loops are looked at from the innermost out.
//!
//! Before and after: a verified program with the same results to the last bit (what is neither stored nor loaded is neither rounded nor reordered).
//! It relies on buffers being apart: what shares memory in the arena is decided by the plan alone, which is made again.

mod forward;
mod lanes;
mod operands;
mod simplify;
mod unroll;

use std::collections::BTreeMap;

pub(crate) use operands::{remove_unused, takes_long, with_operands};
pub(crate) use simplify::{Facts, Simplified};

use crate::error::Error;
use crate::memory::plan_memory;
use crate::program::{Buffer, Expr, For, Kernel, Place, Program, Stmt, VarType};
use crate::remove_dead;
use crate::step::{Loop, Step};

/// The most statements of an iteration, written out: Cranelift's time grows faster than the size of a function.
const MAX_STATEMENTS: usize = 1500;

/// The most statements of an iteration whose vectors had to be split: beyond, more is lost by that than saved by passing values in variables.
const MAX_SPLIT: usize = 600;

/// Turns loops of few statements into single kernels that keep their state in variables.
///
/// # Errors
/// [`Error::Limit`] as [`plan_memory`].
pub fn promote(program: &mut Program) -> Result<(), Error> {
    let mut body = std::mem::take(&mut program.body);
    let changed = promote_steps(program, &mut body);
    program.body = body;
    if changed {
        remove_dead::remove_dead_stores(program);
        remove_dead::remove_unused_buffers(program);
        plan_memory(program)?;
    }
    Ok(())
}

/// Promotes the loops among steps, innermost first; says whether there was one.
fn promote_steps(program: &mut Program, steps: &mut [Step]) -> bool {
    let mut changed = false;
    for step in steps {
        match step {
            Step::Kernel(_) => {}
            Step::Loop(inner) => {
                changed |= promote_steps(program, &mut inner.body);
                if let Some(kernel) = promoted(program, inner) {
                    *step = Step::Kernel(kernel);
                    changed = true;
                }
            }
            Step::While(inner) => {
                changed |= promote_steps(program, &mut inner.before);
                changed |= promote_steps(program, &mut inner.body);
            }
            Step::Branch(inner) => {
                for case in &mut inner.cases {
                    changed |= promote_steps(program, case);
                }
            }
        }
    }
    changed
}

/// A loop as one kernel, if it is one that can be.
fn promoted(program: &mut Program, around: &Loop) -> Option<Kernel> {
    let kernels: Vec<&Kernel> = around.body.iter().map(only_kernel).collect::<Option<_>>()?;
    let name = kernels.first()?.name.clone();
    let mut size = 0;
    for kernel in &kernels {
        size += unroll::unrolled_size(&kernel.body)?;
    }
    if around.extent < 1 || around.parallel || size > MAX_STATEMENTS {
        return None;
    }
    let about = match &kernels[..] {
        [one] => format!("loop: {}", one.about),
        _ => format!("loop of {} kernels", kernels.len()),
    };
    let body = unroll::unroll(program, kernels.iter().flat_map(|kernel| &kernel.body));
    let vectors = body.len();
    let body = lanes::split_vectors(program, body);
    if body.len() > vectors && body.len() > MAX_SPLIT {
        return None;
    }
    let forward::Promoted { before, carried, body, after } = forward::forward(program, around.index, body);
    let inner = For { index: around.index, extent: around.extent, step: 1, carried, body };
    let body = before.into_iter().chain([Stmt::For(Box::new(inner))]).chain(after).collect();
    Some(Kernel { name, about, body })
}

const fn only_kernel(step: &Step) -> Option<&Kernel> {
    match step {
        Step::Kernel(kernel) => Some(kernel),
        Step::Loop(_) | Step::While(_) | Step::Branch(_) => None,
    }
}

/// An access to memory in an iteration.
#[derive(Clone)]
struct Access {
    place: Place,
    ty: VarType,
    is_store: bool,
    /// Whether it is among the statements of an [`If`](crate::program::If).
    conditional: bool,
}

impl Access {
    /// The least and the greatest position of a lane, beside what the counters add.
    fn span(&self) -> (i64, i64) {
        span(&self.place, self.ty)
    }

    /// Where the access begins and how its lanes go on: two accesses that agree in this are of the same elements in the same order.
    const fn shape(&self) -> (i64, u8, i64) {
        (self.place.index.offset, self.ty.lanes, self.place.lane_stride)
    }
}

/// Whether two accesses are known to have no element in common.
pub(crate) fn are_apart((one, one_ty): (&Place, VarType), (other, other_ty): (&Place, VarType)) -> bool {
    if one.buffer != other.buffer {
        return true;
    }
    let (a, b) = (span(one, one_ty), span(other, other_ty));
    one.index.terms == other.index.terms && (a.1 < b.0 || b.1 < a.0)
}

/// The least and the greatest position of a lane, beside what the counters add.
fn span(place: &Place, ty: VarType) -> (i64, i64) {
    let first = place.index.offset;
    let last = first.saturating_add(place.lane_stride.saturating_mul(i64::from(ty.lanes) - 1));
    (first.min(last), first.max(last))
}

/// The accesses of statements without loops, in order of the text.
fn accesses(program: &Program, stmts: &[Stmt], conditional: bool, found: &mut Vec<Access>) {
    for stmt in stmts {
        match stmt {
            Stmt::Let(var, Expr::Load(place)) => {
                found.push(Access { place: place.clone(), ty: program.vars[*var], is_store: false, conditional });
            }
            Stmt::Store(place, var) => {
                found.push(Access { place: place.clone(), ty: program.vars[*var], is_store: true, conditional });
            }
            Stmt::If(inner) => accesses(program, &inner.body, true, found),
            Stmt::For(inner) => accesses(program, &inner.body, conditional, found),
            Stmt::Let(..) | Stmt::Bind(_) | Stmt::Gemm(_) | Stmt::Pack(_) | Stmt::Call(_) => {}
        }
    }
}

/// The accesses by buffer, in order of the buffers.
fn accesses_by_buffer(program: &Program, stmts: &[Stmt]) -> BTreeMap<Buffer, Vec<Access>> {
    let mut found = Vec::new();
    accesses(program, stmts, false, &mut found);
    let mut by_buffer = BTreeMap::<_, Vec<Access>>::new();
    for access in found {
        by_buffer.entry(access.place.buffer).or_default().push(access);
    }
    by_buffer
}

/// Whether any two accesses at positions with the same counters are of the same elements in the same order or of none in common.
fn are_consistent(accesses: &[Access]) -> bool {
    let mut sorted: Vec<&Access> = accesses.iter().collect();
    sorted
        .sort_by(|a, b| (&a.place.index.terms, a.span(), a.shape()).cmp(&(&b.place.index.terms, b.span(), b.shape())));
    sorted.windows(2).all(|pair| {
        let [a, b] = pair else { return true };
        a.place.index.terms != b.place.index.terms || a.shape() == b.shape() || a.span().1 < b.span().0
    })
}
