//! From a fusion plan to a loop program.
//!
//! One kernel per region; control flow becomes steps around the kernels of its own regions. Evaluation *pulls*: to store an output at a position, `eval` asks the
//! operation that defines it for its operands at the positions that the operation's index map gives, and so on down to loads
//! from buffers. Views therefore cost nothing but arithmetic on [`Affine`](crate::program::Affine) expressions, and an intermediate value exists only in a register.
//!
//! Every assignment is placed in the outermost loop whose counters it depends on (`nest`), which hoists whatever a broadcast makes
//! independent of the inner loops. A region is evaluated twice: once on paper, to see how its accesses move with each
//! axis, and then, with the [`schedule`](crate::schedule) chosen from that, for real.
//!
//! * `control`: loops and branches between kernels.
//! * `buffers`: where each value is in memory; arguments, results, aliases, copies. `reuse`: which values may share a place. `stacks`: states of loops that are rows of stacks. `layout`: how axes lie in memory.
//! * `nest`: the loops being built, and where assignments go.
//! * `eval`: the meaning of each operation as loads and arithmetic at a position.
//! * `reduce`: reductions and small contractions, as loops inside the position of their result.
//! * `indexing`: windows at positions known at run time.
//! * `region`: loops over a region's positions. `assemble`: results written in parts, and calls of the runtime. `cumulate`: prefix combinations.
//! * `contract`: large contractions, as calls of the packed kernel. `tiles`: several regions inside loops over blocks of positions.

mod assemble;
mod buffers;
mod contract;
mod control;
mod cumulate;
mod eval;
mod indexing;
mod layout;
mod nest;
mod parts;
mod reduce;
mod region;
mod reuse;
mod stacks;
mod tiles;

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

use cranelift_entity::EntitySet;
use pullback_ir::{Function, Inst, Op, Origin};
use pullback_optimize::fuse::{FusionRegion, Plan, RegionKind};

use crate::error::Error;
use crate::memory::plan_memory;
use crate::pack_operands::pack_operands;
use crate::program::{Kernel, Program, Space};
use crate::remove_dead::{remove_dead_stores, remove_unused_buffers};
use crate::step::Step;

use buffers::{Buffers, Copy, Location, Names, Places, root};
use tiles::{Tiling, aliases};

/// What a program is lowered for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Target {
    /// Bytes of the widest vectors: 16, 32 or 64.
    pub vector_bytes: usize,
}

impl Default for Target {
    /// Vectors of 16 bytes, which all targets have.
    fn default() -> Self {
        Self { vector_bytes: 16 }
    }
}

/// Lowers a verified function without calls, split into regions by `plan`. Sums are taken in an order that depends on shapes and on the target.
///
/// # Errors
/// [`Error::Limit`] if the program needs an arena larger than the address space allows; [`Error::Bug`] if the plan is not one
/// that [`pullback_optimize::fuse`] makes, or if no target has vectors of that many bytes.
pub fn lower(function: &Function, plan: &Plan, target: Target) -> Result<Program, Error> {
    lower_donating(function, plan, target, &[])
}

/// A parameter whose memory a result takes. Both have the same element type and number of elements, and the result is none of the parameters, nor an alias of one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Donation {
    /// The position of the parameter.
    pub param: usize,
    /// The position of the result.
    pub result: usize,
}

/// As [`lower`], with parameters whose memory results take, each at most once. The program has no input for such a parameter: the output holds it when the program
/// begins. Inputs are counted without them. What cannot be stored over a parameter, because that is still read then, is stored in the arena first and copied at the end.
///
/// # Errors
/// As [`lower`].
pub fn lower_donating(
    function: &Function,
    plan: &Plan,
    target: Target,
    donated: &[Donation],
) -> Result<Program, Error> {
    if !matches!(target.vector_bytes, 16 | 32 | 64) {
        let message = format!("vectors of {} bytes, expected 16, 32 or 64", target.vector_bytes);
        return Err(Error::Bug { stage: "lower", message });
    }
    let program = Program { name: function.name.clone(), ..Program::default() };
    let vector_bytes = target.vector_bytes;
    let mut session = Session { vector_bytes, program, kernels: KernelNames::default(), buffers: Names::default() };
    let places = session.signature(function, plan, donated);
    session.program.body = session.function(function, plan, &places)?;
    let mut program = session.program;
    remove_dead_stores(&mut program);
    remove_unused_buffers(&mut program);
    pack_operands(&mut program);
    plan_memory(&mut program)?;
    Ok(program)
}

/// What all levels of nesting share.
struct Session {
    /// Of the widest vectors.
    vector_bytes: usize,
    program: Program,
    kernels: KernelNames,
    buffers: Names,
}

impl Session {
    /// The caller's buffers. A result is called after the value that is stored there, if one is.
    fn signature(&mut self, function: &Function, plan: &Plan, donated: &[Donation]) -> Places {
        let Self { program, buffers, .. } = self;
        let place_of = |position| donated.iter().find(|donation| donation.param == position);
        let mut inputs = 0;
        let mut params: Vec<Option<Location>> = Vec::with_capacity(function.params().len());
        for (position, &param) in function.params().iter().enumerate() {
            params.push(place_of(position).is_none().then(|| {
                inputs += 1;
                Location::whole(buffers.buffer_for(function, program, param, Space::Input(inputs - 1)))
            }));
        }
        let mut named = EntitySet::new();
        let results = function.results().iter().enumerate();
        let results = results.map(|(position, &result)| {
            let root = root(function, result);
            let space = Space::Output(position);
            Location::whole(if plan.stored.contains(root) && named.insert(root) {
                buffers.buffer_for(function, program, root, space)
            } else {
                let ty = function.ty(result);
                buffers.buffer(program, &format!("result{position}"), (ty.dtype, ty.elements()), space)
            })
        });
        let results: Vec<Location> = results.collect();
        let given = donated.iter().filter_map(|donation| results.get(donation.result));
        program.donated.extend(given.map(|place| place.buffer));
        let params = params.into_iter().enumerate().filter_map(|(position, place)| {
            place.or_else(|| place_of(position).and_then(|donation| results.get(donation.result).cloned()))
        });
        Places { params: params.collect(), results }
    }

    /// The steps of a function whose parameters and results are in these places. The recursion is as deep as regions nest.
    fn function(&mut self, function: &Function, plan: &Plan, places: &Places) -> Result<Vec<Step>, Error> {
        let tilings: Vec<Tiling> = plan.tiles.iter().map(|group| Tiling::of(function, plan, group)).collect();
        let local =
            tilings.iter().flat_map(|tiling| &tiling.local).map(|(&value, &elements)| (value, elements)).collect();
        let mut buffers = Buffers::assign(function, plan, places, &local, (&mut self.buffers, &mut self.program))?;
        let mut groups = plan.tiles.iter().zip(&tilings).peekable();
        let aliases = aliases(function);
        let mut steps = Vec::new();
        let mut next = 0;
        while let Some(region) = plan.regions.get(next) {
            if let Some((group, tiling)) = groups.next_if(|(group, _)| group.regions.start == next) {
                steps.extend(self.tiles(function, plan, (group, tiling), &aliases, &mut buffers)?);
                next = group.regions.end;
                continue;
            }
            next += 1;
            let body = match region.kind {
                RegionKind::Loop | RegionKind::Assemble(_) => {
                    region::lower(function, plan, &buffers, region, None, self)?
                }
                RegionKind::Contraction(inst) => contract::lower(function, &buffers, inst, None, &mut self.program)?,
                RegionKind::Control(inst) => {
                    let nested = plan.nested.get(&inst).map_or(&[][..], Vec::as_slice);
                    steps.extend(self.control(function, &buffers, inst, nested)?);
                    continue;
                }
            };
            if !body.is_empty() {
                let name = self.kernels.of(function, region);
                steps.push(Step::Kernel(Kernel { name, about: about(function, region), body }));
            }
        }
        steps.extend(self.copies(&buffers.copies, "result"));
        Ok(steps)
    }

    /// One kernel that makes the copies in order, if they are of anything.
    fn copies(&mut self, copies: &[Copy], what: &str) -> Option<Step> {
        let Self { vector_bytes, program, .. } = self;
        let body: Vec<_> = copies.iter().flat_map(|copy| region::copy(copy, *vector_bytes, program)).collect();
        if body.is_empty() {
            return None;
        }
        let name = self.kernels.unique(format!("copy_{what}").into());
        Some(Step::Kernel(Kernel { name, about: "copy".into(), body }))
    }
}

/// Kernel names: the first stored value's, made unique.
#[derive(Default)]
struct KernelNames(HashMap<Arc<str>, u32>);

impl KernelNames {
    fn of(&mut self, function: &Function, region: &FusionRegion) -> Arc<str> {
        let named = region.outputs.iter().find_map(|&value| function.value_name(value).cloned());
        let op = region.outputs.first().and_then(|&value| function.def_inst(value));
        self.unique(
            named.unwrap_or_else(|| op.map_or("kernel", |inst| function.op(inst).name()).replace(' ', "_").into()),
        )
    }

    fn unique(&mut self, base: Arc<str>) -> Arc<str> {
        let count = self.0.entry(base.clone()).or_insert(0);
        *count += 1;
        if *count == 1 {
            return base;
        }
        // Names given by values may end in a number themselves, so look again for a free one.
        let name: Arc<str> = format!("{base}.{count}").into();
        self.unique(name)
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
