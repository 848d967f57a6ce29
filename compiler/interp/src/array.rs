//! [`Array`]: tensors as the interpreter sees them, a shape and its elements in row-major order.

use std::fmt;

use pullback_ir::{DType, Elements, Literal, Scalar, Shape, Type, with_elements};

use crate::error::Error;

/// Arrays of more elements than this are printed with their middle left out.
const PRINT_ALL: usize = 1000;
/// Positions printed at either end of an axis whose middle is left out.
const PRINT_EDGE: usize = 3;

/// A dense tensor in row-major order.
///
/// Invariant, checked wherever an array enters the interpreter: as many elements as the shape has.
/// Equality goes by bits: two NaNs of the same payload are equal, and 0.0 differs from -0.0.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Array {
    /// The extents.
    pub shape: Shape,
    /// The elements, last axis fastest.
    pub elements: Elements,
}

/// A Rust type of tensor elements.
pub trait Element: Copy {
    /// The element type.
    const DTYPE: DType;
    /// This element as a scalar.
    fn scalar(self) -> Scalar;
    /// A vector tagged with its element type.
    fn elements(values: Vec<Self>) -> Elements;
    /// The elements, or `None` if they are of another type.
    fn slice(elements: &Elements) -> Option<&[Self]>;
}

macro_rules! element {
    ($($ty:ty => $Variant:ident;)*) => {
        $(impl Element for $ty {
            const DTYPE: DType = DType::$Variant;
            fn scalar(self) -> Scalar {
                Scalar::$Variant(self)
            }
            fn elements(values: Vec<Self>) -> Elements {
                Elements::$Variant(values)
            }
            fn slice(elements: &Elements) -> Option<&[Self]> {
                if let Elements::$Variant(v) = elements { Some(v) } else { None }
            }
        })*
    };
}

element! {
    f32 => F32;
    f64 => F64;
    i32 => I32;
    i64 => I64;
    u8 => U8;
    bool => Bool;
}

impl Array {
    /// An array of these elements.
    ///
    /// # Errors
    /// If their number is not that of the shape.
    pub fn new(shape: Shape, elements: Elements) -> Result<Self, Error> {
        let array = Self { shape, elements };
        array.check()?;
        Ok(array)
    }

    /// An array of extents `extents` with a copy of `values`.
    ///
    /// # Errors
    /// If the extents are not a shape, or the number of values is not that of the shape.
    pub fn from_slice<T: Element>(extents: &[usize], values: &[T]) -> Result<Self, Error> {
        Self::new(Shape::new(extents)?, T::elements(values.to_vec()))
    }

    /// A scalar.
    #[must_use]
    pub fn scalar<T: Element>(value: T) -> Self {
        Self { shape: Shape::scalar(), elements: T::elements(vec![value]) }
    }

    /// An array whose elements are all `value`.
    ///
    /// # Errors
    /// If the system has no memory for it.
    pub fn splat(value: Scalar, shape: Shape) -> Result<Self, Error> {
        let ty = Type { dtype: value.dtype(), shape };
        Self::build(&ty, |_| Some(value))
    }

    /// The elements of a literal, a splat written out.
    ///
    /// # Errors
    /// If the system has no memory for it.
    pub fn from_literal(literal: &Literal) -> Result<Self, Error> {
        let mut next = 0..literal.ty().elements();
        Self::build(literal.ty(), |_| next.next().and_then(|index| literal.get(index)))
    }

    /// This array as a literal; `None` if the number of elements is not that of the shape.
    #[must_use]
    pub fn to_literal(&self) -> Option<Literal> {
        Literal::dense(self.shape.clone(), self.elements.clone())
    }

    /// The element type.
    #[must_use]
    pub const fn dtype(&self) -> DType {
        self.elements.dtype()
    }

    /// The type.
    #[must_use]
    pub fn ty(&self) -> Type {
        Type { dtype: self.dtype(), shape: self.shape.clone() }
    }

    /// The element at a row-major position.
    #[must_use]
    pub fn get(&self, position: usize) -> Option<Scalar> {
        self.elements.get(position)
    }

    /// All elements as a slice, or `None` if they are of another type.
    #[must_use]
    pub fn as_slice<T: Element>(&self) -> Option<&[T]> {
        T::slice(&self.elements)
    }

    /// All elements as `f64`; exact but for large `i64`.
    #[must_use]
    pub fn to_f64(&self) -> Vec<f64> {
        self.elements.iter().map(Scalar::to_f64).collect()
    }

    /// Bytes of the elements.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.elements.len() * self.dtype().bytes()
    }

    /// Checks the invariant.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.elements.len() == self.shape.elements() {
            Ok(())
        } else {
            Err(Error::ElementCount { ty: self.ty().into(), found: self.elements.len() })
        }
    }

    /// A copy, with an error instead of an abort when memory is short.
    pub(crate) fn try_clone(&self) -> Result<Self, Error> {
        let mut elements = reserve(self.dtype(), self.elements.len())?;
        match (&mut elements, &self.elements) {
            (Elements::F32(to), Elements::F32(from)) => to.extend_from_slice(from),
            (Elements::F64(to), Elements::F64(from)) => to.extend_from_slice(from),
            (Elements::I32(to), Elements::I32(from)) => to.extend_from_slice(from),
            (Elements::I64(to), Elements::I64(from)) => to.extend_from_slice(from),
            (Elements::U8(to), Elements::U8(from)) => to.extend_from_slice(from),
            (Elements::Bool(to), Elements::Bool(from)) => to.extend_from_slice(from),
            // Both have the same element type by construction.
            (_, _) => {}
        }
        Self::new(self.shape.clone(), elements)
    }

    /// An array of zeros, `false` for `bool`.
    pub(crate) fn zeros(ty: &Type) -> Result<Self, Error> {
        let count = ty.elements();
        let mut elements = reserve(ty.dtype, count)?;
        with_elements!(&mut elements, v => v.resize(count, Default::default()));
        Self::new(ty.shape.clone(), elements)
    }

    /// The elements at a position along axis 0, which has it.
    pub(crate) fn position(&self, position: usize) -> Result<Self, Error> {
        let extents = self.shape.extents();
        let shape = Shape::new(extents.get(1..).unwrap_or_default())?;
        let count = shape.elements();
        let mut row = Self::zeros(&Type { dtype: self.dtype(), shape })?;
        copy(&mut row.elements, 0, &self.elements, position * count, count)?;
        Ok(row)
    }

    /// Replaces the elements from this row-major position on by those of `from`.
    pub(crate) fn write(&mut self, start: usize, from: &Self) -> Result<(), Error> {
        copy(&mut self.elements, start, &from.elements, 0, from.elements.len())
    }

    /// Replaces an element.
    pub(crate) fn set(&mut self, position: usize, value: Scalar) -> Result<(), Error> {
        fn put<T>(v: &mut [T], position: usize, x: T) -> Option<()> {
            *v.get_mut(position)? = x;
            Some(())
        }
        let done = match (&mut self.elements, value) {
            (Elements::F32(v), Scalar::F32(x)) => put(v, position, x),
            (Elements::F64(v), Scalar::F64(x)) => put(v, position, x),
            (Elements::I32(v), Scalar::I32(x)) => put(v, position, x),
            (Elements::I64(v), Scalar::I64(x)) => put(v, position, x),
            (Elements::U8(v), Scalar::U8(x)) => put(v, position, x),
            (Elements::Bool(v), Scalar::Bool(x)) => put(v, position, x),
            (_, _) => None,
        };
        let message = || format!("no element {position} of type {} in {}", value.dtype(), self.ty());
        done.ok_or_else(|| Error::Op { op: "set", message: message() })
    }

    /// The array whose element at each position is `element(position)`, positions in row-major order.
    ///
    /// Fails if `element` gives `None` or a scalar of another type, which a verified module rules out.
    pub(crate) fn build(ty: &Type, mut element: impl FnMut(&[usize]) -> Option<Scalar>) -> Result<Self, Error> {
        let mut elements = reserve(ty.dtype, ty.elements())?;
        crate::index::for_each(&ty.shape, |index| {
            if element(index).is_some_and(|scalar| elements.push(scalar)) {
                Ok(())
            } else {
                Err(Error::Op { op: "build", message: format!("no {} element at {index:?}", ty.dtype) })
            }
        })?;
        Self::new(ty.shape.clone(), elements)
    }
}

/// No elements, with room for `count`.
fn reserve(dtype: DType, count: usize) -> Result<Elements, Error> {
    let mut elements = Elements::empty(dtype, 0);
    with_elements!(&mut elements, v => v.try_reserve_exact(count))
        .map_err(|_| Error::Allocation { needed: count.saturating_mul(dtype.bytes()) })?;
    Ok(elements)
}

/// Copies `count` elements, from those of `from` beginning at `first` to those of `to` beginning at `start`.
fn copy(to: &mut Elements, start: usize, from: &Elements, first: usize, count: usize) -> Result<(), Error> {
    fn ranges<T: Copy>(to: &mut [T], start: usize, from: &[T], first: usize, count: usize) -> Option<()> {
        let from = from.get(first..first.checked_add(count)?)?;
        to.get_mut(start..start.checked_add(count)?)?.copy_from_slice(from);
        Some(())
    }
    let done = match (to, from) {
        (Elements::F32(to), Elements::F32(from)) => ranges(to, start, from, first, count),
        (Elements::F64(to), Elements::F64(from)) => ranges(to, start, from, first, count),
        (Elements::I32(to), Elements::I32(from)) => ranges(to, start, from, first, count),
        (Elements::I64(to), Elements::I64(from)) => ranges(to, start, from, first, count),
        (Elements::U8(to), Elements::U8(from)) => ranges(to, start, from, first, count),
        (Elements::Bool(to), Elements::Bool(from)) => ranges(to, start, from, first, count),
        (_, _) => None,
    };
    done.ok_or_else(|| Error::Op {
        op: "copy",
        message: format!("{count} elements from {first} to {start} do not exist"),
    })
}

impl fmt::Display for Array {
    /// Nested brackets, as NumPy prints lists; the middle of long axes is left out of large arrays. An array
    /// without elements is `[]`. Every NaN is `nan`: which one a computation gives is unspecified.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.elements.is_empty() {
            return f.write_str("[]");
        }
        let strides = self.shape.strides();
        write_axis(f, self, &strides, 0, 0)
    }
}

/// Writes everything below `axis` whose first element is at `offset`. The recursion is at most as deep as the rank.
fn write_axis(f: &mut fmt::Formatter<'_>, array: &Array, strides: &[usize], axis: usize, offset: usize) -> fmt::Result {
    let Some(extent) = array.shape.extent(axis) else {
        return match array.get(offset) {
            Some(Scalar::F32(x)) if x.is_nan() => f.write_str("nan"),
            Some(Scalar::F64(x)) if x.is_nan() => f.write_str("nan"),
            Some(scalar) => write!(f, "{scalar}"),
            None => f.write_str("?"),
        };
    };
    let shorten = array.elements.len() > PRINT_ALL && extent > 2 * PRINT_EDGE;
    let is_last = axis + 1 == array.shape.rank();
    f.write_str("[")?;
    let mut position = 0;
    while position < extent {
        if position > 0 {
            f.write_str(",")?;
            if is_last { f.write_str(" ")? } else { write!(f, "\n{:1$}", "", axis + 1)? }
        }
        if shorten && position == PRINT_EDGE {
            f.write_str("...")?;
            position = extent - PRINT_EDGE;
            continue;
        }
        write_axis(f, array, strides, axis + 1, offset + position * strides[axis])?;
        position += 1;
    }
    f.write_str("]")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn arrays_print_as_nested_lists() {
        let a = Array::from_slice(&[2, 2], &[1.0f32, 2.5, -0.0, f32::NAN]).unwrap();
        assert_eq!(a.to_string(), "[[1.0, 2.5],\n [-0.0, nan]]");
        assert_eq!(Array::scalar(3i32).to_string(), "3");
        assert_eq!(Array::from_slice::<u8>(&[0, 3], &[]).unwrap().to_string(), "[]");
        let long = Array::splat(Scalar::U8(7), Shape::new(&[2000]).unwrap()).unwrap();
        assert_eq!(long.to_string(), "[7, 7, 7, ..., 7, 7, 7]");
    }

    #[test]
    fn the_element_count_must_be_that_of_the_shape() {
        let error = Array::from_slice(&[2, 3], &[0i64; 5]).unwrap_err();
        assert_eq!(error.to_string(), "an array of type i64[2,3] has 5 elements, expected 6");
    }

    #[test]
    fn literals_and_arrays_convert_both_ways() {
        let a = Array::from_slice(&[3], &[1u8, 1, 1]).unwrap();
        let literal = a.to_literal().unwrap();
        assert_eq!(literal.as_splat(), Some(Scalar::U8(1)));
        assert_eq!(Array::from_literal(&literal).unwrap(), a);
        let b = Array::from_slice(&[2], &[1.0f64, -0.0]).unwrap();
        assert_eq!(Array::from_literal(&b.to_literal().unwrap()).unwrap(), b);
    }
}
