//! What may stand beside a tensor in a formula: another tensor, or a number.
//!
//! This file holds the two liberties that the builder API takes over the tensor IR. A number becomes a splat constant
//! of the element type and shape of the tensor it meets. Two tensors are broadcast to a common shape, by the rule of NumPy: align
//! the shapes at the right, then an axis that is missing or of extent 1 repeats.

use pullback_ir::op::BroadcastSpec;
use pullback_ir::{DType, Op, Scalar};

use crate::tensor::Tensor;

/// A number in a formula, before it takes the element type of a tensor.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Number {
    /// Written with a decimal point.
    Float(f64),
    /// Written without.
    Int(i64),
}

impl From<f64> for Number {
    fn from(x: f64) -> Self {
        Self::Float(x)
    }
}

impl From<f32> for Number {
    fn from(x: f32) -> Self {
        Self::Float(x.into())
    }
}

impl From<i32> for Number {
    fn from(x: i32) -> Self {
        Self::Int(x.into())
    }
}

impl From<i64> for Number {
    fn from(x: i64) -> Self {
        Self::Int(x)
    }
}

impl Number {
    /// The number as an element of `dtype`: rounded to a floating-point type, exact in an integer type.
    pub(crate) fn to_scalar(self, dtype: DType) -> Result<Scalar, String> {
        let exact = || match self {
            Self::Int(x) => Some(x),
            // Every whole f64 below 2^63 in magnitude converts exactly.
            Self::Float(x) => (x.fract() == 0.0 && x.abs() < -(i64::MIN as f64)).then_some(x as i64),
        };
        let scalar = match dtype {
            DType::F32 | DType::F64 => self.to_float(dtype),
            DType::I32 => exact().and_then(|x| i32::try_from(x).ok()).map(Scalar::I32),
            DType::I64 => exact().map(Scalar::I64),
            DType::U8 => exact().and_then(|x| u8::try_from(x).ok()).map(Scalar::U8),
            DType::Bool => None,
        };
        scalar.ok_or_else(|| match self {
            Self::Float(x) => format!("the literal {x:?} is not representable in {dtype}"),
            Self::Int(x) => format!("the literal {x} is not representable in {dtype}"),
        })
    }

    /// Rounds; a finite number beyond the range of `dtype` has no representation.
    fn to_float(self, dtype: DType) -> Option<Scalar> {
        let x = match self {
            Self::Float(x) => x,
            Self::Int(x) => x as f64,
        };
        let scalar = Scalar::from_f64(dtype, x);
        (scalar.to_f64().is_finite() || !x.is_finite()).then_some(scalar)
    }
}

/// What an [`Operand`] is.
#[derive(Clone, Copy, Debug)]
pub enum Resolved<'g> {
    /// A tensor.
    Tensor(Tensor<'g>),
    /// A number, to take the type of a tensor.
    Number(Number),
}

/// A tensor, or a number that becomes one: `f64`, `f32`, `i32` or `i64`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot stand beside a tensor",
    label = "expected a `Tensor`, `f64`, `f32`, `i32` or `i64`"
)]
pub trait Operand<'g> {
    /// Which of the two it is.
    fn resolve(self) -> Resolved<'g>;
}

impl<'g> Operand<'g> for Tensor<'g> {
    fn resolve(self) -> Resolved<'g> {
        Resolved::Tensor(self)
    }
}

macro_rules! number_operand {
    ($($ty:ty)*) => {
        $(impl<'g> Operand<'g> for $ty {
            fn resolve(self) -> Resolved<'g> {
                Resolved::Number(self.into())
            }
        })*
    };
}

number_operand!(f64 f32 i32 i64);

/// The common shape of two operands, or a message.
pub(crate) fn broadcast_shapes(x: &[usize], y: &[usize]) -> Result<Vec<usize>, String> {
    let rank = x.len().max(y.len());
    let extent = |dims: &[usize], axis: usize| (axis + dims.len()).checked_sub(rank).map_or(1, |axis| dims[axis]);
    let mut common = Vec::with_capacity(rank);
    for axis in 0..rank {
        common.push(match (extent(x, axis), extent(y, axis)) {
            (a, b) if a == b => a,
            (1, b) => b,
            (a, 1) => a,
            (a, b) => {
                return Err(format!(
                    "the shapes {x:?} and {y:?} do not broadcast: aligned at the right, axis {axis} has extents {a} and {b}"
                ));
            }
        });
    }
    Ok(common)
}

impl<'g> Tensor<'g> {
    /// Both operands with one element type and one shape, or `None` and a recorded mistake.
    #[track_caller]
    pub(crate) fn align(self, op: &str, other: impl Operand<'g>) -> Option<(Self, Self)> {
        let other = self.meet(op, other.resolve())?;
        let (x, y) = (self.dims(), other.dims());
        match broadcast_shapes(&x, &y) {
            Ok(common) => Some((self.broadcast_to(&common), other.broadcast_to(&common))),
            Err(message) => {
                self.graph().record(op, message);
                None
            }
        }
    }

    /// The operand as a tensor of this graph and element type; a number takes this tensor's shape.
    #[track_caller]
    pub(crate) fn meet(self, op: &str, other: Resolved<'g>) -> Option<Self> {
        let other = match other {
            Resolved::Number(number) => self.graph().splat(op, &self.ty(), number),
            Resolved::Tensor(other) => {
                self.same_graph(op, other);
                other
            }
        };
        if self.graph().has_failed() {
            return None;
        }
        if self.dtype() != other.dtype() {
            let message = format!(
                "operands of types {} and {}: element types are not converted implicitly, use `to`",
                self.ty(),
                other.ty()
            );
            self.graph().record(op, message);
            return None;
        }
        Some(other)
    }

    /// The operand as a tensor of this graph and element type with the given extents, to which it broadcasts.
    #[track_caller]
    pub(crate) fn like(self, op: &str, other: impl Operand<'g>, dims: &[usize]) -> Option<Self> {
        let other = match other.resolve() {
            Resolved::Number(number) => {
                self.graph().splat(op, &self.graph().make_type(op, self.dtype(), dims)?, number)
            }
            tensor @ Resolved::Tensor(_) => self.meet(op, tensor)?.broadcast_to(dims),
        };
        (!self.graph().has_failed()).then_some(other)
    }

    /// Records a mistake in both graphs if they are not the same.
    #[track_caller]
    pub(crate) fn same_graph(self, op: &str, other: Tensor<'_>) {
        if !self.graph().owns(other) {
            self.graph().record(op, "the operands belong to two graphs");
            other.graph().record(op, "the operands belong to two graphs");
        }
    }

    /// The tensor repeated to the given extents: aligned at the right, missing axes and axes of extent 1 repeat.
    #[track_caller]
    pub fn broadcast_to(self, dims: impl AsRef<[usize]>) -> Self {
        let dims = dims.as_ref();
        let graph = self.graph();
        let own = self.dims();
        if own == dims {
            return self;
        }
        let Some(shape) = graph.make_shape("broadcast_to", dims) else { return graph.placeholder() };
        if broadcast_shapes(&own, dims).as_deref() != Ok(dims) {
            return graph.fail("broadcast_to", format!("{} does not broadcast to {shape}", self.ty()));
        }
        // The `broadcast` instruction repeats along new axes only, so axes of extent 1 that grow are dropped first.
        let offset = dims.len() - own.len();
        let kept: Vec<usize> = (0..own.len()).filter(|&axis| own[axis] == dims[axis + offset]).collect();
        let extents: Vec<usize> = kept.iter().map(|&axis| own[axis]).collect();
        let narrow = self.reshape_to(&extents);
        let spec = BroadcastSpec { shape, dims: kept.iter().map(|&axis| axis + offset).collect() };
        graph.emit(Op::Broadcast(Box::new(spec)), &[narrow])
    }

    /// As `reshape`, for extents known to fit.
    #[track_caller]
    pub(crate) fn reshape_to(self, extents: &[usize]) -> Self {
        match self.graph().make_shape("reshape", extents) {
            Some(shape) if shape == self.shape() => self,
            Some(shape) => self.graph().emit(Op::Reshape(Box::new(shape)), &[self]),
            None => self.graph().placeholder(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_broadcast_as_in_numpy() {
        assert_eq!(broadcast_shapes(&[2, 3], &[3]), Ok(vec![2, 3]));
        assert_eq!(broadcast_shapes(&[2, 1], &[1, 3]), Ok(vec![2, 3]));
        assert_eq!(broadcast_shapes(&[], &[4]), Ok(vec![4]));
        assert_eq!(broadcast_shapes(&[0], &[1]), Ok(vec![0]));
        assert!(broadcast_shapes(&[2], &[3]).is_err());
        assert!(broadcast_shapes(&[0], &[2]).is_err());
    }

    #[test]
    fn numbers_take_an_element_type_only_if_it_has_them() {
        assert_eq!(Number::Float(2.0).to_scalar(DType::I32), Ok(Scalar::I32(2)));
        assert!(Number::Float(2.5).to_scalar(DType::I32).is_err());
        assert!(Number::Float(f64::NAN).to_scalar(DType::I64).is_err());
        assert!(Number::Float(1e19).to_scalar(DType::I64).is_err());
        assert!(Number::Int(256).to_scalar(DType::U8).is_err());
        assert!(Number::Int(1).to_scalar(DType::Bool).is_err());
        assert_eq!(Number::Float(0.1).to_scalar(DType::F32), Ok(Scalar::F32(0.1)));
        assert!(Number::Float(1e300).to_scalar(DType::F32).is_err());
        assert_eq!(Number::Float(f64::INFINITY).to_scalar(DType::F32), Ok(Scalar::F32(f32::INFINITY)));
    }
}
