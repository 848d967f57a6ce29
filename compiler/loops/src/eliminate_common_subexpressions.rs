//! What is computed twice from the same variables is computed once.
//!
//! Regions of the tensor IR that share cheap values compute them each for itself. Where their kernels became one, by joining loops or by promoting them, the second time is one too many.
//! Loads stay, since what is in memory may be another value by then, and so do constants, which cost nothing.
//!
//! Before and after: a verified program with the same stores.

use std::collections::HashMap;

use cranelift_entity::SecondaryMap;

use crate::program::{Expr, Program, Stmt, Var, VarType};
use crate::promote::with_operands;
use crate::step::for_each_kernel_mut;

/// Computes every expression once in a scope.
pub fn eliminate_common_subexpressions(program: &mut Program) {
    let vars = &program.vars;
    let ty = |var: Var| vars[var];
    // One map for all kernels: to make one as large for each takes time in the square of their number.
    let renamed = SecondaryMap::with_capacity(vars.len());
    let mut pass = Pass { ty: &ty, known: HashMap::new(), renamed };
    for_each_kernel_mut(&mut program.body, &mut |kernel| pass.scope(&mut kernel.body));
}

struct Pass<'a> {
    ty: &'a dyn Fn(Var) -> VarType,
    /// The variables in scope that hold an expression.
    known: HashMap<(VarType, Expr), Var>,
    renamed: SecondaryMap<Var, Option<Var>>,
}

impl Pass<'_> {
    fn scope(&mut self, stmts: &mut Vec<Stmt>) {
        let mut added = Vec::new();
        stmts.retain_mut(|stmt| self.keeps(stmt, &mut added));
        for key in added {
            self.known.remove(&key);
        }
    }

    /// Renames what a statement reads; says whether it is needed.
    fn keeps(&mut self, stmt: &mut Stmt, added: &mut Vec<(VarType, Expr)>) -> bool {
        match stmt {
            Stmt::Let(_, Expr::Load(_) | Expr::Const(_)) => {}
            Stmt::Let(var, expr) => {
                *expr = with_operands(expr, |operand| self.name(operand));
                let key = ((self.ty)(*var), expr.clone());
                if let Some(&known) = self.known.get(&key) {
                    self.renamed[*var] = Some(known);
                    return false;
                }
                added.push(key.clone());
                self.known.insert(key, *var);
            }
            Stmt::Store(_, var) => *var = self.name(*var),
            Stmt::For(inner) => {
                inner.carried.iter_mut().for_each(|carried| carried.init = self.name(carried.init));
                self.scope(&mut inner.body);
                inner.carried.iter_mut().for_each(|carried| carried.next = self.name(carried.next));
            }
            Stmt::If(inner) => {
                inner.condition = self.name(inner.condition);
                self.scope(&mut inner.body);
            }
            Stmt::Bind(bind) => bind.var = self.name(bind.var),
            Stmt::Gemm(_) | Stmt::Pack(_) | Stmt::Call(_) => {}
        }
        true
    }

    fn name(&self, var: Var) -> Var {
        self.renamed[var].unwrap_or(var)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use pullback_ir::Elements;

    use super::*;
    use crate::interpret::interpret;
    use crate::parse::parse_program;
    use crate::verify::verify;

    const TEXT: &str = "program @f {
  buffer %x : f32[4] input 0
  buffer %y : f32[4] output 0
  buffer %z : f32[4] output 1
  arena 0

  kernel @k \"\" {
    for i0 = 0 to 4 step 1 {
      v0 = load %x[i0] : f32
      v1 = mul v0, v0 : f32
      store %y[i0], v1
      v2 = mul v0, v0 : f32
      v3 = load %x[i0] : f32
      v4 = add v2, v3 : f32
      store %z[i0], v4
    }
    for i1 = 0 to 4 step 1 {
      v5 = load %x[i1] : f32
      v6 = mul v5, v5 : f32
      store %y[i1], v6
    }
  }
}
";

    #[test]
    fn a_product_is_computed_once_in_a_loop_and_again_in_the_next() {
        let before = parse_program(TEXT).unwrap();
        let mut after = before.clone();
        eliminate_common_subexpressions(&mut after);
        let products = |program: &Program| program.to_string().matches("mul").count();
        assert_eq!((products(&before), products(&after)), (3, 2));
        assert_eq!(after.to_string().matches("load").count(), 3, "loads stay");
        let run = |program: Program| {
            interpret(&verify(program).unwrap(), &[Elements::F32((1..=4).map(|i| i as f32).collect())]).unwrap()
        };
        assert_eq!(run(before), run(after));
    }
}
