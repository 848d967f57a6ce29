//! What operands of products are one after the other.

use cranelift_entity::SecondaryMap;
use pullback_ir::{Function, Op, Shape, Value};

use crate::rows::Rows;

/// Rows that are put together, or were.
pub(super) struct Join {
    /// The values whose rows follow each other.
    pub(super) parts: Vec<Value>,
    /// The extents of all, the first being that of all together.
    pub(super) shape: Shape,
    /// The concatenation, if it is there already.
    pub(super) there: Option<Value>,
    /// The number of the last instruction that has to come before.
    position: usize,
}

/// Where elements are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Of {
    Value(Value),
    /// A join by its number.
    Join(usize),
}

/// The elements `start..start + elements` of something.
#[derive(Clone, Copy)]
struct Range {
    of: Of,
    start: usize,
    elements: usize,
}

/// Where the rows of a merged operand are.
pub(super) enum Source {
    /// A slice of a value.
    Rows(Rows),
    /// Elements of a join, from one on.
    Join(usize, usize),
}

/// A merged operand.
pub(super) struct Joined {
    pub(super) source: Source,
    pub(super) shape: Shape,
}

/// All joins of a function, planned ones too.
pub(super) struct Joins {
    pub(super) all: Vec<Join>,
    /// For a part the join it is in, and its first element there.
    of_part: SecondaryMap<Value, Option<(usize, usize)>>,
    /// The numbers of the instructions that define values, from 1 on; 0 for parameters.
    positions: SecondaryMap<Value, usize>,
}

impl Joins {
    /// The concatenations of rows that are there.
    pub(super) fn of(function: &Function) -> Self {
        let mut joins = Self { all: Vec::new(), of_part: SecondaryMap::new(), positions: SecondaryMap::new() };
        for (number, &inst) in function.insts().iter().enumerate() {
            for &result in function.inst_results(inst) {
                joins.positions[result] = number + 1;
            }
            if let (Op::Concatenate { axis: 0 }, &[result]) = (function.op(inst), function.inst_results(inst)) {
                let shape = function.ty(result).shape.clone();
                joins.add(function, (function.args(inst).to_vec(), shape), Some(result));
            }
        }
        joins
    }

    fn add(&mut self, function: &Function, (parts, shape): (Vec<Value>, Shape), there: Option<Value>) -> usize {
        let number = self.all.len();
        let mut start = 0;
        for &part in &parts {
            let rows = Rows::of(function, part);
            let is_whole = rows.elements == function.ty(rows.of).elements();
            if is_whole && self.of_part[rows.of].is_none() {
                self.of_part[rows.of] = Some((number, start));
            }
            start += rows.elements;
        }
        let position = there.map_or_else(
            || parts.iter().map(|&part| self.positions[part]).max().unwrap_or(0),
            |value| self.positions[value],
        );
        self.all.push(Join { parts, shape, there, position });
        number
    }

    /// The number of the instruction that defines a value, from 1 on.
    pub(super) fn position(&self, value: Value) -> usize {
        self.positions[value]
    }

    /// Where an operand is, if a join that is allowed has it there.
    fn in_join(&self, function: &Function, value: Value, allowed: &dyn Fn(&Join) -> bool) -> Option<Range> {
        let rows = Rows::of(function, value);
        let (join, start) = self.of_part[rows.of].filter(|&(join, _)| allowed(&self.all[join]))?;
        Some(Range { of: Of::Join(join), start: start + rows.start, elements: rows.elements })
    }

    /// A key by which operands are in an order in which they may follow each other; none if no order makes them.
    pub(super) fn order(
        &self,
        function: &Function,
        operands: &[Value],
        allowed: &dyn Fn(&Join) -> bool,
    ) -> Option<Vec<usize>> {
        let same = |ranges: Vec<Range>| {
            let first = ranges.first()?.of;
            ranges.iter().all(|range| range.of == first).then(|| ranges.iter().map(|range| range.start).collect())
        };
        let direct = operands.iter().map(|&operand| {
            let Rows { of, start, elements } = Rows::of(function, operand);
            Range { of: Of::Value(of), start, elements }
        });
        same(direct.collect()).or_else(|| {
            same(operands.iter().map(|&value| self.in_join(function, value, allowed)).collect::<Option<_>>()?)
        })
    }

    /// The operands one after the other: where they are already, if they are.
    pub(super) fn join(
        &mut self,
        function: &Function,
        operands: Vec<Value>,
        shape: Shape,
        allowed: &dyn Fn(&Join) -> bool,
    ) -> Joined {
        let rows = Rows::joined(operands.iter().map(|&operand| Rows::of(function, operand)));
        if let Some(rows) = rows.filter(|rows| rows.slice(function.ty(rows.of)).is_some()) {
            return Joined { source: Source::Rows(rows), shape };
        }
        let ranges = operands.iter().map(|&operand| self.in_join(function, operand, allowed));
        if let Some(ranges) = ranges.collect::<Option<Vec<_>>>()
            && let Some(&Range { of: Of::Join(join), start, .. }) = ranges.first()
            && ranges.windows(2).all(|two| two[1].of == two[0].of && two[1].start == two[0].start + two[0].elements)
            && self.all[join].has_rows_from(start, shape.elements())
        {
            return Joined { source: Source::Join(join, start), shape };
        }
        let join = self.add(function, (operands, shape.clone()), None);
        Joined { source: Source::Join(join, 0), shape }
    }

    /// The values that have to be there for a merged operand.
    pub(super) fn needed<'j>(&'j self, joined: &'j Joined) -> &'j [Value] {
        match &joined.source {
            Source::Rows(rows) => std::slice::from_ref(&rows.of),
            Source::Join(number, _) => match &self.all[*number] {
                Join { there: Some(value), .. } => std::slice::from_ref(value),
                Join { parts, .. } => parts,
            },
        }
    }
}

impl Join {
    /// Whether so many elements from one on are whole rows.
    fn has_rows_from(&self, start: usize, elements: usize) -> bool {
        let row = self.shape.extents().iter().skip(1).product();
        [start, elements].into_iter().all(|count| count.checked_rem(row) == Some(0))
    }

    /// Whether all that is joined is there before the instruction with this number.
    pub(super) const fn is_before(&self, position: usize) -> bool {
        self.position < position
    }
}
