//! Prefix combinations: what is combined so far is carried along the axis, for as many positions of the other axes as vectors and unrolling give.
//!
//! Sums of floats are blocked as those of reductions are: elements are summed within a block of [`BLOCK`], and what all blocks before sum up to, which is itself
//! summed in blocks, is added to each. The rounding error then grows like the logarithm of the length, for one more addition per level.

use pullback_interp::scalar;
use pullback_ir::{Binary, Cumulation, DType, Reduction, Scalar, Unary};

use super::eval::Eval;
use super::nest::{Nest, Position};
use super::reduce::BLOCK;
use super::region::{Source, Target, element, store};
use crate::error::Error;
use crate::program::{Affine, Expr, Var};

/// What accumulates along which axis.
pub(super) struct Along {
    pub(super) kind: Cumulation,
    pub(super) axis: usize,
    pub(super) extent: usize,
    /// Whether from the last position to the first.
    pub(super) reverse: bool,
}

/// The loop along the axis for several positions of the others.
pub(super) fn cumulate(
    eval: &mut Eval<'_>,
    along: &Along,
    target: &Target,
    positions: &[Position],
) -> Result<(), Error> {
    let run = Run { along, target, positions };
    run.blocks(eval, along.extent, &Affine::default(), None)?;
    Ok(())
}

struct Run<'a> {
    along: &'a Along,
    target: &'a Target,
    positions: &'a [Position],
}

impl Run<'_> {
    /// `count` steps from `base` on; `before` is what all steps before give, where it has to be combined with each result. Gives what these steps give.
    fn blocks(
        &self,
        eval: &mut Eval<'_>,
        count: usize,
        base: &Affine,
        before: Option<&[Var]>,
    ) -> Result<Vec<Var>, Error> {
        let inits = self.identities(eval)?;
        if count <= BLOCK || !self.is_blocked(eval.nest.ty(inits[0]).dtype) {
            let (index, params) = eval.nest.open(count, 1, &inits);
            let step = base.plus(&Affine::counter(index), 1);
            let mut nexts = Vec::with_capacity(params.len());
            for (number, &param) in params.iter().enumerate() {
                let at = self.position(number, &step);
                let x = element(eval, &self.target.source, &at)?;
                let next = combine(&mut eval.nest, self.along.kind, param, x);
                let stored =
                    before.map_or(next, |before| combine(&mut eval.nest, self.along.kind, before[number], next));
                store(eval, self.target, &at, stored)?;
                nexts.push(next);
            }
            return Ok(eval.nest.close(&nexts));
        }
        let mut block = BLOCK;
        while block * BLOCK < count {
            block *= BLOCK;
        }
        let whole = count / block * block;
        let (index, params) = eval.nest.open(whole, block, &inits);
        let inner = self.all(eval, before, &params);
        let sums = self.blocks(eval, block, &base.plus(&Affine::counter(index), 1), Some(&inner))?;
        let nexts = self.all(eval, Some(&params), &sums);
        let totals = eval.nest.close(&nexts);
        if whole == count {
            return Ok(totals);
        }
        let inner = self.all(eval, before, &totals);
        let sums = self.blocks(eval, count - whole, &base.plus_constant(whole as i64), Some(&inner))?;
        Ok(self.all(eval, Some(&totals), &sums))
    }

    fn is_blocked(&self, dtype: DType) -> bool {
        self.along.kind == Cumulation::Add && dtype.is_float()
    }

    /// One value for each position, before anything is combined.
    fn identities(&self, eval: &mut Eval<'_>) -> Result<Vec<Var>, Error> {
        let dtype = self.dtype(eval)?;
        let kind = match self.along.kind {
            Cumulation::Add => Reduction::Add,
            Cumulation::Mul => Reduction::Mul,
            // The logarithm of a sum of nothing is that of a maximum of nothing.
            Cumulation::Max | Cumulation::LogSumExp => Reduction::Max,
            Cumulation::Min => Reduction::Min,
        };
        let missing = || Error::Bug { stage: "lower", message: format!("{} of {dtype}", self.along.kind.info().name) };
        let identity: Scalar = scalar::identity(kind, dtype).ok_or_else(missing)?;
        let identity = eval.nest.constant(identity);
        let lanes = eval.nest.vector.map_or(1, |(_, lanes)| lanes);
        Ok(vec![eval.nest.widen(identity, lanes); self.positions.len()])
    }

    fn dtype(&self, eval: &Eval<'_>) -> Result<DType, Error> {
        match &self.target.source {
            Source::Shifted(value, _) => Ok(eval.function.ty(*value).dtype),
            _ => Err(Error::Bug { stage: "lower", message: "what accumulates is not a value".into() }),
        }
    }

    /// The position of number `number` at a step.
    fn position(&self, number: usize, step: &Affine) -> Position {
        let mut position = self.positions[number].clone();
        position[self.along.axis] =
            if self.along.reverse { step.times(-1).plus_constant(self.along.extent as i64 - 1) } else { step.clone() };
        position
    }

    fn all(&self, eval: &mut Eval<'_>, xs: Option<&[Var]>, ys: &[Var]) -> Vec<Var> {
        let Some(xs) = xs else { return ys.to_vec() };
        xs.iter().zip(ys).map(|(&x, &y)| combine(&mut eval.nest, self.along.kind, x, y)).collect()
    }
}

fn combine(nest: &mut Nest, kind: Cumulation, x: Var, y: Var) -> Var {
    let dtype = nest.ty(x).dtype;
    let binary = |nest: &mut Nest, op, x, y| nest.apply(dtype, &[x, y], 1, |a| Expr::Binary(op, a[0], a[1]));
    match kind {
        Cumulation::Add => binary(nest, Binary::Add, x, y),
        Cumulation::Mul => binary(nest, Binary::Mul, x, y),
        Cumulation::Max => binary(nest, Binary::Max, x, y),
        Cumulation::Min => binary(nest, Binary::Min, x, y),
        Cumulation::LogSumExp => {
            // log(e^x + e^y) = max + log1p(e^-|x - y|); the difference of equal infinities, NaN, decides nothing.
            let unary = |nest: &mut Nest, op, weight, x| nest.apply(dtype, &[x], weight, |a| Expr::Unary(op, a[0]));
            let most = binary(nest, Binary::Max, x, y);
            let difference = binary(nest, Binary::Sub, x, y);
            let size = unary(nest, Unary::Abs, 1, difference);
            let negated = unary(nest, Unary::Neg, 1, size);
            let ratio = unary(nest, Unary::Exp, 20, negated);
            let rest = unary(nest, Unary::Log1p, 20, ratio);
            let sum = binary(nest, Binary::Add, most, rest);
            let is_finite = nest.apply(DType::Bool, &[difference], 1, |a| Expr::IsFinite(a[0]));
            nest.apply(dtype, &[is_finite, sum, most], 1, |a| Expr::Select(a[0], a[1], a[2]))
        }
    }
}
