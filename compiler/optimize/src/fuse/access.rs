//! How operations read their operands, as far as fusion cares.

use pullback_ir::{Binary, DotDims, Function, Inst, Op, Shape, Unary};

/// What an instruction may become in a plan.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Costs nothing but an index: evaluated wherever it is needed.
    Free,
    /// Elementwise.
    Elementwise,
    /// A reduction, or a contraction small enough for plain loops: one position reads many.
    Reducing,
    /// A pad or concatenation.
    Assembling,
    /// Another shape for the operand's memory.
    Alias,
    /// A contraction for the packed kernel.
    Contraction,
    /// A constant array in memory.
    Array,
    /// A call; inlined before.
    Call,
}

/// The role of an instruction.
#[must_use]
pub fn role(function: &Function, inst: Inst) -> Role {
    let args = function.args(inst);
    match function.op(inst) {
        Op::Constant(literal) if literal.as_splat().is_some() || literal.ty().elements() == 0 => Role::Free,
        Op::Constant(_) => Role::Array,
        Op::Iota { .. } | Op::Broadcast(_) | Op::Transpose(_) | Op::Reverse(_) | Op::Slice(_) => Role::Free,
        Op::Reshape(shape) if is_unit_reshape(&function.ty(args[0]).shape, shape) => Role::Free,
        Op::Reshape(_) => Role::Alias,
        Op::Unary(_) | Op::Binary(_) | Op::Compare(_) | Op::IsFinite | Op::Select | Op::Clamp | Op::Convert(_) => {
            Role::Elementwise
        }
        Op::Pad(_) | Op::Concatenate { .. } => Role::Assembling,
        Op::Reduce { .. } => Role::Reducing,
        Op::Dot(dims) => {
            let (x, y) = (function.ty(args[0]), function.ty(args[1]));
            if !x.dtype.is_float() || dot_is_small(&x.shape, &y.shape, dims) {
                Role::Reducing
            } else {
                Role::Contraction
            }
        }
        Op::Call(_) => Role::Call,
    }
}

/// Whether a reshape only adds or removes axes of extent 1, so that every position maps to one by axes.
#[must_use]
pub fn is_unit_reshape(from: &Shape, to: &Shape) -> bool {
    let without_units = |shape: &Shape| shape.extents().into_iter().filter(|&extent| extent != 1).collect::<Vec<_>>();
    without_units(from) == without_units(to)
}

/// Whether a contraction is too small for the packed kernel, whose packing and call cost about as much as 16 K multiply-adds.
#[must_use]
pub fn dot_is_small(x: &Shape, y: &Shape, dims: &DotDims) -> bool {
    let contracted: usize = dims.lhs_contract.iter().filter_map(|&axis| x.extent(axis)).product();
    let batch: usize = dims.lhs_batch.iter().filter_map(|&axis| x.extent(axis)).product();
    let per_batch = |elements: usize| elements / batch.max(1) / contracted.max(1);
    let (m, n) = (per_batch(x.elements()), per_batch(y.elements()));
    m * n * contracted <= 16 * 1024 || m == 1 && n == 1
}

/// The cost of an elementwise operation per element in units of simple arithmetic, roughly the instructions it takes; 0 for what
/// is not elementwise.
#[must_use]
pub fn cost(op: &Op) -> u32 {
    match op {
        Op::Unary(unary) => match unary {
            Unary::Neg | Unary::Abs | Unary::Sign | Unary::Not | Unary::Floor | Unary::Ceil | Unary::Round => 1,
            Unary::Sqrt => 4,
            Unary::Rsqrt => 8,
            Unary::Exp
            | Unary::Exp2
            | Unary::Expm1
            | Unary::Log
            | Unary::Log2
            | Unary::Log1p
            | Unary::Cbrt
            | Unary::Sin
            | Unary::Cos
            | Unary::Tan
            | Unary::Asin
            | Unary::Acos
            | Unary::Atan
            | Unary::Sinh
            | Unary::Cosh
            | Unary::Tanh
            | Unary::Logistic
            | Unary::Erf
            | Unary::Erfc => 20,
        },
        Op::Binary(binary) => match binary {
            Binary::Add
            | Binary::Sub
            | Binary::Mul
            | Binary::Max
            | Binary::Min
            | Binary::And
            | Binary::Or
            | Binary::Xor => 1,
            Binary::Div => 4,
            Binary::Rem | Binary::Pow | Binary::Atan2 => 40,
        },
        Op::Compare(_) | Op::IsFinite | Op::Select | Op::Clamp | Op::Convert(_) => 1,
        Op::Constant(_)
        | Op::Iota { .. }
        | Op::Broadcast(_)
        | Op::Reshape(_)
        | Op::Transpose(_)
        | Op::Reverse(_)
        | Op::Slice(_)
        | Op::Pad(_)
        | Op::Concatenate { .. }
        | Op::Reduce { .. }
        | Op::Dot(_)
        | Op::Call(_) => 0,
    }
}
