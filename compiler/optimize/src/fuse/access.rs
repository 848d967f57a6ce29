//! How operations read their operands, as far as fusion cares.

use pullback_ir::{Binary, DotDims, Function, Inst, Op, Shape, Unary, Value};

/// What an instruction may become in a plan.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Costs nothing but an index: evaluated wherever it is needed.
    Free,
    /// Elementwise.
    Elementwise,
    /// A reduction, or a contraction small enough for plain loops: one position reads many.
    Reducing,
    /// A gather: one position reads another, known at run time.
    Gathering,
    /// The result is written in parts: a pad or concatenation, an update or scatter, an overlap-add, a prefix combination; or by a routine of the runtime: a
    /// sort, a factorisation, a solution.
    Assembling,
    /// Another shape for the operand's memory.
    Alias,
    /// A contraction for the packed kernel.
    Contraction,
    /// A constant array in memory.
    Array,
    /// A loop or branch around regions of its own.
    Control,
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
        // The position of the slice is found once, outside all loops.
        Op::DynamicSlice(_) | Op::Windows(_) => Role::Free,
        Op::Gather(_) => Role::Gathering,

        Op::Reshape(shape) if is_unit_reshape(&function.ty(args[0]).shape, shape) => Role::Free,
        Op::Reshape(_) | Op::Barrier => Role::Alias,
        Op::Unary(_)
        | Op::Binary(_)
        | Op::Compare(_)
        | Op::IsFinite
        | Op::Select
        | Op::Clamp
        | Op::Convert(_)
        | Op::Bitcast(_) => Role::Elementwise,
        Op::Pad(_)
        | Op::Concatenate { .. }
        | Op::Cumulative { .. }
        | Op::DynamicUpdateSlice
        | Op::Scatter { .. }
        | Op::OverlapAdd { .. }
        | Op::Sort { .. }
        | Op::Cholesky
        | Op::TriangularSolve { .. } => Role::Assembling,
        Op::Reduce { .. } => Role::Reducing,
        Op::Dot(dims) => {
            let (x, y) = (function.ty(args[0]), function.ty(args[1]));
            if !x.dtype.is_float() || dot_is_small(&x.shape, &y.shape, dims) {
                Role::Reducing
            } else {
                Role::Contraction
            }
        }
        Op::Call(_)
        | Op::ArgReduce { .. }
        | Op::ReduceWindow { .. }
        | Op::SelectAndScatter { .. }
        | Op::Conv(_)
        | Op::TopK { .. }
        | Op::RandomBits(_)
        | Op::CustomDerivative(_)
        | Op::TransposeRule { .. }
        | Op::Checkpoint => Role::Call,
        Op::Scan(_) | Op::While(_) | Op::Cond | Op::Switch => Role::Control,
    }
}

/// The value that a contraction reads in the place of an operand that is slices of it, and unit axes more or less: any strides will do, but elements of rows should be side by side.
/// Only what is in memory whatever reads it; of anything else the slice is less to store.
#[must_use]
pub fn viewed(function: &Function, operand: Value) -> Option<Value> {
    let (mut value, mut is_slice) = (operand, false);
    while let Some(inst) = function.def_inst(value) {
        let &[x] = function.args(inst) else { break };
        match function.op(inst) {
            Op::Slice(spec) if spec.stride.last().is_none_or(|&stride| stride == 1) => is_slice = true,
            Op::Reshape(shape) if is_unit_reshape(&function.ty(x).shape, shape) => {}
            _ => break,
        }
        value = x;
    }
    let in_memory = function.def_inst(value).is_none_or(|inst| match role(function, inst) {
        Role::Assembling | Role::Contraction | Role::Array | Role::Control | Role::Alias => true,
        Role::Free | Role::Elementwise | Role::Reducing | Role::Gathering | Role::Call => false,
    });
    (is_slice && in_memory).then_some(value)
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

/// Why a small contraction that takes part in loops had better have one of its own, if so.
///
/// If what it sums lies together in both operands, and results side by side are of different rows, its vectors lie along the sums, and what shares its loop is computed
/// element by element. Otherwise, where sums are long and results stay in the first cache, storing these costs little beside computing them, and each position of a
/// loop that is short overlaps with the next, which an inner loop in between hinders.
pub(super) fn wants_own_loop(function: &Function, inst: Inst) -> Option<&'static str> {
    let (Op::Dot(dims), &[x, y], &[result]) = (function.op(inst), function.args(inst), function.inst_results(inst))
    else {
        return None;
    };
    let (x, y) = (&function.ty(x).shape, &function.ty(y).shape);
    let columns = match dims.rhs_free(y.rank()).last() {
        Some(&axis) => y.extent(axis),
        None => dims.lhs_free(x.rank()).last().and_then(|&axis| x.extent(axis)),
    };
    if columns.is_none_or(|columns| columns < MIN_COLUMNS) {
        return None;
    }
    let is_last = |axes: &[usize], shape: &Shape| axes.last().is_some_and(|&axis| axis + 1 == shape.rank());
    let steps: usize = dims.lhs_contract.iter().filter_map(|&axis| x.extent(axis)).product();
    if is_last(&dims.lhs_contract, x) && is_last(&dims.rhs_contract, y) {
        Some("its vectors lie along its sums")
    } else if steps >= MIN_STEPS && function.ty(result).bytes() <= NEAR_BYTES {
        Some("its sums are long, and storing few of them costs little")
    } else {
        None
    }
}

/// Results side by side from which on it matters how they are computed: two vectors of four.
const MIN_COLUMNS: usize = 8;

/// Steps of a sum beside which a store and a load are little.
const MIN_STEPS: usize = 8;

/// Bytes that stay in the first cache: half of it, or less.
const NEAR_BYTES: usize = 16 << 10;

/// Whether an operand of an instruction with the role [`Role::Assembling`] has to be in memory: what is sorted is read in an order known at run time, and
/// routines of the runtime read memory.
pub(super) fn reads_memory(function: &Function, inst: Inst, operand: Value) -> bool {
    let args = function.args(inst);
    match function.op(inst) {
        Op::Sort { .. } => args.contains(&operand),
        Op::Cholesky | Op::TriangularSolve { .. } => args.first() == Some(&operand),
        _ => false,
    }
}

/// How often a position of an operand is needed for a result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Repetition {
    /// Once, or rarely more than once.
    None,
    /// Several times: it may be evaluated each time if that is cheap.
    Some,
    /// So often that it has to be in memory.
    Often,
}

/// How often a position of the operand of an instruction is needed for its results.
pub(super) fn repetition(function: &Function, inst: Inst, operand: usize) -> Repetition {
    let args = function.args(inst);
    let elements = |value: Value| function.ty(value).elements();
    let some = |repeats: bool| if repeats { Repetition::Some } else { Repetition::None };
    // Each component of each index vector is evaluated for each element of its window.
    let vectors = |windows: Value, indices: Value, components: usize| {
        some(components > 1 || elements(windows) > elements(indices))
    };
    match (function.op(inst), args) {
        (Op::Dot(_), _) => Repetition::Often,
        (Op::Broadcast(_), _) => Repetition::Some,
        (Op::Windows(spec), _) => {
            let span = |number: usize| (spec.size[number] - 1).saturating_mul(spec.dilation[number]);
            some((0..spec.axes.len()).any(|number| spec.size[number] > 1 && span(number) >= spec.stride[number]))
        }
        (Op::Gather(spec), &[x, indices]) => {
            let Some(&result) = function.inst_results(inst).first() else { return Repetition::Often };
            match operand {
                // Read in any order, so not in vectors; and some may be read twice.
                0 if elements(result) > elements(x) => Repetition::Often,
                0 => Repetition::Some,
                _ => vectors(result, indices, spec.dims.map.len()),
            }
        }
        (Op::Scatter { dims, .. }, &[_, indices, updates]) if operand == 1 => vectors(updates, indices, dims.map.len()),
        _ => Repetition::None,
    }
}

/// The cost of an elementwise operation or a gather per element in units of simple arithmetic, roughly the instructions it takes; 0 for
/// any other.
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
            Unary::ErfInv | Unary::Lgamma | Unary::Digamma | Unary::BesselI0e | Unary::BesselI1e => 100,
            Unary::PopulationCount => 8,
            Unary::StopGradient => 0,
        },
        Op::Binary(binary) => match binary {
            Binary::Add
            | Binary::Sub
            | Binary::Mul
            | Binary::Max
            | Binary::Min
            | Binary::And
            | Binary::Or
            | Binary::Xor
            | Binary::ShiftLeft
            | Binary::ShiftRight
            | Binary::ShiftRightLogical => 1,
            Binary::Div => 4,
            Binary::Rem | Binary::Pow | Binary::Atan2 => 40,
            Binary::Polygamma => 200,
        },
        Op::Compare(_) | Op::IsFinite | Op::Select | Op::Clamp | Op::Convert(_) | Op::Bitcast(_) => 1,
        // The index, its limits, and an element from anywhere.
        Op::Gather(_) => 4,
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
        | Op::Call(_)
        | Op::Barrier
        | Op::ArgReduce { .. }
        | Op::Cumulative { .. }
        | Op::DynamicSlice(_)
        | Op::DynamicUpdateSlice
        | Op::Scatter { .. }
        | Op::Windows(_)
        | Op::OverlapAdd { .. }
        | Op::ReduceWindow { .. }
        | Op::SelectAndScatter { .. }
        | Op::Conv(_)
        | Op::Sort { .. }
        | Op::TopK { .. }
        | Op::RandomBits(_)
        | Op::Cholesky
        | Op::TriangularSolve { .. }
        | Op::Scan(_)
        | Op::While(_)
        | Op::Cond
        | Op::Switch
        | Op::CustomDerivative(_)
        | Op::TransposeRule { .. }
        | Op::Checkpoint => 0,
    }
}
