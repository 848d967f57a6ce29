//! Statements and loops.
//!
//! Extents are known, so a loop is its body with the test at the end; a loop of one iteration is just its body, and of none nothing. A position known at
//! run time is clamped once, where it is bound to a counter.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{BlockArg, InstBuilder, Value, types};
use pullback_ir::{DType, Unary};
use pullback_loops::{Bind, Expr, For, If, Stmt, Var, VarType};

use super::kernel::{Counter, Emitter, type_name};
use super::scopes::Scoped;
use crate::error::Error;

impl Emitter<'_, '_> {
    /// Emits statements that `depth` loops are around.
    pub(super) fn statements(&mut self, body: &[Stmt], depth: usize) -> Result<(), Error> {
        for (number, statement) in body.iter().enumerate() {
            match statement {
                Stmt::Let(var, Expr::Unary(Unary::Neg, x)) if is_for_product(*var, body.get(number + 1)) => {
                    self.assign_negated(*var, *x)?;
                }
                Stmt::Let(var, Expr::Const(scalar)) => self.assign_constant(*var, *scalar)?,
                Stmt::Let(var, expr) => {
                    let value = self.expr(self.var_type(*var)?, expr)?;
                    self.assign(*var, value)?;
                }
                Stmt::Store(place, var) => self.store(place, *var)?,
                Stmt::For(nest) => self.nest(nest, depth)?,
                Stmt::Gemm(gemm) => self.gemm(gemm)?,
                Stmt::Pack(pack) => self.pack(pack)?,
                Stmt::Bind(bind) => self.bind(bind, depth)?,
                Stmt::If(inner) => self.conditional(inner, depth)?,
                Stmt::Call(call) => self.call(call)?,
            }
        }
        for statement in body {
            if let Stmt::Bind(bind) = statement {
                self.counters.remove(&bind.index);
            }
        }
        Ok(())
    }

    /// A counter with the value of a variable, moved inside its limits.
    fn bind(&mut self, bind: &Bind, depth: usize) -> Result<(), Error> {
        let ty = self.var_type(bind.var)?;
        if ty.lanes != 1 || !ty.dtype.is_integer() || bind.extent < 1 {
            return self.bug(format!("{} bound to {} below {}", bind.index, type_name(ty), bind.extent));
        }
        let value = self.value(bind.var)?;
        let wide = self.convert(value, ty, VarType::scalar(DType::I64))?;
        let (first, last) =
            (self.builder.ins().iconst(types::I64, 0), self.builder.ins().iconst(types::I64, bind.extent - 1));
        let value = self.builder.ins().smax(wide, first);
        let value = self.builder.ins().smin(value, last);
        let value = Some(Scoped { value, scope: self.scope() });
        self.counters.insert(bind.index, Counter { value, last: bind.extent - 1, depth });
        Ok(())
    }

    fn conditional(&mut self, inner: &If, depth: usize) -> Result<(), Error> {
        let condition = self.operand(inner.condition, VarType::scalar(DType::Bool))?;
        let (body, exit) = (self.builder.create_block(), self.builder.create_block());
        self.builder.ins().brif(condition, body, &[], exit, &[]);
        self.open();
        self.builder.seal_block(body);
        self.builder.switch_to_block(body);
        self.statements(&inner.body, depth + 1)?;
        self.close();
        self.builder.ins().jump(exit, &[]);
        self.builder.seal_block(exit);
        self.builder.switch_to_block(exit);
        Ok(())
    }

    fn nest(&mut self, nest: &For, depth: usize) -> Result<(), Error> {
        if nest.step < 1 || nest.extent < 0 || nest.extent % nest.step != 0 {
            return self.bug(format!("loop over {}: extent {}, step {}", nest.index, nest.extent, nest.step));
        }
        let inits: Vec<Value> =
            nest.carried.iter().map(|carried| self.value(carried.init)).collect::<Result<_, _>>()?;
        let results = if nest.extent == 0 {
            inits
        } else if nest.extent == nest.step {
            self.enter(nest, None, depth);
            self.iteration(nest, &inits, depth)?
        } else {
            self.counted_loop(nest, &inits, depth)?
        };
        self.counters.remove(&nest.index);
        for (carried, result) in nest.carried.iter().zip(results) {
            self.assign(carried.result, result)?;
        }
        Ok(())
    }

    /// The body of a loop with the carried values `params`; gives those for the next iteration.
    fn iteration(&mut self, nest: &For, params: &[Value], depth: usize) -> Result<Vec<Value>, Error> {
        for (carried, &param) in nest.carried.iter().zip(params) {
            self.assign(carried.param, param)?;
        }
        self.statements(&nest.body, depth + 1)?;
        nest.carried.iter().map(|carried| self.operand(carried.next, self.var_type(carried.param)?)).collect()
    }

    fn counted_loop(&mut self, nest: &For, inits: &[Value], depth: usize) -> Result<Vec<Value>, Error> {
        let (body, exit) = (self.builder.create_block(), self.builder.create_block());
        let counter = self.builder.append_block_param(body, types::I64);
        let mut params = Vec::with_capacity(inits.len());
        let mut results = Vec::with_capacity(inits.len());
        for &init in inits {
            let ty = self.builder.func.dfg.value_type(init);
            params.push(self.builder.append_block_param(body, ty));
            results.push(self.builder.append_block_param(exit, ty));
        }
        let zero = self.builder.ins().iconst(types::I64, 0);
        let entry = block_args(Some(zero), inits);
        self.builder.ins().jump(body, &entry);
        self.open();
        self.builder.switch_to_block(body);
        self.enter(nest, Some(counter), depth);
        let nexts = self.iteration(nest, &params, depth)?;
        let advanced = self.builder.ins().iadd_imm_s(counter, nest.step);
        let again = self.builder.ins().icmp_imm_s(IntCC::SignedLessThan, advanced, nest.extent);
        let (back, out) = (block_args(Some(advanced), &nexts), block_args(None, &nexts));
        self.builder.ins().brif(again, body, &back, exit, &out);
        self.close();
        self.builder.seal_block(body);
        self.builder.seal_block(exit);
        self.builder.switch_to_block(exit);
        Ok(results)
    }
}

/// Whether the statement behind a variable's is a multiply-add that reads it.
fn is_for_product(var: Var, next: Option<&Stmt>) -> bool {
    matches!(next, Some(&Stmt::Let(_, Expr::MulAdd(a, b, c))) if [a, b, c].contains(&var))
}

fn block_args(first: Option<Value>, rest: &[Value]) -> Vec<BlockArg> {
    first.iter().chain(rest).map(|&value| BlockArg::Value(value)).collect()
}
