//! The control flow around kernels.
//!
//! A program is a list of steps run in order: kernels, and loops and branches over more steps. What a [`Loop`] counts may be used in the
//! positions of everything inside it, so that an iteration reads and writes its own part of a buffer without any copy. Values pass from
//! step to step through buffers alone.
//!
//! A buffer of the arena that is touched inside a loop and nowhere else holds nothing when an iteration begins: its memory may have been another's
//! in the meantime. A buffer that is also touched outside keeps its elements through all iterations.
//!
//! The iterations of a *parallel* loop may run at once, on several threads and in any order, so none may see what another does: the verifier
//! proves that what one stores no other touches. What an iteration needs for itself is in memory that each thread has of its own
//! ([`Space::Local`](crate::Space::Local)). A parallel loop inside another is run in order by the thread that it falls to; its buffers are those of the outermost loop.

use crate::program::{Index, Kernel, Place};

/// A part of a program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// A loop nest.
    Kernel(Kernel),
    /// Steps repeated a known number of times.
    Loop(Box<Loop>),
    /// Steps repeated as long as a condition holds.
    While(Box<While>),
    /// One of several lists of steps.
    Branch(Box<Branch>),
}

/// The steps `body` for each value 0, 1, … of the counter below `extent`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Loop {
    /// The counter.
    pub index: Index,
    /// How many iterations there are.
    pub extent: i64,
    /// Whether iterations may run at once and in any order; else they run one after another.
    pub parallel: bool,
    /// The steps of an iteration.
    pub body: Vec<Step>,
}

/// An iteration runs `before`, ends the loop if `condition` does not hold then, and runs `body`. After `bound` iterations the loop ends without either.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct While {
    /// What computes the condition.
    pub before: Vec<Step>,
    /// A `bool` in memory; read as a scalar.
    pub condition: Place,
    /// The steps of an iteration.
    pub body: Vec<Step>,
    /// The most iterations, unlimited if there is none.
    pub bound: Option<u64>,
}

/// The case whose number is in memory: a `bool`, which counts as 0 or 1, or an `i32`, moved to the nearest number that there is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Branch {
    /// The number of the case; read as a scalar.
    pub selector: Place,
    /// The cases, at least one; two for a `bool`, that for false first.
    pub cases: Vec<Vec<Step>>,
}

impl Step {
    /// The lists of steps nested in this one.
    pub fn nested(&self) -> impl Iterator<Item = &[Self]> {
        let (first, second, rest): (&[Self], &[Self], &[Vec<Self>]) = match self {
            Self::Kernel(_) => (&[], &[], &[]),
            Self::Loop(inner) => (&inner.body, &[], &[]),
            Self::While(inner) => (&inner.before, &inner.body, &[]),
            Self::Branch(inner) => (&[], &[], &inner.cases),
        };
        [first, second].into_iter().chain(rest.iter().map(Vec::as_slice))
    }

    /// Whether a loop in it, or the step itself, ends by a condition.
    #[must_use]
    pub fn ends_by_data(&self) -> bool {
        matches!(self, Self::While(_)) || self.nested().flatten().any(Self::ends_by_data)
    }
}

/// All kernels of some steps, in order of the text.
#[must_use]
pub fn kernels(steps: &[Step]) -> Vec<&Kernel> {
    let mut found = Vec::new();
    collect(steps, &mut found);
    found
}

fn collect<'a>(steps: &'a [Step], found: &mut Vec<&'a Kernel>) {
    for step in steps {
        if let Step::Kernel(kernel) = step {
            found.push(kernel);
        }
        step.nested().for_each(|steps| collect(steps, found));
    }
}

/// Visits all kernels of some steps, in order of the text.
pub fn for_each_kernel_mut(steps: &mut [Step], visit: &mut impl FnMut(&mut Kernel)) {
    for step in steps {
        match step {
            Step::Kernel(kernel) => visit(kernel),
            Step::Loop(inner) => for_each_kernel_mut(&mut inner.body, visit),
            Step::While(inner) => {
                for_each_kernel_mut(&mut inner.before, visit);
                for_each_kernel_mut(&mut inner.body, visit);
            }
            Step::Branch(inner) => inner.cases.iter_mut().for_each(|case| for_each_kernel_mut(case, visit)),
        }
    }
}
