//! Functions and modules: flat arenas of values, instructions and regions.
//!
//! Instructions live in the order lists of [`RegionData`]; an instruction outside every list is dead and never seen by
//! anyone. The arenas only grow: passes build a new function (see [`crate::rewrite`]) instead of editing one in place,
//! which keeps values in order of definition and makes every pass a plain function from IR to IR.

use std::collections::BTreeMap;
use std::sync::Arc;

use cranelift_entity::{EntityList, ListPool, PrimaryMap, SecondaryMap};

use crate::entities::{FuncId, Inst, Region, Value};
use crate::op::Op;
use crate::provenance::Provenance;
use crate::types::Type;

/// An instruction. Its lists are in the pools of its function.
#[derive(Clone, Debug)]
pub struct InstData {
    /// Operation and attributes.
    pub op: Op,
    pub(crate) args: EntityList<Value>,
    pub(crate) results: EntityList<Value>,
    pub(crate) regions: EntityList<Region>,
}

/// Parameters, instructions and results of a region.
#[derive(Clone, Debug, Default)]
pub struct RegionData {
    /// Values defined at the region's entry.
    pub params: Vec<Value>,
    /// Instructions in order of execution.
    pub insts: Vec<Inst>,
    /// The values that the region yields; for a body, what the function returns.
    pub results: Vec<Value>,
}

/// What defines a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ValueDef {
    /// The parameter of a region at a position.
    Param(Region, usize),
    /// The result of an instruction at a position.
    Result(Inst, usize),
}

#[derive(Clone, Debug)]
struct ValueData {
    ty: Type,
    def: ValueDef,
}

/// A function: a name and a body.
#[derive(Clone, Debug)]
pub struct Function {
    /// The name, without `@`.
    pub name: Arc<str>,
    body: Region,
    regions: PrimaryMap<Region, RegionData>,
    insts: PrimaryMap<Inst, InstData>,
    values: PrimaryMap<Value, ValueData>,
    names: SecondaryMap<Value, Option<Arc<str>>>,
    provenance: SecondaryMap<Inst, Provenance>,
    value_lists: ListPool<Value>,
    region_lists: ListPool<Region>,
}

impl Function {
    /// A function without parameters, instructions or results.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        let mut regions = PrimaryMap::new();
        let body = regions.push(RegionData::default());
        Self {
            name: name.into(),
            body,
            regions,
            insts: PrimaryMap::new(),
            values: PrimaryMap::new(),
            names: SecondaryMap::new(),
            provenance: SecondaryMap::new(),
            value_lists: ListPool::new(),
            region_lists: ListPool::new(),
        }
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &RegionData {
        &self.regions[self.body]
    }

    /// The body's region.
    #[must_use]
    pub const fn body_region(&self) -> Region {
        self.body
    }

    /// The parameters.
    #[must_use]
    pub fn params(&self) -> &[Value] {
        &self.body().params
    }

    /// The values returned.
    #[must_use]
    pub fn results(&self) -> &[Value] {
        &self.body().results
    }

    /// The instructions of the body in order, without those nested in regions.
    #[must_use]
    pub fn insts(&self) -> &[Inst] {
        &self.body().insts
    }

    /// Types of the parameters.
    pub fn param_types(&self) -> impl Iterator<Item = &Type> {
        self.params().iter().map(|&value| self.ty(value))
    }

    /// Types of the values returned.
    pub fn result_types(&self) -> impl Iterator<Item = &Type> {
        self.results().iter().map(|&value| self.ty(value))
    }

    /// A region.
    #[must_use]
    pub fn region(&self, region: Region) -> &RegionData {
        &self.regions[region]
    }

    /// An instruction.
    #[must_use]
    pub fn inst(&self, inst: Inst) -> &InstData {
        &self.insts[inst]
    }

    /// The operation of an instruction.
    #[must_use]
    pub fn op(&self, inst: Inst) -> &Op {
        &self.insts[inst].op
    }

    /// The operands of an instruction.
    #[must_use]
    pub fn args(&self, inst: Inst) -> &[Value] {
        self.insts[inst].args.as_slice(&self.value_lists)
    }

    /// The results of an instruction.
    #[must_use]
    pub fn inst_results(&self, inst: Inst) -> &[Value] {
        self.insts[inst].results.as_slice(&self.value_lists)
    }

    /// The regions nested in an instruction.
    #[must_use]
    pub fn inst_regions(&self, inst: Inst) -> &[Region] {
        self.insts[inst].regions.as_slice(&self.region_lists)
    }

    /// The type of a value.
    #[must_use]
    pub fn ty(&self, value: Value) -> &Type {
        &self.values[value].ty
    }

    /// What defines a value.
    #[must_use]
    pub fn def(&self, value: Value) -> ValueDef {
        self.values[value].def
    }

    /// The instruction that defines a value, `None` for a parameter.
    #[must_use]
    pub fn def_inst(&self, value: Value) -> Option<Inst> {
        match self.def(value) {
            ValueDef::Result(inst, _) => Some(inst),
            ValueDef::Param(..) => None,
        }
    }

    /// Whether `value` is an index of this function's arena.
    #[must_use]
    pub fn has_value(&self, value: Value) -> bool {
        self.values.is_valid(value)
    }

    /// The number of values in the arena, dead ones included.
    #[must_use]
    pub fn value_count(&self) -> usize {
        self.values.len()
    }

    /// The number of instructions in the arena, dead ones included.
    #[must_use]
    pub fn inst_count(&self) -> usize {
        self.insts.len()
    }

    /// The name the user or a pass gave a value.
    #[must_use]
    pub fn value_name(&self, value: Value) -> Option<&Arc<str>> {
        self.names[value].as_ref()
    }

    /// Where an instruction came from.
    #[must_use]
    pub fn provenance(&self, inst: Inst) -> &Provenance {
        &self.provenance[inst]
    }

    // What follows edits. It is for the builder and the parser, which keep the invariants.

    pub(crate) fn push_region(&mut self) -> Region {
        self.regions.push(RegionData::default())
    }

    pub(crate) fn push_param(&mut self, region: Region, ty: Type) -> Value {
        let position = self.regions[region].params.len();
        let value = self.values.push(ValueData { ty, def: ValueDef::Param(region, position) });
        self.regions[region].params.push(value);
        value
    }

    pub(crate) fn push_inst(
        &mut self,
        region: Region,
        op: Op,
        args: &[Value],
        regions: &[Region],
        result_types: Vec<Type>,
        provenance: Provenance,
    ) -> Inst {
        let args = EntityList::from_slice(args, &mut self.value_lists);
        let regions = EntityList::from_slice(regions, &mut self.region_lists);
        let inst = self.insts.push(InstData { op, args, results: EntityList::new(), regions });
        let mut results = EntityList::new();
        for (position, ty) in result_types.into_iter().enumerate() {
            let value = self.values.push(ValueData { ty, def: ValueDef::Result(inst, position) });
            results.push(value, &mut self.value_lists);
        }
        self.insts[inst].results = results;
        self.provenance[inst] = provenance;
        self.regions[region].insts.push(inst);
        inst
    }

    pub(crate) fn set_results(&mut self, region: Region, results: &[Value]) {
        self.regions[region].results = results.to_vec();
    }

    pub(crate) fn set_value_name(&mut self, value: Value, name: Option<Arc<str>>) {
        self.names[value] = name;
    }
}

/// Functions that may call each other.
#[derive(Clone, Debug, Default)]
pub struct Module {
    functions: PrimaryMap<FuncId, Function>,
    by_name: BTreeMap<Arc<str>, FuncId>,
    /// The next number to append to a name that is taken.
    next_number: BTreeMap<Arc<str>, usize>,
}

impl Module {
    /// A module without functions.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a function. If its name is taken, a number is appended to it.
    pub fn add(&mut self, mut function: Function) -> FuncId {
        if self.by_name.contains_key(&function.name) {
            let base = function.name.clone();
            let number = self.next_number.entry(base.clone()).or_insert(1);
            while self.by_name.contains_key(&function.name) {
                function.name = format!("{base}_{number}").into();
                *number += 1;
            }
        }
        let name = function.name.clone();
        let id = self.functions.push(function);
        self.by_name.insert(name, id);
        id
    }

    /// Puts another body in the place of a function, which keeps its name.
    pub fn replace(&mut self, id: FuncId, mut function: Function) {
        function.name = self.functions[id].name.clone();
        self.functions[id] = function;
    }

    /// The function of that name, without `@`.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<FuncId> {
        self.by_name.get(name).copied()
    }

    /// A function.
    #[must_use]
    pub fn function(&self, id: FuncId) -> &Function {
        &self.functions[id]
    }

    /// Whether `id` names a function of this module.
    #[must_use]
    pub fn has(&self, id: FuncId) -> bool {
        self.functions.is_valid(id)
    }

    /// All functions in order of addition.
    pub fn functions(&self) -> impl Iterator<Item = (FuncId, &Function)> {
        self.functions.iter()
    }

    /// The number of functions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.functions.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.functions.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instruction_is_at_most_five_words() {
        assert!(size_of::<InstData>() <= 40, "{} bytes", size_of::<InstData>());
    }
}
