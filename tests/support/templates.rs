//! One instance of every operation of the table, with arbitrary attributes.
//!
//! `op::table()` lists rows; this list gives an [`Op`] for each. The test below fails by name for a row without one, and the
//! users of the list match on [`Op`] without a wildcard, so a new operation cannot be forgotten.

use std::sync::Arc;

use pullback_ir::op::{BroadcastSpec, SliceSpec};
use pullback_ir::{
    Binary, Builder, Comparison, DType, FuncId, Literal, Module, Op, PadSpec, Reduction, Scalar, Shape, Type, Unary,
};

/// One operation per row of the table.
pub fn templates() -> Vec<Op> {
    let scalar = Type::scalar(DType::F32);
    let mut list: Vec<Op> = Vec::new();
    list.extend(Unary::ALL.iter().map(|&op| Op::Unary(op)));
    list.extend(Binary::ALL.iter().map(|&op| Op::Binary(op)));
    list.extend(Reduction::ALL.iter().map(|&kind| Op::Reduce { kind, axes: [].into() }));
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
