//! Whether two functions are the same but for names, provenance and dead arena entries.
//!
//! A pipeline uses it to see that a round changed nothing.

use cranelift_entity::SecondaryMap;
use cranelift_entity::packed_option::PackedOption;
use pullback_ir::{Function, Value};

/// Whether `a` and `b` have the same parameters, instructions and results, value for value in order of definition.
///
/// Names and provenance do not count. Linear in the size of the functions.
#[must_use]
pub fn same_function(a: &Function, b: &Function) -> bool {
    if a.params().len() != b.params().len() || a.insts().len() != b.insts().len() {
        return false;
    }
    let mut partner: SecondaryMap<Value, PackedOption<Value>> = SecondaryMap::new();
    if !a.param_types().eq(b.param_types()) {
        return false;
    }
    for (&x, &y) in a.params().iter().zip(b.params()) {
        partner[x] = y.into();
    }
    for (&left, &right) in a.insts().iter().zip(b.insts()) {
        if a.op(left) != b.op(right) || !are_partners(&partner, a.args(left), b.args(right)) {
            return false;
        }
        let (xs, ys) = (a.inst_results(left), b.inst_results(right));
        if xs.len() != ys.len() || !a.inst_regions(left).is_empty() || !b.inst_regions(right).is_empty() {
            return false;
        }
        for (&x, &y) in xs.iter().zip(ys) {
            if a.ty(x) != b.ty(y) {
                return false;
            }
            partner[x] = y.into();
        }
    }
    are_partners(&partner, a.results(), b.results())
}

fn are_partners(partner: &SecondaryMap<Value, PackedOption<Value>>, xs: &[Value], ys: &[Value]) -> bool {
    xs.len() == ys.len() && xs.iter().zip(ys).all(|(&x, &y)| partner[x].expand() == Some(y))
}
