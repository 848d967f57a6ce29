//! What the derived programs look like: names, provenance, and no more instructions than needed.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{add, count, find, floats, load, text};
use pullback_autodiff::{grad, jvp, linearize, transpose, vjp};
use pullback_ir::{
    Binary, Builder, Cumulation, Function, Module, Op, Origin, Pooling, Provenance, Reduction, ScatterKind, Type,
    Unary, Verified, verify,
};

const LOSS: &str = "
func @loss(%x: f32[128,784], %w: f32[784,10], %b: f32[10]) -> f32 {
  %y = dot %x, %w, contract=[1]x[0] : f32[128,10]
  %bias = broadcast %b, dims=[1] : f32[128,10]
  %z = add %y, %bias : f32[128,10]
  %h = tanh %z : f32[128,10]
  %s = reduce add %h, axes=[0,1] : f32
  return %s
}
";

fn named(function: &Function) -> Vec<&str> {
    let results = function.insts().iter().flat_map(|&inst| function.inst_results(inst));
    let values = function.params().iter().chain(results);
    values.filter_map(|&value| function.value_name(value)).map(|name| &**name).collect()
}

#[test]
fn the_backward_part_of_a_layer_is_what_one_writes_by_hand() {
    let module = load(LOSS);
    let reverse = vjp(&module, find(&module, "loss"), &[0, 1, 2]).unwrap();
    let expected = "\
func @loss_vjp(%x: f32[128,784], %w: f32[784,10], %b: f32[10], %s_ct: f32) \
-> (f32, f32[128,784], f32[784,10], f32[10]) {
  %y = dot %x, %w, contract=[1]x[0] : f32[128,10]
  %bias = broadcast %b, dims=[1] : f32[128,10]
  %z = add %y, %bias : f32[128,10]
  %h = tanh %z : f32[128,10]
  %s = reduce add %h, axes=[0,1] : f32
  %h_ct = broadcast %s_ct, dims=[] : f32[128,10]
  %0 = constant 1.0 : f32[128,10]
  %1 = mul %h, %h : f32[128,10]
  %2 = sub %0, %1 : f32[128,10]
  %z_ct = mul %h_ct, %2 : f32[128,10]
  %b_ct = reduce add %z_ct, axes=[0] : f32[10]
  %w_ct = dot %x, %z_ct, contract=[0]x[0] : f32[784,10]
  %x_ct = dot %z_ct, %w, contract=[1]x[1] : f32[128,784]
  return %s, %x_ct, %w_ct, %b_ct
}
";
    assert_eq!(text(&module, &reverse), expected);
}

#[test]
fn tangents_are_named_after_their_primal() {
    let module = load(LOSS);
    let forward = jvp(&module, find(&module, "loss"), &[1, 2]).unwrap();
    let names = named(&forward);
    for name in ["w_t", "b_t", "y_t", "bias_t", "z_t", "h_t", "s_t"] {
        assert!(names.contains(&name), "{name} is not among {names:?}");
    }
    assert!(!names.contains(&"x_t"));
    assert_eq!(&*forward.name, "loss_jvp");
}

#[test]
fn a_gradient_begins_with_a_constant_and_drops_the_value() {
    let module = load(LOSS);
    let gradient = grad(&module, find(&module, "loss"), &[1]).unwrap();
    // The sum is not needed, its cotangent is 1 everywhere and 1 times the local derivative is that.
    assert_eq!(count(&gradient, |op| matches!(op, Op::Reduce { .. })), 0);
    assert_eq!(count(&gradient, |op| matches!(op, Op::Broadcast(_))), 1);
    assert_eq!(count(&gradient, |op| matches!(op, Op::Binary(Binary::Mul))), 1);
    assert_eq!(count(&gradient, |op| matches!(op, Op::Dot(_))), 2);
}

#[test]
fn derived_instructions_say_where_they_come_from() {
    let mut module = Module::new();
    let b = Builder::new(&module, "f");
    let x = b.param("x", Type::new(pullback_ir::DType::F64, &[3]).unwrap());
    let place = |line| Origin::File { file: "model.rs".into(), line, column: 5 };
    b.set_provenance(Provenance::at(place(1)));
    let y = b.tanh(x);
    b.name(y, "y");
    b.set_provenance(Provenance::at(place(2)));
    let z = b.reduce_add(y, [0]);
    b.name(z, "z");
    let f = b.finish(&[z]).unwrap();
    let id = module.add(f);
    let module = verify(module).unwrap();
    let reverse = vjp(&module, id, &[0]).unwrap();
    let found: Vec<(String, String, String)> = reverse
        .insts()
        .iter()
        .filter_map(|&inst| {
            let provenance = reverse.provenance(inst);
            let derivation = provenance.derivation.as_ref()?;
            let origin = provenance.origin.as_ref().unwrap().to_string();
            Some((derivation.rule.to_string(), derivation.primal.to_string(), origin))
        })
        .collect();
    let row = |rule: &str, primal: &str, line: u32| (rule.into(), primal.into(), place(line).to_string());
    assert_eq!(
        found,
        [
            row("transpose of reduce add", "z", 2),
            row("jvp of tanh", "y", 1),
            row("jvp of tanh", "y", 1),
            row("jvp of tanh", "y", 1),
            row("transpose of mul", "y", 1),
        ]
    );
    for &inst in &reverse.insts()[..2] {
        assert!(reverse.provenance(inst).derivation.is_none(), "primal instructions stay the user's");
    }
}

#[test]
fn matrix_products_need_no_transpose() {
    for (x, y, dims, z) in [
        ("f32[4,5]", "f32[5,6]", "contract=[1]x[0]", "f32[4,6]"),
        ("f32[4,5]", "f32[6,5]", "contract=[1]x[1]", "f32[4,6]"),
        ("f32[5,4]", "f32[5,6]", "contract=[0]x[0]", "f32[4,6]"),
        ("f32[2,3,4,5]", "f32[2,3,5,6]", "batch=[0,1]x[0,1], contract=[3]x[2]", "f32[2,3,4,6]"),
        ("f32[2,3,4,5]", "f32[2,3,6,5]", "batch=[0,1]x[0,1], contract=[3]x[3]", "f32[2,3,4,6]"),
        ("f32[5]", "f32[5]", "contract=[0]x[0]", "f32"),
        ("f32[4]", "f32[6]", "", "f32[4,6]"),
    ] {
        let comma = if dims.is_empty() { "" } else { ", " };
        let module = load(&format!(
            "func @f(%x: {x}, %y: {y}) -> {z} {{\n  %z = dot %x, %y{comma}{dims} : {z}\n  return %z\n}}\n"
        ));
        let reverse = vjp(&module, find(&module, "f"), &[0, 1]).unwrap();
        assert_eq!(count(&reverse, |op| matches!(op, Op::Dot(_))), 3);
        assert_eq!(reverse.insts().len(), 3, "{}", text(&module, &reverse));
    }
}

#[test]
fn outer_products_keep_the_order_of_the_factors() {
    let module = load("func @f(%x: f32[4], %y: f32[6]) -> f32[4,6] {\n  %z = dot %x, %y : f32[4,6]\n  return %z\n}\n");
    let reverse = text(&module, &vjp(&module, find(&module, "f"), &[0, 1]).unwrap());
    assert!(reverse.contains("%x_ct = dot %z_ct, %y, contract=[1]x[0]"), "{reverse}");
    assert!(reverse.contains("%y_ct = dot %x, %z_ct, contract=[0]x[0]"), "{reverse}");
}

#[test]
fn an_unnamed_primal_value_is_not_named_after_a_cotangent_it_equals() {
    let module = load(
        "func @f(%x: f64[2], %y: f64[2]) -> f64 {\n  %0 = exp %y : f64[2]\n  %z = mul %x, %0 : f64[2]\n  \
         %s = reduce add %z, axes=[0] : f64\n  return %s\n}\n",
    );
    let gradient = grad(&module, find(&module, "f"), &[0]).unwrap();
    assert_eq!(gradient.insts().len(), 1);
    assert_eq!(named(&gradient), ["x", "y"]);
}

#[test]
fn derived_constants_occur_once() {
    let module = wide();
    let id = find(&module, "f");
    let reverse = vjp(&module, id, &floats(module.function(id))).unwrap();
    let constants: Vec<&Op> =
        reverse.insts().iter().map(|&inst| reverse.op(inst)).filter(|op| matches!(op, Op::Constant(_))).collect();
    assert!(constants.len() > 3);
    for (position, constant) in constants.iter().enumerate() {
        assert!(!constants[..position].contains(constant), "{}", text(&module, &reverse));
    }
}

#[test]
fn local_derivatives_use_the_result_where_that_is_cheaper() {
    for (op, instructions) in
        [("exp", 1), ("tanh", 4), ("logistic", 4), ("sqrt", 3), ("expm1", 3), ("log", 1), ("neg", 1), ("sin", 2)]
    {
        let module = load(&format!("func @f(%x: f32[3]) -> f32[3] {{\n  %y = {op} %x : f32[3]\n  return %y\n}}\n"));
        let reverse = vjp(&module, find(&module, "f"), &[0]).unwrap();
        assert_eq!(reverse.insts().len() - 1, instructions, "{}", text(&module, &reverse));
    }
}

#[test]
fn a_product_over_n_takes_log_n_steps() {
    let slices = |n: usize| {
        let module =
            load(&format!("func @f(%x: f32[{n}]) -> f32 {{\n  %y = reduce mul %x, axes=[0] : f32\n  return %y\n}}\n"));
        count(&vjp(&module, find(&module, "f"), &[0]).unwrap(), |op| matches!(op, Op::Slice(_)))
    };
    assert_eq!(slices(1024) - slices(512), slices(512) - slices(256));
    assert!(slices(1024) <= 2 * 10, "{}", slices(1024));
}

fn is_linear(op: &Op) -> bool {
    match op {
        Op::Unary(op) => *op == Unary::Neg,
        Op::Binary(op) => matches!(op, Binary::Add | Binary::Sub | Binary::Mul | Binary::Div),
        Op::Reduce { kind, .. } => *kind == Reduction::Add,
        Op::Constant(_)
        | Op::Select
        | Op::Convert(_)
        | Op::Broadcast(_)
        | Op::Reshape(_)
        | Op::Transpose(_)
        | Op::Reverse(_)
        | Op::Slice(_)
        | Op::Pad(_)
        | Op::Concatenate { .. }
        | Op::Barrier
        | Op::DynamicSlice(_)
        | Op::DynamicUpdateSlice
        | Op::Gather(_)
        | Op::Windows(_)
        | Op::OverlapAdd { .. }
        | Op::SelectAndScatter { .. }
        | Op::Conv(_)
        | Op::Scan(_)
        | Op::Cond
        | Op::Switch
        | Op::TransposeRule { .. }
        | Op::Dot(_) => true,
        Op::Cumulative { kind, .. } => *kind == Cumulation::Add,
        Op::Scatter { kind, .. } => matches!(kind, ScatterKind::Set | ScatterKind::Add),
        Op::ReduceWindow { kind, .. } => *kind == Pooling::Add,
        Op::TriangularSolve { .. } => true,
        Op::Iota { .. }
        | Op::Compare(_)
        | Op::IsFinite
        | Op::Clamp
        | Op::Bitcast(_)
        | Op::ArgReduce { .. }
        | Op::Sort { .. }
        | Op::TopK { .. }
        | Op::RandomBits(_)
        | Op::Cholesky
        | Op::While(_)
        | Op::CustomDerivative(_)
        | Op::Checkpoint
        | Op::Call(_) => false,
    }
}

fn wide() -> Verified<Module> {
    load(
        "func @f(%x: f64[4], %y: f64[4], %n: i32[4]) -> (f64[4], f64) {
  %a = max %x, %y : f64[4]
  %b = pow %a, %y : f64[4]
  %c = div %b, %x : f64[4]
  %d = erf %c : f64[4]
  %e = clamp %x, %d, %y : f64[4]
  %f = convert %n : f64[4]
  %g = atan2 %e, %f : f64[4]
  %p = reduce mul %g, axes=[0] : f64
  %m = reduce max %g, axes=[0] : f64
  %q = add %p, %m : f64
  return %g, %q
}
",
    )
}

#[test]
fn linear_programs_contain_linear_operations_alone() {
    let module = wide();
    let id = find(&module, "f");
    let split = linearize(&module, id, &floats(module.function(id))).unwrap();
    assert_eq!(count(&split.linear, |op| !is_linear(op)), 0, "{}", text(&module, &split.linear));
    assert_eq!(split.primal.results().len(), 2 + split.residuals);
    assert_eq!(split.linear.params().len(), split.residuals + 2);
    let (module, linear) = add(&module, split.linear);
    let transposed = transpose(&module, linear, split.residuals).unwrap();
    assert_eq!(count(&transposed, |op| !is_linear(op)), 0, "{}", text(&module, &transposed));
}

#[test]
fn residuals_are_only_what_is_used_each_once() {
    let module = load(
        "func @f(%x: f64[4], %y: f64[4]) -> f64[4] {\n  %a = exp %x : f64[4]\n  %b = mul %a, %y : f64[4]\n  \
         %c = mul %b, %y : f64[4]\n  %h = constant 0.5 : f64[4]\n  %d = mul %c, %h : f64[4]\n  return %d\n}\n",
    );
    let split = linearize(&module, find(&module, "f"), &[0]).unwrap();
    // exp(x) and y; not the constant, and y not twice.
    let names = named(&split.linear);
    assert_eq!(names[..3], ["a", "y", "x_t"]);
    assert_eq!(split.residuals, 2);
    let results = named(&split.primal);
    assert!(!results.contains(&"h_t"));
}

#[test]
fn derived_programs_are_the_same_every_time() {
    let module = wide();
    let id = find(&module, "f");
    let wrt = floats(module.function(id));
    let texts: Vec<String> = (0..3).map(|_| text(&module, &vjp(&module, id, &wrt).unwrap())).collect();
    assert_eq!(texts[0], texts[1]);
    assert_eq!(texts[0], texts[2]);
}
