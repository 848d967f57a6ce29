//! Sums with zeros.
//!
//! The cotangent of a slice is padded with zeros and then added to others. Element by element most of these additions do nothing. To leave one out
//! without changing a bit takes care: `x + 0` is `x` unless `x` is -0, when it is +0. A sum is -0 only if both operands are (in rounding to
//! nearest, which is all that there is), so a sum with something that is no -0 is none either, and one more zero added to it changes nothing.

use cranelift_entity::{EntitySet, PrimaryMap, SecondaryMap};
use pullback_interp::scalar;
use pullback_ir::{Binary, Scalar};

use crate::program::{Expr, Var, VarType};

/// What an expression turned out to be.
pub(crate) enum Simplified {
    /// What a variable is.
    Same(Var),
    /// An expression.
    Expr(Expr),
}

/// What is known of the values of variables.
#[derive(Default)]
pub(crate) struct Facts {
    constants: SecondaryMap<Var, Option<Scalar>>,
    /// Variables no lane of which is -0.
    not_negative_zero: EntitySet<Var>,
}

impl Facts {
    /// The simplest form of an expression about to be assigned to `var`, one of `vars`.
    pub(crate) fn simplify(&mut self, vars: &PrimaryMap<Var, VarType>, var: Var, expr: Expr) -> Simplified {
        let expr = match expr {
            Expr::Binary(Binary::Add, x, y) => match (self.constants[x], self.constants[y]) {
                (Some(a), Some(b)) => fold(a, b).map_or(expr, Expr::Const),
                (_, Some(zero)) if self.adds_nothing(zero, x) => return Simplified::Same(x),
                (Some(zero), _) if self.adds_nothing(zero, y) => return Simplified::Same(y),
                (_, _) => expr,
            },
            expr => expr,
        };
        self.learn(vars, var, &expr);
        Simplified::Expr(expr)
    }

    fn learn(&mut self, vars: &PrimaryMap<Var, VarType>, var: Var, expr: &Expr) {
        let is_not_negative_zero = match expr {
            Expr::Const(scalar) => {
                self.constants[var] = Some(*scalar);
                !is_zero(*scalar, true)
            }
            Expr::Binary(Binary::Add, x, y) => [x, y].iter().any(|&&x| self.not_negative_zero.contains(x)),
            // Numbers that are no floats have one zero.
            Expr::Convert(x) => !vars[*x].dtype.is_float(),
            Expr::MulAdd(_, _, x) | Expr::Splat(x) => self.not_negative_zero.contains(*x),
            _ => false,
        };
        if is_not_negative_zero {
            self.not_negative_zero.insert(var);
        }
    }

    /// Whether `x` plus a constant is `x` to the last bit.
    fn adds_nothing(&self, constant: Scalar, x: Var) -> bool {
        is_zero(constant, true) || is_zero(constant, false) && self.not_negative_zero.contains(x)
    }
}

/// The sum of two floats, if it is one that does not depend on the machine: the bits of a NaN do.
fn fold(a: Scalar, b: Scalar) -> Option<Scalar> {
    scalar::binary(Binary::Add, a, b).filter(|sum| sum.dtype().is_float() && !sum.to_f64().is_nan())
}

/// Whether a float is zero with that sign.
fn is_zero(scalar: Scalar, negative: bool) -> bool {
    scalar.dtype().is_float() && {
        let value = scalar.to_f64();
        value == 0.0 && value.is_sign_negative() == negative
    }
}
