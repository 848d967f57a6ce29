//! Regions prepared for evaluation: values numbered, last uses found.
//!
//! That is done once per region however often it runs, so that an iteration of a loop costs what its instructions cost.

use std::collections::HashMap;
use std::rc::Rc;

use pullback_ir::{Function, Inst, Op, Region, Type, Value};

/// Where a frame keeps a value.
pub(crate) type Slot = usize;

/// A region ready to run.
pub(crate) struct Plan<'m> {
    /// For each parameter its place, `None` if nothing uses it.
    pub(crate) params: Vec<Option<Slot>>,
    pub(crate) steps: Vec<Step<'m>>,
    pub(crate) results: Vec<Slot>,
    /// How many places a frame needs.
    pub(crate) slots: usize,
}

/// An instruction ready to run.
pub(crate) struct Step<'m> {
    pub(crate) op: &'m Op,
    pub(crate) args: Vec<Slot>,
    /// For each result its type and its place, `None` if nothing uses it.
    pub(crate) results: Vec<(&'m Type, Option<Slot>)>,
    pub(crate) regions: Vec<Rc<Plan<'m>>>,
    /// The places of values that nothing uses afterwards.
    pub(crate) last: Vec<Slot>,
}

impl<'m> Plan<'m> {
    /// Prepares a region and those nested in it, which are at most `MAX_REGION_DEPTH` deep.
    pub(crate) fn new(function: &'m Function, region: Region) -> Rc<Self> {
        let data = function.region(region);
        let mut numbering = Numbering::new(function, &data.insts, &data.results);
        let params = data.params.iter().map(|&param| numbering.define(param)).collect();
        let mut steps: Vec<Step<'m>> = Vec::with_capacity(data.insts.len());
        for (index, &inst) in data.insts.iter().enumerate() {
            let results = function.inst_results(inst);
            steps.push(Step {
                op: function.op(inst),
                args: numbering.places(function.args(inst)),
                results: results.iter().map(|&value| (function.ty(value), numbering.define(value))).collect(),
                regions: function.inst_regions(inst).iter().map(|&nested| Self::new(function, nested)).collect(),
                last: numbering.dying(function.args(inst), index),
            });
        }
        let results = numbering.places(&data.results);
        Rc::new(Self { params, steps, results, slots: numbering.places.len() })
    }
}

struct Numbering {
    places: HashMap<Value, Slot>,
    /// For each value the index of the last instruction that uses it; what the region yields is used behind all.
    last_use: HashMap<Value, usize>,
}

impl Numbering {
    fn new(function: &Function, insts: &[Inst], results: &[Value]) -> Self {
        let mut last_use = HashMap::new();
        for (index, &inst) in insts.iter().enumerate() {
            last_use.extend(function.args(inst).iter().map(|&arg| (arg, index)));
        }
        last_use.extend(results.iter().map(|&result| (result, insts.len())));
        Self { places: HashMap::new(), last_use }
    }

    fn define(&mut self, value: Value) -> Option<Slot> {
        self.last_use.contains_key(&value).then(|| {
            let slot = self.places.len();
            self.places.insert(value, slot);
            slot
        })
    }

    /// The places of values, all defined in a verified module.
    fn places(&self, values: &[Value]) -> Vec<Slot> {
        values.iter().filter_map(|value| self.places.get(value).copied()).collect()
    }

    fn dying(&self, args: &[Value], index: usize) -> Vec<Slot> {
        let dying: Vec<Value> = args.iter().copied().filter(|arg| self.last_use.get(arg) == Some(&index)).collect();
        self.places(&dying)
    }
}
