//! Element types, dimensions, shapes and tensor types.
//!
//! A [`Dim`] is a type of its own so that a symbolic dimension can join later: every place that asks
//! for a fixed extent goes through [`Dim::extent`], and the compiler will list them.
//!
//! Invariant of [`Shape`]: at most [`MAX_RANK`] dimensions, and the product of all non-zero extents is
//! at most [`MAX_ELEMENTS`]. Constructors check it, so element counts, strides and byte sizes computed
//! from an existing shape never overflow 64-bit arithmetic.

use std::fmt;

use smallvec::SmallVec;

/// The largest number of dimensions of a tensor.
pub const MAX_RANK: usize = 16;

/// The largest element count of a tensor, and of the product of its non-zero extents: 2^48.
pub const MAX_ELEMENTS: u64 = 1 << 48;

/// The type of a tensor's elements.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum DType {
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary64.
    F64,
    /// 32-bit two's complement integer; arithmetic wraps.
    I32,
    /// 64-bit two's complement integer; arithmetic wraps.
    I64,
    /// 8-bit unsigned integer; arithmetic wraps.
    U8,
    /// Truth value, stored as one byte, 0 or 1.
    Bool,
}

impl DType {
    /// Every element type, in table order.
    pub const ALL: [Self; 6] = [Self::F32, Self::F64, Self::I32, Self::I64, Self::U8, Self::Bool];

    /// The name in the text form.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::U8 => "u8",
            Self::Bool => "bool",
        }
    }

    /// The element type of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dtype| dtype.name() == name)
    }

    /// Bytes of one element in memory.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::F32 | Self::I32 => 4,
            Self::F64 | Self::I64 => 8,
            Self::U8 | Self::Bool => 1,
        }
    }

    /// Whether this is a floating-point type: only these have derivatives.
    #[must_use]
    pub const fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64)
    }

    /// Whether this is an integer type (`bool` is not).
    #[must_use]
    pub const fn is_integer(self) -> bool {
        matches!(self, Self::I32 | Self::I64 | Self::U8)
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One dimension of a shape.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Dim(u64);

impl Dim {
    /// A dimension of a fixed extent.
    #[must_use]
    pub const fn fixed(extent: usize) -> Self {
        Self(extent as u64)
    }

    /// The number of positions along this dimension.
    #[must_use]
    pub const fn extent(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a list of extents is not a shape.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ShapeError {
    /// More than [`MAX_RANK`] dimensions.
    #[error("a shape of {0} dimensions: at most {MAX_RANK} are supported")]
    Rank(usize),
    /// More than [`MAX_ELEMENTS`] elements.
    #[error("the shape [{0}] has too many elements: at most 2^48 are supported")]
    Elements(String),
}

/// The extents of a tensor, outermost (slowest in memory) first.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Shape(SmallVec<[Dim; 4]>);

impl Shape {
    /// The shape of the given extents.
    ///
    /// # Errors
    /// If there are too many dimensions or elements.
    pub fn new(extents: &[usize]) -> Result<Self, ShapeError> {
        if extents.len() > MAX_RANK {
            return Err(ShapeError::Rank(extents.len()));
        }
        let mut product = 1u64;
        for &extent in extents {
            product = (extent.max(1) as u64)
                .checked_mul(product)
                .filter(|&count| count <= MAX_ELEMENTS)
                .ok_or_else(|| ShapeError::Elements(comma_separated(extents)))?;
        }
        Ok(Self(extents.iter().map(|&extent| Dim::fixed(extent)).collect()))
    }

    /// The shape of a scalar: no dimensions, one element.
    #[must_use]
    pub fn scalar() -> Self {
        Self::default()
    }

    /// The number of dimensions.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// The number of elements.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.0.iter().map(|dim| dim.extent()).product()
    }

    /// The dimensions.
    #[must_use]
    pub fn dims(&self) -> &[Dim] {
        &self.0
    }

    /// The extent of one axis, or `None` past the rank.
    #[must_use]
    pub fn extent(&self, axis: usize) -> Option<usize> {
        self.0.get(axis).map(|dim| dim.extent())
    }

    /// All extents as plain numbers.
    #[must_use]
    pub fn extents(&self) -> Vec<usize> {
        self.0.iter().map(|dim| dim.extent()).collect()
    }

    /// Row-major strides in elements.
    #[must_use]
    pub fn strides(&self) -> Vec<usize> {
        let mut strides = vec![1; self.rank()];
        for axis in (1..self.rank()).rev() {
            strides[axis - 1] = strides[axis] * self.0[axis].extent().max(1);
        }
        strides
    }
}

fn comma_separated(items: &[usize]) -> String {
    items.iter().map(usize::to_string).collect::<Vec<_>>().join(",")
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]", comma_separated(&self.extents()))
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The type of a tensor: element type and shape.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Type {
    /// The element type.
    pub dtype: DType,
    /// The shape.
    pub shape: Shape,
}

impl Type {
    /// The type of tensors of these extents.
    ///
    /// # Errors
    /// If there are too many dimensions or elements.
    pub fn new(dtype: DType, extents: &[usize]) -> Result<Self, ShapeError> {
        Ok(Self { dtype, shape: Shape::new(extents)? })
    }

    /// The type of a scalar.
    #[must_use]
    pub fn scalar(dtype: DType) -> Self {
        Self { dtype, shape: Shape::scalar() }
    }

    /// The number of dimensions.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.shape.rank()
    }

    /// The number of elements.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.shape.elements()
    }

    /// Bytes of a dense tensor of this type.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.elements() * self.dtype.bytes()
    }

    /// The same shape with another element type.
    #[must_use]
    pub fn with_dtype(&self, dtype: DType) -> Self {
        Self { dtype, shape: self.shape.clone() }
    }

    /// The same element type with another shape.
    #[must_use]
    pub fn with_shape(&self, shape: Shape) -> Self {
        Self { dtype: self.dtype, shape }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.rank() == 0 { write!(f, "{}", self.dtype) } else { write!(f, "{}{}", self.dtype, self.shape) }
    }
}

impl fmt::Debug for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn huge_shapes_are_refused_even_with_a_zero_extent() {
        assert!(Shape::new(&[1 << 48]).is_ok());
        assert!(matches!(Shape::new(&[1 << 24, 1 << 25]), Err(ShapeError::Elements(_))));
        assert!(matches!(Shape::new(&[0, 1 << 24, 1 << 25]), Err(ShapeError::Elements(_))));
        assert!(matches!(Shape::new(&[usize::MAX, usize::MAX]), Err(ShapeError::Elements(_))));
        assert_eq!(Shape::new(&[1; 17]), Err(ShapeError::Rank(17)));
    }

    #[test]
    fn strides_are_row_major() {
        assert_eq!(Shape::new(&[2, 3, 4]).unwrap().strides(), [12, 4, 1]);
        assert_eq!(Shape::scalar().elements(), 1);
        assert_eq!(Shape::new(&[2, 0]).unwrap().elements(), 0);
    }
}
