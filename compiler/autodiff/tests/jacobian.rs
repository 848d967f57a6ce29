//! Jacobians, Hessians and their products, and batching.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{Random, add, array, assert_close, find, load, run, text_of};
use pullback_autodiff::{JacobianMode, grad, hessian, hvp, jacobian, vmap};
use pullback_interp::Array;
use pullback_ir::{DType, FuncId, Module, Type, Verified};

fn f64s(values: &[f64], extents: &[usize]) -> Array {
    array(&Type::new(DType::F64, extents).unwrap(), values)
}

/// Two results, one of them an integer, and two parameters.
const PAIR: &str = "
func @f(%x: f64[2,2], %n: i32, %a: f64) -> (f64[2], i32, f64) {
  %s = reduce add %x, axes=[1] : f64[2]
  %ab = broadcast %a, dims=[] : f64[2]
  %m = mul %s, %ab : f64[2]
  %t = sin %m : f64[2]
  %p = mul %x, %x : f64[2,2]
  %q = reduce add %p, axes=[0,1] : f64
  return %t, %n, %q
}
";

#[test]
fn a_jacobian_has_the_axes_of_the_result_and_then_those_of_the_parameter() {
    let x = [1.0, 2.0, -0.5, 0.25];
    let a = 0.7;
    for mode in [JacobianMode::Auto, JacobianMode::Forward, JacobianMode::Reverse] {
        let module = load(PAIR);
        let (module, id) = add(&module, jacobian(&module, find(&module, "f"), &[0, 2], mode).unwrap());
        let types: Vec<String> = module.function(id).result_types().map(ToString::to_string).collect();
        assert_eq!(types, ["f64[2,2,2]", "f64[2]", "f64[2,2]", "f64"]);
        let inputs = [f64s(&x, &[2, 2]), array(&Type::scalar(DType::I32), &[3.0]), f64s(&[a], &[])];
        let found = run(&module, id, &inputs);
        let c = [(a * 3.0).cos() * a, (a * -0.25).cos() * a];
        let by_x = f64s(&[c[0], c[0], 0.0, 0.0, 0.0, 0.0, c[1], c[1]], &[2, 2, 2]);
        let by_a = f64s(&[(a * 3.0).cos() * 3.0, (a * -0.25).cos() * -0.25], &[2]);
        let q_by_x = f64s(&x.map(|x| 2.0 * x), &[2, 2]);
        assert_close(&found, &[by_x, by_a, q_by_x, f64s(&[0.0], &[])], 1e-15, &|| text_of(&module, id));
    }
}

/// log(sum(exp(a x))) + x0 x1^2, whose Hessian is known.
const SCALAR: &str = "
func @f(%x: f64[3]) -> f64 {
  %e = exp %x : f64[3]
  %s = reduce add %e, axes=[0] : f64
  %l = log %s : f64
  %u = slice %x, start=[0], limit=[1] : f64[1]
  %v = slice %x, start=[1], limit=[2] : f64[1]
  %vv = mul %v, %v : f64[1]
  %uvv = mul %u, %vv : f64[1]
  %w = reshape %uvv : f64
  %r = add %l, %w : f64
  return %r
}
";

#[test]
fn a_hessian_and_its_products() {
    let module = load(SCALAR);
    let f = find(&module, "f");
    let x = [0.3, -0.4, 0.9];
    let sum: f64 = x.iter().map(|x: &f64| x.exp()).sum();
    let p = x.map(|x| x.exp() / sum);
    let mut expected = [[0.0; 3]; 3];
    for i in 0..3 {
        for j in 0..3 {
            expected[i][j] = if i == j { p[i] } else { 0.0 } - p[i] * p[j];
        }
    }
    expected[0][1] += 2.0 * x[1];
    expected[1][0] += 2.0 * x[1];
    expected[1][1] += 2.0 * x[0];
    let (with, id) = add(&module, hessian(&module, f, &[0]).unwrap());
    assert_close(&run(&with, id, &[f64s(&x, &[3])]), &[f64s(&expected.concat(), &[3, 3])], 1e-14, &|| {
        text_of(&with, id)
    });
    let v = [1.0, -2.0, 0.5];
    let product: Vec<f64> = expected.iter().map(|row| row.iter().zip(v).map(|(h, v)| h * v).sum()).collect();
    let (with, id) = add(&module, hvp(&module, f, &[0]).unwrap());
    assert_close(&run(&with, id, &[f64s(&x, &[3]), f64s(&v, &[3])]), &[f64s(&product, &[3])], 1e-14, &|| {
        text_of(&with, id)
    });
}

#[test]
fn what_a_jacobian_cannot_be_is_said() {
    let module = load(PAIR);
    let f = find(&module, "f");
    let message = |result: Result<pullback_ir::Function, pullback_autodiff::Error>| result.unwrap_err().to_string();
    assert!(message(jacobian(&module, f, &[1], JacobianMode::Auto)).contains("no derivative"));
    assert!(message(hessian(&module, f, &[0])).contains("needs a scalar"));
    let mixed = load("func @f(%x: f64[2]) -> f32[2] {\n  %y = convert %x : f32[2]\n  return %y\n}\n");
    let error = message(jacobian(&mixed, find(&mixed, "f"), &[0], JacobianMode::Auto));
    assert!(error.contains("one element type"), "{error}");
    let deep = load("func @f(%x: f64[1,1,1,1,1,1,1,1,1]) -> f64[1,1,1,1,1,1,1,1,1] {\n  return %x\n}\n");
    let error = message(jacobian(&deep, find(&deep, "f"), &[0], JacobianMode::Auto));
    assert!(error.contains("f64[1,1,1,1,1,1,1,1,1]"), "{error}");
}

/// Runs `@f` on each element of a batch of 3 and, batched, on all at once: parameters `batched` have the batch at the axis given.
pub fn check_vmap(
    module: &Verified<Module>,
    f: FuncId,
    in_axes: &[Option<usize>],
    draw: &mut dyn FnMut(usize, &Type) -> Array,
) {
    let size = 3;
    let types: Vec<Type> = module.function(f).param_types().cloned().collect();
    let fixed: Vec<Array> = types.iter().enumerate().map(|(at, ty)| draw(at, ty)).collect();
    let each: Vec<Vec<Array>> = (0..size)
        .map(|_| {
            let own = types
                .iter()
                .enumerate()
                .map(|(at, ty)| if in_axes[at].is_some() { draw(at, ty) } else { fixed[at].clone() });
            own.collect()
        })
        .collect();
    let stack = |arrays: Vec<&Array>, axis: usize| {
        let ty = arrays[0].ty();
        let mut extents = ty.shape.extents();
        extents.insert(axis, size);
        let inner: usize = ty.shape.extents()[axis..].iter().product();
        let outer: usize = ty.shape.extents()[..axis].iter().product();
        let data: Vec<Vec<f64>> = arrays.iter().map(|array| array.to_f64()).collect();
        let mut values = Vec::new();
        for o in 0..outer {
            for element in &data {
                values.extend(&element[o * inner..(o + 1) * inner]);
            }
        }
        array(&Type::new(ty.dtype, &extents).unwrap(), &values)
    };
    let inputs: Vec<Array> = in_axes
        .iter()
        .enumerate()
        .map(|(at, axis)| match axis {
            None => fixed[at].clone(),
            Some(axis) => stack(each.iter().map(|inputs| &inputs[at]).collect(), *axis),
        })
        .collect();
    let out_axes: Vec<usize> = module.function(f).result_types().map(|ty| ty.rank()).collect();
    let function = vmap(module, f, size, in_axes, &out_axes).unwrap_or_else(|e| panic!("{e}\n{}", text_of(module, f)));
    let (with, id) = add(module, function);
    let results: Vec<Vec<Array>> = each.iter().map(|inputs| run(module, f, inputs)).collect();
    let expected: Vec<Array> = (0..out_axes.len())
        .map(|at| stack(results.iter().map(|results| &results[at]).collect(), out_axes[at]))
        .collect();
    assert_close(&run(&with, id, &inputs), &expected, 1e-13, &|| text_of(&with, id));
}

fn every_choice(text: &str, low: f64, high: f64) {
    let module = load(text);
    let f = find(&module, "f");
    let count = module.function(f).params().len();
    let random = &mut Random(41);
    for choice in 1..1_usize << count {
        for axis in [0, 1] {
            let ranks: Vec<usize> = module.function(f).param_types().map(Type::rank).collect();
            let in_axes: Vec<Option<usize>> =
                (0..count).map(|at| (choice >> at & 1 == 1).then_some(axis.min(ranks[at]))).collect();
            check_vmap(&module, f, &in_axes, &mut |_, ty| {
                if ty.dtype.is_float() { random.array(ty, low, high) } else { random.array(ty, -0.5, 4.5) }
            });
        }
    }
}

#[test]
fn views_reductions_and_products_over_a_batch() {
    every_choice(
        "
func @f(%x: f64[2,3], %y: f64[3,4], %v: f64) -> (f64[2,4], f64[6,3], f64[3,2], f64[2]) {
  %d = dot %x, %y, contract=[1]x[0] : f64[2,4]
  %p = pad %x, %v, low=[1,-1], high=[1,1], interior=[2,0] : f64[6,3]
  %t = transpose %x, perm=[1,0] : f64[3,2]
  %r = reverse %t, axes=[0] : f64[3,2]
  %s = slice %x, start=[0,1], limit=[2,3] : f64[2,2]
  %m = reduce max %s, axes=[1] : f64[2]
  %vb = broadcast %v, dims=[] : f64[2]
  %c = clamp %m, %vb, %m : f64[2]
  return %d, %p, %r, %c
}
",
        -1.0,
        1.0,
    );
}

#[test]
fn dots_with_batch_axes_over_a_batch() {
    every_choice(
        "
func @f(%x: f64[2,3,4], %y: f64[5,4,2]) -> f64[2,3,5] {
  %d = dot %x, %y, batch=[0]x[2], contract=[2]x[1] : f64[2,3,5]
  return %d
}
",
        -1.0,
        1.0,
    );
}

#[test]
fn indexing_over_a_batch() {
    every_choice(
        "
func @f(%x: f64[5,3], %i: i32, %j: i32[2,1], %u: f64[2,3]) -> (f64[2,3], f64[5,3], f64[2,3], f64[5,3]) {
  %zero = constant 0 : i32
  %a = dynamic_slice %x, %i, %zero : f64[2,3]
  %b = dynamic_update_slice %x, %u, %i, %zero : f64[5,3]
  %c = gather %x, %j, offset=[1], collapsed=[0], map=[0], vector_axis=1, mode=drop, sizes=[1,3] : f64[2,3]
  %d = scatter add %x, %j, %u, offset=[1], collapsed=[0], map=[0], vector_axis=1, mode=clamp : f64[5,3]
  return %a, %b, %c, %d
}
",
        -1.0,
        1.0,
    );
}

#[test]
fn windows_and_convolutions_over_a_batch() {
    every_choice(
        "
func @f(%x: f64[2,4,5,6], %k: f64[6,2,3,2]) -> (f64[2,6,3,7], f64[2,4,2,3]) {
  %c = conv %x, %k, lhs=[0,1,2,3], rhs=[0,1,2,3], out=[0,1,2,3], stride=[2,1], low=[1,1], high=[1,1], feature_groups=2 : f64[2,6,3,7]
  %m = reduce_window max %x, size=[1,1,2,2], stride=[1,1,2,2] : f64[2,4,2,3]
  return %c, %m
}
",
        -1.0,
        1.0,
    );
    every_choice(
        "
func @f(%x: f64[2,4,5], %k: f64[6,4,3]) -> f64[1,6,3] {
  %c = conv %x, %k, lhs=[0,1,2], rhs=[0,1,2], out=[0,1,2], batch_groups=2 : f64[1,6,3]
  return %c
}
",
        -1.0,
        1.0,
    );
}

#[test]
fn sorting_accumulation_and_linear_algebra_over_a_batch() {
    every_choice(
        "
func @f(%x: f64[4,3], %y: f64[4,3]) -> (f64[4,3], f64[4,3], f64[4,2], i32[4,2], f64[4,3], i32[3]) {
  %a, %b = sort %x, %y, axis=0, keys=1 : f64[4,3], f64[4,3]
  %t, %i = top_k %x, k=2 : f64[4,2], i32[4,2]
  %c = cumulative add %x, axis=1, reverse=true : f64[4,3]
  %m = argmax %y, axis=0 : i32[3]
  return %a, %b, %t, %i, %c, %m
}
",
        -1.0,
        1.0,
    );
    every_choice(
        "
func @f(%x: f64[3,3], %y: f64[3,2]) -> (f64[3,3], f64[3,2]) {
  %xt = transpose %x, perm=[1,0] : f64[3,3]
  %s = dot %x, %xt, contract=[1]x[0] : f64[3,3]
  %one = constant [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]] : f64[3,3]
  %p = add %s, %one : f64[3,3]
  %l = cholesky %p : f64[3,3]
  %z = triangular_solve %l, %y, left=true, lower=true : f64[3,2]
  return %l, %z
}
",
        -1.0,
        1.0,
    );
}

#[test]
fn loops_over_a_batch() {
    every_choice(
        "
func @f(%w: f64, %h: f64, %x: f64[4]) -> (f64, f64[4]) {
  %r, %ys = scan %w, %h, %x, length=4, consts=1, carry=1 : f64, f64[4]
    body(%w1: f64, %h1: f64, %x1: f64) {
      %a = mul %w1, %h1 : f64
      %b = add %a, %x1 : f64
      %c = sin %b : f64
      yield %c, %a
    }
  return %r, %ys
}
",
        -1.0,
        1.0,
    );
    every_choice(
        "
func @f(%limit: f64, %step: f64, %n: i32) -> (f64, i32) {
  %zero = constant 0.0 : f64
  %v, %k = while %limit, %step, %zero, %n, consts=2, bound=6 : f64, i32
    cond(%l: f64, %s: f64, %v1: f64, %k1: i32) {
      %go = compare lt %v1, %l : bool
      yield %go
    }
    body(%l2: f64, %s2: f64, %v2: f64, %k2: i32) {
      %v3 = add %v2, %s2 : f64
      %one = constant 1 : i32
      %k3 = add %k2, %one : i32
      yield %v3, %k3
    }
  return %v, %k
}
",
        0.2,
        1.0,
    );
}

#[test]
fn branches_over_a_batch() {
    every_choice(
        "
func @f(%p: f64, %i: i32, %x: f64, %y: f64) -> (f64, f64, f64) {
  %zero = constant 0.0 : f64
  %q = compare gt %p, %zero : bool
  %a, %b = cond %q, %x, %y : f64, f64
    then(%x1: f64, %y1: f64) {
      %s = add %x1, %y1 : f64
      yield %s, %x1
    }
    else(%x2: f64, %y2: f64) {
      %k = constant 3.0 : f64
      yield %y2, %k
    }
  %c = switch %i, %x : f64
    case(%u: f64) {
      yield %u
    }
    case(%v: f64) {
      %n = neg %v : f64
      yield %n
    }
    case(%w: f64) {
      %e = exp %w : f64
      yield %e
    }
  return %a, %b, %c
}
",
        -1.0,
        1.0,
    );
}

#[test]
fn a_batched_gradient_is_the_gradient_of_each() {
    let module = load(SCALAR);
    let (module, gradient) = add(&module, grad(&module, find(&module, "f"), &[0]).unwrap());
    let random = &mut Random(2);
    check_vmap(&module, gradient, &[Some(1)], &mut |_, ty| random.array(ty, -1.0, 1.0));
}

#[test]
fn rules_of_the_users_over_a_batch_are_still_used() {
    // The rule claims 10 times the derivative of x y, so that it shows.
    let module = load(
        "
func @f(%x: f64, %y: f64) -> f64 {
  %z = custom_derivative %x, %y, rule=vjp : f64
    primal(%a: f64, %b: f64) {
      %p = mul %a, %b : f64
      yield %p
    }
    vjp(%a1: f64, %b1: f64, %p1: f64, %ct: f64) {
      %ten = constant 10.0 : f64
      %c = mul %ct, %ten : f64
      %ga = mul %c, %b1 : f64
      %gb = mul %c, %a1 : f64
      yield %ga, %gb
    }
  return %z
}
",
    );
    let f = find(&module, "f");
    let (batched, id) = add(&module, vmap(&module, f, 3, &[Some(0), None], &[0]).unwrap());
    let (batched, reverse) = add(&batched, pullback_autodiff::vjp(&batched, id, &[0, 1]).unwrap());
    let found =
        run(&batched, reverse, &[f64s(&[1.0, 2.0, 3.0], &[3]), f64s(&[5.0], &[]), f64s(&[1.0, 1.0, 1.0], &[3])]);
    assert_eq!(found[1].to_f64(), [50.0; 3]);
    assert_eq!(found[2].to_f64(), [60.0]);
}

#[test]
fn a_rule_of_the_users_counts_once_for_each_element_what_is_not_batched() {
    // The second result depends on y alone, and is the same for the whole batch.
    let module = load(
        "
func @f(%x: f64, %y: f64) -> (f64, f64) {
  %p, %q = custom_derivative %x, %y, rule=vjp : f64, f64
    primal(%a: f64, %b: f64) {
      %s = sin %a : f64
      %t = sin %b : f64
      yield %s, %t
    }
    vjp(%a1: f64, %b1: f64, %p1: f64, %q1: f64, %p_ct: f64, %q_ct: f64) {
      %u = cos %a1 : f64
      %v = cos %b1 : f64
      %ga = mul %u, %p_ct : f64
      %gb = mul %v, %q_ct : f64
      yield %ga, %gb
    }
  return %p, %q
}
",
    );
    let (batched, id) = add(&module, vmap(&module, find(&module, "f"), 3, &[Some(0), None], &[0, 0]).unwrap());
    let (batched, reverse) = add(&batched, pullback_autodiff::vjp(&batched, id, &[1]).unwrap());
    let inputs = [f64s(&[1.0, 2.0, 3.0], &[3]), f64s(&[0.5], &[]), f64s(&[1.0; 3], &[3]), f64s(&[1.0, 2.0, 4.0], &[3])];
    let expected = f64s(&[7.0 * 0.5_f64.cos()], &[]);
    assert_close(&run(&batched, reverse, &inputs)[2..], &[expected], 1e-15, &|| text_of(&batched, reverse));
}

#[test]
fn a_slice_of_a_scalar_over_a_batch_is_the_scalar_of_each() {
    every_choice("\nfunc @f(%x: f64) -> f64 {\n  %y = dynamic_slice %x : f64\n  return %y\n}\n", -1.0, 1.0);
}

#[test]
fn a_batch_that_cannot_be_is_refused() {
    let module = load(SCALAR);
    let f = find(&module, "f");
    let message = |axes: &[Option<usize>], out: &[usize]| vmap(&module, f, 3, axes, out).unwrap_err().to_string();
    assert!(message(&[None], &[0]).contains("no parameter is batched"));
    assert!(message(&[Some(2)], &[0]).contains("in-axis 2"));
    assert!(message(&[Some(0)], &[1]).contains("out-axis 1"));
    assert!(message(&[], &[0]).contains("expected 1 and 1"));
}

#[test]
fn a_jacobian_of_no_chosen_mode_takes_the_mode_that_the_function_has() {
    // As many columns as rows, so columns would be taken, but a vjp rule has none. The second derivative is of the rule, by rows of rows.
    let module = load(
        "
func @f(%x: f64) -> f64 {
  %z = custom_derivative %x, rule=vjp : f64
    primal(%a: f64) {
      %c = cos %a : f64
      yield %c
    }
    vjp(%b: f64, %y: f64, %ct: f64) {
      %bb = mul %b, %b : f64
      %s = mul %ct, %bb : f64
      yield %s
    }
  %w = mul %z, %z : f64
  return %w
}
",
    );
    let f = find(&module, "f");
    assert!(jacobian(&module, f, &[0], JacobianMode::Forward).unwrap_err().to_string().contains("give a jvp rule"));
    let x = 0.7_f64;
    let value = |function| {
        let (module, id) = add(&module, function);
        run(&module, id, &[f64s(&[x], &[])])[0].to_f64()[0]
    };
    let first = value(jacobian(&module, f, &[0], JacobianMode::Auto).unwrap());
    assert!((first - 2.0 * x.cos() * x * x).abs() < 1e-15, "{first}");
    // The derivative of 2 z x^2, where z has the slope x^2.
    let second = value(hessian(&module, f, &[0]).unwrap());
    assert!((second - (2.0 * x.powi(4) + 4.0 * x.cos() * x)).abs() < 1e-15, "{second}");
    assert!(hvp(&module, f, &[0]).unwrap_err().to_string().contains("give a jvp rule"));
}

#[test]
fn a_batch_of_a_tensor_with_all_the_axes_there_can_be_is_refused() {
    let module = load(
        "
func @f(%x: f64) -> f64 {
  %y = broadcast %x, dims=[] : f64[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]
  %s = sin %y : f64[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]
  %z = reshape %s : f64
  return %z
}
",
    );
    let f = find(&module, "f");
    for size in [0, 2] {
        let batched = vmap(&module, f, size, &[Some(0)], &[0]);
        assert_eq!(batched.is_ok(), size == 0);
        let Err(error) = batched else { continue };
        assert!(!error.is_bug() && error.to_string().contains("broadcast: 2 elements of type f64[1,"), "{error}");
    }
}
