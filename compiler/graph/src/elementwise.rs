//! Elementwise methods: the operations of the table, comparison and selection, and integer powers.
//!
//! Operands of two shapes broadcast; see `operand.rs`. The larger and smaller of two tensors are `maximum` and `minimum`, as in
//! NumPy; `max` and `min` reduce.

use pullback_ir::{Binary, Comparison, DType, Op, Unary};

use crate::operand::{Number, Operand, Resolved, broadcast_shapes};
use crate::tensor::Tensor;

impl<'g> Tensor<'g> {
    #[track_caller]
    pub(crate) fn unary(self, op: Unary) -> Self {
        self.graph().emit(Op::Unary(op), &[self])
    }

    #[track_caller]
    pub(crate) fn binary(self, op: Binary, other: impl Operand<'g>) -> Self {
        match self.align(op.info().name, other) {
            Some((x, y)) => self.graph().emit(Op::Binary(op), &[x, y]),
            None => self.graph().placeholder(),
        }
    }

    #[track_caller]
    pub(crate) fn binary_from_left(self, op: Binary, number: Number) -> Self {
        let left = self.graph().splat(op.info().name, &self.ty(), number);
        left.binary(op, self)
    }

    #[track_caller]
    pub(crate) fn compare(self, predicate: Comparison, other: impl Operand<'g>) -> Self {
        match self.align("compare", other) {
            Some((x, y)) => self.graph().emit(Op::Compare(predicate), &[x, y]),
            None => self.graph().placeholder(),
        }
    }
}

macro_rules! unary_methods {
    ($($(#[$meta:meta])* $name:ident $Op:ident;)*) => {
        /// Functions of one tensor. All but `abs`, `sign`, `count_ones` and `stop_gradient` take floating-point tensors.
        impl Tensor<'_> {
            $($(#[$meta])*
            #[track_caller]
            pub fn $name(self) -> Self {
                self.unary(Unary::$Op)
            })*
        }
    };
}

unary_methods! {
    /// Absolute value.
    abs Abs;
    /// -1, 0 or 1 by sign; keeps signed zeros and NaN.
    sign Sign;
    /// The largest integer not above.
    floor Floor;
    /// The smallest integer not below.
    ceil Ceil;
    /// The nearest integer, ties to even.
    round Round;
    /// `e^x`.
    exp Exp;
    /// `2^x`.
    exp2 Exp2;
    /// `e^x - 1`, accurate near 0.
    expm1 Expm1;
    /// Natural logarithm.
    log Log;
    /// Logarithm to base 2.
    log2 Log2;
    /// `log(1 + x)`, accurate near 0.
    log1p Log1p;
    /// Square root.
    sqrt Sqrt;
    /// `1 / sqrt(x)`.
    rsqrt Rsqrt;
    /// Cube root.
    cbrt Cbrt;
    /// Sine, radians.
    sin Sin;
    /// Cosine, radians.
    cos Cos;
    /// Tangent, radians.
    tan Tan;
    /// Arc sine.
    asin Asin;
    /// Arc cosine.
    acos Acos;
    /// Arc tangent.
    atan Atan;
    /// Hyperbolic sine.
    sinh Sinh;
    /// Hyperbolic cosine.
    cosh Cosh;
    /// Hyperbolic tangent.
    tanh Tanh;
    /// The logistic function `1 / (1 + e^-x)`, also called sigmoid.
    logistic Logistic;
    /// The error function.
    erf Erf;
    /// `1 - erf(x)`, accurate for large `x`.
    erfc Erfc;
    /// The inverse of the error function, on [-1, 1]; infinite at the ends.
    erf_inv ErfInv;
    /// `log |Γ(x)|`, the logarithm of the gamma function's magnitude.
    lgamma Lgamma;
    /// The derivative of `log Γ(x)`.
    digamma Digamma;
    /// `e^-|x| I_0(x)` with the modified Bessel function of the first kind and order 0.
    bessel_i0e BesselI0e;
    /// `e^-|x| I_1(x)` with the modified Bessel function of the first kind and order 1.
    bessel_i1e BesselI1e;
    /// How many bits of an integer are 1, in its own type.
    count_ones PopulationCount;
    /// The tensor itself, whose derivative is taken to be zero.
    stop_gradient StopGradient;
}

macro_rules! binary_methods {
    ($($(#[$meta:meta])* $name:ident $Op:ident;)*) => {
        /// Functions of two tensors; the operators `+ - * / %`, and `& | ^ !` on `bool` and integers, and `<< >>` on integers,
        /// exist too.
        impl<'g> Tensor<'g> {
            $($(#[$meta])*
            #[track_caller]
            pub fn $name(self, other: impl Operand<'g>) -> Self {
                self.binary(Binary::$Op, other)
            })*
        }
    };
}

binary_methods! {
    /// `x^y` of floating-point tensors; for a small integer power prefer [`Tensor::powi`].
    pow Pow;
    /// The angle of the point (`other`, `self`), in [-π, π].
    atan2 Atan2;
    /// The larger; NaN if either is.
    maximum Max;
    /// The smaller; NaN if either is.
    minimum Min;
    /// `x` shifted to the right with zeros moved in, for integers; `>>` copies the sign. 0 where the amount is negative or not
    /// below the number of bits.
    shift_right_logical ShiftRightLogical;
}

macro_rules! comparison_methods {
    ($($(#[$meta:meta])* $name:ident $Op:ident;)*) => {
        /// Comparisons, whose result is a `bool` tensor; on floats all but `ne_` are false where either operand is NaN.
        impl<'g> Tensor<'g> {
            $($(#[$meta])*
            #[track_caller]
            pub fn $name(self, other: impl Operand<'g>) -> Self {
                self.compare(Comparison::$Op, other)
            })*
        }
    };
}

comparison_methods! {
    /// `self == other`, elementwise.
    eq_ Eq;
    /// `self != other`, elementwise.
    ne_ Ne;
    /// `self < other`, elementwise.
    lt Lt;
    /// `self <= other`, elementwise.
    le Le;
    /// `self > other`, elementwise.
    gt Gt;
    /// `self >= other`, elementwise.
    ge Ge;
}

/// Selection, conversion and powers.
impl<'g> Tensor<'g> {
    /// Whether an element is neither infinite nor NaN, as `bool`.
    #[track_caller]
    pub fn is_finite(self) -> Self {
        self.graph().emit(Op::IsFinite, &[self])
    }

    /// Whether an element is NaN, as `bool`.
    #[track_caller]
    pub fn is_nan(self) -> Self {
        self.compare(Comparison::Ne, self)
    }

    /// `on_true` where this `bool` tensor holds, else `on_false`; the three broadcast. At least one must be a tensor.
    #[track_caller]
    pub fn select(self, on_true: impl Operand<'g>, on_false: impl Operand<'g>) -> Self {
        let graph = self.graph();
        let (on_true, on_false) = (on_true.resolve(), on_false.resolve());
        let like = match (on_true, on_false) {
            (Resolved::Tensor(like), _) | (_, Resolved::Tensor(like)) => like,
            (Resolved::Number(_), Resolved::Number(_)) => {
                let message = "both choices are literals, so the element type is unknown: write one with `full`";
                return graph.fail("select", message);
            }
        };
        self.same_graph("select", like);
        let (Some(x), Some(y)) = (like.meet("select", on_true), like.meet("select", on_false)) else {
            return graph.placeholder();
        };
        let shapes = broadcast_shapes(&x.dims(), &y.dims()).and_then(|dims| broadcast_shapes(&dims, &self.dims()));
        match shapes {
            Ok(dims) => {
                let args = [self.broadcast_to(&dims), x.broadcast_to(&dims), y.broadcast_to(&dims)];
                graph.emit(Op::Select, &args)
            }
            Err(message) => graph.fail("select", message),
        }
    }

    /// This tensor where the `bool` tensor `pred` holds, else `otherwise`; the three broadcast.
    #[track_caller]
    pub fn where_(self, pred: Tensor<'g>, otherwise: impl Operand<'g>) -> Self {
        pred.select(self, otherwise)
    }

    /// `min(max(x, low), high)`; the bounds broadcast to this tensor's shape.
    #[track_caller]
    pub fn clamp(self, low: impl Operand<'g>, high: impl Operand<'g>) -> Self {
        let (Some(low), Some(high)) = (self.meet("clamp", low.resolve()), self.meet("clamp", high.resolve())) else {
            return self.graph().placeholder();
        };
        let dims = self.dims();
        let args = [low.broadcast_to(&dims), self, high.broadcast_to(&dims)];
        self.graph().emit(Op::Clamp, &args)
    }

    /// The elements converted to another type: floats to integers truncate and saturate, numbers to `bool` ask whether they differ
    /// from 0. The tensor itself if it has that type.
    #[track_caller]
    pub fn to(self, dtype: DType) -> Self {
        if self.dtype() == dtype { self } else { self.graph().emit(Op::Convert(dtype), &[self]) }
    }

    /// The bits of the elements as elements of another type of the same width: `f32` and `i32`, `f64` and `i64`.
    #[track_caller]
    pub fn bitcast(self, dtype: DType) -> Self {
        if self.dtype() == dtype { self } else { self.graph().emit(Op::Bitcast(dtype), &[self]) }
    }

    /// The derivative of order `n` of [`Tensor::digamma`], which is `n = 0` itself.
    #[track_caller]
    pub fn polygamma(self, n: u32) -> Self {
        let order = self.graph().splat("polygamma", &self.ty(), Number::Int(n.into()));
        order.binary(Binary::Polygamma, self)
    }

    /// `x * x`.
    #[track_caller]
    pub fn square(self) -> Self {
        self * self
    }

    /// `1 / x`, floating-point.
    #[track_caller]
    pub fn recip(self) -> Self {
        1.0 / self
    }

    /// `x^n` by repeated squaring: about `log2 |n|` multiplications, and a division of 1 for a negative `n`.
    ///
    /// `x^0` is 1 for every `x`, NaN included. Integer tensors wrap, and take no negative power.
    #[track_caller]
    pub fn powi(self, n: i32) -> Self {
        let dtype = self.dtype();
        if n < 0 && !dtype.is_float() {
            return self.graph().fail("powi", format!("the negative power {n} of {}", self.ty()));
        }
        if n == 0 {
            return self.graph().splat("powi", &self.ty(), Number::Int(1));
        }
        let mut remaining = n.unsigned_abs();
        let mut square = self;
        let mut product = None;
        loop {
            if remaining & 1 == 1 {
                product = Some(match product {
                    Some(product) => square * product,
                    None => square,
                });
            }
            remaining >>= 1;
            match product {
                Some(product) if remaining == 0 => return if n < 0 { product.recip() } else { product },
                _ => square = square.square(),
            }
        }
    }
}
