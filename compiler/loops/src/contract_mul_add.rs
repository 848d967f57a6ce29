//! `a · b + c` as one operation.
//!
//! A product of floats that is used once, by an addition or a subtraction in the same list of statements, becomes an [`Expr::MulAdd`]: one
//! instruction and one rounding where the target has it. The specification allows this; the result is at least as accurate.
//!
//! In `c - a · b` and `a · b - c` what is subtracted is negated first, in the statement before: instructions have that sign for nothing. A difference of two products stays as it is:
//! where they are equal it is to be 0, and not what one of them was rounded by.
//!
//! Before and after: a verified program with the same stores.

use cranelift_entity::{EntitySet, PrimaryMap, SecondaryMap};
use pullback_ir::{Binary, Unary};

use crate::program::{Expr, Program, Stmt, Var, VarType};
use crate::step::for_each_kernel_mut;

/// Contracts every product that can be.
pub fn contract_mul_add(program: &mut Program) {
    let mut uses: SecondaryMap<Var, u32> = SecondaryMap::with_capacity(program.vars.len());
    for kernel in program.kernels() {
        count_uses(&kernel.body, &mut uses);
    }
    let products = SecondaryMap::with_capacity(program.vars.len());
    let Program { vars, body, .. } = program;
    let mut contraction = Contraction { vars, uses, products, contracted: EntitySet::new(), lists: 0 };
    for_each_kernel_mut(body, &mut |kernel| contraction.contract(&mut kernel.body));
}

/// A product of two variables.
#[derive(Clone, Copy)]
struct Product {
    /// The list of statements that it is in.
    list: usize,
    factors: (Var, Var),
}

/// What is known while a program is gone through. Maps are of the whole program, since clearing one for each list would take time in the square of the number of lists.
struct Contraction<'a> {
    vars: &'a mut PrimaryMap<Var, VarType>,
    uses: SecondaryMap<Var, u32>,
    /// What a variable is, if it is a product.
    products: SecondaryMap<Var, Option<Product>>,
    contracted: EntitySet<Var>,
    /// How many lists of statements were begun.
    lists: usize,
}

impl Contraction<'_> {
    fn contract(&mut self, stmts: &mut Vec<Stmt>) {
        let list = self.lists;
        self.lists += 1;
        let mut out = Vec::with_capacity(stmts.len());
        let mut is_shorter = false;
        for mut stmt in stmts.drain(..) {
            match &mut stmt {
                &mut Stmt::Let(var, Expr::Binary(Binary::Mul, x, y)) if self.is_float(var) => {
                    self.products[var] = Some(Product { list, factors: (x, y) });
                }
                Stmt::Let(var, expr @ Expr::Binary(Binary::Add | Binary::Sub, ..)) if self.is_float(*var) => {
                    if let Some(contracted) = self.contracted(list, expr, &mut out) {
                        *expr = contracted;
                        is_shorter = true;
                    }
                }
                Stmt::For(inner) => self.contract(&mut inner.body),
                Stmt::If(inner) => self.contract(&mut inner.body),
                Stmt::Let(..) | Stmt::Store(..) | Stmt::Gemm(_) | Stmt::Pack(_) | Stmt::Bind(_) | Stmt::Call(_) => {}
            }
            out.push(stmt);
        }
        if is_shorter {
            out.retain(|stmt| !matches!(stmt, Stmt::Let(var, _) if self.contracted.contains(*var)));
        }
        *stmts = out;
    }

    fn is_float(&self, var: Var) -> bool {
        self.vars[var].dtype.is_float()
    }

    /// A sum or difference one operand of which is a product of the same list.
    fn contracted(&mut self, list: usize, expr: &Expr, out: &mut Vec<Stmt>) -> Option<Expr> {
        let &Expr::Binary(op, a, b) = expr else { return None };
        if op == Binary::Sub && self.products[a].is_some() && self.products[b].is_some() {
            return None;
        }
        let own = |var: Var| self.products[var].filter(|it| it.list == list && self.uses[var] == 1);
        let (product, (x, y), addend) = match (own(a), own(b)) {
            (Some(it), _) => (a, it.factors, b),
            (None, Some(it)) => (b, it.factors, a),
            (None, None) => return None,
        };
        self.contracted.insert(product);
        Some(match op {
            Binary::Sub if product == a => Expr::MulAdd(x, y, self.negated(addend, out)),
            Binary::Sub => Expr::MulAdd(self.negated(x, out), y, addend),
            _ => Expr::MulAdd(x, y, addend),
        })
    }

    fn negated(&mut self, var: Var, out: &mut Vec<Stmt>) -> Var {
        let negated = self.vars.push(self.vars[var]);
        out.push(Stmt::Let(negated, Expr::Unary(Unary::Neg, var)));
        negated
    }
}

fn count_uses(stmts: &[Stmt], uses: &mut SecondaryMap<Var, u32>) {
    for stmt in stmts {
        match stmt {
            Stmt::Let(_, expr) => for_each_operand(expr, &mut |var| uses[var] += 1),
            Stmt::Store(_, var) => uses[*var] += 1,
            Stmt::For(inner) => {
                for carried in &inner.carried {
                    uses[carried.init] += 1;
                    uses[carried.next] += 1;
                }
                count_uses(&inner.body, uses);
            }
            Stmt::Bind(bind) => uses[bind.var] += 1,
            Stmt::If(inner) => {
                uses[inner.condition] += 1;
                count_uses(&inner.body, uses);
            }
            Stmt::Gemm(_) | Stmt::Pack(_) | Stmt::Call(_) => {}
        }
    }
}

/// Visits the variables that an expression reads.
pub fn for_each_operand(expr: &Expr, visit: &mut impl FnMut(Var)) {
    match expr {
        Expr::Const(_) | Expr::Position { .. } | Expr::Load(_) => {}
        Expr::Splat(x)
        | Expr::Unary(_, x)
        | Expr::IsFinite(x)
        | Expr::Convert(x)
        | Expr::Bitcast(x)
        | Expr::ReduceLanes(_, x) => visit(*x),
        Expr::Binary(_, x, y) | Expr::Compare(_, x, y) => {
            visit(*x);
            visit(*y);
        }
        Expr::MulAdd(x, y, z) | Expr::Select(x, y, z) => {
            visit(*x);
            visit(*y);
            visit(*z);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use crate::parse::parse_program;
    use crate::verify::verify;

    use super::*;

    /// The statements of a kernel between its loads and its store, after contraction, where `v0`, `v1` and `v2` are loaded.
    fn contracted(statements: &str, result: &str) -> String {
        let text = format!(
            "program @f {{
  buffer %x : f32[3] input 0
  buffer %y : f32[1] output 0
  arena 0

  kernel @k \"\" {{
    v0 = load %x[0] : f32
    v1 = load %x[1] : f32
    v2 = load %x[2] : f32
    {statements}
    store %y[0], {result}
  }}
}}
"
        );
        let mut program = parse_program(&text).unwrap();
        contract_mul_add(&mut program);
        verify(program.clone()).unwrap();
        let text = program.to_string();
        let inside: Vec<&str> = text.lines().filter(|line| line.contains(" = ") && !line.contains("load")).collect();
        inside.iter().map(|line| line.trim()).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn what_is_subtracted_is_negated_first() {
        let product = "v3 = mul v0, v1 : f32\n";
        let less = contracted(&format!("{product} v4 = sub v3, v2 : f32"), "v4");
        assert_eq!(less.matches("mul_add").count(), 1, "{less}");
        assert!(less.contains("neg v2") && !less.contains("sub"), "{less}");
        let from = contracted(&format!("{product} v4 = sub v2, v3 : f32"), "v4");
        assert!(from.contains("neg v0") && from.contains("mul_add") && !from.contains("sub"), "{from}");
    }

    #[test]
    fn a_difference_of_products_stays_as_it_is_also_if_one_is_used_again() {
        let products = "v3 = mul v0, v1 : f32\n v4 = mul v1, v2 : f32\n v5 = sub v3, v4 : f32";
        let once = contracted(products, "v5");
        assert!(once.contains("sub v3, v4") && !once.contains("mul_add"), "{once}");
        let again = contracted(&format!("{products}\n v6 = max v5, v3 : f32"), "v6");
        assert!(again.contains("sub v3, v4") && !again.contains("mul_add"), "{again}");
    }
}
