//! Sets of columns, each kept once: an element of a tensor then carries a number.
//!
//! Elements often depend on the same columns, and unions repeat: both are looked up. Number 0 is the empty set.

use std::collections::HashMap;
use std::rc::Rc;

/// The number of a set.
pub(super) type Set = i64;

/// All sets met so far.
pub(super) struct Sets {
    sets: Vec<Rc<[u32]>>,
    numbers: HashMap<Rc<[u32]>, Set>,
    unions: HashMap<(Set, Set), Set>,
}

impl Sets {
    pub(super) fn new() -> Self {
        let mut sets = Self { sets: Vec::new(), numbers: HashMap::new(), unions: HashMap::new() };
        sets.number(Rc::new([]));
        sets
    }

    fn number(&mut self, set: Rc<[u32]>) -> Set {
        if let Some(&number) = self.numbers.get(&set) {
            return number;
        }
        let number = self.sets.len() as Set;
        self.sets.push(set.clone());
        self.numbers.insert(set, number);
        number
    }

    pub(super) fn single(&mut self, column: u32) -> Set {
        self.number(Rc::new([column]))
    }

    /// The columns of a set, increasing. Numbers are made here, so each has a set.
    pub(super) fn columns(&self, set: Set) -> &[u32] {
        usize::try_from(set).ok().and_then(|set| self.sets.get(set)).map_or(&[], |set| set)
    }

    pub(super) fn union(&mut self, a: Set, b: Set) -> Set {
        let (a, b) = (a.min(b), a.max(b));
        if a == b || a == 0 {
            return b;
        }
        if let Some(&known) = self.unions.get(&(a, b)) {
            return known;
        }
        let (x, y) = (self.columns(a), self.columns(b));
        let mut merged = Vec::with_capacity(x.len() + y.len());
        let (mut i, mut j) = (0, 0);
        while i < x.len() && j < y.len() {
            merged.push(x[i].min(y[j]));
            let next = merged[merged.len() - 1];
            i += usize::from(x[i] == next);
            j += usize::from(y[j] == next);
        }
        merged.extend_from_slice(&x[i..]);
        merged.extend_from_slice(&y[j..]);
        let number = self.number(merged.into());
        self.unions.insert((a, b), number);
        number
    }

    pub(super) fn union_all(&mut self, sets: impl Iterator<Item = Set>) -> Set {
        let mut seen: Vec<Set> = sets.collect();
        seen.sort_unstable();
        seen.dedup();
        // By halves, so that a long list costs n log n.
        while seen.len() > 1 {
            seen = seen.chunks(2).map(|pair| self.union(pair[0], pair[pair.len() - 1])).collect();
        }
        seen.first().copied().unwrap_or(0)
    }
}
