//! Expressions: the variables that they read, and what they cost.

use cranelift_entity::EntitySet;
use pullback_ir::{Binary, Unary};

use crate::contract_mul_add::for_each_operand;
use crate::program::{Expr, Stmt, Var};

/// The expression with other variables in the place of those that it reads.
pub(crate) fn with_operands(expr: &Expr, mut of: impl FnMut(Var) -> Var) -> Expr {
    match expr {
        Expr::Const(_) | Expr::Position { .. } | Expr::Load(_) => expr.clone(),
        Expr::Splat(x) => Expr::Splat(of(*x)),
        Expr::Unary(op, x) => Expr::Unary(*op, of(*x)),
        Expr::Binary(op, x, y) => Expr::Binary(*op, of(*x), of(*y)),
        Expr::MulAdd(x, y, z) => Expr::MulAdd(of(*x), of(*y), of(*z)),
        Expr::Compare(comparison, x, y) => Expr::Compare(*comparison, of(*x), of(*y)),
        Expr::IsFinite(x) => Expr::IsFinite(of(*x)),
        Expr::Select(x, y, z) => Expr::Select(of(*x), of(*y), of(*z)),
        Expr::Convert(x) => Expr::Convert(of(*x)),
        Expr::Bitcast(x) => Expr::Bitcast(of(*x)),
        Expr::ReduceLanes(kind, x) => Expr::ReduceLanes(*kind, of(*x)),
    }
}

/// Removes assignments of variables that are not `used` by what comes behind, and adds those that the statements read.
pub(crate) fn remove_unused(stmts: &mut Vec<Stmt>, used: &mut EntitySet<Var>) {
    let mut kept: Vec<Stmt> = Vec::with_capacity(stmts.len());
    for mut stmt in stmts.drain(..).rev() {
        match &mut stmt {
            Stmt::Let(var, _) if !used.contains(*var) => continue,
            Stmt::Let(_, expr) => {
                for_each_operand(expr, &mut |var| {
                    used.insert(var);
                });
            }
            Stmt::Store(_, var) => {
                used.insert(*var);
            }
            Stmt::For(inner) => {
                for carried in &inner.carried {
                    used.extend([carried.init, carried.next]);
                }
                remove_unused(&mut inner.body, used);
            }
            Stmt::Bind(bind) => {
                used.insert(bind.var);
            }
            Stmt::If(inner) => {
                used.insert(inner.condition);
                remove_unused(&mut inner.body, used);
            }
            Stmt::Gemm(_) | Stmt::Pack(_) | Stmt::Call(_) => {}
        }
        kept.push(stmt);
    }
    kept.reverse();
    *stmts = kept;
}

/// Whether an operation is a polynomial of many terms, or a loop.
pub(crate) const fn takes_long(expr: &Expr) -> bool {
    match expr {
        Expr::Unary(op, _) => !matches!(
            op,
            Unary::Neg
                | Unary::Abs
                | Unary::Not
                | Unary::Sign
                | Unary::Floor
                | Unary::Ceil
                | Unary::Round
                | Unary::Sqrt
                | Unary::Rsqrt
                | Unary::StopGradient
                | Unary::PopulationCount
        ),
        Expr::Binary(op, ..) => matches!(op, Binary::Pow | Binary::Atan2 | Binary::Polygamma | Binary::Rem),
        Expr::Const(_)
        | Expr::Position { .. }
        | Expr::Load(_)
        | Expr::Splat(_)
        | Expr::MulAdd(..)
        | Expr::Compare(..)
        | Expr::IsFinite(_)
        | Expr::Select(..)
        | Expr::Convert(_)
        | Expr::Bitcast(_)
        | Expr::ReduceLanes(..) => false,
    }
}
