//! From a fusion plan to a loop program.
//!
//! One kernel per region. Evaluation *pulls*: to store an output at a position, `eval` asks the
//! operation that defines it for its operands at the positions that the operation's index map gives, and so on down to loads
//! from buffers. Views therefore cost nothing but arithmetic on [`Affine`](crate::program::Affine) expressions, and an intermediate value exists only in a register.
//!
//! Every assignment is placed in the outermost loop whose counters it depends on (`nest`), which hoists whatever a broadcast makes
//! independent of the inner loops. A region is evaluated twice: once on paper, to see how its accesses move with each
//! axis, and then, with the [`schedule`](crate::schedule) chosen from that, for real.
//!
//! * `buffers`: which buffer holds which value; arguments, results, aliases, copies.
//! * `nest`: the loops being built, and where assignments go.
//! * `eval`: the meaning of each operation as loads and arithmetic at a position.
//! * `reduce`: reductions and small contractions, as loops inside the position of their result.
//! * `region`: loops over a region's positions.
//! * `contract`: large contractions, as calls of the packed kernel.

mod buffers;
mod contract;
mod eval;
mod nest;
mod reduce;
mod region;

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

use pullback_ir::{Function, Inst, Op, Origin};
use pullback_optimize::fuse::{FusionRegion, Plan, RegionKind};

use crate::error::Error;
use crate::memory::plan_memory;
use crate::program::{Kernel, Program};

use buffers::Buffers;

/// Lowers a verified function without calls, split into regions by `plan`.
///
/// # Errors
/// [`Error::Limit`] if the program needs an arena larger than the address space allows; [`Error::Bug`] if the plan is not one
/// that [`pullback_optimize::fuse`] makes.
pub fn lower(function: &Function, plan: &Plan) -> Result<Program, Error> {
    let mut program = Program { name: function.name.clone(), ..Program::default() };
    let buffers = Buffers::assign(function, plan, &mut program)?;
    let mut names = KernelNames::default();
    for region in &plan.regions {
        let body = match region.kind {
            RegionKind::Loop | RegionKind::Assemble(_) => {
                region::lower(function, plan, &buffers, region, &mut program)?
            }
            RegionKind::Contraction(inst) => contract::lower(function, &buffers, inst, &mut program)?,
        };
        if !body.is_empty() {
            program.kernels.push(Kernel { name: names.of(function, region), about: about(function, region), body });
        }
    }
    for (number, copy) in buffers.copies.iter().enumerate() {
        let body = region::copy(copy, &mut program);
        if !body.is_empty() {
            program.kernels.push(Kernel { name: format!("copy_result_{number}").into(), about: "copy".into(), body });
        }
    }
    plan_memory(&mut program)?;
    Ok(program)
}

/// Kernel names: the first stored value's, made unique.
#[derive(Default)]
struct KernelNames(HashMap<Arc<str>, u32>);

impl KernelNames {
    fn of(&mut self, function: &Function, region: &FusionRegion) -> Arc<str> {
        let named = region.outputs.iter().find_map(|&value| function.value_name(value).cloned());
        let op = region.outputs.first().and_then(|&value| function.def_inst(value));
        let base: Arc<str> =
            named.unwrap_or_else(|| op.map_or("kernel", |inst| function.op(inst).name()).replace(' ', "_").into());
        let count = self.0.entry(base.clone()).or_insert(0);
        *count += 1;
        if *count == 1 {
            return base;
        }
        // Names given by values may end in a number themselves, so look again for a free one.
        let name: Arc<str> = format!("{base}.{count}").into();
        self.0.insert(name.clone(), 1);
        name
    }
}

/// What a kernel does and where it came from, for dumps: operations by count, then the source positions of the outputs.
fn about(function: &Function, region: &FusionRegion) -> String {
    let mut counts: Vec<(&str, u32)> = Vec::new();
    for &inst in &region.members {
        let name = function.op(inst).name();
        match counts.iter_mut().find(|entry| entry.0 == name) {
            Some(entry) => entry.1 += 1,
            None => counts.push((name, 1)),
        }
    }
    let ops: Vec<String> =
        counts.iter().map(|&(name, count)| if count == 1 { name.into() } else { format!("{count} {name}") }).collect();
    let mut text = ops.join(", ");
    let last = region.outputs.last().and_then(|&value| function.def_inst(value));
    if let Some(provenance) = last.map(|inst| function.provenance(inst)) {
        if let Some(Origin::File { file, line, .. }) = &provenance.origin {
            let _ = write!(text, " at {file}:{line}");
        }
        if let Some(derivation) = &provenance.derivation {
            let _ = write!(text, " ({} %{})", derivation.rule, derivation.primal);
        }
    }
    text
}

/// A plan or a function that is not what it should be: a mistake in the compiler.
fn bug(function: &Function, inst: Inst, message: &str) -> Error {
    let op: &Op = function.op(inst);
    Error::Bug { stage: "lower", message: format!("{}: {message}", op.name()) }
}
