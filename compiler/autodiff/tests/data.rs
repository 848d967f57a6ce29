//! Reading and writing at positions, windows, running combinations, sorting and linear algebra: forward mode against differences, reverse
//! against forward, split against joint, two orders.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::cases::{self, Case};
use common::{Random, add, assert_close, check, check_text, find, load, run};
use pullback_autodiff::vjp;
use pullback_ir::op::ConvSpec;
use pullback_ir::{Axes, Builder, DType, Module, Type, verify};

fn check_all(cases: &[Case]) {
    for case in cases {
        check_text(&cases::text(case), case.3, 2);
    }
}

#[test]
fn reading_and_writing_at_positions() {
    check_all(cases::INDEXING);
}

#[test]
fn sliding_windows() {
    check_all(cases::WINDOWS);
}

#[test]
fn running_combinations() {
    check_all(cases::CUMULATIVE);
}

#[test]
fn sorting() {
    check_all(cases::SORTING);
}

#[test]
fn convolutions() {
    check_all(cases::CONVOLUTION);
}

/// A random convolution whose padded input is not smaller than its kernel.
fn random_conv(random: &mut Random) -> (ConvSpec, Type, Type) {
    let spatial = random.below(4);
    let groups = 1 + random.below(3);
    let (feature_groups, batch_groups) = if random.below(2) == 0 { (groups, 1) } else { (1, groups) };
    let (inputs, outputs) = (1 + random.below(2), groups * (1 + random.below(2)));
    let [lhs, rhs, out] = [0, 1, 2].map(|_| random.shuffled(2 + spatial));
    let (mut x, mut kernel) = (vec![0; 2 + spatial], vec![0; 2 + spatial]);
    (x[lhs[0]], x[lhs[1]]) = (batch_groups * (1 + random.below(2)), feature_groups * inputs);
    (kernel[rhs[0]], kernel[rhs[1]]) = (outputs, inputs);
    let mut lists = [const { Vec::new() }; 3];
    let (mut low, mut high) = (Vec::new(), Vec::new());
    for s in 0..spatial {
        let [stride, lhs_dilation, rhs_dilation] = [0, 1, 2].map(|_| 1 + random.below(3));
        let (extent, size) = (1 + random.below(5), 1 + random.below(3));
        (x[lhs[2 + s]], kernel[rhs[2 + s]]) = (extent, size);
        let spread = ((extent - 1) * lhs_dilation + 1) as i64;
        let reach = ((size - 1) * rhs_dilation + 1) as i64;
        let first = random.below(6) as i64 - 3;
        low.push(first);
        high.push((random.below(6) as i64 - 3).max(reach - spread - first));
        for (list, number) in lists.iter_mut().zip([stride, lhs_dilation, rhs_dilation]) {
            list.push(number);
        }
    }
    let [stride, lhs_dilation, rhs_dilation] = lists.map(Vec::into_boxed_slice);
    let [lhs, rhs, out] = [lhs, rhs, out].map(Axes::from);
    let (low, high) = (low.into(), high.into());
    let spec = ConvSpec { lhs, rhs, out, stride, low, high, lhs_dilation, rhs_dilation, feature_groups, batch_groups };
    let [x, kernel] = [x, kernel].map(|extents| Type::new(DType::F64, &extents).unwrap());
    (spec, x, kernel)
}

/// Every order of axes, groups, strides, dilations and paddings, also such that all of the input is removed.
#[test]
fn random_convolutions() {
    let random = &mut Random(11);
    for round in 0..120 {
        let (spec, x_ty, kernel_ty) = random_conv(random);
        let mut module = Module::new();
        let b = Builder::new(&module, "f");
        let (x, kernel) = (b.param("x", x_ty.clone()), b.param("w", kernel_ty.clone()));
        let z = b.conv(x, kernel, spec.clone());
        let f = b.finish(&[z]).unwrap_or_else(|error| panic!("{error}: {spec:?} of {x_ty} and {kernel_ty}"));
        let id = module.add(f);
        let module = verify(module).unwrap();
        let inputs = [random.array(&x_ty, -1.0, 1.0), random.array(&kernel_ty, -1.0, 1.0)];
        check(&module, id, &inputs, if round < 30 { 2 } else { 1 });
    }
}

/// A convolution is a product with windows, and its derivatives are those of that.
#[test]
fn a_convolution_has_the_derivatives_of_a_product_with_windows() {
    let conv =
        "%z = conv %x, %w, lhs=[0,1,2], rhs=[0,1,2], out=[0,1,2], stride=[2], low=[1], high=[2], rhs_dilation=[2]";
    let composed = "%c = constant 0.0 : f64\n  %p = pad %x, %c, low=[0,0,1], high=[0,0,2] : f64[2,3,11]\n  \
                    %v = windows %p, axes=[2], size=[3], stride=[2], dilation=[2] : f64[2,3,4,3]\n  \
                    %d = dot %v, %w, contract=[1,3]x[1,2] : f64[2,4,5]\n  %z = transpose %d, perm=[0,2,1]";
    let random = &mut Random(8);
    let inputs = [vec![2, 3, 8], vec![5, 3, 3], vec![2, 5, 4]]
        .map(|extents| random.array(&Type::new(DType::F64, &extents).unwrap(), -1.0, 1.0));
    let [first, second] = [conv, composed].map(|body| {
        let module = load(&format!(
            "func @f(%x: f64[2,3,8], %w: f64[5,3,3]) -> f64[2,5,4] {{\n  {body} : f64[2,5,4]\n  return %z\n}}\n"
        ));
        let (module, reverse) = add(&module, vjp(&module, find(&module, "f"), &[0, 1]).unwrap());
        run(&module, reverse, &inputs)
    });
    assert_close(&first, &second, 1e-14, &|| conv.into());
}

#[test]
fn cholesky_factors() {
    // Diagonally dominant, so positive definite; the upper triangle is not read and has no derivative.
    let body = |ty: &str, identity: &str, dims: &str| {
        format!(
            "func @f(%x: {ty}) -> {ty} {{\n  %i = constant {identity} : f64[3,3]\n  %e = broadcast %i, dims={dims} : {ty}\n  \
             %a = add %x, %e : {ty}\n  %l = cholesky %a : {ty}\n  return %l\n}}\n"
        )
    };
    let identity = "[[4.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 4.0]]";
    check_text(&body("f64[3,3]", identity, "[0,1]"), &[(-1.0, 1.0)], 2);
    check_text(&body("f64[2,3,3]", identity, "[1,2]"), &[(-1.0, 1.0)], 2);
    check_text(
        "func @f(%x: f64[0,0]) -> f64[0,0] {\n  %l = cholesky %x : f64[0,0]\n  return %l\n}\n",
        &[(0.0, 0.0)],
        2,
    );
    check_text(
        "func @f(%x: f64[1,1]) -> f64[1,1] {\n  %l = cholesky %x : f64[1,1]\n  return %l\n}\n",
        &[(1.0, 2.0)],
        2,
    );
}

#[test]
fn triangular_systems() {
    for flags in 0..16 {
        let set = |bit: usize, name: &str| if flags >> bit & 1 == 1 { format!(", {name}=true") } else { String::new() };
        let left = flags & 1 == 1;
        let right_side = if left { "f64[2,3,2]" } else { "f64[2,2,3]" };
        let text = format!(
            "func @f(%x: f64[2,3,3], %b: {right_side}) -> {right_side} {{\n  \
             %i = constant [[3.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 3.0]] : f64[3,3]\n  \
             %e = broadcast %i, dims=[1,2] : f64[2,3,3]\n  %a = add %x, %e : f64[2,3,3]\n  \
             %z = triangular_solve %a, %b{}{}{}{} : {right_side}\n  return %z\n}}\n",
            set(0, "left"),
            set(1, "lower"),
            set(2, "transpose"),
            set(3, "unit"),
        );
        check_text(&text, &[(-1.0, 1.0), (-1.0, 1.0)], 2);
    }
}
