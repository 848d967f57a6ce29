//! Sums, found: trees of additions and what they add.

use cranelift_entity::{EntitySet, SecondaryMap};
use pullback_ir::{Binary, Function, Inst, Op, Scalar, Unary, Value};

use super::definition;
use crate::passes::part::Part;
use crate::rewriter::use_counts;

/// Deeper than any addition: what joins the parts of a concatenation, of which no two cover a position.
const WITHIN_CONCATENATION: u32 = u32::MAX;

/// What is known of the values of a function.
pub(super) struct Uses {
    counts: SecondaryMap<Value, u32>,
    /// Additions that a pad reaches through additions of one use.
    padded: EntitySet<Value>,
}

impl Uses {
    pub(super) fn of(function: &Function) -> Self {
        let mut uses = Self { counts: use_counts(function), padded: EntitySet::new() };
        for &inst in function.insts() {
            let (Some((x, y)), &[value]) = (addition(function, inst), function.inst_results(inst)) else { continue };
            if [x, y].into_iter().any(|operand| uses.is_inner(operand) || padded(function, operand).is_some()) {
                uses.padded.insert(value);
            }
        }
        uses
    }

    /// Whether a value is an addition to be taken apart.
    fn is_inner(&self, value: Value) -> bool {
        self.counts[value] == 1 && self.padded.contains(value)
    }
}

/// A term of a sum.
pub(super) struct Leaf {
    /// What the leaf is where it is not padding.
    pub(super) value: Value,
    /// Negations and products with constants that the padded value goes through, innermost first.
    pub(super) scaling: Vec<Inst>,
    /// Where it is.
    pub(super) part: Part,
    /// Whether it is 0.0 elsewhere. If not, it is -0.0, or another leaf of the same term is there: it adds nothing.
    pub(super) adds_zero: bool,
}

/// A tree of additions.
pub(super) struct Sum {
    /// The result.
    pub(super) value: Value,
    /// The additions but for the outermost.
    pub(super) inner: Vec<Inst>,
    /// What is added, from left to right.
    pub(super) leaves: Vec<Leaf>,
    /// The depth of the addition that joins each leaf and the next.
    depths: Vec<u32>,
    pads: usize,
    /// Terms that are neither pads nor concatenations.
    whole: Vec<Value>,
}

impl Sum {
    /// The sum whose outermost addition is `inst`, if a pad is in it and something uses it.
    pub(super) fn rooted_at(function: &Function, inst: Inst, uses: &Uses) -> Option<Self> {
        let &[value] = function.inst_results(inst) else { return None };
        let operands = addition(function, inst)?;
        if !uses.padded.contains(value) || uses.counts[value] == 0 || function.ty(value).elements() == 0 {
            return None;
        }
        let mut sum =
            Self { value, inner: Vec::new(), leaves: Vec::new(), depths: Vec::new(), pads: 0, whole: Vec::new() };
        sum.collect(function, operands, uses);
        Some(sum)
    }

    /// Goes through the tree from left to right; with a stack of its own, so that long chains are no problem.
    fn collect(&mut self, function: &Function, (x, y): (Value, Value), uses: &Uses) {
        enum Step {
            Enter(Value, u32),
            Join(u32),
        }
        let mut steps = vec![Step::Enter(y, 1), Step::Join(0), Step::Enter(x, 1)];
        let mut join = 0;
        while let Some(step) = steps.pop() {
            match step {
                Step::Join(depth) => join = depth,
                Step::Enter(value, depth) => {
                    let inner = function.def_inst(value).filter(|_| uses.is_inner(value));
                    if let Some((inst, (x, y))) = inner.and_then(|inst| Some((inst, addition(function, inst)?))) {
                        self.inner.push(inst);
                        steps.extend([Step::Enter(y, depth + 1), Step::Join(depth), Step::Enter(x, depth + 1)]);
                    } else {
                        self.add_term(function, value, join, uses);
                    }
                }
            }
        }
    }

    fn add_term(&mut self, function: &Function, value: Value, join: u32, uses: &Uses) {
        if let Some(leaf) = padded(function, value) {
            self.pads += 1;
            return self.add_leaf(leaf, join);
        }
        let extents = function.ty(value).shape.extents();
        let plain = |value, part| Leaf { value, scaling: Vec::new(), part, adds_zero: false };
        if let Some((inst, &Op::Concatenate { axis })) = definition(function, value)
            && uses.counts[value] == 1
        {
            let (mut start, mut join) = (0, join);
            for &part in function.args(inst) {
                let limit = start + function.ty(part).shape.extent(axis).unwrap_or(0);
                if start < limit {
                    self.add_leaf(plain(part, Part::whole(&extents).along(axis, start, limit)), join);
                    join = WITHIN_CONCATENATION;
                }
                start = limit;
            }
            return;
        }
        self.whole.push(value);
        self.add_leaf(plain(value, Part::whole(&extents)), join);
    }

    fn add_leaf(&mut self, leaf: Leaf, join: u32) {
        if !self.leaves.is_empty() {
            self.depths.push(join);
        }
        self.leaves.push(leaf);
    }

    /// The depth of the addition that joins two leaves: the least between them.
    pub(super) fn depth_between(&self, left: usize, right: usize) -> u32 {
        self.depths.get(left..right).and_then(|depths| depths.iter().copied().min()).unwrap_or(0)
    }

    /// Whether pieces are less work than sums: each pad is an array less that is stored, each whole term that would have been computed where it is
    /// added is one more.
    pub(super) fn pays(&self, function: &Function, uses: &Uses) -> bool {
        let computed = self.whole.iter().filter(|&&value| !is_stored_anyway(function, uses, value));
        self.pads > computed.count()
    }
}

/// The operands of an addition of numbers.
fn addition(function: &Function, inst: Inst) -> Option<(Value, Value)> {
    match (function.op(inst), function.args(inst)) {
        (Op::Binary(Binary::Add), &[x, y]) => Some((x, y)),
        _ => None,
    }
}

/// The operand and the repeated element, if `inst` multiplies by one that is finite.
pub(super) fn factor(function: &Function, inst: Inst) -> Option<(Value, Scalar)> {
    let (Op::Binary(Binary::Mul), &[x, c]) = (function.op(inst), function.args(inst)) else { return None };
    let (_, Op::Constant(literal)) = definition(function, c)? else { return None };
    let factor = literal.as_splat().filter(|factor| factor.to_f64().is_finite())?;
    Some((x, factor))
}

/// A leaf for a value that is zero but for a part: a pad, possibly negated or multiplied by a constant.
fn padded(function: &Function, value: Value) -> Option<Leaf> {
    let (mut value, mut scaling, mut negative) = (value, Vec::new(), false);
    loop {
        let (inst, op) = definition(function, value)?;
        let args = function.args(inst);
        if let (Op::Pad(spec), &[x, fill]) = (op, args) {
            let (_, Op::Constant(literal)) = definition(function, fill)? else { return None };
            let zero = literal.as_splat().filter(|fill| fill.to_f64() == 0.0)?;
            let is_added = spec.low.iter().chain(&spec.high).all(|&count| count >= 0);
            let extents = function.ty(x).shape.extents();
            if !is_added || spec.interior.iter().any(|&count| count > 0) || extents.contains(&0) {
                return None;
            }
            let start: Vec<usize> = spec.low.iter().map(|&low| usize::try_from(low)).collect::<Result<_, _>>().ok()?;
            let limit = start.iter().zip(&extents).map(|(start, extent)| start + extent).collect();
            scaling.reverse();
            let is_negative = zero.to_f64().is_sign_negative() != negative;
            return Some(Leaf { value: x, scaling, part: Part { start, limit }, adds_zero: !is_negative });
        }
        let x = match (op, args) {
            (Op::Unary(Unary::Neg), &[x]) => {
                negative = !negative;
                x
            }
            _ => {
                let (x, factor) = factor(function, inst)?;
                negative ^= factor.to_f64().is_sign_negative();
                x
            }
        };
        scaling.push(inst);
        value = x;
    }
}

/// Whether a value is in memory however it is used, or costs nothing to compute in pieces.
fn is_stored_anyway(function: &Function, uses: &Uses, value: Value) -> bool {
    let mut value = value;
    loop {
        let Some((inst, op)) = definition(function, value).filter(|_| uses.counts[value] == 1) else { return true };
        match op {
            Op::Unary(_)
            | Op::Binary(_)
            | Op::Compare(_)
            | Op::IsFinite
            | Op::Select
            | Op::Clamp
            | Op::Convert(_)
            | Op::Bitcast(_)
            | Op::Gather(_)
            | Op::Reduce { .. } => return false,
            // As what it is a view of.
            Op::Broadcast(_)
            | Op::Reshape(_)
            | Op::Transpose(_)
            | Op::Reverse(_)
            | Op::Slice(_)
            | Op::DynamicSlice(_)
            | Op::Windows(_) => match function.args(inst) {
                &[x, ..] => value = x,
                [] => return true,
            },
            Op::Constant(_)
            | Op::Iota { .. }
            | Op::Pad(_)
            | Op::Concatenate { .. }
            | Op::Dot(_)
            | Op::Call(_)
            | Op::Barrier
            | Op::ArgReduce { .. }
            | Op::Cumulative { .. }
            | Op::DynamicUpdateSlice
            | Op::Scatter { .. }
            | Op::OverlapAdd { .. }
            | Op::ReduceWindow { .. }
            | Op::SelectAndScatter { .. }
            | Op::Conv(_)
            | Op::Sort { .. }
            | Op::TopK { .. }
            | Op::RandomBits(_)
            | Op::Cholesky
            | Op::TriangularSolve { .. }
            | Op::Scan(_)
            | Op::While(_)
            | Op::Cond
            | Op::Switch
            | Op::CustomDerivative(_)
            | Op::TransposeRule { .. }
            | Op::Checkpoint => return true,
        }
    }
}
