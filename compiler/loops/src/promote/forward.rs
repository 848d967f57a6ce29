//! From memory to variables.
//!
//! Each buffer that an iteration touches is of one of three kinds.
//!
//! * *Kept in variables*: stored to, always at positions that are the same in all iterations, never under a condition, and in pieces that do not overlap. A load gives
//!   the variable stored last. What an iteration loads before it stores there is a value carried by the loop, loaded once before and stored
//!   once behind it; what it only stores is stored once, at its end.
//! * *Only read*, at such positions: loaded once, before the loop.
//! * *In memory*, all others: rows of stacked arrays, positions known at run time. All stores stay where they are, but a load at a place whose
//!   element is at hand in a variable goes away; what is stored elsewhere in the buffer is forgotten unless it is known to be apart.

use std::collections::BTreeMap;

use cranelift_entity::{EntitySet, SecondaryMap};

use super::operands::{remove_unused, with_operands};
use super::simplify::{Facts, Simplified};
use super::{Access, accesses, accesses_by_buffer, are_apart, are_consistent};
use crate::program::{Buffer, Carried, Expr, If, Index, Place, Program, Stmt, Var, VarType};

/// A loop with its surroundings.
pub(super) struct Promoted {
    pub(super) before: Vec<Stmt>,
    pub(super) carried: Vec<Carried>,
    pub(super) body: Vec<Stmt>,
    pub(super) after: Vec<Stmt>,
}

/// Passes values in variables through the iterations of a loop with this body, in which there are no loops.
pub(super) fn forward(program: &mut Program, counter: Index, stmts: Vec<Stmt>) -> Promoted {
    let kinds = kinds(program, counter, &stmts);
    let mut walk = Walk {
        program,
        kinds,
        slots: BTreeMap::new(),
        known: Vec::new(),
        renamed: SecondaryMap::new(),
        facts: Facts::default(),
        out: Vec::new(),
    };
    for stmt in stmts {
        walk.stmt(stmt);
    }
    walk.finish()
}

/// Where the elements of a buffer are during the loop.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Variables,
    ReadOnly,
    Memory,
}

fn kinds(program: &Program, counter: Index, stmts: &[Stmt]) -> BTreeMap<Buffer, Kind> {
    let mut changing = EntitySet::new();
    changing.insert(counter);
    bound_counters(stmts, &mut changing);
    let by_buffer = accesses_by_buffer(program, stmts);
    by_buffer.into_iter().map(|(buffer, accesses)| (buffer, kind(&accesses, &changing))).collect()
}

fn kind(accesses: &[Access], changing: &EntitySet<Index>) -> Kind {
    let is_fixed = |access: &Access| access.place.index.terms.iter().all(|term| !changing.contains(term.0));
    if accesses.iter().any(|access| access.conditional || !is_fixed(access)) {
        return Kind::Memory;
    }
    if accesses.iter().all(|access| !access.is_store) {
        return Kind::ReadOnly;
    }
    let one_origin = accesses.windows(2).all(|pair| pair[0].place.index.terms == pair[1].place.index.terms);
    let lanes_apart = |access: &Access| access.ty.lanes == 1 || access.place.lane_stride != 0;
    if one_origin && accesses.iter().all(lanes_apart) && are_consistent(accesses) {
        return Kind::Variables;
    }
    Kind::Memory
}

fn bound_counters(stmts: &[Stmt], found: &mut EntitySet<Index>) {
    for stmt in stmts {
        match stmt {
            Stmt::Bind(bind) => {
                found.insert(bind.index);
            }
            Stmt::If(inner) => bound_counters(&inner.body, found),
            Stmt::For(inner) => bound_counters(&inner.body, found),
            Stmt::Let(..) | Stmt::Store(..) | Stmt::Gemm(_) | Stmt::Pack(_) | Stmt::Call(_) => {}
        }
    }
}

/// A piece of a buffer that is kept in variables.
struct Slot {
    place: Place,
    ty: VarType,
    /// What it holds when an iteration begins, if the iteration asks.
    begin: Option<Var>,
    /// What it holds now.
    now: Var,
    is_stored: bool,
}

/// Which piece: the buffer, the terms of its position (the same for all pieces that are stored to), and where it begins and how its lanes go on.
type Key = (Buffer, Vec<(Index, i64)>, (i64, u8, i64));

struct Walk<'p> {
    program: &'p mut Program,
    kinds: BTreeMap<Buffer, Kind>,
    slots: BTreeMap<Key, Slot>,
    /// Elements in memory that are at hand.
    known: Vec<(Place, VarType, Var)>,
    /// Variables that turned out to be others.
    renamed: SecondaryMap<Var, Option<Var>>,
    facts: Facts,
    out: Vec<Stmt>,
}

impl Walk<'_> {
    fn kind(&self, buffer: Buffer) -> Kind {
        self.kinds.get(&buffer).copied().unwrap_or(Kind::Memory)
    }

    fn var(&self, var: Var) -> Var {
        self.renamed[var].unwrap_or(var)
    }

    fn stmt(&mut self, stmt: Stmt) {
        match stmt {
            Stmt::Let(var, Expr::Load(place)) => self.load(var, place),
            Stmt::Let(var, expr) => {
                let expr = with_operands(&expr, |operand| self.var(operand));
                match self.facts.simplify(&self.program.vars, var, expr) {
                    Simplified::Same(other) => self.renamed[var] = Some(other),
                    Simplified::Expr(expr) => self.out.push(Stmt::Let(var, expr)),
                }
            }
            Stmt::Store(place, var) => self.store(place, var),
            Stmt::Bind(mut bind) => {
                bind.var = self.var(bind.var);
                self.out.push(Stmt::Bind(bind));
            }
            Stmt::If(inner) => self.conditional(*inner),
            // Loops are written out by now, and there are no calls.
            Stmt::For(_) | Stmt::Gemm(_) | Stmt::Pack(_) | Stmt::Call(_) => self.out.push(stmt),
        }
    }

    fn slot(&mut self, place: &Place, ty: VarType, var: Var, is_store: bool) -> &mut Slot {
        let shape = (place.index.offset, ty.lanes, place.lane_stride);
        let begin = (!is_store).then_some(var);
        self.slots.entry((place.buffer, place.index.terms.to_vec(), shape)).or_insert_with(|| Slot {
            place: place.clone(),
            ty,
            begin,
            now: var,
            is_stored: is_store,
        })
    }

    fn load(&mut self, var: Var, place: Place) {
        let ty = self.program.vars[var];
        let now = match self.kind(place.buffer) {
            Kind::Variables | Kind::ReadOnly => self.slot(&place, ty, var, false).now,
            Kind::Memory => match self.known.iter().find(|known| known.0 == place && known.1 == ty) {
                Some(known) => known.2,
                None => {
                    self.known.push((place.clone(), ty, var));
                    self.out.push(Stmt::Let(var, Expr::Load(place)));
                    return;
                }
            },
        };
        if now != var {
            self.renamed[var] = Some(now);
        }
    }

    fn store(&mut self, place: Place, var: Var) {
        let (var, ty) = (self.var(var), self.program.vars[var]);
        match self.kind(place.buffer) {
            Kind::Variables => {
                let slot = self.slot(&place, ty, var, true);
                (slot.now, slot.is_stored) = (var, true);
            }
            // What is only read is not stored to.
            Kind::Memory | Kind::ReadOnly => {
                self.known.retain(|(known, known_ty, _)| are_apart((known, *known_ty), (&place, ty)));
                if ty.lanes == 1 || place.lane_stride != 0 {
                    self.known.push((place.clone(), ty, var));
                }
                self.out.push(Stmt::Store(place, var));
            }
        }
    }

    /// Statements under a condition: what they touch is in memory. They may use what is at hand.
    fn conditional(&mut self, inner: If) {
        let condition = self.var(inner.condition);
        let mut touched = Vec::new();
        accesses(self.program, &inner.body, true, &mut touched);
        let mut body = inner.body;
        self.rename(&mut body);
        self.out.push(Stmt::If(Box::new(If { condition, body })));
        for access in touched.iter().filter(|access| access.is_store) {
            self.known.retain(|known| known.0.buffer != access.place.buffer);
        }
    }

    fn rename(&self, stmts: &mut [Stmt]) {
        for stmt in stmts {
            match stmt {
                Stmt::Let(_, expr) => *expr = with_operands(expr, |operand| self.var(operand)),
                Stmt::Store(_, var) => *var = self.var(*var),
                Stmt::Bind(bind) => bind.var = self.var(bind.var),
                Stmt::If(inner) => {
                    inner.condition = self.var(inner.condition);
                    self.rename(&mut inner.body);
                }
                Stmt::For(_) | Stmt::Gemm(_) | Stmt::Pack(_) | Stmt::Call(_) => {}
            }
        }
    }

    /// Loads before the loop, carried values, and stores behind it.
    fn finish(self) -> Promoted {
        let Self { program, slots, out: mut body, .. } = self;
        let (mut before, mut carried, mut after) = (Vec::new(), Vec::new(), Vec::new());
        for Slot { place, ty, begin, now, is_stored } in slots.into_values() {
            match (begin, is_stored) {
                (Some(begin), false) => before.push(Stmt::Let(begin, Expr::Load(place))),
                (Some(param), true) => {
                    let (init, result) = (program.var(ty), program.var(ty));
                    before.push(Stmt::Let(init, Expr::Load(place.clone())));
                    carried.push(Carried { param, init, next: now, result });
                    after.push(Stmt::Store(place, result));
                }
                (None, _) => body.push(Stmt::Store(place, now)),
            }
        }
        let mut used: EntitySet<Var> = EntitySet::new();
        used.extend(carried.iter().map(|carried| carried.next));
        remove_unused(&mut body, &mut used);
        before.retain(|stmt| match stmt {
            Stmt::Let(var, _) => used.contains(*var) || carried.iter().any(|carried| carried.init == *var),
            _ => true,
        });
        Promoted { before, carried, body, after }
    }
}
