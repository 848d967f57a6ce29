//! Assembles sums of what is padded with zeros: `pad a + pad b` becomes one array written in pieces.
//!
//! Why: the adjoint of a slice is a pad, so an array of which a program reads `n` slices gets `n` pads, each as large as the array, each stored and
//! added to the others. Along an axis, most of them are zero: the sum is a concatenation of what is not.
//!
//! A *sum* is a tree of additions whose inner results nothing else uses; its *leaves* are pads, possibly negated or multiplied by a constant,
//! concatenations, and whole arrays. The positions are cut, axis by axis, where a leaf begins or ends (`plan.rs`). Each piece is the sum, in the order of the tree, of
//! the leaves that cover it. Zeros only decide about the sign of a sum that is zero: `x + 0.0` is `x`, but 0.0 for -0.0, and it does not
//! matter at which addition; so a piece that some zero of a pad reaches has one `0.0` added at its end. What comes out is the same to the bit.
//!
//! Not assembled are sums in which pieces would save nothing: a whole array that would have been computed where it is added has to be stored to be
//! read in pieces. Nor those of overlapping leaves that would be cut into too many pieces.
//!
//! After: no sum has two pads, but for those.

mod plan;
mod sum;

use std::collections::BTreeMap;

use cranelift_entity::EntitySet;
use pullback_ir::rewrite::{ValueMap, copy_inst, copy_params, map_results};
use pullback_ir::{Binary, Builder, Function, Inst, Literal, Module, Op, Scalar, Shape, Unary, Value, Verified};

use self::plan::Plan;
use self::sum::{Sum, Uses};
use crate::pass::{Changed, Error, Pass};
use crate::passes::part::Part;
use crate::regions::at_every_level;

/// The pass.
pub static ASSEMBLE_SUMS: Pass = Pass {
    name: "assemble_sums",
    about: "write sums of padded arrays in pieces that do not overlap",
    may_change: |_| true,
    waits: false,
    run,
};

fn run<'f>(module: &Verified<Module>, function: &'f Function) -> Result<Changed<'f>, Error> {
    at_every_level(ASSEMBLE_SUMS.name, module, function, &mut |level| run_level(module, level))
}

fn run_level<'f>(module: &Verified<Module>, function: &'f Function) -> Result<Changed<'f>, Error> {
    let (sums, inner) = sums(function);
    if sums.is_empty() {
        return Ok(Changed::Borrowed(function));
    }
    let b = Builder::new(module, &function.name);
    let mut map = ValueMap::new();
    copy_params(&b, function, &mut map);
    for &inst in function.insts().iter().filter(|&&inst| !inner.contains(inst)) {
        match sums.get(&inst) {
            None => copy_inst(&b, function, inst, &mut map),
            Some((sum, plan)) => {
                let assembled = assemble(&b, function, inst, sum, plan, &map);
                map_results(&b, function, inst, &[assembled], &mut map);
            }
        }
    }
    let results = map.expect_all(&b, function.results());
    b.finish(&results).map(Changed::Owned).map_err(|error| Error::bug(ASSEMBLE_SUMS.name, error))
}

type Sums = BTreeMap<Inst, (Sum, Plan)>;

/// The sums to assemble by their outermost addition, and the additions inside them.
fn sums(function: &Function) -> (Sums, EntitySet<Inst>) {
    let uses = Uses::of(function);
    let (mut sums, mut inner, mut seen) = (Sums::new(), EntitySet::new(), EntitySet::new());
    // From last to first, so that the outermost addition of a tree comes before the others.
    for &inst in function.insts().iter().rev() {
        if seen.contains(inst) {
            continue;
        }
        let Some(sum) = Sum::rooted_at(function, inst, &uses) else { continue };
        for &addition in &sum.inner {
            seen.insert(addition);
        }
        let whole = Part::whole(&function.ty(sum.value).shape.extents());
        let parts: Vec<&Part> = sum.leaves.iter().map(|leaf| &leaf.part).collect();
        if let (true, Some(plan)) = (sum.pays(function, &uses), plan::plan(&parts, &whole)) {
            for &addition in &sum.inner {
                inner.insert(addition);
            }
            sums.insert(inst, (sum, plan));
        }
    }
    (sums, inner)
}

/// Emits a sum as planned.
fn assemble(b: &Builder<'_>, function: &Function, inst: Inst, sum: &Sum, plan: &Plan, map: &ValueMap) -> Value {
    let dtype = function.ty(sum.value).dtype;
    let leaves = sum.leaves.iter().map(|leaf| {
        leaf.scaling.iter().fold(map.expect(b, leaf.value), |x, &inst| {
            b.set_provenance(function.provenance(inst).clone());
            scaled(b, function, inst, x)
        })
    });
    let leaves = leaves.collect();
    b.set_provenance(function.provenance(inst).clone());
    let zeros = sum.leaves.iter().filter(|leaf| leaf.adds_zero).count();
    let gap = Scalar::from_f64(dtype, if zeros > 0 || !dtype.is_float() { 0.0 } else { -0.0 });
    Assembler { b, sum, leaves, zeros: if dtype.is_float() { zeros } else { 0 }, gap }.emit(plan)
}

/// The negation, or product with a repeated element, that `inst` is, of `x` in the place of its operand.
fn scaled(b: &Builder<'_>, function: &Function, inst: Inst, x: Value) -> Value {
    match sum::factor(function, inst) {
        Some((_, factor)) => b.binary(Binary::Mul, x, b.constant(Literal::splat(factor, b.shape(x)))),
        None => b.unary(Unary::Neg, x),
    }
}

struct Assembler<'a> {
    b: &'a Builder<'a>,
    sum: &'a Sum,
    /// What each leaf is in the new function, without its padding.
    leaves: Vec<Value>,
    /// How many leaves add 0.0 where they do not reach.
    zeros: usize,
    /// What is where no leaf reaches.
    gap: Scalar,
}

impl Assembler<'_> {
    /// The recursion is as deep as there are axes.
    fn emit(&self, plan: &Plan) -> Value {
        match plan {
            Plan::Gap(part) => match Shape::new(&part.extents()) {
                Ok(shape) => self.b.constant(Literal::splat(self.gap, shape)),
                Err(error) => self.b.fail("constant", error.to_string()),
            },
            Plan::Piece { part, leaves } => self.piece(part, leaves),
            Plan::Cut { axis, pieces } => {
                let pieces: Vec<Value> = pieces.iter().map(|piece| self.emit(piece)).collect();
                self.b.concatenate(&pieces, *axis)
            }
        }
    }

    /// The sum of leaves that cover a part, in the order of the tree.
    fn piece(&self, part: &Part, leaves: &[usize]) -> Value {
        // Terms, each with the depth of the addition that joins it to the one before; deeper ones come first.
        let mut terms: Vec<(Value, u32)> = Vec::with_capacity(leaves.len());
        let mut before = None;
        for &leaf in leaves {
            let depth = before.map_or(0, |before| self.sum.depth_between(before, leaf));
            self.join_deeper(&mut terms, depth);
            terms.push((self.part_of(leaf, part), depth));
            before = Some(leaf);
        }
        self.join_deeper(&mut terms, 0);
        let total = terms.iter().map(|&(term, _)| term).reduce(|x, y| self.b.binary(Binary::Add, x, y));
        let Some(total) = total else { return self.b.fail("add", "a piece without leaves") };
        let reaching = leaves.iter().filter(|&&leaf| self.sum.leaves.get(leaf).is_some_and(|leaf| leaf.adds_zero));
        if reaching.count() < self.zeros {
            return self.b.binary(Binary::Add, total, self.b.splat_like(total, 0.0));
        }
        total
    }

    fn join_deeper(&self, terms: &mut Vec<(Value, u32)>, depth: u32) {
        while let [.., (x, outer), (y, inner)] = terms[..]
            && inner > depth
        {
            terms.truncate(terms.len() - 2);
            terms.push((self.b.binary(Binary::Add, x, y), outer));
        }
    }

    fn part_of(&self, leaf: usize, part: &Part) -> Value {
        match (self.leaves.get(leaf), self.sum.leaves.get(leaf)) {
            (Some(&value), Some(leaf)) => part.within(&leaf.part).of(self.b, value),
            _ => self.b.fail("slice", "a leaf that the sum does not have"),
        }
    }
}

/// The operation that defines a value, with its instruction.
fn definition(function: &Function, value: Value) -> Option<(Inst, &Op)> {
    let inst = function.def_inst(value)?;
    Some((inst, function.op(inst)))
}
