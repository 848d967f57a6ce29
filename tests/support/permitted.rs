//! The error that the specification permits each operation.

use pullback_interp::{Array, evaluate_op};
use pullback_ir::{Binary, Cumulation, DType, Op, Pooling, Reduction, ScatterKind, Type, Unary};

use super::inputs::from_f64;

/// The distance from 1 to the next number; 0 for types that do not round.
pub fn epsilon(dtype: DType) -> f64 {
    match dtype {
        DType::F32 => f64::from(f32::EPSILON),
        DType::F64 => f64::EPSILON,
        DType::I32 | DType::I64 | DType::U8 | DType::Bool => 0.0,
    }
}

/// The least positive number of a type: what underflow may be off by.
pub fn least(dtype: DType) -> f64 {
    match dtype {
        DType::F32 => f64::from(f32::from_bits(1)),
        DType::F64 => f64::from_bits(1),
        DType::I32 | DType::I64 | DType::U8 | DType::Bool => 0.0,
    }
}

/// The error that the specification permits an operation, as a multiple of eps times the magnitude in question.
pub enum Permitted {
    /// The result is exact or correctly rounded from exact operands.
    Nothing,
    /// Relative to the result, unless that is a small integer: such results of arithmetic are most often exact.
    Rounding(f64),
    /// Relative to the result.
    Function(f64),
    /// Relative to the larger of the results at the operands and at their magnitudes: what reflection, at negative operands, is computed from.
    Reflected(f64),
    /// Relative to the product of so many factors; partial products may leave the range of the type.
    Product(usize),
    /// Relative to the sum of the terms' magnitudes, for a sum of so many terms; the sign of a zero sum is free.
    Sum(usize),
    /// As `Sum`, for terms that are added one after the other.
    Running(usize),
    /// Relative to one more than the result, so many times.
    LogSum(usize),
    /// The error of substitution with matrices of this size: see [`matrix_error`].
    Matrix(usize),
}

/// The error that the specification permits `op` on these operands.
pub fn permitted(op: &Op, args: &[&Array], result: &Type) -> Permitted {
    if !result.dtype.is_float() {
        return Permitted::Nothing;
    }
    let terms = |contracted: usize| contracted / result.elements().max(1);
    match op {
        Op::Unary(unary) => match unary {
            Unary::Neg
            | Unary::Abs
            | Unary::Sign
            | Unary::Not
            | Unary::Floor
            | Unary::Ceil
            | Unary::Round
            | Unary::PopulationCount
            | Unary::StopGradient => Permitted::Nothing,
            Unary::ErfInv | Unary::BesselI0e | Unary::BesselI1e => Permitted::Function(special_units(result.dtype)),
            Unary::Lgamma | Unary::Digamma => Permitted::Reflected(special_units(result.dtype)),
            Unary::Sqrt => Permitted::Rounding(1.0),
            Unary::Exp
            | Unary::Exp2
            | Unary::Expm1
            | Unary::Log
            | Unary::Log2
            | Unary::Log1p
            | Unary::Rsqrt
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
            | Unary::Erfc => Permitted::Function(2.0),
        },
        Op::Binary(binary) => match binary {
            Binary::Add | Binary::Sub | Binary::Mul | Binary::Div => Permitted::Rounding(1.0),
            Binary::Pow | Binary::Atan2 => Permitted::Function(2.0),
            Binary::Polygamma => Permitted::Reflected(special_units(result.dtype)),
            Binary::Rem
            | Binary::Max
            | Binary::Min
            | Binary::And
            | Binary::Or
            | Binary::Xor
            | Binary::ShiftLeft
            | Binary::ShiftRight
            | Binary::ShiftRightLogical => Permitted::Nothing,
        },
        Op::Reduce { kind, .. } => match kind {
            Reduction::Add => Permitted::Sum(terms(args[0].elements.len())),
            Reduction::Mul => Permitted::Product(terms(args[0].elements.len())),
            Reduction::Max | Reduction::Min | Reduction::And | Reduction::Or => Permitted::Nothing,
        },
        Op::Dot(dims) => {
            let extents = args[0].shape.extents();
            Permitted::Sum(dims.lhs_contract.iter().map(|&axis| extents[axis]).product())
        }
        Op::Conv(spec) => {
            let extents = args[1].shape.extents();
            Permitted::Sum(spec.rhs[1..].iter().map(|&axis| extents[axis]).product())
        }
        Op::ReduceWindow { kind, spec } => match kind {
            Pooling::Add => Permitted::Sum(spec.size.iter().product()),
            Pooling::Max | Pooling::Min => Permitted::Nothing,
        },
        Op::OverlapAdd { spec, .. } => Permitted::Sum(spec.size.iter().product()),
        Op::SelectAndScatter { spec, .. } => Permitted::Running(spec.size.iter().product()),
        Op::Cumulative { kind, axis, .. } => {
            let extent = result.shape.extent(*axis).unwrap_or(0);
            match kind {
                Cumulation::Add => Permitted::Running(extent),
                Cumulation::Mul => Permitted::Product(extent),
                Cumulation::Max | Cumulation::Min => Permitted::Nothing,
                Cumulation::LogSumExp => Permitted::LogSum(extent),
            }
        }
        Op::Scatter { kind, .. } => {
            let updates = args[2].elements.len();
            match kind {
                ScatterKind::Add => Permitted::Running(updates),
                ScatterKind::Mul => Permitted::Product(updates + 1),
                ScatterKind::Set | ScatterKind::Min | ScatterKind::Max => Permitted::Nothing,
            }
        }
        Op::Cholesky | Op::TriangularSolve { .. } => {
            Permitted::Matrix(args[0].shape.extents().last().copied().unwrap_or(0))
        }
        // What regions compute is looked at alone.
        Op::Scan(_)
        | Op::While(_)
        | Op::Cond
        | Op::Switch
        | Op::CustomDerivative(_)
        | Op::TransposeRule { .. }
        | Op::Checkpoint => Permitted::Nothing,
        Op::Bitcast(_)
        | Op::Barrier
        | Op::ArgReduce { .. }
        | Op::DynamicSlice(_)
        | Op::DynamicUpdateSlice
        | Op::Gather(_)
        | Op::Windows(_)
        | Op::Sort { .. }
        | Op::TopK { .. }
        | Op::RandomBits(_) => Permitted::Nothing,
        Op::Constant(_)
        | Op::Iota { .. }
        | Op::Compare(_)
        | Op::IsFinite
        | Op::Select
        | Op::Clamp
        | Op::Convert(_)
        | Op::Broadcast(_)
        | Op::Reshape(_)
        | Op::Transpose(_)
        | Op::Reverse(_)
        | Op::Slice(_)
        | Op::Pad(_)
        | Op::Concatenate { .. }
        | Op::Call(_) => Permitted::Nothing,
    }
}

/// The error of the special functions, in units in the last place.
const fn special_units(dtype: DType) -> f64 {
    match dtype {
        DType::F64 => 8.0,
        DType::F32 | DType::I32 | DType::I64 | DType::U8 | DType::Bool => 2.0,
    }
}

/// For each element the larger of the magnitudes of the result and of that at the operands' magnitudes.
pub fn reflected_magnitudes(op: &Op, args: &[&Array], result: &Array) -> Vec<f64> {
    let mirrored = sum_of_magnitudes(op, args, &result.ty());
    let larger = |(x, y): (f64, f64)| if y.is_finite() { x.abs().max(y.abs()) } else { x.abs() };
    result.to_f64().into_iter().zip(mirrored).map(larger).collect()
}

/// For each element of a sum the sum of the magnitudes of its terms.
pub fn sum_of_magnitudes(op: &Op, args: &[&Array], result: &Type) -> Vec<f64> {
    // What chooses, and positions, stay.
    let stays = |position: usize| matches!((op, position), (Op::SelectAndScatter { .. }, 0));
    let magnitudes: Vec<Array> = (args.iter().enumerate())
        .map(|(position, &arg)| if stays(position) || !arg.dtype().is_float() { arg.clone() } else { absolute(arg) })
        .collect();
    let magnitudes: Vec<&Array> = magnitudes.iter().collect();
    evaluate_op(op, &magnitudes, result).expect("as the plain one").to_f64()
}

fn absolute(x: &Array) -> Array {
    evaluate_op(&Op::Unary(Unary::Abs), &[x], &x.ty()).expect("floats")
}

/// How far each element of a factor or solution may be off: `16 n eps` times the condition of the worst matrix and the largest
/// finite element.
pub fn matrix_error(op: &Op, args: &[&Array], result: &Array) -> f64 {
    let n = result.shape.extents().len();
    let (triangle, power) = match op {
        // The condition of `L Lᵀ` is the square of that of `L`.
        Op::Cholesky => (result, 2),
        _ => (args[0], 1),
    };
    let lower = matches!(op, Op::Cholesky | Op::TriangularSolve { lower: true, .. });
    let unit = matches!(op, Op::TriangularSolve { unit: true, .. });
    let size = triangle.shape.extents().last().copied().unwrap_or(0);
    if n < 2 || size == 0 || triangle.elements.is_empty() {
        return 0.0;
    }
    let wide = from_f64(&triangle.ty().with_dtype(DType::F64), &triangle.to_f64());
    let within = |position: usize| {
        let (row, column) = (position % (size * size) / size, position % size);
        match (row == column, unit) {
            (true, true) => Some(1.0),
            (true, false) => None,
            (false, _) if (row > column) == lower => None,
            (false, _) => Some(0.0),
        }
    };
    let values: Vec<f64> = wide.to_f64().into_iter().enumerate().map(|(at, x)| within(at).unwrap_or(x)).collect();
    let matrix = from_f64(&wide.ty(), &values);
    let identity: Vec<f64> =
        (0..values.len()).map(|at| if at % (size * size) / size == at % size { 1.0 } else { 0.0 }).collect();
    let identity = from_f64(&wide.ty(), &identity);
    let solve = Op::TriangularSolve { left: true, lower, transpose: false, unit: false };
    let inverse = evaluate_op(&solve, &[&matrix, &identity], &wide.ty()).expect("square matrices");
    let condition = row_norms(&matrix, size) * row_norms(&inverse, size);
    let largest =
        result.to_f64().into_iter().filter(|x| x.is_finite()).fold(0.0, |largest: f64, x| largest.max(x.abs()));
    16.0 * size as f64 * epsilon(result.dtype()) * condition.powi(power) * largest
}

/// The largest sum of the magnitudes of a row; rows with an infinity or NaN, which come out as they are, do not count.
fn row_norms(x: &Array, size: usize) -> f64 {
    let rows = x.to_f64();
    let sums = rows.chunks(size).map(|row| row.iter().map(|x| x.abs()).sum::<f64>());
    sums.filter(|sum| sum.is_finite()).fold(1.0, f64::max)
}
