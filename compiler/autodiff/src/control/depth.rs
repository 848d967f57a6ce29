//! How deep regions nest in what reverse mode makes: some loops become several in each other, and an instruction nests only so deep.
//!
//! Checked before anything is built, so that what is built has no such limit to think of.

use pullback_ir::op::MAX_REGION_DEPTH;
use pullback_ir::{Checkpointing, Function, Op, Region};

use crate::error::Error;

/// Refuses a function whose regions would nest too deep when it is split or transposed.
pub(crate) fn check_depth(function: &Function) -> Result<(), Error> {
    let depth = depth_of(function, function.body_region());
    if depth <= MAX_REGION_DEPTH {
        return Ok(());
    }
    Err(Error::TooLarge {
        function: function.name.clone(),
        message: format!(
            "the loops and branches of its derivative in reverse mode would nest {depth} deep, at most {MAX_REGION_DEPTH} are supported; \
             nest fewer, or give no checkpoint policy: a while counts twice, and a policy adds up to three"
        ),
    })
}

fn depth_of(function: &Function, region: Region) -> usize {
    let insts = function.region(region).insts.iter();
    let depths = insts.map(|&inst| {
        let inner =
            function.inst_regions(inst).iter().map(|&region| levels(function.op(inst)) + depth_of(function, region));
        inner.max().unwrap_or(0)
    });
    depths.max().unwrap_or(0)
}

/// The levels that an instruction with regions becomes.
const fn levels(op: &Op) -> usize {
    match op {
        Op::Scan(spec) => match spec.checkpoint {
            Checkpointing::Store => 1,
            // The body runs in a checkpoint.
            Checkpointing::Recompute => 2,
            // Chunks, in a checkpoint, of iterations.
            Checkpointing::Every(steps) if steps >= spec.length => 1,
            Checkpointing::Every(_) => 3,
            Checkpointing::Binomial(slots) if slots >= spec.length => 1,
            // The reverse pass, a loop that fills slots, and one that runs iterations again, all in a transpose rule.
            Checkpointing::Binomial(_) => 4,
        },
        // A branch in a loop.
        Op::While(_) => 2,
        Op::Cond | Op::Switch | Op::Checkpoint | Op::CustomDerivative(_) | Op::TransposeRule { .. } => 1,
        // Without regions.
        _ => 0,
    }
}
