//! Rules of truth values and bits, comparisons, selection and conversion.

use pullback_ir::{Binary, Comparison, DType, Op, Scalar, Unary, Value};

use crate::rewriter::{Rewriter, Rule};

pub(crate) const NOT: &[Rule] = &[
    Rule { name: "not_of_not", about: "not (not p) = p", apply: not_of_not },
    Rule {
        name: "not_of_compare",
        about: "not (x == y) = x != y and back; all predicates for integers",
        apply: not_of_compare,
    },
];

pub(crate) const CONNECTIVE: &[Rule] = &[
    Rule { name: "connective_self", about: "p and p = p or p = p, p xor p = false", apply: connective_self },
    Rule {
        name: "connective_constant",
        about: "p and true = p or false = p xor false = p; p and false = false, p or true = true, p xor true = not p; bitwise with all bits or none",
        apply: connective_constant,
    },
];

pub(crate) const SHIFT: &[Rule] = &[Rule { name: "shift_nothing", about: "x shifted by 0 = x", apply: shift_nothing }];

pub(crate) const STOP_GRADIENT: &[Rule] = &[Rule {
    name: "stop_gradient_nothing",
    about: "stop_gradient x = x, once derivatives are taken",
    apply: stop_gradient_nothing,
}];

pub(crate) const BITCAST: &[Rule] = &[
    Rule { name: "bitcast_same", about: "bitcast to the type that x has = x", apply: bitcast_same },
    Rule { name: "bitcast_of_bitcast", about: "bitcast (bitcast x) = bitcast x", apply: bitcast_of_bitcast },
];

pub(crate) const COMPARE: &[Rule] = &[
    Rule {
        name: "compare_self",
        about: "x < x = x > x = false; x == x, x <= x, x >= x = true and x != x = false but for floats",
        apply: compare_self,
    },
    Rule { name: "compare_constant_to_right", about: "c < x = x > c", apply: compare_constant_to_right },
];

pub(crate) const SELECT: &[Rule] = &[
    Rule { name: "select_constant", about: "select true, x, y = x; select false, x, y = y", apply: select_constant },
    Rule { name: "select_same", about: "select p, x, x = x", apply: select_same },
    Rule { name: "select_not", about: "select (not p), x, y = select p, y, x", apply: select_not },
    Rule {
        name: "select_truth",
        about: "select p, true, false = p; select p, false, true = not p",
        apply: select_truth,
    },
    Rule {
        name: "select_of_select",
        about: "select p, (select p, x, y), z = select p, x, z; select p, x, (select p, y, z) = select p, x, z",
        apply: select_of_select,
    },
];

pub(crate) const CLAMP: &[Rule] = &[Rule {
    name: "clamp_open",
    about: "clamp -inf, x, h = min(x, h); clamp l, x, inf = max(x, l); for integers with the ends of their range",
    apply: clamp_open,
}];

pub(crate) const CONVERT: &[Rule] = &[
    Rule { name: "convert_same", about: "convert to the type that x has = x", apply: convert_same },
    Rule {
        name: "convert_of_convert",
        about: "convert through a type that holds every value = convert at once",
        apply: convert_of_convert,
    },
];

fn not_of_not(w: &mut Rewriter<'_>, _: &Op, args: &[Value]) -> Option<Value> {
    w.unary(*args.first()?, Unary::Not)
}

const fn negation(predicate: Comparison) -> Comparison {
    match predicate {
        Comparison::Eq => Comparison::Ne,
        Comparison::Ne => Comparison::Eq,
        Comparison::Lt => Comparison::Ge,
        Comparison::Le => Comparison::Gt,
        Comparison::Gt => Comparison::Le,
        Comparison::Ge => Comparison::Lt,
    }
}

/// The predicate for exchanged operands.
pub(crate) const fn mirrored(predicate: Comparison) -> Comparison {
    match predicate {
        Comparison::Eq | Comparison::Ne => predicate,
        Comparison::Lt => Comparison::Gt,
        Comparison::Le => Comparison::Ge,
        Comparison::Gt => Comparison::Lt,
        Comparison::Ge => Comparison::Le,
    }
}

fn not_of_compare(w: &mut Rewriter<'_>, _: &Op, args: &[Value]) -> Option<Value> {
    let (predicate, operands) =
        w.matching(*args.first()?, |op| if let Op::Compare(predicate) = op { Some(*predicate) } else { None })?;
    // With a NaN, both `<` and `>=` are false; `==` and `!=` are opposites always.
    let ordered = !matches!(predicate, Comparison::Eq | Comparison::Ne);
    if ordered && w.dtype(*operands.first()?).is_float() {
        return None;
    }
    Some(w.emit(Op::Compare(negation(predicate)), &operands))
}

fn connective_self(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let &[p, q] = args else { return None };
    if p != q {
        return None;
    }
    if *op == Op::Binary(Binary::Xor) { Some(w.splat_like(p, 0.0)) } else { Some(p) }
}

fn connective_constant(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let &[p, c] = args else { return None };
    let (Op::Binary(binary), Some(known)) = (op, all_or_none(w.splat_of(c)?)) else { return None };
    // True, or all bits, is neutral to `and`; false, or none, to `or` and `xor`.
    let neutral = *binary == Binary::And;
    if known == neutral {
        return Some(p);
    }
    Some(if *binary == Binary::Xor { w.emit_unary(Unary::Not, p) } else { c })
}

/// Whether all bits of an element are 1, or none is.
const fn all_or_none(c: Scalar) -> Option<bool> {
    match c {
        Scalar::Bool(c) => Some(c),
        Scalar::I32(-1) | Scalar::I64(-1) | Scalar::U8(u8::MAX) => Some(true),
        Scalar::I32(0) | Scalar::I64(0) | Scalar::U8(0) => Some(false),
        Scalar::F32(_) | Scalar::F64(_) | Scalar::I32(_) | Scalar::I64(_) | Scalar::U8(_) => None,
    }
}

fn shift_nothing(w: &mut Rewriter<'_>, _: &Op, args: &[Value]) -> Option<Value> {
    let &[x, distance] = args else { return None };
    w.is_splat(distance, 0.0).then_some(x)
}

fn stop_gradient_nothing(_: &mut Rewriter<'_>, _: &Op, args: &[Value]) -> Option<Value> {
    args.first().copied()
}

fn bitcast_same(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (&[x], Op::Bitcast(to)) = (args, op) else { return None };
    (w.dtype(x) == *to).then_some(x)
}

fn bitcast_of_bitcast(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let ((), x) = w.matching_one(*args.first()?, |op| matches!(op, Op::Bitcast(_)).then_some(()))?;
    Some(w.emit(op.clone(), &[x]))
}

fn compare_self(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (&[x, y], Op::Compare(predicate)) = (args, op) else { return None };
    if x != y {
        return None;
    }
    let holds = match predicate {
        Comparison::Lt | Comparison::Gt => false,
        // A NaN differs from itself.
        _ if w.dtype(x).is_float() => return None,
        Comparison::Ne => false,
        Comparison::Eq | Comparison::Le | Comparison::Ge => true,
    };
    let shape = w.ty(x).shape;
    Some(w.splat(Scalar::Bool(holds), shape))
}

fn compare_constant_to_right(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (&[x, y], Op::Compare(predicate)) = (args, op) else { return None };
    (w.is_constant(x) && !w.is_constant(y)).then(|| w.emit(Op::Compare(mirrored(*predicate)), &[y, x]))
}

fn select_constant(w: &mut Rewriter<'_>, _: &Op, args: &[Value]) -> Option<Value> {
    let &[p, x, y] = args else { return None };
    match w.splat_of(p)? {
        Scalar::Bool(true) => Some(x),
        Scalar::Bool(false) => Some(y),
        Scalar::F32(_) | Scalar::F64(_) | Scalar::I32(_) | Scalar::I64(_) | Scalar::U8(_) => None,
    }
}

fn select_same(_: &mut Rewriter<'_>, _: &Op, args: &[Value]) -> Option<Value> {
    let &[_, x, y] = args else { return None };
    (x == y).then_some(x)
}

fn select_not(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let &[p, x, y] = args else { return None };
    let p = w.unary(p, Unary::Not)?;
    Some(w.emit(op.clone(), &[p, y, x]))
}

fn select_truth(w: &mut Rewriter<'_>, _: &Op, args: &[Value]) -> Option<Value> {
    let &[p, x, y] = args else { return None };
    match (w.splat_of(x)?, w.splat_of(y)?) {
        (Scalar::Bool(true), Scalar::Bool(false)) => Some(p),
        (Scalar::Bool(false), Scalar::Bool(true)) => Some(w.emit_unary(Unary::Not, p)),
        _ => None,
    }
}

fn select_of_select(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let &[p, x, y] = args else { return None };
    let arm = |value: Value, position: usize| {
        let (_, parts) = w.matching(value, |op| matches!(op, Op::Select).then_some(()))?;
        if parts.first() == Some(&p) { parts.get(position).copied() } else { None }
    };
    let (first, second) = (arm(x, 1), arm(y, 2));
    if first.is_none() && second.is_none() {
        return None;
    }
    Some(w.emit(op.clone(), &[p, first.unwrap_or(x), second.unwrap_or(y)]))
}

fn clamp_open(w: &mut Rewriter<'_>, _: &Op, args: &[Value]) -> Option<Value> {
    let &[low, x, high] = args else { return None };
    // Conversion saturates, so that these are the ends of the integers' ranges too.
    if w.is_splat(low, f64::NEG_INFINITY) {
        return Some(w.emit_binary(Binary::Min, x, high));
    }
    w.is_splat(high, f64::INFINITY).then(|| w.emit_binary(Binary::Max, x, low))
}

fn convert_same(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (&[x], Op::Convert(to)) = (args, op) else { return None };
    (w.dtype(x) == *to).then_some(x)
}

fn convert_of_convert(w: &mut Rewriter<'_>, op: &Op, args: &[Value]) -> Option<Value> {
    let (&[y], Op::Convert(to)) = (args, op) else { return None };
    let (through, x) = w.matching_one(y, |op| if let Op::Convert(dtype) = op { Some(*dtype) } else { None })?;
    let from = w.dtype(x);
    if !holds_every_value(through, from) {
        return None;
    }
    // The same number is converted either way, and it only matters which kind of number it is taken for: integers
    // wrap in a narrower integer, floats saturate.
    let one_kind = from == DType::Bool || from.is_float() == through.is_float();
    if *to == from || one_kind || to.is_float() { Some(w.emit(op.clone(), &[x])) } else { None }
}

/// Whether converting from `from` to `through` loses nothing.
const fn holds_every_value(through: DType, from: DType) -> bool {
    match from {
        DType::Bool => true,
        DType::U8 => !matches!(through, DType::Bool),
        DType::I32 => matches!(through, DType::I32 | DType::I64 | DType::F64),
        DType::I64 => matches!(through, DType::I64),
        DType::F32 => matches!(through, DType::F32 | DType::F64),
        DType::F64 => matches!(through, DType::F64),
    }
}
