//! How many bytes and floating-point operations a program is worth, from its text alone: what an achieved rate is measured by.
//!
//! The model of memory is that of a cache that holds what one top-level step uses and forgets it before the next. So a step reads and writes each
//! buffer that it touches once, however often it comes back to an element, but no more than it accesses: a slice is charged
//! for what it reads. What a worker has of its own never leaves its cache and costs nothing. Steps that use more than the caches hold and come
//! back to it move more than this; programs that fit a cache as a whole move less.
//!
//! A floating-point operation is an addition, a multiplication, or anything else that makes one float of others, a function such as `exp` too; `a · b + c` is two.
//! Loops that end by a condition count as their bound, or one iteration if they have none; branches as all of their cases.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::AddAssign;

use crate::call::{Access, Routine, RuntimeCall};
use crate::program::{Buffer, Expr, For, Gemm, Place, Program, Rhs, Space, Stmt, Var};
use crate::step::Step;

/// Bytes that cross the border of the caches, and floating-point operations.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Traffic {
    /// Bytes read.
    pub read: u128,
    /// Bytes written.
    pub written: u128,
    /// Floating-point operations.
    pub flops: u128,
}

impl Traffic {
    /// Of all steps of a program.
    #[must_use]
    pub fn of(program: &Program) -> Self {
        let mut sum = Self::default();
        program.body.iter().for_each(|step| sum += Self::of_step(program, step));
        sum
    }

    /// Of a step of a program.
    #[must_use]
    pub fn of_step(program: &Program, step: &Step) -> Self {
        let counts = Counts::of(program, step);
        let bytes = |(&buffer, &count): (&Buffer, &u128)| {
            let data = &program.buffers[buffer];
            match data.space {
                Space::Local(_) => 0,
                Space::Input(_) | Space::Output(_) | Space::Constant(_) | Space::Arena(_) => {
                    count.min(data.elements as u128) * data.dtype.bytes() as u128
                }
            }
        };
        let (read, written) = (counts.loads.iter().map(bytes).sum(), counts.stores.iter().map(bytes).sum());
        Self { read, written, flops: counts.flops }
    }
}

impl AddAssign for Traffic {
    fn add_assign(&mut self, other: Self) {
        self.read += other.read;
        self.written += other.written;
        self.flops += other.flops;
    }
}

/// The elements that a step loads and stores in each buffer it touches, each as often as it does, and its floating-point operations.
pub(crate) struct Counts<'a> {
    program: &'a Program,
    pub(crate) loads: BTreeMap<Buffer, u128>,
    pub(crate) stores: BTreeMap<Buffer, u128>,
    /// Those of them that hold packed matrices.
    pub(crate) packed: BTreeSet<Buffer>,
    flops: u128,
}

impl<'a> Counts<'a> {
    pub(crate) fn of(program: &'a Program, step: &Step) -> Self {
        let mut counts =
            Self { program, loads: BTreeMap::new(), stores: BTreeMap::new(), packed: BTreeSet::new(), flops: 0 };
        counts.step(step, 1);
        counts
    }

    fn load(&mut self, buffer: Buffer, elements: u128) {
        *self.loads.entry(buffer).or_insert(0) += elements;
    }

    fn store(&mut self, buffer: Buffer, elements: u128) {
        *self.stores.entry(buffer).or_insert(0) += elements;
    }

    fn step(&mut self, step: &Step, times: u128) {
        let times = match step {
            Step::Kernel(kernel) => return self.stmts(&kernel.body, times),
            Step::Loop(inner) => times * inner.extent.max(0) as u128,
            Step::While(inner) => {
                self.load(inner.condition.buffer, times);
                times * u128::from(inner.bound.unwrap_or(1))
            }
            Step::Branch(inner) => {
                self.load(inner.selector.buffer, times);
                times
            }
        };
        for steps in step.nested() {
            steps.iter().for_each(|step| self.step(step, times));
        }
    }

    fn stmts(&mut self, body: &[Stmt], times: u128) {
        for stmt in body {
            match stmt {
                Stmt::Let(var, expr) => self.assignment(*var, expr, times),
                Stmt::Store(Place { buffer, .. }, var) => self.store(*buffer, times * self.lanes(*var)),
                Stmt::For(inner) => self.stmts(&inner.body, times * trips(inner)),
                Stmt::If(inner) => self.stmts(&inner.body, times),
                Stmt::Pack(pack) => {
                    let elements = times * pack.k as u128 * pack.n as u128;
                    self.load(pack.from.buffer, elements);
                    self.store(pack.to.buffer, elements);
                    self.packed.insert(pack.to.buffer);
                }
                Stmt::Gemm(gemm) => self.gemm(gemm, times),
                Stmt::Call(call) => self.call(call, times),
                Stmt::Bind(_) => {}
            }
        }
    }

    fn lanes(&self, var: Var) -> u128 {
        u128::from(self.program.vars[var].lanes)
    }

    fn assignment(&mut self, var: Var, expr: &Expr, times: u128) {
        let (lanes, is_float) = (self.lanes(var), self.program.vars[var].dtype.is_float());
        let operations = match expr {
            Expr::Load(place) => {
                self.load(place.buffer, times * lanes);
                0
            }
            Expr::Unary(..) | Expr::Binary(..) => lanes,
            Expr::MulAdd(..) => 2 * lanes,
            Expr::ReduceLanes(_, vector) => self.lanes(*vector) - 1,
            Expr::Const(_)
            | Expr::Position { .. }
            | Expr::Splat(_)
            | Expr::Compare(..)
            | Expr::IsFinite(_)
            | Expr::Select(..)
            | Expr::Convert(_)
            | Expr::Bitcast(_) => 0,
        };
        if is_float {
            self.flops += times * operations;
        }
    }

    fn gemm(&mut self, gemm: &Gemm, times: u128) {
        let (m, n, k) = (gemm.m as u128, gemm.n as u128, gemm.k as u128);
        self.load(gemm.lhs.buffer, times * m * k);
        self.load(gemm.rhs.buffer(), times * k * n);
        if let Rhs::Packed(packed) = &gemm.rhs {
            self.packed.insert(packed.buffer);
        }
        if gemm.accumulate {
            self.load(gemm.out.buffer, times * m * n);
        }
        self.store(gemm.out.buffer, times * m * n);
        self.flops += times * 2 * m * n * k;
    }

    /// A factorisation is a third of a multiply-add for each pair of rows and column, a solution one half; a sort has none.
    fn call(&mut self, call: &RuntimeCall, times: u128) {
        for (view, access) in call.operands() {
            let elements = times * view.axes.iter().map(|axis| axis.extent as u128).product::<u128>();
            if matches!(access, Access::Read | Access::Update) {
                self.load(view.buffer, elements);
            }
            if matches!(access, Access::Write | Access::Update | Access::Scratch) {
                self.store(view.buffer, elements);
            }
        }
        let extent = |axis: usize| {
            let first = call.views.first().and_then(|view| view.axes.get(axis));
            first.map_or(0, |axis| axis.extent as u128)
        };
        self.flops += times
            * match call.routine {
                Routine::Argsort { .. } => 0,
                Routine::Cholesky => extent(0).pow(3) / 3,
                Routine::TriangularSolve { .. } => extent(0).pow(2) * extent(1),
            };
    }
}

fn trips(inner: &For) -> u128 {
    (inner.extent / inner.step.max(1)).max(0) as u128
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::parse::parse_program;

    #[test]
    fn each_step_reads_and_writes_what_it_touches_once_and_no_more_than_it_accesses() {
        let program = parse_program(
            "program @f {
  buffer %x : f32[64] input 0
  buffer %y : f32[64] output 0
  buffer %t : f32[16] arena 0
  arena 64

  kernel @a \"\" {
    for i0 = 0 to 4 step 1 {
      for i1 = 0 to 16 step 4 {
        v0 = load %x[i1] : f32x4
        v1 = exp v0 : f32x4
        store %t[i1], v1
      }
    }
  }

  kernel @b \"\" {
    for i2 = 0 to 64 step 1 {
      v2 = load %x[i2] : f32
      v3 = load %t[0] : f32
      v4 = mul_add v2, v3, v2 : f32
      store %y[i2], v4
    }
  }
}
",
        )
        .unwrap();
        let steps: Vec<Traffic> = program.body.iter().map(|step| Traffic::of_step(&program, step)).collect();
        // Sixteen of the 64 elements are read, though four times, as many are written, and each is computed four times.
        let first = Traffic { read: 4 * 16 * 4, written: 16 * 4, flops: 64 };
        // All of %x, and of %t at most what there is of it.
        let second = Traffic { read: 64 * 4 + 16 * 4, written: 64 * 4, flops: 2 * 64 };
        assert_eq!(steps, [first, second]);
        let sum = Traffic { read: 576, written: 320, flops: 192 };
        assert_eq!(Traffic::of(&program), sum);
    }
}
