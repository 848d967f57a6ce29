//! Parts of concatenations that can be stored where they lie in them.
//!
//! What is concatenated along its outermost axis lies there part by part. A part that a loop stores anyway, because others read it, can have its place in the concatenation from the
//! beginning, and nothing is left to be copied: the states of a recurrence written out, put together for one product, are stored once.
//!
//! A concatenation most of which is such parts is left out of tiles, where it would be copied tile by tile. Lowering gives the places, where nothing speaks against it.

use cranelift_entity::EntitySet;
use pullback_ir::{Function, Inst, Op, Value};

use super::{Role, aliased, is_unit_reshape, role};

/// Bytes of a concatenation below which its parts may be in registers.
const LARGE: usize = 2048;

/// The value that has the elements of another, all of them and in their order, in memory: what it is another shape of.
#[must_use]
pub fn stored_as(function: &Function, mut value: Value) -> Value {
    loop {
        let reshaped = function.def_inst(value).and_then(|inst| match (function.op(inst), function.args(inst)) {
            (Op::Reshape(shape), &[x]) if is_unit_reshape(&function.ty(x).shape, shape) => Some(x),
            _ => aliased(function, value),
        });
        let Some(operand) = reshaped else { return value };
        value = operand;
    }
}

/// The parts of a concatenation that loops store, each with the number of the element of the result that it begins with; none if they are not most of it.
///
/// `stored` is what regions store. A value that is concatenated twice has one place at most, so it is not among them.
#[must_use]
pub fn parts_in_place(function: &Function, stored: &EntitySet<Value>, inst: Inst) -> Vec<(Value, usize)> {
    let (&Op::Concatenate { axis }, &[whole]) = (function.op(inst), function.inst_results(inst)) else {
        return Vec::new();
    };
    let ty = function.ty(whole);
    if ty.bytes() < LARGE || ty.shape.extents().iter().take(axis).any(|&extent| extent != 1) {
        return Vec::new();
    }
    let (mut once, mut twice) = (EntitySet::new(), EntitySet::new());
    let mut parts = Vec::new();
    let mut start = 0;
    for &arg in function.args(inst) {
        let part = stored_as(function, arg);
        if !once.insert(part) {
            twice.insert(part);
        }
        if stored.contains(part) && is_of_loop(function, part) {
            parts.push((part, start));
        }
        start += function.ty(arg).elements();
    }
    parts.retain(|&(part, _)| !twice.contains(part));
    let elements: usize = parts.iter().map(|&(part, _)| function.ty(part).elements()).sum();
    if 2 * elements < ty.elements() { Vec::new() } else { parts }
}

/// Whether a value that is stored is stored by loops over its positions.
fn is_of_loop(function: &Function, value: Value) -> bool {
    function.def_inst(value).is_some_and(|inst| match role(function, inst) {
        Role::Free | Role::Elementwise | Role::Reducing | Role::Gathering => true,
        Role::Assembling | Role::Alias | Role::Contraction | Role::Array | Role::Control | Role::Call => false,
    })
}
