//! Operators of Rust between tensors, and between tensors and numbers.
//!
//! On the right of a tensor stands anything that is an [`Operand`]. On the left of a tensor a number is `f64` or `i32`, the
//! types of unsuffixed literals: a second float type there would leave the type of `(2.0 * x)` open and `(2.0 * x).sum()` would not
//! compile. With an `f32` variable write `x * a`, or `f64::from(a) * x`.

use std::ops::{Add, BitAnd, BitOr, BitXor, Div, Mul, Neg, Not, Rem, Shl, Shr, Sub};

use pullback_ir::{Binary, Unary};

use crate::operand::Operand;
use crate::tensor::Tensor;

macro_rules! operator {
    ($($Trait:ident $method:ident $Op:ident;)*) => {
        $(impl<'g, T: Operand<'g>> $Trait<T> for Tensor<'g> {
            type Output = Self;
            #[track_caller]
            fn $method(self, other: T) -> Self {
                self.binary(Binary::$Op, other)
            }
        })*
    };
}

operator! {
    Add add Add;
    Sub sub Sub;
    Mul mul Mul;
    Div div Div;
    Rem rem Rem;
    BitAnd bitand And;
    BitOr bitor Or;
    BitXor bitxor Xor;
    Shl shl ShiftLeft;
    Shr shr ShiftRight;
}

macro_rules! number_on_the_left {
    ($($number:ident: $($Trait:ident $method:ident $Op:ident),*;)*) => {
        $($(impl<'g> $Trait<Tensor<'g>> for $number {
            type Output = Tensor<'g>;
            #[track_caller]
            fn $method(self, tensor: Tensor<'g>) -> Tensor<'g> {
                tensor.binary_from_left(Binary::$Op, self.into())
            }
        })*)*
    };
}

number_on_the_left! {
    f64: Add add Add, Sub sub Sub, Mul mul Mul, Div div Div, Rem rem Rem;
    i32: Add add Add, Sub sub Sub, Mul mul Mul, Div div Div, Rem rem Rem;
}

impl Neg for Tensor<'_> {
    type Output = Self;
    #[track_caller]
    fn neg(self) -> Self {
        self.unary(Unary::Neg)
    }
}

impl Not for Tensor<'_> {
    type Output = Self;
    #[track_caller]
    fn not(self) -> Self {
        self.unary(Unary::Not)
    }
}
