//! [`ArgRef`] and [`ArgMut`]: borrowed tensors, as arguments and results of a call.
//!
//! Making one cannot fail; whether it fits is checked by the call, whose message can then name the argument.

use std::marker::PhantomData;

use ndarray::{ArrayBase, Data, DataMut, Dimension, RawData};

use crate::abi::{DType, Element};
use crate::tensor::Tensor;

/// What is known of a view's shape.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ViewShape<'a> {
    /// These extents.
    Extents(&'a [usize]),
    /// Elements in row-major order, whatever the extents.
    Flat,
}

/// A view without the right to read or write; shared by the two kinds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawView<'a> {
    pub(crate) dtype: DType,
    pub(crate) start: *mut u8,
    pub(crate) elements: usize,
    pub(crate) shape: ViewShape<'a>,
    /// Whether the elements are dense and row-major.
    pub(crate) standard: bool,
}

impl<'a> RawView<'a> {
    fn slice<T: Element>(start: *mut T, elements: usize, shape: ViewShape<'a>) -> Self {
        Self { dtype: T::DTYPE, start: start.cast(), elements, shape, standard: true }
    }

    fn array<S: RawData<Elem: Element>, D: Dimension>(array: &'a ArrayBase<S, D>, start: *mut S::Elem) -> Self {
        let shape = ViewShape::Extents(array.shape());
        Self { standard: array.is_standard_layout(), ..Self::slice(start, array.len(), shape) }
    }
}

/// A tensor lent for reading.
#[derive(Clone, Copy, Debug)]
pub struct ArgRef<'a> {
    pub(crate) raw: RawView<'a>,
    lent: PhantomData<&'a ()>,
}

// SAFETY: it stands for a `&[T]` of an element type, all of which are `Send + Sync`.
unsafe impl Send for ArgRef<'_> {}
// SAFETY: as above.
unsafe impl Sync for ArgRef<'_> {}

impl<'a> ArgRef<'a> {
    const fn of(raw: RawView<'a>) -> Self {
        Self { raw, lent: PhantomData }
    }

    /// Elements in row-major order, with their shape.
    #[must_use]
    pub fn new<T: Element>(elements: &'a [T], shape: &'a [usize]) -> Self {
        Self::of(RawView::slice(elements.as_ptr().cast_mut(), elements.len(), ViewShape::Extents(shape)))
    }

    /// A tensor without dimensions.
    #[must_use]
    pub fn scalar<T: Element>(element: &'a T) -> Self {
        Self::new(std::slice::from_ref(element), &[])
    }
}

impl<'a, T: Element> From<&'a [T]> for ArgRef<'a> {
    /// Elements in row-major order for whatever shape the argument has; only their number is checked.
    fn from(elements: &'a [T]) -> Self {
        Self::of(RawView::slice(elements.as_ptr().cast_mut(), elements.len(), ViewShape::Flat))
    }
}

impl<'a> From<&'a Tensor> for ArgRef<'a> {
    fn from(tensor: &'a Tensor) -> Self {
        Self::of(RawView {
            dtype: tensor.dtype(),
            start: tensor.as_ptr(),
            elements: tensor.len(),
            shape: ViewShape::Extents(tensor.shape()),
            standard: true,
        })
    }
}

impl<'a, S: Data<Elem: Element>, D: Dimension> From<&'a ArrayBase<S, D>> for ArgRef<'a> {
    /// An array, which the call requires to be in standard layout.
    fn from(array: &'a ArrayBase<S, D>) -> Self {
        Self::of(RawView::array(array, array.as_ptr().cast_mut()))
    }
}

/// A tensor lent for writing.
#[derive(Debug)]
pub struct ArgMut<'a> {
    pub(crate) raw: RawView<'a>,
    lent: PhantomData<&'a mut ()>,
}

// SAFETY: it stands for a `&mut [T]` of an element type, all of which are `Send + Sync`.
unsafe impl Send for ArgMut<'_> {}
// SAFETY: as above; a shared reference to it gives no access to the elements.
unsafe impl Sync for ArgMut<'_> {}

impl<'a> ArgMut<'a> {
    const fn of(raw: RawView<'a>) -> Self {
        Self { raw, lent: PhantomData }
    }

    /// Elements in row-major order, with their shape.
    #[must_use]
    pub fn new<T: Element>(elements: &'a mut [T], shape: &'a [usize]) -> Self {
        Self::of(RawView::slice(elements.as_mut_ptr(), elements.len(), ViewShape::Extents(shape)))
    }

    /// A tensor without dimensions.
    #[must_use]
    pub fn scalar<T: Element>(element: &'a mut T) -> Self {
        Self::new(std::slice::from_mut(element), &[])
    }
}

impl<'a, T: Element> From<&'a mut [T]> for ArgMut<'a> {
    /// Elements in row-major order for whatever shape the result has; only their number is checked.
    fn from(elements: &'a mut [T]) -> Self {
        Self::of(RawView::slice(elements.as_mut_ptr(), elements.len(), ViewShape::Flat))
    }
}

impl<'a> From<&'a mut Tensor> for ArgMut<'a> {
    fn from(tensor: &'a mut Tensor) -> Self {
        let tensor: &'a Tensor = tensor;
        Self::of(ArgRef::from(tensor).raw)
    }
}

impl<'a, S: DataMut<Elem: Element>, D: Dimension> From<&'a mut ArrayBase<S, D>> for ArgMut<'a> {
    /// An array, which the call requires to be in standard layout.
    fn from(array: &'a mut ArrayBase<S, D>) -> Self {
        let start = array.as_mut_ptr();
        Self::of(RawView::array(array, start))
    }
}
