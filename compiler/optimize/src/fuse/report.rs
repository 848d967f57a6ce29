//! Plans as text.
//!
//! A fused program prints as ordinary tensor IR, its instructions in order of the regions and a comment before each region: comments are not
//! read, so the dump feeds back in.

use std::collections::HashMap;

use cranelift_entity::{EntitySet, SecondaryMap};
use pullback_ir::print::{PrintOptions, function_with_comments, value_names};
use pullback_ir::rewrite::{ValueMap, copy_inst, copy_params};
use pullback_ir::{BuildError, Builder, Function, Inst, Module, Value};

use super::{FusionRegion, Plan, RegionKind};

/// The function with its instructions in order of the regions, and what each region does in comments.
///
/// # Errors
/// None for a verified function and its plan; a mistake would be a bug in fusion.
pub fn plan_to_string(module: &Module, function: &Function, plan: &Plan) -> Result<String, BuildError> {
    let b = Builder::new(module, &function.name);
    let mut map = ValueMap::new();
    copy_params(&b, function, &mut map);
    let names = Names::new(module, function);
    let reasons: HashMap<Value, &'static str> = plan.decisions.iter().map(|d| (d.value, d.reason)).collect();
    let mut comments: SecondaryMap<Inst, Option<String>> = SecondaryMap::new();
    let mut seen = EntitySet::new();
    for (number, region) in plan.regions.iter().enumerate() {
        let mut missing = region.members.clone();
        // What the region evaluates along the way and no region before it wrote down.
        let mut order = Vec::new();
        while let Some(inst) = missing.pop() {
            if !seen.insert(inst) {
                continue;
            }
            order.push(inst);
            let defs = function.args(inst).iter().filter(|&&arg| map.get(arg).is_none());
            missing.extend(defs.filter_map(|&arg| function.def_inst(arg)));
        }
        order.sort_unstable();
        for (position, inst) in order.into_iter().enumerate() {
            if position == 0 {
                // The builder's arena only grows, so this is the index of the next instruction.
                let next = Inst::from_u32(b.function().inst_count() as u32);
                comments[next] = Some(describe(number, function, region, &names, &reasons));
            }
            copy_inst(&b, function, inst, &mut map);
        }
    }
    for &inst in function.insts() {
        // Aliases and constants that only the caller reads.
        if function
            .inst_results(inst)
            .iter()
            .any(|&value| map.get(value).is_none() && function.results().contains(&value))
        {
            copy_inst(&b, function, inst, &mut map);
        }
    }
    let results = map.expect_all(&b, function.results());
    let fused = b.finish(&results)?;
    Ok(function_with_comments(module, &fused, PrintOptions::default(), &|inst| comments[inst].clone()))
}

fn describe(
    number: usize,
    function: &Function,
    region: &FusionRegion,
    names: &Names,
    reasons: &HashMap<Value, &'static str>,
) -> String {
    let kind = match region.kind {
        RegionKind::Loop => format!("loop over {}", region.domain),
        RegionKind::Assemble(inst) => function.op(inst).name().to_string(),
        RegionKind::Contraction(_) => "packed matrix product".to_string(),
    };
    let outputs: Vec<&str> = region.outputs.iter().map(|&value| names.of(value)).collect();
    let inner = region.members.len() - outputs.len();
    let bytes: usize = region
        .members
        .iter()
        .flat_map(|&inst| function.inst_results(inst))
        .filter(|&value| !region.outputs.contains(value))
        .map(|&value| function.ty(value).bytes())
        .sum();
    let mut text = format!("region {number}: {kind}, stores {}", outputs.join(", "));
    if inner > 0 {
        text.push_str(&format!("; {inner} values stay in registers, {bytes} bytes not stored"));
    }
    for (value, name) in region.outputs.iter().zip(outputs) {
        if let Some(reason) = reasons.get(value) {
            text.push_str(&format!("\n  {name} is stored: {reason}"));
        }
    }
    text
}

struct Names(SecondaryMap<Value, String>);

impl Names {
    fn new(module: &Module, function: &Function) -> Self {
        let mut names = SecondaryMap::new();
        for (value, name) in value_names(module, function) {
            names[value] = name;
        }
        Self(names)
    }

    fn of(&self, value: Value) -> &str {
        &self.0[value]
    }
}
