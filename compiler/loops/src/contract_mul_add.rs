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
    let mut uses: SecondaryMap<Var, u32> = SecondaryMap::new();
    for kernel in program.kernels() {
        count_uses(&kernel.body, &mut uses);
    }
    let is_float = |var: Var| program.vars[var].dtype.is_float();
    for_each_kernel_mut(&mut program.body, &mut |kernel| contract(&mut kernel.body, &uses, &is_float));
}

fn contract(stmts: &mut Vec<Stmt>, uses: &SecondaryMap<Var, u32>, is_float: &impl Fn(Var) -> bool) {
    let mut products: SecondaryMap<Var, Option<(Var, Var)>> = SecondaryMap::new();
    let mut contracted = EntitySet::new();
    for stmt in stmts.iter_mut() {
        match stmt {
            Stmt::Let(var, Expr::Binary(Binary::Mul, x, y)) if is_float(*var) && uses[*var] == 1 => {
                products[*var] = Some((*x, *y));
            }
            Stmt::Let(var, expr @ Expr::Binary(Binary::Add, ..)) if is_float(*var) => {
                let Expr::Binary(_, a, b) = *expr else { continue };
                let (product, addend) = if products[a].is_some() { (a, b) } else { (b, a) };
                if let Some((x, y)) = products[product] {
                    *expr = Expr::MulAdd(x, y, addend);
                    contracted.insert(product);
                }
            }
            Stmt::For(inner) => contract(&mut inner.body, uses, is_float),
            Stmt::If(inner) => contract(&mut inner.body, uses, is_float),
            Stmt::Let(..) | Stmt::Store(..) | Stmt::Gemm(_) | Stmt::Pack(_) | Stmt::Bind(_) | Stmt::Call(_) => {}
        }
    }
    stmts.retain(|stmt| !matches!(stmt, Stmt::Let(var, _) if contracted.contains(*var)));
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
