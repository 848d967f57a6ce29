//! One instance of every operation of the table, with arbitrary attributes.
//!
//! `op::table()` lists rows; this list gives an [`Op`] for each. The test below fails by name for a row without one, and the
//! users of the list match on [`Op`] without a wildcard, so a new operation cannot be forgotten.

use std::sync::Arc;

use pullback_ir::op::{BroadcastSpec, SliceSpec};
use pullback_ir::{
    Axes, Binary, Builder, Checkpointing, Comparison, ConvSpec, Cumulation, CustomRule, DType, Extremum, FuncId,
    GatherSpec, Literal, Module, Op, OutOfBounds, PadSpec, PoolSpec, Pooling, Reduction, Scalar, ScanSpec, ScatterKind,
    Shape, Type, Unary, WhileSpec, WindowDims, WindowSpec,
};

/// One operation per row of the table.
pub fn templates() -> Vec<Op> {
    let scalar = Type::scalar(DType::F32);
    let mut list: Vec<Op> = Vec::new();
    list.extend(Unary::ALL.iter().map(|&op| Op::Unary(op)));
    list.extend(Binary::ALL.iter().map(|&op| Op::Binary(op)));
    list.extend(Reduction::ALL.iter().map(|&kind| Op::Reduce { kind, axes: [].into() }));
    list.extend(Cumulation::ALL.iter().map(|&kind| Op::Cumulative { kind, axis: 0, reverse: false }));
    list.extend(Pooling::ALL.iter().map(|&kind| Op::ReduceWindow { kind, spec: Box::new(pool()) }));
    list.extend(ScatterKind::ALL.iter().map(|&kind| Op::Scatter { kind, dims: Box::new(window_dims()) }));
    for kind in [Extremum::Max, Extremum::Min] {
        list.push(Op::ArgReduce { kind, axis: 0, dtype: DType::I32 });
        list.push(Op::SelectAndScatter { kind, spec: Box::new(pool()) });
    }
    list.extend(structured());
    list.extend([
        Op::Constant(Arc::new(Literal::splat(Scalar::F32(0.0), Shape::scalar()))),
        Op::Iota { ty: Box::new(scalar), axis: 0 },
        Op::Compare(Comparison::Lt),
        Op::IsFinite,
        Op::Select,
        Op::Clamp,
        Op::Convert(DType::F32),
        Op::Broadcast(Box::new(BroadcastSpec { shape: Shape::scalar(), dims: [].into() })),
        Op::Reshape(Box::new(Shape::scalar())),
        Op::Transpose([].into()),
        Op::Reverse([].into()),
        Op::Slice(Box::new(SliceSpec { start: [].into(), limit: [].into(), stride: [].into() })),
        Op::Pad(Box::new(PadSpec { low: [].into(), high: [].into(), interior: [].into() })),
        Op::Concatenate { axis: 0 },
        Op::Dot(Box::default()),
        Op::Call(some_function()),
    ]);
    list
}

/// The operations without a family that came with indices, windows and regions.
fn structured() -> Vec<Op> {
    let windows = || WindowSpec { axes: Axes::default(), size: [].into(), stride: [].into(), dilation: [].into() };
    let scan = ScanSpec { length: 0, consts: 0, carry: 0, reverse: false, checkpoint: Checkpointing::Store };
    vec![
        Op::Bitcast(DType::F32),
        Op::Barrier,
        Op::DynamicSlice(Box::new(Shape::scalar())),
        Op::DynamicUpdateSlice,
        Op::Gather(Box::new(GatherSpec { dims: window_dims(), sizes: [].into() })),
        Op::Windows(Box::new(windows())),
        Op::OverlapAdd { spec: Box::new(windows()), shape: Box::new(Shape::scalar()) },
        Op::Conv(Box::new(conv())),
        Op::Sort { axis: 0, keys: 1, descending: false },
        Op::TopK { k: 0 },
        Op::RandomBits(Box::new(Type::scalar(DType::I32))),
        Op::Cholesky,
        Op::TriangularSolve { left: true, lower: true, transpose: false, unit: false },
        Op::Scan(Box::new(scan)),
        Op::While(Box::new(WhileSpec { consts: 0, bound: None })),
        Op::Cond,
        Op::Switch,
        Op::CustomDerivative(CustomRule::Jvp),
        Op::TransposeRule { known: 0 },
        Op::Checkpoint,
    ]
}

fn pool() -> PoolSpec {
    let (size, stride): (Box<[usize]>, Box<[usize]>) = ([].into(), [].into());
    PoolSpec { size, stride, low: [].into(), high: [].into(), base_dilation: [].into(), dilation: [].into() }
}

fn window_dims() -> WindowDims {
    let none = Axes::default;
    WindowDims {
        offset: none(),
        collapsed: none(),
        operand_batch: none(),
        indices_batch: none(),
        map: none(),
        vector_axis: 0,
        mode: OutOfBounds::Clamp,
    }
}

fn conv() -> ConvSpec {
    ConvSpec {
        lhs: [0, 1].into(),
        rhs: [0, 1].into(),
        out: [0, 1].into(),
        stride: [].into(),
        low: [].into(),
        high: [].into(),
        lhs_dilation: [].into(),
        rhs_dilation: [].into(),
        feature_groups: 1,
        batch_groups: 1,
    }
}

/// The number of the first function of any module.
fn some_function() -> FuncId {
    let mut module = Module::new();
    let function = Builder::new(&module, "f").finish(&[]).expect("an empty function");
    module.add(function)
}

#[test]
fn every_row_of_the_table_has_a_template() {
    let names: Vec<&str> = templates().iter().map(Op::name).collect();
    for row in pullback_ir::op::table() {
        assert!(names.contains(&row.name), "add `{}` to tests/support/templates.rs", row.name);
    }
}
