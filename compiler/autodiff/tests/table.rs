//! The derivative column of the operation table agrees with the rules: what it says is kept for the backward part is what
//! linearization keeps.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::collections::BTreeSet;

use common::{cases, find, floats, load, ruled};
use pullback_autodiff::{jvp, linearize, vjp, vmap};
use pullback_interp::Array;
use pullback_ir::op::{Cumulation, Derivative, OpInfo, Pooling, ScatterKind, table};
use pullback_ir::{Binary, Function, Op, Reduction, Type, Unary, Value};

/// Structured operations with a floating-point result: parameters, and the instruction, whose first result counts.
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
    ("bitcast", "%x: f64[3]", "bitcast %x : f64[3]"),
    ("optimization_barrier", "%x: f64[3]", "optimization_barrier %x : f64[3]"),
    ("dynamic_slice", "%x: f64[3], %i: i32", "dynamic_slice %x, %i : f64[2]"),
    ("dynamic_update_slice", "%x: f64[3], %y: f64[2], %i: i32", "dynamic_update_slice %x, %y, %i : f64[3]"),
    (
        "gather",
        "%x: f64[3], %i: i32[2]",
        "gather %x, %i, offset=[], collapsed=[0], map=[0], vector_axis=1, mode=clamp, sizes=[1] : f64[2]",
    ),
    ("windows", "%x: f64[5]", "windows %x, axes=[0], size=[3] : f64[3,3]"),
    ("overlap_add", "%x: f64[3,3]", "overlap_add %x, axes=[0], size=[3] : f64[5]"),
    ("select_and_scatter max", "%x: f64[5], %y: f64[3]", "select_and_scatter max %x, %y, size=[3] : f64[5]"),
    ("select_and_scatter min", "%x: f64[5], %y: f64[3]", "select_and_scatter min %x, %y, size=[3] : f64[5]"),
    ("conv", "%x: f64[2,3], %y: f64[4,3]", "conv %x, %y, lhs=[0,1], rhs=[0,1], out=[0,1] : f64[2,4]"),
    ("sort", "%x: f64[5]", "sort %x, axis=0, keys=1 : f64[5]"),
    ("top_k", "%x: f64[5]", "top_k %x, k=2 : f64[2], i32[2]"),
    ("cholesky", "%x: f64[3,3]", "cholesky %x : f64[3,3]"),
    ("triangular_solve", "%x: f64[3,3], %y: f64[3,2]", "triangular_solve %x, %y, left=true : f64[3,2]"),
];

/// Parameters and the instruction of an operation of a family, if it is one.
fn of_family(name: &str) -> Option<(&'static str, String)> {
    let at = "offset=[], collapsed=[0], map=[0], vector_axis=1, mode=clamp";
    let is = |mut infos: Box<dyn Iterator<Item = &'static OpInfo>>| infos.any(|info| info.name == name);
    Some(if is(Box::new(Unary::ALL.iter().map(|op| op.info()))) {
        ("%x: f64[3]", format!("{name} %x : f64[3]"))
    } else if is(Box::new(Binary::ALL.iter().map(|op| op.info()))) {
        ("%x: f64[3], %y: f64[3]", format!("{name} %x, %y : f64[3]"))
    } else if is(Box::new(Reduction::ALL.iter().map(|op| op.info()))) {
        ("%x: f64[5]", format!("{name} %x, axes=[0] : f64"))
    } else if is(Box::new(Cumulation::ALL.iter().map(|op| op.info()))) {
        ("%x: f64[5]", format!("{name} %x, axis=0 : f64[5]"))
    } else if is(Box::new(Pooling::ALL.iter().map(|op| op.info()))) {
        ("%x: f64[5]", format!("{name} %x, size=[3] : f64[3]"))
    } else if is(Box::new(ScatterKind::ALL.iter().map(|op| op.info()))) {
        ("%x: f64[5], %i: i32[3], %y: f64[3]", format!("{name} %x, %i, %y, {at} : f64[5]"))
    } else {
        return None;
    })
}

/// One function per row, and the row. Rows without a floating-point result have no derivative to look at, and that of a call or a
/// region is its operations'.
fn programs() -> Vec<(&'static OpInfo, String)> {
    let program = |params: &str, body: &str| {
        let types: Vec<&str> = body.rsplit(" : ").next().unwrap().split(", ").collect();
        let names: Vec<String> = (0..types.len()).map(|result| format!("%r{result}")).collect();
        format!("func @f({params}) -> {} {{\n  {} = {body}\n  return %r0\n}}\n", types[0], names.join(", "))
    };
    let mut programs = Vec::new();
    for row in table() {
        let name = row.name;
        let listed = STRUCTURED.iter().find(|(known, _, _)| *known == name);
        let listed = listed.map(|(_, params, body)| (*params, (*body).to_string()));
        let Some((params, body)) = listed.or_else(|| of_family(name)) else {
            assert!(matches!(row.derivative, Derivative::None | Derivative::Call), "{name} has no program here");
            continue;
        };
        if row.derivative != Derivative::None {
            programs.push((row, program(params, &body)));
        }
    }
    programs
}

/// The parameters to differentiate by: all that are floating-point, but not an order.
fn differentiable(row: &OpInfo, function: &Function) -> Vec<usize> {
    let mut wrt = floats(function);
    wrt.retain(|&param| !(row.name == Binary::Polygamma.info().name && param == 0));
    wrt
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
    let mut wrong = Vec::new();
    for (row, text) in programs() {
        let module = load(&text);
        let func = find(&module, "f");
        let linearized = linearize(&module, func, &differentiable(row, module.function(func))).unwrap();
        let kept = kept(&linearized.primal, linearized.residuals);
        let expected: &[(bool, bool)] = match row.derivative {
            Derivative::Zero | Derivative::Linear => &[(false, false)],
            Derivative::Bilinear => &[(true, false)],
            Derivative::UsesInput => &[(true, false), (true, true)],
            Derivative::UsesOutput => &[(false, true)],
            Derivative::None | Derivative::Call => panic!("{text}"),
        };
        if !expected.contains(&kept) {
            wrong.push(format!("{}: {:?}, keeps (input, output): {kept:?}", row.name, row.derivative));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn rows_of_zero_derivative_have_a_constant_tangent_and_others_do_not() {
    for (row, text) in programs() {
        let module = load(&text);
        let func = find(&module, "f");
        let forward = jvp(&module, func, &differentiable(row, module.function(func))).unwrap();
        let tangent = *forward.results().last().unwrap();
        let is_constant = forward.def_inst(tangent).is_some_and(|inst| matches!(forward.op(inst), Op::Constant(_)));
        assert_eq!(is_constant, row.derivative == Derivative::Zero, "{}: {:?}", row.name, row.derivative);
    }
}

#[test]
fn rows_without_a_derivative_are_those_without_a_floating_point_result() {
    for row in table() {
        let float_result = !["compare", "is_finite", "argmax", "argmin"].contains(&row.name)
            && row.domain.contains(pullback_ir::DType::F64);
        assert_eq!(row.derivative == Derivative::None, !float_result, "{}", row.name);
    }
}

#[test]
fn the_forward_derivative_of_every_row_is_linear_as_a_rule_of_the_users() {
    for (row, text) in programs() {
        if row.name != Binary::Polygamma.info().name {
            let (module, id) = ruled(&text);
            assert!(vjp(&module, id, &floats(module.function(id))).is_ok(), "{text}");
        }
    }
}

#[test]
fn a_batch_of_none_has_results_for_none() {
    let cases = cases::ALL.iter().copied().flatten().map(cases::text);
    for text in programs().into_iter().map(|(_, text)| text).chain(cases) {
        let module = load(&text);
        let f = find(&module, "f");
        let function = module.function(f);
        for first in 0..function.params().len() {
            // One parameter batched, then it and all after it.
            for last in [first + 1, function.params().len()] {
                let in_axes: Vec<Option<usize>> =
                    (0..function.params().len()).map(|at| (first..last).contains(&at).then_some(0)).collect();
                let out_axes: Vec<usize> = function.result_types().map(|ty| ty.rank()).collect();
                let batched =
                    vmap(&module, f, 0, &in_axes, &out_axes).unwrap_or_else(|error| panic!("{error}\n{text}"));
                let (module, id) = common::add(&module, batched);
                let inputs: Vec<Array> =
                    module.function(id).param_types().map(|ty| common::Random(1).array(ty, 0.5, 0.9)).collect();
                for (found, one) in common::run(&module, id, &inputs).iter().zip(function.result_types()) {
                    let extents = [one.shape.extents(), vec![0]].concat();
                    assert_eq!(found.ty(), Type::new(one.dtype, &extents).unwrap(), "{text}");
                }
            }
        }
    }
}
