//! Products with the same matrix: found, and planned as one product.
//!
//! Products of a group may depend on others of it, as those of the state in a recurrence do. How many come one behind the other before a product is its *generation*; those of one
//! generation do not depend on each other.

use std::collections::{BTreeMap, HashMap};

use cranelift_entity::{EntitySet, SecondaryMap};
use pullback_ir::{DotDims, Function, Inst, Shape, Value};

use super::join::{Join, Joins};
use super::{Factor, MAX_BYTES, MIN_PRODUCTS, Merge, Merged, Place, Product};
use crate::rows::Rows;

/// Products that multiply with one value.
pub(super) struct Group {
    shared: Value,
    members: Vec<Member>,
}

struct Member {
    inst: Inst,
    own: Value,
    /// How many rows it is.
    rows: usize,
    /// The extents of a row, and of the row of the result that it becomes.
    row: Vec<usize>,
    out_row: Vec<usize>,
    /// With rows as left operand.
    dims: DotDims,
}

impl Member {
    /// A product as one of rows with something; with the right operand being the rows instead of the left if asked.
    fn of(function: &Function, product: &Product<'_>, own_is_rhs: bool) -> Option<(Value, Self)> {
        let DotDims { lhs_contract, rhs_contract, .. } = product.dims;
        let extents = |value| function.ty(value).shape.extents();
        let (own, shared) = if own_is_rhs { (product.rhs, product.lhs) } else { (product.lhs, product.rhs) };
        let (contract, other) = if own_is_rhs { (rhs_contract, lhs_contract) } else { (lhs_contract, rhs_contract) };
        let (inst, own_extents, out) = (product.inst, extents(own), extents(product.out));
        let (rows, row, out_row) = match own_extents.split_first()? {
            // A vector is one row.
            (&elements, []) if **contract == [0] => (1, vec![elements], out),
            (&rows, row) if !own_is_rhs && !contract.contains(&0) => (rows, row.to_vec(), out.get(1..)?.to_vec()),
            _ => return None,
        };
        let shift = usize::from(own_extents.len() == row.len());
        let dims = DotDims {
            lhs_contract: contract.iter().map(|axis| axis + shift).collect::<Vec<_>>().into(),
            rhs_contract: other.clone(),
            ..DotDims::default()
        };
        // To put it together takes a load and a store of each of its elements, unless that is a view.
        let moved = if Rows::of(function, own).of == own { 2 } else { 1 } * function.ty(own).elements();
        let pays = function.ty(shared).elements() >= moved;
        pays.then_some((shared, Self { inst, own, rows, row, out_row, dims }))
    }
}

/// The groups of a function that have enough products, in the order of their first ones.
pub(super) fn groups(function: &Function) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut numbers: HashMap<(Value, Vec<usize>, DotDims), usize> = HashMap::new();
    for &inst in function.insts() {
        let Some(product) = Product::small(function, inst) else { continue };
        for own_is_rhs in [false, true] {
            let Some((shared, member)) = Member::of(function, &product, own_is_rhs) else { continue };
            let number = *numbers.entry((shared, member.row.clone(), member.dims.clone())).or_insert_with(|| {
                groups.push(Group { shared, members: Vec::new() });
                groups.len() - 1
            });
            // The product of a value with itself is one product.
            let members = &mut groups[number].members;
            if members.last().is_none_or(|last| last.inst != inst) {
                members.push(member);
            }
        }
    }
    groups.retain(|group| group.members.len() >= MIN_PRODUCTS);
    groups
}

/// What of a group is to be merged.
pub(super) fn find(function: &Function, group: &Group, joins: &mut Joins) -> Vec<Merge> {
    let (generations, of_value) = generations(function, group);
    let mut merges = Vec::new();
    for (generation, members) in generations {
        if members.len() < MIN_PRODUCTS {
            continue;
        }
        // What is joined must not depend on the products.
        let is_there = |join: &Join| join.there.is_some_and(|value| of_value[value] < generation);
        let operands: Vec<Value> = members.iter().map(|member| member.own).collect();
        let mut order: Vec<usize> = (0..members.len()).collect();
        if let Some(keys) = joins.order(function, &operands, &is_there) {
            order.sort_by_key(|&number| keys[number]);
        }
        let members: Vec<&Member> = order.into_iter().map(|number| members[number]).collect();
        let bytes = |member: &&Member| function.inst_results(member.inst).iter().map(|&out| function.ty(out).bytes());
        let each: usize = members.iter().take(1).flat_map(bytes).sum();
        for part in members.chunks((MAX_BYTES / each.max(1)).max(1)) {
            if part.len() >= MIN_PRODUCTS {
                merges.extend(merge(function, (group.shared, part), joins, &is_there));
            }
        }
    }
    merges
}

/// The members of a group by generation, from 1 on, and for each value how many of them come before it, one behind the other.
fn generations<'g>(
    function: &Function,
    group: &'g Group,
) -> (BTreeMap<u32, Vec<&'g Member>>, SecondaryMap<Value, u32>) {
    let mut is_member = EntitySet::new();
    is_member.extend(group.members.iter().map(|member| member.inst));
    let mut before: SecondaryMap<Value, u32> = SecondaryMap::new();
    for &inst in function.insts() {
        let most = function.args(inst).iter().map(|&arg| before[arg]).max().unwrap_or(0);
        for &result in function.inst_results(inst) {
            before[result] = most + u32::from(is_member.contains(inst));
        }
    }
    let mut generations: BTreeMap<u32, Vec<&Member>> = BTreeMap::new();
    for member in &group.members {
        let generation = function.inst_results(member.inst).first().map_or(0, |&out| before[out]);
        generations.entry(generation).or_default().push(member);
    }
    (generations, before)
}

/// One product of these members.
fn merge(
    function: &Function,
    (shared, members): (Value, &[&Member]),
    joins: &mut Joins,
    is_there: &dyn Fn(&Join) -> bool,
) -> Option<Merge> {
    let first = members.first()?;
    let rows: usize = members.iter().map(|member| member.rows).sum();
    let shape = Shape::new(&[&[rows], &first.row[..]].concat()).ok()?;
    // The result has a shape.
    Shape::new(&[&[rows], &first.out_row[..]].concat()).ok()?;
    let own = joins.join(function, members.iter().map(|member| member.own).collect(), shape, is_there);
    let product = Merged { lhs: Factor::Own(own), rhs: Factor::Shared(shared), dims: first.dims.clone() };
    let rows = members.iter().map(|member| (member.inst, member.rows)).collect();
    Some(Merge { products: vec![product], place: Place::Rows(rows) })
}
