//! Mistakes: recorded with line and reason, never a panic, never a wrong program.

use pullback_graph::{Conv, Error, Graph, Padding, Scan, Tensor, Triangular, Window, nn, optim, rng, span, trace};
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
        |_, x, _| !x => "not", "operand of type f32[2,3], expected bool, i32, i64 or u8";
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
fn positions_and_orders_name_their_operands() {
    mistakes! {
        |_, x, _| x.dynamic_index(5, x) => "dynamic_index", "axis 5 of a tensor with 2 axes, expected -2 to 1";
        |_, x, n| x.dynamic_slice([n, n], [1, 1]) =>
            "dynamic_slice", "a start of type i32[4], expected integer scalars of one type";
        |g, x, _| x.dynamic_update_index(0, g.scalar(0i32), x) =>
            "dynamic_update_index", "the update is f32[2,3], expected extents [3]";
        |_, x, _| x.take(x, 0) => "gather", "the indices are f32[2,3], expected an integer type";
        |_, x, n| x.take_along_axis(n, 0) =>
            "take_along_axis", "indices i32[4] for f32[2,3], expected the same number of axes";
        |g, x, n| x.at(n).add(g.ones(DType::F32, [2, 3])) => "broadcast_to", "f32[2,3] does not broadcast to [4,3]";
        |_, x, n| x.at(n).set(n.sum()) =>
            "scatter set", "operands of types f32[2,3] and i32: element types are not converted implicitly, use `to`";
        |_, x, n| x.at_axis(n, 2).set(0) => "at", "axis 2 of a tensor with 2 axes, expected -2 to 1";
        |_, x, _| x.argmax(-3) => "argmax", "axis -3 of a tensor with 2 axes, expected -2 to 1";
        |g, _, _| g.zeros(DType::F32, [0]).argmin(0) => "argmin", "axis 0 of f32[0] has no positions";
        |_, x, _| x.sort(2) => "sort", "axis 2 of a tensor with 2 axes, expected -2 to 1";
        |_, x, _| x.argsort(2) => "argsort", "axis 2 of a tensor with 2 axes, expected -2 to 1";
        |g, x, n| g.sort_together(&[n, x], 0, 1, false)[0] =>
            "sort", "operands of types i32[4] and f32[2,3], expected one shape";
        |_, x, _| x.cumsum(3) => "cumulative add", "axis 3 of a tensor with 2 axes, expected -2 to 1";
        |_, x, _| x.top_k(4).0 =>
            "top_k", "the 4 largest of 3 elements of f32[2,3]; expected at most all, and at most 2^31 - 1";
        |_, x, _| x << 1 => "shift_left", "operands of type f32[2,3], expected i32, i64 or u8";
        |_, x, _| x.bitcast(DType::I64) => "bitcast", "the operand f32[2,3] and i64 differ in width";
    }
}

#[test]
fn windows_and_matrices_name_their_operands() {
    mistakes! {
        |_, x, _| x.max_pool(&Window::new([2, 2, 2])) =>
            "reduce_window max", "windows of extents [2, 2, 2] over a tensor with 2 axes";
        |_, x, _| x.sum_pool(&Window::new([2]).stride([1, 1])) => "reduce_window add", "stride for 2 axes, expected 1";
        |_, x, _| x.sum_pool(&Window::new([2]).stride([0])) => "reduce_window add", "stride [0], expected at least 1";
        |_, x, _| x.windows(&Window::new([2]).axes([2])) =>
            "windows", "axis 2 of a tensor with 2 axes, expected -2 to 1";
        |_, x, _| x.windows(&Window::new([2, 2]).axes([1, 1])) => "windows", "axis 1 is named twice";
        |_, x, _| x.windows(&Window::new([2]).padding(Padding::Explicit(vec![]))) =>
            "windows", "padding for 0 axes, expected 1";
        |_, _, n| n.avg_pool(&Window::new([2])) => "avg_pool", "the mean of i32[4], expected f32 or f64: use `to`";
        |_, x, _| x.conv_transpose(x, &Conv::new().groups(0)) => "conv_transpose", "0 groups, expected at least 1";
        |_, x, _| x.conv_transpose(x, &Conv::new().groups(3)) =>
            "conv", "3 input features, expected 3 groups of the kernel's 2";
        |_, x, _| x.conv_transpose(x, &Conv::new().output_padding([1])) =>
            "conv_transpose", "output_padding for 1 axes, expected 0";
        |_, x, _| x.conv(x, &Conv::new().output_padding([1])) =>
            "conv", "output_padding is for transposed convolutions";
        |_, x, n| x.conv(n, &Conv::new()) =>
            "conv", "extents [2, 3] of the input and [4] of the kernel, expected as many axes";
        |_, x, _| x.conv(x, &Conv::new().layout("NN", "OI")) =>
            "conv", "the layout \"NN\" of 2 axes, expected each of the letters \"NC\" and \"\" once";
        |_, x, _| x.conv(x.t(), &Conv::new()) => "conv", "3 input features, expected 1 groups of the kernel's 2";
        |_, x, _| x.conv_transpose(x, &Conv::new().input_dilation([2])) =>
            "conv_transpose", "input_dilation, which is called stride in a transposed convolution";
        |_, x, _| nn::conv(x, x, x, &Conv::new()) => "conv", "the bias is f32[2,3], expected 2 numbers";
        |_, x, _| x.cholesky() => "cholesky", "the operand f32[2,3] is not square in its last two axes";
        |_, x, _| x.triangular_solve(x, Triangular::default()) =>
            "triangular_solve", "the operand f32[2,3] is not square in its last two axes";
        |_, _, n| n.tril(0) => "tril", "i32[4], expected at least two axes";
        |_, x, _| x.diagonal() => "diagonal", "f32[2,3] is not square in its last two axes";
    }
}

#[test]
fn sums_random_numbers_and_layers_name_their_operands() {
    mistakes! {
        |g, x, _| g.einsum("ij,jk->ik", &[x]) => "einsum", "\"ij,jk->ik\" names 2 operands, found 1";
        |g, x, _| g.einsum("ijk->i", &[x]) => "einsum", "operand 0 is f32[2,3], \"ijk->i\" names its axes \"ijk\"";
        |g, x, _| g.einsum("ij->k", &[x]) => "einsum", "the result of \"ij->k\" has the axis 'k', which no operand has";
        |g, x, _| g.einsum("ij->ii", &[x]) => "einsum", "the result of \"ij->ii\" has the axis 'i' twice";
        |g, x, _| g.einsum("ii", &[x]) => "einsum", "the axis 'i' of \"ii\" has extent 2, and 3 in operand 0";
        |g, x, _| g.einsum("i.j", &[x]) => "einsum", "'.' in \"i.j\", expected letters, commas and ->";
        |g, x, _| g.einsum("i->j->i", &[x]) =>
            "einsum", "\"i->j->i\", expected operands, separated by commas, and one result behind ->";
        |g, x, n| g.einsum("ij,k", &[x, n]) => "einsum", "operands f32[2,3] and i32[4], expected one element type";
        |_, x, _| rng::uniform(x, DType::F32, [2]) =>
            "random_bits", "operands of types f32[2,3] and i32[2], expected one type";
        |g, _, _| rng::normal(rng::key(g, 0), DType::I32, [2]) =>
            "normal", "random numbers of type i32, expected f32 or f64";
        |g, _, _| rng::uniform_between(rng::key(g, 0), DType::F32, [2], 1.0, 1.0) =>
            "uniform_between", "the range 1.0 to 1.0, expected finite and not empty";
        |g, x, _| nn::dropout(rng::key(g, 0), x, 1.0, true) =>
            "dropout", "the rate 1.0, expected at least 0 and less than 1";
        |_, x, n| nn::attention(x, x, n, nn::Mask::None) =>
            "attention", "queries f32[2,3], keys f32[2,3] and values i32[4], expected floats [.., t, d], [.., s, d] and [.., s, e]";
        |_, x, _| nn::multi_head_attention(x, x, x, 2, nn::Mask::None) =>
            "multi_head_attention", "f32[2,3] does not split into 2 heads along its last axis of at least two";
        |g, x, _| nn::batch_norm_training(x, g.ones(DType::F32, [2]), 0.0, 1, 0.0).output =>
            "batch_norm", "f32[2] beside 3 features, expected one number for each";
        |_, x, _| nn::huber(x, x, -1.0) => "huber", "delta is -1.0, expected a positive number";
        |_, x, n| nn::embedding(x.sum_axes([0]), n) => "embedding", "the table is f32[3], expected two axes";
    }
}

#[test]
fn loops_and_branches_name_what_does_not_fit() {
    mistakes! {
        |g, x, _| g.scan(x.sum(), x, |h, x| (h + x, ())).0 =>
            "scan", "the carry that the body yields: value 0 is f32[3], expected f32";
        |g, x, n| g.scan(x.sum(), (x, n), |h, _| (h, ())).0 =>
            "scan", "%n: i32[4] is scanned over and has 4 positions on axis 0, expected 2";
        |g, x, _| g.scan(x, x.sum(), |h, _| (h, ())).0 =>
            "scan", "%2: f32 is scanned over and has no axis, expected an axis";
        |g, x, _| g.scan(x, (), |h, ()| (h, ())).0 => "scan", "nothing is scanned over and there is no length";
        |g, x, _| g.scan_with(Scan { length: Some(3), ..Scan::default() }, x, x, |h, _| (h, ())).0 =>
            "scan", "%x: f32[2,3] is scanned over and has 2 positions on axis 0, expected 3";
        |g, x, _| g.scan(vec![x], x, |_, x| (vec![], x)).1 =>
            "scan", "the body returns a carry of 0 tensors, expected 1 as it gets";
        |g, x, _| g.while_loop(x, |x| x.gt(0), |x| x) =>
            "while", "what the condition yields: value 0 is bool[2,3], expected bool";
        |g, x, _| g.while_loop(x, |_| g.scalar(true), |x| x.sum()) =>
            "while", "the carry that the body yields: value 0 is f32, expected f32[2,3]";
        |g, x, _| g.cond(x.gt(0), || x, || x) => "cond", "the region is selected by bool[2,3], expected bool";
        |g, x, n| g.cond(g.scalar(true), || x, || n) =>
            "cond", "what region 1 yields: value 0 is i32[4], expected f32[2,3]";
        |g, x, _| g.switch(g.scalar(0i32), 0, |_| x) => "switch", "0 branches, expected 1 to 1024";
        |g, x, _| g.switch(x.sum(), 2, |_| x) => "switch", "the region is selected by f32, expected i32";
        |g, x, _| g.for_loop(1 << 31, x, |_, h| h) => "for_loop", "2147483648 iterations, more than i32 counts";
        |g, x, _| g.for_loop(3, x, |_, h| h.sum_axes([4])) =>
            "reduce add", "axis 4 of a tensor with 2 axes, expected -2 to 1";
        |g, _, _| g.checkpoint(|| g.input("late", DType::F32, [])) =>
            "input", "\"late\" is an input of the whole function, declare it outside the region";
    }
}

#[test]
fn custom_rules_name_what_does_not_fit() {
    mistakes! {
        |g, x, _| g.custom_jvp(x, |x| x.sum(), |_, t| t) =>
            "custom_derivative", "what the jvp rule yields: value 0 is f32[2,3], expected f32";
        |g, x, _| g.custom_vjp(x, |x| x.sum(), |_, _, c| c) =>
            "custom_derivative", "what the vjp rule yields: value 0 is f32, expected f32[2,3]";
        |g, x, _| g.custom_jvp(vec![x], |x| x, |_, _| vec![])[0] =>
            "custom_jvp", "the rule returns 0 tangents, expected 1";
        |g, x, _| g.custom_jvp(x.sum(), |s| x * s, |_, t| x * t) =>
            "custom_jvp", "%x: f32[2,3] is used without being an argument, so the rule cannot give the derivative by it";
        |g, x, _| g.custom_vjp(x.sum(), |s| s, |_, _, c| g.scan(c, x, |c, x| (c * x.sum(), ())).0) =>
            "custom_vjp", "%x: f32[2,3] is used without being an argument, so the rule cannot give the derivative by it";
    }
}

#[test]
fn a_tensor_of_a_region_that_has_ended_cannot_be_used() {
    let first = line!() + 7;
    let (error, line) = mistake(|g, x, _| {
        let mut escaped = x;
        let _ = g.for_loop(2, x, |_, h| {
            escaped = h;
            h
        });
        escaped.exp()
    });
    let message = "%x: f32[2,3] is of a region that has ended, where it must be returned to be used outside";
    assert_eq!((&*error.op, &*error.message, line), ("exp", message, first));
    // From one branch into the other, from one region of a loop into the next, and as a result.
    let module = Module::new();
    type Escape = for<'g> fn(&'g Graph<'_>, Tensor<'g>) -> Tensor<'g>;
    let ways: [(&str, Escape); 4] = [
        ("neg", |g, x| {
            let mut inner = None;
            g.cond(g.scalar(true), || *inner.insert(x.exp()), || x).sum() + inner.map_or(x, |inner| -inner)
        }),
        ("cond", |g, x| {
            let inner = std::cell::Cell::new(None);
            let then = || {
                inner.set(Some(x.exp()));
                x
            };
            g.cond(g.scalar(true), then, || inner.get().unwrap())
        }),
        ("while", |g, x| {
            let mut state = None;
            let _ = g.while_loop(
                x,
                |h| {
                    state = Some(h);
                    g.scalar(true)
                },
                |h| h,
            );
            g.while_loop(x, |_| g.scalar(false), |_| state.unwrap())
        }),
        ("build", |g, x| {
            let mut inner = x;
            let _ = g.checkpoint(|| {
                inner = x.exp();
                x.sin()
            });
            inner
        }),
    ];
    for (op, escape) in ways {
        let error = trace(&module, "f", |g| vec![escape(g, g.input("x", DType::F32, [2]))]).unwrap_err();
        assert_eq!(error.op, op, "{error}");
        assert!(error.message.contains("is of a region that has ended"), "{error}");
    }
}

#[test]
fn tensors_of_another_graph_are_found_in_regions_too() {
    let module = Module::new();
    let (g, h) = (Graph::new(&module, "g"), Graph::new(&module, "h"));
    let (x, y) = (g.ones(DType::F32, []), h.ones(DType::F32, []));
    let used = g.for_loop(2, x, |_, carry| carry + y);
    assert!(g.build(&[used]).unwrap_err().message.contains("two graphs"));
    let (g, h) = (Graph::new(&module, "g"), Graph::new(&module, "h"));
    let (x, y) = (g.ones(DType::F32, []), h.ones(DType::F32, []));
    let yielded = g.cond(x.gt(0), || x, || y);
    assert_eq!(g.build(&[yielded]).unwrap_err().message, "a tensor that a region returns belongs to another graph");
    let g = Graph::new(&module, "g");
    let x = g.ones(DType::F32, []);
    let mut within = None;
    let _ = g.checkpoint(|| {
        within = Some(g.build(&[x]).unwrap_err());
        x + 1
    });
    assert_eq!(within.map(|error| error.message).unwrap(), "the function cannot be built within a region of it");
}

#[test]
fn regions_may_not_nest_without_end() {
    fn nest<'g>(g: &'g Graph<'_>, x: Tensor<'g>, depth: usize) -> Tensor<'g> {
        if depth == 0 { x + 1 } else { g.checkpoint(|| nest(g, x, depth - 1)) }
    }
    let module = Module::new();
    let build = |depth| trace(&module, "f", |g| vec![nest(g, g.input("x", DType::F32, []), depth)]);
    assert_eq!(build(32).unwrap().region_depth(), 32);
    assert_eq!(build(33).unwrap_err().message, "regions nest deeper than 32");
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
