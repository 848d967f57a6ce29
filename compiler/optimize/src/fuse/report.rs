//! Plans as text.
//!
//! A fused program prints as ordinary tensor IR, its instructions in order of the regions and a comment before each region, and before the first of those that run together
//! in tiles: comments are not read, so the dump feeds back in.

use std::collections::HashMap;

use cranelift_entity::{EntitySet, SecondaryMap};
use pullback_ir::print::{PrintOptions, function_with_comments, value_names};
use pullback_ir::rewrite::{ValueMap, copy_inst, copy_params, map_results};
use pullback_ir::{BuildError, Builder, Function, Inst, Module, Value};

use super::{FusionRegion, Plan, RegionKind, TileGroup, TileRole};

/// The function with its instructions in order of the regions, and what each region does in comments; so in nested code too.
///
/// # Errors
/// None for a verified function and its plan; a mistake would be a bug in fusion.
pub fn plan_to_string(module: &Module, function: &Function, plan: &Plan) -> Result<String, BuildError> {
    let fused = arrange(module, function, plan)?;
    let mut comments = SecondaryMap::new();
    place_comments(&fused.function, fused.function.insts(), &fused, &mut comments);
    Ok(function_with_comments(module, &fused.function, PrintOptions::default(), &|inst| comments[inst].clone()))
}

/// A function in order of its regions.
struct Arranged {
    function: Function,
    /// What is said before instructions, by position.
    comments: Vec<(usize, String)>,
    /// What the regions of instructions were made from, by position.
    nested: Vec<(usize, Vec<Arranged>)>,
}

fn arrange(module: &Module, function: &Function, plan: &Plan) -> Result<Arranged, BuildError> {
    let b = Builder::new(module, &function.name);
    let mut map = ValueMap::new();
    copy_params(&b, function, &mut map);
    let names = Names::new(module, function);
    let reasons: HashMap<Value, &'static str> = plan.decisions.iter().map(|d| (d.value, d.reason)).collect();
    let (mut comments, mut nested) = (Vec::new(), Vec::new());
    let mut seen = EntitySet::new();
    let (mut position, mut count) = (0, 0);
    let mut groups = plan.tiles.iter().peekable();
    let mut group = String::new();
    let mut copy = |inst: Inst, map: &mut ValueMap| -> Result<(), BuildError> {
        if let Some(regions) = plan.nested.get(&inst) {
            let regions = regions.iter().map(|nested| arrange(module, &nested.function, &nested.plan));
            let regions = regions.collect::<Result<Vec<_>, _>>()?;
            let functions: Vec<Function> = regions.iter().map(|region| region.function.clone()).collect();
            let args = map.expect_all(&b, function.args(inst));
            b.set_provenance(function.provenance(inst).clone());
            let results = b.emit_structured(function.op(inst).clone(), &args, &functions);
            map_results(&b, function, inst, &results, map);
            nested.push((count, regions));
        } else {
            copy_inst(&b, function, inst, map);
        }
        count += 1;
        Ok(())
    };
    for (number, region) in plan.regions.iter().enumerate() {
        if let Some(tiles) = groups.next_if(|tiles| tiles.regions.start == number) {
            group = describe_tiles(function, tiles, &names);
        }
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
        if !order.is_empty() {
            let region = describe(number, function, region, &names, &reasons);
            comments.push((position, std::mem::take(&mut group) + &region));
        }
        position += order.len();
        order.into_iter().try_for_each(|inst| copy(inst, &mut map))?;
    }
    for &inst in function.insts() {
        // Aliases and constants that only the caller reads.
        if function
            .inst_results(inst)
            .iter()
            .any(|&value| map.get(value).is_none() && function.results().contains(&value))
        {
            copy(inst, &mut map)?;
        }
    }
    let results = map.expect_all(&b, function.results());
    Ok(Arranged { function: b.finish(&results)?, comments, nested })
}

/// Gives the comments to the instructions of the whole function, of which `insts` are those of one region.
fn place_comments(
    function: &Function,
    insts: &[Inst],
    arranged: &Arranged,
    comments: &mut SecondaryMap<Inst, Option<String>>,
) {
    for (position, comment) in &arranged.comments {
        if let Some(&inst) = insts.get(*position) {
            comments[inst] = Some(comment.clone());
        }
    }
    for (position, nested) in &arranged.nested {
        let regions = insts.get(*position).map_or(&[][..], |&inst| function.inst_regions(inst));
        for (&region, arranged) in regions.iter().zip(nested) {
            place_comments(function, &function.region(region).insts, arranged, comments);
        }
    }
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
        RegionKind::Control(inst) => function.op(inst).name().to_string(),
    };
    let outputs: Vec<&str> = region.outputs.iter().map(|&value| names.of(value)).collect();
    let stored = |inst| function.inst_results(inst).iter().any(|value| region.outputs.contains(value));
    let inner = region.members.iter().filter(|&&inst| !stored(inst)).count();
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

/// What runs tile by tile, and what that saves; ends its last line.
fn describe_tiles(function: &Function, group: &TileGroup, names: &Names) -> String {
    let extents: Vec<String> = group.extents.iter().map(ToString::to_string).collect();
    let threads = if group.parallel { "on several threads" } else { "on one thread" };
    let mut text = format!("tiles over {} {threads}", extents.join(" x "));
    if group.regions.len() == 1 {
        return format!("{text}: region {}\n", group.regions.start);
    }
    let (first, last) = (group.regions.start, group.regions.end - 1);
    text.push_str(&format!(": regions {first} to {last}, {} bytes of traffic saved\n", group.saved_bytes));
    for (number, roles) in group.regions.clone().zip(&group.roles) {
        let role = |role: &TileRole| match role {
            TileRole::Axis(axis) => format!("along axis {axis}"),
            TileRole::Folded(axis) => format!("folds axis {axis} of those it folds"),
        };
        let roles: Vec<String> = roles.iter().map(role).collect();
        text.push_str(&format!("  in region {number}: {}\n", roles.join(", ")));
    }
    let local = group.axes.keys().filter(|&&value| group.local.contains(value));
    let local: Vec<String> =
        local.map(|&value| format!("{} ({} bytes)", names.of(value), function.ty(value).bytes())).collect();
    if !local.is_empty() {
        text.push_str(&format!("  in memory one tile at a time: {}\n", local.join(", ")));
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
