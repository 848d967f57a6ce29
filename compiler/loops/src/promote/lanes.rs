//! Vectors that become narrower ones or scalars.
//!
//! A value passes from a store to a load in a variable only if both are of the same elements. Where a buffer is accessed in vectors here
//! and by elements there (a state `f64[3]` is a vector of two and a scalar, and its elements are read one by one), the vectors are split. So are vectors of eight
//! where halves of them are accessed elsewhere; pieces are as wide as they can be.
//! With a vector go those that it is computed from and that are computed from it, as far as the operations have the same lanes, and those that share a buffer
//! with it; others keep their lanes. A group with an operation that takes long is left, since one vector exponential costs
//! half of two scalar or narrower ones: its buffers stay in memory.

use cranelift_entity::SecondaryMap;
use pullback_interp::scalar;
use pullback_ir::Binary;
use smallvec::SmallVec;

use super::operands::{takes_long, with_operands};
use super::{Access, accesses_by_buffer, are_consistent};
use crate::contract_mul_add::for_each_operand;
use crate::program::{Buffer, Expr, If, Place, Program, Stmt, Var, VarType};
use crate::verify::is_legal;

/// The pieces of a split vector, in the order of its lanes.
type Pieces = SmallVec<[Var; 4]>;

/// Splits the vectors that stand in the way of passing values in variables.
pub(super) fn split_vectors(program: &mut Program, stmts: Vec<Stmt>) -> Vec<Stmt> {
    let by_buffer = accesses_by_buffer(program, &stmts);
    let stored = |buffer: &Buffer| by_buffer.get(buffer).is_some_and(|all| all.iter().any(|access| access.is_store));
    let mut groups = Groups::default();
    groups.stmts(program, &stmts, &stored);
    let mut split: SecondaryMap<Var, Option<u8>> = SecondaryMap::new();
    let mut any = false;
    for (&buffer, accesses) in by_buffer.iter().filter(|(buffer, _)| stored(buffer)) {
        if let (Some(member), Some(lanes)) = (groups.of_buffer[buffer], consistent_lanes(accesses)) {
            let group = groups.find(member);
            split[group] = Some(split[group].map_or(lanes, |others| others.min(lanes)));
            any = true;
        }
    }
    for costly in std::mem::take(&mut groups.costly) {
        split[groups.find(costly)] = None;
    }
    for vector in std::mem::take(&mut groups.vectors) {
        let (group, ty) = (groups.find(vector), program.vars[vector]);
        if split[group].is_some_and(|lanes| !is_legal(VarType { lanes: lanes.min(ty.lanes), ..ty })) {
            split[group] = Some(1);
        }
    }
    if !any {
        return stmts;
    }
    let mut splitter = Splitter { program, groups, split, pieces: SecondaryMap::new(), renamed: SecondaryMap::new() };
    let mut out = Vec::new();
    stmts.into_iter().for_each(|stmt| splitter.stmt(stmt, &mut out));
    out
}

/// The most lanes that vectors can be split into so that any two accesses are of the same elements or of none in common; `None` if they are already.
fn consistent_lanes(accesses: &[Access]) -> Option<u8> {
    if are_consistent(accesses) {
        return None;
    }
    let split = |access: &Access, lanes: u8| {
        let ty = VarType { lanes: lanes.min(access.ty.lanes), ..access.ty };
        let pieces = 0..access.ty.lanes / ty.lanes;
        let place = |piece| piece_of(&access.place, piece, ty.lanes);
        pieces.map(|piece| Access { place: place(piece), ty, ..access.clone() }).collect::<Vec<_>>()
    };
    let widest = accesses.iter().map(|access| access.ty.lanes).max().unwrap_or(1);
    let halved = std::iter::successors(Some(widest / 2), |lanes| Some(lanes / 2));
    let fits =
        |lanes: &u8| are_consistent(&accesses.iter().flat_map(|access| split(access, *lanes)).collect::<Vec<_>>());
    halved.take_while(|&lanes| lanes > 1).find(fits).or(Some(1))
}

/// Vector variables in groups that are split together or not at all: a forest.
#[derive(Default)]
struct Groups {
    parent: SecondaryMap<Var, Option<Var>>,
    /// A vector that accesses a buffer.
    of_buffer: SecondaryMap<Buffer, Option<Var>>,
    /// Results of vector operations that take long.
    costly: Vec<Var>,
    /// All vectors that are assigned.
    vectors: Vec<Var>,
}

impl Groups {
    fn find(&mut self, var: Var) -> Var {
        let mut root = var;
        while let Some(parent) = self.parent[root] {
            root = parent;
        }
        // Shorter ways for the next time.
        let mut at = var;
        while let Some(parent) = self.parent[at] {
            self.parent[at] = Some(root);
            at = parent;
        }
        root
    }

    fn join(&mut self, one: Var, other: Var) {
        let (one, other) = (self.find(one), self.find(other));
        if one != other {
            self.parent[one] = Some(other);
        }
    }

    fn access(&mut self, var: Var, buffer: Buffer) {
        match self.of_buffer[buffer] {
            Some(other) => self.join(var, other),
            None => self.of_buffer[buffer] = Some(var),
        }
    }

    fn stmts(&mut self, program: &Program, stmts: &[Stmt], stored: &impl Fn(&Buffer) -> bool) {
        let is_vector = |var: Var| program.vars[var].lanes > 1;
        for stmt in stmts {
            if let Stmt::Let(var, _) = stmt
                && is_vector(*var)
            {
                self.vectors.push(*var);
            }
            match stmt {
                Stmt::Let(var, Expr::Load(place)) | Stmt::Store(place, var) => {
                    if is_vector(*var) && stored(&place.buffer) {
                        self.access(*var, place.buffer);
                    }
                }
                Stmt::Let(var, expr) if is_vector(*var) => {
                    for_each_operand(expr, &mut |operand| {
                        if is_vector(operand) {
                            self.join(*var, operand);
                        }
                    });
                    if takes_long(expr) {
                        self.costly.push(*var);
                    }
                }
                Stmt::If(inner) => self.stmts(program, &inner.body, stored),
                Stmt::For(inner) => self.stmts(program, &inner.body, stored),
                Stmt::Let(..) | Stmt::Bind(_) | Stmt::Gemm(_) | Stmt::Pack(_) | Stmt::Call(_) => {}
            }
        }
    }
}

struct Splitter<'p> {
    program: &'p mut Program,
    groups: Groups,
    /// The lanes of the pieces of groups that are split, by their representatives.
    split: SecondaryMap<Var, Option<u8>>,
    pieces: SecondaryMap<Var, Pieces>,
    /// Scalars that turned out to be others.
    renamed: SecondaryMap<Var, Option<Var>>,
}

impl Splitter<'_> {
    /// The lanes of the pieces that a variable is split into, if it is.
    fn split(&mut self, var: Var) -> Option<u8> {
        let lanes = self.program.vars[var].lanes;
        if lanes == 1 {
            return None;
        }
        self.split[self.groups.find(var)].filter(|&pieces| pieces < lanes)
    }

    fn scalar(&self, var: Var) -> Var {
        self.renamed[var].unwrap_or(var)
    }

    fn stmt(&mut self, stmt: Stmt, out: &mut Vec<Stmt>) {
        let vector = match &stmt {
            Stmt::Let(_, Expr::ReduceLanes(_, vector)) => Some(*vector),
            Stmt::Let(var, _) | Stmt::Store(_, var) => Some(*var),
            Stmt::Bind(_) | Stmt::If(_) | Stmt::For(_) | Stmt::Gemm(_) | Stmt::Pack(_) | Stmt::Call(_) => None,
        };
        let split = vector.and_then(|vector| self.split(vector));
        match (stmt, split) {
            (Stmt::Let(var, Expr::ReduceLanes(kind, x)), Some(lanes)) => {
                let total = self.combine(scalar::step(kind), self.pieces[x].clone(), out);
                match total {
                    Some(total) if lanes > 1 => out.push(Stmt::Let(var, Expr::ReduceLanes(kind, total))),
                    total => self.renamed[var] = total,
                }
            }
            (Stmt::Let(var, expr), Some(lanes)) => {
                let pieces = 0..self.program.vars[var].lanes / lanes;
                self.pieces[var] = pieces.map(|piece| self.piece(var, &expr, (piece, lanes), out)).collect();
            }
            (Stmt::Store(place, var), Some(lanes)) => {
                for (piece, &part) in (0..).zip(&self.pieces[var]) {
                    out.push(Stmt::Store(piece_of(&place, piece, lanes), part));
                }
            }
            (stmt, _) => self.whole(stmt, out),
        }
    }

    /// A statement without anything that is split.
    fn whole(&mut self, stmt: Stmt, out: &mut Vec<Stmt>) {
        match stmt {
            Stmt::Let(var, expr) => {
                let expr = with_operands(&expr, |operand| self.scalar(operand));
                out.push(Stmt::Let(var, expr));
            }
            Stmt::Store(place, var) => out.push(Stmt::Store(place, self.scalar(var))),
            Stmt::Bind(mut bind) => {
                bind.var = self.scalar(bind.var);
                out.push(Stmt::Bind(bind));
            }
            Stmt::If(inner) => {
                let condition = self.scalar(inner.condition);
                let mut body = Vec::new();
                inner.body.into_iter().for_each(|stmt| self.stmt(stmt, &mut body));
                out.push(Stmt::If(Box::new(If { condition, body })));
            }
            // Loops are written out by now, and there are no calls.
            Stmt::For(_) | Stmt::Gemm(_) | Stmt::Pack(_) | Stmt::Call(_) => out.push(stmt),
        }
    }

    /// A piece of an expression, of so many lanes, assigned to a new variable.
    fn piece(&mut self, var: Var, expr: &Expr, (piece, lanes): (u8, u8), out: &mut Vec<Stmt>) -> Var {
        let expr = match expr {
            Expr::Splat(x) if lanes == 1 => return self.scalar(*x),
            Expr::Splat(x) => Expr::Splat(self.scalar(*x)),
            Expr::Load(place) => Expr::Load(piece_of(place, piece, lanes)),
            Expr::Position { index, lane_stride } => {
                let first = index.plus_constant(i64::from(piece) * i64::from(lanes) * lane_stride);
                Expr::Position { index: first, lane_stride: if lanes == 1 { 1 } else { *lane_stride } }
            }
            _ => {
                with_operands(expr, |operand| self.pieces[operand].get(usize::from(piece)).copied().unwrap_or(operand))
            }
        };
        let part = self.program.var(VarType { lanes, ..self.program.vars[var] });
        out.push(Stmt::Let(part, expr));
        part
    }

    /// The pieces combined as `reduce_lanes` does with lanes: halves first.
    fn combine(&mut self, op: Binary, mut pieces: Pieces, out: &mut Vec<Stmt>) -> Option<Var> {
        while pieces.len() > 1 {
            let (low, high) = pieces.split_at(pieces.len() / 2);
            pieces = low
                .iter()
                .zip(high)
                .map(|(&x, &y)| {
                    let both = self.program.var(self.program.vars[x]);
                    out.push(Stmt::Let(both, Expr::Binary(op, x, y)));
                    both
                })
                .collect();
        }
        pieces.first().copied()
    }
}

/// The place of a piece of so many lanes.
fn piece_of(place: &Place, piece: u8, lanes: u8) -> Place {
    let lane_stride = if lanes == 1 { 1 } else { place.lane_stride };
    let index = place.index.plus_constant(i64::from(piece) * i64::from(lanes) * place.lane_stride);
    Place { buffer: place.buffer, index, lane_stride }
}
