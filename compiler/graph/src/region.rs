//! Regions: how a closure becomes the body of a loop or a branch.
//!
//! In the tensor IR a region is closed: it sees its parameters and nothing else. A user's closure is not: it uses whatever
//! tensors are in sight. The graph therefore has one list of instructions for the function and all regions, and remembers for
//! each value the *frame* in which it was made, the body or a region being traced. While a closure runs, what it appends belongs
//! to the innermost open frame. When it returns, its instructions are copied into a function of their own; the values they use
//! that are not of that frame are the ones it *captures*, and become operands and parameters, once each. A nested region's
//! operands are uses in the frame around it, so capturing works through any depth without further ado. Small constants are
//! repeated inside rather than passed in.
//!
//! A tensor may be used as long as its frame is open: by everything that is traced within it.

use std::collections::{HashMap, HashSet};

use cranelift_entity::SecondaryMap;
use pullback_ir::op::MAX_REGION_DEPTH;
use pullback_ir::rewrite::{ValueMap, copy_inst};
use pullback_ir::{Builder, Function, Inst, Op, Origin, Type, Value};

use crate::graph::Graph;
use crate::tensor::Tensor;

/// The number of a frame; 0 is the body of the function.
type Frame = u32;

/// What belongs to which frame.
#[derive(Default)]
pub(crate) struct Regions {
    opened: Frame,
    /// Innermost last; the body is not listed.
    open: Vec<Frame>,
    insts: SecondaryMap<Inst, Frame>,
    values: SecondaryMap<Value, Frame>,
    /// Names of values of regions, which the builder must not know: it would number those of the copy.
    names: HashMap<Value, String>,
    /// What parameters of regions are called unless they get a name.
    hints: HashMap<Value, String>,
}

impl Regions {
    pub(crate) fn is_body(&self, value: Value) -> bool {
        self.values[value] == 0
    }

    pub(crate) fn is_in_body(&self, inst: Inst) -> bool {
        self.insts[inst] == 0
    }

    /// Puts the last instruction, with these results, into the innermost frame.
    pub(crate) fn place(&mut self, function: &Function, results: &[Value]) {
        let Some(&frame) = self.open.last() else { return };
        if let Some(&inst) = function.insts().last() {
            self.insts[inst] = frame;
        }
        for &result in results {
            self.values[result] = frame;
        }
    }

    pub(crate) fn name(&self, value: Value) -> Option<&str> {
        self.names.get(&value).or_else(|| self.hints.get(&value)).map(String::as_str)
    }
}

/// A region being traced.
#[must_use]
pub(crate) struct Open {
    frame: Frame,
    first: usize,
    params: Vec<Value>,
}

/// A region that was traced.
pub(crate) struct Closed {
    frame: Frame,
    /// Its own instructions, without those of regions within.
    insts: Vec<Inst>,
    pub(crate) params: Vec<Value>,
    pub(crate) results: Vec<Value>,
}

impl Graph<'_> {
    pub(crate) fn in_region(&self) -> bool {
        !self.regions.borrow().open.is_empty()
    }

    /// Records a mistake if the tensor, one of this graph, is of a region that has ended.
    #[track_caller]
    pub(crate) fn check_open(&self, op: &str, tensor: Tensor<'_>) {
        let ended = {
            let regions = self.regions.borrow();
            let frame = regions.values[tensor.value()];
            frame != 0 && !regions.open.contains(&frame)
        };
        if ended && self.owns(tensor) {
            self.record(
                op,
                format!("{tensor:?} is of a region that has ended, where it must be returned to be used outside"),
            );
        }
    }

    /// Gives a tensor a name, unless it has one.
    pub(crate) fn name_value(&self, value: Value, name: &str) {
        let mut regions = self.regions.borrow_mut();
        if regions.is_body(value) {
            self.builder.name(value, name);
        } else {
            regions.names.entry(value).or_insert_with(|| name.into());
        }
    }

    /// Begins a region: what is built from here on is in it.
    #[track_caller]
    pub(crate) fn open_region(&self, op: &str) -> Open {
        let mut regions = self.regions.borrow_mut();
        if regions.open.len() >= MAX_REGION_DEPTH {
            self.record(op, format!("regions nest deeper than {MAX_REGION_DEPTH}"));
        }
        regions.opened += 1;
        let frame = regions.opened;
        regions.open.push(frame);
        Open { frame, first: self.builder.function().insts().len(), params: Vec::new() }
    }

    /// Adds a parameter to the region that was opened last; `hint` is its name unless it gets one.
    pub(crate) fn region_param(&self, open: &mut Open, ty: Type, hint: &str) -> Tensor<'_> {
        if self.has_failed() {
            return self.placeholder();
        }
        let value = self.builder.param("_region", ty);
        let mut regions = self.regions.borrow_mut();
        regions.values[value] = open.frame;
        regions.hints.insert(value, hint.into());
        open.params.push(value);
        self.tensor(value)
    }

    /// Parameters like these tensors, called like them; `hint` is for those without a name.
    pub(crate) fn region_params<'g>(&'g self, open: &mut Open, like: &[Tensor<'_>], hint: &str) -> Vec<Tensor<'g>> {
        let mut params = Vec::with_capacity(like.len());
        for tensor in like {
            let name = tensor.name().unwrap_or_else(|| hint.into());
            params.push(self.region_param(open, tensor.ty(), &name));
        }
        params
    }

    /// Ends the region that was opened last, which yields these tensors.
    #[track_caller]
    pub(crate) fn close_region(&self, op: &str, open: Open, results: &[Tensor<'_>]) -> Closed {
        for result in results {
            if self.owns(*result) {
                self.check_open(op, *result);
            } else {
                self.record(op, "a tensor that a region returns belongs to another graph");
            }
        }
        let mut regions = self.regions.borrow_mut();
        regions.open.pop();
        let function = self.builder.function();
        let insts = function.insts()[open.first..].iter().copied().filter(|&inst| regions.insts[inst] == open.frame);
        let results = results.iter().map(|result| result.value()).collect();
        Closed { frame: open.frame, insts: insts.collect(), params: open.params, results }
    }

    /// What the regions capture together, each value once, in order of first use. Nothing after a mistake.
    pub(crate) fn captures(&self, closed: &[&Closed]) -> Vec<Tensor<'_>> {
        let mut found = Vec::new();
        if self.has_failed() {
            return found;
        }
        let (function, regions) = (self.builder.function(), self.regions.borrow());
        let mut seen = HashSet::new();
        for region in closed {
            let used = region.insts.iter().flat_map(|&inst| function.args(inst)).chain(&region.results);
            for &value in used {
                let free = regions.values[value] != region.frame && !is_cheap_literal(&function, value);
                if free && seen.insert(value) {
                    found.push(self.tensor(value));
                }
            }
        }
        found
    }

    /// Whether the value is known now, so that a region can make it again.
    pub(crate) fn is_literal(&self, tensor: Tensor<'_>) -> bool {
        literal(&self.builder.function(), tensor.value()).is_some()
    }

    /// The line where a region uses a value first, as an operand.
    pub(crate) fn first_use(&self, region: &Closed, value: Value) -> Option<Origin> {
        let function = self.builder.function();
        let user = region.insts.iter().find(|&&inst| function.args(inst).contains(&value))?;
        function.provenance(*user).origin.clone()
    }

    /// The region as a function of `params`, values of the region or captured ones, that returns `results`.
    #[track_caller]
    pub(crate) fn region_function(&self, region: &Closed, params: &[Value], results: &[Value]) -> Function {
        let origin = self.origin();
        if self.has_failed() {
            return Function::new("region");
        }
        let (function, regions) = (self.builder.function(), self.regions.borrow());
        let b = Builder::new(self.builder.module(), "region");
        let mut map = ValueMap::new();
        for (position, &param) in params.iter().enumerate() {
            let given = regions.name(param).or_else(|| function.value_name(param).map(|name| &**name));
            let name = given.map_or_else(|| format!("arg{position}"), Into::into);
            map.insert(param, b.param(&name, function.ty(param).clone()));
        }
        let repeat = |value: Value, map: &mut ValueMap| {
            if map.get(value).is_none()
                && let Some(inst) = literal(&function, value)
            {
                copy_inst(&b, &function, inst, map);
            }
        };
        for &inst in &region.insts {
            for &arg in function.args(inst) {
                repeat(arg, &mut map);
            }
            copy_inst(&b, &function, inst, &mut map);
            for &result in function.inst_results(inst) {
                if let (Some(name), Some(copy)) = (regions.name(result), map.get(result)) {
                    b.name(copy, name);
                }
            }
        }
        for &result in results {
            repeat(result, &mut map);
        }
        let results = map.expect_all(&b, results);
        match b.finish(&results) {
            Ok(function) => function,
            Err(error) => {
                drop((function, regions));
                self.record_at(&error.op, &error.message, error.origin.unwrap_or(origin));
                Function::new("region")
            }
        }
    }
}

/// The instruction that makes the value, if it makes it from nothing.
fn literal(function: &Function, value: Value) -> Option<Inst> {
    let inst = function.def_inst(value)?;
    matches!(function.op(inst), Op::Constant(_) | Op::Iota { .. }).then_some(inst)
}

/// Whether a region rather makes the value again than capture it: positions, and constants whose elements are all the same.
fn is_cheap_literal(function: &Function, value: Value) -> bool {
    literal(function, value).is_some_and(|inst| match function.op(inst) {
        Op::Constant(literal) => literal.as_splat().is_some(),
        op => matches!(op, Op::Iota { .. }),
    })
}
