//! Where values are in memory.
//!
//! A function is lowered with the places of its parameters and results given: for the program these are the caller's buffers, for the body of a loop
//! whatever the loop says, such as one row of a stacked array. A value that a region stores has a buffer in the arena, or, if the function returns it,
//! the place of that result itself. A reshape that is an alias shares its operand's place. What the function returns but no region stores
//! there (a parameter, a constant, a value that may not overwrite what is still read) is copied at the end.
//!
//! What may share a place is decided in `reuse`, what lies in a concatenation in `parts`.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use cranelift_entity::{EntitySet, SecondaryMap};
use pullback_ir::{DType, Function, Op, Value};
use pullback_optimize::fuse::{Plan, Role, aliased, role};

use super::layout::{axis_orders, row_strides};
use super::parts::InPlace;
use super::reuse::Reuse;
use super::stacks::Stacked;
use crate::error::Error;
use crate::program::{Affine, Buffer, BufferData, Program, Space};

/// Where the elements of a value are: a part of a buffer, which may depend on the counters of the loops around.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Location {
    /// The buffer.
    pub(super) buffer: Buffer,
    /// The position of the first element.
    pub(super) offset: Affine,
}

impl Location {
    /// A whole buffer.
    pub(super) fn whole(buffer: Buffer) -> Self {
        Self { buffer, offset: Affine::default() }
    }
}

/// Elements that are moved as they are.
pub(super) struct Copy {
    pub(super) from: Location,
    pub(super) to: Location,
    pub(super) elements: usize,
}

/// Where a function finds its parameters and leaves its results.
pub(super) struct Places {
    pub(super) params: Vec<Location>,
    pub(super) results: Vec<Location>,
}

/// Names of buffers, each given once in a program.
#[derive(Default)]
pub(super) struct Names(HashSet<Arc<str>>);

impl Names {
    /// Values without a name are called by their number, which a value's name may be by chance.
    fn unique(&mut self, base: &str) -> Arc<str> {
        let mut name: Arc<str> = base.into();
        while !self.0.insert(name.clone()) {
            name = format!("{name}_").into();
        }
        name
    }

    /// A new buffer.
    pub(super) fn buffer(
        &mut self,
        program: &mut Program,
        base: &str,
        (dtype, elements): (DType, usize),
        space: Space,
    ) -> Buffer {
        program.buffers.push(BufferData { name: self.unique(base), dtype, elements, space })
    }

    /// A new buffer for a value.
    pub(super) fn buffer_for(&mut self, f: &Function, program: &mut Program, value: Value, space: Space) -> Buffer {
        let number = match space {
            Space::Input(position) | Space::Output(position) => position,
            Space::Constant(_) | Space::Arena(_) | Space::Local(_) => value.as_u32() as usize,
        };
        let ty = f.ty(value);
        let name = f.value_name(value).map_or_else(|| format!("t{number}"), |name| name.to_string());
        self.buffer(program, &name, (ty.dtype, ty.elements()), space)
    }
}

/// The places of a function's values.
pub(super) struct Buffers {
    pub(super) of: SecondaryMap<Value, Option<Location>>,
    also: SecondaryMap<Value, Vec<Location>>,
    /// Of values of which there is a block, or whose rows are apart; empty for all others.
    pub(super) strides: SecondaryMap<Value, Vec<i64>>,
    /// In which order axes lie in memory, outermost first; empty if they are in order.
    orders: SecondaryMap<Value, Vec<usize>>,
    overwritten: Vec<Buffer>,
    /// The states of loops that are rows of stacks.
    pub(super) stacks: Vec<Stacked>,
    /// What is in its place before a region would store it.
    kept: EntitySet<Value>,
    /// What is left to do behind the last region, in order.
    pub(super) copies: Vec<Copy>,
}

impl Buffers {
    /// Finds a place for everything that has to be in memory, of `local` values for so many elements; offsets in the arena are given by the memory plan.
    pub(super) fn assign(
        function: &Function,
        plan: &Plan,
        places: &Places,
        local: &BTreeMap<Value, usize>,
        (names, program): (&mut Names, &mut Program),
    ) -> Result<Self, Error> {
        let overwritten = places.params.iter().map(|place| place.buffer).collect();
        let (of, also) = (SecondaryMap::new(), SecondaryMap::new());
        let (orders, strides) = (axis_orders(function, plan), row_strides(function));
        let (stacks, kept, copies) = (Vec::new(), EntitySet::new(), Vec::new());
        let mut buffers = Self { of, also, strides, orders, overwritten, stacks, kept, copies };
        for (&param, place) in function.params().iter().zip(&places.params) {
            buffers.of[param] = Some(place.clone());
        }
        let mut placed = buffers.place_stacks(function, plan, (names, program));
        buffers.kept = buffers.keep_beginnings(function, plan, places);
        placed.extend(buffers.kept.keys());
        let reuse = Reuse::new(function, plan, places, (&buffers.orders, &placed));
        for (value, results) in reuse.results {
            let mut results = results.into_iter().map(|position| places.results[position].clone());
            buffers.of[value] = results.next();
            buffers.also[value] = results.collect();
        }
        for InPlace { whole, parts, .. } in &reuse.in_place {
            let new = || Location::whole(names.buffer_for(function, program, *whole, Space::Arena(0)));
            let Location { buffer, offset } = buffers.of[*whole].get_or_insert_with(new).clone();
            for &(part, start) in parts {
                buffers.of[part] = Some(Location { buffer, offset: offset.plus_constant(start as i64) });
            }
        }
        for &inst in function.insts() {
            for &value in function.inst_results(inst) {
                let space = match (role(function, inst), function.op(inst)) {
                    (Role::Array, Op::Constant(literal)) => Space::Constant(literal.clone()),
                    (Role::Alias, _) => {
                        buffers.of[value] = aliased(function, value).and_then(|operand| buffers.of[operand].clone());
                        continue;
                    }
                    (_, _) if plan.stored.contains(value) => Space::Arena(0),
                    (_, _) => continue,
                };
                let head = reuse.heads[value].expand().unwrap_or(value);
                if buffers.of[head].is_none() {
                    let buffer = names.buffer_for(function, program, value, space);
                    let rows = buffers.strides[value].first().zip(function.ty(value).shape.extents().first().copied());
                    let elements = rows.map(|(&stride, rows)| rows * stride as usize);
                    if let Some(elements) = local.get(&value).copied().or(elements) {
                        program.buffers[buffer].elements = elements;
                    }
                    buffers.of[head] = Some(Location::whole(buffer));
                }
                if head != value {
                    buffers.of[value] = buffers.of[head].clone();
                }
                if reuse.replacing.contains(value) {
                    let place = buffers.of[value].iter().map(|place| place.buffer);
                    buffers.overwritten.extend(place);
                }
            }
        }
        buffers.copy_results(function, places, names, program)?;
        Ok(buffers)
    }

    /// Copies what is not where it is returned. All is read before any of it is overwritten.
    fn copy_results(
        &mut self,
        function: &Function,
        places: &Places,
        names: &mut Names,
        program: &mut Program,
    ) -> Result<(), Error> {
        let mut copies = Vec::new();
        for (position, (&result, to)) in function.results().iter().zip(&places.results).enumerate() {
            let message = || Error::Bug { stage: "lower", message: format!("result {position} is not in memory") };
            let from = self.of[result].clone().ok_or_else(message)?;
            let root = root(function, result);
            if from != *to && !self.also[root].contains(to) {
                let elements = function.ty(result).elements();
                copies.push(Copy { from, to: to.clone(), elements });
            }
        }
        let overwritten: Vec<Buffer> = copies.iter().map(|copy| copy.to.buffer).collect();
        let mut last = Vec::with_capacity(copies.len());
        for copy in copies {
            if !overwritten.contains(&copy.from.buffer) {
                last.push(copy);
                continue;
            }
            let dtype = program.buffers[copy.from.buffer].dtype;
            let aside = names.buffer(program, "aside", (dtype, copy.elements), Space::Arena(0));
            let aside = Location::whole(aside);
            self.copies.push(Copy { from: copy.from, to: aside.clone(), elements: copy.elements });
            last.push(Copy { from: aside, ..copy });
        }
        self.copies.extend(last);
        Ok(())
    }

    /// Lets a buffer hold a block of a value with these extents, of whose axes the first positions are these; others begin at 0.
    pub(super) fn place_block<'s>(
        &mut self,
        value: Value,
        extents: &[usize],
        starts: impl Iterator<Item = (usize, &'s Affine)>,
    ) {
        let strides = self.dense(value, extents);
        let offset = starts.fold(Affine::default(), |sum, (axis, start)| sum.plus(start, -strides[axis]));
        if let Some(location) = &mut self.of[value] {
            location.offset = offset;
            self.strides[value] = strides;
        }
    }

    /// Lets a value be in another buffer.
    pub(super) fn move_to(&mut self, value: Value, buffer: Buffer) {
        if let Some(location) = &mut self.of[value] {
            location.buffer = buffer;
        }
    }

    /// How far the axes of a value move in memory.
    pub(super) fn strides(&self, function: &Function, value: Value) -> Vec<i64> {
        if !self.strides[value].is_empty() {
            return self.strides[value].clone();
        }
        self.dense(value, &function.ty(value).shape.extents())
    }

    /// The same for an array of these extents by itself.
    fn dense(&self, value: Value, extents: &[usize]) -> Vec<i64> {
        let mut strides = vec![0; extents.len()];
        let order = &self.orders[value];
        let mut next = 1;
        for place in (0..extents.len()).rev() {
            let axis = order.get(place).copied().unwrap_or(place);
            strides[axis] = next;
            next *= extents[axis].max(1) as i64;
        }
        strides
    }

    /// The place of a value, if it is in memory.
    pub(super) fn get(&self, value: Value) -> Option<&Location> {
        self.of[value].as_ref()
    }

    /// Whether a value is in its place without being stored.
    pub(super) fn is_kept(&self, value: Value) -> bool {
        self.kept.contains(value)
    }

    /// Whether a value is in a buffer.
    pub(super) fn is_in(&self, value: Value, buffer: Buffer) -> bool {
        self.of[value].as_ref().is_some_and(|location| location.buffer == buffer)
    }

    /// Further places that the region which stores a value stores it to.
    pub(super) fn also(&self, value: Value) -> &[Location] {
        &self.also[value]
    }

    /// Whether what is stored there may take the place of something that the same region reads.
    pub(super) fn overwrites(&self, location: &Location) -> bool {
        self.overwritten.contains(&location.buffer)
    }

    /// Whether two values are in one place: storing one where the other is not stored over keeps the other's elements.
    pub(super) fn share(&self, one: Value, other: Value) -> bool {
        self.of[one].is_some() && self.of[one] == self.of[other]
    }
}

/// The value in whose memory a value is: itself, unless it is an alias.
pub(super) fn root(function: &Function, mut value: Value) -> Value {
    while let Some(operand) = aliased(function, value) {
        value = operand;
    }
    value
}
