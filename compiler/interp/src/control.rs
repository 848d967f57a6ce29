//! Loops under way: what `scan` and `while` carry from one iteration to the next.

use std::rc::Rc;

use pullback_ir::{Scalar, ScanSpec, Type, WhileSpec};

use crate::array::Array;
use crate::error::Error;
use crate::memory::{Charge, Memory, Shared};

/// The state of a loop between two runs of its regions.
pub(crate) enum Loop {
    Scan(Scan),
    While(While),
}

/// What a loop does next.
pub(crate) enum Next {
    /// Runs the region at this position.
    Run { region: usize, args: Vec<Shared> },
    /// Ends with these results.
    Done(Vec<Shared>),
}

impl Loop {
    pub(crate) fn next(&mut self, memory: &Rc<Memory>) -> Result<Next, Error> {
        match self {
            Self::Scan(state) => state.next(memory),
            Self::While(state) => Ok(state.next()),
        }
    }

    /// Takes what the region yielded.
    pub(crate) fn absorb(&mut self, results: Vec<Shared>) -> Result<(), Error> {
        match self {
            Self::Scan(state) => state.absorb(results),
            Self::While(state) => {
                state.absorb(results);
                Ok(())
            }
        }
    }
}

/// A `scan`. Its `ys` have their memory from the start, and each iteration writes its positions.
pub(crate) struct Scan {
    spec: ScanSpec,
    /// Iterations begun.
    begun: usize,
    consts: Vec<Shared>,
    carry: Vec<Shared>,
    xs: Vec<Shared>,
    ys: Vec<(Charge, Array)>,
}

impl Scan {
    /// Begins a scan of `args` whose results have the given types.
    pub(crate) fn new(spec: ScanSpec, args: Vec<Shared>, types: &[&Type], memory: &Rc<Memory>) -> Result<Self, Error> {
        let mut consts = args;
        let mut carry = consts.split_off(spec.consts.min(consts.len()));
        let xs = carry.split_off(spec.carry.min(carry.len()));
        let mut ys = Vec::new();
        for ty in types.iter().skip(spec.carry) {
            let charge = memory.charge(ty.bytes(), || format!("the result {ty} of scan"))?;
            ys.push((charge, Array::zeros(ty)?));
        }
        Ok(Self { spec, begun: 0, consts, carry, xs, ys })
    }

    /// The position of the iteration with this number.
    const fn position(&self, number: usize) -> usize {
        if self.spec.reverse { self.spec.length - 1 - number } else { number }
    }

    fn next(&mut self, memory: &Rc<Memory>) -> Result<Next, Error> {
        if self.begun == self.spec.length {
            let mut results = std::mem::take(&mut self.carry);
            results.extend(std::mem::take(&mut self.ys).into_iter().map(|(charge, array)| charge.hold(array)));
            return Ok(Next::Done(results));
        }
        let position = self.position(self.begun);
        let mut args = self.consts.clone();
        args.append(&mut self.carry);
        for xs in &self.xs {
            let bytes = xs.bytes() / self.spec.length;
            let charge = memory.charge(bytes, || format!("position {position} of {}", xs.ty()))?;
            args.push(charge.hold(xs.position(position)?));
        }
        self.begun += 1;
        Ok(Next::Run { region: 0, args })
    }

    fn absorb(&mut self, results: Vec<Shared>) -> Result<(), Error> {
        let position = self.position(self.begun - 1);
        self.carry = results;
        let rows = self.carry.split_off(self.spec.carry.min(self.carry.len()));
        for ((_, ys), row) in self.ys.iter_mut().zip(rows) {
            ys.write(position * row.elements.len(), &row)?;
        }
        Ok(())
    }
}

/// A `while`: its condition and its body run in turns.
pub(crate) struct While {
    spec: WhileSpec,
    /// Iterations begun.
    begun: usize,
    consts: Vec<Shared>,
    carry: Vec<Shared>,
    phase: Phase,
}

enum Phase {
    /// The condition is to be evaluated, unless the bound is reached.
    Test,
    /// The condition held, or did not.
    Tested(bool),
}

impl While {
    pub(crate) fn new(spec: WhileSpec, args: Vec<Shared>) -> Self {
        let mut consts = args;
        let carry = consts.split_off(spec.consts.min(consts.len()));
        Self { spec, begun: 0, consts, carry, phase: Phase::Test }
    }

    fn next(&mut self) -> Next {
        let mut args = self.consts.clone();
        match self.phase {
            Phase::Test if self.spec.bound != Some(self.begun) => {
                args.extend(self.carry.iter().cloned());
                Next::Run { region: 0, args }
            }
            Phase::Tested(true) => {
                self.begun = self.begun.saturating_add(1);
                args.append(&mut self.carry);
                Next::Run { region: 1, args }
            }
            Phase::Test | Phase::Tested(false) => Next::Done(std::mem::take(&mut self.carry)),
        }
    }

    fn absorb(&mut self, results: Vec<Shared>) {
        match self.phase {
            Phase::Test => {
                let holds = results.first().and_then(|result| result.get(0));
                self.phase = Phase::Tested(holds == Some(Scalar::Bool(true)));
            }
            Phase::Tested(_) => {
                self.carry = results;
                self.phase = Phase::Test;
            }
        }
    }
}
