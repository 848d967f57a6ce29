//! Regions as functions, and functions as regions.
//!
//! Regions are closed: they use their parameters and what they define, nothing else. So a region can be taken out as a [`Function`], worked on
//! by any pass, and put back into another function, with names made unique there. This is how every pass reaches nested code: no pass knows
//! more than one level.

use std::sync::Arc;

use cranelift_entity::SecondaryMap;
use cranelift_entity::packed_option::PackedOption;

use crate::entities::{Inst, Region, Value};
use crate::function::{Function, Module};
use crate::types::Type;

/// The types that a region takes and yields.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RegionType {
    /// Types of the parameters.
    pub params: Vec<Type>,
    /// Types of the values yielded.
    pub results: Vec<Type>,
}

impl Function {
    /// What a region takes and yields.
    #[must_use]
    pub fn region_type(&self, region: Region) -> RegionType {
        let types = |values: &[Value]| values.iter().map(|&value| self.ty(value).clone()).collect();
        let data = self.region(region);
        RegionType { params: types(&data.params), results: types(&data.results) }
    }

    /// What the regions of an instruction take and yield.
    #[must_use]
    pub fn region_types(&self, inst: Inst) -> Vec<RegionType> {
        self.inst_regions(inst).iter().map(|&region| self.region_type(region)).collect()
    }

    /// A copy of a region as a function of that name, with the names and provenance of its values and instructions.
    #[must_use]
    pub fn region_function(&self, region: Region, name: &str) -> Self {
        let mut function = Self::new(name);
        let body = function.body_region();
        Copier { from: self, map: SecondaryMap::new() }.region(region, &mut function, body, &mut |name| name.clone());
        function
    }

    /// The regions of an instruction as functions, named `<function>.<label>`.
    #[must_use]
    pub fn region_functions(&self, inst: Inst) -> Vec<Self> {
        let op = self.op(inst);
        let regions = self.inst_regions(inst).iter().enumerate();
        regions
            .map(|(position, &region)| {
                self.region_function(region, &format!("{}.{}", self.name, op.region_label(position)))
            })
            .collect()
    }

    /// Appends a copy of the body of `function` as a region; `rename` makes names unique here.
    pub(crate) fn embed(&mut self, function: &Self, rename: &mut impl FnMut(&Arc<str>) -> Arc<str>) -> Region {
        let region = self.push_region();
        Copier { from: function, map: SecondaryMap::new() }.region(function.body_region(), self, region, rename);
        region
    }

    /// How deep regions nest: 0 without regions.
    #[must_use]
    pub fn region_depth(&self) -> usize {
        self.depth_below(self.body_region(), 0)
    }

    /// Counts no deeper than a cycle of regions, which only a bug makes, could lead.
    fn depth_below(&self, region: Region, depth: usize) -> usize {
        if depth > crate::op::MAX_REGION_DEPTH {
            return 0;
        }
        let insts = self.region(region).insts.iter();
        let nested = insts.flat_map(|&inst| self.inst_regions(inst));
        nested.map(|&region| 1 + self.depth_below(region, depth + 1)).max().unwrap_or(0)
    }

    /// All instructions, those of regions included, in order of the text: an instruction, then what its regions hold.
    #[must_use]
    pub fn all_insts(&self) -> Vec<Inst> {
        let mut found = Vec::with_capacity(self.inst_count());
        let mut stack: Vec<std::slice::Iter<'_, Inst>> = vec![self.insts().iter()];
        while let Some(top) = stack.last_mut() {
            let Some(&inst) = top.next() else {
                stack.pop();
                continue;
            };
            found.push(inst);
            for &region in self.inst_regions(inst).iter().rev() {
                stack.push(self.region(region).insts.iter());
            }
        }
        found
    }
}

/// The number of instructions of a function and of its regions.
#[must_use]
pub fn inst_total(function: &Function) -> usize {
    function.all_insts().len()
}

struct Copier<'a> {
    from: &'a Function,
    map: SecondaryMap<Value, PackedOption<Value>>,
}

impl Copier<'_> {
    fn region(
        &mut self,
        source: Region,
        to: &mut Function,
        target: Region,
        rename: &mut impl FnMut(&Arc<str>) -> Arc<str>,
    ) {
        let data = self.from.region(source);
        for &param in &data.params {
            let copy = to.push_param(target, self.from.ty(param).clone());
            self.define(param, copy, to, rename);
        }
        for &inst in &data.insts {
            let regions: Vec<Region> = self.from.inst_regions(inst).to_vec();
            let regions: Vec<Region> = regions
                .into_iter()
                .map(|nested| {
                    let copy = to.push_region();
                    self.region(nested, to, copy, rename);
                    copy
                })
                .collect();
            let args = self.values(self.from.args(inst));
            let types = self.from.inst_results(inst).iter().map(|&result| self.from.ty(result).clone()).collect();
            let provenance = self.from.provenance(inst).clone();
            let copy = to.push_inst(target, self.from.op(inst).clone(), &args, &regions, types, provenance);
            let results = to.inst_results(copy).to_vec();
            for (&old, new) in self.from.inst_results(inst).iter().zip(results) {
                self.define(old, new, to, rename);
            }
        }
        to.set_results(target, &self.values(&data.results));
    }

    fn define(&mut self, old: Value, new: Value, to: &mut Function, rename: &mut impl FnMut(&Arc<str>) -> Arc<str>) {
        if let Some(name) = self.from.value_name(old) {
            let name = rename(name);
            to.set_value_name(new, Some(name));
        }
        self.map[old] = new.into();
    }

    /// What values became. One that is not defined in the region stays as it is, for the verifier to find.
    fn values(&self, values: &[Value]) -> Vec<Value> {
        values.iter().map(|&value| self.map[value].expand().unwrap_or(value)).collect()
    }
}

/// Whether any function of the module has a region.
#[must_use]
pub fn has_regions(module: &Module) -> bool {
    module.functions().any(|(_, function)| function.region_depth() > 0)
}
