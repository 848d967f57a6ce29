//! Tensor data known at compile time, and tensor data in general.
//!
//! [`Elements`] is a vector of elements tagged with its element type; [`Literal`] adds a shape. A literal
//! whose elements are all the same bits is kept as one element (*splat*), whatever its shape, so that
//! equality, hashing and printing have one form for each value. Equality and hashing go by bits: two
//! NaNs of the same payload are equal, and 0.0 differs from -0.0.

use std::fmt;

use crate::types::{DType, Shape, Type};

/// One element.
#[derive(Clone, Copy, Debug)]
pub enum Scalar {
    /// An `f32`.
    F32(f32),
    /// An `f64`.
    F64(f64),
    /// An `i32`.
    I32(i32),
    /// An `i64`.
    I64(i64),
    /// A `u8`.
    U8(u8),
    /// A `bool`.
    Bool(bool),
}

impl Scalar {
    /// The element type.
    #[must_use]
    pub const fn dtype(self) -> DType {
        match self {
            Self::F32(_) => DType::F32,
            Self::F64(_) => DType::F64,
            Self::I32(_) => DType::I32,
            Self::I64(_) => DType::I64,
            Self::U8(_) => DType::U8,
            Self::Bool(_) => DType::Bool,
        }
    }

    /// The bits, zero-extended.
    #[must_use]
    pub const fn bits(self) -> u64 {
        match self {
            Self::F32(x) => x.to_bits() as u64,
            Self::F64(x) => x.to_bits(),
            Self::I32(x) => x as u32 as u64,
            Self::I64(x) => x as u64,
            Self::U8(x) => x as u64,
            Self::Bool(x) => x as u64,
        }
    }

    /// A number as an element of `dtype`, rounded or saturated as the `convert` operation does.
    #[must_use]
    pub fn from_f64(dtype: DType, x: f64) -> Self {
        match dtype {
            DType::F32 => Self::F32(x as f32),
            DType::F64 => Self::F64(x),
            DType::I32 => Self::I32(x as i32),
            DType::I64 => Self::I64(x as i64),
            DType::U8 => Self::U8(x as u8),
            DType::Bool => Self::Bool(x != 0.0),
        }
    }

    /// The nearest `f64`; exact but for large `i64`.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        match self {
            Self::F32(x) => f64::from(x),
            Self::F64(x) => x,
            Self::I32(x) => f64::from(x),
            Self::I64(x) => x as f64,
            Self::U8(x) => f64::from(x),
            Self::Bool(x) => f64::from(u8::from(x)),
        }
    }
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        self.dtype() == other.dtype() && self.bits() == other.bits()
    }
}

impl Eq for Scalar {}

impl std::hash::Hash for Scalar {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (self.dtype(), self.bits()).hash(state);
    }
}

impl fmt::Display for Scalar {
    /// The text form: shortest decimal that reads back to the same bits; `inf`, `-inf`, `nan` for the canonical
    /// quiet NaN, and `nan:0x…` with its bits for any other.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::F32(x) if x.is_nan() && x.to_bits() != f32::NAN.to_bits() => write!(f, "nan:0x{:08x}", x.to_bits()),
            Self::F64(x) if x.is_nan() && x.to_bits() != f64::NAN.to_bits() => write!(f, "nan:0x{:016x}", x.to_bits()),
            Self::F32(x) if x.is_nan() => f.write_str("nan"),
            Self::F64(x) if x.is_nan() => f.write_str("nan"),
            Self::F32(x) => write!(f, "{x:?}"),
            Self::F64(x) => write!(f, "{x:?}"),
            Self::I32(x) => write!(f, "{x}"),
            Self::I64(x) => write!(f, "{x}"),
            Self::U8(x) => write!(f, "{x}"),
            Self::Bool(x) => write!(f, "{x}"),
        }
    }
}

/// A vector of elements of one type.
#[derive(Clone, Debug)]
pub enum Elements {
    /// `f32` elements.
    F32(Vec<f32>),
    /// `f64` elements.
    F64(Vec<f64>),
    /// `i32` elements.
    I32(Vec<i32>),
    /// `i64` elements.
    I64(Vec<i64>),
    /// `u8` elements.
    U8(Vec<u8>),
    /// `bool` elements.
    Bool(Vec<bool>),
}

/// Runs `$body` with `$v` bound to the typed vector inside an [`Elements`].
///
/// The body is instantiated once per element type.
#[macro_export]
macro_rules! with_elements {
    ($elements:expr, $v:ident => $body:expr) => {
        match $elements {
            $crate::Elements::F32($v) => $body,
            $crate::Elements::F64($v) => $body,
            $crate::Elements::I32($v) => $body,
            $crate::Elements::I64($v) => $body,
            $crate::Elements::U8($v) => $body,
            $crate::Elements::Bool($v) => $body,
        }
    };
}

impl Elements {
    /// `count` copies of one element.
    #[must_use]
    pub fn splat(value: Scalar, count: usize) -> Self {
        match value {
            Scalar::F32(x) => Self::F32(vec![x; count]),
            Scalar::F64(x) => Self::F64(vec![x; count]),
            Scalar::I32(x) => Self::I32(vec![x; count]),
            Scalar::I64(x) => Self::I64(vec![x; count]),
            Scalar::U8(x) => Self::U8(vec![x; count]),
            Scalar::Bool(x) => Self::Bool(vec![x; count]),
        }
    }

    /// No elements, with room for `capacity`.
    #[must_use]
    pub fn empty(dtype: DType, capacity: usize) -> Self {
        match dtype {
            DType::F32 => Self::F32(Vec::with_capacity(capacity)),
            DType::F64 => Self::F64(Vec::with_capacity(capacity)),
            DType::I32 => Self::I32(Vec::with_capacity(capacity)),
            DType::I64 => Self::I64(Vec::with_capacity(capacity)),
            DType::U8 => Self::U8(Vec::with_capacity(capacity)),
            DType::Bool => Self::Bool(Vec::with_capacity(capacity)),
        }
    }

    /// Collects scalars; `None` if one is not of type `dtype`.
    #[must_use]
    pub fn from_scalars(dtype: DType, scalars: &[Scalar]) -> Option<Self> {
        let mut elements = Self::empty(dtype, scalars.len());
        scalars.iter().all(|&scalar| elements.push(scalar)).then_some(elements)
    }

    /// Appends an element; false, and nothing happens, if it is of another type.
    #[must_use]
    pub fn push(&mut self, value: Scalar) -> bool {
        match (self, value) {
            (Self::F32(v), Scalar::F32(x)) => v.push(x),
            (Self::F64(v), Scalar::F64(x)) => v.push(x),
            (Self::I32(v), Scalar::I32(x)) => v.push(x),
            (Self::I64(v), Scalar::I64(x)) => v.push(x),
            (Self::U8(v), Scalar::U8(x)) => v.push(x),
            (Self::Bool(v), Scalar::Bool(x)) => v.push(x),
            (Self::F32(_) | Self::F64(_) | Self::I32(_) | Self::I64(_) | Self::U8(_) | Self::Bool(_), _) => {
                return false;
            }
        }
        true
    }

    /// The element type.
    #[must_use]
    pub const fn dtype(&self) -> DType {
        match self {
            Self::F32(_) => DType::F32,
            Self::F64(_) => DType::F64,
            Self::I32(_) => DType::I32,
            Self::I64(_) => DType::I64,
            Self::U8(_) => DType::U8,
            Self::Bool(_) => DType::Bool,
        }
    }

    /// The number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        with_elements!(self, v => v.len())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The element at `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Scalar> {
        match self {
            Self::F32(v) => v.get(index).map(|&x| Scalar::F32(x)),
            Self::F64(v) => v.get(index).map(|&x| Scalar::F64(x)),
            Self::I32(v) => v.get(index).map(|&x| Scalar::I32(x)),
            Self::I64(v) => v.get(index).map(|&x| Scalar::I64(x)),
            Self::U8(v) => v.get(index).map(|&x| Scalar::U8(x)),
            Self::Bool(v) => v.get(index).map(|&x| Scalar::Bool(x)),
        }
    }

    /// All elements in order.
    pub fn iter(&self) -> impl Iterator<Item = Scalar> + '_ {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// The `f32` elements, or `None` for another type.
    #[must_use]
    pub fn as_f32(&self) -> Option<&[f32]> {
        if let Self::F32(v) = self { Some(v) } else { None }
    }

    /// The `f64` elements, or `None` for another type.
    #[must_use]
    pub fn as_f64(&self) -> Option<&[f64]> {
        if let Self::F64(v) = self { Some(v) } else { None }
    }
}

impl PartialEq for Elements {
    fn eq(&self, other: &Self) -> bool {
        self.dtype() == other.dtype() && self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl Eq for Elements {}

/// A constant tensor: a type and its elements in row-major order, one element standing for all when they are alike.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Literal {
    ty: Type,
    /// One element (splat), or as many as the type has.
    elements: Elements,
}

impl Literal {
    /// Every element of `shape` is `value`.
    #[must_use]
    pub fn splat(value: Scalar, shape: Shape) -> Self {
        let ty = Type { dtype: value.dtype(), shape };
        let count = usize::from(ty.elements() > 0);
        Self { ty, elements: Elements::splat(value, count) }
    }

    /// A tensor of the given elements; `None` if their number is not that of the shape.
    #[must_use]
    pub fn dense(shape: Shape, elements: Elements) -> Option<Self> {
        if elements.len() != shape.elements() {
            return None;
        }
        let ty = Type { dtype: elements.dtype(), shape };
        if let Some(first) = elements.get(0)
            && elements.iter().all(|x| x == first)
        {
            return Some(Self::splat(first, ty.shape));
        }
        Some(Self { ty, elements })
    }

    /// The type.
    #[must_use]
    pub const fn ty(&self) -> &Type {
        &self.ty
    }

    /// The one element that all are equal to, if so. `None` for a tensor without elements.
    #[must_use]
    pub fn as_splat(&self) -> Option<Scalar> {
        if self.elements.len() == 1 { self.elements.get(0) } else { None }
    }

    /// The element at a row-major position.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Scalar> {
        if index >= self.ty.elements() {
            return None;
        }
        self.as_splat().or_else(|| self.elements.get(index))
    }

    /// The stored elements: one for a splat, else all.
    #[must_use]
    pub const fn stored(&self) -> &Elements {
        &self.elements
    }

    /// All elements, a splat written out.
    #[must_use]
    pub fn to_elements(&self) -> Elements {
        match self.as_splat() {
            Some(value) => Elements::splat(value, self.ty.elements()),
            None => self.elements.clone(),
        }
    }
}

impl std::hash::Hash for Literal {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.ty.hash(state);
        for element in self.elements.iter() {
            element.hash(state);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn alike_elements_become_a_splat_and_signed_zeros_do_not() {
        let shape = Shape::new(&[3]).unwrap();
        let ones = Literal::dense(shape.clone(), Elements::F32(vec![1.0; 3])).unwrap();
        assert_eq!(ones.as_splat(), Some(Scalar::F32(1.0)));
        assert_eq!(ones, Literal::splat(Scalar::F32(1.0), shape.clone()));
        let zeros = Literal::dense(shape.clone(), Elements::F32(vec![0.0, -0.0, 0.0])).unwrap();
        assert_eq!(zeros.as_splat(), None);
        assert!(Literal::dense(shape, Elements::F32(vec![0.0; 2])).is_none());
    }

    #[test]
    fn scalars_print_to_text_that_reads_back() {
        assert_eq!(Scalar::F32(0.1).to_string(), "0.1");
        assert_eq!(Scalar::F64(1e300).to_string(), "1e300");
        assert_eq!(Scalar::F32(-f32::INFINITY).to_string(), "-inf");
        assert_eq!(Scalar::F32(f32::NAN).to_string(), "nan");
        assert_eq!(Scalar::F32(f32::from_bits(0x7fc0_0001)).to_string(), "nan:0x7fc00001");
    }
}
