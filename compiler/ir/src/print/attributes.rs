//! What an instruction says behind its operands: names and values, from the operation.
//!
//! What the result type says (`convert`, `reshape`, the shape of `broadcast` and `iota`) is not repeated, and what is usual is left out: strides and
//! dilations of 1, padding of 0, flags that are false. The parser's `attributes` is the inverse.

use std::fmt::{self, Display};

use crate::op::{Checkpointing, ConvSpec, DotDims, Op, PoolSpec, ScanSpec, WindowDims, WindowSpec};

/// The value of an attribute.
pub(super) enum Attribute {
    Number(usize),
    Word(&'static str),
    List(Vec<i128>),
    Pair(Vec<i128>, Vec<i128>),
}

impl Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |items: &[i128]| items.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Word(word) => f.write_str(word),
            Self::List(items) => write!(f, "[{}]", list(items)),
            Self::Pair(a, b) => write!(f, "[{}]x[{}]", list(a), list(b)),
        }
    }
}

/// Attributes in order of the text.
#[derive(Default)]
struct Attributes(Vec<(&'static str, Attribute)>);

impl Attributes {
    fn number(mut self, name: &'static str, number: usize) -> Self {
        self.0.push((name, Attribute::Number(number)));
        self
    }

    fn number_unless(self, usual: usize, name: &'static str, number: usize) -> Self {
        if number == usual { self } else { self.number(name, number) }
    }

    fn word(mut self, name: &'static str, word: &'static str) -> Self {
        self.0.push((name, Attribute::Word(word)));
        self
    }

    fn flag(self, name: &'static str, set: bool) -> Self {
        if set { self.word(name, "true") } else { self }
    }

    fn list<T: Copy + Wide>(mut self, name: &'static str, list: &[T]) -> Self {
        self.0.push((name, Attribute::List(wide(list))));
        self
    }

    fn list_unless<T: Copy + Wide + PartialEq>(self, usual: T, name: &'static str, list: &[T]) -> Self {
        if list.iter().all(|&item| item == usual) { self } else { self.list(name, list) }
    }

    fn pair(mut self, name: &'static str, a: &[usize], b: &[usize]) -> Self {
        if !(a.is_empty() && b.is_empty()) {
            self.0.push((name, Attribute::Pair(wide(a), wide(b))));
        }
        self
    }
}

/// Numbers of attributes.
trait Wide {
    fn wide(self) -> i128;
}

impl Wide for usize {
    fn wide(self) -> i128 {
        self as i128
    }
}

impl Wide for i64 {
    fn wide(self) -> i128 {
        i128::from(self)
    }
}

fn wide<T: Copy + Wide>(list: &[T]) -> Vec<i128> {
    list.iter().map(|&item| item.wide()).collect()
}

/// The attributes of an operation.
pub(super) fn of(op: &Op) -> Vec<(&'static str, Attribute)> {
    let none = Attributes::default();
    let attributes = match op {
        Op::Iota { axis, .. } | Op::Concatenate { axis } | Op::ArgReduce { axis, .. } => none.number("axis", *axis),
        Op::Broadcast(spec) => none.list("dims", &spec.dims),
        Op::Transpose(perm) => none.list("perm", perm),
        Op::Reverse(axes) | Op::Reduce { axes, .. } => none.list("axes", axes),
        Op::Slice(spec) => {
            none.list("start", &spec.start).list("limit", &spec.limit).list_unless(1, "stride", &spec.stride)
        }
        Op::Pad(spec) => {
            none.list("low", &spec.low).list("high", &spec.high).list_unless(0, "interior", &spec.interior)
        }
        Op::Dot(dims) => dot(none, dims),
        Op::Cumulative { axis, reverse, .. } => none.number("axis", *axis).flag("reverse", *reverse),
        Op::Gather(spec) => window_dims(none, &spec.dims).list("sizes", &spec.sizes),
        Op::Scatter { dims, .. } => window_dims(none, dims),
        Op::Windows(spec) | Op::OverlapAdd { spec, .. } => windows(none, spec),
        Op::ReduceWindow { spec, .. } | Op::SelectAndScatter { spec, .. } => pool(none, spec),
        Op::Conv(spec) => conv(none, spec),
        Op::Sort { axis, keys, descending } => {
            none.number("axis", *axis).number("keys", *keys).flag("descending", *descending)
        }
        Op::TopK { k } => none.number("k", *k),
        Op::TriangularSolve { left, lower, transpose, unit } => {
            none.flag("left", *left).flag("lower", *lower).flag("transpose", *transpose).flag("unit", *unit)
        }
        Op::Scan(spec) => scan(none, spec),
        Op::While(spec) => {
            let attributes = none.number("consts", spec.consts);
            match spec.bound {
                Some(bound) => attributes.number("bound", bound),
                None => attributes,
            }
        }
        Op::CustomDerivative(rule) => none.word("rule", rule.name()),
        Op::TransposeRule { known } => none.number("known", *known),
        Op::Constant(_)
        | Op::Unary(_)
        | Op::Binary(_)
        | Op::Compare(_)
        | Op::IsFinite
        | Op::Select
        | Op::Clamp
        | Op::Convert(_)
        | Op::Reshape(_)
        | Op::Bitcast(_)
        | Op::Barrier
        | Op::DynamicSlice(_)
        | Op::DynamicUpdateSlice
        | Op::RandomBits(_)
        | Op::Cholesky
        | Op::Call(_)
        | Op::Cond
        | Op::Switch
        | Op::Checkpoint => none,
    };
    attributes.0
}

fn dot(attributes: Attributes, dims: &DotDims) -> Attributes {
    attributes.pair("batch", &dims.lhs_batch, &dims.rhs_batch).pair("contract", &dims.lhs_contract, &dims.rhs_contract)
}

fn window_dims(attributes: Attributes, dims: &WindowDims) -> Attributes {
    let attributes = attributes
        .list("offset", &dims.offset)
        .list("collapsed", &dims.collapsed)
        .list("map", &dims.map)
        .number("vector_axis", dims.vector_axis)
        .word("mode", dims.mode.name());
    attributes.pair("batch", &dims.operand_batch, &dims.indices_batch)
}

fn windows(attributes: Attributes, spec: &WindowSpec) -> Attributes {
    attributes.list("axes", &spec.axes).list("size", &spec.size).list_unless(1, "stride", &spec.stride).list_unless(
        1,
        "dilation",
        &spec.dilation,
    )
}

fn pool(attributes: Attributes, spec: &PoolSpec) -> Attributes {
    attributes
        .list("size", &spec.size)
        .list_unless(1, "stride", &spec.stride)
        .list_unless(0, "low", &spec.low)
        .list_unless(0, "high", &spec.high)
        .list_unless(1, "base_dilation", &spec.base_dilation)
        .list_unless(1, "dilation", &spec.dilation)
}

fn conv(attributes: Attributes, spec: &ConvSpec) -> Attributes {
    attributes
        .list("lhs", &spec.lhs)
        .list("rhs", &spec.rhs)
        .list("out", &spec.out)
        .list_unless(1, "stride", &spec.stride)
        .list_unless(0, "low", &spec.low)
        .list_unless(0, "high", &spec.high)
        .list_unless(1, "lhs_dilation", &spec.lhs_dilation)
        .list_unless(1, "rhs_dilation", &spec.rhs_dilation)
        .number_unless(1, "feature_groups", spec.feature_groups)
        .number_unless(1, "batch_groups", spec.batch_groups)
}

fn scan(attributes: Attributes, spec: &ScanSpec) -> Attributes {
    let attributes = attributes
        .number("length", spec.length)
        .number("consts", spec.consts)
        .number("carry", spec.carry)
        .flag("reverse", spec.reverse);
    match spec.checkpoint {
        Checkpointing::Store => attributes,
        Checkpointing::Recompute => attributes.word("checkpoint", "recompute"),
        Checkpointing::Every(steps) => attributes.number("checkpoint_every", steps),
        Checkpointing::Binomial(slots) => attributes.number("checkpoint_slots", slots),
    }
}
