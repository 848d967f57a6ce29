//! Loops of few iterations written out, with their counters replaced by numbers.

use cranelift_entity::SecondaryMap;
use cranelift_entity::packed_option::PackedOption;

use super::operands::{takes_long, with_operands};
use crate::program::{Affine, Bind, Expr, For, If, Index, Place, Program, Stmt, Var};

/// The most iterations of a loop that is written out.
const MAX_ITERATIONS: i64 = 16;

/// How many statements an operation counts for that many instructions are emitted for.
const LONG: usize = 32;

/// How many statements these are with their loops written out; `None` if there is a loop of many iterations, a matrix product or a call.
pub(super) fn unrolled_size(stmts: &[Stmt]) -> Option<usize> {
    let mut size = 0usize;
    for stmt in stmts {
        size = size.saturating_add(match stmt {
            Stmt::Let(_, expr) if takes_long(expr) => LONG,
            Stmt::Let(..) | Stmt::Store(..) | Stmt::Bind(_) => 1,
            Stmt::If(inner) => unrolled_size(&inner.body)?.saturating_add(1),
            Stmt::For(inner) => {
                let iterations = iterations(inner).filter(|&iterations| iterations <= MAX_ITERATIONS)?;
                unrolled_size(&inner.body)?.saturating_mul(iterations as usize)
            }
            Stmt::Gemm(_) | Stmt::Pack(_) | Stmt::Call(_) => return None,
        });
    }
    Some(size)
}

fn iterations(inner: &For) -> Option<i64> {
    if inner.extent < 0 { None } else { inner.extent.checked_div(inner.step) }
}

/// The statements without loops. All variables and bound counters are new ones.
pub(super) fn unroll<'a>(program: &mut Program, stmts: impl Iterator<Item = &'a Stmt>) -> Vec<Stmt> {
    let mut unroller =
        Unroller { program, vars: SecondaryMap::new(), fixed: SecondaryMap::new(), bound: SecondaryMap::new() };
    let mut out = Vec::new();
    stmts.for_each(|stmt| unroller.stmt(stmt, &mut out));
    out
}

struct Unroller<'p> {
    program: &'p mut Program,
    /// What variables are called in the iteration at hand.
    vars: SecondaryMap<Var, PackedOption<Var>>,
    /// The values of the counters of loops.
    fixed: SecondaryMap<Index, Option<i64>>,
    /// What counters bound to variables are called.
    bound: SecondaryMap<Index, PackedOption<Index>>,
}

impl Unroller<'_> {
    fn var(&self, var: Var) -> Var {
        self.vars[var].expand().unwrap_or(var)
    }

    fn affine(&self, affine: &Affine) -> Affine {
        let mut sum = Affine::constant(affine.offset);
        for &(index, coefficient) in &affine.terms {
            sum = match self.fixed[index] {
                Some(value) => sum.plus_constant(coefficient * value),
                None => sum.plus(&Affine::counter(self.bound[index].expand().unwrap_or(index)), coefficient),
            };
        }
        sum
    }

    fn place(&self, place: &Place) -> Place {
        Place { index: self.affine(&place.index), ..place.clone() }
    }

    fn expr(&self, expr: &Expr) -> Expr {
        match expr {
            Expr::Load(place) => Expr::Load(self.place(place)),
            Expr::Position { index, lane_stride } => {
                Expr::Position { index: self.affine(index), lane_stride: *lane_stride }
            }
            _ => with_operands(expr, |var| self.var(var)),
        }
    }

    fn stmt(&mut self, stmt: &Stmt, out: &mut Vec<Stmt>) {
        match stmt {
            Stmt::Let(var, expr) => {
                let expr = self.expr(expr);
                let new = self.program.var(self.program.vars[*var]);
                self.vars[*var] = new.into();
                out.push(Stmt::Let(new, expr));
            }
            Stmt::Store(place, var) => out.push(Stmt::Store(self.place(place), self.var(*var))),
            Stmt::For(inner) => self.iterations(inner, out),
            Stmt::Bind(bind) => {
                let index = self.program.index();
                out.push(Stmt::Bind(Bind { index, var: self.var(bind.var), extent: bind.extent }));
                self.bound[bind.index] = index.into();
            }
            Stmt::If(inner) => {
                let mut body = Vec::new();
                inner.body.iter().for_each(|stmt| self.stmt(stmt, &mut body));
                out.push(Stmt::If(Box::new(If { condition: self.var(inner.condition), body })));
            }
            // There are none, see `unrolled_size`.
            Stmt::Gemm(_) | Stmt::Pack(_) | Stmt::Call(_) => out.push(stmt.clone()),
        }
    }

    fn iterations(&mut self, inner: &For, out: &mut Vec<Stmt>) {
        let mut values: Vec<Var> = inner.carried.iter().map(|carried| self.var(carried.init)).collect();
        for iteration in 0..iterations(inner).unwrap_or(0) {
            self.fixed[inner.index] = Some(iteration * inner.step);
            for (carried, value) in inner.carried.iter().zip(values) {
                self.vars[carried.param] = value.into();
            }
            inner.body.iter().for_each(|stmt| self.stmt(stmt, out));
            values = inner.carried.iter().map(|carried| self.var(carried.next)).collect();
        }
        for (carried, value) in inner.carried.iter().zip(values) {
            self.vars[carried.result] = value.into();
        }
    }
}
