//! Structured control flow: regions are built as functions and put into the instruction.

use super::Builder;
use crate::entities::Value;
use crate::function::Function;
use crate::op::{CustomRule, Op, ScanSpec, WhileSpec};
use crate::types::Type;

impl<'m> Builder<'m> {
    /// A region with parameters of these types, for the methods below: `build` gets a builder of its own and the parameters, and returns what the
    /// region yields. It cannot use values of this builder: pass them in as operands. A mistake in it is a mistake here.
    pub fn region(
        &self,
        params: &[(&str, Type)],
        build: impl FnOnce(&Builder<'m>, &[Value]) -> Vec<Value>,
    ) -> Function {
        let inner = Builder::new(self.module, "region");
        inner.set_provenance(self.provenance());
        let values: Vec<Value> = params.iter().map(|(name, ty)| inner.param(name, ty.clone())).collect();
        let results = build(&inner, &values);
        match inner.finish(&results) {
            Ok(function) => function,
            Err(error) => {
                self.fail(&error.op, error.message);
                Function::new("region")
            }
        }
    }

    /// A loop of `spec.length` iterations of `body(consts, carry, xs[i]) -> (carry, ys[i])`: the last carry, then the stacked `ys`.
    pub fn scan(&self, spec: ScanSpec, args: &[Value], body: Function) -> Vec<Value> {
        self.emit_structured(Op::Scan(Box::new(spec)), args, &[body])
    }

    /// A loop of `body(consts, carry) -> carry` while `cond(consts, carry)` holds: the last carry.
    pub fn while_loop(&self, spec: WhileSpec, args: &[Value], cond: Function, body: Function) -> Vec<Value> {
        self.emit_structured(Op::While(Box::new(spec)), args, &[cond, body])
    }

    /// `then(args)` where the `bool` scalar `pred` holds, else `otherwise(args)`.
    pub fn cond(&self, pred: Value, args: &[Value], then: Function, otherwise: Function) -> Vec<Value> {
        let operands: Vec<Value> = std::iter::once(pred).chain(args.iter().copied()).collect();
        self.emit_structured(Op::Cond, &operands, &[then, otherwise])
    }

    /// The branch at the `i32` scalar `index`, clamped to those there are, applied to `args`.
    pub fn switch(&self, index: Value, args: &[Value], branches: &[Function]) -> Vec<Value> {
        let operands: Vec<Value> = std::iter::once(index).chain(args.iter().copied()).collect();
        self.emit_structured(Op::Switch, &operands, branches)
    }

    /// `primal(args)` with a derivative rule of the user's.
    pub fn custom_derivative(
        &self,
        rule: CustomRule,
        args: &[Value],
        primal: Function,
        derivative: Function,
    ) -> Vec<Value> {
        self.emit_structured(Op::CustomDerivative(rule), args, &[primal, derivative])
    }

    /// `body(args)`, which a reverse pass runs again instead of keeping what its derivative needs.
    pub fn checkpoint(&self, args: &[Value], body: Function) -> Vec<Value> {
        self.emit_structured(Op::Checkpoint, args, &[body])
    }
}
