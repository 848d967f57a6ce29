//! Mistakes: recorded with line and reason, never a panic, never a wrong program.

use pullback_graph::{Error, Graph, Tensor, nn, optim, span, trace};
use pullback_interp::Array;
use pullback_ir::{DType, DotDims, Module, Origin};

use crate::run;

/// The error of a function of `x: f32[2,3]` and `n: i32[4]`, and the line of this file that it names.
fn mistake<F>(model: F) -> (Error, u32)
where
    F: for<'g> FnOnce(&'g Graph<'_>, Tensor<'g>, Tensor<'g>) -> Tensor<'g>,
{
    let module = Module::new();
    let error = trace(&module, "f", |g| {
        let (x, n) = (g.input("x", DType::F32, [2, 3]), g.input("n", DType::I32, [4]));
        vec![model(g, x, n)]
    })
    .unwrap_err();
    match error.origin {
        Some(Origin::File { ref file, line, .. }) if **file == *file!() => (error, line),
        _ => panic!("not from this file: {error}"),
    }
}

/// Rows of a wrong formula, the operation and the message; each row is wrong on a line of its own.
macro_rules! mistakes {
    ($($model:expr => $op:literal, $message:literal;)*) => {
        let mut last = line!();
        $({
            let (error, line) = mistake($model);
            assert_eq!((error.op.as_str(), error.message.as_str()), ($op, $message));
            assert!(last < line && line < last + 4, "line {line} after line {last}: {error}");
            last = line;
        })*
        let _ = last;
    };
}

#[test]
fn operands_that_do_not_fit_are_named() {
    mistakes! {
        |g, x, _| x + g.ones(DType::F32, [2, 4]) =>
            "add", "the shapes [2, 3] and [2, 4] do not broadcast: aligned at the right, axis 1 has extents 3 and 4";
        |_, x, n| x * n =>
            "mul", "operands of types f32[2,3] and i32[4]: element types are not converted implicitly, use `to`";
        |_, _, n| n * 0.5 => "mul", "the literal 0.5 is not representable in i32";
        |_, _, n| 0.5 - n => "sub", "the literal 0.5 is not representable in i32";
        |_, _, n| n + 3_000_000_000i64 => "add", "the literal 3000000000 is not representable in i32";
        |_, x, _| x.gt(0) + 1 => "add", "the literal 1 is not representable in bool";
        |_, x, _| 1e300 * x => "mul", "the literal 1e300 is not representable in f32";
        |_, _, n| n.exp() => "exp", "operand of type i32[4], expected f32 or f64";
        |_, x, _| !x => "not", "operand of type f32[2,3], expected bool";
        |_, x, _| x.gt(0).select(1, 0) =>
            "select", "both choices are literals, so the element type is unknown: write one with `full`";
        |_, _, n| n.powi(-1) => "powi", "the negative power -1 of i32[4]";
        |_, x, _| x.clamp(x.sum_axes([1]), 1) => "broadcast_to", "f32[2] does not broadcast to [2,3]";
    }
}

#[test]
fn axes_and_shapes_out_of_range_are_named() {
    mistakes! {
        |_, x, _| x.sum_axes([2]) => "reduce add", "axis 2 of a tensor with 2 axes, expected -2 to 1";
        |_, x, _| x.max_keepdims([0, -2]) => "reduce max", "axis 0 is named twice";
        |_, x, _| x.sum().softmax(0) => "reduce max", "axis 0 of a scalar";
        |_, _, n| n.mean() => "mean", "the mean of i32[4], expected f32 or f64: use `to`";
        |_, x, _| x.reshape([4, -1]) => "reshape", "6 elements of the shape [2,3] do not fit the extents [4, -1]";
        |_, x, _| x.reshape([-1, -1]) => "reshape", "the extents [-1, -1] have 2 times -1, expected at most one";
        |_, x, _| x.reshape([-2]) => "reshape", "the extent -2 in [-2], expected -1 or more";
        |_, x, _| x.reshape([isize::MAX, isize::MAX]) =>
            "reshape", "the extents [9223372036854775807, 9223372036854775807] are too large";
        |_, x, _| x.squeeze([0]) => "squeeze", "axis 0 of f32[2,3] has extent 2, expected 1";
        |_, x, _| x.permute([0, 0]) => "transpose", "perm [0, 0] is not a permutation of the 2 axes of f32[2,3]";
        |_, _, n| n.t() => "swap_axes", "axis -2 of a tensor with 1 axes, expected -1 to 0";
        |_, x, _| x.broadcast_to([3, 3]) => "broadcast_to", "f32[2,3] does not broadcast to [3,3]";
        |g, _, _| g.zeros(DType::F32, [1 << 30, 1 << 30]) =>
            "full", "the shape [1073741824,1073741824] has too many elements: at most 2^48 are supported";
        |g, _, _| g.constant([1.0f32], [2]) => "constant", "1 elements for f32[2], expected 2";
        |g, _, _| g.iota(DType::F32, [2], 1) => "iota", "axis 1 of a tensor with 1 axes, expected -1 to 0";
    }
}

#[test]
fn parts_out_of_range_are_named() {
    mistakes! {
        |_, x, _| x.slice_axis(1, 1..5) =>
            "slice", "axis 1 of f32[2,3]: the positions 1..5 are not within the extent 3";
        |_, x, _| x.slice([span(-3..)]) =>
            "slice", "axis 0 of f32[2,3]: the positions -3.. are not within the extent 2";
        |_, x, _| x.slice_axis(0, ..=isize::MAX) =>
            "slice", "axis 0 of f32[2,3]: the positions 0..=9223372036854775807 are not within the extent 2";
        |_, x, _| x.slice([span(..); 3]) => "slice", "3 spans for f32[2,3], which has 2 axes";
        |_, x, _| x.slice([span(..).step(0)]) => "slice", "axis 0: a stride of 0, expected at least 1";
        |_, x, _| x.index(0, 2) => "slice", "axis 0 of f32[2,3]: the positions 2..=2 are not within the extent 2";
        |_, x, _| x.split::<2>(1)[1] => "split", "axis 1 of f32[2,3] does not split into 2 equal parts";
        |_, x, _| x.split_sizes(&[1, 1], 1)[1] =>
            "split_sizes", "the parts [1, 1] add up to 2, axis 1 of f32[2,3] does not";
        |_, x, _| x.pad([(0, 0)], 0) => "pad", "low has 1 entries, the operand f32[2,3] has 2 axes";
        |g, _, _| g.concatenate(&[], 0) => "concatenate", "no tensors, expected at least one";
        |g, x, n| g.concatenate(&[x, n], 0) =>
            "concatenate", "operand 1 is i32[4], which differs from f32[2,3] in more than axis 0";
        |g, x, n| g.stack(&[x, n], 0) => "stack", "tensors of types f32[2,3] and i32[4], expected one type";
    }
}

#[test]
fn products_and_compositions_name_their_operands() {
    mistakes! {
        |_, x, _| x.matmul(x) => "matmul", "f32[2,3] has 3 columns and f32[2,3] has 2 rows";
        |_, x, n| x.matmul(n) =>
            "matmul", "operands of types f32[2,3] and i32[4]: element types are not converted implicitly, use `to`";
        |_, x, _| x.matmul(x.sum()) => "matmul", "operands f32[2,3] and f32, expected at least one axis";
        |g, _, _| g.ones(DType::F32, [2, 1, 1]).matmul(g.ones(DType::F32, [3, 1, 1])) =>
            "matmul", "batch axes: the shapes [2] and [3] do not broadcast: aligned at the right, axis 0 has extents 2 and 3";
        |_, x, _| x.dot_general(x, DotDims { lhs_contract: [0].into(), ..DotDims::default() }) =>
            "dot", "contract pairs 1 axes of the left operand with 0 of the right";
        |_, x, n| nn::cross_entropy(x, n) =>
            "cross_entropy", "logits f32[2,3] and labels i32[4], expected floats [.., c] and integers [..]";
        |_, x, _| x.one_hot(3, DType::F32) => "one_hot", "the classes are f32[2,3], expected integers";
        |_, x, _| nn::mse(x, x.sum()) => "mse", "operands f32[2,3] and f32, expected one floating-point type";
        |_, x, _| optim::sgd(x, x.sum_axes([0]), 0.1) =>
            "sgd", "f32[3] beside the parameter f32[2,3], expected one floating-point type";
        |g, x, _| optim::sgd(x, x, g.ones(DType::F32, [4, 2, 3])) =>
            "sgd", "the parameter f32[2,3] would become f32[4,2,3]: rate and step number are scalars";
    }
}

#[test]
fn the_first_mistake_is_the_one_returned_and_all_that_follows_is_harmless() {
    let first = line!() + 2;
    let (error, line) = mistake(|g, x, n| {
        let bad = x.sum_axes([7]);
        let [a, b] = bad.matmul(n).split(3);
        g.stack(&[a.softmax(1), b.squeeze([2])], 5).one_hot(2, DType::F32)
    });
    assert_eq!((&*error.op, line), ("reduce add", first));
    assert_eq!(error.to_string(), format!("{}:{first}:21: reduce add: {}", file!(), error.message));
}

#[test]
fn inputs_need_good_and_distinct_names() {
    let module = Module::new();
    for name in ["x", "", "a b", "0"] {
        let g = Graph::new(&module, "f");
        let x = g.input("x", DType::F32, []);
        let y = g.input(name, DType::F32, []);
        let error = g.build(&[x + y]).unwrap_err();
        assert_eq!(error.message, format!("the name {name:?} is taken or is not an identifier"));
    }
    let g = Graph::new(&module, "f");
    let _ = g.input("x", DType::F32, [usize::MAX, 2]);
    assert_eq!(g.build(&[]).unwrap_err().op, "input");
}

#[test]
fn tensors_of_two_graphs_do_not_mix() {
    let module = Module::new();
    type Mix = for<'g> fn(&'g Graph<'_>, Tensor<'g>, Tensor<'g>) -> Tensor<'g>;
    let ways: [Mix; 9] = [
        |_, x, y| x + y,
        |_, x, y| x.matmul(y),
        |_, x, y| x.gt(0).select(x, y),
        |_, x, y| y.gt(0).select(x, 1),
        |_, x, y| x.clamp(0, y),
        |_, x, y| x.pad([(0, 1), (0, 1)], y.sum()),
        |g, x, y| g.concatenate(&[x, y], 0),
        |g, x, y| g.stack(&[x, y], 0),
        |_, x, y| nn::mse(x, y),
    ];
    for (index, mix) in ways.into_iter().enumerate() {
        let (g, h) = (Graph::new(&module, "g"), Graph::new(&module, "h"));
        let x = g.ones(DType::F32, [2, 2]);
        let y = h.ones(DType::F32, [2, 2]);
        let mixed = mix(&g, x, y);
        let message = g.build(&[mixed]).unwrap_err().message;
        assert!(message.contains("two graphs") || message.contains("another graph"), "way {index}: {message}");
    }
    let (g, h) = (Graph::new(&module, "g"), Graph::new(&module, "h"));
    let y = h.ones(DType::F32, []);
    assert_eq!(g.build(&[y]).unwrap_err().message, "an output belongs to another graph");
    let g = Graph::new(&module, "g");
    let _ = g.ones(DType::F32, []) + y;
    assert!(h.build(&[y]).is_err(), "the other graph knows too");
}

#[test]
fn calls_go_to_functions_of_the_module() {
    let mut module = Module::new();
    let square = trace(&module, "square", |g| {
        let x = g.input("x", DType::F64, []);
        vec![x * x, 2.0 * x]
    })
    .unwrap();
    let square = module.add(square);

    let caller = |argument: DType| {
        let g = Graph::new(&module, "f");
        let x = g.input("x", argument, []);
        let [value, slope] = g.call_array(square, &[x]);
        let also = g.call(square, &[x])[1];
        g.build(&[value + slope + also])
    };
    let good = caller(DType::F64).unwrap();
    assert_eq!(caller(DType::F32).unwrap_err().message, "argument 0 of @square is f32, expected f64");
    let wrong = trace(&module, "f", |g| g.call_array::<3>(square, &[g.scalar(1.0)]).to_vec());
    assert_eq!(wrong.unwrap_err().message, "the callee has 2 results where 3 are expected");
    assert_eq!(run(module, good, &[Array::scalar(3.0)])[0].to_f64(), [21.0]);
}
