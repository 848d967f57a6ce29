//! Reductions: over all axes, over named axes, and over named axes that stay with extent 1.
//!
//! Axes are signed: -1 is the last. Reducing over an empty list of axes changes nothing; over zero positions it gives the identity
//! (0 for a sum, 1 for a product, the least value for a maximum, …; a mean is then NaN).

use pullback_ir::{Op, Reduction};

use crate::operand::Number;
use crate::tensor::Tensor;

/// What happens to the axes that are reduced.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    Drop,
    AsOne,
}

impl Tensor<'_> {
    #[track_caller]
    fn reduce(self, kind: Reduction, axes: &[isize], keep: Keep) -> Self {
        let Some(axes) = self.axes(kind.info().name, axes) else { return self.graph().placeholder() };
        if axes.is_empty() {
            return self;
        }
        let kept: Vec<usize> = self
            .dims()
            .iter()
            .enumerate()
            .map(|(axis, &extent)| if axes.contains(&axis) { 1 } else { extent })
            .collect();
        let reduced = self.graph().emit(Op::Reduce { kind, axes: axes.into() }, &[self]);
        match keep {
            Keep::AsOne if !self.graph().has_failed() => reduced.reshape_to(&kept),
            Keep::AsOne | Keep::Drop => reduced,
        }
    }

    /// All axes, as a list.
    fn every_axis(self) -> Vec<isize> {
        (0..self.rank()).map(usize::cast_signed).collect()
    }

    /// The number of positions along the axes together.
    #[track_caller]
    fn count(self, op: &str, axes: &[isize]) -> Option<usize> {
        let dims = self.dims();
        self.axes(op, axes).map(|axes| axes.iter().map(|&axis| dims[axis]).product())
    }

    #[track_caller]
    fn mean_over(self, axes: &[isize], keep: Keep) -> Self {
        if !self.dtype().is_float() {
            return self.graph().fail("mean", format!("the mean of {}, expected f32 or f64: use `to`", self.ty()));
        }
        let Some(count) = self.count("mean", axes) else { return self.graph().placeholder() };
        let sum = self.reduce(Reduction::Add, axes, keep);
        sum / sum.graph().splat("mean", &sum.ty(), Number::Float(count as f64))
    }

    #[track_caller]
    fn var_over(self, axes: &[isize], keep: Keep) -> Self {
        let deviation = self - self.mean_over(axes, Keep::AsOne);
        deviation.square().mean_over(axes, keep)
    }
}

macro_rules! reductions {
    ($($(#[$meta:meta])* $all:ident $some:ident $keep:ident $Kind:ident;)*) => {
        /// Reductions of one kind each.
        impl Tensor<'_> {
            $($(#[$meta])*
            ///
            /// Over all axes: the result is a scalar.
            #[track_caller]
            pub fn $all(self) -> Self {
                self.reduce(Reduction::$Kind, &self.every_axis(), Keep::Drop)
            }

            $(#[$meta])*
            ///
            /// Over the given axes, which disappear.
            #[track_caller]
            pub fn $some(self, axes: impl AsRef<[isize]>) -> Self {
                self.reduce(Reduction::$Kind, axes.as_ref(), Keep::Drop)
            }

            $(#[$meta])*
            ///
            /// Over the given axes, which stay with extent 1, so that the result broadcasts against this tensor.
            #[track_caller]
            pub fn $keep(self, axes: impl AsRef<[isize]>) -> Self {
                self.reduce(Reduction::$Kind, axes.as_ref(), Keep::AsOne)
            })*
        }
    };
}

reductions! {
    /// The sum, in the element type (integers wrap).
    sum sum_axes sum_keepdims Add;
    /// The product, in the element type (integers wrap).
    prod prod_axes prod_keepdims Mul;
    /// The largest element; NaN if any is.
    max max_axes max_keepdims Max;
    /// The smallest element; NaN if any is.
    min min_axes min_keepdims Min;
    /// Whether all elements of a `bool` tensor are true.
    all all_axes all_keepdims And;
    /// Whether any element of a `bool` tensor is true.
    any any_axes any_keepdims Or;
}

macro_rules! moments {
    ($($(#[$meta:meta])* $all:ident $some:ident $keep:ident |$x:ident, $axes:ident, $how:ident| $body:expr;)*) => {
        /// Moments of floating-point tensors.
        impl Tensor<'_> {
            $($(#[$meta])*
            ///
            /// Over all axes: the result is a scalar.
            #[track_caller]
            pub fn $all(self) -> Self {
                let ($x, $axes, $how) = (self, &self.every_axis()[..], Keep::Drop);
                $body
            }

            $(#[$meta])*
            ///
            /// Over the given axes, which disappear.
            #[track_caller]
            pub fn $some(self, axes: impl AsRef<[isize]>) -> Self {
                let ($x, $axes, $how) = (self, axes.as_ref(), Keep::Drop);
                $body
            }

            $(#[$meta])*
            ///
            /// Over the given axes, which stay with extent 1.
            #[track_caller]
            pub fn $keep(self, axes: impl AsRef<[isize]>) -> Self {
                let ($x, $axes, $how) = (self, axes.as_ref(), Keep::AsOne);
                $body
            })*
        }
    };
}

moments! {
    /// The mean: the sum divided by the number of elements.
    mean mean_axes mean_keepdims |x, axes, keep| x.mean_over(axes, keep);
    /// The variance of the population, `mean((x - mean(x))^2)`: divided by the number of elements, not by one less.
    var var_axes var_keepdims |x, axes, keep| x.var_over(axes, keep);
    /// The standard deviation, the square root of the variance.
    std std_axes std_keepdims |x, axes, keep| x.var_over(axes, keep).sqrt();
}
