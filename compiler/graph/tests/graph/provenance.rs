//! Instructions remember the user's line, also those that a composition made.

use pullback_graph::{Conv, Graph, Padding, Scan, Triangular, Window, nn, rng, trace};
use pullback_ir::{DType, Module, Origin};

/// Lines of this file that instructions of the function come from, without repetition.
fn lines(function: &pullback_ir::Function) -> Vec<u32> {
    let mut lines = Vec::new();
    for inst in function.all_insts() {
        match &function.provenance(inst).origin {
            Some(Origin::File { file, line, .. }) if file.ends_with("graph/provenance.rs") => lines.push(*line),
            other => panic!("{} comes from {other:?}", function.op(inst).name()),
        }
    }
    lines.dedup();
    lines
}

#[test]
fn every_instruction_of_every_method_points_to_the_users_line() {
    let module = Module::new();
    let first = line!() + 2;
    let function = trace(&module, "f", |g| {
        let x = g.constant([1.0f32, 2.0, 3.0, 4.0], [2, 2]);
        let h = 2.0 * x - 1;
        let h = h.gelu() + h.softmax(-1).t().powi(-3);
        let h = nn::layer_norm(h, 1.0, 0.0, 1e-5).reshape([-1]).slice_axis(0, 1..);
        let [a, b, c] = h.split(0);
        let h = g.stack(&[a, b, c], 1).pad([(0, 1), (0, 0)], 0).index(0, 0).clamp(0, 1);
        let y = nn::cross_entropy(h, g.eye(DType::I32, 3).index(0, 1).max()) + h.std();
        vec![y.matmul_self()]
    })
    .unwrap();
    assert_eq!(lines(&function), (first..first + 8).collect::<Vec<_>>());
}

#[test]
fn instructions_in_regions_and_of_layers_point_there_too() {
    let module = Module::new();
    let first = line!() + 2;
    let function = trace(&module, "f", |g| {
        let (x, ids) = (g.ones(DType::F32, [4, 4]), g.constant([0i32, 3], [2]));
        let h = x.take(ids, 0).take_along_axis(x.argsort(1), 0) + x.at(ids).add(1).dynamic_index(0, ids.index(0, 0));
        let h =
            h.cumsum(-1).sort(0) + x.top_k(2).0.sum() + x.max_pool(&Window::new([2, 2]).padding(Padding::Same)).sum();
        let h = h + x.avg_pool(&Window::new([3, 3]).padding(Padding::Same)).sum() + x.windows(&Window::new([2])).sum();
        let same = Conv::new().padding(Padding::Same).groups(2);
        let y = x
            .reshape([1, 4, 2, 2])
            .conv(g.ones(DType::F32, [6, 2, 1, 1]), &same)
            .conv_transpose(g.ones(DType::F32, [6, 2, 1, 1]), &same);
        let h = h
            + y.sum()
            + x.cholesky_solve(x).diagonal().sum()
            + x.tril(0).triu(1).triangular_solve(x, Triangular::default()).sum();
        let h = h + g.einsum("ij,jk,kk,l->i", &[x, x, x, x.index(0, 0)]).sum();
        let [a, b] = rng::split(rng::fold_in(rng::key(g, 1), ids.index(0, 1)));
        let h = nn::dropout(a, h, 0.5, true)
            + rng::normal(b, DType::F32, [4])
            + rng::uniform_between(b, DType::F32, [4], 1.0, 2.0);
        let h = nn::batch_norm_training(h, 1.0, 0.0, 0, 1e-5).output
            + nn::multi_head_attention(x, x, x, 2, nn::Mask::Causal);
        let gru = nn::Gru {
            input: g.ones(DType::F32, [4, 12]),
            hidden: g.ones(DType::F32, [4, 12]),
            input_bias: g.ones(DType::F32, [12]),
            hidden_bias: g.ones(DType::F32, [12]),
        };
        let (last, _) = gru.scan(Scan::default(), h.index(0, 0), x);
        let (h, ()) = g.scan(last, x, |h, x| (h * x.sum(), ()));
        let h = g.while_bounded(3, h, |h| h.sum().gt(0), |h| g.cond(h.max().gt(1), || h.sin(), || h.cos()));
        vec![g.custom_jvp(h, |h| h.exp(), |h, t| h.exp() * t) + nn::huber(h, h, 1.0) + nn::binary_cross_entropy(h, h)]
    })
    .unwrap();
    let found = lines(&function);
    let outside: Vec<u32> = found.iter().copied().filter(|line| !(first..first + 60).contains(line)).collect();
    assert!(outside.is_empty(), "{outside:?}");
}

/// A user's own composition is transparent if it says so.
trait Ours {
    #[track_caller]
    fn matmul_self(self) -> Self;
}

impl Ours for pullback_graph::Tensor<'_> {
    #[track_caller]
    fn matmul_self(self) -> Self {
        self.expand_dims(0).matmul(self.expand_dims(0)).logsumexp_all()
    }
}

trait More {
    #[track_caller]
    fn logsumexp_all(self) -> Self;
}

impl More for pullback_graph::Tensor<'_> {
    #[track_caller]
    fn logsumexp_all(self) -> Self {
        self.flatten().logsumexp(0)
    }
}

#[test]
fn names_survive_building() {
    let module = Module::new();
    let g = Graph::new(&module, "f");
    let x = g.input("x", DType::F32, [2]);
    let h = (x * x).named("h");
    let f = g.build(&[h, h + x]).unwrap();
    assert_eq!(f.value_name(f.results()[0]).map(|name| &**name), Some("h"));
    assert_eq!(f.value_name(f.params()[0]).map(|name| &**name), Some("x"));
    // The graph is as it was: it can be built again, and further.
    let again = g.build(&[h.sum()]).unwrap();
    assert_eq!(again.insts().len(), f.insts().len() + 1);
}
