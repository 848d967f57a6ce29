//! Expanded operations compute what the interpreter computes for the operations themselves: all kinds, element types, ties, NaN, padding, dilations, groups.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{Random, special_array, text, whole_array, with};
use pullback_interp::{Array, evaluate};
use pullback_ir::op::{ConvSpec, PoolSpec};
use pullback_ir::{
    Builder, DType, Elements, Extremum, FuncId, Module, Op, Pooling, Scalar, Shape, Type, Value, Verified, verify,
};
use pullback_optimize::optimize;
use pullback_optimize::passes::expand_operations;

const NUMERIC: [DType; 5] = [DType::F32, DType::F64, DType::I32, DType::I64, DType::U8];

/// A function of parameters of these types.
fn program(types: &[Type], build: impl FnOnce(&Builder<'_>, &[Value]) -> Vec<Value>) -> (Verified<Module>, FuncId) {
    let empty = Module::new();
    let b = Builder::new(&empty, "f");
    let params: Vec<Value> = types.iter().map(|ty| b.param("p", ty.clone())).collect();
    let results = build(&b, &params);
    let mut module = Module::new();
    let id = module.add(b.finish(&results).unwrap());
    (verify(module).unwrap_or_else(|errors| panic!("{errors}")), id)
}

fn is_composition(op: &Op) -> bool {
    let name = op.name();
    ["arg", "reduce_window", "select_and_scatter", "conv", "top_k", "random_bits"]
        .iter()
        .any(|&start| name.starts_with(start) && name != "convert")
}

/// Fails unless the expanded function has none of the operations and the same results to the bit, but for which NaN and the sign of zeros if `zeros`
/// may differ.
fn check(module: &Verified<Module>, id: FuncId, inputs: &[Vec<Array>], zeros: bool) {
    let function = module.function(id);
    let expanded = with(module, id, expand_operations(module, function).unwrap().into_owned());
    let optimized = optimize(module, id).unwrap().module;
    let agree = |p: Scalar, q: Scalar| {
        let (a, b) = (p.to_f64(), q.to_f64());
        p == q || (a.is_nan() && b.is_nan()) || (zeros && a == 0.0 && b == 0.0)
    };
    for after in [expanded, optimized] {
        let shown = text(&after, after.function(id));
        let left = after.function(id).all_insts().into_iter().find(|&inst| is_composition(after.function(id).op(inst)));
        assert!(left.is_none(), "{shown}");
        for inputs in inputs {
            let before = evaluate(module, id, inputs).unwrap();
            let found = evaluate(&after, id, inputs).unwrap();
            for (x, y) in before.iter().zip(&found) {
                assert_eq!(x.ty(), y.ty());
                let same = x.elements.iter().zip(y.elements.iter()).all(|(p, q)| agree(p, q));
                assert!(same, "{x:?}\nbecame\n{y:?}\nfor {inputs:?}\n{}{shown}", text(module, function));
            }
        }
    }
}

fn tensor(dtype: DType, extents: &[usize]) -> Type {
    Type::new(dtype, extents).unwrap()
}

/// Special elements and many ties.
fn awkward(types: &[Type]) -> Vec<Vec<Array>> {
    let array = |ty: &Type, round: usize| {
        if round.is_multiple_of(2) { special_array(ty, round) } else { whole_array(ty, round) }
    };
    (0..8).map(|round| types.iter().map(|ty| array(ty, round)).collect()).collect()
}

fn whole(types: &[Type]) -> Vec<Vec<Array>> {
    (0..3).map(|round| types.iter().enumerate().map(|(i, ty)| whole_array(ty, round + i)).collect()).collect()
}

#[test]
fn positions_of_extrema() {
    for dtype in NUMERIC {
        for (extents, axis) in [(&[7][..], 0), (&[3, 5], 0), (&[3, 5], 1), (&[2, 1, 4], 1), (&[2, 0, 4], 2), (&[40], 0)]
        {
            for kind in [Extremum::Max, Extremum::Min] {
                let types = [tensor(dtype, extents)];
                let (module, id) = program(&types, |b, x| {
                    [DType::I32, DType::I64].map(|dtype| b.arg_reduce(kind, x[0], axis, dtype)).to_vec()
                });
                check(&module, id, &awkward(&types), false);
            }
        }
    }
}

#[test]
fn the_largest_elements() {
    for dtype in NUMERIC {
        for extents in [&[6][..], &[3, 17], &[2, 0], &[0, 3], &[1]] {
            let last = *extents.last().unwrap();
            for k in [0, 1, 2, last] {
                if k <= last {
                    let types = [tensor(dtype, extents)];
                    let (module, id) = program(&types, |b, x| b.top_k(x[0], k));
                    check(&module, id, &awkward(&types), false);
                }
            }
        }
    }
}

/// Windows that fit, on each axis of a tensor of these extents.
fn pool_spec(random: &mut Random, extents: &[usize], dilated: bool) -> PoolSpec {
    let mut each =
        |from: i64, count: usize| -> Vec<i64> { extents.iter().map(|_| from + random.below(count) as i64).collect() };
    let unsigned = |list: Vec<i64>| -> Box<[usize]> { list.into_iter().map(|x| x as usize).collect() };
    let ones = || vec![1; extents.len()].into();
    let (size, stride) = (unsigned(each(1, 4)), unsigned(each(1, 3)));
    let (low, high) = (each(-1, 4).into(), each(-1, 4).into());
    let (base_dilation, dilation) =
        if dilated { (unsigned(each(1, 3)), unsigned(each(1, 3))) } else { (ones(), ones()) };
    PoolSpec { size, stride, low, high, base_dilation, dilation }
}

#[test]
fn pooling() {
    let mut random = Random(1);
    for round in 0..300 {
        let extents: Vec<usize> = (0..1 + random.below(3)).map(|_| 2 + random.below(5)).collect();
        let types = [tensor(random.pick(&NUMERIC), &extents)];
        let spec = pool_spec(&mut random, &extents, true);
        let kind = random.pick(&[Pooling::Add, Pooling::Max, Pooling::Min]);
        let (module, id) = program(&types, |b, x| vec![b.reduce_window(kind, x[0], spec.clone())]);
        let exact = kind == Pooling::Add && types[0].dtype.is_float();
        let inputs = if exact { whole(&types) } else { awkward(&types) };
        check(&module, id, &inputs[round % 3..][..1], exact);
    }
}

#[test]
fn windows_of_many_positions_or_axes_are_combined_axis_by_axis() {
    let types = [tensor(DType::I32, &[40, 3, 30])];
    let spec = PoolSpec {
        size: [11, 1, 9].into(),
        stride: [2, 2, 1].into(),
        low: [3, 0, 8].into(),
        high: [3, 0, 0].into(),
        base_dilation: [1, 1, 1].into(),
        dilation: [1, 1, 2].into(),
    };
    let (module, id) = program(&types, |b, x| {
        [Pooling::Add, Pooling::Max].map(|kind| b.reduce_window(kind, x[0], spec.clone())).to_vec()
    });
    check(&module, id, &whole(&types)[..1], false);
    let types = [tensor(DType::F64, &[2; 10])];
    let spec = PoolSpec {
        size: [2; 10].into(),
        stride: [1; 10].into(),
        low: [0; 10].into(),
        high: [0; 10].into(),
        base_dilation: [1; 10].into(),
        dilation: [1; 10].into(),
    };
    let (module, id) = program(&types, |b, x| vec![b.reduce_window(Pooling::Max, x[0], spec)]);
    check(&module, id, &awkward(&types)[..2], false);
}

#[test]
fn selection_and_scattering() {
    let mut random = Random(2);
    for round in 0..300 {
        let extents: Vec<usize> = (0..1 + random.below(3)).map(|_| 2 + random.below(5)).collect();
        let x = tensor(random.pick(&NUMERIC), &extents);
        let spec = pool_spec(&mut random, &extents, false);
        let empty = Module::new();
        let probe = Builder::new(&empty, "probe");
        let pooled = probe.reduce_window(Pooling::Max, probe.param("x", x.clone()), spec.clone());
        let types = [x, probe.ty(pooled)];
        let kind = random.pick(&[Extremum::Max, Extremum::Min]);
        let (module, id) = program(&types, |b, args| vec![b.select_and_scatter(kind, args[0], args[1], spec.clone())]);
        // Elements with ties, infinities and NaN; what is added is whole, so that any order of sums is exact.
        let inputs = vec![awkward(&types)[round % 8][0].clone(), whole(&types)[round % 3][1].clone()];
        check(&module, id, &[inputs], true);
    }
}

#[test]
fn padding_does_not_win_over_an_element_that_equals_it() {
    let types = [tensor(DType::F32, &[2]), tensor(DType::F32, &[3])];
    let spec = PoolSpec {
        size: [2].into(),
        stride: [2].into(),
        low: [1].into(),
        high: [3].into(),
        base_dilation: [1].into(),
        dilation: [1].into(),
    };
    let (module, id) = program(&types, |b, x| vec![b.select_and_scatter(Extremum::Max, x[0], x[1], spec)]);
    let array = |x: &[f32]| Array { shape: Shape::new(&[x.len()]).unwrap(), elements: Elements::F32(x.to_vec()) };
    let inputs = vec![array(&[f32::NEG_INFINITY; 2]), array(&[1.0, 2.0, 4.0])];
    // The third window is padding alone.
    assert_eq!(evaluate(&module, id, &inputs).unwrap(), [array(&[1.0, 2.0])]);
    check(&module, id, &[inputs], false);
}

/// A permutation of `0..n`.
fn permutation(random: &mut Random, n: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    for i in (1..n).rev() {
        order.swap(i, random.below(i + 1));
    }
    order
}

fn random_conv(random: &mut Random) -> (Vec<Type>, ConvSpec) {
    let spatial = random.below(4);
    let rank = spatial + 2;
    let groups = 1 + random.below(3);
    let (feature_groups, batch_groups) = random.pick(&[(1, 1), (1, 1), (groups, 1), (1, groups)]);
    let inputs = 1 + random.below(3);
    let outputs = random.pick(&[1, 2, 6]) * feature_groups * batch_groups;
    let batch = (1 + random.below(2)) * batch_groups;
    let mut list =
        |from: usize, count: usize| -> Vec<usize> { (0..spatial).map(|_| from + random.below(count)).collect() };
    let (size, stride) = (list(1, 3), list(1, 2));
    let (lhs_dilation, rhs_dilation) = (list(1, 2), list(1, 2));
    let (low, high, extents) = (list(0, 4), list(0, 4), list(3, 3));
    let signed = |list: Vec<usize>| list.into_iter().map(|x| x as i64 - 1).collect();
    let [lhs, rhs, out] = [0; 3].map(|_| permutation(random, rank));
    let (mut x, mut kernel) = (vec![0; rank], vec![0; rank]);
    (x[lhs[0]], x[lhs[1]]) = (batch, inputs * feature_groups);
    (kernel[rhs[0]], kernel[rhs[1]]) = (outputs, inputs);
    for s in 0..spatial {
        x[lhs[2 + s]] = extents[s];
        kernel[rhs[2 + s]] = size[s];
    }
    let dtype = random.pick(&[DType::F32, DType::F64, DType::I32, DType::U8]);
    let spec = ConvSpec {
        lhs: lhs.into(),
        rhs: rhs.into(),
        out: out.into(),
        stride: stride.into(),
        low: signed(low),
        high: signed(high),
        lhs_dilation: lhs_dilation.into(),
        rhs_dilation: rhs_dilation.into(),
        feature_groups,
        batch_groups,
    };
    (vec![tensor(dtype, &x), tensor(dtype, &kernel)], spec)
}

#[test]
fn convolutions() {
    let mut random = Random(3);
    for _ in 0..400 {
        let (types, spec) = random_conv(&mut random);
        let (module, id) = program(&types, |b, x| vec![b.conv(x[0], x[1], spec.clone())]);
        check(&module, id, &whole(&types)[..1], true);
    }
}

#[test]
fn a_convolution_without_features_is_zero() {
    let spec = ConvSpec {
        lhs: [0, 1, 2].into(),
        rhs: [0, 1, 2].into(),
        out: [0, 1, 2].into(),
        stride: [1].into(),
        low: [0].into(),
        high: [0].into(),
        lhs_dilation: [1].into(),
        rhs_dilation: [1].into(),
        feature_groups: 1,
        batch_groups: 1,
    };
    for outputs in [2, 8] {
        let types = [tensor(DType::F32, &[2, 0, 5]), tensor(DType::F32, &[outputs, 0, 3])];
        let (module, id) = program(&types, |b, x| vec![b.conv(x[0], x[1], spec.clone())]);
        check(&module, id, &whole(&types), true);
    }
}

#[test]
fn random_bits_of_any_shape() {
    for dtype in [DType::I32, DType::I64] {
        for extents in [&[][..], &[5], &[3, 1, 7], &[0, 2], &[130]] {
            let types = [tensor(DType::I32, &[2])];
            let ty = tensor(dtype, extents);
            let (module, id) = program(&types, |b, key| vec![b.emit(Op::RandomBits(Box::new(ty.clone())), &[key[0]])]);
            check(&module, id, &awkward(&types), false);
        }
    }
}

#[test]
fn numbers_beyond_32_bits_count_on_in_the_second_word() {
    // The elements from 2^32 - 1 on, by a slice that is taken before anything is computed.
    let key = tensor(DType::I32, &[2]);
    let ty = tensor(DType::I64, &[3, 1 << 31]);
    let (module, id) = program(&[key], |b, key| {
        let bits = b.emit(Op::RandomBits(Box::new(ty)), &[key[0]]);
        vec![b.slice(bits, &[1, (1 << 31) - 1], &[3, 1 << 31], &[1, 1])]
    });
    let expanded = with(&module, id, expand_operations(&module, module.function(id)).unwrap().into_owned());
    let shown = text(&expanded, expanded.function(id));
    assert!(shown.contains("shift_right_logical") && shown.contains("i64[3,2147483648]"), "{shown}");
}

#[test]
fn operations_in_regions_are_expanded() {
    let (module, id) = common::function(
        "(%x: f32[3,4], %p: bool) -> (i32, i32[3]) {
          %z = constant 0 : i32
          %n, %ys = scan %z, %x, length=3, consts=0, carry=1 : i32, i32[3]
            body(%c: i32, %row: f32[4]) {
              %i = argmax %row, axis=0 : i32
              %s = add %c, %i : i32
              yield %s, %i
            }
          return %n, %ys }",
    );
    let types: Vec<Type> = module.function(id).param_types().cloned().collect();
    check(&module, id, &awkward(&types), false);
}

#[test]
fn windows_with_too_many_elements_are_refused() {
    let extents = [1 << 26];
    let (module, id) = program(&[tensor(DType::F32, &extents)], |b, x| {
        let spec = PoolSpec {
            size: [1 << 25].into(),
            stride: [1].into(),
            low: [0].into(),
            high: [0].into(),
            base_dilation: [1].into(),
            dilation: [1].into(),
        };
        vec![b.reduce_window(Pooling::Add, x[0], spec)]
    });
    let error = expand_operations(&module, module.function(id)).unwrap_err().to_string();
    assert!(error.starts_with("reduce_window add: the tensor of its windows: the shape"), "{error}");
}
