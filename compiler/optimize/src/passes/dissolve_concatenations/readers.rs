//! Which concatenations are dissolved, and where their readers are cut.

use std::collections::{BTreeMap, BTreeSet};

use cranelift_entity::{EntitySet, SecondaryMap};
use pullback_ir::{Binary, Function, Inst, Op, Unary, Value};

use crate::passes::part::Part;

/// Smaller arrays stay where they are near.
const MIN_BYTES: usize = 2048;

/// The most pieces of a reader.
const MAX_PIECES: usize = 4;

/// The most readers of a concatenation: each computes it anew.
const MAX_READERS: usize = 4;

/// The most operations between a concatenation and all its readers.
const MAX_BETWEEN: usize = 64;

/// Where a reader is cut.
#[derive(Clone, Default)]
pub(super) struct Cuts {
    pub(super) axis: usize,
    at: BTreeSet<usize>,
}

impl Cuts {
    /// The parts of a value that is cut so.
    pub(super) fn parts(&self, function: &Function, value: Value) -> Vec<Part> {
        let whole = Part::whole(&function.ty(value).shape.extents());
        let end = whole.range(self.axis).map_or(0, |(_, end)| end);
        let starts = std::iter::once(0).chain(self.at.iter().copied());
        let limits = self.at.iter().copied().chain(std::iter::once(end));
        starts.zip(limits).map(|(start, limit)| whole.along(self.axis, start, limit)).collect()
    }
}

/// What is dissolved.
#[derive(Default)]
pub(super) struct Dissolved {
    /// What reads it and is stored, with its cuts.
    pub(super) readers: BTreeMap<Inst, Cuts>,
    /// It, and what is on the way to its readers.
    pub(super) reading: EntitySet<Value>,
    /// Its operands that are computed once more for each reader.
    pub(super) cheap: EntitySet<Value>,
}

impl Dissolved {
    pub(super) fn of(function: &Function) -> Self {
        let level = Level::of(function);
        let mut dissolved = Self::default();
        for &inst in function.insts() {
            if let Some(found) = level.concatenation(inst) {
                dissolved.add(&level, found);
            }
        }
        dissolved
    }

    /// Adds a concatenation unless its readers would be cut along two axes, or too often.
    fn add(&mut self, level: &Level<'_>, found: Found) {
        let mut readers = self.readers.clone();
        for (reader, at) in &found.readers {
            let cuts = readers.entry(*reader).or_insert_with(|| Cuts { axis: found.axis, at: BTreeSet::new() });
            cuts.at.extend(at);
            if cuts.axis != found.axis || cuts.at.len() >= MAX_PIECES {
                return;
            }
        }
        self.readers = readers;
        self.reading.extend(found.reading);
        self.cheap.extend(level.function.args(found.inst).iter().copied().filter(|&part| !level.is_stored(part)));
    }
}

/// A concatenation that can be dissolved.
struct Found {
    inst: Inst,
    axis: usize,
    /// What reads it, and where that is cut.
    readers: BTreeMap<Inst, BTreeSet<usize>>,
    reading: Vec<Value>,
}

struct Level<'a> {
    function: &'a Function,
    users: SecondaryMap<Value, Vec<Inst>>,
    results: EntitySet<Value>,
}

impl<'a> Level<'a> {
    fn of(function: &'a Function) -> Self {
        let mut users: SecondaryMap<Value, Vec<Inst>> = SecondaryMap::new();
        for &inst in function.insts() {
            for &arg in function.args(inst) {
                users[arg].push(inst);
            }
        }
        let mut results = EntitySet::new();
        results.extend(function.results().iter().copied());
        Self { function, users, results }
    }

    fn concatenation(&self, inst: Inst) -> Option<Found> {
        let (&Op::Concatenate { axis }, &[value]) = (self.function.op(inst), self.function.inst_results(inst)) else {
            return None;
        };
        let parts = self.function.args(inst);
        // Columns would be computed a few at a time.
        let follow = self.function.ty(value).shape.extents().iter().take(axis).all(|&extent| extent == 1);
        let large = self.function.ty(value).bytes() >= MIN_BYTES && !self.results.contains(value);
        if !large || !follow || !parts.iter().all(|&part| self.is_stored(part) || self.is_cheap(part)) {
            return None;
        }
        let limits = operands(self.function, inst, axis).filter_map(|(_, place)| Some(place.range(axis)?.1));
        let mut cuts: BTreeSet<usize> = limits.collect();
        cuts.pop_last();
        cuts.remove(&0);
        let mut found = Found { inst, axis, readers: BTreeMap::new(), reading: vec![value] };
        let mut work = vec![(value, cuts)];
        while let Some((value, cuts)) = work.pop() {
            for &user in &self.users[value] {
                let &[result] = self.function.inst_results(user) else { return None };
                let (stored, uses) = (self.results.contains(result), self.users[result].len());
                if let (Some(place), false) = (reads_at(self.function, user), stored) {
                    let (start, limit) = place.range(axis)?;
                    let inside = cuts.iter().filter(|&&at| start < at && at < limit).map(|at| at - start);
                    work.push((result, inside.collect()));
                } else if !self.function.op(user).is_elementwise() || self.other_shapes(user) {
                    return None;
                } else if stored {
                    found.readers.entry(user).or_default().extend(&cuts);
                    continue;
                } else if uses <= 1 {
                    work.push((result, cuts.clone()));
                } else {
                    return None;
                }
                found.reading.push(result);
            }
            if found.reading.len() > MAX_BETWEEN {
                return None;
            }
        }
        (1..=MAX_READERS).contains(&found.readers.len()).then_some(found)
    }

    /// Whether an operand has another shape than the result.
    fn other_shapes(&self, inst: Inst) -> bool {
        let shape = |value: Value| &self.function.ty(value).shape;
        let results = self.function.inst_results(inst);
        self.function.args(inst).iter().any(|&arg| results.iter().any(|&result| shape(arg) != shape(result)))
    }

    /// Whether a value is in memory, or costs nothing.
    fn is_stored(&self, value: Value) -> bool {
        let Some(inst) = self.function.def_inst(value) else { return true };
        let viewed = match self.function.op(inst) {
            Op::Constant(literal) => return literal.as_splat().is_some(),
            Op::Slice(_) => self.function.args(inst),
            _ => &[],
        };
        self.results.contains(value)
            || viewed.iter().any(|&x| self.function.def_inst(x).is_none() || self.results.contains(x))
    }

    /// Whether a value is one operation on what is in memory that takes no longer than to load its result.
    fn is_cheap(&self, value: Value) -> bool {
        let Some(inst) = self.function.def_inst(value) else { return false };
        let quick = matches!(
            self.function.op(inst),
            Op::Unary(Unary::Neg | Unary::Abs)
                | Op::Binary(Binary::Add | Binary::Sub | Binary::Mul | Binary::Max | Binary::Min)
        );
        quick && !self.other_shapes(inst) && self.function.args(inst).iter().all(|&arg| self.is_stored(arg))
    }
}

/// The operands of a concatenation, and where each is.
pub(super) fn operands(function: &Function, inst: Inst, axis: usize) -> impl Iterator<Item = (Value, Part)> {
    let mut start = 0;
    function.args(inst).iter().map(move |&operand| {
        let part = Part::whole(&function.ty(operand).shape.extents());
        let end = start + part.range(axis).map_or(0, |(_, end)| end);
        let place = part.along(axis, start, end);
        start = end;
        (operand, place)
    })
}

/// Which part of its operand a slice without strides is, if an instruction is one.
pub(super) fn reads_at(function: &Function, inst: Inst) -> Option<Part> {
    match function.op(inst) {
        Op::Slice(spec) if spec.stride.iter().all(|&stride| stride == 1) => {
            Some(Part { start: spec.start.to_vec(), limit: spec.limit.to_vec() })
        }
        _ => None,
    }
}
