//! The walk that applies a table of rules to a function.
//!
//! Instructions are visited in order; each is emitted into a new function through one method, which first
//! offers it to the rules of its operation. A rule looks at the operation, its operands and what defines them *in the
//! new function*, all simplified already, and either declines or gives a value that stands for the result. What a
//! rule emits goes through the rules again, so a chain of rewrites is followed to its end at once, and one walk
//! suffices for everything that looks from a use to definitions. Instructions that lost their users stay behind for
//! dead code elimination. Instructions with several results or with regions are copied; regions are walked as functions.
//!
//! Why it ends: each rule of a table makes its instruction smaller in a measure of its own (fewer operations above
//! the operands, smaller operands, constants further right). That is a promise of the tables; three budgets make sure
//! of it, and [`RewriteStop`] says whether one was needed: rules applied inside each other ([`MAX_NESTING`]), rules applied
//! in total (proportional to the size of the function), and elements computed by constant evaluation ([`MAX_EVALUATED`]).

use std::collections::BTreeMap;
use std::sync::Arc;

use cranelift_entity::SecondaryMap;
use pullback_ir::infer::infer;
use pullback_ir::rewrite::{ValueMap, copy_inst, copy_params, map_results};
use pullback_ir::{
    Binary, Builder, DType, Elements, Function, Literal, Module, Op, Reduction, Scalar, Shape, Type, Unary, Value,
    Verified,
};
use smallvec::SmallVec;

use crate::pass::{Changed, Error};
use crate::regions::at_every_level;
use crate::rows::Rows;

/// How deep rules may be applied to what rules emit.
pub const MAX_NESTING: usize = 32;

/// The most elements that constant evaluation computes in one walk, so that compiling stays fast.
pub const MAX_EVALUATED: usize = 1 << 22;

/// A rewrite rule.
pub struct Rule {
    /// A name for statistics.
    pub name: &'static str,
    /// The rewrite as a formula, with its conditions.
    pub about: &'static str,
    /// Declines with `None`, or gives a value equal to the operation on the operands.
    pub(crate) apply: fn(&mut Rewriter<'_>, &Op, &[Value]) -> Option<Value>,
}

/// Which rules to try on an operation, in order; the first that applies wins.
pub type RuleTable = fn(&Op) -> &'static [&'static [Rule]];

/// Why a walk ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RewriteStop {
    /// No rule applies any more.
    Complete,
    /// Rules applied inside each other beyond [`MAX_NESTING`]; the innermost result was left as it is.
    Nesting,
    /// More rules applied than the size of the function allows; the rest was copied.
    Applications,
    /// Constant evaluation computed [`MAX_EVALUATED`] elements; later constants were left as they are.
    Evaluation,
}

/// The outcome of a walk.
#[derive(Debug)]
pub struct Rewritten<'f> {
    /// The new function, the old one if no rule applied.
    pub function: Changed<'f>,
    /// How often each rule applied, by name; rules that did not apply are absent.
    pub counts: BTreeMap<&'static str, usize>,
    /// Why the walk ended.
    pub stop: RewriteStop,
}

/// Applies a table of rules to a function and to its regions, on behalf of the pass of the given name.
///
/// # Errors
/// If a rule emits an instruction that does not type, which is a bug in it.
pub fn rewrite<'f>(
    pass: &'static str,
    module: &Verified<Module>,
    function: &'f Function,
    table: RuleTable,
) -> Result<Rewritten<'f>, Error> {
    let mut counts = BTreeMap::new();
    let (mut stop, mut evaluation_left) = (RewriteStop::Complete, MAX_EVALUATED);
    let function = at_every_level(pass, module, function, &mut |level| {
        let rewritten = rewrite_level(pass, module, level, table, &mut evaluation_left)?;
        for (rule, count) in rewritten.counts {
            *counts.entry(rule).or_insert(0) += count;
        }
        if rewritten.stop != RewriteStop::Complete {
            stop = rewritten.stop;
        }
        Ok(rewritten.function)
    })?;
    Ok(Rewritten { function, counts, stop })
}

/// As [`rewrite`], without regions. What it evaluates is taken from `evaluation_left`.
fn rewrite_level<'f>(
    pass: &'static str,
    module: &Verified<Module>,
    function: &'f Function,
    table: RuleTable,
    evaluation_left: &mut usize,
) -> Result<Rewritten<'f>, Error> {
    let b = Builder::new(module, &function.name);
    let mut map = ValueMap::new();
    copy_params(&b, function, &mut map);
    let mut w = Rewriter {
        b: &b,
        table,
        nesting: 0,
        applications_left: 1000 + 16 * function.insts().len(),
        evaluation_left: *evaluation_left,
        uses: SecondaryMap::new(),
        counts: BTreeMap::new(),
        stop: RewriteStop::Complete,
    };
    let uses = use_counts(function);
    for &inst in function.insts() {
        let (&[result], []) = (function.inst_results(inst), function.inst_regions(inst)) else {
            copy_inst(&b, function, inst, &mut map);
            continue;
        };
        let args: SmallVec<[Value; 4]> = function.args(inst).iter().map(|&arg| map.expect(&b, arg)).collect();
        b.set_provenance(function.provenance(inst).clone());
        let op = function.op(inst);
        let new = if function.ty(result).elements() == 0 && !matches!(op, Op::Constant(_)) {
            w.empty(function.ty(result))
        } else {
            w.emit_ref(op, &args)
        };
        map_results(&b, function, inst, &[new], &mut map);
        w.uses[new] += uses[result];
    }
    *evaluation_left = w.evaluation_left;
    let (counts, stop) = (w.counts, w.stop);
    if counts.is_empty() && !b.has_failed() {
        return Ok(Rewritten { function: Changed::Borrowed(function), counts, stop });
    }
    let results = map.expect_all(&b, function.results());
    let function = b.finish(&results).map_err(|error| Error::bug(pass, error))?;
    Ok(Rewritten { function: Changed::Owned(function), counts, stop })
}

/// How often each value is used, as an operand or a result of the function.
pub(crate) fn use_counts(function: &Function) -> SecondaryMap<Value, u32> {
    let mut uses = SecondaryMap::new();
    let args = function.insts().iter().flat_map(|&inst| function.args(inst));
    for &value in args.chain(function.results()) {
        uses[value] += 1;
    }
    uses
}

/// What a rule sees of the new function, and how it adds to it.
pub(crate) struct Rewriter<'a> {
    b: &'a Builder<'a>,
    table: RuleTable,
    nesting: usize,
    applications_left: usize,
    evaluation_left: usize,
    /// Uses in the old function of what became a value of the new one.
    uses: SecondaryMap<Value, u32>,
    counts: BTreeMap<&'static str, usize>,
    stop: RewriteStop,
}

impl Rewriter<'_> {
    /// Emits an operation with one result, simplified.
    pub(crate) fn emit(&mut self, op: Op, args: &[Value]) -> Value {
        match self.simplified(&op, args) {
            Some(value) => value,
            None => self.b.emit(op, args),
        }
    }

    fn emit_ref(&mut self, op: &Op, args: &[Value]) -> Value {
        match self.simplified(op, args) {
            Some(value) => value,
            None => self.b.emit(op.clone(), args),
        }
    }

    fn simplified(&mut self, op: &Op, args: &[Value]) -> Option<Value> {
        // After a recorded mistake operands are placeholders, of which rules would ask the wrong questions.
        if self.b.has_failed() {
            return None;
        }
        for rules in (self.table)(op) {
            for rule in *rules {
                if self.nesting == MAX_NESTING {
                    self.stop = RewriteStop::Nesting;
                    return None;
                }
                if self.applications_left == 0 {
                    self.stop = RewriteStop::Applications;
                    return None;
                }
                self.nesting += 1;
                let value = (rule.apply)(self, op, args);
                self.nesting -= 1;
                if value.is_some() {
                    self.count(rule.name);
                    self.applications_left = self.applications_left.saturating_sub(1);
                    return value;
                }
            }
        }
        None
    }

    fn count(&mut self, rule: &'static str) {
        *self.counts.entry(rule).or_insert(0) += 1;
    }

    /// The constant of a type without elements.
    fn empty(&mut self, ty: &Type) -> Value {
        self.count("empty_result");
        match Literal::dense(ty.shape.clone(), Elements::empty(ty.dtype, 0)) {
            Some(literal) => self.constant(literal),
            None => self.b.fail("constant", format!("{ty} has elements")),
        }
    }

    /// Takes from the budget of constant evaluation; false if it is spent.
    pub(crate) fn may_evaluate(&mut self, elements: usize) -> bool {
        match self.evaluation_left.checked_sub(elements) {
            Some(left) => {
                self.evaluation_left = left;
                true
            }
            None => {
                self.stop = RewriteStop::Evaluation;
                false
            }
        }
    }

    /// Emits a constant.
    pub(crate) fn constant(&self, literal: Literal) -> Value {
        self.b.constant(literal)
    }

    /// Emits a constant of one repeated element.
    pub(crate) fn splat(&self, value: Scalar, shape: Shape) -> Value {
        self.constant(Literal::splat(value, shape))
    }

    /// Whether a value has at most one use, so that a rule that computes its user in another way makes it superfluous.
    ///
    /// Uses are those of the old function, dead ones included: a second round may find fewer.
    pub(crate) fn is_used_once(&self, value: Value) -> bool {
        self.uses[value] <= 1
    }

    /// The elements of another value that these are one after the other, if they are.
    pub(crate) fn joined_rows(&self, values: &[Value]) -> Option<Rows> {
        let f = self.b.function();
        Rows::joined(values.iter().map(|&value| Rows::of(&f, value)))
    }

    /// The type of a value.
    pub(crate) fn ty(&self, value: Value) -> Type {
        self.b.ty(value)
    }

    /// The element type of a value.
    pub(crate) fn dtype(&self, value: Value) -> DType {
        self.b.function().ty(value).dtype
    }

    /// The extents of a value.
    pub(crate) fn extents(&self, value: Value) -> Vec<usize> {
        self.b.function().ty(value).shape.extents()
    }

    /// Whether a value is a constant.
    pub(crate) fn is_constant(&self, value: Value) -> bool {
        let f = self.b.function();
        f.def_inst(value).is_some_and(|inst| matches!(f.op(inst), Op::Constant(_)))
    }

    /// The tensor a value is, if known.
    pub(crate) fn literal(&self, value: Value) -> Option<Arc<Literal>> {
        let f = self.b.function();
        if let Op::Constant(literal) = f.op(f.def_inst(value)?) { Some(literal.clone()) } else { None }
    }

    /// The element that a value repeats, if known.
    pub(crate) fn splat_of(&self, value: Value) -> Option<Scalar> {
        let f = self.b.function();
        if let Op::Constant(literal) = f.op(f.def_inst(value)?) { literal.as_splat() } else { None }
    }

    /// Whether a value repeats `x`, to the bit, rounded to its element type.
    pub(crate) fn is_splat(&self, value: Value, x: f64) -> bool {
        self.splat_of(value).is_some_and(|found| found == Scalar::from_f64(found.dtype(), x))
    }

    /// What `pick` takes from the operation that defines a value, with the operands.
    ///
    /// `pick` is asked for the parts that a rule needs so that nothing is copied when it declines.
    pub(crate) fn matching<T>(
        &self,
        value: Value,
        pick: impl FnOnce(&Op) -> Option<T>,
    ) -> Option<(T, SmallVec<[Value; 2]>)> {
        let f = self.b.function();
        let inst = f.def_inst(value)?;
        let picked = pick(f.op(inst))?;
        Some((picked, SmallVec::from_slice(f.args(inst))))
    }

    /// As [`Self::matching`], for operations of one operand.
    pub(crate) fn matching_one<T>(&self, value: Value, pick: impl FnOnce(&Op) -> Option<T>) -> Option<(T, Value)> {
        let (picked, args) = self.matching(value, pick)?;
        args.first().map(|&x| (picked, x))
    }
}

impl Rewriter<'_> {
    /// The type that an operation would give.
    pub(crate) fn result_type(&self, op: &Op, args: &[Value]) -> Option<Type> {
        let f = self.b.function();
        let types: SmallVec<[&Type; 4]> = args.iter().map(|&arg| f.ty(arg)).collect();
        infer(self.b.module(), op, &types, &[]).ok()?.pop()
    }

    /// The operand of the elementwise operation that defines a value.
    pub(crate) fn unary(&self, value: Value, op: Unary) -> Option<Value> {
        self.matching_one(value, |found| (*found == Op::Unary(op)).then_some(())).map(|(_, x)| x)
    }

    /// The operands of the elementwise operation that defines a value.
    pub(crate) fn binary(&self, value: Value, op: Binary) -> Option<(Value, Value)> {
        match self.matching(value, |found| (*found == Op::Binary(op)).then_some(()))?.1[..] {
            [x, y] => Some((x, y)),
            _ => None,
        }
    }

    /// Emits an elementwise operation, simplified.
    pub(crate) fn emit_unary(&mut self, op: Unary, x: Value) -> Value {
        self.emit(Op::Unary(op), &[x])
    }

    /// Emits an elementwise operation, simplified.
    pub(crate) fn emit_binary(&mut self, op: Binary, x: Value, y: Value) -> Value {
        self.emit(Op::Binary(op), &[x, y])
    }

    /// A constant like `value` in type that repeats `x`.
    pub(crate) fn splat_like(&self, value: Value, x: f64) -> Value {
        self.b.splat_like(value, x)
    }

    /// Emits a reshape, simplified; the value itself if it has the shape.
    pub(crate) fn reshape(&mut self, x: Value, shape: Shape) -> Value {
        if self.ty(x).shape == shape { x } else { self.emit(Op::Reshape(Box::new(shape)), &[x]) }
    }

    /// Emits a reduction, simplified; the value itself without axes.
    pub(crate) fn reduce(&mut self, kind: Reduction, x: Value, axes: Vec<usize>) -> Value {
        if axes.is_empty() { x } else { self.emit(Op::Reduce { kind, axes: axes.into() }, &[x]) }
    }
}
