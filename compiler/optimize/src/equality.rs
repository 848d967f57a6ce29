//! Whether two functions are the same but for names, provenance and dead arena entries.
//!
//! A pipeline uses it to see that a round changed nothing.

use cranelift_entity::SecondaryMap;
use cranelift_entity::packed_option::PackedOption;
use pullback_ir::{Function, Inst, Region, Value};

/// Whether `a` and `b` have the same parameters, instructions, regions and results, value for value in order of definition.
///
/// Names and provenance do not count. Linear in the size of the functions.
#[must_use]
pub fn same_function(a: &Function, b: &Function) -> bool {
    same_region(a, a.body_region(), b, b.body_region(), &mut SecondaryMap::new())
}

/// Whether two instructions of a function have the same regions.
#[must_use]
pub(crate) fn same_regions(function: &Function, a: Inst, b: Inst) -> bool {
    let (left, right) = (function.inst_regions(a), function.inst_regions(b));
    let same = |(&x, &y)| same_region(function, x, function, y, &mut SecondaryMap::new());
    left.len() == right.len() && left.iter().zip(right).all(same)
}

type Partners = SecondaryMap<Value, PackedOption<Value>>;

/// The recursion is as deep as regions nest. Values are unique in a function, so one map serves all of its regions.
fn same_region(a: &Function, left: Region, b: &Function, right: Region, partner: &mut Partners) -> bool {
    let (left, right) = (a.region(left), b.region(right));
    if left.insts.len() != right.insts.len() || !become_partners(a, &left.params, b, &right.params, partner) {
        return false;
    }
    for (&x, &y) in left.insts.iter().zip(&right.insts) {
        let (nested, others) = (a.inst_regions(x), b.inst_regions(y));
        let same = a.op(x) == b.op(y)
            && are_partners(partner, a.args(x), b.args(y))
            && nested.len() == others.len()
            && nested.iter().zip(others).all(|(&x, &y)| same_region(a, x, b, y, partner))
            && become_partners(a, a.inst_results(x), b, b.inst_results(y), partner);
        if !same {
            return false;
        }
    }
    are_partners(partner, &left.results, &right.results)
}

/// Pairs values that are defined at the same place, if they have the same types.
fn become_partners(a: &Function, xs: &[Value], b: &Function, ys: &[Value], partner: &mut Partners) -> bool {
    xs.len() == ys.len()
        && xs.iter().zip(ys).all(|(&x, &y)| {
            partner[x] = y.into();
            a.ty(x) == b.ty(y)
        })
}

fn are_partners(partner: &Partners, xs: &[Value], ys: &[Value]) -> bool {
    xs.len() == ys.len() && xs.iter().zip(ys).all(|(&x, &y)| partner[x].expand() == Some(y))
}
