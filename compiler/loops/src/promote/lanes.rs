//! Vectors that become scalars.
//!
//! A value passes from a store to a load in a variable only if both are of the same elements. Where a buffer is accessed in vectors here
//! and by elements there (a state `f64[3]` is a vector of two and a scalar, and its elements are read one by one), the vectors are split.
//! With a vector go those that it is computed from and that are computed from it, as far as the operations have the same lanes, and those that share a buffer
//! with it; others keep their lanes. A group with an operation that takes long is left, since one vector exponential costs
//! half of two scalar ones: its buffers stay in memory.

use cranelift_entity::{EntitySet, SecondaryMap};
use pullback_interp::scalar;
use pullback_ir::Binary;
use smallvec::SmallVec;

use super::operands::{takes_long, with_operands};
use super::{accesses_by_buffer, are_consistent};
use crate::contract_mul_add::for_each_operand;
use crate::program::{Buffer, Expr, If, Place, Program, Stmt, Var, VarType};

/// The lanes of a split vector.
type Lanes = SmallVec<[Var; 4]>;

/// Splits the vectors that stand in the way of passing values in variables.
pub(super) fn split_vectors(program: &mut Program, stmts: Vec<Stmt>) -> Vec<Stmt> {
    let by_buffer = accesses_by_buffer(program, &stmts);
    let stored = |buffer: &Buffer| by_buffer.get(buffer).is_some_and(|all| all.iter().any(|access| access.is_store));
    let mut groups = Groups::default();
    groups.stmts(program, &stmts, &stored);
    let mut split = EntitySet::new();
    for (&buffer, accesses) in by_buffer.iter().filter(|(buffer, _)| stored(buffer)) {
        if let (Some(member), false) = (groups.of_buffer[buffer], are_consistent(accesses)) {
            split.insert(groups.find(member));
        }
    }
    for costly in std::mem::take(&mut groups.costly) {
        split.remove(groups.find(costly));
    }
    if split.is_empty() {
        return stmts;
    }
    let mut splitter = Splitter { program, groups, split, lanes: SecondaryMap::new(), renamed: SecondaryMap::new() };
    let mut out = Vec::new();
    stmts.into_iter().for_each(|stmt| splitter.stmt(stmt, &mut out));
    out
}

/// Vector variables in groups that are split together or not at all: a forest.
#[derive(Default)]
struct Groups {
    parent: SecondaryMap<Var, Option<Var>>,
    /// A vector that accesses a buffer.
    of_buffer: SecondaryMap<Buffer, Option<Var>>,
    /// Results of vector operations that take long.
    costly: Vec<Var>,
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
    /// The groups that are split, by their representatives.
    split: EntitySet<Var>,
    lanes: SecondaryMap<Var, Lanes>,
    /// Scalars that turned out to be others.
    renamed: SecondaryMap<Var, Option<Var>>,
}

impl Splitter<'_> {
    fn is_split(&mut self, var: Var) -> bool {
        self.program.vars[var].lanes > 1 && {
            let group = self.groups.find(var);
            self.split.contains(group)
        }
    }

    fn scalar(&self, var: Var) -> Var {
        self.renamed[var].unwrap_or(var)
    }

    fn stmt(&mut self, stmt: Stmt, out: &mut Vec<Stmt>) {
        match stmt {
            Stmt::Let(var, Expr::ReduceLanes(kind, x)) if self.is_split(x) => {
                let total = self.combine(scalar::step(kind), self.lanes[x].clone(), out);
                self.renamed[var] = total;
            }
            Stmt::Let(var, expr) if self.is_split(var) => {
                let lanes = (0..self.program.vars[var].lanes).map(|lane| self.lane(var, &expr, lane, out)).collect();
                self.lanes[var] = lanes;
            }
            Stmt::Let(var, expr) => {
                let expr = with_operands(&expr, |operand| self.scalar(operand));
                out.push(Stmt::Let(var, expr));
            }
            Stmt::Store(place, var) if self.is_split(var) => {
                for (lane, &part) in self.lanes[var].iter().enumerate() {
                    out.push(Stmt::Store(lane_of(&place, lane as i64), part));
                }
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

    /// A lane of an expression, assigned to a new variable.
    fn lane(&mut self, var: Var, expr: &Expr, lane: u8, out: &mut Vec<Stmt>) -> Var {
        let at = i64::from(lane);
        let expr = match expr {
            Expr::Splat(x) => return self.scalar(*x),
            Expr::Load(place) => Expr::Load(lane_of(place, at)),
            Expr::Position { index, lane_stride } => {
                Expr::Position { index: index.plus_constant(at * lane_stride), lane_stride: 1 }
            }
            _ => with_operands(expr, |operand| self.lanes[operand].get(usize::from(lane)).copied().unwrap_or(operand)),
        };
        let part = self.program.var(VarType::scalar(self.program.vars[var].dtype));
        out.push(Stmt::Let(part, expr));
        part
    }

    /// The lanes combined as `reduce_lanes` does: halves first.
    fn combine(&mut self, op: Binary, mut lanes: Lanes, out: &mut Vec<Stmt>) -> Option<Var> {
        while lanes.len() > 1 {
            let (low, high) = lanes.split_at(lanes.len() / 2);
            lanes = low
                .iter()
                .zip(high)
                .map(|(&x, &y)| {
                    let both = self.program.var(self.program.vars[x]);
                    out.push(Stmt::Let(both, Expr::Binary(op, x, y)));
                    both
                })
                .collect();
        }
        lanes.first().copied()
    }
}

/// The place of one lane.
fn lane_of(place: &Place, lane: i64) -> Place {
    Place { buffer: place.buffer, index: place.index.plus_constant(lane * place.lane_stride), lane_stride: 1 }
}
