//! The derivative column of the operation table agrees with the rules: what it says is kept for the backward part is what
//! linearization keeps.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::collections::BTreeSet;

use common::{find, floats, load};
use pullback_autodiff::{jvp, linearize};
use pullback_ir::op::{Derivative, OpInfo, table};
use pullback_ir::{Binary, Function, Op, Reduction, Unary, Value};

/// Structured operations with a floating-point result: parameters, and the instruction.
const STRUCTURED: &[(&str, &str, &str)] = &[
    ("constant", "%x: f64", "constant 1.0 : f64"),
    ("iota", "%x: f64", "iota axis=0 : f64[3]"),
    ("select", "%p: bool[3], %x: f64[3], %y: f64[3]", "select %p, %x, %y : f64[3]"),
    ("clamp", "%x: f64[3], %y: f64[3], %z: f64[3]", "clamp %x, %y, %z : f64[3]"),
    ("convert", "%x: f64[3]", "convert %x : f32[3]"),
    ("broadcast", "%x: f64[3]", "broadcast %x, dims=[1] : f64[2,3]"),
    ("reshape", "%x: f64[2,3]", "reshape %x : f64[6]"),
    ("transpose", "%x: f64[2,3]", "transpose %x, perm=[1,0] : f64[3,2]"),
    ("reverse", "%x: f64[3]", "reverse %x, axes=[0] : f64[3]"),
    ("slice", "%x: f64[6]", "slice %x, start=[1], limit=[5], stride=[2] : f64[2]"),
    ("pad", "%x: f64[3], %y: f64", "pad %x, %y, low=[1], high=[2], interior=[1] : f64[8]"),
    ("concatenate", "%x: f64[3], %y: f64[2]", "concatenate %x, %y, axis=0 : f64[5]"),
    ("dot", "%x: f64[2,3], %y: f64[3,4]", "dot %x, %y, contract=[1]x[0] : f64[2,4]"),
];

/// One function per row, and the row. Rows without a floating-point result have no derivative to look at, and calls are
/// inlined first.
fn programs() -> Vec<(&'static OpInfo, String)> {
    let program = |params: &str, body: &str| {
        let ty = body.rsplit(" : ").next().unwrap();
        format!("func @f({params}) -> {ty} {{\n  %r = {body}\n  return %r\n}}\n")
    };
    let mut programs = Vec::new();
    for row in table() {
        let name = row.name;
        let body = if Unary::ALL.iter().any(|op| op.info().name == name) {
            ("%x: f64[3]", format!("{name} %x : f64[3]"))
        } else if Binary::ALL.iter().any(|op| op.info().name == name) {
            ("%x: f64[3], %y: f64[3]", format!("{name} %x, %y : f64[3]"))
        } else if Reduction::ALL.iter().any(|op| op.info().name == name) {
            ("%x: f64[5]", format!("{name} %x, axes=[0] : f64"))
        } else if let Some((_, params, body)) = STRUCTURED.iter().find(|(known, _, _)| *known == name) {
            (*params, (*body).to_string())
        } else {
            assert!(matches!(row.derivative, Derivative::None | Derivative::Call), "{name} has no program here");
            continue;
        };
        if row.derivative != Derivative::None {
            programs.push((row, program(body.0, &body.1)));
        }
    }
    programs
}

/// The floating-point parameters and the result that residuals are computed from. What the result itself is computed from does not
/// count.
fn kept(primal: &Function, residuals: usize) -> (bool, bool) {
    let results = primal.results();
    let output = results[0];
    let mut open: Vec<Value> = results[results.len() - residuals..].to_vec();
    let mut seen = BTreeSet::new();
    let (mut input_used, mut output_used) = (false, false);
    while let Some(value) = open.pop() {
        if !seen.insert(value) {
            continue;
        }
        output_used |= value == output;
        input_used |= primal.params().contains(&value) && primal.ty(value).dtype.is_float();
        if value != output
            && let Some(inst) = primal.def_inst(value)
        {
            open.extend(primal.args(inst));
        }
    }
    (input_used, output_used)
}

#[test]
fn the_derivative_column_says_what_linearization_keeps() {
    for (row, text) in programs() {
        let module = load(&text);
        let func = find(&module, "f");
        let linearized = linearize(&module, func, &floats(module.function(func))).unwrap();
        let kept = kept(&linearized.primal, linearized.residuals);
        let expected: &[(bool, bool)] = match row.derivative {
            Derivative::Zero | Derivative::Linear => &[(false, false)],
            Derivative::Bilinear => &[(true, false)],
            Derivative::UsesInput => &[(true, false), (true, true)],
            Derivative::UsesOutput => &[(false, true)],
            Derivative::None | Derivative::Call => panic!("{text}"),
        };
        assert!(expected.contains(&kept), "{}: {:?}, keeps (input, output): {kept:?}", row.name, row.derivative);
    }
}

#[test]
fn rows_of_zero_derivative_have_a_constant_tangent_and_others_do_not() {
    for (row, text) in programs() {
        let module = load(&text);
        let func = find(&module, "f");
        let forward = jvp(&module, func, &floats(module.function(func))).unwrap();
        let tangent = *forward.results().last().unwrap();
        let is_constant = forward.def_inst(tangent).is_some_and(|inst| matches!(forward.op(inst), Op::Constant(_)));
        assert_eq!(is_constant, row.derivative == Derivative::Zero, "{}: {:?}", row.name, row.derivative);
    }
}

#[test]
fn rows_without_a_derivative_are_those_without_a_floating_point_result() {
    for row in table() {
        let float_result =
            !["compare", "is_finite"].contains(&row.name) && row.domain.contains(pullback_ir::DType::F64);
        assert_eq!(row.derivative == Derivative::None, !float_result, "{}", row.name);
    }
}
