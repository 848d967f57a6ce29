//! [`Tensor`]: an owned tensor in the host's memory.

use ndarray::{ArrayD, ArrayViewD};

use crate::abi::{DType, Element};
use crate::error::CallError;
use crate::memory::AlignedBytes;
use crate::signature::format_shape;

/// A dense, row-major tensor that owns its elements.
///
/// Invariant: the memory holds as many initialised elements as the shape has, and the bytes of a `bool` are 0 or 1.
#[derive(Debug)]
pub struct Tensor {
    dtype: DType,
    shape: Box<[usize]>,
    data: AlignedBytes,
}

impl Tensor {
    /// A tensor of zeros (of `false`).
    ///
    /// # Errors
    /// If there is not that much memory.
    pub fn zeros(dtype: DType, shape: &[usize]) -> Result<Self, CallError> {
        let bytes =
            shape.iter().try_fold(dtype.bytes(), |size, &extent| size.checked_mul(extent)).unwrap_or(usize::MAX);
        let data = AlignedBytes::zeroed(bytes, &format!("a tensor {dtype}{}", format_shape(shape)))?;
        Ok(Self { dtype, shape: shape.into(), data })
    }

    /// A tensor of the given elements in row-major order.
    ///
    /// # Errors
    /// If their number is not that of the shape, or there is not that much memory.
    pub fn from_slice<T: Element>(shape: &[usize], elements: &[T]) -> Result<Self, CallError> {
        let count = shape.iter().try_fold(1usize, |size, &extent| size.checked_mul(extent));
        if count != Some(elements.len()) {
            return Err(CallError::Tensor {
                dtype: T::DTYPE,
                shape: format_shape(shape).into(),
                problem: format!("{} elements were given", elements.len()).into(),
            });
        }
        let data = AlignedBytes::copy_of(elements, "the elements of a tensor")?;
        Ok(Self { dtype: T::DTYPE, shape: shape.into(), data })
    }

    /// A tensor without dimensions.
    ///
    /// # Errors
    /// If there is no memory.
    pub fn scalar<T: Element>(element: T) -> Result<Self, CallError> {
        Self::from_slice(&[], &[element])
    }

    /// A copy of an array in row-major order.
    ///
    /// # Errors
    /// If there is not that much memory.
    pub fn from_array<T: Element>(array: &ArrayViewD<'_, T>) -> Result<Self, CallError> {
        let standard = array.as_standard_layout();
        Self::from_slice(array.shape(), standard.as_slice().unwrap_or(&[]))
    }

    /// The element type.
    #[must_use]
    pub const fn dtype(&self) -> DType {
        self.dtype
    }

    /// The extents.
    #[must_use]
    pub const fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The number of elements.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.data.len() / self.dtype.bytes()
    }

    /// Whether there are no elements.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    pub(crate) const fn as_ptr(&self) -> *mut u8 {
        self.data.as_ptr()
    }

    fn check<T: Element>(&self) -> Result<(), CallError> {
        if self.dtype == T::DTYPE {
            return Ok(());
        }
        Err(CallError::Tensor {
            dtype: self.dtype,
            shape: format_shape(&self.shape).into(),
            problem: format!("its elements were asked for as {}", T::DTYPE).into(),
        })
    }

    /// The elements in row-major order.
    ///
    /// # Errors
    /// If the elements are of another type.
    pub fn as_slice<T: Element>(&self) -> Result<&[T], CallError> {
        self.check::<T>()?;
        // SAFETY: by the type's invariant the memory holds `len` initialised elements of `T`; it is aligned for any element type
        // and borrowed as long as `self`.
        Ok(unsafe { std::slice::from_raw_parts(self.data.as_ptr().cast::<T>(), self.len()) })
    }

    /// The elements in row-major order.
    ///
    /// # Errors
    /// If the elements are of another type.
    pub fn as_mut_slice<T: Element>(&mut self) -> Result<&mut [T], CallError> {
        self.check::<T>()?;
        // SAFETY: as in `as_slice`; `self` is borrowed uniquely.
        Ok(unsafe { std::slice::from_raw_parts_mut(self.data.as_ptr().cast::<T>(), self.len()) })
    }

    /// The only element.
    ///
    /// # Errors
    /// If the elements are of another type, or there is not exactly one.
    pub fn item<T: Element>(&self) -> Result<T, CallError> {
        match self.as_slice()? {
            &[element] => Ok(element),
            other => Err(CallError::Tensor {
                dtype: self.dtype,
                shape: format_shape(&self.shape).into(),
                problem: format!("its only element was asked for, it has {}", other.len()).into(),
            }),
        }
    }

    /// The tensor as an array, without copying.
    ///
    /// # Errors
    /// If the elements are of another type.
    pub fn view<T: Element>(&self) -> Result<ArrayViewD<'_, T>, CallError> {
        ArrayViewD::from_shape(&*self.shape, self.as_slice()?).map_err(|error| CallError::Tensor {
            dtype: self.dtype,
            shape: format_shape(&self.shape).into(),
            problem: error.to_string().into(),
        })
    }

    /// A copy as an array.
    ///
    /// # Errors
    /// If the elements are of another type.
    pub fn to_array<T: Element>(&self) -> Result<ArrayD<T>, CallError> {
        Ok(self.view()?.to_owned())
    }

    /// A copy.
    ///
    /// # Errors
    /// If there is not that much memory.
    pub fn try_clone(&self) -> Result<Self, CallError> {
        // SAFETY: the memory holds `data.len()` initialised bytes, and is borrowed as long as `self`.
        let bytes = unsafe { std::slice::from_raw_parts(self.data.as_ptr(), self.data.len()) };
        let data = AlignedBytes::copy_of(bytes, "a copy of a tensor")?;
        Ok(Self { dtype: self.dtype, shape: self.shape.clone(), data })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn elements_come_back_in_row_major_order() {
        let tensor = Tensor::from_slice(&[2, 3], &[1i64, 2, 3, 4, 5, 6]).unwrap();
        assert_eq!(tensor.view::<i64>().unwrap()[[1, 0]], 4);
        let turned = tensor.to_array::<i64>().unwrap().reversed_axes();
        assert_eq!(Tensor::from_array(&turned.view()).unwrap().as_slice::<i64>().unwrap(), [1, 4, 2, 5, 3, 6]);
        assert_eq!(tensor.try_clone().unwrap().as_slice::<i64>().unwrap(), tensor.as_slice::<i64>().unwrap());
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let error = Tensor::from_slice(&[2, 2], &[1.0f32; 3]).unwrap_err();
        assert_eq!(error.to_string(), "a tensor f32[2,2]: 3 elements were given");
        let error = Tensor::scalar(true).unwrap().as_slice::<u8>().unwrap_err();
        assert_eq!(error.to_string(), "a tensor bool: its elements were asked for as u8");
        let error = Tensor::zeros(DType::F32, &[0]).unwrap().item::<f32>().unwrap_err();
        assert_eq!(error.to_string(), "a tensor f32[0]: its only element was asked for, it has 0");
        assert!(matches!(Tensor::zeros(DType::F64, &[usize::MAX, 2]), Err(CallError::Memory { .. })));
        assert_eq!(Tensor::zeros(DType::Bool, &[2]).unwrap().as_slice::<bool>().unwrap(), [false, false]);
    }
}
