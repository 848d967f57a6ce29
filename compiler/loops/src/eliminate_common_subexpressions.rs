//! What is computed twice from the same variables is computed once.
//!
//! Regions of the tensor IR that share cheap values compute them each for itself. Where their kernels became one, by joining loops or by promoting them, the second time is one too many.
//! Loads stay, since what is in memory may be another value by then. Nor is a zero added to what it does not change, as to the first term of a sum that is written
//! out.
//!
//! Before and after: a verified program with the same stores.

use std::collections::HashMap;

use cranelift_entity::{PrimaryMap, SecondaryMap};

use crate::program::{Expr, Program, Stmt, Var, VarType};
use crate::promote::{Facts, Simplified, with_operands};
use crate::step::for_each_kernel_mut;

/// Computes every expression once in a scope.
pub fn eliminate_common_subexpressions(program: &mut Program) {
    let vars = &program.vars;
    // One map for all kernels: to make one as large for each takes time in the square of their number.
    let renamed = SecondaryMap::with_capacity(vars.len());
    let mut pass = Pass { vars, known: HashMap::new(), renamed, facts: Facts::default() };
    for_each_kernel_mut(&mut program.body, &mut |kernel| pass.scope(&mut kernel.body));
}

struct Pass<'a> {
    vars: &'a PrimaryMap<Var, VarType>,
    /// The variables in scope that hold an expression.
    known: HashMap<(VarType, Expr), Var>,
    renamed: SecondaryMap<Var, Option<Var>>,
    facts: Facts,
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
            Stmt::Let(_, Expr::Load(_)) => {}
            Stmt::Let(var, expr) => {
                let new = with_operands(expr, |operand| self.name(operand));
                *expr = match self.facts.simplify(self.vars, *var, new) {
                    Simplified::Expr(expr) => expr,
                    Simplified::Same(same) => {
                        self.renamed[*var] = Some(same);
                        return false;
                    }
                };
                let key = (self.vars[*var], expr.clone());
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

    #[test]
    fn equal_constants_are_one_operand_and_no_zero_is_added_to_a_count() {
        let text = "program @f {
  buffer %x : f32[4] input 0
  buffer %y : f32[4] output 0
  arena 0

  kernel @k \"\" {
    v0 = const 0.0 : f32
    v1 = const 2.0 : f32
    v2 = const 2.0 : f32
    v3 = const -0.0 : f32
    for i0 = 0 to 4 step 1 {
      v4 = load %x[i0] : f32
      v5 = mul v4, v1 : f32
      v6 = mul v4, v2 : f32
      v7 = compare lt v5, v6 : bool
      v8 = convert v7 : f32
      v9 = add v0, v8 : f32
      v10 = add v0, v4 : f32
      v11 = add v10, v9 : f32
      v12 = add v3, v11 : f32
      store %y[i0], v12
    }
  }
}
";
        let before = parse_program(text).unwrap();
        let mut after = before.clone();
        eliminate_common_subexpressions(&mut after);
        let count = |part: &str| after.to_string().matches(part).count();
        assert_eq!((count("mul"), count("const 2.0")), (1, 1));
        assert_eq!(count("add"), 2, "what is loaded may be -0:\n{after}");
        assert!(after.to_string().contains("add v0, v3"), "numbered anew without the second 2.0:\n{after}");
        let run = |program: Program| {
            interpret(&verify(program).unwrap(), &[Elements::F32(vec![-0.0, 1.0, f32::NAN, -3.0])]).unwrap()
        };
        let bits = |elements: Vec<Elements>| format!("{elements:?}");
        assert_eq!(bits(run(before)), bits(run(after)));
    }
}
