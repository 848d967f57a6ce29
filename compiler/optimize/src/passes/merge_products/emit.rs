//! A function with products merged.
//!
//! A merged product comes before the first of the products it takes the place of, and what it needs before it. So instructions are emitted in their order, but for what is
//! needed earlier.

use cranelift_entity::{EntitySet, SecondaryMap};
use pullback_ir::rewrite::{ValueMap, copy_inst, copy_params, map_results};
use pullback_ir::{BuildError, Builder, Function, Inst, Module, Value, Verified};

use super::join::{Joined, Joins, Source};
use super::{Factor, MERGE_PRODUCTS, Merge, Merged, Place};
use crate::rows::Rows;

/// The function with these changes, and without the instructions that are superfluous with them.
pub(super) fn emit(
    module: &Verified<Module>,
    function: &Function,
    (merges, superfluous): (&[Merge], &[Inst]),
    joins: &Joins,
) -> Result<Function, BuildError> {
    let b = Builder::new(module, &function.name);
    let mut map = ValueMap::new();
    copy_params(&b, function, &mut map);
    let mut of_inst = SecondaryMap::new();
    for merge in merges {
        match &merge.place {
            Place::Rows(members) => members.iter().for_each(|&(inst, _)| of_inst[inst] = Some(merge)),
            Place::Terms(root, _) => of_inst[*root] = Some(merge),
        }
    }
    let mut skipped = EntitySet::new();
    skipped.extend(superfluous.iter().copied());
    let joined = vec![None; joins.all.len()];
    let mut emission = Emission { b: &b, function, joins, of_inst, map, joined };
    for &inst in function.insts().iter().filter(|&&inst| !skipped.contains(inst)) {
        emission.demand(inst);
    }
    let results = emission.map.expect_all(&b, function.results());
    b.finish(&results)
}

struct Emission<'a> {
    b: &'a Builder<'a>,
    function: &'a Function,
    joins: &'a Joins,
    /// The change that an instruction is part of.
    of_inst: SecondaryMap<Inst, Option<&'a Merge>>,
    map: ValueMap,
    /// The joins that were emitted.
    joined: Vec<Option<Value>>,
}

impl<'a> Emission<'a> {
    /// Emits an instruction behind what it needs, unless it was; with a stack of its own, so that long chains are no problem.
    fn demand(&mut self, inst: Inst) {
        let mut stack = Vec::new();
        self.for_each_needed(inst, |value| stack.push(value));
        if stack.is_empty() && !self.is_done(inst) {
            return self.emit(inst);
        }
        let mut open = EntitySet::new();
        stack.clear();
        stack.push(inst);
        while let Some(&inst) = stack.last() {
            if self.is_done(inst) {
                stack.pop();
                continue;
            }
            let before = stack.len();
            self.for_each_needed(inst, |value| stack.push(value));
            // In the order in which they were.
            stack[before..].sort_unstable_by(|one, other| other.cmp(one));
            if stack.len() == before {
                self.emit(inst);
                stack.pop();
            } else if !open.insert(inst) {
                // Not reached: what is merged does not depend on itself.
                self.b.fail(MERGE_PRODUCTS.name, format!("{inst} needs itself"));
                return;
            }
        }
    }

    fn is_done(&self, inst: Inst) -> bool {
        self.function.inst_results(inst).iter().all(|&result| self.map.get(result).is_some())
    }

    /// The instructions that have to come before another, and did not yet.
    fn for_each_needed(&self, inst: Inst, mut visit: impl FnMut(Inst)) {
        let mut need = |value: &Value| {
            if self.map.get(*value).is_none() {
                self.function.def_inst(*value).into_iter().for_each(&mut visit);
            }
        };
        let Some(merge) = self.of_inst[inst] else { return self.function.args(inst).iter().for_each(need) };
        for product in &merge.products {
            for factor in [&product.lhs, &product.rhs] {
                match factor {
                    Factor::Shared(value) => need(value),
                    Factor::Own(joined) => self.joins.needed(joined).iter().for_each(&mut need),
                }
            }
        }
        if let Place::Terms(_, others) = &merge.place {
            others.iter().for_each(need);
        }
    }

    fn emit(&mut self, inst: Inst) {
        let (b, function) = (self.b, self.function);
        let Some(merge) = self.of_inst[inst] else { return copy_inst(b, function, inst, &mut self.map) };
        b.set_provenance(function.provenance(inst).clone());
        let products: Vec<Value> = merge.products.iter().map(|product| self.product(product)).collect();
        match &merge.place {
            Place::Rows(members) => {
                let Some(&product) = products.first() else { return };
                let mut start = 0;
                for &(member, rows) in members {
                    b.set_provenance(function.provenance(member).clone());
                    let row = b.slice_axis(product, 0, start, start + rows);
                    start += rows;
                    let shapes = function.inst_results(member).iter().map(|&out| &function.ty(out).shape);
                    let row = shapes.fold(row, |row, shape| self.reshape(row, shape));
                    map_results(b, function, member, &[row], &mut self.map);
                }
            }
            Place::Terms(root, others) => {
                let others = self.map.expect_all(b, others);
                let sum = products.into_iter().chain(others).reduce(|sum, term| b.add(sum, term));
                map_results(b, function, *root, sum.as_slice(), &mut self.map);
            }
        }
    }

    fn product(&mut self, product: &Merged) -> Value {
        let [lhs, rhs] = [&product.lhs, &product.rhs].map(|factor| match factor {
            Factor::Shared(value) => self.map.expect(self.b, *value),
            Factor::Own(joined) => self.operand(joined),
        });
        self.b.dot(lhs, rhs, product.dims.clone())
    }

    fn operand(&mut self, joined: &Joined) -> Value {
        let elements = joined.shape.elements();
        let rows = match joined.source {
            Source::Rows(rows) => Rows { of: self.map.expect(self.b, rows.of), ..rows },
            Source::Join(number, start) => Rows { of: self.join(number), start, elements },
        };
        let whole = rows.elements == self.b.ty(rows.of).elements();
        let of = match rows.slice(&self.b.ty(rows.of)) {
            Some(spec) if !whole => self.b.slice(rows.of, &spec.start, &spec.limit, &spec.stride),
            _ => rows.of,
        };
        self.reshape(of, &joined.shape)
    }

    /// The concatenation of what is joined.
    fn join(&mut self, number: usize) -> Value {
        let join = &self.joins.all[number];
        if let Some(value) = self.joined[number].or_else(|| join.there.map(|value| self.map.expect(self.b, value))) {
            return value;
        }
        let row: usize = join.shape.extents().iter().skip(1).product();
        let parts: Vec<Value> = join
            .parts
            .iter()
            .map(|&part| {
                let mut extents = join.shape.extents();
                extents[0] = self.function.ty(part).elements().checked_div(row).unwrap_or(0);
                let part = self.map.expect(self.b, part);
                match pullback_ir::Shape::new(&extents) {
                    Ok(shape) => self.reshape(part, &shape),
                    Err(error) => self.b.fail(MERGE_PRODUCTS.name, error.to_string()),
                }
            })
            .collect();
        let value = self.b.concatenate(&parts, 0);
        self.joined[number] = Some(value);
        value
    }

    fn reshape(&self, value: Value, shape: &pullback_ir::Shape) -> Value {
        if self.b.shape(value) == *shape { value } else { self.b.reshape(value, shape) }
    }
}
