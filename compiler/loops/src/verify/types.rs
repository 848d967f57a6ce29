//! Types of expressions.

use pullback_ir::DType;
use pullback_ir::op::OpInfo;

use super::Checker;
use crate::program::{Expr, Var, VarType};

/// What [`is_legal`] accepts, in words.
pub(super) const LEGAL: &str =
    "expected a scalar, or 4, 8 or 16 lanes of f32 or i32, 2, 4 or 8 of f64 or i64, 2, 4, 8 or 16 of bool";

/// Whether there are variables of a type: scalars, and vectors of 128, 256 or 512 bits, with `bool` to go with them.
pub(crate) const fn is_legal(ty: VarType) -> bool {
    match (ty.dtype, ty.lanes) {
        (_, 1) => true,
        (DType::F32 | DType::I32, lanes) => matches!(lanes, 4 | 8 | 16),
        (DType::F64 | DType::I64, lanes) => matches!(lanes, 2 | 4 | 8),
        (DType::Bool, lanes) => matches!(lanes, 2 | 4 | 8 | 16),
        (DType::U8, _) => false,
    }
}

impl Checker<'_> {
    /// Checks an expression assigned to a variable of type `ty`.
    pub(super) fn check_expr(&mut self, ty: VarType, expr: &Expr) {
        let truth = VarType { dtype: DType::Bool, ..ty };
        match expr {
            Expr::Const(scalar) => {
                if scalar.dtype() != ty.dtype {
                    self.report(format!("the constant is {}, expected {}", scalar.dtype(), ty.dtype));
                }
            }
            Expr::Position { index, lane_stride } => {
                if ty.dtype == DType::Bool {
                    self.report("the result is bool, expected a number");
                }
                self.check_lane_stride(ty, *lane_stride);
                let _ = self.range(index);
            }
            Expr::Load(place) => self.check_load(ty, place),
            Expr::Splat(x) => self.expect(0, *x, VarType::scalar(ty.dtype)),
            Expr::Unary(op, x) => {
                self.check_domain(op.info(), ty.dtype);
                self.expect(0, *x, ty);
            }
            Expr::Binary(op, x, y) => {
                self.check_domain(op.info(), ty.dtype);
                self.expect_all(&[*x, *y], ty);
            }
            Expr::MulAdd(x, y, z) => {
                if !ty.dtype.is_float() {
                    self.report(format!("the result is {ty}, expected f32 or f64"));
                }
                self.expect_all(&[*x, *y, *z], ty);
            }
            Expr::Compare(_, x, y) => {
                self.expect_result(ty, truth);
                let operands = [self.operand(0, *x), self.operand(1, *y)];
                if let [Some(x), Some(y)] = operands
                    && (x != y || x.lanes != ty.lanes)
                {
                    self.report(format!("{x} and {y} are compared, expected one type with the lanes of {ty}"));
                }
            }
            Expr::IsFinite(x) => {
                self.expect_result(ty, truth);
                if let Some(x) = self.operand(0, *x)
                    && !(x.dtype.is_float() && x.lanes == ty.lanes)
                {
                    self.report(format!("operand 0 is {x}, expected f32 or f64 with the lanes of {ty}"));
                }
            }
            Expr::Select(predicate, x, y) => {
                self.expect(0, *predicate, truth);
                self.expect(1, *x, ty);
                self.expect(2, *y, ty);
            }
            Expr::Convert(x) => {
                if let Some(x) = self.operand(0, *x)
                    && x.lanes != ty.lanes
                {
                    self.report(format!("{x} is converted to {ty}, expected equal lanes"));
                }
            }
            Expr::Bitcast(x) => {
                // A `bool` is one bit wide, whatever holds it.
                let bits = |dtype: DType| if dtype == DType::Bool { 1 } else { 8 * dtype.bytes() };
                if let Some(x) = self.operand(0, *x)
                    && (bits(x.dtype) != bits(ty.dtype) || x.lanes != ty.lanes)
                {
                    self.report(format!("the bits of {x} as {ty}, expected equal widths and lanes"));
                }
            }
            Expr::ReduceLanes(kind, x) => {
                self.check_domain(kind.info(), ty.dtype);
                self.expect_result(ty, VarType::scalar(ty.dtype));
                if let Some(x) = self.operand(0, *x)
                    && (x.dtype != ty.dtype || x.lanes == 1)
                {
                    self.report(format!("operand 0 is {x}, expected a vector of {}", ty.dtype));
                }
            }
        }
    }

    fn check_domain(&mut self, op: &OpInfo, dtype: DType) {
        if !op.domain.contains(dtype) {
            self.report(format!("{} of {dtype}, expected {}", op.name, op.domain.describe()));
        }
    }

    fn expect_result(&mut self, found: VarType, expected: VarType) {
        if found != expected {
            self.report(format!("the result is {found}, expected {expected}"));
        }
    }

    fn expect_all(&mut self, operands: &[Var], ty: VarType) {
        for (number, &operand) in operands.iter().enumerate() {
            self.expect(number, operand, ty);
        }
    }

    fn expect(&mut self, number: usize, operand: Var, expected: VarType) {
        if let Some(found) = self.operand(number, operand)
            && found != expected
        {
            self.report(format!("operand {number} is {found}, expected {expected}"));
        }
    }
}
