//! Instructions remember the user's line, also those that a composition made.

use pullback_graph::{Graph, nn, trace};
use pullback_ir::{DType, Module, Origin};

/// Lines of this file that instructions of the function come from, without repetition.
fn lines(function: &pullback_ir::Function) -> Vec<u32> {
    let mut lines = Vec::new();
    for &inst in function.insts() {
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
