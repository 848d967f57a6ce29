//! Every operation: forward mode against differences, reverse against forward, split against joint, two orders.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::cases::{self, Case};
use common::{Random, check, check_text, load};
use pullback_ir::op::{Derivative, table};
use pullback_ir::{Axes, Binary, Builder, DType, DotDims, Module, PadSpec, SliceSpec, Type, Unary, verify};

/// Where an operation is smooth.
fn unary_range(op: Unary) -> (f64, f64) {
    match op {
        Unary::Neg | Unary::Exp | Unary::Exp2 | Unary::Expm1 | Unary::Sin | Unary::Cos | Unary::Atan => (-2.0, 2.0),
        Unary::Sinh | Unary::Cosh | Unary::Tanh | Unary::Logistic | Unary::Erf | Unary::Erfc => (-1.5, 1.5),
        Unary::Sign | Unary::Abs => (-2.0, -0.5),
        Unary::Floor | Unary::Ceil => (1.2, 1.8),
        Unary::Round => (0.7, 1.3),
        Unary::Log | Unary::Log2 | Unary::Log1p | Unary::Sqrt | Unary::Rsqrt | Unary::Cbrt => (0.5, 2.5),
        Unary::Tan => (-0.9, 0.9),
        Unary::Asin | Unary::Acos => (-0.7, 0.7),
        Unary::ErfInv => (-0.8, 0.8),
        Unary::Lgamma | Unary::Digamma | Unary::BesselI0e | Unary::BesselI1e => (0.5, 3.0),
        Unary::Not | Unary::PopulationCount | Unary::StopGradient => (0.0, 0.0),
    }
}

fn binary_ranges(op: Binary) -> [(f64, f64); 2] {
    match op {
        Binary::Add | Binary::Sub | Binary::Mul => [(-2.0, 2.0), (-2.0, 2.0)],
        Binary::Div => [(-2.0, 2.0), (0.7, 2.0)],
        // The quotient stays between 3 and 4.
        Binary::Rem => [(6.6, 7.4), (2.0, 2.15)],
        Binary::Pow => [(0.5, 2.0), (-2.0, 2.5)],
        Binary::Atan2 => [(0.5, 2.0), (-2.0, -0.5)],
        Binary::Max | Binary::Min => [(-2.0, -1.0), (1.0, 2.0)],
        Binary::And | Binary::Or | Binary::Xor => [(0.0, 0.0); 2],
        Binary::ShiftLeft | Binary::ShiftRight | Binary::ShiftRightLogical | Binary::Polygamma => [(0.0, 0.0); 2],
    }
}

#[test]
fn unary_operations() {
    for &op in Unary::ALL {
        // A function with a derivative that is not its own is tested at its point.
        if op.info().derivative == Derivative::None || op == Unary::StopGradient {
            continue;
        }
        let name = op.info().name;
        let text = format!("func @f(%x: f64[2,3]) -> f64[2,3] {{\n  %y = {name} %x : f64[2,3]\n  return %y\n}}\n");
        check_text(&text, &[unary_range(op)], 2);
    }
}

#[test]
fn binary_operations() {
    for &op in Binary::ALL {
        // Polygamma has no derivative by its order: `special.rs`.
        if op.info().derivative == Derivative::None || op == Binary::Polygamma {
            continue;
        }
        let name = op.info().name;
        let text = format!(
            "func @f(%x: f64[2,3], %y: f64[2,3]) -> f64[2,3] {{\n  %z = {name} %x, %y : f64[2,3]\n  return %z\n}}\n"
        );
        let [x, y] = binary_ranges(op);
        check_text(&text, &[x, y], 2);
        if op == Binary::Max || op == Binary::Min {
            check_text(&text, &[y, x], 2);
        }
        let square = format!("func @f(%x: f64[4]) -> f64[4] {{\n  %z = {name} %x, %x : f64[4]\n  return %z\n}}\n");
        if op != Binary::Rem {
            check_text(&square, &[(0.5, 2.0)], 2);
        }
        for (params, args) in [("%x", "%x, %c"), ("%x", "%c, %x")] {
            let value = if op == Binary::Rem { 2.1 } else { 1.7 };
            let text = format!(
                "func @f({params}: f64[3]) -> f64[3] {{\n  %c = constant {value} : f64[3]\n  \
                 %z = {name} {args} : f64[3]\n  return %z\n}}\n"
            );
            check_text(&text, &[(0.5, 0.9)], 2);
        }
    }
}

#[test]
fn powers_with_constant_exponents() {
    for exponent in ["0.0", "1.0", "2.0", "3.0", "4.0", "0.5", "-1.0", "-2.5"] {
        let text = format!(
            "func @f(%x: f64[3]) -> f64[3] {{\n  %c = constant {exponent} : f64\n  \
             %e = broadcast %c, dims=[] : f64[3]\n  %z = pow %x, %e : f64[3]\n  return %z\n}}\n"
        );
        check_text(&text, &[(0.6, 1.9)], 2);
    }
}

/// The structured operations.
const STRUCTURED: &[Case] = &[
    (
        "%p: bool[5], %x: f64[5], %y: f64[5]",
        "%z = select %p, %x, %y",
        "f64[5]",
        &[(0.0, 1.0), (-1.0, 1.0), (-1.0, 1.0)],
    ),
    ("%l: f64[5], %x: f64[5], %h: f64[5]", "%z = clamp %l, %x, %h", "f64[5]", &[(-2.0, -1.0), (-0.5, 0.5), (1.0, 2.0)]),
    (
        "%l: f64[5], %x: f64[5], %h: f64[5]",
        "%z = clamp %l, %x, %h",
        "f64[5]",
        &[(-2.0, -1.0), (-4.0, -3.0), (1.0, 2.0)],
    ),
    ("%l: f64[5], %x: f64[5], %h: f64[5]", "%z = clamp %l, %x, %h", "f64[5]", &[(-2.0, -1.0), (3.0, 4.0), (1.0, 2.0)]),
    ("%l: f64[5], %x: f64[5], %h: f64[5]", "%z = clamp %l, %x, %h", "f64[5]", &[(2.0, 3.0), (0.0, 4.0), (-1.0, -0.5)]),
    ("%x: f64[3]", "%z = broadcast %x, dims=[1]", "f64[2,3,4]", &[(-1.0, 1.0)]),
    ("%x: f64", "%z = broadcast %x, dims=[]", "f64[2,3]", &[(-1.0, 1.0)]),
    ("%x: f64[2,3]", "%z = broadcast %x, dims=[0,2]", "f64[2,0,3]", &[(-1.0, 1.0)]),
    ("%x: f64[2,6]", "%z = reshape %x", "f64[3,4]", &[(-1.0, 1.0)]),
    ("%x: f64[2,3,4]", "%z = transpose %x, perm=[2,0,1]", "f64[4,2,3]", &[(-1.0, 1.0)]),
    ("%x: f64[2,3,4]", "%z = reverse %x, axes=[0,2]", "f64[2,3,4]", &[(-1.0, 1.0)]),
    ("%x: f64[4,7]", "%z = slice %x, start=[1,0], limit=[3,7]", "f64[2,7]", &[(-1.0, 1.0)]),
    ("%x: f64[4,7]", "%z = slice %x, start=[0,1], limit=[4,6], stride=[3,2]", "f64[2,3]", &[(-1.0, 1.0)]),
    ("%x: f64[4,7]", "%z = slice %x, start=[2,1], limit=[2,6], stride=[1,100]", "f64[0,1]", &[(-1.0, 1.0)]),
    ("%x: f64[2,3], %v: f64", "%z = pad %x, %v, low=[1,0], high=[0,2]", "f64[3,5]", &[(-1.0, 1.0), (-1.0, 1.0)]),
    (
        "%x: f64[2,3], %v: f64",
        "%z = pad %x, %v, low=[1,-1], high=[-1,2], interior=[2,1]",
        "f64[4,6]",
        &[(-1.0, 1.0), (-1.0, 1.0)],
    ),
    ("%x: f64[5], %v: f64", "%z = pad %x, %v, low=[-2], high=[-1]", "f64[2]", &[(-1.0, 1.0), (-1.0, 1.0)]),
    ("%x: f64[3], %v: f64", "%z = pad %x, %v, low=[-4], high=[3]", "f64[2]", &[(-1.0, 1.0), (-1.0, 1.0)]),
    ("%x: f64[4], %v: f64", "%z = pad %x, %v, low=[-4], high=[2], interior=[2]", "f64[8]", &[(-1.0, 1.0), (-1.0, 1.0)]),
    // Paddings as large as they come: nothing that is built may be.
    (
        "%x: f64[3], %v: f64",
        "%z = pad %x, %v, low=[-9000000000000000000], high=[9000000000000000000]",
        "f64[3]",
        &[(-1.0, 1.0), (-1.0, 1.0)],
    ),
    (
        "%x: f64[1], %v: f64",
        "%z = pad %x, %v, low=[1], high=[0], interior=[9223372036854775807]",
        "f64[2]",
        &[(-1.0, 1.0), (-1.0, 1.0)],
    ),
    ("%x: f64[0], %v: f64", "%z = pad %x, %v, low=[-1], high=[3], interior=[2]", "f64[2]", &[(-1.0, 1.0), (-1.0, 1.0)]),
    (
        "%x: f64[2,1], %y: f64[2,3], %w: f64[2,0]",
        "%z = concatenate %x, %y, %w, %x, axis=1",
        "f64[2,5]",
        &[(-1.0, 1.0), (-1.0, 1.0), (0.0, 0.0)],
    ),
    ("%x: f64[2,3,4]", "%z = reduce add %x, axes=[0,2]", "f64[3]", &[(-1.0, 1.0)]),
    ("%x: f64[2,3]", "%z = reduce add %x, axes=[]", "f64[2,3]", &[(-1.0, 1.0)]),
    ("%x: f64[2,5,3]", "%z = reduce mul %x, axes=[0,1]", "f64[3]", &[(-1.5, 1.5)]),
    ("%x: f64[2,0]", "%z = reduce mul %x, axes=[1]", "f64[2]", &[(-1.5, 1.5)]),
    ("%x: f64[1,2]", "%z = reduce mul %x, axes=[0]", "f64[2]", &[(-1.5, 1.5)]),
    ("%x: f64[4,3,2]", "%z = reduce max %x, axes=[0,2]", "f64[3]", &[(-50.0, 50.0)]),
    ("%x: f64[4,3,2]", "%z = reduce min %x, axes=[1]", "f64[4,2]", &[(-50.0, 50.0)]),
    ("%x: f64[2,0]", "%z = reduce max %x, axes=[0]", "f64[0]", &[(0.0, 0.0)]),
];

#[test]
fn structured_operations() {
    for case in STRUCTURED {
        check_text(&cases::text(case), case.3, 2);
    }
}

#[test]
fn one_operand_of_pad_and_concatenate_alone() {
    let text = "func @f(%v: f64) -> f64[5] {\n  %x = constant 2.0 : f64[3]\n  \
                %z = pad %x, %v, low=[1], high=[-1], interior=[1] : f64[5]\n  %q = mul %z, %z : f64[5]\n  return %q\n}\n";
    check_text(text, &[(-1.0, 1.0)], 2);
    let text = "func @f(%x: f64[2]) -> f64[5] {\n  %c = constant 2.0 : f64[3]\n  \
                %z = concatenate %c, %x, axis=0 : f64[5]\n  %q = mul %z, %z : f64[5]\n  return %q\n}\n";
    check_text(text, &[(-1.0, 1.0)], 2);
    let text = "func @f(%p: bool[3], %x: f64[3]) -> f64[3] {\n  %c = constant 2.0 : f64[3]\n  \
                %z = select %p, %c, %x : f64[3]\n  %q = mul %z, %z : f64[3]\n  return %q\n}\n";
    check_text(text, &[(0.0, 1.0), (-1.0, 1.0)], 2);
}

#[test]
fn the_largest_gap_between_elements() {
    let mut module = Module::new();
    let b = Builder::new(&module, "f");
    let (ty, scalar) = (Type::new(DType::F64, &[1]).unwrap(), Type::scalar(DType::F64));
    let (x, v) = (b.param("x", ty.clone()), b.param("v", scalar.clone()));
    let spec = PadSpec { low: [1].into(), high: [0].into(), interior: [usize::MAX].into() };
    let z = b.pad(x, v, spec);
    let spec = SliceSpec { start: [1].into(), limit: [2].into(), stride: [usize::MAX].into() };
    let y = b.slice(z, &spec.start, &spec.limit, &spec.stride);
    let f = b.finish(&[z, y]).unwrap();
    let id = module.add(f);
    let module = verify(module).unwrap();
    check(&module, id, &[common::array(&ty, &[0.5]), common::array(&scalar, &[2.0])], 2);
}

#[test]
fn conversions_between_floats_convert_back() {
    let module = load(
        "func @f(%x: f64[3]) -> f32[3] {\n  %n = convert %x : f32[3]\n  %z = mul %n, %n : f32[3]\n  return %z\n}\n",
    );
    let id = common::find(&module, "f");
    let (module, reverse) = common::add(&module, pullback_autodiff::vjp(&module, id, &[0]).unwrap());
    let inputs = [Type::new(DType::F64, &[3]).unwrap(), Type::new(DType::F32, &[3]).unwrap()]
        .map(|ty| common::array(&ty, &[1.0, -2.0, 0.5]));
    let results = common::run(&module, reverse, &inputs);
    assert_eq!(results[1].as_slice::<f64>().unwrap(), [2.0, 8.0, 0.5]);
}

/// Products over random pairings of axes, so that every order of batch, free and contracted axes occurs.
#[test]
fn dots_with_any_axes() {
    let random = &mut Random(5);
    for round in 0..40 {
        let (batch, contract) = (random.below(3), random.below(3));
        let (left_free, right_free) = (random.below(3), random.below(3));
        let extents: Vec<usize> = (0..batch + contract).map(|_| 1 + random.below(3)).collect();
        let mut side = |free: usize| {
            let order = random.shuffled(batch + contract + free);
            let mut shape = vec![0; order.len()];
            for (position, &axis) in order.iter().enumerate() {
                shape[axis] = extents.get(position).copied().unwrap_or_else(|| 1 + random.below(3));
            }
            let batch_axes: Axes = order[..batch].iter().copied().collect();
            let contract_axes: Axes = order[batch..batch + contract].iter().copied().collect();
            (Type::new(DType::F64, &shape).unwrap(), batch_axes, contract_axes)
        };
        let (x_ty, lhs_batch, lhs_contract) = side(left_free);
        let (y_ty, rhs_batch, rhs_contract) = side(right_free);
        let mut module = Module::new();
        let b = Builder::new(&module, "f");
        let (x, y) = (b.param("x", x_ty.clone()), b.param("y", y_ty.clone()));
        let z = b.dot(x, y, DotDims { lhs_batch, rhs_batch, lhs_contract, rhs_contract });
        let f = b.finish(&[z]).unwrap();
        let id = module.add(f);
        let module = verify(module).unwrap();
        let inputs = [random.array(&x_ty, -1.0, 1.0), random.array(&y_ty, -1.0, 1.0)];
        check(&module, id, &inputs, if round < 10 { 2 } else { 1 });
    }
}

#[test]
fn every_operation_with_a_derivative_is_tested() {
    for row in table() {
        let mut elementwise = Unary::ALL.iter().map(|op| op.info()).chain(Binary::ALL.iter().map(|op| op.info()));
        let mut listed = STRUCTURED.iter().chain(cases::ALL.iter().copied().flatten());
        let tested = row.derivative == Derivative::None
            || elementwise.any(|info| info.name == row.name)
            || listed.any(|(_, body, _, _)| body.contains(&format!("= {} ", row.name)))
            // Tests of their own: here, in `data.rs` and in `programs.rs`. Constants and positions depend on nothing.
            || ["dot", "convert", "call", "constant", "iota", "bitcast", "cholesky", "triangular_solve"].contains(&row.name)
            // Regions: tests by operation in `control.rs`.
            || row.derivative == Derivative::Call;
        assert!(tested, "{} has no test", row.name);
    }
}
