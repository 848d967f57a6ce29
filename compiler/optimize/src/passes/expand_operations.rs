//! Expands operations: those that are compositions of others become these compositions.
//!
//! Why: rules, fusion, lowering and code generation know fewer operations. Here a maximum over windows is a reduction of a *view* of windows, which
//! fuses as every reduction does, and a convolution is a contraction, which reaches the packed kernel.
//!
//! | operation | becomes |
//! |---|---|
//! | `argmax`, `argmin` | the extremum, the positions equal to it, the least of these |
//! | `reduce_window` | `pad` with the identity, `windows`, a reduction over the positions in a window |
//! | `select_and_scatter` | the position of the first extremum of each window, `scatter add` |
//! | `conv` | `pad`, `windows`, `dot` |
//! | `top_k` | `sort` with the positions, `slice`; for `k = 1` the extremum and its position |
//! | `random_bits` | the rounds of Threefry on the elements' numbers |
//!
//! Differentiation and rules come before: the derivative of `conv` is a `conv`. Regions are expanded too.
//!
//! Before: no constraint. After: none of these operations.

mod arg_reduce;
mod conv;
mod pooling;
mod random;

use pullback_ir::rewrite::{ValueMap, copy_inst, copy_params, map_results};
use pullback_ir::{Builder, Function, Inst, Module, Op, Value, Verified};

use crate::pass::{Changed, Error, Pass};
use crate::regions::at_every_level;

/// The pass.
pub static EXPAND_OPERATIONS: Pass = Pass {
    name: "expand_operations",
    about: "take apart operations that are compositions of others",
    may_change: has_compositions,
    waits: false,
    run: expand_operations,
};

/// As the pass, which has to run before fusion whatever the pipeline.
///
/// # Errors
/// [`Error::TooLarge`] if the tensor of the windows of an operation has more axes or elements than a tensor may have.
pub fn expand_operations<'f>(module: &Verified<Module>, function: &'f Function) -> Result<Changed<'f>, Error> {
    if !has_compositions(function) {
        return Ok(Changed::Borrowed(function));
    }
    at_every_level(EXPAND_OPERATIONS.name, module, function, &mut |level| expand_level(module, level))
}

fn has_compositions(function: &Function) -> bool {
    function.all_insts().iter().any(|&inst| is_composition(function.op(inst)))
}

fn expand_level<'f>(module: &Verified<Module>, function: &'f Function) -> Result<Changed<'f>, Error> {
    if !function.insts().iter().any(|&inst| is_composition(function.op(inst))) {
        return Ok(Changed::Borrowed(function));
    }
    let b = Builder::new(module, &function.name);
    let mut map = ValueMap::new();
    copy_params(&b, function, &mut map);
    for &inst in function.insts() {
        let args = map.expect_all(&b, function.args(inst));
        b.set_provenance(function.provenance(inst).clone());
        match expansion(&b, function, inst, &args) {
            Ok(Some(results)) => map_results(&b, function, inst, &results, &mut map),
            Ok(None) => copy_inst(&b, function, inst, &mut map),
            Err(TooLarge(what)) => {
                let place = match &function.provenance(inst).origin {
                    Some(origin) => format!(" at {origin}"),
                    None => String::new(),
                };
                return Err(Error::TooLarge(format!("{}{place}: {what}", function.op(inst).name())));
            }
        }
    }
    let results = map.expect_all(&b, function.results());
    b.finish(&results).map(Changed::Owned).map_err(|error| Error::bug(EXPAND_OPERATIONS.name, error))
}

/// Why an operation cannot be expanded.
pub(super) struct TooLarge(String);

const fn is_composition(op: &Op) -> bool {
    matches!(
        op,
        Op::ArgReduce { .. }
            | Op::ReduceWindow { .. }
            | Op::SelectAndScatter { .. }
            | Op::Conv(_)
            | Op::TopK { .. }
            | Op::RandomBits(_)
    )
}

/// The values of an instruction by other operations; `None` if it is not such a composition.
fn expansion(b: &Builder<'_>, function: &Function, inst: Inst, args: &[Value]) -> Result<Option<Vec<Value>>, TooLarge> {
    let value = match (function.op(inst), args) {
        (Op::ArgReduce { kind, axis, dtype }, &[x]) => arg_reduce::arg_reduce(b, x, *kind, *axis, *dtype),
        (Op::ReduceWindow { kind, spec }, &[x]) => pooling::reduce_window(b, x, *kind, spec)?,
        (Op::SelectAndScatter { kind, spec }, &[x, source]) => pooling::select_and_scatter(b, x, source, *kind, spec)?,
        (Op::Conv(spec), &[x, kernel]) => conv::conv(b, x, kernel, spec)?,
        (Op::RandomBits(ty), &[key]) => random::bits(b, key, ty),
        (Op::TopK { k }, &[x]) => return Ok(Some(arg_reduce::top_k(b, x, *k))),
        _ => return Ok(None),
    };
    Ok(Some(vec![value]))
}
