//! `a · b + c` as one operation.
//!
//! A product of floats that is used once, by an addition in the same list of statements, becomes a [`Expr::MulAdd`]: one
//! instruction and one rounding where the target has it. The specification allows this; the result is at least as accurate.
//!
//! Before and after: a verified program with the same stores.

use cranelift_entity::{EntitySet, SecondaryMap};
use pullback_ir::Binary;

use crate::program::{Expr, Program, Stmt, Var};
use crate::step::for_each_kernel_mut;

/// Contracts every product that can be.
pub fn contract_mul_add(program: &mut Program) {
    let mut uses: SecondaryMap<Var, u32> = SecondaryMap::with_capacity(program.vars.len());
    for kernel in program.kernels() {
        count_uses(&kernel.body, &mut uses);
    }
    let is_float = |var: Var| program.vars[var].dtype.is_float();
    let products = SecondaryMap::with_capacity(program.vars.len());
    let mut contraction = Contraction { uses, is_float, products, contracted: EntitySet::new(), lists: 0 };
    for_each_kernel_mut(&mut program.body, &mut |kernel| contraction.contract(&mut kernel.body));
}

/// A product of two variables.
#[derive(Clone, Copy)]
struct Product {
    /// The list of statements that it is in.
    list: usize,
    factors: (Var, Var),
}

/// What is known while a program is gone through. Maps are of the whole program, since clearing one for each list would take time in the square of the number of lists.
struct Contraction<F> {
    uses: SecondaryMap<Var, u32>,
    is_float: F,
    /// What a variable is, if it is a product that is used once.
    products: SecondaryMap<Var, Option<Product>>,
    contracted: EntitySet<Var>,
    /// How many lists of statements were begun.
    lists: usize,
}

impl<F: Fn(Var) -> bool> Contraction<F> {
    fn contract(&mut self, stmts: &mut Vec<Stmt>) {
        let list = self.lists;
        self.lists += 1;
        let mut is_shorter = false;
        for stmt in stmts.iter_mut() {
            match stmt {
                Stmt::Let(var, Expr::Binary(Binary::Mul, x, y)) if (self.is_float)(*var) && self.uses[*var] == 1 => {
                    self.products[*var] = Some(Product { list, factors: (*x, *y) });
                }
                Stmt::Let(var, expr @ Expr::Binary(Binary::Add, ..)) if (self.is_float)(*var) => {
                    let Expr::Binary(_, a, b) = *expr else { continue };
                    let factors = |var: Var| self.products[var].filter(|it| it.list == list).map(|it| it.factors);
                    let found = factors(a).map(|factors| (a, factors, b));
                    let Some((product, (x, y), addend)) = found.or_else(|| factors(b).map(|factors| (b, factors, a)))
                    else {
                        continue;
                    };
                    *expr = Expr::MulAdd(x, y, addend);
                    self.contracted.insert(product);
                    is_shorter = true;
                }
                Stmt::For(inner) => self.contract(&mut inner.body),
                Stmt::If(inner) => self.contract(&mut inner.body),
                Stmt::Let(..) | Stmt::Store(..) | Stmt::Gemm(_) | Stmt::Pack(_) | Stmt::Bind(_) | Stmt::Call(_) => {}
            }
        }
        if is_shorter {
            stmts.retain(|stmt| !matches!(stmt, Stmt::Let(var, _) if self.contracted.contains(*var)));
        }
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
