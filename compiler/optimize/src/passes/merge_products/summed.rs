//! Sums of products: found, and planned as one product.

use std::cmp::Reverse;
use std::collections::HashMap;

use cranelift_entity::{EntitySet, SecondaryMap};
use pullback_ir::{Binary, DotDims, Function, Inst, Op, Shape, Value};

use super::join::{Join, Joins};
use super::{Factor, MAX_BYTES, MIN_PRODUCTS, Merge, Merged, Place, Product};
use crate::rewriter::use_counts;

/// A tree of additions whose inner results nothing else uses.
struct Sum {
    root: Inst,
    inner: Vec<Inst>,
    /// What is added, from left to right.
    terms: Vec<Value>,
}

/// Products that can be one: dimensions, and extents of both sides without the first axis, which is contracted.
type Kind = (Vec<usize>, Vec<usize>);

/// The sums whose products are to be merged, and the instructions that are superfluous then.
pub(super) fn find(function: &Function, joins: &mut Joins) -> (Vec<Merge>, Vec<Inst>) {
    let uses = use_counts(function);
    let mut found: Vec<(Sum, Vec<Vec<Value>>)> = Vec::new();
    for sum in sums(function, &uses) {
        let groups = groups(function, &uses, &sum);
        if !groups.is_empty() {
            found.push((sum, groups));
        }
    }
    // First those of parts of a value, whose order is given, then those of many products: what they join others find joined.
    found.sort_by_cached_key(|(_, groups)| {
        let is_ordered = groups.iter().any(|group| has_order(function, joins, group));
        (!is_ordered, Reverse(groups.iter().map(Vec::len).sum::<usize>()))
    });
    let (mut merges, mut superfluous) = (Vec::new(), Vec::new());
    for (sum, groups) in found {
        let position = function.inst_results(sum.root).first().map_or(0, |&value| joins.position(value));
        let (mut products, mut merged) = (Vec::new(), EntitySet::new());
        for group in groups.iter().flat_map(|group| chunks(function, group)) {
            if let Some(product) = merge(function, joins, (group, position)) {
                products.push(product);
                merged.extend(group.iter().copied());
                superfluous.extend(group.iter().filter_map(|&value| function.def_inst(value)));
            }
        }
        if !products.is_empty() {
            superfluous.extend(sum.inner.iter().copied());
            let others = sum.terms.into_iter().filter(|&term| !merged.contains(term)).collect();
            merges.push(Merge { products, place: Place::Terms(sum.root, others) });
        }
    }
    (merges, superfluous)
}

/// All sums of a function.
fn sums(function: &Function, uses: &SecondaryMap<Value, u32>) -> Vec<Sum> {
    let addition = |value: Value| {
        let inst = function.def_inst(value)?;
        match (function.op(inst), function.args(inst)) {
            (Op::Binary(Binary::Add), &[x, y]) => Some((inst, [x, y])),
            _ => None,
        }
    };
    let (mut found, mut seen) = (Vec::new(), EntitySet::new());
    // From last to first, so that the outermost addition of a tree comes before the others.
    for &inst in function.insts().iter().rev() {
        let &[value] = function.inst_results(inst) else { continue };
        let Some((root, operands)) = addition(value).filter(|&(inst, _)| !seen.contains(inst)) else { continue };
        let mut sum = Sum { root, inner: Vec::new(), terms: Vec::new() };
        // With a stack of its own, so that long chains are no problem.
        let mut stack: Vec<Value> = operands.into_iter().rev().collect();
        while let Some(term) = stack.pop() {
            match addition(term).filter(|_| uses[term] == 1) {
                Some((inst, operands)) => {
                    seen.insert(inst);
                    sum.inner.push(inst);
                    stack.extend(operands.into_iter().rev());
                }
                None => sum.terms.push(term),
            }
        }
        found.push(sum);
    }
    found
}

/// The terms of a sum that are products to be merged with each other.
fn groups(function: &Function, uses: &SecondaryMap<Value, u32>, sum: &Sum) -> Vec<Vec<Value>> {
    if sum.terms.len() < MIN_PRODUCTS {
        return Vec::new();
    }
    let (mut groups, mut numbers): (Vec<Vec<Value>>, HashMap<Kind, usize>) = (Vec::new(), HashMap::new());
    for &term in sum.terms.iter().filter(|&&term| uses[term] == 1) {
        let product = function.def_inst(term).and_then(|inst| Product::small(function, inst));
        let Some(kind) = product.and_then(|product| kind(function, &product)) else { continue };
        let number = *numbers.entry(kind).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[number].push(term);
    }
    groups.retain(|group| group.len() >= MIN_PRODUCTS);
    groups
}

/// The rows and what is in each row, of an operand of which the first axis alone is contracted, or none: then it is one row.
fn row_of(function: &Function, operand: Value, contract: &[usize]) -> Option<(usize, Vec<usize>)> {
    let extents = function.ty(operand).shape.extents();
    match (contract, extents.split_first()) {
        ([], _) => Some((1, extents)),
        ([0], Some((&rows, row))) => Some((rows, row.to_vec())),
        _ => None,
    }
}

/// The kind of a product of which less is put together than is added up.
fn kind(function: &Function, product: &Product<'_>) -> Option<Kind> {
    let (rows, lhs) = row_of(function, product.lhs, &product.dims.lhs_contract)?;
    let (_, rhs) = row_of(function, product.rhs, &product.dims.rhs_contract)?;
    let elements = |row: &[usize]| row.iter().product::<usize>();
    let moved = rows.checked_mul(elements(&lhs).checked_add(elements(&rhs))?)?;
    (moved <= 2 * function.ty(product.out).elements()).then_some((lhs, rhs))
}

/// The small products that values are.
fn products<'f>(function: &'f Function, group: &[Value]) -> Vec<Product<'f>> {
    let insts = group.iter().filter_map(|&value| function.def_inst(value));
    insts.filter_map(|inst| Product::small(function, inst)).collect()
}

const SIDES: [fn(&Product<'_>) -> Value; 2] = [|product| product.lhs, |product| product.rhs];

/// Whether the factors on one side are parts of a value.
fn has_order(function: &Function, joins: &Joins, group: &[Value]) -> bool {
    let products = products(function, group);
    SIDES.iter().any(|side| {
        let operands: Vec<Value> = products.iter().map(side).collect();
        joins.order(function, &operands, &|_| false).is_some()
    })
}

/// A group in parts of which each puts together so many bytes at most; parts of too few products are left out.
fn chunks<'g>(function: &Function, group: &'g [Value]) -> impl Iterator<Item = &'g [Value]> {
    let bytes = |product: &Product<'_>| function.ty(product.lhs).bytes() + function.ty(product.rhs).bytes();
    let most = products(function, group).iter().map(bytes).max().unwrap_or(1);
    group.chunks((MAX_BYTES / most.max(1)).max(1)).filter(|part| part.len() >= MIN_PRODUCTS)
}

/// The product of what a group multiplies, to be computed where the instruction of this number is.
fn merge(function: &Function, joins: &mut Joins, (group, position): (&[Value], usize)) -> Option<Merged> {
    let products = products(function, group);
    let is_before = |join: &Join| join.is_before(position);
    let keys = SIDES.iter().find_map(|side| {
        let operands: Vec<Value> = products.iter().map(side).collect();
        joins.order(function, &operands, &is_before)
    });
    let mut order: Vec<usize> = (0..products.len()).collect();
    if let Some(keys) = keys {
        order.sort_by_key(|&number| keys[number]);
    }
    let mut side = |of: fn(&Product<'_>) -> Value, contract: fn(&DotDims) -> &[usize]| {
        let operands: Vec<Value> = order.iter().map(|&number| of(&products[number])).collect();
        let mut rows = 0;
        let mut row = Vec::new();
        for product in &products {
            let found = row_of(function, of(product), contract(product.dims))?;
            rows += found.0;
            row = found.1;
        }
        let shape = Shape::new(&[&[rows], &row[..]].concat()).ok()?;
        Some(Factor::Own(joins.join(function, operands, shape, &is_before)))
    };
    let lhs = side(|product| product.lhs, |dims| &dims.lhs_contract)?;
    let rhs = side(|product| product.rhs, |dims| &dims.rhs_contract)?;
    let dims =
        DotDims { lhs_contract: [0].as_slice().into(), rhs_contract: [0].as_slice().into(), ..DotDims::default() };
    Some(Merged { lhs, rhs, dims })
}
