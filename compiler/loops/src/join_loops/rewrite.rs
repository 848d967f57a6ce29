//! Loops in another form: with another counter, with fewer iterations, without a loop; and what follows from statements being together.

use std::borrow::Cow;

use cranelift_entity::SecondaryMap;

use super::is_loop;
use crate::program::{Affine, Carried, Expr, For, Index, Place, Program, Stmt, Var, VarType};
use crate::promote::{are_apart, with_operands};

/// The most iterations that are written out behind a loop so that it is as long as another.
const MAX_PEELED: i64 = 2;

/// The most iterations of a loop that is written out to be joined with statements that are in no loop.
const MAX_WRITTEN_OUT: i64 = 8;

/// Statements in which a loop of one iteration is none, as far as what it gives is computed in it.
pub(super) fn without_single_iterations(program: &mut Program, stmts: &[Stmt]) -> Vec<Stmt> {
    let mut out = Vec::with_capacity(stmts.len());
    for stmt in stmts {
        if let Stmt::For(inner) = stmt
            && inner.extent == inner.step
            && let Some(names) = Names::of_iteration(inner)
        {
            let mut body = Vec::new();
            let first = Moved { from: inner.index, to: None, factor: 1, by: 0 };
            if first.stmts(program, &inner.body, None, &mut body).is_some() {
                body.iter_mut().for_each(|stmt| names.rename(stmt));
                out.extend(body);
                continue;
            }
        }
        out.push(stmt.clone());
    }
    out
}

/// Statements in which short loops are written out; `None` if one has loops inside.
pub(super) fn written_out(program: &mut Program, stmts: &[Stmt]) -> Option<Vec<Stmt>> {
    let mut out = Vec::with_capacity(stmts.len());
    for stmt in stmts {
        out.push(match stmt {
            Stmt::For(inner) if inner.extent > 0 && inner.extent <= MAX_WRITTEN_OUT * inner.step => {
                Stmt::For(Box::new(repeated(program, inner, (inner.index, inner.extent))?))
            }
            stmt => stmt.clone(),
        });
    }
    Some(without_single_iterations(program, &out))
}

/// Variables that turned out to be others.
#[derive(Default)]
struct Names(SecondaryMap<Var, Option<Var>>);

impl Names {
    /// What the variables of an only iteration are around it: what is carried is what it begins as, and what it ends as is what the loop gives. `None` where that has a
    /// name already, or could get one because it is loaded.
    fn of_iteration(inner: &For) -> Option<Self> {
        let mut names = Self::default();
        for carried in &inner.carried {
            let is_computed = |stmt: &Stmt| match stmt {
                Stmt::Let(var, expr) => *var == carried.next && !matches!(expr, Expr::Load(_)),
                Stmt::For(nested) => nested.carried.iter().any(|nested| nested.result == carried.next),
                Stmt::Store(..) | Stmt::Bind(_) | Stmt::If(_) | Stmt::Gemm(_) | Stmt::Pack(_) | Stmt::Call(_) => false,
            };
            if names.0[carried.next].is_some() || !inner.body.iter().any(is_computed) {
                return None;
            }
            names.0[carried.next] = Some(carried.result);
            names.0[carried.param] = Some(carried.init);
        }
        Some(names)
    }

    fn of(&self, var: Var) -> Var {
        self.0[var].unwrap_or(var)
    }

    /// Renames what a statement assigns and reads.
    fn rename(&self, stmt: &mut Stmt) {
        match stmt {
            Stmt::Let(var, expr) => {
                *var = self.of(*var);
                *expr = with_operands(expr, |var| self.of(var));
            }
            Stmt::Store(_, var) => *var = self.of(*var),
            Stmt::Bind(bind) => bind.var = self.of(bind.var),
            Stmt::If(inner) => {
                inner.condition = self.of(inner.condition);
                inner.body.iter_mut().for_each(|stmt| self.rename(stmt));
            }
            Stmt::For(inner) => {
                inner.body.iter_mut().for_each(|stmt| self.rename(stmt));
                for carried in &mut inner.carried {
                    let Carried { init, next, result, .. } = carried;
                    (*init, *next, *result) = (self.of(*init), self.of(*next), self.of(*result));
                }
            }
            Stmt::Gemm(_) | Stmt::Pack(_) | Stmt::Call(_) => {}
        }
    }
}

/// The loop with a counter that goes to `extent`, if it then runs as often: by rows instead of by their elements.
pub(super) fn counting_to<'a>(program: &mut Program, inner: &'a For, extent: i64) -> Option<Cow<'a, For>> {
    let factor = inner.extent.checked_div(extent)?;
    if factor < 2 || inner.extent != factor * extent || inner.step % factor != 0 {
        return Some(Cow::Borrowed(inner));
    }
    let moved = Moved { from: inner.index, to: Some(inner.index), factor, by: 0 };
    let mut body = Vec::new();
    moved.stmts(program, &inner.body, None, &mut body)?;
    let carried = inner.carried.clone();
    Some(Cow::Owned(For { index: inner.index, extent, step: inner.step / factor, carried, body }))
}

/// The loop up to `extent`, and its last iterations behind it; `None` if these are many, or the loop has loops inside or carries something.
pub(super) fn peeled(program: &mut Program, inner: &For, extent: i64) -> Option<(For, Vec<Stmt>)> {
    let count = (inner.extent - extent) / inner.step;
    if count > 0 && (count > MAX_PEELED || !inner.carried.is_empty() || inner.body.iter().any(is_loop)) {
        return None;
    }
    let mut rest = Vec::new();
    for number in 0..count {
        let moved = Moved { from: inner.index, to: None, factor: 1, by: extent + number * inner.step };
        moved.stmts(program, &inner.body, Some(&mut SecondaryMap::new()), &mut rest)?;
    }
    Some((For { extent, ..inner.clone() }, rest))
}

/// The loop with another counter and a larger step: its body several times. `None` if there are loops in a body to be repeated.
pub(super) fn repeated(program: &mut Program, inner: &For, (index, step): (Index, i64)) -> Option<For> {
    let copies = step / inner.step;
    if copies > 1 && inner.body.iter().any(is_loop) {
        return None;
    }
    let mut carried = inner.carried.clone();
    let mut body = Vec::new();
    let mut vars: SecondaryMap<Var, Option<Var>> = SecondaryMap::new();
    for copy in 0..copies {
        let moved = Moved { from: inner.index, to: Some(index), factor: 1, by: copy * inner.step };
        let begin: Vec<Option<Var>> = inner.carried.iter().map(|carried| vars[carried.next]).collect();
        if copy > 0 {
            for (carried, begin) in inner.carried.iter().zip(begin) {
                vars[carried.param] = Some(begin.unwrap_or(carried.next));
            }
        }
        moved.stmts(program, &inner.body, (copy > 0).then_some(&mut vars), &mut body)?;
    }
    for carried in &mut carried {
        carried.next = vars[carried.next].unwrap_or(carried.next);
    }
    Some(For { index, extent: inner.extent, step, carried, body })
}

/// A counter replaced by a multiple of another, or by nothing, and a distance.
struct Moved {
    from: Index,
    to: Option<Index>,
    factor: i64,
    by: i64,
}

impl Moved {
    fn affine(&self, affine: &Affine) -> Affine {
        let coefficient = affine.coefficient(self.from);
        let without = affine.plus(&Affine::counter(self.from), -coefficient).plus_constant(coefficient * self.by);
        match self.to {
            Some(to) => without.plus(&Affine::counter(to), coefficient * self.factor),
            None => without,
        }
    }

    fn place(&self, place: &Place) -> Place {
        Place { index: self.affine(&place.index), ..place.clone() }
    }

    /// The statements moved; with `vars`, what they assign gets new variables, which are entered there.
    fn stmts(
        &self,
        program: &mut Program,
        stmts: &[Stmt],
        mut vars: Option<&mut SecondaryMap<Var, Option<Var>>>,
        out: &mut Vec<Stmt>,
    ) -> Option<()> {
        for stmt in stmts {
            let now = |var: Var| vars.as_deref().and_then(|vars| vars[var]).unwrap_or(var);
            match stmt {
                Stmt::Let(var, expr) => {
                    let expr = match expr {
                        Expr::Load(place) => Expr::Load(self.place(place)),
                        Expr::Position { index, lane_stride } => {
                            Expr::Position { index: self.affine(index), lane_stride: *lane_stride }
                        }
                        _ => with_operands(expr, now),
                    };
                    let new = match vars.as_deref_mut() {
                        Some(vars) => *vars[*var].insert(program.var(program.vars[*var])),
                        None => *var,
                    };
                    out.push(Stmt::Let(new, expr));
                }
                Stmt::Store(place, var) => out.push(Stmt::Store(self.place(place), now(*var))),
                Stmt::For(inner) if vars.is_none() => {
                    let mut body = Vec::new();
                    self.stmts(program, &inner.body, None, &mut body)?;
                    out.push(Stmt::For(Box::new(For { body, ..(**inner).clone() })));
                }
                Stmt::For(_) | Stmt::Bind(_) | Stmt::If(_) | Stmt::Gemm(_) | Stmt::Pack(_) | Stmt::Call(_) => {
                    return None;
                }
            }
        }
        Some(())
    }
}

/// Statements without loops, in which a load of what is at hand gives that variable another name.
pub(super) fn forward<'a>(program: &Program, stmts: impl Iterator<Item = &'a Stmt>) -> Vec<Stmt> {
    let mut renamed: SecondaryMap<Var, Option<Var>> = SecondaryMap::new();
    let mut known: Vec<(Place, VarType, Var)> = Vec::new();
    let mut out = Vec::new();
    for stmt in stmts {
        let now = |var: Var| renamed[var].unwrap_or(var);
        match stmt {
            Stmt::Let(var, Expr::Load(place)) => {
                let ty = program.vars[*var];
                match known.iter().find(|known| known.0 == *place && known.1 == ty) {
                    Some(known) => renamed[*var] = Some(known.2),
                    None => {
                        known.push((place.clone(), ty, *var));
                        out.push(stmt.clone());
                    }
                }
            }
            Stmt::Let(var, expr) => out.push(Stmt::Let(*var, with_operands(expr, now))),
            Stmt::Store(place, var) => {
                let (var, ty) = (now(*var), program.vars[*var]);
                known.retain(|known| are_apart((&known.0, known.1), (place, ty)));
                if ty.lanes == 1 || place.lane_stride != 0 {
                    known.push((place.clone(), ty, var));
                }
                out.push(Stmt::Store(place.clone(), var));
            }
            Stmt::For(_) | Stmt::Bind(_) | Stmt::If(_) | Stmt::Gemm(_) | Stmt::Pack(_) | Stmt::Call(_) => {
                out.push(stmt.clone());
            }
        }
    }
    out
}
