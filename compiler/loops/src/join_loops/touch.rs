//! What statements touch, seen from the loop that is to be joined, and which order of two touches matters.

use std::collections::BTreeMap;

use crate::program::{Buffer, Expr, Index, Place, Program, Stmt, VarType};

/// What a part of a loop touches of a buffer, for all values of the counters in it.
#[derive(PartialEq, Eq)]
pub(super) struct Touch {
    buffer: Buffer,
    is_store: bool,
    /// Counters of the loops around, except the one that is looked at.
    around: Vec<(Index, i64)>,
    /// The coefficient of the counter of the loop that is looked at.
    coefficient: i64,
    /// The least and the greatest position, beside what these counters add.
    span: (i64, i64),
}

/// What statements touch, seen from the loop with a counter; `None` if there are other statements than assignments, stores and loops.
pub(super) fn touches(program: &Program, stmts: &[Stmt], counter: Option<Index>) -> Option<Vec<Touch>> {
    let mut found = Vec::new();
    collect(program, stmts, (counter, &mut BTreeMap::new()), &mut found)?;
    Some(found)
}

/// `inner`: the greatest value of each counter inside.
fn collect(
    program: &Program,
    stmts: &[Stmt],
    (counter, inner): (Option<Index>, &mut BTreeMap<Index, i64>),
    found: &mut Vec<Touch>,
) -> Option<()> {
    for stmt in stmts {
        match stmt {
            Stmt::Let(var, Expr::Load(place)) => {
                found.push(touch((place, program.vars[*var]), false, (counter, inner)));
            }
            Stmt::Let(..) => {}
            Stmt::Store(place, var) => found.push(touch((place, program.vars[*var]), true, (counter, inner))),
            Stmt::For(nested) => {
                inner.insert(nested.index, (nested.extent - nested.step).max(0));
                collect(program, &nested.body, (counter, inner), found)?;
            }
            Stmt::Bind(_) | Stmt::If(_) | Stmt::Gemm(_) | Stmt::Pack(_) | Stmt::Call(_) => return None,
        }
    }
    Some(())
}

fn touch(
    (place, ty): (&Place, VarType),
    is_store: bool,
    (counter, inner): (Option<Index>, &BTreeMap<Index, i64>),
) -> Touch {
    let (mut low, mut high) = (place.index.offset, place.index.offset);
    let mut extend = |distance: i64| {
        low += distance.min(0);
        high += distance.max(0);
    };
    extend(place.lane_stride * (i64::from(ty.lanes) - 1));
    let (mut around, mut coefficient) = (Vec::new(), 0);
    for &(index, factor) in &place.index.terms {
        match inner.get(&index) {
            _ if Some(index) == counter => coefficient = factor,
            Some(most) => extend(factor * most),
            None => around.push((index, factor)),
        }
    }
    Touch { buffer: place.buffer, is_store, around, coefficient, span: (low, high) }
}

impl Touch {
    /// The same for an iteration that runs up to `distance` further.
    pub(super) fn extend(&mut self, distance: i64) {
        let within = self.coefficient * distance;
        self.span = (self.span.0 + within.min(0), self.span.1 + within.max(0));
    }

    /// Whether two touches are of one buffer and one of them stores there.
    fn meets(&self, other: &Self) -> bool {
        self.buffer == other.buffer && (self.is_store || other.is_store)
    }

    /// Whether the distance between two touches is the same in every iteration.
    fn moves_with(&self, other: &Self) -> bool {
        self.around == other.around && self.coefficient == other.coefficient
    }
}

fn overlap(one: (i64, i64), other: (i64, i64)) -> bool {
    one.0 <= other.1 && other.0 <= one.1
}

/// Whether nothing that one part stores is touched by the other, both seen from no loop.
pub(super) fn are_independent(some: &[Touch], others: &[Touch]) -> bool {
    let apart = |one: &Touch, other: &Touch| one.moves_with(other) && !overlap(one.span, other.span);
    some.iter().all(|one| others.iter().all(|other| !one.meets(other) || apart(one, other)))
}

/// Whether the second part loads something that the first stores.
pub(super) fn passes_on(first: &[Touch], second: &[Touch]) -> bool {
    let is_passed = |one: &Touch, other: &Touch| {
        one.is_store
            && !other.is_store
            && one.buffer == other.buffer
            && (!one.moves_with(other) || overlap(one.span, other.span))
    };
    first.iter().any(|one| second.iter().any(|other| is_passed(one, other)))
}

/// Whether iterations of two loops, `step` apart, can take turns.
///
/// An iteration of the second must come behind the iterations of the first that touch what it touches: none of the later ones may. What it then loads must not have been stored
/// in parts just before: such a load waits until all these stores have left the core.
pub(super) fn can_take_turns(first: &[Touch], second: &[Touch], step: i64) -> bool {
    first.iter().all(|one| {
        second.iter().all(|other| {
            if !one.meets(other) {
                return true;
            }
            let forth = one.coefficient * step;
            let is_past = match forth.signum() {
                0 => !overlap(one.span, other.span),
                1 => one.span.0 + forth > other.span.1,
                _ => one.span.1 + forth < other.span.0,
            };
            one.moves_with(other) && is_past && (!one.is_store || other.is_store || loads_whole(one, other, forth))
        })
    })
}

/// Stores in so many iterations before may still be under way.
const UNDER_WAY: i64 = 32;

/// Whether what is loaded was stored by one store, by none, or within the very iteration; each iteration moves both by `forth`.
fn loads_whole(store: &Touch, load: &Touch, forth: i64) -> bool {
    let (first, last) = (store.span.0.min(load.span.0), store.span.1.max(load.span.1));
    last - first < forth.abs()
        || (0..UNDER_WAY).all(|before| {
            let stored = (store.span.0 - before * forth, store.span.1 - before * forth);
            !overlap(stored, load.span) || stored.0 <= load.span.0 && load.span.1 <= stored.1
        })
}
