//! The table of an established test suite of automatic differentiation (JAX's `lax_autodiff_test`), row by row: operation, shapes, inputs, order.
//!
//! Every row is checked in `f64` in forward and reverse mode, to the order the table names (and `div` to one more), with a tolerance of 1e-7 relative where the table has 1e-5 times
//! the number of elements. Rows that our element types and operations do not have are in [`NOT_OURS`], with the reason.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{Random, array, check, check_text, find, load};
use pullback_ir::{DType, Type};

/// How inputs are drawn.
#[derive(Clone, Copy)]
enum Draw {
    /// Normal with deviation 3.
    Default,
    /// Normal with deviation 1e-3.
    Small,
    /// Normal with deviation 3, made positive and at least 1.
    Positive,
    /// Normal with deviation 3, moved 10 away from 0.
    NotSmall,
    /// Uniform.
    Uniform(f64, f64),
}

impl Draw {
    fn one(self, random: &mut Random) -> f64 {
        let normal = (0..12).map(|_| random.unit()).sum::<f64>() - 6.0;
        match self {
            Self::Default => 3.0 * normal,
            Self::Small => 1e-3 * normal,
            Self::Positive => (3.0 * normal).abs() + 1.0,
            Self::NotSmall => 3.0 * normal + 10.0_f64.copysign(normal),
            Self::Uniform(low, high) => low + (high - low) * random.unit(),
        }
    }
}

/// Section A: our name, number of operands, order, inputs. `asin` and `acos` are drawn inside their domain, where the table draws beyond it and compares NaN with NaN.
const ELEMENTWISE: &[(&str, usize, usize, Draw)] = &[
    ("neg", 1, 2, Draw::Default),
    ("floor", 1, 2, Draw::Uniform(0.1, 0.4)),
    ("ceil", 1, 2, Draw::Uniform(0.1, 0.4)),
    ("round_half_even", 1, 2, Draw::Uniform(0.1, 0.4)),
    ("exp", 1, 2, Draw::Small),
    ("exp2", 1, 2, Draw::Small),
    ("expm1", 1, 2, Draw::Default),
    ("log", 1, 2, Draw::Positive),
    ("log1p", 1, 2, Draw::Positive),
    ("sinh", 1, 2, Draw::Default),
    ("cosh", 1, 2, Draw::Default),
    ("tanh", 1, 2, Draw::Default),
    ("sin", 1, 2, Draw::Default),
    ("cos", 1, 2, Draw::Default),
    ("tan", 1, 2, Draw::Uniform(-1.3, 1.3)),
    ("asin", 1, 2, Draw::Uniform(-0.9, 0.9)),
    ("acos", 1, 2, Draw::Uniform(-0.9, 0.9)),
    ("atan2", 2, 2, Draw::Default),
    ("erf", 1, 2, Draw::Small),
    ("erfc", 1, 2, Draw::Small),
    ("erf_inv", 1, 2, Draw::Small),
    ("bessel_i0e", 1, 2, Draw::Default),
    ("bessel_i1e", 1, 2, Draw::Default),
    ("abs", 1, 2, Draw::Positive),
    ("pow", 2, 2, Draw::Positive),
    ("sqrt", 1, 2, Draw::Positive),
    ("rsqrt", 1, 2, Draw::Positive),
    ("cbrt", 1, 2, Draw::NotSmall),
    ("logistic", 1, 2, Draw::Default),
    ("add", 2, 2, Draw::Default),
    ("sub", 2, 2, Draw::Default),
    ("mul", 2, 2, Draw::Default),
    ("div", 2, 2, Draw::NotSmall),
    ("max", 2, 2, Draw::Default),
    ("min", 2, 2, Draw::Default),
];

/// Rows of the table that are not here, and why.
const NOT_OURS: &[(&str, &str)] = &[
    ("real, imag, complex, conj, and all complex element types", "there are no complex element types"),
    (
        "mul (out_dtype=), testOpGradOutDtype, testDotPreferredElementType, testConvPreferredElementType",
        "the element type of a result is that of the operands; `convert` says the rest",
    ),
    ("testReducePairGrad and general reduce", "reductions have a fixed combination; a pair is reduced by a scan"),
    ("testIntegerPowLinearizeEliminatesIntegerPow", "there is no operation of its own for integer powers"),
    ("test_linear_transpose_real, test_linear_transpose_imag", "complex"),
    ("test_scatter_apply_jvp, test_scatter_apply_vjp", "scatter has fixed combinations"),
];

const SHAPES: [&[&[usize]]; 3] = [&[&[3]], &[&[], &[3, 4], &[3, 1], &[1, 4]], &[&[2, 3, 4], &[2, 1, 4]]];

fn shape_text(extents: &[usize]) -> String {
    let extents: Vec<String> = extents.iter().map(ToString::to_string).collect();
    if extents.is_empty() { "f64".into() } else { format!("f64[{}]", extents.join(",")) }
}

/// The shape to which two shapes broadcast.
fn joint(a: &[usize], b: &[usize]) -> Vec<usize> {
    let rank = a.len().max(b.len());
    let extent = |s: &[usize], axis: usize| (axis + s.len()).checked_sub(rank).map_or(1, |axis| s[axis]);
    (0..rank).map(|axis| extent(a, axis).max(extent(b, axis))).collect()
}

/// Lines that give `%name` the joint shape as `%name_b`: axes of extent 1 are dropped, then repeated.
fn broadcast_text(name: &str, from: &[usize], to: &[usize]) -> String {
    let offset = to.len() - from.len();
    let kept: Vec<usize> = (0..from.len()).filter(|&axis| from[axis] == to[offset + axis]).collect();
    let dropped: Vec<usize> = kept.iter().map(|&axis| from[axis]).collect();
    let dims: Vec<String> = kept.iter().map(|axis| (axis + offset).to_string()).collect();
    format!(
        "  %{name}_r = reshape %{name} : {}\n  %{name}_b = broadcast %{name}_r, dims=[{}] : {}\n",
        shape_text(&dropped),
        dims.join(","),
        shape_text(to)
    )
}

fn check_row(op: &str, shapes: &[&[usize]], order: usize, draw: Draw) {
    let text = match shapes {
        [x] => format!("func @f(%x: {0}) -> {0} {{\n  %z = {op} %x : {0}\n  return %z\n}}\n", shape_text(x)),
        [x, y] => {
            let all = joint(x, y);
            format!(
                "func @f(%x: {0}, %y: {1}) -> {3} {{\n{2}{4}  %z = {op} %x_b, %y_b : {3}\n  return %z\n}}\n",
                shape_text(x),
                shape_text(y),
                broadcast_text("x", x, &all),
                shape_text(&all),
                broadcast_text("y", y, &all),
            )
        }
        _ => panic!("operands"),
    };
    let module = load(&text);
    let id = find(&module, "f");
    let random = &mut Random(text.len() as u64 * 7 + op.len() as u64);
    let types: Vec<Type> = module.function(id).param_types().cloned().collect();
    let inputs: Vec<_> =
        types.iter().map(|ty| array(ty, &(0..ty.elements()).map(|_| draw.one(random)).collect::<Vec<_>>())).collect();
    check(&module, id, &inputs, order);
}

fn check_group(rows: &[(&str, usize, usize, Draw)]) {
    for &(op, operands, order, draw) in rows {
        for group in SHAPES {
            for (at, x) in group.iter().enumerate() {
                if operands == 1 {
                    check_row(op, &[x], order, draw);
                    continue;
                }
                for y in &group[at..] {
                    check_row(op, &[x, y], order, draw);
                }
            }
        }
    }
}

#[test]
fn section_a_first_third() {
    check_group(&ELEMENTWISE[..12]);
}

#[test]
fn section_a_second_third() {
    check_group(&ELEMENTWISE[12..24]);
}

#[test]
fn section_a_last_third() {
    check_group(&ELEMENTWISE[24..]);
}

#[test]
fn section_b_special_values() {
    use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI};
    let rows: &[(&str, &[f64])] = &[
        ("sinh", &[0.0]),
        ("cosh", &[0.0]),
        ("tanh", &[0.0, 1000.0]),
        ("sin", &[0.0, PI, FRAC_PI_2, FRAC_PI_4]),
        ("cos", &[0.0, PI, FRAC_PI_2, FRAC_PI_4]),
        ("tan", &[0.0]),
        ("asin", &[0.0]),
        ("acos", &[0.0]),
        ("atan", &[0.0, 1000.0]),
        ("erf", &[0.0, 10.0]),
        ("erfc", &[0.0, 10.0]),
    ];
    for &(op, points) in rows {
        for &point in points {
            check_row(op, &[&[]], 2, Draw::Uniform(point, point));
        }
    }
}

const UNIT: (f64, f64) = (-1.0, 1.0);
const WIDE: (f64, f64) = (-50.0, 50.0);

/// Section C: the test method, a program (parameters, body up to `%z`), ranges, order.
type Row = (&'static str, &'static str, &'static str, &'static str, &'static [(f64, f64)], usize);

const STRUCTURED: &[Row] = &[
    ("testConvertElementTypeGrad", "%x: f64[2,3]", "%n = convert %x : f64[2,3]\n  %z = neg %n", "f64[2,3]", &[UNIT], 2),
    (
        "testClampGrad",
        "%l: f64[2,3], %x: f64[2,3], %h: f64[2,3]",
        "%z = clamp %l, %x, %h",
        "f64[2,3]",
        &[(-9.0, -1.0), (-9.0, 9.0), (1.0, 9.0)],
        2,
    ),
    (
        "testConcatenateGrad",
        "%x: f64[2,3], %y: f64[4,3]",
        "%z = concatenate %x, %y, axis=0",
        "f64[6,3]",
        &[UNIT, UNIT],
        2,
    ),
    (
        "testSplitGrad",
        "%x: f64[5,3]",
        "%a = slice %x, start=[0,0], limit=[2,3] : f64[2,3]\n  %b = slice %x, start=[3,0], limit=[5,3] : f64[2,3]\n  %z = mul %a, %b",
        "f64[2,3]",
        &[UNIT],
        2,
    ),
    (
        "testConvGrad",
        "%x: f64[2,3,5,4], %w: f64[4,3,2,3]",
        "%z = conv %x, %w, lhs=[0,1,2,3], rhs=[0,1,2,3], out=[0,1,2,3], stride=[1,2]",
        "f64[2,4,4,1]",
        &[UNIT, UNIT],
        2,
    ),
    (
        "testConvWithGeneralPaddingGrad",
        "%x: f64[1,2,4,5], %w: f64[3,2,2,2]",
        "%z = conv %x, %w, lhs=[0,1,2,3], rhs=[0,1,2,3], out=[0,1,2,3], stride=[2,1], low=[-1,2], high=[1,0], lhs_dilation=[2,1], rhs_dilation=[1,2]",
        "f64[1,3,3,5]",
        &[UNIT, UNIT],
        2,
    ),
    (
        "testConvGeneralDilatedGrad",
        "%x: f64[5,4,2,4], %w: f64[2,2,2,4]",
        "%z = conv %x, %w, lhs=[2,3,0,1], rhs=[3,2,0,1], out=[0,3,1,2], low=[1,0], high=[0,1], rhs_dilation=[2,1], feature_groups=2",
        "f64[2,4,4,4]",
        &[UNIT, UNIT],
        2,
    ),
    ("testDotGrad", "%x: f64[2,3], %y: f64[3,4]", "%z = dot %x, %y, contract=[1]x[0]", "f64[2,4]", &[UNIT, UNIT], 2),
    (
        "testDotGeneralContractAndBatchGrads",
        "%x: f64[3,2,4], %y: f64[4,3,2]",
        "%z = dot %x, %y, batch=[0,1]x[1,2], contract=[2]x[0]",
        "f64[3,2]",
        &[UNIT, UNIT],
        2,
    ),
    ("testBroadcastGrad", "%x: f64[3]", "%z = broadcast %x, dims=[2]", "f64[2,4,3]", &[UNIT], 2),
    ("testBroadcastInDimGrad", "%x: f64[2,3]", "%z = broadcast %x, dims=[0,2]", "f64[2,5,3]", &[UNIT], 2),
    ("testReshapeGrad", "%x: f64[3,4]", "%z = reshape %x", "f64[2,6]", &[UNIT], 2),
    (
        "testPadGrad",
        "%x: f64[2,3], %v: f64",
        "%z = pad %x, %v, low=[1,-1], high=[2,-1], interior=[1,2]",
        "f64[6,5]",
        &[UNIT, UNIT],
        2,
    ),
    ("testReverseGrad", "%x: f64[2,3]", "%z = reverse %x, axes=[0,1]", "f64[2,3]", &[UNIT], 2),
    ("testPowSecondDerivative", "%x: f64, %y: f64", "%z = pow %x, %y", "f64", &[(4.0, 5.0), (5.0, 6.0)], 3),
    (
        "testSelectGrad",
        "%p: bool[2,3], %x: f64[2,3], %y: f64[2,3]",
        "%z = select %p, %x, %y",
        "f64[2,3]",
        &[(0.0, 1.0), UNIT, UNIT],
        2,
    ),
    ("testSliceGrad", "%x: f64[7,5]", "%z = slice %x, start=[1,0], limit=[6,5], stride=[2,3]", "f64[3,2]", &[UNIT], 2),
    (
        "testDynamicSliceGrad",
        "%x: f64[5,3], %i: i32, %j: i32",
        "%z = dynamic_slice %x, %i, %j",
        "f64[3,1]",
        &[UNIT, (1.0, 1.9), (1.0, 1.9)],
        2,
    ),
    (
        "testDynamicUpdateSliceGrad",
        "%x: f64[5,3], %u: f64[3,1], %i: i32, %j: i32",
        "%z = dynamic_update_slice %x, %u, %i, %j",
        "f64[5,3]",
        &[UNIT, UNIT, (1.0, 1.9), (1.0, 1.9)],
        2,
    ),
    ("testTransposeGrad", "%x: f64[2,3,4]", "%z = transpose %x, perm=[2,0,1]", "f64[4,2,3]", &[UNIT], 2),
    ("testReduceGrad add", "%x: f64[3,4,2]", "%z = reduce add %x, axes=[0,2]", "f64[4]", &[UNIT], 2),
    ("testReduceGrad mul", "%x: f64[3,4,2]", "%z = reduce mul %x, axes=[0,2]", "f64[4]", &[(-1.5, 1.5)], 2),
    ("testReduceGrad max", "%x: f64[3,4,2]", "%z = reduce max %x, axes=[1]", "f64[3,2]", &[WIDE], 2),
    ("testReduceGrad min", "%x: f64[3,4,2]", "%z = reduce min %x, axes=[1]", "f64[3,2]", &[WIDE], 2),
    (
        "testReduceWindowGrad add",
        "%x: f64[4,6]",
        "%z = reduce_window add %x, size=[2,3], stride=[1,2], low=[1,0], high=[0,1], base_dilation=[1,2], dilation=[2,1]",
        "f64[3,5]",
        &[UNIT],
        2,
    ),
    (
        "testReduceWindowGrad max",
        "%x: f64[4,6]",
        "%z = reduce_window max %x, size=[2,3], stride=[1,2], high=[0,1]",
        "f64[3,3]",
        &[WIDE],
        2,
    ),
    (
        "testReduceWindowGrad min",
        "%x: f64[4,6]",
        "%z = reduce_window min %x, size=[3,2], stride=[1,2], dilation=[1,2]",
        "f64[2,2]",
        &[WIDE],
        2,
    ),
    ("testCumulativeReduceGrad cumsum", "%x: f64[3,5]", "%z = cumulative add %x, axis=1", "f64[3,5]", &[UNIT], 2),
    (
        "testCumulativeReduceGrad cumsum reverse",
        "%x: f64[5,3]",
        "%z = cumulative add %x, axis=0, reverse=true",
        "f64[5,3]",
        &[UNIT],
        2,
    ),
    (
        "testCumulativeReduceGrad cumprod",
        "%x: f64[3,5]",
        "%z = cumulative mul %x, axis=1",
        "f64[3,5]",
        &[(-1.5, 1.5)],
        2,
    ),
    (
        "testCumulativeReduceGrad cumprod reverse",
        "%x: f64[5,3]",
        "%z = cumulative mul %x, axis=0, reverse=true",
        "f64[5,3]",
        &[(-1.5, 1.5)],
        2,
    ),
    ("testSortGrad", "%x: f64[5,3]", "%z = sort %x, axis=0, keys=1", "f64[5,3]", &[WIDE], 2),
    (
        "testSortKeyValGrad",
        "%k: f64[5], %x: f64[5]",
        "%s, %z = sort %k, %x, axis=0, keys=1",
        "f64[5], f64[5]",
        &[WIDE, UNIT],
        2,
    ),
    ("testTopKGrad", "%x: f64[2,5]", "%z, %i = top_k %x, k=2", "f64[2,2], i32[2,2]", &[WIDE], 2),
    (
        "testIndexTakeGrad",
        "%x: f64[5,4], %i: i32[3,1]",
        "%z = gather %x, %i, offset=[0], collapsed=[1], map=[1], vector_axis=1, mode=clamp, sizes=[5,1]",
        "f64[5,3]",
        &[UNIT, (0.0, 3.9)],
        2,
    ),
    (
        "testGatherGrad",
        "%x: f64[10,5], %i: i32[3,2]",
        "%z = gather %x, %i, offset=[1,2], collapsed=[], map=[0,1], vector_axis=1, mode=drop, sizes=[1,3]",
        "f64[3,1,3]",
        &[UNIT, (0.0, 3.9)],
        2,
    ),
    (
        "testScatterAddGrad",
        "%x: f64[10,5], %i: i32[3,1], %u: f64[3,5]",
        "%z = scatter add %x, %i, %u, offset=[1], collapsed=[0], map=[0], vector_axis=1, mode=drop",
        "f64[10,5]",
        &[UNIT, (0.0, 2.9), UNIT],
        2,
    ),
    (
        "testScatterGrad",
        "%x: f64[10,5], %i: i32[3,1], %u: f64[3,5]",
        "%z = scatter set %x, %i, %u, offset=[1], collapsed=[0], map=[0], vector_axis=1, mode=drop",
        "f64[10,5]",
        &[UNIT, (0.0, 9.9), UNIT],
        2,
    ),
    (
        "testScatterMax",
        "%x: f64[5], %i: i32[2,1], %u: f64[2,2]",
        "%z = scatter max %x, %i, %u, offset=[1], collapsed=[], map=[0], vector_axis=1, mode=drop",
        "f64[5]",
        &[WIDE, (0.0, 3.9), WIDE],
        2,
    ),
    (
        "testScatterMin",
        "%x: f64[5], %i: i32[2,1], %u: f64[2,2]",
        "%z = scatter min %x, %i, %u, offset=[1], collapsed=[], map=[0], vector_axis=1, mode=drop",
        "f64[5]",
        &[WIDE, (0.0, 3.9), WIDE],
        2,
    ),
    ("testRemainder", "%x: f64[5], %y: f64[5]", "%z = rem %x, %y", "f64[5]", &[(1.1, 1.9), (2.1, 2.9)], 2),
    (
        "testTileAutodiff",
        "%x: f64[2,3]",
        "%b = broadcast %x, dims=[1,3] : f64[2,2,4,3]\n  %z = reshape %b",
        "f64[4,12]",
        &[UNIT],
        3,
    ),
    (
        "testHigherOrderGradientOfReciprocal",
        "%x: f64",
        "%o = constant 1.0 : f64\n  %z = div %o, %x",
        "f64",
        &[(2.0, 3.0)],
        3,
    ),
];

#[test]
fn section_c_structured_operations() {
    for &(row, params, body, types, ranges, order) in STRUCTURED {
        let own = |list: &str| list.split(", ").filter(|ty| ty.starts_with("f64")).last().map(str::to_owned);
        let result = own(types).unwrap_or_else(|| panic!("{row}"));
        let text = format!("func @f({params}) -> {result} {{\n  {body} : {types}\n  return %z\n}}\n");
        println!("{row}");
        check_text(&text, ranges, order);
    }
}

/// 0 to the power 0 and of integers at 0: `testPowIntPowerAtZero`.
#[test]
fn powers_at_zero() {
    let module = load("func @f(%x: f64, %y: f64) -> f64 {\n  %z = pow %x, %y : f64\n  return %z\n}\n");
    let (module, gradient) = common::add(&module, pullback_autodiff::grad(&module, find(&module, "f"), &[0]).unwrap());
    let scalar = Type::scalar(DType::F64);
    for (power, slope) in [(0.0, 0.0), (1.0, 1.0), (2.0, 0.0), (3.0, 0.0)] {
        let found = common::run(&module, gradient, &[array(&scalar, &[0.0]), array(&scalar, &[power])]);
        assert_eq!(found[0].to_f64(), [slope], "the derivative of x^{power} at 0");
    }
}

#[test]
fn what_is_left_out_is_said() {
    for (row, reason) in NOT_OURS {
        println!("not here: {row}: {reason}");
        assert!(!row.is_empty() && !reason.is_empty());
    }
}
